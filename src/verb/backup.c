/*
 * `midwatch backup`: a verified copy of a database, now. Saving data comes before
 * everything: no freeze, no window, no full disk and no missing journal stops it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/leader.h"
#include "backup/unsafe.h"
#include "base/clock.h"
#include "base/text.h"
#include "verb/saving.h"
#include "verb/verbs.h"

static const char usage[] = "midwatch backup DB...|--all-unsafe "
    "[--emergency] [--store NAME] [--jobs N] [--level fast|small]";
static const char typed[] = "unrecorded";

/* What is to be saved, and what became of it. */
struct work {
	struct saving s;
	struct run_ask ask;
	struct run_gone gone;
	struct state *state;
	bool all_unsafe, want_json;
	VEC(const char *) names;
	size_t saved, partly, busy;	/* partly: on some store, not on all */
	bool cancelled;
	struct buf lost;		/* what became of the others, for people */
};

/* ---- the work ------------------------------------------------------------------ */

static void
say_saved(struct work *w, const struct run_done *d)
{
	const struct run_part *p = &d->parts.v[0];
	struct buf path = BUF_INIT;
	char *line;

	for (size_t i = 0; i < d->stores.n; i++) {
		if (!p->copies[i].verified || d->stores.v[i].path == NULL)
			continue;
		buf_clear(&path);
		saving_path(&w->s, d->stores.v[i].name, d->stores.v[i].path,
		    p->file, &path);
		line = xprintf("[%s] Backup saved: %s (%s)", p->whole ? "OK" :
		    "WARNING", path.p, p->whole ? "verified" : "incomplete");
		saving_say(&w->s, "%s", line);
		if (w->ask.class == SET_EMERGENCY)
			saving_log(&w->s, "emergency", line);
		free(line);
	}
	buf_release(&path);
}

static void
say_lost(struct work *w, const struct run_done *d, const char *name,
    const struct err *e)
{
	const char *why = e->kind != ERR_NONE ? e->msg : NULL;
	const char *next = e->hint[0] != '\0' ? e->hint : NULL;
	bool some = d->parts.n > 0 && d->parts.v[0].saved;
	char *line;

	for (size_t i = 0; why == NULL && i < d->parts.n; i++)
		if (!d->parts.v[i].ok) {
			why = d->parts.v[i].why;
			next = d->parts.v[i].next;
		}
	line = xprintf("[FAIL] %s is not %s: %s%s%s", name, some ?
	    "saved everywhere" : "saved", why != NULL ? why : "a store does "
	    "not have all of it", next != NULL ? "; " : "", next ? next : "");
	saving_say(&w->s, "%s", line);
	if (w->ask.class == SET_EMERGENCY)
		saving_log(&w->s, "emergency", line);
	buf_printf(&w->lost, "%s\n", line);
	free(line);
}

/* One database is one set: the first is safe before the second begins. */
static void
save_one(struct work *w, const char *name)
{
	struct run_done d = { .at = 0 };
	struct err e = ERR_INIT;
	bool ok;

	w->ask.names = &name;
	w->ask.n = 1;
	ok = backup_run(&w->ask, &w->s.care, &d, &e);
	if (d.parts.n > 0 && d.parts.v[0].saved)
		say_saved(w, &d);
	if (!ok)
		say_lost(w, &d, name, &e);
	w->saved += ok;
	w->partly += !ok && d.parts.n > 0 && d.parts.v[0].saved;
	w->busy += d.parts.n > 0 && d.parts.v[0].busy;
	w->cancelled = w->cancelled || d.cancelled;
	if (w->s.json.n > 0)
		buf_ch(&w->s.json, ',');
	buf_ch(&w->s.json, '{');
	saving_put(&w->s, &d, ok, &w->s.json);
	buf_ch(&w->s.json, '}');
	run_done_release(&d);
}

static int64_t
since(const struct work *w)
{
	return w->s.desk.have_inc ? incident_since(&w->s.desk.inc) :
	    clock_wall_ms() - w->s.desk.site.schedule.rpo_ms;
}

static void
add_unsafe(struct work *w)
{
	struct unsafe u;
	int64_t total = 0;
	char age[32], took[32];

	unsafe_find(&u, &w->s.desk.site, w->state, since(w),
	    w->s.care.cancelled, w->s.care.ctx);
	if (u.unread.n > 0)
		saving_say(&w->s, "[WARNING] not every store can be read: %s",
		    u.unread.p);
	for (size_t i = 0; i < u.v.n; i++) {
		const struct unsafe_one *o = &u.v.v[i];

		text_fmt_duration(age, clock_wall_ms() - o->newest);
		text_fmt_duration(took, o->took_ms > 0 ? o->took_ms : 0);
		saving_say(&w->s, "[EMERGENCY] %s: %s%s%s%s%s", o->name,
		    o->newest == 0 ? "no verified copy" :
		    "its verified copy is ", o->newest == 0 ? "" : age,
		    o->newest == 0 ? "" : " old", o->took_ms > 0 ?
		    "; expected to take " : "", o->took_ms > 0 ? took : "");
		total += o->took_ms > 0 ? o->took_ms : 0;
		VEC_PUSH(&w->names, o->name);
	}
	text_fmt_duration(took, total);
	if (u.v.n == 0)
		saving_say(&w->s, "[OK] nothing is unsafe: all %zu have a "
		    "verified copy", u.safe);
	else
		saving_say(&w->s, "[EMERGENCY] %zu to save%s%s", u.v.n,
		    total > 0 ? ", expected in all: " : "", total > 0 ?
		    took : "");
	unsafe_release(&u);
}

static void
names_as_text(const struct work *w, struct buf *out)
{
	if (w->all_unsafe)
		buf_str(out, "all that is unsafe");
	for (size_t i = 0; i < w->names.n; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", w->names.v[i]);
}

static int
status_of(const struct work *w)
{
	return w->cancelled ? 143 : w->saved == w->names.n ? EXIT_DONE :
	    w->busy == w->names.n ? EXIT_REFUSED : EXIT_FAILED;
}

/* Whoever is to hear of it does, journal or not. */
static void
tell_lost(struct work *w, const char *names)
{
	char *subject = xprintf("the emergency backup of %.200s FAILED: %zu of "
	    "%zu saved and verified", names, w->saved, w->names.n);

	saving_tell(&w->s, SITE_TRIGGER_EMERGENCY_BACKUP_FAILED, subject,
	    w->lost.n > 0 ? w->lost.p : NULL, NULL);
	free(subject);
}

static int
save_all(struct work *w)
{
	struct saving *s = &w->s;
	bool emergency = w->ask.class == SET_EMERGENCY;
	struct buf names = BUF_INIT;
	char *text;
	int status;

	names_as_text(w, &names);
	text = xprintf("%s backup: %s", set_class_name(w->ask.class),
	    names.p);
	saving_begins(s, text, names.p);
	if (w->all_unsafe)
		add_unsafe(w);
	for (size_t i = 0; i < w->names.n && !w->cancelled; i++) {
		if (emergency)
			saving_say(s, "[EMERGENCY] %s: backup begins",
			    w->names.v[i]);
		s->nth = i + 1;
		s->of = w->names.n;
		if (s->care.progress != NULL) {
			char *at = xprintf("%s: the stores and the database "
			    "are looked at", w->names.v[i]);

			s->care.progress(s, at, 0, 0);
			free(at);
		}
		save_one(w, w->names.v[i]);
	}
	status = status_of(w);
	if (w->cancelled)
		saving_say(s, "[FAIL] cancelled");
	if (w->names.n > 1)
		saving_say(s, w->partly > 0 ? "[%s] %zu of %zu saved and verified, "
		    "%zu more not on every store, or not whole" :
		    "[%s] %zu of %zu saved and verified", status ==
		    EXIT_DONE ? "OK" : "FAIL", w->saved, w->names.n, w->partly);
	saving_ends(s, text, status);
	if (emergency && status == EXIT_FAILED)
		tell_lost(w, names.p);
	if (w->want_json)
		saving_say(s, "{\"ok\":%s,\"class\":\"%s\",\"job\":%" PRId64
		    ",\"backups\":[%s]}", status == EXIT_DONE ? "true" :
		    "false", set_class_name(w->ask.class), s->job != NULL ?
		    s->job->n : 0, s->json.n > 0 ? s->json.p : "");
	free(text);
	buf_release(&names);
	return status;
}

/* ---- the job --------------------------------------------------------------------- */

/* Whatever was typed twice, also by another name of it, is saved once. */
static void
take_name(struct work *w, const char *name)
{
	const struct site_db *db = site_db(&w->s.desk.site, name);

	if (db != NULL)
		name = db->name;
	for (size_t i = 0; i < w->names.n; i++)
		if (strcmp(w->names.v[i], name) == 0)
			return;
	VEC_PUSH(&w->names, name);
}

static void
take_args(struct work *w, const json_t *args)
{
	const char *level = json_get_str(args, "level");
	const json_t *list = json_object_get(args, "names");

	w->all_unsafe = json_get_bool(args, "all_unsafe");
	w->want_json = json_get_bool(args, "json");
	w->ask = (struct run_ask){ .site = &w->s.desk.site,
		.gone = &w->gone, .class = w->all_unsafe || json_get_bool(args, "emergency") ?
		    SET_EMERGENCY : SET_MANUAL,
		.store = json_get_str(args, "store"),
		.jobs = (int)json_get_int(args, "jobs", 0),
		.level = level != NULL && strcmp(level, "small") == 0 ?
		    GZ_SMALL : GZ_FAST };
	for (size_t i = 0; i < json_array_size(list); i++)
		take_name(w, json_string_value(json_array_get(list, i)));
}

int
backup_job(struct job *job, struct err *e)
{
	struct work w = { .lost = BUF_INIT };
	int status = EXIT_USAGE;

	if (saving_open(&w.s, job, e)) {
		take_args(&w, json_object_get(job->spec, "args"));
		w.state = &w.s.desk.state;
		w.ask.state = w.state;
		w.s.what = "backup";
		w.s.class = set_class_name(w.ask.class);
		status = save_all(&w);
	}
	VEC_RELEASE(&w.names);
	buf_release(&w.lost);
	run_gone_release(&w.gone);
	saving_close(&w.s);
	return status;
}

/* ---- the verb --------------------------------------------------------------------- */

struct words {
	bool all_unsafe, emergency;
	const char *store, *level, *confirm, *jobs_word;
	int64_t jobs;			/* 0: as many as there are cores */
};

static void
put_args(const struct cli *c, const struct desk *d, const struct words *o,
    struct buf *out)
{
	json_open(out);
	json_key(out, "names");
	json_open_list(out);
	for (size_t i = 0; i < c->words.n; i++) {
		const struct site_db *db = site_db(&d->site, c->words.v[i]);

		json_comma(out);
		json_text(out, db != NULL ? db->name : c->words.v[i]);
	}
	json_close_list(out);
	json_put_bool(out, "all_unsafe", o->all_unsafe);
	json_put_bool(out, "emergency", o->emergency);
	json_put_bool(out, "json", c->json);
	json_put_str(out, "store", o->store);
	json_put_str(out, "level", o->level);
	json_put_int(out, "jobs", o->jobs);
	json_close(out);
}

static bool
names_known(const struct cli *c, const struct desk *d, const struct words *o,
    struct err *e)
{
	const struct site *site = &d->site;

	if (o->store != NULL && site_store(site, o->store) == NULL)
		return site_lacks(site, SITE_STORE, o->store, e);
	for (size_t i = 0; i < c->words.n; i++) {
		const char *name = c->words.v[i];

		if (site_db(site, name) != NULL ||
		    site_component(site, name) != NULL)
			continue;
		return site_lacks(site, SITE_DATABASE | SITE_COMPONENT, name,
		    e);
	}
	return true;
}

/* No journal and no place for a job: the one action that still runs. */
static int
save_unrecorded(struct cli *c, struct desk *d, const struct words *o,
    const char *args, const struct err *why)
{
	struct work w = { .lost = BUF_INIT };
	json_t *a = json_read(args, strlen(args), NULL);
	char answer[32] = "";
	struct err quiet = ERR_INIT;
	int status;

	cli_note("%s", why->msg);
	cli_note("nothing can be recorded, and the backup can run all the same");
	if (o->confirm != NULL)
		(void)snprintf(answer, sizeof answer, "%s", o->confirm);
	else if (isatty(STDIN_FILENO) && !c->json) {
		(void)fprintf(stderr, "type %s to go on: ", typed);
		if (fgets(answer, sizeof answer, stdin) != NULL)
			answer[strcspn(answer, "\n")] = '\0';
	}
	if (strcmp(answer, typed) != 0) {
		struct err e = ERR_INIT;

		json_decref(a);
		err_set(&e, ERR_GUARD, "%.300s", why->msg);
		err_hint(&e, "Add --confirm %s to save it without any record.",
		    typed);
		return cli_fail(c, &e);
	}
	(void)saving_open(&w.s, NULL, &quiet);
	w.s.desk = *d;			/* borrowed: its site is what counts */
	w.s.cli = *c;
	take_args(&w, a);
	w.s.what = "backup";
	w.s.class = set_class_name(w.ask.class);
	status = save_all(&w);
	VEC_RELEASE(&w.names);
	buf_release(&w.lost);
	run_gone_release(&w.gone);
	buf_release(&w.s.json);
	json_decref(a);
	return status;
}

int
verb_backup(struct cli *c, int argc, char **argv)
{
	struct words o = { .level = NULL };
	const struct opt opts[] = {
		{ "--all-unsafe", &o.all_unsafe, NULL, NULL },
		{ "--emergency", &o.emergency, NULL, NULL },
		{ "--store", NULL, &o.store, NULL },
		{ "--level", NULL, &o.level, NULL },
		{ "--jobs", NULL, &o.jobs_word, NULL },
		{ "--confirm", NULL, &o.confirm, NULL },
	};
	struct buf args = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d;
	bool open, started = true;
	char *title = NULL;
	int status = EXIT_USAGE;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, o.all_unsafe ? 0 : 1, o.all_unsafe ? 0 : 1000,
	    usage))
		return EXIT_USAGE;
	if (o.level != NULL && strcmp(o.level, "fast") != 0 &&
	    strcmp(o.level, "small") != 0)
		return cli_usage("--level is fast or small, not '%s'", o.level);
	if (o.jobs_word != NULL && !text_int(o.jobs_word, 1, LEADER_JOBS,
	    &o.jobs))
		return cli_usage("'--jobs' is a number from 1 to %d, not '%s'",
		    LEADER_JOBS, o.jobs_word);
	open = desk_open(&d, c, &e);
	if (!d.have_site) {
		if (open)
			err_set(&e, ERR_USAGE, "there is no site file to say "
			    "what is to be saved, and where to");
		status = cli_fail(c, &e);
		goto out;
	}
	put_args(c, &d, &o, &args);
	if (open && !names_known(c, &d, &o, &e)) {
		status = cli_fail(c, &e);
		goto out;
	}
	title = xprintf("%s%s", o.all_unsafe ? "save all that is unsafe" :
	    o.emergency ? "emergency backup of " : "backup of ", o.all_unsafe ?
	    "" : c->words.v[0]);
	struct job_spec spec = { .title = title, .config = desk_config(&d),
		.kind = "backup", .args = args.p };
	started = open;
	if (open)
		status = saving_follow(c, &d, &spec, &started, &e);
	if (!started && e.kind == ERR_SYS)
		status = save_unrecorded(c, &d, &o, args.p, &e);
	else if (!started)
		status = cli_fail(c, &e);
out:
	free(title);
	buf_release(&args);
	desk_close(&d);
	return status;
}
