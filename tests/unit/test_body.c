#include "daemon/body.h"

#include "core/utf8.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct complaints complaints;
static cJSON *body;

static void teardown(void)
{
	complaints_free(&complaints);
	complaints = (struct complaints){ 0 };
	cJSON_Delete(body);
	body = NULL;
}

static cJSON *parse(const char *text)
{
	teardown();
	body = body_parse(text, strlen(text), &complaints);
	return body;
}

static const char *errors(void)
{
	return text_string(&complaints.errors);
}

START_TEST(a_body_that_is_no_json_is_malformed)
{
	ck_assert_ptr_null(parse("{\"a\":01}"));
	ck_assert_int_eq(complaints.status, 400);
	ck_assert_str_eq(complaints.code, "malformed_json");
	ck_assert_ptr_nonnull(strstr(text_string(&complaints.detail),
				     "line 1, column"));
	ck_assert_ptr_null(parse(""));
	ck_assert_int_eq(complaints.status, 400);
	ck_assert_ptr_null(parse("[]"));
	ck_assert_int_eq(complaints.status, 422);
	ck_assert_str_eq(complaints.code, "invalid_field");
}
END_TEST

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

START_TEST(long_numbers_are_what_they_say)
{
	const cJSON *all;

	ck_assert_ptr_nonnull(parse("{\"\\\"" ZEROS "\":[0.5" ZEROS ",-1" ZEROS
				    ZEROS ZEROS ZEROS ZEROS ",3" ZEROS "e-64,"
				    "\"\\\\\",0." ZEROS ",\"1" ZEROS "\"]}"));
	all = body->child;
	ck_assert_str_eq(all->string, "\"" ZEROS);
	ck_assert(cJSON_GetArrayItem(all, 0)->valuedouble == 0.5);
	ck_assert(cJSON_GetArrayItem(all, 1)->valuedouble == -INFINITY);
	ck_assert(cJSON_GetArrayItem(all, 2)->valuedouble == 3);
	ck_assert_str_eq(cJSON_GetArrayItem(all, 3)->valuestring, "\\");
	ck_assert(cJSON_GetArrayItem(all, 4)->valuedouble == 0);
	ck_assert_str_eq(cJSON_GetArrayItem(all, 5)->valuestring, "1" ZEROS);
	/* what else is wrong is what is wrong */
	ck_assert_ptr_null(parse("{\"a\":1" ZEROS ",\"a\":2}"));
	ck_assert_str_eq(complaints.code, "malformed_json");
}
END_TEST

START_TEST(a_submission_has_what_was_asked_and_defaults_else)
{
	struct submissions s;
	const struct submission *one;

	ck_assert_ptr_nonnull(parse(
		"{\"title\":\"T\",\"tags\":[\"b\",\"a\",\"b\"],"
		"\"priority\":\"urgent\",\"simulate\":{\"fail_at\":0.5},"
		"\"not_before\":\"1970-01-01T00:00:01Z\",\"x\":null}"));
	ck_assert(submissions_of_job(body, false, &s, &complaints));
	ck_assert_uint_eq(s.count, 1);
	one = &s.items[0];
	ck_assert_str_eq(one->parts.text[TEXT_TITLE], "T");
	ck_assert_str_eq(one->parts.text[TEXT_TAGS], "b a");
	ck_assert_ptr_null(one->parts.text[TEXT_SOURCE_URL]);
	ck_assert_int_eq(one->priority, 20);
	ck_assert_int_eq(one->on_error, -1);
	ck_assert_int_eq(one->max_attempts, 0);
	ck_assert_int_eq(one->ttl_s, 0);
	ck_assert_int_eq(one->not_before_ms, 1000);
	ck_assert_uint_eq(one->parts.simulate->given, SIMULATE_FAIL_AT);
	ck_assert(one->parts.simulate->fail_at == 0.5);
	submissions_free(&s);
}
END_TEST

START_TEST(complaints_name_the_field_and_its_place)
{
	struct submissions s;

	ck_assert_ptr_nonnull(parse(
		"{\"jobs\":[{},{\"priority\":101,\"ttl_s\":0},"
		"{\"simulate\":{\"seed\":-1}},7]}"));
	ck_assert(!submissions_of_batch(body, false, &s, &complaints));
	ck_assert_uint_eq(complaints.count, 4);
	ck_assert_ptr_nonnull(strstr(errors(),
				     "\"field\":\"jobs[1].priority\""));
	ck_assert_ptr_nonnull(strstr(errors(), "\"field\":\"jobs[1].ttl_s\""));
	ck_assert_ptr_nonnull(strstr(errors(),
				     "\"field\":\"jobs[2].simulate.seed\""));
	ck_assert_ptr_nonnull(strstr(errors(), "\"field\":\"jobs[3]\""));
	submissions_free(&s);
}
END_TEST

START_TEST(complaints_are_bounded)
{
	struct text many = { 0 };
	struct submissions s;

	text_literal(&many, "{\"jobs\":[");
	for (int i = 0; i < 1000; i++)
		text_add(&many, i ? ",{\"ttl_s\":0}" : "{\"ttl_s\":0}");
	text_literal(&many, "]}");
	ck_assert_ptr_nonnull(parse(text_string(&many)));
	ck_assert(!submissions_of_batch(body, false, &s, &complaints));
	ck_assert_uint_eq(complaints.count, 1000);
	ck_assert_uint_lt(complaints.errors.length, 8192);
	submissions_free(&s);
	text_free(&many);
}
END_TEST

START_TEST(unknown_fields_matter_to_the_strict_only)
{
	struct submissions s;
	struct patch patch;
	const char **ids;
	size_t count;
	int64_t ms;

	ck_assert_ptr_nonnull(parse("{\"Title\":1}"));
	ck_assert(submissions_of_job(body, false, &s, &complaints));
	submissions_free(&s);
	ck_assert(!submissions_of_job(body, true, &s, &complaints));
	ck_assert_str_eq(complaints.code, "unknown_field");
	submissions_free(&s);
	parse("{\"Title\":1}");
	ck_assert(!patch_of_body(body, true, &patch, &complaints));
	ck_assert_str_eq(complaints.code, "unknown_field");
	parse("{\"ids\":[],\"x\":1}");
	ck_assert(!ids_of_body(body, true, &ids, &count, &complaints));
	parse("{\"ms\":5,\"x\":1}");
	ck_assert(!advance_of_body(body, true, 9, &ms, &complaints));
}
END_TEST

START_TEST(a_long_name_is_cut_between_two_characters)
{
	static const char *const ends[] = { "\xc3\xbc", "\xe2\x82\xac",
					    "\xf0\x9f\x98\x80" };
	struct submissions s;
	char text[400];

	for (int end = 0; end < 3; end++)
		for (int n = 250; n < 256; n++) {
			int bytes = (int)strlen(ends[end]);
			int fit = (255 - n) / bytes * bytes;

			snprintf(text, sizeof(text), "{\"%0*d%s%s\":1}", n, 0,
				 ends[end], ends[end]);
			ck_assert_ptr_nonnull(parse(text));
			ck_assert(!submissions_of_job(body, true, &s,
						      &complaints));
			submissions_free(&s);
			ck_assert(utf8_is_valid(errors()));
			ck_assert(utf8_is_valid(text_string(&complaints.detail)));
			ck_assert_int_eq(strcspn(errors() + strlen("{\"field\":\""),
						 "\""), n + fit);
		}
}
END_TEST

START_TEST(a_patch_sets_and_unsets)
{
	struct patch p;

	ck_assert_ptr_nonnull(parse("{\"priority\":-3,\"title\":\"x\","
				    "\"tags\":null,\"ttl_s\":-1}"));
	ck_assert(patch_of_body(body, true, &p, &complaints));
	ck_assert_uint_eq(p.set, PATCH_PRIORITY | PATCH_TITLE | PATCH_TTL);
	ck_assert_uint_eq(p.unset, PATCH_TAGS);
	ck_assert_int_eq(p.priority, -3);
	ck_assert_int_eq(p.ttl_s, -1);
	ck_assert_str_eq(p.title, "x");
	free(p.title);
}
END_TEST

START_TEST(a_patch_does_not_touch_what_is_fixed)
{
	struct patch p;

	ck_assert_ptr_nonnull(parse("{\"title\":\"x\",\"state\":\"queued\"}"));
	ck_assert(!patch_of_body(body, false, &p, &complaints));
	ck_assert_str_eq(complaints.code, "immutable_field");
	ck_assert_ptr_null(p.title);
}
END_TEST

START_TEST(ids_are_texts)
{
	const char **ids;
	size_t count;

	ck_assert_ptr_nonnull(parse("{\"ids\":[\"a\",\"b\"]}"));
	ck_assert(ids_of_body(body, false, &ids, &count, &complaints));
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(ids[1], "b");
	free(ids);
	parse("{\"ids\":[\"a\",1]}");
	ck_assert(!ids_of_body(body, false, &ids, &count, &complaints));
	ck_assert_ptr_nonnull(strstr(errors(), "ids[1]"));
	parse("{}");
	ck_assert(!ids_of_body(body, false, &ids, &count, &complaints));
}
END_TEST

START_TEST(a_clock_moves_by_whole_milliseconds)
{
	int64_t ms = -1;

	parse("{\"ms\":9007199254740991}");
	ck_assert(advance_of_body(body, false, JOB_MS_MAX, &ms, &complaints));
	ck_assert_int_eq(ms, 9007199254740991);
	ck_assert(!advance_of_body(body, false, JOB_MS_MAX - 1, &ms,
				   &complaints));
	parse("{\"ms\":0.5}");
	ck_assert(!advance_of_body(body, false, 9, &ms, &complaints));
	parse("{}");
	ck_assert(!advance_of_body(body, false, 9, &ms, &complaints));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("body");
	TCase *tcase = tcase_create("body");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, a_body_that_is_no_json_is_malformed);
	tcase_add_test(tcase, long_numbers_are_what_they_say);
	tcase_add_test(tcase, a_submission_has_what_was_asked_and_defaults_else);
	tcase_add_test(tcase, complaints_name_the_field_and_its_place);
	tcase_add_test(tcase, complaints_are_bounded);
	tcase_add_test(tcase, unknown_fields_matter_to_the_strict_only);
	tcase_add_test(tcase, a_long_name_is_cut_between_two_characters);
	tcase_add_test(tcase, a_patch_sets_and_unsets);
	tcase_add_test(tcase, a_patch_does_not_touch_what_is_fixed);
	tcase_add_test(tcase, ids_are_texts);
	tcase_add_test(tcase, a_clock_moves_by_whole_milliseconds);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
