#include "tests/place/kit.h"

/* What libssh2 has from libcrypto is known by tests/leaks.allowed only when the
 * whole stack is seen. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

static int port, csh_port, dash_port, noisy_port, etm_port, box_port;
static char known[PATH_MAX], key[PATH_MAX], empty[PATH_MAX];

static struct place_spec
spec_of(int at)
{
	return (struct place_spec){ .name = "box", .user = kit_user(),
		.host = "127.0.0.1", .port = at, .identity = key,
		.known_hosts = known, .config = empty };
}

static int
start(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	if (!kit_keys())
		return 0;
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(empty, sizeof empty, "%s", test_path("empty"));
	port = kit_sshd("plain.conf", "", false);
	csh_port = kit_sshd("csh.conf",
	    "ForceCommand /bin/csh -c \"$SSH_ORIGINAL_COMMAND\"", false);
	dash_port = kit_sshd("dash.conf",
	    "ForceCommand /bin/dash -c \"$SSH_ORIGINAL_COMMAND\"", false);
	noisy_port = kit_sshd("noisy.conf", "ForceCommand echo welcome; "
	    "printf 'no newline'; /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"", false);
	etm_port = kit_sshd("etm.conf",
	    "MACs hmac-sha2-256-etm@openssh.com\nCiphers aes256-gcm@openssh.com",
	    false);
	box_port = kit_sshd("box.conf", "MACs hmac-sha2-256-etm@openssh.com\n"
	    "Ciphers aes256-gcm@openssh.com\nForceCommand internal-sftp",
	    false);
	char *pub = test_read(test_path("hostkey.pub"));
	struct buf b = BUF_INIT;

	pub[strcspn(pub, "\n")] = '\0';
	int all[] = { port, csh_port, dash_port, noisy_port, etm_port,
		box_port };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		buf_printf(&b, "[127.0.0.1]:%d %s\n", all[i], pub);
	snprintf(known, sizeof known, "%s", test_write("known", b.p));
	buf_release(&b);
	free(pub);
	return 0;
}

#define NEED_SSHD							\
	do {								\
		if (!port) {						\
			test_skip("there is no sshd here");		\
			return;						\
		}							\
	} while (0)

static struct place *
opened(const struct place_spec *spec)
{
	struct err e = ERR_INIT;
	struct place *p = place_open(spec, NULL, &e);

	if (p == NULL)
		fail_msg("%s", e.msg);
	return p;
}

static void
hostile_words_arrive_in_every_login_shell(void **state)
{
	static const char *const nasty[] = { "a b", "it's", "\"x\"", "$(id)",
		"`id`", "!!", "!x", "a\nb", "\n", "*", "~", "-n", "\\", "\\n",
		"%s%n", "\xff\xfe", "caf\xc3\xa9", "a\tb", "#", "'\\''", "",
		"{a,b}", "<x>", "&&", ";", "=x", "\x1b[31m", "\r" };
	struct { const char *shell; int at; } shells[] = { { "bash", port },
		{ "csh", csh_port }, { "dash", dash_port },
		{ "one that says hello first", noisy_port } };

	(void)state;
	NEED_SSHD;
	for (size_t s = 0; s < 4; s++) {
		struct place_spec spec = spec_of(shells[s].at);
		struct place *p;

		test_case(shells[s].shell);
		if (s == 1 && access("/bin/csh", X_OK) != 0)
			continue;
		p = opened(&spec);
		for (size_t i = 0; i < sizeof nasty / sizeof *nasty; i++) {
			const char *argv[] = { "printf", "%s|%s", nasty[i],
				"end", NULL };
			struct place_exit x = { 0 };
			struct err e = ERR_INIT;
			char *out = kit_run(p, argv, &x, &e), *want =
			    xprintf("%s|end", nasty[i]);

			if (!out)
				fail_msg("%s", e.msg);
			assert_string_equal(out, want);
			assert_int_equal(x.code, 0);
			free(out);
			free(want);
		}
		place_close(p);
	}
}

static void
every_exit_status_is_what_it_was(void **state)
{
	struct place_spec spec = spec_of(port);
	struct place *p;

	(void)state;
	NEED_SSHD;
	p = opened(&spec);
	assert_true(kit_how(p, "ssh "));
	for (int code = 0; code < 256; code++) {
		char script[32];
		const char *argv[] = { "/bin/sh", "-c", script, NULL };
		struct place_exit x = { 0 };
		struct err e = ERR_INIT;
		char *out;

		snprintf(script, sizeof script, "exit %d", code);
		out = kit_run(p, argv, &x, &e);
		assert_non_null(out);
		assert_int_equal(x.code, code);
		free(out);
	}
	for (int sig = 1; sig <= 15; sig += 2) {
		char script[32];
		const char *argv[] = { "/bin/sh", "-c", script, NULL };
		struct place_exit x = { 0 };
		struct err e = ERR_INIT;
		char *out;

		snprintf(script, sizeof script, "kill -%d $$", sig);
		out = kit_run(p, argv, &x, &e);
		assert_non_null(out);
		assert_int_equal(x.sig, sig);
		assert_int_equal(x.code, 128 + sig);
		free(out);
	}
	place_close(p);
}

static bool
count(void *ctx, const char *s, size_t n, struct err *e)
{
	(void)s;
	(void)e;
	*(int64_t *)ctx += (int64_t)n;
	return true;
}

static void
a_hundred_megabytes_and_no_newline_come_whole(void **state)
{
	const char *big[] = { "head", "-c", "104857600", "/dev/zero", NULL };
	const char *cat[] = { "cat", NULL };
	struct place_spec spec = spec_of(port);
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	struct place *p;
	int64_t n = 0;
	const size_t back_n = 9 << 20;
	char *back = xmalloc(back_n);

	(void)state;
	NEED_SSHD;
	p = opened(&spec);
	if (!place_run(p, &(struct place_run){ .argv = big, .out = count,
	    .ctx = &n }, &ran, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(n, 104857600);
	place_ran_release(&ran);
	memset(back, 'x', back_n);
	if (!place_run(p, &(struct place_run){ .argv = cat, .input = back,
	    .input_n = back_n, .limit = back_n }, &ran, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(ran.out.n, back_n);
	assert_memory_equal(ran.out.p, back, back_n);
	place_ran_release(&ran);
	free(back);
	place_close(p);
}

static void
a_command_cut_off_is_never_exit_0(void **state)
{
	/* The wrapper and with it the session dies before it can report. */
	const char *argv[] = { "/bin/sh", "-c", "kill -9 $PPID; sleep 1", NULL };
	const char *server[] = { "/bin/sh", "-c", "p=$PPID; while [ $p -gt 1 ]; "
		"do read -r n </proc/$p/comm; q=$(cut -d' ' -f4 </proc/$p/stat);"
		" [ \"$n\" = sshd ] && kill -9 $p && break; p=$q; done; sleep 1",
		NULL };
	struct place_spec spec = spec_of(port);
	struct place_exit x = { 0 };
	struct err e = ERR_INIT;
	struct place *p;
	char *out;

	(void)state;
	NEED_SSHD;
	p = opened(&spec);
	out = kit_run(p, argv, &x, &e);
	assert_true(out == NULL || x.sig == SIGKILL);
	free(out);
	err_clear(&e);
	out = kit_run(p, server, &x, &e);
	assert_null(out);
	assert_non_null(strstr(e.msg, "ended before the command did"));
	/* and the next command has a connection of its own */
	err_clear(&e);
	out = kit_run(p, (const char *[]){ "echo", "again", NULL }, &x, &e);
	if (!out)
		fail_msg("%s", e.msg);
	assert_string_equal(out, "again\n");
	free(out);
	place_close(p);
}

static void
a_deadline_ends_the_far_side_too(void **state)
{
	const char *argv[] = { "/bin/sh", "-c",
		"echo $$ >$1; sleep 600 & sleep 600", "sh", NULL, NULL };
	struct place_spec spec = spec_of(port);
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	struct place *p;
	int64_t began;
	char *pid;

	(void)state;
	NEED_SSHD;
	argv[4] = test_path("farpid");
	p = opened(&spec);
	began = clock_mono_ms();
	assert_false(place_run(p, &(struct place_run){ .argv = argv,
	    .deadline_ms = clock_mono_ms() + 700 }, &ran, &e));
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_string_equal(e.hint, "");
	assert_in_range(clock_mono_ms() - began, 600, 5000);
	pid = test_read(test_path("farpid"));
	assert_true(kit_gone(pid));
	free(pid);
	place_ran_release(&ran);
	place_close(p);
}

static void
refused(const char *known_text, const char *want, const char *hint)
{
	struct place_spec spec = spec_of(port);
	struct err e = ERR_INIT;

	spec.known_hosts = test_write("known2", known_text);
	assert_null(place_open(&spec, NULL, &e));
	if (!strstr(e.msg, want) || e.kind != ERR_GUARD)
		fail_msg("'%s' is not in: %s", want, e.msg);
	assert_non_null(strstr(e.hint, hint));
}

static void
host_keys_are_believed_only_when_known(void **state)
{
	char *pub, *other, text[4096];
	struct place_spec spec = spec_of(port);

	(void)state;
	NEED_SSHD;
	pub = test_read(test_path("hostkey.pub"));
	other = test_read(test_path("otherkey.pub"));
	pub[strcspn(pub, "\n")] = other[strcspn(other, "\n")] = '\0';
	snprintf(text, sizeof text, "[127.0.0.1]:%d ssh-ed25519 ", port);
	test_case("unknown");
	refused("", "is not known: ssh-ed25519 SHA256:", text);
	test_case("changed");
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s\n", port, other);
	refused(text, "has changed", "in between");
	test_case("revoked");
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s\n@revoked * %s\n", port,
	    pub, pub);
	refused(text, "is revoked", "Do not go on");
	test_case("excluded");
	snprintf(text, sizeof text, "![127.0.0.1]:%d,* %s\n", port, pub);
	refused(text, "is not known", "");

	const char *good[] = { "[127.0.0.1]:%d %s\n", "[127.0.0.*]:%d %s\n",
		"garbage\n|1|broken\n\n# no\n@odd marker\n[127.0.0.1]:%d %s\n",
		"other,[127.0.0.1]:%d %s comment\n" };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char *s = strstr(good[i], "%d");

		test_case(good[i]);
		snprintf(text, sizeof text, "%.*s%d %s\n", (int)(s - good[i]),
		    good[i], port, pub);
		spec.known_hosts = test_write("known3", text);
		place_close(opened(&spec));
	}
	test_case("hashed");
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s\n", port, pub);
	test_write("hashed", text);
	assert_true(kit_sh("cd $1 && ssh-keygen -q -H -f hashed && "
	    "{ echo broken line; cat hashed; } >h2 && grep -q '^|1|' h2"));
	spec.known_hosts = test_path("h2");
	place_close(opened(&spec));
	test_case("hashed, and changed");
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s\n", port, other);
	test_write("hashed", text);
	assert_true(kit_sh("cd $1 && ssh-keygen -q -H -f hashed"));
	char *hashed = test_read(test_path("hashed"));
	refused(hashed, "has changed", "in between");
	free(hashed);
	free(pub);
	free(other);
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
keys_of_every_kind_open_the_door(void **state)
{
	struct place_spec spec = spec_of(port);
	int asked = 0;
	struct place_care care = { .secret = sesame, .ctx = &asked };
	struct err e = ERR_INIT;
	struct place *p;
	char path[PATH_MAX];

	(void)state;
	NEED_SSHD;
	test_case("ecdsa");
	spec.identity = test_path("eckey");
	place_close(opened(&spec));
	test_case("with a passphrase");
	spec.identity = test_path("lockedkey");
	p = place_open(&spec, &care, &e);
	if (p == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(asked, 1);
	place_close(p);
	test_case("with a passphrase, and nobody to ask");
	assert_null(place_open(&spec, NULL, &e));
	assert_non_null(strstr(e.msg, "it needs a passphrase"));
	test_case("rsa: the system's ssh");
	spec.identity = test_path("rsakey");
	p = opened(&spec);
	assert_non_null(strstr(place_how(p), "system ssh"));
	place_close(p);
	test_case("not let in");
	err_clear(&e);
	spec.identity = test_path("otherkey");
	assert_null(place_open(&spec, NULL, &e));
	assert_non_null(strstr(e.msg, "otherkey (refused)"));
	test_case("by an agent");
	snprintf(path, sizeof path, "%s", test_path("agent"));
	assert_true(kit_sh("cd $1 && eval $(ssh-agent -s -a agent) >/dev/null && "
	    "echo $SSH_AGENT_PID >agentpid && ssh-add -q userkey"));
	setenv("SSH_AUTH_SOCK", path, 1);
	spec.identity = NULL;
	err_clear(&e);
	p = place_open(&spec, NULL, &e);
	kit_sh("kill -STOP $(cat $1/agentpid)");
	if (p == NULL)
		fail_msg("%s", e.msg);
	place_close(p);
	test_case("an agent that hangs does not hang us");
	spec.identity = key;
	place_close(opened(&spec));
	spec.identity = NULL;
	int64_t began = clock_mono_ms();
	assert_null(place_open(&spec, NULL, &e));
	assert_in_range(clock_mono_ms() - began, 2000, 8000);
	kit_sh("kill -KILL $(cat $1/agentpid)");
	unsetenv("SSH_AUTH_SOCK");
}

static void
a_server_that_libssh2_cannot_talk_to_gets_the_systems_ssh(void **state)
{
	struct place_spec spec = spec_of(etm_port);
	struct place_exit x = { 0 };
	struct err e = ERR_INIT;
	struct place *p;
	char *out;

	(void)state;
	NEED_SSHD;
	p = opened(&spec);
	assert_non_null(strstr(place_how(p), "system ssh"));
	assert_non_null(strstr(place_how(p), "shares no algorithm"));
	out = kit_run(p, (const char *[]){ "/bin/sh", "-c",
	    "printf 'it'\\''s'; exit 7", NULL }, &x, &e);
	if (!out)
		fail_msg("%s", e.msg);
	assert_string_equal(out, "it's");
	assert_int_equal(x.code, 7);
	free(out);
	place_close(p);
	spec.port = box_port;
	assert_null(place_open(&spec, NULL, &e));
	assert_non_null(strstr(e.hint, "takes SFTP alone"));
	assert_non_null(strstr(e.hint, "shares no algorithm"));
	spec.port = etm_port;
	spec.known_hosts = empty;
	err_clear(&e);
	assert_null(place_open(&spec, NULL, &e));
	assert_int_equal(e.kind, ERR_GUARD);
}

/* What people set for their own sessions changes nothing of ours. */
static void
a_configuration_for_people_does_not_disturb_the_systems_ssh(void **state)
{
	static const char *const rows[] = { "RemoteCommand echo hi",
		"RequestTTY force", "SessionType none", "StdinNull yes",
		"PermitLocalCommand yes\nLocalCommand echo polluted", NULL };
	char text[3 * PATH_MAX];

	(void)state;
	NEED_SSHD;
	for (const char *const *row = rows; *row != NULL; row++) {
		struct place_spec spec = { .name = "box", .host = "nick",
			.system_ssh = true };
		struct place_ran ran = PLACE_RAN_INIT;
		struct err e = ERR_INIT;
		struct place *p;

		test_case(*row);
		snprintf(text, sizeof text, "Host nick\nHostName 127.0.0.1\n"
		    "Port %d\nUser %s\nIdentityFile %s\nUserKnownHostsFile "
		    "%s\n%s\n", etm_port, kit_user(), key, known, *row);
		spec.config = test_write("config", text);
		p = opened(&spec);
		if (!place_run(p, &(struct place_run){ .argv = (const char *[])
		    { "cat", NULL }, .input = "in\n", .input_n = 3 }, &ran, &e))
			fail_msg("%s", e.msg);
		assert_string_equal(ran.out.p, "in\n");
		place_ran_release(&ran);
		place_close(p);
	}
}

static void
who_says_nothing_is_given_up_in_time(void **state)
{
	int mute = 0, fd = kit_listen(&mute);
	struct place_spec spec = spec_of(mute);
	struct place_care care = { .deadline_ms = clock_mono_ms() + 800 };
	struct err e = ERR_INIT;
	int64_t began = clock_mono_ms();

	(void)state;
	assert_true(fd >= 0);
	assert_null(place_open(&spec, &care, &e));
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_in_range(clock_mono_ms() - began, 700, 3000);
	close(fd);
	err_clear(&e);
	assert_null(place_open(&spec, NULL, &e));
	assert_non_null(strstr(e.msg, "Connection refused"));
}

static void
a_stopped_server_is_noticed(void **state)
{
	const char *stop[] = { "/bin/sh", "-c", "p=$PPID; while [ $p -gt 1 ]; "
		"do read -r n </proc/$p/comm; q=$(cut -d' ' -f4 </proc/$p/stat);"
		" [ \"$n\" = sshd ] && { echo $p >$0; break; }; p=$q; done; "
		"echo $PPID >$0.group; (sleep 0.2; kill -STOP $p) & sleep 600", NULL, NULL };
	struct place_spec spec = spec_of(port);
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	struct place *p;
	int64_t began;

	(void)state;
	NEED_SSHD;
	stop[3] = test_path("stopped");
	p = opened(&spec);
	began = clock_mono_ms();
	assert_false(place_run(p, &(struct place_run){ .argv = stop,
	    .deadline_ms = clock_mono_ms() + 1500 }, &ran, &e));
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_non_null(strstr(e.hint, "may still run"));
	assert_in_range(clock_mono_ms() - began, 1400, 20000);
	kit_sh("kill -CONT $(cat $1/stopped); kill -KILL $(cat $1/stopped)");
	kit_sh("kill -s KILL -- -$(cat $1/stopped.group) || :");
	place_ran_release(&ran);
	place_close(p);
}

static void
the_users_ssh_configuration_counts(void **state)
{
	char text[3 * PATH_MAX];
	struct place_spec spec = { .name = "box", .host = "nick" };
	struct place *p;

	(void)state;
	NEED_SSHD;
	snprintf(text, sizeof text, "Host nick\nHostName 127.0.0.1\nPort %d\n"
	    "User %s\nIdentityFile %s\nUserKnownHostsFile %s\n", port,
	    kit_user(), key,
	    known);
	spec.config = test_write("config", text);
	p = opened(&spec);
	assert_true(kit_how(p, "ssh "));
	place_close(p);
}

/* Each of these is a way in for ssh(1), and so it has to be for us. */
static void
what_ssh_reads_out_of_its_configuration_counts_here(void **state)
{
	static const struct {
		const char *label, *lines;
	} rows[] = {
		{ "tokens in a path", "IdentityFile %d/%n.key\n"
		    "UserKnownHostsFile \"${HOME}/kno wn\"\n" },
		{ "an agent's key among IdentitiesOnly", "IdentitiesOnly yes\n"
		    "IdentityAgent ${MIDWATCH_AGENT}\nIdentityFile %d/locked\n"
		    "UserKnownHostsFile ${HOME}/known\n" },
		{ "its public half alone", "IdentitiesOnly yes\n"
		    "IdentityAgent $MIDWATCH_AGENT\n"
		    "IdentityFile %d/half.pub\nUserKnownHostsFile ${HOME}/known\n" },
		{ "named without its .pub", "IdentitiesOnly yes\n"
		    "IdentityAgent $MIDWATCH_AGENT\nIdentityFile ${HOME}/half\n"
		    "UserKnownHostsFile ${HOME}/known\n" },
		{ "host keys that ssh is told to forget are remembered here",
		    "IdentityFile %d/nick.key\n"
		    "UserKnownHostsFile /dev/null\n" },
	};
	char *home = xstrdup(getenv("HOME") ? getenv("HOME") : "");
	char head[256], text[2 * PATH_MAX];

	(void)state;
	NEED_SSHD;
	assert_true(kit_sh("cd $1 && mkdir -p home/.ssh && cp userkey "
	    "home/nick.key && cp userkey home/locked && cp userkey.pub "
	    "home/half.pub && ssh-keygen -q -p -N secret -f home/locked "
	    ">/dev/null && eval $(ssh-agent -s -a agent2) >/dev/null && echo "
	    "$SSH_AGENT_PID >agentpid2 && SSH_AUTH_SOCK=agent2 ssh-add -q "
	    "userkey otherkey"));
	for (const char *const *to = (const char *const[]){ "home/kno wn",
	    "home/known", "home/.ssh/known_hosts", NULL }; *to != NULL; to++) {
		char *line = test_read(known);

		test_write(*to, line);
		free(line);
	}
	setenv("HOME", test_path("home"), 1);
	setenv("MIDWATCH_AGENT", test_path("agent2"), 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct place_spec spec = { .name = "box", .host = "nick" };
		struct place *p;

		test_case(rows[i].label);
		snprintf(head, sizeof head, "Host nick\nHostName 127.0.0.1\n"
		    "Port %d\nUser %s\n", port, kit_user());
		snprintf(text, sizeof text, "%s%s", head, rows[i].lines);
		spec.config = test_write("config", text);
		p = opened(&spec);
		assert_true(kit_how(p, "ssh "));
		place_close(p);
	}
	kit_sh("kill $(cat $1/agentpid2)");
	setenv("HOME", home, 1);
	free(home);
}

static void
a_configuration_that_ssh_refuses_is_said(void **state)
{
	struct place_spec spec = { .name = "box", .host = "127.0.0.1" };
	struct err e = ERR_INIT;

	(void)state;
	NEED_SSHD;
	spec.port = port;
	spec.known_hosts = known;
	spec.identity = test_path("nokey");
	spec.config = test_write("config", "Host *\nFrobnicate yes\n");
	assert_null(place_open(&spec, NULL, &e));
	assert_non_null(strstr(e.msg, "the SSH configuration is left out ("));
	assert_non_null(strstr(e.msg, "frobnicate)"));	/* one line of it */
	assert_non_null(strstr(e.msg, "nokey (No such file or directory)"));
	spec.identity = key;
	place_close(opened(&spec));
}

static void
a_host_behind_a_bastion_is_reached_only_through_it(void **state)
{
	struct place_spec bastion, behind;
	struct place_exit x = { 0 };
	struct err e = ERR_INIT;
	struct place *p;
	char *out, *pub, text[2048];
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
	bastion.name = "bastion";
	bastion.known_hosts = behind.known_hosts = test_write("known4", text);
	assert_null(place_open(&behind, NULL, &e));
	behind.via = &bastion;
	for (int system = 0; system < 2; system++) {
		test_case(system ? "the system's ssh" : "libssh2");
		behind.system_ssh = system;
		p = opened(&behind);
		out = kit_run(p, (const char *[]){ "/bin/sh", "-c",
		    "head -c 3000000 /dev/zero; printf '%s' \"$1\"", "sh",
		    "it's !\n$x", NULL }, &x, &e);
		if (!out)
			fail_msg("%s", e.msg);
		free(out);
		assert_int_equal(x.code, 0);
		char *data = xmalloc(3 << 20);
		struct place_ran ran = PLACE_RAN_INIT;
		memset(data, 'y', 3 << 20);
		err_clear(&e);
		if (!place_run(p, &(struct place_run){ .argv = (const char *[])
		    { "wc", "-c", NULL }, .input = data, .input_n = 3 << 20 },
		    &ran, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(strtol(ran.out.p, NULL, 10), 3 << 20);
		free(data);
		place_ran_release(&ran);
		place_close(p);
	}

	char config[3 * PATH_MAX];
	struct place_spec jump = { .name = "box", .host = "deep" };

	test_case("a ProxyJump of the user's configuration");
	snprintf(config, sizeof config, "Host deep\nHostName 127.0.0.1\n"
	    "Port %d\nProxyJump %s@127.0.0.1:%d\nHost *\nUser %s\n"
	    "IdentityFile %s\nUserKnownHostsFile %s\n", BEHIND_PORT,
	    kit_user(), at, kit_user(), key,
	    test_path("known4"));
	jump.config = test_write("jump", config);
	p = opened(&jump);
	assert_true(kit_how(p, "ssh "));
	place_close(p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(hostile_words_arrive_in_every_login_shell),
	cmocka_unit_test(every_exit_status_is_what_it_was),
	cmocka_unit_test(a_hundred_megabytes_and_no_newline_come_whole),
	cmocka_unit_test(a_command_cut_off_is_never_exit_0),
	cmocka_unit_test(a_deadline_ends_the_far_side_too),
	cmocka_unit_test(host_keys_are_believed_only_when_known),
	cmocka_unit_test(keys_of_every_kind_open_the_door),
	cmocka_unit_test(
	    a_server_that_libssh2_cannot_talk_to_gets_the_systems_ssh),
	cmocka_unit_test(
	    a_configuration_for_people_does_not_disturb_the_systems_ssh),
	cmocka_unit_test(who_says_nothing_is_given_up_in_time),
	cmocka_unit_test(a_stopped_server_is_noticed),
	cmocka_unit_test(the_users_ssh_configuration_counts),
	cmocka_unit_test(what_ssh_reads_out_of_its_configuration_counts_here),
	cmocka_unit_test(a_configuration_that_ssh_refuses_is_said),
	cmocka_unit_test(a_host_behind_a_bastion_is_reached_only_through_it),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, start, kit_stop);
}
