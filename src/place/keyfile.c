/* A private key's file from outside: of which kind it is, whether it wants a
 * passphrase, and its public half. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "place/agent.h"

enum { FILE_MAX = 64 << 10, MAGIC = 15 };	/* "openssh-key-v1" and its zero */

bool
key_can_use(const char *kind)
{
	return strcmp(kind, "ssh-ed25519") == 0 ||
	    strcmp(kind, "ecdsa-sha2-nistp256") == 0 ||
	    strcmp(kind, "ecdsa-sha2-nistp384") == 0 ||
	    strcmp(kind, "ecdsa-sha2-nistp521") == 0;
}

/* Up to the first character that cannot be in it. */
static void
unbase64(struct buf *out, const char *s)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
	    "tuvwxyz0123456789+/";
	unsigned v = 0, bits = 0;

	for (; *s != '\0' && *s != '-' && *s != ' '; s++) {
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

/* The public half begins with its kind. */
static void
take_blob(struct key_head *h, const char *blob, size_t n)
{
	size_t at = 0, kind_n = 0;
	const char *kind;

	buf_clear(&h->blob);
	buf_add(&h->blob, blob, n);
	kind = agent_string(&h->blob, &at, &kind_n);
	if (kind != NULL && kind_n > 0)
		snprintf(h->kind, sizeof h->kind, "%.*s", (int)kind_n, kind);
}

static void
openssh(struct key_head *h, const char *base64)
{
	struct buf raw = BUF_INIT;
	size_t at = MAGIC, n = 0;
	const char *s;

	unbase64(&raw, base64);
	s = agent_string(&raw, &at, &n);	/* the cipher */
	h->locked = s && (n != 4 || memcmp(s, "none", 4) != 0);
	if (s && agent_string(&raw, &at, &n) && agent_string(&raw, &at, &n)) {
		at += 4;			/* how many keys */
		s = agent_string(&raw, &at, &n);
		if (s && n > 4)
			take_blob(h, s, n);
	}
	if (raw.n > 0)
		explicit_bzero(raw.p, raw.n);
	buf_release(&raw);
}

/* "ssh-ed25519 AAAA... whose" */
static bool
public_line(struct key_head *h, const char *text)
{
	const char *space = strchr(text, ' ');
	struct buf raw = BUF_INIT;
	bool yes;

	if (space == NULL)
		return false;
	unbase64(&raw, space + 1);
	if (raw.n > 4)
		take_blob(h, raw.p, raw.n);
	yes = strlen(h->kind) == (size_t)(space - text) &&
	    strncmp(h->kind, text, strlen(h->kind)) == 0;
	if (!yes) {
		buf_clear(&h->blob);
		snprintf(h->kind, sizeof h->kind, "unknown");
	}
	buf_release(&raw);
	return yes;
}

/* PEM says nothing of its public half, but that often lies beside it. */
static bool
from_pub(struct key_head *h, const char *path)
{
	char *pub = xprintf("%s.pub", path);
	struct buf text = BUF_INIT;
	bool yes = file_read(pub, &text, FILE_MAX, NULL) &&
	    public_line(h, text.p);

	buf_release(&text);
	free(pub);
	return yes;
}

bool
key_head(const char *path, struct key_head *ret)
{
	struct buf text = BUF_INIT;
	const char *begin, *word;

	*ret = (struct key_head){ .kind = "unknown", .blob = BUF_INIT };
	if (!file_read(path, &text, FILE_MAX, NULL)) {
		buf_release(&text);
		ret->public = from_pub(ret, path);
		return ret->public;
	}
	begin = strstr(text.p, "-----BEGIN ");
	word = begin != NULL ? begin + strlen("-----BEGIN ") : "";
	if (text_starts(word, "OPENSSH PRIVATE KEY-----"))
		openssh(ret, strchr(word, '\n') ? strchr(word, '\n') : "");
	else if (text_starts(word, "ENCRYPTED PRIVATE KEY-----")) {
		ret->locked = true;
		from_pub(ret, path);
	} else if (begin != NULL) {
		ret->locked = strstr(begin, "\nProc-Type: 4,ENCRYPTED") != NULL;
		from_pub(ret, path);
		if (text_starts(word, "EC "))
			snprintf(ret->kind, sizeof ret->kind,
			    "ecdsa-sha2-nistp256");
	} else
		ret->public = public_line(ret, text.p);
	/* of PKCS 8 libssh2 reads these alone; ssh(1) has to try the others */
	if (begin != NULL && !text_starts(word, "OPENSSH ") &&
	    !text_starts(ret->kind, "ecdsa-"))
		snprintf(ret->kind, sizeof ret->kind, "unknown");
	if (text.n > 0)
		explicit_bzero(text.p, text.n);
	buf_release(&text);
	return true;
}

void
key_head_release(struct key_head *h)
{
	buf_release(&h->blob);
}
