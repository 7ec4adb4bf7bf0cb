#!/bin/sh
# Our own process is killed at random moments of a backup, in every phase of it: at no
# time is there anything under a final name that does not restore.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "a killed backup leaves nothing false" "${WHY:-there is no pg_restore}"
	finish
fi
if ! pg_start_cluster "$WORK/pg"; then
	skip "a killed backup leaves nothing false" "$WHY"
	finish
fi
psql_ "$WORK/pg" -c 'CREATE DATABASE otc'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g, md5(g::text) AS m FROM generate_series(1, 60000) g' \
    -c 'CREATE TABLE u AS SELECT * FROM t' >/dev/null
cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "UTC"; state = "state"; };
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; } );
stores = ( { name = "local"; path = "local"; } );
backup = { to = ( "local" ); min_free = "1MB"; };
END
rounds=50
[ -z "${MIDWATCH_SOAK-}" ] || rounds=500
run_ python3 "$ROOT/tests/backup/kill_rounds.py" "$MIDWATCH" local state $rounds
check "killed $rounds times, nothing false has a final name" [ "$STATUS" = 0 ]
printf '%s\n' "$OUT" | sed 's/^/# killed while /'
[ "$STATUS" = 0 ] || printf '%s\n' "$ERR" | sed 's/^/# /'
for phase in looking claimed dumping proving publishing published; do
	n=$(printf '%s\n' "$OUT" | sed -n "s/^$phase //p")
	check "at least five of them while $phase ($n)" [ "${n:-0}" -ge 5 ]
done
run_ "$MIDWATCH" validate all --restore
check "what has a final name can be restored" contains "$OUT" restorable
check "all of it" lacks "$OUT" "[FAIL]"
check "no line of the sizes is torn" \
    sh -c '! grep -vqE "^[0-9TZ]+,[a-z]+(,-?[0-9]+){5},(good|bad)$" state/sizes/otc.csv'
expect_exit 0 "the journal holds together" "$MIDWATCH" verify state/log.jsonl
expect_exit 0 "and the next backup works" "$MIDWATCH" backup otc
finish
