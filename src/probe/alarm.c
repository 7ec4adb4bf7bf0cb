#include "probe/alarm.h"

#include <ctype.h>
#include <locale.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "site/shipped.h"

static const char *const severities[] = { "SEV-0", "SEV-1", "SEV-2", "SEV-3",
    NULL };

struct expression {
	regex_t re;
	bool there;
};

struct alarms_compiled {
	struct expression any;		/* all rows at once: most lines fit none */
	struct expression begins, success;
	struct expression *row;
};

#define AT(type, member) offsetof(struct type, member)

static const struct conf_row alarm_rows[] = {
	{ .key = "alarm", .type = CONF_NAME, .off = AT(alarm, alarm),
	    .required = true, .help = "its name" },
	{ .key = "match", .type = CONF_STR, .off = AT(alarm, match),
	    .help = "a POSIX extended expression for an alarm's text" },
	{ .key = "runbook", .type = CONF_NAME, .off = AT(alarm, runbook),
	    .required = true, .help = "the runbook that it leads to" },
	{ .key = "severity", .type = CONF_STR, .off = AT(alarm, severity),
	    .required = true, .help = "SEV-0 to SEV-3" },
	{ .key = "say", .type = CONF_STR, .off = AT(alarm, say),
	    .help = "what it means" },
	{ .key = "spoils", .type = CONF_BOOL, .off = AT(alarm, spoils),
	    .help = "a run in which it stands has not succeeded, whatever it "
	    "says" },
	{ .key = "fails", .type = CONF_BOOL, .off = AT(alarm, fails),
	    .help = "it is how a run says that it failed" },
};
static const struct conf_schema alarm_schema = { alarm_rows,
    sizeof alarm_rows / sizeof *alarm_rows, sizeof(struct alarm) };

static const struct conf_row file_rows[] = {
	{ .key = "alarms", .type = CONF_GROUPS, .off = AT(alarms_file, list),
	    .required = true, .sub = &alarm_schema,
	    .help = "the first one that fits counts" },
	{ .key = "begins", .type = CONF_STR, .off = AT(alarms_file, begins),
	    .help = "an expression for lines that begin a run" },
	{ .key = "success", .type = CONF_STR, .off = AT(alarms_file, success),
	    .help = "an expression for lines that say a run ended well" },
};
static const struct conf_schema file_schema = { file_rows,
    sizeof file_rows / sizeof *file_rows, sizeof(struct alarms_file) };

/* ---- expressions --------------------------------------------------------- */

static int
compile(struct expression *x, const char *text)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), old = (locale_t)0;
	int bad;

	if (c != (locale_t)0)
		old = uselocale(c);
	bad = regcomp(&x->re, text, REG_EXTENDED | REG_NOSUB);
	if (c != (locale_t)0) {
		(void)uselocale(old);
		freelocale(c);
	}
	x->there = bad == 0;
	return bad;
}

static void
expression_release(struct expression *x)
{
	if (x->there)
		regfree(&x->re);
	x->there = false;
}

static bool
fits(const struct expression *x, const char *text)
{
	return x->there && regexec(&x->re, text, 0, NULL, 0) == 0;
}

static void
compile_key(struct alarms *a, struct expression *x, const char *text, int line,
    const char *where)
{
	char why[128];
	int bad;

	if (text == NULL || (bad = compile(x, text)) == 0)
		return;
	(void)regerror(bad, &x->re, why, sizeof why);
	conf_problem(&a->doc, line, where, "'%s' is no regular expression: %s",
	    text, why);
}

/* \1 would count parentheses of other rows. */
static bool
refers_back(const char *s)
{
	for (; (s = strchr(s, '\\')) != NULL && s[1] != '\0'; s += 2)
		if (isdigit((unsigned char)s[1]))
			return true;
	return false;
}

static void
compile_any(struct alarms *a)
{
	const struct alarm *row = a->file.list.v;
	struct buf b = BUF_INIT;
	bool usable = true;

	for (size_t i = 0; i < a->file.list.n; i++)
		if (row[i].match != NULL) {
			buf_printf(&b, "%s(%s)", b.n ? "|" : "", row[i].match);
			usable = usable && !refers_back(row[i].match);
		}
	if (usable && b.n > 0)
		(void)compile(&a->compiled->any, b.p);
	buf_release(&b);
}

/* ---- the table ----------------------------------------------------------- */

static void
check_row(struct alarms *a, size_t i)
{
	const struct alarm *row = a->file.list.v, *me = row + i;
	const char *where = pool_printf(&a->doc.pool, "alarms[%zu]", i);

	if (me->severity != NULL && !text_in(me->severity, severities, 4))
		conf_unknown(&a->doc, me->line, where, "severity",
		    me->severity, severities, 4);
	compile_key(a, &a->compiled->row[i], me->match, me->line, where);
	for (size_t k = 0; k < i; k++)
		if (me->alarm != NULL && row[k].alarm != NULL &&
		    strcmp(me->alarm, row[k].alarm) == 0)
			conf_problem(&a->doc, me->line, pool_printf(
			    &a->doc.pool, "%s.alarm", where),
			    "'%s' stands in line %d already", me->alarm,
			    row[k].line);
}

bool
alarms_load(struct alarms *a, const char *path)
{
	if (!conf_load(&a->doc, path, &file_schema, &a->file))
		return false;
	a->compiled = xcalloc(1, sizeof *a->compiled);
	a->compiled->row = xcalloc(a->file.list.n + 1,
	    sizeof *a->compiled->row);
	for (size_t i = 0; i < a->file.list.n; i++)
		check_row(a, i);
	compile_key(a, &a->compiled->begins, a->file.begins,
	    conf_line(&a->doc, "begins"), "begins");
	compile_key(a, &a->compiled->success, a->file.success,
	    conf_line(&a->doc, "success"), "success");
	if (a->doc.problems.n == 0)
		compile_any(a);
	return a->doc.problems.n == 0;
}

bool
alarms_open(struct alarms *a, const struct site *site, struct err *e)
{
	char *path = site_shipped(site, "alarms.cfg");
	bool ok = path != NULL && alarms_load(a, path);

	if (path == NULL) {
		err_set(e, ERR_NOTFOUND, "there is no table of alarms "
		    "(alarms.cfg)");
		err_hint(e, "It is looked for beside the site file and where "
		    "midwatch is installed.");
	} else if (!ok) {
		err_set(e, ERR_USAGE, "%s", a->doc.problems.v[0].text);
		err_hint(e, "'midwatch lint %s' shows every mistake.", path);
	}
	free(path);
	return ok;
}

void
alarms_release(struct alarms *a)
{
	if (a->compiled != NULL) {
		for (size_t i = 0; i < a->file.list.n; i++)
			expression_release(&a->compiled->row[i]);
		expression_release(&a->compiled->any);
		expression_release(&a->compiled->begins);
		expression_release(&a->compiled->success);
		free(a->compiled->row);
		free(a->compiled);
	}
	conf_release(&a->doc);
	memset(a, 0, sizeof *a);
}

const struct alarm *
alarms_named(const struct alarms *a, const char *name)
{
	const struct alarm *row = a->file.list.v;

	for (size_t i = 0; i < a->file.list.n; i++)
		if (row[i].alarm != NULL && strcmp(row[i].alarm, name) == 0)
			return &row[i];
	return NULL;
}

const struct alarm *
alarms_match(const struct alarms *a, const char *text)
{
	const struct alarm *row = a->file.list.v;

	if (a->compiled == NULL ||
	    (a->compiled->any.there && !fits(&a->compiled->any, text)))
		return NULL;
	for (size_t i = 0; i < a->file.list.n; i++)
		if (fits(&a->compiled->row[i], text))
			return &row[i];
	return NULL;
}

bool
alarms_begins(const struct alarms *a, const char *text)
{
	return a->compiled != NULL && fits(&a->compiled->begins, text);
}

bool
alarms_success(const struct alarms *a, const char *text)
{
	return a->compiled != NULL && fits(&a->compiled->success, text);
}
