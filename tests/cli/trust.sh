#!/bin/bash
# The key of a host is shown, compared, and written down; never when it changed.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

SSHD_DIR=$WORK/ssh
if ! sshd_start "$SSHD_DIR"; then
	skip "a host's key is trusted" "$WHY"
	finish; exit
fi
plain=$SSHD_PORT
cp -r "$SSHD_DIR" "$WORK/etm"
sshd_start "$WORK/etm" "MACs hmac-sha2-256-etm@openssh.com
Ciphers aes256-gcm@openssh.com"; etm=$SSHD_PORT
cp -r "$SSHD_DIR" "$WORK/rsa"; rm "$WORK/rsa/hostkey" "$WORK/rsa/hostkey.pub"
ssh-keygen -q -t rsa -b 2048 -N '' -f "$WORK/rsa/hostkey"
cp "$WORK/rsa/hostkey.pub" "$SSHD_DIR/rsahost.pub"
sshd_start "$WORK/rsa"; rsa=$SSHD_PORT

me=$(id -un) K=$WORK/known
cat >midwatch.cfg <<CFG
site = { name = "t"; state = "state"; };
places = (
  { name = "box"; ssh = "$me@127.0.0.1"; port = $plain; identity = "$SSHD_DIR/userkey"; known_hosts = "$K"; },
  { name = "hard"; ssh = "$me@127.0.0.1"; port = $etm; identity = "$SSHD_DIR/userkey"; known_hosts = "$K"; },
  { name = "old"; ssh = "$me@127.0.0.1"; port = $rsa; identity = "$SSHD_DIR/userkey"; known_hosts = "$K"; },
  { name = "behind"; ssh = "$me@127.0.0.1"; port = $etm; identity = "$SSHD_DIR/userkey"; known_hosts = "$K"; via = "box"; },
  { name = "db"; at = "box"; container = "db"; },
  { name = "local"; container = "db"; },
  { name = "gone"; ssh = "$me@127.0.0.1"; port = 1; known_hosts = "$K"; } );
CFG
print=$(ssh-keygen -lf "$SSHD_DIR/hostkey.pub" | cut -d' ' -f2)
last=$(printf %s "$print" | tail -c 4)
rsaprint=$(ssh-keygen -lf "$SSHD_DIR/rsahost.pub" | cut -d' ' -f2)
key() { cut -d' ' -f1,2 "$SSHD_DIR/$1.pub"; }

expect_exit 2 "an unknown place is wrong usage" "$MIDWATCH" trust bx
check "with the nearest name" contains "$ERR" "Did you mean 'box'?"
expect_exit 2 "one that is like none" "$MIDWATCH" trust elsewhere
check "is told which there are" contains "$ERR" "It has: box, "
expect_exit 2 "a container of this host has no key" "$MIDWATCH" trust local
expect_exit 1 "a host that does not answer is a failure" "$MIDWATCH" trust gone
check "and says so" contains "$ERR" "cannot connect to 127.0.0.1 port 1"

expect_exit 3 "without a terminal somebody must have compared" "$MIDWATCH" trust box
check "the fingerprint is shown" contains "$OUT" "ssh-ed25519 $print"
check "and the line to add" contains "$OUT" "[127.0.0.1]:$plain $(key hostkey)"
check "and what to do" contains "$ERR" "--confirm"
expect_exit 3 "the wrong characters are refused" "$MIDWATCH" trust box --confirm "x$last"
expect_exit 3 "so are too few" "$MIDWATCH" trust box --confirm "${last#?}"
check "nothing was written until then" test ! -e "$K"

printf '# mine\nother.example ssh-ed25519 %s' "$(key otherkey | cut -d' ' -f2)" >"$K.real"
chmod 644 "$K.real"; ln -s "$K.real" "$K"
expect_exit 0 "the right ones are believed" "$MIDWATCH" trust box --confirm "$last"
check "the line is there, and the others" test "$(cat "$K.real")" = "# mine
other.example $(key otherkey)
[127.0.0.1]:$plain $(key hostkey)"
check "the link is still one, and the mode what it was" test "$(readlink "$K") $(stat -c %a "$K.real")" = "$K.real 644"
expect_exit 0 "a trusted one stays as it is" "$MIDWATCH" trust box
check "and where it stands is said" contains "$OUT" "trusted already: $K:3"
check "it is in the site's journal" grep -q "the host key of 'box' is trusted from now on: ssh-ed25519 $print" state/log.jsonl
check "once" test "$(grep -c "is trusted from now on" state/log.jsonl)" = 1
expect_exit 0 "which is whole" "$MIDWATCH" verify state/log.jsonl
ssh_() { ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$K" -o GlobalKnownHostsFile=/dev/null -i "$SSHD_DIR/userkey" -p "$1" "$me@127.0.0.1" true; }
check "ssh believes it too" ssh_ "$plain"

rm "$K" "$K.real"
expect_exit 0 "a new file" "$MIDWATCH" trust box --confirm "$print"
check "is its owner's alone" test "$(stat -c %a "$K")" = 600
expect_exit 0 "a server that only the system's ssh can talk to" "$MIDWATCH" trust hard --confirm "$last"
check "is believed by ssh" ssh_ "$etm"
expect_exit 0 "and trusted then" "$MIDWATCH" trust hard
expect_exit 0 "an RSA key" "$MIDWATCH" trust old --confirm "${rsaprint#SHA256:}"
check "is believed by ssh as well" ssh_ "$rsa"
expect_exit 0 "also when it is known" "$MIDWATCH" trust old
check "and shown" contains "$OUT" "ssh-rsa $rsaprint"

printf '[127.0.0.1]:%s %s\n' "$plain" "$(key hostkey)" >"$K"
expect_exit 0 "a host behind another is asked through it" "$MIDWATCH" trust behind --confirm "$last"
expect_exit 0 "a container's host is meant" "$MIDWATCH" trust db
: >"$K"
expect_exit 3 "an untrusted bastion comes first" "$MIDWATCH" trust behind --confirm "$last"
check "and is named" contains "$ERR" "midwatch trust box"

for kind in plain hashed; do
	printf '# kept\n[127.0.0.1]:%s %s\n' "$plain" "$(key otherkey)" >"$K"
	[ $kind = plain ] || ssh-keygen -q -H -f "$K"
	cp "$K" "$K.before"
	expect_exit 3 "a changed key is never taken ($kind)" "$MIDWATCH" trust box --confirm "$last"
	check "the line is named ($kind)" contains "$ERR" "$K:2 has another"
	check "the file is as it was ($kind)" cmp "$K" "$K.before"
done
printf '[127.0.0.1]:%s %s\n@revoked * %s\n' "$plain" "$(key hostkey)" "$(key hostkey)" >"$K"
expect_exit 3 "a revoked one neither" "$MIDWATCH" trust box --confirm "$last"
check "it is called so" contains "$ERR" "is revoked in $K:2"

: >"$K"
expect_exit 0 "programs get an object" "$MIDWATCH" trust box --confirm "$last" --json
check "with what was done" sh -c 'printf %s "$1" | python3 -c "
import json, sys
o = json.load(sys.stdin)
assert o[\"ok\"] and o[\"added\"] and o[\"fingerprint\"] == \"$2\" and o[\"line\"].startswith(\"[127.0.0.1]:\"), o"' sh "$OUT" "$print"

if command -v script >/dev/null; then
	typed() { printf '%s\n' "$1" | script -qec "'$MIDWATCH' trust box" /dev/null; }
	: >"$K"
	expect_exit 3 "what is typed wrong is refused" typed abcd
	check "and writes nothing" test ! -s "$K"
	expect_exit 0 "typed right it is taken" typed "$last"
	check "and written" grep -q "^\[127.0.0.1\]:$plain " "$K"
else
	skip "the characters are typed on a terminal" "there is no script(1) here"
fi

if small_fs tmpfs 64k "$WORK/full"; then
	echo "# kept" >"$WORK/full/known"
	sed "s|$K|$WORK/full/known|" midwatch.cfg >full.cfg
	dd if=/dev/zero of="$WORK/full/fill" bs=4k 2>/dev/null
	expect_exit 1 "a full disk is said" "$MIDWATCH" -c full.cfg trust box --confirm "$last"
	check "and the file is whole" test "$(cat "$WORK/full/known")" = "# kept"
else
	skip "a full disk leaves known_hosts as it was" "$WHY"
fi
finish
