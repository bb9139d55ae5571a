#include "worker/timers.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define TIMERS 1000

static struct timers timers;
static struct timer timer[TIMERS];
static int64_t due[TIMERS];		/* what the heap should know; -1: not set */

static void setup(void)
{
	timers_init(&timers);
	memset(timer, 0, sizeof(timer));
	for (int i = 0; i < TIMERS; i++)
		due[i] = -1;
	ck_assert_int_eq(timers_reserve(&timers, TIMERS), 0);
}

static void teardown(void)
{
	timers_free(&timers);
}

/* The one that should be first, by looking at all of them; -1: none. */
static int expected(void)
{
	int first = -1;

	for (int i = 0; i < TIMERS; i++)
		if (due[i] >= 0 && (first < 0 || due[i] < due[first]))
			first = i;
	return first;
}

static void set(int i, int64_t due_ms)
{
	due[i] = due_ms;
	timers_set(&timers, &timer[i], due_ms, i);
}

static void clear(int i)
{
	due[i] = -1;
	timers_clear(&timers, &timer[i]);
}

static void check_first(void)
{
	int first = expected();

	if (first < 0) {
		ck_assert_ptr_null(timers_first(&timers));
		ck_assert(timers_due(&timers) == TIMERS_NONE);
	} else {
		ck_assert_ptr_eq(timers_first(&timers), &timer[first]);
		ck_assert_int_eq(timers_due(&timers), due[first]);
	}
}

START_TEST(an_empty_heap_has_nothing_due)
{
	check_first();
	timers_clear(&timers, &timer[0]);
	check_first();
}
END_TEST

START_TEST(timers_go_off_by_instant_and_then_by_order)
{
	for (int i = 0; i < TIMERS; i++)
		set(i * 37 % TIMERS, i % 10);
	for (int i = 0; i < TIMERS; i++) {
		struct timer *first = timers_first(&timers);

		check_first();
		clear(first - timer);
		ck_assert_uint_eq(first->place, 0);
	}
	check_first();
}
END_TEST

START_TEST(the_first_is_right_after_any_set_move_and_clear)
{
	unsigned state = _i + 1;

	for (int round = 0; round < 5000; round++) {
		int i = (state = state * 1103515245 + 12345) / 65536 % TIMERS;
		int what = (state = state * 1103515245 + 12345) / 65536 % 1000;

		if (what < 300)
			clear(i);
		else
			set(i, what);
		if (round % 10 == 0)
			check_first();
	}
	for (int i; (i = expected()) >= 0; ) {
		check_first();
		clear(i);
	}
	check_first();
}
END_TEST

START_TEST(room_grows_and_keeps_what_is_set)
{
	for (int i = 0; i < TIMERS; i++)
		set(i, TIMERS - i);
	ck_assert_int_eq(timers_reserve(&timers, 100000), 0);
	ck_assert_int_eq(timers_reserve(&timers, 5), 0);
	check_first();
	ck_assert_uint_eq(timers.count, TIMERS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timers");
	TCase *tcase = tcase_create("timers");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_empty_heap_has_nothing_due);
	tcase_add_test(tcase, timers_go_off_by_instant_and_then_by_order);
	tcase_add_loop_test(tcase, the_first_is_right_after_any_set_move_and_clear,
			    0, 10);
	tcase_add_test(tcase, room_grows_and_keeps_what_is_set);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
