CREATE VIEW summary AS
-- How many jobs are in each state, and how long ago the oldest of them was
-- submitted.
WITH now (ms) AS (
	SELECT coalesce((SELECT value FROM meta
			  WHERE name = 'clock_ms' AND value > 0),
			CAST(round((julianday('now') - 2440587.5) * 86400000)
			     AS INTEGER))
), states (state) AS (
	VALUES ('queued'), ('running'), ('paused'), ('completed'), ('error'),
	       ('canceled')
)
SELECT states.state, count(job.seq) AS jobs,
       (now.ms - min(job.submitted_ms)) / 1000 AS oldest_age_s
  FROM states
  JOIN now
  LEFT JOIN job ON job.state = states.state
 GROUP BY states.state
 ORDER BY CASE states.state WHEN 'queued' THEN 1 WHEN 'running' THEN 2
	  WHEN 'paused' THEN 3 WHEN 'completed' THEN 4 WHEN 'error' THEN 5
	  ELSE 6 END;
