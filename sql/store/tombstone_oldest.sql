SELECT job_seq FROM tombstone
 WHERE removed_ms <= :before_ms
 ORDER BY removed_ms
 LIMIT 1;
