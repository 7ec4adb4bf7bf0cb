#!/bin/bash
# One state directory for everybody on the site: a timer as root and two users of
# one group work on one incident.
. "$(dirname "$0")/../lib.sh"
if [ "$(id -u)" != 0 ]; then
	skip "root and two users of one group work on one incident" "needs root, to make users"
	finish; exit
fi
tag=mw$$
for n in a b; do
	useradd -M -N -s /bin/sh "$tag$n" || { not_ok "a user is made"; finish; exit; }
	at_exit "userdel $tag$n"
done
useradd -M -N -s /bin/sh "${tag}x"; at_exit "userdel ${tag}x"
groupadd "${tag}g"; at_exit "groupdel ${tag}g"
usermod -a -G "${tag}g" "${tag}a"; usermod -a -G "${tag}g" "${tag}b"
S=$WORK/site; mkdir -p "$S"; chmod 755 "$WORK" "$S"
d=$WORK; while [ "$d" != / ] && [ "$d" != /tmp ]; do chmod o+x "$d" 2>/dev/null; d=$(dirname "$d"); done
cp "$MIDWATCH" "$S/midwatch"; chmod 755 "$S/midwatch"
cat > "$S/midwatch.cfg" <<CFG
site = { name = "t"; environment = "test"; runbook = "r"; state = "state"; group = "${tag}g"; };
CFG
cat > "$S/r.cfg" <<'CFG'
runbook = { name = "r"; title = "R"; version = 1; severity = "SEV-1"; say = "s"; steps = (
  { id = "own"; kind = "manual"; title = "Own it"; role = "commander"; stop = "safe"; },
  { id = "work"; kind = "command"; command = "echo begun; sleep 60"; exit_proves = true; title = "Work"; stop = "safe"; },
  { id = "quick"; kind = "command"; command = "id -un"; exit_proves = true; title = "Quick"; stop = "safe"; } );
  resolve = ( "step quick done" ); close = ( "rca published" ); };
CFG
chmod 644 "$S"/*.cfg
as() { u=$1; shift; (cd "$S" && exec setpriv --reuid "$tag$u" --regid "$(id -g "$tag$u")" --init-groups env HOME=/nonexistent "$S/midwatch" "$@"); }
timer() { (cd "$S" && exec "$S/midwatch" "$@"); }

expect_exit 0 "root's timer opens the incident" timer incident open --title "nightly failed"
check "the state directory is its group's" test "$(stat -c '%G %a' "$S/state")" = "${tag}g 2770"
check "the journal too" test "$(stat -c '%G %a' "$S"/state/incidents/*/journal.jsonl)" = "${tag}g 660"
expect_exit 0 "the first user takes it" as a run own
expect_exit 0 "the second writes a note" as b incident note "seen by b"
as a run work >"$WORK/follow" 2>&1 </dev/null & follower=$!
for i in $(seq 100); do grep -q begun "$WORK/follow" && break; sleep 0.1; done
expect_exit 0 "the second sees the first one's job" as b jobs
check "running" contains "$OUT" running
expect_exit 0 "and may cancel it" as b cancel 1
wait $follower
expect_exit 0 "the second runs a step" as b run quick
check "as themselves" contains "$OUT" "${tag}b"
expect_exit 0 "root writes too" timer incident note "from the timer"
expect_exit 1 "somebody outside the group does not" as x incident note "let me in"
check "and is told what to do" contains "$ERR" "group"
J=$(ls "$S"/state/incidents/*/journal.jsonl)
for u in root "${tag}a" "${tag}b"; do
	check "lines are by who wrote them: ${u#$tag}" grep -q "\"by\":\"$u\"" "$J"
done
for i in 1 2 3 4 5; do as a incident note "a$i" >/dev/null & as b incident note "b$i" >/dev/null & timer incident note "r$i" >/dev/null & done; wait
check "fifteen at once lose nothing" test "$(grep -Ec '"text":"[abr][1-5]"' "$J")" -eq 15
expect_exit 0 "the journal is whole" timer verify "$J"
expect_exit 0 "any of them resolves it" as b incident resolve
expect_exit 0 "and root closes it" timer incident close --override "a test"
check "a spare that all may use is there again" test "$(stat -c '%G %a' "$S/state/spare")" = "${tag}g 2770"
expect_exit 0 "so that the first user opens the next" as a incident open --title next
finish
