DELETE FROM live WHERE job_seq = :job_seq;
