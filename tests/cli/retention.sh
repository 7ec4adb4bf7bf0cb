#!/bin/sh
# What a nightly leaves behind of the nights before: by the site's policy, on every
# store, after a plan, only when all was proven; and who hears of it.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "a nightly applies the policy" "${WHY:-there is no pg_restore}"
	finish
fi
if ! sshd_start "$WORK/ssh" || ! pg_start_cluster "$WORK/pg"; then
	skip "a nightly applies the policy" "$WHY"
	finish
fi
psql_ "$WORK/pg" -c 'CREATE DATABASE otc'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g FROM generate_series(1, 3000) g'
db=otc keep='daily = 7; weekly = 4;'
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
places = ( $(sshd_place nas-box "$WORK/ssh") );
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; dbname = "$db"; } );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; }, { name = "local"; path = "local"; } );
backup = { to = ( "nas" ); also = ( "local" ); orphans = ( "*.tmp" ); heartbeat = "cat >>heart"; };
retention = { $keep };
comms = { contacts = ( { who = "Ops"; on = ( "nightly-ok" ); tell = "cat >>ops"; },
	{ who = "Lead"; on = ( "nightly-failed" ); tell = "cat >>lead"; },
	{ who = "Head"; on = ( "emergency-backup-failed" ); tell = "cat >>head"; },
	{ who = "Boss"; phone = "+234 1"; on = ( "nightly-failed" ); } ); };
END
}
site
stamp() { date -u -d "-$1 days" +%Y%m%dT020000Z; }
night()
{
	sh "$ROOT/tests/backup/make_set.sh" "$PWD/$1" nightly "$2" otc=database
	sh "$ROOT/tests/backup/make_set.sh" --proof "$PWD/$1/nightly/$2" verified "$2" otc=ok
}
n() { ls -d "$@" 2>/dev/null | wc -l; }
whole()
{
	for s_ in nas/*/*Z local/*/*Z; do
		[ ! -d "$s_" ] || (cd "$s_" && sha256sum --quiet -c checksums.sha256) || return 1
	done
}
# Weeks, as the site's calendar has them, in which any of those nights lies.
weeks=$(python3 -c 'import datetime
t = datetime.datetime.now(datetime.timezone.utc).date()
days = [t - datetime.timedelta(days=d) for d in range(1, 21)]
print(min(4, len({d - datetime.timedelta(days=d.weekday()) for d in days})))')
for day in $(seq 20); do
	night nas "$(stamp "$day")"
	[ "$day" -gt 3 ] || night local "$(stamp "$day")"
done
echo x >nas/old.tmp
sh "$ROOT/tests/backup/make_set.sh" "$PWD/nas" nightly "$(stamp 30).partial" otc=database
find nas -name '*.tmp' -exec touch -d '-3 days' {} + -o -name '*.partial' -exec touch -d '-3 days' {} + -o \
    -path '*.partial/*' -exec touch -d '-3 days' {} +

# --- a night that fails -----------------------------------------------------------------
db=nosuch
site
expect_exit 1 "a nightly that fails" "$MIDWATCH" nightly
check "removes nothing" [ "$(n nas/nightly/*Z)" = 20 ]
check "and says so" contains "$ERR" "nothing is removed, since the run has failed"
check "nor what nobody needs" [ -e nas/old.tmp ]
check "says what is not safe, and since when" contains "$ERR" "NOT safe: otc: its newest verified copy is "
check "and what to type" contains "$ERR" "type: midwatch backup otc --emergency"
check "who is to hear of failures hears of it" grep -q '"trigger":"nightly-failed".*FAILED' lead
check "who has no hook is named" contains "$OUT" "tell Boss by hand, +234 1 (nightly-failed)"
check "good news is told to nobody" [ ! -e ops ]
check "and no heart beats" [ ! -e heart ]
run_ "$MIDWATCH" incident show
check "the incident has what stood in the way" contains "$OUT" "nightly: otc is not saved: otc ("
check "and what each store has" contains "$OUT" "nightly: nas has nothing of tonight"
run_ "$MIDWATCH" status --notify
check "nobody hears of the same failure twice" [ "$(wc -l <lead)" = 1 ]
expect_exit 1 "an emergency backup that fails" "$MIDWATCH" backup otc --emergency
check "is told with the reason" grep -q '"trigger":"emergency-backup-failed".*FAIL. otc is not saved: ' head
run_ "$MIDWATCH" incident resolve --override "a test"
run_ "$MIDWATCH" incident close --override "a test"

# --- a night that is well ---------------------------------------------------------------
db=otc
site
expect_exit 0 "a nightly that proves everything" "$MIDWATCH" nightly --json
printf '%s' "$OUT" >well.json
check "keeps seven nights with its own" [ "$(n nas/nightly/*Z)" = 7 ]
check "and one set of each week before" [ "$(n nas/weekly/*Z)" = "$weeks" ]
check "its own is where it was said to be" sh -c 'ls -d nas/nightly/*Z | tail -1 | grep -qv T020000Z'
check "all of them are whole" whole
check "what was left over long ago is gone" [ ! -e nas/old.tmp ]
check "as is what nobody writes" [ "$(n nas/nightly/*.partial)" = 0 ]
check "the other store has its own count" [ "$(n local/nightly/*Z local/weekly/*Z)" = 4 ]
check "the plan was journaled before" sh -c 'grep -n "retention: the plan has" state/log.jsonl | head -1 | cut -d: -f1 >a
	grep -n "retention: nas .* is removed" state/log.jsonl | head -1 | cut -d: -f1 >b; [ "$(cat a)" -lt "$(cat b)" ]'
check "and each removal before and after" sh -c '[ "$(grep -c "retention: .* is removed" state/log.jsonl)" = \
	"$(grep -c "retention: .* is gone" state/log.jsonl)" ]'
check "each promotion too" sh -c '[ "$(grep -c "retention: .* is a weekly set now" state/log.jsonl)" -ge '"$weeks ]"
check "for programs it is all there" python3 -c 'import json
r = json.load(open("well.json"))["retention"]
assert r["left"] == 0 and r["removed"] + r["promoted"] == len(r["items"]) and r["freed"] > 0, r
assert all(i["done"] and i["reason"] for i in r["items"]), r
assert not any(i["path"].endswith(".partial") for i in r["items"] if i["kind"] == "set"), r'
check "good news is told" grep -q '"trigger":"nightly-ok".*all [0-9]* are verified' ops
check "the heart beats" [ "$(wc -l <heart)" = 1 ]
night nas "$(stamp 25)"
expect_exit 0 "a night beside a clean-up" flock state/locks/backup--cleanup "$MIDWATCH" nightly
check "leaves that to it, and says so" contains "$OUT" "retention: this night removes nothing: cleanup runs already: "
check "really" [ -e "nas/nightly/$(stamp 25)" ]
expect_exit 0 "the next night" "$MIDWATCH" nightly
check "removes one at most" [ "$(n nas/nightly/*Z)" = 7 ]
check "and makes no second set of a week" [ "$(n nas/weekly/*Z)" -le $((weeks + 1)) ]
keep='daily = 1; weekly = 0;'
site
sed -i 's/heartbeat = "cat >>heart"/heartbeat = "echo no; exit 7"/' midwatch.cfg
rm -f ops
expect_exit 0 "a heart that does not beat is a warning" "$MIDWATCH" nightly
check "that is said" contains "$OUT" "[WARNING] the heartbeat was not heard: "
check "a shorter policy lets more go" [ "$(n nas/nightly/*Z nas/weekly/*Z)" = 1 ]

# --- what cannot be removed ---------------------------------------------------------------
stuck=
loose() { [ ! -e "$stuck" ] || as_root chattr -i "$stuck"; }
if ! small_fs ext4 64M "$WORK/disk"; then
	skip "what cannot be removed is said" "$WHY"
	finish
fi
sed -i 's|path = "local"|path = "'"$WORK/disk/local"'"|' midwatch.cfg
mkdir disk/local
night disk/local "$(stamp 3)"
night disk/local "$(stamp 5)"
stuck=disk/local/nightly/$(stamp 5)/manifest.json
at_exit loose
as_root chattr +i "$stuck"
expect_exit 0 "what cannot be removed does not make a good night bad" "$MIDWATCH" nightly
check "is said" contains "$OUT" "[WARNING] retention: local nightly/$(stamp 5)"
check "and has its name still" [ -e "$stuck" ]
check "what could be removed is not there" [ ! -e "disk/local/nightly/$(stamp 3)" ]
run_ "$MIDWATCH" sets local
check "and stays in the list" contains "$OUT" "3 tables  70 rows"
finish
