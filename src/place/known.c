#include "place/known.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sha.h"
#include "base/text.h"
#include "place/conn.h"

const char *const known_kinds[KNOWN_KINDS] = { "ssh-ed25519",
	"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521" };

static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
    "tuvwxyz0123456789+/";

struct line {
	const char *marker, *hosts, *kind, *key;
};

/* --- keys ---------------------------------------------------------------- */

static bool
base64(char *out, size_t size, const unsigned char *s, size_t n)
{
	size_t o = 0;

	if ((n + 2) / 3 * 4 + 1 > size)
		return false;
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)s[i] << 16 |
		    (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0) |
		    (i + 2 < n ? s[i + 2] : 0);

		out[o++] = abc[v >> 18];
		out[o++] = abc[v >> 12 & 63];
		out[o++] = i + 1 < n ? abc[v >> 6 & 63] : '=';
		out[o++] = i + 2 < n ? abc[v & 63] : '=';
	}
	out[o] = '\0';
	return true;
}

static void
fingerprint(struct known_key *k, const void *blob, size_t n)
{
	unsigned char raw[SHA_BYTES];
	char hex[SHA_HEX], text[56], two[3] = "";

	sha_of(blob, n, hex);
	for (size_t i = 0; i < SHA_BYTES; i++) {
		memcpy(two, hex + 2 * i, 2);
		raw[i] = (unsigned char)strtoul(two, NULL, 16);
	}
	(void)base64(text, sizeof text, raw, sizeof raw);
	text[strcspn(text, "=")] = '\0';
	snprintf(k->print, sizeof k->print, "SHA256:%s", text);
}

bool
known_key(struct known_key *k, const void *blob, size_t n)
{
	const unsigned char *s = blob;
	size_t kind;

	if (n < 8 || s[0] || s[1] || s[2])
		return false;
	kind = s[3];
	if (kind == 0 || kind > n - 4 || kind >= sizeof k->kind)
		return false;
	for (size_t i = 0; i < kind; i++)
		if (s[4 + i] <= ' ' || s[4 + i] > '~')
			return false;
	memcpy(k->kind, s + 4, kind);
	k->kind[kind] = '\0';
	fingerprint(k, blob, n);
	return base64(k->b64, sizeof k->b64, s, n);
}

bool
known_key_of_b64(struct known_key *k, const char *b64)
{
	struct buf raw = BUF_INIT;
	unsigned v = 0, bits = 0;
	bool ok = true;

	for (; ok && *b64 != '\0' && *b64 != '='; b64++) {
		const char *at = strchr(abc, *b64);

		ok = at != NULL;
		v = (v << 6 | (unsigned)(at ? at - abc : 0)) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_ch(&raw, (char)(v >> bits & 255));
		}
	}
	ok = ok && known_key(k, raw.p, raw.n);
	buf_release(&raw);
	return ok;
}

/* --- names --------------------------------------------------------------- */

void
known_name(const struct place_host *h, struct buf *out)
{
	if (h->key_alias)
		buf_str(out, h->key_alias);
	else if (h->port == 22)
		buf_str(out, h->name);
	else
		buf_printf(out, "[%s]:%d", h->name, h->port);
}

/* Names are compared in lower case, as ssh does. */
static bool
glob(const char *p, const char *s)
{
	const char *star = NULL, *back = s;

	while (*s != '\0')
		if (*p == '*') {
			star = p++;
			back = s;
		} else if (*p == '?' || tolower((unsigned char)*p) ==
		    tolower((unsigned char)*s)) {
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

/* "|1|salt|hash", 20 bytes each. libssh2 leaks what is not quite that. */
static bool
is_hashed(const char *s)
{
	for (int i = 0; i < 2; i++) {
		if (strncmp(s, i ? "|" : "|1|", i ? 1 : 3) != 0)
			return false;
		s += i ? 1 : 3;
		if (strspn(s, abc) != 27 || s[27] != '=')
			return false;
		s += 28;
	}
	return *s == '\0';
}

/* A key of its own: only the name is asked about. */
static bool
hashed_match(const char *hosts, const char *name)
{
	static const char key[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	LIBSSH2_SESSION *s = libssh2_session_init_ex(NULL, NULL, NULL, NULL);
	LIBSSH2_KNOWNHOSTS *kh = s ? libssh2_knownhost_init(s) : NULL;
	char *text = xprintf("%s ssh-rsa %s\n", hosts, key);
	bool yes = kh && libssh2_knownhost_readline(kh, text, strlen(text),
	    LIBSSH2_KNOWNHOST_FILE_OPENSSH) == 0 &&
	    libssh2_knownhost_checkp(kh, name, -1, key, strlen(key),
	    LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_BASE64,
	    NULL) == LIBSSH2_KNOWNHOST_CHECK_MATCH;

	if (kh)
		libssh2_knownhost_free(kh);
	if (s)
		(void)libssh2_session_free(s);
	free(text);
	return yes;
}

static bool
matches(const char *hosts, const char *name)
{
	bool yes = false;
	char *list, *rest, *one;

	if (hosts[0] == '|')
		return is_hashed(hosts) && hashed_match(hosts, name);
	rest = list = xstrdup(hosts);
	while ((one = strsep(&rest, ",")) != NULL)
		if (*one == '!' && glob(one + 1, name)) {
			yes = false;
			break;
		} else if (*one != '!' && glob(one, name))
			yes = true;
	free(list);
	return yes;
}

/* --- lines --------------------------------------------------------------- */

static void
weigh(struct known *v, const struct line *l, const char *at, const char *key)
{
	bool same = strcmp(l->key, key) == 0;

	if (l->marker && strcmp(l->marker, "@revoked") == 0) {
		if (same)
			snprintf(v->revoked_at, sizeof v->revoked_at, "%s", at);
		v->revoked = v->revoked || same;
		return;
	}
	if (l->marker) {	/* an authority: certificates are for ssh(1) */
		v->other_kind = true;
		return;
	}
	for (int i = 0; i <= KNOWN_KINDS; i++)
		if (i == KNOWN_KINDS) {
			v->other_kind = true;
			v->rsa = v->rsa || strcmp(l->kind, "ssh-rsa") == 0;
		} else if (strcmp(l->kind, known_kinds[i]) == 0) {
			v->kinds[i] = true;
			break;
		}
	snprintf(same ? v->same_at : v->differs_at, KNOWN_AT, "%s", at);
	v->same = v->same || same;
}

static char *
word(char **rest)
{
	char *s = *rest + strspn(*rest, " \t"), *end = s + strcspn(s, " \t\r");

	*rest = *end ? end + 1 : end;
	*end = '\0';
	return s;
}

/* A line with too few words, or whose key cannot be one, is none of ours. */
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
	    strlen(l->key) < KNOWN_B64 &&
	    strspn(l->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
	    "yz0123456789+/=") == strlen(l->key);
}

/* A NUL ends its line, not the file: what is below it counts. */
void
known_read(struct known *v, const char *file, const char *p, size_t n,
    const char *name, const char *key)
{
	struct line l;

	for (int number = 1; n > 0; number++) {
		const char *nl = memchr(p, '\n', n);
		size_t len = nl ? (size_t)(nl - p) : n;
		char at[KNOWN_AT], *text = xstrndup(p, len);

		if (take_apart(text, &l) && matches(l.hosts, name)) {
			snprintf(at, sizeof at, "%.*s:%d", KNOWN_AT - 16, file,
			    number);
			weigh(v, &l, at, key);
		}
		free(text);
		len += nl != NULL;
		p += len;
		n -= len;
	}
}

void
known_ask(struct known *v, const struct place_host *h, const char *key)
{
	struct buf name = BUF_INIT;

	known_name(h, &name);
	for (size_t i = 0; i < h->known_hosts.n; i++) {
		struct buf text = BUF_INIT;

		if (file_read(h->known_hosts.v[i], &text, 16 << 20, NULL))
			known_read(v, h->known_hosts.v[i], text.p, text.n,
			    name.p, key);
		buf_release(&text);
	}
	buf_release(&name);
}

bool
known_verdict(const struct known *v, const struct place_host *h,
    const struct known_key *k, const char *name, struct err *e)
{
	struct buf as = BUF_INIT;

	if (v->revoked) {
		err_set(e, ERR_GUARD, "the host key of '%s' is revoked in %s:"
		    " %s %s", h->name, v->revoked_at, k->kind, k->print);
		return err_hint(e, "Somebody else may have this key. Do not go"
		    " on; ask whoever runs the host.");
	}
	if (v->same)
		return true;
	if (v->differs_at[0] != '\0') {
		err_set(e, ERR_GUARD, "the host key of '%s' has changed: it"
		    " shows %s %s, %s has another", h->name, k->kind, k->print,
		    v->differs_at);
		return err_hint(e, "Either the host was installed anew or"
		    " somebody is in between. Ask; then correct that line.");
	}
	known_name(h, &as);
	err_set(e, ERR_GUARD, "the host key of '%s' is not known: %s %s",
	    h->name, k->kind, k->print);
	err_hint(e, "compare the fingerprint: midwatch trust %s; or add to %s:"
	    " %s %s %s", name, h->trust_file ? h->trust_file :
	    "~/.ssh/known_hosts", as.p, k->kind, k->b64);
	buf_release(&as);
	return false;
}

/* --- of a connection ----------------------------------------------------- */

/* The kinds that are known come first, so that the server shows that key. */
void
conn_known_methods(const struct conn *c, struct buf *out, bool *ret_other)
{
	struct known v = { 0 };
	bool any = false;

	known_ask(&v, &c->host, "");
	for (int known = 1; known >= 0; known--)
		for (int i = 0; i < KNOWN_KINDS; i++)
			if (v.kinds[i] == (known == 1)) {
				buf_printf(out, "%s%s", out->n ? "," : "",
				    known_kinds[i]);
				any = any || known;
			}
	*ret_other = !any && v.other_kind;
}

bool
conn_key(const struct conn *c, struct known_key *k, struct err *e)
{
	size_t n = 0;
	int type;
	const char *blob = libssh2_session_hostkey(c->s, &n, &type);

	return (blob && known_key(k, blob, n)) || err_set(e, ERR_FAILED,
	    "'%s' showed no host key", c->host.name);
}

bool
conn_known_check(const struct conn *c, const struct place_spec *spec,
    struct err *e)
{
	struct known v = { 0 };
	struct known_key k;

	if (!conn_key(c, &k, e))
		return false;
	known_ask(&v, &c->host, k.b64);
	return known_verdict(&v, &c->host, &k, spec->name ? spec->name :
	    c->host.alias, e);
}
