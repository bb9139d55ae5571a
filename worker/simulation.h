/* simulation.h -- what a run will be: how long, how it ends, where it is when.
 *
 * Pure: a plan is a function of the settings and the run order, and every
 * answer a function of the plan.  Knows nothing of clocks, of other runs or
 * of the socket.  Instants are milliseconds since the run's start, and whole:
 * the first millisecond at which a progress has been reached. */
#ifndef WORKER_SIMULATION_H
#define WORKER_SIMULATION_H

#include "core/channel.h"

/* From progress `from` to progress `until`, at a pace of total_ms for the
 * whole way from 0 to 1. */
struct plan {
	int64_t total_ms;	/* >= 1 */
	double from, until;	/* 0 <= from <= until <= 1 */
	double eta_error;	/* how the estimate errs at 0 %: 0.1 is 10 % late */
	enum job_error error;	/* ERROR_NONE: completes, and until is 1 */
};

/* simulation_plan -- how this run goes.  Draws depend on the seed, the key and
 * the attempt alone, so a run that goes on has the plan of the one before,
 * but for its `from`. */
void simulation_plan(const struct order_settings *settings,
		     const struct order_run *run, struct plan *plan_out);

/* The instant at which progress is reached; 0 if it was before the start. */
int64_t simulation_instant(const struct plan *plan, double progress);

/* The progress at an instant; never past `until`. */
double simulation_progress(const struct plan *plan, int64_t elapsed_ms);

/* The stage that progress lies in, and the progress at which one begins.
 * A progress of 1 is in the last one. */
enum job_stage simulation_stage(double progress);
double simulation_stage_begin(enum job_stage stage);

/* The next thing to report after having reached stage: true: that a further
 * stage has begun; false: the end.  Sets the instant of either. */
bool simulation_next(const struct plan *plan, enum job_stage stage,
		     int64_t *instant_out);

/* What the worker believes to remain at a progress: it does not know that
 * the job will fail.  >= 0. */
int64_t simulation_remaining_ms(const struct plan *plan, double progress);

#endif
