/*
 * set: how a backup set and the files in it are called.
 *
 *	<store>/nightly/20250214T021000Z/	otc.dump.gz  otc.dump.idx ...
 *
 *	struct set_name n;
 *	if (set_name_parse("20250214T021000Z.partial", &n))
 *		use(n.at, n.state == SET_PARTIAL);
 *
 * Names are in UTC, to the second. A set has its final name only when all of it
 * is proven; `.partial` is being written, `.incomplete` is what could be saved
 * of a run in which a component failed. The path gives the class: weekly/ is
 * filled by renaming.
 */
#ifndef BACKUP_SET_H
#define BACKUP_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SET_CLASSES(X)							\
	X(NIGHTLY, "nightly")						\
	X(WEEKLY, "weekly")						\
	X(EMERGENCY, "emergency")					\
	X(MANUAL, "manual")

/* What a component is, and how the file of one is called. */
#define SET_KINDS(X)							\
	X(DATABASE, "database", ".dump.gz")	/* pg_dump -Fc */	\
	X(GLOBALS, "globals", ".sql.gz")	/* roles, tablespaces */ \
	X(FILES, "files", ".tar.gz")					\
	X(COMMAND, "command", ".txt.gz")

/* The three truths, each of which contains the one before. */
#define SET_TRUTHS(X)							\
	X(NOT, "unproven")						\
	X(SENT, "sent")		/* all of the pipe ended well, bytes there */ \
	X(VERIFIED, "verified")	/* read back equal, read to its end */	\
	X(RESTORABLE, "restorable")	/* restored and compared */

#define SET_CLASS_(id, word) SET_##id,
enum set_class { SET_CLASSES(SET_CLASS_) SET_CLASS_COUNT };
#undef SET_CLASS_
#define SET_KIND_(id, word, ending) SET_##id,
enum set_kind { SET_KINDS(SET_KIND_) SET_KIND_COUNT };
#undef SET_KIND_
#define PROVEN_(id, word) PROVEN_##id,
enum proven { SET_TRUTHS(PROVEN_) PROVEN_COUNT };
#undef PROVEN_
enum set_state { SET_WHOLE, SET_INCOMPLETE, SET_PARTIAL };

const char *set_class_name(enum set_class c);
const char *set_kind_name(enum set_kind k);
const char *set_state_name(enum set_state s);	/* "whole", "incomplete", ... */
const char *proven_name(enum proven p);
bool set_class_parse(const char *s, enum set_class *ret);
bool set_kind_parse(const char *s, enum set_kind *ret);
bool proven_parse(const char *s, enum proven *ret);

enum { SET_STAMP = 24, SET_NAME_MAX = 40, SET_FILE_MAX = 255 };

/* "20250214T021000Z" and nothing else; wall milliseconds. */
bool set_stamp_parse(const char *s, int64_t *ret_ms);

struct set_name {
	int64_t at;			/* wall ms, whole seconds */
	enum set_state state;
};
bool set_name_parse(const char *dir, struct set_name *ret);
void set_name_write(const struct set_name *n, char out[SET_NAME_MAX]);

/* What a set holds of a cluster besides its data: roles, and how it was set up,
 * each with the name of its first database behind it. */
#define SET_GLOBALS_OF "globals-"
#define SET_SETTINGS_OF "settings-"

/* The name of a component: as the site allows it, or one of these and one. */
bool set_part_ok(const char *name);
/*
 * The name of a file that a component may have: one word of a path, no dot or
 * dash first, no control characters, and none of the set's own files.
 */
bool set_file_ok(const char *name);

#define SET_MANIFEST "manifest.json"
#define SET_CHECKSUMS "checksums.sha256"

void set_file_name(struct buf *out, enum set_kind kind, const char *part);
/* Of a database that was dumped in parallel, in its own folder; the order of the
 * names is the order in which they are restored: 000-pre-data.dump.gz,
 * 001-data.dump.gz ..., 999-post-data.dump.gz. */
void set_piece_name(struct buf *out, int number, const char *section);
enum { SET_PIECE_FIRST = 0, SET_PIECE_LAST = 999 };
void set_index_name(struct buf *out, const char *file);	/* otc.dump.idx */
void set_counts_name(struct buf *out, const char *file);	/* otc.dump.counts */

/* "proof-20250214T021500Z-verified.json". One that is taken is not replaced: the
 * next free second it is, in the proof as well. */
void set_proof_name(char out[64], int64_t at, enum proven kind);
bool set_proof_parse(const char *name, int64_t *ret_at, enum proven *ret_kind);

#endif
