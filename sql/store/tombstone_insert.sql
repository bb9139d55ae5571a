INSERT INTO tombstone (job_seq, id, state, finished_ms, removed_ms)
VALUES (:job_seq, :id, :state, :finished_ms, :removed_ms);
