#!/bin/bash
# The disk is full before the incident is opened: it is opened, worked through
# more than 500 lines and closed all the same, on four file systems.
. "$(dirname "$0")/../lib.sh"
for fs in tmpfs ext4 xfs btrfs; do
	size=64M; [ $fs = xfs ] && size=300M; [ $fs = btrfs ] && size=256M
	mnt=$WORK/$fs
	if ! small_fs $fs $size "$mnt"; then
		skip "a whole incident on a full $fs" "$WHY"
		continue
	fi
	cd "$mnt" || exit 99
	printf 'site = { name = "t"; runbook = "r"; state = "state"; };\n' > midwatch.cfg
	cat > r.cfg <<-'CFG'
	runbook = { name = "r"; title = "R"; version = 1; severity = "SEV-1"; say = "s"; steps = (
	  { id = "own"; kind = "manual"; title = "Own it"; role = "commander"; stop = "safe"; },
	  { id = "a"; kind = "command"; command = "echo a"; exit_proves = true; title = "A"; stop = "safe"; },
	  { id = "b"; kind = "command"; command = "df ."; exit_proves = true; title = "B"; stop = "safe"; } );
	  resolve = ( "step b done" ); close = ( "rca published", "followups assigned" ); };
	CFG
	"$MIDWATCH" jobs >/dev/null 2>&1	# makes the state directory and its spare
	check "$fs: the next incident is reserved" test -d state/spare
	for bs in 1M 64k 4k 512; do dd if=/dev/zero of=fill-$bs bs=$bs 2>/dev/null; sync -f .; done
	check "$fs: nothing more can be written" sh -c "! head -c 100000 /dev/zero > more 2>/dev/null || ! sync more"
	expect_exit 0 "$fs: an incident opens on the full disk" "$MIDWATCH" incident open --title full
	lost=0
	for i in $(seq 500); do "$MIDWATCH" incident note "note $i" >/dev/null 2>>"$WORK/notes.err" </dev/null || lost=$((lost + 1)); done
	check "$fs: 500 notes are acknowledged" test $lost -eq 0
	expect_exit 0 "$fs: it is taken" "$MIDWATCH" run own
	expect_exit 0 "$fs: a job runs in a prepared slot" "$MIDWATCH" run a
	expect_exit 0 "$fs: and another" "$MIDWATCH" run b
	expect_exit 0 "$fs: it is resolved" "$MIDWATCH" incident resolve
	expect_exit 0 "$fs: the report goes to another disk" "$MIDWATCH" export --output "$WORK/$fs.md"
	expect_exit 0 "$fs: published" "$MIDWATCH" incident publish there
	expect_exit 0 "$fs: nothing follows" "$MIDWATCH" followup none "a test"
	expect_exit 0 "$fs: closed" "$MIDWATCH" incident close
	check "$fs: with every note in the journal" test "$(grep -c '"text":"note ' state/incidents/*/journal.jsonl)" -eq 500
	check "$fs: all in the first journal" sh -c "! grep -q journal.switched state/incidents/*/journal.jsonl"
	expect_exit 0 "$fs: it verifies" "$MIDWATCH" verify state/incidents/*/journal.jsonl
	expect_exit 0 "$fs: for the second reader too" python3 "$ROOT/tests/verify.py" state/incidents/*/journal.jsonl
	rm -f fill-* more
	expect_exit 0 "$fs: with room again the next one is reserved" "$MIDWATCH" jobs
	check "$fs: it is there" test -d state/spare
	cd "$WORK" || exit 99
done
finish
