#!/bin/bash
# A database to a store in memory and to one over SFTP, against the floor (pg_dump
# alone, thrown away) and against what people do without us. Medians of three rounds
# in turn, so that a busy machine is busy for all of them; what counts is the ratio.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"
finished_=yes		# no test: rows for tests/bench/run
rows=${FLOW_BENCH_ROWS:-3000000} rounds=${FLOW_BENCH_ROUNDS:-3}

skipped() { echo "streams of a database: skipped|$1|||"; exit 0; }
pg_start_cluster "$WORK/pg" "shared_buffers = 256MB" "max_wal_size = 4GB" || skipped "$WHY"
sshd_start "$WORK/ssh" || skipped "$WHY"
mkdir ram && mount -t tmpfs tmpfs ram || skipped "no tmpfs"
at_exit "umount '$WORK/ram'"
stream=${MIDWATCH%/*}/tests/bench_flow_stream
PATH=$PG_BIN:$PATH
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE quarter'
fill()	# DATABASE ROWS
{
	for t in 1 2 3 4; do
		psql_ "$WORK/pg" -d "$1" -c "CREATE TABLE events$t AS SELECT i, md5(i::text) AS hash,
		    now() + i * interval '1 second' AS at, 'user-' || i % 5000 AS who,
		    '{\"kind\": \"order\", \"state\": \"paid\", \"n\": ' || i % 97 || '}' AS what,
		    random() * 1000 AS price FROM generate_series(1, $2 / 4) i" >/dev/null
	done
}
fill otc "$rows"
fill quarter $((rows / 4))
cat >midwatch.cfg <<END
site = { name = "bench"; timezone = "UTC"; state = "$WORK/ram/state"; };
places = ( $(sshd_place nas-box "$WORK/ssh") );
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "$PG_SUPER"; },
              { name = "quarter"; host = "$WORK/pg"; port = $PG_PORT; user = "$PG_SUPER"; } );
stores = ( { name = "ram"; path = "$WORK/ram/store"; }, { name = "nas"; at = "nas-box"; path = "$WORK/ram/nas"; } );
backup = { to = ( "ram" ); min_free = "1MB"; globals = false; };
END
db="host=$WORK/pg port=$PG_PORT user=$PG_SUPER dbname=otc"
me=$(id -un) known=$WORK/ssh/known_hosts key=$WORK/ssh/userkey
far="$SSHD_PORT:$me:$key:$known:/dev/null"

began() { BEGAN=$EPOCHREALTIME; }
took() { LC_ALL=C awk -v a="$BEGAN" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }' >>"$WORK/time.$1"; }
timed()	# NAME COMMAND...
{
	began
	"${@:2}" >"$WORK/out.$1" 2>&1 || { echo "$1 failed: $(tail -n 1 "$WORK/out.$1")" >&2; exit 1; }
	took "$1"
}
median() { sort -n "$WORK/time.$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
row()	# WHAT OURS THEIRS AIM
{
	local a b
	a=$(median "$2") b=$(median "$3")
	echo "$1|$a s|$b s|$(LC_ALL=C awk -v a="$a" -v b="$b" 'BEGIN { printf "%.2f x", a / b }')|${4-}"
}

floor() { pg_dump -Fc -Z0 -d "$db"; }
to_gzip() { pg_dump -d "$db" | gzip >ram/theirs.gz; }
to_pigz() { pg_dump -d "$db" | pigz >ram/theirs.pz; }
to_zstd() { pg_dump -d "$db" | zstd -1 -q >ram/theirs.zst; }
custom() { pg_dump -Fc -d "$db" -f ram/theirs.dump; }
folder() { rm -rf ram/theirs.d; pg_dump -Fd -j2 -d "$db" -f ram/theirs.d; }
old_way()
{
	pg_dump -Fc -d "$db" -f ram/old.dump && sha256sum ram/old.dump >old.sum &&
	    scp -q -F /dev/null -i "$key" -P "$SSHD_PORT" -o UserKnownHostsFile="$known" ram/old.dump "$me@127.0.0.1:$WORK/ram/there.dump" &&
	    ssh -F /dev/null -i "$key" -p "$SSHD_PORT" -o UserKnownHostsFile="$known" "$me@127.0.0.1" sha256sum "$WORK/ram/there.dump"
}
sent() { "$stream" "$db" "$1" "$2"; }
saved() { "$MIDWATCH" backup "$1" --store "$2" --jobs "$3"; }
checked() { "$MIDWATCH" validate latest --db otc --store ram; }
stock_check() { gzip -t ram/store/manual/*/otc.dump.gz && sha256sum ram/store/manual/*/otc.dump.gz; }
empty() { rm -rf ram/store ram/nas ram/db.* ram/theirs* ram/*.dump; }

# What it left, and the most memory that the programs of a command had at once.
size_of() { SIZE[$1]=$(du -sb "${@:2}" | awk '{ n += $1 } END { print n }'); }
declare -A SIZE

floor >/dev/null	# into the cache
for round in $(seq "$rounds"); do
	began; floor >/dev/null; took floor
	timed sent sent none "$WORK/ram"; empty
	timed proven sent proof "$WORK/ram"; cp out.proven said; empty
	timed far sent none "$far:$WORK/ram"; empty
	timed one saved otc ram 1; size_of one ram/store/manual/*/otc.dump.gz
	timed checked checked
	timed stock stock_check; empty
	timed one_far saved otc nas 1; empty
	timed two saved otc ram 2; size_of two ram/store/manual/*/otc/*.gz; empty
	timed two_far saved otc nas 2; empty
	timed quarter saved quarter ram 1; empty
	timed quarter_far saved quarter nas 1; empty
	timed gzip to_gzip; size_of gzip ram/theirs.gz; empty
	timed custom custom; size_of custom ram/theirs.dump; empty
	timed folder folder; size_of folder ram/theirs.d; empty
	timed old old_way; size_of old ram/there.dump; empty
	! command -v pigz >/dev/null || { timed pigz to_pigz; size_of pigz ram/theirs.pz; empty; }
	! command -v zstd >/dev/null || { timed zstd to_zstd; size_of zstd ram/theirs.zst; empty; }
done
read -r _ raw _ peak <said
memory() { "$ROOT/tests/bench/memory_of.py" "$MIDWATCH" "$MIDWATCH" backup "$1" --store nas --jobs "$2"; empty; }
one=$(memory otc 1) two=$(memory otc 2) small=$(memory quarter 1)

row "$((raw >> 20)) MiB sent: the floor, pg_dump -Fc -Z0" sent floor "at most 1.35 x"
row "sent over SFTP: the floor" far floor "at most 1.35 x"
row "sent, read to its end meanwhile: the floor" proven floor
row "a whole backup, verified: the floor" one floor "at most 1.7 x"
row "over SFTP, verified there: the floor" one_far floor "at most 1.7 x"
row "by two streams, verified: the floor" two floor
row "by two, over SFTP, verified: the floor" two_far floor
row "sent: pg_dump to gzip" sent gzip "at most 0.35 x"
row "sent: pg_dump -Fc" sent custom
[ ! -e "$WORK/time.pigz" ] || row "sent: pg_dump to pigz" sent pigz
[ ! -e "$WORK/time.zstd" ] || row "sent: pg_dump to zstd -1" sent zstd
row "by two streams, verified: pg_dump -Fd -j2" two folder
row "over SFTP, verified: dump, sum, scp, sum" one_far old "at most 0.5 x"
row "by two, the same" two_far old "at most 0.5 x"
row "validate: gzip -t and sha256sum" checked stock "at most 0.5 x"
row "four times the data: a quarter of it" one quarter "about 4 x"
row "over SFTP: four times the data, a quarter" one_far quarter_far "about 4 x"
bytes()	# WHAT OURS THEIRS AIM
{
	[ -n "${SIZE[$3]-}" ] || return 0
	echo "bytes: $1|$((SIZE[$2] >> 10)) KiB|$((SIZE[$3] >> 10)) KiB|$(LC_ALL=C awk -v a="${SIZE[$2]}" -v b="${SIZE[$3]}" 'BEGIN { printf "%.2f x", a / b }')|${4-}"
}
bytes "pg_dump to gzip" one gzip "at most 1.02 x"
bytes "by two streams: pg_dump to gzip" two gzip "at most 1.02 x"
bytes "pg_dump to pigz" one pigz
bytes "pg_dump to zstd -1" one zstd
bytes "pg_dump -Fc" one custom
bytes "pg_dump -Fd -j2" two folder
echo "memory, with pg_dump and pg_restore|$((peak >> 10)) MiB|||under 64 MiB"
echo "memory of ours: one stream, two|$((one >> 10)) MiB|$((two >> 10)) MiB||under 64 MiB"
echo "memory of ours: a quarter of the data|$((one >> 10)) MiB|$((small >> 10)) MiB||the same"
