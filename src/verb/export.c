#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha.h"
#include "base/text.h"
#include "report/postmortem.h"
#include "verb/verbs.h"

/* An append of another process may be half there for the blink of an eye. */
enum { LOOKS = 5, LOOK_AGAIN_MS = 40, COPY_MODE = 0660 };

typedef bool make_fn(const struct incident *inc,
    const struct journal_verdict *v, struct buf *out);

static const struct format {
	const char *name;
	make_fn *make;			/* NULL: not built yet */
	const char *file;		/* its copy in the incident's directory */
} formats[] = {
	{ "md", report_markdown, "postmortem.md" },
	{ "json", report_json, "postmortem.json" },
	{ "html", NULL, "postmortem.html" },
	{ "csv", NULL, "postmortem.csv" },
	{ "bundle", NULL, "postmortem.tar.gz" },
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

static const struct format *
format_of(const char *word, struct err *e)
{
	const char *names[N_FORMATS], *near;

	for (size_t i = 0; i < N_FORMATS; i++) {
		names[i] = formats[i].name;
		if (strcmp(formats[i].name, word) != 0)
			continue;
		if (formats[i].make != NULL)
			return &formats[i];
		err_set(e, ERR_USAGE, "the format '%s' is not built yet", word);
		err_hint(e, "This version exports md and json.");
		return NULL;
	}
	near = text_nearest(word, names, N_FORMATS);
	err_set(e, ERR_USAGE, near != NULL ? "unknown format '%s', did you mean "
	    "'%s'?" : "unknown format '%s'", word, near);
	err_hint(e, "This version exports md and json.");
	return NULL;
}

/* The one that was named, else the open one, the newest resolved one, or at
 * last the newest of all. */
static bool
pick(const struct state *s, const char *named, char ret[STATE_ID_MAX],
    struct err *e)
{
	struct state_ids ids = { 0 };

	if (named != NULL) {
		if (!desk_id_ok(named, e))
			return false;
		(void)snprintf(ret, STATE_ID_MAX, "%s", named);
		return true;
	}
	if (!incident_current(s, true, ret, e))
		return false;
	if (ret[0] != '\0')
		return true;
	if (!state_incidents(s, &ids, e))
		return false;
	if (ids.v.n > 0)
		(void)snprintf(ret, STATE_ID_MAX, "%s", ids.v.v[ids.v.n - 1]);
	state_ids_release(&ids);
	if (ret[0] != '\0')
		return true;
	err_set(e, ERR_NOTFOUND, "there is no incident to export");
	return err_hint(e, "'midwatch incident open' begins one.");
}

static bool
load(const char *dir, struct incident *inc, struct journal_verdict *v,
    struct err *e)
{
	for (int look = 1;; look++) {
		*inc = (struct incident)INCIDENT_INIT;
		if (!report_load(inc, dir, v, e))
			return false;
		if (v->problems == 0 || inc->state == INC_CLOSED ||
		    look == LOOKS)
			break;
		incident_release(inc);
		clock_sleep_ms(LOOK_AGAIN_MS);
	}
	if (v->lines > 0)
		return true;
	return err_set(e, ERR_NOTFOUND, "'%s' holds no line yet", inc->id);
}

/* ---- where it goes ---------------------------------------------------------------- */

static mode_t
mode_of_new(void)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

/* What stands there already is replaced only when it is a plain file. */
static bool
to_file(const char *path, const struct buf *doc, struct err *e)
{
	struct stat st;
	mode_t mode;

	if (lstat(path, &st) != 0) {
		if (errno != ENOENT)
			return err_sys(e, "cannot look at '%s'", path);
		mode = mode_of_new();
	} else if (S_ISLNK(st.st_mode)) {
		err_set(e, ERR_FAILED, "'%s' is a symbolic link; nothing was "
		    "written", path);
		return err_hint(e, "Name the file itself, or use '-' and the "
		    "shell's redirection.");
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_FAILED, "'%s' is not a regular file; nothing "
		    "was written", path);
		return err_hint(e, "Name a file, or '-' for standard output.");
	} else
		mode = st.st_mode & 0777;
	return file_replace(path, doc->p, doc->n, mode, e);
}

static bool
to_stdout(const struct buf *doc, struct err *e)
{
	errno = 0;
	cli_raw(doc->p, doc->n);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	return err_sys(e, "cannot write all of it to standard output");
}

/* Beside the journal; on a full disk the document itself must still come. */
static void
keep_copy(const char *dir, const struct format *f, const struct buf *doc)
{
	char *path = file_join(dir, f->file);
	struct err e = ERR_INIT;

	if (!file_replace(path, doc->p, doc->n, COPY_MODE, &e))
		cli_note("no copy was kept: %s", e.msg);
	free(path);
}

static void
say(const struct cli *c, const struct incident *inc, const struct format *f,
    const char *path, const struct buf *doc, const struct journal_verdict *v)
{
	struct buf b = BUF_INIT;
	char sha[SHA_HEX];

	if (!c->json) {
		cli_note("%s written to '%s', %zu bytes", inc->id, path,
		    doc->n);
		return;
	}
	sha_of(doc->p, doc->n, sha);
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_put_str(&b, "incident", inc->id);
	json_put_str(&b, "format", f->name);
	json_put_str(&b, "output", path);
	json_put_int(&b, "bytes", (int64_t)doc->n);
	json_put_str(&b, "sha256", sha);
	json_put_bool(&b, "intact", v->problems == 0);
	cli_object(&b);
}

static bool
deliver(const struct cli *c, const struct incident *inc,
    const struct format *f, const char *output, const struct buf *doc,
    const struct journal_verdict *v, struct err *e)
{
	if (output != NULL && strcmp(output, "-") != 0) {
		if (!to_file(output, doc, e))
			return false;
		say(c, inc, f, output, doc, v);
		return true;
	}
	if (!to_stdout(doc, e))
		return false;
	if (output == NULL)
		keep_copy(inc->dir, f, doc);
	return true;
}

static bool
export(struct desk *d, const struct format *f, const char *named,
    const char *output, struct err *e)
{
	struct journal_verdict v = { 0 };
	char id[STATE_ID_MAX] = "", *dir;
	struct buf doc = BUF_INIT;
	bool ok = false;

	if (f == NULL || !pick(&d->state, named, id, e))
		return false;
	dir = state_path(&d->state, "incidents/%s", id);
	if (!file_is_dir(dir)) {
		err_set(e, ERR_NOTFOUND, "there is no incident '%s'", id);
		err_hint(e, "'midwatch incident list' shows them.");
		goto out;
	}
	if (!load(dir, &d->inc, &v, e))
		goto out;
	if (v.problems > 0)
		cli_note("the journal of %s is not as it was written; the "
		    "report says where", id);
	if (!f->make(&d->inc, &v, &doc))
		cli_note("the incident's time zone is not known here; its "
		    "times are in UTC");
	ok = deliver(d->cli, &d->inc, f, output, &doc, &v, e);
out:
	free(dir);
	buf_release(&doc);
	return ok;
}

int
verb_export(struct cli *c, int argc, char **argv)
{
	static const char usage[] = "midwatch export [INCIDENT] "
	    "[--format md|json] [--output FILE]";
	const char *format = NULL, *output = NULL;
	const struct opt opts[] = {
		{ "--format", NULL, &format, NULL },
		{ "--output", NULL, &output, NULL },
	};
	const struct format *f;
	struct desk d = { .cli = c };
	struct err e = ERR_INIT;
	bool to_out;
	int status = EXIT_DONE;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 0, 1, usage)) {
		return EXIT_USAGE;
	}
	to_out = output == NULL || strcmp(output, "-") == 0;
	f = format_of(format != NULL ? format : c->json && to_out ? "json" :
	    "md", &e);
	if (f != NULL && c->json && to_out && strcmp(f->name, "json") != 0)
		err_set(&e, ERR_USAGE, "--json says what was done, so the "
		    "document itself needs --output FILE");
	if (e.kind != ERR_NONE) {
		return cli_fail(c, &e);
	}
	if (!desk_open(&d, c, &e) || !export(&d, f, c->words.n > 0 ?
	    c->words.v[0] : NULL, output, &e))
		status = cli_fail(c, &e);
	desk_close(&d);
	return status;
}
