/* One set of a store: its folder, its manifest, its proofs, and what they make
 * of each component. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/sets_intern.h"
#include "base/clock.h"

enum { PROOFS_MAX = 64, SUBS_MAX = 256, CLAIM_MS = 5000 };

struct sub {
	char *name;
	struct place_list list;
};

/* What lies in the set, one level deep. */
struct folder {
	struct place_list top;
	VEC(struct sub) subs;
};

static void
folder_release(struct folder *f)
{
	place_list_release(&f->top);
	for (size_t i = 0; i < f->subs.n; i++) {
		free(f->subs.v[i].name);
		place_list_release(&f->subs.v[i].list);
	}
	VEC_RELEASE(&f->subs);
}

static const struct place_stat *
entry_of(const struct place_list *l, const char *name)
{
	size_t lo = 0, hi = l->entries.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = strcmp(l->entries.v[mid].name, name);

		if (d == 0)
			return &l->entries.v[mid].st;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool
folder_read(struct looker *l, const struct set *set, struct folder *f,
    struct err *e)
{
	char *path = sets_path(l->s, set->path);
	bool ok = place_list(l->p, path, &f->top, e);

	for (size_t i = 0; ok && i < f->top.entries.n; i++) {
		const struct place_entry *x = &f->top.entries.v[i];
		char *down;
		struct sub *sub;

		if (!x->st.is_dir || sets_noise(x->name) ||
		    f->subs.n >= SUBS_MAX)
			continue;
		sub = VEC_NEW(&f->subs);
		sub->name = xstrdup(x->name);
		down = xprintf("%s/%s", path, x->name);
		ok = place_list(l->p, down, &sub->list, e);
		free(down);
	}
	free(path);
	return ok;
}

/* ---- has anything changed? -------------------------------------------------------- */

static void
mark_bytes(uint64_t *mark, const void *p, size_t n)
{
	const unsigned char *s = p;

	/* facts are whole numbers, without holes between them */
	for (size_t i = 0; i < n; i++)
		*mark = (*mark ^ s[i]) * 0x100000001b3u;	/* NOLINT */
}

static void
mark_list(struct set *set, uint64_t *mark, const struct place_list *l)
{
	for (size_t i = 0; i < l->entries.n; i++) {
		const struct place_entry *x = &l->entries.v[i];
		const int64_t facts[] = { x->st.size, x->st.mtime,
			x->st.is_file, x->st.is_dir };

		mark_bytes(mark, x->name, strlen(x->name) + 1);
		if (x->st.is_dir)
			continue;
		mark_bytes(mark, facts, sizeof facts);
		if (x->st.size > 0 && set->bytes < INT64_MAX - x->st.size)
			set->bytes += x->st.size;
		if (x->st.mtime < INT64_MAX / 1000 &&
		    x->st.mtime * 1000 > set->changed)
			set->changed = x->st.mtime * 1000;
	}
}

/* Sums the folder up; names, sizes and times say whether it is another one. */
static uint64_t
mark_of(struct set *set, const struct folder *f)
{
	uint64_t mark = 0xcbf29ce484222325u;

	set->bytes = 0;
	set->changed = set->mtime < INT64_MAX / 1000 ? set->mtime * 1000 : 0;
	mark_list(set, &mark, &f->top);
	for (size_t i = 0; i < f->subs.n; i++) {
		mark_bytes(&mark, "/", 1);
		mark_list(set, &mark, &f->subs.v[i].list);
	}
	return mark;
}

/* ---- what a component is worth ------------------------------------------------------ */

static void
problem(struct set *set, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
problem(struct set *set, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (set->problem != NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	set->problem = buf_detach(&b);
}

static const struct place_stat *
file_of(const struct folder *f, const struct set_part *p, const char *name)
{
	if (p->dir == NULL)
		return entry_of(&f->top, name);
	for (size_t i = 0; i < f->subs.n; i++)
		if (strcmp(f->subs.v[i].name, p->dir) == 0)
			return entry_of(&f->subs.v[i].list, name);
	return NULL;
}

/* Is it there as it was written? Why not: caller frees. */
static char *
missing(const struct folder *f, const struct set_part *p, const char *name,
    int64_t size)
{
	const struct place_stat *st = file_of(f, p, name);

	if (st == NULL)
		return xprintf("'%s' is not there", name);
	if (!st->is_file)
		return xprintf("'%s' is not a file", name);
	if (st->size != size)
		return xprintf("'%s' has %" PRId64 " bytes, not %" PRId64, name,
		    st->size, size);
	return NULL;
}

static char *
not_sent(const struct folder *f, const struct set_part *p)
{
	char *why = NULL;

	if (!p->complete)
		return p->problem != NULL ? xstrdup(p->problem) :
		    xstrdup("it is not complete");
	for (size_t i = 0; why == NULL && i < p->files.n; i++)
		why = missing(f, p, p->files.v[i].name, p->files.v[i].size);
	return why;
}

/* Without its index a file is as good, but checks and restores are slower. */
static void
look_beside(struct set *set, const struct folder *f, const struct set_part *p)
{
	for (size_t i = 0; i < p->files.n; i++) {
		const struct set_side *sides[] = { &p->files.v[i].index,
			&p->files.v[i].counts };

		for (size_t k = 0; k < 2; k++) {
			char *why = sides[k]->name == NULL ? NULL :
			    missing(f, p, sides[k]->name, sides[k]->size);

			if (why != NULL)
				problem(set, "%s: %s", p->name, why);
			free(why);
		}
	}
}

static void
weigh_files(struct set *set, const struct folder *f, const char *against)
{
	for (size_t i = 0; i < set->manifest.parts.n; i++) {
		const struct set_part *p = &set->manifest.parts.v[i];
		struct set_truth *t = VEC_NEW(&set->truths);

		t->took_ms = -1;
		t->why = against != NULL ? xstrdup(against) : not_sent(f, p);
		if (t->why == NULL) {
			t->proven = PROVEN_SENT;
			t->at[PROVEN_SENT] = p->finished;
			look_beside(set, f, p);
		} else if (against == NULL && p->complete)
			problem(set, "%s: %s", p->name, t->why);
	}
}

/* ---- proofs -------------------------------------------------------------------------- */

struct proofs {
	VEC(struct proof) v;
};

static const struct proof_part *
proven_of(const struct proof *p, const char *name)
{
	for (size_t i = 0; i < p->parts.n; i++)
		if (strcmp(p->parts.v[i].name, name) == 0)
			return &p->parts.v[i];
	return NULL;
}

/* The last word of one kind about a component. */
struct word {
	const struct proof_part *said;	/* NULL: nothing was said */
	int64_t at;
};

static struct word
last_word(const struct proofs *all, enum proven kind, const char *name)
{
	struct word w = { NULL, 0 };

	for (size_t i = 0; i < all->v.n; i++) {
		const struct proof *p = &all->v.v[i];
		const struct proof_part *q = p->kind != kind ? NULL :
		    proven_of(p, name);

		/* of one moment, the bad news counts */
		if (q != NULL && (w.said == NULL || p->at > w.at ||
		    (p->at == w.at && !q->ok)))
			w = (struct word){ q, p->at };
	}
	return w;
}

static void
doubt(struct set *set, size_t i, const char *what, const struct word *w)
{
	struct set_truth *t = &set->truths.v[i];

	t->why = xprintf("%s%s%s", what, w->said->text ? ": " : "",
	    w->said->text ? w->said->text : "");
	problem(set, "%s: %s", set->manifest.parts.v[i].name, t->why);
}

/*
 * The last word of each kind decides. What was found to be damaged is worth
 * nothing until it is read, or restored, and well; that the bytes are as they
 * were does not make up for a restore that failed.
 */
static void
weigh_part(struct set *set, size_t i, const struct proofs *all)
{
	const char *name = set->manifest.parts.v[i].name;
	struct set_truth *t = &set->truths.v[i];
	struct word read = last_word(all, PROVEN_VERIFIED, name);
	struct word restored = last_word(all, PROVEN_RESTORABLE, name);
	bool damaged = read.said != NULL && !read.said->ok &&
	    !(restored.said != NULL && restored.said->ok &&
	    restored.at > read.at);

	if (damaged) {
		t->proven = PROVEN_NOT;
		doubt(set, i, "it was read back and is damaged", &read);
		return;
	}
	if (read.said != NULL && read.said->ok) {
		t->proven = PROVEN_VERIFIED;
		t->at[PROVEN_VERIFIED] = read.at;
	}
	if (restored.said != NULL && restored.said->ok) {
		t->proven = PROVEN_RESTORABLE;
		t->at[PROVEN_RESTORABLE] = restored.at;
		t->took_ms = restored.said->took_ms;
	} else if (restored.said != NULL)
		doubt(set, i, "restoring it has failed", &restored);
}

/* Has everything that such proofs are about been mentioned? Older ones say
 * nothing more, then. */
static bool
all_said(const struct set *set, const struct proofs *all, enum proven kind)
{
	for (size_t i = 0; i < set->manifest.parts.n; i++) {
		const struct set_part *p = &set->manifest.parts.v[i];

		if ((kind != PROVEN_RESTORABLE || p->kind == SET_DATABASE) &&
		    last_word(all, kind, p->name).said == NULL)
			return false;
	}
	return true;
}

/* One file that is called a proof. False: it could not be read at all. */
static bool
take_proof(struct looker *l, struct set *set, const char *name,
    enum proven kind, struct proofs *all, struct err *e)
{
	char *inside = xprintf("%s/%s", set->path, name);
	char *path = sets_path(l->s, inside);
	struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	struct proof p = { 0 };
	bool ok = sets_slurp(l->p, path, &b, e);

	if (ok && (!proof_read(&p, b.p, b.n, &why) || p.kind != kind ||
	    strcmp(p.manifest, set->sha256) != 0)) {
		set->bad_proofs++;
		problem(set, "'%s' proves nothing: %s", name, why.msg[0] ?
		    why.msg : p.kind != kind ? "its name says another kind" :
		    "it is of another manifest");
		proof_release(&p);
	} else if (ok) {
		set->proofs++;
		VEC_PUSH(&all->v, p);
	}
	buf_release(&b);
	free(path);
	free(inside);
	return ok;
}

/* Their names have the time in front: from the end, the newest come first. */
static bool
read_kind(struct looker *l, struct set *set, const struct folder *f,
    enum proven want, struct proofs *all, struct err *e)
{
	bool ok = true;
	int n = 0;

	for (size_t i = f->top.entries.n; ok && i-- > 0;) {
		const struct place_entry *x = &f->top.entries.v[i];
		enum proven kind;
		int64_t at;

		if (!x->st.is_file || !set_proof_parse(x->name, &at, &kind) ||
		    kind != want)
			continue;
		if (n++ >= PROOFS_MAX || all_said(set, all, want))
			break;
		ok = take_proof(l, set, x->name, kind, all, e);
	}
	return ok;
}

static bool
read_proofs(struct looker *l, struct set *set, const struct folder *f,
    struct err *e)
{
	struct proofs all = { 0 };
	bool ok = read_kind(l, set, f, PROVEN_VERIFIED, &all, e) &&
	    read_kind(l, set, f, PROVEN_RESTORABLE, &all, e);

	/* what is not there with its size cannot be proven by anything */
	for (size_t i = 0; ok && i < set->truths.n; i++)
		if (set->truths.v[i].proven == PROVEN_SENT)
			weigh_part(set, i, &all);
	for (size_t i = 0; i < all.v.n; i++)
		proof_release(&all.v.v[i]);
	VEC_RELEASE(&all.v);
	return ok;
}

/* ---- strays inside -------------------------------------------------------------------- */

static bool
belongs(const struct set *set, const char *sub, const char *name)
{
	enum proven kind;
	int64_t at;

	if (sub == NULL && (strcmp(name, SET_MANIFEST) == 0 ||
	    strcmp(name, SET_CHECKSUMS) == 0 ||
	    set_proof_parse(name, &at, &kind)))
		return true;
	for (size_t i = 0; i < set->manifest.parts.n; i++) {
		const struct set_part *p = &set->manifest.parts.v[i];

		if ((p->dir == NULL) != (sub == NULL) ||
		    (sub != NULL && strcmp(p->dir, sub) != 0))
			continue;
		for (size_t k = 0; k < p->files.n; k++) {
			const struct set_file *f = &p->files.v[k];

			if (strcmp(f->name, name) == 0 ||
			    (f->index.name && strcmp(f->index.name, name) == 0) ||
			    (f->counts.name && strcmp(f->counts.name, name) == 0))
				return true;
		}
	}
	return false;
}

static void
find_strays(struct looker *l, struct set *set, const struct place_list *in,
    const char *sub)
{
	char *dir = sub == NULL ? xstrdup(set->path) :
	    xprintf("%s/%s", set->path, sub);

	for (size_t i = 0; i < in->entries.n; i++) {
		const struct place_entry *x = &in->entries.v[i];

		if (!x->st.is_dir && !sets_noise(x->name) &&
		    set->strays.n < SETS_STRAYS && !belongs(set, sub, x->name))
			VEC_PUSH(&set->strays, stray_new(l->ask, dir, x));
	}
	free(dir);
}

/* ---- the whole ------------------------------------------------------------------------- */

void
set_forget(struct set *set)
{
	manifest_release(&set->manifest);
	for (size_t i = 0; i < set->truths.n; i++)
		free(set->truths.v[i].why);
	VEC_RELEASE(&set->truths);
	for (size_t i = 0; i < set->strays.n; i++)
		stray_free(set->strays.v[i]);
	VEC_RELEASE(&set->strays);
	free(set->problem);
	set->problem = NULL;
	set->told = set->looked = set->foreign = false;
	set->began = set->at;
	set->proofs = set->bad_proofs = 0;
	set->sha256[0] = '\0';
}

void
set_free(struct set *set)
{
	set_forget(set);
	free(set->path);
	free(set);
}

/* False: it is not known what it says. What is wrong with it is known. */
static bool
read_manifest(struct looker *l, struct set *set, const struct folder *f,
    struct err *e)
{
	const struct place_stat *st = entry_of(&f->top, SET_MANIFEST);
	char *inside, *path;
	struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	bool ok;

	if (st == NULL || !st->is_file) {
		problem(set, "it has no %s", SET_MANIFEST);
		return true;
	}
	if (st->size > MANIFEST_MAX) {
		problem(set, "its manifest is larger than %d bytes",
		    MANIFEST_MAX);
		return true;
	}
	l->manifests++;
	inside = xprintf("%s/%s", set->path, SET_MANIFEST);
	path = sets_path(l->s, inside);
	ok = sets_slurp(l->p, path, &b, e);
	if (ok) {
		sha_of(b.p, b.n, set->sha256);
		set->told = manifest_read(&set->manifest, b.p, b.n, &why);
		if (!set->told)
			problem(set, "its manifest is damaged: %s", why.msg);
	}
	buf_release(&b);
	free(inside);
	free(path);
	return ok;
}

static char *
of_whom(const struct sets *s, const struct manifest *m)
{
	if (s->site == NULL || strcmp(s->site, m->site) == 0)
		return NULL;
	return xprintf("it belongs to the site '%s'", m->site);
}

static bool
look_inside(struct looker *l, struct set *set, const struct folder *f,
    struct err *e)
{
	char *against;

	if (!read_manifest(l, set, f, e))
		return false;
	if (!set->told)
		return true;
	/* the name is of whole seconds, and of the next free one */
	if (set->manifest.started > set->at - CLAIM_MS &&
	    set->manifest.started < set->at + 1000)
		set->began = set->manifest.started;
	against = of_whom(l->s, &set->manifest);
	set->foreign = against != NULL;
	if (set->foreign)
		problem(set, "%s", against);
	else if (set->state == SET_WHOLE && !set->manifest.complete)
		problem(set, "its name is that of a whole set, and its "
		    "manifest says that it is not complete");
	weigh_files(set, f, against);
	free(against);
	find_strays(l, set, &f->top, NULL);
	for (size_t i = 0; i < f->subs.n; i++)
		find_strays(l, set, &f->subs.v[i].list, f->subs.v[i].name);
	return read_proofs(l, set, f, e);
}

bool
set_look(struct looker *l, struct set *set, struct err *e)
{
	struct folder f = { 0 };
	uint64_t mark;
	bool ok = folder_read(l, set, &f, e);

	if (!ok)
		goto out;
	mark = mark_of(set, &f);
	if (!set->looked || mark != set->mark) {
		set_forget(set);
		/* what is still being written is worth nothing yet */
		ok = set->state == SET_PARTIAL || look_inside(l, set, &f, e);
		if (!ok)
			set_forget(set);
		set->mark = mark;
	}
	set->looked = ok;
	if (ok)
		set->looked_ms = clock_mono_ms();
out:
	folder_release(&f);
	return ok;
}
