#!/bin/sh
# Every system call of an append fails once, and from then on for ever. What was
# acknowledged is in one of the two journals, the next append finds its way, and
# a descriptor whose sync failed is not trusted again.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/record/journal.sh"

if ! strace -o /dev/null true 2>/dev/null; then
	skip "an append survives every fault" "strace cannot trace here"
	finish
fi
no_leak_check
J=$WORK/j
CALLS=openat,write,pwrite64,pread64,fdatasync,fsync,ftruncate,close
runs=0 refusals=0

choose_second()
{
	mkdir -p "$MEMORY/second"
	"$APPENDER" second "$J" "$MEMORY/second"
	SECOND=$(second_of "$J")
}

switch_over()		# the second journal holds three events afterwards
{
	traced write ENOSPC 1+ append -a "$WORK/acks.0" -t switched -n 3 "$J"
}

# The state of things before the fault, and what is tried under it.
prepare()
{
	rm -rf "$MEMORY/second" "$WORK"/acks.*
	rm -f "$J"
	SECOND=
	"$APPENDER" create "$J" 0
	"$APPENDER" append -a "$WORK/acks.0" -t early -n 2 "$J"
	set -- "$1" append -a "$WORK/acks.1" -t faulty
	case $1 in
	alone)      shift; command="$* -k -n 3 $J" ;;
	second)     shift; choose_second; command="$* -n 3 $J" ;;
	batch)      shift; choose_second; command="$* -n 4 -b 2 -s 4000 $J" ;;
	torn-alone) shift; cut_tail "$J"; command="$* -n 2 $J" ;;
	torn)       shift; choose_second; cut_tail "$J"; command="$* -n 2 $J" ;;
	in-use)     shift; choose_second; switch_over; command="$* -n 2 $J" ;;
	torn-there) shift; choose_second; switch_over; cut_tail "$SECOND"; command="$* -n 2 $J" ;;
	settle)     choose_second; switch_over; command="settle $J" ;;
	settle-torn) choose_second; cut_tail "$J"; switch_over; command="settle $J" ;;
	choose)     mkdir "$MEMORY/second"; command="second $J $MEMORY/second" ;;
	esac
}

cut_tail()		# an event that was never acknowledged, cut off
{
	"$APPENDER" append -t torn "$J"
	truncate -s -300 "$1"
}

# traced CALL ERROR WHEN COMMAND...
traced()
{
	inject=$1:error=$2:when=$3
	[ "$2" != SHORT ] || inject=$1:retval=4:when=$3
	shift 3
	timeout 60 strace -f -o "$WORK/trace" -P "$J" -P "$MEMORY/second" ${SECOND:+-P "$SECOND"} \
		-e trace=$CALLS -e inject="$inject" "$APPENDER" "$@" >"$WORK/out" 2>"$WORK/err"
}

# A second sync on a descriptor whose sync has failed.
synced_again()
{
	awk '{ sub(/^[0-9]+ +/, "") }
	     match($0, /^[a-z0-9]+\([0-9]+/) {
		split(substr($0, 1, RLENGTH), w, "(")
		if (w[1] == "close") dead[w[2]] = 0
		if (w[1] ~ /sync$/) { if (dead[w[2]]) bad = 1; if (/= -1/) dead[w[2]] = 1 }
	     }
	     END { exit !bad }' "$WORK/trace"
}

complaint()
{
	printf '%s: %s %s when %s: %s\n' "$1" "$2" "$3" "$4" "$5"
	cat "$WORK/err" "$WORK/said"
}

# one_fault SCENARIO CALL ERROR WHEN: prints what is wrong.
one_fault()
{
	prepare "$1"
	: >"$WORK/said"
	status=0
	traced "$2" "$3" "$4" $command || status=$?
	sed 's/strace: Requested path.*//' "$WORK/err" | grep . >"$WORK/err.own"
	runs=$((runs + 1))
	case $status in
	0) ;;
	3) refusals=$((refusals + 1))
	   [ -s "$WORK/err.own" ] || complaint "$@" "refused without a word" ;;
	*) complaint "$@" "exit status $status" ;;
	esac
	! synced_again || complaint "$@" "synced again after a failed sync"
	[ -n "$SECOND" ] || SECOND=$(second_of "$J")
	"$APPENDER" append -a "$WORK/acks.2" -t after "$J" >"$WORK/said" 2>&1 ||
		complaint "$@" "the next append fails"
	good "$J" "$WORK"/acks.* >"$WORK/said" 2>&1 || complaint "$@" "not good afterwards"
}

# Does every error at every such call of a scenario, once and for ever.
faults()
{
	for call in $2; do
		case $call in
		write)     errors=$(amount "ENOSPC EIO SHORT" "ENOSPC EIO EDQUOT EROFS EINTR SHORT") ;;
		pwrite64)  errors=$(amount "ENOSPC" "ENOSPC EIO EDQUOT EROFS EINTR SHORT") ;;
		fdatasync) errors=$(amount "EIO" "EIO ENOSPC EDQUOT EROFS EINTR") ;;
		openat)    errors=$(amount "EMFILE" "EIO EROFS EACCES EMFILE ENOSPC EINTR") ;;
		*)         errors=EIO ;;
		esac
		for error in $errors; do
			for sticky in "" +; do
				n=1
				while one_fault "$1" $call $error $n$sticky &&
				    grep -q INJECTED "$WORK/trace"; do
					n=$((n + 1))
				done
			done
		done
	done
}

try()		# SCENARIO SENTENCE CALLS
{
	before=$runs
	faults "$1" "$3" >"$WORK/$1.bad" 2>&1
	if [ ! -s "$WORK/$1.bad" ] && [ $((runs - before)) -gt 3 ]; then
		ok "$2"
	else
		not_ok "$2" "$(head -n 40 "$WORK/$1.bad")"
	fi
}

all="write fdatasync openat"
soak && all="write fdatasync openat pread64 fsync ftruncate"
try alone "without a second journal nothing is acknowledged that is not there" "$all"
try second "the second journal takes over after any fault of the first" "$all"
try batch "several long events at once are all there or refused" "$all"
try torn-alone "a cut-off line is repaired in spite of faults" "$all"
try torn "a repair that fails goes on in the second journal" "$all"
try in-use "faults of the second journal are refusals" "$all"
try torn-there "a cut-off line in the second journal is repaired in spite of faults" "$all"
try settle "copying back can fail anywhere and be done again" "$all pwrite64"
try settle-torn "copying back behind a cut-off line can fail anywhere" "$all pwrite64"
try choose "choosing a second journal can fail anywhere" "$all"
echo "# $runs runs, $refusals refusals"
finish
