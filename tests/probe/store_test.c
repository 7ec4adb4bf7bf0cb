#include "tests/probe/hosts.h"

extern const struct probe probe_store;

static int port, etm_port, files_port;
static bool mounts, far_mounts;

static void
servers(void)
{
	port = kit_sshd("plain.conf", "", false);
	etm_port = kit_sshd("etm.conf",
	    "MACs hmac-sha2-256-etm@openssh.com\nCiphers aes256-gcm@openssh.com",
	    false);
	files_port = kit_sshd("files.conf", "ForceCommand internal-sftp",
	    false);
}

static int
start(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	if (geteuid() == 0)
		far_mounts = mounts = hosts_own_mounts();
	if (kit_keys())
		servers();
	/* what an ordinary user mounts from here on no server sees */
	if (geteuid() != 0)
		mounts = hosts_own_mounts();
	return 0;
}

static int
stop(void **state)
{
	hosts_clear();
	if (mounts)
		hosts_unmount();
	return kit_stop(state);
}

static const char *const ways[] = { "here", "sftp", "system", "files" };
enum { WAYS = 4 };

static bool
can_be_read(size_t way)
{
	test_case(ways[way]);
	if (way > 0 && !port)
		print_message("# there is no sshd here\n");
	return way == 0 || port;
}

static void
site_of(size_t way, const char *path, const char *more)
{
	int ports[] = { 0, port, etm_port, files_port };

	if (way == 0)
		hosts_site("stores = ( { name = \"s\"; path = \"%s\"; } );\n%s",
		    path, more);
	else
		hosts_site("places = ( %s );\nstores = ( { name = \"s\"; at ="
		    " \"box\"; path = \"%s\"; } );\n%s", hosts_place("box",
		    ports[way], ""), path, more);
}

#define TO "backup = { to = ( \"s\" ); "

static void
a_good_store_is_good_everywhere(void **state)
{
	char dir[PATH_MAX];

	(void)state;
	snprintf(dir, sizeof dir, "%s", test_path("good store"));
	mkdir(dir, 0755);
	for (size_t way = 0; way < WAYS; way++) {
		struct reading *r;

		if (!can_be_read(way))
			continue;
		site_of(way, dir, TO "min_free = \"1MB\"; };");
		r = hosts_read(&probe_store, "s");
		assert_int_equal(r->level, LEVEL_OK);
		HAS(r->text, " left of ");
		assert_true(DATA_BOOL(r, "there") && DATA_BOOL(r, "room") &&
		    DATA_BOOL(r, "wanted"));
		assert_int_equal(DATA_INT(r, "min_free"), 1 << 20);
		assert_true(DATA_INT(r, "avail") > 0);
		/* a server of files alone cannot be asked */
		if (way == 3)
			assert_null(json_object_get(r->data, "writable"));
		else
			assert_true(DATA_BOOL(r, "writable"));
	}
}

static void
a_store_that_is_missing_is_told_how_to_be_made(void **state)
{
	char dir[PATH_MAX];

	(void)state;
	snprintf(dir, sizeof dir, "%s", test_path("it's not there"));
	for (size_t way = 0; way < WAYS; way++) {
		struct reading *r;

		if (!can_be_read(way))
			continue;
		site_of(way, dir, TO "};");
		r = hosts_read(&probe_store, "s");
		assert_int_equal(r->level, LEVEL_CRITICAL);
		assert_false(DATA_BOOL(r, "there"));
		HAS(r->text, "there is no '");
		HAS(r->text, way == 0 ? "at this host" : "at box");
		HAS(r->next, "mkdir -p '");
		HAS(r->next, "/it'\\''s not there'");
	}
}

static void
a_file_is_no_store_and_a_link_to_a_folder_is_one(void **state)
{
	char file[PATH_MAX], link[PATH_MAX];

	(void)state;
	snprintf(file, sizeof file, "%s", test_write("file", "x"));
	snprintf(link, sizeof link, "%s", test_path("link"));
	assert_int_equal(symlink(test_dir(), link), 0);
	for (size_t way = 0; way < WAYS; way++) {
		struct reading *r;

		if (!can_be_read(way))
			continue;
		site_of(way, file, TO "};");
		r = hosts_read(&probe_store, "s");
		assert_int_equal(r->level, LEVEL_CRITICAL);
		HAS(r->text, "is no folder");
		site_of(way, link, TO "};");
		r = hosts_read(&probe_store, "s");
		assert_int_equal(r->level, LEVEL_OK);
	}
}

static void
what_must_arrive_is_worse_than_what_may(void **state)
{
	static const struct { const char *backup; enum level level; } rows[] = {
		{ TO "};", LEVEL_CRITICAL },
		{ "backup = { emergency = { to = ( \"s\" ); }; };",
			LEVEL_CRITICAL },
		{ "backup = { also = ( \"s\" ); };", LEVEL_WARNING },
		{ "", LEVEL_WARNING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i].backup);
		site_of(0, "/nowhere", rows[i].backup);
		assert_int_equal(hosts_read(&probe_store, "s")->level,
		    rows[i].level);
	}
}

static void
too_little_room_is_said_with_what_is_wanted(void **state)
{
	static const struct {
		const char *wants, *text;
		bool room;
	} rows[] = {
		{ "min_free = \"4MB\";", "5.0 MB left of 8.0 MB", true },
		{ "min_free = \"5MB\";", "5.0 MB left of 8.0 MB", true },
		{ "min_free = \"6MB\";",
			"5.0 MB left of 8.0 MB, a backup wants 6.0 MB", false },
		{ "min_free_percent = 62;", "5.0 MB left of 8.0 MB", true },
		{ "min_free_percent = 63;",
			"5.0 MB left of 8.0 MB, a backup wants 63 %", false },
		{ "min_free = \"6MB\"; min_free_percent = 80;",
			"a backup wants 6.0 MB and 80 %", false },
	};
	const char *dir = hosts_tmpfs("room", "size=8m");

	(void)state;
	if (!mounts || dir == NULL) {
		test_skip("no tmpfs can be mounted here");
		return;
	}
	hosts_fill(dir, "f", 3 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reading *r;
		char more[128];

		test_case(rows[i].wants);
		snprintf(more, sizeof more, TO "%s };", rows[i].wants);
		site_of(0, dir, more);
		r = hosts_read(&probe_store, "s");
		assert_int_equal(r->level, rows[i].room ? LEVEL_OK :
		    LEVEL_CRITICAL);
		assert_int_equal(DATA_BOOL(r, "room"), rows[i].room);
		HAS(r->text, rows[i].text);
		if (!rows[i].room)
			assert_string_equal(r->next, "midwatch cleanup --plan");
	}
}

static void
a_store_that_cannot_be_written_is_no_store(void **state)
{
	const char *dir = hosts_tmpfs("ro", "size=1m");

	(void)state;
	if (!mounts || dir == NULL) {
		test_skip("no tmpfs can be mounted here");
		return;
	}
	assert_int_equal(mount("none", dir, NULL, MS_REMOUNT | MS_RDONLY,
	    "size=1m"), 0);
	for (size_t way = 0; way < WAYS; way++) {
		struct reading *r;

		if (!can_be_read(way) || (way > 0 && !far_mounts))
			continue;
		site_of(way, dir, TO "};");
		r = hosts_read(&probe_store, "s");
		assert_int_equal(r->level, LEVEL_CRITICAL);
		assert_true(DATA_BOOL(r, "read_only"));
		HAS(r->text, "its file system is read-only");
		if (way != 3) {
			assert_false(DATA_BOOL(r, "writable"));
			HAS(r->text, "cannot be written");
		}
	}
}

static void
a_folder_of_somebody_else_cannot_be_written(void **state)
{
	struct reading *r;

	(void)state;
	if (geteuid() == 0) {
		test_skip("root may write everywhere");
		return;
	}
	site_of(0, "/usr", TO "};");
	r = hosts_read(&probe_store, "s");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "'/usr' at this host cannot be written");
}

static void
a_store_that_cannot_be_reached_keeps_what_was_known(void **state)
{
	struct reading *r;

	(void)state;
	hosts_site("places = ( { name = \"box\"; ssh = \"x@127.0.0.1\"; port ="
	    " 1; } );\nstores = ( { name = \"s\"; at = \"box\"; path = \"/x\";"
	    " } );");
	r = hosts_read(&probe_store, "s");
	assert_int_equal(r->level, LEVEL_UNKNOWN);
	HAS(r->error, "box: ");
	/* empty: the feed shows the last one's with its age */
	assert_int_equal(json_object_size(r->data), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_good_store_is_good_everywhere),
	cmocka_unit_test(a_store_that_is_missing_is_told_how_to_be_made),
	cmocka_unit_test(a_file_is_no_store_and_a_link_to_a_folder_is_one),
	cmocka_unit_test(what_must_arrive_is_worse_than_what_may),
	cmocka_unit_test(too_little_room_is_said_with_what_is_wanted),
	cmocka_unit_test(a_store_that_cannot_be_written_is_no_store),
	cmocka_unit_test(a_folder_of_somebody_else_cannot_be_written),
	cmocka_unit_test(a_store_that_cannot_be_reached_keeps_what_was_known),
};

int
main(void)
{
	return cmocka_run_group_tests_name("store_test", tests, start, stop);
}
