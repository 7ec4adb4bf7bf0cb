#!/bin/bash
# The second journal was in memory, lines stood in it, and the host was started
# again. The file systems are real; the start is another boot id, seen in a mount
# namespace of its own.
. "$(dirname "$0")/../lib.sh"
D=$WORK/first E=$WORK/memory
boot=$WORK/boot_id
cat /proc/sys/kernel/random/uuid >"$boot"

mw() { "$MIDWATCH" "$@"; }
mw_later()	# as after a restart
{
	unshare -m sh -c 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$boot" "$MIDWATCH" "$@"
}
journal() { ls "$D"/state/incidents/INC-*/journal.jsonl | tail -1; }
second() { ls "$E"/midwatch-*/journal.jsonl; }
fill() { for bs in 1M 64k 4k 512; do dd if=/dev/zero of="$1/fill-$bs" bs=$bs 2>/dev/null; sync -f "$1"; done; }
big=$(head -c 600000 /dev/urandom | base64 -w 0)

if [ "$(id -u)" != 0 ] || ! mw_later help >/dev/null 2>&1; then
	skip "a restart takes the second journal and the record goes on" "needs root for a mount namespace"
	finish
elif ! small_fs ext4 48M "$D" || ! small_fs tmpfs 32M "$E"; then
	skip "a restart takes the second journal and the record goes on" "$WHY"
	finish
fi
cd "$D" || exit 99
printf 'site = { name = "t"; state = "state"; second = "%s"; };\n' "$E" >midwatch.cfg
expect_exit 0 "an incident with its second journal in memory" mw incident open --title t
check "the record says so" grep -q '"volatile":true,"boot":"' "$(journal)"
fill "$D"
n=0
while [ ! -s "$(second)" ] && [ $n -lt 14 ]; do
	printf %s "$big" | mw incident note - >/dev/null 2>&1
	n=$((n + 1))
done
expect_exit 0 "with the first disk full a line is acknowledged there" mw incident note "only in memory"
check "it is nowhere else" grep -q "only in memory" "$(second)"

as_root umount "$E"
expect_exit 1 "without that file system nothing is acknowledged" mw incident note "meanwhile"
check "the message says what to do" contains "$ERR" "Bring that file system back"
as_root mount -t tmpfs -o size=32M,mode=0777 tmpfs "$E"
expect_exit 1 "nor with another one in its place, as long as the host runs on" mw incident note "meanwhile"

# --- the restart ----------------------------------------------------------------
expect_exit 1 "after a restart the loss is a fault until somebody writes" mw_later verify "$(journal)"
check "which verify calls by its name" contains "$OUT" "a restart took them"
expect_exit 0 "the picture of the incident is there" mw_later incident show
check "and says it" contains "$OUT" "a restart took them"
rm -f "$D"/fill-*
expect_exit 0 "the next line goes through" mw_later incident note "after the restart"
check "behind a line that says what is lost" grep -q '"kind":"journal.second-lost"' "$(journal)"
expect_exit 0 "the record is whole but for that" mw_later verify "$(journal)"
check "and verify says it loudly" contains "$OUT" "LOST: lines "
expect_exit 0 "as an object too" mw_later verify --json "$(journal)"
check "with the lines that were known" contains "$OUT" '"lost":[{"behind":'
expect_exit 0 "the second reader agrees" python3 "$ROOT/tests/verify.py" "$(journal)"
check "and says it too" contains "$ERR" "LOST: lines behind "
expect_exit 0 "the report has it" mw_later export --format md
check "under the record's proof" contains "$OUT" "**LOST:** lines behind "
check "another second journal was chosen in the same place" test -e "$(second)"
expect_exit 0 "and nothing more is asked of anybody" mw_later incident note "and on"
check "the lines are there" contains "$(mw_later incident show --all)" "and on"
check "what was acknowledged before is not made up" lacks "$(mw_later incident show --all)" "only in memory"
cd "$WORK" || exit 99
finish
