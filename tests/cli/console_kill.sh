#!/bin/sh
# The console is killed at random moments of a backup: the backup ends well each time,
# and the next console shows that.
. "$(dirname "$0")/../lib.sh"
at_exit end_feeds
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/screen.sh"

give_up() { skip "a backup survives the console" "$WHY"; finish; }
screen_have || give_up
pg_have || give_up
pg_start_cluster "$WORK/pg" || give_up
psql_ "$WORK/pg" -c 'CREATE DATABASE otc'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g' >/dev/null
mkdir store
cat >midwatch.cfg <<END
site = { name = "bank"; environment = "production"; timezone = "UTC"; state = "$WORK/state"; };
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; } );
stores = ( { name = "nas"; path = "$WORK/store"; } );
backup = { to = ( "nas" ); min_free = "1MB"; };
END
ended() { "$MIDWATCH" jobs | grep -Eq "^ *$1  done"; }
begun() { "$MIDWATCH" jobs | grep -Eq "^ *$1 "; }

rounds=50
[ -z "${MIDWATCH_SOAK-}" ] || rounds=500
whole=0 shown=0
screen_start one 80x24 "env TERM=tmux-256color $MIDWATCH"
for n in $(seq $rounds); do
	screen_shows one "B:backup" && screen_shows one "backup otc" || break
	keys one B
	until_ begun "$n" || break
	sleep "$(python3 -c 'import random; print(random.random())')"
	screen_kill one KILL || break
	until_ ended "$n" && whole=$((whole + 1))
	screen_start one 80x24 "env TERM=tmux-256color $MIDWATCH"
	screen_shows one "job $n: emergency backup of otc: done" && shown=$((shown + 1))
done
check "killed $rounds times, the backup ends well ($whole)" [ "$whole" = "$rounds" ]
check "and the next console shows it ($shown)" [ "$shown" = "$rounds" ]
keys one q
check "it leaves at once when nothing runs" until_ screen_dead one
expect_exit 0 "the journal holds together" "$MIDWATCH" verify state/log.jsonl
run_ "$MIDWATCH" sets
check "every set is whole" lacks "$OUT" incomplete
finish
