#include "core/json_check.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Checks a copy that ends where the text does, for the sanitizers to watch. */
static enum json_check_error check_bytes(const char *text, size_t bytes,
					 struct json_check_place *place_out)
{
	char *copy = malloc(bytes > 0 ? bytes : 1);
	enum json_check_error error;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, bytes);
	error = json_check(copy, bytes, place_out);
	free(copy);
	return error;
}

static enum json_check_error check(const char *text)
{
	return check_bytes(text, strlen(text), NULL);
}

#define SIXTY "111111111111111111111111111111111111111111111111111111111111"

static const char *const good[] = {
	"[" SIXTY "123,-" SIXTY "12,0." SIXTY "1,1" SIXTY "e9]",
	"null", "true", "false", "0", "-0", "10", "-1.5e+10", "1E-2", "0.0",
	"1e999", "123456789012345678901234567890", "0e0", "\"\"", "\"a\"",
	"{}", "[]", " \t\r\n{ } \n", "[ 1 , 2 ]", "{\"a\":{\"a\":{\"a\":1}}}",
	"[{\"a\":1},{\"a\":1}]", "{\"a\":[{\"a\":1}],\"b\":{\"b\":2}}",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\uFfFf\"",
	"\"\\ud83d\\ude00\\uD800\\uDC00\\uDBFF\\uDFFF\"",
	"\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
	"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x7f\"",
	"{\"a\":1,\"A\":2,\"\":3,\"a \":4}", "{\"\\u0061\":1,\"b\":2}",
	"{\"\\u00e9\":1,\"e\":2}", "{\"\\\\u0061\":1,\"a\":2}",
	"{\"\xc3\xa9\":1,\"e\xcc\x81\":2}",	/* equal only when normalized */
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

START_TEST(json_is_taken)
{
	ck_assert_msg(check(good[_i]) == JSON_CHECK_OK, "%s", good[_i]);
}
END_TEST

static const struct {
	enum json_check_error error;
	size_t offset;
	const char *text;
} bad[] = {
	{ JSON_CHECK_EMPTY, 0, "" },
	{ JSON_CHECK_EMPTY, 3, " \r\n" },

	{ JSON_CHECK_UNFINISHED, 1, "{" },
	{ JSON_CHECK_UNFINISHED, 1, "[" },
	{ JSON_CHECK_UNFINISHED, 2, "[1" },
	{ JSON_CHECK_UNFINISHED, 3, "[1," },
	{ JSON_CHECK_UNFINISHED, 2, "{\"" },
	{ JSON_CHECK_UNFINISHED, 4, "{\"a\"" },
	{ JSON_CHECK_UNFINISHED, 5, "{\"a\":" },
	{ JSON_CHECK_UNFINISHED, 6, "{\"a\":1" },
	{ JSON_CHECK_UNFINISHED, 7, "{\"a\":1," },
	{ JSON_CHECK_UNFINISHED, 1, "\"" },
	{ JSON_CHECK_UNFINISHED, 2, "\"a" },
	{ JSON_CHECK_UNFINISHED, 2, "\"\\" },
	{ JSON_CHECK_UNFINISHED, 3, "tru" },
	{ JSON_CHECK_UNFINISHED, 1, "n" },
	{ JSON_CHECK_UNFINISHED, 1, "-" },
	{ JSON_CHECK_UNFINISHED, 2, "1." },
	{ JSON_CHECK_UNFINISHED, 2, "1e" },
	{ JSON_CHECK_UNFINISHED, 3, "1e+" },

	{ JSON_CHECK_SYNTAX, 0, "}" },
	{ JSON_CHECK_SYNTAX, 0, "]" },
	{ JSON_CHECK_SYNTAX, 0, "," },
	{ JSON_CHECK_SYNTAX, 0, ":" },
	{ JSON_CHECK_SYNTAX, 1, "[}" },
	{ JSON_CHECK_SYNTAX, 1, "{]" },
	{ JSON_CHECK_SYNTAX, 3, "[1,]" },
	{ JSON_CHECK_SYNTAX, 1, "[,1]" },
	{ JSON_CHECK_SYNTAX, 3, "[1 2]" },
	{ JSON_CHECK_SYNTAX, 2, "[1}" },
	{ JSON_CHECK_SYNTAX, 2, "[1:2]" },
	{ JSON_CHECK_SYNTAX, 7, "{\"a\":1,}" },
	{ JSON_CHECK_SYNTAX, 1, "{,\"a\":1}" },
	{ JSON_CHECK_SYNTAX, 5, "{\"a\" 1}" },
	{ JSON_CHECK_SYNTAX, 4, "{\"a\",1}" },
	{ JSON_CHECK_SYNTAX, 4, "{\"a\"}" },
	{ JSON_CHECK_SYNTAX, 5, "{\"a\":}" },
	{ JSON_CHECK_SYNTAX, 6, "{\"a\":1]" },
	{ JSON_CHECK_SYNTAX, 6, "{\"a\":1:2}" },
	{ JSON_CHECK_SYNTAX, 1, "{a:1}" },
	{ JSON_CHECK_SYNTAX, 1, "{1:1}" },
	{ JSON_CHECK_SYNTAX, 1, "{'a':1}" },
	{ JSON_CHECK_SYNTAX, 0, "'a'" },
	{ JSON_CHECK_SYNTAX, 0, "NaN" },
	{ JSON_CHECK_SYNTAX, 0, "Infinity" },
	{ JSON_CHECK_SYNTAX, 0, "True" },
	{ JSON_CHECK_SYNTAX, 1, "tRUE" },
	{ JSON_CHECK_SYNTAX, 2, "nuLl" },
	{ JSON_CHECK_SYNTAX, 0, "+1" },
	{ JSON_CHECK_SYNTAX, 0, ".5" },
	{ JSON_CHECK_SYNTAX, 0, "/* */1" },
	{ JSON_CHECK_SYNTAX, 0, "//\n1" },
	{ JSON_CHECK_SYNTAX, 0, "\xef\xbb\xbf{}" },
	{ JSON_CHECK_SYNTAX, 0, "\v1" },
	{ JSON_CHECK_SYNTAX, 0, "\xc2\xa0" "1" },

	{ JSON_CHECK_NUMBER, 1, "01" },
	{ JSON_CHECK_NUMBER, 2, "-01" },
	{ JSON_CHECK_NUMBER, 2, "[00]" },
	{ JSON_CHECK_NUMBER, 1, "-a" },
	{ JSON_CHECK_NUMBER, 1, "-Infinity" },
	{ JSON_CHECK_NUMBER, 2, "1.e1" },
	{ JSON_CHECK_NUMBER, 2, "1.]" },
	{ JSON_CHECK_NUMBER, 2, "1ex" },
	{ JSON_CHECK_NUMBER, 3, "1e+ " },
	{ JSON_CHECK_NUMBER, 1, "--1" },
	{ JSON_CHECK_NUMBER, 1, "-.5" },

	{ JSON_CHECK_LONG_NUMBER, 1, "[-" SIXTY "123]" },
	{ JSON_CHECK_LONG_NUMBER, 3, "[1,0." SIXTY "e1,1" SIXTY "000]" },
	{ JSON_CHECK_TRAILING, 64, "1" SIXTY "000x" },

	{ JSON_CHECK_DEPTH, 32,
	  "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" },
	{ JSON_CHECK_DEPTH, 32, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{" },

	{ JSON_CHECK_UTF8, 1, "\"\x80\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xbf\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xc0\xaf\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xc1\xbf\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xc3\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xc3" },
	{ JSON_CHECK_UTF8, 1, "\"\xc3(\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xe0\x80\xaf\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xe0\x9f\xbf\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xe2\x82\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xe2\x28\xa1\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xed\xa0\x80\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xed\xbf\xbf\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xf0\x8f\xbf\xbf\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xf0\x9f\x98\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xf4\x90\x80\x80\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xf5\x80\x80\x80\"" },
	{ JSON_CHECK_UTF8, 1, "\"\xff\"" },
	{ JSON_CHECK_UTF8, 2, "{\"\xff\":1}" },

	{ JSON_CHECK_NUL, 1, "\"\\u0000\"" },
	{ JSON_CHECK_NUL, 3, "{\"a\\u0000b\":1}" },
	{ JSON_CHECK_CONTROL, 1, "\"\n\"" },
	{ JSON_CHECK_CONTROL, 2, "\"a\tb\"" },
	{ JSON_CHECK_CONTROL, 1, "\"\x1f\"" },
	{ JSON_CHECK_CONTROL, 1, "\"\x01\"" },

	{ JSON_CHECK_ESCAPE, 1, "\"\\a\"" },
	{ JSON_CHECK_ESCAPE, 1, "\"\\'\"" },
	{ JSON_CHECK_ESCAPE, 1, "\"\\x41\"" },
	{ JSON_CHECK_ESCAPE, 1, "\"\\U0041\"" },
	{ JSON_CHECK_ESCAPE, 1, "\"\\u004\"" },
	{ JSON_CHECK_ESCAPE, 1, "\"\\u00g1\"" },
	{ JSON_CHECK_ESCAPE, 1, "\"\\u+041\"" },
	{ JSON_CHECK_ESCAPE, 1, "\"\\u" },

	{ JSON_CHECK_SURROGATE, 1, "\"\\ud800\"" },
	{ JSON_CHECK_SURROGATE, 1, "\"\\udfff\"" },
	{ JSON_CHECK_SURROGATE, 1, "\"\\ud800\\u0041\"" },
	{ JSON_CHECK_SURROGATE, 1, "\"\\ud800\\ud800\"" },
	{ JSON_CHECK_SURROGATE, 1, "\"\\ud800\\n\\udc00\"" },
	{ JSON_CHECK_SURROGATE, 1, "\"\\ud800" },
	{ JSON_CHECK_SURROGATE, 1, "\"\\ud800\\udc0" },
	{ JSON_CHECK_SURROGATE, 1, "\"\\udc00\\ud800\"" },

	{ JSON_CHECK_DUPLICATE, 7, "{\"a\":1,\"a\":2}" },
	{ JSON_CHECK_DUPLICATE, 6, "{\"\":1,\"\":2}" },
	{ JSON_CHECK_DUPLICATE, 7, "{\"a\":1,\"\\u0061\":2}" },
	{ JSON_CHECK_DUPLICATE, 12, "{\"\\u0061\":1,\"a\":2}" },
	{ JSON_CHECK_DUPLICATE, 8, "{\"/\":{},\"\\/\":2}" },
	{ JSON_CHECK_DUPLICATE, 8, "{\"\\n\":1,\"\\u000A\":2}" },
	{ JSON_CHECK_DUPLICATE, 8, "{\"\xc3\xa9\":1,\"\\u00e9\":2}" },
	{ JSON_CHECK_DUPLICATE, 9, "{\"\xe2\x82\xac\":1,\"\\u20AC\":2}" },
	{ JSON_CHECK_DUPLICATE, 10,
	  "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\uDE00\":2}" },
	{ JSON_CHECK_DUPLICATE, 25, "{\"a\":{\"b\":1,\"c\":2,\"d\":3},\"a\":1}" },
	{ JSON_CHECK_DUPLICATE, 14, "[{\"a\":1,\"b\":2,\"a\":3}]" },
	{ JSON_CHECK_DUPLICATE, 8, "[{\"a\":1,\"a\":{" },

	{ JSON_CHECK_TRAILING, 2, "{}{}" },
	{ JSON_CHECK_TRAILING, 2, "{}]" },
	{ JSON_CHECK_TRAILING, 2, "1 2" },
	{ JSON_CHECK_TRAILING, 4, "null," },
	{ JSON_CHECK_TRAILING, 4, "nullx" },
	{ JSON_CHECK_TRAILING, 1, "0x10" },
	{ JSON_CHECK_TRAILING, 3, "{} // no" },
};

START_TEST(what_is_not_json_is_refused_where_it_goes_wrong)
{
	struct json_check_place place = { 0 };
	enum json_check_error error =
		check_bytes(bad[_i].text, strlen(bad[_i].text), &place);

	ck_assert_msg(error == bad[_i].error, "%s: %s", bad[_i].text,
		      json_check_text(error));
	ck_assert_msg(place.offset == bad[_i].offset, "%s: at %zu",
		      bad[_i].text, place.offset);
}
END_TEST

START_TEST(a_nul_byte_is_refused_wherever_it_stands)
{
	static const struct {
		const char *text;
		size_t bytes;
		size_t offset;
	} rows[] = {
		{ "\0", 1, 0 }, { "{}\0", 3, 2 }, { "\"a\0b\"", 5, 2 },
		{ "{\0}", 3, 1 }, { "[1\0]", 4, 2 }, { "{\"a\"\0:1}", 8, 4 },
		{ "{\"a\":\0}", 7, 5 }, { "tr\0e", 4, 2 }, { "1.\0", 3, 2 },
		{ "\"\\\0\"", 4, 1 }, { "\"\\u00\0" "1\"", 8, 1 },
	};

	for (int i = 0; i < COUNT(rows); i++) {
		struct json_check_place place = { 0 };

		ck_assert_int_ne(check_bytes(rows[i].text, rows[i].bytes,
					     &place), JSON_CHECK_OK);
		ck_assert_uint_eq(place.offset, rows[i].offset);
	}
}
END_TEST

START_TEST(every_beginning_of_a_value_is_refused_and_the_whole_is_taken)
{
	static const char text[] =
		"{\"a\":[1.5e-3,true,null,{\"b\\u00e9\":\"\\ud83d\\ude00\"}],"
		"\"c\xe2\x82\xac\":-0}";

	for (size_t bytes = 0; bytes < strlen(text); bytes++)
		ck_assert_int_ne(check_bytes(text, bytes, NULL), JSON_CHECK_OK);
	ck_assert_int_eq(check(text), JSON_CHECK_OK);
}
END_TEST

START_TEST(a_place_is_a_line_and_a_character_in_it)
{
	struct json_check_place place;
	const char *text = "{\n\t\"\xe2\x82\xac\": 1,\r\n \"b\": x}";

	ck_assert_int_eq(check_bytes(text, strlen(text), &place),
			 JSON_CHECK_SYNTAX);
	ck_assert_uint_eq(place.line, 3);
	ck_assert_uint_eq(place.column, 7);
	text = "[\"\xe2\x82\xac\xc3\xa9\",x]";
	ck_assert_int_eq(check_bytes(text, strlen(text), &place),
			 JSON_CHECK_SYNTAX);
	ck_assert_uint_eq(place.line, 1);
	ck_assert_uint_eq(place.column, 7);
	ck_assert_uint_eq(place.offset, 9);
}
END_TEST

START_TEST(every_error_has_a_sentence_of_its_own)
{
	for (int i = 0; i < JSON_CHECK_ERRORS; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(json_check_text(i),
					 json_check_text(j));
	ck_assert_str_eq(json_check_text(JSON_CHECK_ERRORS), "unknown error");
}
END_TEST

/* --- many keys --------------------------------------------------------------- */

struct text {
	char *at;
	size_t bytes;
};

static struct text given_text(size_t room)
{
	struct text text = { .at = malloc(room) };

	ck_assert_ptr_nonnull(text.at);
	return text;
}

static void add(struct text *text, const char *more)
{
	size_t bytes = strlen(more);

	memcpy(text->at + text->bytes, more, bytes);
	text->bytes += bytes;
}

static void add_keys(struct text *text, int from, int to)
{
	char one[32];

	for (int i = from; i < to; i++) {
		snprintf(one, sizeof(one), "%s\"k%x\":0",
			 text->at[text->bytes - 1] == '{' ? "" : ",", i);
		add(text, one);
	}
}

static const int amounts[] = { 1,    100,  2047,  2048,	 2049,
			       3072, 4096, 10000, 40000 };

START_TEST(any_number_of_different_keys_is_taken_and_a_double_one_found)
{
	int n = amounts[_i];
	struct text text = given_text((size_t)n * 16 + 64);
	struct json_check_place place;
	size_t whole;

	add(&text, "{");
	add_keys(&text, 0, n);
	whole = text.bytes;
	add(&text, "}");
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL), JSON_CHECK_OK);
	/* the first, one in the middle, the last */
	for (int i = 0; i < 3; i++) {
		int again = i == 0 ? 0 : i == 1 ? n / 2 : n - 1;

		text.bytes = whole;
		add_keys(&text, again, again + 1);
		add(&text, "}");
		ck_assert_int_eq(json_check(text.at, text.bytes, &place),
				 JSON_CHECK_DUPLICATE);
		ck_assert_uint_eq(place.offset, whole + 1);
	}
	free(text.at);
}
END_TEST

START_TEST(a_mebibyte_of_keys_is_compared_and_only_much_more_is_refused)
{
	struct text text = given_text(4 << 20);

	add(&text, "{");
	add_keys(&text, 0, 131072);
	add(&text, "}");
	ck_assert_uint_gt(text.bytes, 1 << 20);
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL), JSON_CHECK_OK);
	text.bytes--;
	add_keys(&text, 131072, 160000);
	add(&text, "}");
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL),
			 JSON_CHECK_TOO_LARGE);
	free(text.at);
}
END_TEST

START_TEST(keys_count_in_their_own_object_however_deep_it_lies)
{
	struct text text = given_text(1 << 20);
	size_t inner, outer;

	/* an object with many keys, in objects with many keys */
	add(&text, "{");
	for (int depth = 1; depth < JSON_CHECK_DEPTH_MAX; depth++) {
		add_keys(&text, 0, 200);
		add(&text, ",\"in\":{");
	}
	add_keys(&text, 0, 5000);
	inner = text.bytes;
	for (int depth = 0; depth < JSON_CHECK_DEPTH_MAX; depth++)
		add(&text, "}");
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL), JSON_CHECK_OK);

	text.bytes = inner;
	add_keys(&text, 4999, 5000);
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL),
			 JSON_CHECK_UNFINISHED);	/* that comes first */
	for (int depth = 0; depth < JSON_CHECK_DEPTH_MAX; depth++)
		add(&text, "}");
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL),
			 JSON_CHECK_DUPLICATE);

	text.bytes = inner;
	for (int depth = 1; depth < JSON_CHECK_DEPTH_MAX; depth++)
		add(&text, "}");
	outer = text.bytes;
	add_keys(&text, 300, 301);
	add(&text, "}");
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL), JSON_CHECK_OK);
	text.bytes = outer;
	add_keys(&text, 7, 8);
	add(&text, "}");
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL),
			 JSON_CHECK_DUPLICATE);
	free(text.at);
}
END_TEST

START_TEST(objects_side_by_side_do_not_add_up)
{
	struct text text = given_text(4 << 20);

	add(&text, "[{}");
	for (int i = 0; i < 1000; i++) {
		add(&text, ",{");
		add_keys(&text, 0, 40);
		add(&text, "}");
	}
	add(&text, "]");
	ck_assert_int_eq(json_check(text.at, text.bytes, NULL), JSON_CHECK_OK);
	free(text.at);
}
END_TEST

/* --- against another implementation ------------------------------------------- */

static unsigned long state = 1;

static unsigned draw(unsigned below)
{
	state = state * 6364136223846793005ul + 1442695040888963407ul;
	return (unsigned)(state >> 33) % below;
}

/* Objects of few and short keys, some of them spelled with escapes: is a
 * double one found exactly when there is one? */
START_TEST(a_double_key_is_found_exactly_when_there_is_one)
{
	static const char *const spelled[][2] = {
		{ "a", "\\u0061" }, { "b", "\\u0062" }, { "/", "\\/" },
		{ "\xc3\xa9", "\\u00E9" }, { "ab", "a\\u0062" }, { "", "" },
		{ "\\\"", "\\u0022" }, { "\\n", "\\u000a" },
	};

	for (int round = 0; round < 20000; round++) {
		char text[256] = "{", *at = text + 1;
		unsigned keys = 1 + draw(5), seen = 0;
		bool twice = false;

		for (unsigned i = 0; i < keys; i++) {
			unsigned k = draw(COUNT(spelled));

			twice |= (seen >> k & 1) != 0;
			seen |= 1u << k;
			at += sprintf(at, "%s\"%s\":%s", i > 0 ? "," : "",
				      spelled[k][draw(2)],
				      draw(4) > 0 ? "1" : "{\"a\":2,\"b\":[]}");
		}
		strcpy(at, "}");
		/* not an assertion each: that would be slow */
		if (check(text) != (twice ? JSON_CHECK_DUPLICATE
					  : JSON_CHECK_OK))
			ck_abort_msg("%s", text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_check");
	TCase *tcase = tcase_create("json_check");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, json_is_taken, 0, COUNT(good));
	tcase_add_loop_test(tcase,
			    what_is_not_json_is_refused_where_it_goes_wrong, 0,
			    COUNT(bad));
	tcase_add_test(tcase, a_nul_byte_is_refused_wherever_it_stands);
	tcase_add_test(tcase,
		       every_beginning_of_a_value_is_refused_and_the_whole_is_taken);
	tcase_add_test(tcase, a_place_is_a_line_and_a_character_in_it);
	tcase_add_test(tcase, every_error_has_a_sentence_of_its_own);
	tcase_add_loop_test(tcase,
			    any_number_of_different_keys_is_taken_and_a_double_one_found,
			    0, COUNT(amounts));
	tcase_add_test(tcase,
		       a_mebibyte_of_keys_is_compared_and_only_much_more_is_refused);
	tcase_add_test(tcase,
		       keys_count_in_their_own_object_however_deep_it_lies);
	tcase_add_test(tcase, objects_side_by_side_do_not_add_up);
	tcase_add_test(tcase, a_double_key_is_found_exactly_when_there_is_one);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
