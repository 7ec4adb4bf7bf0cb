#!/bin/sh
# A small disk that fills at a known rate: when it will be full is known within a
# fifth of the time that it really takes.
. "$(dirname "$0")/../lib.sh"

if ! small_fs tmpfs 64M "$WORK/disk"; then
	skip "the time until a disk is full is right within a fifth" "$WHY"
	finish
fi
cat >midwatch.cfg <<END
site = { name = "prod"; state = "state"; };
disks = ( { name = "small"; path = "$WORK/disk"; } );
END

# 400 KB each half a second: 64 MB last for 80 s.
cat >fill.py <<'END'
import os, sys, time
f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
start = time.time()
n = 0
try:
    while True:
        os.write(f, b"x" * 409600)
        n += 1
        time.sleep(max(0, start + n * 0.5 - time.time()))
except OSError:
    pass
END
python3 fill.py "$WORK/disk/file" &
filler=$!
at_exit "kill $filler 2>/dev/null; wait $filler 2>/dev/null"
"$MIDWATCH" watch >feed 2>/dev/null &
watcher=$!
at_exit "kill $watcher 2>/dev/null; wait $watcher 2>/dev/null"
sleep 36
kill $watcher
pid=$(sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' feed | head -1)
at_exit "kill $pid 2>/dev/null"

# The last estimate against the room that was left then, at the known rate.
cat >judge.py <<'END'
import json, sys
last = [r for r in map(json.loads, open("feed")) if r["kind"] == "disk"
        and "full_in_ms" in r.get("data", {})][-1]
true = last["data"]["avail"] / (409600 * 2) * 1000
said = last["data"]["full_in_ms"]
print("said %d ms, truly %d ms: %s" % (said, true, last["text"]))
sys.exit(abs(said - true) > true / 5 or last["data"]["rate_sure"] != "steady")
END
check "the time until it is full is right within a fifth, and called steady" python3 judge.py
check "which is a warning, long before any threshold" \
	sh -c 'grep "\"kind\":\"disk\"" feed | tail -1 | grep -q "\"level\":\"warning\""'
check "one status later knows the rate from what was kept" \
	sh -c '"$1" status | grep -q "full in"' - "$MIDWATCH"
finish
