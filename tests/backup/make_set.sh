#!/bin/sh
# Makes a backup set by gzip, sha256sum and printf alone: what midwatch reads is
# held against what the format says, not against what midwatch writes.
#
#   make_set.sh STORE CLASS NAME COMPONENT=KIND[:failed]...
#   make_set.sh --proof SET verified|restorable STAMP COMPONENT=ok|failed...
#
# NAME is 20250214T021000Z, or that with .incomplete or .partial (which gets no
# manifest); KIND database, globals, files or command.  From the environment:
# SITE (prod), and BYTES (4096) of noise in each component.
set -eu

# 20250214T021000Z -> 2025-02-14T02:10:00.000Z
utc()
{
	printf '%s\n' "$1" | sed \
	    's/^\(....\)\(..\)\(..\)T\(..\)\(..\)\(..\)Z.*/\1-\2-\3T\4:\5:\6.000Z/'
}

sha()
{
	sha256sum <"$1" | cut -c1-64
}

proof()
{
	set_=$1 kind=$2 stamp=$3 list='' comma=''
	shift 3
	for c; do
		case $c in *=ok) ok=true text= ;; *) ok=false text=',"text":"it was tried"' ;; esac
		list=$list$comma$(printf '\n{"name":"%s","ok":%s%s,"took_ms":61000}' \
		    "${c%=*}" $ok "$text")
		comma=,
	done
	printf '{"format":1,"kind":"%s","at":"%s","manifest_sha256":"%s","components":[%s]}\n' \
	    "$kind" "$(utc "$stamp")" "$(sha "$set_/manifest.json")" "$list" \
	    >"$set_/proof-$stamp-$kind.json"
}

# component NAME KIND[:failed]: its file, its lines of both lists
component()
{
	kind=${2%:*} well=true exit=0 problem=
	case $kind in
	database) file=$1.dump.gz by=pg_dump ;;
	globals)  file=$1.sql.gz by=pg_dumpall ;;
	files)    file=$1.tar.gz by=tar ;;
	*)        file=$1.txt.gz by=sh ;;
	esac
	case $2 in *:failed)
		well=false exit=1 problem=',"problem":"the server closed the connection"'
	esac
	head -c "${BYTES:-4096}" /dev/urandom >"$dir/.raw"
	gzip -nc "$dir/.raw" >"$dir/$file"
	manifest=$manifest$comma$(printf '\n{"name":"%s","kind":"%s","complete":%s,"started":"%s","finished":"%s",' \
	    "$1" "$kind" $well "$at" "$at")$(printf \
	    '"files":[{"file":"%s","size":%d,"raw_size":%d,"sha256":"%s"}],"pipe":[{"process":"%s","version":"15","exit":%d},' \
	    "$file" "$(stat -c %s "$dir/$file")" "$(stat -c %s "$dir/.raw")" \
	    "$(sha "$dir/$file")" $by $exit)'{"process":"gzip","exit":0}],"tables":3,"rows":70'$problem}
	comma=,
	rm "$dir/.raw"
}

if [ "$1" = --proof ]; then
	shift
	proof "$@"
	exit
fi

dir=$1/$2/$3 class=$2 at=$(utc "$3") complete=true manifest='' comma=''
mkdir -p "$dir"
case $3 in *.incomplete) complete=false ;; esac
partial=
case $3 in *.partial) partial=yes ;; esac
shift 3
for c; do
	component "${c%%=*}" "${c#*=}"
done
[ -z "$partial" ] || exit 0
printf '{"format":1,"site":"%s","class":"%s","started":"%s","finished":"%s","by":"make_set","complete":%s,"components":[%s]}\n' \
    "${SITE:-prod}" "$class" "$at" "$at" $complete "$manifest" >"$dir/manifest.json"
cd "$dir"
sha256sum ./*.gz manifest.json | sed 's, \./, ,' >checksums.sha256
