/* WRAP: place_list place_read_open */
#include <errno.h>

#include "base/sha.h"
#include "tests/backup/kit.h"

#define SET1 "nightly/20250214T021000Z"
#define SET2 "nightly/20250215T021000Z"
#define LATER 1800000000000

/* ---- what is asked of the place, and what it may answer wrongly ----------------- */

static size_t lists, opens;
static const char *break_at;		/* the end of a path that cannot be read */
static enum err_kind break_how;
static bool stammer;			/* every entry comes twice */

bool __real_place_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e);
bool __wrap_place_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e);
struct place_file *__real_place_read_open(struct place *p, const char *path,
    int64_t offset, struct err *e);
struct place_file *__wrap_place_read_open(struct place *p, const char *path,
    int64_t offset, struct err *e);

static bool
breaks(const char *path, struct err *e)
{
	size_t n = break_at ? strlen(break_at) : 0, have = strlen(path);

	if (break_at == NULL || have < n ||
	    strcmp(path + have - n, break_at) != 0)
		return false;
	err_set(e, break_how, "it broke on purpose");
	return true;
}

bool
__wrap_place_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e)
{
	size_t n;

	lists++;
	*ret = (struct place_list){ 0 };
	if (breaks(dir, e) || !__real_place_list(p, dir, ret, e))
		return false;
	n = ret->entries.n;
	for (size_t i = 0; stammer && i < n; i++) {
		struct place_entry x = ret->entries.v[i];

		x.name = strdup(x.name);
		VEC_PUSH(&ret->entries, x);
	}
	return true;
}

struct place_file *
__wrap_place_read_open(struct place *p, const char *path, int64_t offset,
    struct err *e)
{
	opens++;
	return breaks(path, e) ? NULL :
	    __real_place_read_open(p, path, offset, e);
}

/* ---- the store ---------------------------------------------------------------------- */

static struct place *here;
static struct sets s;

static void
read_with(struct place *p, const struct sets_ask *ask)
{
	struct err e = ERR_INIT;

	lists = opens = 0;
	if (!sets_read(&s, p, ask, &e))
		fail_msg("%s", e.msg);
}

static void
read_again(void)
{
	read_with(here, &(struct sets_ask){ 0 });
}

static int
fresh(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	here = place_open(NULL, NULL, &e);
	if (here == NULL)
		fail_msg("%s", e.msg);
	sets_init(&s, "local", kit_store("store"), "prod");
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	break_at = NULL;
	stammer = false;
	sets_release(&s);
	place_close(here);
	return 0;
}

static void
a_copy_is_sent_until_more_is_proven(void **state)
{
	struct set_copy c;

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database gps=database "
	    "globals-otc=globals");
	read_again();
	assert_int_equal(s.v.n, 1);
	assert_null(s.v.v[0]->problem);
	assert_string_equal(kit_truth(&s, SET1, "otc"), "sent");
	assert_string_equal(kit_truth(&s, SET1, "arp"), "");
	kit_set("--proof $1/store/" SET1 " verified 20250214T021500Z otc=ok "
	    "globals-otc=ok");
	read_again();
	assert_string_equal(kit_truth(&s, SET1, "otc"), "verified");
	assert_string_equal(kit_truth(&s, SET1, "globals-otc"), "verified");
	assert_string_equal(kit_truth(&s, SET1, "gps"), "sent");
	kit_set("--proof $1/store/" SET1 " restorable 20250214T031500Z otc=ok");
	read_again();
	c = kit_copy(&s, SET1, "otc");
	assert_int_equal(c.truth->proven, PROVEN_RESTORABLE);
	assert_int_equal(c.truth->at[PROVEN_VERIFIED], 1739499300000);
	assert_int_equal(c.truth->at[PROVEN_RESTORABLE], 1739502900000);
	assert_int_equal(c.truth->took_ms, 61000);
	assert_null(c.truth->why);
	assert_int_equal(s.v.v[0]->proofs, 2);
	assert_int_equal(s.v.v[0]->strays.n, 0);
	assert_int_equal(s.strays.n, 0);
}

static void
a_proof_that_failed_takes_back_what_was_proven(void **state)
{
	struct set_copy c;

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("--proof $1/store/" SET1 " restorable 20250214T030000Z otc=ok");
	kit_set("--proof $1/store/" SET1 " verified 20250214T021500Z otc=ok");
	kit_set("--proof $1/store/" SET1 " restorable 20250215T030000Z "
	    "otc=failed");
	read_again();
	c = kit_copy(&s, SET1, "otc");
	assert_int_equal(c.truth->proven, PROVEN_VERIFIED);
	assert_int_equal(c.truth->took_ms, -1);
	assert_string_equal(c.truth->why,
	    "restoring it has failed: it was tried");
	assert_non_null(strstr(s.v.v[0]->problem, "restoring it has failed"));
	/* that its bytes are as they were does not make it restore */
	kit_set("--proof $1/store/" SET1 " verified 20250216T030000Z otc=ok");
	read_again();
	c = kit_copy(&s, SET1, "otc");
	assert_int_equal(c.truth->proven, PROVEN_VERIFIED);
	assert_non_null(c.truth->why);
	kit_set("--proof $1/store/" SET1 " verified 20250217T030000Z "
	    "otc=failed");
	read_again();
	c = kit_copy(&s, SET1, "otc");
	assert_int_equal(c.truth->proven, PROVEN_NOT);
	assert_non_null(strstr(c.truth->why, "is damaged"));
	kit_set("--proof $1/store/" SET1 " restorable 20250218T030000Z otc=ok");
	read_again();
	assert_string_equal(kit_truth(&s, SET1, "otc"), "restorable");
	assert_null(s.v.v[0]->problem);
}

/* A set that is read again every day keeps its one restore. */
static void
old_proofs_are_read_only_for_what_newer_ones_do_not_say(void **state)
{
	char words[160];

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database app=files");
	kit_set("--proof $1/store/" SET1 " restorable 20250214T030000Z otc=ok");
	kit_set("--proof $1/store/" SET1 " verified 20250214T030000Z "
	    "otc=failed app=ok");
	for (int i = 0; i < 100; i++) {
		snprintf(words, sizeof words, "--proof $1/store/" SET1
		    " verified 20250%d%02dT030000Z otc=ok%s", 3 + i / 25,
		    1 + i % 25, i == 99 ? "" : " app=ok");
		kit_set(words);
	}
	read_again();
	assert_string_equal(kit_truth(&s, SET1, "otc"), "restorable");
	assert_string_equal(kit_truth(&s, SET1, "app"), "verified");
	assert_int_equal(opens, 1 + 2 + 1);
	assert_null(s.v.v[0]->problem);
}

static void
a_proof_of_another_manifest_proves_nothing(void **state)
{
	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("$1/store nightly 20250215T021000Z otc=database");
	kit_set("--proof $1/store/" SET1 " verified 20250214T021500Z otc=ok");
	assert_true(kit_sh("cp $1/store/" SET1 "/proof-* $1/store/" SET2 "/"));
	read_again();
	assert_string_equal(kit_truth(&s, SET1, "otc"), "verified");
	assert_string_equal(kit_truth(&s, SET2, "otc"), "sent");
	assert_int_equal(kit_find(&s, SET2)->bad_proofs, 1);
	assert_non_null(strstr(kit_find(&s, SET2)->problem,
	    "another manifest"));
	/* a kind that its name does not say, and rubbish */
	assert_true(kit_sh("cd $1/store/" SET1 " && mv proof-*-verified.json "
	    "proof-20250214T021500Z-restorable.json && "
	    "echo rubbish >proof-20250214T021600Z-verified.json"));
	read_again();
	assert_string_equal(kit_truth(&s, SET1, "otc"), "sent");
	assert_int_equal(kit_find(&s, SET1)->bad_proofs, 2);
}

/* Every byte of the manifest, flipped: its proofs hold no longer. */
static void
a_changed_manifest_has_lost_its_proofs(void **state)
{
	char path[PATH_MAX], *text;
	struct stat st;
	FILE *f;

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("--proof $1/store/" SET1 " verified 20250214T021500Z otc=ok");
	snprintf(path, sizeof path, "%s", test_path("store/" SET1
	    "/manifest.json"));
	text = test_read(path);
	assert_int_equal(stat(path, &st), 0);
	for (size_t i = 0; i < strlen(text); i += 3) {
		text[i] ^= 1;
		f = fopen(path, "we");
		fwrite(text, 1, (size_t)st.st_size, f);
		fclose(f);
		text[i] ^= 1;
		sets_release(&s);
		sets_init(&s, "local", test_path("store"), "prod");
		read_again();
		assert_int_equal(s.v.n, 1);
		assert_non_null(s.v.v[0]->problem);
		for (size_t k = 0; k < s.v.v[0]->truths.n; k++)
			assert_in_range(s.v.v[0]->truths.v[k].proven,
			    PROVEN_NOT, PROVEN_SENT);
	}
	free(text);
}

static void
what_is_not_there_in_full_is_not_sent(void **state)
{
	static const struct {
		const char *script, *says;
	} harm[] = {
		{ "rm otc.dump.gz", "'otc.dump.gz' is not there" },
		{ ": >otc.dump.gz", "'otc.dump.gz' has 0 bytes, not" },
		{ "truncate -s -1 otc.dump.gz", "bytes, not" },
		{ "echo x >>otc.dump.gz", "bytes, not" },
		{ "mv otc.dump.gz x && ln -s x otc.dump.gz", "is not a file" },
		{ "rm otc.dump.gz && mkdir otc.dump.gz", "is not a file" },
		{ "rm otc.dump.gz && mkfifo otc.dump.gz", "is not a file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
		char script[256];
		struct set_copy c;

		test_case(harm[i].script);
		sets_release(&s);
		sets_init(&s, "local", kit_store("store"), "prod");
		kit_set("$1/store nightly 20250214T021000Z otc=database "
		    "gps=database");
		kit_set("--proof $1/store/" SET1 " verified 20250214T021500Z "
		    "otc=ok gps=ok");
		snprintf(script, sizeof script, "cd $1/store/" SET1 " && %s",
		    harm[i].script);
		assert_true(kit_sh(script));
		read_again();
		c = kit_copy(&s, SET1, "otc");
		assert_int_equal(c.truth->proven, PROVEN_NOT);
		assert_non_null(strstr(c.truth->why, harm[i].says));
		assert_non_null(strstr(s.v.v[0]->problem, harm[i].says));
		assert_string_equal(kit_truth(&s, SET1, "gps"), "verified");
	}
}

static void
a_damaged_manifest_hides_no_other_set(void **state)
{
	static const struct {
		const char *script, *says;
	} harm[] = {
		{ "rm manifest.json", "it has no manifest.json" },
		{ ": >manifest.json", "is damaged" },
		{ "truncate -s 100 manifest.json", "is damaged" },
		{ "head -c 70000 /dev/urandom >manifest.json", "is damaged" },
		{ "truncate -s 2M manifest.json", "is larger than" },
		{ "rm manifest.json; ln -s /etc/passwd manifest.json",
		    "it has no manifest.json" },
		{ "rm manifest.json; mkfifo manifest.json",
		    "it has no manifest.json" },
		{ "sed -i 's/\"exit\":0/\"exit\":1/' manifest.json",
		    "'pg_dump' ended with 1" },
		{ "sed -i 's/\"complete\":true,\"components\"/"
		    "\"complete\":false,\"components\"/' manifest.json",
		    "says that it is not complete" },
		{ "sed -i 's/\"prod\"/\"test\"/' manifest.json",
		    "it belongs to the site 'test'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
		char script[256];

		test_case(harm[i].script);
		sets_release(&s);
		sets_init(&s, "local", kit_store("store"), "prod");
		kit_set("$1/store nightly 20250214T021000Z otc=database");
		kit_set("$1/store nightly 20250215T021000Z otc=database");
		snprintf(script, sizeof script, "cd $1/store/" SET2 "; %s",
		    harm[i].script);
		assert_true(kit_sh(script));
		read_again();
		assert_int_equal(s.v.n, 2);
		assert_string_equal(s.v.v[0]->path, SET2);
		assert_non_null(s.v.v[0]->problem);
		if (strstr(s.v.v[0]->problem, harm[i].says) == NULL)
			fail_msg("it says '%s'", s.v.v[0]->problem);
		assert_string_equal(kit_truth(&s, SET1, "otc"), "sent");
	}
}

static void
good_components_of_an_incomplete_set_count(void **state)
{
	const char *otc = "otc", *gps = "gps";

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z.incomplete otc=database "
	    "gps=database:failed");
	kit_set("--proof $1/store/" SET1 ".incomplete verified "
	    "20250214T021500Z otc=ok gps=ok");
	read_again();
	assert_int_equal(s.v.v[0]->state, SET_INCOMPLETE);
	assert_null(s.v.v[0]->problem);
	assert_string_equal(kit_truth(&s, SET1 ".incomplete", "otc"),
	    "verified");
	assert_string_equal(kit_truth(&s, SET1 ".incomplete", "gps"),
	    "unproven");
	assert_string_equal(kit_copy(&s, SET1 ".incomplete", "gps").truth->why,
	    "the server closed the connection");
	assert_non_null(sets_newest(&s, &otc, 1, PROVEN_VERIFIED, LATER).set);
	assert_null(sets_newest(&s, &gps, 1, PROVEN_SENT, LATER).set);
}

static void
a_partial_set_never_counts_whatever_it_holds(void **state)
{
	const struct set *p;

	(void)state;
	kit_set("$1/store emergency 20250214T021000Z otc=database");
	kit_set("--proof $1/store/emergency/20250214T021000Z verified "
	    "20250214T021500Z otc=ok");
	assert_true(kit_sh("cd $1/store/emergency && mv 20250214T021000Z "
	    "20250214T021000Z.partial && touch -d 2025-02-14T02:11:00Z "
	    "20250214T021000Z.partial/* 20250214T021000Z.partial"));
	read_again();
	p = kit_find(&s, "emergency/20250214T021000Z.partial");
	assert_int_equal(p->state, SET_PARTIAL);
	assert_int_equal(p->truths.n, 0);
	assert_in_range(p->bytes, 4097, 8000);
	assert_int_equal(p->changed, 1739499060000);
	assert_int_equal(opens, 0);
	/* it grows: that is seen although its folder's time stays */
	assert_true(kit_sh("cd $1/store/emergency/*.partial && "
	    "head -c 9000 /dev/zero >>otc.dump.gz"));
	read_again();
	assert_in_range(p->bytes, 13000, 18000);
	assert_true(p->changed > 1739499060000);
}

static void
newest_is_by_truth_and_not_from_the_future(void **state)
{
	const char *names[] = { "arp-prod", "arp" };
	struct set_copy c;

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z arp=database");
	kit_set("--proof $1/store/" SET1 " verified 20250214T021500Z arp=ok");
	kit_set("$1/store nightly 20250215T021000Z arp-prod=database");
	kit_set("$1/store manual 20991231T000000Z arp=database");
	read_again();
	c = sets_newest(&s, names, 2, PROVEN_SENT, LATER);
	assert_string_equal(c.set->path, SET2);
	assert_string_equal(c.part->name, "arp-prod");
	c = sets_newest(&s, names, 2, PROVEN_VERIFIED, LATER);
	assert_string_equal(c.set->path, SET1);
	c = sets_newest(&s, names, 2, PROVEN_RESTORABLE, LATER);
	assert_null(c.set);
	assert_int_equal(s.v.v[0]->class, SET_MANUAL);
}

static void
a_run_begins_when_its_manifest_says_within_the_second_of_its_name(void **state)
{
	static const struct {
		const char *started;
		int64_t began;
	} runs[] = {
		{ "2025-02-14T02:10:00.750Z", 1739499000750 },
		{ "2025-02-14T02:09:59.900Z", 1739498999900 },
		{ "2025-02-14T02:10:01.000Z", 1739499000000 },
		{ "2099-01-01T00:00:00.000Z", 1739499000000 },
		{ "1970-01-01T00:00:00.000Z", 1739499000000 },
	};

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
		char script[256];

		test_case(runs[i].started);
		snprintf(script, sizeof script, "sed -i '1s/\"started\":\"[^\"]*"
		    "\"/\"started\":\"%s\"/' $1/store/" SET1 "/manifest.json && "
		    "touch -d @%zu $1/store/" SET1 "/manifest.json",
		    runs[i].started, i + 1);
		assert_true(kit_sh(script));
		read_again();
		assert_null(s.v.v[0]->problem);
		assert_int_equal(s.v.v[0]->began, runs[i].began);
	}
}

static void
what_others_left_is_told_apart(void **state)
{
	const char *patterns[] = { "*.tmp", "core.[0-9]*" };
	struct sets_ask ask = { .orphans = patterns, .n_orphans = 2 };
	size_t orphans = 0, folders = 0;

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	assert_true(kit_sh("cd $1/store && mkdir -p daily/2025/11/04 @eaDir/x "
	    "nightly/old && echo 1 >daily/2025/11/04/db.sql.gz && "
	    "echo 2 >daily/2025/11/04/db.sql.gz.tmp && echo 3 >readme && "
	    "echo 4 >nightly/up.tmp && echo 5 >" SET1 "/otc.dump.gz.tmp && "
	    "ln -s /etc nightly/20250213T021000Z && echo 6 >weekly"));
	read_with(here, &ask);
	assert_int_equal(s.v.n, 1);
	assert_int_equal(s.v.v[0]->strays.n, 1);
	assert_string_equal(s.v.v[0]->strays.v[0]->path,
	    SET1 "/otc.dump.gz.tmp");
	assert_true(s.v.v[0]->strays.v[0]->orphan);
	assert_null(s.v.v[0]->problem);
	for (size_t i = 0; i < s.strays.n; i++) {
		orphans += s.strays.v[i]->orphan;
		folders += s.strays.v[i]->is_dir;
	}
	assert_int_equal(s.strays.n, 6);	/* daily readme weekly, 3 below */
	assert_int_equal(orphans, 1);
	assert_int_equal(folders, 2);
	sets_dig(&s, here, &ask);
	orphans = 0;
	for (size_t i = 0; i < s.strays.n; i++)
		if (s.strays.v[i]->orphan) {
			orphans++;
			assert_int_equal(s.strays.v[i]->size, 2);
		}
	assert_int_equal(s.strays.n, 11);
	assert_int_equal(orphans, 2);
}

static void
a_name_that_a_server_says_twice_is_one_set(void **state)
{
	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("$1/store nightly 20250215T021000Z otc=database");
	stammer = true;
	for (int i = 0; i < 3; i++) {
		read_again();
		assert_int_equal(s.v.n, 2);
	}
	stammer = false;
	read_again();
	assert_int_equal(s.v.n, 2);
}

/* ---- what it costs ------------------------------------------------------------------- */

static void
what_did_not_change_is_not_read_again(void **state)
{
	(void)state;
	for (int day = 1; day <= 9; day++) {
		char words[128];

		snprintf(words, sizeof words, "$1/store nightly "
		    "2025020%dT021000Z otc=database", day);
		kit_set(words);
	}
	read_again();
	assert_int_equal(opens, 9);
	assert_int_equal(lists, 2 + 9);
	/* young in our eyes: their folders' times are in whole seconds */
	read_again();
	assert_int_equal(opens, 0);
	assert_int_equal(lists, 2 + 9);
	for (size_t i = 0; i < s.v.n; i++)
		s.v.v[i]->seen_ms -= 4000;
	read_again();
	assert_int_equal(lists, 2);
	kit_set("--proof $1/store/nightly/20250203T021000Z verified "
	    "20250214T021500Z otc=ok");
	assert_true(kit_sh("touch -d +1hour $1/store/nightly/20250203T021000Z"));
	read_again();
	assert_int_equal(lists, 3);
	assert_int_equal(opens, 2);
	assert_string_equal(kit_truth(&s, "nightly/20250203T021000Z", "otc"),
	    "verified");
	/* half a minute later the newest two are looked at all the same */
	for (size_t i = 0; i < s.v.n; i++) {
		s.v.v[i]->seen_ms -= 40000;
		s.v.v[i]->looked_ms -= 31000;
	}
	read_again();
	assert_int_equal(lists, 2 + 2);
	assert_int_equal(opens, 0);
}

static void
older_sets_wait_when_little_may_be_read(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	for (int day = 1; day <= 5; day++) {
		char words[128];

		snprintf(words, sizeof words, "$1/store nightly "
		    "2025020%dT021000Z otc=database", day);
		kit_set(words);
	}
	read_with(here, &(struct sets_ask){ .limit = 2 });
	assert_int_equal(opens, 2);
	assert_int_equal(s.v.n, 5);
	assert_int_equal(s.unread, 3);
	assert_true(s.v.v[1]->looked);
	assert_false(s.v.v[2]->looked);
	read_with(here, &(struct sets_ask){ .limit = 2 });
	assert_int_equal(s.unread, 1);
	sets_release(&s);
	sets_init(&s, "local", test_path("store"), "prod");
	assert_true(sets_read(&s, here, &(struct sets_ask){ .deadline_ms = 1 },
	    &e));
	assert_int_equal(s.unread, 5);
}

/* ---- when reading fails --------------------------------------------------------------- */

static void
a_store_without_its_folder_says_so(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	sets_release(&s);
	sets_init(&s, "local", test_path("nowhere"), "prod");
	assert_false(sets_read(&s, here, &(struct sets_ask){ 0 }, &e));
	assert_int_equal(e.kind, ERR_NOTFOUND);
	assert_int_equal(s.v.n, 0);
	/* one that went away has nothing either, whatever it had before */
	sets_release(&s);
	sets_init(&s, "local", test_path("store"), "prod");
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	read_again();
	assert_int_equal(s.v.n, 1);
	assert_true(kit_sh("mv $1/store $1/gone"));
	err_clear(&e);
	assert_false(sets_read(&s, here, &(struct sets_ask){ 0 }, &e));
	assert_int_equal(e.kind, ERR_NOTFOUND);
	assert_int_equal(s.v.n, 0);
	assert_true(kit_sh("mv $1/gone $1/store"));
	read_again();
	assert_int_equal(s.v.n, 1);
}

static void
one_file_that_cannot_be_read_spoils_its_set_alone(void **state)
{
	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("$1/store nightly 20250215T021000Z otc=database");
	break_at = SET2 "/manifest.json";
	break_how = ERR_SYS;
	read_again();
	assert_int_equal(s.v.n, 2);
	assert_non_null(strstr(s.v.v[0]->problem, "it broke on purpose"));
	assert_false(s.v.v[0]->looked);
	assert_string_equal(kit_truth(&s, SET1, "otc"), "sent");
	assert_int_equal(s.unread, 0);
	break_at = NULL;
	read_again();
	assert_null(s.v.v[0]->problem);
	assert_string_equal(kit_truth(&s, SET2, "otc"), "sent");
}

static void
a_store_that_stops_answering_is_an_error_and_forgets_nothing(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	read_again();
	kit_set("$1/store nightly 20250215T021000Z otc=database");
	break_at = "/nightly";
	break_how = ERR_FAILED;
	assert_false(sets_read(&s, here, &(struct sets_ask){ 0 }, &e));
	assert_string_equal(kit_truth(&s, SET1, "otc"), "sent");
	assert_int_equal(s.v.n, 1);
	break_at = SET2;
	break_how = ERR_TIMEOUT;
	err_clear(&e);
	assert_false(sets_read(&s, here, &(struct sets_ask){ 0 }, &e));
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_int_equal(s.v.n, 2);
	assert_int_equal(s.unread, 1);
	assert_string_equal(kit_truth(&s, SET1, "otc"), "sent");
}

static void
a_set_that_goes_while_it_is_looked_at_is_gone(void **state)
{
	(void)state;
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("$1/store nightly 20250215T021000Z otc=database");
	break_at = SET2;
	break_how = ERR_NOTFOUND;
	read_again();
	assert_int_equal(s.v.n, 1);
	assert_string_equal(s.v.v[0]->path, SET1);
	break_at = "/nightly";
	read_again();
	assert_int_equal(s.v.n, 0);
}

/* ---- somewhere else -------------------------------------------------------------------- */

static void
over_sftp_and_ssh_it_is_the_same(void **state)
{
	char key[PATH_MAX], known[PATH_MAX];
	struct err e = ERR_INIT;
	int port;

	(void)state;
	if (!kit_keys()) {
		test_skip("no sshd here");
	}
	port = kit_sshd("sets.conf", "", false);
	assert_true(port > 0);
	snprintf(key, sizeof key, "%s", test_path("userkey"));
	snprintf(known, sizeof known, "%s", kit_known("known", port,
	    "hostkey.pub"));
	kit_set("$1/store nightly 20250214T021000Z otc=database");
	kit_set("$1/store nightly 20250215T021000Z.incomplete otc=database "
	    "gps=database:failed");
	kit_set("$1/store emergency 20250215T031000Z.partial otc=database");
	kit_set("--proof $1/store/" SET1 " restorable 20250214T021500Z otc=ok");
	assert_true(kit_sh("cd $1/store && mkdir weekly && echo x >weekly/x"));
	for (int i = 0; i < 2; i++) {
		const struct place_spec spec = { .name = "nas",
			.user = getenv("USER") ? getenv("USER") : "root",
			.host = "127.0.0.1", .port = port, .identity = key,
			.known_hosts = known, .config = "/dev/null",
			.system_ssh = i == 1 };
		struct place *p = place_open(&spec, NULL, &e);

		test_case(i ? "the system's ssh" : "sftp");
		if (p == NULL)
			fail_msg("%s", e.msg);
		sets_release(&s);
		sets_init(&s, "nas", test_path("store"), "prod");
		read_with(p, &(struct sets_ask){ 0 });
		assert_int_equal(s.v.n, 3);
		assert_string_equal(kit_truth(&s, SET1, "otc"), "restorable");
		assert_string_equal(kit_truth(&s,
		    "nightly/20250215T021000Z.incomplete", "gps"), "unproven");
		assert_in_range(kit_find(&s,
		    "emergency/20250215T031000Z.partial")->bytes, 4097, 5000);
		assert_int_equal(s.strays.n, 1);
		place_close(p);
	}
	kit_stop(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, stale)
static const struct CMUnitTest tests[] = {
	TEST(a_copy_is_sent_until_more_is_proven),
	TEST(a_proof_that_failed_takes_back_what_was_proven),
	TEST(old_proofs_are_read_only_for_what_newer_ones_do_not_say),
	TEST(a_proof_of_another_manifest_proves_nothing),
	TEST(a_changed_manifest_has_lost_its_proofs),
	TEST(what_is_not_there_in_full_is_not_sent),
	TEST(a_damaged_manifest_hides_no_other_set),
	TEST(good_components_of_an_incomplete_set_count),
	TEST(a_partial_set_never_counts_whatever_it_holds),
	TEST(newest_is_by_truth_and_not_from_the_future),
	TEST(a_run_begins_when_its_manifest_says_within_the_second_of_its_name),
	TEST(what_others_left_is_told_apart),
	TEST(a_name_that_a_server_says_twice_is_one_set),
	TEST(what_did_not_change_is_not_read_again),
	TEST(older_sets_wait_when_little_may_be_read),
	TEST(a_store_without_its_folder_says_so),
	TEST(one_file_that_cannot_be_read_spoils_its_set_alone),
	TEST(a_store_that_stops_answering_is_an_error_and_forgets_nothing),
	TEST(a_set_that_goes_while_it_is_looked_at_is_gone),
	TEST(over_sftp_and_ssh_it_is_the_same),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
