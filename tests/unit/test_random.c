#include "core/random.h"

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const laws[DISTRIBUTIONS] = {
	[DISTRIBUTION_FIXED] = "fixed", [DISTRIBUTION_UNIFORM] = "uniform",
	[DISTRIBUTION_NORMAL] = "normal",
	[DISTRIBUTION_LOGNORMAL] = "lognormal",
	[DISTRIBUTION_EXPONENTIAL] = "exponential",
};

/* --- the committed vectors ------------------------------------------------ */

static int law_of(const char *word)
{
	for (int i = 0; i < DISTRIBUTIONS; i++)
		if (strcmp(laws[i], word) == 0)
			return i;
	ck_abort_msg("no law: %s", word);
	return -1;
}

static const char *text_of(const char *word)
{
	return strcmp(word, "-") == 0 ? "" : word;
}

/* Each returns the number of fields it found. */
static int check_bits(const char *line)
{
	uint64_t seed, key, want;
	uint32_t attempt, index;
	int purpose;
	int n = sscanf(line, "bits %" SCNu64 " %" SCNu64 " %" SCNu32
		       " %d %" SCNu32 " = %" SCNx64,
		       &seed, &key, &attempt, &purpose, &index, &want);

	if (n == 6)
		ck_assert_msg(random_bits(seed, key, attempt, purpose, index) ==
			      want, "%s", line);
	return n == 6;
}

static int check_duration(const char *line)
{
	struct duration_law law;
	uint64_t seed, key;
	uint32_t attempt;
	long long want;
	char word[32];
	int n = sscanf(line, "duration %31s %lf %lf %lf %lf %" SCNu64
		       " %" SCNu64 " %" SCNu32 " = %lld", word, &law.mean_ms,
		       &law.sigma, &law.min_ms, &law.max_ms, &seed, &key,
		       &attempt, &want);

	if (n != 9)
		return 0;
	law.distribution = law_of(word);
	ck_assert_msg(llround(random_duration_ms(&law, seed, key, attempt)) ==
		      want, "%s", line);
	return 1;
}

static int check_keys(const char *line)
{
	uint64_t number, want, also, digest[2];
	char word[64];
	uint32_t index;

	if (sscanf(line, "number %" SCNu64 " = %" SCNx64, &number, &want) == 2) {
		ck_assert_msg(random_key_of_number(number) == want, "%s", line);
		return 1;
	}
	if (sscanf(line, "text %" SCNu32 " %63s = %" SCNx64, &index, word,
		   &want) == 3) {
		const char *text = text_of(word);

		ck_assert_msg(random_key_of_text(text, strlen(text), index) ==
			      want, "%s", line);
		return 1;
	}
	if (sscanf(line, "digest %63s = %" SCNx64 " %" SCNx64, word, &want,
		   &also) == 3) {
		const char *text = text_of(word);

		random_digest(text, strlen(text), digest);
		ck_assert_msg(digest[0] == want && digest[1] == also, "%s",
			      line);
		return 1;
	}
	return 0;
}

START_TEST(every_committed_vector_is_drawn_again)
{
	const char *srcdir = getenv("HG_SRCDIR");
	char path[4096], line[512];
	int seen = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/data/random.txt",
		 srcdir ? srcdir : ".");
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	while (fgets(line, sizeof(line), file)) {
		if (*line == '#' || *line == '\n')
			continue;
		ck_assert_msg(check_bits(line) || check_duration(line) ||
			      check_keys(line), "not a vector: %s", line);
		seen++;
	}
	fclose(file);
	ck_assert_int_ge(seen, 60);
}
END_TEST

/* --- properties ----------------------------------------------------------- */

START_TEST(each_argument_of_a_draw_changes_half_of_its_bits)
{
	int flipped[5] = { 0 }, rounds = 1000;

	for (int i = 0; i < rounds; i++) {
		uint64_t base = random_bits(i, i, i, 1, i);
		uint64_t other[5] = {
			random_bits(i ^ 1, i, i, 1, i),
			random_bits(i, i ^ 1, i, 1, i),
			random_bits(i, i, i ^ 1, 1, i),
			random_bits(i, i, i, 2, i),
			random_bits(i, i, i, 1, i ^ 1),
		};

		for (int j = 0; j < 5; j++)
			flipped[j] += __builtin_popcountll(base ^ other[j]);
	}
	for (int j = 0; j < 5; j++)
		ck_assert_msg(abs(flipped[j] - 32 * rounds) < rounds,
			      "argument %d: %d", j, flipped[j]);
}
END_TEST

START_TEST(units_fill_the_interval_evenly)
{
	int bucket[16] = { 0 }, rounds = 160000;
	double chi = 0;

	for (int i = 0; i < rounds; i++) {
		double u = random_unit(1, i, 1, DRAW_FAILS, 0);

		ck_assert(u >= 0 && u < 1);
		bucket[(int)(u * 16)]++;
	}
	for (int i = 0; i < 16; i++)
		chi += pow(bucket[i] - rounds / 16.0, 2) / (rounds / 16.0);
	ck_assert_msg(chi < 40, "chi square %f at 15 degrees", chi);
}
END_TEST

static const struct {
	double mean, sigma, min, max;
} shapes[] = {
	{ 20000, 0.8, 10000, 30000 }, { 20000, 0.8, 1, 1e9 },
	{ 20000, 0, 10000, 30000 },   { 5000, 0.3, 10000, 30000 },
	{ 90000, 0.3, 10000, 30000 }, { 60000, 2.5, 1000, 1e12 },
	{ 20000, 100, 10000, 30000 }, { 0, 1, 0, 10 },
};
#define SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

static struct duration_law law_at(int i)
{
	return (struct duration_law){
		.distribution = i % DISTRIBUTIONS,
		.mean_ms = shapes[i / DISTRIBUTIONS].mean,
		.sigma = shapes[i / DISTRIBUTIONS].sigma,
		.min_ms = shapes[i / DISTRIBUTIONS].min,
		.max_ms = shapes[i / DISTRIBUTIONS].max,
	};
}

START_TEST(durations_stay_in_their_bounds_and_meet_their_expectation)
{
	struct duration_law law = law_at(_i);
	double sum = 0, square = 0, mean, error, expected;
	int rounds = 100000;

	for (int i = 0; i < rounds; i++) {
		double ms = random_duration_ms(&law, 3, i, 1);

		ck_assert(ms >= law.min_ms && ms <= law.max_ms);
		sum += ms;
		square += ms * ms;
	}
	mean = sum / rounds;
	error = sqrt(fmax(square / rounds - mean * mean, 0) / rounds);
	expected = random_expected_ms(&law);
	ck_assert(expected >= law.min_ms && expected <= law.max_ms);
	ck_assert_msg(fabs(mean - expected) <= 5 * error + 1e-6 * mean,
		      "%s: %f drawn, %f expected", laws[law.distribution],
		      mean, expected);
}
END_TEST

START_TEST(texts_that_differ_have_different_digests_and_keys)
{
	char text[64] = { 0 };
	uint64_t first[2], other[2];

	random_digest(text, 16, first);
	for (int bit = 0; bit < 128; bit++) {
		text[bit / 8] ^= 1 << bit % 8;
		random_digest(text, 16, other);
		ck_assert(first[0] != other[0] && first[1] != other[1]);
		text[bit / 8] ^= 1 << bit % 8;
	}
	for (size_t length = 0; length < 64; length++) {
		random_digest(text, length, other);
		ck_assert((first[0] == other[0]) == (length == 16));
	}
	ck_assert(random_key_of_text("a", 1, 0) != random_key_of_text("a", 1, 1));
}
END_TEST

START_TEST(the_system_gives_bytes_that_differ)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	random_system(a, sizeof(a));
	random_system(b, sizeof(b));
	ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("random");
	TCase *tcase = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_committed_vector_is_drawn_again);
	tcase_add_test(tcase, each_argument_of_a_draw_changes_half_of_its_bits);
	tcase_add_test(tcase, units_fill_the_interval_evenly);
	tcase_add_loop_test(tcase,
		durations_stay_in_their_bounds_and_meet_their_expectation,
		0, SHAPES * DISTRIBUTIONS);
	tcase_add_test(tcase, texts_that_differ_have_different_digests_and_keys);
	tcase_add_test(tcase, the_system_gives_bytes_that_differ);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
