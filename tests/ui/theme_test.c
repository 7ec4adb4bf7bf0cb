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

/* The first sixteen are the terminal's own: xterm's, or the Linux console's. */
static void
rgb_of(int c, bool console, double out[3])
{
	static const int vga[16][3] = { { 0, 0, 0 }, { 170, 0, 0 },
		{ 0, 170, 0 }, { 170, 85, 0 }, { 0, 0, 170 }, { 170, 0, 170 },
		{ 0, 170, 170 }, { 170, 170, 170 }, { 85, 85, 85 },
		{ 255, 85, 85 }, { 85, 255, 85 }, { 255, 255, 85 },
		{ 85, 85, 255 }, { 255, 85, 255 }, { 85, 255, 255 },
		{ 255, 255, 255 } };

	if (!console || c >= 16)
		rgb(c, out);
	else
		for (int i = 0; i < 3; i++)
			out[i] = vga[c][i];
}

/* A badge brings both its colours, so it has to read on every terminal: whichever
 * palette it has, and whether bold is brighter there or not. */
static void
badge_reads_with_few(const struct theme *t, enum role r, int colours)
{
	struct look look = theme_look(t, r, colours);
	double fg[3], bg[3];

	if (look.bg < 0 || look.fg < 0)
		return;
	for (int console = 0; console < 2; console++)
		for (int bright = 0; bright < 2; bright++) {
			bool is = bright && (look.attrs & ATTR_BOLD) &&
			    look.fg < 8;

			/* where there are eight, bright white is bold white;
			 * and the console has no other bold than a bright one */
			if (!is && look.fg < 8 && (look.attrs & ATTR_BOLD) &&
			    (console || (colours == 8 && look.fg == 7)))
				continue;
			rgb_of(look.fg + (is ? 8 : 0), console, fg);
			rgb_of(look.bg, console, bg);
			if (contrast(fg, bg) < 4.5)
				fail_msg("%s: %s with %d colours%s%s: contrast "
				    "%.1f", t->name, roles[r].word, colours,
				    console ? " of the console" : "", is ?
				    ", bold being bright" : "",
				    contrast(fg, bg));
		}
}

/* As Machado and others (2009) have it for whoever has no green, in linear light. */
static void
without_green(const double in[3], double out[3])
{
	static const double m[3][3] = { { 0.367322, 0.860646, -0.227968 },
		{ 0.280085, 0.672501, 0.047413 },
		{ -0.011820, 0.042940, 0.968881 } };
	double light[3];

	for (int i = 0; i < 3; i++)
		light[i] = pow(in[i] / 255, 2.2);
	for (int i = 0; i < 3; i++) {
		double v = m[i][0] * light[0] + m[i][1] * light[1] +
		    m[i][2] * light[2];

		out[i] = 255 * pow(v < 0 ? 0 : v > 1 ? 1 : v, 1 / 2.2);
	}
}

/* What is alarming, what is to be looked at, and what is well: no two of them have
 * colours that are near each other for somebody without green, unless one is a badge
 * and the other is not. */
static void
is_told_apart_without_green(const struct theme *t)
{
	static const enum role three[] = { ROLE_WARNING, ROLE_CAUTION,
		ROLE_STEP_DONE };
	double seen[3][3];
	bool badge[3];

	for (int i = 0; i < 3; i++) {
		struct look look = theme_look(t, three[i], 256);
		double c[3];

		badge[i] = look.bg >= 0;
		rgb(look.bg >= 0 ? look.bg : look.fg >= 0 ? look.fg :
		    t->base == BASE_LIGHT ? 0 : 7, c);
		without_green(c, seen[i]);
	}
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < a; b++) {
			double d = 0;

			for (int i = 0; i < 3; i++)
				d += (seen[a][i] - seen[b][i]) *
				    (seen[a][i] - seen[b][i]);
			if (badge[a] == badge[b] && sqrt(d) < 60)
				fail_msg("%s: %s and %s are %.0f apart without "
				    "green", t->name, roles[three[a]].word,
				    roles[three[b]].word, sqrt(d));
		}
}

static bool
look_same(struct look a, struct look b)
{
	return a.fg == b.fg && a.bg == b.bg && a.attrs == b.attrs;
}

/* Whatever colours there are: the look or the mark tells two roles apart, or one
 * of the two is text whose words say it. */
static void
roles_differ(const struct theme *t, int colours)
{
	for (int a = 0; a < ROLE_COUNT; a++)
		for (int b = 0; b < a; b++)
			if (look_same(theme_look(t, (enum role)a, colours),
				theme_look(t, (enum role)b, colours)) &&
			    (strcmp(roles[a].mark, roles[b].mark) == 0 ||
				strcmp(roles[a].ascii, roles[b].ascii) == 0) &&
			    /* what is quiet has no mark, or brackets */
			    !(a == ROLE_DIM && b == ROLE_TEXT && colours > 0) &&
			    /* the frame of production is meant to say it */
			    !(b == ROLE_BORDER_FOCUS && a == ROLE_ENV_PROD &&
				strcmp(t->name, "production") == 0))
				fail_msg("%s: %s and %s look alike with %d "
				    "colours", t->name, roles[a].word,
				    roles[b].word, colours);
}

static void
every_theme_that_is_shipped_loads_and_reads_well(void **state)
{
	static const int depths[] = { 0, 8, 16, 256 };
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
		for (int r = 0; r < ROLE_COUNT; r++) {
			read_well(&t, (enum role)r);
			badge_reads_with_few(&t, (enum role)r, 8);
			badge_reads_with_few(&t, (enum role)r, 16);
		}
		if (strncmp(t.name, "deuteranopia", 12) == 0)
			is_told_apart_without_green(&t);
		for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
			roles_differ(&t, depths[i]);
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
