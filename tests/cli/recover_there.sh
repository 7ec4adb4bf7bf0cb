#!/bin/bash
# A login recovered over SSH: the superuser is psql at a place, a password file lies
# there, the login goes through a tunnel; and the link drops at any moment.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/recover.sh"

mkdir -p "$WORK/bin"
PATH=$WORK/bin:$PATH:$PG_BIN
if ! recover_world || ! sshd_start "$WORK/ssh" "SetEnv PATH=$PATH SHLVL=9"; then
	skip "a login is recovered over SSH" "$WHY"
	finish
fi
PLACES="places = ( $(sshd_place bastion "$WORK/ssh") );"
SUPERUSER="{ at = \"bastion\"; host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\"; }"
there=$WORK/there/pass\ file
mkdir there
world() { recover_site "through = \"bastion\"; password_from = ( \"env:ARP_PASSWORD\", \"file:$WORK/there/secret\" );" "bastion:$there"; }
world

# --- a password that lies there ----------------------------------------------------------
echo 'true one' >there/secret
stored wrong
stored wrong "$there"
expect_exit 0 "a password that lies at the place is found" mw recover arp --confirm arp
check "and written here" logs_in
check "and there" logs_in "$there"
check "proven there too, by psql with that file alone" contains "$OUT" "psql at bastion logs in by 'bastion:$there' alone"
check "other lines of that file stay" test "$(sed -n 1p "$there") $(sed -n 3p "$there")" = '# mine x:1:y:z:q'

# --- a new one ------------------------------------------------------------------------------
rm there/secret
set_password lost
stored wrong
printf '*:*:*:backup:wrong\r\n' >"$there"
chmod 640 "$there"
expect_exit 0 "a new one is set by psql at the place" mw recover arp --confirm arp
check "the file here logs in" logs_in
check "the file there logs in" logs_in "$there"
check "that is its owner's alone" test "$(stat -c %a "$there")" = 600
check "its line with * stays, below" test "$(tail -n 1 "$there")" = $'*:*:*:backup:wrong\r'
check "nothing is left beside it" test "$(ls there)" = 'pass file'
rm "$there"
expect_exit 0 "a file that is not there is made" mw recover arp --confirm arp
check "and logs in" logs_in "$there"
new=$(sed -n 's/.*:arp:backup://p' pgpass)
check "the password is in the two files alone" test "$(grep -rlF -e "$new" "$WORK" 2>/dev/null | sort)" = "$WORK/pgpass
$there"
for file in pg/log ssh/log; do
	check "its verifier is not in $file" lacks "$(cat $file)" "$(verifier | cut -d: -f3)"
done
expect_exit 0 "all that is stored logs in" mw recover --check
chmod 500 there
if [ "$(id -u)" != 0 ]; then
	before=$(verifier)
	expect_exit 3 "where a file cannot be written nothing is changed" mw recover arp --rotate --confirm arp
	check "nothing at all" test "$(verifier)" = "$before"
else
	mkdir -p "$WORK/away"
	mv there away/
	before=$(verifier)
	expect_exit 3 "where a file cannot be written nothing is changed" mw recover arp --rotate --confirm arp
	check "nothing at all" test "$(verifier)" = "$before"
	mv away/there .
fi
chmod 700 there

# --- a psql that shouts ------------------------------------------------------------------------
cat >bin/psql <<'END'
#!/bin/sh
case "$*" in *--file=-*) grep ALTER >&2; exit 3 ;; esac
PATH=${PATH#*:} exec psql "$@"
END
chmod 755 bin/psql
before=$(verifier)
expect_exit 1 "a psql that prints what it is told" mw recover arp --rotate --confirm arp
check "is heard" contains "$OUT" "psql at bastion: ALTER ROLE \"backup\" PASSWORD '<secret>"
check "without what is secret" lacks "$OUT$ERR$(cat state/jobs/*/output.log state/log.jsonl)" 'SCRAM-SHA-256$'
check "and nothing was changed" test "$(verifier)" = "$before"
check "nor kept" test -z "$(ls state/recover)"
rm bin/psql

# --- a link that drops ------------------------------------------------------------------------
# Some stored secret: in a file, or what is kept for the next one.
some_works()
{
	logs_in || logs_in "$there" || {
		python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["password"], end="")' state/recover/arp.* >kept.txt 2>/dev/null &&
		stored "$(cat kept.txt)" kept.pass && logs_in kept.pass
	}
}

# --- a link that drops, and what was sent is carried out all the same --------------------------
cat >bin/psql <<END
#!/bin/bash
PATH=\${PATH#*:}
case "\$*" in *--file=-*) ;; *) exec psql "\$@" ;; esac
cat >$WORK/sent
setsid sh -c 'sleep 6; psql "\$@" <$WORK/sent; touch $WORK/late' sh "\$@" >/dev/null 2>&1 &
p=\$PPID
until [ "\$(cat /proc/\$p/comm)" = sshd ]; do p=\$(awk '/^PPid/ { print \$2 }' /proc/\$p/status); done
kill -KILL \$p
sleep 60
END
chmod 755 bin/psql
before=$(verifier)
run_ mw recover arp --rotate --confirm arp
check "a change that nothing is known of is no success" test "$STATUS" = 1
rm bin/psql
for nap in $(seq 300); do [ -e late ] && break; sleep 0.1; done
check "it was made later" test "$(verifier)" != "$before"
check "and some stored secret works" some_works
rm -f sent late kept.txt kept.pass
expect_exit 0 "beginning again finishes it" mw recover arp --confirm arp
check "so that the file here logs in" logs_in
check "and the one there" logs_in "$there"
check "and nothing is kept" test -z "$(ls state/recover)"
rounds=4 bad='' unfinished='' cut=0
[ -z "${MIDWATCH_SOAK-}" ] || rounds=60
for round in $(seq $rounds); do
	mw recover arp --rotate --confirm arp >cut.out 2>&1 &
	pid=$!
	sleep "0.$((round * 97 % 10))$((round * 31 % 10))"
	kill -STOP "$SSHD_PID"
	for child in $(sshd_below_ "$SSHD_PID"); do kill -KILL "$child" 2>/dev/null; done
	kill -CONT "$SSHD_PID"
	wait $pid || cut=$((cut + 1))
	some_works || bad="$bad $round: $(cat cut.out)"
	rm -f kept.txt kept.pass
	mw recover arp --confirm arp >again.out 2>&1 && logs_in && logs_in "$there" &&
	    [ -z "$(ls state/recover)" ] || unfinished="$unfinished $round: $(cat again.out)"
done
echo "# $cut of $rounds were cut"
check "whenever the link drops, some stored secret works" test -z "$bad"
check "and beginning again finishes the job" test -z "$unfinished"
[ -z "$bad$unfinished" ] || echo "$bad$unfinished" | sed 's/^/# /'
check "nothing is left beside the files" test "$(ls there)" = 'pass file'
finish
