/*
 * web: one message to a webhook, by HTTPS. The only file that knows libcurl.
 *
 *	struct web_post p = { .url = url, .body = json, .n = n,
 *	    .deadline_ms = clock_mono_ms() + 20000 };
 *	if (web_post(&p, why, sizeof why) != WEB_OK) ...
 *
 * Certificates and host names are always checked, nothing else than https is
 * spoken, no redirection is followed. What did not get through for want of a
 * network is tried again with growing pauses until the deadline. An address is
 * a password: no message of ours has more of it than its host.
 */
#ifndef ACTION_WEB_H
#define ACTION_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum web_end {
	WEB_OK,
	WEB_LATER,		/* it may work another time */
	WEB_UNTRUSTED,		/* the same, but not in a moment */
	WEB_NEVER,		/* the other side does not want it */
};

struct web_post {
	const char *url;
	const char *body;	/* JSON */
	size_t n;
	const char *ca_file;	/* NULL: the system's */
	int64_t deadline_ms;	/* monotonic */
	int tries;		/* 0: three */
};

enum web_end web_post(const struct web_post *p, char *why, size_t size);
/* As far as the other side's certificate: nothing is sent. */
enum web_end web_try(const struct web_post *p, char *why, size_t size);
/* "https://host/..." for an address; for showing. */
void web_mask(struct buf *out, const char *url);
/* Any text, with the addresses in it shown so. */
void web_mask_text(struct buf *out, const char *text);

#endif
