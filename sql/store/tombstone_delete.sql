DELETE FROM tombstone WHERE job_seq = :job_seq;
