#include "record/log.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "record/journal.h"

bool
log_say(const struct state *s, enum event_kind kind, const char *text,
    const char *data, struct err *e)
{
	struct draft line = { .kind = kind, .text = text, .data = data };
	char *path = file_join(s->dir, "log.jsonl");
	struct journal log;
	bool ok;

	journal_init(&log, NULL, NULL);
	ok = journal_open(&log, path, e) &&
	    journal_append(&log, &line, 1, NULL, NULL, NULL, e);
	journal_close(&log);
	free(path);
	return ok;
}

bool
log_checkpoint(const struct state *s, const struct incident *inc,
    const char *text, struct err *e)
{
	struct buf data = BUF_INIT, point = BUF_INIT;
	bool ok;

	incident_checkpoint(inc, &point);
	json_open(&data);
	json_put_str(&data, "incident", inc->id);
	json_put_str(&data, "checkpoint", point.p);
	json_close(&data);
	ok = log_say(s, EVENT_CHECKPOINT, text, data.p, e);
	buf_release(&data);
	buf_release(&point);
	return ok;
}
