/* The middle's judgement: whose fault it is, who has stalled, who is too slow. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backup/flow_intern.h"
#include "base/spawn.h"
#include "base/text.h"

enum { PACK_STALL_MS = 120000, SYNC_MS = 600000, MARGIN_MS = 1500,
       BLAME_MS = 3000 };

/* ---- judging: stores ------------------------------------------------------------------ */

static void
store_ends(struct flow *f, size_t i, const char *why)
{
	struct flow_seen *s = &f->sides[i];
	struct flow_sent *sent = &f->done->stores.v[i];

	s->over = true;
	sent->sent = *why == '\0';
	snprintf(sent->why, sizeof sent->why, "%s", why);
	flow_kill(&s->child, SIGKILL);
}

static bool
has_all(const struct flow *f, const struct flow_seen *s)
{
	return s->acked >= atomic_load(&f->b->packed);
}

/* Does this one alone keep the stores that must have it waiting? */
static bool
holds_others(const struct flow *f, size_t which)
{
	const struct flow_seen *s = &f->sides[which];
	bool others = false;

	if (f->spec->stores[which].must ||
	    atomic_load(&f->b->at) != FLOW_WAITS || has_all(f, s))
		return false;
	for (size_t i = 0; i < f->spec->n_stores; i++) {
		if (!f->spec->stores[i].must || f->sides[i].over)
			continue;
		others = true;
		/* within what an upload keeps under way */
		if (f->sides[i].acked <= s->acked)
			return false;
	}
	return others;
}

/* When every store that must have it has ended, what is left to one that need
 * not has as long as a stall may last. */
static bool
is_last(const struct flow *f, size_t which)
{
	bool any = false;

	if (f->spec->stores[which].must || !atomic_load(&f->b->end))
		return false;
	for (size_t i = 0; i < f->spec->n_stores; i++)
		if (f->spec->stores[i].must) {
			any = true;
			if (!f->sides[i].over)
				return false;
		}
	return any;
}

void
flow_judge_store(struct flow *f, size_t i, int64_t passed_ms)
{
	const struct flow_end *end = &f->b->sides[i].end;
	const struct flow_spec *spec = f->spec;
	struct flow_seen *s = &f->sides[i];
	bool done = has_all(f, s), ending = atomic_load(&f->b->end);
	int64_t limit = spec->store_stall_ms + MARGIN_MS;
	char why[FLOW_WHY], span[32];
	int how = atomic_load(&end->ended);

	if (how != FLOW_RUNS) {
		store_ends(f, i, how == FLOW_GOOD ? "" : end->why);
		f->done->stores.v[i].gone = end->exit == FLOW_GONE;
		return;
	}
	if (s->child.over) {
		snprintf(why, sizeof why, "its process ended unasked (%d)",
		    spawn_code(s->child.status));
		store_ends(f, i, why);
		return;
	}
	text_fmt_duration(span, spec->store_stall_ms);
	if (done && !ending)
		s->moved_ms = f->looked_ms;
	if (done && ending && spec->stores[i].at == NULL && limit < SYNC_MS)
		limit = SYNC_MS;	/* a slow disk of ours empties its queue */
	if (f->looked_ms - s->moved_ms > limit) {
		snprintf(why, sizeof why, "nothing was acknowledged for %s",
		    span);
		store_ends(f, i, why);
		s->given_up = f->done->stores.v[i].gone = true;
	}
	if (holds_others(f, i) || is_last(f, i))
		s->held_ms += passed_ms;
	if (!s->over && s->held_ms > spec->store_stall_ms) {
		snprintf(why, sizeof why, "it is too slow: the other stores "
		    "waited %s for it", span);
		store_ends(f, i, why);
		s->given_up = f->done->stores.v[i].gone = true;
	}
}

/* Is any store still at work? */
bool
flow_stores_go_on(const struct flow *f)
{
	for (size_t i = 0; i < f->spec->n_stores; i++)
		if (!f->sides[i].over)
			return true;
	return false;
}

bool
flow_store_fails(struct flow *f, size_t i)
{
	const struct flow_sent *sent = &f->done->stores.v[i];

	f->failed = f->done->no_store = true;
	err_set(f->e, ERR_FAILED, "store '%s': %s", sent->store->name,
	    sent->why);
	return err_hint(f->e, "What came there is no backup. Mend the store, or "
	    "save to another one.");
}

/* ---- judging: the processes -------------------------------------------------------------- */

bool
flow_fails(struct flow *f, enum err_kind kind, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (!f->failed)
		err_set(f->e, kind, "%s", b.p);
	f->failed = true;
	buf_release(&b);
	return false;
}

static const struct flow_end *
end_of_proc(const struct flow *f, int who)
{
	return who == FLOW_SOURCE ? &f->b->source : &f->b->proof;
}

/* Over: its warden said so, or is gone. *ret_good: as it should be. */
bool
flow_proc_over(struct flow *f, int who, bool *ret_good)
{
	const struct flow_end *end = end_of_proc(f, who);
	int how = atomic_load(&end->ended), ok = 1;

	if (who == FLOW_SOURCE && f->spec->ok_exits != 0)
		ok = f->spec->ok_exits;

	*ret_good = false;
	if (how == FLOW_RUNS && !f->procs[who].over)
		return false;
	if (f->ended_ms[who] == 0)
		f->ended_ms[who] = f->looked_ms;
	if (how == FLOW_RUNS)
		return true;
	f->done->procs.v[who].exit = end->exit;
	*ret_good = how == FLOW_GOOD && end->exit >= 0 && end->exit < 31 &&
	    (ok & 1 << end->exit) != 0;
	return true;
}

static bool
blame(struct flow *f, int who, const char *what)
{
	const struct flow_end *end = end_of_proc(f, who);
	const char *words;
	struct buf how = BUF_INIT;
	char exit[24];

	flow_take_words(f, who);
	words = f->done->procs.v[who].said;
	snprintf(exit, sizeof exit, "exit %d", end->exit);
	if (atomic_load(&end->ended) == FLOW_RUNS)
		buf_str(&how, "its process vanished");
	else if (*end->why != '\0')
		buf_str(&how, end->why);
	else if (end->exit > 128 && end->exit < 128 + NSIG)
		buf_printf(&how, "it was killed by signal %d", end->exit - 128);
	else
		buf_str(&how, exit);
	flow_fails(f, ERR_FAILED, "%s: %s%s%s", what, how.p, *words ? ": " : "",
	    words);
	buf_release(&how);
	return false;
}

static bool
blame_source(struct flow *f)
{
	char what[128];

	snprintf(what, sizeof what, "'%.40s'%s%.60s failed", f->names[FLOW_SOURCE],
	    f->spec->at && f->spec->at->name ? " at " : "",
	    f->spec->at && f->spec->at->name ? f->spec->at->name : "");
	(void)blame(f, FLOW_SOURCE, what);
	return err_hint(f->e, "Nothing of it counts as a backup. Mend what it "
	    "says, then start again.");
}

static bool
blame_proof(struct flow *f)
{
	char what[128];

	if (atomic_load(&f->b->unread) && f->b->proof.exit == 0 &&
	    *f->b->proof.why == '\0')
		return flow_fails(f, ERR_INTEGRITY, "not proven: '%s' did not read "
		    "to the end", f->names[FLOW_PROOF]);
	snprintf(what, sizeof what, "not proven: '%.60s' failed",
	    f->names[FLOW_PROOF]);
	(void)blame(f, FLOW_PROOF, what);
	f->e->kind = ERR_INTEGRITY;
	return err_hint(f->e, "What came cannot be read to its end, so it is no "
	    "backup.");
}

bool
flow_judge_procs(struct flow *f)
{
	struct flow_child *gz = &f->procs[FLOW_GZIP];
	bool source_good, proof_good = true, proof_over = true,
	    eof = atomic_load(&f->b->eof), unread = atomic_load(&f->b->unread);
	bool source_over = flow_proc_over(f, FLOW_SOURCE, &source_good);

	if (f->spec->proof_argv != NULL)
		proof_over = flow_proc_over(f, FLOW_PROOF, &proof_good);
	if (gz->over && f->ended_ms[FLOW_GZIP] == 0) {
		f->ended_ms[FLOW_GZIP] = f->looked_ms;
		f->done->procs.v[FLOW_GZIP].exit = spawn_code(gz->status);
	}
	if (unread)
		return !proof_over || blame_proof(f);
	if (gz->over && !atomic_load(&f->b->whole))
		return flow_fails(f, ERR_FAILED, "gzip ended before the end: exit "
		    "%d", spawn_code(gz->status));
	if (source_over && !source_good)
		return blame_source(f);
	if (proof_over && !proof_good) {
		/* of an archive cut short its source may be to blame */
		if (eof && !source_over &&
		    f->looked_ms - f->ended_ms[FLOW_PROOF] < BLAME_MS)
			return true;
		return blame_proof(f);
	}
	if (source_over && proof_over && gz->over &&
	    !atomic_load(&f->b->end)) {
		flow_take_members(f);
		atomic_store(&f->b->end, true);
		for (size_t i = 0; i < f->spec->n_stores; i++) {
			f->sides[i].moved_ms = f->looked_ms;
			f->sides[i].held_ms = 0;
			flow_ring_bell(f->sides[i].child.bell);
		}
	}
	return true;
}

static bool
too_long(const struct flow *f, int64_t since, int64_t limit)
{
	return f->looked_ms - since > limit;
}

bool
flow_judge_stalls(struct flow *f)
{
	const struct flow_spec *spec = f->spec;
	struct flow_board *b = f->b;
	int64_t moved = atomic_load(&b->moved_ms), limit =
	    spec->source_stall_ms;
	bool eof = atomic_load(&b->eof);
	char span[32];
	int at = atomic_load(&b->at), who = -1;

	text_fmt_duration(span, limit);
	if (f->procs[FLOW_GZIP].over) {
		moved = f->ended_ms[FLOW_GZIP];
		if (!too_long(f, moved, limit))
			return true;
		if (f->ended_ms[FLOW_SOURCE] == 0)
			return flow_fails(f, ERR_TIMEOUT, "'%s' closed its output "
			    "and did not end within %s", f->names[FLOW_SOURCE],
			    span);
		if (spec->proof_argv != NULL && f->ended_ms[FLOW_PROOF] == 0)
			return flow_fails(f, ERR_TIMEOUT, "not proven: '%s' did not"
			    " end within %s", f->names[FLOW_PROOF], span);
		return true;
	}
	if (at == FLOW_WAITS)
		return true;		/* the stores have their own */
	if (at == FLOW_PACKS || (eof && at == FLOW_READS)) {
		limit = PACK_STALL_MS;
		who = FLOW_GZIP;
	} else
		who = at == FLOW_PROVES ? FLOW_PROOF : FLOW_SOURCE;
	if (!too_long(f, moved, limit))
		return true;
	if (who == FLOW_GZIP)
		return flow_fails(f, ERR_TIMEOUT, "gzip does not go on");
	flow_fails(f, ERR_TIMEOUT, who == FLOW_SOURCE ? "'%s' wrote nothing for %s" :
	    "not proven: '%s' read nothing for %s", f->names[who], span);
	return err_hint(f->e, "%s", who == FLOW_SOURCE ? "See what it waits for: a "
	    "lock, its network, a full disk of its server." : "What the "
	    "archive is proven with hangs; try again.");
}
