#!/bin/sh
# `midwatch validate`: sets out of real dumps, read through where they lie (here and
# over SSH), restored into a scratch PostgreSQL, and every way in which that fails.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"

if ! pg_start_cluster "$WORK/pg"; then
	skip "sets are proven by a real restore" "$WHY"
	finish
fi
PATH=$PG_BIN:$PATH
chmod 755 "$WORK"
mkdir "$WORK/scratch"
chmod 1777 "$WORK/scratch"

psql_ "$WORK/pg" -c 'CREATE ROLE owner_1 LOGIN' -c "CREATE ROLE \"owner two\" PASSWORD 'x;''y'" \
    -c 'GRANT owner_1 TO "owner two"' -c 'CREATE DATABASE otc' -c 'CREATE DATABASE gps' || not_ok "a database can be made"
where="-h $WORK/pg -p $PG_PORT -U postgres"
psql -X -q $where -d otc -v ON_ERROR_STOP=1 -f "$ROOT/tests/backup/odd.sql" >/dev/null || not_ok "an odd database can be made"
for db in otc gps; do pg_dump -Fc -Z0 $where "$db" >"$db.raw"; done
# under one snapshot, in the order in which they are restored
pg_dump -Fc -Z0 $where --section=pre-data otc >pre.raw
pg_dump -Fc -Z0 $where --section=data -t plain otc >data1.raw
pg_dump -Fc -Z0 $where --section=data -T plain otc >data2.raw
pg_dump -Fc -Z0 $where --section=post-data otc >post.raw
pg_dumpall -g $where >globals.raw
# a dump whose tables ask for a role that no globals have
psql_ "$WORK/pg" -c 'ALTER ROLE postgres SET default_transaction_read_only = on'
pg_dumpall -g $where >readonly.raw

site()	# NAS
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

make_set()	# NAME PART...
{
	rm -rf nas
	MEMBER=65536 python3 "$ROOT/tests/backup/dump_set.py" nas nightly "$@" || not_ok "a set can be made" "$*"
}
S=20250214T021000Z
nothing_left()
{
	[ -z "$(ls -A "$WORK/scratch")" ] && nothing_runs
}
nothing_runs()
{
	! pgrep -af "^[^ ]*(postgres|pg_restore|initdb|env|setpriv) .*$WORK/scratch"
}
restoring()
{
	set -- "$MIDWATCH" validate --restore --scratch "$WORK/scratch" "$@"
	"$@"
}

# --- nothing ------------------------------------------------------------------------
expect_exit 1 "where there is no set nothing passes" "$MIDWATCH" validate
check "and it is said of each database" contains "$OUT" "[FAIL] gps: no set holds it"
expect_exit 2 "a database that the site does not have is wrong usage" "$MIDWATCH" validate --db otx

# --- good ones ----------------------------------------------------------------------
good="otc=database:otc.raw:15:2045 gps=database:gps.raw:0:0 globals-otc=globals:globals.raw"
make_set $S $good
expect_exit 0 "a good set is read through" "$MIDWATCH" validate
check "each component says so" contains "$OUT" "[OK] otc, nightly/$S on nas: verified"
check "an empty database is a good one" contains "$OUT" "[OK] gps, nightly/$S on nas: verified"
check "the set is verified from then on" sh -c '"$1" sets | grep -q "otc  *verified"' sh "$MIDWATCH"
check "what is usual has grown by it" sh -c 'grep -q "^'$S',nightly,.*,15,2045,.*good$" state/sizes/otc.csv'
expect_exit 0 "and restored" restoring
check "everything odd came back" contains "$OUT" "[OK] otc, nightly/$S on nas: restorable, 15 tables and 2045 rows came back"
check "the set is restorable from then on" sh -c '"$1" sets | grep -q "otc  *restorable.*restored in"' sh "$MIDWATCH"
check "nothing of the scratch stays" nothing_left
check "the journal has it" grep -q '"kind":"evidence".*otc restorable' state/log.jsonl
check "the set's own files are as they were" sh -c 'cd nas/nightly/'$S' && sha256sum --quiet -c checksums.sha256'
expect_exit 0 "for programs it is an object" "$MIDWATCH" validate nightly/$S --json --db otc
check "with a result for each component" sh -c 'printf "%s" "$1" | python3 -c "
import json, sys
o = json.load(sys.stdin)
assert o[\"ok\"] and o[\"results\"][-1][\"rows\"] == 2045, o"' sh "$OUT"
expect_exit 1 "a set that is not there fails" "$MIDWATCH" validate 20250101T000000Z
check "and is named" contains "$OUT" "there is no set '20250101T000000Z'"

make_set $S otc=database:pre.raw,data1.raw,data2.raw,post.raw:15:2045 globals-otc=globals:globals.raw
expect_exit 0 "several archives of one dump are restored in their order" restoring --db otc
check "all rows and objects of them" contains "$OUT" "[OK] otc, nightly/$S on nas: restorable, 15 tables and 2045 rows"
make_set $S otc=database:otc.raw gps=database:gps.raw
expect_exit 0 "without globals roles are made up" restoring
check "and that is said" contains "$OUT" "role owner two is in no globals of this set"
make_set $S otc=database:otc.raw gps=database:gps.raw globals-otc=globals:readonly.raw
expect_exit 0 "a superuser that is read-only by default does not stop it" restoring

# --- bad ones ------------------------------------------------------------------------
sed 's/owner_1/somebody_else/g' globals.raw >other.raw
make_set $S otc=database:otc.raw gps=database:gps.raw globals-otc=globals:other.raw
expect_exit 1 "a role that the globals lack fails the restore" restoring
check "and is named" contains "$OUT" 'role "owner_1" does not exist'
check "it is still verified, and no more" sh -c '"$1" sets | grep -q "otc  *verified.*restoring it has failed"' sh "$MIDWATCH"
check "nothing of the scratch stays after a failure" nothing_left

make_set $S otc=database:otc.raw:15:2046 gps=database:gps.raw
expect_exit 1 "a wrong row count fails the proof" "$MIDWATCH" validate
check "with both numbers" contains "$OUT" "the dump holds 2045 rows, its manifest says 2046"
check "and the copy is worth nothing" sh -c '"$1" sets | grep -q "otc  *unproven"' sh "$MIDWATCH"

make_set $S $good
printf x | dd of=nas/nightly/$S/otc.dump.gz bs=1 seek=9000 conv=notrunc 2>/dev/null
expect_exit 1 "a damaged byte fails it" "$MIDWATCH" validate
check "its member is named" contains "$OUT" "by its index 1 of 3 members is damaged: member"
check "the others are not touched by that" contains "$OUT" "[OK] gps, nightly/$S on nas: verified"
make_set $S $good
sed -i 's/"rows": 2045/"rows": 2945/' nas/nightly/$S/manifest.json
expect_exit 1 "a manifest that was changed is found" "$MIDWATCH" validate
check "and named" contains "$OUT" "'manifest.json' is not the one of checksums.sha256"
run_ "$MIDWATCH" sets nas
check "nothing is verified by a manifest that was changed" lacks "$OUT" verified
echo '{' >nas/nightly/$S/manifest.json
expect_exit 1 "a damaged manifest fails when its set is asked for" "$MIDWATCH" validate $S
check "with its name" contains "$OUT" "its manifest is damaged"

# --- an emergency backup that is none ---------------------------------------------------
mkdir told && cp midwatch.cfg told && cd told
sed -i "s|path = \"nas\"|path = \"$WORK/told/nas\"|" midwatch.cfg
cat >>midwatch.cfg <<END
comms = { contacts = ( { who = "Head"; on = ( "sev-0" ); tell = "cat >>head"; },
	{ who = "Lead"; on = ( "validation-failed" ); tell = "cat >>lead"; } ); };
END
MEMBER=65536 python3 "$ROOT/tests/backup/dump_set.py" nas emergency $S otc=database:../otc.raw
printf x | dd of=nas/emergency/$S/otc.dump.gz bs=1 seek=9000 conv=notrunc 2>/dev/null
run_ "$MIDWATCH" validate
check "without an incident a failed validation is told as that" grep -q '"trigger":"validation-failed"' lead
check "with which it was, and what is wrong with it" grep -q '"text":"otc, emergency/[^"]* on nas: .*is damaged.*midwatch sets' lead
"$MIDWATCH" incident open --severity SEV-2 >/dev/null
expect_exit 1 "in an incident an emergency backup that is none" "$MIDWATCH" validate
check "makes it SEV-0" contains "$("$MIDWATCH" incident show)" "SEV-0"
check "and whoever is to know of that is told" grep -q '"trigger":"sev-0"' head
run_ "$MIDWATCH" incident resolve --override "a test"
run_ "$MIDWATCH" incident close --override "a test"
cd ..

# --- refused -------------------------------------------------------------------------
make_set $S $good
VERSION=99.1 make_set $S $good
expect_exit 3 "a newer server's set is not tried in an older one" restoring
check "and that says nothing against it" contains "$OUT" "the set is from PostgreSQL 99"
make_set $S $good
if small_fs tmpfs 64M "$WORK/small"; then
	chmod 1777 "$WORK/small"
	expect_exit 3 "a disk without room is refused" "$MIDWATCH" validate --restore --scratch "$WORK/small"
	check "and says how much is missing" contains "$OUT" "MB are missing"
	check "nothing was begun there" [ -z "$(ls -A "$WORK/small")" ]
	check "what needs no room was done" contains "$OUT" "[OK] otc, nightly/$S on nas: verified"
else
	skip "a disk without room is refused" "$WHY"
fi

# --- killed ----------------------------------------------------------------------------
psql -X -q $where -d gps -c 'SET default_transaction_read_only = off' \
    -c "CREATE FUNCTION slow(int) RETURNS bool LANGUAGE sql AS 'SELECT pg_catalog.pg_sleep(0.02) IS NOT NULL'" \
    -c 'CREATE TABLE big (i int CHECK (slow(i)))' -c 'INSERT INTO big SELECT generate_series(1, 150)'
pg_dump -Fc -Z0 $where gps >big.raw
make_set $S gps=database:big.raw:1:150 globals-otc=globals:globals.raw
kill_at()	# SECONDS after the server is up [SIGNAL to the verb]
{
	rm -rf "$WORK"/scratch/*
	"$MIDWATCH" validate --restore --db gps --scratch "$WORK/scratch" >kill.out 2>&1 &
	verb=$!
	turn=0
	while ! ls "$WORK"/scratch/*/server >/dev/null 2>&1 && [ $turn -lt 600 ]; do
		sleep 0.05
		turn=$((turn + 1))
	done
	sleep "$1"
	job=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$(ls -dt state/jobs/*/job.json | head -n 1)")
	server=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$WORK"/scratch/*/server)
	if [ -n "${2-}" ]; then
		kill "-$2" "$verb"
	else
		kill -KILL "$job"
	fi
	STATUS=0
	wait "$verb" 2>/dev/null || STATUS=$?
	turn=0
	while ! nothing_runs >/dev/null && [ $turn -lt 200 ]; do
		sleep 0.05
		turn=$((turn + 1))
	done
}
kill_at 0.5 TERM
check "a restore is cancelled by TERM" [ "$STATUS" = 143 ]
check "and leaves nothing" nothing_left
for moment in 0 0.3 1; do
	kill_at $moment
	check "killed after $moment s, its server and its programs end" nothing_runs
	check "killed after $moment s, it was at work" test -n "$server"
done
expect_exit 0 "the next run is not disturbed" restoring --db gps
check "it removes what was left" contains "$OUT" "removed what"
check "to the last file" nothing_left

# --- over SSH ---------------------------------------------------------------------------
if sshd_start "$WORK/ssh"; then
	site "{ name = \"nas\"; at = \"nas-box\"; path = \"$WORK/nas\"; }" "$(sshd_place nas-box "$WORK/ssh")"
	make_set $S $good
	expect_exit 0 "a set on another host is read through and restored" restoring
	check "with the same result" contains "$OUT" "[OK] otc, nightly/$S on nas: restorable, 15 tables and 2045 rows"
	check "the proofs lie beside the manifest there" sh -c 'ls nas/nightly/*/proof-*-verified.json nas/nightly/*/proof-*-restorable.json'
	printf x | dd of=nas/nightly/$S/otc.dump.gz bs=1 seek=9000 conv=notrunc 2>/dev/null
	expect_exit 1 "a damaged byte there is found" "$MIDWATCH" validate
	sshd_stop
	rm -f nas/nightly/$S/proof-*
	expect_exit 1 "a store that does not answer fails" "$MIDWATCH" validate
	check "with what to look at" contains "$OUT$ERR" "see whether its sshd runs"
	check "and what cannot be read is not called missing" contains "$OUT" "[FAIL] otc: no set holds it where that can be read"
	check "and takes no proof away" sh -c '! ls nas/nightly/*/proof-* 2>/dev/null'
else
	skip "a set on another host is read through and restored" "$WHY"
fi
finish
