/*
 * Checks of the record: its directory, its space, its journals, its jobs.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "doctor/intern.h"
#include "job/job.h"
#include "record/incident.h"
#include "record/journal.h"

enum {
	MODE_WANTED = 02770,
	SPACE_LOW = 256 << 20,
	SPACE_NONE = 16 << 20,
	INODES_LOW = 2000,
	INODES_NONE = 300,
	NEWEST = 20,
};

/* ---- the directory and its spare ------------------------------------------ */

static const char *
group_name(gid_t gid, char number[24])
{
	const struct group *gr = getgrgid(gid);

	if (gr != NULL)
		return gr->gr_name;
	(void)snprintf(number, 24, "%lu", (unsigned long)gid);
	return number;
}

static void
who_shares(struct doctor *d, const char *made)
{
	const struct site *s = doctor_site(d);
	const char *wanted = s != NULL && d->state_option == NULL ? s->group :
	    NULL;
	const char *dir = d->state.dir, *group;
	char number[24];
	struct stat st;

	if (stat(dir, &st) != 0) {
		doctor_found(d, DOCTOR_ERROR, "state", "cannot look "
		    "at '%s': %s", dir, strerror(errno));
		doctor_todo(d, "See that the path can be reached.");
		return;
	}
	group = group_name(st.st_gid, number);
	if (wanted != NULL && strcmp(wanted, group) != 0) {
		doctor_found(d, DOCTOR_ERROR, "state", "'%s' belongs "
		    "to the group '%s', the site file says '%s'", dir, group,
		    wanted);
		doctor_todo(d, "'chgrp -R %s %s' as its owner or root.", wanted,
		    dir);
	} else if (!d->state.shared) {
		doctor_found(d, DOCTOR_WARNING, "state", "%s%s", made,
		    d->state.note != NULL ? d->state.note : dir);
		doctor_todo(d, "Others cannot see an incident that you open "
		    "until the site file names both.");
	} else if ((st.st_mode & MODE_WANTED) != MODE_WANTED) {
		doctor_found(d, wanted != NULL ? DOCTOR_ERROR : DOCTOR_WARNING,
		    "state", "'%s' has the mode %04o: what one of "
		    "the group '%s' writes, another cannot go on with", dir,
		    st.st_mode & 07777u, group);
		doctor_todo(d, "'chmod 2770 %s'.", dir);
	} else if ((st.st_mode & 07) != 0) {
		doctor_found(d, DOCTOR_WARNING, "state", "'%s' has "
		    "the mode %04o: everybody on this host can look in", dir,
		    st.st_mode & 07777u);
		doctor_todo(d, "'chmod o= %s'.", dir);
	} else
		doctor_found(d, DOCTOR_OK, "state", "%s'%s', shared "
		    "by the group '%s' (mode %04o)", made, dir, group,
		    st.st_mode & 07777u);
}

/* Job slots that are complete enough to be taken. */
static int
slots_there(const char *spare)
{
	int n = 0;

	for (int i = 1; i <= STATE_SLOTS; i++) {
		char *slot = xprintf("%s/slots/%02d/job.json", spare, i);

		n += file_exists(slot);
		free(slot);
	}
	return n;
}

static void
judge_spare(struct doctor *d, bool made)
{
	char *spare = file_join(d->state.dir, "spare");
	char *journal = file_join(spare, "journal.jsonl");
	int fd = open(journal, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int slots = slots_there(spare);
	char room[16];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size != 0 ||
	    slots < STATE_SLOTS) {
		doctor_found(d, DOCTOR_ERROR, "spare", "'%s' is damaged: %s",
		    spare, fd < 0 ? "it has no journal" : slots < STATE_SLOTS ?
		    "job slots are missing" : "its journal is not empty");
		doctor_todo(d, "Move it out of the way and run 'midwatch "
		    "doctor' again, which makes a new one.");
	} else if (st.st_blocks < JOURNAL_RESERVE / 512 && !file_cow(fd)) {
		text_fmt_size(room, (int64_t)st.st_blocks * 512);
		doctor_found(d, DOCTOR_ERROR, "spare", "only %s of the next "
		    "journal's space are really there", room);
		doctor_todo(d, "Free some space, move '%s' out of the way and "
		    "run 'midwatch doctor' again.", spare);
	} else {
		text_fmt_size(room, (int64_t)st.st_blocks * 512);
		doctor_found(d, DOCTOR_OK, "spare", "%s, with %s for its "
		    "journal and %d job slots", made ?
		    "made: the next incident is reserved" :
		    "the next incident is reserved", room, slots);
	}
	io_close(&fd);
	free(journal);
	free(spare);
}

void
check_state(struct doctor *d)
{
	struct state s = { 0 };
	const struct site *site = doctor_site(d);
	struct err e = d->state_err;
	bool was, spare;

	if (!d->have_state) {
		doctor_failed(d, DOCTOR_ERROR, "state", &e,
		    "Mend the site file, or add --state DIR.");
		return;
	}
	was = file_is_dir(d->state.dir);
	spare = state_spare_there(&d->state);
	if (!state_open(&s, d->state_option, site ? site->state : NULL,
	    site != NULL && d->state_option == NULL ? site->group : NULL, &e))
		doctor_failed(d, DOCTOR_ERROR, "state", &e, "Without "
		    "it nothing can be recorded; make it by hand, or name "
		    "another with --state.");
	else {
		who_shares(d, was ? "" : "made: ");
		if (state_spare_make(&d->state, &e))
			judge_spare(d, !spare);
		else {
			doctor_failed(d, DOCTOR_ERROR, "spare", &e, "");
			doctor_todo(d, "No space is reserved for the next "
			    "incident: free some, then run 'midwatch doctor' "
			    "again.");
		}
	}
	state_release(&s);
}

/* Whether there is a directory to look at; the first check has said it. */
static bool
there(const struct doctor *d)
{
	return d->have_state && file_is_dir(d->state.dir);
}

void
check_reserve(struct doctor *d)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	if (!there(d))
		return;
	if (journal_try_reserve(d->state.dir, &b, &e))
		doctor_found(d, DOCTOR_OK, "reserve", "tried in '%s': %s",
		    d->state.dir, b.p);
	else {
		doctor_found(d, DOCTOR_ERROR, "reserve", "tried in '%s': %s",
		    d->state.dir, e.kind != ERR_NONE ? e.msg : b.p);
		doctor_todo(d, "On a full disk the journal could not be "
		    "written: free some space now, or move the state directory "
		    "to a file system that keeps space (ext4, xfs).");
	}
	buf_release(&b);
}

void
check_space(struct doctor *d)
{
	enum doctor_level level = DOCTOR_OK;
	struct statvfs v;
	int64_t avail, inodes;
	char room[16];

	if (!there(d) || statvfs(d->state.dir, &v) != 0)
		return;
	avail = (int64_t)(v.f_bavail * (v.f_frsize ? v.f_frsize : v.f_bsize));
	inodes = v.f_files != 0 ? (int64_t)v.f_favail : INODES_LOW;
	if (avail < SPACE_LOW || inodes < INODES_LOW)
		level = DOCTOR_WARNING;
	if (avail < SPACE_NONE || inodes < INODES_NONE)
		level = DOCTOR_ERROR;
	text_fmt_size(room, avail);
	if (v.f_files != 0)
		doctor_found(d, level, "space", "%s and %" PRId64
		    " inodes where the record is", room, inodes);
	else
		doctor_found(d, level, "space", "%s where the record is; "
		    "inodes are not counted there", room);
	if (level != DOCTOR_OK)
		doctor_todo(d, "What was reserved can be written all the same; "
		    "for everything else free some space on the disk of '%s'.",
		    d->state.dir);
}

/* ---- the second journal --------------------------------------------------- */

enum second { SECOND_NO, SECOND_VOLATILE, SECOND_YES };

/* As opening an incident chooses it, but nothing stays behind. */
static enum second
second_in(const struct doctor *d, const char *dir, struct buf *why)
{
	struct stat here, other;
	struct statvfs v;
	struct err e = ERR_INIT;
	enum second ret = SECOND_NO;
	int fd = -1;

	if (stat(d->state.dir, &here) != 0 || stat(dir, &other) != 0 ||
	    !S_ISDIR(other.st_mode))
		buf_str(why, "is not there");
	else if (here.st_dev == other.st_dev)
		buf_str(why, "is on the same file system as the first");
	else if (access(dir, W_OK | X_OK) != 0)
		buf_str(why, "cannot be written");
	else if (statvfs(dir, &v) != 0 || v.f_bavail * v.f_frsize <
	    (uint64_t)JOURNAL_RESERVE)
		buf_str(why, "is full");
	else if (!journal_try_reserve(dir, why, &e)) {
		if (e.kind != ERR_NONE)
			buf_str(why, e.msg);
	} else {
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ret = fd >= 0 && file_volatile(fd) ? SECOND_VOLATILE :
		    SECOND_YES;
		io_close(&fd);
	}
	return ret;
}

void
check_second(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	const char *named = s != NULL ? s->second : NULL, *dir = named;
	enum second got = SECOND_NO;
	struct buf why = BUF_INIT;

	if (!there(d))
		return;
	if (named != NULL && (got = second_in(d, named, &why)) == SECOND_NO) {
		doctor_found(d, DOCTOR_ERROR, "second journal", "'%s' %s",
		    named, why.p);
		doctor_todo(d, "The site file's 'second' has to be a folder on "
		    "another file system that the group can write to.");
	}
	for (size_t i = 0; got == SECOND_NO && second_dirs[i] != NULL; i++) {
		buf_clear(&why);
		dir = second_dirs[i];
		got = second_in(d, dir, &why);
	}
	if (got == SECOND_YES)
		doctor_found(d, DOCTOR_OK, "second journal", "possible in '%s', "
		    "on another file system", dir);
	else if (got == SECOND_VOLATILE) {
		doctor_found(d, DOCTOR_WARNING, "second journal", "possible in "
		    "'%s', but that is memory and gone after a restart", dir);
		doctor_todo(d, "Name a folder on another disk as 'second' in "
		    "the site file.");
	} else {
		doctor_found(d, DOCTOR_WARNING, "second journal", "no other "
		    "file system could hold one");
		doctor_todo(d, "If the disk of '%s' breaks there is no second "
		    "way to keep the record: name a folder on another disk as "
		    "'second' in the site file.", d->state.dir);
	}
	buf_release(&why);
}

/* ---- journals ------------------------------------------------------------- */

/* False when there is something wrong, which is told. */
static bool
verify(struct doctor *d, const char *check, const char *path,
    struct journal_verdict *v)
{
	struct journal j;
	struct err e = ERR_INIT;
	bool ok = false;

	journal_init(&j, NULL, NULL);
	if (!journal_verify(&j, path, v, &e))
		doctor_failed(d, DOCTOR_ERROR, check, &e, "Look at the file "
		    "and its folder before an incident needs them.");
	else if (v->problems > 0) {
		doctor_found(d, DOCTOR_ERROR, check, "'%s' was changed: line %"
		    PRId64 ": %s%s", path, j.scan.problems.v[0].line,
		    j.scan.problems.v[0].text, v->problems > 1 ?
		    ", and more" : "");
		doctor_todo(d, "'midwatch verify %s' shows all of it; keep a "
		    "copy and find out who wrote to it.", path);
	} else
		ok = true;
	journal_close(&j);
	return ok;
}

void
check_log(struct doctor *d)
{
	struct journal_verdict v = { 0 };
	char *path;

	if (!there(d))
		return;
	path = file_join(d->state.dir, "log.jsonl");
	if (verify(d, "site journal", path, &v))
		doctor_found(d, DOCTOR_OK, "site journal", "intact, %" PRId64
		    " %s", v.lines, v.lines == 1 ? "line" : "lines");
	free(path);
}

static void
settle(struct doctor *d, struct incident *inc)
{
	struct err e = ERR_INIT;
	struct buf why = BUF_INIT;

	if (!inc->j.second.in_use)
		return;
	if (journal_settle(&inc->j, &e) && !inc->j.second.in_use)
		doctor_found(d, DOCTOR_OK, "second journal in use", "settled: "
		    "its lines were copied back to the first one");
	else {
		buf_printf(&why, "'%s' goes on because the first one cannot "
		    "be written%s%s", inc->j.second.path, e.msg[0] ? ": " : "",
		    e.msg);
		doctor_found(d, DOCTOR_ERROR, "second journal in use", "%s",
		    why.p);
		doctor_todo(d, "Free some space on the disk of '%s', then run "
		    "'midwatch doctor' again: it copies the lines back.",
		    inc->dir);
	}
	buf_release(&why);
}

static void
judge_incident(struct doctor *d, struct incident *inc)
{
	const char *title = inc->title != NULL ? inc->title : "";
	char age[32];

	settle(d, inc);
	text_fmt_duration(age, clock_wall_ms() - (inc->state == INC_OPEN ?
	    inc->opened : inc->resolved));
	if (inc->state == INC_OPEN) {
		doctor_found(d, DOCTOR_WARNING, "incident", "%s is open since "
		    "%s: %s", inc->id, age, title);
		doctor_todo(d, "'midwatch incident show' is where it stands.");
	} else {
		doctor_found(d, DOCTOR_WARNING, "incident", "%s is resolved "
		    "since %s, but not closed: %s", inc->id, age, title);
		doctor_todo(d, "Publish the report, assign the follow-ups, "
		    "then 'midwatch incident close'.");
	}
}

/* Whatever its journal says, also of one that cannot be told to be open. */
static void
newest_journals(struct doctor *d)
{
	struct state_ids ids = { 0 };
	struct journal_verdict v;
	size_t n = 0, good = 0;

	(void)state_incidents(&d->state, &ids, NULL);
	for (size_t i = ids.v.n; i-- > 0 && n < NEWEST; n++) {
		char *path = state_path(&d->state,
		    "incidents/%s/journal.jsonl", ids.v.v[i]);

		good += verify(d, "journals", path, &v);
		free(path);
	}
	if (n > 0 && good == n)
		doctor_found(d, DOCTOR_OK, "journals", "%s", n == 1 ?
		    "that of the only incident is intact" :
		    "those of the newest incidents are intact");
	state_ids_release(&ids);
}

void
check_incident(struct doctor *d)
{
	struct incident inc = INCIDENT_INIT;
	char id[STATE_ID_MAX] = "";
	struct err e = ERR_INIT;
	char *dir = NULL;

	if (!there(d))
		return;
	if (!incident_current(&d->state, true, id, &e))
		doctor_failed(d, DOCTOR_ERROR, "incident", &e, "Look at the "
		    "folder 'incidents' of the state directory.");
	else if (id[0] == '\0')
		doctor_found(d, DOCTOR_OK, "incident", "none is open");
	else {
		dir = state_path(&d->state, "incidents/%s", id);
		if (incident_load(&inc, dir, &e))
			judge_incident(d, &inc);
		else
			doctor_failed(d, DOCTOR_ERROR, "incident", &e,
			    "'midwatch verify' on its journal says more.");
	}
	newest_journals(d);
	incident_release(&inc);
	free(dir);
}

/* ---- jobs ----------------------------------------------------------------- */

static void
vanished(struct doctor *d, const struct job_info *i)
{
	doctor_found(d, DOCTOR_WARNING, "jobs", "job %" PRId64 " (%s) ended "
	    "without an outcome", i->n, i->title ? i->title : "no title");
	if (i->step != NULL)
		doctor_todo(d, "Look at what step '%s' did, then 'midwatch run "
		    "%s --again', or --skip with a reason.", i->step, i->step);
	else
		doctor_todo(d, "Look at '%s/jobs/%" PRId64 "/output.log' and "
		    "at what it did.", d->state.dir, i->n);
}

void
check_jobs(struct doctor *d)
{
	enum { RECENT_MS = 24 * 3600 * 1000 };
	size_t running = 0, dead = 0, old = 0;
	char open[STATE_ID_MAX] = "";
	struct job_list l = { 0 };
	struct err e = ERR_INIT;

	if (!there(d))
		return;
	if (!job_list(&d->state, &l, &e)) {
		doctor_failed(d, DOCTOR_ERROR, "jobs", &e, "Look at the folder "
		    "'jobs' of the state directory.");
		goto out;
	}
	(void)incident_current(&d->state, true, open, NULL);
	for (size_t i = 0; i < l.v.n; i++) {
		const struct job_info *j = &l.v.v[i];
		bool now = j->incident != NULL ?
		    strcmp(j->incident, open) == 0 :
		    clock_wall_ms() - j->started < RECENT_MS;

		running += j->state == JOB_RUNNING;
		if (j->state != JOB_VANISHED)
			continue;
		if (now && dead++ < 5)
			vanished(d, j);
		old += !now;
	}
	if (dead == 0)
		doctor_found(d, DOCTOR_OK, "jobs", "%zu running, none lost%s",
		    running, old > 0 ? " lately" : "");
out:
	job_list_release(&l);
}
