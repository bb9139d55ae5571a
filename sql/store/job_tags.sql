SELECT tags FROM job WHERE seq = :seq;
