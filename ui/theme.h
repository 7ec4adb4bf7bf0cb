/*
 * theme: how roles look. A theme is a file that people write:
 *
 *	name = "dark";			// what `--theme dark` finds
 *	base = "dark";			// background it is made for: dark, light, any
 *	palette = {
 *		good = "69 blue";	// with 256 colours, and with 16 or 8
 *	};
 *	roles = {
 *		step-done = "good";
 *		warning = "bright-white on red bold";
 *	};
 *
 * A role reads `[COLOUR] [on COLOUR] [bold] [underline] [reverse] [dim]
 * [plain]`. A colour is a name of the palette, `default`, one of the eight
 * (black red green yellow blue magenta cyan white), with `bright-` before it, or
 * 0..255. A role that is not in the file looks like its nearest parent that is,
 * with its own attributes of mono; so a small file is a whole theme. Without
 * colours (NO_COLOR, vt100) every theme is mono.
 *
 * A file that cannot be read or has mistakes never prevents the start: all of
 * them are collected, the roles concerned look as in `any`.
 *
 *	struct theme t;
 *	struct notes problems = { 0 };
 *	theme_init(&t);				the built-in `any`
 *	theme_load(&t, "dark", &site, &problems);
 *	struct look look = theme_look(&t, ROLE_WARNING, 256);
 */
#ifndef UI_THEME_H
#define UI_THEME_H

#include <stdbool.h>
#include <stdint.h>

#include "site/site.h"
#include "ui/notes.h"
#include "ui/role.h"

enum theme_base { BASE_ANY, BASE_DARK, BASE_LIGHT };

struct look {
	int16_t fg, bg;		/* 0..255, -1: the terminal's own */
	unsigned attrs;		/* ATTR_... */
};

struct theme_row {
	bool given;
	struct look many, few;	/* with 256 colours, with 16 or 8 */
};

struct theme {
	char name[32];
	enum theme_base base;
	struct theme_row rows[ROLE_COUNT];
};

/* The built-in `any`: the terminal's own colours, meaning in attributes and in
 * badges that are readable on any background. */
void theme_init(struct theme *t);
/* By name (looked for in themes/ beside the site file, beside the executable's
 * parent, then PREFIX/share/midwatch/themes), or by path when it has a '/'.
 * What the file does not say stays as it was, so a second theme laid over the
 * first one changes only what it names. False: it was not found or is not
 * readable; t is as before, problems say why. */
bool theme_load(struct theme *t, const char *name, const struct site *site,
    struct notes *problems);
bool theme_parse(struct theme *t, const char *path, const char *p, size_t n,
    struct notes *problems);
/* colours: what the terminal has; below 8 it is mono. */
struct look theme_look(const struct theme *t, enum role role, int colours);
/* The names of all themes that are found, one a line. */
void theme_list(const struct site *site, struct buf *out);

#endif
