/*
 * clip: what is copied also lies in a file of one's own, since no terminal ever
 * says whether it took it: $XDG_RUNTIME_DIR/midwatch/clip, else
 * ~/.cache/midwatch/clip, 0600. A child writes it; a disk that hangs holds up
 * nothing.
 */
#ifndef UI_CLIP_H
#define UI_CLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where it will lie; NULL: there is no place for it. The caller frees. */
char *clip_path(void);
/* False: no child could be started. */
bool clip_write(const char *path, const char *text, size_t n);
/* Into tmux's buffer; the child's pid, 0: not within tmux, or it has none. */
pid_t clip_tmux(const char *text, size_t n);

#endif
