/*
 * err: why something failed, in words an operator can use.
 *
 * Fallible functions return bool and take a struct err last. The first failure
 * wins; callers put context in front of it with err_wrap(). A message is one
 * line, lower case, the offending value in single quotes; what the operator can
 * do about it is a sentence of its own, the hint.
 *
 *	if (!file_read(path, &b, LIMIT, e))
 *		return err_wrap(e, "site file");
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err_kind {
	ERR_NONE,
	ERR_SYS,	/* the system refused; sys_errno says why */
	ERR_USAGE,	/* wrong words or a wrong file: exit 2 */
	ERR_GUARD,	/* refused on purpose: exit 3 */
	ERR_BUSY,	/* somebody else holds it: exit 3 */
	ERR_TIMEOUT,
	ERR_CANCELLED,
	ERR_INTEGRITY,	/* bytes are not what they were */
	ERR_NOTFOUND,
	ERR_FAILED,	/* tried, and it did not work */
};

struct err {
	enum err_kind kind;
	int sys_errno;
	char msg[512];
	char hint[256];
};

#define ERR_INIT { 0 }

/* All of these return false, so that a failure is one statement. */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool err_sys(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool err_wrap(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool err_hint(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void err_clear(struct err *e);

/* The word of a kind in JSON output ("guard", "busy", ...). */
const char *err_kind_name(enum err_kind kind);

/* Out of memory and broken invariants end the process here, after the hook has
 * given the terminal back. */
extern void (*die_hook)(void);
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void *xmalloc(unsigned long n);
void *xcalloc(unsigned long n, unsigned long size);
void *xrealloc(void *p, unsigned long n, unsigned long size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, unsigned long n);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
