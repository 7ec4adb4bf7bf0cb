/*
 * The databases of a site as text, driven in one crowd as the feed drives them:
 *
 *	drive_site(&d, "", "{ name = \"otc\"; host = ... }");
 *	d.eye.once = true;		or d.want, readings altogether
 *	drive_go(&d);
 *	reading_of(&d, "otc")->level
 *	drive_end(&d);
 */
#ifndef TESTS_PROBE_CROWD_H
#define TESTS_PROBE_CROWD_H

#include "base/clock.h"
#include "tests/test.h"
#include "reading/probe.h"

extern const struct probe probe_database;

enum { TARGETS = 60 };

struct drive {
	struct site site;
	struct eye eye;
	struct target t[TARGETS];
	size_t n;
	struct readings all;		/* the newest of each */
	int reads, want;		/* readings altogether; when to end */
	int64_t deadline_ms, end;
	/* in between reads */
	void (*between)(struct drive *d, struct reading *r);
};

TEST_HELPER void
drive_begin(void *ctx, struct target *t)
{
	struct drive *d = ctx;

	t->begun = clock_mono_ms();
	t->read = true;
	d->eye.now = clock_wall_ms();
	d->eye.deadline = t->begun + d->deadline_ms;
}

TEST_HELPER void
drive_done(void *ctx, struct target *t, struct reading *r)
{
	struct drive *d = ctx;

	r->took_ms = clock_mono_ms() - t->begun;
	t->due = clock_mono_ms() + 100;
	d->reads++;
	readings_put(&d->all, r);
	if (d->between != NULL)
		d->between(d, r);
}

TEST_HELPER bool
drive_more(void *ctx, int64_t wait_ms)
{
	struct drive *d = ctx;

	(void)wait_ms;

	for (size_t i = 0; d->eye.once && i < d->n; i++)
		if (!d->t[i].read)
			return true;
	return !d->eye.once && d->reads < d->want && clock_mono_ms() < d->end;
}

/* What stands between the parentheses of the site file. */
TEST_HELPER void
drive_site(struct drive *d, const char *places, const char *databases)
{
	char *text = xprintf("site = { name = \"t\"; };\n"
	    "places = ( %s );\ndatabases = ( %s );\n", places, databases);

	*d = (struct drive){ .deadline_ms = 5000 };
	if (!site_parse(&d->site, test_path("midwatch.cfg"), text,
	    strlen(text)))
		fail_msg("%s", d->site.doc.problems.v[0].text);
	free(text);
	eye_init(&d->eye, &d->site, NULL);
	d->n = probe_database.count(&d->site);
	assert_in_range(d->n, 1, TARGETS);
	for (size_t i = 0; i < d->n; i++) {
		d->t[i] = (struct target){ .probe = &probe_database,
		    .index = i };
		probe_database.target(&d->site, i, &d->t[i]);
	}
}

TEST_HELPER void
drive_go(struct drive *d)
{
	d->end = clock_mono_ms() + 60000;
	probe_database.crowd(&d->eye, d->t, d->n, drive_begin, drive_done,
	    drive_more, d);
}

TEST_HELPER void
drive_end(struct drive *d)
{
	readings_release(&d->all);
	eye_release(&d->eye);
	site_release(&d->site);
}

TEST_HELPER const struct reading *
reading_of(const struct drive *d, const char *name)
{
	const struct reading *r = readings_find(&d->all, "database", name);

	if (r == NULL)
		fail_msg("there is no reading of %s", name);
	return r;
}

TEST_HELPER int64_t
fact(const struct reading *r, const char *key)
{
	return json_get_int(r->data, key, -1);
}

TEST_HELPER const char *
word(const struct reading *r, const char *key)
{
	const char *s = json_get_str(r->data, key);

	return s != NULL ? s : "";
}

TEST_HELPER void
has(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, text ? text : "");
}

TEST_HELPER void
lacks(const char *text, const char *part)
{
	if (text != NULL && strstr(text, part) != NULL)
		fail_msg("\"%s\" is in \"%s\"", part, text);
}

#endif
