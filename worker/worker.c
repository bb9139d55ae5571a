/* heygen-worker -- simulates the jobs that heygend tells it to.
 *
 * One loop over the socket and one timer.  It opens nothing once it runs; it
 * lives as long as the other end of descriptor CHANNEL_FD. */
#include "config.h"

#include "core/channel.h"
#include "worker/runs.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_A_MS INT64_C(1000000)
#define ALIVE_MS 2000		/* real time between two signs of life */
#define GRAIN_MS 10		/* wake-ups that progress ticks share */
#define PACKETS_A_TURN 64	/* read before the timers get their due */
#define EXIT_USAGE 64

static const char usage[] =
	"usage: heygen-worker [--help | --version]\n"
	"\n"
	"A worker of heygend, which starts as many as it needs.  It is of no\n"
	"use by hand: it expects heygend at the other end of descriptor 3.\n";

/* What an order said of time: now_ms at base_ns on CLOCK_MONOTONIC. */
struct sim_clock {
	int64_t now_ms, base_ns;
	bool known, runs;
};

struct worker {
	int epoll, timer;
	struct runs runs;
	struct sim_clock clock;
	struct order_settings settings;	/* seed 0: none have come */
	int64_t tick, tick_told;	/* clock orders: last, last answered */
	bool tick_due;			/* an answer is */
	int64_t alive_ns;		/* when the next sign of life is due */
	bool full;			/* the socket; waits until it is not */
};

static int complain(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(int error, const char *format, ...)
{
	va_list args;

	fputs("heygen-worker: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(-error));
	return error;
}

/* --- time ----------------------------------------------------------------- */

static int64_t mono_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 * NS_A_MS + now.tv_nsec;
}

static int64_t sim_now_ms(const struct sim_clock *clock)
{
	if (!clock->runs)
		return clock->now_ms;
	return clock->now_ms + (mono_ns() - clock->base_ns) / NS_A_MS;
}

/* All workers beat at the same instants, so that whoever listens to several
 * wakes once. */
static int64_t next_beat(int64_t now_ns)
{
	const int64_t beat_ns = (int64_t)ALIVE_MS * NS_A_MS;

	return (now_ns / beat_ns + 1) * beat_ns;
}

/* Sets the timer to what is due first.  While the socket is full nothing
 * is: it could not be told, and is made up for when there is room. */
static int arm(struct worker *w)
{
	const struct sim_clock *clock = &w->clock;
	int64_t due_ns = w->alive_ns, due_ms = runs_due(&w->runs);
	struct itimerspec spec = { 0 };

	/* what is further ahead than the sign of life could overflow */
	if (clock->runs && due_ms - sim_now_ms(clock) <= ALIVE_MS) {
		int64_t ns = clock->base_ns +
			     (due_ms - clock->now_ms) * NS_A_MS;

		if (ns < due_ns)
			due_ns = ns;
	}
	if (due_ns < 1)
		due_ns = 1;			/* 0 would be "never" */
	if (!w->full) {
		spec.it_value.tv_sec = due_ns / (1000 * NS_A_MS);
		spec.it_value.tv_nsec = due_ns % (1000 * NS_A_MS);
	}
	/* setting it also takes back that it has expired: nobody reads it */
	if (timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		return complain(-errno, "cannot set the timer");
	return 0;
}

/* --- records -------------------------------------------------------------- */

/* Waits for room in the socket, or no longer does. */
static int set_full(struct worker *w, bool full)
{
	struct epoll_event event = {
		.events = EPOLLIN | (full ? EPOLLOUT : 0),
		.data.fd = CHANNEL_FD
	};

	if (full == w->full)
		return 0;
	w->full = full;
	if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, CHANNEL_FD, &event) < 0)
		return complain(-errno, "cannot watch the socket");
	return 0;
}

static struct record sign_of_life(const struct worker *w, int64_t tick)
{
	return (struct record){
		.kind = RECORD_ALIVE, .at_ms = sim_now_ms(&w->clock),
		.tick = tick, .next_ms = runs_change_due(&w->runs),
		.running = runs_running(&w->runs)
	};
}

/* Sends one packet: the sign of life if it is due, what the runs have to
 * tell, and behind the last of that the answer to a clock order.  How many
 * records it had, 0 if there were none, or -errno. */
static int tell_some(struct worker *w)
{
	struct record_packet packet;
	struct runs_telling telling;
	int64_t now_ns = mono_ns();
	unsigned count = 0;
	bool answers;
	int r;

	if (now_ns >= w->alive_ns)
		packet.records[count++] = sign_of_life(w, w->tick_told);
	count += runs_collect(&w->runs, packet.records + count,
			      CHANNEL_BATCH - count, &telling);
	answers = w->tick_due && count < CHANNEL_BATCH;
	if (answers)
		packet.records[count++] = sign_of_life(w, w->tick);
	if (count == 0)
		return 0;
	r = channel_send_records(CHANNEL_FD, &packet, count);
	if (r < 0)
		return r;
	runs_told(&w->runs, &telling);
	if (packet.records[0].kind == RECORD_ALIVE || answers)
		w->alive_ns = next_beat(now_ns);
	if (answers) {
		w->tick_told = w->tick;
		w->tick_due = false;
	}
	return (int)count;
}

static int tell(struct worker *w)
{
	int r = w->full ? 0 : 1;

	while (r > 0)
		r = tell_some(w);
	return r == -EAGAIN ? set_full(w, true) : r;
}

/* Lets everything go off that is due. */
static int settle(struct worker *w)
{
	int64_t now_ms = sim_now_ms(&w->clock);
	int r = 0;

	while (r == 0 && runs_due(&w->runs) <= now_ms) {
		if (runs_would_overtake(&w->runs))
			r = tell(w);
		runs_step(&w->runs, now_ms);
	}
	return r;
}

/* --- orders --------------------------------------------------------------- */

static int set_clock(struct worker *w, const struct order_clock *order)
{
	int64_t since_ns = order->since_ns, now_ns = mono_ns();
	int r;

	w->clock = (struct sim_clock){
		.now_ms = order->now_ms,
		.base_ns = since_ns && since_ns < now_ns ? since_ns : now_ns,
		.known = true, .runs = order->rate > 0
	};
	w->runs.grain_ms = w->clock.runs ? GRAIN_MS : 1;
	r = settle(w);
	w->tick = order->tick;
	w->tick_due = true;
	return r;
}

static int start_run(struct worker *w, const struct order *order)
{
	int r;

	if (!w->clock.known || !w->settings.seed)
		return complain(-EPROTO,
				"a run came before clock and settings");
	r = runs_start(&w->runs, &w->settings, order, sim_now_ms(&w->clock));
	if (r < 0)
		return complain(r, "cannot begin run %u in slot %u", order->run,
				order->slot);
	return 0;
}

static int take_order(struct worker *w, const struct order *order)
{
	switch ((enum order_kind)order->kind) {
	case ORDER_SETTINGS:
		w->settings = order->settings;
		return 0;
	case ORDER_CLOCK:
		return set_clock(w, &order->clock);
	case ORDER_RUN:
		return start_run(w, order);
	case ORDER_STOP:
		runs_stop(&w->runs, order);
		return 0;
	case ORDER_KINDS:
		break;
	}
	return complain(-EPROTO, "order %u is none", order->kind);
}

/* One packet of orders.  -EAGAIN: there is none. */
static int take_some(struct worker *w)
{
	struct order_packet packet;
	int count = channel_receive_orders(CHANNEL_FD, &packet), r = 0;

	if (count == 0)
		return -EPIPE;
	if (count < 0 && count != -EAGAIN)
		return complain(count, "cannot read what heygend says");
	if (count < 0)
		return count;
	for (int i = 0; i < count && r == 0; i++)
		r = take_order(w, &packet.orders[i]);
	return r;
}

static int take(struct worker *w)
{
	int r = 0;

	for (int i = 0; i < PACKETS_A_TURN && r == 0; i++)
		r = take_some(w);
	return r == -EAGAIN ? 0 : r;
}

/* --- the loop ------------------------------------------------------------- */

static int turn(struct worker *w)
{
	struct epoll_event events[2];
	int r = arm(w);
	int count = r < 0 ? 0 : epoll_wait(w->epoll, events, 2, -1);

	if (count < 0 && errno != EINTR)
		r = complain(-errno, "cannot wait");
	for (int i = 0; i < count && r == 0; i++) {
		if (events[i].data.fd != CHANNEL_FD)
			continue;
		if (events[i].events & EPOLLOUT)
			r = set_full(w, false);
		if (r == 0 && events[i].events & ~(uint32_t)EPOLLOUT)
			r = take(w);
	}
	if (r == 0)
		r = settle(w);
	return r < 0 ? r : tell(w);
}

static int watch(struct worker *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_loop(struct worker *w)
{
	*w = (struct worker){ .alive_ns = mono_ns() };
	runs_init(&w->runs);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->epoll < 0 || w->timer < 0 || watch(w, CHANNEL_FD) < 0 ||
	    watch(w, w->timer) < 0)
		return complain(-errno, "cannot start");
	return 0;
}

/* --- the start ------------------------------------------------------------ */

static bool is_channel(int fd)
{
	int type = 0, domain = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       type == SOCK_SEQPACKET && domain == AF_UNIX;
}

static void close_from(int fd)
{
#ifdef HAVE_CLOSE_RANGE
	if (close_range(fd, ~0u, 0) == 0)
		return;
#endif
	for (long end = sysconf(_SC_OPEN_MAX); fd < end; fd++)
		(void)close(fd);
}

/* A worker goes when heygend does, and not before: what is sent to the whole
 * process group, from a terminal or by a service manager, is for heygend,
 * which lets its workers finish what it waits for. */
static void set_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int work(void)
{
	struct worker worker;
	int r;

	set_signals();
	close_from(CHANNEL_FD + 1);
	r = open_loop(&worker);
	/* stderr stays, for the sentence it may end with */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	while (r == 0)
		r = turn(&worker);
	runs_free(&worker.runs);
	return r == -EPIPE || r == -ECONNRESET ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("heygen-worker %s\n", PACKAGE_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) < 0;
	if (argc > 1) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (!is_channel(CHANNEL_FD)) {
		fprintf(stderr, "heygen-worker: descriptor %d is no socket of "
			"heygend's, which starts its workers itself\n",
			CHANNEL_FD);
		return EXIT_USAGE;
	}
	return work();
}
