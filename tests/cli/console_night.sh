#!/bin/sh
# An incident worked through the console over a real ssh: opened, noted, saved, with
# the connection killed in the middle of the backup; and two people at once.
. "$(dirname "$0")/../lib.sh"
at_exit end_feeds
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/screen.sh"

give_up() { skip "an incident is worked through the console" "$WHY"; finish; }
screen_have || give_up
pg_have || give_up
pg_start_cluster "$WORK/pg" || give_up
sshd_start "$WORK/ssh" || give_up
psql_ "$WORK/pg" -c 'CREATE DATABASE otc'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT generate_series(1, 1000) g' >/dev/null
mkdir store
cat >midwatch.cfg <<END
site = { name = "bank"; environment = "production"; timezone = "UTC"; state = "$WORK/state"; runbook = "night"; };
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; } );
stores = ( { name = "nas"; path = "$WORK/store"; } );
backup = { to = ( "nas" ); min_free = "1MB"; };
END
cat >night.cfg <<END
runbook = { name = "night"; title = "A bad night"; version = 1; severity = "SEV-2"; say = "s"; steps = (
  { id = "look"; title = "Read the alarm"; stop = "safe"; kind = "manual"; },
  { id = "hold"; title = "Wait for a while"; stop = "safe"; kind = "command"; exit_proves = true; timeout = "5m";
    command = "echo waits; while [ ! -e $WORK/go ]; do sleep 0.1; done"; }
); resolve = ( "step hold done" ); close = ( "step hold done" ); };
END
mw() { "$MIDWATCH" "$@"; }
# over TERM LANG [COMMAND...]: a console at the other end of an ssh, or something else
over()
{
	term=$1 lang=$2
	shift 2
	echo "ssh -F none -tt -i $WORK/ssh/userkey -p $SSHD_PORT -o UserKnownHostsFile=$WORK/ssh/known_hosts $SSHD_USER@127.0.0.1 \"cd $WORK && TERM=$term LC_ALL=$lang exec ${*:-$MIDWATCH}\""
}
journal() { cat state/incidents/*/journal.jsonl; }
in_journal() { journal | grep -q "$1"; }
step_is()
{
	mw incident show --json | python3 -c "import json, sys
print([s for s in json.load(sys.stdin)['steps'] if s['id'] == '$1'][0]['state'])" | grep -qx "$2"
}
find_slower()
{
	for slower in one two ''; do
		[ -n "$slower" ] || return 1
		case $(screen "$slower") in *"running now"* | *"running already"*) return 0 ;; esac
	done
	return 1
}
job_runs() { mw jobs | grep -q running; }
nothing_runs() { ! job_runs; }

screen_start one 80x24 "$(over vt100 C)"
check "the console starts over ssh, on a vt100 in LANG=C" screen_shows one "## PROD"
check "it knows that nothing was saved" screen_shows one "otc"
keys one O
check "a key asks for the title of an incident" screen_shows one "title of the incident"
typed one "the backup failed"
keys one Enter
check "and it is open" screen_shows one "SEV-2"
check "its runbook is there" screen_shows one "Read the alarm"
keys one i
typed one "disk is 96 %; who grew it?"
keys one Enter
check "the alarm is its evidence" in_journal '"alarm":"backup otc: '
check "a note is saved" screen_shows one "note saved"
check "and stands in the record" in_journal "disk is 96 %; who grew it?"

screen_start two 120x40 "env TERM=tmux-256color $MIDWATCH --read-only"
check "a second one is told first where they are" screen_shows two "where we are"
keys two q
check "it sees the same incident" screen_shows two "who grew it?"
keys two s
check "but only looks" screen_shows two "this console only looks"

gate_shut t
keys one s
check "save everything begins" screen_shows one "Job 1 works"
check "the other one sees it" screen_shows two "Job 1 works"
check "the connection is killed" screen_kill one KILL
check "the backup goes on" job_runs
run_ mw login-line
check "a login says so" contains "$OUT" "RUNNING"
screen_start one 80x24 "$(over xterm C)"
check "the next console shows what runs" screen_shows one "Job 1 works"
gate_open
check "the backup ends" screen_shows one "done after"
check "and is verified" in_journal "verified"
run_ mw sets
check "its set is whole" contains "$OUT" "otc"
all_seen() { case $(screen one) in *"no verified copy"*) return 1 ;; esac; }
check "and the picture does not go on about it" until_ all_seen

screen_kill two TERM
screen_start two 80x24 "env TERM=screen $MIDWATCH"
check "somebody else has come" screen_shows two "where we are"
check "and is told what is waited for" screen_shows two "Read the alarm"
keys two 2
keys one 2
keys one Space
check "a step for a person is ticked" until_ step_is look done
check "the other console sees that" screen_shows two "confirmed"
check "both stand on the next step" screen_shows two "> TODO  2"
check "both of them" screen_shows one "> TODO  2"
keys one r
keys two r
check "the step runs" until_ job_runs
check "and nobody knows how far it is" screen_shows one "its command runs"
check "nor says so" lacks "$(screen one)" "100 %"
until_ find_slower		# not in a check, whose shell ends with it
check "whoever was slower is told that it runs" [ -n "$slower" ]
keys "$slower" Escape
check "and sees it run" screen_shows "$slower" ": Wait for a while, by"

# A tmux at the other end too, in the one of this end, and the line between them cut.
inner="tmux -S $WORK/inner -f /dev/null"
at_exit "$inner kill-server 2>/dev/null"
screen_start three 80x24 "$(over tmux-256color C.UTF-8 "$inner new-session -s night $MIDWATCH")"
check "a tmux in a tmux shows it as well" screen_shows three ": Wait for a while, by"
keys three i
typed three "one half before,"
check "a note is begun there" screen_shows three "one half before,"
check "the line is cut" screen_kill three KILL
screen_start three 100x30 "$(over vt100 C.UTF-8 "$inner attach -t night")"
check "on a line and a terminal of another kind the note stands as it was" \
	screen_shows three "one half before,"
typed three " one after"
keys three Enter
check "and is saved whole" until_ in_journal "one half before, one after"
keys three q
check "leaving it is asked, for something runs" screen_shows three "[>leave"
sleep 0.5	# what is typed before that is thrown away
keys three Enter
check "it leaves, and its tmux" until_ screen_dead three
screen_end three
check "the step still runs" job_runs

touch go
check "the step ends" until_ nothing_runs
check "it is done" until_ step_is hold done
check "it ran once" [ "$(mw jobs | grep -c "Wait for")" = 1 ]

keys one i
typed one "half a sent"
check "the words stand there" screen_shows one "half a sent"
check "the line is lost in the middle of a note" screen_kill one HUP
check "the words are in the record" until_ in_journal "(unfinished) half a sent"
keys two E
check "resolving is asked" screen_shows two "[>cancel<]"
sleep 0.5	# what is typed before that is thrown away
keys two Tab
check "the other button is chosen" screen_shows two "[>resolve<]"
keys two Enter
check "the incident is resolved" until_ in_journal '"kind":"incident.resolved"'
check "which it shows" screen_shows two "is resolved"
keys two Escape
sleep 0.5
keys two q
check "it leaves" until_ screen_dead two
expect_exit 0 "the journal holds together" mw verify state/incidents/*/journal.jsonl
run_ mw login-line
check "and a login says nothing more" [ "$STATUS$OUT$ERR" = 0 ]
finish
