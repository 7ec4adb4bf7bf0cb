#include "pg/intern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/spawn.h"

enum { ADDRESSES_MAX = 8, ANSWER_MAX = 16 * 1024 };

/* Children that were killed, or left alone to end, and not yet seen to. */
static VEC(pid_t) later;

void
pg_reap(void)
{
	for (size_t i = later.n; i-- > 0;)
		if (waitpid(later.v[i], NULL, WNOHANG) != 0)
			later.v[i] = later.v[--later.n];
}

void
pg_reap_later(pid_t pid)
{
	VEC_PUSH(&later, pid);
	pg_reap();
}

bool
pg_name_is_address(const char *host)
{
	struct in6_addr a;

	/* with a zone too (fe80::1%eth0) */
	return inet_pton(AF_INET, host, &a) == 1 ||
	    inet_pton(AF_INET6, host, &a) == 1 || strchr(host, ':') != NULL;
}

/* A name server that does not answer must not hold us: getent asks, and can be
 * killed. */
bool
pg_name_start(struct pg *db, struct err *e)
{
	const char *argv[] = { "getent", "ahosts", "--", db->host, NULL };
	int out[2];

	if (pipe2(out, O_CLOEXEC) != 0)
		return err_sys(e, "cannot make a pipe");
	struct spawn s = { .argv = argv, .in = -1, .out = out[1], .errfd = -1,
		.group = true, .die_with_us = true };
	pid_t pid = spawn_start(&s, e);
	io_close(&out[1]);
	if (pid < 0) {
		io_close(&out[0]);
		return false;
	}
	(void)fcntl(out[0], F_SETFL, O_NONBLOCK);
	db->lookup.pid = pid;
	db->lookup.fd = out[0];
	return true;
}

/* Lines of "ADDRESS TYPE [NAME]", each address once a type. */
static void
take_addresses(struct pg *db)
{
	char *rest = db->lookup.out.p, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		bool known = false;

		line[strcspn(line, " \t")] = '\0';
		for (size_t i = 0; i < db->addresses.n; i++)
			known |= strcmp(db->addresses.v[i], line) == 0;
		if (!known && db->addresses.n < ADDRESSES_MAX &&
		    pg_name_is_address(line))
			VEC_PUSH(&db->addresses, pool_str(&db->pool, line));
	}
}

bool
pg_name_turn(struct pg *db)
{
	struct pg_lookup *l = &db->lookup;
	ssize_t r;

	while ((r = io_read_some(l->fd, &l->out, 4096)) > 0)
		if (l->out.n > ANSWER_MAX)
			break;
	if (r < 0 && errno == EAGAIN)
		return false;
	if (l->out.n > 0)
		take_addresses(db);
	pg_name_stop(db);
	return true;
}

void
pg_name_stop(struct pg *db)
{
	struct pg_lookup *l = &db->lookup;

	if (l->pid > 0) {
		(void)kill(-l->pid, SIGKILL);
		pg_reap_later(l->pid);
		l->pid = 0;
		io_close(&l->fd);
	}
	buf_release(&l->out);
}
