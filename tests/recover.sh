# A database whose login can be broken, for tests/cli/recover*.sh (after lib.sh and
# postgres.sh):
#
#	recover_world || { skip "..." "$WHY"; finish; }
#	recover_site 'dump_host = "x";'		(more keys of the database)
#	mw recover arp --plan
#
# The superuser comes in by the socket; everybody else from 127.0.0.1 with a
# password. The server logs every statement it may.

recover_world()
{
	pg_start_cluster "$WORK/pg" "log_statement = all" "log_min_duration_statement = 0" \
	    "log_min_error_statement = debug5" "log_transaction_sample_rate = 1" \
	    "max_connections = 30" ${1+"$@"} || return
	psql_ "$WORK/pg" -c "CREATE ROLE backup LOGIN PASSWORD 'true one'" \
	    -c "CREATE DATABASE arp" || return
	hba_ 'host all all 127.0.0.1/32 scram-sha-256'
	HOME=$WORK/home
	export HOME
	mkdir -p "$HOME"
	recover_site
}

# hba_ LINE...: the rules below the superuser's own.
hba_()
{
	{ echo 'local all postgres trust'; printf '%s\n' "$@"; } >"$WORK/pg/data/pg_hba.conf"
	loaded_=$(psql_ "$WORK/pg" -c 'SELECT pg_conf_load_time()')
	psql_ "$WORK/pg" -c 'SELECT pg_reload_conf()' >/dev/null
	for turn_ in $(seq 200); do
		[ "$(psql_ "$WORK/pg" -c 'SELECT pg_conf_load_time()')" = "$loaded_" ] || return 0
		sleep 0.1
	done
}

# recover_site [KEYS [FILE...]]: FILEs besides pgpass are in rotate.update too.
recover_site()
{
	keys_=${1-}
	[ $# = 0 ] || shift
	update_="\"$WORK/pgpass\""
	super_="{ host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\"; }"
	super_=${SUPERUSER:-$super_}
	for file_; do update_="$update_, \"$file_\""; done
	cat >"$WORK/site.cfg" <<END
site = { name = "prod"; state = "$WORK/state"; };
${PLACES-}
databases = ( { name = "arp"; aka = ( "arp-prod" ); host = "127.0.0.1"; port = ${LOGIN_PORT:-$PG_PORT}; dbname = "arp";
  user = "backup"; passfile = "$WORK/pgpass"; legacy = true;
  superuser = $super_;
  rotate = { role = "backup"; update = ( $update_ ); };
  $keys_ } );
${MORE-}
END
}

mw() { "$MIDWATCH" -c "$WORK/site.cfg" "$@"; }

# stored PASSWORD [FILE]: what the password file says.
stored()
{
	printf '# mine\n127.0.0.1:%s:arp:backup:%s\nx:1:y:z:q\n' "${LOGIN_PORT:-$PG_PORT}" "$1" >"${2-$WORK/pgpass}"
	chmod 600 "${2-$WORK/pgpass}"
}

set_password() { echo "ALTER ROLE backup PASSWORD :'p'" | psql_ "$WORK/pg" -v p="$1"; }

# Whether what the file says logs in, asked by libpq itself.
logs_in()
{
	PGPASSFILE=${1-$WORK/pgpass} psql -XAtqw -h 127.0.0.1 -p "${LOGIN_PORT:-$PG_PORT}" -U backup \
	    -d arp -c 'SELECT 1' >/dev/null 2>&1
}
refused() { ! logs_in "$@"; }

verifier() { psql_ "$WORK/pg" -c "SELECT rolpassword FROM pg_authid WHERE rolname = 'backup'"; }
