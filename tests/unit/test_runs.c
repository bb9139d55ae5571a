#include "worker/runs.h"

#include "core/random.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static struct runs runs;
static struct order_settings settings;
static struct record records[CHANNEL_BATCH];

static void setup(void)
{
	runs_init(&runs);
	settings = (struct order_settings){
		.seed = 42, .mean_ms = 20000, .min_ms = 10000,
		.max_ms = 30000, .time_scale = 1, .progress_interval_ms = 100,
		.distribution = DISTRIBUTION_UNIFORM
	};
}

static void teardown(void)
{
	runs_free(&runs);
}

static struct order order_of(int64_t job_seq, uint32_t slot)
{
	return (struct order){
		.kind = ORDER_RUN, .run = 1, .slot = slot, .job_seq = job_seq,
		.start = { .attempt = 1, .simulate_given = SIMULATE_DURATION,
			   .duration_ms = 1000 }
	};
}

static int start(int64_t job_seq, uint32_t slot, int64_t now_ms)
{
	struct order order = order_of(job_seq, slot);

	return runs_start(&runs, &settings, &order, now_ms);
}

static void let_pass(int64_t now_ms)
{
	while (runs_due(&runs) <= now_ms)
		runs_step(&runs, now_ms);
}

/* What is told when this many records can be sent; all of them are checked
 * as the daemon would. */
static unsigned told(unsigned room)
{
	static struct record_packet packet;
	struct runs_telling telling;
	unsigned count = runs_collect(&runs, records, room, &telling);

	runs_told(&runs, &telling);
	for (unsigned i = 0; i < count; i++)
		packet.records[i] = records[i];
	packet.header = (struct packet_header){ CHANNEL_MAGIC, count,
						sizeof(*records) };
	if (count > 0)
		ck_assert_int_eq(channel_check_records(&packet,
				 sizeof(packet.header) +
				 count * sizeof(*records)), count);
	return count;
}

START_TEST(what_cannot_be_sent_is_told_later_and_unchanged)
{
	struct runs_telling telling;
	struct record again[CHANNEL_BATCH];

	ck_assert_int_eq(start(7, 3, 1000), 0);
	let_pass(1250);
	ck_assert_uint_eq(runs_collect(&runs, again, CHANNEL_BATCH, &telling),
			  3);
	ck_assert_uint_eq(told(CHANNEL_BATCH), 3);
	ck_assert_mem_eq(records, again, 3 * sizeof(*again));
	ck_assert_int_eq(records[0].at_ms, 1000);
	ck_assert_int_eq(records[1].stage, STAGE_TRANSCRIBE);
	ck_assert_int_eq(records[2].at_ms, 1250);
	ck_assert(runs_all_told(&runs));
	ck_assert_uint_eq(told(CHANNEL_BATCH), 0);
}
END_TEST

START_TEST(of_ticks_that_wait_only_the_latest_is_told)
{
	start(7, 3, 1000);
	told(CHANNEL_BATCH);
	for (int64_t now_ms = 1260; now_ms < 1450; now_ms++)
		let_pass(now_ms);
	ck_assert_uint_eq(told(CHANNEL_BATCH), 3);
	ck_assert_int_eq(records[2].at_ms, 1400);
	ck_assert_double_eq_tol(records[2].progress, 0.4, 1e-12);
}
END_TEST

START_TEST(one_record_at_a_time_tells_the_whole_story)
{
	static const int64_t instants[] = {
		0, 100, 250, 450, 700, 900, 1000
	};

	start(7, 3, 1000);
	let_pass(5000);
	ck_assert_uint_eq(runs_running(&runs), 0);
	for (size_t i = 0; i < sizeof(instants) / sizeof(*instants); i++) {
		ck_assert(!runs_all_told(&runs));
		ck_assert_int_eq(start(8, 3, 5000), -EEXIST);
		ck_assert_uint_eq(told(1), 1);
		ck_assert_int_eq(records[0].at_ms, 1000 + instants[i]);
	}
	ck_assert_int_eq(records[0].kind, RECORD_COMPLETED);
	ck_assert(runs_all_told(&runs));
	ck_assert_int_eq(start(8, 3, 5000), 0);
}
END_TEST

START_TEST(who_waits_longest_is_told_first)
{
	for (int i = 0; i < 200; i++)
		start(1000 - i, i, i);
	for (int i = 0; i < 200; i += 50) {
		ck_assert_uint_eq(told(50), 50);
		for (int j = 0; j < 50; j++)
			ck_assert_uint_eq(records[j].slot, i + j);
	}
	ck_assert(runs_all_told(&runs));
}
END_TEST

START_TEST(a_stopped_run_leaves_no_trace)
{
	struct order stop = order_of(2, 1), other = stop;

	for (int i = 0; i < 3; i++)
		start(i + 1, i, 0);
	other.run++;
	runs_stop(&runs, &other);	/* of another run: nothing */
	other.slot = 5000;
	runs_stop(&runs, &other);	/* of a slot never used */
	ck_assert_uint_eq(runs_running(&runs), 3);
	runs_stop(&runs, &stop);
	runs_stop(&runs, &stop);
	ck_assert_uint_eq(runs_running(&runs), 2);
	ck_assert_uint_eq(told(CHANNEL_BATCH), 2);
	ck_assert(records[0].job_seq == 1 && records[1].job_seq == 3);
	let_pass(10000);
	for (unsigned i = 0, n = told(CHANNEL_BATCH); i < n; i++)
		ck_assert(records[i].job_seq != 2);
}
END_TEST

START_TEST(the_next_change_is_the_first_of_any_run)
{
	ck_assert(runs_change_due(&runs) == TIMERS_NONE);
	start(1, 0, 0);
	start(2, 1, 50);
	ck_assert_int_eq(runs_change_due(&runs), 100);
	let_pass(100);
	ck_assert_int_eq(runs_change_due(&runs), 150);
	let_pass(5000);
	ck_assert(runs_change_due(&runs) == TIMERS_NONE);
	ck_assert(runs_due(&runs) == TIMERS_NONE);
}
END_TEST

START_TEST(a_run_that_would_overtake_others_is_noticed)
{
	start(1, 0, 0);
	start(2, 1, 0);
	/* run 1 changes at 100 and is marked already, before run 2 */
	ck_assert(runs_would_overtake(&runs));
	told(CHANNEL_BATCH);
	ck_assert(!runs_would_overtake(&runs));
}
END_TEST

START_TEST(ticks_share_wake_ups_unless_they_are_too_close_for_that)
{
	runs.grain_ms = 10;
	start(1, 0, 1003);
	told(CHANNEL_BATCH);
	let_pass(1104);
	ck_assert_uint_eq(told(CHANNEL_BATCH), 1);	/* a stage is exact */
	ck_assert_int_eq(records[0].at_ms, 1103);
	let_pass(1109);
	ck_assert_uint_eq(told(CHANNEL_BATCH), 0);
	let_pass(1110);
	ck_assert_uint_eq(told(CHANNEL_BATCH), 1);
	ck_assert_int_eq(records[0].at_ms, 1110);
	ck_assert_double_eq_tol(records[0].progress, 0.107, 1e-12);
	settings.progress_interval_ms = 99;
	start(2, 1, 1003);
	told(CHANNEL_BATCH);
	let_pass(1003 + 99);
	ck_assert_uint_eq(told(CHANNEL_BATCH), 1);
	ck_assert_int_eq(records[0].at_ms, 1003 + 99);
}
END_TEST

START_TEST(a_slot_is_found_again_wherever_it_lies)
{
	for (uint32_t i = 0; i < 2000; i++)
		ck_assert_int_eq(start(i, i * 4096, 0), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		struct order stop = order_of(i, i * 4096);

		ck_assert_int_eq(start(9, i * 4096, 0), -EEXIST);
		if (i % 3 == 0)
			runs_stop(&runs, &stop);
	}
	for (uint32_t i = 0; i < 2000; i++)
		ck_assert_int_eq(start(i, i * 4096, 0),
				 i % 3 == 0 ? 0 : -EEXIST);
	ck_assert_uint_eq(runs_running(&runs), 2000);
}
END_TEST

START_TEST(a_hundred_thousand_runs_all_end_once)
{
	unsigned n = 100000, ended = 0;

	for (unsigned i = 0; i < n; i++)	/* slots of any kind */
		ck_assert_int_eq(start(i, i * 2654435761u, i % 1000), 0);
	let_pass(3000);
	for (unsigned count; (count = told(CHANNEL_BATCH)) > 0; )
		for (unsigned i = 0; i < count; i++)
			ended += records[i].kind == RECORD_COMPLETED;
	ck_assert_uint_eq(ended, n);
	ck_assert_uint_eq(runs.taken, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runs");
	TCase *tcase = tcase_create("runs");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_cannot_be_sent_is_told_later_and_unchanged);
	tcase_add_test(tcase, of_ticks_that_wait_only_the_latest_is_told);
	tcase_add_test(tcase, one_record_at_a_time_tells_the_whole_story);
	tcase_add_test(tcase, who_waits_longest_is_told_first);
	tcase_add_test(tcase, a_stopped_run_leaves_no_trace);
	tcase_add_test(tcase, the_next_change_is_the_first_of_any_run);
	tcase_add_test(tcase, a_run_that_would_overtake_others_is_noticed);
	tcase_add_test(tcase, ticks_share_wake_ups_unless_they_are_too_close_for_that);
	tcase_add_test(tcase, a_slot_is_found_again_wherever_it_lies);
	tcase_add_test(tcase, a_hundred_thousand_runs_all_end_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
