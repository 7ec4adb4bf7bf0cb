#!/bin/sh
# The manual of readings knows every kind that there is.
. "$(dirname "$0")/../lib.sh"

expect_exit 0 "help lists the readings" "$MIDWATCH" help readings
lacking=''
for kind in $(sed -n 's/^	\.kind = "\(.*\)",$/\1/p' "$ROOT"/src/*/*.c); do
	printf '%s\n' "$OUT" | grep -q "^$kind  *[0-9.]* \(s\|min\)  *[0-9.]* \(s\|min\)  [a-zI]" ||
	    lacking="$lacking $kind"
done
check "each with its times and a line of what it is" [ -z "$lacking" ]
check "there are some" [ "$(sed -n '/^	\.kind = /p' "$ROOT"/src/*/*.c | wc -l)" -ge 15 ]
for word in kind name level at took_ms deadline_ms cost_us text next data error stale since; do
	printf '%s\n' "$OUT" | grep -q "^  .*$word" || lacking="$lacking $word"
done
check "and every member of the wire format" [ -z "$lacking" ]
expect_exit 0 "the manual page has them as well" "$MIDWATCH" help --man
check "by kind" contains "$OUT" "kernel  "
finish
