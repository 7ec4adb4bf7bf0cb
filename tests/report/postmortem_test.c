/* WRAP: getpid */
#include "tests/report/story.h"

#include "base/json.h"
#include "base/spawn.h"
#include "base/text.h"

#define ADA &story_ada
#define BOB &story_bob
#define SHA "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

/* The night that people want to read about in the morning. */
static const struct line night[] = {
	{ "01:08:00", ADA, EVENT_INCIDENT_OPENED, NULL,
	    "Nightly production backup failed",
	    "{\"severity\":\"SEV-1\",\"alarm\":\"backup.failed\","
	    "\"channel\":\"#ops-backup\",\"alerted_ms\":1739495040000,"
	    "\"zone\":\"Africa/Lagos\",\"site\":\"acme\","
	    "\"environment\":\"production\",\"site_sha256\":\"" SHA "\","
	    "\"runbook\":\"midnight-backup-failure\",\"version\":\"0.1.0\"}",
	    NULL },
	{ "01:08:01", ADA, EVENT_RUNBOOK, NULL, "Midnight backup failure",
	    "{\"runbook\":\"midnight-backup-failure\",\"sha256\":\"" SHA
	    "\",\"databases\":[\"otc\",\"gps\"],\"legacy\":[\"arp\"]}", NULL },
	{ "01:08:20", ADA, EVENT_ROLE, NULL, "took the role of commander",
	    "{\"role\":\"commander\"}", NULL },
	{ "01:09:00", ADA, EVENT_TELL, NULL, "the data owner is to be told",
	    "{\"trigger\":\"SEV-1\",\"who\":\"data owner\"}", NULL },
	{ "01:09:10", ADA, EVENT_STEP_DONE, "freeze", "Hold every deployment",
	    "{\"how\":\"proven\",\"proofs\":[{\"condition\":\"frozen\","
	    "\"answer\":\"yes\",\"seen\":\"the flag was set 02:09:05 by ada\"}"
	    "]}", NULL },
	{ "01:09:30", ADA, EVENT_NOTE, NULL, "disk backup is at 96 %", NULL,
	    NULL },
	{ "01:09:50", ADA, EVENT_HYPOTHESIS, NULL,
	    "a backup of last week was never removed", NULL, NULL },
	{ "01:10:03", ADA, EVENT_STEP_STARTED, "backup-otc", "Save otc",
	    "{\"job\":1,\"command\":\"pg_dump -Fc otc | gzip | tee out\"}",
	    NULL },
	{ "01:14:09", ADA, EVENT_STEP_DONE, "backup-otc", "Save otc",
	    "{\"how\":\"proven\",\"job\":1,\"exit\":0,\"attempts\":2,"
	    "\"ms\":246000,\"output\":{\"file\":\"jobs/1/output.log\","
	    "\"from\":512,\"bytes\":2048,\"sha256\":\"" SHA "\"},"
	    "\"proofs\":[{\"condition\":\"backup otc verified since-open\","
	    "\"answer\":\"yes\",\"seen\":\"nas/emergency/20250214T011400Z\"}]}",
	    NULL },
	{ "01:15:00", ADA, EVENT_STEP_STARTED, "backup-arp", "Save arp",
	    "{\"job\":2,\"command\":\"pg_dump -Fc arp\"}", NULL },
	{ "01:15:02", ADA, EVENT_STEP_FAILED, "backup-arp", "Save arp",
	    "{\"how\":\"failed\",\"reason\":\"it ended with exit 1\",\"job\":2,"
	    "\"exit\":1,\"attempts\":1,\"ms\":900,\"output\":{\"file\":"
	    "\"jobs/2/output.log\",\"from\":0,\"bytes\":4194304,\"sha256\":\""
	    SHA "\",\"cut_from\":9000000}}", NULL },
	{ "01:15:10", ADA, EVENT_SEVERITY, NULL,
	    "arp has no copy that can be proven", "{\"level\":\"SEV-0\"}",
	    NULL },
	{ "01:16:00", BOB, EVENT_NOTE, NULL,
	    "psql: error: FATAL:  password authentication failed\n"
	    "DETAIL:  ```role``` \"arp\"\n\nline 4", NULL, NULL },
	{ "01:16:20", BOB, EVENT_HYPOTHESIS, NULL,
	    "the stored password of arp is old", NULL, NULL },
	{ "01:16:40", ADA, EVENT_RULED_OUT, NULL,
	    "last week's set is not on that disk", "{\"of\":8}", NULL },
	{ "01:17:00", ADA, EVENT_CORRECTION, NULL, "disk backup is at 97 %",
	    "{\"of\":7}", NULL },
	{ "01:19:00", BOB, EVENT_NOTE, NULL, "nobody had changed arp this week",
	    NULL, "00:30:00" },
	{ "01:20:00", ADA, EVENT_DECISION, NULL,
	    "recover arp before the clean-up, because its data is not safe",
	    NULL, NULL },
	{ "01:21:00", BOB, EVENT_GATE_PASSED, "recover-arp",
	    "the freeze is known", "{\"gate\":\"wants 'not frozen': no\"}",
	    NULL },
	{ "01:23:00", BOB, EVENT_STEP_DONE, "recover-arp", "Recover arp",
	    "{\"how\":\"confirmed\"}", NULL },
	{ "01:24:00", BOB, EVENT_CONFIRMED, NULL,
	    "the login works with the new one", "{\"of\":16}", NULL },
	{ "01:25:00", ADA, EVENT_PIN, NULL, "pinned", "{\"of\":15}", NULL },
	{ "01:26:00", ADA, EVENT_STEP_STARTED, "backup-arp", "Save arp",
	    "{\"job\":3}", NULL },
	{ "01:27:00", ADA, EVENT_JOB_DOUBT, "backup-arp",
	    "the job vanished without an outcome", "{\"job\":3}", NULL },
	{ "01:27:00", ADA, EVENT_STEP_DOUBT, "backup-arp",
	    "what it did is not known; look before doing it again",
	    "{\"reason\":\"its process ended without an outcome\",\"job\":3}",
	    NULL },
	{ "01:28:00", ADA, EVENT_OVERRIDE, "backup-arp",
	    "bob saw the dump complete on the nas",
	    "{\"criterion\":\"backup arp verified\"}", NULL },
	{ "01:28:00", ADA, EVENT_STEP_DONE, "backup-arp", "Save arp",
	    "{\"how\":\"overridden\",\"reason\":\"bob saw the dump complete on "
	    "the nas\",\"proofs\":[{\"condition\":\"backup arp verified\","
	    "\"answer\":\"unknown\",\"seen\":\"no reading for 4 min\"}]}",
	    NULL },
	{ "01:29:00", ADA, EVENT_SEVERITY, NULL, "every database is saved",
	    "{\"level\":\"SEV-1\"}", NULL },
	{ "01:30:00", ADA, EVENT_STEP_SKIPPED, "cleanup", "Make room",
	    "{\"reason\":\"done by hand, see the evidence\"}", NULL },
	{ "01:32:00", BOB, EVENT_EVIDENCE, NULL, "docker system prune -a",
	    "{\"source\":\"bastion\",\"file\":\"prune.txt\",\"sha256\":\"" SHA
	    "\"}", NULL },
	{ "01:33:00", ADA, EVENT_TOLD, NULL, "told by phone",
	    "{\"trigger\":\"SEV-1\",\"who\":\"data owner\"}", NULL },
	{ "01:34:00", ADA, EVENT_TELL, NULL, "management is to be told",
	    "{\"trigger\":\"SEV-0\",\"who\":\"management\"}", NULL },
	{ "01:40:00", ADA, EVENT_PROOF_LOST, "freeze",
	    "the flag is not set any more", "{\"condition\":\"frozen\"}",
	    NULL },
	{ "01:42:00", ADA, EVENT_INCIDENT_RESOLVED, NULL,
	    "the criteria hold; the clocks stop", NULL, NULL },
	{ "01:44:00", ADA, EVENT_ROLE, NULL, "commander handed over to bob",
	    "{\"role\":\"commander\",\"who\":\"bob\",\"from\":\"ada\"}", NULL },
	{ "23:30:00", BOB, EVENT_FOLLOWUP, NULL, "keep seven nightly sets only",
	    "{\"owner\":\"bob\",\"due\":\"2025-02-28\"}", NULL },
	{ "23:31:00", BOB, EVENT_FOLLOWUP, NULL, "rotate arp with the others",
	    "{\"owner\":\"ada\"}", NULL },
	{ "23:32:00", BOB, EVENT_FOLLOWUP_DONE, NULL, "done", "{\"of\":38}",
	    NULL },
	{ "23:33:00", BOB, EVENT_FIELD, NULL,
	    "The nightly backup failed: its disk was full.\n"
	    "The emergency backup saved everything by 02:28.",
	    "{\"field\":\"summary\"}", NULL },
	{ "23:34:00", BOB, EVENT_FIELD, NULL,
	    "- no customer noticed\n- the window was missed by 92 minutes",
	    "{\"field\":\"impact\"}", NULL },
	{ "23:35:00", BOB, EVENT_FIELD, NULL,
	    "1. Why was the disk full? Nothing removed old sets.\n"
	    "2. Why? Retention was not configured.",
	    "{\"field\":\"root-cause\"}", NULL },
	{ "23:36:00", BOB, EVENT_FIELD, NULL, "the moon was full",
	    "{\"field\":\"weather\"}", NULL },
	{ "23:38:00", BOB, EVENT_PUBLISHED, NULL,
	    "https://wiki.example.org/pm/17", NULL, NULL },
	{ "23:40:00", BOB, EVENT_INCIDENT_CLOSED, NULL,
	    "report published, follow-ups assigned", NULL, NULL },
};
#define N(a) (sizeof(a) / sizeof *(a))

static void
golden(const char *name, const struct buf *doc)
{
	char path[128];
	char *want;

	(void)snprintf(path, sizeof path, "tests/golden/report/%s", name);
	if (getenv("GENERATE") != NULL) {
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		assert_int_equal(fwrite(doc->p, 1, doc->n, f), doc->n);
		assert_int_equal(fclose(f), 0);
	}
	want = test_read(path);
	if (strcmp(want, doc->p) != 0) {
		const char *mine = test_write(name, doc->p);
		struct run r = { .argv = (const char *const[]){ "diff", "-u",
		    path, mine, NULL } };
		struct ran ran;

		if (spawn_run(&r, &ran, NULL))
			print_message("%s\n", ran.out.p);
		ran_release(&ran);
		fail_msg("%s differs; GENERATE=1 writes it anew", path);
	}
	free(want);
}

static void
the_night_reads_like_the_golden_page(void **state)
{
	char *dir = story_tell("INC-20250214-0108", night, N(night));
	struct buf doc = BUF_INIT;

	(void)state;
	story_report(dir, report_markdown, &doc);
	golden("night.md", &doc);
	buf_release(&doc);
	free(dir);
}

static void
the_night_as_json_is_the_golden_object(void **state)
{
	char *dir = story_tell("json/INC-20250214-0108", night, N(night));
	struct buf doc = BUF_INIT;

	(void)state;
	story_report(dir, report_json, &doc);
	golden("night.json", &doc);
	buf_release(&doc);
	free(dir);
}

static void
the_same_journal_gives_the_same_bytes_whatever_surrounds_it(void **state)
{
	static story_make *const makes[] = { report_markdown, report_json };
	char *dir = story_tell("twice/INC-20250214-0108", night, N(night));

	(void)state;
	for (size_t i = 0; i < N(makes); i++) {
		struct buf one = BUF_INIT, two = BUF_INIT;

		assert_true(clock_zone_set("UTC", NULL));
		story_report(dir, makes[i], &one);
		assert_string_equal(clock_zone(), "UTC");
		assert_true(clock_zone_set("Asia/Tokyo", NULL));
		clock_fake(STORY_DAY * 2);
		assert_int_equal(setenv("LC_ALL", "C", 1), 0);
		story_report(dir, makes[i], &two);
		assert_string_equal(clock_zone(), "Asia/Tokyo");
		clock_fake(0);
		assert_int_equal(unsetenv("LC_ALL"), 0);
		assert_int_equal(one.n, two.n);
		assert_memory_equal(one.p, two.p, one.n);
		buf_release(&one);
		buf_release(&two);
	}
	free(dir);
}

static void
an_open_incident_is_measured_to_its_last_line(void **state)
{
	char *dir = story_tell("open/INC-20250214-0108", night, 8);
	struct buf doc = BUF_INIT;

	(void)state;
	story_report(dir, report_markdown, &doc);
	story_contains(&doc, "**Still open.** This is how it stood at "
	    "2025-02-14 02:10:03");
	story_contains(&doc, "| From opening to resolving        | 2 min so far, "
	    "to the last line |");
	story_contains(&doc, "| Resolved     | not yet ");
	buf_release(&doc);
	free(dir);
}

static void
a_drill_says_so_at_the_top(void **state)
{
	char *dir = story_tell("DRILL-20250214-0108", night, 3);
	struct buf doc = BUF_INIT, json = BUF_INIT;

	(void)state;
	story_report(dir, report_markdown, &doc);
	story_report(dir, report_json, &json);
	story_contains(&doc, "\n\n> **DRILL.**");
	story_contains(&json, "\"drill\":true");
	buf_release(&doc);
	buf_release(&json);
	free(dir);
}

static void
an_impossible_order_of_times_is_refused_not_computed(void **state)
{
	static const struct line wrong[] = {
		{ "01:08:00", ADA, EVENT_INCIDENT_OPENED, NULL, "late alarm",
		    "{\"severity\":\"SEV-2\",\"alerted_ms\":1739498640000,"
		    "\"zone\":\"UTC\"}", NULL },
		{ "01:30:00", ADA, EVENT_INCIDENT_RESOLVED, NULL, "early", NULL,
		    "01:00:00" },
	};
	char *dir = story_tell("wrong/INC-20250214-0108", wrong, N(wrong));
	struct buf doc = BUF_INIT, json = BUF_INIT;

	(void)state;
	story_report(dir, report_markdown, &doc);
	story_report(dir, report_json, &json);
	story_contains(&doc, "**impossible: 'Opened' lies before 'Alerted'**");
	story_contains(&doc, "**impossible: 'Resolved' lies before 'Opened'**");
	story_contains(&doc, "> - 3 durations are impossible");
	story_contains(&json, "{\"name\":\"open_to_resolve\",\"impossible\":");
	buf_release(&doc);
	buf_release(&json);
	free(dir);
}

static void
a_zone_that_this_machine_lacks_is_said(void **state)
{
	static const struct line lost[] = {
		{ "01:08:00", ADA, EVENT_INCIDENT_OPENED, NULL, "nowhere",
		    "{\"severity\":\"SEV-2\",\"zone\":\"Moon/Tycho\"}", NULL },
	};
	char *dir = story_tell("zone/INC-20250214-0108", lost, 1);
	struct buf doc = BUF_INIT;

	(void)state;
	story_report(dir, report_markdown, &doc);
	story_contains(&doc, "UTC (the site's zone 'Moon/Tycho' is not known "
	    "here)");
	buf_release(&doc);
	free(dir);
}

static void
a_text_of_many_lines_of_the_journal_is_told_whole(void **state)
{
	struct line lines[] = { night[0],
		{ "01:09:00", ADA, EVENT_OVERRIDE, NULL, NULL,
		    "{\"criterion\":\"c\"}", NULL },
		{ "01:10:00", ADA, EVENT_FIELD, NULL, NULL,
		    "{\"field\":\"impact\"}", NULL } };
	struct buf text = BUF_INIT, doc = BUF_INIT;
	const char *at;
	size_t seen = 0;
	char *dir;

	(void)state;
	buf_fill(&text, 'x', 9000);
	buf_str(&text, "END");
	lines[1].text = lines[2].text = text.p;
	dir = story_tell("long/INC-20250214-0108", lines, N(lines));
	story_report(dir, report_markdown, &doc);
	for (at = doc.p; (at = strstr(at, "xEND")) != NULL; at++)
		seen++;
	/* the story, the override, the analysis, and the log twice */
	assert_int_equal(seen, 5);
	buf_release(&text);
	buf_release(&doc);
	free(dir);
}

static void
a_changed_line_is_flagged_and_not_believed(void **state)
{
	char *dir = story_tell("bad/INC-20250214-0108", night, 12);
	char *path = file_join(dir, "journal.jsonl");
	struct buf bytes = BUF_INIT, doc = BUF_INIT, json = BUF_INIT;
	char *at;

	(void)state;
	assert_true(file_read(path, &bytes, 1 << 20, NULL));
	at = strstr(bytes.p, "disk backup is at 96");
	assert_non_null(at);
	memcpy(at, "disk backup is at 12", 20);
	assert_true(file_replace(path, bytes.p, bytes.n, 0600, NULL));
	story_report(dir, report_markdown, &doc);
	story_report(dir, report_json, &json);
	story_contains(&doc, "> - 1 line was changed\n");
	story_contains(&doc, "**CHANGED LINE, not as it was written** ada note: "
	    "disk backup is at 12 %");
	story_contains(&doc, "- Journal: **CHANGED**");
	story_contains(&json, "\"changed\":true");
	story_contains(&json, "\"verified\":{\"ok\":false");
	buf_release(&bytes);
	buf_release(&doc);
	buf_release(&json);
	free(path);
	free(dir);
}

static void
a_line_that_was_cut_off_is_counted(void **state)
{
	char *dir = story_tell("torn/INC-20250214-0108", night, 3);
	char *path = file_join(dir, "journal.jsonl");
	struct incident inc = INCIDENT_INIT;
	struct buf doc = BUF_INIT;
	FILE *f = fopen(path, "ae");

	(void)state;
	assert_non_null(f);
	assert_true(fputs("{\"seq\":5,\"at\":\"2025-02-", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_true(incident_load(&inc, dir, NULL));
	assert_true(incident_say(&inc, EVENT_NOTE, NULL, "after it", NULL,
	    NULL));
	incident_release(&inc);
	story_report(dir, report_markdown, &doc);
	story_contains(&doc, "as it was written, 7 lines, 1 cut off\n");
	story_contains(&doc, "journal.torn");
	buf_release(&doc);
	free(path);
	free(dir);
}

/* ---- foreign words ---------------------------------------------------------------- */

#define HOSTILE								\
	"\x1b]0;owned\x07\x1b[31m \xe2\x80\xae" "cod.exe | a | b | `id` "	\
	"<script>alert(1)</script> <img src=x> &lt;b&gt; [x](http://e.vil) "	\
	"![i](//e.vil/p.png) @everyone www.e.vil #12 **bold** __u__ ~~s~~ "	\
	"$x$ {{ y }} <!-- \xff\xfe -->"

static const struct who mallory = { "mal|lory<b>`", "ro`ot", "[sudo](x)",
    "<i>1.2.3.4", "ho*st|" };

/* As a journal's data: HOSTILE does not pass as JSON as it stands. */
static char *
hostile_data(const char *fmt)
{
	struct buf b = BUF_INIT, s = BUF_INIT;

	json_text(&s, HOSTILE "\n# Heading\n| a | b |\n- x\n```\n<script>\n");
	for (const char *p = fmt; *p != '\0'; p++)
		if (*p == '@')
			buf_add(&b, s.p, s.n);
		else
			buf_ch(&b, *p);
	buf_release(&s);
	return buf_detach(&b);
}

static char *
hostile_incident(const char *name)
{
	static const char text[] = HOSTILE "\n# Heading\n\n| a | b |\n|---|---|"
	    "\n- x\n```\n<script>\n~~~\n    code\n1. one\n> quote\n===\n---\n";
	static const struct { enum event_kind kind; const char *data; } said[] = {
		{ EVENT_INCIDENT_OPENED, "{\"severity\":@,\"alarm\":@,"
		    "\"channel\":@,\"site\":@,\"environment\":@,"
		    "\"site_sha256\":@,\"version\":@,\"zone\":\"UTC\"}" },
		{ EVENT_RUNBOOK, "{\"runbook\":@,\"sha256\":@}" },
		{ EVENT_ROLE, "{\"role\":@,\"who\":@}" },
		{ EVENT_SEVERITY, "{\"level\":@}" },
		{ EVENT_NOTE, NULL },
		{ EVENT_DECISION, NULL },
		{ EVENT_HYPOTHESIS, NULL },
		{ EVENT_RULED_OUT, "{\"of\":8}" },
		{ EVENT_CORRECTION, "{\"of\":6}" },
		{ EVENT_PIN, "{\"of\":7}" },
		{ EVENT_EVIDENCE, "{\"source\":@,\"file\":@,\"sha256\":@}" },
		{ EVENT_ALERT, "{\"alarm\":@}" },
		{ EVENT_TELL, "{\"who\":@,\"trigger\":@}" },
		{ EVENT_FOLLOWUP, "{\"owner\":@,\"due\":@}" },
		{ EVENT_FIELD, "{\"field\":@}" },
		{ EVENT_FIELD, "{\"field\":\"impact\"}" },
		{ EVENT_PUBLISHED, NULL },
		{ EVENT_GATE_PASSED, "{\"gate\":@}" },
		{ EVENT_OVERRIDE, "{\"criterion\":@}" },
		{ EVENT_STEP_STARTED, "{\"job\":1,\"command\":@}" },
		{ EVENT_JOB_STARTED, "{\"job\":2}" },
		{ EVENT_STEP_FAILED, "{\"how\":@,\"reason\":@,\"job\":1,"
		    "\"output\":{\"file\":@,\"sha256\":@,\"bytes\":1},"
		    "\"proofs\":[{\"condition\":@,\"answer\":@,\"seen\":@}]}" },
	};
	struct line lines[N(said)];
	char *dir;

	for (size_t i = 0; i < N(said); i++)
		lines[i] = (struct line){ "02:00:00", &mallory, said[i].kind,
		    HOSTILE, text, said[i].data != NULL ?
		    hostile_data(said[i].data) : NULL, NULL };
	dir = story_tell(name, lines, N(said));
	for (size_t i = 0; i < N(said); i++)
		free((char *)(uintptr_t)lines[i].data);
	return dir;
}

/* Pipes of a table's row that are not escaped. */
static size_t
pipes(const char *line, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (line[i] == '\\')
			i++;
		else
			found += line[i] == '|';
	return found;
}

/* The line without its code spans, in which nothing is markup. */
static char *
without_code(const char *line)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; line[i] != '\0';) {
		size_t run = strspn(line + i, "`"), end = i + run, close = 0;

		if (run == 0) {
			if (line[i] == '\\' && line[i + 1] != '\0')
				buf_ch(&out, line[i++]);
			buf_ch(&out, line[i++]);
			continue;
		}
		while (line[end] != '\0' && close != run) {
			end += strcspn(line + end, "`");
			close = strspn(line + end, "`");
			end += close;
		}
		if (close != run)
			fail_msg("an open code span: %s", line);
		buf_str(&out, "CODE");
		i = end;
	}
	return buf_detach(&out);
}

static void
nothing_foreign_is_markup(void **state)
{
	static const char *const raw[] = { "<script", "<img", "<!--", "<b>",
	    "<i>", "</", "\xe2\x80\xae", "\x1b", "\x07", "![i]", " [sudo]",
	    "\n# Heading", "\n| a", " **bold**", " __u__", "~~s~~", "\n~~~",
	    "\n===", "\n---", "{{", " @everyone", " www.e.vil", "\xff" };
	char *dir = hostile_incident("INC-20250214-0200");
	struct buf doc = BUF_INIT;
	size_t columns = 0, headings = 0;
	bool fenced = false;

	(void)state;
	story_report(dir, report_markdown, &doc);
	for (size_t at = 0; at < doc.n;) {
		size_t n = strcspn(doc.p + at, "\n");
		char *line = xstrndup(doc.p + at, n);
		bool fence = strspn(line, " ") == 2 && strncmp(line + 2,
		    "````", 4) == 0;
		char *plain = fence || fenced ? xstrdup("") :
		    without_code(line);
		struct buf one = { plain, strlen(plain), 0 };

		fenced = fenced != fence;
		for (size_t i = 0; i < N(raw); i++)
			story_lacks(&one, raw[i]);
		if (line[0] == '|') {
			size_t now = pipes(line, n);

			assert_true(columns == 0 || columns == now);
			columns = now;
		} else
			columns = 0;
		headings += line[0] == '#' && strncmp(line, "###", 3) != 0;
		for (size_t i = 0; i < n; i++)
			assert_true((unsigned char)line[i] >= ' ' ||
			    (fenced && line[i] == '\t'));
		at += n + 1;
		free(plain);
		free(line);
	}
	assert_false(fenced);
	assert_int_equal(headings, 16);	/* the title and our own sections */
	buf_release(&doc);
	free(dir);
}

/* What jansson reads, written again by jansson, is what Python reads. */
static void
both_parsers_read_the_same_from(const char *dir)
{
	static const char script[] = "import json, sys\n"
	    "def pairs(p):\n"
	    "    assert len({k for k, v in p}) == len(p)\n"
	    "    return dict(p)\n"
	    "a = json.load(open(sys.argv[1], encoding='utf-8'), "
	    "object_pairs_hook=pairs)\n"
	    "b = json.load(open(sys.argv[2], encoding='utf-8'))\n"
	    "assert a == b\n"
	    "assert a['schema'] == 'midwatch.incident/1'\n"
	    "raw = open(sys.argv[1], 'rb').read()\n"
	    "assert not [c for c in raw if c < 32 and c != 10 or c == 127]\n"
	    "print('same')\n";
	struct buf doc = BUF_INIT;
	struct err e = ERR_INIT;
	json_t *o;
	char *text, one[PATH_MAX + 300], two[PATH_MAX + 300];

	story_report(dir, report_json, &doc);
	o = json_read(doc.p, doc.n, &e);
	if (o == NULL)
		fail_msg("%s", e.msg);
	text = json_dumps(o, JSON_COMPACT);
	assert_non_null(text);
	(void)snprintf(one, sizeof one, "%s", test_write("one.json", doc.p));
	(void)snprintf(two, sizeof two, "%s", test_write("two.json", text));
	struct run r = { .argv = (const char *const[]){ "python3", "-c", script,
	    one, two, NULL }, .merge_err = true };
	struct ran ran;
	if (!spawn_run(&r, &ran, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(ran.out.p, "same\n");
	ran_release(&ran);
	free(text);
	json_decref(o);
	buf_release(&doc);
}

static void
json_is_read_alike_by_two_parsers(void **state)
{
	char *dirs[] = { story_tell("py/INC-20250214-0108", night, N(night)),
	    hostile_incident("py/INC-20250214-0200") };

	(void)state;
	for (size_t i = 0; i < N(dirs); i++) {
		test_case(dirs[i]);
		both_parsers_read_the_same_from(dirs[i]);
		free(dirs[i]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_night_reads_like_the_golden_page),
	cmocka_unit_test(the_night_as_json_is_the_golden_object),
	cmocka_unit_test(
	    the_same_journal_gives_the_same_bytes_whatever_surrounds_it),
	cmocka_unit_test(an_open_incident_is_measured_to_its_last_line),
	cmocka_unit_test(a_drill_says_so_at_the_top),
	cmocka_unit_test(an_impossible_order_of_times_is_refused_not_computed),
	cmocka_unit_test(a_zone_that_this_machine_lacks_is_said),
	cmocka_unit_test(a_text_of_many_lines_of_the_journal_is_told_whole),
	cmocka_unit_test(a_changed_line_is_flagged_and_not_believed),
	cmocka_unit_test(a_line_that_was_cut_off_is_counted),
	cmocka_unit_test(nothing_foreign_is_markup),
	cmocka_unit_test(json_is_read_alike_by_two_parsers),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
