#include "pg/passline.h"

#include <stdio.h>
#include <string.h>

#include "pg/intern.h"

enum { FIELDS = 4 };

struct wanted {
	const char *v[FIELDS];
	char port[16];
};

static void
want(struct wanted *w, const struct passline *who)
{
	const char *host = who->host;

	if (host == NULL || host[0] == '\0' || strcmp(host, PG_SOCKET_DIR) == 0)
		host = "localhost";
	(void)snprintf(w->port, sizeof w->port, "%d", who->port ? who->port :
	    PG_PORT);
	w->v[0] = host;
	w->v[1] = w->port;
	w->v[2] = who->dbname;
	w->v[3] = who->user;
}

/* What follows the field when it is `want` or `*`, else NULL. A backslash makes
 * the next character an ordinary one. */
static const char *
field(const char *p, const char *end, const char *want, bool *ret_wild)
{
	if (end - p >= 2 && p[0] == '*' && p[1] == ':') {
		*ret_wild = true;
		return p + 2;
	}
	while (p < end) {
		if (*p == ':' && *want == '\0')
			return p + 1;
		if (*p == '\\' && ++p == end)
			return NULL;
		if (*want == '\0' || *p != *want)
			return NULL;
		p++;
		want++;
	}
	return NULL;
}

/* One line: where its text and where the next line begins; what is behind the
 * four fields when it fits. */
struct line {
	const char *p, *end, *next, *password;
	bool wild;
};

static void
read_line(struct line *l, const char *p, const char *last,
    const struct wanted *w)
{
	const char *nl = memchr(p, '\n', (size_t)(last - p));
	const char *at = p;

	*l = (struct line){ .p = p, .end = nl != NULL ? nl : last,
		.next = nl != NULL ? nl + 1 : last };
	while (l->end > p && l->end[-1] == '\r')
		l->end--;
	/* a NUL is no part of a line that somebody wrote */
	if (at == l->end || *at == '#' ||
	    memchr(at, '\0', (size_t)(l->end - at)) != NULL)
		return;
	for (size_t i = 0; i < FIELDS && at != NULL; i++)
		at = field(at, l->end, w->v[i], &l->wild);
	l->password = at;
}

static const char *
password_end(const char *p, const char *end)
{
	for (; p < end && *p != ':'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p;
}

static void
take(const char *p, const char *end, struct buf *ret)
{
	buf_grow(ret, (size_t)(end - p) + 1);
	for (; p < end && *p != ':'; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		buf_ch(ret, *p);
	}
}

/* The first that fits, even when its password is empty; its number, or 0. */
static size_t
search(const char *p, const char *last, const struct wanted *w, struct line *l)
{
	for (size_t n = 1; p < last; n++, p = l->next) {
		read_line(l, p, last, w);
		if (l->password != NULL)
			return n;
	}
	return 0;
}

size_t
passline_find(const char *p, size_t n, const struct passline *who,
    struct buf *ret)
{
	struct wanted w = { .port = "" };
	struct line l = { .p = p };
	size_t at;

	buf_clear(ret);
	want(&w, who);
	at = who->dbname == NULL || who->user == NULL ? 0 : search(p, p + n,
	    &w, &l);
	if (at > 0)
		take(l.password, l.end, ret);
	return at;
}

/* ---- writing ------------------------------------------------------------------ */

static bool
writable(const char *s)
{
	return s[strcspn(s, "\r\n")] == '\0';
}

static void
put(struct buf *out, const char *s)
{
	/* alone it would be a wildcard */
	if (strcmp(s, "*") == 0)
		buf_ch(out, '\\');
	for (; *s != '\0'; s++) {
		if (*s == ':' || *s == '\\')
			buf_ch(out, '\\');
		buf_ch(out, *s);
	}
}

/* A host that begins with # would be a comment. */
static void
put_line(struct buf *out, const struct wanted *w, const char *password)
{
	if (w->v[0][0] == '#')
		buf_ch(out, '\\');
	for (size_t i = 0; i < FIELDS; i++) {
		put(out, w->v[i]);
		buf_ch(out, ':');
	}
	for (; *password != '\0'; password++) {
		if (*password == ':' || *password == '\\')
			buf_ch(out, '\\');
		buf_ch(out, *password);
	}
}

/* The line ends of the file: of the line that fits, else of its last one. */
static const char *
line_end(const char *p, size_t n, const struct line *l)
{
	const char *nl = memrchr(p, '\n', n);

	if (l != NULL && l->next > l->end + 1)
		return "\r\n";
	return l == NULL && nl != NULL && nl > p && nl[-1] == '\r' ? "\r\n" :
	    "\n";
}

static void
put_all(const char *p, size_t n, const struct wanted *w, const char *password,
    struct buf *out, enum passline_how *how)
{
	struct buf old = BUF_INIT;
	struct line l = { .p = p };

	/* all at once: growing would leave copies behind */
	buf_grow(out, n + 2 * (strlen(password) + strlen(w->v[0]) +
	    strlen(w->v[2]) + strlen(w->v[3])) + 64);
	if (search(p, p + n, w, &l) == 0) {
		buf_add(out, p, n);
		if (n > 0 && p[n - 1] != '\n')
			buf_str(out, line_end(p, n, NULL));
		put_line(out, w, password);
		buf_str(out, line_end(p, n, NULL));
		*how = PASSLINE_ADDED;
		return;
	}
	take(l.password, l.end, &old);
	buf_add(out, p, (size_t)(l.p - p));
	if (strcmp(old.p, password) == 0) {
		*how = PASSLINE_SAME;
		buf_add(out, l.p, n - (size_t)(l.p - p));
	} else if (l.wild) {
		*how = PASSLINE_ABOVE;
		put_line(out, w, password);
		buf_str(out, line_end(p, n, &l));
		buf_add(out, l.p, n - (size_t)(l.p - p));
	} else {
		const char *rest = password_end(l.password, l.end);

		*how = PASSLINE_CHANGED;
		put_line(out, w, password);
		buf_add(out, rest, n - (size_t)(rest - p));
	}
	explicit_bzero(old.p, old.cap);
	buf_release(&old);
}

bool
passline_set(const char *p, size_t n, const struct passline *who,
    const char *password, struct buf *out, enum passline_how *ret_how,
    struct err *e)
{
	struct wanted w = { .port = "" };

	buf_clear(out);
	want(&w, who);
	if (*password == '\0' || !writable(password))
		return err_set(e, ERR_USAGE, "no line of a password file can "
		    "hold this password (it is empty, or has a line end in "
		    "it)");
	for (size_t i = 0; i < FIELDS; i++)
		if (w.v[i] == NULL || *w.v[i] == '\0' || !writable(w.v[i]))
			return err_set(e, ERR_USAGE, "no line of a password "
			    "file can be for this login");
	put_all(p, n, &w, password, out, ret_how);
	return true;
}
