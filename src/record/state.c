#include "record/state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "record/freeze.h"
#include "record/journal.h"

enum {
	DIR_MODE = 02770,
	FILE_MODE = 0660,
	LOG_RESERVE = 1 << 20,
	OUTBOX_RESERVE = 256 << 10,
};

/* The files of a job, with the space each keeps. */
static const struct { const char *name; int64_t reserve; } job_files[] = {
	{ "job.json", 4096 }, { "progress", 4096 },
	{ "output.log", 32 << 10 }, { "cancel.spare", 512 },
};

static const char *const lock_names[] = { "incident", "jobs", "nightly",
    "freeze", "watch", "notify" };

char *
state_path(const struct state *s, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	buf_printf(&b, "%s/", s->dir);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return buf_detach(&b);
}

void
state_release(struct state *s)
{
	free(s->dir);
	free(s->note);
	memset(s, 0, sizeof *s);
}

static char *
absolute(const char *path)
{
	char *cwd, *full;

	if (path[0] == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	full = xprintf("%s/%s", cwd ? cwd : "", path);
	free(cwd);
	return full;
}

bool
state_locate(struct state *s, const char *option, const char *configured,
    struct err *e)
{
	const char *home = getenv("HOME");

	s->shared = true;
	if (option != NULL)
		s->dir = absolute(option);
	else if (configured != NULL)
		s->dir = absolute(configured);
	else if (access("/var/lib/midwatch", W_OK) == 0 ||
	    (geteuid() == 0 && !file_exists("/var/lib/midwatch")))
		s->dir = xstrdup("/var/lib/midwatch");
	else if (home != NULL && home[0] == '/') {
		s->dir = xprintf("%s/.local/state/midwatch", home);
		s->shared = false;
		s->note = xprintf("'%s' is seen by you alone; set 'state' and "
		    "'group' in the site file so that everybody on call works "
		    "on one record", s->dir);
	} else
		return err_set(e, ERR_USAGE, "there is no place for the state "
		    "directory: no --state, no 'state' in the site file, no "
		    "home");
	return true;
}

static bool
make_dir(const char *path, const char *group, struct err *e)
{
	const struct group *gr;

	if (file_is_dir(path))
		return true;
	if (!file_mkdirs(path, DIR_MODE, e))
		return false;
	if (group == NULL)
		return true;
	gr = getgrnam(group);
	if (gr == NULL) {
		err_set(e, ERR_USAGE, "no group is called '%s'", group);
		(void)rmdir(path);
		return err_hint(e, "The site file's 'group' names who shares "
		    "'%s'.", path);
	}
	if (chown(path, (uid_t)-1, gr->gr_gid) != 0) {
		err_sys(e, "cannot give '%s' to the group '%s'", path, group);
		(void)rmdir(path);
		return false;
	}
	return chmod(path, DIR_MODE) == 0 ||
	    err_sys(e, "cannot set the mode of '%s'", path);
}

static bool
touch(const char *path, int64_t reserve, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && (fchmod(fd, FILE_MODE) == 0 || errno == EPERM);

	if (ok && reserve > 0) {
		file_nocow(fd);
		ok = file_reserve(fd, 0, reserve) || errno == EOPNOTSUPP ||
		    errno == ENOSYS;
	}
	if (!ok)
		err_sys(e, "cannot make '%s'", path);
	io_close(&fd);
	return ok;
}

static bool
file_exists_in(const char *dir, const char *name)
{
	char *path = file_join(dir, name);
	bool there = file_exists(path);

	free(path);
	return there;
}

static bool
make_inside(struct state *s, struct err *e)
{
	static const char *const dirs[] = { "incidents", "jobs", "locks",
	    "sizes" };
	bool ok = true;
	char *path;

	for (size_t i = 0; ok && i < sizeof dirs / sizeof *dirs; i++) {
		path = file_join(s->dir, dirs[i]);
		ok = make_dir(path, NULL, e);
		free(path);
	}
	for (size_t i = 0; ok && i < sizeof lock_names / sizeof *lock_names;
	    i++) {
		path = state_path(s, "locks/%s", lock_names[i]);
		ok = file_exists(path) || touch(path, 0, e);
		free(path);
	}
	path = file_join(s->dir, "log.jsonl");
	if (ok && !file_exists(path)) {
		struct err le = ERR_INIT;

		ok = journal_create(path, LOG_RESERVE, &le) ||
		    file_exists(path);	/* somebody was faster */
		if (!ok && e->kind == ERR_NONE)
			*e = le;
	}
	free(path);
	/* what waits for the network must not need room when it comes to that */
	path = file_join(s->dir, "outbox");
	if (ok && !file_exists(path))
		(void)touch(path, OUTBOX_RESERVE, &(struct err){ 0 });
	free(path);
	/* on a full disk it is made as soon as there is room */
	if (ok)
		(void)freeze_prepare(s, &(struct err){ 0 });
	return ok;
}

bool
state_open(struct state *s, const char *option, const char *configured,
    const char *group, struct err *e)
{
	struct err spare = ERR_INIT;

	if (!state_locate(s, option, configured, e))
		return false;
	if (!make_dir(s->dir, group, e))
		return err_wrap(e, "state directory");
	if (access(s->dir, R_OK | X_OK) != 0) {
		err_sys(e, "the state directory '%s' cannot be read", s->dir);
		return err_hint(e, "Its group works on one record together; "
		    "ask to be added to it, or name another with --state.");
	}
	/* reading goes on, and the journal knows another place to write to */
	if (access(s->dir, W_OK) != 0 && file_exists_in(s->dir, "incidents"))
		return true;
	if (!make_inside(s, e))
		return err_wrap(e, "state directory '%s'", s->dir);
	(void)state_spare_make(s, &spare);
	return true;
}

/* ---- the spare ---------------------------------------------------------- */

static bool
make_job_files(const char *dir, bool reserve, struct err *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof job_files / sizeof *job_files; i++) {
		char *path = file_join(dir, job_files[i].name);

		ok = touch(path, reserve ? job_files[i].reserve : 0, e);
		free(path);
	}
	return ok;
}

static bool
make_slots(const char *dir, struct err *e)
{
	char *slots = file_join(dir, "slots");
	bool ok = make_dir(slots, NULL, e);

	for (int i = 1; ok && i <= STATE_SLOTS; i++) {
		char *slot = xprintf("%s/%02d", slots, i);

		ok = make_dir(slot, NULL, e) && make_job_files(slot, true, e);
		free(slot);
	}
	free(slots);
	return ok;
}

static bool
make_incident_files(const char *dir, bool reserve, struct err *e)
{
	char *journal = file_join(dir, "journal.jsonl");
	char *runbook = file_join(dir, "runbook.cfg");
	char *readings = file_join(dir, "readings.jsonl");
	char *idle = file_join(dir, "journal.jsonl.idle");
	bool ok;

	ok = journal_create(journal, reserve ? JOURNAL_RESERVE : 0, e) &&
	    touch(idle, reserve ? 512 : 0, e) &&
	    touch(runbook, reserve ? 256 << 10 : 0, e) &&
	    touch(readings, reserve ? 1 << 20 : 0, e);
	free(journal);
	free(idle);
	free(runbook);
	free(readings);
	return ok;
}

bool
state_spare_there(const struct state *s)
{
	char *path = file_join(s->dir, "spare");
	bool there = file_is_dir(path);

	free(path);
	return there;
}

/* What a maker that was killed left behind holds real space. */
static void
remove_stale(const struct state *s)
{
	static const char begins[] = "spare.new.";
	DIR *d = opendir(s->dir);
	struct dirent *de;

	while (d != NULL && (de = readdir(d)) != NULL) {
		int64_t pid;

		if (!text_starts(de->d_name, begins) ||
		    !text_int(de->d_name + sizeof begins - 1, 2, INT32_MAX,
		    &pid) || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		char *path = file_join(s->dir, de->d_name);
		(void)file_remove_tree(path, NULL);
		free(path);
	}
	if (d != NULL)
		(void)closedir(d);
}

bool
state_spare_make(const struct state *s, struct err *e)
{
	char *tmp, *spare;
	bool ok;

	remove_stale(s);
	if (state_spare_there(s))
		return true;
	tmp = state_path(s, "spare.new.%ld", (long)getpid());
	spare = file_join(s->dir, "spare");
	ok = file_remove_tree(tmp, e) && make_dir(tmp, NULL, e) &&
	    make_incident_files(tmp, true, e) && make_slots(tmp, e) &&
	    file_sync_dir(tmp, e);
	if (ok && renameat2(AT_FDCWD, tmp, AT_FDCWD, spare,
	    RENAME_NOREPLACE) != 0 && errno != EEXIST)
		ok = err_sys(e, "cannot put the spare in its place");
	if (file_exists(tmp))
		(void)file_remove_tree(tmp, NULL);
	if (ok)
		ok = file_sync_dir(s->dir, e);
	free(tmp);
	free(spare);
	return ok;
}

static bool
take_name(const struct state *s, const char *from, const char *prefix,
    int64_t at_ms, char id[STATE_ID_MAX], struct err *e)
{
	time_t t = (time_t)(at_ms / 1000);
	char stamp[24];
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(stamp, sizeof stamp, "%Y%m%d-%H%M", &tm);
	for (int i = 1; i < 1000; i++) {
		char *to;
		int r;

		(void)snprintf(id, STATE_ID_MAX, i == 1 ? "%s-%s" : "%s-%s-%d",
		    prefix, stamp, i);
		to = state_path(s, "incidents/%s", id);
		r = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
		free(to);
		if (r == 0)
			return true;
		if (errno != EEXIST && errno != ENOTEMPTY)
			return err_sys(e, "cannot make the incident '%s'", id);
	}
	return err_set(e, ERR_FAILED, "too many incidents in one minute");
}

void
state_spare_recover(const struct state *s)
{
	struct state_ids ids = { 0 };
	char *spare = file_join(s->dir, "spare");
	bool have = state_spare_there(s) || !state_incidents(s, &ids, NULL);

	for (size_t i = 0; i < ids.v.n && !have; i++) {
		char *dir = state_path(s, "incidents/%s", ids.v.v[i]);
		char *path = file_join(dir, "journal.jsonl");
		struct stat st;

		have = stat(path, &st) == 0 && st.st_size == 0 &&
		    st.st_blocks >= JOURNAL_RESERVE / 512 &&
		    renameat2(AT_FDCWD, dir, AT_FDCWD, spare,
		    RENAME_NOREPLACE) == 0;
		free(path);
		free(dir);
	}
	state_ids_release(&ids);
	free(spare);
}

/* Without a spare: what can still be made. Caller frees. */
static char *
fresh_incident(const struct state *s, struct err *e)
{
	char *dir = state_path(s, "incidents/.new.%ld", (long)getpid());

	if (file_remove_tree(dir, e) && make_dir(dir, NULL, e) &&
	    make_incident_files(dir, false, e))
		return dir;
	err_hint(e, "No space was reserved for an incident beforehand; "
	    "'midwatch doctor' does that while there is room.");
	(void)file_remove_tree(dir, NULL);
	free(dir);
	return NULL;
}

bool
state_incident_new(const struct state *s, const char *prefix, int64_t at_ms,
    char ret_id[STATE_ID_MAX], bool *ret_reserved, struct err *e)
{
	char *spare = file_join(s->dir, "spare"), *fresh = NULL;
	char *incidents = file_join(s->dir, "incidents");
	struct err gone = ERR_INIT;
	bool ok;

	ok = *ret_reserved = file_is_dir(spare) &&
	    take_name(s, spare, prefix, at_ms, ret_id, &gone);
	if (!ok && gone.kind != ERR_NONE && gone.sys_errno != ENOENT) {
		if (e != NULL)
			*e = gone;
	} else if (!ok) {	/* none, or somebody was faster */
		fresh = fresh_incident(s, e);
		ok = fresh != NULL &&
		    take_name(s, fresh, prefix, at_ms, ret_id, e);
	}
	ok = ok && file_sync_dir(incidents, e) && file_sync_dir(s->dir, e);
	if (!ok && fresh != NULL)
		(void)file_remove_tree(fresh, NULL);
	free(spare);
	free(fresh);
	free(incidents);
	return ok;
}

/* So many digits; what stands behind them, or NULL. */
static const char *
digits(const char *s, size_t least, size_t most)
{
	size_t n = strspn(s, "0123456789");

	return n >= least && n <= most ? s + n : NULL;
}

bool
state_id_ok(const char *id)
{
	const char *p = text_starts(id, "INC-") ? id + 4 :
	    text_starts(id, "DRILL-") ? id + 6 : NULL;

	if (p == NULL || (p = digits(p, 8, 8)) == NULL || *p != '-' ||
	    (p = digits(p + 1, 4, 4)) == NULL)
		return false;
	if (*p == '-')
		p = digits(p + 1, 1, 3);
	return p != NULL && *p == '\0';
}

static int
by_age(const void *a, const void *b)
{
	const char *x = strchr(*(char *const *)a, '-');
	const char *y = strchr(*(char *const *)b, '-');

	return strverscmp(x ? x : "", y ? y : "");
}

bool
state_incidents(const struct state *s, struct state_ids *ret, struct err *e)
{
	char *path = file_join(s->dir, "incidents");
	DIR *d = opendir(path);
	struct dirent *de;

	if (d == NULL) {
		bool none = errno == ENOENT;

		if (!none)
			err_sys(e, "cannot read '%s'", path);
		free(path);
		return none;
	}
	while ((de = readdir(d)) != NULL)
		if (state_id_ok(de->d_name))
			VEC_PUSH(&ret->v, xstrdup(de->d_name));
	(void)closedir(d);
	if (ret->v.n > 1)
		qsort(ret->v.v, ret->v.n, sizeof *ret->v.v, by_age);
	free(path);
	return true;
}

void
state_ids_release(struct state_ids *ids)
{
	for (size_t i = 0; i < ids->v.n; i++)
		free(ids->v.v[i]);
	VEC_RELEASE(&ids->v);
}

/* ---- job directories ---------------------------------------------------- */

static int64_t
highest_job(const char *jobs)
{
	DIR *d = opendir(jobs);
	struct dirent *de;
	int64_t high = 0, n;

	while (d != NULL && (de = readdir(d)) != NULL)
		if (isdigit((unsigned char)de->d_name[0]) &&
		    text_int(de->d_name, 1, INT64_MAX / 2, &n) && n > high)
			high = n;
	if (d != NULL)
		(void)closedir(d);
	return high;
}

/* One prepared slot below base, moved to its number. */
static bool
take_slot(const char *base, const char *to)
{
	for (int i = 1; i <= STATE_SLOTS; i++) {
		char *slot = xprintf("%s/slots/%02d", base, i);
		bool ok = renameat2(AT_FDCWD, slot, AT_FDCWD, to,
		    RENAME_NOREPLACE) == 0;
		bool taken = !ok && errno == EEXIST;

		free(slot);
		if (ok || taken)
			return ok;
	}
	errno = ENOSPC;
	return false;
}

static bool
make_fresh(const char *to)
{
	if (mkdir(to, 0700) != 0)
		return false;
	if (chmod(to, DIR_MODE) == 0 && make_job_files(to, true, NULL))
		return true;
	(void)file_remove_tree(to, NULL);
	errno = ENOSPC;
	return false;
}

bool
state_job_new(const struct state *s, const char *incident, int64_t *ret_n,
    struct err *e)
{
	char *jobs = file_join(s->dir, "jobs");
	char *inc = incident ? state_path(s, "incidents/%s", incident) : NULL;
	char *spare = file_join(s->dir, "spare");
	int64_t n = highest_job(jobs);
	bool ok = false;

	for (int tries = 0; !ok && tries < 1000; tries++) {
		char *to = xprintf("%s/%" PRId64, jobs, ++n);

		errno = 0;
		ok = make_fresh(to);
		if (!ok && errno != EEXIST)
			ok = (inc != NULL && take_slot(inc, to)) ||
			    (errno != EEXIST && take_slot(spare, to));
		bool again = !ok && errno == EEXIST;
		free(to);
		if (!ok && !again)
			break;
	}
	if (ok)
		*ret_n = n;
	else {
		err_sys(e, "cannot make a place for a job in '%s'", jobs);
		err_hint(e, "The disk is full and no prepared slot is left; "
		    "free some space on it.");
	}
	free(jobs);
	free(inc);
	free(spare);
	return ok;
}

void
state_job_return(const struct state *s, const char *incident, int64_t n)
{
	char *from = state_path(s, "jobs/%" PRId64, n);
	char *inc = incident ? state_path(s, "incidents/%s", incident) : NULL;
	char *cancel = file_join(from, "cancel.spare");
	bool back = false;

	for (int i = 1; inc != NULL && file_exists(cancel) && !back &&
	    i <= STATE_SLOTS; i++) {
		char *slot = xprintf("%s/slots/%02d", inc, i);

		back = renameat2(AT_FDCWD, from, AT_FDCWD, slot,
		    RENAME_NOREPLACE) == 0;
		free(slot);
	}
	if (!back)
		(void)file_remove_tree(from, NULL);
	free(from);
	free(inc);
	free(cancel);
}

int
state_lock_file(const struct state *s, const char *name, struct err *e)
{
	char *path = state_path(s, "locks/%s", name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);

	if (fd < 0)
		err_sys(e, "cannot open '%s'", path);
	free(path);
	return fd;
}
