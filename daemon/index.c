#include "config.h"

#include "daemon/index.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A job counts for a year at most in what others have to wait for: however
 * many there are, the sum of all does not overflow. */
#define AHEAD_MS_MAX (INT64_C(1) << 35)

struct index {
	pthread_mutex_t lock;
	index_job_at *job_at;
	void *user;
	struct index_rules rules;
	int64_t now_ms;			/* promoted up to here */
	/* Written under the lock, read without: who looks at a job whose place
	 * is known already need not wait for those who count one. */
	_Atomic double expected_ms;	/* of a job that asks for nothing */
	_Atomic double time_scale;
	atomic_llong running_now;
	atomic_uint epoch;		/* + 1 with each change of waiting */
	struct queue_pool *pool;
	struct queue waiting;		/* in the order of dispatch */
	struct queue delayed;		/* in the order of eligible_ms */
	int64_t counts[JOB_STATES];
	int64_t running[INDEX_WORKERS];
};

static void rules_take(struct index *ix, const struct index_rules *rules)
{
	ix->rules = *rules;
	ix->expected_ms = random_expected_ms(&rules->law);
	ix->time_scale = rules->time_scale;
}

struct index *index_new(const struct index_rules *rules, index_job_at *job_at,
			void *user)
{
	struct index *ix = calloc(1, sizeof(*ix));
	pthread_mutexattr_t attr;

	if (!ix)
		return NULL;
	ix->pool = queue_pool_new();
	if (!ix->pool) {
		free(ix);
		return NULL;
	}
	/* Held for less time than it takes to fall asleep and be woken: a
	 * lock that sleeps at once, as the rwlock does, halves the speed of
	 * batches. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&ix->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	queue_init(&ix->waiting, ix->pool);
	queue_init(&ix->delayed, ix->pool);
	ix->now_ms = INT64_MIN;
	ix->job_at = job_at;
	ix->user = user;
	rules_take(ix, rules);
	return ix;
}

void index_free(struct index *ix)
{
	if (!ix)
		return;
	queue_pool_free(ix->pool);
	pthread_mutex_destroy(&ix->lock);
	free(ix);
}

int64_t index_own_ms(const struct index *ix, const struct job *job)
{
	const struct simulate *simulate = job_simulate(job);
	double total = ix->expected_ms;

	if (job->remaining_ms >= 0)
		return job->remaining_ms;
	if (simulate && (simulate->given & SIMULATE_DURATION))
		total = simulate->duration_ms;
	return llround(fmin(total / ix->time_scale * (1 - job->progress),
			    (double)JOB_MS_MAX));
}

static int64_t ahead_ms(const struct index *ix, const struct job *job)
{
	int64_t own_ms = index_own_ms(ix, job);

	return own_ms < AHEAD_MS_MAX ? own_ms : AHEAD_MS_MAX;
}

/* The place in the order of dispatch, fixed on entry: linear aging never
 * changes the order of two jobs that wait. */
static int64_t dispatch_key(const struct index *ix, const struct job *job)
{
	if (ix->rules.aging_ms == 0)
		return -job->priority;
	return job->eligible_ms - job->priority * ix->rules.aging_ms;
}

static int enter(struct index *ix, uint32_t slot, const struct job *job)
{
	ix->epoch++;
	if (job->eligible_ms > ix->now_ms)
		return queue_insert(&ix->delayed, slot, job->eligible_ms,
				    job->seq, ahead_ms(ix, job),
				    job->eligible_ms);
	return queue_insert(&ix->waiting, slot, dispatch_key(ix, job),
			    job->seq, ahead_ms(ix, job),
			    job->eligible_ms);
}

static void leave(struct index *ix, uint32_t slot, const struct job *job)
{
	ix->epoch++;
	/* jobs are promoted only up to now_ms, and all of them are */
	queue_remove(job->eligible_ms > ix->now_ms ? &ix->delayed
						   : &ix->waiting, slot);
}

static bool waits(const struct job *job)
{
	return job && job->state == JOB_QUEUED && !job->aside;
}

int index_move(struct index *ix, uint32_t slot, const struct job *before,
	       const struct job *after)
{
	int r = 0;

	pthread_mutex_lock(&ix->lock);
	if (waits(before))
		leave(ix, slot, before);
	if (waits(after))
		r = enter(ix, slot, after);
	if (r < 0) {
		/* the node is there already: this cannot fail */
		if (waits(before))
			(void)enter(ix, slot, before);
		goto out;
	}
	if (before)
		ix->counts[before->state]--;
	if (after)
		ix->counts[after->state]++;
	if (before && before->state == JOB_RUNNING)
		ix->running[before->worker]--;
	if (after && after->state == JOB_RUNNING)
		ix->running[after->worker]++;
	ix->running_now = ix->counts[JOB_RUNNING];
out:
	pthread_mutex_unlock(&ix->lock);
	return r;
}

/* Every job of the old queue enters anew; its node is there, so this cannot
 * fail. */
static void enter_again(struct index *ix, struct queue *old)
{
	uint32_t slot;

	while ((slot = queue_first(old)) != QUEUE_NONE) {
		queue_remove(old, slot);
		(void)enter(ix, slot, ix->job_at(ix->user, slot));
	}
}

static void enter_all_again(struct index *ix)
{
	struct queue waiting = ix->waiting, delayed = ix->delayed;

	queue_init(&ix->waiting, ix->pool);
	queue_init(&ix->delayed, ix->pool);
	enter_again(ix, &waiting);
	enter_again(ix, &delayed);
}

void index_promote(struct index *ix, int64_t now_ms)
{
	pthread_mutex_lock(&ix->lock);
	if (now_ms > ix->now_ms)
		ix->now_ms = now_ms;
	while (queue_first_key(&ix->delayed) <= ix->now_ms &&
	       queue_count(&ix->delayed) > 0) {
		uint32_t slot = queue_first(&ix->delayed);

		queue_remove(&ix->delayed, slot);
		(void)enter(ix, slot, ix->job_at(ix->user, slot));
	}
	pthread_mutex_unlock(&ix->lock);
}

void index_set_rules(struct index *ix, const struct index_rules *rules)
{
	pthread_mutex_lock(&ix->lock);
	rules_take(ix, rules);
	enter_all_again(ix);
	pthread_mutex_unlock(&ix->lock);
}

void index_go_back(struct index *ix, int64_t now_ms)
{
	pthread_mutex_lock(&ix->lock);
	ix->now_ms = now_ms;
	enter_all_again(ix);
	pthread_mutex_unlock(&ix->lock);
}

/* What only the engine asks needs no lock: nobody else moves anything. */
int64_t index_next_eligible_ms(struct index *ix)
{
	return queue_first_key(&ix->delayed);
}

uint32_t index_next(struct index *ix)
{
	return queue_first(&ix->waiting);
}

int64_t index_count(struct index *ix, enum job_state state)
{
	return ix->counts[state];
}

int64_t index_worker_running(struct index *ix, unsigned worker)
{
	return ix->running[worker % INDEX_WORKERS];
}

void index_look(struct index *ix, const struct job *job,
		struct index_look *out)
{
	out->own_ms = index_own_ms(ix, job);
	out->running = ix->running_now;
	if (out->epoch == ix->epoch)
		return;
	pthread_mutex_lock(&ix->lock);
	queue_ahead(&ix->waiting, dispatch_key(ix, job), job->seq,
		    &out->ahead, &out->ahead_ms);
	out->epoch = ix->epoch;
	pthread_mutex_unlock(&ix->lock);
}

void index_totals(struct index *ix, struct index_totals *out)
{
	pthread_mutex_lock(&ix->lock);
	memcpy(out->counts, ix->counts, sizeof(out->counts));
	memcpy(out->running, ix->running, sizeof(out->running));
	out->oldest_ms = queue_oldest_ms(&ix->waiting);
	pthread_mutex_unlock(&ix->lock);
}
