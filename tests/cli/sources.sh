#!/bin/sh
# Where a dump may come from: a standby, a database of very many tables, one with an
# extension, one behind a tunnel, one that goes away meanwhile, one that is newer than
# pg_dump; and what is saved first.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "a dump comes from wherever its database is" "${WHY:-there is no pg_restore}"
	finish
fi
tables=500
[ -z "${MIDWATCH_SOAK-}" ] || tables=5000
if ! sshd_start "$WORK/ssh" || ! pg_start_cluster "$WORK/pg" "max_locks_per_transaction = 256" "hot_standby = on"; then
	skip "a dump comes from wherever its database is" "$WHY"
	finish
fi
first=$PG_PORT
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE many' -c 'CREATE DATABASE again' -c 'CREATE DATABASE gone'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g, md5(g::text) AS m FROM generate_series(1, 20000) g' -c 'CREATE TABLE u AS SELECT * FROM t' \
    -c 'CREATE EXTENSION hstore' -c "CREATE TABLE pairs AS SELECT hstore('k', g::text) AS h FROM generate_series(1, 10) g"
psql_ "$WORK/pg" -d gone -c 'CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g'
psql_ "$WORK/pg" -d many -c "DO \$\$ BEGIN FOR i IN 1..$tables LOOP
    EXECUTE format('CREATE TABLE %I (n int)', 'table ' || i); EXECUTE format('INSERT INTO %I VALUES (%s)', 'table ' || i, i); END LOOP; END \$\$"
standby()
{
	mkdir -p "$WORK/standby" && pg_reach_ "$WORK/standby" &&
	    (cd / && pg_as "$PG_BIN/pg_basebackup" -h "$WORK/pg" -p "$first" -U postgres -D "$WORK/standby/data" -R -X stream -c fast) &&
	    PG_PORT=$(pg_free_port_) &&
	    printf "port = %s\nunix_socket_directories = '%s'\n" "$PG_PORT" "$WORK/standby" >>"$WORK/standby/data/postgresql.conf" &&
	    echo "$PG_PORT" >"$WORK/standby/port" && at_exit "pg_stop_cluster '$WORK/standby' immediate" && pg_run_cluster "$WORK/standby"
}
site()	# MORE DATABASES
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "UTC"; state = "state"; };
places = ( $(sshd_place box "$WORK/ssh") );
databases = ( { name = "otc"; host = "127.0.0.1"; port = $first; user = "postgres"; },
              { name = "many"; host = "127.0.0.1"; port = $first; user = "postgres"; }${1-} );
components = ( { name = "files"; command = "echo x"; } );
stores = ( { name = "local"; path = "local"; } );
backup = { to = ( "local" ); min_free = "1MB"; };
END
}
newest() { ls -d local/manual/2*Z | tail -n 1; }

# --- a standby -------------------------------------------------------------------------
if standby; then
	site ", { name = \"copy\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"postgres\"; dbname = \"otc\"; }"
	expect_exit 0 "a standby is a source" "$MIDWATCH" backup copy
	check "and it is said that it is one" contains "$OUT" "[WARNING] copy: it is a standby"
	check "the manifest knows" grep -q '"role":"standby"' "$(newest)/manifest.json"
	expect_exit 0 "also for several streams" "$MIDWATCH" backup copy --jobs 2
	check "under one snapshot" [ -e "$(newest)/copy/002-data.dump.gz" ]
	expect_exit 0 "with its roles and settings" ls "$(newest)/globals-copy.sql.gz" "$(newest)/settings-copy.txt.gz"
	run_ "$MIDWATCH" validate latest --db copy --restore
	check "what came from it can be restored, its extension too" contains "$OUT" "restorable, 3 tables and 40010 rows"
	pg_stop_cluster "$WORK/standby" immediate
else
	skip "a standby is a source" "$WHY"
fi

# --- very many tables ----------------------------------------------------------------------
site
rm -rf local
expect_exit 0 "$tables tables are saved" "$MIDWATCH" backup many --jobs 2
run_ "$MIDWATCH" validate latest --db many --restore
check "and come back" contains "$OUT" "restorable, $tables tables and $tables rows"
psql_ "$WORK/pg" -c "ALTER SYSTEM SET max_locks_per_transaction = 10" -c "ALTER SYSTEM SET max_connections = 10"
pg_stop_cluster "$WORK/pg" fast
pg_run_cluster "$WORK/pg" || not_ok "the server starts again" "$WHY"
run_ "$MIDWATCH" backup many --jobs 2
check "where there are fewer locks than tables it is said before" contains "$OUT$ERR" "tables and room for 100 locks"
check "with what mends it" contains "$OUT$ERR" "raise max_locks_per_transaction"
psql_ "$WORK/pg" -c "ALTER SYSTEM RESET ALL"
pg_stop_cluster "$WORK/pg" fast
pg_run_cluster "$WORK/pg" || not_ok "the server starts again" "$WHY"

# --- behind a tunnel ---------------------------------------------------------------------------
psql_ "$WORK/pg" -c "CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'it is: a secret'"
printf 'local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n' >"$WORK/pg/data/pg_hba.conf"
psql_ "$WORK/pg" -c 'SELECT pg_reload_conf()' >/dev/null
printf '127.0.0.1:%s:*:keeper:it is\\: a secret\n' "$first" >pass
chmod 600 pass
site ", { name = \"behind\"; host = \"127.0.0.1\"; port = $first; user = \"keeper\"; passfile = \"pass\"; dbname = \"otc\"; through = \"box\"; }"
rm -rf local
expect_exit 0 "a database behind a tunnel is saved by two streams" "$MIDWATCH" backup behind --jobs 2
set=$(basename "$(newest)")
psql_ "$WORK/pg" -d otc -c 'DELETE FROM t'
expect_exit 0 "the plan of a restore goes there too" "$MIDWATCH" restore "$set" behind --beside --plan
check "and says where that is" contains "$OUT" "into    otc as keeper, PostgreSQL 15"
expect_exit 0 "and so does the restore" "$MIDWATCH" restore "$set" behind --beside --untried --confirm otc
check "which brings the rows back" [ "$(psql_ "$WORK/pg" -d otc -c 'SELECT count(*) FROM t')" = 20000 ]
check "and the password is nowhere" sh -c '! grep -rqs "a secret" state local'

# --- goes away -----------------------------------------------------------------------------------
mkdir bin
cat >bin/pg_dump <<'END'
#!/bin/sh
real=/usr/lib/postgresql/15/bin/pg_dump
case " $* " in *" --version "*) [ -z "$OLD" ] || exec echo "pg_dump (PostgreSQL) 14.9"; exec $real --version;; esac
[ -z "$MEANWHILE" ] || /usr/lib/postgresql/15/bin/psql -X -q -h "$SOCKET" -p "$PORT" -U postgres -d postgres -c "$MEANWHILE" >&2
exec $real "$@"
END
chmod +x bin/pg_dump
meanwhile()	# SQL ARGUMENT...
{
	sql_=$1
	shift
	env PATH="$WORK/bin:$PATH" SOCKET="$WORK/pg" PORT="$first" MEANWHILE="$sql_" "$MIDWATCH" "$@"
}
site ", { name = \"gone\"; host = \"127.0.0.1\"; port = $first; user = \"postgres\"; }"
rm -rf local
expect_exit 1 "a database that is dropped before its dump begins is a failure" meanwhile 'DROP DATABASE gone WITH (FORCE)' backup gone
check "and says so" contains "$OUT" 'database "gone" does not exist'
check "nothing has a name then" [ -z "$(find local -name '2*' 2>/dev/null)" ]
expect_exit 0 "a pg_dump that is older than the server is passed over" env OLD=1 PATH="$WORK/bin:$PATH" "$MIDWATCH" backup otc
check "for one that is not" grep -q '"process":"pg_dump","version":"15' "$(newest)/manifest.json"

# --- what first -------------------------------------------------------------------------------------
rm -rf local
site
"$MIDWATCH" backup otc >/dev/null 2>&1
sleep 1
"$MIDWATCH" incident open --title t --runbook none >/dev/null 2>&1
sleep 1
run_ "$MIDWATCH" backup --all-unsafe
check "what has no copy at all comes first, and databases before the rest" \
    [ "$(printf '%s\n' "$OUT" | sed -n 's/^\[EMERGENCY\] \([a-z]*\): backup begins/\1/p' | tr '\n' ' ')" = "many otc files " ]
check "with what each is expected to take" sh -c 'printf "%s" "$1" | grep -q "^\[EMERGENCY\] otc: its verified copy is .* old; expected to take [0-9.]* s$" &&
	printf "%s" "$1" | grep -q "^\[EMERGENCY\] 3 to save, expected in all: [0-9.]* s$"' sh "$OUT"

# --- is it that one? ----------------------------------------------------------------------------------
printf '7470000000000000001\n' >state/sizes/otc.cluster
"$MIDWATCH" freeze on --reason "a test" >/dev/null 2>&1
expect_exit 0 "what lies in another cluster now is saved, frozen or not" "$MIDWATCH" backup otc --emergency
check "and said" contains "$OUT" "[WARNING] otc: it is in another cluster ("
run_ "$MIDWATCH" backup otc --emergency
check "once" lacks "$OUT" "another cluster"
finish
