/*
 * crew: several looks at the world at once, each in a child of its own. What a
 * dead disk or a hanging tool holds up is that child alone, and not for long.
 *
 *	struct crew_task t[2] = { { .limit_ms = 3000 }, { .limit_ms = 3000 } };
 *	crew_run(t, 2, look, ctx);	look(ctx, i, out) runs in child i
 *	... t[0].out.p ...
 *	crew_release(t, 2);
 *
 * A look gives its answer as bytes; what else it changes in memory is lost.
 */
#ifndef DOCTOR_CREW_H
#define DOCTOR_CREW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

enum crew_end { CREW_DIED, CREW_LATE, CREW_DONE };

struct crew_task {
	int64_t limit_ms;	/* from its start */
	enum crew_end end;
	struct buf out;
	/* while it runs */
	pid_t pid;
	int fd;
	int64_t until;
};

typedef void crew_look(void *ctx, size_t i, struct buf *out);

void crew_run(struct crew_task *tasks, size_t n, crew_look *look, void *ctx);
void crew_release(struct crew_task *tasks, size_t n);

#endif
