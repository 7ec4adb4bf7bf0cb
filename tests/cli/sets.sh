#!/bin/sh
# `midwatch sets`: what backups there are, here and over SSH, whatever is in the
# stores; and the readings of backups and sets in `midwatch status`.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

make_set()
{
	sh "$ROOT/tests/backup/make_set.sh" "$@" || not_ok "a set can be made" "$*"
}

# json EXPRESSION: of the object in $OUT, called o.
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

stamp()	# MINUTES ago
{
	date -u -d "-$1 minutes" +%Y%m%dT%H%M%SZ
}

places=''
nas='{ name = "nas"; path = "nas"; }'
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "Africa/Lagos"; state = "state"; };
places = ( $places );
databases = ( { name = "otc"; host = "127.0.0.1"; port = 1; }, { name = "gps"; host = "127.0.0.1"; port = 1; } );
components = ( { name = "app-files"; files = ( "/srv" ); } );
stores = ( { name = "local"; path = "local"; }, $nas );
backup = { to = ( "nas" ); also = ( "local" ); orphans = ( "*.tmp" ); };
END
}
site

# --- nothing yet ----------------------------------------------------------------
expect_exit 0 "stores without a folder hold no sets" "$MIDWATCH" sets
check "and the page says so" contains "$OUT" "There are no backup sets yet"
expect_exit 0 "for programs, too" "$MIDWATCH" sets --json
check "as an object" is '[o["ok"], [len(s["sets"]) for s in o["stores"]]]' "[True, [0, 0]]"
expect_exit 2 "a store that the site does not have is wrong usage" "$MIDWATCH" sets tape
check "and the message names those it has" contains "$ERR" "local, nas"
expect_exit 2 "two stores are one word too many" "$MIDWATCH" sets local nas

# --- some of every kind ------------------------------------------------------------
young=$(stamp 180) old=$(stamp 4000) older=$(stamp 6000) now=$(stamp 1)
make_set "$PWD/nas" nightly "$young" otc=database gps=database globals-otc=globals app-files=files
make_set --proof "$PWD/nas/nightly/$young" verified "$young" otc=ok gps=ok globals-otc=ok app-files=ok
make_set --proof "$PWD/nas/nightly/$young" restorable "$young" otc=ok
make_set "$PWD/nas" nightly "$old.incomplete" otc=database gps=database:failed
make_set "$PWD/nas" emergency "$now" otc=database
make_set "$PWD/nas" emergency "$older.partial" gps=database
make_set "$PWD/nas" weekly "$older" gps=database
make_set "$PWD/nas" manual "$older" otc=database
find nas/emergency/*.partial -exec touch -d "-2 days" {} +
truncate -s 200 nas/weekly/*/manifest.json
truncate -s -1 nas/manual/*/otc.dump.gz
mkdir -p nas/daily/2025/11/04
echo x >nas/daily/2025/11/04/otc.sql.gz.tmp
echo x >nas/daily/2025/11/04/otc.sql.gz
printf 'x' >"nas/$(printf 'a\033[2J\342\200\256b')"

listing()	# WHERE
{
	expect_exit 0 "sets are listed $1" "$MIDWATCH" sets
	check "newest first $1" sh -c 'printf "%s\n" "$1" | grep -E "^2[0-9-]* .* (emergency|nightly|weekly|manual)" |
	    cut -c1-26 | sort -rc' sh "$OUT"
	check "with the name that restore and validate take $1" contains "$OUT" "  nightly/$young"
	check "in site time $1" contains "$OUT" "+01:00"
	check "what is restorable says so $1" contains "$OUT" "otc                          restorable"
	check "what is verified says so $1" contains "$OUT" "gps                          verified"
	check "what was only sent says so $1" contains "$OUT" "otc                          sent"
	check "what failed says why $1" contains "$OUT" "the server closed the connection"
	check "an unfinished set is named with what to do $1" contains "$OUT" \
	    "unfinished  nas  emergency/$older.partial"
	check "and is no backup $1" contains "$OUT" "untouched for 2 d"
	check "a damaged manifest is named $1" contains "$OUT" \
	    "problem     nas  weekly/$older: its manifest is damaged"
	check "a file that is a byte short is named $1" contains "$OUT" "'otc.dump.gz' has"
	check "a left-over file is named $1" contains "$OUT" "left over   nas  daily/2025/11/04/otc.sql.gz.tmp"
	check "what others made is unproven, not nothing $1" contains "$OUT" "unproven    nas  2 other files"
	expect_exit 0 "sets are an object $1" "$MIDWATCH" sets --json nas
	check "of one store $1" is '[o["ok"], len(o["stores"]), o["stores"][0]["store"]]' "[True, 1, 'nas']"
	check "of six sets $1" is 'len(o["stores"][0]["sets"])' 6
	check "with the truth of each component $1" is \
	    '{c["name"]: c["truth"] for s in o["stores"][0]["sets"] if s["set"] == "nightly/'"$young"'" for c in s["components"]}' \
	    "{'otc': 'restorable', 'gps': 'verified', 'globals-otc': 'verified', 'app-files': 'verified'}"
	check "what the stores say drives no terminal $1" sh -c \
	    '! LC_ALL=C grep -q "$(printf "[\033\342]")" "$1"/.out "$1"/.err' sh "$WORK"
}
listing "here"

# --- readings -----------------------------------------------------------------------
status_of()	# KIND NAME
{
	json "[r['level'] for r in o['readings'] if r['kind'] == '$1' and r['name'] == '$2'][0]"
}
text_of()
{
	json "[r.get('text') for r in o['readings'] if r['kind'] == '$1' and r['name'] == '$2'][0]"
}
readings()	# WHERE
{
	run_ "$MIDWATCH" status --json
	check "a copy on one store of two is a warning $1" [ "$(status_of backup otc)" = warning ]
	check "and says on which $1" contains "$(text_of backup otc)" "on nas"
	check "what was never restored is a warning $1" contains "$(text_of backup gps)" "no copy was ever proven by a restore"
	check "a store with damaged and unfinished sets is a warning $1" [ "$(status_of sets nas)" = warning ]
	check "and says how many $1" contains "$(text_of sets nas)" "1 unfinished set"
}
readings "here"

# --- over SSH -------------------------------------------------------------------------
if sshd_start "$WORK/ssh"; then
	places=$(sshd_place nas-box "$WORK/ssh")
	nas="{ name = \"nas\"; at = \"nas-box\"; path = \"$WORK/nas\"; }"
	site
	listing "over SSH"
	readings "over SSH"
	sshd_stop
	expect_exit 1 "a store that is gone is a failure" "$MIDWATCH" sets --timeout 10s
	check "that names the store" contains "$ERR" "nas cannot be read"
	expect_exit 1 "also for programs" "$MIDWATCH" sets --json
	check "and the others are shown all the same" is \
	    '[o["ok"], [(s["store"], s["ok"]) for s in o["stores"]]]' "[False, [('local', True), ('nas', False)]]"
	run_ "$MIDWATCH" status --json
	check "and what is in it is unknown, not gone" [ "$(status_of backup gps)" = unknown ]
else
	skip "sets are listed over SSH" "$WHY"
fi

# --- a store that hangs ------------------------------------------------------------------
cat >hole.py <<'END'
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(50)
print(s.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(s.accept())
END
python3 hole.py >hole.port 2>/dev/null &
hole=$!
at_exit "kill $hole 2>/dev/null; wait $hole 2>/dev/null"
while [ ! -s hole.port ]; do sleep 0.05; done
places="{ name = \"nas-box\"; ssh = \"nobody@127.0.0.1\"; port = $(cat hole.port); }"
nas='{ name = "nas"; at = "nas-box"; path = "/nas"; }'
site
make_set "$PWD/local" nightly "$young" gps=database globals-otc=globals
make_set --proof "$PWD/local/nightly/$young" verified "$young" gps=ok globals-otc=ok
from=$(date +%s%3N)
expect_exit 1 "a store that hangs is a failure" "$MIDWATCH" sets --timeout 2s
check "within its time" [ $(($(date +%s%3N) - from)) -lt 4000 ]
check "and hides no other store" contains "$OUT" "gps                          verified"
check "and is named" contains "$ERR" "nas cannot be read"
run_ "$MIDWATCH" status --timeout 4s --json
check "what is verified elsewhere is known in status" contains "$(text_of backup gps)" "verified copy of 3 h"
check "with the store that could not be asked" contains "$(text_of backup gps)" "nas cannot be read"
check "what is not elsewhere is unknown" [ "$(status_of backup otc)" = unknown ]

finish
