#include "worker/simulation.h"

#include "core/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct order_settings settings;

static void setup(void)
{
	settings = (struct order_settings){
		.seed = 42, .mean_ms = 20000, .sigma = 0.8, .min_ms = 10000,
		.max_ms = 30000, .error_rate = 0.1, .eta_error = 0.2,
		.time_scale = 1, .progress_interval_ms = 1000,
		.distribution = DISTRIBUTION_UNIFORM
	};
}

static struct plan plan_of(struct order_run run)
{
	struct plan plan;

	if (run.attempt == 0)
		run.attempt = 1;
	simulation_plan(&settings, &run, &plan);
	ck_assert_int_ge(plan.total_ms, 1);
	ck_assert(0 <= plan.from && plan.from <= plan.until &&
		  plan.until <= 1);
	ck_assert(plan.error ? true : plan.until == 1);
	return plan;
}

/* --- how long ------------------------------------------------------------- */

START_TEST(a_drawn_duration_is_clamped_and_a_given_one_is_exact)
{
	struct order_run given = {
		.simulate_given = SIMULATE_DURATION, .duration_ms = 123456
	};

	for (uint64_t key = 0; key < 1000; key++) {
		struct plan plan = plan_of((struct order_run){ .key = key });

		ck_assert_int_ge(plan.total_ms, 10000);
		ck_assert_int_le(plan.total_ms, 30000);
	}
	ck_assert_int_eq(plan_of(given).total_ms, 123456);
}
END_TEST

START_TEST(the_time_scale_divides_and_leaves_at_least_a_millisecond)
{
	struct order_run given = {
		.simulate_given = SIMULATE_DURATION, .duration_ms = 60000
	};
	int64_t drawn = plan_of((struct order_run){ .key = 1 }).total_ms;

	settings.time_scale = 60;
	ck_assert_int_eq(plan_of(given).total_ms, 1000);
	ck_assert_int_le(llabs(plan_of((struct order_run){ .key = 1 }).total_ms -
			       llround(drawn / 60.0)), 1);
	settings.time_scale = 1e6;
	ck_assert_int_eq(plan_of(given).total_ms, 1);
	settings.time_scale = 0.001;
	given.duration_ms = JOB_MS_MAX;
	ck_assert_int_eq(plan_of(given).total_ms, JOB_MS_MAX);
}
END_TEST

/* --- how it ends ---------------------------------------------------------- */

#define GIVEN(what) SIMULATE_##what
static const struct {
	double rate;			/* the settings' */
	struct order_run run;
	int fails;			/* of 1000 runs, about */
} endings[] = {
	{ 0.0, { .attempt = 1 }, 0 },
	{ 1.0, { .attempt = 1 }, 1000 },
	{ 0.3, { .attempt = 1 }, 300 },
	{ 1.0, { .attempt = 1, .simulate_given = GIVEN(ERROR_RATE) }, 0 },
	{ 0.0, { .attempt = 1, .simulate_given = GIVEN(ERROR_RATE),
		 .error_rate = 1 }, 1000 },
	{ 0.0, { .attempt = 1, .simulate_given = GIVEN(ERROR_RATE),
		 .error_rate = 0.7 }, 700 },
	{ 0.0, { .attempt = 1, .simulate_given = GIVEN(FAIL_AT),
		 .fail_at = 0.5 }, 1000 },
	{ 1.0, { .attempt = 1, .fail_at = 0.5,
		 .simulate_given = GIVEN(FAIL_AT) | GIVEN(ERROR_RATE) }, 0 },
	{ 1.0, { .attempt = 3, .fail_attempts = 2,
		 .simulate_given = GIVEN(FAIL_ATTEMPTS) }, 0 },
	{ 0.0, { .attempt = 2, .fail_attempts = 2,
		 .simulate_given = GIVEN(FAIL_ATTEMPTS) }, 1000 },
	{ 1.0, { .attempt = 1, .fail_attempts = 0,
		 .simulate_given = GIVEN(FAIL_ATTEMPTS) }, 0 },
	{ 0.0, { .attempt = 1, .fail_attempts = 1, .error_rate = 0,
		 .simulate_given = GIVEN(FAIL_ATTEMPTS) | GIVEN(ERROR_RATE) },
	  1000 },
	{ 0.0, { .attempt = 2, .fail_attempts = 1, .fail_at = 0.5,
		 .simulate_given = GIVEN(FAIL_ATTEMPTS) | GIVEN(FAIL_AT) }, 0 },
};

START_TEST(as_many_runs_fail_as_were_asked_for)
{
	struct order_run run = endings[_i].run;
	int fails = 0, want = endings[_i].fails;
	bool exact = want == 0 || want == 1000;

	settings.error_rate = endings[_i].rate;
	for (run.key = 0; run.key < 1000; run.key++)
		fails += plan_of(run).error != ERROR_NONE;
	ck_assert_msg(abs(fails - want) <= (exact ? 0 : 60), "%d, not %d",
		      fails, want);
}
END_TEST

START_TEST(a_failure_lies_where_it_was_put)
{
	struct order_run run = { .simulate_given = SIMULATE_FAIL_AT };
	static const double places[] = { 0, 0.1, 0.5, 0.999, 1 };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		run.fail_at = places[i];
		ck_assert_double_eq(plan_of(run).until, places[i]);
	}
	run.fail_at = 0.2;
	run.progress = 0.6;		/* the job was edited while it waited */
	ck_assert_double_eq(plan_of(run).until, 0.6);
}
END_TEST

START_TEST(errors_fit_the_stage_they_happen_in)
{
	static const struct {
		double at;
		enum job_error error;
	} fits[] = {
		{ 0.00, ERROR_DOWNLOAD_FAILED }, { 0.09, ERROR_DOWNLOAD_FAILED },
		{ 0.10, ERROR_AUDIO_INVALID }, { 0.24, ERROR_AUDIO_INVALID },
		{ 0.25, ERROR_TRANSLATION_FAILED },
		{ 0.44, ERROR_TRANSLATION_FAILED },
	};
	struct order_run run = { .simulate_given = SIMULATE_FAIL_AT };

	for (size_t i = 0; i < sizeof(fits) / sizeof(*fits); i++)
		for (run.key = 0; run.key < 100; run.key++) {
			run.fail_at = fits[i].at;
			ck_assert_int_eq(plan_of(run).error, fits[i].error);
		}
}
END_TEST

START_TEST(a_run_that_goes_on_has_the_plan_it_had)
{
	settings.error_rate = 0.5;
	for (uint64_t key = 0; key < 200; key++) {
		struct plan whole = plan_of((struct order_run){ .key = key });
		struct plan rest = plan_of((struct order_run){
			.key = key, .progress = whole.until / 2 });

		ck_assert_int_eq(rest.total_ms, whole.total_ms);
		ck_assert_int_eq(rest.error, whole.error);
		ck_assert_double_eq(rest.until, whole.until);
		ck_assert_double_eq(rest.eta_error, whole.eta_error);
	}
}
END_TEST

/* --- where it is when ----------------------------------------------------- */

START_TEST(stages_begin_where_the_one_before_has_had_its_share)
{
	for (int stage = STAGE_DOWNLOAD; stage < JOB_STAGES; stage++) {
		double begin = simulation_stage_begin(stage);
		double end = simulation_stage_begin(stage + 1);

		ck_assert(begin < end);
		ck_assert_int_eq(simulation_stage(begin), stage);
		ck_assert_int_eq(simulation_stage(nextafter(end, 0)), stage);
	}
	ck_assert_double_eq(simulation_stage_begin(STAGE_DOWNLOAD), 0);
	ck_assert_int_eq(simulation_stage(1), STAGE_RENDER);
}
END_TEST

START_TEST(round_shares_of_round_durations_are_exact)
{
	struct plan plan = { .total_ms = 1000, .until = 1 };

	for (int i = 0; i <= 1000; i++) {
		ck_assert_int_eq(simulation_instant(&plan, i / 1000.0), i);
		ck_assert_double_eq_tol(simulation_progress(&plan, i),
					i / 1000.0, 1e-12);
	}
	plan.from = 0.3;
	ck_assert_int_eq(simulation_instant(&plan, 0.7), 400);
	ck_assert_int_eq(simulation_instant(&plan, 0.1), 0);
	ck_assert_double_eq(simulation_progress(&plan, -5), 0.3);
	ck_assert_double_eq(simulation_progress(&plan, 5000), 1);
}
END_TEST

START_TEST(every_plan_runs_through_its_stages_to_its_end)
{
	struct order_run run = { .attempt = 1 };

	settings.error_rate = 0.5;
	for (run.key = 0; run.key < 500; run.key++) {
		enum job_stage stage;
		struct plan plan;
		int64_t instant, last = 0;

		run.progress = run.key % 3 * 0.3;
		settings.time_scale = run.key % 2 ? 10000 : 1;
		plan = plan_of(run);
		stage = simulation_stage(plan.from);
		while (simulation_next(&plan, stage, &instant)) {
			stage++;
			ck_assert_int_ge(instant, last);
			ck_assert(simulation_progress(&plan, instant) >=
				  simulation_stage_begin(stage) - 1e-9);
			last = instant;
		}
		ck_assert_int_ge(instant, last);
		ck_assert_int_eq(stage, simulation_stage(plan.until));
		ck_assert_double_eq_tol(simulation_progress(&plan, instant),
					plan.until, 1e-9);
	}
}
END_TEST

/* --- the estimate --------------------------------------------------------- */

START_TEST(the_estimate_errs_within_bounds_and_not_at_the_end)
{
	double least = 1, most = -1;

	for (uint64_t key = 0; key < 1000; key++) {
		struct plan plan = plan_of((struct order_run){ .key = key });

		ck_assert(fabs(plan.eta_error) <= settings.eta_error);
		least = fmin(least, plan.eta_error);
		most = fmax(most, plan.eta_error);
		for (double p = 0; p < 1; p += 0.01) {
			double left = plan.total_ms * (1 - p);
			double off = simulation_remaining_ms(&plan, p) - left;

			ck_assert(fabs(off) <= left * 0.2 * (1 - p) + 0.5);
		}
		ck_assert_int_eq(simulation_remaining_ms(&plan, 1), 0);
	}
	ck_assert(least < -0.19 && most > 0.19);
}
END_TEST

START_TEST(an_estimate_is_never_negative_and_exact_without_error)
{
	struct plan plan = { .total_ms = 1000, .until = 1, .eta_error = -9 };

	ck_assert_int_eq(simulation_remaining_ms(&plan, 0.5), 0);
	plan.eta_error = 0;
	plan.until = 0.6;		/* it fails there, and nobody knows */
	plan.error = ERROR_AUDIO_INVALID;
	ck_assert_int_eq(simulation_remaining_ms(&plan, 0.5), 500);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("simulation");
	TCase *tcase = tcase_create("simulation");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_drawn_duration_is_clamped_and_a_given_one_is_exact);
	tcase_add_test(tcase, the_time_scale_divides_and_leaves_at_least_a_millisecond);
	tcase_add_loop_test(tcase, as_many_runs_fail_as_were_asked_for, 0,
			    sizeof(endings) / sizeof(*endings));
	tcase_add_test(tcase, a_failure_lies_where_it_was_put);
	tcase_add_test(tcase, errors_fit_the_stage_they_happen_in);
	tcase_add_test(tcase, a_run_that_goes_on_has_the_plan_it_had);
	tcase_add_test(tcase, stages_begin_where_the_one_before_has_had_its_share);
	tcase_add_test(tcase, round_shares_of_round_durations_are_exact);
	tcase_add_test(tcase, every_plan_runs_through_its_stages_to_its_end);
	tcase_add_test(tcase, the_estimate_errs_within_bounds_and_not_at_the_end);
	tcase_add_test(tcase, an_estimate_is_never_negative_and_exact_without_error);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
