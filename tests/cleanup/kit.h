/*
 * For the tests of cleaning: a site whose folder "old" may be cleaned, here or over
 * a private sshd, its plan, and doing it.
 */
#ifndef TESTS_CLEANUP_KIT_H
#define TESTS_CLEANUP_KIT_H

#include "base/clock.h"
#include "cleanup/cleanup.h"
#include "tests/place/kit.h"

struct yard {
	struct site site;
	struct clean_plan p;
	struct buf list, journal;
	size_t refuse_after;		/* lines of the journal; 0: never */
	size_t lines;
	void (*on_line)(const char *text);
	struct err e;
};

/* port 0: here. more: further lines of the site file. */
TEST_HELPER void
yard_open(struct yard *y, int port, const char *more)
{
	char text[4096], place[2048] = "";

	memset(y, 0, sizeof *y);
	if (port != 0)
		snprintf(place, sizeof place, "places = ( { name = \"box\"; "
		    "ssh = \"%s@127.0.0.1\"; port = %d; identity = \"%s\"; "
		    "known_hosts = \"%s\"; } );\n", kit_user(), port,
		    test_path("userkey"), kit_known("known", port,
		    "hostkey.pub"));
	snprintf(text, sizeof text, "site = { name = \"prod\"; };\n%s"
	    "cleanup = { paths = ( \"%s%s\" ); };\n%s", place,
	    port != 0 ? "box:" : "", test_path("old"), more);
	if (!site_parse(&y->site, test_path("midwatch.cfg"), text,
	    strlen(text)))
		print_message("# %s\n", y->site.doc.problems.n > 0 ?
		    y->site.doc.problems.v[0].text : "?");
	assert_int_equal(y->site.doc.problems.n, 0);
}

TEST_HELPER void
yard_look(struct yard *y)
{
	struct clean_ask ask = { .site = &y->site, .now = clock_wall_ms() };

	clean_release(&y->p);
	buf_clear(&y->list);
	err_clear(&y->e);
	assert_true(clean_look(&y->p, &ask, &y->e));
	clean_list(&y->p, &y->list);
}

TEST_HELPER bool
yard_journal(void *ctx, const char *text, const char *data, struct err *e)
{
	struct yard *y = ctx;

	(void)data;
	if (y->refuse_after > 0 && y->lines >= y->refuse_after)
		return err_set(e, ERR_SYS, "the disk is full");
	y->lines++;
	if (y->on_line != NULL)
		y->on_line(text);
	buf_printf(&y->journal, "%s\n", text);
	return true;
}

TEST_HELPER bool
yard_run(struct yard *y)
{
	struct clean_care care = { .journal = yard_journal, .ctx = y };

	err_clear(&y->e);
	buf_clear(&y->journal);
	return clean_run(&y->p, &care, &y->e);
}

TEST_HELPER void
yard_close(struct yard *y)
{
	clean_release(&y->p);
	site_release(&y->site);
	buf_release(&y->list);
	buf_release(&y->journal);
}

TEST_HELPER struct clean_item *
yard_item(struct yard *y, const char *what)
{
	for (size_t i = 0; i < y->p.v.n; i++)
		if (strcmp(y->p.v.v[i].what, what) == 0)
			return &y->p.v.v[i];
	return NULL;
}

/* Why it stays; "" when nothing says so. */
TEST_HELPER const char *
yard_kept(struct yard *y, const char *what)
{
	for (size_t i = 0; i < y->p.kept.n; i++)
		if (strcmp(y->p.kept.v[i].what, what) == 0)
			return y->p.kept.v[i].reason;
	return "";
}

TEST_HELPER bool
yard_there(const char *name)
{
	struct stat st;

	return lstat(test_path(name), &st) == 0;
}

/* A fresh "old" by this script, $1 the test's directory; then all of it is made
 * three days old. */
TEST_HELPER void
yard_fill(const char *script)
{
	char *all = xprintf("chmod -R u+rwx \"$1/old\" 2>/dev/null; "
	    "rm -rf \"$1/old\" && mkdir \"$1/old\" && cd \"$1/old\" && { %s\n} && "
	    "find . -depth -exec touch -h -d '3 days ago' {} +", script);

	assert_true(kit_sh(all));
	free(all);
}

#endif
