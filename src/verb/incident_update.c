/* The update every quarter of an hour, and what only a person declares. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/json.h"
#include "base/spawn.h"
#include "base/text.h"
#include "base/who.h"
#include "report/update.h"
#include "verb/telling.h"
#include "verb/verbs.h"

enum { TEXT_MAX = 16 << 10, SNOOZE_MAX_MS = 24 * 3600 * 1000, SUBJECT = 200 };

struct updating {
	struct cli *c;
	const char *text, *snooze, *reason;
	bool edit, send, draft, by_hand;
	int64_t snooze_ms;
	struct desk d;
	struct buf words;
	struct told told;
	struct err e;
};

static bool
interactive(const struct cli *c)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !c->json;
}

/* One line from the terminal. */
static bool
answer_is(const char *question, const char *wanted)
{
	char line[128] = "";

	(void)fprintf(stderr, "%s", question);
	(void)fflush(stderr);
	if (fgets(line, sizeof line, stdin) == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	return strcmp(line, wanted) == 0;
}

/* ---- the draft ---------------------------------------------------------------- */

/* $VISUAL, $EDITOR or vi, at the terminal; the file is ours alone. */
static bool
edit(struct updating *u)
{
	const char *editor = getenv("VISUAL");
	char path[] = "/tmp/midwatch-update.XXXXXX";
	struct err *e = &u->e;
	struct buf got = BUF_INIT;
	int fd = -1, status = 0;
	bool ok = false;
	char *line;
	pid_t pid;

	if (!interactive(u->c)) {
		err_set(e, ERR_USAGE, "--edit needs a terminal");
		return err_hint(e, "--text T takes the words instead.");
	}
	if (text_empty(editor))
		editor = getenv("EDITOR");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "cannot make a file to edit");
	line = xprintf("%s %s", text_empty(editor) ? "vi" : editor, path);
	struct spawn s = { .argv = (const char *const[]){ "/bin/sh", "-c",
	    line, NULL }, .in = STDIN_FILENO, .out = STDOUT_FILENO,
	    .errfd = STDERR_FILENO };
	if (!io_write_all(fd, u->words.p, u->words.n))
		err_sys(e, "cannot write '%s'", path);
	else if ((pid = spawn_start(&s, e)) > 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		ok = spawn_ok(status, text_empty(editor) ? "vi" : editor, e) &&
		    file_read(path, &got, TEXT_MAX, e);
	}
	if (ok) {
		buf_clear(&u->words);
		buf_add(&u->words, got.p, got.n);
	}
	(void)unlink(path);
	io_close(&fd);
	free(line);
	buf_release(&got);
	return ok;
}

static bool
make_words(struct updating *u)
{
	struct err e = ERR_INIT;

	if (u->text != NULL)
		buf_str(&u->words, u->text);
	else {
		if (u->d.inc.runbook != NULL && !desk_runbook(&u->d, &e))
			cli_note("%s", e.msg);
		update_draft(&u->d.en, &u->words);
	}
	if (u->edit && !edit(u))
		return false;
	while (u->words.n > 0 && strchr(" \n\t\r",
	    u->words.p[u->words.n - 1]) != NULL)
		buf_cut(&u->words, u->words.n - 1);
	return u->words.n > 0 || err_set(&u->e, ERR_USAGE, "there is no text");
}

/* ---- sending ------------------------------------------------------------------- */

static bool
journal_update(struct updating *u, size_t reached)
{
	int64_t next = clock_wall_ms() + update_every_ms(u->d.have_site ?
	    &u->d.site : NULL);
	struct buf data = BUF_INIT;
	bool ok;

	json_open(&data);
	json_put_int(&data, "next_ms", next);
	json_put_int(&data, "told", (int64_t)reached);
	if (u->by_hand)
		json_put_bool(&data, "by_hand", true);
	json_close(&data);
	ok = incident_say(&u->d.inc, EVENT_UPDATE, NULL, u->words.p, data.p,
	    &u->e);
	buf_release(&data);
	return ok;
}

static bool
send(struct updating *u)
{
	struct incident *inc = &u->d.inc;
	size_t reached;
	char *subject = xprintf("update on %s, %s: %.*s", inc->id,
	    inc->severity != NULL ? inc->severity : "no severity", SUBJECT,
	    inc->title != NULL ? inc->title : "");
	struct tell t = { .trigger = SITE_TRIGGER_UPDATE, .subject = subject,
	    .text = u->words.p, .incident = inc->id };

	if (u->d.have_site && !u->by_hand)
		tell_people(&u->d.site, &u->d.state, &t, NULL,
		    clock_mono_ms() + TELLING_MS, &u->told);
	free(subject);
	telling_say(&u->d, &u->told);
	reached = telling_reached(&u->told);
	if (reached > 0 || u->by_hand)
		return journal_update(u, reached);
	if (u->told.v.n > 0) {
		err_set(&u->e, ERR_FAILED, "the update reached nobody yet");
		return err_hint(&u->e, "Give it to them by hand, then "
		    "'midwatch incident told --by-hand WHO': that is the "
		    "update.");
	}
	err_set(&u->e, ERR_FAILED, "nobody in the site file is told of "
	    "updates");
	return err_hint(&u->e, "Post it%s%s by hand, then 'midwatch incident "
	    "update --by-hand'.", inc->channel != NULL ? " in " : "",
	    inc->channel != NULL ? inc->channel : "");
}

static bool
confirmed(struct updating *u)
{
	if (u->send || u->by_hand)
		return true;
	if (interactive(u->c) && answer_is("send it? [y/N] ", "y"))
		return true;
	err_set(&u->e, ERR_GUARD, "the update was not sent");
	return err_hint(&u->e, "--send sends it as it stands, --text T with "
	    "your words, --edit lets you change it first.");
}

static bool
snooze(struct updating *u)
{
	int64_t until = clock_wall_ms() + u->snooze_ms;
	struct buf data = BUF_INIT, text = BUF_INIT;
	char at[16];
	bool ok;

	clock_fmt_short(at, until);
	json_open(&data);
	json_put_int(&data, "next_ms", until);
	json_put_str(&data, "reason", u->reason);
	json_close(&data);
	buf_printf(&text, "the next update is put off until %s: %s", at,
	    u->reason);
	ok = incident_say(&u->d.inc, EVENT_SNOOZE, NULL, text.p, data.p,
	    &u->e);
	if (ok && !u->c->json)
		cli_out("%s", text.p);
	buf_release(&data);
	buf_release(&text);
	return ok;
}

static int
update_end(struct updating *u, bool ok, bool sent)
{
	int64_t due = update_due(&u->d.inc, u->d.have_site ? &u->d.site : NULL);
	struct buf b = BUF_INIT;
	char at[32];
	int status = EXIT_DONE;

	if (!ok) {
		status = cli_fail(u->c, &u->e);
	} else if (u->c->json) {
		json_open(&b);
		json_put_bool(&b, "ok", true);
		json_put_str(&b, "incident", u->d.inc.id);
		json_put_bool(&b, "sent", sent);
		json_put_str(&b, "text", u->words.n > 0 ? u->words.p : NULL);
		telling_json(&u->told, &b);
		clock_fmt_utc(at, due);
		json_put_str(&b, "update_due", due != 0 ? at : NULL);
		cli_object(&b);
	} else if (sent && due == 0) {
		cli_out("update sent; the incident is resolved, so no further "
		    "one is due");
	} else if (sent) {
		clock_fmt_short(at, due);
		cli_out("update sent; the next one is due at %s", at);
	}
	told_release(&u->told);
	buf_release(&u->words);
	desk_close(&u->d);
	return status;
}

static bool
words_fit(struct updating *u)
{
	if ((u->snooze == NULL) != (u->reason == NULL)) {
		(void)cli_usage("--snooze 10m and --reason WHY belong together");
		return false;
	}
	if (u->snooze != NULL && (!text_duration(u->snooze, &u->snooze_ms) ||
	    u->snooze_ms <= 0 || u->snooze_ms > SNOOZE_MAX_MS)) {
		(void)cli_usage("--snooze: '%s' is no duration up to a day, "
		    "such as 10m", u->snooze);
		return false;
	}
	if ((u->text != NULL && *u->text == '\0') ||
	    (u->reason != NULL && *u->reason == '\0')) {
		(void)cli_usage("an update and a reason need words");
		return false;
	}
	return true;
}

int
incident_update(struct cli *c, int argc, char **argv)
{
	struct updating u = { .c = c, .words = BUF_INIT };
	const struct opt opts[] = {
		{ "--text", NULL, &u.text, NULL },
		{ "--edit", &u.edit, NULL, NULL },
		{ "--send", &u.send, NULL, NULL },
		{ "--draft", &u.draft, NULL, NULL },
		{ "--by-hand", &u.by_hand, NULL, NULL },
		{ "--snooze", NULL, &u.snooze, NULL },
		{ "--reason", NULL, &u.reason, NULL },
	};
	bool ok;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 0, 0, "midwatch incident update [--text T|--edit] "
	    "[--send|--draft|--by-hand] | --snooze 10m --reason WHY") ||
	    !words_fit(&u))
		return EXIT_USAGE;
	ok = desk_open(&u.d, c, &u.e) && desk_incident(&u.d, NULL, &u.e);
	if (ok && u.snooze != NULL)
		return update_end(&u, snooze(&u), false);
	ok = ok && make_words(&u);
	if (ok && !c->json) {
		cli_block(u.words.p, u.words.n);
		cli_out("%s", "");
		(void)fflush(stdout);
	}
	if (ok && u.draft)
		return update_end(&u, true, false);
	ok = ok && confirmed(&u) && send(&u);
	return update_end(&u, ok, ok);
}

/* ---- data at risk, downtime ------------------------------------------------------- */

static size_t
who_will_be_told(const struct desk *d, enum site_trigger trigger, bool say)
{
	const struct site *site = &d->site;
	size_t n = 0;

	for (size_t i = 0; d->have_site && i < site_contacts(site); i++) {
		const struct site_contact *c = site_contact_at(site, i);
		bool hook = c->tell.v != NULL || c->url != NULL ||
		    c->url_file != NULL || c->second.v != NULL;

		if ((c->triggers & 1u << trigger) == 0)
			continue;
		if (!tell_concerns(site, c, trigger)) {
			if (say)
				cli_out("  not %s: no regulation is named for "
				    "this site", c->who);
			continue;
		}
		n++;
		if (say)
			cli_out("  %s%s%s, %s%s%s%s", c->who, c->role != NULL ?
			    ", " : "", c->role != NULL ? c->role : "", hook ?
			    "by a hook" : "by hand", c->phone != NULL ? ", " :
			    "", c->phone != NULL ? c->phone : "",
			    c->only_regulated ? " (the site is regulated)" :
			    "");
	}
	return n;
}

static bool
may_declare(struct desk *d, const char *what, bool risk, bool sure,
    struct err *e)
{
	enum site_trigger trigger = risk ? SITE_TRIGGER_DATA_RISK :
	    SITE_TRIGGER_DOWNTIME;
	char *question;
	bool yes;

	if (d->inc.state != INC_OPEN)
		return err_set(e, ERR_GUARD, "the incident '%s' is %s",
		    d->inc.id, inc_state_name(d->inc.state));
	if (risk ? d->inc.data_risk : d->inc.downtime) {
		err_set(e, ERR_GUARD, "%s was declared already", what);
		return err_hint(e, "'midwatch incident tell %s --again' tells "
		    "the same people once more.", what);
	}
	if (!d->cli->json)
		cli_out("Declaring %s will tell%s", what,
		    who_will_be_told(d, trigger, false) > 0 ? ":" :
		    " nobody: the site file names no contact for it.");
	(void)who_will_be_told(d, trigger, !d->cli->json);
	(void)fflush(stdout);
	if (sure)
		return true;
	question = xprintf("type %s to declare it: ", what);
	yes = interactive(d->cli) && answer_is(question, what);
	free(question);
	if (yes)
		return true;
	err_set(e, ERR_GUARD, "%s was not declared", what);
	return err_hint(e, "Add --confirm once you are sure.");
}

int
incident_declare(struct cli *c, int argc, char **argv)
{
	bool sure = false, plan = false, ok, risk;
	const struct opt opts[] = { { "--confirm", &sure, NULL, NULL },
		{ "--plan", &plan, NULL, NULL } };
	struct buf text = BUF_INIT, data = BUF_INIT, b = BUF_INIT;
	struct told told = { 0 };
	struct err e = ERR_INIT;
	const char *what;
	struct desk d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 2) || !cli_words(c, 1, 100000,
	    "midwatch incident declare data-risk|downtime [WHY] [--plan] "
	    "[--confirm]"))
		return EXIT_USAGE;
	what = c->words.v[0];
	risk = strcmp(what, "data-risk") == 0;
	if (!risk && strcmp(what, "downtime") != 0)
		return cli_usage("'%s' cannot be declared; data-risk or "
		    "downtime", what);
	ok = desk_open(&d, c, &e) && desk_incident(&d, NULL, &e) &&
	    may_declare(&d, what, risk, sure || plan, &e);
	if (ok && plan) {
		desk_close(&d);
		return EXIT_DONE;
	}
	if (ok) {
		buf_printf(&text, "%s declared by %s", risk ? "data at risk" :
		    "downtime", who_am_i()->by);
		if (c->words.n > 1)
			buf_str(&text, ": ");
		(void)cli_text(c, 1, &text);
		json_open(&data);
		json_put_str(&data, "what", what);
		json_close(&data);
		ok = incident_say(&d.inc, EVENT_DECLARED, NULL, text.p, data.p,
		    &e);
	}
	if (ok && d.have_site) {
		struct tell t = { .trigger = risk ? SITE_TRIGGER_DATA_RISK :
		    SITE_TRIGGER_DOWNTIME, .subject = text.p,
		    .incident = d.inc.id, .text = d.inc.title };

		tell_people(&d.site, &d.state, &t, NULL, clock_mono_ms() +
		    TELLING_MS, &told);
		telling_say(&d, &told);
	}
	status = ok ? EXIT_DONE : cli_fail(c, &e);
	if (ok && c->json) {
		json_open(&b);
		json_put_bool(&b, "ok", true);
		json_put_str(&b, "incident", d.inc.id);
		json_put_str(&b, "declared", what);
		telling_json(&told, &b);
		cli_object(&b);
	} else if (ok)
		cli_out("%s", text.p);
	told_release(&told);
	buf_release(&text);
	buf_release(&data);
	desk_close(&d);
	return status;
}
