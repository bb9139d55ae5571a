#include "client/pace.h"

#include "client/pace_single.h"

#include <math.h>
#include <string.h>

#define FIRST_LOOK_MS 1000.0	/* when nothing at all is known */
#define NULL_ETA_MS 60000.0	/* longest step where the ETA is null */
#define STEP_MAX_MS 86400000.0
#define HOLD_SHARE 1.3		/* between holds sleep R by this */
#define JUDGE_MS 1000		/* estimates closer than this say nothing of
				 * each other: many come in whole seconds */
#define TRUST_MS 60000.0	/* a sleep on an ETA that nothing confirms, */
#define TRUST_MOST_MS 100000.0	/* or this if that takes it near its end */

/* These were found cheapest in simulation, over estimates that err by up to
 * 30 % in six ways: fading with the square, the root or not at all of what
 * remains, anew at each report, or never. */
#define DOUBT_FIRST 0.165	/* of an estimate that stands alone */
#define DOUBT_LEAST 0.01
#define DOUBT_DRIFT 0.3		/* of the drift since the one before */
#define SHIFT 0.8		/* of the correction by the drift */
#define DOUBT_STEADY 0.05
#define STEADY_LONGER 0.4	/* may as well be a stall that came twice */
#define SHY 1.25		/* doubts by which a look ahead stays short */
#define AIM 0.5			/* doubts by which the last look aims beyond */
#define SHOOT_CALLS 2.4		/* a doubt that costs less stays unresolved */

/* --- reports -------------------------------------------------------------- */

void hg__pace_init(struct hg__pace *p, int64_t start_ms, struct hg__plan *plan)
{
	memset(p, 0, sizeof(*p));
	p->plan = plan;
	p->start_ms = start_ms;
	hg__pace_reset(p, start_ms);
}

void hg__pace_done(struct hg__pace *p)
{
	hg__plan_unref(p->plan);
	p->plan = NULL;
}

void hg__pace_moved_start(struct hg__pace *p, int64_t start_ms)
{
	p->start_ms = start_ms;
}

void hg__pace_reset(struct hg__pace *p, int64_t now_ms)
{
	p->last_ms = now_ms;
	p->eta_ms = HG__ETA_UNKNOWN;
	p->agreed = 0;
	p->stopped = 0;
	p->drift_eta_ms = 0;
	p->late = false;
}

static double clamp(double value, double lo, double hi)
{
	return value < lo ? lo : value > hi ? hi : value;
}

/* The estimate moved by drift_ms while passed_ms went by.  An error that fades
 * with the square of what remains explains that by this much of it still to
 * come; one that fades slower is what the doubt is for. */
static double still_to_shift(double drift_ms, double passed_ms, double eta_ms)
{
	double before = eta_ms + passed_ms;
	double share = eta_ms * eta_ms / (before * before - eta_ms * eta_ms);

	return SHIFT * clamp(drift_ms * (share < 2 ? share : 2),
			     -0.4 * eta_ms, 0.4 * eta_ms);
}

/* Does it count in seconds of another length?  An error that does not fade
 * shows the same drift again when half of what remained has gone. */
static bool is_steady(struct hg__pace *p, double drift, int64_t eta_ms)
{
	bool same = fabs(drift - p->drift) < fabs(drift) / 4;

	if (p->drift_eta_ms && eta_ms > p->drift_eta_ms / 2)
		return false;
	p->drift = drift;
	same = same && p->drift_eta_ms;
	p->drift_eta_ms = eta_ms;
	return same;
}

static void judge(struct hg__pace *p, int64_t now_ms, int64_t eta_ms)
{
	double passed = (double)(now_ms - p->judged_ms);
	double fell = (double)(p->judged_eta_ms - eta_ms);
	double drift = (fell - passed) / passed;

	p->shift_ms = 0;
	p->doubt = DOUBT_FIRST;
	if (fell < passed * 0.25) {
		p->stopped++;
		p->agreed = 0;
		return;
	}
	p->stopped = 0;
	p->agreed = fabs(drift) < 0.5 ? p->agreed + 1 : 0;
	if (is_steady(p, drift, eta_ms)) {
		p->shift_ms = (double)eta_ms * drift / (1 + drift);
		if (drift < 0)
			p->shift_ms *= STEADY_LONGER;
		p->doubt = DOUBT_STEADY;
		return;
	}
	p->doubt = clamp(fabs(drift) * DOUBT_DRIFT, DOUBT_LEAST, DOUBT_FIRST);
	p->shift_ms = still_to_shift(fell - passed, passed, (double)eta_ms);
}

static void report_eta(struct hg__pace *p, int64_t now_ms, int64_t eta_ms)
{
	int64_t passed_ms = now_ms - p->judged_ms;

	if (p->eta_ms < 0) {
		p->shift_ms = 0;
		p->doubt = DOUBT_FIRST;
		p->drift_eta_ms = 0;
		p->late = p->reports > 0;
	} else if (passed_ms <= 0 || (passed_ms < JUDGE_MS &&
				      passed_ms < p->judged_eta_ms)) {
		p->shift_ms = 0;
		return;
	} else {
		judge(p, now_ms, eta_ms);
	}
	p->judged_ms = now_ms;
	p->judged_eta_ms = eta_ms;
}

void hg__pace_report(struct hg__pace *p, const struct hg__report *report)
{
	int64_t eta_ms = report->remaining_ms;

	if (eta_ms == HG__ETA_UNKNOWN && report->retry_after_ms > 0)
		eta_ms = report->retry_after_ms;
	if (eta_ms >= 0) {
		report_eta(p, report->now_ms, eta_ms);
	} else {
		p->agreed = 0;
		p->stopped = 0;
	}
	p->reports++;
	p->eta_ms = eta_ms;
	p->last_ms = report->now_ms;
}

int64_t hg__pace_lo_ms(const struct hg__pace *p)
{
	return p->reports && p->last_ms > p->start_ms ?
	       p->last_ms - p->start_ms : 0;
}

/* --- one job -------------------------------------------------------------- */

static double elapsed_ms(const struct hg__pace *p,
			 const struct hg__pace_env *env)
{
	return env->now_ms > p->start_ms ?
	       (double)(env->now_ms - p->start_ms) : 0;
}

/* The least step after an ETA that did not fall for the nth time. */
static double stopped_ms(const struct hg__pace *p, double price)
{
	return sqrt(10.0 * p->stopped / price) * 1000;
}

/* What remains by the last estimate, corrected, and its doubt, both in ms. */
static double remaining_ms(const struct hg__pace *p,
			   const struct hg__pace_env *env, double *doubt_out)
{
	double left = (double)p->eta_ms - p->shift_ms;

	*doubt_out = left * p->doubt;
	left -= (double)(env->now_ms - p->last_ms);
	return left > 0 ? left : 0;
}

void hg__pace_forecast(const struct hg__pace *p,
		       const struct hg__pace_env *env,
		       struct hg__forecast *f)
{
	double doubt, left = remaining_ms(p, env, &doubt);

	f->lo_ms = left > doubt ? left - doubt : 0;
	f->hi_ms = left + doubt + 1;
	if (p->stopped)
		f->hi_ms += 2 * stopped_ms(p, env->price);
}

/* Without an estimate. */
static double blind_ms(const struct hg__pace *p, const struct hg__pace_env *env,
		       const char **why)
{
	double elapsed = elapsed_ms(p, env);

	if (p->plan) {
		*why = "learned";
		return hg__plan_step_ms(p->plan, elapsed);
	}
	*why = "cold";
	if (elapsed < FIRST_LOOK_MS)
		return FIRST_LOOK_MS - elapsed;
	return sqrt(2000 * elapsed / env->price);
}

/* How long an estimate may be slept on that nothing confirms: until three of
 * four jobs like it had ended (two of five, if it claims more than hardly any
 * of them took), or a minute where nothing is known. */
static double trust_ms(const struct hg__pace *p, const struct hg__pace_env *env,
		       double step)
{
	double lo = 0, hi = step, late, unit = 1 / sqrt(env->price), share;
	double elapsed = elapsed_ms(p, env);

	if (!p->plan)
		return step < TRUST_MOST_MS * unit ? step : TRUST_MS * unit;
	share = hg__plan_ended(p->plan, elapsed, step, &late);
	share = share < 0.95 ? 0.75 : 0.4;
	for (int i = 0; i < 16; i++) {
		double mid = (lo + hi) / 2;

		if (hg__plan_ended(p->plan, elapsed, mid, &late) < share)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

/* The longest step: an estimate that nothing confirms at most doubles the time
 * waited; a few that agree may still all be wrong. */
static double most_ms(const struct hg__pace *p, const struct hg__pace_env *env,
		      double step)
{
	double elapsed = elapsed_ms(p, env), trust;
	double most = p->agreed > 2 ? 3 * elapsed :
		      p->agreed ? 2 * elapsed : elapsed;

	if (step <= most || p->late)
		return most;
	trust = p->agreed ? TRUST_MS / sqrt(env->price) :
		trust_ms(p, env, step);
	return most > trust ? most : trust;
}

static double eta_step_ms(const struct hg__pace *p,
			  const struct hg__pace_env *env, const char **why)
{
	double doubt, left = remaining_ms(p, env, &doubt), step, most, least;
	const char *ignored;

	*why = "eta";
	if (doubt * env->price < SHOOT_CALLS * 1000)
		step = left + doubt * AIM;
	else
		step = left - doubt * SHY;
	if (p->stopped) {
		/* the longer it stands the less it is worth */
		double blind = blind_ms(p, env, &ignored);

		*why = "stopped";
		if (p->stopped > 1 && step > blind)
			step = sqrt(step * blind);
		least = stopped_ms(p, env->price);
		step = step > least ? step : least;
	}
	most = most_ms(p, env, step);
	if (step <= most)
		return step;
	*why = "unconfirmed";
	return most;
}

static double step_ms(const struct hg__pace *p, const struct hg__pace_env *env,
		      const char **why)
{
	double step;

	if (p->eta_ms >= 0)
		return eta_step_ms(p, env, why);
	step = blind_ms(p, env, why);
	if (p->eta_ms == HG__ETA_NULL && step > NULL_ETA_MS) {
		*why = "null";
		return NULL_ETA_MS;
	}
	return step;
}

/* --- answers -------------------------------------------------------------- */

/* One look falls just before the deadline; none after it. */
static void finish(const struct hg__pace_env *env, double ms, const char *why,
		   struct hg__step *out)
{
	int64_t left_ms, margin_ms = env->rtt_ms > 25 ? 2 * env->rtt_ms : 50;

	out->ms = ms < STEP_MAX_MS ? (int64_t)(ms + 0.5) : (int64_t)STEP_MAX_MS;
	out->why = why;
	if (env->deadline_ms == HG__NEVER_MS)
		return;
	left_ms = env->deadline_ms - env->now_ms;
	if (out->ms <= left_ms - margin_ms)
		return;
	out->why = "deadline";
	if (left_ms > 2 * margin_ms)
		out->ms = left_ms - margin_ms;
	else
		out->ms = left_ms > 0 ? left_ms : 0;
}

static double at_least_floor(double ms)
{
	return ms > HG__FLOOR_MS ? ms : HG__FLOOR_MS;
}

void hg__pace_next(const struct hg__pace *p, const struct hg__pace_env *env,
		   struct hg__step *step_out)
{
	const char *why;
	double ms = step_ms(p, env, &why);

	finish(env, at_least_floor(ms), why, step_out);
}

void hg__pace_next_many(const struct hg__pace *const *jobs, size_t n,
			const struct hg__pace_env *env,
			struct hg__step *step_out)
{
	if (n == 1)
		hg__pace_next(jobs[0], env, step_out);
	else
		finish(env, at_least_floor(hg__pace_crowd_ms(jobs, n, env)),
		       "bulk", step_out);
}

void hg__pace_after_hold(const struct hg__pace *p,
			 const struct hg__pace_env *env,
			 struct hg__step *step_out)
{
	double doubt, step;

	step_out->ms = 0;
	step_out->why = "hold";
	/* one that stands still is what holds are better at */
	if (p->eta_ms < 0 || p->stopped)
		return;
	step = clamp(remaining_ms(p, env, &doubt) / HOLD_SHARE, 0,
		     elapsed_ms(p, env));
	if (step >= HG__FLOOR_MS)
		finish(env, step, "eta", step_out);
}

int64_t hg__pace_hold_s(const struct hg__pace_env *env, int64_t longest_s,
			uint32_t random)
{
	uint64_t most = (uint64_t)longest_s / 16 + 1;
	int64_t hold_s = longest_s - (int64_t)(most * random >> 32);
	int64_t left_s = hold_s;

	if (env->deadline_ms != HG__NEVER_MS)
		left_s = (env->deadline_ms - env->now_ms - 2 * env->rtt_ms) /
			 1000;
	if (left_s > hold_s)
		left_s = hold_s;
	return left_s > 0 ? left_s : 0;
}

double hg__profile_price(int profile)
{
	switch (profile) {
	case HG_COST:
		return 0.1;
	case HG_LATENCY:
		return 10;
	default:
		return 1;
	}
}
