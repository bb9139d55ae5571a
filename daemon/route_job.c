#include "daemon/http_request.h"

#include "core/clock.h"
#include "daemon/body.h"
#include "daemon/wire_json.h"

#include <stdlib.h>

#define HISTORY_LIMIT 100
#define HISTORY_MAX 1000

void route_job(struct request *r)
{
	struct look look;
	uint8_t uuid[16];

	if (!request_uuid(r, uuid) || !request_look(r, uuid, &look))
		return;
	if (look.unchanged) {
		r->reply.status = 304;
	} else {
		r->reply.type = REPLY_JSON;
		wire_job(&r->reply.body, &look.view, r->base);
	}
	job_view_release(&look.view);
}

/* --- commands on one job --------------------------------------------------------------- */

/* If-Match as the one version that the engine compares.  Of several tags it
 * is the one that holds now; of none that is ours, one that never does. */
static int64_t wanted_version(struct request *r, const uint8_t uuid[16])
{
	int64_t version = INT64_MAX;
	struct job_view view;
	enum lookup found;

	if (r->headers.times[HEADER_IF_MATCH] == 0 ||
	    etag_names(&r->headers, HEADER_IF_MATCH, "*"))
		return -1;
	found = board_find(r->http->board, uuid, &view);
	if (found == LOOKUP_FOUND &&
	    etag_matches(&r->headers, HEADER_IF_MATCH, view.job->version))
		version = view.job->version;
	if (found != LOOKUP_NONE)
		job_view_release(&view);
	return version;
}

/* Runs a command on the job of the address; the job as it then is. */
static void run_on_job(struct request *r, struct command *c)
{
	uint8_t uuid[1][16];
	struct job_view view;
	struct job *job;

	if (!request_uuid(r, uuid[0]) || !command_prepare(r, c))
		return;
	c->count = 1;
	c->uuids = (const uint8_t (*)[16])uuid;
	c->if_match = wanted_version(r, uuid[0]);
	command_run(r, c);
	job = c->result_count > 0 ? c->results[0].job : NULL;
	if (c->outcome == OUTCOME_REMOVED) {
		r->reply.status = 204;
	} else if (c->outcome != OUTCOME_OK) {
		reply_outcome(r, c->outcome, uuid[0], job);
	} else if (!job) {
		reply_outcome(r, OUTCOME_GONE, uuid[0], NULL);
	} else {
		board_view(r->http->board, job, &view);
		reply_job(r, 200, &view);
		job_view_release(&view);
	}
}

void route_job_verb(struct request *r)
{
	struct command *c = command_new(COMMAND_VERB);

	if (!c) {
		reply_no_memory(r);
		return;
	}
	c->verb = (enum job_verb)r->route->verb;
	run_on_job(r, c);
	command_free(c);
}

void route_job_delete(struct request *r)
{
	route_job_verb(r);
}

void route_job_patch(struct request *r)
{
	struct complaints complaints = { 0 };
	struct command *c = command_new(COMMAND_PATCH);
	cJSON *body = body_parse(r->body ? r->body : "", r->body_length,
				 &complaints);

	if (!c)
		reply_no_memory(r);
	else if (!body || !patch_of_body(body, r->prefer.strict, &c->patch,
					 &complaints))
		reply_complaints(r, &complaints);
	else
		run_on_job(r, c);
	cJSON_Delete(body);
	complaints_free(&complaints);
	command_free(c);
}

/* --- its history ---------------------------------------------------------------------------- */

static void reply_history(struct request *r, const struct event *events,
			  int count)
{
	struct text *t = &r->reply.body;

	r->reply.type = REPLY_JSON;
	text_literal(t, "{\"events\":[");
	for (int i = 0; i < count; i++) {
		if (i > 0)
			text_char(t, ',');
		wire_history_event(t, &events[i]);
	}
	text_literal(t, "]}");
}

void route_job_events(struct request *r)
{
	int64_t after = 0, limit = HISTORY_LIMIT, seq;
	struct event *events;
	struct job_view view;
	enum lookup found;
	uint8_t uuid[16];
	int count;

	if (!parameter_number(r, "after", 0, INT64_MAX, &after) ||
	    !parameter_number(r, "limit", 1, INT64_MAX, &limit) ||
	    !request_uuid(r, uuid))
		return;
	limit = limit > HISTORY_MAX ? HISTORY_MAX : limit;
	found = board_find(r->http->board, uuid, &view);
	if (found != LOOKUP_FOUND) {
		reply_missing(r, uuid, found, &view);
		return;
	}
	seq = view.job->seq;
	job_view_release(&view);
	events = calloc((size_t)limit, sizeof(*events));
	if (!events) {
		reply_no_memory(r);
		return;
	}
	count = reader_job_events(r->http->reader, seq, after,
				  clock_real_mono_ms() + READER_DEADLINE_MS,
				  events, (size_t)limit);
	if (count < 0)
		reply_unreadable(r, count);
	else
		reply_history(r, events, count);
	free(events);
}
