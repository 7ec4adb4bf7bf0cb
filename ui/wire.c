#include "ui/wire.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"

bool
wire_parse(struct wire *l, const char *connection)
{
	char there[48], port_there[8], here[48], port_here[8];
	int64_t a, b;

	if (connection == NULL || sscanf(connection, "%47s %7s %47s %7s", there,
		port_there, here, port_here) != 4 ||
	    !text_int(port_there, 1, 65535, &a) ||
	    !text_int(port_here, 1, 65535, &b))
		return false;
	(void)snprintf(l->remote, sizeof l->remote, "%s", there);
	(void)snprintf(l->local, sizeof l->local, "%s", here);
	l->remote_port = (uint16_t)a;
	l->local_port = (uint16_t)b;
	return true;
}

bool
wire_open(struct wire *l)
{
	if (!wire_parse(l, getenv("SSH_CONNECTION")))
		return false;
	l->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);
	return l->fd >= 0;
}

void
wire_close(struct wire *l)
{
	io_close(&l->fd);
}

/* An IPv4 connection to a socket of IPv6 is asked for as ::ffff:a.b.c.d too. */
static bool
address(const char *text, uint8_t family, __be32 out[4])
{
	char mapped[64];

	if (family == AF_INET)
		return inet_pton(AF_INET, text, out) == 1;
	if (strchr(text, ':') != NULL)
		return inet_pton(AF_INET6, text, out) == 1;
	(void)snprintf(mapped, sizeof mapped, "::ffff:%s", text);
	return inet_pton(AF_INET6, mapped, out) == 1;
}

static bool
ask(const struct wire *l, uint8_t family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} q = { .head = { .nlmsg_len = sizeof q,
		    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		    .nlmsg_flags = NLM_F_REQUEST },
		.req = { .sdiag_family = family, .sdiag_protocol = IPPROTO_TCP,
		    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
		    .idiag_states = ~0u } };

	q.req.id.idiag_sport = htons(l->local_port);
	q.req.id.idiag_dport = htons(l->remote_port);
	q.req.id.idiag_cookie[0] = q.req.id.idiag_cookie[1] =
	    INET_DIAG_NOCOOKIE;
	return address(l->local, family, q.req.id.idiag_src) &&
	    address(l->remote, family, q.req.id.idiag_dst) &&
	    send(l->fd, &q, sizeof q, 0) == (ssize_t)sizeof q;
}

static void
take(struct wire *l, const struct nlmsghdr *h)
{
	struct tcp_info info = { 0 };
	size_t at = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	const char *p = (const char *)h;

	while (at + sizeof(struct nlattr) <= h->nlmsg_len) {
		struct nlattr a;

		memcpy(&a, p + at, sizeof a);
		if (a.nla_len < sizeof a || at + a.nla_len > h->nlmsg_len)
			return;
		if (a.nla_type == INET_DIAG_INFO) {
			size_t n = a.nla_len - sizeof a;

			memcpy(&info, p + at + sizeof a,
			    n < sizeof info ? n : sizeof info);
			l->known = true;
			l->rtt_ms = (info.tcpi_rtt + 500) / 1000;
			l->unsent = info.tcpi_notsent_bytes;
		}
		at += (a.nla_len + 3u) & ~3u;
	}
}

/* The kernel answers before send() returns, so nothing is waited for. */
void
wire_look(struct wire *l)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	char answer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (size_t i = 0; l->fd >= 0 && i < 2; i++) {
		const struct nlmsghdr *h;
		ssize_t n;

		if (!ask(l, families[i]))
			continue;
		n = recv(l->fd, answer, sizeof answer, 0);
		h = (const void *)answer;
		if (n >= (ssize_t)sizeof *h && h->nlmsg_len <= (size_t)n &&
		    h->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
			take(l, h);
			return;
		}
	}
}
