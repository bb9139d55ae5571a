/* One request for many jobs: the hazards add, and a look that serves two of
 * them costs as one.  What each job is expected to do becomes one curve, and a
 * dynamic program over the points ahead finds the next look. */
#include "client/pace.h"
#include "client/pace_single.h"

#include <math.h>
#include <stdlib.h>

#define KINDS 32		/* of jobs without an estimate */
#define GRID 48
#define AIMS 32
#define POINTS (GRID + AIMS + 1)
#define HORIZON 3		/* in first guesses */
#define LEARNT_WEIGHT 1.27	/* a plan underrates its own tail */

/* Jobs without an estimate that are alike: the same plan, the same age. */
struct kind {
	const struct hg__plan *plan;	/* NULL: nothing learnt */
	double elapsed_ms, jobs;	/* a job may count in part */
};

struct crowd {
	const struct hg__pace *const *jobs;
	size_t n;
	const struct hg__pace_env *env;
	struct kind kinds[KINDS];
	size_t kinds_count;
};

struct curve {			/* at a moment ahead */
	double at_ms;
	double ended;		/* jobs that will have ended */
	double late_ms;		/* and for how long, summed up */
};

static double apart(const struct kind *k, const struct hg__plan *plan,
		    double elapsed_ms)
{
	if (k->plan != plan)
		return HUGE_VAL;
	return fabs(k->elapsed_ms - elapsed_ms) / (k->elapsed_ms + 500);
}

/* Counts a job, or a part of one, in with those most like it. */
static void add_unknown(struct crowd *c, const struct hg__plan *plan,
			double elapsed_ms, double weight)
{
	struct kind *k, *best = NULL;
	double least = HUGE_VAL;

	for (k = c->kinds; k < c->kinds + c->kinds_count; k++)
		if (apart(k, plan, elapsed_ms) < least) {
			best = k;
			least = apart(k, plan, elapsed_ms);
		}
	if (!(least < 0.01) && c->kinds_count < KINDS) {
		c->kinds[c->kinds_count++] =
			(struct kind){ plan, elapsed_ms, weight };
		return;
	}
	if (!best)		/* more plans than kinds: as good as any */
		best = c->kinds;
	best->jobs += weight;
	best->elapsed_ms += (elapsed_ms - best->elapsed_ms) *
			    weight / best->jobs;
}

/* The chance that an estimate is worth nothing: it is small, smaller with each
 * report that confirms it, and soon likely if it does not fall. */
static double distrust(const struct hg__pace *p)
{
	if (p->eta_ms < 0)
		return 1;
	if (p->stopped)
		return 1 - 0.7 / p->stopped;
	return 0.1 / (1 + 4.0 * p->agreed);
}

static void add_jobs(struct crowd *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct hg__pace *p = c->jobs[i];
		double elapsed = (double)(c->env->now_ms - p->start_ms);

		add_unknown(c, p->plan, elapsed > 500 ? elapsed : 500,
			    distrust(p));
	}
}

static void add_kind(const struct kind *k, struct curve *at)
{
	double ended, late, t = k->elapsed_ms;

	if (k->plan) {
		ended = hg__plan_ended(k->plan, t, at->at_ms, &late);
		ended *= LEARNT_WEIGHT;
		late *= LEARNT_WEIGHT;
	} else {
		ended = at->at_ms / (t + at->at_ms);
		late = at->at_ms - t * log1p(at->at_ms / t);
	}
	at->ended += k->jobs * ended;
	at->late_ms += k->jobs * late;
}

/* It ends somewhere between two moments, each as likely. */
static void add_estimate(const struct hg__pace *p,
			 const struct hg__pace_env *env, struct curve *at)
{
	double over, share, weight = 1 - distrust(p);
	struct hg__forecast f;

	hg__pace_forecast(p, env, &f);
	over = at->at_ms - f.lo_ms;
	if (over <= 0)
		return;
	if (at->at_ms >= f.hi_ms) {
		at->ended += weight;
		at->late_ms += weight * (at->at_ms - (f.lo_ms + f.hi_ms) / 2);
	} else {
		share = over / (f.hi_ms - f.lo_ms);
		at->ended += weight * share;
		at->late_ms += weight * share * over / 2;
	}
}

static struct curve look_ahead(const struct crowd *c, double at_ms)
{
	struct curve at = { .at_ms = at_ms };

	for (size_t i = 0; i < c->kinds_count; i++)
		add_kind(&c->kinds[i], &at);
	for (size_t i = 0; i < c->n; i++)
		if (c->jobs[i]->eta_ms >= 0)
			add_estimate(c->jobs[i], c->env, &at);
	return at;
}

/* The moment at which what is not known has cost one call. */
static double first_guess(const struct crowd *c)
{
	double lo = 0, hi = HG__FLOOR_MS, price = c->env->price / 1000;

	while (look_ahead(c, hi).late_ms * price < 1 && hi < 1e9)
		hi *= 2;
	for (int i = 0; i < 12; i++) {
		double mid = (lo + hi) / 2;

		if (look_ahead(c, mid).late_ms * price < 1)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

/* The moments by which single jobs will have ended, if they are few. */
static size_t add_aims(const struct crowd *c, double horizon_ms, double *at_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct hg__forecast f;

		if (c->jobs[i]->eta_ms < 0)
			continue;
		hg__pace_forecast(c->jobs[i], c->env, &f);
		if (f.hi_ms >= horizon_ms)
			continue;
		if (n == AIMS)
			return 0;	/* so many that the grid will do */
		at_ms[n++] = f.hi_ms;
	}
	return n;
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* As for a plan, but over the whole crowd: each look costs one call. */
static double solve(const struct curve *at, size_t n, double price)
{
	double cost[POINTS + 1];
	size_t next[POINTS + 1];

	cost[n - 1] = 0;
	next[n - 1] = n - 1;
	for (size_t i = n - 1; i-- > 0;) {
		cost[i] = HUGE_VAL;
		for (size_t j = i + 1; j < n; j++) {
			double late = at[j].late_ms - at[i].late_ms -
				      at[i].ended *
				      (at[j].at_ms - at[i].at_ms);
			double sum = 1 + price * late + cost[j];

			if (sum < cost[i]) {
				cost[i] = sum;
				next[i] = j;
			}
		}
	}
	return at[next[0]].at_ms;
}

double hg__pace_crowd_ms(const struct hg__pace *const *jobs, size_t n,
			 const struct hg__pace_env *env)
{
	struct crowd c = { .jobs = jobs, .n = n, .env = env };
	struct curve curve[POINTS];
	double at_ms[POINTS], horizon;
	size_t points;

	add_jobs(&c);
	horizon = HORIZON * first_guess(&c);
	points = add_aims(&c, horizon, at_ms + 1) + 1;
	at_ms[0] = 0;
	for (int i = 1; i <= GRID; i++)
		at_ms[points++] = horizon * i / GRID;
	qsort(at_ms, points, sizeof(*at_ms), by_time);
	for (size_t i = 0; i < points; i++)
		curve[i] = look_ahead(&c, at_ms[i]);
	return solve(curve, points, env->price / 1000);
}
