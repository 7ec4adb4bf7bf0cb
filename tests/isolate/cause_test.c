#include "tests/test.h"

#include "base/clock.h"
#include "base/json.h"
#include "isolate/cause.h"

static const char site_text[] =
    "site = { name = \"x\"; timezone = \"Europe/Berlin\"; };\n"
    "databases = ( { name = \"arp\"; user = \"backup\"; } );\n"
    "retention = { daily = 7; weekly = 4; };\n";
static struct site site;

static int
begin(void **state)
{
	(void)state;
	clock_zone_set("Europe/Berlin", NULL);
	return site_parse(&site, "x.cfg", site_text, sizeof site_text - 1) ?
	    0 : -1;
}

static int
end(void **state)
{
	(void)state;
	site_release(&site);
	return 0;
}

/* "kind name {data}", or "kind name !error"; NULL ends the list. */
static void
add_reading(struct readings *all, const char *s)
{
	char kind[32], name[32];
	int at = 0;
	struct reading r;
	struct err e = ERR_INIT;

	assert_int_equal(sscanf(s, "%31s %31s %n", kind, name, &at), 2);
	reading_init(&r, kind, name);
	if (s[at] == '!') {
		err_set(&e, ERR_TIMEOUT, "%s", s + at + 1);
		reading_fail(&r, &e);
	} else {
		json_decref(r.data);
		r.data = json_read(s + at, strlen(s + at), &e);
		if (r.data == NULL)
			fail_msg("%s: %s", s + at, e.msg);
		reading_say(&r, LEVEL_OK, NULL, "it is said");
	}
	readings_put(all, &r);
	reading_release(&r);
}

static void
weigh(struct causes *all, const char *const *readings,
    const struct lines *lines, const struct cause_walk *walks, size_t n_walks,
    const struct cause_sum *sums, size_t n_sums)
{
	struct readings r = { .v = { 0 } };

	for (; readings != NULL && *readings != NULL; readings++)
		add_reading(&r, *readings);
	causes_weigh(all, &(struct cause_input){ .site = &site,
	    .readings = &r, .lines = lines, .walks = walks,
	    .n_walks = n_walks, .sums = sums, .n_sums = n_sums });
	assert_int_equal(all->v.n, CAUSE_COUNT);
	readings_release(&r);
}

static bool
says(const struct reasons *r, const char *part)
{
	for (size_t i = 0; i < r->v.n; i++)
		if (strstr(r->v.v[i], part) != NULL)
			return true;
	return false;
}

/* ---- the table ------------------------------------------------------------------- */

#define KERNEL_WELL "kernel here {\"log\":\"dmesg\",\"io_errors\":0}"
#define S CAUSE_SUSPECTED
#define U CAUSE_UNLIKELY
#define X CAUSE_UNKNOWN

static const struct {
	enum cause_id id;
	enum cause_verdict verdict;
	const char *readings[3];
	const char *speaks_for, *against, *unknown;
} table[] = {
	/* retention: what the stores hold */
	{ CAUSE_RETENTION, S, { "sets nas {\"whole\":40,\"manual\":1}" },
	    "store nas: 39 whole sets, and the policy keeps 7 daily and 4",
	    NULL, NULL },
	{ CAUSE_RETENTION, U, { "sets nas {\"whole\":12}" }, NULL,
	    "12 whole sets are within", NULL },
	{ CAUSE_RETENTION, S, { "sets nas {\"whole\":3,\"orphans\":9,"
	    "\"orphan_bytes\":1048576}" }, "9 left-over files, 1.0 MB",
	    "3 whole sets", NULL },
	{ CAUSE_RETENTION, X, { "sets nas !no answer" }, NULL, NULL,
	    "sets nas: no answer" },
	{ CAUSE_RETENTION, X, { "sets nas {\"whole\":3}", "sets b !down" },
	    NULL, "3 whole sets", "sets b: down" },
	/* credentials */
	{ CAUSE_CREDENTIALS, S, { "database arp {\"can_login\":false,"
	    "\"no\":\"password\",\"sqlstate\":\"28P01\",\"last_login\":"
	    "\"2025-02-13T01:00:00.000Z\"}" },
	    "arp: the server says no (password, SQLSTATE 28P01); it worked "
	    "last at 2025-02-13 02:00", NULL, NULL },
	{ CAUSE_CREDENTIALS, U, { "database arp {\"can_login\":true}" }, NULL,
	    "the stored login works", NULL },
	{ CAUSE_CREDENTIALS, U, { "database arp {\"can_login\":false,"
	    "\"no\":\"refused\"}" }, NULL, "another reason (refused)", NULL },
	{ CAUSE_CREDENTIALS, U, { "database arp {\"can_login\":false,"
	    "\"no\":\"hba\"}" }, NULL, "another reason (hba)", NULL },
	{ CAUSE_CREDENTIALS, X, { "database arp !no answer" }, NULL, NULL,
	    "no answer" },
	/* WAL */
	{ CAUSE_WAL, S, { "database arp {\"can_login\":true,"
	    "\"archiver_failing\":true,\"last_failed\":"
	    "\"2025-02-14T01:00:00.000Z\",\"wal_ready\":40}" },
	    "the archiver fails, last at 2025-02-14 02:00; 40 files", NULL,
	    NULL },
	{ CAUSE_WAL, S, { "database arp {\"can_login\":true,\"slots\":["
	    "{\"name\":\"old\",\"active\":false,\"held\":9},"
	    "{\"name\":\"new\",\"active\":true,\"held\":9}]}" },
	    "1 slot that nobody reads holds files ('old')", NULL, NULL },
	{ CAUSE_WAL, S, { "database arp {\"can_login\":true,"
	    "\"wal_size\":9000000,\"max_wal_size\":1000000}" },
	    "pg_wal has 8.6 MB", NULL, NULL },
	{ CAUSE_WAL, U, { "database arp {\"can_login\":true,"
	    "\"wal_size\":900000,\"max_wal_size\":1000000}" }, NULL,
	    "and nothing holds it", NULL },
	{ CAUSE_WAL, X, { "database arp {\"can_login\":false,"
	    "\"no\":\"password\"}" }, NULL, NULL, "could not be asked" },
	/* leftovers of containers */
	{ CAUSE_LEFTOVERS, S, { "docker here {\"reclaimable\":5000000,"
	    "\"images\":{\"size\":9000000}}" }, "could be given back", NULL,
	    NULL },
	{ CAUSE_LEFTOVERS, U, { "docker here {\"reclaimable\":5,"
	    "\"images\":{\"size\":9000000}}" }, NULL, "only 5 B", NULL },
	{ CAUSE_LEFTOVERS, X, { NULL }, NULL, NULL, NULL },
	/* the schedule */
	{ CAUSE_ZONE, S, { "schedule nightly {\"right\":false,\"zone\":"
	    "\"Europe/Berlin\",\"wrong_on\":\"2025-02-15T01:00:00.000Z\","
	    "\"fires_on\":\"2025-02-15T02:00:00.000Z\",\"starters\":["
	    "{\"what\":\"x.timer\",\"zone\":\"UTC\"}]}" },
	    "x.timer goes by the clock of UTC, the site by Europe/Berlin: what "
	    "is due at 2025-02-15 02:00 starts at 2025-02-15 03:00", NULL,
	    NULL },
	{ CAUSE_ZONE, S, { "schedule nightly {\"right\":false,"
	    "\"starters\":[]}" }, "nothing is seen to start", NULL, NULL },
	{ CAUSE_ZONE, S, { "schedule nightly {\"right\":true,"
	    "\"missed\":true}" }, "not begun in its window",
	    "at the hour and in the zone", NULL },
	{ CAUSE_ZONE, U, { "schedule nightly {\"right\":true}" }, NULL,
	    "at the hour and in the zone", NULL },
	{ CAUSE_ZONE, X, { "schedule nightly {}" }, NULL, NULL,
	    "cannot be seen" },
	/* uploads */
	{ CAUSE_UPLOAD, S, { "backup otc {\"sent_ms\":1739494860000,"
	    "\"sent_store\":\"nas\",\"verified_ms\":1739408460000}" },
	    "otc: the copy of 2025-02-14 02:01 in nas is sent and not", NULL,
	    NULL },
	{ CAUSE_UPLOAD, U, { "backup otc {\"sent_ms\":1739494860000,"
	    "\"verified_ms\":1739494860000}" }, NULL, "was read back", NULL },
	{ CAUSE_UPLOAD, X, { "backup otc {}" }, NULL, NULL, "no copy" },
	/* runs at once */
	{ CAUSE_OVERLAP, S, { "work jobs {\"running\":[{\"title\":\"nightly\"},"
	    "{\"title\":\"backup otc\"}]}" }, "2 backups of midwatch", NULL,
	    NULL },
	{ CAUSE_OVERLAP, U, { "work jobs {\"running\":[{\"title\":\"isolate\"},"
	    "{\"title\":\"nightly, dry run\"}]}" }, NULL, "no two backups",
	    NULL },
	{ CAUSE_OVERLAP, S, { "database arp {\"dumps_running\":2}" },
	    "2 dumps read it at once", NULL, NULL },
	{ CAUSE_OVERLAP, X, { "work jobs !no answer" }, NULL, NULL,
	    "no answer" },
	/* sizes */
	{ CAUSE_SIZE, S, { "backup otc {\"size_anomaly\":true,\"size\":1024,"
	    "\"usual_size\":1048576,\"size_verdict\":\"small\"}" },
	    "has 1.0 KB, and they usually have 1.0 MB", NULL, NULL },
	{ CAUSE_SIZE, U, { "backup otc {\"size\":1024,"
	    "\"size_verdict\":\"normal\"}" }, NULL, "1.0 KB is as usual", NULL },
	{ CAUSE_SIZE, X, { "backup otc {\"size_verdict\":\"no baseline\"}" },
	    NULL, NULL, "no baseline" },
	/* hardware */
	{ CAUSE_HARDWARE, S, { "kernel here {\"log\":\"dmesg\","
	    "\"io_errors\":3}", "kernel nas {\"log\":\"dmesg\"}" },
	    "here: the kernel's log has 3 I/O errors", "nas: no errors",
	    NULL },
	{ CAUSE_HARDWARE, U, { KERNEL_WELL }, NULL, "here: no errors", NULL },
	{ CAUSE_HARDWARE, X, { KERNEL_WELL, "kernel nas {\"log\":\"closed\"}" },
	    NULL, "here: no errors", "nas: the kernel's log may not be read" },
	{ CAUSE_HARDWARE, X, { "kernel nas !no answer" }, NULL, NULL,
	    "no answer" },
	{ CAUSE_HARDWARE, S, { "kernel here {\"log\":\"dmesg\",\"raid\":["
	    "{\"name\":\"md0\",\"degraded\":1}]}" }, "md0 is degraded", NULL,
	    NULL },
	{ CAUSE_HARDWARE, S, { "kernel here {\"log\":\"dmesg\",\"ext4\":["
	    "{\"dev\":\"sda1\",\"errors\":2}]}" }, "here: it is said", NULL,
	    NULL },
	{ CAUSE_HARDWARE, U, { "kernel here {\"log\":\"dmesg\",\"ext4\":["
	    "{\"dev\":\"sda1\",\"errors\":0}]}" }, NULL, "no errors", NULL },
	{ CAUSE_HARDWARE, S, { "database arp {\"checksum_failures\":1}" },
	    "1 failures of page checksums", NULL, NULL },
};

static void
each_cause_is_weighed_by_what_was_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct causes all = { .v = { 0 } };
		const struct cause *c;

		test_case(table[i].readings[0] != NULL ?
		    table[i].readings[0] : "nothing");
		weigh(&all, table[i].readings, NULL, NULL, 0, NULL, 0);
		c = &all.v.v[table[i].id];
		assert_int_equal(c->verdict, table[i].verdict);
		if (table[i].speaks_for != NULL)
			assert_true(says(&c->speaks_for, table[i].speaks_for));
		else
			assert_int_equal(c->speaks_for.v.n, 0);
		if (table[i].against != NULL)
			assert_true(says(&c->against, table[i].against));
		else
			assert_int_equal(c->against.v.n, 0);
		if (table[i].unknown != NULL)
			assert_true(says(&c->unknown, table[i].unknown));
		else
			assert_int_equal(c->unknown.v.n, 0);
		causes_release(&all);
	}
}

static void
without_a_reading_nothing_is_suspected_and_nothing_ruled_out(void **state)
{
	struct causes all = { .v = { 0 } };

	(void)state;
	weigh(&all, NULL, NULL, NULL, 0, NULL, 0);
	for (size_t i = 0; i < all.v.n; i++) {
		assert_int_equal(all.v.v[i].verdict, CAUSE_UNKNOWN);
		assert_int_equal(all.v.v[i].speaks_for.v.n, 0);
		assert_int_equal(all.v.v[i].against.v.n, 0);
	}
	causes_release(&all);
}

/* ---- logs, disks, sums ------------------------------------------------------------ */

static void
alarms_in_logs_speak_for_their_causes(void **state)
{
	static char text[] = "it was said", log[] = "backup";
	static const struct { const char *alarm; enum cause_id id; } t[] = {
		{ "checksum-mismatch", CAUSE_UPLOAD },
		{ "false-success", CAUSE_UPLOAD },
		{ "two-runs", CAUSE_OVERLAP },
		{ "size-anomaly", CAUSE_SIZE },
		{ "wal-archive", CAUSE_WAL },
		{ "nightly-missed", CAUSE_ZONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct lines lines = { .since = 0 };
		struct causes all = { .v = { 0 } };
		char alarm[32];

		test_case(t[i].alarm);
		snprintf(alarm, sizeof alarm, "%s", t[i].alarm);
		VEC_PUSH(&lines.v, ((struct line_found){ .log = log,
		    .text = text, .alarm = alarm, .at = 1739494860000 }));
		weigh(&all, NULL, &lines, NULL, 0, NULL, 0);
		for (int k = 0; k < CAUSE_COUNT; k++)
			assert_int_equal(all.v.v[k].verdict, k == (int)t[i].id ?
			    CAUSE_SUSPECTED : CAUSE_UNKNOWN);
		assert_true(says(&all.v.v[t[i].id].speaks_for, "log backup, "
		    "2025-02-14 02:01: it was said"));
		causes_release(&all);
		VEC_RELEASE(&lines.v);
	}
}

static void
only_roles_of_the_backups_speak_of_credentials(void **state)
{
	struct lines lines = { .since = 0 };
	struct causes all = { .v = { 0 } };

	(void)state;
	VEC_PUSH(&lines.logins, ((struct login_count){ .role = "root",
	    .address = "10.0.0.9", .times = 90 }));
	weigh(&all, NULL, &lines, NULL, 0, NULL, 0);
	assert_int_equal(all.v.v[CAUSE_CREDENTIALS].verdict, CAUSE_UNKNOWN);
	causes_release(&all);
	VEC_PUSH(&lines.logins, ((struct login_count){ .role = "backup",
	    .address = "10.0.0.5", .times = 7, .last = 1739494860000 }));
	weigh(&all, NULL, &lines, NULL, 0, NULL, 0);
	assert_true(says(&all.v.v[CAUSE_CREDENTIALS].speaks_for, "backup "
	    "failed to log in 7 times from 10.0.0.5, last at 2025-02-14 "
	    "02:01"));
	causes_release(&all);
	VEC_RELEASE(&lines.logins);
}

static void
what_fills_a_disk_speaks_for_its_cause(void **state)
{
	static const char *const disks[] = { "disk root {\"percent\":97}",
	    NULL };
	struct walk w = { .bytes = 1000, .whole = true };
	struct cause_walk walks[] = { { "root", &w } };
	struct causes all = { .v = { 0 } };

	(void)state;
	w.kinds[WALK_DUMPS] = 600;
	w.kinds[WALK_WAL] = 10;
	weigh(&all, disks, NULL, walks, 1, NULL, 0);
	assert_true(says(&all.v.v[CAUSE_RETENTION].speaks_for,
	    "disk root (97 % full)"));
	assert_int_equal(all.v.v[CAUSE_WAL].verdict, CAUSE_UNLIKELY);
	causes_release(&all);

	w.kinds[WALK_DUMPS] = 0;
	w.kinds[WALK_SETS] = 600;	/* what retention keeps is no leftover */
	w.kinds[WALK_WAL] = 300;
	weigh(&all, disks, NULL, walks, 1, NULL, 0);
	assert_int_equal(all.v.v[CAUSE_RETENTION].verdict, CAUSE_UNLIKELY);
	assert_int_equal(all.v.v[CAUSE_WAL].verdict, CAUSE_SUSPECTED);
	causes_release(&all);

	/* what was not walked to its end rules no WAL out */
	w.kinds[WALK_WAL] = 0;
	w.whole = false;
	weigh(&all, disks, NULL, walks, 1, NULL, 0);
	assert_int_equal(all.v.v[CAUSE_WAL].verdict, CAUSE_UNKNOWN);
	causes_release(&all);
}

static void
sets_that_were_written_at_once_speak_of_overlap(void **state)
{
	static const char *const said[] = { "store nas: two at once" };
	struct causes all = { .v = { 0 } };
	struct readings none = { .v = { 0 } };

	(void)state;
	causes_weigh(&all, &(struct cause_input){ .site = &site,
	    .readings = &none, .overlaps = said, .n_overlaps = 1 });
	assert_int_equal(all.v.v[CAUSE_OVERLAP].verdict, CAUSE_SUSPECTED);
	assert_true(says(&all.v.v[CAUSE_OVERLAP].speaks_for, said[0]));
	causes_release(&all);
}

static void
a_login_that_was_mended_is_no_less_a_cause(void **state)
{
	static const char *const said[] = { "arp: its login was refused" };
	struct causes all = { .v = { 0 } };
	struct readings now = { .v = { 0 } };

	(void)state;
	add_reading(&now, "database arp {\"can_login\":true}");
	causes_weigh(&all, &(struct cause_input){ .site = &site,
	    .readings = &now, .refusals = said, .n_refusals = 1 });
	assert_int_equal(all.v.v[CAUSE_CREDENTIALS].verdict, CAUSE_SUSPECTED);
	assert_true(says(&all.v.v[CAUSE_CREDENTIALS].speaks_for, said[0]));
	causes_release(&all);
	readings_release(&now);
}

static void
a_file_that_is_not_as_it_was_sent_speaks_of_the_upload(void **state)
{
	static char nas[] = "nas", path[] = "nightly/x/otc.dump.gz",
	    why[] = "its checksum is another";
	struct cause_sum s = { .store = nas, .path = path, .read = true,
		.why = why };
	struct causes all = { .v = { 0 } };

	(void)state;
	weigh(&all, NULL, NULL, NULL, 0, &s, 1);
	assert_true(says(&all.v.v[CAUSE_UPLOAD].speaks_for, "nightly/x/otc"
	    ".dump.gz in nas is not as it was sent: its checksum is another"));
	causes_release(&all);
	s.same = true;
	weigh(&all, NULL, NULL, NULL, 0, &s, 1);
	assert_int_equal(all.v.v[CAUSE_UPLOAD].verdict, CAUSE_UNLIKELY);
	causes_release(&all);
	s.read = false;
	weigh(&all, NULL, NULL, NULL, 0, &s, 1);
	assert_int_equal(all.v.v[CAUSE_UPLOAD].verdict, CAUSE_UNKNOWN);
	causes_release(&all);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_cause_is_weighed_by_what_was_read),
	cmocka_unit_test(
	    without_a_reading_nothing_is_suspected_and_nothing_ruled_out),
	cmocka_unit_test(alarms_in_logs_speak_for_their_causes),
	cmocka_unit_test(a_login_that_was_mended_is_no_less_a_cause),
	cmocka_unit_test(only_roles_of_the_backups_speak_of_credentials),
	cmocka_unit_test(what_fills_a_disk_speaks_for_its_cause),
	cmocka_unit_test(sets_that_were_written_at_once_speak_of_overlap),
	cmocka_unit_test(a_file_that_is_not_as_it_was_sent_speaks_of_the_upload),
};

int
main(void)
{
	return cmocka_run_group_tests_name(program_invocation_short_name, tests,
	    begin, end);
}
