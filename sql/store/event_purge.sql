-- A lot of a removed job's events, oldest first.
DELETE FROM event
 WHERE seq IN (SELECT seq FROM event WHERE job_seq = :job_seq
                ORDER BY seq LIMIT :limit)
RETURNING seq;
