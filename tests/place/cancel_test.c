/* Cancelling ends the far side, everywhere, and says when it may not have. */
#include <dirent.h>

#include "base/file.h"
#include "tests/place/kit.h"

enum { HERE, SSH, SYSTEM, CSH, CONTAINER, FAR_CONTAINER, KINDS };

static const char *const names[] = { "here", "ssh", "system ssh",
	"a csh over ssh", "container", "container over ssh" };
static struct place_spec specs[KINDS];
static char known[PATH_MAX], key[PATH_MAX], empty[PATH_MAX], flag[PATH_MAX];
static int port;

static int
start(void **state)
{
	char *pub, text[2048];
	int csh_port;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	snprintf(flag, sizeof flag, "%s", test_path("flag"));
	specs[CONTAINER] = kit_box();
	if (!kit_keys())
		return 0;
	port = kit_sshd("ssh.conf", kit_box_env(), false);
	csh_port = kit_sshd("csh.conf",
	    "ForceCommand /bin/csh -c \"$SSH_ORIGINAL_COMMAND\"", false);
	pub = test_read(test_path("hostkey.pub"));
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s[127.0.0.1]:%d %s", port,
	    pub, csh_port, pub);
	snprintf(known, sizeof known, "%s", test_write("known", text));
	free(pub);
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(empty, sizeof empty, "%s", test_path("empty"));
	specs[SSH] = specs[SYSTEM] = specs[CSH] = (struct place_spec){
		.name = "nas", .user = kit_user(), .host = "127.0.0.1",
		.port = port, .identity = key, .known_hosts = known,
		.config = empty };
	specs[SYSTEM].system_ssh = true;
	specs[CSH].port = csh_port;
	specs[FAR_CONTAINER] = specs[CONTAINER];
	specs[FAR_CONTAINER].at = &specs[SSH];
	return 0;
}

/* When what runs there says that it runs. */
static bool
once_it_runs(void *ctx)
{
	(void)ctx;
	return file_exists(flag);
}

/* How many processes of this host have this word, which only ours have. */
static size_t
alive(const char *word)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	size_t n = 0;

	while ((de = readdir(d)) != NULL) {
		char path[300], text[4096];
		int fd;
		ssize_t got;

		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%s/cmdline", de->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		got = fd < 0 ? 0 : read(fd, text, sizeof text);
		if (fd >= 0)
			close(fd);
		n += got > 0 && memmem(text, (size_t)got, word, strlen(word)) !=
		    NULL && strtol(de->d_name, NULL, 10) != getpid();
	}
	closedir(d);
	return n;
}

static const struct {
	const char *name, *script;
} works[] = {
	{ "waits", "sleep $2 & : >$1; sleep $2" },
	{ "does not listen", "trap '' TERM INT HUP; sleep $2 & : >$1; "
	    "while :; do sleep $2; done" },
	{ "talks", ": >$1; while :; do echo $2; done" },
	{ "listens to nobody but its input", ": >$1; cat >/dev/null; sleep $2" },
};

static void
what_runs_there_is_gone_when_the_call_returns(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++)
		for (size_t w = 0; w < sizeof works / sizeof *works; w++) {
			struct place_care care = { .cancelled = once_it_runs };
			char word[32];
			const char *argv[] = { "/bin/sh", "-c", works[w].script,
				"sh", flag, word, NULL };
			struct place_ran ran = PLACE_RAN_INIT;
			struct err e = ERR_INIT;
			struct place *p;
			int64_t began;

			if ((!port && kind != HERE && kind != CONTAINER) ||
			    (kind == CSH && access("/bin/csh", X_OK) != 0))
				continue;
			test_case(names[kind]);
			test_case(works[w].name);
			unlink(flag);
			snprintf(word, sizeof word, "54%d.%zu%ld", kind, w,
			    (long)getpid());
			p = place_open(kind == HERE ? NULL : &specs[kind],
			    &care, &e);
			if (p == NULL)
				fail_msg("%s", e.msg);
			began = clock_mono_ms();
			assert_false(place_run(p, &(struct place_run){
			    .argv = argv, .limit = 1000 }, &ran, &e));
			if (e.kind != ERR_CANCELLED || e.hint[0] != '\0')
				fail_msg("%s (%s)", e.msg, e.hint);
			assert_in_range(clock_mono_ms() - began, 0, 9000);
			assert_true(file_exists(flag));
			assert_int_equal(alive(word), 0);
			place_ran_release(&ran);
			/* and the place is as good as before */
			unlink(flag);
			err_clear(&e);
			char *out = kit_run(p, (const char *[]){ "echo", "on",
			    NULL }, &(struct place_exit){ 0 }, &e);
			if (out == NULL)
				fail_msg("%s", e.msg);
			assert_string_equal(out, "on\n");
			free(out);
			place_close(p);
		}
}

static bool
enough(void *ctx, const char *s, size_t n, struct err *e)
{
	(void)ctx;
	(void)s;
	(void)n;
	return err_set(e, ERR_FAILED, "enough");
}

static void
who_has_seen_enough_ends_it_too(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		char word[32];
		const char *argv[] = { "/bin/sh", "-c",
			"while :; do echo $1; done", "sh", word, NULL };
		struct place_ran ran = PLACE_RAN_INIT;
		struct err e = ERR_INIT;
		struct place *p;

		if ((!port && kind != HERE && kind != CONTAINER) ||
		    (kind == CSH && access("/bin/csh", X_OK) != 0))
			continue;
		test_case(names[kind]);
		snprintf(word, sizeof word, "55%d.%ld", kind, (long)getpid());
		p = place_open(kind == HERE ? NULL : &specs[kind], NULL, &e);
		if (p == NULL)
			fail_msg("%s", e.msg);
		assert_false(place_run(p, &(struct place_run){ .argv = argv,
		    .out = enough }, &ran, &e));
		assert_non_null(strstr(e.msg, "enough"));
		assert_string_equal(e.hint, "");
		assert_int_equal(alive(word), 0);
		place_ran_release(&ran);
		place_close(p);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_runs_there_is_gone_when_the_call_returns),
	cmocka_unit_test(who_has_seen_enough_ends_it_too),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, start, kit_stop);
}
