#!/bin/sh
# backup-restore.sh: run the nightly backup now; backup-restore.sh validate: prove the latest set.
d=$(dirname -- "$(readlink -f -- "$0")")/../..
for m in "$d/build/midwatch" "$d/bin/midwatch" midwatch; do command -v "$m" >/dev/null && break; done
case ${1-} in
'' | --*) exec "$m" nightly "$@" ;;
validate) shift; exec "$m" validate latest "$@" ;;
esac
echo "usage: backup-restore.sh [--dry-run | validate [--restore]]" >&2; exit 2
