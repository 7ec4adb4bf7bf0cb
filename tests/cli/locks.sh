#!/bin/sh
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_start_cluster "$WORK/pg" "max_connections = 40" \
    "max_prepared_transactions = 5"; then
	skip "waiting sessions are shown and ended" "$WHY"
	finish
fi
psql_ "$WORK/pg" >/dev/null <<'SQL'
CREATE ROLE backup LOGIN;
CREATE ROLE web LOGIN;
CREATE TABLE orders (id int PRIMARY KEY, v text);
INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
GRANT ALL ON orders TO web;
SQL
cat >midwatch.cfg <<EOF
site = { name = "t"; timezone = "Africa/Lagos"; state = "$WORK/state"; };
databases = (
  { name = "otc"; host = "127.0.0.1"; port = $PG_PORT; dbname = "postgres"; user = "postgres"; },
  { name = "gps"; host = "127.0.0.1"; port = 1; dbname = "gps"; user = "backup"; },
  { name = "low"; host = "127.0.0.1"; port = $PG_PORT; dbname = "postgres"; user = "backup"; }
);
EOF
locks()
{
	"$MIDWATCH" -c midwatch.cfg locks "$@"
}

# session NAME SQL...: a psql of that application_name that stays
session()
{
	name_=$1
	shift
	mkfifo "$WORK/$name_.in"
	PGAPPNAME=$name_ PGOPTIONS='' "$PG_BIN/psql" -X -q -h "$WORK/pg" \
	    -p "$PG_PORT" -U "${ROLE:-web}" -d postgres <"$WORK/$name_.in" \
	    >"$WORK/$name_.out" 2>&1 &
	echo $! >"$WORK/$name_.pid"
	at_exit "kill $! 2>/dev/null"
	# a writer that stays keeps it waiting for more
	sleep 600 >"$WORK/$name_.in" &
	at_exit "kill $! 2>/dev/null"
	for sql_; do
		printf '%s\n' "$sql_"
	done >"$WORK/$name_.in"
}
sql()
{
	psql_ "$WORK/pg" -c "$1"
}
# waits until a question is answered with yes
until_()
{
	turn_=0
	while [ "$(sql "$1")" != t ]; do
		turn_=$((turn_ + 1))
		[ "$turn_" -lt 100 ] || return 1
		sleep 0.1
	done
}
pid_of()
{
	sql "SELECT pid FROM pg_stat_activity WHERE application_name = '$1'"
}
waits_for_lock()
{
	until_ "SELECT count(*) = $1 FROM pg_locks WHERE NOT granted"
}
log()
{
	cat "$WORK/state/log.jsonl"
}

expect_exit 0 "a server where nobody waits" locks otc
check "and it says so" contains "$OUT" "nobody waits for a lock"
expect_exit 1 "a database that cannot be seen is no success" locks
check "and it says why" contains "$OUT" "nothing listens there"
expect_exit 2 "a database that the site does not have" locks nope
check "and which it has" contains "$ERR" "otc, gps, low"
expect_exit 2 "--confirm without a deed" locks otc --confirm 1

# --- a chain ------------------------------------------------------------------------

session root "BEGIN; UPDATE orders SET v = 'x' WHERE id = 1;"
until_ "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'root' AND state = 'idle in transaction'"
session second "BEGIN; UPDATE orders SET v = 'y' WHERE id = 2;" \
    "UPDATE orders SET v = 'y' WHERE id = 1;"
waits_for_lock 1
session third "BEGIN; UPDATE orders SET v = 'z' WHERE id = 3;" \
    "UPDATE orders SET v = 'z' WHERE id = 2;"
waits_for_lock 2
session fourth "UPDATE orders SET v = 'evil $(printf '\033')[31m' WHERE id = 3;"
waits_for_lock 3
R=$(pid_of root) S=$(pid_of second) T=$(pid_of third) F=$(pid_of fourth)

expect_exit 0 "a chain of four sessions" locks otc
check "is counted" contains "$OUT" "3 sessions wait for a lock"
check "at the site's time" contains "$OUT" "+01:00"
tree=$(printf '%s\n' "$OUT" | grep -o '^ *pid [0-9]*')
check "stands as a tree, whom nobody holds up first" [ "$tree" = "  pid $R
    pid $S
      pid $T
        pid $F" ]
check "with what the root is doing" contains "$OUT" \
    "(web, root, local): idle in transaction"
check "and what the others wait for" contains "$OUT" \
    "for a transaction to end"
check "and their statements" contains "$OUT" \
    "UPDATE orders SET v = 'y' WHERE id = 1;"
check "escape sequences are shown, not sent" contains "$OUT" 'evil \x1b[31m'
check "and what ends a session" contains "$OUT" \
    "midwatch locks terminate PID --confirm PID --db otc"
expect_exit 0 "the same for programs" locks otc --json
check "is one object" python3 -c '
import json, sys
got = json.loads(sys.argv[1])["databases"][0]
by = {s["pid"]: s.get("blocked_by", []) for s in got["sessions"]}
chain = [int(a) for a in sys.argv[2:]]
assert got["seen"] and got["waiting"] == 3, got
assert [by[p] for p in chain] == [[], chain[:1], chain[1:2], chain[2:3]], by
' "$OUT" "$R" "$S" "$T" "$F"

# --- what is refused -----------------------------------------------------------------

expect_exit 3 "a session is not ended without confirmation" \
    locks terminate "$R" --db otc
check "but shown" contains "$OUT" "pid $R (web, root, local)"
check "with who waits behind it" contains "$OUT" \
    "1 session waits directly behind it"
check "and how to confirm" contains "$ERR" "--confirm"
expect_exit 3 "another pid confirms nothing" \
    locks terminate "$R" --db otc --confirm "$S"
expect_exit 3 "who runs no statement cannot be cancelled" \
    locks cancel "$R" --db otc --confirm "$R"
check "and terminate is offered" contains "$ERR" "'terminate' ends the session"
expect_exit 3 "a pid that is not there (any more)" \
    locks terminate 1 --db otc --confirm 1
check "says so" contains "$ERR" "has no session with pid 1 (any more)"
expect_exit 3 "a session that began at another time" \
    locks terminate "$R" --db otc --confirm "$R" --started 2025-02-14T01:00:00.000Z
check "is another session" contains "$ERR" "is another session now"
expect_exit 2 "a pid that is none" locks terminate abc --confirm abc
expect_exit 2 "a pid that no database shows, without --db" \
    locks terminate 1 --confirm 1
session idler "SELECT 1;"
until_ "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'idler'"
I=$(pid_of idler)
expect_exit 3 "a session that is in nobody's way" \
    locks terminate "$I" --db otc --confirm "$I"
check "needs --anyway" contains "$ERR" "Add --anyway"
session midwatch "SELECT 1;"
until_ "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'midwatch' AND usename = 'web'"
O=$(sql "SELECT pid FROM pg_stat_activity WHERE application_name = 'midwatch' AND usename = 'web'")
expect_exit 3 "a session of our own" \
    locks terminate "$O" --db otc --confirm "$O" --anyway
check "is a job's to end" contains "$ERR" "midwatch cancel JOB"
session pg_dump "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;"
until_ "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'pg_dump' AND state LIKE 'idle in%'"
D=$(pid_of pg_dump)
expect_exit 3 "a dump that is running" \
    locks terminate "$D" --db otc --confirm "$D" --anyway
check "needs --dump" contains "$ERR" "Add --dump"
W=$(sql "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
expect_exit 3 "the server's own processes" \
    locks terminate "$W" --db otc --confirm "$W" --anyway
expect_exit 3 "a login that cannot see whose session it is" \
    locks terminate "$R" --db low --confirm "$R"
check "is told what to grant" contains "$ERR" "GRANT pg_read_all_stats"
sql "GRANT pg_read_all_stats TO backup" >/dev/null
expect_exit 3 "a login that may not end sessions" \
    locks terminate "$R" --db low --confirm "$R"
check "is told what to grant for that" contains "$ERR" \
    "GRANT pg_signal_backend TO backup"
check "none of this is in the record" lacks "$(log)" "locks.terminate"
check "and all are still there" [ "$(sql "SELECT count(*) FROM pg_stat_activity
    WHERE pid IN ($R, $S, $T, $F, $I, $O, $D)")" = 7 ]

# --- and what is done -----------------------------------------------------------------

expect_exit 0 "a statement is cancelled" locks cancel "$F" --confirm "$F"
check "on the server that shows it" contains "$OUT" \
    "the statement of pid $F has ended"
sleep 0.3
check "its session is told" contains "$(cat fourth.out)" \
    "canceling statement due to user request"
check "and lives" [ "$(pid_of fourth)" = "$F" ]
check "meant and done are in the site's own record" python3 -c '
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
kinds = [(l["kind"], l["data"].get("outcome")) for l in lines
         if l["data"].get("action") == "locks.cancel"]
assert kinds == [("decision", None), ("evidence", "proven")], kinds
' state/log.jsonl
expect_exit 0 "its record is whole" "$MIDWATCH" verify state/log.jsonl

sql "GRANT pg_signal_backend TO backup" >/dev/null
run_ "$MIDWATCH" -c midwatch.cfg incident open --title locks
expect_exit 0 "the session in everybody's way is ended, by a login that may" \
    locks terminate "$R" --db low --confirm "$R" --reason "nobody answers" --json
check "and proven to be gone" python3 -c '
import json, sys
got = json.loads(sys.argv[1])
assert got["ok"] and got["held_up"] == 1 and got["still_waiting"] == 1, got
' "$OUT"
check "it is gone" [ -z "$(pid_of root)" ]
check "who waited for it goes on" waits_for_lock 1
check "the open incident's record has it, with the reason" grep -q \
    '"kind":"decision".*nobody answers.*locks.terminate' state/incidents/*/journal.jsonl
check "and how it went" grep -q '"kind":"evidence".*is gone' \
    state/incidents/*/journal.jsonl
expect_exit 3 "a superuser's session is not for such a login" sh -c '
	PGAPPNAME=boss "$1" -X -q -h "$2/pg" -p "$3" -U postgres -d postgres \
	    -c "SELECT pg_sleep(60)" >/dev/null 2>&1 & child=$!
	sleep 1
	pid=$("$1" -X -q -A -t -h "$2/pg" -p "$3" -U postgres -d postgres -c \
	    "SELECT pid FROM pg_stat_activity WHERE application_name = '"'boss'"'")
	"$4" -c midwatch.cfg locks terminate "$pid" --db low --confirm "$pid" --anyway
	status=$?
	kill $child
	exit $status' sh "$PG_BIN/psql" "$WORK" "$PG_PORT" "$MIDWATCH"
check "and it says whose it is" contains "$ERR" \
    "Only a superuser may end a superuser's session"

# --- when it does not go as meant --------------------------------------------------------

# Between the look and the act the session must be seen to change, which no test can time:
# a session that changes all the time is tried until it was, and each try that was too
# quick for it has ended it, as it should.
mkfifo busy.in
busy() {
	PGAPPNAME=busy "$PG_BIN/psql" -X -q -h "$WORK/pg" -p "$PG_PORT" -U web \
	    -d postgres <busy.in >/dev/null 2>&1 &
	at_exit "kill $! 2>/dev/null"
	(while echo 'SELECT 1;'; do :; done) >busy.in 2>/dev/null &
	at_exit "kill $! 2>/dev/null"
	until_ "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'busy'"
	B=$(pid_of busy)
}
tries=0 status=0
while [ "$status" -eq 0 ] && [ "$tries" -lt 20 ]; do
	busy
	run_ "$MIDWATCH" -c midwatch.cfg \
	    locks terminate "$B" --db otc --confirm "$B" --anyway
	status=$STATUS tries=$((tries + 1))
done
check "a session that does something else by then is left alone" [ "$status" -eq 3 ]
check "and it says so" contains "$ERR" "has changed in this very moment"
check "it is still there" [ "$(pid_of busy)" = "$B" ]

if as_root kill -STOP "$I" 2>/dev/null; then
	expect_exit 1 "a session that does not go" \
	    locks terminate "$I" --db otc --confirm "$I" --anyway
	check "is not called gone" contains "$ERR" "is still there after 5 s"
	check "and nobody is told to kill it" contains "$ERR" "Never kill -9"
	check "the record says that it failed" grep -q \
	    '"outcome":"failed".*"pid":'"$I" state/incidents/*/journal.jsonl
	as_root kill -CONT "$I"
else
	skip "a session that does not go is not called gone" "$WHY"
fi
expect_exit 0 "a dump goes when it is asked for" \
    locks terminate "$D" --db otc --confirm "$D" --anyway --dump
finish
