#include "daemon/engine_stats.h"

const double histogram_commit_s[HISTOGRAM_BUCKETS] = {
	0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
	0.25, 0.5, 1, 2.5, 5, 10,
};

const double histogram_job_s[HISTOGRAM_BUCKETS] = {
	0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
	14400,
};

void stat_add(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

uint64_t stat_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void histogram_add(struct histogram *h, const double bounds[HISTOGRAM_BUCKETS],
		   int64_t us)
{
	unsigned i = 0;

	if (us < 0)
		us = 0;		/* the wall clock was set back in between */
	while (i < HISTOGRAM_BUCKETS && (double)us > bounds[i] * 1e6)
		i++;
	stat_add(&h->counts[i], 1);
	stat_add(&h->sum_us, us);
}
