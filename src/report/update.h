/*
 * update: what people are written every quarter of an hour: conditions, actions,
 * needs. The draft is filled from the record and the runbook's questions; whoever
 * sends it changes what they like.
 *
 *	struct buf text = BUF_INIT;
 *	update_draft(&engine, &text);
 *	... update_due(inc, site) ...	when the next one is due
 */
#ifndef REPORT_UPDATE_H
#define REPORT_UPDATE_H

#include "runbook/engine.h"

/* en->rb may be NULL; asking its questions takes a moment. */
void update_draft(struct engine *en, struct buf *out);
/* Wall ms; 0: none is due any more. site may be NULL: every 15 minutes. */
int64_t update_due(const struct incident *inc, const struct site *site);
int64_t update_every_ms(const struct site *site);

#endif
