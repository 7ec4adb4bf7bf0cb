/*
 * A second journal that was in memory is gone after a restart, and the lines in it
 * with it. That is certain only when the host has been started again since and
 * nothing stands in its place; then the chain goes on behind what the first one
 * has, with a line that says what is lost. What a mark beside the first journal
 * knows of it is best effort: that disk was failing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/who.h"
#include "record/journal_intern.h"
#include "record/lock.h"

enum { LOCK_GIVE_UP_MS = 30000 };

struct marked {
	bool there;		/* lines stood in it */
	int64_t seq;		/* the last of them that was noted, 0: none */
	char hash[SHA_HEX];
	char boot[40];
};

void
second_mark_end(const struct journal *j, const struct line_chain *c)
{
	char *path = second_marker(j, true);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct buf b = BUF_INIT;

	if (fd >= 0) {
		json_open(&b);
		json_put_str(&b, "boot", proc_boot_id());
		json_put_int(&b, "seq", c->seq);
		json_put_str(&b, "hash", c->hash);
		json_close(&b);
		(void)file_record(fd, &b, SLOT, NULL);
	}
	buf_release(&b);
	io_close(&fd);
	free(path);
}

static void
read_mark(const struct journal *j, struct marked *m)
{
	char *path = second_marker(j, true);
	struct buf b = BUF_INIT;
	json_t *o = NULL;

	memset(m, 0, sizeof *m);
	m->there = file_exists(path);
	if (m->there && file_read(path, &b, BLOCK, NULL))
		o = json_read(b.p, b.n, NULL);
	if (o != NULL) {
		const char *hash = json_get_str(o, "hash");
		const char *boot = json_get_str(o, "boot");

		m->seq = json_get_int(o, "seq", 0);
		(void)snprintf(m->hash, sizeof m->hash, "%s", hash ? hash : "");
		(void)snprintf(m->boot, sizeof m->boot, "%s", boot ? boot : "");
	}
	json_decref(o);
	buf_release(&b);
	free(path);
}

bool
second_gone(const struct journal *j)
{
	const struct scan_second *s = &j->scan.second;
	const char *now = proc_boot_id();
	struct marked m;
	struct stat st;

	if (j->second.path == NULL || s->boot[0] == '\0' || s->seq == 0 ||
	    strcmp(now, "unknown") == 0 || strcmp(s->boot, now) == 0 ||
	    strcmp(s->host, who_am_i()->host) != 0 ||
	    lstat(j->second.path, &st) == 0 || errno != ENOENT)
		return false;
	read_mark(j, &m);
	return strcmp(m.boot, now) != 0;
}

static bool
lost_line(const struct journal *j, const struct marked *m,
    struct line_chain *c, struct buf *out, struct err *e)
{
	struct draft d = { .kind = EVENT_J_LOST };
	struct buf data = BUF_INIT, text = BUF_INIT;
	bool known = m->there && m->seq > j->scan.seq, ok;

	json_open(&data);
	json_put_int(&data, "second", j->scan.second.seq);
	json_put_str(&data, "path", j->second.path);
	json_put_str(&data, "boot", proc_boot_id());
	json_put_int(&data, "last_seq", j->scan.seq);
	json_put_str(&data, "last_hash", j->scan.hash);
	json_put_bool(&data, "used", m->there);
	if (known) {
		json_put_int(&data, "known_seq", m->seq);
		json_put_str(&data, "known_hash", m->hash);
	}
	json_close(&data);
	buf_str(&text, "a restart took the second journal, which was in "
	    "memory; ");
	if (known)
		buf_printf(&text, "the lines %" PRId64 " to %" PRId64 " (or "
		    "more) that stood there are lost", j->scan.seq + 1, m->seq);
	else if (m->there)
		buf_printf(&text, "lines behind %" PRId64 " stood there and "
		    "are lost", j->scan.seq);
	else
		buf_str(&text, "no line is known to have stood there");
	d.text = text.p;
	d.data = data.p;
	ok = line_draft(c, &d, 0, out, e);
	buf_release(&data);
	buf_release(&text);
	return ok;
}

/* *ret_mine: it was us who said so. */
static bool
say_lost(struct journal *j, bool *ret_mine, struct err *e)
{
	struct buf tail = BUF_INIT, tail2 = BUF_INIT, out = BUF_INIT;
	struct line_chain c;
	struct marked m;
	bool ok = journal_same_file(j, j->fd, e) &&
	    journal_fold(j, &tail, &tail2, e);

	if (!ok || !j->second.gone)
		goto out;	/* somebody else has said so */
	read_mark(j, &m);
	c = journal_chain(j, j->off, j->fd);
	ok = journal_repair(j, &c, &tail, false, &out, e) &&
	    lost_line(j, &m, &c, &out, e);
	if (ok && !journal_put(j, j->fd, &out, &j->write_errno))
		ok = second_neither(j, errno, ENOENT, e);
	ok = ok && journal_kept(j, &c, e);
	*ret_mine = ok;
	if (ok)
		second_mark(j, false);
out:
	buf_release(&tail);
	buf_release(&tail2);
	buf_release(&out);
	return ok;
}

/* Where the lost one was: …/DIR/midwatch-DEV-INO-n/NAME. */
static void
choose_again(struct journal *j, char *lost)
{
	char *name = strrchr(lost, '/'), *sub;
	const char *dir = lost;

	*name++ = '\0';
	sub = strrchr(lost, '/');
	if (sub != NULL) {
		*sub = '\0';
		(void)journal_choose_second(j, &dir, 1, name, NULL);
	}
}

bool
second_recover(struct journal *j, struct err *e)
{
	char *lost = xstrdup(j->second.path);
	struct lock l;
	bool ok = false, mine = false;

	/* who may not write is told by the append itself */
	if (j->write_errno != 0)
		ok = true;
	else if (lock_take(&l, j->fd, "the journal", LOCK_GIVE_UP_MS,
	    j->waiting, e)) {
		ok = say_lost(j, &mine, e);
		lock_drop(&l);
	}
	if (mine)
		choose_again(j, lost);
	free(lost);
	return ok;
}
