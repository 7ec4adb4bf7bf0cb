#include "found/draft.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { COLUMNS = 94 };

/* ---- entries ------------------------------------------------------------------- */

struct draft_entry *
draft_entry(struct draft_list *l)
{
	return VEC_NEW(&l->v);
}

void
draft_raw(struct draft_entry *e, const char *key, const char *value)
{
	VEC_PUSH(&e->keys, xprintf("%s = %s;", key, value));
}

void
draft_str(struct draft_entry *e, const char *key, const char *value)
{
	struct buf b = BUF_INIT;

	found_quote(&b, value);
	draft_raw(e, key, b.p);
	buf_release(&b);
}

void
draft_int(struct draft_entry *e, const char *key, int64_t value)
{
	char *text = xprintf("%lld", (long long)value);

	draft_raw(e, key, text);
	free(text);
}

static void
clean(struct buf *out, const char *fmt, va_list ap)
{
	struct buf raw = BUF_INIT;

	buf_vprintf(&raw, fmt, ap);
	text_clean(out, raw.p, raw.n, TEXT_LINE);
	buf_release(&raw);
}

void
draft_say(struct draft_entry *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	clean(&e->say, fmt, ap);
	va_end(ap);
	buf_ch(&e->say, '\n');
}

void
draft_tail(struct draft_entry *e, const char *fmt, ...)
{
	va_list ap;

	if (e->tail.n > 0)
		buf_str(&e->tail, "; ");
	va_start(ap, fmt);
	clean(&e->tail, fmt, ap);
	va_end(ap);
}

void
draft_off(struct draft_entry *e, const char *fmt, ...)
{
	va_list ap;

	buf_clear(&e->off);
	va_start(ap, fmt);
	clean(&e->off, fmt, ap);
	va_end(ap);
}

static void
release(struct draft_list *l)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct draft_entry *e = &l->v.v[i];

		for (size_t k = 0; k < e->keys.n; k++)
			free(e->keys.v[k]);
		VEC_RELEASE(&e->keys);
		buf_release(&e->say);
		buf_release(&e->tail);
		buf_release(&e->off);
	}
	VEC_RELEASE(&l->v);
}

/* ---- text ------------------------------------------------------------------------ */

void
draft_line(struct draft *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&d->out, fmt, ap);
	va_end(ap);
	buf_ch(&d->out, '\n');
}

/* Spaces at the beginning are those of every line after the first, and two more. */
static void
wrap(struct draft *d, const char *indent, const char *s)
{
	size_t hang = strspn(s, " "), column = 0;
	bool first = true;

	s += hang;
	while (*s != '\0') {
		size_t n = strcspn(s, " ");

		if (column > 0 && column + 1 + n > COLUMNS) {
			buf_ch(&d->out, '\n');
			column = 0;
		}
		if (column == 0) {
			buf_printf(&d->out, "%s#", indent);
			buf_fill(&d->out, ' ', first || hang == 0 ? hang :
			    hang + 2);
			column = strlen(indent) + 1 + hang;
			first = false;
		}
		buf_ch(&d->out, ' ');
		buf_add(&d->out, s, n);
		column += n + 1;
		s += n;
		s += *s == ' ';
	}
	buf_ch(&d->out, '\n');
}

void
draft_comment(struct draft *d, const char *indent, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	clean(&b, fmt, ap);
	va_end(ap);
	wrap(d, indent, b.p);
	buf_release(&b);
}

/* { key = value; … } over as many lines as it takes. */
static void
braces(struct buf *out, const struct draft_entry *e, const char *indent)
{
	size_t column = strlen(indent) + 2;

	buf_printf(out, "%s{ ", indent);
	for (size_t i = 0; i < e->keys.n; i++) {
		size_t n = strlen(e->keys.v[i]);

		if (i > 0 && column + n > COLUMNS) {
			buf_cut(out, out->n - 1);
			buf_printf(out, "\n%s  ", indent);
			column = strlen(indent) + 2;
		}
		buf_printf(out, "%s ", e->keys.v[i]);
		column += n + 1;
	}
	buf_ch(out, '}');
}

/* ---- lists ----------------------------------------------------------------------- */

/* places[2].ssh: the number is that of the trial */
static const char *
without_number(const char *why, const char *key)
{
	const char *dot = strstr(why, "].");

	return text_starts(why, key) && dot != NULL ? dot + 2 : why;
}

bool
draft_try(struct draft *d, struct draft_list *l)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	bool any = false, places = strcmp(l->key, "places") == 0;

	for (size_t i = 0; i < l->v.n; i++) {
		struct draft_entry *e = &l->v.v[i];

		if (e->off.n > 0)
			continue;
		buf_clear(&text);
		buf_str(&text, "site = { name = \"x\"; };\n");
		if (!places && e->refers && d->places.n > 0)
			buf_printf(&text, "places = (\n%s );\n", d->places.p);
		buf_printf(&text, "%s = (\n", l->key);
		if (places && d->places.n > 0)
			buf_printf(&text, "%s,\n", d->places.p);
		braces(&text, e, "");
		buf_str(&text, " );\n");
		if (!found_stands(d->path, text.p, &why)) {
			draft_off(e, "it cannot stand in a site file: %s",
			    without_number(why.p, l->key));
			continue;
		}
		any = true;
		if (places) {
			if (d->places.n > 0)
				buf_str(&d->places, ",\n");
			braces(&d->places, e, "");
		}
	}
	buf_release(&text);
	buf_release(&why);
	return any;
}

/* The lines of an entry that does not stand, each behind a #. */
static void
commented(struct draft *d, const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *line;

	while ((line = found_line(&rest)) != NULL)
		draft_line(d, "  # %s", line);
	free(copy);
}

static void
write_entry(struct draft *d, const struct draft_entry *e, bool last)
{
	struct buf text = BUF_INIT;
	char *say, *rest, *line;
	bool beside;

	braces(&text, e, "  ");
	beside = e->off.n == 0 && e->tail.n > 0 &&
	    text.n - (size_t)(strrchr(text.p, '\n') != NULL ?
	    strrchr(text.p, '\n') - text.p : 0) + e->tail.n + 5 <= COLUMNS;
	say = xprintf("%s%s", e->say.n > 0 ? e->say.p : "", beside ||
	    e->off.n > 0 || e->tail.n == 0 ? "" : e->tail.p);
	rest = say;
	while ((line = found_line(&rest)) != NULL)
		wrap(d, "  ", line);
	if (e->off.n > 0) {
		if (e->tail.n > 0)
			draft_comment(d, "  ", "%s (%s)", e->off.p,
			    e->tail.p);
		else
			wrap(d, "  ", e->off.p);
		buf_clear(&text);
		braces(&text, e, "");
		if (e->keys.n > 0)
			commented(d, text.p);
	} else {
		if (!last)
			buf_ch(&text, ',');
		if (beside)
			buf_printf(&text, "  # %s", e->tail.p);
		draft_line(d, "%s", text.p);
	}
	buf_release(&text);
	free(say);
}

void
draft_list(struct draft *d, struct draft_list *l)
{
	bool any = draft_try(d, l);
	size_t last = l->v.n;

	for (size_t i = 0; i < l->v.n; i++)
		if (l->v.v[i].off.n == 0)
			last = i;
	draft_line(d, "%s", "");
	if (l->head != NULL)
		draft_comment(d, "", "%s", l->head);
	draft_line(d, "%s%s = (", any ? "" : "# ", l->key);
	for (size_t i = 0; i < l->v.n; i++)
		write_entry(d, &l->v.v[i], i == last);
	for (size_t i = 0; l->examples != NULL && l->examples[i] != NULL; i++)
		draft_line(d, "  # %s", l->examples[i]);
	draft_line(d, "%s);", any ? "" : "# ");
	release(l);
}
