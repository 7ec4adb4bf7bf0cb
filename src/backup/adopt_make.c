/* The set that is made of a dump. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backup/adopt.h"
#include "backup/checksums.h"
#include "backup/lock.h"
#include "base/clock.h"
#include "base/file.h"

enum { CHUNK = 256 << 10, LINK_MS = 60000, HASH_MS = 6 * 3600000, TRIES = 60 };

#define ENDING_(id, word, ending) ending,
static const char *const endings[] = { ADOPT_FORMS(ENDING_) };
#undef ENDING_

struct maker {
	struct adopt_dump *d;
	const struct adopt_ask *ask;
	char *dir;			/* of the `.partial`, at the store */
	char *file;			/* its name in the set */
	VEC(char *) made;		/* paths, to be removed on failure */
};

static bool
there_is(const struct maker *m, const char *path, bool *ret, struct err *e)
{
	struct place_stat st;
	struct err why = ERR_INIT;

	*ret = place_stat(m->ask->to, path, &st, &why);
	if (*ret || why.kind == ERR_NOTFOUND)
		return true;
	*e = why;
	return false;
}

/* manual/, and the folders above it, which are the first set's. */
static bool
make_above(struct place *to, const char *class, struct err *e)
{
	char *dir = xprintf("%s/", class);
	struct place_stat st;
	struct err why = ERR_INIT;
	bool ok = true;

	for (char *p = dir + 1; ok && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		err_clear(&why);
		if (!place_stat(to, dir, &st, &why) &&
		    why.kind == ERR_NOTFOUND) {
			err_clear(&why);
			ok = place_mkdir(to, dir, 0750, &why) ||
			    why.sys_errno == EEXIST;
		}
		*p = '/';
	}
	free(dir);
	if (!ok)
		*e = why;
	return ok;
}

/* A name that no set has, claimed by making its directory. */
static bool
claim(struct maker *m, int64_t *at, struct err *e)
{
	char *class = file_join(m->ask->store, set_class_name(SET_MANUAL));
	struct err why = ERR_INIT;
	bool ok = make_above(m->ask->to, class, e), claimed = false, taken;

	for (int i = 0; ok && !claimed && i < TRIES; i++, *at += 1000) {
		struct set_name name = { *at / 1000 * 1000, SET_WHOLE };
		char word[SET_NAME_MAX];
		char *path;

		set_name_write(&name, word);
		path = file_join(class, word);
		ok = there_is(m, path, &taken, e);
		if (ok && !taken) {
			char *partial = xprintf("%s.partial", path);

			why = (struct err)ERR_INIT;
			claimed = place_mkdir(m->ask->to, partial, 0750, &why);
			if (claimed) {
				m->dir = partial;
				m->d->set = xprintf("%s/%s",
				    set_class_name(SET_MANUAL), word);
				*at = name.at - 1000;
			} else {
				free(partial);
				ok = why.sys_errno == EEXIST;
				if (!ok)
					*e = why;
			}
		}
		free(path);
	}
	free(class);
	return ok && (claimed || err_set(e, ERR_BUSY, "no name is free for a "
	    "set of that time"));
}

static bool
put(struct maker *m, const char *name, const struct buf *b, struct err *e)
{
	char *path = file_join(m->dir, name);
	struct place_file *f = place_create(m->ask->to, path, 0640, e);
	bool ok = f != NULL && place_file_write(f, b->p, b->n, e) &&
	    place_file_close(f, e);

	if (f != NULL)
		VEC_PUSH(&m->made, xstrdup(path));
	if (!ok)
		place_file_drop(f);
	free(path);
	return ok;
}

static bool
copy(struct maker *m, const char *to, struct err *e)
{
	struct place_file *in = place_read_open(m->ask->from, m->d->path, 0, e);
	struct place_file *out = in == NULL ? NULL :
	    place_create(m->ask->to, to, 0640, e);
	char *chunk = xmalloc(CHUNK);
	ssize_t n = -1;
	bool ok = out != NULL;

	if (ok)
		VEC_PUSH(&m->made, xstrdup(to));
	while (ok && (n = place_file_read(in, chunk, CHUNK, e)) > 0)
		ok = place_file_write(out, chunk, (size_t)n, e);
	ok = ok && n == 0;
	if (ok)
		ok = place_file_close(out, e);
	else
		place_file_drop(out);
	place_file_drop(in);
	free(chunk);
	return ok;
}

static bool
link_it(struct maker *m, const char *to)
{
	const char *const argv[] = { "ln", "--", m->d->path, to, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err quiet = ERR_INIT;
	bool ok = m->ask->from == m->ask->to && place_do(m->ask->to,
	    &(struct place_run){ .argv = argv, .deadline_ms =
	    clock_mono_ms() + LINK_MS }, &ran, &quiet);

	place_ran_release(&ran);
	if (ok)
		VEC_PUSH(&m->made, xstrdup(to));
	return ok;
}

/* The bytes, there, and read back equal to what was read through. */
static bool
bring(struct maker *m, struct err *e)
{
	char *to = file_join(m->dir, m->file), hex[SHA_HEX];
	bool ok;

	m->d->linked = link_it(m, to);
	ok = (m->d->linked || copy(m, to, e)) && place_hash(m->ask->to, to,
	    hex, clock_mono_ms() + HASH_MS, e);
	if (ok && strcmp(hex, m->d->sha256) != 0)
		ok = err_set(e, ERR_INTEGRITY, "'%s' is not what was read of "
		    "it: it has changed meanwhile", m->d->path);
	free(to);
	return ok;
}

static void
describe(struct maker *m, int64_t at, struct manifest *ret)
{
	struct adopt_dump *d = m->d;
	struct set_part *p;
	struct set_file *f;
	struct run_file who;

	run_file_self(&who);
	ret->site = pool_str(&ret->pool, m->ask->site->name);
	ret->by = "midwatch sets adopt";
	ret->host = pool_str(&ret->pool, who.host);
	ret->class = SET_MANUAL;
	ret->started = ret->finished = at;
	ret->complete = true;
	p = manifest_part(ret, pool_str(&ret->pool, d->db), SET_DATABASE);
	p->complete = true;
	p->started = p->finished = at;
	f = VEC_NEW(&p->files);
	f->name = m->file;
	f->size = d->size;
	f->raw_size = d->raw_size;
	memcpy(f->sha256, d->sha256, sizeof f->sha256);
	VEC_PUSH(&p->pipe, ((struct set_proc){ SET_ADOPT, d->dump_version,
	    0 }));
	p->from.server_version = d->server_version;
	p->from.dbname = d->dbname;
	VEC_PUSH(&p->warnings, pool_printf(&ret->pool, "made by something "
	    "else, and taken over from '%s'", d->path));
	if (d->dbname == NULL)
		VEC_PUSH(&p->warnings, pool_printf(&ret->pool, "which database "
		    "it is of was said by %s, not by the dump", d->db_from));
}

static bool
prove(struct maker *m, const char *manifest_sha, struct err *e)
{
	struct proof proof = { .kind = PROVEN_VERIFIED, .at = m->ask->now,
		.by = "midwatch sets adopt" };
	struct buf b = BUF_INIT;
	char name[64];
	bool ok;

	memcpy(proof.manifest, manifest_sha, SHA_HEX);
	VEC_PUSH(&proof.parts, ((struct proof_part){ .name = m->d->db,
	    .ok = true, .bytes = m->d->size, .took_ms = -1, .tables = -1,
	    .rows = -1, .text = "read through to its end when it was taken "
	    "over, and read back equal" }));
	set_proof_name(name, proof.at, proof.kind);
	ok = proof_write(&proof, &b, e) && put(m, name, &b, e);
	proof_release(&proof);
	buf_release(&b);
	return ok;
}

static bool
fill(struct maker *m, int64_t at, struct err *e)
{
	struct manifest manifest = { 0 };
	struct buf b = BUF_INIT, sums = BUF_INIT;
	struct run_file run;
	char sha[SHA_HEX];
	bool ok;

	run_file_self(&run);
	run_file_write(&run, &b);
	ok = put(m, RUN_FILE, &b, e) && bring(m, e);
	if (ok) {
		buf_clear(&b);
		describe(m, at, &manifest);
		ok = manifest_write(&manifest, &b, e);
	}
	if (ok) {
		sha_of(b.p, b.n, sha);
		checksums_of(&manifest, sha, &sums);
		ok = prove(m, sha, e) && put(m, SET_CHECKSUMS, &sums, e) &&
		    put(m, SET_MANIFEST, &b, e);
	}
	manifest_release(&manifest);
	buf_release(&sums);
	buf_release(&b);
	return ok;
}

static bool
publish(struct maker *m, struct err *e)
{
	char *run = file_join(m->dir, RUN_FILE);
	char *to = file_join(m->ask->store, m->d->set);
	bool ok = place_remove(m->ask->to, run, e) &&
	    place_rename(m->ask->to, m->dir, to, e);

	free(to);
	free(run);
	return ok;
}

static void
undo(struct maker *m)
{
	struct err quiet = ERR_INIT;

	for (size_t i = m->made.n; i-- > 0;)
		(void)place_remove(m->ask->to, m->made.v[i], &quiet);
	if (m->dir != NULL)
		(void)place_rmdir(m->ask->to, m->dir, &quiet);
	free(m->d->set);
	m->d->set = NULL;
}

static const struct set *
had(const struct maker *m)
{
	for (size_t i = 0; m->ask->sets != NULL && i < m->ask->sets->v.n; i++) {
		const struct set *set = m->ask->sets->v.v[i];

		for (size_t k = 0; k < set->manifest.parts.n; k++) {
			const struct set_part *p = &set->manifest.parts.v[k];

			for (size_t n = 0; n < p->files.n; n++)
				if (strcmp(p->files.v[n].sha256,
				    m->d->sha256) == 0)
					return set;
		}
	}
	return NULL;
}

bool
adopt_make(struct adopt_dump *d, const struct adopt_ask *ask, struct err *e)
{
	struct maker m = { .d = d, .ask = ask };
	const struct set *set = had(&m);
	int64_t at = d->at;
	bool ok = d->proven || err_set(e, ERR_GUARD, "it is not proven");

	if (ok && set != NULL) {
		d->was_there = true;
		d->set = xstrdup(set->path);
		return true;
	}
	m.file = xprintf("%s%s%s", d->db != NULL ? d->db : "",
	    endings[d->form], d->packed ? ".gz" : "");
	ok = ok && claim(&m, &at, e) && fill(&m, at, e) && publish(&m, e);
	if (!ok)
		undo(&m);
	else if (ask->move)
		d->moved = ok = place_remove(ask->from, d->path, e);
	for (size_t i = 0; i < m.made.n; i++)
		free(m.made.v[i]);
	VEC_RELEASE(&m.made);
	free(m.dir);
	free(m.file);
	return ok;
}
