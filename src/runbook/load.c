#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runbook/intern.h"

enum { STEPS_MAX = 400, PROOF_MS = 30000 };

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define AT(type, member) offsetof(struct type, member)

const char *const rb_kinds[] = { "action", "check", "manual", "command", NULL };
const char *const rb_levels[] = { "SEV-0", "SEV-1", "SEV-2", "SEV-3", NULL };

/* ---- the file's shape ----------------------------------------------------- */

static const struct conf_row step_rows[] = {
	{ .key = "id", .type = CONF_STR, .off = AT(raw_step, id),
	    .required = true, .help = "its name; with each it holds {db}" },
	{ .key = "kind", .type = CONF_STR, .off = AT(raw_step, kind),
	    .required = true, .help = "action, check, manual or command" },
	{ .key = "phase", .type = CONF_STR, .off = AT(raw_step, phase),
	    .help = "heading that it stands under" },
	{ .key = "title", .type = CONF_STR, .off = AT(raw_step, title),
	    .help = "what to do, at most 60 characters; else the id" },
	{ .key = "say", .type = CONF_STR, .off = AT(raw_step, say),
	    .help = "guidance for a tired person" },
	{ .key = "why", .type = CONF_STR, .off = AT(raw_step, why),
	    .help = "why the step exists" },
	{ .key = "do", .type = CONF_STRS, .off = AT(raw_step, todo),
	    .help = "things to do, one after the other" },
	{ .key = "expect", .type = CONF_STR, .off = AT(raw_step, expect),
	    .help = "what it looks like when it worked" },
	{ .key = "stop", .type = CONF_STR, .off = AT(raw_step, stop),
	    .help = "may one stop here?" },
	{ .key = "role", .type = CONF_STR, .off = AT(raw_step, role),
	    .help = "role of whoever does it" },
	{ .key = "each", .type = CONF_STR, .off = AT(raw_step, each),
	    .help = "database, legacy or disk: once for each of them" },
	{ .key = "action", .type = CONF_STR, .off = AT(raw_step, action),
	    .help = "the button" },
	{ .key = "args", .type = CONF_ARGS, .off = AT(raw_step, args),
	    .help = "what the button is told" },
	{ .key = "command", .type = CONF_CMD, .off = AT(raw_step, command),
	    .help = "a string for the shell, or an argv" },
	{ .key = "at", .type = CONF_STR, .off = AT(raw_step, at),
	    .help = "the place where the command runs" },
	{ .key = "needs", .type = CONF_STRS, .off = AT(raw_step, needs),
	    .help = "conditions without which it does not begin" },
	{ .key = "wants", .type = CONF_STRS, .off = AT(raw_step, wants),
	    .help = "conditions that should hold; one key goes on" },
	{ .key = "proves", .type = CONF_STRS, .off = AT(raw_step, proves),
	    .help = "conditions that make it green" },
	{ .key = "when", .type = CONF_STRS, .off = AT(raw_step, when),
	    .help = "a condition; no: the step does not apply" },
	{ .key = "on_fail", .type = CONF_STRS, .off = AT(raw_step, on_fail),
	    .help = "tell, severity, note or next" },
	{ .key = "commands", .type = CONF_STRS, .off = AT(raw_step, commands),
	    .help = "what a person with nothing but a shell types" },
	{ .key = "exit_proves", .type = CONF_BOOL,
	    .off = AT(raw_step, exit_proves),
	    .help = "the command's exit status 0 is the proof" },
	{ .key = "optional", .type = CONF_BOOL, .off = AT(raw_step, optional),
	    .help = "it may be left out" },
	{ .key = "parallel", .type = CONF_BOOL, .off = AT(raw_step, parallel),
	    .help = "the next step need not wait for it" },
	{ .key = "confirm", .type = CONF_STR, .off = AT(raw_step, confirm),
	    .help = "what has to be typed before it begins" },
	{ .key = "retries", .type = CONF_INT, .off = AT(raw_step, retries),
	    .min = 0, .max = 20, .otherwise = "0",
	    .help = "how often it is tried again" },
	{ .key = "retry_after", .type = CONF_MS, .otherwise = "30s",
	    .off = AT(raw_step, retry_after_ms), .help = "and after how long" },
	{ .key = "timeout", .type = CONF_MS, .otherwise = "12h",
	    .off = AT(raw_step, timeout_ms), .help = "when it is stopped" },
	{ .key = "proof_within", .type = CONF_MS,
	    .off = AT(raw_step, proof_within_ms),
	    .help = "how long its proof may take to show; without it 30s, "
	    "and a check looks once" },
	{ .key = "output_limit", .type = CONF_SIZE, .otherwise = "4MB",
	    .off = AT(raw_step, output_limit),
	    .help = "how much of its output is kept" },
};
static const struct conf_schema step_schema = { step_rows, COUNT(step_rows),
    sizeof(struct raw_step) };

static const struct conf_row risk_rows[] = {
	{ .key = "name", .type = CONF_STR, .off = AT(raw_risk, name),
	    .required = true, .help = "two or three words" },
	{ .key = "unless", .type = CONF_STRS, .off = AT(raw_risk, unless),
	    .required = true, .help = "it is lit while this is not yes" },
	{ .key = "say", .type = CONF_STR, .off = AT(raw_risk, say),
	    .help = "what puts it out" },
};
static const struct conf_schema risk_schema = { risk_rows, COUNT(risk_rows),
    sizeof(struct raw_risk) };

static const struct conf_row severity_rows[] = {
	{ .key = "level", .type = CONF_STR, .off = AT(raw_severity, level),
	    .required = true, .help = "SEV-0 to SEV-3" },
	{ .key = "when", .type = CONF_STR, .off = AT(raw_severity, when),
	    .help = "a short form of say" },
	{ .key = "say", .type = CONF_STR, .off = AT(raw_severity, say),
	    .required = true, .help = "when it is this" },
	{ .key = "tell", .type = CONF_STRS, .off = AT(raw_severity, tell),
	    .help = "triggers" },
};
static const struct conf_schema severity_schema = { severity_rows,
    COUNT(severity_rows), sizeof(struct raw_severity) };

static const struct conf_row escalation_rows[] = {
	{ .key = "after", .type = CONF_MS, .off = AT(raw_escalation, after_ms),
	    .required = true, .otherwise = "1h", .help = "time since the incident opened" },
	{ .key = "unless", .type = CONF_STRS,
	    .off = AT(raw_escalation, unless), .help = "nothing happens then" },
	{ .key = "tell", .type = CONF_STR, .off = AT(raw_escalation, tell),
	    .required = true, .help = "the trigger" },
	{ .key = "say", .type = CONF_STR, .off = AT(raw_escalation, say),
	    .help = "why" },
};
static const struct conf_schema escalation_schema = { escalation_rows,
    COUNT(escalation_rows), sizeof(struct raw_escalation) };

static const struct conf_row book_rows[] = {
	{ .key = "name", .type = CONF_NAME, .off = AT(raw_book, name),
	    .required = true, .help = "as the file is called" },
	{ .key = "title", .type = CONF_STR, .off = AT(raw_book, title),
	    .required = true, .help = "one line" },
	{ .key = "version", .type = CONF_INT, .off = AT(raw_book, version),
	    .min = 1, .max = 999999, .otherwise = "1", .help = "a number" },
	{ .key = "severity", .type = CONF_STR, .off = AT(raw_book, severity),
	    .required = true, .help = "how grave it is at the beginning" },
	{ .key = "say", .type = CONF_STR, .off = AT(raw_book, say),
	    .help = "what it is for, and the first thing to know" },
	{ .key = "risks", .type = CONF_GROUPS, .off = AT(raw_book, risks),
	    .sub = &risk_schema, .help = "lamps" },
	{ .key = "severities", .type = CONF_GROUPS,
	    .off = AT(raw_book, severities), .sub = &severity_schema,
	    .help = "what each severity means here" },
	{ .key = "escalation", .type = CONF_GROUPS,
	    .off = AT(raw_book, escalation), .sub = &escalation_schema,
	    .help = "who is told when it takes too long" },
	{ .key = "steps", .type = CONF_GROUPS, .off = AT(raw_book, steps),
	    .required = true, .sub = &step_schema, .help = "in their order" },
	{ .key = "resolve", .type = CONF_STRS, .off = AT(raw_book, resolve),
	    .help = "conditions under which it is over" },
	{ .key = "close", .type = CONF_STRS, .off = AT(raw_book, close),
	    .help = "conditions under which it is settled" },
};
static const struct conf_schema book_schema = { book_rows, COUNT(book_rows),
    sizeof(struct raw_book) };

struct raw_file {
	int line;
	struct raw_book book;
};
static const struct conf_row file_rows[] = {
	{ .key = "runbook", .type = CONF_GROUP, .off = AT(raw_file, book),
	    .required = true, .sub = &book_schema, .help = "all of it" },
};
static const struct conf_schema file_schema = { file_rows, COUNT(file_rows),
    sizeof(struct raw_file) };

/* ---- problems ------------------------------------------------------------- */

const char *
step_where(struct loading *l, size_t index, const char *key)
{
	return pool_printf(&l->doc->pool, "runbook.steps[%zu]%s%s", index,
	    *key ? "." : "", key);
}

void
lint_once(struct loading *l, int line, const char *where, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (l->said.n > 0 && text_in(where, l->said.v, l->said.n))
		return;
	VEC_PUSH(&l->said, where);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	conf_problem(l->doc, line, where, "%s", b.p);
	buf_release(&b);
}

bool
read_cond(struct loading *l, const char *text, int line, const char *where,
    const char *own_name, struct cond *ret)
{
	struct err e = ERR_INIT;
	size_t n = l->rb->n;

	if (!cond_parse(&l->doc->pool, text, ret, &e)) {
		lint_once(l, line, where, "%s", e.msg);
		return false;
	}
	/* the name a step is repeated for was given by the caller */
	if (own_name != NULL && ret->name != NULL && cond_step(ret) == NULL &&
	    strcmp(ret->name, own_name) == 0)
		return true;
	if (!cond_check(ret, l->site, n > 0 ? l->ids : NULL, n, &e)) {
		lint_once(l, line, where, "%s", e.msg);
		return false;
	}
	return true;
}

/* ---- repeating ------------------------------------------------------------ */

const char *
each_hole(const char *each)
{
	if (each == NULL)
		return NULL;
	return strcmp(each, "disk") == 0 ? "{disk}" :
	    strcmp(each, "database") == 0 || strcmp(each, "legacy") == 0 ?
	    "{db}" : NULL;
}

/* What is put into the holes of one step; name NULL: they stay. */
struct filling {
	struct pool *pool;
	const char *hole, *name;
};

/* {db} becomes otc, and {db.host} becomes {db:otc.host}. */
static char *
fill(const struct filling *f, const char *s)
{
	struct buf b = BUF_INIT;
	size_t n;
	char *ret;

	if (s == NULL)
		return NULL;
	if (f->name == NULL || f->hole == NULL)
		return pool_str(f->pool, s);
	n = strlen(f->hole) - 1;
	for (; *s != '\0'; s++) {
		if (strncmp(s, f->hole, n) == 0 && s[n] == '}') {
			buf_str(&b, f->name);
			s += n;
		} else if (strncmp(s, f->hole, n) == 0 && s[n] == '.') {
			buf_add(&b, s, n);
			buf_printf(&b, ":%s", f->name);
			s += n - 1;
		} else
			buf_ch(&b, *s);
	}
	ret = pool_strn(f->pool, b.n ? b.p : "", b.n);
	buf_release(&b);
	return ret;
}

static struct conf_strs
fill_all(const struct filling *f, const struct conf_strs *from)
{
	struct conf_strs to = { .line = from->line, .n = from->n };

	to.v = pool_alloc(f->pool, (from->n + 1) * sizeof *to.v);
	for (size_t i = 0; i < from->n; i++)
		to.v[i] = fill(f, from->v[i]);
	return to;
}

static void
fill_step(const struct filling *f, const struct raw_step *raw,
    struct rb_step *s)
{
	s->line = raw->line;
	s->id = fill(f, raw->id ? raw->id : "");
	s->title = raw->title ? fill(f, raw->title) : s->id;
	s->phase = fill(f, raw->phase);
	s->say = fill(f, raw->say);
	s->why = fill(f, raw->why);
	s->expect = fill(f, raw->expect);
	s->stop = fill(f, raw->stop);
	s->role = fill(f, raw->role);
	s->action = fill(f, raw->action);
	s->at = raw->at == NULL || strcmp(raw->at, "here") == 0 ? NULL :
	    fill(f, raw->at);
	s->confirm = fill(f, raw->confirm);
	s->todo = fill_all(f, &raw->todo);
	s->commands = fill_all(f, &raw->commands);
	s->on_fail = fill_all(f, &raw->on_fail);
	s->command = raw->command;
	if (raw->command.n > 0) {
		const struct conf_strs argv = { raw->command.v, NULL,
		    raw->command.n };

		s->command.v = fill_all(f, &argv).v;
	}
	s->args.n = raw->args.n;
	s->args.v = pool_alloc(f->pool, (raw->args.n + 1) * sizeof *s->args.v);
	for (size_t i = 0; i < raw->args.n; i++) {
		s->args.v[i] = raw->args.v[i];
		s->args.v[i].value = fill(f, raw->args.v[i].value);
	}
	s->each_of = fill(f, f->name);
	s->kind = STEP_MANUAL;
	for (int k = 0; raw->kind != NULL && rb_kinds[k] != NULL; k++)
		if (strcmp(rb_kinds[k], raw->kind) == 0)
			s->kind = (enum step_kind)k;
	s->exit_proves = raw->exit_proves;
	s->optional = raw->optional;
	s->parallel = raw->parallel;
	s->retries = raw->retries;
	s->retry_after_ms = raw->retry_after_ms;
	s->timeout_ms = raw->timeout_ms;
	s->proof_within_ms = raw->proof_within_ms != 0 ||
	    s->kind == STEP_CHECK ? raw->proof_within_ms : PROOF_MS;
	s->output_limit = raw->output_limit;
}

/* The names that an `each` word stands for; false: the step stands once. */
static bool
names_of(const struct loading *l, const char *each, const char *const **ret,
    size_t *ret_n)
{
	const struct rb_names *n = &l->names;

	if (each_hole(each) == NULL ||
	    n->n_databases + n->n_legacy + n->n_disks == 0)
		return false;
	if (strcmp(each, "database") == 0) {
		*ret = n->databases;
		*ret_n = n->n_databases;
	} else if (strcmp(each, "legacy") == 0) {
		*ret = n->legacy;
		*ret_n = n->n_legacy;
	} else {
		*ret = n->disks;
		*ret_n = n->n_disks;
	}
	return true;
}

static void
expand(struct loading *l)
{
	const struct raw_step *raw = l->raw.steps.v;
	struct pool *p = &l->doc->pool;
	size_t all = 0, n = 0;
	const char *const *names;

	for (size_t i = 0; i < l->raw.steps.n; i++)
		all += names_of(l, raw[i].each, &names, &n) ? n : 1;
	l->rb->steps = pool_alloc(p, (all + 1) * sizeof *l->rb->steps);
	l->origin = pool_alloc(p, (all + 1) * sizeof *l->origin);
	l->ids = pool_alloc(p, (all + 1) * sizeof *l->ids);
	for (size_t i = 0; i < l->raw.steps.n; i++) {
		struct filling f = { p, each_hole(raw[i].each), NULL };
		bool many = names_of(l, raw[i].each, &names, &n);

		for (size_t k = 0; k < (many ? n : 1); k++) {
			size_t at = l->rb->n++;

			f.name = many ? names[k] : NULL;
			fill_step(&f, &raw[i], &l->rb->steps[at]);
			l->origin[at] = (struct origin){ .raw = &raw[i],
			    .index = i };
			l->ids[at] = l->rb->steps[at].id;
		}
	}
}

/* ---- conditions ----------------------------------------------------------- */

static void
read_conds(struct loading *l, const struct filling *f,
    const struct conf_strs *from, const char *where, struct rb_conds *out,
    int **ret_lines)
{
	struct pool *p = &l->doc->pool;
	int *lines = pool_alloc(p, (from->n + 1) * sizeof *lines);

	out->n = 0;
	out->v = pool_alloc(p, (from->n + 1) * sizeof *out->v);
	for (size_t i = 0; i < from->n; i++) {
		const char *at = pool_printf(p, "%s[%zu]", where, i);

		if (!read_cond(l, fill(f, from->v[i]), from->line[i], at,
		    f->name, &out->v[out->n]))
			continue;
		lines[out->n++] = from->line[i];
	}
	if (ret_lines != NULL)
		*ret_lines = lines;
}

static void
read_step_conds(struct loading *l)
{
	for (size_t i = 0; i < l->rb->n; i++) {
		struct rb_step *s = &l->rb->steps[i];
		struct origin *o = &l->origin[i];
		struct filling f = { &l->doc->pool, each_hole(o->raw->each),
		    s->each_of };

		read_conds(l, &f, &o->raw->needs, step_where(l, o->index,
		    "needs"), &s->needs, &o->needs_line);
		read_conds(l, &f, &o->raw->wants, step_where(l, o->index,
		    "wants"), &s->wants, &o->wants_line);
		read_conds(l, &f, &o->raw->proves, step_where(l, o->index,
		    "proves"), &s->proves, NULL);
		read_conds(l, &f, &o->raw->when, step_where(l, o->index,
		    "when"), &s->when, &o->when_line);
	}
}

static void
read_top(struct loading *l)
{
	const struct filling none = { .pool = &l->doc->pool };
	struct runbook *rb = l->rb;
	const struct raw_risk *risk = l->raw.risks.v;
	const struct raw_severity *sev = l->raw.severities.v;
	const struct raw_escalation *esc = l->raw.escalation.v;
	struct pool *p = &l->doc->pool;

	rb->risks = pool_alloc(p, (l->raw.risks.n + 1) * sizeof *rb->risks);
	for (size_t i = 0; i < l->raw.risks.n; i++) {
		struct rb_risk *r = &rb->risks[rb->n_risks++];

		*r = (struct rb_risk){ .line = risk[i].line,
		    .name = risk[i].name, .say = risk[i].say };
		if (risk[i].unless.n > 0)
			(void)read_cond(l, risk[i].unless.v[0],
			    risk[i].unless.line[0], pool_printf(p,
			    "runbook.risks[%zu].unless", i), NULL, &r->unless);
	}
	rb->severities = pool_alloc(p, (l->raw.severities.n + 1) *
	    sizeof *rb->severities);
	for (size_t i = 0; i < l->raw.severities.n; i++)
		rb->severities[rb->n_severities++] = (struct rb_severity){
		    sev[i].line, sev[i].level, sev[i].when, sev[i].say,
		    sev[i].tell };
	rb->escalations = pool_alloc(p, (l->raw.escalation.n + 1) *
	    sizeof *rb->escalations);
	for (size_t i = 0; i < l->raw.escalation.n; i++) {
		struct rb_escalation *x = &rb->escalations[rb->n_escalations++];

		*x = (struct rb_escalation){ .line = esc[i].line,
		    .after_ms = esc[i].after_ms, .tell = esc[i].tell,
		    .say = esc[i].say };
		if (esc[i].unless.n > 0)
			(void)read_cond(l, esc[i].unless.v[0],
			    esc[i].unless.line[0], pool_printf(p,
			    "runbook.escalation[%zu].unless", i), NULL,
			    &x->unless);
	}
	read_conds(l, &none, &l->raw.resolve, "runbook.resolve", &rb->resolve,
	    &l->resolve_line);
	read_conds(l, &none, &l->raw.close, "runbook.close", &rb->close,
	    &l->close_line);
}

/* ---- all of it ------------------------------------------------------------ */

static void
check_names(struct loading *l)
{
	const struct rb_names *n = &l->names;
	const char *const *lists[] = { n->databases, n->legacy, n->disks };
	size_t counts[] = { n->n_databases, n->n_legacy, n->n_disks };

	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < counts[i]; k++)
			if (!text_is_name(lists[i][k]))
				conf_problem(l->doc, 1, "", "'%s' is not a "
				    "name that steps can be repeated for",
				    lists[i][k]);
}

static bool
finish(struct runbook *rb, bool parsed, const struct raw_file *file,
    const struct rb_names *names, const struct site *site)
{
	struct loading l = { .rb = rb, .doc = &rb->doc, .site = site,
	    .raw = file->book };

	sha_of(rb->doc.bytes.p ? rb->doc.bytes.p : "", rb->doc.bytes.n,
	    rb->sha);
	if (!parsed || file->book.line == 0)
		return false;
	if (names != NULL)
		l.names = *names;
	rb->name = l.raw.name;
	rb->title = l.raw.title;
	rb->severity = l.raw.severity;
	rb->say = l.raw.say;
	rb->version = l.raw.version;
	if (l.raw.steps.n > STEPS_MAX) {
		conf_problem(l.doc, l.raw.line, "runbook.steps",
		    "at most %d steps, please", STEPS_MAX);
		return false;
	}
	check_names(&l);
	expand(&l);
	lint_top(&l);
	lint_raw(&l);
	read_step_conds(&l);
	read_top(&l);
	lint_expanded(&l);
	lint_gates(&l);
	conf_sort(&rb->doc);
	VEC_RELEASE(&l.said);
	return rb->doc.problems.n == 0;
}

bool
runbook_load(struct runbook *rb, const char *path,
    const struct rb_names *names, const struct site *site)
{
	struct raw_file file = { 0 };
	bool parsed;

	*rb = (struct runbook){ 0 };
	parsed = conf_load(&rb->doc, path, &file_schema, &file);
	return finish(rb, parsed, &file, names, site);
}

bool
runbook_parse(struct runbook *rb, const char *path, const void *p, size_t n,
    const struct rb_names *names, const struct site *site)
{
	struct raw_file file = { 0 };
	bool parsed;

	*rb = (struct runbook){ 0 };
	parsed = conf_parse(&rb->doc, path, p, n, &file_schema, &file);
	return finish(rb, parsed, &file, names, site);
}

void
runbook_release(struct runbook *rb)
{
	conf_release(&rb->doc);
	*rb = (struct runbook){ 0 };
}

const struct rb_step *
runbook_step(const struct runbook *rb, const char *id)
{
	for (size_t i = 0; i < rb->n; i++)
		if (strcmp(rb->steps[i].id, id) == 0)
			return &rb->steps[i];
	return NULL;
}

void
runbook_names_of_site(const struct site *site, struct pool *p,
    struct rb_names *ret)
{
	size_t dbs = site ? site_dbs(site) : 0;
	size_t disks = site ? site_disks(site) : 0;
	const char **db = pool_alloc(p, (dbs + 1) * sizeof *db);
	const char **old = pool_alloc(p, (dbs + 1) * sizeof *old);
	const char **disk = pool_alloc(p, (disks + 1) * sizeof *disk);

	*ret = (struct rb_names){ .databases = db, .legacy = old,
	    .disks = disk };
	for (size_t i = 0; i < dbs; i++) {
		const struct site_db *d = site_db_at(site, i);

		db[ret->n_databases++] = d->name;
		if (d->legacy)
			old[ret->n_legacy++] = d->name;
	}
	for (size_t i = 0; i < disks; i++)
		disk[ret->n_disks++] = site_disk_at(site, i)->name;
}
