#include "daemon/board.h"

#include "core/clock.h"
#include "daemon/board_private.h"

#include <assert.h>
#include <string.h>

#define NEARLY 0.999	/* what is shown before the end, at most */
/* A run counts for 17 years at most in what all have left: no number of runs
 * overflows the sum. */
#define LEFT_MS_MAX (INT64_C(1) << 39)

/* --- keys -------------------------------------------------------------------- */

static uint64_t uuid_hash(const uint8_t uuid[16])
{
	uint64_t a, b;

	memcpy(&a, uuid, 8);
	memcpy(&b, uuid + 8, 8);
	a = (a ^ b) * 0x9e3779b97f4a7c15u;
	return a ^ a >> 29;
}

static uint64_t seq_hash(int64_t seq)
{
	uint64_t a = (uint64_t)seq * 0x9e3779b97f4a7c15u;

	return a ^ a >> 29;
}

/* The table's part of a hash; the top bits choose the shard. */
static unsigned shard_of(uint64_t hash)
{
	return hash >> 58;
}

/* uuid and seq of a slot never change while it is in the tables, but the job
 * that holds them is swapped: look under the stripe. */
static bool same_uuid(void *user, uint32_t slot, const void *key)
{
	pthread_mutex_t *stripe = board_stripe(user, slot);
	bool same;

	pthread_mutex_lock(stripe);
	same = memcmp(board_head(user, slot)->job->uuid, key, 16) == 0;
	pthread_mutex_unlock(stripe);
	return same;
}

static bool same_seq(void *user, uint32_t slot, const void *key)
{
	pthread_mutex_t *stripe = board_stripe(user, slot);
	bool same;

	pthread_mutex_lock(stripe);
	same = board_head(user, slot)->job->seq == *(const int64_t *)key;
	pthread_mutex_unlock(stripe);
	return same;
}

uint32_t board_slot_of(struct board *b, const uint8_t uuid[16])
{
	uint64_t hash = uuid_hash(uuid);
	struct shard *shard = &b->by_uuid[shard_of(hash)];
	uint32_t slot;

	pthread_mutex_lock(&shard->lock);
	slot = table_find(&shard->table, hash, same_uuid, b, uuid);
	pthread_mutex_unlock(&shard->lock);
	return slot;
}

uint32_t board_slot_of_seq(struct board *b, int64_t seq)
{
	uint64_t hash = seq_hash(seq);
	struct shard *shard = &b->by_seq[shard_of(hash)];
	uint32_t slot;

	pthread_mutex_lock(&shard->lock);
	slot = table_find(&shard->table, hash, same_seq, b, &seq);
	pthread_mutex_unlock(&shard->lock);
	return slot;
}

static int shard_add(struct shard *shards, uint64_t hash, uint32_t slot)
{
	struct shard *shard = &shards[shard_of(hash)];
	int r;

	pthread_mutex_lock(&shard->lock);
	r = table_add(&shard->table, hash, slot);
	pthread_mutex_unlock(&shard->lock);
	return r;
}

static void shard_remove(struct shard *shards, uint64_t hash, uint32_t slot)
{
	struct shard *shard = &shards[shard_of(hash)];

	pthread_mutex_lock(&shard->lock);
	table_remove(&shard->table, hash, slot);
	pthread_mutex_unlock(&shard->lock);
}

static int keys_add(struct board *b, uint32_t slot, const struct job *job)
{
	int r = shard_add(b->by_uuid, uuid_hash(job->uuid), slot);

	if (r < 0)
		return r;
	r = shard_add(b->by_seq, seq_hash(job->seq), slot);
	if (r < 0)
		shard_remove(b->by_uuid, uuid_hash(job->uuid), slot);
	return r;
}

static void keys_remove(struct board *b, uint32_t slot, const struct job *job)
{
	shard_remove(b->by_uuid, uuid_hash(job->uuid), slot);
	shard_remove(b->by_seq, seq_hash(job->seq), slot);
}

/* --- what is shown of a running job ------------------------------------------ */

/* Between two reports: on the line from the last one to the expected end,
 * never below what was shown before, never quite at the end. */
static double shown_progress(const struct slot *slot, int64_t now_ms)
{
	double p = slot->progress;

	if (slot->note.frozen)
		return slot->floor;
	if (now_ms > slot->at_ms && slot->end_ms > slot->at_ms)
		p += (1 - p) * (double)(now_ms - slot->at_ms) /
		     (double)(slot->end_ms - slot->at_ms);
	if (p > NEARLY)
		p = NEARLY;
	return p < slot->floor ? slot->floor : p;
}

static int64_t shown_remaining(const struct slot *slot, int64_t now_ms)
{
	return slot->end_ms > now_ms ? slot->end_ms - now_ms : 0;
}

static void running_sum(struct board *b, int64_t end_ms, int count)
{
	b->running_end_sum += end_ms;
	b->running += count;
}

static int64_t counted_end_ms(const struct slot *slot)
{
	return slot->end_ms - slot->at_ms < LEFT_MS_MAX
		       ? slot->end_ms : slot->at_ms + LEFT_MS_MAX;
}

/* Called with the stripe held. */
static void slot_report(struct board *b, struct slot *slot, double progress,
			int64_t remaining_ms, int64_t at_ms, int64_t wall_ms)
{
	int64_t counted_ms = counted_end_ms(slot);

	slot->progress = progress;
	slot->at_ms = at_ms;
	slot->end_ms = at_ms + remaining_ms;
	running_sum(b, counted_end_ms(slot) - counted_ms, 0);
	slot->completion_ms = wall_ms + remaining_ms;
}

void board_report(struct board *b, uint32_t slot_number, double progress,
		  int64_t remaining_ms, int64_t at_ms)
{
	struct slot *slot = board_slot(b, slot_number);
	int64_t wall = clock_wall_ms(), mono = clock_mono_ms();

	pthread_mutex_lock(board_stripe(b, slot_number));
	/* what was shown until now, not until the report was made */
	slot->floor = shown_progress(slot, mono);
	slot_report(b, slot, progress, remaining_ms, at_ms,
		    wall - (mono - at_ms));
	pthread_mutex_unlock(board_stripe(b, slot_number));
}

void board_shown(struct board *b, uint32_t slot_number, double *progress_out,
		 int64_t *remaining_ms_out)
{
	struct slot *slot = board_slot(b, slot_number);
	int64_t now = clock_mono_ms();

	pthread_mutex_lock(board_stripe(b, slot_number));
	*progress_out = shown_progress(slot, now);
	*remaining_ms_out = shown_remaining(slot, now);
	pthread_mutex_unlock(board_stripe(b, slot_number));
}

void board_freeze(struct board *b, uint32_t slot_number, double *progress_out,
		  int64_t *remaining_ms_out)
{
	struct slot *slot = board_slot(b, slot_number);
	int64_t now = clock_mono_ms();

	pthread_mutex_lock(board_stripe(b, slot_number));
	slot->floor = *progress_out = shown_progress(slot, now);
	slot->note.frozen = true;
	*remaining_ms_out = shown_remaining(slot, now);
	pthread_mutex_unlock(board_stripe(b, slot_number));
}

void board_thaw(struct board *b, uint32_t slot_number)
{
	pthread_mutex_lock(board_stripe(b, slot_number));
	board_slot(b, slot_number)->note.frozen = false;
	pthread_mutex_unlock(board_stripe(b, slot_number));
}

/* --- publishing --------------------------------------------------------------- */

static bool runs(const struct job *job)
{
	return job && job->state == JOB_RUNNING && !job->aside;
}

/* The live part follows the state.  With the stripe held. */
static void slot_enter(struct board *b, struct slot *slot,
		       const struct job *before, const struct job *after)
{
	if (!runs(before))
		before = NULL;
	if (!runs(after))
		after = NULL;
	if (before && after && before->run == after->run)
		return;
	if (before)
		running_sum(b, -counted_end_ms(slot), -1);
	slot->at_ms = slot->end_ms = 0;
	if (!after)
		return;
	running_sum(b, 0, 1);
	slot->note.frozen = false;
	slot->floor = after->progress;
	slot_report(b, slot, after->progress, index_own_ms(b->index, after),
		    clock_mono_ms(), clock_wall_ms());
}

static int publish_first(struct board *b, uint32_t slot_number,
			 struct job *job)
{
	struct slot_head *head = board_head(b, slot_number);
	struct slot *slot = board_slot(b, slot_number);
	int r;

	/* in place before anyone can find it; who still holds the number of
	 * the slot's last tenant looks under the stripe */
	pthread_mutex_lock(board_stripe(b, slot_number));
	head->job = job;
	head->ahead_epoch = 0;
	slot_enter(b, slot, NULL, job);
	pthread_mutex_unlock(board_stripe(b, slot_number));
	r = keys_add(b, slot_number, job);
	if (r < 0) {
		pthread_mutex_lock(board_stripe(b, slot_number));
		slot_enter(b, slot, job, NULL);
		head->job = NULL;
		pthread_mutex_unlock(board_stripe(b, slot_number));
		return r;
	}
	b->count++;
	return 0;
}

static void publish_removal(struct board *b, uint32_t slot_number)
{
	struct slot_head *head = board_head(b, slot_number);
	struct job *before = head->job;

	keys_remove(b, slot_number, before);
	pthread_mutex_lock(board_stripe(b, slot_number));
	slot_enter(b, board_slot(b, slot_number), before, NULL);
	head->job = NULL;
	pthread_mutex_unlock(board_stripe(b, slot_number));
	job_unref(before);
	b->count--;
	board_slot_drop(b, slot_number);
}

int board_publish(struct board *b, uint32_t slot_number, struct job *job)
{
	struct slot_head *head = board_head(b, slot_number);
	struct job *before = head->job;

	if (!before)
		return job ? publish_first(b, slot_number, job) : 0;
	if (!job) {
		publish_removal(b, slot_number);
		return 0;
	}
	pthread_mutex_lock(board_stripe(b, slot_number));
	slot_enter(b, board_slot(b, slot_number), before, job);
	head->job = job;
	head->ahead_epoch = 0;		/* it was that of the version before */
	pthread_mutex_unlock(board_stripe(b, slot_number));
	job_unref(before);
	return 0;
}

void board_set_crew(struct board *b, const struct board_crew *crew)
{
	pthread_mutex_lock(&b->crew_lock);
	b->crew = *crew;
	b->slots = crew->slots;
	b->moving = !crew->paused && crew->worker_count > 0;
	pthread_mutex_unlock(&b->crew_lock);
}

/* --- looking -------------------------------------------------------------------- */

struct live {
	double progress;
	int64_t remaining_ms, completion_ms;
	uint32_t slot;			/* SLOT_NONE: not on the board */
	struct index_look look;		/* what was counted last */
	bool started;			/* since: it waits for nobody */
};

/* Counted once for each queue: kept for the next who looks at the version
 * that it was counted for. */
static void keep_look(struct board *b, const struct live *live,
		      const struct index_look *look, const struct job *job)
{
	struct slot_head *head;

	if (live->slot == SLOT_NONE || look->epoch == live->look.epoch)
		return;
	head = board_head(b, live->slot);
	pthread_mutex_lock(board_stripe(b, live->slot));
	if (head->job == job) {
		head->ahead_epoch = look->epoch;
		head->ahead = look->ahead;
		head->ahead_ms = look->ahead_ms;
	}
	pthread_mutex_unlock(board_stripe(b, live->slot));
}

/* All that the running ones have left, together. */
static int64_t running_remaining_ms(struct board *b)
{
	int64_t ms = b->running_end_sum - b->running * clock_mono_ms();

	return ms > 0 ? ms : 0;
}

static void view_queued(struct board *b, const struct live *live,
			struct job_view *view)
{
	const struct job *job = view->job;
	struct index_look look = live->look;
	int64_t delay, slots = b->slots;

	index_look(b->index, job, &look);
	keep_look(b, live, &look, job);
	delay = job->eligible_ms > view->now_ms
			? job->eligible_ms - view->now_ms : 0;
	view->remaining_ms = delay + look.own_ms;
	if (slots > 0 && look.running >= slots && !live->started)
		view->remaining_ms += (running_remaining_ms(b) +
				       look.ahead_ms) / slots;
	if (view->remaining_ms > JOB_MS_MAX)
		view->remaining_ms = JOB_MS_MAX;
	if (b->moving)
		view->completion_ms = view->now_ms + view->remaining_ms;
	view->eligible_ahead = delay > 0;
	if (delay == 0)
		view->queue_position = look.ahead + 1;
}

/* One that is set aside stands still: it has no place and no end in sight. */
static enum job_state seen_as(const struct job *job)
{
	return job->aside && !job_state_is_final(job->state) ? JOB_PAUSED
							     : job->state;
}

/* Fills a view of a job in hand; live: what the slot knew if it is running. */
static void view_fill(struct board *b, const struct live *live,
		      struct job_view *view)
{
	const struct job *job = view->job;

	view->progress = job->progress;
	view->stage = job->stage;
	view->completion_ms = TIME_NONE;
	view->remaining_ms = 0;
	view->queue_position = 0;
	view->eligible_ahead = false;
	switch (seen_as(job)) {
	case JOB_QUEUED:
		view_queued(b, live, view);
		break;
	case JOB_RUNNING:
		view->progress = live->progress;
		view->remaining_ms = live->remaining_ms;
		view->completion_ms = live->completion_ms;
		break;
	case JOB_PAUSED:
		view->remaining_ms = index_own_ms(b->index, job);
		view->eligible_ahead = job->eligible_ms > view->now_ms;
		break;
	case JOB_COMPLETED:
		view->progress = 1;
		break;
	case JOB_ERROR:
	case JOB_CANCELED:
	case JOB_STATES:
		break;
	}
}

static void take_run(const struct slot *slot, struct live *live)
{
	int64_t mono = clock_mono_ms();

	live->progress = shown_progress(slot, mono);
	live->remaining_ms = shown_remaining(slot, mono);
	live->completion_ms = slot->completion_ms;
}

/* An answer takes all of it, and its lines of the cache can come at once. */
static void prefetch_job(const struct job *job)
{
	for (size_t at = 0; at < sizeof(*job) + LINE; at += LINE)
		__builtin_prefetch((const char *)job + at);
}

/* Takes the job and its live part, if the slot still holds what was found. */
static bool slot_take(struct board *b, uint32_t slot_number,
		      bool (*same)(const struct job *job, const void *key),
		      const void *key, struct job_view *view,
		      struct live *live)
{
	struct slot_head *head = board_head(b, slot_number);
	struct job *job;
	bool found;

	__builtin_prefetch(head);	/* while the lock comes */
	pthread_mutex_lock(board_stripe(b, slot_number));
	job = head->job;
	if (job)
		prefetch_job(job);
	found = job && same(job, key);
	if (found) {
		view->job = job_ref(job);
		live->slot = slot_number;
		if (job->state != JOB_QUEUED)
			take_run(board_slot(b, slot_number), live);
		live->look = (struct index_look){
			.epoch = head->ahead_epoch, .ahead = head->ahead,
			.ahead_ms = head->ahead_ms
		};
	}
	pthread_mutex_unlock(board_stripe(b, slot_number));
	return found;
}

static bool is_uuid(const struct job *job, const void *key)
{
	return memcmp(job->uuid, key, 16) == 0;
}

static bool is_seq(const struct job *job, const void *key)
{
	return job->seq == *(const int64_t *)key;
}

static bool is_running(const struct job *job, const void *key)
{
	return is_seq(job, key) && job->state == JOB_RUNNING;
}

static bool is_version(const struct job *job, const void *key)
{
	return job->seq == ((const struct job *)key)->seq &&
	       job->run == ((const struct job *)key)->run;
}

/* What is looked for, and where to put it: found and taken in one go. */
struct wanted {
	bool (*same)(const struct job *job, const void *key);
	const void *key;
	struct job_view view;
	struct live live;
};

static bool take_wanted(void *user, uint32_t slot, const void *key)
{
	struct wanted *w = (struct wanted *)key;

	return slot_take(user, slot, w->same, w->key, &w->view, &w->live);
}

static enum lookup look(struct board *b, struct shard *shards, uint64_t hash,
			struct wanted *w, struct job_view *view_out)
{
	struct shard *shard = &shards[shard_of(hash)];
	uint32_t slot;

	pthread_mutex_lock(&shard->lock);
	slot = table_find(&shard->table, hash, take_wanted, b, w);
	pthread_mutex_unlock(&shard->lock);
	if (slot == TABLE_NONE)
		return LOOKUP_NONE;
	assert(w->view.job);		/* take_wanted has put it there */
	w->view.now_ms = clock_wall_ms();
	view_fill(b, &w->live, &w->view);
	*view_out = w->view;
	return job_state_is_final(w->view.job->state) &&
			       w->view.job->expires_ms != TIME_NONE &&
			       w->view.job->expires_ms <= w->view.now_ms
		       ? LOOKUP_GONE : LOOKUP_FOUND;
}

enum lookup board_find(struct board *b, const uint8_t uuid[16],
		       struct job_view *view_out)
{
	struct wanted w = { .same = is_uuid, .key = uuid };

	return look(b, b->by_uuid, uuid_hash(uuid), &w, view_out);
}

enum lookup board_find_seq(struct board *b, int64_t seq,
			   struct job_view *view_out)
{
	struct wanted w = { .same = is_seq, .key = &seq };

	return look(b, b->by_seq, seq_hash(seq), &w, view_out);
}

void board_view(struct board *b, struct job *job, struct job_view *view_out)
{
	struct job_view view = { .now_ms = clock_wall_ms() };
	struct live live = { .progress = job->progress,
			     .completion_ms = TIME_NONE, .slot = SLOT_NONE };
	uint32_t slot = board_slot_of_seq(b, job->seq);

	/* a free slot is filled in the turn that queues a job: what holds it
	 * then is this very job */
	if (job->state == JOB_QUEUED && slot != SLOT_NONE &&
	    slot_take(b, slot, is_running, &job->seq, &view, &live)) {
		job_unref(view.job);
		live.started = true;
	}
	/* live numbers only if the run in hand is the one that goes on */
	if (job->state == JOB_RUNNING) {
		live.remaining_ms = index_own_ms(b->index, job);
		live.completion_ms = view.now_ms + live.remaining_ms;
		if (slot != SLOT_NONE &&
		    slot_take(b, slot, is_version, job, &view, &live))
			job_unref(view.job);
	}
	view.job = job_ref(job);
	view_fill(b, &live, &view);
	*view_out = view;
}

void job_view_release(struct job_view *view)
{
	job_unref(view->job);
	view->job = NULL;
}

void board_queue_info(struct board *b, struct queue_info *out)
{
	struct index_totals totals;
	int64_t now = clock_wall_ms();

	*out = (struct queue_info){ 0 };
	index_totals(b->index, &totals);
	memcpy(out->counts, totals.counts, sizeof(out->counts));
	out->running = out->counts[JOB_RUNNING];
	out->queued = out->counts[JOB_QUEUED];
	if (totals.oldest_ms < now)
		out->oldest_wait_ms = now - totals.oldest_ms;
	pthread_mutex_lock(&b->crew_lock);
	out->paused = b->crew.paused;
	out->slots = b->crew.slots;
	out->worker_count = b->crew.worker_count;
	memcpy(out->workers, b->crew.workers, sizeof(out->workers));
	pthread_mutex_unlock(&b->crew_lock);
	for (size_t i = 0; i < out->worker_count; i++)
		out->workers[i].running =
			totals.running[out->workers[i].number];
}
