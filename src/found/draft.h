/*
 * draft: a site file while it is written: comments that are wrapped, and lists
 * whose entries are tried before they stand. An entry that the site file would
 * refuse becomes a comment with the reason, whatever strange name is in it.
 *
 *	struct draft_list l = { .key = "disks" };
 *	struct draft_entry *e = draft_entry(&l);
 *	draft_say(e, "ext4, 40 GB");
 *	draft_str(e, "path", "/var");
 *	draft_list(d, &l);		writes and releases it
 */
#ifndef FOUND_DRAFT_H
#define FOUND_DRAFT_H

#include "found/intern.h"

struct draft_entry {
	VEC(char *) keys;	/* name = "otc" */
	struct buf say;		/* before it, a sentence a line */
	struct buf tail;	/* behind it */
	struct buf off;		/* why it is a comment only; empty: it stands */
	bool refers;		/* to places */
};

struct draft_list {
	const char *key, *head;		/* head: what the list is about */
	const char *const *examples;	/* shown as comments; NULL-terminated */
	VEC(struct draft_entry) v;
};

struct draft {
	const struct found *f;
	const struct found_wish *w;
	const char *path;
	struct buf out, places;	/* places: the list as far as it stands */
	struct found_names place_names, part_names, store_names, disk_names,
	    log_names;
	VEC(const char *) place_of;	/* thing's name, its place's name, … */
};

struct draft_entry *draft_entry(struct draft_list *l);
void draft_str(struct draft_entry *e, const char *key, const char *value);
void draft_int(struct draft_entry *e, const char *key, int64_t value);
void draft_raw(struct draft_entry *e, const char *key, const char *value);
void draft_say(struct draft_entry *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void draft_tail(struct draft_entry *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void draft_off(struct draft_entry *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes off those that would not load; true when one is left. */
bool draft_try(struct draft *d, struct draft_list *l);
void draft_list(struct draft *d, struct draft_list *l);

/* "# text", wrapped, foreign words made harmless. */
void draft_comment(struct draft *d, const char *indent, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void draft_line(struct draft *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* sections.c, in the order of the file */
void draft_places(struct draft *d);
void draft_databases(struct draft *d);
void draft_stores(struct draft *d);
void draft_disks(struct draft *d);
void draft_schedule(struct draft *d);
void draft_logs(struct draft *d);
/* The place that the container or host became, NULL: none. */
const char *draft_place_of(const struct draft *d, const char *kind,
    const char *name);

#endif
