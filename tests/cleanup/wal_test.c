#include "cleanup/wal.h"
#include "tests/test.h"

#define GB (1LL << 30)

static char said[2048];

static bool
say(const char *json, int64_t used)
{
	struct reading r;
	struct buf b = BUF_INIT;
	bool some;

	reading_init(&r, "database", "otc");
	json_decref(r.data);
	r.data = json_read(json, strlen(json), NULL);
	assert_non_null(r.data);
	some = wal_say(&r, used, &b);
	snprintf(said, sizeof said, "%s", b.p);
	buf_release(&b);
	reading_release(&r);
	return some;
}

static void
has(const char *part)
{
	if (strstr(said, part) == NULL)
		print_message("# %s\n", said);
	assert_non_null(strstr(said, part));
}

static void
a_usual_pg_wal_is_nothing_to_speak_of(void **state)
{
	(void)state;
	assert_false(say("{}", 0));
	assert_false(say("{\"wal_size\":1073741824,"
	    "\"max_wal_size\":1073741824}", 0));
	assert_false(say("{\"wal_size\":1073741824,"
	    "\"max_wal_size\":1073741824}", 100 * GB));
	/* much has just been written, and no disk wants room */
	assert_false(say("{\"wal_size\":10737418240,"
	    "\"max_wal_size\":1073741824}", 0));
	/* a slot that keeps what is there anyway */
	assert_false(say("{\"wal_size\":33554432,\"max_wal_size\":1073741824,"
	    "\"slots\":[{\"name\":\"standby\",\"active\":true,\"held\":"
	    "16777216}]}", 0));
}

static void
what_holds_it_is_named_with_the_way_out(void **state)
{
	(void)state;
	assert_true(say("{\"wal_size\":10737418240,\"max_wal_size\":1073741824,"
	    "\"archiver_failing\":true,\"last_failed_wal\":"
	    "\"000000010000000000000007\",\"wal_ready\":600}", 0));
	has("pg_wal of otc has 10.0 GB, and is never cleaned");
	has("archiving fails at 000000010000000000000007, and 600 files wait: "
	    "mend archive_command");
	has("CHECKPOINT lets the server remove it");
	assert_true(say("{\"wal_size\":10737418240,\"max_wal_size\":1073741824,"
	    "\"slots\":[{\"name\":\"old_standby\",\"active\":false,\"held\":"
	    "9663676416},{\"name\":\"small\",\"active\":true,\"held\":1}]}",
	    0));
	has("the slot 'old_standby' keeps 9.0 GB and is read by nobody");
	has("SELECT pg_drop_replication_slot('old_standby')");
	assert_null(strstr(said, "small"));
	assert_true(say("{\"wal_size\":10737418240,\"max_wal_size\":1073741824,"
	    "\"wal_keep_size\":8589934592}", 0));
	has("wal_keep_size keeps 8.0 GB");
	assert_true(say("{\"wal_size\":10737418240,\"max_wal_size\":1073741824}",
	    20 * GB));
	has("nothing is seen to hold it: CHECKPOINT lets the server remove");
	assert_null(strstr(said, "; then"));
}

static void
it_counts_when_it_is_much_of_a_full_disk(void **state)
{
	(void)state;
	assert_true(say("{\"wal_size\":1073741824,\"max_wal_size\":1073741824}",
	    4 * GB));
	has("it may have up to 1.0 GB: ALTER SYSTEM SET max_wal_size");
	assert_null(strstr(said, "then CHECKPOINT"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_usual_pg_wal_is_nothing_to_speak_of),
	cmocka_unit_test(what_holds_it_is_named_with_the_way_out),
	cmocka_unit_test(it_counts_when_it_is_much_of_a_full_disk),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
