#include "tests/probe/hosts.h"

extern const struct probe probe_place;

static int port, etm_port, bastion_port;
static bool behind;

static const char ahead[] = "#!/bin/sh\n"
    "exec /bin/date -d \"@$(($(/bin/date +%s) + $OFF))\" +%s.500000000\n";

static int
start(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	if (!kit_keys())
		return 0;
	port = kit_sshd("plain.conf", "", false);
	etm_port = kit_sshd("etm.conf",
	    "MACs hmac-sha2-256-etm@openssh.com\nCiphers aes256-gcm@openssh.com",
	    false);
	bastion_port = kit_sshd("bastion.conf", "", true);
	behind = bastion_port != 0;
	mkdir(test_path("bin"), 0755);
	chmod(test_write("bin/date", ahead), 0755);
	return 0;
}

static int
stop(void **state)
{
	hosts_clear();
	return kit_stop(state);
}

#define NEED_SSHD							\
	do {								\
		if (!port || !etm_port) {				\
			test_skip("there is no sshd here");		\
			return;						\
		}							\
	} while (0)

static struct reading *
read_box(int at, const char *more)
{
	hosts_site("places = ( %s );", hosts_place("box", at, more));
	return hosts_read(&probe_place, "box");
}

static void
a_place_says_how_it_is_reached(void **state)
{
	struct reading *r;

	(void)state;
	NEED_SSHD;
	r = read_box(port, "");
	assert_int_equal(r->level, LEVEL_OK);
	HAS(r->text, "reached by ssh ");
	assert_true(DATA_BOOL(r, "reachable") && DATA_BOOL(r, "login") &&
	    DATA_BOOL(r, "commands"));
	r = read_box(etm_port, "");
	assert_int_equal(r->level, LEVEL_OK);
	HAS(r->text, "reached by system ssh to ");
	HAS(r->text, "(libssh2 shares no algorithm with it)");
}

static void
a_host_behind_a_bastion_is_read_too(void **state)
{
	struct reading *r;
	char first[1024];

	(void)state;
	NEED_SSHD;
	if (!behind) {
		test_skip("no network of our own can be had here");
		return;
	}
	snprintf(first, sizeof first, "%s", hosts_place("bastion",
	    bastion_port, ""));
	hosts_site("places = ( %s, %s );", first, hosts_place("far",
	    BEHIND_PORT, "via = \"bastion\";"));
	r = hosts_read(&probe_place, "far");
	assert_int_equal(r->level, LEVEL_OK);
	assert_in_range(DATA_INT(r, "clock_ms") + 100, 0, 200);
	/* and not without it */
	r = read_box(BEHIND_PORT, "");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_false(DATA_BOOL(r, "reachable"));
}

static void
the_same_clock_is_seen_to_be_the_same(void **state)
{
	int ports[] = { port, etm_port };

	(void)state;
	NEED_SSHD;
	for (int i = 0; i < 2; i++) {
		struct reading *r = read_box(ports[i], "");
		int64_t off = DATA_INT(r, "clock_ms"), sure =
		    DATA_INT(r, "clock_sure_ms");

		assert_in_range(sure, 1, 1000);
		/* the truth lies within what it says of itself */
		assert_true(off >= -sure && off <= sure);
		assert_true(DATA_INT(r, "round_ms") >= 0);
	}
}

static int
clock_port(const char *name, int seconds)
{
	char conf[PATH_MAX + 256];

	snprintf(conf, sizeof conf, "ForceCommand OFF=%d PATH=%s:$PATH; export"
	    " OFF PATH; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"", seconds,
	    test_path("bin"));
	return kit_sshd(name, conf, false);
}

static void
a_clock_that_differs_is_news(void **state)
{
	static const struct {
		int off;
		enum level level;
		const char *text;
	} clocks[] = {
		{ 1, LEVEL_OK, "reached by" },
		{ 30, LEVEL_WARNING, " s ahead of ours" },
		{ -30, LEVEL_WARNING, " s behind ours" },
		{ 3600, LEVEL_CRITICAL, "ahead of ours" },
		{ -90, LEVEL_CRITICAL, "behind ours" },
	};

	(void)state;
	NEED_SSHD;
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		char name[32];
		struct reading *r;

		snprintf(name, sizeof name, "clock%zu.conf", i);
		test_case(name);
		r = read_box(clock_port(name, clocks[i].off), "");
		assert_int_equal(r->level, clocks[i].level);
		HAS(r->text, clocks[i].text);
		/* the wrapper knows whole seconds and says the middle */
		assert_in_range(DATA_INT(r, "clock_ms") + 100000,
		    100000 + clocks[i].off * 1000 - 700,
		    100000 + clocks[i].off * 1000 + 700);
		if (r->level != LEVEL_OK)
			HAS(r->next, "timedatectl");
	}
}

static void
an_odd_clock_is_no_clock(void **state)
{
	static const char *const says[] = { "never", "", "-5.0", "1e9.5",
		"99999999999999999999.0", EVIL_OCTAL };

	(void)state;
	NEED_SSHD;
	for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
		char name[32], conf[512];
		struct reading *r;

		snprintf(name, sizeof name, "odd%zu.conf", i);
		test_case(says[i]);
		snprintf(conf, sizeof conf, "#!/bin/sh\nprintf '%s\\n'\n",
		    says[i]);
		unlink(test_path("bin/date"));
		chmod(test_write("bin/date", conf), 0755);
		r = read_box(clock_port(name, 0), "");
		assert_int_equal(r->level, LEVEL_OK);
		assert_null(json_object_get(r->data, "clock_ms"));
	}
	unlink(test_path("bin/date"));
	chmod(test_write("bin/date", ahead), 0755);
}

static void
every_kind_of_no_says_which(void **state)
{
	struct reading *r;
	int free_port = 0, fd;
	char way[PATH_MAX + 300];

	(void)state;
	NEED_SSHD;
	test_case("nobody listens");
	fd = kit_listen(&free_port);
	close(fd);
	r = read_box(free_port, "");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_false(DATA_BOOL(r, "reachable"));
	HAS(r->text, "not reachable: ");
	HAS(r->text, "Connection refused");
	HAS(r->next, "ssh -v");

	test_case("the key is not welcome");
	hosts_site("places = ( { name = \"box\"; ssh = \"%s@127.0.0.1\"; port ="
	    " %d; identity = \"%s\"; known_hosts = \"%s\"; } );", who_am_i()->login,
	    port, test_path("otherkey"), kit_known("k", port, "hostkey.pub"));
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_true(DATA_BOOL(r, "reachable"));
	assert_false(DATA_BOOL(r, "login"));
	HAS(r->text, "no login: ");
	HAS(r->text, "may not log in");
	snprintf(way, sizeof way, "ssh -v -p %d -i %s ", port,
	    test_path("otherkey"));
	HAS(r->next, way);

	test_case("nor by the system's ssh");
	hosts_site("places = ( { name = \"box\"; ssh = \"%s@127.0.0.1\"; port ="
	    " %d; identity = \"%s\"; known_hosts = \"%s\"; } );", who_am_i()->login,
	    etm_port, test_path("otherkey"), kit_known("k", etm_port,
	    "hostkey.pub"));
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_true(DATA_BOOL(r, "reachable"));
	HAS(r->text, "no login: ");
	HAS(r->text, ": Permission denied (");
	assert_null(strstr(r->text, "'true'"));
	assert_null(strstr(r->text, "\\r"));

	test_case("its key is not known");
	hosts_site("places = ( { name = \"box\"; ssh = \"%s@127.0.0.1\"; port ="
	    " %d; identity = \"%s\"; known_hosts = \"%s\"; } );", who_am_i()->login,
	    port, test_path("userkey"), test_path("empty"));
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_true(DATA_BOOL(r, "reachable"));
	HAS(r->text, "no login: the host key of ");
	HAS(r->next, "compare the fingerprint");
}

static void
who_accepts_and_never_answers_is_given_up(void **state)
{
	int quiet_port = 0, fd = kit_listen(&quiet_port);
	int64_t begun = clock_mono_ms();
	struct reading *r;

	(void)state;
	NEED_SSHD;
	hosts.limit_ms = 700;
	r = read_box(quiet_port, "");
	hosts.limit_ms = 0;
	close(fd);
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_false(DATA_BOOL(r, "login"));
	HAS(r->text, "no answer in time");
	assert_in_range(clock_mono_ms() - begun, 600, 3000);
}

static void
a_server_of_files_alone_is_fine(void **state)
{
	struct reading *r;

	(void)state;
	NEED_SSHD;
	r = read_box(kit_sshd("files.conf", "ForceCommand internal-sftp",
	    false), "");
	assert_int_equal(r->level, LEVEL_OK);
	assert_true(DATA_BOOL(r, "login"));
	assert_false(DATA_BOOL(r, "commands"));
	HAS(r->text, ", for files alone");
}

/* What serves the connection is the parent of the shell's parent. */
static void
cut_the_connection(void)
{
	const char *argv[] = { "/bin/sh", "-c",
		"kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)", NULL };
	struct place_exit x = { 0 };
	struct err e = ERR_INIT;

	free(kit_run(hosts.eye.place, argv, &x, &e));
}

static void
a_connection_that_was_cut_is_made_again(void **state)
{
	struct reading *r;
	int at;

	(void)state;
	NEED_SSHD;
	at = kit_sshd("cut.conf", "", false);
	r = read_box(at, "");
	assert_int_equal(r->level, LEVEL_OK);
	cut_the_connection();
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_OK);

	kill(kit.pids[--kit.n], SIGKILL);	/* the listener alone */
	waitpid(kit.pids[kit.n], NULL, 0);
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_OK);	/* what is open stays */
	cut_the_connection();
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_false(DATA_BOOL(r, "reachable"));
}

static void
a_host_that_shouts_stays_in_its_line(void **state)
{
	struct reading *r;
	int at;

	(void)state;
	NEED_SSHD;
	at = kit_sshd("evil.conf",
	    "MACs hmac-sha2-256-etm@openssh.com\n"
	    "ForceCommand printf '" EVIL_OCTAL "' >&2; exit 3", false);
	r = read_box(at, "");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, EVIL_CLEAN);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_place_says_how_it_is_reached),
	cmocka_unit_test(a_host_behind_a_bastion_is_read_too),
	cmocka_unit_test(the_same_clock_is_seen_to_be_the_same),
	cmocka_unit_test(a_clock_that_differs_is_news),
	cmocka_unit_test(an_odd_clock_is_no_clock),
	cmocka_unit_test(every_kind_of_no_says_which),
	cmocka_unit_test(who_accepts_and_never_answers_is_given_up),
	cmocka_unit_test(a_server_of_files_alone_is_fine),
	cmocka_unit_test(a_connection_that_was_cut_is_made_again),
	cmocka_unit_test(a_host_that_shouts_stays_in_its_line),
};

int
main(void)
{
	return cmocka_run_group_tests_name("place_test", tests, start, stop);
}
