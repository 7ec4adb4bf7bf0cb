/*
 * The order that lets a stored secret work at every instant:
 *
 *	kept		the new password, its verifier and the old verifier, durably
 *	changed		the server has the new verifier, if it still had the old one
 *	proven		a login from outside takes the new password, and the old one
 *			no more
 *	written		each password file, whole or not at all
 *	proven again	by what stands in those files alone
 *	forgotten	what was kept
 *
 * Cut off before `changed`, the old secrets are what they were; after it, the one
 * that is kept works, and the next call goes on from there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/recover_intern.h"
#include "base/clock.h"
#include "base/io.h"

enum { PROOF_MS = 30000, NAP_MS = 500, LOOKS = 5 };

struct doing {
	struct recover *r;
	struct recover_kept kept;
	bool mended;			/* the server is another than it was */
};

/* ---- proofs ------------------------------------------------------------------------ */

/* True: it is in. What may pass by itself is waited for. */
static bool
logs_in(struct recover *r, const char *password, struct err *e)
{
	int64_t until = clock_mono_ms() + PROOF_MS;
	enum pg_no no;
	struct pg *db;

	for (;;) {
		err_clear(e);
		db = recover_dial(r, password, NULL, &no, e);
		if (db != NULL || !pg_no_retry(no) || clock_mono_ms() > until)
			break;
		clock_sleep_ms(NAP_MS);
	}
	pg_close(db);
	return db != NULL;
}

/* A password that is wrong must be refused: where one is let in by trust, peer or a
 * certificate, a login proves nothing. */
static bool
is_refused(struct recover *r, const char *password, struct err *e)
{
	struct err why = ERR_INIT;
	enum pg_no no;
	struct pg *db = recover_dial(r, password, NULL, &no, &why);

	pg_close(db);
	if (db == NULL && no == PG_NO_PASSWORD)
		return true;
	if (db == NULL) {
		*e = why;
		return err_wrap(e, "whether a wrong password is refused is not "
		    "known");
	}
	err_set(e, ERR_GUARD, "%s lets %s in with a wrong password, so that no "
	    "login from here proves anything", r->ask.db->name, r->role);
	return err_hint(e, "A line of its pg_hba.conf says trust, peer or cert "
	    "for this host.");
}

/* The one that worked before, else one that was stored, else one that never was. */
static bool
old_is_refused(struct recover *r, const char *now, struct err *e)
{
	const struct recover_candidate *old = NULL;
	char other[SCRAM_PASSWORD];

	for (size_t i = 0; i < r->candidates.n; i++) {
		const struct recover_candidate *c = &r->candidates.v[i];

		if (strcmp(c->password, now) != 0 && !c->kept && (old == NULL ||
		    (c->right == SCRAM_YES && old->right != SCRAM_YES)))
			old = c;
	}
	if (old == NULL && !scram_password(other, e))
		return false;
	if (!is_refused(r, old != NULL ? old->password : other, e))
		return false;
	recover_say(r, old == NULL ? "a wrong one is refused" :
	    "the old one is refused");
	return true;
}

static bool
prove(struct recover *r, const char *password, struct err *e)
{
	if (!logs_in(r, password, e))
		return err_wrap(e, "the new password does not log in");
	recover_say(r, "a new connection from here logs in with it");
	return old_is_refused(r, password, e);
}

/* ---- the server ----------------------------------------------------------------------- */

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

enum there { THERE_OLD, THERE_NEW, THERE_ANOTHER, THERE_UNKNOWN };

/* Looks until somebody can say which of the two is stored. */
static enum there
which_is_there(struct recover *r, const char *from, const char *to)
{
	for (int i = 0; i < LOOKS; i++) {
		struct err quiet = ERR_INIT;
		char *now = NULL;
		enum there ret;

		if (i > 0)
			clock_sleep_ms(NAP_MS << i);
		if (!recover_super_verifier(r, &now, &quiet))
			continue;
		ret = same(now, to) ? THERE_NEW : same(now, from) ?
		    THERE_OLD : THERE_ANOTHER;
		recover_secret_free(now);
		return ret;
	}
	return THERE_UNKNOWN;
}

/* A link that drops says nothing about what was done: it is looked at. And when the
 * old one is still there, what was sent may yet be carried out: not *ret_over. */
static bool
change(struct recover *r, const struct recover_change *c, bool *ret_over,
    struct err *e)
{
	bool sure = true;
	enum there there;

	if (recover_super_change(r, c, &sure, e))
		return true;
	*ret_over = sure;
	if (sure || !c->password)
		return false;
	there = which_is_there(r, c->from, c->to);
	if (there == THERE_NEW)
		err_clear(e);
	else
		err_hint(e, "Whether it was changed is not known%s; the new "
		    "password is kept. Begin again: that finds out and "
		    "finishes.", there == THERE_OLD ? " (not yet)" : "");
	return there == THERE_NEW;
}

static const char *
until_before(const struct doing *d)
{
	return d->kept.extended ? d->kept.until : NULL;
}

static bool
put_back(struct doing *d, struct err *why)
{
	struct recover *r = d->r;
	struct recover_change c = { .from = d->kept.verifier,
		.to = d->kept.old, .password = true,
		.login = d->kept.unlocked ? -1 : 0, .until = until_before(d) };
	struct err e = ERR_INIT;
	bool over = true;

	recover_say(r, "the old verifier goes back");
	if (!change(r, &c, &over, &e)) {
		recover_say(r, "[ERROR] it did not: %s", e.msg);
		err_hint(why, "The new password is kept; begin again when the "
		    "cause is gone: that finishes the job.");
		return false;
	}
	r->changed = false;
	r->rolled_back = true;
	recover_keep_remove(&d->kept);
	recover_tell(r, "the proof failed, and %s has its old password again",
	    r->role);
	return true;
}

static bool
make_password(struct doing *d, struct err *e)
{
	struct recover *r = d->r;
	struct recover_kept *k = &d->kept;
	char password[SCRAM_PASSWORD], verifier[SCRAM_VERIFIER];
	bool ok = scram_password(password, e) && (r->facts.version >= 100000 ?
	    scram_verifier(password, verifier, e) :
	    scram_md5(password, r->role, verifier, e));

	if (ok) {
		k->password = xstrdup(password);
		k->verifier = xstrdup(verifier);
		mask_add(&r->mask, password);
		mask_add(&r->mask, verifier);
	}
	explicit_bzero(password, sizeof password);
	explicit_bzero(verifier, sizeof verifier);
	return ok;
}

/* A recovery that was cut off goes on with its own password; what it has found
 * there before is what goes back. */
static bool
keep(struct doing *d, struct err *e)
{
	struct recover *r = d->r;
	struct recover_kept *k = &d->kept;
	struct err none = ERR_INIT;
	bool again = recover_keep_read(r, k, &none) && same(k->identity,
	    r->facts.identity);

	if (again && same(k->verifier, r->facts.verifier))
		return true;		/* it is there already */
	if (again && !same(k->old, r->facts.verifier)) {
		recover_say(r, "what an earlier recovery kept is of no use any "
		    "more: somebody has changed the password since");
		again = false;
	}
	if (!again) {
		recover_keep_remove(k);
		recover_kept_release(k);
		if (!make_password(d, e))
			return false;
		k->old = r->facts.verifier != NULL ?
		    xstrdup(r->facts.verifier) : NULL;
	}
	k->unlocked = r->unlock;
	k->extended = r->extend;
	free(k->until);
	k->until = r->extend ? xstrdup(r->facts.until) : NULL;
	free(k->identity);
	k->identity = r->facts.identity != NULL ? xstrdup(r->facts.identity) :
	    NULL;
	if (!recover_keep_write(r, k, e))
		return false;
	if (k->volatile_)
		recover_say(r, "[WARNING] until this is done the new password "
		    "is kept in memory alone (/dev/shm): there is no room for "
		    "it in %s", r->ask.state->dir);
	return true;
}

static bool
set_new(struct doing *d, struct err *e)
{
	struct recover *r = d->r;
	struct recover_change c;
	bool over = true;

	if (!keep(d, e))
		return false;
	c = (struct recover_change){ .from = d->kept.old,
		.to = d->kept.verifier, .password = true,
		.login = r->unlock ? 1 : 0, .until = r->extend ? "infinity" :
		NULL };
	if (same(d->kept.verifier, r->facts.verifier)) {
		recover_say(r, "the server has the new password already");
		c.from = c.to;
		if ((r->unlock || r->extend) && !change(r, &c, &over, e))
			return false;
	} else if (!change(r, &c, &over, e)) {
		enum there there = over ? which_is_there(r, c.from, c.to) :
		    THERE_UNKNOWN;

		/* nothing of it will be needed */
		if (there == THERE_OLD || there == THERE_ANOTHER)
			recover_keep_remove(&d->kept);
		return false;
	}
	r->changed = true;
	recover_tell(r, "%s has a new password%s%s", r->role, r->unlock ?
	    ", may log in" : "", r->extend ? ", without an end" : "");
	if (prove(r, d->kept.password, e))
		return true;
	(void)put_back(d, e);
	return false;
}

/* NOLOGIN or VALID UNTIL alone: the stored password is the right one. */
static bool
mend_role(struct recover *r, struct err *e)
{
	struct recover_change c = { .from = r->facts.verifier,
		.to = r->facts.verifier, .login = r->unlock ? 1 : 0,
		.until = r->extend ? "infinity" : NULL };

	bool over = true;

	if (!r->unlock && !r->extend)
		return true;
	if (!change(r, &c, &over, e))
		return false;
	r->changed = true;
	recover_tell(r, "%s may log in again%s", r->role, r->extend ?
	    " (VALID UNTIL infinity)" : "");
	return true;
}

/* ---- the files --------------------------------------------------------------------------- */

static bool
write_files(struct recover *r, const char *password, struct err *e)
{
	size_t failed = 0;

	for (size_t i = 0; i < r->files.n; i++) {
		struct recover_file *f = &r->files.v[i];
		struct err why = ERR_INIT;
		bool ok = false;

		/* somebody else may be writing there at the same time */
		for (int turn = 0; turn < 3 && !ok; turn++) {
			err_clear(&why);
			ok = recover_file_write(r, f, password, &why);
			if (why.kind != ERR_BUSY)
				break;
		}
		if (ok && !f->right)
			recover_tell(r, "'%s' is written", f->spec);
		f->right = ok;
		if (ok)
			continue;
		recover_say(r, "[ERROR] %s", why.msg);
		if (failed++ == 0)
			*e = why;
	}
	if (failed > 0)
		err_hint(e, "The password works and is kept; begin again when "
		    "the file can be written: that finishes the job.");
	return failed == 0;
}

static bool
prove_files(struct recover *r, const char *password, struct err *e)
{
	enum pg_no no;
	struct pg *db;

	for (size_t i = 0; i < r->files.n; i++)
		if (!recover_file_prove(r, &r->files.v[i], password, e))
			return false;
	/* and as everything else of midwatch does it */
	db = recover_dial(r, NULL, NULL, &no, e);
	if (db == NULL)
		return err_wrap(e, "by the site's own password file");
	schema_release(&r->schema);
	err_clear(e);
	r->schema_known = schema_look(db, NULL, clock_mono_ms() +
	    RECOVER_ASK_MS, &r->schema, e);
	err_clear(e);
	pg_close(db);
	recover_tell(r, "%s logs in by what stands in %s", r->role, r->files.n ==
	    1 ? "the password file" : "each of the password files");
	return true;
}

static void
end_sessions(struct recover *r)
{
	struct err e = ERR_INIT;
	int64_t n = 0;

	if (!r->ask.end_sessions)
		return;
	if (recover_super_end_sessions(r, &n, &e))
		recover_tell(r, "%" PRId64 " old session%s of %s ended", n,
		    n == 1 ? " was" : "s were", r->role);
	else
		recover_say(r, "[WARNING] old sessions were not ended: %s",
		    e.msg);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool
by_new(struct doing *d, struct err *e)
{
	struct recover *r = d->r;
	char other[SCRAM_PASSWORD];

	if (recover_cancelled(r))
		return err_set(e, ERR_CANCELLED, "cancelled; nothing was "
		    "changed");
	/* before anything is changed: does a login prove anything here? */
	if (r->works && (!scram_password(other, e) || !is_refused(r, other,
	    e)))
		return false;
	if (!set_new(d, e) || !write_files(r, d->kept.password, e) ||
	    !prove_files(r, d->kept.password, e))
		return false;
	recover_keep_remove(&d->kept);
	return true;
}

static bool
by_known(struct doing *d, struct err *e)
{
	struct recover *r = d->r;
	const char *password = r->chosen->password;
	char other[SCRAM_PASSWORD];

	(void)recover_keep_read(r, &d->kept, NULL);
	if (!mend_role(r, e) || !logs_in(r, password, e) ||
	    !scram_password(other, e) || !is_refused(r, other, e) ||
	    !write_files(r, password, e) || !prove_files(r, password, e))
		return false;
	recover_keep_remove(&d->kept);
	return true;
}

/* What was kept is of no use when the files are right: looked at again, since a
 * recovery may have been cut off since. */
static void
forget(struct doing *d)
{
	struct recover *r = d->r;
	struct err quiet = ERR_INIT;
	enum pg_no no;
	struct pg *db;

	if (!recover_keep_read(r, &d->kept, &quiet))
		return;
	db = recover_dial(r, NULL, NULL, &no, &quiet);
	if (db != NULL)
		recover_keep_remove(&d->kept);
	pg_close(db);
}

bool
recover_do(struct recover *r, struct err *e)
{
	struct doing d = { .r = r };
	int lock = -1;
	bool ok = recover_lock(r, &lock, e);

	if (!ok && e->kind != ERR_BUSY) {
		/* a full disk refuses the lock, and must not refuse the cure */
		recover_say(r, "[WARNING] no lock could be taken: %s", e->msg);
		err_clear(e);
		ok = true;
	}
	if (ok)
		recover_keep_sweep(r);
	if (ok && r->mode == RECOVER_NEW)
		ok = by_new(&d, e);
	else if (ok && r->mode == RECOVER_FILES)
		ok = by_known(&d, e);
	else if (ok)
		forget(&d);
	if (ok && r->mode != RECOVER_NOTHING)
		end_sessions(r);
	recover_kept_release(&d.kept);
	io_close(&lock);
	(void)mask_chars(&r->mask, e->msg);
	return ok;
}
