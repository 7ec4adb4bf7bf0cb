#!/bin/sh
# `midwatch backup`: from a real PostgreSQL to a real sshd's store, published only
# when it was read back; and everything that can be in the way.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/postgres.sh"

json()
{
	printf '%s' "$OUT" | python3 -c 'import json, sys
o = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

is()
{
	got_=$(json "$1")
	[ "$got_" = "$2" ] || { echo "$1 is '$got_', not '$2'"; return 1; }
}

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "a database is backed up" "${WHY:-there is no pg_restore}"
	finish
fi
if ! sshd_start "$WORK/ssh" || ! pg_start_cluster "$WORK/pg" \
    "max_prepared_transactions = 0" "max_locks_per_transaction = 64"; then
	skip "a database is backed up" "$WHY"
	finish
fi
nas_place=$(sshd_place nas-box "$WORK/ssh")
nas_port=$SSHD_PORT
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE nothing' \
    -c "CREATE ROLE backup LOGIN PASSWORD 'it is: a\\secret'" \
    -c 'GRANT pg_read_all_data TO backup' -c "ALTER ROLE backup SET statement_timeout = '1ms'"
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g, md5(g::text) AS m FROM generate_series(1, 60000) g' \
    -c "CREATE TABLE \"a
b'\"\"c\" (x int)" -c 'INSERT INTO "a
b'"'"'""c" VALUES (7)'

more_stores='' more_dbs='' also='' policy=''
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
places = ( $nas_place );
databases = ( { name = "otc"; host = "127.0.0.1"; port = $PG_PORT; user = "backup"; passfile = "pass"; }$more_dbs );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; }, { name = "local"; path = "local"; }$more_stores );
backup = { to = ( "nas" ); also = ( "local" ); $policy };
END
}
printf '127.0.0.1:%s:*:backup:it is\\: a\\\\secret\n' "$PG_PORT" >pass
chmod 600 pass
site

final()	# STORE: paths under a final name
{
	find "$1" -mindepth 2 -maxdepth 2 -name '2*Z' 2>/dev/null
}

# Whatever happened: what has a final name can be checked and read to its end.
true_sets()	# SENTENCE STORE
{
	bad_=
	for set_ in $(final "$2"); do
		(cd "$set_" && sha256sum -c --quiet checksums.sha256 >/dev/null 2>&1) || bad_="$bad_ $set_"
		for dump_ in "$set_"/*.dump.gz; do
			[ -e "$dump_" ] || continue
			gunzip -c "$dump_" | pg_restore -f - >/dev/null 2>&1 || bad_="$bad_ $dump_"
		done
		[ -e "$set_/manifest.json" ] || bad_="$bad_ $set_"
	done
	check "$1" [ -z "$bad_" ]
}

nothing_left()	# SENTENCE STORE
{
	check "$1" [ -z "$(find "$2" -name '*.partial' 2>/dev/null)" ]
}

# --- words ----------------------------------------------------------------------
expect_exit 2 "a backup of nothing is wrong usage" "$MIDWATCH" backup
expect_exit 2 "a database that the site does not have is wrong usage" "$MIDWATCH" backup tape
check "and it is named" contains "$ERR" "no database or component 'tape'"
check "with those that there are" contains "$ERR" "It has: otc"
run_ "$MIDWATCH" backup OTC
check "and the one that was meant" contains "$ERR" "'OTC', did you mean 'otc'?"
run_ "$MIDWATCH" backup otc --store nsa
check "of a store as well" contains "$ERR" "no store 'nsa', did you mean 'nas'?"
expect_exit 2 "a level that there is not is wrong usage" "$MIDWATCH" backup otc --level 9
expect_exit 2 "a store that the site does not have is wrong usage" "$MIDWATCH" backup otc --store tape

# --- it works -------------------------------------------------------------------
expect_exit 0 "a database is saved over SSH" "$MIDWATCH" backup otc --emergency
check "with the line that people know" contains "$OUT" "[OK] Backup saved: nas-box:$WORK/nas/emergency/2"
check "which says what is proven" contains "$OUT" "otc.dump.gz (verified)"
check "and begins by saying what it is" contains "$OUT" "[EMERGENCY] otc: backup begins"
set=$(final nas)
check "stock tools check it" sh -c 'cd "$1" && sha256sum -c --quiet checksums.sha256' sh "$set"
check "stock tools read it to its end" sh -c 'gunzip -c "$1" | pg_restore -f - >/dev/null' sh "$set/otc.dump.gz"
check "and list it" sh -c 'gunzip -c "$1" | pg_restore --list | grep -q "TABLE DATA public t"' sh "$set/otc.dump.gz"
check "the roles are beside it" sh -c 'gunzip -c "$1"/globals-otc.sql.gz | grep -q "CREATE ROLE backup"' sh "$set"
check "the manifest says what every process ended with" \
    grep -q '"process":"pg_dump","version":"[0-9.]*","exit":0},{"process":"gzip","version":"[^"]*","exit":0},{"process":"pg_restore","exit":0}' "$set/manifest.json"
check "and which cluster it was" grep -q '"system_identifier":"[0-9]*","server_version":"15' "$set/manifest.json"
check "the role's own timeout did not end it" contains "$OUT" "[OK]"
run_ "$MIDWATCH" sets
check "midwatch sets calls it verified" contains "$OUT" "otc                          verified"
check "an emergency keeps away from this host's own disk" [ ! -e local ]
psql_ "$WORK/pg" -c 'CREATE DATABASE again'
gunzip -c "$set/otc.dump.gz" | "$PG_BIN/pg_restore" -h "$WORK/pg" -p "$PG_PORT" -U "$PG_SUPER" -d again --no-owner 2>"$WORK/.restore"
check "restored, each row is there" [ "$(psql_ "$WORK/pg" -d again -c 'SELECT md5(string_agg(t::text, chr(10) ORDER BY g)) FROM t')" = \
    "$(psql_ "$WORK/pg" -d otc -c 'SELECT md5(string_agg(t::text, chr(10) ORDER BY g)) FROM t')" ]
check "also of a table with a newline and quotes in its name" [ "$(psql_ "$WORK/pg" -d again -c 'SELECT x FROM "a
b'"'"'""c"')" = 7 ]
check "no secret is in what was written" sh -c '! grep -rqs "a..*secret" state nas'

expect_exit 0 "without --emergency it goes to every store" "$MIDWATCH" backup otc --json --level small
check "one object on standard output" is '[o["ok"], o["class"], o["backups"][0]["ok"]]' "[True, 'manual', True]"
check "with the truth of each store" is '[(c["store"], c["verified"]) for c in o["backups"][0]["components"][0]["copies"]]' \
    "[('nas', True), ('local', True)]"
check "and nothing else" [ "$(wc -l <"$WORK/.out")" = 1 ]
check "sizes are whole numbers in the history" sh -c \
    '[ "$(wc -l <state/sizes/otc.csv)" = 2 ] && ! grep -vqE "^[0-9TZ]+,[a-z]+(,-?[0-9]+){5},(good|bad)$" state/sizes/otc.csv'
run_ "$MIDWATCH" backup otc otc --store local --json
check "what is named twice is saved once" is 'len(o["backups"])' 1
expect_exit 0 "nothing is unsafe then" "$MIDWATCH" backup --all-unsafe
check "and that is said" contains "$OUT" "[OK] nothing is unsafe"
python3 -c 'import time; time.sleep(1.001 - time.time() % 1)'
expect_exit 0 "an incident is opened" "$MIDWATCH" --state second incident open --title t
expect_exit 0 "and saved in the same second" "$MIDWATCH" --state second backup otc --emergency
expect_exit 0 "a set is named after the second of its beginning" "$MIDWATCH" --state second backup --all-unsafe
check "which is since then" contains "$OUT" "[OK] nothing is unsafe"
check "the journal has the intent before and the outcome after" sh -c \
    'grep -q "job.started.*emergency backup: otc" state/log.jsonl && grep -q "job.ended.*\"exit\":0" state/log.jsonl &&
    "$1" verify state/log.jsonl >/dev/null' sh "$MIDWATCH"

# --- names ------------------------------------------------------------------------
more_dbs= n=0
for name in '-Fc' 'host=x' "it's \"quoted\" \\ and = more"; do
	n=$((n + 1))
	psql_ "$WORK/pg" -v name="$name" >/dev/null <<'END'
CREATE DATABASE :"name";
END
	quoted=$(printf '%s' "$name" | sed 's/\\/\\\\/g; s/"/\\"/g')
	more_dbs="$more_dbs, { name = \"odd$n\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"backup\"; passfile = \"pass\"; dbname = \"$quoted\"; }"
done
more_dbs="$more_dbs, { name = \"nothing\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"postgres\"; }"
site
for n in 1 2 3; do
	expect_exit 0 "a database with odd name $n is a name and nothing else" "$MIDWATCH" backup odd$n --store local
	check "and it is that one ($n)" contains "$(cat local/manual/*/manifest.json)" '"file":"odd'$n.dump.gz
done
expect_exit 0 "an empty database is saved as well" "$MIDWATCH" backup nothing --store local
true_sets "and all of them can be read" local
more_dbs=
site

# --- what a role may not see -----------------------------------------------------------
psql_ "$WORK/pg" -d otc -c "SELECT lo_from_bytea(0, 'x')" >/dev/null
expect_exit 1 "a large object that it may not read stops it" "$MIDWATCH" backup otc --store local
check "before a byte moves" contains "$OUT$ERR" "may not read 1 large object"
check "with the GRANT" contains "$OUT$ERR" "GRANT SELECT ON LARGE OBJECT"
psql_ "$WORK/pg" -d otc -c 'GRANT SELECT ON LARGE OBJECT '"$(psql_ "$WORK/pg" -d otc -c 'SELECT oid FROM pg_largeobject_metadata')"' TO backup'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE r (x int)' -c 'ALTER TABLE r ENABLE ROW LEVEL SECURITY'
expect_exit 1 "rows that it may not see stop it" "$MIDWATCH" backup otc --store local
check "with the table" contains "$OUT$ERR" "row security hides rows of 1 table"
check "and what mends it" contains "$OUT$ERR" "ALTER ROLE \"backup\" BYPASSRLS;"
psql_ "$WORK/pg" -d otc -c 'DROP TABLE r'
psql_ "$WORK/pg" -c 'REVOKE pg_read_all_data FROM backup'
expect_exit 1 "tables that it may not read stop it" "$MIDWATCH" backup otc --store local
check "with the GRANT for them" contains "$OUT$ERR" "GRANT pg_read_all_data TO \"backup\";"
psql_ "$WORK/pg" -c 'GRANT pg_read_all_data TO backup'
nothing_left "and nothing of it stays" local

# --- the login is broken, and there is another way ---------------------------------------
printf 'local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n' >"$WORK/pg/data/pg_hba.conf"
psql_ "$WORK/pg" -c 'SELECT pg_reload_conf()' >/dev/null
echo "127.0.0.1:$PG_PORT:*:backup:wrong" >pass
expect_exit 1 "a wrong password is a failure" "$MIDWATCH" backup otc --store local
check "that is said" contains "$OUT" "the password is wrong"
check "and leads somewhere" contains "$OUT" "[FAIL] otc is not saved"
cp midwatch.cfg plain.cfg
sed -i "s|passfile = \"pass\";|passfile = \"pass\"; legacy = true; superuser = { host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\"; };|" midwatch.cfg
expect_exit 0 "where a superuser way is named it is taken" "$MIDWATCH" backup otc --store local
check "and said" contains "$OUT" "it is dumped by the superuser way"
cp plain.cfg midwatch.cfg
printf '127.0.0.1:%s:*:backup:it is\\: a\\\\secret\n' "$PG_PORT" >pass
expect_exit 0 "the right password works, whatever is in it" "$MIDWATCH" backup otc --store local

# --- from elsewhere ---------------------------------------------------------------------
psql_ "$WORK/pg" -c "ALTER SYSTEM SET log_statement = 'none'" >/dev/null
more_dbs=", { name = \"far\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"backup\"; passfile = \"pass\"; dbname = \"otc\"; dump_at = \"nas-box\"; }"
more_dbs="$more_dbs, { name = \"behind\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"backup\"; passfile = \"pass\"; dbname = \"otc\"; through = \"nas-box\"; }"
more_dbs="$more_dbs, { name = \"lost\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"nobody_known\"; passfile = \"pass\"; dbname = \"otc\"; superuser = { at = \"nas-box\"; host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\"; }; }"
site
expect_exit 0 "pg_dump runs at another place with our password" "$MIDWATCH" backup far --store local --jobs 2
check "in one stream, and says so" contains "$OUT$ERR" "one stream: its dump runs at nas-box"
expect_exit 0 "a database behind a tunnel is saved" "$MIDWATCH" backup behind --store local
expect_exit 0 "the superuser way may be elsewhere as well" "$MIDWATCH" backup lost --store local
check "and is named" contains "$OUT" "the superuser way (postgres at nas-box)"
true_sets "and all of it can be read" local
more_dbs=", { name = \"bare\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"backup\"; passfile = \"none\"; dbname = \"otc\"; dump_at = \"nas-box\"; }"
site
expect_exit 1 "without a password there is no way in" "$MIDWATCH" backup bare --store local
check "and what to do is said" contains "$OUT" "no password supplied; Put a line host:port:database:user:password into"
more_dbs=
site

# --- programs --------------------------------------------------------------------------
mkdir bin
cat >bin/pg_dump <<'END'
#!/bin/sh
case $1 in --version) exec /usr/lib/postgresql/15/bin/pg_dump --version;; esac
eval "$FAKE_DUMP"
END
chmod +x bin/pg_dump
fake()	# SENTENCE SCRIPT WHAT
{
	before_=$(final local | wc -l)
	expect_exit 1 "$1" env PATH="$WORK/bin:$PATH" FAKE_DUMP="$2" "$MIDWATCH" backup otc --store local
	check "$1: why" contains "$OUT$ERR" "$3"
	check "$1: no set of that" [ "$(final local | wc -l)" = "$before_" ]
	nothing_left "$1: nothing stays" local
}
fake "a dump that is empty is a failure" 'exit 0' "FAIL"
fake "a dump that ends with an error is a failure" '/usr/lib/postgresql/15/bin/pg_dump "$@"; exit 3' "FAIL"
fake "a dump that is cut off is a failure, whatever it ends with" '/usr/lib/postgresql/15/bin/pg_dump "$@" | head -c 500000; exit 0' "FAIL"
fake "a dump that is killed is a failure" '/usr/lib/postgresql/15/bin/pg_dump "$@" | head -c 500000; kill -9 $$' "FAIL"

# --- nothing can be recorded --------------------------------------------------------------
sed 's|state = "state"|state = "/proc/nowhere"|' midwatch.cfg >unrecorded.cfg
before=$(final local | wc -l)
expect_exit 3 "without any journal it is not begun unasked" "$MIDWATCH" backup otc --store local -c unrecorded.cfg
check "and says what to type" contains "$ERR" "--confirm unrecorded"
expect_exit 0 "and saves the data when that is typed" "$MIDWATCH" backup otc --store local -c unrecorded.cfg --confirm unrecorded
check "to a set like any other" [ "$(final local | wc -l)" = $((before + 1)) ]

# --- two at once ---------------------------------------------------------------------------
psql_ "$WORK/pg" -d otc -c 'BEGIN' -c 'LOCK TABLE t' -c 'SELECT pg_sleep(6)' -c 'COMMIT' >/dev/null &
locker=$!
sleep 0.5
"$MIDWATCH" backup otc --store local >first.out 2>&1 &
first=$!
turn=0
while flock -n state/locks/backup-otc true && [ $turn -lt 50 ]; do
	turn=$((turn + 1))
	sleep 0.1
done
expect_exit 3 "a second backup of the same database is refused" "$MIDWATCH" backup otc --store local
check "with who has it" contains "$OUT" "otc is being backed up by"
check "and since when" contains "$OUT" "since 20"
sed 's|state = "state"|state = "state2"|' midwatch.cfg >other.cfg
expect_exit 3 "also from another host" "$MIDWATCH" backup otc --store local -c other.cfg
check "which is seen in the database itself" contains "$OUT" "another host: session"
wait "$first"
check "and the first one ends well" contains "$(cat first.out)" "[OK] Backup saved"
wait "$locker"

# --- stores --------------------------------------------------------------------------------
more_stores=", { name = \"tiny\"; path = \"$WORK/tiny\"; }"
if small_fs tmpfs 900k "$WORK/tiny"; then
	psql_ "$WORK/pg" -d otc -c "CREATE TABLE noise AS SELECT sha512(g::text::bytea) AS s FROM generate_series(1, 40000) g"
	site
	expect_exit 1 "a store that is full is a failure" "$MIDWATCH" backup otc --store tiny
	check "that names it" contains "$OUT" "tiny"
	nothing_left "and nothing of it stays there" tiny
	check "and it is empty again" [ -z "$(find tiny -type f)" ]
	expect_exit 1 "so it is for several streams" "$MIDWATCH" backup otc --store tiny --jobs 2
	check "which one stream would not save" lacks "$OUT$ERR" "one stream saves"
	check "and it is empty then, too" [ -z "$(find tiny -type f)" ]
	mv state/sizes/otc.csv kept.csv
	for day in 1 2 3; do
		echo "2025010${day}T020000Z,manual,1000,1000,1,1,10,good"
	done >state/sizes/otc.csv
	expect_exit 1 "where only the roles have room" "$MIDWATCH" backup otc --store tiny --json
	check "it is not said that it is saved somewhere" contains "$ERR" "[FAIL] otc is not saved: tiny does not have it: "
	check "nor that the roles are" is '[[c["saved"] for c in b["components"]] for b in o["backups"]]' "[[False, False, False]]"
	check "and nothing of them stays" [ -z "$(find tiny -type f)" ]
	rm -rf local/emergency
	sed 's|to = ( "nas" ); also = ( "local" )|to = ( "local", "tiny" )|' midwatch.cfg >both.cfg
	expect_exit 1 "of two stores one is full" "$MIDWATCH" backup otc --emergency -c both.cfg
	check "what the other has is counted all the same" sh -c 'cd local/emergency/2*Z && grep -q "\"tables\":3" manifest.json &&
		grep -q "noise" otc.dump.counts'
	mv kept.csv state/sizes/otc.csv
	policy='min_free = "100GB"; '
	site
	expect_exit 1 "where the room will not do nothing is begun" "$MIDWATCH" backup otc --emergency --store tiny
	check "with the numbers" contains "$OUT" "min_free is"
	policy='min_free_percent = 99; '
	site
	expect_exit 1 "less than the share that is to stay free stops a backup" "$MIDWATCH" backup otc --store local
	check "and says how to save it all the same" contains "$OUT$ERR" "--emergency"
	expect_exit 0 "and not an emergency" "$MIDWATCH" backup otc --store local --emergency
	check "which says it" contains "$OUT" "min_free_percent"
	policy=
	sed 's|to = ( "nas" ); also = ( "local" )|to = ( "local" ); also = ( "tiny" )|' midwatch.cfg >side.cfg
	site
	sed 's|to = ( "nas" ); also = ( "local" )|to = ( "local" ); also = ( "tiny" )|' midwatch.cfg >side.cfg
	expect_exit 0 "one store that is full does not spoil the other" "$MIDWATCH" backup otc -c side.cfg
	check "and is a warning" contains "$OUT" "[WARNING] otc: tiny does not have it"
	true_sets "and what was saved is whole" local
else
	skip "a store that is full is a failure" "$WHY"
	site
fi
if small_fs tmpfs 4m "$WORK/ro"; then
	as_root mount -o remount,ro "$WORK/ro"
	more_stores=", { name = \"ro\"; path = \"$WORK/ro\"; }"
	site
	expect_exit 1 "a store that cannot be written is a failure" "$MIDWATCH" backup otc --store ro
	check "that says why" contains "$OUT" "Read-only"
else
	skip "a store that cannot be written is a failure" "$WHY"
fi
more_stores=
site
sshd_stop
expect_exit 1 "a store that is gone is a failure, soon" timeout 60 "$MIDWATCH" backup otc
check "with where to look" contains "$OUT" "see whether its sshd runs: ssh -v"
check "and what another store has is there" [ -n "$(final local)" ]
check "but is not called done" contains "$OUT" "[FAIL] otc is not saved everywhere"

# --- somebody cancels ---------------------------------------------------------------------------
sed 's|^stores =|components = ( { name = "slow"; command = "echo x; sleep 60"; } );\n&|' midwatch.cfg >slow.cfg
"$MIDWATCH" backup slow --store local -c slow.cfg >cancelled.out 2>&1 &
slow=$!
turn=0
while ! ls local/manual/*.partial/slow.txt.gz >/dev/null 2>&1 && [ $turn -lt 50 ]; do
	turn=$((turn + 1))
	sleep 0.1
done
kill -TERM "$slow"
status=0
wait "$slow" || status=$?
check "a backup that is cancelled says so by its exit" [ "$status" = 143 ]
check "and in words" contains "$(cat cancelled.out)" "[FAIL] slow is not saved: cancelled"
nothing_left "and nothing of it stays" local

finish
