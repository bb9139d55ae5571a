#include "daemon/metrics.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const int statuses[METRICS_STATUSES] = {
	200, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 410, 411, 412,
	413, 415, 417, 421, 422, 429, 431, 500, 503, 505, 0,
};

static const double bounds_s[METRICS_BUCKETS] = {
	0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60,
};

static const char *const poll_answers[POLL_ANSWERS] = {
	[POLL_FINAL] = "final", [POLL_PENDING] = "pending",
	[POLL_UNCHANGED] = "unchanged", [POLL_HELD] = "held",
	[POLL_EARLY] = "early",
};

/* Who was told to come back when.  A slot is overwritten by whoever hashes to
 * it: a lost note makes one early poll a pending one. */
#define NOTES 65536
static uint64_t notes[NOTES];	/* 24 bits of hash, 40 bits of deadline in ms */
#define NOTE_TIME_BITS 40
#define NOTE_TIME_MASK ((UINT64_C(1) << NOTE_TIME_BITS) - 1)

const char *poll_answer_name(enum poll_answer answer)
{
	return (unsigned)answer < POLL_ANSWERS ? poll_answers[answer] : "?";
}

/* Threads share a part by chance only: who counts on another core would else
 * wait for each cache line, at every request. */
#define PARTS 16

struct metrics {
	struct part {
		struct metrics_counts counts;
	} __attribute__((aligned(64))) parts[PARTS];
};

struct metrics *metrics_new(void)
{
	struct metrics *m = aligned_alloc(64, sizeof(*m));

	if (m)
		memset(m, 0, sizeof(*m));
	return m;
}

/* Of the calling thread. */
static struct metrics_counts *own_part(struct metrics *m)
{
	static unsigned threads;
	static _Thread_local unsigned number;

	if (number == 0)
		number = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
	return &m->parts[number % PARTS].counts;
}

/* The counts are uint64_t and nothing else. */
struct metrics_counts *metrics_read(const struct metrics *m)
{
	struct metrics_counts *sum = calloc(1, sizeof(*sum));
	uint64_t *to = (uint64_t *)sum;

	for (int i = 0; sum && i < PARTS; i++) {
		const uint64_t *from = (const uint64_t *)&m->parts[i].counts;

		for (size_t k = 0; k < sizeof(*sum) / sizeof(*to); k++)
			to[k] += __atomic_load_n(&from[k], __ATOMIC_RELAXED);
	}
	return sum;
}

void metrics_free(struct metrics *m)
{
	free(m);
}

int metrics_status(size_t index)
{
	return index < METRICS_STATUSES ? statuses[index] : 0;
}

double metrics_bound_s(size_t bucket)
{
	return bounds_s[bucket < METRICS_BUCKETS ? bucket
						 : METRICS_BUCKETS - 1];
}

static void count(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

void metrics_request(struct metrics *m, size_t route, int status,
		     int64_t duration_us)
{
	struct route_metrics *r = &own_part(m)->routes[route];
	size_t i = 0, b = 0;

	while (statuses[i] != status && statuses[i] != 0)
		i++;
	while (b < METRICS_BUCKETS && (double)duration_us > bounds_s[b] * 1e6)
		b++;
	count(&r->by_status[i], 1);
	count(&r->seconds_bucket[b], 1);
	count(&r->seconds_us, (uint64_t)duration_us);
}

/* --- polls ---------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

static uint64_t note_hash(uint64_t who, const uint8_t uuid[16])
{
	uint64_t half[2];

	memcpy(half, uuid, sizeof(half));
	return mix(who ^ mix(half[0] ^ mix(half[1])));
}

void metrics_poll_begin(uint64_t who, const uint8_t uuid[16])
{
	__builtin_prefetch(&notes[note_hash(who, uuid) % NOTES], 1);
}

void metrics_poll(struct metrics *m, enum poll_answer answer, uint64_t who,
		  const uint8_t uuid[16], int64_t now_ms, int64_t retry_after_s)
{
	uint64_t hash = note_hash(who, uuid), note;
	uint64_t *slot = &notes[hash % NOTES];
	uint64_t mark = hash & ~NOTE_TIME_MASK;

	if (answer == POLL_PENDING || answer == POLL_UNCHANGED) {
		note = __atomic_load_n(slot, __ATOMIC_RELAXED);
		if (note != 0 && (note & ~NOTE_TIME_MASK) == mark &&
		    now_ms < (int64_t)(note & NOTE_TIME_MASK))
			answer = POLL_EARLY;
	}
	if (retry_after_s > 0)
		__atomic_store_n(slot, mark | ((uint64_t)(now_ms +
				 retry_after_s * 1000) & NOTE_TIME_MASK),
				 __ATOMIC_RELAXED);
	else if (retry_after_s == 0)
		__atomic_store_n(slot, 0, __ATOMIC_RELAXED);
	count(&own_part(m)->polls[answer], 1);
}
