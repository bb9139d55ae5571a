/* The calls that are one request, or a few. */
#include "client/internal.h"

#include "client/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EVENTS_A_PAGE 500

static hg_err argument(hg_client *c, const char *what)
{
	hg__error_clear(&c->error);
	return hg__error_say(&c->error, HG_EINVAL, "%s", what);
}

/* What only our own server has: where the path itself is unknown, it is not
 * ours. */
static hg_err only_v1(hg_client *c, hg_err err, const struct hg__problem *p)
{
	if (err != HG_ENOTFOUND || !strcmp(p->code, "job_not_found"))
		return err;
	c->error.message[0] = '\0';
	return hg__error_say(&c->error, HG_EUNSUPPORTED,
			     "this server has no /v1: it cannot do this");
}

/* The answer makes no sense although it is JSON, or a 204 or 304 without any.
 * What a try before it failed of is void. */
static hg_err senseless(hg_client *c, hg_err err)
{
	if (err != HG_EPROTOCOL)
		return err;
	c->error.http_status = c->answer.status;
	c->error.code[0] = '\0';
	c->error.retry_after_ms = -1;
	hg__copy_text(c->error.request_id, sizeof(c->error.request_id),
		      c->answer.request_id);
	if (c->answer.body.len)
		return hg__error_say(&c->error, err, "the answer is JSON, but "
				     "not what was asked for");
	return hg__error_say(&c->error, err, "the answer (%d) has no body, but "
			     "JSON was asked for", c->answer.status);
}

static bool is_token(const char *text, size_t longest)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-");

	return n && n <= longest && !text[n];
}

/* --- submissions ----------------------------------------------------------- */

/* A caller's request, of its own size, as JSON behind what is in b. */
static hg_err put_request(struct hg__buf *b, const hg_request *theirs,
			  hg_request *r)
{
	hg_err err;

	if (!theirs)
		return HG_EINVAL;
	err = hg__take_struct(r, sizeof(*r), theirs);
	if (!err && r->idempotency_key && !is_token(r->idempotency_key, 255))
		err = HG_EINVAL;
	return err ? err : hg__wire_request(b, r);
}

static hg_err post(hg_client *c, const char *path, const char *body,
		   const char *key, struct hg__problem *problem)
{
	char fresh[33];
	struct hg__request request = {
		.method = "POST",
		.path = path,
		.body = body,
		.idempotency_key = key,
	};

	if (!key) {
		hg__fresh_key(c, fresh);
		request.idempotency_key = fresh;
	}
	return hg__send(c, &request, problem);
}

hg_err hg_submit(hg_client *c, const hg_request *theirs, hg_job **job_out)
{
	struct hg__problem problem = { 0 };
	struct hg__buf body = { 0 };
	struct hg__view view;
	hg_request r;
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!theirs || !job_out)
		return argument(c, "hg_submit: NULL");
	err = put_request(&body, theirs, &r);
	if (err || body.failed) {
		hg__buf_free(&body);
		return err ? argument(c, "hg_submit: a field of the request is "
					 "out of range, or not UTF-8")
			   : hg__end(c, HG_ENOMEM);
	}
	err = hg__begin(c);
	if (!err)
		err = only_v1(c, post(c, "/v1/jobs", body.data,
				      r.idempotency_key, &problem), &problem);
	if (!err)
		err = senseless(c, hg__wire_job(hg__body(c), &view));
	else
		goto out;
	if (!err)
		err = senseless(c, hg__job_of(&view, job_out));
	if (!err) {
		c->form = c->form == HG__FORM_OPTION ? c->form : HG__FORM_V1;
		(*job_out)->since_ms = hg__now_ms();
	}
out:
	hg__buf_free(&body);
	return hg__end(c, err);
}

static hg_err put_batch(struct hg__buf *b, const hg_request *const *requests,
			size_t n, const char **key_out)
{
	hg_request r;
	hg_err err;

	hg__buf_puts(b, "{\"jobs\":[");
	for (size_t i = 0; i < n; i++) {
		hg__buf_puts(b, i ? "," : "");
		err = put_request(b, requests[i], &r);
		if (err)
			return err;
		if (!i)
			*key_out = r.idempotency_key;
		else if (r.idempotency_key &&
			 (!*key_out || strcmp(*key_out, r.idempotency_key) != 0))
			return HG_EINVAL;
	}
	hg__buf_puts(b, "]}");
	return b->failed ? HG_ENOMEM : HG_OK;
}

hg_err hg_submit_many(hg_client *c, const hg_request *const *requests, size_t n,
		      hg_jobs **jobs_out)
{
	struct hg__problem problem = { 0 };
	struct hg__buf body = { 0 };
	const char *key = NULL;
	hg_jobs *jobs = NULL;
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!requests || !jobs_out || !n || n > HG__JOBS_MAX)
		return argument(c, "hg_submit_many: NULL, or not 1 to 1000");
	err = put_batch(&body, requests, n, &key);
	if (err) {
		hg__buf_free(&body);
		return err == HG_EINVAL
			       ? argument(c, "hg_submit_many: a field is out of "
					     "range, not UTF-8, or a key differs")
			       : hg__end(c, err);
	}
	err = hg__begin(c);
	if (!err)
		err = only_v1(c, post(c, "/v1/jobs:batch", body.data, key,
				      &problem), &problem);
	if (err)
		goto out;
	err = hg__jobs_read(hg__body(c), "jobs", &jobs);
	if (!err && jobs->count != n)
		err = HG_EPROTOCOL;
	senseless(c, err);
	if (err)
		goto out;
	for (size_t i = 0; i < n; i++)
		jobs->jobs[i]->since_ms = hg__now_ms();
	c->form = c->form == HG__FORM_OPTION ? c->form : HG__FORM_V1;
	*jobs_out = jobs;
	jobs = NULL;
out:
	hg_jobs_free(jobs);
	hg__buf_free(&body);
	return hg__end(c, err);
}

/* --- one job --------------------------------------------------------------- */

/* The answer in c is about this job, or makes no sense. */
static hg_err take_answer(hg_client *c, hg_job *j, bool must_be_it)
{
	struct hg__view view;
	hg_err err = hg__wire_job(hg__body(c), &view);

	if (!err && must_be_it && j->id &&
	    (!view.id || strcmp(view.id, j->id) != 0)) {
		hg__view_free(&view);
		err = HG_EPROTOCOL;
	}
	if (!err)
		hg__job_take(j, &view);
	return senseless(c, err);
}

static hg_err look_once(hg_client *c, hg_job *j, enum hg__form form,
			struct hg__problem *problem)
{
	struct hg__buf path = { 0 };
	hg_err err = hg__look_path(c, form, j, &path);

	if (!err && path.failed)
		err = HG_ENOMEM;
	if (err == HG_EINVAL)
		hg__error_say(&c->error, err, "this job has no id, but the "
					      "status_path needs one");
	if (!err)
		err = hg__send(c, &(struct hg__request){
			.method = "GET",
			.path = path.data,
		}, problem);
	hg__buf_free(&path);
	return err;
}

hg_err hg__look(hg_client *c, hg_job *j)
{
	struct hg__problem problem = { 0 };
	enum hg__form form, next = hg__look_form(c, j);
	hg_err err;

	do {
		form = next;
		err = look_once(c, j, form, &problem);
		next = hg__look_next(c, j, form, err, &problem);
	} while (next != form);
	if (err == HG_EGONE)
		hg__look_gone(j, &problem);
	if (!err)
		err = take_answer(c, j, form == HG__FORM_V1);
	if (j->since_ms < 0)
		j->since_ms = hg__now_ms();
	return err;
}

hg_err hg_refresh(hg_client *c, hg_job *j)
{
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!j)
		return argument(c, "hg_refresh: NULL");
	err = hg__begin(c);
	if (!err)
		err = hg__look(c, j);
	return hg__end(c, err);
}

/* --- verbs ----------------------------------------------------------------- */

static hg_err job_path(struct hg__buf *path, const hg_job *j, const char *rest)
{
	hg__buf_puts(path, "/v1/jobs/");
	hg__buf_escape(path, j->id);
	hg__buf_puts(path, rest);
	return path->failed ? HG_ENOMEM : HG_OK;
}

static hg_err verb(hg_client *c, hg_job *j, const char *method,
		   const char *rest, const char *body)
{
	struct hg__problem problem = { 0 };
	struct hg__buf path = { 0 };
	char key[33];
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!j || !j->id)
		return argument(c, "this needs a job with an id");
	err = hg__begin(c);
	if (!err)
		err = job_path(&path, j, rest);
	if (err)
		goto out;
	hg__fresh_key(c, key);
	err = only_v1(c, hg__send(c, &(struct hg__request){
		.method = method,
		.path = path.data,
		.body = body,
		.idempotency_key = key,
	}, &problem), &problem);
	if (!err && c->answer.status != 204)
		err = take_answer(c, j, true);
	/* an earlier try removed it, and only its answer was lost */
	if ((err == HG_EGONE || err == HG_ENOTFOUND) && c->may_have_acted &&
	    !strcmp(method, "DELETE"))
		err = HG_OK;
out:
	hg__buf_free(&path);
	return hg__end(c, err);
}

hg_err hg_pause(hg_client *c, hg_job *j)
{
	return verb(c, j, "POST", ":pause", NULL);
}

hg_err hg_resume(hg_client *c, hg_job *j)
{
	return verb(c, j, "POST", ":resume", NULL);
}

hg_err hg_cancel(hg_client *c, hg_job *j)
{
	return verb(c, j, "POST", ":cancel", NULL);
}

hg_err hg_restart(hg_client *c, hg_job *j)
{
	return verb(c, j, "POST", ":restart", NULL);
}

hg_err hg_remove(hg_client *c, hg_job *j)
{
	return verb(c, j, "DELETE", "", NULL);
}

hg_err hg_set_priority(hg_client *c, hg_job *j, int32_t priority)
{
	char body[40];

	snprintf(body, sizeof(body), "{\"priority\":%" PRId32 "}", priority);
	return verb(c, j, "PATCH", "", body);
}

/* --- lists ----------------------------------------------------------------- */

/* What is no part of a query is percent-encoded; what is encoded stays. */
static void put_query(struct hg__buf *b, const char *query)
{
	for (; *query; query++) {
		unsigned char ch = (unsigned char)*query;

		if (ch <= 0x20 || ch >= 0x7f || strchr("\"#<>\\^`{|}", ch))
			hg__buf_printf(b, "%%%02X", ch);
		else
			hg__buf_put(b, query, 1);
	}
}

static hg_err get(hg_client *c, struct hg__buf *path)
{
	struct hg__problem problem = { 0 };

	if (path->failed)
		return HG_ENOMEM;
	return only_v1(c, hg__send(c, &(struct hg__request){
		.method = "GET",
		.path = path->data,
	}, &problem), &problem);
}

hg_err hg_list(hg_client *c, const char *query, const char *page_token,
	       hg_jobs **jobs_out)
{
	struct hg__buf path = { 0 };
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!jobs_out)
		return argument(c, "hg_list: NULL");
	err = hg__begin(c);
	if (err)
		return err;
	hg__buf_puts(&path, "/v1/jobs?");
	if (query)
		put_query(&path, query);
	if (page_token) {
		hg__buf_puts(&path, query && *query ? "&page_token="
						    : "page_token=");
		hg__buf_escape(&path, page_token);
	}
	err = get(c, &path);
	if (!err)
		err = senseless(c, hg__jobs_read(hg__body(c), "jobs", jobs_out));
	hg__buf_free(&path);
	return hg__end(c, err);
}

hg_err hg_job_events(hg_client *c, hg_job *j, int64_t after_seq,
		     hg_events **events_out)
{
	struct hg__buf path = { 0 };
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!j || !j->id || after_seq < 0 || !events_out)
		return argument(c, "hg_job_events: NULL, no id, or after_seq < 0");
	err = hg__begin(c);
	if (err)
		return err;
	hg__buf_puts(&path, "/v1/jobs/");
	hg__buf_escape(&path, j->id);
	hg__buf_printf(&path, "/events?after=%" PRId64 "&limit=%d", after_seq,
		       EVENTS_A_PAGE);
	err = get(c, &path);
	if (!err)
		err = senseless(c, hg__events_read(hg__body(c), events_out));
	hg__buf_free(&path);
	return hg__end(c, err);
}

hg_err hg_queue(hg_client *c, const char *word, char **json_out)
{
	struct hg__problem problem = { 0 };
	struct hg__buf path = { 0 };
	char *json;
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!json_out || (word && strcmp(word, "pause") != 0 &&
			  strcmp(word, "resume") != 0))
		return argument(c, "hg_queue: NULL, or neither pause nor resume");
	err = hg__begin(c);
	if (err)
		return err;
	hg__buf_puts(&path, "/v1/queue");
	if (word)
		hg__buf_printf(&path, ":%s", word);
	if (!word || path.failed)
		err = get(c, &path);
	else
		err = only_v1(c, post(c, path.data, NULL, NULL, &problem),
			      &problem);
	if (!err) {
		struct hg__slice body = hg__body(c);

		json = body.len ? hg__strndup(body.at, body.len) : NULL;
		if (json)
			*json_out = json;
		else
			err = body.len ? HG_ENOMEM : senseless(c, HG_EPROTOCOL);
	}
	hg__buf_free(&path);
	return hg__end(c, err);
}
