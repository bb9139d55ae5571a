#include "bench/waiting.h"

#include <math.h>
#include <stdlib.h>

#define POINTS 1500
#define LEAST_MS 100.0
#define MOST_MS 6e6

void tally_delay(struct tally *t, int64_t ms)
{
	if (t->delays == t->room) {
		t->room = t->room ? t->room * 2 : 1024;
		t->delays_ms = realloc(t->delays_ms,
				       t->room * sizeof(*t->delays_ms));
		if (!t->delays_ms) {
			fputs("waiting: out of memory\n", stderr);
			exit(EXIT_FAILURE);
		}
	}
	t->delays_ms[t->delays++] = ms;
}

void tally_free(struct tally *t)
{
	free(t->delays_ms);
	*t = (struct tally){ 0 };
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The nearest rank. */
static double percentile_s(const struct tally *t, double share)
{
	size_t rank = (size_t)ceil(share * (double)t->delays);

	if (!t->delays)
		return 0;
	return (double)t->delays_ms[rank ? rank - 1 : 0] / 1000;
}

struct summary tally_sum(struct tally *t, double price)
{
	struct summary s = { .jobs = t->jobs, .lost = t->jobs - t->delays };
	double sum = 0;

	if (t->delays)
		qsort(t->delays_ms, t->delays, sizeof(*t->delays_ms), by_size);
	for (size_t i = 0; i < t->delays; i++)
		sum += (double)t->delays_ms[i] / 1000;
	s.calls = t->jobs ? (double)t->calls / (double)t->jobs : 0;
	s.mean_s = t->delays ? sum / (double)t->delays : 0;
	s.p50_s = percentile_s(t, 0.5);
	s.p95_s = percentile_s(t, 0.95);
	s.p99_s = percentile_s(t, 0.99);
	s.cost = s.calls + price * s.mean_s;
	return s;
}

double bound_cost(enum workload w, double price, int64_t rtt_ms)
{
	static double at[POINTS], ended[POINTS], area[POINTS], cost[POINTS];
	double ratio = pow(MOST_MS / LEAST_MS, 1.0 / (POINTS - 2));

	at[0] = ended[0] = area[0] = 0;
	for (int i = 1; i < POINTS; i++) {
		at[i] = i == 1 ? LEAST_MS : at[i - 1] * ratio;
		ended[i] = workload_ended(w, at[i]);
		area[i] = area[i - 1] + (at[i] - at[i - 1]) *
			  (ended[i] + ended[i - 1]) / 2;
	}
	for (int i = POINTS - 2; i >= 0; i--) {
		cost[i] = HUGE_VAL;
		for (int j = i + 1; j < POINTS; j++) {
			double late = area[j] - area[i] -
				      ended[i] * (at[j] - at[i]);
			double sum = 1 - ended[i] + price * late / 1000 +
				     cost[j];

			cost[i] = sum < cost[i] ? sum : cost[i];
		}
	}
	/* the answer still has to come back */
	return cost[0] + price * (double)rtt_ms / 2000;
}
