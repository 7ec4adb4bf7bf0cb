#include "tests/cleanup/kit.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/file.h"

/* ---- the plan and the deed are one ------------------------------------------------ */

static void
plan_and_deed(int port)
{
	struct yard y;
	struct buf first = BUF_INIT;
	char code[CLEAN_CODE], again[CLEAN_CODE];

	yard_fill("mkdir -p a/b 'odd name' dir.x; echo one > a/b/one.log;"
	    " echo two > a/two.log; echo 3 > 'odd name/a\nb'; : > '-rf';"
	    " echo 4 > 'q\"$(id)`x`\\'; echo 5 > dir.x/y; echo 6 > dir;"
	    " echo 7 > '*'; echo 8 > a/b/.hidden");
	kit_sh("mkdir -p \"$1/beside\"; echo precious > \"$1/beside/f\"");
	yard_open(&y, port, "");
	yard_look(&y);
	if (y.p.parts.v[0]->trouble != NULL)
		print_message("# %s\n", y.p.parts.v[0]->trouble);
	assert_null(y.p.parts.v[0]->trouble);
	assert_int_equal(y.p.v.n, 9 + 4);
	buf_add(&first, y.list.p, y.list.n);
	clean_code(&y.p, code);
	yard_look(&y);
	clean_code(&y.p, again);
	assert_string_equal(first.p, y.list.p);
	assert_string_equal(code, again);
	if (!yard_run(&y))
		print_message("# %s\n", y.e.msg);
	assert_int_equal(y.e.kind, ERR_NONE);
	for (size_t i = 0; i < y.p.v.n; i++)
		assert_int_equal(y.p.v.v[i].fate, PRUNE_DONE);
	buf_clear(&y.list);
	clean_list(&y.p, &y.list);
	assert_string_equal(first.p, y.list.p);
	assert_true(kit_sh("test -z \"$(ls -A \"$1/old\")\""));
	assert_true(yard_there("beside/f"));
	/* at rest */
	yard_look(&y);
	assert_int_equal(y.p.v.n, 0);
	buf_release(&first);
	yard_close(&y);
}

static void
what_was_planned_is_what_goes_byte_for_byte(void **state)
{
	(void)state;
	plan_and_deed(0);
}

static void
and_so_it_is_over_ssh(void **state)
{
	int port = kit_keys() ? kit_sshd("sshd", "", false) : 0;

	(void)state;
	if (port == 0)
		test_skip("no private sshd runs here");
	plan_and_deed(port);
}

static void
a_shell_without_gnu_find_does_as_well(void **state)
{
	struct yard y;
	char *more;
	int port;

	(void)state;
	/* a find that knows no -printf, first in the path of the login */
	kit_sh("mkdir -p \"$1/bin\" && printf '%s\\n' '#!/bin/sh' "
	    "'for w; do case $w in -printf) exit 1 ;; esac; done' "
	    "'exec /usr/bin/find \"$@\"' > \"$1/bin/find\" && "
	    "chmod 755 \"$1/bin/find\"");
	yard_fill("mkdir a; echo 1 > a/x; echo 2 > 'n\nl'; ln -s a l; "
	    "mkfifo p");
	more = xprintf("SetEnv PATH=%s:/usr/bin:/bin\n", test_path("bin"));
	port = kit_keys() ? kit_sshd("sshd5", more, false) : 0;
	free(more);
	if (port == 0)
		test_skip("no private sshd runs here");
	yard_open(&y, port, "");
	yard_look(&y);
	assert_null(y.p.parts.v[0]->trouble);
	assert_int_equal(y.p.v.n, 3);
	assert_non_null(yard_item(&y, "n\nl"));
	assert_string_equal(yard_kept(&y, "l"), "it is a link");
	assert_string_equal(yard_kept(&y, "p"), "it is not a regular file");
	assert_true(yard_run(&y));
	assert_false(yard_there("old/a"));
	yard_close(&y);
}

/* ---- what stays ----------------------------------------------------------------------- */

static void
stays(struct yard *y, const char *what, const char *why)
{
	test_case(what);
	if (strstr(yard_kept(y, what), why) == NULL)
		print_message("# '%s'\n", yard_kept(y, what));
	assert_non_null(strstr(yard_kept(y, what), why));
	for (size_t i = 0; i < y->p.v.n; i++) {
		const char *w = y->p.v.v[i].what;
		size_t n = strlen(what);

		assert_false(strncmp(w, what, n) == 0 &&
		    (w[n] == '\0' || w[n] == '/'));
	}
}

static const char zoo[] =
    "mkdir -p data/base/1 main/pg_wal sets/20250214T021000Z.partial "
    "own empty-old deep/pg_wal ts/PG_15_202209061/5; "
    "echo 15 > data/PG_VERSION; echo x > data/base/1/1259; "
    "echo w > main/pg_wal/000000010000000000000001; "
    "echo d > sets/20250214T021000Z.partial/otc.dump.gz; "
    "mkdir set2; echo '{}' > set2/manifest.json; echo d > set2/a; "
    "echo l > own/log.jsonl; echo t > ts/PG_15_202209061/5/1; "
    "ln -s /etc/passwd link; ln -s /etc linkdir; echo h > hard; "
    "ln hard hard2; mkfifo fifo; echo fine > fine.log; "
    "echo w > deep/pg_wal/1";

static void
protections(int port)
{
	struct yard y;

	yard_fill(zoo);
	kit_sh("echo new > \"$1/old/young\"; mkdir \"$1/old/empty-new\"");
	yard_open(&y, port, "");
	yard_look(&y);
	assert_null(y.p.parts.v[0]->trouble);
	stays(&y, "data", "a data directory");
	stays(&y, "main/pg_wal", "PostgreSQL's own");
	stays(&y, "deep/pg_wal", "PostgreSQL's own");
	stays(&y, "ts/PG_15_202209061", "a tablespace");
	stays(&y, "sets/20250214T021000Z.partial", "a backup set");
	stays(&y, "set2", "a backup set");
	stays(&y, "own", "a record of ours");
	stays(&y, "link", "it is a link");
	stays(&y, "linkdir", "it is a link");
	stays(&y, "hard", "another name");
	stays(&y, "hard2", "another name");
	stays(&y, "fifo", "not a regular file");
	stays(&y, "young", "younger than 24 h");
	stays(&y, "empty-new", "changed lately");
	assert_int_equal(y.p.v.n, 2);	/* and the one empty folder */
	assert_non_null(yard_item(&y, "fine.log"));
	assert_non_null(yard_item(&y, "empty-old"));
	assert_true(yard_run(&y));
	assert_true(kit_sh("test $(find \"$1/old\" -type f | wc -l) = 12"));
	yard_close(&y);
}

static void
each_protection_holds(void **state)
{
	(void)state;
	protections(0);
}

static void
each_protection_holds_over_ssh(void **state)
{
	int port = kit_keys() ? kit_sshd("sshd2", "", false) : 0;

	(void)state;
	if (port == 0)
		test_skip("no private sshd runs here");
	protections(port);
}

static void
a_folder_in_a_data_directory_is_refused_whole(int port)
{
	struct yard y;

	yard_fill("echo x > x");
	yard_open(&y, port, "");
	kit_sh("echo 15 > \"$1/PG_VERSION\"");
	yard_look(&y);
	kit_sh("rm \"$1/PG_VERSION\"");
	assert_int_equal(y.p.v.n, 0);
	assert_non_null(strstr(y.p.parts.v[0]->trouble, "data directory"));
	yard_close(&y);
}

static void
a_folder_below_pg_version_is_refused(void **state)
{
	int port = kit_keys() ? kit_sshd("sshd3", "", false) : 0;

	(void)state;
	a_folder_in_a_data_directory_is_refused_whole(0);
	if (port != 0)
		a_folder_in_a_data_directory_is_refused_whole(port);
}

static void
a_link_to_the_folder_leads_to_the_real_one(void **state)
{
	struct yard y;

	(void)state;
	assert_true(kit_sh("rm -rf \"$1/old\"; ln -s / \"$1/old\""));
	yard_open(&y, 0, "");
	yard_look(&y);
	assert_int_equal(y.p.v.n, 0);
	assert_non_null(strstr(y.p.parts.v[0]->trouble, "'/' is never"));
	yard_close(&y);
	assert_true(kit_sh("rm \"$1/old\""));
}

static void
the_home_of_whoever_runs_us_is_refused(void **state)
{
	char *was = getenv("HOME") != NULL ? xstrdup(getenv("HOME")) : NULL;
	struct yard y;

	(void)state;
	yard_fill("mkdir me; echo x > me/x");
	yard_open(&y, 0, "");
	setenv("HOME", test_path("old/me"), 1);
	yard_look(&y);
	assert_int_equal(y.p.v.n, 0);
	assert_non_null(strstr(y.p.parts.v[0]->trouble, "home directory"));
	if (was != NULL)
		setenv("HOME", was, 1);
	free(was);
	yard_close(&y);
}

static void
an_open_file_stays(void **state)
{
	struct clean_item *c_item;
	struct yard y;
	int fd, ends[2];
	pid_t child;
	char c = 0;

	(void)state;
	yard_fill("echo a > a; echo b > b; echo c > c");
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		fd = open(test_path("old/b"), O_RDONLY);
		(void)!write(ends[1], fd >= 0 ? "y" : "n", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	yard_open(&y, 0, "");
	yard_look(&y);
	stays(&y, "b", "it is open: pid");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	/* opened after the plan was made */
	yard_look(&y);
	assert_int_equal(y.p.v.n, 3);
	child = fork();
	if (child == 0) {
		fd = open(test_path("old/b"), O_RDONLY);
		(void)!write(ends[1], fd >= 0 ? "y" : "n", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_false(yard_run(&y));
	assert_int_equal(y.e.kind, ERR_GUARD);
	assert_non_null(strstr(y.e.msg, "it is open"));
	assert_false(yard_there("old/a"));
	assert_true(yard_there("old/b"));
	assert_true(yard_there("old/c"));	/* the first surprise ends it */
	c_item = yard_item(&y, "c");
	assert_non_null(c_item);
	assert_string_equal(c_item != NULL ? c_item->left : "", "not tried");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	yard_close(&y);
}

static void
a_mount_stays_though_it_is_of_the_same_disk(void **state)
{
	struct yard y;

	(void)state;
	yard_fill("mkdir mnt sub; echo a > a; echo s > sub/file");
	assert_true(kit_sh("rm -rf \"$1/other\"; mkdir \"$1/other\"; "
	    "echo p > \"$1/other/precious\"; "
	    "touch -d '3 days ago' \"$1/other/precious\""));
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mount(NULL, "/",
	    NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount(test_path("other"),
	    test_path("old/mnt"), NULL, MS_BIND, NULL) != 0 ||
	    mount(test_path("other/precious"), test_path("old/sub/file"), NULL,
	    MS_BIND, NULL) != 0)
		test_skip("nothing can be mounted here");
	yard_open(&y, 0, "");
	yard_look(&y);
	stays(&y, "mnt", "another mount");
	stays(&y, "sub/file", "another mount");
	assert_int_equal(y.p.v.n, 1);
	assert_true(yard_run(&y));
	assert_true(yard_there("other/precious"));
	yard_close(&y);
	/* mounted after the plan was made */
	kit_sh("mkdir \"$1/old/late\"; echo x > \"$1/old/late/f\"; "
	    "find \"$1/old/late\" -depth -exec touch -d '3 days ago' {} +");
	yard_open(&y, 0, "");
	yard_look(&y);
	assert_non_null(yard_item(&y, "late/f"));
	assert_int_equal(mount(test_path("other"), test_path("old/late"), NULL,
	    MS_BIND, NULL), 0);
	assert_false(yard_run(&y));
	assert_int_equal(y.e.kind, ERR_GUARD);
	yard_close(&y);
	assert_int_equal(umount(test_path("old/late")), 0);
	assert_int_equal(umount(test_path("old/sub/file")), 0);
	assert_int_equal(umount(test_path("old/mnt")), 0);
}

/* ---- stale plans ------------------------------------------------------------------------ */

static const struct {
	const char *name, *script;
	bool far;			/* a shell notices it as well */
} stale[] = {
	{ "appended to", "echo more >> \"$1/old/b/f\"", true },
	{ "touched", "touch \"$1/old/b/f\"", true },
	{ "the same size, another time", "echo X > \"$1/old/b/f\"", true },
	{ "replaced by a copy", "cp -p \"$1/old/b/f\" \"$1/old/g\" && "
	    "mv \"$1/old/g\" \"$1/old/b/f\"", true },
	{ "replaced by a link", "mv \"$1/old/b/f\" \"$1/f\" && "
	    "ln -s ../../out/b/f \"$1/old/b/f\"", true },
	{ "replaced by a folder", "rm \"$1/old/b/f\" && mkdir "
	    "\"$1/old/b/f\"", true },
	{ "gone", "rm \"$1/old/b/f\"", true },
	{ "with a second name", "ln \"$1/old/b/f\" \"$1/second\"", true },
	{ "its folder replaced by a link", "mv \"$1/old/b\" \"$1/b\" && "
	    "ln -s ../out/b \"$1/old/b\"", true },
	{ "its folder replaced by another", "mv \"$1/old/b\" \"$1/b\" && "
	    "cp -rp \"$1/out/b\" \"$1/old/b\"", true },
	{ "the root replaced by a link", "mv \"$1/old\" \"$1/was\" && "
	    "ln -s out \"$1/old\"", true },
	{ "the root replaced by another", "mv \"$1/old\" \"$1/was\" && "
	    "cp -rp \"$1/out\" \"$1/old\"", true },
};

static void
try_stale(int port)
{
	for (size_t i = 0; i < sizeof stale / sizeof *stale; i++) {
		struct yard y;

		test_case(stale[i].name);
		kit_sh("rm -rf \"$1/was\" \"$1/b\" \"$1/f\" \"$1/second\" "
		    "\"$1/out\" \"$1/old\"");
		yard_fill("mkdir b; echo f > b/f; echo z > z");
		kit_sh("mkdir -p \"$1/out/b\"; echo f > \"$1/out/b/f\"; "
		    "echo z > \"$1/out/z\"; find \"$1/out\" -depth -exec touch "
		    "-d '3 days ago' {} +");
		yard_open(&y, port, "");
		yard_look(&y);
		assert_int_equal(y.p.v.n, 3);
		assert_true(kit_sh(stale[i].script));
		assert_false(yard_run(&y));
		assert_true(y.e.kind == ERR_GUARD);
		for (size_t k = 0; k < y.p.v.n; k++)
			assert_int_equal(y.p.v.v[k].fate, PRUNE_LEFT);
		/* nothing of it, and nothing that looks like it */
		assert_true(kit_sh("test -e \"$1/out/b/f\" -a -e \"$1/out/z\""));
		assert_true(kit_sh("test -z \"$(find \"$1\" -name "
		    "'.midwatch-going*')\""));
		assert_true(yard_there("old/z") || yard_there("was/z"));
		yard_close(&y);
		kit_sh("rm -rf \"$1/old\"");
	}
}

static void
a_stale_plan_touches_nothing(void **state)
{
	(void)state;
	try_stale(0);
}

static void
a_stale_plan_touches_nothing_over_ssh(void **state)
{
	int port = kit_keys() ? kit_sshd("sshd7", "", false) : 0;

	(void)state;
	if (port == 0)
		test_skip("no private sshd runs here");
	try_stale(port);
}

static void
nothing_goes_that_the_journal_cannot_say(void **state)
{
	struct yard y;

	(void)state;
	yard_fill("mkdir d; echo a > a; echo b > d/b");
	yard_open(&y, 0, "");
	yard_look(&y);
	y.refuse_after = 2;		/* the files' intent and outcome */
	assert_false(yard_run(&y));
	assert_non_null(strstr(y.e.msg, "not in the journal"));
	assert_false(yard_there("old/a"));
	assert_true(yard_there("old/d"));	/* its intent was refused */
	yard_close(&y);
}

static void
an_intent_stands_before_its_deed(const char *text)
{
	if (strncmp(text, "removing 2 files", 16) == 0)
		assert_true(yard_there("old/a") && yard_there("old/b"));
	if (strncmp(text, "removed: all 2", 14) == 0)
		assert_false(yard_there("old/a") || yard_there("old/b"));
}

static void
intents_stand_before_deeds(void **state)
{
	struct yard y;

	(void)state;
	yard_fill("echo a > a; echo b > b");
	yard_open(&y, 0, "");
	yard_look(&y);
	y.on_line = an_intent_stands_before_its_deed;
	assert_true(yard_run(&y));
	assert_int_equal(y.lines, 2);
	yard_close(&y);
}

static void
the_code_stands_for_the_plan(void **state)
{
	struct yard y;
	char a[CLEAN_CODE], b[CLEAN_CODE];

	(void)state;
	yard_fill("echo a > a; echo b > b");
	yard_open(&y, 0, "");
	yard_look(&y);
	clean_code(&y.p, a);
	assert_int_equal(strlen(a), CLEAN_CODE - 1);
	kit_sh("touch -d '4 days ago' \"$1/old/a\"");
	yard_look(&y);
	clean_code(&y.p, b);
	assert_string_not_equal(a, b);
	kit_sh("rm \"$1/old/a\"");
	yard_look(&y);
	clean_code(&y.p, a);
	assert_string_not_equal(a, b);
	yard_close(&y);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_was_planned_is_what_goes_byte_for_byte),
	cmocka_unit_test_teardown(and_so_it_is_over_ssh, kit_stop),
	cmocka_unit_test_teardown(a_shell_without_gnu_find_does_as_well,
	    kit_stop),
	cmocka_unit_test(each_protection_holds),
	cmocka_unit_test_teardown(each_protection_holds_over_ssh, kit_stop),
	cmocka_unit_test_teardown(a_folder_below_pg_version_is_refused,
	    kit_stop),
	cmocka_unit_test(a_link_to_the_folder_leads_to_the_real_one),
	cmocka_unit_test(the_home_of_whoever_runs_us_is_refused),
	cmocka_unit_test(an_open_file_stays),
	cmocka_unit_test(a_stale_plan_touches_nothing),
	cmocka_unit_test_teardown(a_stale_plan_touches_nothing_over_ssh,
	    kit_stop),
	cmocka_unit_test(nothing_goes_that_the_journal_cannot_say),
	cmocka_unit_test(intents_stand_before_deeds),
	cmocka_unit_test(the_code_stands_for_the_plan),
	cmocka_unit_test(a_mount_stays_though_it_is_of_the_same_disk),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
