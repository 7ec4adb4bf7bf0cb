#!/bin/bash
# A broken login: which kind of no it is, where its password may be, a new one, and
# every way in which that must not go wrong.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/recover.sh"

if ! recover_world; then
	skip "a broken login is recovered" "$WHY"
	finish
fi

# --- what a password cannot mend ------------------------------------------------------
stored 'true one'
expect_exit 0 "a login that works is left alone" mw recover arp --confirm arp
check "and it says so" contains "$OUT" "the login works"
before=$(verifier)
stopped() # KIND-OF-NO NEXT-STEP SENTENCE
{
	expect_exit 3 "$3" mw recover arp --confirm arp --rotate
	check "it names the cause ($1)" contains "$ERR" "no matter of a password ($1)"
	check "and the next step" contains "$ERR" "$2"
}
hba_ 'host all other 127.0.0.1/32 scram-sha-256'
stopped hba pg_hba "no rule in pg_hba.conf is no matter of a password"
hba_ 'host all all 127.0.0.1/32 scram-sha-256'
psql_ "$WORK/pg" -c "ALTER ROLE backup CONNECTION LIMIT 0"
stopped full "reserved" "a connection limit is none"
psql_ "$WORK/pg" -c "ALTER ROLE backup CONNECTION LIMIT -1" \
    -c "ALTER DATABASE arp WITH ALLOW_CONNECTIONS false"
stopped closed "closed" "a database that takes no connections is none"
psql_ "$WORK/pg" -c "ALTER DATABASE arp WITH ALLOW_CONNECTIONS true" \
    -c "REVOKE CONNECT ON DATABASE arp FROM PUBLIC"
stopped no-connect CONNECT "a role that may not connect is none"
psql_ "$WORK/pg" -c "GRANT CONNECT ON DATABASE arp TO PUBLIC" -c "ALTER DATABASE arp RENAME TO gone"
stopped database dbname "a database that is not there is none"
psql_ "$WORK/pg" -c "ALTER DATABASE gone RENAME TO arp"
LOGIN_PORT=1 recover_site
stopped refused "" "a port where nothing listens is none"
recover_site
sed -i 's/host = "127.0.0.1"/host = "no-such-host.invalid"/' site.cfg
stopped name "" "a name that is not known is none"
recover_site
check "nothing of this changed anything" test "$(verifier)" = "$before"

# --- a password that is found ----------------------------------------------------------
echo 'true one' >secret.txt
PASSWORD_FILE=$WORK/secret.txt
recover_site "password_from = ( \"env:NO_SUCH_PASSWORD\", \"file:$PASSWORD_FILE\" );"
stored wrong
failures() { grep -c 'authentication failed' pg/log; }
had=$(failures)
expect_exit 0 "the plan finds it" mw recover arp --plan
check "and says where" contains "$OUT" "file:$PASSWORD_FILE: the password"
check "a new one is offered all the same" contains "$OUT" "--rotate sets a new one all the same"
check "but not what it is" lacks "$OUT$ERR" 'true one'
check "the one that is stored is said to be wrong" contains "$OUT" "line 2 of '$WORK/pgpass': not the password"
check "with one failed login in all" test $(($(failures) - had)) = 1
expect_exit 3 "nothing is written unconfirmed" mw recover arp
expect_exit 3 "nor with another name" mw recover arp --confirm otc
check "so the file is as it was" refused
expect_exit 0 "confirmed, it goes into the password file" mw recover arp --confirm arp-prod
check "which logs in" logs_in
check "and the server's password stayed" test "$(verifier)" = "$before"
check "other lines stay" test "$(sed -n 1p pgpass) $(sed -n 3p pgpass)" = '# mine x:1:y:z:q'

stored wrong
expect_exit 0 "a new one is set though one was found" mw recover arp --confirm arp --rotate
check "and logs in" logs_in
stored 'true one' old.pgpass
check "while what was found does no more" refused old.pgpass
rm old.pgpass
set_password 'true one'

# --- a new one ----------------------------------------------------------------------------
recover_site
set_password "it's:gone\\now 50%"
before=$(verifier)
stored wrong
chmod 644 pgpass
expect_exit 0 "the plan of a new password" mw recover arp --plan --json
check "is an object" python3 -c 'import json,sys; d = json.loads(sys.argv[1]); assert d["ok"] and d["mode"] == "new" and d["no"] == "no-password", d' "$OUT"
check "and changes nothing" test "$(verifier)" = "$before"
expect_exit 0 "a new password is set" mw recover arp --confirm arp --json
check "which is said in the object" python3 -c 'import json,sys; d = json.loads(sys.argv[1]); assert d["ok"] and d["changed"] and not d["rolled_back"], d' "$OUT"
check "the password file logs in" logs_in
check "it is its owner's alone again" test "$(stat -c %a pgpass)" = 600
check "its other lines stay" test "$(sed -n 1p pgpass) $(sed -n 3p pgpass)" = '# mine x:1:y:z:q'
check "the server stores SCRAM-SHA-256" contains "$(verifier)" 'SCRAM-SHA-256$4096:'
check "nothing is kept behind" test -z "$(ls state/recover)"
new=$(sed -n 's/.*:arp:backup://p' pgpass)
check "it is long" test "${#new}" -ge 22
check "it is nowhere but in the file" test "$(grep -rlF -e "$new" "$WORK" 2>/dev/null)" = "$WORK/pgpass"
check "its verifier is nowhere but in the server" test -z "$(grep -rlF -e "$(verifier | cut -d: -f3)" "$WORK/state" pg/log home)"
check "the intent and the outcome are on record" python3 - state/log.jsonl <<'END'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
mine = [l for l in lines if l.get("data", {}).get("action") == "recover"]
last = [l["kind"] for l in mine[-2:]]
assert last == ["decision", "evidence"], last
assert mine[-1]["data"]["outcome"] == "proven", mine[-1]
END
expect_exit 0 "the journal stands" mw verify state/log.jsonl

# --- who has it besides -----------------------------------------------------------------
printf '127.0.0.1:*:*:backup:somewhere else\n' >home/.pgpass
chmod 600 home/.pgpass
MORE=''
sed 's/^databases = (/databases = ( { name = "audit"; host = "127.0.0.1"; port = '"$PG_PORT"'; dbname = "arp"; user = "backup"; },/' site.cfg >both.cfg
expect_exit 0 "the plan looks for others" "$MIDWATCH" -c both.cfg recover arp --rotate --plan
check "other password files" contains "$OUT" "'~/.pgpass' has a line for it too"
check "other databases with the same login" contains "$OUT" "audit logs in there with the same role"
rm home/.pgpass

# --- what only its owner may mend ---------------------------------------------------------
psql_ "$WORK/pg" -c "ALTER ROLE backup NOLOGIN"
expect_exit 3 "a role that is locked is not unlocked unasked" mw recover arp --confirm arp
check "and it says how" contains "$ERR" "--unlock"
expect_exit 0 "unlocked when told" mw recover arp --confirm arp --unlock
check "with the password that it had" contains "$OUT" "may log in again"
check "it logs in" logs_in
psql_ "$WORK/pg" -c "ALTER ROLE backup VALID UNTIL '2001-01-01'"
expect_exit 3 "an end that has passed is told from a wrong password" mw recover arp --confirm arp
check "with its date" contains "$ERR" "2001-01-01"
check "and that the stored one is right" contains "$ERR" "stored one is the right one"
expect_exit 0 "it is lifted when told" mw recover arp --confirm arp --extend
check "it logs in again" logs_in
psql_ "$WORK/pg" -c "ALTER ROLE backup NOLOGIN VALID UNTIL '2001-01-01'"
stored wrong
expect_exit 0 "all of it at once" mw recover arp --confirm arp --extend --unlock
check "and it logs in" logs_in
psql_ "$WORK/pg" -c "ALTER ROLE backup RENAME TO former"
expect_exit 3 "a role that is not there is not made" mw recover arp --confirm arp
check "but named" contains "$ERR" "there is no role 'backup'"
psql_ "$WORK/pg" -c "ALTER ROLE former RENAME TO backup"
set_password now
psql_ "$WORK/pg" -c "ALTER ROLE backup PASSWORD NULL"
expect_exit 0 "a role without any password gets one" mw recover arp --confirm arp
check "and logs in" logs_in

# --- who else uses it --------------------------------------------------------------------
mkfifo hold
PGAPPNAME=reports PGPASSFILE=$WORK/pgpass psql -XAtqw -h 127.0.0.1 -p "$PG_PORT" -U backup -d arp <hold >/dev/null 2>&1 &
holder=$!
exec 7>hold
sessions() { psql_ "$WORK/pg" -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reports'"; }
for nap in $(seq 200); do [ "$(sessions)" = 1 ] && break; sleep 0.1; done
expect_exit 0 "the plan shows who is logged in" mw recover arp --rotate --plan
check "by name and address" contains "$OUT" "logged in reports from 127.0.0.1"
expect_exit 3 "a session of others needs one more word" mw recover arp --rotate --confirm arp
check "which it names" contains "$ERR" "--sessions"
expect_exit 0 "given it goes on" mw recover arp --rotate --confirm arp --sessions
check "and the session stays" test "$(sessions)" = 1
expect_exit 0 "they are ended when asked" mw recover arp --rotate --confirm arp --sessions --end-sessions
for nap in $(seq 200); do [ "$(sessions)" = 0 ] && break; sleep 0.1; done
check "and gone" test "$(sessions)" = 0
exec 7>&-
wait $holder 2>/dev/null

# --- md5 ------------------------------------------------------------------------------------
hba_ 'host all all 127.0.0.1/32 md5'
psql_ "$WORK/pg" -c "SET password_encryption = 'md5'; ALTER ROLE backup PASSWORD 'of old'"
stored wrong
expect_exit 0 "a role with an md5 password" mw recover arp --plan
check "is warned about" contains "$OUT" "stored as md5"
expect_exit 0 "gets one as SCRAM" mw recover arp --confirm arp
check "stored as such" contains "$(verifier)" 'SCRAM-SHA-256$'
check "that logs in where md5 is asked for" logs_in

# --- logins that prove nothing ------------------------------------------------------------
hba_ 'host all all 127.0.0.1/32 trust'
before=$(verifier)
expect_exit 3 "where everybody is trusted nothing is rotated" mw recover arp --rotate --confirm arp
check "because nothing would be proven" contains "$OUT$ERR" "proves anything"
check "and nothing changed" test "$(verifier)" = "$before"
hba_ 'host all all 127.0.0.1/32 scram-sha-256'

# --- one at a time ----------------------------------------------------------------------------
before=$(verifier)
flock state/locks/recover-arp sleep 60 &
holder=$!
for nap in $(seq 200); do flock -n state/locks/recover-arp true || break; sleep 0.1; done
expect_exit 3 "while one runs another waits a little and gives up" mw recover arp --rotate --confirm arp
check "it says so" contains "$OUT$ERR" "is being recovered by"
check "and changes nothing" test "$(verifier)" = "$before"
kill $holder $(cat /proc/$holder/task/$holder/children) 2>/dev/null
wait $holder 2>/dev/null

# --- typed at a terminal -------------------------------------------------------------------
cat >typed.py <<'END'
import os, pty, sys, time
answer, argv = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
seen, sent = b"", False
while True:
    try:
        some = os.read(fd, 4096)
    except OSError:
        break
    if not some:
        break
    seen += some
    if not sent and b"type arp to do this" in seen:
        os.system(os.environ.get("MEANWHILE", ":"))
        os.write(fd, answer.encode() + b"\n")
        sent = True
sys.stdout.write(seen.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
before=$(verifier)
expect_exit 3 "another word at a terminal does nothing" python3 typed.py yes "$MIDWATCH" -c site.cfg recover arp --rotate
check "nothing at all" test "$(verifier)" = "$before"
expect_exit 0 "its name does it" python3 typed.py arp "$MIDWATCH" -c site.cfg recover arp --rotate
check "and the new one logs in" logs_in
check "no secret was shown" lacks "$OUT" "$(sed -n 's/.*:arp:backup://p' pgpass)"

stored wrong
set_password 'mended by hand'
before=$(verifier)
stored 'mended by hand' pgpass.right
MEANWHILE="cp -p pgpass.right pgpass"
export MEANWHILE
expect_exit 0 "what somebody mends while one confirms is well" python3 typed.py arp "$MIDWATCH" -c site.cfg recover arp
unset MEANWHILE
check "and needs nothing" contains "$OUT" "the login works; nothing was done"
check "so that nothing is done" test "$(verifier)" = "$before"
rm pgpass.right

# --- what the role can read -----------------------------------------------------------------
"$PG_BIN/psql" -XAtq -h "$WORK/pg" -p "$PG_PORT" -U postgres -d arp -c 'CREATE TABLE ledger (i int)'
expect_exit 0 "what the role cannot read is named afterwards" mw recover arp --rotate --confirm arp
check "with what mends it" contains "$OUT" 'GRANT SELECT ON TABLE public.ledger TO backup;'

# --- who starts the nightly --------------------------------------------------------------------
mkdir cron.d
echo "0 2 * * * games $MIDWATCH -c $WORK/site.cfg nightly" >cron.d/midwatch
if unshare -m mount --bind cron.d /etc/cron.d 2>/dev/null; then
	cp pgpass home/.pgpass
	sed -i 's|passfile = "[^"]*";||' site.cfg
	run_ unshare -m sh -c 'mount --bind cron.d /etc/cron.d && exec "$1" -c site.cfg recover arp --rotate --confirm arp' sh "$MIDWATCH"
	check "the home of another who starts the nightly was not tried, which is said" contains "$OUT" \
	    "started as games ('/etc/cron.d/midwatch', line 1), whose own ~/.pgpass was not tried: 'sudo -u games midwatch -c $WORK/site.cfg recover --check arp' does"
	rm home/.pgpass
else
	skip "the home of another who starts the nightly was not tried, which is said" "no mount namespace can be made here"
fi
set_password "$(sed -n 's/.*:arp:backup://p' pgpass)"

# --- the daily look ---------------------------------------------------------------------------
MORE="comms = { contacts = ( { who = \"DBA\"; on = ( \"login-failed\" ); tell = \"cat >>$WORK/told\"; } ); };"
recover_site '' "$WORK/copy"
expect_exit 1 "a password file that is missing is found by the daily look" mw recover --check
check "it names the file" contains "$OUT" "[FAIL] arp, $WORK/copy"
check "somebody is told" grep -q login-failed told
expect_exit 0 "the recovery writes that one too" mw recover arp --confirm arp
check "which then logs in" logs_in copy
expect_exit 0 "and the daily look is content" mw recover --check arp
cp state/secrets.json good.json
check "what it found is kept" grep -q '"ok":true' good.json

# --- a server that goes down ----------------------------------------------------------------
mkfifo stay
PGPASSFILE=$WORK/pgpass psql -XAtqw -h 127.0.0.1 -p "$PG_PORT" -U backup -d arp <stay >/dev/null 2>&1 &
holder=$!
exec 7>stay
for nap in $(seq 200); do
	[ "$(psql_ "$WORK/pg" -c "SELECT count(*) FROM pg_stat_activity WHERE usename = 'backup'")" = 1 ] && break
	sleep 0.1
done
kill -TERM "$PG_PID"
for nap in $(seq 200); do grep -qs '^stopping' pg/data/postmaster.pid && break; sleep 0.1; done
expect_exit 3 "a server that is shutting down is no matter of a password" mw recover arp --confirm arp --rotate
check "and is named" contains "$ERR" "(stopping)"
exec 7>&-
wait $holder 2>/dev/null

# --- another cluster, a standby ------------------------------------------------------------
pg_stop_cluster "$WORK/pg"
cp -a "$WORK/pg" "$WORK/pg2"
pg_run_cluster "$WORK/pg"
first=$PG_PORT
sed -i "s/^port = .*/port = $(pg_free_port_)/; s|^unix_socket_directories = .*|unix_socket_directories = '$WORK/pg2'|" pg2/data/postgresql.conf
sed -n 's/^port = //p' pg2/data/postgresql.conf | tail -n 1 >pg2/port
at_exit "pg_stop_cluster '$WORK/pg2' immediate"
pg_run_cluster "$WORK/pg2"
second=$PG_PORT PG_PORT=$first
LOGIN_PORT=$second
MORE=
recover_site
stored wrong
before=$(verifier)
expect_exit 1 "a new password that does not log in is taken back" mw recover arp --confirm arp
check "and that is said" contains "$OUT$ERR" "has its old password again"
check "the old verifier is there again" test "$(verifier)" = "$before"
check "and nothing is kept" test -z "$(ls state/recover)"
unset LOGIN_PORT
recover_site
stored wrong
pg_stop_cluster "$WORK/pg2"
touch pg2/data/standby.signal
chown --reference=pg2/data/postgresql.conf pg2/data/standby.signal
PG_PORT=$first
SUPERUSER="{ host = \"$WORK/pg2\"; port = $second; user = \"postgres\"; }"
(cd / && pg_exec_ "$WORK/pg2") &
echo $! >pg2/pid
for nap in $(seq 200); do grep -qs '^ready' pg2/data/postmaster.pid && break; sleep 0.1; done
PG_PORT=$first
recover_site
expect_exit 3 "on a standby nothing is changed" mw recover arp --confirm arp
check "and the primary is what it asks for" contains "$ERR" "primary"
pg_stop_cluster "$WORK/pg2" immediate
SUPERUSER=

finish
