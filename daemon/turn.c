/* turn.c -- drafts: everything a turn decides, until its commit. */
#include "core/clock.h"
#include "core/log.h"
#include "daemon/engine_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool list_grow(void **at, size_t *size, size_t item)
{
	size_t grown_size = *size ? *size * 2 : 64;
	void *grown = realloc(*at, grown_size * item);

	if (!grown)
		return false;
	*at = grown;
	*size = grown_size;
	return true;
}

void turn_begin(struct engine *e)
{
	struct turn *t = &e->turn;

	t->now_ms = clock_wall_ms();
	t->mono_ms = clock_mono_ms();
	t->job_seq = e->job_seq;
	t->event_seq = e->event_seq;
	t->set_paused = t->purge_tombstones = t->purge_keys = false;
	t->put_settings = t->clock_was_set = t->lost_seen = false;
	t->refused = SLOT_NONE;
	t->paused = e->paused;
	t->submitted = t->dispatched = 0;
	t->more = false;
}

static struct draft *draft_of(struct engine *e, uint32_t slot)
{
	uint32_t at = board_note(e->board, slot)->draft;

	return at ? &e->turn.drafts.at[at - 1] : NULL;
}

const struct job *turn_job(struct engine *e, uint32_t slot)
{
	struct draft *draft = draft_of(e, slot);

	return draft ? draft->job : board_at(e->board, slot);
}

static struct draft *draft_new(struct engine *e, uint32_t slot,
			       struct job *job)
{
	struct draft *draft;

	if (!LIST_ROOM(&e->turn.drafts))
		return NULL;
	assert(e->turn.drafts.at);	/* there is room */
	draft = &e->turn.drafts.at[e->turn.drafts.count++];
	*draft = (struct draft){ .slot = slot, .job = job };
	board_note(e->board, slot)->draft = e->turn.drafts.count;
	return draft;
}

struct job *turn_edit_texts(struct engine *e, uint32_t slot,
			    const struct job_parts *parts)
{
	struct draft *draft = draft_of(e, slot);
	const struct job *now = turn_job(e, slot);
	struct job *copy;

	/* a draft that no answer holds can be changed as it is */
	if (draft && !parts && draft->job->refs == 1) {
		(void)index_move(e->index, slot, now, NULL);
		return draft->job;
	}
	if (!LIST_ROOM(&e->turn.dead))
		return NULL;
	copy = job_copy(now, parts);
	if (!copy)
		return NULL;
	if (!draft) {
		draft = draft_new(e, slot, copy);
		if (!draft) {
			job_unref(copy);
			return NULL;
		}
		draft->live_only = true;
	} else {
		e->turn.dead.at[e->turn.dead.count++] = draft->job;
		draft->job = copy;
	}
	(void)index_move(e->index, slot, now, NULL);
	return copy;
}

struct job *turn_edit(struct engine *e, uint32_t slot)
{
	struct job *job = turn_edit_texts(e, slot, NULL);

	/* who knows a better moment sets it */
	if (job)
		job->updated_ms = e->turn.now_ms;
	return job;
}

static void put_back(struct engine *e, const struct draft *draft)
{
	assert(draft);			/* turn_edit has made it */
	if (index_move(e->index, draft->slot, NULL, draft->job) == 0)
		return;
	/* an index without one of its jobs: only a new start can mend that,
	 * and it loses nothing */
	log_error("index.no_memory", "job_seq=%lld",
		  (long long)draft->job->seq);
	abort();
}

void turn_put(struct engine *e, uint32_t slot)
{
	struct draft *draft = draft_of(e, slot);

	assert(draft);
	draft->live_only = false;
	put_back(e, draft);
}

void turn_put_live(struct engine *e, uint32_t slot)
{
	put_back(e, draft_of(e, slot));
}

int turn_add(struct engine *e, struct job *job, uint32_t *slot_out)
{
	uint32_t slot = board_slot_new(e->board);
	struct draft *draft;
	int r;

	if (slot == SLOT_NONE)
		return -ENOMEM;
	*board_note(e->board, slot) = (struct slot_note){ 0 };
	draft = draft_new(e, slot, job);
	if (!draft) {
		board_slot_drop(e->board, slot);
		return -ENOMEM;
	}
	draft->fresh = true;
	r = index_move(e->index, slot, NULL, job);
	if (r < 0) {
		e->turn.drafts.count--;
		board_note(e->board, slot)->draft = 0;
		board_slot_drop(e->board, slot);
		return r;
	}
	*slot_out = slot;
	return 0;
}

int turn_remove(struct engine *e, uint32_t slot)
{
	struct draft *draft = draft_of(e, slot);
	const struct job *now = turn_job(e, slot);

	if (!LIST_ROOM(&e->turn.dead))
		return -ENOMEM;
	if (!draft) {
		draft = draft_new(e, slot, NULL);
		if (!draft)
			return -ENOMEM;
	} else {
		e->turn.dead.at[e->turn.dead.count++] = draft->job;
		draft->job = NULL;
	}
	(void)index_move(e->index, slot, now, NULL);
	/* an end that it did not have: only "default" goes before its end */
	draft->removed_state = job_state_is_final(now->state) ? now->state
							      : JOB_CANCELED;
	return 0;
}

/* How long the attempt took that ends now: its job may begin the next one in
 * this very turn. */
static int note_run(struct turn *t, const struct job *job, int64_t end_ms)
{
	if (job->started_ms == TIME_NONE)
		return 0;
	if (!LIST_ROOM(&t->ran_ms))
		return -ENOMEM;
	t->ran_ms.at[t->ran_ms.count++] = end_ms - job->started_ms;
	return 0;
}

int turn_event(struct engine *e, const struct job *job, enum event_kind kind,
	       int from, int to, int64_t at_ms, const char *detail)
{
	struct turn *t = &e->turn;
	struct event *event;

	if (!LIST_ROOM(&t->events))
		return -ENOMEM;
	event = &t->events.at[t->events.count++];
	*event = (struct event){ .seq = ++t->event_seq, .at_ms = at_ms,
				 .job_seq = job->seq, .kind = kind,
				 .from = from < 0 ? EVENT_NO_STATE : from,
				 .to = to < 0 ? EVENT_NO_STATE : to,
				 .attempt = job->attempt,
				 .progress = job->progress };
	event->final = to >= 0 && from >= 0 && !job_state_is_final(from) &&
		       job_state_is_final(to);
	memcpy(event->uuid, job->uuid, sizeof(event->uuid));
	if (detail)
		strncat(event->detail, detail, sizeof(event->detail) - 1);
	if (from == JOB_RUNNING &&
	    (kind == EVENT_COMPLETED || kind == EVENT_FAILED))
		return note_run(t, job, at_ms);
	return 0;
}

int turn_live(struct engine *e, const struct live_row *row)
{
	if (!LIST_ROOM(&e->turn.lives))
		return -ENOMEM;
	e->turn.lives.at[e->turn.lives.count++] = *row;
	return 0;
}

int turn_order(struct engine *e, unsigned worker, const struct order *order)
{
	struct turn *t = &e->turn;

	if (!LIST_ROOM(&t->orders))
		return -ENOMEM;
	t->orders.at[t->orders.count].worker = worker;
	t->orders.at[t->orders.count++].order = *order;
	return 0;
}

/* Nothing, or rows of progress that are due and nothing else. */
static bool changes_nothing(const struct turn *t)
{
	return t->drafts.count == 0 && t->events.count == 0 &&
	       t->keys.count == 0 && !t->set_paused &&
	       !t->purge_tombstones && !t->purge_keys && !t->put_settings;
}

bool turn_is_empty(const struct engine *e)
{
	return changes_nothing(&e->turn) && e->turn.lives.count == 0;
}

/* --- the commit ------------------------------------------------------------------- */

static int write_removal(struct engine *e, const struct draft *draft)
{
	const struct job *was = board_at(e->board, draft->slot);
	struct tombstone stone = { .removed_ms = e->turn.now_ms,
				   .state = draft->removed_state };

	if (draft->fresh)
		return 0;
	stone.job_seq = was->seq;
	stone.finished_ms = was->finished_ms != TIME_NONE
				    ? was->finished_ms : e->turn.now_ms;
	memcpy(stone.uuid, was->uuid, sizeof(stone.uuid));
	return store_delete_job(e->store, was->seq, &stone);
}

static int write_draft(struct engine *e, const struct draft *draft)
{
	const struct job *was = board_at(e->board, draft->slot);
	int r;

	if (!draft->job)
		return write_removal(e, draft);
	if (draft->fresh)
		return store_insert_job(e->store, draft->job);
	if (draft->live_only)
		return 0;		/* its live row says it all */
	r = store_update_job(e->store, draft->job);
	/* a run that is over; the next one may have begun in this turn */
	if (r == 0 && was->state == JOB_RUNNING &&
	    (draft->job->state != JOB_RUNNING || draft->job->run != was->run))
		r = store_drop_live(e->store, was->seq);
	return r;
}

static int write_purges(struct engine *e)
{
	struct turn *t = &e->turn;
	int64_t keep_ms = e->settings->jobs_tombstone_s * 1000;
	int r;

	if (t->purge_tombstones) {
		r = store_purge_tombstones(e->store, t->now_ms - keep_ms,
					   TURN_PURGES);
		if (r < 0)
			return r;
		t->more |= r == TURN_PURGES;
	}
	if (t->purge_keys) {
		r = store_purge_idempotency(e->store,
					    t->now_ms - IDEMPOTENCY_MS,
					    TURN_PURGES);
		if (r < 0)
			return r;
		t->more |= r == TURN_PURGES;
	}
	return 0;
}

static uint32_t slot_of(struct engine *e, int64_t job_seq)
{
	return board_slot_of_seq(e->board, job_seq);
}

static int write_all(struct engine *e)
{
	struct turn *t = &e->turn;
	int r = 0;

	/* first, for a draft whose run is over drops its row */
	for (size_t i = 0; r == 0 && i < t->lives.count; i++) {
		r = store_put_live(e->store, &t->lives.at[i]);
		if (r < 0)
			t->refused = slot_of(e, t->lives.at[i].job_seq);
	}
	for (size_t i = 0; r == 0 && i < t->drafts.count; i++) {
		r = write_draft(e, &t->drafts.at[i]);
		if (r < 0)
			t->refused = t->drafts.at[i].slot;
	}
	for (size_t i = 0; r == 0 && i < t->events.count; i++) {
		r = store_append_event(e->store, &t->events.at[i]);
		if (r < 0)
			t->refused = slot_of(e, t->events.at[i].job_seq);
	}
	for (size_t i = 0; r == 0 && i < t->keys.count; i++)
		r = store_put_idempotency(e->store, &t->keys.at[i]);
	if (r == 0 && t->set_paused)
		r = store_put_meta(e->store, "queue_paused", t->paused);
	if (r == 0 && t->put_settings)
		r = engine_put_settings(e);
	return r == 0 ? write_purges(e) : r;
}

/* Progress and the tidying up are no promises: they may be lost. */
static enum durability promised(const struct turn *t)
{
	if (t->keys.count > 0 || t->set_paused)
		return DURABLE_FULL;
	for (size_t i = 0; i < t->drafts.count; i++)
		if (t->drafts.at[i].fresh || !t->drafts.at[i].live_only)
			return DURABLE_FULL;
	return DURABLE_LATER;
}

int turn_commit(struct engine *e)
{
	int64_t began_us = clock_real_mono_us();
	int r = store_begin(e->store, promised(&e->turn));

	if (r == 0)
		r = write_all(e);
	if (r == 0)
		r = store_commit(e->store);
	if (r < 0) {
		store_rollback(e->store);
		return r;
	}
	e->wrote = true;
	e->changed |= !changes_nothing(&e->turn);
	histogram_add(&e->stats.commit, histogram_commit_s,
		      clock_real_mono_us() - began_us);
	return 0;
}

/* --- afterwards --------------------------------------------------------------------- */

static void turn_clear(struct engine *e)
{
	struct turn *t = &e->turn;

	for (size_t i = 0; i < t->dead.count; i++)
		job_unref(t->dead.at[i]);
	for (size_t i = 0; i < t->keys.count; i++)
		idempotency_clear(&t->keys.at[i]);
	t->drafts.count = t->events.count = t->lives.count = 0;
	t->keys.count = t->orders.count = t->dead.count = 0;
	t->ran_ms.count = 0;
}

/* The list of running jobs, that whose live row is oldest first. */
static void live_unlink(struct engine *e, uint32_t slot)
{
	struct slot_note *note = board_note(e->board, slot);

	if (note->live_prev)
		board_note(e->board, note->live_prev - 1)->live_next =
			note->live_next;
	else if (e->live_first == slot + 1)
		e->live_first = note->live_next;
	else
		return;			/* it is not in the list */
	if (note->live_next)
		board_note(e->board, note->live_next - 1)->live_prev =
			note->live_prev;
	else
		e->live_last = note->live_prev;
	note->live_next = note->live_prev = 0;
}

void turn_live_rotate(struct engine *e, uint32_t slot)
{
	struct slot_note *note = board_note(e->board, slot);

	live_unlink(e, slot);
	note->live_written_ms = clock_real_mono_ms();
	note->reported = false;
	note->live_prev = e->live_last;
	if (e->live_last)
		board_note(e->board, e->live_last - 1)->live_next = slot + 1;
	else
		e->live_first = slot + 1;
	e->live_last = slot + 1;
}

/* A run's number is given when its order goes out, and is free again when it
 * is over; its note keeps it, for the order to stop that follows. */
static int run_begin(struct engine *e, uint32_t slot)
{
	uint32_t run;

	if (e->free_runs.count > 0) {
		run = e->free_runs.at[--e->free_runs.count];
	} else {
		if (!LIST_ROOM(&e->runs))
			return -ENOMEM;
		run = e->runs.count++;
	}
	e->runs.at[run] = slot;
	board_note(e->board, slot)->run_slot = run;
	return 0;
}

static void run_end(struct engine *e, const struct job *was,
		    const struct job *now, uint32_t slot)
{
	if (!was || was->state != JOB_RUNNING || was->worker == 0 ||
	    (now && now->state == JOB_RUNNING && now->run == was->run &&
	     !now->aside))
		return;
	if (LIST_ROOM(&e->free_runs))	/* else the number is not used again */
		e->free_runs.at[e->free_runs.count++] =
			board_note(e->board, slot)->run_slot;
}

static void send_order(struct engine *e, struct worker_order *order)
{
	uint32_t slot = order->order.slot;

	if (order->order.kind == ORDER_RUN && run_begin(e, slot) < 0) {
		log_error("run.no_memory", "job_seq=%lld",
			  (long long)order->order.job_seq);
		abort();
	}
	order->order.slot = board_note(e->board, slot)->run_slot;
	crew_order(e->crew, order->worker, &order->order);
}

static void publish_draft(struct engine *e, struct draft *draft)
{
	const struct job *was = board_at(e->board, draft->slot);
	struct slot_note *note = board_note(e->board, draft->slot);
	bool running = draft->job && draft->job->state == JOB_RUNNING &&
		       !draft->job->aside;

	note->draft = 0;
	run_end(e, was, draft->job, draft->slot);
	if (running && (!was || was->run != draft->job->run))
		note->progressed = false;
	if (running)
		turn_live_rotate(e, draft->slot);
	else
		live_unlink(e, draft->slot);
	if (draft->job && job_state_is_final(draft->job->state) &&
	    draft->job->expires_ms != TIME_NONE &&
	    draft->job->expires_ms < e->next_expiry_ms)
		e->next_expiry_ms = draft->job->expires_ms;
	if (!draft->job && !draft->fresh)
		e->next_tombstone_ms = INT64_MIN;	/* ask again */
	if (!draft->job && draft->fresh)
		board_slot_drop(e->board, draft->slot);
	else if (board_publish(e->board, draft->slot, draft->job) < 0) {
		/* stored but not shown: only a new start can mend that */
		assert(draft->job);	/* a removal cannot fail */
		log_error("board.no_memory", "job_seq=%lld",
			  (long long)draft->job->seq);
		abort();
	}
}

static void log_event(const struct event *event)
{
	char id[JOB_ID_SIZE], name[32];
	/* these two are no transitions */
	bool minor = event->kind == EVENT_STAGE ||
		     event->kind == EVENT_CHANGED;

	snprintf(name, sizeof(name), "job.%s", event_kind_name(event->kind));
	log_at(minor ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, name,
	       "job=%s state=%s attempt=%u%s%s",
	       job_uuid_format(event->uuid, id),
	       event->to == EVENT_NO_STATE ? "-" : job_state_name(event->to),
	       event->attempt, event->detail[0] ? " detail=" : "",
	       event->detail);
}

static void count_start(struct engine *e, const struct event *event)
{
	uint32_t slot = board_slot_of(e->board, event->uuid);
	const struct job *job = slot == SLOT_NONE ? NULL
						  : board_at(e->board, slot);

	if (job)
		histogram_add(&e->stats.job_wait, histogram_job_s,
			      (event->at_ms - job->eligible_ms) * 1000);
}

static void count_event(struct engine *e, const struct event *event)
{
	struct engine_stats *s = &e->stats;

	switch ((enum event_kind)event->kind) {
	case EVENT_SUBMITTED:
		stat_add(&s->submitted, 1);
		break;
	case EVENT_STARTED:
		count_start(e, event);
		break;
	case EVENT_COMPLETED:
		stat_add(&s->finished_completed, 1);
		break;
	case EVENT_FAILED:
		stat_add(&s->finished_error, event->final);
		break;
	case EVENT_CANCELED:
		stat_add(&s->finished_error, 1);
		stat_add(&s->canceled, 1);
		break;
	case EVENT_RESTARTED:
		stat_add(&s->restarted, 1);
		break;
	case EVENT_REMOVED:
		stat_add(&s->removed, 1);
		break;
	case EVENT_PAUSED:
	case EVENT_RESUMED:
	case EVENT_REQUEUED:
	case EVENT_STAGE:
	case EVENT_CHANGED:
	case EVENT_KINDS:
		break;
	}
}

/* The jobs first, then the events, then the wake-ups: who is woken by an
 * event sees its job, and who is woken for a job finds its event. */
void turn_publish(struct engine *e)
{
	struct turn *t = &e->turn;

	e->job_seq = t->job_seq;
	e->event_seq = t->event_seq;
	if (t->clock_was_set)
		e->wall_offset_ms = t->now_ms - t->mono_ms;
	if (t->lost_seen) {
		memset(e->lost, 0, sizeof(e->lost));
		e->any_lost = false;
	}
	if (t->set_paused) {
		e->paused = t->paused;
		e->crew_changed = true;
	}
	for (size_t i = 0; i < t->drafts.count; i++)
		publish_draft(e, &t->drafts.at[i]);
	for (size_t i = 0; i < t->lives.count; i++) {
		uint32_t slot = board_slot_of_seq(e->board,
						  t->lives.at[i].job_seq);

		if (slot != SLOT_NONE &&
		    board_at(e->board, slot)->state == JOB_RUNNING)
			turn_live_rotate(e, slot);
	}
	board_publish_events(e->board, t->events.at, t->events.count);
	for (size_t i = 0; i < t->drafts.count; i++)
		board_wake(e->board, t->drafts.at[i].slot);
	for (size_t i = 0; i < t->events.count; i++)
		count_event(e, &t->events.at[i]);
	for (size_t i = 0; i < t->ran_ms.count; i++)
		histogram_add(&e->stats.job_run, histogram_job_s,
			      t->ran_ms.at[i] * 1000);
	for (size_t i = 0; i < t->events.count; i++)
		log_event(&t->events.at[i]);
	if (t->put_settings)
		e->put_settings = false;
	if (t->purge_tombstones)
		e->next_tombstone_ms = INT64_MIN;
	if (t->purge_keys || t->keys.count > 0)
		e->next_key_ms = INT64_MIN;
	for (size_t i = 0; i < t->orders.count; i++)
		send_order(e, &t->orders.at[i]);
	turn_clear(e);
}

void turn_undo(struct engine *e)
{
	struct turn *t = &e->turn;

	if (t->lives.count > 0)
		e->live_again_ms = 0;	/* its rows are still due */
	for (size_t i = t->drafts.count; i-- > 0;) {
		struct draft *draft = &t->drafts.at[i];
		struct job *was = board_at(e->board, draft->slot);

		/* the way back takes nodes that are there: it cannot fail */
		(void)index_move(e->index, draft->slot, draft->job,
				 draft->fresh ? NULL : was);
		board_note(e->board, draft->slot)->draft = 0;
		if (draft->fresh)
			board_slot_drop(e->board, draft->slot);
		else if (!was->aside)
			board_thaw(e->board, draft->slot);
		job_unref(draft->job);
	}
	turn_clear(e);
}

void turn_free(struct engine *e)
{
	struct turn *t = &e->turn;

	turn_clear(e);
	free(t->drafts.at);
	free(t->events.at);
	free(t->lives.at);
	free(t->keys.at);
	free(t->orders.at);
	free(t->dead.at);
	free(t->ran_ms.at);
}
