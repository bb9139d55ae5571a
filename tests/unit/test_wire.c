#include "client/wire.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct hg__slice slice(const char *text)
{
	return (struct hg__slice){ text, strlen(text) };
}

static hg_err read_job(const char *text, struct hg__view *v)
{
	ck_assert_int_eq(hg__wire_check(text, strlen(text)), HG_OK);
	return hg__wire_job(slice(text), v);
}

/* --- reading --------------------------------------------------------------- */

START_TEST(a_whole_job_is_read_as_it_stands)
{
	struct hg__view v;
	const char *text =
		"{\"id\":\"j-1\",\"seq\":12,\"state\":\"error\",\"result\":"
		"\"error\",\"version\":7,\"title\":\"L\\u00e4unch\",\"priority\":"
		"-10,\"progress\":0.4213,\"stage\":\"mix\",\"remaining_ms\":11800,"
		"\"estimated_completion_at\":\"2026-11-22T12:00:31.250Z\","
		"\"attempt\":2,\"submitted_at\":\"2026-11-22T14:00:00.5+02:00\","
		"\"finished_at\":null,\"result_url\":\"http://x/y\",\"error\":"
		"{\"code\":\"c\",\"message\":\"m\"},\"output_language\":\"es\"}";

	ck_assert_int_eq(read_job(text, &v), HG_OK);
	ck_assert_str_eq(v.id, "j-1");
	ck_assert_str_eq(v.title, "L\xc3\xa4unch");
	ck_assert_str_eq(v.stage, "mix");
	ck_assert_str_eq(v.result_url, "http://x/y");
	ck_assert_str_eq(v.error_code, "c");
	ck_assert_str_eq(v.error_message, "m");
	ck_assert_str_eq(v.language, "es");
	ck_assert_str_eq(v.json, text);
	ck_assert_int_eq(v.state, HG_STATE_ERROR);
	ck_assert_int_eq(v.result, HG_ERROR);
	ck_assert(v.has_result && !v.strange && !v.gone && !v.missing);
	ck_assert_double_eq(v.progress, 0.4213);
	ck_assert_int_eq(v.remaining_ms, 11800);
	ck_assert_int_eq(v.version, 7);
	ck_assert_int_eq(v.priority, -10);
	ck_assert_int_eq(v.attempt, 2);
	ck_assert_int_eq(v.estimated_completion_at, 1795348831250);
	ck_assert_int_eq(v.submitted_at, 1795348800500);
	ck_assert_int_eq(v.finished_at, -1);
	ck_assert(!v.eta_null);
	hg__view_free(&v);
}
END_TEST

START_TEST(the_assignments_three_answers_are_enough)
{
	static const struct {
		const char *text;
		hg_result result;
		hg_state state;
	} cases[] = {
		{ "{\"result\":\"pending\"}", HG_PENDING, HG_STATE_UNKNOWN },
		{ "{\"result\":\"completed\"}", HG_COMPLETED,
		  HG_STATE_COMPLETED },
		{ " {\n\"result\" : \"error\" } ", HG_ERROR, HG_STATE_ERROR },
	};
	struct hg__view v;

	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_assert_int_eq(read_job(cases[i].text, &v), HG_OK);
		ck_assert_int_eq(v.result, cases[i].result);
		ck_assert_int_eq(v.state, cases[i].state);
		ck_assert_ptr_null(v.id);
		ck_assert_double_eq(v.progress, -1);
		ck_assert_int_eq(v.remaining_ms, -1);
		hg__view_free(&v);
	}
}
END_TEST

START_TEST(an_answer_without_a_word_as_result_makes_no_sense)
{
	static const char *const cases[] = {
		"{}", "{\"result\":null}", "{\"result\":1}",
		"{\"result\":[\"completed\"]}", "{\"Result\":\"completed\"}",
		"{\"state\":\"completed\"}", "{\"data\":{\"result\":\"error\"}}",
	};
	struct hg__view v;

	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_msg(read_job(cases[i], &v) == HG_EPROTOCOL, "%s",
			      cases[i]);
}
END_TEST

START_TEST(an_unknown_word_is_pending_and_strange)
{
	struct hg__view v;

	ck_assert_int_eq(read_job("{\"result\":\"Completed\"}", &v), HG_OK);
	ck_assert_int_eq(v.result, HG_PENDING);
	ck_assert(v.strange && !v.has_result);
	hg__view_free(&v);
}
END_TEST

START_TEST(rows_of_the_bulk_status_may_lack_a_result)
{
	struct hg__view v;

	ck_assert_int_eq(read_job("{\"id\":\"a\",\"state\":\"not_found\"}", &v),
			 HG_OK);
	ck_assert(v.missing && !v.gone);
	hg__view_free(&v);
	ck_assert_int_eq(read_job("{\"id\":\"a\",\"state\":\"gone\",\"result\":"
				  "\"completed\"}", &v), HG_OK);
	ck_assert(v.gone && v.has_result && v.result == HG_COMPLETED);
	hg__view_free(&v);
}
END_TEST

START_TEST(an_estimate_that_is_null_is_not_one_that_is_missing)
{
	struct hg__view v;

	ck_assert_int_eq(read_job("{\"result\":\"pending\","
				  "\"estimated_completion_at\":null,"
				  "\"remaining_ms\":9}", &v), HG_OK);
	ck_assert(v.eta_null && v.remaining_ms == 9);
	hg__view_free(&v);
}
END_TEST

START_TEST(an_error_that_is_text_is_its_message)
{
	struct hg__view v;

	ck_assert_int_eq(read_job("{\"result\":\"error\",\"error\":\"no\"}", &v),
			 HG_OK);
	ck_assert_str_eq(v.error_message, "no");
	ck_assert_ptr_null(v.error_code);
	hg__view_free(&v);
}
END_TEST

START_TEST(only_a_strict_object_passes_the_check)
{
	static const char *const bad[] = {
		"", " ", "null", "[]", "\"x\"", "{", "{} x", "{\"a\":01}",
		"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"a\":\"\xff\"}",
		"{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}", "{'a':1}",
		"{\"a\":1e}", "{\"a\":NaN}",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(hg__wire_check(bad[i], strlen(bad[i])) ==
				      HG_EPROTOCOL, "%s", bad[i]);
	ck_assert_int_eq(hg__wire_check(NULL, 0), HG_EPROTOCOL);
}
END_TEST

START_TEST(members_and_items_are_found_as_slices)
{
	const char *text = "{ \"a\" : [ 1 , {\"x\":\"]}\\\"\"} ,\"s\", [] ,true] "
			   ", \"b\":\"\\\\\" , \"c\" : -1.5e3 }";
	static const char *const items[] = { "1", "{\"x\":\"]}\\\"\"}", "\"s\"",
					     "[]", "true" };
	struct hg__slice value, item;
	char room[8];
	int64_t number;

	ck_assert(hg__wire_member(slice(text), "a", &value));
	for (size_t i = 0; i < COUNT(items); i++) {
		ck_assert(hg__wire_next(&value, &item));
		ck_assert_uint_eq(item.len, strlen(items[i]));
		ck_assert_mem_eq(item.at, items[i], item.len);
	}
	ck_assert(!hg__wire_next(&value, &item));
	ck_assert(hg__wire_text(slice(text), "b", room, sizeof(room)));
	ck_assert_str_eq(room, "\\");
	ck_assert(!hg__wire_text(slice(text), "b", room, 1));
	ck_assert(!hg__wire_text(slice(text), "c", room, sizeof(room)));
	ck_assert(hg__wire_integer(slice(text), "c", &number));
	ck_assert_int_eq(number, -1500);
	ck_assert(!hg__wire_member(slice(text), "x", &value));
	ck_assert(!hg__wire_member(slice("{}"), "x", &value));
	item = slice("[]");
	ck_assert(!hg__wire_next(&item, &value));
}
END_TEST

START_TEST(a_problem_names_its_field_and_a_gone_jobs_result)
{
	struct hg__problem p;
	const char *text = "{\"code\":\"invalid_field\",\"detail\":\"No.\","
			   "\"errors\":[{\"field\":\"jobs[3].title\","
			   "\"message\":\"is long\"}]}";

	hg__wire_problem(text, strlen(text), &p);
	ck_assert_str_eq(p.code, "invalid_field");
	ck_assert_str_eq(p.detail, "No. jobs[3].title: is long");
	ck_assert(!p.has_result);
	text = "{\"detail\":\"title is long.\",\"errors\":[{\"field\":"
	       "\"title\",\"message\":\"is long\"}]}";
	hg__wire_problem(text, strlen(text), &p);
	ck_assert_str_eq(p.detail, "title is long.");
	text = "{\"detail\":\"No\",\"errors\":[{\"field\":\"\","
	       "\"message\":\"is long\"}]}";
	hg__wire_problem(text, strlen(text), &p);
	ck_assert_str_eq(p.detail, "No: is long");
	text = "{\"errors\":[{\"field\":\"a\",\"message\":\"b\"}]}";
	hg__wire_problem(text, strlen(text), &p);
	ck_assert_str_eq(p.detail, "a: b");
	ck_assert_int_eq(p.state, HG_STATE_UNKNOWN);
	text = "{\"code\":\"job_gone\",\"state\":\"canceled\","
	       "\"result\":\"error\","
	       "\"finished_at\":\"1970-01-01T00:00:01Z\"}";
	hg__wire_problem(text, strlen(text), &p);
	ck_assert(p.has_result && p.result == HG_ERROR);
	ck_assert_int_eq(p.state, HG_STATE_CANCELED);
	ck_assert_int_eq(p.finished_at, 1000);
	hg__wire_problem("<html>", 6, &p);
	ck_assert_str_eq(p.code, "");
	hg__wire_problem(NULL, 0, &p);
	ck_assert_str_eq(p.detail, "");
}
END_TEST

/* --- times ----------------------------------------------------------------- */

START_TEST(times_are_read_and_written_the_same)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "1970-01-01T00:00:00.000Z", 0 },
		{ "2026-11-22T12:00:31.250Z", 1795348831250 },
		{ "2000-02-29T23:59:59.999Z", 951868799999 },
		{ "2024-12-31T00:00:00.001Z", 1735603200001 },
		{ "9999-12-31T23:59:59.999Z", 253402300799999 },
		{ "1969-12-31T23:59:59.999Z", -1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct hg__buf b = { 0 };

		ck_assert_int_eq(hg__wire_time(cases[i].text), cases[i].ms);
		hg__wire_put_time(&b, cases[i].ms);
		ck_assert_str_eq(b.data, cases[i].text);
		hg__buf_free(&b);
	}
	ck_assert_int_eq(hg__wire_time("1970-01-01t01:00:00.5+00:30"), 1800500);
	ck_assert_int_eq(hg__wire_time("1970-01-01 00:00:00-00:01"), 60000);
	ck_assert_int_eq(hg__wire_time("1970-01-01T00:00:00.123456789Z"), 123);
}
END_TEST

START_TEST(what_is_no_time_is_unknown)
{
	static const char *const bad[] = {
		"", "now", "2026-11-22", "2026-11-22T12:00:31", "2026-13-01T00:00:00Z",
		"2025-02-29T00:00:00Z", "2026-11-22T24:00:00Z",
		"2026-11-22T12:00:31.Z", "2026-11-22T12:00:31+2:00",
		"2026-11-22T12:00:31Zx", "2026-11-22T12:60:00Z",
		"26-11-22T12:00:00Z", "2026-11-22T12:00:31+24:00",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(hg__wire_time(bad[i]) == -1, "%s", bad[i]);
}
END_TEST

/* --- writing --------------------------------------------------------------- */

static char *written(const hg_request *r)
{
	struct hg__buf b = { 0 };

	ck_assert_int_eq(hg__wire_request(&b, r), HG_OK);
	ck_assert_int_eq(hg__wire_check(b.data, b.len), HG_OK);
	return b.data;
}

START_TEST(an_empty_submission_says_nothing)
{
	hg_request r = { .size = sizeof(r) };
	char *text = written(&r);

	ck_assert_str_eq(text, "{}");
	free(text);
}
END_TEST

START_TEST(a_submission_says_all_it_was_given)
{
	static const char *const tags[] = { "a", "b", NULL };
	hg_request r = {
		.size = sizeof(r), .source_url = "http://x/\"\\\n",
		.title = "\xc3\xa4", .source_language = "en",
		.output_language = "es", .tags = tags, .not_before = 1000,
		.ttl_s = -1, .priority = -100, .on_error = HG_ON_ERROR_RESTART,
		.max_attempts = 3, .sim_fail_attempts = 2,
		.sim_duration_ms = 500, .sim_seed = 9007199254740991u,
		.sim_error_rate = 0.25, .sim_fail_at = 1,
	};
	char *text = written(&r);

	ck_assert_str_eq(text,
		"{\"source_url\":\"http://x/\\\"\\\\\\u000a\","
		"\"title\":\"\xc3\xa4\",\"source_language\":\"en\","
		"\"output_language\":\"es\",\"on_error\":\"restart\","
		"\"tags\":[\"a\",\"b\"],\"priority\":-100,\"max_attempts\":3,"
		"\"ttl_s\":-1,\"simulate\":{\"duration_ms\":500,"
		"\"seed\":9007199254740991,\"fail_attempts\":2,"
		"\"error_rate\":0.250000000,\"fail_at\":1.000000000},"
		"\"not_before\":\"1970-01-01T00:00:01.000Z\"}");
	free(text);
}
END_TEST

START_TEST(never_is_an_error_rate_of_zero)
{
	hg_request r = { .size = sizeof(r), .sim_error_rate = -1 };
	char *text = written(&r);

	ck_assert_str_eq(text, "{\"simulate\":{\"error_rate\":0.000000000}}");
	free(text);
	r = (hg_request){ .size = sizeof(r), .sim_fail_at = -1 };
	text = written(&r);
	ck_assert_str_eq(text, "{\"simulate\":{\"error_rate\":0}}");
	free(text);
}
END_TEST

START_TEST(what_cannot_be_said_is_refused)
{
	static const char *const many[] = { "1", "2", "3", "4", "5", "6", "7",
					    "8", "9", "a", "b", "c", "d", "e",
					    "f", "g", "h", NULL };
	static const char *const bytes[] = { "\x80", NULL };
	const hg_request bad[] = {
		{ .title = "\xff" }, { .source_url = "\xed\xa0\x80" },
		{ .title = "\xc0\x80" }, { .title = "\xf4\x90\x80\x80" },
		{ .tags = many }, { .tags = bytes }, { .not_before = -1 },
		{ .ttl_s = -2 }, { .ttl_s = INT64_MAX }, { .on_error = 3 },
		{ .on_error = -1 }, { .sim_duration_ms = -1 },
		{ .sim_seed = UINT64_MAX }, { .sim_error_rate = 1.5 },
		{ .sim_error_rate = NAN }, { .sim_fail_at = INFINITY },
		{ .sim_fail_at = -0.5 }, { .not_before = INT64_MAX },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct hg__buf b = { 0 };

		ck_assert_msg(hg__wire_request(&b, &bad[i]) == HG_EINVAL,
			      "case %zu", i);
		hg__buf_free(&b);
	}
}
END_TEST

START_TEST(ids_are_short_clean_text)
{
	char id[257];

	memset(id, 'x', sizeof(id));
	id[256] = '\0';
	ck_assert(!hg__id_ok(id));
	id[255] = '\0';
	ck_assert(hg__id_ok(id));
	ck_assert(hg__id_ok("a b/\xc3\xa4"));
	ck_assert(!hg__id_ok("") && !hg__id_ok("a\nb") && !hg__id_ok("\xff"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("wire");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, a_whole_job_is_read_as_it_stands);
	tcase_add_test(tc, the_assignments_three_answers_are_enough);
	tcase_add_test(tc, an_answer_without_a_word_as_result_makes_no_sense);
	tcase_add_test(tc, an_unknown_word_is_pending_and_strange);
	tcase_add_test(tc, rows_of_the_bulk_status_may_lack_a_result);
	tcase_add_test(tc, an_estimate_that_is_null_is_not_one_that_is_missing);
	tcase_add_test(tc, an_error_that_is_text_is_its_message);
	tcase_add_test(tc, only_a_strict_object_passes_the_check);
	tcase_add_test(tc, members_and_items_are_found_as_slices);
	tcase_add_test(tc, a_problem_names_its_field_and_a_gone_jobs_result);
	tcase_add_test(tc, times_are_read_and_written_the_same);
	tcase_add_test(tc, what_is_no_time_is_unknown);
	tcase_add_test(tc, an_empty_submission_says_nothing);
	tcase_add_test(tc, a_submission_says_all_it_was_given);
	tcase_add_test(tc, never_is_an_error_rate_of_zero);
	tcase_add_test(tc, what_cannot_be_said_is_refused);
	tcase_add_test(tc, ids_are_short_clean_text);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
