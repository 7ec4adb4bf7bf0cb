/*
 * plain: the same incident as a dialogue of lines, for screen readers, serial
 * consoles and scripts. One fact a line, choices by number or word, changes are
 * announced as they happen, nothing is ever repainted.
 */
#ifndef UI_PLAIN_H
#define UI_PLAIN_H

#include "ui/children.h"

/* Talks on descriptors 0 and 1 until `q` or the end of the input; an exit status. */
int plain_run(const struct children_want *want);

#endif
