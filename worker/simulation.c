#include "worker/simulation.h"

#include "core/random.h"

#include <math.h>

#define TOTAL_MAX ((double)JOB_MS_MAX)

/* Each stage's share of the work, by where it begins, and what goes wrong in
 * it: either of two, equally likely. */
static const struct {
	double begin;
	enum job_error errors[2];
} stages[JOB_STAGES + 1] = {
	[STAGE_DOWNLOAD]   = { 0.00, { ERROR_DOWNLOAD_FAILED, ERROR_DOWNLOAD_FAILED } },
	[STAGE_TRANSCRIBE] = { 0.10, { ERROR_AUDIO_INVALID, ERROR_AUDIO_INVALID } },
	[STAGE_TRANSLATE]  = { 0.25, { ERROR_TRANSLATION_FAILED, ERROR_TRANSLATION_FAILED } },
	[STAGE_SYNTHESIZE] = { 0.45, { ERROR_TRANSLATION_FAILED, ERROR_AUDIO_INVALID } },
	[STAGE_LIP_SYNC]   = { 0.70, { ERROR_TRANSLATION_FAILED, ERROR_AUDIO_INVALID } },
	[STAGE_RENDER]     = { 0.90, { ERROR_TRANSLATION_FAILED, ERROR_DOWNLOAD_FAILED } },
	[JOB_STAGES]       = { 1.00, { ERROR_NONE, ERROR_NONE } },
};

/* --- the plan ------------------------------------------------------------- */

static int64_t plan_total(const struct order_settings *settings,
			  const struct order_run *run)
{
	const struct duration_law law = {
		.distribution = settings->distribution,
		.mean_ms = settings->mean_ms, .sigma = settings->sigma,
		.min_ms = settings->min_ms, .max_ms = settings->max_ms
	};
	double ms = run->simulate_given & SIMULATE_DURATION
			    ? (double)run->duration_ms
			    : random_duration_ms(&law, settings->seed, run->key,
						 run->attempt);

	ms = round(ms / settings->time_scale);
	return (int64_t)fmin(fmax(ms, 1), TOTAL_MAX);
}

static bool plan_fails(const struct order_settings *settings,
		       const struct order_run *run)
{
	double rate = settings->error_rate;

	if (run->simulate_given & SIMULATE_FAIL_ATTEMPTS)
		return run->attempt <= (uint32_t)run->fail_attempts;
	if (run->simulate_given & SIMULATE_ERROR_RATE)
		rate = run->error_rate;
	else if (run->simulate_given & SIMULATE_FAIL_AT)
		rate = 1;
	/* a unit is never 1 and never below 0: both rates are exact */
	return random_unit(settings->seed, run->key, run->attempt, DRAW_FAILS,
			   0) < rate;
}

static double plan_fail_at(const struct order_settings *settings,
			   const struct order_run *run)
{
	if (run->simulate_given & SIMULATE_FAIL_AT)
		return run->fail_at;
	return random_unit(settings->seed, run->key, run->attempt, DRAW_FAIL_AT,
			   0);
}

void simulation_plan(const struct order_settings *settings,
		     const struct order_run *run, struct plan *plan_out)
{
	uint64_t seed = settings->seed;
	struct plan plan = {
		.total_ms = plan_total(settings, run),
		.from = run->progress, .until = 1, .error = ERROR_NONE
	};

	if (plan_fails(settings, run)) {
		double fail_at = plan_fail_at(settings, run);
		uint64_t which = random_bits(seed, run->key, run->attempt,
					     DRAW_ERROR, 0) >> 63;

		plan.error = stages[simulation_stage(fail_at)].errors[which];
		plan.until = fmax(fail_at, plan.from);
	}
	plan.eta_error = settings->eta_error *
			 (2 * random_unit(seed, run->key, run->attempt,
					  DRAW_ETA, 0) - 1);
	*plan_out = plan;
}

/* --- answers -------------------------------------------------------------- */

int64_t simulation_instant(const struct plan *plan, double progress)
{
	double ms = (progress - plan->from) * (double)plan->total_ms;

	/* 0.7 of a second is 700 ms, whatever the last bit of 0.7 says */
	return ms > 0 ? (int64_t)ceil(ms - 1e-6) : 0;
}

double simulation_progress(const struct plan *plan, int64_t elapsed_ms)
{
	double way = (double)elapsed_ms / (double)plan->total_ms;

	return fmin(plan->from + fmax(way, 0), plan->until);
}

enum job_stage simulation_stage(double progress)
{
	enum job_stage stage = STAGE_RENDER;

	while (progress < stages[stage].begin)
		stage--;
	return stage;
}

double simulation_stage_begin(enum job_stage stage)
{
	return stages[stage].begin;
}

bool simulation_next(const struct plan *plan, enum job_stage stage,
		     int64_t *instant_out)
{
	double begin = stages[stage + 1].begin;
	bool further = stage < STAGE_RENDER && begin <= plan->until;

	*instant_out = simulation_instant(plan, further ? begin : plan->until);
	return further;
}

int64_t simulation_remaining_ms(const struct plan *plan, double progress)
{
	double left = 1 - progress;
	double ms = left * (double)plan->total_ms * (1 + plan->eta_error * left);

	return (int64_t)fmin(fmax(round(ms), 0), TOTAL_MAX);
}
