#!/bin/sh
# What init writes, what it asks, and when it writes nothing.
. "$(dirname "$0")/../lib.sh"

HOME=$WORK/home; export HOME
unset MIDWATCH_CONFIG PGPASSFILE DOCKER_HOST SSH_AUTH_SOCK
mkdir -p "$HOME/.ssh/conf.d" "$WORK/site"
chmod 700 "$HOME/.ssh"
cd "$WORK/site" || exit 99
ST="--state $WORK/state"
mkdir -p "$HOME/backups"; echo x >"$HOME/backups/a.dump"	# so that the store is ours
esc=$(printf '\033') bidi=$(printf '\342\200\256')

# live FILE: the file without its comments
live() { sed -e '/^ *#/d' -e 's/  # .*//' "$1"; }

# --- without a terminal ------------------------------------------------------------------
expect_exit 0 "without a terminal the file is printed" "$MIDWATCH" init
check "and nothing is written" test ! -e midwatch.cfg
check "which is said, with what writes it" contains "$ERR" "'midwatch init --yes' writes this to 'midwatch.cfg'"
cp "$WORK/.out" printed.cfg
expect_exit 0 "what is printed loads" "$MIDWATCH" lint printed.cfg
expect_exit 0 "--output - prints too" "$MIDWATCH" init --output -
check "and names no file" lacks "$ERR" "midwatch.cfg"
rm printed.cfg
expect_exit 2 "a word too many is wrong usage" "$MIDWATCH" init now
expect_exit 2 "so is an unknown option" "$MIDWATCH" init --ye

# --- written -------------------------------------------------------------------------------
before=$(date +%s)
expect_exit 0 "--yes takes what is best and writes it" "$MIDWATCH" $ST init --yes
check "within seconds" test $(($(date +%s) - before)) -lt 16
check "the file is shown as it is written" cmp "$WORK/.out" midwatch.cfg
check "its mode is 0640" test "$(stat -c %a midwatch.cfg)" = 640
check "the record is made" test -d "$WORK/state/incidents"
check "the store is made where dumps are" test -d "$HOME/backups/midwatch"
check "because they are" contains "$OUT" "'$HOME/backups' has 1 file that looks like dumps in it"
check "with space for the next incident" test -f "$WORK/state/spare/journal.jsonl"
check "what to do next is said" contains "$ERR" "midwatch doctor"
expect_exit 0 "what was written has no mistake" "$MIDWATCH" lint midwatch.cfg
run_ "$MIDWATCH" $ST status --json
check "status works with it at once" python3 - "$WORK/.out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["readings"]
assert any(r["kind"] == "store" and r["level"] == "ok" for r in d["readings"])
PY
run_ "$MIDWATCH" $ST doctor --json
check "doctor has nothing against the file" lacks "$OUT" '"check":"site file","level":"error"'
expect_exit 0 "an incident opens with its runbook" "$MIDWATCH" $ST incident open --title t
check "which is the usual one" contains "$("$MIDWATCH" $ST incident show 2>&1)" "Take the incident"

# --- never over another ----------------------------------------------------------------------
sum=$(sha256sum <midwatch.cfg)
expect_exit 3 "a file that is there is refused" "$MIDWATCH" $ST init --yes
check "it is named" contains "$ERR" "'midwatch.cfg' is there already"
check "with what to do" contains "$ERR" "--output OTHER"
check "and nothing was printed" test -z "$OUT"
check "and it is as it was" test "$(sha256sum <midwatch.cfg)" = "$sum"
ln -s nowhere dangling.cfg
expect_exit 3 "so is a link that leads nowhere" "$MIDWATCH" $ST init --yes --output dangling.cfg
check "and nothing is made behind it" test ! -e nowhere
expect_exit 2 "a folder is no file" "$MIDWATCH" $ST init --yes --output "$WORK/site"
check "the file in it is offered" contains "$ERR" "$WORK/site/midwatch.cfg"
expect_exit 1 "a folder that is not there is told" "$MIDWATCH" $ST init --yes --output none/midwatch.cfg
check "by name" contains "$ERR" "cannot write into 'none'"
expect_exit 3 "as JSON too" "$MIDWATCH" --json $ST init --yes
check "it is an object with the reason" contains "$OUT" '"kind":"guard"'
expect_exit 0 "another name is free" "$MIDWATCH" $ST init --yes --output other.cfg
expect_exit 0 "JSON says what was written" "$MIDWATCH" --json $ST init --yes --output third.cfg
check "in one object" python3 - "$WORK/.out" third.cfg <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["ok"] is True and d["written"] is True and d["path"] == "third.cfg"
assert d["text"].encode() == open(sys.argv[2], "rb").read()
assert all(isinstance(v, int) for v in d["found"].values())
PY
rm -f *.cfg

# --- every example can stand -------------------------------------------------------------------
"$MIDWATCH" init >all.cfg 2>/dev/null
python3 - all.cfg <<'PY'
import re, sys
text = open(sys.argv[1]).read()
out, on = [], False
for line in text.split("\n"):
    if not on and re.match(r"# (components|retention|freeze|precheck|cleanup|services|comms) = ", line):
        on = True
    if on:
        line = line[2:] if line.startswith("# ") else line[1:]
        on = not line.rstrip().endswith(");") and not line.rstrip().endswith("};") and line != ""
    elif re.match(r"  # (group|channel|window|min_free) = ", line):
        line = line.replace("# ", "", 1)
    out.append(line)
open(sys.argv[1], "w").write("\n".join(out))
PY
expect_exit 0 "every example and default loads when its # is taken away" "$MIDWATCH" lint all.cfg
check "and they were there" contains "$(live all.cfg)" "restore_test_every"
check "to the last one" contains "$(live all.cfg)" "Incident channel"
rm all.cfg

# --- a home with hostile names -----------------------------------------------------------------
cat >"$HOME/.pgpass" <<'PASS'
# host:5432:commented:u:secret-word
otc-db.internal:5432:otc:backup:secret-word
otc-db.internal:5432:otc:other:secret-word
gps-db:6432:gps:back\:up:secret:word
gps-db:6432:otc:backup:secret\\word
wild-db:*:*:backup:secret-word
*:*:*:any:secret-word
h:5432:replication:u:secret-word
h:5432:-Fc:u:secret-word
h:5432:globals:u:secret-word
h:5432:host=evil user=x:u:secret-word
h:5432:o"t\\c; }, { name = "x:u:secret-word
h:5432:здесь:u:secret-word
h:5432:/*:u:secret-word
h:5432:@include "x":u:secret-word
spa ced:5432:x:u:secret-word
-opt:5432:y:u:secret-word
h:notaport:z:u:secret-word
h:70000:z:u:secret-word
short:5432:z
:5432:z:u:secret-word
PASS
printf 'h:5432:esc\033[2J\007x:u:secret-word\nh:5432:bidi\342\200\256x:u:secret-word\nh:5432:bad\377x:u:secret-word\nh:5432:last:u:secret-word' \
	>>"$HOME/.pgpass"
chmod 600 "$HOME/.pgpass"
cat >"$HOME/.ssh/config" <<'SSH'
Include conf.d/*
host bastion bas*tion !not ?
  HostName 10.0.0.7
  User ops
  Port 2222
Host "nas box" nas
  HostName nas.internal
  ProxyJump bastion
Host github.com
  User git
Host -oProxyCommand=evil here a@b
Match host never
  User x
SSH
printf 'HOST=included\n' >"$HOME/.ssh/conf.d/one"
expect_exit 0 "a home with hostile names makes a site" "$MIDWATCH" $ST init --yes
expect_exit 0 "which loads" "$MIDWATCH" lint midwatch.cfg
check "no password is anywhere" sh -c '! grep -rq "secret" midwatch.cfg "$1" "$2"' - "$WORK/.out" "$WORK/.err"
check "nor an escape sequence" lacks "$(cat midwatch.cfg "$WORK/.out" "$WORK/.err")" "$esc"
check "nor a letter that turns text around" lacks "$(cat midwatch.cfg "$WORK/.out" "$WORK/.err")" "$bidi"
L=$(live midwatch.cfg)
# a server of somebody else's on this machine may have taken the name
check "a database of the password file is there with its login" sh -c 'printf "%s\n" "$1" | grep -qE \
	"name = \"otc(-otc-db)?\"; host = \"otc-db.internal\";( dbname = \"otc\";)? user = \"backup\";"' - "$L"
check "and the file that has its password" contains "$L" "passfile = \"$HOME/.pgpass\";"
check "once, though the file has two users for it" test "$(printf '%s\n' "$L" | grep -c '"otc-db.internal"')" = 1
check "the same name elsewhere gets another" contains "$L" '{ name = "otc-gps-db"; host = "gps-db"; port = 6432; dbname = "otc";'
check "\\: is a colon" contains "$L" 'user = "back:up"'
check "a name that looks like an option is another here" contains "$L" '{ name = "Fc"; host = "h"; dbname = "-Fc";'
check "so is a reserved one" contains "$L" '{ name = "db-globals"; host = "h"; dbname = "globals";'
check "quotes and backslashes are escaped" contains "$L" 'dbname = "o\"t\\c; }, { name = \"x";'
check "other scripts stay readable" contains "$L" 'dbname = "здесь";'
check "letters that turn text around are escaped" contains "$L" 'dbname = "bidi\xe2\x80\xaex";'
check "a last line without its end counts" contains "$L" 'name = "last";'
for gone in commented replication '"spa ced"' '"-opt"' '"wild-db"' 'esc' 'bad'; do
	check "nothing is made of $gone" lacks "$L" "$gone"
done
check "what cannot stand is a comment with the reason" grep -q "it cannot stand in a site file: dbname: .* holds a control" midwatch.cfg
check "a line for any database is offered" grep -q "for any database there: name one" midwatch.cfg
if command -v ssh >/dev/null; then
	check "a host has the user and port that ssh says" contains "$L" '{ name = "bastion"; ssh = "ops@bastion"; port = 2222; }'
	check "and what it is, beside it" grep -q 'ssh = "[^"]*@nas"; .*# nas.internal; through bastion' midwatch.cfg
	check "included files count" contains "$L" 'included'
	check "a host called here is a place of another name" contains "$L" '{ name = "host-here"; ssh = '
	for gone in 'nas box' evil 'a@b' github '*' '"not"'; do
		check "no place is made of '$gone'" lacks "$(printf '%s\n' "$L" | grep ssh)" "$gone"
	done
	printf 'Include ~/.ssh/config\n' >"$HOME/.ssh/conf.d/circle"
	expect_exit 0 "an SSH configuration that ssh refuses makes no place" "$MIDWATCH" init
	check "and ssh's reason is there" contains "$OUT" "ssh cannot say what it means: "
	rm "$HOME/.ssh/conf.d/circle"
else
	skip "hosts are resolved by ssh" "ssh is not installed"
fi
rm midwatch.cfg
chmod 644 "$HOME/.pgpass"
expect_exit 0 "a password file that others can read" "$MIDWATCH" init
check "is said to be ignored" contains "$OUT" "ignore it for"
rm "$HOME/.pgpass"; mkfifo "$HOME/.pgpass"
before=$(date +%s)
expect_exit 0 "a password file that is a pipe holds nobody up" "$MIDWATCH" init
check "it answers at once" test $(($(date +%s) - before)) -lt 14
check "and says so" contains "$OUT" "not a regular file"
rm "$HOME/.pgpass"

# --- who never answers ------------------------------------------------------------------------
mkdir "$WORK/bin"
printf '#!/bin/sh\ntrap "" TERM\nsleep 60 &\nwait\nsleep 60\n' >"$WORK/bin/ssh"
chmod 755 "$WORK/bin/ssh"
before=$(date +%s)
PATH=$WORK/bin:$PATH expect_exit 0 "an ssh that hangs holds nobody up for long" "$MIDWATCH" init
check "the answer comes within seconds" test $(($(date +%s) - before)) -lt 16
check "and says what is missing" contains "$OUT" "ssh cannot say what it means: 'ssh' did not end in time"
rm "$WORK/bin/ssh"
if command -v docker >/dev/null; then
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(50)
time.sleep(300)' "$WORK/deaf.sock" &
	deaf=$!
	at_exit 'kill $deaf 2>/dev/null'
	until [ -S "$WORK/deaf.sock" ]; do sleep 0.1; done
	before=$(date +%s)
	DOCKER_HOST=unix://$WORK/deaf.sock expect_exit 0 "a docker engine that never answers holds nobody up for long" \
		"$MIDWATCH" init
	check "the answer comes within seconds" test $(($(date +%s) - before)) -lt 16
	check "and says what is missing" contains "$OUT" "containers of docker: 'docker' did not end in time"
else
	skip "a docker engine that never answers" "docker is not installed"
fi
rm -rf "$HOME/.ssh"

# --- a full disk, and a kill in the middle ------------------------------------------------------
if small_fs ext4 1M "$WORK/full"; then
	dd if=/dev/zero of="$WORK/full/fill" bs=1k 2>/dev/null
	expect_exit 1 "a full disk is told" "$MIDWATCH" $ST init --yes --output "$WORK/full/midwatch.cfg"
	check "by its name" contains "$ERR" "cannot write '$WORK/full/midwatch.cfg': No space left"
	check "and leaves nothing behind" test "$(ls "$WORK/full" | grep -vc 'lost+found\|fill')" = 0
else
	skip "a full disk is told" "$WHY"
fi
mkdir "$WORK/killed"
K=$WORK/killed/midwatch.cfg
whole=0 nothing=0 other=0
look_at_it()
{
	case $(ls -A "$WORK/killed") in
	'')           nothing=$((nothing + 1)) ;;
	midwatch.cfg) if "$MIDWATCH" lint "$K" >/dev/null 2>&1
	              then whole=$((whole + 1)); else other=$((other + 1)); fi ;;
	*)            other=$((other + 1)) ;;
	esac
	rm -rf "$WORK/killed"/*
}
if command -v strace >/dev/null && strace -qq -o /dev/null true 2>/dev/null; then
	no_leak_check
	for call in fchmod write:2 write:3 fsync linkat fsync:2; do
		n=${call#*:}; call=${call%:*}
		[ "$n" != "$call" ] || n=1
		strace -qq -o "$WORK/.strace" -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
			"$MIDWATCH" $ST init --yes --output "$K" >/dev/null 2>&1
		look_at_it
	done
	echo "# killed 6 times: $nothing without a file, $whole with a whole one, $other with something else"
	check "killed while it writes, it leaves a whole file or none" test "$other" = 0
	check "and was killed before and after it was there" test "$nothing" -gt 1 -a "$whole" -gt 0
else
	skip "killed while it writes, it leaves a whole file or none" "strace cannot be used here"
fi
finish
