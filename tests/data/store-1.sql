-- A database as schema 1 wrote it.  Never changed: heygend must always open it.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE job (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,	-- ordinal of submission
	id TEXT NOT NULL UNIQUE,
	state TEXT NOT NULL,
	version INTEGER NOT NULL,
	priority INTEGER NOT NULL,
	progress REAL NOT NULL,			-- as of the last transition
	stage TEXT,
	remaining_ms INTEGER,			-- own, as last reported
	attempt INTEGER NOT NULL,
	max_attempts INTEGER NOT NULL,
	budget_from INTEGER NOT NULL,		-- attempt the budget began at
	run INTEGER NOT NULL,
	losses INTEGER NOT NULL,		-- workers, without progress
	on_error TEXT NOT NULL,
	last_error TEXT,
	last_error_attempt INTEGER,
	submitted_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	not_before_ms INTEGER,
	eligible_ms INTEGER,			-- waits in the queue since
	started_ms INTEGER,			-- this attempt's first start
	paused_ms INTEGER,
	finished_ms INTEGER,
	expires_ms INTEGER,			-- NULL: kept, or not final
	ttl_s INTEGER,
	ttl_given INTEGER NOT NULL,		-- by the client
	draw_key INTEGER NOT NULL,		-- of all its random draws
	simulate_duration_ms INTEGER,
	simulate_error_rate REAL,
	simulate_fail_at REAL,
	simulate_fail_attempts INTEGER,
	simulate_seed INTEGER,
	title TEXT,
	source_url TEXT,
	source_language TEXT,
	output_language TEXT,
	tags TEXT				-- joined by one space
) STRICT;
INSERT INTO job VALUES(0,'default','completed',4,100,1.0,'render',0,1,3,1,1,0,'stop',NULL,NULL,1700000000000,1700000020000,NULL,1700000000000,1700000000100,NULL,1700000020000,NULL,-1,1,77,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO job VALUES(1,'018bcfe5-6801-7000-8000-000000000001','error',9,-10,0.25,'transcribe',9000,3,3,1,3,0,'restart','audio_invalid',3,1700000001000,1700000030000,NULL,1700000025000,1700000026000,NULL,1700000030000,1700003630000,3600,0,-5,12000,NULL,NULL,NULL,42,'It''s "old"','https://a.example/v.mp4','en','es','demo two');
INSERT INTO job VALUES(2,'018bcfe5-6802-7000-8000-000000000002','running',2,0,0.0,NULL,NULL,1,3,1,1,0,'stop',NULL,NULL,1700000002000,1700000003000,NULL,1700000002000,1700000003000,NULL,NULL,NULL,NULL,0,5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE job_tag (
	tag TEXT NOT NULL,
	job_seq INTEGER NOT NULL,
	PRIMARY KEY (tag, job_seq)
) STRICT, WITHOUT ROWID;
INSERT INTO job_tag VALUES('demo',1);
INSERT INTO job_tag VALUES('two',1);
CREATE TABLE live (
	job_seq INTEGER PRIMARY KEY,
	at_ms INTEGER NOT NULL,
	remaining_ms INTEGER NOT NULL,
	progress REAL NOT NULL,
	version INTEGER NOT NULL,
	stage TEXT
) STRICT;
INSERT INTO live VALUES(2,1700000008000,5000,0.5,4,'translate');
CREATE TABLE event (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	at_ms INTEGER NOT NULL,
	job_seq INTEGER NOT NULL,		-- in job, or in tombstone
	kind TEXT NOT NULL,
	from_state TEXT,
	to_state TEXT,
	attempt INTEGER NOT NULL,
	progress REAL NOT NULL,
	detail TEXT
) STRICT;
INSERT INTO event VALUES(4,1700000001000,1,'submitted',NULL,'queued',1,0.0,NULL);
INSERT INTO event VALUES(5,1700000030000,1,'failed','running','error',3,0.25,'audio_invalid');
INSERT INTO event VALUES(6,1700000031000,3,'removed','canceled',NULL,1,0.0,NULL);
CREATE TABLE tombstone (
	job_seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	state TEXT NOT NULL,
	finished_ms INTEGER,
	removed_ms INTEGER NOT NULL
) STRICT;
INSERT INTO tombstone VALUES(3,'018bcfe5-6803-7000-8000-000000000003','canceled',1700000009000,1700000031000);
CREATE TABLE idempotency (
	scope TEXT NOT NULL UNIQUE,		-- method, path and key
	digest BLOB NOT NULL,			-- of the body
	created_ms INTEGER NOT NULL,
	status INTEGER NOT NULL,		-- HTTP
	ids BLOB NOT NULL,			-- 16 bytes a job
	item_status BLOB			-- a byte a job of a bulk verb
) STRICT;
INSERT INTO idempotency VALUES('POST /v1/jobs k',X'00112233445566778899aabbccddeeff',1700000001000,202,X'018bcfe5680170008000000000000001',NULL);
CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('event_horizon',3);
INSERT INTO meta VALUES('queue_paused',0);
INSERT INTO meta VALUES('seed',42);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('job',3);
INSERT INTO sqlite_sequence VALUES('event',6);
CREATE INDEX job_state ON job (state);
CREATE INDEX job_expires ON job (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE INDEX event_job ON event (job_seq);
CREATE INDEX tombstone_removed ON tombstone (removed_ms);
CREATE INDEX idempotency_created ON idempotency (created_ms);
COMMIT;
PRAGMA user_version = 1;
PRAGMA application_id = 1213810500;
