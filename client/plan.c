#include "client/plan.h"

#include "client/alloc.h"

#include <math.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BINS 320		/* log-spaced */
#define POINTS (BINS + 1)	/* their edges */
#define ROUNDS 12		/* of expectation and smoothing */
#define REACH 3.0		/* kernels end after so many deviations */
#define THRIFT 0.95		/* the cost is flat around its least: rather
				 * a call less than a moment earlier */
#define FIRST_MS 50.0		/* nothing shorter is told apart */

struct hg__plan {
	uint32_t refs;
	double price;			/* d/c, in calls a millisecond */
	double at[POINTS];		/* elapsed ms; at[0] is 0 */
	double ended[POINTS];		/* chance of having ended by then */
	double area[POINTS];		/* integral of ended, from 0 */
	uint16_t next[POINTS];		/* where to look after this point */
};

/* --- the distribution ----------------------------------------------------- */

/* What the estimate is made on: a bin is [edge k, edge k + 1), the first one
 * begins at 0. */
struct fit {
	const struct hg__plan *plan;	/* for at[] */
	const struct hg__span *spans;
	size_t first, step, n;		/* which spans: every step-th */
	double kernel[BINS];		/* weight at a distance, one-sided */
	int reach;
	double mass[BINS], next[BINS];
};

/* The share of bin k that lies within a span. */
static double overlap(const struct hg__plan *p, int k, double lo, double hi)
{
	double from = p->at[k] > lo ? p->at[k] : lo;
	double to = p->at[k + 1] < hi ? p->at[k + 1] : hi;

	return to > from ? (to - from) / (p->at[k + 1] - p->at[k]) : 0;
}

/* The bin that holds a time. */
static int bin_of(const struct hg__plan *p, double ms)
{
	int lo = 0, hi = BINS;

	while (hi - lo > 1) {
		int mid = (lo + hi) / 2;

		if (p->at[mid] <= ms)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* A span no narrower than what is told apart. */
static void span_ends(const struct hg__span *s, double *lo, double *hi)
{
	*lo = s->lo_ms;
	*hi = s->hi_ms;
	if (*hi < FIRST_MS / 2)
		*hi = FIRST_MS / 2;
	if (*hi - *lo < *hi * 0.001)
		*lo = *hi * 0.999;
}

static double span_mass(const struct hg__plan *p, const double *mass,
			double lo, double hi)
{
	double sum = 0;

	for (int k = bin_of(p, lo); k < BINS && p->at[k] < hi; k++)
		sum += mass[k] * overlap(p, k, lo, hi);
	return sum;
}

/* Each span spreads its own weight over its bins as the estimate does. */
static void expect(struct fit *f)
{
	memset(f->next, 0, sizeof(f->next));
	for (size_t i = f->first; i < f->n; i += f->step) {
		double lo, hi, sum;

		span_ends(&f->spans[i], &lo, &hi);
		sum = span_mass(f->plan, f->mass, lo, hi);
		for (int k = bin_of(f->plan, lo);
		     k < BINS && f->plan->at[k] < hi; k++)
			f->next[k] += f->mass[k] *
				      overlap(f->plan, k, lo, hi) / sum;
	}
}

static void smooth(struct fit *f)
{
	double sum = 0;

	for (int k = 0; k < BINS; k++) {
		double m = f->next[k] * f->kernel[0];

		for (int d = 1; d <= f->reach; d++)
			m += f->kernel[d] *
			     ((k >= d ? f->next[k - d] : 0) +
			      (k + d < BINS ? f->next[k + d] : 0));
		f->mass[k] = m + 1e-12;
		sum += f->mass[k];
	}
	for (int k = 0; k < BINS; k++)
		f->mass[k] /= sum;
}

static void set_kernel(struct fit *f, double width)
{
	double bin = log(f->plan->at[BINS] / f->plan->at[BINS - 1]);
	double deviation = width / bin, sum = 0;

	f->reach = (int)(deviation * REACH) + 1;
	if (f->reach >= BINS)
		f->reach = BINS - 1;
	for (int d = 0; d <= f->reach; d++) {
		f->kernel[d] = exp(-0.5 * (d / deviation) * (d / deviation));
		sum += d ? 2 * f->kernel[d] : f->kernel[d];
	}
	for (int d = 0; d <= f->reach; d++)
		f->kernel[d] /= sum;
}

/* The density of durations known as intervals: expectation, maximisation and a
 * kernel of this width in the logarithm of time (Silverman's EMS). */
static void fit(struct fit *f, double width)
{
	set_kernel(f, width);
	for (int k = 0; k < BINS; k++)
		f->mass[k] = 1.0 / BINS;
	for (int round = 0; round < ROUNDS; round++) {
		expect(f);
		smooth(f);
	}
}

/* A duration like no other is always possible: one job in n + 1 is drawn from
 * a log-logistic of the same median, whose tail is that of an unknown scale. */
static void allow_surprise(struct fit *f, size_t n)
{
	const struct hg__plan *p = f->plan;
	double strange = 0.3 / ((double)n + 0.3), sum = 0, median;
	int k = 0;

	while (k < BINS - 1 && sum + f->mass[k] < 0.5)
		sum += f->mass[k++];
	median = p->at[k + 1];
	for (k = 0; k < BINS; k++) {
		double from = p->at[k] / (p->at[k] + median);
		double to = p->at[k + 1] / (p->at[k + 1] + median);

		f->mass[k] = (1 - strange) * f->mass[k] + strange * (to - from);
	}
}

/* How well the one half of the spans foretells the other, in nats. */
static double foretell(struct fit *f, double width)
{
	double sum = 0;

	for (size_t half = 0; half < 2; half++) {
		f->first = half;
		f->step = 2;
		fit(f, width);
		allow_surprise(f, f->n / 2);
		for (size_t i = 1 - half; i < f->n; i += 2) {
			double lo, hi;

			span_ends(&f->spans[i], &lo, &hi);
			sum += log(span_mass(f->plan, f->mass, lo, hi));
		}
	}
	return sum;
}

static double best_width(struct fit *f)
{
	static const double widths[] = { 0.02, 0.05, 0.1, 0.16, 0.25, 0.4 };
	double best = 0.25, most = -HUGE_VAL;

	if (f->n < 8)
		return best;
	for (size_t i = 0; i < COUNT(widths); i++) {
		double nats = foretell(f, widths[i]);

		if (nats > most) {
			most = nats;
			best = widths[i];
		}
	}
	return best;
}

static void estimate(struct hg__plan *p, const struct hg__span *spans, size_t n)
{
	struct fit f = { .plan = p, .spans = spans, .n = n };
	double width = best_width(&f), sum = 0;

	f.first = 0;
	f.step = 1;
	fit(&f, width);
	allow_surprise(&f, n);
	for (int k = 0; k < BINS; k++) {
		p->ended[k] = sum;
		sum += f.mass[k];
	}
	p->ended[BINS] = sum < 1 ? sum : 1;
}

/* --- the program ---------------------------------------------------------- */

static void set_points(struct hg__plan *p, const struct hg__span *spans,
		       size_t n)
{
	double least = HUGE_VAL, most = FIRST_MS, ratio;

	for (size_t i = 0; i < n; i++) {
		double lo, hi;

		span_ends(&spans[i], &lo, &hi);
		if (hi < least)
			least = hi;
		if (hi > most)
			most = hi;
	}
	least = least / 3 > FIRST_MS / 4 ? least / 3 : FIRST_MS / 4;
	ratio = pow(most * 4 / least, 1.0 / (BINS - 1));
	p->at[0] = 0;
	p->at[1] = least;
	for (int k = 2; k < POINTS; k++)
		p->at[k] = p->at[k - 1] * ratio;
}

static double unknown_step(double price, double elapsed_ms)
{
	return sqrt(2 * elapsed_ms / price);
}

/* cost[i] is what is still to be paid, times the chance of being pending at
 * point i: the call, the time not known, and the rest from the next look on. */
static void solve(struct hg__plan *p)
{
	double cost[POINTS], price = p->price * THRIFT;

	cost[BINS] = (1 - p->ended[BINS]) * 4;
	p->next[BINS] = BINS;
	p->area[0] = 0;
	for (int k = 0; k < BINS; k++)
		p->area[k + 1] = p->area[k] + (p->at[k + 1] - p->at[k]) *
				 (p->ended[k] + p->ended[k + 1]) / 2;
	for (int i = BINS - 1; i >= 0; i--) {
		cost[i] = HUGE_VAL;
		for (int j = i + 1; j < POINTS; j++) {
			double late = p->area[j] - p->area[i] -
				      p->ended[i] * (p->at[j] - p->at[i]);
			double sum = 1 - p->ended[i] + price * late + cost[j];

			if (sum < cost[i]) {
				cost[i] = sum;
				p->next[i] = (uint16_t)j;
			}
		}
	}
}

struct hg__plan *hg__plan_new(const struct hg__span *spans, size_t n,
			      double price)
{
	struct hg__plan *p = hg__calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->price = price / 1000;
	set_points(p, spans, n);
	estimate(p, spans, n);
	solve(p);
	return p;
}

struct hg__plan *hg__plan_ref(struct hg__plan *plan)
{
	if (plan)
		plan->refs++;
	return plan;
}

void hg__plan_unref(struct hg__plan *plan)
{
	if (plan && --plan->refs == 0)
		hg__free(plan);
}

/* --- answers -------------------------------------------------------------- */

/* Between the looks planned from both ends of its bin. */
double hg__plan_step_ms(const struct hg__plan *p, double elapsed_ms)
{
	double share, look;
	int k;

	if (elapsed_ms >= p->at[BINS])
		return unknown_step(p->price, elapsed_ms);
	if (elapsed_ms < 0)
		elapsed_ms = 0;
	k = bin_of(p, elapsed_ms);
	share = (elapsed_ms - p->at[k]) / (p->at[k + 1] - p->at[k]);
	look = p->at[p->next[k]] +
	       share * (p->at[p->next[k + 1]] - p->at[p->next[k]]);
	return look > elapsed_ms + 1 ? look - elapsed_ms : 1;
}

/* The share of jobs that have ended by a time, and the integral of it.  Past
 * the last point the tail is that of an unknown scale. */
static void look_up(const struct hg__plan *p, double ms, double *ended,
		    double *area)
{
	double last = p->at[BINS], over, share;
	int k;

	if (ms >= last) {
		over = (1 - p->ended[BINS]) * last;
		*ended = 1 - over / ms;
		*area = p->area[BINS] + (ms - last) - over * log(ms / last);
		return;
	}
	k = bin_of(p, ms);
	over = ms - p->at[k];
	share = over / (p->at[k + 1] - p->at[k]);
	*ended = p->ended[k] + share * (p->ended[k + 1] - p->ended[k]);
	*area = p->area[k] + over * (p->ended[k] + *ended) / 2;
}

double hg__plan_ended(const struct hg__plan *p, double elapsed_ms,
		      double span_ms, double *late_ms_out)
{
	double from = elapsed_ms > 0 ? elapsed_ms : 0;
	double before, after, area_before, area_after, pending;

	look_up(p, from, &before, &area_before);
	look_up(p, from + span_ms, &after, &area_after);
	pending = 1 - before > 1e-9 ? 1 - before : 1e-9;
	*late_ms_out = (area_after - area_before - before * span_ms) / pending;
	return after < 1 ? (after - before) / pending : 1;
}
