#include "record/log.h"

#include <stdlib.h>

#include "base/file.h"
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
