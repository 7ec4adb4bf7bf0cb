#!/bin/sh
# The feed against what a bad night does to it: it and its children stopped and
# killed, no descriptors left, a full disk, a site file that is half written, a
# directory that goes away. Whatever happens, there is one feed and the truth.
. "$(dirname "$0")/../lib.sh"
still_disk

at_exit end_feeds

cat >ears.py <<'END2'
# ears.py STATE N SECONDS: so many listeners, of which only the last one reads;
# prints how many were let in, and how many readings that one got.
import json, os, socket, sys, time
st = os.stat(sys.argv[1])
name = b"\0midwatch-feed-%x-%x" % (st.st_dev, st.st_ino)
ears = []
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(1)
    try:
        s.connect(name)
    except OSError:
        break
    ears.append(s)
got, end = b"", time.monotonic() + float(sys.argv[3])
while time.monotonic() < end and ears:
    try:
        more = ears[-1].recv(65536)
        if not more:
            break
        got += more
    except OSError:
        pass
def open_still(s):
    s.setblocking(False)
    try:
        return s.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
print(sum(open_still(s) for s in ears), len([json.loads(l) for l in got.splitlines()]))
END2

# until_ SECONDS COMMAND...
until_()
{
	turns_=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		turns_=$((turns_ - 1))
		[ "$turns_" -gt 0 ] || return 1
		sleep 0.1
	done
}
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"; }
gone_all() { ! pgrep -fx "$1"; }
spent_ms() { awk '{ printf "%d\n", $1 / 1000000 }' "/proc/$1/schedstat"; }
# feed_of FILE: pid of the feed that was named last in what `watch` wrote.
feed_of() { sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' "$1" | tail -1; }
served() { [ -n "$(feed_of "$1")" ]; }
not_fed_by() { [ "$(feed_of "$1")" != "$2" ]; }
# level KIND NAME: of that reading in status --json, in $OUT.
level()
{
	printf '%s' "$OUT" | python3 -c 'import json, sys
for r in json.load(sys.stdin)["readings"]:
	if [r["kind"], r["name"]] == sys.argv[1:]:
		print(r["level"])' "$1" "$2"
}
is_level() { [ "$(level "$1" "$2")" = "$3" ]; }
# site CHECK: a site file with one more service.
site()
{
	cat <<END2
site = { name = "prod"; state = "state"; };
disks = ( { name = "here"; path = "$STILL"; warn = 98; high = 99; critical = 100; } );
services = ( { name = "up"; check = "true"; }$1 );
END2
}

# --- started many times at once -------------------------------------------------------------
mkdir one && cd one
site '' >midwatch.cfg
pids=''
for i in 1 2 3 4 5 6; do
	"$MIDWATCH" watch --serve 2>>err &
	pids="$pids $!"
done
one_is_left()
{
	left=0 feed=''
	for pid in $pids; do
		gone "$pid" || { left=$((left + 1)); feed=$pid; }
	done
	[ "$left" = 1 ]
}
until_ 30 one_is_left
sleep 1
one_is_left
at_exit "kill $pids 2>/dev/null"
check "of six feeds that begin at once one serves" [ "$left" = 1 ]
check "and the others end without a complaint" [ ! -s err ]

# --- listeners ------------------------------------------------------------------------------
check "a hundred listeners that do not read do not keep one from it" sh -c \
	'set -- $(python3 ../ears.py state 101 6); [ "$1" = 101 ] && [ "$2" -ge 7 ]'

# --- stopped ----------------------------------------------------------------------------------
kill -STOP "$feed"
run_ "$MIDWATCH" status --json --timeout 2s
check "a feed that is stopped does not keep status from looking itself" is_level disk here ok
"$MIDWATCH" watch >lines 2>lines.err &
deaf=$!
at_exit "kill $deaf 2>/dev/null"
cd ..

# --- killed, in the middle of a command ---------------------------------------------------------
mkdir killed && cd killed
site ", { name = \"slow\"; check = \"sleep 97.$$; true\"; }" >midwatch.cfg
"$MIDWATCH" watch --serve &
feed=$!
until_ 5 pgrep -fx "sleep 97.$$"
check "a check runs" pgrep -fx "sleep 97.$$"
kill -9 "$feed"
check "what a killed feed has started ends with it" until_ 5 gone_all "sleep 97.$$"

# --- its children -------------------------------------------------------------------------------
site '' >midwatch.cfg
"$MIDWATCH" watch >lines 2>lines.err &
watch=$!
until_ 5 served lines
feed=$(feed_of lines)
at_exit "kill $watch $feed 2>/dev/null"
until_ 5 grep -q '"kind":"disk"' lines
child=''
for pid in $(cat "/proc/$feed/task/$feed/children"); do
	kill -STOP "$pid"
	child=$pid
done
# a stopped one that waits is found out by its silence, at last
for pid in $(cat "/proc/$feed/task/$feed/children"); do kill -CONT "$pid"; done
kill -9 "$child"
check "a child that is killed is buried" until_ 5 gone "$child"
n=$(grep -c '"kind":"service"' lines)
check "and replaced" until_ 20 sh -c '[ $(grep -c "\"kind\":\"service\"" lines) -gt $1 ]' - "$n"
check "nothing is left unburied" sh -c \
	'! ps -o stat= --ppid "$1" | grep -q Z' - "$feed"

# --- a site file that is half written ----------------------------------------------------------------
echo 'disks = ( {' >>midwatch.cfg
sleep 12
check "a site file that does not load leaves the feed as it is" [ "$(feed_of lines)" = "$feed" -a -d "/proc/$feed" ]
site ', { name = "api"; check = "true"; }' >midwatch.cfg
check "one that does is followed" until_ 25 grep -q '"name":"api"' lines
feed=$(feed_of lines)
at_exit "kill $feed 2>/dev/null"
check "nobody complains of all that" sh -c "cat lines.err; [ ! -s lines.err ]"

# --- the readings of an incident ------------------------------------------------------------------------
expect_exit 0 "an incident is opened" "$MIDWATCH" incident open --title test
kept=state/incidents/$(ls state/incidents | head -1)/readings.jsonl
until_ 25 test -s "$kept"
printf '{"kind":"disk","na' >>"$kept"
n=$(wc -l <"$kept")
site ', { name = "down"; check = "false"; }' >midwatch.cfg	# unchanged ones are kept once a minute
until_ 80 grep -q '"name":"down"' "$kept"
check "half a line of one who was killed costs only itself" sh -c \
	'tail -n +$(($2 + 2)) "$1" | python3 -c "import json, sys
assert [json.loads(line) for line in sys.stdin]"' - "$kept" "$n"
rm "$kept"
site ', { name = "down"; check = "true"; }' >midwatch.cfg
check "readings that are missing are begun again" until_ 80 test -s "$kept"

# --- a directory that goes away ------------------------------------------------------------------------
feed=$(feed_of lines)
at_exit "kill $feed 2>/dev/null"
kill "$watch"
wait "$watch" 2>/dev/null
"$MIDWATCH" --state "$WORK/killed/state" watch >lines 2>lines.err &
watch=$!
at_exit "kill $watch 2>/dev/null"
until_ 5 served lines
mv state elsewhere
check "a feed whose directory is renamed ends" until_ 25 gone "$feed"
check "and another one serves" until_ 10 not_fed_by lines "$feed"
at_exit "kill $(feed_of lines) 2>/dev/null"
cd ..

# --- no descriptors left -------------------------------------------------------------------------------
mkdir few && cd few
site '' >midwatch.cfg
(ulimit -n 24 && exec "$MIDWATCH" watch --serve) 2>err &
feed=$!
at_exit "kill $feed 2>/dev/null"
sleep 2
python3 ../ears.py state 40 5 >/dev/null &
ears=$!
sleep 1
from=$(spent_ms "$feed")
sleep 3
check "without a descriptor for one more listener the feed does not spin" \
	[ "$(($(spent_ms "$feed") - from))" -lt 300 ]
wait "$ears"
check "and serves again when some have left" sh -c \
	'sleep 1.2; set -- $(python3 ../ears.py state 1 2); [ "$1" = 1 ] && [ "$2" -ge 4 ]'
cat >>midwatch.cfg <<END2
places = ( $(for i in 1 2 3 4 5 6 7 8 9; do printf '{ name = "p%s"; ssh = "nobody@127.0.0.1"; port = 9; },' "$i"; done | sed 's/,$//') );
END2
(ulimit -n 10 && exec "$MIDWATCH" status --timeout 3s) >out 2>err
check "status without descriptors is unknown, not silent" [ $? -ge 2 ]
cd ..

# --- a full disk --------------------------------------------------------------------------------------
if small_fs tmpfs 1M "$WORK/full"; then
	mkdir full/state fullsite
	cd fullsite
	site '' | sed "s|state = \"state\"|state = \"$WORK/full/state\"|" >midwatch.cfg
	"$MIDWATCH" status >/dev/null 2>&1
	dd if=/dev/zero of=../full/fill bs=4k >/dev/null 2>&1
	n=0
	while : >"../full/i$n"; do n=$((n + 1)); [ "$n" -lt 5000 ] || break; done 2>/dev/null
	"$MIDWATCH" watch >lines 2>lines.err &
	watch=$!
	at_exit "kill $watch 2>/dev/null"
	check "a feed begins on a full disk" until_ 8 grep -q '"kind":"disk"' lines
	at_exit "kill $(feed_of lines) 2>/dev/null"
	cd ..
else
	skip "a feed begins on a full disk" "$WHY"
fi

# --- the listener of the stopped one --------------------------------------------------------------------
check "who listens to a feed that hangs is told" until_ 40 \
	grep -q "it is ended, and another one begins" one/lines.err
check "and another one begins" until_ 20 served one/lines
at_exit "kill $(feed_of one/lines) 2>/dev/null"
finish
