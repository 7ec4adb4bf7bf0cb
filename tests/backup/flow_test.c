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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bytes_arrive_as_they_were),
	cmocka_unit_test(bytes_that_cannot_be_packed_go_to_two_stores_at_once),
};

static int
set_up(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
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
main(void)
{
	return cmocka_run_group_tests_name("flow", tests, set_up, tear_down);
}
