# Helpers for tests/cli/*.sh, for any POSIX shell:
#
#	#!/bin/sh
#	. "$(dirname "$0")/../lib.sh"
#
#	expect_exit 2 "an unknown verb is wrong usage" "$MIDWATCH" frobnicate
#	check "and the message names it" contains "$ERR" frobnicate
#	if small_fs ext4 8M "$WORK/full"; then ...
#	else skip "a full disk is survived" "$WHY"; fi
#	finish
#
# A test starts in $WORK, an empty directory of its own that is removed at the
# end; $ROOT is the source tree, $MIDWATCH the program under test.  It ends with
# `finish`; ending any other way is a failure.  One line a case goes to stdout:
# `ok - sentence`, `not ok - sentence`, `skip - sentence: reason`.

exec </dev/null
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
MIDWATCH=${MIDWATCH:-$ROOT/build/midwatch}
case $MIDWATCH in /*) ;; *) MIDWATCH=$PWD/$MIDWATCH ;; esac
WORK=$(mktemp -d "${TMPDIR:-/tmp}/cli.XXXXXX") || exit 99
cd "$WORK" || exit 99

OUT='' ERR='' STATUS=0 WHY=''
cases_=0 failed_=0 finished_='' at_exit_='' mounts_=''

ok()
{
	cases_=$((cases_ + 1))
	printf 'ok - %s\n' "$1"
}

# not_ok SENTENCE [DETAIL]
not_ok()
{
	cases_=$((cases_ + 1)) failed_=$((failed_ + 1))
	printf 'not ok - %s\n' "$1"
	[ -z "${2-}" ] || printf '%s\n' "$2" | sed 's/^/#   /'
}

# skip SENTENCE REASON
skip()
{
	cases_=$((cases_ + 1))
	printf 'skip - %s: %s\n' "$1" "${2-no reason given}"
}

# run_ COMMAND...: keeps stdout in $OUT, stderr in $ERR, the exit in $STATUS
# (and the first two, byte for byte, in $WORK/.out and $WORK/.err).
run_()
{
	STATUS=0
	"$@" >"$WORK/.out" 2>"$WORK/.err" </dev/null || STATUS=$?
	OUT=$(cat "$WORK/.out") ERR=$(cat "$WORK/.err")
}

# expect_exit N SENTENCE COMMAND...
expect_exit()
{
	want_=$1 sentence_=$2
	shift 2
	run_ "$@"
	if [ "$STATUS" = "$want_" ]; then
		ok "$sentence_"
	else
		not_ok "$sentence_" "exit $STATUS, not $want_: $*
$OUT
$ERR"
	fi
}

# check SENTENCE COMMAND...: holds when the command succeeds.  Leaves $OUT,
# $ERR and $STATUS as they were, so that several checks can look at one run.
check()
{
	sentence_=$1
	shift
	if said_=$("$@" 2>&1); then
		ok "$sentence_"
	else
		not_ok "$sentence_" "failed: $*
$said_"
	fi
}

# contains TEXT PART and lacks TEXT PART, for check.
contains()
{
	case $1 in *"$2"*) ;; *) return 1 ;; esac
}

lacks()
{
	! contains "$@"
}

# Runs a command as root, or returns 1 with the reason in $WHY:
#	as_root mount ... || skip "..." "$WHY"
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif sudo -n true 2>/dev/null; then
		sudo -n -- "$@"
	else
		WHY='needs root, or sudo without a password'
		return 1
	fi
}

# no_leak_check: what runs under strace from here on is not searched for leaks by
# `make san`, because LeakSanitizer cannot work there.
no_leak_check()
{
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	export ASAN_OPTIONS
}

# Ends the feeds of this test, also those that were begun anew meanwhile: who
# listens to one starts it, and it ends by itself only after a while.
end_feeds()
{
	for left_ in $(pgrep -f 'watch --serve'); do
		case "$(readlink "/proc/$left_/cwd") $(tr '\0' ' ' 2>/dev/null \
		    <"/proc/$left_/cmdline")" in
		*"$WORK"*) kill -9 "$left_" 2>/dev/null ;;
		esac
	done
}

# at_exit COMMAND: evaluated when the test ends, the last one first.
at_exit()
{
	at_exit_="$1
$at_exit_"
}

# small_fs TYPE SIZE DIR: mounts a tmpfs, ext4, xfs or btrfs of that size at DIR
# (made if need be) for the current user, and unmounts it when the test ends.
# Returns 1 with the reason in $WHY where that cannot be done.  An xfs is never
# smaller than 300 MB; a btrfs below 128 MB gets mixed block groups.
small_fs()
{
	mkdir -p "$3" || return 1
	if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
		WHY="no $1 can be mounted without root"
		return 1
	fi
	if small_fs_mount_ "$@" >"$WORK/.mkfs" 2>&1; then
		mounts_="$3
$mounts_"
		return 0
	fi
	WHY="no $1 can be mounted here"
	sed 's/^/# /' "$WORK/.mkfs"
	return 1
}

small_fs_mount_()
{
	PATH=$PATH:/usr/sbin:/sbin
	if [ "$1" = tmpfs ]; then
		as_root mount -t tmpfs -o "size=$2,mode=0777" tmpfs "$3"
		return
	fi
	img_=$(mktemp "$WORK/.$1.XXXXXX") && truncate -s "$2" "$img_" || return 1
	case $1 in
	ext4)  mkfs.ext4 -q -m 0 "$img_" ;;
	xfs)   [ "$(stat -c %s "$img_")" -ge 314572800 ] || truncate -s 300M "$img_"
	       mkfs.xfs -q "$img_" ;;
	btrfs) if [ "$(stat -c %s "$img_")" -lt 134217728 ]; then
		       mkfs.btrfs -q --mixed "$img_"
	       else
		       mkfs.btrfs -q "$img_"
	       fi ;;
	*)     echo "unknown file system $1"; false ;;
	esac && as_root mount -o loop "$img_" "$3" && as_root chown "$(id -u)" "$3"
}

# still_disk: $STILL is a directory on a disk that nobody else fills; one that is said to be
# full within the hour because of another test is no quiet site. $WORK without root.
still_disk()
{
	STILL=$WORK/still
	small_fs tmpfs 4M "$STILL" && head -c 400000 /dev/zero >"$STILL/some" || STILL=$WORK
}

# fs_image DIR: the file that a small_fs lives in
fs_image()
{
	losetup -nO BACK-FILE "$(findmnt -no SOURCE "$1")"
}

small_fs_unmount_()
{
	for turn_ in 1 2 3 4 5; do
		as_root umount "$1" 2>/dev/null && return
		sleep 0.2
	done
	as_root umount -l "$1"
}

# Second journals of the incidents below $WORK: they are on another file system
# and would stay when the test ends with an incident open.
second_journals_()
{
	find "$WORK" -name '*.jsonl' -type f -exec \
	    sed -n 's|.*"kind":"journal.second".*"path":"\(/[^"]*/midwatch-[0-9-]*\)/[^"/]*".*|\1|p' {} + 2>/dev/null
}

leave_()
{
	status_=$?
	trap '' INT TERM
	if [ -z "$finished_" ]; then
		not_ok "the test runs to its end" "it ended with exit status $status_"
		status_=1
	fi
	eval "$at_exit_"
	cd /
	second_journals_ | sort -u | while IFS= read -r second_; do
		rm -rf -- "$second_"
	done
	printf '%s' "$mounts_" | while IFS= read -r mount_; do
		small_fs_unmount_ "$mount_"
	done
	rm -rf --one-file-system "$WORK"
	exit "$status_"
}
trap leave_ EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The last line of every test.
finish()
{
	finished_=yes
	echo "1..$cases_"
	[ "$failed_" = 0 ]
	exit
}
