#include "tests/probe/hosts.h"

extern const struct probe probe_docker, probe_container;

static int port;
static pid_t engine;
static const char *why_not = "no docker engine can be run here";

/* An image of nothing but a shell and a few programs: nothing is pulled. */
static const char image[] = "cd $1 && mkdir -p root/bin root/tmp && "
    "for b in sh sleep cat stat env readlink true printf head tr; do "
    "p=$(readlink -f /usr/bin/$b) && cp -L $p root/bin/$b && "
    "for l in $(ldd $p | grep -o '/[^ ]*'); do mkdir -p root/${l%/*} && "
    "cp -L $l root$l || exit; done || exit; done; "
    "tar -C root -c . | docker import - midwatch-test/tiny:1";

static bool
engine_start(void)
{
	const char *dir = test_dir();
	char host[PATH_MAX + 32], data[PATH_MAX], run[PATH_MAX], pid[PATH_MAX];
	const char *argv[] = { "dockerd", "--iptables=false", "--bridge=none",
		"--storage-driver=overlay2", "-H", host, "--data-root", data,
		"--exec-root", run, "-p", pid, NULL };
	struct spawn s = SPAWN_INIT;
	struct err e = ERR_INIT;
	int log;

	/* what it mounts ends with us, whatever happens */
	if (geteuid() != 0 || !hosts_own_mounts())
		return false;
	snprintf(host, sizeof host, "unix://%s/docker.sock", dir);
	snprintf(data, sizeof data, "%s/data", dir);
	snprintf(run, sizeof run, "%s/run", dir);
	snprintf(pid, sizeof pid, "%s/docker.pid", dir);
	setenv("DOCKER_HOST", host, 1);
	setenv("DOCKER_CONFIG", dir, 1);
	unsetenv("DOCKER_CONTEXT");
	unsetenv("DOCKER_TLS_VERIFY");
	log = open(test_path("docker.log"), O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600);
	s.argv = argv;
	s.out = s.errfd = log;
	s.die_with_us = s.group = true;
	engine = spawn_start(&s, &e);
	close(log);
	if (engine < 0)
		return false;
	return kit_sh("i=0; until docker version >/dev/null 2>&1; do i=$((i+1));"
	    " [ $i -lt 100 ] || { cat $1/docker.log; exit 1; }; sleep 0.1;"
	    " done") && kit_sh(image);
}

static int
start(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	if (engine_start())
		why_not = NULL;
	if (kit_keys())
		port = kit_sshd("plain.conf", "", false);
	return 0;
}

static int
stop(void **state)
{
	hosts_clear();
	if (why_not == NULL)
		(void)kit_sh("docker rm -f $(docker ps -aq) >/dev/null 2>&1; :");
	if (engine > 0) {
		kill(engine, SIGTERM);
		waitpid(engine, NULL, 0);
		hosts_unmount();
	}
	return kit_stop(state);
}

#define NEED_ENGINE							\
	do {								\
		if (why_not != NULL) {					\
			test_skip(why_not);				\
			return;						\
		}							\
	} while (0)

static void
docker(const char *words)
{
	char script[1024];

	snprintf(script, sizeof script, "docker %s", words);
	assert_true(kit_sh(script));
}

#define RUN "run -d --network host --name "
#define TINY " midwatch-test/tiny:1 "

static struct reading *
read_box(const char *name)
{
	hosts_site("places = ( { name = \"box\"; container = \"%s\"; } );",
	    name);
	return hosts_read(&probe_container, "box");
}

/* What the engine says of it, once it says that. */
static void
await(const char *name, const char *template, const char *want)
{
	char script[512];

	snprintf(script, sizeof script, "i=0; until [ \"$(docker inspect -f"
	    " '%s' %s)\" = %s ]; do i=$((i+1)); [ $i -lt 100 ] || exit 1;"
	    " sleep 0.1; done", template, name, want);
	assert_true(kit_sh(script));
}

static void
a_container_that_runs_is_fine(void **state)
{
	struct reading *r;

	(void)state;
	NEED_ENGINE;
	docker(RUN "fine -m 64m" TINY "/bin/sleep 1000");
	r = read_box("fine");
	assert_int_equal(r->level, LEVEL_OK);
	HAS(r->text, "running for ");
	assert_string_equal(DATA_STR(r, "state"), "running");
	assert_string_equal(DATA_STR(r, "engine"), "docker");
	assert_string_equal(DATA_STR(r, "image"), "midwatch-test/tiny:1");
	assert_int_equal(DATA_INT(r, "memory"), 64 << 20);
	assert_int_equal(DATA_INT(r, "restarts"), 0);
	assert_in_range(DATA_INT(r, "since_ms"), 0, 60000);
	assert_true(DATA_BOOL(r, "there"));

	docker("pause fine");
	r = read_box("fine");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "paused");
	HAS(r->next, "docker unpause fine");
	docker("unpause fine");
}

static void
a_container_that_ended_says_how(void **state)
{
	struct reading *r;

	(void)state;
	NEED_ENGINE;
	docker(RUN "ended" TINY "/bin/sh -c 'exit 3'");
	await("ended", "{{.State.Status}}", "exited");
	r = read_box("ended");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_int_equal(DATA_INT(r, "exit"), 3);
	HAS(r->text, "exited ");
	HAS(r->text, " ago with exit 3");
	HAS(r->next, "docker logs --tail 50 ended, then docker start ended");

	docker("create --network host --name made" TINY "/bin/sh");
	r = read_box("made");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "never started");

	r = read_box("not-there");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_false(DATA_BOOL(r, "there"));
	HAS(r->text, "there is no container 'not-there'");
}

static void
a_container_without_memory_says_so(void **state)
{
	struct reading *r = NULL;

	(void)state;
	NEED_ENGINE;
	/* the engine may hear of the end before it hears why */
	for (int i = 0; i < 5 && (r == NULL || !DATA_BOOL(r, "oom")); i++) {
		docker("rm -f hungry 2>/dev/null; docker " RUN "hungry -m 8m"
		    " --memory-swap 8m" TINY "/bin/sh -c 'x=$(head -c 100000000"
		    " /dev/zero | tr \"\\\\0\" x)'");
		await("hungry", "{{.State.Status}}", "exited");
		r = read_box("hungry");
		HAS(r->text, "with exit 137");
	}
	if (!DATA_BOOL(r, "oom")) {
		test_skip("the engine does not see who was killed for memory");
		return;
	}
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "killed for lack of memory (its limit: 8.0 MB)");
}

static void
a_container_that_restarts_is_not_up(void **state)
{
	struct reading *r;

	(void)state;
	NEED_ENGINE;
	docker(RUN "loop --restart always" TINY "/bin/sh -c 'exit 4'");
	for (int i = 0; i < 100; i++) {
		r = read_box("loop");
		if (strcmp(DATA_STR(r, "state"), "restarting") == 0 &&
		    DATA_INT(r, "restarts") > 1)
			break;
		clock_sleep_ms(50);
	}
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "restarting: it ends with exit 4, restarts: ");
	docker("update --restart no loop");

	/* it came back a moment ago: that is no rest yet */
	docker(RUN "back --restart on-failure" TINY "/bin/sh -c '[ -e /tmp/x ]"
	    " && exec /bin/sleep 1000; : >/tmp/x; exit 1'");
	await("back", "{{.RestartCount}} {{.State.Status}}", "'1 running'");
	r = read_box("back");
	assert_int_equal(r->level, LEVEL_WARNING);
	HAS(r->text, "restarts: 1, the last ");
	HAS(r->text, "; running for ");
}

static void
a_container_that_is_ill_says_what_its_check_said(void **state)
{
	struct reading *r;

	(void)state;
	NEED_ENGINE;
	docker(RUN "ill --health-cmd 'printf \"" "\\033[2J\\342\\200\\256abc\\377"
	    "\"; exit 1' --health-interval 1s --health-retries 1" TINY
	    "/bin/sleep 1000");
	await("ill", "{{.State.Health.Status}}", "unhealthy");
	r = read_box("ill");
	assert_int_equal(r->level, LEVEL_WARNING);
	assert_string_equal(DATA_STR(r, "health"), "unhealthy");
	HAS(r->text, "its own check says unhealthy: \\x1b[2J<U+202E>abc");
}

static void
a_container_at_a_host_is_asked_there(void **state)
{
	struct reading *r;
	char conf[PATH_MAX + 64];
	int at;

	(void)state;
	NEED_ENGINE;
	if (!port) {
		test_skip("there is no sshd here");
		return;
	}
	snprintf(conf, sizeof conf, "SetEnv DOCKER_HOST=%s",
	    getenv("DOCKER_HOST"));
	/* the first SetEnv counts; the kit has one of its own */
	at = kit_sshd("engine.conf", conf, false);
	docker(RUN "far" TINY "/bin/sleep 1000");
	hosts_site("places = ( %s, { name = \"c\"; at = \"box\"; container ="
	    " \"far\"; } );\ncleanup = { docker = { at = \"box\"; }; };\n"
	    "disks = ( { name = \"d\"; at = \"c\"; path = \"/tmp\"; } );",
	    hosts_place("box", at, ""));
	r = hosts_read(&probe_container, "c");
	assert_int_equal(r->level, LEVEL_OK);
	assert_string_equal(DATA_STR(r, "place"), "box");
	r = hosts_read(&probe_docker, "box");
	assert_int_equal(r->level, LEVEL_OK);
	assert_string_equal(DATA_STR(r, "place"), "box");

	extern const struct probe probe_disk;
	int64_t total;

	r = hosts_read(&probe_disk, "d");
	assert_int_equal(r->level == LEVEL_UNKNOWN, false);
	total = DATA_INT(r, "total");
	hosts_site("disks = ( { name = \"d\"; path = \"%s\"; } );",
	    test_path("data"));
	/* its files lie on the disk of the engine */
	assert_int_equal(DATA_INT(hosts_read(&probe_disk, "d"), "total"),
	    total);
}

static void
what_could_be_reclaimed_is_what_the_engine_says(void **state)
{
	struct reading *r;
	const json_t *images;
	int64_t before;

	(void)state;
	NEED_ENGINE;
	hosts_site("cleanup = { docker = { }; };");
	r = hosts_read(&probe_docker, "here");
	assert_int_equal(r->level, LEVEL_OK);
	images = json_object_get(r->data, "images");
	assert_int_equal(json_get_int(images, "reclaimable", -1), 0);
	assert_true(json_get_int(images, "size", -1) > 1000000);
	before = DATA_INT(r, "reclaimable");

	/* an image that nobody uses, and a volume that nobody may touch */
	assert_true(kit_sh("cd $1 && mkdir -p more && head -c 5000000"
	    " /dev/urandom >more/f && tar -C more -c . | docker import -"
	    " midwatch-test/more:1 && docker volume create keep && docker run"
	    " --rm --network host -v keep:/keep midwatch-test/tiny:1 /bin/sh -c"
	    " 'head -c 3000000 /dev/zero >/keep/f'"));
	r = hosts_read(&probe_docker, "here");
	images = json_object_get(r->data, "images");
	assert_in_range(json_get_int(images, "reclaimable", -1), 4990000,
	    5100000);
	assert_in_range(DATA_INT(r, "reclaimable") - before, 4990000, 5100000);
	assert_in_range(json_get_int(json_object_get(r->data, "volumes"),
	    "size", -1), 2990000, 3100000);
	HAS(r->text, "4.8 MB could be reclaimed (images 4.8 MB");
	HAS(r->text, "volumes hold 2.9 MB and stay");
}

static void
a_container_is_a_place_that_answers_or_not(void **state)
{
	extern const struct probe probe_place;
	struct reading *r;

	(void)state;
	NEED_ENGINE;
	docker(RUN "answers" TINY "/bin/sleep 1000");
	hosts_site("places = ( { name = \"box\"; container = \"answers\"; } );");
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_OK);
	HAS(r->text, "reached by docker exec answers, here");
	assert_null(json_object_get(r->data, "clock_ms"));
	docker("stop -t 0 answers");
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "not reachable: ");
	HAS(r->text, "is not running");
	HAS(r->next, "see whether the container 'answers' runs");
	hosts_site("places = ( { name = \"box\"; container = \"nobody\"; } );");
	r = hosts_read(&probe_place, "box");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "not reachable: there is no container 'nobody'");
	assert_false(DATA_BOOL(r, "reachable"));
}

/* --- what no engine here would say ----------------------------------------- */

/* A program of that name which answers so, in front of all others. */
static void
answer(const char *name, int code, const char *out, const char *complaint)
{
	char script[4096], path[64], put[PATH_MAX + 32];
	static char *was;

	if (was == NULL)
		was = strdup(getenv("PATH"));
	mkdir(test_path("bin"), 0755);
	snprintf(put, sizeof put, "%s:%s", test_path("bin"), was);
	setenv("PATH", put, 1);
	(void)test_write("bin/out", out);
	(void)test_write("bin/complaint", complaint);
	snprintf(script, sizeof script, "#!/bin/sh\ncat %s\ncat %s >&2\nexit"
	    " %d\n", test_path("bin/out"), test_path("bin/complaint"), code);
	snprintf(path, sizeof path, "bin/%s", name);
	chmod(test_write(path, script), 0755);
}

static void
answers_end(void)
{
	unlink(test_path("bin/docker"));
	unlink(test_path("bin/podman"));
}

static void
podman_counts_in_plain_numbers(void **state)
{
	struct reading *r;

	(void)state;
	answer("podman", 0, "{\"Type\":\"Images\",\"Total\":3,\"Active\":1,"
	    "\"Size\":3145728,\"Reclaimable\":2097152}\n{\"Type\":"
	    "\"Containers\",\"Total\":2,\"Active\":1,\"Size\":10,"
	    "\"Reclaimable\":5}\n{\"Type\":\"Local Volumes\",\"Total\":0,"
	    "\"Active\":0,\"Size\":0,\"Reclaimable\":0}\n", "");
	hosts_site("cleanup = { docker = { runtime = \"podman\"; images ="
	    " \"dangling\"; }; };");
	r = hosts_read(&probe_docker, "here");
	answers_end();
	assert_int_equal(r->level, LEVEL_OK);
	assert_string_equal(DATA_STR(r, "engine"), "podman");
	assert_int_equal(DATA_INT(r, "reclaimable"), 2097157);
	assert_string_equal(r->text, "at most 2.0 MB could be reclaimed (images"
	    " 2.0 MB, containers 5 B)");

	answer("podman", 0, "{\"state\":{\"OciVersion\":\"1\",\"Status\":"
	    "\"running\",\"OOMKilled\":false,\"ExitCode\":0,\"StartedAt\":"
	    "\"2020-01-01T01:00:00.25+01:00\",\"FinishedAt\":"
	    "\"0001-01-01T00:00:00Z\",\"Healthcheck\":{\"Status\":\"\","
	    "\"Log\":null}},\"restarts\":2,\"image\":\"x\",\"memory\":0}", "");
	hosts_site("places = ( { name = \"box\"; container = \"c\"; runtime ="
	    " \"podman\"; } );");
	r = hosts_read(&probe_container, "box");
	answers_end();
	assert_int_equal(r->level, LEVEL_OK);
	assert_in_range(DATA_INT(r, "since_ms"), hosts.eye.now -
	    1577836800000 - 1000, hosts.eye.now - 1577836800000 + 1000);
	assert_null(json_object_get(r->data, "health"));
}

static void
sizes_are_read_as_docker_writes_them(void **state)
{
	static const struct { const char *size; int64_t want; } rows[] = {
		{ "0B (0%)", 0 }, { "12.5kB", 12500 }, { "3.918MB (40%)",
		3918000 }, { "1.2GB", 1200000000 }, { "2TB", 2000000000000 },
		{ "999B", 999 }, { "-1B", -1 }, { "x", -1 }, { "", -1 },
		{ "1e300GB", -1 }, { "5 apples", -1 }, { "5apples", -1 },
		{ "99999999999PB", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reading *r;
		char line[256];

		test_case(rows[i].size);
		snprintf(line, sizeof line, "{\"Type\":\"Images\",\"TotalCount\""
		    ":\"1\",\"Active\":\"0\",\"Size\":\"1MB\",\"Reclaimable\":"
		    "\"%s\"}\n", rows[i].size);
		answer("docker", 0, line, "");
		hosts_site("cleanup = { docker = { }; };");
		r = hosts_read(&probe_docker, "here");
		if (rows[i].want < 0)
			HAS(r->error, "'docker system df' answers oddly");
		else
			assert_int_equal(DATA_INT(r, "reclaimable"),
			    rows[i].want);
	}
	answers_end();
}

static void
an_engine_that_does_not_answer_says_why(void **state)
{
	static const struct {
		int code;
		const char *complaint, *error, *next;
	} rows[] = {
		{ 1, "Cannot connect to the Docker daemon at unix:///x. Is the"
		    " docker daemon running?\n", "docker: exit 1: Cannot"
		    " connect to the Docker daemon", "systemctl status docker" },
		{ 1, "Got permission denied while trying to connect to the"
		    " Docker daemon socket\n", "permission denied",
		    "group docker" },
		{ 1, "\x1b[2J\x1b]0;x\x07\xe2\x80\xae" "abc\xff\n",
		    "exit 1: \\x1b[2J\\x1b]0;x\\x07<U+202E>abc\\xff", "" },
		{ 0, "", "answers oddly", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reading *r;

		answer("docker", rows[i].code, "", rows[i].complaint);
		hosts_site("cleanup = { docker = { }; };");
		r = hosts_read(&probe_docker, "here");
		assert_int_equal(r->level, LEVEL_UNKNOWN);
		HAS(r->error, rows[i].error);
		HAS(r->next ? r->next : "", rows[i].next);
		r = read_box("c");
		assert_int_equal(r->level, LEVEL_UNKNOWN);
		HAS(r->error, rows[i].error);
	}
	answers_end();
}

static void
odd_answers_are_no_containers(void **state)
{
	static const char *const odd[] = { "", "{}", "[]", "null", "{\"state\":"
	    "1}", "{\"state\":{\"Status\":3}}", "{\"state\":{\"Status\":"
	    "\"running\"}", "\xff\xfe", "{\"state\":{\"Status\":\"running\"}}"
	    "x" };
	struct reading *r;

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		answer("docker", 0, odd[i], "");
		r = read_box("c");
		assert_int_equal(r->level, LEVEL_UNKNOWN);
		HAS(r->error, "'docker inspect' answers oddly");
	}
	/* a state that nobody knows, with words that hurt */
	answer("docker", 0, "{\"state\":{\"Status\":\"\\u001b[2J\\u202edead\","
	    "\"ExitCode\":-1,\"StartedAt\":\"5m ago\",\"Health\":{\"Log\":"
	    "[{}]}},\"restarts\":-5,\"image\":\"\\u009b2J\"}", "");
	r = read_box("c");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "\\x1b[2J<U+202E>dead with exit -1");
	answers_end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_container_that_runs_is_fine),
	cmocka_unit_test(a_container_that_ended_says_how),
	cmocka_unit_test(a_container_without_memory_says_so),
	cmocka_unit_test(a_container_that_restarts_is_not_up),
	cmocka_unit_test(a_container_that_is_ill_says_what_its_check_said),
	cmocka_unit_test(a_container_at_a_host_is_asked_there),
	cmocka_unit_test(what_could_be_reclaimed_is_what_the_engine_says),
	cmocka_unit_test(a_container_is_a_place_that_answers_or_not),
	cmocka_unit_test(podman_counts_in_plain_numbers),
	cmocka_unit_test(sizes_are_read_as_docker_writes_them),
	cmocka_unit_test(an_engine_that_does_not_answer_says_why),
	cmocka_unit_test(odd_answers_are_no_containers),
};

int
main(void)
{
	return cmocka_run_group_tests_name("docker_test", tests, start, stop);
}
