/* crew.h -- the worker processes.
 *
 * Owns their processes and sockets: starts them, starts them again with a
 * growing delay, kills those that fall silent, carries orders out and records
 * in.  Knows nothing of jobs beyond their numbers.  Main thread only. */
#ifndef DAEMON_CREW_H
#define DAEMON_CREW_H

#include "core/channel.h"
#include "core/settings.h"

#include <stdbool.h>
#include <sys/types.h>

#define CREW_MAX 64

struct crew;

struct crew_events {		/* called from crew_receive and crew_timers */
	void *user;
	/* One record, already checked; `worker` counts from 1. */
	void (*record)(void *user, unsigned worker, const struct record *r);
	/* It is gone, after its last record; its runs are lost. */
	void (*lost)(void *user, unsigned worker);
};

/* path: the worker's program.  epoll_fd: gets each socket, with
 * data.u32 = CREW_EPOLL + worker. */
#define CREW_EPOLL 1000u
struct crew *crew_new(const char *path, unsigned count, int64_t slots,
		      int epoll_fd, const struct crew_events *events);
void crew_free(struct crew *crew);	/* closes, then waits for their end */

/* The orders each new worker begins with; they go to the living at once. */
void crew_set_settings(struct crew *crew, const struct order_settings *s);
/* A clock order to all; rate 1: now_ms is CLOCK_MONOTONIC's. */
void crew_set_clock(struct crew *crew, int64_t now_ms, double rate);
void crew_set_silence(struct crew *crew, int64_t worker_timeout_s);

/* Starts what is due, kills who is silent.  When it wants to be called again:
 * a moment, real monotonic ms; INT64_MAX: never. */
int64_t crew_timers(struct crew *crew);

/* Reads at most max records, workers in rotation.  How many it read; at least
 * max means that more may be waiting. */
int crew_receive(struct crew *crew, int max);
void crew_child_exited(struct crew *crew);	/* SIGCHLD came */

/* Queues an order; crew_flush sends, as far as sockets take it.  Without
 * memory for it the worker is killed, so that its runs are lost and not stuck. */
void crew_order(struct crew *crew, unsigned worker, const struct order *order);
void crew_flush(struct crew *crew);

/* Before each sleep: whose words end it?  running(user, worker) tells who has
 * something to say. */
void crew_listen(struct crew *crew,
		 int64_t (*running)(void *user, unsigned worker), void *user);

/* The worker with the most free slots that can take an order now, given how
 * many each runs; 0: none.  running(user, worker) is asked. */
unsigned crew_choose(struct crew *crew,
		     int64_t (*running)(void *user, unsigned worker),
		     void *user);

/* Manual time: has each living worker answered the last clock order? */
bool crew_settled(const struct crew *crew);
int64_t crew_next_ms(const struct crew *crew);	/* their next stage or end */

int64_t crew_slots(const struct crew *crew);	/* of the living */
struct worker_report {
	pid_t pid;
	int64_t slots, restarts, since_ms;
};
bool crew_report(const struct crew *crew, unsigned worker,
		 struct worker_report *out);	/* false: not alive */

#endif
