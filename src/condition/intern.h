/*
 * The table of questions, shared by the parser (condition.c) and the answers
 * (ask.c). Columns: id, pattern, whether it may carry `since-open` and `within
 * DURATION`, how it is answered, what it reads, and what it asks.
 *
 * Words in capitals are arguments. DB, PART (a database or a component), DISK,
 * STORE, SERVICE, PLACE, STEP and ROLE become cond.name; SEVERITY, TRIGGER, PATH
 * and the a|b|c choices cond.word; PERCENT, SIZE and DURATION cond.number.
 */
#ifndef CONDITION_INTERN_H
#define CONDITION_INTERN_H

#include "condition/condition.h"

#define CONDITIONS(X)							\
	X(FROZEN, "frozen", false, ask_frozen, "the freeze",		\
	    "deployments and migrations stand still")			\
	X(LOGIN, "login DB", false, ask_seen, "logins",		\
	    "the backup login of that database works")			\
	X(LOGINS, "every login", false, ask_seen, "logins",		\
	    "the backup login of every database works")			\
	X(BACKUP, "backup PART sent|verified|restorable", true,		\
	    ask_seen, "backups",					\
	    "it has a copy that is at least so well proven")		\
	X(BACKUPS, "every database sent|verified|restorable", true,	\
	    ask_seen, "backups", "the same, for every database")	\
	X(PARTS, "every component verified", true, ask_seen, "backups", \
	    "every database and component has a verified copy")		\
	X(DISK, "disk DISK below PERCENT", false, ask_seen, "disks",	\
	    "that disk is less full than this, as df counts")		\
	X(DISKS, "every disk below PERCENT", false, ask_seen, "disks",	\
	    "every disk of the site is less full than this")		\
	X(DISK_FREE, "disk DISK free SIZE", false, ask_seen, "disks",	\
	    "that disk has at least so much room")			\
	X(INODES, "inodes DISK below PERCENT", false, ask_seen, "disks", \
	    "that disk has used fewer of its inodes than this")		\
	X(STORE, "store STORE reachable", false, ask_seen, "stores",	\
	    "the store can be listed")					\
	X(STORE_ROOM, "store STORE room SIZE", false, ask_seen, "stores", \
	    "the store has at least so much room")			\
	X(STORES_ROOM, "every store room SIZE", false, ask_seen, "stores", \
	    "every store has at least so much room")			\
	X(NIGHTLY, "nightly passed", true, ask_seen, "nightly runs",	\
	    "the real nightly job has ended well")			\
	X(SCHEDULE, "schedule right", false, ask_seen, "the schedule",	\
	    "the nightly really runs at the site's hour")		\
	X(UPLOADS, "uploads verified", true, ask_seen, "uploads",	\
	    "every store holds what was sent to it, read back")		\
	X(RESTORE_TEST, "restore-test passed", true, ask_seen,		\
	    "restore tests", "the regular restore test has ended well")	\
	X(SIZE_NORMAL, "size PART normal", false, ask_seen, "size histories", \
	    "its newest copy is as big as they usually are")		\
	X(SIZES_NORMAL, "every size normal", false, ask_seen,		\
	    "size histories", "the same, for everything that is backed up") \
	X(SERVICES, "services up", false, ask_seen, "services",	\
	    "the check of every service ends with 0")			\
	X(SERVICE, "service SERVICE up", false, ask_seen, "services", \
	    "the check of that service ends with 0")			\
	X(PLACE, "place PLACE reachable", false, ask_seen, "places",	\
	    "a command can be run there")				\
	X(SCHEMA, "schema DB readable", false, ask_seen, "schemas",	\
	    "the backup role can read every table there")		\
	X(SECRETS, "secrets valid", false, ask_secrets, "secrets",	\
	    "the password files are there, private, and right")		\
	X(WAL, "wal DB below SIZE", false, ask_seen, "pg_wal",		\
	    "its pg_wal is smaller than this")				\
	X(ARCHIVING, "wal DB archiving", false, ask_seen, "the archiver", \
	    "its archiver does not fail")				\
	X(SLOTS, "slots DB active", false, ask_seen, "replication slots", \
	    "every replication slot there has a reader")		\
	X(REPLICATION, "replication well", false, ask_seen, "replication", \
	    "the standbys follow closely")				\
	X(LOCKS, "locks clear", false, ask_seen, "locks",		\
	    "nobody holds a lock that others wait for")			\
	X(PRECHECK, "precheck passed", true, ask_precheck, "the journal", \
	    "the pre-check for migrations has ended well")		\
	X(STEP, "step STEP done", false, ask_step, "steps",		\
	    "that step is done, and its proof still holds")		\
	X(ROLE, "role ROLE taken", false, ask_role, "roles",		\
	    "somebody has that role now")				\
	X(SEVERITY, "severity at-least SEVERITY", false, ask_severity,	\
	    "the severity", "it is that grave, or graver (SEV-0 is the gravest)") \
	X(EVIDENCE, "evidence gathered", false, ask_evidence, "the journal", \
	    "what 'midwatch isolate' found stands in the journal")		\
	X(CLEANUP, "cleanup done", true, ask_cleanup, "the journal",	\
	    "a clean-up has ended well")				\
	X(RESTORED, "restored DB", true, ask_restored, "the journal",	\
	    "that database was restored into its target")		\
	X(UPDATE, "update sent within DURATION", false, ask_update,	\
	    "the journal", "the last update is not older than this")	\
	X(DECLARED, "declared data-risk|downtime", false, ask_declared,	\
	    "the journal", "a person has declared it")			\
	X(TOLD, "told TRIGGER", false, ask_told, "the journal",		\
	    "everybody who is told on that occasion was told")		\
	X(RCA, "rca published", false, ask_rca, "the journal",		\
	    "the report was published")					\
	X(FOLLOWUPS, "followups assigned", false, ask_followups,	\
	    "the journal", "every follow-up has an owner and a date")	\
	X(FILE, "file PATH exists", false, ask_file, "files",		\
	    "that file is there (relative: to the site file)")

enum cond_id {
#define X(id, pattern, aged, ask, reads, help) COND_##id,
	CONDITIONS(X)
#undef X
	COND_COUNT
};

struct cond_row {
	enum cond_id id;
	const char *pattern;
	bool aged;
	enum truth (*ask)(const struct cond *c, const struct cond_world *w,
	    struct buf *why);
	const char *reads, *help;
};

enum truth ask_frozen(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_later(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_secrets(const struct cond *c, const struct cond_world *w,
    struct buf *why);
/* What readings tell (seen.c). */
enum truth ask_seen(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_step(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_role(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_severity(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_evidence(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_cleanup(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_update(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_declared(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_told(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_precheck(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_restored(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_rca(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_followups(const struct cond *c, const struct cond_world *w,
    struct buf *why);
enum truth ask_file(const struct cond *c, const struct cond_world *w,
    struct buf *why);

/* What is asked of this machine, in bounded time (local.c). */
struct local_path {
	int sys_errno;		/* 0: it is there */
};

enum { LOCAL_DEADLINE_MS = 5000 };

/* False: it did not answer in time, or could not be asked (e). */
bool local_path(const char *path, struct local_path *ret, struct err *e);

struct local_check {
	const char *name;
	const struct conf_cmd *command;
	bool ended;		/* else e says why it is not known */
	int status;		/* as from waitpid */
	struct err e;
	int pid;
};

/* Runs all of them at once in dir; none outlives the deadline. */
void local_checks(struct local_check *checks, size_t n, const char *dir);

#endif
