#include "record/journal_intern.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "record/lock.h"

enum { LOCK_GIVE_UP_MS = 30000, EINTR_MAX = 100 };

static void
on_event(void *ctx, const struct event *ev)
{
	struct journal *j = ctx;

	if (ev->kind == EVENT_J_SECOND && !j->scan.in_second) {
		const char *path = json_get_str(ev->data, "path");

		free(j->second.path);
		j->second.path = path != NULL && path[0] == '/' ?
		    xstrdup(path) : NULL;
		j->second.ino = (ino_t)json_get_int(ev->data, "ino", 0);
		io_close(&j->second.fd);
		j->second.off = 0;
		j->second.write_errno = 0;
	}
	if (ev->kind == EVENT_J_LOST && j->scan.second.seq == 0) {
		free(j->second.path);
		j->second.path = NULL;
		io_close(&j->second.fd);
	}
	if (j->event != NULL)
		j->event(j->ctx, ev);
}

void
journal_init(struct journal *j, void (*event)(void *, const struct event *),
    void *ctx)
{
	memset(j, 0, sizeof *j);
	scan_init(&j->scan);
	j->scan.event = on_event;
	j->scan.ctx = j;
	j->event = event;
	j->ctx = ctx;
	j->fd = -1;
	j->second.fd = -1;
}

void
journal_close(struct journal *j)
{
	io_close(&j->fd);
	io_close(&j->second.fd);
	free(j->second.path);
	free(j->path);
	scan_release(&j->scan);
	journal_init(j, NULL, NULL);
}

bool
journal_create(const char *path, int64_t reserve, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	const char *slash = strrchr(path, '/');
	bool ok = false;

	if (fd < 0)
		return err_sys(e, "cannot make '%s'", path);
	char *dir = slash == NULL ? xstrdup(".") :
	    xstrndup(path, (size_t)(slash - path) + 1);
	file_nocow(fd);
	if (fchmod(fd, JOURNAL_MODE) != 0)
		err_sys(e, "cannot set the mode of '%s'", path);
	else if (reserve > 0 && !file_reserve(fd, 0, reserve) &&
	    errno != EOPNOTSUPP && errno != ENOSYS)
		err_sys(e, "cannot reserve space for '%s'", path);
	else if (fsync(fd) != 0)
		err_sys(e, "cannot make '%s' durable", path);
	else
		ok = file_sync_dir(dir, e);	/* its name as well */
	io_close(&fd);
	free(dir);
	if (!ok)
		(void)unlink(path);
	return ok;
}

static bool
open_fd(struct journal *j, struct err *e)
{
	struct stat st;

	j->write_errno = 0;
	j->fd = open(j->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY);
	if (j->fd < 0 && (errno == EROFS || errno == EACCES)) {
		j->write_errno = errno;
		j->fd = open(j->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
		    O_NOCTTY);
	}
	if (j->fd < 0)
		return err_sys(e, "cannot open the journal '%s'", j->path);
	if (fstat(j->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		io_close(&j->fd);
		return err_set(e, ERR_USAGE, "'%s' is not a journal", j->path);
	}
	return true;
}

/* The rest of a file behind what was folded. */
bool
journal_read_rest(int fd, int64_t off, struct buf *out, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(e, "cannot look at '%s'", path);
	if (st.st_size < off)
		return err_set(e, ERR_INTEGRITY, "'%s' became shorter", path);
	size_t n = (size_t)(st.st_size - off);
	buf_grow(out, n);
	ssize_t got = io_pread_full(fd, out->p, n, off);
	if (got < 0)
		return err_sys(e, "cannot read '%s'", path);
	out->n = (size_t)got;
	out->p[out->n] = '\0';
	return true;
}

static bool
fold_first(struct journal *j, struct buf *tail, struct err *e)
{
	size_t used;

	buf_clear(tail);
	if (!journal_read_rest(j->fd, j->off, tail, j->path, e))
		return false;
	/* lines known from the second one may stand here by now */
	j->scan.skip_known = !j->strict && j->second.path != NULL;
	used = scan_bytes(&j->scan, tail->p, tail->n, j->off);
	j->off += (int64_t)used;
	buf_drop(tail, used);
	return true;
}

static bool
grew(const struct journal *j, const struct buf *tail)
{
	struct stat st;

	return fstat(j->fd, &st) == 0 &&
	    st.st_size > j->off + (int64_t)tail->n;
}

/*
 * Without the lock the second one may be copied back and begun again between
 * two reads: what was read of it counts only when the first has not grown since.
 */
bool
journal_fold(struct journal *j, struct buf *tail, struct buf *tail2,
    struct err *e)
{
	size_t used;

	do {
		buf_clear(tail2);
		if (!fold_first(j, tail, e))
			return false;
		j->second.in_use = false;
		if (!second_open(j)) {
			j->second.missing = second_marked(j);
			j->second.gone = second_gone(j);
			return true;
		}
		j->second.missing = j->second.gone = false;
		if (!second_rest(j, tail2, e))
			return false;
	} while (tail2->n > 0 && grew(j, tail));
	if (tail2->n > 0 && j->second.off == 0 &&
	    !scan_tail_is_whole(tail->p, tail->n, j->off) &&
	    !second_continues(tail2, j->scan.seq, tail->p, tail->n, j->off))
		scan_fragment(&j->scan, tail->p, tail->n, j->off);
	if (j->second.off == 0)
		second_remember(j, tail2);
	j->scan.in_second = j->scan.skip_known = true;
	used = scan_bytes(&j->scan, tail2->p, tail2->n, j->second.off);
	j->scan.in_second = false;
	j->second.off += (int64_t)used;
	buf_drop(tail2, used);
	j->second.in_use = j->second.off > 0 || tail2->n > 0;
	return true;
}

bool
journal_poll(struct journal *j, struct err *e)
{
	struct buf tail = BUF_INIT, tail2 = BUF_INIT;
	bool ok = journal_fold(j, &tail, &tail2, e);

	buf_release(&tail);
	buf_release(&tail2);
	return ok;
}

bool
journal_open(struct journal *j, const char *path, struct err *e)
{
	j->path = xstrdup(path);
	return open_fd(j, e) && journal_poll(j, e);
}

/* The path may have been given to another file since we opened it. */
bool
journal_same_file(const struct journal *j, int fd, struct err *e)
{
	struct stat a, b;

	if (fstat(fd, &a) == 0 && stat(j->path, &b) == 0 &&
	    a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		return true;
	return err_set(e, ERR_INTEGRITY, "'%s' was replaced by another file",
	    j->path);
}

static size_t
slot_of(int fd)
{
	return file_cow(fd) ? BLOCK : SLOT;
}

struct line_chain
journal_chain(const struct journal *j, int64_t at, int fd)
{
	struct line_chain c = { .seq = j->scan.seq, .at = at,
	    .slot = slot_of(fd) };

	memcpy(c.hash, j->scan.hash, SHA_HEX);
	return c;
}

void
journal_at(const struct journal *j, enum journal_phase now)
{
	if (j->phase != NULL)
		j->phase(now);
}

static bool
torn_line(struct line_chain *c, const struct scan_fragment *f, struct buf *out,
    struct err *e)
{
	struct buf data = BUF_INIT;
	struct draft d = { .kind = EVENT_J_TORN, .text = f->second ?
	    "a line of the second journal was cut off; it stays" :
	    "a line was cut off; it stays, padded" };
	size_t n = scan_trimmed(&f->bytes);
	char sha[SHA_HEX];
	bool ok;

	sha_of(f->bytes.p, n, sha);
	json_open(&data);
	json_put_int(&data, "offset", f->offset);
	json_put_int(&data, "length", (int64_t)n);
	json_put_str(&data, "sha256", sha);
	if (f->second)
		json_put_bool(&data, "second", true);
	json_close(&data);
	d.data = data.p;
	ok = line_draft(c, &d, 0, out, e);
	buf_release(&data);
	return ok;
}

/*
 * A fragment may already have its newline: a repair can be cut off too. A line
 * that is whole but not what was written is no tear; it stays a problem.
 */
bool
journal_repair(struct journal *j, struct line_chain *c, const struct buf *tail,
    bool second, struct buf *out, struct err *e)
{
	bool ok = true;

	if (scan_tail_is_whole(tail->p, tail->n, c->at))
		c->at += (int64_t)tail->n;	/* spaces up to the edge */
	else {
		size_t size = (tail->n + 1 + SLOT - 1) / SLOT * SLOT;

		j->scan.in_second = second;
		scan_fragment(&j->scan, tail->p, tail->n, c->at);
		j->scan.in_second = false;
		buf_fill(out, ' ', size - tail->n - 1);
		buf_ch(out, '\n');
		c->at += (int64_t)size;
	}
	/* the last one first: what may be all of a line but its padding has to
	 * stand right before its journal.torn */
	for (size_t i = j->scan.fragments.n; ok && i-- > 0;)
		if (!j->scan.fragments.v[i].changed)
			ok = torn_line(c, &j->scan.fragments.v[i], out, e);
	return ok;
}

bool
journal_put(struct journal *j, int fd, const struct buf *bytes, int *dead)
{
	int tries = 0;
	ssize_t w;

	do
		w = write(fd, bytes->p, bytes->n);
	while (w < 0 && errno == EINTR && tries++ < EINTR_MAX);
	if (w != (ssize_t)bytes->n) {
		if (w >= 0)
			errno = ENOSPC;
		return false;
	}
	journal_at(j, JOURNAL_WRITTEN);
	if (fdatasync(fd) != 0) {
		*dead = errno;
		return false;
	}
	journal_at(j, JOURNAL_SYNCED);
	return true;
}

static bool
build(struct journal *j, struct line_chain *c, const struct buf *tail,
    bool second, const struct draft *d, size_t n, struct buf *out, struct err *e)
{
	if (!journal_repair(j, c, tail, second, out, e))
		return false;
	if (second && j->second.off == 0 && !second_switched_line(c,
	    "another writer found it so, and was cut off", out, e))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!line_draft(c, &d[i], 0, out, e))
			return false;
	return true;
}

static void
top_up(const struct journal *j)
{
	if (j->off >= 1 << 20 && j->off % (1 << 20) < 2 * BLOCK)
		(void)file_reserve(j->fd, j->off, JOURNAL_RESERVE);
}

static bool
not_yours(const struct journal *j, struct err *e)
{
	errno = EACCES;
	err_sys(e, "'%s' may not be written by you", j->path);
	return err_hint(e, "Ask who opened it to add you to the site's group.");
}

/* *c ends as the chain does. */
static bool
append_folded(struct journal *j, const struct buf *tail,
    const struct buf *tail2, const struct draft *d, size_t n,
    struct line_chain *c, struct err *e)
{
	bool second = j->second.in_use, ok = false;
	int fd = second ? j->second.fd : j->fd;
	struct buf out = BUF_INIT;

	*c = journal_chain(j, second ? j->second.off : j->off, fd);
	if (j->second.missing)
		second_missing(j, e);
	else if (j->write_errno == EACCES)
		not_yours(j, e);
	else if (second && j->second.write_errno != 0)
		second_neither(j, j->write_errno, j->second.write_errno, e);
	else if (!second && j->write_errno != 0)
		ok = second_switch(j, j->write_errno, &out, d, n, c, e);
	else if (build(j, c, second ? tail2 : tail, second, d, n, &out, e)) {
		ok = journal_put(j, fd, &out, second ? &j->second.write_errno :
		    &j->write_errno);
		if (!ok && second)
			second_neither(j, j->write_errno, errno, e);
		else if (!ok)
			ok = second_switch(j, errno, &out, d, n, c, e);
		else if (second)
			second_mark_end(j, c);
	}
	buf_release(&out);
	return ok;
}

bool
journal_kept(struct journal *j, const struct line_chain *c, struct err *e)
{
	if (!journal_poll(j, e))
		return false;
	return journal_has(j, c->seq, c->hash) || err_set(e, ERR_INTEGRITY,
	    "'%s' did not keep what was written to it", j->path);
}

bool
journal_append_locked(struct journal *j, const struct draft *d, size_t n,
    journal_decide *decide, void *ctx, struct err *e)
{
	struct buf tail = BUF_INIT, tail2 = BUF_INIT;
	struct line_chain c;
	bool ok;

	ok = journal_same_file(j, j->fd, e) &&
	    journal_fold(j, &tail, &tail2, e) &&
	    (decide == NULL || decide(ctx, e));
	if (ok && n > 0) {
		journal_at(j, JOURNAL_DECIDED);
		ok = append_folded(j, &tail, &tail2, d, n, &c, e) &&
		    journal_kept(j, &c, e);
	}
	buf_release(&tail);
	buf_release(&tail2);
	return ok;
}

static bool
append_once(struct journal *j, const struct draft *d, size_t n,
    journal_decide *decide, void *ctx, int64_t *ret_seq, struct err *e)
{
	struct lock l;
	bool ok;

	journal_at(j, JOURNAL_WAITING);
	if (!lock_take(&l, j->fd, "the journal", LOCK_GIVE_UP_MS, j->waiting,
	    e))
		return false;
	journal_at(j, JOURNAL_LOCKED);
	ok = journal_append_locked(j, d, n, decide, ctx, e);
	if (ok && n > 0)
		top_up(j);
	if (ok && ret_seq != NULL)
		*ret_seq = j->scan.seq;
	lock_drop(&l);
	journal_at(j, JOURNAL_DONE);
	return ok;
}

bool
journal_append(struct journal *j, const struct draft *d, size_t n,
    journal_decide *decide, void *ctx, int64_t *ret_seq, struct err *e)
{
	struct err settling = ERR_INIT;
	int64_t had;

	if (j->second.gone && n > 0 && !second_recover(j, e))
		return false;
	if (append_once(j, d, n, decide, ctx, ret_seq, e))
		return true;
	/* the second one is full: perhaps there is room in the first again; but
	 * if some of it arrived, it would be there twice */
	had = j->scan.seq;
	if (e == NULL || e->kind != ERR_SYS || !j->second.in_use ||
	    j->write_errno != 0 || j->second.write_errno != 0 ||
	    !journal_settle(j, &settling) || j->second.in_use ||
	    j->scan.seq != had + 1)
		return false;
	err_clear(e);
	return append_once(j, d, n, decide, ctx, ret_seq, e);
}

/* ---- looking ----------------------------------------------------------- */

bool
journal_verify(struct journal *j, const char *path,
    struct journal_verdict *ret, struct err *e)
{
	struct buf tail = BUF_INIT, tail2 = BUF_INIT;
	struct stat st;
	bool ok;

	memset(ret, 0, sizeof *ret);
	j->path = xstrdup(path);
	j->write_errno = EROFS;
	j->strict = true;
	j->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (j->fd < 0)
		return err_sys(e, "cannot open '%s'", path);
	if (fstat(j->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "'%s' is not a journal", path);
	ok = journal_fold(j, &tail, &tail2, e);
	if (ok) {
		j->scan.in_second = j->second.in_use;
		if (j->second.in_use)
			scan_end(&j->scan, tail2.p, tail2.n, j->second.off);
		else
			scan_end(&j->scan, tail.p, tail.n, j->off);
		if (j->second.missing)
			scan_problem(&j->scan, j->scan.line, j->off,
			    j->second.gone ? "the lines behind this stood in "
			    "'%s', in memory, and a restart took them; the next "
			    "append says so" : "the lines behind this stand in "
			    "'%s', which cannot be read", j->second.path);
		ret->lines = j->scan.line;
		ret->second_used = j->second.in_use;
		ret->torn = j->scan.torn;
		ret->lost = scan_lost(&j->scan);
		ret->last_seq = j->scan.seq;
		memcpy(ret->last_hash, j->scan.hash, SHA_HEX);
		ret->problems = j->scan.problems.n + j->scan.dropped;
	}
	buf_release(&tail);
	buf_release(&tail2);
	return ok;
}

bool
journal_has(const struct journal *j, int64_t seq, const char *hash)
{
	return scan_has(&j->scan, seq, hash);
}

bool
journal_try_reserve(const char *dir, struct buf *finding, struct err *e)
{
	char *path = xprintf("%s/.reserve-%ld", dir, (long)getpid());
	char block[SLOT];
	bool ok = false;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0600);

	memset(block, ' ', sizeof block);
	if (fd < 0) {
		err_sys(e, "cannot make a file in '%s'", dir);
		free(path);
		return false;
	}
	file_nocow(fd);
	if (!file_reserve(fd, 0, 1 << 20))
		buf_printf(finding, "not reserved: %s", strerror(errno));
	else if (!io_write_all(fd, block, sizeof block) ||
	    fdatasync(fd) != 0 || !io_write_all(fd, block, sizeof block) ||
	    fdatasync(fd) != 0)
		buf_printf(finding, "reserved, but not writable: %s",
		    strerror(errno));
	else {
		struct stat st;

		ok = fstat(fd, &st) == 0 && st.st_blocks >= (1 << 20) / 512;
		buf_str(finding, !ok ? "not reserved: the blocks are not there" :
		    file_cow(fd) ? "reserved; each write takes a new block, so "
		    "lines are 4096 bytes" : "reserved");
	}
	(void)unlink(path);
	io_close(&fd);
	free(path);
	return ok;
}
