-- Every job in order of submission, with the live row of a running one.
SELECT job.seq, id, state, job.version, priority, job.progress, job.stage,
       job.remaining_ms, attempt, max_attempts, budget_from, run, losses,
       on_error, last_error, last_error_attempt, submitted_ms, updated_ms,
       not_before_ms, eligible_ms, started_ms, paused_ms, finished_ms,
       expires_ms, ttl_s, ttl_given, draw_key, simulate_duration_ms,
       simulate_error_rate, simulate_fail_at, simulate_fail_attempts,
       simulate_seed, title, source_url, source_language, output_language,
       tags, live.at_ms, live.remaining_ms, live.progress, live.version,
       live.stage
  FROM job
  LEFT JOIN live ON live.job_seq = job.seq AND job.state = 'running'
 ORDER BY job.seq;
