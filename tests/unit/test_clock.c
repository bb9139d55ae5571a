#include "core/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct {
	int64_t ms;
	const char *text;
} moments[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ 1, "1970-01-01T00:00:00.001Z" },
	{ 951782400000, "2000-02-29T00:00:00.000Z" },
	{ 951868800000, "2000-03-01T00:00:00.000Z" },
	{ -2203977600000, "1900-02-28T00:00:00.000Z" },
	{ -2203891200000, "1900-03-01T00:00:00.000Z" },
	{ 1795348831250, "2026-11-22T12:00:31.250Z" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z" },
	{ CLOCK_MIN_MS, "0000-01-01T00:00:00.000Z" },
	{ CLOCK_MAX_MS, "9999-12-31T23:59:59.999Z" },
};

START_TEST(a_moment_is_written_in_utc_and_read_back)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t ms = 42;

	ck_assert_str_eq(clock_format(moments[_i].ms, text), moments[_i].text);
	ck_assert(clock_parse(moments[_i].text, &ms));
	ck_assert_int_eq(ms, moments[_i].ms);
}
END_TEST

START_TEST(moments_outside_the_years_0000_to_9999_are_written_as_the_nearest)
{
	char text[CLOCK_TEXT_SIZE];

	ck_assert_str_eq(clock_format(INT64_MIN, text),
			 "0000-01-01T00:00:00.000Z");
	ck_assert_str_eq(clock_format(CLOCK_MIN_MS - 1, text),
			 "0000-01-01T00:00:00.000Z");
	ck_assert_str_eq(clock_format(INT64_MAX, text),
			 "9999-12-31T23:59:59.999Z");
	ck_assert_str_eq(clock_format(CLOCK_MAX_MS + 1, text),
			 "9999-12-31T23:59:59.999Z");
}
END_TEST

/* Against another implementation: the libc's, day by day. */
START_TEST(every_day_of_eight_centuries_is_written_as_the_libc_would)
{
	for (int64_t day = -150000; day < 150000; day++) {
		time_t seconds = (time_t)(day * 86400 + 3723);
		char text[CLOCK_TEXT_SIZE], expected[CLOCK_TEXT_SIZE];
		int64_t ms;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.004Z",
			 &tm);
		clock_format((int64_t)seconds * 1000 + 4, text);
		/* not one assertion each: that would be slow */
		if (strcmp(text, expected) != 0 || !clock_parse(text, &ms) ||
		    ms != (int64_t)seconds * 1000 + 4)
			ck_abort_msg("%s, but %s", text, expected);
	}
}
END_TEST

static const struct {
	const char *text, *same;
} spellings[] = {
	{ "2026-11-22T12:00:31Z", "2026-11-22T12:00:31.000Z" },
	{ "2026-11-22t12:00:31z", "2026-11-22T12:00:31.000Z" },
	{ "2026-11-22T12:00:31.2Z", "2026-11-22T12:00:31.200Z" },
	{ "2026-11-22T12:00:31.25Z", "2026-11-22T12:00:31.250Z" },
	{ "2026-11-22T12:00:31.2509999999999999999Z",
	  "2026-11-22T12:00:31.250Z" },
	{ "2026-11-22T12:00:31.9999Z", "2026-11-22T12:00:31.999Z" },
	{ "2026-11-22T12:00:31+00:00", "2026-11-22T12:00:31.000Z" },
	{ "2026-11-22T12:00:31-00:00", "2026-11-22T12:00:31.000Z" },
	{ "2026-11-22T12:00:31+05:30", "2026-11-22T06:30:31.000Z" },
	{ "2026-11-22T23:00:31-03:30", "2026-11-23T02:30:31.000Z" },
	{ "2026-12-31T23:59:59.5-23:59", "2027-01-01T23:58:59.500Z" },
	{ "2026-01-01T00:00:00+23:59", "2025-12-31T00:01:00.000Z" },
	{ "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z" },
	{ "2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z" },
	{ "1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z" },
	{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z" },
	{ "0000-01-01T00:00:00-00:01", "0000-01-01T00:01:00.000Z" },
	{ "9999-12-31T23:59:59.9999+00:00", "9999-12-31T23:59:59.999Z" },
};

START_TEST(any_rfc_3339_spelling_is_read)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t ms;

	ck_assert_msg(clock_parse(spellings[_i].text, &ms), "%s",
		      spellings[_i].text);
	ck_assert_str_eq(clock_format(ms, text), spellings[_i].same);
}
END_TEST

static const char *const malformed[] = {
	"", " ", "2026", "2026-11-22", "2026-11-22T12:00:31",
	"2026-11-22T12:00Z", "2026-11-22T12:00:31.Z", "2026-11-22T12:00:31.",
	"2026-11-22 12:00:31Z", "2026-11-22T12:00:31 Z",
	"2026-11-22T12:00:31Z ", " 2026-11-22T12:00:31Z",
	"2026-11-22T12:00:31Zjunk", "2026-11-22T12:00:31,5Z",
	"2026-13-22T12:00:31Z", "2026-00-22T12:00:31Z",
	"2026-11-31T12:00:31Z", "2026-11-00T12:00:31Z",
	"2026-02-29T12:00:31Z", "1900-02-29T12:00:31Z",
	"2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z",
	"2026-11-22T12:00:61Z", "2026-11-22T12:00:31+24:00",
	"2026-11-22T12:00:31+05:60", "2026-11-22T12:00:31+0530",
	"2026-11-22T12:00:31+05", "2026-11-22T12:00:31+5:30",
	"2026-11-22T12:00:31.5", "+026-11-22T12:00:31Z",
	"02026-11-22T12:00:31Z", "10000-01-01T00:00:00Z",
	"-001-01-01T00:00:00Z", "26-11-22T12:00:31Z",
	"2026-1-22T12:00:31Z", "2026-11-22T1:00:31Z",
	"2026-11-22T12:0x:31Z", "20261122T120031Z", "2026-W47-7T12:00:31Z",
	"1795348831", "now",
	/* moments beyond the years, by their offset or their leap second */
	"0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
	"9999-12-31T23:59:60Z",
};

START_TEST(nothing_else_is_read)
{
	int64_t ms = 42;

	ck_assert_msg(!clock_parse(malformed[_i], &ms), "%s", malformed[_i]);
	ck_assert_int_eq(ms, 42);
}
END_TEST

START_TEST(a_real_clock_goes_on)
{
	int64_t wall = clock_wall_ms(), mono = clock_mono_ms();
	struct timespec nap = { .tv_nsec = 2000000 };

	ck_assert(!clock_is_manual());
	ck_assert(wall / 1000 - (int64_t)time(NULL) < 2);
	clock_advance_to(wall + 3600000);	/* there is nothing to set */
	while (clock_mono_ms() == mono)
		nanosleep(&nap, NULL);
	ck_assert_int_gt(clock_mono_ms(), mono);
	ck_assert_int_lt(clock_wall_ms(), wall + 3600000);
}
END_TEST

START_TEST(a_manual_clock_stands_until_it_is_advanced_and_never_goes_back)
{
	int64_t real = clock_real_mono_ms();
	struct timespec nap = { .tv_nsec = 1000000 };

	clock_set_manual(5000);
	while (clock_real_mono_ms() == real)
		nanosleep(&nap, NULL);
	ck_assert(clock_is_manual());
	ck_assert_int_eq(clock_wall_ms(), 5000);
	ck_assert_int_eq(clock_mono_ms(), 5000);
	clock_advance_to(7000);
	ck_assert_int_eq(clock_wall_ms(), 7000);
	ck_assert_int_eq(clock_mono_ms(), 7000);
	clock_advance_to(6000);
	ck_assert_int_eq(clock_wall_ms(), 7000);
	ck_assert_int_gt(clock_real_wall_ms(), 7000);
}
END_TEST

static void *advance(void *arg)
{
	for (int64_t i = 0; i < 10000; i++) {
		int64_t before = clock_wall_ms();

		clock_advance_to(i * 2 + *(int *)arg);
		if (clock_wall_ms() < before)
			return arg;
	}
	return NULL;
}

START_TEST(two_threads_that_advance_it_never_turn_it_back)
{
	int odd = 1, even = 0;
	pthread_t thread;
	void *failed;

	clock_set_manual(0);
	ck_assert_int_eq(pthread_create(&thread, NULL, advance, &odd), 0);
	ck_assert_ptr_null(advance(&even));
	pthread_join(thread, &failed);
	ck_assert_ptr_null(failed);
	ck_assert_int_eq(clock_wall_ms(), 19999);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, a_moment_is_written_in_utc_and_read_back, 0,
			    COUNT(moments));
	tcase_add_test(tcase,
		       moments_outside_the_years_0000_to_9999_are_written_as_the_nearest);
	tcase_add_test(tcase,
		       every_day_of_eight_centuries_is_written_as_the_libc_would);
	tcase_add_loop_test(tcase, any_rfc_3339_spelling_is_read, 0,
			    COUNT(spellings));
	tcase_add_loop_test(tcase, nothing_else_is_read, 0, COUNT(malformed));
	tcase_add_test(tcase, a_real_clock_goes_on);
	tcase_add_test(tcase,
		       a_manual_clock_stands_until_it_is_advanced_and_never_goes_back);
	tcase_add_test(tcase, two_threads_that_advance_it_never_turn_it_back);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
