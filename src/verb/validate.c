/* `midwatch validate`: the words, and the job that does the work. */
#include <string.h>

#include "base/text.h"
#include "verb/follow.h"
#include "verb/verbs.h"

#define USAGE "midwatch validate [SET|latest|all] [--db DB] [--store NAME] "	\
	"[--restore]"

static void
words(struct buf *args, const char *set, const char *db, const char *store,
    bool restore, const char *scratch, int64_t jobs)
{
	json_open(args);
	json_put_str(args, "set", set);
	json_put_str(args, "db", db);
	json_put_str(args, "store", store);
	json_put_bool(args, "restore", restore);
	json_put_str(args, "scratch", scratch);
	json_put_int(args, "jobs", jobs);
	json_close(args);
}

int
verb_validate(struct cli *c, int argc, char **argv)
{
	const char *db = NULL, *store = NULL, *scratch = NULL, *jobs = NULL;
	bool restore = false;
	const struct opt opts[] = {
		{ "--restore", &restore, NULL, NULL },
		{ "--db", NULL, &db, NULL },
		{ "--store", NULL, &store, NULL },
		{ "--scratch", NULL, &scratch, NULL },
		{ "--jobs", NULL, &jobs, NULL },
	};
	struct job_spec spec = { .kind = "validate", .title = "validate" };
	struct buf args = BUF_INIT, title = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d = { 0 };
	int64_t n = 0;
	const char *set;
	int status = -1;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 0, 1, USAGE))
		return EXIT_USAGE;
	if (jobs != NULL && !text_int(jobs, 1, 64, &n))
		return cli_usage("'--jobs' is a number from 1 to 64, not '%s'",
		    jobs);
	if (scratch != NULL && scratch[0] != '/')
		return cli_usage("'--scratch' is an absolute path, not '%s'",
		    scratch);
	set = c->words.n > 0 ? c->words.v[0] : "latest";
	if (!desk_open(&d, c, &e))
		goto out;
	if (!d.have_site) {
		err_set(&e, ERR_USAGE, "there is no site file, so there are no "
		    "stores to look in");
		goto out;
	}
	words(&args, set, db, store, restore, scratch, n);
	buf_printf(&title, "validate %s%s", set, restore ? " --restore" : "");
	spec.title = title.p;
	spec.args = args.p;
	spec.config = desk_config(&d);
	status = follow_start(&d, &spec, &e);
out:
	if (status < 0)
		status = cli_fail(c, &e);
	buf_release(&args);
	buf_release(&title);
	desk_close(&d);
	return status;
}
