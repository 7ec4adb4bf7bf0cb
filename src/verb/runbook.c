#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "verb/verbs.h"

/* With a list, as its items; else as lines. */
static bool
say_problems(const struct conf_doc *doc, struct buf *list)
{
	for (size_t i = 0; i < doc->problems.n; i++)
		if (list == NULL)
			cli_out("%s", doc->problems.v[i].text);
		else {
			json_comma(list);
			json_text(list, doc->problems.v[i].text);
		}
	if (doc->dropped > 0 && list == NULL)
		cli_out("… and %zu more", doc->dropped);
	return doc->problems.n == 0;
}

/* A runbook as this site reads it. */
struct read {
	struct runbook rb;
	struct pool pool;
	char *path;
};

static bool
read_named(struct desk *d, const char *name, const char *but, struct read *r,
    struct err *e)
{
	const struct site *site = d->have_site ? &d->site : NULL;
	struct rb_names names = { 0 };
	struct buf said = BUF_INIT;
	bool ok;

	r->path = runbook_find(name, site, e);
	if (r->path == NULL)
		return false;
	if (site != NULL)
		runbook_names_of_site(site, &r->pool, &names);
	ok = runbook_load(&r->rb, r->path, &names, NULL);
	if (!ok) {
		(void)say_problems(&r->rb.doc, d->cli->json ? &said : NULL);
		err_set(e, ERR_USAGE, "'%s' has mistakes%s", r->path, but);
	}
	buf_release(&said);
	return ok;
}

static void
read_release(struct read *r)
{
	if (r->rb.doc.path != NULL)
		runbook_release(&r->rb);
	pool_release(&r->pool);
	free(r->path);
}

/* The newer file becomes the incident's copy; journaled with its hash. */
static bool
take(struct desk *d, const char *name, struct err *e)
{
	struct buf data = BUF_INIT;
	struct read r = { 0 };
	char *copy = NULL;
	bool ok = false;

	if (!desk_incident(d, NULL, e))
		goto out;
	if (name == NULL)
		name = d->inc.runbook;
	if (name == NULL) {
		err_set(e, ERR_USAGE, "say which runbook to take");
		goto out;
	}
	if (!read_named(d, name, "; the incident keeps its runbook", &r, e))
		goto out;
	copy = file_join(d->inc.dir, "runbook.cfg");
	if (!file_replace(copy, r.rb.doc.bytes.p, r.rb.doc.bytes.n, 0660, e))
		goto out;
	json_open(&data);
	json_put_str(&data, "runbook", name);
	json_put_str(&data, "sha256", r.rb.sha);
	json_put_str(&data, "from", r.path);
	json_close(&data);
	ok = incident_say(&d->inc, d->inc.runbook != NULL ?
	    EVENT_RUNBOOK_CHANGED : EVENT_RUNBOOK, NULL, r.rb.title, data.p, e);
	if (ok && d->cli->json)
		cli_raw("{\"ok\":true}\n", 12);
	else if (ok)
		cli_out("%s follows '%s' now (%zu steps)", d->inc.id, name,
		    r.rb.n);
out:
	free(copy);
	buf_release(&data);
	read_release(&r);
	return ok;
}

static bool
show(struct desk *d, const char *name, bool commands, struct err *e)
{
	const struct site *site = d->have_site ? &d->site : NULL;
	struct buf out = BUF_INIT, said = BUF_INIT;
	struct read r = { 0 };
	bool ok;

	if (name == NULL)
		name = site != NULL && site->runbook != NULL ? site->runbook :
		    "midnight-backup-failure";
	ok = read_named(d, name, "", &r, e);
	if (ok && commands)
		runbook_commands(&r.rb, site, &d->state, &out);
	else if (ok)
		runbook_render(&r.rb, site, &out);
	if (ok && d->cli->json) {
		json_open(&said);
		json_put_bool(&said, "ok", true);
		json_put_str(&said, "runbook", r.rb.name);
		json_put_str(&said, commands ? "commands" : "markdown", out.p);
		cli_object(&said);
	} else if (ok)
		cli_block(out.p, out.n);
	buf_release(&out);
	read_release(&r);
	return ok;
}

int
verb_runbook(struct cli *c, int argc, char **argv)
{
	bool commands = false, taking = false, ok;
	const struct opt opts[] = {
		{ "--commands", &commands, NULL, NULL },
		{ "--take", &taking, NULL, NULL },
	};
	const char *name;
	struct err e = ERR_INIT;
	struct desk d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 2) ||
	    !cli_words(c, 0, 1, "midwatch runbook [NAME] [--commands|--take]"))
		return EXIT_USAGE;
	name = c->words.n > 0 ? c->words.v[0] : NULL;
	ok = desk_open(&d, c, &e) && (taking ? take(&d, name, &e) :
	    show(&d, name, commands, &e));
	status = ok ? EXIT_DONE : cli_fail(c, &e);
	desk_close(&d);
	return status;
}

/* ---- lint --------------------------------------------------------------------- */

/* What a file is shows in a group that begins a line. */
static bool
looks_like(const struct buf *b, const char *group)
{
	size_t n = strlen(group);

	for (const char *s = b->p; (s = strstr(s, group)) != NULL; s += n) {
		const char *after = s + n;

		if (s > b->p && s[-1] != '\n')
			continue;
		while (*after == ' ' || *after == '\t')
			after++;
		if (*after == '=' || *after == ':')
			return true;
	}
	return false;
}

static bool
lint_one(const char *path, const struct site *site, struct buf *list)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok;

	if (!file_read(path, &b, 1 << 20, &e)) {
		if (list == NULL)
			cli_out("%s:1: %s", path, e.msg);
		else {
			json_comma(list);
			json_text(list, e.msg);
		}
		buf_release(&b);
		return false;
	}
	if (looks_like(&b, "runbook") && !looks_like(&b, "site")) {
		struct runbook rb = { 0 };
		struct rb_names names = { 0 };
		struct pool pool = { 0 };

		if (site != NULL)
			runbook_names_of_site(site, &pool, &names);
		(void)runbook_load(&rb, path, &names, site);
		ok = say_problems(&rb.doc, list);
		runbook_release(&rb);
		pool_release(&pool);
	} else if (looks_like(&b, "alarms") && !looks_like(&b, "site")) {
		struct conf_doc doc = { 0 };

		(void)runbook_alarms_check(&doc, path);
		ok = say_problems(&doc, list);
		conf_release(&doc);
	} else {
		struct site s = { 0 };

		(void)site_load(&s, path);
		ok = say_problems(&s.doc, list);
		site_release(&s);
	}
	buf_release(&b);
	return ok;
}

int
verb_lint(struct cli *c, int argc, char **argv)
{
	struct buf path = BUF_INIT, json = BUF_INIT;
	struct site site = { 0 };
	struct err e = ERR_INIT;
	bool have = false, ok = true;

	if (!cli_parse(c, argc, argv, NULL, 0) ||
	    !cli_words(c, 1, 100000, "midwatch lint FILE..."))
		return EXIT_USAGE;
	/* names in runbooks are checked against the site, where there is one */
	if (site_find(c->config, &path, &e) != NULL)
		have = site_load(&site, path.p);
	else if (c->config != NULL) {
		buf_release(&path);
		return cli_fail(c, &e);
	}
	json_open(&json);
	json_key(&json, "problems");
	json_open_list(&json);
	for (size_t i = 0; i < c->words.n; i++)
		ok = lint_one(c->words.v[i], have ? &site : NULL,
		    c->json ? &json : NULL) && ok;
	json_close_list(&json);
	json_put_bool(&json, "ok", ok);
	if (c->json)
		cli_object(&json);
	else if (ok)
		cli_out("%zu file%s, no problems", c->words.n,
		    c->words.n == 1 ? "" : "s");
	if (site.doc.path != NULL)
		site_release(&site);
	buf_release(&path);
	buf_release(&json);
	return ok ? EXIT_DONE : EXIT_USAGE;
}
