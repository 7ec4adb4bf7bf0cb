/* The filer where there is nothing but a shell: containers, and hosts that
 * only the system's ssh can reach. Plain sh with coreutils or busybox. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "place/intern.h"

enum { GONE = 44, TAKEN = 45 };		/* exit statuses of the scripts */

#define THERE "[ -e \"$1\" ] || [ -L \"$1\" ] || exit 44; "
#define FREE(n) "[ ! -e \"$" n "\" ] && [ ! -L \"$" n "\" ] || exit 45; "

static const char stat_script[] = THERE
    "exec stat -c '%f %s %Y' -- \"$1\"";
static const char list_script[] = THERE
    "cd -- \"$1\" || exit; for f in .* *; do\n"
    "case $f in .|..) continue ;; esac\n"
    "[ -e \"$f\" ] || [ -L \"$f\" ] || continue\n"
    "stat -c '%f %s %Y' -- \"$f\" && printf '%s\\000' \"$f\"; done; exit 0";
static const char mkdir_script[] = FREE("1") "exec mkdir -m $2 -- \"$1\"";
static const char remove_script[] = THERE "exec rm -- \"$1\"";
static const char rmdir_script[] = THERE "exec rmdir -- \"$1\"";
static const char rename_script[] = THERE FREE("2")
    "if [ -f \"$1\" ] && [ ! -L \"$1\" ]; then\n"
    "ln -- \"$1\" \"$2\" && exec rm -- \"$1\"; exit 1; fi\n"
    "mv -n -T -- \"$1\" \"$2\" || exit; [ ! -e \"$1\" ] || exit 45";
/* Whether it is read-only only the mounts say; then a line without anything
 * (which a mount never is), then where the path really is. */
static const char room_script[] = THERE
    "stat -f -c '%b %f %a %S %c %d %i' -- \"$1\" || exit\n"
    "stat -L -c %d -- \"$1\" || exit\n"
    "cat /proc/self/mountinfo 2>/dev/null; echo\n"
    "readlink -f -- \"$1\"; exit 0";
static const char write_script[] = FREE("1")
    "set -C; umask 077; : >\"$1\" || exit; set +C; echo made\n"
    "cat >\"$1\" || exit; chmod $2 -- \"$1\" || exit\n"
    "sync -- \"$1\" 2>/dev/null || sync";
static const char read_script[] = THERE
    "[ $2 = 1 ] || exec tail -c +$2 -- \"$1\"; exec cat -- \"$1\"";

static void
absolute(char out[PATH_MAX], const char *path)
{
	snprintf(out, PATH_MAX, "%s%s", *path == '-' ? "./" : "", path);
}

static bool
failed(int code, const char *said, const char *path, struct err *e)
{
	static const struct { const char *part; int sys; } words[] = {
		{ "No space left", ENOSPC }, { "Permission denied", EACCES },
		{ "Read-only file system", EROFS }, { "quota", EDQUOT },
		{ "File exists", EEXIST }, { "cannot overwrite", EEXIST },
		{ "not empty", ENOTEMPTY },
	};

	if (code == GONE)
		return err_set(e, ERR_NOTFOUND, "there is no '%s'", path);
	errno = code == TAKEN ? EEXIST : 0;
	for (size_t i = 0; i < sizeof words / sizeof *words && !errno; i++)
		if (strstr(said, words[i].part))
			errno = words[i].sys;
	if (errno != 0)
		return err_sys(e, "'%s'", path);
	return err_set(e, ERR_FAILED, "'%s': exit %d: %s", path, code, said);
}

static bool
ask(struct place *p, const char *script, const char *path, const char *second,
    size_t limit, struct buf *out, struct err *e)
{
	char full[PATH_MAX], full2[PATH_MAX];
	const char *argv[] = { "/bin/sh", "-c", script, "midwatch", full, full2,
		NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok;

	absolute(full, path);
	absolute(full2, second);
	ok = place_run(p, &(struct place_run){ .argv = argv, .limit = limit,
	    .deadline_ms = clock_mono_ms() + 30000 }, &ran, e);
	if (ok && ran.exit.code != 0)
		ok = failed(ran.exit.code, ran.errout.n ? ran.errout.p : "",
		    path, e);
	if (ok && ran.cut)
		ok = err_set(e, ERR_FAILED, "'%s': too much to list", path);
	if (ok && out)
		buf_add(out, ran.out.p, ran.out.n);
	place_ran_release(&ran);
	return ok;
}

/* "81a4 4096 1700000000\n": how far it reaches; 0: it is something else. */
static size_t
stat_line(const char *s, struct place_stat *ret)
{
	unsigned mode;
	long long size, mtime;
	const char *nl = strchr(s, '\n');

	/* lint: a fixed form, checked by its count */
	if (nl == NULL || sscanf(s, "%x %lld %lld", &mode, &size, /* NOLINT */
	    &mtime) != 3)
		return 0;
	*ret = (struct place_stat){ .size = size, .mtime = mtime,
		.mode = mode & 07777u, .is_file = S_ISREG(mode),
		.is_dir = S_ISDIR(mode), .is_link = S_ISLNK(mode) };
	return (size_t)(nl - s) + 1;
}

static bool
sh_stat(struct place *p, const char *path, struct place_stat *ret,
    struct err *e)
{
	struct buf out = BUF_INIT;
	bool ok = ask(p, stat_script, path, "", 0, &out, e);

	if (ok && stat_line(out.p, ret) == 0)
		ok = err_set(e, ERR_FAILED, "'stat' there answers oddly");
	buf_release(&out);
	return ok;
}

static bool
sh_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e)
{
	struct buf out = BUF_INIT;
	bool ok = ask(p, list_script, dir, "", 64 << 20, &out, e);

	for (size_t at = 0; ok && at < out.n;) {
		struct place_stat st;
		size_t n = stat_line(out.p + at, &st);

		if (n == 0) {
			ok = err_set(e, ERR_FAILED, "'stat' answers oddly");
			break;
		}
		at += n;
		*VEC_NEW(&ret->entries) = (struct place_entry){
			xstrdup(out.p + at), st };
		at += strlen(out.p + at) + 1;
	}
	buf_release(&out);
	return ok;
}

static bool
sh_mkdir(struct place *p, const char *path, unsigned mode, struct err *e)
{
	char octal[16];

	snprintf(octal, sizeof octal, "%o", mode & 07777u);
	return ask(p, mkdir_script, path, octal, 0, NULL, e);
}

static bool
sh_rename(struct place *p, const char *from, const char *to, struct err *e)
{
	return ask(p, rename_script, from, to, 0, NULL, e);
}

static bool
sh_remove(struct place *p, const char *path, struct err *e)
{
	return ask(p, remove_script, path, "", 0, NULL, e);
}

static bool
sh_rmdir(struct place *p, const char *path, struct err *e)
{
	return ask(p, rmdir_script, path, "", 0, NULL, e);
}

/* \040 and the like, in place. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++, to++) {
		*to = *s;
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
			    (s[3] - '0'));
			s += 3;
		}
	}
	*to = '\0';
}

/* A file system that failed may be read-only by another name, which statvfs()
 * does not tell. */
static bool
has_ro(char *options)
{
	for (char *word; (word = strsep(&options, ",")) != NULL;)
		if (strcmp(word, "ro") == 0 ||
		    strcmp(word, "emergency_ro") == 0 ||
		    strcmp(word, "shutdown") == 0)
			return true;
	return false;
}

/*
 * "36 35 98:0 / /mnt/data rw,noatime - ext4 /dev/sda1 ro,errors=continue": the
 * longest mount point above the path holds, of several at it the last. Both
 * the mount and what is mounted can be read-only.
 */
bool
place_mounted_read_only(char *mounts, const char *path)
{
	size_t best = 0;
	bool ro = false;

	for (char *line; (line = strsep(&mounts, "\n")) != NULL;) {
		char *word[6] = { 0 }, *rest = line, *tail;
		size_t n;

		for (int i = 0; i < 6; i++)
			word[i] = strsep(&rest, " ");
		if (word[5] == NULL || rest == NULL)
			continue;
		unescape(word[4]);
		n = strlen(word[4]);
		if (strcmp(word[4], "/") != 0 && (strncmp(word[4], path, n) != 0 ||
		    (path[n] != '/' && path[n] != '\0')))
			continue;
		if (n < best)
			continue;
		best = n;
		tail = strrchr(rest, ' ');
		ro = has_ro(word[5]) || (tail && has_ro(tail + 1));
	}
	return ro;
}

static bool
sh_room(struct place *p, const char *path, struct place_room *ret,
    struct err *e)
{
	struct buf out = BUF_INIT;
	struct place_statfs v;
	uint64_t dev = 0, id;
	int n = 0;
	bool ok = ask(p, room_script, path, "", 0, &out, e);

	if (ok && sscanf(out.p, "%" SCNu64 " %" SCNu64 " %" SCNu64 /* NOLINT */
	    " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNx64 "\n%" SCNu64
	    "\n%n", &v.blocks, &v.bfree, &v.bavail, &v.unit, &v.files,
	    &v.ffree, &id, &dev, &n) != 8)
		ok = err_set(e, ERR_FAILED, "'stat -f' there answers oddly");
	if (ok) {
		char *mounts = out.p + n, *real = strstr(mounts, "\n\n");

		v.favail = v.ffree;
		place_room_of(&v, ret);
		/* stat(1) has its halves the other way round */
		ret->fs = id != 0 ? id >> 32 | id << 32 : dev;
		if (real != NULL) {
			*real = '\0';
			real += 2;
			if (out.p[out.n - 1] == '\n')
				out.p[out.n - 1] = '\0';
			ret->read_only = place_mounted_read_only(mounts, real);
		}
	}
	buf_release(&out);
	return ok;
}

static bool
sh_open(struct place_file *f, const char *path, enum place_open how,
    unsigned mode, int64_t offset, struct err *e)
{
	bool write = how == PLACE_MAKES;
	char full[PATH_MAX], second[32];
	const char *argv[] = { "/bin/sh", "-c",
		write ? write_script : read_script, "midwatch", full, second,
		NULL };

	if (how == PLACE_GOES_ON)
		return err_set(e, ERR_FAILED, "'%s': a shell cannot go on in a "
		    "file", path);
	absolute(full, path);
	if (write)
		snprintf(second, sizeof second, "%o", mode & 07777u);
	else
		snprintf(second, sizeof second, "%lld", (long long)offset + 1);
	f->io.in_end = !write;
	f->q = place_start(f->p, argv, 0, e);
	if (f->q == NULL)
		return false;
	/* So that a file that cannot be had is known at once. */
	while (f->io.out.n == 0 && !f->io.ended)
		if (!place_turn(f->q, &f->io, 0, e))
			return false;
	if (write)
		buf_clear(&f->io.out);
	return !f->io.ended || f->io.exit.code == 0 ||
	    failed(f->io.exit.code, f->io.err.n ? f->io.err.p : "", path, e);
}

static bool
sh_write(struct place_file *f, const char *s, size_t n, struct err *e)
{
	f->io.in = s;
	f->io.in_n = n;
	while (f->io.in_n > 0 && !f->io.ended)
		if (!place_turn(f->q, &f->io, 0, e))
			return false;
	if (f->io.ended)
		return failed(f->io.exit.code, f->io.err.n ? f->io.err.p : "",
		    f->path, e);
	return true;
}

static ssize_t
sh_read(struct place_file *f, void *s, size_t n, struct err *e)
{
	while (f->io.out.n == 0 && !f->io.ended)
		if (!place_turn(f->q, &f->io, 0, e))
			return -1;
	if (f->io.out.n == 0 && f->io.exit.code != 0) {
		failed(f->io.exit.code, f->io.err.n ? f->io.err.p : "",
		    f->path, e);
		return -1;
	}
	if (n > f->io.out.n)
		n = f->io.out.n;
	if (n > 0)
		memcpy(s, f->io.out.p, n);
	buf_drop(&f->io.out, n);
	return (ssize_t)n;
}

static bool
sh_close(struct place_file *f, struct err *e)
{
	f->io.in_end = true;
	while (f->writes && !f->io.ended)
		if (!place_turn(f->q, &f->io, 0, e))
			return false;
	return !f->writes || f->io.exit.code == 0 || failed(f->io.exit.code,
	    f->io.err.n ? f->io.err.p : "", f->path, e);
}

static void
sh_drop(struct place_file *f)
{
	if (f->q && !f->io.ended)
		(void)place_stop(f->q, NULL);
	place_proc_free(f->q);
	f->q = NULL;
}

const struct place_filer place_filer_shell = { sh_stat, sh_list, sh_mkdir,
	sh_rename, sh_remove, sh_rmdir, sh_room, sh_open, sh_write, sh_read,
	sh_close, sh_drop, NULL, NULL };
