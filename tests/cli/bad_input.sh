#!/bin/bash
# Wrong words, files and names: one clear line, a hint, the right exit status.
. "$(dirname "$0")/../lib.sh"
S=$WORK/site; mkdir -p "$S"; cd "$S" || exit 99
mw() { "$MIDWATCH" "$@"; }
expect_exit 2 "an unknown verb" mw incidnet
check "with a suggestion" contains "$ERR" "incident"
expect_exit 2 "an unknown option" mw jobs --alll
check "with a suggestion too" contains "$ERR" "--all"
expect_exit 2 "an option without its value" mw jobs --state
expect_exit 2 "an unknown subverb" mw incident opne
expect_exit 2 "a site file that is not there" mw -c /no/such.cfg jobs
expect_exit 2 "a site file that is a directory" mw -c / jobs
printf 'site = { nmae = "x"; };\ndatabases = ( { name = "-Fc"; prot = 5; } );\n' > bad.cfg
expect_exit 2 "a site file with mistakes" mw -c bad.cfg jobs
check "each with its line" contains "$ERR" "bad.cfg:1: site.nmae: unknown key, did you mean 'name'?"
check "all of them" contains "$ERR" "bad.cfg:2: databases[0].prot: unknown key, did you mean 'port'?"
expect_exit 0 "the record works without it" mw -c bad.cfg --state st jobs
printf 'site = { name = "x" \n' > syntax.cfg
expect_exit 2 "a syntax error" mw -c syntax.cfg jobs
expect_exit 1 "a state directory that cannot be made" mw --state /proc/nowhere jobs
expect_exit 0 "an incident" mw --state st incident open --title t
for name in "INC-1'; rm" "../../etc" "$(printf 'INC-\033[31m')" "$(printf 'a\nb')" "no-such" ""; do
	expect_exit 2 "an incident called $(printf %q "$name")" mw --state st incident show "$name"
	check "nothing raw on the terminal" sh -c "! printf '%s' \"\$1\" | LC_ALL=C grep -q '$(printf '\033')'" x "$ERR$OUT"
done
expect_exit 2 "a name like an option" mw --state st incident show -- -x
expect_exit 2 "an incident that does not exist" mw --state st incident show INC-20010101-0000
expect_exit 2 "a job that does not exist" mw --state st cancel 999
expect_exit 2 "a job that is no number" mw --state st cancel "9;id"
echo '{"not":"a journal"}' > foreign.jsonl
expect_exit 1 "a journal from somewhere else" mw verify foreign.jsonl
expect_exit 1 "a journal that is not there" mw verify nothing.jsonl
expect_exit 2 "a journal that is a directory" mw verify .
head -c 5000 /dev/urandom > noise; expect_exit 1 "noise" mw verify noise
cat > cycle.cfg <<'CFG'
runbook = { name = "cycle"; title = "c"; version = 1; severity = "SEV-1"; say = "s"; steps = (
  { id = "a"; kind = "manual"; title = "A"; stop = "safe"; needs = ( "step b done" ); },
  { id = "b"; kind = "manual"; title = "B"; stop = "safe"; needs = ( "step a done" ); },
  { id = "c"; kind = "action"; action = "bakup"; title = "C"; stop = "safe"; proves = ( "bakup otc verified" ); } );
  resolve = ( "step a done" ); close = ( "rca published" ); };
CFG
expect_exit 2 "a runbook with a cycle" mw lint cycle.cfg
check "the cycle is named" contains "$OUT" "cycle"
check "and what is misspelt beside it" contains "$OUT" "backup"
expect_exit 2 "a runbook that is not there" mw --state st runbook nosuch
expect_exit 2 "a runbook by a wicked name" mw --state st runbook "../../../etc/passwd"
expect_exit 2 "export of a format nobody has" mw --state st export --format pdf
sh -c "'$MIDWATCH' help > /dev/full" 2>/dev/null; check "a full standard output is a failure" test $? -eq 1
for cmd in help "help incident" "incident --help" "run -h" --help --version; do expect_exit 0 "midwatch $cmd" mw $cmd; done
expect_exit 0 "the man page is made" mw help --man
check "and has the verbs" contains "$OUT" "midwatch verify JOURNAL"
mw help --completion > comp.bash; expect_exit 0 "the completion is a script" bash -n comp.bash
finish
