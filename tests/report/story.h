/*
 * story: incidents for the tests of the report, told line by line with a clock
 * and people that are always the same, so that their bytes are too. A program
 * that includes this says  WRAP: getpid  in its first line.
 */
#ifndef TESTS_REPORT_STORY_H
#define TESTS_REPORT_STORY_H

#include "base/clock.h"
#include "base/file.h"
#include "base/who.h"
#include "record/incident.h"
#include "record/journal.h"
#include "report/postmortem.h"
#include "tests/test.h"

static bool story_telling;	/* while lines are written, our pid is 812 */
pid_t __real_getpid(void);
pid_t __wrap_getpid(void);
pid_t
__wrap_getpid(void)
{
	return story_telling ? 812 : __real_getpid();
}

/* 2025-02-14 00:00:00 in UTC */
#define STORY_DAY INT64_C(1739491200000)

static const struct who story_ada = { "ada", "ada", "", "192.0.2.7",
    "bastion" };
static const struct who story_bob = { "bob", "root", "bob", "198.51.100.4",
    "bastion" };

struct line {
	const char *at;			/* HH:MM:SS of that day, in UTC */
	const struct who *who;
	enum event_kind kind;
	const char *step, *text, *data;
	const char *happened;		/* likewise, when it is not `at` */
};

TEST_HELPER int64_t
story_ms(const char *s)
{
	int h, m, sec;

	assert_int_equal(sscanf(s, "%d:%d:%d", &h, &m, &sec), 3);
	return STORY_DAY + ((int64_t)h * 3600 + m * 60 + sec) * 1000;
}

/* A directory <name> with the journal of these lines; ret is its path. */
TEST_HELPER char *
story_tell(const char *name, const struct line *lines, size_t n)
{
	char *dir = xstrdup(test_path(name));
	char *path = file_join(dir, "journal.jsonl");
	struct incident inc = INCIDENT_INIT;
	struct err e = ERR_INIT;

	if (!file_mkdirs(dir, 0700, &e) || !journal_create(path, 0, &e) ||
	    !incident_load(&inc, dir, &e))
		fail_msg("%s", e.msg);
	story_telling = true;
	for (size_t i = 0; i < n; i++) {
		struct draft d = { .kind = lines[i].kind,
		    .step = lines[i].step, .text = lines[i].text,
		    .data = lines[i].data };

		if (lines[i].happened != NULL)
			d.at = story_ms(lines[i].happened);
		who_fake(lines[i].who);
		clock_fake(story_ms(lines[i].at));
		/* the first line says who by itself */
		if (!(i == 0 ? journal_append(&inc.j, &d, 1, NULL, NULL, NULL,
		    &e) : incident_append(&inc, &d, 1, NULL, NULL, NULL, &e)))
			fail_msg("line %zu: %s", i, e.msg);
	}
	story_telling = false;
	clock_fake(0);
	incident_release(&inc);
	free(path);
	return dir;
}

typedef bool story_make(const struct incident *inc,
    const struct journal_verdict *v, struct buf *out);

/* The document of that directory. */
TEST_HELPER void
story_report(const char *dir, story_make *make, struct buf *out)
{
	struct incident inc = INCIDENT_INIT;
	struct journal_verdict v;
	struct err e = ERR_INIT;

	if (!report_load(&inc, dir, &v, &e))
		fail_msg("%s", e.msg);
	(void)make(&inc, &v, out);
	incident_release(&inc);
}

TEST_HELPER void
story_contains(const struct buf *doc, const char *part)
{
	if (strstr(doc->p, part) == NULL)
		fail_msg("'%s' is missing in:\n%s", part, doc->p);
}

TEST_HELPER void
story_lacks(const struct buf *doc, const char *part)
{
	const char *at = strstr(doc->p, part);

	if (at != NULL)
		fail_msg("'%s' stands in: %.200s", part, at);
}

#endif
