INSERT OR REPLACE INTO live
	(job_seq, at_ms, remaining_ms, progress, version, stage)
VALUES (:job_seq, :at_ms, :remaining_ms, :progress, :version, :stage);
