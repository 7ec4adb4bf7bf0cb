/* Verbs to functions, exit statuses; nothing else. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/text.h"
#include "verb/verbs.h"

/* Options that take a value and may stand before the verb. */
static int
skip_options(int argc, char **argv)
{
	static const char *const valued[] = { "-c", "--config", "--state",
	    "--theme" };
	int i = 1;

	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0)
		i += text_in(argv[i], valued, 4) ? 2 : 1;
	return i;
}

static int
no_such_verb(const char *word)
{
	const char **known = xcalloc(n_verbs, sizeof *known);
	const char *near;
	int status;

	for (size_t i = 0; i < n_verbs; i++)
		known[i] = verbs[i].name;
	near = text_nearest(word, known, n_verbs);
	free(known);
	if (near != NULL)
		status = cli_usage("unknown verb '%s', did you mean '%s'?", word,
		    near);
	else
		status = cli_usage("unknown verb '%s'; 'midwatch help' lists "
		    "them", word);
	return status;
}

static int
no_verb(struct cli *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--version") == 0) {
			cli_out("midwatch %s", MIDWATCH_VERSION);
			return EXIT_DONE;
		}
	return verb_console(c, argc - 1, argv + 1);
}

static int
dispatch(struct cli *c, int argc, char **argv)
{
	int at = skip_options(argc, argv);
	const struct verb *v;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			cli_want_json();
	if (at >= argc)
		return no_verb(c, argc, argv);
	v = verb_find(argv[at]);
	if (v == NULL)
		return no_such_verb(argv[at]);
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return verb_help(c, 1, argv + at);
	if (v->run == NULL)
		return cli_usage("'%s' is not built into this version yet",
		    v->name);
	c->verb = v->name;
	if (!cli_parse(c, at - 1, argv + 1, NULL, 0))
		return EXIT_USAGE;
	return v->run(c, argc - at - 1, argv + at + 1);
}

int
main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct cli c = { 0 };
	int status;

	io_guard_std();
	(void)setlocale(LC_CTYPE, "");
	(void)umask(007);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	status = dispatch(&c, argc, argv);
	VEC_RELEASE(&c.words);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_note("standard output could not be written");
		if (status == EXIT_DONE)
			status = EXIT_FAILED;
	}
	return status;
}
