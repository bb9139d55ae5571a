#include "client/pace.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MOST 0xffffffffu

static struct hg__pace pace;
static struct hg__pace_env env;
static struct hg__step step;

/* A job submitted at 0 to a server 20 ms away, one call worth one second. */
static void setup(void)
{
	hg__pace_init(&pace, 0, NULL);
	env = (struct hg__pace_env){
		.price = 1, .deadline_ms = HG__NEVER_MS, .rtt_ms = 20
	};
}

static void teardown(void)
{
	hg__pace_done(&pace);
}

static void report(int64_t now_ms, int64_t remaining_ms)
{
	hg__pace_report(&pace, &(struct hg__report){
		.now_ms = now_ms, .remaining_ms = remaining_ms,
		.retry_after_ms = -1 });
	env.now_ms = now_ms;
}

static int64_t next(const char *why)
{
	hg__pace_next(&pace, &env, &step);
	ck_assert_str_eq(step.why, why);
	return step.ms;
}

START_TEST(with_no_hint_the_first_look_comes_after_a_second)
{
	ck_assert_int_eq(next("cold"), 1000);
	env.now_ms = 400;
	ck_assert_int_eq(next("cold"), 600);
}
END_TEST

START_TEST(with_no_hint_the_steps_are_the_root_of_twice_the_time)
{
	static const double prices[] = { 0.1, 1, 10 };

	for (size_t i = 0; i < COUNT(prices); i++) {
		env.price = prices[i];
		for (int64_t t = 2000; t < 1000000; t *= 3) {
			report(t, HG__ETA_UNKNOWN);
			ck_assert_int_le(llabs(next("cold") - (int64_t)sqrt(
				2000.0 * (double)t / prices[i])), 1);
		}
	}
}
END_TEST

START_TEST(a_first_eta_is_slept_on_for_the_most_part)
{
	report(20, 60000);
	ck_assert_int_ge(next("eta"), 60000 * 3 / 4);
	ck_assert_int_le(step.ms, 60000 * 85 / 100);
}
END_TEST

START_TEST(a_near_end_is_aimed_just_beyond)
{
	report(20000, 5000);
	ck_assert_int_gt(next("eta"), 5000);
	ck_assert_int_le(step.ms, 5500);
}
END_TEST

START_TEST(an_eta_that_falls_as_time_passes_is_trusted_more)
{
	int64_t alone, agreed;

	report(100000, 60000);
	alone = next("eta");
	report(120000, 40000);
	report(140000, 60000);		/* a jump: alone again */
	ck_assert_int_eq(pace.agreed, 0);
	report(150000, 50000);
	report(160000, 40000);
	agreed = next("eta");
	ck_assert_int_gt(agreed * 60, alone * 40);
}
END_TEST

START_TEST(an_eta_that_falls_too_fast_is_shortened_by_its_slope)
{
	report(100000, 60000);
	report(120000, 30000);		/* 30 s less after 20 s */
	ck_assert_int_lt(next("eta"), 25500);
	hg__pace_reset(&pace, 0);
	report(100000, 60000);
	report(120000, 50000);		/* and here 10 s less */
	ck_assert_int_gt(next("eta"), 42500);
}
END_TEST

START_TEST(an_eta_of_an_hour_may_claim_a_minute_and_then_double_the_time)
{
	int64_t t = 20, before;

	report(t, 3600000);
	t += next("unconfirmed");
	ck_assert_int_le(t, 61000);
	for (int i = 0; i < 6; i++) {
		before = t;
		report(t, 3600000);
		hg__pace_next(&pace, &env, &step);
		ck_assert_int_le(step.ms, before);
		t += step.ms;
	}
}
END_TEST

START_TEST(an_eta_that_stopped_is_asked_for_ever_more_rarely)
{
	int64_t t = 10000;

	report(t, 0);
	for (int n = 1; n < 50; n++) {
		t += 1000;
		report(t, 0);
		ck_assert_int_ge(next("stopped"),
				 (int64_t)(sqrt(10.0 * n) * 1000));
	}
}
END_TEST

START_TEST(no_sleep_is_shorter_than_the_floor)
{
	report(10000, 0);
	ck_assert_int_eq(next("eta"), 300);
	env.price = 1000;
	hg__pace_reset(&pace, 0);
	report(10000, HG__ETA_UNKNOWN);
	ck_assert_int_eq(next("cold"), 300);
}
END_TEST

START_TEST(a_null_eta_is_none_and_steps_stay_under_a_minute)
{
	report(30000, 5000);
	report(32000, HG__ETA_NULL);
	ck_assert_int_eq(next("cold"), 8000);
	report(7200000, HG__ETA_NULL);
	ck_assert_int_eq(next("null"), 60000);
}
END_TEST

START_TEST(retry_after_stands_in_for_an_eta_that_is_not_told)
{
	hg__pace_report(&pace, &(struct hg__report){
		.now_ms = 10000, .remaining_ms = HG__ETA_UNKNOWN,
		.retry_after_ms = 4000 });
	env.now_ms = 10000;
	ck_assert_int_ge(next("eta"), 4000);
	ck_assert_int_le(step.ms, 4400);
	hg__pace_report(&pace, &(struct hg__report){
		.now_ms = 20000, .remaining_ms = HG__ETA_NULL,
		.retry_after_ms = 4000 });
	env.now_ms = 20000;
	ck_assert_int_eq(next("cold"), 6325);
}
END_TEST

START_TEST(reports_in_whole_seconds_close_together_judge_nothing)
{
	report(10000, 7000);
	report(10300, 7000);
	ck_assert_uint_eq(pace.stopped, 0);
	report(10900, 6000);
	ck_assert_uint_eq(pace.stopped, 0);
	report(12000, 5000);
	ck_assert_uint_eq(pace.stopped, 0);
	ck_assert_uint_eq(pace.agreed, 1);
}
END_TEST

START_TEST(the_last_look_falls_just_before_the_deadline)
{
	report(100000, HG__ETA_UNKNOWN);
	env.deadline_ms = 110000;
	ck_assert_int_eq(next("deadline"), 9950);
	env.now_ms = 109950;
	ck_assert_int_eq(next("deadline"), 50);
	env.now_ms = 110000;
	ck_assert_int_eq(next("deadline"), 0);
	env.now_ms = 120000;
	ck_assert_int_eq(next("deadline"), 0);
	env.now_ms = 100000;
	env.deadline_ms = 200000;
	ck_assert_int_eq(next("cold"), 14142);
}
END_TEST

START_TEST(a_learnt_plan_is_followed_and_released)
{
	struct hg__memory *m = hg__memory_new(1);

	for (int i = 0; i < 64; i++)
		hg__memory_add(m, "k", 29000, 30000);
	hg__pace_init(&pace, 0, hg__memory_plan(m, "k"));
	hg__memory_free(m);
	ck_assert_int_ge(next("learned"), 27000);
	ck_assert_int_le(step.ms, 33000);
}
END_TEST

START_TEST(an_unconfirmed_estimate_is_trusted_as_far_as_jobs_like_it_took)
{
	struct hg__memory *m = hg__memory_new(1);

	for (int i = 0; i < 64; i++)
		hg__memory_add(m, "k", 29000, 30000);
	hg__pace_init(&pace, 0, hg__memory_plan(m, "k"));
	hg__memory_free(m);
	report(20, 3600000);
	ck_assert_int_ge(next("unconfirmed"), 27000);
	ck_assert_int_le(step.ms, 33000);
	hg__pace_done(&pace);
	hg__pace_init(&pace, 0, NULL);
	report(20, 3600000);
	ck_assert_int_eq(next("unconfirmed"), 60000);
}
END_TEST

START_TEST(after_a_hold_r_by_1_3_is_slept_but_never_more_than_was_waited)
{
	report(30000, 26000);
	hg__pace_after_hold(&pace, &env, &step);
	ck_assert_str_eq(step.why, "eta");
	ck_assert_int_eq(step.ms, 20000);
	report(50000, 3600000);
	hg__pace_reset(&pace, 50000);
	report(50000, 3600000);
	hg__pace_after_hold(&pace, &env, &step);
	ck_assert_int_eq(step.ms, 50000);
	report(100000, HG__ETA_NULL);
	hg__pace_after_hold(&pace, &env, &step);
	ck_assert_int_eq(step.ms, 0);
}
END_TEST

START_TEST(a_hold_is_shorter_by_a_little_chance_and_ends_before_the_deadline)
{
	ck_assert_int_eq(hg__pace_hold_s(&env, 30, 0), 30);
	ck_assert_int_eq(hg__pace_hold_s(&env, 30, MOST), 29);
	ck_assert_int_eq(hg__pace_hold_s(&env, 60, MOST), 57);
	ck_assert_int_eq(hg__pace_hold_s(&env, 1, MOST), 1);
	env.now_ms = 100000;
	env.deadline_ms = 105900;
	ck_assert_int_eq(hg__pace_hold_s(&env, 30, 0), 5);
	env.deadline_ms = 100500;
	ck_assert_int_eq(hg__pace_hold_s(&env, 30, 0), 0);
	env.deadline_ms = 90000;
	ck_assert_int_eq(hg__pace_hold_s(&env, 30, 0), 0);
}
END_TEST

/* n jobs of one age, none with a hint. */
static int64_t crowd_step(size_t n, int64_t age_ms)
{
	struct hg__pace *jobs = calloc(n, sizeof(*jobs));
	const struct hg__pace **list = calloc(n, sizeof(*list));

	ck_assert(jobs && list);
	for (size_t i = 0; i < n; i++) {
		hg__pace_init(&jobs[i], 0, NULL);
		list[i] = &jobs[i];
	}
	env.now_ms = age_ms;
	hg__pace_next_many(list, n, &env, &step);
	free(jobs);
	free(list);
	return step.ms;
}

START_TEST(the_hazards_of_many_jobs_add)
{
	for (size_t n = 4; n <= 64; n *= 4) {
		double expected = sqrt(2 * 200.0 / (double)n) * 1000;

		ck_assert_double_eq_tol((double)crowd_step(n, 200000),
					expected, expected * 0.25);
		ck_assert_str_eq(step.why, "bulk");
	}
	ck_assert_int_eq(crowd_step(10000, 20000), 300);
	ck_assert_int_eq(crowd_step(1, 200000), 20000);
}
END_TEST

START_TEST(ends_close_together_share_a_look_and_ends_apart_do_not)
{
	struct hg__pace jobs[2];
	const struct hg__pace *list[2] = { &jobs[0], &jobs[1] };
	static const struct {
		int64_t first_ms, second_ms, lo_ms, hi_ms;
	} cases[] = {
		{ 10000, 10200, 10000, 10800 },
		{ 10000, 19000, 9700, 10800 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (int t = 50000; t <= 100000; t += 10000)
			for (int j = 0; j < 2; j++) {
				int64_t left = j ? cases[i].second_ms :
						   cases[i].first_ms;

				if (t == 50000)
					hg__pace_init(&jobs[j], 0, NULL);
				hg__pace_report(&jobs[j], &(struct hg__report){
					.now_ms = t,
					.remaining_ms = 100000 - t + left,
					.retry_after_ms = -1 });
			}
		env.now_ms = 100000;
		hg__pace_next_many(list, 2, &env, &step);
		ck_assert_int_ge(step.ms, cases[i].lo_ms);
		ck_assert_int_le(step.ms, cases[i].hi_ms);
	}
}
END_TEST

START_TEST(whatever_is_reported_the_step_is_sane)
{
	static const int64_t etas[] = { 0, 1, 999, 60000, 86400000000,
					INT64_MAX, HG__ETA_NULL,
					HG__ETA_UNKNOWN };
	const struct hg__pace *list[] = { &pace, &pace, &pace };
	uint32_t random = 1;
	int64_t t = 0;

	for (int i = 0; i < 3000; i++) {
		random = random * 1664525 + 1013904223;
		t += (random >> 8) % 5 ? (random >> 16) % 3000 : 0;
		report(t, etas[(random >> 4) % COUNT(etas)]);
		hg__pace_next(&pace, &env, &step);
		ck_assert_int_ge(step.ms, 300);
		ck_assert_int_le(step.ms, 86400000);
		hg__pace_next_many(list, 3, &env, &step);
		ck_assert_int_ge(step.ms, 300);
		ck_assert_int_le(step.ms, 86400000);
		hg__pace_after_hold(&pace, &env, &step);
		ck_assert_int_ge(step.ms, 0);
		ck_assert_int_le(step.ms, t > 300 ? t : 300);
	}
}
END_TEST

START_TEST(a_clock_behind_the_submission_is_no_age)
{
	hg__pace_moved_start(&pace, 5000);
	report(1000, HG__ETA_UNKNOWN);
	ck_assert_int_eq(next("cold"), 1000);
	ck_assert_int_eq(hg__pace_lo_ms(&pace), 0);
	report(9000, HG__ETA_UNKNOWN);
	ck_assert_int_eq(hg__pace_lo_ms(&pace), 4000);
}
END_TEST

START_TEST(profiles_are_prices)
{
	ck_assert_double_eq(hg__profile_price(HG_BALANCED), 1);
	ck_assert_double_eq(hg__profile_price(HG_COST), 0.1);
	ck_assert_double_eq(hg__profile_price(HG_LATENCY), 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tcase = tcase_create("pace");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, with_no_hint_the_first_look_comes_after_a_second);
	tcase_add_test(tcase, with_no_hint_the_steps_are_the_root_of_twice_the_time);
	tcase_add_test(tcase, a_first_eta_is_slept_on_for_the_most_part);
	tcase_add_test(tcase, a_near_end_is_aimed_just_beyond);
	tcase_add_test(tcase, an_eta_that_falls_as_time_passes_is_trusted_more);
	tcase_add_test(tcase, an_eta_that_falls_too_fast_is_shortened_by_its_slope);
	tcase_add_test(tcase, an_eta_of_an_hour_may_claim_a_minute_and_then_double_the_time);
	tcase_add_test(tcase, an_eta_that_stopped_is_asked_for_ever_more_rarely);
	tcase_add_test(tcase, no_sleep_is_shorter_than_the_floor);
	tcase_add_test(tcase, a_null_eta_is_none_and_steps_stay_under_a_minute);
	tcase_add_test(tcase, retry_after_stands_in_for_an_eta_that_is_not_told);
	tcase_add_test(tcase, reports_in_whole_seconds_close_together_judge_nothing);
	tcase_add_test(tcase, the_last_look_falls_just_before_the_deadline);
	tcase_add_test(tcase, a_learnt_plan_is_followed_and_released);
	tcase_add_test(tcase, an_unconfirmed_estimate_is_trusted_as_far_as_jobs_like_it_took);
	tcase_add_test(tcase, after_a_hold_r_by_1_3_is_slept_but_never_more_than_was_waited);
	tcase_add_test(tcase, a_hold_is_shorter_by_a_little_chance_and_ends_before_the_deadline);
	tcase_add_test(tcase, the_hazards_of_many_jobs_add);
	tcase_add_test(tcase, ends_close_together_share_a_look_and_ends_apart_do_not);
	tcase_add_test(tcase, whatever_is_reported_the_step_is_sane);
	tcase_add_test(tcase, a_clock_behind_the_submission_is_no_age);
	tcase_add_test(tcase, profiles_are_prices);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
