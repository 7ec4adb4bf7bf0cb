#!/bin/sh
# `midwatch sets adopt`: dumps that pg_dump made by itself, read through and taken
# over; what is cut off, damaged or of nobody stays unproven, and as it lies.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/postgres.sh"
. "$ROOT/tests/sshd.sh"

is()	# EXPRESSION VALUE: of the object in $OUT, called o
{
	got_=$(printf '%s' "$OUT" | python3 -c 'import json, sys
o = json.load(sys.stdin)
d = {x["path"].rsplit("/", 1)[-1]: x for x in o.get("dumps", [])}
print(eval(sys.argv[1]))' "$1")
	[ "$got_" = "$2" ] || { echo "$1 is '$got_', not '$2'"; return 1; }
}

places='' nas='{ name = "nas"; path = "nas"; }'
site()
{
	cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "UTC"; state = "state"; };
places = ( $places );
databases = ( { name = "otc"; host = "127.0.0.1"; port = 1; aka = ( "otc-prod" ); }, { name = "gps"; host = "127.0.0.1"; port = 1; } );
stores = ( $nas );
backup = { to = ( "nas" ); };
END
}
site
mkdir nas

expect_exit 2 "adopt wants a path" "$MIDWATCH" sets adopt
expect_exit 2 "what is not there is not taken over" "$MIDWATCH" sets adopt nothing
check "and is named" contains "$ERR" "nothing"
expect_exit 2 "a database that the site does not have is wrong usage" "$MIDWATCH" sets adopt nas --db crm
expect_exit 2 "so is a store" "$MIDWATCH" sets adopt nas --store tape

if ! pg_start_cluster "$WORK/pg"; then
	skip "dumps of a real server are taken over" "$WHY"
	finish
fi
psql_ "$WORK/pg" -c 'CREATE DATABASE otc' -c 'CREATE DATABASE crm'
psql_ "$WORK/pg" -d otc -c 'CREATE TABLE "a b" (id int, t text)' \
    -c 'INSERT INTO "a b" SELECT i, repeat(md5(i::text), 9) FROM generate_series(1, 9000) i' \
    -c "SELECT lo_from_bytea(0, decode(repeat('ab', 5000), 'hex'))" >/dev/null
dump()
{
	"$PG_BIN/pg_dump" -h "$WORK/pg" -p "$(cat "$WORK/pg/port")" -U "$PG_SUPER" "$@"
}
day=nas/daily/2025/11/04
mkdir -p $day/more bad old
dump otc >$day/otc.sql
dump otc | gzip >$day/otc-prod_nightly.sql.gz
dump -Fc otc >$day/x1.dump
dump -Fc -Z0 otc | gzip >$day/more/x2.dump.gz
dump -Ft otc >$day/x3.tar
dump -Ft otc | gzip >$day/x4.tar.gz
echo "how to restore" >$day/README
echo "a log" | gzip >$day/otc.log.1.gz
# newer servers close their restricted mode after the marker
{ dump otc; printf '\\unrestrict abcDEF\n\n'; } >$day/otc_new.sql
(cd nas && find . -type f -exec sha256sum {} +) >before

PATH=$PG_BIN:$PATH
export PATH
expect_exit 0 "dumps of every format are taken over" "$MIDWATCH" sets adopt daily/2025/11/04
check "each becomes a set" sh -c '[ "$(ls nas/manual | grep -c "Z$")" = 7 ]'
check "and nothing unfinished is left" sh -c '! ls -A nas/manual | grep partial'
check "of the day that the path says" sh -c 'ls nas/manual | grep -q "^20251104T00000[0-6]Z$"'
check "what only the name says is said" contains "$ERR" "said by its name"
check "what is no dump stays out of it" contains "$ERR" "2 other files"
check "the originals are as they were" sh -c 'cd nas && sha256sum --status -c ../before'
check "sets hold together by their own checksums" sh -c \
    'for d in nas/manual/*Z; do (cd $d && sha256sum --status -c checksums.sha256) || exit 1; done'
check "bytes are shared where they can be" sh -c '[ "$(stat -c %h '$day'/x1.dump)" = 2 ]'
run_ "$MIDWATCH" sets
cp midwatch.cfg adopted.cfg
sed -i "s|host = \"127.0.0.1\"; port = 1; aka|host = \"$WORK/pg\"; port = $PG_PORT; user = \"postgres\"; aka|" midwatch.cfg
psql_ "$WORK/pg" -c 'CREATE DATABASE again'
into="host=$WORK/pg port=$PG_PORT user=postgres dbname=again"
sql=$(dirname "$(ls nas/manual/*/otc.sql | head -n 1)")
expect_exit 3 "SQL is no archive, and is not restored" "$MIDWATCH" restore "${sql##*/}" otc --into "$into" --confirm again
check "and how it can be is said" contains "$ERR" "psql -d"
archive=$(dirname "$(ls nas/manual/*/otc.dump | head -n 1)")
expect_exit 0 "an archive is, also one without gzip" "$MIDWATCH" restore "${archive##*/}" otc --into "$into" --confirm again
check "with its rows" [ "$(psql_ "$WORK/pg" -d again -c 'SELECT count(*) FROM "a b"')" = 9000 ]
mv adopted.cfg midwatch.cfg
run_ "$MIDWATCH" sets
check "they count as verified" sh -c '[ "$(printf "%s\n" "$1" | grep -c "otc  *verified")" = 7 ]' sh "$OUT"
check "and their origin is shown" contains "$OUT" "taken over from"
set_=$(dirname "$(ls nas/manual/*/otc.dump)")
check "a set is restored by stock tools" sh -c \
    'PATH=$2:$PATH; pg_restore --list "$1"/otc.dump | grep -q "a b"' sh "$set_" "$PG_BIN"

expect_exit 0 "a second time nothing is made" "$MIDWATCH" sets adopt --json daily/2025/11/04
check "because they are known" is 'all(x["known"] for x in o["dumps"])' True
check "by their bytes" sh -c '[ "$(ls nas/manual | wc -l)" = 7 ]'

expect_exit 0 "they are read through again whenever that is asked for" "$MIDWATCH" validate all
check "each of them" sh -c '[ "$(printf "%s\n" "$1" | grep -c "\[OK\] otc, .*: verified")" = 7 ]' sh "$OUT"
check "rows are counted where the format shows them" contains "$OUT" "1 table, 9000 rows"
check "their sizes, of whatever format, are nothing usual" [ ! -e state/sizes/otc.csv ]
run_ "$MIDWATCH" status
check "and make no other copy unusual" lacks "$OUT" "unusually"
run_ "$MIDWATCH" sets
check "and stay verified" sh -c '[ "$(printf "%s\n" "$1" | grep -c "otc  *verified")" = 7 ]' sh "$OUT"
cp -rp nas nas.whole
for file in nas/manual/*/otc.*; do
	python3 - "$file" <<'END'
import os, sys
b = bytearray(open(sys.argv[1], "rb").read())
b[len(b) // 2] ^= 4
os.unlink(sys.argv[1])		# it shares its bytes with the original
open(sys.argv[1], "wb").write(b)
END
done
expect_exit 1 "one flipped bit in any of them is found" "$MIDWATCH" validate all
check "in each" sh -c '[ "$(printf "%s\n" "$1" | grep -c "\[FAIL\] otc, ")" = 7 ]' sh "$OUT"
check "whatever its format" sh -c '! printf "%s\n" "$1" | grep "\[OK\]"' sh "$OUT"
for file in nas/manual/*/otc.*; do
	truncate -s "$(($(stat -c %s "$file") / 2))" "$file"
done
expect_exit 1 "so is one that is cut off" "$MIDWATCH" validate all
check "in each of those" sh -c '[ "$(printf "%s\n" "$1" | grep -c "\[FAIL\] otc, .* bytes, not ")" = 7 ]' sh "$OUT"
rm -rf nas && mv nas.whole nas

# --- what cannot be proven -------------------------------------------------------
half()	# FROM TO
{
	head -c $(($(stat -c %s "$1") / 2)) "$1" >"$2"
}
half $day/otc.sql bad/otc_cut.sql
half $day/otc-prod_nightly.sql.gz bad/otc_cut.sql.gz
half $day/x1.dump bad/otc_cut.dump
half $day/x3.tar bad/otc_cut.tar
gunzip -c $day/more/x2.dump.gz | head -c 300000 | gzip >bad/otc_inner.dump.gz
python3 - "$day/otc-prod_nightly.sql.gz" bad/otc_flip.sql.gz <<'END'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[len(b) // 2] ^= 4
open(sys.argv[2], "wb").write(b)
END
: >bad/otc_empty.sql
dump -Fc crm >bad/otc_really_crm.dump
dump crm >bad/nobodys.sql
dump crm >bad/otc_gps.sql
{ dump otc; echo 'DROP TABLE t;'; } >bad/otc_more.sql
"$PG_BIN/pg_dumpall" -h "$WORK/pg" -p "$(cat "$WORK/pg/port")" -U "$PG_SUPER" >bad/otc_all.sql
(cd bad && sha256sum -- *) >before
expect_exit 1 "what is not whole is not taken over" "$MIDWATCH" sets adopt --json --store nas "$WORK/bad"
check "none of it" is 'sorted(set(x["truth"] for x in o["dumps"]))' "['unproven']"
check "a cut plain dump says so" is '"cut off" in d["otc_cut.sql"]["why"]' True
check "so does one within gzip" is 'd["otc_cut.sql.gz"]["why"] != ""' True
check "a cut archive is what pg_restore says" is '"pg_restore" in d["otc_cut.dump"]["why"]' True
check "a cut tar is never waited for" is '"cut off" in d["otc_cut.tar"]["why"]' True
check "also in whole gzip" is '"pg_restore" in d["otc_inner.dump.gz"]["why"]' True
check "one flipped bit is found" is 'd["otc_flip.sql.gz"]["why"] != ""' True
check "a dump's own word counts more than its name" is '"no" in d["otc_really_crm.dump"]["why"]' True
check "of whom nobody says stays" is '"--db" in d["nobodys.sql"]["why"]' True
check "so does what may be of two" is '"several" in d["otc_gps.sql"]["why"]' True
check "what follows the end is seen" is '"follows" in d["otc_more.sql"]["why"]' True
check "a whole cluster is no database" is '"cluster" in d["otc_all.sql"]["why"]' True
check "no set was made" sh -c '[ "$(ls nas/manual | wc -l)" = 7 ]'
check "and all lies as it did" sh -c 'cd bad && sha256sum --status -c ../before'
expect_exit 1 "an empty file that is named is refused" "$MIDWATCH" sets adopt --store nas "$WORK/bad/otc_empty.sql"
expect_exit 1 "the operator's word does not change a dump's" \
    "$MIDWATCH" sets adopt --store nas --db otc "$WORK/bad/otc_really_crm.dump"
check "and the message names both" contains "$OUT" "it is of 'crm', not of 'otc'"

# --- saying, moving -----------------------------------------------------------------
dump otc | sed 's/^-- Started.*//' >old/backup.sql
touch -d '2026-01-05 01:02:03Z' old/backup.sql
expect_exit 0 "what the operator names is taken over" \
    "$MIDWATCH" sets adopt --json --store nas --db otc --move "$WORK/old/backup.sql"
check "with the file's own time" is 'o["dumps"][0]["set"]' manual/20260105T010203Z
check "and who said it" is 'o["dumps"][0]["named_by"]' you
check "moved means that the original is gone" sh -c '[ ! -e old/backup.sql ] && [ -s nas/manual/20260105T010203Z/otc.sql ]'
check "the record said so before" grep -q 'old/backup.sql becomes a set of otc, and is removed once' state/log.jsonl
check "and what became of it" grep -q 'old/backup.sql of otc is verified as manual/20260105T010203Z; the original is removed' state/log.jsonl
check "and of what stayed unproven" grep -q 'sets adopt: .*otc_really_crm.dump stays unproven: ' state/log.jsonl

# --- over SSH ----------------------------------------------------------------------------
if sshd_start "$WORK/ssh"; then
	places=$(sshd_place nas-box "$WORK/ssh")
	nas="{ name = \"nas\"; at = \"nas-box\"; path = \"$WORK/far\"; }"
	mkdir -p far/daily/2025/11/05 old
	site
	dump -Fc otc >far/daily/2025/11/05/otc.dump
	dump otc | gzip >old/otc.sql.gz
	expect_exit 0 "a store over SSH takes over what lies in it" "$MIDWATCH" sets adopt daily/2025/11/05
	check "as a set there" [ -s far/manual/20251105T000000Z/manifest.json ]
	expect_exit 0 "and what lies here" "$MIDWATCH" sets adopt "$WORK/old/otc.sql.gz"
	expect_exit 2 "what lies nowhere is an error" "$MIDWATCH" sets adopt "$WORK/old/nothing"
	check "that names it" contains "$ERR" "there is no '$WORK/old/nothing'"
	rm -rf far/manual
	mv far kept && nas="{ name = \"nas\"; at = \"nas-box\"; path = \"$WORK/new/far\"; }"
	site
	expect_exit 0 "the first set of a store may be one that was taken over" "$MIDWATCH" sets adopt "$WORK/old/otc.sql.gz"
	check "and its folders are made" sh -c 'ls new/far/manual/*Z/manifest.json'
	mv kept far && rm -rf new && nas="{ name = \"nas\"; at = \"nas-box\"; path = \"$WORK/far\"; }"
	site
	run_ "$MIDWATCH" sets adopt daily/2025/11/05
	run_ "$MIDWATCH" sets adopt "$WORK/old/otc.sql.gz"
	run_ "$MIDWATCH" sets
	check "which both count" sh -c '[ "$(printf "%s\n" "$1" | grep -c "otc  *verified")" = 2 ]' sh "$OUT"
	sshd_stop
else
	skip "a store over SSH takes over what lies in it" "$WHY"
fi

finish
