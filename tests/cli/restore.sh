#!/bin/sh
# `midwatch restore`: data back from a set into a real database: the plan, what it
# refuses, and that what comes back is what was there.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"

if ! pg_start_cluster "$WORK/pg"; then
	skip "a database comes back from a set" "$WHY"
	finish
fi
PATH=$PG_BIN:$PATH
mkdir "$WORK/scratch"
psql_ "$WORK/pg" -c 'CREATE ROLE owner_1 LOGIN' -c 'CREATE ROLE "owner two"' -c 'CREATE ROLE gone' \
    -c 'CREATE DATABASE otc' -c 'CREATE DATABASE gps' -c 'CREATE DATABASE target' -c "CREATE DATABASE \"host=x 'odd'\"" \
    || not_ok "databases can be made"
where="-h $WORK/pg -p $PG_PORT -U postgres"
psql -X -q $where -d otc -v ON_ERROR_STOP=1 -f "$ROOT/tests/backup/odd.sql" >/dev/null || not_ok "an odd database can be made"
psql -X -q $where -d gps -c 'CREATE TABLE t (a int)' -c 'ALTER TABLE t OWNER TO gone'
pg_dump -Fc -Z0 $where otc >otc.raw
pg_dump -Fc -Z0 $where gps >gps.raw
psql -X -q $where -d gps -c 'DROP TABLE t' -c 'DROP ROLE gone'

S=20250214T021000Z
make_set()
{
	rm -rf nas
	MEMBER=65536 python3 "$ROOT/tests/backup/dump_set.py" nas nightly $S otc=database:otc.raw:15:2045 gps=database:gps.raw \
	    || not_ok "a set can be made"
}
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
places = ( ${2-} );
databases = ( { name = "otc"; host = "127.0.0.1"; port = 1; }, { name = "gps"; host = "127.0.0.1"; port = 1; } );
stores = ( $1 );
backup = { to = ( "nas" ); };
END
}
site '{ name = "nas"; path = "nas"; }'
make_set
into="host=$WORK/pg port=$PG_PORT user=postgres dbname=target"
restore()
{
	"$MIDWATCH" restore "$@" --scratch "$WORK/scratch"
}
tables()	# DATABASE
{
	psql -X -q -A -t $where -d "$1" -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
}

# --- the plan, and what it refuses ------------------------------------------------
expect_exit 2 "where to must be said" "$MIDWATCH" restore $S otc
expect_exit 2 "a database that no set has is named" restore $S otx --into "$into"
expect_exit 2 "without proof there is no latest" restore latest otc --into "$into" --confirm target
check "and that is why" contains "$ERR" "that is verified"
expect_exit 2 "a password does not belong into the words" restore $S otc --into "postgresql://a:secret@127.0.0.1/target"
check "and is not repeated" lacks "$ERR$OUT" secret
expect_exit 2 "nor does nonsense" restore $S otc --into "nonsense"
expect_exit 0 "a plan is shown" restore $S otc --into "$into" --plan
check "with what it holds" contains "$OUT" "16 tables"
check "with where it goes" contains "$OUT" "into    target as postgres, PostgreSQL 15"
check "and that nobody has tried it" contains "$OUT" "was never restored"
check "a plan changes nothing" [ "$(tables target)" = 0 ]
expect_exit 0 "for programs it is an object" restore $S otc --into "$into" --plan --json
check "of JSON" sh -c 'printf "%s" "$1" | python3 -c "import json, sys; assert json.load(sys.stdin)[\"into\"] == \"target\""' sh "$OUT"
expect_exit 3 "nothing happens unconfirmed" restore $S otc --into "$into"
expect_exit 3 "nor by another name" restore $S otc --into "$into" --confirm otc
expect_exit 3 "a role that is missing is no surprise in the middle" restore $S gps --into "$into" --confirm target
check "it is named before" contains "$ERR" "lacks what the dump needs: the roles gone"
check "nothing was written until now" [ "$(tables target)" = 0 ]

# --- and back ----------------------------------------------------------------------------
expect_exit 0 "a database comes back" restore $S otc --into "$into" --confirm target
check "compared with its dump" contains "$OUT" "[OK] target restored from nightly/$S on nas: 15 tables and 2045 rows"
dump_of()
{
	pg_dump $where -d "dbname=$1" --no-comments | grep -v -e '^\\\(un\)\?restrict' -e '^-- Dumped' | sort
}
dump_of otc >before && dump_of target >after
check "row by row it is what it was" cmp before after
check "the journal has it" grep -q '"kind":"evidence".*target restored from' state/log.jsonl
check "nothing is left in between" [ -z "$(ls -A scratch)" ]
psql -X -q $where -d target -c 'UPDATE plain SET t = NULL' -c 'CREATE TABLE mine AS SELECT 1 AS a'
expect_exit 3 "nothing is restored over tables" restore $S otc --into "$into" --confirm target
check "and the way out is said" contains "$ERR" "say --over"
expect_exit 0 "unless it is told" restore $S otc --into "$into" --confirm target --over
check "then what the dump does not hold stays" [ "$(psql -X -A -t $where -d target -c 'SELECT a FROM mine')" = 1 ]
psql -X -q $where -d target -c 'DROP TABLE mine'
dump_of target >after
check "and the rest is what it was" cmp before after
expect_exit 0 "an awkward name of a database is only a name" restore $S otc --confirm "host=x 'odd'" \
    --into "host=$WORK/pg port=$PG_PORT user=postgres dbname='host=x \\'odd\\''"

# --- damage --------------------------------------------------------------------------------
psql_ "$WORK/pg" -c 'DROP DATABASE target' -c 'CREATE DATABASE target'
printf x | dd of=nas/nightly/$S/otc.dump.gz bs=1 seek=17500 conv=notrunc 2>/dev/null
expect_exit 1 "of a damaged dump nothing is restored" restore $S otc --into "$into" --confirm target
check "and the damage is named" contains "$OUT" "nothing was restored: 'otc.dump.gz'"
check "not even a part" [ "$(tables target)" = 0 ]
printf xxxx | dd of=nas/nightly/$S/otc.dump.gz bs=1 seek=40 conv=notrunc 2>/dev/null
expect_exit 1 "damage at its head ends it before the plan" restore $S otc --into "$into" --confirm target
check "and names the file" contains "$ERR" "'otc.dump.gz': gzip member 1"
make_set
if small_fs tmpfs 64k "$WORK/small"; then
	expect_exit 3 "a disk without room is refused before anything is written" "$MIDWATCH" restore $S otc --into "$into" \
	    --confirm target --scratch "$WORK/small"
	check "and nothing was" [ "$(tables target)" = 0 ]
else
	skip "a disk without room is refused before anything is written" "$WHY"
fi
if sshd_start "$WORK/ssh"; then
	site "{ name = \"nas\"; at = \"nas-box\"; path = \"$WORK/nas\"; }" "$(sshd_place nas-box "$WORK/ssh")"
	expect_exit 0 "a set on another host is read through" "$MIDWATCH" validate
	expect_exit 0 "and its database comes back" restore latest otc --into "$into" --confirm target
	check "whole" contains "$OUT" "15 tables and 2045 rows"
else
	skip "a set on another host comes back" "$WHY"
fi
finish
