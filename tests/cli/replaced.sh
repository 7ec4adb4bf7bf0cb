#!/bin/bash
# The program's file is replaced while a console stands open, as by an update in the
# night: what it starts goes on to start.
. "$(dirname "$0")/../lib.sh"
at_exit end_feeds

cp "$MIDWATCH" "$WORK/midwatch" || exit 99
cat > midwatch.cfg <<CFG
site = { name = "t"; environment = "test"; runbook = "short"; state = "state"; };
CFG
cat > short.cfg <<CFG
runbook = { name = "short"; title = "Short"; version = 1; severity = "SEV-2"; say = "s"; steps = (
  { id = "hold"; kind = "action"; title = "Hold"; action = "freeze"; args = { on = true; }; proves = ( "frozen" ); stop = "safe"; },
  { id = "later"; kind = "manual"; title = "Later"; stop = "safe"; } );
  resolve = ( "step hold done" ); close = ( "rca published" ); };
CFG
mkfifo asks
./midwatch record <asks >answers 2>&1 &
keeper=$!
exec 9>asks
heard() { for turn in $(seq 150); do grep -q "$1" answers && return; sleep 0.2; done; cat answers; return 1; }
check "a console stands open" heard '"t":"hello"'
expect_exit 0 "an incident is open" ./midwatch incident open --title replaced
check "it is known" heard '"t":"steps"'
cp midwatch other && mv other midwatch
echo '{"do":"verb","id":1,"argv":["run","hold"]}' >&9
check "a step of an action is run" heard '"t":"ended","id":1,"exit":0'
check "and is proven" heard 'hold: proven'
rm midwatch
echo '{"do":"verb","id":2,"argv":["freeze","off"]}' >&9
check "so is a button, where nothing stands any more" heard '"t":"ended","id":2,"exit":0'
exec 9>&-
wait $keeper
check "no job has vanished" lacks "$("$MIDWATCH" jobs)" VANISHED
check "nor is one lost" lacks "$("$MIDWATCH" jobs)" vanished
finish
