#!/bin/bash
# The incident that this program was made for, from the failed nightly to the closed
# record, worked from the command line alone: a disk at 96 %, a legacy database that
# refuses its password, three real clusters (the legacy one in a container where there
# is an engine), a NAS and a bastion behind a real sshd, people with hooks.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/docker.sh"

# --- the world ----------------------------------------------------------------------------
# cluster NAME: a database with its role, as it stands on a host of its own
cluster()
{
	pg_start_cluster "$WORK/$1-db" "log_timezone = 'UTC'" "log_line_prefix = '%m [%p] %q%u@%d %h '" || return
	fill psql_ "$WORK/$1-db" "$1" || return
	printf 'local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n' >"$WORK/$1-db/data/pg_hba.conf"
	psql_ "$WORK/$1-db" -c 'SELECT pg_reload_conf()' >/dev/null
	port=$PG_PORT
}
# fill PSQL... DATABASE
fill()
{
	db_=${*: -1}
	set -- "${@:1:$#-1}"
	"$@" -c "CREATE ROLE backup LOGIN PASSWORD 'the $db_ secret' IN ROLE pg_read_all_data, pg_monitor" \
	    -c "CREATE DATABASE $db_" &&
	    "$@" -d "$db_" -c 'CREATE TABLE trades AS SELECT n AS id, md5(n::text) AS what FROM generate_series(1, 20000) n' \
		-c 'ALTER TABLE trades ADD PRIMARY KEY (id)'
}
# The legacy one as the official image has it: trust on its own socket, a password from outside.
arp_box()
{
	docker_start && docker_image box bash coreutils find || return
	mkdir entry
	cat >entry/start <<'END'
#!/bin/bash
initdb -D /pg/data -U postgres -A trust --no-sync --locale=C --encoding=UTF8 >/pg/log 2>&1 || exit
printf 'local all all trust\nhost all all all scram-sha-256\n' >/pg/data/pg_hba.conf
exec postgres -D /pg/data -c port=$PORT -c listen_addresses=127.0.0.1 -c fsync=off -c log_timezone=UTC \
    -c log_line_prefix='%m [%p] ' -c shared_buffers=16MB -c unix_socket_directories=/var/run/postgresql
END
	chmod 755 entry entry/start
	port=$(pg_free_port_)
	WHY="no container with a database runs"
	docker run -d --name arp-db-prod --network host --user 65534:65534 -e PORT="$port" \
	    -e POSTGRES_PASSWORD="of the first day" -e PATH="$PG_BIN:/usr/bin:/bin" -e HOME=/pg \
	    -v /usr:/usr:ro -v /usr/bin:/bin:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro \
	    -v /etc/passwd:/etc/passwd:ro -v "$WORK/entry:/entry:ro" --tmpfs /pg:mode=1777 \
	    --tmpfs /var/run/postgresql:mode=1777 box /entry/start >/dev/null 2>run.err || return
	inside() { docker exec -i arp-db-prod psql -XAtq -p "$port" -U postgres -v ON_ERROR_STOP=1 "$@"; }
	for nap in $(seq 300); do inside -c 'SELECT 1' >/dev/null 2>&1 && break; sleep 0.1; done
	fill inside arp || return
	# An image of yesterday's that nobody needs any more.
	mkdir layer && head -c 300000 /dev/zero >layer/of-yesterday
	tar -C layer -c . | docker import - otc-api:old >/dev/null
}
# hook NAME: somebody who is told; what they get is kept
hook()
{
	printf '#!/bin/sh\ncat >>%s/told-%s\necho >>%s/told-%s\n' "$WORK" "$1" "$WORK" "$1" >"hooks/$1"
	chmod 755 "hooks/$1"
}

if ! small_fs ext4 48M "$WORK/disk" || ! sshd_start "$WORK/ssh" || ! cluster otc; then
	skip "the night of the failed backup is played" "$WHY"
	finish
fi
PATH=$PG_BIN:$PATH
otc_port=$port
cluster gps && gps_port=$port || not_ok "a second cluster starts" "$WHY"
mkdir nas hooks ci logs security home
HOME=$WORK/home
export HOME

engine='' box='' way=''
if arp_box; then
	engine='docker = { until = "1s"; images = "unused"; };'
	box=", { name = \"arp-box\"; container = \"arp-db-prod\"; runtime = \"docker\"; }"
	way='dump_at = "arp-box"; dump_host = "127.0.0.1"; superuser = { at = "arp-box"; user = "postgres"; };
    password_from = ( "env:POSTGRES_PASSWORD", "file:/run/secrets/arp_password" );'
	ok "the legacy database runs in a container"
else
	skip "the legacy database runs in a container" "$WHY"
	docker_stop
	cluster arp || not_ok "a third cluster starts" "$WHY"
	inside() { psql_ "$WORK/arp-db" "$@"; }
	way="superuser = { host = \"$WORK/arp-db\"; port = $port; user = \"postgres\"; };"
fi
arp_port=$port

# The disk of the backups: what nothing removed has filled it.
mkdir -p disk/backups/prod/old
for n in 1 2 3 4 5 6 7 8 9; do
	mkdir "disk/backups/prod/old/2025020$n"
	head -c 2000000 /dev/urandom >"disk/backups/prod/old/2025020$n/otc.dump"
done
head -c 4000000 /dev/urandom >disk/backups/prod/old/export.sql
find disk/backups/prod/old -depth -exec touch -d '9 days ago' {} +
room=$(df --output=avail -B1 disk | tail -n 1)
size=$(df --output=size -B1 disk | tail -n 1)
head -c $((room - size * 4 / 100)) /dev/zero >disk/backups/prod/old/layers.tar
touch -d '9 days ago' disk/backups/prod/old/layers.tar disk/backups/prod/old
for who in lead channel head compliance security audit dba; do hook $who; done
echo 'touch paused' >ci/pause.sh
echo 'rm -f paused' >ci/resume.sh
echo 'test -e paused && echo "pipelines are paused"' >ci/is-paused.sh
printf '#!/bin/sh\necho "schema: as the code wants it"\n' >validate.sh
chmod 755 ci/*.sh validate.sh
# Two hours ago, as the bastion tells it: who changed the password, and from where.
echo "$(date -u -d '2 hours ago' '+%FT%TZ') sshd: Failed password for backup from 10.0.0.7 port 4022" >security/access-audit.log
# stored ARP: what the password files say
stored()
{
	printf '127.0.0.1:%s:otc:backup:the otc secret\n127.0.0.1:%s:gps:backup:the gps secret\n127.0.0.1:%s:arp:backup:%s\n' \
	    "$otc_port" "$gps_port" "$arp_port" "$1" >"$2"
	chmod 600 "$2"
}
stored "a guess of 2019" home/.pgpass
stored "a guess of 2019" bastion.pgpass
cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; runbook = "midnight-backup-failure"; state = "state"; channel = "#inc-prod"; regulated = ( "PCI" ); };
places = ( $(sshd_place bastion "$WORK/ssh"), $(sshd_place nas-box "$WORK/ssh")$box );
databases = (
  { name = "otc"; host = "127.0.0.1"; port = $otc_port; dbname = "otc"; user = "backup"; passfile = "~/.pgpass"; },
  { name = "gps"; host = "127.0.0.1"; port = $gps_port; dbname = "gps"; user = "backup"; passfile = "~/.pgpass"; through = "bastion"; },
  { name = "arp"; aka = ( "arp-db-prod", "arp-prod" ); host = "127.0.0.1"; port = $arp_port; dbname = "arp"; user = "backup"; passfile = "~/.pgpass";
    legacy = true; $way
    rotate = { role = "backup"; update = ( "~/.pgpass", "bastion:$WORK/bastion.pgpass" ); }; }
);
components = ( { name = "system-state"; at = "bastion"; command = "uname -a"; } );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; }, { name = "local"; path = "disk/backups/prod"; } );
backup = { to = ( "nas", "local" ); min_free = "4MB"; min_free_percent = 1; emergency = { to = ( "nas" ); }; };
disks = ( { name = "backup"; path = "disk"; } );
retention = { daily = 7; weekly = 4; emergency = "30d"; };
schedule = { nightly = "$(TZ=Africa/Lagos date -d '-1 minute' +%H:%M)"; window = "1m"; };
freeze = { on = "ci/pause.sh"; off = "ci/resume.sh"; check = "ci/is-paused.sh"; };
precheck = { commands = ( "./validate.sh" ); };
cleanup = { paths = ( "disk/backups/prod/old" ); $engine };
services = ( { name = "otc-api"; check = "test -e up"; } );
logs = ( { name = "backup"; path = "logs/backup.log"; }, { name = "emergency"; path = "logs/emergency-backup.log"; },
         { name = "access"; path = "security/access-audit.log"; } );
comms = { update_every = "15m"; contacts = (
  { who = "Tech Lead"; phone = "+234 800 000 001"; on = ( "open" ); tell = "hooks/lead"; next_after = "10m"; },
  { who = "Incident channel"; on = ( "open", "update", "close" ); tell = "hooks/channel"; },
  { who = "Head of Engineering"; on = ( "emergency-backup-failed", "sev-0" ); tell = "hooks/head"; },
  { who = "Compliance"; on = ( "data-risk", "downtime" ); tell = "hooks/compliance"; },
  { who = "Security officer"; on = ( "data-risk", "downtime" ); phone = "+234 800 000 002"; },
  { who = "Audit liaison"; on = ( "data-risk", "downtime" ); only_regulated = true; tell = "hooks/audit"; },
  { who = "DBA lead"; on = ( "escalate" ); tell = "hooks/dba"; } ); };
END
touch up

# --- how it is told ---------------------------------------------------------------------
# step SENTENCE STEP [WORDS...]: a step of the runbook that ends proven
step()
{
	sentence=$1
	shift
	expect_exit 0 "$sentence" "$MIDWATCH" run "$@"
	check "and it is proven, or confirmed by a person" sh -c 'printf "%s\n" "$2" | grep -q "^\[OK\] $1: \(proven\|confirmed\)$"' sh "$1" "$OUT"
}
# next STEP: what the record says is to be done now
next()
{
	"$MIDWATCH" incident show | grep -q "^now: .*(midwatch run $1)$" ||
	    { "$MIDWATCH" incident show | grep '^now:'; return 1; }
}
# proven TEXT: the row of the table that resolving prints
proven() { printf '%s\n' "$OUT" | grep -q "^  OK  *$1  ("; }
# pm EXPRESSION: of the post-mortem for programs
pm()
{
	python3 -c "
import json
o = json.load(open('pm.json'))
kinds = [e['kind'] for e in o['entries']]
texts = [e['text'] for e in o['entries']]
steps = {s['id']: s for s in o['steps']}
assert $1, [t for t in texts][:40]"
}
told() { grep -q "\"trigger\":\"$2\"" "told-$1"; }
wal() { find "$WORK" -path '*/pg_wal/0*' | wc -l; }

# --- 02:00: the nightly fails --------------------------------------------------------------
expect_exit 2 "before it the picture is critical" "$MIDWATCH" status
check "the legacy login is refused, with what to type" contains "$OUT" "midwatch recover arp"
check "the disk is at 96 %, with what to type" contains "$OUT" "disk backup             96 % full"
run_ "$MIDWATCH" doctor --tonight
check "a look ahead finds every step of the runbook usable" lacks "$OUT" "error "
expect_exit 1 "the nightly fails" "$MIDWATCH" nightly
check "loudly, and with what to type" contains "$OUT" "[FAIL] nightly: "
check "it names the login that is refused" contains "$OUT" "arp: the login fails: "
check "in one sentence that names the next step" sh -c 'printf "%s\n" "$1" | grep "arp: the login fails" | grep -v "/proc/" | grep -q "midwatch recover arp$"' sh "$OUT"
check "and how it went on without it" contains "$OUT" "it is dumped by the superuser way"
check "it names the disk that is too full" contains "$OUT" "[ERROR] local"
check "an incident is open, SEV-1" contains "$("$MIDWATCH" incident show)" "open  SEV-1"
check "with the evidence in it" grep -q '"kind":"evidence".*nightly: ' state/incidents/*/journal.jsonl
check "the log that people know has the failure" grep -q '\[FAIL\] nightly' logs/backup.log
check "and its reasons" grep -q '\[ERROR\] local' logs/backup.log
check "deployments wait by themselves" [ "$("$MIDWATCH" freeze check >/dev/null; echo $?)" = 3 ]

# --- 02:04: detection, ownership ------------------------------------------------------------
check "the first step is next" next detect
step "the alarm is read" detect
expect_exit 0 "a back-dated note has the first bad line" "$MIDWATCH" incident note "pager: [ERROR] Disk usage at 96% – unsafe for backup" --at "1m ago"
expect_exit 1 "the disk is part of the trouble" "$MIDWATCH" run check-disk-backup
check "with its figure" contains "$OUT" "96% full"
check "the red check is no dead end" next check-login-otc
step "OTC lets the backup in" check-login-otc
step "GPS too, through the bastion" check-login-gps
expect_exit 1 "ARP does not" "$MIDWATCH" run check-login-arp
check "with the kind of no" contains "$OUT" "28P01"
check "then the incident is to be taken" next own
step "somebody takes it" own
step "the Tech Lead and the channel are told" tell-lead
check "with what has failed" sh -c 'grep -q "\"trigger\":\"open\".*nightly failed" told-lead && grep -q "\"trigger\":\"open\"" told-channel'
check "the Tech Lead's number is with it" grep -q '"phone":"+234 800 000 001"' told-lead

# --- 02:08: freeze ------------------------------------------------------------------------
step "deployments are frozen" freeze
check "really: the pipelines say so" test -e paused
expect_exit 3 "a pipeline that asks is held" "$MIDWATCH" freeze check
check "with one line why" contains "$OUT" "frozen since "

# --- 02:10: emergency backups -------------------------------------------------------------
for db in otc gps arp; do
	step "$db is saved" save-$db
	check "$db: with the lines that people know" sh -c 'printf "%s" "$1" | grep -q "^\[EMERGENCY\] $2" &&
	    printf "%s" "$1" | grep -q "^\[OK\] Backup saved: nas-box:$3/nas/emergency/[0-9TZ]*/$2.dump.gz (verified)$"' sh "$OUT" $db "$WORK"
	if [ $db = arp ]; then
		check "though its login is broken, and that is said" contains "$OUT" "it is dumped by the superuser way"
	fi
done
step "and all that is no database" save-rest
check "the emergency log has each of them" [ "$(grep -c 'Backup saved: .*\(otc\|gps\|arp\).dump.gz' logs/emergency-backup.log)" = 3 ]
for db in otc gps arp; do
	check "stock tools read $db to its end" sh -c 'gunzip -c nas/emergency/*Z/$1.dump.gz | pg_restore -f /dev/null &&
	    gunzip -c nas/emergency/*Z/$1.dump.gz | pg_restore --list | grep -q "TABLE DATA public trades"' sh $db
	check "and its sums are right" sh -c 'cd "$(dirname nas/emergency/*Z/$1.dump.gz)" && sha256sum -c --quiet checksums.sha256' sh $db
done
mv disk/backups/prod disk/away && touch disk/backups/prod
for db in otc gps arp; do
	step "$db can be restored, whatever is wrong with another store" validate-$db
	check "$db: every row came back" contains "$OUT" "restorable, 1 table and 20000 rows came back"
done
rm disk/backups/prod && mv disk/away disk/backups/prod
check "no byte of it went to the full disk" [ ! -e disk/backups/prod/emergency ]

# --- communication -----------------------------------------------------------------------------
expect_exit 0 "an update is drafted from the record" "$MIDWATCH" incident update --draft
check "with what is not well" contains "$OUT" "NO: nightly passed since-open"
check "and what has been done" contains "$OUT" "done: Save arp now"
expect_exit 0 "and sent" "$MIDWATCH" incident update --send
check "the channel has it" told channel update
expect_exit 3 "declaring a risk names first who will be told" "$MIDWATCH" incident declare data-risk
check "compliance, security and audit" sh -c 'printf "%s" "$1" | grep -q "Compliance, by a hook" && printf "%s" "$1" | grep -q "Security officer, by hand, +234" &&
    printf "%s" "$1" | grep -q "Audit liaison"' sh "$OUT"
expect_exit 0 "it is declared" "$MIDWATCH" incident declare data-risk "ARP has no usual backup" --confirm
check "compliance is told" told compliance data-risk
check "audit as well, since the site is regulated" told audit data-risk
expect_exit 1 "the step waits for a call that only a person can make" "$MIDWATCH" run tell-data-risk
check "and says how it is ticked" sh -c 'printf "%s\n" "$1" | grep -q "^\[WAITS\] tell-data-risk: waits for a person: .*midwatch incident told --by-hand"' sh "$OUT"
expect_exit 0 "the security officer was called" "$MIDWATCH" incident told --by-hand "Security officer"
expect_exit 3 "then all who have to know do, and the step is done by itself" "$MIDWATCH" run tell-data-risk
check "proven" contains "$ERR" "is done already (proven)"
step "the decision is confirmed" declare
check "nobody was woken in vain" [ ! -e told-head ]

# --- 02:23: the legacy login ------------------------------------------------------------------
expect_exit 3 "the recovery wants the name typed" "$MIDWATCH" run recover-arp
step "ARP's password is recovered" recover-arp --confirm arp
new=$(sed -n "s/^127.0.0.1:$arp_port:arp:backup://p" home/.pgpass)
check "what is stored here logs in" sh -c 'PGPASSFILE=home/.pgpass psql -XAtqw -h 127.0.0.1 -p "$1" -U backup -d arp -c "SELECT 1"' sh "$arp_port"
check "and what the bastion has" sh -c 'PGPASSFILE=bastion.pgpass psql -XAtqw -h 127.0.0.1 -p "$1" -U backup -d arp -c "SELECT 1"' sh "$arp_port"
check "the old guess does not" sh -c '! PGPASSWORD="a guess of 2019" psql -XAtqw -h 127.0.0.1 -p "$1" -U backup -d arp -c "SELECT 1" 2>/dev/null' sh "$arp_port"
check "other lines are as they were" grep -q ':otc:backup:the otc secret' bastion.pgpass
step "the backup role reads all of ARP" schema-arp
expect_exit 3 "ARP is not saved once more, since it is safe" "$MIDWATCH" run save-again-arp

# --- root cause ---------------------------------------------------------------------------------
step "the evidence is gathered" isolate
check "the failed login is counted by role and address" sh -c 'printf "%s" "$1" | grep -q "1 x  backup  *10.0.0.7"' sh "$OUT"
check "the credentials are suspected" sh -c 'printf "%s\n" "$1" | grep -q "^  SUSPECTED   credentials have drifted"' sh "$OUT"
check "also because the record has its recovery" contains "$OUT" "until it was recovered at "
check "so is the retention: old dumps lie where nothing removes them" sh -c \
    'printf "%s\n" "$1" | grep -q "^  SUSPECTED   retention was not enforced"' sh "$OUT"
check "it is kept beside the record" sh -c 'ls state/incidents/*/evidence/*/* | grep -q log'
step "what filled the disk is known" cause-disk-backup
step "the log was read" cause-logs
step "and who was refused" cause-login
expect_exit 0 "a hypothesis stands in the record" "$MIDWATCH" incident hypothesis "the legacy login was in no rotation"
expect_exit 3 "the nightly should wait for the disk" "$MIDWATCH" run nightly
check "and says so" contains "$ERR" "every disk below 80"

# --- 02:32: room -----------------------------------------------------------------------------
wal=$(wal)
expect_exit 3 "the clean-up shows its plan first" "$MIDWATCH" run cleanup
code=$(printf '%s\n' "$OUT" | sed -n 's/^code: //p')
check "what goes, and why" contains "$OUT" "old/20250201/otc.dump"
check "that it is enough" contains "$OUT" "to come below 80 %"
check "no database's WAL is blamed for it" lacks "$OUT" "pg_wal of"
[ -z "$engine" ] || check "yesterday's image goes, the legacy container's stays" sh -c \
    'printf "%s" "$1" | grep -q "^  image .*otc-api:old" && printf "%s" "$1" | grep -q "container arp-db-prod of box: the place"' sh "$OUT"
check "the emergency copies stay" contains "$OUT" "the newest verified copy of arp here"
step "exactly that is removed" cleanup --confirm "$code"
step "the disk is below 80 %" disk-backup
check "no file of any database's WAL went" [ "$(wal)" -ge "$wal" ]
[ -z "$engine" ] || check "the legacy container runs on" sh -c 'docker ps --format "{{.Names}}" | grep -qx arp-db-prod'

# --- 02:40: the real nightly, and the way back ------------------------------------------------
step "the nightly passes" nightly
check "all of it" contains "$OUT" "[OK] nightly: all "
check "on both stores" [ "$(printf '%s\n' "$OUT" | grep -c '^\[OK\] Backup saved: .*/nightly/.* (verified)$')" = 2 ]
check "ARP by its own login" lacks "$OUT" "superuser way"
step "it is validated" validate-nightly
step "the set's uploads are intact" cause-sets
step "a migration would be allowed" precheck
check "once the freeze is lifted" contains "$OUT" "ready once the freeze is lifted"
rm up
expect_exit 3 "with a service down nothing is resolved" "$MIDWATCH" incident resolve
check "and that service is named" contains "$OUT" "otc-api"
touch up
step "all services are up" services
step "the freeze is lifted" unfreeze
check "really" [ ! -e paused ]
expect_exit 0 "a pipeline may go on" "$MIDWATCH" freeze check
step "the criteria are looked at" resolve
expect_exit 0 "the incident is resolved" "$MIDWATCH" incident resolve
for c in "every database restorable since-open" "every disk below 80" "nightly passed since-open" "every login" "services up"; do
	check "proven: $c" proven "$c"
done
expect_exit 0 "the last update goes out" "$MIDWATCH" incident update --send
check "it promises no further one" lacks "$OUT" "Next update at"
expect_exit 0 "nothing is critical or unknown any more" sh -c '"$1" status --json | python3 -c "
import json, sys
bad = [(r[\"kind\"], r[\"name\"], r[\"text\"]) for r in json.load(sys.stdin)[\"readings\"] if r[\"level\"] in (\"critical\", \"unknown\")]
assert not bad, bad"' sh "$MIDWATCH"

# --- the morning after ------------------------------------------------------------------------
expect_exit 3 "it does not close before the report is out" "$MIDWATCH" incident close
"$MIDWATCH" export --output pm.md 2>/dev/null
expect_exit 0 "the report is written" "$MIDWATCH" export --format json --output pm.json
check "for people" test -s pm.md
expect_exit 0 "and published" "$MIDWATCH" incident publish "wiki/post-mortem"
expect_exit 3 "nor before somebody has the rest" "$MIDWATCH" incident close
for what in "keep the last 7 daily backups only" "disk alerts at 70, 85 and 95 %" "ARP in the rotation of the secrets"; do
	expect_exit 0 "follow-up: $what" "$MIDWATCH" followup add "$what" --owner ama --due 2030-01-01
done
for s in rca policy safeguards close; do step "step $s" $s; done
expect_exit 0 "now it closes" "$MIDWATCH" incident close
check "and the channel hears of it" told channel close
id=$(basename "$(ls -d state/incidents/INC-*)")
expect_exit 0 "its journal is whole" "$MIDWATCH" verify "state/incidents/$id/journal.jsonl"
check "to its last line, the telling of it included" contains "$OUT" "its end is proven by the checkpoint"
expect_exit 0 "for the second reader too" python3 "$ROOT/tests/verify.py" "state/incidents/$id/journal.jsonl"
expect_exit 0 "the report after closing is written" "$MIDWATCH" export "$id" --format json --output pm.json
"$MIDWATCH" export "$id" --output pm.md 2>/dev/null

# --- what the post-mortem of that night has to have --------------------------------------------
check "severity SEV-1, commander, site" pm "o['severity'] == 'SEV-1' and o['site'] == 'prod' and o['state'] == 'closed' and o['roles'][0]['who']"
check "when it opened, was resolved and closed" pm "all(o['times'].get(k) for k in ('opened', 'resolved', 'closed'))"
check "how long each of it took" pm "len(o['durations']) >= 3"
check "the nightly's failure, with its reasons" pm "any('nightly: ' in t and 'arp' in t for t in texts)"
check "the pager's words at their own time" pm "any('unsafe for backup' in t for t in texts)"
for s in freeze save-otc save-gps save-arp validate-otc validate-gps validate-arp recover-arp isolate nightly validate-nightly precheck services unfreeze; do
	check "step $s with its begin and end" pm "steps['$s']['state'] == 'done' and steps['$s']['started'] <= steps['$s']['ended']"
done
check "in the order of that night" pm "[steps[s]['started'] for s in ('freeze', 'save-otc', 'save-gps', 'recover-arp', 'nightly', 'unfreeze')] == sorted(steps[s]['started'] for s in ('freeze', 'save-otc', 'save-gps', 'recover-arp', 'nightly', 'unfreeze'))"
check "the disk before and after the clean-up" pm "any('before the clean-up: backup 9' in t for t in texts) and any('after the clean-up: backup ' in t for t in texts)"
check "who was told what, and who by hand" pm "{(t['who'], t['trigger']) for t in o['told']} >= {('Tech Lead', 'open'), ('Incident channel', 'update'), ('Compliance', 'data-risk'), ('Security officer', 'data-risk'), ('Audit liaison', 'data-risk')}"
check "data was at risk, nothing was down" pm "o['data_risk'] and not o['downtime']"
check "each criterion of the end" pm "sum(k == 'criterion' for k in kinds) >= 7"
check "the hypotheses" pm "len(o['hypotheses']) >= 2"
check "the follow-ups with owner and date" pm "len(o['followups']) == 3 and all(f['owner'] and f['due'] for f in o['followups'])"
check "where it was published" pm "o['published']"
check "people read the same" sh -c 'for w in "SEV-1" "Save otc now" "Recover the password of arp" "wiki/post-mortem" "ARP in the rotation" "retention\|legacy login"; do grep -q "$w" pm.md || { echo "no $w"; exit 1; }; done'
check "no secret is in the record, the reports or the logs" test -z \
    "$(grep -rlF -e "$new" -e 'a guess of 2019' -e 'the otc secret' -e 'of the first day' state logs pm.md pm.json told-* 2>/dev/null)"
finish
