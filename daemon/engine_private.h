/* engine_private.h -- the engine's own parts, shared by engine*.c and turn.c.
 *
 * All of it belongs to the main thread, but for what stands under a lock. */
#ifndef DAEMON_ENGINE_PRIVATE_H
#define DAEMON_ENGINE_PRIVATE_H

#include "core/channel.h"
#include "daemon/board_write.h"
#include "daemon/crew.h"
#include "daemon/engine.h"
#include "daemon/engine_main.h"
#include "daemon/engine_stats.h"
#include "daemon/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* What one turn takes at most. */
#define TURN_COMMANDS 1024
#define TURN_ITEMS 4096		/* jobs in those commands */
#define TURN_RECORDS 4096
#define TURN_DISPATCHES 4096
#define TURN_PURGES 256
#define COMMANDS_WAITING 4096	/* beyond: 503 busy */

#define IDEMPOTENCY_MS INT64_C(86400000)

/* --- a turn ------------------------------------------------------------------ */

/* A job's private copy in this turn. */
struct draft {
	uint32_t slot;
	struct job *job;	/* NULL: removed; the board has what it was */
	bool fresh;		/* not on the board yet */
	bool live_only;		/* only its live row changed */
	enum job_state removed_state;
};

struct worker_order {
	unsigned worker;
	struct order order;
};

/* Grows by doubling; emptied, not freed, between turns. */
#define LIST(type) struct { type *at; size_t count, size; }

struct turn {
	int64_t now_ms, mono_ms;
	LIST(struct draft) drafts;
	LIST(struct event) events;
	LIST(struct live_row) lives;
	LIST(struct idempotency) keys;
	LIST(struct worker_order) orders;
	LIST(struct job *) dead;	/* drafts replaced; freed at the end */
	LIST(int64_t) ran_ms;		/* attempts that ended */
	int64_t job_seq, event_seq;	/* last ones given */
	bool set_paused, paused;
	bool purge_tombstones, purge_keys, put_settings, clock_was_set;
	bool lost_seen;			/* what lost workers ran is decided */
	uint32_t refused;		/* whose change failed; or SLOT_NONE */
	size_t submitted, dispatched;
	bool more;			/* a bound was reached: turn again */
};

/* list_grow -- room for one more; false: out of memory. */
#define LIST_ROOM(list) \
	((list)->count < (list)->size || \
	 list_grow((void **)&(list)->at, &(list)->size, sizeof(*(list)->at)))
bool list_grow(void **at, size_t *size, size_t item);

/* A record that a turn has not yet taken; the latest of its job wins. */
struct kept_record {
	unsigned worker;
	struct record record;
};

/* POST /v1/clock:advance under way. */
struct advance {
	struct command *command;	/* NULL: none */
	int64_t target_ms;
};

struct engine {
	const struct settings *settings;	/* under settings_lock */
	pthread_mutex_t settings_lock;
	struct board *board;
	struct index *index;
	struct store *store;
	struct crew *crew;
	int epoll_fd, wake_fd, clock_fd, signal_fd;

	pthread_mutex_t queue_lock;		/* the next three */
	struct command *first, **last;
	size_t waiting;
	atomic_bool draining, store_failing, worker_alive, quitting;
	atomic_bool has_faults;		/* [faults] of the settings */
	const struct engine_hooks *hooks;

	struct engine_stats stats;
	struct turn turn;
	LIST(struct kept_record) records;
	size_t set_aside;			/* jobs, since the start */
	bool any_lost, lost[CREW_MAX];		/* workers, not yet dealt with */
	/* what runs has a small number, its place in the workers' tables */
	LIST(uint32_t) runs;			/* the slots on the board */
	LIST(uint32_t) free_runs;
	LIST(struct command *) commands;	/* those of this turn */
	struct advance advance;
	int64_t job_seq, event_seq;		/* last ones committed */
	uint64_t seed;
	bool paused;
	bool corrupt;
	uint64_t uuid_last;			/* ms and counter of the last id */

	int64_t retry_at_ms, retry_ms;		/* real: the failing store */
	int64_t wall_offset_ms;			/* wall - monotonic, as last seen */
	int64_t next_expiry_ms;			/* wall, or INT64_MAX */
	int64_t next_tombstone_ms, next_key_ms;
	uint32_t live_first, live_last;		/* list of running; slot + 1 */
	int64_t live_budget_at_ms;
	int64_t live_budget;
	int64_t live_again_ms;			/* no more rows before */
	int64_t checkpoint_at_ms;		/* real, or INT64_MAX */
	bool wrote, changed;			/* since the log was tended; changed:
						 * more than progress */
	bool reader_in_way, upkeep_failing;	/* as it was told */
	bool crew_changed;
	int64_t shown_slots;			/* of all workers, on the board */
	bool put_settings;			/* the views' copy is out of date */
	bool default_asked;			/* since the start */
};

/* --- turn.c: drafts ------------------------------------------------------------ */

void turn_begin(struct engine *e);
/* The job as this turn sees it; NULL: removed, or never there. */
const struct job *turn_job(struct engine *e, uint32_t slot);
/* A copy to change: it leaves the indexes until turn_put (or turn_put_live:
 * only its live row will be written), which must follow.  NULL: no memory. */
struct job *turn_edit(struct engine *e, uint32_t slot);
/* The same with other texts. */
struct job *turn_edit_texts(struct engine *e, uint32_t slot,
			    const struct job_parts *parts);
void turn_put(struct engine *e, uint32_t slot);
void turn_put_live(struct engine *e, uint32_t slot);
int turn_add(struct engine *e, struct job *job, uint32_t *slot_out);
int turn_remove(struct engine *e, uint32_t slot);
int turn_event(struct engine *e, const struct job *job, enum event_kind kind,
	       int from, int to, int64_t at_ms, const char *detail);
int turn_live(struct engine *e, const struct live_row *row);
/* To the end of the list of running jobs: its live row is new. */
void turn_live_rotate(struct engine *e, uint32_t slot);
int turn_order(struct engine *e, unsigned worker, const struct order *order);
bool turn_is_empty(const struct engine *e);
int turn_commit(struct engine *e);	/* 0, or a failure of the store */
void turn_publish(struct engine *e);
void turn_undo(struct engine *e);
void turn_free(struct engine *e);

/* --- engine_jobs.c: what happens to jobs ----------------------------------------- */

int job_dispatch(struct engine *e);
int64_t job_running_on(void *user, unsigned worker);
int job_record(struct engine *e, const struct kept_record *kept);
int job_fail_internal(struct engine *e, const struct kept_record *kept);
int job_workers_lost(struct engine *e);
int job_collect(struct engine *e);
int job_recover(struct engine *e);
/* Was the wall clock set?  Delays are durations and go on as they were. */
int job_follow_clock(struct engine *e);
/* eligible_ms, but no later than a delay of that length can mean. */
int64_t job_eligible_ms(const struct engine *e, const struct job *job);
int job_write_progress(struct engine *e);
/* Real monotonic ms of the next row; INT64_MAX: nothing runs. */
int64_t job_progress_due_ms(struct engine *e);
int job_default_start(struct engine *e);
int job_default_remove(struct engine *e);
int engine_put_settings(struct engine *e);
/* Every change of state: what the state machine forbids ends the daemon, for
 * the store still has the truth. */
void job_enter(struct job *job, enum job_state state);
/* Leaves `running`: shown progress stays, its worker is told.  For pause,
 * cancel, loss. */
void job_stop_run(struct engine *e, uint32_t slot, struct job *job,
		  bool tell_worker);
void job_finish(struct engine *e, struct job *job, enum job_state state,
		int64_t at_ms);
void job_set_expiry(struct engine *e, struct job *job);
void job_begin_attempt(struct job *job, int64_t eligible_ms);

int job_write_live(struct engine *e, uint32_t slot, const struct job *job);

/* --- engine.c: for engine_start.c and tests ------------------------------------------------ */

void engine_on_record(void *user, unsigned worker, const struct record *r);
void engine_on_lost(void *user, unsigned worker);
/* The turn so far is committed and published; undone if r, or that, failed. */
int engine_finish_turn(struct engine *e, int r);
/* All that waits in records, lost and commands, in one transaction: 0 and
 * published, or a failure and nothing has changed. */
int engine_turn_whole(struct engine *e);
/* After a turn: the log of the database is copied soon, when nobody would
 * wait for the syncs of that; at once if it is large. */
void engine_tend_log(struct engine *e);
void engine_show_crew(struct engine *e);
int engine_watch_fds(struct engine *e);

/* --- engine_single.c ------------------------------------------------------------------- */

/* Collects, purges, writes progress, dispatches: what nobody asked for. */
int engine_keep_house(struct engine *e);
/* The turn of job_recover, before all others. */
int engine_recover(struct engine *e);
/* The same as engine_turn_whole, one item a transaction.  What the store
 * refuses for its own sake is dealt with; only what may pass is a failure,
 * and then the first *decided_out commands have their outcome. */
int engine_turn_singly(struct engine *e, size_t *decided_out);

/* --- engine_inbox.c ------------------------------------------------------------------ */

void engine_wake(struct engine *e);		/* from any thread */
/* Moves up to TURN_COMMANDS, or as many as bring TURN_ITEMS jobs, into the
 * turn; true: more wait. */
bool engine_take_commands(struct engine *e);
void engine_refuse_commands(struct engine *e, enum outcome outcome);
/* The last touch: they belong to those who wait from here on. */
void engine_answer(struct command *c);
void engine_answer_all(struct command *const *commands, size_t count);

/* --- engine_commands.c -------------------------------------------------------------- */

int command_decide(struct engine *e, struct command *c);
/* Its success, by its Idempotency-Key, is part of this turn. */
int command_remember(struct engine *e, const struct command *c);
/* Drops what was put into it: the turn failed. */
void command_reset(struct command *c);

/* --- engine_time.c ------------------------------------------------------------------- */

/* When something of the engine's own is due in simulated time. */
int64_t engine_deadline_ms(struct engine *e);	/* INT64_MAX: nothing */
void engine_advance_begin(struct engine *e, struct command *c);
/* true: the clock has moved, turn again at once. */
bool engine_advance_step(struct engine *e);
void engine_advance_abandon(struct engine *e);
void engine_note_faults(struct engine *e, const struct settings *settings);
void engine_uuid(struct engine *e, uint8_t uuid_out[16]);
void engine_send_clock(struct engine *e);
void engine_send_settings(struct engine *e);
void engine_index_rules(const struct engine *e, struct index_rules *out);

#endif
