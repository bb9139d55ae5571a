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

# The first paint waits for one answer only: a style sheet that a page links is
# put into it.  Its policy then names the sheet by what it is.
link='<link rel="stylesheet" href="\([^"]*\)">'

sheet_of() {
	case $1 in
	*.html) sed -n "s|^$link\$|\1|p" "$source_dir/$1" ;;
	esac
}

whole() {
	sheet=$(sheet_of "$1")
	if [ -z "$sheet" ]; then
		cat "$source_dir/$1"
		return
	fi
	sed -n "/^$link\$/q; p" "$source_dir/$1"
	printf '<style>'
	cat "$source_dir/$sheet"
	echo '</style>'
	sed "1,/^$link\$/d" "$source_dir/$1"
}

# base64 HEX: of 64 digits, three of which (12 bits) make two letters
base64() {
	awk -v hex="$1" 'BEGIN {
		digits = "0123456789abcdef"
		letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz0123456789+/"
		hex = hex "00"
		for (i = 1; i < length(hex); i += 3) {
			bits = 0
			for (k = i; k < i + 3; k++)
				bits = bits * 16 + index(digits, substr(hex, k, 1)) - 1
			text = text substr(letters, int(bits / 64) + 1, 1) \
				substr(letters, bits % 64 + 1, 1)
		}
		print substr(text, 1, 43) "="
	}'
}

policy_of() {
	sheet=$(sheet_of "$1")
	[ -n "$sheet" ] || return 0
	hash=$(sha256sum < "$source_dir/$sheet" | cut -c1-64)
	echo "style-src 'self' 'sha256-$(base64 "$hash")'; "
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
	whole "$name" | bytes "plain_$n"
	whole "$name" | gzip -9nc | bytes "gzip_$n"
	n=$((n + 1))
done

printf '\nconst struct asset %ss[] = {\n' "$table"
n=0
for name in $names; do
	type=$(type_of "$name")
	tag=$(whole "$name" | sha256sum | cut -c1-16)
	cat <<ROW
	{ "/$name", "$type", "W/\"$tag\"",
	  "$(policy_of "$name")",
	  plain_$n, gzip_$n, sizeof plain_$n, sizeof gzip_$n },
ROW
	n=$((n + 1))
done
printf '};\nconst size_t %s_count = sizeof %ss / sizeof *%ss;\n' \
	"$table" "$table" "$table"
