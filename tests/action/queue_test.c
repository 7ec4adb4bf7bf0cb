#include "tests/test.h"

#include <fcntl.h>

#include "action/queue.h"
#include "action/web.h"
#include "base/file.h"

static struct state
fresh(void)
{
	struct state s = { .dir = xstrdup(test_path("state")) };
	struct err e = ERR_INIT;

	assert_true(file_remove_tree(s.dir, &e));
	assert_true(file_mkdir(s.dir, 0700, &e));
	return s;
}

static bool
put(struct state *s, const char *who, const char *text, struct err *e)
{
	struct queued q = { .trigger = SITE_TRIGGER_OPEN, .who = who,
	    .subject = text, .text = text, .at = 1 };

	return queue_put(s, &q, e);
}

static void
what_was_put_is_counted_by_contact(void **state)
{
	struct state s = fresh();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(queue_count(&s, NULL), 0);
	assert_true(put(&s, "A", "one", &e));
	assert_true(put(&s, "B", "two", &e));
	assert_true(put(&s, "A", "three", &e));
	assert_int_equal(queue_count(&s, NULL), 3);
	assert_int_equal(queue_count(&s, "A"), 2);
	assert_int_equal(queue_count(&s, "C"), 0);
	state_release(&s);
}

static void
it_ends_when_its_slots_do(void **state)
{
	struct state s = fresh();
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < QUEUE_SLOTS; i++)
		assert_true(put(&s, "A", "text", &e));
	assert_false(put(&s, "A", "text", &e));
	assert_int_equal(e.kind, ERR_BUSY);
	assert_int_equal(queue_count(&s, NULL), QUEUE_SLOTS);
	state_release(&s);
}

/* The worst that escaping can do to it. */
static void
any_text_fits(void **state)
{
	struct state s = fresh();
	struct err e = ERR_INIT;
	char *text = xmalloc(100001);

	(void)state;
	for (int c = 1; c < 256; c += 31) {
		memset(text, c, 100000);
		text[100000] = '\0';
		assert_true(put(&s, "A", text, &e));
	}
	assert_int_equal(queue_count(&s, NULL), 9);
	free(text);
	state_release(&s);
}

/* Whatever lies in the file, nothing is lost that can be read. */
static void
a_torn_slot_is_free(void **state)
{
	struct state s = fresh();
	struct err e = ERR_INIT;
	char *path = state_path(&s, "outbox");
	int fd;

	(void)state;
	assert_true(put(&s, "A", "one", &e));
	assert_true(put(&s, "A", "two", &e));
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (off_t cut = 1; cut < 120; cut += 7) {
		assert_int_equal(pwrite(fd, "\0\377\"{\\u", 6, cut), 6);
		assert_int_equal(queue_count(&s, NULL), 1);
	}
	assert_true(put(&s, "A", "three", &e));
	assert_int_equal(queue_count(&s, NULL), 2);
	assert_int_equal(ftruncate(fd, QUEUE_SLOT + 20), 0);
	assert_int_equal(queue_count(&s, NULL), 1);
	close(fd);
	free(path);
	state_release(&s);
}

static void
an_address_is_shown_up_to_its_host(void **state)
{
	static const struct { const char *from, *want; } rows[] = {
		{ "https://hooks.example/T0/secret", "https://hooks.example/..." },
		{ "https://hooks.example", "https://hooks.example" },
		{ "see https://a:b@h:8443/x?t=1, or (http://i/y) and more",
		    "see https://h:8443/... or (http://i/... and more" },
		{ "https://me:secret@host", "https://host" },
		{ "'https://h/secret' failed", "'https://h/...' failed" },
		{ "https://h?token=secret", "https://h/..." },
		{ "https://", "https://" },
		{ "no address at all", "no address at all" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;

		test_case(rows[i].from);
		web_mask_text(&b, rows[i].from);
		assert_string_equal(b.p, rows[i].want);
		buf_release(&b);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_was_put_is_counted_by_contact),
	cmocka_unit_test(it_ends_when_its_slots_do),
	cmocka_unit_test(any_text_fits),
	cmocka_unit_test(a_torn_slot_is_free),
	cmocka_unit_test(an_address_is_shown_up_to_its_host),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
