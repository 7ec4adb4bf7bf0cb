#!/bin/bash
# Resolving and closing: each criterion, failing alone, blocks it and says why; on
# a real PostgreSQL, store, disk and nightly, with the shipped runbook.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_start_cluster "$WORK/pg"; then
	skip "each criterion blocks" "$WHY"
	finish
fi
PATH=$PG_BIN:$PATH
psql_ "$WORK/pg" -c 'CREATE ROLE backup LOGIN IN ROLE pg_monitor, pg_read_all_data' -c 'CREATE ROLE legacy LOGIN IN ROLE pg_read_all_data' \
    -c 'CREATE DATABASE otc' -c 'CREATE DATABASE arp' || not_ok "databases can be made"
for db in otc arp; do
	psql -X -q -h "$WORK/pg" -p "$PG_PORT" -U postgres -d $db -c 'CREATE TABLE t AS SELECT generate_series(1, 100) AS a'
done
mkdir nas scratch
touch up nightly-may
disk=''
small_fs tmpfs 4M "$WORK/disk" && disk='disks = ( { name = "small"; path = "disk"; } );'
cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; runbook = "midnight-backup-failure"; };
databases = ( { name = "otc"; host = "127.0.0.1"; port = $PG_PORT; user = "backup"; },
              { name = "arp"; host = "127.0.0.1"; port = $PG_PORT; user = "legacy"; legacy = true; } );
components = ( { name = "system-state"; command = "test -e nightly-may && echo well"; } );
stores = ( { name = "nas"; path = "nas"; } );
backup = { to = ( "nas" ); globals = false; };
services = ( { name = "api"; check = "test -e up"; } );
schedule = { nightly = "$(TZ=Africa/Lagos date -d '+3 hours' +%H:%M)"; };
freeze = { on = "true"; };
$disk
END
sed -i "s|test -e nightly-may|test -e $WORK/nightly-may|" midwatch.cfg

incident()
{
	"$MIDWATCH" incident "$@"
}
# blocked VERB CRITERION SENTENCE WHY: it and nothing else stands in the way
blocked()
{
	expect_exit 3 "$3" incident "$1" --json
	check "and nothing else does" sh -c 'printf "%s" "$1" | python3 -c "
import json, sys
o = json.load(sys.stdin)
bad = [c[\"condition\"] for c in o[\"criteria\"] if c[\"answer\"] != \"yes\"]
assert bad == [sys.argv[1]] and not o[\"ok\"], bad
assert [c for c in o[\"criteria\"] if c.get(\"next\")]" "$2"' sh "$OUT" "$2"
	check "and it says why" contains "$OUT" "$4"
}

expect_exit 0 "an incident is opened" incident open --title "nightly failed"
expect_exit 3 "in the beginning nothing is proven" incident resolve
check "which is said for each criterion" contains "$OUT" "NO       every database restorable since-open"
check "with what makes it true" contains "$OUT" "next: midwatch validate latest --restore"
check "and how many there are" contains "$ERR" "criteria are not proven"
expect_exit 3 "and it cannot be closed before it is resolved" incident close
"$MIDWATCH" nightly >out 2>&1 || not_ok "the nightly runs" "$(cat out)"
blocked resolve "every database restorable since-open" "a copy that nobody restored blocks" "no restorable copy"
"$MIDWATCH" validate latest --restore --scratch "$WORK/scratch" >out 2>&1 || not_ok "it is restored" "$(cat out)"

if [ -n "$disk" ]; then
	head -c 3600000 /dev/zero >disk/old
	blocked resolve "every disk below 80" "a disk that is too full blocks" "small is 8"
	rm disk/old
else
	skip "a disk that is too full blocks" "$WHY"
fi
rm nightly-may
"$MIDWATCH" nightly >/dev/null 2>&1
blocked resolve "nightly passed since-open" "a nightly that failed blocks, though every database is proven" "the last nightly failed"
touch nightly-may
"$MIDWATCH" nightly >out 2>&1 || not_ok "the nightly runs again" "$(cat out)"
psql_ "$WORK/pg" -c 'ALTER ROLE legacy NOLOGIN'
blocked resolve "every login" "a login that is refused blocks" "arp"
psql_ "$WORK/pg" -c 'ALTER ROLE legacy LOGIN'
rm up
blocked resolve "services up" "a service that is down blocks" "service api"
touch up
mv nas away && touch nas
expect_exit 3 "what cannot be seen blocks as well" incident resolve --json
check "as unknown" contains "$OUT" '"answer":"unknown"'
rm nas && mv away nas
expect_exit 2 "an override wants a reason" incident resolve --override ""
expect_exit 2 "and blanks are none" incident resolve --override "  "
"$MIDWATCH" freeze on >/dev/null
expect_exit 0 "when all of them hold it is resolved" incident resolve
check "each is shown with what was seen" contains "$OUT" "OK       every login  ("
check "at its time" contains "$OUT" "asked at "
check "the freeze is brought to mind" contains "$ERR" "STILL FROZEN"
check "the checkpoint is printed" contains "$OUT" "checkpoint: "
point=${OUT##*checkpoint: }
point=${point%%
*}
check "and kept in the site's own journal" grep -q "\"checkpoint\":\"$point\"" state/log.jsonl
id=$(basename "$(ls -d state/incidents/INC-*)")
expect_exit 0 "and found by verify" "$MIDWATCH" verify "state/incidents/$id/journal.jsonl" --checkpoint "$point"
check "each criterion is in the record with its proof" [ "$(grep -c '"kind":"criterion".*"answer":"yes"' "state/incidents/$id/journal.jsonl")" -ge 4 ]
expect_exit 3 "it is not resolved twice" incident resolve

# --- closing --------------------------------------------------------------------------------
"$MIDWATCH" followup none "all of it was done in the night" >/dev/null
blocked close "rca published" "a report that is not published blocks" "the report is not published"
"$MIDWATCH" incident publish "wiki/INC-1" >/dev/null
"$MIDWATCH" followup add "enforce the retention" >/dev/null
blocked close "followups assigned" "a follow-up without an owner blocks" "nobody has 'enforce the retention'"
line=$(grep -n . "state/incidents/$id/journal.jsonl" | grep '"kind":"followup"' | tail -n 1 | sed 's/.*"seq":\([0-9]*\).*/\1/')
"$MIDWATCH" followup add "watch the disk" --owner ama >/dev/null
"$MIDWATCH" followup done "$line" >/dev/null
blocked close "followups assigned" "one without a date blocks" "'watch the disk' has no date"
line=$(grep '"kind":"followup"' "state/incidents/$id/journal.jsonl" | grep 'watch the disk' | sed 's/.*"seq":\([0-9]*\).*/\1/')
"$MIDWATCH" followup done "$line" >/dev/null
"$MIDWATCH" followup add "rotate the legacy password" --owner ama --due 2030-01-01 >/dev/null
expect_exit 0 "then it closes" incident close
check "with the report, where and by whom" contains "$OUT" "wiki/INC-1, by "
check "the freeze is brought to mind once more" contains "$ERR" "STILL FROZEN"
check "and the checkpoint is printed" contains "$OUT" "checkpoint: "
expect_exit 2 "no follow-ups wants a reason" "$MIDWATCH" followup none

# --- a site without services -----------------------------------------------------------------------
sed -i '/^services/d' midwatch.cfg
"$MIDWATCH" incident open --title "no services" >/dev/null
begun=$(date +%s)
expect_exit 1 "what the site names none of cannot be proven" "$MIDWATCH" run services
check "nor waited for" [ $(($(date +%s) - begun)) -lt 120 ]
check "and how to go on is said" contains "$ERR" "'midwatch run services' tries it again; with --override"
run_ incident resolve
check "there, too" contains "$OUT" "next: name them in the site file, or --override REASON"
check "one criterion is one" lacks "$ERR" "1 criteria"
expect_exit 0 "as it is" "$MIDWATCH" run services --override "we have none"
incident resolve --override "a trial" >/dev/null 2>&1
incident close --override "a trial" >/dev/null 2>&1

# --- by override ------------------------------------------------------------------------------
expect_exit 0 "another one" incident open --title "again"
expect_exit 0 "is resolved by a reason alone" incident resolve --override "the store is being moved; agreed with Ama"
expect_exit 3 "an empty list of follow-ups is no list" incident close
check "and says so" contains "$OUT" "nobody said that none are needed"
expect_exit 0 "and is closed by another" incident close --override "closed as a duplicate"
second=$(ls state/incidents | grep '^INC-' | grep -vx "$id" | tail -n 1)
"$MIDWATCH" export "$second" >report.md 2>/dev/null
check "nothing says that the criteria hold" sh -c '! grep -q "the criteria hold" report.md && grep -q "Resolved:.* criteria overridden; the clocks stop" report.md' sh
check "nor that all was done" sh -c '! grep -q "report published, follow-ups assigned" report.md' sh
check "the post-mortem has what was overridden" grep -q "every database restorable since-open" report.md
check "and why" grep -q "the store is being moved; agreed with Ama" report.md
check "both times" grep -q "closed as a duplicate" report.md
finish
