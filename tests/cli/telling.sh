#!/bin/sh
# `midwatch status --notify` with people whose hooks fail, hang, shout and do not
# listen, on a full disk, twice at once: each is told once a change.
. "$(dirname "$0")/../lib.sh"
still_disk

# site WARN CONTACT...: a disk and people.
site()
{
	warn_=$1
	shift
	printf 'site = { name = "prod"; state = "%s"; };\n' "${STATE:-state}"
	printf 'disks = ( { name = "d"; path = "%s"; warn = %s; high = 99; critical = 100; } );\n' "$STILL" "$warn_"
	printf 'comms = { contacts = (\n'
	for c_; do
		printf '  { who = "%s"; on = ( "disk-warn" ); tell = "%s"; }' "${c_%%=*}" "${c_#*=}"
		shift
		[ $# = 0 ] || printf ',\n'
	done
	printf ' ); };\n'
}
lines() { [ "$(cat "$1" 2>/dev/null | wc -l)" = "$2" ] || { wc -l "$1"; return 1; }; }

# --- one of several cannot be told ---------------------------------------------------------
mkdir some && cd some
site 1 'Anna=cat >>anna' 'Ben=exit 1' 'Chris=cat >>chris' >midwatch.cfg
run_ "$MIDWATCH" status --notify
check "a hook that fails is no reason to tell nobody else" lines chris 1
run_ "$MIDWATCH" status --notify
check "who was told is not told again because of another's hook" lines anna 1
check "which is tried again" contains "$ERR" "could not be told: Ben"
lacks "$ERR" "told: Anna" || not_ok "and the answer names only him" "$ERR"
sed -i 's/exit 1/cat >>ben/' midwatch.cfg
run_ "$MIDWATCH" status --notify
check "until he is told" lines ben 1
sed -i 's/cat >>ben/exit 1/; s/warn = 1;/warn = 98;/' midwatch.cfg
run_ "$MIDWATCH" status --notify
run_ "$MIDWATCH" status --notify
check "the all-clear is given once" lines anna 2
check "to all who can be told" lines chris 2
sed -i 's/exit 1/cat >>ben/' midwatch.cfg
run_ "$MIDWATCH" status --notify
check "and to the others when they can" lines ben 2
run_ "$MIDWATCH" status --notify
check "and then no more" lines ben 2
cd ..

# --- hooks of all kinds --------------------------------------------------------------------
mkdir odd && cd odd
site 1 'Deaf=exec <\&-; exit 0' 'Loud=yes | head -c 3000000; exit 4' \
    'Rude=printf \"\\\\033[2J\\\\302\\\\233 evil\"; exit 1' 'Daemon=sleep 43.'$$' \& exit 0' 'Last=cat >>last' |
	sed 's/\\&/\&/g' >midwatch.cfg
run_ "$MIDWATCH" status --notify
check "hooks that do not listen, shout and stay do not stop the rest" lines last 1
check "one that shouts is quoted shortly" contains "$ERR" "could not be told: Loud: exit 4: y"
check "one that speaks in escapes reaches nobody's terminal" sh -c \
	'! LC_ALL=C grep -q "$(printf "\\033")" "$1/.err" && grep -q "Rude.*evil" "$1/.err"' - "$WORK"
check "one that leaves a process behind has told" contains "$ERR" "told: Daemon"
pkill_() { for p_ in $(pgrep -fx "sleep 43.$$"); do kill "$p_"; done; }
at_exit pkill_
cd ..

# --- the answer comes before hooks that take their time -------------------------------------
mkdir slow && cd slow
site 1 'Slow=sleep 3; cat >>slow' >midwatch.cfg
"$MIDWATCH" status --notify >out 2>err &
one=$!
sleep 1.5
check "the page is out before people have been told" grep -q "disk d" out
run_ "$MIDWATCH" status --notify
check "a second run meanwhile tells nobody" contains "$ERR" "another run is telling people"
check "and answers" contains "$OUT" "disk d"
wait $one
check "he is told once" lines slow 1
"$MIDWATCH" status --notify --json >&- 2>err
check "without a standard output there is an exit all the same" [ $? -ge 1 ]
printf '{"notices":[{"tri' >state/notify.json
run_ "$MIDWATCH" status --notify
check "after damage to what was told, people are told rather than not" lines slow 2
check "and once" sh -c '"$2" status --notify >/dev/null 2>&1; [ $(wc -l <slow) = 2 ]' - "$WORK" "$MIDWATCH"
cd ..

# --- a full disk is what they are told of ----------------------------------------------------
if small_fs tmpfs 40M "$WORK/full"; then
	mkdir full/state tight && cd tight
	STATE=$WORK/full/state
	site 98 "Eve=cat >>$WORK/tight/eve" >midwatch.cfg
	sed -i "s|path = \"[^\"]*\"|path = \"$WORK/full\"|" midwatch.cfg
	run_ "$MIDWATCH" status --notify
	check "a first time is kept" test -s "$STATE/notify.json"
	dd if=/dev/zero of=../full/fill bs=64k >/dev/null 2>&1
	cat /dev/zero >>../full/fill 2>/dev/null
	run_ "$MIDWATCH" status --notify
	run_ "$MIDWATCH" status --notify
	run_ "$MIDWATCH" status --notify
	check "a full disk is told, once" lines eve 1
	check "and nobody complains" lacks "$ERR" "--notify:"
	rm ../full/fill
	run_ "$MIDWATCH" status --notify
	check "and told when it is over" lines eve 2
	cd ..
else
	skip "a first time is kept" "$WHY"
	skip "a full disk is told, once" "$WHY"
	skip "and nobody complains" "$WHY"
	skip "and told when it is over" "$WHY"
fi

# --- hooks that never end ------------------------------------------------------------------------
# The three of them take what there is (a minute, in a soak); the last one has its
# moment.
mkdir never && cd never
site 1 'A=sleep 300' 'B=sleep 300' 'C=sleep 300' 'Z=cat >>z' >midwatch.cfg
[ -n "${MIDWATCH_SOAK-}" ] || sed -i 's/comms = {/comms = { timeout = "2s";/' midwatch.cfg
run_ "$MIDWATCH" status --notify
check "hooks that hang do not keep the last one from being told" lines z 1
check "and are given up" contains "$ERR" "could not be told: C"
finish
