#include "site/check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- saying what is wrong ------------------------------------------------- */

/* The key's line, or that of the nearest group around it that was written. */
static int
line_at(const struct site *s, const char *where)
{
	char *w = xstrdup(where);
	int line = conf_line(&s->doc, w);

	for (size_t n = strlen(w); line == 0 && n-- > 0;)
		if (w[n] == '.' || w[n] == '[') {
			w[n] = '\0';
			line = conf_line(&s->doc, w);
		}
	free(w);
	return line > 0 ? line : 1;
}

void
sc_wrong(struct site *s, int line, const char *where, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	conf_problem(&s->doc, line > 0 ? line : line_at(s, where), where, "%s",
	    b.p);
	buf_release(&b);
}

bool
sc_stated(const struct site *s, const char *where)
{
	return conf_line(&s->doc, where) > 0;
}

/* ---- texts ---------------------------------------------------------------- */

/* A webhook's address is its password. */
static const char *
sc_shown(const char *t)
{
	return text_starts(t, "https://") ? "https://..." : t;
}

/* Text that people and programs of ours will see; foreign names may be as odd
 * as they like, as long as they can be shown. */
static void
check_text(struct site *s, int line, const char *where, const char *t,
    bool lines)
{
	size_t dir = strlen(s->doc.dir), n;

	if (strncmp(t, s->doc.dir, dir) == 0 && t[dir] == '/')
		t += dir + 1;	/* a path, and that part is not the file's */
	n = strlen(t);
	if (n == 0)
		sc_wrong(s, line, where, "is empty");
	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		size_t len = text_utf8_len(t + i, n - i, &cp);

		if (len == 0) {
			sc_wrong(s, line, where, "'%s' is not UTF-8",
			    sc_shown(t));
			return;
		}
		if ((cp < 0x20 || (cp >= 0x7f && cp <= 0x9f)) &&
		    !(lines && (cp == '\n' || cp == '\t'))) {
			sc_wrong(s, line, where, "'%s' holds a control character",
			    sc_shown(t));
			return;
		}
		i += len;
	}
}

void
sc_texts(struct site *s, const struct conf_schema *schema, const char *from,
    const char *prefix)
{
	for (size_t i = 0; i < schema->n; i++) {
		const struct conf_row *r = &schema->rows[i];
		const char *at = from + r->off;
		char *where = WHERE("%s%s", prefix, r->key), *t;
		struct conf_strs strs;
		struct conf_cmd cmd;
		struct conf_list list;

		if (!sc_stated(s, where))
			continue;
		switch ((int)r->type) {
		case CONF_STR:
		case CONF_PATH:
			memcpy(&t, at, sizeof t);
			if (t != NULL)
				check_text(s, 0, where, t, false);
			break;
		case CONF_STRS:
			memcpy(&strs, at, sizeof strs);
			for (size_t k = 0; k < strs.n; k++)
				check_text(s, strs.line[k], where, strs.v[k],
				    false);
			break;
		case CONF_CMD:
			memcpy(&cmd, at, sizeof cmd);
			for (size_t k = 0; k < cmd.n; k++)
				if (*cmd.v[k] != '\0')
					check_text(s, cmd.line, where,
					    cmd.v[k], true);
			break;
		case CONF_GROUP:
			sc_texts(s, r->sub, at, WHERE("%s.", where));
			break;
		case CONF_GROUPS:
			memcpy(&list, at, sizeof list);
			for (size_t k = 0; k < list.n; k++)
				sc_texts(s, r->sub,
				    (const char *)list.v + k * r->sub->size,
				    WHERE("%s[%zu].", where, k));
			break;
		}
	}
}

void
sc_word(struct site *s, const char *where, const char *t)
{
	if (t == NULL)
		return;
	if (*t == '-')
		sc_wrong(s, 0, where, "'%s' begins with '-'", t);
	else if (*t != '/' && strpbrk(t, " \t") != NULL)
		sc_wrong(s, 0, where, "'%s' holds a space", t);
}

void
sc_path(struct site *s, int line, const char *where, const char *at,
    char **path)
{
	const char *p = *path;

	if (p == NULL || *p == '\0')
		return;
	if (*p == '-')
		sc_wrong(s, line, where, "'%s' begins with '-'", p);
	else if (*p == '~' && p[1] != '/' && p[1] != '\0')
		sc_wrong(s, line, where,
		    "only your own home can be written as ~, not '%s'", p);
	else if (at == NULL)
		*path = conf_expand(&s->doc, p);
}

/* ---- names and what they point to ------------------------------------------ */

const char *
sc_name_at(const struct conf_list *l, size_t size, size_t i)
{
	char *name;

	memcpy(&name, (const char *)l->v + i * size +
	    offsetof(struct sc_listed, name), sizeof name);
	return name;
}

bool
sc_ref(struct site *s, int line, const char *where, const char *what,
    const struct conf_list *l, size_t size, const char *word)
{
	const char **known = xcalloc(l->n, sizeof *known);
	size_t n = 0;
	bool found = *word == '\0';	/* which was said already */

	for (size_t i = 0; i < l->n; i++) {
		const char *name = sc_name_at(l, size, i);

		if (name == NULL)
			continue;
		known[n++] = name;
		found = found || strcmp(name, word) == 0;
	}
	if (!found)
		conf_unknown(&s->doc, line > 0 ? line : line_at(s, where), where,
		    what, word, known, n);
	free(known);
	return found;
}

const struct site_place *
sc_place_ref(struct site *s, const char *where, char **ref)
{
	if (*ref != NULL && strcmp(*ref, "here") == 0)
		*ref = NULL;
	if (*ref == NULL || !sc_ref(s, 0, where, "place", &s->places,
	    sizeof(struct site_place), *ref))
		return NULL;
	return site_place(s, *ref);
}

void
sc_ssh_ref(struct site *s, const char *where, char **ref)
{
	const struct site_place *p = sc_place_ref(s, where, ref);

	if (p != NULL && p->ssh == NULL)
		sc_wrong(s, 0, where, "'%s' is a container; this needs a place "
		    "with ssh", *ref);
}

void
sc_where(struct site *s, int line, const char *where, char **spec)
{
	size_t n = strcspn(*spec, ":/");
	char *place;

	if ((*spec)[n] != ':') {
		sc_path(s, line, where, NULL, spec);
		return;
	}
	place = pool_strn(&s->doc.pool, *spec, n);
	if (strcmp(place, "here") == 0) {
		*spec += n + 1;
		sc_path(s, line, where, NULL, spec);
	} else if (sc_ref(s, line, where, "place", &s->places,
	    sizeof(struct site_place), place)) {
		char *path = *spec + n + 1;

		if (*path == '\0')
			sc_wrong(s, line, where, "'%s' has no path", *spec);
		else
			sc_path(s, line, where, place, &path);
	}
}
