#include "daemon/http_request.h"

#include "daemon/body.h"
#include "daemon/wire_json.h"

/* 202 with the job of a single submission. */
static void reply_accepted(struct request *r, const struct job_view *view)
{
	char id[JOB_ID_SIZE];

	text_literal(&r->reply.head, "Location: /v1/jobs/");
	text_add(&r->reply.head, job_id_format(view->job, id));
	text_literal(&r->reply.head, "\r\n");
	reply_job(r, 202, view);
}

/* 202 with the jobs of a batch, in order. */
static void reply_batch(struct request *r, const struct command *c)
{
	struct text *t = &r->reply.body;
	int64_t max_s = r->http->settings->http_retry_after_max_s;
	int64_t soonest_s = INT64_MAX;

	r->reply.status = 202;
	r->reply.type = REPLY_JSON;
	text_literal(t, "{\"jobs\":[");
	for (size_t i = 0; i < c->result_count; i++) {
		struct job_view view;
		int64_t retry_s;

		board_view(r->http->board, c->results[i].job, &view);
		if (i > 0)
			text_char(t, ',');
		wire_job(t, &view, r->base);
		retry_s = wire_retry_after_s(&view, max_s);
		if (retry_s > 0 && retry_s < soonest_s)
			soonest_s = retry_s;
		job_view_release(&view);
	}
	text_literal(t, "]}");
	if (soonest_s < INT64_MAX)
		reply_header_int(&r->reply, "Retry-After", soonest_s);
}

/* A key's answer again: the jobs as they are now, unless one is gone. */
static const struct command_result *first_missing(const struct command *c)
{
	for (size_t i = 0; i < c->result_count; i++)
		if (!c->results[i].job)
			return &c->results[i];
	return NULL;
}

static void submit(struct request *r, const struct submissions *s, bool batch)
{
	struct command *c = command_new(COMMAND_SUBMIT);
	const struct command_result *missing;
	struct job_view view;

	if (!c) {
		reply_no_memory(r);
		return;
	}
	c->count = s->count;
	c->submissions = s->items;
	if (!command_prepare(r, c))
		goto out;
	command_run(r, c);
	missing = first_missing(c);
	if (c->outcome != OUTCOME_OK) {
		reply_outcome(r, c->outcome,
			      missing ? missing->uuid : NULL, NULL);
	} else if (missing || c->result_count == 0) {
		reply_outcome(r, missing ? OUTCOME_GONE : OUTCOME_INTERNAL,
			      missing ? missing->uuid : NULL, NULL);
	} else if (batch) {
		reply_batch(r, c);
	} else {
		board_view(r->http->board, c->results[0].job, &view);
		reply_accepted(r, &view);
		job_view_release(&view);
	}
out:
	command_free(c);
}

static void route_submission(struct request *r, bool batch)
{
	struct complaints complaints = { 0 };
	struct submissions submissions = { 0 };
	cJSON *body = body_parse(r->body ? r->body : "", r->body_length,
				 &complaints);
	bool good = body != NULL;

	if (good && batch)
		good = submissions_of_batch(body, r->prefer.strict,
					    &submissions, &complaints);
	else if (good)
		good = submissions_of_job(body, r->prefer.strict,
					  &submissions, &complaints);
	if (good)
		submit(r, &submissions, batch);
	else
		reply_complaints(r, &complaints);
	submissions_free(&submissions);
	complaints_free(&complaints);
	cJSON_Delete(body);
}

void route_submit(struct request *r)
{
	route_submission(r, false);
}

void route_submit_batch(struct request *r)
{
	route_submission(r, true);
}
