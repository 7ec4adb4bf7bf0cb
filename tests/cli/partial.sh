#!/bin/bash
# A legacy database that nobody here may read all of: what cannot be read is named,
# the rest is saved, and nothing calls it whole.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_start_cluster "$WORK/pg" "max_locks_per_transaction = 256"; then
	skip "what can be read of a legacy database is saved" "$WHY"
	finish
fi
super() { "$PG_BIN/psql" -XAtq -h "$WORK/pg" -p "$PG_PORT" -U postgres -v ON_ERROR_STOP=1 "$@"; }
super -d postgres -c 'CREATE ROLE backup LOGIN' -c 'CREATE DATABASE arp'
super -d arp -c 'CREATE TABLE open (i int)' -c 'INSERT INTO open SELECT generate_series(1, 7)' \
    -c 'GRANT SELECT ON open TO backup' -c 'CREATE TABLE "Led*ger" (i int)' \
    -c 'CREATE TABLE ledxger (i int)' -c 'GRANT SELECT ON ledxger TO backup' \
    -c 'CREATE SCHEMA shut' -c 'CREATE TABLE shut.a (i serial)' \
    -c 'CREATE SEQUENCE lone' -c 'SELECT lo_create(4242)' >/dev/null
site()
{
	cat >site.cfg <<END
site = { name = "prod"; state = "$WORK/state"; };
databases = ( { name = "arp"; host = "$WORK/pg"; port = $PG_PORT; dbname = "arp"; user = "backup"; $1 } );
stores = ( { name = "here"; path = "$WORK/store"; } );
backup = { to = ( "here" ); globals = false; min_free = "1MB"; min_free_percent = 1; };
END
}
mw() { "$MIDWATCH" -c "$WORK/site.cfg" "$@"; }

site ''
expect_exit 1 "a database that must be whole is not saved in part" mw backup arp --emergency
check "nothing is left" test -z "$(find store -name 'arp.dump*' 2>/dev/null)"

site 'legacy = true; superuser = { host = "/nowhere"; user = "postgres"; };'
expect_exit 1 "what can be read of a legacy one is saved, and that is no success" mw backup arp --emergency
check "it says so" contains "$OUT$ERR" "not complete, without"
check "and calls nothing of it well" lacks "$OUT$ERR" "[OK]"
check "but says where it is" contains "$OUT" "[WARNING] Backup saved: "
for name in 'schema shut' 'table public."Led*ger"' 'sequence public.lone' '1 large objects'; do
	check "it names $name" contains "$OUT$ERR" "$name"
done
set=$(echo store/emergency/*)
check "its folder says that it is incomplete" contains "$set" .incomplete
check "its manifest as well" python3 - "$set/manifest.json" <<'END'
import json, sys
m = json.load(open(sys.argv[1]))
arp = m["components"][0]
assert m["complete"] is False and arp["complete"] is False, m
assert "Led*ger" in arp["problem"], arp
assert arp["files"], arp
END
gunzip -c "$set/arp.dump.gz" >arp.dump
check "what can be read is in it" contains "$("$PG_BIN/pg_restore" -l arp.dump)" "TABLE DATA public open"
check "a name like a pattern takes no other along" contains "$("$PG_BIN/pg_restore" -l arp.dump)" "TABLE DATA public ledxger"
check "and it is whole to its end" test "$("$PG_BIN/pg_restore" -f - -a -t open arp.dump | grep -c '^[1-7]$')" = 7
expect_exit 1 "nothing calls it a copy" mw validate latest
site 'legacy = true; superuser = { host = "'"$WORK/pg"'"; user = "postgres"; };'
expect_exit 0 "with a superuser way all of it is saved" mw backup arp --emergency
# --- nobody is let in ---------------------------------------------------------------------
site 'legacy = true; superuser = { host = "'"$WORK/pg"'"; user = "nobody_such"; };'
sed -i 's/user = "backup"/user = "no_such"/' site.cfg
expect_exit 1 "where neither login is let in nothing is saved" mw backup arp --emergency
check "and what is left is said, with where its commands are" contains "$OUT$ERR" "a copy of its server's files, by hand: the step rescue-arp has the commands"
command=$(mw runbook midnight-backup-failure --commands | sed -n 's/^ *files() ( \(pg_basebackup .*\) )$/\1/p' | head -n 1)
command=$(printf %s "$command" | sed "s|-h [^ ]*|-h $WORK/pg|; s|-p [^ ]*|-p $PG_PORT|; s|-U [^ ]*|-U postgres|")
PATH=$PG_BIN:$PATH
check "a server's files come by them" sh -c "$command | tar -tf - | grep -qx PG_VERSION"
finish
