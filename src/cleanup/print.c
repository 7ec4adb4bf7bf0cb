/* The plan for people, and for programs. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cleanup/engines.h"

enum { KEPT_EACH = 12 };		/* of one reason in one part */

static bool
is_object(enum clean_kind k)
{
	return k >= CLEAN_CONTAINER;
}

/* What a person can read of an id. */
static int
short_id(const char *id)
{
	return text_starts(id, "sha256:") ? 7 + 12 : 12;
}

void
clean_where(const struct clean_plan *p, const struct clean_item *i,
    struct buf *out)
{
	const struct clean_part *part = p->parts.v[i->part];

	if (is_object(i->kind))
		buf_printf(out, "%s: %.*s %s", part->name, short_id(i->what),
		    i->what, i->label);
	else
		buf_printf(out, "%s%s%s", part->name, part->sort == CLEAN_STORE ?
		    ": " : "/", i->what);
}

/* ---- for people ---------------------------------------------------------------------- */

/* The time that an age is told from: it does not change while one reads. */
static void
put_age(const struct clean_plan *p, int64_t at, struct buf *out)
{
	static const int64_t day = 86400000;
	int64_t days = (p->ask.now - at) / day;
	char when[40];

	if (at == 0) {
		buf_printf(out, "%-16s  %6s", "", "");
		return;
	}
	clock_fmt_site(when, at);
	buf_printf(out, "%.16s  %4" PRId64 " d", when, days > 0 ? days : 0);
}

void
clean_list(const struct clean_plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->v.n; i++) {
		const struct clean_item *c = &p->v.v[i];
		struct buf where = BUF_INIT;
		char size[16];

		text_fmt_size(size, c->size);
		buf_printf(out, "  %-9s  %8s  ", clean_kind_name(c->kind), size);
		put_age(p, c->at, out);
		clean_where(p, c, &where);
		buf_str(out, "  ");
		text_clean(out, where.p, where.n, TEXT_LINE);
		buf_str(out, "\n             ");
		text_clean(out, c->reason, strlen(c->reason), TEXT_LINE);
		buf_ch(out, '\n');
		buf_release(&where);
	}
}

static void
put_clean(struct buf *out, const char *s)
{
	text_clean(out, s, strlen(s), TEXT_LINE);
}

static bool
same_reason(const struct clean_kept *a, const struct clean_kept *b)
{
	return a->part == b->part && strcmp(a->reason, b->reason) == 0;
}

static void
list_kept(const struct clean_plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->kept.n; i++) {
		const struct clean_kept *k = &p->kept.v[i];
		size_t before = 0, all = 0;

		for (size_t n = 0; n < p->kept.n; n++)
			if (same_reason(k, &p->kept.v[n])) {
				before += n < i;
				all++;
			}
		if (before > KEPT_EACH)
			continue;
		if (i == 0 || k->part != p->kept.v[i - 1].part) {
			buf_str(out, "  ");
			put_clean(out, p->parts.v[k->part]->name);
			buf_ch(out, '\n');
		}
		if (before == KEPT_EACH && all > KEPT_EACH + 1)
			buf_printf(out, "    and %zu more: ",
			    all - KEPT_EACH);
		else {
			buf_str(out, "    ");
			put_clean(out, k->what);
			buf_str(out, ": ");
		}
		put_clean(out, k->reason);
		buf_ch(out, '\n');
	}
}

static void
list_disks(const struct clean_plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->disks.n; i++) {
		const struct clean_disk *d = &p->disks.v[i];
		char need[16], frees[16];

		buf_printf(out, "disk %s: ", d->disk->name);
		text_fmt_size(need, d->need);
		text_fmt_size(frees, d->frees);
		if (d->trouble != NULL)
			put_clean(out, d->trouble);
		else if (d->need == 0)
			buf_printf(out, "%d %% full, below %d %%; this frees "
			    "%s there", d->percent, CLEAN_BELOW, frees);
		else
			buf_printf(out, "%d %% full; %s have to go to come "
			    "below %d %%, this frees %s there: %s", d->percent,
			    need, CLEAN_BELOW, frees, d->frees >= d->need ?
			    "enough" : "NOT ENOUGH");
		buf_ch(out, '\n');
	}
}

void
clean_print(const struct clean_plan *p, struct buf *out)
{
	char size[16], code[CLEAN_CODE];

	buf_str(out, p->v.n > 0 ? "what goes:\n" : "nothing may go\n");
	clean_list(p, out);
	if (p->kept.n > 0) {
		buf_str(out, "what stays, and why:\n");
		list_kept(p, out);
	}
	if (p->lacking != NULL)
		buf_printf(out, "%s has no verified copy%s: until then nothing "
		    "goes that could be a backup\n", p->lacking,
		    p->ask.opened > 0 ? " made since the incident opened" : "");
	for (size_t i = 0; i < p->parts.n; i++)
		if (p->parts.v[i]->trouble != NULL) {
			buf_str(out, "not looked at: ");
			put_clean(out, p->parts.v[i]->name);
			buf_str(out, ": ");
			put_clean(out, p->parts.v[i]->trouble);
			buf_ch(out, '\n');
		}
	for (size_t i = 0; i < p->notes.n; i++) {
		put_clean(out, p->notes.v[i]);
		buf_ch(out, '\n');
	}
	list_disks(p, out);
	text_fmt_size(size, clean_total(p));
	buf_printf(out, "total: %zu thing%s, %s\n", p->v.n, p->v.n == 1 ? "" :
	    "s", size);
	if (p->v.n == 0)
		return;
	clean_code(p, code);
	buf_printf(out, "code: %s\n", code);
}

/* ---- for programs -------------------------------------------------------------------- */

static void
put_item(const struct clean_plan *p, const struct clean_item *c,
    struct buf *out)
{
	const struct clean_part *part = p->parts.v[c->part];

	json_comma(out);
	json_open(out);
	json_put_str(out, "kind", clean_kind_name(c->kind));
	json_put_str(out, part->sort == CLEAN_STORE ? "store" : part->sort ==
	    CLEAN_TREE ? "folder" : "engine", part->name);
	json_put_str(out, is_object(c->kind) ? "id" : "path", c->what);
	json_put_str(out, "names", c->label);
	json_put_int(out, "size", c->size);
	json_put_int(out, "at", c->at);
	json_put_str(out, "reason", c->reason);
	if (c->fate != PRUNE_PLANNED)
		json_put_bool(out, "done", c->fate == PRUNE_DONE);
	json_put_str(out, "left", c->left);
	json_close(out);
}

void
clean_disks_json(const struct clean_plan *p, struct buf *out)
{
	json_open_list(out);
	for (size_t i = 0; i < p->disks.n; i++) {
		const struct clean_disk *d = &p->disks.v[i];

		json_comma(out);
		json_open(out);
		json_put_str(out, "disk", d->disk->name);
		if (d->trouble == NULL) {
			json_put_int(out, "percent", d->percent);
			json_put_int(out, "used", d->room.used);
			json_put_int(out, "free", d->room.free);
			json_put_int(out, "needed", d->need);
			json_put_int(out, "frees", d->frees);
		}
		json_put_str(out, "error", d->trouble);
		json_close(out);
	}
	json_close_list(out);
}

bool
clean_engines_json(struct clean_plan *p, struct buf *out)
{
	bool any = false;

	json_open(out);
	for (size_t i = 0; i < p->parts.n; i++)
		if (p->parts.v[i]->sort == CLEAN_ENGINE &&
		    p->parts.v[i]->trouble == NULL) {
			json_put_str(out, "engine", p->parts.v[i]->name);
			any = engines_df(p, p->parts.v[i], out) || any;
		}
	json_close(out);
	return any;
}

void
clean_json(const struct clean_plan *p, struct buf *out)
{
	char code[CLEAN_CODE];

	clean_code(p, code);
	json_put_str(out, "code", p->v.n > 0 ? code : NULL);
	json_put_int(out, "total", clean_total(p));
	json_put_str(out, "lacking", p->lacking);
	json_key(out, "items");
	json_open_list(out);
	for (size_t i = 0; i < p->v.n; i++)
		put_item(p, &p->v.v[i], out);
	json_close_list(out);
	json_key(out, "protected");
	json_open_list(out);
	for (size_t i = 0; i < p->kept.n; i++) {
		json_comma(out);
		json_open(out);
		json_put_str(out, "in", p->parts.v[p->kept.v[i].part]->name);
		json_put_str(out, "what", p->kept.v[i].what);
		json_put_str(out, "reason", p->kept.v[i].reason);
		json_close(out);
	}
	json_close_list(out);
	json_key(out, "not_looked_at");
	json_open_list(out);
	for (size_t i = 0; i < p->parts.n; i++)
		if (p->parts.v[i]->trouble != NULL) {
			json_comma(out);
			json_open(out);
			json_put_str(out, "what", p->parts.v[i]->name);
			json_put_str(out, "why", p->parts.v[i]->trouble);
			json_close(out);
		}
	json_close_list(out);
	json_key(out, "notes");
	json_open_list(out);
	for (size_t i = 0; i < p->notes.n; i++) {
		json_comma(out);
		json_text(out, p->notes.v[i]);
	}
	json_close_list(out);
	json_key(out, "disks");
	clean_disks_json(p, out);
}
