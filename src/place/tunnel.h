/*
 * tunnel: a TCP port of this host that leads to a host and port as a place sees
 * them, for what speaks TCP itself (libpq).
 *
 *	struct place_tunnel *t = place_tunnel_open(spec, NULL, "otc-db", 5432,
 *	    &e);
 *	... hostaddr=127.0.0.1 port=place_tunnel_port(t) ...
 *	if (it failed && place_tunnel_error(t, &why))
 *		... why.p is the better reason ...
 *	place_tunnel_close(t);
 *
 * A process of ours holds one SSH connection to the place and carries up to 64
 * connections in it. It ends with the process that opened the tunnel. Opening
 * blocks until the SSH connection stands (care's deadline, cancelled() and
 * secret() are used by the caller's process, and only then); the secret of a key
 * is kept, where no core file has it, for the links that are made later.
 *
 * When the SSH connection breaks, what it carried is reset, never ended as if
 * all had been sent; the next connection to the port makes a new one. One whose
 * far end cannot be reached is reset too, and place_tunnel_error() has the
 * reason. Only connections of this process's own user are served: the port
 * would else be a door for everybody who has a shell here.
 */
#ifndef PLACE_TUNNEL_H
#define PLACE_TUNNEL_H

#include "place/place.h"

struct place_tunnel;
struct place_tunnel *place_tunnel_open(const struct place_spec *spec,
    const struct place_care *care, const char *host, int port, struct err *e);
int place_tunnel_port(const struct place_tunnel *t);
void place_tunnel_close(struct place_tunnel *t);	/* NULL is fine */

/* True: the last connection was not served or broke off, and out has why. */
bool place_tunnel_error(struct place_tunnel *t, struct buf *out);
/* "ssh ops@bastion", "system ssh to …"; how many SSH connections were made. */
const char *place_tunnel_how(const struct place_tunnel *t);
unsigned place_tunnel_links(const struct place_tunnel *t);

#endif
