#include "tests/test.h"

#include "base/clock.h"
#include "base/text.h"
#include "probe/plain.h"
#include "probe/story.h"

static struct alarms alarms;
static struct story story;
static int64_t now;

static int
start(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (!alarms_load(&alarms, "runbooks/alarms.cfg"))
		fail_msg("%s", alarms.doc.problems.v[0].text);
	assert_true(clock_zone_set("Africa/Lagos", &e));
	assert_true(clock_parse_utc("2025-11-05T09:00:00.000Z", &now));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	alarms_release(&alarms);
	return 0;
}

static int
fresh(void **state)
{
	(void)state;
	story = (struct story){ .alarms = &alarms };
	return 0;
}

static int
done(void **state)
{
	(void)state;
	story_release(&story);
	return 0;
}

static void
add(const char *text)
{
	story_add(&story, text, strlen(text), now - 1000, now);
}

/* "disk-critical:1 nightly-failed:2", what is answered with a '-' before it */
static void
hits_are(const char *want)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < story.hits.n; i++) {
		const struct story_hit *h = &story.hits.v[i];

		buf_printf(&b, "%s%s%s:%d", i ? " " : "", h->answered ? "-" :
		    "", h->alarm, (int)h->times);
	}
	assert_string_equal(b.n ? b.p : "", want);
	buf_release(&b);
}

static void
the_lines_of_bad_nights_are_alarms(void **state)
{
	static const struct { const char *line, *alarm; } rows[] = {
		{ "[ERROR] Disk usage at 96% – unsafe for backup",
		    "disk-critical" },
		{ "[ERROR] Unable to authenticate to ARP database",
		    "legacy-login" },
		{ "[ERROR] Unable to connect to arp-db-prod: authentication "
		    "failed", "legacy-login" },
		{ "[FAIL] Nightly production backup aborted",
		    "nightly-failed" },
		{ "[FAILURE] PROD nightly backup stopped", "nightly-failed" },
		{ "[2025-11-04 03:00:50] ❌ Checksum mismatch!",
		    "checksum-mismatch" },
		{ "[2025-11-04 03:00:50]    Remote: (empty)",
		    "remote-empty" },
		{ "/srv/backup-run.sh: Zeile 291: [: 2.9094e+08: Ganzzahliger "
		    "Ausdruck erwartet.", "script-arithmetic" },
		{ "/srv/backup-run.sh: line 291: [: 2.9094e+08: integer "
		    "expression expected", "script-arithmetic" },
		{ "./b.sh: ligne 12 : [: 1e3 : nombre entier attendu comme "
		    "expression", "script-arithmetic" },
		{ "./b.sh: 行 7: [: 1.5: 整数の式が予期されます",
		    "script-arithmetic" },
		{ "ar.sh: Zeile 5: 96%: Syntaxfehler: Operator "
		    "erwartet. (Fehlerverursachendes Zeichen ist "
		    "\"%\").",
		    "script-arithmetic" },
		{ "ar.sh: ligne 5: 96% : erreur de syntaxe : "
		    "opérande attendu (le symbole erroné est "
		    "« % »)",
		    "script-arithmetic" },
		{ "ar.sh: línea 5: 96%: error sintáctico: se "
		    "esperaba un operando (el elemento de error "
		    "es \"%\")",
		    "script-arithmetic" },
		{ "ar.sh: riga 5: 96%: errore di sintassi: "
		    "atteso un operando (il token dell'errore è "
		    "\"%\")",
		    "script-arithmetic" },
		{ "ar.sh: 行 5: 96%: 構文エラー: オペランドが予期されます "
		    "(エラーのあるトークンは \"%\")",
		    "script-arithmetic" },
		{ "ar.sh: строка 5: 96%: синтаксическая "
		    "ошибка: ожидается операнд (неверный маркер "
		    "«%»)",
		    "script-arithmetic" },
		{ "ar.sh: linha 5: 96%: erro de sintaxe: "
		    "esperava operando (token de erro é \"%\")",
		    "script-arithmetic" },
		{ "ar.sh: linia 5: 96%: błąd składni: "
		    "spodziewany argument (błędny znacznik to "
		    "\"%\")",
		    "script-arithmetic" },
		{ "ar.sh: regel 5: 96%: syntaxfout: operator "
		    "verwacht (het onjuiste symbool is \"%\")",
		    "script-arithmetic" },
		{ "ar.sh: rad 5: 96%: syntaxfel: en operand "
		    "förväntades (felsymbol är ”%”)",
		    "script-arithmetic" },
		{ "ar.sh: 行 5: 96%: 语法错误：需要操作数（错误记号是 \"%\"）",
		    "script-arithmetic" },
		{ "ar.sh: γραμμή 5: 96%: syntax error: "
		    "αναμενόταν τελεστέος (το λανθασμένο σύμβολο "
		    "είναι \"%\")",
		    "script-arithmetic" },
		{ "ar.sh: 줄 5: 96%: 문법 오류: 피연산자 필요함 (오류 토큰은 "
		    "\"%\" 임)",
		    "script-arithmetic" },
		{ "ar.sh: satır 5: 96%: sözdizim hatası: terim "
		    "umuluyordu (hata belirtisi \"%\")",
		    "script-arithmetic" },
		{ "ar.sh: řádek 5: 96%: syntaktická chyba: "
		    "očekáván operand (chybný token je „%“)",
		    "script-arithmetic" },
		{ "ar3.sh: Zeile 1: 08: Der Wert ist für die "
		    "aktuelle Basis zu groß. "
		    "(Fehlerverursachendes Zeichen ist \"08\").",
		    "script-arithmetic" },
		{ "ar.sh: 第 2 行：[: 2.9094e+08: 需要整数表达式",
		    "script-arithmetic" },
		{ "b.sh: 3: arithmetic expression: expecting primary: \"1.5\"",
		    "script-arithmetic-other" },
		{ "./b.sh: row 3: ((: 1.5: ongeldige rekenkundige operator",
		    "script-arithmetic" },
		{ "\033[1;31m[ERROR]\033[0m Disk usage at 97% – unsafe",
		    "disk-critical" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;
		const struct alarm *a;

		test_case(rows[i].line);
		plain_line(&b, rows[i].line, strlen(rows[i].line));
		a = alarms_match(&alarms, b.p);
		assert_non_null(a);
		assert_string_equal(a->alarm, rows[i].alarm);
		buf_release(&b);
	}
}

static void
ordinary_lines_are_none(void **state)
{
	static const char *const rows[] = {
		"2025-11-04 03:00:46 backup: step 7: upload: done (\"otc\" in 3 s)",
		"cron: job 12: started (user \"backup\")",
		"[2025-11-04 03:00:46]    ✅ Uploaded to: daily/2025/11/04/",
		"[OK] Backup saved: emergency-backup/arp-prod-x.sql.gz",
		"2025-11-04 03:00:00 INFO starting nightly backup of otc",
		"LOG:  checkpoint complete: wrote 3 buffers (0.0%)",
		"Nov  4 03:00:01 db1 CRON[7]: (root) CMD (midwatch nightly)",
		"[2025-11-04 03:00:50]    Local:  32efa36eded1bb012f3e43f32957",
		"Disk usage at 42%", "time: 12:30: all is well", "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct alarm *a = alarms_match(&alarms, rows[i]);

		test_case(rows[i]);
		if (a != NULL)
			fail_msg("taken for %s", a->alarm);
	}
}

static void
success_in_a_run_whose_checksum_is_wrong_is_an_alarm(void **state)
{
	(void)state;
	add("[2025-11-04 03:00:01] Starting backup\n"
	    "[2025-11-04 03:00:46]    ✅ Uploaded to: daily/2025/11/04/\n"
	    "[2025-11-04 03:00:46] ✅ Backup completed successfully in 0m 45s\n"
	    "[2025-11-04 03:00:50] ❌ Checksum mismatch!\n"
	    "[2025-11-04 03:00:50]    Local:  32efa36eded1bb012f3e43f32957b\n"
	    "[2025-11-04 03:00:50]    Remote: (empty)\n");
	hits_are("checksum-mismatch:1 false-success:2 remote-empty:1");
	assert_int_equal(story.success_at, 0);
	/* the other way round */
	story_release(&story);
	add("[2025-11-04 03:00:01] Starting backup\n"
	    "x.sh: Zeile 291: [: 2.9094e+08: Ganzzahliger Ausdruck erwartet.\n"
	    "[2025-11-04 03:00:46] ✅ Backup completed successfully in 0m 45s\n");
	hits_are("script-arithmetic:1 false-success:1");
	/* in pieces */
	story_release(&story);
	add("[2025-11-04 03:00:46] Backup completed successfully\n");
	hits_are("");
	add("[2025-11-04 03:00:50] Checksum mismatch!\n");
	hits_are("checksum-mismatch:1 false-success:1");
}

static void
a_run_that_says_that_it_failed_claims_nothing(void **state)
{
	(void)state;
	add("[2025-11-04 03:00:01] Starting backup\n"
	    "[2025-11-04 03:00:20] [OK] Backup saved: otc\n"
	    "[2025-11-04 03:00:50] gps: Checksum mismatch!\n"
	    "[2025-11-04 03:00:51] [FAIL] Nightly production backup aborted\n");
	hits_are("checksum-mismatch:1 nightly-failed:1");
	assert_int_equal(story.success_at, 0);
}

static void
a_later_success_answers_what_went_wrong_before(void **state)
{
	(void)state;
	add("2025-11-04 02:00:01 nightly backup started\n"
	    "2025-11-04 02:00:02 [ERROR] Disk usage at 96% - unsafe for backup\n"
	    "2025-11-04 02:00:03 [FAIL] Nightly production backup aborted\n");
	hits_are("disk-critical:1 nightly-failed:1");
	add("2025-11-04 02:40:00 nightly backup started\n"
	    "2025-11-04 02:50:00 nightly backup finished\n");
	hits_are("-disk-critical:1 -nightly-failed:1");
	assert_int_not_equal(story.success_at, 0);
	/* and when that one turns out to be false, they stand again */
	add("2025-11-04 02:50:02 Checksum mismatch!\n");
	hits_are("disk-critical:1 nightly-failed:1 checksum-mismatch:1 "
	    "false-success:1");
}

static void
an_emergency_backup_that_was_saved_is_good_news(void **state)
{
	(void)state;
	add("[EMERGENCY] Disk usage critical – performing streamed backup\n");
	hits_are("emergency-backup:1");
	add("[OK] Backup saved: emergency-backup/arp-prod-x.sql.gz\n");
	hits_are("-emergency-backup:1");
}

static void
one_line_three_times_is_an_alarm(void **state)
{
	static const char line[] =
	    "[2025-11-04 03:00:01] Dumping otc to /var/backups\n";

	(void)state;
	add(line);
	add("[2025-11-04 03:00:01] Something else entirely\n");
	add(line);
	hits_are("");
	add(line);
	hits_are("two-runs:1");
	add(line);
	hits_are("two-runs:1");
	/* other times are no repeat */
	story_release(&story);
	add("2025-11-04 03:00:01 waiting for lock\n"
	    "2025-11-04 03:00:02 waiting for lock\n"
	    "2025-11-04 03:00:03 waiting for lock\n");
	hits_are("");
	/* without a time: in a row, and with a tag */
	story_release(&story);
	add("[INFO] dumping otc\n[INFO] dumping otc\n[INFO] dumping gps\n"
	    "[INFO] dumping otc\n--------------------\n--------------------\n"
	    "--------------------\n");
	hits_are("");
	add("[INFO] dumping gps\n[INFO] dumping gps\n[INFO] dumping gps\n");
	hits_are("two-runs:1");
	/* lines of dashes under lines with times */
	story_release(&story);
	add("2025-11-04 03:00:01 one\n--------------------\n"
	    "2025-11-04 03:00:02 two\n--------------------\n"
	    "2025-11-04 03:00:03 three\n--------------------\n");
	hits_are("");
}

static void
half_an_hour_of_silence_ends_a_run(void **state)
{
	(void)state;
	add("2025-11-03 02:00:02 Checksum mismatch!\n"
	    "2025-11-04 02:00:02 backup completed successfully\n");
	hits_are("-checksum-mismatch:1");
}

static void
alarms_are_counted_and_the_oldest_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		char text[200];

		snprintf(text, sizeof text, "2025-11-04 0%d:%02d:00 backup "
		    "started\n2025-11-04 0%d:%02d:10 [ERROR] Disk usage at "
		    "97%%\n2025-11-04 0%d:%02d:11 [ERROR] Disk usage at 98%%\n",
		    i / 60, i % 60, i / 60, i % 60, i / 60, i % 60);
		add(text);
	}
	assert_int_equal(story.hits.n, STORY_HITS);
	assert_int_equal(story.hits.v[0].times, 2);
	assert_non_null(strstr(story.hits.v[STORY_HITS - 1].line, "01:39:11"));
	assert_non_null(strstr(story.hits.v[0].line, "01:08:11"));
}

static void
any_bytes_leave_clean_lines(void **state)
{
	static const char *const parts[] = {
		"[FAIL] Nightly backup aborted", "\x1b[2J", "\x1b]0;x\a",
		"\xe2\x80\xae", "\xff\xfe", "\xc3", "\r", "\n", "\x9b" "31m",
		"Disk usage at 96%", " ", "2025-11-04 02:00:00 ", "\x1b",
		"\x1b[", "\x1b]", "\xf0\x9f", "\t", "\xe2\x80\x8b", "Z\xcc\x81",
	};
	unsigned seed = 3;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct buf b = BUF_INIT;
		char *shown;

		for (int k = 0; k < 12; k++) {
			const char *p = parts[(size_t)rand_r(&seed) %
			    (sizeof parts / sizeof *parts)];

			buf_str(&b, p);
			if (rand_r(&seed) % 9 == 0)
				buf_ch(&b, (char)rand_r(&seed));
		}
		story_add(&story, b.p, b.n, now, now);
		for (size_t k = 0; k < story.hits.n; k++) {
			uint32_t cp;
			size_t len;

			shown = plain_show(story.hits.v[k].line, 160);
			assert_true(strlen(shown) <= 160);
			for (const char *s = shown; *s; s += len) {
				len = text_utf8_len(s, strlen(s), &cp);
				assert_true(len > 0 && cp >= 0x20 &&
				    cp != 0x7f && (cp < 0x80 || cp > 0x9f) &&
				    cp != 0x202e && cp != 0x200b);
			}
			free(shown);
		}
		buf_release(&b);
	}
	assert_true(story.hits.n > 0);
}

static void
a_line_of_a_megabyte_is_cut_and_read_quickly(void **state)
{
	struct buf b = BUF_INIT;
	int64_t began = clock_mono_ms();

	(void)state;
	buf_str(&b, "[FAIL] Nightly backup aborted ");
	buf_fill(&b, 'a', 1 << 20);
	buf_str(&b, "\n[ERROR] Disk usage at 96%\n");
	story_add(&story, b.p, b.n, now, now);
	hits_are("nightly-failed:1 disk-critical:1");
	assert_true(strlen(story.hits.v[0].line) <= PLAIN_MAX);
	/* 256 KiB of ordinary lines, as much as one reading takes */
	buf_clear(&b);
	for (int i = 0; b.n < 256 << 10; i++)
		buf_printf(&b, "2025-11-04 03:%02d:%02d INFO dumped table %d of "
		    "otc, %d rows, no error (checksum ok) in %d ms\n",
		    i / 60 % 60, i % 60, i, i * 7, i);
	story_add(&story, b.p, b.n, now, now);
	assert_true(clock_mono_ms() - began < 3000);
	print_message("# %d lines in %d ms\n", (int)story.lines,
	    (int)(clock_mono_ms() - began));
	buf_release(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, done)
static const struct CMUnitTest tests[] = {
	TEST(the_lines_of_bad_nights_are_alarms),
	TEST(ordinary_lines_are_none),
	TEST(success_in_a_run_whose_checksum_is_wrong_is_an_alarm),
	TEST(a_run_that_says_that_it_failed_claims_nothing),
	TEST(a_later_success_answers_what_went_wrong_before),
	TEST(an_emergency_backup_that_was_saved_is_good_news),
	TEST(one_line_three_times_is_an_alarm),
	TEST(half_an_hour_of_silence_ends_a_run),
	TEST(alarms_are_counted_and_the_oldest_forgotten),
	TEST(any_bytes_leave_clean_lines),
	TEST(a_line_of_a_megabyte_is_cut_and_read_quickly),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, start, stop);
}
