#include "daemon/query.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char bytes[QUERY_BYTES];
static struct query query;

START_TEST(names_and_values_are_decoded)
{
	ck_assert(query_parse(&query, bytes, "a=1&b=%20x%2By+z&c&=d&&e=&a=2"));
	ck_assert_uint_eq(query.count, 6);
	ck_assert_str_eq(query_get(&query, "a"), "1");
	ck_assert_str_eq(query_get(&query, "b"), " x+y z");
	ck_assert_str_eq(query_get(&query, "c"), "");
	ck_assert_str_eq(query_get(&query, ""), "d");
	ck_assert_str_eq(query_get(&query, "e"), "");
	ck_assert_ptr_null(query_get(&query, "f"));
	ck_assert(query_parse(&query, bytes, "\xc3\xbc=%C3%BC&%e2%82%ac=2"));
	ck_assert_str_eq(query_get(&query, "\xc3\xbc"), "\xc3\xbc");
	ck_assert_str_eq(query_get(&query, "\xe2\x82\xac"), "2");
}
END_TEST

START_TEST(a_name_may_come_more_than_once)
{
	size_t at = 0;

	ck_assert(query_parse(&query, bytes, "t=a&x=1&t=b"));
	ck_assert_str_eq(query_next(&query, "t", &at), "a");
	ck_assert_str_eq(query_next(&query, "t", &at), "b");
	ck_assert_ptr_null(query_next(&query, "t", &at));
}
END_TEST

START_TEST(no_query_is_an_empty_one)
{
	ck_assert(query_parse(&query, bytes, NULL));
	ck_assert_uint_eq(query.count, 0);
	ck_assert(query_parse(&query, bytes, ""));
	ck_assert_uint_eq(query.count, 0);
}
END_TEST

START_TEST(malformed_queries_are_refused)
{
	static const char *const bad[] = {
		"a=%", "a=%2", "a=%zz", "%=1", "a=%00", "a=1&b=%g0",
		"a=%FF", "%C3=1", "a=1&b=%ed%a0%80", "a=\xc3&b=%BC",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!query_parse(&query, bytes, bad[i]), "%s",
			      bad[i]);
}
END_TEST

START_TEST(a_query_has_a_bounded_number_of_parameters)
{
	char text[2 * QUERY_PARAMETERS + 3];
	size_t n = 0;

	for (int i = 0; i < QUERY_PARAMETERS; i++) {
		text[n++] = 'a';
		text[n++] = '&';
	}
	text[n] = '\0';
	ck_assert(query_parse(&query, bytes, text));
	text[n++] = 'b';
	text[n] = '\0';
	ck_assert(!query_parse(&query, bytes, text));
}
END_TEST

START_TEST(paths_are_decoded_but_for_slashes_and_nuls)
{
	char out[16];

	ck_assert(path_decode("/a%3Ab%3a", out, sizeof(out)));
	ck_assert_str_eq(out, "/a:b:");
	ck_assert(!path_decode("/a%2Fb", out, sizeof(out)));
	ck_assert(!path_decode("/a%00", out, sizeof(out)));
	ck_assert(!path_decode("/a%", out, sizeof(out)));
	ck_assert(!path_decode("/0123456789abcdef", out, sizeof(out)));
	ck_assert(path_decode("/0123456789abcd", out, sizeof(out)));
}
END_TEST

static const struct {
	const char *pattern, *path, *id;	/* id NULL: no match */
} matches[] = {
	{ "/v1/jobs", "/v1/jobs", "" },
	{ "/v1/jobs", "/v1/jobsx", NULL },
	{ "/v1/jobs", "/v1/job", NULL },
	{ "/v1/jobs/{id}", "/v1/jobs/x", "x" },
	{ "/v1/jobs/{id}", "/v1/jobs/", NULL },
	{ "/v1/jobs/{id}", "/v1/jobs/x/", NULL },
	{ "/v1/jobs/{id}", "/v1/jobs/x:pause", NULL },
	{ "/v1/jobs/{id}:pause", "/v1/jobs/abc:pause", "abc" },
	{ "/v1/jobs/{id}:pause", "/v1/jobs/abc:pauses", NULL },
	{ "/v1/jobs/{id}:pause", "/v1/jobs/:pause", NULL },
	{ "/v1/jobs/{id}/events", "/v1/jobs/a/events", "a" },
	{ "/v1/jobs/{id}/events", "/v1/jobs/a/event", NULL },
	{ "/", "/", "" },
	{ "/", "", NULL },
};

START_TEST(a_pattern_matches_whole_paths_only)
{
	const char *id = "";
	size_t length = 0;
	bool match = path_match(matches[_i].pattern, matches[_i].path, &id,
				&length);

	ck_assert_int_eq(match, matches[_i].id != NULL);
	if (match) {
		ck_assert_uint_eq(length, strlen(matches[_i].id));
		ck_assert(memcmp(id, matches[_i].id, length) == 0);
	}
}
END_TEST

START_TEST(numbers_are_whole_and_within_their_bounds)
{
	static const char *const bad[] = {
		"", "-", "+", "x", "1x", " 1", "1 ", "1.0", "1e3", "0x1",
		"11", "-1", "9223372036854775808",
		"99999999999999999999999999",
	};
	int64_t n = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!number_parse(bad[i], 0, 10, &n), "%s", bad[i]);
	ck_assert_int_eq(n, 7);
	ck_assert(number_parse("010", 0, 10, &n) && n == 10);
	ck_assert(number_parse("9223372036854775807", 0, INT64_MAX, &n));
	ck_assert_int_eq(n, INT64_MAX);
	ck_assert(number_parse("-5", -5, 0, &n) && n == -5);
}
END_TEST

START_TEST(a_list_falls_into_its_pieces)
{
	const char *rest = "a,,bc", *piece;
	size_t length;

	piece = list_next(&rest, &length);
	ck_assert(length == 1 && *piece == 'a');
	piece = list_next(&rest, &length);
	ck_assert(piece && length == 0);
	piece = list_next(&rest, &length);
	ck_assert(length == 2 && *piece == 'b');
	ck_assert_ptr_null(list_next(&rest, &length));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("query");
	TCase *tcase = tcase_create("query");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, names_and_values_are_decoded);
	tcase_add_test(tcase, a_name_may_come_more_than_once);
	tcase_add_test(tcase, no_query_is_an_empty_one);
	tcase_add_test(tcase, malformed_queries_are_refused);
	tcase_add_test(tcase, a_query_has_a_bounded_number_of_parameters);
	tcase_add_test(tcase, paths_are_decoded_but_for_slashes_and_nuls);
	tcase_add_loop_test(tcase, a_pattern_matches_whole_paths_only, 0,
			    sizeof(matches) / sizeof(*matches));
	tcase_add_test(tcase, numbers_are_whole_and_within_their_bounds);
	tcase_add_test(tcase, a_list_falls_into_its_pieces);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
