DELETE FROM job WHERE seq = :seq;
