#include "pg/pg.h"

#include <string.h>

#include "base/text.h"

/*
 * Quotes by bytes. What is not UTF-8 becomes a sequence that no server takes
 * for a character, so that it refuses the statement: a stray first byte must
 * not swallow the quote behind it in whatever reads this next.
 */
static void
quoted(struct buf *out, const char *s, char quote, bool backslashes)
{
	size_t n = strlen(s);
	uint32_t cp;

	buf_ch(out, quote);
	for (size_t i = 0; i < n;) {
		size_t len = text_utf8_len(s + i, n - i, &cp);

		if (len == 0) {
			buf_str(out, "\xc0 ");
			i++;
			continue;
		}
		if (s[i] == quote || (backslashes && s[i] == '\\'))
			buf_ch(out, s[i]);
		buf_add(out, s + i, len);
		i += len;
	}
	buf_ch(out, quote);
}

void
pg_ident(struct buf *out, const char *s)
{
	quoted(out, s, '"', false);
}

/* With a backslash in it the meaning would hang on a setting of the server. */
void
pg_literal(struct buf *out, const char *s)
{
	bool backslashes = strchr(s, '\\') != NULL;

	if (backslashes)
		buf_ch(out, 'E');
	quoted(out, s, '\'', backslashes);
}
