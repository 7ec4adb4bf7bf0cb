#!/bin/sh
# Command steps of a runbook at another place: over a real sshd, cut off, cancelled.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

if ! sshd_start "$WORK/ssh"; then
	skip "a command step runs at its place" "$WHY"
	finish
fi
cat >midwatch.cfg <<END
site = { name = "prod"; state = "state"; runbook = "far"; };
places = ( $(sshd_place box "$WORK/ssh") );
END
cat >far.cfg <<'END'
runbook = { name = "far"; title = "Far"; severity = "SEV-2"; say = "x";
  steps = (
    { id = "hello"; kind = "command"; at = "box"; title = "Say hello";
      command = "echo to you; echo and to you >&2; echo $SSH_CONNECTION"; exit_proves = true; },
    { id = "three"; kind = "command"; at = "box"; title = "Fail";
      command = "exit 3"; exit_proves = true; },
    { id = "names"; kind = "command"; at = "box"; title = "Names that hurt";
      command = ( "printf", "<%s>", "a'b", "$(touch hurt)", "x\ny", "-n", "" ); exit_proves = true; },
    { id = "long"; kind = "command"; at = "box"; title = "Sleep";
      command = "echo begun; exec sleep 731.3"; exit_proves = true; },
    { id = "cut"; kind = "command"; at = "box"; title = "Be cut off";
      command = "echo begun; sleep 732.4; echo never"; exit_proves = true; },
    { id = "late"; kind = "command"; at = "box"; title = "Be late";
      command = "exec sleep 733.5"; timeout = "2s"; exit_proves = true; },
    { id = "end"; kind = "manual"; title = "End"; say = "end"; }
  );
  resolve = ( "step end done" ); close = ( "followups assigned" ); };
END
expect_exit 0 "a runbook with steps at a place is fine" "$MIDWATCH" lint far.cfg
expect_exit 0 "an incident follows it" "$MIDWATCH" incident open --title far
output() { cat "state/jobs/$1/output.log"; }

expect_exit 0 "a command runs at its place" "$MIDWATCH" run hello
check "with its output here, complaints as well" sh -c \
	'cat state/jobs/1/output.log | tr "\n" " " | grep -q "to you and to you 127.0.0.1"'
expect_exit 1 "its exit status is the step's" "$MIDWATCH" run three
check "and said" contains "$OUT$ERR" "exit 3"
expect_exit 0 "names arrive as they are" "$MIDWATCH" run names
check "whatever is in them" [ "$(output 3)" = "<a'b><\$(touch hurt)><x
y><-n><>" ]

"$MIDWATCH" run long >long.out 2>&1 &
runner=$!
n=0
until grep -q begun state/jobs/4/output.log 2>/dev/null; do
	n=$((n + 1)); [ $n -lt 100 ] || break; sleep 0.1
done
expect_exit 0 "a step that runs there can be cancelled" "$MIDWATCH" cancel 4
wait $runner
check "and what ran there is gone" sh -c '! pgrep -fx "sleep 731.3"'
check "the job is cancelled, not done" sh -c '"$1" jobs --all | grep -q "cancelled"' - "$MIDWATCH"

"$MIDWATCH" run cut >cut.out 2>&1 &
runner=$!
n=0
until grep -q begun state/jobs/5/output.log 2>/dev/null; do
	n=$((n + 1)); [ $n -lt 100 ] || break; sleep 0.1
done
for child in $(sshd_below_ "$SSHD_PID"); do
	grep -q sshd "/proc/$child/comm" 2>/dev/null && kill -KILL "$child" 2>/dev/null
done
status=0
wait $runner || status=$?
check "a link that drops is never exit 0" [ "$status" = 1 ]
check "the step has failed and says why" sh -c \
	'"$1" incident show --all | grep -A3 cut | grep -qi "fail"' - "$MIDWATCH"
check "the output says that the link was lost" grep -q "^midwatch: " state/jobs/5/output.log
for pid in $(pgrep -fx "sleep 732.4"); do kill "$pid"; done

expect_exit 1 "a step that is late there is ended" "$MIDWATCH" run late
check "and what ran there is gone, too" sh -c '! pgrep -fx "sleep 733.5"'

sshd_stop "$SSHD_PID"
expect_exit 1 "a place that is down fails the step" "$MIDWATCH" run hello --again
check "in words" contains "$OUT$ERR" "exit 255"
finish
