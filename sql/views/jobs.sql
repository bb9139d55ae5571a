CREATE VIEW jobs AS
-- One row a job, as the API shows it.  Progress runs on between two rows of
-- `live`, at most two write intervals past the last: a dead daemon's jobs
-- stand still.  What a waiting job has ahead of it is in `queue`.
WITH now (ms, most_ms) AS (
	SELECT coalesce((SELECT value FROM meta
			  WHERE name = 'clock_ms' AND value > 0),
			CAST(round((julianday('now') - 2440587.5) * 86400000)
			     AS INTEGER)),
	       2 * coalesce((SELECT value FROM meta
			      WHERE name = 'progress_write_ms'), 5000)
), seen AS (
	SELECT job.*, now.ms AS now_ms,
	       coalesce(live.stage, job.stage) AS live_stage,
	       max(job.version, coalesce(live.version, 0)) AS live_version,
	       max(job.progress, coalesce(live.progress, 0)) AS base,
	       coalesce(live.at_ms, job.updated_ms) AS base_ms,
	       coalesce(live.remaining_ms, job.remaining_ms) AS base_remaining,
	       min(max(now.ms - coalesce(live.at_ms, job.updated_ms), 0),
		   now.most_ms) AS elapsed_ms
	  FROM job
	 CROSS JOIN now		-- in this order: found by an index, not sorted
	  LEFT JOIN live ON live.job_seq = job.seq AND job.state = 'running'
)
SELECT id, seq, state,
       CASE state WHEN 'completed' THEN 'completed'
		  WHEN 'error' THEN 'error'
		  WHEN 'canceled' THEN 'error'
		  ELSE 'pending' END AS result,
       title,
       round(CASE
	     WHEN state <> 'running' OR base_remaining IS NULL THEN base
	     WHEN elapsed_ms >= base_remaining THEN max(base, 0.999)
	     ELSE max(base, min(0.999, base + (1 - base) * elapsed_ms
						/ base_remaining))
	     END, 4) AS progress,
       live_stage AS stage,
       CASE WHEN state IN ('completed', 'error', 'canceled') THEN 0
	    WHEN state = 'running' THEN max(base_remaining - elapsed_ms, 0)
	    WHEN state = 'paused' THEN base_remaining
	    END AS remaining_ms,
       CASE WHEN state = 'running'
	    THEN strftime('%Y-%m-%dT%H:%M:%fZ',
			  (base_ms + base_remaining) / 1000.0, 'unixepoch')
	    END AS estimated_completion_at,
       (now_ms - submitted_ms) / 1000 AS age_s,
       CASE WHEN eligible_ms <= coalesce(started_ms, finished_ms, now_ms)
	    THEN coalesce(started_ms, finished_ms, now_ms) - eligible_ms
	    WHEN attempt = 1 AND started_ms IS NOT NULL
	    -- a pause after the start has moved eligible_ms
	    THEN max(started_ms - max(submitted_ms,
				      coalesce(not_before_ms, submitted_ms)), 0)
	    WHEN started_ms IS NULL THEN 0
	    END AS wait_ms,
       coalesce(finished_ms, CASE state WHEN 'paused' THEN paused_ms
					ELSE now_ms END)
		- started_ms AS run_ms,
       priority,
       CASE priority WHEN -10 THEN 'low' WHEN 0 THEN 'normal'
		     WHEN 10 THEN 'high' WHEN 20 THEN 'urgent'
		     END AS priority_name,
       attempt, max_attempts, on_error,
       CASE state WHEN 'error' THEN last_error
		  WHEN 'canceled' THEN 'canceled' END AS error,
       last_error, last_error_attempt,
       strftime('%Y-%m-%dT%H:%M:%fZ', submitted_ms / 1000.0, 'unixepoch')
		AS submitted_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', not_before_ms / 1000.0, 'unixepoch')
		AS not_before,
       strftime('%Y-%m-%dT%H:%M:%fZ',
		CASE WHEN state = 'queued' AND eligible_ms > now_ms
		     THEN eligible_ms END / 1000.0, 'unixepoch')
		AS eligible_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch')
		AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', finished_ms / 1000.0, 'unixepoch')
		AS finished_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', expires_ms / 1000.0, 'unixepoch')
		AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', updated_ms / 1000.0, 'unixepoch')
		AS updated_at,
       ttl_s, live_version AS version, source_url, source_language,
       output_language, tags
  FROM seen
 ORDER BY seq;
