/*
 * Kit for tests of the screen.
 *
 *	golden(&canvas, "live-80x24");
 *
 * compares a canvas with tests/ui/golden/live-80x24.txt, which people read in
 * the diff. GOLDEN=1 writes the files anew: look at them before you commit.
 */
#ifndef TESTS_UI_KIT_H
#define TESTS_UI_KIT_H

#include "tests/test.h"

#include <locale.h>

#include "base/buf.h"
#include "base/file.h"
#include "ui/canvas.h"
#include "ui/keys.h"

/* Where the tests are run from is the top of the tree, or GOLDEN_DIR says. */
TEST_HELPER const char *
golden_dir(void)
{
	const char *dir = getenv("GOLDEN_DIR");

	return dir != NULL ? dir : "tests/ui/golden";
}

/* Widths of characters are those of UTF-8, whatever the tester's locale. */
TEST_HELPER void
kit_utf8(void)
{
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

TEST_HELPER void
golden_text(const char *text, const char *name)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s.txt", golden_dir(), name);
	if (getenv("GOLDEN") != NULL) {
		f = fopen(path, "we");
		assert_non_null(f);
		assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
		assert_int_equal(fclose(f), 0);
		return;
	}
	if (access(path, R_OK) != 0)
		fail_msg("%s is not there; GOLDEN=1 writes it. It would be:\n%s",
		    path, text);
	char *want = test_read(path);

	if (strcmp(want, text) != 0)
		fail_msg("%s differs; the screen was:\n%s\nshould be:\n%s",
		    path, text, want);
	free(want);
}

TEST_HELPER void
golden(const struct canvas *c, const char *name)
{
	struct buf b = BUF_INIT;

	canvas_dump(c, true, &b);
	golden_text(b.p, name);
	buf_release(&b);
}

#endif
