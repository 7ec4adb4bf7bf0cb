/*
 * said: the one line that matters of what a program wrote.
 */
#ifndef PROBE_SAID_H
#define PROBE_SAID_H

#include <stddef.h>

enum { SAID_MAX = 204 };

/* The first line with anything in it, its bytes as they are, cut between
 * characters; "" when there is none. */
void said_line(char out[SAID_MAX], const char *s, size_t n);

#endif
