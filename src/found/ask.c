/* What a server says about itself and its databases. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "found/intern.h"

/* Names may hold anything: they come as hex digits. */
#define HEX(x)								\
	"encode(convert_to(" x ", CASE getdatabaseencoding() WHEN "	\
	"'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END), 'hex')"

const char *const found_sql[] = {
	"SELECT 'S', " HEX("current_setting('server_version')") ", "
	    HEX("pg_postmaster_start_time()::text") ", "
	    HEX("coalesce((SELECT setting FROM pg_settings "
	    "WHERE name = 'data_directory'), '')") ", "
	    HEX("current_user::text") ", pg_is_in_recovery(), "
	    "current_setting('port')",
	"SELECT 'D', " HEX("datname::text") ", datallowconn "
	    "FROM pg_database WHERE NOT datistemplate ORDER BY oid",
	/* last, because it may be slow: the answers so far are there */
	"SELECT 'Z', " HEX("datname::text") ", pg_database_size(oid) "
	    "FROM pg_database WHERE NOT datistemplate AND "
	    "has_database_privilege(oid, 'CONNECT')",
	NULL
};
const char found_pgoptions[] = "-c statement_timeout=2500 "
    "-c default_transaction_read_only=on";

static int
digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *
unhex(struct found *f, const char *s)
{
	struct buf b = BUF_INIT;
	const char *text;

	for (; digit(s[0]) >= 0 && digit(s[1]) >= 0; s += 2)
		buf_ch(&b, (char)(digit(s[0]) * 16 + digit(s[1])));
	text = pool_str(&f->pool, b.p);
	buf_release(&b);
	return text;
}

static struct found_thing *
database(struct found *f, size_t from, const char *name)
{
	for (size_t i = from; i < f->things.n; i++)
		if (f->things.v[i].kind == FOUND_DATABASE &&
		    strcmp(f->things.v[i].name, name) == 0)
			return &f->things.v[i];
	return NULL;
}

bool
found_databases(struct found *f, char *psql_said,
    const struct found_thing *like, struct found_server *ret)
{
	size_t from = f->things.n;
	bool answered = false;
	char *line;

	while ((line = found_line(&psql_said)) != NULL) {
		char *v[8] = { NULL }, *word;
		struct found_thing *t;
		size_t n = 0;

		while (n < 7 && (word = strsep(&line, "|")) != NULL)
			v[n++] = word;
		if (n == 7 && strcmp(v[0], "S") == 0) {
			ret->version = unhex(f, v[1]);
			ret->started = unhex(f, v[2]);
			ret->data = unhex(f, v[3]);
			ret->role = unhex(f, v[4]);
			ret->standby = strcmp(v[5], "t") == 0;
			(void)text_int(v[6], 1, 65535, &ret->port);
			answered = true;
		} else if (n == 3 && strcmp(v[0], "D") == 0) {
			t = found_add(f, FOUND_DATABASE);
			*t = *like;
			t->kind = FOUND_DATABASE;
			t->name = unhex(f, v[1]);
			t->ok = strcmp(v[2], "t") == 0;
			t->size = -1;
		} else if (n == 3 && strcmp(v[0], "Z") == 0) {
			t = database(f, from, unhex(f, v[1]));
			if (t != NULL)
				(void)text_int(v[2], 0, INT64_MAX, &t->size);
		}
	}
	return answered;
}
