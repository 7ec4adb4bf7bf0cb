#!/bin/bash
# `midwatch isolate`: the evidence of a bad night, out of a real server, a store and
# a log over SSH, a small disk and a container.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/docker.sh"

py()
{
	printf '%s' "$OUT" | python3 -c "
import json, sys
o = json.load(sys.stdin)
cause = {c['cause']: c for c in o.get('causes', [])}
got = str($1)
if got != '''$2''':
    sys.exit('is ' + got)"
}

# record EXPRESSION WANTED: of the incident's lines
record()
{
	cat state/incidents/INC-*/journal.jsonl | python3 -c "
import json, sys
lines = [json.loads(l) for l in sys.stdin if l.strip().startswith('{')]
ours = [l for l in lines if l['data'].get('source') == 'isolate']
got = str($1)
if got != '''$2''':
    sys.exit('is ' + got)"
}

isolate() { "$MIDWATCH" -c midwatch.cfg isolate "$@"; }

# --- a bad night -------------------------------------------------------------------
if ! pg_start_cluster "$WORK/pg" "log_line_prefix = '%m [%p] '" \
    "log_timezone = 'UTC'" "log_connections = on"; then
	skip "the evidence of a bad night is gathered" "$WHY"
	finish; exit
fi
if ! sshd_start "$WORK/ssh"; then
	skip "the evidence of a bad night is gathered" "$WHY"
	finish; exit
fi
PATH=$PG_BIN:$PATH
psql_ "$WORK/pg" -c "CREATE ROLE backup LOGIN PASSWORD 'the right one'" \
    -c 'CREATE DATABASE otc' >/dev/null
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n' >/dev/null
sed -i '1i host all backup 127.0.0.1/32 scram-sha-256' "$WORK/pg/data/pg_hba.conf"
psql_ "$WORK/pg" -c 'SELECT pg_reload_conf()' >/dev/null
echo "127.0.0.1:*:*:backup:canary-7d1" >pgpass
chmod 600 pgpass
mkdir nas logs far
if small_fs ext4 16M "$WORK/disk"; then
	disk=disk
	mkdir "$disk/sub" "$disk/other"
	dd if=/dev/zero of="$disk/sub/old.dump" bs=1M count=9 status=none
	dd if=/dev/zero of="$disk/small" bs=64k count=1 status=none
	small_fs tmpfs 4M "$WORK/disk/other" &&
	    dd if=/dev/zero of="$disk/other/elsewhere" bs=1M count=3 status=none
else
	disk=''
	skip "the fullest disk is walked, and no other" "$WHY"
fi
now=$(date +%s)
# ago ZONE MINUTES FORMAT: before this test began
ago() { TZ=$1 date -d "@$((now - $2 * 60))" "+$3"; }
# one log of this site's clock, one of a far clock that says so, one of the server
{
	echo "$(ago Europe/Berlin 50 '%F %T') Nightly backup started"
	echo "$(ago Europe/Berlin 49 '%F %T') [ERROR] Disk usage at 96% - unsafe for backup"
	echo "$(ago Europe/Berlin 48 '%F %T') PGPASSWORD=canary-7d1 pg_dump failed"
	printf '%s \033[2J\342\200\256evil error\n' "$(ago Europe/Berlin 48 '%F %T')"
} >logs/backup.log
touch -d "@$((now - 48 * 60))" logs/backup.log
echo "$(ago Asia/Kolkata 47 '%FT%T+05:30') Checksum mismatch on the NAS for otc.dump.gz" >far/app.log
cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Europe/Berlin"; state = "state"; };
places = ( $(sshd_place nas-box "$WORK/ssh"), { name = "gone"; ssh = "x@127.0.0.1"; port = 1; } );
databases = (
  { name = "otc"; host = "127.0.0.1"; port = $PG_PORT; dbname = "otc"; user = "postgres"; },
  { name = "arp"; host = "127.0.0.1"; port = $PG_PORT; dbname = "otc"; user = "backup"; passfile = "$WORK/pgpass"; } );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; } );
backup = { to = ( "nas" ); min_free = "1MB"; min_free_percent = 0; globals = false; };
disks = ( ${disk:+{ name = \"small\"; path = \"$WORK/disk/sub\"; warn = 20; high = 30; critical = 40; \}} );
schedule = { nightly = "02:00"; };
logs = ( { name = "backup"; path = "logs/backup.log"; }, { name = "postgres"; path = "$WORK/pg/log"; },
         { name = "app"; at = "nas-box"; path = "$WORK/far/app.log"; } );
END
expect_exit 0 "a copy is made" "$MIDWATCH" -c midwatch.cfg backup otc
# one bit of it is another one
dump=$(find nas -name '*.dump.gz')
printf '\001' | dd of="$dump" bs=1 seek=40 conv=notrunc status=none

# and two nightlies wrote at the same time
echo x >raw
for set in 20250214T021000Z 20250214T022000Z; do
	FINISHED=20250214T023000Z python3 "$ROOT/tests/backup/dump_set.py" nas \
	    nightly $set state=command:raw || not_ok "a set can be made"
done

# --- without an incident ------------------------------------------------------------
expect_exit 0 "without an incident it looks as well" isolate --json
check "and says so" py 'o.get("incident")' None
check "the site's log knows of it, with hashes" contains "$(cat state/log.jsonl)" '"source":"isolate"'
check "the copies are with the job" test -s "$(printf %s "$OUT" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["evidence"][0]["path"])')"

# --- with one -----------------------------------------------------------------------
"$MIDWATCH" -c midwatch.cfg incident open --title "a bad night" >/dev/null 2>&1
expect_exit 0 "the evidence goes into the incident" isolate --json
check "as lines of its record" py 'o["said"] > 10' True
check "each copy is as its line says" python3 - "$WORK" <<'END'
import glob, hashlib, json, os, sys
dir = glob.glob(sys.argv[1] + "/state/incidents/INC-*")[0]
n = 0
for l in open(dir + "/journal.jsonl"):
    if not l.strip().startswith("{"): continue
    d = json.loads(l)["data"]
    if d.get("source") != "isolate" or "path" not in d: continue
    b = open(os.path.join(dir, d["path"]), "rb").read()
    assert len(b) == d["size"] and hashlib.sha256(b).hexdigest() == d["sha256"], d
    n += 1
assert n >= 6, n
END
check "the record is whole" "$MIDWATCH" verify state/incidents/INC-*/journal.jsonl

# lines of logs
# near TEXT SECONDS: the line is there once, at that time
near()
{
	record "[abs(__import__('calendar').timegm(__import__('time').strptime(l['at'][:19], '%Y-%m-%dT%H:%M:%S')) - $2) < 2 for l in ours if '$1' in l['text']]" "[True]"
}
check "a line of a log stands at its own time, by the site's clock" \
    near "Disk usage" $((now - 49 * 60))
check "a line of a clock that says its zone, too" \
    near "Checksum mismatch" $((now - 47 * 60))
check "it was recorded when it was read" \
    record 'all(l["at"] < l["rec"] for l in ours if l["data"].get("log") and l["data"]["own_time"])' True
check "foreign bytes cannot drive a terminal" \
    record 'any("\\x1b[2J" in l["text"] or "evil" in l["text"] and "\x1b" not in l["text"] for l in ours)' True
check "a secret in a log is in no copy and in no line" \
    test -z "$(grep -rl canary-7d1 state)"

# what speaks for what
check "the broken login is a suspicion" py 'cause["credentials"]["verdict"]' suspected
check "by the kind of no that the server said" py \
    'any("arp" in s and "password" in s for s in cause["credentials"]["for"])' True
check "and the other login speaks against it" py \
    'any("otc" in s for s in cause["credentials"]["against"])' True
check "failed logins are counted by role and address" py \
    '[l["address"] for l in o["logins"] if l["role"] == "backup"]' "['127.0.0.1']"
check "the flipped bit is found where it lies" py \
    'any("'"${dump#nas/}"'" in s and "checksum" in s for s in cause["upload"]["for"])' True
check "so does the line of the log" py 'any("log app" in s for s in cause["upload"]["for"])' True
check "runs that were under way at once are seen in their sets" py \
    'any("20250214T022000Z" in s and "10 min" in s for s in cause["overlap"]["for"])' True
check "WAL is not suspected" py 'cause["wal"]["verdict"] != "suspected"' True
check "what could not be looked at is said" py 'any("gone" in s for s in o["unseen"])' True
check "settings of the server are kept" \
    grep -q "log_connections = on" state/incidents/INC-*/evidence/*/db-otc-settings.txt
check "that it was started today is a change" py \
    'any("otc: the server was started" in c["text"] for c in o["changes"])' True
check "so is the site file" py 'any("midwatch.cfg" in c["text"] for c in o["changes"])' True
check "each suspicion is a hypothesis" record \
    'len([l for l in lines if l["kind"] == "hypothesis" and l["data"].get("cause") == "credentials"])' 1
if [ -n "$disk" ]; then
	files=$(cat state/incidents/INC-*/evidence/*/disk-small-files.txt)
	check "the fullest disk is walked from its mount point" contains "$files" "disk/small"
	check "the biggest file first" contains "$(printf %s "$files" | sed -n '/biggest/,$p' | sed -n 2p)" old.dump
	check "and no other file system" lacks "$files" elsewhere
	check "dumps that fill it speak of retention" py \
	    'any("dumps and archives" in s for s in cause["retention"]["for"])' True
fi

# --- again --------------------------------------------------------------------------
before=$(grep -c '"source":"isolate"' state/incidents/INC-*/journal.jsonl)
echo "$(TZ=Europe/Berlin date '+%F %T') one more error" >>logs/backup.log
expect_exit 0 "it may be run again" isolate --json
check "only what is new is said" record \
    '[len([l for l in ours if s in l["text"]]) for s in ("Disk usage", "one more error", "Checksum mismatch")]' "[1, 1, 1]"
check "no suspicion twice" record \
    'max([len([l for l in lines if l["kind"] == "hypothesis" and l["data"].get("cause") == c]) for c in ("credentials", "upload", "schedule")])' 1
check "the rest was known" py 'o["said_before"] > 5' True
expect_exit 0 "as a step of the runbook it is a job" "$MIDWATCH" -c midwatch.cfg run isolate
check "and the step is proven" contains "$OUT" "[OK] isolate"

# --- where nothing can be written ----------------------------------------------------
if [ -n "$disk" ]; then
	sed 's|state = "state"|state = "'"$WORK/disk/state"'"|' midwatch.cfg >full.cfg
	"$MIDWATCH" -c full.cfg incident open --title full >/dev/null 2>&1
	dd if=/dev/zero of="$disk/fill" bs=64k status=none 2>/dev/null
	expect_exit 0 "on a full disk the evidence is recorded without copies" \
	    "$MIDWATCH" -c full.cfg isolate
	check "which is said" contains "$OUT" "not copied"
	check "the record is whole there, too" "$MIDWATCH" verify \
	    "$disk"/state/incidents/INC-*/journal.jsonl
fi

# --- a container --------------------------------------------------------------------
if docker_start && docker_image box bash coreutils; then
	docker run -d --name arp-db-prod --network host box sleep 600 >/dev/null
	cat >docker.cfg <<-END
	site = { name = "prod"; timezone = "Europe/Berlin"; state = "state2"; };
	places = ( { name = "arp-box"; container = "arp-db-prod"; runtime = "docker"; } );
	END
	expect_exit 0 "a container is looked into" "$MIDWATCH" -c docker.cfg isolate --json
	check "with its own df" py \
	    '[e["size"] > 0 for e in o["evidence"] if e["what"] == "arp-box: df"]' "[True]"
	check "and what docker itself takes" py \
	    '[e["size"] > 0 for e in o["evidence"] if e["what"] == "here: docker system df"]' "[True]"
	check "a new container is a change" py \
	    'any("arp-db-prod" in c["text"] for c in o["changes"])' True
	docker rm -f arp-db-prod >/dev/null
else
	skip "a container is looked into" "$WHY"
fi
finish
