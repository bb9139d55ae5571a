# fish completion for heygenctl: the output of "heygenctl completion fish"

set -g __heygenctl_with_value -s --server --api-key-file -o --output --color --request-timeout --title --from --to --priority --on-error --max-attempts --ttl --not-before --tag --idempotency-key --duration --error-rate --fail-at --fail-attempts --seed --count --json-file --timeout --profile --use --history --state --limit --sort

# What was typed behind the options: the verb and its arguments.
function __heygenctl_args
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
		else if contains -- $word $__heygenctl_with_value
			set skip 1
		else if not string match -q -- '-*' $word
			echo $word
		end
	end
end

# Is the verb one of these?  None: has none been typed yet?
function __heygenctl_verb
	set -l typed (__heygenctl_args)
	if test (count $argv) = 0
		test (count $typed) = 0
	else
		test (count $typed) -gt 0; and contains -- $typed[1] $argv
	end
end

function __heygenctl_first
	__heygenctl_verb $argv; and test (count (__heygenctl_args)) = 1
end

function __heygenctl_later
	__heygenctl_verb $argv; and test (count (__heygenctl_args)) -gt 1
end

function __heygenctl_ids
	set -l conn
	set -l words (commandline -opc)
	for i in (seq 2 (count $words))
		if contains -- $words[$i] -s --server --api-key-file
			set -a conn $words[$i] $words[(math $i + 1)]
		end
	end
	heygenctl $conn -q --request-timeout 2s -o id list --limit 100 $argv 2>/dev/null
end

# The words of a list with commas: what is there already, and one more.
function __heygenctl_list
	set -l done (string match -r -- '^(?:.*[,=])?' (commandline -ct))
	string replace -r -- '^' (string replace -r -- '^--[a-z-]+=' '' "$done") $argv
end

complete -c heygenctl -f
complete -c heygenctl -n __heygenctl_verb -a submit -d 'queue a translation and print its id'
complete -c heygenctl -n __heygenctl_verb -a run -d 'submit, and wait for the end'
complete -c heygenctl -n __heygenctl_verb -a wait -d 'wait until jobs have ended'
complete -c heygenctl -n '__heygenctl_verb wait' -k -a '(__heygenctl_ids)'
complete -c heygenctl -n __heygenctl_verb -a watch -d 'print a line for each change of jobs'
complete -c heygenctl -n '__heygenctl_verb watch' -k -a '(__heygenctl_ids)'
complete -c heygenctl -n __heygenctl_verb -a status -d 'print one word: pending, completed or error'
complete -c heygenctl -n '__heygenctl_first status' -k -a '(__heygenctl_ids)'
complete -c heygenctl -n __heygenctl_verb -a show -d 'print all that is known of jobs'
complete -c heygenctl -n '__heygenctl_verb show' -k -a '(__heygenctl_ids)'
complete -c heygenctl -n __heygenctl_verb -a list -d 'print jobs, the newest first'
complete -c heygenctl -n __heygenctl_verb -a pause -d 'stop jobs where they are, and free their slots'
complete -c heygenctl -n '__heygenctl_verb pause' -k -a '(__heygenctl_ids --state queued,running)'
complete -c heygenctl -n __heygenctl_verb -a resume -d 'let paused jobs go on at their old place in the queue'
complete -c heygenctl -n '__heygenctl_verb resume' -k -a '(__heygenctl_ids --state paused)'
complete -c heygenctl -n __heygenctl_verb -a cancel -d 'end jobs for good'
complete -c heygenctl -n '__heygenctl_verb cancel' -k -a '(__heygenctl_ids --state queued,running,paused)'
complete -c heygenctl -n __heygenctl_verb -a restart -d 'begin ended jobs anew'
complete -c heygenctl -n '__heygenctl_verb restart' -k -a '(__heygenctl_ids --state completed,error,canceled)'
complete -c heygenctl -n __heygenctl_verb -a remove -d 'forget ended jobs'
complete -c heygenctl -n '__heygenctl_verb remove' -k -a '(__heygenctl_ids --state completed,error,canceled)'
complete -c heygenctl -n __heygenctl_verb -a priority -d 'move waiting jobs in the queue'
complete -c heygenctl -n '__heygenctl_later priority' -k -a '(__heygenctl_ids --state queued,paused)'
complete -c heygenctl -n '__heygenctl_first priority' -a 'low normal high urgent'
complete -c heygenctl -n __heygenctl_verb -a events -d 'print the history of a job'
complete -c heygenctl -n '__heygenctl_first events' -k -a '(__heygenctl_ids)'
complete -c heygenctl -n __heygenctl_verb -a queue -d 'show the queue, or stop and start the dispatching of jobs'
complete -c heygenctl -n '__heygenctl_first queue' -a 'pause resume'
complete -c heygenctl -n __heygenctl_verb -a ping -d 'ask whether the server answers, and how fast'
complete -c heygenctl -n __heygenctl_verb -a completion -d 'print the completion script of a shell'
complete -c heygenctl -n '__heygenctl_first completion' -a 'bash zsh fish'
complete -c heygenctl -n __heygenctl_verb -a help -d 'explain a verb'
complete -c heygenctl -n '__heygenctl_first help' -a 'submit run wait watch status show list pause resume cancel restart remove priority events queue ping completion help version'
complete -c heygenctl -n __heygenctl_verb -a version -d 'print the versions of the program and the library'
complete -c heygenctl -s s -l server -x -d 'the server to talk to; else $HEYGENCTL_SERVER, else http://127.0.0.1:8080'
complete -c heygenctl -l api-key-file -rF -d 'read the API key from FILE; else $HEYGENCTL_API_KEY is the key'
complete -c heygenctl -s o -l output -x -a 'table json jsonl tsv id' -d 'print as table, json, jsonl, tsv or id'
complete -c heygenctl -s q -l quiet -d 'no progress and no remarks on standard error, only errors'
complete -c heygenctl -s v -l verbose -d 'say why each poll is made when it is made; twice: each request'
complete -c heygenctl -l color -x -a 'auto always never' -d 'use color auto, always or never; auto obeys $NO_COLOR'
complete -c heygenctl -l request-timeout -x -d 'give up one request and its retries after D; 30s by default'
complete -c heygenctl -s h -l help -d 'explain the verb and end'
complete -c heygenctl -s V -l version -d 'print the version and end'
complete -c heygenctl -n '__heygenctl_verb submit run' -l title -x -d 'name the job'
complete -c heygenctl -n '__heygenctl_verb submit run' -l from -x -d 'the language spoken in the video'
complete -c heygenctl -n '__heygenctl_verb submit run' -l to -x -d 'the language to translate it to'
complete -c heygenctl -n '__heygenctl_verb submit run' -l priority -x -a 'low normal high urgent' -d 'from -100 to 100, larger first, or low, normal, high, urgent'
complete -c heygenctl -n '__heygenctl_verb submit run' -l on-error -x -a 'stop restart' -d 'when an attempt fails: stop or restart; else as the server is set'
complete -c heygenctl -n '__heygenctl_verb submit run' -l max-attempts -x -d 'with restart: how many attempts in all'
complete -c heygenctl -n '__heygenctl_verb submit run' -l ttl -x -d 'remove the job D after its end; keep: never'
complete -c heygenctl -n '__heygenctl_verb submit run' -l not-before -x -d 'start in T (a duration) or at T (RFC 3339), not earlier'
complete -c heygenctl -n '__heygenctl_verb submit run' -l tag -x -d 'mark the job with the tag T; may be repeated'
complete -c heygenctl -n '__heygenctl_verb submit run' -l idempotency-key -x -d 'submit once however often this is run with KEY'
complete -c heygenctl -n '__heygenctl_verb submit run' -l duration -x -d 'simulate a translation that takes D'
complete -c heygenctl -n '__heygenctl_verb submit run' -l error-rate -x -d 'simulate failure with probability R, 0 to 1'
complete -c heygenctl -n '__heygenctl_verb submit run' -l fail-at -x -d 'simulate failure at progress P, 0 to 1'
complete -c heygenctl -n '__heygenctl_verb submit run' -l fail-attempts -x -d 'simulate failure of the first N attempts and no later one'
complete -c heygenctl -n '__heygenctl_verb submit run' -l seed -x -d 'draw what is random from N, so that it can be repeated'
complete -c heygenctl -n '__heygenctl_verb submit run' -l count -x -d 'submit N such jobs'
complete -c heygenctl -n '__heygenctl_verb submit run' -l json-file -rF -d 'read one job, a list of jobs or {"jobs":[...]} from FILE, - is standard input; options override its fields'
complete -c heygenctl -n '__heygenctl_verb run wait watch' -l timeout -x -d 'stop waiting after D; the jobs go on'
complete -c heygenctl -n '__heygenctl_verb run wait' -l any -d 'stop waiting as soon as one job has ended'
complete -c heygenctl -n '__heygenctl_verb run wait' -l cancel-on-timeout -d 'cancel what has not ended when --timeout is over'
complete -c heygenctl -n '__heygenctl_verb run wait watch' -l profile -x -a 'balanced cost latency' -d 'fewer requests or less delay: cost, balanced, latency'
complete -c heygenctl -n '__heygenctl_verb run wait watch' -l use -x -a '(__heygenctl_list sse hold eta history bulk)' -d 'wait only by these: sse, hold, eta, history, bulk'
complete -c heygenctl -n '__heygenctl_verb run wait watch' -l history -rF -d 'remember in FILE how long jobs take, for the next time'
complete -c heygenctl -n '__heygenctl_verb run wait watch' -l stats -d 'say at the end how many requests it took and how late we knew'
complete -c heygenctl -n '__heygenctl_verb pause resume cancel restart remove priority' -l all -d 'every job the verb can act on'
complete -c heygenctl -n '__heygenctl_verb list' -l all -d 'every job, however many'
complete -c heygenctl -n '__heygenctl_verb list pause resume cancel restart remove priority' -l state -x -a '(__heygenctl_list queued running paused completed error canceled)' -d 'only jobs in these states: S,S...; may be repeated'
complete -c heygenctl -n '__heygenctl_verb watch list pause resume cancel restart remove priority' -l tag -x -d 'only jobs with the tag T; repeated: with all of them'
complete -c heygenctl -n '__heygenctl_verb list' -l limit -x -d 'the newest N jobs; 50 by default'
complete -c heygenctl -n '__heygenctl_verb list' -l sort -x -a 'submitted title state priority progress remaining finished' -d 'order by submitted, title, state, priority, progress, remaining or finished; -KEY: backwards'
complete -c heygenctl -n '__heygenctl_verb pause resume cancel restart remove priority' -s y -l yes -d 'do not ask before acting on many'
complete -c heygenctl -n '__heygenctl_verb pause resume cancel restart remove priority' -s n -l dry-run -d 'show the jobs and leave them alone'
