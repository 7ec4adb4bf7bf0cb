#include "base/hide.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* What is to be blotted out: [from, to), a quote at its beginning stays. */
struct span {
	const char *from, *to;
};

enum { BEARER_LEAST = 8, MD5_VERIFIER = 35 };

static bool
is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is(const char *from, const char *end, const char *word)
{
	return (size_t)(end - from) == strlen(word) &&
	    strncasecmp(from, word, strlen(word)) == 0;
}

/* Also POSTGRES_PASSWORD, db-token. */
static bool
is_secret_word(const char *from, const char *end)
{
	static const char *const tails[] = { "password", "passwd", "passwort",
		"secret", "token", "passphrase", "api_key", "api-key", "apikey",
		"access_key", "access-key", "accesskey", "private_key",
		"private-key", "authorization", "credential", "credentials",
		"pwd", "_pass", "-pass", "dbpass" };
	size_t n = (size_t)(end - from);

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		size_t len = strlen(tails[i]);

		if (n >= len && strncasecmp(end - len, tails[i], len) == 0)
			return true;
	}
	return is(from, end, "pass");
}

/* Where a value ends; quotes count. */
static const char *
value_end(const char *s, const char *end)
{
	char quote = *s == '"' || *s == '\'' ? *s : '\0';

	if (quote != '\0') {
		for (s++; s < end && *s != quote && *s != '\n'; s++)
			if (*s == '\\' && s + 1 < end)
				s++;
		return s;
	}
	while (s < end && !isspace((unsigned char)*s) &&
	    strchr(",;&|)}\"'", *s) == NULL)
		s++;
	return s;
}

static bool
value(const char *from, const char *end, struct span *ret)
{
	*ret = (struct span){ from, from < end ? value_end(from, end) : end };
	return ret->to > from;
}

/* s is behind a word: " 'x'", as statements have it, or " E'x'". */
static bool
quoted_value(const char *s, const char *end, struct span *ret)
{
	const char *from = s;

	while (s < end && is_blank(*s))
		s++;
	if (s == from)
		return false;
	if (end - s > 1 && (*s == 'E' || *s == 'e') && s[1] == '\'')
		s++;
	return s < end && *s == '\'' && value(s, end, ret);
}

/* "Authorization: Bearer x": the first word is how it is meant. */
static const char *
behind_scheme(const char *s, const char *end)
{
	static const char *const words[] = { "bearer ", "basic ", "token " };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(end - s) > n && strncasecmp(s, words[i], n) == 0)
			return s + n;
	}
	return s;
}

/* s is behind a secret's word: "=x", ": x", " 'x'". */
static bool
named_value(const char *s, const char *end, struct span *ret)
{
	const char *behind = s;

	if (s < end && (*s == '"' || *s == '\''))
		s++;			/* "password": */
	while (s < end && is_blank(*s))
		s++;
	if (s == end || (*s != '=' && *s != ':'))
		return quoted_value(behind, end, ret);
	for (s++; s < end && is_blank(*s);)
		s++;
	return s < end && *s != '\n' && value(behind_scheme(s, end), end, ret);
}

/* "--password x"; and "-u name:x", as curl has it. */
static bool
option_value(const char *word, const char *s, const char *end,
    struct span *ret)
{
	bool user = is(word, s, "-u") || is(word, s, "--user");
	const char *colon;

	if (*word != '-' || end - s < 2 || *s != ' ' || s[1] == '-' ||
	    isspace((unsigned char)s[1]) || !value(s + 1, end, ret))
		return false;
	if (!user)
		return (s - word < 5 || strncmp(word, "--no-", 5) != 0) &&
		    word[1] == '-' && is_secret_word(word, s);
	colon = memchr(ret->from, ':', (size_t)(ret->to - ret->from));
	ret->from = colon != NULL ? colon + 1 : ret->to;
	return ret->to > ret->from;
}

/* What a server stores of a password. */
static bool
verifier(const char *word, const char *s, const char *end, struct span *ret)
{
	if (is(word, s, "SCRAM-SHA-256") && s < end && *s == '$')
		return value(s + 1, end, ret);
	if (s - word != MD5_VERIFIER || strncmp(word, "md5", 3) != 0)
		return false;
	*ret = (struct span){ word + 3, s };
	for (const char *c = word + 3; c < s; c++)
		if (!isxdigit((unsigned char)*c))
			return false;
	return true;
}

/* [word, s) was read; before: the word before it. */
static bool
by_word(const char *before, const char *before_end, const char *word,
    const char *s, const char *end, struct span *ret)
{
	if (verifier(word, s, end, ret) || option_value(word, s, end, ret))
		return true;
	if (is_secret_word(word, s))
		return named_value(s, end, ret);
	if (is(word, s, "by") && before != NULL &&
	    is(before, before_end, "identified"))
		return quoted_value(s, end, ret);
	return is(word, s, "bearer") && s < end && *s == ' ' &&
	    value(s + 1, end, ret) && ret->to - ret->from >= BEARER_LEAST;
}

/* "//user:secret@host" behind the colon of the scheme; of an address that is a key
 * itself, what stands behind its host. */
static bool
by_address(const char *s, const char *end, struct span *ret)
{
	const char *colon = NULL, *host;

	if (end - s < 3 || s[0] != '/' || s[1] != '/')
		return false;
	host = s + 2;
	for (s = host; s < end && !isspace((unsigned char)*s) && *s != '/';
	    s++) {
		if (*s == ':' && colon == NULL)
			colon = s;
		if (*s == '@' && colon != NULL) {
			*ret = (struct span){ colon + 1, s };
			return true;
		}
	}
	return s < end && *s == '/' && s - host > 6 &&
	    (strncasecmp(host, "hooks.", 6) == 0 ||
	    strncasecmp(host, "webhook", 7) == 0) && value(s + 1, end, ret);
}

/* A line of a password file: host:port:database:user:x. Neither times nor
 * addresses have such names in them. */
static bool
by_passline(const char *s, const char *end, struct span *ret)
{
	const char *field[5] = { s }, *colon = s;
	bool name = false;

	for (int i = 1; i < 5; i++) {
		while (colon < end && *colon != ':' &&
		    !isspace((unsigned char)*colon))
			colon++;
		if (colon == end || *colon != ':' || colon == field[i - 1])
			return false;
		field[i] = ++colon;
	}
	for (const char *c = field[1]; c < field[2] - 1; c++)
		if (!isdigit((unsigned char)*c) && *c != '*')
			return false;
	for (const char *c = field[3]; c < field[4] - 1; c++)
		name = name || (isalpha((unsigned char)*c) &&
		    !isxdigit((unsigned char)*c));
	for (colon = field[4]; colon < end && !isspace((unsigned char)*colon);)
		colon++;
	*ret = (struct span){ field[4], colon };
	return name && ret->to > ret->from;
}

size_t
hide_secrets(struct buf *out, const char *p, size_t n)
{
	const char *end = p + n, *before = NULL, *before_end = NULL;
	struct span x = { p, p };
	size_t masked = 0;

	for (const char *s = p; s < end;) {
		const char *word = s;
		bool found = (s == p || isspace((unsigned char)s[-1])) &&
		    by_passline(s, end, &x);

		if (!found && is_word_char(*s)) {
			while (s < end && is_word_char(*s))
				s++;
			found = by_word(before, before_end, word, s, end, &x);
			before = word;
			before_end = s;
		} else if (!found)
			found = *s++ == ':' && by_address(s, end, &x);
		if (!found) {
			buf_add(out, word, (size_t)(s - word));
			continue;
		}
		buf_add(out, word, (size_t)(x.from - word));
		if (*x.from == '"' || *x.from == '\'')
			buf_ch(out, *x.from);
		buf_str(out, "***");
		masked++;
		s = x.to;
	}
	return masked;
}
