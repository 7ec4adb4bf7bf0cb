#!/bin/bash
# The place room's own tests again, with a container of a real engine.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/docker.sh"

if ! docker_start || ! docker_image box bash coreutils; then
	skip "a container of a real engine is a place like any other" "$WHY"
	finish; exit
fi
mkdir share
box() { docker run -d --name "$1" --network host -v "$WORK/share:$WORK/share" --tmpfs /full:size=1M box "${@:2}" >/dev/null; }
# Its first process never looks after the children of others.
check "a container starts" box db sleep 3600

export TEST_BOX=db TMPDIR=$WORK/share
cd "$ROOT"
for t in file cancel; do
	"${MIDWATCH%/*}/tests/place_${t}_test" >"$WORK/log" 2>&1 </dev/null
	status=$?
	while read -r result _ _ name; do
		case $result in
		ok)  ok "with a real engine, $(tr _ ' ' <<<"$name")" ;;
		not) not_ok "with a real engine, $(cut -d' ' -f2- <<<"$name" | tr _ ' ')" "$(tail -n 40 "$WORK/log")" ;;
		esac
	done < <(grep -E '^(not )?ok [0-9]+ - ' "$WORK/log")
	check "place_${t}_test ends well" test $status = 0
done
docker rm -f db >/dev/null
finish
