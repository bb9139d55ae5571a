/* engine_start.c -- the engine's beginning and end. */
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "daemon/engine_main.h"
#include "daemon/engine_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static const struct job *job_at(void *user, uint32_t slot)
{
	return turn_job(user, slot);
}

static int load_one(void *user, struct job *job, int64_t live_at_ms)
{
	struct engine *e = user;
	uint32_t slot = board_slot_new(e->board);
	int r;

	(void)live_at_ms;	/* nothing runs while the daemon is away */
	if (slot == SLOT_NONE) {
		job_unref(job);
		return -ENOMEM;
	}
	r = index_move(e->index, slot, NULL, job);
	if (r == 0)
		r = board_publish(e->board, slot, job);
	if (r < 0)
		job_unref(job);
	return r;
}

static int load_events(struct engine *e)
{
	struct event *events = calloc(BOARD_RING_EVENTS, sizeof(*events));
	size_t count = 0;
	int r = events ? 0 : -ENOMEM;

	if (r == 0 && e->event_seq > 0)
		r = store_recent_events(e->store, events, BOARD_RING_EVENTS,
					&count);
	if (r == 0)
		board_fill_events(e->board, events, count, e->event_seq);
	free(events);
	return r;
}

static int load(struct engine *e)
{
	int64_t newest, paused = 0;
	int r = store_bounds(e->store, &e->job_seq, &e->event_seq, &newest);

	if (r == 0)
		r = store_meta_get(e->store, "queue_paused", &paused);
	if (r < 0 && r != -ENOENT)
		return r;
	e->paused = paused != 0;
	if (clock_is_manual() && newest != TIME_NONE)
		clock_advance_to(newest);
	r = store_load(e->store, load_one, e);
	return r < 0 ? r : load_events(e);
}

/* The seed of an unset one is the store's: what was drawn stays drawn. */
static int choose_seed(struct engine *e)
{
	int64_t stored = 0;
	int r = store_meta_get(e->store, "seed", &stored);

	if (r != -ENOENT) {
		e->seed = stored;
		return r;
	}
	do
		random_system(&e->seed, sizeof(e->seed));
	while ((e->seed &= SETTINGS_INT_MAX) == 0);
	return store_put_meta(e->store, "seed", e->seed);
}

/* Numbers that the views for people need. */
int engine_put_settings(struct engine *e)
{
	const struct settings *s = e->settings;
	struct index_rules rules;
	int r = 0;

	engine_index_rules(e, &rules);
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{ "aging_s", s->jobs_aging_s },
		{ "progress_write_ms", s->store_progress_write_ms },
		{ "slots", s->jobs_workers * s->jobs_slots },
		{ "expected_ms", llround(random_expected_ms(&rules.law)) },
		{ "time_scale_ppm", llround(rules.time_scale * 1e6) },
		{ "clock_ms", clock_is_manual() ? clock_wall_ms() : 0 },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers) && r == 0;
	     i++)
		r = store_put_meta(e->store, numbers[i].name,
				   numbers[i].value);
	return r;
}

static int first_meta(struct engine *e)
{
	int r = store_begin(e->store, DURABLE_FULL);

	if (r == 0)
		r = choose_seed(e);
	if (r == 0)
		r = engine_put_settings(e);
	if (r == 0)
		r = store_commit(e->store);
	if (r < 0) {
		store_rollback(e->store);
		return r;
	}
	log_info("simulation.seed", "seed=%lld",
		 e->settings->simulation_seed
			 ? (long long)e->settings->simulation_seed
			 : (long long)e->seed);
	return 0;
}

/* What an earlier life left running goes back to the queue; the job
 * "default" begins. */
static int first_turn(struct engine *e)
{
	int r = engine_recover(e);

	if (r < 0)
		return r;
	turn_begin(e);
	if (e->settings->status_default_job == DEFAULT_JOB_START)
		r = job_default_start(e);
	else if (e->settings->status_default_job == DEFAULT_JOB_OFF)
		r = job_default_remove(e);
	r = engine_finish_turn(e, r);
	if (r != -EIO)
		return r;
	/* it stays as it was, and what runs here is not for it alone */
	log_error("chore.failed", "chore=default error=%s",
		  LOG_QUOTE(store_message(e->store)));
	return 0;
}

static int open_parts(struct engine *e, const char *worker_path)
{
	struct crew_events events = { e, engine_on_record, engine_on_lost };
	struct index_rules rules;
	int r;

	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->clock_fd = timerfd_create(CLOCK_REALTIME,
				     TFD_CLOEXEC | TFD_NONBLOCK);
	if (e->epoll_fd < 0 || e->wake_fd < 0 || e->clock_fd < 0)
		return -errno;
	r = engine_watch_fds(e);
	if (r < 0)
		return r;
	engine_index_rules(e, &rules);
	e->index = index_new(&rules, job_at, e);
	e->board = board_new();
	e->crew = crew_new(worker_path, e->settings->jobs_workers,
			   e->settings->jobs_slots, e->epoll_fd, &events);
	if (!e->index || !e->board || !e->crew)
		return -ENOMEM;
	board_set_index(e->board, e->index);
	return 0;
}

int engine_new(struct engine **engine_out, const struct settings *settings,
	       struct store *store, const char *worker_path)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->epoll_fd = e->wake_fd = e->clock_fd = e->signal_fd = -1;
	e->settings = settings_ref(settings);
	engine_note_faults(e, settings);
	e->store = store;
	e->last = &e->first;
	e->wall_offset_ms = clock_wall_ms() - clock_mono_ms();
	e->checkpoint_at_ms = INT64_MAX;
	e->next_expiry_ms = e->next_tombstone_ms = e->next_key_ms = INT64_MIN;
	e->crew_changed = true;
	pthread_mutex_init(&e->settings_lock, NULL);
	pthread_mutex_init(&e->queue_lock, NULL);
	r = open_parts(e, worker_path);
	if (r == 0)
		r = load(e);
	if (r == 0)
		r = first_meta(e);
	if (r == 0)
		r = first_turn(e);
	if (r < 0) {
		log_error("engine.start_failed", "error=%s store=%s",
			  LOG_QUOTE(strerror(-r)),
			  LOG_QUOTE(store_message(store)));
		engine_free(e);
		return r;
	}
	engine_send_settings(e);
	engine_send_clock(e);
	(void)crew_timers(e->crew);
	engine_show_crew(e);	/* HTTP may ask before the first turn */
	*engine_out = e;
	return 0;
}

/* The last progress of what runs, so that the next start goes on there. */
static void last_turn(struct engine *e)
{
	int r = 0;

	turn_begin(e);
	for (uint32_t slot = 0; r == 0 && slot < board_slots(e->board);
	     slot++) {
		const struct job *job = board_at(e->board, slot);

		if (job && job->state == JOB_RUNNING && !job->aside)
			r = job_write_live(e, slot, job);
	}
	if (r == 0 && !turn_is_empty(e))
		r = turn_commit(e);
	if (r < 0)
		log_warning("store.failed", "error=%s",
			    LOG_QUOTE(store_message(e->store)));
	turn_undo(e);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	crew_free(e->crew);
	if (e->board && e->hooks && !e->corrupt)
		last_turn(e);
	turn_free(e);
	board_free(e->board);
	index_free(e->index);
	free(e->records.at);
	free(e->runs.at);
	free(e->free_runs.at);
	free(e->commands.at);
	if (e->epoll_fd >= 0)
		close(e->epoll_fd);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	if (e->clock_fd >= 0)
		close(e->clock_fd);
	if (e->signal_fd >= 0)
		close(e->signal_fd);
	settings_unref(e->settings);
	pthread_mutex_destroy(&e->settings_lock);
	pthread_mutex_destroy(&e->queue_lock);
	free(e);
}
