/*
 * Hosts that the user's SSH configuration names. Its words are only searched for
 * names; what they mean ssh(1) is asked.
 */
#include <glob.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "found/intern.h"

enum { DEPTH = 8, HOSTS_MAX = 64, ASK_MS = 3000, CHILD_MS = 6000 };

struct names {
	VEC(const char *) v;
	size_t more;
	const char *dir;	/* ~/.ssh */
	const char *file;
	bool other_home;	/* ssh itself would not read file */
};

static void read_config(struct found *f, struct names *n, const char *path,
    int depth);

/* The next word of a line: plain or in double quotes; NULL at its end. ends:
 * what ends it besides spaces. */
static char *
next_word(char **rest, const char *ends)
{
	char *s = *rest + strspn(*rest, " \t\r="), *word;

	if (*s == '\0' || *s == '#')
		return NULL;
	if (*s == '"') {
		word = ++s;
		s += strcspn(s, "\"");
	} else {
		word = s;
		s += strcspn(s, ends);
	}
	if (*s != '\0')
		*s++ = '\0';
	*rest = s;
	return word;
}

static void
add_name(struct found *f, struct names *n, const char *name)
{
	if (*name == '\0' || *name == '!' || strpbrk(name, "*?") != NULL ||
	    text_in(name, n->v.v, n->v.n))
		return;
	if (n->v.n < HOSTS_MAX)
		VEC_PUSH(&n->v, found_str(f, name));
	else
		n->more++;
}

static void
include(struct found *f, struct names *n, const char *pattern, int depth)
{
	const char *path = pattern;
	glob_t g;

	if (text_starts(pattern, "~/"))
		path = found_home(f, pattern + 2);
	else if (pattern[0] != '/')
		path = pool_printf(&f->pool, "%s/%s", n->dir, pattern);
	if (path == NULL || glob(path, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		read_config(f, n, g.gl_pathv[i], depth + 1);
	globfree(&g);
}

static void
read_config(struct found *f, struct names *n, const char *path, int depth)
{
	struct buf b = BUF_INIT;
	char *rest, *line, *key, *word;

	if (depth < DEPTH && found_read(f, path, &b))
		for (rest = b.p; (line = found_line(&rest)) != NULL;) {
			key = next_word(&line, " \t\r=");
			if (key == NULL)
				continue;
			if (strcasecmp(key, "Host") == 0)
				while ((word = next_word(&line, " \t\r")) !=
				    NULL)
					add_name(f, n, word);
			else if (strcasecmp(key, "Include") == 0)
				while ((word = next_word(&line, " \t\r")) !=
				    NULL)
					include(f, n, word, depth);
		}
	buf_release(&b);
}

/* A line of `ssh -G`: a key in lower case and its value. */
static void
take(struct found *f, struct found_thing *t, char *line)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(line, "hostname") == 0)
		t->host = found_str(f, value);
	else if (strcmp(line, "user") == 0)
		t->user = found_str(f, value);
	else if (strcmp(line, "port") == 0)
		(void)text_int(value, 1, 65535, &t->port);
	else if (strcmp(line, "proxyjump") == 0 && strcmp(value, "none") != 0)
		t->via = found_str(f, value);
}

static void
ask_ssh(struct found *f, void *ctx, size_t i)
{
	const struct names *n = ctx;
	const char *alias = n->v.v[i];
	const char *argv[8] = { "ssh", "-G" };
	struct found_thing *t = found_add(f, FOUND_HOST);
	struct err e = ERR_INIT;
	struct ran ran;
	size_t k = 2;
	char *rest, *line;

	t->name = alias;
	t->path = n->file;
	if (n->other_home) {
		argv[k++] = "-F";
		argv[k++] = n->file;
	}
	argv[k++] = "--";
	argv[k] = alias;
	if (found_ask(argv, ASK_MS, &ran, &e))
		for (rest = ran.out.p; (line = found_line(&rest)) != NULL;)
			take(f, t, line);
	else
		t->why = found_why(f, &ran, &e);
	ran_release(&ran);
}

static void
late(struct found *f, void *ctx, size_t i)
{
	const struct names *n = ctx;

	struct found_thing *t = found_add(f, FOUND_HOST);

	t->name = n->v.v[i];
	t->path = n->file;
	t->why = "'ssh -G' did not answer";
}

/* ssh goes by the password database, not by $HOME. */
static bool
other_home(void)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *home = getenv("HOME");

	return pw == NULL || home == NULL || strcmp(pw->pw_dir, home) != 0;
}

void
look_hosts(struct found *f)
{
	struct names n = { .dir = found_home(f, ".ssh"),
	    .file = found_home(f, ".ssh/config"),
	    .other_home = other_home() };
	char *ssh;

	if (n.file == NULL || !file_exists(n.file))
		return;
	read_config(f, &n, n.file, 0);
	ssh = spawn_which("ssh");
	if (ssh == NULL && n.v.n > 0)
		found_note(f, "%zu hosts of '%s': ssh is not installed, so "
		    "nobody can say what they mean", n.v.n, n.file);
	else
		found_each(f, n.v.n, CHILD_MS, ask_ssh, &n, late);
	if (n.more > 0)
		found_note(f, "%zu more hosts of '%s': only the first %d were "
		    "taken", n.more, n.file, HOSTS_MAX);
	free(ssh);
	VEC_RELEASE(&n.v);
}
