/*
 * What a store hands us: manifests, proofs, checksums, size histories, names. The
 * first byte says which (m p c s n); whatever follows, reading it ends, and what
 * was believed can be written, and read again, as the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backup/checksums.h"
#include "backup/sizes.h"

static void
same(const struct buf *a, const struct buf *b)
{
	if (a->n != b->n || memcmp(a->p, b->p, a->n) != 0)
		abort();
}

static void
try_manifest(const char *p, size_t n)
{
	struct manifest m = { 0 }, again = { 0 };
	struct buf one = BUF_INIT, two = BUF_INIT, sums = BUF_INIT;
	struct checksums c = { 0 };
	struct err e = ERR_INIT, se = ERR_INIT;

	if (!manifest_read(&m, p, n, &e)) {
		if (e.msg[0] == '\0')
			abort();
	} else if (manifest_write(&m, &one, &e)) {
		for (size_t i = 0; i < one.n; i++)
			if (one.p[i] >= 0 && one.p[i] < ' ' && one.p[i] != '\n')
				abort();
		if (!manifest_read(&again, one.p, one.n, &e) ||
		    !manifest_write(&again, &two, &e))
			abort();
		same(&one, &two);
		checksums_of(&m, NULL, &sums);
		if (!checksums_read(&c, sums.p, sums.n, &se))
			abort();
	}
	checksums_release(&c);
	manifest_release(&m);
	manifest_release(&again);
	buf_release(&one);
	buf_release(&two);
	buf_release(&sums);
}

static void
try_proof(const char *p, size_t n)
{
	struct proof proof = { 0 }, again = { 0 };
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct err e = ERR_INIT;

	if (!proof_read(&proof, p, n, &e)) {
		if (e.msg[0] == '\0')
			abort();
	} else if (proof_write(&proof, &one, &e)) {
		if (!proof_read(&again, one.p, one.n, &e) ||
		    !proof_write(&again, &two, &e))
			abort();
		same(&one, &two);
	}
	proof_release(&proof);
	proof_release(&again);
	buf_release(&one);
	buf_release(&two);
}

static void
try_checksums(const char *p, size_t n)
{
	struct checksums c = { 0 }, again = { 0 };
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	if (checksums_read(&c, p, n, &e)) {
		for (size_t i = 0; i < c.v.n; i++)
			checksums_put(&out, c.v.v[i].path, c.v.v[i].sha256);
		if (!checksums_read(&again, out.p, out.n, &e) ||
		    again.v.n != c.v.n)
			abort();
		for (size_t i = 0; i < c.v.n; i++)
			if (strcmp(c.v.v[i].path, again.v.v[i].path) != 0)
				abort();
	}
	checksums_release(&c);
	checksums_release(&again);
	buf_release(&out);
}

static void
try_sizes(const char *p, size_t n)
{
	struct sizes s = { 0 };
	struct size_base base;

	sizes_parse(&s, p, n);
	sizes_base(&s, INT64_MAX, &base);
	for (size_t i = 0; i < s.v.n; i++)
		(void)size_judge(s.v.v[i].size, base.size, 30);
	sizes_release(&s);
}

static void
try_name(const char *p, size_t n)
{
	char name[300], back[SET_NAME_MAX], proof[64];
	struct set_name set;
	enum proven kind;
	int64_t at;

	if (n >= sizeof name || memchr(p, '\0', n) != NULL)
		return;
	memcpy(name, p, n);
	name[n] = '\0';
	if (set_name_parse(name, &set)) {
		set_name_write(&set, back);
		if (strcmp(back, name) != 0)
			abort();
	}
	if (set_proof_parse(name, &at, &kind)) {
		set_proof_name(proof, at, kind);
		if (strcmp(proof, name) != 0)
			abort();
	}
	if (set_file_ok(name) && strchr(name, '/') != NULL)
		abort();
	(void)set_part_ok(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;

	if (size == 0)
		return 0;
	size--;
	switch (data[0]) {
	case 'm':
		try_manifest(p, size);
		break;
	case 'p':
		try_proof(p, size);
		break;
	case 'c':
		try_checksums(p, size);
		break;
	case 's':
		try_sizes(p, size);
		break;
	case 'n':
		try_name(p, size);
		break;
	}
	return 0;
}
