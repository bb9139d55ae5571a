#include "client/alloc.h"
#include "client/memory.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "http://127.0.0.1:8080 es"

static struct hg__memory *given_memory(void)
{
	struct hg__memory *m = hg__memory_new(1);

	ck_assert_ptr_nonnull(m);
	return m;
}

static void learn(struct hg__memory *m, const char *key, int64_t lo_ms,
		  int64_t hi_ms, int jobs)
{
	for (int i = 0; i < jobs; i++)
		ck_assert_int_eq(hg__memory_add(m, key, lo_ms, hi_ms), HG_OK);
}

/* The number of looks that a plan takes to see the end of a job, and how late
 * the last of them is. */
static int looks(const struct hg__plan *plan, double end_ms, double *late_ms)
{
	double t = 0;
	int n = 0;

	while (t < end_ms && n < 1000) {
		t += hg__plan_step_ms(plan, t);
		n++;
	}
	*late_ms = t - end_ms;
	return n;
}

START_TEST(nothing_is_planned_before_three_jobs_are_known)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;

	ck_assert_ptr_null(hg__memory_plan(m, KEY));
	learn(m, KEY, 9000, 10000, 2);
	ck_assert_ptr_null(hg__memory_plan(m, KEY));
	learn(m, KEY, 9000, 10000, 1);
	plan = hg__memory_plan(m, KEY);
	ck_assert_ptr_nonnull(plan);
	ck_assert_ptr_null(hg__memory_plan(m, "another key"));
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(jobs_that_all_take_ten_seconds_are_looked_at_once_or_twice)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;
	double late;

	learn(m, KEY, 9900, 10000, 128);
	plan = hg__memory_plan(m, KEY);
	ck_assert_int_le(looks(plan, 9950, &late), 2);
	ck_assert_double_lt(late, 500);
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(between_two_usual_durations_hardly_a_look_is_spent)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;
	double late;

	for (int i = 0; i < 64; i++) {
		learn(m, KEY, 9500, 10000, 1);
		learn(m, KEY, 295000, 300000, 1);
	}
	plan = hg__memory_plan(m, KEY);
	ck_assert_int_le(looks(plan, 10000, &late), 3);
	ck_assert_double_lt(late, 2000);
	ck_assert_int_le(looks(plan, 300000, &late), 12);
	ck_assert_double_lt(late, 10000);
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(a_job_longer_than_all_before_is_still_looked_at)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;
	double t = 0, step;

	learn(m, KEY, 9000, 10000, 128);
	plan = hg__memory_plan(m, KEY);
	while (t < 3e6) {
		step = hg__plan_step_ms(plan, t);
		ck_assert_double_gt(step, 0);
		ck_assert_double_le(step, 2e4 + t);
		t += step;
	}
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(the_dearer_not_knowing_is_the_more_looks_are_planned)
{
	int before = 0;

	for (double price = 0.1; price < 100; price *= 10) {
		struct hg__memory *m = hg__memory_new(price);
		struct hg__plan *plan;
		double late;
		int n;

		for (int i = 0; i < 128; i++)
			learn(m, KEY, 20000 + i * 1000, 20500 + i * 1000, 1);
		plan = hg__memory_plan(m, KEY);
		n = looks(plan, 90000, &late);
		ck_assert_int_gt(n, before);
		before = n;
		hg__plan_unref(plan);
		hg__memory_free(m);
	}
}
END_TEST

START_TEST(the_chance_of_having_ended_grows_from_none_to_all)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;
	double before = -1, late;

	for (int i = 0; i < 100; i++)
		learn(m, KEY, 10000 + i * 100, 10100 + i * 100, 1);
	plan = hg__memory_plan(m, KEY);
	for (double span = 1; span < 1e6; span *= 1.1) {
		double ended = hg__plan_ended(plan, 5000, span, &late);

		ck_assert_double_ge(ended, before);
		ck_assert_double_le(ended, 1);
		ck_assert_double_ge(late, 0);
		ck_assert_double_le(late, span);
		before = ended;
	}
	ck_assert_double_lt(hg__plan_ended(plan, 0, 9000, &late), 0.05);
	ck_assert_double_gt(hg__plan_ended(plan, 0, 21000, &late), 0.95);
	ck_assert_double_eq_tol(hg__plan_ended(plan, 0, 15000, &late), 0.5,
				0.05);
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(only_the_last_128_jobs_count)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;
	double late;

	learn(m, KEY, 290000, 300000, 128);
	hg__plan_unref(hg__memory_plan(m, KEY));
	learn(m, KEY, 9500, 10000, 128);
	plan = hg__memory_plan(m, KEY);
	ck_assert_double_gt(hg__plan_ended(plan, 0, 12000, &late), 0.9);
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(a_full_plan_is_redone_after_64_jobs_and_not_before)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan, *same;

	learn(m, KEY, 9000, 10000, 128);
	plan = hg__memory_plan(m, KEY);
	learn(m, KEY, 1000, 2000, 42);
	same = hg__memory_plan(m, KEY);
	ck_assert_ptr_eq(plan, same);
	hg__plan_unref(same);
	learn(m, KEY, 1000, 2000, 22);
	same = hg__memory_plan(m, KEY);
	ck_assert_ptr_ne(plan, same);
	hg__plan_unref(same);
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(a_plan_outlives_its_memory)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;

	learn(m, KEY, 9000, 10000, 10);
	plan = hg__memory_plan(m, KEY);
	hg__memory_free(m);
	ck_assert_double_gt(hg__plan_step_ms(plan, 0), 1000);
	hg__plan_unref(plan);
}
END_TEST

START_TEST(nonsense_is_refused_and_the_absurd_is_survived)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;

	ck_assert_int_eq(hg__memory_add(m, KEY, 5, 4), HG_EINVAL);
	ck_assert_int_eq(hg__memory_add(m, KEY, -9, -1), HG_EINVAL);
	learn(m, KEY, 0, 0, 5);
	learn(m, KEY, 0, INT64_MAX, 5);
	learn(m, KEY, INT64_MAX, INT64_MAX, 5);
	learn(m, KEY, -5, 1, 5);
	plan = hg__memory_plan(m, KEY);
	for (double t = 0; t < 1e10; t = t * 2 + 1) {
		double step = hg__plan_step_ms(plan, t);

		ck_assert(isfinite(step) && step > 0);
	}
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(the_key_unused_for_longest_makes_room)
{
	struct hg__memory *m = given_memory();
	struct hg__plan *plan;
	char key[16];

	for (int i = 0; i < HG__MEMORY_KEYS; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		learn(m, key, 9000, 10000, 3);
	}
	hg__plan_unref(hg__memory_plan(m, "key 0"));
	learn(m, "one more", 9000, 10000, 3);
	ck_assert_ptr_null(hg__memory_plan(m, "key 1"));
	plan = hg__memory_plan(m, "key 0");
	ck_assert_ptr_nonnull(plan);
	hg__plan_unref(plan);
	hg__memory_free(m);
}
END_TEST

START_TEST(what_was_saved_plans_the_same_elsewhere)
{
	struct hg__memory *m = given_memory(), *other = given_memory();
	struct hg__plan *plan, *again;
	void *blob, *second;
	size_t size, second_size;

	for (int i = 0; i < 150; i++)
		learn(m, KEY, 1000L * i, 1000L * i + 900, 1);
	learn(m, "", 1, 2, 4);
	ck_assert_int_eq(hg__memory_save(m, &blob, &size), HG_OK);
	ck_assert_int_eq(hg__memory_load(other, blob, size), HG_OK);
	ck_assert_int_eq(hg__memory_save(other, &second, &second_size), HG_OK);
	ck_assert_mem_eq(blob, second, size);
	ck_assert_uint_eq(size, second_size);
	plan = hg__memory_plan(m, KEY);
	again = hg__memory_plan(other, KEY);
	for (double t = 0; t < 5e5; t = t * 1.3 + 10)
		ck_assert_double_eq(hg__plan_step_ms(plan, t),
				    hg__plan_step_ms(again, t));
	hg__plan_unref(plan);
	hg__plan_unref(again);
	hg__free(blob);
	hg__free(second);
	hg__memory_free(m);
	hg__memory_free(other);
}
END_TEST

START_TEST(a_blob_is_older_than_what_is_known)
{
	struct hg__memory *m = given_memory(), *other = given_memory();
	struct hg__plan *plan;
	void *blob;
	size_t size;
	double late;

	learn(m, KEY, 290000, 300000, 128);
	ck_assert_int_eq(hg__memory_save(m, &blob, &size), HG_OK);
	learn(other, KEY, 9500, 10000, 120);
	ck_assert_int_eq(hg__memory_load(other, blob, size), HG_OK);
	plan = hg__memory_plan(other, KEY);
	ck_assert_double_gt(hg__plan_ended(plan, 0, 12000, &late), 0.85);
	hg__plan_unref(plan);
	hg__free(blob);
	hg__memory_free(m);
	hg__memory_free(other);
}
END_TEST

START_TEST(every_damaged_byte_and_every_cut_is_noticed)
{
	struct hg__memory *m = given_memory(), *other = given_memory();
	void *blob;
	size_t size;

	learn(m, KEY, 9000, 10000, 3);
	learn(m, "b", 1, 2, 1);
	ck_assert_int_eq(hg__memory_save(m, &blob, &size), HG_OK);
	for (size_t i = 0; i < size; i++) {
		unsigned char *copy = malloc(i ? i : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, blob, i);
		ck_assert_int_eq(hg__memory_load(other, copy, i), HG_EINVAL);
		free(copy);
		((unsigned char *)blob)[i] ^= 0x10;
		ck_assert_int_eq(hg__memory_load(other, blob, size),
				 HG_EINVAL);
		((unsigned char *)blob)[i] ^= 0x10;
	}
	ck_assert_int_eq(hg__memory_load(other, "{\"not\":\"ours\"}", 14),
			 HG_EINVAL);
	ck_assert_int_eq(hg__memory_load(other, NULL, 0), HG_EINVAL);
	ck_assert_ptr_null(hg__memory_plan(other, KEY));
	hg__free(blob);
	hg__memory_free(m);
	hg__memory_free(other);
}
END_TEST

static int allowed;

static void *failing_realloc(void *p, size_t bytes)
{
	return allowed-- > 0 ? realloc(p, bytes) : NULL;
}

static bool session(void)
{
	struct hg__memory *m = hg__memory_new(1), *other = NULL;
	struct hg__plan *plan = NULL;
	void *blob = NULL;
	size_t size;
	bool ok = false;

	if (!m)
		goto out;
	for (int i = 0; i < 3; i++)
		if (hg__memory_add(m, i ? KEY : "b", 9000, 10000) != HG_OK ||
		    hg__memory_add(m, KEY, 9000, 10000) != HG_OK)
			goto out;
	plan = hg__memory_plan(m, KEY);
	if (!plan || hg__memory_save(m, &blob, &size) != HG_OK)
		goto out;
	other = hg__memory_new(1);
	ok = other && hg__memory_load(other, blob, size) == HG_OK;
out:
	hg__free(blob);
	hg__plan_unref(plan);
	hg__memory_free(m);
	hg__memory_free(other);
	return ok;
}

START_TEST(an_allocation_that_fails_leaves_nothing_behind)
{
	int n = 0;

	hg__set_allocator(failing_realloc, free);
	do {
		ck_assert_int_lt(n, 100);
		allowed = n++;
	} while (!session());
	hg__set_allocator(NULL, NULL);
	ck_assert_int_gt(n, 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tcase = tcase_create("memory");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, nothing_is_planned_before_three_jobs_are_known);
	tcase_add_test(tcase, jobs_that_all_take_ten_seconds_are_looked_at_once_or_twice);
	tcase_add_test(tcase, between_two_usual_durations_hardly_a_look_is_spent);
	tcase_add_test(tcase, a_job_longer_than_all_before_is_still_looked_at);
	tcase_add_test(tcase, the_dearer_not_knowing_is_the_more_looks_are_planned);
	tcase_add_test(tcase, the_chance_of_having_ended_grows_from_none_to_all);
	tcase_add_test(tcase, only_the_last_128_jobs_count);
	tcase_add_test(tcase, a_full_plan_is_redone_after_64_jobs_and_not_before);
	tcase_add_test(tcase, a_plan_outlives_its_memory);
	tcase_add_test(tcase, nonsense_is_refused_and_the_absurd_is_survived);
	tcase_add_test(tcase, the_key_unused_for_longest_makes_room);
	tcase_add_test(tcase, what_was_saved_plans_the_same_elsewhere);
	tcase_add_test(tcase, a_blob_is_older_than_what_is_known);
	tcase_add_test(tcase, every_damaged_byte_and_every_cut_is_noticed);
	tcase_add_test(tcase, an_allocation_that_fails_leaves_nothing_behind);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
