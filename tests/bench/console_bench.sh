#!/bin/bash
# The console beside htop (and btop and tig, where they are installed) on a terminal of 120x40, everybody looking every
# 2 s: what console_pty measures at the terminal's end. First paint also with a database and a disk that hang; keys in a
# list that scrolls; 10,000 lines of a job's output; all of it over links of 2 and 20 kB/s too.
#
# RUNS is how often what starts is started (medians are told), REST how many ms of rest are measured.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
finished_=yes		# no test: rows for tests/bench/run
RUNS=${RUNS:-5} REST=${REST:-30000} LINES_=10000
unset TMUX SSH_CONNECTION NO_COLOR MIDWATCH_THEME MIDWATCH_CONFIG
at_exit end_feeds

command -v htop >/dev/null || { echo "console: skipped|htop is not installed|||"; exit 0; }
tests=${MIDWATCH%/*}/tests
pty=$tests/bench_console_pty
HOME=$WORK		# nobody's configuration of htop, btop and tig
export HOME

# --- a site, and one of which parts hang ----------------------------------------------
databases=
if pg_start_cluster "$WORK/pg"; then
	for db in otc gps arp; do
		psql_ "$WORK/pg" -c "CREATE DATABASE $db"
		databases="$databases${databases:+,} { name = \"$db\"; host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\"; }"
	done
fi
cat >hole.py <<'END'
import socket, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(50)
print(s.getsockname()[1], flush=True)
time.sleep(3600)
END
mkfifo said
python3 hole.py >said &
at_exit "kill $! 2>/dev/null"
read -r port <said
disks=
for n in 1 2 3 4 5; do disks="$disks${disks:+,} { name = \"disk$n\"; path = \"/\"; warn = 98; high = 99; critical = 100; }"; done

site()	# DIRECTORY DATABASES DISKS PLACES
{
	mkdir -p "$1/nas"
	cat >"$1/midwatch.cfg" <<END
site = { name = "bench"; environment = "production"; timezone = "UTC"; state = "state"; runbook = "flood"; };
places = ( $4 );
databases = ( $2 );
disks = ( $3 );
stores = ( { name = "nas"; path = "nas"; } );
backup = { to = ( "nas" ); min_free = "1MB"; };
END
	printf '#!/bin/sh\nfor i in $(seq 0 200 %d); do seq -f "line %%.0f of what a program had to say" $((i + 1)) $((i + 200)); sleep 0.1; done\n' \
		$((LINES_ - 200)) >"$1/drops"
	chmod +x "$1/drops"
	cat >"$1/flood.cfg" <<END
runbook = { name = "flood"; title = "Much output"; version = 1; severity = "SEV-2"; say = "s"; steps = (
  { id = "flood"; title = "Print"; stop = "safe"; kind = "command"; exit_proves = true; timeout = "5m";
    command = "seq -f 'line %.0f of what a program had to say' $LINES_"; },
  { id = "drops"; title = "Print 200 lines a tenth of a second"; stop = "safe"; kind = "command"; exit_proves = true;
    timeout = "5m"; command = "$1/drops"; }
); resolve = ( "step flood done" ); close = ( "step flood done" ); };
END
}
site "$WORK/well" "$databases" "$disks" ""
site "$WORK/hangs" "$databases${databases:+,} { name = \"mute\"; host = \"127.0.0.1\"; port = $port; user = \"backup\"; }" \
	"$disks, { name = \"far\"; at = \"far\"; path = \"/\"; }" "{ name = \"far\"; ssh = \"nobody@127.0.0.1\"; port = $port; }"

mw() { (cd "$1" && shift && exec "$MIDWATCH" "$@"); }
follow()	# DIRECTORY: its feed runs, as it does where somebody watches
{
	(cd "$1" && exec "$MIDWATCH" watch) >"$1/feed" 2>"$1/feed.err" &
	at_exit "kill $! 2>/dev/null"
	for turn in $(seq 100); do
		[ "$(grep -c '"kind":"disk"' "$1/feed")" -lt 5 ] || return
		sleep 0.1
	done
}

# --- measuring ---------------------------------------------------------------------------
measured()	# FILE DIRECTORY [PTY-OPTION...]: its lines are added to FILE
{
	into=$WORK/$1 dir=$2
	shift 2
	(cd "$dir" && "$pty" "$@") >>"$into" || { cat "$into" >&2; exit 1; }
}

several() { for turn in $(seq "$RUNS"); do measured "$@"; done; }

# of FILE NAME: the median of what was measured under that name; "-" without one
of()
{
	[ -e "$WORK/$1" ] || { echo -; return; }
	awk -v name="$2" '$1 == name { print $2 }' "$WORK/$1" | sort -n |
		awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'
}

others()	# NAME: "htop 1.2, btop 3.4" of those that are here
{
	said=
	for who in htop btop tig; do
		n=$(of "$who" "$1")
		[ "$n" = - ] || said="$said${said:+, }$who $n"
	done
	echo "$said"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b + 0 > 0 && a != "-") printf "%.2f x htop", a / b }'; }

# row WHAT FILE NAME AIM
row() { ours=$(of "$2" "$3"); echo "$1|$ours|$(others "$3")|$(ratio "$ours" "$(of htop "$3")")|$4"; }

follow well
follow hangs
several ours well first 1500 -- "$MIDWATCH"
several hanging hangs first 1500 -- "$MIDWATCH"
several htop well first 1500 -- "$(command -v htop)" -d 20
measured htop well still 500 rest "$REST" memory keys 50 -- "$(command -v htop)" -d 20
for who in btop tig; do
	command -v $who >/dev/null || continue
	several $who "$ROOT" first 1500 -- "$(command -v $who)"
	measured $who "$ROOT" still 500 rest "$((REST / 3))" memory keys 50 -- "$(command -v $who)"
done

# An hour that has just begun would bring a minute's change into what is at rest.
mw well incident open --title Bench >opened 2>&1 || { cat opened >&2; exit 1; }
for n in $(seq 60); do mw well incident note "note $n of those that make the list long enough" >/dev/null; done
measured ours well until "where we are" type q still 2500 rest "$REST" memory type 4 still 500 keys 50 -- "$MIDWATCH"
measured fields well still 500 rest "$REST" -- "$tests/bench_console_play"
job=0
flood()		# STEP FILE [PTY-OPTION...]: a job prints, its pane shows the end of it
{
	step=$1 into=$2 job=$((job + 1))
	shift 2
	measured "$into" well "$@" until "where we are" type q type 3 still 2500 zero \
		run "'$MIDWATCH' run $step || '$MIDWATCH' run $step --again" \
		until "job $job:" until "line $LINES_ of" still 300 since -- "$MIDWATCH"
}
flood flood flood
flood drops drops

# Over a slow link: the same once more, and keys to the last byte of what they did.
for rate in 2000 20000; do
	measured ours$rate well -l $rate first 6000 still 500 type q still 2500 type 4 still 1000 keys 10 -- "$MIDWATCH"
	measured htop$rate well -l $rate first 6000 still 500 keys 10 -- "$(command -v htop)" -d 20
	flood flood flood$rate -l $rate
	flood drops drops$rate -l $rate
done

# --- the rows -----------------------------------------------------------------------------
row "console: first paint, 90 % of cells, ms" ours first_cells_ms "< 15"
row "console: the same, what hangs beside it" hanging first_cells_ms "< 15"
row "console: 90 % of the characters, ms" ours first_text_ms ""
row "console: the same, what hangs beside it" hanging first_text_ms ""
row "console: bytes of the first second" ours start_bytes ""
row "console: at rest, bytes/s" ours rest_bytes_s "0 but for the minute"
row "console: 12 fields change, bytes/s" fields rest_bytes_s "< 150"
row "console: at rest, % of a core" ours cpu "< 0.1"
row "console: wake-ups/s" ours wakes_s ""
row "console: key to paint, median ms" ours key_first_ms_p50 "<= 1.5 x htop"
row "console: key to paint, p95 ms" ours key_first_ms_p95 "< 5"
row "console: bytes a key" ours key_bytes "< 300"
row "console: $LINES_ lines of output, bytes" flood since_bytes "< 10000"
row "console: the same, ms" flood since_ms ""
row "console: the same over 5 s, bytes" drops since_bytes ""
row "console: RSS, MB" ours rss_mb "< 16"
row "console: PSS with its children, MB" ours tree_pss_mb ""
for rate in 2000 20000; do
	for name in "first_text_ms|90 % of the characters, ms" "key_last_ms_p50|key to its last byte, ms"; do
		ours=$(of ours$rate "${name%%|*}") theirs=$(of htop$rate "${name%%|*}")
		echo "console, $((rate / 1000)) kB/s: ${name#*|}|$ours|htop $theirs|$(ratio "$ours" "$theirs")|"
	done
	row "console, $((rate / 1000)) kB/s: $LINES_ lines, bytes" flood$rate since_bytes "< 10000"
	row "console, $((rate / 1000)) kB/s: the same, ms" flood$rate since_ms ""
	row "console, $((rate / 1000)) kB/s: the same over 5 s, bytes" drops$rate since_bytes ""
	row "console, $((rate / 1000)) kB/s: the same, ms" drops$rate since_ms ""
done
