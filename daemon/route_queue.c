#include "daemon/http_request.h"

#include "core/clock.h"
#include "daemon/body.h"
#include "daemon/wire_json.h"

#include <stdlib.h>

void route_queue(struct request *r)
{
	struct queue_info *info = malloc(sizeof(*info));

	if (!info) {
		reply_no_memory(r);
		return;
	}
	board_queue_info(r->http->board, info);
	r->reply.type = REPLY_JSON;
	wire_queue(&r->reply.body, info);
	free(info);
}

void route_queue_verb(struct request *r)
{
	struct command *c = command_new(r->route->verb == VERB_PAUSE
						? COMMAND_QUEUE_PAUSE
						: COMMAND_QUEUE_RESUME);

	if (!c) {
		reply_no_memory(r);
		return;
	}
	if (command_prepare(r, c)) {
		command_run(r, c);
		if (c->outcome == OUTCOME_OK)
			route_queue(r);
		else
			reply_outcome(r, c->outcome, NULL, NULL);
	}
	command_free(c);
}

static void clock_advance(struct request *r, struct command *c)
{
	if (!command_prepare(r, c))
		return;
	command_run(r, c);
	if (c->outcome != OUTCOME_OK) {
		reply_outcome(r, c->outcome, NULL, NULL);
		return;
	}
	r->reply.type = REPLY_JSON;
	text_literal(&r->reply.body, "{\"now\":");
	text_json_time(&r->reply.body, c->now_ms);
	text_char(&r->reply.body, '}');
}

void route_clock_advance(struct request *r)
{
	struct complaints complaints = { 0 };
	struct command *c = command_new(COMMAND_CLOCK_ADVANCE);
	cJSON *body = body_parse(r->body ? r->body : "", r->body_length,
				 &complaints);

	if (!c)
		reply_no_memory(r);
	else if (!body || !advance_of_body(body, r->prefer.strict,
					   CLOCK_MAX_MS - clock_wall_ms(),
					   &c->advance_ms, &complaints))
		reply_complaints(r, &complaints);
	else
		clock_advance(r, c);
	cJSON_Delete(body);
	complaints_free(&complaints);
	command_free(c);
}
