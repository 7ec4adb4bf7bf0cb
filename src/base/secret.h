/*
 * secret: what this process was told and must not tell: the passphrases of key
 * files, by the file's path. They lie in pages that are neither swapped nor
 * dumped, and while one is held the process itself cannot be dumped or read by
 * others of its user. Children by fork have them too; a program that is started
 * gets them by a pipe:
 *
 *	int fd = secret_pipe(&e);	its number goes into argv, nothing else
 *	... spawn, keeping fd ...
 *	io_close(&fd);
 *
 * and takes them before anything else: secret_take(fd, &e).
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { SECRET_KEY = 1024, SECRET_TEXT = 512, SECRETS_MAX = 20 };

/* One more, or another text for a key that has one. ERR_USAGE: too long, or too
 * many; ERR_SYS: no page for it, and nothing is held. */
bool secret_put(const char *key, const char *text, struct err *e);
/* A copy of it into out, which the caller zeroes after use (secret_wipe); false:
 * there is none, or no room for it. ctx is not used: the shape is place_care's. */
bool secret_find(void *ctx, const char *key, char *out, size_t size);
size_t secret_count(void);
/* From here on the process cannot be dumped, which secret_put does by itself. */
bool secret_hold(struct err *e);
/* Zeroed, and the process may be dumped again if it could be before. */
void secret_forget(void);

/* The reading end of a pipe that holds all of them, -1 with e. It closes on exec
 * unless it is kept. */
int secret_pipe(struct err *e);
/* Everything of such a pipe; fd is closed. */
bool secret_take(int fd, struct err *e);

/* A page of one's own for what is being typed, for secret_wipe to give back. */
char *secret_room(size_t size, struct err *e);
void secret_room_free(char *p, size_t size);
void secret_wipe(void *p, size_t n);

#endif
