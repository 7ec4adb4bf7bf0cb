/*
 * Any bytes as what a shell at a place lists: what becomes of it is a plan that
 * can be printed, and that has nothing which is never to be in one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cleanup/guard.h"
#include "cleanup/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
check_item(const struct clean_plan *p, const struct clean_item *c)
{
	char *copy = xstrdup(c->what), *rest = copy, *name;

	while ((name = strsep(&rest, "/")) != NULL)
		must(guard_folder(name) == NULL || (rest == NULL &&
		    c->kind == CLEAN_FILE));
	free(copy);
	if (c->kind == CLEAN_FILE)
		must(c->id.nlink <= 1);
	/* nothing below what stays */
	for (size_t i = 0; i < p->kept.n; i++) {
		size_t n = strlen(p->kept.v[i].what);

		must(strncmp(c->what, p->kept.v[i].what, n) != 0 ||
		    c->what[n] != '/' || strcmp(p->kept.v[i].reason,
		    "it is a data directory of PostgreSQL") != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site site = { .cleanup = { .older_ms = 86400000 } };
	struct clean_part part = { .sort = CLEAN_TREE,
		.name = xstrdup("box:/old") };
	struct clean_part *parts[] = { &part };
	struct clean_plan p = CLEAN_PLAN_INIT;
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct tree t = { 0 };
	struct err e = ERR_INIT;
	json_t *o;

	p.ask.site = &site;
	p.ask.now = 1771293600000LL;
	p.parts.v = parts;
	p.parts.n = p.parts.cap = 1;
	part.at = (const struct site_place *)(uintptr_t)&site;
	buf_add(&in, data, size);
	if (tree_listing(&t, &in, &e)) {
		tree_judge(&p, 0, &t);
		for (size_t i = 0; i < p.v.n; i++)
			check_item(&p, &p.v.v[i]);
		must(part.trouble == NULL || p.v.n == 0);
		clean_print(&p, &out);
		for (size_t i = 0; i < out.n; i++)
			must(out.p[i] == '\n' || (unsigned char)out.p[i] >= 32);
		buf_clear(&out);
		json_open(&out);
		clean_json(&p, &out);
		json_close(&out);
		o = json_read(out.p, out.n, &e);
		must(o != NULL);
		json_decref(o);
	} else
		must(e.kind != ERR_NONE && strpbrk(e.msg, "\n\033") == NULL);
	for (size_t i = 0; i < p.v.n; i++) {
		free(p.v.v[i].what);
		free(p.v.v[i].reason);
	}
	for (size_t i = 0; i < p.kept.n; i++) {
		free(p.kept.v[i].what);
		free(p.kept.v[i].reason);
	}
	VEC_RELEASE(&p.v);
	VEC_RELEASE(&p.kept);
	free(part.name);
	free(part.trouble);
	tree_release(&t);
	buf_release(&in);
	buf_release(&out);
	return 0;
}
