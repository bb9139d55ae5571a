#include "client/retry.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MOST 0xffffffffu		/* the worst of random numbers */
#define NOV_6_1994 784111777000		/* 08:49:37, the RFC's example */

START_TEST(each_status_is_judged_as_the_manual_says)
{
	static const struct {
		int status;
		hg_err err;
		bool retry;
	} cases[] = {
		{ 200, HG_OK, false }, { 202, HG_OK, false },
		{ 304, HG_OK, false }, { 302, HG_EPROTOCOL, false },
		{ 400, HG_EREJECTED, false }, { 401, HG_EAUTH, false },
		{ 402, HG_EREJECTED, false }, { 403, HG_EAUTH, false },
		{ 404, HG_ENOTFOUND, false }, { 405, HG_EUNSUPPORTED, false },
		{ 406, HG_EUNSUPPORTED, false }, { 408, HG_EUNAVAILABLE, true },
		{ 409, HG_ESTATE, false }, { 410, HG_EGONE, false },
		{ 413, HG_EREJECTED, false }, { 415, HG_EREJECTED, false },
		{ 422, HG_EREJECTED, false }, { 425, HG_EUNAVAILABLE, true },
		{ 429, HG_ERATELIMIT, true }, { 500, HG_EUNAVAILABLE, true },
		{ 501, HG_EUNAVAILABLE, false }, { 502, HG_EUNAVAILABLE, true },
		{ 503, HG_EUNAVAILABLE, true }, { 504, HG_EUNAVAILABLE, true },
		{ 100, HG_EPROTOCOL, false }, { 0, HG_EPROTOCOL, false },
		{ 999, HG_EPROTOCOL, false }, { -7, HG_EPROTOCOL, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct hg__verdict v = hg__judge_status(cases[i].status);

		ck_assert_msg(v.err == cases[i].err &&
			      v.retry == cases[i].retry, "%d", cases[i].status);
		ck_assert_msg(v.wait_hint == (cases[i].status == 429 ||
					      cases[i].status == 503),
			      "%d", cases[i].status);
	}
}
END_TEST

START_TEST(every_trouble_on_the_way_has_a_code_and_only_ours_is_final)
{
	for (int t = HG__TROUBLE_NONE + 1; t < HG__TROUBLES; t++)
		ck_assert_int_ne(hg__judge_trouble(t).err, HG_OK);
	ck_assert(hg__judge_trouble(HG__TROUBLE_CONNECT).retry);
	ck_assert(hg__judge_trouble(HG__TROUBLE_RESET).retry);
	ck_assert(hg__judge_trouble(HG__TROUBLE_TIMEOUT).retry);
	ck_assert(!hg__judge_trouble(HG__TROUBLE_CERTIFICATE).retry);
	ck_assert(!hg__judge_trouble(HG__TROUBLE_MEMORY).retry);
}
END_TEST

START_TEST(backoff_doubles_from_a_quarter_second_to_ten_with_full_jitter)
{
	static const int64_t most[] = { 250, 500, 1000, 2000, 4000, 8000,
					10000, 10000 };

	for (unsigned i = 0; i < COUNT(most); i++) {
		ck_assert_int_eq(hg__backoff_ms(i + 1, MOST), most[i]);
		ck_assert_int_eq(hg__backoff_ms(i + 1, 0), 0);
		ck_assert_int_le(llabs(hg__backoff_ms(i + 1, 1u << 31) -
				       most[i] / 2), 1);
	}
	ck_assert_int_eq(hg__backoff_ms(4000000000u, MOST), 10000);
}
END_TEST

START_TEST(retry_after_is_seconds_or_one_of_three_dates)
{
	static const struct {
		const char *value;
		int64_t ms;
	} cases[] = {
		{ "0", 0 }, { "3", 3000 }, { " 120 \t", 120000 },
		{ "99999999999999999999999", 86400000 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 5000 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 5000 },
		{ "Sun Nov  6 08:49:37 1994", 5000 },
		{ "Sun, 06 Nov 1994 08:49:31 GMT", 0 },
		{ "Thu, 31 Dec 2099 23:59:59 GMT", 86400000 },
		{ "", -1 }, { " ", -1 }, { "-1", -1 }, { "1.5", -1 },
		{ "5s", -1 }, { "soon", -1 }, { "0x10", -1 }, { "+5", -1 },
		{ "Sun", -1 }, { "Sunday", -1 }, { "Sunda", -1 },
		{ "Sun, 06 Nov 1994 08:49:37", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 CET", -1 },
		{ "Sun, 31 Feb 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
		{ "Sun, 06 Noe 1994 08:49:37 GMT", -1 },
		{ "Wednesday, 06-Nov-94 08:49", -1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_msg(hg__retry_after_ms(cases[i].value,
						 NOV_6_1994 - 5000) ==
			      cases[i].ms, "%s", cases[i].value);
}
END_TEST

START_TEST(http_dates_are_counted_with_leap_years)
{
	ck_assert_int_eq(hg__http_date_ms("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
	ck_assert_int_eq(hg__http_date_ms("Tue, 29 Feb 2000 12:00:00 GMT"),
			 951825600000);
	ck_assert_int_eq(hg__http_date_ms("Sun, 22 Nov 2026 17:38:14 GMT"),
			 1795369094000);
	ck_assert_int_eq(hg__http_date_ms("Fri, 01 Mar 2024 00:00:00 GMT"),
			 1709251200000);
}
END_TEST

START_TEST(retry_after_is_a_floor_cut_to_a_minute_and_to_the_deadline)
{
	ck_assert_int_eq(hg__retry_ms(1, -1, INT64_MAX, MOST), 250);
	ck_assert_int_eq(hg__retry_ms(1, 3000, INT64_MAX, MOST), 3000);
	ck_assert_int_eq(hg__retry_ms(6, 3000, INT64_MAX, MOST), 8000);
	ck_assert_int_eq(hg__retry_ms(1, 3600000, INT64_MAX, 0), 60000);
	ck_assert_int_eq(hg__retry_ms(1, 3600000, 700, 0), 700);
}
END_TEST

START_TEST(ten_retries_are_free_and_ten_successes_earn_another)
{
	struct hg__budget budget = { 0 };

	for (int i = 0; i < 10; i++)
		ck_assert(hg__budget_take(&budget));
	ck_assert(!hg__budget_take(&budget));
	for (int i = 0; i < 9; i++)
		hg__budget_success(&budget);
	ck_assert(!hg__budget_take(&budget));
	hg__budget_success(&budget);
	ck_assert(hg__budget_take(&budget));
	for (int i = 0; i < 1000; i++)
		hg__budget_success(&budget);
	for (int i = 0; i < 10; i++)
		ck_assert(hg__budget_take(&budget));
	ck_assert(!hg__budget_take(&budget));
}
END_TEST

START_TEST(five_failures_in_a_row_open_the_breaker_and_one_probe_decides)
{
	struct hg__breaker b = { 0 };

	for (int i = 0; i < 4; i++)
		hg__breaker_failure(&b, 0, 0);
	hg__breaker_success(&b);
	for (int i = 0; i < 4; i++) {
		hg__breaker_failure(&b, 0, 0);
		ck_assert(hg__breaker_allow(&b, 0));
	}
	hg__breaker_failure(&b, 1000, 0);
	ck_assert(!hg__breaker_allow(&b, 1000));
	ck_assert_int_eq(hg__breaker_wait_ms(&b, 1000), 10000);
	ck_assert(!hg__breaker_allow(&b, 10999));
	ck_assert(hg__breaker_allow(&b, 11000));
	ck_assert_msg(!hg__breaker_allow(&b, 11000), "one probe only");
	hg__breaker_failure(&b, 11000, MOST);
	ck_assert_int_eq(hg__breaker_wait_ms(&b, 11000), 30000);
	ck_assert(hg__breaker_allow(&b, 41000));
	hg__breaker_success(&b);
	ck_assert(hg__breaker_allow(&b, 41000));
	ck_assert_int_eq(hg__breaker_wait_ms(&b, 41000), 0);
}
END_TEST

START_TEST(a_probe_that_was_interrupted_may_be_repeated)
{
	struct hg__breaker b = { 0 };

	for (int i = 0; i < 5; i++)
		hg__breaker_failure(&b, 0, 0);
	ck_assert(hg__breaker_allow(&b, 10000));
	hg__breaker_undecided(&b);
	ck_assert(hg__breaker_allow(&b, 10000));
}
END_TEST

START_TEST(late_failures_do_not_prolong_an_open_breaker)
{
	struct hg__breaker b = { 0 };

	for (int i = 0; i < 5; i++)
		hg__breaker_failure(&b, 0, 0);
	hg__breaker_failure(&b, 9000, MOST);
	ck_assert_int_eq(hg__breaker_wait_ms(&b, 9000), 1000);
}
END_TEST

START_TEST(a_stream_is_reopened_after_one_second_then_two_up_to_thirty)
{
	static const int64_t most[] = { 1000, 2000, 4000, 8000, 16000, 30000,
					30000 };
	struct hg__reconnect r = { 0 };

	for (unsigned i = 0; i < COUNT(most); i++)
		ck_assert_int_eq(hg__reconnect_down(&r, 0, MOST), most[i]);
	ck_assert_uint_eq(r.failures, COUNT(most));
}
END_TEST

START_TEST(a_stream_that_held_for_a_minute_starts_afresh)
{
	struct hg__reconnect r = { 0 };

	hg__reconnect_down(&r, 0, MOST);
	hg__reconnect_down(&r, 0, MOST);
	hg__reconnect_up(&r, 1000);
	ck_assert_int_eq(hg__reconnect_down(&r, 60999, MOST), 4000);
	hg__reconnect_up(&r, 100000);
	ck_assert_int_eq(hg__reconnect_down(&r, 160000, MOST), 1000);
	ck_assert_uint_eq(r.failures, 1);
}
END_TEST

START_TEST(a_stream_that_we_left_is_no_failure_and_is_not_up)
{
	struct hg__reconnect r = { 0 };

	hg__reconnect_down(&r, 0, MOST);
	hg__reconnect_up(&r, 1000);
	hg__reconnect_left(&r, 60999);
	ck_assert(!r.up);
	ck_assert_uint_eq(r.failures, 1);
	hg__reconnect_left(&r, 61000);	/* it was over before */
	ck_assert_uint_eq(r.failures, 1);
	hg__reconnect_up(&r, 100000);
	hg__reconnect_left(&r, 160000);
	ck_assert(!r.up);
	ck_assert_uint_eq(r.failures, 0);
}
END_TEST

START_TEST(what_the_server_said_of_reconnecting_is_a_floor)
{
	struct hg__reconnect r = { 0 };

	hg__reconnect_told(&r, 2000);
	ck_assert_int_eq(hg__reconnect_down(&r, 0, 0), 2000);
	ck_assert_int_eq(hg__reconnect_down(&r, 0, MOST), 4000);
	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(hg__reconnect_down(&r, 0, 0), 2000);
	ck_assert_int_eq(hg__reconnect_down(&r, 0, MOST), 30000);
	hg__reconnect_told(&r, INT64_MAX);
	ck_assert_int_le(hg__reconnect_down(&r, 0, 0), 60000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("retry");
	TCase *tcase = tcase_create("retry");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, each_status_is_judged_as_the_manual_says);
	tcase_add_test(tcase, every_trouble_on_the_way_has_a_code_and_only_ours_is_final);
	tcase_add_test(tcase, backoff_doubles_from_a_quarter_second_to_ten_with_full_jitter);
	tcase_add_test(tcase, retry_after_is_seconds_or_one_of_three_dates);
	tcase_add_test(tcase, http_dates_are_counted_with_leap_years);
	tcase_add_test(tcase, retry_after_is_a_floor_cut_to_a_minute_and_to_the_deadline);
	tcase_add_test(tcase, ten_retries_are_free_and_ten_successes_earn_another);
	tcase_add_test(tcase, five_failures_in_a_row_open_the_breaker_and_one_probe_decides);
	tcase_add_test(tcase, a_probe_that_was_interrupted_may_be_repeated);
	tcase_add_test(tcase, late_failures_do_not_prolong_an_open_breaker);
	tcase_add_test(tcase, a_stream_is_reopened_after_one_second_then_two_up_to_thirty);
	tcase_add_test(tcase, a_stream_that_held_for_a_minute_starts_afresh);
	tcase_add_test(tcase, a_stream_that_we_left_is_no_failure_and_is_not_up);
	tcase_add_test(tcase, what_the_server_said_of_reconnecting_is_a_floor);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
