SELECT seq FROM job WHERE seq <= :from_seq ORDER BY seq DESC;
