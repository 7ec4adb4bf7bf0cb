/*
 * Any bytes as a site file: it loads, or says why with a line of that file, and
 * what loaded is whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "site/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
what_loaded_is_whole(const struct site *s)
{
	for (size_t i = 0; i < site_dbs(s); i++) {
		const struct site_db *d = site_db_at(s, i);

		must(text_is_name(d->name) && site_db(s, d->name) == d);
		must(d->port > 0 && d->port < 65536 && *d->dbname != '\0');
		must(d->through == NULL || site_place(s, d->through)->ssh);
		must(d->dump_at == NULL || site_place(s, d->dump_at));
	}
	for (size_t i = 0; i < site_places(s); i++) {
		const struct site_place *p = site_place_at(s, i);

		must((p->ssh_host != NULL) != (p->container != NULL));
		for (size_t hops = 0; p != NULL; hops++) {
			must(hops <= site_places(s));
			p = site_place(s, p->via != NULL ? p->via : p->at);
		}
	}
	for (size_t i = 0; i < s->backup.to.n; i++)
		must(site_store(s, s->backup.to.v[i]) != NULL);
	for (size_t i = 0; i < site_disks(s); i++)
		must(site_disk_at(s, i)->warn < site_disk_at(s, i)->critical);
	must(s->timezone != NULL && s->environment != NULL);
	must(strlen(s->sha) == SHA_HEX - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site s = { 0 };
	int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	must(site_parse(&s, "f", data, size) == (s.doc.problems.n == 0));
	for (size_t i = 0; i < s.doc.problems.n; i++) {
		const struct conf_problem *p = &s.doc.problems.v[i];

		must(text_starts(p->text, "f:") && p->line <= lines);
		must(strpbrk(p->text, "\n\033") == NULL);
	}
	if (s.doc.problems.n == 0)
		what_loaded_is_whole(&s);
	site_release(&s);
	return 0;
}
