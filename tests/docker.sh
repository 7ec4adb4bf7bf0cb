# A docker engine of the test's own, for tests/cli/*.sh (bash), beside lib.sh:
#
#	. "$ROOT/tests/docker.sh"
#	if docker_start && docker_image box bash coreutils; then
#		docker run -d --name db --network host box sleep 600
#		...
#	else skip "a container is read" "$WHY"; fi
#
# DOCKER_HOST is exported. Nothing is pulled; there is no network but the host's.
# Containers, images and the engine are gone when the test ends.

# An engine that hangs fails a test, and does not hold it up.
docker() { timeout 120 docker "$@"; }

# Returns 1 with the reason in $WHY where none can run.
docker_start()
{
	PATH=$PATH:/usr/sbin:/sbin
	docker_dir_=$WORK/docker
	for need_ in dockerd containerd docker; do
		if ! type -P $need_ >/dev/null; then
			WHY="there is no $need_ here"
			return 1
		fi
	done
	if [ "$(id -u)" != 0 ]; then
		WHY='an engine of our own needs root'
		return 1
	fi
	mkdir "$docker_dir_" || return 1
	DOCKER_HOST=unix://$docker_dir_/sock DOCKER_CONFIG=$docker_dir_/config
	export DOCKER_HOST DOCKER_CONFIG
	unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
	at_exit docker_stop
	for driver_ in overlay2 vfs; do
		docker_serve_ $driver_ && return 0
		docker_stop
	done
	WHY="no engine starts: $(grep -ao 'failed to .*' "$docker_dir_/log" | tail -n 1)"
	return 1
}

docker_serve_()
{
	dockerd --iptables=false --bridge=none --storage-driver=$1 -H "$DOCKER_HOST" \
	    --data-root "$docker_dir_/data-$1" --exec-root "$docker_dir_/exec" \
	    -p "$docker_dir_/pid" >"$docker_dir_/log" 2>&1 &
	docker_pid_=$!
	# on a busy machine it takes its time; one that cannot ends by itself
	for nap_ in $(seq 600); do
		kill -0 $docker_pid_ 2>/dev/null || return 1
		if docker version >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	return 1
}

docker_stop()
{
	[ -n "${docker_pid_-}" ] || return 0
	docker ps -aq 2>/dev/null | xargs -r timeout 60 docker rm -f >/dev/null 2>&1
	kill "$docker_pid_" 2>/dev/null
	for nap_ in $(seq 100); do
		kill -0 "$docker_pid_" 2>/dev/null || break
		[ "$nap_" != 99 ] || kill -KILL "$docker_pid_"
		sleep 0.1
	done
	wait "$docker_pid_" 2>/dev/null
	docker_pid_=
	awk -v top="$docker_dir_/" 'index($2, top) == 1 { print $2 }' /proc/self/mounts |
	    sort -r | while read -r mount_; do umount -l "$mount_"; done
}

# docker_image NAME PROGRAM...: an image of these programs of this host with their
# libraries; "coreutils" stands for the usual small ones. /bin/sh is always there.
docker_image()
{
	image_=$1 root_=$docker_dir_/root
	shift
	rm -rf "$root_"
	mkdir -p "$root_/bin" "$root_/etc" "$root_/tmp" "$root_/proc" "$root_/root"
	chmod 1777 "$root_/tmp"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root_/etc/passwd"
	for program_ in sh "$@"; do
		if [ "$program_" = coreutils ]; then
			for small_ in cat chmod cp cut date dd df echo env expr false head id \
			    ln ls mkdir mv od printf pwd readlink rm rmdir seq sha256sum \
			    sleep sort stat stty sync tail tee test touch tr true uname \
			    wc whoami; do
				docker_take_ "$small_" || return 1
			done
		else
			docker_take_ "$program_" || return 1
		fi
	done
	tar -C "$root_" -c . | docker import - "$image_" >/dev/null && return
	WHY="no image can be imported"
	return 1
}

docker_take_()
{
	path_=$(command -v "$1") && case $path_ in
	/*) ;;
	*)  path_=$(PATH=/usr/bin:/bin; type -P "$1") ;;
	esac
	if [ -z "$path_" ]; then
		WHY="there is no $1 for the image"
		return 1
	fi
	cp -L "$path_" "$root_/bin/$1"
	ldd "$path_" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib_; do
		[ -e "$root_$lib_" ] || { mkdir -p "$root_${lib_%/*}"; cp -L "$lib_" "$root_$lib_"; }
	done
}
