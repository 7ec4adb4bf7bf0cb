#!/bin/bash
# ctrl-C on a terminal lets go of a job, which runs on; a typed name confirms.
. "$(dirname "$0")/../lib.sh"
S=$WORK/site; mkdir -p "$S"; cd "$S" || exit 99
printf 'site = { name = "t"; runbook = "r"; state = "state"; };\n' > midwatch.cfg
cat > r.cfg <<CFG
runbook = { name = "r"; title = "R"; version = 1; severity = "SEV-1"; say = "s"; steps = (
  { id = "long"; kind = "command"; command = "echo begun; sleep 3; touch $S/finished"; proves = ( "file $S/finished exists" ); title = "Long"; stop = "safe"; },
  { id = "typed"; kind = "command"; command = ( "true" ); exit_proves = true; confirm = "otc"; title = "Typed"; stop = "safe"; },
  { id = "soft"; kind = "command"; command = ( "true" ); exit_proves = true; wants = ( "file /never exists" ); title = "Soft"; stop = "safe"; } );
  resolve = ( "step long done" ); close = ( "rca published" ); };
CFG
cat > onpty.py <<'PY'
# onpty.py WAIT-FOR ANSWER PROGRAM ARGS...: runs it on a terminal, answers once
import os, pty, select, sys, time
want, answer = sys.argv[1].encode(), sys.argv[2].encode().decode('unicode_escape').encode()
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[3], sys.argv[3:])
seen, end = b'', time.time() + 20
while time.time() < end:
    if not select.select([fd], [], [], 0.2)[0]:
        continue
    try:
        d = os.read(fd, 4096)
    except OSError:
        break
    if not d:
        break
    seen += d
    if want and want in seen:
        os.write(fd, answer)
        want = b''
sys.stdout.write(seen.decode('utf-8', 'replace'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
mw() { "$MIDWATCH" "$@"; }
expect_exit 0 "an incident" mw incident open --title t
expect_exit 0 "ctrl-C lets go of the job" python3 onpty.py begun '\x03' "$MIDWATCH" run long
check "and says how to look again" contains "$OUT" "midwatch jobs"
check "the job runs on" contains "$(mw jobs)" running
for i in $(seq 100); do [ -e finished ] && break; sleep 0.1; done
sleep 1
check "to its proven end" contains "$(mw incident show --json)" '"id":"long","title":"Long","state":"done"'
expect_exit 0 "a name is typed at the prompt" python3 onpty.py "type otc" 'otc\n' "$MIDWATCH" run typed
expect_exit 3 "a wrong one is refused" python3 onpty.py "type otc" 'arp\n' "$MIDWATCH" run typed --again
expect_exit 0 "a soft gate is passed with one key" python3 onpty.py "y/N" 'y\n' "$MIDWATCH" run soft
expect_exit 3 "and stays shut with another" python3 onpty.py "y/N" 'n\n' "$MIDWATCH" run soft --again
finish
