/*
 * What a probe sees through: its place, opened once and kept.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/secret.h"
#include "reading/probe.h"

enum { DOWN_MS = 3000 };

void
eye_init(struct eye *eye, const struct site *site, const struct state *state)
{
	*eye = (struct eye){ .site = site, .state = state,
	    .now = clock_wall_ms(), .deadline = clock_mono_ms() + 5000 };
}

static void
look_away(struct eye *eye)
{
	place_close(eye->place);
	free(eye->spec);
	eye->place = NULL;
	eye->place_at = NULL;
	eye->spec = NULL;
}

void
eye_release(struct eye *eye)
{
	look_away(eye);
}

struct place *
eye_place(struct eye *eye, const struct target *t, struct err *e)
{
	struct place_care care = { .secret = secret_find,
	    .cancelled = eye->given_up, .deadline_ms = eye->deadline };
	struct err why = ERR_INIT;

	if (eye->place != NULL && eye->place_at == t->at)
		return eye->place;
	/* what is down is asked once a round, not once a target */
	if (eye->failed_at != 0 && eye->place_at == t->at &&
	    clock_mono_ms() < eye->failed_at + DOWN_MS) {
		if (e != NULL)
			*e = eye->failed;
		return NULL;
	}
	look_away(eye);
	eye->spec = xcalloc(1, sizeof *eye->spec);
	eye->place = place_open(site_spec(eye->spec, eye->site, t->at), &care,
	    &why);
	eye->place_at = t->at;
	eye->failed_at = 0;
	if (eye->place == NULL) {
		eye->failed = why;
		eye->failed_at = clock_mono_ms();
		if (e != NULL)
			*e = why;
	}
	return eye->place;
}

bool
eye_run(struct eye *eye, const struct target *t, const char *const *argv,
    struct place_ran *ret, struct err *e)
{
	struct place *p = eye_place(eye, t, e);

	return p != NULL && place_run(p, &(struct place_run){ .argv = argv,
	    .limit = 256 << 10, .deadline_ms = eye->deadline }, ret, e);
}

bool
eye_command(struct eye *eye, const struct target *t,
    const struct conf_cmd *cmd, struct place_ran *ret, struct err *e)
{
	const char *shell[] = { "/bin/sh", "-c", cmd->v[0], NULL };
	/* here, commands run in the site file's folder */
	const char *in_dir[] = { "/bin/sh", "-c",
	    "cd -- \"$1\" && shift && exec \"$@\"", "sh", eye->site->doc.dir,
	    "/bin/sh", "-c", cmd->v[0], NULL };
	const char *const *argv = cmd->shell ? shell :
	    (const char *const *)cmd->v;
	const char **moved = NULL;
	bool ok;

	if (t->at != NULL)
		return eye_run(eye, t, argv, ret, e);
	if (cmd->shell)
		return eye_run(eye, t, in_dir, ret, e);
	moved = xcalloc(cmd->n + 6, sizeof *moved);
	for (size_t i = 0; i < 5; i++)
		moved[i] = in_dir[i];
	for (size_t i = 0; i < cmd->n; i++)
		moved[5 + i] = cmd->v[i];
	ok = eye_run(eye, t, moved, ret, e);
	free(moved);
	return ok;
}
