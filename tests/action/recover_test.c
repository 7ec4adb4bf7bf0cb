/*
 * A rotation killed before every system call of it (a sample, all of them with
 * MIDWATCH_SOAK): afterwards some stored secret logs in, and beginning again
 * finishes the job.
 */
#include "tests/pg/kit.h"

#include <dirent.h>
#include <sys/ptrace.h>

#include "action/recover_intern.h"
#include "base/file.h"

static struct kit_pg box;
static struct site site;
static struct state state;
static char *pgpass, *copy;

static void
make_site(void)
{
	struct buf b = BUF_INIT;
	const char *path = test_path("site.cfg");

	buf_printf(&b, "site = { name = \"prod\"; };\n"
	    "databases = ( { name = \"arp\"; host = \"127.0.0.1\"; "
	    "port = %d; dbname = \"postgres\"; user = \"backup\"; passfile = "
	    "\"%s\"; superuser = { host = \"%s\"; port = %d; user = "
	    "\"postgres\"; }; rotate = { role = \"backup\"; update = ( \"%s\", "
	    "\"%s\" ); }; } );\n", box.port, pgpass, box.dir, box.port,
	    pgpass, copy);
	test_write(path, b.p);
	if (!site_load(&site, path))
		fail_msg("%s", site.doc.problems.v[0].text);
	buf_release(&b);
}

static int
start(void **state_)
{
	struct err e = ERR_INIT;

	(void)state_;
	pgpass = xstrdup(test_path("pgpass"));
	copy = xstrdup(test_path("copy"));
	if (!kit_pg_start(&box, "pg", "max_connections = 40"))
		return 0;
	kit_psql(&box, "CREATE ROLE backup LOGIN PASSWORD 'first'");
	kit_hba(&box, "host all all 127.0.0.1/32 scram-sha-256\n");
	make_site();
	if (!state_open(&state, test_path("state"), NULL, NULL, &e))
		fail_msg("%s", e.msg);
	return 0;
}

static int
stop(void **state_)
{
	(void)state_;
	kit_pg_end(&box);
	site_release(&site);
	state_release(&state);
	return 0;
}

static void
put_file(const char *path, const char *password)
{
	char *text = xprintf("# keep\n127.0.0.1:%d:postgres:backup:%s\nx:1:y:z:q\n",
	    box.port, password);

	test_write(path, text);
	chmod(path, 0600);
	free(text);
}

static void
say_nothing(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
}

static struct recover
rotation(bool rotate)
{
	return (struct recover){ .ask = { .site = &site, .state = &state,
		.db = site_db(&site, "arp"), .rotate = rotate,
		.say = say_nothing } };
}

/* Stops itself where the change begins, so that its tracer counts from there. */
static _Noreturn void
be_worker(bool traced, bool rotate)
{
	struct recover r = rotation(rotate);
	struct err e = ERR_INIT;
	bool ok = recover_look(&r, &e);

	if (traced) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
	}
	ok = ok && recover_do(&r, &e);
	if (!ok)
		(void)fprintf(stderr, "# %s\n", e.msg);
	_exit(ok ? 0 : 1);
}

/* True: it came to its end before its n-th system call. */
static bool
run_to(long n, bool rotate, int *ret_status)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_worker(n >= 0, rotate);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (n >= 0)
		ptrace(PTRACE_SETOPTIONS, pid, NULL,
		    (void *)(uintptr_t)PTRACE_O_TRACESYSGOOD);
	/* two stops each: before and after it */
	for (long i = 0; WIFSTOPPED(status); ) {
		int sig = WSTOPSIG(status);

		if (sig == (SIGTRAP | 0x80) && i++ == 2 * n) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(uintptr_t)(sig ==
		    SIGSTOP || sig & 0x80 ? 0 : sig));
		waitpid(pid, &status, 0);
	}
	*ret_status = status;
	return WIFEXITED(status);
}

/* ---- what is stored ---------------------------------------------------------- */

static bool
logs_in(const char *password)
{
	struct pg_spec s = { .name = "arp", .host = "127.0.0.1",
		.port = box.port, .user = "backup", .dbname = "postgres",
		.password = password };
	struct err e = ERR_INIT;
	struct pg *db = pg_open(&s, clock_mono_ms() + 20000, &e);

	pg_close(db);
	return db != NULL;
}

static bool
file_logs_in(const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok = pg_passfile(path, "127.0.0.1", box.port, "postgres",
	    "backup", &b, &e) && logs_in(b.p);

	buf_release(&b);
	return ok;
}

/* What is kept for the next one. */
static bool
kept_logs_in(void)
{
	char *path = state_path(&state, "recover/arp.%u", (unsigned)geteuid());
	struct buf b = BUF_INIT;
	json_t *o = NULL;
	const char *password;
	bool ok;

	if (file_read(path, &b, 1 << 16, NULL))
		o = json_read(b.p, b.n, NULL);
	password = json_get_str(o, "password");
	ok = password != NULL && logs_in(password);
	json_decref(o);
	buf_release(&b);
	free(path);
	return ok;
}

static size_t
files_in(const char *dir, const char *with)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	size_t n = 0;

	while (d != NULL && (ent = readdir(d)) != NULL)
		n += ent->d_name[0] != '.' && strstr(ent->d_name, with) != NULL;
	if (d != NULL)
		closedir(d);
	return n;
}

static void
finishes(bool rotate, long n)
{
	char *kept = state_path(&state, "recover");
	int status;

	assert_true(run_to(-1, rotate, &status));
	if (status != 0)
		fail_msg("killed before call %ld, it does not finish", n);
	assert_true(file_logs_in(pgpass));
	assert_true(file_logs_in(copy));
	assert_int_equal(files_in(kept, "arp"), 0);
	assert_int_equal(files_in(test_dir(), "midwatch.tmp"), 0);
	free(kept);
}

static void
killed_at_any_call_some_stored_secret_works(void **state_)
{
	bool all = getenv("MIDWATCH_SOAK") != NULL;
	long n, step, calls;
	size_t killed = 0, only_kept = 0;
	int status;

	(void)state_;
	NEED_PG(&box);
	put_file(pgpass, "first");
	put_file(copy, "first");
	/* how many there are */
	assert_false(run_to(0, true, &status));
	for (calls = 100; !run_to(calls, true, &status); calls += 100)
		;
	assert_int_equal(status, 0);
	step = all ? 1 : calls / 50;
	for (n = 0; !run_to(n, true, &status); n += step) {
		bool files = file_logs_in(pgpass), kept = kept_logs_in();

		if (!files && !kept)
			fail_msg("killed before call %ld of %ld: no stored "
			    "secret logs in", n, calls);
		killed++;
		only_kept += !files;
		if (killed % 10 == 0)
			finishes(false, n);
	}
	print_message("# %zu kills of at most %ld calls; after %zu only what was "
	    "kept logged in\n", killed, calls, only_kept);
	assert_true(killed >= 25);
	assert_true(only_kept > 0);
	finishes(false, n);
}

static void
what_was_broken_is_mended_after_any_kill(void **state_)
{
	bool all = getenv("MIDWATCH_SOAK") != NULL;
	size_t killed = 0;
	int status;

	(void)state_;
	NEED_PG(&box);
	for (long n = 0; ; n += all ? 1 : 29) {
		put_file(pgpass, "wrong");
		put_file(copy, "wrong");
		if (run_to(n, false, &status))
			break;
		killed++;
		finishes(false, n);
		/* for the next turn */
		kit_psql(&box, "ALTER ROLE backup PASSWORD 'lost'");
	}
	assert_int_equal(status, 0);
	assert_true(killed > 3);
}

/* A full disk refuses to keep it there; so does a file in the folder's place. */
static void
where_the_state_has_no_room_memory_keeps_it(void **state_)
{
	char *dir = state_path(&state, "recover");
	char *shm = xprintf("/dev/shm/midwatch-recover-%u",
	    (unsigned)geteuid());
	bool all = getenv("MIDWATCH_SOAK") != NULL;
	size_t kept = 0;
	int status;

	(void)state_;
	NEED_PG(&box);
	rmdir(dir);
	test_write(dir, "");
	for (long n = 0; !run_to(n, true, &status); n += all ? 1 : 13) {
		kept += !file_logs_in(pgpass);
		if (!file_logs_in(pgpass))
			assert_int_equal(files_in(shm, "arp"), 1);
	}
	assert_int_equal(status, 0);
	assert_true(kept > 0);
	finishes(false, 0);
	assert_int_equal(files_in(shm, "arp"), 0);
	rmdir(shm);
	unlink(dir);
	free(shm);
	free(dir);
}

/* They share the host's memory, their databases may be called the same. */
static void
two_sites_of_one_host_keep_theirs_apart(void **state_)
{
	struct state other;
	struct recover one = rotation(true), two = rotation(true);
	struct recover_kept k = { .volatile_ = true,
		.password = xstrdup("of the first"),
		.verifier = xstrdup("its verifier") };
	struct recover_kept got;
	struct err e = ERR_INIT;

	(void)state_;
	NEED_PG(&box);
	assert_true(state_open(&other, test_path("other"), NULL, NULL, &e));
	two.ask.state = &other;
	assert_true(recover_keep_write(&one, &k, &e));
	assert_true(k.volatile_);
	assert_false(recover_keep_read(&two, &got, &e));
	assert_false(recover_keep_left(&two));
	assert_true(recover_keep_read(&one, &got, &e));
	assert_string_equal(got.password, "of the first");
	recover_kept_release(&got);
	recover_keep_remove(&k);
	assert_false(recover_keep_left(&one));
	recover_kept_release(&k);
	recover_release(&one);
	recover_release(&two);
	state_release(&other);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(killed_at_any_call_some_stored_secret_works),
	cmocka_unit_test(what_was_broken_is_mended_after_any_kill),
	cmocka_unit_test(where_the_state_has_no_room_memory_keeps_it),
	cmocka_unit_test(two_sites_of_one_host_keep_theirs_apart),
};

int
main(void)
{
	return cmocka_run_group_tests_name(program_invocation_short_name,
	    tests, start, stop);
}
