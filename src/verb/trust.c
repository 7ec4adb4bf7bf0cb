#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "place/trust.h"
#include "site/spec.h"
#include "verb/secrets.h"
#include "verb/verbs.h"

enum { LAST = 4 };	/* characters of the fingerprint that are typed */

static const char usage[] = "midwatch trust PLACE [--confirm LAST4]";

struct trusting {
	struct cli *c;
	const char *confirm;
	struct desk d;
	struct site_spec spec;
	const struct site_place *place;
	struct place_key key;
	bool added;
};

static bool
find_place(struct trusting *t, struct err *e)
{
	const char *name = t->c->words.v[0], *near;
	VEC(const char *) known = { 0 };
	struct buf all = BUF_INIT;

	if (!t->d.have_site) {
		err_set(e, ERR_USAGE, "there is no site file, so there is no "
		    "place '%s'", name);
		return err_hint(e, "Name it with --config FILE.");
	}
	t->place = site_place(&t->d.site, name);
	if (t->place != NULL)
		return true;
	for (size_t i = 0; i < site_places(&t->d.site); i++)
		VEC_PUSH(&known, site_place_at(&t->d.site, i)->name);
	near = text_nearest(name, known.v, known.n);
	err_set(e, ERR_USAGE, "the site has no place '%s'", name);
	for (size_t i = 0; near == NULL && i < known.n; i++)
		buf_printf(&all, "%s%s", i > 0 ? ", " : "", known.v[i]);
	if (near != NULL)
		err_hint(e, "Did you mean '%s'?", near);
	else
		err_hint(e, "It has: %s.", all.n > 0 ? all.p : "none");
	buf_release(&all);
	VEC_RELEASE(&known);
	return false;
}

static void
show(const struct trusting *t)
{
	const struct place_key *k = &t->key;

	cli_out("%s: %s shows the host key", t->place->name, k->host);
	cli_out("  %s %s", k->kind, k->print);
	if (k->state != PLACE_KEY_NEW)
		return;
	cli_out("the line for %s:", k->file ? k->file : "known_hosts");
	cli_out("  %s", k->line);
	cli_out("Compare the fingerprint with one that comes another way, from "
	    "whoever runs the host.");
}

/* Copied characters prove nothing, so the terminal asks for few. */
static bool
typed_last(const char *end, struct err *e)
{
	struct buf typed = BUF_INIT;
	char c;
	bool same;

	(void)fflush(stdout);
	(void)fprintf(stderr, "type its last %d characters to trust it: ",
	    LAST);
	while (typed.n < 256 && io_read_full(STDIN_FILENO, &c, 1) == 1 &&
	    c != '\n')
		buf_ch(&typed, c);
	same = strcmp(typed.p, end) == 0;
	buf_release(&typed);
	return same || err_set(e, ERR_GUARD, "that is not how the fingerprint "
	    "ends; nothing was written");
}

static bool
confirmed(const struct trusting *t, struct err *e)
{
	const char *print = t->key.print, *end = print + strlen(print) - LAST;
	size_t n = t->confirm ? strlen(t->confirm) : 0;

	if (t->confirm != NULL) {
		if (n >= LAST && n <= strlen(print) && strcmp(print +
		    strlen(print) - n, t->confirm) == 0)
			return true;
		return err_set(e, ERR_GUARD, "'%s' is not how the fingerprint "
		    "%s ends; nothing was written", t->confirm, print);
	}
	if (!t->c->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		return typed_last(end, e);
	err_set(e, ERR_GUARD, "nobody confirmed the key %s of '%s'", print,
	    t->place->name);
	return err_hint(e, "Compare the fingerprint, then add --confirm and its "
	    "last %d characters.", LAST);
}

/* Into the site's own journal; that it cannot be written stops nothing. */
static void
note_down(const struct trusting *t)
{
	char *path = file_join(t->d.state.dir, "log.jsonl");
	char *text = xprintf("the host key of '%s' is trusted from now on: "
	    "%s %s", t->place->name, t->key.kind, t->key.print);
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	struct journal log;

	json_open(&data);
	json_put_str(&data, "place", t->place->name);
	json_put_str(&data, "host", t->key.host);
	json_put_str(&data, "fingerprint", t->key.print);
	json_put_str(&data, "file", t->key.file);
	json_close(&data);
	struct draft line = { .kind = EVENT_DECISION, .text = text,
	    .data = data.p };
	journal_init(&log, NULL, NULL);
	if (!journal_open(&log, path, &e) ||
	    !journal_append(&log, &line, 1, NULL, NULL, NULL, &e))
		cli_note("%s", e.msg);
	journal_close(&log);
	buf_release(&data);
	free(text);
	free(path);
}

static bool
trust(struct trusting *t, struct err *e)
{
	const struct place_care care = { .secret = secret_find };
	const struct place_spec *spec, *host;

	if (!desk_open(&t->d, t->c, e) || !find_place(t, e))
		return false;
	spec = site_spec(&t->spec, &t->d.site, t->place);
	host = spec->container != NULL ? spec->at : spec;
	if (host != NULL)	/* bastions are logged in to */
		secrets_ask_for(t->c, host->via);
	if (!place_key_fetch(&t->key, spec, &care, e))
		return false;
	if (!t->c->json)
		show(t);
	if (t->key.state == PLACE_KEY_REFUSED) {
		*e = t->key.why;
		return false;
	}
	if (t->key.state == PLACE_KEY_KNOWN)
		return true;
	if (!confirmed(t, e) || !place_key_add(&t->key, e))
		return false;
	t->added = true;
	note_down(t);
	return true;
}

static void
say(const struct trusting *t)
{
	const struct place_key *k = &t->key;
	struct buf b = BUF_INIT;

	if (!t->c->json) {
		if (t->added)
			cli_out("'%s' is trusted: added to %s", t->place->name,
			    k->file);
		else
			cli_out("'%s' is trusted already: %s", t->place->name,
			    k->at);
		return;
	}
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_put_str(&b, "place", t->place->name);
	json_put_str(&b, "host", k->host);
	json_put_str(&b, "kind", k->kind);
	json_put_str(&b, "fingerprint", k->print);
	json_put_str(&b, "line", k->line);
	json_put_str(&b, "file", k->file);
	json_put_bool(&b, "added", t->added);
	json_close(&b);
	buf_ch(&b, '\n');
	cli_raw(b.p, b.n);
	buf_release(&b);
}

int
verb_trust(struct cli *c, int argc, char **argv)
{
	struct trusting t = { .c = c };
	const struct opt opts[] = { { "--confirm", NULL, &t.confirm, NULL } };
	struct err e = ERR_INIT;
	int status = EXIT_DONE;

	if (!cli_parse(c, argc, argv, opts, 1) || !cli_words(c, 1, 1, usage))
		return EXIT_USAGE;
	if (trust(&t, &e))
		say(&t);
	else
		status = cli_fail(c, &e);
	place_key_release(&t.key);
	desk_close(&t.d);
	return status;
}
