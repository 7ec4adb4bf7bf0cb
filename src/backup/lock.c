#include "backup/lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/who.h"

enum { RECORD_MAX = 2048, LOOK_MS = 40, LOOKS = 5 };

/* ---- who a run is ----------------------------------------------------------- */

void
run_file_self(struct run_file *r)
{
	const struct who *w = who_am_i();

	*r = (struct run_file){ .since = clock_wall_ms() };
	proc_self(&r->id);
	(void)snprintf(r->host, sizeof r->host, "%s", w->host);
	(void)snprintf(r->by, sizeof r->by, "%s", w->by);
}

static void
put_run(const struct run_file *r, const char *what, struct buf *out)
{
	char since[32];

	clock_fmt_utc(since, r->since);
	json_open(out);
	json_put_str(out, "host", r->host);
	json_put_int(out, "pid", r->id.pid);
	json_put_str(out, "boot", r->id.boot);
	json_put_int(out, "start", r->id.start);
	json_put_str(out, "by", r->by);
	json_put_str(out, "since", since);
	json_put_str(out, "what", what);
	json_close(out);
	buf_ch(out, '\n');
}

void
run_file_write(const struct run_file *r, struct buf *out)
{
	put_run(r, NULL, out);
}

static bool
word_into(const json_t *o, const char *key, char *out, size_t size)
{
	const char *s = json_get_str(o, key);

	if (s == NULL || *s == '\0' || strlen(s) >= size)
		return false;
	memcpy(out, s, strlen(s) + 1);
	return true;
}

static bool
take_run(struct run_file *r, const json_t *o)
{
	const char *since = json_get_str(o, "since");
	int64_t pid = json_get_int(o, "pid", -1);

	*r = (struct run_file){ .id.pid = (pid_t)pid,
		.id.start = json_get_int(o, "start", -1) };
	return pid > 0 && pid <= INT32_MAX && r->id.start >= 0 &&
	    word_into(o, "host", r->host, sizeof r->host) &&
	    word_into(o, "boot", r->id.boot, sizeof r->id.boot) &&
	    word_into(o, "by", r->by, sizeof r->by) &&
	    since != NULL && clock_parse_utc(since, &r->since);
}

bool
run_file_read(struct run_file *r, const char *p, size_t n, struct err *e)
{
	json_t *o = json_read(p, n, e);
	bool ok = o != NULL && json_is_object(o) && take_run(r, o);

	if (o != NULL && !ok)
		err_set(e, ERR_INTEGRITY, "it does not say who runs");
	json_decref(o);
	return ok;
}

/* The host's name says nothing here: two hosts may share one, a boot id not. */
enum run_life
run_file_life(const struct run_file *r)
{
	if (strcmp(r->id.boot, proc_boot_id()) != 0)
		return RUN_ELSEWHERE;
	return proc_alive(&r->id) ? RUN_ALIVE : RUN_GONE;
}

/* ---- one at a time ---------------------------------------------------------- */

static int
open_lock(const struct state *s, const char *db, struct err *e)
{
	char name[96];

	(void)snprintf(name, sizeof name, "backup-%s", db);
	return state_lock_file(s, name, e);
}

static bool
flocked(int fd)
{
	int r;

	do
		r = flock(fd, LOCK_EX | LOCK_NB);
	while (r != 0 && errno == EINTR);
	return r == 0;
}

/* What stands in the file is of the last one who could write there, and holds
 * only when the kernel's word does not contradict it. */
static void
holder_of(int fd, struct buf *out)
{
	char p[RECORD_MAX], since[40];
	ssize_t n = io_pread_full(fd, p, sizeof p, 0);
	struct run_file r;
	struct err quiet = ERR_INIT;

	if (n > 0 && run_file_read(&r, p, (size_t)n, &quiet) &&
	    run_file_life(&r) != RUN_GONE) {
		clock_fmt_site(since, r.since);
		buf_printf(out, "%s (pid %ld on %s) since %s", r.by,
		    (long)r.id.pid, r.host, since);
	} else if (!proc_flock_holder(fd, out))
		buf_str(out, "a process that cannot be seen here");
}

bool
backup_lock_take(struct backup_lock *l, const struct state *s, const char *db,
    const char *what, struct err *e)
{
	int fd = open_lock(s, db, e);
	struct buf b = BUF_INIT;
	struct run_file r;

	l->fd = -1;
	if (fd < 0)
		return false;
	/* whoever only asks whether it is held holds it for an instant */
	for (int i = 0; !flocked(fd); i++) {
		if (errno == EWOULDBLOCK && i < LOOKS) {
			clock_sleep_ms(LOOK_MS);
			continue;
		}
		if (errno != EWOULDBLOCK)
			err_sys(e, "cannot lock %s", db);
		else {
			holder_of(fd, &b);
			/* what is no database is work of its own */
			err_set(e, ERR_BUSY, *db == '-' ? "%s runs already: %s"
			    : "%s is being backed up by %s", *db == '-' ?
			    db + 1 : db, b.p);
			err_hint(e, "Wait for it; 'midwatch jobs' shows how "
			    "far it is, 'midwatch cancel' ends it.");
		}
		buf_release(&b);
		io_close(&fd);
		return false;
	}
	/* on a full disk this fails, and the lock holds all the same */
	run_file_self(&r);
	put_run(&r, what, &b);
	if (ftruncate(fd, 0) == 0)
		(void)io_pwrite_all(fd, b.p, b.n, 0);
	buf_release(&b);
	l->fd = fd;
	return true;
}

void
backup_lock_drop(struct backup_lock *l)
{
	io_close(&l->fd);
}

bool
backup_lock_held(const struct state *s, const char *db, struct buf *out)
{
	struct err quiet = ERR_INIT;
	int fd = open_lock(s, db, &quiet);
	bool held;

	if (fd < 0)
		return false;
	held = !flocked(fd) && errno == EWOULDBLOCK;
	if (held)
		holder_of(fd, out);
	io_close(&fd);
	return held;
}
