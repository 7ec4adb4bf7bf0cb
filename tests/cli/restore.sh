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
	"$MIDWATCH" restore "$@" --untried --scratch "$WORK/scratch"
}
tables()	# DATABASE
{
	psql -X -q -A -t $where -d "$1" -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
}

# --- the plan, and what it refuses ------------------------------------------------
expect_exit 2 "which set must be said" "$MIDWATCH" restore otc
check "and how a runbook's step says it" contains "$ERR" "--arg set=SET"
expect_exit 2 "which database must be said, too" "$MIDWATCH" restore $S
check "and in which place" contains "$ERR" "restore $S DB"
expect_exit 1 "without another target it is the database itself" "$MIDWATCH" restore $S otc --plan
check "which has to answer" contains "$ERR" "otc"
expect_exit 2 "a database that no set has is named" restore $S otx --into "$into"
expect_exit 2 "without proof there is no latest" restore latest otc --into "$into" --confirm target
check "and that is why" contains "$ERR" "that is verified"
expect_exit 2 "a password does not belong into the words" restore $S otc --into "postgresql://a:secret@127.0.0.1/target"
check "and is not repeated" lacks "$ERR$OUT" secret
expect_exit 1 "a target that is not there" restore $S otc --into "${into%target}nowhere" --confirm nowhere
check "has to be made first" contains "$ERR" "createdb -T template0"
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
check "the journal has it" grep -q '"kind":"restored".*target restored from' state/log.jsonl
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

# --- tried first ---------------------------------------------------------------------------
site '{ name = "nas"; path = "nas"; }'
make_set
psql_ "$WORK/pg" -c 'DROP DATABASE target' -c 'CREATE DATABASE target'
tried()
{
	"$MIDWATCH" restore "$@" --scratch "$WORK/scratch"
}
expect_exit 0 "the plan says what comes first" tried $S otc --into "$into" --plan
check "when nobody has tried it" contains "$OUT" "it is tried in a scratch PostgreSQL, before the target is touched"
expect_exit 0 "what was never tried is tried before" tried $S otc --into "$into" --confirm target
check "in a scratch PostgreSQL" contains "$OUT" "[OK] tried in a scratch PostgreSQL: 15 tables and 2045 rows"
check "which is gone" [ -z "$(ls -A scratch)" ]
cat >broken.sql <<'END'
CREATE FUNCTION refuses(int) RETURNS boolean LANGUAGE sql AS $$SELECT current_database() = 'gps'$$;
CREATE TABLE picky (a int CHECK (refuses(a)));
INSERT INTO picky VALUES (1);
END
psql -X -q $where -d gps -v ON_ERROR_STOP=1 -f broken.sql
pg_dump -Fc -Z0 $where gps >gps.raw
make_set
psql_ "$WORK/pg" -c 'DROP DATABASE target' -c 'CREATE DATABASE target'
expect_exit 1 "what does not restore there is not restored" tried $S gps --into "$into" --confirm target
check "and the target was not touched" [ "$(tables target)" = 0 ]
check "which is said" contains "$OUT" "nothing was restored: in a scratch PostgreSQL it did not work"

# --- beside ----------------------------------------------------------------------------------
psql_ "$WORK/pg" -c 'ALTER DATABASE otc OWNER TO owner_1' -c "ALTER DATABASE otc SET search_path = \"\$user\", \"odd one\"" \
    -c 'GRANT CONNECT, TEMP ON DATABASE otc TO "owner two" WITH GRANT OPTION' -c 'REVOKE CONNECT ON DATABASE otc FROM PUBLIC' \
    -c "ALTER ROLE owner_1 IN DATABASE otc SET statement_timeout = '7s'" -c 'ALTER DATABASE otc CONNECTION LIMIT 17'
cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; runbook = "restore-data"; };
databases = ( { name = "otc"; aka = ( "orders" ); host = "127.0.0.1"; port = $PG_PORT; user = "owner_1";
    superuser = { host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; }; } );
stores = ( { name = "nas"; path = "nas"; } );
backup = { to = ( "nas" ); globals = false; };
freeze = { block_ddl = true; };
END
likeness()	# DATABASE
{
	psql -X -q -A -t $where -d postgres -c "SELECT pg_get_userbyid(datdba), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), datconnlimit, datcollate, encoding
	    FROM pg_database WHERE datname = '$1'" \
	    -c "SELECT pg_get_userbyid(setrole), setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = '$1' ORDER BY 1"
}
likeness otc >before
kept()
{
	psql -X -q -A -t $where -d postgres -c "SELECT datname FROM pg_database WHERE datname LIKE 'otc\\_%' ORDER BY 1"
}
psql -X -q $where -d otc -c 'UPDATE public.plain SET t = NULL'
expect_exit 3 "the database itself is not overwritten" "$MIDWATCH" restore $S otc --untried --confirm otc
sed '/superuser = /d; s/user = "owner_1";/user = "owner_1"; } );/' midwatch.cfg >weak.cfg
expect_exit 3 "who may not make a database is told before anything is tried" "$MIDWATCH" -c weak.cfg restore $S otc --beside --confirm otc
check "and what is missing" contains "$ERR" "'owner_1' may not put a new database in the place of 'otc'"
expect_exit 0 "the plan of a restore beside it" tried $S otc --beside --plan
check "names both" contains "$OUT" "is kept as otc_old_2"
expect_exit 3 "another name does not confirm it" tried $S otc --beside --confirm gps
"$MIDWATCH" freeze on >/dev/null
expect_exit 0 "it is restored beside, while DDL is refused" tried $S otc --beside --confirm otc
"$MIDWATCH" freeze off >/dev/null
check "and has its name" [ "$(psql -X -A -t $where -d otc -c 'SELECT count(t) > 0 FROM public.plain')" = t ]
check "what was there is kept" [ "$(psql -X -A -t $where -d "$(kept)" -c 'SELECT count(t) FROM public.plain')" = 0 ]
likeness otc >after
check "owner, rights and settings are those of before" diff before after
psql_ "$WORK/pg" -c "DROP DATABASE \"$(kept)\""
psql -X -q $where -d otc -c "SET application_name = 'shop'" -c 'SELECT pg_sleep(120)' >/dev/null 2>&1 &
shop=$!
turn=0
while [ "$(psql_ "$WORK/pg" -c "SELECT count(*) FROM pg_stat_activity WHERE datname = 'otc'")" = 0 ] && [ $turn -lt 100 ]; do
	turn=$((turn + 1)); sleep 0.2
done
expect_exit 3 "whoever is logged in is not thrown out" tried $S otc --beside --confirm otc
check "but named" contains "$ERR" "1 sessions are in 'otc': postgres"
check "and nothing is left" [ -z "$(kept)" ]
expect_exit 0 "unless that is asked for" tried $S otc --beside --end-sessions --confirm otc
wait $shop
psql_ "$WORK/pg" -c "DROP DATABASE \"$(kept)\""

# --- beside, by a role that is no superuser ----------------------------------------------------
cp midwatch.cfg with-superuser.cfg
sed -i '/superuser = /d; s/user = "owner_1";$/user = "owner_1"; } );/' midwatch.cfg
expect_exit 3 "what the role may not do is said before anything is made" tried $S otc --beside --plan
check "with the right that it lacks" contains "$ERR" "CREATEDB"
psql_ "$WORK/pg" -c 'ALTER ROLE owner_1 CREATEDB'
expect_exit 0 "with it the plan stands" tried $S otc --beside --plan
run_ tried $S otc --beside --confirm otc
check "and needs no right on the tablespace that everybody has" lacks "$OUT$ERR" "pg_default"
psql_ "$WORK/pg" -c 'ALTER ROLE owner_1 NOCREATEDB'
cp with-superuser.cfg midwatch.cfg

# --- as a step of its runbook ----------------------------------------------------------------------
"$MIDWATCH" incident open --title "rows are lost" >/dev/null 2>&1
"$MIDWATCH" validate $S --db otc --restore --scratch "$WORK/scratch" >/dev/null || not_ok "the set can be validated"
expect_exit 3 "a step has to be told which set" "$MIDWATCH" run restore-otc --confirm otc --anyway
check "and says how" contains "$ERR" "--arg set=SET"
expect_exit 2 "in words that are right" "$MIDWATCH" run restore-otc --confirm otc --anyway --arg set
expect_exit 2 "of an argument that it has" "$MIDWATCH" run restore-otc --confirm otc --anyway --arg sett=$S --arg set=$S
expect_exit 3 "and by its typed name" "$MIDWATCH" run restore-otc --anyway --arg set=$S
expect_exit 0 "then the database is restored" "$MIDWATCH" run restore-otc --confirm otc --anyway --arg set=$S
check "by proof" contains "$OUT" "[OK] restore-otc: proven"
check "and what was given is in the record" grep -q "\"with\":{\"set\":\"$S\"}" state/incidents/*/journal.jsonl
check "with what was restored from where" grep -q '"kind":"restored".*"target":true' state/incidents/*/journal.jsonl
finish
