#include "tests/pg/kit.h"

#include <poll.h>

#include "base/clock.h"
#include "base/text.h"
#include "pg/pg.h"

static struct kit_pg box;

static int
start(void **state)
{
	(void)state;
	if (kit_pg_start(&box, "pg", ""))
		kit_psql(&box, "CREATE ROLE backup LOGIN");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	kit_pg_end(&box);
	return 0;
}

static int64_t
in(int ms)
{
	return clock_mono_ms() + ms;
}

static struct pg *
opened(void)
{
	struct pg_spec spec = { .name = "otc", .host = box.dir,
		.port = box.port, .user = "backup", .dbname = "postgres" };
	struct err e = ERR_INIT;
	struct pg *db = pg_open(&spec, in(10000), &e);

	if (db == NULL)
		fail_msg("%s", e.msg);
	return db;
}

static void
a_question_is_answered(void **state)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	db = opened();
	if (!pg_query(db, "SELECT $1::text, 42, true, NULL", (const char *[])
	    { "it's" }, 1, in(5000), &rows, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(pg_at(&rows, 0, 0), "it's");
	assert_int_equal(pg_int(&rows, 0, 1, -1), 42);
	assert_true(pg_bool(&rows, 0, 2));
	assert_null(pg_at(&rows, 0, 3));
	pg_rows_release(&rows);
	pg_close(db);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_question_is_answered),
};

int
main(void)
{
	return cmocka_run_group_tests_name("pg_query_test", tests, start, stop);
}
