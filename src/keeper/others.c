/*
 * Who else looks. Each keeper holds an abstract socket whose name says for whom
 * it works: it needs no disk, and it is gone with its process.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/who.h"
#include "keeper/keeper_intern.h"

enum { OTHERS_EVERY_MS = 2000 };

/* Names with a blank would end in the kernel's table. */
static void
plain_word(char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~' || *s == '/')
			*s = '_';
}

static void
prefix(const struct keeper *k, char *out, size_t size)
{
	struct stat st = { 0 };

	(void)stat(k->want.state->dir, &st);
	(void)snprintf(out, size, "midwatch-console-%jx-%jx/",
	    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
}

void
others_begin(struct keeper *k)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char by[48], start[48];
	int n;

	prefix(k, start, sizeof start);
	(void)snprintf(by, sizeof by, "%.40s", who_am_i()->by);
	plain_word(by);
	n = snprintf(sa.sun_path + 1, sizeof sa.sun_path - 1,
	    "%s%ld/%" PRId64 "/%s", start, (long)getpid(),
	    clock_wall_ms() / 1000, by);
	k->presence = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (k->presence >= 0 && bind(k->presence, (struct sockaddr *)&sa,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)n)) != 0)
		io_close(&k->presence);
}

/* PID/SINCE/NAME */
static void
put_other(struct buf *b, const char *s)
{
	char *end;
	int64_t pid = strtoll(s, &end, 10), since;

	if (*end != '/' || pid == getpid())
		return;
	since = strtoll(end + 1, &end, 10);
	if (*end != '/')
		return;
	json_comma(b);
	json_open(b);
	json_put_int(b, "pid", pid);
	json_put_int(b, "since", since * 1000);
	json_key(b, "by");
	json_textn(b, end + 1, strcspn(end + 1, "\n"));
	json_close(b);
}

void
others_turn(struct keeper *k, int64_t now)
{
	char start[48], line[512];
	struct buf b = BUF_INIT;
	const char *at;
	FILE *f;

	if (now < k->others_at)
		return;
	k->others_at = now + OTHERS_EVERY_MS;
	prefix(k, start, sizeof start);
	json_open(&b);
	json_put_str(&b, "t", "consoles");
	json_key(&b, "v");
	json_open_list(&b);
	f = fopen("/proc/net/unix", "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if ((at = strstr(line, start)) != NULL)
			put_other(&b, at + strlen(start));
	if (f != NULL)
		(void)fclose(f);
	json_close_list(&b);
	json_close(&b);
	if (b.n != k->others.n || memcmp(b.p, k->others.p, b.n) != 0) {
		buf_clear(&k->others);
		buf_add(&k->others, b.p, b.n);
		speak_line(k, &b);
	}
	buf_release(&b);
}
