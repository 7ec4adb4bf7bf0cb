# A private PostgreSQL for shell tests (after tests/lib.sh) and, run as a
# program, for tests/pg/kit.h:
#
#	. "$ROOT/tests/postgres.sh"
#	if pg_start_cluster "$WORK/pg" "max_connections = 10"; then
#		psql_ "$WORK/pg" -c 'CREATE TABLE t ()'
#		... "$WORK/pg" is also the socket directory; $PG_PORT the port
#		(on 127.0.0.1 too), $PG_SUPER the superuser, $PG_PID the server
#	else skip "..." "$WHY"; fi
#
# It listens on loopback alone, trusts everybody there until DIR/data/pg_hba.conf
# says otherwise, keeps nothing safe (no fsync), logs to DIR/log, and is stopped
# when the test ends. Where we are root it runs as `nobody`, who gets DIR and may
# pass through the directories above it. Several at once are fine.

PG_BIN=${PG_BIN:-/usr/lib/postgresql/15/bin}
PG_SUPER=postgres PG_PORT='' PG_PID=''

# pg_have: whether there is a PostgreSQL to run; $WHY says why not.
pg_have()
{
	if [ ! -x "$PG_BIN/postgres" ] || [ ! -x "$PG_BIN/initdb" ]; then
		WHY="PostgreSQL 15 is not installed"
		return 1
	fi
}

# Runs a command as the server's user.
pg_as()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"
	else
		"$@"
	fi
}

# The server's user must reach DIR, whatever umask its parents were made with.
pg_reach_()
{
	mkdir -p "$1" || return
	[ "$(id -u)" = 0 ] || return 0
	chown nobody:nogroup "$1" || return
	up_=${1%/*}
	while [ -n "$up_" ]; do
		chmod o+x "$up_" || return
		up_=${up_%/*}
	done
}

pg_free_port_()
{
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# pg_init_cluster DIR [SETTING...]: the files of a cluster, and a port in
# DIR/port, which PG_PORT holds too.
pg_init_cluster()
{
	dir_=$1
	shift
	pg_have || return
	WHY="nobody cannot be let into $dir_"
	pg_reach_ "$dir_" || return
	if ! (cd / && pg_as "$PG_BIN/initdb" -D "$dir_/data" -U "$PG_SUPER" \
	    -A trust --no-sync --locale=C --encoding=UTF8 --no-instructions) \
	    >"$dir_/initdb.log" 2>&1; then
		WHY="initdb failed: $(tail -n 1 "$dir_/initdb.log")"
		return 1
	fi
	WHY="no free port was found"
	PG_PORT=$(pg_free_port_) || return
	{
		echo "port = $PG_PORT"
		echo "unix_socket_directories = '$dir_'"
		echo "listen_addresses = '127.0.0.1'"
		echo "fsync = off"
		echo "full_page_writes = off"
		echo "shared_buffers = 16MB"
		echo "max_connections = 20"
		echo "autovacuum = off"
		echo "wal_level = replica"
		echo "min_wal_size = 32MB"
		echo "max_wal_size = 64MB"
		for setting_; do echo "$setting_"; done
	} >>"$dir_/data/postgresql.conf"
	echo "$PG_PORT" >"$dir_/port"
}

# pg_run_cluster DIR: starts one that was made, and waits until it lets in.
pg_run_cluster()
{
	PG_PORT=$(cat "$1/port")
	pg_exec_ "$1" &
	PG_PID=$!
	echo "$PG_PID" >"$1/pid"
	turn_=0
	while ! pg_ready_ "$1"; do
		turn_=$((turn_ + 1))
		if [ "$turn_" -gt 150 ] || ! kill -0 "$PG_PID" 2>/dev/null; then
			WHY="PostgreSQL did not start: $(tail -n 1 "$1/log")"
			return 1
		fi
		sleep 0.2
	done
}

# Becomes the server, so that its process is the caller's child.
pg_exec_()
{
	cd / || exit
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid nobody --regid nogroup --clear-groups -- \
		    "$PG_BIN/postgres" -D "$1/data" >>"$1/log" 2>&1 </dev/null
	fi
	exec "$PG_BIN/postgres" -D "$1/data" >>"$1/log" 2>&1 </dev/null
}

pg_ready_()
{
	grep -qs '^ready' "$1/data/postmaster.pid"
}

pg_start_cluster()
{
	pg_init_cluster "$@" || return
	at_exit "pg_stop_cluster '$1' immediate"
	pg_run_cluster "$1"
}

# pg_stop_cluster DIR [smart|fast|immediate]: and waits for its end.
pg_stop_cluster()
{
	[ -s "$1/pid" ] || return 0
	case ${2-fast} in
	smart)     sig_=TERM ;;
	fast)      sig_=INT ;;
	immediate) sig_=QUIT ;;
	esac
	pid_=$(cat "$1/pid")
	rm -f "$1/pid"
	kill -CONT "$pid_" 2>/dev/null
	kill "-$sig_" "$pid_" 2>/dev/null
	turn_=0
	while kill -0 "$pid_" 2>/dev/null && [ "$turn_" -lt 100 ]; do
		turn_=$((turn_ + 1))
		wait "$pid_" 2>/dev/null || sleep 0.1
	done
	[ "$turn_" -lt 100 ] || kill -KILL "$pid_" 2>/dev/null
	return 0
}

# psql_ DIR ARGUMENT...: psql as the superuser, bare output.
psql_()
{
	dir_=$1
	shift
	PGOPTIONS= "$PG_BIN/psql" -X -q -A -t -h "$dir_" -p "$(cat "$dir_/port")" \
	    -U "$PG_SUPER" -d postgres -v ON_ERROR_STOP=1 "$@"
}
