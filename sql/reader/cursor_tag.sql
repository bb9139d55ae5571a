SELECT job_seq FROM job_tag
 WHERE tag = :tag AND job_seq <= :from_seq
 ORDER BY job_seq DESC;
