#include <poll.h>

#include "tests/place/kit.h"

#include "base/file.h"
#include "base/proc.h"
#include "place/tunnel.h"

static int port, etm_port, far_port;
static char known[PATH_MAX], key[PATH_MAX], empty[PATH_MAX];

/* --- a far end ----------------------------------------------------------- */

static void
put(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t w = send(fd, s, n, MSG_NOSIGNAL);

		if (w <= 0)
			_exit(1);
		s += w;
		n -= (size_t)w;
	}
}

/* By its first byte: e echoes until the end and says END then; q says hello and
 * hangs up; h says half, ends, and writes down how much it gets after that; f
 * floods until it is cut off. */
static _Noreturn void
far_one(int fd)
{
	static char b[64 << 10];
	size_t got = 0;
	ssize_t n = recv(fd, b, 1, 0);
	char what = *b;

	if (n != 1)
		_exit(0);
	if (what == 'q') {
		put(fd, "hello", 5);
		_exit(0);
	}
	if (what == 'h') {
		put(fd, "half", 4);
		shutdown(fd, SHUT_WR);
	}
	if (what == 'f')
		for (;;)
			put(fd, b, sizeof b);
	while ((n = recv(fd, b, sizeof b, 0)) > 0) {
		got += (size_t)n;
		if (what == 'e')
			put(fd, b, (size_t)n);
	}
	if (what == 'e')
		put(fd, "END", 3);
	else {
		snprintf(b, sizeof b, "%zu\n", got);
		test_write("half.tmp", b);
		rename(test_path("half.tmp"), test_path("half"));
	}
	_exit(0);
}

static void
far_end(int listener)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		for (;;) {
			int fd = accept(listener, NULL, NULL);

			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				far_one(fd);
			}
			close(fd);
		}
	}
	close(listener);
	kit.pids[kit.n++] = pid;
}

/* --- this end ------------------------------------------------------------ */

static int
dial(int to)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)to),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = 25 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Says text, then ends; what came until the end, -1 with errno: no end. */
static ssize_t
talk(int to, const char *text, char *got, size_t size, bool end)
{
	int fd = dial(to);
	ssize_t n = 0, r;

	assert_true(fd >= 0);
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
		close(fd);
		return -1;
	}
	if (end)
		shutdown(fd, SHUT_WR);
	while ((r = recv(fd, got + n, size - 1 - (size_t)n, 0)) > 0)
		n += r;
	got[n] = '\0';
	if (r < 0) {
		int keep = errno;

		close(fd);
		errno = keep;
		return -1;
	}
	close(fd);
	return n;
}

static struct place_spec
spec_of(int at)
{
	return (struct place_spec){ .name = "box", .user = kit_user(),
		.host = "127.0.0.1", .port = at, .identity = key,
		.known_hosts = known, .config = empty };
}

static struct place_tunnel *
opened(const struct place_spec *spec, int to)
{
	struct err e = ERR_INIT;
	struct place_tunnel *t = place_tunnel_open(spec, NULL, "127.0.0.1", to,
	    &e);

	if (t == NULL)
		fail_msg("%s", e.msg);
	return t;
}

/* What is in the tunnel's error; "": nothing. */
static const char *
why(struct place_tunnel *t)
{
	static char text[600];
	struct buf b = BUF_INIT;

	snprintf(text, sizeof text, "%s", place_tunnel_error(t, &b) ? b.p : "");
	buf_release(&b);
	return text;
}

/* Every sshd of a connection gets the signal; the listeners do not. One that has
 * just let us in changes its process: it gets a moment for that. */
static void
cut_links(int sig)
{
	clock_sleep_ms(300);
	for (size_t i = 0; i + 1 < kit.n; i++)
		proc_signal_below(kit.pids[i], sig);
}

static int
start(void **state)
{
	char *pub, text[2048];
	int at = 0, fd;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	if (!kit_keys())
		return 0;
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(empty, sizeof empty, "%s", test_path("empty"));
	port = kit_sshd("plain.conf", "", false);
	etm_port = kit_sshd("etm.conf",
	    "MACs hmac-sha2-256-etm@openssh.com\nCiphers aes256-gcm@openssh.com",
	    false);
	pub = test_read(test_path("hostkey.pub"));
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s[127.0.0.1]:%d %s", port,
	    pub, etm_port, pub);
	snprintf(known, sizeof known, "%s", test_write("known", text));
	free(pub);
	fd = kit_listen(&at);
	far_port = at;
	far_end(fd);			/* the last one: cut_links() spares it */
	return 0;
}

#define NEED_SSHD							\
	do {								\
		if (!port) {						\
			test_skip("there is no sshd here");		\
			return;						\
		}							\
	} while (0)

static const struct {
	const char *name;
	bool system;
} ways[] = { { "libssh2", false }, { "the system's ssh", true } };
enum { WAYS = sizeof ways / sizeof *ways };

static struct place_spec
way(size_t i)
{
	test_case(ways[i].name);
	return spec_of(ways[i].system ? etm_port : port);
}

/* --- the tests ----------------------------------------------------------- */

static void
what_goes_in_comes_out_and_both_ends_are_told_apart(void **state)
{
	char got[100];

	(void)state;
	NEED_SSHD;
	for (size_t i = 0; i < WAYS; i++) {
		struct place_spec spec = way(i);
		struct place_tunnel *t = opened(&spec, far_port);
		int to = place_tunnel_port(t);

		snprintf(got, sizeof got, "%s%s@127.0.0.1", ways[i].system ?
		    "system ssh to " : "ssh ", kit_user());
		assert_non_null(strstr(place_tunnel_how(t), got));
		test_case("we end first, and still get the rest");
		assert_int_equal(talk(to, "e12345", got, sizeof got, true), 8);
		assert_string_equal(got, "12345END");
		test_case("the far side ends first");
		assert_int_equal(talk(to, "q", got, sizeof got, false), 5);
		assert_string_equal(got, "hello");
		assert_string_equal(why(t), "");
		test_case("the far side ends and still listens");
		unlink(test_path("half"));
		int fd = dial(to);
		assert_int_equal(send(fd, "h", 1, 0), 1);
		assert_int_equal(recv(fd, got, sizeof got, MSG_WAITALL), 4);
		assert_int_equal(recv(fd, got, sizeof got, 0), 0);
		for (int k = 0; k < 100; k++) {
			assert_int_equal(send(fd, "0123456789", 10, 0), 10);
			clock_sleep_ms(1);
		}
		close(fd);
		for (int k = 0; k < 100 && !file_exists(test_path("half")); k++)
			clock_sleep_ms(50);
		char *half = test_read(test_path("half"));
		assert_string_equal(half, "1000\n");
		free(half);
		assert_int_equal(place_tunnel_links(t), 1);
		place_tunnel_close(t);
		assert_int_equal(dial(to), -1);
	}
}

/* A child that echoes n bytes in its own pattern through the port. */
static pid_t
echoer(int to, unsigned seed, size_t total)
{
	pid_t pid = fork();
	static char out[8192], in[8192];
	size_t sent = 0, back = 0;
	bool shut = false;
	int fd;

	if (pid != 0)
		return pid;
	fd = dial(to);
	if (fd < 0 || send(fd, "e", 1, 0) != 1)
		_exit(2);
	while (back < total + 3) {
		struct pollfd f = { .fd = fd, .events = (short)(POLLIN |
			(sent < total ? POLLOUT : 0)) };

		if (poll(&f, 1, 20000) != 1)
			_exit(3);
		if (f.revents & POLLOUT) {
			size_t n = total - sent < sizeof out ? total - sent :
			    sizeof out;

			for (size_t i = 0; i < n; i++)
				out[i] = (char)((sent + i) * (seed + 3) >> 3);
			ssize_t w = send(fd, out, n, MSG_DONTWAIT);
			sent += w > 0 ? (size_t)w : 0;
		}
		if (sent == total && !shut) {
			shutdown(fd, SHUT_WR);
			shut = true;
		}
		if (f.revents & POLLIN) {
			ssize_t r = recv(fd, in, sizeof in, 0);

			if (r <= 0)
				_exit(4);
			for (ssize_t i = 0; i < r; i++, back++)
				if (in[i] != (back < total ?
				    (char)(back * (seed + 3) >> 3) :
				    "END"[back - total]))
					_exit(5);
		}
	}
	_exit(recv(fd, in, 1, 0) == 0 ? 0 : 6);
}

static void
many_connections_go_through_it_at_once(void **state)
{
	(void)state;
	NEED_SSHD;
	for (size_t i = 0; i < WAYS; i++) {
		struct place_spec spec = way(i);
		struct place_tunnel *t = opened(&spec, far_port);
		pid_t pids[80];
		size_t many = ways[i].system ? 20 : 80, bad = 0;
		int status, slow = dial(place_tunnel_port(t));
		char b[1000];

		/* one that floods, and that nobody reads from */
		assert_int_equal(send(slow, "f", 1, 0), 1);
		for (unsigned k = 0; k < many; k++)
			pids[k] = echoer(place_tunnel_port(t), k,
			    k == 0 ? 5 << 20 : 100000);
		for (size_t k = 0; k < many; k++) {
			waitpid(pids[k], &status, 0);
			if (status != 0)
				print_message("# number %zu: %d\n", k,
				    spawn_code(status));
			bad += status != 0;
		}
		assert_int_equal(bad, 0);
		for (size_t n = 0; n < 3 << 20;) {
			ssize_t r = recv(slow, b, sizeof b, 0);

			assert_true(r > 0);
			n += (size_t)r;
		}
		close(slow);
		assert_int_equal(place_tunnel_links(t), 1);
		place_tunnel_close(t);
	}
}

static void
a_broken_link_is_a_reset_and_the_next_connection_makes_a_new_one(void **state)
{
	char got[100];

	(void)state;
	NEED_SSHD;
	for (size_t i = 0; i < WAYS; i++) {
		struct place_spec spec = way(i);
		struct place_tunnel *t = opened(&spec, far_port);
		int fd[3], to = place_tunnel_port(t);

		for (int k = 0; k < 3; k++) {
			fd[k] = dial(to);
			assert_int_equal(send(fd[k], "ex", 2, 0), 2);
			assert_int_equal(recv(fd[k], got, 1, 0), 1);
		}
		cut_links(SIGKILL);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(recv(fd[k], got, 1, 0), -1);
			assert_int_equal(errno, ECONNRESET);
			close(fd[k]);
		}
		if (!strstr(why(t), "the connection to 'box' broke"))
			fail_msg("%s", why(t));
		for (int k = 0; k < 3; k++) {
			cut_links(SIGKILL);	/* while nobody uses it */
			clock_sleep_ms(200);
			assert_int_equal(talk(to, "eagain", got, sizeof got,
			    true), 8);
			assert_string_equal(got, "againEND");
		}
		assert_true(place_tunnel_links(t) >= 4);
		assert_string_equal(why(t), "");
		place_tunnel_close(t);
	}
}

static void
a_link_that_went_silent_is_given_up_when_it_is_needed(void **state)
{
	struct place_spec spec = spec_of(port);
	struct place_tunnel *t;
	int64_t began;
	char got[100];

	(void)state;
	NEED_SSHD;
	t = opened(&spec, far_port);
	cut_links(SIGSTOP);
	began = clock_mono_ms();
	assert_int_equal(talk(place_tunnel_port(t), "eon", got, sizeof got, true),
	    5);
	assert_in_range(clock_mono_ms() - began, 3000, 15000);
	assert_int_equal(place_tunnel_links(t), 2);
	place_tunnel_close(t);
	cut_links(SIGKILL);
}

static void
a_far_end_that_cannot_be_reached_is_a_reset_with_a_reason(void **state)
{
	char got[100];
	int dead_port = 0;

	(void)state;
	NEED_SSHD;
	close(kit_listen(&dead_port));
	for (size_t i = 0; i < WAYS; i++) {
		struct place_spec spec = way(i);
		struct place_tunnel *t = opened(&spec, dead_port);

		assert_int_equal(talk(place_tunnel_port(t), "e", got,
		    sizeof got, false), -1);
		assert_int_equal(errno, ECONNRESET);
		snprintf(got, sizeof got, "'box' cannot connect to 127.0.0.1"
		    " port %d: connect failed", dead_port);
		if (!strstr(why(t), got))
			fail_msg("'%s' is not in: %s", got, why(t));
		/* the link is as good as before */
		assert_int_equal(talk(place_tunnel_port(t), "e", got,
		    sizeof got, false), -1);
		assert_int_equal(place_tunnel_links(t), 1);
		place_tunnel_close(t);
	}
}

static void
who_goes_before_it_is_connected_leaves_nothing_behind(void **state)
{
	struct place_spec spec = spec_of(port);
	struct place_tunnel *t;
	char got[100];

	(void)state;
	NEED_SSHD;
	t = opened(&spec, far_port);
	for (int i = 0; i < 300; i++) {
		int fd = dial(place_tunnel_port(t));

		if (i % 3 == 0)
			setsockopt(fd, SOL_SOCKET, SO_LINGER,
			    &(struct linger){ 1, 0 }, sizeof(struct linger));
		if (i % 3 == 1)
			assert_int_equal(send(fd, "e", 1, MSG_NOSIGNAL), 1);
		close(fd);
	}
	assert_int_equal(talk(place_tunnel_port(t), "estill", got, sizeof got,
	    true), 8);
	place_tunnel_close(t);
}

static void
another_user_is_not_let_in(void **state)
{
	struct place_spec spec = spec_of(port);
	struct place_tunnel *t;
	int status, fd;
	char c;

	(void)state;
	NEED_SSHD;
	if (geteuid() != 0) {
		test_skip("only root can be somebody else");
		return;
	}
	t = opened(&spec, far_port);
	for (int gone = 0; gone < 2; gone++) {
		pid_t pid = fork();

		test_case(gone ? "gone at once" : "as nobody");
		if (pid == 0) {
			if (setuid(65534) != 0)
				_exit(2);
			fd = dial(place_tunnel_port(t));
			if (gone)
				_exit(send(fd, "q", 1, MSG_NOSIGNAL) == 7);
			_exit(recv(fd, &c, 1, 0) == -1 && errno == ECONNRESET ?
			    0 : 1);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
		for (int i = 0; i < 100 && *why(t) == '\0'; i++)
			clock_sleep_ms(20);
		if (!strstr(why(t), gone ? "a connection " :
		    "a connection of the user 65534 was not let in"))
			fail_msg("%s", why(t));
		assert_null(strstr(why(t), "broke"));
	}
	place_tunnel_close(t);
}

static void
it_ends_with_whoever_opened_it(void **state)
{
	struct place_spec spec = spec_of(port);
	int to[2], at = 0;
	pid_t pid;

	(void)state;
	NEED_SSHD;
	assert_int_equal(pipe(to), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct place_tunnel *t = place_tunnel_open(&spec, NULL,
		    "127.0.0.1", far_port, NULL);

		at = t ? place_tunnel_port(t) : 0;
		(void)!write(to[1], &at, sizeof at);
		pause();
	}
	assert_int_equal(read(to[0], &at, sizeof at), sizeof at);
	assert_int_not_equal(at, 0);
	close(dial(at));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(to[0]);
	close(to[1]);
	for (int i = 0; i < 100 && at != 0; i++) {
		int fd = dial(at);

		if (fd < 0)
			return;
		close(fd);
		clock_sleep_ms(50);
	}
	fail_msg("the port still answers");
}

static void
nothing_of_its_openers_stays_open_in_it(void **state)
{
	struct place_spec spec = spec_of(port);
	struct place_tunnel *t;
	int pair[2];
	char c;

	(void)state;
	NEED_SSHD;
	assert_int_equal(pipe(pair), 0);
	t = opened(&spec, far_port);
	close(pair[1]);
	assert_int_equal(read(pair[0], &c, 1), 0);
	close(pair[0]);
	place_tunnel_close(t);
}

static bool
sesame(void *ctx, const char *name, char *out, size_t size)
{
	++*(int *)ctx;
	assert_non_null(strstr(name, "lockedkey"));
	snprintf(out, size, "open sesame");
	return true;
}

static void
a_passphrase_is_asked_once_and_by_the_one_who_opens(void **state)
{
	struct place_spec spec = spec_of(port);
	int asked = 0;
	struct place_care care = { .secret = sesame, .ctx = &asked };
	struct err e = ERR_INIT;
	struct place_tunnel *t;
	char got[100];

	(void)state;
	NEED_SSHD;
	spec.identity = test_path("lockedkey");
	t = place_tunnel_open(&spec, &care, "127.0.0.1", far_port, &e);
	if (t == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(asked, 1);
	cut_links(SIGKILL);
	clock_sleep_ms(200);
	assert_int_equal(talk(place_tunnel_port(t), "eon", got, sizeof got,
	    true), 5);
	assert_int_equal(place_tunnel_links(t), 2);
	place_tunnel_close(t);
	assert_null(place_tunnel_open(&spec, NULL, "127.0.0.1", far_port, &e));
	assert_non_null(strstr(e.msg, "it needs a passphrase"));
}

static bool
at_once(void *ctx)
{
	return ++*(int *)ctx > 2;
}

static void
what_cannot_be_opened_says_why(void **state)
{
	struct place_spec spec = spec_of(port);
	int mute = 0, fd = kit_listen(&mute), turns = 0;
	struct err e = ERR_INIT;
	struct place_care late = { .deadline_ms = clock_mono_ms() + 800 },
	    cancel = { .cancelled = at_once, .ctx = &turns };
	int64_t began = clock_mono_ms();

	(void)state;
	assert_null(place_tunnel_open(NULL, NULL, "otc-db", 5432, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	err_clear(&e);
	assert_null(place_tunnel_open(&spec, NULL, "/run/postgresql", 5432, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	err_clear(&e);
	NEED_SSHD;
	spec.known_hosts = empty;
	assert_null(place_tunnel_open(&spec, NULL, "127.0.0.1", far_port, &e));
	assert_int_equal(e.kind, ERR_GUARD);
	assert_non_null(strstr(e.hint, "ssh-ed25519"));
	test_case("a server that says nothing");
	err_clear(&e);
	spec = spec_of(mute);
	assert_null(place_tunnel_open(&spec, &late, "127.0.0.1", far_port, &e));
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_in_range(clock_mono_ms() - began, 500, 4000);
	test_case("cancelled");
	err_clear(&e);
	began = clock_mono_ms();
	assert_null(place_tunnel_open(&spec, &cancel, "127.0.0.1", far_port,
	    &e));
	assert_int_equal(e.kind, ERR_CANCELLED);
	assert_in_range(clock_mono_ms() - began, 100, 4000);
	close(fd);
}

/* Clock ticks of processor time of the processes below this one that carry. */
static long
ticks(const char *name)
{
	struct ran ran = { 0 };
	const char *argv[] = { "/bin/sh", "-c", "cat /proc/[0-9]*/stat "
		"2>/dev/null", NULL };
	struct err e = ERR_INIT;
	long all = 0, ppid, u, s;
	char *rest, *line;

	assert_true(spawn_run(&(struct run){ .argv = argv, .limit = 4 << 20 },
	    &ran, &e));
	for (rest = ran.out.p; (line = strsep(&rest, "\n")) != NULL;) {
		char *end = strrchr(line, ')');

		if (end && strstr(line, name) && sscanf(end + 2, "%*c %ld %*d"
		    " %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &ppid, &u,
		    &s) == 3 && ppid == getpid())
			all += u + s;
	}
	ran_release(&ran);
	return all;
}

static void
idle_or_with_a_client_that_reads_nothing_it_sleeps(void **state)
{
	(void)state;
	NEED_SSHD;
	for (size_t i = 0; i < WAYS; i++) {
		struct place_spec spec = way(i);
		struct place_tunnel *t = opened(&spec, far_port);
		long before;
		int fd;

		before = ticks("(midwatch-tunnel)");
		clock_sleep_ms(1000);
		assert_in_range(ticks("(midwatch-tunnel)") - before, 0, 5);
		fd = dial(place_tunnel_port(t));
		assert_int_equal(send(fd, "f", 1, 0), 1);
		clock_sleep_ms(1500);
		before = ticks("(midwatch-tunnel)");
		clock_sleep_ms(1000);
		assert_in_range(ticks("(midwatch-tunnel)") - before, 0, 5);
		close(fd);
		place_tunnel_close(t);
	}
}

static void
behind_a_bastion_it_reaches_what_only_that_host_sees(void **state)
{
	struct place_spec bastion, behind;
	struct place_tunnel *t;
	char *pub, text[2048], got[100];
	int at;

	(void)state;
	NEED_SSHD;
	at = kit_sshd("bastion.conf", "", true);
	if (!at) {
		test_skip("no network namespace can be made here");
		return;
	}
	pub = test_read(test_path("hostkey.pub"));
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s[127.0.0.1]:%d %s", at,
	    pub, BEHIND_PORT, pub);
	free(pub);
	bastion = spec_of(at);
	behind = spec_of(BEHIND_PORT);
	bastion.known_hosts = behind.known_hosts = test_write("known4", text);
	behind.via = &bastion;
	for (int system = 0; system < 2; system++) {
		test_case(system ? "the system's ssh" : "libssh2");
		behind.system_ssh = system;
		/* the only port there is its sshd, which greets */
		t = opened(&behind, BEHIND_PORT);
		assert_true(talk(place_tunnel_port(t), "SSH-2.0-x\r\n", got, 9,
		    false) >= 0);
		assert_string_equal(got, "SSH-2.0-");
		place_tunnel_close(t);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_goes_in_comes_out_and_both_ends_are_told_apart),
	cmocka_unit_test(many_connections_go_through_it_at_once),
	cmocka_unit_test(
	    a_broken_link_is_a_reset_and_the_next_connection_makes_a_new_one),
	cmocka_unit_test(a_link_that_went_silent_is_given_up_when_it_is_needed),
	cmocka_unit_test(
	    a_far_end_that_cannot_be_reached_is_a_reset_with_a_reason),
	cmocka_unit_test(who_goes_before_it_is_connected_leaves_nothing_behind),
	cmocka_unit_test(another_user_is_not_let_in),
	cmocka_unit_test(it_ends_with_whoever_opened_it),
	cmocka_unit_test(nothing_of_its_openers_stays_open_in_it),
	cmocka_unit_test(a_passphrase_is_asked_once_and_by_the_one_who_opens),
	cmocka_unit_test(what_cannot_be_opened_says_why),
	cmocka_unit_test(idle_or_with_a_client_that_reads_nothing_it_sleeps),
	cmocka_unit_test(behind_a_bastion_it_reaches_what_only_that_host_sees),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, start, kit_stop);
}
