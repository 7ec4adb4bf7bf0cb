/* What a scheduled command is for, and when it runs. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "found/intern.h"
#include "probe/firing.h"
#include "probe/zone.h"

enum { DAYS = 8, DAY_MS = 86400000 };

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

const char *
found_when(struct found *f, const struct firing *fires, const char *zone)
{
	struct firing_times times = { 0 };
	int64_t now = clock_wall_ms();
	const char *first = NULL;
	bool same = true;

	if (!fires->reboot && !fires->random)
		firing_times(fires, zone, now, now + DAYS * DAY_MS, &times);
	for (size_t i = 0; i < times.at.n && same; i++) {
		struct zone_saved old;
		time_t t = (time_t)(times.at.v[i] / 1000);
		char text[8];
		struct tm tm;

		zone_enter(&old, f->zone);
		(void)localtime_r(&t, &tm);
		zone_leave(&old);
		(void)strftime(text, sizeof text, "%H:%M", &tm);
		if (first == NULL)
			first = found_str(f, text);
		same = strcmp(first, text) == 0;
	}
	if (!same || times.at.n < DAYS - 3)
		first = NULL;
	firing_times_release(&times);
	return first;
}
