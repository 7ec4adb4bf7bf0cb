#!/bin/bash
# Incidents from the command line: opening, words, times, states, hostile text.
. "$(dirname "$0")/../lib.sh"
S=$WORK/site; mkdir -p "$S"; cd "$S" || exit 99
cat > midwatch.cfg <<'CFG'
site = { name = "prod"; timezone = "Africa/Lagos"; environment = "production"; runbook = "mini";
         state = "state"; channel = "#inc-prod"; };
CFG
cat > mini.cfg <<CFG
runbook = { name = "mini"; title = "Mini"; version = 1; severity = "SEV-1"; say = "s"; steps = (
   { id = "own"; kind = "manual"; title = "Own it"; role = "commander"; stop = "safe"; } );
  resolve = ( "role commander taken" ); close = ( "rca published", "followups assigned" ); };
CFG
mw() { "$MIDWATCH" "$@"; }
J() { cat state/incidents/$ID/journal.jsonl; }

expect_exit 3 "without an incident a note is refused" mw incident note hello
check "with the way out" contains "$ERR" "incident open"
expect_exit 0 "an incident opens" mw incident open --title "nightly failed" --alerted-at "10m ago" --json
ID=$(printf '%s' "$OUT" | python3 -c 'import json,sys; print(json.load(sys.stdin)["incident"])')
check "its name is INC and the UTC minute" sh -c "echo $ID | grep -Eq '^INC-[0-9]{8}-[0-9]{4}\$'"
check "the first line has zone, site and hashes" sh -c "head -1 state/incidents/$ID/journal.jsonl | grep -q 'Africa/Lagos.*prod.*site_sha256.*runbook_sha256'"
check "who acts is recorded" contains "$(J)" '"kind":"operator"'
check "the runbook was copied" cmp mini.cfg "state/incidents/$ID/runbook.cfg"
expect_exit 0 "a further failure adds to the open one" mw incident open --title "second alarm"
check "as evidence" contains "$(J)" '"kind":"alert"'
check "and no second incident" test "$(ls state/incidents | wc -l)" -eq 1
expect_exit 0 "--also opens a second one" mw incident open --title other --also
check "with its own name" test "$(ls state/incidents | wc -l)" -eq 2
SECOND=$(ls state/incidents | grep -v "^$ID\$")
expect_exit 0 "which is taken" mw run own
expect_exit 0 "and resolved" mw incident resolve
expect_exit 0 "and closed with a reason" mw incident close "$SECOND" --override "a test"
check "the override is in its record" contains "$(cat state/incidents/$SECOND/journal.jsonl)" '"kind":"override"'

for at in "5m ago" "-5m" "now" "yesterday 23:50" "2025-02-14 02:10" "2025-02-14T02:10:00Z" "2025-02-14T02:10:00+01:00" "00:00"; do
	expect_exit 0 "a note is back-dated: $at" mw incident note "at $at" --at "$at"
done
check "site time became UTC" contains "$(J)" '"at":"2025-02-14T01:10:00.000Z"'
expect_exit 2 "nonsense is not a time" mw incident note x --at "half past"
expect_exit 2 "the future is refused" mw incident note x --at "2099-01-01 00:00"

expect_exit 0 "a decision" mw incident decide "dump ARP by the superuser way"
expect_exit 0 "a hypothesis" mw incident hypothesis "credential drift" --json
H=$(printf '%s' "$OUT" | python3 -c 'import json,sys; print(json.load(sys.stdin)["seq"])')
expect_exit 0 "is ruled out" mw incident hypothesis --ruled-out "$H" "the password was never changed"
expect_exit 2 "a line that is none is refused" mw incident hypothesis --ruled-out 9999 why
expect_exit 0 "a line is pinned" mw incident pin "$H"
expect_exit 0 "a line is corrected" mw incident correct "$H" "credential drift on ARP"
check "the old words stay" contains "$(J)" '"text":"credential drift"'
expect_exit 0 "severity is set with a reason" mw incident severity SEV-0 "no restorable copy"
expect_exit 2 "an unknown severity is refused" mw incident severity SEV-9 why
expect_exit 0 "a role is taken" mw incident role commander
expect_exit 0 "and handed over" mw incident role commander --to grace --state-of-things "otc saved, arp running"
check "show names who has it" contains "$(mw incident show)" "commander: grace"

long=$(head -c 9000 /dev/zero | tr "\0" a)
expect_exit 0 "a long note is split into parts" mw incident note "$long"
expect_exit 0 "a long hypothesis too" mw incident hypothesis "$long end"
check "all of which is in the report" sh -c "'$MIDWATCH' export --format json | grep -q 'a end'"
check "part 1 of n" contains "$(J)" '"part":"1/'
printf 'x\033]0;owned\007y\r\nz\342\200\256evil\377' > hostile
expect_exit 0 "a hostile note is kept" sh -c "'$MIDWATCH' incident note - < hostile"
expect_exit 0 "a name with a quote too" mw incident note "it's \"quoted\" \$(id) \`id\` ; -- -x"
expect_exit 0 "and one that begins with a dash" mw incident note -- "-rf /"
mw incident show --all > shown
check "no control byte is printed" sh -c "! LC_ALL=C grep -q '[^[:print:][:space:]]' shown || ! LC_ALL=C grep -aq \"\$(printf '[\\001-\\010\\013-\\037\\177]')\" shown"
check "nor stands in the journal" sh -c "! LC_ALL=C grep -aq \"\$(printf '[\\001-\\011\\013-\\037\\177]')\" state/incidents/$ID/journal.jsonl"
check "every line is whole" mw verify "state/incidents/$ID/journal.jsonl"
expect_exit 0 "for the second reader too" python3 "$ROOT/tests/verify.py" "state/incidents/$ID/journal.jsonl"

expect_exit 0 "it is resolved" mw incident resolve
expect_exit 3 "not twice" mw incident resolve
expect_exit 3 "closing waits for its criteria" mw incident close
check "and names them" contains "$OUT" "rca published"
expect_exit 0 "published" mw incident publish "git, docs/inc.md"
expect_exit 0 "a follow-up" mw followup add "retention" --owner grace --due 2026-12-01
expect_exit 0 "is listed" mw followup list
check "with its owner" contains "$OUT" grace
expect_exit 0 "it is closed" mw incident close --json
POINT=$(printf '%s' "$OUT" | python3 -c 'import json,sys; print(json.load(sys.stdin)["checkpoint"])')
check "the checkpoint is its last line" sh -c "tail -1 state/incidents/$ID/journal.jsonl | grep -q ${POINT#*:}"
expect_exit 0 "verify proves the end by it" mw verify "state/incidents/$ID/journal.jsonl"
check "and says so" contains "$OUT" "proven by the checkpoint"
cp "state/incidents/$ID/journal.jsonl" cut.jsonl; truncate -s -512 cut.jsonl
expect_exit 1 "a cut end is noticed against it" mw verify cut.jsonl --checkpoint "$POINT"
expect_exit 0 "without it the rest is intact" mw verify cut.jsonl
check "but its end is not proven" contains "$OUT" "not proven"
sed '3s/"text":"/"text":"X/' "state/incidents/$ID/journal.jsonl" > changed.jsonl
expect_exit 1 "a changed line is found" mw verify changed.jsonl
check "and named" contains "$OUT" "line 3"
check "a new spare waits for the next one" test -s state/spare/journal.jsonl -o -e state/spare/journal.jsonl
expect_exit 0 "both are listed" mw incident list
check "as closed" test "$(printf '%s\n' "$OUT" | grep -c closed)" -eq 2
finish
