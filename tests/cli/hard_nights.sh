#!/bin/bash
# What may go wrong around the record while an incident is worked: file systems
# that vanish, fill up or become read-only, openings and jobs that are killed.
. "$(dirname "$0")/../lib.sh"
mw() { "$MIDWATCH" "$@"; }
D=$WORK/first E=$WORK/second
site()	# a site on $D whose second journal is on $E
{
	cd "$D" || exit 99
	printf 'site = { name = "t"; runbook = "r"; state = "state"; second = "%s"; };\n' "$E" > midwatch.cfg
	cat > r.cfg <<-CFG
	runbook = { name = "r"; title = "R"; version = 1; severity = "SEV-1"; say = "s"; steps = (
	  { id = "quick"; kind = "command"; command = ( "true" ); exit_proves = true; },
	  { id = "slow"; kind = "command"; command = "echo begun; echo \$\$ > $WORK/slow.pid; exec sleep 302"; exit_proves = true; optional = true; } );
	  resolve = ( "step quick done" ); close = ( "rca published" ); };
	CFG
	mw jobs >/dev/null
}
fill() { for bs in 1M 64k 4k 512; do dd if=/dev/zero of="$1/fill-$bs" bs=$bs 2>/dev/null; sync -f "$1"; done; }
journal() { ls "$D"/state/incidents/INC-*/journal.jsonl | tail -1; }
big=$(head -c 600000 /dev/urandom | base64 -w 0)

if ! small_fs ext4 48M "$D" || ! small_fs ext4 48M "$E"; then
	skip "the second journal goes on when the first cannot" "$WHY"
else
	chmod 777 "$E"; site
	expect_exit 0 "an incident with its second journal on another disk" mw incident open --title t
	fill "$D"
	n=0; while ! grep -q journal.switched "$E"/midwatch-*/journal.jsonl && [ $n -lt 12 ]; do printf %s "$big" | mw incident note - >/dev/null 2>&1; n=$((n + 1)); done
	check "with its reserve used up the second goes on" grep -q journal.switched "$E"/midwatch-*/journal.jsonl
	expect_exit 0 "a line is acknowledged there" mw incident note "in the second"
	check "and shown" contains "$(mw incident show)" "in the second"
	expect_exit 0 "both are one record" mw verify "$(journal)"
	image=$(fs_image "$E")
	as_root umount "$E"
	expect_exit 1 "without that disk nothing more is acknowledged" mw incident note "after"
	check "the message names it" contains "$ERR" "$E/midwatch-"
	expect_exit 1 "and verify says that lines are elsewhere" mw verify "$(journal)"
	as_root mount -o loop "$image" "$E"
	expect_exit 0 "with the disk back it goes on" mw incident note "again"
	fill "$E"
	n=0; while printf %s "$big" | mw incident note - >/dev/null 2>&1 && [ $n -lt 20 ]; do n=$((n + 1)); done
	expect_exit 1 "when both are full it refuses" sh -c "printf %s '$(printf %.2000s "$big")' | '$MIDWATCH' incident note -"
	rm -f "$D"/fill-*
	expect_exit 0 "room on the first is enough again" mw incident note "room again"
	check "the lines went back to it" grep -q '"text":"in the second"' "$(journal)"
	expect_exit 0 "and the record is whole" mw verify "$(journal)"
	expect_exit 0 "for the second reader too" python3 "$ROOT/tests/verify.py" "$(journal)"

	as_root mount -o remount,ro "$D"
	expect_exit 0 "a read-only first disk can still be read" mw incident show
	rm -f "$E"/fill-*
	expect_exit 0 "and a note goes to the second" mw incident note "read-only"
	check "where it is found" contains "$(mw incident show)" "read-only"
	as_root mount -o remount,rw "$D"
	expect_exit 0 "back to normal" mw run quick
	expect_exit 0 "the record is whole" mw verify "$(journal)"
	cd "$WORK" || exit 99
fi

# --- openings that are killed --------------------------------------------------------
D=$WORK/tiny; E=/nowhere
if small_fs tmpfs 40M "$D"; then
	site
	fill "$D"
	strace -f -o /dev/null -e trace=fsync -e inject=fsync:signal=KILL:when=1 "$MIDWATCH" incident open --title killed >/dev/null 2>&1
	check "an opening that is killed leaves no open incident" lacks "$(mw incident list 2>/dev/null)" open
	expect_exit 0 "and does not keep the only reserve" mw incident open --title "second try"
	expect_exit 0 "which is worked" mw run quick
	cd "$WORK" || exit 99
else
	skip "an opening that is killed does not keep the only reserve" "$WHY"
fi

# --- jobs, criteria, words ---------------------------------------------------------
D=$WORK/plain; mkdir -p "$D"; site
mw incident open --title jobs >/dev/null
expect_exit 0 "a step" mw run quick
"$MIDWATCH" run slow >"$WORK/follow" 2>&1 </dev/null & follower=$!
for i in $(seq 100); do grep -q begun "$WORK/follow" && break; sleep 0.1; done
expect_exit 3 "nothing is resolved while a job runs" mw incident resolve
check "and the job is named" contains "$ERR" "slow"
pid=$(mw jobs --json | python3 -c "import json,sys; print([j['pid'] for j in json.load(sys.stdin)['jobs'] if j['state']=='running'][0])")
kill -KILL "$pid"; wait $follower
check "a killed job's command is known to run on" contains "$(mw incident show)" "STILL RUNS"
expect_exit 3 "a second copy is not started beside it" mw run slow --again
job=$(mw jobs --json | python3 -c "import json,sys; print(json.load(sys.stdin)['jobs'][-1]['job'])")
expect_exit 0 "cancelling the vanished job ends it" mw cancel "$job"
check "really" sh -c "! grep -qs '^State:.[RSD]' /proc/$(cat "$WORK/slow.pid")/status"
expect_exit 3 "a doubt stands in the way of resolving" mw incident resolve
expect_exit 0 "until somebody has looked" mw run slow --skip "looked"
n=$(ls state/jobs | wc -l)
expect_exit 3 "a refused run" mw run quick
for i in 1 2 3 4 5 6; do mw run quick --again >/dev/null 2>&1 & done; wait
check "runs that lost a race leave no job behind" test "$(ls state/jobs | wc -l)" -le $((n + 6))
check "and each that is left has a line" test "$(grep -c step.started state/incidents/*/journal.jsonl)" -eq "$(ls state/jobs | wc -l)"
expect_exit 0 "resolved" mw incident resolve
mw incident close --override "a test" >/dev/null
expect_exit 0 "an incident without a runbook" mw incident open --title none --runbook nosuch
expect_exit 3 "is not over by itself" mw incident resolve
expect_exit 0 "but with a reason" mw incident resolve --override "nothing happened"
for words in "run" "run a b --bogus" "nosuchverb" "cancel x" "incident severity SEV-9 w" "jobs" "incident list" "lint r.cfg"; do
	mw $words --json >json 2>/dev/null </dev/null
	check "--json gives one object with ok: $words" python3 -c "import json; d=json.load(open('json')); assert 'ok' in d"
done
finish
