/* Who we are: an agent's keys, then key files. ed25519 and ecdsa only; libssh2
 * 1.10 signs with RSA as no server accepts it any more. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "place/conn.h"

struct auth {
	struct conn *c;
	int64_t until;
	int agent;
	struct buf tried;		/* for the message */
	bool left_out;			/* a key that only ssh(1) can use */
	const unsigned char *blob;	/* of the agent's key in turn */
	size_t blob_n;
};

static void
tried(struct auth *a, const char *what, const char *why)
{
	buf_printf(&a->tried, "%s%s (%s)", a->tried.n ? ", " : "", what, why);
}

static bool
can_use(const char *kind)
{
	return strcmp(kind, "ssh-ed25519") == 0 ||
	    strcmp(kind, "ecdsa-sha2-nistp256") == 0 ||
	    strcmp(kind, "ecdsa-sha2-nistp384") == 0 ||
	    strcmp(kind, "ecdsa-sha2-nistp521") == 0;
}

/* --- the agent: our own few lines, since libssh2's waits for ever -------- */

static void
put32(struct buf *b, size_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_ch(b, (char)(n >> shift & 255));
}

static size_t
get32(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	return (size_t)u[0] << 24 | (size_t)u[1] << 16 | (size_t)u[2] << 8 |
	    u[3];
}

/* The string at *at, its length; NULL: there is none. */
static const char *
next_string(const struct buf *b, size_t *at, size_t *ret_n)
{
	const char *s;

	if (*at > b->n || b->n - *at < 4)
		return NULL;
	*ret_n = get32(b->p + *at);
	s = b->p + *at + 4;
	if (*ret_n > b->n - *at - 4)
		return NULL;
	*at += 4 + *ret_n;
	return s;
}

static bool
agent_ask(struct auth *a, const struct buf *body, struct buf *reply,
    int64_t until)
{
	struct buf msg = BUF_INIT;
	bool ok;

	put32(&msg, body->n);
	buf_add(&msg, body->p, body->n);
	ok = send(a->agent, msg.p, msg.n, MSG_NOSIGNAL) == (ssize_t)msg.n;
	buf_release(&msg);
	buf_clear(reply);
	while (ok && (reply->n < 4 || reply->n - 4 < get32(reply->p))) {
		int64_t slice = clock_mono_ms() + 200;

		if (!place_go_on(a->c->p, until, NULL))
			return false;
		if (io_wait_readable(a->agent, slice < until ? slice : until) == 0)
			continue;
		ok = io_read_some(a->agent, reply, 64 << 10) > 0 &&
		    (reply->n < 4 || get32(reply->p) < 1 << 20);
	}
	if (ok)
		buf_drop(reply, 4);
	return ok && reply->n > 0;
}

static bool
agent_open(struct auth *a)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = a->c->host.agent;

	if (path == NULL || strlen(path) >= sizeof to.sun_path)
		return false;
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	a->agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (a->agent < 0 || connect(a->agent, (struct sockaddr *)&to,
	    sizeof to) != 0) {
		tried(a, "the agent", "it does not answer");
		io_close(&a->agent);
		return false;
	}
	return true;
}

static int
on_sign(LIBSSH2_SESSION *s, unsigned char **sig, size_t *sig_n,
    const unsigned char *data, size_t data_n, void **ctx)
{
	struct auth *a = *ctx;
	struct buf ask = BUF_INIT, reply = BUF_INIT, blob = BUF_INIT;
	size_t at = 1, n = 0;
	const char *p;
	int rc = -1;

	(void)s;
	buf_ch(&ask, 13);		/* SSH_AGENTC_SIGN_REQUEST */
	put32(&ask, a->blob_n);
	buf_add(&ask, a->blob, a->blob_n);
	put32(&ask, data_n);
	buf_add(&ask, data, data_n);
	put32(&ask, 0);
	if (agent_ask(a, &ask, &reply, a->until) && reply.p[0] == 14 &&
	    (p = next_string(&reply, &at, &n)) != NULL) {
		buf_add(&blob, p, n);
		at = 0;			/* its kind, then the signature */
		if (next_string(&blob, &at, &n) &&
		    (p = next_string(&blob, &at, &n)) != NULL) {
			*sig = malloc(n ? n : 1);
			if (*sig == NULL)
				die("out of memory");
			memcpy(*sig, p, n);
			*sig_n = n;
			rc = 0;
		}
	}
	buf_release(&ask);
	buf_release(&reply);
	buf_release(&blob);
	return rc;
}

static bool
agent_try(struct auth *a, struct err *e)
{
	struct buf ask = BUF_INIT, keys = BUF_INIT;
	int64_t soon = clock_mono_ms() + 3000;
	size_t at = 5, count = 0, n = 0;
	bool in = false;
	void *ctx = a;
	int rc;

	if (!agent_open(a))
		return false;
	buf_ch(&ask, 11);		/* SSH_AGENTC_REQUEST_IDENTITIES */
	if (!agent_ask(a, &ask, &keys, soon < a->until ? soon : a->until) ||
	    keys.n < 5 || keys.p[0] != 12)
		tried(a, "the agent", "no answer within 3 s");
	else
		count = get32(keys.p + 1);
	for (size_t i = 0; i < count && !in && e->kind == ERR_NONE; i++) {
		const char *blob = next_string(&keys, &at, &n);
		char kind[64], what[320];
		size_t note_n;
		const char *note;

		if (blob == NULL || n < 4 ||
		    (note = next_string(&keys, &at, &note_n)) == NULL)
			break;
		snprintf(kind, sizeof kind, "%.*s", (int)(get32(blob) < n - 4 ?
		    get32(blob) : n - 4), blob + 4);
		snprintf(what, sizeof what, "%.*s of the agent", (int)note_n,
		    note);
		if (!can_use(kind)) {
			a->left_out = true;
			tried(a, what, "libssh2 cannot use its kind");
			continue;
		}
		a->blob = (const unsigned char *)blob;
		a->blob_n = n;
		CONN_RETRY(a->c, a->until, rc, libssh2_userauth_publickey(
		    a->c->s, a->c->host.user, a->blob, n, on_sign, &ctx), e);
		in = rc == 0;
		if (!in)
			tried(a, what, "refused");
	}
	buf_release(&ask);
	buf_release(&keys);
	io_close(&a->agent);
	return in;
}

/* --- key files ----------------------------------------------------------- */

static void
unbase64(struct buf *out, const char *s)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
	    "tuvwxyz0123456789+/";
	unsigned v = 0, bits = 0;

	for (; *s != '\0' && *s != '-'; s++) {
		const char *at = strchr(abc, *s);

		if (at == NULL)
			continue;
		v = (v << 6 | (unsigned)(at - abc)) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_ch(out, (char)(v >> bits & 255));
		}
	}
}

/* The kind of a private key, as far as it can be seen without its secret. */
static bool
key_kind(const char *path, char *kind, size_t size, bool *ret_locked)
{
	struct buf text = BUF_INIT, raw = BUF_INIT;
	size_t at = 15, n = 0, skip;
	const char *s;
	char *begin;

	*ret_locked = false;
	snprintf(kind, size, "unknown");
	if (!file_read(path, &text, 64 << 10, NULL)) {
		buf_release(&text);
		return false;
	}
	begin = strstr(text.p, "-----BEGIN ");
	if (begin && strncmp(begin, "-----BEGIN OPENSSH PRIVATE KEY-----",
	    35) == 0) {
		unbase64(&raw, begin + 35);
		s = next_string(&raw, &at, &n);
		*ret_locked = s && (n != 4 || memcmp(s, "none", 4) != 0);
		if (s && next_string(&raw, &at, &n) &&
		    next_string(&raw, &at, &n)) {
			at += 4;	/* how many keys */
			s = next_string(&raw, &at, &n);
			skip = 0;
			if (s && n > 4) {
				buf_drop(&raw, (size_t)(s - raw.p));
				s = next_string(&raw, &skip, &n);
				if (s)
					snprintf(kind, size, "%.*s", (int)n, s);
			}
		}
	} else if (begin && strncmp(begin, "-----BEGIN EC ", 14) == 0) {
		snprintf(kind, size, "ecdsa-sha2-nistp256");
		*ret_locked = strstr(begin, "ENCRYPTED") != NULL;
	}
	if (text.n > 0)
		explicit_bzero(text.p, text.n);
	if (raw.n > 0)
		explicit_bzero(raw.p, raw.n);
	buf_release(&text);
	buf_release(&raw);
	return true;
}

static bool
file_try(struct auth *a, const char *path, struct err *e)
{
	const struct place_care *care = &a->c->p->care;
	char kind[64], secret[512] = "";
	bool locked;
	int rc;

	if (!key_kind(path, kind, sizeof kind, &locked))
		return false;
	if (!can_use(kind)) {
		a->left_out = true;
		tried(a, path, "libssh2 cannot use its kind");
		return false;
	}
	if (locked && (!care->secret || !care->secret(care->ctx, path, secret,
	    sizeof secret))) {
		tried(a, path, "it needs a passphrase");
		return false;
	}
	CONN_RETRY(a->c, a->until, rc, libssh2_userauth_publickey_fromfile_ex(
	    a->c->s, a->c->host.user, (unsigned)strlen(a->c->host.user), NULL,
	    path, locked ? secret : NULL), e);
	explicit_bzero(secret, sizeof secret);
	if (rc == 0)
		return true;
	tried(a, path, rc == LIBSSH2_ERROR_FILE ? locked ?
	    "wrong passphrase" : "unreadable" : "refused");
	return false;
}

bool
conn_auth(struct conn *c, const struct place_spec *spec, int64_t until,
    struct buf *ret_why, struct err *e)
{
	struct auth a = { .c = c, .until = until, .agent = -1,
		.tried = BUF_INIT };
	struct err bad = ERR_INIT;
	char *list;
	bool in = false;

	do
		list = libssh2_userauth_list(c->s, c->host.user,
		    (unsigned)strlen(c->host.user));
	while (list == NULL && libssh2_session_last_errno(c->s) ==
	    LIBSSH2_ERROR_EAGAIN && conn_wait(c, until, &bad));
	if (list && !strstr(list, "publickey")) {
		buf_str(ret_why, "it takes no keys");
		goto out;
	}
	if (list == NULL) {
		in = libssh2_userauth_authenticated(c->s) == 1;
		if (!in)
			conn_fail(c, &bad, "the login broke off");
		goto out;
	}
	/* A key that the site file names goes first: servers count attempts. */
	for (size_t i = 0; i < c->host.identities.n && spec->identity && !in &&
	    bad.kind == ERR_NONE; i++)
		in = file_try(&a, c->host.identities.v[i], &bad);
	if (!in && !c->host.identities_only && bad.kind == ERR_NONE)
		in = agent_try(&a, &bad);
	for (size_t i = 0; i < c->host.identities.n && !spec->identity && !in &&
	    bad.kind == ERR_NONE; i++)
		in = file_try(&a, c->host.identities.v[i], &bad);
	if (!in && a.left_out && bad.kind == ERR_NONE)
		buf_str(ret_why, "libssh2 cannot use the kind of the keys");
out:
	if (!in && bad.kind == ERR_NONE) {
		err_set(&bad, ERR_FAILED, "'%s@%s' may not log in: %s",
		    c->host.user, c->host.name, a.tried.n ? a.tried.p :
		    "there is no key to try");
		err_hint(&bad, "try: ssh -v %s@%s; a key with a passphrase can"
		    " be given to ssh-agent", c->host.user, c->host.name);
	}
	if (!in && e)
		*e = bad;
	buf_release(&a.tried);
	return in;
}
