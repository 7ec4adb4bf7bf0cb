#include "ui/console.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ui/clip.h"
#include "ui/wire.h"
#include "ui/shell.h"

enum {
	FRAME_MS = 100,		/* between frames that nobody's key asked for */
	EARLY_MS = 2, EARLY_FRAMES = 4,	/* what is known comes in pieces */
	TICK_MS = 2000, TICK_LOW_MS = 5000,
	RESIZE_MS = 50,		/* a burst of sizes is one */
	LINK_MS = 5000, SLOW_RTT_MS = 400, STUCK_MS = 1000,
	ESC_MS = 50, ESC_SSH_MS = 150,
};

static const char MONO[] = "mono";	/* the theme without any colour */

struct console {
	const struct console_options *o;
	struct loop loop;
	struct term *term;
	struct input in;
	struct canvas canvas;
	struct theme theme;
	struct keys keys;
	struct model *model;
	struct shell shell;
	struct wire wire;
	bool paint, key;	/* something changed; a key did it */
	bool mouse, low_by_itself;
	int64_t framed, stuck_since;
	pid_t copying;		/* tmux, to be waited for */
	int frames;		/* that nobody's key asked for */
	uint64_t wake, resize;	/* timers */
	int status;		/* -1: goes on */
};

static void
leave(struct console *c, int status)
{
	if (c->status < 0)
		c->status = status;
}

static void
vanished(struct console *c)
{
	leave(c, 128 + SIGHUP);
	loop_forget(&c->loop, term_fd(c->term));
}

/* ---- what the shell wants ------------------------------------------------ */

/* Stopped like any program of the shell's; the work is in other processes. */
static void
suspend(struct console *c)
{
	struct sigaction plain = { .sa_handler = SIG_DFL }, ours;
	int w, h;

	term_leave(c->term);
	(void)sigaction(SIGTSTP, &plain, &ours);
	(void)kill(0, SIGTSTP);
	(void)sigaction(SIGTSTP, &ours, NULL);
	term_resume(c->term);
	term_size(c->term, &w, &h);
	term_resize(c->term, w, h);
	canvas_resize(&c->canvas, w, h);
	c->paint = true;
}

/* No terminal says whether it took it, and nothing is said as if one had. */
static void
copy(struct console *c, int64_t now)
{
	const char *text = c->shell.copy, *to = NULL;
	size_t n = strlen(text);
	char *path = clip_path();
	pid_t pid = clip_tmux(text, n);
	bool file = path != NULL && clip_write(path, text, n);

	if (pid > 0)
		to = "sent to tmux's buffer";
	else if (term_clip(c->term, text, n))
		to = "sent to the terminal's clipboard";
	if (pid > 0)
		c->copying = pid;
	if (to != NULL && file)
		shell_say(&c->shell, false, now, "%s (unconfirmed); also in %s",
		    to, path);
	else if (to != NULL)
		shell_say(&c->shell, false, now, "%s (unconfirmed)", to);
	else if (file)
		shell_say(&c->shell, false, now, "in %s; this terminal has no "
		    "clipboard for it", path);
	else
		shell_say(&c->shell, true, now, "there is nowhere to copy it to");
	free(path);
	c->paint = true;
}

static void
obey(struct console *c, unsigned want, int64_t now)
{
	if (want & SHELL_PAINT)
		c->paint = c->key = true;
	if (want & SHELL_FORGET) {
		term_forget(c->term);
		input_forget(&c->in);
	}
	if (want & SHELL_REDRAW)
		term_redraw(c->term);
	if (want & SHELL_BELL) {
		c->key = true;		/* what rings is shown at once */
		term_bell(c->term, now);
	}
	if (want & SHELL_MOUSE) {
		c->mouse = !c->mouse;
		term_mouse(c->term, c->mouse);
		shell_say(&c->shell, false, now, c->mouse ? "mouse on" :
		    "mouse off");
		c->paint = true;
	}
	if (want & SHELL_COPY)
		copy(c, now);
	if (want & SHELL_QUIT)
		leave(c, 0);
	if (want & SHELL_SUSPEND)
		suspend(c);
}

/* ---- what comes in ------------------------------------------------------- */

static void
events(struct console *c, int64_t now)
{
	struct event_in ev;

	while (c->status < 0 && input_next(&c->in, now, &ev)) {
		unsigned want = 0;

		switch (ev.type) {
		case EV_KEY:
			want = shell_key(&c->shell, ev.key, now);
			break;
		case EV_PASTE:
			want = shell_paste(&c->shell, ev.text, ev.n, ev.cut,
			    now);
			break;
		case EV_MOUSE:
			if (ev.on)
				want = shell_click(&c->shell, ev.x, ev.y,
				    ev.button, now);
			break;
		case EV_FOCUS:
			break;
		}
		obey(c, want, now);
	}
}

static void
terminal(void *ctx, int fd, short got)
{
	struct console *c = ctx;
	int64_t now = clock_mono_ms();

	(void)fd;
	if ((got & POLLIN) && !term_read(c->term, &c->in, now))
		vanished(c);
	else if (got & (POLLHUP | POLLERR | POLLNVAL))
		vanished(c);
	if ((got & POLLOUT) && c->status < 0 && !term_flush(c->term))
		vanished(c);
	if (c->status < 0)
		events(c, now);
}

static void
resized(void *ctx, int64_t now)
{
	struct console *c = ctx;
	int w, h;

	(void)now;
	c->resize = 0;
	term_size(c->term, &w, &h);
	term_resize(c->term, w, h);
	canvas_resize(&c->canvas, w, h);
	c->paint = c->key = true;
}

static void
caught(void *ctx, int sig)
{
	struct console *c = ctx;

	switch (sig) {
	case SIGWINCH:
		if (c->resize == 0)
			c->resize = loop_timer(&c->loop, clock_mono_ms() +
			    RESIZE_MS, resized, c);
		break;
	case SIGTSTP:
		suspend(c);
		break;
	case SIGCONT:
		term_resume(c->term);
		c->paint = true;
		break;
	case SIGCHLD:
		break;
	default:
		leave(c, 128 + sig);
	}
}

/* ---- clocks -------------------------------------------------------------- */

static void
tick(void *ctx, int64_t now)
{
	struct console *c = ctx;

	if (c->copying > 0 && waitpid(c->copying, NULL, WNOHANG) != 0)
		c->copying = 0;
	c->model->now = clock_wall_ms();
	model_changed(c->model, MODEL_CLOCK);
	(void)loop_timer(&c->loop, now + (c->shell.low ? TICK_LOW_MS : TICK_MS),
	    tick, c);
}

static void
look_at_link(void *ctx, int64_t now)
{
	struct console *c = ctx;

	wire_look(&c->wire);
	c->shell.rtt_ms = c->wire.rtt_ms;
	(void)loop_timer(&c->loop, now + LINK_MS, look_at_link, c);
}

/* Low by itself: the link is slow, or a frame does not leave. */
static void
judge_link(struct console *c, int64_t now)
{
	bool stuck = !term_ready(c->term);

	if (!stuck)
		c->stuck_since = 0;
	else if (c->stuck_since == 0)
		c->stuck_since = now;
	else if (now - c->stuck_since > STUCK_MS)
		c->low_by_itself = true;
	c->shell.low = c->o->low || c->low_by_itself ||
	    c->shell.rtt_ms > SLOW_RTT_MS;
}

static void
woken(void *ctx, int64_t now)
{
	struct console *c = ctx;

	c->wake = 0;
	events(c, now);
	if (shell_deadline(&c->shell, now) >= 0)
		c->paint = true;
}

static void
earliest(int64_t *at, int64_t one)
{
	if (one >= 0 && (*at < 0 || one < *at))
		*at = one;
}

/* Between frames that no key asked for. The first ones follow each other at once, so
 * that a console shows what its children know as soon as they say it. */
static int64_t
frame_every(const struct console *c)
{
	int64_t link = c->shell.rtt_ms > FRAME_MS ? c->shell.rtt_ms : FRAME_MS;

	if (link == FRAME_MS && c->frames < EARLY_FRAMES)
		return EARLY_MS;
	return c->shell.every_ms > link ? c->shell.every_ms : link;
}

/* One timer for everything that has to happen although nothing comes in. */
static void
set_wake(struct console *c, int64_t now)
{
	int64_t at = -1;

	earliest(&at, input_deadline(&c->in));
	earliest(&at, shell_deadline(&c->shell, now));
	if (c->paint && term_ready(c->term))
		earliest(&at, c->framed + frame_every(c));
	if (c->wake != 0)
		loop_cancel(&c->loop, c->wake);
	c->wake = at < 0 ? 0 : loop_timer(&c->loop, at, woken, c);
}

/* ---- frames -------------------------------------------------------------- */

static void
frame(struct console *c, int64_t now)
{
	char title[160];

	judge_link(c, now);
	if (!c->paint || !term_ready(c->term) ||
	    (!c->key && now < c->framed + frame_every(c)))
		return;
	c->frames += !c->key && c->frames < EARLY_FRAMES;
	shell_paint(&c->shell, &c->canvas, now);
	shell_title(&c->shell, title);
	term_paint(c->term, &c->canvas);
	term_title(c->term, title);
	c->paint = c->key = false;
	c->framed = now;
}

static void
turn(struct console *c)
{
	unsigned want = 0;
	int64_t now;

	set_wake(c, clock_mono_ms());
	loop_turn(&c->loop, -1);
	now = clock_mono_ms();
	if (c->model->changed != 0)
		want = shell_changed(&c->shell, now);
	c->paint = c->paint || (want & SHELL_PAINT) != 0;
	if (want & SHELL_BELL)
		term_bell(c->term, now);
	if (c->status >= 0)
		return;
	frame(c, now);
	if (!term_flush(c->term))
		vanished(c);
	if (c->status < 0)
		loop_want(&c->loop, term_fd(c->term), term_events(c->term));
}

/* ---- begin and end ------------------------------------------------------- */

static void
looks(struct console *c)
{
	const char *name = c->o->theme;
	struct notes *problems = &c->shell.problems;

	if (name == NULL || *name == '\0')
		name = getenv("MIDWATCH_THEME");
	theme_init(&c->theme);
	if (name != NULL && *name != '\0')
		(void)theme_load(&c->theme, name, c->o->site, problems);
	if (strcmp(c->theme.name, MONO) != 0 &&
	    c->model->head.env == ENV_PRODUCTION) {
		struct notes none = { { 0 } };

		(void)theme_load(&c->theme, "production", c->o->site, &none);
		notes_release(&none);
	}
}

static bool
begin(struct console *c, struct err *e)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT,
		SIGWINCH, SIGTSTP, SIGCONT };
	const struct console_options *o = c->o;
	struct term_options term = o->term;
	int w, h;

	keys_init(&c->keys);
	shell_init(&c->shell, c->model, &c->keys);
	if (o->keys != NULL)
		(void)keys_load(&c->keys, o->keys, &c->shell.problems);
	looks(c);
	for (size_t i = 0; i < o->n_panes; i++)
		shell_pane(&c->shell, o->panes[i]);
	c->in.esc_ms = getenv("SSH_CONNECTION") != NULL ? ESC_SSH_MS : ESC_MS;
	c->mouse = term.mouse;
	/* not even the frame of production, which is laid over every theme */
	term.no_color = term.no_color || strcmp(c->theme.name, MONO) == 0;
	c->term = term_open(&term, &c->theme, &c->shell.problems, e);
	if (c->term == NULL)
		return false;
	if (!loop_signals(&c->loop, signals, sizeof signals / sizeof *signals,
		caught, c))
		return err_sys(e, "signals");
	term_size(c->term, &w, &h);
	canvas_resize(&c->canvas, w, h);
	c->canvas.ascii = term_ascii(c->term);
	loop_fd(&c->loop, term_fd(c->term), term_events(c->term), terminal, c);
	c->model->now = clock_wall_ms();
	(void)loop_timer(&c->loop, clock_mono_ms() + TICK_MS, tick, c);
	if (wire_open(&c->wire))
		look_at_link(c, clock_mono_ms());
	c->model->head.read_only = o->read_only;
	c->shell.attached = true;
	if (c->shell.problems.v.n > 0)
		shell_say(&c->shell, true, clock_mono_ms(), "%s (%zu; ! shows "
		    "all)", c->shell.problems.v.v[0], c->shell.problems.v.n);
	c->paint = c->key = true;
	(void)term_flush(c->term);
	frame(c, clock_mono_ms());	/* before anybody can be waited for */
	(void)term_flush(c->term);
	if (o->source.start != NULL)
		return o->source.start(o->source.ctx, &c->loop, c->model, e);
	return true;
}

int
console_run(const struct console_options *o, struct err *e)
{
	struct console *c = xcalloc(1, sizeof *c);
	int status = 2;

	*c = (struct console){ .o = o, .loop = LOOP_INIT, .in = INPUT_INIT,
		.wire = WIRE_INIT, .model = o->model, .status = -1 };
	if (begin(c, e)) {
		while (c->status < 0)
			turn(c);
		status = c->status;
		if (status > 128)
			shell_rescue(&c->shell);
	}
	term_close(c->term);
	if (o->source.stop != NULL)
		o->source.stop(o->source.ctx);
	wire_close(&c->wire);
	input_release(&c->in);
	canvas_release(&c->canvas);
	loop_release(&c->loop);
	shell_release(&c->shell);
	free(c);
	return status;
}
