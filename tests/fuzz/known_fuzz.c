/*
 * Any bytes as a known_hosts file. Whatever stands in it, a revocation below it
 * counts and a good line below it is found; a key is only ever known when it is
 * in the file; and the file says what its lines say one by one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "place/known.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char name[] = "[nas.internal]:2222";
static const char key[] = "AAAAC3NzaC1lZDI1NTE5AAAAIKNUvJTcEL2kbVYqEnZCEHUEFtdV0"
    "x0mJ0hUqGzk9Nqv";

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static bool
equal(const struct known *a, const struct known *b)
{
	return a->same == b->same && a->revoked == b->revoked &&
	    a->other_kind == b->other_kind && a->rsa == b->rsa &&
	    memcmp(a->kinds, b->kinds, sizeof a->kinds) == 0 &&
	    (*a->differs_at != '\0') == (*b->differs_at != '\0');
}

static void
below(const char *p, size_t n, const char *marker, struct known *v)
{
	struct buf b = BUF_INIT;

	buf_add(&b, p, n);
	buf_printf(&b, "\n%s%s ssh-ed25519 %s\n", marker, name, key);
	known_read(v, "f", b.p, b.n, name, key);
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct known whole = { 0 }, lines = { 0 }, good = { 0 }, bad = { 0 };
	struct known_key k;

	known_read(&whole, "f", p, size, name, key);
	for (const char *at = p; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((nl ? nl : end) - at);

		known_read(&lines, "f", at, n, name, key);
		at += n + 1;
	}
	must(equal(&whole, &lines));
	must(size == 0 || memmem(p, size, key, strlen(key)) != NULL ||
	    (!whole.same && !whole.revoked));
	below(p, size, "", &good);
	must(good.same && good.kinds[0]);
	below(p, size, "@revoked ", &bad);
	must(bad.revoked);
	/* and any bytes as a key */
	if (known_key(&k, data, size)) {
		struct known_key again;

		must(strlen(k.kind) > 0 && strlen(k.print) == 50);
		must(known_key_of_b64(&again, k.b64) &&
		    strcmp(again.print, k.print) == 0 &&
		    strcmp(again.kind, k.kind) == 0);
	}
	return 0;
}
