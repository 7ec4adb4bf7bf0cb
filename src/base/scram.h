/*
 * scram: new passwords, and what a server stores of them, made on this side so
 * that the password itself never travels in a statement.
 *
 *	char password[SCRAM_PASSWORD], verifier[SCRAM_VERIFIER];
 *	if (scram_password(password, &e) && scram_verifier(password, verifier, &e))
 *		ALTER ROLE backup PASSWORD 'verifier'
 *
 * SCRAM-SHA-256 as RFC 5802 and RFC 7677 have it, in PostgreSQL's form:
 * SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>. A server normalises
 * passwords first (SASLprep, RFC 4013), which leaves ASCII as it is: the ones made
 * here are ASCII, and of others it is only said that they match, never that
 * they do not.
 */
#ifndef BASE_SCRAM_H
#define BASE_SCRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	SCRAM_CHARS = 32,		/* of 64: 192 bits */
	SCRAM_PASSWORD = SCRAM_CHARS + 1,
	SCRAM_SALT = 16,
	SCRAM_ITERATIONS = 4096,	/* PostgreSQL's own */
	SCRAM_VERIFIER = 320,
	SCRAM_MD5 = 36,
};

/* Letters, digits, - and _, which need no quoting anywhere; a letter first. */
bool scram_password(char out[SCRAM_PASSWORD], struct err *e);
bool scram_verifier(const char *password, char out[SCRAM_VERIFIER],
    struct err *e);
/* With a salt and a count that are known, for the tests. */
bool scram_verifier_of(const char *password, const void *salt, size_t n,
    int iterations, char out[SCRAM_VERIFIER], struct err *e);
/* What servers before PostgreSQL 10 store: md5 of password and role. */
bool scram_md5(const char *password, const char *role, char out[SCRAM_MD5],
    struct err *e);

enum scram_kind { SCRAM_NONE, SCRAM_SHA256, SCRAM_MD5_KIND, SCRAM_STRANGE };
enum scram_kind scram_kind_of(const char *verifier);	/* NULL: none is set */

enum scram_match { SCRAM_NO, SCRAM_YES, SCRAM_UNKNOWN };
/* Is this password what that verifier was made of? Without asking anybody. */
enum scram_match scram_matches(const char *verifier, const char *role,
    const char *password);

#endif
