SELECT seq FROM job
 WHERE state = :state AND seq <= :from_seq
 ORDER BY seq DESC;
