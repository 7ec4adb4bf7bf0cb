#!/bin/bash
# The runbook's own steps on a legacy database that refuses its password: looked at,
# saved by the superuser's way, recovered, and proven.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/recover.sh"

if ! recover_world; then
	skip "the runbook's recovery works" "$WHY"
	finish
fi
MORE="stores = ( { name = \"here\"; path = \"$WORK/store\"; } );
backup = { to = ( \"here\" ); min_free = \"1MB\"; min_free_percent = 1; };
comms = { contacts = ( { who = \"DBA\"; on = ( \"login-failed\" ); tell = \"cat >>$WORK/told\"; } ); };"
recover_site
psql_ "$WORK/pg" -c 'GRANT pg_read_all_data TO backup'
stored wrong

expect_exit 0 "an incident is opened for it" mw incident open --runbook arp-recovery --title "ARP refuses its password"
expect_exit 3 "before the recovery it wants a copy" mw run recover-arp --confirm arp
check "and says so" contains "$ERR" "backup"
expect_exit 0 "the copy comes by the superuser's way" mw run save-arp
expect_exit 3 "unconfirmed nothing is recovered" mw run recover-arp
expect_exit 0 "the recovery step sets a new password, and is proven" mw run recover-arp --confirm arp
check "which logs in" logs_in
expect_exit 0 "its login is green" mw run login-arp
expect_exit 0 "all secrets are valid" mw run secrets
check "the plan is in the incident's record" grep -q '"action":"recover"' state/incidents/*/journal.jsonl
new=$(sed -n 's/.*:arp:backup://p' pgpass)
check "the password is in no record and no output" test -z "$(grep -rlF -e "$new" state)"
expect_exit 0 "its journal stands" mw verify "$(echo state/incidents/*/journal.jsonl)"

check "the old name of the script does the same" contains \
    "$(MIDWATCH_CONFIG=$WORK/site.cfg "$ROOT/runbooks/automation/secrets-management.sh" recover-arp --plan 2>&1)" "logs in"
expect_exit 0 "a step of another runbook finds it well" mw recover arp
psql_ "$WORK/pg" -c "ALTER ROLE backup PASSWORD NULL"
expect_exit 1 "the daily look finds what somebody broke" mw recover --check
check "but tells nobody while an incident is open" test ! -e told
finish
