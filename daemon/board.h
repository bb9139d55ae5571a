/* board.h -- the jobs in memory, as every HTTP thread sees them.
 *
 * Owns the published jobs, their live progress, the waiting queue's order and
 * the lists of those who wait for a job.  Only the engine (main thread)
 * changes it, and only after the commit; every thread may read.  No function
 * here touches SQLite, and only board_wait and wake_wait block. */
#ifndef DAEMON_BOARD_H
#define DAEMON_BOARD_H

#include "core/job.h"
#include "core/settings.h"
#include "daemon/event.h"

struct board;

/* One look at one job: what the wire shows. */
struct job_view {
	struct job *job;		/* a reference: job_view_release */
	double progress;
	int64_t remaining_ms;
	int64_t completion_ms;		/* estimated; TIME_NONE: null */
	int64_t queue_position;		/* 1: next; 0: null */
	int64_t now_ms;			/* the moment of the look, wall */
	enum job_stage stage;
	bool eligible_ahead;		/* show eligible_at */
};

enum lookup {
	LOOKUP_FOUND,
	LOOKUP_GONE,			/* expired or removed; the view is of
					 * the last version still known */
	LOOKUP_NONE			/* ask the reader for a tombstone */
};

enum lookup board_find(struct board *b, const uint8_t uuid[16],
		       struct job_view *view_out);
enum lookup board_find_seq(struct board *b, int64_t seq,
			   struct job_view *view_out);
/* The view of a version in hand (a command's answer). Takes a reference. */
void board_view(struct board *b, struct job *job, struct job_view *view_out);
void job_view_release(struct job_view *view);

/* board_wait -- blocks until the job is final or gone, or its version is not
 * `version` (if that is not 0), or the deadline (real monotonic ms) passes,
 * or board_interrupt.  Then looks. */
enum lookup board_wait(struct board *b, const uint8_t uuid[16],
		       uint32_t version, int64_t deadline_ms,
		       struct job_view *view_out);

/* What a stream of events of some jobs waits on: one wake-up for many jobs. */
struct wake;
struct wake *wake_new(struct board *b);		/* NULL: no memory */
void wake_free(struct wake *w);			/* also unregisters; NULL is fine */
/* -ENOENT: no such job, so nothing will come of it; -ENOMEM. */
int board_watch(struct wake *w, const uint8_t uuid[16]);
/* Registers for every event, or only for those that end a job. */
void board_watch_all(struct wake *w, bool final_only);
/* true: something happened since the last call; false: the deadline passed.
 * board_interrupt ends it, whether or not the wake watches anything. */
bool wake_wait(struct wake *w, int64_t deadline_ms);
bool board_interrupted(const struct board *b);	/* the daemon is draining */

/* --- the ring of events -------------------------------------------------------- */

#define BOARD_RING_EVENTS 65536

/* The seq of the newest published event. */
int64_t board_last_event(struct board *b);
/* Copies events after a position, ascending, at most max.  The count, or
 * -ERANGE: the ring begins later; ask the reader.  A position ahead of the
 * newest gives -EINVAL. */
int board_events(struct board *b, int64_t after_seq, struct event *out,
		 size_t max);

/* --- the whole -------------------------------------------------------------------- */

#define BOARD_WORKERS_MAX 64

struct queue_info {
	bool paused;
	int64_t slots, running, queued;
	int64_t oldest_wait_ms;		/* of the queued; 0: none */
	int64_t counts[JOB_STATES];
	struct worker_info {
		int pid;
		unsigned number;	/* from 1: the engine's */
		int64_t running, slots, restarts;
		int64_t since_ms;	/* wall */
	} workers[BOARD_WORKERS_MAX];
	size_t worker_count;		/* alive */
};
void board_queue_info(struct board *b, struct queue_info *out);
int64_t board_count(struct board *b);		/* jobs in all */

#endif
