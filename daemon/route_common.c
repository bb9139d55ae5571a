#include "daemon/http_request.h"

#include "core/clock.h"
#include "core/random.h"
#include "daemon/body.h"
#include "daemon/wire_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- parameters --------------------------------------------------------------------- */

void bad_parameter(struct request *r, const char *name, const char *what)
{
	reply_problem(&r->reply, 400, "invalid_parameter", "%s %s.", name,
		      what);
}

/* More digits than an integer holds: as good as the largest one. */
static bool is_beyond(const char *text)
{
	size_t digits;

	text += strspn(text, "0");
	digits = strspn(text, "0123456789");
	return digits >= 19 && text[digits] == '\0';
}

bool parameter_number(struct request *r, const char *name, int64_t min,
		      int64_t max, int64_t *out)
{
	const char *text = query_get(&r->query, name);
	char what[80];

	if (!text || !*text || number_parse(text, min, max, out))
		return true;
	if (max == INT64_MAX && is_beyond(text)) {
		*out = max;
		return true;
	}
	snprintf(what, sizeof(what), "must be an integer from %lld to %lld",
		 (long long)min, (long long)max);
	bad_parameter(r, name, what);
	return false;
}

bool parameter_flag(struct request *r, const char *name, bool *out)
{
	const char *text = query_get(&r->query, name);

	if (!text || !*text)
		return true;
	*out = strcmp(text, "1") == 0;
	if (*out || strcmp(text, "0") == 0)
		return true;
	bad_parameter(r, name, "must be 0 or 1");
	return false;
}

bool request_uuid(struct request *r, uint8_t uuid_out[16])
{
	char id[JOB_ID_SIZE];

	if (r->id_length < sizeof(id)) {
		memcpy(id, r->id, r->id_length);
		id[r->id_length] = '\0';
		if (job_id_parse(id, uuid_out))
			return true;
	}
	reply_problem(&r->reply, 404, "job_not_found",
		      "There is no job of this id.");
	return false;
}

/* --- answers --------------------------------------------------------------------------- */

void reply_no_memory(struct request *r)
{
	reply_problem(&r->reply, 500, "internal", "There is no memory left.");
}

void reply_unreadable(struct request *r, int error)
{
	if (error == -ENOMEM) {
		reply_no_memory(r);
		return;
	}
	reply_header_int(&r->reply, "Retry-After", 1);
	reply_problem(&r->reply, 503, "store_unavailable",
		      "The store cannot be read at the moment.");
}

void reply_complaints(struct request *r, struct complaints *c)
{
	struct text *t;

	if (c->count == 0 || c->errors.failed || c->detail.failed) {
		reply_no_memory(r);
		return;
	}
	t = reply_problem_begin(&r->reply, c->status, c->code,
				text_string(&c->detail));
	if (c->errors.length > 0) {
		text_literal(t, ",\"errors\":[");
		text_put(t, c->errors.data, c->errors.length);
		text_char(t, ']');
	}
	reply_problem_end(&r->reply);
}

void reply_etag(struct request *r, uint32_t version)
{
	text_literal(&r->reply.head, "ETag: W/\"");
	text_int(&r->reply.head, version);
	text_literal(&r->reply.head, "\"\r\n");
}

void reply_job(struct request *r, int status, const struct job_view *view)
{
	int64_t retry_s = wire_retry_after_s(
		view, r->http->settings->http_retry_after_max_s);

	r->reply.status = status;
	r->reply.type = REPLY_JSON;
	reply_etag(r, view->job->version);
	if (retry_s > 0)
		reply_header_int(&r->reply, "Retry-After", retry_s);
	wire_job(&r->reply.body, view, r->base);
}

/* --- jobs that are not there -------------------------------------------------------------- */

int find_removed(struct http *h, const uint8_t uuid[16], int64_t deadline_ms,
		 struct wire_gone *gone)
{
	struct tombstone stone;
	int error = reader_tombstone(h->reader, uuid, deadline_ms, &stone);

	if (error < 0)
		return error;
	memcpy(gone->uuid, uuid, 16);
	gone->state = stone.state;
	gone->finished_ms = stone.finished_ms;
	return 0;
}

int find_gone(struct http *h, const uint8_t uuid[16], enum lookup found,
	      const struct job_view *view, struct wire_gone *gone)
{
	if (found != LOOKUP_GONE || !view->job)
		return find_removed(h, uuid, clock_real_mono_ms() +
						     READER_DEADLINE_MS, gone);
	memcpy(gone->uuid, uuid, 16);
	gone->state = view->job->state;
	gone->finished_ms = view->job->finished_ms;
	return 0;
}

static void reply_gone(struct request *r, const struct wire_gone *gone)
{
	struct text *t = reply_problem_begin(&r->reply, 410, "job_gone",
					     "The job has been removed.");

	wire_gone_members(t, gone);
	reply_problem_end(&r->reply);
}

void reply_missing(struct request *r, const uint8_t uuid[16],
		   enum lookup found, struct job_view *view)
{
	struct wire_gone gone;
	int error = find_gone(r->http, uuid, found, view, &gone);

	if (found != LOOKUP_NONE)
		job_view_release(view);
	if (error == 0)
		reply_gone(r, &gone);
	else if (error == -ENOENT)
		reply_problem(&r->reply, 404, "job_not_found",
			      "There is no job of this id.");
	else
		reply_unreadable(r, error);
}

/* --- commands -------------------------------------------------------------------------------- */

static const struct {
	int status;
	const char *code, *detail;
	int retry_after_s;		/* 0: none */
} outcomes[OUTCOMES] = {
	[OUTCOME_OK] = { 200, "ok", "Done.", 0 },
	[OUTCOME_NOT_FOUND] = { 404, "job_not_found",
		"There is no job of this id.", 0 },
	[OUTCOME_GONE] = { 410, "job_gone", "The job has been removed.", 0 },
	[OUTCOME_INVALID_STATE] = { 409, "invalid_state",
		"That cannot be done to a job in its state", 0 },
	[OUTCOME_PROTECTED] = { 409, "protected",
		"The job default stays: it can neither be deleted nor expire.", 0 },
	[OUTCOME_VERSION_MISMATCH] = { 412, "version_mismatch",
		"The job has changed: its version is not the one given.", 0 },
	[OUTCOME_QUEUE_FULL] = { 429, "queue_full",
		"The server keeps as many jobs as it may.", 5 },
	[OUTCOME_IDEMPOTENCY_MISMATCH] = { 422, "idempotency_mismatch",
		"This Idempotency-Key was used with another body.", 0 },
	[OUTCOME_BUSY] = { 503, "busy", "Too many commands are waiting.", 1 },
	[OUTCOME_DRAINING] = { 503, "draining", "The server is stopping.", 2 },
	[OUTCOME_STORE_UNAVAILABLE] = { 503, "store_unavailable",
		"The store failed; whether the command was carried out is "
		"unknown.", 1 },
	[OUTCOME_INTERNAL] = { 500, "internal",
		"The command could not be carried out.", 0 },
	[OUTCOME_REMOVED] = { 204, "removed", "The job is gone.", 0 },
};

int outcome_status(enum outcome outcome)
{
	return outcomes[outcome].status;
}

const char *outcome_code(enum outcome outcome)
{
	return outcomes[outcome].code;
}

/* 409 says which state the job is in. */
static void reply_conflict(struct request *r, enum outcome outcome,
			   const struct job *job)
{
	char detail[128];
	const char *state = job ? job_state_name(job->state) : NULL;
	struct text *t;

	if (outcome == OUTCOME_INVALID_STATE && state)
		snprintf(detail, sizeof(detail), "%s: it is %s.",
			 outcomes[outcome].detail, state);
	else
		snprintf(detail, sizeof(detail), "%s",
			 outcomes[outcome].detail);
	t = reply_problem_begin(&r->reply, 409, outcomes[outcome].code,
				detail);
	if (state) {
		text_literal(t, ",\"state\":");
		text_json_string(t, state);
	}
	reply_problem_end(&r->reply);
}

void reply_outcome(struct request *r, enum outcome outcome,
		   const uint8_t uuid[16], struct job *job)
{
	struct job_view view = { .job = NULL };

	if (outcome == OUTCOME_GONE && uuid) {
		enum lookup found = board_find(r->http->board, uuid, &view);

		/* a key's answer may outlive the tombstone as well */
		if (found == LOOKUP_FOUND)
			job_view_release(&view);
		reply_missing(r, uuid, found == LOOKUP_GONE ? found
							    : LOOKUP_NONE,
			      &view);
		if (r->reply.status == 404)
			reply_problem(&r->reply, 410, "job_gone", "%s",
				      outcomes[OUTCOME_GONE].detail);
		return;
	}
	if (outcome == OUTCOME_NOT_FOUND && uuid) {
		reply_missing(r, uuid, LOOKUP_NONE, &view);
		return;
	}
	if (outcomes[outcome].retry_after_s > 0)
		reply_header_int(&r->reply, "Retry-After",
				 outcomes[outcome].retry_after_s);
	if (outcomes[outcome].status == 409)
		reply_conflict(r, outcome, job);
	else
		reply_problem(&r->reply, outcomes[outcome].status,
			      outcomes[outcome].code, "%s",
			      outcomes[outcome].detail);
}

/* Both forms of a verb's address are one scope.  An id is one by now, of
 * JOB_ID_SIZE at most: request_uuid() came first. */
static void scope_write(struct request *r, struct command *c, const char *key)
{
	const char *separator = strchr(r->route->pattern, '}');
	size_t id_length = r->id_length;
	int n;

	if (id_length >= JOB_ID_SIZE)
		id_length = JOB_ID_SIZE - 1;
	if (separator)
		n = snprintf(c->scope, sizeof(c->scope),
			     "POST /v1/jobs/%.*s:%s ", (int)id_length, r->id,
			     separator + 2);
	else
		n = snprintf(c->scope, sizeof(c->scope), "POST %.200s ",
			     r->path);
	snprintf(c->scope + n, sizeof(c->scope) - (size_t)n, "%s", key);
	c->key = c->scope + n;
	c->has_key = true;
	random_digest(r->body ? r->body : "", r->body_length, c->digest);
}

bool command_prepare(struct request *r, struct command *c)
{
	char key[IDEMPOTENCY_KEY_BYTES + 1];

	c->if_match = -1;
	if (r->method != METHOD_POST ||
	    !header_get(&r->headers, HEADER_IDEMPOTENCY_KEY))
		return true;
	if (!idempotency_key_parse(&r->headers, key)) {
		reply_problem(&r->reply, 400, "invalid_idempotency_key",
			      "An Idempotency-Key is 1 to %d of A-Z a-z 0-9 "
			      "_ . : -, bare or in quotes.",
			      IDEMPOTENCY_KEY_BYTES);
		return false;
	}
	scope_write(r, c, key);
	return true;
}

void command_run(struct request *r, struct command *c)
{
	if (__atomic_load_n(&r->http->draining, __ATOMIC_RELAXED)) {
		c->outcome = OUTCOME_DRAINING;
		return;
	}
	engine_do(r->http->engine, c);
	if (c->replayed)
		reply_header(&r->reply, "Idempotency-Replayed", "true");
}
