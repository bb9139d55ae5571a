CREATE VIEW history AS
-- What happened, in order; also of jobs that are gone, for a while.
SELECT event.seq,
       strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch') AS at,
       coalesce(job.id, tombstone.id) AS job,
       kind, from_state, to_state, event.attempt,
       round(event.progress, 4) AS progress, detail
  FROM event
  LEFT JOIN job ON job.seq = event.job_seq
  LEFT JOIN tombstone ON tombstone.job_seq = event.job_seq;
