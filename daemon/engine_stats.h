/* engine_stats.h -- what the engine counts for the page of metrics.
 *
 * Only the engine counts; any thread may read.  Numbers only ever grow, but
 * for those marked as gauges. */
#ifndef DAEMON_ENGINE_STATS_H
#define DAEMON_ENGINE_STATS_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 16

/* counts[i] are values at or below bounds[i] (and above the one before); the
 * last one is all others.  sum_us in microseconds. */
struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS + 1];
	uint64_t sum_us;
};

/* Seconds, ascending. */
extern const double histogram_commit_s[HISTOGRAM_BUCKETS];
extern const double histogram_job_s[HISTOGRAM_BUCKETS];

struct engine_stats {
	struct histogram commit;	/* duration of a commit */
	struct histogram job_wait;	/* eligible to started */
	struct histogram job_run;	/* started to completed or failed */
	uint64_t finished_completed, finished_error; /* by the wire's result */
	uint64_t canceled;		/* of finished_error */
	uint64_t submitted, restarted, removed;
	uint64_t store_errors;
	uint64_t worker_restarts;
};

void histogram_add(struct histogram *h, const double bounds[HISTOGRAM_BUCKETS],
		   int64_t us);
void stat_add(uint64_t *counter, uint64_t by);
uint64_t stat_read(const uint64_t *counter);

#endif
