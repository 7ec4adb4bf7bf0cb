/* The functions of libpq that this room uses, loaded with the first of them. */
#include "pg/intern.h"

#include "base/late.h"

static struct late lib = { .file = "libpq.so.5", .package = "libpq5" };

bool
pg_library(struct err *e)
{
	return late_load(&lib, e);
}

#define TO(type, name, params, args) LATE(&lib, type, name, params, args)
#define VOID(name, params, args) LATE_VOID(&lib, name, params, args)

TO(PQconninfoOption *, PQconninfoParse, (const char *text, char **why),
    (text, why))
VOID(PQconninfoFree, (PQconninfoOption *all), (all))
VOID(PQfreemem, (void *p), (p))

TO(PGconn *, PQconnectStartParams, (const char *const *keys,
    const char *const *values, int expand), (keys, values, expand))
TO(PostgresPollingStatusType, PQconnectPoll, (PGconn *c), (c))
/* how it reads a password file; tests ask it */
TO(char *, PQpass, (const PGconn *c), (c))
VOID(PQfinish, (PGconn *c), (c))
TO(ConnStatusType, PQstatus, (const PGconn *c), (c))
TO(char *, PQerrorMessage, (const PGconn *c), (c))
TO(int, PQsocket, (const PGconn *c), (c))
TO(int, PQbackendPID, (const PGconn *c), (c))
TO(int, PQserverVersion, (const PGconn *c), (c))
TO(int, PQsslInUse, (PGconn *c), (c))
TO(int, PQconnectionNeedsPassword, (const PGconn *c), (c))
TO(int, PQsetnonblocking, (PGconn *c, int on), (c, on))
TO(PGVerbosity, PQsetErrorVerbosity, (PGconn *c, PGVerbosity v), (c, v))
TO(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn *c, PQnoticeReceiver f_,
    void *arg), (c, f_, arg))

TO(int, PQsendQueryParams, (PGconn *c, const char *sql, int n,
    const Oid *types, const char *const *values, const int *lengths,
    const int *formats, int format),
    (c, sql, n, types, values, lengths, formats, format))
TO(int, PQflush, (PGconn *c), (c))
TO(int, PQconsumeInput, (PGconn *c), (c))
TO(int, PQisBusy, (PGconn *c), (c))
TO(PGresult *, PQgetResult, (PGconn *c), (c))
TO(PGnotify *, PQnotifies, (PGconn *c), (c))
TO(int, PQgetCopyData, (PGconn *c, char **line, int async), (c, line, async))
TO(int, PQputCopyEnd, (PGconn *c, const char *why), (c, why))
TO(PGcancel *, PQgetCancel, (PGconn *c), (c))
TO(int, PQcancel, (PGcancel *c, char *why, int size), (c, why, size))
VOID(PQfreeCancel, (PGcancel *c), (c))

TO(ExecStatusType, PQresultStatus, (const PGresult *r), (r))
TO(char *, PQresultErrorMessage, (const PGresult *r), (r))
TO(char *, PQresultErrorField, (const PGresult *r, int field), (r, field))
TO(int, PQntuples, (const PGresult *r), (r))
TO(int, PQnfields, (const PGresult *r), (r))
TO(int, PQgetisnull, (const PGresult *r, int row, int col), (r, row, col))
TO(char *, PQgetvalue, (const PGresult *r, int row, int col), (r, row, col))
TO(char *, PQcmdTuples, (PGresult *r), (r))
VOID(PQclear, (PGresult *r), (r))
