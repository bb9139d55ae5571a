#include "core/random.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define GOLDEN 0x9e3779b97f4a7c15u

/* --- bits ----------------------------------------------------------------- */

/* A bijection of 64 bits in which every bit of x moves half of the result:
 * Stafford's thirteenth variant of the MurmurHash3 finalizer. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t absorb(uint64_t state, uint64_t word)
{
	return mix((state ^ word) + GOLDEN);
}

uint64_t random_bits(uint64_t seed, uint64_t key, uint32_t attempt,
		     enum draw_purpose purpose, uint32_t index)
{
	uint64_t x = absorb(0, seed);

	x = absorb(x, key);
	x = absorb(x, (uint64_t)attempt << 32 | (uint32_t)purpose);
	return absorb(x, index);
}

double random_unit(uint64_t seed, uint64_t key, uint32_t attempt,
		   enum draw_purpose purpose, uint32_t index)
{
	return (double)(random_bits(seed, key, attempt, purpose, index) >> 11) *
	       0x1p-53;
}

/* --- durations ------------------------------------------------------------ */

static double clamp(const struct duration_law *law, double ms)
{
	return fmin(fmax(ms, law->min_ms), law->max_ms);
}

/* A standard normal deviate (Box and Muller); u > 0. */
static double deviate(double u, double v)
{
	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

double random_duration_ms(const struct duration_law *law, uint64_t seed,
			  uint64_t key, uint32_t attempt)
{
	double u = random_unit(seed, key, attempt, DRAW_DURATION, 0);
	double v = random_unit(seed, key, attempt, DRAW_DURATION, 1);
	double ms = law->mean_ms;

	switch (law->distribution) {
	case DISTRIBUTION_FIXED:
	case DISTRIBUTIONS:
		break;
	case DISTRIBUTION_UNIFORM:
		ms = law->min_ms + u * (law->max_ms - law->min_ms);
		break;
	case DISTRIBUTION_NORMAL:
		ms *= 1 + law->sigma * deviate(1 - u, v);
		break;
	case DISTRIBUTION_LOGNORMAL:
		ms *= exp(law->sigma * deviate(1 - u, v));
		break;
	case DISTRIBUTION_EXPONENTIAL:
		ms *= -log(1 - u);
		break;
	}
	return clamp(law, ms);
}

/* The normal distribution function; exact in both tails. */
static double phi(double x)
{
	return 0.5 * erfc(-x / sqrt(2));
}

static double density(double x)
{
	return exp(-x * x / 2) / sqrt(2 * 3.14159265358979323846);
}

/* Of a law whose lower end has the weight below, its upper end the weight
 * above, and what lies between brings inner to the mean. */
static double mixture(const struct duration_law *law, double below,
		      double inner, double above)
{
	/* inner is inf * 0 where sigma is so large that all is at the ends */
	return clamp(law, law->min_ms * below + law->max_ms * above +
				  (isfinite(inner) ? inner : 0));
}

static double expected_normal(const struct duration_law *law)
{
	double mean = law->mean_ms, deviation = law->sigma * mean;
	double a = (law->min_ms - mean) / deviation;
	double b = (law->max_ms - mean) / deviation;

	return mixture(law, phi(a),
		       mean * (phi(b) - phi(a)) -
			       deviation * (density(b) - density(a)),
		       phi(-b));
}

static double expected_lognormal(const struct duration_law *law)
{
	double sigma = law->sigma;
	double a = log(law->min_ms / law->mean_ms) / sigma;
	double b = log(law->max_ms / law->mean_ms) / sigma;

	return mixture(law, phi(a),
		       law->mean_ms * exp(sigma * sigma / 2) *
			       (phi(b - sigma) - phi(a - sigma)),
		       phi(-b));
}

double random_expected_ms(const struct duration_law *law)
{
	double mean = law->mean_ms;

	switch (law->distribution) {
	case DISTRIBUTION_FIXED:
	case DISTRIBUTIONS:
		break;
	case DISTRIBUTION_UNIFORM:
		return (law->min_ms + law->max_ms) / 2;
	case DISTRIBUTION_NORMAL:
		if (law->sigma > 0 && mean > 0)
			return expected_normal(law);
		break;
	case DISTRIBUTION_LOGNORMAL:
		if (law->sigma > 0 && mean > 0)
			return expected_lognormal(law);
		break;
	case DISTRIBUTION_EXPONENTIAL:
		if (mean > 0)
			return clamp(law, law->min_ms +
				mean * (exp(-law->min_ms / mean) -
					exp(-law->max_ms / mean)));
		break;
	}
	return clamp(law, mean);
}

/* --- keys and digests ----------------------------------------------------- */

uint64_t random_key_of_number(uint64_t number)
{
	return absorb(0, number);
}

uint64_t random_key_of_text(const char *text, size_t length, uint32_t index)
{
	uint64_t digest[2];

	random_digest(text, length, digest);
	return absorb(absorb(digest[0], digest[1]), index);
}

/* Up to eight bytes, the first one lowest, on any machine. */
static uint64_t load(const unsigned char *bytes, size_t count)
{
	uint64_t word = 0;

	for (size_t i = 0; i < count; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

void random_digest(const void *data, size_t length, uint64_t digest_out[2])
{
	const unsigned char *bytes = data;
	uint64_t a = absorb(1, length), b = absorb(2, length);

	for (size_t at = 0; at < length; at += 8) {
		size_t left = length - at;
		uint64_t word = load(bytes + at, left < 8 ? left : 8);

		a = absorb(a, word);
		b = mix(b * GOLDEN + word);	/* meets words otherwise than a */
	}
	digest_out[0] = mix(a);
	digest_out[1] = absorb(b, a);
}

/* --- the system ----------------------------------------------------------- */

void random_system(void *out, size_t length)
{
	unsigned char *bytes = out;

	while (length > 0) {
		ssize_t n = getrandom(bytes, length, 0);

		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0) {
			bytes += n;
			length -= n;
		}
	}
}
