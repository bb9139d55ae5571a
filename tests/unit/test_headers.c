#include "daemon/headers.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct headers headers;

/* Takes "Name: value" lines, the last one NULL. */
static void given(const char *const *lines)
{
	static char names[64][64];
	size_t i = 0;

	headers_clear(&headers);
	for (; *lines; lines++, i++) {
		size_t length = strcspn(*lines, ":");

		memcpy(names[i], *lines, length);
		names[i][length] = '\0';
		headers_add(&headers, names[i], *lines + length + 2);
	}
}

#define GIVEN(...) given((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(a_plain_message_is_framed_well)
{
	struct framing f;

	GIVEN("host: x", "Content-Length: 12", "X-Other: 1");
	f = headers_framing(&headers);
	ck_assert_int_eq(f.status, 0);
	ck_assert_int_eq(f.length, 12);
	GIVEN("Host: x");
	ck_assert_int_eq(headers_framing(&headers).status, 0);
	ck_assert_int_eq(headers_framing(&headers).length, 0);
}
END_TEST

static const struct {
	const char *lines[4];
	int status;
} framings[] = {
	{ { "Content-Length: 1" }, 400 },
	{ { "Host: x", "Host: x" }, 400 },
	{ { "Host: x", "Content-Length: 3xyz" }, 400 },
	{ { "Host: x", "Content-Length: -1" }, 400 },
	{ { "Host: x", "Content-Length: +1" }, 400 },
	{ { "Host: x", "Content-Length: " }, 400 },
	{ { "Host: x", "Content-Length: 9223372036854775808" }, 400 },
	{ { "Host: x", "Content-Length: 9223372036854775807" }, 0 },
	{ { "Host: x", "Content-Length: 1", "content-length: 1" }, 400 },
	{ { "Host: x", "Content-Length: 1", "Transfer-Encoding: chunked" }, 400 },
	{ { "Host: x", "Transfer-Encoding: chunked" }, 411 },
	{ { "Host: x", "Transfer-Encoding: gzip" }, 400 },
	{ { "Host: x", "Origin: a", "Origin: a" }, 400 },
	{ { "Host: x", "Authorization: a", "Authorization: a" }, 400 },
};

START_TEST(what_could_be_read_in_two_ways_is_refused)
{
	struct framing f;

	given(framings[_i].lines);
	f = headers_framing(&headers);
	ck_assert_int_eq(f.status, framings[_i].status);
	ck_assert(f.status == 0 || f.detail);
}
END_TEST

START_TEST(preferences_are_found_among_others)
{
	struct prefer p;

	GIVEN("Prefer: respond-async, wait=10", "Prefer: Handling=Strict");
	p = prefer_parse(&headers);
	ck_assert(p.strict);
	ck_assert_int_eq(p.wait_s, 10);
	GIVEN("Prefer: wait=\"7\"; x, handling=lenient, handling=strict");
	p = prefer_parse(&headers);
	ck_assert(!p.strict);
	ck_assert_int_eq(p.wait_s, 7);
	GIVEN("Prefer: waits=1, wait, wait=, wait=-1, wait=1x");
	ck_assert_int_eq(prefer_parse(&headers).wait_s, -1);
}
END_TEST

START_TEST(tags_are_compared_weakly_and_in_lists)
{
	static const char *const yes[] = {
		"If-Match: W/\"12\"", "If-Match: \"12\"", "If-Match: *",
		"If-Match: \"1\", W/\"12\"", "If-Match:  \"a,b\" , \"12\"",
	};
	static const char *const no[] = {
		"If-Match: 12", "If-Match: \"1\"", "If-Match: \"122\"",
		"If-Match: \"12", "If-Match: W/12", "If-Match: ",
		"If-Match: x, \"12\"",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		GIVEN(yes[i]);
		ck_assert_msg(etag_matches(&headers, HEADER_IF_MATCH, 12),
			      "%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
		GIVEN(no[i]);
		ck_assert_msg(!etag_matches(&headers, HEADER_IF_MATCH, 12),
			      "%s", no[i]);
	}
	GIVEN("X: y");
	ck_assert(!etag_matches(&headers, HEADER_IF_MATCH, 12));
}
END_TEST

START_TEST(a_key_may_stand_in_quotes)
{
	char key[IDEMPOTENCY_KEY_BYTES + 1];
	char longest[300] = "Idempotency-Key: ";

	GIVEN("Idempotency-Key: \"a-b.c:D_9\" ");
	ck_assert(idempotency_key_parse(&headers, key));
	ck_assert_str_eq(key, "a-b.c:D_9");
	memset(longest + strlen(longest), 'k', IDEMPOTENCY_KEY_BYTES);
	GIVEN(longest);
	ck_assert(idempotency_key_parse(&headers, key));
	longest[strlen(longest)] = 'k';
	GIVEN(longest);
	ck_assert(!idempotency_key_parse(&headers, key));
	GIVEN("Idempotency-Key: \"");
	ck_assert(!idempotency_key_parse(&headers, key));
	GIVEN("Idempotency-Key: a", "Idempotency-Key: a");
	ck_assert(!idempotency_key_parse(&headers, key));
}
END_TEST

START_TEST(types_that_a_client_accepts_are_found)
{
	GIVEN("Accept: text/html, Text/Event-Stream;q=0.5");
	ck_assert(accepts_event_stream(&headers));
	GIVEN("Accept: text/event-stream;q=0");
	ck_assert(!accepts_event_stream(&headers));
	GIVEN("Accept: text/event-stream; q=0.000, */*");
	ck_assert(!accepts_event_stream(&headers));
	GIVEN("Accept: */*");
	ck_assert(!accepts_event_stream(&headers));
	GIVEN("Accept-Encoding: br;q=1.0, gzip;q=0.8");
	ck_assert(accepts_gzip(&headers));
	ck_assert(media_type_is("application/json; charset=x",
				"application/json"));
	ck_assert(!media_type_is("application/jsonp", "application/json"));
	ck_assert(!media_type_is(NULL, "application/json"));
}
END_TEST

START_TEST(hosts_are_compared_with_and_without_their_ports)
{
	const char *list = "a.example, b.example:81,";

	ck_assert(host_listed("A.Example", list));
	ck_assert(host_listed("a.example:9", list));
	ck_assert(host_listed("b.example:81", list));
	ck_assert(!host_listed("b.example", list));
	ck_assert(!host_listed("b.example:8", list));
	ck_assert(!host_listed("", list));
	ck_assert(!host_listed("c.a.example", list));
	ck_assert(!host_listed("x", ""));
	ck_assert(host_is_address("10.0.0.1:80"));
	ck_assert(!host_is_address("10.0.0.1.evil"));
	ck_assert(!host_is_sane("a/b") && !host_is_sane(""));
}
END_TEST

START_TEST(origins_are_ours_whole_or_not_at_all)
{
	ck_assert(origin_is_host("http://a:1", "a:1"));
	ck_assert(origin_is_host("https://a", "a"));
	ck_assert(!origin_is_host("http://a:1", "a"));
	ck_assert(!origin_is_host("null", "null"));
	ck_assert(!origin_is_host("ftp://a", "a"));
	ck_assert(origin_is_url("https://a.b", "https://a.b/path"));
	ck_assert(!origin_is_url("https://a.b", "https://a.bc/"));
	ck_assert(!origin_is_url("", ""));
	ck_assert(origin_listed("https://x", "https://w, https://x"));
	ck_assert(!origin_listed("https://x", "https://xy"));
	ck_assert(!origin_listed("", ""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("headers");
	TCase *tcase = tcase_create("headers");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_plain_message_is_framed_well);
	tcase_add_loop_test(tcase, what_could_be_read_in_two_ways_is_refused,
			    0, sizeof(framings) / sizeof(*framings));
	tcase_add_test(tcase, preferences_are_found_among_others);
	tcase_add_test(tcase, tags_are_compared_weakly_and_in_lists);
	tcase_add_test(tcase, a_key_may_stand_in_quotes);
	tcase_add_test(tcase, types_that_a_client_accepts_are_found);
	tcase_add_test(tcase, hosts_are_compared_with_and_without_their_ports);
	tcase_add_test(tcase, origins_are_ours_whole_or_not_at_all);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
