/*
 * doctor: is this machine, and is this site, ready for a bad night?
 *
 *	struct doctor d;
 *	doctor_init(&d, config, state);
 *	doctor_examine(&d);			or doctor_tonight(&d)
 *	for (size_t i = 0; i < d.findings.n; i++)
 *		use(&d.findings.v[i]);
 *	doctor_release(&d);
 *
 * Every check runs in a child of its own with a deadline, so that the answer is
 * there within seconds whatever hangs. The examination makes what is missing of
 * the state directory, the spare above all, and copies a second journal back
 * that is in use; trying tonight's runbook changes nothing.
 */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/vec.h"
#include "record/state.h"
#include "site/site.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR };

struct finding {
	enum doctor_level level;
	char *check;
	char *seen;
	char *todo;		/* a sentence; "" when there is nothing to do */
};

struct doctor {
	const char *state_option;	/* --state, or NULL */
	struct site site;
	char *site_path;		/* NULL: there is no site file */
	bool have_site;			/* it loaded without a problem */
	bool usage;			/* the site file is broken or missing
					 * where it was named: exit 2 */
	struct err site_err;
	struct state state;
	bool have_state;		/* it is known where it is */
	struct err state_err;
	char *host_zone;
	VEC(struct finding) findings;
	char *tonight;			/* the sentence of doctor_tonight() */
};

void doctor_init(struct doctor *d, const char *config, const char *state);
void doctor_examine(struct doctor *d);
void doctor_tonight(struct doctor *d);
/* One more finding; what to do about it comes after it, when it is not ok. */
void doctor_found(struct doctor *d, enum doctor_level level, const char *check,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void doctor_todo(struct doctor *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
size_t doctor_count(const struct doctor *d, enum doctor_level level);
const char *doctor_level_name(enum doctor_level level);
void doctor_release(struct doctor *d);

#endif
