/* The words for the system's ssh. It reads the same configuration; what the
 * site file says goes before it. Bastions are a ProxyCommand each. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "place/intern.h"

static void
add(struct place_args *a, const char *s)
{
	VEC_PUSH(&a->words, xstrdup(s));
}

static void
option(struct place_args *a, const char *key, const char *value)
{
	add(a, "-o");
	VEC_PUSH(&a->words, xprintf("%s=%s", key, value));
}

static void args_of(struct place_args *a, const struct place_spec *s,
    const char *forward);

/* ssh gives it to a shell, after it has replaced %h and %p. */
static void
proxy(struct place_args *a, const struct place_spec *via)
{
	struct place_args inner = { 0 };
	struct buf b = BUF_INIT, line = BUF_INIT;

	args_of(&inner, via, "[%h]:%p");
	for (size_t i = 0; i < inner.words.n; i++) {
		if (i > 0)
			buf_ch(&b, ' ');
		text_shell(&b, inner.words.v[i]);
	}
	for (size_t i = 0; i < b.n; i++) {
		bool ours = strncmp(b.p + i, "%h]:%p", 6) == 0 ||
		    strncmp(b.p + i, "%p", 2) == 0;

		buf_str(&line, b.p[i] == '%' && !ours ? "%%" :
		    (char[]){ b.p[i], '\0' });
	}
	option(a, "ProxyCommand", line.p);
	buf_release(&b);
	buf_release(&line);
	place_args_release(&inner);
}

static void
args_of(struct place_args *a, const struct place_spec *s, const char *forward)
{
	add(a, "ssh");
	if (s->config) {
		add(a, "-F");
		add(a, s->config);
	}
	if (forward) {
		add(a, "-W");
		add(a, forward);
	} else
		add(a, "-T");
	option(a, "BatchMode", "yes");
	option(a, "StrictHostKeyChecking", "yes");
	option(a, "ConnectTimeout", "10");
	option(a, "ServerAliveInterval", "10");
	option(a, "ServerAliveCountMax", "3");
	option(a, "ControlPath", "none");
	option(a, "ClearAllForwardings", forward ? "no" : "yes");
	/* what a configuration may say for people at a terminal, and would
	 * break what we run or mix into what it says */
	option(a, "RemoteCommand", "none");
	option(a, "PermitLocalCommand", "no");
	option(a, "ForwardAgent", "no");
	option(a, "ForwardX11", "no");
	if (s->known_hosts)
		option(a, "UserKnownHostsFile", s->known_hosts);
	if (s->identity) {
		add(a, "-i");
		add(a, s->identity);
	}
	if (s->port) {
		add(a, "-p");
		VEC_PUSH(&a->words, xprintf("%d", s->port));
	}
	if (s->user) {
		add(a, "-l");
		add(a, s->user);
	}
	if (s->via)
		proxy(a, s->via);
	add(a, "--");
	add(a, s->host);
}

/* ssh(1) with more options in front: of an option the first one counts. */
static void
args_with(struct place_args *a, const struct place *p,
    const struct place_args *front)
{
	struct place_args all = { 0 };

	args_of(&all, p->hostspec, NULL);
	VEC_PUSH(&a->words, all.words.v[0]);
	for (size_t i = 0; i < front->words.n; i++)
		VEC_PUSH(&a->words, front->words.v[i]);
	if (p->host.newer) {
		option(a, "SessionType", "default");
		option(a, "StdinNull", "no");
	}
	for (size_t i = 1; i < all.words.n; i++)
		VEC_PUSH(&a->words, all.words.v[i]);
	VEC_RELEASE(&all.words);
}

static void
known_option(struct place_args *a, const struct place *p)
{
	if (p->host.known_nowhere)
		option(a, "UserKnownHostsFile", p->host.trust_file);
}

void
place_system_args(struct place_args *a, const struct place *p)
{
	struct place_args front = { 0 };

	if (p->care.no_agent)
		option(&front, "IdentityAgent", "none");
	known_option(&front, p);
	args_with(a, p, &front);
	VEC_RELEASE(&front.words);
}

/* A way in that stays, and no command: "PATH:HOST:PORT". What the configuration
 * forwards comes with it, and may fail: ssh cannot clear one and keep the other.
 */
void
place_system_forward(struct place_args *a, const struct place *p,
    const char *forward)
{
	struct place_args front = { 0 };

	add(&front, "-N");
	option(&front, "ClearAllForwardings", "no");
	option(&front, "ExitOnForwardFailure", "no");
	option(&front, "StreamLocalBindMask", "0177");
	option(&front, "LogLevel", "INFO");
	add(&front, "-L");
	add(&front, forward);
	known_option(&front, p);
	args_with(a, p, &front);
	VEC_RELEASE(&front.words);
}

void
place_system_scan(struct place_args *a, const struct place *p,
    const char *file, const char *methods)
{
	struct place_args front = { 0 };

	option(&front, "StrictHostKeyChecking", "no");
	option(&front, "UserKnownHostsFile", file);
	option(&front, "GlobalKnownHostsFile", "/dev/null");
	option(&front, "HashKnownHosts", "no");
	option(&front, "UpdateHostKeys", "no");
	option(&front, "CheckHostIP", "no");
	option(&front, "VerifyHostKeyDNS", "no");
	option(&front, "PreferredAuthentications", "none");
	option(&front, "PermitLocalCommand", "no");
	option(&front, "HostKeyAlgorithms", methods);
	args_with(a, p, &front);
	VEC_RELEASE(&front.words);
}

void
place_args_release(struct place_args *a)
{
	for (size_t i = 0; i < a->words.n; i++)
		free(a->words.v[i]);
	VEC_RELEASE(&a->words);
}
