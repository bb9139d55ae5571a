/* engine_jobs.c -- what happens to jobs by itself: dispatch, the workers'
 * records, lost workers, recovery, removal. */
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "daemon/engine_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOSSES_MAX 3		/* workers a job may lose without progress */
#define LIVE_ROWS_S 2000	/* live rows a second, in all */
#define LIVE_PACE_MS 100	/* some rows a commit, not one */
#define COLLECT_MIN 64
#define COLLECT_REST_MS 1000	/* where one stays that is due */
#define STEP_MIN_MS 1000		/* of the wall clock, to be worth a look */

/* --- steps that several stories share ------------------------------------------- */

void job_enter(struct job *job, enum job_state state)
{
	if (job_become(job, state)) {
		job->aside = false;
		return;
	}
	/* whoever decided this is wrong about the job, and the store is not */
	log_error("job.impossible", "job_seq=%lld from=%s to=%s",
		  (long long)job->seq, job_state_name(job->state),
		  job_state_name(state));
	abort();
}

void job_set_expiry(struct engine *e, struct job *job)
{
	const struct settings *s = e->settings;

	if (!job_state_is_final(job->state)) {
		job->expires_ms = TIME_NONE;
		return;
	}
	if (!job->ttl_given)
		job->ttl_s = job->state == JOB_COMPLETED ? s->jobs_ttl_completed_s
			   : job->state == JOB_ERROR ? s->jobs_ttl_error_s
						     : s->jobs_ttl_canceled_s;
	job->expires_ms = job->ttl_s == TTL_KEEP
				  ? TIME_NONE
				  : job->finished_ms + job->ttl_s * 1000;
}

void job_finish(struct engine *e, struct job *job, enum job_state state,
		int64_t at_ms)
{
	job_enter(job, state);
	job->version++;
	job->worker = 0;
	job->paused_ms = TIME_NONE;
	job->finished_ms = job->updated_ms = at_ms;
	job->remaining_ms = 0;
	job_set_expiry(e, job);
}

void job_begin_attempt(struct job *job, int64_t eligible_ms)
{
	job_enter(job, JOB_QUEUED);
	job->worker = 0;
	job->attempt++;
	job->progress = 0;
	job->remaining_ms = -1;
	job->stage = STAGE_NONE;
	job->losses = 0;
	job->started_ms = job->finished_ms = TIME_NONE;
	job->paused_ms = job->expires_ms = TIME_NONE;
	job->eligible_ms = eligible_ms;
}

void job_stop_run(struct engine *e, uint32_t slot, struct job *job,
		  bool tell_worker)
{
	const struct job *shown = board_at(e->board, slot);

	/* a run that this very turn began has nothing to show yet */
	if (shown && shown->state == JOB_RUNNING && shown->run == job->run)
		board_freeze(e->board, slot, &job->progress,
			     &job->remaining_ms);
	if (tell_worker && job->worker != 0) {
		struct order stop = { .kind = ORDER_STOP, .run = job->run,
				      .slot = slot, .job_seq = job->seq };

		/* if this fails the worker's records are dropped by number */
		(void)turn_order(e, job->worker, &stop);
	}
	job->worker = 0;
}

/* restart_delay_ms, doubling with each attempt of this budget. */
static int64_t restart_delay(const struct engine *e, uint32_t used)
{
	int64_t delay = e->settings->jobs_restart_delay_ms;
	int64_t most = e->settings->jobs_restart_delay_max_ms;

	for (uint32_t i = 1; i < used && delay < most; i++)
		delay *= 2;
	return delay < most ? delay : most;
}

int64_t job_eligible_ms(const struct engine *e, const struct job *job)
{
	uint32_t used = job->attempt - job->budget_from;
	int64_t latest = e->turn.now_ms;

	if (job->eligible_ms == job->not_before_ms)
		return job->eligible_ms;	/* that is a promise */
	if (used > 0)
		latest += restart_delay(e, used);
	return job->eligible_ms < latest ? job->eligible_ms : latest;
}

/* The wall time of a worker's instant; not before the run's attempt began,
 * unless the clock has been set back since. */
static int64_t wall_of(const struct engine *e, const struct job *job,
		       int64_t at_ms)
{
	int64_t now = e->turn.now_ms, ago = e->turn.mono_ms - at_ms;
	int64_t at = ago > 0 ? now - ago : now;

	if (at < job->started_ms)
		at = job->started_ms < now ? job->started_ms : now;
	return at;
}

/* --- dispatch --------------------------------------------------------------------- */

int64_t job_running_on(void *user, unsigned worker)
{
	struct engine *e = user;

	return index_worker_running(e->index, worker);
}

static int order_run(struct engine *e, uint32_t slot, const struct job *job)
{
	const struct simulate *simulate = job_simulate(job);
	struct order order = { .kind = ORDER_RUN, .run = job->run,
			       .slot = slot, .job_seq = job->seq };

	order.start.key = job->key;
	order.start.progress = job->progress;
	order.start.attempt = job->attempt;
	if (simulate) {
		order.start.simulate_given = simulate->given;
		order.start.duration_ms = simulate->duration_ms;
		order.start.error_rate = simulate->error_rate;
		order.start.fail_at = simulate->fail_at;
		order.start.fail_attempts = simulate->fail_attempts;
	}
	return turn_order(e, job->worker, &order);
}

static int dispatch_one(struct engine *e, uint32_t slot, unsigned worker)
{
	struct job *job = turn_edit(e, slot);
	int r;

	if (!job)
		return -ENOMEM;
	job_enter(job, JOB_RUNNING);
	job->worker = worker;
	job->run++;
	job->version++;
	if (job->started_ms == TIME_NONE)
		job->started_ms = e->turn.now_ms;
	if (job->stage == STAGE_NONE)
		job->stage = STAGE_DOWNLOAD;
	turn_put(e, slot);
	r = turn_event(e, job, EVENT_STARTED, JOB_QUEUED, JOB_RUNNING,
		       e->turn.now_ms, job_stage_name(job->stage));
	return r < 0 ? r : order_run(e, slot, job);
}

int job_dispatch(struct engine *e)
{
	bool paused = e->turn.set_paused ? e->turn.paused : e->paused;
	/* a new run on a lost worker's number would go the way of the old */
	bool unsure = e->any_lost && !e->turn.lost_seen;
	int r = 0;

	index_promote(e->index, e->turn.now_ms);
	while (r == 0 && !paused && !unsure) {
		uint32_t slot = index_next(e->index);
		unsigned worker;

		if (slot == QUEUE_NONE)
			break;
		if (e->turn.dispatched == TURN_DISPATCHES) {
			e->turn.more = true;
			break;
		}
		worker = crew_choose(e->crew, job_running_on, e);
		if (worker == 0)
			break;
		r = dispatch_one(e, slot, worker);
		e->turn.dispatched++;
	}
	return r;
}

/* --- records ------------------------------------------------------------------------ */

/* The running job that a record speaks of; NULL: that run is over. */
static const struct job *job_of(struct engine *e, unsigned worker,
				const struct record *r)
{
	const struct job *job;

	if (!board_at(e->board, r->slot))
		return NULL;
	job = turn_job(e, r->slot);
	if (!job || job->seq != r->job_seq || job->run != r->run ||
	    job->worker != worker || job->state != JOB_RUNNING)
		return NULL;
	return job;
}

static int record_stage(struct engine *e, const struct record *r)
{
	const struct job *now = turn_job(e, r->slot);
	struct live_row row;
	struct job *job;

	if (r->stage <= now->stage)	/* stages only go forward */
		return 0;
	job = turn_edit(e, r->slot);
	if (!job)
		return -ENOMEM;
	job->stage = r->stage;
	job->version++;
	job->progress = r->progress;
	job->updated_ms = wall_of(e, job, r->at_ms);
	turn_put_live(e, r->slot);
	row = (struct live_row){ .job_seq = job->seq,
				 .at_ms = job->updated_ms,
				 .remaining_ms = r->remaining_ms,
				 .progress = r->progress,
				 .version = job->version,
				 .stage = job->stage };
	if (turn_live(e, &row) < 0)
		return -ENOMEM;
	return turn_event(e, job, EVENT_STAGE, JOB_RUNNING, JOB_RUNNING,
			  job->updated_ms, job_stage_name(job->stage));
}

static int record_completed(struct engine *e, const struct record *r)
{
	struct job *job = turn_edit(e, r->slot);
	int64_t at;

	if (!job)
		return -ENOMEM;
	at = wall_of(e, job, r->at_ms);
	job->progress = 1;
	job_finish(e, job, JOB_COMPLETED, at);
	turn_put(e, r->slot);
	return turn_event(e, job, EVENT_COMPLETED, JOB_RUNNING, JOB_COMPLETED,
			  at, NULL);
}

static int fail(struct engine *e, uint32_t slot, enum job_error error,
		double progress, int64_t at)
{
	struct job *job = turn_edit(e, slot);
	uint32_t used;
	int r;

	if (!job)
		return -ENOMEM;
	used = job->attempt - job->budget_from + 1;
	job->progress = progress;
	job->last_error = error;
	job->last_error_attempt = job->attempt;
	if (job->on_error != ON_ERROR_RESTART || used >= job->max_attempts) {
		job_finish(e, job, JOB_ERROR, at);
		turn_put(e, slot);
		return turn_event(e, job, EVENT_FAILED, JOB_RUNNING, JOB_ERROR,
				  at, job_error_name(error));
	}
	/* the attempt's end and the next one's place in the queue are one
	 * change, told as two events */
	r = turn_event(e, job, EVENT_FAILED, JOB_RUNNING, JOB_QUEUED, at,
		       job_error_name(error));
	job_begin_attempt(job, at + restart_delay(e, used));
	job->version++;
	job->updated_ms = at;
	turn_put(e, slot);
	return r < 0 ? r : turn_event(e, job, EVENT_RESTARTED, JOB_QUEUED,
				      JOB_QUEUED, at, NULL);
}

int job_record(struct engine *e, const struct kept_record *kept)
{
	const struct record *r = &kept->record;
	const struct job *job = job_of(e, kept->worker, r);

	if (!job)
		return 0;
	switch ((enum record_kind)r->kind) {
	case RECORD_PROGRESS:
		return record_stage(e, r);
	case RECORD_COMPLETED:
		return record_completed(e, r);
	case RECORD_FAILED:
		return fail(e, r->slot, r->error, r->progress,
			    wall_of(e, job, r->at_ms));
	case RECORD_ALIVE:
	case RECORD_KINDS:
		break;
	}
	return 0;
}

/* The record cannot be stored: its run ends, and says so. */
int job_fail_internal(struct engine *e, const struct kept_record *kept)
{
	struct job *job;

	if (!job_of(e, kept->worker, &kept->record))
		return 0;
	job = turn_edit(e, kept->record.slot);
	if (!job)
		return -ENOMEM;
	job_stop_run(e, kept->record.slot, job,
		     kept->record.kind == RECORD_PROGRESS);
	job->last_error = ERROR_INTERNAL;
	job->last_error_attempt = job->attempt;
	job_finish(e, job, JOB_ERROR, e->turn.now_ms);
	turn_put(e, kept->record.slot);
	return turn_event(e, job, EVENT_FAILED, JOB_RUNNING, JOB_ERROR,
			  e->turn.now_ms, job_error_name(ERROR_INTERNAL));
}

/* --- lost workers and recovery ---------------------------------------------------------- */

static int requeue(struct engine *e, uint32_t slot, unsigned losses,
		   uint32_t versions, const char *why)
{
	struct job *job = turn_edit(e, slot);

	if (!job)
		return -ENOMEM;
	job_stop_run(e, slot, job, false);
	job_enter(job, JOB_QUEUED);
	job->losses = losses;
	job->eligible_ms = job_eligible_ms(e, job);
	job->version += versions;
	turn_put(e, slot);
	return turn_event(e, job, EVENT_REQUEUED, JOB_RUNNING, JOB_QUEUED,
			  e->turn.now_ms, why);
}

static int lose_run(struct engine *e, uint32_t slot)
{
	const struct job *now = turn_job(e, slot);
	bool progressed = board_note(e->board, slot)->progressed;
	unsigned losses = progressed ? 1 : now->losses + 1;
	struct job *job;

	if (losses < LOSSES_MAX)
		return requeue(e, slot, losses, 1,
			       job_error_name(ERROR_WORKER_LOST));
	job = turn_edit(e, slot);
	if (!job)
		return -ENOMEM;
	job_stop_run(e, slot, job, false);
	job->last_error = ERROR_WORKER_LOST;
	job->last_error_attempt = job->attempt;
	job_finish(e, job, JOB_ERROR, e->turn.now_ms);
	turn_put(e, slot);
	return turn_event(e, job, EVENT_FAILED, JOB_RUNNING, JOB_ERROR,
			  e->turn.now_ms, job_error_name(ERROR_WORKER_LOST));
}

static int worker_lost(struct engine *e, unsigned worker)
{
	int r = 0;

	/* published runs only: what this turn dispatches is decided later */
	for (uint32_t at = e->live_first, next; r == 0 && at; at = next) {
		const struct job *job = turn_job(e, at - 1);

		next = board_note(e->board, at - 1)->live_next;
		if (job && job->state == JOB_RUNNING && job->worker == worker)
			r = lose_run(e, at - 1);
	}
	return r;
}

int job_workers_lost(struct engine *e)
{
	int r = 0;

	for (unsigned i = 1; e->any_lost && r == 0 && i <= CREW_MAX; i++)
		if (e->lost[i - 1])
			r = worker_lost(e, i);
	e->turn.lost_seen = e->any_lost;
	return r;
}

/* Who may begin at another time than it said; nothing else has changed. */
static int put_eligible(struct engine *e, uint32_t slot, int64_t eligible_ms)
{
	int64_t updated_ms;
	struct job *job;

	if (turn_job(e, slot)->eligible_ms == eligible_ms)
		return 0;
	updated_ms = turn_job(e, slot)->updated_ms;
	job = turn_edit(e, slot);
	if (!job)
		return -ENOMEM;
	job->eligible_ms = eligible_ms;
	job->updated_ms = updated_ms;
	turn_put(e, slot);
	return 0;
}

/* Stage changes were shown and not synced: a power cut may have taken those
 * of all runs.  Their events' numbers are not used again. */
static void skip_events(struct engine *e)
{
	for (uint32_t slot = 0; slot < board_slots(e->board); slot++) {
		const struct job *job = board_at(e->board, slot);

		if (job && job->state == JOB_RUNNING)
			e->turn.event_seq += JOB_STAGES;
	}
}

/* At start nothing runs yet: what the store calls running is queued again,
 * with a version that no stage change can have shown.  The board holds every
 * job by now; none has a worker. */
int job_recover(struct engine *e)
{
	int r = 0;

	skip_events(e);
	for (uint32_t slot = 0; r == 0 && slot < board_slots(e->board);
	     slot++) {
		const struct job *job = board_at(e->board, slot);

		if (!job || job->aside)
			continue;
		if (job->state == JOB_RUNNING)
			r = requeue(e, slot, job->losses, JOB_STAGES,
				    "recovery");
		else if (job->state == JOB_QUEUED)
			r = put_eligible(e, slot, job_eligible_ms(e, job));
	}
	return r;
}

/* --- the wall clock ---------------------------------------------------------------------- */

/* Where a queued job stands after such a step.  A promise stays; a delay
 * goes on as long as it was; who waits already waits. */
static int64_t after_step(const struct engine *e, const struct job *job,
			  int64_t step_ms)
{
	int64_t now = e->turn.now_ms;

	if (job->eligible_ms == job->not_before_ms)
		return job->eligible_ms;
	if (job->eligible_ms > now - step_ms)
		return job->eligible_ms + step_ms;
	return job->eligible_ms < now ? job->eligible_ms : now;
}

static int follow_step(struct engine *e, int64_t step_ms)
{
	int r = 0;

	for (uint32_t slot = 0; r == 0 && slot < board_slots(e->board);
	     slot++) {
		const struct job *job = turn_job(e, slot);

		if (job && job->state == JOB_QUEUED && !job->aside)
			r = put_eligible(e, slot,
					 after_step(e, job, step_ms));
	}
	if (step_ms < 0)
		index_go_back(e->index, e->turn.now_ms);
	return r;
}

/* The step counts as seen when its turn is published; a clock that is only
 * slewed moves too little to matter. */
int job_follow_clock(struct engine *e)
{
	struct turn *t = &e->turn;
	int64_t step = t->now_ms - t->mono_ms - e->wall_offset_ms;

	if (clock_is_manual() || (step > -STEP_MIN_MS && step < STEP_MIN_MS))
		return 0;
	log_info("clock.set", "step_ms=%lld", (long long)step);
	t->clock_was_set = true;
	return follow_step(e, step);
}

/* --- the job "default" ------------------------------------------------------------------- */

static struct job *default_new(struct engine *e)
{
	struct job_parts none = { 0 };
	struct job *job = job_new(&none);

	if (!job)
		return NULL;
	job->seq = JOB_DEFAULT_SEQ;
	job->priority = PRIORITY_MAX;
	job->ttl_s = TTL_KEEP;
	job->ttl_given = true;
	job->on_error = e->settings->jobs_on_error;
	job->max_attempts = e->settings->jobs_max_attempts;
	job->key = random_key_of_text(JOB_DEFAULT_ID, strlen(JOB_DEFAULT_ID),
				      0);
	job->version = 1;
	job->submitted_ms = job->updated_ms = job->eligible_ms =
		e->turn.now_ms;
	return job;
}

static int default_submit(struct engine *e)
{
	struct job *job = default_new(e);
	uint32_t slot;
	int r;

	if (!job)
		return -ENOMEM;
	r = turn_add(e, job, &slot);
	if (r < 0) {
		job_unref(job);
		return r;
	}
	return turn_event(e, job, EVENT_SUBMITTED, -1, JOB_QUEUED,
			  e->turn.now_ms, NULL);
}

static int default_again(struct engine *e, uint32_t slot, enum job_state from)
{
	struct job *job = turn_edit(e, slot);

	if (!job)
		return -ENOMEM;
	job_begin_attempt(job, e->turn.now_ms);
	job->budget_from = job->attempt;
	job->version++;
	turn_put(e, slot);
	return turn_event(e, job, EVENT_RESTARTED, from, JOB_QUEUED,
			  e->turn.now_ms, NULL);
}

int job_default_start(struct engine *e)
{
	static const uint8_t none[16];
	uint32_t slot = board_slot_of(e->board, none);
	const struct job *job = slot == SLOT_NONE ? NULL : turn_job(e, slot);

	if (!job)
		return default_submit(e);
	if (job_state_is_final(job->state) && !e->default_asked)
		return default_again(e, slot, job->state);
	return 0;
}

/* [status] default_job = off: one of an earlier life goes. */
int job_default_remove(struct engine *e)
{
	static const uint8_t none[16];
	uint32_t slot = board_slot_of(e->board, none);
	const struct job *job = slot == SLOT_NONE ? NULL : turn_job(e, slot);
	int r;

	if (!job)
		return 0;
	r = turn_event(e, job, EVENT_REMOVED, job->state, -1, e->turn.now_ms,
		       "default_job=off");
	return r < 0 ? r : turn_remove(e, slot);
}

/* --- removal -------------------------------------------------------------------------------- */

/* 1: it is due, and stays. */
static int collect_one(struct engine *e, int64_t seq)
{
	uint32_t slot = board_slot_of_seq(e->board, seq);
	const struct job *job = slot == SLOT_NONE ? NULL : turn_job(e, slot);
	int r;

	/* a restart or an edit in this turn may have saved it */
	if (job && job->aside)
		return 1;
	if (!job || !job_state_is_final(job->state) ||
	    job->expires_ms == TIME_NONE || job->expires_ms > e->turn.now_ms)
		return 0;
	r = turn_event(e, job, EVENT_REMOVED, job->state, -1, e->turn.now_ms,
		       "ttl");
	return r < 0 ? r : turn_remove(e, slot);
}

/* Twice as many as come, so that however fast they come, they also go. */
int job_collect(struct engine *e)
{
	size_t twice = e->turn.submitted * 2;
	/* those set aside are found again each time */
	int limit = (twice > COLLECT_MIN ? twice : COLLECT_MIN) + e->set_aside;
	bool stays = false;
	int64_t *seqs;
	int n, r;

	if (e->next_expiry_ms > e->turn.now_ms)
		return 0;
	seqs = malloc((size_t)limit * sizeof(*seqs));
	if (!seqs)
		return -ENOMEM;
	n = store_expired(e->store, e->turn.now_ms, seqs, limit);
	r = n < 0 ? n : 0;
	for (int i = 0; r >= 0 && i < n; i++) {
		r = collect_one(e, seqs[i]);
		stays |= r > 0;
	}
	free(seqs);
	if (n == limit)
		e->turn.more = true;
	else if (r < 0 || stays)
		e->next_expiry_ms = e->turn.now_ms + COLLECT_REST_MS;
	else
		e->next_expiry_ms = INT64_MIN;	/* ask again */
	return r < 0 ? r : 0;
}

/* --- progress rows ---------------------------------------------------------------------------- */

int job_write_live(struct engine *e, uint32_t slot, const struct job *job)
{
	struct live_row row = { .job_seq = job->seq,
				.at_ms = e->turn.now_ms,
				.version = job->version,
				.stage = job->stage };

	board_shown(e->board, slot, &row.progress, &row.remaining_ms);
	return turn_live(e, &row);
}

/* The rows that are due, oldest first, within the budget of all jobs. */
int job_write_progress(struct engine *e)
{
	int64_t now = clock_real_mono_ms();
	int64_t due = now - e->settings->store_progress_write_ms;
	int64_t passed = now - e->live_budget_at_ms;
	int r = 0;

	if (now < e->live_again_ms)
		return 0;
	e->live_budget += passed * LIVE_ROWS_S / 1000;
	if (passed * LIVE_ROWS_S >= 1000)
		e->live_budget_at_ms = now;
	if (e->live_budget > LIVE_ROWS_S)
		e->live_budget = LIVE_ROWS_S;
	for (uint32_t at = e->live_first, next; r == 0 && at &&
	     e->live_budget > 0; at = next) {
		const struct slot_note *note = board_note(e->board, at - 1);

		next = note->live_next;
		if (note->live_written_ms > due)
			break;
		if (note->draft)
			continue;	/* this turn writes it anyway */
		if (note->reported)
			r = job_write_live(e, at - 1, board_at(e->board, at - 1));
		else
			turn_live_rotate(e, at - 1);
		e->live_budget--;
		e->live_again_ms = now + LIVE_PACE_MS;
	}
	return r;
}

int64_t job_progress_due_ms(struct engine *e)
{
	int64_t due;

	if (!e->live_first)
		return INT64_MAX;
	due = board_note(e->board, e->live_first - 1)->live_written_ms +
	      e->settings->store_progress_write_ms;
	return due < e->live_again_ms ? e->live_again_ms : due;
}
