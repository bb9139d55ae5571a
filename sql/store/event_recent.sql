-- Newest first.  The id of a job that is gone is in its tombstone.
SELECT event.seq, at_ms, event.job_seq, coalesce(job.id, tombstone.id), kind,
       from_state, to_state, event.attempt, event.progress, detail
  FROM event
  LEFT JOIN job ON job.seq = event.job_seq
  LEFT JOIN tombstone ON tombstone.job_seq = event.job_seq
 WHERE coalesce(job.id, tombstone.id) IS NOT NULL
 ORDER BY event.seq DESC
 LIMIT :limit;
