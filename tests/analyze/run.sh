#!/bin/bash
# run.sh -- one tool reads all sources: run.sh TOOL SRCDIR [FILE...]
#
# TOOL is gcc, clang-tidy, cppcheck or shellcheck; FILEs replace the list, and
# each tool takes those of its own kind.
# ANALYZE_FLAGS are what a compiler must know, JOBS how many run at once.
# Findings go to stderr as FILE:LINE; exit 0 only if there are none.
set -u

tool=${1:?} source=${2:?}
shift 2
cd "$source" || exit 99
read -r -a flags <<<"${ANALYZE_FLAGS-}"
known=()
jobs=${JOBS:-$(nproc)}
command -v "$tool" >/dev/null || {
	echo "analyze: $tool is missing (Debian: apt-get install $tool)" >&2
	exit 1
}

sources() {
	if [ "$#" -gt 0 ]; then
		printf '%s\0' "$@" | grep -z '\.c$'
	else
		find core daemon worker client etc tests bench -name '*.c' \
			-print0 | sort -z
	fi
}

scripts() {
	if [ "$#" -gt 0 ]; then
		printf '%s\0' "$@"
	else
		find bootstrap .ci bench debian tests web -type f -print0 \
			2>/dev/null
	fi |
		while IFS= read -r -d '' file; do
			head -n 1 "$file" 2>/dev/null |
				grep -qE '^#! ?/bin/(ba|da)?sh' &&
				printf '%s\0' "$file"
		done
}

each() {
	xargs -0 -r -n "$1" -P "$jobs" -- "${@:2}" >&2
}

echo "analyze: $tool" >&2
case $tool in
gcc)
	# its own warnings are those of the build; here only the analyzer
	sources "$@" | each 1 gcc -fanalyzer -fanalyzer-transitivity \
		-Werror -std=gnu11 -O1 -S -o /dev/null "${flags[@]}"
	;;
clang-tidy)
	tidy() {
		file=$1
		shift
		out=$(clang-tidy --quiet "$file" -- "$@" 2>/dev/null) ||
			{ printf '%s\n' "$out"; return 1; }
	}
	export -f tidy
	# shellcheck disable=SC2016 # for the shell that xargs starts
	sources "$@" | each 1 bash -c 'tidy "${@: -1}" "${@:1:$#-1}"' tidy \
		-std=gnu11 "${flags[@]}"
	;;
cppcheck)
	# it takes -D and -I, no other word
	for flag in "${flags[@]}"; do
		case $flag in -D* | -I*) known+=("$flag") ;; esac
	done
	# the one macro of another library that hides a loop
	known+=('-DcJSON_ArrayForEach(e,a)=for(e=(a)->child;e;e=e->next)')
	sources "$@" | xargs -0 -r cppcheck -q -j "$jobs" --std=c11 \
		--enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --max-configs=1 \
		--suppress=missingIncludeSystem "${known[@]}" >&2
	;;
shellcheck)
	scripts "$@" | each 8 shellcheck -x
	;;
*)
	echo "analyze: what is $tool?" >&2
	exit 64
	;;
esac
