/* What a scheduled command is for, and when it runs. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "found/intern.h"

/* The surest first: a command has one word only. */
static const struct {
	const char *word;
	bool strong;
} words[] = {
	{ "midwatch nightly", true }, { "pg_dumpall", true },
	{ "pg_dump", true }, { "pg_basebackup", true },
	{ "pgbackrest", true }, { "barman", true }, { "wal-g", true },
	{ "wal-e", true }, { "pg_probackup", true }, { "pg_rman", true },
	{ "autopostgresqlbackup", true }, { "pg_back", true },
	{ "postgres-backup", true }, { "restic", false }, { "borg", false },
	{ "rsnapshot", false }, { "duplicity", false },
	{ "rdiff-backup", false }, { "rclone", false }, { "rsync", false },
	{ "backup", false }, { "back-up", false }, { "dump", false },
};

/* Debian's own, and what only sounds so. */
static const char *const others[] = { "dpkg-db-backup", "tcpdump", "coredump",
    "dumpe2fs" };

static bool
is_word_end(char c)
{
	return !isalnum((unsigned char)c);
}

/* In any case; a strong word stands alone, "dump" may be part of "dbdump". */
static bool
has(const char *text, const char *word, bool alone)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strcasestr(at, word)) != NULL; at++)
		if (!alone || ((at == text || is_word_end(at[-1])) &&
		    is_word_end(at[n])))
			return true;
	return false;
}

const char *
found_backup_word(const char *command, bool *ret_strong)
{
	bool other = false;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		other = other || strcasestr(command, others[i]) != NULL;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (has(command, words[i].word, words[i].strong) &&
		    (words[i].strong || !other)) {
			*ret_strong = words[i].strong;
			return words[i].word;
		}
	return NULL;
}

static const char *
clock_text(struct found *f, int64_t hour, int64_t minute)
{
	return pool_printf(&f->pool, "%02d:%02d", (int)hour, (int)minute);
}

static const char *
next_field(const char *s, char *out, size_t size)
{
	size_t n;

	s += strspn(s, " \t");
	n = strcspn(s, " \t");
	if (n >= size)
		n = size - 1;
	memcpy(out, s, n);
	out[n] = '\0';
	s += strcspn(s, " \t");
	return s + strspn(s, " \t");
}

/* ret_rest: what follows the times. An hour that is no plain number is nobody's
 * nightly. */
const char *
found_cron_when(struct found *f, const char *line, const char **ret_rest)
{
	char field[5][32];
	int64_t minute, hour;

	line += strspn(line, " \t");
	if (*line == '@') {
		*ret_rest = next_field(line, field[0], sizeof field[0]);
		return text_in(field[0], (const char *const[]){ "@daily",
		    "@midnight" }, 2) ? "00:00" : NULL;
	}
	for (size_t i = 0; i < 5; i++)
		line = next_field(line, field[i], sizeof field[i]);
	*ret_rest = line;
	if (!text_int(field[0], 0, 59, &minute) ||
	    !text_int(field[1], 0, 23, &hour))
		return NULL;
	return clock_text(f, hour, minute);
}

/* "*-*-* 02:00:00", "02:00", "daily"; with a zone of its own: NULL. */
const char *
found_calendar_when(struct found *f, const char *calendar)
{
	const char *s = calendar + strspn(calendar, " \t"), *at = NULL;
	const char *colon = strchr(s, ':'), *tail;
	int64_t hour, minute;
	char h[3] = "", m[3] = "";

	if (text_in(s, (const char *const[]){ "daily", "midnight" }, 2))
		return "00:00";
	if (colon == NULL || colon == s)
		return NULL;
	for (at = colon; at > s && isdigit((unsigned char)at[-1]);)
		at--;
	if (colon - at < 1 || colon - at > 2 ||
	    !isdigit((unsigned char)colon[1]) ||
	    !isdigit((unsigned char)colon[2]) ||
	    (at > s && at[-1] != ' '))
		return NULL;
	memcpy(h, at, (size_t)(colon - at));
	memcpy(m, colon + 1, 2);
	tail = colon + 3;
	tail += strspn(tail, ":0123456789.");
	tail += strspn(tail, " \t");
	if (*tail != '\0' && (f->zone == NULL ||
	    strcmp(tail, f->zone) != 0))
		return NULL;
	if (!text_int(h, 0, 23, &hour) || !text_int(m, 0, 59, &minute))
		return NULL;
	return clock_text(f, hour, minute);
}
