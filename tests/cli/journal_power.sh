#!/bin/bash
# Power cuts: the file system is shut down under two writers. Acknowledgements
# count when they were given before the cut; a sync that races it may still
# return, which no real power cut could deliver. Other tests look for disks that the
# kernel gave up: root hides these from them in a mount namespace.
[ -n "${HIDDEN-}" ] || [ "$(id -u)" != 0 ] || HIDDEN=yes exec unshare --mount -- "$0" "$@"
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/record/journal.sh"

no_leak_check	# writers are killed while they end
cuts=$(amount 10 100)

# cut_power MNT: and what is left after a restart is mounted again.  That is a
# copy of the image: whoever made a mount namespace meanwhile (a docker engine
# does) still holds the one that was shut down, and mount would hand it out again.
cut_power()
{
	local fs img copy options=loop
	fs=$(findmnt -no FSTYPE "$1") && img=$(fs_image "$1") && copy=$(mktemp "$WORK/.$fs.XXXXXX") &&
		as_root xfs_io -x -c shutdown "$1" || return
	[ -z "${writers-}" ] || { kill -KILL $writers; wait $writers; } 2>/dev/null
	[ "$fs" != xfs ] || options=loop,nouuid
	as_root umount -l "$1" && cp --sparse=always "$img" "$copy" && rm "$img" &&
		as_root mount -o "$options" "$copy" "$1"
}

one_cut()	# MNT CUT: prints what is wrong
{
	local mnt=$1 cut=$2 w
	writers=
	for w in 1 2; do
		: >"$MEMORY/acks.$cut.$w"	# the cut may come before the writer
		"$APPENDER" append -a "$MEMORY/acks.$cut.$w" -n 1000000 -r $cut$w \
			-t c$cut-$w "$mnt/j" 2>/dev/null &
		writers="$writers $!"
	done
	sleep 0.$((RANDOM % 4))$((RANDOM % 10))
	for w in 1 2; do
		cp "$MEMORY/acks.$cut.$w" "$MEMORY/then.$cut.$w"
		rm "$MEMORY/acks.$cut.$w"
	done
	cut_power "$mnt" || { echo "cut $cut: no cut"; return; }
	"$APPENDER" append -a "$MEMORY/then.$cut.after" -t after$cut "$mnt/j" ||
		echo "cut $cut: the next append fails"
	good "$mnt/j" "$MEMORY"/then.* || echo "cut $cut: not good"
	acked=$((acked + $(grep -ac . "$MEMORY/then.$cut.1") + $(grep -ac . "$MEMORY/then.$cut.2") ))
	if [ $((cut % 10)) = 0 ]; then		# reading it all takes ever longer
		rm "$mnt/j" "$MEMORY"/then.*
		"$APPENDER" create "$mnt/j"
	fi
}

for fs in ext4 xfs; do
	mnt=$WORK/$fs
	if ! small_fs $fs 400M "$mnt"; then
		skip "$cuts power cuts on $fs lose nothing" "$WHY"
		continue
	fi
	"$APPENDER" state "$mnt/state" && cut_power "$mnt" 2>"$WORK/cut.err"
	if ! [ -d "$mnt/state" ]; then
		skip "$cuts power cuts on $fs lose nothing" "no power cut: $(tail -n 1 "$WORK/cut.err")"
		continue
	fi
	check "the spare is there after a power cut on $fs, with its space" \
		test "$(stat -c %b "$mnt/state/spare/journal.jsonl")" -ge 16384 \
		-a -f "$mnt/state/spare/slots/48/job.json" -a -f "$mnt/state/log.jsonl"
	acked=0
	"$APPENDER" create "$mnt/j"
	for cut in $(seq "$cuts"); do
		one_cut "$mnt" "$cut"
	done >"$WORK/$fs.bad" 2>&1
	check "$cuts power cuts on $fs lose nothing that was acknowledged" cmp "$WORK/$fs.bad" /dev/null
	head -n 20 "$WORK/$fs.bad"
	check "and most of them fell while $fs was being written" test "$acked" -gt $((cuts * 5))
	echo "# $fs: $acked events acknowledged before $cuts cuts"
	rm -f "$MEMORY"/*
done
finish
