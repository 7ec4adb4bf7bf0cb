#!/bin/bash
# Steps and their jobs: gates, proofs, retries, time limits, cancelling, death.
. "$(dirname "$0")/../lib.sh"

S=$WORK/site; mkdir -p "$S"; cd "$S" || exit 99
cat > midwatch.cfg <<CFG
site = { name = "t"; environment = "test"; runbook = "steps"; state = "state"; };
CFG
cat > loud <<'SH'
head -c 3000000 /dev/zero | tr '\0' x; echo end
SH
cat > escape <<'SH'
printf 'a\033[31mred\007\rover\n'
SH
step() { printf '    { id = "%s"; stop = "safe"; title = "Step %s"; %s },\n' "$1" "$1" "$2"; }
{
	echo 'runbook = { name = "steps"; title = "Steps"; version = 1; severity = "SEV-2"; say = "s"; steps = ('
	step good 'kind = "command"; command = ( "true" ); exit_proves = true; parallel = true;'
	step bad 'kind = "command"; command = "echo from bad; exit 7"; exit_proves = true; optional = true; on_fail = ( "severity SEV-0", "tell sev-0", "note look at the disk" );'
	step unproven "kind = \"command\"; command = ( \"true\" ); proves = ( \"file $S/never exists\" ); proof_within = \"1s\"; optional = true;"
	step late "kind = \"command\"; command = \"(sleep 1; touch $S/late) & exit 0\"; proves = ( \"file $S/late exists\" ); proof_within = \"8s\"; optional = true;"
	step gated 'kind = "command"; command = ( "true" ); exit_proves = true; needs = ( "step good done" ); optional = true;'
	step soft "kind = \"command\"; command = ( \"true\" ); exit_proves = true; wants = ( \"file $S/never exists\" ); optional = true;"
	step retried "kind = \"command\"; command = \"echo x >> $S/tries; test \$(wc -l < $S/tries) -ge 3\"; exit_proves = true; retries = 3; retry_after = \"100ms\"; optional = true;"
	step slow "kind = \"command\"; command = \"(setsid sleep 300 & echo \$! > $S/grand); sleep 300\"; exit_proves = true; timeout = \"1s\"; optional = true;"
	step long "kind = \"command\"; command = \"(setsid sleep 301 & echo \$! > $S/grand2); echo \$\$ > $S/shell; echo begun; exec sleep 301\"; exit_proves = true; timeout = \"10m\"; optional = true;"
	step stubborn "kind = \"command\"; command = \"trap '' TERM; while :; do sleep 1; done\"; exit_proves = true; timeout = \"500ms\"; optional = true;"
	step loud "kind = \"command\"; command = ( \"sh\", \"$S/loud\" ); exit_proves = true; output_limit = \"1MB\"; optional = true;"
	step escape "kind = \"command\"; command = ( \"sh\", \"$S/escape\" ); exit_proves = true; optional = true;"
	step missing 'kind = "command"; command = ( "/no/such/program" ); exit_proves = true; optional = true;'
	step typed 'kind = "command"; command = ( "true" ); exit_proves = true; confirm = "otc"; optional = true;'
	step sense "kind = \"manual\"; proves = ( \"file $S/sensed exists\" ); proof_within = \"500ms\"; optional = true;"
	step hand 'kind = "manual"; role = "commander"; optional = true;'
	printf '    { id = "never"; stop = "safe"; title = "Never"; kind = "manual"; when = "file %s/never exists"; optional = true; }\n' "$S"
	echo '  ); resolve = ( "step good done" ); close = ( "rca published" ); };'
} > steps.cfg
mw() { "$MIDWATCH" "$@"; }
state_of() { mw incident show --json | python3 -c "import json,sys; d=json.load(sys.stdin); print([s for s in d['steps'] if s['id']=='$1'][0]['state'])"; }
journal() { cat state/incidents/*/journal.jsonl; }
is() { [ "$(state_of "$1")" = "$2" ]; }

expect_exit 0 "the runbook lints" mw lint steps.cfg
expect_exit 0 "an incident opens with it" mw incident open --title steps
expect_exit 3 "a hard gate holds" mw run gated
check "and says which condition is not met" contains "$ERR" "step good done"
expect_exit 0 "a command step runs and is proven by its exit" mw run good
check "it is done" is good done
expect_exit 0 "the gate is open now" mw run gated
expect_exit 3 "a done step does not run twice" mw run good
expect_exit 0 "unless asked" mw run good --again
expect_exit 1 "a failing command fails the step" mw run bad
check "its output was shown" contains "$OUT" "from bad"
check "its exit status is said" contains "$OUT" "exit 7"
check "on_fail raised the severity" contains "$(mw incident show --json)" '"severity":"SEV-0"'
check "and somebody is to be told" contains "$(journal)" '"kind":"tell"'
expect_exit 1 "exit 0 without proof is not done" mw run unproven
check "it says what is not proven" contains "$OUT" "not proven"
expect_exit 0 "a proof that comes later is waited for" mw run late
expect_exit 3 "a soft gate asks" mw run soft
expect_exit 0 "and is passed knowingly" mw run soft --anyway
check "which is journaled" contains "$(journal)" '"kind":"gate.passed"'
expect_exit 0 "a retried step ends well at last" mw run retried
check "after three attempts" contains "$(journal)" '"attempts":3'
expect_exit 1 "a step past its time limit fails" mw run slow
check "and its whole tree is gone, sessions of their own included" sh -c "! kill -0 $(cat "$S/grand")"
expect_exit 1 "a tree that ignores TERM is killed" mw run stubborn
expect_exit 0 "more output than the limit is cut, not the work" mw run loud
check "what was kept is the limit" test "$(stat -c %s state/jobs/*/output.log | sort -n | tail -1)" -eq 1048576
check "the cut is in the journal" contains "$(journal)" '"cut_from":3000004'
expect_exit 0 "a step prints escape sequences" mw run escape
check "none reaches the terminal" sh -c '! printf %s "$1" | grep -q "$(printf "\\033")"' x "$OUT"
check "but is shown for what it is" contains "$OUT" 'a\x1b[31mred\x07\rover'
expect_exit 1 "a program that is not there fails the step" mw run missing
check "and is named" contains "$OUT$ERR" "/no/such/program"
expect_exit 3 "a confirmation is asked for" mw run typed
expect_exit 3 "a wrong word is refused" mw run typed --confirm oct
expect_exit 0 "the right one runs it" mw run typed --confirm otc
expect_exit 1 "a person cannot tick what a probe can see" mw run sense
touch "$S/sensed"
expect_exit 0 "the probe can" mw run sense
expect_exit 0 "a manual step is confirmed" mw run hand
check "by a person" contains "$(journal)" '"how":"confirmed"'
expect_exit 3 "a step that does not apply does not run" mw run never
expect_exit 2 "a misspelt step is wrong usage" mw run godo
check "with a suggestion" contains "$ERR" "good"
expect_exit 0 "a step is skipped with a reason" mw run never --skip "not tonight"
expect_exit 2 "but not without" mw run bad --skip ""

# --- cancelling, letting go, dying -------------------------------------------------
"$MIDWATCH" run long --again >"$S/follow" 2>&1 </dev/null & follower=$!
for i in $(seq 100); do grep -q begun "$S/follow" && break; sleep 0.1; done
job=$(mw jobs --json | python3 -c "import json,sys; print([j['job'] for j in json.load(sys.stdin)['jobs'] if j['state']=='running'][0])")
check "a running job is listed" test -n "$job"
expect_exit 3 "the same step does not start twice" mw run long
check "and it says which job has it" contains "$ERR" "job $job"
expect_exit 0 "it is cancelled by request" mw cancel "$job"
wait $follower; rc=$?
check "whoever followed it sees it cancelled" test $rc -eq 143
check "all of its tree is gone" sh -c "! kill -0 $(cat "$S/grand2")"
check "the journal says who asked" contains "$(journal)" '"kind":"job.cancel"'
expect_exit 3 "an ended job is not cancelled again" mw cancel "$job"

"$MIDWATCH" run long >"$S/follow2" 2>&1 </dev/null & follower=$!
for i in $(seq 100); do grep -q begun "$S/follow2" && break; sleep 0.1; done
kill -TERM $follower; wait $follower; rc=$?
check "TERM to the follower cancels the whole tree" test $rc -eq 143
check "of which nothing is left" sh -c "! kill -0 $(cat "$S/grand2")"

"$MIDWATCH" run long >"$S/follow3" 2>&1 </dev/null & follower=$!
for i in $(seq 100); do grep -q begun "$S/follow3" && break; sleep 0.1; done
kill -KILL $follower; wait $follower 2>/dev/null
check "the job outlives a killed console" is long running
pid=$(mw jobs --json | python3 -c "import json,sys; print([j['pid'] for j in json.load(sys.stdin)['jobs'] if j['state']=='running'][0])")
kill -KILL "$pid"
for i in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
check "a job killed without an outcome is in doubt" is long "in doubt"
expect_exit 3 "it is not run again blindly" mw run long
check "the journal has the doubt" contains "$(journal)" '"kind":"step.doubt"'
kill -KILL "$(cat "$S/grand2")" "$(cat "$S/shell")"
expect_exit 0 "it is skipped once somebody has looked" mw run long --skip "looked: nothing was changed"

# --- a step starts once, whoever is faster -------------------------------------------
for i in 1 2 3 4 5 6; do mw run retried --again >/dev/null 2>"$S/race$i" </dev/null & done; wait
check "of six at once the journal stays whole" mw verify state/incidents/*/journal.jsonl
expect_exit 0 "the second reader agrees" python3 "$ROOT/tests/verify.py" "$(ls state/incidents/*/journal.jsonl)"
check "and every start follows an end" python3 - "$(ls state/incidents/*/journal.jsonl)" <<'PY'
import json,sys
running=None
for l in open(sys.argv[1]):
    e=json.loads(l)
    if e.get('step')!='retried': continue
    if e['kind']=='step.started':
        assert running is None, e['seq']
        running=e['seq']
    elif e['kind'] in('step.done','step.failed'): running=None
PY
finish
