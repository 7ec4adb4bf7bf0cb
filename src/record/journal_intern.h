/*
 * journal_intern: what journal.c and second.c share. Nobody else includes it.
 */
#ifndef RECORD_JOURNAL_INTERN_H
#define RECORD_JOURNAL_INTERN_H

#include "record/journal.h"
#include "record/line.h"

bool journal_read_rest(int fd, int64_t off, struct buf *out, const char *path,
    struct err *e);
bool journal_same_file(const struct journal *j, int fd, struct err *e);
struct line_chain journal_chain(const struct journal *j, int64_t at, int fd);
void journal_at(const struct journal *j, enum journal_phase now);
/* Folds both files; what stands behind the last newline goes to the tails. */
bool journal_fold(struct journal *j, struct buf *tail, struct buf *tail2,
    struct err *e);
/* What has to stand before the next line: the end of a fragment in that file,
 * and a journal.torn for each that is known. */
bool journal_repair(struct journal *j, struct line_chain *c,
    const struct buf *tail, bool second, struct buf *out, struct err *e);
/* One write, one sync; false with errno. *dead gets it when the sync failed:
 * the descriptor is not to be trusted again. */
bool journal_put(struct journal *j, int fd, const struct buf *bytes, int *dead);
/* Our own lines must be what a reader finds. */
bool journal_kept(struct journal *j, const struct line_chain *c,
    struct err *e);
bool journal_append_locked(struct journal *j, const struct draft *d, size_t n,
    journal_decide *decide, void *ctx, struct err *e);

bool second_open(struct journal *j);
/* Beside the first journal stands whether the second one holds lines: a file
 * that exists beforehand and is renamed, since a full disk can still do that. */
char *second_marker(const struct journal *j, bool in_use);	/* caller frees */
bool second_marked(const struct journal *j);
void second_mark(const struct journal *j, bool in_use);
/* Beside it, as far as a failing disk takes it: how far the second one came. */
void second_mark_end(const struct journal *j, const struct line_chain *c);
bool second_missing(const struct journal *j, struct err *e);
/* Whether a restart took it: it was in memory under another start of this host,
 * and nothing is in its place. */
bool second_gone(const struct journal *j);
/* Journals that, and chooses another. */
bool second_recover(struct journal *j, struct err *e);
/* The rest of it; from its beginning when it is not what was folded. */
bool second_rest(struct journal *j, struct buf *out, struct err *e);
void second_remember(struct journal *j, const struct buf *begins);
/* Whether the bytes that the first one ends with, at that offset, are a cut-off
 * copy of the line that comes behind seq `have` in the second one. */
bool second_continues(const struct buf *second, int64_t have, const char *tail,
    size_t tail_n, int64_t offset);
/* The first journal failed with `why` while `lost` was written to it; *c ends as
 * the chain does. */
bool second_switch(struct journal *j, int why, const struct buf *lost,
    const struct draft *d, size_t n, struct line_chain *c, struct err *e);
bool second_switched_line(struct line_chain *c, const char *why,
    struct buf *out, struct err *e);
bool second_neither(const struct journal *j, int why1, int why2, struct err *e);

#endif
