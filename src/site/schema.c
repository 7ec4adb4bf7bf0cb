#include "site/schema.h"

#define ROWS(a) (a), sizeof(a) / sizeof *(a)

static const char *const runtimes[] = { "docker", "podman", NULL };
static const char *const images[] = { "dangling", "unused", NULL };

const char *const site_sslmodes[] = {
	"prefer", "disable", "allow", "require", "verify-ca", "verify-full",
	NULL
};

#define WORD_(id, word) word,
const char *const site_triggers[SITE_TRIGGER_COUNT + 1] = {
	SITE_TRIGGERS(WORD_)
	NULL
};
#undef WORD_

#define AT(type, field) .off = offsetof(struct type, field)

/* The group `site` lies flat in struct site. */
#define OF_SITE(field)							\
	.off = offsetof(struct site, field) - offsetof(struct site, line)
#define OF_FILE(field)							\
	.off = offsetof(struct site, field) - offsetof(struct site, file_line)

static const struct conf_row site_rows[] = {
	{ "name", CONF_NAME, OF_SITE(name), .required = true,
	    .help = "what this site is called" },
	{ "timezone", CONF_STR, OF_SITE(timezone), .otherwise = "UTC",
	    .help = "the zone that its people read, like Africa/Lagos" },
	{ "environment", CONF_STR, OF_SITE(environment),
	    .otherwise = "production", .help = "one word" },
	{ "runbook", CONF_STR, OF_SITE(runbook),
	    .help = "the runbook of an incident, by name" },
	{ "state", CONF_PATH, OF_SITE(state),
	    .help = "folder of journals, jobs and locks, one for everybody" },
	{ "second", CONF_PATH, OF_SITE(second),
	    .help = "folder of the second journal, on another file system" },
	{ "group", CONF_STR, OF_SITE(group),
	    .help = "the system group that may write the state" },
	{ "channel", CONF_STR, OF_SITE(channel),
	    .help = "where the team talks, shown in updates" },
	{ "regulated", CONF_STRS, OF_SITE(regulated),
	    .help = "regulations that apply, like PCI" },
};

static const struct conf_row place_rows[] = {
	{ "name", CONF_NAME, AT(site_place, name), .required = true,
	    .help = "what other keys call it" },
	{ "ssh", CONF_STR, AT(site_place, ssh), .help = "user@host" },
	{ "port", CONF_INT, AT(site_place, port), .otherwise = "22", .min = 1,
	    .max = 65535, .help = "of its SSH server" },
	{ "identity", CONF_PATH, AT(site_place, identity),
	    .help = "private key" },
	{ "known_hosts", CONF_PATH, AT(site_place, known_hosts),
	    .help = "where its host key is written down" },
	{ "via", CONF_STR, AT(site_place, via),
	    .help = "the place to jump through" },
	{ "at", CONF_STR, AT(site_place, at),
	    .help = "the place whose container it is; none: here" },
	{ "container", CONF_STR, AT(site_place, container),
	    .help = "name of the container" },
	{ "runtime", CONF_WORD, AT(site_place, runtime), .words = runtimes,
	    .otherwise = "docker", .help = "docker or podman" },
};
static const struct conf_schema place_schema = {
	ROWS(place_rows), sizeof(struct site_place)
};

static const struct conf_row superuser_rows[] = {
	{ "at", CONF_STR, AT(site_superuser, at),
	    .help = "the place where psql is run as that user" },
	{ "user", CONF_STR, AT(site_superuser, user), .otherwise = "postgres",
	    .help = "the role" },
	{ "host", CONF_STR, AT(site_superuser, host),
	    .help = "host or socket folder, as seen from there" },
	{ "port", CONF_INT, AT(site_superuser, port), .min = 1, .max = 65535,
	    .help = "the database's when left out" },
};
static const struct conf_schema superuser_schema = {
	ROWS(superuser_rows), sizeof(struct site_superuser)
};

static const struct conf_row rotate_rows[] = {
	{ "role", CONF_STR, AT(site_rotate, role),
	    .help = "whose password; the database's user when left out" },
	{ "update", CONF_STRS, AT(site_rotate, update),
	    .help = "password files to write, here or \"place:path\"" },
};
static const struct conf_schema rotate_schema = {
	ROWS(rotate_rows), sizeof(struct site_rotate)
};

static const struct conf_row db_rows[] = {
	{ "name", CONF_NAME, AT(site_db, name), .required = true,
	    .help = "what everything here calls it" },
	{ "aka", CONF_STRS, AT(site_db, aka),
	    .help = "other names people use for it" },
	{ "host", CONF_STR, AT(site_db, host), .help = "host or socket folder" },
	{ "port", CONF_INT, AT(site_db, port), .otherwise = "5432", .min = 1,
	    .max = 65535 },
	{ "dbname", CONF_STR, AT(site_db, dbname),
	    .help = "the name when left out" },
	{ "user", CONF_STR, AT(site_db, user), .help = "the role for backups" },
	{ "passfile", CONF_PATH, AT(site_db, passfile),
	    .help = "password file, as libpq reads it" },
	{ "through", CONF_STR, AT(site_db, through),
	    .help = "the place whose SSH tunnel leads there" },
	{ "legacy", CONF_BOOL, AT(site_db, legacy),
	    .help = "failing logins are expected; never stops the others" },
	{ "sslmode", CONF_WORD, AT(site_db, sslmode), .words = site_sslmodes,
	    .otherwise = "prefer" },
	{ "sslrootcert", CONF_PATH, AT(site_db, sslrootcert) },
	{ "dump_at", CONF_STR, AT(site_db, dump_at),
	    .help = "the place where pg_dump runs instead of here" },
	{ "dump_host", CONF_STR, AT(site_db, dump_host),
	    .help = "the host as seen from dump_at" },
	{ "superuser", CONF_GROUP, AT(site_db, superuser),
	    .sub = &superuser_schema, .help = "the fallback way in" },
	{ "password_from", CONF_STRS, AT(site_db, password_from),
	    .help = "where it may still be: \"env:NAME\", \"file:PATH\"" },
	{ "rotate", CONF_GROUP, AT(site_db, rotate), .sub = &rotate_schema,
	    .help = "a password that we may change" },
};
static const struct conf_schema db_schema = {
	ROWS(db_rows), sizeof(struct site_db)
};

static const struct conf_row component_rows[] = {
	{ "name", CONF_NAME, AT(site_component, name), .required = true,
	    .help = "what it is called in a set" },
	{ "at", CONF_STR, AT(site_component, at), .help = "the place; none: here" },
	{ "files", CONF_STRS, AT(site_component, files),
	    .help = "trees to archive" },
	{ "command", CONF_CMD, AT(site_component, command),
	    .help = "whose output to keep" },
	{ "min_size", CONF_SIZE, AT(site_component, min_size),
	    .help = "less than this is a failure" },
};
static const struct conf_schema component_schema = {
	ROWS(component_rows), sizeof(struct site_component)
};

static const struct conf_row store_rows[] = {
	{ "name", CONF_NAME, AT(site_store, name), .required = true },
	{ "at", CONF_STR, AT(site_store, at), .help = "the place; none: here" },
	{ "path", CONF_STR, AT(site_store, path), .required = true,
	    .help = "the folder of its sets" },
};
static const struct conf_schema store_schema = {
	ROWS(store_rows), sizeof(struct site_store)
};

static const struct conf_row disk_rows[] = {
	{ "name", CONF_NAME, AT(site_disk, name), .required = true },
	{ "at", CONF_STR, AT(site_disk, at), .help = "the place; none: here" },
	{ "path", CONF_STR, AT(site_disk, path), .required = true,
	    .help = "any folder on it" },
	{ "warn", CONF_INT, AT(site_disk, warn), .otherwise = "70", .min = 1,
	    .max = 100, .help = "percent used" },
	{ "high", CONF_INT, AT(site_disk, high), .otherwise = "85", .min = 1,
	    .max = 100 },
	{ "critical", CONF_INT, AT(site_disk, critical), .otherwise = "95",
	    .min = 1, .max = 100 },
};
static const struct conf_schema disk_schema = {
	ROWS(disk_rows), sizeof(struct site_disk)
};

static const struct conf_row service_rows[] = {
	{ "name", CONF_NAME, AT(site_service, name), .required = true },
	{ "at", CONF_STR, AT(site_service, at), .help = "the place; none: here" },
	{ "check", CONF_CMD, AT(site_service, check), .required = true,
	    .help = "ends with 0 while it is up" },
};
static const struct conf_schema service_schema = {
	ROWS(service_rows), sizeof(struct site_service)
};

static const struct conf_row log_rows[] = {
	{ "name", CONF_NAME, AT(site_log, name), .required = true },
	{ "at", CONF_STR, AT(site_log, at), .help = "the place; none: here" },
	{ "path", CONF_STR, AT(site_log, path), .required = true },
};
static const struct conf_schema log_schema = {
	ROWS(log_rows), sizeof(struct site_log)
};

static const struct conf_row emergency_rows[] = {
	{ "to", CONF_STRS, AT(site_emergency, to),
	    .help = "stores of an emergency backup; backup.to when left out" },
};
static const struct conf_schema emergency_schema = {
	ROWS(emergency_rows), sizeof(struct site_emergency)
};

static const struct conf_row backup_rows[] = {
	{ "to", CONF_STRS, AT(site_backup, to),
	    .help = "stores that must hold a verified copy" },
	{ "also", CONF_STRS, AT(site_backup, also),
	    .help = "stores that should; failing is a warning" },
	{ "min_free", CONF_SIZE, AT(site_backup, min_free),
	    .help = "room a store must have left" },
	{ "min_free_percent", CONF_INT, AT(site_backup, min_free_percent),
	    .otherwise = "0", .min = 0, .max = 99 },
	{ "size_change", CONF_INT, AT(site_backup, size_change),
	    .otherwise = "30", .min = 1, .max = 1000,
	    .help = "percent by which a size may differ from the last ones" },
	{ "store_patience", CONF_MS, AT(site_backup, store_patience_ms),
	    .otherwise = "2m", .min = 1000, .max = 3600000,
	    .help = "how long a store may say nothing before it is given up" },
	{ "globals", CONF_BOOL, AT(site_backup, globals), .otherwise = "true",
	    .help = "roles and tablespaces of each cluster too" },
	{ "emergency", CONF_GROUP, AT(site_backup, emergency),
	    .sub = &emergency_schema },
	{ "orphans", CONF_STRS, AT(site_backup, orphans),
	    .help = "patterns of left-over files that clean-up may plan" },
	{ "heartbeat", CONF_CMD, AT(site_backup, heartbeat),
	    .help = "runs after each proven nightly, JSON on its standard input" },
	{ "heartbeat_url", CONF_STR, AT(site_backup, heartbeat_url),
	    .help = "a webhook for the same, https alone" },
	{ "heartbeat_url_file", CONF_PATH,
	    AT(site_backup, heartbeat_url_file),
	    .help = "a file of yours that holds it" },
};
static const struct conf_schema backup_schema = {
	ROWS(backup_rows), sizeof(struct site_backup)
};

static const struct conf_row retention_rows[] = {
	{ "daily", CONF_INT, AT(site_retention, daily), .otherwise = "7",
	    .min = 1, .max = 3650, .help = "nightly sets to keep" },
	{ "weekly", CONF_INT, AT(site_retention, weekly), .otherwise = "4",
	    .min = 0, .max = 520, .help = "weekly sets to keep" },
	{ "emergency", CONF_MS, AT(site_retention, emergency_ms),
	    .otherwise = "30d", .min = 1, .max = INT64_MAX,
	    .help = "how long emergency sets are kept" },
};
static const struct conf_schema retention_schema = {
	ROWS(retention_rows), sizeof(struct site_retention)
};

static const struct conf_row schedule_rows[] = {
	{ "nightly", CONF_CLOCK, AT(site_schedule, nightly),
	    .help = "when it starts, site time" },
	{ "window", CONF_MS, AT(site_schedule, window_ms), .otherwise = "90m",
	    .min = 1, .max = INT64_MAX, .help = "and how long it may take" },
	{ "rpo", CONF_MS, AT(site_schedule, rpo_ms), .otherwise = "24h",
	    .min = 1, .max = INT64_MAX, .help = "how much work may be lost" },
	{ "rto", CONF_MS, AT(site_schedule, rto_ms), .otherwise = "4h",
	    .min = 1, .max = INT64_MAX, .help = "how long a restore may take" },
	{ "dry_run_every", CONF_MS, AT(site_schedule, dry_run_every_ms),
	    .otherwise = "6h", .min = 1, .max = INT64_MAX },
	{ "restore_test_every", CONF_MS,
	    AT(site_schedule, restore_test_every_ms), .otherwise = "7d",
	    .min = 1, .max = INT64_MAX },
};
static const struct conf_schema schedule_schema = {
	ROWS(schedule_rows), sizeof(struct site_schedule)
};

static const struct conf_row freeze_rows[] = {
	{ "on", CONF_CMD, AT(site_freeze, on), .help = "stops pipelines" },
	{ "off", CONF_CMD, AT(site_freeze, off), .help = "lets them run again" },
	{ "check", CONF_CMD, AT(site_freeze, check),
	    .help = "ends with 0 while they stand still" },
	{ "block_ddl", CONF_BOOL, AT(site_freeze, block_ddl),
	    .help = "an event trigger refuses DDL" },
	{ "timeout", CONF_MS, AT(site_freeze, timeout_ms), .otherwise = "30s",
	    .min = 1, .max = 3600000, .help = "of on and off" },
};
static const struct conf_schema freeze_schema = {
	ROWS(freeze_rows), sizeof(struct site_freeze)
};

static const struct conf_row compose_rows[] = {
	{ "dir", CONF_PATH, AT(site_compose, dir), .otherwise = ".",
	    .help = "folder of the compose file" },
	{ "service", CONF_STR, AT(site_compose, service), .required = true,
	    .help = "the service in whose container they run" },
};
static const struct conf_schema compose_schema = {
	ROWS(compose_rows), sizeof(struct site_compose)
};

static const struct conf_row precheck_rows[] = {
	{ "commands", CONF_STRS, AT(site_precheck, commands),
	    .help = "each must end with 0 before a migration" },
	{ "timeout", CONF_MS, AT(site_precheck, timeout_ms), .otherwise = "2m",
	    .min = 1, .max = 3600000, .help = "of each command" },
	{ "compose", CONF_GROUP, AT(site_precheck, compose),
	    .sub = &compose_schema,
	    .help = "the commands run in a compose service instead of here" },
};
static const struct conf_schema precheck_schema = {
	ROWS(precheck_rows), sizeof(struct site_precheck)
};

static const struct conf_row docker_rows[] = {
	{ "at", CONF_STR, AT(site_docker, at), .help = "the place; none: here" },
	{ "until", CONF_MS, AT(site_docker, until_ms), .otherwise = "24h",
	    .min = 1, .max = INT64_MAX, .help = "younger objects stay" },
	{ "images", CONF_WORD, AT(site_docker, images), .words = images,
	    .otherwise = "dangling",
	    .help = "\"unused\" as prune -a does, \"dangling\" as prune" },
	{ "runtime", CONF_WORD, AT(site_docker, runtime), .words = runtimes,
	    .otherwise = "docker", .help = "docker or podman" },
};
static const struct conf_schema docker_schema = {
	ROWS(docker_rows), sizeof(struct site_docker)
};

static const struct conf_row cleanup_rows[] = {
	{ "paths", CONF_STRS, AT(site_cleanup, paths),
	    .help = "folders whose contents may go, here or \"place:path\"" },
	{ "older", CONF_MS, AT(site_cleanup, older_ms), .otherwise = "24h",
	    .min = 60000, .max = INT64_MAX, .help = "what is younger stays" },
	{ "docker", CONF_GROUP, AT(site_cleanup, docker),
	    .sub = &docker_schema },
};
static const struct conf_schema cleanup_schema = {
	ROWS(cleanup_rows), sizeof(struct site_cleanup)
};

static const struct conf_row contact_rows[] = {
	{ "who", CONF_STR, AT(site_contact, who), .required = true },
	{ "phone", CONF_STR, AT(site_contact, phone) },
	{ "role", CONF_STR, AT(site_contact, role),
	    .help = "what they decide or do" },
	{ "on", CONF_STRS, AT(site_contact, on), .required = true,
	    .help = "occasions" },
	{ "tell", CONF_CMD, AT(site_contact, tell),
	    .help = "gets JSON on its standard input; none: by hand" },
	{ "url", CONF_STR, AT(site_contact, url),
	    .help = "a webhook, https alone: gets {\"text\": ...}" },
	{ "url_file", CONF_PATH, AT(site_contact, url_file),
	    .help = "a file of yours that holds the webhook" },
	{ "second", CONF_CMD, AT(site_contact, second),
	    .help = "the same as tell, when that fails" },
	{ "next", CONF_STR, AT(site_contact, next),
	    .help = "who comes next; else the next on 'escalate'" },
	{ "next_after", CONF_MS, AT(site_contact, next_after_ms), .min = 1,
	    .max = INT64_MAX, .help = "unanswered so long: the next one" },
	{ "only_regulated", CONF_BOOL, AT(site_contact, only_regulated),
	    .help = "only where site.regulated names something" },
};
static const struct conf_schema contact_schema = {
	ROWS(contact_rows), sizeof(struct site_contact)
};

static const struct conf_row comms_rows[] = {
	{ "update_every", CONF_MS, AT(site_comms, update_every_ms),
	    .otherwise = "15m", .min = 1, .max = INT64_MAX,
	    .help = "how often people hear how it stands" },
	{ "timeout", CONF_MS, AT(site_comms, timeout_ms), .otherwise = "20s",
	    .min = 500, .max = 600000, .help = "how long one hook may take" },
	{ "ca_file", CONF_PATH, AT(site_comms, ca_file),
	    .help = "certificates that webhooks are checked against" },
	{ "contacts", CONF_GROUPS, AT(site_comms, contacts),
	    .sub = &contact_schema },
};
static const struct conf_schema comms_schema = {
	ROWS(comms_rows), sizeof(struct site_comms)
};

static const struct conf_schema own_schema = {
	ROWS(site_rows), sizeof(struct site) - offsetof(struct site, line)
};

static const struct conf_row file_rows[] = {
	{ "site", CONF_GROUP, OF_FILE(line), .required = true,
	    .sub = &own_schema },
	{ "places", CONF_GROUPS, OF_FILE(places), .sub = &place_schema },
	{ "databases", CONF_GROUPS, OF_FILE(databases), .sub = &db_schema },
	{ "components", CONF_GROUPS, OF_FILE(components),
	    .sub = &component_schema },
	{ "stores", CONF_GROUPS, OF_FILE(stores), .sub = &store_schema },
	{ "backup", CONF_GROUP, OF_FILE(backup), .sub = &backup_schema },
	{ "disks", CONF_GROUPS, OF_FILE(disks), .sub = &disk_schema },
	{ "retention", CONF_GROUP, OF_FILE(retention),
	    .sub = &retention_schema },
	{ "schedule", CONF_GROUP, OF_FILE(schedule), .sub = &schedule_schema },
	{ "freeze", CONF_GROUP, OF_FILE(freeze), .sub = &freeze_schema },
	{ "precheck", CONF_GROUP, OF_FILE(precheck), .sub = &precheck_schema },
	{ "cleanup", CONF_GROUP, OF_FILE(cleanup), .sub = &cleanup_schema },
	{ "services", CONF_GROUPS, OF_FILE(services), .sub = &service_schema },
	{ "logs", CONF_GROUPS, OF_FILE(logs), .sub = &log_schema },
	{ "comms", CONF_GROUP, OF_FILE(comms), .sub = &comms_schema },
};
const struct conf_schema site_schema = {
	ROWS(file_rows), sizeof(struct site) - offsetof(struct site, file_line)
};
