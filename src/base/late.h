/*
 * late: a library that is loaded when it is first needed. Two of ours bring thirty
 * others along; a program that only paints, or answers one question, would
 * spend most of its start on them.
 *
 *	static struct late lib = { .file = "libpq.so.5", .package = "libpq5" };
 *	if (!late_load(&lib, e))
 *		return false;
 *	LATE(&lib, int, PQsocket, (const PGconn *c), (c))
 *
 * makes a function of that name out of the library's. Whoever may be the first
 * to call one asks late_load(), which can fail with words.
 */
#ifndef BASE_LATE_H
#define BASE_LATE_H

#include <stdbool.h>

#include "base/err.h"

struct late {
	const char *file, *package;
	void *handle;
};

bool late_load(struct late *lib, struct err *e);
/* The function of that name; the program ends without it. */
void late_find(struct late *lib, const char *name, void (**ret)(void));

#define LATE_(lib, type, name, params, call)				\
type									\
name params								\
{									\
	static type (*f) params;					\
									\
	if (f == NULL)							\
		late_find(lib, #name, (void (**)(void))&f);		\
	call;								\
}
#define LATE(lib, type, name, params, args)				\
	LATE_(lib, type, name, params, return f args)
#define LATE_VOID(lib, name, params, args)				\
	LATE_(lib, void, name, params, f args)

#endif
