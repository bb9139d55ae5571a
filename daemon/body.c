#include "daemon/body.h"

#include "core/clock.h"
#include "core/json_check.h"
#include "core/utf8.h"
#include "daemon/json_shorten.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INTEGER_MAX INT64_C(9007199254740991)	/* 2^53 - 1 */
#define COMPLAINTS_MAX 32	/* beyond, they are only counted */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- complaints --------------------------------------------------------------- */

void complaints_free(struct complaints *c)
{
	text_free(&c->errors);
	text_free(&c->detail);
}

/* Where a field stands: "" or "jobs[3]." before its name. */
struct place {
	struct complaints *complaints;
	const char *prefix;
	bool strict;
};

/* A name that does not fit is cut, but between two characters. */
static void name_field(const struct place *at, const char *field, char *name,
		       size_t size)
{
	size_t n = (size_t)snprintf(name, size, "%s%s", at->prefix, field);

	if (n < size)
		return;
	n = size - 1;
	while (n > 0 && (name[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && utf8_bytes(name + n - 1) == 0)
		name[n - 1] = '\0';
}

static void __attribute__((format(printf, 4, 5)))
complain(const struct place *at, const char *code, const char *field,
	 const char *format, ...)
{
	struct complaints *c = at->complaints;
	char name[256], message[256];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	name_field(at, field, name, sizeof(name));
	if (c->count++ == 0) {
		c->status = 422;
		c->code = code;
		text_printf(&c->detail, "%s%s%s.", name, *name ? " " : "",
			    message);
	}
	if (c->count > COMPLAINTS_MAX)
		return;
	if (c->count > 1)
		text_char(&c->errors, ',');
	text_literal(&c->errors, "{\"field\":");
	text_json_string(&c->errors, name);
	text_literal(&c->errors, ",\"message\":");
	text_json_string(&c->errors, message);
	text_char(&c->errors, '}');
}

#define INVALID "invalid_field"

/* The parser takes no number that is longer than some, JSON does. */
static cJSON *parse_long(const char *text, size_t length)
{
	char *copy = malloc(length + 1);
	const char *end;
	cJSON *body;

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	json_shorten(copy, length);
	body = cJSON_ParseWithLengthOpts(copy, length, &end, false);
	free(copy);
	return body;
}

cJSON *body_parse(const char *text, size_t length, struct complaints *c)
{
	struct place at = { .complaints = c, .prefix = "" };
	struct json_check_place where;
	enum json_check_error error = json_check(text, length, &where);
	const char *end;
	cJSON *body;

	if (error != JSON_CHECK_OK && error != JSON_CHECK_LONG_NUMBER) {
		c->status = 400;
		c->code = "malformed_json";
		c->count = 1;
		text_printf(&c->detail, "The body is not JSON: %s "
			    "(line %zu, column %zu).", json_check_text(error),
			    error == JSON_CHECK_EMPTY ? 1 : where.line,
			    error == JSON_CHECK_EMPTY ? 1 : where.column);
		return NULL;
	}
	body = error == JSON_CHECK_LONG_NUMBER
		       ? parse_long(text, length)
		       : cJSON_ParseWithLengthOpts(text, length, &end, false);
	if (!body) {
		c->errors.failed = true;
		return NULL;
	}
	if (!cJSON_IsObject(body)) {
		complain(&at, INVALID, "", "The body must be an object");
		cJSON_Delete(body);
		return NULL;
	}
	return body;
}

/* --- values --------------------------------------------------------------------- */

static bool take_integer(const struct place *at, const cJSON *item,
			 int64_t min, int64_t max, int64_t *out)
{
	double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;

	if (!(value >= (double)min && value <= (double)max) ||
	    value != floor(value)) {
		complain(at, INVALID, item->string,
			 "must be an integer from %lld to %lld",
			 (long long)min, (long long)max);
		return false;
	}
	*out = (int64_t)value;
	return true;
}

static bool take_share(const struct place *at, const cJSON *item, double *out)
{
	double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;

	if (!(value >= 0 && value <= 1)) {
		complain(at, INVALID, item->string,
			 "must be a number from 0 to 1");
		return false;
	}
	*out = value;
	return true;
}

static const char *take_string(const struct place *at, const cJSON *item,
			       size_t max)
{
	if (!cJSON_IsString(item)) {
		complain(at, INVALID, item->string, "must be a string");
		return NULL;
	}
	if (strlen(item->valuestring) > max) {
		complain(at, INVALID, item->string,
			 "must not be longer than %zu bytes", max);
		return NULL;
	}
	return item->valuestring;
}

static bool take_priority(const struct place *at, const cJSON *item, int *out)
{
	int64_t value;

	if (cJSON_IsString(item)) {
		if (priority_parse(item->valuestring, out))
			return true;
		complain(at, INVALID, item->string,
			 "must be an integer, or low, normal, high or urgent");
		return false;
	}
	if (!take_integer(at, item, PRIORITY_MIN, PRIORITY_MAX, &value))
		return false;
	*out = (int)value;
	return true;
}

static bool take_on_error(const struct place *at, const cJSON *item, int *out)
{
	int value = cJSON_IsString(item) ? on_error_parse(item->valuestring)
					 : -1;

	if (value < 0) {
		complain(at, INVALID, item->string, "must be stop or restart");
		return false;
	}
	*out = value;
	return true;
}

static bool take_ttl(const struct place *at, const cJSON *item, int64_t *out)
{
	double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;

	if (!(value == TTL_KEEP || (value >= 1 && value <= INTEGER_MAX)) ||
	    value != floor(value)) {
		complain(at, INVALID, item->string,
			 "must be an integer from 1 on, or -1 to keep the job");
		return false;
	}
	*out = (int64_t)value;
	return true;
}

static bool tag_is_good(const cJSON *tag)
{
	size_t length = cJSON_IsString(tag) ? strlen(tag->valuestring) : 0;

	return length > 0 && length <= JOB_TAG_BYTES &&
	       tag->valuestring[strspn(tag->valuestring,
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789_.:-")] == '\0';
}

/* The tags joined by spaces, malloc'ed, each once.  NULL: a complaint, or no
 * memory. */
static char *take_tags(const struct place *at, const cJSON *item)
{
	const cJSON *tag, *other;
	char *joined, *to;
	char field[32];
	int n = 0;

	if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) > JOB_TAGS_MAX) {
		complain(at, INVALID, item->string,
			 "must be an array of at most %d tags", JOB_TAGS_MAX);
		return NULL;
	}
	joined = to = calloc(JOB_TAGS_MAX, JOB_TAG_BYTES + 1);
	if (!joined)
		at->complaints->errors.failed = true;
	cJSON_ArrayForEach(tag, item) {
		snprintf(field, sizeof(field), "%s[%d]", item->string, n++);
		if (!tag_is_good(tag)) {
			complain(at, INVALID, field,
				 "must be 1 to %d of A-Z a-z 0-9 _ . : -",
				 JOB_TAG_BYTES);
			free(joined);
			return NULL;
		}
		for (other = item->child; other != tag; other = other->next)
			if (strcmp(other->valuestring, tag->valuestring) == 0)
				break;
		if (!joined || other != tag)
			continue;
		if (to != joined)
			*to++ = ' ';
		to = stpcpy(to, tag->valuestring);
	}
	return joined;
}

static bool url_is_http(const char *url)
{
	const char *rest = strncasecmp(url, "http://", 7) == 0	  ? url + 7
			   : strncasecmp(url, "https://", 8) == 0 ? url + 8
								  : NULL;

	if (!rest || !*rest || strchr("/?#:", *rest))
		return false;
	for (; *rest; rest++)
		if ((unsigned char)*rest <= ' ' || *rest == 0x7f)
			return false;
	return true;
}

/* --- simulate ---------------------------------------------------------------------- */

static void take_simulate_field(const struct place *at, const cJSON *item,
				struct simulate *s)
{
	const char *name = item->string;
	int64_t n = 0;

	if (strcmp(name, "duration_ms") == 0) {
		if (take_integer(at, item, 0, INTEGER_MAX, &s->duration_ms))
			s->given |= SIMULATE_DURATION;
	} else if (strcmp(name, "error_rate") == 0) {
		if (take_share(at, item, &s->error_rate))
			s->given |= SIMULATE_ERROR_RATE;
	} else if (strcmp(name, "fail_at") == 0) {
		if (take_share(at, item, &s->fail_at))
			s->given |= SIMULATE_FAIL_AT;
	} else if (strcmp(name, "fail_attempts") == 0) {
		if (take_integer(at, item, 0, INT32_MAX, &n))
			s->given |= SIMULATE_FAIL_ATTEMPTS;
		s->fail_attempts = (int32_t)n;
	} else if (strcmp(name, "seed") == 0) {
		if (take_integer(at, item, 0, INTEGER_MAX, &n))
			s->given |= SIMULATE_SEED;
		s->seed = (uint64_t)n;
	} else if (at->strict) {
		complain(at, "unknown_field", name, "is not known");
	}
}

static void take_simulate(const struct place *at, const cJSON *item,
			  struct simulate *s)
{
	char prefix[64];
	struct place inside = *at;
	const cJSON *field;

	if (!cJSON_IsObject(item)) {
		complain(at, INVALID, item->string, "must be an object");
		return;
	}
	snprintf(prefix, sizeof(prefix), "%s%s.", at->prefix, item->string);
	inside.prefix = prefix;
	cJSON_ArrayForEach(field, item)
		if (!cJSON_IsNull(field))
			take_simulate_field(&inside, field, s);
}

/* --- a submission --------------------------------------------------------------------- */

/* One job of a body, being read. */
struct taking {
	struct submission *submission;
	struct simulate *simulate;
	char **tags;
};

static void take_title(const struct place *at, const cJSON *item,
		       struct taking *to)
{
	to->submission->parts.text[TEXT_TITLE] =
		take_string(at, item, JOB_TITLE_BYTES);
}

static void take_source_language(const struct place *at, const cJSON *item,
				 struct taking *to)
{
	to->submission->parts.text[TEXT_SOURCE_LANGUAGE] =
		take_string(at, item, JOB_LANGUAGE_BYTES);
}

static void take_output_language(const struct place *at, const cJSON *item,
				 struct taking *to)
{
	to->submission->parts.text[TEXT_OUTPUT_LANGUAGE] =
		take_string(at, item, JOB_LANGUAGE_BYTES);
}

static void take_source_url(const struct place *at, const cJSON *item,
			    struct taking *to)
{
	const char *url = take_string(at, item, JOB_URL_BYTES);

	if (url && !url_is_http(url))
		complain(at, INVALID, item->string,
			 "must be an http or https URL");
	to->submission->parts.text[TEXT_SOURCE_URL] = url;
}

static void take_job_tags(const struct place *at, const cJSON *item,
			  struct taking *to)
{
	to->submission->parts.text[TEXT_TAGS] = *to->tags =
		take_tags(at, item);
}

static void take_job_priority(const struct place *at, const cJSON *item,
			      struct taking *to)
{
	take_priority(at, item, &to->submission->priority);
}

static void take_job_on_error(const struct place *at, const cJSON *item,
			      struct taking *to)
{
	take_on_error(at, item, &to->submission->on_error);
}

static void take_max_attempts(const struct place *at, const cJSON *item,
			      struct taking *to)
{
	take_integer(at, item, 1, JOB_ATTEMPTS_MAX,
		     &to->submission->max_attempts);
}

static void take_job_ttl(const struct place *at, const cJSON *item,
			 struct taking *to)
{
	take_ttl(at, item, &to->submission->ttl_s);
}

static void take_not_before(const struct place *at, const cJSON *item,
			    struct taking *to)
{
	if (!cJSON_IsString(item) ||
	    !clock_parse(item->valuestring, &to->submission->not_before_ms))
		complain(at, INVALID, item->string,
			 "must be a time such as 2026-11-22T12:00:00Z");
}

static void take_job_simulate(const struct place *at, const cJSON *item,
			      struct taking *to)
{
	take_simulate(at, item, to->simulate);
	if (to->simulate->given)
		to->submission->parts.simulate = to->simulate;
}

static const struct {
	const char *name;
	void (*take)(const struct place *at, const cJSON *item,
		     struct taking *to);
} job_fields[] = {
	{ "source_url", take_source_url },
	{ "title", take_title },
	{ "source_language", take_source_language },
	{ "output_language", take_output_language },
	{ "tags", take_job_tags },
	{ "priority", take_job_priority },
	{ "on_error", take_job_on_error },
	{ "max_attempts", take_max_attempts },
	{ "ttl_s", take_job_ttl },
	{ "not_before", take_not_before },
	{ "simulate", take_job_simulate },
};

/* null is as if the field were not there: a job as it is shown can be
 * submitted again. */
static void take_job_field(const struct place *at, const cJSON *item,
			   struct taking *to)
{
	for (size_t i = 0; i < COUNT(job_fields); i++)
		if (strcmp(item->string, job_fields[i].name) == 0) {
			if (!cJSON_IsNull(item))
				job_fields[i].take(at, item, to);
			return;
		}
	if (at->strict)
		complain(at, "unknown_field", item->string, "is not known");
}

static void take_job(const struct place *at, const cJSON *job,
		     struct submissions *out, size_t n)
{
	struct taking to = { &out->items[n], &out->simulate[n],
			     &out->tags[n] };
	const cJSON *item;

	to.submission->on_error = -1;
	to.submission->not_before_ms = TIME_NONE;
	cJSON_ArrayForEach(item, job)
		take_job_field(at, item, &to);
}

static bool submissions_new(size_t count, struct submissions *out,
			    struct complaints *c)
{
	out->items = calloc(count, sizeof(*out->items));
	out->simulate = calloc(count, sizeof(*out->simulate));
	out->tags = calloc(count, sizeof(*out->tags));
	if (out->items && out->simulate && out->tags) {
		out->count = count;
		return true;
	}
	c->errors.failed = true;
	return false;
}

void submissions_free(struct submissions *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->tags[i]);
	free(s->tags);
	free(s->simulate);
	free(s->items);
	*s = (struct submissions){ 0 };
}

static bool is_well(const struct complaints *c)
{
	return c->count == 0 && !c->errors.failed;
}

bool submissions_of_job(const cJSON *body, bool strict,
			struct submissions *out, struct complaints *c)
{
	struct place at = { c, "", strict };

	*out = (struct submissions){ 0 };
	if (!submissions_new(1, out, c))
		return false;
	take_job(&at, body, out, 0);
	return is_well(c);
}

/* Complains about all fields of an object but those named. */
static void only(const struct place *at, const cJSON *body, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, body)
		if (at->strict && strcmp(item->string, name) != 0)
			complain(at, "unknown_field", item->string,
				 "is not known");
}

bool submissions_of_batch(const cJSON *body, bool strict,
			  struct submissions *out, struct complaints *c)
{
	const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(body, "jobs");
	int count = cJSON_IsArray(jobs) ? cJSON_GetArraySize(jobs) : 0;
	struct place at = { c, "", strict };
	const cJSON *job;
	char prefix[32];
	size_t n = 0;

	*out = (struct submissions){ 0 };
	only(&at, body, "jobs");
	if (count < 1 || count > BATCH_JOBS_MAX) {
		complain(&at, INVALID, "jobs",
			 "must be an array of 1 to %d jobs", BATCH_JOBS_MAX);
		return false;
	}
	if (!submissions_new((size_t)count, out, c))
		return false;
	cJSON_ArrayForEach(job, jobs) {
		struct place inside = { c, prefix, strict };

		if (cJSON_IsObject(job)) {
			snprintf(prefix, sizeof(prefix), "jobs[%zu].", n);
			take_job(&inside, job, out, n);
		} else {
			snprintf(prefix, sizeof(prefix), "jobs[%zu]", n);
			complain(&inside, INVALID, "", "must be an object");
		}
		n++;
	}
	return is_well(c);
}

/* --- ids, the clock ------------------------------------------------------------------- */

bool ids_of_body(const cJSON *body, bool strict, const char ***ids_out,
		 size_t *count_out, struct complaints *c)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(body, "ids"), *id;
	int count = cJSON_IsArray(ids) ? cJSON_GetArraySize(ids) : -1;
	struct place at = { c, "", strict };
	const char **texts;
	char field[32];
	int n = 0;

	only(&at, body, "ids");
	if (count < 0 || count > BULK_IDS_MAX) {
		complain(&at, INVALID, "ids",
			 "must be an array of at most %d ids", BULK_IDS_MAX);
		return false;
	}
	texts = calloc((size_t)count + 1, sizeof(*texts));
	if (!texts) {
		c->errors.failed = true;
		return false;
	}
	cJSON_ArrayForEach(id, ids) {
		snprintf(field, sizeof(field), "ids[%d]", n);
		if (!cJSON_IsString(id))
			complain(&at, INVALID, field, "must be a string");
		texts[n++] = id->valuestring;
	}
	if (!is_well(c)) {
		free(texts);
		return false;
	}
	*ids_out = texts;
	*count_out = (size_t)count;
	return true;
}

bool advance_of_body(const cJSON *body, bool strict, int64_t most_ms,
		     int64_t *ms_out, struct complaints *c)
{
	const cJSON *ms = cJSON_GetObjectItemCaseSensitive(body, "ms");
	struct place at = { c, "", strict };

	only(&at, body, "ms");
	if (!ms)
		complain(&at, INVALID, "ms", "is missing");
	else
		take_integer(&at, ms, 0, most_ms, ms_out);
	return is_well(c);
}

/* --- a patch ------------------------------------------------------------------------------ */

/* What a job shows and a patch cannot change. */
static const char *const fixed_fields[] = {
	"id", "seq", "state", "result", "version", "source_url",
	"source_language", "output_language", "priority_name", "progress",
	"stage", "remaining_ms", "estimated_completion_at", "queue_position",
	"attempt", "not_before", "eligible_at", "submitted_at", "started_at",
	"finished_at", "expires_at", "updated_at", "error", "last_error",
	"result_url", "simulate",
};

static const struct {
	const char *name;
	enum patch_field field;
} patch_fields[] = {
	{ "priority", PATCH_PRIORITY }, { "on_error", PATCH_ON_ERROR },
	{ "max_attempts", PATCH_MAX_ATTEMPTS }, { "ttl_s", PATCH_TTL },
	{ "title", PATCH_TITLE }, { "tags", PATCH_TAGS },
};

static bool take_patch_value(const struct place *at, const cJSON *item,
			     enum patch_field field, struct patch *p)
{
	const char *title;
	int on_error;

	switch (field) {
	case PATCH_PRIORITY:
		return take_priority(at, item, &p->priority);
	case PATCH_ON_ERROR:
		if (!take_on_error(at, item, &on_error))
			return false;
		p->on_error = (enum on_error)on_error;
		return true;
	case PATCH_MAX_ATTEMPTS:
		return take_integer(at, item, 1, JOB_ATTEMPTS_MAX,
				    &p->max_attempts);
	case PATCH_TTL:
		return take_ttl(at, item, &p->ttl_s);
	case PATCH_TITLE:
		title = take_string(at, item, JOB_TITLE_BYTES);
		p->title = title ? strdup(title) : NULL;
		return p->title != NULL;
	case PATCH_TAGS:
		p->tags = take_tags(at, item);
		return p->tags != NULL;
	}
	return false;
}

static void take_patch_field(const struct place *at, const cJSON *item,
			     struct patch *p)
{
	for (size_t i = 0; i < COUNT(patch_fields); i++) {
		if (strcmp(item->string, patch_fields[i].name) != 0)
			continue;
		if (cJSON_IsNull(item))
			p->unset |= patch_fields[i].field;
		else if (take_patch_value(at, item, patch_fields[i].field, p))
			p->set |= patch_fields[i].field;
		else if (is_well(at->complaints))
			at->complaints->errors.failed = true;
		return;
	}
	for (size_t i = 0; i < COUNT(fixed_fields); i++)
		if (strcmp(item->string, fixed_fields[i]) == 0) {
			complain(at, "immutable_field", item->string,
				 "cannot be changed");
			return;
		}
	if (at->strict)
		complain(at, "unknown_field", item->string, "is not known");
}

bool patch_of_body(const cJSON *body, bool strict, struct patch *out,
		   struct complaints *c)
{
	struct place at = { c, "", strict };
	const cJSON *item;

	*out = (struct patch){ 0 };
	cJSON_ArrayForEach(item, body)
		take_patch_field(&at, item, out);
	if (is_well(c))
		return true;
	free(out->title);
	free(out->tags);
	*out = (struct patch){ 0 };
	return false;
}
