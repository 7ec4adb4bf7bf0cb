/*
 * conn: one libssh2 session, over a socket or inside another one.
 *
 * The session never sees a short write: what it sends is queued here whole and
 * flushed by conn_wait(), since libssh2 1.10 cannot do anything else while a
 * packet is half sent. Nothing here blocks longer than 200 ms.
 */
#ifndef PLACE_CONN_H
#define PLACE_CONN_H

#include <libssh2.h>
#include <libssh2_sftp.h>
#include <poll.h>

#include "place/intern.h"

enum { CONN_MORE = 2 };

struct conn {
	struct place *p;
	unsigned refs;
	int fd;
	LIBSSH2_SESSION *s;
	LIBSSH2_SFTP *sftp, *more[CONN_MORE];	/* for large files far away */
	struct place_file *writer;	/* has requests under way */
	struct conn *outer;		/* the bastion's */
	LIBSSH2_CHANNEL *through;	/* in it */
	struct buf queue;		/* sent up to queue_at */
	size_t queue_at;
	int64_t heard_ms, looked_ms;
	uint64_t heard;			/* how often */
	bool broken;
	struct place_host host;
};

/* Repeats call while libssh2 says "not yet"; rc holds what it said last. */
#define CONN_RETRY(c, until, rc, call, e)				\
	do {								\
		(rc) = (call);						\
	} while ((rc) == LIBSSH2_ERROR_EAGAIN && conn_wait(c, until, e))

struct conn *conn_of(struct place *p, int64_t until, struct err *e);
bool conn_wait(struct conn *c, int64_t until, struct err *e);
size_t conn_queued(const struct conn *c);
bool conn_slice(struct conn *c, struct err *e);	/* 200 ms at most */
/* The same together with other descriptors; f[0] is for the connection's own.
 * reads: somebody will take what comes; else only its end is looked for. */
bool conn_poll(struct conn *c, struct pollfd *f, size_t n, bool reads,
    int nap_ms, struct err *e);
bool conn_fail(struct conn *c, struct err *e, const char *what);
void conn_unref(struct conn *c);

/* auth.c */
bool conn_auth(struct conn *c, const struct place_spec *spec, int64_t until,
    struct buf *ret_why, struct err *e);
/* known.c: which kinds of keys are known, best first; then the verdict. */
void conn_known_methods(const struct conn *c, struct buf *out,
    bool *ret_other);
bool conn_known_check(const struct conn *c, const struct place_spec *spec,
    struct err *e);
struct known_key;
bool conn_key(const struct conn *c, struct known_key *k, struct err *e);

#endif
