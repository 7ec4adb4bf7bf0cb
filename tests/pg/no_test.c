#include "tests/test.h"

#include <errno.h>

#include "pg/intern.h"

/* What libpq 15 wrote, with PQERRORS_VERBOSE, about servers of several
 * languages and ages. */
static const struct {
	const char *message, *code, *routine;
	enum pg_no no;
} rows[] = {
	{ "connection to server at \"h\" (1.2.3.4), port 5432 failed: FATAL:  "
	    "28P01: password authentication failed for user \"u\"\n"
	    "LOCATION:  auth_failed, auth.c:334\n",
	    "28P01", "auth_failed", PG_NO_PASSWORD },
	{ "Verbindung zum Server auf \xc2\xbbh\xc2\xab, Port 1 fehlgeschlagen: "
	    "FATAL:  28000: kein pg_hba.conf-Eintrag\n"
	    "ORT:  ClientAuthentication, auth.c:544\n",
	    "28000", "ClientAuthentication", PG_NO_HBA },
	{ "FATAL:  28000: role \"u\" does not exist\n"
	    "LOCATION:  InitializeSessionUserId, miscinit.c:768\n",
	    "28000", "InitializeSessionUserId", PG_NO_ROLE },
	{ "FATAL:  28000: role \"u\" is not permitted to log in\n"
	    "LOCATION:  InitializeSessionUserId, miscinit.c:821\n",
	    "28000", "InitializeSessionUserId", PG_NO_LOCKED },
	{ "FATAL:  28000: le r\xc3\xb4le \xc2\xab u \xc2\xbb n'existe pas\n"
	    "EMPLACEMENT : InitializeSessionUserId, miscinit.c\xc2\xa0: 768\n",
	    "28000", "InitializeSessionUserId", PG_NO_ROLE_OR_LOCKED },
	{ "FATAL:  28000: Rolle \xc2\xbbu\xc2\xab existiert nicht\n"
	    "ORT:  InitializeSessionUserId, miscinit.c:768\n",
	    "28000", "InitializeSessionUserId", PG_NO_ROLE_OR_LOCKED },
	{ "FATAL:  28000: Peer authentication failed for user \"u\"\n"
	    "LOCATION:  auth_failed, auth.c:334\n",
	    "28000", "auth_failed", PG_NO_AUTH },
	{ "FATAL:  28000: x\nLOCATION:  auth_failed, auth.c: 334\n",
	    "28000", "auth_failed", PG_NO_AUTH },	/* Greek */
	{ "FATAL:  57P03: the database system is starting up\n"
	    "LOCATION:  ProcessStartupPacket, postmaster.c:2403\n",
	    "57P03", "ProcessStartupPacket", PG_NO_STARTING },
	{ "FATAL:  57P03: the database system is shutting down\n",
	    "57P03", "", PG_NO_STOPPING },
	{ "FATAL:  57P03: das Datenbanksystem startet\n"
	    "ORT:  ProcessStartupPacket, postmaster.c:2403\n",
	    "57P03", "ProcessStartupPacket", PG_NO_NOT_NOW },
	{ "FATAL:  42501: permission denied for database \"d\"\n"
	    "DETAIL:  User does not have CONNECT privilege.\n"
	    "LOCATION:  CheckMyDatabase, postinit.c:363\n",
	    "42501", "CheckMyDatabase", PG_NO_NO_CONNECT },
	{ "FATAL:  42501: permission denied to set parameter \"x\"\n"
	    "LOCATION:  set_config_option_ext, guc.c:7850\n",
	    "42501", "set_config_option_ext", PG_NO_CLIENT },
	{ "FATAL:  08P01: unsupported startup parameter: options\n",
	    "08P01", "", PG_NO_OTHER },	/* a pooler */
	/* a name that plays the server */
	{ "FATAL:  28P01: password authentication failed for user \"x\n"
	    "FATAL:  3D000: y\nLOCATION:  ClientAuthentication, auth.c:1\n\"\n"
	    "LOCATION:  auth_failed, auth.c:334\n",
	    "28P01", "auth_failed", PG_NO_PASSWORD },
	{ "", "", "", PG_NO_OTHER },
	{ "FATAL:  28P0", "", "", PG_NO_OTHER },
	{ "FATAL:  28P01: ", "28P01", "", PG_NO_PASSWORD },
	{ "FATAL:  28p01: x", "", "", PG_NO_OTHER },
	{ "FATAL:  28P01: x\nL:  , a.c:1\nL:  a.c:1\na.c:1\n.c:1\n:  b, a.c:\n",
	    "28P01", "", PG_NO_PASSWORD },
};

static void
codes_and_routines_are_read_in_any_language(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pg_said s = PG_SAID_INIT;

		print_message("# row %zu\n", i);
		pg_said_parse(&s, rows[i].message);
		assert_string_equal(s.sqlstate, rows[i].code);
		assert_string_equal(s.routine, rows[i].routine);
		assert_int_equal(pg_no_of_said(&s, "u"), rows[i].no);
		pg_said_release(&s);
	}
}

static void
words_and_detail_are_kept_apart(void **state)
{
	struct pg_said s = PG_SAID_INIT;

	(void)state;
	pg_said_parse(&s, "FATAL:  42501: permission denied for \"a\nb\"\n"
	    "DETAIL:  User does not have it.\nHINT:  Ask.\n"
	    "LOCATION:  f, g.c:1\n");
	assert_string_equal(s.text.p, "permission denied for \"a\nb\"");
	assert_string_equal(s.detail.p, "User does not have it.");
	assert_string_equal(s.routine, "f");
	pg_said_release(&s);
}

static void
an_errno_is_read_out_of_a_message(void **state)
{
	int sys = 0;

	(void)state;
	assert_int_equal(pg_no_of_errno("... failed: Connection refused\n\tIs "
	    "the server running", &sys), PG_NO_REFUSED);
	assert_int_equal(sys, ECONNREFUSED);
	assert_int_equal(pg_no_of_errno("x: No route to host\n", &sys),
	    PG_NO_UNREACHABLE);
	assert_int_equal(pg_no_of_errno("user \"Connection refused\"\n", &sys),
	    PG_NO_NONE);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(codes_and_routines_are_read_in_any_language),
	cmocka_unit_test(words_and_detail_are_kept_apart),
	cmocka_unit_test(an_errno_is_read_out_of_a_message),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
