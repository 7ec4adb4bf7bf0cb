/*
 * `midwatch login-line`, for the profile of the shell: a line while an incident is
 * open, else nothing. A login never fails or waits because of us, whatever our disk
 * or our files do: no complaint, no status, and an alarm that ends it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "job/job.h"
#include "verb/verbs.h"

enum { WAIT_S = 1 };

static void
enough(int sig)
{
	(void)sig;
	_exit(EXIT_DONE);
}

static void
no_complaints(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)dup2(fd, STDERR_FILENO);
	io_close(&fd);
}

static void
put_running(const struct desk *d, struct buf *b)
{
	struct job_list l = { 0 };
	char took[32];

	if (job_list(&d->state, &l, &(struct err){ 0 }))
		for (size_t i = 0; i < l.v.n; i++) {
			const struct job_info *j = &l.v.v[i];

			if (j->state != JOB_RUNNING)
				continue;
			text_fmt_duration(took, clock_wall_ms() - j->started);
			buf_printf(b, "; RUNNING for %s: %s", took, j->title ?
			    j->title : "a job");
		}
	job_list_release(&l);
}

static void
say_line(const struct desk *d)
{
	const struct incident *inc = &d->inc;
	struct buf b = BUF_INIT;
	char took[32];

	text_fmt_duration(took, clock_wall_ms() - inc->opened);
	buf_printf(&b, "%s is open for %s, %s: %s", inc->id, took,
	    inc->severity ? inc->severity : "no severity",
	    inc->title ? inc->title : "");
	put_running(d, &b);
	cli_out("%s  -- 'midwatch' joins it", b.p);
	buf_release(&b);
}

int
verb_login_line(struct cli *c, int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct desk d = { 0 };

	(void)signal(SIGALRM, enough);
	(void)signal(SIGPIPE, enough);
	(void)alarm(WAIT_S);
	no_complaints();
	if (cli_parse(c, argc, argv, NULL, 0) && desk_open(&d, c, &e) &&
	    desk_incident(&d, NULL, &e) && d.inc.state == INC_OPEN)
		say_line(&d);
	desk_close(&d);
	return EXIT_DONE;
}
