/* WRAP: getpid */
#include "tests/report/story.h"

#include <fcntl.h>

#include "base/json.h"
#include "verb/verbs.h"

#define ADA &story_ada

static const struct line whole[] = {
	{ "01:08:00", ADA, EVENT_INCIDENT_OPENED, NULL, "the night",
	    "{\"severity\":\"SEV-1\",\"zone\":\"Africa/Lagos\"}", NULL },
	{ "01:09:00", ADA, EVENT_NOTE, NULL, "a note", NULL, NULL },
	{ "01:42:00", ADA, EVENT_INCIDENT_RESOLVED, NULL, "well", NULL, NULL },
	{ "01:50:00", ADA, EVENT_INCIDENT_CLOSED, NULL, "done", NULL, NULL },
};
enum { OPEN = 2, RESOLVED = 3, CLOSED = 4 };

struct said {
	int status;
	char *out, *err;
};

static int
redirect(int fd, const char *path)
{
	int old = dup(fd), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(old >= 0 && to >= 0);
	assert_int_equal(dup2(to, fd), fd);
	close(to);
	return old;
}

static void
restore(int fd, int old)
{
	assert_int_equal(dup2(old, fd), fd);
	close(old);
}

/* midwatch export WORDS..., at the state directory of that name. */
static struct said
export(const char *state, const char *const *words)
{
	char *argv[16], *out = xstrdup(test_path("out"));
	char *err = xstrdup(test_path("err")), *dir = xstrdup(test_path(state));
	struct said said;
	struct cli c = { .verb = "export", .state = dir };
	int argc = 0, old_out, old_err;

	while (words != NULL && *words != NULL)
		argv[argc++] = (char *)(uintptr_t)*words++;
	argv[argc] = NULL;
	(void)fflush(stdout);
	old_out = redirect(STDOUT_FILENO, out);
	old_err = redirect(STDERR_FILENO, err);
	said.status = verb_export(&c, argc, argv);
	VEC_RELEASE(&c.words);
	(void)fflush(stdout);
	restore(STDOUT_FILENO, old_out);
	restore(STDERR_FILENO, old_err);
	said.out = test_read(out);
	said.err = test_read(err);
	free(out);
	free(err);
	free(dir);
	return said;
}

#define EXPORT(state, ...)						\
	export(state, (const char *const[]){ __VA_ARGS__, NULL })

static void
said_release(struct said *s)
{
	free(s->out);
	free(s->err);
}

static void
expect(struct said s, int status, const char *in_out, const char *in_err)
{
	if (s.status != status || (in_out != NULL && strstr(s.out, in_out) ==
	    NULL) || (in_err != NULL && strstr(s.err, in_err) == NULL))
		fail_msg("exit %d, not %d\nout: %.300s\nerr: %s", s.status,
		    status, s.out, s.err);
	said_release(&s);
}

static void
incident(const char *state, const char *id, size_t lines)
{
	char *name = xprintf("%s/incidents/%s", state, id);

	free(story_tell(name, whole, lines));
	free(name);
}

static void
the_open_one_comes_first_then_resolved_then_the_newest(void **state)
{
	(void)state;
	expect(export("pick", NULL), EXIT_USAGE, NULL,
	    "there is no incident to export");
	incident("pick", "INC-20250210-0108", CLOSED);
	incident("pick", "INC-20250214-0108", CLOSED);
	expect(export("pick", NULL), EXIT_DONE, "INC-20250214-0108", NULL);
	incident("pick", "INC-20250212-0108", RESOLVED);
	expect(export("pick", NULL), EXIT_DONE, "INC-20250212-0108", NULL);
	incident("pick", "INC-20250211-0108", OPEN);
	expect(export("pick", NULL), EXIT_DONE, "INC-20250211-0108", NULL);
	expect(EXPORT("pick", "INC-20250210-0108"), EXIT_DONE,
	    "INC-20250210-0108", NULL);
}

static void
a_name_that_is_none_is_refused(void **state)
{
	static const char *const names[] = { "INC-20200101-0101", "../log",
	    "INC-20250214-0108/..", "", "/etc" };

	(void)state;
	incident("name", "INC-20250214-0108", CLOSED);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		test_case(names[i]);
		expect(EXPORT("name", names[i]), EXIT_USAGE, NULL, "midwatch:");
	}
}

static void
what_goes_to_standard_output_is_kept_beside_the_journal(void **state)
{
	static const char *const formats[] = { "md", "json" };

	(void)state;
	incident("keep", "INC-20250214-0108", CLOSED);
	for (size_t i = 0; i < 2; i++) {
		char *path = xprintf("%s/incidents/INC-20250214-0108/"
		    "postmortem.%s", test_path("keep"), formats[i]);
		struct said s = EXPORT("keep", "--format", formats[i]);
		struct said again = EXPORT("keep", "--format", formats[i]);
		char *copy = test_read(path);

		assert_int_equal(s.status, EXIT_DONE);
		assert_string_equal(s.err, "");
		assert_string_equal(s.out, copy);
		assert_string_equal(s.out, again.out);
		said_release(&s);
		said_release(&again);
		free(copy);
		free(path);
	}
}

static void
a_copy_that_cannot_be_kept_is_a_warning(void **state)
{
	char *path = xprintf("%s/incidents/INC-20250214-0108/postmortem.md/x",
	    test_path("full"));

	(void)state;
	incident("full", "INC-20250214-0108", CLOSED);
	assert_true(file_mkdirs(path, 0700, NULL));	/* in the copy's place */
	expect(EXPORT("full", "--format=md"), EXIT_DONE,
	    "# Post-incident report: the night", "no copy was kept: ");
	free(path);
}

static void
a_file_is_written_whole_in_its_place(void **state)
{
	char *path = xstrdup(test_path("report.md"));
	struct said s;
	struct stat st;
	char *text;

	(void)state;
	incident("file", "INC-20250214-0108", CLOSED);
	(void)test_write("report.md", "old");
	assert_int_equal(chmod(path, 0604), 0);
	expect(EXPORT("file", "--output", path), EXIT_DONE, "", "written to");
	s = EXPORT("file", "--output", "-");
	text = test_read(path);
	assert_string_equal(s.out, text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0604);
	said_release(&s);
	free(text);
	free(path);
}

static void
nothing_is_written_through_a_link_or_over_a_device(void **state)
{
	char *link = xstrdup(test_path("link.md"));
	char *fifo = xstrdup(test_path("fifo.md"));
	char *lost = xstrdup(test_path("nowhere/report.md"));
	const char *target = test_write("target.md", "as it was");
	char *text;

	(void)state;
	incident("link", "INC-20250214-0108", CLOSED);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	expect(EXPORT("link", "--output", link), EXIT_FAILED, NULL,
	    "is a symbolic link; nothing was written");
	text = test_read(test_path("target.md"));
	assert_string_equal(text, "as it was");
	expect(EXPORT("link", "--output", fifo), EXIT_FAILED, NULL,
	    "is not a regular file");
	expect(EXPORT("link", "--output", test_dir()), EXIT_FAILED, NULL,
	    "is not a regular file");
	expect(EXPORT("link", "--output", lost), EXIT_FAILED, NULL,
	    "cannot write");
	free(text);
	free(link);
	free(fifo);
	free(lost);
}

static void
a_format_that_is_not_built_says_so(void **state)
{
	static const char *const later[] = { "html", "csv", "bundle" };

	(void)state;
	incident("later", "INC-20250214-0108", CLOSED);
	for (size_t i = 0; i < 3; i++) {
		test_case(later[i]);
		expect(EXPORT("later", "--format", later[i]), EXIT_USAGE, NULL,
		    "is not built yet");
	}
	expect(EXPORT("later", "--format", "jsn"), EXIT_USAGE, NULL,
	    "did you mean 'json'?");
}

static void
json_alone_is_the_document_and_with_a_file_what_was_done(void **state)
{
	char *path = xstrdup(test_path("done.md"));
	struct said s;
	json_t *o;

	(void)state;
	incident("json", "INC-20250214-0108", CLOSED);
	expect(EXPORT("json", "--json"), EXIT_DONE,
	    "{\"schema\":\"midwatch.incident/1\"", NULL);
	expect(EXPORT("json", "--json", "--format", "md"), EXIT_USAGE,
	    "\"ok\":false", "--output FILE");
	s = EXPORT("json", "--json", "--output", path);
	o = json_read(s.out, strlen(s.out), NULL);
	assert_non_null(o);
	assert_true(json_get_bool(o, "ok"));
	assert_string_equal(json_get_str(o, "output"), path);
	assert_string_equal(json_get_str(o, "format"), "md");
	json_decref(o);
	said_release(&s);
	free(path);
}

static void
a_changed_journal_is_exported_with_a_warning(void **state)
{
	char *path = xprintf("%s/incidents/INC-20250214-0108/journal.jsonl",
	    test_path("bad"));
	struct buf b = BUF_INIT;

	(void)state;
	incident("bad", "INC-20250214-0108", CLOSED);
	assert_true(file_read(path, &b, 1 << 20, NULL));
	memcpy(strstr(b.p, "a note"), "A NOTE", 6);
	assert_true(file_replace(path, b.p, b.n, 0600, NULL));
	expect(export("bad", NULL), EXIT_DONE, "**CHANGED LINE",
	    "is not as it was written");
	buf_release(&b);
	free(path);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_open_one_comes_first_then_resolved_then_the_newest),
	cmocka_unit_test(a_name_that_is_none_is_refused),
	cmocka_unit_test(
	    what_goes_to_standard_output_is_kept_beside_the_journal),
	cmocka_unit_test(a_copy_that_cannot_be_kept_is_a_warning),
	cmocka_unit_test(a_file_is_written_whole_in_its_place),
	cmocka_unit_test(nothing_is_written_through_a_link_or_over_a_device),
	cmocka_unit_test(a_format_that_is_not_built_says_so),
	cmocka_unit_test(json_alone_is_the_document_and_with_a_file_what_was_done),
	cmocka_unit_test(a_changed_journal_is_exported_with_a_warning),
};

int
main(void)
{
	(void)unsetenv("MIDWATCH_CONFIG");
	return RUN_TESTS(tests);
}
