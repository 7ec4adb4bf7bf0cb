/*
 * site: what one site file describes: its places, databases, stores, disks,
 * services, policies and people. Read once, then constant.
 *
 *	struct site s = { 0 };
 *	if (!site_load(&s, "midwatch.cfg"))
 *		for (size_t i = 0; i < s.doc.problems.n; i++)
 *			fprintf(stderr, "%s\n", s.doc.problems.v[i].text);
 *	for (size_t i = 0; i < site_dbs(&s); i++)
 *		use(site_db_at(&s, i)->name);
 *	site_release(&s);
 *
 * A site that loaded is whole: every name that points somewhere does, defaults
 * are filled in. Strings that were not given are NULL; everything lives until
 * site_release(). `at = "here"` reads as NULL: this host. Paths of this host
 * are absolute; paths at a place stand as they were written (relative: to the
 * login's home there). Commands run in s.doc.dir, the file's own folder.
 */
#ifndef SITE_SITE_H
#define SITE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/sha.h"

/* Occasions on which people are told (comms.contacts.on). */
#define SITE_TRIGGERS(X)						\
	X(OPEN, "open")							\
	X(UPDATE, "update")						\
	X(RESOLVE, "resolve")						\
	X(CLOSE, "close")						\
	X(ESCALATE, "escalate")						\
	X(EMERGENCY_BACKUP_FAILED, "emergency-backup-failed")		\
	X(VALIDATION_FAILED, "validation-failed")			\
	X(SEV_0, "sev-0")						\
	X(DATA_RISK, "data-risk")					\
	X(DOWNTIME, "downtime")						\
	X(DISK_WARN, "disk-warn")					\
	X(DISK_HIGH, "disk-high")					\
	X(DISK_CRITICAL, "disk-critical")				\
	X(LOGIN_FAILED, "login-failed")					\
	X(NIGHTLY_OK, "nightly-ok")					\
	X(NIGHTLY_FAILED, "nightly-failed")				\
	X(NIGHTLY_MISSED, "nightly-missed")				\
	X(SIZE_ANOMALY, "size-anomaly")					\
	X(RESTORE_TEST_FAILED, "restore-test-failed")			\
	X(SCHEMA_UNREADABLE, "schema-unreadable")

#define SITE_TRIGGER_ENUM_(id, word) SITE_TRIGGER_##id,
enum site_trigger {
	SITE_TRIGGERS(SITE_TRIGGER_ENUM_)
	SITE_TRIGGER_COUNT
};
#undef SITE_TRIGGER_ENUM_

extern const char *const site_triggers[SITE_TRIGGER_COUNT + 1];

enum { SITE_HOPS = 8 };		/* from a place to what it stands on */

enum site_runtime { SITE_DOCKER, SITE_PODMAN };
enum site_images { SITE_IMAGES_DANGLING, SITE_IMAGES_UNUSED };

/* A host over SSH (`ssh`, perhaps `via` another), or a container `at` a place. */
struct site_place {
	int line;
	char *name;
	char *ssh;		/* as written; NULL: a container */
	char *ssh_user;		/* NULL: the one who runs us */
	char *ssh_host;
	int64_t port;		/* 22 */
	char *identity;
	char *known_hosts;
	char *via;
	char *at;		/* of a container; NULL: here */
	char *container;
	int runtime;		/* enum site_runtime */
};

/* The way in when the login is broken; line 0: there is none. */
struct site_superuser {
	int line;
	char *at;		/* psql there; NULL: here, to host */
	char *user;		/* postgres */
	char *host;		/* NULL: the server's own socket */
	int64_t port;		/* the database's */
};

struct site_rotate {
	int line;		/* 0: the password is not ours to change */
	char *role;		/* the database's user */
	struct conf_strs update;	/* site_where() takes them apart */
};

struct site_db {
	int line;
	char *name;
	struct conf_strs aka;
	char *host;		/* NULL: the local socket */
	int64_t port;		/* 5432 */
	char *dbname;		/* the name */
	char *user;		/* NULL: the one who runs us */
	char *passfile;
	char *through;		/* a place: SSH tunnel */
	bool legacy;
	int sslmode;		/* index of site_sslmodes */
	char *sslrootcert;
	char *dump_at;		/* a place; NULL: here */
	char *dump_host;	/* as seen from there; NULL: host */
	struct site_superuser superuser;
	struct conf_strs password_from;	/* "env:NAME", "file:PATH" */
	struct site_rotate rotate;
};

/* libpq's words; [0] is "prefer", its own default. */
extern const char *const site_sslmodes[];

struct site_component {
	int line;
	char *name;
	char *at;
	struct conf_strs files;		/* either these */
	struct conf_cmd command;	/* or this one's output */
	int64_t min_size;
};

struct site_store {
	int line;
	char *name;
	char *at;
	char *path;
};

struct site_disk {
	int line;
	char *name;
	char *at;
	char *path;
	int64_t warn, high, critical;	/* percent: 70, 85, 95 */
};

struct site_service {
	int line;
	char *name;
	char *at;
	struct conf_cmd check;
};

struct site_log {
	int line;
	char *name;
	char *at;
	char *path;
};

struct site_emergency {
	int line;
	struct conf_strs to;		/* backup.to */
};

struct site_backup {
	int line;
	struct conf_strs to;		/* all must be verified */
	struct conf_strs also;		/* failing is a warning */
	int64_t min_free;		/* bytes */
	int64_t min_free_percent;
	int64_t size_change;		/* percent that is normal: 30 */
	int64_t store_patience_ms;	/* 2m */
	bool globals;			/* true */
	struct site_emergency emergency;
	struct conf_strs orphans;	/* patterns of names */
	struct conf_cmd heartbeat;	/* after a proven nightly; else */
	char *heartbeat_url;		/* https, a secret; or */
	char *heartbeat_url_file;	/* the file that holds it */
};

struct site_retention {
	int line;
	int64_t daily, weekly;		/* 7, 4 */
	int64_t emergency_ms;		/* 30d */
};

struct site_schedule {
	int line;
	int64_t nightly;		/* minutes after midnight, site time;
					 * -1: not stated */
	int64_t window_ms;		/* 90m */
	int64_t rpo_ms, rto_ms;		/* 24h, 4h */
	int64_t dry_run_every_ms;	/* 6h */
	int64_t restore_test_every_ms;	/* 7d */
};

struct site_freeze {
	int line;
	struct conf_cmd on, off, check;
	bool block_ddl;
	int64_t timeout_ms;		/* of on and off: 30s */
};

/* Where the pre-check's commands run instead of here. */
struct site_compose {
	int line;			/* 0: here */
	char *dir;			/* of the compose file: the site file's */
	char *service;
};

struct site_precheck {
	int line;
	struct conf_strs commands;	/* each for the shell */
	int64_t timeout_ms;		/* of each: 2m */
	struct site_compose compose;
};

struct site_docker {
	int line;			/* 0: docker is not ours to clean */
	char *at;
	int64_t until_ms;		/* 24h */
	int images;			/* enum site_images */
	int runtime;			/* enum site_runtime */
};

struct site_cleanup {
	int line;
	struct conf_strs paths;		/* site_where() takes them apart */
	int64_t older_ms;		/* 24h: what is younger stays there */
	struct site_docker docker;
};

/* Told by `tell`, else by its address, else by `second`, else by hand. */
struct site_contact {
	int line;
	char *who;
	char *phone;
	char *role;
	struct conf_strs on;
	uint32_t triggers;		/* the same as bits: 1u << trigger */
	struct conf_cmd tell;		/* JSON on its standard input */
	char *url;			/* https, a secret; or */
	char *url_file;			/* the file that holds it */
	struct conf_cmd second;		/* as tell */
	char *next;			/* who; NULL: the next in the file */
	int64_t next_after_ms;		/* 0: nobody is next */
	bool only_regulated;
};

struct site_comms {
	int line;
	int64_t update_every_ms;	/* 15m */
	int64_t timeout_ms;		/* 20s, of one hook */
	char *ca_file;			/* NULL: the system's */
	struct conf_list contacts;	/* struct site_contact */
};

struct site {
	struct conf_doc doc;		/* .problems, .dir */
	char *path;			/* of the file, absolute */
	char sha[SHA_HEX];		/* of its bytes */

	int file_line;			/* the tables count from here */
	int line;			/* group site */
	char *name;
	char *timezone;			/* UTC */
	char *environment;		/* production */
	char *runbook;
	char *state;			/* NULL: the usual folder */
	char *second;			/* folder of the second journal */
	char *group;
	char *channel;
	struct conf_strs regulated;

	struct conf_list places, databases, components, stores, disks,
	    services, logs;		/* use the functions below */
	struct site_backup backup;
	struct site_retention retention;
	struct site_schedule schedule;
	struct site_freeze freeze;
	struct site_precheck precheck;
	struct site_cleanup cleanup;
	struct site_comms comms;
};

/* False when there is any problem; s->doc.problems has all of them, by line.
 * Either way s is to be released. */
bool site_load(struct site *s, const char *path);
/* The same from bytes; path names them in messages. */
bool site_parse(struct site *s, const char *path, const void *p, size_t n);
void site_release(struct site *s);

/*
 * The site file's path, put into out: the option (NULL: none), else
 * $MIDWATCH_CONFIG, ./midwatch.cfg, ~/.config/midwatch/midwatch.cfg,
 * /etc/midwatch/midwatch.cfg. NULL: a named one is not there (ERR_USAGE) or
 * there is none (ERR_NOTFOUND).
 */
const char *site_find(const char *config_option, struct buf *out,
    struct err *e);

/* How many; the i-th; by name (a database also by aka), NULL: unknown. */
size_t site_places(const struct site *s);
size_t site_dbs(const struct site *s);
size_t site_components(const struct site *s);
size_t site_stores(const struct site *s);
size_t site_disks(const struct site *s);
size_t site_services(const struct site *s);
size_t site_logs(const struct site *s);
size_t site_contacts(const struct site *s);

const struct site_place *site_place_at(const struct site *s, size_t i);
const struct site_db *site_db_at(const struct site *s, size_t i);
const struct site_component *site_component_at(const struct site *s, size_t i);
const struct site_store *site_store_at(const struct site *s, size_t i);
const struct site_disk *site_disk_at(const struct site *s, size_t i);
const struct site_service *site_service_at(const struct site *s, size_t i);
const struct site_log *site_log_at(const struct site *s, size_t i);
const struct site_contact *site_contact_at(const struct site *s, size_t i);

const struct site_place *site_place(const struct site *s, const char *name);
const struct site_db *site_db(const struct site *s, const char *name);
const struct site_component *site_component(const struct site *s,
    const char *name);
const struct site_store *site_store(const struct site *s, const char *name);
const struct site_disk *site_disk(const struct site *s, const char *name);
const struct site_service *site_service(const struct site *s,
    const char *name);
const struct site_log *site_log(const struct site *s, const char *name);
const struct site_contact *site_contact(const struct site *s,
    const char *who);

/* What was typed is none of these: so much is said, with the nearest and with all
 * that there are. Always false. */
enum site_what { SITE_DATABASE = 1, SITE_COMPONENT = 2, SITE_STORE = 4 };
bool site_lacks(const struct site *s, unsigned what, const char *name,
    struct err *e);

/* "bastion:~/.pgpass": the path, and its place in *ret_place (NULL: here). */
const char *site_where(const struct site *s, const char *spec,
    const struct site_place **ret_place);

#endif
