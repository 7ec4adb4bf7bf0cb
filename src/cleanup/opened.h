/*
 * opened: which files somebody has open, or mapped, on this host.
 *
 *	struct opened *o = opened_look();
 *	opened_by(o, st.st_dev, st.st_ino)	"pid 812 (pg_dump)", NULL: nobody
 *
 * Processes of others show their files to root alone; opened_held() asks the
 * kernel about one file, whoever has it.
 */
#ifndef CLEANUP_OPENED_H
#define CLEANUP_OPENED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct opened;
struct opened *opened_look(void);
const char *opened_by(const struct opened *o, uint64_t dev, uint64_t ino);
/* Something in that folder, or in a folder of it. */
const char *opened_below(const struct opened *o, const char *path);
/* Processes that did not let us look. */
size_t opened_hidden(const struct opened *o);
int64_t opened_at(const struct opened *o);	/* monotonic ms */
void opened_free(struct opened *o);		/* NULL is fine */

enum opened_answer { OPENED_NO, OPENED_YES, OPENED_UNKNOWN };
/* fd: the file, opened for reading alone. While it stays open, and the answer was
 * no, whoever opens the file waits for us (a lease). */
enum opened_answer opened_held(int fd);

#endif
