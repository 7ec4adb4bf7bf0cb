#!/bin/bash
# `midwatch cleanup` on a real engine: what is planned is removed by id, and nothing
# else; what a place names, what holds data, what runs, and volumes stay.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/docker.sh"
. "$ROOT/tests/sshd.sh"

if ! docker_start || ! docker_image box bash coreutils find; then
	skip "an engine is cleaned" "$WHY"
	finish
fi
# The plan for programs, in $WORK/plan.json: asked once, read often.
ask() { "$MIDWATCH" cleanup --plan --json >"$WORK/plan.json" 2>/dev/null; }
code() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get("code", ""))' "$WORK/plan.json"; }
# All that there is, as `kind id`.
all()
{
	docker ps -aq --no-trunc | sed 's/^/container /'
	docker image ls -aq --no-trunc | sort -u | sed 's/^/image /'
	docker network ls -q --no-trunc | sed 's/^/network /'
	docker volume ls -q | sed 's/^/volume /'
	docker system df -v --format '{{json .BuildCache}}' | python3 -c 'import json, sys
for o in json.load(sys.stdin) or []: print("cache", o["ID"])'
}
planned()
{
	python3 -c 'import json, sys
for i in json.load(open(sys.argv[1]))["items"]: print(i["kind"], i.get("id", i.get("path")))' "$WORK/plan.json"
}
variant()	# NAME: another image
{
	rm -rf one; mkdir one; echo "$1" >one/file
	tar -C one -c . | docker import - "$@" >/dev/null
}
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; state = "state"; };
places = ( { name = "arp-box"; container = "arp-db-prod"; runtime = "docker"; }$2 );
cleanup = { $1 };
END
}

# --- a world ------------------------------------------------------------------------------
docker run -d --name runs --network host box sleep 3600 >/dev/null
docker run -d --name arp-db-prod --network host box sleep 3600 >/dev/null
docker tag box arp-image:1
variant arp:15; docker create --name named-by-id arp:15 sh >/dev/null 2>&1
docker run --name ended --network host box true >/dev/null
docker run --name data --network host box sh -c 'mkdir -p /var/lib/x && echo 15 >/var/lib/x/PG_VERSION' >/dev/null
docker create --name pg -e PGDATA=/data box sh >/dev/null
docker create --name onnet --network host box sh >/dev/null
docker volume create keepme >/dev/null
variant junk:1; docker tag junk:1 junk:2; docker tag junk:1 other/name:3
variant lonely:1
variant hanging:1; docker rmi hanging:1 >/dev/null 2>&1; variant
docker network create n1 >/dev/null 2>&1; net=$?
mkdir ctx; printf 'FROM box\nCOPY f /f\n' >ctx/Dockerfile; head -c 200000 /dev/urandom >ctx/f
tar -C ctx -cf ctx.tar .
cache=
if command -v curl >/dev/null; then
	curl -s --unix-socket "${DOCKER_HOST#unix://}" -H 'Content-Type: application/x-tar' --data-binary @ctx.tar \
	    -X POST 'http://d/build?version=2&t=built' >/dev/null 2>&1
	[ -z "$(all | grep '^cache')" ] || cache=yes
fi
docker stop -t 0 arp-db-prod >/dev/null
sleep 1.1
site 'docker = { until = "1s"; images = "unused"; };' "$(printf ',\n  { name = "second"; container = "%.14s"; }' "$(docker inspect --format '{{.Id}}' named-by-id)")"

# --- the plan ---------------------------------------------------------------------------
expect_exit 0 "an engine is planned" "$MIDWATCH" cleanup --plan
cp .out plan.txt
check "a stopped container goes" grep -q '^  container .* ended of box$' plan.txt
check "one that a place names stays, though it is stopped" contains "$OUT" "container arp-db-prod of box: the place 'arp-box' of the site names it"
check "also when the place names it by its id" contains "$OUT" "container named-by-id of arp:15: the place 'second' of the site names it"
check "and its image" contains "$OUT" "image arp:15: the container named-by-id of arp:15 needs it"
check "one that runs stays" contains "$OUT" "container runs of box: it runs"
check "one with a data directory in it stays" contains "$OUT" "container data of box: a data directory of PostgreSQL is in it"
check "one of a database stays" contains "$OUT" "container pg of box: it is the container of a database"
check "an image that nobody needs goes, with its names" grep -q '^  image .* junk:1 junk:2 other/name:3$' plan.txt
check "an image in use stays" grep -q 'image .*box:latest.* needs it' plan.txt
[ $net = 0 ] && check "a network that nobody needs goes" grep -q '^  network .* n1$' plan.txt || skip "a network goes" "none can be made here"
[ -n "$cache" ] && check "build cache goes" grep -q '^  cache ' plan.txt || skip "build cache goes" "none can be made here"
check "volumes are not even looked at" [ -z "$(grep keepme plan.txt)" ]
run_ "$MIDWATCH" cleanup --plan
check "the same plan again is equal byte for byte" cmp -s .out plan.txt

# --- a plan that is stale ------------------------------------------------------------------
ask
docker start ended >/dev/null; docker wait ended >/dev/null
expect_exit 3 "a container that ran since makes it another plan" "$MIDWATCH" cleanup --confirm "$(code)"
check "nothing went" docker inspect --type container ended
sleep 1.1

# --- doing it ---------------------------------------------------------------------------
ask; planned | sort >want
all | sort >before
"$MIDWATCH" cleanup --plan 2>/dev/null >plan.txt
expect_exit 0 "the code does it" "$MIDWATCH" cleanup --confirm "$(code)"
head -n "$(wc -l <plan.txt)" .out >real.txt
cp .out .out.kept
check "the real list is the plan's, byte for byte" cmp plan.txt real.txt
all | sort >after
comm -23 before after >gone
check "what is gone is what was planned, to the id" diff want gone
check "nothing new is there" [ -z "$(comm -13 before after)" ]
check "the volume is there" docker volume inspect keepme
check "what the place names can still be started" docker start arp-db-prod
check "what the engine holds is said" sh -c 'grep -q "^disks before the clean-up: .*; docker holds [0-9.]* MB besides volumes" .out.kept && grep -q "^disks after the clean-up: .*; docker holds" .out.kept'
check "what the engine held before and after is in the journal" python3 -c 'import json
got = {}
for l in open("state/log.jsonl"):
    o = json.loads(l)
    if o["data"].get("what") == "cleanup" and "engines" in o["data"]: got[o["data"]["when"]] = o["data"]["engines"]
assert got["before"]["images"]["total"] > got["after"]["images"]["total"], got'
docker stop -t 0 arp-db-prod >/dev/null

# --- dangling, young, and a database without a copy ------------------------------------------
variant junk:1; docker run --name ended --network host box true >/dev/null
variant hanging:2; docker rmi --no-prune hanging:2 >/dev/null 2>&1
echo x >one/dangling; tar -C one -c . | docker import - >/dev/null
sleep 1.1
site 'docker = { until = "1s"; images = "dangling"; };' ''
run_ "$MIDWATCH" cleanup --plan
check "as prune without -a does, an image with a name stays" contains "$OUT" 'image junk:1: it has a name, and images = "dangling"'
check "and one without goes" grep -q '^  image .* without a name$' .out
site 'docker = { until = "1h"; images = "unused"; };' ''
run_ "$MIDWATCH" cleanup --plan
check "what is younger than the site says stays" contains "$OUT" "nothing may go"
site 'docker = { until = "1s"; images = "unused"; };' ''
printf 'databases = ( { name = "otc"; host = "127.0.0.1"; port = 1; } );\nstores = ( { name = "nas"; path = "nas"; } );\n' >>midwatch.cfg
run_ "$MIDWATCH" cleanup --plan
check "while a database has no copy a container may hold one" contains "$OUT" "container ended of box: it may hold a backup, and otc has no verified copy"
check "and an image that was made here as well" contains "$OUT" "image junk:1: it may hold a backup"

# --- at a place over SSH, and folders inside a container ---------------------------------------
if sshd_start "$WORK/ssh" "SetEnv DOCKER_HOST=$DOCKER_HOST PATH=$PATH"; then
	site 'docker = { at = "legacy"; until = "1s"; images = "unused"; };' ",
  $(sshd_place legacy "$WORK/ssh")"
	ask; planned | sort >want
	all | sort >before
	expect_exit 0 "an engine is cleaned over SSH" "$MIDWATCH" cleanup --confirm "$(code)"
	all | sort >after
	comm -23 before after >gone
	check "to the id" diff want gone
	check "and it was something" test -s gone
	sshd_stop
	expect_exit 0 "an engine that does not answer is said" "$MIDWATCH" cleanup --plan
	check "and why" contains "$OUT" "not looked at: docker at legacy"
else
	skip "an engine is cleaned over SSH" "$WHY"
fi
docker start arp-db-prod >/dev/null
docker exec arp-db-prod sh -c 'mkdir -p /scratch/old/d /scratch/old/main; echo log >/scratch/old/d/a.log; echo 15 >/scratch/old/main/PG_VERSION; ln -s /etc /scratch/old/l; touch -d "3 days ago" /scratch/old/d/a.log /scratch/old/d'
site 'paths = ( "arp-box:/scratch/old" );' ''
ask
expect_exit 0 "a folder in a container is planned" "$MIDWATCH" cleanup --plan
check "with what stays" contains "$OUT" "main: it is a data directory of PostgreSQL"
expect_exit 0 "and cleaned" "$MIDWATCH" cleanup --confirm "$(code)"
check "to the file" [ "$(docker exec arp-db-prod sh -c 'cd /scratch/old && echo *')" = "l main" ]
finish
