/* index.h -- the engine's indexes over all jobs.
 *
 * Owns the waiting queue, the jobs whose time has not come, and the counts by
 * state and by worker.  Each is a pure function of a job (and of the moment
 * up to which waiting jobs were promoted) and changes only by index_move, so
 * a turn that fails is undone by moving back.  Only the engine calls any of
 * this, but for index_look, index_own_ms and index_totals: any thread. */
#ifndef DAEMON_INDEX_H
#define DAEMON_INDEX_H

#include "core/job.h"
#include "core/random.h"
#include "daemon/queue.h"

struct index;

struct index_rules {		/* what keys and expectations depend on */
	int64_t aging_ms;	/* 0: no aging */
	double time_scale;
	struct duration_law law;
};

/* job_at: the job at a slot, as the engine sees it now. */
typedef const struct job *index_job_at(void *user, uint32_t slot);

struct index *index_new(const struct index_rules *rules, index_job_at *job_at,
			void *user);
void index_free(struct index *ix);

/* index_move -- the job at slot was `before` and is now `after` (NULL: it was
 * not there, it is gone).  0 or -ENOMEM, and then nothing has changed. */
int index_move(struct index *ix, uint32_t slot, const struct job *before,
	       const struct job *after);

/* Jobs that have become eligible by now join the waiting queue.  Time only
 * goes forward here: a clock set back takes nobody out of the queue. */
void index_promote(struct index *ix, int64_t now_ms);
/* The clock was set back to this: eligible_ms is held against it anew. */
void index_go_back(struct index *ix, int64_t now_ms);
int64_t index_next_eligible_ms(struct index *ix);	/* INT64_MAX: none */
uint32_t index_next(struct index *ix);	/* slot to dispatch, or QUEUE_NONE */

/* New rules: every waiting job gets its new key and expectation. */
void index_set_rules(struct index *ix, const struct index_rules *rules);

int64_t index_count(struct index *ix, enum job_state state);
int64_t index_worker_running(struct index *ix, unsigned worker);

/* What this job itself still needs, by what it last reported or by what a
 * job of its kind is expected to take. */
int64_t index_own_ms(const struct index *ix, const struct job *job);

struct index_look {
	int64_t ahead;		/* waiting jobs before this one */
	int64_t ahead_ms;	/* their expected work */
	int64_t own_ms;
	int64_t running;
	uint32_t epoch;		/* of the queue that was looked at */
};
/* index_look -- if the queue is still that of out->epoch, ahead and ahead_ms
 * stay as they are. */
void index_look(struct index *ix, const struct job *job,
		struct index_look *out);

#define INDEX_WORKERS 256		/* struct job's worker is 8 bits wide */

struct index_totals {
	int64_t counts[JOB_STATES];
	int64_t running[INDEX_WORKERS];	/* by worker */
	int64_t oldest_ms;	/* the oldest queued job has waited since;
				 * INT64_MAX: none is waiting */
};
void index_totals(struct index *ix, struct index_totals *out);

#endif
