#!/bin/sh
# embed.sh -- turns files into one of the C tables that daemon/assets.h
# declares: assets or documents.
#	embed.sh asset SOURCE_DIR NAME... > assets.c
# The same files give the same bytes, whatever the date, order or place.
set -eu
export LC_ALL=C
table=$1
source_dir=$2
shift 2

type_of() {
	case $1 in
	*.html) echo 'text/html; charset=utf-8' ;;
	*.css) echo 'text/css; charset=utf-8' ;;
	*.js) echo 'text/javascript; charset=utf-8' ;;
	*.json) echo 'application/json' ;;
	*.svg) echo 'image/svg+xml' ;;
	*.txt) echo 'text/plain; charset=utf-8' ;;
	*) echo "embed.sh: $1: no content type for this name" >&2; exit 1 ;;
	esac
}

# bytes NAME: standard input as an array of that name
bytes() {
	echo "static const unsigned char $1[] = {"
	od -An -v -tu1 | sed -e 's/  *\([0-9][0-9]*\)/\1,/g'
	echo '};'
}

names=$(printf '%s\n' "$@" | sort)
printf '/* made by web/embed.sh: do not edit */\n#include "daemon/assets.h"\n\n'
n=0
for name in $names; do
	bytes "plain_$n" < "$source_dir/$name"
	gzip -9nc < "$source_dir/$name" | bytes "gzip_$n"
	n=$((n + 1))
done

printf '\nconst struct asset %ss[] = {\n' "$table"
n=0
for name in $names; do
	type=$(type_of "$name")
	tag=$(sha256sum < "$source_dir/$name" | cut -c1-16)
	cat <<ROW
	{ "/$name", "$type", "W/\"$tag\"",
	  plain_$n, gzip_$n, sizeof plain_$n, sizeof gzip_$n },
ROW
	n=$((n + 1))
done
printf '};\nconst size_t %s_count = sizeof %ss / sizeof *%ss;\n' \
	"$table" "$table" "$table"
