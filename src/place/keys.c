#include "place/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "place/agent.h"
#include "place/conn.h"

enum { AGENT_MS = 2000, DEPTH = 8 };

bool
place_key_locked(const char *path)
{
	struct key_head h;
	bool locked = key_head(path, &h) && h.locked;

	key_head_release(&h);
	return locked;
}

/* A session that goes nowhere: libssh2 reads the key before it says a word, and
 * then finds that there is nobody to say it to. */
static ssize_t
nowhere(libssh2_socket_t fd, const void *p, size_t n, int flags, void **ctx)
{
	(void)fd;
	(void)p;
	(void)n;
	(void)flags;
	(void)ctx;
	return -1;
}

bool
place_key_opens(const char *path, const char *secret)
{
	LIBSSH2_SESSION *s = libssh2_session_init_ex(NULL, NULL, NULL, NULL);
	int rc = LIBSSH2_ERROR_FILE;

	if (s == NULL)
		die("out of memory");
	/* lint: the library keeps every callback as a pointer to data */
	libssh2_session_callback_set(s, LIBSSH2_CALLBACK_SEND,
	    (void *)(uintptr_t)nowhere);
	libssh2_session_set_blocking(s, 0);
	rc = libssh2_userauth_publickey_fromfile_ex(s, "x", 1, NULL, path,
	    secret);
	(void)libssh2_session_free(s);
	return rc != LIBSSH2_ERROR_FILE && rc != 0;
}

/* ---- which --------------------------------------------------------------------- */

/* What the agent of a host holds: its keys one after the other. */
struct holds {
	struct buf list;
	size_t n;
};

static void
ask_agent(struct holds *h, const struct place_host *host, int64_t until)
{
	int64_t latest = clock_mono_ms() + AGENT_MS;
	static const struct place nobody = { .deaf = true };
	struct agent a;

	if (!agent_open(&a, &nobody, host->agent))
		return;
	if (!agent_list(&a, &h->list, &h->n, until != 0 && until < latest ?
	    until : latest))
		h->n = 0;
	agent_close(&a);
}

static bool
is_held(const struct holds *h, const struct buf *blob)
{
	size_t at = 5, n, note_n;

	for (size_t i = 0; i < h->n && blob->n > 0; i++) {
		const char *s = agent_string(&h->list, &at, &n);

		if (s == NULL || !agent_string(&h->list, &at, &note_n))
			return false;
		if (n == blob->n && memcmp(s, blob->p, n) == 0)
			return true;
	}
	return false;
}

static void
add(struct place_keys *k, const char *path)
{
	for (size_t i = 0; i < k->v.n; i++)
		if (strcmp(k->v.v[i], path) == 0)
			return;
	VEC_PUSH(&k->v, xstrdup(path));
}

static void
of_host(struct place_keys *ret, const struct place_host *host, bool named)
{
	struct place_keys locked = { 0 };
	struct holds agent = { .list = BUF_INIT };
	bool other = false;		/* something that needs no passphrase */

	ask_agent(&agent, host, ret->until);
	for (size_t i = 0; i < host->identities.n; i++) {
		const char *path = host->identities.v[i];
		struct key_head h;

		if (key_head(path, &h)) {
			if ((!h.locked && !h.public) || is_held(&agent, &h.blob))
				other = true;
			else if (h.locked && key_can_use(h.kind))
				add(&locked, path);
		}
		key_head_release(&h);
	}
	other = other || (agent.n > 0 && !host->identities_only);
	for (size_t i = 0; i < locked.v.n && (named || !other); i++)
		add(ret, locked.v.v[i]);
	place_keys_release(&locked);
	buf_release(&agent.list);
}

static void
of_spec(struct place_keys *ret, const struct place_spec *spec, int depth)
{
	struct place_host host = { 0 };
	struct err quiet = ERR_INIT;

	if (ret->until != 0 && clock_mono_ms() >= ret->until)
		return;
	if (spec->container != NULL) {
		if (spec->at != NULL && depth < DEPTH)
			of_spec(ret, spec->at, depth + 1);
		return;
	}
	if (spec->via != NULL && depth < DEPTH)
		of_spec(ret, spec->via, depth + 1);
	if (spec->host == NULL || spec->system_ssh)
		return;
	/* ssh(1) takes its time, and would say nothing that matters */
	if (spec->identity != NULL) {
		char *path = place_path_home(spec->identity);
		bool locked = place_key_locked(path);

		free(path);
		if (!locked)
			return;
	}
	if (place_host_find(&host, spec, ret->until, &quiet)) {
		char *word = host.jump != NULL && spec->via == NULL ?
		    xstrdup(host.jump) : NULL;
		struct place_spec via;

		if (word != NULL && depth < DEPTH &&
		    place_jump_spec(&via, word, spec))
			of_spec(ret, &via, depth + 1);
		of_host(ret, &host, spec->identity != NULL);
		free(word);
	}
	place_host_release(&host);
}

void
place_keys_locked(struct place_keys *ret, const struct place_spec *spec)
{
	if (spec != NULL)
		of_spec(ret, spec, 0);
}

void
place_keys_release(struct place_keys *k)
{
	for (size_t i = 0; i < k->v.n; i++)
		free(k->v.v[i]);
	VEC_RELEASE(&k->v);
}

/* ---- whose agent ------------------------------------------------------------------ */

/* Who began to listen there says more than its path: that of an agent of this host
 * looks the same, but the process that bound it has gone to the background, while
 * a session's sshd stays. */
static bool
is_forwarded(const char *socket)
{
	struct ucred who = { .pid = 0 };
	static const struct place nobody = { .deaf = true };
	socklen_t len = sizeof who;
	struct buf name = BUF_INIT;
	struct agent a;
	bool known, yes;
	char *path;

	if (!agent_open(&a, &nobody, socket))
		return false;
	known = getsockopt(a.fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	    who.pid > 0;
	agent_close(&a);
	path = xprintf("/proc/%ld/comm", (long)who.pid);
	yes = known ? file_read(path, &name, 256, NULL) &&
	    text_starts(name.p, "sshd") : strstr(socket, "/ssh-") &&
	    strstr(socket, "/agent.");
	buf_release(&name);
	free(path);
	return yes;
}

bool
place_agent_forwarded(const struct place_spec *spec)
{
	struct place_host host = { 0 };
	struct err quiet = ERR_INIT;
	bool yes = false;

	while (spec != NULL && spec->container != NULL)
		spec = spec->at;
	if (spec == NULL || getenv("SSH_CONNECTION") == NULL)
		return false;
	for (; spec != NULL && spec->host != NULL && !yes; spec = spec->via) {
		if (place_host_find(&host, spec, 0, &quiet) && host.agent != NULL)
			yes = is_forwarded(host.agent);
		place_host_release(&host);
	}
	return yes;
}
