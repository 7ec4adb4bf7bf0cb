#include "pg/intern.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { WORDS_MAX = 300 };

struct no_row {
	const char *name, *text, *next;
	bool retry;			/* it may be otherwise soon */
	int rank;			/* how much it tells */
};

#define ROW(id, r, k, n) [PG_NO_##id] = { .retry = (r), .rank = (k), .next = (n) }
static const struct no_row advice[PG_NO_COUNT] = {
	ROW(NONE, false, 0, "Nothing: the login worked."),
	ROW(PASSWORD, false, 9, "Do not try it again and again. Compare the "
	    "password file's line; a superuser sees VALID UNTIL with \\du, and "
	    "sets a new one with \\password."),
	ROW(NO_PASSWORD, false, 9, "Put a line host:port:database:user:password "
	    "into the password file (mode 600)."),
	ROW(HBA, false, 9, "Add a line to pg_hba.conf for this address, user "
	    "and database (a hostssl line lets only TLS in), then: "
	    "SELECT pg_reload_conf()."),
	ROW(ROLE, false, 9, "Look at the user in the site file; a superuser "
	    "lists the roles with \\du."),
	ROW(LOCKED, false, 9, "Ask who locked it, and why; a superuser opens "
	    "it with ALTER ROLE ... LOGIN."),
	ROW(ROLE_OR_LOCKED, false, 9, "A superuser sees with \\du whether the "
	    "role is there and may log in."),
	ROW(DATABASE, false, 9, "Look at dbname in the site file; psql -l lists "
	    "what there is. If it was dropped, stop and keep every backup."),
	ROW(CLOSED, false, 9, "Ask who closed it, and why; a superuser opens it "
	    "with ALTER DATABASE ... ALLOW_CONNECTIONS true. One half dropped "
	    "cannot be opened again."),
	ROW(NO_CONNECT, false, 9, "The database's owner can GRANT CONNECT ON "
	    "DATABASE ... TO the role."),
	ROW(FULL, true, 9, "A superuser still gets in (reserved connections): "
	    "look at pg_stat_activity for idle ones, and at the limits of "
	    "server, database and role."),
	ROW(STARTING, true, 9, "Wait; its log says how far recovery is. A "
	    "standby with hot_standby off never lets anybody in."),
	ROW(STOPPING, true, 9, "Ask who is stopping it; its log says why."),
	ROW(NOT_NOW, true, 9, "Its log says which of these, and how far it "
	    "is."),
	ROW(REFUSED, true, 5, "See whether the server runs, and on which port "
	    "and addresses it listens (listen_addresses); a firewall can "
	    "refuse, too."),
	ROW(UNREACHABLE, true, 3, "See whether the host is up and the network "
	    "lets one through to that port; the server may also hang."),
	ROW(DROPPED, true, 6, "It may not be PostgreSQL, a pooler or tunnel "
	    "whose other end is down, or a server that is crashing: see its "
	    "log."),
	ROW(STRANGER, false, 7, "See what listens on that port there; the site "
	    "file may have a wrong host or port."),
	ROW(DENIED, false, 7, "Look at the permissions of the socket and of the "
	    "directory it is in, and at who runs this."),
	ROW(NAME, true, 1, "Look at the host's spelling; getent hosts NAME "
	    "shows what this machine knows, or put its address there."),
	ROW(TLS, false, 9, "Compare sslmode and sslrootcert of the site file "
	    "with what the server offers; the certificate must name the host "
	    "as the site file does."),
	ROW(AUTH, false, 9, "pg_hba.conf says which way this login must go "
	    "(peer: the operating system's user has the role's name)."),
	ROW(CLIENT, false, 9, "Correct the database's entry in the site file."),
	ROW(OTHER, false, 8, "Its log has the whole story."),
};
#undef ROW

#define X(id, word, text) { word, text },
static const struct {
	const char *name, *text;
} nos[PG_NO_COUNT] = { PG_NOS(X) };
#undef X

const char *
pg_no_name(enum pg_no no)
{
	return nos[no].name;
}

const char *
pg_no_text(enum pg_no no)
{
	return nos[no].text;
}

const char *
pg_no_next(enum pg_no no)
{
	return advice[no].next;
}

bool
pg_no_retry(enum pg_no no)
{
	return advice[no].retry;
}

int
pg_no_rank(enum pg_no no)
{
	return advice[no].rank;
}

/* --- what was said ------------------------------------------------------- */

void
pg_said_release(struct pg_said *s)
{
	buf_release(&s->text);
	buf_release(&s->detail);
}

/* In "...: FATAL:  28P01: password ...": what stands behind the code. */
static const char *
after_code(const char *line, size_t n, char code[6])
{
	for (size_t i = 0; i + 10 <= n; i++) {
		size_t k = 0;

		if (memcmp(line + i, ":  ", 3) != 0)
			continue;
		while (k < 5 && (isdigit((unsigned char)line[i + 3 + k]) ||
		    isupper((unsigned char)line[i + 3 + k])))
			k++;
		if (k == 5 && memcmp(line + i + 8, ": ", 2) == 0) {
			memcpy(code, line + i + 3, 5);
			code[5] = '\0';
			return line + i + 10;
		}
	}
	return NULL;
}

/* "DETAIL:  " at the beginning of a line, in any language. */
static const char *
after_label(const char *line, size_t n)
{
	const char *colon = memmem(line, n, ":  ", 3);

	if (colon == NULL || colon == line)
		return NULL;
	for (const char *p = line; p < colon; p++)
		if (strchr(" \t\":,.(", *p) != NULL)
			return NULL;
	return colon + 3;
}

static bool
is_routine_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* "LOCATION:  auth_failed, auth.c:335", the label in any language; Greek and
 * French have spaces around the second colon, too. */
static bool
take_routine(struct pg_said *s, const char *line, size_t n)
{
	size_t end = n, begin;

	while (end > 0 && isdigit((unsigned char)line[end - 1]))
		end--;
	if (end == n)
		return false;
	while (end > 0 && strchr(": \xc2\xa0", line[end - 1]) != NULL)
		end--;
	if (end < 2 || memcmp(line + end - 2, ".c", 2) != 0)
		return false;
	while (end >= 2 && memcmp(line + end - 2, ", ", 2) != 0)
		end--;
	if (end < 2)
		return false;
	end -= 2;
	for (begin = end; begin > 0 && is_routine_char(line[begin - 1]);)
		begin--;
	if (begin == 0 || line[begin - 1] != ' ' || begin == end ||
	    end - begin >= sizeof s->routine)
		return false;
	memcpy(s->routine, line + begin, end - begin);
	s->routine[end - begin] = '\0';
	return true;
}

/* Names in the words may hold anything, line ends and labels too: the first
 * code counts, since the server's own comes first, and the last place. */
void
pg_said_parse(struct pg_said *s, const char *message)
{
	bool in_text = true;

	for (const char *p = message; *p != '\0';) {
		size_t n = strcspn(p, "\n");
		const char *end = p + n, *at;

		if (s->sqlstate[0] == '\0') {
			at = after_code(p, n, s->sqlstate);
			if (at != NULL)
				buf_add(&s->text, at, (size_t)(end - at));
		} else if (take_routine(s, p, n))
			in_text = false;
		else if ((at = after_label(p, n)) != NULL) {
			if (s->detail.n == 0)	/* hints come after it */
				buf_add(&s->detail, at, (size_t)(end - at));
			in_text = false;
		} else if (in_text) {
			buf_ch(&s->text, '\n');
			buf_add(&s->text, p, n);
		}
		p = end + (*end == '\n');
	}
}

/* The words decide only between what the code leaves open, and only when they
 * are these. */
static bool
says(const struct pg_said *s, const char *fmt, const char *name)
{
	struct buf b = BUF_INIT;
	const char *at = strchr(fmt, '@');
	bool same;

	if (at == NULL)
		buf_str(&b, fmt);
	else {
		buf_add(&b, fmt, (size_t)(at - fmt));
		buf_printf(&b, "%s%s", name, at + 1);
	}
	same = b.n == s->text.n && memcmp(b.p, s->text.p, b.n) == 0;
	buf_release(&b);
	return same;
}

static enum pg_no
no_of_28000(const struct pg_said *s, const char *user)
{
	if (strcmp(s->routine, "ClientAuthentication") == 0)
		return PG_NO_HBA;
	if (strcmp(s->routine, "InitializeSessionUserId") != 0)
		return PG_NO_AUTH;	/* auth_failed: peer, ldap, cert ... */
	if (says(s, "role \"@\" does not exist", user))
		return PG_NO_ROLE;
	if (says(s, "role \"@\" is not permitted to log in", user))
		return PG_NO_LOCKED;
	return PG_NO_ROLE_OR_LOCKED;
}

static enum pg_no
no_of_57p03(const struct pg_said *s)
{
	static const struct {
		const char *words;
		enum pg_no no;
	} rows[] = {
		{ "the database system is starting up", PG_NO_STARTING },
		{ "the database system is in recovery mode", PG_NO_STARTING },
		{ "the database system is not yet accepting connections",
		    PG_NO_STARTING },
		{ "the database system is not accepting connections",
		    PG_NO_STARTING },
		{ "the database system is shutting down", PG_NO_STOPPING },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (says(s, rows[i].words, ""))
			return rows[i].no;
	return PG_NO_NOT_NOW;
}

enum pg_no
pg_no_of_said(const struct pg_said *s, const char *user)
{
	static const struct {
		const char *code, *routine;	/* NULL: any */
		enum pg_no no;
	} rows[] = {
		{ "28P01", NULL, PG_NO_PASSWORD },
		{ "3D000", NULL, PG_NO_DATABASE },
		{ "57P04", NULL, PG_NO_DATABASE },	/* dropped just now */
		{ "42501", "CheckMyDatabase", PG_NO_NO_CONNECT },
		{ "42501", "", PG_NO_NO_CONNECT },
		{ "42501", NULL, PG_NO_CLIENT },	/* a setting's */
		{ "42704", NULL, PG_NO_CLIENT },
		{ "42601", NULL, PG_NO_CLIENT },
		{ "22023", NULL, PG_NO_CLIENT },
		{ "55000", NULL, PG_NO_CLOSED },
		{ "53300", NULL, PG_NO_FULL },
		{ "57P01", NULL, PG_NO_STOPPING },
		{ "57P02", NULL, PG_NO_STOPPING },
	};

	if (strcmp(s->sqlstate, "28000") == 0)
		return no_of_28000(s, user);
	if (strcmp(s->sqlstate, "57P03") == 0)
		return no_of_57p03(s);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(s->sqlstate, rows[i].code) == 0 &&
		    (rows[i].routine == NULL ||
		    strcmp(s->routine, rows[i].routine) == 0))
			return rows[i].no;
	return PG_NO_OTHER;
}

/* libpq keeps errno to itself, but writes strerror() at the end of a line, in
 * the language that strerror() speaks here and now. */
enum pg_no
pg_no_of_errno(const char *message, int *ret_errno)
{
	static const struct {
		int sys;
		enum pg_no no;
	} rows[] = {
		{ ECONNREFUSED, PG_NO_REFUSED },
		{ ENOENT, PG_NO_REFUSED },		/* no socket file */
		{ EHOSTUNREACH, PG_NO_UNREACHABLE },
		{ ENETUNREACH, PG_NO_UNREACHABLE },
		{ ENETDOWN, PG_NO_UNREACHABLE },
		{ EHOSTDOWN, PG_NO_UNREACHABLE },
		{ ETIMEDOUT, PG_NO_UNREACHABLE },
		{ EAGAIN, PG_NO_UNREACHABLE },	/* a socket's queue is full */
		{ ENOTCONN, PG_NO_UNREACHABLE },	/* likewise */
		{ EADDRNOTAVAIL, PG_NO_UNREACHABLE },
		{ ECONNRESET, PG_NO_DROPPED },
		{ EPIPE, PG_NO_DROPPED },
		{ ECONNABORTED, PG_NO_DROPPED },
		{ EACCES, PG_NO_DENIED },
		{ EPERM, PG_NO_UNREACHABLE },	/* a firewall of this host */
		{ EMFILE, PG_NO_CLIENT },
	};
	struct buf b = BUF_INIT;
	enum pg_no no = PG_NO_NONE;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_clear(&b);
		buf_printf(&b, ": %s\n", strerror(rows[i].sys));
		if (strstr(message, b.p) != NULL) {
			*ret_errno = rows[i].sys;
			no = rows[i].no;
			break;
		}
	}
	buf_release(&b);
	return no;
}

void
pg_add_words(struct buf *out, const char *s, size_t n)
{
	size_t at = out->n;

	n = text_fit(s, n, WORDS_MAX);
	while (n > 0 && strchr(" \t\n.", s[n - 1]) != NULL)
		n--;
	buf_add(out, s, n);
	for (; at < out->n; at++)
		if (out->p[at] == '\n' || out->p[at] == '\t')
			out->p[at] = ' ';
}

const char *
pg_no_words(const char *message)
{
	const char *cut = strstr(message, " failed: ");

	if (text_starts(message, "connection to server ") && cut != NULL)
		return cut + strlen(" failed: ");
	return message;
}
