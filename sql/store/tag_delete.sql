DELETE FROM job_tag WHERE tag = :tag AND job_seq = :job_seq;
