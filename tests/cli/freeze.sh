#!/bin/bash
# `midwatch freeze`: the flag, what the site hooks to it, the refusal of DDL, what
# pipelines are told, and what is left when it is cut off in the middle.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"

site()	# [FREEZE GROUP] [MORE]
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
${1:+freeze = { $1 \};}
${2-}
END
}
freeze()
{
	"$MIDWATCH" freeze "$@"
}
log_has()	# PATTERN
{
	grep -q "$1" state/log.jsonl
}

# --- the flag ---------------------------------------------------------------------
site
expect_exit 2 "freeze wants a word" freeze
expect_exit 2 "and one it knows" freeze maybe
expect_exit 0 "a pipeline may run" freeze check
check "and is told so in one line" [ "$OUT" = free ]
expect_exit 0 "it is frozen" freeze on --reason "the nightly failed"
check "with the reason" contains "$OUT" ": the nightly failed"
check "the intent was journaled before the outcome" \
    sh -c 'grep -n "\"kind\":\"freeze" state/log.jsonl | head -n 1 | grep -q begun && grep -q "\"kind\":\"freeze\"" state/log.jsonl'
expect_exit 3 "a pipeline has to wait" freeze check
check "and is told why, in one line" [ "$(printf '%s\n' "$OUT" | wc -l)" = 1 ]
check "by whom, since when and why" contains "$OUT" ": the nightly failed"
expect_exit 3 "for programs it is an object" freeze check --json
check "that says what holds it" sh -c 'printf "%s" "$1" | python3 -c "
import json, sys
o = json.load(sys.stdin)
assert o[\"frozen\"] and not o[\"ok\"] and not o[\"window\"] and o[\"exit\"] == 3"' sh "$OUT"
since=$(sed 's/.*"since":"\([^"]*\)".*/\1/' state/freeze)
expect_exit 0 "freezing twice is fine" freeze on
check "and keeps the reason and the hour" sh -c 'grep -q "nightly failed" state/freeze && grep -q "$1" state/freeze' sh "$since"
expect_exit 0 "status has all of it" freeze status
check "in words" contains "$OUT" "pipelines wait: frozen since"
expect_exit 0 "it is lifted" freeze off
expect_exit 0 "and pipelines run" freeze check
check "the file stays, with its room" [ "$(stat -c %s state/freeze)" = 4096 ]
expect_exit 0 "lifting twice is fine" freeze off
check "and says that it was not frozen" contains "$OUT" "it was not frozen"
printf 'ama said so' >state/freeze
expect_exit 3 "whatever stands in the flag freezes" freeze check
expect_exit 0 "and is lifted like any other" freeze off
expect_exit 0 "for good" freeze check
rm state/freeze && mkdir state/freeze
expect_exit 3 "a flag that cannot be read is not free" freeze check
rmdir state/freeze
mkdir elsewhere
expect_exit 0 "where there is no site file" sh -c 'cd elsewhere && HOME=$PWD exec "$0" freeze check --state own' "$MIDWATCH"
check "the answer says that it knows little" contains "$ERR" "no site file was found"
printf "freeze = { on = 1; };\n" >bad.cfg
expect_exit 2 "nor is a broken site file" freeze check --config bad.cfg

# --- hooks --------------------------------------------------------------------------
site 'on = "touch paused"; off = "rm paused"; check = "test -e paused"; timeout = "20s";'
expect_exit 0 "the hook is run" freeze on --reason drill
check "and did what it does" test -e paused
expect_exit 0 "the proof is the site's own check" freeze status
check "which says that it holds" contains "$OUT" "proof     yes: freeze.check says that it holds"
rm paused
expect_exit 0 "a pause that somebody took away is seen" freeze status
check "as neither frozen nor free" contains "$OUT" "proof     unknown: the freeze flag is set, but freeze.check says"
touch paused
expect_exit 0 "lifting runs its hook" freeze off
check "which did what it does" test ! -e paused

site 'on = "echo no runner answers; exit 7"; off = "exit 8";'
expect_exit 1 "a hook that fails is no freeze" freeze on
check "and its end is named" contains "$OUT" "[FAIL] freeze.on: exit 7"
check "with what it said in the journal" log_has '"said":"no runner answers"'
expect_exit 3 "but whoever asks us is held" freeze check
expect_exit 1 "a hook that fails lifts nothing" freeze off
expect_exit 3 "the flag stays" freeze check
expect_exit 0 "status knows that it is not done" freeze status
check "and how it is finished" contains "$OUT" "'midwatch freeze off' finishes it"
expect_exit 1 "it can be taken away all the same" freeze off --anyway
expect_exit 0 "then it is gone" freeze check
site 'on = "touch paused; exit 1"; off = "rm paused"; check = "test -e paused";'
expect_exit 0 "a hook that fails is forgiven when the check holds" freeze on
expect_exit 0 "and lifted" freeze off

site 'on = "sleep 600 & sleep 600"; timeout = "1s";'
before=$(date +%s)
expect_exit 1 "a hook that hangs is ended" freeze on
check "after its time" contains "$OUT" "did not end within 1.0 s"
check "soon" [ $(($(date +%s) - before)) -lt 30 ]
freeze off >/dev/null
site "on = \"head -c 9000000 /dev/zero | tr '\\\\0' x; printf '\\\\033[2J'\";"
expect_exit 0 "a hook that prints megabytes is fine" freeze on
check "and most of it is dropped" [ "$(stat -c %s "$(ls -d state/jobs/* | sort -V | tail -n 1)/output.log")" -lt 400000 ]
check "which is said" contains "$OUT" "[WARN] freeze.on printed 9"
freeze off >/dev/null
site "on = \"printf '\\\\033[2Jgo\\\\033]0;evil\\\\007\\\\342\\\\200\\\\256\\\\377'; exit 3\";"
expect_exit 1 "a hook that prints escape sequences is harmless" freeze on
check "on the screen" sh -c '! printf "%s" "$1" | grep -q "$(printf "\033")"' sh "$OUT$ERR"
check "and in the journal" sh -c '! grep -q "$(printf "\033")" state/log.jsonl && grep -q "x1b\[2Jgo" state/log.jsonl'
expect_exit 0 "the journal is whole" "$MIDWATCH" verify state/log.jsonl
freeze off >/dev/null

# --- cut off in the middle -----------------------------------------------------------
site 'on = "touch begun; sleep 60"; off = "rm -f begun";'
freeze on >/dev/null 2>&1 &
follower=$!
turn=0
while [ ! -e begun ] && [ $turn -lt 200 ]; do turn=$((turn + 1)); sleep 0.1; done
job=$(ls state/jobs | sort -n | tail -n 1)
pid=$(python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).read().strip())["pid"])' "state/jobs/$job/job.json" 2>/dev/null)
if [ -n "$pid" ]; then
	kill -KILL "$pid"
	wait $follower
	expect_exit 3 "killed in the middle of its hook it still holds" freeze check
	expect_exit 0 "and status says that it did not end" freeze status
	check "with the way on" contains "$OUT" "'midwatch freeze on' finishes it"
	"$MIDWATCH" cancel "$job" >/dev/null 2>&1
	site 'on = "touch paused"; off = "rm -f paused begun";'
	expect_exit 0 "doing it again finishes it" freeze on
	check "whole" grep -q '"phase":"on"' state/freeze
else
	not_ok "the job names its process" "$(cat "state/jobs/$job/job.json")"
fi
freeze off >/dev/null

# --- two at once ------------------------------------------------------------------------
site 'on = "test ! -e busy || echo TWICE >>clash; touch busy; sleep 0.3; rm busy"; off = "test ! -e busy || echo TWICE >>clash; touch busy; sleep 0.3; rm busy";'
for word in on off on off on; do
	freeze $word >/dev/null 2>&1 &
	pids="$pids $!"
done
bad=0
for pid in $pids; do wait "$pid" || bad=1; done
check "several at once all end well" [ $bad = 0 ]
check "one after the other" test ! -e clash
freeze off >/dev/null
expect_exit 0 "and the journal is whole" "$MIDWATCH" verify state/log.jsonl

# --- a full disk --------------------------------------------------------------------------
if small_fs ext4 48M "$WORK/disk"; then
	site 'on = "true";' && sed -i 's|state = "state"|state = "disk/state"|' midwatch.cfg
	"$MIDWATCH" jobs >/dev/null 2>&1
	fill()
	{
		cat /dev/zero >disk/filler 2>/dev/null
		for i in 1 2 3; do dd if=/dev/zero of=disk/more$i bs=512 conv=fsync 2>/dev/null; done
	}
	fill
	check "the disk is full" sh -c '! echo x >disk/probe 2>/dev/null || [ ! -s disk/probe ]'
	expect_exit 0 "on a full disk it is frozen all the same" freeze on --reason "disk full"
	expect_exit 3 "and holds" freeze check
	expect_exit 0 "on a full disk it is lifted all the same" freeze off
	expect_exit 0 "and free" freeze check
else
	skip "on a full disk it is frozen all the same" "$WHY"
fi

# --- the window and the last backup -----------------------------------------------------------
now=$(TZ=Africa/Lagos date +%H:%M)
site '' "schedule = { nightly = \"$now\"; window = \"2h\"; };"
expect_exit 3 "inside the backup window a pipeline waits" freeze check
check "and is told so" contains "$OUT" "the backup window is open"
later=$(TZ=Africa/Lagos date -d '+3 hours' +%H:%M)
site '' "schedule = { nightly = \"$later\"; window = \"30m\"; };
databases = ( { name = \"otc\"; host = \"127.0.0.1\"; port = 1; } );
stores = ( { name = \"nas\"; path = \"nas\"; } ); backup = { to = ( \"nas\" ); };"
mkdir -p nas
expect_exit 0 "outside of it it may run" freeze check
"$MIDWATCH" nightly >/dev/null 2>&1
expect_exit 3 "after a backup that failed it waits" freeze check
check "for that reason" contains "$OUT" "the last nightly failed"
sed -i '/^schedule/d' midwatch.cfg
expect_exit 3 "also where the site states no hour for it" freeze check
check "for the same reason" contains "$OUT" "the last nightly failed"
run_ "$MIDWATCH" precheck --only nightly
check "and no migration runs on it" [ "$STATUS" = 1 ]
run_ "$MIDWATCH" status
check "which status shouts" contains "$OUT" "the nightly of"
rm -r nas
expect_exit 0 "where none was ever seen it may run" freeze check --state fresh

# --- left on ---------------------------------------------------------------------------------
site 'on = "true";'
"$MIDWATCH" incident open --title "nightly failed" --runbook none >/dev/null 2>&1
expect_exit 0 "in an incident it is frozen" freeze on
check "for that incident" grep -q '"incident":"INC-' state/freeze
check "in its journal" sh -c 'grep -q "\"kind\":\"freeze\"" state/incidents/*/journal.jsonl'
"$MIDWATCH" incident resolve --override "tried" >out 2>&1
check "resolving brings it to mind" grep -q "STILL FROZEN" out
"$MIDWATCH" incident close --override "tried" >out 2>&1
check "and so does closing" grep -q "STILL FROZEN" out
"$MIDWATCH" status >out 2>&1
check "and status shouts" grep -q "LEFT ON" out
freeze off >/dev/null

# --- DDL --------------------------------------------------------------------------------------
if ! pg_start_cluster "$WORK/pg"; then
	skip "DDL is refused while it is frozen" "$WHY"
	finish
fi
psql_ "$WORK/pg" -c 'CREATE ROLE app LOGIN' -c 'CREATE DATABASE otc OWNER app' -c "CREATE DATABASE \"g p's\" OWNER app" \
    -c 'CREATE DATABASE bare OWNER app' || not_ok "databases can be made"
sql()	# DATABASE STATEMENT
{
	run_ "$PG_BIN/psql" -X -q -A -t -h "$WORK/pg" -p "$PG_PORT" -U app -d "$1" -v ON_ERROR_STOP=1 -c "$2"
}
sql otc 'CREATE TABLE t (a int); CREATE INDEX ti ON t (a); CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1'
PATH=$PG_BIN:$PATH
super="superuser = { host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\"; };"
db="host = \"127.0.0.1\"; port = $PG_PORT; user = \"app\";"
site 'block_ddl = true;' "databases = ( { name = \"otc\"; $db $super }, { name = \"gps\"; dbname = \"g p's\"; $db $super }, { name = \"bare\"; $db } );"
expect_exit 0 "DDL is refused with the flag" freeze on --reason "it's \$do\$ 'quoted' \\ %"
check "in each database that has a way" contains "$OUT" "[OK] gps: schema changes are refused"
check "and where there is none that is said" contains "$OUT" "[WARN] bare: schema changes cannot be refused"
for statement in 'CREATE TABLE x (a int)' 'ALTER TABLE t ADD b int' 'DROP TABLE t' 'CREATE INDEX ON t (a)' 'DROP VIEW s.v' \
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1$$' 'DROP SCHEMA s CASCADE' 'SELECT 1 AS a INTO y' 'ALTER VIEW s.v RENAME TO w'; do
	sql otc "$statement"
	check "refused: ${statement%% (*}" sh -c '[ $1 != 0 ] && printf "%s" "$2" | grep -q "midwatch: schema changes are frozen"' sh "$STATUS" "$ERR"
done
check_indexes()	# of t, each with whether it is valid
{
	psql -X -A -t -h "$WORK/pg" -p "$PG_PORT" -U postgres -d otc -c \
	    "SELECT string_agg(indexrelid::regclass || ':' || indisvalid, ' ') FROM pg_index WHERE indrelid = 't'::regclass"
}
for statement in 'CREATE INDEX CONCURRENTLY u ON t (a)' 'DROP INDEX CONCURRENTLY ti' 'DROP INDEX
  concurrently IF EXISTS ti'; do
	sql otc "$statement"
	check "refused: ${statement%%TLY*}TLY" sh -c '[ $1 != 0 ] && printf "%s" "$2" | grep -q "midwatch: schema changes are frozen"' sh "$STATUS" "$ERR"
	check "and nothing of it was done" [ "$(check_indexes)" = "ti:true" ]
done
check "with the reason as it was given" contains "$ERR" "it's \$do\$ 'quoted' \\ %"
sql "g p's" 'CREATE TABLE x (a int)'
check "an awkward name of a database is only a name" [ "$STATUS" != 0 ]
for statement in 'CREATE TEMP TABLE x (a int); CREATE INDEX ON x (a); ALTER TABLE x ADD b int; INSERT INTO x VALUES (1); DROP TABLE x' \
    'CREATE TEMP TABLE y AS SELECT 1 AS a' 'INSERT INTO t VALUES (1)' 'GRANT SELECT ON t TO PUBLIC' 'REINDEX TABLE t' 'ANALYZE t' \
    "COMMENT ON TABLE t IS 'x'"; do
	sql otc "$statement"
	check "not refused: ${statement%% (*}" [ "$STATUS" = 0 ]
done
sql bare 'CREATE TABLE x (a int)'
check "without a way it is not refused" [ "$STATUS" = 0 ]
sql otc 'SET midwatch.pass = on; CREATE TABLE mended (a int)'
check "who mends something gets through" [ "$STATUS" = 0 ]
sql otc 'CREATE TABLE x (a int)'
check "and only they" [ "$STATUS" != 0 ]
expect_exit 0 "status looks into the databases" freeze status
check "and says where it is refused" contains "$OUT" "database  otc: schema changes are refused"
pg_dump -h "$WORK/pg" -p "$PG_PORT" -U postgres -d otc >dump.sql
check "no dump carries it" sh -c '! grep -qi "midwatch\|event trigger" dump.sql && grep -q "CREATE TABLE public.t " dump.sql'
expect_exit 0 "freezing again is fine" freeze on
expect_exit 0 "it is lifted" freeze off
sql otc 'CREATE TABLE x (a int); DROP TABLE x'
check "and DDL is possible" [ "$STATUS" = 0 ]
left=$(psql -X -A -t -h "$WORK/pg" -p "$PG_PORT" -U postgres -d otc -c "SELECT (SELECT count(*) FROM pg_event_trigger) + (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'midwatch%') + (SELECT count(*) FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_event_trigger'::regclass)")
check "nothing of it is left" [ "$left" = 0 ]
left_in()	# DATABASE
{
	psql -X -A -t -h "$WORK/pg" -p "$PG_PORT" -U postgres -d "$1" -c "SELECT count(*) FROM pg_event_trigger"
}
dbs="databases = ( { name = \"otc\"; $db $super } );"
site 'block_ddl = true;' "$dbs"
freeze on >/dev/null
site 'block_ddl = false;' "$dbs"
expect_exit 0 "status knows of it when the site file says no more" freeze status
check "where it is refused" contains "$OUT" "database  otc: schema changes are refused"
expect_exit 0 "it is lifted when the site file says no more" freeze off
check "from the databases too" [ "$(left_in otc)" = 0 ]
site 'block_ddl = true;' "$dbs"
freeze on >/dev/null
site 'block_ddl = true;' "databases = ( { name = \"otc\"; $db superuser = { host = \"$WORK/pg\"; port = 1; user = \"postgres\"; }; } );"
expect_exit 1 "the flag goes while a database cannot be asked" freeze off --anyway
check "in which it is still refused" [ "$(left_in otc)" = 3 ]
expect_exit 1 "lifting it again sees that it cannot be asked" freeze off
check "and names it" contains "$OUT" "[FAIL] otc: schema changes:"
site 'block_ddl = true;' "$dbs"
expect_exit 0 "and once it answers, finishes it" freeze off
check "there too" [ "$(left_in otc)" = 0 ]
site 'block_ddl = true;' "databases = ( { name = \"otc\"; $db superuser = { host = \"$WORK/pg\"; port = $PG_PORT; user = \"app\"; }; } );"
expect_exit 1 "a way that is no superuser is not enough" freeze on
check "and that is said" contains "$OUT" "[FAIL] otc: schema changes:"
finish
