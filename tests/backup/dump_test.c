#include "backup/dump.h"
#include "tests/test.h"

#include <string.h>

static struct site_db a_db;
static struct site a_site;

static struct way
a_way(const char *dbname)
{
	struct way w = WAY_INIT;

	static char name[64];

	(void)snprintf(name, sizeof name, "%s", dbname);
	a_db = (struct site_db){ .name = name, .dbname = name, .port = 5432 };
	w.site = &a_site;
	w.db = &a_db;
	w.host = "otc-db";
	w.user = "backup";
	w.port = 5432;
	return w;
}

static const char *
word_with(const struct dump *d, const char *beginning)
{
	for (size_t i = 0; i < d->argv.n && d->argv.v[i] != NULL; i++)
		if (strncmp(d->argv.v[i], beginning, strlen(beginning)) == 0)
			return d->argv.v[i];
	return "";
}

static void
a_connection_string_quotes_whatever_is_in_a_name(void **state)
{
	static const struct {
		const char *name, *quoted;
	} rows[] = {
		{ "otc", "dbname='otc'" },
		{ "-Fc", "dbname='-Fc'" },
		{ "host=x", "dbname='host=x'" },
		{ "it's", "dbname='it\\'s'" },
		{ "a\\b", "dbname='a\\\\b'" },
		{ "a\nb", "dbname='a\nb'" },
		{ "", "dbname=''" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct way w = a_way(rows[i].name);
		struct buf b = BUF_INIT;

		way_conninfo(&w, NULL, &b);
		assert_non_null(strstr(b.p, rows[i].quoted));
		assert_non_null(strstr(b.p, "host='otc-db'"));
		buf_release(&b);
	}
}

static void
a_secret_is_one_line_that_fits_only_by_its_password(void **state)
{
	struct way w = a_way("otc");
	struct buf b = BUF_INIT;

	(void)state;
	way_secret(&w, &b);
	assert_int_equal(b.n, 0);
	buf_str(&w.password, "a:b\\c");
	way_secret(&w, &b);
	assert_string_equal(b.p, "*:*:*:*:a\\:b\\\\c\n");
	buf_release(&b);
	buf_release(&w.password);
}

static void
a_dump_cannot_be_timed_out_and_names_no_secret(void **state)
{
	struct way w = a_way("otc");
	struct dump_tools t = { "/x/pg_dump", "/x/pg_dumpall", "17.1",
		"/x/pg_restore" };
	struct db_facts facts = { .version_num = 170001 };
	struct dump d = { .ok_exits = 0 };
	const char *info;

	(void)state;
	buf_str(&w.password, "hush");
	dump_database(&d, &w, &t, &facts, NULL);
	info = word_with(&d, "--dbname=");
	assert_non_null(strstr(info, "-c statement_timeout=0"));
	assert_non_null(strstr(info, "-c idle_session_timeout=0"));
	assert_non_null(strstr(info, "-c transaction_timeout=0"));
	for (size_t i = 0; d.argv.v[i] != NULL; i++)
		assert_null(strstr(d.argv.v[i], "hush"));
	assert_string_equal(d.env[0], "PGPASSFILE={passfile}");
	assert_string_equal(d.proof.v[0], "/x/pg_restore");
	assert_null(d.proof.v[2]);
	dump_release(&d);
	/* older servers do not know them, and would refuse the session */
	facts.version_num = 130000;
	dump_database(&d, &w, &t, &facts, NULL);
	assert_null(strstr(word_with(&d, "--dbname="), "idle_session_timeout"));
	dump_release(&d);
	buf_release(&w.password);
}

static void
who_is_no_superuser_saves_roles_without_passwords(void **state)
{
	struct way w = a_way("host=x");
	struct dump_tools t = { "pg_dump", "pg_dumpall", "15.1", NULL };
	struct db_facts facts = { .version_num = 150001 };
	struct dump d = { .ok_exits = 0 };

	(void)state;
	dump_globals(&d, &w, &t, &facts);
	assert_string_not_equal(word_with(&d, "--no-role-passwords"), "");
	assert_string_equal(word_with(&d, "--database="),
	    "--database=dbname='host=x'");
	dump_release(&d);
	facts.super = true;
	dump_globals(&d, &w, &t, &facts);
	assert_string_equal(word_with(&d, "--no-role-passwords"), "");
	dump_release(&d);
}

static void
no_path_of_a_component_can_be_an_option(void **state)
{
	static char *paths[] = { "-rf", "/srv/app", "/--checkpoint-action=x",
		"/" };
	struct site_component c = { .files = { .v = paths, .n = 4 } };
	struct dump d = { .ok_exits = 0 };
	static const char *const want[] = { "env", "LC_ALL=C", "tar", "-c",
		"-f", "-", "./-rf", "-C", "/", "srv/app", "-C", "/",
		"./--checkpoint-action=x", "-C", "/", "." };

	(void)state;
	dump_component(&d, &a_site, &c);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_string_equal(d.argv.v[i], want[i]);
	assert_null(d.argv.v[sizeof want / sizeof *want]);
	dump_release(&d);
}

static void
tars_first_exit_is_fine_only_for_files_that_changed(void **state)
{
	(void)state;
	assert_true(dump_tar_changed("tar: a: file changed as we read it\n"));
	assert_true(dump_tar_changed("tar: a: file changed as we read it\n"
	    "tar: b: File removed before we read it\n"));
	assert_false(dump_tar_changed("tar: a: file changed as we read it\n"
	    "tar: c: Cannot open: Permission denied\n"));
	assert_false(dump_tar_changed(""));
}

static void
what_programs_say_leads_somewhere(void **state)
{
	(void)state;
	assert_non_null(strstr(dump_next("pg_dump: error: aborting because of "
	    "server version mismatch"), "client programs"));
	assert_non_null(strstr(dump_next("ERROR:  canceling statement due to "
	    "statement timeout"), "midwatch locks"));
	assert_null(dump_next("something else"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_connection_string_quotes_whatever_is_in_a_name),
		cmocka_unit_test(
		    a_secret_is_one_line_that_fits_only_by_its_password),
		cmocka_unit_test(a_dump_cannot_be_timed_out_and_names_no_secret),
		cmocka_unit_test(
		    who_is_no_superuser_saves_roles_without_passwords),
		cmocka_unit_test(no_path_of_a_component_can_be_an_option),
		cmocka_unit_test(
		    tars_first_exit_is_fine_only_for_files_that_changed),
		cmocka_unit_test(what_programs_say_leads_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
