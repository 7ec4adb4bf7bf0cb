/*
 * The stock shell commands of the steps: what a person with nothing but a shell
 * types. Placeholders are filled from the site file and quoted for the place
 * where they stand; a secret is never among them.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/who.h"
#include "runbook/intern.h"

/* Where a database listens when the site file names no host. */
#define SOCKET_DIR "/var/run/postgresql"

struct filler {
	const struct site *site;
	const struct state *state;
};

/* What stands in a command: words has been quoted for the shell already. */
struct value {
	struct buf b;
	bool words;
};

/* ---- values ---------------------------------------------------------------- */

static bool
put(struct value *v, const char *s)
{
	if (text_empty(s))
		return false;
	buf_str(&v->b, s);
	return true;
}

static bool
db_host(const struct filler *f, const char *name, struct value *v)
{
	const struct site_db *d = site_db(f->site, name);

	return d != NULL && put(v, d->host ? d->host : SOCKET_DIR);
}

static bool
db_port(const struct filler *f, const char *name, struct value *v)
{
	const struct site_db *d = site_db(f->site, name);

	if (d != NULL)
		buf_printf(&v->b, "%" PRId64, d->port);
	return d != NULL;
}

static bool
db_dbname(const struct filler *f, const char *name, struct value *v)
{
	const struct site_db *d = site_db(f->site, name);

	return d != NULL && put(v, d->dbname);
}

static bool
db_user(const struct filler *f, const char *name, struct value *v)
{
	const struct site_db *d = site_db(f->site, name);

	return d != NULL && put(v, d->user ? d->user : who_am_i()->login);
}

/* The container that the database lives in. */
static bool
db_place(const struct filler *f, const char *name, struct value *v)
{
	const struct site_db *d = site_db(f->site, name);
	const char *at = d == NULL ? NULL : d->dump_at ? d->dump_at :
	    d->superuser.at;
	const struct site_place *p = at ? site_place(f->site, at) : NULL;

	return p != NULL && put(v, p->container);
}

static bool
db_superuser(const struct filler *f, const char *name, struct value *v)
{
	const struct site_db *d = site_db(f->site, name);

	return d != NULL && d->superuser.line != 0 && put(v, d->superuser.user);
}

/* Named, or the one that an emergency backup goes to. */
static const struct site_store *
store_of(const struct filler *f, const char *name)
{
	const struct site_backup *b = &f->site->backup;

	if (*name == '\0' && b->emergency.to.n > 0)
		name = b->emergency.to.v[0];
	else if (*name == '\0' && b->to.n > 0)
		name = b->to.v[0];
	return *name ? site_store(f->site, name) : NULL;
}

static bool
store_name(const struct filler *f, const char *name, struct value *v)
{
	const struct site_store *s = store_of(f, name);

	return s != NULL && put(v, s->name);
}

/* A path at a place begins in the login's home; a quoted ~ would not. */
static bool
store_path(const struct filler *f, const char *name, struct value *v)
{
	const struct site_store *s = store_of(f, name);

	return s != NULL && put(v, s->at != NULL &&
	    text_starts(s->path, "~/") ? s->path + 2 : s->path);
}

/* Arguments for ssh: the target, and how to get there. */
static bool
ssh_words(const struct filler *f, const char *name, struct value *v)
{
	const struct site_place *p = site_place(f->site, name), *via;

	if (p == NULL || text_empty(p->ssh))
		return false;
	v->words = true;
	if (p->identity != NULL) {
		buf_str(&v->b, "-i ");
		text_shell(&v->b, p->identity);
		buf_ch(&v->b, ' ');
	}
	via = p->via != NULL ? site_place(f->site, p->via) : NULL;
	if (via != NULL && !text_empty(via->ssh)) {
		struct buf jump = BUF_INIT;

		buf_str(&jump, via->ssh);
		if (via->port != 0 && via->port != 22)
			buf_printf(&jump, ":%" PRId64, via->port);
		buf_str(&v->b, "-J ");
		text_shell(&v->b, jump.p);
		buf_ch(&v->b, ' ');
		buf_release(&jump);
	}
	if (p->port != 0 && p->port != 22)
		buf_printf(&v->b, "-p %" PRId64 " ", p->port);
	text_shell(&v->b, p->ssh);
	return true;
}

static bool
store_ssh(const struct filler *f, const char *name, struct value *v)
{
	const struct site_store *s = store_of(f, name);

	return s != NULL && s->at != NULL && ssh_words(f, s->at, v);
}

static bool
place_container(const struct filler *f, const char *name, struct value *v)
{
	const struct site_place *p = site_place(f->site, name);

	return p != NULL && put(v, p->container);
}

static bool
disk_path(const struct filler *f, const char *name, struct value *v)
{
	const struct site_disk *d = site_disk(f->site, name);

	return d != NULL && put(v, d->path);
}

static bool
log_path(const struct filler *f, const char *name, struct value *v)
{
	const struct site_log *l = site_log(f->site, name);

	return l != NULL && put(v, l->path);
}

static bool
site_path(const struct filler *f, const char *name, struct value *v)
{
	(void)name;
	return put(v, f->site->path);
}

static bool
state_dir(const struct filler *f, const char *name, struct value *v)
{
	(void)name;
	return f->state != NULL && put(v, f->state->dir);
}

/* ---- placeholders ----------------------------------------------------------- */

enum naming { NAME_NONE, NAME_MAY, NAME_MUST };

struct hole {
	const char *what, *field;
	enum naming naming;
	bool site;		/* is asked of the site file */
	bool (*get)(const struct filler *f, const char *name, struct value *v);
};

static const struct hole holes[] = {
	{ "db", "host", NAME_MUST, true, db_host },
	{ "db", "port", NAME_MUST, true, db_port },
	{ "db", "dbname", NAME_MUST, true, db_dbname },
	{ "db", "user", NAME_MUST, true, db_user },
	{ "db", "place", NAME_MUST, true, db_place },
	{ "db", "superuser", NAME_MUST, true, db_superuser },
	{ "store", "", NAME_NONE, true, store_name },
	{ "store", "path", NAME_MAY, true, store_path },
	{ "store", "ssh", NAME_MAY, true, store_ssh },
	{ "disk", "path", NAME_MUST, true, disk_path },
	{ "place", "ssh", NAME_MUST, true, ssh_words },
	{ "place", "container", NAME_MUST, true, place_container },
	{ "log", "path", NAME_MUST, true, log_path },
	{ "site", "", NAME_NONE, true, site_path },
	{ "state", "", NAME_NONE, false, state_dir },
	/* what no site was there to replace */
	{ "db", "", NAME_NONE, false, NULL },
	{ "disk", "", NAME_NONE, false, NULL },
};

/* One {what:name.field} of a command. */
struct found {
	char what[16], name[96], field[16];
	size_t len;		/* with its braces; 0: it is none */
};

static bool
take(char *to, size_t size, const char *from, size_t n)
{
	if (n >= size)
		return false;
	memcpy(to, from, n);
	to[n] = '\0';
	return true;
}

/* A {db} that still stands inside of {db:{db}.host} is its name. */
static size_t
name_length(const char *s)
{
	size_t n = 0;

	if (text_starts(s, "{db}"))
		return 4;
	if (text_starts(s, "{disk}"))
		return 6;
	while (isalnum((unsigned char)s[n]) || (s[n] != '\0' &&
	    strchr("_.-", s[n]) != NULL))
		n++;
	return n;
}

static struct found
find_hole(const char *s)
{
	struct found f = { .len = 0 }, none = { .len = 0 };
	const char *at = s + 1, *dot;
	size_t n = 0;

	while (islower((unsigned char)at[n]))
		n++;
	if (*s != '{' || n == 0 || !take(f.what, sizeof f.what, at, n))
		return none;
	at += n;
	if (*at == ':') {
		n = name_length(++at);
		/* the field is what follows the last point */
		dot = at + n;
		if (*dot == '}') {
			while (dot > at && *dot != '.')
				dot--;
		}
		if (dot == at || *dot != '.' ||
		    !take(f.name, sizeof f.name, at, (size_t)(dot - at)))
			return none;
		at = dot;
	}
	if (*at == '.') {
		at++;
		n = strcspn(at, "}");
		if (n == 0 || !take(f.field, sizeof f.field, at, n))
			return none;
		at += n;
	}
	if (*at != '}')
		return none;
	f.len = (size_t)(at - s) + 1;
	return f;
}

static const struct hole *
hole_of(const struct found *f)
{
	for (size_t i = 0; i < sizeof holes / sizeof *holes; i++)
		if (strcmp(holes[i].what, f->what) == 0 &&
		    strcmp(holes[i].field, f->field) == 0)
			return &holes[i];
	return NULL;
}

/* The shell has braces of its own; ours hold a word that we know. */
static bool
is_ours(const struct found *f)
{
	for (size_t i = 0; i < sizeof holes / sizeof *holes; i++)
		if (strcmp(holes[i].what, f->what) == 0)
			return true;
	return f->field[0] != '\0';
}

static bool
unknown_hole(const struct found *f, const char *at, struct err *e)
{
	const char *known[sizeof holes / sizeof *holes], *near;
	struct pool p = { 0 };
	char *text;

	for (size_t i = 0; i < sizeof holes / sizeof *holes; i++)
		known[i] = pool_printf(&p, "%s%s%s", holes[i].what,
		    *holes[i].field ? "." : "", holes[i].field);
	text = pool_printf(&p, "%s%s%s", f->what, *f->field ? "." : "",
	    f->field);
	near = text_nearest(text, known, sizeof holes / sizeof *holes);
	err_set(e, ERR_USAGE, "unknown placeholder '%.*s'%s%s%s", (int)f->len,
	    at, near ? ", did you mean '{" : "", near ? near : "",
	    near ? "}'?" : "");
	pool_release(&p);
	return false;
}

bool
command_check(const char *text, struct err *e)
{
	for (const char *s = strchr(text, '{'); s != NULL;
	    s = strchr(s + 1, '{')) {
		struct found f = find_hole(s);
		const struct hole *h = f.len ? hole_of(&f) : NULL;

		if (f.len == 0 || (h == NULL && !is_ours(&f)))
			continue;
		if (h == NULL)
			return unknown_hole(&f, s, e);
		if (h->naming == NAME_NONE && f.name[0] != '\0')
			return err_set(e, ERR_USAGE, "'%.*s' takes no name",
			    (int)f.len, s);
		if (h->naming == NAME_MUST && f.name[0] == '\0' &&
		    strcmp(f.what, "db") != 0 && strcmp(f.what, "disk") != 0)
			return err_set(e, ERR_USAGE, "'%.*s' needs a name: "
			    "'{%s:NAME.%s}'", (int)f.len, s, f.what, f.field);
		s += f.len - 1;
	}
	return true;
}

/* ---- quoting ---------------------------------------------------------------- */

/* How the shell reads the place where we are: plain, in '…', in "…"; and in a
 * "…" that another shell will read again, the same for that one. */
struct quoting {
	char outer, inner;	/* 0, ' or " */
	bool comment;
	char before;
};

static size_t
follow(struct quoting *q, const char *s)
{
	char c = *s;
	size_t n = 1;

	if (c == '\\' && s[1] != '\0' && q->outer != '\'' && !q->comment) {
		if (q->outer == '"' && s[1] == '"' && q->inner != '\'')
			q->inner = q->inner == '"' ? 0 : '"';
		n = 2;
	} else if (q->comment)
		;
	else if (q->outer == 0 && c == '#' &&
	    (q->before == 0 || strchr(" \t;&|(", q->before) != NULL))
		q->comment = true;
	else if (q->outer == 0 && (c == '\'' || c == '"'))
		*q = (struct quoting){ .outer = c };
	else if (q->outer == c)
		*q = (struct quoting){ .outer = 0 };
	else if (q->outer == '"' && c == '\'' && q->inner != '"')
		q->inner = q->inner == '\'' ? 0 : '\'';
	q->before = s[n - 1];
	return n;
}

/* As it must stand inside of quotes of this kind. */
static void
quote_inside(struct buf *out, char quote, const char *s)
{
	for (; *s != '\0'; s++) {
		if (quote == '\'' && *s == '\'') {
			buf_str(out, "'\\''");
			continue;
		}
		if (quote == '"' && strchr("\\\"$`", *s) != NULL)
			buf_ch(out, '\\');
		buf_ch(out, *s);
	}
}

static void
put_value(struct buf *out, const struct quoting *q, const struct value *v)
{
	char level[2] = { q->outer == '"' ? q->inner : q->outer,
	    q->outer == '"' ? '"' : 0 };
	struct buf once = BUF_INIT, clean = BUF_INIT;

	text_clean(&clean, v->b.p, v->b.n, TEXT_LINE);
	if (v->words || level[0] != 0)
		quote_inside(&once, v->words ? 0 : level[0], clean.p);
	else
		text_shell(&once, clean.p);
	quote_inside(out, level[1], once.p);
	buf_release(&once);
	buf_release(&clean);
}

static void
put_unknown(struct buf *out, const struct found *f)
{
	buf_printf(out, "<%s", f->what);
	if (f->name[0] != '\0' && f->name[0] != '{')
		buf_printf(out, ":%s", f->name);
	buf_printf(out, "%s%s>", f->field[0] ? "." : "", f->field);
}

void
command_fill(const char *text, const struct site *site,
    const struct state *state, struct buf *out)
{
	const struct filler filler = { site, state };
	struct quoting q = { 0 };
	struct buf b = BUF_INIT;

	for (const char *s = text; *s != '\0';) {
		struct found f = *s == '{' ? find_hole(s) :
		    (struct found){ .len = 0 };
		const struct hole *h = f.len ? hole_of(&f) : NULL;
		struct value v = { .b = BUF_INIT };

		if (h == NULL) {
			size_t n = follow(&q, s);

			buf_add(&b, s, n);
			s += n;
			continue;
		}
		if (h->get != NULL && (!h->site || site != NULL) &&
		    (h->naming != NAME_MUST || f.name[0] != '\0') &&
		    h->get(&filler, f.name, &v))
			put_value(&b, &q, &v);
		else
			put_unknown(&b, &f);
		q.before = 'x';
		buf_release(&v.b);
		s += f.len;
	}
	text_clean(out, b.n ? b.p : "", b.n, TEXT_BLOCK);
	buf_release(&b);
}

/* ---- the page --------------------------------------------------------------- */

static void
put_comment(struct buf *out, const char *s)
{
	text_clean(out, s, strlen(s), TEXT_LINE);
}

void
runbook_commands(const struct runbook *rb, const struct site *site,
    const struct state *state, struct buf *out)
{
	const char *phase = "";

	buf_str(out, "# ");
	put_comment(out, rb->title ? rb->title : rb->name);
	buf_printf(out, "\n# Runbook %s, version %" PRId64 ", ", rb->name,
	    rb->version);
	if (site != NULL && site->name != NULL) {
		buf_str(out, "for the site ");
		put_comment(out, site->name);
	} else
		buf_str(out, "without a site file");
	buf_str(out, ".\n# What stands in <angle brackets> has to be put in by "
	    "hand. No password is on this page.\n");
	for (size_t i = 0; i < rb->n; i++) {
		const struct rb_step *s = &rb->steps[i];

		if (s->phase != NULL && strcmp(s->phase, phase) != 0) {
			phase = s->phase;
			buf_str(out, "\n\n# ==== ");
			put_comment(out, phase);
			buf_str(out, " ====\n");
		}
		buf_printf(out, "\n# %zu. ", i + 1);
		put_comment(out, s->title);
		buf_str(out, "\n");
		if (s->commands.n == 0)
			buf_str(out, "#    (nothing to type)\n");
		for (size_t k = 0; k < s->commands.n; k++) {
			command_fill(s->commands.v[k], site, state, out);
			buf_ch(out, '\n');
		}
	}
}
