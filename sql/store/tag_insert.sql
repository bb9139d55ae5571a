INSERT INTO job_tag (tag, job_seq) VALUES (:tag, :job_seq) ON CONFLICT DO NOTHING;
