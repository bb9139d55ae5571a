#include "client/ctl_request.h"

#include "client/ctl.h"
#include "client/ctl_time.h"
#include "core/json_check.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64u << 20)	/* 100 000 jobs fit well */
/* The library takes 0 for "as the server is set", so "at the very start" is the
 * smallest progress that any server tells from it. */
#define FAIL_AT_START 1e-9

/* --- options -------------------------------------------------------------- */

static void take_texts(hg_request *r, const struct options *o, const char *url)
{
	if (url)
		r->source_url = url;
	if (o->title)
		r->title = o->title;
	if (o->from)
		r->source_language = o->from;
	if (o->to)
		r->output_language = o->to;
	if (o->idempotency_key)
		r->idempotency_key = o->idempotency_key;
	if (o->tags.n)
		r->tags = o->tags.at;
}

/* Rates: the library's 0 is "the server's", its -1 "never". */
static double rate(double asked)
{
	return asked > 0 ? asked : -1;
}

static double place(double asked)
{
	return asked > 0 ? asked : FAIL_AT_START;
}

static void take_options(hg_request *r, const struct options *o,
			 const char *url)
{
	take_texts(r, o, url);
	if (options_given(o, "priority"))
		r->priority = (int32_t)o->priority;
	if (options_given(o, "on-error"))
		r->on_error = (int32_t)o->on_error + HG_ON_ERROR_STOP;
	if (o->max_attempts)
		r->max_attempts = (uint32_t)o->max_attempts;
	if (o->ttl_ms)
		r->ttl_s = o->ttl_ms < 0 ? -1 : (o->ttl_ms + 999) / 1000;
	if (o->not_before)
		r->not_before = o->not_before;
	if (o->duration_ms)
		r->sim_duration_ms = o->duration_ms;
	if (options_given(o, "error-rate"))
		r->sim_error_rate = rate(o->error_rate);
	if (options_given(o, "fail-at"))
		r->sim_fail_at = place(o->fail_at);
	if (o->fail_attempts)
		r->sim_fail_attempts = (uint32_t)o->fail_attempts;
	if (o->seed)
		r->sim_seed = (uint64_t)o->seed;
}

/* --- a JSON file ---------------------------------------------------------- */

struct reader {
	struct ctl *ctl;
	struct requests *requests;
	const char *name;	/* of the file */
	size_t i;		/* the request being read */
	int code;
};

static bool wrong(struct reader *in, const cJSON *item, const char *want)
{
	in->code = ctl_usage(in->ctl, "%s: job %zu: %s: want %s", in->name,
			     in->i + 1, item->string ? item->string : "it",
			     want);
	return false;
}

static bool take_string(struct reader *in, const cJSON *item,
			const char **text_out)
{
	if (!cJSON_IsString(item))
		return wrong(in, item, "a string");
	*text_out = item->valuestring;
	return true;
}

static bool take_whole(struct reader *in, const cJSON *item, double min,
		       double max, int64_t *n_out)
{
	double x = cJSON_IsNumber(item) ? item->valuedouble : min - 1;
	char want[80];

	if (x < min || x > max || x != (double)(int64_t)x) {
		(void)snprintf(want, sizeof(want), "a whole number from %.0f "
			       "to %.0f", min, max);
		return wrong(in, item, want);
	}
	*n_out = (int64_t)x;
	return true;
}

static bool take_share(struct reader *in, const cJSON *item, double *x_out)
{
	if (!cJSON_IsNumber(item) || item->valuedouble < 0 ||
	    item->valuedouble > 1)
		return wrong(in, item, "a number from 0 to 1");
	*x_out = item->valuedouble;
	return true;
}

static bool take_tags(struct reader *in, const cJSON *item, hg_request *r)
{
	size_t n = (size_t)cJSON_GetArraySize(item), i = 0;
	const char **tags = text_alloc(n + 1, sizeof(*tags));
	const cJSON *one;

	free(in->requests->tags[in->i]);
	in->requests->tags[in->i] = tags;
	if (!cJSON_IsArray(item))
		return wrong(in, item, "a list of strings");
	cJSON_ArrayForEach(one, item) {
		if (!cJSON_IsString(one))
			return wrong(in, item, "a list of strings");
		tags[i++] = one->valuestring;
	}
	r->tags = tags;
	return true;
}

static bool take_priority(struct reader *in, const cJSON *item, hg_request *r)
{
	int64_t n;

	if (cJSON_IsString(item)) {
		for (size_t i = 0; priority_words[i]; i++)
			if (!strcmp(priority_words[i], item->valuestring) &&
			    options_parse_priority(item->valuestring, &n)) {
				r->priority = (int32_t)n;
				return true;
			}
		return wrong(in, item, "low, normal, high, urgent or a number");
	}
	if (!take_whole(in, item, -100, 100, &n))
		return false;
	r->priority = (int32_t)n;
	return true;
}

static bool take_on_error(struct reader *in, const cJSON *item, hg_request *r)
{
	const char *s = cJSON_IsString(item) ? item->valuestring : "";

	if (!strcmp(s, "stop"))
		r->on_error = HG_ON_ERROR_STOP;
	else if (!strcmp(s, "restart"))
		r->on_error = HG_ON_ERROR_RESTART;
	else
		return wrong(in, item, "stop or restart");
	return true;
}

static bool take_ttl(struct reader *in, const cJSON *item, hg_request *r)
{
	if (!take_whole(in, item, -1, 9007199254740991.0, &r->ttl_s))
		return false;
	return r->ttl_s != 0 || wrong(in, item, "seconds from 1, or -1");
}

static bool take_moment(struct reader *in, const cJSON *item, hg_request *r)
{
	if (!cJSON_IsString(item) ||
	    !time_parse_rfc3339(item->valuestring, &r->not_before))
		return wrong(in, item, "a moment as in 2026-11-22T12:00:31Z");
	return true;
}

static bool unknown(struct reader *in, const cJSON *item)
{
	in->code = ctl_usage(in->ctl, "%s: job %zu: there is no field %s",
			     in->name, in->i + 1, item->string);
	return false;
}

static bool take_simulate(struct reader *in, const cJSON *object,
			  hg_request *r)
{
	const cJSON *item;
	int64_t n = 0;
	double x = 0;

	if (!cJSON_IsObject(object))
		return wrong(in, object, "an object");
	cJSON_ArrayForEach(item, object) {
		const char *key = item->string;
		bool ok = true;

		if (cJSON_IsNull(item))
			continue;
		if (!strcmp(key, "duration_ms")) {
			ok = take_whole(in, item, 1, 1e12, &n);
			r->sim_duration_ms = n;
		} else if (!strcmp(key, "error_rate")) {
			ok = take_share(in, item, &x);
			r->sim_error_rate = rate(x);
		} else if (!strcmp(key, "fail_at")) {
			ok = take_share(in, item, &x);
			r->sim_fail_at = place(x);
		} else if (!strcmp(key, "fail_attempts")) {
			ok = take_whole(in, item, 0, 1e6, &n);
			r->sim_fail_attempts = (uint32_t)n;
		} else if (!strcmp(key, "seed")) {
			ok = take_whole(in, item, 1, 9007199254740991.0, &n);
			r->sim_seed = (uint64_t)n;
		} else {
			ok = unknown(in, item);
		}
		if (!ok)
			return false;
	}
	return true;
}

static bool take_field(struct reader *in, const cJSON *item, hg_request *r)
{
	const char *key = item->string;
	int64_t n = 0;

	if (cJSON_IsNull(item))
		return true;		/* the wire's "as if not there" */
	if (!strcmp(key, "source_url"))
		return take_string(in, item, &r->source_url);
	if (!strcmp(key, "title"))
		return take_string(in, item, &r->title);
	if (!strcmp(key, "source_language"))
		return take_string(in, item, &r->source_language);
	if (!strcmp(key, "output_language"))
		return take_string(in, item, &r->output_language);
	if (!strcmp(key, "tags"))
		return take_tags(in, item, r);
	if (!strcmp(key, "priority"))
		return take_priority(in, item, r);
	if (!strcmp(key, "on_error"))
		return take_on_error(in, item, r);
	if (!strcmp(key, "ttl_s"))
		return take_ttl(in, item, r);
	if (!strcmp(key, "not_before"))
		return take_moment(in, item, r);
	if (!strcmp(key, "simulate"))
		return take_simulate(in, item, r);
	if (strcmp(key, "max_attempts") != 0)
		return unknown(in, item);
	if (!take_whole(in, item, 1, 100, &n))
		return false;
	r->max_attempts = (uint32_t)n;
	return true;
}

static bool take_job(struct reader *in, const cJSON *job, hg_request *r)
{
	const cJSON *item;

	if (!cJSON_IsObject(job))
		return wrong(in, job, "an object");
	cJSON_ArrayForEach(item, job)
		if (!take_field(in, item, r))
			return false;
	return true;
}

/* The whole file; NULL: *code_out is why. */
static char *read_file(struct ctl *ctl, const char *path, size_t *n_out,
		       int *code_out)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *f;
	struct text t = { 0 };
	char block[65536];
	size_t n;

	errno = 0;
	f = is_stdin ? stdin : fopen(path, "re");
	while (f && t.len <= FILE_MAX &&
	       (n = fread(block, 1, sizeof(block), f)) > 0)
		text_add_bytes(&t, block, n);
	if (!f || ferror(f))
		*code_out = signals_interrupted() ? CODE_INTERRUPTED :
			    ctl_usage(ctl, "--json-file %s: %s", path,
				      strerror(errno));
	else if (t.len > FILE_MAX)
		*code_out = ctl_usage(ctl, "--json-file %s: over 64 MiB",
				      path);
	if (f && !is_stdin)
		(void)fclose(f);
	if (*code_out)
		text_free(&t);
	else if (!t.s)
		text_add(&t, "");
	*n_out = t.len;
	return t.s;
}

static cJSON *parse(struct ctl *ctl, const char *path, int *code_out)
{
	struct json_check_place at = { 0 };
	enum json_check_error error;
	cJSON *doc = NULL;
	size_t n;
	char *s = read_file(ctl, path, &n, code_out);

	if (!s)
		return NULL;
	error = json_check(s, n, &at);
	if (error != JSON_CHECK_OK)
		*code_out = ctl_usage(ctl, "--json-file %s:%zu:%zu: %s", path,
				      at.line, at.column,
				      json_check_text(error));
	else if (!(doc = cJSON_Parse(s)))
		text_die_of_memory();
	free(s);
	return doc;
}

/* One job, [job, ...] or {"jobs":[job, ...]}. */
static const cJSON *jobs_of(const cJSON *doc)
{
	const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(doc, "jobs");

	return cJSON_IsArray(doc) ? doc : cJSON_IsArray(jobs) ? jobs : NULL;
}

static void make_room(struct requests *all, size_t n)
{
	all->n = n;
	all->at = text_alloc(n, sizeof(*all->at));
	all->tags = text_alloc(n, sizeof(*all->tags));
	for (size_t i = 0; i < n; i++)
		hg_request_init(&all->at[i], sizeof(all->at[i]));
}

static int read_jobs(struct ctl *ctl, struct requests *all, size_t count)
{
	struct reader in = { .ctl = ctl, .requests = all,
			     .name = ctl->options.json_file };
	const cJSON *jobs, *job;
	size_t n;

	all->doc = parse(ctl, in.name, &in.code);
	if (in.code)
		return in.code;
	jobs = jobs_of(all->doc);
	n = jobs ? (size_t)cJSON_GetArraySize(jobs) : 1;
	if (n == 0)
		return ctl_usage(ctl, "--json-file %s: there is no job in it",
				 in.name);
	make_room(all, n * count);
	job = jobs ? jobs->child : all->doc;
	for (size_t i = 0; i < n; i++, job = job->next)
		for (size_t c = 0; c < count; c++) {
			in.i = i * count + c;
			if (!take_job(&in, job, &all->at[in.i]))
				return in.code;
		}
	return CODE_DONE;
}

int requests_make(struct ctl *ctl, struct requests *all)
{
	const struct options *o = &ctl->options;
	const char *url = ctl->args_count ? ctl->args[0] : NULL;
	size_t count = o->count ? (size_t)o->count : 1;
	int code = CODE_DONE;

	if (o->json_file)
		code = read_jobs(ctl, all, count);
	else
		make_room(all, count);
	for (size_t i = 0; i < all->n && !code; i++)
		take_options(&all->at[i], o, url);
	return code;
}

void requests_free(struct requests *all)
{
	for (size_t i = 0; all->tags && i < all->n; i++)
		free(all->tags[i]);
	free(all->tags);
	free(all->at);
	cJSON_Delete(all->doc);
	*all = (struct requests){ 0 };
}
