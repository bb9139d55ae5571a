#include "config.h"

#include "daemon/crew.h"

#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define HEALTHY_MS 10000	/* after that the back-off begins anew */
#define DOUBT_MS INT64_C(1000)	/* a silence is looked at once more after that */
#define LEAVE_MS 2000		/* a worker's time to see EOF and go */

struct worker {
	pid_t pid;			/* 0: not started */
	int fd;				/* -1: not alive */
	int64_t since_ms;		/* wall */
	int64_t started_ms, heard_ms;	/* real monotonic */
	int64_t start_at_ms;		/* real monotonic: when to try again */
	int64_t backoff_ms;
	int64_t restarts;
	int64_t tick;			/* last clock order it has settled */
	int64_t asked_ms;		/* real monotonic: since when it owes one */
	int64_t doubt_ms;		/* real monotonic: since when it seems silent; 0 */
	int64_t next_ms;		/* its next stage change or end */
	struct order *outbox;
	size_t head, count, size;	/* orders from head on are unsent */
	bool blocked;			/* its socket is full */
	uint32_t watched;		/* epoll events asked for */
};

struct crew {
	char *path;
	unsigned count, turn;		/* turn: who is read first */
	int64_t slots, silence_ms;
	int epoll_fd;
	struct crew_events events;
	struct order settings, clock;
	bool has_settings, has_clock;
	int64_t tick;
	pid_t *gone;			/* killed or left, not yet reaped */
	size_t gone_count;
	struct worker workers[CREW_MAX];
};

struct crew *crew_new(const char *path, unsigned count, int64_t slots,
		      int epoll_fd, const struct crew_events *events)
{
	struct crew *crew = calloc(1, sizeof(*crew));

	if (!crew)
		return NULL;
	crew->path = strdup(path);
	if (!crew->path) {
		free(crew);
		return NULL;
	}
	crew->count = count < CREW_MAX ? count : CREW_MAX;
	crew->slots = slots;
	crew->epoll_fd = epoll_fd;
	crew->events = *events;
	crew->silence_ms = INT64_MAX;
	for (unsigned i = 0; i < crew->count; i++) {
		crew->workers[i].fd = -1;
		crew->workers[i].backoff_ms = BACKOFF_MIN_MS;
	}
	return crew;
}

/* --- orders ------------------------------------------------------------------- */

/* gcc 12's analyzer loses sight of what is put at an index */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static int outbox_room(struct worker *w)
{
	size_t size = w->size ? w->size * 2 : CHANNEL_BATCH;
	struct order *grown;

	if (w->head > 0 && w->head == w->count)
		w->head = w->count = 0;
	if (w->count < w->size)
		return 0;
	grown = realloc(w->outbox, size * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	w->outbox = grown;
	w->size = size;
	return 0;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* A worker that does not hear of a run would never end it: without memory it
 * is lost, and with its runs begins anew. */
void crew_order(struct crew *crew, unsigned worker, const struct order *order)
{
	struct worker *w = &crew->workers[worker - 1];

	if (w->fd < 0)
		return;
	if (outbox_room(w) == 0) {
		w->outbox[w->count++] = *order;
		return;
	}
	log_error("worker.no_memory", "worker=%u pid=%d", worker, (int)w->pid);
	(void)kill(w->pid, SIGKILL);	/* its end will be read */
}

static void watch(struct crew *crew, unsigned i, uint32_t events)
{
	struct epoll_event ev = { .events = events,
				  .data.u32 = CREW_EPOLL + i + 1 };

	if (crew->workers[i].watched == events)
		return;
	crew->workers[i].watched = events;
	(void)epoll_ctl(crew->epoll_fd, EPOLL_CTL_MOD, crew->workers[i].fd,
			&ev);
}

/* An idle worker says nothing but that it is alive, and that can wait: its
 * end is told (EPOLLHUP) also where nothing is asked for. */
void crew_listen(struct crew *crew,
		 int64_t (*running)(void *user, unsigned worker), void *user)
{
	for (unsigned i = 0; i < crew->count; i++) {
		const struct worker *w = &crew->workers[i];
		bool busy = w->tick != crew->tick || running(user, i + 1) > 0;

		if (w->fd >= 0)
			watch(crew, i, (busy ? EPOLLIN : 0) |
				       (w->blocked ? EPOLLOUT : 0));
	}
}

static void flush_worker(struct crew *crew, unsigned i)
{
	struct worker *w = &crew->workers[i];
	struct order_packet packet;

	while (w->fd >= 0 && w->head < w->count) {
		size_t n = w->count - w->head;
		int r;

		if (n > CHANNEL_BATCH)
			n = CHANNEL_BATCH;
		memcpy(packet.orders, w->outbox + w->head,
		       n * sizeof(*packet.orders));
		r = channel_send_orders(w->fd, &packet, n);
		if (r == -EAGAIN) {
			w->blocked = true;
			return;
		}
		if (r < 0)
			return;		/* EOF will be read and tells the rest */
		w->head += n;
	}
	w->blocked = false;
}

void crew_flush(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++)
		flush_worker(crew, i);
}

void crew_set_settings(struct crew *crew, const struct order_settings *s)
{
	crew->settings = (struct order){ .kind = ORDER_SETTINGS };
	crew->settings.settings = *s;
	crew->has_settings = true;
	for (unsigned i = 0; i < crew->count; i++)
		crew_order(crew, i + 1, &crew->settings);
}

void crew_set_clock(struct crew *crew, int64_t now_ms, double rate)
{
	crew->clock = (struct order){ .kind = ORDER_CLOCK };
	crew->clock.clock.now_ms = now_ms;
	crew->clock.clock.rate = rate;
	crew->clock.clock.tick = ++crew->tick;
	/* a clock that runs is ours, also in a worker that starts later */
	if (rate > 0)
		crew->clock.clock.since_ns = now_ms * 1000000;
	crew->has_clock = true;
	for (unsigned i = 0; i < crew->count; i++) {
		struct worker *w = &crew->workers[i];

		if (w->tick == crew->tick - 1)
			w->asked_ms = clock_real_mono_ms();
		crew_order(crew, i + 1, &crew->clock);
	}
}

void crew_set_silence(struct crew *crew, int64_t worker_timeout_s)
{
	crew->silence_ms = worker_timeout_s * 1000;
}

/* --- processes ------------------------------------------------------------------ */

/* The child gets its socket as CHANNEL_FD, our stderr, and nothing else. */
static int spawn(const char *path, int socket, pid_t *pid_out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *argv[] = { "heygen-worker", NULL };
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
					POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, socket, CHANNEL_FD);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, 0, 1);
	posix_spawn_file_actions_addclosefrom_np(&actions, CHANNEL_FD + 1);
	r = posix_spawn(pid_out, path, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -r;
}

static void start_later(struct worker *w, int64_t now)
{
	w->start_at_ms = now + w->backoff_ms;
	w->backoff_ms = w->backoff_ms * 2 > BACKOFF_MAX_MS
				? BACKOFF_MAX_MS : w->backoff_ms * 2;
}

static void start(struct crew *crew, unsigned i, int64_t now)
{
	struct worker *w = &crew->workers[i];
	struct epoll_event ev = { .events = EPOLLIN,
				  .data.u32 = CREW_EPOLL + i + 1 };
	int ends[2], r;

	w->head = w->count = 0;
	r = outbox_room(w);		/* for its first orders */
	if (r == 0)
		r = channel_pair(ends);
	if (r < 0)
		goto failed;
	if (epoll_ctl(crew->epoll_fd, EPOLL_CTL_ADD, ends[0], &ev) < 0)
		r = -errno;
	if (r == 0)
		r = spawn(crew->path, ends[1], &w->pid);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		goto failed;
	}
	w->fd = ends[0];
	w->blocked = false;
	w->watched = EPOLLIN;
	w->started_ms = w->heard_ms = w->asked_ms = now;
	w->since_ms = clock_wall_ms();
	w->tick = 0;
	w->doubt_ms = 0;
	w->next_ms = INT64_MAX;
	if (crew->has_settings)
		crew_order(crew, i + 1, &crew->settings);
	if (crew->has_clock)
		crew_order(crew, i + 1, &crew->clock);
	log_info("worker.started", "worker=%u pid=%d slots=%lld", i + 1,
		 (int)w->pid, (long long)crew->slots);
	return;
failed:
	log_error("worker.start_failed", "worker=%u path=%s error=\"%s\"",
		  i + 1, crew->path, strerror(-r));
	start_later(w, now);
}

/* The pid is remembered until SIGCHLD lets it be reaped. */
static void remember_gone(struct crew *crew, pid_t pid)
{
	pid_t *grown = realloc(crew->gone, (crew->gone_count + 1) *
			       sizeof(*grown));

	if (!grown)
		return;			/* a zombie until we leave: no harm */
	crew->gone = grown;
	crew->gone[crew->gone_count++] = pid;
}

static void lose(struct crew *crew, unsigned i, const char *why)
{
	struct worker *w = &crew->workers[i];
	int64_t now = clock_real_mono_ms();

	log_warning("worker.lost", "worker=%u pid=%d reason=\"%s\"", i + 1,
		    (int)w->pid, why);
	(void)kill(w->pid, SIGKILL);
	remember_gone(crew, w->pid);
	(void)epoll_ctl(crew->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	close(w->fd);
	w->fd = -1;
	w->pid = 0;
	w->head = w->count = 0;
	w->restarts++;
	if (now - w->started_ms >= HEALTHY_MS)
		w->backoff_ms = BACKOFF_MIN_MS;
	start_later(w, now);
	crew->events.lost(crew->events.user, i + 1);
	crew_child_exited(crew);
}

void crew_child_exited(struct crew *crew)
{
	size_t kept = 0;

	for (size_t i = 0; i < crew->gone_count; i++) {
		pid_t r = waitpid(crew->gone[i], NULL, WNOHANG);

		if (r == 0)
			crew->gone[kept++] = crew->gone[i];
	}
	crew->gone_count = kept;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Why it must go; NULL: it need not.  A worker that talks but owes an answer
 * to what it was told does not listen. */
static const char *fault(const struct crew *crew, const struct worker *w,
			 int64_t now)
{
	if (now - w->heard_ms >= crew->silence_ms)
		return "silent";
	if (w->tick != crew->tick && now - w->asked_ms >= crew->silence_ms)
		return "it does not listen";
	return NULL;
}

/* It seems to be silent; was it we who did not look?  A process that was
 * stopped, perhaps with its workers, cannot tell that from a silence.  So they
 * have a moment to speak, and only one that was seen to keep silent for all of
 * it must go; a second look that comes late begins that moment anew. */
static bool proven(struct worker *w, int64_t now)
{
	int64_t since = now - w->doubt_ms;

	if (w->doubt_ms != 0 && since < DOUBT_MS)
		return false;
	if (w->doubt_ms != 0 && since < 2 * DOUBT_MS)
		return true;
	w->doubt_ms = now;
	return false;
}

/* When to look at a living worker again. */
static int64_t look_at_ms(const struct crew *crew, const struct worker *w,
			  int64_t now)
{
	int64_t at = w->heard_ms + (w->watched & EPOLLIN
					    ? crew->silence_ms
					    : crew->silence_ms / 3);

	if (w->doubt_ms != 0)
		return w->doubt_ms + DOUBT_MS;
	if (at < now)		/* it was looked at and said nothing */
		at = w->heard_ms + crew->silence_ms;
	return w->tick == crew->tick
		       ? at : earlier(at, w->asked_ms + crew->silence_ms);
}

int64_t crew_timers(struct crew *crew)
{
	int64_t now = clock_real_mono_ms(), next = INT64_MAX;

	for (unsigned i = 0; i < crew->count; i++) {
		struct worker *w = &crew->workers[i];
		const char *why = w->fd < 0 || crew->silence_ms == INT64_MAX
					  ? NULL : fault(crew, w, now);
		int64_t at;

		if (w->fd < 0 && now >= w->start_at_ms)
			start(crew, i, now);
		else if (why && proven(w, now))
			lose(crew, i, why);
		if (!why)
			w->doubt_ms = 0;
		if (w->fd < 0)
			at = w->start_at_ms;
		else if (crew->silence_ms == INT64_MAX)
			continue;
		else
			at = look_at_ms(crew, w, now);
		next = earlier(next, at);
	}
	return next;
}

void crew_free(struct crew *crew)
{
	int64_t until = clock_real_mono_ms() + LEAVE_MS;

	if (!crew)
		return;
	for (unsigned i = 0; i < crew->count; i++) {
		if (crew->workers[i].fd >= 0) {
			close(crew->workers[i].fd);
			remember_gone(crew, crew->workers[i].pid);
		}
		free(crew->workers[i].outbox);
	}
	while (crew->gone_count > 0 && clock_real_mono_ms() < until) {
		struct timespec tick = { 0, 2000000 };

		crew_child_exited(crew);
		if (crew->gone_count > 0)
			(void)nanosleep(&tick, NULL);
	}
	for (size_t i = 0; i < crew->gone_count; i++) {
		(void)kill(crew->gone[i], SIGKILL);
		(void)waitpid(crew->gone[i], NULL, 0);
	}
	free(crew->gone);
	free(crew->path);
	free(crew);
}

/* --- records --------------------------------------------------------------------- */

static void take(struct crew *crew, unsigned i, const struct record *r)
{
	struct worker *w = &crew->workers[i];

	if (r->kind == RECORD_ALIVE) {
		w->tick = r->tick;
		w->next_ms = r->next_ms;
		return;
	}
	crew->events.record(crew->events.user, i + 1, r);
}

/* One packet of one worker: its count of records, or 0 for none. */
static int receive_packet(struct crew *crew, unsigned i)
{
	struct worker *w = &crew->workers[i];
	struct record_packet packet;
	int n = channel_receive_records(w->fd, &packet);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0) {
		lose(crew, i, n == 0 ? "it ended" : n == -EPROTO
			     ? "it spoke nonsense" : strerror(-n));
		return 0;
	}
	w->heard_ms = clock_real_mono_ms();
	for (int k = 0; k < n; k++)
		take(crew, i, &packet.records[k]);
	return n;
}

int crew_receive(struct crew *crew, int max)
{
	int total = 0;
	bool any = true;

	while (any && total < max) {
		any = false;
		for (unsigned k = 0; k < crew->count && total < max; k++) {
			unsigned i = (crew->turn + k) % crew->count;
			int n = crew->workers[i].fd < 0
					? 0 : receive_packet(crew, i);

			total += n;
			any |= n > 0;
		}
		crew->turn++;
	}
	return total;
}

/* --- asked by the engine ------------------------------------------------------------ */

unsigned crew_choose(struct crew *crew,
		     int64_t (*running)(void *user, unsigned worker),
		     void *user)
{
	int64_t most = 0;
	unsigned chosen = 0;

	for (unsigned i = 0; i < crew->count; i++) {
		const struct worker *w = &crew->workers[i];
		int64_t free_slots;

		if (w->fd < 0 || w->blocked)
			continue;
		free_slots = crew->slots - running(user, i + 1);
		if (free_slots > most) {
			most = free_slots;
			chosen = i + 1;
		}
	}
	return chosen;
}

bool crew_settled(const struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++) {
		const struct worker *w = &crew->workers[i];

		if (w->fd >= 0 && (w->tick != crew->tick || w->head < w->count))
			return false;
	}
	return true;
}

int64_t crew_next_ms(const struct crew *crew)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < crew->count; i++)
		if (crew->workers[i].fd >= 0 && crew->workers[i].next_ms < next)
			next = crew->workers[i].next_ms;
	return next;
}

int64_t crew_slots(const struct crew *crew)
{
	int64_t slots = 0;

	for (unsigned i = 0; i < crew->count; i++)
		if (crew->workers[i].fd >= 0)
			slots += crew->slots;
	return slots;
}

bool crew_report(const struct crew *crew, unsigned worker,
		 struct worker_report *out)
{
	const struct worker *w = &crew->workers[worker - 1];

	if (worker < 1 || worker > crew->count || w->fd < 0)
		return false;
	out->pid = w->pid;
	out->slots = crew->slots;
	out->restarts = w->restarts;
	out->since_ms = w->since_ms;
	return true;
}

