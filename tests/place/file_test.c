/* The same questions to every kind of place; the answers must not differ. */
#include <errno.h>
#include <sys/mount.h>

#include "base/sha.h"
#include "tests/place/kit.h"

enum { HERE, SFTP, SHELL, CSH, CONTAINER, FAR_CONTAINER, KINDS };

static const char *const names[] = { "here", "sftp", "system ssh",
	"system ssh to a csh", "container", "container over ssh" };
static struct place_spec specs[KINDS];
static char known[PATH_MAX], key[PATH_MAX], empty[PATH_MAX];
static int port;

static int
start(void **state)
{
	char *pub, text[2048];
	int csh_port;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	specs[CONTAINER] = kit_box();
	if (!kit_keys())
		return 0;
	port = kit_sshd("file.conf", kit_box_env(), false);
	csh_port = kit_sshd("csh.conf",
	    "ForceCommand /bin/csh -c \"$SSH_ORIGINAL_COMMAND\"", false);
	pub = test_read(test_path("hostkey.pub"));
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s[127.0.0.1]:%d %s", port,
	    pub, csh_port, pub);
	snprintf(known, sizeof known, "%s", test_write("known", text));
	free(pub);
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(empty, sizeof empty, "%s", test_path("empty"));
	specs[SFTP] = specs[SHELL] = (struct place_spec){ .name = "nas",
		.user = kit_user(), .host = "127.0.0.1", .port = port,
		.identity = key, .known_hosts = known, .config = empty };
	specs[SHELL].system_ssh = true;
	specs[CSH] = specs[SHELL];
	specs[CSH].port = access("/bin/csh", X_OK) == 0 ? csh_port : 0;
	specs[FAR_CONTAINER] = specs[CONTAINER];
	specs[FAR_CONTAINER].at = &specs[SFTP];
	return 0;
}

#define OK(call)							\
	do {								\
		struct err e_ = ERR_INIT, *e = &e_;			\
		if (!(call))						\
			fail_msg("%s: %s", #call, e->msg);		\
	} while (0)

#define FAILS(call, want)						\
	do {								\
		struct err e_ = ERR_INIT, *e = &e_;			\
		assert_false(call);					\
		if (e->kind != (want))					\
			fail_msg("%s: kind %d: %s", #call, e->kind,	\
			    e->msg);					\
	} while (0)

#define TAKEN(call)							\
	do {								\
		struct err e_ = ERR_INIT, *e = &e_;			\
		assert_false(call);					\
		if (e->sys_errno != EEXIST)				\
			fail_msg("%s: %s", #call, e->msg);		\
	} while (0)

static struct place *
opened(int kind)
{
	struct err e = ERR_INIT;
	struct place *p;

	test_case(names[kind]);
	if (!port && kind != HERE && kind != CONTAINER)
		return NULL;
	if (kind == CSH && specs[CSH].port == 0)
		return NULL;
	p = place_open(kind == HERE ? NULL : &specs[kind], NULL, &e);
	if (p == NULL)
		fail_msg("%s", e.msg);
	return p;
}

static void
put_text(struct place *p, const char *path, const char *text)
{
	struct err e = ERR_INIT;
	struct place_file *f = place_create(p, path, 0640, &e);

	if (!f || !place_file_write(f, text, strlen(text), &e) ||
	    !place_file_close(f, &e))
		fail_msg("%s", e.msg);
}

static void
files_behave_alike_everywhere(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		struct place *p = opened(kind);
		struct place_stat st;
		struct place_room room;
		char dir[PATH_MAX], a[PATH_MAX + 32], b[PATH_MAX + 8], hex[65],
		    want[SHA_HEX];

		if (p == NULL)
			continue;
		snprintf(dir, sizeof dir, "%s/it's \n$d!%d", test_dir(), kind);
		snprintf(a, sizeof a, "%s/-a 'x'\n\\", dir);
		snprintf(b, sizeof b, "%s/b", dir);
		FAILS(place_stat(p, dir, &st, e), ERR_NOTFOUND);
		OK(place_mkdir(p, dir, 0750, e));
		TAKEN(place_mkdir(p, dir, 0750, e));
		OK(place_stat(p, dir, &st, e));
		assert_true(st.is_dir && !st.is_file);
		put_text(p, a, "one\n");
		OK(place_stat(p, a, &st, e));
		assert_true(st.is_file);
		assert_int_equal(st.size, 4);
		assert_in_range(st.mtime, 1500000000, INT32_MAX);
		OK(place_hash(p, a, hex, 0, e));
		sha_of("one\n", 4, want);
		assert_string_equal(hex, want);
		TAKEN(place_create(p, a, 0600, e) != NULL);
		put_text(p, b, "two");
		TAKEN(place_rename(p, a, b, e));
		OK(place_remove(p, b, e));
		OK(place_rename(p, a, b, e));
		FAILS(place_rename(p, a, b, e), ERR_NOTFOUND);
		FAILS(place_remove(p, a, e), ERR_NOTFOUND);
		OK(place_mkdir(p, a, 0700, e));

		struct place_list l;
		OK(place_list(p, dir, &l, e));
		assert_int_equal(l.entries.n, 2);
		assert_string_equal(l.entries.v[0].name, strrchr(a, '/') + 1);
		assert_true(l.entries.v[0].st.is_dir);
		assert_string_equal(l.entries.v[1].name, "b");
		place_list_release(&l);
		FAILS(place_list(p, "/nowhere", &l, e), ERR_NOTFOUND);
		TAKEN(place_rename(p, b, a, e));
		TAKEN(place_rename(p, a, b, e));
		OK(place_rmdir(p, a, e));
		OK(place_room(p, dir, &room, e));
		assert_true(room.total > 0 && room.free <= room.total);
		OK(place_remove(p, b, e));
		OK(place_rmdir(p, dir, e));
		place_close(p);
	}
}

static void
megabytes_go_there_and_come_back(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		struct place *p = opened(kind);
		char from[PATH_MAX], far[PATH_MAX], back[PATH_MAX], h1[SHA_HEX],
		    h2[SHA_HEX];
		int64_t n;
		int fd;

		if (p == NULL)
			continue;
		assert_true(kit_sh("head -c 20000003 /dev/urandom >$1/from"));
		snprintf(from, sizeof from, "%s", test_path("from"));
		snprintf(far, sizeof far, "%s/far%d", test_dir(), kind);
		snprintf(back, sizeof back, "%s/back%d", test_dir(), kind);
		fd = open(from, O_RDONLY | O_CLOEXEC);
		OK(place_put(p, fd, far, 0600, &n, e));
		assert_int_equal(n, 20000003);
		close(fd);
		fd = open(back, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		OK(place_get(p, far, fd, &n, e));
		assert_int_equal(n, 20000003);
		close(fd);
		OK(sha_of_file(from, h1, &n, e));
		OK(sha_of_file(back, h2, &n, e));
		assert_string_equal(h1, h2);
		FAILS(place_get(p, "/nowhere/x", 1, &n, e), ERR_NOTFOUND);
		struct err e2 = ERR_INIT;
		struct place_file *f = place_read_open(p, far, 20000000, &e2);
		char tail[16];
		if (f == NULL)
			fail_msg("%s", e2.msg);
		assert_int_equal(place_file_read(f, tail, sizeof tail, &e2), 3);
		assert_int_equal(place_file_read(f, tail, sizeof tail, &e2), 0);
		place_file_drop(f);
		place_close(p);
	}
}

static void
a_full_disk_there_is_called_full(void **state)
{
	char full[PATH_MAX], path[PATH_MAX + 24];

	(void)state;
	snprintf(full, sizeof full, "%s", test_path("full"));
	mkdir(full, 0755);
	if (mount("tmpfs", full, "tmpfs", 0, "size=1M") != 0) {
		test_skip("no tmpfs can be mounted here");
		return;
	}
	for (int kind = 0; kind < KINDS; kind++) {
		struct place *p = opened(kind);
		bool in_box = kit_real_box() && kind >= CONTAINER;
		struct err e = ERR_INIT;
		int64_t n;
		int fd = open(test_path("from"), O_RDONLY | O_CLOEXEC);

		/* a real one has a small disk of its own */
		snprintf(path, sizeof path, "%s/big%d", in_box ? "/full" :
		    full, kind);
		if (p) {
			bool ok = place_put(p, fd, path, 0600, &n, &e);

			if (ok || e.sys_errno != ENOSPC) {
				umount2(full, MNT_DETACH);
				fail_msg("%s", e.msg);
			}
		}
		close(fd);
		unlink(path);
		if (in_box)
			place_remove(p, path, &e);
		place_close(p);
	}
	umount2(full, MNT_DETACH);
}

static void
a_container_that_is_not_there_is_said_so(void **state)
{
	struct place_spec spec = specs[CONTAINER];
	struct err e = ERR_INIT;

	(void)state;
	spec.container = "other";
	assert_null(place_open(&spec, NULL, &e));
	assert_int_equal(e.kind, ERR_NOTFOUND);
	err_clear(&e);
	spec.container = "--privileged";
	assert_null(place_open(&spec, NULL, &e));
	assert_int_equal(e.kind, ERR_USAGE);
}

static void
a_file_goes_on_behind_what_was_acknowledged(void **state)
{
	(void)state;
	for (int kind = HERE; kind <= SFTP; kind++) {
		struct place *p = opened(kind);
		struct place_file *f;
		char path[PATH_MAX], *text;

		if (p == NULL)
			continue;
		snprintf(path, sizeof path, "%s/goes-on-%d", test_dir(), kind);
		FAILS(place_continue(p, path, 0, e), ERR_NOTFOUND);
		put_text(p, path, "one two?");
		FAILS(place_continue(p, path, 9, e), ERR_INTEGRITY);
		OK((f = place_continue(p, path, 4, e)) != NULL);
		assert_int_equal(place_file_acknowledged(f), 4);
		OK(place_file_write(f, "TW", 2, e));
		OK(place_file_flush(f, e));
		assert_int_equal(place_file_acknowledged(f), 6);
		text = test_read(path);
		assert_string_equal(text, "one TWo?");
		free(text);
		OK(place_file_write(f, "O, three", 8, e));
		OK(place_file_close(f, e));
		text = test_read(path);
		assert_string_equal(text, "one TWO, three");
		free(text);
		place_close(p);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_goes_on_behind_what_was_acknowledged),
	cmocka_unit_test(files_behave_alike_everywhere),
	cmocka_unit_test(megabytes_go_there_and_come_back),
	cmocka_unit_test(a_full_disk_there_is_called_full),
	cmocka_unit_test(a_container_that_is_not_there_is_said_so),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, start, kit_stop);
}
