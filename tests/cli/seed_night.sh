#!/bin/bash
# A night as it was once, from the command line alone and on real parts: a disk at
# 96 %, a nightly that failed, a legacy database in a container that refuses its
# password; from the first alarm to the closed incident.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/docker.sh"

night="the night is played from the failed nightly to the closed incident"
pg_start_cluster "$WORK/pg" || { skip "$night" "$WHY"; finish; }
main_port=$PG_PORT
small_fs ext4 64M "$WORK/disk" || { skip "$night" "$WHY"; finish; }
sshd_start "$WORK/ssh" || { skip "$night" "$WHY"; finish; }
PATH=$PG_BIN:$PATH

# --- production ---------------------------------------------------------------------
psql_ "$WORK/pg" -c "CREATE ROLE backup LOGIN PASSWORD 'good for otc and gps' IN ROLE pg_monitor, pg_read_all_data" \
    -c 'CREATE DATABASE otc' -c 'CREATE DATABASE gps' || not_ok "databases can be made"
rows()	# SOCKET PORT DATABASE
{
	psql -X -q -h "$1" -p "$2" -U postgres -d "$3" -v ON_ERROR_STOP=1 \
	    -c 'CREATE TABLE orders AS SELECT g AS id, md5(g::text) AS what, now() AS at FROM generate_series(1, 3000) g' \
	    -c 'ALTER TABLE orders ADD PRIMARY KEY (id)'
}
rows "$WORK/pg" "$main_port" otc && rows "$WORK/pg" "$main_port" gps || not_ok "and filled"
cat >"$WORK/pg/data/pg_hba.conf" <<END
local all all trust
host all all 127.0.0.1/32 scram-sha-256
END
pg_as "$PG_BIN/pg_ctl" -D "$WORK/pg/data" reload >/dev/null

# arp, as the official image has it: trust on its own socket, a password from outside
pg_init_cluster "$WORK/arp" "unix_socket_directories = '/var/run/postgresql'" || not_ok "a legacy cluster can be made" "$WHY"
arp_port=$PG_PORT
cp "$WORK/pg/data/pg_hba.conf" "$WORK/arp/data/pg_hba.conf" && chmod 644 "$WORK/arp/data/pg_hba.conf"
super='' places='' ARP=''
if docker_start && docker_image midwatch-test/box coreutils; then
	mkdir -p "$WORK/arp/run" && chmod 777 "$WORK/arp/run"
	mounts=''
	for part in usr lib lib64 bin sbin; do
		[ ! -e /$part ] || mounts="$mounts -v $(readlink -f /$part):/$part:ro"
	done
	if docker run -d --name arp-db-prod --network host --ulimit nofile=1024:1024 -u 65534:65534 $mounts -v "$WORK/arp:$WORK/arp" \
	    -v "$WORK/arp/run:/var/run/postgresql" -e PATH="$PG_BIN:/usr/bin:/bin" -e POSTGRES_PASSWORD='of the first day' \
	    midwatch-test/box "$PG_BIN/postgres" -D "$WORK/arp/data" >"$WORK/docker-run.log" 2>&1; then
		ARP=docker
		places='{ name = "arp-box"; container = "arp-db-prod"; },'
		super='superuser = { at = "arp-box"; user = "postgres"; }; password_from = ( "env:POSTGRES_PASSWORD" );'
		arp_sql() { docker exec arp-db-prod psql -X -q -A -t -p "$arp_port" -U postgres -v ON_ERROR_STOP=1 "$@"; }
	else
		WHY="no container can be run: $(tail -n 1 "$WORK/docker-run.log")"
	fi
fi
if [ -n "$ARP" ]; then
	ok "the legacy database lives in a container"
else
	skip "the legacy database lives in a container" "$WHY"
	sed -i "s|/var/run/postgresql|$WORK/arp|" "$WORK/arp/data/postgresql.conf"
	at_exit "pg_stop_cluster '$WORK/arp' immediate"
	pg_run_cluster "$WORK/arp" || not_ok "a legacy server runs" "$WHY"
	super="superuser = { host = \"$WORK/arp\"; port = $arp_port; user = \"postgres\"; };"
	arp_sql() { psql -X -q -A -t -h "$WORK/arp" -p "$arp_port" -U postgres -v ON_ERROR_STOP=1 "$@"; }
fi
turn=0
while ! arp_sql -d postgres -c 'SELECT 1' >/dev/null 2>&1 && [ $turn -lt 150 ]; do turn=$((turn + 1)); sleep 0.2; done
arp_sql -d postgres -c "CREATE ROLE legacy LOGIN PASSWORD 'nobody knows this one' IN ROLE pg_monitor, pg_read_all_data" || not_ok "a legacy role can be made"
arp_sql -d postgres -c 'CREATE DATABASE arp' || not_ok "and its database"
arp_sql -d arp -c 'CREATE TABLE ledger AS SELECT g AS id, g * 7 AS amount FROM generate_series(1, 2000) g' || not_ok "and its rows"

cat >pgpass <<END
127.0.0.1:$main_port:*:backup:good for otc and gps
127.0.0.1:$arp_port:arp:legacy:as it was before somebody changed it
END
chmod 600 pgpass
mkdir -p nas disk/prod/old logs security hooks "$WORK/scratch"
touch up
cat >hooks/tell <<'END'
#!/bin/sh
cat >>"$(dirname "$0")/../told"
END
chmod +x hooks/tell
due=$(TZ=Africa/Lagos date -d '-3 minutes' +%H:%M)
cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; environment = "production"; runbook = "midnight-backup-failure";
         state = "state"; channel = "#inc-prod"; regulated = ( "PCI", "SOC2" ); };
places = ( $places $(sshd_place nas-box "$WORK/ssh") );
databases = ( { name = "otc"; host = "127.0.0.1"; port = $main_port; user = "backup"; passfile = "pgpass"; },
              { name = "gps"; host = "127.0.0.1"; port = $main_port; user = "backup"; passfile = "pgpass"; },
              { name = "arp"; aka = ( "arp-db-prod", "arp-prod" ); host = "127.0.0.1"; port = $arp_port; user = "legacy"; passfile = "pgpass";
                legacy = true; $super rotate = { role = "legacy"; update = ( "$WORK/pgpass" ); }; } );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; }, { name = "local"; path = "disk/prod"; } );
backup = { to = ( "nas", "local" ); min_free_percent = 20; globals = false; emergency = { to = ( "nas" ); }; };
disks = ( { name = "backup"; path = "disk"; } );
schedule = { nightly = "$due"; window = "90m"; };
freeze = { on = "touch paused"; off = "rm -f paused"; check = "test -e paused"; };
precheck = { commands = ( "echo all migrations apply" ); };
cleanup = { paths = ( "disk/prod/old" ); };
services = ( { name = "otc-api"; check = "test -e up"; } );
logs = ( { name = "backup"; path = "logs/backup.log"; }, { name = "emergency"; path = "logs/emergency-backup.log"; } );
comms = { update_every = "15m";
  contacts = ( { who = "Tech Lead"; phone = "+234 800 000 001"; on = ( "open" ); tell = "hooks/tell"; },
               { who = "Incident channel"; on = ( "open", "update", "close" ); tell = "hooks/tell"; },
               { who = "Head of Engineering"; on = ( "emergency-backup-failed", "sev-0" ); tell = "hooks/tell"; } ); };
END
# what nobody removed
for day in 19 18 17 16 15 14 13; do
	head -c 7000000 /dev/urandom >disk/prod/old/prod-202501$day.dump.gz
	touch -d '10 days ago' disk/prod/old/prod-202501$day.dump.gz
done
head -c $(($(df -B1 --output=avail disk | tail -n 1) - 1700000)) /dev/zero >disk/prod/old/prod-20250112.dump.gz
touch -d '10 days ago' disk/prod/old/prod-20250112.dump.gz

incident() { "$MIDWATCH" incident "$@"; }
run() { "$MIDWATCH" run "$@"; }
# step ID SENTENCE [OPTION...]: it is run and proven
step()
{
	id=$1 sentence=$2
	shift 2
	expect_exit 0 "$sentence" run "$id" "$@"
	check "$id is proven or confirmed" contains "$OUT" "[OK] $id"
}

# --- 02:00 to 02:04 ---------------------------------------------------------------------
check "the disk is as full as it was" [ "$(df --output=pcent disk | tail -n 1 | tr -d ' %')" -ge 95 ]
expect_exit 1 "02:00 the nightly fails" "$MIDWATCH" nightly
check "because of the disk" contains "$OUT$ERR" "local"
check "and of a login that is refused" contains "$OUT$ERR" "arp"
expect_exit 3 "from now on no migration runs" "$MIDWATCH" freeze check
expect_exit 0 "02:04 the alarm becomes an incident, or evidence of one" incident open --alarm "[ERROR] Disk usage at 96% – unsafe for backup" --alerted-at "1m ago"
journal=$(ls state/incidents/INC-*/journal.jsonl)
check "one incident is open" [ "$(printf '%s\n' "$journal" | wc -l)" = 1 ]
expect_exit 2 "the picture is critical" "$MIDWATCH" status --timeout 10s
step detect "the alarm is read"
expect_exit 1 "the disk is part of the trouble" run check-disk-backup
expect_exit 0 "otc is not" run check-login-otc
expect_exit 1 "arp is" run check-login-arp
step own "somebody takes it"
step tell-lead "the lead and the channel are told"
check "by their hooks" grep -q '"trigger":"open"' told

# --- 02:08 to 02:19 -----------------------------------------------------------------------
step freeze "02:08 deployments are frozen"
check "as the pipelines say themselves" test -e paused
step save-otc "02:10 otc is saved past the full disk"
check "in words that people know" contains "$OUT" "[OK] Backup saved:"
step save-gps "02:14 and gps"
check "not a byte went to the full disk" [ ! -e disk/prod/emergency ]
step update "the channel hears of it"
run save-arp >out 2>&1
check "02:21 of arp either nothing is saved or all, by the superuser way" grep -q "superuser\|refused\|password" out

# --- 02:23 to 02:29 ---------------------------------------------------------------------------
expect_exit 3 "02:23 the recovery wants the name typed" run recover-arp --anyway
step recover-arp "02:27 the password of arp is recovered and rotated" --confirm arp --anyway
check "the file has it, and kept the rest" [ "$(wc -l <pgpass)" = 2 ]
check "otc's line is as it was" grep -qx "127.0.0.1:$main_port:\*:backup:good for otc and gps" pgpass
new=$(sed -n "s/^127.0.0.1:$arp_port:arp:legacy://p" pgpass)
check "it is a new one" [ "$new" != "as it was before somebody changed it" ]
check "which stands nowhere else" sh -c '! grep -rqF -- "$1" state out logs' sh "$new"
check "it logs in the normal way" sh -c 'PGPASSFILE=pgpass psql -w -X -A -t -h 127.0.0.1 -p "$1" -U legacy -d arp -c "SELECT count(*) FROM ledger" | grep -qx 2000' sh "$arp_port"
expect_exit 0 "02:29 arp is saved by its own login" "$MIDWATCH" backup arp --emergency
check "verified" contains "$OUT" "[OK] Backup saved:"
step schema-arp "and every table of it can be read"
expect_exit 3 "nothing else is missing" run save-rest
check "which is why that step does not apply" contains "$ERR" "does not apply"
for db in otc gps arp; do
	step validate-$db "the copy of $db is restored in scratch and compared"
done

# --- 02:32 to 02:42 ---------------------------------------------------------------------------
step isolate "the evidence is gathered before anything is removed" --anyway
expect_exit 0 "02:32 a plan to make room" "$MIDWATCH" cleanup --plan
check "names what nobody removed" contains "$OUT" "prod-20250113.dump.gz"
code=$(printf '%s\n' "$OUT" | sed -n 's/^code: //p')
check "and has a code" [ -n "$code" ]
expect_exit 1 "another code removes nothing" run cleanup --confirm 000000 --anyway
step cleanup "with the code the disk is cleaned" --confirm "$code" --again --anyway
check "the old dumps are gone" [ -z "$(ls disk/prod/old)" ]
step disk-backup "the disk is below 80 %"
step nightly "the real nightly passes" --anyway
step validate-nightly "02:40 and is read back from every store" --anyway
step precheck "a migration may run, once the freeze is lifted" --anyway
check "which is said" contains "$OUT" "ready once the freeze is lifted"
step services "every service is up"
step unfreeze "the freeze is lifted" --anyway
check "and pipelines run" test ! -e paused
step resolve "02:42 every criterion is proven"
step update-last "the last update"
expect_exit 0 "the incident is resolved" incident resolve
check "by five criteria" [ "$(grep -c '"kind":"criterion".*"for":"resolve".*"answer":"yes"' "$journal")" = 5 ]
check "and nothing is left frozen" lacks "$ERR" "FROZEN"

# --- the morning: closed at 03:42 ---------------------------------------------------------------
expect_exit 3 "it does not close without its report" incident close
expect_exit 0 "the report is written from the record" "$MIDWATCH" export --output report.md
for words in "Freeze" "recover" "every login" "restorable"; do
	check "with $words" grep -qi "$words" report.md
done
expect_exit 0 "it is published" incident publish "wiki/INC-14-Feb"
expect_exit 0 "a follow-up is assigned" "$MIDWATCH" followup add "enforce the retention of prod/old" --owner ama --due 2030-01-01
expect_exit 0 "and another" "$MIDWATCH" followup add "arp joins the rotation of secrets" --owner kofi --due 2030-01-01
expect_exit 0 "03:42 the incident is closed" incident close
point=$(printf '%s\n' "$OUT" | sed -n 's/^checkpoint: //p')
expect_exit 0 "and its record is whole, to its end" "$MIDWATCH" verify "$journal" --checkpoint "$point"
expect_exit 0 "a migration may run" "$MIDWATCH" precheck --only backup,nightly,freeze,locks,disk,secrets,schema,restore-test,commands
check "the secrets of the night stand nowhere" sh -c '! grep -rqF -e "$1" -e "good for otc" -e "nobody knows this" -e "as it was before" state report.md told' sh "$new"
finish
