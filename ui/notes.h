/*
 * notes: complaints that do not stop anything, collected for the place where all
 * of them are shown (the notices): mistakes in a theme or key file, a terminal
 * that had to be guessed.
 */
#ifndef UI_NOTES_H
#define UI_NOTES_H

#include <stdlib.h>

#include "base/err.h"
#include "base/vec.h"

struct notes {
	VEC(char *) v;
};

/* Takes the string over. */
static inline void
notes_take(struct notes *n, char *text)
{
	VEC_PUSH(&n->v, text);
}

#define notes_add(n, ...) notes_take((n), xprintf(__VA_ARGS__))

static inline void
notes_release(struct notes *n)
{
	for (size_t i = 0; i < n->v.n; i++)
		free(n->v.v[i]);
	VEC_RELEASE(&n->v);
}

#endif
