#include "tests/test.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"
#include "site/site.h"

static struct site site;

static int
clean(void **state)
{
	(void)state;
	site_release(&site);
	return 0;
}

/* The one problem of a file that has one. */
static const char *
problem_of(const char *text)
{
	site_release(&site);
	assert_false(site_parse(&site, "site.cfg", text, strlen(text)));
	for (size_t i = 1; i < site.doc.problems.n; i++)
		print_message("# and %s\n", site.doc.problems.v[i].text);
	assert_int_equal(site.doc.problems.n, 1);
	return site.doc.problems.v[0].text;
}

static void
parse_well(const char *text)
{
	site_release(&site);
	(void)site_parse(&site, "site.cfg", text, strlen(text));
	for (size_t i = 0; i < site.doc.problems.n; i++)
		print_message("# %s\n", site.doc.problems.v[i].text);
	assert_int_equal(site.doc.problems.n, 0);
}

#define NAMED "site = { name = \"a\"; };\n"

static void
load_the_example(void)
{
	(void)setenv("HOME", "/home/oncall", 1);
	(void)site_load(&site, "tests/data/site/design.cfg");
	for (size_t i = 0; i < site.doc.problems.n; i++)
		print_message("# %s\n", site.doc.problems.v[i].text);
	assert_int_equal(site.doc.problems.n, 0);
}

/* A path beside the example, which is under the folder the tests start in. */
static void
assert_beside(const char *path, const char *rest)
{
	char *dir = realpath("tests/data/site", NULL), *full;

	assert_non_null(dir);
	full = xprintf("%s/%s", dir, rest);
	assert_string_equal(path, full);
	free(full);
	free(dir);
}

static void
the_documented_file_loads_without_a_problem(void **state)
{
	char *text = test_read("tests/data/site/design.cfg");
	char sha[SHA_HEX];

	(void)state;
	load_the_example();
	sha_of(text, strlen(text), sha);
	assert_string_equal(site.sha, sha);
	assert_beside(site.path, "design.cfg");
	assert_string_equal(site.name, "prod");
	assert_string_equal(site.timezone, "Africa/Lagos");
	assert_string_equal(site.environment, "production");
	assert_string_equal(site.runbook, "midnight-backup-failure");
	assert_beside(site.state, "state");
	assert_null(site.second);
	assert_string_equal(site.group, "oncall");
	assert_string_equal(site.channel, "#inc-prod");
	assert_int_equal(site.regulated.n, 2);
	assert_string_equal(site.regulated.v[1], "SOC2");
	free(text);
}

static void
its_places_are_hosts_and_a_container(void **state)
{
	const struct site_place *p;

	(void)state;
	load_the_example();
	assert_int_equal(site_places(&site), 4);
	p = site_place(&site, "bastion");
	assert_string_equal(p->ssh_user, "ops");
	assert_string_equal(p->ssh_host, "bastion.internal");
	assert_int_equal(p->port, 22);
	assert_string_equal(p->identity, "/home/oncall/.ssh/id_ed25519");
	assert_string_equal(p->known_hosts, "/home/oncall/.ssh/known_hosts");
	assert_null(p->via);
	p = site_place(&site, "legacy");
	assert_string_equal(p->via, "bastion");
	assert_int_equal(p->port, 22);
	p = site_place(&site, "arp-box");
	assert_null(p->ssh);
	assert_string_equal(p->at, "legacy");
	assert_string_equal(p->container, "arp-db-prod");
	assert_int_equal(p->runtime, SITE_DOCKER);
	assert_ptr_equal(site_place_at(&site, 2), p);
	assert_null(site_place_at(&site, 4));
	assert_null(site_place(&site, "nowhere"));
	assert_null(site_place(&site, NULL));
}

static void
its_databases_have_their_ways_in(void **state)
{
	const struct site_db *d;

	(void)state;
	load_the_example();
	assert_int_equal(site_dbs(&site), 3);
	d = site_db(&site, "otc");
	assert_string_equal(d->host, "otc-db");
	assert_int_equal(d->port, 5432);
	assert_string_equal(d->passfile, "/home/oncall/.pgpass");
	assert_false(d->legacy);
	assert_int_equal(d->superuser.line, 0);
	assert_int_equal(d->rotate.line, 0);
	d = site_db(&site, "gps");
	assert_string_equal(d->through, "bastion");
	assert_int_equal(d->port, 5432);
	d = site_db(&site, "arp");
	assert_ptr_equal(site_db(&site, "arp-prod"), d);
	assert_ptr_equal(site_db_at(&site, 2), d);
	assert_true(d->legacy);
	assert_string_equal(d->dump_at, "arp-box");
	assert_int_equal(d->superuser.line, 15);
	assert_string_equal(d->superuser.at, "arp-box");
	assert_string_equal(d->superuser.user, "postgres");
	assert_int_equal(d->superuser.port, 5432);
	assert_string_equal(d->password_from.v[0], "env:POSTGRES_PASSWORD");
	assert_string_equal(d->password_from.v[1],
	    "file:/run/secrets/arp_password");
	assert_string_equal(d->rotate.role, "backup");
	assert_int_equal(d->rotate.update.n, 2);
}

static void
a_file_to_update_is_here_or_at_a_place(void **state)
{
	const struct site_place *p;
	const struct site_db *d;

	(void)state;
	load_the_example();
	d = site_db(&site, "arp");
	assert_string_equal(site_where(&site, d->rotate.update.v[0], &p),
	    "/home/oncall/.pgpass");
	assert_null(p);
	assert_string_equal(site_where(&site, d->rotate.update.v[1], &p),
	    "~/.pgpass");
	assert_ptr_equal(p, site_place(&site, "bastion"));
}

static void
its_other_groups_are_read(void **state)
{
	const struct site_disk *d;
	const int64_t hour = 3600000;

	(void)state;
	load_the_example();
	assert_int_equal(site_components(&site), 2);
	assert_string_equal(site_component(&site, "app-files")->files.v[0],
	    "/srv/app/uploads");
	assert_int_equal(site_component(&site, "app-files")->min_size, 1 << 20);
	assert_true(site_component(&site, "system-state")->command.shell);
	assert_string_equal(site_component_at(&site, 1)->command.v[0],
	    "pg_lsclusters; dpkg -l");
	assert_string_equal(site_store(&site, "nas")->path,
	    "/volume1/backups/prod");
	assert_beside(site_store(&site, "local")->path, "backups/prod");
	assert_null(site_store(&site, "local")->at);
	assert_int_equal(site_stores(&site), 2);
	assert_string_equal(site.backup.to.v[0], "nas");
	assert_string_equal(site.backup.also.v[0], "local");
	assert_int_equal(site.backup.min_free, INT64_C(600) << 20);
	assert_int_equal(site.backup.min_free_percent, 20);
	assert_int_equal(site.backup.size_change, 30);
	assert_true(site.backup.globals);
	assert_string_equal(site.backup.emergency.to.v[0], "nas");
	assert_string_equal(site.backup.orphans.v[0], "*.tmp");
	assert_int_equal(site_disks(&site), 2);
	d = site_disk(&site, "arp-data");
	assert_string_equal(d->at, "arp-box");
	assert_int_equal(d->warn, 70);
	assert_int_equal(d->high, 85);
	assert_int_equal(d->critical, 95);
	assert_int_equal(site.retention.daily, 7);
	assert_int_equal(site.retention.weekly, 4);
	assert_int_equal(site.retention.emergency_ms, 30 * 24 * hour);
	assert_int_equal(site.schedule.nightly, 120);
	assert_int_equal(site.schedule.window_ms, hour * 3 / 2);
	assert_int_equal(site.schedule.rpo_ms, 24 * hour);
	assert_int_equal(site.schedule.rto_ms, 4 * hour);
	assert_int_equal(site.schedule.dry_run_every_ms, 6 * hour);
	assert_int_equal(site.schedule.restore_test_every_ms, 7 * 24 * hour);
	assert_string_equal(site.freeze.check.v[0], "ci/is-paused.sh");
	assert_false(site.freeze.block_ddl);
	assert_string_equal(site.precheck.commands.v[0], "./validate.sh");
	assert_beside(site.cleanup.paths.v[0], "backups/prod/old");
	assert_string_equal(site.cleanup.docker.at, "legacy");
	assert_int_equal(site.cleanup.docker.until_ms, 24 * hour);
	assert_int_equal(site.cleanup.docker.images, SITE_IMAGES_UNUSED);
	assert_int_equal(site_services(&site), 1);
	assert_string_equal(site_service(&site, "otc-api")->check.v[0],
	    "curl -fsS http://otc-api/health");
	assert_int_equal(site_logs(&site), 3);
	assert_beside(site_log(&site, "access")->path,
	    "security/access-audit.log");
}

static void
its_contacts_know_when_they_are_told(void **state)
{
	const struct site_contact *c;

	(void)state;
	load_the_example();
	assert_int_equal(site.comms.update_every_ms, 15 * 60000);
	assert_int_equal(site_contacts(&site), 7);
	c = site_contact_at(&site, 0);
	assert_string_equal(c->who, "Tech Lead");
	assert_string_equal(c->phone, "+234 800 000 001");
	assert_int_equal(c->triggers, 1u << SITE_TRIGGER_OPEN);
	assert_string_equal(c->tell.v[0], "hooks/tell-tech-lead");
	assert_int_equal(c->next_after_ms, 600000);
	c = site_contact_at(&site, 2);
	assert_int_equal(c->triggers, 1u << SITE_TRIGGER_SEV_0 |
	    1u << SITE_TRIGGER_EMERGENCY_BACKUP_FAILED);
	c = site_contact_at(&site, 5);
	assert_true(c->only_regulated);
	assert_null(c->tell.v);
	assert_int_equal(c->next_after_ms, 0);
}

static void
a_site_needs_no_more_than_a_name(void **state)
{
	(void)state;
	parse_well(NAMED);
	assert_string_equal(site.timezone, "UTC");
	assert_string_equal(site.environment, "production");
	assert_null(site.state);
	assert_int_equal(site_dbs(&site), 0);
	assert_int_equal(site.schedule.nightly, -1);
	assert_int_equal(site.retention.daily, 7);
	assert_int_equal(site.backup.size_change, 30);
	assert_int_equal(site.cleanup.docker.line, 0);
	assert_int_equal(site.comms.update_every_ms, 15 * 60000);
}

static void
what_is_left_out_follows_from_the_rest(void **state)
{
	const struct site_db *d;

	(void)state;
	parse_well(NAMED
	    "databases = ( { name = \"a\"; port = 5433; user = \"u\";\n"
	    "  superuser = { }; rotate = { }; } );\n"
	    "stores = ( { name = \"s\"; path = \"/s\"; at = \"here\"; } );\n"
	    "backup = { to = \"s\"; };");
	d = site_db(&site, "a");
	assert_string_equal(d->dbname, "a");
	assert_null(d->host);
	assert_int_equal(d->superuser.port, 5433);
	assert_string_equal(d->superuser.user, "postgres");
	assert_string_equal(d->rotate.role, "u");
	assert_null(site_store(&site, "s")->at);
	assert_int_equal(site.backup.emergency.to.n, 1);
	assert_string_equal(site.backup.emergency.to.v[0], "s");
}

static void
a_database_may_have_any_name_that_can_be_shown(void **state)
{
	(void)state;
	parse_well(NAMED "databases = (\n"
	    "  { name = \"a\"; dbname = \"-Fc\"; },\n"
	    "  { name = \"b\"; dbname = \"a'b\\\" ; rm -rf /\"; },\n"
	    "  { name = \"c\"; dbname = \"h\xc3\xa9\xf0\x9f\x98\x80=1\"; } );");
	assert_string_equal(site_db(&site, "a")->dbname, "-Fc");
	assert_string_equal(site_db(&site, "b")->dbname, "a'b\" ; rm -rf /");
	assert_string_equal(problem_of(NAMED "databases = (\n"
	    "  { name = \"a\"; dbname = \"a\\nb\"; } );"),
	    "site.cfg:3: databases[0].dbname: "
	    "'a\\nb' holds a control character");
	assert_string_equal(problem_of(NAMED "databases = (\n"
	    "  { name = \"a\"; dbname = \"a\xff\"; } );"),
	    "site.cfg:3: databases[0].dbname: 'a\\xff' is not UTF-8");
	assert_non_null(strstr(problem_of(NAMED "databases = (\n"
	    "  { name = \"a\"; dbname = \"\xc2\x9b" "31m\"; } );"),
	    "holds a control character"));
}

static void
a_command_is_a_line_for_the_shell_or_words(void **state)
{
	const struct conf_cmd *c;

	(void)state;
	parse_well(NAMED "services = (\n"
	    "  { name = \"a\"; check = \"true &&\\n\\ttrue\"; },\n"
	    "  { name = \"b\"; check = ( \"test\", \"-z\", \"\" ); } );");
	assert_true(site_service(&site, "a")->check.shell);
	c = &site_service(&site, "b")->check;
	assert_false(c->shell);
	assert_int_equal(c->n, 3);
	assert_string_equal(c->v[2], "");
	assert_null(c->v[3]);
}

/* What a file of many mistakes must say, line by line, in one run. */
static const char *const bad[] = {
	"2: site.name: 'prod site' is not a name: letters, digits, "
	    "'_', '.', '-'; at most 63",
	"2: site.environment: is empty",
	"2: site.timezone: no time zone is called 'Africa/Lagoss'; "
	    "names look like 'Africa/Lagos'",
	"3: site.environmint: unknown key, did you mean "
	    "'environment'?",
	"3: site.group: '-g' begins with '-'",
	"5: places[0].port: must be 1 to 65535, not 70000",
	"5: places[0].via: leads in a circle: bastion -> two -> "
	    "bastion",
	"8: places[2]: has both 'ssh' and 'container'; it is either "
	    "a host or a container",
	"9: places[3]: needs 'ssh', or 'container' and the place "
	    "that it runs 'at'",
	"10: places[4].at: unknown place 'bastoin', did you mean "
	    "'bastion'?",
	"11: places[4].runtime: unknown word 'dokcer', did you mean "
	    "'docker'?",
	"11: places[4].container: '-it' is not a container's name",
	"12: places[5].name: 'bastion' is already the name of "
	    "places[0]",
	"12: places[5].ssh: '-oProxyCommand=x': neither user nor "
	    "host begins with '-'",
	"15: databases[0].port: must be a number, not a string",
	"16: databases[1].legacy: must be true or false, not a "
	    "string",
	"16: databases[1].host: '-h' begins with '-'",
	"16: databases[1].through: 'cont' is a container; this "
	    "needs a place with ssh",
	"17: databases[2].prot: unknown key, did you mean 'port'?",
	"18: databases[2].superuser.user: 'post\\x1bgres' holds a "
	    "control character",
	"18: databases[2].superuser.at: unknown place 'arp-box'",
	"19: databases[2].password_from: 'evn:PW' must begin with "
	    "'env:' or 'file:'",
	"20: databases[2].password_from: 'file:' has no path",
	"22: databases[2].rotate.update: unknown place 'bastian', "
	    "did you mean 'bastion'?",
	"23: databases[3].aka: 'arp' is already the name of "
	    "databases[2]",
	"23: databases[3].name: 'otc' is already the name of "
	    "databases[0]",
	"23: databases[3].dump_host: means nothing without "
	    "'dump_at'",
	"24: databases[4].passfile: only your own home can be "
	    "written as ~, not '~root/.pgpass'",
	"24: databases[4].name: 'globals-otc' is reserved: every "
	    "set has files called globals, manifest and checksums",
	"25: databases[5]: 'name' is missing",
	"28: components[0].min_size: must be a quoted size such as "
	    "\"600MB\", not a number",
	"28: components[0]: has both 'files' and 'command'; one of "
	    "them",
	"29: components[1]: needs 'files' or 'command'",
	"30: components[2].command: the command is empty",
	"30: components[2].name: 'gps' is already the name of "
	    "databases[1]",
	"32: stores[0].at: unknown place 'nas-box'",
	"33: stores[1]: must be a group { }, not a string",
	"34: backup.min_free: must be a quoted size such as "
	    "\"600MB\", not a number",
	"34: backup.to: unknown store 'nsa', did you mean 'nas'?",
	"34: backup.also: 'nas' is named twice",
	"35: backup.size_change: must be 1 to 1000, not 0",
	"35: backup.orphans: '../*' is a pattern of names, without "
	    "a folder",
	"36: disks[0].warn: warn, high and critical must rise, not "
	    "90, 85, 95",
	"37: disks[1].warn: must be 1 to 100, not 101",
	"37: disks[1]: 'path' is missing",
	"38: retention.daily: must be 1 to 3650, not 0",
	"38: retention.emergency: '30 moons' is not a duration such "
	    "as \"15m\"",
	"39: schedule.nightly: '25:00' is not a time of day such as "
	    "\"02:00\"",
	"39: schedule.window: '0s' is too short",
	"39: schedule.rpo: must be a quoted duration such as "
	    "\"15m\", not a number",
	"40: freeze.on: must be a string or a list of strings, not "
	    "true or false",
	"41: cleanup.docker.until: '-1h' is not a duration such as "
	    "\"15m\"",
	"41: cleanup.docker.images: unknown word 'all', one of "
	    "'dangling', 'unused'",
	"42: services[0].chekc: unknown key, did you mean 'check'?",
	"42: services[0]: 'check' is missing",
	"43: comms.contacts[0].on: unknown trigger 'sev0', did you "
	    "mean 'sev-0'?",
	"44: comms.contacts[1]: 'who' is missing",
	"44: comms.contacts[1].on: names none",
	"45: loggs: unknown key, did you mean 'logs'?",
};

static void
every_mistake_is_told_in_one_run_with_its_line(void **state)
{
	static const char file[] = "tests/data/site/bad.cfg:";

	(void)state;
	assert_false(site_load(&site, "tests/data/site/bad.cfg"));
	for (size_t i = 0; i < site.doc.problems.n &&
	    i < sizeof bad / sizeof *bad; i++) {
		const char *text = site.doc.problems.v[i].text;

		assert_true(text_starts(text, file));
		assert_string_equal(text + strlen(file), bad[i]);
	}
	assert_int_equal(site.doc.problems.n, sizeof bad / sizeof *bad);
	assert_int_equal(site.doc.dropped, 0);
}

static void
a_misspelt_key_is_told_as_documented(void **state)
{
	(void)state;
	assert_string_equal(problem_of(NAMED
	    "databases = ( { name = \"a\"; }, { name = \"b\"; },\n"
	    "  { name = \"c\"; prot = 1; } );"), "site.cfg:3: "
	    "databases[2].prot: unknown key, did you mean 'port'?");
}

static void
two_stores_are_two_folders(void **state)
{
	(void)state;
	assert_string_equal(problem_of(NAMED
	    "stores = ( { name = \"a\"; path = \"/b\"; },\n"
	    "  { name = \"c\"; path = \"/b//\"; at = \"here\"; },\n"
	    "  { name = \"d\"; path = \"/b/d\"; } );"), "site.cfg:3: "
	    "stores[1].path: is the folder of stores[0]: that would be one "
	    "copy, not two");
}

static void
a_syntax_error_is_told_alone(void **state)
{
	(void)state;
	assert_string_equal(problem_of("site = { nam = 1; };\n"
	    "databases = ( { name \"a\"; } );\n"),
	    "site.cfg:2: syntax error: a string cannot stand here");
	assert_string_equal(problem_of("site = { nam = 1; };\n\nstores\n"),
	    "site.cfg:4: syntax error");
	assert_string_equal(problem_of("site = { nam = 1; };\n"
	    "stores = ( { name = \"a\"; }, # one\n"
	    "  /* two */ );"), "site.cfg:3: syntax error: a comma before ')'");
	assert_string_equal(problem_of("site = {\nname = \"a; };\n\n"),
	    "site.cfg:2: syntax error: the string that begins here has no end");
	assert_non_null(strstr(problem_of(NAMED NAMED),
	    "site.cfg:2: duplicate setting name"));
	assert_string_equal(site.sha, "");
}

static void
other_files_are_not_included(void **state)
{
	(void)state;
	assert_string_equal(problem_of(NAMED "@include \"/etc/passwd\"\n"),
	    "site.cfg:2: '@include' is not allowed here");
	parse_well("# @include \"x\"\nsite = { name = \"a\"; /* @include */\n"
	    "channel = \"@include\"; };");
}

static void
numbers_that_the_parser_would_cut_are_refused(void **state)
{
	(void)state;
	assert_string_equal(problem_of(NAMED
	    "backup = { min_free = 4294967297; };"), "site.cfg:2: the number "
	    "'4294967297' is too large; write it as a string");
	assert_non_null(strstr(problem_of(NAMED
	    "databases = ( { name = \"a\"; port = 0x100001538; } );"),
	    "'0x100001538' is too large"));
	assert_non_null(strstr(problem_of(NAMED
	    "databases = ( { name = \"a\"; port = 99999999999999999999L; } );"),
	    "is too large"));
	parse_well(NAMED
	    "databases = ( { name = \"a\"; port = 0x0000001538; } );\n"
	    "# 4294967297\n");
	assert_int_equal(site_db(&site, "a")->port, 5432);
}

static void
a_nul_is_refused_however_it_is_written(void **state)
{
	static const char raw[] = NAMED "\0stores = 1;";

	(void)state;
	assert_string_equal(problem_of(NAMED
	    "databases = ( { name = \"a\\x00b\"; } );"),
	    "site.cfg:2: a string cannot hold \\x00");
	site_release(&site);
	assert_false(site_parse(&site, "site.cfg", raw, sizeof raw - 1));
	assert_string_equal(site.doc.problems.v[0].text,
	    "site.cfg:1: the file holds NUL bytes");
}

static void
a_file_that_is_not_there_is_a_problem(void **state)
{
	(void)state;
	assert_false(site_load(&site, test_path("none.cfg")));
	assert_int_equal(site.doc.problems.n, 1);
	assert_non_null(strstr(site.doc.problems.v[0].text,
	    "No such file or directory"));
	site_release(&site);
	assert_false(site_load(&site, test_dir()));
	assert_non_null(strstr(site.doc.problems.v[0].text,
	    "is not a regular file"));
}

static void
places_may_not_lead_in_a_circle(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(problem_of(NAMED "places = (\n"
	    "  { name = \"x\"; ssh = \"x\"; via = \"a\"; },\n"
	    "  { name = \"a\"; ssh = \"a\"; via = \"b\"; },\n"
	    "  { name = \"b\"; ssh = \"b\"; via = \"a\"; } );"),
	    "site.cfg:4: places[1].via: leads in a circle: a -> b -> a");
	assert_string_equal(problem_of(NAMED "places = (\n"
	    "  { name = \"c\"; at = \"c\"; container = \"c\"; } );"),
	    "site.cfg:3: places[0].at: leads in a circle: c -> c");
	buf_str(&b, NAMED "places = ( { name = \"p0\"; ssh = \"h\"; }");
	for (int i = 1; i <= 9; i++)
		buf_printf(&b, ",\n{ name = \"p%d\"; ssh = \"h\"; "
		    "via = \"p%d\"; }", i, i - 1);
	buf_str(&b, " );");
	assert_non_null(strstr(problem_of(b.p),
	    "places[9].via: leads over more than 8 places"));
	buf_release(&b);
}

static void
a_place_is_a_host_or_a_container(void **state)
{
	(void)state;
	assert_string_equal(problem_of(NAMED
	    "places = ( { name = \"a\"; ssh = \"u@h:22\"; } );"),
	    "site.cfg:2: places[0].ssh: 'u@h:22': the port is a key of its "
	    "own, 'port = 22'");
	assert_non_null(strstr(problem_of(NAMED
	    "places = ( { name = \"a\"; ssh = \"u@-h\"; } );"),
	    "begins with '-'"));
	assert_non_null(strstr(problem_of(NAMED
	    "places = ( { name = \"a\"; ssh = \"u@\"; } );"),
	    "is not user@host"));
	assert_non_null(strstr(problem_of(NAMED "places = (\n"
	    "  { name = \"a\"; ssh = \"a\"; at = \"here\"; } );"),
	    "places[0].at: is for containers"));
	assert_non_null(strstr(problem_of(NAMED
	    "places = ( { name = \"a\"; ssh = \"a\"; },\n"
	    "  { name = \"c\"; container = \"c\"; via = \"a\"; } );"),
	    "places[1].via: is for hosts"));
	assert_non_null(strstr(problem_of(NAMED
	    "places = ( { name = \"here\"; ssh = \"a\"; } );"),
	    "'here' is this host"));
	parse_well(NAMED "places = ( { name = \"a\"; ssh = \"fe80::1%eth0\"; },"
	    "{ name = \"c\"; at = \"here\"; container = \"c_1.x\";\n"
	    "  runtime = \"podman\"; } );");
	assert_null(site_place(&site, "a")->ssh_user);
	assert_string_equal(site_place(&site, "a")->ssh_host, "fe80::1%eth0");
	assert_null(site_place(&site, "c")->at);
	assert_int_equal(site_place(&site, "c")->runtime, SITE_PODMAN);
}

static void
reserved_names_are_refused(void **state)
{
	static const char *const names[] = { "globals", "globals-otc",
	    "manifest", "checksums", "here" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *text = xprintf(NAMED "databases = ( { name = \"%s\"; } );",
		    names[i]);
		char *other = xprintf(NAMED "components = ( { name = \"%s\"; "
		    "command = \"x\"; } );", names[i]);

		test_case(names[i]);
		assert_non_null(strstr(problem_of(text), "is reserved"));
		assert_non_null(strstr(problem_of(other), "is reserved"));
		free(text);
		free(other);
	}
}

static void
paths_at_a_place_stand_as_they_were_written(void **state)
{
	(void)state;
	(void)setenv("HOME", "/h", 1);
	parse_well(NAMED "places = ( { name = \"p\"; ssh = \"p\"; } );\n"
	    "stores = ( { name = \"a\"; at = \"p\"; path = \"~/b\"; },\n"
	    "  { name = \"b\"; path = \"~/b\"; } );\n"
	    "cleanup = { paths = ( \"p:old\", \"here:/x\", \"./a:b\" ); };");
	assert_string_equal(site_store(&site, "a")->path, "~/b");
	assert_string_equal(site_store(&site, "b")->path, "/h/b");
	assert_string_equal(site.cleanup.paths.v[0], "p:old");
	assert_string_equal(site.cleanup.paths.v[1], "/x");
	assert_int_equal(site.cleanup.paths.v[2][0], '/');
}

static void
home_is_found_without_the_variable(void **state)
{
	(void)state;
	(void)unsetenv("HOME");
	parse_well("site = { name = \"a\"; state = \"~/s\"; };");
	assert_string_not_equal(site.state, "/s");
	assert_non_null(strstr(site.state, "/s"));
	(void)setenv("HOME", "/h", 1);
}

/* Runs site_find in an empty folder with an empty home. */
static void
the_file_is_looked_for_in_five_places(void **state)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	char home[PATH_MAX + 64], in[PATH_MAX + 128];
	int old = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	(void)snprintf(home, sizeof home, "%s/home", test_dir());
	(void)snprintf(in, sizeof in, "%s/in", test_dir());
	assert_int_equal(mkdir(home, 0700) | mkdir(in, 0700), 0);
	assert_int_equal(chdir(in), 0);
	(void)setenv("HOME", home, 1);
	(void)unsetenv("MIDWATCH_CONFIG");
	if (access("/etc/midwatch/midwatch.cfg", F_OK) != 0) {
		assert_null(site_find(NULL, &out, &e));
		assert_int_equal(e.kind, ERR_NOTFOUND);
		assert_non_null(strstr(e.hint, "midwatch init"));
		err_clear(&e);
	}
	assert_null(site_find("gone.cfg", &out, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	assert_string_equal(e.msg, "there is no site file 'gone.cfg'");
	err_clear(&e);
	(void)setenv("MIDWATCH_CONFIG", "gone2.cfg", 1);
	assert_null(site_find(NULL, &out, &e));
	assert_non_null(strstr(e.hint, "MIDWATCH_CONFIG"));
	(void)setenv("MIDWATCH_CONFIG", "", 1);

	(void)snprintf(in, sizeof in, "%s/home/.config/midwatch", test_dir());
	assert_true(file_mkdirs(in, 0700, &e));
	(void)snprintf(in, sizeof in, "%s/home/.config/midwatch/midwatch.cfg",
	    test_dir());
	(void)test_write(in, NAMED);
	assert_string_equal(site_find(NULL, &out, &e), in);
	(void)snprintf(home, sizeof home, "%s/in/midwatch.cfg", test_dir());
	(void)test_write(home, NAMED);
	assert_string_equal(site_find(NULL, &out, &e), "./midwatch.cfg");
	(void)setenv("MIDWATCH_CONFIG", in, 1);
	assert_string_equal(site_find(NULL, &out, &e), in);
	assert_string_equal(site_find(home, &out, &e), home);

	(void)unsetenv("MIDWATCH_CONFIG");
	assert_int_equal(fchdir(old), 0);
	(void)close(old);
	buf_release(&out);
}

static void
a_released_site_can_be_loaded_again(void **state)
{
	(void)state;
	load_the_example();
	site_release(&site);
	assert_int_equal(site_dbs(&site), 0);
	assert_null(site_db(&site, "otc"));
	site_release(&site);
	load_the_example();
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)
static const struct CMUnitTest tests[] = {
	TEST(the_documented_file_loads_without_a_problem),
	TEST(its_places_are_hosts_and_a_container),
	TEST(its_databases_have_their_ways_in),
	TEST(a_file_to_update_is_here_or_at_a_place),
	TEST(its_other_groups_are_read),
	TEST(its_contacts_know_when_they_are_told),
	TEST(a_site_needs_no_more_than_a_name),
	TEST(what_is_left_out_follows_from_the_rest),
	TEST(a_database_may_have_any_name_that_can_be_shown),
	TEST(a_command_is_a_line_for_the_shell_or_words),
	TEST(every_mistake_is_told_in_one_run_with_its_line),
	TEST(a_misspelt_key_is_told_as_documented),
	TEST(two_stores_are_two_folders),
	TEST(a_syntax_error_is_told_alone),
	TEST(other_files_are_not_included),
	TEST(numbers_that_the_parser_would_cut_are_refused),
	TEST(a_nul_is_refused_however_it_is_written),
	TEST(a_file_that_is_not_there_is_a_problem),
	TEST(places_may_not_lead_in_a_circle),
	TEST(a_place_is_a_host_or_a_container),
	TEST(reserved_names_are_refused),
	TEST(paths_at_a_place_stand_as_they_were_written),
	TEST(home_is_found_without_the_variable),
	TEST(the_file_is_looked_for_in_five_places),
	TEST(a_released_site_can_be_loaded_again),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
