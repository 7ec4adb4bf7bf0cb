#include "backup/globals.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/dumptext.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"

enum { WAIT_MS = 60000, CHUNK = 64 << 10 };

struct work {
	const struct scratch *s;
	struct pg *db;
	struct err *e;
	size_t spaces;
	bool ok;
};

static bool
run(struct work *w, const char *sql)
{
	struct pg_rows rows = PG_ROWS_INIT;

	w->ok = pg_query(w->db, sql, NULL, 0, clock_mono_ms() + WAIT_MS, &rows,
	    w->e);
	pg_rows_release(&rows);
	return w->ok;
}

/* CREATE TABLESPACE x OWNER y LOCATION '/where/it/was' */
static bool
make_space(struct work *w, const char *sql)
{
	static const char word[] = " LOCATION '";
	const char *at = NULL;
	char *dir;
	struct buf b = BUF_INIT;

	for (const char *s = strstr(sql, word); s; s = strstr(s + 1, word))
		at = s;
	if (at == NULL)
		return run(w, sql);
	dir = xprintf("%s/space%zu", w->s->dir, w->spaces++);
	w->ok = file_mkdir(dir, 0700, w->e) && (w->s->user == NULL ||
	    chown(dir, w->s->uid, w->s->gid) == 0 ||
	    err_sys(w->e, "cannot give '%s' away", dir));
	if (w->ok) {
		buf_add(&b, sql, (size_t)(at - sql));
		buf_str(&b, " LOCATION ");
		pg_literal(&b, dir);
		w->ok = run(w, b.p);
	}
	buf_release(&b);
	free(dir);
	return w->ok;
}

/* The one role that every server has from its first moment. */
static bool
is_first_role(const char *sql)
{
	return strcmp(sql, "CREATE ROLE postgres") == 0;
}

static bool
statement(void *ctx, const char *sql, size_t n)
{
	struct work *w = ctx;

	(void)n;
	if (text_starts(sql, "CREATE TABLESPACE "))
		make_space(w, sql);
	else if (!run(w, sql) && is_first_role(sql) &&
	    strcmp(pg_sqlstate(w->db), "42710") == 0) {
		err_clear(w->e);
		w->ok = true;
	}
	if (!w->ok && pg_state(w->db) == PG_READY)
		w->e->kind = ERR_INTEGRITY;
	return w->ok;
}

bool
globals_restore(const struct scratch *s, const char *file, struct err *e)
{
	struct work w = { .s = s, .e = e, .ok = true };
	struct dumptext t = { .statement = statement, .ctx = &w };
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct buf b = BUF_INIT;
	ssize_t n = -1;

	if (fd < 0) {
		err_sys(e, "cannot read '%s'", file);
		return false;
	}
	w.db = pg_open(&s->login, clock_mono_ms() + WAIT_MS, e);
	w.ok = w.db != NULL;
	while (w.ok && (n = io_read_some(fd, &b, CHUNK)) > 0) {
		dumptext_take(&t, b.p, b.n);
		buf_clear(&b);
		if (t.enough)
			break;
	}
	if (w.ok && n < 0)
		w.ok = err_sys(e, "cannot read '%s'", file);
	if (!w.ok)
		err_wrap(e, "roles and tablespaces");
	pg_close(w.db);
	dumptext_release(&t);
	buf_release(&b);
	io_close(&fd);
	return w.ok;
}
