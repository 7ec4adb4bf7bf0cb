/*
 * The site's own commands of a pre-check: here, or in a container of a compose
 * service. Each has its time; of what it prints one line is shown.
 */
#include <string.h>

#include "action/precheck_intern.h"
#include "base/clock.h"
#include "base/spawn.h"
#include "base/text.h"

enum { KEPT = 64 << 10, SAID_MAX = 200, COMPOSE_MS = 20000 };

/* The last line that says something: a command's verdict comes at its end. */
static void
last_line(const struct buf *b, char out[SAID_MAX])
{
	size_t end = b->n, at;
	struct buf clean = BUF_INIT;

	while (end > 0 && strchr(" \t\r\n", b->p[end - 1]) != NULL)
		end--;
	at = end;
	while (at > 0 && b->p[at - 1] != '\n')
		at--;
	text_clean(&clean, b->p + at, end - at, TEXT_LINE);
	text_clean_into(out, SAID_MAX, clean.p);
	buf_release(&clean);
}

/* ---- compose ------------------------------------------------------------- */

/* `docker compose`, or its elder brother. */
struct compose {
	const char *argv[2];
	size_t n;
	bool running;
};

static bool
quiet(const char *const *argv, const char *dir, struct buf *out, struct err *e)
{
	struct run r = { .argv = argv, .dir = dir, .limit = KEPT,
	    .deadline_ms = clock_mono_ms() + COMPOSE_MS };
	struct ran ran = { 0 };
	char said[SAID_MAX];
	bool ok = spawn_run(&r, &ran, e);

	if (ok && spawn_code(ran.status) != 0) {
		last_line(&ran.errout, said);
		ok = err_set(e, ERR_FAILED, "%s: %s", argv[0], said);
	}
	if (ok && out != NULL)
		buf_add(out, ran.out.p, ran.out.n);
	ran_release(&ran);
	return ok;
}

static bool
find_compose(const struct site_compose *at, struct compose *c, struct err *e)
{
	const char *plugin[] = { "docker", "compose", "version", NULL };
	char *old = spawn_which("docker-compose");
	struct err none = ERR_INIT;

	c->n = 2;
	c->argv[0] = "docker";
	c->argv[1] = "compose";
	if (!quiet(plugin, at->dir, NULL, &none)) {
		c->n = 1;
		c->argv[0] = "docker-compose";
		if (old == NULL) {
			err_set(e, ERR_FAILED, "there is no docker compose "
			    "here");
			err_hint(e, "Install Docker's compose plugin.");
		}
	}
	free(old);
	return e->kind == ERR_NONE;
}

/* A service that runs is entered; else one of its containers is made for it. */
static bool
look_at_service(const struct site_compose *at, struct compose *c,
    struct err *e)
{
	const char *ps[8] = { c->argv[0], c->argv[1] };
	const char *inspect[] = { "docker", "inspect", "--format",
	    "{{.State.Running}}", NULL, NULL };
	struct buf id = BUF_INIT, running = BUF_INIT;
	size_t n = c->n;
	bool ok;

	ps[n++] = "ps";
	ps[n++] = "-q";
	ps[n++] = at->service;
	ps[n] = NULL;
	ok = quiet(ps, at->dir, &id, e);
	if (ok && id.n > 0) {
		id.p[strcspn(id.p, "\n")] = '\0';
		inspect[4] = id.p;
		ok = quiet(inspect, at->dir, &running, e);
		c->running = ok && text_starts(running.p, "true");
	}
	buf_release(&id);
	buf_release(&running);
	return ok;
}

/* ---- one command --------------------------------------------------------- */

static void
run_one(struct asking *a, const char *command, const struct compose *c,
    enum truth *worst)
{
	const struct site_precheck *pre = &a->site->precheck;
	const char *argv[12] = { "/bin/sh", "-c", command, NULL };
	struct run r = { .argv = argv, .dir = a->site->doc.dir, .limit = KEPT,
	    .merge_err = true,
	    .deadline_ms = clock_mono_ms() + pre->timeout_ms };
	struct ran ran = { 0 };
	struct buf how = BUF_INIT;
	struct err e = ERR_INIT;
	char said[SAID_MAX], name[80];

	if (c != NULL) {
		size_t n = 0;

		for (size_t i = 0; i < c->n; i++)
			argv[n++] = c->argv[i];
		argv[n++] = c->running ? "exec" : "run";
		if (!c->running)
			argv[n++] = "--rm";
		argv[n++] = "-T";
		argv[n++] = pre->compose.service;
		argv[n++] = "/bin/sh";
		argv[n++] = "-c";
		argv[n++] = command;
		argv[n] = NULL;
		r.dir = pre->compose.dir;
	}
	text_clean_into(name, sizeof name, command);
	if (!spawn_run(&r, &ran, &e))
		precheck_found(a, worst, e.kind == ERR_TIMEOUT ? TRUTH_NO :
		    TRUTH_UNKNOWN, "'%s': %s", name, e.kind == ERR_TIMEOUT ?
		    "it did not end in time" : e.msg);
	else {
		last_line(&ran.out, said);
		spawn_describe(ran.status, &how);
		precheck_found(a, worst, spawn_code(ran.status) == 0 ?
		    TRUTH_YES : TRUTH_NO, "'%s': %s%s%s", name, how.p,
		    said[0] != '\0' ? ", " : "", said);
	}
	ran_release(&ran);
	buf_release(&how);
}

enum truth
precheck_commands(struct asking *a, bool *ret_none)
{
	const struct site_precheck *pre = &a->site->precheck;
	bool there = pre->compose.line != 0;
	struct compose c = { .n = 0 };
	struct err e = ERR_INIT;
	enum truth worst = TRUTH_YES;

	*ret_none = pre->commands.n == 0;
	if (*ret_none)
		return TRUTH_YES;
	if (there && (!find_compose(&pre->compose, &c, &e) ||
	    !look_at_service(&pre->compose, &c, &e))) {
		precheck_found(a, &worst, TRUTH_UNKNOWN, "compose service '%s': "
		    "%s", pre->compose.service, e.msg);
		if (e.hint[0] != '\0')
			precheck_next(a, "%s", e.hint);
		return worst;
	}
	for (size_t i = 0; i < pre->commands.n; i++)
		run_one(a, pre->commands.v[i], there ? &c : NULL, &worst);
	return worst;
}
