#!/bin/bash
# matrix.sh -- the whole `make check` with each compiler under each sanitizer.
#
#	matrix.sh [CC:SANITIZER...]	all four, or these: gcc:thread ...
#
# Builds in build-CC-SANITIZER/ of the current directory and leaves it there:
# the logs of the tests are in it.  A line for each as it ends; exit 0 only
# if nothing failed anywhere.
set -u

source=$(cd "$(dirname "$0")/../.." && pwd)
[ "$#" -gt 0 ] || set -- gcc:address,undefined gcc:thread \
	clang:address,undefined clang:thread
failed=0

build() {
	case $1 in
	*gcc*) cxx=${1/gcc/g++} ;;
	*) cxx=${1/clang/clang++} ;;
	esac
	[ -f Makefile ] || "$source/configure" -q --enable-werror \
		--enable-sanitizer="$2" CC="$1" CXX="$cxx" || return 1
	make -s -j"$(nproc)" all
}

# Every test of every program has a line in the program's .trs file.
count() {
	find . -path './heygend-*' -prune -o -name '*.trs' -exec cat {} + |
		grep -cE "^:test-result: ($1)( |\$)"
}

one() {
	mkdir -p "$3" && cd "$3" || return 1
	find . -name '*.trs' -exec rm -f {} +
	build "$1" "$2" >build.log 2>&1 ||
		{ echo "$1 $2: the build failed: $3/build.log"; return 1; }
	make -s -j"$(nproc)" check >check.log 2>&1
	status=$?
	echo "$1 $2: $(count 'PASS|XFAIL') passed," \
		"$(count 'FAIL|XPASS|ERROR') failed, $(count SKIP) skipped"
	return "$status"
}

for pair in "$@"; do
	sanitizer=${pair#*:}
	(one "${pair%%:*}" "$sanitizer" \
		"build-${pair%%:*}-${sanitizer%%,*}") || failed=1
done
exit "$failed"
