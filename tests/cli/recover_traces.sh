#!/bin/bash
# Rotation after rotation, with old secrets that are hard to quote: not one trace of
# any of them anywhere, the server's log at log_statement = all included.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/recover.sh"

extra=''
[ ! -e "$("$PG_BIN/pg_config" --pkglibdir 2>/dev/null)/pg_stat_statements.so" ] ||
    extra="shared_preload_libraries = 'pg_stat_statements, auto_explain'"
if ! recover_world "$extra" "auto_explain.log_min_duration = 0" "debug_print_parse = on"; then
	skip "rotations leave no trace" "$WHY"
	finish
fi
rounds=100
[ -z "${MIDWATCH_SOAK-}" ] || rounds=1000
watched=''
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	watched="strace -f -qq -v -s 65536 -e trace=execve,prctl -o $WORK/execs"
	no_leak_check
else
	skip "the words and the environment of every program are looked at" "strace cannot trace here"
fi
mkdir -p out
recover_site '' "$WORK/copy"
[ -z "$extra" ] || psql_ "$WORK/pg" -c 'CREATE EXTENSION pg_stat_statements'

# As an administrator does it who takes care.
quietly()
{
	PGOPTIONS='-c log_statement=none -c log_min_duration_statement=-1 -c log_transaction_sample_rate=0 -c log_min_error_statement=panic -c debug_print_parse=off -c track_activities=off -c pg_stat_statements.track=none -c auto_explain.log_min_duration=-1' \
	    "$PG_BIN/psql" -XAtq -h "$WORK/pg" -p "$PG_PORT" -U postgres -d postgres -v ON_ERROR_STOP=1 "$@"
}

tails=("'" '"' ':' '\' '%s%n' ' ' '$$' "';--" 'üßé' '::' '\\' "\\'" '#' '*' '%27' '$(id)')
failed='' traced=0
for round in $(seq $rounds); do
	canary="c4n4ry$round${tails[round % 16]}x${tails[round * 7 % 16]}y"
	echo "ALTER ROLE backup PASSWORD :'p'; SELECT rolpassword FROM pg_authid WHERE rolname = 'backup'" |
	    quietly -v p="$canary" >>old.verifiers
	escaped=${canary//\\/\\\\}
	stored "${escaped//:/\\:}"
	stored "${escaped//:/\\:}" copy
	# every way of quoting it logs in, once
	[ "$round" -gt 16 ] || logs_in || failed="$failed $round (the canary does not log in)"
	# a look at each program takes its time
	watch='' file=pgpass
	[ $((round % 8)) != 1 ] || { watch=$watched file=copy traced=$((traced + 1)); }
	# every third is one that is lost, every fifth as the plan has it
	[ $((round % 3)) != 0 ] || { stored lost; stored lost copy; }
	[ $((round % 5)) != 0 ] || $watch "$MIDWATCH" -c site.cfg recover arp --rotate --plan >out/plan.$round 2>&1
	$watch "$MIDWATCH" -c site.cfg recover arp --rotate --confirm arp >out/$round 2>&1 ||
	    failed="$failed $round ($(tail -n 2 out/$round))"
	logs_in $file || failed="$failed $round (it does not log in)"
	sed -n 's/.*:arp:backup://p' pgpass >>new
	[ ! -e execs ] || { cat execs >>all.execs; rm execs; }
done
check "$rounds rotations work" test -z "$failed"
[ -z "$failed" ] || echo "# $failed"
check "each has a password of its own" test "$(sort -u new | wc -l)" = "$rounds"
quietly -c "SELECT rolpassword FROM pg_authid WHERE rolname = 'backup'" >>old.verifiers
cut -d: -f3 old.verifiers | sort -u >verifiers
rm -f old.verifiers
mv new "$HOME/../.new" && mv verifiers .verifiers

check "no old secret is anywhere" test -z "$(grep -rlF c4n4ry "$WORK" 2>/dev/null)"
head -n -1 .new >.gone
check "no former new one is anywhere" test -z "$(grep -rlF -f .gone "$WORK" --exclude=.new --exclude=.gone 2>/dev/null)"
check "the last one is in the password files alone" \
    test "$(grep -rlF -e "$(tail -n 1 .new)" "$WORK" --exclude=.new --exclude-dir=data 2>/dev/null | sort | tr '\n' ' ')" = "$WORK/copy $WORK/pgpass "
check "no verifier is in the server's log" test -z "$(grep -F -f .verifiers pg/log | head -n 1)"
check "nor in the record or what was said" test -z "$(grep -rlF -f .verifiers state out home)"
check "the server's log did hold the rest" grep -q 'rolvaliduntil' pg/log
if [ -n "$extra" ]; then
	check "no verifier is among the statements that were counted" test -z \
	    "$(psql_ "$WORK/pg" -c 'SELECT query FROM pg_stat_statements' | grep -F -f .verifiers)"
else
	skip "no verifier is among the statements that were counted" "pg_stat_statements is not installed"
fi
if [ -n "$watched" ]; then
	check "programs were started and looked at" test "$(grep -c execve all.execs)" -ge "$traced"
	check "no program was told a secret or a verifier" test -z "$(grep -F -f .new all.execs; grep -F -f .verifiers all.execs; grep c4n4ry all.execs)"
	check "each process that knew them could not be dumped" test "$(grep -c 'PR_SET_DUMPABLE, SUID_DUMP_DISABLE' all.execs)" -ge $((2 * traced))
fi
finish
