/*
 * Any bytes as what a machine says. The first one picks: what psql answered, a
 * line of a crontab or a timer's calendar, or a name that goes into a site file
 * and must come out of it as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "found/draft.h"
#include "probe/starter.h"
#include "site/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
answer(struct found *f, char *text)
{
	struct found_thing like = { .host = "/run", .port = 5432 };
	struct found_server is = { 0 };

	if (found_databases(f, text, &like, &is))
		must(is.version != NULL && is.role != NULL);
	for (size_t i = 0; i < f->things.n; i++)
		must(f->things.v[i].kind == FOUND_DATABASE &&
		    f->things.v[i].name != NULL && f->things.v[i].size >= -1);
}

static bool
any(void *ctx, const char *command, const char *unit, const char *settings)
{
	(void)ctx;
	(void)unit;
	(void)settings;
	return command != NULL;
}

static void
schedule(const char *text)
{
	struct starters all = { .root = "", .host_zone = xstrdup("UTC") };
	struct firing f = { 0 };
	bool strong;

	starters_crontab(&all, "crontab", text, true, any, NULL);
	(void)firing_calendar(&f, text, &(struct err){ 0 });
	starters_release(&all);
	(void)found_backup_word(text, &strong);
}

/* A login of any name: the file loads, shows nothing that drives a terminal,
 * and a database that stands in it has the name that it had. */
static void
name(struct found *f, const char *text)
{
	struct found_wish w = { .name = "s", .environment = "test",
	    .store = "/b", .nightly = 60 };
	struct found_thing *t = found_add(f, FOUND_LOGIN);
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct site s = { 0 };

	t->host = "h";
	t->port = 5432;
	t->name = text;
	t->user = "u";
	t->path = "/p";
	f->host_name = "x";
	must(found_write(f, &w, "/x/f", &out, &e));
	for (size_t i = 0; i < out.n; i++)
		must((unsigned char)out.p[i] >= 0x20 || out.p[i] == '\n');
	must(site_parse(&s, "/x/f", out.p, out.n));
	must(site_dbs(&s) <= 1);
	if (site_dbs(&s) == 1)
		must(strcmp(site_db_at(&s, 0)->dbname, text) == 0);
	site_release(&s);
	buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct found f = { .zone = "UTC" };
	char *text;

	if (size == 0 || size > 4096)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 'A':
		answer(&f, text);
		break;
	case 'S':
		schedule(text);
		break;
	default:
		name(&f, text);
		break;
	}
	free(text);
	found_release(&f);
	return 0;
}
