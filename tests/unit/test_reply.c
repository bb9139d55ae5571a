#include "daemon/reply.h"
#include "daemon/wire_json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct text text;
static struct reply reply;

static void setup(void)
{
	reply_clear(&reply);
}

static void teardown(void)
{
	text_free(&text);
	reply_free(&reply);
}

static const struct {
	double value;
	const char *shown;
} decimals[] = {
	{ 0, "0" }, { 1, "1" }, { 0.5, "0.5" }, { 0.42134, "0.4213" },
	{ 0.00004, "0" }, { 0.00005, "0.0001" }, { 0.9999, "0.9999" },
	{ 0.99996, "1" }, { 0.1, "0.1" }, { 0.0101, "0.0101" },
	{ -1.25, "-1.25" }, { 12345.6789, "12345.6789" },
};

START_TEST(decimals_have_at_most_four_places)
{
	text_json_decimal(&text, decimals[_i].value);
	ck_assert_str_eq(text_string(&text), decimals[_i].shown);
}
END_TEST

START_TEST(integers_are_whole_to_their_ends)
{
	text_int(&text, INT64_MIN);
	text_char(&text, ' ');
	text_int(&text, INT64_MAX);
	text_char(&text, ' ');
	text_int(&text, 0);
	ck_assert_str_eq(text_string(&text),
			 "-9223372036854775808 9223372036854775807 0");
}
END_TEST

START_TEST(strings_are_escaped_where_json_asks_it)
{
	text_json_string(&text, "a\"\\/\n\t\r\b\f\x01\x1f\x7f\xc3\xa4");
	text_json_string(&text, NULL);
	text_json_string(&text, "");
	ck_assert_str_eq(text_string(&text),
			 "\"a\\\"\\\\/\\n\\t\\r\\b\\f\\u0001\\u001f\\u007f"
			 "\xc3\xa4\"null\"\"");
}
END_TEST

START_TEST(a_text_keeps_what_was_put_however_long)
{
	for (int i = 0; i < 10000; i++)
		text_printf(&text, "%04d", i);
	ck_assert_uint_eq(text.length, 40000);
	ck_assert(memcmp(text.data + 39504, "9876", 4) == 0);
	text_clear(&text);
	ck_assert_uint_eq(text.length, 0);
}
END_TEST

static const struct reply_frame frame = {
	.request_id = "r1",
	.cache_control = "no-store",
	.date = "Sun, 22 Nov 2026 12:00:00 GMT",
	.keep_alive = true,
};

START_TEST(an_answer_is_one_message)
{
	reply.type = REPLY_JSON;
	reply_header(&reply, "Allow", "GET");
	text_literal(&reply.body, "{}");
	ck_assert(reply_write(&reply, &frame, &text));
	ck_assert_str_eq(text_string(&text),
			 "HTTP/1.1 200 OK\r\n"
			 "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
			 "Request-Id: r1\r\n"
			 "Cache-Control: no-store\r\n"
			 "Content-Type: application/json\r\n"
			 "Allow: GET\r\n"
			 "Content-Length: 2\r\n"
			 "\r\n"
			 "{}");
}
END_TEST

START_TEST(head_and_304_have_no_body)
{
	struct reply_frame head = frame;

	head.head_only = true;
	text_literal(&reply.body, "{}");
	ck_assert(reply_write(&reply, &head, &text));
	ck_assert_ptr_nonnull(strstr(text_string(&text),
				     "Content-Length: 2\r\n\r\n"));
	text_clear(&text);
	reply.status = 304;
	ck_assert(reply_write(&reply, &frame, &text));
	ck_assert_ptr_null(strstr(text_string(&text), "Content-Length"));
	ck_assert_str_eq(text.data + text.length - 4, "\r\n\r\n");
}
END_TEST

START_TEST(a_problem_takes_the_place_of_a_body)
{
	text_literal(&reply.body, "half of something");
	reply_problem(&reply, 404, "job_not_found", "No \"%s\".", "x");
	ck_assert_str_eq(text_string(&reply.body),
			 "{\"type\":\"about:blank\",\"title\":\"Not Found\","
			 "\"status\":404,\"detail\":\"No \\\"x\\\".\","
			 "\"code\":\"job_not_found\"}");
	ck_assert_str_eq(reply.type, REPLY_PROBLEM);
}
END_TEST

/* --- jobs ------------------------------------------------------------------ */

static struct job_view given_view(const struct job_parts *parts,
				  enum job_state state)
{
	struct job_view view = {
		.job = job_new(parts),
		.progress = 0.25,
		.remaining_ms = 1500,
		.completion_ms = 1500,
		.stage = STAGE_TRANSCRIBE,
	};

	view.job->seq = 5;
	view.job->version = 2;
	view.job->state = state;
	view.job->submitted_ms = 0;
	return view;
}

static void shows(const char *piece)
{
	ck_assert_msg(strstr(text_string(&text), piece) != NULL, "%s in %s",
		      piece, text_string(&text));
}

START_TEST(a_job_shows_every_key)
{
	static const char *const keys[] = {
		"id", "seq", "state", "result", "version", "title",
		"source_url", "source_language", "output_language", "tags",
		"priority", "priority_name", "progress", "stage",
		"remaining_ms", "estimated_completion_at", "queue_position",
		"attempt", "max_attempts", "on_error", "not_before",
		"eligible_at", "submitted_at", "started_at", "finished_at",
		"ttl_s", "expires_at", "updated_at", "error", "last_error",
		"result_url", "simulate",
	};
	struct job_parts parts = { .text = { [TEXT_TAGS] = "a b" } };
	struct job_view view = given_view(&parts, JOB_RUNNING);
	char key[64];

	wire_job(&text, &view, "http://h");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		snprintf(key, sizeof(key), "\"%s\":", keys[i]);
		shows(key);
	}
	shows("\"tags\":[\"a\",\"b\"]");
	shows("\"stage\":\"transcribe\"");
	shows("\"ttl_s\":null");
	shows("\"error\":null,\"last_error\":null,\"result_url\":null,"
	      "\"simulate\":null}");
	job_view_release(&view);
}
END_TEST

START_TEST(a_completed_job_shows_where_its_result_is)
{
	static const char *const bases[] = { "http://h", "http://h/" };
	struct job_parts parts = { .simulate = NULL };
	struct job_view view = given_view(&parts, JOB_COMPLETED);

	for (int i = 0; i < 2; i++) {
		text_clear(&text);
		wire_job(&text, &view, bases[i]);
		shows("\"result_url\":\"http://h/v1/jobs/default/result\"");
	}
	shows("\"ttl_s\":0");
	job_view_release(&view);
}
END_TEST

START_TEST(an_error_is_shown_exactly_where_the_result_is_one)
{
	struct job_parts parts = { .simulate = NULL };
	struct job_view view = given_view(&parts, JOB_QUEUED);

	view.job->last_error = ERROR_AUDIO_INVALID;
	view.job->last_error_attempt = 1;
	view.job->attempt = 2;
	wire_job(&text, &view, "");
	shows("\"error\":null,\"last_error\":{\"code\":\"audio_invalid\"");
	view.job->state = JOB_CANCELED;
	text_clear(&text);
	wire_status(&text, &view);
	shows("\"error\":{\"code\":\"canceled\"");
	shows("\"attempt\":2}");
	job_view_release(&view);
}
END_TEST

START_TEST(simulate_shows_what_was_given)
{
	struct simulate simulate = {
		.given = SIMULATE_ERROR_RATE | SIMULATE_SEED,
		.error_rate = 0.1, .seed = 9007199254740991u,
	};
	struct job_parts parts = { .simulate = &simulate };
	struct job_view view = given_view(&parts, JOB_QUEUED);

	wire_job(&text, &view, "");
	shows("\"simulate\":{\"error_rate\":0.1,\"seed\":9007199254740991}}");
	job_view_release(&view);
}
END_TEST

static const struct {
	enum job_state state;
	int64_t remaining_ms, completion_ms, seconds;
} retries[] = {
	{ JOB_RUNNING, 0, 1, 1 }, { JOB_RUNNING, 1, 1, 1 },
	{ JOB_RUNNING, 1000, 1, 1 }, { JOB_RUNNING, 1001, 1, 2 },
	{ JOB_RUNNING, 29999, 1, 30 }, { JOB_QUEUED, 99999999, 1, 30 },
	{ JOB_PAUSED, 5, TIME_NONE, 30 }, { JOB_COMPLETED, 0, TIME_NONE, 0 },
};

START_TEST(retry_after_is_clamped_seconds)
{
	struct job_parts parts = { .simulate = NULL };
	struct job_view view = given_view(&parts, retries[_i].state);

	view.remaining_ms = retries[_i].remaining_ms;
	view.completion_ms = retries[_i].completion_ms;
	ck_assert_int_eq(wire_retry_after_s(&view, 30), retries[_i].seconds);
	job_view_release(&view);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reply");
	TCase *tcase = tcase_create("reply");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, decimals_have_at_most_four_places, 0,
			    sizeof(decimals) / sizeof(*decimals));
	tcase_add_test(tcase, integers_are_whole_to_their_ends);
	tcase_add_test(tcase, strings_are_escaped_where_json_asks_it);
	tcase_add_test(tcase, a_text_keeps_what_was_put_however_long);
	tcase_add_test(tcase, an_answer_is_one_message);
	tcase_add_test(tcase, head_and_304_have_no_body);
	tcase_add_test(tcase, a_problem_takes_the_place_of_a_body);
	tcase_add_test(tcase, a_job_shows_every_key);
	tcase_add_test(tcase, a_completed_job_shows_where_its_result_is);
	tcase_add_test(tcase, an_error_is_shown_exactly_where_the_result_is_one);
	tcase_add_test(tcase, simulate_shows_what_was_given);
	tcase_add_loop_test(tcase, retry_after_is_clamped_seconds, 0,
			    sizeof(retries) / sizeof(*retries));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
