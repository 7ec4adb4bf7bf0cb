/*
 * A site out of a text, and probes read by hand, with time standing still where
 * a test says so.
 */
#ifndef TESTS_PROBE_LOOK_H
#define TESTS_PROBE_LOOK_H

#include "base/clock.h"
#include "base/text.h"
#include "tests/test.h"
#include "reading/probe.h"

static struct site look_site;
static struct state look_state;
static struct eye look_eye;
static struct reading look_got;
/* What probes remember lives as long as their process: it is no leak. */
static void *look_memories[64];

TEST_HELPER int64_t
look_utc(const char *s)
{
	int64_t ms;

	if (!clock_parse_utc(s, &ms))
		fail_msg("%s is no UTC time", s);
	return ms;
}

/* site = { name, timezone }; comes by itself. With state: a record too. */
TEST_HELPER void
look_begin(const char *zone, const char *rest, bool state)
{
	struct err e = ERR_INIT;
	char *text = xprintf("site = { name = \"x\"; timezone = \"%s\"; };\n%s",
	    zone, rest);

	if (!site_load(&look_site, test_write("midwatch.cfg", text)))
		fail_msg("%s", look_site.doc.problems.v[0].text);
	free(text);
	assert_true(clock_zone_set(zone, &e));
	if (state && !state_open(&look_state, test_path("state"), NULL, NULL,
	    &e))
		fail_msg("%s", e.msg);
	eye_init(&look_eye, &look_site, state ? &look_state : NULL);
}

TEST_HELPER int
look_end(void **unused)
{
	(void)unused;
	reading_release(&look_got);
	eye_release(&look_eye);
	site_release(&look_site);
	state_release(&look_state);
	clock_fake(0);
	return 0;
}

TEST_HELPER struct target
look_target(const struct probe *p, const char *name)
{
	struct target t = { .probe = p };

	for (size_t i = 0; i < p->count(&look_site); i++) {
		t.index = i;
		p->target(&look_site, i, &t);
		if (strcmp(t.name, name) == 0)
			return t;
	}
	fail_msg("%s has no target '%s'", p->kind, name);
	return t;
}

/* The reading stays in look_got until the next one. */
TEST_HELPER void
look_at(struct target *t)
{
	reading_release(&look_got);
	reading_init(&look_got, t->probe->kind, t->name);
	look_eye.now = clock_wall_ms();
	look_eye.deadline = clock_mono_ms() + t->probe->deadline_ms;
	t->probe->read(&look_eye, t, &look_got);
	for (size_t i = 0; i < 64 && t->memory != NULL; i++)
		if (look_memories[i] == NULL || look_memories[i] == t->memory) {
			look_memories[i] = t->memory;
			break;
		}
	print_message("# %s: %s%s%s\n", level_name(look_got.level),
	    look_got.text ? look_got.text : look_got.error,
	    look_got.next ? " => " : "", look_got.next ? look_got.next : "");
}

TEST_HELPER void
look_says(enum level level, const char *text)
{
	if (look_got.text == NULL || strstr(look_got.text, text) == NULL)
		fail_msg("'%s' is not in '%s'", text, look_got.text ?
		    look_got.text : look_got.error);
	if (look_got.level != level)
		fail_msg("%s instead of %s: %s", level_name(look_got.level),
		    level_name(level), look_got.text);
}

TEST_HELPER int64_t
look_int(const char *key)
{
	return json_get_int(look_got.data, key, -1);
}

TEST_HELPER const char *
look_str(const char *key)
{
	const char *s = json_get_str(look_got.data, key);

	return s != NULL ? s : "";
}

/* Nothing in it can drive a terminal, and the sentences are one line each. */
TEST_HELPER void
look_is_clean(void)
{
	const char *texts[] = { look_got.text, look_got.next, look_got.error };
	struct buf b = BUF_INIT;

	reading_write(&look_got, &b);
	for (size_t i = 0; i < 3; i++)
		if (texts[i] != NULL) {
			struct buf c = BUF_INIT;

			text_clean(&c, texts[i], strlen(texts[i]), TEXT_LINE);
			assert_string_equal(c.p, texts[i]);
			buf_release(&c);
		}
	for (size_t i = 0; i + 1 < b.n; i++)
		assert_true((unsigned char)b.p[i] >= 0x20 && b.p[i] != 0x7f);
	assert_null(strstr(b.p, "\xe2\x80\xae"));
	buf_release(&b);
}

#endif
