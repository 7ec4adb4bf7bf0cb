/* `midwatch init`: a site file out of what this host has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "found/found.h"
#include "verb/verbs.h"

enum { FILE_MODE = 0640, STORE_MODE = 0770, ANSWER_MAX = 4096, TRIES = 5 };

struct plan {
	struct cli *cli;
	const char *path;	/* NULL: standard output alone */
	bool asks, writes;
	struct found f;
	struct found_wish w;
	struct buf text;
	struct pool pool;	/* of answers */
};

/* ---- questions ------------------------------------------------------------------ */

/* What was typed, without spaces around it; false at the terminal's end. */
static bool
ask(struct buf *answer, const char *question, const char *otherwise)
{
	struct buf b = BUF_INIT;
	ssize_t n = 0;
	size_t from;
	char ch;

	(void)fflush(stdout);
	text_clean(&b, question, strlen(question), TEXT_LINE);
	buf_str(&b, " [");
	text_clean(&b, otherwise, strlen(otherwise), TEXT_LINE);
	(void)fprintf(stderr, "%s]: ", b.p);
	(void)fflush(stderr);
	buf_clear(&b);
	buf_clear(answer);
	while ((n = read(STDIN_FILENO, &ch, 1)) == 1 && ch != '\n')
		if (b.n < ANSWER_MAX && ch != '\0')
			buf_ch(&b, ch);
	while (b.n > 0 && strchr(" \t\r", b.p[b.n - 1]) != NULL)
		buf_cut(&b, b.n - 1);
	from = strspn(b.p, " \t");
	buf_str(answer, b.n > from ? b.p + from : otherwise);
	buf_release(&b);
	return n == 1;
}

typedef void take_fn(struct plan *p, const char *answer, struct buf *why);

static void
take_name(struct plan *p, const char *answer, struct buf *why)
{
	found_refuse_name(answer, why);
	if (why->n == 0)
		p->w.name = pool_str(&p->pool, answer);
}

static void
take_environment(struct plan *p, const char *answer, struct buf *why)
{
	found_refuse_environment(answer, why);
	if (why->n == 0)
		p->w.environment = pool_str(&p->pool, answer);
}

static void
take_hosts(struct plan *p, const char *answer, struct buf *why)
{
	char *copy = xstrdup(answer), *rest = copy, *word;

	p->w.hosts.n = 0;
	buf_clear(why);
	while ((word = strsep(&rest, " ,\t")) != NULL) {
		const struct found_thing *t = NULL;

		if (*word == '\0' || strcmp(word, "-") == 0)
			continue;
		for (size_t i = 0; i < p->f.things.n && t == NULL; i++)
			if (p->f.things.v[i].kind == FOUND_HOST &&
			    strcmp(p->f.things.v[i].name, word) == 0)
				t = &p->f.things.v[i];
		if (t != NULL)
			VEC_PUSH(&p->w.hosts, t->name);
		else {
			buf_clear(why);
			buf_printf(why, "your SSH configuration has no host "
			    "'%s'", word);
		}
	}
	free(copy);
}

static void
take_store(struct plan *p, const char *answer, struct buf *why)
{
	found_refuse_store(&p->f, answer, why);
	if (why->n > 0)
		return;
	if (strcmp(answer, p->w.store) != 0)
		p->w.store_why = NULL;
	p->w.store = pool_str(&p->pool, answer);
}

static void
take_nightly(struct plan *p, const char *answer, struct buf *why)
{
	int minutes;

	buf_clear(why);
	if (!found_clock(answer, &minutes)) {
		buf_str(why, "a time looks like 02:00");
		return;
	}
	if (minutes != p->w.nightly)
		p->w.nightly_why = NULL;
	p->w.nightly = minutes;
}

/* Again until the answer can stand; false: there is nobody. */
static bool
settle(struct plan *p, const char *question, const char *otherwise,
    take_fn *take)
{
	struct buf answer = BUF_INIT, why = BUF_INIT;
	char *first = xstrdup(otherwise);
	bool ok = false;

	for (int i = 0; i < TRIES && !ok; i++) {
		if (!ask(&answer, question, first))
			break;
		take(p, answer.p, &why);
		ok = why.n == 0;
		if (!ok)
			cli_note("%s", why.p);
	}
	buf_release(&answer);
	buf_release(&why);
	free(first);
	return ok;
}

static bool
ask_all(struct plan *p)
{
	char *zone = xprintf("nightly backup at, %s time", p->f.zone);
	char *nightly = xprintf("%02d:%02d", p->w.nightly / 60,
	    p->w.nightly % 60);
	struct buf hosts = BUF_INIT;
	bool ok;

	for (size_t i = 0; i < p->w.hosts.n; i++)
		buf_printf(&hosts, "%s%s", i > 0 ? " " : "", p->w.hosts.v[i]);
	ok = settle(p, "name of this site", p->w.name, take_name) &&
	    settle(p, "environment (production, staging, test)",
	    p->w.environment, take_environment) &&
	    (found_count(&p->f, FOUND_HOST) == 0 || settle(p, "hosts of your "
	    "SSH configuration that belong to it, - for none",
	    hosts.n > 0 ? hosts.p : "-", take_hosts)) &&
	    settle(p, "where backups go, a folder or HOST:folder", p->w.store,
	    take_store) &&
	    settle(p, zone, nightly, take_nightly);
	buf_release(&hosts);
	free(zone);
	free(nightly);
	return ok;
}

static bool
confirmed(const struct plan *p)
{
	struct buf answer = BUF_INIT;
	char *question = xprintf("write this to '%s'? yes or no", p->path);
	bool yes = ask(&answer, question, "yes") && (answer.p[0] == 'y' ||
	    answer.p[0] == 'Y');

	buf_release(&answer);
	free(question);
	return yes;
}

/* ---- where it goes ----------------------------------------------------------------- */

static bool
there_already(const char *path, struct err *e)
{
	err_set(e, ERR_GUARD, "'%s' is there already, and init never overwrites",
	    path);
	return err_hint(e, "Keep it ('midwatch lint FILE' checks it), move it "
	    "away, or write beside it with --output OTHER; --output - only "
	    "prints.");
}

static bool
can_write(const char *path, struct err *e)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');
	struct stat st;
	bool ok = false;

	if (slash != NULL)
		slash[slash == dir] = '\0';
	if (*path == '\0')
		err_set(e, ERR_USAGE, "--output needs the name of a file");
	else if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		err_set(e, ERR_USAGE, "'%s' is a folder", path);
		err_hint(e, "Name the file in it: --output %s/midwatch.cfg",
		    path);
	} else if (lstat(path, &st) == 0)
		there_already(path, e);
	else if (access(slash != NULL ? dir : ".", W_OK | X_OK) != 0) {
		err_sys(e, "cannot write into '%s'", slash != NULL ? dir : ".");
		err_hint(e, "Make that folder, or name another with --output "
		    "FILE; --output - only prints.");
	} else
		ok = true;
	free(dir);
	return ok;
}

static bool
prepare(struct plan *p, bool yes, const char *output, struct err *e)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) &&
	    isatty(STDOUT_FILENO);

	if (output == NULL)
		output = p->cli->config != NULL ? p->cli->config :
		    "midwatch.cfg";
	if (strcmp(output, "-") != 0)
		p->path = output;
	p->asks = terminal && !yes && !p->cli->json;
	p->writes = p->path != NULL && (yes || p->asks);
	return !p->writes || can_write(p->path, e);
}

/* ---- what is said -------------------------------------------------------------------- */

static const struct {
	enum found_kind kind;
	const char *one, *many, *key;
} counted[] = {
	{ FOUND_SERVER, "PostgreSQL server", "PostgreSQL servers", "servers" },
	{ FOUND_CONTAINER, "container", "containers", "containers" },
	{ FOUND_DATABASE, "database", "databases", "databases" },
	{ FOUND_LOGIN, "line of the password file",
	    "lines of the password file", "logins" },
	{ FOUND_HOST, "SSH host", "SSH hosts", "hosts" },
	{ FOUND_DISK, "disk", "disks", "disks" },
	{ FOUND_JOB, "scheduled backup", "scheduled backups", "jobs" },
	{ FOUND_LOG, "log", "logs", "logs" },
	{ FOUND_NOTE, "thing that could not be looked at",
	    "things that could not be looked at", "unseen" },
};

static void
tell_found(const struct found *f)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
		size_t n = found_count(f, counted[i].kind);

		if (n > 0)
			buf_printf(&b, "%s%zu %s", b.n > 0 ? ", " : "", n,
			    n == 1 ? counted[i].one : counted[i].many);
	}
	cli_note("found %s", b.n > 0 ? b.p : "nothing that a site file names");
	buf_release(&b);
}

static void
say_json(const struct plan *p, bool ok, bool written, const char *state)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", ok);
	json_put_bool(&b, "written", written);
	json_put_str(&b, "path", written ? p->path : NULL);
	json_put_str(&b, "state", state);
	json_key(&b, "found");
	json_open(&b);
	for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
		json_put_int(&b, counted[i].key, (int64_t)found_count(&p->f,
		    counted[i].kind));
	json_close(&b);
	json_key(&b, "unseen");
	json_open_list(&b);
	for (size_t i = 0; i < p->f.things.n; i++)
		if (p->f.things.v[i].kind == FOUND_NOTE) {
			json_comma(&b);
			json_text(&b, p->f.things.v[i].text);
		}
	json_close_list(&b);
	json_put_str(&b, "text", p->text.p);
	json_close(&b);
	buf_ch(&b, '\n');
	cli_raw(b.p, b.n);
	buf_release(&b);
}

/* ---- afterwards ---------------------------------------------------------------------- */

static void
make_stores(const struct site *s)
{
	for (size_t i = 0; i < site_stores(s); i++) {
		const struct site_store *store = site_store_at(s, i);
		struct err e = ERR_INIT;

		if (store->at != NULL || file_is_dir(store->path))
			continue;
		if (file_mkdirs(store->path, STORE_MODE, &e))
			cli_note("made the store '%s'", store->path);
		else
			cli_note("the store is not there yet: %s", e.msg);
	}
}

/* The record's folder and the space of the next incident, so that the first bad
 * night finds them. */
static bool
make_state(const struct plan *p, char **ret_dir, struct err *e)
{
	struct state state = { 0 };
	struct site site = { 0 };
	bool ok = site_load(&site, p->path);

	if (!ok)
		err_set(e, ERR_FAILED, "what was written to '%s' does not "
		    "load: %s", p->path, site.doc.problems.n > 0 ?
		    site.doc.problems.v[0].text : "");
	else {
		make_stores(&site);
		ok = state_open(&state, p->cli->state, site.state, site.group,
		    e) && state_spare_make(&state, e);
		if (state.dir != NULL)
			*ret_dir = xstrdup(state.dir);
		if (ok)
			cli_note("the record is in '%s', with space reserved "
			    "for the next incident", state.dir);
		else if (e->hint[0] == '\0')
			err_hint(e, "The site file stands; 'midwatch doctor' "
			    "says more.");
	}
	state_release(&state);
	site_release(&site);
	return ok;
}

/* How to say it from here on: -c only when the file would not be found. */
static void
tell_next(const char *path)
{
	struct buf found = BUF_INIT, word = BUF_INIT;
	struct stat a, b;

	if (site_find(NULL, &found, NULL) == NULL || stat(found.p, &a) != 0 ||
	    stat(path, &b) != 0 || a.st_ino != b.st_ino ||
	    a.st_dev != b.st_dev) {
		buf_str(&word, " -c ");
		text_shell(&word, path);
	}
	cli_note("next: 'midwatch%s doctor', then 'midwatch%s status'; add by "
	    "hand what cannot be seen from here", word.n > 0 ? word.p : "",
	    word.n > 0 ? word.p : "");
	buf_release(&found);
	buf_release(&word);
}

static void
tell_missing(const struct plan *p)
{
	struct site s = { 0 };

	if (site_parse(&s, p->path != NULL ? p->path : "midwatch.cfg",
	    p->text.p, p->text.n)) {
		if (site_dbs(&s) == 0)
			cli_note("no database stands in it: name yours in the "
			    "list databases");
		if (s.backup.to.n == 0)
			cli_note("no store stands in it: name one in stores and "
			    "in backup.to");
	}
	site_release(&s);
}

static int
write_it(struct plan *p)
{
	struct err e = ERR_INIT;
	char *state = NULL;
	int status = EXIT_DONE;

	if (!file_create(p->path, p->text.p, p->text.n, FILE_MODE, &e)) {
		if (e.kind == ERR_GUARD) {
			err_clear(&e);
			there_already(p->path, &e);
		} else if (e.hint[0] == '\0')
			err_hint(&e, "Nothing was left behind; --output FILE "
			    "names another place.");
		return cli_fail(p->cli, &e);
	}
	cli_note("written: '%s'", p->path);
	if (!make_state(p, &state, &e)) {
		cli_note("%s", e.msg);
		if (e.hint[0] != '\0')
			cli_note("  %s", e.hint);
		status = EXIT_FAILED;
	}
	if (p->cli->json)
		say_json(p, status == EXIT_DONE, true, state);
	else
		tell_next(p->path);
	free(state);
	return status;
}

static int
show(struct plan *p)
{
	struct err e = ERR_INIT;

	if (!found_write(&p->f, &p->w, p->path != NULL ? p->path :
	    "midwatch.cfg", &p->text, &e)) {
		if (p->path == NULL)
			cli_block(p->text.p, p->text.n);
		return cli_fail(p->cli, &e);
	}
	if (!p->cli->json)
		cli_block(p->text.p, p->text.n);
	tell_missing(p);
	if (p->writes && p->asks && !confirmed(p)) {
		cli_note("nothing was written");
		return EXIT_REFUSED;
	}
	if (p->writes && p->path != NULL)
		return write_it(p);
	if (p->cli->json)
		say_json(p, true, false, NULL);
	else if (p->path != NULL)
		cli_note("nothing was written: 'midwatch init --yes' writes "
		    "this to '%s'; on a terminal it asks", p->path);
	return EXIT_DONE;
}

int
verb_init(struct cli *c, int argc, char **argv)
{
	struct plan p = { .cli = c, .text = BUF_INIT };
	bool yes = false;
	const char *output = NULL;
	const struct opt opts[] = {
		{ "--yes", &yes, NULL, NULL },
		{ "-y", &yes, NULL, NULL },
		{ "--output", NULL, &output, NULL },
		{ "-o", NULL, &output, NULL },
	};
	struct err e = ERR_INIT;
	int status = EXIT_REFUSED;

	if (!cli_parse(c, argc, argv, opts, 4) || !cli_words(c, 0, 0,
	    "midwatch init [--yes] [--output FILE]"))
		return EXIT_USAGE;
	if (!prepare(&p, yes, output, &e))
		return cli_fail(c, &e);
	if (p.asks)
		cli_note("looking at this host, for some seconds at most");
	found_look(&p.f);
	(void)clock_zone_set(p.f.zone, NULL);
	found_wish(&p.f, &p.w);
	tell_found(&p.f);
	if (p.asks && !ask_all(&p))
		cli_note("nothing was written: no answer");
	else
		status = show(&p);
	buf_release(&p.text);
	found_wish_release(&p.w);
	found_release(&p.f);
	pool_release(&p.pool);
	return status;
}
