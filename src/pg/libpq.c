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

TO(PQconninfoOption *, PQconninfoParse, (const char *conninfo,
    char **errmsg), (conninfo, errmsg))
VOID(PQconninfoFree, (PQconninfoOption *connOptions), (connOptions))
VOID(PQfreemem, (void *ptr), (ptr))

TO(PGconn *, PQconnectStartParams, (const char *const *keywords,
    const char *const *values, int expand_dbname),
    (keywords, values, expand_dbname))
TO(PostgresPollingStatusType, PQconnectPoll, (PGconn *conn), (conn))
/* how it reads a password file; tests ask it */
TO(char *, PQpass, (const PGconn *conn), (conn))
VOID(PQfinish, (PGconn *conn), (conn))
TO(ConnStatusType, PQstatus, (const PGconn *conn), (conn))
TO(char *, PQerrorMessage, (const PGconn *conn), (conn))
TO(int, PQsocket, (const PGconn *conn), (conn))
TO(int, PQbackendPID, (const PGconn *conn), (conn))
TO(int, PQserverVersion, (const PGconn *conn), (conn))
TO(int, PQsslInUse, (PGconn *conn), (conn))
TO(int, PQconnectionNeedsPassword, (const PGconn *conn), (conn))
TO(int, PQsetnonblocking, (PGconn *conn, int arg), (conn, arg))
TO(PGVerbosity, PQsetErrorVerbosity, (PGconn *conn, PGVerbosity verbosity),
    (conn, verbosity))
/* cppcheck-suppress CastIntegerToAddressAtReturn */
TO(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn *conn, PQnoticeReceiver proc,
    void *arg), (conn, proc, arg))

TO(int, PQsendQueryParams, (PGconn *conn, const char *command, int nParams,
    const Oid *paramTypes, const char *const *paramValues,
    const int *paramLengths, const int *paramFormats, int resultFormat),
    (conn, command, nParams, paramTypes, paramValues, paramLengths,
    paramFormats, resultFormat))
TO(int, PQflush, (PGconn *conn), (conn))
TO(int, PQconsumeInput, (PGconn *conn), (conn))
TO(int, PQisBusy, (PGconn *conn), (conn))
TO(PGresult *, PQgetResult, (PGconn *conn), (conn))
TO(PGnotify *, PQnotifies, (PGconn *conn), (conn))
TO(int, PQgetCopyData, (PGconn *conn, char **buffer, int async),
    (conn, buffer, async))
TO(int, PQputCopyEnd, (PGconn *conn, const char *errormsg), (conn, errormsg))
TO(PGcancel *, PQgetCancel, (PGconn *conn), (conn))
TO(int, PQcancel, (PGcancel *cancel, char *errbuf, int errbufsize),
    (cancel, errbuf, errbufsize))
VOID(PQfreeCancel, (PGcancel *cancel), (cancel))

TO(ExecStatusType, PQresultStatus, (const PGresult *res), (res))
TO(char *, PQresultErrorMessage, (const PGresult *res), (res))
TO(char *, PQresultErrorField, (const PGresult *res, int fieldcode),
    (res, fieldcode))
TO(int, PQntuples, (const PGresult *res), (res))
TO(int, PQnfields, (const PGresult *res), (res))
TO(int, PQgetisnull, (const PGresult *res, int tup_num, int field_num),
    (res, tup_num, field_num))
TO(char *, PQgetvalue, (const PGresult *res, int tup_num, int field_num),
    (res, tup_num, field_num))
TO(char *, PQcmdTuples, (PGresult *res), (res))
VOID(PQclear, (PGresult *res), (res))
