#!/bin/bash
# 200 MB over a link of 50 ms, by us and by OpenSSH's sftp, in turns.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
BIN=${MIDWATCH%/*}/tests
finished_=yes		# no test: rows for tests/bench/run

sshd_start "$WORK/ssh" || { echo "put of 200 MB over 50 ms|$WHY|||"; exit 0; }
"$BIN/place_delay" 50 "$SSHD_PORT" >port & at_exit "kill $!"
for i in $(seq 50); do [ -s port ] && break; sleep 0.1; done
port=$(cat port) me=$(id -un)
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$WORK/ssh/hostkey.pub")" >known
head -c 200000000 /dev/urandom >big

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for round in 1 2 3; do
	"$BIN/bench_put" "$me" "$port" "$WORK/ssh/userkey" "$WORK/known" big "$WORK/to" >>ours || exit 1
	cmp big to || exit 1
	rm to
	began=$EPOCHREALTIME
	echo "put big $WORK/to" | sftp -q -b - -F /dev/null -i "$WORK/ssh/userkey" -P "$port" \
	    -o UserKnownHostsFile="$WORK/known" "$me@127.0.0.1" >sftp.log 2>&1 || { cat sftp.log >&2; exit 1; }
	awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d\n", (b - a) * 1000 }' >>theirs
	rm to
done
a=$(median <ours) b=$(median <theirs)
awk -v a="$a" -v b="$b" 'BEGIN {
	printf "put of 200 MB over 50 ms, MB/s|%.1f|sftp: %.1f|%.2f x|>= 1.2 x\n", 200000 / a, 200000 / b, b / a }'
