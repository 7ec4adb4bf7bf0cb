#!/bin/sh
# `midwatch nightly`: everything into one proven set; what fails is loud, keeps what
# was good as `.incomplete`, and opens an incident with the evidence in it.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/postgres.sh"

json()
{
	printf '%s' "$OUT" | python3 -c 'import json, sys
o = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

is()
{
	got_=$(json "$1")
	[ "$got_" = "$2" ] || { echo "$1 is '$got_', not '$2'"; return 1; }
}

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "a nightly runs" "${WHY:-there is no pg_restore}"
	finish
fi
if ! sshd_start "$WORK/ssh" || ! pg_start_cluster "$WORK/pg"; then
	skip "a nightly runs" "$WHY"
	finish
fi
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE gps'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g FROM generate_series(1, 30000) g'
mkdir -p uploads
head -c 3000000 /dev/urandom >uploads/big
hour=$(TZ=Africa/Lagos date -d '-1 minute' +%H:%M)
dbs='' components='' schedule=''
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
places = ( $(sshd_place nas-box "$WORK/ssh") );
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; },
              { name = "gps"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; }$dbs );
components = ( { name = "app-files"; files = ( "$WORK/uploads" ); min_size = "1MB"; },
               { name = "system-state"; at = "nas-box"; command = "uname -a"; }$components );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; }, { name = "local"; path = "local"; } );
backup = { to = ( "nas" ); also = ( "local" ); };
logs = ( { name = "backup"; path = "backup.log"; } );
schedule = { nightly = "$hour"; };
END
}
site

# --- looking only -------------------------------------------------------------------
expect_exit 0 "a dry run proves that nothing is in the way" "$MIDWATCH" nightly --dry-run
check "and says so" contains "$OUT" "[OK] nightly --dry-run: nothing is in the way"
check "and moves nothing" [ ! -e nas ]
run_ "$MIDWATCH" status --json
check "and is no nightly to those who watch for one" is \
    '[r["data"].get("result") for r in o["readings"] if r["kind"] == "schedule"]' "[None]"

# --- it works -----------------------------------------------------------------------
expect_exit 0 "a nightly saves everything" "$MIDWATCH" nightly
check "and says where" contains "$OUT" "[OK] Backup saved: nas-box:$WORK/nas/nightly/2"
check "and that all is verified" contains "$OUT" "[OK] nightly: all 6 are verified"
set=$(ls -d nas/nightly/2*Z)
check "one set holds it" [ "$(ls "$set"/*.gz | wc -l)" = 6 ]
check "that stock tools check" sh -c 'cd "$1" && sha256sum -c --quiet checksums.sha256' sh "$set"
check "roles are there once for the cluster" [ "$(ls "$set" | grep -c '^globals-.*gz$')" = 1 ]
check "files unpack as they were" sh -c 'mkdir out && tar -xzf "$1/app-files.tar.gz" -C out && cmp "out/$2/uploads/big" uploads/big' sh "$set" "$WORK"
check "a command's output is there" sh -c 'gunzip -c "$1/system-state.txt.gz" | grep -q Linux' sh "$set"
check "what the server was set to is there" sh -c 'gunzip -c "$1/settings-otc.txt.gz" >settings &&
	grep -q "^max_connections = .20." settings && grep -q "^-- plpgsql" settings && grep -q "^host all all 127.0.0.1 .* trust" settings' sh "$set"
check "rows are counted as they were dumped" grep -q '"name":"otc".*"tables":1,"rows":30000' "$set/manifest.json"
check "table by table" grep -q '^30000 \["public","t"\]' "$set/otc.dump.counts"
check "an empty database has none" grep -q '"name":"gps".*"tables":0,"rows":0' "$set/manifest.json"
expect_exit 0 "what is counted again is the same" "$MIDWATCH" validate "${set##*/}" --store nas
check "and said" contains "$OUT" "1 table, 30000 rows"
check "the other store has it as well" [ -e "local/nightly/${set##*/}/manifest.json" ]
check "the site's log has a line" grep -q "nightly: all 6 are verified" backup.log
check "and in it what each store has is called what it is" grep -q "\[OK\] Backup saved: nas-box:$WORK/nas/nightly/.*Z (verified)" backup.log
run_ "$MIDWATCH" status --json
check "those who watch for it see that it ran well" is \
    '[r["data"].get("result") for r in o["readings"] if r["kind"] == "schedule"]' "['good']"
check "and see every copy" is \
    'sorted(r["name"] for r in o["readings"] if r["kind"] == "backup" and "verified_ms" in r["data"])' \
    "['app-files', 'gps', 'otc', 'system-state']"
expect_exit 0 "for programs it is one object" "$MIDWATCH" nightly --json
check "that says it all" is '[o["ok"], o["exit"], len(o["components"]), all(c["ok"] for c in o["components"])]' "[True, 0, 6, True]"

mv nas/nightly nas/kept && : >nas/nightly
expect_exit 1 "a dry run finds a store that takes no set" "$MIDWATCH" nightly --dry-run
check "and names it" contains "$OUT" "[ERROR] nas: it takes no set: "
rm nas/nightly && mv nas/kept nas/nightly
entries=$(find nas local | sort)
expect_exit 0 "one that does is tried" "$MIDWATCH" nightly --dry-run
check "without leaving anything there" [ "$(find nas local | sort)" = "$entries" ]

# --- not all of it fits -------------------------------------------------------------------
kept=$(cat state/sizes/gps.csv)
for day in 1 2 3; do
	echo "2025010${day}T020000Z,nightly,700000000000000,900000000000000,1,1,1000,good"
done >state/sizes/gps.csv
sets=$(ls nas/nightly)
expect_exit 1 "a dry run finds what has no room" "$MIDWATCH" nightly --dry-run
check "and names it" contains "$OUT" "[ERROR] nas: it has no room for gps; the rest goes there"
expect_exit 1 "a store that has no room for one database" "$MIDWATCH" nightly
check "takes all that it has room for" contains "$ERR" "midwatch:   safe: otc, app-files, system-state, globals-otc"
check "what it does not take is said" contains "$ERR" "gps                  NOT SAVED: nas has no room for it: about 700 TB would come"
check "and the set says it is not complete" sh -c 'set -- nas/nightly/*.incomplete; [ $# = 1 ] && cd "$1" &&
	sha256sum -c --quiet checksums.sha256 && grep -q "\"complete\":false" manifest.json && [ -e otc.dump.gz ] && [ ! -e gps.dump.gz ]'
rm -rf nas/nightly/*.incomplete local/nightly/*.incomplete state/incidents/*
expect_exit 1 "that database alone goes nowhere" "$MIDWATCH" backup gps --emergency
check "nor do the roles without it" [ ! -e nas/emergency ]
check "which is said once" [ "$(printf '%s\n' "$OUT" | grep -c ERROR)" = 1 ]
check "with nothing else beside it" [ "$(ls nas/nightly)" = "$sets" ]
printf '%s\n' "$kept" >state/sizes/gps.csv

# --- nothing can be recorded ----------------------------------------------------------------
: >no-folder
sed 's|state = "state"|state = "no-folder"|' midwatch.cfg >lost.cfg
cat >>lost.cfg <<'END'
comms = { contacts = ( { who = "Ops"; on = ( "nightly-failed" ); tell = "cat >told"; } ); };
END
expect_exit 1 "a night that cannot even begin" "$MIDWATCH" -c lost.cfg nightly
check "says how the data is saved all the same" contains "$ERR" "'midwatch backup --all-unsafe --confirm unrecorded'"
check "whoever is to know of failures hears of it" grep -q "the nightly of prod FAILED: it could not begin" told
check "with the reason" grep -q "nothing was saved: .*no-folder" told
check "the site's log has it" grep -q "FAILED: it could not begin" backup.log
rm told
expect_exit 1 "looking only tells nobody" "$MIDWATCH" -c lost.cfg nightly --dry-run
check "of that" [ ! -e told ]
expect_exit 0 "and so it is saved" "$MIDWATCH" -c lost.cfg backup --all-unsafe --confirm unrecorded

# --- two at once -----------------------------------------------------------------------
components=', { name = "slow"; command = "sleep 4; echo x"; }'
site
"$MIDWATCH" nightly >first.out 2>&1 &
first=$!
turn=0
while flock -n state/locks/backup--nightly true && [ $turn -lt 50 ]; do
	turn=$((turn + 1))
	sleep 0.1
done
expect_exit 3 "a second nightly leaves at once" "$MIDWATCH" nightly
check "and says who runs" contains "$ERR" "the nightly runs already: "
wait "$first"
check "and the first one ends well" contains "$(cat first.out)" "[OK] nightly: all 7 are verified"

# --- files that move ---------------------------------------------------------------------
mkdir bin
cat >bin/tar <<'END'
#!/bin/sh
case " $* " in *" -c "*)
	/bin/tar "$@" || exit
	[ -z "$TAR_SAYS" ] || echo "$TAR_SAYS" >&2
	exit "$TAR_EXIT" ;;
esac
exec /bin/tar "$@"
END
chmod +x bin/tar
components=
site
expect_exit 0 "a file that changed while it was read is a warning" env PATH="$WORK/bin:$PATH" TAR_EXIT=1 \
    TAR_SAYS="tar: uploads/big: file changed as we read it" "$MIDWATCH" nightly
check "that is said" contains "$OUT$ERR" "files changed while they were packed"
expect_exit 1 "another reason for the same exit is none" env PATH="$WORK/bin:$PATH" TAR_EXIT=1 \
    TAR_SAYS="tar: uploads/big: Cannot open: Permission denied" "$MIDWATCH" nightly
expect_exit 1 "tar's exit 2 is a failure" env PATH="$WORK/bin:$PATH" TAR_EXIT=2 "$MIDWATCH" nightly
check "and the rest is kept as what it is" [ "$(ls -d nas/nightly/*.incomplete | wc -l)" = 2 ]


printf '#!/bin/sh\necho no such thing >&2; exit 2\n' >bin/psql
rm bin/tar; chmod +x bin/psql
expect_exit 0 "a night is no failure for want of the server's settings" env PATH="$WORK/bin:$PATH" "$MIDWATCH" nightly
check "it is said, and that no data is lost" contains "$ERR" "settings-otc         left out, and no data is lost: "
check "the set is whole" contains "$OUT" "[OK] nightly: all 5 are verified, with warnings"
check "by its manifest too" sh -c 'm=$(ls -d nas/nightly/*Z | tail -1)/manifest.json; grep -q "\"complete\":true,\"components\"" "$m" && ! grep -q settings-otc "$m"'

# --- failures ------------------------------------------------------------------------------
rm -rf nas local state
dbs=", { name = \"arp\"; host = \"127.0.0.1\"; port = 1; user = \"backup\"; }"
head -c 1000 /dev/urandom >uploads/big
site
expect_exit 1 "a dry run finds what would fail" "$MIDWATCH" nightly --dry-run
check "and says it" contains "$OUT" "[ERROR] arp: "
run_ "$MIDWATCH" nightly --dry-run --json
check "for programs, too: what is in the way, and of what" is 'o["ok"], {c["name"]: c["ok"] for c in o["components"] if c["name"] in ("otc", "arp")}, any(c["saved"] for c in o["components"])' \
    "(False, {'otc': True, 'arp': False}, False)"
check "and opens no incident" sh -c '! ls state/incidents | grep -q .'
expect_exit 1 "one database that cannot be saved is a failure" "$MIDWATCH" nightly
check "loudly, with what to type" contains "$OUT" "[FAIL] nightly: not safe: arp, app-files; type: midwatch backup --all-unsafe"
check "as is a component that is too small" contains "$OUT$ERR" "min_size is 1.0 MB"
check "nothing has a final name" sh -c '! ls nas/nightly local/nightly | grep -q "Z$"'
set=$(ls -d nas/nightly/*.incomplete)
check "and the site's log calls it incomplete" grep -q "\[WARNING\] Backup saved: nas-box:.*\.incomplete (incomplete)" backup.log
check "what is good is kept" [ -e "$set/otc.dump.gz" ]
check "what is not is not" [ ! -e "$set/app-files.tar.gz" ]
check "and the manifest says both" sh -c 'grep -q "\"complete\":false,\"components\"" "$1" && grep -q "\"name\":\"arp\",.*\"complete\":false" "$1"' sh "$set/manifest.json"
check "an incident is open" sh -c 'ls state/incidents | grep -q "^INC-"'
run_ "$MIDWATCH" incident show
check "with what failed" contains "$OUT" "the nightly failed: arp, app-files"
check "and what did not, as one line" contains "$OUT" "nightly: otc, gps, system-state, globals-otc, settings-otc are verified"
run_ "$MIDWATCH" status --json
check "those who watch see that it failed" is \
    '[r["data"].get("result") for r in o["readings"] if r["kind"] == "schedule"]' "['bad']"
expect_exit 1 "the next failure" "$MIDWATCH" nightly
check "adds to the open one" [ "$(ls state/incidents | grep -c '^INC-')" = 1 ]
run_ "$MIDWATCH" sets
check "what is good in it counts" contains "$OUT" "otc                          verified"
expect_exit 1 "what is unsafe is what the site has no copy of" "$MIDWATCH" backup --all-unsafe
check "worst first" contains "$OUT" "[EMERGENCY] arp: no verified copy"
check "and the others are still tried" contains "$OUT" "[EMERGENCY] app-files: backup begins"

# --- a step of a runbook ------------------------------------------------------------------------
cat >press.cfg <<'END'
runbook = { name = "press"; title = "press"; severity = "SEV-2";
  steps = ( { id = "save"; kind = "action"; action = "backup"; title = "save otc"; args = { db = "otc"; emergency = true; };
      proves = ( "backup otc verified since-open" ); stop = "safe: nothing is left behind"; proof_within = "20s"; } );
  resolve = ( "backup otc verified since-open" ); close = ( "rca published" ); };
END
mkdir -p runbooks && mv press.cfg runbooks/
rm -rf state
run_ "$MIDWATCH" incident open --title t --runbook press
sleep 1				# a set is named after a whole second
expect_exit 0 "a button does what the verb does" "$MIDWATCH" run save
check "and is proven" contains "$OUT" "[OK] save: proven"
finish
