/*
 * A private sshd on loopback for the tests of places: a listener of ours whose
 * connections each get an `sshd -i`. With `ns` the server lives in a network
 * of its own (its listener does not), where `behind` can be reached through it
 * and from nowhere else.
 */
#ifndef TESTS_PLACE_KIT_H
#define TESTS_PLACE_KIT_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/spawn.h"
#include "base/who.h"
#include "place/place.h"
#include "tests/test.h"

#define SSHD "/usr/sbin/sshd"
#define BEHIND_PORT 2222

/* For `make san`: libssh2 1.10 keeps 32 bytes for each request that a failed
 * write gave up, and a number of OpenSSL's for each ECDSA key. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libssh2.so\nleak:libcrypto.so";
}
const char *
__lsan_default_options(void)
{
	return "print_suppressions=0";
}

TEST_HELPER struct {
	pid_t pids[32];
	size_t n;
} kit;

TEST_HELPER bool
kit_sh(const char *script)
{
	const char *argv[] = { "/bin/sh", "-c", script, "kit", test_dir(), NULL };
	struct ran ran = { 0 };
	struct err e = ERR_INIT;
	bool ok = spawn_run(&(struct run){ .argv = argv, .merge_err = true },
	    &ran, &e) && spawn_code(ran.status) == 0;

	if (!ok)
		print_message("# %s: %s %s\n", script, e.msg, ran.out.n ?
		    ran.out.p : "");
	ran_release(&ran);
	return ok;
}

/* Whoever runs the tests: an sshd of an ordinary user lets in nobody else. */
TEST_HELPER const char *
kit_user(void)
{
	return who_am_i()->login;
}

TEST_HELPER bool
kit_how(const struct place *p, const char *before)
{
	char want[200];

	snprintf(want, sizeof want, "%s%s@127.0.0.1", before, kit_user());
	return strncmp(place_how(p), want, strlen(want)) == 0;
}

/* Host keys, a user's keys, an authorized_keys and an empty configuration. */
TEST_HELPER bool
kit_keys(void)
{
	if (access(SSHD, X_OK) != 0)
		return false;
	return access(test_path("hostkey"), R_OK) == 0 || kit_sh(
	    "cd $1 && [ $(id -u) != 0 ] || mkdir -p /run/sshd; "
	    "for k in hostkey userkey otherkey; do "
	    "ssh-keygen -q -t ed25519 -N '' -C $k -f $k || exit; done; "
	    "ssh-keygen -q -t rsa -b 2048 -N '' -f rsakey && "
	    "ssh-keygen -q -t rsa -b 2048 -N '' -f rsahost && "
	    "ssh-keygen -q -t ecdsa -N '' -f eckey && "
	    "ssh-keygen -q -t ed25519 -N 'open sesame' -f lockedkey && "
	    "cat userkey.pub rsakey.pub eckey.pub lockedkey.pub >authorized && "
	    "chmod 600 authorized && : >empty && chmod 755 .");
}

TEST_HELPER void
kit_serve(int listener, const char *conf)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (fd < 0)
			continue;
		if (fork() == 0) {
			int log = open(test_path("sshd.log"), O_WRONLY |
			    O_CREAT | O_APPEND, 0600);

			prctl(PR_SET_PDEATHSIG, 0);
			dup2(fd, 0);
			dup2(fd, 1);
			dup2(log, 2);
			execl(SSHD, SSHD, "-i", "-e", "-f", conf, (char *)NULL);
			_exit(127);
		}
		close(fd);
	}
}

TEST_HELPER int
kit_listen(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(fd, 16) != 0)
		return -1;
	getsockname(fd, (struct sockaddr *)&a, &n);
	*port = ntohs(a.sin_port);
	return fd;
}

TEST_HELPER bool
kit_own_network(const char *conf)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int port = BEHIND_PORT, fd;

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo) != 0)
		return false;
	close(fd);
	fd = kit_listen(&port);
	if (fd < 0)
		return false;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		kit_serve(fd, conf);
	}
	close(fd);
	return true;
}

/* The port of a new server; 0: it cannot be had. SHLVL keeps the login's bash
 * from reading its .bashrc, which may be slow. */
TEST_HELPER int
kit_sshd(const char *name, const char *more, bool ns)
{
	char conf[PATH_MAX], text[2048], ready = 'n';
	int port = 0, fd, up[2];
	pid_t pid;

	snprintf(text, sizeof text, "%s\nHostKey %s/hostkey\n"
	    "AuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\n"
	    "PermitRootLogin yes\nSubsystem sftp internal-sftp\n"
	    "MaxAuthTries 20\nSetEnv SHLVL=9\nPidFile none\nLogLevel ERROR\n", more, test_dir(),
	    test_dir());
	snprintf(conf, sizeof conf, "%s", test_write(name, text));
	fd = kit_listen(&port);
	if (fd < 0 || pipe2(up, O_CLOEXEC) != 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!ns || kit_own_network(conf))
			ready = 'y';
		(void)!write(up[1], &ready, 1);
		if (ready == 'y')
			kit_serve(fd, conf);
		_exit(1);
	}
	close(fd);
	close(up[1]);
	(void)!read(up[0], &ready, 1);
	close(up[0]);
	kit.pids[kit.n++] = pid;
	return ready == 'y' ? port : 0;
}

TEST_HELPER int
kit_stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < kit.n; i++) {
		kill(kit.pids[i], SIGKILL);
		waitpid(kit.pids[i], NULL, 0);
	}
	kit.n = 0;
	return 0;
}

/*
 * A container that sees test_dir() under the same name: the one that TEST_BOX
 * names, of the engine that DOCKER_HOST names (tests/cli/containers.sh has such
 * a one), else an engine that only pretends, of which `docker exec` does as far
 * as we use it.
 */
TEST_HELPER bool
kit_real_box(void)
{
	return getenv("TEST_BOX") != NULL;
}

TEST_HELPER struct place_spec
kit_box(void)
{
	static char engine[PATH_MAX], box[64];

	if (kit_real_box()) {
		snprintf(box, sizeof box, "%s", getenv("TEST_BOX"));
		return (struct place_spec){ .name = box, .container = box,
			.runtime = "docker" };
	}
	snprintf(engine, sizeof engine, "%s", test_write("engine", "#!/bin/sh\n"
	    "[ \"$1 $2\" = 'exec -i' ] || exit 125\n"
	    "[ \"$3\" = box ] || { echo \"Error: No such container: $3\" >&2;"
	    " exit 1; }\n"
	    "shift 3; exec setsid -w \"$@\"\n"));
	chmod(engine, 0755);
	return (struct place_spec){ .name = "box", .container = "box",
		.runtime = engine };
}

/* For kit_sshd: its sessions find the same engine. */
TEST_HELPER const char *
kit_box_env(void)
{
	static char text[PATH_MAX];

	snprintf(text, sizeof text, "SetEnv SHLVL=9 DOCKER_HOST=%s",
	    getenv("DOCKER_HOST"));
	return kit_real_box() ? text : "";
}

/* known_hosts with the host key under [127.0.0.1]:port. */
TEST_HELPER const char *
kit_known(const char *name, int port, const char *key)
{
	char *pub = test_read(test_path(key)), text[1024];
	const char *path;

	pub[strcspn(pub, "\n")] = '\0';
	snprintf(text, sizeof text, "[127.0.0.1]:%d %s\n", port, pub);
	path = test_write(name, text);
	free(pub);
	return path;
}

/* Nobody has that number, or it is only not yet counted among the dead. */
TEST_HELPER bool
kit_gone(const char *pid)
{
	char path[64], text[512] = "", *state;
	int fd;

	snprintf(path, sizeof path, "/proc/%.*s/stat", (int)strcspn(pid, "\n"),
	    pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	state = strrchr(text, ')');
	return state == NULL || state[2] == 'Z' || state[2] == 'X';
}

/* A run's output, which the caller frees; NULL with e when it did not end. */
TEST_HELPER char *
kit_run(struct place *p, const char *const *argv, struct place_exit *x,
    struct err *e)
{
	struct place_ran ran = PLACE_RAN_INIT;
	char *out = NULL;

	if (place_run(p, &(struct place_run){ .argv = argv,
	    .deadline_ms = clock_mono_ms() + 20000 }, &ran, e)) {
		out = xstrndup(ran.out.p, ran.out.n);
		*x = ran.exit;
	}
	place_ran_release(&ran);
	return out;
}

#endif
