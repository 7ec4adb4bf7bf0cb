/*
 * Verbs of the command line that run for the console. They outlive us where they
 * wait for a job: what they would say nobody hears then, and the job tells its own
 * story.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "keeper/keeper_intern.h"

enum { SAID_MAX = 256 << 10, ERRANDS_MAX = 32, WORDS_MAX = 4096 };

static void
answer(struct keeper *k, int64_t id, int status, const struct errand *er,
    const struct err *e)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "t", "ended");
	json_put_int(&b, "id", id);
	json_put_int(&b, "exit", status);
	for (int i = 0; er != NULL && i < 2; i++) {
		buf_clear(&clean);
		text_utf8(&clean, er->said[i].n ? er->said[i].p : "",
		    er->said[i].n);
		json_key(&b, i == 0 ? "out" : "err");
		json_textn(&b, clean.p, clean.n);
	}
	if (er != NULL && er->cut)
		json_put_bool(&b, "cut", true);
	if (e != NULL)
		speak_error(&b, e);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
	buf_release(&clean);
}

/* Our options first, then the words as they came. */
static const char **
argv_of(const struct keeper *k, const json_t *words)
{
	size_t n = json_array_size(words), at = 0;
	const char **argv = xcalloc(n + 6, sizeof *argv);

	argv[at++] = "/proc/self/exe";
	if (k->want.site != NULL) {
		argv[at++] = "--config";
		argv[at++] = k->want.site->path;
	}
	argv[at++] = "--state";
	argv[at++] = k->want.state->dir;
	for (size_t i = 0; i < n; i++) {
		const char *word = json_string_value(json_array_get(words, i));

		if (word == NULL) {
			free(argv);
			return NULL;
		}
		argv[at++] = word;
	}
	return argv;
}

static bool
start(struct keeper *k, int64_t id, const char *const *argv, struct err *e)
{
	int out[2] = { -1, -1 }, complaints[2] = { -1, -1 };
	struct spawn sp = SPAWN_INIT;
	struct errand *er;
	pid_t pid = -1;

	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(complaints, O_CLOEXEC) != 0)
		err_sys(e, "no pipe");
	else {
		sp.argv = argv;
		sp.out = out[1];
		sp.errfd = complaints[1];
		sp.session = true;
		pid = spawn_start(&sp, e);
	}
	io_close(&out[1]);
	io_close(&complaints[1]);
	if (pid < 0) {
		io_close(&out[0]);
		io_close(&complaints[0]);
		return false;
	}
	er = VEC_NEW(&k->errands);
	er->id = id;
	er->pid = pid;
	er->fd[0] = out[0];
	er->fd[1] = complaints[0];
	return true;
}

void
errand_start(struct keeper *k, const json_t *ask)
{
	const json_t *words = json_object_get(ask, "argv");
	int64_t id = json_get_int(ask, "id", 0);
	struct err e = ERR_INIT;
	const char **argv = NULL;

	if (k->want.read_only)
		err_set(&e, ERR_GUARD, "this console only looks");
	else if (k->errands.n >= ERRANDS_MAX)
		err_set(&e, ERR_BUSY, "%d verbs are at work already",
		    ERRANDS_MAX);
	else if (json_array_size(words) == 0 ||
	    json_array_size(words) > WORDS_MAX ||
	    (argv = argv_of(k, words)) == NULL)
		err_set(&e, ERR_USAGE, "not a verb");
	else
		(void)start(k, id, argv, &e);
	if (e.kind != ERR_NONE)
		answer(k, id, e.kind == ERR_USAGE ? 2 : 3, NULL, &e);
	free(argv);
}

static void
drop(struct keeper *k, size_t i)
{
	struct errand *er = &k->errands.v[i];

	io_close(&er->fd[0]);
	io_close(&er->fd[1]);
	buf_release(&er->said[0]);
	buf_release(&er->said[1]);
	k->errands.v[i] = k->errands.v[--k->errands.n];
}

/* A hang-up ends a verb that waits, and not the job that it waits for. */
void
errand_kill(struct keeper *k, const json_t *ask)
{
	int64_t id = json_get_int(ask, "id", 0);

	for (size_t i = 0; i < k->errands.n; i++)
		if (k->errands.v[i].id == id)
			(void)kill(k->errands.v[i].pid, SIGHUP);
}

void
errand_read(struct keeper *k, size_t i, int which)
{
	struct errand *er = &k->errands.v[i];
	ssize_t n = io_read_some(er->fd[which], &er->said[which], 16 << 10);

	if (er->said[which].n > SAID_MAX) {
		buf_cut(&er->said[which], SAID_MAX);
		er->cut = true;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		io_close(&er->fd[which]);
}

void
errand_turn(struct keeper *k)
{
	for (size_t i = k->errands.n; i-- > 0;) {
		struct errand *er = &k->errands.v[i];
		int status;

		if (waitpid(er->pid, &status, WNOHANG) != er->pid)
			continue;
		/* a grandchild may hold the pipe for hours: what is there now
		 * is what the verb itself said */
		for (int which = 0; which < 2; which++)
			while (er->fd[which] >= 0 &&
			    io_wait_readable(er->fd[which], 0) == 1)
				errand_read(k, i, which);
		/* what it has changed is told before that it is done */
		keeper_look(k);
		answer(k, er->id, spawn_code(status), er, NULL);
		drop(k, i);
		k->mind.wanted = true;
	}
}

void
errands_leave(struct keeper *k)
{
	while (k->errands.n > 0) {
		(void)kill(k->errands.v[0].pid, SIGHUP);
		drop(k, 0);
	}
	VEC_RELEASE(&k->errands);
}
