#include "place/intern.h"
#include "tests/probe/hosts.h"

extern const struct probe probe_disk;

static int port, etm_port, evil_port;
static bool mounts, far_mounts;

static void
servers(void)
{
	port = kit_sshd("plain.conf", "", false);
	etm_port = kit_sshd("etm.conf",
	    "MACs hmac-sha2-256-etm@openssh.com\nCiphers aes256-gcm@openssh.com",
	    false);
	evil_port = kit_sshd("evil.conf",
	    "MACs hmac-sha2-256-etm@openssh.com\n"
	    "ForceCommand printf '" EVIL_OCTAL "' >&2; exit 3", false);
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

#define NEED_MOUNT(path)						\
	do {								\
		if (!mounts || (path) == NULL) {			\
			test_skip("no tmpfs can be mounted here");	\
			return;						\
		}							\
	} while (0)

#define NEED_FAR_MOUNT							\
	do {								\
		if (!far_mounts) {					\
			test_skip("no tmpfs can be mounted here");	\
			return;						\
		}							\
	} while (0)

#define NEED_SSHD							\
	do {								\
		if (!port || !etm_port) {				\
			test_skip("there is no sshd here");		\
			return;						\
		}							\
	} while (0)

/* What df says in that column, for the same file system. */
static int64_t
df(const char *column, const char *path)
{
	char option[64];
	const char *argv[] = { "df", "-B1", option, path, NULL };
	struct ran ran = { 0 };
	struct err e = ERR_INIT;
	int64_t v = -1;
	char *s;

	snprintf(option, sizeof option, "--output=%s", column);
	if (!spawn_run(&(struct run){ .argv = argv }, &ran, &e))
		fail_msg("%s", e.msg);
	s = strchr(ran.out.p, '\n') + 1;
	s += strspn(s, " ");
	s[strcspn(s, "%\n")] = '\0';
	assert_true(text_int(s, 0, INT64_MAX, &v));
	ran_release(&ran);
	return v;
}

static void
it_counts_as_df_does(void **state)
{
	const char *dir = hosts_tmpfs("df", "size=16m,nr_inodes=100");
	static const size_t kb[] = { 0, 4, 1000, 5000, 7000, 3000, 380 };

	(void)state;
	NEED_MOUNT(dir);
	hosts_site("disks = ( { name = \"d\"; path = \"%s\"; } );", dir);
	for (size_t i = 0; i < sizeof kb / sizeof *kb; i++) {
		struct reading *r;

		hosts_fill(dir, "some", kb[i] << 10);
		r = hosts_read(&probe_disk, "d");
		assert_int_equal(DATA_INT(r, "percent"), df("pcent", dir));
		assert_int_equal(DATA_INT(r, "used"), df("used", dir));
		assert_int_equal(DATA_INT(r, "avail"), df("avail", dir));
		assert_int_equal(DATA_INT(r, "total"), df("size", dir));
		assert_int_equal(DATA_INT(r, "inodes_used"), df("iused", dir));
		assert_int_equal(DATA_INT(r, "inodes_free"), df("iavail", dir));
		assert_int_equal(DATA_INT(r, "inodes_percent"),
		    df("ipcent", dir));
		assert_int_equal(DATA_INT(r, "reserved"), 0);
	}
	assert_int_equal(DATA_INT(&hosts.r, "percent"), 100);
}

static void
three_thresholds_make_two_levels(void **state)
{
	const char *dir = hosts_tmpfs("levels", "size=4096k");
	static const struct {
		size_t more_kb;
		enum level level;
		const char *crossed, *text;
	} steps[] = {
		{ 2048, LEVEL_OK, NULL, "50 % full, 2.0 MB left" },
		{ 820, LEVEL_WARNING, "warn",
			"71 % full, 1.2 MB left (threshold 70)" },
		{ 616, LEVEL_WARNING, "high",
			"86 % full, 612 KB left (threshold 85)" },
		{ 408, LEVEL_CRITICAL, "critical",
			"96 % full, 204 KB left (threshold 95)" },
		{ 204, LEVEL_CRITICAL, "critical",
			"100 % full, 0 B left (threshold 95)" },
	};

	(void)state;
	NEED_MOUNT(dir);
	hosts_site("disks = ( { name = \"d\"; path = \"%s\"; } );", dir);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct reading *r;

		hosts_fill(dir, "f", steps[i].more_kb << 10);
		r = hosts_read(&probe_disk, "d");
		assert_int_equal(r->level, steps[i].level);
		assert_string_equal(r->text, steps[i].text);
		if (steps[i].crossed == NULL) {
			assert_null(DATA_STR(r, "crossed"));
			assert_null(r->next);
			continue;
		}
		assert_string_equal(DATA_STR(r, "crossed"), steps[i].crossed);
		assert_string_equal(r->next, "midwatch cleanup --plan");
	}
}

static void
a_disk_without_inodes_is_full(void **state)
{
	const char *dir = hosts_tmpfs("inodes", "size=4m,nr_inodes=40");
	struct reading *r;

	(void)state;
	NEED_MOUNT(dir);
	hosts_site("disks = ( { name = \"d\"; path = \"%s\"; } );", dir);
	for (int i = 0; i < 38; i++) {
		char name[16];

		snprintf(name, sizeof name, "%d", i);
		hosts_fill(dir, name, 0);
	}
	r = hosts_read(&probe_disk, "d");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_string_equal(DATA_STR(r, "crossed"), "critical");
	HAS(r->text, "98 % of the inodes used, 1 left (threshold 95); 0 % full");
}

static bool
ext4(const char *name, const char *options)
{
	char script[512];

	snprintf(script, sizeof script, "PATH=$PATH:/usr/sbin:/sbin; cd $1 && "
	    "truncate -s 16M %s.img && mkfs.ext4 -q %s %s.img && mkdir %s && "
	    "mount -o loop %s.img %s", name, options, name, name, name, name);
	return mounts && geteuid() == 0 && kit_sh(script);
}

static void
the_reserve_of_root_is_not_room(void **state)
{
	struct reading *r;

	(void)state;
	if (!ext4("reserve", "-m 50")) {
		test_skip("no ext4 can be mounted here");
		return;
	}
	hosts_site("disks = ( { name = \"d\"; path = \"%s\"; } );",
	    test_path("reserve"));
	r = hosts_read(&probe_disk, "d");
	assert_in_range(DATA_INT(r, "reserved"), 6 << 20, 10 << 20);
	assert_int_equal(DATA_INT(r, "free"), DATA_INT(r, "avail") +
	    DATA_INT(r, "reserved"));
	assert_int_equal(DATA_INT(r, "percent"), df("pcent",
	    test_path("reserve")));
	hosts_fill(test_path("reserve"), "f", (size_t)DATA_INT(r, "avail"));
	r = hosts_read(&probe_disk, "d");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "100 % full, 0 B left, ");
	HAS(r->text, " more for root alone (threshold 95)");
}

static const char ways[][8] = { "here", "sftp", "system" };

static void
site_of_ways(const char *path)
{
	hosts_site("places = ( %s, %s );\n"
	    "disks = ( { name = \"here\"; path = \"%s\"; },\n"
	    "{ name = \"sftp\"; at = \"box\"; path = \"%s\"; },\n"
	    "{ name = \"system\"; at = \"hard\"; path = \"%s\"; } );",
	    hosts_place("box", port, ""), hosts_place("hard", etm_port, ""),
	    path, path, path);
}

static void
every_way_says_the_same(void **state)
{
	const char *dir = hosts_tmpfs("ways ' $x", "size=8m,nr_inodes=100");
	static const char *const numbers[] = { "used", "free", "avail",
		"reserved", "total", "percent", "inodes_used", "inodes_free",
		"inodes_percent" };
	int64_t want[9] = { 0 };
	char fs[32] = "";

	(void)state;
	NEED_MOUNT(dir);
	NEED_FAR_MOUNT;
	NEED_SSHD;
	hosts_fill(dir, "f", 3 << 20);
	site_of_ways(dir);
	for (size_t w = 0; w < 3; w++) {
		struct reading *r = hosts_read(&probe_disk, ways[w]);

		test_case(ways[w]);
		assert_int_equal(r->level, LEVEL_OK);
		assert_false(DATA_BOOL(r, "read_only"));
		if (w == 0)
			snprintf(fs, sizeof fs, "%s", DATA_STR(r, "fs"));
		assert_string_equal(DATA_STR(r, "fs"), fs);
		for (size_t i = 0; i < 9; i++) {
			if (w == 0)
				want[i] = DATA_INT(r, numbers[i]);
			assert_int_equal(DATA_INT(r, numbers[i]), want[i]);
		}
	}
}

static void
a_disk_that_became_read_only_is_bad_news(void **state)
{
	const char *dir = hosts_tmpfs("ro (a b\\c", "size=1m");

	(void)state;
	NEED_MOUNT(dir);
	NEED_FAR_MOUNT;
	NEED_SSHD;
	assert_int_equal(mount("none", dir, NULL, MS_REMOUNT | MS_RDONLY,
	    "size=1m"), 0);
	/* the file's own words: a backslash is written twice */
	site_of_ways(test_path("ro (a b\\\\c"));
	for (size_t w = 0; w < 3; w++) {
		struct reading *r = hosts_read(&probe_disk, ways[w]);

		test_case(ways[w]);
		assert_int_equal(r->level, LEVEL_CRITICAL);
		assert_true(DATA_BOOL(r, "read_only"));
		HAS(r->text, "read-only: nothing can be written there; 0 %");
		HAS(r->next, "find out why");
	}
}

static void
two_disks_on_one_file_system_are_known(void **state)
{
	const char *one = hosts_tmpfs("one", "size=1m"), *two =
	    hosts_tmpfs("two", "size=1m");
	char a[64], deeper[PATH_MAX];

	(void)state;
	NEED_MOUNT(two);
	snprintf(deeper, sizeof deeper, "%s/deeper", one);
	assert_int_equal(mkdir(deeper, 0755), 0);
	hosts_site("disks = ( { name = \"a\"; path = \"%s\"; }, { name = \"b\";"
	    " path = \"%s\"; }, { name = \"c\"; path = \"%s\"; } );", one,
	    deeper, two);
	snprintf(a, sizeof a, "%s", DATA_STR(hosts_read(&probe_disk, "a"),
	    "fs"));
	assert_string_equal(DATA_STR(hosts_read(&probe_disk, "b"), "fs"), a);
	assert_string_not_equal(DATA_STR(hosts_read(&probe_disk, "c"), "fs"),
	    a);
}

static void
a_path_that_is_not_there_is_no_answer(void **state)
{
	struct reading *r;

	(void)state;
	hosts_site("disks = ( { name = \"d\"; path = \"/nowhere/at all\"; } );");
	r = hosts_read(&probe_disk, "d");
	assert_int_equal(r->level, LEVEL_UNKNOWN);
	assert_null(r->text);
	HAS(r->error, "here: there is no '/nowhere/at all'");
	HAS(r->next, "mounted");
}

static void
a_name_that_hurts_stays_in_its_line(void **state)
{
	struct reading *r;

	(void)state;
	hosts_site("disks = ( { name = \"d\"; path = \"/no\\xe2\\x80"
	    "\\xaetxt\"; } );");
	r = hosts_read(&probe_disk, "d");
	assert_int_equal(r->level, LEVEL_UNKNOWN);
	HAS(r->error, "'/no<U+202E>txt'");
}

static void
a_host_that_shouts_stays_in_its_line(void **state)
{
	struct reading *r;

	(void)state;
	NEED_SSHD;
	hosts_site("places = ( %s );\ndisks = ( { name = \"d\"; at = \"box\";"
	    " path = \"/\"; } );", hosts_place("box", evil_port, ""));
	r = hosts_read(&probe_disk, "d");
	assert_int_equal(r->level, LEVEL_UNKNOWN);
	HAS(r->error, "the command did not start: " EVIL_CLEAN);
}

static void
numbers_that_cannot_be_do_no_harm(void **state)
{
	struct place_statfs v = { UINT64_MAX, UINT64_MAX, UINT64_MAX, 4096,
		UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct place_room room;

	(void)state;
	place_room_of(&v, &room);
	assert_int_equal(room.total, INT64_MAX);
	assert_int_equal(room.used, 0);
	v.bfree = v.ffree = 0;
	place_room_of(&v, &room);
	assert_int_equal(room.used, INT64_MAX);
	assert_int_equal(room.reserved, 0);
	assert_int_equal(place_percent(INT64_MAX, INT64_MAX), 100);
	assert_int_equal(place_percent(0, INT64_MAX), 0);
	assert_int_equal(place_percent(0, 0), 100);
	assert_int_equal(place_percent(1, 99), 1);
	assert_int_equal(place_percent(1, 100), 1);
	assert_int_equal(place_percent(INT64_MAX / 4, INT64_MAX / 4), 50);
	v = (struct place_statfs){ 10, 20, 30, 0, 0, 5, 5 };
	place_room_of(&v, &room);
	assert_int_equal(room.total + room.used + room.inodes_used, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(it_counts_as_df_does),
	cmocka_unit_test(three_thresholds_make_two_levels),
	cmocka_unit_test(a_disk_without_inodes_is_full),
	cmocka_unit_test(the_reserve_of_root_is_not_room),
	cmocka_unit_test(every_way_says_the_same),
	cmocka_unit_test(a_disk_that_became_read_only_is_bad_news),
	cmocka_unit_test(two_disks_on_one_file_system_are_known),
	cmocka_unit_test(a_path_that_is_not_there_is_no_answer),
	cmocka_unit_test(a_name_that_hurts_stays_in_its_line),
	cmocka_unit_test(a_host_that_shouts_stays_in_its_line),
	cmocka_unit_test(numbers_that_cannot_be_do_no_harm),
};

int
main(void)
{
	return cmocka_run_group_tests_name("disk_test", tests, start, stop);
}
