/*
 * A folder at a place, by a shell there. Its working directory is the descriptor:
 * it stays where it is whatever happens to names, and each step into a folder is
 * looked at from within. Weaker than here: times to the second alone; between
 * two commands of the shell a name may be given to something else, so that this
 * may be renamed and back (never removed: what has the secret name is looked at
 * before it goes); who has a file open is seen only of processes that the login
 * may look into.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/text.h"
#include "cleanup/guard.h"
#include "cleanup/tree.h"

enum { LIST_MAX = 64 << 20, LIST_MS = 300000, REMOVE_MS = 120000 };
static const int64_t TIME_MAX = 1LL << 40;	/* seconds */

static const char list_script[] =
"r=$1\n"
"case $r in '~') r=$HOME ;; '~/'*) r=$HOME/${r#??} ;; esac\n"
"[ -e \"$r\" ] || exit 3\n"
"cd -P -- \"$r\" || exit 4\n"
"p=$(pwd -P && echo x) || exit 4\n"
"p=${p%??}\n"
"printf '%s\\0' \"$p\"\n"
"id=$(stat -c '%d %i' .) || exit 4\n"
"printf '%s\\0' \"$id\"\n"
"d=$p\n"
"data=no\n"
"while :; do\n"
"	[ ! -e \"$d/PG_VERSION\" ] || data=yes\n"
"	[ -n \"$d\" ] || break\n"
"	d=${d%/*}\n"
"done\n"
"printf '%s\\0%s\\0' \"$data\" \"${HOME-}\"\n"
"cat /etc/passwd 2>/dev/null\n"
"printf '\\0'\n"
"cat /proc/self/mountinfo 2>/dev/null\n"
"printf '\\0'\n"
"dev=${id% *}\n"
"for q in /proc/[0-9]*; do\n"
"	stat -L -c '%d %i' \"$q\"/fd/* 2>/dev/null | while read -r d i; do\n"
"		[ \"$d\" != \"$dev\" ] || printf 'h %s %s %s\\0' \"$d\" \"$i\" \"${q#/proc/}\"\n"
"	done\n"
"done\n"
"if find . -prune -printf '' 2>/dev/null; then\n"
"	find . -xdev -mindepth 1 -printf '%y %D %i %n %s %T@ %P\\0'\n"
"else\n"
"	find . -xdev -exec sh -c 'for f; do\n"
"		[ \"$f\" != . ] || continue\n"
"		s=$(stat -c \"%d %i %h %s %Y\" \"$f\") || continue\n"
"		if [ -L \"$f\" ]; then t=l\n"
"		elif [ -f \"$f\" ]; then t=f\n"
"		elif [ -d \"$f\" ]; then t=d\n"
"		else t=o; fi\n"
"		printf \"%s %s %s\\0\" \"$t\" \"$s\" \"${f#./}\"\n"
"	done' sh {} +\n"
"fi\n";

/* $1 the folder, $2 its device and inode; then of each thing: its type, "device
 * inode links size time", its path, and the name it has for a moment. */
static const char remove_script[] =
"root=$1 want=$2\n"
"dev=${want% *}\n"
"shift 2\n"
"stop() { printf '%s\\0' \"$1\"; exit 0; }\n"
"while [ $# -gt 0 ]; do\n"
"	type=$1 id=$2 path=$3 going=$4\n"
"	shift 4\n"
"	cd -P -- \"$root\" 2>/dev/null &&\n"
"	    [ \"$(stat -c '%d %i' .)\" = \"$want\" ] ||\n"
"	    stop 'the folder it is in is another one now'\n"
"	while :; do\n"
"		case $path in */*) ;; *) break ;; esac\n"
"		step=${path%%/*} path=${path#*/}\n"
"		up=$(stat -c %i .)\n"
"		[ \"$step\" != .. ] && [ ! -L \"./$step\" ] &&\n"
"		    cd -P -- \"./$step\" 2>/dev/null &&\n"
"		    [ \"$(stat -c '%d' .)\" = \"$dev\" ] &&\n"
"		    [ \"$(stat -c '%i' ..)\" = \"$up\" ] ||\n"
"		    stop 'the way to it is not what it was'\n"
"	done\n"
"	f=./$path g=./$going\n"
"	[ -e \"$f\" ] || [ -L \"$f\" ] || stop 'it is not there any more'\n"
"	if [ \"$type\" = d ]; then\n"
"		[ ! -L \"$f\" ] && [ -d \"$f\" ] &&\n"
"		    [ \"$(stat -c '%d %i' \"$f\")\" = \"$id\" ] ||\n"
"		    stop 'another folder was put in its place'\n"
"		rmdir \"$f\" 2>/dev/null || stop 'it is not empty, or may not be removed'\n"
"		printf '\\0'\n"
"		continue\n"
"	fi\n"
"	[ ! -L \"$f\" ] && [ -f \"$f\" ] &&\n"
"	    [ \"$(stat -c '%d %i %h %s %Y' \"$f\")\" = \"$id\" ] ||\n"
"	    stop 'it has changed since the plan was made'\n"
"	for x in /proc/[0-9]*/fd/*; do\n"
"		[ ! \"$x\" -ef \"$f\" ] ||\n"
"		    { x=${x#/proc/}; stop \"it is open: pid ${x%%/*}\"; }\n"
"	done\n"
"	[ ! -e \"$g\" ] && [ ! -L \"$g\" ] && mv -f \"$f\" \"$g\" 2>/dev/null ||\n"
"	    stop 'it may not be removed there'\n"
"	if [ ! -L \"$g\" ] && [ -f \"$g\" ] &&\n"
"	    [ \"$(stat -c '%d %i %h %s %Y' \"$g\")\" = \"$id\" ]; then\n"
"		rm -f \"$g\" || stop 'it may not be removed there'\n"
"		printf '\\0'\n"
"	else\n"
"		[ -e \"$f\" ] || [ -L \"$f\" ] || mv -f \"$g\" \"$f\"\n"
"		stop 'something else was put in its place'\n"
"	fi\n"
"done\n";

/* ---- looking ------------------------------------------------------------------------ */

/* The next word that ends with a NUL; NULL: there is none. */
static const char *
field(const struct buf *b, size_t *at)
{
	const char *s = b->p + *at;
	const char *end = *at < b->n ? memchr(s, '\0', b->n - *at) : NULL;

	if (end == NULL)
		return NULL;
	*at += (size_t)(end - s) + 1;
	return s;
}

static bool
number(const char **s, int64_t *ret)
{
	char word[32];
	size_t n = strcspn(*s, " ."), rest;

	if (n == 0 || n >= sizeof word)
		return false;
	memcpy(word, *s, n);
	word[n] = '\0';
	rest = n + strcspn(*s + n, " ");	/* a fraction goes */
	*s += rest + ((*s)[rest] == ' ');
	return text_int(word, INT64_MIN, INT64_MAX, ret);
}

/* "h device inode pid": who has what open. */
static bool
held(struct tree *t, const char *s)
{
	struct tree_held h;
	int64_t dev, ino;

	if (!number(&s, &dev) || !number(&s, &ino) || !number(&s, &h.pid))
		return false;
	h.dev = (uint64_t)dev;
	h.ino = (uint64_t)ino;
	VEC_PUSH(&t->held, h);
	return true;
}

static bool
entry(struct tree *t, const char *s)
{
	struct tree_entry x = { .type = s[0] };
	int64_t dev, ino, links;

	if (s[0] == '\0' || s[1] != ' ')
		return false;
	s += 2;
	if (x.type == 'h')
		return held(t, s);
	if (!number(&s, &dev) || !number(&s, &ino) || !number(&s, &links) ||
	    !number(&s, &x.id.size) || !number(&s, &x.id.mtime) ||
	    *s == '\0' || x.id.size < 0 || x.id.mtime > TIME_MAX ||
	    x.id.mtime < -TIME_MAX)
		return false;
	x.id.dev = (uint64_t)dev;
	x.id.ino = (uint64_t)ino;
	x.id.nlink = (uint64_t)links;
	x.path = xstrdup(s);
	VEC_PUSH(&t->v, x);
	return true;
}

/* "\040" and the like in /proc/self/mountinfo. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
			    s[3] - '0');
			s += 3;
		} else
			*to++ = *s;
	*to = '\0';
}

/* What is mounted below the folder, also of the same file system. */
static void
find_mounts(struct tree *t, const char *text)
{
	size_t n = strlen(t->real);

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char *line = xstrndup(text, len), *rest = line, *word = NULL;

		for (int k = 0; k < 5; k++)
			word = rest != NULL ? strsep(&rest, " ") : NULL;
		if (word != NULL) {
			unescape(word);
			if (strncmp(word, t->real, n) == 0 && word[n] == '/')
				VEC_PUSH(&t->mounts, xstrdup(word + n + 1));
		}
		free(line);
		text += len + (text[len] == '\n');
	}
}

bool
tree_listing(struct tree *t, const struct buf *b, struct err *e)
{
	size_t at = 0;
	const char *real = field(b, &at), *id = field(b, &at);
	const char *data = field(b, &at), *home = field(b, &at);
	const char *passwd = field(b, &at), *mounts = field(b, &at), *s;
	int64_t dev, ino;

	if (mounts == NULL || real[0] != '/' || !number(&id, &dev) ||
	    !number(&id, &ino))
		return err_set(e, ERR_FAILED, "its listing cannot be read");
	t->real = xstrdup(real);
	t->root = (struct clean_id){ .dev = (uint64_t)dev,
		.ino = (uint64_t)ino };
	if (home[0] == '/' && home[1] != '\0')
		t->homes[t->n_homes++] = xstrdup(home);
	t->n_homes = guard_homes(passwd, strlen(passwd), t->homes, t->n_homes,
	    sizeof t->homes / sizeof *t->homes);
	t->never = guard_root(t->real, (const char *const *)t->homes,
	    t->n_homes);
	if (t->never == NULL && strcmp(data, "no") != 0)
		t->never = "it is in a data directory of PostgreSQL";
	find_mounts(t, mounts);
	while ((s = field(b, &at)) != NULL)
		if (!entry(t, s))
			return err_set(e, ERR_FAILED, "its listing cannot be "
			    "read");
	tree_sort_held(t);
	if (t->v.n > TREE_FAR_MAX)
		return err_set(e, ERR_GUARD, "it holds more than %d things",
		    TREE_FAR_MAX);
	return true;
}

bool
tree_look_far(struct tree *t, struct place *p, const char *path, struct err *e)
{
	const char *argv[] = { "sh", "-c", list_script, "sh", path, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok = place_run(p, &(struct place_run){ .argv = argv,
	    .limit = LIST_MAX, .deadline_ms = clock_mono_ms() + LIST_MS },
	    &ran, e);

	if (ok && ran.exit.code == 3)
		ok = err_set(e, ERR_NOTFOUND, "'%s' is not there", path);
	else if (ok && ran.exit.code != 0) {
		size_t n = strcspn(ran.errout.p, "\n");

		ok = err_set(e, ERR_FAILED, "'%s' cannot be looked at: %.*s",
		    path, (int)(n > 200 ? 200 : n), ran.errout.p);
	} else if (ok && ran.cut)
		ok = err_set(e, ERR_GUARD, "'%s' holds too much", path);
	ok = ok && tree_listing(t, &ran.out, e);
	place_ran_release(&ran);
	return ok;
}

/* ---- removing ------------------------------------------------------------------------ */

static void
add_words(char **argv, size_t *n, const struct clean_item *i)
{
	unsigned char r[12] = { 0 };
	struct buf going = BUF_INIT;

	if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
		die("no random bytes");
	buf_str(&going, ".midwatch-going-");
	for (size_t k = 0; k < sizeof r; k++)
		buf_printf(&going, "%02x", r[k]);
	argv[(*n)++] = xstrdup(i->kind == CLEAN_FOLDER ? "d" : "f");
	if (i->kind == CLEAN_FOLDER)
		argv[(*n)++] = xprintf("%" PRIu64 " %" PRIu64, i->id.dev,
		    i->id.ino);
	else
		argv[(*n)++] = xprintf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %"
		    PRId64 " %" PRId64, i->id.dev, i->id.ino, i->id.nlink,
		    i->id.size, i->id.mtime);
	argv[(*n)++] = xstrdup(i->what);
	argv[(*n)++] = buf_detach(&going);
}

size_t
tree_remove_far(const struct clean_part *part, struct clean_item *const *v,
    size_t n, struct err *e)
{
	char **argv = xcalloc(6 + 4 * n + 1, sizeof *argv);
	struct place_ran ran = PLACE_RAN_INIT;
	size_t argc = 0, done = 0, at = 0;
	const char *said = NULL;
	bool ok;

	argv[argc++] = xstrdup("sh");
	argv[argc++] = xstrdup("-c");
	argv[argc++] = xstrdup(remove_script);
	argv[argc++] = xstrdup("sh");
	argv[argc++] = xstrdup(part->path);
	argv[argc++] = xprintf("%" PRIu64 " %" PRIu64, part->root.dev,
	    part->root.ino);
	for (size_t i = 0; i < n; i++)
		add_words(argv, &argc, v[i]);
	ok = place_run(part->place, &(struct place_run){
	    .argv = (const char *const *)argv,
	    .deadline_ms = clock_mono_ms() + REMOVE_MS }, &ran, e);
	while (done < n && (said = field(&ran.out, &at)) != NULL &&
	    *said == '\0')
		done++;
	if (ok && done < n && said != NULL)
		err_set(e, ERR_GUARD, "%s", said);
	else if (ok && done < n)
		err_set(e, ERR_FAILED, "the shell there ended with %d",
		    ran.exit.code);
	for (size_t i = 0; i < argc; i++)
		free(argv[i]);
	free(argv);
	place_ran_release(&ran);
	return done;
}
