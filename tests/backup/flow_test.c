/* Streams from a source through gzip to stores that fail in every way. */
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "backup/flow.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "tests/pg/kit.h"
#include "tests/place/kit.h"

static struct place_spec nas;
static struct kit_pg box;
static int port;
static char known[PATH_MAX], key[PATH_MAX], empty[PATH_MAX];

/* ---- a flow and what it told ------------------------------------------------------ */

struct told {
	struct flow_progress last;
	int times, lines;
	char words[2000], bottlenecks[4000];
	int64_t cancel_at;		/* raw bytes */
	int64_t cancel_ms;		/* monotonic */
	int64_t act_at;			/* acknowledged bytes */
	void (*act)(void);
	bool acted;
};

static void
on_progress(void *ctx, const struct flow_progress *p)
{
	struct told *t = ctx;

	t->last = *p;
	t->times++;
	if (strlen(t->bottlenecks) + strlen(p->bottleneck) + 2 <
	    sizeof t->bottlenecks) {
		strcat(t->bottlenecks, p->bottleneck);
		strcat(t->bottlenecks, " ");
	}
	if (t->act != NULL && !t->acted && p->acknowledged >= t->act_at) {
		t->acted = true;
		t->act();
	}
}

static bool
on_cancelled(void *ctx)
{
	struct told *t = ctx;

	return (t->cancel_at > 0 && t->last.raw >= t->cancel_at) ||
	    (t->cancel_ms > 0 && clock_mono_ms() >= t->cancel_ms);
}

static void
on_said(void *ctx, const char *who, const char *line)
{
	struct told *t = ctx;
	size_t n = strlen(t->words);

	t->lines++;
	snprintf(t->words + n, sizeof t->words - n, "%s: %s\n", who, line);
}

struct trial {
	struct flow_spec spec;
	struct flow_store stores[3];
	struct told told;
	struct flow_done done;
	struct err e;
	char dirs[3][PATH_MAX];
};

static const char *sh_argv[3][8];

/* A script of sh as the source (0) or the proof (1). */
static const char *const *
sh(int which, const char *script)
{
	const char **v = sh_argv[which];

	v[0] = "/bin/sh";
	v[1] = "-c";
	v[2] = script;
	v[3] = "sh";
	v[4] = test_dir();
	v[5] = NULL;
	return v;
}

/* A folder of its own for each store; at: NULL is here. */
static void
store(struct trial *r, const char *name, const struct place_spec *at, bool must)
{
	size_t i = r->spec.n_stores++;
	static int turn;

	snprintf(r->dirs[i], PATH_MAX, "%s/%s-%d", test_dir(), name, turn++);
	assert_int_equal(mkdir(r->dirs[i], 0700), 0);
	r->stores[i] = (struct flow_store){ name, at, r->dirs[i], must };
	r->spec.stores = r->stores;
}

static void
begin(struct trial *r, const char *script)
{
	*r = (struct trial){ .e = ERR_INIT };
	r->spec.argv = sh(0, script);
	r->spec.file = "a.gz";
	r->spec.index = "a.idx";
	r->spec.source_stall_ms = 20000;
	r->spec.store_stall_ms = 15000;
}

static bool
go(struct trial *r)
{
	struct flow_care care = { on_progress, on_cancelled, on_said,
		&r->told };

	return flow_run(&r->spec, &care, &r->done, &r->e);
}

static void
end(struct trial *r)
{
	flow_done_release(&r->done);
}

#define GOES(r)								\
	do {								\
		if (!go(r))						\
			fail_msg("%s (%s)", (r)->e.msg, (r)->told.words); \
	} while (0)

#define FAILS_WITH(r, part)						\
	do {								\
		assert_false(go(r));					\
		if (strstr((r)->e.msg, (part)) == NULL)			\
			fail_msg("\"%s\" is not in \"%s\"", (part),	\
			    (r)->e.msg);				\
	} while (0)

/* What came to a store is what the done says, gunzips, and its index is whole. */
static void
is_whole(struct trial *r, size_t i)
{
	char path[PATH_MAX + 16], hex[SHA_HEX], *text;
	struct gz_index ix;
	struct err e = ERR_INIT;
	int64_t size;

	assert_true(r->done.stores.v[i].sent);
	snprintf(path, sizeof path, "%s/%s", r->dirs[i], r->spec.file);
	assert_true(sha_of_file(path, hex, &size, &e));
	assert_int_equal(size, r->done.packed);
	assert_string_equal(hex, r->done.sha256);
	snprintf(path, sizeof path, "%s/%s", r->dirs[i], r->spec.index);
	assert_true(sha_of_file(path, hex, &size, &e));
	assert_string_equal(hex, r->done.index_sha256);
	text = test_read(path);
	assert_true(gz_index_read(&ix, text, strlen(text), &e));
	assert_true(ix.whole);
	assert_int_equal(ix.size, r->done.packed);
	assert_int_equal(ix.raw_size, r->done.raw);
	gz_index_release(&ix);
	free(text);
}

/* The raw bytes are those that `script` prints. */
static void
same_bytes(struct trial *r, size_t i, const char *script)
{
	char *line = xprintf("gunzip -c '%s/%s' | cmp - '%s/expected'",
	    r->dirs[i], r->spec.file, test_dir());
	char *make = xprintf("set -- '%s'; { %s; } >'%s/expected'", test_dir(),
	    script, test_dir());

	assert_true(kit_sh(make));
	assert_true(kit_sh(line));
	free(make);
	free(line);
}

static size_t
children(void)
{
	return proc_signal_below(getpid(), 0);
}

/* ---- what goes well --------------------------------------------------------------- */

#define SEQ "seq 1 3000000"

static void
bytes_arrive_as_they_were(void **state)
{
	static const char *const scripts[] = { ":", "printf x",
	    "head -c 1048576 /dev/zero", "head -c 1048577 /dev/zero",
	    "head -c 90000000 /dev/zero", SEQ };
	size_t before = children();

	(void)state;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		struct trial r;

		test_case(scripts[i]);
		begin(&r, scripts[i]);
		store(&r, "local", NULL, true);
		r.spec.proof_argv = sh(1, "exec cat");
		GOES(&r);
		is_whole(&r, 0);
		same_bytes(&r, 0, scripts[i]);
		assert_int_equal(r.done.procs.n, 3);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(r.done.procs.v[k].exit, 0);
		assert_int_equal(r.done.stores.v[0].links, 1);
		end(&r);
	}
	assert_int_equal(children(), before);
}

static void
bytes_that_cannot_be_packed_go_to_two_stores_at_once(void **state)
{
	struct trial r;

	(void)state;
	begin(&r, "cat $1/random");
	assert_true(kit_sh("head -c 70000000 /dev/urandom >$1/random"));
	store(&r, "one", NULL, true);
	store(&r, "two", port ? &nas : NULL, true);
	r.spec.expected = 70000000;
	GOES(&r);
	is_whole(&r, 0);
	is_whole(&r, 1);
	same_bytes(&r, 1, "cat $1/random");
	assert_true(r.told.times > 0);
	assert_int_equal(r.told.last.raw, 70000000);
	assert_int_equal(r.told.last.acknowledged, r.done.packed);
	end(&r);
}

/* ---- stores that fail -------------------------------------------------------------- */

/* 60 MB that cannot be packed, in bursts. */
#define BURSTS "for i in 1 2 3 4; do head -c 15000000 $1/random; sleep 0.7; done"
#define NO_SSHD "there is no sshd here"

static int own_port;
static size_t own_server;		/* its place in kit.pids */

/* A server of this test alone. */
static struct place_spec
own_sshd(void)
{
	static char own_known[PATH_MAX];
	struct place_spec at = nas;

	own_server = kit.n;
	own_port = kit_sshd("own.conf", "", false);
	snprintf(own_known, sizeof own_known, "%s", kit_known("own-known",
	    own_port, "hostkey.pub"));
	at.port = own_port;
	at.known_hosts = own_known;
	return at;
}

static void
end_own_sshd(void)
{
	pid_t pid = kit.pids[own_server];

	proc_signal_below(pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kit.n--;
}

static void
cut(void)
{
	assert_true(proc_signal_below(kit.pids[own_server], SIGKILL) > 0);
}

static void
stop_for_good(void)
{
	pid_t pid = kit.pids[own_server];

	kill(pid, SIGSTOP);
	while (proc_signal_below(pid, SIGKILL) > 0)
		;
	kill(pid, SIGKILL);
}

static void
freeze(void)
{
	assert_true(proc_signal_below(kit.pids[own_server], SIGSTOP) > 0);
}

static void
random_bytes(void)
{
	if (access(test_path("random"), R_OK) != 0)
		assert_true(kit_sh("head -c 70000000 /dev/urandom "
		    ">$1/random"));
}

static void
a_connection_that_is_cut_goes_on_where_it_was(void **state)
{
	struct place_spec at;
	struct trial r;

	(void)state;
	if (!port) {
		test_skip(NO_SSHD);
		return;
	}
	random_bytes();
	at = own_sshd();
	begin(&r, BURSTS);
	store(&r, "cut", &at, true);
	store(&r, "local", NULL, true);
	r.told.act = cut;
	r.told.act_at = 1;
	GOES(&r);
	assert_true(r.told.acted);
	is_whole(&r, 0);
	is_whole(&r, 1);
	same_bytes(&r, 0, "for i in 1 2 3 4; do head -c 15000000 $1/random; "
	    "done");
	assert_int_equal(r.done.stores.v[0].links, 2);
	end(&r);
	end_own_sshd();
}

static void
a_store_that_is_gone_fails_alone(void **state)
{
	struct place_spec at;
	struct trial r;

	(void)state;
	if (!port) {
		test_skip(NO_SSHD);
		return;
	}
	random_bytes();
	at = own_sshd();
	begin(&r, BURSTS);
	r.spec.store_stall_ms = 3000;
	store(&r, "gone", &at, true);
	store(&r, "local", NULL, true);
	r.told.act = stop_for_good;
	r.told.act_at = 1;
	FAILS_WITH(&r, "store 'gone': nothing was acknowledged for 3.0 s: nas: ");
	assert_false(r.done.stores.v[0].sent);
	assert_true(r.done.stores.v[0].acknowledged > 0);
	assert_true(r.done.stores.v[0].gone);
	is_whole(&r, 1);
	end(&r);
	end_own_sshd();
}

static void
a_server_that_hangs_is_given_up(void **state)
{
	struct place_spec at;
	struct trial r;
	int64_t began;

	(void)state;
	if (!port) {
		test_skip(NO_SSHD);
		return;
	}
	random_bytes();
	for (int must = 0; must < 2; must++) {
		at = own_sshd();
		begin(&r, BURSTS);
		r.spec.store_stall_ms = 2000;
		store(&r, "hangs", &at, must != 0);
		store(&r, "local", NULL, true);
		r.told.act = freeze;
		r.told.act_at = 1;
		began = clock_mono_ms();
		if (must)
			FAILS_WITH(&r, "store 'hangs': nothing was "
			    "acknowledged for 2.0 s");
		else
			GOES(&r);
		assert_true(clock_mono_ms() - began < 12000);
		assert_false(r.done.stores.v[0].sent);
		assert_true(*r.done.stores.v[0].why != '\0');
		is_whole(&r, 1);
		end(&r);
		end_own_sshd();
	}
}

static void
a_full_and_a_read_only_store_say_so(void **state)
{
	struct trial r;
	const char *small = test_path("small");

	(void)state;
	if (geteuid() != 0 || mkdir(small, 0700) != 0 ||
	    mount("tmpfs", small, "tmpfs", 0, "size=5M") != 0) {
		test_skip("no tmpfs can be mounted here");
		return;
	}
	random_bytes();
	for (int far = 0; far < (port ? 2 : 1); far++) {
		test_case(far ? "full over SSH" : "full here");
		begin(&r, "cat $1/random");
		store(&r, "full", far ? &nas : NULL, true);
		store(&r, "local", NULL, true);
		r.stores[0].dir = small;
		FAILS_WITH(&r, "No space left on device");
		assert_int_equal(r.done.stores.v[0].links, 1);
		assert_false(r.done.stores.v[0].gone);
		is_whole(&r, 1);
		end(&r);
		assert_true(kit_sh("rm -f $1/small/*"));
	}
	assert_int_equal(mount("tmpfs", small, "tmpfs", MS_REMOUNT | MS_RDONLY,
	    NULL), 0);
	for (int far = 0; far < (port ? 2 : 1); far++) {
		test_case(far ? "read-only over SSH" : "read-only here");
		begin(&r, "cat $1/random");
		store(&r, "sealed", far ? &nas : NULL, true);
		r.stores[0].dir = small;
		FAILS_WITH(&r, "store 'sealed': ");
		end(&r);
	}
	umount(small);
}

/* Forwards to the server, up to `rate` bytes a second. */
static int
slow_way(int to, int64_t rate)
{
	int own = 0, fd = kit_listen(&own);
	pid_t pid = fork();

	if (pid > 0) {
		close(fd);
		kit.pids[kit.n++] = pid;
		return own;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		struct sockaddr_in a = { .sin_family = AF_INET,
			.sin_port = htons((uint16_t)to),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		int in = accept(fd, NULL, NULL), out;
		char b[4096];

		if (fork() != 0) {
			close(in);
			continue;
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		out = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(out, (struct sockaddr *)&a, sizeof a) != 0)
			_exit(1);
		if (fork() == 0)
			while (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
				ssize_t n = read(out, b, sizeof b);

				if (n <= 0 || write(in, b, (size_t)n) != n)
					_exit(0);
			}
		for (;;) {
			ssize_t n = read(in, b, sizeof b);

			if (n <= 0 || write(out, b, (size_t)n) != n)
				_exit(0);
			usleep((useconds_t)(n * 1000000 / rate));
		}
	}
}

static void
a_slow_store_that_need_not_be_is_given_up_alone(void **state)
{
	static char slow_known[PATH_MAX];
	struct place_spec at = nas;
	struct trial r;
	int64_t began;

	(void)state;
	if (!port) {
		test_skip(NO_SSHD);
		return;
	}
	random_bytes();
	at.port = slow_way(port, 500000);
	snprintf(slow_known, sizeof slow_known, "%s", kit_known("slow-known",
	    at.port, "hostkey.pub"));
	at.known_hosts = slow_known;
	begin(&r, "cat $1/random");
	r.spec.store_stall_ms = 3000;
	store(&r, "local", NULL, true);
	store(&r, "slow", &at, false);
	began = clock_mono_ms();
	GOES(&r);
	assert_true(clock_mono_ms() - began < 20000);
	is_whole(&r, 0);
	assert_false(r.done.stores.v[1].sent);
	assert_non_null(strstr(r.done.stores.v[1].why, "too slow"));
	assert_true(r.done.stores.v[1].gone);
	assert_non_null(strstr(r.told.bottlenecks, "slow"));
	end(&r);
}

/* ---- sources and proofs that fail ---------------------------------------------------- */

static void
a_source_that_is_killed_is_no_backup(void **state)
{
	(void)state;
	random_bytes();
	for (int tenth = 0; tenth <= 10; tenth++) {
		char script[128];
		struct trial r;

		snprintf(script, sizeof script, "head -c %d000000 $1/random; "
		    "echo ouch >&2; kill -9 $$", 3 * tenth);
		begin(&r, script);
		store(&r, "local", NULL, true);
		r.spec.proof_argv = sh(1, "exec cat");
		FAILS_WITH(&r, "'sh' failed: it was killed by signal 9: ouch");
		assert_int_equal(r.done.procs.v[0].exit, 137);
		assert_false(r.done.stores.v[0].sent);
		assert_string_equal(r.told.words, "sh: ouch\n");
		end(&r);
	}
}

static void
exits_count_even_when_all_bytes_came(void **state)
{
	struct trial r;

	(void)state;
	begin(&r, "seq 1 100000; echo 'aborting because of \033[31mred' >&2; "
	    "exit 1");
	store(&r, "local", NULL, true);
	FAILS_WITH(&r, "'sh' failed: exit 1: aborting because of \\x1b[31mred");
	assert_false(r.done.stores.v[0].sent);
	end(&r);

	begin(&r, "seq 1 100000; exit 1");
	store(&r, "local", NULL, true);
	r.spec.ok_exits = 1 << 0 | 1 << 1;
	GOES(&r);
	is_whole(&r, 0);
	assert_int_equal(r.done.procs.v[0].exit, 1);
	end(&r);

	begin(&r, ":");
	store(&r, "local", NULL, true);
	r.spec.argv = (const char *const[]){ "no-such-program", NULL };
	FAILS_WITH(&r, "cannot start 'no-such-program': No such file");
	end(&r);
}

static void
who_stops_is_given_up(void **state)
{
	static const struct { const char *source, *proof, *want; } rows[] = {
		{ SEQ "; exec sleep 60", NULL, "'sh' wrote nothing for 1.0 s" },
		{ "sleep 60", "exec cat", "'sh' wrote nothing for 1.0 s" },
		{ SEQ "; exec >&-; trap '' TERM; sleep 60", NULL,
		    "'sh' closed its output and did not end within 1.0 s" },
		{ SEQ, "sleep 60", "not proven: 'sh' read nothing for 1.0 s" },
		{ SEQ, "cat; sleep 60", "not proven: 'sh' did not end" },
	};
	size_t before = children();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trial r;
		int64_t began = clock_mono_ms();

		test_case(rows[i].want);
		begin(&r, rows[i].source);
		store(&r, "local", NULL, true);
		if (rows[i].proof != NULL)
			r.spec.proof_argv = sh(1, rows[i].proof);
		r.spec.source_stall_ms = 1000;
		FAILS_WITH(&r, rows[i].want);
		assert_int_equal(r.e.kind, ERR_TIMEOUT);
		assert_true(clock_mono_ms() - began < 8000);
		assert_int_equal(children(), before);
		end(&r);
	}
}

static void
without_its_proof_a_stream_is_nothing(void **state)
{
	static const struct { const char *proof, *want; } rows[] = {
		{ "cat; exit 3", "not proven: 'sh' failed: exit 3" },
		{ "head -c 1000; echo no >&2; exit 1",
		    "not proven: 'sh' failed: exit 1: no" },
		{ "head -c 1000; exit 0", "did not read to the end" },
		{ "cat; kill -9 $$", "it was killed by signal 9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trial r;

		test_case(rows[i].proof);
		begin(&r, SEQ);
		store(&r, "local", NULL, true);
		r.spec.proof_argv = sh(1, rows[i].proof);
		FAILS_WITH(&r, rows[i].want);
		assert_int_equal(r.e.kind, ERR_INTEGRITY);
		assert_false(r.done.stores.v[0].sent);
		end(&r);
	}
}

static void
the_deadline_of_all_holds(void **state)
{
	struct trial r;

	(void)state;
	begin(&r, "while :; do echo x; sleep 0.1; done");
	store(&r, "local", NULL, true);
	r.spec.deadline_ms = clock_mono_ms() + 1000;
	FAILS_WITH(&r, "did not end in its time");
	assert_int_equal(r.e.kind, ERR_TIMEOUT);
	end(&r);
}

/* ---- another place, cancelling, dying ---------------------------------------------- */

static bool
runs_there(const char *marker)
{
	char *s = xprintf("pgrep -f '^sleep %s' >/dev/null", marker);
	const char *argv[] = { "/bin/sh", "-c", s, NULL };
	struct ran ran = { 0 };
	bool there = spawn_run(&(struct run){ .argv = argv }, &ran, NULL) &&
	    spawn_code(ran.status) == 0;

	ran_release(&ran);
	free(s);
	return there;
}

static void
cancelling_ends_all_of_it_here_and_there(void **state)
{
	size_t before = children();

	(void)state;
	for (int far = 0; far < (port ? 2 : 1); far++) {
		struct trial r;
		int64_t began = clock_mono_ms();

		test_case(far ? "there" : "here");
		begin(&r, SEQ "; sleep 3599.125; :");
		r.spec.at = far ? &nas : NULL;
		store(&r, "local", NULL, true);
		r.spec.proof_argv = sh(1, "exec cat");
		r.told.cancel_ms = clock_mono_ms() + 2500;
		FAILS_WITH(&r, "cancelled");
		assert_int_equal(r.e.kind, ERR_CANCELLED);
		assert_string_equal(r.e.hint, "");
		assert_true(clock_mono_ms() - began < 9000);
		assert_true(r.done.raw > 1000000);
		assert_false(runs_there("3599.125"));
		end(&r);
	}
	for (int i = 0; i < 40 && children() != before; i++)
		clock_sleep_ms(50);
	assert_int_equal(children(), before);
}

/* What goes on the way is far less than may be under way at once: the room of
 * buffers must not look like a stall. */
static void
a_slow_store_that_must_be_is_waited_for(void **state)
{
	static char slow_known[PATH_MAX];
	struct place_spec at = nas;
	struct trial r;

	(void)state;
	if (!port) {
		test_skip(NO_SSHD);
		return;
	}
	random_bytes();
	at.port = slow_way(port, 500000);
	snprintf(slow_known, sizeof slow_known, "%s", kit_known("slow-known",
	    at.port, "hostkey.pub"));
	at.known_hosts = slow_known;
	begin(&r, "head -c 3000000 $1/random");
	r.spec.store_stall_ms = 3000;
	store(&r, "slow", &at, true);
	GOES(&r);
	is_whole(&r, 0);
	same_bytes(&r, 0, "head -c 3000000 $1/random");
	assert_int_equal(r.done.stores.v[0].links, 1);
	end(&r);
}

static void
a_source_at_another_place_is_carried_here(void **state)
{
	struct trial r;

	(void)state;
	if (!port) {
		test_skip(NO_SSHD);
		return;
	}
	random_bytes();
	begin(&r, "cat $1/random; echo done >&2");
	r.spec.at = &nas;
	store(&r, "local", NULL, true);
	r.spec.proof_argv = sh(1, "exec cat");
	GOES(&r);
	is_whole(&r, 0);
	same_bytes(&r, 0, "cat $1/random");
	assert_string_equal(r.told.words, "sh: done\n");
	end(&r);

	begin(&r, SEQ "; exit 7");
	r.spec.at = &nas;
	store(&r, "local", NULL, true);
	FAILS_WITH(&r, "'sh' at nas failed: exit 7");
	assert_int_equal(r.done.procs.v[0].exit, 7);
	end(&r);
}

static void
a_connection_that_drops_is_no_end_of_a_source(void **state)
{
	struct place_spec at;
	struct trial r;

	(void)state;
	if (!port) {
		test_skip(NO_SSHD);
		return;
	}
	random_bytes();
	at = own_sshd();
	begin(&r, BURSTS);
	r.spec.at = &at;
	store(&r, "local", NULL, true);
	r.told.act = cut;
	r.told.act_at = 1;
	FAILS_WITH(&r, "'sh' at nas failed: ");
	assert_int_equal(r.done.procs.v[0].exit, -1);
	assert_false(r.done.stores.v[0].sent);
	end(&r);
	end_own_sshd();
}

static void
nothing_survives_when_we_are_killed(void **state)
{
	size_t before = children();

	(void)state;
	random_bytes();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int far = 0; far < (port ? 2 : 1); far++) {
		struct trial r;
		pid_t pid;

		test_case(far ? "there" : "here");
		begin(&r, BURSTS "; trap '' TERM; sleep 3599.25");
		r.spec.at = far ? &nas : NULL;
		store(&r, "local", NULL, true);
		if (port)
			store(&r, "nas", &nas, true);
		r.spec.proof_argv = sh(1, "exec cat");
		pid = fork();
		if (pid == 0) {
			(void)go(&r);
			_exit(0);
		}
		clock_sleep_ms(1500);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (int i = 0; i < 240 && children() != before; i++) {
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
			clock_sleep_ms(50);
		}
		assert_int_equal(children(), before);
		assert_false(runs_there("3599.25"));
		end(&r);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void
rows_are_counted_by_who_proves(void **state)
{
	static const struct {
		const char *what, *source;
		bool ends_well, counted;
	} rows[] = {
		{ "two tables", "echo 'COPY public.t (a) FROM stdin;'; "
		    "seq 300000; echo '\\.'; echo 'SELECT 1;'; "
		    "echo 'COPY s.\"o d\" (a) FROM stdin;'; echo '\\.'",
		    true, true },
		{ "cut off in the data", "echo 'COPY public.t (a) FROM stdin;';"
		    " seq 10", true, false },
		{ "its source fails", "echo 'COPY public.t (a) FROM stdin;'; "
		    "seq 10; echo '\\.'; exit 3", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trial r;
		const struct count *c;

		test_case(rows[i].what);
		begin(&r, rows[i].source);
		r.spec.proof_argv = sh(1, "exec cat");
		r.spec.counts = true;
		store(&r, "here", NULL, true);
		assert_int_equal(go(&r), rows[i].ends_well);
		assert_int_equal(r.done.counted, rows[i].counted);
		assert_int_equal(r.done.counts.v.n, rows[i].counted ? 2 : 0);
		c = !rows[i].counted ? NULL : counts_find(&r.done.counts,
		    "public", "t");
		assert_true(!rows[i].counted || (c != NULL && c->rows ==
		    300000));
		c = !rows[i].counted ? NULL : counts_find(&r.done.counts, "s",
		    "o d");
		assert_true(!rows[i].counted || (c != NULL && c->rows == 0));
		end(&r);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(rows_are_counted_by_who_proves),
	cmocka_unit_test(bytes_arrive_as_they_were),
	cmocka_unit_test(bytes_that_cannot_be_packed_go_to_two_stores_at_once),
	cmocka_unit_test(a_connection_that_is_cut_goes_on_where_it_was),
	cmocka_unit_test(a_store_that_is_gone_fails_alone),
	cmocka_unit_test(a_server_that_hangs_is_given_up),
	cmocka_unit_test(a_full_and_a_read_only_store_say_so),
	cmocka_unit_test(a_slow_store_that_need_not_be_is_given_up_alone),
	cmocka_unit_test(a_slow_store_that_must_be_is_waited_for),
	cmocka_unit_test(a_source_that_is_killed_is_no_backup),
	cmocka_unit_test(exits_count_even_when_all_bytes_came),
	cmocka_unit_test(who_stops_is_given_up),
	cmocka_unit_test(without_its_proof_a_stream_is_nothing),
	cmocka_unit_test(the_deadline_of_all_holds),
	cmocka_unit_test(cancelling_ends_all_of_it_here_and_there),
	cmocka_unit_test(a_source_at_another_place_is_carried_here),
	cmocka_unit_test(a_connection_that_drops_is_no_end_of_a_source),
	cmocka_unit_test(nothing_survives_when_we_are_killed),
};

static int
set_up(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	/* what is mounted goes with us */
	if (unshare(CLONE_NEWNS) == 0)
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (!kit_keys())
		return 0;
	port = kit_sshd("flow.conf", "", false);
	snprintf(known, sizeof known, "%s", kit_known("known", port,
	    "hostkey.pub"));
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(empty, sizeof empty, "%s", test_path("empty"));
	nas = (struct place_spec){ .name = "nas", .user = "root",
		.host = "127.0.0.1", .port = port, .identity = key,
		.known_hosts = known, .config = empty };
	return 0;
}

static int
tear_down(void **state)
{
	kit_pg_end(&box);
	return kit_stop(state);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("flow", tests, set_up, tear_down);
}
