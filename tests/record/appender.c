/*
 * A program to be killed, cut off and lied to: it appends to a journal and notes
 * what was acknowledged where no such fault reaches it, in shared memory.
 *
 *	appender create JOURNAL [RESERVE]
 *	appender append [-a ACKS] [-n COUNT] [-s SIZE] [-b BATCH] [-t TAG] [-k]
 *	    [-r SEED] [-p PHASES -i SLOT] JOURNAL
 *	appender second JOURNAL DIR	appender settle JOURNAL
 *	appender verify JOURNAL		appender list JOURNAL
 *	appender check JOURNAL ACKS...	whole, every acknowledged event once
 *	appender hold JOURNAL		takes the lock and keeps it
 *	appender state DIR		appender incident DIR	appender job DIR [INCIDENT]
 *
 * An event's text is TAG-n, with -s as many bytes with TAG-n at both ends. -b
 * appends so many at once; -k goes on after a refusal; -r makes sizes and batches
 * vary. ACKS holds 64 bytes for each acknowledged event, PHASES an int for each
 * slot: the enum journal_phase in which that process is, or ACKNOWLEDGED.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "record/journal.h"
#include "record/lock.h"
#include "record/state.h"
#include "tests/record/appender.h"

enum { BATCH_MAX = 64, TAG_MAX = 48 };

static struct journal j;
static struct err e;

static int
refused(void)
{
	fprintf(stderr, "%s%s%s\n", e.msg, e.hint[0] ? " " : "", e.hint);
	return 3;
}

static volatile int *phase;		/* of this process, or NULL */

static void
on_phase(enum journal_phase now)
{
	*phase = (int)now;
}

static void
acknowledge(char *acks, const char *tag)
{
	size_t i = count_acks(acks);

	if (i == ACKS_MAX)
		die("too many acknowledgements");
	(void)snprintf(acks + i * ACK, ACK, "%.*s\n", TAG_MAX, tag);
}

static void
make_text(struct buf *b, const char *tag, size_t size)
{
	buf_clear(b);
	buf_str(b, tag);
	if (size == 0)
		return;
	buf_ch(b, ' ');
	buf_fill(b, 'x', size);
	buf_ch(b, ' ');
	buf_str(b, tag);
}

struct plan {
	long count, batch;
	size_t size;
	const char *tag;
	bool keep_on, random;
	char *acks;
};

static int
append_batch(const struct plan *p, long from)
{
	static const size_t sizes[] = { 0, 100, 1000, 2500, 9000 };
	static struct buf text[BATCH_MAX];	/* used again and again */
	struct draft d[BATCH_MAX] = { 0 };
	char tags[BATCH_MAX][TAG_MAX];

	for (long k = 0; k < p->batch; k++) {
		(void)snprintf(tags[k], sizeof tags[k], "%.20s-%ld", p->tag,
		    from + k);
		make_text(&text[k], tags[k], p->random ? sizes[random() % 5] :
		    p->size);
		d[k] = (struct draft){ .kind = EVENT_NOTE, .text = text[k].p };
	}
	if (!journal_append(&j, d, (size_t)p->batch, NULL, NULL, NULL, &e)) {
		int status = refused();

		err_clear(&e);
		return status;
	}
	for (long k = 0; p->acks != NULL && k < p->batch; k++)
		acknowledge(p->acks, tags[k]);
	if (phase != NULL)
		*phase = ACKNOWLEDGED;
	return 0;
}

static int
append(int argc, char **argv)
{
	struct plan p = { .count = 1, .batch = 1, .tag = "event" };
	int c, status = 0;

	while ((c = getopt(argc, argv, "a:n:s:b:t:kr:p:i:")) != -1)
		switch (c) {
		case 'a': p.acks = map_acks(optarg); break;
		case 'n': p.count = strtol(optarg, NULL, 10); break;
		case 's': p.size = strtoul(optarg, NULL, 10); break;
		case 'b': p.batch = strtol(optarg, NULL, 10); break;
		case 't': p.tag = optarg; break;
		case 'k': p.keep_on = true; break;
		case 'r': p.random = true;
			srandom((unsigned)strtoul(optarg, NULL, 10)); break;
		case 'p': phase = map_shared(optarg, PHASES_SIZE); break;
		case 'i': phase += strtol(optarg, NULL, 10); break;
		default: return 2;
		}
	if (phase != NULL)
		j.phase = on_phase;
	if (!journal_open(&j, argv[optind], &e))
		return refused();
	for (long i = 0; i < p.count && (status == 0 || p.keep_on);
	    i += p.batch) {
		if (p.random)
			p.batch = 1 + random() % 4;
		int one = append_batch(&p, i);
		status = one != 0 ? one : status;
	}
	return status;
}

/* ---- looking -------------------------------------------------------------- */

struct tags {
	VEC(char *) all;
};

struct seen {
	struct tags begun, ended;
	struct buf tag;			/* of a text whose parts are coming */
	long part, parts;
};

static void
on_note(void *ctx, const struct event *ev)
{
	struct seen *seen = ctx;
	const char *part = json_get_str(ev->data, "part");
	long i = 1, n = 1;

	if (ev->kind != EVENT_NOTE)
		return;
	if (part != NULL && sscanf(part, "%ld/%ld", &i, &n) != 2)
		die("strange part '%s'", part);
	if (i == 1) {
		buf_clear(&seen->tag);
		buf_add(&seen->tag, ev->text, strcspn(ev->text, " "));
		VEC_PUSH(&seen->begun.all, xstrdup(seen->tag.p));
		seen->part = 0;
		seen->parts = n;
	}
	size_t len = strlen(ev->text), tag = seen->tag.n;
	if (i == seen->part + 1 && n == seen->parts)
		seen->part = i;
	if (seen->part == n && len >= tag &&
	    strcmp(ev->text + len - tag, seen->tag.p) == 0) {
		VEC_PUSH(&seen->ended.all, xstrdup(seen->tag.p));
		seen->part = n + 1;
	}
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
sort(struct tags *t)
{
	if (t->all.n > 0)
		qsort(t->all.v, t->all.n, sizeof *t->all.v, by_name);
}

static bool
holds(const struct tags *t, const char *tag)
{
	return t->all.n > 0 && bsearch(&tag, t->all.v, t->all.n,
	    sizeof *t->all.v, by_name) != NULL;
}

static void
tags_release(struct tags *t)
{
	for (size_t i = 0; i < t->all.n; i++)
		free(t->all.v[i]);
	VEC_RELEASE(&t->all);
}

static int
say_verdict(const struct journal_verdict *v)
{
	printf("lines %" PRId64 " torn %" PRId64 " problems %zu second %d\n"
	    "%" PRId64 " %s\n", v->lines, v->torn, v->problems,
	    v->second_used, v->last_seq, v->last_hash);
	for (size_t i = 0; i < j.scan.problems.n; i++)
		fprintf(stderr, "line %" PRId64 ", offset %" PRId64 ": %s\n",
		    j.scan.problems.v[i].line, j.scan.problems.v[i].offset,
		    j.scan.problems.v[i].text);
	return v->problems > 0;
}

static int
verify(const char *path)
{
	struct journal_verdict v;

	if (!journal_verify(&j, path, &v, &e))
		return refused();
	return say_verdict(&v);
}

static int
check(const char *path, char **acks, int n)
{
	struct seen seen = { 0 };
	struct journal_verdict v;
	int bad, acked = 0;

	j.event = on_note;
	j.ctx = &seen;
	if (!journal_verify(&j, path, &v, &e))
		return refused();
	bad = say_verdict(&v);
	sort(&seen.begun);
	sort(&seen.ended);
	for (size_t i = 1; i < seen.begun.all.n; i++)
		if (strcmp(seen.begun.all.v[i - 1], seen.begun.all.v[i]) == 0) {
			fprintf(stderr, "twice: %s\n", seen.begun.all.v[i]);
			bad = 1;
		}
	for (int i = 0; i < n; i++) {
		char *all = map_acks(acks[i]);

		for (size_t k = 0; k < ACKS_MAX && all[k * ACK] != '\0'; k++) {
			char tag[ACK];

			(void)snprintf(tag, sizeof tag, "%s", all + k * ACK);
			tag[strcspn(tag, "\n")] = '\0';
			acked++;
			if (!holds(&seen.begun, tag) || !holds(&seen.ended, tag)) {
				fprintf(stderr, "lost: %s\n", tag);
				bad = 1;
			}
		}
	}
	printf("acknowledged %d, there %zu\n", acked, seen.begun.all.n);
	tags_release(&seen.begun);
	tags_release(&seen.ended);
	buf_release(&seen.tag);
	return bad;
}

static void
on_any(void *ctx, const struct event *ev)
{
	(void)ctx;
	printf("%" PRId64 " %s %s\n", ev->seq, ev->name, ev->text);
}

static int
list(const char *path)
{
	j.event = on_any;
	return journal_open(&j, path, &e) ? 0 : refused();
}

static int
hold(const char *path)
{
	struct lock l;

	if (!journal_open(&j, path, &e) ||
	    !lock_take(&l, j.fd, path, 1000, NULL, &e))
		return refused();
	puts("held");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

/* ---- the state directory ----------------------------------------------------- */

static int
in_state(const char *verb, const char *dir, const char *incident)
{
	struct state s = { 0 };
	char id[STATE_ID_MAX];
	bool reserved = false;
	int64_t n = 0;

	int status = 0;

	if (!state_open(&s, dir, NULL, NULL, &e))
		status = refused();
	else if (strcmp(verb, "state") == 0)
		status = !state_spare_there(&s);
	else if (strcmp(verb, "incident") == 0) {
		if (!state_incident_new(&s, "INC", 1739491803120, id,
		    &reserved, &e))
			status = refused();
		else
			puts(id);
		status = status != 0 ? status : !reserved;
	} else if (!state_job_new(&s, incident, &n, &e))
		status = refused();
	else
		printf("%" PRId64 "\n", n);
	state_release(&s);
	return status;
}

static int
run(const char *verb, const char *path, int argc, char **argv)
{
	const char *more = argc > 3 ? argv[3] : NULL;
	int64_t reserve = JOURNAL_RESERVE;

	if (strcmp(verb, "create") == 0)
		return (more == NULL || text_size(more, &reserve)) &&
		    journal_create(path, reserve, &e) ? 0 : refused();
	if (strcmp(verb, "append") == 0)
		return append(argc - 1, argv + 1);
	if (strcmp(verb, "second") == 0)
		return journal_open(&j, path, &e) && journal_choose_second(&j,
		    &more, 1, "journal.jsonl", &e) ? 0 : refused();
	if (strcmp(verb, "settle") == 0)
		return journal_open(&j, path, &e) && journal_settle(&j, &e) ?
		    0 : refused();
	if (strcmp(verb, "verify") == 0)
		return verify(path);
	if (strcmp(verb, "check") == 0)
		return check(path, argv + 3, argc - 3);
	if (strcmp(verb, "list") == 0)
		return list(path);
	if (strcmp(verb, "hold") == 0)
		return hold(path);
	if (strcmp(verb, "state") == 0 || strcmp(verb, "incident") == 0 ||
	    strcmp(verb, "job") == 0)
		return in_state(verb, path, more);
	return 2;
}

int
main(int argc, char **argv)
{
	int status = 2;

	journal_init(&j, NULL, NULL);
	if (argc > 2)
		status = run(argv[1], argv[2], argc, argv);
	if (status == 2)
		fprintf(stderr, "usage: see the head of tests/record/appender.c\n");
	journal_close(&j);
	return status;
}
