#include "pg/conninfo.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/intern.h"

static bool
take(const char *key, const char *value, struct pool *pool,
    struct pg_spec *ret, struct err *e)
{
	const struct {
		const char *key, **to;
	} words[] = {
		{ "host", &ret->host }, { "dbname", &ret->dbname },
		{ "user", &ret->user }, { "passfile", &ret->passfile },
		{ "sslmode", &ret->sslmode },
		{ "sslrootcert", &ret->sslrootcert },
	};
	int64_t port;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(key, words[i].key) == 0) {
			*words[i].to = pool_str(pool, value);
			return true;
		}
	if (strcmp(key, "port") == 0) {
		if (!text_int(value, 1, 65535, &port))
			return err_set(e, ERR_USAGE, "'%s' is no port", value);
		ret->port = (int)port;
		return true;
	}
	if (strcmp(key, "password") == 0) {
		err_set(e, ERR_USAGE, "a password does not belong into a "
		    "connection string");
		return err_hint(e, "Put it into a password file and name that "
		    "with passfile=FILE (~/.pgpass is read anyway).");
	}
	return err_set(e, ERR_USAGE, "'%s' in a connection string is not "
	    "understood here", key);
}

bool
pg_conninfo_parse(const char *text, struct pool *pool, struct pg_spec *ret,
    struct err *e)
{
	char *why = NULL;
	PQconninfoOption *all;
	bool ok = true;

	*ret = (struct pg_spec){ 0 };
	if (!pg_library(e))
		return false;
	all = PQconninfoParse(text, &why);
	if (all == NULL) {
		char clean[300];

		text_clean_into(clean, sizeof clean, why != NULL ? why :
		    "out of memory");
		clean[strcspn(clean, "\n\\")] = '\0';
		PQfreemem(why);
		return err_set(e, ERR_USAGE, "this is no connection string: "
		    "%s", clean);
	}
	for (const PQconninfoOption *o = all; ok && o->keyword != NULL; o++)
		if (o->val != NULL && o->val[0] != '\0')
			ok = take(o->keyword, o->val, pool, ret, e);
	PQconninfoFree(all);
	if (ok && ret->dbname == NULL)
		ok = err_set(e, ERR_USAGE, "the connection string names no "
		    "database (dbname=)");
	ret->name = ret->dbname;
	return ok;
}

static void
put(struct buf *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, "%s%s='", out->n > 0 ? " " : "", key);
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			buf_ch(out, '\\');
		buf_ch(out, *value);
	}
	buf_ch(out, '\'');
}

void
pg_conninfo_write(const struct pg_spec *spec, struct buf *out)
{
	const char *home = getenv("HOME");
	char *passfile = home != NULL ? xprintf("%s/.pgpass", home) : NULL;

	put(out, "dbname", spec->dbname);
	put(out, "host", spec->host);
	put(out, "hostaddr", spec->hostaddr);
	if (spec->hostaddr != NULL && spec->tunnel_port != 0)
		buf_printf(out, " port=%d", spec->tunnel_port);
	else if (spec->port != 0)
		buf_printf(out, " port=%d", spec->port);
	put(out, "user", spec->user);
	put(out, "passfile", spec->passfile != NULL ? spec->passfile :
	    passfile);
	put(out, "sslmode", spec->sslmode);
	put(out, "sslrootcert", spec->sslrootcert);
	put(out, "options", spec->options);
	free(passfile);
}
