/*
 * What gathering evidence reads: logs, lists of files, and anything in which a
 * secret may stand. Reading ends, what would be shown cannot drive a terminal,
 * and masking takes nothing away but the secrets. The first byte chooses the
 * reader; the rest is the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hide.h"
#include "base/text.h"
#include "isolate/evidence.h"
#include "isolate/lines.h"
#include "isolate/walk.h"

enum { NOW_S = 1739494800 };
static const int64_t now = NOW_S * 1000LL;

static void
read_log(const char *p, size_t n)
{
	static struct alarms alarms;
	struct lines l = { .alarms = &alarms };

	if (alarms.compiled == NULL &&
	    !alarms_load(&alarms, "runbooks/alarms.cfg"))
		abort();
	(void)lines_add(&l, "log", p, n, now, now);
	for (size_t i = 0; i < l.v.n; i++) {
		struct buf again = BUF_INIT;
		const char *text = l.v.v[i].text;

		text_clean(&again, text, strlen(text), TEXT_LINE);
		if (strcmp(again.p, text) != 0 || strlen(l.v.v[i].key) != 32)
			abort();
		buf_release(&again);
	}
	lines_release(&l);
}

static void
read_files(const char *p, size_t n)
{
	struct walk w = { .whole = true };
	struct buf text = BUF_INIT;

	walk_feed(&w, p, n / 3);
	walk_feed(&w, p + n / 3, n - n / 3);
	walk_end(&w);
	w.root = xstrdup("/");
	walk_write(&w, &text);
	if (w.n_biggest > WALK_TOP || strchr(text.p, '\x1b') != NULL)
		abort();
	for (size_t i = 1; i < w.n_biggest; i++)
		if (w.biggest[i].size > w.biggest[i - 1].size)
			abort();
	buf_release(&text);
	walk_release(&w);
}

static void
mask(const char *p, size_t n)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	size_t masked = hide_secrets(&once, p, n);

	if (masked == 0 && (once.n != n || memcmp(once.p, p, n) != 0))
		abort();
	(void)hide_secrets(&twice, once.p, once.n);
	if (twice.n != once.n || memcmp(twice.p, once.p, once.n) != 0)
		abort();
	buf_release(&once);
	buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;

	if (size < 1)
		return 0;
	switch (data[0] % 3) {
	case 0:
		read_log(p, size - 1);
		break;
	case 1:
		read_files(p, size - 1);
		break;
	default:
		mask(p, size - 1);
		break;
	}
	return 0;
}
