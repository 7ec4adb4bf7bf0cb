#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

void (*die_hook)(void);

static bool
set(struct err *e, enum err_kind kind, int sys, const char *fmt, va_list ap)
{
	struct buf raw = BUF_INIT;

	if (e == NULL || e->kind != ERR_NONE)
		return false;
	e->kind = kind;
	e->sys_errno = sys;
	buf_vprintf(&raw, fmt, ap);
	if (sys != 0)
		buf_printf(&raw, ": %s", strerror(sys));
	text_clean_into(e->msg, sizeof e->msg, raw.p);
	buf_release(&raw);
	return false;
}

bool
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, kind, 0, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_sys(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	va_start(ap, fmt);
	set(e, ERR_SYS, sys, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_wrap(struct err *e, const char *fmt, ...)
{
	struct buf all = BUF_INIT;
	va_list ap;

	if (e == NULL)
		return false;
	va_start(ap, fmt);
	buf_vprintf(&all, fmt, ap);
	va_end(ap);
	buf_printf(&all, ": %s", e->msg);
	text_clean_into(e->msg, sizeof e->msg, all.p);
	buf_release(&all);
	return false;
}

bool
err_hint(struct err *e, const char *fmt, ...)
{
	struct buf raw = BUF_INIT;
	va_list ap;

	if (e == NULL || e->hint[0] != '\0')
		return false;
	va_start(ap, fmt);
	buf_vprintf(&raw, fmt, ap);
	va_end(ap);
	text_clean_into(e->hint, sizeof e->hint, raw.p);
	buf_release(&raw);
	return false;
}

void
err_clear(struct err *e)
{
	memset(e, 0, sizeof *e);
}

const char *
err_kind_name(enum err_kind kind)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",
		[ERR_SYS] = "system",
		[ERR_USAGE] = "usage",
		[ERR_GUARD] = "guard",
		[ERR_BUSY] = "busy",
		[ERR_TIMEOUT] = "timeout",
		[ERR_CANCELLED] = "cancelled",
		[ERR_INTEGRITY] = "integrity",
		[ERR_NOTFOUND] = "not-found",
		[ERR_FAILED] = "failed",
	};

	return names[kind];
}

void
die(const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	if (die_hook != NULL)
		die_hook();
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	(void)dprintf(STDERR_FILENO, "midwatch: %s\n", msg);
	abort();
}

void *
xmalloc(unsigned long n)
{
	void *p = malloc(n ? n : 1);

	if (p == NULL)
		die("out of memory (%lu bytes)", n);
	return p;
}

void *
xcalloc(unsigned long n, unsigned long size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (p == NULL)
		die("out of memory (%lu x %lu bytes)", n, size);
	return p;
}

void *
xrealloc(void *p, unsigned long n, unsigned long size)
{
	p = reallocarray(p, n ? n : 1, size ? size : 1);
	if (p == NULL)
		die("out of memory (%lu x %lu bytes)", n, size);
	return p;
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, unsigned long n)
{
	char *p = xmalloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
xprintf(const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
	return s;
}
