#include "tests/pg/kit.h"

#include "pg/schema.h"

static struct kit_pg box;

static int
start(void **state)
{
	(void)state;
	if (kit_pg_start(&box, "pg", ""))
		kit_psql(&box, "CREATE ROLE backup LOGIN; CREATE ROLE \"o'd\" "
		    "LOGIN; CREATE SCHEMA shut; CREATE TABLE shut.a (i int); "
		    "GRANT SELECT ON shut.a TO backup; "
		    "CREATE TABLE open_to (i int); "
		    "GRANT SELECT ON open_to TO backup; "
		    "CREATE TABLE \"No Way\" (i serial); "
		    "CREATE TABLE seen (i int); "
		    "GRANT SELECT ON seen TO backup; "
		    "ALTER TABLE seen ENABLE ROW LEVEL SECURITY; "
		    "CREATE VIEW v AS SELECT 1; SELECT lo_create(7777)");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	kit_pg_end(&box);
	return 0;
}

static void
look(const char *as, const char *role, struct schema *s)
{
	struct pg_spec spec = { .name = "arp", .host = box.dir,
		.port = box.port, .user = as, .dbname = "postgres" };
	struct err e = ERR_INIT;
	struct pg *db = pg_open(&spec, clock_mono_ms() + 20000, &e);

	if (db == NULL || !schema_look(db, role, clock_mono_ms() + 20000, s,
	    &e))
		fail_msg("%s", e.msg);
	pg_close(db);
}

static void
everything_that_cannot_be_read_is_named(void **state)
{
	static const struct {
		const char *kind, *name, *grant;
	} want[] = {
		{ "schema", "shut", "GRANT USAGE ON SCHEMA shut TO backup" },
		{ "table", "public.\"No Way\"",
		    "GRANT SELECT ON TABLE public.\"No Way\" TO backup" },
		{ "sequence", "public.\"No Way_i_seq\"", "GRANT SELECT ON "
		    "SEQUENCE public.\"No Way_i_seq\" TO backup" },
		{ "rows", "public.seen", "ALTER ROLE backup BYPASSRLS" },
		{ "large objects", "1", "SELECT format('GRANT SELECT ON LARGE "
		    "OBJECT %s TO backup', oid) FROM pg_largeobject_metadata "
		    "\\gexec" },
	};
	struct schema s = { 0 };
	struct buf names = BUF_INIT;

	(void)state;
	NEED_PG(&box);
	look("backup", NULL, &s);
	assert_string_equal(s.role, "backup");
	assert_int_equal(s.total, sizeof want / sizeof *want);
	for (size_t i = 0; i < s.v.n; i++) {
		test_case(want[i].kind);
		assert_string_equal(s.v.v[i].kind, want[i].kind);
		assert_string_equal(s.v.v[i].name, want[i].name);
		assert_string_equal(s.v.v[i].grant, want[i].grant);
	}
	assert_null(s.cure);
	schema_names(&s, 2, &names);
	assert_string_equal(names.p, "schema shut, table public.\"No Way\" "
	    "and 3 more");
	buf_release(&names);
	schema_release(&s);
}

static void
another_role_is_asked_about_by_who_may_not_be_it(void **state)
{
	struct schema s = { 0 };

	(void)state;
	NEED_PG(&box);
	look("postgres", "o'd", &s);
	assert_string_equal(s.role, "o'd");
	assert_true(s.total > 5);
	schema_release(&s);
	look("postgres", NULL, &s);
	assert_int_equal(s.total, 0);
	schema_release(&s);
}

static void
the_grants_mend_it(void **state)
{
	struct schema s = { 0 };

	(void)state;
	NEED_PG(&box);
	look("backup", NULL, &s);
	for (size_t i = 0; i < s.v.n; i++)
		if (strcmp(s.v.v[i].kind, "large objects") != 0)
			kit_psql(&box, s.v.v[i].grant);
	schema_release(&s);
	kit_psql(&box, "GRANT SELECT ON LARGE OBJECT 7777 TO backup");
	look("backup", NULL, &s);
	assert_int_equal(s.total, 0);
	schema_release(&s);
	kit_psql(&box, "CREATE TABLE more (i int)");
	look("backup", NULL, &s);
	assert_int_equal(s.total, 1);
	assert_string_equal(s.cure, "GRANT pg_read_all_data TO \"backup\"");
	kit_psql(&box, s.cure);
	schema_release(&s);
	look("backup", NULL, &s);
	assert_int_equal(s.total, 0);
	schema_release(&s);
}

static void
a_role_that_is_not_there_is_said(void **state)
{
	struct pg_spec spec = { .name = "arp", .host = box.dir,
		.port = box.port, .user = "postgres", .dbname = "postgres" };
	struct err e = ERR_INIT;
	struct schema s = { 0 };
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	db = pg_open(&spec, clock_mono_ms() + 20000, &e);
	assert_non_null(db);
	assert_false(schema_look(db, "nobody", clock_mono_ms() + 20000, &s,
	    &e));
	assert_int_equal(e.kind, ERR_NOTFOUND);
	pg_close(db);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(everything_that_cannot_be_read_is_named),
	cmocka_unit_test(another_role_is_asked_about_by_who_may_not_be_it),
	cmocka_unit_test(the_grants_mend_it),
	cmocka_unit_test(a_role_that_is_not_there_is_said),
};

int
main(void)
{
	return cmocka_run_group_tests_name(program_invocation_short_name,
	    tests, start, stop);
}
