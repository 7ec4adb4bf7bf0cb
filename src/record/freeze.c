#include "record/freeze.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"

enum { FLAG_MAX = 64 << 10, ROOM = 4096, WORDS_MAX = 300 };
static const int64_t seconds_max = 100000000000, year_9999_ms = 253370764800000;

static const char *const phases[] = {
	[FREEZE_OFF] = "off", [FREEZE_SETTING] = "setting",
	[FREEZE_ON] = "on", [FREEZE_LIFTING] = "lifting",
};

const char *
freeze_phase_name(enum freeze_phase p)
{
	return phases[p];
}

void
freeze_release(struct freeze *f)
{
	free(f->reason);
	free(f->who);
	free(f->incident);
	*f = (struct freeze){ 0 };
}

/* ---- reading ------------------------------------------------------------- */

/* A time in words, or a number of seconds or milliseconds; 0: none that can be. */
static int64_t
moment(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);
	int64_t ms = json_get_int(o, key, 0);
	struct err ignored = ERR_INIT;

	if (s == NULL && ms > 0 && ms < seconds_max)
		ms *= 1000;
	else if (s != NULL && !clock_parse_utc(s, &ms) &&
	    !clock_parse(s, clock_wall_ms(), &ms, &ignored))
		return 0;
	return ms > 0 && ms < year_9999_ms ? ms : 0;
}

static char *
copy(const json_t *o, const char *key, const char *or)
{
	const char *s = json_get_str(o, key);

	if (s == NULL && or != NULL)
		s = json_get_str(o, or);
	return s != NULL && *s != '\0' ? xstrdup(s) : NULL;
}

static void
fold(const json_t *o, struct freeze *f)
{
	const char *phase = json_get_str(o, "phase");

	for (int i = FREEZE_SETTING; phase != NULL && i <= FREEZE_LIFTING; i++)
		if (strcmp(phase, phases[i]) == 0)
			f->phase = (enum freeze_phase)i;
	f->reason = copy(o, "reason", NULL);
	f->who = copy(o, "who", "by");
	f->incident = copy(o, "incident", NULL);
	f->since = moment(o, "since");
	if (f->since == 0)
		f->since = moment(o, "at");
	f->until = moment(o, "until");
	f->ddl = json_get_bool(o, "ddl");
}

bool
freeze_read(const struct state *s, struct freeze *ret, struct err *e)
{
	char *path = state_path(s, "freeze");
	struct buf flag = BUF_INIT;
	struct err why = ERR_INIT;
	bool ok;

	*ret = (struct freeze){ 0 };
	ok = file_read(path, &flag, FLAG_MAX, &why) ||
	    why.sys_errno == ENOENT;
	if (!ok && e != NULL) {
		*e = why;
		err_hint(e, "Until it can be read, treat the site as frozen.");
	}
	while (flag.n > 0 && isspace((unsigned char)flag.p[flag.n - 1]))
		buf_cut(&flag, flag.n - 1);
	buf_drop(&flag, flag.n > 0 ? strspn(flag.p, " \t\r\n") : 0);
	if (ok && flag.n > 0) {
		json_t *o = json_read(flag.p, flag.n, NULL);

		ret->phase = FREEZE_ON;
		if (json_is_object(o))
			fold(o, ret);
		else
			ret->reason = xstrdup(flag.p);
		json_decref(o);
	}
	buf_release(&flag);
	free(path);
	return ok;
}

void
freeze_say(const struct freeze *f, int64_t now, struct buf *out)
{
	char at[40], age[32];

	if (f->phase == FREEZE_OFF) {
		buf_str(out, "not frozen");
		return;
	}
	buf_str(out, "frozen");
	if (f->since > 0 && now >= f->since) {
		clock_fmt_site(at, f->since);
		text_fmt_duration(age, now - f->since);
		buf_printf(out, " since %.16s, for %s", at, age);
	}
	if (f->who != NULL) {
		buf_str(out, ", by ");
		text_clean(out, f->who, text_fit(f->who, strlen(f->who), 64),
		    TEXT_LINE);
	}
	if (f->reason != NULL) {
		buf_str(out, ": ");
		text_clean(out, f->reason, text_fit(f->reason,
		    strlen(f->reason), WORDS_MAX), TEXT_LINE);
	}
}

/* ---- writing ------------------------------------------------------------- */

/* Where a block is written elsewhere each time, the room is only as good as a
 * file that has its blocks already. */
static bool
make_room(int fd, struct err *e)
{
	static const struct buf blank = BUF_INIT;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(e, "cannot look at the freeze flag");
	if (st.st_size >= ROOM || (st.st_size > 0 &&
	    st.st_blocks * 512 >= ROOM))
		return true;
	file_nocow(fd);
	(void)file_reserve(fd, 0, ROOM);
	return st.st_size > 0 || file_record(fd, &blank, ROOM, e);
}

static int
open_flag(const struct state *s, struct err *e)
{
	char *path = state_path(s, "freeze");
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
		    O_NOFOLLOW, 0660);
		if (fd >= 0)
			(void)fchmod(fd, 0660);
	}
	if (fd < 0)
		err_sys(e, "cannot open the freeze flag '%s'", path);
	free(path);
	return fd;
}

bool
freeze_prepare(const struct state *s, struct err *e)
{
	int fd = open_flag(s, e);
	bool ok = fd >= 0 && make_room(fd, e);

	io_close(&fd);
	return ok;
}

static void
put_words(struct buf *b, const char *key, const char *s)
{
	struct buf clean = BUF_INIT;

	if (s == NULL)
		return;
	text_utf8(&clean, s, strlen(s));
	json_key(b, key);
	json_textn(b, clean.p, text_fit(clean.p, clean.n, WORDS_MAX));
	buf_release(&clean);
}

bool
freeze_write(const struct state *s, const struct freeze *f, struct err *e)
{
	struct buf b = BUF_INIT;
	struct stat st = { .st_size = 0 };
	char since[32];
	int fd;
	bool ok;

	if (f->phase != FREEZE_OFF) {
		json_open(&b);
		json_put_str(&b, "phase", phases[f->phase]);
		put_words(&b, "who", f->who);
		if (f->since > 0) {
			clock_fmt_utc(since, f->since);
			json_put_str(&b, "since", since);
		}
		json_put_str(&b, "incident", f->incident);
		if (f->ddl)
			json_put_bool(&b, "ddl", true);
		put_words(&b, "reason", f->reason);
		json_close(&b);
	}
	fd = open_flag(s, e);
	ok = fd >= 0;
	if (ok) {
		(void)make_room(fd, &(struct err){ 0 });
		ok = fstat(fd, &st) == 0 && st.st_size <= FLAG_MAX ?
		    file_record(fd, &b, (size_t)st.st_size, e) :
		    err_set(e, ERR_FAILED, "the freeze flag is no flag of ours");
	}
	if (ok && fdatasync(fd) != 0)
		ok = err_sys(e, "the freeze flag is not durable");
	io_close(&fd);
	buf_release(&b);
	if (!ok)
		err_wrap(e, "freeze");
	return ok;
}
