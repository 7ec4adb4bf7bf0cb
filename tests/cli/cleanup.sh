#!/bin/bash
# `midwatch cleanup`: the plan, its code, and exactly that; stores, folders here, over
# SSH; on a full disk, as a step of a runbook, and while a database has no copy.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/postgres.sh"

json()
{
	printf '%s' "$OUT" | python3 -c 'import json, sys
o = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}
is()
{
	got_=$(json "$1")
	[ "$got_" = "$2" ] || { echo "$1 is '$got_', not '$2'"; return 1; }
}
# How full the disk is may change while one looks.
same_plan() { sed '/^disk /d' "$1" >.one; sed '/^disk /d' "$2" >.two; cmp .one .two; }
code() { "$MIDWATCH" cleanup --plan --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin).get("code", ""))'; }
stamp() { date -u -d "$1" +%Y%m%dT%H%M%SZ; }
old() { find "$@" -depth -exec touch -h -d '3 days ago' {} +; }
set_()	# CLASS AGE [verified]: a set of otc
{
	at=$(stamp "$2")
	sh "$ROOT/tests/backup/make_set.sh" "$WORK/nas" "$1" "$at" otc=database || return
	[ -z "${3-}" ] || sh "$ROOT/tests/backup/make_set.sh" --proof "$WORK/nas/$1/$at" verified "$at" otc=ok
}
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; runbook = "r"; };
$1
databases = ( { name = "otc"; host = "127.0.0.1"; port = 1; } );
stores = ( { name = "nas"; path = "nas"; } );
backup = { to = ( "nas" ); orphans = ( "*.tmp" ); };
retention = { daily = 2; weekly = 1; };
disks = ( { name = "backup"; path = "${2:-$WORK}"; } );
cleanup = { paths = ( ${3-\"old\"} ); };
END
}
cat >r.cfg <<'END'
runbook = { name = "r"; title = "R"; version = 1; severity = "SEV-1"; say = "s"; steps = (
  { id = "cleanup"; kind = "action"; action = "cleanup"; title = "Clean up"; proves = ( "cleanup done since-open" ); stop = "safe"; } );
  resolve = ( "step cleanup done" ); close = ( "rca published" ); };
END

# --- a database without a copy ---------------------------------------------------------
site
mkdir -p old nas
head -c 100000 /dev/urandom >old/unknown.bin
echo 'PGDMP and more' >old/notes.txt
echo '2025-01-01 a line of a log' >old/error.log
printf -- '--\n-- PostgreSQL database dump\n--\n' >old/plain.txt
{ echo '#!/bin/sh'; yes 'echo a line of a script' | head -n 300; head -c 3000 /dev/urandom; } >old/unpack.run
old old
expect_exit 0 "a plan is made" "$MIDWATCH" cleanup --plan
check "while a database has no copy it says so" contains "$OUT" "otc has no verified copy: until then nothing goes that could be a backup"
check "noise that could be a backup stays" contains "$OUT" "unknown.bin: it may be a backup, and otc has no verified copy"
check "and SQL of any name" contains "$OUT" "plain.txt: it may be a backup"
check "and what begins as text and ends as noise" contains "$OUT" "unpack.run: it may be a backup"
check "what surely is none may go" contains "$OUT" "old/error.log"
run_ "$MIDWATCH" cleanup --plan --json
check "for programs it is one object" is '[i["path"] for i in o["items"]]' "['error.log', 'notes.txt']"
check "with every reason" is 'len(o["protected"])' 3
rm old/notes.txt old/unpack.run

# --- with copies ------------------------------------------------------------------------
set_ nightly '1 day ago' verified && set_ nightly '2 days ago' verified && set_ nightly '3 days ago' verified &&
    set_ nightly '40 days ago' verified && set_ manual '50 days ago' verified ||
	not_ok "sets are made"
half=$(stamp '9 days ago')
mkdir -p "nas/nightly/$half.partial"
echo half >"nas/nightly/$half.partial/otc.dump.gz"
old nas/nightly/*.partial
echo x >nas/left.tmp; echo x >nas/other.txt; old nas/left.tmp nas/other.txt
expect_exit 0 "the plan has retention, partial sets and strays" "$MIDWATCH" cleanup --plan
cp .out plan.txt
check "a set beyond retention goes, and why" grep -q '^  set .*nas: nightly/' plan.txt
check "an unfinished one goes" grep -q '^  partial .*\.partial$' plan.txt
check "a stray goes that the patterns name" grep -q '^  orphan .*nas: left.tmp' plan.txt
check "other files are not even looked at" [ -z "$(grep other.txt plan.txt)" ]
check "the newest verified set stays, and why" contains "$OUT" "the newest verified copy of otc here"
check "one made by hand stays" contains "$OUT" "manual sets stay until they are removed by hand"
check "the total stands above its code" sh -c 'grep -A1 "^total: [0-9]* things" plan.txt | grep -q "^code: [0-9a-f]\{6\}$"'
check "a disk is held against 80 %" grep -q '^disk backup: [0-9]* % full' plan.txt
find nas old | LC_ALL=C sort >before
expect_exit 3 "without the code nothing happens" "$MIDWATCH" cleanup
check "and what to type is said" contains "$ERR" "--confirm $(code)"
expect_exit 3 "with another code neither" "$MIDWATCH" cleanup --confirm 000000
find nas old | LC_ALL=C sort >after
check "really nothing" cmp -s before after
run_ "$MIDWATCH" cleanup --plan
check "the same plan again is equal byte for byte" same_plan .out plan.txt
CODE=$(code)
echo late >old/late.log; touch -d '2 days ago' old/late.log
expect_exit 3 "a plan that has grown since is refused" "$MIDWATCH" cleanup --confirm "$CODE"
check "and says that it is another one" contains "$ERR" "is not any more what '$CODE' stands for"
rm old/late.log; old old
CODE=$(code)
"$MIDWATCH" cleanup --plan 2>/dev/null >plan.txt
expect_exit 0 "the plan's code does it" "$MIDWATCH" cleanup --confirm "$CODE"
check "and says how it ended" contains "$OUT" "[OK] cleanup: "
head -n "$(wc -l <plan.txt)" .out >real.txt
check "the real list is the plan's, byte for byte" same_plan plan.txt real.txt
find nas old | LC_ALL=C sort >after
comm -23 before after | sed "s|^nas/||; s|^old/||" | grep -v '/.*/' >gone.all
grep '^  promote' plan.txt | sed 's/.*nas: //' >moved
grep -vxFf moved gone.all >gone
python3 - plan.txt >planned <<'END'
import re, sys
for l in open(sys.argv[1]):
    m = re.match(r"  (set|partial|orphan|file|folder|promote) .* d  (?:nas: |.*/old/)(.*)$", l)
    if m and m.group(1) != "promote": print(m.group(2))
END
check "what is gone is what was planned" sh -c 'LC_ALL=C sort planned >a; grep -vx "nightly/.*/.*" gone | LC_ALL=C sort >b; diff a b'
check "the newest verified set is still whole" sh -c 'cd nas/nightly && cd "$(ls -d *Z | tail -n 1)" && sha256sum -c --quiet checksums.sha256'
check "every intent is in the journal" grep -q '"text":"removing .*left.tmp' state/log.jsonl
check "and the disks before and after" sh -c 'grep -q "disks before the clean-up: backup" state/log.jsonl && grep -q "disks after the clean-up: backup" state/log.jsonl'
expect_exit 0 "when nothing may go no code is asked" "$MIDWATCH" cleanup --json
check "and that is well" is '[o["ok"], o["gone"], o["items"]]' "[True, 0, []]"

# --- an incident, and its step -------------------------------------------------------------
expect_exit 0 "an incident" "$MIDWATCH" incident open --title t
head -c 1000 /dev/urandom >old/may-be; echo log >old/surely.log; old old
run_ "$MIDWATCH" cleanup --plan
check "F25: what was verified before the incident does not count" contains "$OUT" "otc has no verified copy made since the incident opened"
check "and retention waits" lacks "$OUT" "
  set "
expect_exit 3 "a step that cleans up shows its plan first" "$MIDWATCH" run cleanup
check "with its code" contains "$OUT" "code: $(code)"
check "and is not begun" contains "$("$MIDWATCH" incident show --json)" '"id":"cleanup","title":"Clean up","state":"ready"'
expect_exit 0 "the step does it with the code" "$MIDWATCH" run cleanup --confirm "$(code)"
check "and is proven" contains "$OUT" "[OK] cleanup: proven"
check "what may be a backup is still there" [ -e old/may-be ]
check "and the rest is gone" [ ! -e old/surely.log ]
echo log >old/more.log; old old/more.log
cat >onpty.py <<'PY'
import os, pty, select, sys, time
want, answer = sys.argv[1].encode(), sys.argv[2].encode() + b'\n'
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[3], sys.argv[3:])
seen, end = b'', time.time() + 60
while time.time() < end:
    if not select.select([fd], [], [], 0.2)[0]:
        continue
    try:
        d = os.read(fd, 4096)
    except OSError:
        break
    if not d:
        break
    seen += d
    if want and want in seen:
        os.write(fd, answer)
        want = b''
sys.stdout.write(seen.decode('utf-8', 'replace'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
expect_exit 3 "on a terminal a wrong code is refused" python3 onpty.py "type the code" yes "$MIDWATCH" cleanup
check "and removes nothing" [ -e old/more.log ]
expect_exit 0 "and the right one does it" python3 onpty.py "type the code" "$(code)" "$MIDWATCH" run cleanup --again
check "really" [ ! -e old/more.log ]

# --- refused folders --------------------------------------------------------------------------
for path in / /etc "$HOME" .; do
	site '' '' "\"$path\""
	run_ "$MIDWATCH" cleanup --plan
	check "a clean-up of '$path' is refused, and why" grep -qE "never cleaned: it is (the root|a directory of|a home)|the record of this site|a record of ours" .out
done

# --- a folder that is a store ---------------------------------------------------------------------
at=$(basename "$(ls -d nas/nightly/*Z | tail -n 1)")
echo log >nas/nightly/loose.log; old nas
site '' '' '"nas"'
run_ "$MIDWATCH" cleanup --plan
check "sets stay though their store is a folder to be cleaned" contains "$OUT" "nightly/$at: it is a backup set, and retention decides about those"
check "nothing of them goes" [ -z "$(grep '^  file .*Z/' .out)" ]
rm nas/nightly/loose.log

# --- a set that somebody reads ---------------------------------------------------------------------
mv state state.of.the.incident
site '' '' ''
set_ nightly '60 days ago' verified; far=$at
run_ "$MIDWATCH" cleanup --plan
check "an old set goes" grep -q "^  set .*nightly/$far\$" .out
ask=$("$MIDWATCH" cleanup --plan --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin).get("code", ""))')
exec 8<"nas/nightly/$far/otc.dump.gz"
run_ "$MIDWATCH" cleanup --plan
check "and stays while somebody reads it" contains "$OUT" "nightly/$far: it is open: pid $$"
expect_exit 3 "also when it was planned before" "$MIDWATCH" cleanup --confirm "$ask"
exec 8<&-
check "whole" [ -e "nas/nightly/$far/manifest.json" ]

# --- one thing by two ways ---------------------------------------------------------------------------
site '' '' '"nas/old", "nas", "nas/../nas/old"'
mkdir -p nas/old; echo x >nas/old/twice.tmp; old nas/old
run_ "$MIDWATCH" cleanup --plan
check "a stray that lies in a folder to be cleaned is listed once" [ "$(grep -c 'twice.tmp$' .out)" = 1 ]
check "and a folder that is named twice is looked at once" contains "$OUT" "nas/../nas/old: it is in $WORK/nas/old, which is looked at already"
ask=$(sed -n 's/^code: //p' .out)
expect_exit 0 "so that all of it goes without a surprise" "$MIDWATCH" cleanup --confirm "$ask"
check "really" [ ! -e nas/old ]

# --- pg_wal is what fills the disk ---------------------------------------------------------------
small_fs tmpfs 260M "$WORK/pg" && tight=yes || tight=
if pg_start_cluster "$WORK/pg" "max_wal_size = 32MB"; then
	psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c "SELECT pg_create_physical_replication_slot('gone_standby', true)" >/dev/null
	psql_ "$WORK/pg" -d otc -c "SELECT pg_logical_emit_message(false, 'x', repeat('y', 1000000)) FROM generate_series(1, 70)" >/dev/null
	site '' '' "\"$WORK/pg/data\", \"$WORK/pg/data/pg_wal\", \"$WORK/pg\""
	sed -i "s|host = \"127.0.0.1\"; port = 1;|host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\";|" midwatch.cfg
	ls -R pg/data >before
	run_ "$MIDWATCH" cleanup --plan
	check "what holds pg_wal is said" grep -qE "^pg_wal of otc has [0-9.]+ MB, and is never cleaned; the slot 'gone_standby' keeps [0-9.]+ MB and is read by nobody" .out
	check "with the safe way out" contains "$OUT" "SELECT pg_drop_replication_slot('gone_standby'); then CHECKPOINT lets the server remove it"
	check "a data directory is never cleaned" contains "$OUT" "pg/data' is never cleaned: it is in a data directory of PostgreSQL"
	check "nor pg_wal" contains "$OUT" "pg_wal' is never cleaned: it is a directory of PostgreSQL's own"
	check "nor one that lies in a folder which is" contains "$OUT" "data: it is a data directory of PostgreSQL"
	psql_ "$WORK/pg" -c "SELECT pg_drop_replication_slot('gone_standby')" >/dev/null
	run_ "$MIDWATCH" cleanup --plan
	check "held by nothing, and on no full disk, it is no matter" lacks "$OUT" "pg_wal of otc"
	if [ -n "$tight" ]; then
		site '' "$WORK/pg"
		sed -i "s|host = \"127.0.0.1\"; port = 1;|host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\";|" midwatch.cfg
		room=$(df --output=avail -B1 pg | tail -n 1)
		head -c $((room - 20000000)) /dev/zero >pg/filler
		run_ "$MIDWATCH" cleanup --plan
		check "on the disk that is full it is, with what makes it smaller" contains "$OUT" "it: CHECKPOINT lets the server remove what it needs no more"
		rm pg/filler
	fi
	pg_stop_cluster "$WORK/pg" immediate
else
	skip "what holds pg_wal is said" "$WHY"
fi

# --- over SSH ---------------------------------------------------------------------------------
if sshd_start "$WORK/ssh"; then
	site "places = ( $(sshd_place box "$WORK/ssh") );" '' "\"box:$WORK/far\""
	mkdir -p far/d; echo log >far/d/a.log; echo "odd name" >"far/d/a
b'\$(x)"; old far
	echo log >far/held.log; old far
	sleep 600 <far/held.log &
	held=$!
	at_exit "kill $held 2>/dev/null"
	expect_exit 0 "a folder at a place is planned" "$MIDWATCH" cleanup --plan
	check "what somebody has open there is not in it" contains "$OUT" "held.log: it is open: pid $held there"
	check "and what is weaker there is said" contains "$OUT" "times are compared to the second"
	expect_exit 0 "and cleaned" "$MIDWATCH" cleanup --confirm "$(code)"
	check "all of it" [ "$(ls -A far)" = held.log ]
	kill "$held"
	sshd_stop
	expect_exit 0 "a place that is down is said, and the rest goes on" "$MIDWATCH" cleanup --plan
	check "with the reason" contains "$OUT" "not looked at: box:"
else
	skip "a folder at a place is cleaned" "$WHY"
fi

# --- a full disk --------------------------------------------------------------------------------
if small_fs ext4 24M "$WORK/full"; then
	mkdir "$WORK/full/old"
	site '' "$WORK/full" "\"$WORK/full/old\""
	sed -i "s|state = \"state\"|state = \"$WORK/full/state\"|" midwatch.cfg
	expect_exit 0 "on a small disk an incident is opened" "$MIDWATCH" incident open --title full
	for i in 1 2 3 4 5 6; do for k in $(seq 20000); do echo "2025-01-01 line $k of a log that grew"; done >"$WORK/full/old/$i.log"; done 2>/dev/null
	old "$WORK/full/old"
	cat /dev/zero >"$WORK/full/rest" 2>/dev/null
	check "it is full" [ "$(df --output=avail "$WORK/full" | tail -n 1)" -le 64 ]
	run_ "$MIDWATCH" cleanup --plan
	check "the plan says what is missing to 80 %" grep -qE '^disk backup: 100 % full; [0-9.]+ MB have to go to come below 80 %, this frees [0-9.]+ MB there: (enough|NOT ENOUGH)' .out
	expect_exit 0 "the clean-up works on it" "$MIDWATCH" cleanup --confirm "$(code)"
	check "there is room again" [ "$(df --output=avail "$WORK/full" | tail -n 1)" -gt 3000 ]
	check "and it is in the incident's journal" sh -c 'grep -q "disks before the clean-up: backup 100 %" "$1"/full/state/incidents/INC-*/journal.jsonl' sh "$WORK"
else
	skip "a full disk is cleaned" "$WHY"
fi
finish
