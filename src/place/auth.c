/* Who we are: an agent's keys, then key files. ed25519 and ecdsa only; libssh2
 * 1.10 signs with RSA as no server accepts it any more. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "place/agent.h"
#include "place/conn.h"

struct auth {
	struct conn *c;
	int64_t until;
	struct agent agent;
	struct buf tried;		/* for the message */
	const char *locked;		/* a key whose passphrase nobody told */
	bool left_out;			/* a key that only ssh(1) can use */
	const unsigned char *blob;	/* of the agent's key in turn */
	size_t blob_n;
};

static void
tried(struct auth *a, const char *what, const char *why)
{
	buf_printf(&a->tried, "%s%s (%s)", a->tried.n ? ", " : "", what, why);
}

/* --- the agent ------------------------------------------------------------ */

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
	agent_put32(&ask, a->blob_n);
	buf_add(&ask, a->blob, a->blob_n);
	agent_put32(&ask, data_n);
	buf_add(&ask, data, data_n);
	agent_put32(&ask, 0);
	if (agent_ask(&a->agent, &ask, &reply, a->until) && reply.p[0] == 14 &&
	    (p = agent_string(&reply, &at, &n)) != NULL) {
		buf_add(&blob, p, n);
		at = 0;			/* its kind, then the signature */
		if (agent_string(&blob, &at, &n) &&
		    (p = agent_string(&blob, &at, &n)) != NULL) {
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

/* With IdentitiesOnly an agent's key counts when a file that is named has its
 * public half. */
static bool
is_wanted(const struct place_host *h, const char *blob, size_t n)
{
	bool yes = !h->identities_only;

	for (size_t i = 0; i < h->identities.n && !yes; i++) {
		struct key_head head;

		yes = key_head(h->identities.v[i], &head) &&
		    head.blob.n == n && memcmp(head.blob.p, blob, n) == 0;
		key_head_release(&head);
	}
	return yes;
}

static bool
agent_try(struct auth *a, struct err *e)
{
	struct buf keys = BUF_INIT;
	int64_t soon = clock_mono_ms() + 3000;
	size_t at = 5, count = 0, n = 0;
	bool in = false;
	void *ctx = a;
	int rc;

	if (a->c->host.agent == NULL)
		return false;
	if (!agent_open(&a->agent, a->c->p, a->c->host.agent)) {
		tried(a, "the agent", "it does not answer");
		return false;
	}
	if (!agent_list(&a->agent, &keys, &count, soon < a->until ? soon :
	    a->until))
		tried(a, "the agent", "no answer within 3 s");
	for (size_t i = 0; i < count && !in && e->kind == ERR_NONE; i++) {
		const char *blob = agent_string(&keys, &at, &n);
		char kind[64], what[320];
		size_t note_n;
		const char *note;

		if (blob == NULL || n < 4 ||
		    (note = agent_string(&keys, &at, &note_n)) == NULL)
			break;
		if (!is_wanted(&a->c->host, blob, n))
			continue;
		snprintf(kind, sizeof kind, "%.*s", (int)(agent_get32(blob) <
		    n - 4 ? agent_get32(blob) : n - 4), blob + 4);
		snprintf(what, sizeof what, "%.*s of the agent", (int)note_n,
		    note);
		if (!key_can_use(kind)) {
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
	buf_release(&keys);
	agent_close(&a->agent);
	return in;
}

/* --- key files ----------------------------------------------------------- */

static bool
file_try(struct auth *a, const char *path, bool named, struct err *e)
{
	const struct place_care *care = &a->c->p->care;
	struct key_head head;
	char secret[SECRET_TEXT] = "";
	bool locked;
	int rc;

	if (!key_head(path, &head)) {
		if (named)
			tried(a, path, strerror(access(path, R_OK) != 0 ? errno :
			    EINVAL));
		return false;
	}
	locked = head.locked;
	key_head_release(&head);
	if (head.public) {
		tried(a, path, "only its public half is here, and no agent has "
		    "the other");
		return false;
	}
	if (!key_can_use(head.kind)) {
		a->left_out = true;
		tried(a, path, "libssh2 cannot use its kind");
		return false;
	}
	if (locked && (!care->secret || !care->secret(care->ctx, path, secret,
	    sizeof secret))) {
		a->locked = path;
		tried(a, path, "it needs a passphrase");
		return false;
	}
	CONN_RETRY(a->c, a->until, rc, libssh2_userauth_publickey_fromfile_ex(
	    a->c->s, a->c->host.user, (unsigned)strlen(a->c->host.user), NULL,
	    path, locked ? secret : NULL), e);
	secret_wipe(secret, sizeof secret);
	if (rc == 0)
		return true;
	tried(a, path, rc == LIBSSH2_ERROR_FILE ? locked ?
	    "wrong passphrase" : "unreadable" : "refused");
	return false;
}

static void
not_in(const struct auth *a, const struct place_spec *spec, struct err *e)
{
	const struct place_host *h = &a->c->host;
	struct buf line = BUF_INIT;

	err_set(e, ERR_FAILED, "'%s@%s' may not log in: %s%s", h->user, h->name,
	    a->locked ? "its key needs a passphrase: " : "",
	    a->tried.n ? a->tried.p : "there is no key to try");
	if (a->locked)
		err_hint(e, "ssh-add %s", a->locked);
	else {
		if (h->port != 22)
			buf_printf(&line, "-p %d ", h->port);
		if (spec->identity != NULL)
			buf_printf(&line, "-i %s ", spec->identity);
		err_hint(e, "try: ssh -v %s%s@%s; a key with a passphrase can be "
		    "given to ssh-agent", line.n > 0 ? line.p : "", h->user,
		    h->name);
	}
	buf_release(&line);
}

bool
conn_auth(struct conn *c, const struct place_spec *spec, int64_t until,
    struct buf *ret_why, struct err *e)
{
	struct auth a = { .c = c, .until = until, .agent = { .fd = -1 },
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
		in = file_try(&a, c->host.identities.v[i], true, &bad);
	if (!in && !c->p->care.no_agent && bad.kind == ERR_NONE)
		in = agent_try(&a, &bad);
	for (size_t i = 0; i < c->host.identities.n && !spec->identity && !in &&
	    bad.kind == ERR_NONE; i++)
		in = file_try(&a, c->host.identities.v[i],
		    c->host.identities_only, &bad);
	if (!in && a.left_out && bad.kind == ERR_NONE)
		buf_str(ret_why, "libssh2 cannot use the kind of the keys");
out:
	if (!in && bad.kind == ERR_NONE)
		not_in(&a, spec, &bad);
	if (!in && e)
		*e = bad;
	buf_release(&a.tried);
	return in;
}
