INSERT INTO event (seq, at_ms, job_seq, kind, from_state, to_state, attempt,
	progress, detail)
VALUES (:seq, :at_ms, :job_seq, :kind, :from_state, :to_state, :attempt,
	:progress, :detail);
