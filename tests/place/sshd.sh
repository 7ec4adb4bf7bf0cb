# A private sshd on loopback for tests/cli/*.sh (bash), beside lib.sh:
#
#	. "$ROOT/tests/place/sshd.sh"
#	if sshd_keys && sshd_start "MACs hmac-sha2-512"; then ... $SSHD_PORT ...
#	else skip "a host is reached" "$WHY"; fi
#
# Keys are in $SSHD: hostkey, otherkey (ed25519), rsahost, userkey, each with
# .pub; userkey may log in as the current user. Every server ends with the test.

SSHD=$WORK/sshd SSHD_PORT=
SSHD_BIN=/usr/sbin/sshd

sshd_keys()
{
	if [ ! -x "$SSHD_BIN" ]; then
		WHY="there is no sshd here"
		return 1
	fi
	[ ! -d "$SSHD" ] || return 0
	mkdir "$SSHD" || return 1
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	for key_ in hostkey otherkey userkey; do
		ssh-keygen -q -t ed25519 -N '' -C "$key_" -f "$SSHD/$key_" || return 1
	done
	ssh-keygen -q -t rsa -b 2048 -N '' -C rsahost -f "$SSHD/rsahost" || return 1
	cp "$SSHD/userkey.pub" "$SSHD/authorized"
}

# sshd_start [LINES OF ITS CONFIGURATION]: leaves the port in $SSHD_PORT. SSHD_HOSTKEY
# (hostkey) names its key.
sshd_start()
{
	for turn_ in 1 2 3 4 5 6 7 8; do
		SSHD_PORT=$((20000 + (RANDOM % 20000)))
		cat >"$SSHD/$SSHD_PORT.conf" <<CONF
${1-}
Port $SSHD_PORT
ListenAddress 127.0.0.1
HostKey $SSHD/${SSHD_HOSTKEY:-hostkey}
AuthorizedKeysFile $SSHD/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
MaxAuthTries 20
SetEnv SHLVL=9
PidFile none
LogLevel ERROR
CONF
		"$SSHD_BIN" -D -e -f "$SSHD/$SSHD_PORT.conf" >>"$SSHD/log" 2>&1 &
		pid_=$!
		for nap_ in 1 2 3 4 5 6 7 8 9 10; do
			kill -0 $pid_ 2>/dev/null || break
			if (: </dev/tcp/127.0.0.1/$SSHD_PORT) 2>/dev/null &&
			    kill -0 $pid_ 2>/dev/null; then
				at_exit "kill $pid_"
				return 0
			fi
			sleep 0.1
		done
		kill $pid_ 2>/dev/null
	done
	WHY="no sshd starts: $(tail -n 1 "$SSHD/log")"
	return 1
}
