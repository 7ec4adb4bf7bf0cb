/*
 * evidence: the facts of a reading as a person reads them: sizes with units,
 * times on the site's clock, lists a line each, and who waits for whom as a tree.
 * "name<TAB>value" lines, for a page.
 */
#ifndef UI_EVIDENCE_H
#define UI_EVIDENCE_H

#include "base/buf.h"
#include "reading/reading.h"

void evidence(const struct reading *r, struct buf *out);

#endif
