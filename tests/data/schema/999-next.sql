-- Not ours yet: the schema of a heygend to come, for the tests of upgrades.
-- A new column, and a table made anew, which the views read.
ALTER TABLE job ADD COLUMN reviewed_ms INTEGER;
ALTER TABLE live RENAME TO live_before;
CREATE TABLE live (
	job_seq INTEGER PRIMARY KEY,
	at_ms INTEGER NOT NULL,
	remaining_ms INTEGER NOT NULL,
	progress REAL NOT NULL CHECK (progress <= 1),
	version INTEGER NOT NULL,
	stage TEXT
) STRICT;
INSERT INTO live (job_seq, at_ms, remaining_ms, progress, version, stage)
SELECT job_seq, at_ms, remaining_ms, progress, version, stage
  FROM live_before;
DROP TABLE live_before;
