/*
 * One file to a host, as a backup would send it.
 *
 *	put USER PORT KEY KNOWN_HOSTS FILE TO	prints the milliseconds
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "place/place.h"

int
main(int argc, char **argv)
{
	struct place_spec spec = { .name = "bench", .host = "127.0.0.1" };
	struct err e = ERR_INIT;
	int64_t port, n = 0, began = clock_mono_ms();
	struct place *p;
	bool ok;
	int fd;

	if (argc != 7 || !text_int(argv[2], 1, 65535, &port))
		return 2;
	spec.user = argv[1];
	spec.port = (int)port;
	spec.identity = argv[3];
	spec.known_hosts = argv[4];
	spec.config = "/dev/null";
	fd = open(argv[5], O_RDONLY | O_CLOEXEC);
	p = place_open(&spec, NULL, &e);
	ok = p && place_put(p, fd, argv[6], 0600, &n, &e);
	if (ok)
		printf("%" PRId64 "\n", clock_mono_ms() - began);
	else
		fprintf(stderr, "%s\n", e.msg);
	place_close(p);
	(void)close(fd);
	return ok ? 0 : 1;
}
