#!/bin/sh
# A backup script that was in use was audited, and called its failures successes:
# ten findings, SSH without timeouts, and a clean-up that could not be trusted. Each
# of the twelve is tried here, by its number, on real parts.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "1: sizes are whole numbers" "${WHY:-there is no pg_restore}"
	finish
fi
# What the store's own sha256sum meets there: a file that is gone, cut, changed.
mkdir there
cat >there/sha256sum <<END
#!/bin/sh
for last; do :; done
case \$last in *.dump.gz|*.tar.gz) [ ! -e "$WORK/mischief" ] || . "$WORK/mischief" ;; esac
exec /usr/bin/sha256sum "\$@"
END
chmod +x there/sha256sum
if ! sshd_start "$WORK/ssh" "SetEnv PATH=$WORK/there:/usr/bin:/bin" || ! pg_start_cluster "$WORK/pg"; then
	skip "1: sizes are whole numbers" "$WHY"
	finish
fi
nas_place=$(sshd_place nas-box "$WORK/ssh")
psql_ "$WORK/pg" -c 'CREATE DATABASE otc'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g, md5(g::text) AS m FROM generate_series(1, 40000) g'
mkdir -p uploads hooks
head -c 2000000 /dev/urandom >uploads/big
for hook in nightly-ok nightly-failed; do
	printf '#!/bin/sh\ncat >>"%s/told-%s"\n' "$WORK" $hook >hooks/$hook
	chmod +x hooks/$hook
done
small='min_free = "1MB"; ' components=''
policy=$small
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "UTC"; state = "state"; };
places = ( $nas_place );
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; } );
components = ( { name = "app-files"; files = ( "$WORK/uploads" ); min_size = "1MB"; }$components );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; }, { name = "local"; path = "local"; }${stores-} );
backup = { to = ( "${to-nas}" ); $policy };
comms = { contacts = ( { who = "good"; on = ( "nightly-ok" ); tell = "$WORK/hooks/nightly-ok"; },
                       { who = "bad"; on = ( "nightly-failed" ); tell = "$WORK/hooks/nightly-failed"; } ); };
END
}
site

final() { find "$1" -mindepth 2 -maxdepth 2 -name '2*Z' 2>/dev/null; }
partial() { find "$1" -name '*.partial' 2>/dev/null; }
refused()	# SENTENCE WORDS COMMAND...
{
	sentence=$1 words=$2
	shift 2
	before=$(final nas)
	expect_exit 1 "$sentence" "$@"
	check "$sentence, and is told by what failed" contains "$OUT$ERR" "$words"
	check "$sentence: no set more has a final name" [ "$(final nas)" = "$before" ]
}

# 11 takes as long as a connection may: it begins first and is asked last.
python3 - "$WORK/silent" <<'END' &
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(8)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(s.getsockname()[1]))
import os
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(300)
END
at_exit "kill $!"
turn=0
while [ ! -e silent ] && [ $turn -lt 200 ]; do
	turn=$((turn + 1))
	sleep 0.1
done
sed "s|port = $SSHD_PORT;|port = $(cat silent);|; s|state = \"state\"|state = \"state11\"|" midwatch.cfg >silent.cfg
{
	timeout 100 "$MIDWATCH" backup otc -c silent.cfg >silent.out 2>&1
	echo $? >silent.status
} &
silent=$!

# --- 1, 6: sizes ----------------------------------------------------------------------
mkdir -p state/sizes
for day in 01 02 03 04; do	# what awk printed as 2.9094e+08
	echo "202502${day}T020000Z,manual,290940000,9007199254740993,1,40000,5,good"
done >state/sizes/otc.csv
printf '20250205T020000Z,manual,2.9094e+08,9e15,3,4,5,good\n20250206T020000Z,man' >>state/sizes/otc.csv
expect_exit 0 "1: a size that a float would spoil does not stop the comparison" "$MIDWATCH" backup otc
check "1: which is made, in whole numbers" contains "$OUT$ERR" "its size is unusually small"
check "1: against what is usual" contains "$OUT$ERR" "usually 8"
check "6: what was torn or is no number is passed over, and stays out of the way" \
    sh -c 'tail -n 1 state/sizes/otc.csv | grep -qE "^[0-9TZ]+,manual(,-?[0-9]+){5},good$"'
check "6: a line is written whole" [ "$(grep -cE '^[0-9TZ]+,[a-z]+(,-?[0-9]+){5},(good|bad)$' state/sizes/otc.csv)" = 5 ]
check "6: and the history is not rewritten" [ "$(head -n 4 state/sizes/otc.csv | cut -d, -f3 | sort -u)" = 290940000 ]
rm -rf state/sizes

# --- 2: what is there is what was sent -----------------------------------------------------
echo 'rm -f "$last"' >mischief
refused "2: a file that is gone when it is to be checked is a failure" "otc.dump.gz" "$MIDWATCH" backup otc
echo 'printf x >>"$last"' >mischief
refused "2: one that grew is a failure" "SHA-256" "$MIDWATCH" backup otc
echo 'echo; exit 0' >mischief
expect_exit 0 "2: an empty answer is no checksum: the bytes are read back" "$MIDWATCH" backup otc
echo 'echo; printf x | dd of="$last" bs=1 seek=500 conv=notrunc 2>/dev/null; exit 0' >mischief
refused "2: and then what they are counts" "SHA-256" "$MIDWATCH" backup otc
rm mischief

# --- 3: two at once --------------------------------------------------------------------------
psql_ "$WORK/pg" -d otc -c 'BEGIN' -c 'LOCK TABLE t' -c 'SELECT pg_sleep(5)' -c 'COMMIT' >/dev/null &
locker=$!
"$MIDWATCH" nightly >first.out 2>&1 &
first=$!
turn=0
while flock -n state/locks/backup-otc true && [ $turn -lt 300 ]; do
	turn=$((turn + 1))
	sleep 0.1
done
expect_exit 3 "3: a second nightly leaves at once" "$MIDWATCH" nightly
check "3: and says who runs" contains "$OUT$ERR" "runs already: "
expect_exit 3 "3: so does a backup of what the first one has" "$MIDWATCH" backup otc
check "3: and says since when" contains "$OUT$ERR" "since 20"
wait "$first" "$locker"
check "3: nothing of the second is in the first one's output" \
    [ "$(grep -c 'midwatch: otc: read back' first.out)" = 1 ]

# --- 4: room -----------------------------------------------------------------------------------
policy='min_free = "100TB"; '
site
refused "4: too little room by number stops it before a byte" "min_free is" "$MIDWATCH" backup otc --emergency
policy='min_free = "1MB"; min_free_percent = 99; '
site
refused "4: and by share" "min_free_percent" "$MIDWATCH" backup otc
policy=$small
site

# --- 5: nothing stays on the store -------------------------------------------------------------
if small_fs tmpfs 900k "$WORK/tiny"; then
	stores=", { name = \"tiny\"; at = \"nas-box\"; path = \"$WORK/tiny\"; }" to=tiny policy='min_free = "1KB"; '
	site
	rm -rf state/sizes	# what it will be is not known before
	expect_exit 1 "5: an upload that breaks off" "$MIDWATCH" backup app-files
	check "5: leaves not a file there" [ -z "$(find tiny -type f)$(partial tiny)" ]
	check "5: and it is said why" contains "$OUT" "No space left"
	stores='' to=nas policy=$small
	site
else
	skip "5: an upload that breaks off" "$WHY"
fi
check "5: nor did any of the failures before" [ -z "$(partial nas)" ]

# --- 7, 9: components ------------------------------------------------------------------------------
mv uploads/big big
expect_exit 1 "7: a component that is too small is a failure" "$MIDWATCH" backup app-files
check "7: and the numbers are there" contains "$OUT$ERR" "min_size is 1.0 MB"
mv uploads away
expect_exit 1 "7: one that is not there is a failure" "$MIDWATCH" backup app-files
check "7: and is named" contains "$OUT$ERR" "$WORK/uploads"
check "7: with what may be the matter" contains "$OUT$ERR" "See whether what it lies on is mounted"
mv away uploads && mv big uploads/
echo 'f=$(mktemp); cp "$last" "$f"; printf "\377\377" | dd of="$last" bs=1 seek=5000 conv=notrunc 2>/dev/null' >mischief
refused "9: a changed byte on the store is a failure" "SHA-256" "$MIDWATCH" backup otc
echo 'truncate -s 5000 "$last"' >mischief
refused "9: half a file on the store is a failure" "otc.dump.gz" "$MIDWATCH" backup otc
rm mischief
mkdir bin
printf '#!/bin/sh\ncase $1 in --version) exec /usr/lib/postgresql/15/bin/pg_dump --version;; esac\nexit 0\n' >bin/pg_dump
printf '#!/bin/sh\n/bin/tar "$@"\ncase " $* " in *" -c "*) exit 2;; esac\n' >bin/tar
chmod +x bin/*
refused "9: a dump of no bytes is a failure" "otc is not saved" env PATH="$WORK/bin:$PATH" "$MIDWATCH" backup otc
refused "9: files that tar did not get all of are a failure" "app-files is not saved" \
    env PATH="$WORK/bin:$PATH" "$MIDWATCH" backup app-files

# --- 10: who is told what ---------------------------------------------------------------------------
rm -rf state nas told-*
expect_exit 1 "10: a nightly of which a part failed is a failure" env PATH="$WORK/bin:$PATH" "$MIDWATCH" nightly
check "10: nowhere is it called well" lacks "$OUT" "[OK] nightly"
check "10: nobody is told that it is" [ ! -s told-nightly-ok ]
check "10: an incident is open" sh -c 'ls state/incidents | grep -q "^INC-"'
expect_exit 0 "10: one that is well says so" "$MIDWATCH" nightly
check "10: after all of it was read back" [ "$(printf '%s\n' "$OUT" "$ERR" | grep -cE 'midwatch: (otc|app-files): read back on nas')" = 2 ]

# --- 8: restoring ----------------------------------------------------------------------------------
set=$(final nas | tail -n 1)
check "8: a backup alone is called verified, not restorable" sh -c '! ls "$1" | grep -q restorable' sh "$set"
expect_exit 0 "8: a restore is tried" "$MIDWATCH" validate latest --restore
check "8: in a PostgreSQL of its own, and rows are counted" contains "$OUT" "restorable, 1 table and 40000 rows came back"
check "8: which is proven beside the set" sh -c 'ls "$1" | grep -q "proof-.*-restorable.json"' sh "$set"
check "8: with the time that it took against what it may" contains "$OUT" "(target "
flip()	# FILE: a bit in its middle
{
	python3 -c 'import os, sys
with open(sys.argv[1], "r+b") as f:
    at = os.path.getsize(sys.argv[1]) // 2
    f.seek(at); b = f.read(1); f.seek(at); f.write(bytes([b[0] ^ 1]))' "$1"
}
missed=
for file in $(cd "$set" && find . -type f); do
	flip "$set/$file"
	run_ "$MIDWATCH" validate "${set##*/}" --store nas
	[ "$STATUS" = 1 ] && contains "$OUT" "${file#./}" || missed="$missed $file"
	flip "$set/$file"
done
check "8: one flipped bit in any file of it is found and named" [ -z "$missed" ]
expect_exit 0 "8: and as they were all of them are good" "$MIDWATCH" validate "${set##*/}" --store nas
flip "$set/otc.dump.gz"
expect_exit 1 "8: one flipped bit is found" "$MIDWATCH" validate latest
check "8: and its place is named" contains "$OUT" "member 1"

# --- 12: cleaning up here ------------------------------------------------------------------------------
to=local components=', { name = "slow"; command = "echo x; sleep 60.25"; }'
site
expect_exit 0 "12: no folder for temporary files is needed" env TMPDIR=/nowhere "$MIDWATCH" backup otc
"$MIDWATCH" backup slow >killed.out 2>&1 &
follower=$!
turn=0
while ! ls local/manual/*.partial/slow.txt.gz >/dev/null 2>&1 && [ $turn -lt 300 ]; do
	turn=$((turn + 1))
	sleep 0.1
done
job=$(ls state/jobs | sort -n | tail -n 1)
kill -9 "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' "state/jobs/$job/job.json")"
wait "$follower" 2>/dev/null
turn=0
while pgrep -f 'sleep 60[.]25' >/dev/null && [ $turn -lt 200 ]; do
	turn=$((turn + 1))
	sleep 0.1
done
check "12: killed, nothing of it runs on" sh -c "! pgrep -f 'sleep 60[.]25'"
check "12: what it leaves says that it is unfinished, and whose" [ -n "$(find local -path '*.partial/.running')" ]
run_ "$MIDWATCH" sets
check "12: it is listed as that" contains "$OUT" "unfinished  local"
check "12: it is no backup" lacks "$(final local | xargs ls)" slow
components=
site
expect_exit 0 "12: and is in nobody's way" "$MIDWATCH" backup otc

# --- 11 ----------------------------------------------------------------------------------------------------
wait "$silent"
check "11: a server that does not answer is given up" [ "$(cat silent.status)" = 1 ]
check "11: with its name" contains "$(cat silent.out)" "nas"
check "11: and nothing is called saved" lacks "$(cat silent.out)" "[OK]"
finish
