#include "backup/dumptext.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { KEEP = 256 << 10 };

enum state { TEXT, STRING, STRING_QUOTE, STRING_ESCAPE, IDENT, COMMENT, TAG,
	DOLLARS, META, BEFORE_DATA, DATA };

/* ---- words ---------------------------------------------------------------------- */

bool
dumptext_ident(const char **s, struct buf *out)
{
	const char *p = *s;

	if (*p == '"') {
		for (p++; *p != '\0'; p++) {
			if (*p == '"' && *++p != '"') {
				*s = p;
				return true;
			}
			buf_ch(out, *p);
		}
		return false;
	}
	while (*p != '\0' && strchr(" .,();='\"\n\t", *p) == NULL)
		buf_ch(out, *p++);
	if (p == *s)
		return false;
	*s = p;
	return true;
}

bool
dumptext_literal(const char **s, struct buf *out)
{
	const char *p = *s;
	bool escapes = *p == 'E';

	p += escapes;
	if (*p++ != '\'')
		return false;
	for (; *p != '\0'; p++) {
		if (*p == '\'' && *++p != '\'') {
			*s = p;
			return true;
		}
		if (escapes && *p == '\\')
			p++;
		if (*p == '\0')
			break;
		buf_ch(out, *p);
	}
	return false;
}

/* ---- statements ------------------------------------------------------------------ */

static bool
begins(const struct dumptext *t, const char *with)
{
	return t->s.n > 0 && text_starts(t->s.p, with);
}

/* COPY public.t (a, b) FROM stdin */
static bool
is_copy(struct dumptext *t)
{
	struct buf schema = BUF_INIT, table = BUF_INIT;
	const char *s;
	bool ok = false;

	if (!begins(t, "COPY ") || strstr(t->s.p, " FROM stdin") == NULL)
		return false;
	s = t->s.p + strlen("COPY ");
	if (dumptext_ident(&s, &schema) && *s == '.') {
		s++;
		ok = dumptext_ident(&s, &table);
	} else {
		buf_str(&table, schema.p);
		buf_clear(&schema);
		buf_str(&schema, "public");
		ok = table.n > 0;
	}
	if (ok) {
		t->schema = buf_detach(&schema);
		t->table = buf_detach(&table);
		t->rows = 0;
	}
	buf_release(&schema);
	buf_release(&table);
	return ok;
}

static void
take_sequence(struct dumptext *t)
{
	const char *s = t->s.p + strlen("SELECT pg_catalog.setval(");
	struct buf name = BUF_INIT;
	struct dump_sequence q = { 0 };
	char *end;

	if (dumptext_literal(&s, &name) && text_starts(s, ", ")) {
		q.value = strtoll(s + 2, &end, 10);
		q.called = text_starts(end, ", true");
		if (q.called || text_starts(end, ", false")) {
			q.name = buf_detach(&name);
			VEC_PUSH(&t->sequences, q);
		}
	}
	buf_release(&name);
}

static void
statement_ends(struct dumptext *t)
{
	t->state = TEXT;
	if (t->s.n == 0)
		return;
	if (is_copy(t))
		t->state = BEFORE_DATA;
	else if (begins(t, "SELECT pg_catalog.lo_open('"))
		t->blobs++;
	else if (begins(t, "SELECT pg_catalog.setval("))
		take_sequence(t);
	else if (begins(t, "SET standard_conforming_strings = "))
		t->old_strings = strstr(t->s.p, "= off") != NULL;
	if (t->statement != NULL && !t->enough)
		t->enough = !t->statement(t->ctx, t->s.p, t->s.n);
	buf_clear(&t->s);
	t->last = ';';
}

static void
data_ends(struct dumptext *t)
{
	counts_add(&t->counts, t->schema, t->table, t->rows);
	free(t->schema);
	free(t->table);
	t->schema = t->table = NULL;
	t->state = TEXT;
	t->last = '\n';
}

/* Lines of data up to `\.`; what was taken. */
static size_t
take_data(struct dumptext *t, const char *p, size_t n)
{
	const char *at = p, *end = p + n;

	while (at < end && t->state == DATA) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl != NULL ? nl : end) - at);

		for (size_t i = 0; i < len && t->line + i < 2; i++)
			t->head[t->line + i] = at[i];
		t->line += len;
		at += len;
		if (nl == NULL)
			break;
		at++;
		if (t->line == 2 && t->head[0] == '\\' && t->head[1] == '.')
			data_ends(t);
		else
			t->rows++;
		t->line = 0;
	}
	return (size_t)(at - p);
}

static void
keep(struct dumptext *t, const char *p, size_t n)
{
	size_t room = t->s.n < KEEP ? KEEP - t->s.n : 0;

	buf_add(&t->s, p, n < room ? n : room);
}

/* Long literals (large objects) go in one piece. */
static size_t
take_string(struct dumptext *t, const char *p, size_t n)
{
	const char *q = memchr(p, '\'', n);
	const char *b = t->escapes ? memchr(p, '\\', n) : NULL;
	const char *stop = b != NULL && (q == NULL || b < q) ? b : q;
	size_t len = stop != NULL ? (size_t)(stop - p) + 1 : n;

	keep(t, p, len);
	if (stop != NULL)
		t->state = stop == b ? STRING_ESCAPE : STRING_QUOTE;
	return len;
}

/* A byte outside of everything. */
static void
take_text(struct dumptext *t, char c)
{
	bool first = t->s.n == 0;

	if (first && (c == '\n' || c == ' ' || c == '\t' || c == '\r'))
		return;
	if (c == ';') {
		statement_ends(t);
		return;
	}
	if (c == '-' && t->last == '-') {
		if (t->s.n > 0)
			buf_cut(&t->s, t->s.n - 1);
		t->state = COMMENT;
		return;
	}
	if (c == '\\' && first) {
		t->state = META;
		return;
	}
	if (c == '\'') {
		t->escapes = t->old_strings || t->last == 'E';
		t->state = STRING;
	} else if (c == '"')
		t->state = IDENT;
	else if (c == '$' && strchr(" (,\n\t", t->last) != NULL) {
		buf_clear(&t->tag);
		buf_ch(&t->tag, '$');
		t->state = TAG;
	}
	keep(t, &c, 1);
}

static bool
tag_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

static void
take_tag(struct dumptext *t, char c)
{
	keep(t, &c, 1);
	if (c != '$' && !tag_char(c)) {
		t->state = TEXT;	/* $1, or a lonely dollar */
		return;
	}
	buf_ch(&t->tag, c);
	if (c == '$') {
		t->tag_seen = 0;
		t->state = DOLLARS;
	}
}

static void
take_dollars(struct dumptext *t, char c)
{
	keep(t, &c, 1);
	if (c == t->tag.p[t->tag_seen])
		t->tag_seen++;
	else
		t->tag_seen = c == '$';
	if (t->tag_seen == t->tag.n)
		t->state = TEXT;
}

static void
take_byte(struct dumptext *t, char c)
{
	switch ((enum state)t->state) {
	case TEXT:
		take_text(t, c);
		break;
	case STRING_QUOTE:		/* its end, or a doubled quote */
		t->state = c == '\'' ? STRING : TEXT;
		if (c == '\'')
			keep(t, &c, 1);
		else
			take_text(t, c);
		break;
	case STRING_ESCAPE:
		keep(t, &c, 1);
		t->state = STRING;
		break;
	case IDENT:			/* a doubled quote opens it again */
		keep(t, &c, 1);
		if (c == '"')
			t->state = TEXT;
		break;
	case COMMENT:
	case META:
		if (c == '\n')
			t->state = TEXT;
		break;
	case TAG:
		take_tag(t, c);
		break;
	case DOLLARS:
		take_dollars(t, c);
		break;
	case BEFORE_DATA:
		if (c == '\n')
			t->state = DATA;
		t->line = 0;
		break;
	case STRING:
	case DATA:
		break;
	}
	t->last = c;
}

void
dumptext_take(struct dumptext *t, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		size_t took = 1;

		if (t->state == DATA)
			took = take_data(t, p, n);
		else if (t->state == STRING)
			took = take_string(t, p, n);
		else
			take_byte(t, *p);
		p += took;
		n -= took;
	}
}

void
dumptext_end(struct dumptext *t)
{
	t->in_data = t->state == DATA || t->state == BEFORE_DATA;
	counts_sort(&t->counts);
}

void
dumptext_release(struct dumptext *t)
{
	counts_release(&t->counts);
	for (size_t i = 0; i < t->sequences.n; i++)
		free(t->sequences.v[i].name);
	VEC_RELEASE(&t->sequences);
	buf_release(&t->s);
	buf_release(&t->tag);
	free(t->schema);
	free(t->table);
}
