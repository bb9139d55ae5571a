/* Whatever a server says of a job or an error: texts are UTF-8, numbers stay
 * in their ranges, and a member found by walking is the one cJSON finds. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "client/wire.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "wire";

#define INTEGER_MAX INT64_C(9007199254740991)	/* 2^53 - 1 */
#define YEAR_0_MS (-INT64_C(62167219200000) - 86400000)	/* and a zone */
#define YEAR_9999_MS (INT64_C(253402300799999) + 86400000)

static void check_text(const char *text)
{
	if (text && !hg__utf8_ok(text))
		abort();
}

static void check_number(int64_t n)
{
	if (n < -1 || n > INTEGER_MAX)
		abort();
}

static void check_time(int64_t ms)
{
	if (ms < YEAR_0_MS || ms > YEAR_9999_MS)
		abort();
}

static void check_view(const struct hg__view *v)
{
	check_text(v->id);
	check_text(v->title);
	check_text(v->stage);
	check_text(v->result_url);
	check_text(v->language);
	check_text(v->error_code);
	check_text(v->error_message);
	check_text(v->json);
	check_number(v->remaining_ms);
	check_number(v->version);
	check_time(v->estimated_completion_at);
	check_time(v->submitted_at);
	check_time(v->finished_at);
	if (v->attempt < 0 || (v->has_result && v->strange) ||
	    !(v->progress == -1 || (v->progress >= 0 && v->progress <= 1)))
		abort();
}

static void check_job(struct hg__slice text)
{
	struct hg__view view;

	if (hg__wire_job(text, &view) != HG_OK)
		return;
	if (strlen(view.json) != text.len ||
	    memcmp(view.json, text.at, text.len) != 0)
		abort();
	check_view(&view);
	hg__view_free(&view);
}

static void check_problem(const char *text, size_t size)
{
	struct hg__problem problem;

	hg__wire_problem(text, size, &problem);
	if (strlen(problem.code) >= sizeof(problem.code) ||
	    strlen(problem.detail) >= sizeof(problem.detail))
		abort();
	check_text(problem.code);
	check_text(problem.detail);
	check_time(problem.finished_at);
}

static bool is_within(struct hg__slice part, struct hg__slice whole)
{
	return part.len > 0 && part.at >= whole.at &&
	       part.at + part.len <= whole.at + whole.len;
}

/* As text: cJSON_Compare() finds an infinity unlike itself. */
static void check_same(struct hg__slice part, struct hg__slice whole,
		       const cJSON *wanted)
{
	char *found_text, *wanted_text;
	cJSON *value;

	if (!is_within(part, whole))
		abort();
	value = cJSON_ParseWithLengthOpts(part.at, part.len, NULL, 0);
	found_text = cJSON_PrintUnformatted(value);
	wanted_text = cJSON_PrintUnformatted(wanted);
	if (!found_text || !wanted_text || strcmp(found_text, wanted_text) != 0)
		abort();
	cJSON_free(found_text);
	cJSON_free(wanted_text);
	cJSON_Delete(value);
}

static void check_items(struct hg__slice array, const cJSON *wanted)
{
	struct hg__slice rest = array, item;
	const cJSON *next = cJSON_IsArray(wanted) ? wanted->child : NULL;

	for (; hg__wire_next(&rest, &item); next = next->next) {
		if (!next)
			abort();
		check_same(item, array, next);
	}
	if (next)
		abort();
}

/* Keys are compared as they are written: one with escapes may not be found,
 * and one that holds a backslash is never asked for. */
static void check_members(struct hg__slice object, const cJSON *wanted)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, wanted) {
		struct hg__slice value;
		char small[16];
		int64_t n;

		if (strchr(member->string, '\\'))
			continue;
		if (!hg__wire_member(object, member->string, &value)) {
			if (!memchr(object.at, '\\', object.len))
				abort();
			continue;
		}
		check_same(value, object, member);
		check_items(value, member);
		if (hg__wire_text(object, member->string, small, sizeof(small)))
			check_text(small);
		if (hg__wire_integer(object, member->string, &n) &&
		    (n < -INTEGER_MAX || n > INTEGER_MAX))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hg__slice text = { (const char *)data, size };
	cJSON *object;

	check_problem(text.at, size);
	if (hg__wire_check(text.at, size) != HG_OK)
		return 0;
	check_job(text);
	object = cJSON_ParseWithLengthOpts(text.at, size, NULL, 0);
	if (!object)
		abort();
	check_members(text, object);
	cJSON_Delete(object);
	return 0;
}
