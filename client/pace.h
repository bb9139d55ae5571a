/* pace.h -- how long to sleep before the next look at a job.
 *
 * Pure: what is known comes in, milliseconds and a word for the reason go out.
 * No clock, no I/O, no allocation.  All times are monotonic milliseconds of
 * one clock of the caller's, and chance is 32 random bits handed in.
 *
 * A watch keeps one struct hg__pace for each job, tells it every answer that
 * left the job pending, and asks when to look again:
 *
 *	hg__pace_init(&p, start_ms, hg__memory_plan(memory, key));
 *	   ... a look ...
 *	hg__pace_report(&p, &(struct hg__report){ ... });
 *	hg__pace_next(&p, &env, &step);		-> sleep step.ms, look again
 *	   ... it has ended ...
 *	hg__memory_add(memory, key, hg__pace_lo_ms(&p), now_ms - p.start_ms);
 *	hg__pace_done(&p);
 */
#ifndef CLIENT_PACE_H
#define CLIENT_PACE_H

#include "client/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HG__ETA_UNKNOWN (-1)	/* the server does not speak of it */
#define HG__ETA_NULL (-2)	/* it says null: paused, or the queue is */
#define HG__NEVER_MS INT64_MAX

/* What an answer said of a job that is still pending. */
struct hg__report {
	int64_t now_ms;		/* when the answer came */
	int64_t remaining_ms;	/* >= 0, HG__ETA_UNKNOWN or HG__ETA_NULL */
	int64_t retry_after_ms;	/* of the pending answer; -1: none.  Stands in
				 * for an ETA that is unknown */
};

/* What is the same for all jobs of a client. */
struct hg__pace_env {
	double price;		/* d/c: calls one second is worth; > 0 */
	int64_t now_ms;
	int64_t deadline_ms;	/* HG__NEVER_MS: none */
	int64_t rtt_ms;		/* a call's usual round trip; 0: not known */
};

struct hg__step {
	int64_t ms;		/* to sleep; >= 0 */
	const char *why;	/* one constant word: "eta", "cold", ... */
};

/* The fields are the module's own, but start_ms may be read.  A job may be
 * copied by assignment if only one copy is then used. */
struct hg__pace {
	struct hg__plan *plan;	/* owned; NULL: nothing learnt */
	int64_t start_ms;	/* submission, or the first look */
	int64_t last_ms;	/* the last report, else the start */
	int64_t eta_ms;		/* what it said remains, or HG__ETA_ */
	int64_t judged_ms;	/* the estimate that the next is held against */
	int64_t judged_eta_ms;
	double shift_ms;	/* the estimate is too long by so much */
	double doubt;		/* and may err by this share of itself */
	double drift;		/* ms by which one fell too fast, in a ms ... */
	int64_t drift_eta_ms;	/* ... when this remained; 0: not known */
	bool late;		/* estimates came only after answers without */
	uint32_t reports;	/* in all */
	uint32_t agreed;	/* estimates in a row that confirm the last */
	uint32_t stopped;	/* estimates in a row that did not fall */
};

/* hg__pace_init -- a job before its first answer.
 *   start_ms  its submission if that is known, else now
 *   plan      taken over, released by hg__pace_done(); NULL: nothing learnt */
void hg__pace_init(struct hg__pace *p, int64_t start_ms, struct hg__plan *plan);
void hg__pace_done(struct hg__pace *p);		/* a zero struct is fine */

/* hg__pace_moved_start -- the submission became known only now. */
void hg__pace_moved_start(struct hg__pace *p, int64_t start_ms);

/* hg__pace_report -- an answer came and the job is still pending.
 * hg__pace_reset -- what the reports said is void: the job was restarted,
 * paused or resumed.  Durations learnt still hold. */
void hg__pace_report(struct hg__pace *p, const struct hg__report *report);
void hg__pace_reset(struct hg__pace *p, int64_t now_ms);

/* hg__pace_next -- until the next look at this job alone, from env->now_ms on.
 * hg__pace_next_many -- until the next look at all of them by one request.
 * hg__pace_after_hold -- until the next hold, after one that timed out and was
 * reported: R/1.3, at most doubling the time waited; 0: hold again at once.
 * Each keeps one look just before the deadline ("deadline"); at the deadline
 * and after it the step is 0. */
void hg__pace_next(const struct hg__pace *p, const struct hg__pace_env *env,
		   struct hg__step *step_out);
void hg__pace_next_many(const struct hg__pace *const *jobs, size_t n,
			const struct hg__pace_env *env,
			struct hg__step *step_out);
void hg__pace_after_hold(const struct hg__pace *p,
			 const struct hg__pace_env *env,
			 struct hg__step *step_out);

/* hg__pace_hold_s -- how many seconds to ask a server to hold: longest_s less
 * 0-1/16 of jitter, and never past the deadline; 0: do not hold, look.
 *   longest_s  30, or the server's own maximum if it is known and smaller */
int64_t hg__pace_hold_s(const struct hg__pace_env *env, int64_t longest_s,
			uint32_t random);

/* hg__pace_lo_ms -- the last time it was seen pending, since its start: the
 * lower end of what the memory is to learn; 0 if it never was. */
int64_t hg__pace_lo_ms(const struct hg__pace *p);

/* d/c of a profile (enum hg_profile): 1, cost 0.1, latency 10. */
double hg__profile_price(int profile);

#endif
