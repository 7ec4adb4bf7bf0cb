#!/bin/sh
# `midwatch schedule`: what starts midwatch, printed for systemd and for cron, and
# whether a host really does it. Hosts are folders of files.
. "$(dirname "$0")/../lib.sh"

py()
{
	printf '%s' "$OUT" | python3 -c "
import json, sys
o = json.load(sys.stdin)
got = str($1)
if got != '''$2''':
    sys.exit('is ' + got)"
}

# site ZONE HOUR
site()
{
	cat >site.cfg <<-END
	site = { name = "prod"; timezone = "$1"; state = "state"; };
	databases = ( { name = "otc"; } );
	stores = ( { name = "local"; path = "sets"; } );
	backup = { to = ( "local" ); };
	schedule = { nightly = "$2"; dry_run_every = "${3-6h}"; };
	END
}

# host NAME ZONE: a Debian with cron and systemd, and nothing to do
host()
{
	H=$WORK/$1
	mkdir -p "$H/etc/systemd/system/timers.target.wants" \
	    "$H/run/systemd/system" "$H/usr/sbin" "$H/etc/cron.d" \
	    "$H/var/spool/cron/crontabs"
	ln -s "/usr/share/zoneinfo/$2" "$H/etc/localtime"
	echo 12.0 >"$H/etc/debian_version"
	echo "SHELL PATH ${3-}" >"$H/usr/sbin/cron"
	echo 7 >"$H/run/crond.pid"
}

# units: those that are printed, put where the host looks, and enabled
units()
{
	"$MIDWATCH" -c site.cfg schedule systemd --output \
	    "$H/etc/systemd/system" >/dev/null 2>&1
	for t in "$H"/etc/systemd/system/*.timer; do
		ln -s "$t" "$H/etc/systemd/system/timers.target.wants/"
	done
}

crontab_of_ann()
{
	"$MIDWATCH" -c site.cfg schedule cron --root "$H" \
	    >"$H/var/spool/cron/crontabs/ann" 2>/dev/null
}

check_host()
{
	expect_exit "$1" "$2" "$MIDWATCH" -c site.cfg schedule check \
	    --root "$H" --json
}

# --- nothing starts it -------------------------------------------------------------
site Africa/Lagos 02:00
host bare Etc/UTC
check_host 1 "a host that starts nothing is not as the site says"
check "each of the jobs is missed" \
    py '[j["level"] for j in o["jobs"]].count("warning")' 7
check "and the host's own zone is named" py 'o["host_zone"]' Etc/UTC
expect_exit 0 "without check it only shows" "$MIDWATCH" -c site.cfg \
    schedule --root "$H"
check "by the site's clock" contains "$OUT" "by the clock of Africa/Lagos"

# --- systemd -----------------------------------------------------------------------
host timers Etc/UTC
units
check_host 0 "the units that are printed do what the site says"
check "the nightly at its hour, in UTC" py 'o["jobs"][0]["next"][11:16]' 01:00
check "and it catches up on what was missed" \
    py 'o["jobs"][0]["starters"][0]["catches_up"]' True
check "each of the jobs is started" py '[j["level"] for j in o["jobs"]].count("ok")' 7
check "the zone stands in the unit" grep -q "02:00:00 Africa/Lagos" \
    "$H/etc/systemd/system/midwatch-prod-nightly.timer"
check "the site file is named by its whole path" grep -q -- "-c $WORK/site.cfg nightly" \
    "$H/etc/systemd/system/midwatch-prod-nightly.service"
check "it runs as who asked for it" grep -qx "User=$(id -un)" \
    "$H/etc/systemd/system/midwatch-prod-nightly.service"
if command -v systemd-analyze >/dev/null; then
	expect_exit 0 "systemd finds no fault in them" systemd-analyze verify \
	    "$H"/etc/systemd/system/midwatch-*.service \
	    "$H"/etc/systemd/system/midwatch-*.timer
	check "and says nothing about them" test -z "$(printf %s "$ERR" | grep midwatch-)"
	bad=''
	sed -n 's/^OnCalendar=//p' "$H"/etc/systemd/system/*.timer >calendars
	while read -r line; do
		systemd-analyze calendar "$line" >/dev/null 2>&1 || bad="$bad|$line"
	done <calendars
	check "every hour of theirs is one for systemd" test -z "$bad"
else
	skip "systemd finds no fault in them" "there is no systemd-analyze here"
	skip "every hour of theirs is one for systemd" "there is no systemd-analyze here"
fi
rm "$H/etc/systemd/system/timers.target.wants/midwatch-prod-dry-run.timer"
check_host 1 "a timer that is not enabled is seen"
check "with why" contains "$OUT" "it is not enabled"
ln -s x "$H/etc/systemd/system/timers.target.wants/midwatch-prod-dry-run.timer"
sed -i 's|^OnCalendar.*|OnCalendar=*-*-* 05:30:00|' \
    "$H/etc/systemd/system/midwatch-prod-dry-run.timer"
check_host 1 "one that comes too seldom is seen"
check "with its longest pause" contains "$OUT" "not often enough"

# --- clocks that are changed -------------------------------------------------------
site Europe/Berlin 02:30
host spring Etc/UTC
units
check_host 0 "an hour that clocks skip is made up for by the units"
check "both changes of the year are shown" py 'len(o["changes"])' 2
check "the nightly starts when it is due in those nights" \
    py 'all(c["due"] == c["fires"] for c in o["changes"])' True
sed -i '/UTC$/d' "$H/etc/systemd/system/midwatch-prod-nightly.timer"
check_host 1 "without that it is seen that one night is left out"
check "in the nights of the change" py \
    'sorted(c.get("fires") == c["due"] for c in o["changes"])' "[False, True]"

# --- cron --------------------------------------------------------------------------
site Africa/Lagos 00:30
host lagos Etc/UTC
crontab_of_ann
check_host 0 "lines for a cron of another zone do what the site says"
check "the hour is moved" grep -q "^30 23 \* \* \*.* nightly$" \
    "$H/var/spool/cron/crontabs/ann"
check "and weekdays with it" grep -q "^0 8 \* \* 1.*precheck --only schema --notify$" \
    "$H/var/spool/cron/crontabs/ann"
site Europe/Berlin 04:00
host berlin Etc/UTC
crontab_of_ann
check_host 0 "so do those for one whose distance changes over the year"
check "because each line looks at the site's clock" grep -q \
    "TZ=Europe/Berlin date" "$H/var/spool/cron/crontabs/ann"
check "and it fires once a night, at the site's hour" \
    py 'all(c["due"] == c["fires"] for c in o["changes"])' True
sed -i 's/^\(.*\)\[.*\] && \(.* nightly\)$/\1\2/' "$H/var/spool/cron/crontabs/ann"
check_host 1 "without the look the nightly would start twice"
host cronie America/New_York CRON_TZ
crontab_of_ann
check_host 0 "a cron that knows CRON_TZ is told it"
check "by that name" grep -qx "CRON_TZ=Europe/Berlin" "$H/var/spool/cron/crontabs/ann"
host wrong America/New_York
printf '0 4 * * *\tmidwatch -c %s nightly\n' "$WORK/site.cfg" \
    >"$H/var/spool/cron/crontabs/ann"
check_host 1 "an hour in the host's zone instead of the site's is seen"
check "and which clock it goes by" contains "$OUT" "America/New_York"

# a percent sign is the end of the command for cron
mkdir 'a %b'
cp site.cfg 'a %b/site.cfg'
expect_exit 0 "a path with a space and a percent sign can stand in a crontab" \
    "$MIDWATCH" -c 'a %b/site.cfg' schedule cron --root "$H"
check "quoted for the shell, and escaped for cron" contains "$OUT" "/a \\%b/site.cfg' nightly"
line=$(printf '%s\n' "$OUT" | sed -n 's/^17 [* ]*	\(.*\)/\1/p' | sed 's/\\%/%/g')
expect_exit 0 "the line for what was missed runs as it is printed" sh -c "$line"

# --- catching up -------------------------------------------------------------------
"$MIDWATCH" -c site.cfg schedule catch-up >/dev/null 2>&1
check "nothing is caught up where nothing ever ran" \
    test -z "$("$MIDWATCH" -c site.cfg jobs --all 2>/dev/null | grep nightly)"

mkdir -p "sets/nightly/$(date -u -d '2 days ago' +%Y%m%dT%H%M%SZ)"
expect_exit 1 "a night that was missed is begun, and it fails as it would have" \
    "$MIDWATCH" -c site.cfg schedule catch-up
check "it is said which one" contains "$ERR" "nightly was due at"
check "as a job like any other" contains "$("$MIDWATCH" -c site.cfg jobs --all)" nightly
expect_exit 0 "it is not begun a second time" "$MIDWATCH" -c site.cfg schedule catch-up
run_ "$MIDWATCH" -c site.cfg schedule catch-up --json
check "which is an object for programs" [ "$OUT" = '{"begun":[],"ok":true}' ]

site Africa/Lagos 02:00 7h
expect_exit 0 "a step that no day has is made shorter" "$MIDWATCH" -c site.cfg schedule cron
check "and that is said" contains "$OUT" "more often than the site says"

# --- what cannot be asked ----------------------------------------------------------
sed -i '/^schedule/d' site.cfg
expect_exit 2 "a site that states no hour has no schedule" "$MIDWATCH" -c site.cfg \
    schedule systemd
check "and it is said how to state one" contains "$ERR" "nightly ="
expect_exit 2 "other words are wrong usage" "$MIDWATCH" -c site.cfg schedule launchd
finish
