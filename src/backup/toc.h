/*
 * toc: what an archive of pg_dump holds, as `pg_restore --list` tells it: how many
 * objects of each sort, and the extensions it needs.
 *
 * The list is told apart by the number of the system catalog that it gives for
 * each entry, since names in it may look like anything.
 */
#ifndef BACKUP_TOC_H
#define BACKUP_TOC_H

#include "backup/reader.h"
#include "base/vec.h"

#define TOC_SORTS(X)							\
	X(TABLE, 1259, "TABLE ", "tables")				\
	X(VIEW, 1259, "VIEW ", "views")					\
	X(MATVIEW, 1259, "MATERIALIZED VIEW ", "materialized views")	\
	X(SEQUENCE, 1259, "SEQUENCE ", "sequences")			\
	X(FOREIGN, 1259, "FOREIGN TABLE ", "foreign tables")		\
	X(INDEX, 1259, "INDEX ", "indexes")				\
	X(ROUTINE, 1255, "", "functions")				\
	X(CONSTRAINT, 2606, "", "constraints")				\
	X(TRIGGER, 2620, "TRIGGER ", "triggers")			\
	X(POLICY, 3256, "POLICY ", "policies")
#define TOC_(id, catalog, word, people) TOC_##id,
enum toc_sort { TOC_SORTS(TOC_) TOC_COUNT };
#undef TOC_
const char *toc_name(enum toc_sort s);		/* "tables" */

struct toc {
	int64_t n[TOC_COUNT];
	VEC(char *) extensions;
	/* Lines that end with an owner: his name may have spaces. */
	VEC(char *) owners;
};
const char *toc_owner_word(const char *owner);	/* the last word of such a line */

void toc_take(struct toc *t, const char *list);	/* adds to it */
/* Adds one archive in a file. */
bool toc_read(struct toc *t, const char *pg_restore, const char *file,
    struct err *e);
void toc_release(struct toc *t);

#endif
