#include <errno.h>
#include <sys/wait.h>

#include "backup/lock.h"
#include "backup/prune.h"
#include "base/file.h"
#include "base/proc.h"
#include "tests/backup/kit.h"

#define DAY 86400000LL
#define NOW 1771293600000LL	/* 2026-02-17 02:00 UTC */

static const char *const otc[] = { "otc" };
static const char *const patterns[] = { "*.tmp" };

/* ---- a store, and one look at it ------------------------------------------------- */

static struct place *
open_place(int port, struct err *e)
{
	static struct place_spec spec;
	static char known[PATH_MAX], key[PATH_MAX], none[PATH_MAX];
	struct place *p;

	if (port == 0)
		return place_open(NULL, NULL, e);
	snprintf(known, sizeof known, "%s", kit_known("known", port, "hostkey.pub"));
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(none, sizeof none, "%s", test_path("empty"));
	spec = (struct place_spec){ .name = "nas", .host = "127.0.0.1",
		.port = port, .identity = key, .known_hosts = known,
		.config = none };
	p = place_open(&spec, NULL, e);
	if (p == NULL)
		print_message("# %s\n", e->msg);
	return p;
}

struct bench {
	struct place *p;
	struct sets sets;
	struct keep_store shelf;
	struct keep_part part;
	struct site_retention policy;
	struct keep_ask keep;
	struct sets_ask look;
	struct prune_ask ask;
	struct prune_plan plan;
};

static void
bench_open(struct bench *b, int port)
{
	struct err e = ERR_INIT;

	memset(b, 0, sizeof *b);
	b->p = open_place(port, &e);
	assert_non_null(b->p);
	sets_init(&b->sets, "nas", test_path("nas"), "prod");
	b->policy = (struct site_retention){ .daily = 1, .weekly = 1,
		.emergency_ms = 30 * DAY };
	b->shelf = (struct keep_store){ &b->sets, true };
	b->part = (struct keep_part){ otc, 1, true, 0 };
	b->keep = (struct keep_ask){ &b->shelf, 1, &b->part, 1, &b->policy,
		NOW, 0 };
	b->look = (struct sets_ask){ .orphans = patterns, .n_orphans = 1 };
	b->ask = (struct prune_ask){ &b->keep, &b->look, NULL };
}

static void
bench_look(struct bench *b)
{
	struct err e = ERR_INIT;
	bool ok;

	prune_release(&b->plan);
	ok = sets_read(&b->sets, b->p, &b->look, &e);
	sets_dig(&b->sets, b->p, &b->look);
	ok = ok && prune_look(&b->plan, &b->ask, 0, b->p, &e);
	if (!ok)
		print_message("# %s\n", e.msg);
	assert_true(ok);
}

static void
bench_close(struct bench *b)
{
	prune_release(&b->plan);
	sets_release(&b->sets);
	place_close(b->p);
}

static struct prune_item *
item(struct bench *b, const char *path)
{
	for (size_t i = 0; i < b->plan.v.n; i++)
		if (strcmp(b->plan.v.v[i].path, path) == 0)
			return &b->plan.v.v[i];
	return NULL;
}

static int
kind_of(struct bench *b, const char *path)
{
	const struct prune_item *i = item(b, path);

	return i != NULL ? (int)i->kind : -1;
}

static const char *
reason(struct bench *b, const char *path)
{
	const struct prune_item *i = item(b, path);

	return i != NULL ? i->reason : "";
}

static const char *
kept(struct bench *b, const char *path)
{
	for (size_t i = 0; i < b->plan.kept.n; i++)
		if (strcmp(b->plan.kept.v[i].path, path) == 0)
			return b->plan.kept.v[i].reason;
	return "";
}

static const struct prune_care careless;

/* Two weeks: a weekly to be, three that may go, the newest; an unfinished set
 * of nobody, and what an older script left over. */
static void
make_store(void)
{
	assert_true(kit_sh("set -e; cd $1; rm -rf nas; mkdir -p nas/daily/2025; "
	    "[ -d made ] || { for s in 20260204T020000Z 20260206T020000Z "
	    "20260210T020000Z 20260212T020000Z 20260216T020000Z; do "
	    "m='sh '$OLDPWD/tests/backup/make_set.sh; "
	    "$m $PWD/made nightly $s otc=database app=files; "
	    "$m --proof $PWD/made/nightly/$s verified $s otc=ok app=ok; done; "
	    "$m $PWD/made emergency 20260201T020000Z.partial otc=database; "
	    "touch made/nightly/20260206T020000Z/otc.dump.gz.tmp "
	    "made/nightly/20260216T020000Z/otc.dump.gz.tmp; }; "
	    "cp -a made/. nas/; echo x >nas/a.tmp; echo x >nas/daily/2025/b.tmp; "
	    "echo x >nas/nightly/young.tmp; mkdir nas/nightly/dir.tmp; "
	    "find nas -exec touch -d 2026-02-10T00:00:00Z {} +; "
	    "touch -d 2026-02-17T01:00:00Z nas/nightly/young.tmp"));
}

/* Whatever has its final name is whole by its own checksums. */
static bool
all_whole(void)
{
	return kit_sh("cd $1/nas && for d in nightly/*Z weekly/*Z; do "
	    "[ ! -d $d ] || (cd $d && sha256sum --status -c checksums.sha256) "
	    "|| { echo $d is not whole; exit 1; }; done");
}

static bool
there(const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	snprintf(full, sizeof full, "%s/%s", test_path("nas"), path);
	return lstat(full, &st) == 0;
}

#define OLDEST "nightly/20260204T020000Z"
#define SECOND "nightly/20260206T020000Z"
#define THIRD "nightly/20260210T020000Z"
#define FOURTH "nightly/20260212T020000Z"
#define NEWEST "nightly/20260216T020000Z"
#define ORPHANED "emergency/20260201T020000Z.partial"

/* ---- the plan, and doing it --------------------------------------------------------- */

static void
try_all(int port)
{
	struct bench b;
	struct err e = ERR_INIT;
	char code[9], again[9];

	make_store();
	bench_open(&b, port);
	bench_look(&b);
	/* Monday the 16th stays where it is, and the 10th was the first of the
	 * week before */
	assert_int_equal(kind_of(&b, THIRD), PRUNE_PROMOTE);
	assert_int_equal(kind_of(&b, OLDEST), PRUNE_SET);
	assert_int_equal(kind_of(&b, SECOND), PRUNE_SET);
	assert_int_equal(kind_of(&b, FOURTH), PRUNE_SET);
	assert_int_equal(kind_of(&b, ORPHANED), PRUNE_PARTIAL);
	assert_int_equal(kind_of(&b, "a.tmp"), PRUNE_ORPHAN);
	assert_int_equal(kind_of(&b, "daily/2025/b.tmp"), PRUNE_ORPHAN);
	/* what lies in a set that goes, goes with it */
	assert_int_equal(kind_of(&b, SECOND "/otc.dump.gz.tmp"), -1);
	assert_int_equal(kind_of(&b, NEWEST "/otc.dump.gz.tmp"),
	    PRUNE_LEFTOVER);
	assert_int_equal(b.plan.v.n, 8);
	assert_non_null(strstr(kept(&b, NEWEST), "newest"));
	assert_non_null(strstr(kept(&b, "nightly/young.tmp"), "day old"));
	assert_non_null(strstr(kept(&b, "nightly/dir.tmp"), "directory"));
	assert_true(prune_size(&b.plan) > 3 * 8192);
	prune_code(&b.plan, code);
	assert_true(prune_run(&b.plan, &b.ask, 0, b.p, &careless, &e));
	bench_look(&b);
	prune_code(&b.plan, again);
	assert_string_not_equal(code, again);
	assert_int_equal(b.plan.v.n, 0);
	assert_true(there("weekly/20260210T020000Z"));
	assert_true(there(NEWEST));
	assert_false(there(OLDEST) || there(SECOND) || there(FOURTH) ||
	    there(ORPHANED) || there("a.tmp") || there("daily/2025/b.tmp"));
	assert_true(there("nightly/young.tmp") && there("nightly/dir.tmp"));
	assert_true(all_whole());
	bench_close(&b);
}

static void
what_may_go_goes_and_nothing_else(void **state)
{
	(void)state;
	try_all(0);
}

static void
over_ssh_it_is_the_same(void **state)
{
	int port = kit_keys() ? kit_sshd("sshd", "", false) : 0;

	(void)state;
	if (port == 0)
		test_skip("there is no sshd here");
	try_all(port);
}

/* ---- killed --------------------------------------------------------------------------- */

static int steps_left;

static bool
die_at(void *ctx, const struct prune_item *i, enum prune_step step,
    const char *path, struct err *e)
{
	(void)ctx;
	(void)i;
	(void)step;
	(void)path;
	(void)e;
	if (steps_left-- == 0)
		kill(getpid(), SIGKILL);
	return true;
}

/* True: it came to its end before that step. */
static bool
killed_at(int port, int k)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		const struct prune_care care = { .step = die_at };
		struct bench b;
		struct err e = ERR_INIT;

		bench_open(&b, port);
		bench_look(&b);
		steps_left = k;
		(void)prune_run(&b.plan, &b.ask, 0, b.p, &care, &e);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status);
}

static void
try_kills(int port, int every)
{
	int k, n = 0;

	for (k = 0; k < 200; k += every) {
		struct bench b;
		struct err e = ERR_INIT;
		bool ended;

		make_store();
		ended = killed_at(port, k);
		assert_true(all_whole());
		assert_true(there(NEWEST));
		assert_true(there(THIRD) || there("weekly/20260210T020000Z"));
		/* what it left is no backup, and goes when nobody comes back */
		bench_open(&b, port);
		for (int turn = 0; turn < 3; turn++) {
			b.keep.now = NOW + turn * 400 * DAY;
			bench_look(&b);
			(void)prune_run(&b.plan, &b.ask, 0, b.p, &careless, &e);
		}
		bench_look(&b);
		for (size_t i = 0; i < b.sets.v.n; i++)
			assert_int_equal(b.sets.v.v[i]->state, SET_WHOLE);
		bench_close(&b);
		assert_true(all_whole());
		n++;
		if (ended)
			break;
	}
	print_message("# killed at %d steps\n", n);
	assert_true(k < 200 && n > 4);
}

static void
killed_at_any_step_it_leaves_nothing_that_looks_like_a_backup(void **state)
{
	(void)state;
	try_kills(0, 1);
}

static void
killed_over_ssh_it_leaves_nothing_either(void **state)
{
	int port = kit_keys() ? kit_sshd("sshd2", "", false) : 0;

	(void)state;
	if (port == 0)
		test_skip("there is no sshd here");
	try_kills(port, 5);
}

/* ---- surprises --------------------------------------------------------------------------- */

struct surprise {
	const char *what, *script;
	const char *path;		/* of the item that meets it */
	const char *says;
};

static const struct surprise surprises[] = {
	{ "a file has grown", "echo x >>nas/" OLDEST "/otc.dump.gz", OLDEST,
	    "it is to stay now" },
	{ "a file was added", "touch nas/" OLDEST "/note", OLDEST, "changed" },
	{ "its manifest is another one", "sed -i s/prod/test/ nas/" OLDEST
	    "/manifest.json", OLDEST, "it is to stay now" },
	{ "it is gone", "rm -r nas/" OLDEST, OLDEST, "not there any more" },
	{ "a link took its place", "mv nas/" OLDEST " away && ln -s ../../away "
	    "nas/" OLDEST, OLDEST, "not there any more" },
	{ "a link was planted in it", "mkdir -p away && touch away/f && ln -s "
	    "$PWD/away nas/" OLDEST "/link", OLDEST, "no part of a set" },
	{ "a database moved in", "mkdir nas/" OLDEST "/pg && touch nas/" OLDEST
	    "/pg/PG_VERSION", OLDEST, "no part of a set" },
	{ "the newest ones have come to harm", "for d in nas/nightly/*1[26]T*; do "
	    "rm $d/otc.dump.gz; done", THIRD, "it is to stay now" },
	{ "somebody writes it again", "touch nas/" ORPHANED "/otc.dump.gz "
	    "-d 2026-02-17T01:59:00Z", ORPHANED, "it is to stay now" },
	{ "the orphan is a link now", "mkdir -p away && touch away/f && ln -sf "
	    "$PWD/away/f nas/a.tmp", "a.tmp", "" },
};

static void
what_changed_since_the_plan_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof surprises / sizeof *surprises; i++) {
		const struct surprise *x = &surprises[i];
		char script[512];
		struct bench b;
		struct err e = ERR_INIT;
		struct prune_item *it;

		test_case(x->what);
		make_store();
		bench_open(&b, 0);
		bench_look(&b);
		it = item(&b, x->path);
		assert_non_null(it);
		if (it == NULL)
			return;
		snprintf(script, sizeof script, "cd $1 && rm -rf away && { %s; }",
		    x->script);
		assert_true(kit_sh(script));
		assert_false(prune_run(&b.plan, &b.ask, 0, b.p, &careless, &e));
		assert_int_equal(it->fate, PRUNE_LEFT);
		print_message("# %s\n", it->left);
		assert_true(strstr(it->left, x->says) != NULL ||
		    strstr(it->left, "not tried") != NULL);
		assert_true(!file_is_dir(test_path("away")) || kit_sh(
		    "[ -n \"$(ls -A $1/away)\" ]"));
		assert_true(strstr(x->what, "gone") || there(x->path));
		bench_close(&b);
	}
}

static void
what_is_planted_before_the_plan_is_in_none(void **state)
{
	struct bench b;

	(void)state;
	make_store();
	assert_true(kit_sh("cd $1 && rm -rf away && mkdir -p away/deep && "
	    "touch away/deep/c.tmp && ln -s ../away nas/linked && "
	    "ln -s ../away/deep/c.tmp nas/d.tmp && "
	    "ln -s /etc nas/" OLDEST "/etc && mkdir -p nas/cluster/base/1 "
	    "nas/wal/pg_wal nas/x/y && touch nas/cluster/PG_VERSION "
	    "nas/cluster/base/1/e.tmp nas/cluster/f.tmp nas/wal/pg_wal/g.tmp "
	    "nas/x/y/h.tmp && find nas -exec touch -h -d 2026-02-10 {} +"));
	bench_open(&b, 0);
	bench_look(&b);
	assert_null(item(&b, OLDEST));
	assert_non_null(strstr(kept(&b, OLDEST), "no part of a set"));
	for (size_t i = 0; i < b.plan.v.n; i++)
		assert_null(strstr(b.plan.v.v[i].path, "c.tmp"));
	assert_null(item(&b, "d.tmp"));
	assert_null(item(&b, "cluster/base/1/e.tmp"));
	assert_null(item(&b, "cluster/f.tmp"));
	assert_null(item(&b, "wal/pg_wal/g.tmp"));
	assert_non_null(strstr(kept(&b, "cluster/f.tmp"), "PostgreSQL"));
	assert_non_null(item(&b, "x/y/h.tmp"));
	bench_close(&b);
}

/* Where nobody may write, everything stays, by name and with the reason. */
static void
what_the_store_refuses_stays_in_the_list(void **state)
{
	struct bench b;
	struct err e = ERR_INIT;
	size_t left = 0;
	pid_t pid;
	int status = 0;

	(void)state;
	make_store();
	/* somebody else has to reach it, whatever its parents were made with */
	assert_true(kit_sh("chmod -R a+rX $1/nas && chmod 755 $1 && d=$1 && "
	    "while [ $(id -u) = 0 ] && [ ${#d} -gt 1 ]; do chmod go+x $d; "
	    "d=${d%/*}; done; chmod 555 $1/nas/nightly && ([ $(id -u) != 0 ] || "
	    "chown -R 65534 $1/nas)"));
	pid = fork();
	if (pid == 0) {		/* root is never refused */
		if (getuid() == 0 && setuid(65534) != 0)
			_exit(9);
		bench_open(&b, 0);
		bench_look(&b);
		if (prune_run(&b.plan, &b.ask, 0, b.p, &careless, &e))
			_exit(8);
		for (size_t i = 0; i < b.plan.v.n; i++)
			left += b.plan.v.v[i].fate == PRUNE_LEFT &&
			    strstr(b.plan.v.v[i].left, "ermission") != NULL;
		/* the sets stay, what lies elsewhere went all the same */
		_exit(left >= 4 && !there("a.tmp") && !there(ORPHANED) ? 0 : 7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(kit_sh("chmod 755 $1/nas/nightly"));
	assert_true(there(OLDEST) && there(SECOND) && all_whole());
}

/* ---- the store goes away ------------------------------------------------------------------ */

static bool
pull_the_plug(void *ctx, const struct prune_item *i, enum prune_step step,
    const char *path, struct err *e)
{
	(void)i;
	(void)path;
	(void)e;
	/* its listener is our child, the session its child: both end */
	if (step == PRUNE_RENAMED && !*(bool *)ctx) {
		*(bool *)ctx = true;
		(void)proc_signal_below(kit.pids[kit.n - 1], SIGKILL);
		kill(kit.pids[kit.n - 1], SIGKILL);
	}
	return true;
}

static void
a_store_that_goes_away_ends_it(void **state)
{
	int port = kit_keys() ? kit_sshd("sshd3", "", false) : 0;
	bool pulled = false;
	const struct prune_care care = { .step = pull_the_plug, .ctx = &pulled };
	struct bench b;
	struct err e = ERR_INIT;
	size_t done = 0;

	(void)state;
	if (port == 0)
		test_skip("there is no sshd here");
	make_store();
	bench_open(&b, port);
	bench_look(&b);
	assert_false(prune_run(&b.plan, &b.ask, 0, b.p, &care, &e));
	assert_true(pulled);
	for (size_t i = 0; i < b.plan.v.n; i++)
		done += b.plan.v.v[i].fate == PRUNE_DONE;
	assert_true(done <= 1);
	assert_non_null(strstr(b.plan.v.v[b.plan.v.n - 1].left, "not tried"));
	assert_true(all_whole());
	bench_close(&b);
}

/* ---- whose unfinished set is it? ------------------------------------------------------------ */

static void
put_run(const struct run_file *r)
{
	struct buf b = BUF_INIT;
	char path[PATH_MAX];
	struct err e = ERR_INIT;

	run_file_write(r, &b);
	snprintf(path, sizeof path, "%s/" ORPHANED "/" RUN_FILE,
	    test_path("nas"));
	(void)unlink(path);
	assert_true(file_create(path, b.p, b.n, 0600, &e));
	buf_release(&b);
	assert_true(kit_sh("find $1/nas/emergency -exec touch "
	    "-d 2026-02-17T01:30:00Z {} +"));
}

static void
an_unfinished_set_is_its_runs_until_that_ends(void **state)
{
	struct run_file r;
	struct bench b;

	(void)state;
	make_store();
	bench_open(&b, 0);
	run_file_self(&r);
	put_run(&r);
	bench_look(&b);
	assert_non_null(strstr(kept(&b, ORPHANED), "is writing it"));
	r.id.start++;			/* the pid is another process's now */
	put_run(&r);
	bench_look(&b);
	assert_non_null(strstr(reason(&b, ORPHANED), "has ended"));
	r.id.boot[0] = r.id.boot[0] == '0' ? '1' : '0';
	put_run(&r);
	bench_look(&b);
	assert_non_null(strstr(kept(&b, ORPHANED), "not to be seen"));
	b.keep.now += DAY;
	bench_look(&b);
	assert_non_null(item(&b, ORPHANED));
	b.keep.opened = NOW - 1000;
	bench_look(&b);
	assert_int_equal(b.plan.v.n, 0);
	assert_non_null(strstr(kept(&b, ORPHANED), "otc has no verified copy"));
	assert_non_null(strstr(kept(&b, "a.tmp"), "otc has no verified copy"));
	bench_close(&b);
}

static void
one_database_is_backed_up_once_at_a_time(void **state)
{
	struct backup_lock a = BACKUP_LOCK_INIT, b = BACKUP_LOCK_INIT;
	struct state s = { 0 };
	struct err e = ERR_INIT;
	struct buf who = BUF_INIT;

	(void)state;
	assert_true(state_open(&s, test_path("state"), NULL, NULL, &e));
	assert_true(backup_lock_take(&a, &s, "otc", "nightly", &e));
	assert_false(backup_lock_take(&b, &s, "otc", "emergency", &e));
	assert_int_equal(e.kind, ERR_BUSY);
	assert_non_null(strstr(e.msg, "otc is being backed up by"));
	assert_non_null(strstr(e.msg, "since "));
	assert_true(backup_lock_held(&s, "otc", &who));
	assert_false(backup_lock_held(&s, "gps", &who));
	assert_true(backup_lock_take(&b, &s, "gps", "emergency", &e));
	backup_lock_drop(&b);
	backup_lock_drop(&a);
	assert_false(backup_lock_held(&s, "otc", &who));
	assert_true(backup_lock_take(&b, &s, "otc", "emergency", &e));
	backup_lock_drop(&b);
	buf_release(&who);
	state_release(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_may_go_goes_and_nothing_else),
	cmocka_unit_test_teardown(over_ssh_it_is_the_same, kit_stop),
	cmocka_unit_test(
	    killed_at_any_step_it_leaves_nothing_that_looks_like_a_backup),
	cmocka_unit_test_teardown(killed_over_ssh_it_leaves_nothing_either,
	    kit_stop),
	cmocka_unit_test(what_changed_since_the_plan_stays),
	cmocka_unit_test(what_is_planted_before_the_plan_is_in_none),
	cmocka_unit_test(what_the_store_refuses_stays_in_the_list),
	cmocka_unit_test_teardown(a_store_that_goes_away_ends_it, kit_stop),
	cmocka_unit_test(an_unfinished_set_is_its_runs_until_that_ends),
	cmocka_unit_test(one_database_is_backed_up_once_at_a_time),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
