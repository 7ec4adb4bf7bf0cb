#!/bin/sh
# secrets-management.sh recover-DB [--plan|--confirm DB]: recover the password of a legacy database (recover-arp: of arp).
d=$(dirname -- "$(readlink -f -- "$0")")/../..
for m in "$d/build/midwatch" "$d/bin/midwatch" midwatch; do command -v "$m" >/dev/null && break; done
case ${1-} in recover-[A-Za-z0-9]*) n=${1#recover-}; shift; exec "$m" recover "$n" "$@" ;; esac
echo "usage: secrets-management.sh recover-DATABASE [--plan] [--confirm DATABASE]" >&2; exit 2
