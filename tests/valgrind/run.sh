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

# Python keeps what it has to the end, and holds much of it by pointers into
# its midst: there only what nobody can reach is a leak.
case $program in
*/python*)
	kinds=definite,indirect
	export PYTHONMALLOC=malloc
	;;
*)
	kinds=definite,indirect,possible
	;;
esac
exec "$build/libtool" --quiet --mode=execute valgrind -q \
	--tool=memcheck --leak-check=full --show-leak-kinds=$kinds \
	--errors-for-leak-kinds=$kinds \
	--error-exitcode=99 --track-origins=yes --num-callers=30 \
	--fair-sched=yes --suppressions="${HG_SRCDIR:?}/tests/valgrind/suppressions" \
	--log-file="$build/valgrind/log/${program##*/}.%p" \
	"$program" "$@"
