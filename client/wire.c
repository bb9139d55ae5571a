#include "client/wire.h"

#include "client/alloc.h"
#include "client/error.h"
#include "core/json_check.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_MAX 9007199254740991.0	/* 2^53 - 1 */

static const char *const state_words[] = {
	[HG_STATE_QUEUED] = "queued",
	[HG_STATE_RUNNING] = "running",
	[HG_STATE_PAUSED] = "paused",
	[HG_STATE_COMPLETED] = "completed",
	[HG_STATE_ERROR] = "error",
	[HG_STATE_CANCELED] = "canceled",
};

static const char *const result_words[] = {
	[HG_PENDING] = "pending",
	[HG_COMPLETED] = "completed",
	[HG_ERROR] = "error",
};

/* --- walking checked text -------------------------------------------------- */

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	return p;
}

/* p is at a quote; the one past the closing quote. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
			continue;
		} else if (*p == '}' || *p == ']') {
			if (!depth)
				return p;
			depth--;
			p++;
		} else if (depth || strchr(",: \t\r\n", *p)) {
			if (!depth)
				return p;
			p++;
			continue;
		} else {	/* a number or a word at the top */
			while (p < end && !strchr(",}] \t\r\n", *p))
				p++;
		}
		if (!depth)
			return p;
	}
	return end;
}

bool hg__wire_member(struct hg__slice object, const char *key,
		     struct hg__slice *value_out)
{
	const char *end = object.at + object.len, *p, *name, *value;
	size_t n = strlen(key), name_len;

	p = skip_space(object.at, end);
	if (p == end || *p != '{')
		return false;
	for (p = skip_space(p + 1, end); p < end && *p == '"';) {
		name = p + 1;
		p = skip_string(p, end);
		name_len = (size_t)(p - 1 - name);
		value = skip_space(skip_space(p, end) + 1, end);
		p = skip_value(value, end);
		if (name_len == n && !memcmp(name, key, n)) {
			value_out->at = value;
			value_out->len = (size_t)(p - value);
			return true;
		}
		p = skip_space(p, end);
		if (p < end && *p == ',')
			p = skip_space(p + 1, end);
	}
	return false;
}

bool hg__wire_next(struct hg__slice *rest, struct hg__slice *item_out)
{
	const char *end = rest->at + rest->len;
	const char *p = skip_space(rest->at, end), *item;

	if (p == end || (*p != '[' && *p != ','))
		return false;
	item = skip_space(p + 1, end);
	if (item == end || *item == ']')
		return false;
	p = skip_value(item, end);
	item_out->at = item;
	item_out->len = (size_t)(p - item);
	p = skip_space(p, end);
	rest->at = p;
	rest->len = (size_t)(end - p);
	return true;
}

hg_err hg__wire_check(const char *text, size_t len)
{
	const char *p;

	if (!len || json_check(text, len, NULL) != JSON_CHECK_OK)
		return HG_EPROTOCOL;
	p = skip_space(text, text + len);
	return p < text + len && *p == '{' ? HG_OK : HG_EPROTOCOL;
}

/* --- reading --------------------------------------------------------------- */

static cJSON *parse(struct hg__slice text)
{
	return text.len ? cJSON_ParseWithLengthOpts(text.at, text.len, NULL, 0)
			: NULL;
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, key));
}

/* false: not there, not a number, or beyond what a double holds exactly. */
static bool number_of(const cJSON *object, const char *key, double low,
		      double high, double *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= low) ||
	    !(item->valuedouble <= high))
		return false;
	*out = item->valuedouble;
	return true;
}

static int64_t integer_of(const cJSON *object, const char *key, double low,
			  double high, int64_t unknown)
{
	double value;

	return number_of(object, key, low, high, &value) ? (int64_t)value
							  : unknown;
}

static int64_t time_of(const cJSON *object, const char *key)
{
	const char *text = text_of(object, key);

	return text ? hg__wire_time(text) : -1;
}

/* A wrong type is the same as silence: only `result` may not be missing. */
static bool copy(const cJSON *object, const char *key, char **out)
{
	const char *text = text_of(object, key);

	*out = hg__strdup(text);
	return *out || !text;
}

static int find_word(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (words[i] && !strcmp(words[i], word))
			return (int)i;
	return -1;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static hg_state state_of(const char *word)
{
	int found = find_word(state_words, COUNT(state_words), word);

	return found < 0 ? HG_STATE_UNKNOWN : (hg_state)found;
}

static hg_err read_result(const cJSON *object, struct hg__view *v)
{
	const char *state = text_of(object, "state");
	const char *result = text_of(object, "result");
	int found;

	if (state) {
		v->state = state_of(state);
		/* rows of the bulk status, which may have no result */
		v->missing = !strcmp(state, "not_found");
		v->gone = !strcmp(state, "gone");
	}
	if (!result)
		return v->missing || v->gone ? HG_OK : HG_EPROTOCOL;
	found = find_word(result_words, COUNT(result_words), result);
	v->has_result = found >= 0;
	v->strange = found < 0;
	v->result = found < 0 ? HG_PENDING : (hg_result)found;
	if (!state && v->result == HG_COMPLETED)
		v->state = HG_STATE_COMPLETED;
	if (!state && v->result == HG_ERROR)
		v->state = HG_STATE_ERROR;
	return HG_OK;
}

static void read_numbers(const cJSON *object, struct hg__view *v)
{
	if (!number_of(object, "progress", 0, 1, &v->progress))
		v->progress = -1;
	v->remaining_ms = integer_of(object, "remaining_ms", 0, INTEGER_MAX, -1);
	v->version = integer_of(object, "version", 0, INTEGER_MAX, -1);
	v->priority = (int32_t)integer_of(object, "priority", INT32_MIN,
					  INT32_MAX, 0);
	v->attempt = (int32_t)integer_of(object, "attempt", 0, INT32_MAX, 0);
	v->estimated_completion_at = time_of(object, "estimated_completion_at");
	v->submitted_at = time_of(object, "submitted_at");
	v->finished_at = time_of(object, "finished_at");
	v->eta_null = cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(
		object, "estimated_completion_at"));
}

static bool read_texts(const cJSON *object, struct hg__view *v)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(object, "error");

	/* "" is no id: it cannot be asked for */
	if (!copy(object, "id", &v->id) ||
	    (!v->id && !copy(object, "job_id", &v->id)) ||
	    !copy(object, "title", &v->title) ||
	    !copy(object, "stage", &v->stage) ||
	    !copy(object, "result_url", &v->result_url) ||
	    !copy(object, "output_language", &v->language))
		return false;
	if (cJSON_IsString(error))
		return copy(object, "error", &v->error_message);
	return copy(error, "code", &v->error_code) &&
	       copy(error, "message", &v->error_message);
}

hg_err hg__wire_job(struct hg__slice text, struct hg__view *view_out)
{
	struct hg__view v = { 0 };
	cJSON *object = parse(text);
	hg_err err;

	if (!text.len)
		return HG_EPROTOCOL;
	if (!object)	/* it was checked, so this is cJSON out of memory */
		return HG_ENOMEM;
	err = cJSON_IsObject(object) ? read_result(object, &v) : HG_EPROTOCOL;
	if (err)
		goto out;
	read_numbers(object, &v);
	v.json = hg__strndup(text.at, text.len);
	if (!v.json || !read_texts(object, &v))
		err = HG_ENOMEM;
out:
	cJSON_Delete(object);
	if (err)
		hg__view_free(&v);
	else
		*view_out = v;
	return err;
}

void hg__view_free(struct hg__view *v)
{
	hg__free(v->id);
	hg__free(v->title);
	hg__free(v->stage);
	hg__free(v->result_url);
	hg__free(v->language);
	hg__free(v->error_code);
	hg__free(v->error_message);
	hg__free(v->json);
	memset(v, 0, sizeof(*v));
}

/* The first field that is named, unless the detail says the same already. */
static void read_field_error(const cJSON *object, const char *detail,
			     struct hg__problem *out)
{
	const cJSON *first = cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(object, "errors"), 0);
	const char *field = text_of(first, "field");
	const char *message = text_of(first, "message");
	struct hg__buf b = { 0 };

	if (!field || !message)
		return;
	if (detail && strstr(detail, field) && strstr(detail, message))
		return;
	if (detail && *detail)
		hg__buf_printf(&b, "%s%s ", detail,
			       detail[strlen(detail) - 1] == '.' ? "" : ":");
	hg__buf_printf(&b, "%s%s%s", field, *field ? ": " : "", message);
	if (!b.failed)
		hg__copy_text(out->detail, sizeof(out->detail), b.data);
	hg__buf_free(&b);
}

void hg__wire_problem(const char *text, size_t len, struct hg__problem *out)
{
	const char *code, *detail, *result, *state;
	cJSON *object;
	int found;

	memset(out, 0, sizeof(*out));
	out->finished_at = -1;
	if (hg__wire_check(text, len))
		return;
	object = parse((struct hg__slice){ text, len });
	code = text_of(object, "code");
	detail = text_of(object, "detail");
	if (!detail)
		detail = text_of(object, "title");
	result = text_of(object, "result");
	state = text_of(object, "state");
	if (code)
		hg__copy_text(out->code, sizeof(out->code), code);
	if (detail)
		hg__copy_text(out->detail, sizeof(out->detail), detail);
	read_field_error(object, detail, out);
	found = result ? find_word(result_words, COUNT(result_words), result)
		       : -1;
	out->has_result = found >= 0;
	out->result = found >= 0 ? (hg_result)found : HG_PENDING;
	out->state = state ? state_of(state) : HG_STATE_UNKNOWN;
	out->finished_at = time_of(object, "finished_at");
	cJSON_Delete(object);
}

bool hg__wire_text(struct hg__slice object, const char *key, char *to, size_t size)
{
	struct hg__slice value;
	cJSON *item;
	const char *text;
	bool fits = false;

	if (!hg__wire_member(object, key, &value))
		return false;
	item = parse(value);
	text = cJSON_GetStringValue(item);
	if (text && strlen(text) < size) {
		memcpy(to, text, strlen(text) + 1);
		fits = true;
	}
	cJSON_Delete(item);
	return fits;
}

bool hg__wire_integer(struct hg__slice object, const char *key, int64_t *out)
{
	struct hg__slice value;
	char text[32], *end;
	double number;

	if (!hg__wire_member(object, key, &value) || value.len >= sizeof(text))
		return false;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	number = strtod(text, &end);
	if (end == text || *end || !(fabs(number) <= INTEGER_MAX))
		return false;
	*out = (int64_t)number;
	return true;
}
