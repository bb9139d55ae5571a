/* store.h -- the job store: the one SQLite connection that writes.
 *
 * Owns <state dir>/jobs.db, its schema, its migrations and every statement of
 * the engine.  Speaks in struct job, never in sqlite3 types; knows nothing of
 * HTTP or of workers.  Only the engine calls it, from the main thread.
 *
 * Failures are one of
 *   -EAGAIN    disk full, I/O error, busy, read-only: may pass, try later
 *   -EIO       this statement failed and will fail again: the item is at fault
 *   -EUCLEAN   the database is corrupt
 *   -ENOMEM
 * and store_message() has SQLite's own words for the log. */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H

#include "core/job.h"
#include "daemon/event.h"

#include <stddef.h>

#define STORE_FILE "jobs.db"

struct store;

/* The narrow row of a running job: progress is no promise. */
struct live_row {
	int64_t job_seq;
	int64_t at_ms;			/* wall time of the report */
	int64_t remaining_ms;
	double progress;
	uint32_t version;		/* stage changes count */
	uint8_t stage;
};

struct tombstone {
	uint8_t uuid[16];
	int64_t job_seq;
	int64_t finished_ms;
	int64_t removed_ms;
	uint8_t state;			/* final */
};

/* A remembered answer to an Idempotency-Key. */
#define IDEMPOTENCY_SCOPE_BYTES 512
struct idempotency {
	char scope[IDEMPOTENCY_SCOPE_BYTES]; /* "POST /v1/jobs KEY" */
	uint64_t digest[2];		/* of the body */
	int64_t created_ms;
	int32_t status;			/* HTTP */
	size_t count;			/* jobs it answered with */
	uint8_t (*uuids)[16];		/* count of them, malloc'ed */
	uint8_t *item_status;		/* bulk verbs: an enum outcome a job;
					 * else NULL; malloc'ed */
};

/* store_open -- opens or creates the database in dir (which exists), brings
 * the schema up to date, prepares every statement.  message_out: a sentence
 * on failure, this thread's until its next store_open, never NULL then.
 * -ENOTSUP: the schema is newer than ours, or the file is not ours. */
int store_open(struct store **store_out, const char *dir,
	       const char **message_out);
void store_close(struct store *s);	/* checkpoints, leaves a database that
					 * a group member can read; NULL is fine */
const char *store_message(const struct store *s); /* of the last failure */

/* store_load -- every job with its live row applied (progress, remaining_ms,
 * stage and version of a running job are the later ones), in order of seq.
 * The callback takes the job over.  Returns 0, a store failure, or the first
 * value other than 0 of the callback. */
int store_load(struct store *s, int (*each)(void *user, struct job *job,
					    int64_t live_at_ms), void *user);

/* The last seq of job and event ever given, 0 for none; the newest time that
 * is stored anywhere (TIME_NONE: none). */
int store_bounds(struct store *s, int64_t *job_seq_out, int64_t *event_seq_out,
		 int64_t *newest_ms_out);
/* Newest events, ascending, at most max: to fill the ring at start. */
int store_recent_events(struct store *s, struct event *out, size_t max,
			size_t *count_out);

/* Numbers kept by name: queue_paused, seed, ... absent: -ENOENT. */
int store_meta_get(struct store *s, const char *name, int64_t *value_out);

/* --- one transaction a turn ------------------------------------------------ */

enum durability { DURABLE_FULL, DURABLE_LATER };	/* synchronous= */
int store_begin(struct store *s, enum durability durability);
int store_commit(struct store *s);
void store_rollback(struct store *s);	/* nothing to do is fine */

/* Inside a transaction. */
int store_insert_job(struct store *s, const struct job *job);
int store_update_job(struct store *s, const struct job *job);
int store_delete_job(struct store *s, int64_t job_seq,
		     const struct tombstone *tombstone);
int store_put_live(struct store *s, const struct live_row *row);
int store_drop_live(struct store *s, int64_t job_seq);	/* it stopped running */
int store_append_event(struct store *s, const struct event *event);
int store_put_meta(struct store *s, const char *name, int64_t value);
int store_put_idempotency(struct store *s, const struct idempotency *entry);

/* Old things go in small lots: what was removed or created at that moment or
 * before it.  Each returns how many went, or a failure.  Tombstones take the
 * events of their jobs along and move the horizon: a cursor before it may have
 * missed something. */
int store_purge_tombstones(struct store *s, int64_t removed_before_ms,
			   int limit);
int store_purge_idempotency(struct store *s, int64_t created_before_ms,
			    int limit);

/* --- reads, in or outside a transaction ------------------------------------- */

int store_find_idempotency(struct store *s, const char *scope,
			   struct idempotency *entry_out); /* -ENOENT: new */
void idempotency_clear(struct idempotency *entry);	/* frees its arrays */

/* Jobs whose expires_ms is not after now, oldest first; the count. */
int store_expired(struct store *s, int64_t now_ms, int64_t *seqs_out,
		  int limit);
/* The next moment at which something is to be purged or removed: the
 * earliest expires_ms, tombstone, idempotency entry; TIME_NONE: nothing. */
int store_next_expiry(struct store *s, int64_t *expires_ms_out);
int store_next_tombstone(struct store *s, int64_t *removed_ms_out);
int store_next_idempotency(struct store *s, int64_t *created_ms_out);

/* --- the log of the database ------------------------------------------------- */

int64_t store_wal_bytes(struct store *s);	/* of its file */
/* What a checkpoint would have to copy: the file of the log does not shrink
 * when that is done. */
int64_t store_wal_pending(struct store *s);
/* PASSIVE, or TRUNCATE; never waits.  0; -EBUSY: a reader is in the way; or
 * another failure, and then all is still in the log. */
int store_checkpoint(struct store *s, bool truncate);
/* Gives free pages back to the file system, a few at a time.  Outside a
 * transaction.  1: it did, there may be more; 0: there are none; or a
 * failure. */
int store_vacuum_some(struct store *s, int pages);
/* May anything be written now?  For /readyz and for trying again. */
int store_probe(struct store *s);

#endif
