/*
 * A new password from before the server has it until every file has it: a file of
 * mode 600 in <state>/recover/, whole or not there, on the disk before anything is
 * changed. On a full disk it lies in /dev/shm instead, which a restart of this host
 * empties; the superuser way is then still open. All sites of this host share that,
 * so its name there carries the state directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/recover_intern.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/sha.h"
#include "base/who.h"

enum { KEEP_MAX = 16 << 10, LOCK_MS = 5000, NAP_MS = 50, MARK = 16 };

static char *
dir_of(const struct recover *r, bool fallback)
{
	return fallback ? xprintf("/dev/shm/midwatch-recover-%u",
	    (unsigned)geteuid()) : state_path(r->ask.state, "recover");
}

static char *
path_in(const struct recover *r, bool fallback)
{
	char *dir = dir_of(r, fallback), *real, *path, hex[SHA_HEX];
	const char *state = r->ask.state->dir;

	if (!fallback)
		path = xprintf("%s/%s.%u", dir, r->ask.db->name,
		    (unsigned)geteuid());
	else {
		real = realpath(state, NULL);
		sha_of(real != NULL ? real : state, strlen(real != NULL ?
		    real : state), hex);
		path = xprintf("%s/%s.%.*s.%u", dir, r->ask.db->name, MARK,
		    hex, (unsigned)geteuid());
		free(real);
	}
	free(dir);
	return path;
}

/* Somebody else could have put it there. */
static bool
is_mine(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	    st.st_size < KEEP_MAX;
}

static char *
take(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s != NULL ? xstrdup(s) : NULL;
}

static bool
parse(struct recover_kept *k, const struct buf *b)
{
	json_t *o = json_read(b->p, b->n, NULL);

	k->password = take(o, "password");
	k->verifier = take(o, "verifier");
	k->old = take(o, "old");
	k->identity = take(o, "system_identifier");
	k->until = take(o, "until");
	k->by = take(o, "by");
	k->unlocked = json_get_bool(o, "unlocked");
	k->extended = json_get_bool(o, "extended");
	k->began = json_get_int(o, "began", 0);
	json_decref(o);
	return k->password != NULL && k->verifier != NULL;
}

static bool
read_one(const char *path, struct recover_kept *k)
{
	struct buf b = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool ok = fd >= 0 && is_mine(fd);
	ssize_t n;

	buf_grow(&b, KEEP_MAX + 1);
	n = ok ? io_read_full(fd, b.p, KEEP_MAX) : -1;
	if (n > 0)
		b.n = (size_t)n;
	ok = ok && n > 0 && parse(k, &b);
	io_close(&fd);
	explicit_bzero(b.p, b.cap);
	buf_release(&b);
	return ok;
}

bool
recover_keep_read(struct recover *r, struct recover_kept *k, struct err *e)
{
	*k = (struct recover_kept){ .path = NULL };
	for (int i = 0; i < 2; i++) {
		struct recover_kept one = { .volatile_ = i == 1,
			.path = path_in(r, i == 1) };

		if (read_one(one.path, &one)) {
			*k = one;
			mask_add(&r->mask, k->password);
			mask_add(&r->mask, k->old);
			return true;
		}
		recover_kept_release(&one);
	}
	return err_set(e, ERR_NOTFOUND, "no recovery was cut off");
}

static void
fill(const struct recover *r, const struct recover_kept *k, struct buf *b)
{
	/* at once: growing would leave copies behind */
	buf_grow(b, KEEP_MAX);
	json_open(b);
	json_put_str(b, "db", r->ask.db->name);
	json_put_str(b, "role", r->role);
	json_put_str(b, "system_identifier", k->identity);
	json_put_int(b, "began", k->began);
	json_put_str(b, "by", k->by);
	json_put_bool(b, "unlocked", k->unlocked);
	json_put_bool(b, "extended", k->extended);
	json_put_str(b, "until", k->until);
	json_put_str(b, "old", k->old);
	json_put_str(b, "verifier", k->verifier);
	json_put_str(b, "password", k->password);
	json_close(b);
	buf_ch(b, '\n');
}

/* A folder that somebody else owns could be emptied, or lead elsewhere. */
static bool
make_dir(const char *dir, bool fallback, struct err *e)
{
	struct stat st;

	if (!file_mkdir(dir, fallback ? 0700 : 02770, e))
		return false;
	if (!fallback)
		return true;
	return (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid ==
	    geteuid() && (st.st_mode & 077) == 0) || err_set(e, ERR_GUARD,
	    "'%s' is not ours alone", dir);
}

/* Files of ours that begin like this one: of it, or half of it. */
static size_t
beside(const char *path, const char *with, bool remove)
{
	const char *name = strrchr(path, '/') + 1;
	char *dir = xstrndup(path, (size_t)(name - path));
	size_t n = strlen(name), found = 0;
	DIR *d = opendir(dir);
	struct dirent *ent;

	while (d != NULL && (ent = readdir(d)) != NULL) {
		if (strncmp(ent->d_name, name, n) != 0 ||
		    strncmp(ent->d_name + n, with, strlen(with)) != 0)
			continue;
		found++;
		if (remove)
			(void)unlinkat(dirfd(d), ent->d_name, 0);
	}
	if (d != NULL)
		(void)closedir(d);
	free(dir);
	return found;
}

/* What writing it left behind when it was killed. */
static void
sweep(const char *path)
{
	(void)beside(path, ".tmp.", true);
}

bool
recover_keep_left(const struct recover *r)
{
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		char *path = path_in(r, i == 1);

		n += beside(path, "", false);
		free(path);
	}
	return n > 0;
}

void
recover_keep_sweep(const struct recover *r)
{
	for (int i = 0; i < 2; i++) {
		char *path = path_in(r, i == 1);

		sweep(path);
		free(path);
	}
}

bool
recover_keep_write(struct recover *r, struct recover_kept *k, struct err *e)
{
	struct buf b = BUF_INIT;
	bool ok = false;

	if (k->began == 0)
		k->began = clock_wall_ms();
	if (k->by == NULL)
		k->by = xstrdup(who_am_i()->by);
	fill(r, k, &b);
	for (int i = k->volatile_; i < 2 && !ok; i++) {
		char *dir = dir_of(r, i == 1), *path = path_in(r, i == 1);

		err_clear(e);
		ok = make_dir(dir, i == 1, e);
		if (ok)
			sweep(path);
		ok = ok && file_replace(path, b.p, b.n, 0600, e);
		free(dir);
		if (ok) {
			free(k->path);
			k->path = path;
			k->volatile_ = i == 1;
		} else
			free(path);
	}
	explicit_bzero(b.p, b.cap);
	buf_release(&b);
	if (!ok) {
		err_wrap(e, "the new password cannot be kept, so nothing was "
		    "changed");
		err_hint(e, "Make a little room in %s.", r->ask.state->dir);
	}
	return ok;
}

void
recover_keep_remove(struct recover_kept *k)
{
	static const char zeros[KEEP_MAX];
	struct stat st;
	int fd;

	if (k->path == NULL)
		return;
	fd = open(k->path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	/* gone first: half of it must never be read */
	(void)unlink(k->path);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size < KEEP_MAX) {
		(void)io_pwrite_all(fd, zeros, (size_t)st.st_size, 0);
		(void)fdatasync(fd);
	}
	io_close(&fd);
	sweep(k->path);
	free(k->path);
	k->path = NULL;
}

void
recover_kept_release(struct recover_kept *k)
{
	recover_secret_free(k->password);
	recover_secret_free(k->verifier);
	recover_secret_free(k->old);
	free(k->identity);
	free(k->until);
	free(k->by);
	free(k->path);
	*k = (struct recover_kept){ .path = NULL };
}

void
recover_keep_others(struct recover *r)
{
	char *dir = dir_of(r, false), *mine = path_in(r, false);
	const char *own = strrchr(mine, '/') + 1;
	size_t n = strlen(r->ask.db->name);
	DIR *d = opendir(dir);
	struct dirent *ent;

	while (d != NULL && (ent = readdir(d)) != NULL) {
		const char *uid = ent->d_name + n + 1;

		if (strncmp(ent->d_name, r->ask.db->name, n) != 0 ||
		    ent->d_name[n] != '.' || strcmp(ent->d_name, own) == 0 ||
		    *uid == '\0' || uid[strspn(uid, "0123456789")] != '\0')
			continue;
		recover_note(r, "user %s began a recovery of it that was cut "
		    "off, and alone can read its password: going on here sets "
		    "another one", uid);
	}
	if (d != NULL)
		(void)closedir(d);
	free(dir);
	free(mine);
}

/* One at a time. What a killed one started may hold it for a moment. */
bool
recover_lock(struct recover *r, int *ret_fd, struct err *e)
{
	char *name = xprintf("recover-%s", r->ask.db->name);
	int64_t until = clock_mono_ms() + LOCK_MS;
	struct buf who = BUF_INIT;
	int fd = state_lock_file(r->ask.state, name, e);
	bool ok = fd >= 0, got = false;

	while (ok && !got) {
		got = flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (got || clock_mono_ms() > until || recover_cancelled(r))
			break;
		clock_sleep_ms(NAP_MS);
	}
	if (ok && !got) {
		if (!proc_flock_holder(fd, &who))
			buf_str(&who, "a process that cannot be seen here");
		err_set(e, ERR_BUSY, "%s is being recovered by %s",
		    r->ask.db->name, who.p);
		err_hint(e, "'midwatch jobs' shows how far it is.");
		io_close(&fd);
	}
	buf_release(&who);
	free(name);
	*ret_fd = fd;
	return ok && got;
}
