/*
 * wire: how fast the line to the person is. Inside an SSH session the kernel
 * knows the round trip of $SSH_CONNECTION and what has not been sent yet; it is
 * asked by netlink, without any privilege, and nothing is sent to the terminal.
 *
 *	struct wire l = WIRE_INIT;
 *	wire_open(&l);
 *	wire_look(&l);				now and then; does not block
 *	if (l.known) ... l.rtt_ms, l.unsent
 *	wire_close(&l);
 */
#ifndef UI_WIRE_H
#define UI_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct wire {
	int fd;
	char local[48], remote[48];
	uint16_t local_port, remote_port;
	bool known;		/* the kernel has said */
	int64_t rtt_ms, unsent;
};

#define WIRE_INIT { .fd = -1 }

/* False: no SSH session, or its connection is not of this host. */
bool wire_open(struct wire *l);
/* From the text of SSH_CONNECTION: "CLIENT PORT SERVER PORT". */
bool wire_parse(struct wire *l, const char *connection);
void wire_look(struct wire *l);
void wire_close(struct wire *l);

#endif
