/* runs.h -- the runs a worker simulates, and what of them is yet to be told.
 *
 * Owns each run from its order to the moment its last record has been sent:
 * its plan, its timers, and a mark for what the daemon does not know yet.
 * There is no outbox: records are made when there is room to send them, from
 * what was told last and what has been reached, so what waits is bounded by
 * the runs.  Of several progress ticks only the latest is told; each stage
 * and the end always are.  Knows neither the clock nor the socket. */
#ifndef WORKER_RUNS_H
#define WORKER_RUNS_H

#include "worker/simulation.h"
#include "worker/timers.h"

struct run;

struct runs {
	struct run **buckets;		/* by slot; chains */
	uint32_t bucket_count;
	uint32_t taken;			/* runs whose end is yet to be told */
	struct run_page *pages;		/* all that was ever needed at once */
	struct run *free;
	struct timers changes;		/* stage changes and ends */
	struct timers ticks;		/* progress between them */
	struct run *oldest, *newest;	/* with something to tell */
	int64_t newest_ms;		/* the instant of the last mark */
	int64_t grain_ms;		/* ticks are put off to multiples of it */
};

/* What of a run the daemon knows, and what there is to know. */
struct run_news {
	int64_t tick_ms;		/* to tell, since the start; -1: none */
	uint8_t told;			/* enum job_stage; NONE: not the start */
	uint8_t reached;		/* enum job_stage */
	bool ended, end_told;
};

/* A collection of records that may yet fail to be sent. */
struct runs_telling {
	unsigned count;
	struct {
		struct run *run;
		struct run_news after;
	} runs[CHANNEL_BATCH];
};

void runs_init(struct runs *r);
void runs_free(struct runs *r);

/* runs_start -- begin the run of an ORDER_RUN now.  0; -EEXIST: its slot is
 * taken; -ENOMEM. */
int runs_start(struct runs *r, const struct order_settings *settings,
	       const struct order *order, int64_t now_ms);

/* runs_stop -- forget the run of an ORDER_STOP.  One that is over already is
 * fine: the order and the last record have crossed. */
void runs_stop(struct runs *r, const struct order *order);

/* How many have not ended. */
uint32_t runs_running(const struct runs *r);

/* The first timer's instant, and that of the first stage change or end;
 * TIMERS_NONE: there is none. */
int64_t runs_due(const struct runs *r);
int64_t runs_change_due(const struct runs *r);

/* runs_step -- let the first timer go off, at its own instant; now_ms, not
 * before it, tells which ticks need not. */
void runs_step(struct runs *r, int64_t now_ms);

/* Would the next step have its run tell something out of turn, before what
 * others have had to tell for longer?  Then it is better to send first. */
bool runs_would_overtake(const struct runs *r);

/* runs_collect -- up to room (<= CHANNEL_BATCH) records of what is to be
 * told, each run's in their order.  Nothing changes until runs_told says
 * that they were sent; nothing else of runs_* may be called between. */
unsigned runs_collect(const struct runs *r, struct record *records_out,
		      unsigned room, struct runs_telling *telling_out);
void runs_told(struct runs *r, const struct runs_telling *telling);
bool runs_all_told(const struct runs *r);

#endif
