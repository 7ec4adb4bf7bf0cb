#!/bin/bash
# One stream of a database to a tmpfs store, against the floor (pg_dump alone)
# and what people do without us. The median of three rounds in turn.
set -u
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/flow.XXXXXX") || exit
. "$ROOT/tests/postgres.sh"
trap 'pg_stop_cluster "$WORK/pg" immediate; umount "$WORK/ram" 2>/dev/null; rm -rf --one-file-system "$WORK"' EXIT
at_exit() { :; }
if ! pg_start_cluster "$WORK/pg" "shared_buffers = 256MB" "max_wal_size = 4GB"; then
	echo "stream: skipped|$WHY|||"
	exit 0
fi
mkdir "$WORK/ram" && mount -t tmpfs tmpfs "$WORK/ram" || exit 0
stream=${MIDWATCH%/*}/tests/bench_flow_stream
PATH=$PG_BIN:$PATH
rows=${FLOW_BENCH_ROWS:-3000000}
psql_ "$WORK/pg" -c "CREATE TABLE events AS SELECT i, md5(i::text) AS hash,
    now() + i * interval '1 second' AS at, 'user-' || i % 5000 AS who,
    '{\"kind\": \"order\", \"state\": \"paid\", \"n\": ' || i % 97 || '}' AS what,
    random() * 1000 AS price FROM generate_series(1, $rows) i" >/dev/null
db="host=$WORK/pg port=$PG_PORT user=$PG_SUPER dbname=postgres"
pg_dump -Fc -Z0 -d "$db" >/dev/null	# into the cache

timed()
{
	local began=$EPOCHREALTIME
	"$@" || exit
	LC_ALL=C awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }'
}
floor() { pg_dump -Fc -Z0 -d "$db" >/dev/null; }
gzipped() { pg_dump -d "$db" | gzip >"$WORK/ram/theirs.gz"; }
ours() { rm -f "$WORK"/ram/db.*; "$stream" "$db" "$1" "$WORK/ram" >"$WORK/said.$1"; }
median() { sort -n | sed -n 2p; }

for round in 1 2 3; do
	timed floor >>"$WORK/floor"
	timed ours none >>"$WORK/none"
	timed ours proof >>"$WORK/proof"
	timed gzipped >>"$WORK/gzip"
done
floor=$(median <"$WORK/floor") none=$(median <"$WORK/none")
proof=$(median <"$WORK/proof") gzip=$(median <"$WORK/gzip")
read -r _ raw packed peak <"$WORK/said.proof"
theirs=$(stat -c %s "$WORK/ram/theirs.gz")
x() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f x", a / b }'; }
echo "stream of $((raw >> 20)) MiB: pg_dump -Fc -Z0|$none s|$floor s|$(x "$none" "$floor")|at most 1.35 x"
echo "the same, proven by pg_restore|$proof s|$floor s|$(x "$proof" "$floor")|"
echo "stream: pg_dump \\| gzip|$none s|$gzip s|$(x "$none" "$gzip")|at most 0.35 x" | sed 's/\\|/to/'
echo "stream: bytes beside pg_dump to gzip|$packed|$theirs|$(x "$packed" "$theirs")|at most 1.02 x"
echo "stream: memory of all processes|$((peak >> 10)) MiB|||under 64 MiB"
