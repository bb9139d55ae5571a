/* waiting.h -- the pieces of bench/waiting: jobs with known ends, clients that
 * look for them in virtual time, and what that cost.
 *
 * Time is an int64_t of milliseconds since a job's submission; nothing sleeps.
 * Chance comes from one seeded generator, so a run can be repeated. */
#ifndef BENCH_WAITING_H
#define BENCH_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* --- chance --------------------------------------------------------------- */

struct chance {
	uint64_t state;
};
uint32_t chance_bits(struct chance *c);
double chance_unit(struct chance *c);			/* (0, 1) */
double chance_between(struct chance *c, double lo, double hi);
double chance_normal(struct chance *c);
double chance_exponential(struct chance *c, double mean);

/* --- jobs ----------------------------------------------------------------- */

#define NO_HINT (-1)

struct point {			/* at t_ms the server says remaining_ms */
	int64_t t_ms, remaining_ms;	/* NO_HINT: it says nothing from here */
};

struct job {
	int64_t duration_ms;
	size_t first, count;	/* of the load's points */
};

struct load {
	struct job *jobs;
	struct point *points;
	size_t jobs_count, points_count, jobs_room, points_room;
};

enum workload { W1, W2, W3, W4, W5, W6, W7, W8, W9, HOUR, WORKLOADS };
const char *workload_name(enum workload w);
double workload_error_rate(enum workload w);	/* of requests */
double workload_ended(enum workload w, double ms);	/* share of jobs */

void load_make(struct load *load, enum workload w, size_t n,
	       struct chance *c);
/* load_read -- a trace; false, and a line on standard error, if it is bad. */
bool load_read(struct load *load, const char *path);
void load_free(struct load *load);

/* What the server says remains of a pending job; NO_HINT: nothing. */
int64_t job_remaining_ms(const struct load *load, const struct job *job,
			 int64_t t_ms);
/* It has spoken of it before. */
bool job_has_hinted(const struct load *load, const struct job *job,
		    int64_t t_ms);

/* --- what it cost --------------------------------------------------------- */

struct tally {
	size_t jobs, lost;
	uint64_t calls;
	int64_t *delays_ms;	/* of the jobs not lost */
	size_t delays, room;
};
void tally_delay(struct tally *t, int64_t ms);
void tally_free(struct tally *t);

struct summary {
	double calls, mean_s, p50_s, p95_s, p99_s, cost;
	size_t jobs, lost;
};
/* Sorts the delays.  price: d/c. */
struct summary tally_sum(struct tally *t, double price);

/* --- clients -------------------------------------------------------------- */

struct world {			/* what the network does to every client */
	int64_t rtt_ms;
	double error_rate;
	struct chance chance;
};

struct ours {			/* the real pace, memory and retry modules */
	int use;		/* HG_USE_*; with HG_USE_BULK in batches */
	double price;
	size_t batch;		/* jobs of one wait under HG_USE_BULK */
	struct hg__memory *memory;	/* NULL: nothing is remembered */
};

enum anchor {
	HEYGEN_CLI, BOTOCORE_5, BOTOCORE_15, GOOGLE_API_CORE, RETRY_AFTER,
	FIXED_1, PLAIN_HOLD, BULK_5, BULK_1, ANCHORS
};
const char *anchor_name(enum anchor a);
bool anchor_is_bulk(enum anchor a);

/* Both wait for every job of a load; jobs of a batch begin together. */
void ours_run(const struct ours *ours, const struct load *load,
	      struct world *world, struct tally *tally);
void anchor_run(enum anchor a, const struct load *load, size_t batch,
		struct world *world, struct tally *tally);

/* bound_cost -- the least that waiting for a job of this workload can cost
 * without hints, its distribution being known exactly. */
double bound_cost(enum workload w, double price, int64_t rtt_ms);

#endif
