/* What is read about backups and sets, against stores that stock tools made. */
#include "backup/sizes.h"
#include "tests/backup/kit.h"
#include "tests/probe/look.h"
#include "probe/holdings.h"

extern const struct probe probe_backup, probe_sets;

/* 02:00 in Lagos; the nightly of the 14th began at 02:10 UTC. */
#define NOW "2025-02-15T01:00:00.000Z"
#define SET1 "nightly/20250214T021000Z"

static char more[4096];

static const char *
site_text(const char *stores, const char *backup)
{
	snprintf(more, sizeof more,
	    "databases = ( { name = \"otc\"; aka = ( \"otc-db\" ); } );\n"
	    "components = ( { name = \"app\"; files = ( \"/srv\" ); } );\n"
	    "stores = ( { name = \"local\"; path = \"%s\"; }%s );\n"
	    "backup = { to = ( \"local\" ); orphans = ( \"*.tmp\" ); %s };\n"
	    "schedule = { nightly = \"03:10\"; rpo = \"24h\"; };\n",
	    test_path("store"), stores, backup);
	return more;
}

static void
begin_at(const char *text, bool state)
{
	holdings_forget();
	look_end(NULL);
	look_begin("Africa/Lagos", text, state);
	clock_fake(look_utc(NOW));
}

static void
begin_with(const char *stores, const char *backup)
{
	begin_at(site_text(stores, backup), false);
}

static void
look_again(const struct probe *p, const char *name)
{
	struct target t = look_target(p, name);

	holdings_forget();
	look_at(&t);
	look_is_clean();
}

static int
fresh(void **state)
{
	(void)state;
	setenv("SITE", "x", 1);
	kit_store("store");
	kit_store("other");
	assert_true(kit_sh("rm -rf $1/state"));
	begin_with("", "");
	return 0;
}

static int
stale(void **state)
{
	holdings_forget();
	return look_end(state);
}

static void
says_next(const char *text)
{
	if (look_got.next == NULL || strstr(look_got.next, text) == NULL)
		fail_msg("'%s' is not next, but '%s'", text,
		    look_got.next ? look_got.next : "nothing");
}

static void
proven_set(const char *stamp)
{
	char words[512];

	snprintf(words, sizeof words, "$1/store nightly %s otc=database "
	    "globals-otc=globals app=files", stamp);
	kit_set(words);
	snprintf(words, sizeof words, "--proof $1/store/nightly/%s verified "
	    "20250214T022000Z otc=ok globals-otc=ok app=ok", stamp);
	kit_set(words);
}

static void
restored(const char *set)
{
	char words[512];

	snprintf(words, sizeof words, "--proof $1/store/%s restorable "
	    "20250214T040000Z otc=ok", set);
	kit_set(words);
}

/* ---- backup ---------------------------------------------------------------------- */

static void
a_young_verified_copy_is_well(void **state)
{
	(void)state;
	proven_set("20250214T021000Z");
	restored(SET1);
	look_again(&probe_backup, "otc");
	look_says(LEVEL_OK, "verified copy of 22 h 50 min ago on local");
	assert_non_null(strstr(look_got.text, "restored 21 h 00 min ago"));
	assert_int_equal(look_int("verified_ms"), 1739499000000);
	assert_int_equal(look_int("verified_age_ms"), 82200000);
	assert_int_equal(look_int("restorable_ms"), 1739499000000);
	assert_int_equal(look_int("restored_ms"), 1739505600000);
	assert_int_equal(look_int("restore_took_ms"), 61000);
	assert_string_equal(look_str("verified_set"), SET1);
	assert_string_equal(look_str("verified_store"), "local");
	assert_string_equal(look_str("size_verdict"), "no baseline");
	assert_false(json_get_bool(look_got.data, "late"));
	assert_true(json_get_bool(look_got.data, "globals"));
	assert_int_equal(look_int("tables"), 3);
	assert_int_equal(look_int("stores_with"), 1);
	look_again(&probe_backup, "app");
	look_says(LEVEL_OK, "verified copy");
	assert_string_equal(look_str("what"), "files");
}

static void
what_was_never_restored_is_a_warning(void **state)
{
	(void)state;
	proven_set("20250214T021000Z");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "no copy was ever proven by a restore");
	says_next("midwatch validate latest --restore");
	restored(SET1);
	clock_fake(look_utc("2025-02-15T01:00:00.000Z") + 8 * 86400000LL);
	proven_set("20250222T021000Z");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "the last restore was proven 8 d 21 h ago");
}

/* An upload that nobody read back was called a success once. */
static void
what_was_sent_and_not_verified_is_no_backup(void **state)
{
	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "no verified copy; one was sent 22 h 50 min ago "
	    "to local and is not verified");
	says_next("midwatch validate " SET1);
	assert_true(json_get_bool(look_got.data, "late"));
	assert_int_equal(look_int("sent_ms"), 1739499000000);
	assert_int_equal(look_int("verified_ms"), -1);
}

static void
a_copy_older_than_the_rpo_is_critical_but_not_while_tonights_is_due(void **state)
{
	(void)state;
	proven_set("20250214T021000Z");
	restored(SET1);
	/* the window opens at 02:10 UTC and lasts 90 minutes */
	clock_fake(look_utc("2025-02-15T03:39:00.000Z"));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_OK, "verified copy of 25 h 29 min ago");
	clock_fake(look_utc("2025-02-15T03:41:00.000Z"));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "the newest verified copy is 25 h 31 min old "
	    "(on local), and may be 24 h 00 min");
	says_next("midwatch backup otc --emergency");
}

static void
nothing_at_all_is_critical_and_files_of_others_are_unproven(void **state)
{
	(void)state;
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "no verified copy");
	says_next("midwatch backup otc --emergency");
	assert_int_equal(look_int("unproven"), 0);
	assert_true(kit_sh("cd $1/store && mkdir -p daily/2025/11/04 && "
	    "echo x >daily/2025/11/04/otc-db_dump.sql.gz && "
	    "echo x >daily/2025/11/04/gotcha.sql.gz && "
	    "echo x >daily/2025/11/04/otc.tmp && : >daily/2025/otc.gz"));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "unproven: 1 file that may be dumps of it, "
	    "the newest 'daily/2025/11/04/otc-db_dump.sql.gz' on local");
	assert_int_equal(look_int("unproven"), 1);
	look_again(&probe_backup, "app");
	says_next("midwatch nightly");
}

static void
a_store_that_is_not_there_yet_has_nothing(void **state)
{
	(void)state;
	assert_true(kit_sh("rmdir $1/store"));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "no verified copy");
	look_again(&probe_sets, "local");
	look_says(LEVEL_WARNING, "there is no folder");
	assert_true(json_get_bool(look_got.data, "absent"));
}

static void
a_newer_run_that_failed_is_told_with_its_reason(void **state)
{
	(void)state;
	proven_set("20250214T021000Z");
	restored(SET1);
	kit_set("$1/store nightly 20250214T221000Z.incomplete "
	    "otc=database:failed app=files");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "it failed in "
	    "nightly/20250214T221000Z.incomplete on local: the server closed "
	    "the connection");
	look_again(&probe_sets, "local");
	look_says(LEVEL_WARNING, "the last nightly, "
	    "nightly/20250214T221000Z.incomplete, is incomplete");
}

static void
a_copy_that_became_bad_is_critical_although_an_older_one_is_good(void **state)
{
	(void)state;
	proven_set("20250214T021000Z");
	restored(SET1);
	proven_set("20250214T121000Z");
	kit_set("--proof $1/store/nightly/20250214T121000Z verified "
	    "20250214T230000Z otc=failed");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "nightly/20250214T121000Z on local: it was "
	    "read back and is damaged: it was tried");
	assert_int_equal(look_int("verified_ms"), 1739499000000);
}

static void
one_store_of_two_is_a_warning_and_none_of_one_that_must_is(void **state)
{
	static char other[512];

	(void)state;
	proven_set("20250214T021000Z");
	restored(SET1);
	snprintf(other, sizeof other, ", { name = \"other\"; path = \"%s\"; }",
	    test_path("other"));
	begin_with(other, "also = ( \"other\" );");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "on one store only");
	assert_int_equal(json_array_size(json_object_get(look_got.data,
	    "stores")), 2);
	assert_true(kit_sh("cp -a $1/store/. $1/other/ && rm -r $1/store/*"));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "local, which must have one, has no verified "
	    "copy");
	assert_true(kit_sh("cp -a $1/other/. $1/store/"));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_OK, "on local, other");
	assert_int_equal(look_int("stores_with"), 2);
}

static void
a_set_without_the_roles_is_a_warning(void **state)
{
	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("--proof $1/store/" SET1 " verified 20250214T022000Z otc=ok");
	restored(SET1);
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "lacks the roles and tablespaces");
	begin_with("", "globals = false;");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_OK, "verified copy");
}

static void
a_set_of_the_future_does_not_count(void **state)
{
	(void)state;
	proven_set("20990101T000000Z");
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "dated in the future and does not count");
	assert_int_equal(look_int("sent_ms"), -1);
}

/* ---- sizes ------------------------------------------------------------------------- */

static void
an_unusual_size_is_told_from_the_history(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	begin_at(site_text("", ""), true);
	proven_set("20250214T021000Z");
	restored(SET1);
	for (int day = 1; day <= 5; day++)
		assert_true(sizes_append(&look_state, "otc",
		    &(struct size_entry){ 1738376400000 + day * 86400000LL,
		    SET_NIGHTLY, 290940000, 900000000, 3, 70, 1000, true }, &e));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "the newest copy is unusually small");
	assert_true(json_get_bool(look_got.data, "size_anomaly"));
	assert_string_equal(look_str("size_verdict"), "small");
	assert_int_equal(look_int("usual_size"), 290940000);
	/* its own line is no part of what it is held against */
	assert_true(kit_sh("rm $1/state/sizes/otc.csv"));
	assert_true(sizes_append(&look_state, "otc", &(struct size_entry){
	    1739499000000, SET_NIGHTLY, 1, 1, 3, 70, 1, true }, &e));
	look_again(&probe_backup, "otc");
	assert_string_equal(look_str("size_verdict"), "no baseline");
}

static void
without_a_history_the_other_sets_are_one(void **state)
{
	(void)state;
	setenv("BYTES", "40960", 1);
	proven_set("20250212T021000Z");
	proven_set("20250213T021000Z");
	unsetenv("BYTES");
	proven_set("20250214T021000Z");
	look_again(&probe_backup, "otc");
	assert_string_equal(look_str("size_verdict"), "small");
	assert_in_range(look_int("usual_size"), 40960, 50000);
}

/* ---- stores that do not answer --------------------------------------------------------- */

static void
a_store_that_cannot_be_read_makes_it_unknown_or_a_warning(void **state)
{
	static const char far[] = ", { name = \"nas\"; at = \"nas-box\"; path "
	    "= \"/backups\"; }";
	static char text[8192];

	(void)state;
	snprintf(text, sizeof text, "places = ( { name = \"nas-box\"; ssh = "
	    "\"nobody@127.0.0.1\"; port = 1; } );\n%s", site_text(far, ""));
	begin_at(text, false);
	look_again(&probe_backup, "otc");
	look_says(LEVEL_UNKNOWN, "no verified copy; nas cannot be read");
	proven_set("20250214T021000Z");
	look_again(&probe_backup, "otc");
	assert_non_null(strstr(look_got.text, "whether a copy was ever "
	    "restored is not known, nas cannot be read"));
	assert_null(strstr(look_got.text, "was ever proven"));
	assert_int_equal(look_int("stores_unknown"), 1);
	restored(SET1);
	look_again(&probe_backup, "otc");
	look_says(LEVEL_WARNING, "nas cannot be read: ");
	assert_int_equal(look_int("verified_ms"), 1739499000000);
	look_again(&probe_sets, "nas");
	assert_int_equal(look_got.level, LEVEL_UNKNOWN);
	assert_non_null(look_got.error);
	/* none can be read: no answer, rather than a bad one */
	assert_true(kit_sh("mv $1/store $1/gone && : >$1/store"));
	look_again(&probe_backup, "otc");
	assert_int_equal(look_got.level, LEVEL_UNKNOWN);
	assert_non_null(look_got.error);
	assert_true(kit_sh("rm $1/store"));
}

/* ---- sets --------------------------------------------------------------------------------- */

static void
what_is_unfinished_damaged_and_left_over_is_told(void **state)
{
	const json_t *one;

	(void)state;
	proven_set("20250214T021000Z");
	look_again(&probe_sets, "local");
	look_says(LEVEL_OK, "1 set, ");
	kit_set("$1/store emergency 20250213T021000Z.partial otc=database");
	kit_set("$1/store emergency 20250215T005900Z.partial otc=database");
	kit_set("$1/store manual 20250101T000000Z otc=database");
	kit_set("$1/store weekly 20250209T021000Z otc=database");
	assert_true(kit_sh("cd $1/store && touch -d 2025-02-13T02:11:00Z "
	    "emergency/20250213* emergency/20250213*/* && "
	    "touch -d 2025-02-15T00:59:30Z emergency/20250215* "
	    "emergency/20250215*/* && echo x >weekly/x.tmp && "
	    "rm weekly/*/manifest.json && echo x >'a\033[2Jb'"));
	look_again(&probe_sets, "local");
	look_says(LEVEL_WARNING, "1 unfinished set, ");
	assert_non_null(strstr(look_got.text, "untouched for 46 h 49 min"));
	assert_non_null(strstr(look_got.text, "weekly/20250209T021000Z: it has "
	    "no manifest.json"));
	assert_non_null(strstr(look_got.text, "1 left-over file"));
	assert_non_null(strstr(look_got.text, "1 manual set, kept until"));
	assert_int_equal(look_int("sets"), 5);
	assert_int_equal(look_int("partial"), 2);
	assert_int_equal(look_int("damaged"), 1);
	assert_int_equal(look_int("orphans"), 1);
	assert_int_equal(look_int("foreign"), 1);
	one = json_array_get(json_object_get(look_got.data, "unfinished"), 0);
	assert_true(json_get_bool(one, "being_written"));
	assert_string_equal(json_get_str(one, "set"),
	    "emergency/20250215T005900Z.partial");
	one = json_array_get(json_object_get(look_got.data, "unfinished"), 1);
	assert_false(json_get_bool(one, "being_written"));
	assert_in_range(json_get_int(one, "bytes", 0), 4097, 5000);
	assert_int_equal(json_get_int(one, "age_ms", 0),
	    look_utc(NOW) - look_utc("2025-02-13T02:11:00.000Z"));
}

static void
hostile_words_of_a_store_reach_nobody(void **state)
{
	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	assert_true(kit_sh("cd $1/store && sed -i "
	    "'s/\"complete\":true,\"started\"/\"complete\":false,\"problem\":"
	    "\"\\\\u001b[2J\\\\u202eabc\\\\u200b\",\"started\"/; "
	    "s/\"complete\":true,\"comp/\"complete\":false,\"comp/' "
	    SET1 "/manifest.json && mkdir -p old && "
	    "echo x >\"old/otc $(printf '\\033[2J\\342\\200\\256\\377')\""));
	look_again(&probe_backup, "otc");
	look_says(LEVEL_CRITICAL, "\\x1b[2J");
	look_again(&probe_sets, "local");
	assert_non_null(look_got.text);
}

/* ---- one look for all ----------------------------------------------------------------------- */

struct crowd {
	size_t begun, done, late;
	int64_t first_ms;
};

static void
crowd_begin(void *ctx, struct target *t)
{
	((struct crowd *)ctx)->begun++;
	t->read = true;
}

static void
crowd_done(void *ctx, struct target *t, struct reading *r)
{
	struct crowd *c = ctx;

	c->done++;
	c->late += json_get_bool(r->data, "late");
	assert_string_equal(r->name, t->name);
}

static bool
crowd_more(void *ctx, int64_t wait_ms)
{
	(void)wait_ms;
	return ((struct crowd *)ctx)->done == 0;
}

static void
all_of_them_are_answered_from_one_look(void **state)
{
	struct target targets[2] = { look_target(&probe_backup, "otc"),
		look_target(&probe_backup, "app") };
	struct crowd c = { 0 };

	(void)state;
	proven_set("20250214T021000Z");
	holdings_forget();
	look_eye.once = true;
	look_eye.now = clock_wall_ms();
	look_eye.deadline = clock_mono_ms() + 20000;
	probe_backup.crowd(&look_eye, targets, 2, crowd_begin, crowd_done,
	    crowd_more, &c);
	assert_int_equal(c.begun, 2);
	assert_int_equal(c.done, 2);
	assert_int_equal(c.late, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, stale)
static const struct CMUnitTest tests[] = {
	TEST(a_young_verified_copy_is_well),
	TEST(what_was_never_restored_is_a_warning),
	TEST(what_was_sent_and_not_verified_is_no_backup),
	TEST(a_copy_older_than_the_rpo_is_critical_but_not_while_tonights_is_due),
	TEST(nothing_at_all_is_critical_and_files_of_others_are_unproven),
	TEST(a_store_that_is_not_there_yet_has_nothing),
	TEST(a_newer_run_that_failed_is_told_with_its_reason),
	TEST(a_copy_that_became_bad_is_critical_although_an_older_one_is_good),
	TEST(one_store_of_two_is_a_warning_and_none_of_one_that_must_is),
	TEST(a_set_without_the_roles_is_a_warning),
	TEST(a_set_of_the_future_does_not_count),
	TEST(an_unusual_size_is_told_from_the_history),
	TEST(without_a_history_the_other_sets_are_one),
	TEST(a_store_that_cannot_be_read_makes_it_unknown_or_a_warning),
	TEST(what_is_unfinished_damaged_and_left_over_is_told),
	TEST(hostile_words_of_a_store_reach_nobody),
	TEST(all_of_them_are_answered_from_one_look),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
