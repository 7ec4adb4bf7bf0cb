#include "backup/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"

enum {
	STALL_MS = 600000,	/* nothing moves for so long: it hangs */
	TURN_MS = 200,
	PIECE = 256 << 10,
	PIPE_SIZE = 1 << 20,
	SAID_MAX = 64 << 10,	/* of standard error */
	ARGS_MAX = 64,
};

/* argv behind env, which gives it a world of our own. */
static bool
words(const char *const *argv, const char **out, char *path, size_t size)
{
	const char *p = getenv("PATH");
	size_t n = 0;

	(void)snprintf(path, size, "PATH=%s", p != NULL ? p :
	    "/usr/local/bin:/usr/bin:/bin");
	out[n++] = "env";
	out[n++] = "-i";
	out[n++] = "LC_ALL=C";
	out[n++] = "TZ=UTC";
	out[n++] = path;
	for (; *argv != NULL; argv++) {
		if (n >= ARGS_MAX - 1)
			return false;
		out[n++] = *argv;
	}
	out[n] = NULL;
	return true;
}

bool
reader_start(struct reader *r, const char *const *argv, bool input,
    struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, er[2] = { -1, -1 };
	const char *args[ARGS_MAX];
	char path[4096];

	r->name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 :
	    argv[0];
	if (!words(argv, args, path, sizeof path))
		return err_set(e, ERR_FAILED, "too many words for '%s'",
		    r->name);
	if ((input && pipe2(in, O_CLOEXEC) != 0) ||
	    pipe2(out, O_CLOEXEC) != 0 || pipe2(er, O_CLOEXEC) != 0)
		err_sys(e, "cannot make a pipe");
	else {
		struct spawn s = { .argv = args, .in = in[0], .out = out[1],
		    .errfd = er[1], .keep = { r->keep }, .group = true,
		    .die_with_us = true };

		r->pid = spawn_start(&s, e);
	}
	io_close(&in[0]);
	io_close(&out[1]);
	io_close(&er[1]);
	r->in = in[1];
	r->from = out[0];
	r->errfd = er[0];
	if (r->pid < 0)
		return false;
	for (int i = 0; i < 3; i++) {
		int fd = i == 0 ? r->in : i == 1 ? r->from : r->errfd;

		if (fd < 0)
			continue;
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		if (i < 2)	/* fewer turns; a refusal costs only time */
			(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
	}
	return true;
}

static void
take_out(struct reader *r)
{
	ssize_t n;

	/* kept: memory of this size goes back to the system each time */
	buf_clear(&r->piece);
	n = io_read_some(r->from, &r->piece, PIECE);
	if (n > 0 && r->out != NULL)
		r->out(r->ctx, r->piece.p, r->piece.n);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		io_close(&r->from);
}

static void
take_err(struct reader *r)
{
	ssize_t n = io_read_some(r->errfd, &r->said, 4096);

	if (r->said.n > SAID_MAX)	/* the first lines say most */
		buf_cut(&r->said, SAID_MAX);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		io_close(&r->errfd);
}

/* Writes what fits; false: it takes no more. */
static bool
put_in(struct reader *r, const char **p, size_t *n)
{
	ssize_t w = write(r->in, *p, *n);

	if (w > 0) {
		*p += w;
		*n -= (size_t)w;
	}
	return w >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Waits until something moves: 1, or 0 with e. */
static bool
turn(struct reader *r, const char **p, size_t *n, int64_t *moved,
    struct err *e)
{
	struct pollfd f[3] = {
		{ .fd = r->from, .events = POLLIN },
		{ .fd = r->errfd, .events = POLLIN },
		{ .fd = *n > 0 ? r->in : -1, .events = POLLOUT },
	};
	int got;

	if (r->cancelled != NULL && r->cancelled(r->cancel_ctx))
		return err_set(e, ERR_CANCELLED, "cancelled");
	got = poll(f, 3, TURN_MS);
	if (got < 0 && errno != EINTR)
		return err_sys(e, "cannot wait for '%s'", r->name);
	if (got > 0)
		*moved = clock_mono_ms();
	else if (clock_mono_ms() - *moved > STALL_MS)
		return err_set(e, ERR_TIMEOUT, "'%s' has done nothing for "
		    "%d minutes", r->name, STALL_MS / 60000);
	if (f[0].revents != 0)
		take_out(r);
	if (f[1].revents != 0)
		take_err(r);
	if (f[2].revents != 0 && !put_in(r, p, n)) {
		r->refused = true;
		io_close(&r->in);
		*n = 0;
	}
	return true;
}

bool
reader_feed(struct reader *r, const void *bytes, size_t n, struct err *e)
{
	const char *p = bytes;
	int64_t moved = clock_mono_ms();

	/* most of the time it just fits */
	if (r->in >= 0 && n > 0 && !put_in(r, &p, &n)) {
		r->refused = true;
		io_close(&r->in);
	}
	while (n > 0 && r->in >= 0)
		if (!turn(r, &p, &n, &moved, e))
			return false;
	return true;
}

bool
reader_end(struct reader *r, struct err *e)
{
	int64_t moved = clock_mono_ms();
	const char *none = NULL;
	size_t n = 0;
	int status;
	pid_t got;

	io_close(&r->in);
	while (r->from >= 0 || r->errfd >= 0)
		if (!turn(r, &none, &n, &moved, e))
			return false;
	moved = clock_mono_ms();
	for (int64_t nap = 1; (got = waitpid(r->pid, &status, WNOHANG)) !=
	    r->pid; nap = nap < 50 ? nap * 2 : nap) {
		if (got < 0 && errno != EINTR)
			return err_sys(e, "'%s' is gone without an end",
			    r->name);
		if (r->cancelled != NULL && r->cancelled(r->cancel_ctx))
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (clock_mono_ms() - moved > STALL_MS)
			return err_set(e, ERR_TIMEOUT, "'%s' does not end",
			    r->name);
		clock_sleep_ms(nap);
	}
	r->pid = -1;
	r->exit = spawn_code(status);
	return true;
}

/* pg_restore: error: ... is worth more than what comes before and behind it. */
void
reader_why(const struct reader *r, struct buf *out)
{
	const char *s = r->said.n > 0 ? r->said.p : "", *from;
	size_t n;

	from = strstr(s, "error: ");
	if (from != NULL)
		from += strlen("error: ");
	else
		from = s;
	n = strcspn(from, "\n");
	if (n > 300)
		n = text_fit(from, n, 300);
	if (n > 0) {
		buf_printf(out, "%s: ", r->name);
		text_clean(out, from, n, TEXT_LINE);
	} else if (r->exit > 128)
		buf_printf(out, "%s was killed by signal %d", r->name,
		    r->exit - 128);
	else
		buf_printf(out, "%s ended with exit %d", r->name, r->exit);
}

void
reader_release(struct reader *r)
{
	io_close(&r->in);
	io_close(&r->from);
	io_close(&r->errfd);
	if (r->pid > 1) {
		(void)kill(-r->pid, SIGTERM);
		for (int i = 0; i < 100 && waitpid(r->pid, NULL, WNOHANG) == 0;
		    i++) {
			if (i == 50)
				(void)kill(-r->pid, SIGKILL);
			clock_sleep_ms(20);
		}
		r->pid = -1;
	}
	buf_release(&r->said);
	buf_release(&r->piece);
}

bool
reader_run(struct reader *r, const char *const *argv, struct err *e)
{
	return reader_start(r, argv, false, e) && reader_end(r, e);
}
