/* board_write.h -- the engine's side of the board.
 *
 * Only the engine (main thread) calls these.  A slot number is a job's place
 * for as long as it is on the board; it goes to the workers and comes back
 * with their records. */
#ifndef DAEMON_BOARD_WRITE_H
#define DAEMON_BOARD_WRITE_H

#include "daemon/board.h"
#include "daemon/index.h"

#define SLOT_NONE UINT32_MAX

struct board *board_new(void);
void board_free(struct board *b);
/* The index that board_view asks for places and expectations. */
void board_set_index(struct board *b, struct index *ix);

uint32_t board_slot_new(struct board *b);	/* SLOT_NONE: out of memory */
void board_slot_drop(struct board *b, uint32_t slot); /* never published */
uint32_t board_slot_of(struct board *b, const uint8_t uuid[16]);
uint32_t board_slot_of_seq(struct board *b, int64_t seq);
uint32_t board_slots(const struct board *b);	/* all are below this */
/* The published job, borrowed; NULL: none (yet). */
struct job *board_at(struct board *b, uint32_t slot);

/* What the engine keeps beside a job, in no need of a lock. */
struct slot_note {
	uint32_t draft;			/* its draft in this turn, + 1 */
	uint32_t run_slot;		/* its number among what runs */
	uint32_t kept;			/* its latest record not yet taken, + 1 */
	bool progressed;		/* since its run began */
	bool reported;			/* since its live row was written */
	bool frozen;			/* the board's, under its lock */
	int64_t live_written_ms;	/* real monotonic; of its live row */
	uint32_t live_next, live_prev;	/* running jobs, oldest row first; +1 */
};
struct slot_note *board_note(struct board *b, uint32_t slot);

/* board_publish -- the job at slot is now this version (takes the reference);
 * NULL removes it and frees the slot.  board_wake must follow.  A job that
 * enters `running` shows its progress and expectation until the first report.
 * 0, or -ENOMEM for a first publication only. */
int board_publish(struct board *b, uint32_t slot, struct job *job);
void board_wake(struct board *b, uint32_t slot);	/* who waits for it */

/* A worker's report; the shown progress never falls within an attempt. */
void board_report(struct board *b, uint32_t slot, double progress,
		  int64_t remaining_ms, int64_t at_ms);
/* What is shown now of a running job. */
void board_shown(struct board *b, uint32_t slot, double *progress_out,
		 int64_t *remaining_ms_out);
/* The same of a job whose run this turn ends: nobody is shown more until the
 * run is over, or board_thaw tells that it goes on. */
void board_freeze(struct board *b, uint32_t slot, double *progress_out,
		  int64_t *remaining_ms_out);
void board_thaw(struct board *b, uint32_t slot);

/* The events just committed; wakes streams. */
void board_publish_events(struct board *b, const struct event *events,
			  size_t count);
/* At start: history that nobody waits for. */
void board_fill_events(struct board *b, const struct event *events,
		       size_t count, int64_t last_seq);

/* The crew and the queue as they are now. */
struct board_crew {
	bool paused;
	int64_t slots;
	struct worker_info workers[BOARD_WORKERS_MAX];
	size_t worker_count;
};
void board_set_crew(struct board *b, const struct board_crew *crew);

void board_interrupt(struct board *b);	/* wakes everyone for good */

#endif
