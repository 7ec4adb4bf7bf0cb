/*
 * `midwatch status`: what is true right now, worst first.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "action/notify.h"
#include "base/clock.h"
#include "base/text.h"
#include "verb/secrets.h"
#include "verb/telling.h"
#include "verb/verbs.h"
#include "watch/watch.h"

enum { TIMEOUT_MS = 5000, FRESH_MS = 15000, NAME_WIDTH = 22 };

static const int exits[] = { [LEVEL_OK] = 0, [LEVEL_WARNING] = 1,
	[LEVEL_CRITICAL] = 2, [LEVEL_UNKNOWN] = 3 };

struct picture {
	struct readings all;
	size_t count[4];
	enum level worst;
	int64_t at;
};

static bool
wants_passphrase(const struct picture *p)
{
	for (size_t i = 0; i < p->all.v.n; i++)
		if (json_get_bool(p->all.v.v[i].data, "key_locked"))
			return true;
	return false;
}

/* A feed may have been told the passphrases already: then nobody is asked. */
static void
look(struct desk *d, int64_t timeout_ms, struct picture *p)
{
	bool served = watch_serves(&d->state);

	if (!served)
		timeout_ms -= secrets_ask(d->cli, &d->site, timeout_ms / 3);
	watch_some(&d->site, &d->state, NULL, 0, FRESH_MS,
	    clock_mono_ms() + timeout_ms, &p->all);
	if (served && wants_passphrase(p)) {
		(void)secrets_ask(d->cli, &d->site, timeout_ms / 3);
		if (secret_count() > 0)
			watch_round(&d->site, &d->state, NULL, 0,
			    clock_mono_ms() + timeout_ms, &p->all);
	}
	p->at = clock_wall_ms();
	for (size_t i = 0; i < p->all.v.n; i++) {
		enum level l = p->all.v.v[i].level;

		p->count[l]++;
		p->worst = level_worse(p->worst, l);
	}
}

/* ---- for people --------------------------------------------------------------------- */

static int
columns(void)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 40)
		return 0;
	return w.ws_col;
}

/* A line, on a terminal broken between words; what follows is indented. */
static void
say_wrapped(const char *line)
{
	int width = columns();
	const char *indent = "";
	struct buf out = BUF_INIT;

	while (width > 0 && text_width(line) + strlen(indent) > (size_t)width) {
		size_t room = (size_t)width - strlen(indent), n, cut;

		for (n = 0, cut = 0; n < room && line[n] != '\0'; n++)
			if (line[n] == ' ' && n > 0 && line[n - 1] != ' ')
				cut = n;
		if (cut == 0)
			break;
		buf_clear(&out);
		buf_add(&out, line, cut);
		cli_out("%s%s", indent, out.p);
		line += cut + strspn(line + cut, " ");
		indent = "            ";
	}
	cli_out("%s%s", indent, line);
	buf_release(&out);
}

static const char *const level_words[] = { "ok", "WARNING", "CRITICAL",
	"UNKNOWN" };

static void
say_one(const struct reading *r, int64_t now)
{
	char name[80], age[32];
	struct buf line = BUF_INIT;

	(void)snprintf(name, sizeof name, "%s %s", r->kind, r->name);
	buf_printf(&line, "%-8s  %-*s  ", level_words[r->level], NAME_WIDTH,
	    name);
	if (r->error != NULL)
		buf_str(&line, r->error);
	if (r->error != NULL && r->text != NULL && r->since != 0) {
		text_fmt_duration(age, now - r->since);
		buf_printf(&line, "; %s ago: ", age);
	}
	if (r->text != NULL && (r->error == NULL || r->since != 0))
		buf_str(&line, r->text);
	say_wrapped(line.p);
	if (r->level != LEVEL_OK && r->next != NULL) {
		buf_clear(&line);
		buf_printf(&line, "          %s", r->next);
		say_wrapped(line.p);
	}
	buf_release(&line);
}

/* The place that is down, when that is why there is no answer. */
static const struct reading *
because_of(const struct picture *p, const struct reading *r)
{
	for (size_t i = 0; i < p->all.v.n && r->error != NULL; i++) {
		const struct reading *place = &p->all.v.v[i];
		size_t n = strlen(place->name);

		if (place != r && strcmp(place->kind, "place") == 0 &&
		    place->level != LEVEL_OK &&
		    strncmp(r->error, place->name, n) == 0 &&
		    strncmp(r->error + n, ": ", 2) == 0)
			return place;
	}
	return NULL;
}

/* What one place that is down makes unknown is one line. */
static void
say_with(const struct picture *p, const struct reading *place)
{
	struct buf line = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < p->all.v.n; i++) {
		const struct reading *r = &p->all.v.v[i];

		if (because_of(p, r) == place)
			buf_printf(&line, "%s%s %s", n++ > 0 ? ", " :
			    "          with it, unknown: ", r->kind, r->name);
	}
	if (n > 0)
		say_wrapped(line.p);
	buf_release(&line);
}

static void
say_page(struct desk *d, const struct picture *p)
{
	static const char *const words[] = { "all is well", "warning",
	    "CRITICAL", "UNKNOWN" };
	char at[40];

	clock_fmt_site(at, p->at);
	cli_out("%s (%s)  %s  %s", d->site.name, d->site.environment, at,
	    d->have_inc ? d->inc.id : "no incident is open");
	if (d->have_inc)
		telling_head(d);
	cli_out("%s: %zu critical, %zu unknown, %zu %s, %zu ok", words[p->worst],
	    p->count[LEVEL_CRITICAL], p->count[LEVEL_UNKNOWN],
	    p->count[LEVEL_WARNING],
	    p->count[LEVEL_WARNING] == 1 ? "warning" : "warnings",
	    p->count[LEVEL_OK]);
	if (p->all.v.n == 0)
		cli_out("The site file names nothing that could be looked at.");
	for (size_t i = 0; i < p->all.v.n; i++) {
		const struct reading *r = &p->all.v.v[i];

		if (because_of(p, r) != NULL)
			continue;
		say_one(r, p->at);
		if (strcmp(r->kind, "place") == 0)
			say_with(p, r);
	}
}

/* ---- for programs ---------------------------------------------------------------------- */

static void
say_json(struct desk *d, const struct picture *p)
{
	struct buf b = BUF_INIT;
	char at[32];

	clock_fmt_utc(at, p->at);
	json_open(&b);
	json_put_bool(&b, "ok", p->worst == LEVEL_OK);
	json_put_str(&b, "site", d->site.name);
	json_put_str(&b, "environment", d->site.environment);
	json_put_str(&b, "at", at);
	json_put_str(&b, "level", level_name(p->worst));
	json_put_int(&b, "exit", exits[p->worst]);
	if (d->have_inc) {
		json_put_str(&b, "incident", d->inc.id);
		telling_head_json(d, &b);
	}
	json_key(&b, "readings");
	json_open_list(&b);
	for (size_t i = 0; i < p->all.v.n; i++) {
		json_comma(&b);
		reading_write(&p->all.v.v[i], &b);
		buf_cut(&b, b.n - 1);
	}
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	cli_raw(b.p, b.n);
	buf_release(&b);
}

/* A label's value, as the text format of Prometheus wants it. */
static void
put_label(struct buf *b, const char *key, const char *s)
{
	buf_printf(b, "%s=\"", key);
	for (; *s != '\0'; s++)
		if (*s == '\\' || *s == '"')
			buf_printf(b, "\\%c", *s);
		else if (*s == '\n')
			buf_str(b, "\\n");
		else
			buf_ch(b, *s);
	buf_ch(b, '"');
}

/* One metric, of all readings that have it. */
static void
put_metric(struct buf *b, const struct picture *p, const char *name,
    const char *help, bool (*value)(const struct reading *, int64_t now,
    double *ret))
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
	for (size_t i = 0; i < p->all.v.n; i++) {
		const struct reading *r = &p->all.v.v[i];
		double v;

		if (!value(r, p->at, &v))
			continue;
		buf_printf(b, "%s{", name);
		put_label(b, "kind", r->kind);
		put_label(b, ",name", r->name);
		buf_printf(b, "} %.15g\n", v);
	}
}

static bool
value_level(const struct reading *r, int64_t now, double *ret)
{
	(void)now;
	*ret = exits[r->level];
	return true;
}

static bool
value_age(const struct reading *r, int64_t now, double *ret)
{
	int64_t at = r->error == NULL ? r->at : r->since;

	*ret = (double)(now - at) / 1000.0;
	return at != 0;
}

static bool
value_took(const struct reading *r, int64_t now, double *ret)
{
	(void)now;
	*ret = (double)r->took_ms / 1000.0;
	return true;
}

static bool
is_metric(const struct reading *r, const json_t *v)
{
	return r->error == NULL && (json_is_number(v) || json_is_boolean(v));
}

/* One metric's lines stand together, so each is written at its first reading. */
static bool
written_before(const struct picture *p, size_t i, const char *key)
{
	const char *kind = p->all.v.v[i].kind;

	while (i-- > 0) {
		const struct reading *r = &p->all.v.v[i];

		if (strcmp(r->kind, kind) == 0 &&
		    is_metric(r, json_object_get(r->data, key)))
			return true;
	}
	return false;
}

static void
put_fact(struct buf *b, const struct picture *p, const char *kind,
    const char *key)
{
	buf_printf(b, "# TYPE midwatch_%s_%s gauge\n", kind, key);
	for (size_t i = 0; i < p->all.v.n; i++) {
		const struct reading *r = &p->all.v.v[i];
		const json_t *v = json_object_get(r->data, key);

		if (strcmp(r->kind, kind) != 0 || !is_metric(r, v))
			continue;
		buf_printf(b, "midwatch_%s_%s{", kind, key);
		put_label(b, "name", r->name);
		buf_printf(b, "} %.15g\n", json_is_boolean(v) ?
		    (double)json_is_true(v) : json_number_value(v));
	}
}

/* Every number and yes-or-no among the facts. */
static void
put_facts(struct buf *b, const struct picture *p)
{
	for (size_t i = 0; i < p->all.v.n; i++) {
		const struct reading *r = &p->all.v.v[i];
		const char *key;
		json_t *v;

		json_object_foreach(r->data, key, v)
			if (is_metric(r, v) && !written_before(p, i, key))
				put_fact(b, p, r->kind, key);
	}
}

static void
say_prometheus(const struct desk *d, const struct picture *p)
{
	struct buf b = BUF_INIT;

	put_metric(&b, p, "midwatch_level",
	    "0 ok, 1 warning, 2 critical, 3 unknown", value_level);
	put_metric(&b, p, "midwatch_age_seconds",
	    "Since the last answer.", value_age);
	put_metric(&b, p, "midwatch_took_seconds",
	    "How long the answer took.", value_took);
	put_facts(&b, p);
	buf_str(&b, "# HELP midwatch_status_level The worst of all.\n"
	    "# TYPE midwatch_status_level gauge\nmidwatch_status_level{");
	put_label(&b, "site", d->site.name);
	buf_printf(&b, "} %d\n# HELP midwatch_status_timestamp_seconds When "
	    "this was read.\n# TYPE midwatch_status_timestamp_seconds gauge\n"
	    "midwatch_status_timestamp_seconds %" PRId64 "\n",
	    exits[p->worst], p->at / 1000);
	cli_raw(b.p, b.n);
	buf_release(&b);
}

/* ---- who is told -------------------------------------------------------------------------- */

enum { TELL_MS = 60000, QUEUE_MS = 20000 };

/* The open incident, for who is to be told of it; without one, or where it
 * cannot be read, the page is as good. */
static void
look_incident(struct desk *d)
{
	char id[STATE_ID_MAX] = "";
	struct err e = ERR_INIT;

	if (incident_current(&d->state, false, id, &e) && id[0] != '\0' &&
	    !desk_incident(d, id, &e))
		cli_note("%s", e.msg);
}

/* Telling fails loudly; the answer itself stays what it is. */
static void
notify_people(struct desk *d, const struct picture *p)
{
	struct err e = ERR_INIT;
	struct notify n;

	if (!notify_run(&n, &d->site, &d->state, &p->all, d->have_inc ?
	    d->inc.id : NULL, clock_mono_ms() + TELL_MS, &e))
		cli_note("--notify: %s", e.msg);
	for (size_t i = 0; i < n.told.v.n; i++) {
		struct buf line = BUF_INIT;

		told_line(&n.told.v.v[i], &line);
		cli_note("%s", line.p);
		buf_release(&line);
	}
	notify_release(&n);
	if (e.kind == ERR_BUSY)
		return;	/* the other run does this as well */
	tell_queued(&d->site, &d->state, clock_mono_ms() + QUEUE_MS);
	telling_due(d);
}

/* ---- whatever hangs --------------------------------------------------------- */

/* Opens all that this process will open, in one that can be left behind: a mount
 * that no longer answers lets go of nobody. */
static bool
answers(struct cli *c, int64_t timeout_ms, struct err *e)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	struct err quiet = ERR_INIT;
	struct desk d;
	pid_t pid = fork(), got = 0;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0 &&
		    desk_open(&d, c, &quiet))
			_exit(0);
		_exit(1);
	}
	for (int nap = 1; pid > 0 && got == 0; nap = nap < 50 ? nap + 1 : nap) {
		got = waitpid(pid, NULL, WNOHANG);
		if (got != 0 || clock_mono_ms() >= until)
			break;
		clock_sleep_ms(nap);
	}
	if (pid < 0 || got != 0)
		return true;		/* why it failed is said by the next one */
	(void)kill(pid, SIGKILL);
	err_set(e, ERR_TIMEOUT, "the site file or the state directory does not "
	    "answer, so nothing can be looked at");
	return err_hint(e, "See whether their disk is a mount whose other end is "
	    "gone; --state with a folder elsewhere looks without the record.");
}

int
verb_status(struct cli *c, int argc, char **argv)
{
	const char *timeout = NULL;
	bool prometheus = false, notify = false;
	const struct opt opts[] = {
		{ "--timeout", NULL, &timeout, NULL },
		{ "--prometheus", &prometheus, NULL, NULL },
		{ "--notify", &notify, NULL, NULL },
	};
	int64_t timeout_ms = TIMEOUT_MS;
	struct picture p = { .worst = LEVEL_OK };
	struct err e = ERR_INIT;
	struct desk d = { .inc = { .j = { .fd = -1 } } };
	int status;

	if (!cli_parse(c, argc, argv, opts, 3) || !cli_words(c, 0, 0,
	    "midwatch status [--timeout 5s] [--prometheus] [--notify]"))
		return EXIT_USAGE;
	if (timeout != NULL && (!text_duration(timeout, &timeout_ms) ||
	    timeout_ms < 500))
		return cli_usage("--timeout: '%s' is no duration of half a "
		    "second or more, such as 5s", timeout);
	if (c->json && prometheus)
		return cli_usage("--json and --prometheus are two answers; ask "
		    "for one of them");
	if (!answers(c, timeout_ms, &e) || !desk_open(&d, c, &e)) {
		status = cli_fail(c, &e);
		/* 1 would be a warning about what was looked at */
		if (status != EXIT_USAGE)
			status = exits[LEVEL_UNKNOWN];
	}
	else if (!d.have_site)
		status = cli_usage("there is no site file to look by; "
		    "'midwatch init' writes one");
	else {
		look(&d, timeout_ms, &p);
		look_incident(&d);
		if (c->json)
			say_json(&d, &p);
		else if (prometheus)
			say_prometheus(&d, &p);
		else
			say_page(&d, &p);
		status = exits[p.worst];
		/* hooks take their time, the answer does not */
		(void)fflush(stdout);
		if (notify)
			notify_people(&d, &p);
	}
	readings_release(&p.all);
	desk_close(&d);
	return status;
}
