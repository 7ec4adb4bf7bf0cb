/*
 * saving: what `backup` and `nightly` share: the job that works, its voice, the
 * journal, and the one who follows it.
 */
#ifndef VERB_SAVING_H
#define VERB_SAVING_H

#include "backup/run.h"
#include "job/job.h"
#include "verb/cli.h"

struct saving {
	struct desk desk;
	struct cli cli;
	struct job *job;		/* NULL: nothing can be written, not even
					 * what a job needs */
	bool silent;			/* the journal cannot be written; said */
	bool dry;
	const char *what;		/* "backup", "nightly" */
	const char *class;		/* for the journal */
	int64_t told_ms;
	size_t nth, of;			/* this run of so many; 0: the only one */
	struct run_care care;		/* for backup_run() */
	struct buf json;		/* the result */
};

/* The desk of the job, the incident if one is open; s->care is ready. */
bool saving_open(struct saving *s, struct job *job, struct err *e);
void saving_close(struct saving *s);

void saving_say(struct saving *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* One line into the incident's journal, else into the site's. False: neither. */
bool saving_journal(struct saving *s, enum event_kind kind, const char *text,
    const char *data, struct err *e);
/* "job.started" and "job.ended" as the reading of the nightly looks for them. */
void saving_begins(struct saving *s, const char *text, const char *names);
void saving_ends(struct saving *s, const char *text, int status);
/* A line in the log of the site that has that name. */
void saving_log(struct saving *s, const char *name, const char *line);

/* The site's contacts are told, and what became of it is said. reading: kind and
 * name of the one that will say the same, so that nobody hears it twice; NULL:
 * there is none. */
void saving_tell(struct saving *s, enum site_trigger trigger,
    const char *subject, const char *text, const char *const reading[2]);

/* Where it lies, as a person types it; where is a store's name. */
void saving_path(struct saving *s, const char *store, const char *dir,
    const char *file, struct buf *out);
/* The members of one run, behind out. */
void saving_put(struct saving *s, const struct run_done *d, bool ok,
    struct buf *out);

/* The other side: starts the job and follows it to its end; its exit status. */
int saving_follow(struct cli *c, struct desk *d, const struct job_spec *spec,
    bool *ret_started, struct err *e);

/* The kinds of job (for verb_job). */
int backup_job(struct job *job, struct err *e);
int nightly_job(struct job *job, struct err *e);

#endif
