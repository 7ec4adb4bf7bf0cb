/*
 * Password files. Here: read through the link if it is one, written beside, synced,
 * renamed, for the file's own owner. At a place: the same by a few lines of shell,
 * which take the text on standard input and replace the file only when all of it
 * came and the file is still the one that was read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/recover_intern.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/secret.h"
#include "base/text.h"

enum { FILE_MAX = 1 << 20, PLACE_MS = 30000, SMALL = 4096 };

/* ---- which --------------------------------------------------------------------- */

static char *
full_path(const char *path)
{
	const char *home = getenv("HOME");

	if (path[0] == '~' && path[1] == '/' && home != NULL)
		return file_join(home, path + 2);
	return xstrdup(path);
}

static bool
same_file(const struct recover_file *f, const char *path)
{
	char a[PATH_MAX], b[PATH_MAX];

	if (strcmp(f->path, path) == 0)
		return true;
	return realpath(f->path, a) != NULL && realpath(path, b) != NULL &&
	    strcmp(a, b) == 0;
}

bool
recover_files_have(const struct recover *r, const char *path)
{
	char *full = full_path(path);
	bool have = false;

	for (size_t i = 0; i < r->files.n && !have; i++)
		have = r->files.v[i].at == NULL && same_file(&r->files.v[i],
		    full);
	free(full);
	return have;
}

void
recover_files_find(struct recover *r)
{
	const struct site_db *db = r->ask.db;
	char *own = full_path(db->passfile != NULL ? db->passfile :
	    "~/.pgpass");
	bool have_own = false;

	for (size_t i = 0; i < db->rotate.update.n; i++) {
		const struct site_place *at;
		const char *path = site_where(r->ask.site,
		    db->rotate.update.v[i], &at);
		struct recover_file *f = VEC_NEW(&r->files);

		f->spec = db->rotate.update.v[i];
		f->at = at;
		f->path = at == NULL ? full_path(path) : xstrdup(path);
		if (at == NULL && same_file(f, own))
			f->own = have_own = true;
	}
	if (!have_own) {
		struct recover_file *f = VEC_NEW(&r->files);

		f->spec = db->passfile != NULL ? db->passfile : "~/.pgpass";
		f->path = xstrdup(own);
		f->own = true;
	}
	free(own);
}

/* ---- at a place ------------------------------------------------------------------- */

static const char read_script[] =
    "p=$1; case $p in '~/'*) p=$HOME/${p#'~/'};; esac\n"
    "[ -e \"$p\" ] || exit 44\n"
    "stat -L -c %a -- \"$p\" 2>/dev/null || echo 600\n"
    "exec cat -- \"$p\"";
/* $1 the file, $2 its checksum or none, $3 how many bytes are to come */
static const char write_script[] =
    "umask 077; p=$1; case $p in '~/'*) p=$HOME/${p#'~/'};; esac\n"
    "if [ -e \"$p\" ]; then p=$(readlink -f -- \"$p\") || exit 1; fi\n"
    "was() { if [ -e \"$p\" ]; then cksum <\"$p\"; else echo none; fi; }\n"
    "rm -f -- \"$p\".midwatch.*\n"
    "t=$(mktemp \"$p.midwatch.XXXXXX\") || exit 1\n"
    "trap 'rm -f -- \"$t\"' EXIT; trap 'exit 1' HUP INT TERM PIPE\n"
    "cat >\"$t\" || exit 1\n"
    "[ $(wc -c <\"$t\") -eq \"$3\" ] || exit 45\n"
    "[ \"$(was)\" = \"$2\" ] || exit 46\n"
    "if [ -e \"$p\" ]; then chown --reference=\"$p\" \"$t\" 2>/dev/null; fi\n"
    "chmod 600 \"$t\" || exit 1\n"
    "sync \"$t\" 2>/dev/null || sync\n"
    "mv -f -- \"$t\" \"$p\" || exit 1\n"
    "sync \"$(dirname -- \"$p\")\" 2>/dev/null || sync; exit 0";

static struct place *
open_place(struct recover *r, const struct recover_file *f,
    struct site_spec *spec, struct err *e)
{
	struct place_care care = { .secret = secret_find,
		.deadline_ms = clock_mono_ms() + PLACE_MS,
		.cancelled = NULL };

	return place_open(site_spec(spec, r->ask.site, f->at), &care, e);
}

static bool
run_script(struct recover *r, const struct recover_file *f,
    const char *const *argv, const struct buf *input, struct place_ran *ran,
    struct err *e)
{
	struct site_spec spec;
	struct place *p = open_place(r, f, &spec, e);
	bool ok;

	if (p == NULL)
		return err_wrap(e, "'%s'", f->spec);
	struct place_run run = { .argv = argv,
		.input = input != NULL ? input->p : NULL,
		.input_n = input != NULL ? input->n : 0,
		.limit = FILE_MAX, .deadline_ms = clock_mono_ms() + PLACE_MS };
	ok = place_run(p, &run, ran, e);
	place_close(p);
	if (!ok)
		err_wrap(e, "'%s'", f->spec);
	return ok;
}

static bool
read_there(struct recover *r, const struct recover_file *f, struct buf *ret,
    unsigned *ret_mode, struct err *e)
{
	const char *argv[] = { "/bin/sh", "-c", read_script, "midwatch",
		f->path, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok = run_script(r, f, argv, NULL, &ran, e);
	const char *nl = ok ? memchr(ran.out.p, '\n', ran.out.n) : NULL;

	if (ok && ran.exit.code == 44)
		ok = err_set(e, ERR_NOTFOUND, "'%s' is not there", f->spec);
	else if (ok && (ran.exit.code != 0 || nl == NULL || ran.cut)) {
		struct buf line = BUF_INIT;

		text_clean(&line, ran.errout.p, text_fit(ran.errout.p,
		    ran.errout.n, 200), TEXT_LINE);
		ok = err_set(e, ERR_FAILED, "cannot read '%s': %s", f->spec,
		    line.n > 0 ? line.p : "it failed without a word");
		buf_release(&line);
	} else if (ok) {
		*ret_mode = (unsigned)strtoul(ran.out.p, NULL, 8);
		buf_clear(ret);
		buf_add(ret, nl + 1, ran.out.n - (size_t)(nl + 1 - ran.out.p));
	}
	explicit_bzero(ran.out.p, ran.out.cap);
	place_ran_release(&ran);
	return ok;
}

/* POSIX cksum, since every host has one. */
static uint32_t
cksum(const char *p, size_t n)
{
	uint32_t crc = 0;
	size_t left = n;

	for (size_t i = 0; i < n || left > 0; i++) {
		unsigned char c;

		if (i < n)
			c = (unsigned char)p[i];
		else {
			c = (unsigned char)(left & 0xff);
			left >>= 8;
		}
		crc ^= (uint32_t)c << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7u :
			    crc << 1;
	}
	return ~crc;
}

static bool
write_there(struct recover *r, const struct recover_file *f,
    const struct buf *was, bool there, const struct buf *text, struct err *e)
{
	char sum[48] = "none", size[24];
	const char *argv[] = { "/bin/sh", "-c", write_script, "midwatch",
		f->path, sum, size, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct buf line = BUF_INIT;
	bool ok;

	if (there)
		(void)snprintf(sum, sizeof sum, "%" PRIu32 " %zu", cksum(was->p,
		    was->n), was->n);
	(void)snprintf(size, sizeof size, "%zu", text->n);
	ok = run_script(r, f, argv, text, &ran, e);
	if (ok && ran.exit.code == 46)
		ok = err_set(e, ERR_BUSY, "'%s' was changed by somebody else in "
		    "this moment", f->spec);
	else if (ok && ran.exit.code != 0) {
		(void)mask_text(&r->mask, &ran.errout);
		text_clean(&line, ran.errout.p, text_fit(ran.errout.p,
		    ran.errout.n, 200), TEXT_LINE);
		ok = err_set(e, ERR_FAILED, "cannot write '%s': %s", f->spec,
		    line.n > 0 ? line.p : ran.exit.code == 45 ?
		    "not all of it arrived" : "it failed without a word");
	}
	buf_release(&line);
	place_ran_release(&ran);
	return ok;
}

/* ---- here ------------------------------------------------------------------------- */

static bool
read_here(const struct recover_file *f, struct buf *ret, unsigned *ret_mode,
    struct err *e)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;
	bool ok = false;

	buf_clear(ret);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOTFOUND, "'%s' is not there", f->spec);
	if (fd < 0 || fstat(fd, &st) != 0)
		err_sys(e, "cannot open '%s'", f->spec);
	else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		err_set(e, ERR_USAGE, "'%s' is not a password file", f->spec);
	else {
		buf_grow(ret, (size_t)st.st_size + 2);
		n = io_read_full(fd, ret->p, (size_t)st.st_size + 1);
		ok = n >= 0 || err_sys(e, "cannot read '%s'", f->spec);
		if (ok && n > st.st_size)
			ok = err_set(e, ERR_BUSY, "'%s' grew while it was read",
			    f->spec);
		ret->n = ok ? (size_t)n : 0;
		ret->p[ret->n] = '\0';
		*ret_mode = (unsigned)st.st_mode & 07777u;
	}
	io_close(&fd);
	return ok;
}

/* What a kill left beside it holds a password. */
static void
sweep(const char *target)
{
	const char *slash = strrchr(target, '/');
	char *dir = slash == NULL ? xstrdup(".") : xstrndup(target,
	    slash == target ? 1 : (size_t)(slash - target));
	char *tmp = xprintf("%s.midwatch.tmp", target);

	(void)unlink(tmp);
	free(tmp);
	free(dir);
}

/* Still the file that was read? */
static bool
is_still(const struct recover_file *f, const struct buf *was, bool there,
    struct err *e)
{
	struct buf now = BUF_INIT;
	struct err quiet = ERR_INIT;
	unsigned mode;
	bool ok = read_here(f, &now, &mode, &quiet);

	ok = there ? ok && now.n == was->n && memcmp(now.p, was->p,
	    was->n) == 0 : !ok && quiet.kind == ERR_NOTFOUND;
	if (now.cap > 0)
		explicit_bzero(now.p, now.cap);
	buf_release(&now);
	return ok || err_set(e, ERR_BUSY, "'%s' was changed by somebody else "
	    "in this moment", f->spec);
}

static bool
write_here(const struct recover_file *f, const struct buf *was, bool there,
    const struct buf *text, struct err *e)
{
	char real[PATH_MAX], *tmp, *dir, *slash;
	struct stat st;
	bool ok = false;
	int fd = -1;

	if (realpath(f->path, real) == NULL)
		(void)snprintf(real, sizeof real, "%s", f->path);
	sweep(real);
	tmp = xprintf("%s.midwatch.tmp", real);
	slash = strrchr(real, '/');
	dir = slash == NULL ? xstrdup(".") : xstrndup(real, slash == real ? 1 :
	    (size_t)(slash - real));
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd < 0 || fchmod(fd, 0600) != 0 || (there && stat(real, &st) == 0 &&
	    (st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchown(fd, st.st_uid, st.st_gid) != 0 && st.st_uid != geteuid()) ||
	    !io_write_all(fd, text->p, text->n) || fsync(fd) != 0)
		err_sys(e, "cannot write beside '%s'", f->spec);
	else if (!is_still(f, was, there, e))
		;
	else if (rename(tmp, real) != 0)
		err_sys(e, "cannot put '%s' in its place", f->spec);
	else
		ok = file_sync_dir(dir, e);
	if (!ok && fd >= 0)
		(void)unlink(tmp);
	io_close(&fd);
	free(tmp);
	free(dir);
	return ok;
}

/* ---- both -------------------------------------------------------------------------- */

bool
recover_file_read(struct recover *r, const struct recover_file *f,
    struct buf *ret, unsigned *ret_mode, struct err *e)
{
	return f->at != NULL ? read_there(r, f, ret, ret_mode, e) :
	    read_here(f, ret, ret_mode, e);
}

static void
wipe(struct buf *b)
{
	if (b->cap > 0)
		explicit_bzero(b->p, b->cap);
	buf_release(b);
}

/* The file as it should be; *ret_how: what was done for the first login. */
static bool
compose(const struct recover *r, const struct buf *was, const char *password,
    struct buf *out, enum passline_how *ret_how, struct err *e)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	bool ok = true;

	buf_grow(&a, was->n + 1);
	buf_add(&a, was->p, was->n);
	*ret_how = PASSLINE_SAME;
	for (size_t i = 0; i < r->n_logins && ok; i++) {
		enum passline_how how;
		struct buf swap;

		ok = passline_set(a.p, a.n, &r->logins[i], password, &b, &how,
		    e);
		if (ok && *ret_how == PASSLINE_SAME)
			*ret_how = how;
		swap = a;
		a = b;
		b = swap;
	}
	*out = a;
	wipe(&b);
	return ok;
}

/* Whether a new file can be put beside it, tried. */
static bool
can_write(struct recover *r, const struct recover_file *f, struct err *e)
{
	char real[PATH_MAX];
	struct stat st;
	struct buf room = BUF_INIT;
	char *tmp;
	bool ok;
	int fd;

	if (f->at != NULL) {
		static const char script[] = "umask 077; p=$1\n"
		    "case $p in '~/'*) p=$HOME/${p#'~/'};; esac\n"
		    "if [ -e \"$p\" ]; then p=$(readlink -f -- \"$p\"); fi\n"
		    "t=$(mktemp \"$p.midwatch.XXXXXX\") && cksum <\"$t\" >&2 &&"
		    " echo room >\"$t\"; s=$?; rm -f -- \"$t\"; exit $s";
		const char *argv[] = { "/bin/sh", "-c", script, "midwatch",
			f->path, NULL };
		struct place_ran ran = PLACE_RAN_INIT;

		ok = run_script(r, f, argv, NULL, &ran, e) &&
		    (ran.exit.code == 0 || err_set(e, ERR_FAILED,
		    "nothing can be written beside '%s'", f->spec));
		place_ran_release(&ran);
		return ok;
	}
	if (realpath(f->path, real) == NULL)
		(void)snprintf(real, sizeof real, "%s", f->path);
	if (stat(real, &st) == 0 && st.st_uid != geteuid() && geteuid() != 0)
		return err_set(e, ERR_GUARD, "'%s' belongs to somebody else",
		    f->spec);
	tmp = xprintf("%s.midwatch.try", real);
	(void)unlink(tmp);
	buf_fill(&room, '\n', 2 * SMALL);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ok = fd >= 0 && io_write_all(fd, room.p, room.n) && fsync(fd) == 0;
	if (!ok)
		err_sys(e, "nothing can be written beside '%s'", f->spec);
	if (fd >= 0)
		(void)unlink(tmp);
	io_close(&fd);
	free(tmp);
	buf_release(&room);
	return ok;
}

static void
look_one(struct recover *r, struct recover_file *f, const char *password)
{
	struct buf was = BUF_INIT, text = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok;

	free(f->why);
	f->why = NULL;
	f->right = false;
	f->there = recover_file_read(r, f, &was, &f->mode, &e);
	ok = f->there || e.kind == ERR_NOTFOUND;
	if (ok) {
		err_clear(&e);
		ok = compose(r, &was, password != NULL ? password : "x", &text,
		    &f->how, &e);
		f->right = f->there && password != NULL &&
		    f->how == PASSLINE_SAME && (f->mode & 077) == 0;
	}
	if (ok && !f->right)
		ok = can_write(r, f, &e);
	if (!ok)
		f->why = xstrdup(e.msg);
	wipe(&was);
	wipe(&text);
}

void
recover_files_look(struct recover *r, const char *password)
{
	for (size_t i = 0; i < r->files.n; i++)
		look_one(r, &r->files.v[i], password);
}

bool
recover_file_write(struct recover *r, struct recover_file *f,
    const char *password, struct err *e)
{
	struct buf was = BUF_INIT, text = BUF_INIT;
	bool there = recover_file_read(r, f, &was, &f->mode, e), ok;

	if (!there && e->kind != ERR_NOTFOUND) {
		wipe(&was);
		return false;
	}
	err_clear(e);
	ok = compose(r, &was, password, &text, &f->how, e);
	f->right = ok && there && f->how == PASSLINE_SAME &&
	    (f->mode & 077) == 0;
	if (ok && !f->right)
		ok = f->at != NULL ? write_there(r, f, &was, there, &text, e) :
		    write_here(f, &was, there, &text, e);
	wipe(&was);
	wipe(&text);
	return ok;
}

/* ---- as clients there do it ----------------------------------------------------- */

enum there { THERE_IN, THERE_REFUSED, THERE_UNKNOWN };

/* The server's name means the same there: not "this host", unless that is where the
 * login goes through. */
static bool
same_server_there(const struct recover *r, const struct recover_file *f)
{
	const char *host = r->logins[0].host, *via = r->ask.db->through;

	if (host == NULL || host[0] == '/')
		return false;
	if (via != NULL)
		return strcmp(via, f->at->name) == 0;
	return !text_starts(host, "127.") && strcmp(host, "::1") != 0 &&
	    strcmp(host, "localhost") != 0;
}

/* By psql there, with that file alone. Only a no to the password is a no: what
 * cannot be reached from there may still be right. */
static enum there
log_in_there(struct recover *r, const struct recover_file *f, struct err *e)
{
	static const char script[] =
	    "p=$1; case $p in '~/'*) p=$HOME/${p#'~/'};; esac\n"
	    "command -v psql >/dev/null || exit 99\n"
	    "unset PGPASSWORD PGSERVICE PGSERVICEFILE PGOPTIONS PGHOSTADDR\n"
	    "PGPASSFILE=$p PGCONNECT_TIMEOUT=10 PGSSLMODE=$6 LC_ALL=C "
	    "exec psql -XAtqw -h \"$2\" -p \"$3\" -U \"$4\" -d \"$5\" "
	    "-c 'SELECT 1'";
	const struct passline *who = &r->logins[0];
	char port[16];
	const char *argv[] = { "/bin/sh", "-c", script, "midwatch", f->path,
		who->host, port, who->user, who->dbname,
		site_sslmodes[r->ask.db->sslmode], NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct buf line = BUF_INIT;
	enum there how = THERE_UNKNOWN;
	struct err quiet = ERR_INIT;

	(void)snprintf(port, sizeof port, "%d", who->port != 0 ? who->port :
	    5432);
	if (run_script(r, f, argv, NULL, &ran, &quiet) &&
	    ran.exit.code != 99) {
		(void)mask_text(&r->mask, &ran.errout);
		text_clean(&line, ran.errout.p, text_fit(ran.errout.p,
		    ran.errout.n, 200), TEXT_LINE);
		if (ran.exit.code == 0)
			how = THERE_IN;
		else if (strstr(line.p, "password authentication failed") ||
		    strstr(line.p, "no password supplied"))
			how = THERE_REFUSED;
		else
			recover_say(r, "[WARNING] from %s it cannot be tried: "
			    "%s", f->at->name, line.n > 0 ? line.p :
			    "psql fails without a word");
		if (how == THERE_REFUSED)
			err_set(e, ERR_FAILED, "psql at %s does not log in by "
			    "'%s': %s", f->at->name, f->spec, line.p);
	}
	buf_release(&line);
	place_ran_release(&ran);
	return how;
}

/* found: the password that stands there. */
static bool
log_in_by(struct recover *r, const struct recover_file *f, const char *found,
    struct err *e)
{
	enum there how = f->at != NULL && same_server_there(r, f) ?
	    log_in_there(r, f, e) : THERE_UNKNOWN;
	struct pg *db;
	enum pg_no no;

	if (how == THERE_IN)
		recover_say(r, "psql at %s logs in by '%s' alone", f->at->name,
		    f->spec);
	if (how != THERE_UNKNOWN)
		return how == THERE_IN;
	db = f->at == NULL ? recover_dial(r, NULL, f->path, &no, e) :
	    recover_dial(r, found, NULL, &no, e);
	pg_close(db);
	return db != NULL || err_wrap(e, "by '%s'", f->spec);
}

bool
recover_file_prove(struct recover *r, const struct recover_file *f,
    const char *password, struct err *e)
{
	struct buf text = BUF_INIT, found = BUF_INIT;
	unsigned mode = 0;
	bool ok = recover_file_read(r, f, &text, &mode, e);

	if (ok && (mode & 077) != 0)
		ok = err_set(e, ERR_GUARD, "'%s' is open to others (mode %04o), "
		    "so its clients do not use it", f->spec, mode);
	for (size_t i = 0; i < r->n_logins && ok; i++)
		ok = (passline_find(text.p, text.n, &r->logins[i], &found) > 0 &&
		    (password == NULL || strcmp(found.p, password) == 0)) ||
		    err_set(e, ERR_FAILED, "'%s' has %s password for %s",
		    f->spec, found.n > 0 ? "another" : "no",
		    r->logins[i].dbname);
	if (ok && passline_find(text.p, text.n, &r->logins[0], &found) > 0)
		ok = log_in_by(r, f, found.p, e);
	wipe(&text);
	wipe(&found);
	return ok;
}
