/* Large files to a host far away: several channels of one connection. */
#include <errno.h>
#include <sys/mount.h>

#include "base/proc.h"
#include "base/text.h"
#include "tests/place/kit.h"

enum { MB = 1 << 20, ROUND_TRIP = 30 };

static int port, one_port;
static char known[PATH_MAX], key[PATH_MAX], empty[PATH_MAX];
static unsigned char *data;
static const size_t data_n = 40 * MB;

/* The port of a link with that delay to a server. */
static int
far_away(int to)
{
	char self[PATH_MAX], ms[16], at[16], got[16] = "";
	const char *argv[] = { self, ms, at, NULL };
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 32);
	struct err e = ERR_INIT;
	int64_t ret = 0;
	int out[2];

	assert_true(n > 0);
	self[n] = '\0';
	snprintf(strrchr(self, '/') + 1, 16, "place_delay");
	snprintf(ms, sizeof ms, "%d", ROUND_TRIP);
	snprintf(at, sizeof at, "%d", to);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	kit.pids[kit.n] = spawn_start(&(struct spawn){ .argv = argv, .in = -1,
	    .out = out[1], .errfd = -1, .die_with_us = true }, &e);
	if (kit.pids[kit.n++] < 0)
		fail_msg("%s", e.msg);
	close(out[1]);
	assert_true(read(out[0], got, sizeof got - 1) > 0);
	got[strcspn(got, "\n")] = '\0';
	assert_true(text_int(got, 1, 65535, &ret));
	close(out[0]);
	return (int)ret;
}

static int
start(void **state)
{
	char *pub, text[2048];

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	data = xmalloc(data_n);
	for (size_t i = 0; i < data_n; i++)
		data[i] = (unsigned char)(i * 2654435761u >> 13 ^ i);
	if (!kit_keys())
		return 0;
	port = kit_sshd("far.conf", "", false);
	one_port = kit_sshd("one.conf", "MaxSessions 1", false);
	if (port == 0)
		return 0;
	port = far_away(port);
	one_port = far_away(one_port);
	pub = test_read(test_path("hostkey.pub"));
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s[127.0.0.1]:%d %s", port,
	    pub, one_port, pub);
	snprintf(known, sizeof known, "%s", test_write("known", text));
	free(pub);
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(empty, sizeof empty, "%s", test_path("empty"));
	return 0;
}

static int
stop(void **state)
{
	free(data);
	return kit_stop(state);
}

#define NEED_SSHD							\
	do {								\
		if (!port) {						\
			test_skip("there is no sshd here");		\
			return;						\
		}							\
	} while (0)

static struct place *
opened(struct place_spec *spec, int at, const struct place_care *care)
{
	struct err e = ERR_INIT;
	struct place *p;

	*spec = (struct place_spec){ .name = "nas", .user = kit_user(),
		.host = "127.0.0.1", .port = at, .identity = key,
		.known_hosts = known, .config = empty };
	p = place_open(spec, care, &e);
	if (p == NULL)
		fail_msg("%s", e.msg);
	return p;
}

static struct place_file *
created(struct place *p, const char *path)
{
	struct err e = ERR_INIT;
	struct place_file *f = place_create(p, path, 0600, &e);

	if (f == NULL)
		fail_msg("%s", e.msg);
	return f;
}

#define OK(call)							\
	do {								\
		struct err e_ = ERR_INIT, *e = &e_;			\
		if (!(call))						\
			fail_msg("%s: %s", #call, e->msg);		\
	} while (0)

static void
assert_holds(const char *path, size_t from, size_t n)
{
	static unsigned char piece[MB];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	assert_int_equal(st.st_size, n);
	for (size_t at = 0; at < n;) {
		ssize_t r = read(fd, piece, sizeof piece);

		assert_true(r > 0);
		if (memcmp(piece, data + from + at, (size_t)r) != 0)
			fail_msg("%s differs between %zu and %zu", path, at,
			    at + (size_t)r);
		at += (size_t)r;
	}
	close(fd);
	unlink(path);
}

static void
files_of_every_size_arrive_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 4 * MB - 1, 4 * MB, 4 * MB + 1,
		8 * MB, 12 * MB + 3, 16 * MB, 16 * MB - 1, 33333333 };
	struct place_spec spec;

	(void)state;
	NEED_SSHD;
	for (int one = 0; one < 2; one++) {
		struct place *p = opened(&spec, one ? one_port : port, NULL);

		test_case(one ? "a server that gives us one channel" :
		    "with lanes");
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			struct place_file *f;
			size_t step = i % 2 ? 77777 : 3 * MB;
			char path[PATH_MAX];

			if (one && i < 6)
				continue;
			snprintf(path, sizeof path, "%s/size%zu", test_dir(), i);
			f = created(p, path);
			for (size_t at = 0; at < sizes[i]; at += step)
				OK(place_file_write(f, data + at, sizes[i] - at <
				    step ? sizes[i] - at : step, e));
			OK(place_file_close(f, e));
			assert_holds(path, 0, sizes[i]);
		}
		place_close(p);
	}
}

static void
several_files_and_questions_go_on_at_once(void **state)
{
	struct place_spec spec;
	struct place *p;
	struct place_file *f[3], *r;
	char path[3][PATH_MAX], got[1000];
	size_t at[3] = { 0 };
	struct place_stat st;
	struct err e2 = ERR_INIT;
	unsigned dice = 7;

	(void)state;
	NEED_SSHD;
	p = opened(&spec, port, NULL);
	test_write("there", "what is read meanwhile\n");
	for (int i = 0; i < 3; i++) {
		snprintf(path[i], sizeof path[i], "%s/many%d", test_dir(), i);
		f[i] = created(p, path[i]);
	}
	r = place_read_open(p, test_path("there"), 0, &e2);
	for (int turn = 0; turn < 60; turn++) {
		int i = turn % 7 == 0 ? 1 : turn % 11 == 0 ? 2 : 0;
		size_t n = i > 0 ? 3000 : (dice >> 8) % (2 * MB);

		dice = dice * 1103515245u + 12345u;
		if (at[i] + n > data_n)
			break;
		OK(place_file_write(f[i], data + at[i], n, e));
		at[i] += n;
		if (turn % 13 == 0)
			OK(place_stat(p, path[1], &st, e));
		if (turn == 31) {
			assert_int_equal(place_file_read(r, got, sizeof got,
			    &e2), 23);
			place_file_drop(r);
		}
	}
	for (int i = 0; i < 3; i++) {
		OK(place_file_close(f[i], e));
		assert_holds(path[i], 0, at[i]);
	}
	place_close(p);
}

static void
a_disk_that_fills_up_is_called_full(void **state)
{
	struct place_spec spec;
	struct place *p;
	struct place_file *f;
	struct err why = ERR_INIT;
	char full[PATH_MAX], path[PATH_MAX + 8];
	size_t at = 0;
	bool ok = true;

	(void)state;
	NEED_SSHD;
	snprintf(full, sizeof full, "%s", test_path("full"));
	mkdir(full, 0755);
	if (mount("tmpfs", full, "tmpfs", 0, "size=14M") != 0) {
		test_skip("no tmpfs can be mounted here");
		return;
	}
	snprintf(path, sizeof path, "%s/big", full);
	p = opened(&spec, port, NULL);
	f = created(p, path);
	while (ok && at < data_n) {
		ok = place_file_write(f, data + at, MB, &why);
		at += MB;
	}
	if (ok)
		ok = place_file_close(f, &why);
	else
		place_file_drop(f);
	umount2(full, MNT_DETACH);
	if (ok || why.sys_errno != ENOSPC)
		fail_msg("%s", why.msg);
	OK(place_mkdir(p, test_path("after"), 0700, e));
	place_close(p);
}

static bool
soon(void *ctx)
{
	int64_t *when = ctx;

	return *when != 0 && clock_mono_ms() > *when;
}

static void
a_link_that_breaks_and_a_cancelled_file_fail_and_leave_the_place_usable(
    void **state)
{
	int64_t when = 0;
	struct place_care care = { .cancelled = soon, .ctx = &when };
	struct place_spec spec;

	(void)state;
	NEED_SSHD;
	for (int cut = 0; cut < 2; cut++) {
		struct place *p = opened(&spec, port, &care);
		char path[PATH_MAX];
		struct place_file *f;
		struct err why = ERR_INIT;
		bool ok = true;

		test_case(cut ? "broken" : "cancelled");
		snprintf(path, sizeof path, "%s/cut%d", test_dir(), cut);
		f = created(p, path);
		for (size_t at = 0; ok && at < data_n; at += MB) {
			if (at == 14 * MB && cut)
				for (size_t i = 0; i < kit.n; i++)
					proc_signal_below(kit.pids[i], SIGKILL);
			if (at == 14 * MB && !cut)
				when = clock_mono_ms();
			ok = place_file_write(f, data + at, MB, &why);
		}
		assert_false(ok);
		if (!cut)
			assert_int_equal(why.kind, ERR_CANCELLED);
		place_file_drop(f);
		when = 0;
		OK(place_remove(p, path, e));
		place_close(p);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(files_of_every_size_arrive_whole),
	cmocka_unit_test(several_files_and_questions_go_on_at_once),
	cmocka_unit_test(a_disk_that_fills_up_is_called_full),
	cmocka_unit_test(
	    a_link_that_breaks_and_a_cancelled_file_fail_and_leave_the_place_usable),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, start, stop);
}
