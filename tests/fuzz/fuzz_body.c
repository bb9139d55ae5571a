/* Any body: what is taken keeps the bounds of a job, what is not taken has a
 * complaint. */
#include <stdlib.h>
#include <string.h>

#include "daemon/body.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "body";

static void check_job(const struct submission *s)
{
	if (s->priority < PRIORITY_MIN || s->priority > PRIORITY_MAX ||
	    s->on_error < -1 || s->on_error >= ON_ERRORS ||
	    s->max_attempts < 0 || s->max_attempts > JOB_ATTEMPTS_MAX ||
	    s->ttl_s < TTL_KEEP)
		abort();
	job_unref(job_new(&s->parts));
}

static void check(const cJSON *body, bool strict)
{
	struct complaints c = { 0 };
	struct submissions s;
	struct patch patch;
	const char **ids;
	size_t count;
	int64_t ms = 0;
	bool good;

	good = submissions_of_job(body, strict, &s, &c);
	if (good == (c.count > 0))
		abort();
	for (size_t i = 0; good && i < s.count; i++)
		check_job(&s.items[i]);
	submissions_free(&s);
	complaints_free(&c);
	c = (struct complaints){ 0 };
	good = submissions_of_batch(body, strict, &s, &c);
	for (size_t i = 0; good && i < s.count; i++)
		check_job(&s.items[i]);
	submissions_free(&s);
	complaints_free(&c);
	c = (struct complaints){ 0 };
	if (patch_of_body(body, strict, &patch, &c)) {
		free(patch.title);
		free(patch.tags);
	}
	if (ids_of_body(body, strict, &ids, &count, &c))
		free(ids);
	if (advance_of_body(body, strict, 1000, &ms, &c) &&
	    (ms < 0 || ms > 1000))
		abort();
	complaints_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct complaints c = { 0 };
	cJSON *body = body_parse((const char *)data, size, &c);

	if (!body && c.status != 400 && c.status != 422)
		abort();
	complaints_free(&c);
	if (body) {
		check(body, false);
		check(body, true);
	}
	cJSON_Delete(body);
	return 0;
}
