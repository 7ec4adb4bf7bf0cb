#!/bin/sh
# What can happen to both ends of a backup while it runs: pg_dump is killed at each
# tenth of its stream; the store goes away in the middle, while it is read back and at
# the moment of publishing, and comes back.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/postgres.sh"

if ! pg_have || ! command -v pg_restore >/dev/null; then
	skip "a dump that is killed is no backup" "${WHY:-there is no pg_restore}"
	finish
fi
mkdir there bin
cat >there/sha256sum <<END
#!/bin/sh
for last; do :; done
case \$last in *"\$(cat "$WORK/go_at" 2>/dev/null || echo never)") : >"$WORK/bye"; sleep 20 ;; esac
exec /usr/bin/sha256sum "\$@"
END
cat >bin/pg_dump <<'END'
#!/bin/sh
real=/usr/lib/postgresql/15/bin/pg_dump
case " $* " in *" --version "*|*" --section=p"*) exec $real "$@";; esac
if [ -n "$KILL_AT" ]; then
	$real "$@" | head -c "$KILL_AT"
	kill -9 $$
fi
FIFO=$FIFO.$$
mkfifo "$FIFO" || exit
$real "$@" >"$FIFO" &
{
	head -c 400000
	: >half
	while [ ! -e on ]; do sleep 0.1; done
	cat
} <"$FIFO"
wait $!
END
chmod +x there/sha256sum bin/pg_dump
if ! sshd_start "$WORK/ssh" "SetEnv PATH=$WORK/there:/usr/bin:/bin" || ! pg_start_cluster "$WORK/pg"; then
	skip "a dump that is killed is no backup" "$WHY"
	finish
fi
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE gps'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE t AS SELECT g, md5(g::text) AS m FROM generate_series(1, 40000) g' >/dev/null
cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "UTC"; state = "state"; };
places = ( $(sshd_place nas-box "$WORK/ssh") );
databases = ( { name = "otc"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; },
              { name = "gps"; host = "$WORK/pg"; port = $PG_PORT; user = "postgres"; } );
stores = ( { name = "nas"; at = "nas-box"; path = "$WORK/nas"; }, { name = "local"; path = "local"; } );
backup = { to = ( "nas" ); min_free = "1MB"; globals = false; };
END
sets() { find nas local -mindepth 2 -maxdepth 2 -name '2*' 2>/dev/null; }
final() { sets | grep 'Z$'; }
as_fake() { PATH="$WORK/bin:$PATH" FIFO="$WORK/fifo.$$.$(date +%N)" "$MIDWATCH" "$@"; }
back()	# the same server, at the same port
{
	setsid "$SSHD" -D -e -f "$WORK/ssh/config" >>"$WORK/ssh/log" 2>&1 </dev/null &
	SSHD_PID=$!
	at_exit "sshd_stop $SSHD_PID"
	sshd_wait_ || not_ok "the store comes back"
}

# --- the producer ---------------------------------------------------------------------
expect_exit 0 "the whole of it is a backup" "$MIDWATCH" backup otc --store local
raw=$(sed -n 's/.*"otc.dump.gz","size":[0-9]*,"raw_size":\([0-9]*\).*/\1/p' local/manual/*/manifest.json)
rm -rf local
for tenth in 1 2 3 4 5 6 7 8 9; do
	expect_exit 1 "pg_dump killed after $tenth tenths" env KILL_AT=$((raw * tenth / 10)) PATH="$WORK/bin:$PATH" \
	    "$MIDWATCH" backup otc --store local --jobs $((1 + tenth % 2))
	check "is said ($tenth)" contains "$OUT" "killed by signal 9"
	check "and nothing stays ($tenth)" [ -z "$(sets)" ]
done

# --- the store, in the middle ------------------------------------------------------------
# until the half of it is there
half_way()	# ARGUMENT...
{
	rm -f half on
	as_fake "$@" >middle.out 2>&1 &
	run=$!
	turn=0
	while [ ! -e half ] && [ $turn -lt 300 ]; do
		turn=$((turn + 1))
		sleep 0.1
	done
	sshd_stop
}
half_way backup otc
check "while it is gone nothing has a final name" [ -z "$(final)" ]
: >on
sleep 1
back
status=0
wait $run || status=$?
check "a store that went away in the middle and came back has all of it" [ $status = 0 ]
check "and is proven" contains "$(cat middle.out)" "(verified)"
check "stock tools agree" sh -c 'cd "$1" && sha256sum -c --quiet checksums.sha256 && gunzip -c otc.dump.gz | pg_restore -f /dev/null' sh "$(final)"

# --- the store, in the middle, for good ----------------------------------------------------
rm -rf nas
cp midwatch.cfg kept.cfg
echo 'components = ( { name = "files"; files = ( "there" ); }, { name = "more"; command = "echo more"; } );' >>midwatch.cfg
sed -i 's/to = ( "nas" );/& also = ( "local" ); store_patience = "3s";/' midwatch.cfg
half_way backup otc gps
: >on
status=0
wait $run || status=$?
check "a store that stays away costs its own copies" [ $status = 1 ]
check "it is given up when it was waited for" contains "$(cat middle.out)" "nas: given up while otc was sent: nothing was acknowledged for 3.0 s"
check "once for all that comes after it" [ "$(grep -c 'nothing more is sent there in this run' middle.out)" = 1 ]
check "which goes to the others" sh -c 'ls local/manual/*Z/otc.dump.gz local/manual/*Z/gps.dump.gz'
check "where it is proven" contains "$(cat middle.out)" "/otc.dump.gz (verified)"
back
rm -rf nas local
half_way backup otc --jobs 2
: >on
status=0
wait $run || status=$?
check "of several streams too: it has not all of it" [ $status = 1 ]
check "and the others have" contains "$(cat middle.out)" "/otc/ (verified)"
check "by the first try" lacks "$(cat middle.out)" "one stream saves"
rm -rf local
back
rm -rf nas
half_way backup otc gps --store nas
: >on
status=0
wait $run || status=$?
check "without another one nothing more is dumped" contains "$(cat middle.out)" "gps is not saved: no store takes a set: nas: given up while otc was sent"
check "and nothing stays here" [ -z "$(final)" ]
back
rm -rf nas local
half_way nightly
: >on
status=0
wait $run || status=$?
check "a night is no success without that store" [ $status = 1 ]
check "but says where everything is safe, and what to type" contains "$(cat middle.out)" \
    "[FAIL] nightly: safe on local only: otc, gps, files, more; type: midwatch nightly, when nas is mended"
check "and the same reason once" [ "$(grep -c 'safe on local only: as otc' middle.out)" = 3 ]
run_ "$MIDWATCH" incident show
check "the incident has a title that can be read" contains "$OUT" "the nightly failed: safe on local only: otc, gps, files, more"
check "and one line for all of them" contains "$OUT" "nightly: otc, gps, files, more are safe on local only: nas does not have it: given up"
mv kept.cfg midwatch.cfg
back
rm -rf nas local

# --- at the end -------------------------------------------------------------------------------
rm -rf nas
for at in otc.dump.gz manifest.json checksums.sha256; do
	rm -f bye
	printf '%s\n' $at >go_at
	"$MIDWATCH" backup otc >end.out 2>&1 &
	run=$!
	turn=0
	while [ ! -e bye ] && [ $turn -lt 300 ]; do
		turn=$((turn + 1))
		sleep 0.1
	done
	sshd_stop
	status=0
	wait $run || status=$?
	check "a store that goes away before $at was read back has no backup" [ $status = 1 ]
	check "which is said ($at)" contains "$(cat end.out)" "[FAIL] otc is not saved"
	check "with what is left there ($at)" contains "$(cat end.out)" "left behind: nas:$WORK/nas/manual/"
	check "nothing has a final name ($at)" [ -z "$(final)" ]
	grep -q 'left_behind' state/log.jsonl && ok "the journal knows it ($at)" || not_ok "the journal knows it ($at)"
	rm go_at
	back
	expect_exit 0 "when it is back the next backup works ($at)" "$MIDWATCH" backup otc
	run_ "$MIDWATCH" sets
	check "and the old one is listed as unfinished ($at)" contains "$OUT" "unfinished  nas"
	rm -rf nas
done
finish
