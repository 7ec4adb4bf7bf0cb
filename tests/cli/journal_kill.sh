#!/bin/sh
# kill -9 at any instant: nothing that was acknowledged is lost.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/record/journal.sh"

kills=$(amount 1000 10000)
[ "${MIDWATCH_VARIANT-}" != san ] || kills=$(amount 200 2000)

killed_on()	# WHERE DIR
{
	expect_exit 0 "four writers killed $kills times lose nothing ($1)" \
		"$BIN/record_killer" "$2" "$kills" "$VERIFY"
	printf '# %s\n' "$ERR"
}

mkdir here
killed_on "this disk" "$WORK/here"
if soak; then
	for fs in ext4 xfs btrfs tmpfs; do
		if small_fs $fs 512M "$WORK/$fs"; then
			killed_on $fs "$WORK/$fs"
		else
			skip "four writers killed lose nothing ($fs)" "$WHY"
		fi
	done
fi
finish
