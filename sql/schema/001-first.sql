-- People read the views; these tables are the daemon's own.
-- Moments are Unix milliseconds UTC, NULL where there is none.
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
CREATE INDEX job_state ON job (state);
CREATE INDEX job_expires ON job (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE job_tag (
	tag TEXT NOT NULL,
	job_seq INTEGER NOT NULL,
	PRIMARY KEY (tag, job_seq)
) STRICT, WITHOUT ROWID;

-- The progress of running jobs, narrow because it is written often.
CREATE TABLE live (
	job_seq INTEGER PRIMARY KEY,
	at_ms INTEGER NOT NULL,
	remaining_ms INTEGER NOT NULL,
	progress REAL NOT NULL,
	version INTEGER NOT NULL,
	stage TEXT
) STRICT;

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
CREATE INDEX event_job ON event (job_seq);

-- Jobs that were here.
CREATE TABLE tombstone (
	job_seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	state TEXT NOT NULL,
	finished_ms INTEGER,
	removed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX tombstone_removed ON tombstone (removed_ms);

-- Answers to requests that bore an Idempotency-Key.
CREATE TABLE idempotency (
	scope TEXT NOT NULL UNIQUE,		-- method, path and key
	digest BLOB NOT NULL,			-- of the body
	created_ms INTEGER NOT NULL,
	status INTEGER NOT NULL,		-- HTTP
	ids BLOB NOT NULL,			-- 16 bytes a job
	item_status BLOB			-- a byte a job of a bulk verb
) STRICT;
CREATE INDEX idempotency_created ON idempotency (created_ms);

-- Numbers by name: queue_paused, seed, aging_s, event_horizon, ...
CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
