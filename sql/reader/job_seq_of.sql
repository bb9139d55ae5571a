SELECT seq FROM job WHERE id = :id
UNION ALL
SELECT job_seq FROM tombstone WHERE id = :id
LIMIT 1;
