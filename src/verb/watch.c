/*
 * `midwatch watch`: the feed, one reading a line; and the process that serves it
 * to everybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "action/queue.h"
#include "action/tell.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "verb/secrets.h"
#include "verb/verbs.h"
#include "watch/watch.h"

enum { UNUSED_MS = 60000, START_MS = 10000,
       SEND_MS = 5000,
       SILENT_MS = 25000 };	/* what a feed says at least is more often */

/* ---- the serving side ------------------------------------------------------------ */

/* Thinned readings belong to the open incident; their space is reserved there.
 * Beyond it a full disk takes a part of them: no line is left half-written. */
static void
append_readings(const struct incident *inc, const char *lines, size_t n)
{
	char *path = file_join(inc->dir, "readings.jsonl"), last = '\n';
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0660);
	off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;

	/* of a keeper that was killed */
	if (end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n' &&
	    io_write_all(fd, "\n", 1))
		end++;
	if (end >= 0 && !io_write_all(fd, lines, n))
		(void)!ftruncate(fd, end);
	io_close(&fd);
	free(path);
}

/* In a child of the feed: the record's part. Whatever fails here is tried again
 * in ten seconds; nobody is there to be told. */
static void
keep(void *ctx, const char *lines, size_t n)
{
	struct desk *d = ctx;
	struct err e = ERR_INIT;
	char id[STATE_ID_MAX] = "";
	bool open = incident_current(&d->state, false, id, &e) &&
	    id[0] != '\0' && desk_incident(d, id, &e);

	if (open)
		append_readings(&d->inc, lines, n);
	/* what could not be sent; one that hangs holds this child up, not the
	 * picture */
	if (queue_count(&d->state, NULL) > 0)
		tell_queued(&d->site, &d->state, clock_mono_ms() + SEND_MS);
	if (open && incident_poll(&d->inc, &e) &&
	    d->inc.runbook != NULL && desk_runbook(d, &e))
		(void)engine_watch_proofs(&d->en, &e);
}

static int
serve(struct desk *d, struct err *e)
{
	struct watch_keeper keeper = { keep, d };

	if (watch_serve(&d->site, &d->state, UNUSED_MS, &keeper, e))
		return EXIT_DONE;
	return e->kind == ERR_BUSY ? EXIT_DONE : cli_fail(d->cli, e);
}

/* ---- the listening side ----------------------------------------------------------- */

/* A feed that hangs holds its name: nobody else can serve until it is ended. False:
 * it is somebody else's to end. */
static bool
end_silent(int fd)
{
	struct ucred who = { 0 };
	socklen_t n = sizeof who;

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
	if (who.pid > 1 && kill(who.pid, SIGKILL) == 0) {
		cli_note("the feed (pid %ld) has said nothing for %d s; it is "
		    "ended, and another one begins", (long)who.pid,
		    SILENT_MS / 1000);
		return true;
	}
	cli_note("the feed (pid %ld) has said nothing for %d s; 'kill -9 %ld' "
	    "lets another one begin", (long)who.pid, SILENT_MS / 1000,
	    (long)who.pid);
	return false;
}

/* Until the feed ends (true: listen again) or our reader does. */
static bool
pass_on(int fd)
{
	bool said = false;
	struct buf in = BUF_INIT;
	bool again = true;

	for (;;) {
		ssize_t got;
		size_t whole = 0;

		int ready = io_wait_readable(fd, clock_mono_ms() + SILENT_MS);

		if (ready < 0)
			break;
		if (ready == 0 && !said && end_silent(fd))
			break;
		said = ready == 0;
		if (ready == 0)
			continue;
		got = io_read_some(fd, &in, 64 << 10);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			break;
		for (size_t i = in.n; i > 0 && whole == 0; i--)
			if (in.p[i - 1] == '\n')
				whole = i;
		if (whole > 0 && !io_write_all(STDOUT_FILENO, in.p, whole)) {
			again = false;
			break;
		}
		buf_drop(&in, whole);
	}
	buf_release(&in);
	return again;
}

static int
listen_on(struct desk *d, struct err *e)
{
	const char *const argv[] = { "/proc/self/exe", "watch", "--serve",
	    "--config", d->site.path, "--state", d->state.dir, NULL };
	int64_t began = 0;
	bool listened = false, said = false, again = true;

	while (again) {
		int fd;

		/* a feed that cannot live is not started again and again */
		if (began != 0 && clock_mono_ms() < began + 1000)
			clock_sleep_ms(1000);
		began = clock_mono_ms();
		fd = watch_connect(&d->state, argv, began + START_MS, e);
		if (fd < 0 && !listened)
			return cli_fail(d->cli, e);
		if (fd >= 0) {
			listened = true;
			said = false;
			again = pass_on(fd);
		} else if (!said) {
			cli_note("%s; it is tried again", e->msg);
			said = true;
		}
		err_clear(e);
		io_close(&fd);
	}
	return EXIT_DONE;
}

int
verb_watch(struct cli *c, int argc, char **argv)
{
	bool serving = false;
	const char *secrets = NULL;
	const struct opt opts[] = {
		{ "--serve", &serving, NULL, NULL },
		{ "--secrets-fd", NULL, &secrets, NULL },
	};
	struct err e = ERR_INIT;
	struct desk d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 2) ||
	    !cli_words(c, 0, 0, "midwatch watch"))
		return EXIT_USAGE;
	if (!secrets_take(secrets, &e))
		return cli_fail(c, &e);
	if (!desk_open(&d, c, &e))
		status = cli_fail(c, &e);
	else if (!d.have_site)
		status = cli_usage("there is no site file to watch by; "
		    "'midwatch init' writes one");
	else if (serving)
		status = serve(&d, &e);
	else {
		/* a feed that runs has been told, or not */
		if (!watch_serves(&d.state))
			(void)secrets_ask(c, &d.site, 0);
		status = listen_on(&d, &e);
	}
	desk_close(&d);
	return status;
}
