/*
 * Databases behind a place: a real sshd carries the connection, and whatever
 * goes wrong on the way has a reading that says where.
 */
#include "base/proc.h"
#include "tests/pg/kit.h"
#include "tests/probe/crowd.h"
#include "tests/probe/hosts.h"

static struct kit_pg box;
static int port;

static int
start(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	unsetenv("PGPASSWORD");
	kit_pg_start(&box, "pg", "");
	if (kit_keys())
		port = kit_sshd("plain.conf", "", false);
	return 0;
}

static int
stop(void **state)
{
	kit_pg_end(&box);
	return kit_stop(state);
}

#define NEED_BOTH							\
	do {								\
		NEED_PG(&box);						\
		if (!port) {						\
			test_skip("there is no sshd here");		\
			return;						\
		}							\
	} while (0)

static void
behind(struct buf *b, const char *name, int db_port, const char *through)
{
	buf_printf(b, "%s{ name = \"%s\"; host = \"127.0.0.1\"; port = %d; "
	    "dbname = \"postgres\"; user = \"postgres\"; %s%s%s }",
	    b->n > 0 ? ", " : "", name, db_port,
	    through ? "through = \"" : "", through ? through : "",
	    through ? "\";" : "");
}

/* Processes of ours that stand, without the kit's own. */
static size_t
below(void)
{
	return proc_signal_below(getpid(), 0);
}

static void
a_database_behind_a_place_is_read_through_one_tunnel(void **state)
{
	struct buf dbs = BUF_INIT;
	struct drive d;
	size_t before;

	(void)state;
	NEED_BOTH;
	before = below();
	behind(&dbs, "otc", box.port, "bastion");
	behind(&dbs, "gps", box.port, "bastion");
	drive_site(&d, hosts_place("bastion", port, ""), dbs.p);
	buf_release(&dbs);
	d.eye.once = true;
	drive_go(&d);
	for (int i = 0; i < 2; i++) {
		const struct reading *r = reading_of(&d, i ? "gps" : "otc");

		assert_int_equal(r->level, LEVEL_OK);
		assert_string_equal(word(r, "through"), "bastion");
		has(r->text, "primary, PostgreSQL 15.");
	}
	drive_end(&d);
	for (int i = 0; i < 100 && below() > before; i++)
		clock_sleep_ms(50);
	assert_in_range(below(), 0, before);
}

static void
a_place_that_does_not_answer_delays_nobody_else(void **state)
{
	struct buf dbs = BUF_INIT;
	char *places;
	const struct reading *r;
	struct drive d;
	int mute = 0, fd = kit_listen(&mute);

	(void)state;
	NEED_BOTH;
	behind(&dbs, "far", box.port, "mute");
	behind(&dbs, "otc", box.port, "bastion");
	behind(&dbs, "near", box.port, NULL);
	places = xprintf("%s, %s", hosts_place("bastion", port, ""),
	    hosts_place("mute", mute, ""));
	drive_site(&d, places, dbs.p);
	free(places);
	buf_release(&dbs);
	d.eye.once = true;
	d.deadline_ms = 3000;
	drive_go(&d);
	assert_int_equal(reading_of(&d, "near")->level, LEVEL_OK);
	assert_in_range(reading_of(&d, "near")->took_ms, 0, 1500);
	assert_int_equal(reading_of(&d, "otc")->level, LEVEL_OK);
	r = reading_of(&d, "far");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_string_equal(word(r, "no"), "tunnel");
	has(r->text, "no way to 127.0.0.1:");
	has(r->text, "through 'mute'");
	assert_in_range(r->took_ms, 2500, 3500);
	drive_end(&d);
	close(fd);
}

static void
a_place_that_refuses_says_why_and_is_not_asked_again_at_once(void **state)
{
	struct buf dbs = BUF_INIT;
	const struct reading *r;
	struct drive d;
	char *place;

	(void)state;
	NEED_BOTH;
	behind(&dbs, "otc", box.port, "bastion");
	/* its host key is not known */
	place = xprintf("{ name = \"bastion\"; ssh = \"%s@127.0.0.1\"; "
	    "port = %d; identity = \"%s\"; known_hosts = \"%s\"; }",
	    who_am_i()->login, port, test_path("userkey"),
	    test_write("nobody", ""));
	drive_site(&d, place, dbs.p);
	free(place);
	buf_release(&dbs);
	d.want = 3;
	drive_go(&d);
	r = reading_of(&d, "otc");
	assert_int_equal(d.reads, 3);
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_string_equal(word(r, "no"), "tunnel");
	has(r->text, "host key");
	/* the last read repeats what the first one learned */
	assert_in_range(r->took_ms, 0, 100);
	drive_end(&d);
}

static void
a_far_end_where_nothing_listens_is_told_by_the_tunnel(void **state)
{
	struct buf dbs = BUF_INIT;
	const struct reading *r;
	struct drive d;
	int closed = 0;

	(void)state;
	NEED_BOTH;
	close(kit_listen(&closed));
	behind(&dbs, "otc", closed, "bastion");
	drive_site(&d, hosts_place("bastion", port, ""), dbs.p);
	buf_release(&dbs);
	d.eye.once = true;
	drive_go(&d);
	r = reading_of(&d, "otc");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_string_equal(word(r, "no"), "unreachable");
	has(r->text, "no answer from there; the tunnel says: 'bastion' cannot "
	    "connect to 127.0.0.1 port ");
	assert_string_not_equal(word(r, "tunnel"), "");
	drive_end(&d);
}

static void
cut(struct drive *d, struct reading *r)
{
	if (r->level != LEVEL_OK)
		fail_msg("read %d: %s", d->reads, r->text);
	/* the sessions, not the one that listens */
	if (d->reads == 2)
		assert_true(proc_signal_below(kit.pids[0], SIGKILL) > 0);
}

static void
a_connection_that_is_cut_is_made_again_within_the_read(void **state)
{
	struct buf dbs = BUF_INIT;
	struct drive d;

	(void)state;
	NEED_BOTH;
	behind(&dbs, "otc", box.port, "bastion");
	drive_site(&d, hosts_place("bastion", port, ""), dbs.p);
	buf_release(&dbs);
	d.want = 4;
	d.between = cut;
	drive_go(&d);
	assert_int_equal(d.reads, 4);
	drive_end(&d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_database_behind_a_place_is_read_through_one_tunnel),
	cmocka_unit_test(a_place_that_does_not_answer_delays_nobody_else),
	cmocka_unit_test(
	    a_place_that_refuses_says_why_and_is_not_asked_again_at_once),
	cmocka_unit_test(a_far_end_where_nothing_listens_is_told_by_the_tunnel),
	cmocka_unit_test(a_connection_that_is_cut_is_made_again_within_the_read),
};

int
main(void)
{
	return cmocka_run_group_tests_name("watch_postgres_way_test", tests,
	    start, stop);
}
