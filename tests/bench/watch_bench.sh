#!/bin/bash
# One `midwatch status` of 3 databases and 2 SSH places beside the same questions asked by hand, one after the
# other; and what the feed costs while nobody does anything.
#
# SECONDS_ is how long the feed is measured, RUNS how often status is.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"
finished_=yes		# no test: rows for tests/bench/run
RUNS=${RUNS:-7} SECONDS_=${SECONDS_:-40}

none() { echo "watch: status and feed|$1|||"; exit 0; }
pg_start_cluster "$WORK/pg" "max_connections = 300" || none "$WHY"
sshd_start "$WORK/ssh1" || none "$WHY"
port1=$SSHD_PORT
place1=$(sshd_place one "$WORK/ssh1")
sshd_start "$WORK/ssh2" || none "$WHY"
port2=$SSHD_PORT
place2=$(sshd_place two "$WORK/ssh2")

# databases N: that many rows of a site file.
databases()
{
	for i in $(seq "$1"); do
		[ "$i" = 1 ] || printf ','
		printf '\n  { name = "db%s"; host = "127.0.0.1"; port = %s; user = "postgres"; dbname = "postgres"; }' "$i" "$PG_PORT"
	done
}

# disks N: of them
disks()
{
	for i in $(seq "$1"); do
		[ "$i" = 1 ] || printf ','
		printf '\n  { name = "disk%s"; path = "/"; warn = 98; high = 99; critical = 100; }' "$i"
	done
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ms() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d\n", (b - a) * 1000 }'; }

# --- one status of 3 databases and 2 places against doing it by hand ----------------------
mkdir once && cd once || exit
cat >midwatch.cfg <<EOF
site = { name = "bench"; state = "state"; };
places = ( $place1,
  $place2 );
databases = ($(databases 3) );
disks = ( { name = "one"; at = "one"; path = "/"; warn = 98; high = 99; critical = 100; },
  { name = "two"; at = "two"; path = "/"; warn = 98; high = 99; critical = 100; } );
EOF
cat >asks.sql <<'EOF'
SELECT pg_is_in_recovery(), system_identifier, version(), pg_postmaster_start_time() FROM pg_control_system();
SELECT count(*), current_setting('max_connections') FROM pg_stat_activity WHERE backend_type = 'client backend';
SELECT pid, pg_blocking_pids(pid), left(query, 200) FROM pg_stat_activity WHERE wait_event_type = 'Lock';
SELECT pid, now() - xact_start FROM pg_stat_activity WHERE now() - xact_start > interval '5 min';
SELECT archived_count, failed_count, last_failed_wal FROM pg_stat_archiver;
SELECT slot_name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) FROM pg_replication_slots;
SELECT application_name, state, replay_lag FROM pg_stat_replication;
SELECT count(*), sum(size) FROM pg_ls_waldir();
SELECT max(age(datfrozenxid)) FROM pg_database;
SELECT temp_files, temp_bytes FROM pg_stat_database WHERE datname = current_database();
SELECT pg_database_size(current_database());
EOF
cat >by-hand <<EOF
#!/bin/sh
for db in 1 2 3; do
	PGOPTIONS= "$PG_BIN/psql" -X -q -A -t -h 127.0.0.1 -p $PG_PORT -U postgres -d postgres -f asks.sql
done
for place in ssh1:$port1 ssh2:$port2; do
	far() { ssh -F none -o BatchMode=yes -i "$WORK/\${place%:*}/userkey" -p "\${place#*:}" \
		-o UserKnownHostsFile="$WORK/\${place%:*}/known_hosts" "$SSHD_USER@127.0.0.1" "\$@"; }
	far date +%s
	far df -P -k /
	far df -P -i /
	far dmesg
done
EOF
chmod +x by-hand
for run in $(seq "$RUNS"); do
	began=$EPOCHREALTIME
	"$MIDWATCH" status --json >status.json 2>status.err
	ms "$began" >>ours
	began=$EPOCHREALTIME
	./by-hand >by-hand.out 2>by-hand.err
	ms "$began" >>theirs
done
python3 - <<'EOF' >&2 || { cat by-hand.err status.err >&2; exit 1; }
import json, sys
seen = {(r["kind"], r["name"]): r for r in json.load(open("status.json"))["readings"]}
for want in [("database", "db1"), ("database", "db3"), ("disk", "one"), ("disk", "two"), ("place", "two")]:
    if "error" in seen[want]:
        sys.exit(f"{want}: {seen[want]['error']}")
EOF
a=$(median <ours) b=$(median <theirs)
awk -v a="$a" -v b="$b" 'BEGIN {
	printf "status: 3 databases, 2 ssh places, ms|%d|by hand %d|%.1f x|>= 1 x\n", a, b, b / a }'
cd ..

# --- what the feed costs ------------------------------------------------------------------
# Processor time of it and of all its children, also of those that have ended.
cat >cost.py <<'EOF'
import os, sys, time
tick = os.sysconf("SC_CLK_TCK")

def tree(pid):
    yield pid
    try:
        below = open(f"/proc/{pid}/task/{pid}/children").read().split()
    except OSError:
        return
    for child in below:
        yield from tree(int(child))

def spent(pid):
    ms, n = 0.0, 0
    for p in tree(pid):
        try:
            stat = open(f"/proc/{p}/stat").read().rpartition(")")[2].split()
            try:        # finer than the clock's tick, where the kernel has it
                own = int(open(f"/proc/{p}/schedstat").read().split()[0]) / 1e6
            except OSError:
                own = (int(stat[11]) + int(stat[12])) * 1000 / tick
            ms += own + (int(stat[13]) + int(stat[14])) * 1000 / tick
            n += 1
        except OSError:
            pass
    return ms, n

pid, seconds = int(sys.argv[1]), float(sys.argv[2])
before, _ = spent(pid)
began = time.monotonic()
time.sleep(seconds)
after, n = spent(pid)
print(f"{(after - before) / (time.monotonic() - began) / 10:.2f} {n}")
EOF

# feed_cost DATABASES DISKS: "PERCENT PROCESSES"
feed_cost()
{
	mkdir "feed$1" && cd "feed$1" || exit
	cat >midwatch.cfg <<EOF
site = { name = "bench"; state = "state"; };
databases = ($(databases "$1") );
disks = ($(disks "$2") );
EOF
	"$MIDWATCH" watch >lines 2>watch.err &
	watch=$!
	# past the start, when all is read for the first time
	for turn in $(seq 300); do
		[ "$(grep -c '"kind":"database"' lines)" -lt "$1" ] || break
		sleep 0.1
	done
	sleep 10
	pid=$(sed -n 's/.*"kind":"feed".*"pid":\([0-9]*\).*/\1/p' lines | head -1)
	python3 ../cost.py "$pid" "$SECONDS_" >cost
	kill "$watch" "$pid"
	wait "$watch" 2>/dev/null
	# as often as promised, and answered, or the figure means nothing
	python3 - "$1" "$SECONDS_" <<'EOF' >&2 || exit 1
import json, sys
n, seconds = int(sys.argv[1]), float(sys.argv[2])
seen = [r for r in map(json.loads, open("lines")) if r["kind"] == "database"]
if len(seen) < n * (seconds / 5 - 1) or any("error" in r for r in seen):
    sys.exit(f"{len(seen)} readings of {n} databases in {seconds} s: {seen[-1:]}")
EOF
	cd ..
}
feed_cost 3 5
read -r few n <feed3/cost
echo "feed: 3 databases, 5 disks, % of a core|$few|$n processes||< 0.5"
feed_cost 200 5
read -r many n <feed200/cost
awk -v few="$few" -v many="$many" -v n="$n" 'BEGIN {
	printf "feed: 200 databases, 5 disks, %% of a core|%s|%d processes|%.3f a database|linear\n", many, n, many / 200 }'
