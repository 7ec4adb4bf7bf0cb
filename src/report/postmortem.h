/*
 * postmortem: an incident as a document, for people (Markdown) and for programs
 * (JSON, schema "midwatch.incident/1", to which fields are only ever added).
 *
 * The same journal gives the same bytes: nothing is read but the incident, no
 * clock and no environment; open spans end at the last line, and the zone is
 * the journal's own. Foreign text passes through escape.h.
 *
 *	struct buf doc = BUF_INIT;
 *	struct journal_verdict v;
 *	if (report_load(&inc, dir, &v, &e))
 *		report_markdown(&inc, &v, &doc);
 */
#ifndef REPORT_POSTMORTEM_H
#define REPORT_POSTMORTEM_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "record/incident.h"

/* Reads and verifies an incident's journal in one pass, writing nothing, so
 * that the verdict is about exactly the lines that are reported. */
bool report_load(struct incident *inc, const char *dir,
    struct journal_verdict *ret, struct err *e);

/* Append to out. False: the incident's zone is not known on this machine and
 * site times are UTC (the document says so). */
bool report_markdown(const struct incident *inc,
    const struct journal_verdict *v, struct buf *out);
bool report_json(const struct incident *inc, const struct journal_verdict *v,
    struct buf *out);

#endif
