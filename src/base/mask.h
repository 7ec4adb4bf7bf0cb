/*
 * mask: the second net below secrets. The first is that a secret never enters what
 * is shown or kept; should one slip through all the same, in the words of some
 * program, it is blotted out here: as it is, and as programs write it (escaped for
 * SQL, password files, C and URLs, and in base64).
 *
 *	struct mask m = { 0 };
 *	mask_add(&m, password);
 *	mask_text(&m, &line);		-> "... <secret> ..."
 *	mask_release(&m);
 */
#ifndef BASE_MASK_H
#define BASE_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/vec.h"

enum { MASK_LEAST = 4 };	/* what is shorter is in every other word */

struct mask {
	VEC(char *) v;
};

void mask_add(struct mask *m, const char *secret);	/* NULL is fine */
/* True: something was there. */
bool mask_text(const struct mask *m, struct buf *text);
bool mask_chars(const struct mask *m, char *text);	/* in place: **** */
void mask_release(struct mask *m);			/* and zeroes */

#endif
