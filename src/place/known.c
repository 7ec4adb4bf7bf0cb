/*
 * Host keys. We read known_hosts ourselves, line by line: libssh2 1.10 stops at
 * the first line it does not understand, and takes @revoked for a host's name.
 * Only the hash of a hashed name is left to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "place/conn.h"

static const char *const kinds[] = { "ssh-ed25519", "ecdsa-sha2-nistp256",
	"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521" };
enum { KINDS = sizeof kinds / sizeof *kinds };

struct line {
	const char *file;
	int number;
	char *marker, *hosts, *kind, *key;
};

struct verdict {
	const struct conn *c;
	char key[2048];			/* the server's, base64; "": not yet */
	bool kinds[KINDS], other_kind;	/* what is known for the host */
	bool same, revoked;
	char differs[200];		/* file:line of another key */
};

static void
base64(char *out, size_t size, const void *from, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
	    "tuvwxyz0123456789+/";
	const unsigned char *s = from;
	size_t o = 0;

	for (size_t i = 0; i < n && o + 5 < size; i += 3) {
		unsigned v = (unsigned)s[i] << 16 |
		    (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0) |
		    (i + 2 < n ? s[i + 2] : 0);

		out[o++] = abc[v >> 18];
		out[o++] = abc[v >> 12 & 63];
		out[o++] = i + 1 < n ? abc[v >> 6 & 63] : '=';
		out[o++] = i + 2 < n ? abc[v & 63] : '=';
	}
	out[o] = '\0';
}

/* The name under which ssh keeps a host's key. */
static void
host_name(const struct conn *c, struct buf *out)
{
	const struct place_host *h = &c->host;

	if (h->key_alias)
		buf_str(out, h->key_alias);
	else if (h->port == 22)
		buf_str(out, h->name);
	else
		buf_printf(out, "[%s]:%d", h->name, h->port);
}

static bool
glob(const char *p, const char *s)
{
	const char *star = NULL, *back = s;

	while (*s != '\0')
		if (*p == '*') {
			star = p++;
			back = s;
		} else if (*p == '?' || *p == *s) {
			p++;
			s++;
		} else if (star) {
			p = star + 1;
			s = ++back;
		} else
			return false;
	while (*p == '*')
		p++;
	return *p == '\0';
}

static bool
hashed_match(const struct conn *c, const struct line *l, const char *name)
{
	LIBSSH2_KNOWNHOSTS *kh = libssh2_knownhost_init(c->s);
	char *text = xprintf("%s %s %s\n", l->hosts, l->kind, l->key);
	int r = LIBSSH2_KNOWNHOST_CHECK_NOTFOUND;

	if (kh && libssh2_knownhost_readline(kh, text, strlen(text),
	    LIBSSH2_KNOWNHOST_FILE_OPENSSH) == 0)
		r = libssh2_knownhost_checkp(kh, name, -1, l->key,
		    strlen(l->key), LIBSSH2_KNOWNHOST_TYPE_PLAIN |
		    LIBSSH2_KNOWNHOST_KEYENC_BASE64, NULL);
	if (kh)
		libssh2_knownhost_free(kh);
	free(text);
	return r == LIBSSH2_KNOWNHOST_CHECK_MATCH ||
	    r == LIBSSH2_KNOWNHOST_CHECK_MISMATCH;
}

static bool
matches(const struct conn *c, const struct line *l, const char *name)
{
	bool yes = false;
	char *list, *rest, *one;

	if (l->hosts[0] == '|')
		return strncmp(l->hosts, "|1|", 3) == 0 &&
		    strlen(l->hosts) < 100 && hashed_match(c, l, name);
	rest = list = xstrdup(l->hosts);
	while ((one = strsep(&rest, ",")) != NULL)
		if (*one == '!' && glob(one + 1, name)) {
			yes = false;
			break;
		} else if (glob(one, name))
			yes = true;
	free(list);
	return yes;
}

static void
weigh(struct verdict *v, const struct line *l)
{
	bool same = strcmp(l->key, v->key) == 0;

	if (l->marker && strcmp(l->marker, "@revoked") == 0) {
		v->revoked = v->revoked || same;
		return;
	}
	if (l->marker) {	/* an authority: certificates are for ssh(1) */
		v->other_kind = true;
		return;
	}
	for (int i = 0; i <= KINDS; i++)
		if (i == KINDS)
			v->other_kind = true;
		else if (strcmp(l->kind, kinds[i]) == 0) {
			v->kinds[i] = true;
			break;
		}
	v->same = v->same || same;
	if (!same)
		snprintf(v->differs, sizeof v->differs, "%s:%d", l->file,
		    l->number);
}

static char *
word(char **rest)
{
	char *s = *rest + strspn(*rest, " \t"), *end = s + strcspn(s, " \t\r");

	*rest = *end ? end + 1 : end;
	*end = '\0';
	return s;
}

/* A line too long or with too few words is none of ours. */
static bool
take_apart(char *text, struct line *l)
{
	char *rest = text;

	l->marker = NULL;
	l->hosts = word(&rest);
	if (l->hosts[0] == '@') {
		l->marker = l->hosts;
		l->hosts = word(&rest);
	}
	l->kind = word(&rest);
	l->key = word(&rest);
	return l->hosts[0] != '#' && strlen(l->key) >= 16 &&
	    strlen(l->key) < sizeof ((struct verdict *)0)->key &&
	    strspn(l->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
	    "yz0123456789+/=") == strlen(l->key);
}

static void
weigh_all(struct verdict *v)
{
	struct buf name = BUF_INIT;

	host_name(v->c, &name);
	for (size_t i = 0; i < v->c->host.known_hosts.n; i++) {
		struct line l = { .file = v->c->host.known_hosts.v[i] };
		struct buf text = BUF_INIT;
		char *rest, *one;

		if (file_read(l.file, &text, 16 << 20, NULL))
			for (rest = text.p; (one = strsep(&rest, "\n"));) {
				l.number++;
				if (take_apart(one, &l) &&
				    matches(v->c, &l, name.p))
					weigh(v, &l);
			}
		buf_release(&text);
	}
	buf_release(&name);
}

/* The kinds that are known come first, so that the server shows that key. */
void
conn_known_methods(const struct conn *c, struct buf *out, bool *ret_other)
{
	struct verdict v = { .c = c };
	bool any = false;

	weigh_all(&v);
	for (int known = 1; known >= 0; known--)
		for (int i = 0; i < KINDS; i++)
			if (v.kinds[i] == (known == 1)) {
				buf_printf(out, "%s%s", out->n ? "," : "",
				    kinds[i]);
				any = any || known;
			}
	*ret_other = !any && v.other_kind;
}

static bool
server_key(const struct conn *c, char *b64, size_t size, char *kind,
    size_t kind_size)
{
	size_t n = 0, k;
	int type;
	const char *key = libssh2_session_hostkey(c->s, &n, &type);

	if (key == NULL || n < 8)
		return false;
	k = (size_t)(unsigned char)key[3];
	if (k > n - 4)
		return false;
	base64(b64, size, key, n);
	snprintf(kind, kind_size, "%.*s", (int)k, key + 4);
	return true;
}

void
conn_host_line(const struct conn *c, struct buf *out)
{
	char key[2048], kind[64];

	if (!server_key(c, key, sizeof key, kind, sizeof kind))
		return;
	host_name(c, out);
	buf_printf(out, " %s %s", kind, key);
}

static void
fingerprint(const struct conn *c, char *out, size_t size)
{
	const char *sha = libssh2_hostkey_hash(c->s,
	    LIBSSH2_HOSTKEY_HASH_SHA256);
	char b64[64] = "?";

	if (sha)
		base64(b64, sizeof b64, sha, 32);
	b64[strcspn(b64, "=")] = '\0';
	snprintf(out, size, "SHA256:%s", b64);
}

bool
conn_known_check(const struct conn *c, const struct place_spec *spec,
    struct err *e)
{
	struct verdict v = { .c = c };
	struct buf line = BUF_INIT;
	char kind[64], print[80];

	(void)spec;
	if (!server_key(c, v.key, sizeof v.key, kind, sizeof kind))
		return err_set(e, ERR_FAILED, "'%s' showed no host key",
		    c->host.name);
	fingerprint(c, print, sizeof print);
	weigh_all(&v);
	if (v.revoked) {
		err_set(e, ERR_GUARD, "the host key of '%s' is revoked: %s %s",
		    c->host.name, kind, print);
		return err_hint(e, "Somebody else may have this key. Do not go"
		    " on; ask whoever runs the host.");
	}
	if (v.same)
		return true;
	if (v.differs[0] != '\0') {
		err_set(e, ERR_GUARD, "the host key of '%s' has changed: it"
		    " shows %s %s, %s has another", c->host.name, kind, print,
		    v.differs);
		return err_hint(e, "Either the host was installed anew or"
		    " somebody is in between. Ask; then correct that line.");
	}
	conn_host_line(c, &line);
	err_set(e, ERR_GUARD, "the host key of '%s' is not known: %s %s",
	    c->host.name, kind, print);
	err_hint(e, "compare the fingerprint, then add to %s: %s",
	    c->host.known_hosts.n ? c->host.known_hosts.v[0] :
	    "~/.ssh/known_hosts", line.p);
	buf_release(&line);
	return false;
}
