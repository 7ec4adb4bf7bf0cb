/* The set around its components: the list of checksums, and the proofs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backup/sets_intern.h"
#include "backup/verify.h"
#include "base/clock.h"

enum { TRIES = 16, MODE = 0640 };

/* ---- checksums.sha256 ------------------------------------------------------------- */

static void
no(struct buf *why, const char *path, const char *what)
{
	buf_printf(why, "%s'%s' %s", why->n > 0 ? "; " : "", path, what);
}

/* Each line of want is in have, with the same hash. */
static void
compare(const struct checksums *want, const struct checksums *have,
    struct buf *why)
{
	for (size_t i = 0; i < want->v.n; i++) {
		const struct checksum *c = &want->v.v[i];
		const char *hex = checksums_find(have, c->path);

		if (hex == NULL)
			no(why, c->path, "is not in " SET_CHECKSUMS);
		else if (strcmp(hex, c->sha256) != 0)
			no(why, c->path, "has another SHA-256 in "
			    SET_CHECKSUMS " than in the manifest");
	}
}

static void
nothing_more(const struct checksums *want, const struct checksums *have,
    struct buf *why)
{
	for (size_t i = 0; i < have->v.n; i++)
		if (checksums_find(want, have->v.v[i].path) == NULL &&
		    strcmp(have->v.v[i].path, SET_MANIFEST) != 0)
			no(why, have->v.v[i].path, "is in " SET_CHECKSUMS
			    " and not in the manifest");
}

bool
verify_list(struct place *p, const char *dir, const struct set *set,
    struct buf *why, bool *ret_other, struct err *e)
{
	char *path = xprintf("%s/" SET_CHECKSUMS, dir);
	struct buf b = BUF_INIT, ours = BUF_INIT;
	struct checksums have = { 0 }, want = { 0 };
	struct err bad = ERR_INIT;
	const char *hex;
	bool ok = true;

	*ret_other = false;
	if (!sets_slurp(p, path, &b, &bad)) {
		ok = bad.kind == ERR_NOTFOUND;
		if (ok)
			no(why, SET_CHECKSUMS, "is not there");
		else
			*e = bad;
		goto out;
	}
	checksums_of(&set->manifest, NULL, &ours);
	if (!checksums_read(&want, ours.n ? ours.p : "", ours.n, e)) {
		ok = false;
		goto out;
	}
	if (!checksums_read(&have, b.n ? b.p : "", b.n, &bad)) {
		buf_printf(why, SET_CHECKSUMS " is damaged: %s", bad.msg);
		goto out;
	}
	compare(&want, &have, why);
	nothing_more(&want, &have, why);
	hex = checksums_find(&have, SET_MANIFEST);
	*ret_other = hex != NULL && strcmp(hex, set->sha256) != 0;
	if (*ret_other)
		no(why, SET_MANIFEST, "is not the one of " SET_CHECKSUMS
		    ": one of the two was changed");
out:
	checksums_release(&want);
	checksums_release(&have);
	buf_release(&b);
	buf_release(&ours);
	free(path);
	return ok;
}

/* ---- proofs ------------------------------------------------------------------------ */

/* One of them; false: it could not be read. */
static bool
look_at_proof(struct place *p, const char *dir, const char *name,
    enum proven kind, struct buf *why, struct err *e)
{
	char *path = xprintf("%s/%s", dir, name);
	struct buf b = BUF_INIT;
	struct proof proof = { 0 };
	struct err bad = ERR_INIT;
	bool ok = sets_slurp(p, path, &b, e);

	if (ok && !proof_read(&proof, b.n > 0 ? b.p : "", b.n, &bad))
		buf_printf(why, "%s'%s': %s", why->n > 0 ? "; " : "", name,
		    bad.msg);
	else if (ok && proof.kind != kind)
		no(why, name, "is a proof of another kind");
	proof_release(&proof);
	buf_release(&b);
	free(path);
	return ok;
}

bool
verify_proofs(struct place *p, const char *dir, struct buf *why,
    struct err *e)
{
	struct place_list in = { 0 };
	bool ok = place_list(p, dir, &in, e);

	for (size_t i = 0; ok && i < in.entries.n; i++) {
		const struct place_entry *x = &in.entries.v[i];
		enum proven kind;
		int64_t at;

		if (x->st.is_file && set_proof_parse(x->name, &at, &kind))
			ok = look_at_proof(p, dir, x->name, kind, why, e);
	}
	place_list_release(&in);
	return ok;
}

static bool
put_file(struct place *p, const char *path, const struct buf *b, struct err *e)
{
	struct place_file *f = place_create(p, path, MODE, e);

	if (f == NULL)
		return false;
	if (place_file_write(f, b->p, b->n, e))
		return place_file_close(f, e);
	place_file_drop(f);
	return false;
}

bool
verify_put(struct place *p, const char *dir, struct proof *proof,
    struct err *e)
{
	struct buf b = BUF_INIT;
	char name[64];
	bool ok = false;

	proof->at -= proof->at % 1000;
	for (int i = 0; !ok && i < TRIES; i++, proof->at += 1000) {
		struct err why = ERR_INIT;
		struct place_stat st;
		char *path, *temp;

		set_proof_name(name, proof->at, proof->kind);
		path = xprintf("%s/%s", dir, name);
		temp = xprintf("%s/.%s.tmp", dir, name);
		/* one a second: who comes second takes the next */
		if (place_stat(p, path, &st, &why))
			err_set(&why, ERR_BUSY, "'%s' is there already", path);
		else if (why.kind == ERR_NOTFOUND) {
			err_clear(&why);
			ok = proof_write(proof, &b, &why) &&
			    put_file(p, temp, &b, &why);
			if (ok && !place_rename(p, temp, path, &why))
				ok = false;
			if (!ok && why.sys_errno != EEXIST)
				(void)place_remove(p, temp, NULL);
		}
		free(path);
		free(temp);
		if (!ok && why.kind != ERR_BUSY && why.sys_errno != EEXIST) {
			*e = why;
			break;
		}
		if (!ok && i + 1 == TRIES)
			*e = why;
	}
	buf_release(&b);
	if (!ok)
		return err_wrap(e, "the proof could not be written");
	proof->at -= 1000;		/* as it was written */
	return true;
}
