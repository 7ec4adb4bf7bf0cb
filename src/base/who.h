/*
 * who: the person and the machine behind an event.
 */
#ifndef BASE_WHO_H
#define BASE_WHO_H

struct who {
	char by[64];		/* the name for the record: sudo user, else login */
	char login[64];		/* the user we run as */
	char sudo[64];		/* who called sudo, "" if nobody */
	char ssh[128];		/* client address of the SSH session, "" if none */
	char host[80];
};

/* Read once; the same answer for the whole process. */
const struct who *who_am_i(void);
void who_fake(const struct who *w);	/* tests */

#endif
