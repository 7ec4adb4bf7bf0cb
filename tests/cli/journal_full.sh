#!/bin/sh
# The disk is full before the incident is opened, and at last its reserve is used
# up as well: the second journal goes on, and is copied back when there is room.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/record/journal.sh"

fill()		# DIR, until not one byte more can be written
{
	for bs in 1M 64k 4k 512; do
		dd if=/dev/zero of="$1/fill-$bs" bs=$bs 2>/dev/null
		sync -f "$1"
	done
	! { head -c 100000 /dev/zero >"$1/more" && sync "$1/more"; } 2>/dev/null
}

in_place()	# FILE BYTES: a record of a job, written where its space is kept
{
	dd if=/dev/zero of="$1" bs="$2" count=1 conv=notrunc,fdatasync 2>"$WORK/dd.err" ||
		{ cat "$WORK/dd.err"; return 1; }
}

ten_jobs()
{
	for n in 1 2 3 4 5 6 7 8 9 10; do
		[ "$("$APPENDER" job "$1/state" "$2")" = $n ] || return 1
		in_place "$1/state/jobs/$n/progress" 4096 || return 1
		in_place "$1/state/jobs/$n/output.log" 32768 || return 1
	done
}

two_writers()	# JOURNAL EVENTS: long ones, until its reserve is used up
{
	"$APPENDER" append -a "$MEMORY/acks.a" -t a -n "$2" -s 3000 "$1" & a=$!
	"$APPENDER" append -a "$MEMORY/acks.b" -t b -n "$2" -s 3000 "$1" & b=$!
	wait $a && wait $b
}

full()		# FS DIR
{
	fs=$1 SECOND=
	rm -rf "$MEMORY"/*
	mkdir "$MEMORY/second"
	"$APPENDER" state "$2/state"
	check "$fs: the disk is filled to its last byte" fill "$2"
	expect_exit 0 "$fs: an incident is opened from the reserve" \
		"$APPENDER" incident "$2/state"
	id=$OUT
	j=$2/state/incidents/$id/journal.jsonl
	expect_exit 0 "$fs: and a second journal is chosen" \
		"$APPENDER" second "$j" "$MEMORY/second"
	SECOND=$(second_of "$j")
	expect_exit 0 "$fs: 500 events are written" \
		"$APPENDER" append -a "$MEMORY/acks.500" -t early -n 500 "$j"
	check "$fs: all into the first journal" test ! -s "$SECOND"
	check "$fs: ten jobs get their place and their files' space" \
		ten_jobs "$2" "$id"
	expect_exit 0 "$fs: two writers use the reserve up and go on in the second" \
		two_writers "$j" 1200
	check "$fs: the second one is in use" test -s "$SECOND"
	check "$fs: and both together are whole" good "$j" "$MEMORY"/acks.*
	lines=$("$APPENDER" list "$j" | cksum)
	rm "$2"/fill-*
	expect_exit 0 "$fs: with room again it is settled" "$APPENDER" settle "$j"
	check "$fs: the second one is empty" test ! -s "$SECOND"
	SECOND=
	check "$fs: the first one is whole" good "$j" "$MEMORY"/acks.*
	# one line more: that it was settled
	check "$fs: word for word" test "$lines" = "$("$APPENDER" list "$j" | sed '$d' | cksum)"
}

read_only()	# FS DIR: as a kernel makes it after errors
{
	SECOND=$(second_of "$j")
	as_root mount -o remount,ro "$2" || return
	expect_exit 0 "$1: read-only, the second journal goes on" \
		"$APPENDER" append -a "$MEMORY/acks.ro" -t ro -n 3 "$j"
	expect_exit 0 "$1: and is left alone as long as it is so" "$APPENDER" settle "$j"
	check "$1: with the new events in it" test -s "$SECOND"
	check "$1: and both are whole" good "$j" "$MEMORY"/acks.*
	as_root mount -o remount,rw "$2"
	expect_exit 0 "$1: writable again it is settled" "$APPENDER" settle "$j"
	SECOND=
	check "$1: and the first one is whole again" good "$j" "$MEMORY"/acks.*
}

for fs in ext4 xfs tmpfs btrfs; do
	size=64M
	[ $fs = btrfs ] && size=256M
	if small_fs $fs $size "$WORK/$fs"; then
		full $fs "$WORK/$fs"
		read_only $fs "$WORK/$fs"
	else
		skip "the journal is written on a full $fs" "$WHY"
	fi
done
finish
