#include "client/sse.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static char told[4096];		/* "type:data;" of each event */

static int note(void *user, const struct hg__sse_event *event)
{
	size_t n = strlen(told);

	(void)user;
	snprintf(told + n, sizeof(told) - n, "%s:%s;", event->type,
		 event->data);
	ck_assert_uint_eq(event->data_len, strlen(event->data));
	return !strcmp(event->data, "stop");
}

/* The same bytes in pieces of every size must say the same. */
static void expect(const char *bytes, const char *events, const char *id,
		   int64_t retry_ms)
{
	size_t n = strlen(bytes);

	for (size_t piece = 1; piece <= n; piece++) {
		struct hg__sse s = { 0 };

		told[0] = '\0';
		for (size_t at = 0; at < n; at += piece)
			ck_assert_int_eq(hg__sse_feed(&s, bytes + at,
				n - at < piece ? n - at : piece, note, NULL), 0);
		ck_assert_str_eq(told, events);
		ck_assert_str_eq(s.last_id, id);
		ck_assert_int_eq(s.retry_ms, retry_ms);
		hg__sse_free(&s);
	}
}

START_TEST(an_event_is_its_lines_up_to_an_empty_one)
{
	expect("id: 7\nevent: state\ndata: {}\n\n", "state:{};", "7", 0);
	expect("data:a\ndata: b\ndata\n\n", "message:a\nb\n;", "", 0);
	expect("event: x\n\ndata: 1\n\n", "message:1;", "", 0);
}
END_TEST

START_TEST(lines_end_in_any_of_three_ways)
{
	expect("data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n",
	       "message:1;message:2;message:3;", "", 0);
}
END_TEST

START_TEST(comments_and_unknown_fields_are_passed_over)
{
	expect(": hello\nfoo: bar\ndata: 1\n\n:\n\n", "message:1;", "", 0);
	expect("\xef\xbb\xbf""data: 1\n\n", "message:1;", "", 0);
}
END_TEST

START_TEST(half_an_event_is_never_told)
{
	expect("data: 1\n\ndata: 2\n", "message:1;", "", 0);
	expect("data: 1\n\nid: 9\ndata: 2", "message:1;", "", 0);
}
END_TEST

START_TEST(an_id_stays_until_another_comes)
{
	expect("id: 3\ndata: 1\n\ndata: 2\n\n", "message:1;message:2;", "3", 0);
	expect("id: 3\n\nid\ndata: 1\n\n", "message:1;", "", 0);
}
END_TEST

START_TEST(a_retry_is_digits_and_nothing_else)
{
	expect("retry: 2000\n\n", "", "", 2000);
	expect("retry: 2000\n\nretry: 5s\nretry:-1\nretry: 12345678901\n\n", "",
	       "", 2000);
}
END_TEST

START_TEST(a_reset_keeps_the_position_and_forgets_the_rest)
{
	struct hg__sse s = { 0 };
	const char *first = "id: 4\ndata: 1\n\nid: 5\ndata: lost";

	told[0] = '\0';
	hg__sse_feed(&s, first, strlen(first), note, NULL);
	hg__sse_reset(&s);
	ck_assert_str_eq(s.last_id, "4");
	hg__sse_feed(&s, "data: 2\n\n", 9, note, NULL);
	ck_assert_str_eq(told, "message:1;message:2;");
	ck_assert_str_eq(s.last_id, "4");
	hg__sse_free(&s);
}
END_TEST

START_TEST(a_listener_may_stop_it)
{
	struct hg__sse s = { 0 };
	const char *bytes = "data: stop\n\ndata: 2\n\n";

	told[0] = '\0';
	ck_assert_int_eq(hg__sse_feed(&s, bytes, strlen(bytes), note, NULL), 1);
	ck_assert_str_eq(told, "message:stop;");
	hg__sse_free(&s);
}
END_TEST

START_TEST(an_endless_line_is_refused)
{
	static char block[1 << 20];
	struct hg__sse s = { 0 };
	int r = 0;

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 9 && !r; i++)
		r = hg__sse_feed(&s, block, sizeof(block), note, NULL);
	ck_assert_int_eq(r, -1);
	ck_assert(s.failed);
	hg__sse_free(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sse");
	TCase *tc = tcase_create("sse");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, an_event_is_its_lines_up_to_an_empty_one);
	tcase_add_test(tc, lines_end_in_any_of_three_ways);
	tcase_add_test(tc, comments_and_unknown_fields_are_passed_over);
	tcase_add_test(tc, half_an_event_is_never_told);
	tcase_add_test(tc, an_id_stays_until_another_comes);
	tcase_add_test(tc, a_retry_is_digits_and_nothing_else);
	tcase_add_test(tc, a_reset_keeps_the_position_and_forgets_the_rest);
	tcase_add_test(tc, a_listener_may_stop_it);
	tcase_add_test(tc, an_endless_line_is_refused);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
