#!/bin/bash
# `midwatch precheck`: may a migration run? Each row failing alone, on a real
# PostgreSQL, and the site's own commands, here and in a compose service.
. "$(dirname "$0")/../lib.sh"
still_disk
. "$ROOT/tests/postgres.sh"

precheck()
{
	"$MIDWATCH" precheck "$@"
}
# answers NAME ANSWER: what the last run said of that row (--json in $OUT)
answers()
{
	printf '%s' "$OUT" | python3 -c '
import json, sys
rows = {r["name"]: r["answer"] for r in json.load(sys.stdin)["checks"]}
sys.exit(rows.get(sys.argv[1]) != sys.argv[2])' "$1" "$2"
}

cat >midwatch.cfg <<'END'
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
END
expect_exit 0 "a site with nothing has nothing in the way" precheck
expect_exit 2 "a row that there is none is refused" precheck --only disk,secret
check "with the one that was meant" contains "$ERR" "did you mean 'secrets'?"
expect_exit 2 "there is no more to say" precheck now

# --- the site's own commands ------------------------------------------------------
commands()	# COMMANDS [MORE KEYS]
{
	cat >midwatch.cfg <<END
site = { name = "prod"; state = "state"; };
precheck = { commands = ( $1 ); timeout = "2s"; ${2-} };
END
}
commands '"echo all 12 migrations apply"'
expect_exit 0 "a command that ends with 0 is fine" precheck --only commands
check "with what it says" contains "$OUT" "all 12 migrations apply"
commands '"true", "echo one; echo schema drift >&2; exit 4"'
expect_exit 1 "one that fails stands in the way" precheck
check "with its last line" contains "$OUT" "exit 4, schema drift"
check "and the verdict names the row" contains "$OUT" "not ready: commands"
commands '"sleep 60"'
expect_exit 1 "one that hangs is ended" precheck
check "and counts as a no" contains "$OUT" "did not end in time"
commands '"head -c 3000000 /dev/zero | tr \"\\\\0\" y"'
expect_exit 0 "one that prints megabytes is fine" precheck --json
check "and is shown in a line" [ ${#OUT} -lt 4000 ]
commands '"printf \"\\\\033[2J\\\\033]0;evil\\\\007\"; exit 1"'
expect_exit 1 "one that prints escape sequences is harmless" precheck
check "on the screen" sh -c '! printf "%s" "$1" | grep -q "$(printf "\033")"' sh "$OUT$ERR"
check "and in the journal" sh -c '! grep -q "$(printf "\033")" state/log.jsonl'
expect_exit 0 "the journal is whole" "$MIDWATCH" verify state/log.jsonl

# a compose that does what it is told, in the words of the real one
mkdir bin app
cat >bin/docker <<'END'
#!/bin/sh
echo "$PWD: $*" >>"$LOG"
case "$*" in
"compose version") ;;
"compose ps -q bastion") [ ! -e up ] || echo 0123abcd ;;
"inspect --format {{.State.Running}} 0123abcd") echo true ;;
"compose exec -T bastion /bin/sh -c "* | "compose run --rm -T bastion /bin/sh -c "*)
	while [ "$1" != /bin/sh ]; do shift; done; "$@" ;;
*) echo "what is '$*'?" >&2; exit 1 ;;
esac
END
chmod +x bin/docker
commands '"echo valid; test -e compose.yml"' 'compose = { dir = "app"; service = "bastion"; };'
touch app/compose.yml app/up
with_compose()
{
	LOG=$WORK/docker.log PATH="$WORK/bin:$PATH" "$MIDWATCH" precheck
}
expect_exit 0 "a command runs in a service that is up" with_compose
check "by exec, in the folder of the compose file" grep -q "^$WORK/app: compose exec -T bastion" docker.log
rm app/up
expect_exit 0 "and in a container made for it when it is not" with_compose
check "which is removed" grep -q "compose run --rm -T bastion" docker.log
echo 'exit 3' | cat - bin/docker >x && printf '#!/bin/sh\n' | cat - x >bin/docker
without_compose()
{
	PATH="$WORK/bin:/usr/bin:/bin" "$MIDWATCH" precheck
}
expect_exit 1 "without compose the answer is not known" without_compose
check "and that is said" contains "$OUT" "not ready: commands (unknown)"

# --- the rest, on a real server -------------------------------------------------------
if ! pg_start_cluster "$WORK/pg" "max_prepared_transactions = 2"; then
	skip "the other rows" "$WHY"
	finish
fi
PATH=$PG_BIN:$PATH
psql_ "$WORK/pg" -c 'CREATE ROLE backup LOGIN IN ROLE pg_monitor' -c 'CREATE DATABASE otc' || not_ok "a database can be made"
super()	# STATEMENT...
{
	for statement; do
		psql -X -q -A -t -h "$WORK/pg" -p "$PG_PORT" -U postgres -d otc -v ON_ERROR_STOP=1 -c "$statement" || return
	done
}
super 'CREATE TABLE t (a int)' 'INSERT INTO t VALUES (1)' 'GRANT pg_read_all_data TO backup'
mkdir nas scratch
later=$(TZ=Africa/Lagos date -d '+3 hours' +%H:%M)
full_site()	# NIGHTLY [MORE]
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
databases = ( { name = "otc"; host = "127.0.0.1"; port = $PG_PORT; user = "backup"; ${3-} } );
stores = ( { name = "nas"; path = "nas"; } );
backup = { to = ( "nas" ); globals = false; ${4-} };
schedule = { nightly = "$1"; window = "30m"; };
disks = ( { name = "root"; path = "$STILL"; warn = 98; high = 99; critical = 100; } );
${2-}
END
}
full_site "$later"
expect_exit 1 "before there is any backup it is a no" precheck --json
check "for that reason" answers backup no
check "and it is not known that a nightly ever ran" answers nightly unknown
check "nor was any restored" answers restore-test no
check "the rest is well" answers schema yes
"$MIDWATCH" nightly >out 2>&1 || not_ok "the nightly runs" "$(cat out)"
"$MIDWATCH" validate --restore --scratch "$WORK/scratch" >out 2>&1 || not_ok "and is restored" "$(cat out)"
expect_exit 0 "after a nightly that was restored it is a yes" precheck --json
for row in backup nightly freeze window replication locks disk secrets schema restore-test; do
	check "with $row" answers $row yes
done
check "and without commands" answers commands none
expect_exit 0 "a pipeline asks for less" precheck --only secrets,disk --json
check "and is answered no more" [ "$(printf '%s' "$OUT" | grep -o '"name"' | wc -l)" = 2 ]

# alone in the way: NAME SENTENCE [OPTIONS]
alone()
{
	row=$1 sentence=$2
	shift 2
	expect_exit 1 "$sentence" precheck --json "$@"
	check "and nothing else" sh -c 'printf "%s" "$1" | python3 -c "
import json, sys
o = json.load(sys.stdin)
bad = [r[\"name\"] for r in o[\"checks\"] if r[\"counts\"] and r[\"answer\"] != \"yes\"]
assert bad == [sys.argv[1]] and not o[\"ok\"], (bad, o)" $2' sh "$OUT" "$row"
}
"$MIDWATCH" freeze on --reason night >/dev/null
alone freeze "a freeze stands in the way"
expect_exit 0 "but not for what comes after it" precheck --after-freeze
check "which is said apart" contains "$OUT" "ready once the freeze is lifted"
"$MIDWATCH" freeze off >/dev/null
now=$(TZ=Africa/Lagos date +%H:%M)
full_site "$now"
alone window "the backup window stands in the way"
expect_exit 0 "but not for what comes after it either" precheck --after-freeze
check "and is said apart" contains "$OUT" "ready once the backup window is over"
full_site "$later"

super "BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'left behind'" >/dev/null
expect_exit 0 "a prepared transaction of a moment ago is none of its business" precheck --only locks
super "ROLLBACK PREPARED 'left behind'"
lock()
{
	psql -X -q -h "$WORK/pg" -p "$PG_PORT" -U postgres -d otc -c "$@" >/dev/null 2>&1 &
	sessions="$sessions $!"
}
lock 'BEGIN' -c 'LOCK TABLE t' -c 'SELECT pg_sleep(120)'
waiting()
{
	super "SELECT count(*) FROM pg_locks WHERE NOT granted" | grep -q '^[1-9]'
}
held()
{
	super "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 't'::regclass" | grep -q '^[1-9]'
}
turn=0; while ! held && [ $turn -lt 100 ]; do turn=$((turn + 1)); sleep 0.2; done
lock 'SELECT * FROM t'
turn=0; while ! waiting && [ $turn -lt 100 ]; do turn=$((turn + 1)); sleep 0.2; done
alone locks "somebody who waits for a lock stands in the way" --only locks,disk
super "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'postgres' AND datname = 'otc'" >/dev/null
wait $sessions

super 'REVOKE pg_read_all_data FROM backup' 'CREATE SCHEMA "My Own"' 'CREATE TABLE "My Own"."Orders" (a serial)'
alone schema "a table that cannot be read stands in the way"
check "and is named" contains "$OUT" 'cannot read schema \"My Own\"'
check "with what mends it" contains "$OUT" "GRANT pg_read_all_data TO"
cp midwatch.cfg plain.cfg
echo 'comms = { contacts = ( { who = "DBA"; on = ( "schema-unreadable" ); tell = "cat >>told"; } ); };' >>midwatch.cfg
run_ "$MIDWATCH" precheck --only schema
check "a pipeline that looks wakes nobody" [ ! -e told ]
expect_exit 1 "the weekly look, as the schedule has it, finds it as well" \
    sh -c "$("$MIDWATCH" schedule cron | grep -o '/.* precheck --only schema.*')"
check "and tells who is to hear of it, with what mends it" grep -q '"trigger":"schema-unreadable".*My Own.*GRANT pg_read_all_data' told
mv plain.cfg midwatch.cfg
super 'GRANT pg_read_all_data TO backup' 'ALTER TABLE t ENABLE ROW LEVEL SECURITY'
alone schema "and so does row security" --only schema,disk
check "with what mends it" contains "$OUT" "ALTER ROLE backup BYPASSRLS"
super 'ALTER TABLE t DISABLE ROW LEVEL SECURITY'
lo=$(super "SELECT lo_from_bytea(0, 'x')")
alone schema "and a large object" --only schema,disk
check "with what mends it" contains "$OUT" "GRANT SELECT ON LARGE OBJECT"
super "SELECT lo_unlink($lo)" >/dev/null
expect_exit 0 "mended, it may run" precheck

full_site "$later" '' 'passfile = "secret";'
alone secrets "a password file that is not there stands in the way"
printf '*:*:*:*:x\n' >secret && chmod 644 secret
alone secrets "and one that others can read"
chmod 600 secret
expect_exit 0 "a private one does not" precheck --only secrets
full_site "$later"
super 'ALTER ROLE backup NOLOGIN'
expect_exit 1 "a login that is refused stands in the way" precheck --only secrets
check "and recovery is the next step" contains "$OUT" "next: midwatch recover otc --plan"
super 'ALTER ROLE backup LOGIN'

full_site "$later" '' '' 'min_free = "900TB";'
alone disk "a store without room stands in the way" --only disk,secrets
full_site "$later"
sed -i 's/restore_test_every.*//; s/window = "30m";/window = "30m"; restore_test_every = "1s"; rpo = "1s";/' midwatch.cfg
sleep 2.1
expect_exit 1 "what was restored long ago stands in the way" precheck --json
check "as the restore test" answers restore-test no
check "and a backup that is too old" answers backup no
full_site "$later"
sed -i 's/port = [0-9]*/port = 1/' midwatch.cfg
"$MIDWATCH" nightly >/dev/null 2>&1
expect_exit 1 "a nightly that failed stands in the way" precheck --json
check "even while its last copy is young" sh -c '[ "$1" = 0 ]' sh "$(answers nightly no; echo $?)"
check "and what nobody answers is not known" answers replication unknown
full_site "$later"
"$MIDWATCH" nightly >/dev/null 2>&1
expect_exit 0 "until the next one" precheck

# --- for the runbook ----------------------------------------------------------------------
"$MIDWATCH" incident open --title t >/dev/null 2>&1
"$MIDWATCH" freeze on >/dev/null
precheck --after-freeze >/dev/null
check "the incident has what it found" grep -q '"kind":"precheck".*"after_freeze":true' state/incidents/*/journal.jsonl
finish
