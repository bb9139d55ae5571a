#include "daemon/http_request.h"

#include "core/clock.h"
#include "daemon/body.h"
#include "daemon/wire_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The ids of a bulk verb.  Those that are no ids at all are answered here;
 * the others go to the engine, in the order given. */
struct bulk {
	const char **texts;		/* borrowed from the body */
	size_t count;
	uint8_t (*uuids)[16];		/* of those that are ids */
	int *at;			/* their place there; -1: no id */
	size_t known;
	int64_t deadline_ms;		/* for the store, in all */
	int unreadable;			/* an error; 0: it can be read */
};

static void bulk_free(struct bulk *b)
{
	free(b->texts);
	free(b->uuids);
	free(b->at);
}

static bool bulk_sort_out(struct bulk *b)
{
	b->uuids = calloc(b->count + 1, sizeof(*b->uuids));
	b->at = calloc(b->count + 1, sizeof(*b->at));
	if (!b->uuids || !b->at)
		return false;
	for (size_t i = 0; i < b->count; i++)
		b->at[i] = job_id_parse(b->texts[i], b->uuids[b->known])
				   ? (int)b->known++ : -1;
	return true;
}

/* What became of an id that the engine does not know.  All of them have one
 * deadline, and a store that could not be read once is not asked again. */
static int bulk_find(struct http *h, struct bulk *b, const uint8_t uuid[16],
		     struct wire_gone *gone)
{
	int error = b->unreadable;

	if (error == 0)
		error = find_removed(h, uuid, b->deadline_ms, gone);
	if (error < 0 && error != -ENOENT)
		b->unreadable = error;
	return error;
}

/* The engine knows those that are there; the store, those that were. */
static enum outcome look_closer(struct http *h, struct bulk *b,
				const struct command_result *result)
{
	struct wire_gone gone;

	if (result->outcome != OUTCOME_NOT_FOUND)
		return result->outcome;
	switch (bulk_find(h, b, result->uuid, &gone)) {
	case 0:
		return OUTCOME_GONE;
	case -ENOENT:
		return OUTCOME_NOT_FOUND;
	case -ENOMEM:
		return OUTCOME_INTERNAL;
	default:
		return OUTCOME_STORE_UNAVAILABLE;
	}
}

/* The state that a job is in, or was in when it went; NULL: nobody knows. */
static const char *state_of(struct http *h, struct bulk *b,
			    const struct command_result *result)
{
	struct wire_gone gone;

	if (result->job)
		return job_state_name(result->job->state);
	return bulk_find(h, b, result->uuid, &gone) == 0
		       ? job_state_name(gone.state) : NULL;
}

static void add_result(struct request *r, struct bulk *b, const char *id,
		       const struct command_result *result)
{
	enum outcome outcome = result ? look_closer(r->http, b, result)
				      : OUTCOME_NOT_FOUND;
	struct text *t = &r->reply.body;

	text_literal(t, "{\"id\":");
	text_json_string(t, id);
	text_literal(t, ",\"status\":");
	text_int(t, outcome_status(outcome));
	if (outcome == OUTCOME_OK || outcome == OUTCOME_REMOVED) {
		text_literal(t, ",\"state\":");
		text_json_string(t, state_of(r->http, b, result));
	} else {
		text_literal(t, ",\"code\":");
		text_json_string(t, outcome_code(outcome));
	}
	text_char(t, '}');
}

static void reply_results(struct request *r, struct bulk *b,
			  const struct command *c)
{
	struct text *t = &r->reply.body;

	b->deadline_ms = clock_real_mono_ms() + READER_DEADLINE_MS;
	r->reply.type = REPLY_JSON;
	text_literal(t, "{\"results\":[");
	for (size_t i = 0; i < b->count; i++) {
		bool known = b->at[i] >= 0 &&
			     (size_t)b->at[i] < c->result_count;

		if (i > 0)
			text_char(t, ',');
		add_result(r, b, b->texts[i],
			   known ? &c->results[b->at[i]] : NULL);
	}
	text_literal(t, "]}");
}

static void bulk_run(struct request *r, struct bulk *b)
{
	struct command *c = command_new(COMMAND_VERB);

	if (!c || !bulk_sort_out(b)) {
		reply_no_memory(r);
		goto out;
	}
	c->verb = (enum job_verb)r->route->verb;
	c->bulk = true;
	c->count = b->known;
	c->uuids = (const uint8_t (*)[16])b->uuids;
	if (!command_prepare(r, c))
		goto out;
	/* a key is kept even if nothing in the list is an id */
	if (b->known > 0 || c->has_key)
		command_run(r, c);
	if (c->outcome == OUTCOME_OK)
		reply_results(r, b, c);
	else
		reply_outcome(r, c->outcome, NULL, NULL);
out:
	command_free(c);
}

void route_bulk_verb(struct request *r)
{
	struct complaints complaints = { 0 };
	struct bulk bulk = { 0 };
	cJSON *body = body_parse(r->body ? r->body : "", r->body_length,
				 &complaints);

	if (body && ids_of_body(body, r->prefer.strict, &bulk.texts,
				&bulk.count, &complaints))
		bulk_run(r, &bulk);
	else
		reply_complaints(r, &complaints);
	bulk_free(&bulk);
	complaints_free(&complaints);
	cJSON_Delete(body);
}
