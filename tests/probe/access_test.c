#include "tests/probe/look.h"

#include <sys/time.h>

#include "probe/login.h"

extern const struct probe probe_access;

/* What a probe remembers ends with its process. */
static struct target access_;

static const char *
words(const struct login *l)
{
	static const char *const kinds[] = { "strange", "other", "failed",
	    "good", "caller" };
	static char text[300];

	snprintf(text, sizeof text, "%s %s %s", kinds[l->kind],
	    l->role[0] ? l->role : "-", l->address[0] ? l->address : "-");
	return text;
}

static void
lines_of_many_programs_are_understood(void **state)
{
	static const struct { const char *line, *want; } rows[] = {
		/* sshd */
		{ "Feb 14 02:00:00 db1 sshd[7]: Failed password for root from "
		    "10.9.9.9 port 4711 ssh2", "failed root 10.9.9.9" },
		{ "Feb 14 02:00:00 db1 sshd[7]: Failed password for invalid "
		    "user ad min from fe80::1 port 4711 ssh2",
		    "failed ad min fe80::1" },
		{ "x sshd-session[7]: Failed publickey for a from b from "
		    "10.0.0.1 port 1 ssh2: ED25519 SHA256:x",
		    "failed a from b 10.0.0.1" },
		{ "x sshd[7]: Accepted publickey for ops from 10.0.0.7 port 5 "
		    "ssh2", "good ops 10.0.0.7" },
		{ "x sshd[7]: Connection closed by authenticating user root "
		    "10.9.9.9 port 4711 [preauth]", "failed root 10.9.9.9" },
		{ "x sshd[7]: Connection closed by invalid user x y 10.9.9.9 "
		    "port 4711 [preauth]", "failed x y 10.9.9.9" },
		{ "x sshd[7]: error: maximum authentication attempts exceeded "
		    "for root from 10.9.9.9 port 4711 ssh2 [preauth]",
		    "failed root 10.9.9.9" },
		{ "x sshd[7]: Server listening on 0.0.0.0 port 22.",
		    "other - -" },
		{ "x sshd[7]: pam_unix(sshd:session): session opened for user "
		    "ops(uid=1000) by (uid=0)", "other - -" },
		/* PAM, sudo */
		{ "x vsftpd: pam_unix(vsftpd:auth): authentication failure; "
		    "logname= uid=0 euid=0 tty=ftp ruser=bob rhost=10.9.9.9  "
		    "user=bob", "failed bob 10.9.9.9" },
		{ "x sudo:     ama : 3 incorrect password attempts ; TTY=pts/0 "
		    "; PWD=/ ; USER=root", "failed ama -" },
		/* PostgreSQL */
		{ "2025-02-14 02:00:00 WAT [812] backup@arp FATAL:  password "
		    "authentication failed for user \"backup\"",
		    "failed backup -" },
		{ "2025-02-14 02:00:00 WAT [812] 10.0.0.7(5123) FATAL:  "
		    "password authentication failed for user \"backup\"",
		    "failed backup 10.0.0.7" },
		{ "x user=backup,db=arp,app=[unknown],client=10.0.0.7 FATAL:  "
		    "password authentication failed for user \"backup\"",
		    "failed backup 10.0.0.7" },
		{ "x FATAL:  no pg_hba.conf entry for host \"10.0.0.7\", user "
		    "\"backup\", database \"arp\", no encryption",
		    "failed backup 10.0.0.7" },
		{ "x FATAL:  role \"backup\" is not permitted to log in",
		    "failed backup -" },
		{ "x FATAL:  role \"backup\" does not exist",
		    "failed backup -" },
		{ "x [812] 28P01 FATAL:  Passwort-Authentifizierung f\xc3\xbcr "
		    "Benutzer \xc2\xbb" "backup\xc2\xab fehlgeschlagen",
		    "failed backup -" },
		{ "x FATAL:  Passwort-Authentifizierung f\xc3\xbcr Benutzer "
		    "\xc2\xbb" "backup\xc2\xab fehlgeschlagen",
		    "failed backup -" },
		{ "x FATAL:  database \"arp\" does not exist", "other - -" },
		{ "x [812] LOG:  connection received: host=10.0.0.7 port=5123",
		    "caller - 10.0.0.7" },
		{ "x [812] LOG:  connection authorized: user=backup "
		    "database=otc application_name=psql", "good backup -" },
		{ "2025-02-14 02:00:00.123 WAT,\"backup\",\"arp\",812,"
		    "\"10.0.0.7:5123\",67ae.32c,1,\"authentication\",2025-02-14 "
		    "02:00:00 WAT,3/2,0,FATAL,28P01,\"password authentication "
		    "failed for user \"\"backup\"\"\",,,,,,,,,\"\"",
		    "failed backup 10.0.0.7" },
		{ "{\"timestamp\":\"2025-02-14 02:00:00 WAT\",\"user\":"
		    "\"backup\",\"pid\":812,\"remote_host\":\"10.0.0.7\","
		    "\"error_severity\":\"FATAL\",\"state_code\":\"28P01\","
		    "\"message\":\"x\"}", "failed backup 10.0.0.7" },
		{ "x LOG:  checkpoint starting: time", "other - -" },
		/* audits of one's own making */
		{ "{\"time\":\"2025-02-14T02:00:00Z\",\"event\":\"login\","
		    "\"user\":\"ama\",\"ip\":\"10.0.0.8\",\"success\":false}",
		    "failed ama 10.0.0.8" },
		{ "{\"event\":\"login\",\"result\":\"success\",\"username\":"
		    "\"ama\",\"client_ip\":\"10.0.0.8:443\"}",
		    "good ama 10.0.0.8" },
		{ "2025-02-14T02:00:00Z action=login user=ama ip=10.0.0.8 "
		    "status=FAILED", "failed ama 10.0.0.8" },
		{ "2025-02-14T02:00:00Z login granted role=\"ama\" "
		    "addr=10.0.0.8", "good ama 10.0.0.8" },
		{ "[2025-02-14 02:00:00] Login failed for user 'ama' from "
		    "10.0.0.8", "failed ama 10.0.0.8" },
		{ "[ERROR] Unable to authenticate to ARP database",
		    "failed - -" },
		{ "[ERROR] Unable to connect to arp-db-prod: authentication "
		    "failed", "failed - -" },
		/* what is no login at all */
		{ "GET /index.html 200", "strange - -" },
		{ "the moon is full", "strange - -" }, { "", "strange - -" },
		{ "{\"a\":", "strange - -" }, { "{}", "other - -" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct login l;

		test_case(rows[i].line);
		login_read(rows[i].line, &l);
		assert_string_equal(words(&l), rows[i].want);
	}
}

static void
any_bytes_are_no_harm(void **state)
{
	static const char *const parts[] = { "sshd[", "]: Failed ", " for ",
	    " from ", " port ", "FATAL:  ", "user \"", "28P01", ",FATAL,",
	    "user=", "client=", "10.0.0.7", "\xc2\xbb", "\"", "=", " ", "[9]",
	    "{\"user\":\"", "\"}", "by invalid user ", "login failed", "\xff",
	    "connection authorized: ", "authentication failure; ", "::1", "," };
	unsigned seed = 4;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct buf b = BUF_INIT;
		struct login l;

		for (int k = rand_r(&seed) % 12; k >= 0; k--)
			buf_str(&b, parts[(size_t)rand_r(&seed) %
			    (sizeof parts / sizeof *parts)]);
		login_read(b.p, &l);
		assert_true(strlen(l.role) < LOGIN_NAME);
		assert_true(strlen(l.address) < LOGIN_NAME);
		buf_release(&b);
	}
}

/* ---- the reading -------------------------------------------------------------- */

static int
begin(void **state)
{
	(void)state;
	look_begin("Africa/Lagos",
	    "databases = ( { name = \"otc\"; host = \"otc-db\"; user = \"other\"; },\n  { name = \"arp\"; host = \"arp-db\"; "
	    "user = \"backup\"; legacy = true; },\n"
	    "  { name = \"gps\"; host = \"gps-db\"; user = \"backup\"; } );\n"
	    "logs = ( { name = \"access\"; path = \"audit.log\"; },\n"
	    "  { name = \"app\"; path = \"app.log\"; },\n"
	    "  { name = \"hosts\"; path = \"auth.log\"; } );\n", false);
	clock_fake(look_utc("2025-02-14T12:00:00.000Z"));
	access_ = look_target(&probe_access, "access");
	return 0;
}

static int
end(void **state)
{
	unlink(test_path("audit.log"));
	return look_end(state);
}

static void
add(const char *text)
{
	struct timeval tv[2] = { { clock_wall_ms() / 1000, 0 },
	    { clock_wall_ms() / 1000, 0 } };
	FILE *f = fopen(test_path("audit.log"), "ae");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	utimes(test_path("audit.log"), tv);
}

static void
logs_about_access_are_found_by_their_names(void **state)
{
	(void)state;
	assert_int_equal(probe_access.count(&look_site), 2);
	look_target(&probe_access, "hosts");
}

static void
failures_are_counted_by_role_and_address(void **state)
{
	const json_t *list;

	(void)state;
	look_at(&access_);
	look_says(LEVEL_OK, "is not there: nothing is known about logins");
	add("2025-02-14T11:58:00Z sshd[1]: Failed password for root from "
	    "10.9.9.9 port 1 ssh2\n"
	    "2025-02-14T11:58:01Z sshd[1]: Failed password for root from "
	    "10.9.9.9 port 1 ssh2\n"
	    "2025-02-14T11:58:02Z sshd[1]: Connection closed by "
	    "authenticating user root 10.9.9.9 port 1 [preauth]\n"
	    "2025-02-14T11:58:03Z sshd[2]: Connection closed by "
	    "authenticating user bob 10.9.9.8 port 2 [preauth]\n");
	look_at(&access_);
	look_says(LEVEL_OK, "3 failed logins in the last day, the most as root "
	    "from 10.9.9.9 (2)");
	assert_int_equal(look_int("failed_hour"), 3);
	list = json_object_get(look_got.data, "failures");
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_get_int(json_array_get(list, 0), "times", 0), 2);
	/* the role of the backups */
	add("2025-02-14 12:59:00 WAT [8] LOG:  connection received: "
	    "host=10.0.0.7 port=5\n"
	    "2025-02-14 12:59:00 WAT [8] FATAL:  password authentication "
	    "failed for user \"backup\"\n");
	look_at(&access_);
	look_says(LEVEL_WARNING, "backup, a role of the backups, was refused 1 "
	    "time in the last hour, from 10.0.0.7");
	assert_string_equal(look_got.next, "midwatch recover arp --plan (or of "
	    "the one that refuses it: gps logs in as backup too)");
	for (int i = 0; i < 4; i++)
		add("2025-02-14 12:59:30 WAT [8] FATAL:  password "
		    "authentication failed for user \"backup\"\n");
	look_at(&access_);
	look_says(LEVEL_CRITICAL, "was refused 5 times in the last hour");
	/* it passes */
	clock_fake(look_utc("2025-02-14T13:10:00.000Z"));
	look_at(&access_);
	look_says(LEVEL_OK, "8 failed logins in the last day");
	clock_fake(look_utc("2025-02-15T13:10:00.000Z"));
	look_at(&access_);
	look_says(LEVEL_OK, "no failed login in the last day");
}

static void
guessing_is_noticed(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		char text[200];

		snprintf(text, sizeof text, "2025-02-14T11:%02d:00Z sshd[1]: "
		    "Failed password for invalid user u%d from 10.9.9.9 port "
		    "%d ssh2\n", i + 20, i, i + 1);
		add(text);
	}
	look_at(&access_);
	look_says(LEVEL_WARNING, "30 failed logins in the last hour, 30 of "
	    "them from 10.9.9.9");
}

/* Ops logs in every day at nine, site time, for two weeks. */
static void
usual_days(void)
{
	for (int i = 0; i < 28; i++) {
		char at[32], text[200];

		clock_fmt_utc(at, look_utc("2025-01-31T08:00:00.000Z") +
		    i / 2 * 86400000LL + i % 2 * 600000);
		snprintf(text, sizeof text, "%s sshd[1]: Accepted publickey "
		    "for ops from 10.0.0.7 port 5 ssh2\n", at);
		add(text);
	}
}

static void
a_new_address_and_an_odd_hour_stand_out(void **state)
{
	(void)state;
	usual_days();
	look_at(&access_);
	look_says(LEVEL_OK, "no failed login");
	assert_int_equal(json_array_size(json_object_get(look_got.data,
	    "new_addresses")), 0);
	assert_null(json_object_get(look_got.data, "cannot_tell"));
	add("2025-02-14T08:20:00Z sshd[1]: Accepted publickey for ops from "
	    "10.66.6.6 port 5 ssh2\n");
	look_at(&access_);
	look_says(LEVEL_WARNING, "ops logged in from 10.66.6.6 at 2025-02-14 "
	    "09:20, an address that was not seen before");
	assert_int_equal(json_array_size(json_object_get(look_got.data,
	    "odd_hours")), 0);
	add("2025-02-14T01:20:00Z sshd[1]: Accepted publickey for ops from "
	    "10.0.0.7 port 5 ssh2\n");
	look_at(&access_);
	look_says(LEVEL_WARNING, "ops logged in at 2025-02-14 02:20, an hour "
	    "at which they never do");
	/* from there again: known by now */
	clock_fake(look_utc("2025-02-15T12:00:00.000Z"));
	add("2025-02-15T08:20:00Z sshd[1]: Accepted publickey for ops from "
	    "10.66.6.6 port 5 ssh2\n");
	look_at(&access_);
	look_says(LEVEL_OK, "no failed login");
}

static void
an_attack_does_not_make_the_usual_forgotten(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	usual_days();
	look_at(&access_);
	for (int i = 0; i < 2500; i++)
		buf_printf(&b, "2025-02-14T11:59:00Z sshd[1]: Failed password "
		    "for root from 10.9.%d.%d port 1 ssh2\n", i / 200, i % 200);
	add(b.p);
	add("2025-02-14T11:59:30Z sshd[1]: Accepted publickey for ops from "
	    "10.66.6.6 port 5 ssh2\n");
	look_at(&access_);
	look_says(LEVEL_WARNING, "ops logged in from 10.66.6.6");
	look_says(LEVEL_WARNING, "2048 failed logins in the last hour");
	buf_release(&b);
}

static void
what_cannot_be_told_is_said(void **state)
{
	(void)state;
	add("Feb 14 12:59:00 [ERROR] Unable to authenticate to ARP database\n");
	look_at(&access_);
	look_says(LEVEL_OK, "1 failed login in the last day, the most as nobody "
	    "from nowhere");
	assert_string_equal(look_str("cannot_tell"), "some failures say no "
	    "role; some failures say no address; too little is known to call "
	    "an address new or an hour odd");
	unlink(test_path("audit.log"));
	access_ = look_target(&probe_access, "access");
	for (int i = 0; i < 9; i++)
		add("d41d8cd9 8f00b204 e9800998 ecf8427e\n");
	look_at(&access_);
	look_says(LEVEL_UNKNOWN, "cannot tell who logs in: none of its 9 lines "
	    "has a form that is known here");
	assert_non_null(look_got.next);
}

static void
hostile_names_come_out_clean(void **state)
{
	unsigned seed = 8;

	(void)state;
	add("2025-02-14T11:59:00Z sshd[1]: Failed password for \x1b[2J"
	    "\xe2\x80\xae\xff\x9b" "31m from 10.9.9.9 port 1 ssh2\n");
	for (int i = 0; i < 2000; i++) {
		char text[160];
		int n = snprintf(text, sizeof text, "2025-02-14T11:59:00Z "
		    "sshd[1]: Failed password for ");

		for (int k = 0; k < 30; k++)
			text[n++] = (char)(1 + rand_r(&seed) % 255);
		snprintf(text + n, sizeof text - (size_t)n,
		    " from \x1b]0;x\a port 1 ssh2\n");
		add(text);
	}
	look_at(&access_);
	look_is_clean();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_of_many_programs_are_understood),
	cmocka_unit_test(any_bytes_are_no_harm),
	TEST(logs_about_access_are_found_by_their_names),
	TEST(failures_are_counted_by_role_and_address),
	TEST(guessing_is_noticed),
	TEST(a_new_address_and_an_odd_hour_stand_out),
	TEST(an_attack_does_not_make_the_usual_forgotten),
	TEST(what_cannot_be_told_is_said),
	TEST(hostile_names_come_out_clean),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
