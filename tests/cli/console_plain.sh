#!/bin/sh
# Plain mode: an incident from its opening to its end, line by line, from a script; and
# its buttons, which ask in lines.
. "$(dirname "$0")/../lib.sh"
at_exit end_feeds
. "$ROOT/tests/postgres.sh"

give_up() { skip "an incident is worked in plain mode" "$WHY"; finish; }
pg_have || give_up
pg_start_cluster "$WORK/pg" || give_up
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE gps'
mkdir store
cat >midwatch.cfg <<END
site = { name = "bank"; environment = "production"; timezone = "UTC"; state = "$WORK/state"; runbook = "night"; };
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; },
  { name = "gps"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; } );
stores = ( { name = "nas"; path = "$WORK/store"; } );
backup = { to = ( "nas" ); min_free = "1MB"; };
END
cat >night.cfg <<END
runbook = { name = "night"; title = "A bad night"; version = 1; severity = "SEV-2"; say = "s"; steps = (
  { id = "look"; title = "Read the alarm"; stop = "safe"; kind = "manual"; },
  { id = "mend"; title = "Mend it"; stop = "safe"; kind = "command"; exit_proves = true; command = ( "true" ); }
); resolve = ( "step mend done" ); close = ( "step mend done" ); };
END
plain() { printf '%s\n' "$@" | "$MIDWATCH" --plain >"$WORK/said" 2>&1; said_exit=$? OUT=$(cat "$WORK/said"); }

plain "open the backup failed" "note who grew the disk?" run y "run mend" y \
    freeze "disk is full" "backup" gps save-everything "cleanup" precheck \
    "severity SEV-1 a copy is missing" "role commander" resolve y close y q
check "a script works an incident to its end" [ "$said_exit" = 0 ]
check "it was asked which database" contains "$OUT" "which database?"
check "the freeze has its reason" contains "$OUT" "disk is full"
check "a backup of it was made" contains "$OUT" "backup gps --emergency: done"
check "the plan of a clean-up is shown" contains "$OUT" "nothing may go"
check "what a check found is said" contains "$OUT" "not ready"
check "it is resolved" contains "$OUT" "incident resolve: done"
check "the runbook that came is one line, not one a step" sh -c 'printf "%s" "$1" | grep -q "^steps: 2, " &&
	! printf "%s" "$1" | grep -q "\] step look: TODO"' sh "$OUT"
check "nothing is repainted" lacks "$OUT" "$(printf '\033')"
run_ "$MIDWATCH" incident list
check "and closed" contains "$OUT" "closed"
expect_exit 0 "with a record that holds together" "$MIDWATCH" verify state/incidents/*/journal.jsonl
check "with the note" grep -q "who grew the disk?" state/incidents/*/journal.jsonl
plain "open an incident" "the disk is full" q
check "what a choice is called takes it" contains "$OUT" "title of the incident: "
run_ "$MIDWATCH" incident list
check "and asks for the title" contains "$OUT" "the disk is full"
finish
