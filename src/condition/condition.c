#include "condition/condition.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "condition/intern.h"

enum { WORDS_MAX = 24, TEXT_MAX = 512, NAME_MAX_LEN = 160 };

static const struct cond_row rows[COND_COUNT] = {
#define X(id, pattern, aged, ask, reads, help)				\
	{ COND_##id, pattern, aged, ask, reads, help },
	CONDITIONS(X)
#undef X
};

static const char *const severities[] = { "SEV-0", "SEV-1", "SEV-2", "SEV-3" };

struct words {
	const char *v[WORDS_MAX];
	size_t n;
};

/* What an argument may be; literals and choices are ARG_WORD. */
enum arg {
	ARG_WORD, ARG_DB, ARG_PART, ARG_DISK, ARG_STORE, ARG_SERVICE, ARG_PLACE,
	ARG_STEP, ARG_ROLE, ARG_SEVERITY, ARG_TRIGGER, ARG_PATH, ARG_PERCENT,
	ARG_SIZE, ARG_DURATION,
};

static const struct {
	const char *name, *what;
} args[] = {
	[ARG_WORD] = { "", "word" },
	[ARG_DB] = { "DB", "database" },
	[ARG_PART] = { "PART", "database or component" },
	[ARG_DISK] = { "DISK", "disk" },
	[ARG_STORE] = { "STORE", "store" },
	[ARG_SERVICE] = { "SERVICE", "service" },
	[ARG_PLACE] = { "PLACE", "place" },
	[ARG_STEP] = { "STEP", "step" },
	[ARG_ROLE] = { "ROLE", "role" },
	[ARG_SEVERITY] = { "SEVERITY", "severity" },
	[ARG_TRIGGER] = { "TRIGGER", "trigger" },
	[ARG_PATH] = { "PATH", "path" },
	[ARG_PERCENT] = { "PERCENT", "percentage from 1 to 100" },
	[ARG_SIZE] = { "SIZE", "size such as 600MB" },
	[ARG_DURATION] = { "DURATION", "duration such as 15m" },
};

const char *
truth_name(enum truth t)
{
	return t == TRUTH_YES ? "yes" : t == TRUTH_NO ? "no" : "unknown";
}

static void
split(struct pool *p, const char *s, struct words *ret)
{
	ret->n = 0;
	while (*(s += strspn(s, " ")) != '\0') {
		size_t n = strcspn(s, " ");

		if (ret->n < WORDS_MAX)
			ret->v[ret->n++] = pool_strn(p, s, n);
		s += n;
	}
}

static enum arg
arg_of(const char *word)
{
	for (size_t i = 1; i < sizeof args / sizeof *args; i++)
		if (strcmp(args[i].name, word) == 0)
			return (enum arg)i;
	return ARG_WORD;
}

static enum arg
name_arg(const struct cond_row *row)
{
	char copy[80];

	(void)snprintf(copy, sizeof copy, "%s", row->pattern);
	for (char *save = NULL, *w = strtok_r(copy, " ", &save); w != NULL;
	    w = strtok_r(NULL, " ", &save)) {
		enum arg a = arg_of(w);

		if (a >= ARG_DB && a <= ARG_ROLE)
			return a;
	}
	return ARG_WORD;
}

/* {db} and {disk} stand for themselves in a runbook that is not expanded. */
static bool
is_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > NAME_MAX_LEN ||
	    !(isalnum((unsigned char)s[0]) || s[0] == '{'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) &&
		    strchr("_.-{}", s[i]) == NULL)
			return false;
	return true;
}

/* One word of a choice such as sent|verified. */
static bool
in_choice(const char *choice, const char *word)
{
	size_t len = strlen(word);

	while (*choice != '\0') {
		size_t n = strcspn(choice, "|");

		if (n == len && strncmp(choice, word, n) == 0)
			return true;
		choice += n + (choice[n] == '|');
	}
	return false;
}

static bool
take_percent(const char *word, int64_t *ret)
{
	char digits[8];
	size_t n = strlen(word);

	if (n > 0 && word[n - 1] == '%')
		n--;
	if (n == 0 || n >= sizeof digits || !isdigit((unsigned char)word[0]))
		return false;
	memcpy(digits, word, n);
	digits[n] = '\0';
	return text_int(digits, 1, 100, ret);
}

static bool
take_word(const char *want, const char *word, struct cond *c)
{
	enum arg a = arg_of(want);

	switch (a) {
	case ARG_WORD:
		if (!in_choice(want, word))
			return false;
		if (strchr(want, '|') != NULL)
			c->word = word;
		return true;
	case ARG_SEVERITY:
		c->word = word;
		return text_in(word, severities, 4);
	case ARG_TRIGGER:
		c->word = word;
		return text_in(word, site_triggers, SITE_TRIGGER_COUNT);
	case ARG_PATH:
		c->word = word;
		return true;
	case ARG_PERCENT:
		return take_percent(word, &c->number);
	case ARG_SIZE:
		return text_size(word, &c->number);
	case ARG_DURATION:
		return text_duration(word, &c->number) && c->number > 0;
	case ARG_DB:
	case ARG_PART:
	case ARG_DISK:
	case ARG_STORE:
	case ARG_SERVICE:
	case ARG_PLACE:
	case ARG_STEP:
	case ARG_ROLE:
	default:
		c->name = word;
		return is_name(word);
	}
}

/* How far the words follow a row's pattern. */
struct match {
	const struct cond_row *row;
	struct words pattern;
	size_t taken;		/* words of the text */
	size_t at;		/* word of the pattern that did not fit */
	bool whole;
	struct cond got;
};

static struct match
match_row(struct pool *p, const struct cond_row *row, const struct words *w)
{
	struct match m = { .row = row, .got = { .row = row } };

	split(p, row->pattern, &m.pattern);
	for (m.at = 0; m.at < m.pattern.n; m.at++) {
		const char *want = m.pattern.v[m.at], *word;
		size_t many = 1;

		if (m.taken >= w->n)
			return m;
		word = w->v[m.taken];
		if (arg_of(want) == ARG_PATH && w->n > m.pattern.n) {
			/* a path may hold spaces */
			many = w->n - m.pattern.n + 1;
			for (size_t i = 1; i < many; i++)
				word = pool_printf(p, "%s %s", word,
				    w->v[m.taken + i]);
		}
		if (!take_word(want, word, &m.got))
			return m;
		m.taken += many;
	}
	m.whole = true;
	return m;
}

/* "sent, verified or restorable": what the rows that came so far go on with. */
static void
list_wants(struct buf *out, const struct match *m, size_t n, size_t taken)
{
	for (size_t i = 0, said = 0; i < n; i++) {
		const char *want = m[i].pattern.v[m[i].at];

		if (m[i].taken != taken || m[i].whole)
			continue;
		buf_str(out, said++ ? " or " : "");
		if (arg_of(want) != ARG_WORD)
			buf_printf(out, "a %s", args[arg_of(want)].what);
		else
			for (; *want != '\0'; want++)
				if (*want == '|')
					buf_str(out, " or ");
				else
					buf_ch(out, *want);
	}
}

static bool
no_such_word(const struct match *m, size_t n, size_t taken, const char *word,
    struct err *e)
{
	VEC(const char *) known = { 0 };
	struct pool p = { 0 };
	struct buf list = BUF_INIT;
	const char *near;

	for (size_t i = 0; i < n; i++) {
		char *want, *save = NULL;

		if (m[i].taken != taken || m[i].whole)
			continue;
		want = pool_str(&p, m[i].pattern.v[m[i].at]);
		for (char *w = strtok_r(want, "|", &save); w != NULL;
		    w = strtok_r(NULL, "|", &save))
			VEC_PUSH(&known, w);
	}
	near = known.n ? text_nearest(word, known.v, known.n) : NULL;
	list_wants(&list, m, n, taken);
	if (near != NULL)
		err_set(e, ERR_USAGE, "unknown word '%s', did you mean '%s'?",
		    word, near);
	else
		err_set(e, ERR_USAGE, "unknown word '%s', expected %s", word,
		    list.p);
	VEC_RELEASE(&known);
	buf_release(&list);
	pool_release(&p);
	return false;
}

static bool
no_such_condition(const char *text, const char *first, struct err *e)
{
	const char *known[COND_COUNT];
	struct pool p = { 0 };
	const char *near;

	for (size_t i = 0; i < COND_COUNT; i++)
		known[i] = pool_strn(&p, rows[i].pattern,
		    strcspn(rows[i].pattern, " "));
	near = text_nearest(first, known, COND_COUNT);
	if (near != NULL)
		err_set(e, ERR_USAGE, "unknown condition '%s', did you mean "
		    "'%s'?", text, near);
	else
		err_set(e, ERR_USAGE, "unknown condition '%s'", text);
	pool_release(&p);
	return false;
}

/* The sentence for the first word that no row could take. */
static bool
explain(const struct match *m, size_t n, const struct words *w,
    const char *text, struct err *e)
{
	size_t far = 0, last = 0;
	struct buf list = BUF_INIT;
	enum arg a;

	for (size_t i = 0; i < n; i++)
		if (m[i].taken > far || (m[i].taken == far && far == 0)) {
			far = m[i].taken;
			last = i;
		}
	if (far == 0)
		return no_such_condition(text, w->v[0], e);
	a = arg_of(m[last].pattern.v[m[last].at]);
	if (far == w->n) {
		list_wants(&list, m, n, far);
		err_set(e, ERR_USAGE, "'%s' is not complete: %s comes next",
		    text, list.p);
	} else if (a == ARG_WORD)
		no_such_word(m, n, far, w->v[far], e);
	else if (a == ARG_SEVERITY || a == ARG_TRIGGER) {
		const char *near = a == ARG_SEVERITY ?
		    text_nearest(w->v[far], severities, 4) :
		    text_nearest(w->v[far], site_triggers, SITE_TRIGGER_COUNT);

		err_set(e, ERR_USAGE, "unknown %s '%s'%s%s%s", args[a].what,
		    w->v[far], near ? ", did you mean '" : "",
		    near ? near : "", near ? "'?" : "");
	} else
		err_set(e, ERR_USAGE, "'%s' is not a %s", w->v[far],
		    a >= ARG_DB && a <= ARG_ROLE ? "name" : args[a].what);
	buf_release(&list);
	return false;
}

/* `since-open` and `within DURATION` after the pattern. */
static bool
take_ages(const struct words *w, size_t at, struct cond *c, struct err *e)
{
	static const char *const ages[] = { "since-open", "within" };
	const char *row = c->row->pattern;

	for (; at < w->n; at++) {
		const char *word = w->v[at];

		if (!text_in(word, ages, 2)) {
			const char *near = text_nearest(word, ages, 2);

			return near != NULL ? err_set(e, ERR_USAGE,
			    "unknown word '%s', did you mean '%s'?", word,
			    near) : err_set(e, ERR_USAGE,
			    "'%s' is too much after '%s'", word, row);
		}
		if (!c->row->aged)
			return err_set(e, ERR_USAGE,
			    "'%s' takes no '%s'", row, word);
		if (strcmp(word, "since-open") == 0) {
			if (c->since_open)
				return err_set(e, ERR_USAGE,
				    "'since-open' stands twice");
			c->since_open = true;
			continue;
		}
		if (c->within_ms != 0)
			return err_set(e, ERR_USAGE, "'within' stands twice");
		if (++at >= w->n || !text_duration(w->v[at], &c->within_ms) ||
		    c->within_ms <= 0)
			return err_set(e, ERR_USAGE,
			    "'within' needs a duration such as 24h");
	}
	return true;
}

static bool
find_row(struct pool *p, const struct words *w, struct cond *ret,
    const char *text, struct err *e)
{
	struct match *m = xcalloc(COND_COUNT, sizeof *m);
	bool found = false;

	for (size_t i = 0; i < COND_COUNT && !found; i++) {
		m[i] = match_row(p, &rows[i], w);
		if (m[i].whole) {
			*ret = m[i].got;
			found = take_ages(w, m[i].taken, ret, e);
			if (!found)
				goto out;
		}
	}
	if (!found)
		explain(m, COND_COUNT, w, text, e);
out:
	free(m);
	return found;
}

bool
cond_parse(struct pool *p, const char *text, struct cond *ret, struct err *e)
{
	struct words w;
	bool negated = false;

	*ret = (struct cond){ 0 };
	if (strlen(text) > TEXT_MAX)
		return err_set(e, ERR_USAGE, "the condition is too long");
	for (const char *s = text; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			return err_set(e, ERR_USAGE,
			    "the condition holds control characters");
	text = pool_str(p, text);
	split(p, text, &w);
	if (w.n > 0 && strcmp(w.v[0], "not") == 0) {
		negated = true;
		memmove(w.v, w.v + 1, --w.n * sizeof *w.v);
	}
	if (w.n == 0)
		return err_set(e, ERR_USAGE, negated ?
		    "'not' needs a condition" : "the condition is empty");
	if (!find_row(p, &w, ret, text, e)) {
		*ret = (struct cond){ 0 };
		return false;
	}
	ret->text = text;
	ret->negated = negated;
	if (ret->row->id == COND_UPDATE)
		ret->within_ms = ret->number;
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
cond_same(const struct cond *a, const struct cond *b)
{
	return a->row == b->row && same_text(a->name, b->name) &&
	    same_text(a->word, b->word) && a->number == b->number &&
	    a->since_open == b->since_open && a->within_ms == b->within_ms;
}

const char *
cond_step(const struct cond *c)
{
	return c->row != NULL && c->row->id == COND_STEP ? c->name : NULL;
}

/* "save-otc" is one of "save-{db}" while that is not expanded. */
static bool
step_fits(const char *id, const char *name)
{
	const char *hole = strchr(id, '{');
	const char *rest = hole ? strchr(hole, '}') : NULL;
	size_t n = strlen(name), head, tail;

	if (rest == NULL)
		return strcmp(id, name) == 0;
	head = (size_t)(hole - id);
	tail = strlen(++rest);
	return n > head + tail && strncmp(id, name, head) == 0 &&
	    strcmp(name + n - tail, rest) == 0;
}

struct known {
	VEC(const char *) v;
};

static void
known_names(struct known *k, const struct site *s, enum arg a)
{
#define ADD(many, one)							\
	for (size_t i = 0; i < site_##many(s); i++)			\
		VEC_PUSH(&k->v, site_##one##_at(s, i)->name)

	if (a == ARG_DB || a == ARG_PART)
		ADD(dbs, db);
	if (a == ARG_PART)
		ADD(components, component);
	if (a == ARG_DISK)
		ADD(disks, disk);
	if (a == ARG_STORE)
		ADD(stores, store);
	if (a == ARG_SERVICE)
		ADD(services, service);
	if (a == ARG_PLACE)
		ADD(places, place);
#undef ADD
}

static bool
unknown_name(enum arg a, const char *name, const char *const *known, size_t n,
    struct err *e)
{
	const char *near = text_nearest(name, known, n);

	if (near != NULL)
		return err_set(e, ERR_USAGE,
		    "unknown %s '%s', did you mean '%s'?", args[a].what, name,
		    near);
	return err_set(e, ERR_USAGE, "unknown %s '%s'", args[a].what, name);
}

static bool
check_step(const char *name, const char *const *ids, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (step_fits(ids[i], name))
			return true;
	return unknown_name(ARG_STEP, name, ids, n, e);
}

bool
cond_check(const struct cond *c, const struct site *site,
    const char *const *step_ids, size_t n, struct err *e)
{
	enum arg a = c->row == NULL ? ARG_WORD : name_arg(c->row);
	struct known k = { 0 };
	bool ok;

	if (a == ARG_STEP)
		return step_ids == NULL ||
		    check_step(c->name, step_ids, n, e);
	if (a == ARG_WORD || a == ARG_ROLE || site == NULL ||
	    strchr(c->name, '{') != NULL)
		return true;
	if ((a == ARG_DB || a == ARG_PART) && site_db(site, c->name) != NULL)
		return true;	/* also by one of its other names */
	known_names(&k, site, a);
	ok = text_in(c->name, k.v.v, k.v.n) ||
	    unknown_name(a, c->name, k.v.v, k.v.n, e);
	VEC_RELEASE(&k.v);
	return ok;
}

enum truth
cond_ask(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	enum truth t;

	if (c->row == NULL) {
		buf_str(why, "there is no such question");
		return TRUTH_UNKNOWN;
	}
	if (c->since_open && (w->inc == NULL || w->inc->opened == 0)) {
		buf_str(why, "no incident is open, so nothing is since then");
		return TRUTH_UNKNOWN;
	}
	t = c->row->ask(c, w, why);
	if (c->negated && t != TRUTH_UNKNOWN)
		t = t == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
	return t;
}

bool
cond_by_person(const struct cond *c)
{
	enum cond_id id = c->row->id;

	return !c->negated && (id == COND_TOLD || id == COND_DECLARED ||
	    id == COND_RCA || id == COND_FOLLOWUPS);
}

bool
cond_named(const struct cond *c, const struct site *site)
{
	return c->row->id != COND_SERVICES || (site != NULL &&
	    site_services(site) > 0);
}

void
cond_help(struct buf *out)
{
	buf_str(out, "Each is answered yes, no or unknown; unknown passes no "
	    "gate. 'not' before it\nturns yes and no around. Those marked * "
	    "may end with 'since-open' (not older than\nthe incident) or "
	    "'within DURATION'.\n\n");
	for (size_t i = 0; i < COND_COUNT; i++)
		buf_printf(out, "  %s%s\n        %s\n", rows[i].pattern,
		    rows[i].aged ? " *" : "", rows[i].help);
}
