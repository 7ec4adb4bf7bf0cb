/*
 * The child that holds one store: out of the ring into the archive, and the
 * index beside it as it grows. Where the store is elsewhere and the connection
 * breaks, another one goes on behind what was acknowledged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "backup/flow_intern.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum { PIECE = 64 << 10, RING_EVERY = 128 << 10, SYNC_EVERY = 16 << 20,
       INDEX_EVERY_MS = 1000, IDLE_MS = 50, PAUSE_MS = 250,
       PAUSE_MAX_MS = 8000, TRIES = 30, CONNECT_MS = 20000 };

struct end {				/* one of the two files there */
	char *path;
	bool tried, made;
	struct place_file *f;
	int64_t at;			/* handed over */
	int64_t acked;
};

struct store {
	struct flow_board *b;
	const struct flow_store *to;
	struct flow_side *side;
	struct place *place;
	struct end data, index;
	int64_t member;			/* next one for the index */
	struct buf lines;		/* of the index, from lines_at on */
	int64_t lines_at;
	bool lines_end;			/* its last line is in */
	int64_t rung, flushed, index_ms;
	int64_t moved_ms, stall_ms;
	bool wanted;			/* something is not acknowledged */
	bool gone;			/* it was tried for long enough */
};

/* ---- how far it is ------------------------------------------------------------------ */

/* Where a new connection would have to begin. */
static void
note_data(struct store *s)
{
	int64_t data = place_file_acknowledged(s->data.f);

	if (data > s->data.acked) {
		s->data.acked = data;
		s->moved_ms = clock_mono_ms();
		atomic_store(&s->side->acked, data);
	}
	if (data - s->rung >= RING_EVERY ||
	    (data > s->rung && data == atomic_load(&s->b->packed))) {
		s->rung = data;
		flow_ring_bell(FLOW_BELL);
	}
}

/* Asked five times a second while a place blocks. */
static bool
stalled(void *ctx)
{
	struct store *s = ctx;

	if (s->data.f != NULL)
		note_data(s);
	return s->wanted && clock_mono_ms() - s->moved_ms > s->stall_ms;
}

static void
note(struct store *s)
{
	note_data(s);
	if (s->index.f != NULL) {
		s->index.acked = place_file_acknowledged(s->index.f);
		if (s->index.acked - s->lines_at > PIECE) {
			buf_drop(&s->lines, (size_t)(s->index.acked -
			    s->lines_at));
			s->lines_at = s->index.acked;
		}
	}
}

/* ---- the two files -------------------------------------------------------------------- */

/* It may be there already because the answer got lost. */
static bool
open_end(struct store *s, struct end *x, struct err *e)
{
	struct place_stat st;

	if (x->path == NULL)
		return true;
	if (!x->made && x->tried && place_stat(s->place, x->path, &st, NULL))
		x->made = st.is_file && st.size == 0;
	x->tried = true;
	x->f = x->made ? place_continue(s->place, x->path, x->acked, e) :
	    place_create(s->place, x->path, 0600, e);
	x->at = x->acked;
	x->made = x->made || x->f != NULL;
	return x->f != NULL;
}

static bool
connect_store(struct store *s, struct err *e)
{
	int64_t now = clock_mono_ms(), left = s->moved_ms + s->stall_ms - now;
	struct place_care care = { .cancelled = stalled, .ctx = s,
	    .deadline_ms = now + (left < CONNECT_MS ? left : CONNECT_MS) };

	s->wanted = true;
	s->place = place_open(s->to->at, &care, e);
	if (s->place == NULL)
		return false;
	atomic_fetch_add(&s->side->links, 1);
	return open_end(s, &s->data, e) && open_end(s, &s->index, e);
}

static void
disconnect(struct store *s)
{
	place_file_drop(s->data.f);
	place_file_drop(s->index.f);
	s->data.f = s->index.f = NULL;
	place_close(s->place);
	s->place = NULL;
}

static void
grow_index(struct store *s)
{
	int64_t members = atomic_load(&s->b->members);

	if (s->index.path == NULL)
		return;
	for (; s->member < members; s->member++)
		gz_index_put(&s->lines, &s->b->table[s->member % FLOW_TABLE]);
	if (atomic_load(&s->b->end) && !s->lines_end) {
		gz_index_end(&s->lines, atomic_load(&s->b->packed),
		    atomic_load(&s->b->raw));
		s->lines_end = true;
	}
}

static bool
write_index(struct store *s, struct err *e)
{
	size_t from = (size_t)(s->index.at - s->lines_at), n = s->lines.n - from;

	s->index_ms = clock_mono_ms();
	if (n == 0)
		return true;
	if (!place_file_write(s->index.f, s->lines.p + from, n, e) ||
	    !place_file_flush(s->index.f, e))
		return false;
	s->index.at += (int64_t)n;
	note(s);
	return true;
}

/* One piece; 0: there is none, -1 with e. */
static int
write_piece(struct store *s, struct err *e)
{
	int64_t ready = atomic_load(&s->b->packed) - s->data.at;
	size_t room = s->b->room, at = (size_t)s->data.at % room, n = PIECE;

	if (ready <= 0)
		return 0;
	if (!s->wanted) {
		s->wanted = true;
		s->moved_ms = clock_mono_ms();
	}
	if ((int64_t)n > ready)
		n = (size_t)ready;
	if (n > room - at)
		n = room - at;
	if (!place_file_write(s->data.f, s->b->ring + at, n, e))
		return -1;
	s->data.at += (int64_t)n;
	if (s->to->at == NULL && s->data.at - s->flushed >= SYNC_EVERY) {
		s->flushed = s->data.at;
		(void)place_file_flush(s->data.f, NULL);
	}
	note(s);
	return 1;
}

/* Until all of it is there and the middle has said that it is all. */
static bool
write_all(struct store *s, struct err *e)
{
	for (;;) {
		bool end = atomic_load(&s->b->end);
		int got;

		grow_index(s);
		got = write_piece(s, e);
		if (got < 0)
			return false;
		if (s->index.f != NULL && clock_mono_ms() - s->index_ms >
		    INDEX_EVERY_MS && !write_index(s, e))
			return false;
		if (got > 0)
			continue;
		if (end)
			return s->index.f == NULL || write_index(s, e);
		flow_listen(FLOW_BELL, s->wanted ? IDLE_MS : INDEX_EVERY_MS);
		if (atomic_load(&s->b->packed) > s->data.at || !s->wanted)
			continue;
		/* nothing more comes for now: what was held back goes */
		if (!place_file_flush(s->data.f, e))
			return false;
		note(s);
		s->wanted = false;
	}
}

/* Synced, closed, and as long there as it was here. */
static bool
close_end(struct store *s, struct end *x, int64_t size, struct err *e)
{
	struct place_stat st;
	bool ok;

	if (x->path == NULL)
		return true;
	ok = place_file_close(x->f, e);
	x->f = NULL;
	if (!ok || !place_stat(s->place, x->path, &st, e))
		return false;
	return st.size == size || err_set(e, ERR_INTEGRITY, "%s: '%s' has %lld"
	    " bytes of %lld", place_name(s->place), x->path,
	    (long long)st.size, (long long)size);
}

static bool
send_all(struct store *s, struct err *e)
{
	int64_t size;

	if (!connect_store(s, e) || !write_all(s, e))
		return false;
	size = atomic_load(&s->b->packed);
	s->wanted = true;
	s->moved_ms = clock_mono_ms();
	if (!close_end(s, &s->data, size, e))
		return false;
	s->data.acked = size;
	atomic_store(&s->side->acked, size);
	return close_end(s, &s->index, s->index.at, e);
}

/* ---- again, and the end ----------------------------------------------------------------- */

/* Would another connection help? */
static bool
worth_it(const struct store *s, const struct err *e)
{
	static const int final[] = { ENOSPC, EDQUOT, EROFS, EACCES, EPERM,
	    EEXIST, EFBIG, ENOTDIR, EISDIR };

	if (s->to->at == NULL || e->kind == ERR_GUARD ||
	    e->kind == ERR_NOTFOUND || e->kind == ERR_INTEGRITY ||
	    e->kind == ERR_USAGE)
		return false;
	for (size_t i = 0; i < sizeof final / sizeof *final; i++)
		if (e->kind == ERR_SYS && e->sys_errno == final[i])
			return false;
	return true;
}

static bool
try_all(struct store *s, struct err *e)
{
	int64_t pause = PAUSE_MS;

	for (int tries = 0;;) {
		int64_t before = s->data.acked;
		char span[32];
		bool late;

		err_clear(e);
		if (send_all(s, e))
			return true;
		disconnect(s);
		if (!s->wanted)		/* it broke while nothing was to do */
			s->moved_ms = clock_mono_ms();
		if (s->data.acked > before) {
			pause = PAUSE_MS;
			tries = 0;
		}
		late = clock_mono_ms() + pause - s->moved_ms > s->stall_ms;
		if (worth_it(s, e) && !late && ++tries < TRIES) {
			clock_sleep_ms(pause);
			pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 :
			    PAUSE_MAX_MS;
			continue;
		}
		s->gone = worth_it(s, e) || e->kind == ERR_CANCELLED;
		text_fmt_duration(span, s->stall_ms);
		if (e->kind == ERR_CANCELLED) {
			err_clear(e);
			return err_set(e, ERR_TIMEOUT, "nothing was "
			    "acknowledged for %s", span);
		}
		if (late && worth_it(s, e))
			return err_wrap(e, "nothing was acknowledged for %s",
			    span);
		return false;
	}
}

_Noreturn void
flow_store(struct flow_board *b, const struct flow_spec *spec, size_t which)
{
	struct store s = { .b = b, .to = &spec->stores[which],
	    .side = &b->sides[which], .lines = BUF_INIT,
	    .moved_ms = clock_mono_ms(), .stall_ms = spec->store_stall_ms };
	struct err e = ERR_INIT;

	s.data.path = file_join(s.to->dir, spec->file);
	if (spec->index != NULL) {
		s.index.path = file_join(s.to->dir, spec->index);
		gz_index_head(&s.lines);
	}
	if (try_all(&s, &e))
		flow_ends(&s.side->end, 0, "");
	else
		flow_ends(&s.side->end, s.gone ? FLOW_GONE : 1, e.msg[0] != '\0' ?
		    e.msg : "failed");
	_exit(0);
}
