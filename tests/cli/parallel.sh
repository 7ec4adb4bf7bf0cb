#!/bin/sh
# A database dumped by several pg_dumps under one snapshot: what they write fits
# together, stock tools restore it, and a failure of one is a failure of all.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "a database is dumped in parallel" "${WHY:-there is no pg_restore}"
	finish
fi
if ! pg_start_cluster "$WORK/pg"; then
	skip "a database is dumped in parallel" "$WHY"
	finish
fi
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE again' -c 'CREATE DATABASE nothing' \
    -c "CREATE ROLE backup LOGIN BYPASSRLS" -c 'GRANT pg_read_all_data TO backup' \
    -c "ALTER ROLE backup SET statement_timeout = '900ms'" -c "ALTER ROLE backup SET idle_in_transaction_session_timeout = '300ms'" \
    -c "ALTER DATABASE otc SET idle_session_timeout = '300ms'"
psql_ "$WORK/pg" -d otc -f "$ROOT/tests/backup/odd.sql" >/dev/null
psql_ "$WORK/pg" -d otc >/dev/null <<'END'
CREATE TABLE big AS SELECT g, md5(g::text) AS m FROM generate_series(1, 40000) g;
CREATE TABLE owns (n serial PRIMARY KEY, id bigint GENERATED ALWAYS AS IDENTITY, t text);
INSERT INTO owns (t) SELECT repeat('x', g % 200) FROM generate_series(1, 8000) g;
CREATE TABLE "a.b" (x int); INSERT INTO "a.b" SELECT generate_series(1, 3000);
CREATE TABLE "a*" (x int); INSERT INTO "a*" SELECT generate_series(1, 2000);
CREATE TABLE "aa" (x int); INSERT INTO "aa" SELECT generate_series(1, 1000);
CREATE TABLE "-Fc" (x int); INSERT INTO "-Fc" SELECT generate_series(1, 4000);
CREATE TABLE "$a(b|c)?[d]\e" (x int); INSERT INTO "$a(b|c)?[d]\e" SELECT generate_series(1, 5000);
CREATE TABLE "Big" AS SELECT * FROM big LIMIT 20000;
CREATE TABLE child (n int REFERENCES owns);
INSERT INTO child SELECT g FROM generate_series(1, 5000) g;
DO $$ BEGIN FOR i IN 1..20 LOOP PERFORM lo_from_bytea(0, convert_to(repeat('large ' || i, 5000), 'UTF8')); END LOOP; END $$;
DO $$ DECLARE o oid; BEGIN FOR o IN SELECT oid FROM pg_largeobject_metadata LOOP EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO backup', o); END LOOP; END $$;
END
site()	# STORES...
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "UTC"; state = "state"; };
databases = ( { name = "otc"; host = "127.0.0.1"; port = $PG_PORT; user = "backup"; },
              { name = "nothing"; host = "127.0.0.1"; port = $PG_PORT; user = "backup"; } );
stores = ( { name = "local"; path = "local"; }, { name = "second"; path = "second"; } );
backup = { to = ( "local" ); also = ( "second" ); min_free = "1MB"; };
END
}
site

# Everything that a database holds, as one line of text a thing.
contents()	# DATABASE
{
	psql_ "$WORK/pg" -d "$1" -F '|' -A -t <<'END'
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM ONLY %I.%I t', n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema)' ORDER BY 1 \gexec
SELECT format('SELECT %L, last_value, is_called FROM %I.%I', n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' ORDER BY 1 \gexec
SELECT 'object', oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 2;
SELECT 'schema', md5(string_agg(x, chr(10) ORDER BY x)) FROM (
SELECT pg_get_constraintdef(oid) || conname FROM pg_constraint UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname !~ '^pg_' UNION ALL
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal UNION ALL SELECT polname::text FROM pg_policy) v(x);
END
}

expect_exit 2 "a number of streams that there is not is wrong usage" "$MIDWATCH" backup otc --jobs 0
expect_exit 0 "a database is saved by three streams" "$MIDWATCH" backup otc --jobs 3
echo "$OUT$ERR" | head -40; find local second | sort
set=$(find local -mindepth 2 -maxdepth 2 -name '2*Z')
cat "$set/manifest.json"; cat "$set/checksums.sha256"
expect_exit 0 "v" "$MIDWATCH" validate latest --restore
echo "$OUT$ERR"
finish
