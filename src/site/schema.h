/*
 * schema: the site file's keys as tables, and the questions that a table cannot
 * ask. For site.c, and for `midwatch help site`.
 */
#ifndef SITE_SCHEMA_H
#define SITE_SCHEMA_H

#include "site/site.h"

/* Counts from &site->file_line. */
extern const struct conf_schema site_schema;

/* Fills in what follows from other keys, then reports what does not fit. */
void site_check(struct site *s);

#endif
