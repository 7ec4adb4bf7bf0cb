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

/* The newer file becomes the incident's copy; journaled with its hash. */
static bool
take(struct desk *d, const char *name, struct err *e)
{
	struct rb_names names = { 0 };
	struct pool pool = { 0 };
	struct runbook rb = { 0 };
	struct buf data = BUF_INIT, said = BUF_INIT;
	char *path = NULL, *copy = NULL;
	bool ok = false;

	if (!desk_incident(d, NULL, e))
		goto out;
	if (name == NULL)
		name = d->inc.runbook;
	if (name == NULL) {
		err_set(e, ERR_USAGE, "say which runbook to take");
		goto out;
	}
	path = runbook_find(name, d->have_site ? &d->site : NULL, e);
	if (path == NULL)
		goto out;
	if (d->have_site)
		runbook_names_of_site(&d->site, &pool, &names);
	if (!runbook_load(&rb, path, &names, NULL)) {
		(void)say_problems(&rb.doc, d->cli->json ? &said : NULL);
		err_set(e, ERR_USAGE, "'%s' has mistakes; the incident keeps "
		    "its runbook", path);
		goto out;
	}
	copy = file_join(d->inc.dir, "runbook.cfg");
	if (!file_replace(copy, rb.doc.bytes.p, rb.doc.bytes.n, 0660, e))
		goto out;
	json_open(&data);
	json_put_str(&data, "runbook", name);
	json_put_str(&data, "sha256", rb.sha);
	json_put_str(&data, "from", path);
	json_close(&data);
	ok = incident_say(&d->inc, d->inc.runbook != NULL ?
	    EVENT_RUNBOOK_CHANGED : EVENT_RUNBOOK, NULL, rb.title, data.p, e);
	if (ok && d->cli->json)
		cli_raw("{\"ok\":true}\n", 12);
	else if (ok)
		cli_out("%s follows '%s' now (%zu steps)", d->inc.id, name,
		    rb.n);
out:
	free(path);
	free(copy);
	buf_release(&data);
	buf_release(&said);
	if (rb.doc.path != NULL)
		runbook_release(&rb);
	pool_release(&pool);
	return ok;
}

static bool
show(struct desk *d, const char *name, bool commands, struct err *e)
{
	const struct site *site = d->have_site ? &d->site : NULL;
	struct rb_names names = { 0 };
	struct pool pool = { 0 };
	struct runbook rb = { 0 };
	struct buf out = BUF_INIT, said = BUF_INIT;
	bool ok = false;
	char *path;

	if (name == NULL)
		name = site != NULL && site->runbook != NULL ? site->runbook :
		    "midnight-backup-failure";
	path = runbook_find(name, site, e);
	if (path == NULL)
		goto out;
	if (site != NULL)
		runbook_names_of_site(site, &pool, &names);
	if (!runbook_load(&rb, path, &names, NULL)) {
		(void)say_problems(&rb.doc, d->cli->json ? &said : NULL);
		err_set(e, ERR_USAGE, "'%s' has mistakes", path);
		goto out;
	}
	if (commands)
		runbook_commands(&rb, site, &d->state, &out);
	else
		runbook_render(&rb, site, &out);
	if (d->cli->json) {
		json_open(&said);
		json_put_bool(&said, "ok", true);
		json_put_str(&said, "runbook", rb.name);
		json_put_str(&said, commands ? "commands" : "markdown", out.p);
		json_close(&said);
		buf_ch(&said, '\n');
		cli_raw(said.p, said.n);
	} else
		cli_block(out.p, out.n);
	ok = true;
out:
	free(path);
	buf_release(&out);
	buf_release(&said);
	if (rb.doc.path != NULL)
		runbook_release(&rb);
	pool_release(&pool);
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
	json_close(&json);
	buf_ch(&json, '\n');
	if (c->json)
		cli_raw(json.p, json.n);
	else if (ok)
		cli_out("%zu file%s, no problems", c->words.n,
		    c->words.n == 1 ? "" : "s");
	if (site.doc.path != NULL)
		site_release(&site);
	buf_release(&path);
	buf_release(&json);
	return ok ? EXIT_DONE : EXIT_USAGE;
}
