CREATE VIEW history AS
-- What happened, in order; also to jobs that are gone, for a while.  In two
-- parts, so that each finds one job's events by its id.
SELECT event.seq,
       strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch') AS at,
       job.id AS job,
       kind, from_state, to_state, event.attempt,
       round(event.progress, 4) AS progress, detail
  FROM event
  JOIN job ON job.seq = event.job_seq
UNION ALL
SELECT event.seq,
       strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch'),
       tombstone.id,
       kind, from_state, to_state, event.attempt,
       round(event.progress, 4), detail
  FROM event
  JOIN tombstone ON tombstone.job_seq = event.job_seq
 ORDER BY seq;
