#include "backup/toc.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { EXTENSION = 3079 };

static const struct {
	long catalog;
	const char *word, *people;
} sorts[] = {
#define TOC_(id, catalog, word, people) { catalog, word, people },
	TOC_SORTS(TOC_)
#undef TOC_
};

const char *
toc_name(enum toc_sort s)
{
	return sorts[s].people;
}

const char *
toc_owner_word(const char *owner)
{
	const char *space = strrchr(owner, ' ');

	return space != NULL ? space + 1 : owner;
}

/* One line for each last word: its owner is that, or ends with it. */
static void
remember_owner(struct toc *t, const char *s, size_t n)
{
	char *line = xstrndup(s, n);

	for (size_t i = 0; i < t->owners.n; i++)
		if (strcmp(toc_owner_word(t->owners.v[i]),
		    toc_owner_word(line)) == 0) {
			free(line);
			return;
		}
	VEC_PUSH(&t->owners, line);
}

/* 215; 1259 16390 TABLE public orders alice */
static void
take_line(struct toc *t, const char *s, size_t n)
{
	char *end;
	long catalog;
	const char *at = memchr(s, ';', n), *word;

	if (n == 0 || *s < '0' || *s > '9' || at == NULL)
		return;
	catalog = strtol(at + 1, &end, 10);
	(void)strtol(end, &end, 10);
	if (*end != ' ')
		return;
	word = end + 1;
	for (size_t i = 0; i < TOC_COUNT; i++)
		if (sorts[i].catalog == catalog &&
		    text_starts(word, sorts[i].word)) {
			t->n[i]++;
			break;
		}
	if (catalog == EXTENSION && text_starts(word, "EXTENSION - ")) {
		word += strlen("EXTENSION - ");
		VEC_PUSH(&t->extensions, xstrndup(word, strcspn(word,
		    " \n")));
	} else if (catalog != 0 && s[n - 1] != ' ')
		remember_owner(t, word, (size_t)(s + n - word));
}

void
toc_take(struct toc *t, const char *list)
{
	while (*list != '\0') {
		size_t n = strcspn(list, "\n");

		take_line(t, list, n);
		list += n + (list[n] == '\n');
	}
}

static void
keep(void *ctx, const char *p, size_t n)
{
	buf_add(ctx, p, n);
}

bool
toc_read(struct toc *t, const char *pg_restore, const char *file,
    struct err *e)
{
	const char *argv[] = { pg_restore, "--list", file, NULL };
	struct buf b = BUF_INIT;
	struct reader r = READER_INIT;
	bool ok;

	r.out = keep;
	r.ctx = &b;
	ok = reader_run(&r, argv, e);
	if (ok && r.exit != 0) {
		struct buf why = BUF_INIT;

		reader_why(&r, &why);
		ok = err_set(e, ERR_FAILED, "%s", why.p);
		buf_release(&why);
	}
	if (ok)
		toc_take(t, b.p);
	reader_release(&r);
	buf_release(&b);
	return ok;
}

void
toc_release(struct toc *t)
{
	for (size_t i = 0; i < t->extensions.n; i++)
		free(t->extensions.v[i]);
	for (size_t i = 0; i < t->owners.n; i++)
		free(t->owners.v[i]);
	VEC_RELEASE(&t->extensions);
	VEC_RELEASE(&t->owners);
}
