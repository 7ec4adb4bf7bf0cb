#!/bin/sh
# init at a terminal, as an ordinary user, and on a machine that has nothing.
. "$(dirname "$0")/../lib.sh"

HOME=$WORK/home; export HOME
unset MIDWATCH_CONFIG PGPASSFILE DOCKER_HOST
mkdir -p "$HOME/.ssh" "$HOME/backups" "$WORK/site"
echo x >"$HOME/backups/a.dump"
printf 'Host bastion nas\nUser ops\n' >"$HOME/.ssh/config"
cd "$WORK/site" || exit 99

# at_terminal ANSWER...: init at a terminal of its own; what was shown is in $OUT.
# An answer is typed when a question stands there; none left: ctrl-D.
cat >"$WORK/terminal.py" <<'PY'
import os, pty, select, signal, sys, time
argv, answers = sys.argv[1].split("\n"), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(argv[0], argv)
seen, mark, end = b"", 0, time.time() + 60
while time.time() < end:
    if not select.select([fd], [], [], 0.2)[0]:
        continue
    try:
        more = os.read(fd, 65536)
    except OSError:
        break
    if not more:
        break
    seen += more
    if seen[mark:].endswith(b"]: "):
        mark = len(seen)
        if answers and answers[0] == "^C":
            os.write(fd, b"\x03")
        else:
            os.write(fd, answers[0].encode() + b"\n" if answers else b"\x04")
        answers = answers[1:]
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(seen.replace(b"\r\n", b"\n"))
sys.exit(128 + status if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
PY
at_terminal()
{
	python3 "$WORK/terminal.py" "$MIDWATCH
--state
$WORK/state
init" "$@"
}

expect_exit 0 "at a terminal it asks, and enter takes what is offered" at_terminal '' '' '' '' '' ''
check "the name" contains "$OUT" "name of this site ["
check "the environment" contains "$OUT" "environment (production, staging, test) ["
check "the hosts" contains "$OUT" "hosts of your SSH configuration that belong to it, - for none [bastion nas]: "
check "the store" contains "$OUT" "where backups go, a folder or HOST:folder [$HOME/backups/midwatch]: "
check "the hour, and in which zone" contains "$OUT" "nightly backup at, "
check "and whether to write it, after it was shown" contains "${OUT#*site = \{}" "write this to 'midwatch.cfg'? yes or no [yes]: "
check "no more than that" test "$(printf '%s\n' "$OUT" | grep -c ']: ')" = 6
check "it is written" test -s midwatch.cfg
expect_exit 0 "and loads" "$MIDWATCH" lint midwatch.cfg
check "with both hosts" test "$(grep -c '^  { name = ".*ssh = "ops@' midwatch.cfg)" = 2
expect_exit 3 "a second time it refuses before it asks anything" at_terminal
check "and asked nothing" lacks "$OUT" "]: "
rm midwatch.cfg

expect_exit 0 "what is typed counts" at_terminal 'prod-db' 'staging' 'nas' 'nas:/volume1/backups' '3:30' 'y'
check "the name" grep -q '^  name = "prod-db";' midwatch.cfg
check "the environment" grep -q '^  environment = "staging";' midwatch.cfg
check "one host alone" test "$(grep -c '^  { name = ".*ssh = "ops@' midwatch.cfg)" = 1
check "the other is a comment" grep -q '# { name = "bastion"' midwatch.cfg
check "a store on that host" grep -q '{ name = "nas"; at = "nas"; path = "/volume1/backups"; }' midwatch.cfg
check "which backups go to" grep -q 'to = ( "nas" );' midwatch.cfg
check "the hour" grep -q 'nightly = "03:30";' midwatch.cfg
expect_exit 0 "and it loads" "$MIDWATCH" lint midwatch.cfg
rm midwatch.cfg

expect_exit 0 "what cannot stand is asked for again" at_terminal 'my site' '-x' 'site1' 'two words' 'test' \
	'nobody-knows' '-' 'far:/x' '~other/x' "$WORK/we \"ird\\" '25:00' 'noon' '0:05' 'yes'
check "with the reason for a name" contains "$OUT" "a name is made of letters"
check "for an environment" contains "$OUT" "it is one word"
check "for a host" contains "$OUT" "your SSH configuration has no host 'nobody-knows'"
check "for a store" contains "$OUT" "the SSH configuration has no host 'far'"
check "for a folder" contains "$OUT" "only your own home can be written as ~"
check "for an hour" contains "$OUT" "a time looks like 02:00"
check "what came at last is there" grep -q 'nightly = "00:05";' midwatch.cfg
check "strange folders are escaped" grep -qF "path = \"$WORK/we \\\"ird\\\\\"; }" midwatch.cfg
check "and made" test -d "$WORK/we \"ird\\"
expect_exit 0 "and it loads" "$MIDWATCH" lint midwatch.cfg
rm midwatch.cfg

expect_exit 0 "a store on a host that was not taken" at_terminal '' '' '-' 'nas:/x' '' ''
expect_exit 0 "still makes a file that loads" "$MIDWATCH" lint midwatch.cfg
check "and says that there is no store" grep -q "'nas' is no place of this site" midwatch.cfg
rm midwatch.cfg

expect_exit 3 "no at the end writes nothing" at_terminal '' '' '' '' '' 'no'
check "and says so" contains "$OUT" "nothing was written"
expect_exit 3 "nor does ctrl-D" at_terminal '' ''
expect_exit 3 "nor six wrong answers" at_terminal ' ?' '?' '?' '?' '?' '?'
expect_exit 130 "ctrl-C ends it" at_terminal '' '^C'
check "with nothing written" test ! -e midwatch.cfg -a -z "$(ls)"
: >midwatch.cfg
expect_exit 3 "an empty file is a file" at_terminal
rm midwatch.cfg

# --- somebody was faster ------------------------------------------------------------------------
sed 's|        if answers and answers\[0\] == "^C":|        if len(answers) == 1: open("midwatch.cfg", "w").write("theirs")\n&|' \
	"$WORK/terminal.py" >"$WORK/faster.py"
mv "$WORK/faster.py" "$WORK/terminal.py"
expect_exit 3 "a file that came while it asked stays" at_terminal '' '' '' '' '' 'yes'
check "as it is" test "$(cat midwatch.cfg)" = theirs
check "and that is said" contains "$OUT" "'midwatch.cfg' is there already"
rm midwatch.cfg

# --- an ordinary user -----------------------------------------------------------------------------
drop=
if [ "$(id -u)" = 0 ]; then
	drop="setpriv --reuid nobody --regid nogroup --clear-groups --"
	up=$WORK	# they must get there
	while [ -n "$up" ]; do chmod o+x "$up"; up=${up%/*}; done
	chown -R nobody "$HOME" "$WORK/site"
fi
cp "$MIDWATCH" "$WORK/midwatch" && chmod 755 "$WORK/midwatch"
if $drop test -w /var/lib/midwatch; then
	skip "an ordinary user has a record of their own" "/var/lib/midwatch can be written here"
else
	expect_exit 0 "an ordinary user" $drop "$WORK/midwatch" init --yes
	check "has a record of their own" test -d "$HOME/.local/state/midwatch/incidents"
	check "and the file offers one for everybody" grep -q '^  # state = ' midwatch.cfg
	check "their store is theirs" test -d "$HOME/backups/midwatch"
	expect_exit 0 "the file loads" "$MIDWATCH" lint midwatch.cfg
	rm midwatch.cfg
fi
mkdir -m 555 "$WORK/closed"
expect_exit 1 "a folder that they may not write to is told" $drop "$WORK/midwatch" init --yes \
	--output "$WORK/closed/midwatch.cfg"
check "by name" contains "$ERR" "cannot write into '$WORK/closed'"
check "before anything is looked at" lacks "$ERR" "found "

# --- a machine that has nothing ---------------------------------------------------------------------
in_bare() { as_root env -i /usr/sbin/chroot "$WORK/bare" /midwatch "$@"; }
bare()
{
	as_root true || return
	WHY="the program's libraries cannot be copied"
	at_exit 'as_root rm -rf "$WORK/bare"'
	mkdir -p "$WORK/bare/dev" && as_root mknod -m 666 "$WORK/bare/dev/null" c 1 3 || return
	for l in $(ldd "$MIDWATCH" | grep -o '/[^ ]*'); do
		mkdir -p "$WORK/bare${l%/*}" && cp -nL "$l" "$WORK/bare$l" || return
	done
	cp "$MIDWATCH" "$WORK/bare/midwatch" && in_bare --version >/dev/null
}
if [ "${MIDWATCH_VARIANT-}" = san ]; then
	echo "# not here: the sanitizers need /proc"
elif bare; then
	expect_exit 0 "on a machine with nothing on it a file is made" in_bare init --yes --output /midwatch.cfg
	check "which says what could not be looked at" contains "$OUT" "the mounted disks: /proc is not there"
	check "and that there is no database in it" contains "$ERR" "no database stands in it"
	expect_exit 0 "it loads" in_bare lint /midwatch.cfg
	expect_exit 3 "and is not overwritten" in_bare init --yes --output /midwatch.cfg
else
	skip "on a machine with nothing on it a file is made" "$WHY"
fi
finish
