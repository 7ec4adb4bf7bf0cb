# A private sshd for shell tests (after tests/lib.sh):
#
#	. "$ROOT/tests/sshd.sh"
#	if sshd_start "$WORK/ssh" "Ciphers aes256-ctr"; then
#		ssh -F none -i "$WORK/ssh/userkey" -p $SSHD_PORT \
#		    -o UserKnownHostsFile="$WORK/ssh/known_hosts" \
#		    $SSHD_USER@127.0.0.1 true
#		... sshd_place nas-box "$WORK/ssh"	(a place for a site file)
#	else skip "..." "$WHY"; fi
#
# It listens on loopback alone, has keys of its own (userkey lets its owner in,
# otherkey does not), writes DIR/log, and is stopped by its pid when the test
# ends, or by sshd_stop. Its sessions end with it. Several at once are fine.

SSHD=/usr/sbin/sshd SSHD_PORT='' SSHD_PID='' SSHD_USER=''

sshd_port_()
{
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

sshd_keys_()
{
	mkdir -p "$1" && chmod 755 "$1" || return
	for key_ in hostkey userkey otherkey; do
		[ -e "$1/$key_" ] || ssh-keygen -q -t ed25519 -N '' -C "$key_" \
		    -f "$1/$key_" || return
	done
	cp "$1/userkey.pub" "$1/authorized" && chmod 600 "$1/authorized"
}

# sshd_start DIR [LINES]: LINES come first in its configuration, where the first
# of a keyword counts. Returns 1 with the reason in $WHY.
sshd_start()
{
	if [ ! -x "$SSHD" ]; then
		WHY="sshd is not installed"
		return 1
	fi
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	SSHD_USER=$(id -un)
	if ! sshd_keys_ "$1" >"$1.keys" 2>&1; then
		WHY="no keys can be made here"
		return 1
	fi
	rm -f "$1.keys"
	# Somebody else may take the port between asking and listening.
	for turn_ in 1 2 3 4 5; do
		SSHD_PORT=$(sshd_port_) || break
		cat >"$1/config" <<END
${2-}
ListenAddress 127.0.0.1
Port $SSHD_PORT
HostKey $1/hostkey
AuthorizedKeysFile $1/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
MaxStartups 100
MaxSessions 100
PidFile none
SetEnv SHLVL=9
END
		setsid "$SSHD" -D -e -f "$1/config" >>"$1/log" 2>&1 </dev/null &
		SSHD_PID=$!
		printf '[127.0.0.1]:%s %s\n' "$SSHD_PORT" \
		    "$(cut -d' ' -f1,2 "$1/hostkey.pub")" >"$1/known_hosts"
		if sshd_wait_; then
			at_exit "sshd_stop $SSHD_PID"
			return 0
		fi
		sshd_stop "$SSHD_PID"
	done
	WHY="sshd does not start here"
	sed 's/^/# /' "$1/log"
	return 1
}

# Until it answers.
sshd_wait_()
{
	for nap_ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		kill -0 "$SSHD_PID" 2>/dev/null || return 1
		if python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)
sys.exit(not s.recv(4).startswith(b"SSH-"))' "$SSHD_PORT" 2>/dev/null; then
			return 0
		fi
		sleep 0.1
	done
	return 1
}

# sshd_stop [PID]: with its sessions, which are its children.
sshd_stop()
{
	pid_=${1:-$SSHD_PID}
	[ -n "$pid_" ] || return 0
	kill -STOP "$pid_" 2>/dev/null || return 0
	for child_ in $(sshd_below_ "$pid_"); do
		kill -KILL "$child_" 2>/dev/null
	done
	kill -KILL "$pid_" 2>/dev/null
	wait "$pid_" 2>/dev/null
	return 0
}

sshd_below_()
{
	for below_ in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
		echo "$below_"
		sshd_below_ "$below_"
	done
}

# sshd_place NAME DIR [KEYS]: the place of the one that was started last.
sshd_place()
{
	printf '{ name = "%s"; ssh = "%s@127.0.0.1"; port = %s; identity = "%s"; known_hosts = "%s"; %s }' \
	    "$1" "$SSHD_USER" "$SSHD_PORT" "$2/userkey" "$2/known_hosts" "${3-}"
}
