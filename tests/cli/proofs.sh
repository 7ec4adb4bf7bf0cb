#!/bin/sh
# Proofs of finished steps, watched by the real feed: a fact that turns false is
# one line of the record, its coming back another, and nobody says it twice.
. "$(dirname "$0")/../lib.sh"

cat >midwatch.cfg <<END2
site = { name = "t"; environment = "test"; runbook = "proofs"; state = "state"; };
disks = ( { name = "small"; path = "$WORK/disk"; warn = 98; high = 99; critical = 100; } );
END2
cat >proofs.cfg <<END2
runbook = { name = "proofs"; title = "Proofs"; version = 1; severity = "SEV-2"; say = "s"; steps = (
  { id = "flag"; stop = "safe"; title = "Raise the flag"; kind = "command";
    command = ( "touch", "$WORK/flag" ); proves = ( "file $WORK/flag exists" ); },
  { id = "room"; stop = "safe"; title = "Make room"; kind = "command"; optional = true;
    command = ( "true" ); proves = ( "disk small below 80" ); },
  { id = "forced"; stop = "safe"; title = "Forced"; kind = "command"; optional = true;
    command = ( "true" ); proves = ( "file $WORK/never exists" ); proof_within = "1s"; },
  { id = "cold"; stop = "safe"; title = "Freeze"; kind = "action"; optional = true;
    action = "freeze"; args = { on = true; }; proves = ( "frozen" ); },
  { id = "thaw"; stop = "safe"; title = "Lift it"; kind = "action"; optional = true;
    action = "freeze"; args = { on = false; }; proves = ( "not frozen" ); },
  { id = "word"; stop = "safe"; title = "Tell them"; kind = "check"; optional = true;
    proves = ( "update sent within 5s" ); },
  { id = "slow"; stop = "safe"; title = "Slow"; kind = "check"; optional = true;
    proves = ( "file $WORK/never exists" ); proof_within = "6s"; }
); resolve = ( "step flag done" ); close = ( "rca published" ); };
END2

until_()
{
	turns_=$(($1 * 5))
	shift
	while ! "$@" >/dev/null 2>&1; do
		turns_=$((turns_ - 1))
		[ "$turns_" -gt 0 ] || return 1
		sleep 0.2
	done
}
# said KIND STEP N: so many such lines are in the journal.
said()
{
	n_=$(cat state/incidents/*/journal.jsonl | grep "\"kind\":\"$1\"" | grep -c "\"step\":\"$2\"")
	[ "$n_" = "$3" ] || { echo "$n_ lines of $1 for $2"; return 1; }
}
pid_of_feed() { sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' lines | tail -1; }
room=
mkdir disk
if small_fs tmpfs 4M "$WORK/disk"; then room=yes; fi

expect_exit 0 "an incident opens" "$MIDWATCH" incident open --title proofs
expect_exit 0 "a step is proven by a file" "$MIDWATCH" run flag
[ -z "$room" ] || expect_exit 0 "another by a disk" "$MIDWATCH" run room
expect_exit 1 "a third is not proven" "$MIDWATCH" run forced
expect_exit 0 "an update was sent" "$MIDWATCH" incident update --by-hand
for s in cold thaw word; do expect_exit 0 "step $s is done" "$MIDWATCH" run $s; done
expect_exit 1 "one that may take its time is asked again" "$MIDWATCH" run slow
check "and that is said" contains "$ERR" "slow: not yet, it is asked again for up to"
"$MIDWATCH" watch >lines 2>lines.err &
watch=$!
at_exit "kill $watch 2>/dev/null"
until_ 5 sh -c 'grep -q "\"kind\":\"feed\"" lines'
at_exit "kill $(pid_of_feed) 2>/dev/null"
sleep 12
check "what holds is not worth a line" sh -c \
	'! grep -q "\"kind\":\"proof\\." state/incidents/*/journal.jsonl'

rm flag
[ -z "$room" ] || head -c 3800000 /dev/zero >disk/fill
check "a proof that turns false is said" until_ 40 said proof.lost flag 1
check "with the condition and what was seen" sh -c \
	'grep "\"kind\":\"proof.lost\"" state/incidents/*/journal.jsonl | grep -q "does not hold any more"'
if [ -n "$room" ]; then
	check "so is a disk that has filled up again" until_ 40 said proof.lost room 1
else
	skip "so is a disk that has filled up again" "$WHY"
fi
run_ "$MIDWATCH" incident show
check "the picture of the incident has it" sh -c \
	'printf "%s" "$1" | grep -qi "lost\|does not hold"' - "$OUT"

# another feed, another keeper: the record is what they go by
kill -9 "$(pid_of_feed)"
sleep 22
check "it is said once, also by the next feed" said proof.lost flag 1
[ -z "$room" ] || check "of the disk as well" said proof.lost room 1
at_exit "kill $(pid_of_feed) 2>/dev/null"

touch flag
rm -f disk/fill
check "what is true again is said" until_ 40 said proof.back flag 1
[ -z "$room" ] || check "for the disk too" until_ 40 said proof.back room 1
sleep 12
check "and once" said proof.back flag 1
check "nothing is said of a step that was not done" said proof.lost forced 0
expect_exit 0 "the record is whole" "$MIDWATCH" verify state/incidents/*/journal.jsonl
check "nobody complained" [ ! -s lines.err ]
finish
