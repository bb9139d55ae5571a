SELECT job_seq, state, finished_ms, removed_ms FROM tombstone WHERE id = :id;
