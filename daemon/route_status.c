#include "daemon/http_request.h"

#include "daemon/wire_json.h"

#include <string.h>

/* [status] default_job = first_request: this may be it. */
static void want_default_job(struct request *r)
{
	struct http *h = r->http;
	struct command *c;

	if (h->settings->status_default_job != DEFAULT_JOB_FIRST_REQUEST ||
	    __atomic_load_n(&h->default_begun, __ATOMIC_RELAXED))
		return;
	/* also if it is there: one that ended in an earlier life begins anew */
	c = command_new(COMMAND_DEFAULT_JOB);
	if (c) {
		command_run(r, c);
		if (c->outcome == OUTCOME_OK)
			__atomic_store_n(&h->default_begun, true,
					 __ATOMIC_RELAXED);
	}
	command_free(c);	/* if it failed, the look says what is there */
}

/* GET /status?job_id=ID, /status/ID, or the job "default". */
static bool status_id(struct request *r, uint8_t uuid_out[16])
{
	const char *asked = query_get(&r->query, "job_id");

	if (!r->id && asked) {
		r->id = asked;
		r->id_length = strlen(asked);
	} else if (!r->id) {
		if (r->http->settings->status_default_job == DEFAULT_JOB_OFF) {
			reply_problem(&r->reply, 404, "no_default_job",
				      "There is no default job here: ask for "
				      "one by job_id.");
			return false;
		}
		r->id = JOB_DEFAULT_ID;
		r->id_length = strlen(JOB_DEFAULT_ID);
	}
	if (!request_uuid(r, uuid_out))
		return false;
	if (r->id_length == strlen(JOB_DEFAULT_ID))
		want_default_job(r);
	return true;
}

void route_status(struct request *r)
{
	struct look look;
	uint8_t uuid[16];

	if (!status_id(r, uuid))
		return;
	if (accepts_event_stream(&r->headers)) {
		stream_status(r, uuid);
		return;
	}
	if (!request_look(r, uuid, &look))
		return;
	if (look.unchanged) {
		r->reply.status = 304;
	} else {
		r->reply.type = REPLY_JSON;
		wire_status(&r->reply.body, &look.view);
	}
	job_view_release(&look.view);
}
