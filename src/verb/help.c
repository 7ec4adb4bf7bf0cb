#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/action.h"
#include "base/text.h"
#include "condition/condition.h"
#include "reading/probe.h"
#include "verb/verbs.h"

static const char options[] =
    "options everywhere: -c/--config FILE  --state DIR  --json  --plain  "
    "--ascii  --theme NAME  --no-color  -h/--help  --version;  "
    "console: --read-only  --low  --mouse  --no-bell";

static void
usage_lines(struct buf *b, const struct verb *v, const char *before,
    const char *after)
{
	const char *s = v->usage;

	while (*s != '\0') {
		size_t n = strcspn(s, "\n");

		buf_printf(b, "%smidwatch %.*s%s", before, (int)n, s, after);
		s += n + (s[n] == '\n');
	}
}

/* What the words of the usage stand for. */
static const struct {
	const char *verb, *help;
} words[] = {
	{ "validate", "SET is a name as 'midwatch sets' has it, like "
	    "nightly/20250214T010000Z; latest, the\nnewest copy of each "
	    "database and component, is what is meant without one." },
	{ "restore", "SET is a name as 'midwatch sets' has it, like "
	    "nightly/20250214T010000Z; latest, the\nnewest that holds a "
	    "verified copy of it. Which database must be said: the newest copy\n"
	    "may be the damage itself." },
	{ "login-line", "In ~/.profile or /etc/profile.d: midwatch "
	    "login-line" },
	{ "incident", "Times are those of the site's zone. LINE is the number "
	    "of a line in 'incident show'." },
};

static bool
has_options(const struct verb *v)
{
	for (size_t i = 0; i < n_verb_options; i++)
		if (strcmp(verb_options[i].verb, v->name) == 0)
			return true;
	return false;
}

static void
one(struct buf *b, const struct verb *v)
{
	buf_printf(b, "midwatch %s: %s\n\n", v->name, v->help);
	usage_lines(b, v, "  ", "\n");
	buf_ch(b, '\n');
	for (size_t i = 0; i < n_verb_options; i++)
		if (strcmp(verb_options[i].verb, v->name) == 0)
			buf_printf(b, "  %-22s %s\n", verb_options[i].option,
			    verb_options[i].help);
	if (has_options(v))
		buf_ch(b, '\n');
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].verb, v->name) == 0)
			buf_printf(b, "%s\n\n", words[i].help);
	buf_printf(b, "%s\n", options);
}

static void
all(struct buf *b)
{
	buf_str(b, "midwatch: the console for the night the backup failed\n\n"
	    "  (no verb)  the console: the open incident, or the watch "
	    "screen\n");
	for (size_t i = 0; i < n_verbs; i++)
		if (verbs[i].run != NULL && !verbs[i].hidden)
			buf_printf(b, "  %-10s %s\n", verbs[i].name,
			    verbs[i].help);
	buf_printf(b, "\n%s\n\n'midwatch help VERB' says more; 'midwatch help "
	    "site' lists the keys of the site\nfile, 'help conditions' what "
	    "runbooks can ask, 'help actions' what they can do, 'help readings'\n"
	    "what is looked at, 'help keys' the console's keys.\n"
	    "exit: 0 done and proven, 1 tried and failed, 2 wrong usage or "
	    "configuration, 3 refused by a guard, 130/143 cancelled\n", options);
}

/* "5 s", "1 min". */
static void
put_ms(struct buf *b, int ms)
{
	char s[24];

	if (ms % 60000 == 0)
		(void)snprintf(s, sizeof s, "%d min", ms / 60000);
	else
		(void)snprintf(s, sizeof s, "%g s", ms / 1000.0);
	buf_printf(b, "%8s", s);
}

static void
readings(struct buf *b)
{
	buf_str(b, "kind          every  within  what\n");
	for (const struct probe *const *p = probes; *p != NULL; p++) {
		buf_printf(b, "%-10s ", (*p)->kind);
		put_ms(b, (*p)->every_ms);
		put_ms(b, (*p)->deadline_ms);
		buf_printf(b, "  %s\n", (*p)->what);
	}
	buf_str(b, "\n'midwatch watch' writes each as one JSON object a line, "
	    "'midwatch status --json'\nthe newest of each as the list "
	    "\"readings\". Members are only ever added:\n\n"
	    "  kind, name    what it is of\n"
	    "  level         ok, warning, critical or unknown\n"
	    "  at            when the answer came or was given up (UTC)\n"
	    "  took_ms, deadline_ms, cost_us\n"
	    "                how long it took, how long it might have, and the "
	    "processor's time\n"
	    "  text          the fact, one line for people\n"
	    "  next          what to do about it; left out: nothing\n"
	    "  data          the facts by name, as the kind has them\n"
	    "  error         why there is no answer; level is unknown then, and "
	    "text and\n                data are those of the last one\n"
	    "  stale, since  true, and when that last answer came\n\n"
	    "A listener gets the newest reading of every target first, then one "
	    "of kind \"feed\"\n(who serves, and by which site file), then each "
	    "new one as it comes.\n");
}

/* roff: a leading dot or quote would be a request, '-' a hyphen. */
static void
roff(struct buf *b, const char *s)
{
	if (*s == '.' || *s == '\'')
		buf_str(b, "\\&");
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			buf_str(b, "\\e");
		else if (*s == '-')
			buf_str(b, "\\-");
		else
			buf_ch(b, *s);
	}
}

/* Each as it is. */
static void
lines(struct buf *b, char *s)
{
	while (*s != '\0') {
		size_t n = strcspn(s, "\n");
		bool last = s[n] == '\0';

		s[n] = '\0';
		roff(b, s);
		buf_ch(b, '\n');
		s += n + !last;
	}
}

static void
man_options(struct buf *b, const struct verb *v)
{
	if (!has_options(v))
		return;
	buf_str(b, ".RS\n");
	for (size_t i = 0; i < n_verb_options; i++)
		if (strcmp(verb_options[i].verb, v->name) == 0) {
			buf_str(b, ".TP\n.B ");
			roff(b, verb_options[i].option);
			buf_ch(b, '\n');
			roff(b, verb_options[i].help);
			buf_ch(b, '\n');
		}
	buf_str(b, ".RE\n");
}

static void
man(struct buf *b)
{
	struct buf t = BUF_INIT;

	buf_printf(b, ".TH MIDWATCH 1 \"\" \"midwatch %s\" \"User Commands\"\n"
	    ".SH NAME\nmidwatch \\- incident console for failed database "
	    "backups\n.SH SYNOPSIS\n.B midwatch\n.RI [ VERB ]\n"
	    ".RI [ options ]\n.SH DESCRIPTION\n"
	    "Shows what is true, walks through the runbook, does the dangerous "
	    "work safely and keeps the incident's record.\n.SH VERBS\n",
	    MIDWATCH_VERSION);
	for (size_t i = 0; i < n_verbs; i++) {
		if (verbs[i].run == NULL || verbs[i].hidden)
			continue;
		buf_str(b, ".TP\n");
		buf_clear(&t);
		usage_lines(&t, &verbs[i], "", "\n");
		for (char *s = t.p; *s != '\0';) {
			size_t n = strcspn(s, "\n");
			bool last = s[n] == '\0' || s[n + 1] == '\0';

			s[n] = '\0';
			buf_str(b, ".B ");
			roff(b, s);
			buf_str(b, last ? "\n" : "\n.TQ\n");
			s += n + 1;
			if (last)
				break;
		}
		roff(b, verbs[i].help);
		buf_str(b, ".\n");
		man_options(b, &verbs[i]);
	}
	buf_str(b, ".SH OPTIONS\n");
	roff(b, options);
	buf_str(b, "\n.SH EXIT STATUS\n0 done and proven; 1 tried and failed; "
	    "2 wrong usage or configuration; 3 refused by a guard; 130 or 143 "
	    "cancelled.\n.SH FILES\n.TP\n.I ./midwatch.cfg, "
	    "~/.config/midwatch/midwatch.cfg, /etc/midwatch/midwatch.cfg\n"
	    "the site file, in that order\n.TP\n.I /var/lib/midwatch\n"
	    "the state directory, unless the site file says otherwise\n"
	    ".SH SITE FILE\n.nf\n");
	buf_clear(&t);
	help_site(&t);
	lines(b, t.p);
	buf_str(b, ".fi\n.SH CONDITIONS\n.nf\n");
	buf_clear(&t);
	cond_help(&t);
	lines(b, t.p);
	buf_str(b, ".fi\n.SH READINGS\n.nf\n");
	buf_clear(&t);
	readings(&t);
	lines(b, t.p);
	buf_str(b, ".fi\n");
	console_keys_man(b);
	buf_release(&t);
}

static void
completion(struct buf *b)
{
	buf_str(b, "# bash completion for midwatch, made from its table of verbs\n"
	    "_midwatch() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= w\n"
	    "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	    "\t\tcase $w in -*) ;; *) verb=$w; break ;; esac\n\tdone\n"
	    "\tlocal all='--config --state --json --plain --ascii --no-color "
	    "--help --version'\n\tcase $verb in\n");
	for (size_t i = 0; i < n_verbs; i++)
		if (verbs[i].run != NULL && !verbs[i].hidden)
			buf_printf(b, "\t%s) COMPREPLY=($(compgen -W \"%s $all\""
			    " -- \"$cur\")) ;;\n", verbs[i].name,
			    verbs[i].words);
	buf_str(b, "\t*) COMPREPLY=($(compgen -W \"");
	for (size_t i = 0; i < n_verbs; i++)
		if (verbs[i].run != NULL && !verbs[i].hidden)
			buf_printf(b, "%s ", verbs[i].name);
	buf_str(b, "$all\" -- \"$cur\")) ;;\n\tesac\n"
	    "\t[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "
	    "\"$cur\"))\n}\ncomplete -F _midwatch midwatch\n");
}

int
verb_help(struct cli *c, int argc, char **argv)
{
	bool want_man = false, want_completion = false;
	const struct opt opts[] = {
		{ "--man", &want_man, NULL, NULL },
		{ "--completion", &want_completion, NULL, NULL },
	};
	const struct verb *v = NULL;
	struct buf b = BUF_INIT;

	if (!cli_parse(c, argc, argv, opts, 2) ||
	    !cli_words(c, 0, 1, "midwatch help [VERB]"))
		return EXIT_USAGE;
	if (c->words.n > 0)
		v = verb_find(c->words.v[0]);
	if (want_man)
		man(&b);
	else if (want_completion)
		completion(&b);
	else if (v != NULL)
		one(&b, v);
	else if (c->words.n > 0 && strcmp(c->words.v[0], "conditions") == 0)
		cond_help(&b);
	else if (c->words.n > 0 && strcmp(c->words.v[0], "readings") == 0)
		readings(&b);
	else if (c->words.n > 0 && strcmp(c->words.v[0], "site") == 0)
		help_site(&b);
	else if (c->words.n > 0 && strcmp(c->words.v[0], "actions") == 0)
		action_help(&b);
	else if (c->words.n > 0 && strcmp(c->words.v[0], "keys") == 0)
		console_keys(&b);
	else if (c->words.n > 0)
		return cli_usage("there is no verb '%s'", c->words.v[0]);
	else
		all(&b);
	cli_block(b.p, b.n);
	buf_release(&b);
	return EXIT_DONE;
}
