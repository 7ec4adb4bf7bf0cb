/*
 * Could a command that somebody wrote be started? Nothing of it is run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/text.h"
#include "doctor/intern.h"

enum { SHELL_MS = 3000 };

static bool
path_stands(const char *word, const char *dir, bool shell, struct buf *why)
{
	const char *home = getenv("HOME");
	struct stat st;
	bool ok = false;
	char *path;

	if (word[0] == '/' || dir == NULL)
		path = xstrdup(word);
	else if (shell && word[0] == '~' && word[1] == '/')
		path = xprintf("%s%s", home ? home : "", word + 1);
	else
		path = file_join(dir, word);
	if (stat(path, &st) != 0)
		buf_printf(why, "'%s' %s", path, errno == ENOENT ?
		    "is not there" : strerror(errno));
	else if (!S_ISREG(st.st_mode))
		buf_printf(why, "'%s' is not a file", path);
	else if (access(path, X_OK) != 0)
		buf_printf(why, "'%s' is not executable", path);
	else
		ok = true;
	free(path);
	return ok;
}

static bool
program_stands(const char *word, const char *dir, struct buf *why)
{
	char *path;

	if (strchr(word, '/') != NULL)
		return path_stands(word, dir, false, why);
	path = spawn_which(word);
	if (path == NULL)
		buf_printf(why, "'%s' is not found in PATH", word);
	free(path);
	return path != NULL;
}

static bool
shell(const char *const *argv, const char *dir, struct buf *said)
{
	struct run r = { .argv = argv, .dir = dir, .merge_err = true,
	    .limit = 512, .deadline_ms = clock_mono_ms() + SHELL_MS };
	struct err e = ERR_INIT;
	struct ran ran;
	bool ok = spawn_run(&r, &ran, &e);

	if (!ok)
		buf_str(said, e.msg);
	else {
		ok = spawn_code(ran.status) == 0;
		buf_add(said, ran.out.p, strcspn(ran.out.p, "\n"));
	}
	ran_release(&ran);
	return ok;
}

/* The first word when it is a plain one, else NULL: then nobody can tell. */
static char *
first_word(const char *s)
{
	size_t n;

	s += strspn(s, " \t\n");
	n = strcspn(s, " \t\n;|&<>()");
	if (n == 0 || memchr(s, '=', n) != NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strchr("$`'\"\\*?[{}!#", s[i]) != NULL)
			return NULL;
	return xstrndup(s, n);
}

static bool
shell_stands(const char *text, const char *dir, struct buf *why)
{
	const char *parse[] = { "/bin/sh", "-n", "-c", text, NULL };
	const char *find[] = { "/bin/sh", "-c", "command -v \"$1\"", "sh", NULL,
	    NULL };
	struct buf said = BUF_INIT;
	char *word = NULL;
	bool ok = shell(parse, dir, &said);

	if (!ok)
		buf_printf(why, "the shell cannot read '%s': %s", text, said.p);
	else if ((word = first_word(text)) != NULL) {
		find[4] = word;
		ok = strchr(word, '/') != NULL ?
		    path_stands(word, dir, true, why) :
		    shell(find, dir, &said);
		if (!ok && why->n == 0)
			buf_printf(why, "'%s' is not found in PATH", word);
	}
	free(word);
	buf_release(&said);
	return ok;
}

bool
command_stands(const struct conf_cmd *c, const char *dir, struct buf *why)
{
	return c->shell ? shell_stands(c->v[0], dir, why) :
	    program_stands(c->v[0], dir, why);
}
