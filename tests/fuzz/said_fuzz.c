/*
 * Any bytes as what libpq says about a login that failed: a code has five
 * characters, a routine is a word, and words are a part of the message.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pg/intern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pg_said s = PG_SAID_INIT;
	char *message = xstrndup((const char *)data, size);
	size_t code;
	int sys = 0;

	pg_said_parse(&s, message);
	code = strlen(s.sqlstate);
	must(code == 0 || code == 5);
	must(code == 5 || (s.text.n == 0 && s.detail.n == 0));
	for (const char *p = s.routine; *p != '\0'; p++)
		must(isalnum((unsigned char)*p) || *p == '_');
	must(s.text.n + s.detail.n <= size);
	must(pg_no_of_said(&s, "u") < PG_NO_COUNT);
	must(pg_no_of_errno(message, &sys) < PG_NO_COUNT);
	must(strlen(pg_no_words(message)) <= size);
	pg_said_release(&s);
	free(message);
	return 0;
}
