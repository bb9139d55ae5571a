CREATE VIEW queue AS
-- The waiting jobs in the order in which they start.  Those that may not
-- start yet have no position and come last.  Aging is linear, so the order
-- of two waiting jobs never changes and the key needs no clock.
WITH now (ms, aging_ms, slots, expected_ms, scale, paused) AS (
	SELECT coalesce((SELECT value FROM meta
			  WHERE name = 'clock_ms' AND value > 0),
			CAST(round((julianday('now') - 2440587.5) * 86400000)
			     AS INTEGER)),
	       1000 * coalesce((SELECT value FROM meta
				 WHERE name = 'aging_s'), 0),
	       nullif((SELECT value FROM meta WHERE name = 'slots'), 0),
	       (SELECT value FROM meta WHERE name = 'expected_ms'),
	       coalesce((SELECT value FROM meta
			  WHERE name = 'time_scale_ppm'), 1000000) / 1e6,
	       coalesce((SELECT value FROM meta
			  WHERE name = 'queue_paused'), 0)
), run (jobs, remaining_ms) AS (
	SELECT count(*),
	       sum(min(max(coalesce(live.at_ms + live.remaining_ms,
				    job.updated_ms + job.remaining_ms,
				    job.updated_ms + now.expected_ms
						     / now.scale)
			   - now.ms, 0), 1 << 39))
	  FROM job
	  JOIN now
	  LEFT JOIN live ON live.job_seq = job.seq
	 WHERE job.state = 'running'
), waiting AS (
	SELECT id, seq, title, priority, attempt, progress, eligible_ms,
	       submitted_ms, tags,
	       job.eligible_ms > now.ms AS early,
	       CASE WHEN now.aging_ms > 0
		    THEN job.eligible_ms - job.priority * now.aging_ms
		    ELSE -job.priority END AS turn,
	       coalesce(job.remaining_ms,
			CAST(round(coalesce(job.simulate_duration_ms,
					    now.expected_ms) / now.scale
				   * (1 - job.progress)) AS INTEGER)) AS own_ms
	  FROM job
	  JOIN now
	 WHERE job.state = 'queued'
), ordered AS (
	SELECT waiting.*,
	       row_number() OVER line AS place,
	       -- a year of each at most: no number of jobs overflows the sum
	       sum(min(own_ms, 1 << 35))
			OVER (ORDER BY early, turn, seq ROWS BETWEEN
			      UNBOUNDED PRECEDING AND 1 PRECEDING) AS ahead_ms
	  FROM waiting
	WINDOW line AS (ORDER BY early, turn, seq)
), timed AS (
	SELECT ordered.*, now.ms AS now_ms, now.paused,
	       CAST(round(max(eligible_ms - now.ms, 0) + own_ms
			  + CASE WHEN run.jobs + place <= now.slots THEN 0
				 ELSE (coalesce(run.remaining_ms, 0)
				       + coalesce(ahead_ms, 0)) / now.slots
			    END) AS INTEGER) AS total_ms
	  FROM ordered
	  JOIN now
	  JOIN run
)
SELECT CASE WHEN NOT early THEN place END AS position,
       id, seq, title, priority,
       CASE priority WHEN -10 THEN 'low' WHEN 0 THEN 'normal'
		     WHEN 10 THEN 'high' WHEN 20 THEN 'urgent'
		     END AS priority_name,
       attempt, progress,
       max(now_ms - eligible_ms, 0) AS wait_ms,
       total_ms AS remaining_ms,
       CASE WHEN NOT paused
	    THEN strftime('%Y-%m-%dT%H:%M:%fZ', (now_ms + total_ms) / 1000.0,
			  'unixepoch')
	    END AS estimated_completion_at,
       CASE WHEN early
	    THEN strftime('%Y-%m-%dT%H:%M:%fZ', eligible_ms / 1000.0,
			  'unixepoch')
	    END AS eligible_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', submitted_ms / 1000.0, 'unixepoch')
		AS submitted_at,
       tags
  FROM timed
 ORDER BY early, turn, seq;
