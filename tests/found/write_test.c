#include "tests/found/kit.h"

#include <unistd.h>

#include "base/text.h"
#include "site/site.h"

static struct found f;
static struct found_wish w;
static struct buf text;
static struct site site;

static int
begin(void **state)
{
	(void)state;
	f = (struct found){ .zone = "Africa/Lagos", .host_name = "db1" };
	w = (struct found_wish){ .name = "s", .environment = "test",
	    .store = "/var/backups/midwatch", .nightly = 90 };
	text = (struct buf)BUF_INIT;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	found_wish_release(&w);
	found_release(&f);
	buf_release(&text);
	site_release(&site);
	return 0;
}

static void
write_it(void)
{
	struct err e = ERR_INIT;

	site_release(&site);
	if (!found_write(&f, &w, "/x/midwatch.cfg", &text, &e))
		fail_msg("%s\n%s", e.msg, text.p);
	assert_true(site_parse(&site, "/x/midwatch.cfg", text.p, text.n));
}

static struct found_thing *
add(enum found_kind kind, const char *name, const char *host, int64_t port)
{
	struct found_thing *t = found_add(&f, kind);

	t->name = found_str(&f, name);
	t->host = found_str(&f, host);
	t->port = port;
	t->ok = t->strong = true;
	return t;
}

static void
login(const char *host, int64_t port, const char *name, const char *user)
{
	struct found_thing *t = add(FOUND_LOGIN, name, host, port);

	t->user = user;
	t->path = "/home/u/.pgpass";
}

/* ---- names ---------------------------------------------------------------------- */

static void
names_are_made_of_what_may_stand(void **state)
{
	static const struct { const char *wish, *hint, *got; } t[] = {
		{ "otc", NULL, "otc" }, { "otc", "db2", "otc-db2" },
		{ "otc", "db2", "otc-2" }, { "otc", NULL, "otc-3" },
		{ "", NULL, "db" }, { "-Fc", NULL, "Fc" }, { "здесь", NULL,
		"db-2" }, { "globals", NULL, "db-globals" }, { "here", NULL,
		"db-here" }, { "manifest", NULL, "db-manifest" }, { "globalsx",
		NULL, "db-globalsx" }, { "a b\tc/d", NULL, "a-b-c-d" },
		{ "..x..", NULL, "x" }, { "e\033[2J", NULL, "e-2J" },
		{ NULL, NULL, "db-3" },
	};
	struct found_names n = { 0 };
	char lengthy[200];
	const char *a, *b;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		test_case(t[i].wish != NULL ? t[i].wish : "none");
		assert_string_equal(found_name(&n, t[i].wish, t[i].hint, "db"),
		    t[i].got);
	}
	memset(lengthy, 'x', sizeof lengthy);
	lengthy[sizeof lengthy - 1] = '\0';
	a = found_name(&n, lengthy, lengthy, "db");
	b = found_name(&n, lengthy, lengthy, "db");
	assert_true(text_is_name(a) && text_is_name(b));
	assert_string_not_equal(a, b);
	assert_string_not_equal(b, found_name(&n, lengthy, NULL, "db"));
	found_names_release(&n);
}

static void
strings_say_the_bytes_that_they_were(void **state)
{
	static const struct { const char *s, *quoted; } t[] = {
		{ "otc", "\"otc\"" }, { "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\n\t\x1b", "\"\\x0a\\x09\\x1b\"" }, { "здесь", "\"здесь\"" },
		{ "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"" },
		{ "\xff", "\"\\xff\"" }, { "", "\"\"" },
		{ "\xc3\xa9", "\"\xc3\xa9\"" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		test_case(t[i].s);
		buf_clear(&b);
		found_quote(&b, t[i].s);
		assert_string_equal(b.p, t[i].quoted);
	}
	buf_release(&b);
}

/* ---- the file ---------------------------------------------------------------------- */

static void
nothing_found_still_makes_a_site(void **state)
{
	(void)state;
	write_it();
	assert_string_equal(site.name, "s");
	assert_string_equal(site.timezone, "Africa/Lagos");
	assert_string_equal(site.environment, "test");
	assert_int_equal(site.schedule.nightly, 90);
	assert_int_equal(site_dbs(&site), 0);
	assert_int_equal(site_stores(&site), 1);
	assert_string_equal(site.backup.to.v[0], "local");
	assert_null(site.state);
}

static void
databases_come_with_their_ways_in(void **state)
{
	const struct site_db *db;
	struct found_thing *t;

	(void)state;
	t = add(FOUND_SERVER, "15/main", "/run/postgresql", 5432);
	t->path = "/var/lib/postgresql/15/main";
	t->user = "postgres";
	add(FOUND_DATABASE, "postgres", "/run/postgresql", 5432)->user =
	    "postgres";
	add(FOUND_DATABASE, "otc", "/run/postgresql", 5432)->user = "postgres";
	add(FOUND_DATABASE, "gps", "/run/postgresql", 5432)->user = "postgres";
	login("localhost", 0, "gps", "backup");
	login("*", 0, "*", "any");
	login("far.internal", 5433, "otc", "backup");
	login("far.internal", 5433, "otc", "second");
	login("far.internal", 5433, "replication", "r");
	write_it();
	assert_int_equal(site_dbs(&site), 3);
	db = site_db(&site, "otc");		/* works without a password */
	assert_string_equal(db->host, "/run/postgresql");
	assert_string_equal(db->user, "postgres");
	assert_null(db->passfile);
	db = site_db(&site, "gps");		/* is named by a line */
	assert_string_equal(db->host, "localhost");
	assert_string_equal(db->user, "backup");
	assert_string_equal(db->passfile, "/home/u/.pgpass");
	db = site_db(&site, "otc-far");
	assert_string_equal(db->dbname, "otc");
	assert_string_equal(db->host, "far.internal");
	assert_int_equal(db->port, 5433);
	assert_string_equal(db->user, "backup");
}

static void
the_maintenance_database_stands_when_it_is_alone(void **state)
{
	(void)state;
	add(FOUND_SERVER, NULL, "/tmp", 5433);
	add(FOUND_DATABASE, "postgres", "/tmp", 5433);
	write_it();
	assert_int_equal(site_dbs(&site), 1);
	assert_int_equal(site_db(&site, "postgres")->port, 5433);
}

static void
a_container_is_place_and_way_in(void **state)
{
	const struct site_db *db;
	struct found_thing *t;

	(void)state;
	t = add(FOUND_CONTAINER, "arp-db", "127.0.0.1", 5544);
	t->at = "podman";
	t->text = "postgres:16";
	t->user = "o\"wner";
	t = add(FOUND_DATABASE, "arp", "127.0.0.1", 5544);
	t->at = "arp-db";
	t = add(FOUND_CONTAINER, "-odd name", "127.0.0.1", 5545);
	t->at = "docker";
	t->text = "postgres:16";
	t = add(FOUND_DATABASE, "odd", "127.0.0.1", 5545);
	t->at = "-odd name";
	write_it();
	assert_int_equal(site_places(&site), 1);
	assert_int_equal(site_place(&site, "arp-db")->runtime, SITE_PODMAN);
	db = site_db(&site, "arp");
	assert_string_equal(db->dump_at, "arp-db");
	assert_string_equal(db->superuser.at, "arp-db");
	assert_string_equal(db->superuser.user, "o\"wner");
	assert_string_equal(db->user, "o\"wner");
	assert_int_equal(db->port, 5544);
	/* what is no place is nowhere to dump at */
	assert_null(site_db(&site, "odd")->dump_at);
}

static void
only_chosen_hosts_are_places(void **state)
{
	(void)state;
	add(FOUND_HOST, "bastion", "10.0.0.7", 2222)->user = "ops";
	add(FOUND_HOST, "nas", "nas.internal", 22)->user = "ops";
	add(FOUND_HOST, "other", "other", 22)->user = "ops";
	VEC_PUSH(&w.hosts, "bastion");
	VEC_PUSH(&w.hosts, "nas");
	w.store = "nas:/volume1/sets";
	write_it();
	assert_int_equal(site_places(&site), 2);
	assert_string_equal(site_place(&site, "bastion")->ssh, "ops@bastion");
	assert_int_equal(site_place(&site, "bastion")->port, 2222);
	assert_string_equal(site_store(&site, "nas")->at, "nas");
	assert_string_equal(site_store(&site, "nas")->path, "/volume1/sets");
	assert_string_equal(site.backup.to.v[0], "nas");
	w.store = "other:/x";		/* which was not taken */
	write_it();
	assert_int_equal(site_stores(&site), 0);
	assert_int_equal(site.backup.to.n, 0);
}

static void
disks_with_data_come_first(void **state)
{
	struct found_thing *t;

	(void)state;
	add(FOUND_DISK, "/dev/a", NULL, 0)->path = "/";
	add(FOUND_DISK, "/dev/b", NULL, 0)->path = "/srv";
	add(FOUND_DISK, "/dev/c", NULL, 0)->path = "/srv/pg data";
	add(FOUND_DISK, "/dev/d", NULL, 0)->path = "/boot/efi";
	add(FOUND_DISK, "/dev/e", NULL, 0)->path = "/media/stick";
	add(FOUND_DISK, "/dev/f", NULL, 0)->path = "/mnt/copies";
	for (size_t i = 0; i < f.things.n; i++)
		f.things.v[i].text = "ext4";
	add(FOUND_FOLDER, NULL, NULL, 0)->path = "/mnt/copies/x";
	t = add(FOUND_SERVER, "15/main", "/run", 5432);
	t->path = "/srv/pg data/15";
	w.store = "backups";
	write_it();
	assert_int_equal(site_disks(&site), 4);
	assert_string_equal(site_disk_at(&site, 0)->name, "srv-pg-data");
	assert_string_equal(site_disk_at(&site, 0)->path, "/srv/pg data");
	assert_string_equal(site_disk_at(&site, 1)->path, "/mnt/copies");
	assert_string_equal(site_disk_at(&site, 2)->name, "root");
	assert_null(site_disk(&site, "boot-efi"));
}

/* Bytes of every kind, also those that mean something to libconfig. */
static const char *
odd(unsigned *seed)
{
	static const char *const parts[] = { "otc", "\"", "\\", "\n", "#",
	    "//", "/*", "*/", "};", "),", "@include \"x\"", " ", "-", "~", "$x",
	    "\033[2J", "\xe2\x80\xae", "\xff", "д", "\x01", "'", "%s", "=",
	    "globals", ":", "/", ".", "\\x00", "\\\"", "\t", "here", "\x7f" };
	struct buf b = BUF_INIT;
	const char *ret;

	for (int n = rand_r(seed) % 5 + 1; n > 0; n--)
		buf_str(&b, parts[(size_t)rand_r(seed) % (sizeof parts /
		    sizeof *parts)]);
	ret = pool_str(&f.pool, b.p);
	buf_release(&b);
	return ret;
}

static void
whatever_was_found_the_file_loads(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int turn = 0; turn < 60; turn++) {
		for (int i = 0; i < 60; i++) {
			struct found_thing *t = found_add(&f,
			    (enum found_kind)(rand_r(&seed) %
			    FOUND_KIND_COUNT));

			t->name = odd(&seed);
			t->host = odd(&seed);
			t->port = rand_r(&seed) % 3;
			t->user = odd(&seed);
			t->path = odd(&seed);
			t->text = odd(&seed);
			t->via = t->when = t->owner = t->why = NULL;
			if (t->kind == FOUND_CONTAINER)
				t->at = "docker";
			t->ok = t->strong = rand_r(&seed) % 2;
			if (t->kind == FOUND_CONTAINER ||
			    t->kind == FOUND_HOST || !t->ok)
				t->why = t->ok ? NULL : odd(&seed);
			if (t->kind == FOUND_HOST && rand_r(&seed) % 2)
				VEC_PUSH(&w.hosts, t->name);
		}
		write_it();
		for (size_t i = 0; i < text.n; i++)
			assert_true((unsigned char)text.p[i] >= 0x20 ||
			    text.p[i] == '\n');
		assert_null(strstr(text.p, "\xe2\x80\xae"));
		f.things.n = 0;
		w.hosts.n = 0;
	}
}

/* ---- wishes ---------------------------------------------------------------------- */

static void
the_store_goes_where_dumps_are(void **state)
{
	struct found_thing *t;

	(void)state;
	found_wish_release(&w);
	t = add(FOUND_FOLDER, NULL, NULL, 0);
	t->path = "/var/backups";
	t->strong = false;
	t = add(FOUND_FOLDER, NULL, NULL, 0);
	t->path = "/closed";
	t->ok = false;
	t = add(FOUND_FOLDER, NULL, NULL, 0);
	t->path = "/srv/dumps";
	t->text = "2 files that look like dumps in it";
	found_wish(&f, &w);
	assert_string_equal(w.store, "/srv/dumps/midwatch");
	assert_non_null(strstr(w.store_why, "2 files"));
	found_wish_release(&w);
	f.things.n = 1;
	found_wish(&f, &w);
	assert_string_equal(w.store, "/var/backups/midwatch");
	found_wish_release(&w);
	f.things.n = 0;
	found_wish(&f, &w);
	assert_string_equal(w.store, "backups");
}

static void
the_nightly_goes_when_the_surest_backup_runs(void **state)
{
	struct found_thing *t;

	(void)state;
	t = add(FOUND_JOB, "rsync.timer", NULL, 0);
	t->text = "rsync";
	t->when = "04:00";
	t->strong = false;
	t = add(FOUND_JOB, "off.timer", NULL, 0);
	t->text = "pg_dump";
	t->when = "05:00";
	t->ok = false;
	found_wish(&f, &w);
	assert_int_equal(w.nightly, 240);
	found_wish_release(&w);
	t = add(FOUND_JOB, "/etc/crontab:5", NULL, 0);
	t->text = "pg_dump";
	t->when = "01:30";
	found_wish(&f, &w);
	assert_int_equal(w.nightly, 90);
	assert_non_null(strstr(w.nightly_why, "/etc/crontab:5"));
}

static void
hours_are_hours(void **state)
{
	static const struct { const char *s; int m; } t[] = {
		{ "02:00", 120 }, { "2:05", 125 }, { "23:59", 1439 },
		{ "24:00", -1 }, { "2", -1 }, { "2:5", -1 }, { "02:60", -1 },
		{ "", -1 }, { "02:00:00", -1 }, { "-2:00", -1 }, { " 2:00", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		int m = -1;

		test_case(t[i].s);
		assert_int_equal(found_clock(t[i].s, &m), t[i].m >= 0);
		assert_int_equal(m, t[i].m);
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)
static const struct CMUnitTest tests[] = {
	TEST(names_are_made_of_what_may_stand),
	TEST(strings_say_the_bytes_that_they_were),
	TEST(nothing_found_still_makes_a_site),
	TEST(databases_come_with_their_ways_in),
	TEST(the_maintenance_database_stands_when_it_is_alone),
	TEST(a_container_is_place_and_way_in),
	TEST(only_chosen_hosts_are_places),
	TEST(disks_with_data_come_first),
	TEST(whatever_was_found_the_file_loads),
	TEST(the_store_goes_where_dumps_are),
	TEST(the_nightly_goes_when_the_surest_backup_runs),
	TEST(hours_are_hours),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
