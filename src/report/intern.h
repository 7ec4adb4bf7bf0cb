/*
 * intern: the sections of the Markdown document. Each appends its body, or
 * nothing when there is nothing to say (then its heading is left out too).
 */
#ifndef REPORT_INTERN_H
#define REPORT_INTERN_H

#include "base/buf.h"
#include "report/facts.h"

typedef void md_section(const struct facts *f, struct buf *out);

/* people.c */
md_section section_people, section_told, section_followups, section_analysis,
    section_summary;
/* work.c */
md_section section_steps, section_overrides, section_criteria, section_decisions,
    section_hypotheses, section_pinned, section_evidence;
/* timeline.c */
md_section section_story, section_log;

/* Small words that several sections use. */
void md_site(struct buf *out, int64_t wall_ms);		/* date and time */
void md_time(struct buf *out, int64_t wall_ms);		/* 02:10:03 */
void md_duration(struct buf *out, int64_t ms);
void md_count(struct buf *out, size_t n, const char *one, const char *many);

#endif
