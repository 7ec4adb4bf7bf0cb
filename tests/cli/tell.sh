#!/bin/sh
# Who is told, of what, by which way, and what the record says of it: triggers,
# hooks that fail, second ways, drills, updates and their clock, who comes next.
. "$(dirname "$0")/../lib.sh"

# site CONTACTS [ENVIRONMENT] [REGULATED]
site()
{
	cat <<CFG
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; channel = "#inc-prod"; runbook = "calls";
         environment = "${2:-production}"; regulated = ( ${3-} ); };
comms = { update_every = "15m"; timeout = "2s"; contacts = (
$1 ); };
CFG
}
# What the incident's journal holds.
export MIDWATCH
journal() { cat state/incidents/*/journal.jsonl; }
lines() { [ "$(cat "$1" 2>/dev/null | wc -l)" = "$2" ] || { wc -l "$1"; return 1; }; }
# one KIND TEXT: exactly one line of that kind has it.
one() { n_=$(journal | grep "\"kind\":\"$1\"" | grep -cF "$2"); [ "$n_" = 1 ] || { echo "$n_ of $1: $2"; journal | cut -c 1-300; return 1; }; }

book()
{
	cat >calls.cfg <<'CFG'
runbook = { name = "calls"; title = "Calls"; version = 1; severity = "SEV-2";
  severities = ( { level = "SEV-0"; say = "Lost."; tell = ( "sev-0" ); } );
  escalation = ( { after = "1ms"; unless = "role commander taken"; tell = "escalate"; say = "Nobody has taken it."; } );
  steps = (
    { id = "lead"; kind = "action"; action = "tell"; args = { trigger = "open"; }; title = "Tell them";
      proves = ( "told open" ); parallel = true; timeout = "30s"; stop = "safe: nothing"; },
    { id = "save"; kind = "command"; command = "echo '[ERROR] first'; echo '[FAIL] no route to nas'; echo and so on; exit 9"; exit_proves = true; title = "Save otc";
      on_fail = ( "tell emergency-backup-failed", "note try the other store" ); parallel = true; timeout = "10s"; stop = "safe: nothing"; },
    { id = "says"; kind = "command"; command = "$MIDWATCH incident tell sev-0 --text itself; exit 1"; exit_proves = true;
      title = "Tells by itself"; on_fail = ( "tell sev-0" ); parallel = true; timeout = "20s"; stop = "safe: nothing"; },
    { id = "prove"; kind = "command"; command = "exit 4"; exit_proves = true; title = "Prove the copy of otc";
      on_fail = ( "severity SEV-0", "tell validation-failed" ); parallel = true; timeout = "10s"; stop = "safe: nothing"; },
    { id = "small"; kind = "command"; command = "exit 1"; exit_proves = true; title = "Something small";
      on_fail = ( "severity SEV-1" ); parallel = true; timeout = "10s"; stop = "safe: nothing"; },
    { id = "update"; kind = "action"; action = "update"; title = "Send an update"; parallel = true;
      proves = ( "update sent within 15m" ); timeout = "30s"; stop = "safe: nothing"; },
    { id = "next"; kind = "action"; action = "escalate"; title = "The next in line"; parallel = true;
      proves = ( "told escalate" ); timeout = "30s"; stop = "safe: nothing"; },
    { id = "risk"; kind = "action"; action = "tell"; args = { trigger = "data-risk"; }; title = "Tell of the risk"; parallel = true;
      proves = ( "told data-risk" ); retries = 1; retry_after = "20s"; timeout = "30s"; stop = "safe: nothing";
      on_fail = ( "note the risk was told to nobody" ); },
    { id = "hooks"; kind = "action"; action = "notify"; args = { trigger = "update"; }; title = "Hooks alone"; parallel = true;
      proves = ( "told update" ); timeout = "30s"; stop = "safe: nothing"; }
  );
  resolve = ( "role commander taken" ); close = ( "rca published" ); };
CFG
}

# --- the file ---------------------------------------------------------------------------------
mkdir bad && cd bad && book
site '{ who = "A"; on = ( "open" ); url = "http://hooks.example/T0/canary"; next = "Bea"; },
      { who = "Ben"; on = ( "open" ); url = "https://hooks.example/T0/canary x"; url_file = "u"; next = "Ben"; second = ""; },
      { who = "C"; on = ( "oppen" ); next_after = "soon"; }' >midwatch.cfg
run_ "$MIDWATCH" lint midwatch.cfg
check "a webhook without https is refused" contains "$OUT$ERR" "comms.contacts[0].url: must begin with 'https://'"
check "and one that is no address" contains "$OUT$ERR" "comms.contacts[1].url: is not an address"
check "and one that is said twice" contains "$OUT$ERR" "comms.contacts[1].url_file: one of"
check "who comes next has to be somebody" contains "$OUT$ERR" "unknown contact 'Bea', did you mean 'Ben'?"
check "somebody else" contains "$OUT$ERR" "'Ben' does not come after themselves"
check "an address is not quoted in what is said of it" lacks "$OUT$ERR" canary
cd ..

# --- an incident, with people of all kinds -------------------------------------------------------
mkdir night && cd night && book
site '{ who = "Tech Lead"; role = "decides"; phone = "+234 800 000 001"; on = ( "open" ); tell = "cat >>lead"; next_after = "1s"; },
      { who = "Channel"; on = ( "open", "update", "resolve", "close" ); tell = "cat >>channel"; },
      { who = "Head"; on = ( "emergency-backup-failed", "sev-0", "validation-failed" ); tell = "echo no modem; exit 3"; second = "cat >>head"; },
      { who = "Compliance"; phone = "+234 800 000 007"; on = ( "data-risk", "downtime" ); },
      { who = "Audit liaison"; on = ( "data-risk" ); only_regulated = true; },
      { who = "Lost"; phone = "+234 9"; on = ( "restore-test-failed" ); tell = "exit 1"; },
      { who = "DBA lead"; on = ( "escalate" ); tell = "cat >>dba"; }' >midwatch.cfg
expect_exit 0 "the people are listed before anything has happened" "$MIDWATCH" incident people
check "with phone and role" contains "$OUT" "Tech Lead, decides  +234 800 000 001"
check "and how they are reached" contains "$OUT" "hook, second hook"
check "and who comes after whom" contains "$OUT" "escalation: Tech Lead, then DBA lead"
expect_exit 3 "nobody is told without an incident" "$MIDWATCH" incident tell open
"$MIDWATCH" incident open --title "nightly failed" >out
check "opening by itself tells nobody" [ ! -e lead ]
expect_exit 0 "the step that tells runs and is proven" "$MIDWATCH" run lead
check "each has the message once" lines lead 1
check "and the channel" lines channel 1
check "it says what happened" contains "$(cat lead)" '"subject":"INC-'
check "and of which occasion" contains "$(cat lead)" '"trigger":"open"'
expect_exit 0 "telling once more wakes nobody" "$MIDWATCH" incident tell open
check "and says since when they know" contains "$OUT" "Tech Lead knows of it since"
check "which is so" lines lead 1
run_ "$MIDWATCH" incident tell open --text "disk is at 99 %" --except "tech lead"
check "with something to add they are told again" grep -q 'disk is at 99 %' channel
check "but for those who are left out" lines lead 1
expect_exit 2 "an unknown occasion is wrong usage" "$MIDWATCH" incident tell oppen
check "and the nearest is offered" contains "$ERR" "did you mean 'open'?"
expect_exit 1 "an occasion of nobody's is a failure" "$MIDWATCH" incident tell nightly-ok
check "that says what to do" contains "$ERR" "incident told --by-hand NAME --trigger nightly-ok"

expect_exit 1 "a step that fails" "$MIDWATCH" run save
check "tells whom it names" lines head 1
check "by the second way when the first fails" one told 'Head was told (emergency-backup-failed): Save otc failed: it ended with exit 9: no route to nas'
check "and says so" contains "$OUT" "Head was told (emergency-backup-failed)"
check "what failed of the first way is in the record" one told 'exit 3: no modem'
check "advice is noted" one note "try the other store"
run_ "$MIDWATCH" run prove
check "a copy that cannot be proven is SEV-0" one severity '"level":"SEV-0"'
check "whoever is to know of SEV-0 is told" one told "Head was told (sev-0)"
check "as of the failure itself" one told "Head was told (validation-failed)"
check "and the answer says so" contains "$OUT" "SEV-0 now"
run_ "$MIDWATCH" run says
check "who was told by the work itself is not told again by its step" one told "Head was told (sev-0): itself"
check "once" lines head 4
run_ "$MIDWATCH" run small
check "a smaller failure does not make it SEV-1" contains "$("$MIDWATCH" incident show)" "SEV-0"
check "but is noted" one note "small failed"
run_ "$MIDWATCH" incident severity SEV-2 "it was the test"
check "a lower severity wakes nobody" lines head 4
run_ "$MIDWATCH" incident severity SEV-0 "no, it is lost"
check "SEV-0 by a person tells as well" lines head 5

# --- by hand
expect_exit 3 "data at risk is declared, not told" "$MIDWATCH" incident tell data-risk
expect_exit 3 "declaring names first who will be told" "$MIDWATCH" incident declare data-risk
check "with phone" contains "$OUT" "Compliance, by hand, +234 800 000 007"
check "and who is not, and why" contains "$OUT" "not Audit liaison: no regulation is named for this site"
check "and changes nothing" lacks "$(journal)" '"kind":"declared"'
expect_exit 0 "it is declared when that is confirmed" "$MIDWATCH" incident declare data-risk "the newest copy is 3 days old" --confirm
check "who has no hook is to be called" contains "$OUT" "tell Compliance by hand, +234 800 000 007"
check "which is open in the record" one tell "tell Compliance by hand"
expect_exit 3 "it is declared once" "$MIDWATCH" incident declare data-risk --confirm
run_ "$MIDWATCH" incident show
check "what is to be told stands on the page" contains "$OUT" "TO TELL: Compliance, +234 800 000 007 (data-risk)"
began=$(date +%s)
expect_exit 1 "a step whose call only a person can make waits for that" "$MIDWATCH" run risk
check "and says how it is ticked" sh -c 'printf "%s\n" "$1" | grep -q "^\[WAITS\] risk: waits for a person: Compliance is still to be told .*told --by-hand"' - "$OUT"
check "at once, and but once" [ $(($(date +%s) - began)) -lt 18 ]
check "it has not failed" lacks "$(journal)" "the risk was told to nobody"
run_ "$MIDWATCH" incident show
check "which the page says as well" contains "$OUT" "waits for a person: Compliance is still to be told"
check "and it holds up nothing else" lacks "$OUT" "now: Tell of the risk"
expect_exit 0 "a call is ticked" "$MIDWATCH" incident told --by-hand compliance
check "with it the step is done" [ "$("$MIDWATCH" incident show --json | python3 -c 'import json, sys
print([s["how"] for s in json.load(sys.stdin)["steps"] if s["id"] == "risk"])')" = "['proven']" ]
check "by whom" one told "Compliance was told by hand (data-risk), by"
run_ "$MIDWATCH" incident show
check "and then it is gone from the page" lacks "$OUT" "TO TELL"
expect_exit 2 "what is not open cannot be ticked" "$MIDWATCH" incident told --by-hand Compliance
expect_exit 0 "somebody whom no file names was told" "$MIDWATCH" incident told --by-hand "The Mayor" --trigger downtime
run_ "$MIDWATCH" incident declare downtime --confirm
check "downtime is declared likewise" one declared '"what":"downtime"'
expect_exit 1 "a hook that fails is a failure" "$MIDWATCH" incident tell restore-test-failed
check "shown, with the phone" contains "$OUT" "could not be told: Lost: exit 1; by hand, +234 9"
run_ "$MIDWATCH" incident tell restore-test-failed
check "twice failed is one person to be called" sh -c \
	'[ $("$1" incident show | grep -c "TO TELL: Lost") = 1 ]' - "$MIDWATCH"

# --- who comes next
run_ "$MIDWATCH" incident show
check "what the runbook wants escalated is said" contains "$OUT" "ESCALATE: Nobody has taken it."
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	"$MIDWATCH" incident show | grep -q "NO ANSWER from Tech Lead: DBA lead is next" && break
	sleep 0.5
done
check "silence is said, with who is next" contains "$("$MIDWATCH" incident show)" "NO ANSWER from Tech Lead: DBA lead is next"
"$MIDWATCH" status --notify >out 2>err
check "a timer tells the next in line" lines dba 1
check "and why" grep -q "Tech Lead was told .* ago and has not answered" dba
"$MIDWATCH" status --notify >out 2>err
check "once" lines dba 1
expect_exit 0 "an answer is noted" "$MIDWATCH" incident ack "dba lead"
check "as such" one told.acked "DBA lead has answered"
expect_exit 2 "nobody answers who was not told" "$MIDWATCH" incident ack Nobody
expect_exit 0 "a button asks the one who is silent again" "$MIDWATCH" incident escalate
check "that is the first" lines lead 2
expect_exit 0 "anybody can be asked for by name" "$MIDWATCH" incident escalate head --text "please decide"
check "and is" grep -q "please decide" head
expect_exit 0 "nobody is due" "$MIDWATCH" incident escalate --due
expect_exit 0 "the step that escalates is proven" "$MIDWATCH" run next
expect_exit 0 "who was told and when is a list" "$MIDWATCH" incident told
check "with who has answered" sh -c 'printf %s "$1" | grep -q "DBA lead.*answered"' - "$OUT"
"$MIDWATCH" incident told --json >told.json
check "and JSON" python3 -c '
import json
o = json.load(open("told.json"))
assert o["ok"] and any(t["who"] == "Compliance" and t["by_hand"] for t in o["told"]), o'
"$MIDWATCH" incident people --json >people.json
check "as the people are" python3 -c '
import json
p = {x["who"]: x for x in json.load(open("people.json"))["people"]}
assert p["Tech Lead"]["next_after_ms"] == 1000 and p["Head"]["told"], p'

# --- updates
run_ "$MIDWATCH" incident show
check "the clock of updates is on the page" contains "$OUT" "next update: "
expect_exit 3 "an update is shown first" "$MIDWATCH" incident update
check "with how it stands" contains "$OUT" "NO: role commander taken"
check "what failed" contains "$OUT" "FAILED: Save otc"
check "and what was declared" contains "$OUT" "DATA AT RISK was declared"
check "and not sent" lacks "$(journal)" '"kind":"update"'
expect_exit 0 "a draft alone can be had" "$MIDWATCH" incident update --draft --json
expect_exit 0 "the step sends it and is proven" "$MIDWATCH" run update
check "the channel has it" grep -q "Conditions:" channel
check "and the record" one update "Conditions:"
expect_exit 0 "one's own words go as well" "$MIDWATCH" incident update --send --text "nothing new, still at it"
check "to the channel" grep -q "nothing new, still at it" channel
expect_exit 2 "putting it off needs a reason" "$MIDWATCH" incident update --snooze 10m
expect_exit 0 "with one it is put off" "$MIDWATCH" incident update --snooze 1s --reason "hands full"
check "which the record shows" one update.snoozed "hands full"
for i in 1 2 3 4 5 6 7 8; do
	"$MIDWATCH" incident show | grep -q "UPDATE DUE since" && break
	sleep 0.5
done
check "an update that is due is said" contains "$("$MIDWATCH" incident show)" "UPDATE DUE since"
check "by status too" contains "$("$MIDWATCH" status)" "UPDATE DUE since"
expect_exit 0 "hooks alone are a button" "$MIDWATCH" run hooks

# --- the end
run_ "$MIDWATCH" incident resolve --override "enough"
check "resolving is told" grep -q '"trigger":"resolve"' channel
run_ "$MIDWATCH" incident close --override "enough"
check "closing too" grep -q '"trigger":"close"' channel
run_ "$MIDWATCH" incident show "$(ls state/incidents)"
check "the closed incident is shown" contains "$OUT" "  closed  "
check "no update is due any more" lacks "$OUT" "UPDATE DUE"
check "the record is whole" "$MIDWATCH" verify state/incidents/*/journal.jsonl
cd ..

# --- at a terminal -----------------------------------------------------------------------------
# at_tty WORDS COMMAND...: answers the question at its prompt; what was said is in tty.
at_tty()
{
	python3 - "$@" >tty 2>&1 <<'PY'
import os, pty, select, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
said, answered = b"", False
while True:
    if not select.select([fd], [], [], 30)[0]:
        break
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    said += got
    if not answered and said.rstrip(b" ").endswith((b"[y/N]", b"declare it:")):
        os.write(fd, sys.argv[1].encode() + b"\n")
        answered = True
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
}
mkdir tty && cd tty && book
site '{ who = "Channel"; on = ( "update", "sev-0" ); tell = "cat >>channel"; },
      { who = "Desk"; on = ( "downtime" ); tell = "cat >>desk"; }' >midwatch.cfg
"$MIDWATCH" incident open --severity SEV-0 >/dev/null
check "an incident that opens as SEV-0 is told as such" lines channel 1
at_tty n "$MIDWATCH" incident update
check "at a terminal the draft is shown and asked for" grep -q 'send it? \[y/N\]' tty
check "a no sends nothing" lines channel 1
at_tty y "$MIDWATCH" incident update
check "a yes sends it" lines channel 2
printf '#!/bin/sh\necho "by the editor" >>"$1"\n' >edit && chmod +x edit
at_tty y env EDITOR=./edit VISUAL= "$MIDWATCH" incident update --edit
check "what was edited is sent" sh -c 'tail -n 1 channel | grep -q "by the editor"'
check "and no file of it stays" sh -c '! ls /tmp/midwatch-update.* 2>/dev/null | grep -q .'
at_tty maybe "$MIDWATCH" incident declare downtime
check "declaring wants its word typed" [ ! -e desk ]
at_tty downtime "$MIDWATCH" incident declare downtime "checkout is down"
check "which does it" grep -q 'checkout is down' desk
cd ..

# --- where regulations apply --------------------------------------------------------------------
mkdir rules && cd rules && book
site '{ who = "Audit liaison"; on = ( "data-risk" ); only_regulated = true; tell = "cat >>audit"; },
      { who = "Desk"; phone = "+1"; on = ( "update" ); }' production '"PCI"' >midwatch.cfg
"$MIDWATCH" incident open >/dev/null
run_ "$MIDWATCH" incident declare data-risk --confirm
check "the audit liaison is told where the site is regulated" lines audit 1
expect_exit 1 "an update that nobody has got is none" "$MIDWATCH" incident update --send --text "we are at it"
check "it says how it becomes one" contains "$ERR" "incident told --by-hand"
check "the record has its words for whoever calls" one tell '"text":"we are at it"'
check "and no update" lacks "$(journal)" '"kind":"update"'
run_ "$MIDWATCH" incident told --by-hand Desk
check "a call makes it one" one update "Desk was told by hand (update)"
cd ..

# --- every occasion -------------------------------------------------------------------------------
mkdir each && cd each && book
all='open update resolve close escalate emergency-backup-failed validation-failed sev-0 data-risk downtime disk-warn
disk-high disk-critical login-failed nightly-ok nightly-failed nightly-missed size-anomaly restore-test-failed schema-unreadable'
for t in $all; do printf '{ who = "on %s"; on = ( "%s" ); tell = "cat >>got"; },\n' $t $t; done | sed '$s/,$//' >people
site "$(cat people)" >midwatch.cfg
"$MIDWATCH" incident open >/dev/null
"$MIDWATCH" incident declare data-risk --confirm >/dev/null
"$MIDWATCH" incident declare downtime --confirm >/dev/null
for t in $all; do "$MIDWATCH" incident tell $t >/dev/null; done
for t in $all; do [ "$(grep -c "\"who\":\"on $t\"" got)" = 1 ] || echo $t; done >missing
check "each occasion reaches who is on it, and nobody else" [ ! -s missing ]
cd ..

# --- hooks of all kinds -----------------------------------------------------------------------------
mkdir odd && cd odd && book
site '{ who = "Hangs"; on = ( "open" ); tell = "sleep 300"; },
      { who = "Fails"; on = ( "open" ); tell = "exit 7"; },
      { who = "Shouts"; on = ( "open" ); tell = "yes | head -c 9000000; exit 4"; },
      { who = "Rude"; on = ( "open" ); tell = ( "printf", "\\033]0;evil\\007\\302\\233 https://hooks.example/T0/canary" ); second = "printf \"\\\\033[2Jhttps://x:y@hooks.example/T0/canary\"; exit 1"; },
      { who = "Absent"; on = ( "open" ); tell = ( "./is-not-there" ); },
      { who = "Last"; on = ( "open" ); tell = "cat >>last"; }' >midwatch.cfg
sed -i 's/( "printf", /( "sh", "-c", "printf \\"$0\\"; exit 2", /' midwatch.cfg
"$MIDWATCH" incident open >/dev/null
expect_exit 1 "hooks that hang, fail and shout are failures" "$MIDWATCH" incident tell open
check "that keep nobody else from being told" lines last 1
check "each is named: one that hangs" contains "$OUT" "could not be told: Hangs: '/bin/sh' did not end in time"
check "one that is not there" contains "$OUT" "could not be told: Absent: cannot start"
check "one that shouts is cut" sh -c '[ ${#1} -lt 2000 ]' - "$(printf %s "$OUT" | grep Shouts)"
check "no escape sequence gets through" sh -c '! LC_ALL=C grep -q "$(printf "\\033")" "$1" state/incidents/*/journal.jsonl' - "$WORK/.out"
check "nor an address that a hook printed" lacks "$OUT$(journal)" canary
check "but its host" contains "$OUT" "https://hooks.example/..."
check "all of it is short in the record" sh -c '[ $(wc -c <"$1") -lt 40000 ]' - state/incidents/*/journal.jsonl
cd ..

# --- drills -------------------------------------------------------------------------------------------
mkdir drill && cd drill && book
site '{ who = "Tech Lead"; on = ( "open", "emergency-backup-failed" ); tell = "cat >>lead"; url = "https://127.0.0.1:9/x"; },
      { who = "Channel"; on = ( "update" ); tell = "cat >>channel"; },
      { who = "Compliance"; on = ( "data-risk" ); }' drill >midwatch.cfg
"$MIDWATCH" incident open >/dev/null
expect_exit 0 "a drill plays the step that tells" "$MIDWATCH" run lead
expect_exit 0 "and the one that sends updates" "$MIDWATCH" run update
run_ "$MIDWATCH" run save
check "nobody is really told" [ ! -e lead ]
check "nor any channel" [ ! -e channel ]
check "and the record says so" one told "drill: not sent: Tech Lead (open)"
run_ "$MIDWATCH" incident declare data-risk --confirm
check "who is called by hand is to be called in a drill too" contains "$OUT" "tell Compliance by hand"
cd ..
finish
