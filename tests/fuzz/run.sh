#!/bin/sh
# run.sh -- fuzzes one target until it has had its time: what is left of it, if
# it ran before.
#
#   run.sh run NAME SECONDS PROGRAM CORPUS [LIBFUZZER'S OPTIONS...]
#   run.sh minimise NAME PROGRAM CORPUS
#
# fuzz-NAME/, where it is called, holds what was found: corpus/ (inputs that
# reach something new), findings/ (inputs that break a promise), seconds (that
# it has had).  Without that folder it begins anew.  A run first repeats the
# findings; one that is mended becomes an input like others.
#
# minimise keeps, of all inputs, those that reach what the seeds in CORPUS do
# not, and puts them into CORPUS/found, for good.
set -u
SLICE=60	# no more is lost if the machine stops

die() {
	echo "$name: $*" >&2
	exit 1
}

had() {
	cat "$dir/seconds" 2>/dev/null || echo 0
}

# An input that broke a promise, and no longer does.
repeat_findings() {
	for finding in "$dir"/findings/*; do
		test -f "$finding" || continue
		if "$program" -timeout=10 "$finding" >"$dir/log" 2>&1; then
			echo "$name: mended: $finding"
			mv "$finding" "$dir/corpus/" || exit 1
		else
			cat "$dir/log"
			die "$finding still breaks it"
		fi
	done
}

# Whatever ends a slice, its time is noted; ours ends with it.
slice() {
	seconds=$1
	shift
	began=$(date +%s)
	"$program" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="$dir/findings/" "$@" \
		"$dir/corpus" "$corpus" >"$dir/log" 2>&1
	status=$?
	echo $(($(had) + $(date +%s) - began)) >"$dir/seconds.new"
	mv "$dir/seconds.new" "$dir/seconds"
	return $status
}

run() {
	wanted=$1 program=$2 corpus=$3
	shift 3
	mkdir -p "$dir/corpus" "$dir/findings" || exit 1
	repeat_findings
	left=$((wanted - $(had)))
	test "$left" -gt 0 || left=0
	echo "$name: has had $(had) s, $left s of $wanted are left"
	trap 'interrupted=yes' INT TERM
	interrupted=
	while left=$((wanted - $(had))) && test "$left" -gt 0; do
		test "$left" -le $SLICE || left=$SLICE
		slice "$left" "$@"
		case $? in
		0)	;;
		72|130|143)
			interrupted=yes ;;
		*)	cat "$dir/log"
			die "a finding, in $dir/findings" ;;
		esac
		test -z "$interrupted" ||
			die "interrupted; it has had $(had) s"
	done
	grep -h '^stat::number_of_executed_units' "$dir/log" 2>/dev/null
	echo "$name: nothing found"
}

minimise() {
	program=$1 corpus=$2
	all=$dir/merge
	rm -rf "$all" && mkdir -p "$all" "$dir/corpus" "$corpus/found" || exit 1
	for seed in "$corpus"/*; do
		test -d "$seed" || cp "$seed" "$all/" || exit 1
	done
	"$program" -merge=1 "$all" "$corpus/found" "$dir/corpus" \
		>"$dir/log" 2>&1 || { cat "$dir/log"; die "cannot merge"; }
	rm -f "$corpus"/found/*
	for seed in "$all"/*; do
		test -e "$corpus/${seed##*/}" ||
			mv "$seed" "$corpus/found/" || exit 1
	done
	rm -rf "$all"
	echo "$name: $(find "$corpus/found" -type f | wc -l) inputs are kept"
}

todo=$1 name=$2
dir=fuzz-$name
shift 2
case $todo in
run|minimise)
	"$todo" "$@" ;;
*)
	die "run or minimise?" ;;
esac
