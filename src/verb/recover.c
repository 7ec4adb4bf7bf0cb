/* `midwatch recover`: a database whose login is broken. Looks, shows a plan, and on
 * its typed name starts the job (recover_job.c) that does it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "verb/follow.h"
#include "verb/recover.h"
#include "verb/secrets.h"
#include "verb/shelf.h"
#include "verb/verbs.h"

#define USAGE "midwatch recover DB [--plan] [--confirm DB] [--rotate], or "	\
	"midwatch recover --check [DB]"

struct words {
	bool plan, rotate, unlock, extend, sessions, end_sessions, check;
	const char *confirm;
};

bool
recover_quietly(struct err *e)
{
	struct rlimit no_core = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &no_core);
	return secret_hold(e);
}

/* ---- which cluster is it? ------------------------------------------------------ */

/* As the newest set of it says that can be read. */
static char *
known_identity(const struct site *site, const char *db)
{
	struct shelves shelves = { .cancelled = NULL };
	int64_t newest = 0;
	char *id = NULL;

	if (site_stores(site) == 0 || !shelves_open(&shelves, site, NULL,
	    NULL))
		goto out;
	for (size_t i = 0; i < shelves.v.n; i++)
		for (size_t k = 0; k < shelves.v.v[i]->sets.v.n; k++) {
			const struct set *s = shelves.v.v[i]->sets.v.v[k];
			struct set_copy c = set_copy_of(s, &db, 1);

			if (c.set == NULL || s->at <= newest ||
			    c.part->from.system_identifier == NULL)
				continue;
			newest = s->at;
			free(id);
			id = xstrdup(c.part->from.system_identifier);
		}
out:
	shelves_release(&shelves);
	return id;
}

static bool
is_the_one(struct recover *r, struct err *e)
{
	char *known = known_identity(r->ask.site, r->ask.db->name);
	bool ok = true;

	if (known == NULL && r->identity != NULL)
		VEC_PUSH(&r->notes, xprintf("no set says which cluster it is; "
		    "found is %s", r->identity));
	else if (known != NULL && r->identity != NULL &&
	    strcmp(known, r->identity) != 0) {
		ok = err_set(e, ERR_GUARD, "%s: this is another cluster (%s) "
		    "than the one of its newest backup (%s)",
		    r->ask.db->name, r->identity, known);
		err_hint(e, "If it was moved, take a backup of it first: then "
		    "that is the one that is known.");
	}
	free(known);
	return ok;
}

/* ---- the plan, for people -------------------------------------------------------- */

static const char *
how_of(const struct recover_file *f)
{
	if (f->right)
		return "is right";
	if (!f->there)
		return "will be made";
	switch (f->how) {
	case PASSLINE_SAME:
		return "gets mode 600";
	case PASSLINE_CHANGED:
		return "its line gets the password";
	case PASSLINE_ABOVE:
		return "gets a line above the one with *";
	case PASSLINE_ADDED:
		return "gets a line";
	}
	return "";
}

static void
show_candidates(const struct recover *r)
{
	static const char *const words[] = { [SCRAM_NO] = "not the password",
		[SCRAM_YES] = "the password", [SCRAM_UNKNOWN] = "not tried" };

	for (size_t i = 0; i < r->candidates.n; i++) {
		const struct recover_candidate *x = &r->candidates.v[i];

		cli_out("found     %s: %s", x->where, x->same ?
		    "the same as one above" : words[x->right]);
	}
}

static void
show_users(const struct recover *r)
{
	for (size_t i = 0; i < r->sessions.n; i++) {
		const struct recover_session *s = &r->sessions.v[i];
		int64_t ms;
		char at[40] = "?";

		if (clock_parse_utc(s->since, &ms))
			clock_fmt_site(at, ms);
		cli_out("logged in %s from %s, in %s since %s (pid %" PRId64
		    ")%s", s->application[0] ? s->application : "(unnamed)",
		    s->address, s->database, at, s->pid, s->ours ? ", ours" :
		    "");
	}
	if (r->facts.known && r->sessions.n == 0)
		cli_out("logged in nobody with %s now", r->role);
}

static void
show_deeds(const struct recover *r)
{
	if (r->mode == RECOVER_NEW)
		cli_out("will      set a new password of %s, prove it from "
		    "outside, then write it", r->role);
	else if (r->mode == RECOVER_FILES) {
		cli_out("will      write the password of %s into the files",
		    r->chosen->where);
		if (r->ask.db->rotate.line != 0)
			cli_out("or        --rotate sets a new one all the "
			    "same");
	}
	if (r->unlock)
		cli_out("will      let %s log in again (LOGIN)", r->role);
	if (r->extend)
		cli_out("will      take its end away (VALID UNTIL was %s)",
		    r->facts.until);
}

static void
show(const struct recover *r, bool ok)
{
	if (r->works)
		cli_out("login     %s of %s logs in", r->role,
		    r->ask.db->name);
	else
		cli_out("login     %s", r->why.msg);
	if (r->facts.known)
		cli_out("superuser %s is let in; PostgreSQL %" PRId64
		    ", cluster %s", r->ask.db->superuser.user,
		    r->facts.version / 10000, r->facts.identity ?
		    r->facts.identity : "?");
	else
		cli_out("superuser no way: %s", r->super_why.msg);
	show_candidates(r);
	show_users(r);
	if (ok)
		show_deeds(r);
	for (size_t i = 0; r->mode != RECOVER_NOTHING && i < r->files.n; i++) {
		const struct recover_file *f = &r->files.v[i];

		cli_out("file      %s %s%s", f->spec, f->why != NULL ?
		    f->why : how_of(f), f->there && (f->mode & 077) != 0 ?
		    " (it is open to others, so it is not used now)" : "");
	}
	for (size_t i = 0; i < r->notes.n; i++)
		cli_out("note      %s", r->notes.v[i]);
}

/* ---- and for programs -------------------------------------------------------------- */

static void
put_lists(const struct recover *r, struct buf *b)
{
	json_key(b, "candidates");
	json_open_list(b);
	for (size_t i = 0; i < r->candidates.n; i++) {
		json_comma(b);
		json_open(b);
		json_put_str(b, "where", r->candidates.v[i].where);
		json_put_bool(b, "right", r->candidates.v[i].right ==
		    SCRAM_YES);
		json_close(b);
	}
	json_close_list(b);
	json_key(b, "sessions");
	json_open_list(b);
	for (size_t i = 0; i < r->sessions.n; i++) {
		const struct recover_session *s = &r->sessions.v[i];

		json_comma(b);
		json_open(b);
		json_put_int(b, "pid", s->pid);
		json_put_str(b, "application", s->application);
		json_put_str(b, "address", s->address);
		json_put_str(b, "database", s->database);
		json_put_str(b, "since", s->since);
		json_put_bool(b, "ours", s->ours);
		json_close(b);
	}
	json_close_list(b);
	json_key(b, "notes");
	json_open_list(b);
	for (size_t i = 0; i < r->notes.n; i++) {
		json_comma(b);
		json_text(b, r->notes.v[i]);
	}
	json_close_list(b);
}

static void
put_schema(const struct recover *r, struct buf *b)
{
	json_key(b, "unreadable");
	json_open_list(b);
	for (size_t i = 0; i < r->schema.v.n; i++) {
		json_comma(b);
		json_open(b);
		json_put_str(b, "kind", r->schema.v.v[i].kind);
		json_put_str(b, "name", r->schema.v.v[i].name);
		json_put_str(b, "grant", r->schema.v.v[i].grant);
		json_close(b);
	}
	json_close_list(b);
}

void
recover_put(const struct recover *r, struct buf *b)
{
	json_put_str(b, "db", r->ask.db->name);
	json_put_str(b, "role", r->role);
	json_put_bool(b, "login_works", r->works);
	json_put_str(b, "no", r->works ? NULL : pg_no_name(r->no));
	json_put_str(b, "why", r->works ? NULL : r->why.msg);
	json_put_str(b, "system_identifier", r->identity);
	json_put_str(b, "mode", recover_mode_name(r->mode));
	json_put_bool(b, "unlock", r->unlock);
	json_put_bool(b, "extend", r->extend);
	json_put_bool(b, "resumed", r->resumed);
	json_key(b, "files");
	json_open_list(b);
	for (size_t i = 0; i < r->files.n; i++) {
		json_comma(b);
		json_open(b);
		json_put_str(b, "file", r->files.v[i].spec);
		json_put_bool(b, "right", r->files.v[i].right);
		json_close(b);
	}
	json_close_list(b);
	put_lists(r, b);
	if (r->schema_known)
		put_schema(r, b);
}

/* What the role cannot read, named, each with what mends it. */
void
recover_schema_lines(const struct recover *r,
    void (*line)(void *ctx, const char *text), void *ctx)
{
	const struct schema *s = &r->schema;
	char *text;

	if (!r->schema_known || s->total == 0)
		return;
	text = xprintf("[WARNING] %s cannot read everything there: %" PRId64
	    " object%s", s->role, s->total, s->total == 1 ? "" : "s");
	line(ctx, text);
	free(text);
	for (size_t i = 0; i < s->v.n; i++) {
		text = xprintf("  %s %s: %s;", s->v.v[i].kind, s->v.v[i].name,
		    s->v.v[i].grant);
		line(ctx, text);
		free(text);
	}
	if (s->cure != NULL && s->total > 1) {
		text = xprintf("  all at once: %s;", s->cure);
		line(ctx, text);
		free(text);
	}
}

static void
out_line(void *ctx, const char *text)
{
	(void)ctx;
	cli_out("%s", text);
}

/* ---- confirming ----------------------------------------------------------------------- */

static bool
typed(const char *prompt, const char *want)
{
	struct buf b = BUF_INIT;
	char ch;
	bool same;

	(void)fprintf(stderr, "%s", prompt);
	(void)fflush(stderr);
	while (read(STDIN_FILENO, &ch, 1) == 1 && ch != '\n')
		buf_ch(&b, ch);
	same = strcmp(b.n > 0 ? b.p : "", want) == 0;
	buf_release(&b);
	return same;
}

static bool
confirmed(const struct recover *r, const struct cli *c, struct words *w,
    struct err *e)
{
	bool person = !c->json && isatty(STDIN_FILENO) &&
	    isatty(STDERR_FILENO);
	const char *name = r->ask.db->name;
	size_t strangers = recover_strangers(r);
	char *prompt = xprintf("type %s to do this: ", name);
	bool yes;

	if (w->confirm != NULL)
		yes = site_db(r->ask.site, w->confirm) == r->ask.db;
	else
		yes = person && typed(prompt, name);
	free(prompt);
	if (!yes) {
		err_set(e, ERR_GUARD, w->confirm != NULL ? "'%s' was confirmed, "
		    "and '%s' was named" : "not confirmed", w->confirm ?
		    w->confirm : "", name);
		return err_hint(e, "Add --confirm %s.", name);
	}
	if (strangers == 0 || r->mode != RECOVER_NEW || w->sessions)
		return true;
	prompt = xprintf("%zu of them are not ours and need the new password "
	    "too. Type sessions to go on: ", strangers);
	w->sessions = w->confirm == NULL && person && typed(prompt,
	    "sessions");
	free(prompt);
	if (w->sessions)
		return true;
	err_set(e, ERR_GUARD, "%zu session%s of '%s' %s not ours: whoever it is "
	    "needs the new password too", strangers, strangers == 1 ? "" : "s",
	    r->role, strangers == 1 ? "is" : "are");
	return err_hint(e, "'midwatch recover %s --plan' shows them; when their "
	    "owners know, add --sessions.", name);
}

/* ---- the verb --------------------------------------------------------------------------- */

static int
start(struct desk *d, const struct recover *r, const struct words *w,
    struct err *e)
{
	struct job_spec spec = { .kind = "recover" };
	struct buf args = BUF_INIT;
	char *title = xprintf("recover the login of %s", r->ask.db->name);
	int status;

	json_open(&args);
	json_put_str(&args, "db", r->ask.db->name);
	json_put_str(&args, "mode", recover_mode_name(r->mode));
	json_put_str(&args, "identity", r->identity);
	json_put_bool(&args, "rotate", w->rotate);
	json_put_bool(&args, "unlock", w->unlock);
	json_put_bool(&args, "extend", w->extend);
	json_put_bool(&args, "sessions", w->sessions);
	json_put_bool(&args, "end_sessions", w->end_sessions);
	json_close(&args);
	spec.title = title;
	spec.args = args.p;
	spec.config = desk_config(d);
	status = follow_start(d, &spec, e);
	buf_release(&args);
	free(title);
	return status;
}

static int
say_plan(const struct cli *c, const struct recover *r, const struct err *e)
{
	struct buf b = BUF_INIT;

	if (!c->json)
		return e->kind == ERR_NONE ? EXIT_DONE : cli_fail(c, e);
	if (e->kind != ERR_NONE)
		return cli_fail(c, e);
	json_open(&b);
	json_put_bool(&b, "ok", true);
	recover_put(r, &b);
	cli_object(&b);
	return EXIT_DONE;
}

static int
nothing_to_do(const struct cli *c, const struct recover *r)
{
	struct err none = ERR_INIT;

	if (c->json)
		return say_plan(c, r, &none);
	cli_out("[OK] %s: the login works%s; --rotate sets a new password all "
	    "the same", r->ask.db->name, r->candidates.n > 0 ?
	    ", and the password files are right" : "");
	recover_schema_lines(r, out_line, NULL);
	return EXIT_DONE;
}

static int
recover_one(struct cli *c, struct desk *d, struct words *w)
{
	struct recover r = { .ask = { .site = &d->site, .state = &d->state,
		.db = site_db(&d->site, c->words.v[0]), .rotate = w->rotate,
		.unlock = w->unlock, .extend = w->extend } };
	struct err e = ERR_INIT;
	int status = -1;
	bool ok;

	if (r.ask.db == NULL) {
		site_lacks(&d->site, SITE_DATABASE, c->words.v[0], &e);
		return cli_fail(c, &e);
	}
	ok = recover_look(&r, &e) && (r.mode == RECOVER_NOTHING ||
	    is_the_one(&r, &e));
	(void)mask_chars(&r.mask, e.msg);
	(void)mask_chars(&r.mask, e.hint);
	if (!c->json && r.files.n > 0 && (r.mode != RECOVER_NOTHING || !ok ||
	    w->plan))
		show(&r, ok);
	if (!ok || w->plan)
		status = say_plan(c, &r, &e);
	else if (r.mode == RECOVER_NOTHING) {
		/* what a recovery that was cut off has left */
		if (r.resumed)
			(void)recover_do(&r, &(struct err)ERR_INIT);
		status = nothing_to_do(c, &r);
	}
	else if (confirmed(&r, c, w, &e))
		status = start(d, &r, w, &e);
	if (status < 0)
		status = cli_fail(c, &e);
	recover_release(&r);
	return status;
}

int
verb_recover(struct cli *c, int argc, char **argv)
{
	struct words w = { .confirm = NULL };
	const struct opt opts[] = {
		{ "--plan", &w.plan, NULL, NULL },
		{ "--confirm", NULL, &w.confirm, NULL },
		{ "--rotate", &w.rotate, NULL, NULL },
		{ "--unlock", &w.unlock, NULL, NULL },
		{ "--extend", &w.extend, NULL, NULL },
		{ "--sessions", &w.sessions, NULL, NULL },
		{ "--end-sessions", &w.end_sessions, NULL, NULL },
		{ "--check", &w.check, NULL, NULL },
	};
	struct err e = ERR_INIT;
	struct desk d = { 0 };
	int status;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, w.check ? 0 : 1, 1, USAGE))
		return EXIT_USAGE;
	if (!recover_quietly(&e) || !desk_open(&d, c, &e))
		status = cli_fail(c, &e);
	else if (!d.have_site) {
		err_set(&e, ERR_USAGE, "there is no site file to say what logs "
		    "in where");
		status = cli_fail(c, &e);
	} else {
		(void)secrets_ask(c, &d.site, 0);
		status = w.check ? recover_check_verb(c, &d) :
		    recover_one(c, &d, &w);
	}
	desk_close(&d);
	return status;
}
