#!/bin/sh
# `midwatch status` and `midwatch watch`: what is true, by its deadline, whatever
# hangs; one feed for everybody.
. "$(dirname "$0")/../lib.sh"
still_disk

now_ms() { date +%s%3N; }

# took MS COMMAND...: fails when it takes longer.
took()
{
	limit_=$1
	shift
	from_=$(now_ms)
	"$@" >"$WORK/.took" 2>&1
	spent_=$(($(now_ms) - from_))
	[ "$spent_" -le "$limit_" ] || { echo "took $spent_ ms"; return 1; }
}

# level KIND NAME: of that reading in status --json, in $OUT.
level()
{
	printf '%s' "$OUT" | python3 -c 'import json, sys
for r in json.load(sys.stdin)["readings"]:
	if [r["kind"], r["name"]] == sys.argv[1:]:
		print(r["level"])' "$1" "$2"
}

is_level()
{
	got_=$(level "$1" "$2")
	[ "$got_" = "$3" ] || { echo "$1 $2 is '$got_'"; return 1; }
}

# A server that accepts and never answers.
cat >hole.py <<'END'
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(50)
print(s.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(s.accept())
END
python3 hole.py >hole.port 2>/dev/null &
hole=$!
at_exit "kill $hole 2>/dev/null; wait $hole 2>/dev/null"
while [ ! -s hole.port ]; do sleep 0.05; done
port=$(cat hole.port)

cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
disks = ( { name = "here"; path = "$STILL"; warn = 98; high = 99; critical = 100; } );
services = ( { name = "up"; check = "true"; } );
END

# --- a quiet site -----------------------------------------------------------
expect_exit 0 "a site where all is well has exit 0" "$MIDWATCH" status
check "and the page says so" contains "$OUT" "all is well"
check "in site time" contains "$OUT" "+01:00"
expect_exit 0 "it speaks JSON" "$MIDWATCH" status --json
check "which is one object with ok" sh -c \
	'printf "%s" "$1" | python3 -c "import json,sys; assert json.load(sys.stdin)[\"ok\"] is True"' - "$OUT"

# --- levels and exits ----------------------------------------------------------
cat >>midwatch.cfg <<END
logs = ();
END
sed -i 's/warn = 98; high = 99; critical = 100/warn = 1; high = 99; critical = 100/' midwatch.cfg
expect_exit 1 "a warning has exit 1" "$MIDWATCH" status
check "with what to do next" contains "$OUT" "midwatch cleanup --plan"
sed -i 's/name = "up"; check = "true"/name = "up"; check = "echo broken >\&2; exit 3"/' midwatch.cfg
expect_exit 2 "something critical has exit 2" "$MIDWATCH" status
check "the worst comes first" sh -c \
	'printf "%s\n" "$1" | sed -n 3p | grep -q "^CRITICAL  service up"' - "$OUT"
check "in the words of the check" contains "$OUT" "broken"

: >no-folder
expect_exit 3 "where nothing can be looked at all is unknown" "$MIDWATCH" --state no-folder status

# --- hostile words -----------------------------------------------------------------
printf '#!/bin/sh\nprintf "\\033[2J\\033]0;x\\007 \\342\\200\\256 \\377 \\233 evil\\n" >&2\nexit 1\n' >evil
chmod +x evil
sed -i 's|check = "[^"]*"|check = "./evil"|' midwatch.cfg
expect_exit 2 "a check that speaks in escapes is critical too" "$MIDWATCH" status
check "and no control character reaches the terminal" sh -c \
	'! LC_ALL=C grep -q "[[:cntrl:]]" "$1/.out" && ! grep -q "$(printf "\\342\\200\\256")" "$1/.out"' - "$WORK"
expect_exit 2 "nor the JSON" "$MIDWATCH" status --json
check "which stays valid" sh -c 'python3 -m json.tool <"$1/.out" >/dev/null' - "$WORK"
sed -i 's|check = "./evil"|check = "true"|; s/warn = 1;/warn = 98;/' midwatch.cfg

# --- what hangs ----------------------------------------------------------------------
cat >>midwatch.cfg <<END
places = ( { name = "far"; ssh = "nobody@127.0.0.1"; port = $port; } );
databases = ( { name = "mute"; host = "127.0.0.1"; port = $port; user = "backup"; } );
END
sed -i 's|^services.*|services = ( { name = "up"; check = "true"; }, { name = "stuck"; check = "sleep 61.'$$'"; } );|' midwatch.cfg
check "status answers within its deadline though three things hang" \
	took 4000 "$MIDWATCH" status --timeout 2s
run_ "$MIDWATCH" status --json --timeout 2s
check "its exit is that of a critical or an unknown one" [ "$STATUS" -ge 2 ]
check "the service that hangs is unknown" is_level service stuck unknown
check "the one beside it is fine" is_level service up ok
check "so is the disk" is_level disk here ok
check "the place does not pass for well" sh -c '[ "$1" != ok ]' - "$(level place far)"
check "nor does the database" sh -c '[ "$1" != ok ]' - "$(level database mute)"
check "nothing is left running" sh -c "! pgrep -fx \"sleep 61.$$\""
expect_exit 2 "a timeout must be a duration" "$MIDWATCH" status --timeout soon
expect_exit 2 "and not too short" "$MIDWATCH" status --timeout 1ms

# --- a mount whose other end is gone ------------------------------------------------------
# A file system in user space that never says a word.
cat >deaf.py <<'PY'
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
if libc.mount(b"deaf", sys.argv[1].encode(), b"fuse", 0,
              b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fd) != 0:
    sys.exit(1)
print("deaf", flush=True)
time.sleep(120)
PY
mkdir deaf
if [ "$(id -u)" = 0 ]; then
	python3 deaf.py "$WORK/deaf" >deaf.out 2>/dev/null &
	deaf=$!
	at_exit "kill $deaf 2>/dev/null; umount -f -l '$WORK/deaf' 2>/dev/null"
	n=0
	until [ -s deaf.out ] || ! kill -0 $deaf 2>/dev/null || [ $n -gt 100 ]; do
		n=$((n + 1))
		sleep 0.1
	done
fi
if [ -s deaf.out ]; then
	cat >deaf.cfg <<END
site = { name = "deaf"; state = "state"; };
disks = ( { name = "gone"; path = "$WORK/deaf"; }, { name = "here"; path = "$STILL"; } );
END
	run_ "$MIDWATCH" -c deaf.cfg --state "$WORK/s3" status --timeout 4s --json
	check "a disk that never answers is unknown" is_level disk gone unknown
	check "what is behind it in the file is read all the same" is_level disk here ok
	check "so are our own locks" is_level work locks ok
	check "a state directory that never answers is told in time" \
		took 6000 "$MIDWATCH" -c deaf.cfg --state "$WORK/deaf/state" status --timeout 1s
	expect_exit 3 "as unknown" "$MIDWATCH" -c deaf.cfg --state "$WORK/deaf/state" status --timeout 1s --json
	check "with what to do" contains "$ERR" "--state with a folder elsewhere"
	kill $deaf
	umount -f -l "$WORK/deaf"
else
	skip "a disk that never answers is unknown" "no file system in user space can be mounted here"
fi

# --- prometheus ------------------------------------------------------------------------
run_ "$MIDWATCH" status --prometheus --timeout 2s
check "metrics have a level for each reading" contains "$OUT" \
	'midwatch_level{kind="service",name="stuck"} 3'
check "and the facts" contains "$OUT" 'midwatch_disk_percent{name="here"}'
check "each metric stands together" sh -c \
	'printf "%s\n" "$1" | grep "^midwatch" | sed "s/{.*//" | uniq | sort | uniq -d | grep . && exit 1 || exit 0' - "$OUT"

expect_exit 2 "two answers at once are one too many" "$MIDWATCH" status --json --prometheus
expect_exit 3 "what cannot be looked at is unknown, and no warning" "$MIDWATCH" --state /proc/none status

# --- without a site file, on a broken one --------------------------------------------------
mkdir empty && cd empty
HOME=$WORK/empty
export HOME
expect_exit 2 "without a site file there is nothing to look by" "$MIDWATCH" --state "$WORK/s2" status
check "and it says what writes one" contains "$ERR" "midwatch init"
cd ..

# --- a picture without a record -----------------------------------------------------------
if small_fs tmpfs 1M "$WORK/full"; then
	mkdir full/state
	sed 's|state = "state"|state = "'"$WORK"'/full/state"|' midwatch.cfg >full.cfg
	"$MIDWATCH" -c full.cfg status --timeout 2s >/dev/null 2>&1
	dd if=/dev/zero of=full/fill bs=4k >/dev/null 2>&1
	run_ "$MIDWATCH" -c full.cfg status --json --timeout 2s
	check "a full state directory does not keep status from answering" is_level disk here ok
else
	skip "a full state directory does not keep status from answering" "$WHY"
fi

# --- the feed --------------------------------------------------------------------------------
sed -i 's|, { name = "stuck"; check = "sleep 61.'$$'"; }||; /^databases/d; /^places/d' midwatch.cfg
"$MIDWATCH" watch >feed1 2>feed1.err &
one=$!
"$MIDWATCH" watch >feed2 2>feed2.err &
two=$!
at_exit "kill $one $two 2>/dev/null"
n=0
until grep -q '"kind":"disk"' feed1 2>/dev/null && grep -q '"kind":"disk"' feed2 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 100 ] || break
	sleep 0.1
done
check "two listeners get readings" sh -c 'grep -q "\"kind\":\"disk\"" feed1 && grep -q "\"kind\":\"disk\"" feed2'
pid1=$(sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' feed1 | head -1)
pid2=$(sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' feed2 | head -1)
check "from one and the same feed" [ -n "$pid1" -a "$pid1" = "$pid2" ]
at_exit "kill $pid1 2>/dev/null"
check "every line is a JSON object" sh -c 'while read -r l; do printf "%s" "$l" | python3 -c "import json,sys; json.load(sys.stdin)" || exit 1; done <feed1'
expect_exit 0 "status asks a running feed" "$MIDWATCH" status
kill -9 "$pid1"
n=0
until [ "$(grep -c '"kind":"feed"' feed1)" -ge 2 ]; do
	n=$((n + 1))
	[ $n -lt 100 ] || break
	sleep 0.1
done
check "a feed that was killed is replaced" [ "$(grep -c '"kind":"feed"' feed1)" -ge 2 ]
pid3=$(sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' feed1 | tail -1)
at_exit "kill $pid3 2>/dev/null"
check "its children are gone with it" sh -c '! pgrep -P "$1" >/dev/null' - "$pid1"
sed -i 's/name = "up"/name = "api"/' midwatch.cfg
n=0
until grep -q '"name":"api"' feed1; do
	n=$((n + 1))
	[ $n -lt 250 ] || break
	sleep 0.1
done
check "a changed site file is followed" grep -q '"name":"api"' feed1
pid4=$(sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' feed1 | tail -1)
at_exit "kill $pid4 2>/dev/null"

# --- what the feed keeps of an incident -----------------------------------------------------------
expect_exit 0 "an incident is opened while the feed runs" \
	"$MIDWATCH" incident open --title test
id=$(ls state/incidents | head -1)
n=0
until [ -s "state/incidents/$id/readings.jsonl" ]; do
	n=$((n + 1))
	[ $n -lt 200 ] || break
	sleep 0.1
done
check "its readings are kept with it" grep -q '"kind":"disk"' "state/incidents/$id/readings.jsonl"

# --- people are told, once ------------------------------------------------------------------------
mkdir tell && cd tell
cat >midwatch.cfg <<END
site = { name = "prod"; state = "state"; };
disks = ( { name = "d"; path = "$STILL"; warn = 1; high = 99; critical = 100; } );
comms = { contacts = (
  { who = "Lead"; on = ( "disk-warn" ); tell = "cat >>told; echo >>told"; },
  { who = "Anna"; phone = "+234 800"; on = ( "disk-warn" ); } ); };
END
run_ "$MIDWATCH" status --notify
check "a contact with a hook is told" grep -q '"trigger":"disk-warn","clear":false' told
check "one without is named with the phone number" contains "$ERR" "+234 800"
run_ "$MIDWATCH" status --notify
check "once a change" [ "$(grep -c disk-warn told)" = 1 ]
sed -i 's/warn = 1;/warn = 98;/' midwatch.cfg
run_ "$MIDWATCH" status --notify
check "and told when it is over" grep -q '"clear":true' told
check "the record has it" grep -q '"kind":"told"' state/log.jsonl
sed -i 's/warn = 98;/warn = 1;/; s/cat >>told; echo >>told/echo no >\&2; exit 1/' midwatch.cfg
run_ "$MIDWATCH" status --notify
check "a hook that fails is said" contains "$ERR" "could not be told: Lead: exit 1: no"
sed -i 's|echo no >&2; exit 1|cat >told2|' midwatch.cfg
run_ "$MIDWATCH" status --notify
check "and tried again the next time" [ -s told2 ]
finish
