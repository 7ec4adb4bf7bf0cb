#include "tests/place/kit.h"

#include "base/secret.h"
#include "place/keys.h"

/* What libssh2 has from libcrypto is known by tests/leaks.allowed only when the
 * whole stack is seen. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

static bool have;
static int port;

static int
start(void **state)
{
	(void)state;
	(void)unsetenv("SSH_AUTH_SOCK");
	have = kit_keys() && kit_sh("cd $1 && "
	    "ssh-keygen -q -t ecdsa -N 'ec word' -f lockedec && "
	    "ssh-keygen -q -t ecdsa -b 384 -m PEM -N 'pem word' -f lockedpem && "
	    "ssh-keygen -q -t ecdsa -m PKCS8 -N 'pk8 word' -f lockedpk8 && "
	    "ssh-keygen -q -t rsa -b 2048 -N 'rsa word' -f lockedrsa && "
	    "ssh-keygen -q -t ecdsa -m PEM -N '' -f openpem && "
	    "cat lockedec.pub lockedpem.pub lockedpk8.pub openpem.pub "
	    ">>authorized");
	if (have)
		port = kit_sshd("plain.conf", "MaxAuthTries 20", false);
	return 0;
}

#define NEED_KEYS							\
	do {								\
		if (!have) {						\
			test_skip("there is no sshd here");		\
			return;						\
		}							\
	} while (0)

static const struct {
	const char *name, *secret;
	bool locked, usable;
} keys[] = {
	{ "lockedkey", "open sesame", true, true },
	{ "lockedec", "ec word", true, true },
	{ "lockedpem", "pem word", true, true },
	{ "lockedpk8", "pk8 word", true, true },
	{ "lockedrsa", "rsa word", true, false },
	{ "userkey", "", false, true },
	{ "eckey", "", false, true },
	{ "openpem", "", false, true },
	{ "rsakey", "", false, false },
};
enum { KEYS = sizeof keys / sizeof *keys };

static void
a_key_says_whether_it_wants_a_passphrase(void **state)
{
	(void)state;
	NEED_KEYS;
	for (size_t i = 0; i < KEYS; i++) {
		test_case(keys[i].name);
		assert_int_equal(place_key_locked(test_path(keys[i].name)),
		    keys[i].locked);
	}
	assert_false(place_key_locked(test_path("absent")));
	assert_false(place_key_locked(test_write("junk", "-----BEGIN ")));
	assert_false(place_key_locked(test_write("junk",
	    "-----BEGIN OPENSSH PRIVATE KEY-----")));
	assert_false(place_key_locked(test_write("junk",
	    "-----BEGIN OPENSSH PRIVATE KEY-----\n////////////\n")));
}

static void
the_right_passphrase_opens_it_and_no_other(void **state)
{
	(void)state;
	NEED_KEYS;
	for (size_t i = 0; i < KEYS; i++) {
		char *path = xstrdup(test_path(keys[i].name));

		test_case(keys[i].name);
		if (keys[i].locked) {
			assert_true(place_key_opens(path, keys[i].secret));
			assert_false(place_key_opens(path, "wrong"));
			assert_false(place_key_opens(path, ""));
		}
		free(path);
	}
	assert_false(place_key_opens(test_path("absent"), "x"));
	assert_false(place_key_opens(test_write("junk", "no key"), "x"));
}

static struct place_spec
box(char *key)
{
	static char config[PATH_MAX], known[PATH_MAX];

	(void)snprintf(config, sizeof config, "%s", test_path("empty"));
	(void)snprintf(known, sizeof known, "%s", test_path("known"));
	return (struct place_spec){ .name = "box", .host = "127.0.0.1",
	    .port = port, .identity = key, .config = config,
	    .known_hosts = known };
}

static size_t
count(const struct place_spec *spec)
{
	struct place_keys k = { 0 };
	size_t n;

	place_keys_locked(&k, spec);
	place_keys_locked(&k, spec);	/* each once */
	n = k.v.n;
	place_keys_release(&k);
	return n;
}

static void
those_that_can_be_used_are_named_on_the_whole_way(void **state)
{
	struct place_spec spec, near, in = { .name = "c", .container = "c" };

	(void)state;
	NEED_KEYS;
	for (size_t i = 0; i < KEYS; i++) {
		char *path = xstrdup(test_path(keys[i].name));

		test_case(keys[i].name);
		spec = box(path);
		assert_int_equal(count(&spec), keys[i].locked && keys[i].usable);
		free(path);
	}
	char *locked = xstrdup(test_path("lockedkey"));
	char *ec = xstrdup(test_path("lockedec"));

	near = box(ec);
	spec = box(locked);
	spec.via = &near;
	assert_int_equal(count(&spec), 2);
	in.at = &spec;
	assert_int_equal(count(&in), 2);
	in.at = NULL;
	assert_int_equal(count(&in), 0);
	assert_int_equal(count(NULL), 0);
	spec.via = NULL;
	spec.system_ssh = true;
	assert_int_equal(count(&spec), 0);
	free(locked);
	free(ec);
}

static void
the_usual_keys_count_where_nothing_else_is_to_be_tried(void **state)
{
	char config[2 * PATH_MAX];
	struct place_spec spec;

	(void)state;
	NEED_KEYS;
	spec = box(NULL);
	(void)snprintf(config, sizeof config, "Host *\n  IdentityFile %s\n",
	    test_path("lockedkey"));
	spec.config = xstrdup(test_write("config", config));
	assert_int_equal(count(&spec), 1);
	(void)snprintf(config + strlen(config), 100 + PATH_MAX,
	    "  IdentityFile %s\n", test_path("userkey"));
	(void)test_write("config", config);
	assert_int_equal(count(&spec), 0);
	free((char *)(uintptr_t)spec.config);
}

static void
a_login_takes_it_from_where_it_was_put(void **state)
{
	struct place_care care = { .secret = secret_find };
	char *pub, line[1024];

	(void)state;
	NEED_KEYS;
	if (port == 0 || geteuid() != 0) {
		test_skip("this sshd lets root in alone");
		return;
	}
	pub = test_read(test_path("hostkey.pub"));
	(void)snprintf(line, sizeof line, "[127.0.0.1]:%d %s", port, pub);
	(void)test_write("known", line);
	for (size_t i = 0; i < KEYS; i++) {
		char *path = xstrdup(test_path(keys[i].name));
		struct place_spec spec = box(path);
		struct err e = ERR_INIT;
		struct place *p;

		test_case(keys[i].name);
		if (keys[i].locked && keys[i].usable) {
			secret_forget();
			care.deadline_ms = clock_mono_ms() + 20000;
			assert_null(place_open(&spec, &care, &e));
			assert_non_null(strstr(e.msg, "its key needs a "
			    "passphrase"));
			assert_non_null(strstr(e.hint, "ssh-add /"));
			err_clear(&e);
			assert_true(secret_put(path, "wrong", &e));
			assert_null(place_open(&spec, &care, &e));
			assert_non_null(strstr(e.msg, "wrong passphrase"));
			err_clear(&e);
			assert_true(secret_put(path, keys[i].secret, &e));
			p = place_open(&spec, &care, &e);
			if (p == NULL)
				fail_msg("%s: %s", keys[i].name, e.msg);
			place_close(p);
		}
		free(path);
	}
	secret_forget();
	free(pub);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_key_says_whether_it_wants_a_passphrase),
	cmocka_unit_test(the_right_passphrase_opens_it_and_no_other),
	cmocka_unit_test(those_that_can_be_used_are_named_on_the_whole_way),
	cmocka_unit_test(the_usual_keys_count_where_nothing_else_is_to_be_tried),
	cmocka_unit_test(a_login_takes_it_from_where_it_was_put),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, start, kit_stop);
}
