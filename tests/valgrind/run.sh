#!/bin/sh
# run.sh -- stands for a program and runs it under valgrind's memcheck.
#
# Called by the program's name (links in valgrind/ of the build directory),
# or with a program to run.  What memcheck finds, leaks too, goes to a file
# of its own below valgrind/log; one that is clean leaves it empty.
build=${HG_BUILDDIR:?}
case $0 in
*/run.sh) program=$1 && shift ;;
*) program=$build/${0##*/} ;;
esac
exec "$build/libtool" --quiet --mode=execute valgrind -q \
	--tool=memcheck --leak-check=full --show-leak-kinds=definite,indirect,possible \
	--errors-for-leak-kinds=definite,indirect,possible \
	--error-exitcode=99 --track-origins=yes --num-callers=30 \
	--fair-sched=yes --suppressions="${HG_SRCDIR:?}/tests/valgrind/suppressions" \
	--log-file="$build/valgrind/log/${program##*/}.%p" \
	"$program" "$@"
