/*
 * terminal: what `midwatch doctor --terminal` tells: what this terminal says it
 * is, and what the console would make of it. The terminal itself is not asked:
 * an answer that comes late, over a slow line, would be typed into the shell.
 */
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/text.h"
#include "doctor/doctor.h"
#include "ui/keys.h"
#include "ui/shell.h"
#include "ui/term.h"
#include "ui/wire.h"
#include "verb/verbs.h"

enum { TMUX_MS = 2000, SLOW_ESC_MS = 100, FAR_MS = 400 };

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v != NULL ? v : "";
}

/* Foreign text, within a finding. */
static const char *
shown(const char *s, char out[64])
{
	text_clean_into(out, 64, s);
	return out;
}

/* ---- TERM ---------------------------------------------------------------- */

static char *
description_in(const char *dir, const char *name)
{
	char below[8];
	char *folder, *path;

	if (*dir == '\0')
		return NULL;
	(void)snprintf(below, sizeof below, "%c", name[0]);
	folder = file_join(dir, below);
	path = file_join(folder, name);
	free(folder);
	if (file_exists(path))
		return path;
	free(path);
	return NULL;
}

/* In the order in which curses looks; NULL: it knows another place. */
static char *
description_of(const char *name)
{
	static const char *const dirs[] = { "/etc/terminfo", "/lib/terminfo",
		"/usr/share/terminfo", "/usr/lib/terminfo" };
	char *home = file_join(env("HOME"), ".terminfo");
	char *path = description_in(env("TERMINFO"), name);

	if (path == NULL)
		path = description_in(home, name);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs && path == NULL; i++)
		path = description_in(dirs[i], name);
	free(home);
	return path;
}

static void
tell_name(struct doctor *d, struct term_facts *f)
{
	const char *name = env("TERM");
	char *path;

	if (*name == '\0' || strcmp(name, "dumb") == 0) {
		doctor_found(d, DOCTOR_WARNING, "TERM", *name == '\0' ?
		    "not set" : "'dumb': nothing can be painted on it");
		doctor_todo(d, "TERM=xterm-256color fits nearly every "
		    "terminal; without one the console is a dialogue of "
		    "lines.");
		*f = (struct term_facts){ .colours = 0 };
		return;
	}
	term_look_up(name, f);
	if (f->used[0] == '\0') {
		doctor_found(d, DOCTOR_ERROR, "TERM", "'%s' is not known here, "
		    "nor is any that is near (looked for: %s)", f->asked,
		    f->tried);
		doctor_todo(d, "Install the package ncurses-base, or use "
		    "--plain.");
	} else if (strcmp(f->asked, f->used) != 0) {
		doctor_found(d, DOCTOR_WARNING, "TERM", "'%s' is not known "
		    "here, taken for '%s' (looked for: %s)", f->asked, f->used,
		    f->tried);
		doctor_todo(d, "The package ncurses-term knows more of them; "
		    "nothing has to be done for midwatch.");
	} else {
		path = description_of(f->used);
		doctor_found(d, DOCTOR_OK, "TERM", "'%s', described in %s",
		    f->used, path != NULL ? path : "the table of terminals");
		free(path);
	}
}

static void
tell_screen(struct doctor *d, const struct term_facts *f)
{
	if (f->used[0] == '\0')
		return;
	doctor_found(d, DOCTOR_OK, "abilities", "%s, %s, %s",
	    f->full ? "a screen of its own" : "no screen of its own: what was "
	    "there is painted over", f->scrolls ? "rows are scrolled by the "
	    "terminal" : "rows are written anew to scroll them", f->modern ?
	    "title, bracketed paste, mouse and clipboard" : "no title, "
	    "bracketed paste, mouse or clipboard");
}

/* ---- colours and theme --------------------------------------------------- */

static const char *
theme_asked(const struct cli *c)
{
	return !text_empty(c->theme) ? c->theme : env("MIDWATCH_THEME");
}

static int
used_colours(const struct cli *c, const struct term_facts *f)
{
	if (c->no_color || strcmp(theme_asked(c), "mono") == 0 || *env("NO_COLOR") != '\0' || f->colours < 8)
		return 0;
	return f->colours >= 256 ? 256 : f->colours >= 16 ? 16 : 8;
}

static void
tell_colours(struct doctor *d, const struct cli *c, const struct term_facts *f)
{
	int used = used_colours(c, f);
	const char *why = c->no_color ? " (--no-color)" :
	    *env("NO_COLOR") != '\0' ? " (NO_COLOR)" :
	    strcmp(theme_asked(c), "mono") == 0 ? " (the theme mono)" : "";

	if (used == 0)
		doctor_found(d, DOCTOR_OK, "colours", "the terminal has %d, "
		    "none is used%s; every state has a word or a mark",
		    f->colours, why);
	else
		doctor_found(d, DOCTOR_OK, "colours", "the terminal has %d, %d "
		    "are used; COLORTERM is not looked at", f->colours, used);
}

static void
tell_problems(struct doctor *d, const char *check, struct notes *problems)
{
	for (size_t i = 0; i < problems->v.n; i++) {
		doctor_found(d, DOCTOR_WARNING, check, "%s",
		    problems->v.v[i]);
		doctor_todo(d, "What is wrong is left out, the rest is used.");
	}
	notes_release(problems);
}

static void
tell_theme(struct doctor *d, const struct cli *c)
{
	static const char *const bases[] = { "any background",
		"a dark background", "a light background" };
	const struct site *site = d->have_site ? &d->site : NULL;
	const char *name = theme_asked(c);
	struct notes problems = { { 0 } };
	struct theme t;
	char out[64];

	theme_init(&t);
	if (*name != '\0')
		(void)theme_load(&t, name, site, &problems);
	doctor_found(d, DOCTOR_OK, "theme", "'%s', for %s%s; --theme NAME or "
	    "MIDWATCH_THEME takes another", shown(t.name, out),
	    bases[t.base], site != NULL && strcmp(t.name, "mono") != 0 &&
	    text_starts(site->environment,
	    "prod") ? ", with the frame of production" : "");
	tell_problems(d, "theme", &problems);
}

static void
tell_keys(struct doctor *d)
{
	char *path = file_join(env("HOME"), ".config/midwatch/keys.cfg");
	struct notes problems = { { 0 } };
	struct keys k;

	keys_init(&k);
	if (!file_exists(path))
		doctor_found(d, DOCTOR_OK, "keys", "as they come; "
		    "~/.config/midwatch/keys.cfg would change them");
	else if (keys_load(&k, path, &problems))
		doctor_found(d, DOCTOR_OK, "keys", "changed by %s", path);
	tell_problems(d, "keys", &problems);
	free(path);
}

/* ---- characters ---------------------------------------------------------- */

static void
tell_locale(struct doctor *d, const struct cli *c)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *codeset = nl_langinfo(CODESET), *asked = "C";
	const char *from = "nothing is set";
	bool utf8 = strcmp(codeset, "UTF-8") == 0;
	char out[64];

	for (size_t i = 0; i < 3; i++)
		if (*env(names[i]) != '\0') {
			asked = env(names[i]);
			from = names[i];
			break;
		}
	if (!utf8 && (strstr(asked, "UTF-8") || strstr(asked, "utf8"))) {
		doctor_found(d, DOCTOR_WARNING, "characters", "ASCII: the "
		    "locale '%s' (%s) is not installed here", shown(asked,
		    out), from);
		doctor_todo(d, "LC_ALL=C.UTF-8 exists everywhere.");
		return;
	}
	doctor_found(d, DOCTOR_OK, "characters", "%s%s: the locale is '%s' "
	    "(%s), its characters are %s", utf8 && !c->ascii ? "UTF-8" :
	    "ASCII", c->ascii ? " (--ascii)" : "", shown(asked, out), from,
	    codeset);
}

/* ---- size, and what lies in between --------------------------------------- */

static const char *
layout_of(int w, int h)
{
	if (w < NARROW_W || h < NARROW_H)
		return "too small for panes: what runs, and how to leave";
	if (w < 60 || h < 16)
		return "one pane, and what to do now";
	return w >= 110 ? "all panes, with room" : "all panes";
}

static void
tell_size(struct doctor *d)
{
	struct winsize size = { 0 };
	int w, h;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 &&
	    ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) {
		doctor_found(d, DOCTOR_OK, "size", "not known without a "
		    "terminal");
		return;
	}
	w = size.ws_col ? size.ws_col : 80;
	h = size.ws_row ? size.ws_row : 24;
	if (size.ws_col == 0 || size.ws_row == 0)
		doctor_found(d, DOCTOR_OK, "size", "%dx%d counts as %dx%d: %s",
		    size.ws_col, size.ws_row, w, h, layout_of(w, h));
	else
		doctor_found(d, w < NARROW_W || h < NARROW_H ? DOCTOR_WARNING :
		    DOCTOR_OK, "size", "%dx%d: %s", w, h, layout_of(w, h));
	if (w < NARROW_W || h < NARROW_H)
		doctor_todo(d, "%dx%d is the least, 80x24 is enough.", NARROW_W,
		    NARROW_H);
}

/* An option's value as tmux prints it; NULL: it does not say. */
static char *
tmux_says(const char *how, const char *option)
{
	const char *const argv[] = { "tmux", "show-options", how, option,
	    NULL };
	struct run r = { .argv = argv, .limit = 4096,
		.deadline_ms = clock_mono_ms() + TMUX_MS };
	struct ran ran = { .status = 0 };
	char *said = NULL;

	if (spawn_run(&r, &ran, &(struct err){ 0 }) &&
	    spawn_code(ran.status) == 0 && ran.out.n > 1) {
		buf_cut(&ran.out, ran.out.n - 1);
		said = xstrdup(ran.out.p);
	}
	ran_release(&ran);
	return said;
}

static void
tell_tmux(struct doctor *d)
{
	char *esc = tmux_says("-gsv", "escape-time");
	char *clip = tmux_says("-gsv", "set-clipboard");
	long ms = esc != NULL ? strtol(esc, NULL, 10) : 0;
	char out[64];

	if (esc == NULL)
		doctor_found(d, DOCTOR_OK, "tmux", "this is inside tmux, which "
		    "does not answer");
	else if (ms > SLOW_ESC_MS) {
		doctor_found(d, DOCTOR_WARNING, "tmux", "holds Esc back for "
		    "%ld ms; q and Backspace do the same at once", ms);
		doctor_todo(d, "tmux set-option -sg escape-time 10");
	} else
		doctor_found(d, DOCTOR_OK, "tmux", "holds Esc back for %ld ms",
		    ms);
	if (clip != NULL)
		doctor_found(d, DOCTOR_OK, "clipboard", "goes into tmux's "
		    "buffer, which passes it on as set-clipboard says (%s)",
		    shown(clip, out));
	free(esc);
	free(clip);
}

static void
tell_between(struct doctor *d, const struct term_facts *f)
{
	const char *which = *env("TMUX") != '\0' ? "tmux" :
	    *env("STY") != '\0' ? "screen" : NULL;

	if (which == NULL) {
		doctor_found(d, DOCTOR_OK, "multiplexer", "none; jobs outlive "
		    "the console all the same");
		return;
	}
	if (!text_starts(f->asked, "tmux") && !text_starts(f->asked,
	    "screen")) {
		doctor_found(d, DOCTOR_WARNING, "multiplexer", "inside %s, yet "
		    "TERM is '%s': keys and colours may be wrong", which,
		    f->asked);
		doctor_todo(d, "Leave TERM to %s (%s).", which,
		    which[0] == 't' ? "tmux-256color or screen-256color" :
		    "screen-256color");
	} else
		doctor_found(d, DOCTOR_OK, "multiplexer", "inside %s", which);
	if (which[0] == 't')
		tell_tmux(d);
}

static void
tell_link(struct doctor *d)
{
	struct wire l = WIRE_INIT;

	if (*env("SSH_CONNECTION") == '\0')
		doctor_found(d, DOCTOR_OK, "link", "no SSH: as fast as it "
		    "gets");
	else if (!wire_open(&l) || (wire_look(&l), !l.known))
		doctor_found(d, DOCTOR_OK, "link", "SSH, of which the kernel "
		    "here does not know the round trip; --low sends less");
	else
		doctor_found(d, DOCTOR_OK, "link", "SSH with a round trip of "
		    "%d ms%s", (int)l.rtt_ms, l.rtt_ms > FAR_MS ? ": slow, so "
		    "--low by itself" : "");
	wire_close(&l);
}

/* ---- all of it ----------------------------------------------------------- */

static void
tell_mode(struct doctor *d, const struct cli *c)
{
	struct term_options o = { .name = NULL };
	struct err e = ERR_INIT;

	if (c->plain)
		doctor_found(d, DOCTOR_OK, "console", "a dialogue of lines "
		    "(--plain)");
	else if (!term_possible(&o, &e)) {
		doctor_found(d, DOCTOR_WARNING, "console", "a dialogue of "
		    "lines: %s", e.msg);
		doctor_todo(d, "The same can be done there, to an incident's "
		    "end.");
	} else
		doctor_found(d, DOCTOR_OK, "console", "the full screen; no "
		    "question is ever sent to the terminal");
}

void
console_terminal(const struct cli *c, struct doctor *d)
{
	struct term_facts f;

	tell_name(d, &f);
	tell_screen(d, &f);
	tell_colours(d, c, &f);
	tell_locale(d, c);
	tell_size(d);
	tell_between(d, &f);
	tell_link(d);
	tell_theme(d, c);
	tell_keys(d);
	tell_mode(d, c);
}
