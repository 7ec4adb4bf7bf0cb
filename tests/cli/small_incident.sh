#!/bin/bash
# A small incident from end to end in plain mode: what `make drill` shows until
# the sandboxed drill exists. With --show it is played for a reader; without, it
# is a test. Everything happens in a directory of its own.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
show=
[ "$1" = --show ] && show=1
if [ -n "$show" ]; then
	MIDWATCH=${MIDWATCH:-$ROOT/build/midwatch}
	ok() { :; }
	not_ok() { echo "not ok - $1"; failed=1; }
	work=$(mktemp -d) || exit 1
	trap 'rm -rf "$work"' EXIT
else
	. "$ROOT/tests/lib.sh"
	work=$WORK/small
fi
failed=

mkdir -p "$work/disk" "$work/runbooks"
cat > "$work/midwatch.cfg" <<'CFG'
site = { name = "drill"; timezone = "Africa/Lagos"; environment = "drill";
         runbook = "small"; state = "state"; };
CFG
cat > "$work/small.cfg" <<CFG
runbook = { name = "small"; title = "Nightly backup failed: the disk is full";
  version = 1; severity = "SEV-2"; say = "A small incident to see how the record works.";
  steps = (
    { id = "own"; kind = "manual"; phase = "Respond"; title = "Take the incident";
      say = "You are incident commander until you hand over."; role = "commander";
      stop = "safe: nothing has begun"; },
    { id = "look"; kind = "command"; phase = "Respond"; title = "See what fills the disk";
      command = ( "ls", "-l", "disk" ); exit_proves = true; timeout = "10s";
      stop = "safe: it only looks"; },
    { id = "clean"; kind = "command"; phase = "Recover"; title = "Remove the old archive";
      command = "rm -f disk/old-archive && touch disk/clean"; confirm = "disk";
      needs = ( "step look done" ); proves = ( "file $work/disk/clean exists" );
      timeout = "10s"; proof_within = "5s"; stop = "safe: one file, named in the plan"; },
    { id = "check"; kind = "check"; phase = "Recover"; title = "Check that there is room again";
      proves = ( "file $work/disk/clean exists" ); proof_within = "2s";
      stop = "safe: it only looks"; }
  );
  resolve = ( "step check done", "role commander taken" );
  close = ( "rca published", "followups assigned" ); };
CFG
head -c 200000 /dev/zero > "$work/disk/old-archive"
cd "$work" || exit 1

# do EXIT SENTENCE COMMAND...: run it as a user would and look at its exit status
do_() {
	local want=$1 sentence=$2 rc; shift 2
	if [ -n "$show" ]; then
		printf '\n$ midwatch'; printf ' %s' "$@"; printf '\n'
		"$MIDWATCH" "$@" 2>&1 </dev/null; rc=$?
	else
		out=$("$MIDWATCH" "$@" 2>&1 </dev/null); rc=$?
	fi
	if [ "$rc" -eq "$want" ]; then ok "$sentence"; else
		not_ok "$sentence (exit $rc, not $want)"
		[ -n "$show" ] || printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

[ -n "$show" ] && echo "A small incident from end to end, in plain mode. The drill in a sandbox with a real
PostgreSQL, sshd and a full disk is not built yet; this shows the record at work."
do_ 0 "an incident is opened from an alarm" incident open --title "nightly failed, disk at 96%" --alerted-at "4m ago"
do_ 0 "somebody takes it" run own
do_ 0 "a note is written, back-dated" incident note "pager went off; laptop opened" --at "3m ago"
do_ 3 "a step behind a gate does not run" run clean --confirm disk
do_ 0 "a command step runs as a job" run look
do_ 3 "a step that wants a typed name does not run without" run clean
do_ 0 "with the name it runs and is proven" run clean --confirm disk
do_ 0 "the check sees the proof" run check
do_ 0 "a hypothesis is noted" incident hypothesis "retention was not enforced"
do_ 0 "the picture of the incident is shown" incident show
do_ 0 "the incident is resolved" incident resolve
do_ 3 "it does not close before the report is out" incident close
do_ 0 "the report is exported" export --output "$work/report.md"
do_ 0 "it is published" incident publish "wiki/INC, by the incident commander"
do_ 0 "a follow-up is assigned" followup add "enforce retention" --owner lead --due 2026-12-01
do_ 0 "now it closes, and prints a checkpoint" incident close
journal=$(ls "$work"/state/incidents/*/journal.jsonl)
do_ 0 "the journal verifies, its end proven" verify "$journal"
if [ -n "$show" ]; then
	echo; echo "The report, as it stands in report.md:"; echo
	cat "$work/report.md"
	[ -z "$failed" ] && printf '\nThe small incident went through. (%s lines in its journal)\n' "$(wc -l < "$journal")"
	[ -z "$failed" ]
	exit
fi
finish
