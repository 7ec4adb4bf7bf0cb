/*
 * What others write and we read to know what is going on: logs, lines of logins,
 * crontabs, timers' times, lines of a journal. Whatever is in them, reading ends,
 * and what would be shown of it cannot drive a terminal. The first byte chooses
 * the reader; the rest is the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probe/firing.h"
#include "probe/login.h"
#include "probe/night.h"
#include "probe/plain.h"
#include "probe/starter.h"
#include "probe/story.h"

enum { NOW_S = 1739494800 };
static const int64_t now = NOW_S * 1000LL;

static void
is_clean(const char *foreign)
{
	char *shown = plain_show(foreign, PLAIN_SHOWN);
	struct buf again = BUF_INIT;

	text_clean(&again, shown, strlen(shown), TEXT_LINE);
	if (strlen(shown) > PLAIN_SHOWN || strcmp(again.p, shown) != 0)
		abort();
	buf_release(&again);
	free(shown);
}

static void
read_log(const char *p, size_t n)
{
	static struct alarms alarms;
	struct story s = { .alarms = &alarms };

	if (alarms.compiled == NULL &&
	    !alarms_load(&alarms, "runbooks/alarms.cfg"))
		abort();
	/* in two pieces, as it grows */
	story_add(&s, p, n / 2, now, now);
	story_add(&s, p + n / 2, n - n / 2, now, now);
	for (size_t i = 0; i < s.hits.n; i++)
		is_clean(s.hits.v[i].line);
	if (s.last_line != NULL)
		is_clean(s.last_line);
	story_release(&s);
}

static void
read_login(const char *p, size_t n)
{
	struct buf line = BUF_INIT;
	struct login l;

	plain_line(&line, p, n);
	login_read(line.p, &l);
	is_clean(l.role);
	is_clean(l.address);
	buf_release(&line);
}

static void
read_times(const char *text, bool cron)
{
	struct err e = ERR_INIT;
	struct firing_times t;
	struct firing f;

	if (!(cron ? firing_cron(&f, text, NULL, &e) :
	    firing_calendar(&f, text, &e))) {
		if (e.msg[0] == '\0')
			abort();
		return;
	}
	firing_times(&f, "Europe/Berlin", now, now + 70 * 86400000LL, &t);
	for (size_t i = 0; i < t.at.n; i++)
		if (t.at.v[i] <= now || (i > 0 && t.at.v[i] <= t.at.v[i - 1]))
			abort();
	firing_times_release(&t);
}

static void
read_crontab(const char *text)
{
	struct starters all = { .root = "/nonexistent",
	    .host_zone = xstrdup("UTC") };
	struct starter_ours ours = { .root = "/nonexistent" };

	starters_crontab(&all, "it", text, true, starter_is_ours, &ours);
	for (size_t i = 0; i < all.v.n; i++) {
		is_clean(all.v.v[i].what);
		is_clean(all.v.v[i].command);
	}
	starters_release(&all);
}

static void
read_journal(const char *p, size_t n)
{
	struct night_seen seen = { .incident = NULL };

	night_line(&seen, p, n);
	night_release(&seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	switch (data[0] % 6) {
	case 0:
		read_log((const char *)data + 1, size - 1);
		break;
	case 1:
		read_login((const char *)data + 1, size - 1);
		break;
	case 2:
	case 3:
		read_times(text, data[0] % 6 == 2);
		break;
	case 4:
		read_crontab(text);
		break;
	default:
		read_journal((const char *)data + 1, size - 1);
	}
	free(text);
	return 0;
}
