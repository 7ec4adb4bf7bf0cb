#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "verb/verbs.h"

enum { SHOWN = 10 };

/* The newest checkpoint that the site's own journal has of this incident. */
struct search {
	const char *incident;
	char point[SHA_HEX + 32];
};

static void
look(void *ctx, const struct event *ev)
{
	struct search *s = ctx;
	const char *id = json_get_str(ev->data, "incident");
	const char *point = json_get_str(ev->data, "checkpoint");

	if (ev->kind == EVENT_CHECKPOINT && id != NULL && point != NULL &&
	    strcmp(id, s->incident) == 0 && strlen(point) < sizeof s->point)
		memcpy(s->point, point, strlen(point) + 1);
}

/* …/incidents/<ID>/journal.jsonl -> …/log.jsonl */
static void
find_checkpoint(const char *path, struct search *s, struct buf *id)
{
	char *real = realpath(path, NULL), *slash, *log = NULL;
	struct journal j;
	struct err e = ERR_INIT;

	if (real == NULL || (slash = strrchr(real, '/')) == NULL)
		goto out;
	*slash = '\0';
	slash = strrchr(real, '/');
	if (slash == NULL)
		goto out;
	buf_str(id, slash + 1);
	*slash = '\0';
	slash = strrchr(real, '/');
	if (slash == NULL || strcmp(slash, "/incidents") != 0)
		goto out;
	*slash = '\0';
	log = file_join(real, "log.jsonl");
	s->incident = id->p;
	journal_init(&j, look, s);
	struct journal_verdict v;
	(void)journal_verify(&j, log, &v, &e);
	journal_close(&j);
out:
	free(real);
	free(log);
}

enum end { END_UNPROVEN, END_PROVEN, END_BEHIND, END_CONTRADICTED };

static enum end
compare(const struct journal *j, const struct journal_verdict *v,
    const char *point)
{
	const char *colon = strchr(point, ':');
	char *number;
	int64_t seq = 0;
	bool ok;

	if (colon == NULL)
		return END_CONTRADICTED;
	number = xstrndup(point, (size_t)(colon - point));
	ok = text_int(number, 1, INT64_MAX, &seq);
	free(number);
	if (!ok || !journal_has(j, seq, colon + 1))
		return END_CONTRADICTED;
	return seq == v->last_seq ? END_PROVEN : END_BEHIND;
}

static const char *
end_words(enum end end)
{
	static const char *const words[] = {
		"not proven: there is no checkpoint to compare with",
		"proven by the checkpoint",
		"proven up to the checkpoint; the lines behind it are not",
		"CONTRADICTS the checkpoint: lines were cut off or replaced",
	};

	return words[end];
}

static void
losses_json(const struct scan *s, struct buf *b)
{
	json_key(b, "lost");
	json_open_list(b);
	for (size_t i = 0; i < s->losses.n; i++) {
		const struct scan_loss *l = &s->losses.v[i];

		if (!l->used)
			continue;
		json_comma(b);
		json_open(b);
		json_put_int(b, "behind", l->last_seq);
		if (l->known_seq > l->last_seq)
			json_put_int(b, "known_to", l->known_seq);
		json_put_int(b, "said_by", l->seq);
		json_close(b);
	}
	json_close_list(b);
}

static void
say_losses(const struct scan *s)
{
	for (size_t i = 0; i < s->losses.n; i++) {
		const struct scan_loss *l = &s->losses.v[i];

		if (l->used && l->known_seq > l->last_seq)
			cli_out("LOST: lines %" PRId64 " to %" PRId64 " or more, "
			    "which stood in a second journal in memory until a "
			    "restart (line %" PRId64 " says so)",
			    l->last_seq + 1, l->known_seq, l->seq);
		else if (l->used)
			cli_out("LOST: lines behind %" PRId64 ", which stood in "
			    "a second journal in memory until a restart (line %"
			    PRId64 " says so)", l->last_seq, l->seq);
	}
}

static void
say(struct cli *c, const char *path, const struct journal *j,
    const struct journal_verdict *v, enum end end)
{
	struct buf b = BUF_INIT;
	bool ok = v->problems == 0 && end != END_CONTRADICTED;

	if (c->json) {
		json_open(&b);
		json_put_bool(&b, "ok", ok);
		json_put_str(&b, "file", path);
		json_put_int(&b, "lines", v->lines);
		json_put_int(&b, "torn", v->torn);
		json_put_bool(&b, "second_journal", v->second_used);
		json_put_int(&b, "last_seq", v->last_seq);
		json_put_str(&b, "last_hash", v->last_hash);
		json_put_bool(&b, "end_proven", end == END_PROVEN);
		json_put_str(&b, "end", end_words(end));
		losses_json(&j->scan, &b);
		json_key(&b, "problems");
		json_open_list(&b);
		for (size_t i = 0; i < j->scan.problems.n; i++) {
			const struct scan_problem *p = &j->scan.problems.v[i];

			json_comma(&b);
			json_open(&b);
			json_put_int(&b, "line", p->line);
			json_put_int(&b, "offset", p->offset);
			json_put_str(&b, "problem", p->text);
			json_close(&b);
		}
		json_close_list(&b);
		cli_object(&b);
		return;
	}
	for (size_t i = 0; i < j->scan.problems.n && i < SHOWN; i++)
		cli_out("line %" PRId64 " (byte %" PRId64 "): %s",
		    j->scan.problems.v[i].line, j->scan.problems.v[i].offset,
		    j->scan.problems.v[i].text);
	if (v->problems > SHOWN)
		cli_out("… and %zu more", v->problems - SHOWN);
	say_losses(&j->scan);
	cli_out("%s: %s, %" PRId64 " lines, %" PRId64 " cut-off, last %" PRId64
	    ":%s%s", path, v->problems > 0 ? "CHANGED" : v->lost ? "intact but "
	    "for what is LOST" : "intact", v->lines,
	    v->torn, v->last_seq, v->last_hash, v->second_used ?
	    " (part of it in the second journal)" : "");
	cli_out("its end is %s", end_words(end));
}

int
verb_verify(struct cli *c, int argc, char **argv)
{
	const char *given = NULL;
	const struct opt opts[] = { { "--checkpoint", NULL, &given, NULL } };
	struct search s = { 0 };
	struct journal_verdict v;
	struct buf id = BUF_INIT;
	struct journal j;
	struct err e = ERR_INIT;
	enum end end = END_UNPROVEN;
	int status;

	if (!cli_parse(c, argc, argv, opts, 1) ||
	    !cli_words(c, 1, 1, "midwatch verify JOURNAL [--checkpoint "
	    "SEQ:HASH]"))
		return EXIT_USAGE;
	journal_init(&j, NULL, NULL);
	if (!journal_verify(&j, c->words.v[0], &v, &e))
		status = cli_fail(c, &e);
	else {
		find_checkpoint(c->words.v[0], &s, &id);
		if (given != NULL)
			end = compare(&j, &v, given);
		else if (s.point[0] != '\0')
			end = compare(&j, &v, s.point);
		if (v.lines == 0 && v.problems == 0) {
			cli_note("'%s' holds no line", c->words.v[0]);
		}
		say(c, c->words.v[0], &j, &v, end);
		status = v.problems == 0 && end != END_CONTRADICTED ?
		    EXIT_DONE : EXIT_FAILED;
	}
	journal_close(&j);
	buf_release(&id);
	return status;
}
