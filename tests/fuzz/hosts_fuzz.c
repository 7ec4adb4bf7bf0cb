/*
 * Any bytes as what a host says of its kernel, an engine of its containers, or
 * /proc of its mounts: a reading comes of it that is one clean line and can be
 * read back. The first byte says which: k, d, c, m.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "place/intern.h"
#include "probe/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
is_clean(const char *s)
{
	struct buf b = BUF_INIT;

	if (s == NULL)
		return;
	must(strpbrk(s, "\n\r\t\033\177") == NULL);
	text_utf8(&b, s, strlen(s));
	must(strcmp(b.p, s) == 0);
	buf_release(&b);
}

static void
is_a_reading(struct reading *r)
{
	struct buf wire = BUF_INIT;
	struct err e = ERR_INIT;
	struct reading back;

	must(r->text != NULL || r->error != NULL);
	must((r->error != NULL) == (r->level == LEVEL_UNKNOWN));
	is_clean(r->text);
	is_clean(r->next);
	is_clean(r->error);
	reading_write(r, &wire);
	must(memchr(wire.p, '\n', wire.n) == wire.p + wire.n - 1);
	must(reading_parse(&back, wire.p, wire.n - 1, &e));
	reading_release(&back);
	buf_release(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "site = { name = \"a\"; };\n"
	    "disks = ( { name = \"d\"; path = \"/srv/data\"; } );\n"
	    "places = ( { name = \"box\"; container = \"c\"; } );\n"
	    "cleanup = { docker = { }; };\n";
	static struct site site;
	struct target t = { 0 };
	struct reading r;
	char *s = xstrndup((const char *)data + (size > 0), size ? size - 1 : 0);
	size_t n = strlen(s);

	if (site.name == NULL)
		must(site_parse(&site, "f", text, strlen(text)));
	reading_init(&r, "kernel", "here");
	switch (size > 0 ? data[0] : 0) {
	case 'k':
		kernel_answer(&site, &t, s, &r);
		is_a_reading(&r);
		break;
	case 'd':
		docker_answer(&site.cleanup.docker, s, n, &r);
		is_a_reading(&r);
		break;
	case 'c':
		container_answer(site_place_at(&site, 0), s, n, 1700000000000,
		    &r);
		is_a_reading(&r);
		break;
	case 'm':
		(void)place_mounted_read_only(s, "/srv/data");
		break;
	default:
		break;
	}
	reading_release(&r);
	free(t.memory);
	free(s);
	return 0;
}
