#include "daemon/engine.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "daemon/engine_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000
#define QUIET_MS 1000			/* then the log is checkpointed */
#define WAL_SOON_BYTES (16 << 20)	/* not even that is waited for */
#define VACUUM_PAGES 64

enum { EPOLL_WAKE = 1, EPOLL_SIGNAL, EPOLL_CLOCK };

struct board *engine_board(struct engine *e)
{
	return e->board;
}

const struct settings *engine_settings(struct engine *e)
{
	const struct settings *s;

	pthread_mutex_lock(&e->settings_lock);
	s = settings_ref(e->settings);
	pthread_mutex_unlock(&e->settings_lock);
	return s;
}

bool engine_has_faults(struct engine *e)
{
	return atomic_load_explicit(&e->has_faults, memory_order_relaxed);
}

void engine_note_faults(struct engine *e, const struct settings *settings)
{
	atomic_store(&e->has_faults, settings->faults_http_latency_ms > 0 ||
				     settings->faults_http_drop_rate > 0 ||
				     settings->faults_http_error_rate > 0);
}

const struct engine_stats *engine_stats(struct engine *e)
{
	return &e->stats;
}

const char *engine_not_ready(struct engine *e)
{
	if (e->draining)
		return "The daemon is stopping.";
	if (e->store_failing)
		return "The store cannot be written.";
	if (!e->worker_alive)
		return "No worker is alive.";
	return NULL;
}

/* --- what the crew tells ------------------------------------------------------------ */

/* Progress goes to the board at once; what changes a job waits for the turn,
 * the latest of each job. */
void engine_on_record(void *user, unsigned worker, const struct record *r)
{
	struct engine *e = user;
	struct kept_record *kept;
	struct slot_note *note;
	struct job *job;
	uint32_t slot;
	/* whatever a worker says, it is not from the future */
	int64_t now_ms = clock_mono_ms();
	int64_t at_ms = r->at_ms < now_ms ? r->at_ms : now_ms;

	if (r->slot >= e->runs.count)
		return;
	slot = e->runs.at[r->slot];
	job = board_at(e->board, slot);
	if (!job || job->seq != r->job_seq || job->run != r->run ||
	    job->state != JOB_RUNNING || job->worker != worker)
		return;
	note = board_note(e->board, slot);
	if (note->kept && e->records.at[note->kept - 1].record.kind !=
				  RECORD_PROGRESS)
		return;			/* nothing follows an end */
	if (r->progress > job->progress)
		note->progressed = true;
	if (r->kind == RECORD_PROGRESS) {
		note->reported = true;
		board_report(e->board, slot, r->progress, r->remaining_ms,
			     at_ms);
		if (r->stage <= job->stage && !note->kept)
			return;
	}
	if (!note->kept) {
		if (!LIST_ROOM(&e->records)) {
			/* an end that is forgotten would be a job that
			 * never ends; a new start loses nothing */
			log_error("record.no_memory", NULL);
			abort();
		}
		note->kept = ++e->records.count;
	}
	kept = &e->records.at[note->kept - 1];
	kept->worker = worker;
	kept->record = *r;
	kept->record.slot = slot;
	kept->record.at_ms = at_ms;
}

void engine_on_lost(void *user, unsigned worker)
{
	struct engine *e = user;

	e->crew_changed = true;
	stat_add(&e->stats.worker_restarts, 1);
	e->any_lost = e->lost[worker - 1] = true;
}

/* The records are taken: their jobs may keep new ones. */
static void forget_records(struct engine *e)
{
	for (size_t i = 0; i < e->records.count; i++)
		board_note(e->board, e->records.at[i].record.slot)->kept = 0;
	e->records.count = 0;
}

void engine_show_crew(struct engine *e)
{
	struct board_crew crew = { .paused = e->paused,
				   .slots = crew_slots(e->crew) };
	struct worker_report report;

	for (unsigned i = 1; i <= CREW_MAX; i++) {
		struct worker_info *info = &crew.workers[crew.worker_count];

		if (!crew_report(e->crew, i, &report))
			continue;
		info->pid = report.pid;
		info->slots = report.slots;
		info->restarts = report.restarts;
		info->since_ms = report.since_ms;
		info->number = i;
		crew.worker_count++;
	}
	e->worker_alive = crew.worker_count > 0;
	e->shown_slots = crew.slots;
	board_set_crew(e->board, &crew);
}

/* --- a turn ---------------------------------------------------------------------------- */

int engine_finish_turn(struct engine *e, int r)
{
	if (r == 0 && !turn_is_empty(e))
		r = turn_commit(e);
	if (r == 0)
		turn_publish(e);
	else
		turn_undo(e);
	return r;
}

/* What happened counts before what is asked. */
int engine_turn_whole(struct engine *e)
{
	int r;

	turn_begin(e);
	r = job_follow_clock(e);
	for (size_t i = 0; r == 0 && i < e->records.count; i++)
		r = job_record(e, &e->records.at[i]);
	if (r == 0)
		r = job_workers_lost(e);
	for (size_t i = 0; r == 0 && i < e->commands.count; i++)
		r = command_decide(e, e->commands.at[i]);
	if (r == 0)
		r = engine_keep_house(e);
	return engine_finish_turn(e, r);
}

static void store_failed(struct engine *e, int error)
{
	const char *why = error == -ENOMEM ? "out of memory"
					   : store_message(e->store);
	int64_t now = clock_real_mono_ms();

	stat_add(&e->stats.store_errors, 1);
	if (!e->store_failing) {
		log_error("store.failed", "error=%s", LOG_QUOTE(why));
		e->retry_ms = RETRY_MIN_MS;
	} else {
		e->retry_ms = e->retry_ms * 2 > RETRY_MAX_MS
				      ? RETRY_MAX_MS : e->retry_ms * 2;
		log_debug("store.failed", "error=%s", LOG_QUOTE(why));
	}
	e->store_failing = true;
	e->retry_at_ms = now + e->retry_ms;
	if (error == -EUCLEAN) {
		log_error("store.corrupt", "error=%s", LOG_QUOTE(why));
		e->corrupt = true;
	}
}

static void store_works(struct engine *e)
{
	if (e->store_failing)
		log_info("store.recovered", NULL);
	e->store_failing = false;
}

/* The first `count` of this turn; the others have yet to be decided. */
static void answer_commands(struct engine *e, size_t count)
{
	size_t answered = 0, rest = e->commands.count - count;

	/* who paused the queue sees it paused */
	if (e->crew_changed)
		engine_show_crew(e);
	for (size_t i = 0; i < count; i++) {
		struct command *c = e->commands.at[i];

		e->default_asked |= c->kind == COMMAND_DEFAULT_JOB &&
				    c->outcome == OUTCOME_OK;
		if (c->kind == COMMAND_CLOCK_ADVANCE && !c->replayed &&
		    c->outcome == OUTCOME_OK)
			engine_advance_begin(e, c);
		else
			e->commands.at[answered++] = c;
	}
	engine_answer_all(e->commands.at, answered);
	if (rest > 0)
		memmove(e->commands.at, e->commands.at + count,
			rest * sizeof(*e->commands.at));
	e->commands.count = rest;
}

/* Progress and orders that a turn let out go to the workers; in manual time
 * they are asked where their clocks then stand. */
static void send_orders(struct engine *e, bool any)
{
	if (any && clock_is_manual())
		engine_send_clock(e);
	crew_flush(e->crew);
}

/* true: there is more to do at once. */
static bool turn(struct engine *e)
{
	bool more = engine_take_commands(e), dispatched;
	size_t decided = 0;
	int r;

	if (e->store_failing && clock_real_mono_ms() < e->retry_at_ms) {
		engine_refuse_commands(e, OUTCOME_STORE_UNAVAILABLE);
		return false;
	}
	r = e->store_failing ? store_probe(e->store) : 0;
	if (r == 0)
		r = engine_turn_whole(e);
	if (r == -EIO)
		r = engine_turn_singly(e, &decided);
	if (r < 0) {
		store_failed(e, r);
		answer_commands(e, decided);
		engine_refuse_commands(e, OUTCOME_STORE_UNAVAILABLE);
		return false;
	}
	store_works(e);
	forget_records(e);
	dispatched = e->turn.dispatched > 0;
	answer_commands(e, e->commands.count);
	send_orders(e, dispatched || e->crew_changed);
	e->crew_changed = false;
	return more || e->turn.more;
}

/* --- the log of the database -------------------------------------------------------------- */

static int copy_log(struct engine *e)
{
	int64_t bytes = store_wal_bytes(e->store);
	bool truncate = bytes > e->settings->store_wal_max_bytes;
	int r = store_checkpoint(e->store, truncate);

	if (r == -EBUSY && truncate && !e->reader_in_way) {
		log_warning("store.reader_in_the_way", "wal_bytes=%lld",
			    (long long)bytes);
		e->reader_in_way = true;
	} else if (r == 0) {
		e->reader_in_way = false;
	}
	return r;
}

/* If it fails nothing is lost and changes go on, but the files grow. */
static void checkpoint(struct engine *e, int64_t now)
{
	int r = copy_log(e);

	e->checkpoint_at_ms = INT64_MAX;
	if (r == 0)
		r = store_vacuum_some(e->store, VACUUM_PAGES);
	if (r > 0)	/* what it moved is in the log, and there may be more */
		e->checkpoint_at_ms = now + QUIET_MS;
	if (r < 0 && r != -EBUSY && !e->upkeep_failing)
		log_warning("store.upkeep_failed", "error=%s",
			    LOG_QUOTE(store_message(e->store)));
	if (r != -EBUSY)
		e->upkeep_failing = r < 0;
}

static bool commands_wait(struct engine *e)
{
	bool wait;

	pthread_mutex_lock(&e->queue_lock);
	wait = e->first != NULL;
	pthread_mutex_unlock(&e->queue_lock);
	return wait;
}

/* More than that is not left to wait. */
static int64_t log_limit(const struct engine *e)
{
	int64_t most = e->settings->store_wal_max_bytes;

	return most < WAL_SOON_BYTES ? most : WAL_SOON_BYTES;
}

/* Progress alone, which nobody syncs, is no reason to sync: it waits until it
 * is much. */
void engine_tend_log(struct engine *e)
{
	int64_t now = clock_real_mono_ms();

	if (e->changed && e->checkpoint_at_ms == INT64_MAX)
		e->checkpoint_at_ms = now + QUIET_MS;
	if (e->store_failing)
		return;
	if ((now >= e->checkpoint_at_ms && !commands_wait(e)) ||
	    (e->wrote && store_wal_pending(e->store) > log_limit(e)))
		checkpoint(e, now);
	e->wrote = e->changed = false;
}

/* --- the loop ------------------------------------------------------------------------------- */

static void earlier(int64_t *at, int64_t other)
{
	if (other < *at)
		*at = other;
}

/* Real monotonic ms at which there is something to do. */
static int64_t next_wake(struct engine *e, int64_t crew_ms, int64_t now)
{
	int64_t at = crew_ms;

	if (e->store_failing) {
		earlier(&at, e->retry_at_ms);
		return at;
	}
	earlier(&at, e->checkpoint_at_ms);
	earlier(&at, job_progress_due_ms(e));
	if (!clock_is_manual()) {
		int64_t due = engine_deadline_ms(e);

		if (due != INT64_MAX) {
			int64_t wait = due - clock_wall_ms();

			earlier(&at, now + (wait > 0 ? wait : 0));
		}
	}
	return at;
}

static int timeout_until(int64_t at, int64_t now)
{
	int64_t wait = at == INT64_MAX ? -1 : at > now ? at - now : 0;

	return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static void on_signal(struct engine *e)
{
	struct signalfd_siginfo info;

	while (read(e->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			crew_child_exited(e->crew);
			break;
		case SIGHUP:
			e->hooks->reload(e->hooks->user);
			break;
		default:
			if (!e->draining)
				e->hooks->stop(e->hooks->user);
		}
	}
}

/* A clock that was set ends its timer; the promises are looked at again by
 * the turn that follows. */
static void watch_wall_clock(struct engine *e)
{
	struct itimerspec never = { .it_value.tv_sec = INT64_C(1) << 40 };

	(void)timerfd_settime(e->clock_fd,
			      TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			      &never, NULL);
}

static void on_event(struct engine *e, uint32_t what)
{
	uint64_t count;

	if (what == EPOLL_WAKE)
		(void)!read(e->wake_fd, &count, sizeof(count));
	else if (what == EPOLL_SIGNAL)
		on_signal(e);
	else if (what == EPOLL_CLOCK) {
		(void)!read(e->clock_fd, &count, sizeof(count));
		watch_wall_clock(e);
	}
	/* a worker's socket: the turn reads them all in rotation */
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int add_to_epoll(const struct engine *e, int fd, uint32_t what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = what };

	return epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int engine_watch_fds(struct engine *e)
{
	int r;

	e->signal_fd = open_signals();
	if (e->signal_fd < 0)
		return e->signal_fd;
	r = add_to_epoll(e, e->signal_fd, EPOLL_SIGNAL);
	if (r == 0)
		r = add_to_epoll(e, e->wake_fd, EPOLL_WAKE);
	if (r == 0)
		r = add_to_epoll(e, e->clock_fd, EPOLL_CLOCK);
	watch_wall_clock(e);
	return r;
}

/* One pass: what came, a turn, and when to come back. */
static int64_t pass(struct engine *e)
{
	int64_t crew_ms, at;
	bool more;

	more = crew_receive(e->crew, TURN_RECORDS) >= TURN_RECORDS;
	crew_ms = crew_timers(e->crew);
	if (crew_slots(e->crew) != e->shown_slots)	/* one came back */
		e->crew_changed = true;
	if (e->crew_changed)
		engine_show_crew(e);
	more |= turn(e);
	if (!more)
		more = engine_advance_step(e);
	crew_flush(e->crew);
	crew_listen(e->crew, job_running_on, e);
	engine_tend_log(e);
	at = e->hooks->turned(e->hooks->user);
	if (more)
		return 0;
	earlier(&at, next_wake(e, crew_ms, clock_real_mono_ms()));
	return at;
}

int engine_run(struct engine *e, const struct engine_hooks *hooks)
{
	struct epoll_event events[32];

	e->hooks = hooks;
	while (!e->quitting && !e->corrupt) {
		int64_t at = pass(e), now = clock_real_mono_ms();
		int n = epoll_wait(e->epoll_fd, events, 32,
				   timeout_until(at, now));

		for (int i = 0; i < n; i++)
			on_event(e, events[i].data.u32);
	}
	return e->corrupt ? 1 : 0;
}

void engine_drain(struct engine *e)
{
	pthread_mutex_lock(&e->queue_lock);
	e->draining = true;
	pthread_mutex_unlock(&e->queue_lock);
	engine_advance_abandon(e);
	board_interrupt(e->board);
}

void engine_quit(struct engine *e)
{
	e->quitting = true;
	engine_wake(e);
}

void engine_set_settings(struct engine *e, const struct settings *settings)
{
	const struct settings *before = e->settings;
	struct index_rules rules;

	pthread_mutex_lock(&e->settings_lock);
	e->settings = settings_ref(settings);
	pthread_mutex_unlock(&e->settings_lock);
	engine_note_faults(e, settings);
	settings_unref(before);
	engine_index_rules(e, &rules);
	index_set_rules(e->index, &rules);
	engine_send_settings(e);
	e->put_settings = true;
	e->next_expiry_ms = e->next_tombstone_ms = INT64_MIN;
}
