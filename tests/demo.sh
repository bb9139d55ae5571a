#!/bin/bash
# demo.sh -- real jobs from submission to their end, live, in under 20 s.
#
# Starts heygend in a private directory on a free port, lines of its log are
# marked [heygend], what a client does [client].  Needs no root.  Exit 0 only
# if every job ended as it should and no process is left.
set -u

build=${HG_BUILDDIR:-$(cd "$(dirname "$0")/../build" && pwd)}
HEYGEN_WORKER=${HEYGEN_WORKER:-$build/heygen-worker}
export HEYGEN_WORKER
dir=$(mktemp -d "${TMPDIR:-/tmp}/heygend-demo.XXXXXX") || exit 1
daemon= failed=0 began=$SECONDS

say()  { printf '[client]  %s\n' "$*"; }
fail() { say "WRONG: $*"; failed=1; }

cleanup() {
	[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# field NAME JSON: the value of a top-level field, without its quotes
field() {
	python3 -c 'import json, sys
v = json.loads(sys.argv[2]).get(sys.argv[1])
print("" if v is None else v)' "$1" "$2"
}

# call METHOD PATH [BODY]: prints the answer
call() {
	if [ $# -gt 2 ]; then
		curl -sS --max-time 30 -X "$1" -H 'Content-Type: application/json' \
			-d "$3" "$base$2"
	else
		curl -sS --max-time 30 -X "$1" "$base$2"
	fi
}

# submit TITLE BODY: sets id
submit() {
	local answer
	answer=$(call POST /v1/jobs "$2")
	id=$(field id "$answer")
	[ -n "$id" ] || { fail "$1 was not accepted: $answer"; return 1; }
	say "submitted $1 as $id"
}

# wait_for ID STATE: held requests until it has ended
wait_for() {
	local answer state
	while :; do
		answer=$(call GET "/v1/jobs/$1?wait=10")
		state=$(field state "$answer")
		case $state in
		completed|error|canceled) break ;;
		queued|running|paused) ;;
		*) fail "no state in: $answer"; return ;;
		esac
	done
	say "$(field title "$answer") ended: $state, attempt $(field attempt "$answer")"
	[ "$state" = "$2" ] || fail "expected $2"
}

# is PATH FIELD VALUE: waits until the field has the value, at most 5 s
is() {
	local value i
	for i in $(seq 100); do
		value=$(field "$2" "$(call GET "$1")")
		[ "$value" = "$3" ] && return 0
		sleep 0.05
	done
	fail "$1: $2 is $value, not $3"
}

# --- the server ---------------------------------------------------------------
"$build/heygend" --listen 127.0.0.1:0 --state-dir "$dir/state" \
	--set jobs.workers=2 --set jobs.slots=2 --set status.default_job=off \
	--set jobs.restart_delay_ms=200 --set simulation.error_rate=0 \
	2> >(sed -u 's/^/[heygend] /; s/ ts=[^ ]*$//') >"$dir/out" &
daemon=$!
for i in $(seq 200); do
	base=$(sed -n 's/^heygend: ready //p' "$dir/out")
	[ -n "$base" ] && break
	kill -0 "$daemon" 2>/dev/null || { fail "heygend did not start"; exit 1; }
	sleep 0.02
done
[ -n "$base" ] || { fail "heygend was not ready in time"; exit 1; }
say "the server is ready at $base"

# --- the jobs -------------------------------------------------------------------
submit 'Success' '{"title":"Success","simulate":{"duration_ms":1200}}'
success=$id
submit 'Failure, stop' '{"title":"Failure, stop","on_error":"stop","simulate":{"duration_ms":1000,"fail_at":0.6}}'
stop=$id
submit 'Failure, restart' '{"title":"Failure, restart","on_error":"restart","simulate":{"duration_ms":800,"fail_at":0.5,"fail_attempts":1}}'
restart=$id
submit 'Paused' '{"title":"Paused","simulate":{"duration_ms":1500}}'
paused=$id

is "/v1/jobs/$paused" state running
call POST "/v1/jobs/$paused:pause" >/dev/null
is "/v1/jobs/$paused" state paused
before=$(field progress "$(call GET "/v1/jobs/$paused")")
say "paused at progress $before"
wait_for "$success" completed
wait_for "$stop" error
wait_for "$restart" completed
after=$(field progress "$(call GET "/v1/jobs/$paused")")
[ "$before" = "$after" ] || fail "a paused job moved from $before to $after"
call POST "/v1/jobs/$paused:resume" >/dev/null
say "resumed at progress $after"
wait_for "$paused" completed

submit 'Canceled' '{"title":"Canceled","simulate":{"duration_ms":60000}}'
is "/v1/jobs/$id" state running
call POST "/v1/jobs/$id:cancel" >/dev/null
wait_for "$id" canceled

# --- priority: four fill the slots, two wait, the later one is urgent --------------
say "filling all four slots"
call POST /v1/jobs:batch '{"jobs":[{"title":"Fill 1","simulate":{"duration_ms":1000}},{"title":"Fill 2","simulate":{"duration_ms":1000}},{"title":"Fill 3","simulate":{"duration_ms":1000}},{"title":"Fill 4","simulate":{"duration_ms":1000}}]}' >/dev/null
call POST /v1/queue:pause >/dev/null
submit 'Patient' '{"title":"Patient","priority":"low","simulate":{"duration_ms":300}}'
patient=$id
submit 'Urgent' '{"title":"Urgent","priority":"urgent","simulate":{"duration_ms":300}}'
urgent=$id
is "/v1/jobs/$urgent" queue_position 1
is "/v1/jobs/$patient" queue_position 2
say "Urgent came later and is first in the queue"
call POST /v1/queue:resume >/dev/null
wait_for "$urgent" completed
wait_for "$patient" completed
first=$(field started_at "$(call GET "/v1/jobs/$urgent")")
second=$(field started_at "$(call GET "/v1/jobs/$patient")")
[[ ! $first > $second ]] || fail "Patient started before Urgent"

# --- the end --------------------------------------------------------------------
say "status of Success: $(call GET "/status?job_id=$success")"
workers=$(pgrep -P "$daemon" -x heygen-worker)
kill -TERM "$daemon"
wait "$daemon"
status=$?
daemon=
[ $status -eq 0 ] || fail "heygend left with status $status"
for pid in $workers; do
	! kill -0 "$pid" 2>/dev/null || fail "worker $pid is left"
done
if [ $failed -eq 0 ]; then
	say "every job ended as it should, in $((SECONDS - began)) s"
fi
exit $failed
