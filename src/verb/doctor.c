#include "doctor/doctor.h"

#include "base/json.h"
#include "base/text.h"
#include "verb/secrets.h"
#include "verb/verbs.h"

static void
say_json(const struct doctor *d)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", !d->usage && doctor_count(d, DOCTOR_ERROR) == 0);
	json_put_str(&b, "tonight", d->tonight);
	json_key(&b, "checks");
	json_open_list(&b);
	for (size_t i = 0; i < d->findings.n; i++) {
		const struct finding *f = &d->findings.v[i];

		json_comma(&b);
		json_open(&b);
		json_put_str(&b, "check", f->check);
		json_put_str(&b, "level", doctor_level_name(f->level));
		json_put_str(&b, "seen", f->seen);
		json_put_str(&b, "todo", f->todo);
		json_close(&b);
	}
	json_close_list(&b);
	cli_object(&b);
}

static void
say(const struct doctor *d)
{
	size_t errors = doctor_count(d, DOCTOR_ERROR);
	size_t warnings = doctor_count(d, DOCTOR_WARNING);

	for (size_t i = 0; i < d->findings.n; i++) {
		const struct finding *f = &d->findings.v[i];

		cli_out("%-7s  %s: %s", doctor_level_name(f->level), f->check,
		    f->seen);
		if (f->level != DOCTOR_OK && !text_empty(f->todo))
			cli_out("         %s", f->todo);
	}
	cli_out("%zu ok, %zu %s, %zu %s", d->findings.n - errors - warnings,
	    warnings, warnings == 1 ? "warning" : "warnings", errors,
	    errors == 1 ? "error" : "errors");
	if (d->tonight != NULL)
		cli_out("%s", d->tonight);
}

int
verb_doctor(struct cli *c, int argc, char **argv)
{
	bool tonight = false, terminal = false;
	const struct opt opts[] = {
		{ "--tonight", &tonight, NULL, NULL },
		{ "--terminal", &terminal, NULL, NULL },
	};
	struct doctor d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 2) ||
	    !cli_words(c, 0, 0, "midwatch doctor [--tonight|--terminal] "
		"[--json]"))
		return EXIT_USAGE;
	doctor_init(&d, c->config, c->state);
	if (d.have_site && !terminal)
		(void)secrets_ask(c, &d.site, 0);
	if (terminal)
		console_terminal(c, &d);
	else if (tonight)
		doctor_tonight(&d);
	else
		doctor_examine(&d);
	if (c->json)
		say_json(&d);
	else
		say(&d);
	status = d.usage ? EXIT_USAGE : doctor_count(&d, DOCTOR_ERROR) > 0 ?
	    EXIT_FAILED : EXIT_DONE;
	doctor_release(&d);
	return status;
}
