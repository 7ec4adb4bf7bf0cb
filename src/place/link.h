/*
 * link: one SSH connection with connections in it, for the relay. By libssh2;
 * or, where that cannot talk to the server, the system's ssh, which listens on
 * a socket that has no name in any folder any more.
 *
 *	if (link_open(&l, spec, &care, "otc-db", 5432, &e))
 *		while ((r = link_dial(&l, &far, &e)) == 0)
 *			link_poll(&l, f, 1, true, 200, &e);
 *
 * Nothing but link_open() blocks. Once broken is set all that is left to do is
 * link_close(), which takes everything in it along.
 */
#ifndef PLACE_LINK_H
#define PLACE_LINK_H

#include <poll.h>

#include "place/place.h"

struct link {
	struct place *p;
	const char *host;
	int port;
	bool broken;
	bool dials, pings;		/* libssh2 is in the middle of it */
	int64_t asked_ms, drained_ms;
	/* the system's ssh */
	pid_t pid;
	int door, errfd;
	struct buf said;
};
#define LINK_INIT { .pid = -1, .door = -1, .errfd = -1, .said = BUF_INIT }

/* The far end of one connection. */
struct far {
	void *channel;
	int fd;				/* -1: there is none to wait for */
	int64_t end_ms;			/* its end was seen, but not yet told */
	bool spoke;
};
#define FAR_INIT { .fd = -1 }

enum { LINK_AGAIN = -1, LINK_CUT = -2 };

bool link_open(struct link *l, const struct place_spec *spec,
    const struct place_care *care, const char *host, int port, struct err *e);
void link_close(struct link *l);

/* 1: connected; 0: not yet; -1: it cannot be (e), or the link broke. */
int link_dial(struct link *l, struct far *ret, struct err *e);
/* Bytes; 0: the end (of what it sends; of what it takes); LINK_AGAIN;
 * LINK_CUT: this connection is no more (e). */
ssize_t link_read(struct link *l, struct far *far, struct buf *b, struct err *e);
ssize_t link_write(struct link *l, struct far *far, const char *s, size_t n,
    struct err *e);
void link_shut(struct link *l, struct far *far);
/* After its end: does it take nothing any more either? */
bool link_over(struct link *l, struct far *far);
/* False: not quite gone, again. */
bool link_leave(struct link *l, struct far *far);

/* Waits; f[0] is the link's own. reads: one of the functions above is going to
 * read. False: the link broke (e). */
bool link_poll(struct link *l, struct pollfd *f, size_t n, bool reads,
    int nap_ms, struct err *e);
/* Has something come since *mark, that a wait might not tell of? */
bool link_heard(const struct link *l, uint64_t *mark);

#endif
