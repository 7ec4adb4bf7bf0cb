#!/bin/sh
# What init finds of running PostgreSQL servers, here and in containers.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"

HOME=$WORK/home; export HOME
unset MIDWATCH_CONFIG PGPASSFILE DOCKER_HOST
mkdir -p "$HOME"
mkdir "$WORK/site" && cd "$WORK/site" || exit 99
P=$WORK/pg
D=otc$$ A=arp$$	# other servers of this machine may have databases too

# live: what was printed without its comments, an entry a line
live() { sed -e '/^ *#/d' -e 's/  # .*//' "$WORK/.out" | sed -e ':a' -e '/;$/{N;s/\n */ /;ba' -e '}'; }
# ours: the entries that name $1
ours() { live | grep -F "$1"; }
# about: the comments and entries about $1
about() { grep -F -B3 -A3 "$1" "$WORK/.out"; }

pg_here=no
if pg_have; then
	mkdir -p "$P/two"
	pg_init_cluster "$P" "unix_socket_directories = '$P, $P/two'" &&
		{ [ "$(id -u)" != 0 ] || chown nobody "$P/two"; } &&
		pg_run_cluster "$P" && pg_here=yes
	at_exit 'kill -CONT $(cat "$P/pid" 2>/dev/null) 2>/dev/null; pg_stop_cluster "$P" immediate'
fi
if [ $pg_here = yes ]; then
	psql_ "$P" <<SQL
CREATE DATABASE $D;
CREATE DATABASE "-Fc";
CREATE DATABASE "q""uo\\te; }, { x";
CREATE DATABASE "здесь";
CREATE DATABASE "host=elsewhere dbname=x";
CREATE DATABASE shut WITH ALLOW_CONNECTIONS false;
SQL
	nl='
'
	psql_ "$P" -c "CREATE DATABASE \"new${nl}line\""
	psql_ "$P" -c "CREATE DATABASE \"$(printf 'esc\033[2J')\""

	expect_exit 0 "a server that trusts this host is asked for its databases" "$MIDWATCH" init
	O=$(ours "host = \"$P\"; port = $PG_PORT")
	check "they are there with its socket, port and a role that gets in" contains "$O" \
		"{ name = \"$D\"; host = \"$P\"; port = $PG_PORT; user = \""
	check "it is the only server with that port, though it has two sockets" \
		test "$(grep -c "\"$D\"; host = .*port = $PG_PORT" "$WORK/.out")" = 1
	check "the data directory is told" contains "$OUT" "$P/data"
	check "and the version" contains "$OUT" "PostgreSQL 1"
	check "a name that looks like an option is another here" contains "$O" 'dbname = "-Fc"'
	check "quotes and backslashes are escaped" contains "$O" 'dbname = "q\"uo\\te; }, { x"'
	check "other scripts stay readable" contains "$O" 'dbname = "здесь"'
	check "a name that libpq would take for more is a name" contains "$O" 'dbname = "host=elsewhere dbname=x"'
	check "one that allows no connections does not stand" lacks "$O" shut
	check "which is said" contains "$OUT" "it allows no connections"
	check "nor does the maintenance database" lacks "$O" '"postgres"; host'
	check "nor one with a line end in its name" lacks "$O" 'line'
	check "of which the reason is told" contains "$OUT" "'new\\nline' holds a control character"
	check "no template is there" lacks "$O" template
	check "no escape sequence gets out" lacks "$OUT" "$(printf '\033')"
	cp "$WORK/.out" made.cfg
	expect_exit 0 "what was printed loads" "$MIDWATCH" lint made.cfg
	run_ "$MIDWATCH" -c made.cfg --state "$WORK/state" status --json
	check "and status logs in to what was found" python3 - "$WORK/.out" "$D" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
got = {r["name"]: r for r in d["readings"] if r["kind"] == "database"}
assert got[sys.argv[2]]["data"]["can_login"] is True, got
PY

	# --- peer: the owner alone ---------------------------------------------------------------
	if as_root true; then
		owner=$(stat -c %U "$P/data")
		psql_ "$P" -c "CREATE ROLE \"$owner\" SUPERUSER LOGIN"
		echo "local all all peer" >"$P/data/pg_hba.conf"
		kill -HUP "$PG_PID"; sleep 0.5
		expect_exit 0 "root asks a server that lets in its owner alone as that owner" \
			as_root env "HOME=$HOME" "$MIDWATCH" init
		O=$(ours "host = \"$P\"; port = $PG_PORT")
		check "the databases are there" contains "$O" "{ name = \"$D\"; "
		check "without a role, since root has none" lacks "$O" "user = "
		check "and that is said, with what to do" contains "$(tr -d '\n' <"$WORK/.out" | sed 's/  #//g')" \
			"asked for as $owner, whom it lets in; root has no login there"
	else
		skip "root asks a server that lets in its owner alone as that owner" "$WHY"
	fi

	# --- passwords alone ---------------------------------------------------------------------
	echo "local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256" >"$P/data/pg_hba.conf"
	kill -HUP "$PG_PID"; sleep 0.5
	expect_exit 0 "a server that wants a password is named all the same" "$MIDWATCH" init
	check "as one whose databases could not be listed" contains "$(about "$P/data")" "could not be listed: "
	check "and why" contains "$(about "$P/data")" "password"
	printf 'localhost:%s:%s:backup:secret-word\n' "$PG_PORT" "$D" >"$HOME/.pgpass"
	chmod 600 "$HOME/.pgpass"
	expect_exit 0 "a line of the password file for it" "$MIDWATCH" init
	check "makes the entry" contains "$(live)" "{ name = \"$D\"; host = \"localhost\"; port = $PG_PORT; user = \"backup\";"
	check "its password was not used" lacks "$(tail -n 20 "$P/log")" '"backup"'
	check "and is nowhere" lacks "$OUT$ERR" secret-word

	# --- it hangs ----------------------------------------------------------------------------
	kill -STOP "$PG_PID"
	start=$(date +%s)
	expect_exit 0 "a server that hangs holds nobody up for long" "$MIDWATCH" init
	check "the answer comes within seconds" test $(($(date +%s) - start)) -lt 16
	check "and says that it did not answer" contains "$(about "$P/data")" "could not be listed"
	kill -CONT "$PG_PID"

	# --- it is gone ---------------------------------------------------------------------------
	kill -KILL "$PG_PID"; wait "$PG_PID" 2>/dev/null
	expect_exit 0 "a server that was killed is no server" "$MIDWATCH" init
	check "though its socket is still there" test -S "$P/.s.PGSQL.$PG_PORT"
	check "nothing stands of it but the line of the password file" lacks "$(ours "host = \"$P\"")" "$PG_PORT"
	rm "$HOME/.pgpass"
else
	skip "a server that trusts this host is asked for its databases" "${WHY:-no PostgreSQL can be run here}"
fi

# --- a container -------------------------------------------------------------------------------
E=$WORK/engine
engine_start()
{
	WHY="no docker engine can be run here"
	[ "$(id -u)" = 0 ] && command -v dockerd >/dev/null && command -v docker >/dev/null &&
		command -v unshare >/dev/null && pg_have || return
	mkdir -p "$E/run"
	DOCKER_HOST=unix://$E/docker.sock; export DOCKER_HOST
	# what it mounts ends with it
	unshare -m --propagation private dockerd --iptables=false --bridge=none \
		--storage-driver=overlay2 -H "$DOCKER_HOST" --data-root "$E/data" \
		--exec-root "$E/run" -p "$E/docker.pid" >"$E/log" 2>&1 &
	engine=$!
	at_exit 'docker rm -f $(docker ps -aq) >/dev/null 2>&1; kill $engine; wait $engine 2>/dev/null'
	turn=0
	until docker version >/dev/null 2>&1; do
		turn=$((turn + 1))
		[ $turn -lt 100 ] && kill -0 $engine 2>/dev/null || return
		sleep 0.1
	done
}
# PostgreSQL's files, a shell, and the libraries of both: nothing is pulled
image()
{
	R=$E/root
	mkdir -p "$R/bin" "$R/tmp" "$R/etc" "$R/usr/share/postgresql" "$R/usr/share/zoneinfo" \
		"$R$PG_BIN" "$R/pg" "$R/var/run/postgresql" &&
	chmod 1777 "$R/tmp" "$R/var/run/postgresql" &&
	cp -aL /usr/share/zoneinfo/Etc /usr/share/zoneinfo/UTC /usr/share/zoneinfo/GMT "$R/usr/share/zoneinfo/" &&
	cp -a /usr/share/postgresql/15 "$R/usr/share/postgresql/" &&
	cp -a "${PG_BIN%/bin}/lib" "$R${PG_BIN%/bin}/" && rm -rf "$R${PG_BIN%/bin}/lib/bitcode" &&
	echo 'nobody:x:65534:65534:nobody:/:/bin/sh
root:x:0:0:root:/:/bin/sh' >"$R/etc/passwd" &&
	for b in /bin/sh /usr/bin/env /usr/bin/true /usr/bin/cat "$PG_BIN/postgres" "$PG_BIN/psql"; do
		case $b in */pos*|*/psql) to=$PG_BIN ;; *) to=/bin ;; esac
		cp -L "$b" "$R$to/" || return
		for l in $(ldd "$b" | grep -o '/[^ ]*'); do
			mkdir -p "$R${l%/*}" && cp -nL "$l" "$R$l" || return
		done
	done &&
	cp -a "$E/pg/data" "$R/pg/" &&
	tar -C "$R" -c . | docker import -c "ENV PATH=/bin:$PG_BIN" -c "USER nobody" - midwatch-test/postgres:15 >/dev/null
	image_=$?
	rm -rf "$R"
	return $image_
}
box()	# NAME IMAGE...: one with the server in it
{
	name_=$1; shift
	docker run -d --name "$name_" --network host -e POSTGRES_PASSWORD=secret-word \
		-e POSTGRES_USER=owner -e PGDATA=/pg/data midwatch-test/postgres:15 "$@" >/dev/null
}
if engine_start && PG_SUPER=owner pg_init_cluster "$E/pg" "unix_socket_directories = '/var/run/postgresql'" \
    "timezone = 'UTC'" "log_timezone = 'UTC'" && image; then
	docker run -d --name arp-db-prod --network host -e POSTGRES_PASSWORD=secret-word -e POSTGRES_USER=owner -e "PGPORT=$PG_PORT" \
		-e PGDATA=/pg/data midwatch-test/postgres:15 "$PG_BIN/postgres" -D /pg/data >/dev/null
	docker run --name stopped-db --network host -e PGDATA=/pg/data midwatch-test/postgres:15 cat /etc/passwd >/dev/null
	docker tag midwatch-test/postgres:15 midwatch-test/other:1
	docker run --name plain --network host -e SECRET=secret-word midwatch-test/other:1 cat /etc/passwd >/dev/null
	turn=0
	until docker exec arp-db-prod psql -XAtqw -U owner -d postgres -c "CREATE DATABASE $A" 2>"$E/why"; do
		turn=$((turn + 1))
		[ $turn -lt 50 ] || { cat "$E/why"; docker logs arp-db-prod 2>&1 | tail -5; break; }
		sleep 0.2
	done
	expect_exit 0 "init with a docker engine" "$MIDWATCH" init
	L=$(live)
	check "a container that runs PostgreSQL is a place" contains "$L" '{ name = "arp-db-prod"; container = "arp-db-prod"; }'
	check "with its image beside it" contains "$OUT" "# midwatch-test/postgres:15"
	check "its databases are there, at the port that it says" contains "$L" \
		"{ name = \"$A\"; host = \"127.0.0.1\"; port = $PG_PORT; user = \"owner\"; dump_at = \"arp-db-prod\";"
	check "with the superuser inside" contains "$L" 'superuser = { at = "arp-db-prod"; user = "owner"; };'
	check "it is no server of this host as well" lacks "$OUT" "(pid $(docker inspect --format "{{.State.Pid}}" arp-db-prod))"
	check "one that has stopped does not stand" lacks "$L" "stopped-db"
	check "which is said" contains "$OUT" "it is exited"
	check "one of something else is none" lacks "$OUT" "plain"
	check "no value of an environment is read" lacks "$OUT$ERR" secret-word
	cp "$WORK/.out" made.cfg
	expect_exit 0 "what was made loads" "$MIDWATCH" lint made.cfg
	docker pause arp-db-prod >/dev/null
	start=$(date +%s)
	expect_exit 0 "a container that is paused holds nobody up for long" "$MIDWATCH" init
	check "the answer comes within seconds" test $(($(date +%s) - start)) -lt 18
	docker unpause arp-db-prod >/dev/null
else
	skip "a container that runs PostgreSQL is a place" "$WHY"
fi
finish
