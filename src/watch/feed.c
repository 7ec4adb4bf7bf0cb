#include "watch/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

enum { GROUPS_MAX = 256 };

static bool
address_of(const struct state *state, struct sockaddr_un *a, socklen_t *len,
    struct stat *st)
{
	if (stat(state->dir, st) != 0)
		return false;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)snprintf(a->sun_path + 1, sizeof a->sun_path - 1,
	    "midwatch-feed-%jx-%jx", (uintmax_t)st->st_dev,
	    (uintmax_t)st->st_ino));
	return true;
}

static bool
in_group(int fd, const struct ucred *who, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof groups;

	if (who->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) != 0)
		return false;
	for (size_t i = 0; i < n / sizeof *groups; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Who may write the record may see, and show, what is true. */
static bool
peer_ok(int fd, const struct stat *dir)
{
	struct ucred who;
	socklen_t n = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return false;
	return who.uid == geteuid() || who.uid == 0 ||
	    who.uid == dir->st_uid || ((dir->st_mode & S_IWGRP) != 0 &&
	    in_group(fd, &who, dir->st_gid));
}

int
feed_connect(const struct state *state)
{
	struct sockaddr_un a;
	struct stat st;
	socklen_t len;
	int fd;

	if (!address_of(state, &a, &len, &st))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (connect(fd, (struct sockaddr *)&a, len) != 0 ||
	    !peer_ok(fd, &st)))
		io_close(&fd);
	return fd;
}

int
feed_listen(const struct state *state)
{
	struct sockaddr_un a;
	struct stat st;
	socklen_t len;
	int fd;

	if (!address_of(state, &a, &len, &st))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&a, len) != 0 ||
	    listen(fd, 256) != 0))
		io_close(&fd);
	return fd;
}

int
feed_accept(int listener, const struct state *state)
{
	struct sockaddr_un from;
	socklen_t len = sizeof from;
	struct stat st;
	int fd = accept4(listener, (struct sockaddr *)&from, &len,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && (stat(state->dir, &st) != 0 || !peer_ok(fd, &st))) {
		io_close(&fd);
		errno = EAGAIN;
	}
	return fd;
}

/* One line of the newest ones; true when it was the last. */
static bool
take_line(const char *p, size_t n, const struct site *site,
    struct readings *ret, bool *same, int64_t *stirred)
{
	struct reading r;
	struct err e = ERR_INIT;
	bool last = false;

	if (reading_parse(&r, p, n, &e)) {
		const char *sha = json_get_str(r.data, "site_sha256");

		last = strcmp(r.kind, "feed") == 0;
		if (last)
			*same = sha != NULL && strcmp(sha, site->sha) == 0;
		if (last)
			*stirred = json_get_int(r.data, "stirred", 0);
		else
			readings_put(ret, &r);
	}
	reading_release(&r);
	return last;
}

static void
drop_older(struct readings *all, int64_t stirred)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->v.n; i++)
		if (all->v.v[i].at - all->v.v[i].took_ms >= stirred)
			all->v.v[kept++] = all->v.v[i];
		else
			reading_release(&all->v.v[i]);
	all->v.n = kept;
}

bool
feed_ask(const struct site *site, const struct state *state,
    int64_t deadline_ms, struct readings *ret)
{
	int fd = feed_connect(state);
	struct buf in = BUF_INIT;
	bool last = false, same = false;
	int64_t stirred = 0;

	while (fd >= 0 && !last && io_wait_readable(fd, deadline_ms) == 1) {
		size_t from = 0;
		ssize_t got = io_read_some(fd, &in, 64 << 10);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		for (char *nl; !last && (nl = memchr(in.p + from, '\n',
		    in.n - from)) != NULL; from = (size_t)(nl - in.p) + 1)
			last = take_line(in.p + from,
			    (size_t)(nl - in.p) - from, site, ret, &same,
			    &stirred);
		buf_drop(&in, from);
	}
	io_close(&fd);
	buf_release(&in);
	if (!last || !same)
		readings_release(ret);
	drop_older(ret, stirred);
	return last && same;
}
