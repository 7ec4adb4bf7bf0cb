/*
 * way: into a database for a backup: its own login, from here or from where
 * pg_dump will run, or the superuser way of the site when that one is broken.
 *
 *	struct way w = WAY_INIT;
 *	if (way_open(&w, site, db, WAY_LOGIN, deadline, &e) ||
 *	    way_open(&w, site, db, WAY_SUPERUSER, deadline, &e))
 *		json = way_ask(&w, "SELECT json_build_object(...)", end, &e);
 *	way_close(&w);
 *
 * A question is one statement that gives one JSON value: psql at a place and libpq
 * here answer it alike. Everything it asks is read-only and has a deadline.
 */
#ifndef BACKUP_WAY_H
#define BACKUP_WAY_H

#include "base/json.h"
#include "pg/pg.h"
#include "place/place.h"
#include "place/tunnel.h"
#include "site/spec.h"

enum way_kind { WAY_LOGIN, WAY_SUPERUSER };

struct way {
	const struct site *site;
	const struct site_db *db;
	enum way_kind kind;
	/* As the server is seen from where the dump runs. */
	const char *host, *user;	/* host NULL: the socket there */
	int64_t port;
	struct site_spec spec;
	const struct place_spec *at;	/* where the dump runs; NULL: here */
	struct place *place;		/* the same, open */
	struct place_tunnel *tunnel;	/* here only */
	struct pg *pg;			/* here only: stays open */
	struct buf password;		/* none: empty; zeroed by way_close() */
	enum pg_no no;			/* why libpq was not let in */
};
#define WAY_INIT { .kind = WAY_LOGIN }

/* False also when the site has no such way (ERR_NOTFOUND). */
bool way_open(struct way *w, const struct site *site, const struct site_db *db,
    enum way_kind kind, int64_t deadline_ms, struct err *e);
json_t *way_ask(struct way *w, const char *sql, int64_t deadline_ms,
    struct err *e);
void way_close(struct way *w);
/* "the superuser way (postgres at arp-box)", "the login backup" */
void way_say(const struct way *w, struct buf *out);

/* One more `key='value'` of a connection string, whatever bytes are in it. */
void conninfo_put(struct buf *out, const char *key, const char *value);
/* All of it, with settings for the server ("-c name=value ..."). A host that is
 * behind a tunnel is named and reached by the tunnel's port. */
void way_conninfo(const struct way *w, const char *options, struct buf *out);
/* The line of a password file for exactly this; empty: there is none. */
void way_secret(const struct way *w, struct buf *out);

#endif
