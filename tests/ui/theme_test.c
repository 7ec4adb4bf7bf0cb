#include "tests/ui/kit.h"

#include <dirent.h>
#include <math.h>

#include "ui/theme.h"

/* xterm's 256 colours. */
static void
rgb(int c, double out[3])
{
	static const int first[16][3] = { { 0, 0, 0 }, { 205, 0, 0 },
		{ 0, 205, 0 }, { 205, 205, 0 }, { 0, 0, 238 }, { 205, 0, 205 },
		{ 0, 205, 205 }, { 229, 229, 229 }, { 127, 127, 127 },
		{ 255, 0, 0 }, { 0, 255, 0 }, { 255, 255, 0 }, { 92, 92, 255 },
		{ 255, 0, 255 }, { 0, 255, 255 }, { 255, 255, 255 } };

	for (int i = 0; i < 3; i++) {
		int part = c < 16 ? 0 :
		    i == 0 ? (c - 16) / 36 : i == 1 ? (c - 16) / 6 % 6 :
			    (c - 16) % 6;

		out[i] = c < 16 ? first[c][i] :
		    c >= 232 ? 8 + 10 * (c - 232) :
		    part == 0 ? 0 : 55 + 40 * part;
	}
}

static double
luminance(const double c[3])
{
	double part[3];

	for (int i = 0; i < 3; i++) {
		double v = c[i] / 255;

		part[i] = v <= 0.03928 ? v / 12.92 :
		    pow((v + 0.055) / 1.055, 2.4);
	}
	return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
}

static double
contrast(const double a[3], const double b[3])
{
	double x = luminance(a) + 0.05, y = luminance(b) + 0.05;

	return x > y ? x / y : y / x;
}

static const double black[3] = { 0, 0, 0 }, grey[3] = { 0x1c, 0x1c, 0x1c },
	white[3] = { 255, 255, 255 }, pale[3] = { 0xee, 0xee, 0xee };

static void
read_well(const struct theme *t, enum role r)
{
	struct look look = theme_look(t, r, 256);
	double fg[3], bg[3];
	char label[128];

	snprintf(label, sizeof label, "%s: %s", t->name, roles[r].word);
	if (look.fg >= 0)
		rgb(look.fg, fg);
	if (look.bg >= 0) {
		rgb(look.bg, bg);
		if (look.fg < 0)
			fail_msg("%s: a background alone", label);
		if (contrast(fg, bg) < 4.5)
			fail_msg("%s: contrast %.1f", label, contrast(fg, bg));
		return;
	}
	if (look.fg < 0)
		return;
	if (t->base != BASE_LIGHT &&
	    (contrast(fg, black) < 4.5 ||
		(t->base == BASE_DARK && contrast(fg, grey) < 4.5)))
		fail_msg("%s: contrast %.1f on black", label,
		    contrast(fg, black));
	if (t->base != BASE_DARK &&
	    (contrast(fg, white) < 4.5 ||
		(t->base == BASE_LIGHT && contrast(fg, pale) < 4.5)))
		fail_msg("%s: contrast %.1f on white", label,
		    contrast(fg, white));
}

static void
every_theme_that_is_shipped_loads_and_reads_well(void **state)
{
	DIR *d = opendir("themes");
	struct dirent *de;
	int seen = 0;

	(void)state;
	assert_non_null(d);
	while ((de = readdir(d)) != NULL) {
		struct notes problems = { { 0 } };
		struct theme t;
		char path[300];

		if (strstr(de->d_name, ".cfg") == NULL)
			continue;
		snprintf(path, sizeof path, "themes/%s", de->d_name);
		test_case(path);
		theme_init(&t);
		assert_true(theme_load(&t, path, NULL, &problems));
		if (problems.v.n > 0)
			fail_msg("%s", problems.v.v[0]);
		assert_int_equal(strncmp(t.name, de->d_name, strlen(t.name)),
		    0);
		for (int r = 0; r < ROLE_COUNT; r++)
			read_well(&t, (enum role)r);
		notes_release(&problems);
		seen++;
	}
	(void)closedir(d);
	assert_true(seen >= 8);
}

static void
the_theme_any_is_the_one_that_is_built_in(void **state)
{
	struct notes problems = { { 0 } };
	struct theme built, read;

	(void)state;
	theme_init(&built);
	memset(&read, 0, sizeof read);
	assert_true(theme_load(&read, "themes/any.cfg", NULL, &problems));
	assert_string_equal(built.name, "any");
	for (int r = 0; r < ROLE_COUNT; r++) {
		struct look a = theme_look(&built, (enum role)r, 256);
		struct look b = theme_look(&read, (enum role)r, 256);

		assert_true(a.fg == b.fg && a.bg == b.bg &&
		    a.attrs == b.attrs);
	}
	notes_release(&problems);
}

/* Marks (in both alphabets) or attributes differ; where they do not, one of the
 * two is text whose words say it. */
static void
roles_differ_in_mono(void **state)
{
	struct theme t;

	(void)state;
	theme_init(&t);
	for (int a = 0; a < ROLE_COUNT; a++) {
		for (int b = 0; b < a; b++) {
			struct look la = theme_look(&t, (enum role)a, 0);
			struct look lb = theme_look(&t, (enum role)b, 0);

			assert_true(la.fg == -1 && la.bg == -1);
			if (la.attrs == lb.attrs &&
			    (strcmp(roles[a].mark, roles[b].mark) == 0 ||
				strcmp(roles[a].ascii, roles[b].ascii) == 0))
				fail_msg("%s and %s look alike in mono",
				    roles[a].word, roles[b].word);
		}
	}
}

static void
a_role_that_is_not_given_looks_like_its_parent(void **state)
{
	static const char text[] = "name = \"t\"; roles = { strong = \"69\"; };";
	struct notes problems = { { 0 } };
	struct theme t = { .base = BASE_ANY };

	(void)state;
	assert_true(theme_parse(&t, "t.cfg", text, strlen(text), &problems));
	assert_int_equal(problems.v.n, 0);
	assert_int_equal(theme_look(&t, ROLE_TITLE, 256).fg, 69);
	assert_int_equal(theme_look(&t, ROLE_TITLE, 256).attrs, ATTR_BOLD);
	assert_int_equal(theme_look(&t, ROLE_TEXT, 256).fg, -1);
	assert_int_equal(theme_look(&t, ROLE_TITLE, 8).fg, -1);
	notes_release(&problems);
}

static void
eight_colours_have_bold_for_bright(void **state)
{
	static const char text[] = "name = \"t\"; palette = { a = \"124 red\"; };"
	    " roles = { warning = \"bright-white on a\"; caution = \"black on "
	    "200\"; };";
	struct notes problems = { { 0 } };
	struct theme t = { .base = BASE_ANY };
	struct look look;

	(void)state;
	assert_true(theme_parse(&t, "t.cfg", text, strlen(text), &problems));
	look = theme_look(&t, ROLE_WARNING, 8);
	assert_int_equal(look.fg, 7);
	assert_int_equal(look.bg, 1);
	assert_int_equal(look.attrs, ATTR_BOLD);
	assert_int_equal(theme_look(&t, ROLE_WARNING, 256).bg, 124);
	look = theme_look(&t, ROLE_CAUTION, 16);	/* half a badge is none */
	assert_true(look.fg == -1 && look.bg == -1);
	assert_int_equal(look.attrs, roles[ROLE_CAUTION].attrs);
	look = theme_look(&t, ROLE_WARNING, 0);
	assert_true(look.fg == -1 && look.attrs == (ATTR_REVERSE | ATTR_BOLD));
	notes_release(&problems);
}

static void
all_mistakes_are_reported(void **state)
{
	static const char text[] =
	    "name = \"t\";\n"
	    "base = \"dusk\";\n"
	    "palette = {\n"
	    "	good = \"300\";\n"
	    "};\n"
	    "roles = {\n"
	    "	warnung = \"red\";\n"
	    "	warning = \"rad\";\n"
	    "	caution = \"red on\";\n"
	    "	title = \"7 on 7\";\n"
	    "	text = \"red blue\";\n"
	    "	dim = \"69\";\n"
	    "};\n";
	static const char *const want[] = { "t.cfg:2: ", "t.cfg:4: ",
		"t.cfg:7: ", "t.cfg:8: ", "t.cfg:9: ", "t.cfg:10: ",
		"t.cfg:11: " };
	struct notes problems = { { 0 } };
	struct theme t;

	(void)state;
	theme_init(&t);
	assert_true(theme_parse(&t, "t.cfg", text, strlen(text), &problems));
	for (size_t i = 0; i < problems.v.n; i++)
		print_message("# %s\n", problems.v.v[i]);
	assert_int_equal(problems.v.n, sizeof want / sizeof *want);
	for (size_t i = 0; i < problems.v.n; i++)
		assert_int_equal(
		    strncmp(problems.v.v[i], want[i], strlen(want[i])), 0);
	assert_int_equal(theme_look(&t, ROLE_WARNING, 256).bg, 124);
	assert_int_equal(theme_look(&t, ROLE_DIM, 256).fg, 69);
	notes_release(&problems);
	assert_false(theme_parse(&t, "t.cfg", "name = ;", 8, &problems));
	assert_false(theme_load(&t, "no-such", NULL, &problems));
	assert_false(theme_load(&t, "/nowhere/x.cfg", NULL, &problems));
	assert_int_equal(problems.v.n, 3);
	notes_release(&problems);
}

static void
themes_are_found_by_name(void **state)
{
	struct notes problems = { { 0 } };
	struct buf b = BUF_INIT;
	struct theme t;

	(void)state;
	theme_init(&t);
	assert_true(theme_load(&t, "dark", NULL, &problems));
	assert_string_equal(t.name, "dark");
	theme_list(NULL, &b);
	assert_non_null(strstr(b.p, "deuteranopia-light\nhigh-contrast\n"));
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_theme_that_is_shipped_loads_and_reads_well),
	cmocka_unit_test(the_theme_any_is_the_one_that_is_built_in),
	cmocka_unit_test(roles_differ_in_mono),
	cmocka_unit_test(a_role_that_is_not_given_looks_like_its_parent),
	cmocka_unit_test(eight_colours_have_bold_for_bright),
	cmocka_unit_test(all_mistakes_are_reported),
	cmocka_unit_test(themes_are_found_by_name),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
