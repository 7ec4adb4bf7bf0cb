#!/bin/sh
# Webhooks: what they get, certificates, answers that are no, secrets, and the
# queue over an outage, on a full disk, until it is full.
. "$(dirname "$0")/../lib.sh"

unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY
for p in openssl python3; do
	command -v $p >/dev/null || { skip "webhooks are told" "there is no $p here"; finish; }
done

# --- a server with a CA of its own -----------------------------------------------------------
# cert CA NAME SUBJECT-ALT-NAME
cert()
{
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout $2.key -out $2.csr 2>/dev/null &&
	printf 'subjectAltName = %s\n' "$3" >$2.ext &&
	openssl x509 -req -in $2.csr -CA $1.crt -CAkey $1.key -CAcreateserial -days 2 -extfile $2.ext -out $2.crt 2>/dev/null &&
	cat $2.crt $2.key
}
ca() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=test $1" -keyout $1.key -out $1.crt 2>/dev/null; }
mkdir ca good && cd ca
ca ours && ca theirs && cert ours here IP:127.0.0.1 >../good/server.pem || not_ok "certificates are made"
mkdir ../named && cert ours elsewhere DNS:elsewhere.example >../named/server.pem
cd ..

servers=''
at_exit 'for p_ in $servers; do kill $p_ 2>/dev/null; done'
# serve DIR [PORT]
serve()
{
	rm -f "$1/port"
	python3 "$ROOT/tests/web.py" "$1" "${2:-0}" >/dev/null 2>"$1/err" &
	server=$! servers="$servers $!"
	for i in $(seq 400); do [ -s "$1/port" ] && return; sleep 0.1; done
	echo "# the server does not start: $(cat "$1/err")"
}
stop() { kill "$1" 2>/dev/null; wait "$1" 2>/dev/null; }
serve good
good=$server port=$(cat good/port)
hook=https://127.0.0.1:$port

# site CONTACTS
site()
{
	cat <<CFG
site = { name = "prod"; timezone = "Africa/Lagos"; state = "${STATE:-state}"; };
comms = { timeout = "${PATIENCE:-10s}"; ca_file = "${CA:-$WORK/ca/ours.crt}"; contacts = (
$1 ); };
CFG
}
journal() { cat "${STATE:-state}"/incidents/*/journal.jsonl; }
got() { cat "$WORK/good/got" 2>/dev/null; }
waits() { "$MIDWATCH" incident told --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["queued"])'; }

# --- what it gets ------------------------------------------------------------------------------
mkdir plain && cd plain
printf '%s/file/canary\n' "$hook" >address && chmod 600 address
site '{ who = "Channel"; on = ( "open", "update" ); url = "'$hook'/T0/canary"; },
      { who = "Filed"; on = ( "open" ); url_file = "address"; }' >midwatch.cfg
"$MIDWATCH" incident open --title 'disk <!channel> & "full"' >/dev/null
expect_exit 0 "a webhook is told" "$MIDWATCH" incident tell open
check "at its address" grep -q '^200 /T0/canary ' ../good/got
check "and the one whose address is in a file" grep -q '^200 /file/canary ' ../good/got
check "as Slack takes it, so that no text calls everybody" python3 -c '
import json
body = json.loads(open("../good/got").readline().split(" ", 2)[2])
assert list(body) == ["text"] and "&lt;!channel&gt; &amp; \"full\"" in body["text"], body'
check "the record names who, and how" contains "$(journal)" '"via":"webhook"'
chmod 644 midwatch.cfg
run_ "$MIDWATCH" doctor
check "the doctor finds that they can be reached" contains "$OUT" "2 of the site file can be reached; nothing was sent"
check "and that everybody can read an address" contains "$OUT" "everybody here can read how Channel is told"
check "but not the one in a file" lacks "$OUT" "how Filed is told"
check "and indeed sends nothing" [ "$(got | wc -l)" = 2 ]
run_ "$MIDWATCH" incident people
check "the people's page has no more than the host" contains "$OUT" "webhook https://127.0.0.1:$port/..."
cd ..

# --- answers that are no -------------------------------------------------------------------------
mkdir no && cd no
site '{ who = "Channel"; phone = "+234 1"; on = ( "open" ); url = "'$hook'/T0/canary"; }' >midwatch.cfg
"$MIDWATCH" incident open >/dev/null
echo 404 >../good/answer
run_ "$MIDWATCH" incident tell open
check "a webhook that is gone is a failure, with the phone" contains "$OUT" "could not be told: Channel: it answered 404"
check "that is not tried again and again" [ "$(waits)" = 0 ]
check "what it answered is clean" sh -c '! LC_ALL=C grep -q "$(printf "\\033")" "$1"' - "$WORK/.out"
echo 302 >../good/answer
run_ "$MIDWATCH" incident tell open --again
check "a redirection is not followed" contains "$OUT" "it answered 302"
printf '503\n429\n' >../good/answer
expect_exit 0 "one that is busy is asked again" "$MIDWATCH" incident tell open --again
check "until it answers" sh -c 'tail -n 3 "$1" | cut -c 1-3 | tr "\n" " " | grep -q "503 429 200"' - ../good/got
rm -f ../good/answer
cd ..

# --- certificates ----------------------------------------------------------------------------------
serve named
mkdir trust && cd trust
CA=$WORK/ca/theirs.crt site '{ who = "Channel"; on = ( "open" ); url = "'$hook'/T0/canary"; second = "cat >>second"; }' >midwatch.cfg
"$MIDWATCH" incident open >/dev/null
before=$(got | wc -l)
run_ "$MIDWATCH" incident tell open
check "a certificate of somebody else is refused" contains "$OUT" "certificate"
check "and nothing is sent" [ "$(got | wc -l)" = "$before" ]
check "but by the second way" grep -q '"trigger":"open"' second
check "and then nothing waits" [ "$(waits)" = 0 ]
site '{ who = "Channel"; on = ( "open" ); url = "https://127.0.0.1:'$(cat ../named/port)'/T0/canary"; }' >midwatch.cfg
run_ "$MIDWATCH" incident tell open --again
check "and so is one of another host" contains "$OUT" "could not be told: Channel: SSL: no alternative certificate"
check "there nothing arrives either" [ ! -e ../named/got ]
stop $server
cd ..

# --- an outage -----------------------------------------------------------------------------------------
mkdir out && cd out
PATIENCE=3s site '{ who = "Channel"; phone = "+234 1"; on = ( "open", "update", "sev-0" ); url = "'$hook'/T0/canary"; },
      { who = "Other"; on = ( "open" ); url = "'$hook'/T1/canary"; }' >midwatch.cfg
"$MIDWATCH" incident open >/dev/null
stop $good
run_ "$MIDWATCH" doctor
check "the doctor says who cannot be reached" contains "$OUT" "Channel could not be told: Failed to connect"
expect_exit 1 "without a network telling fails" "$MIDWATCH" incident tell open --text first
check "and says what becomes of it" contains "$OUT" "it is sent when the network is back; by hand, +234 1"
run_ "$MIDWATCH" incident severity SEV-0 second
check "what follows waits behind it" contains "$OUT" "earlier messages wait for the network"
check "three messages wait" [ "$(waits)" = 3 ]
check "the page says so" contains "$("$MIDWATCH" incident show)" "3 messages wait for the network"
check "and who is to be called meanwhile" contains "$("$MIDWATCH" incident show)" "TO TELL: Channel, +234 1 (sev-0)"
expect_exit 1 "trying again while it is away is a failure" "$MIDWATCH" incident told --send
check "and loses none" [ "$(waits)" = 3 ]
check "no address lies in the queue" sh -c '! grep -q canary state/outbox'
: >../good/got
serve ../good $port
good=$server
"$MIDWATCH" status --notify >/dev/null 2>&1
check "when it is back a timer sends all of them" [ "$(waits)" = 0 ]
check "each once" [ "$(got | grep -c ' /T')" = 3 ]
check "in order" sh -c 'grep /T0/ "$1" | head -n 1 | grep -q first && grep /T0/ "$1" | tail -n 1 | grep -q second' - ../good/got
check "marked as late" grep -q 'late: this is from' ../good/got
check "and nobody is to be called any more" lacks "$("$MIDWATCH" incident show)" "TO TELL"
check "which the record shows" contains "$(journal)" "Channel was told, late (sev-0)"
check "it verifies" "$MIDWATCH" verify state/incidents/*/journal.jsonl
stop $good
run_ "$MIDWATCH" incident tell open --text third
serve ../good $port
good=$server
run_ "$MIDWATCH" incident tell open --text fourth
check "the next telling takes along what waits, before it" sh -c \
	'grep /T0/ "$1" | tail -n 2 | head -n 1 | grep -q third && grep /T0/ "$1" | tail -n 1 | grep -q fourth' - ../good/got
check "nothing waits then" [ "$(waits)" = 0 ]
stop $good
run_ "$MIDWATCH" incident tell open --text fifth
"$MIDWATCH" watch >feed 2>&1 &
watcher=$!
at_exit 'end_feeds; kill $watcher 2>/dev/null'
serve ../good $port
good=$server
for i in $(seq 300); do [ "$(waits)" = 0 ] && break; sleep 0.2; done
check "a console that is open sends it when the network is back" sh -c 'grep /T0/ "$1" | tail -n 1 | grep -q fifth' - ../good/got
check "to the record as well" contains "$(journal)" "Channel was told, late (open)"
kill $watcher 2>/dev/null
wait $watcher 2>/dev/null
end_feeds

# --- until it is full
stop $good
# one tells and then waits behind: no network is asked 70 times
for i in $(seq 33); do "$MIDWATCH" incident tell open --text "number $i" >last 2>&1; done
check "a queue has an end" [ "$(waits)" = 64 ]
check "behind which telling fails at once, by hand" grep -q 'could not be told: Other: .*; by hand' last
check "and it is small" [ "$(stat -c %s state/outbox)" -le 262144 ]
serve ../good $port
good=$server
expect_exit 0 "all of it goes out in the end" "$MIDWATCH" incident told --send
check "in order" sh -c 'grep -o "/T0/.*number [0-9]*" "$1" | sed "s/.*number //" | sort -nc' - ../good/got

# --- what is damaged, and what is too old
stop $good
"$MIDWATCH" incident tell update --text old >/dev/null 2>&1
"$MIDWATCH" incident tell update --text new >/dev/null 2>&1
python3 - <<'PY'
import json
with open("state/outbox", "r+b") as f:
    raw = f.read(4096)
    m = json.loads(raw)
    m["at_ms"] -= 25 * 3600 * 1000
    f.seek(0)
    f.write(json.dumps(m).encode().ljust(4095) + b"\n")
    f.seek(4096 * 5)
    f.write(b'{"seq":9,"who":"Chan')
PY
serve ../good $port
good=$server
expect_exit 0 "a torn message is none" "$MIDWATCH" incident told --send
check "one of yesterday is not sent" sh -c '! tail -n 1 "$1" | grep -q old' - ../good/got
check "but noted" contains "$(journal)" "Channel was never told (update)"
check "the one of today is" sh -c 'tail -n 1 "$1" | grep -q new' - ../good/got
cd ..

# --- a full disk and no network ------------------------------------------------------------------------
if small_fs tmpfs 40M "$WORK/full"; then
	mkdir full/state tight && cd tight
	STATE=$WORK/full/state
	PATIENCE=3s site '{ who = "Channel"; on = ( "open" ); url = "'$hook'/T0/canary"; }' >midwatch.cfg
	"$MIDWATCH" incident open >/dev/null
	dd if=/dev/zero of=../full/fill bs=64k >/dev/null 2>&1
	cat /dev/zero >>../full/fill 2>/dev/null
	stop $good
	run_ "$MIDWATCH" incident tell open --text "disk full"
	check "on a full disk a message waits as well" [ "$(waits)" = 1 ]
	serve ../good $port
	good=$server
	run_ "$MIDWATCH" incident told --send
	check "and goes out" sh -c 'tail -n 1 "$1" | grep -q "disk full"' - ../good/got
	unset STATE
	cd ..
else
	skip "on a full disk a message waits as well" "$WHY"
	skip "and goes out" "$WHY"
fi

# --- a webhook that never answers, and what others can see meanwhile ---------------------------------------
mkdir slow && cd slow
PATIENCE=3s site '{ who = "Channel"; on = ( "open" ); url = "'$hook'/canary/slow"; },
      { who = "Last"; on = ( "open" ); tell = "cat >>last"; }' >midwatch.cfg
"$MIDWATCH" incident open >/dev/null
"$MIDWATCH" incident tell open >told 2>&1 &
teller=$!
for i in $(seq 20); do
	tr '\0' '\n' 2>/dev/null </proc/$teller/cmdline >>seen
	tr '\0' '\n' 2>/dev/null </proc/$teller/environ >>seen
	sleep 0.05
done
wait $teller
check "one that never answers is given up" grep -q 'could not be told: Channel: .*timed out' told
check "and the next one is told" grep -q '"trigger":"open"' last
check "no argument and no environment has the address" sh -c '[ -s seen ] && ! grep -q canary seen'
cd ..
check "no record, log, queue or output has an address in full" sh -c \
	'! grep -rlE "canary" "$1"/*/state "$1/full/state" "$1/.out" "$1/.err" 2>/dev/null' - "$WORK"
finish
