/* metrics.h -- what is counted of requests and polls.
 *
 * Counters only ever grow and are changed without locks; any thread may
 * count or read. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_ROUTES 64		/* the last one: no route */
#define METRICS_STATUSES 25
#define METRICS_BUCKETS 12

enum poll_answer {
	POLL_FINAL,
	POLL_PENDING,
	POLL_UNCHANGED,
	POLL_HELD,
	POLL_EARLY,		/* instead of pending and unchanged */
	POLL_ANSWERS
};
const char *poll_answer_name(enum poll_answer answer);

struct route_metrics {
	uint64_t by_status[METRICS_STATUSES];
	uint64_t seconds_bucket[METRICS_BUCKETS + 1];	/* not cumulative */
	uint64_t seconds_us;		/* the sum */
};

struct metrics_counts {
	struct route_metrics routes[METRICS_ROUTES];
	uint64_t polls[POLL_ANSWERS];
};

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);	/* NULL is fine */
/* metrics_read -- all that was counted so far, to be freed.  NULL: there is
 * no memory. */
struct metrics_counts *metrics_read(const struct metrics *m);

/* The statuses by_status counts, and the upper bounds of the buckets. */
int metrics_status(size_t index);	/* 0: all others */
double metrics_bound_s(size_t bucket);

void metrics_request(struct metrics *m, size_t route, int status,
		     int64_t duration_us);

/* metrics_poll_begin -- such a poll is under way: what it will need is fetched
 * meanwhile. */
void metrics_poll_begin(uint64_t who, const uint8_t uuid[16]);
/* metrics_poll -- counts an answer about a job.  who and uuid: the asker and
 * the job; an asker that comes back before the Retry-After it was given is
 * early.  retry_after_s < 0: none is given now. */
void metrics_poll(struct metrics *m, enum poll_answer answer, uint64_t who,
		  const uint8_t uuid[16], int64_t now_ms,
		  int64_t retry_after_s);

#endif
