/*
 * state: the directory that everybody who works on a site shares.
 *
 *	<state>/log.jsonl  incidents/<ID>/  jobs/<n>/  spare/  locks/  outbox  freeze
 *
 * Directories are 2770 and files 0660, so that the group sees the same incident.
 * The spare is the next incident, with its space reserved: a full disk refuses
 * to create, not to rename.
 */
#ifndef RECORD_STATE_H
#define RECORD_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/vec.h"

enum { STATE_SLOTS = 48, STATE_ID_MAX = 64 };

struct state {
	char *dir;
	bool shared;		/* others of the site can see it */
	char *note;		/* what to say about the choice, or NULL */
};

/*
 * option: --state, or NULL; configured: the site's key, or NULL. Without both:
 * /var/lib/midwatch if it is writable, else ~/.local/state/midwatch.
 * Makes what is missing; on a full disk an existing directory is enough.
 */
bool state_open(struct state *s, const char *option, const char *configured,
    const char *group, struct err *e);
/* Only where it is, nothing is made. */
bool state_locate(struct state *s, const char *option, const char *configured,
    struct err *e);
void state_release(struct state *s);

char *state_path(const struct state *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));	/* caller frees */

/* Makes the spare if there is none. Failing is a warning for the caller. */
bool state_spare_make(const struct state *s, struct err *e);
bool state_spare_there(const struct state *s);
/* An opening that was killed before its first line holds the space that the
 * next one needs: it becomes the spare again. Under the lock for opening. */
void state_spare_recover(const struct state *s);

/* Takes the spare (or makes a fresh directory when there is none) as
 * incidents/<prefix>-YYYYMMDD-HHMM[-n]; ret_id gets the name. ret_reserved:
 * it was the spare. */
bool state_incident_new(const struct state *s, const char *prefix,
    int64_t at_ms, char ret_id[STATE_ID_MAX], bool *ret_reserved,
    struct err *e);

struct state_ids {
	VEC(char *) v;		/* oldest first */
};
bool state_incidents(const struct state *s, struct state_ids *ret,
    struct err *e);
void state_ids_release(struct state_ids *ids);
bool state_id_ok(const char *id);	/* INC-… or DRILL-…, nothing else */

/* A new numbered job directory with its files; on a full disk one of the slots
 * of the incident (or of the spare) is taken. */
bool state_job_new(const struct state *s, const char *incident, int64_t *ret_n,
    struct err *e);

/* A job that was refused before it began gives its place back. */
void state_job_return(const struct state *s, const char *incident, int64_t n);

/* locks/<name>, opened; it exists since the state was made. Caller closes. */
int state_lock_file(const struct state *s, const char *name, struct err *e);

#endif
