-- The first parameters are those of job_update, in the same order.
INSERT INTO job (state, version, priority, progress, stage, remaining_ms,
	attempt, max_attempts, budget_from, run, losses, on_error, last_error,
	last_error_attempt, updated_ms, not_before_ms, eligible_ms, started_ms,
	paused_ms, finished_ms, expires_ms, ttl_s, ttl_given, title, tags, seq,
	id, submitted_ms, draw_key, simulate_duration_ms, simulate_error_rate,
	simulate_fail_at, simulate_fail_attempts, simulate_seed, source_url,
	source_language, output_language)
VALUES (:state, :version, :priority, :progress, :stage, :remaining_ms,
	:attempt, :max_attempts, :budget_from, :run, :losses, :on_error,
	:last_error, :last_error_attempt, :updated_ms, :not_before_ms,
	:eligible_ms, :started_ms, :paused_ms, :finished_ms, :expires_ms,
	:ttl_s, :ttl_given, :title, :tags, :seq, :id, :submitted_ms, :draw_key,
	:simulate_duration_ms, :simulate_error_rate, :simulate_fail_at,
	:simulate_fail_attempts, :simulate_seed, :source_url,
	:source_language, :output_language);
