/*
 * Durable appends a second beside SQLite (WAL, synchronous=FULL, one transaction
 * an event), which writes the same bytes on the same file system in the same
 * run, with one writer and with four; and how long a long journal takes to read.
 *
 *	journal_bench [DIR [SECONDS]]		prints rows of tests/bench/run's table
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "record/journal.h"
#include "record/line.h"

enum { ROUNDS = 3, WRITERS_MAX = 4 };

static const char text[] = "otc verified on nas: 1843 MB, sha256 read back, "
    "archive read to its end, 412 tables";
static const char insert[] = "INSERT INTO journal (line) VALUES (?)";

static char *dir;
static char line[SLOT + 1];		/* what both write */
static int64_t *counts;			/* shared with the writers */
static int64_t round_ms = 1500;

static char *
path_of(const char *name)
{
	return xprintf("%s/%s", dir, name);
}

/* ---- the two contestants ------------------------------------------------------- */

static void
journal_begin(void)
{
	char *path = path_of("journal.jsonl");
	struct err e = ERR_INIT;

	(void)unlink(path);
	if (!journal_create(path, JOURNAL_RESERVE, &e))
		die("%s", e.msg);
	free(path);
}

static void
journal_write(int64_t *count, int64_t deadline)
{
	struct draft d = { .kind = EVENT_NOTE, .text = text };
	char *path = path_of("journal.jsonl");
	struct err e = ERR_INIT;
	struct journal j;

	journal_init(&j, NULL, NULL);
	if (!journal_open(&j, path, &e))
		die("%s", e.msg);
	while (clock_mono_ms() < deadline) {
		if (!journal_append(&j, &d, 1, NULL, NULL, NULL, &e))
			die("%s", e.msg);
		++*count;
	}
	journal_close(&j);
	free(path);
}

static sqlite3 *
database(void)
{
	char *path = path_of("journal.db");
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 30000) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, "
	    "line TEXT)", NULL, NULL, NULL) != SQLITE_OK)
		die("sqlite: %s", sqlite3_errmsg(db));
	free(path);
	return db;
}

static void
sqlite_begin(void)
{
	static const char *const files[] = { "journal.db", "journal.db-wal",
	    "journal.db-shm" };

	for (size_t i = 0; i < 3; i++) {
		char *path = path_of(files[i]);

		(void)unlink(path);
		free(path);
	}
	sqlite3_close(database());
}

static void
sqlite_write(int64_t *count, int64_t deadline)
{
	sqlite3 *db = database();
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, insert, -1, &st, NULL) != SQLITE_OK)
		die("sqlite: %s", sqlite3_errmsg(db));
	while (clock_mono_ms() < deadline) {
		(void)sqlite3_bind_text(st, 1, line, SLOT, SQLITE_STATIC);
		if (sqlite3_step(st) != SQLITE_DONE)
			die("sqlite: %s", sqlite3_errmsg(db));
		(void)sqlite3_reset(st);
		++*count;
	}
	(void)sqlite3_finalize(st);
	sqlite3_close(db);
}

static const struct contestant {
	void (*begin)(void);
	void (*write)(int64_t *count, int64_t deadline);
} ours = { journal_begin, journal_write }, theirs = { sqlite_begin, sqlite_write };

static double
events_a_second(const struct contestant *c, int writers)
{
	int64_t start, sum = 0;
	pid_t pids[WRITERS_MAX];

	c->begin();
	memset(counts, 0, WRITERS_MAX * sizeof *counts);
	start = clock_mono_ms();
	for (int w = 0; w < writers; w++) {
		pids[w] = fork();
		if (pids[w] == 0) {
			c->write(&counts[w], start + round_ms);
			_exit(0);
		}
	}
	for (int w = 0; w < writers; w++) {
		int status = -1;

		(void)waitpid(pids[w], &status, 0);
		if (status != 0)
			die("a writer failed");
		sum += counts[w];
	}
	return (double)sum * 1000 / (double)(clock_mono_ms() - start);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
race(int writers, double aim)
{
	double a[ROUNDS], b[ROUNDS], ratio[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		a[i] = events_a_second(&ours, writers);
		b[i] = events_a_second(&theirs, writers);
		ratio[i] = a[i] / b[i];
	}
	qsort(a, ROUNDS, sizeof *a, by_size);
	qsort(b, ROUNDS, sizeof *b, by_size);
	qsort(ratio, ROUNDS, sizeof *ratio, by_size);
	printf("journal: appends/s, %d writer%s|%.0f|SQLite %.0f|%.2f x|>= %.1f x\n",
	    writers, writers > 1 ? "s" : "", a[ROUNDS / 2], b[ROUNDS / 2],
	    ratio[ROUNDS / 2], aim);
	(void)fflush(stdout);
}

/* ---- reading -------------------------------------------------------------------- */

static void
make_long(const char *path, long lines)
{
	struct draft d = { .kind = EVENT_NOTE, .text = text, .step = "backup-otc",
	    .data = "{\"bytes\":1932735283,\"proof\":\"restorable\"}" };
	struct line_chain c = { .slot = SLOT };
	struct buf out = BUF_INIT;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);

	memset(c.hash, '0', SHA_HEX - 1);
	for (long i = 0; i < lines; i++) {
		if (!line_draft(&c, &d, 0, &out, NULL))
			die("a line is too long");
		if (out.n < 1 << 20 && i + 1 < lines)
			continue;
		if (!io_write_all(fd, out.p, out.n))
			die("cannot write '%s'", path);
		buf_clear(&out);
	}
	(void)fsync(fd);
	io_close(&fd);
	buf_release(&out);
}

static void
count_event(void *ctx, const struct event *ev)
{
	(void)ev;
	++*(int64_t *)ctx;
}

static double
fold_seconds(const char *path, int64_t want)
{
	int64_t start = clock_mono_ms(), seen = 0;
	struct err e = ERR_INIT;
	struct journal j;

	journal_init(&j, count_event, &seen);
	if (!journal_open(&j, path, &e) || seen != want)
		die("not all events came: %s", e.msg);
	journal_close(&j);
	return (double)(clock_mono_ms() - start) / 1000;
}

static double
verify_seconds(const char *path)
{
	int64_t start = clock_mono_ms();
	struct journal_verdict v;
	struct err e = ERR_INIT;
	struct journal j;

	journal_init(&j, NULL, NULL);
	if (!journal_verify(&j, path, &v, &e) || v.problems > 0)
		die("not good: %s", e.msg);
	journal_close(&j);
	return (double)(clock_mono_ms() - start) / 1000;
}

static void
reading(void)
{
	char *path = path_of("long.jsonl");
	double once[2], twice[2];

	make_long(path, 100000);
	once[0] = fold_seconds(path, 100000);
	once[1] = verify_seconds(path);
	make_long(path, 200000);
	twice[0] = fold_seconds(path, 200000);
	twice[1] = verify_seconds(path);
	printf("journal: folding 100,000 lines|%.2f s||200,000: %.2f x|about 1 s, 2 x\n",
	    once[0], twice[0] / once[0]);
	printf("journal: verifying 100,000 lines|%.2f s||200,000: %.2f x|about 1 s, 2 x\n",
	    once[1], twice[1] / once[1]);
	(void)unlink(path);
	free(path);
}

/* The bytes of one line, for the other side. */
static void
make_line(void)
{
	struct draft d = { .kind = EVENT_NOTE, .text = text };
	struct line_chain c = { .slot = SLOT };
	struct buf out = BUF_INIT;

	memset(c.hash, '0', SHA_HEX - 1);
	if (!line_draft(&c, &d, 0, &out, NULL) || out.n != SLOT)
		die("not one slot");
	memcpy(line, out.p, SLOT);
	buf_release(&out);
}

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");

	dir = xprintf("%s/journal-bench.%ld", argc > 1 ? argv[1] :
	    tmp != NULL ? tmp : "/var/tmp", (long)getpid());
	if (argc > 2)
		round_ms = strtol(argv[2], NULL, 10) * 1000;
	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED || !file_mkdir(dir, 0700, NULL))
		die("cannot make '%s'", dir);
	make_line();
	race(1, 0.4);
	race(4, 1.0);
	reading();
	(void)file_remove_tree(dir, NULL);
	return 0;
}
