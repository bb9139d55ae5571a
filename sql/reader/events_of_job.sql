SELECT event.seq, at_ms, event.job_seq, coalesce(job.id, tombstone.id), kind,
       from_state, to_state, event.attempt, event.progress, detail
  FROM event
  LEFT JOIN job ON job.seq = event.job_seq
  LEFT JOIN tombstone ON tombstone.job_seq = event.job_seq
 WHERE event.job_seq = :job_seq
   AND event.seq > :after_seq AND event.seq <= :until_seq
   AND coalesce(job.id, tombstone.id) IS NOT NULL
   AND (NOT :final_only
	OR (kind IN ('completed', 'failed', 'canceled')
	    AND to_state IN ('completed', 'error', 'canceled')))
 ORDER BY event.seq
 LIMIT :limit;
