#!/bin/bash
# podman as the engine: a container of it is a place, and its leftovers are cleaned.
. "$(dirname "$0")/../lib.sh"

unset CONTAINER_HOST CONTAINERS_CONF
# Everything of its own, so that nobody else's is seen or removed.
mkdir bin
real=$(command -v podman)
cat >bin/podman <<END
#!/bin/sh
exec timeout 60 "$real" --root "$WORK/root" --runroot "$WORK/run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file "\$@"
END
chmod 755 bin/podman
PATH=$WORK/bin:$PATH
# image NAME PROGRAM...
image()
{
	image_=$1
	shift
	rm -rf layer && mkdir -p layer/bin
	for p_; do
		cp -L "$(type -P "$p_")" layer/bin/
		for l_ in $(ldd "$(type -P "$p_")" | grep -o '/[^ ]*'); do
			mkdir -p "layer${l_%/*}" && cp -nL "$l_" "layer$l_"
		done
	done
	tar -C layer -c . | podman import - "$image_" >/dev/null 2>&1
}
run() { podman run --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --network host "$@" >/dev/null 2>run.err; }

if [ -z "$real" ]; then
	skip "podman is cleaned" "podman is not installed"
	finish
fi
at_exit 'podman rm -af -t 0 >/dev/null 2>&1; podman rmi -af >/dev/null 2>&1
    grep -o " $WORK/[^ ]*" /proc/self/mounts | sort -r | while read -r m_; do umount -l "$m_"; done'
if [ "$(id -u)" != 0 ] || ! image box sh env true sleep cat || ! run -d --name arp-db-prod box sleep 600; then
	skip "podman is cleaned" "no podman container can be run here"
	finish
fi
run --name ended box sh -c : || not_ok "a container ends" "$(cat run.err)"
image junk:1 cat && podman tag junk:1 other/name:2 && image lonely:1 sh
podman volume create keepme >/dev/null
podman network create mine >/dev/null 2>&1 && net=mine || net=podman
cat >midwatch.cfg <<END
site = { name = "prod"; state = "state"; };
places = ( { name = "arp-box"; container = "arp-db-prod"; runtime = "podman"; } );
components = ( { name = "inside"; at = "arp-box"; command = "cat /etc/hosts"; } );
stores = ( { name = "local"; path = "$WORK/store"; } );
backup = { to = ( "local" ); min_free = "1MB"; min_free_percent = 1; };
cleanup = { docker = { runtime = "podman"; until = "1s"; images = "unused"; }; };
END
expect_exit 0 "a container of podman is a place" "$MIDWATCH" backup --all-unsafe
check "whose output is saved" contains "$OUT" "inside"
sleep 1.1
expect_exit 0 "podman is planned" "$MIDWATCH" cleanup --plan
cp .out plan.txt
check "a stopped container goes" grep -q '^  container .* ended of ' plan.txt
check "one that a place names stays" contains "$OUT" "container arp-db-prod of localhost/box:latest: the place 'arp-box' of the site names it"
check "an image that nobody needs goes, with its names" grep -q '^  image .*localhost/junk:1.*other/name:2\|^  image .*other/name:2.*localhost/junk:1' plan.txt
check "one in use stays" contains "$OUT" "image localhost/box:latest: the container "
check "volumes are not even looked at" lacks "$OUT" keepme
code=$(sed -n 's/^code: //p' plan.txt)
expect_exit 0 "the code does it" "$MIDWATCH" cleanup --confirm "$code"
check "exactly that" [ "$(podman ps -aq | wc -l) $(podman images -aq | wc -l)" = "1 1" ]
check "what the place names runs on" podman exec arp-db-prod sh -c :
check "the volume is there" podman volume inspect keepme
check "and the network" podman network inspect $net
expect_exit 0 "then nothing may go" "$MIDWATCH" cleanup --plan
check "which is said" contains "$OUT" "nothing may go"
finish
