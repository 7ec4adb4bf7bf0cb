/*
 * vec: growable arrays of values, one allocation policy.
 *
 *	VEC(struct step) steps = { 0 };
 *	*VEC_NEW(&steps) = (struct step){ .id = "own" };
 *	for (size_t i = 0; i < steps.n; i++) use(&steps.v[i]);
 *	VEC_RELEASE(&steps);
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define VEC(type) struct { type *v; size_t n, cap; }

/* Grows by one zeroed element and yields its address. */
#define VEC_NEW(a)							\
	((a)->v = vec_room_((a)->v, (a)->n, &(a)->cap, sizeof *(a)->v),	\
	 memset(&(a)->v[(a)->n], 0, sizeof *(a)->v),			\
	 &(a)->v[(a)->n++])
#define VEC_PUSH(a, x) (*VEC_NEW(a) = (x))
#define VEC_RELEASE(a)							\
	(free((a)->v), (a)->v = NULL, (a)->n = 0, (a)->cap = 0)

static inline void *
vec_room_(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 8;
	return xrealloc(v, *cap, size);
}

#endif
