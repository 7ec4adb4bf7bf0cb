#include "verb/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "record/log.h"

enum { STDIN_MAX = 1 << 20 };

static void
say(FILE *to, const char *fmt, va_list ap, unsigned keep)
{
	struct buf raw = BUF_INIT, clean = BUF_INIT;

	buf_vprintf(&raw, fmt, ap);
	text_clean(&clean, raw.p, raw.n, keep);
	(void)fwrite(clean.p, 1, clean.n, to);
	(void)fputc('\n', to);
	buf_release(&raw);
	buf_release(&clean);
}

void
cli_out(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(stdout, fmt, ap, TEXT_LINE);
	va_end(ap);
}

void
cli_note(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("midwatch: ", stderr);
	va_start(ap, fmt);
	say(stderr, fmt, ap, TEXT_LINE);
	va_end(ap);
}

void
cli_block(const char *p, size_t n)
{
	struct buf clean = BUF_INIT;

	text_clean(&clean, p, n, TEXT_BLOCK);
	(void)fwrite(clean.p, 1, clean.n, stdout);
	buf_release(&clean);
}

void
cli_raw(const char *p, size_t n)
{
	(void)fwrite(p, 1, n, stdout);
}

void
cli_object(struct buf *b)
{
	json_close(b);
	buf_ch(b, '\n');
	cli_raw(b->p, b->n);
	buf_release(b);
}

void
cli_waiting(const char *holder)
{
	cli_note("waiting for the journal, it is locked by %s", holder);
}

static bool json_wanted;

void
cli_want_json(void)
{
	json_wanted = true;
}

static void
fail_json(const char *msg, const char *kind, const char *hint)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", false);
	json_put_str(&b, "error", msg);
	json_put_str(&b, "kind", kind);
	json_put_str(&b, "hint", hint);
	cli_object(&b);
}

int
cli_usage(const char *fmt, ...)
{
	struct buf msg = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&msg, fmt, ap);
	va_end(ap);
	cli_note("%s", msg.p);
	if (json_wanted)
		fail_json(msg.p, "usage", NULL);
	buf_release(&msg);
	return EXIT_USAGE;
}

static int
status_of(const struct err *e)
{
	switch (e->kind) {
	case ERR_USAGE:
	case ERR_NOTFOUND:
		return EXIT_USAGE;
	case ERR_GUARD:
	case ERR_BUSY:
		return EXIT_REFUSED;
	case ERR_CANCELLED:
		return 143;
	case ERR_NONE:
	case ERR_SYS:
	case ERR_TIMEOUT:
	case ERR_INTEGRITY:
	case ERR_FAILED:
		break;
	}
	return EXIT_FAILED;
}

int
cli_fail(const struct cli *c, const struct err *e)
{
	cli_note("%s", e->msg);
	if (e->hint[0] != '\0')
		cli_note("  %s", e->hint);
	if (c->json)
		fail_json(e->msg, err_kind_name(e->kind),
		    e->hint[0] ? e->hint : NULL);
	return status_of(e);
}

/* ---- options ------------------------------------------------------------- */

static const struct opt *
find(const struct opt *opts, size_t n, const char *word, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(opts[i].name) == len &&
		    strncmp(opts[i].name, word, len) == 0)
			return &opts[i];
	return NULL;
}

static bool
unknown(const struct cli *c, const char *word, size_t len,
    const struct opt *opts, size_t n, const struct opt *more, size_t n_more)
{
	char *name = xstrndup(word, len);
	const char **known = xcalloc(n + n_more, sizeof *known);
	const char *near;

	for (size_t i = 0; i < n; i++)
		known[i] = opts[i].name;
	for (size_t i = 0; i < n_more; i++)
		known[n + i] = more[i].name;
	near = text_nearest(name, known, n + n_more);
	if (near != NULL)
		(void)cli_usage("unknown option '%s', did you mean '%s'?", name,
		    near);
	else
		(void)cli_usage("unknown option '%s'; see 'midwatch %s%s--help'",
		    name, c->verb ? c->verb : "", c->verb ? " " : "");
	free(name);
	free(known);
	return false;
}

static bool
take(const struct opt *o, const char *word, size_t len, int argc, char **argv,
    int *i)
{
	const char *value = word[len] == '=' ? word + len + 1 : NULL;

	if (o->flag != NULL) {
		if (value != NULL) {
			(void)cli_usage("'%s' takes no value", o->name);
			return false;
		}
		*o->flag = true;
		return true;
	}
	if (value == NULL) {
		if (*i + 1 >= argc) {
			(void)cli_usage("'%s' needs a value", o->name);
			return false;
		}
		value = argv[++*i];
	}
	if (o->list != NULL)
		VEC_PUSH(&o->list->v, value);
	else
		*o->value = value;
	return true;
}

bool
cli_parse(struct cli *c, int argc, char **argv, const struct opt *opts, size_t n)
{
	bool later = false;
	struct opt all[] = {
		{ "--config", NULL, &c->config, NULL },
		{ "-c", NULL, &c->config, NULL },
		{ "--state", NULL, &c->state, NULL },
		{ "--theme", NULL, &c->theme, NULL },
		{ "--json", &c->json, NULL, NULL },
		{ "--plain", &c->plain, NULL, NULL },
		{ "--ascii", &c->ascii, NULL, NULL },
		{ "--no-color", &c->no_color, NULL, NULL },
		{ "--help", &c->help, NULL, NULL },
		{ "-h", &c->help, NULL, NULL },
		{ "--read-only", &later, NULL, NULL },
		{ "--low", &later, NULL, NULL },
		{ "--mouse", &later, NULL, NULL },
	};
	size_t n_all = sizeof all / sizeof *all;

	for (int i = 0; i < argc; i++) {
		const char *w = argv[i];
		size_t len = strcspn(w, "=");
		const struct opt *o;

		if (strcmp(w, "--") == 0) {
			while (++i < argc)
				VEC_PUSH(&c->words, argv[i]);
			break;
		}
		if (w[0] != '-' || w[1] == '\0') {
			VEC_PUSH(&c->words, w);
			continue;
		}
		o = find(opts, n, w, len);
		if (o == NULL)
			o = find(all, n_all, w, len);
		if (o == NULL)
			return unknown(c, w, len, opts, n, all, n_all);
		if (!take(o, w, len, argc, argv, &i))
			return false;
	}
	return true;
}

bool
cli_words(const struct cli *c, size_t min, size_t max, const char *usage)
{
	if (c->words.n >= min && c->words.n <= max)
		return true;
	if (c->words.n > max)
		(void)cli_usage("one word too many: '%s'; usage: %s",
		    c->words.v[max], usage);
	else
		(void)cli_usage("usage: %s", usage);
	return false;
}

bool
cli_text(const struct cli *c, size_t from, struct buf *out)
{
	if (c->words.n == from + 1 && strcmp(c->words.v[from], "-") == 0) {
		while (out->n < STDIN_MAX &&
		    io_read_some(STDIN_FILENO, out, 4096) > 0)
			;
		while (out->n > 0 && out->p[out->n - 1] == '\n')
			buf_cut(out, out->n - 1);
		return out->n > 0;
	}
	for (size_t i = from; i < c->words.n; i++) {
		if (i > from)
			buf_ch(out, ' ');
		buf_str(out, c->words.v[i]);
	}
	return out->n > 0;
}

/* ---- the desk ------------------------------------------------------------- */

static bool
load_site(struct desk *d, struct err *e)
{
	struct buf path = BUF_INIT;
	struct err fe = ERR_INIT;
	bool ok = true;

	if (site_find(d->cli->config, &path, &fe) == NULL) {
		buf_release(&path);
		if (fe.kind == ERR_NOTFOUND && d->cli->config == NULL)
			return true;	/* none: the record works without */
		*e = fe;
		return false;
	}
	d->have_site = site_load(&d->site, path.p);
	if (!d->have_site) {
		for (size_t i = 0; i < d->site.doc.problems.n; i++)
			cli_note("%s", d->site.doc.problems.v[i].text);
		if (d->cli->state != NULL)
			cli_note("going on without the site file, with the "
			    "record in '%s'", d->cli->state);
		else {
			ok = err_set(e, ERR_USAGE, "the site file '%s' has "
			    "mistakes", path.p);
			err_hint(e, "Mend it, or add --state DIR to work on the "
			    "record without it.");
		}
	}
	buf_release(&path);
	return ok;
}

bool
desk_open(struct desk *d, struct cli *c, struct err *e)
{
	memset(d, 0, sizeof *d);
	d->cli = c;
	d->inc.j.fd = -1;
	if (!load_site(d, e))
		return false;
	if (d->have_site && d->site.timezone != NULL &&
	    !clock_zone_set(d->site.timezone, e))
		return false;
	if (!d->have_site)
		(void)clock_zone_set("UTC", NULL);
	return state_open(&d->state, c->state,
	    d->have_site ? d->site.state : NULL,
	    d->have_site && c->state == NULL ? d->site.group : NULL, e);
}

bool
desk_id_ok(const char *id, struct err *e)
{
	if (state_id_ok(id))
		return true;
	err_set(e, ERR_USAGE, "'%s' is not the name of an incident", id);
	return err_hint(e, "Names look like INC-20250214-0110; see 'midwatch "
	    "incident list'.");
}

bool
desk_incident(struct desk *d, const char *id, struct err *e)
{
	char found[STATE_ID_MAX] = "";
	char *dir;

	if (id != NULL) {
		if (!desk_id_ok(id, e))
			return false;
		(void)snprintf(found, sizeof found, "%s", id);
	} else if (!incident_current(&d->state, true, found, e))
		return false;
	if (found[0] == '\0') {
		err_set(e, ERR_GUARD, "no incident is open");
		return err_hint(e, "'midwatch incident open' begins one.");
	}
	dir = state_path(&d->state, "incidents/%s", found);
	if (!file_is_dir(dir)) {
		free(dir);
		err_set(e, ERR_NOTFOUND, "there is no incident '%s'", found);
		return err_hint(e, "'midwatch incident list' shows them.");
	}
	d->have_inc = incident_load(&d->inc, dir, e);
	d->inc.j.waiting = cli_waiting;
	free(dir);
	d->en.site = d->have_site ? &d->site : NULL;
	d->en.state = &d->state;
	d->en.inc = &d->inc;
	if (!d->have_site && d->inc.zone != NULL)
		(void)clock_zone_set(d->inc.zone, NULL);
	return d->have_inc;
}

static void
names_of_incident(const struct incident *inc, struct rb_names *n)
{
	*n = (struct rb_names){
		.databases = (const char *const *)inc->databases.v,
		.n_databases = inc->databases.n,
		.legacy = (const char *const *)inc->legacy.v,
		.n_legacy = inc->legacy.n,
		.disks = (const char *const *)inc->disks.v,
		.n_disks = inc->disks.n,
	};
}

bool
desk_runbook(struct desk *d, struct err *e)
{
	char *path = file_join(d->inc.dir, "runbook.cfg");
	struct rb_names names;

	if (d->inc.runbook == NULL) {
		free(path);
		err_set(e, ERR_GUARD, "the incident '%s' follows no runbook",
		    d->inc.id);
		return err_hint(e, "'midwatch runbook NAME --take' gives it "
		    "one.");
	}
	names_of_incident(&d->inc, &names);
	d->have_rb = runbook_load(&d->rb, path, &names, NULL);
	free(path);
	if (!d->have_rb) {
		for (size_t i = 0; i < d->rb.doc.problems.n; i++)
			cli_note("%s", d->rb.doc.problems.v[i].text);
		return err_set(e, ERR_INTEGRITY, "the incident's runbook "
		    "cannot be read");
	}
	if (d->inc.runbook_sha != NULL &&
	    strcmp(d->inc.runbook_sha, d->rb.sha) != 0)
		cli_note("the incident's copy of the runbook was changed: its "
		    "SHA-256 is not the journaled one");
	d->en.rb = &d->rb;
	return true;
}

void
desk_log_checkpoint(struct desk *d, const char *text)
{
	struct err e = ERR_INIT;

	if (!log_checkpoint(&d->state, &d->inc, text, &e))
		cli_note("%s", e.msg);
}

const char *
desk_config(const struct desk *d)
{
	return d->have_site ? d->site.path : NULL;
}

void
desk_close(struct desk *d)
{
	engine_release(&d->en);
	if (d->rb.doc.path != NULL)
		runbook_release(&d->rb);
	incident_release(&d->inc);
	state_release(&d->state);
	if (d->site.doc.path != NULL)
		site_release(&d->site);
}
