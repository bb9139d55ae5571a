#!/bin/bash
# demo.sh -- real jobs from submission to their end, live, in under 20 s.
#
# Starts heygend in a private directory on a free port and lets the library's
# example program loose on it.  Lines of the server's log are marked
# [heygend], what the client does, and why, [client].  Needs no root.  Exit 0
# only if every job ended as it should and no process is left.
# With --tap it prints one line of TAP for all of it, the story as comments.
set -u

if [ "${1-}" = --tap ] || [ -n "${HG_TAP-}" ]; then
	echo 1..1
	if HG_TAP='' "$BASH" "$0" --plain 2>&1 | sed 's/^/# /'
		[ "${PIPESTATUS[0]}" -eq 0 ]
	then echo 'ok 1 - the demo shows what it promises'
	else echo 'not ok 1 - the demo shows what it promises'
	fi
	exit 0
fi

build=${HG_BUILDDIR:-$(cd "$(dirname "$0")/../build" && pwd)}
HEYGEN_WORKER=${HEYGEN_WORKER:-$build/heygen-worker}
export HEYGEN_WORKER
dir=$(mktemp -d "${TMPDIR:-/tmp}/heygend-demo.XXXXXX") || exit 1
daemon='' failed=0 began=$SECONDS

fail() { printf '[demo]    WRONG: %s\n' "$*"; failed=1; }

cleanup() {
	[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# settings ERROR_RATE: the server's file
settings() {
	cat >"$dir/heygend.ini" <<-INI
	[http]
	listen = 127.0.0.1:0
	[store]
	state_dir = $dir/state
	[jobs]
	workers = 2
	slots = 2
	restart_delay_ms = 200
	[simulation]
	error_rate = 0
	[faults]
	http_error_rate = $1
	[status]
	default_job = off
	INI
}

# logged WORD: waits until the server has said it, at most 15 s
logged() {
	for _ in $(seq 750); do
		grep -q "^$1" "$dir/log" && return 0
		sleep 0.02
	done
	fail "the server never said $1"
}

# demo PART
demo() {
	"$build/client/examples/demo" "$1" || fail "$1"
}

# --- the server ---------------------------------------------------------------
settings 0
"$build/heygend" --foreground --config "$dir/heygend.ini" \
	2> >(tee "$dir/log" | sed -u 's/^/[heygend] /; s/ ts=[^ ]*$//') \
	>"$dir/out" &
daemon=$!
logged daemon.ready
HEYGENCTL_SERVER=$(sed -n 's/^heygend: ready //p' "$dir/out")
export HEYGENCTL_SERVER
[ -n "$HEYGENCTL_SERVER" ] || { fail 'heygend did not start'; exit 1; }
workers=$(pgrep -P "$daemon" -x heygen-worker)

# --- what a client does ---------------------------------------------------------
demo scenes
settings 0.33
kill -HUP "$daemon"
logged settings.reloaded
demo faults
settings 0
: >"$dir/log"
kill -HUP "$daemon"
logged settings.reloaded
demo compare

# --- the end ----------------------------------------------------------------------
kill -TERM "$daemon"
wait "$daemon"
status=$?
daemon=''
[ $status -eq 0 ] || fail "heygend left with status $status"
for pid in $workers; do
	! kill -0 "$pid" 2>/dev/null || fail "worker $pid is left"
done
[ $failed -ne 0 ] ||
	printf '[demo]    every job ended as it should, in %d s\n' \
		$((SECONDS - began))
exit $failed
