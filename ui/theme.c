#include "ui/theme.h"

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/file.h"
#include "base/text.h"
#include "site/shipped.h"

/* ---- the file ------------------------------------------------------------ */

struct theme_file {
	int line;
	char *name;
	int base;
	struct conf_args palette;
	struct {
		int line;
		char *role[ROLE_COUNT];
	} roles;
};

static const char *const bases[] = { "any", "dark", "light", NULL };

#define ROLE_KEY_(id, word, parent, attrs, mark, ascii)			\
	{ .key = word, .type = CONF_STR,				\
	    .off = offsetof(struct theme_file, roles.role[ROLE_##id]) -	\
		offsetof(struct theme_file, roles) },
static const struct conf_row role_rows[] = { ROLE_LIST(ROLE_KEY_) };
static const struct conf_schema roles_schema = { role_rows, ROLE_COUNT,
	sizeof(struct theme_file) - offsetof(struct theme_file, roles) };

static const struct conf_row rows[] = {
	{ .key = "name", .type = CONF_NAME, .required = true,
	    .off = offsetof(struct theme_file, name) },
	{ .key = "base", .type = CONF_WORD, .words = bases, .otherwise = "any",
	    .off = offsetof(struct theme_file, base) },
	{ .key = "palette", .type = CONF_ARGS,
	    .off = offsetof(struct theme_file, palette) },
	{ .key = "roles", .type = CONF_GROUP, .sub = &roles_schema,
	    .off = offsetof(struct theme_file, roles) },
};
static const struct conf_schema schema = { rows, sizeof rows / sizeof *rows,
	sizeof(struct theme_file) };

/* ---- words --------------------------------------------------------------- */

static const char *const colours[] = { "black", "red", "green", "yellow",
	"blue", "magenta", "cyan", "white", "bright-black", "bright-red",
	"bright-green", "bright-yellow", "bright-blue", "bright-magenta",
	"bright-cyan", "bright-white" };
static const struct {
	const char *word;
	unsigned attr;
} attrs[] = { { "bold", ATTR_BOLD }, { "underline", ATTR_UNDER },
	{ "reverse", ATTR_REVERSE }, { "dim", ATTR_DIM }, { "plain", 0 } };

static bool
colour(const char *word, int16_t *ret)
{
	int64_t number;

	if (strcmp(word, "default") == 0) {
		*ret = -1;
		return true;
	}
	for (int16_t i = 0; i < 16; i++)
		if (strcmp(word, colours[i]) == 0) {
			*ret = i;
			return true;
		}
	if (!text_int(word, 0, 255, &number))
		return false;
	*ret = (int16_t)number;
	return true;
}

/* "69 blue" or "blue": with 256 colours, with fewer. */
static bool
palette_entry(const char *value, int16_t *many, int16_t *few)
{
	char one[32], two[32], more;
	int n = sscanf(value, "%31s %31s %c", one, two, &more);

	if (n < 1 || n > 2 || !colour(one, many) ||
	    !colour(n == 2 ? two : one, few))
		return false;
	return *few < 16;
}

struct parser {
	struct conf_doc *doc;
	const struct theme_file *f;
};

static bool
any_colour(const struct parser *p, const char *word, int16_t *many,
    int16_t *few)
{
	const char *mine = conf_arg(&p->f->palette, word);

	if (mine != NULL)
		return palette_entry(mine, many, few);
	if (!colour(word, many))
		return false;
	*few = *many;
	return true;
}

static bool
attribute(const char *word, unsigned *ret)
{
	for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
		if (strcmp(word, attrs[i].word) == 0) {
			*ret |= attrs[i].attr;
			return true;
		}
	return false;
}

static void
unknown_word(const struct parser *p, int line, const char *where,
    const char *word)
{
	const char *known[64];
	size_t n = 0;

	known[n++] = "default";
	for (size_t i = 0; i < 16; i++)
		known[n++] = colours[i];
	for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
		known[n++] = attrs[i].word;
	for (size_t i = 0; i < p->f->palette.n && n < 64; i++)
		known[n++] = p->f->palette.v[i].key;
	conf_unknown(p->doc, line, where, "colour or attribute", word, known,
	    n);
}

/* A colour below 16 is wanted where there are only 8 or 16 of them. */
static int16_t
nearest(int16_t c)
{
	return c < 16 ? c : -1;
}

static bool
role_value(const struct parser *p, enum role role, int line, const char *where,
    const char *value, struct theme_row *ret)
{
	struct theme_row row = { true, { -1, -1, 0 }, { -1, -1, 0 } };
	char words[160], *word, *save = NULL;
	bool on = false, have_fg = false, have_bg = false;

	(void)snprintf(words, sizeof words, "%s", value);
	for (word = strtok_r(words, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		if (strcmp(word, "on") == 0 && !on && !have_bg) {
			on = true;
		} else if (!on && attribute(word, &row.many.attrs)) {
			continue;
		} else if (on && any_colour(p, word, &row.many.bg,
			       &row.few.bg)) {
			on = false;
			have_bg = true;
		} else if (!on && !have_fg && any_colour(p, word, &row.many.fg,
					&row.few.fg)) {
			have_fg = true;
		} else if (any_colour(p, word, &row.many.fg, &row.few.fg)) {
			conf_problem(p->doc, line, where,
			    "'%s' is one colour too many", word);
			return false;
		} else {
			unknown_word(p, line, where, word);
			return false;
		}
	}
	if (on) {
		conf_problem(p->doc, line, where, "'on' needs a colour");
		return false;
	}
	row.few.attrs = row.many.attrs;
	row.few.fg = nearest(row.few.fg);
	if (row.few.bg >= 16) {		/* a badge needs both its colours */
		row.few = (struct look){ -1, -1, roles[role].attrs };
	}
	if (row.many.fg >= 0 && row.many.fg == row.many.bg) {
		conf_problem(p->doc, line, where,
		    "text and background are the same colour");
		return false;
	}
	*ret = row;
	return true;
}

static void
take_roles(struct theme *t, struct conf_doc *doc, const struct theme_file *f)
{
	struct parser p = { doc, f };

	for (size_t i = 0; i < f->palette.n; i++) {
		const struct conf_arg *a = &f->palette.v[i];
		int16_t many, few;
		char where[80];

		(void)snprintf(where, sizeof where, "palette.%s", a->key);
		if (!palette_entry(a->value, &many, &few))
			conf_problem(doc, a->line, where,
			    "'%s' is not a colour, or a colour of 256 and one "
			    "of the first 16", a->value);
	}
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		struct theme_row row;
		char where[64];

		if (f->roles.role[i] == NULL)
			continue;
		(void)snprintf(where, sizeof where, "roles.%s", roles[i].word);
		if (role_value(&p, (enum role)i, conf_line(doc, where), where,
			f->roles.role[i], &row))
			t->rows[i] = row;
	}
}

bool
theme_parse(struct theme *t, const char *path, const char *p, size_t n,
    struct notes *problems)
{
	struct conf_doc doc = { 0 };
	struct theme_file f = { 0 };
	bool ok = conf_parse(&doc, path, p, n, &schema, &f);

	if (ok) {
		take_roles(t, &doc, &f);
		if (f.name != NULL)
			(void)snprintf(t->name, sizeof t->name, "%s", f.name);
		if (f.base >= 0)
			t->base = (enum theme_base)f.base;
	}
	conf_sort(&doc);
	for (size_t i = 0; i < doc.problems.n; i++)
		notes_add(problems, "%s", doc.problems.v[i].text);
	conf_release(&doc);
	return ok;
}

/* ---- finding one --------------------------------------------------------- */

enum { THEME_LIMIT = 64 * 1024 };

static const char any[] =
    "name = \"any\";\n"
    "base = \"any\";\n"
    "palette = { alarm = \"124 red\"; notice = \"37 cyan\"; focus = \"63 default\"; };\n"
    "roles = {\n"
    "	text = \"default\";\n"
    "	border-focus = \"focus bold\";\n"
    "	button-danger = \"bright-white on alarm bold\";\n"
    "	step-failed = \"bright-white on alarm bold\";\n"
    "	warning = \"bright-white on alarm bold\";\n"
    "	caution = \"black on notice\";\n"
    "	env-production = \"bright-white on alarm bold\";\n"
    "	env-other = \"black on notice\";\n"
    "};\n";

void
theme_init(struct theme *t)
{
	struct notes none = { { 0 } };

	*t = (struct theme){ .base = BASE_ANY };
	(void)theme_parse(t, "any", any, sizeof any - 1, &none);
	notes_release(&none);
}

bool
theme_load(struct theme *t, const char *name, const struct site *site,
    struct notes *problems)
{
	struct buf b = BUF_INIT, where = BUF_INIT;
	struct err e = ERR_INIT;
	char *path = NULL;
	bool ok = false;

	if (strchr(name, '/') != NULL) {
		path = xstrdup(name);
	} else if (text_is_name(name)) {
		buf_printf(&where, "themes/%s.cfg", name);
		path = site_shipped(site, where.p);
		if (path == NULL) {
			buf_clear(&where);
			buf_printf(&where, "../themes/%s.cfg", name);
			path = site_shipped(site, where.p);
		}
	}
	if (path == NULL) {
		if (strcmp(name, "any") == 0) {
			theme_init(t);
			ok = true;
		} else
			notes_add(problems, "there is no theme '%s'; 'any' is "
			    "used", name);
	} else if (!file_read(path, &b, THEME_LIMIT, &e))
		notes_add(problems, "theme: %s", e.msg);
	else
		ok = theme_parse(t, path, b.p, b.n, problems);
	free(path);
	buf_release(&where);
	buf_release(&b);
	return ok;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
theme_list(const struct site *site, struct buf *out)
{
	struct site_folders f;
	struct notes names = { { 0 } };

	site_folders(&f, site);
	for (size_t i = 0; i < f.n; i++) {
		char *dir = file_join(f.v[i], "../themes");
		DIR *d = opendir(dir);
		struct dirent *de;

		while (d != NULL && (de = readdir(d)) != NULL) {
			size_t n = strlen(de->d_name);

			if (n > 4 && strcmp(de->d_name + n - 4, ".cfg") == 0)
				notes_add(&names, "%.*s", (int)n - 4,
				    de->d_name);
		}
		if (d != NULL)
			(void)closedir(d);
		free(dir);
	}
	if (names.v.n > 0)
		qsort(names.v.v, names.v.n, sizeof *names.v.v, by_name);
	for (size_t i = 0; i < names.v.n; i++)
		if (i == 0 || strcmp(names.v.v[i], names.v.v[i - 1]) != 0)
			buf_printf(out, "%s\n", names.v.v[i]);
	notes_release(&names);
	site_folders_release(&f);
}

/* ---- looking ------------------------------------------------------------- */

/* Reverse swaps what a role says of colours; a role with colours of its own for
 * both says all of it. Else mono is below: its attributes stay. */
struct look
theme_look(const struct theme *t, enum role role, int colours_there)
{
	struct look look = { -1, -1, roles[role].attrs };
	enum role r = role;

	if (colours_there < 8)
		return look;
	while (!t->rows[r].given && r != ROLE_TEXT)
		r = roles[r].parent;
	if (!t->rows[r].given)
		return look;
	look = colours_there >= 256 ? t->rows[r].many : t->rows[r].few;
	if (r != role)
		look.attrs = look.bg < 0 ? roles[role].attrs : look.attrs;
	if (look.fg == 0 && look.bg >= 0)	/* bold black is grey for some */
		look.attrs &= ~(unsigned)ATTR_BOLD;
	if (colours_there < 16) {	/* bold is the bright one of eight */
		if (look.fg >= 8)
			look.attrs |= ATTR_BOLD;
		look.fg = look.fg >= 8 ? (int16_t)(look.fg - 8) : look.fg;
		look.bg = look.bg >= 8 ? (int16_t)(look.bg - 8) : look.bg;
	}
	return look;
}
