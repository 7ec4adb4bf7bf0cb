/*
 * kernel_log: which lines of a kernel's log are bad news, and of which kind.
 */
#ifndef PROBE_KERNEL_LOG_H
#define PROBE_KERNEL_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* kind, key in data, words for one and more of them, bad while it is fresh */
#define KERNEL_KINDS(X)							\
	X(IO, "io_errors", "I/O errors", true)				\
	X(FS, "fs_errors", "file system errors", true)			\
	X(HARDWARE, "hardware_errors", "hardware errors", true)		\
	X(LINK, "link_errors", "link errors", false)			\
	X(STUCK, "stuck", "stuck processes", false)			\
	X(MEMORY, "oom_kills", "processes killed for lack of memory", false)

#define KERNEL_ENUM_(id, key, words, bad) KERNEL_##id,
enum kernel_kind { KERNEL_KINDS(KERNEL_ENUM_) KERNEL_KIND_COUNT };
#undef KERNEL_ENUM_

struct kernel_found {
	enum kernel_kind kind;
	int64_t age_ms;			/* -1: the log has no times */
	const char *text;		/* in the line, its time cut off */
};

/* What to look for there, as options of grep -F. */
void kernel_log_words(struct buf *out);
/* Seconds since the boot at the line's head; -1: none. *ret_text: behind it. */
int64_t kernel_log_time(const char *line, const char **ret_text);
/* False: no news. Loop devices, floppies and discs are no disks. */
bool kernel_log_line(const char *line, int64_t uptime_ms,
    struct kernel_found *ret);

#endif
