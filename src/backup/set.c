#include "backup/set.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"


#define WORD_(id, word) word,
static const char *const classes[] = { SET_CLASSES(WORD_) };
static const char *const truths[] = { SET_TRUTHS(WORD_) };
#undef WORD_
#define WORD_(id, word, ending) word,
#define ENDING_(id, word, ending) ending,
static const char *const kinds[] = { SET_KINDS(WORD_) };
static const char *const endings[] = { SET_KINDS(ENDING_) };
#undef WORD_
#undef ENDING_
/* How a state is called, and how it ends a directory's name. */
static const char *const states[] = { "whole", "incomplete", "partial" };
static const char *const suffixes[] = { "", ".incomplete", ".partial" };

const char *
set_class_name(enum set_class c)
{
	return classes[c];
}

const char *
set_kind_name(enum set_kind k)
{
	return kinds[k];
}

const char *
set_state_name(enum set_state s)
{
	return states[s];
}

const char *
proven_name(enum proven p)
{
	return truths[p];
}

/* Which of n words s is; -1: none. */
static int
word_of(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; s != NULL && i < n; i++)
		if (strcmp(s, words[i]) == 0)
			return (int)i;
	return -1;
}

bool
set_class_parse(const char *s, enum set_class *ret)
{
	int i = word_of(s, classes, SET_CLASS_COUNT);

	if (i >= 0)
		*ret = (enum set_class)i;
	return i >= 0;
}

bool
set_kind_parse(const char *s, enum set_kind *ret)
{
	int i = word_of(s, kinds, SET_KIND_COUNT);

	if (i >= 0)
		*ret = (enum set_kind)i;
	return i >= 0;
}

bool
proven_parse(const char *s, enum proven *ret)
{
	int i = word_of(s, truths, PROVEN_COUNT);

	if (i >= 0)
		*ret = (enum proven)i;
	return i >= 0;
}

/* ---- the set ---------------------------------------------------------------- */

/* The stamp at s, whatever follows it; its length, or 0. */
static size_t
stamp_at(const char *s, int64_t *ret_ms)
{
	enum { LENGTH = 16 };
	char utc[32], back[SET_STAMP];

	if (strnlen(s, LENGTH) < LENGTH)
		return 0;
	(void)snprintf(utc, sizeof utc, "%.4s-%.2s-%.3s%.2s:%.2s:%.2s.000Z",
	    s, s + 4, s + 6, s + 9, s + 11, s + 13);
	if (!clock_parse_utc(utc, ret_ms))
		return 0;
	/* What is not said in one way only (a 61st second) is not a name. */
	clock_fmt_stamp(back, *ret_ms);
	return strncmp(back, s, LENGTH) == 0 ? LENGTH : 0;
}

bool
set_stamp_parse(const char *s, int64_t *ret_ms)
{
	size_t n = stamp_at(s, ret_ms);

	return n > 0 && s[n] == '\0';
}

bool
set_name_parse(const char *dir, struct set_name *ret)
{
	size_t n = stamp_at(dir, &ret->at);
	int i = n > 0 ? word_of(dir + n, suffixes, 3) : -1;

	if (i >= 0)
		ret->state = (enum set_state)i;
	return i >= 0;
}

void
set_name_write(const struct set_name *n, char out[SET_NAME_MAX])
{
	char stamp[SET_STAMP];

	clock_fmt_stamp(stamp, n->at);
	(void)snprintf(out, SET_NAME_MAX, "%s%s", stamp, suffixes[n->state]);
}

/* ---- what is in it ------------------------------------------------------------ */

bool
set_part_ok(const char *name)
{
	if (text_starts(name, SET_GLOBALS_OF))
		name += strlen(SET_GLOBALS_OF);
	else if (text_starts(name, SET_SETTINGS_OF))
		name += strlen(SET_SETTINGS_OF);
	return text_is_name(name);
}

bool
set_file_ok(const char *name)
{
	size_t n = strnlen(name, SET_FILE_MAX + 1);
	int64_t at;
	enum proven kind;

	if (n == 0 || n > SET_FILE_MAX || *name == '.' || *name == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] == '/' || (unsigned char)name[i] < ' ' ||
		    name[i] == 0x7f)
			return false;
	return strcmp(name, SET_MANIFEST) != 0 &&
	    strcmp(name, SET_CHECKSUMS) != 0 &&
	    !set_proof_parse(name, &at, &kind);
}

void
set_file_name(struct buf *out, enum set_kind kind, const char *part)
{
	buf_str(out, part);
	buf_str(out, endings[kind]);
}

void
set_piece_name(struct buf *out, int number, const char *section)
{
	buf_printf(out, "%03d-%s.dump.gz", number, section);
}

static void
side_name(struct buf *out, const char *file, const char *ending)
{
	size_t n = strlen(file);

	if (n > 3 && strcmp(file + n - 3, ".gz") == 0)
		n -= 3;
	buf_add(out, file, n);
	buf_str(out, ending);
}

void
set_index_name(struct buf *out, const char *file)
{
	side_name(out, file, ".idx");
}

void
set_counts_name(struct buf *out, const char *file)
{
	side_name(out, file, ".counts");
}

void
set_proof_name(char out[64], int64_t at, enum proven kind)
{
	char stamp[SET_STAMP];

	clock_fmt_stamp(stamp, at);
	(void)snprintf(out, 64, "proof-%s-%s.json", stamp, truths[kind]);
}

bool
set_proof_parse(const char *name, int64_t *ret_at, enum proven *ret_kind)
{
	static const char begin[] = "proof-";
	size_t n;

	if (!text_starts(name, begin))
		return false;
	name += sizeof begin - 1;
	n = stamp_at(name, ret_at);
	if (n == 0 || name[n] != '-')
		return false;
	name += n + 1;
	*ret_kind = strcmp(name, "verified.json") == 0 ? PROVEN_VERIFIED :
	    strcmp(name, "restorable.json") == 0 ? PROVEN_RESTORABLE :
	    PROVEN_NOT;
	return *ret_kind != PROVEN_NOT;
}
