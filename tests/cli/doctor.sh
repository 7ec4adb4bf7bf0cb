#!/bin/sh
# What doctor finds, what it makes, how it ends, and how fast.
. "$(dirname "$0")/../lib.sh"

. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"

if ! pg_start_cluster "$WORK/pg"; then
	skip "doctor looks at a site with a database" "$WHY"
	finish
fi
psql_ "$WORK/pg" -q -c 'CREATE DATABASE otc' || exit 99
S=$WORK/site
mkdir -p "$S/bin" "$S/home"
cd "$S" || exit 99
HOME=$S/home; export HOME
unset MIDWATCH_CONFIG PGPASSFILE

# Tools of the site's own, so that the machine's do not matter.
tool() { printf '#!/bin/sh\n%s\n' "$2" >"$S/bin/$1"; chmod 755 "$S/bin/$1"; }
for t in pg_dump pg_dumpall pg_restore psql tar gzip ssh; do tool $t "echo '$t 1.0'"; done
PATH=$S/bin:$PATH; export PATH

site()
{
	cat >midwatch.cfg <<CFG
site = { name = "t"; state = "state"; runbook = "own"; $1 };
databases = ( { name = "otc"; passfile = "pass"; host = "$WORK/pg"; port = ${PORT:-$PG_PORT}; user = "$PG_SUPER"; } );
$2
CFG
}
steps()
{
	cat >own.cfg <<CFG
runbook = { name = "own"; title = "T"; severity = "SEV-2"; say = "s"; steps = (
    { id = "own"; kind = "manual"; title = "Take it"; stop = "safe"; }, $1 );
  resolve = ( "step own done" ); close = ( "rca published" ); };
CFG
}
run() { printf '{ id = "%s"; kind = "command"; title = "T"; stop = "safe"; command = %s; exit_proves = true; }' "$1" "$2"; }

site '' ''
steps "$(run look '"./look"')"
tool look 'touch ran'; mv bin/look look
echo 'secret-word' >pass; chmod 600 pass

# --- a healthy site ---------------------------------------------------------------------
expect_exit 0 "a healthy site has no error" "$MIDWATCH" doctor
check "the state directory was made" contains "$OUT" "ok       state: made: "
check "and the next incident is reserved" test -f state/spare/journal.jsonl
check "which is said" contains "$OUT" "spare: made: the next incident is reserved"
check "tools are there with their versions" contains "$OUT" "pg_dump: pg_dump 1.0"
check "the last line counts" contains "$OUT" " 0 errors"
check "no secret is read" lacks "$OUT$ERR" "secret-word"
expect_exit 0 "the second time it is all there" "$MIDWATCH" doctor
check "and nothing is made" lacks "$OUT" "made: "
expect_exit 0 "the same as JSON" "$MIDWATCH" doctor --json
cat >fields.py <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["ok"] is True
assert all(set(c) == {"check", "level", "seen", "todo"} for c in d["checks"])
assert all(c["level"] in ("ok", "warning", "error") for c in d["checks"])
assert all(c["todo"] for c in d["checks"] if c["level"] != "ok")
PY
check "it is one object with the known fields" python3 fields.py "$WORK/.out"

# --- wrong usage ------------------------------------------------------------------------
expect_exit 2 "an unknown option is wrong usage" "$MIDWATCH" doctor --tonigt
expect_exit 2 "so is a word too many" "$MIDWATCH" doctor now
expect_exit 2 "a site file that was named and is not there is wrong usage" "$MIDWATCH" -c none.cfg doctor
mkdir broken
echo 'site = { nam = "t"; state = "state"; };' >broken/midwatch.cfg
expect_exit 2 "so is one with mistakes" "$MIDWATCH" -c broken/midwatch.cfg doctor
check "which are told with their line" contains "$OUT" "midwatch.cfg:1: site.nam"
check "and everything else is looked at" contains "$OUT" "libraries: "
check "but no record is made up" test ! -e broken/state -a ! -e home/.local
expect_exit 2 "as JSON too" "$MIDWATCH" -c broken/midwatch.cfg doctor --json
check "and it is not ok" contains "$OUT" '"ok":false'

# --- things that are wrong --------------------------------------------------------------
chmod 644 pass
expect_exit 1 "a password file that others can read is an error" "$MIDWATCH" doctor
check "with what to do about it" contains "$OUT" "'chmod 600 $S/pass'"
chmod 600 pass
site '' 'freeze = { on = "hooks/none"; };'
expect_exit 1 "a hook that is not there is an error" "$MIDWATCH" doctor
check "which names it" contains "$OUT" "hooks/none' is not there"
site '' ''
tool pg_dump 'sleep 60'
before=$(date +%s)
expect_exit 1 "a tool that hangs is an error" "$MIDWATCH" doctor
check "and the answer comes within seconds" test $(($(date +%s) - before)) -lt 12
check "with everything else in it" contains "$OUT" "terminal: "
tool pg_dump "printf 'pg_dump \\033[2J\\r1.0\\n'"
expect_exit 0 "a tool may say strange things" "$MIDWATCH" doctor
check "none of it reaches the terminal" lacks "$OUT" "$(printf '\033')"
tool pg_dump 'echo pg_dump 1.0'

# --- elsewhere --------------------------------------------------------------------------
check "a database that lets us in is told" contains "$OUT" "ok       database: otc: "
PORT=1 site '' ''
expect_exit 1 "one that does not is an error" "$MIDWATCH" doctor
check "with the reason" contains "$OUT" "error    database: otc: no login at"
check "and what to do" contains "$OUT" "See whether the server runs"
PATH=${PATH#"$S/bin:"}
if sshd_start "$WORK/ssh"; then
	site '' "places = ( $(sshd_place box "$WORK/ssh"), { name = \"gone\"; ssh = \"127.0.0.1\"; port = 1; known_hosts = \"$WORK/ssh/known_hosts\"; } );
stores = ( { name = \"nas\"; at = \"box\"; path = \"$WORK\"; }, { name = \"away\"; at = \"gone\"; path = \"/x\"; } );"
	expect_exit 1 "places and stores are tried" "$MIDWATCH" doctor
	check "one that answers is well" contains "$OUT" "ok       place: box: reached by ssh"
	check "one that does not is an error" contains "$OUT" "error    place: gone: not reachable"
	check "with what to do about it" contains "$OUT" "sshd runs: ssh -v -p 1 $(id -un)@127.0.0.1"
	check "and its store as well" contains "$OUT" "error    store: away: "
	check "and the other one is there" sh -c 'grep -q "^\(ok\|warning\)  *store: nas: " "$1"' - "$WORK/.out"
	at() { printf '{ id = "%s"; kind = "command"; at = "%s"; title = "T"; stop = "safe"; command = "true"; exit_proves = true; }' "$1" "$2"; }
	steps "$(at near box), $(at far gone)"
	expect_exit 1 "tonight's steps elsewhere are tried as well" "$MIDWATCH" doctor --tonight
	check "where it is reached the step could begin" contains "$OUT" "ok       2 near: its command could be started"
	check "where it is not the step would fail" contains "$OUT" "tonight the first step that would fail is 3 'far': it runs at 'gone': not reachable"
	steps "$(run look '"./look"')"
else
	skip "places and stores are tried" "$WHY"
fi
PATH=$S/bin:$PATH
site '' ''

# --- an open incident -------------------------------------------------------------------
expect_exit 0 "an incident opens" "$MIDWATCH" incident open --title "disk full"
expect_exit 0 "doctor works while it is open" "$MIDWATCH" doctor
check "and names it" contains "$OUT" "disk full"
check "its journal is intact" contains "$OUT" "ok       journals: "
journal=$(ls state/incidents/*/journal.jsonl)
second=$(sed -n 's|.*"path":"\(/[^"]*/midwatch-[^"/]*\)/journal.jsonl".*|\1|p' "$journal")
[ -z "$second" ] || at_exit 'rm -rf "$second"'
sed -i '1s/disk full/disk fuII/' "$journal"
expect_exit 1 "a changed journal is an error" "$MIDWATCH" doctor
check "which says so" contains "$OUT" "was changed"

# --- tonight ----------------------------------------------------------------------------
rm -rf state
expect_exit 0 "tonight nothing would fail" "$MIDWATCH" doctor --tonight
check "it says so" contains "$OUT" "nothing found that would fail"
check "nothing was made" test ! -e state
check "nothing was run" test ! -e ran
steps "$(run look '"./look"'), $(run mend '( "no-such-program" )'), $(run late '"./none"')"
expect_exit 1 "a step that could not begin is an error" "$MIDWATCH" doctor --tonight
check "the sentence names the first one" contains "$OUT" \
	"tonight the first step that would fail is 3 'mend': 'no-such-program' is not found in PATH"
check "the others are told too" contains "$OUT" "error    4 late: "
expect_exit 1 "tonight as JSON" "$MIDWATCH" doctor --tonight --json
check "has the sentence" contains "$OUT" '"tonight":"tonight the first step'
rm own.cfg
expect_exit 1 "without its runbook nothing can be tried" "$MIDWATCH" doctor --tonight

# --- a full disk ------------------------------------------------------------------------
rm -rf state
steps "$(run look '"./look"')"
if small_fs ext4 64M "$WORK/full"; then
	expect_exit 0 "a small disk is enough" "$MIDWATCH" --state "$WORK/full/state" doctor
	dd if=/dev/zero of="$WORK/full/fill" bs=64k 2>/dev/null
	dd if=/dev/zero of="$WORK/full/fill2" bs=512 2>/dev/null
	expect_exit 1 "a full one is an error" "$MIDWATCH" --state "$WORK/full/state" doctor
	check "said as such" contains "$OUT" "error    space: "
	check "the spare is there all the same" contains "$OUT" "ok       spare: "
	rm "$WORK/full/fill" "$WORK/full/fill2"
	expect_exit 0 "with room again it is well again" "$MIDWATCH" --state "$WORK/full/state" doctor
else
	skip "a full disk is told" "$WHY"
fi
finish
