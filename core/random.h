/* random.h -- draws that depend on nothing but their arguments.
 *
 * A draw is a pure function of (seed, key, attempt, purpose, index): the
 * same settings and the same job give the same history, whatever order
 * things happen in.  The algorithm is version RANDOM_VERSION; vectors are in
 * tests/data/random.txt, and a change of any of them is a new version. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_VERSION 1

enum draw_purpose {		/* numbers are part of the algorithm */
	DRAW_DURATION = 1,
	DRAW_FAILS = 2,		/* does this attempt fail? */
	DRAW_FAIL_AT = 3,	/* at what progress? */
	DRAW_ERROR = 4,		/* with which error? */
	DRAW_ETA = 5		/* by how much does the estimate err? */
};

enum distribution {		/* [simulation] distribution */
	DISTRIBUTION_FIXED,
	DISTRIBUTION_UNIFORM,
	DISTRIBUTION_NORMAL,
	DISTRIBUTION_LOGNORMAL,
	DISTRIBUTION_EXPONENTIAL,
	DISTRIBUTIONS
};

struct duration_law {
	enum distribution distribution;
	double mean_ms, sigma, min_ms, max_ms;
};

/* 64 even bits; and a double in [0, 1) from its upper 53. */
uint64_t random_bits(uint64_t seed, uint64_t key, uint32_t attempt,
		     enum draw_purpose purpose, uint32_t index);
double random_unit(uint64_t seed, uint64_t key, uint32_t attempt,
		   enum draw_purpose purpose, uint32_t index);

/* A duration by this law, clamped to min_ms..max_ms.  sigma: of the
 * logarithm for lognormal (mean_ms is then the median), a share of mean_ms
 * for normal. */
double random_duration_ms(const struct duration_law *law, uint64_t seed,
			  uint64_t key, uint32_t attempt);

/* The law's mean after clamping: what a job is expected to take. */
double random_expected_ms(const struct duration_law *law);

/* Keys of jobs. */
uint64_t random_key_of_number(uint64_t number);	/* ordinal, simulate.seed */
uint64_t random_key_of_text(const char *text, size_t length, uint32_t index);

/* A 128-bit digest for comparing request bodies; not a cryptographic one. */
void random_digest(const void *data, size_t length, uint64_t digest_out[2]);

/* From the system, for ids and for seed = 0.  Never fails: aborts if the
 * system has no entropy source. */
void random_system(void *out, size_t length);

#endif
