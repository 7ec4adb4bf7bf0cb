#!/bin/sh
# The pictures of the console: made from real screens, the same each time, and
# there where README refers to them.
. "$(dirname "$0")/../lib.sh"
shots=${MIDWATCH%/*}/tests/ui_shots
unset NO_COLOR MIDWATCH_THEME

mkdir one two
expect_exit 0 "screens become pictures" "$shots" one incident theme-mono
check "and the same ones again" sh -c '"$1" two incident theme-mono >/dev/null && diff -r one two' - "$shots"
cat >look.py <<'END'
import re, sys, xml.etree.ElementTree as tree
top = tree.parse(sys.argv[1]).getroot()
rows = {}
for text in top.iter("{http://www.w3.org/2000/svg}text"):
    rows.setdefault(int(text.get("y")), []).append(" ".join(t.text for t in text))
print("\n".join(" ".join(row) for y, row in sorted(rows.items())))
print("colours:", len({e.get("fill") for e in top.iter() if e.get("fill")}))
END
run_ python3 look.py one/incident.svg
check "a picture can be read as text" contains "$OUT" "PROD bastion SEV-1 00:38 02:42+01"
check "with the one thing to do now" contains "$OUT" "NOW: Recover the login of arp"
check "and has the theme's colours" [ "${OUT##*: }" -gt 3 ]
run_ python3 look.py one/theme-mono.svg
check "the theme mono is two colours and no more" [ "${OUT##*: }" = 2 ]
for picture in $(grep -o 'doc/screens/[a-z-]*\.svg' "$ROOT/README.md" | sort -u); do
	check "README's ${picture##*/} is there and well formed" python3 look.py "$ROOT/$picture"
done
for theme in "$ROOT"/themes/*.cfg; do
	name=$(basename "$theme" .cfg)
	[ "$name" = production ] || check "the theme $name has a picture" [ -s "$ROOT/doc/screens/theme-$name.svg" ]
done
finish
