#!/bin/bash
# A database in a container of a real engine, as the official image has it: trust on
# its own socket, a password from outside.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/docker.sh"
. "$ROOT/tests/recover.sh"

if ! pg_have || ! docker_start || ! docker_image box bash coreutils; then
	skip "a login is recovered through a container" "$WHY"
	finish
fi

# The server is this host's, in a container that has nothing else of it. With the
# host's network "from outside" is the loopback address.
mkdir entry
cat >entry/start <<'END'
#!/bin/bash
initdb -D /pg/data -U postgres -A trust --no-sync --locale=C --encoding=UTF8 >/pg/log 2>&1 || exit
printf 'local all all trust\nhost all all all scram-sha-256\n' >/pg/data/pg_hba.conf
exec postgres -D /pg/data -c port=$PORT -c listen_addresses=127.0.0.1 -c fsync=off \
    -c shared_buffers=16MB -c log_statement=all -c unix_socket_directories=/var/run/postgresql
END
chmod 755 entry entry/start
PG_PORT=$(pg_free_port_)
docker run -d --name arp-db-prod --network host --user 65534:65534 -e PORT="$PG_PORT" \
    -e POSTGRES_PASSWORD="c4n4ry: 'of\\old' %s" -e PATH="$PG_BIN:/usr/bin:/bin" -e HOME=/pg \
    -v /usr:/usr:ro -v /usr/bin:/bin:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro \
    -v /etc/passwd:/etc/passwd:ro -v "$WORK/entry:/entry:ro" --tmpfs /pg:mode=1777 \
    --tmpfs /var/run/postgresql:mode=1777 box /entry/start >/dev/null 2>run.err
inside() { docker exec -i arp-db-prod psql -XAtq -p "$PG_PORT" -U postgres -v ON_ERROR_STOP=1 "$@" 2>/dev/null; }
for nap in $(seq 200); do inside -c 'SELECT 1' >/dev/null && break; sleep 0.1; done
if ! check "a container with a database runs" inside -c 'SELECT 1' || ! inside -c 'SELECT 1' >/dev/null; then
	cat run.err
	docker logs arp-db-prod 2>&1 | tail -n 5 | sed 's/^/# /'
	finish
fi
echo "CREATE ROLE backup LOGIN PASSWORD :'p'; CREATE DATABASE arp;" | sed 's/; /;\n/' |
    inside -v p="c4n4ry: 'of\\old' %s"
HOME=$WORK/home
export HOME
mkdir home
PLACES='places = ( { name = "arp-box"; container = "arp-db-prod"; runtime = "docker"; } );'
SUPERUSER='{ at = "arp-box"; user = "postgres"; }'
recover_site 'dump_at = "arp-box"; dump_host = "127.0.0.1"; password_from = ( "env:POSTGRES_PASSWORD", "file:/run/secrets/arp_password" );' \
    'arp-box:~/.pgpass'
verifier() { inside -c "SELECT rolpassword FROM pg_authid WHERE rolname = 'backup'"; }

stored wrong
before=$(verifier)
expect_exit 0 "the container's environment still knows the password" mw recover arp --confirm arp
check "which is said, and nothing is changed" contains "$OUT" "env:POSTGRES_PASSWORD: the password"
check "what it is is not" lacks "$OUT$ERR" c4n4ry
check "the server has its old one" test "$(verifier)" = "$before"
check "it logs in from outside" logs_in
check "the file inside has it too" docker exec arp-db-prod grep -qF "127.0.0.1:$PG_PORT:arp:backup:c4n4ry\\: 'of\\\\old' %s" /pg/.pgpass

echo "ALTER ROLE backup PASSWORD 'another'" | inside
stored wrong
expect_exit 0 "one that nobody knows is replaced through the container" mw recover arp --confirm arp --json
check "proven from outside" logs_in
check "and from the file inside" docker exec arp-db-prod psql -XAtqw -h 127.0.0.1 -p "$PG_PORT" -U backup -d arp -c 'SELECT 1'
check "which is its owner's alone" test "$(docker exec arp-db-prod stat -c %a /pg/.pgpass)" = 600
check "the server's log has neither password nor verifier" test -z \
    "$(docker logs arp-db-prod 2>&1 | grep -F -e "$(sed -n 's/.*:arp:backup://p' pgpass)" -e "$(verifier | cut -d: -f3)")"
check "but has the rest" contains "$(docker logs arp-db-prod 2>&1)" rolvaliduntil
check "the canary is nowhere here" test -z "$(grep -rlF c4n4ry "$WORK/state" home site.cfg)"
expect_exit 0 "all that is stored logs in" mw recover --check

docker stop -t 0 arp-db-prod >/dev/null
stored wrong
expect_exit 3 "a container that has stopped is no matter of a password" mw recover arp --confirm arp
check "nothing listens there" contains "$ERR" "refused"
finish
