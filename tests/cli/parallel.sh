#!/bin/sh
# A database dumped by several pg_dumps under one snapshot: what they write fits
# together, stock tools restore it, and where one fails one stream does it all again.
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
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE again' -c 'CREATE DATABASE stock' -c 'CREATE DATABASE nothing' \
    -c 'CREATE ROLE owner_1' -c 'CREATE ROLE "owner two"' -c 'CREATE ROLE backup LOGIN BYPASSRLS' -c 'GRANT pg_read_all_data TO backup' \
    -c "ALTER ROLE backup SET statement_timeout = '900ms'" -c "ALTER ROLE backup SET idle_in_transaction_session_timeout = '300ms'" \
    -c "ALTER DATABASE otc SET idle_session_timeout = '300ms'"
psql_ "$WORK/pg" -d otc -v ON_ERROR_STOP=1 -f "$ROOT/tests/backup/odd.sql" >/dev/null || not_ok "an odd database can be made"
psql_ "$WORK/pg" -d otc -v ON_ERROR_STOP=1 >/dev/null <<'END' || not_ok "and filled"
CREATE TABLE big AS SELECT g, md5(g::text) AS m FROM generate_series(1, 40000) g;
CREATE TABLE owns (n serial PRIMARY KEY, id bigint GENERATED ALWAYS AS IDENTITY, t text);
INSERT INTO owns (t) SELECT repeat('x', g % 200) FROM generate_series(1, 8000) g;
CREATE TABLE "a.b" (x int); INSERT INTO "a.b" SELECT generate_series(1, 3000);
CREATE TABLE "a*" (x int); INSERT INTO "a*" SELECT generate_series(1, 2000);
CREATE TABLE "aa" (x int); INSERT INTO "aa" SELECT generate_series(1, 1000);
CREATE TABLE "--table=aa" (x int); INSERT INTO "--table=aa" SELECT generate_series(1, 4000);
CREATE TABLE "$a(b|c)?[d]\e" (x int); INSERT INTO "$a(b|c)?[d]\e" SELECT generate_series(1, 5000);
CREATE TABLE "Big" AS SELECT * FROM big LIMIT 20000;
CREATE TABLE kid (n int REFERENCES owns);
INSERT INTO kid SELECT g FROM generate_series(1, 5000) g;
CREATE EXTENSION IF NOT EXISTS plpgsql;
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
expect_exit 2 "nor is a word a number" "$MIDWATCH" backup otc --jobs many
expect_exit 0 "a database that is small is one stream unless it is asked for more" "$MIDWATCH" backup otc
check "in one file" contains "$OUT" "otc.dump.gz (verified)"
rm -rf local second

sets() { find "$1" -mindepth 2 -maxdepth 2 -name '2*' 2>/dev/null; }

# --- several streams -----------------------------------------------------------------
expect_exit 0 "a database is saved by three streams" "$MIDWATCH" backup otc --jobs 3
check "the line that people know names its folder" contains "$OUT" "/otc/ (verified)"
set=$(sets local)
check "the order of the names is that of restoring" \
    [ "$(cd "$set/otc" && echo *.gz)" = "000-pre-data.dump.gz 001-data.dump.gz 002-data.dump.gz 003-data.dump.gz 999-post-data.dump.gz" ]
check "stock tools check it" sh -c 'cd "$1" && sha256sum -c --quiet checksums.sha256' sh "$set"
check "the manifest names the snapshot" grep -q '"dir":"otc",.*"snapshot":"[0-9A-F-]*"' "$set/manifest.json"
copies() { for f in "$set"/otc/*.gz; do gunzip -c "$f" | pg_restore --list; done | grep -c "$1"; }
check "each table is in one archive" sh -c '[ "$(echo "$1" | sort | uniq -d)" = "" ]' sh \
    "$(for f in "$set"/otc/*.gz; do gunzip -c "$f" | pg_restore --list | grep 'TABLE DATA' | cut -d' ' -f4-; done)"
check "the large objects too" [ "$(copies ' BLOBS ')" = 1 ]
check "and what a sequence is at" sh -c '[ "$(echo "$1" | sort | uniq -d)" = "" ]' sh \
    "$(for f in "$set"/otc/*.gz; do gunzip -c "$f" | pg_restore --list | grep 'SEQUENCE SET' | cut -d' ' -f4-; done)"
shares=$(cd "$set/otc" && for f in *-data.dump.gz; do case $f in 00[123]*) gunzip -c "$f" | wc -c;; esac; done | sort -n | tr '\n' ' ')
check "nobody has nothing to do ($shares)" [ "${shares%% *}" -gt 100000 ]

for f in "$set"/otc/*.dump.gz; do
	gunzip -c "$f" | pg_restore -h "$WORK/pg" -p "$PG_PORT" -U "$PG_SUPER" -d stock --exit-on-error || not_ok "stock pg_restore takes ${f##*/}"
done
contents otc >was
check "what is compared is not nothing" [ "$(wc -l <was)" -ge 50 ]
contents stock >is
check "restored by stock tools, everything is there" cmp was is
run_ "$MIDWATCH" validate "$(basename "$set")" --db otc --restore
check "it is proven restorable" contains "$OUT" "restorable, "
check "on both stores" [ "$(find local second -name 'proof-*-restorable.json' | wc -l)" = 2 ]
into="host=$WORK/pg port=$PG_PORT user=$PG_SUPER dbname=again"
expect_exit 0 "midwatch restores it" "$MIDWATCH" restore "$(basename "$set")" otc --into "$into" --confirm again
contents again >is
check "and everything is there" cmp was is
psql_ "$WORK/pg" -d again -c 'DELETE FROM kid' -c 'CREATE INDEX ON big (m)' >/dev/null
expect_exit 0 "also over what is there" "$MIDWATCH" restore "$(basename "$set")" otc --into "$into" --confirm again --over
contents again >is
check "and it is as it was" cmp was is

# --- nothing, and too little --------------------------------------------------------------
expect_exit 0 "a database without any table is saved by two streams" "$MIDWATCH" backup nothing --jobs 2
run_ "$MIDWATCH" validate latest --db nothing --restore
check "and can be restored" contains "$OUT" "restorable, 0 tables"

# --- the snapshot ---------------------------------------------------------------------------
# A writer goes on: each transaction adds as much to one table as to the other.
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE left_side (v int); CREATE TABLE right_side (v int)' >/dev/null
psql_ "$WORK/pg" -d otc -c 'INSERT INTO left_side SELECT 1 FROM generate_series(1, 30000)' -c 'INSERT INTO right_side SELECT 1 FROM generate_series(1, 30000)' >/dev/null
(
	while [ ! -e stop ]; do
		psql_ "$WORK/pg" -d otc -c 'BEGIN; INSERT INTO left_side VALUES (1); INSERT INTO right_side VALUES (1); COMMIT' >/dev/null
	done
) &
writer=$!
rm -rf local second
expect_exit 0 "it is saved while others write" "$MIDWATCH" backup otc --jobs 4
: >stop
wait "$writer"
sides=$(for f in local/manual/2*Z/otc/*.dump.gz; do gunzip -c "$f" | pg_restore --data-only -t left_side -t right_side -f -; done | grep -c '^1$')
check "and what came is of one moment ($sides)" [ "$sides" -ge 60000 ]
check "with as much of one table as of the other" [ $((sides % 2)) = 0 ]

# --- one fails, and one stream does it again ----------------------------------------------------
mkdir bin
cat >bin/pg_dump <<'END'
#!/bin/sh
real=/usr/lib/postgresql/15/bin/pg_dump
case $* in
*--version*) exec $real --version;;
*section=data*) if [ -n "$HOLD_AT" ]; then
		$real "$@" >held.$$ && head -c 30000 held.$$ && : >half.$$
		while [ ! -e on ]; do sleep 0.1; done
		exit 1
	fi ;;
*section=*) ;;
*) [ -z "$ONE_FAILS" ] || exit 4 ;;
esac
case $* in
*"$FAKE_AT"*) echo "broken by the test" >&2; $real "$@" | head -c 30000; exit 3;;
esac
exec $real "$@"
END
chmod +x bin/pg_dump
rm -rf local second
for at in section=pre-data section=post-data exclude-table '--table="public"."big"'; do
	expect_exit 0 "where one fails at $at one stream saves it" env PATH="$WORK/bin:$PATH" FAKE_AT="$at" "$MIDWATCH" backup otc --jobs 3
	check "which is said, with the words of the one ($at)" \
	    sh -c 'echo "$1" | grep "several streams failed, so one stream saves all of it again" | grep -q "broken by the test"' sh "$OUT$ERR"
	check "nothing of the several stays ($at)" [ "$(find local second -name '*-data*' -o -name otc)" = "" ]
	check "and what there is is whole ($at)" sh -c 'cd "$1" && sha256sum -c --quiet checksums.sha256 && gunzip -c otc.dump.gz | pg_restore -f /dev/null' sh "$(sets local)"
	rm -rf local second
done
expect_exit 1 "where that fails too it is a failure" env PATH="$WORK/bin:$PATH" FAKE_AT=no-password "$MIDWATCH" backup otc --jobs 3
check "with its words" contains "$OUT" "broken by the test"
check "and nothing of it stays" [ -z "$(sets local)$(sets second)" ]

# --- the session that holds it together ------------------------------------------------------
lose()	# ONE_FAILS
{
	rm -f half.* on
	env PATH="$WORK/bin:$PATH" HOLD_AT=1 FAKE_AT=-never- ONE_FAILS="$1" "$MIDWATCH" backup otc --jobs 3 >lost.out 2>&1 &
	run=$!
	turn=0
	while [ "$(ls half.* 2>/dev/null | wc -l)" -lt 2 ] && [ $turn -lt 300 ]; do
		turn=$((turn + 1))
		sleep 0.1
	done
	ended=$(psql_ "$WORK/pg" -A -t -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	    WHERE application_name = 'midwatch' AND state = 'idle in transaction' AND datname = 'otc'")
	STATUS=0
	wait "$run" || STATUS=$?
	OUT=$(cat lost.out)
}
lose ''
check "the session is ended while they dump ($ended)" [ "$ended" = 1 ]
check "then what they wrote is no backup" contains "$OUT" "several streams failed, so one stream saves all of it again: the session that kept the snapshot was lost"
check "one stream saves it all the same" [ "$STATUS" = 0 ]
check "alone" [ "$(find local second -name '*-data*' -o -name otc)" = "" ]
rm -rf local second
lose yes
check "the session is ended again ($ended)" [ "$ended" = 1 ]
check "where one stream cannot do it either it is a failure" [ "$STATUS" = 1 ]
check "and what they wrote is not there" [ -z "$(sets local)$(sets second)" ]

# --- what is in the way ----------------------------------------------------------------------
psql_ "$WORK/pg" -c 'ALTER ROLE backup CONNECTION LIMIT 3'
expect_exit 0 "where connections are few it takes fewer streams" "$MIDWATCH" backup otc --jobs 4
check "and says so" contains "$OUT$ERR" "streams: the server has only 2 connections left"
psql_ "$WORK/pg" -c 'ALTER ROLE backup CONNECTION LIMIT -1'
expect_exit 0 "a folder of a set goes with it" "$MIDWATCH" sets
check "and it counts as verified" contains "$OUT" "otc                          verified"
flipped=$(sets local | head -n 1)/otc/002-data.dump.gz
python3 - "$flipped" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(0, 2); n = f.tell() // 2
    f.seek(n); b = f.read(1); f.seek(n); f.write(bytes([b[0] ^ 4]))
END
run_ "$MIDWATCH" validate "$(basename "$(dirname "$(dirname "$flipped")")")" --db otc --store local
check "one flipped bit is found" [ "$STATUS" = 1 ]
check "and the archive is named" contains "$OUT" "002-data.dump.gz"
finish
