#include "tests/test.h"

#include <sys/wait.h>

#include "base/file.h"
#include "base/who.h"
#include "runbook/intern.h"

static struct runbook rb;
static struct site site;

static int
with_design_site(void **state)
{
	static const struct who me = { .by = "ada", .login = "ada",
	    .host = "bastion" };
	struct rb_names names;
	struct pool pool = { 0 };
	bool ok;

	(void)state;
	who_fake(&me);
	ok = site_load(&site, "tests/data/site/design.cfg");
	runbook_names_of_site(&site, &pool, &names);
	ok = ok && runbook_load(&rb, "tests/data/runbook/small.cfg", &names,
	    &site);
	for (size_t i = 0; i < rb.doc.problems.n; i++)
		print_message("# %s\n", rb.doc.problems.v[i].text);
	pool_release(&pool);
	return ok ? 0 : -1;
}

static int
without(void **state)
{
	(void)state;
	runbook_release(&rb);
	site_release(&site);
	return 0;
}

/* This machine's paths become SITE in a golden. */
static void
portable(struct buf *b, const char *path, const char *name)
{
	char *at;

	while (path != NULL && *path != '\0' &&
	    (at = strstr(b->p, path)) != NULL) {
		struct buf rest = BUF_INIT;
		size_t n = (size_t)(at - b->p);

		buf_str(&rest, at + strlen(path));
		buf_cut(b, n);
		buf_str(b, name);
		buf_str(b, rest.p);
		buf_release(&rest);
	}
}

/* WRITE_GOLDEN=1 writes it anew. */
static void
is_golden(struct buf *b, const char *path)
{
	struct buf want = BUF_INIT;
	struct err e = ERR_INIT;

	portable(b, site.doc.dir, "SITE");
	if (getenv("WRITE_GOLDEN") != NULL)
		assert_true(file_replace(path, b->p, b->n, 0644, &e));
	assert_true(file_read(path, &want, 1 << 20, &e));
	assert_string_equal(b->p, want.p);
	buf_release(&want);
}

static void
a_runbook_is_a_page_of_markdown(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	runbook_render(&rb, &site, &b);
	is_golden(&b, "tests/golden/runbook/small.md");
	buf_release(&b);
}

static void
the_stock_commands_are_a_page_for_paper(void **state)
{
	char dir[] = "/var/lib/midwatch";
	const struct state place = { .dir = dir };
	struct buf b = BUF_INIT;

	(void)state;
	runbook_commands(&rb, &site, &place, &b);
	is_golden(&b, "tests/golden/runbook/small.sh");
	buf_release(&b);
}

static void
the_same_file_always_gives_the_same_bytes(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	runbook_render(&rb, &site, &a);
	runbook_render(&rb, &site, &b);
	assert_string_equal(a.p, b.p);
	buf_release(&a);
	buf_release(&b);
}

static const char *
filled(const char *text, const struct site *s)
{
	static struct buf b;

	buf_clear(&b);
	command_fill(text, s, NULL, &b);
	return b.p;
}

static void
what_the_site_does_not_know_stands_in_angle_brackets(void **state)
{
	(void)state;
	assert_string_equal(filled("psql -h {db:otc.host}", &site),
	    "psql -h otc-db");
	assert_string_equal(filled("psql -h {db:xyz.host}", &site),
	    "psql -h <db:xyz.host>");
	assert_string_equal(filled("psql -h {db.host} {db} {disk}", &site),
	    "psql -h <db.host> <db> <disk>");
	assert_string_equal(filled("{disk:{disk}.path} {db:{db}.host}", &site),
	    "<disk.path> <db.host>");
	assert_string_equal(filled("{db:otc.host} {site} {store.path}", NULL),
	    "<db:otc.host> <site> <store.path>");
	assert_string_equal(filled("cd {state}", &site), "cd <state>");
	assert_string_equal(filled("{store:local.ssh}", &site),
	    "<store:local.ssh>");
	/* the shell's own braces are left alone */
	assert_string_equal(filled("a{b,c} ${HOME} {{.Names}} {print $1}",
	    &site), "a{b,c} ${HOME} {{.Names}} {print $1}");
}

static void
containers_and_superusers_are_known_by_their_database(void **state)
{
	(void)state;
	assert_string_equal(filled("docker exec {db:arp.place}", &site),
	    "docker exec arp-db-prod");
	assert_string_equal(filled("psql -U {db:arp.superuser}", &site),
	    "psql -U postgres");
	assert_string_equal(filled("psql -U {db:otc.superuser}", &site),
	    "psql -U <db:otc.superuser>");
	assert_string_equal(filled("docker exec {place:arp-box.container}",
	    &site), "docker exec arp-db-prod");
}

static void
ssh_is_told_the_way_there(void **state)
{
	static const char text[] = "site = { name = \"x\"; };\nplaces = (\n"
	    "{ name = \"a\"; ssh = \"ops@a\"; port = 2222; },\n"
	    "{ name = \"b\"; ssh = \"ops@b\"; via = \"a\"; "
	    "identity = \"/k/my key\"; } );\n";
	struct site s = { 0 };

	(void)state;
	site_parse(&s, "/etc/x.cfg", text, strlen(text));
	assert_string_equal(filled("ssh {place:a.ssh} true", &s),
	    "ssh -p 2222 ops@a true");
	assert_string_equal(filled("ssh {place:b.ssh} true", &s),
	    "ssh -i '/k/my key' -J ops@a:2222 ops@b true");
	site_release(&s);
}

/* What a shell prints that is given the command. */
static const char *
shell_says(const char *command)
{
	static char out[500];
	FILE *f = popen(command, "re");	/* lint: the very thing to be tested */
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, sizeof out - 1, f);
	out[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return out;
}

/*
 * The value arrives whole wherever it stands: bare, in quotes, and in a command
 * that another shell reads again (as after ssh).
 */
static void
a_value_is_quoted_for_where_it_stands(void **state)
{
	static const char *const paths[] = {
		"/plain/path", "/with a space", "/it's", "/say \\\"hi\\\"",
		"/$HOME/`id`/$(id)", "/back\\\\slash", "/a;b|c&d", "/*?[x]",
		"/-rf", "/#hash #x", "/ends in '",
	};
	static const char *const commands[] = {
		"printf %s {store:s.path}",
		"printf %s '{store:s.path}'",
		"sh -c \"printf %s {store:s.path}\"",
		"sh -c \"printf %s '{store:s.path}'\"",
		"sh -c \"printf %s \\\"{store:s.path}\\\"\"",
		"D={store:s.path}; printf %s \"$D\"   # don't {store:s.path}",
		"sh -c 'printf %s \"$1\"' x {store:s.path}",
		"printf %s \"$(printf %s '')\"{store:s.path}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct site s = { 0 };
		char text[400];

		snprintf(text, sizeof text, "site = { name = \"x\"; };\n"
		    "stores = ( { name = \"s\"; path = \"%s\"; } );\n"
		    "backup = { to = ( \"s\" ); };\n", paths[i]);
		site_parse(&s, "/etc/x.cfg", text, strlen(text));
		assert_non_null(site_store(&s, "s"));
		for (size_t k = 0; k < sizeof commands / sizeof *commands;
		    k++) {
			/* in "\"...\"" the remote shell still expands a name */
			test_case(commands[k]);
			assert_string_equal(shell_says(filled(commands[k],
			    &s)), site_store(&s, "s")->path);
		}
		site_release(&s);
	}
}

/* Every <db.host> that is left becomes a word. */
static void
without_brackets(struct buf *b)
{
	for (size_t i = 0; i < b->n; i++) {
		size_t n = b->p[i] == '<' ? strspn(b->p + i + 1,
		    "abcdefghijklmnopqrstuvwxyz:.-") : 0;

		if (n > 0 && b->p[i + 1 + n] == '>')
			b->p[i] = b->p[i + 1 + n] = 'X';
	}
}

static void
every_shipped_command_is_one_that_a_shell_can_read(void **state)
{
	static const char *const files[] = { "midnight-backup-failure",
	    "arp-recovery", "restore-data", "schedule-missed",
	    "upload-unverified", "wal-full" };

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct buf b = BUF_INIT;
		struct pool pool = { 0 };
		struct rb_names names;
		struct runbook shipped;
		char path[200], command[PATH_MAX + 300];

		test_case(files[i]);
		runbook_names_of_site(&site, &pool, &names);
		snprintf(path, sizeof path, "runbooks/%s.cfg", files[i]);
		assert_true(runbook_load(&shipped, path, &names, &site));
		runbook_commands(&shipped, &site, NULL, &b);
		without_brackets(&b);
		snprintf(command, sizeof command, "bash -n %s 2>&1",
		    test_write("page.sh", b.p));
		assert_string_equal(shell_says(command), "");
		buf_release(&b);
		runbook_release(&shipped);
		pool_release(&pool);
	}
}

static void
foreign_text_cannot_drive_a_terminal(void **state)
{
	static const char text[] = "runbook = { name = \"x\"; title = "
	    "\"a\\x1b[2Jb\"; severity = \"SEV-1\"; steps = ( { id = \"s\"; "
	    "kind = \"manual\"; title = \"t\\x9b31m\"; stop = \"safe\"; "
	    "commands = ( \"echo \\x1b]0;x\\x07\" ); } ); resolve = ( "
	    "\"frozen\" ); close = ( \"rca published\" ); };";
	struct runbook bad;
	struct buf b = BUF_INIT;

	(void)state;
	assert_true(runbook_parse(&bad, "x.cfg", text, strlen(text), NULL,
	    NULL));
	runbook_render(&bad, NULL, &b);
	runbook_commands(&bad, NULL, NULL, &b);
	for (size_t i = 0; i < b.n; i++)
		assert_true(b.p[i] == '\n' ||
		    (b.p[i] >= ' ' && b.p[i] != 0x7f));
	buf_release(&b);
	runbook_release(&bad);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_design_site, without)
static const struct CMUnitTest tests[] = {
	TEST(a_runbook_is_a_page_of_markdown),
	TEST(the_stock_commands_are_a_page_for_paper),
	TEST(the_same_file_always_gives_the_same_bytes),
	TEST(what_the_site_does_not_know_stands_in_angle_brackets),
	TEST(containers_and_superusers_are_known_by_their_database),
	TEST(ssh_is_told_the_way_there),
	TEST(a_value_is_quoted_for_where_it_stands),
	TEST(every_shipped_command_is_one_that_a_shell_can_read),
	TEST(foreign_text_cannot_drive_a_terminal),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
