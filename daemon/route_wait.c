#include "daemon/http_request.h"

#include "core/clock.h"
#include "daemon/wire_json.h"

#include <string.h>

/* What is asked of a look. */
struct asking {
	int64_t wait_s;			/* -1: not asked */
	bool until_change;
};

bool request_wait_s(struct request *r, int64_t *wait_out)
{
	const char *text = query_get(&r->query, "wait");
	int64_t max_s = r->http->settings->http_max_wait_s;
	int64_t wait_s = r->prefer.wait_s, asked_s;

	if (text) {
		if (!digits_parse(text, strlen(text), &asked_s)) {
			bad_parameter(r, "wait",
				      "must be a number of seconds, 0 or more");
			return false;
		}
		if (wait_s < 0 || asked_s < wait_s)
			wait_s = asked_s;
	}
	*wait_out = wait_s > max_s ? max_s : wait_s;
	return true;
}

void reply_wait_applied(struct request *r, int64_t wait_s)
{
	text_literal(&r->reply.head, "Preference-Applied: wait=");
	text_int(&r->reply.head, wait_s);
	text_literal(&r->reply.head, "\r\n");
}

static bool asking_parse(struct request *r, struct asking *a)
{
	const char *until = query_get(&r->query, "until");

	a->until_change = until && strcmp(until, "change") == 0;
	if (until && *until && !a->until_change && strcmp(until, "final") != 0) {
		bad_parameter(r, "until", "must be change or final");
		return false;
	}
	return request_wait_s(r, &a->wait_s);
}

/* Is there nothing to wait for? */
static bool is_there(const struct request *r, const struct asking *a,
		     const struct job *job)
{
	return job_state_is_final(job->state) || a->wait_s == 0 ||
	       (a->until_change &&
		r->headers.times[HEADER_IF_NONE_MATCH] > 0 &&
		!etag_matches(&r->headers, HEADER_IF_NONE_MATCH,
			      job->version));
}

/* Waits, if there is room.  True: it was held until time was up. */
static bool look_hold(struct request *r, const uint8_t uuid[16],
		      const struct asking *a, struct look *look, bool *held)
{
	int64_t deadline_ms = clock_real_mono_ms() + a->wait_s * 1000;
	uint32_t version = a->until_change ? look->view.job->version : 0;

	if (!held_begin(r->http, HELD_WAIT))
		return false;
	*held = true;
	reply_wait_applied(r, a->wait_s);
	job_view_release(&look->view);
	look->found = board_wait(r->http->board, uuid, version, deadline_ms,
				 &look->view);
	held_end(r->http, HELD_WAIT);
	return clock_real_mono_ms() >= deadline_ms;
}

static uint64_t asker(const struct request *r)
{
	uint64_t hash = 14695981039346656037u;

	for (const char *p = r->info->remote_addr; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	return hash;
}

static void count_poll(struct request *r, const struct look *look, bool held)
{
	const struct job *job = look->view.job;
	enum poll_answer answer = POLL_PENDING;

	if (job_state_is_final(job->state))
		answer = POLL_FINAL;
	else if (held)
		answer = POLL_HELD;
	else if (look->unchanged)
		answer = POLL_UNCHANGED;
	metrics_poll(r->http->metrics, answer, asker(r), job->uuid,
		     held ? clock_real_mono_ms() : r->began_us / 1000,
		     look->retry_after_s);
}

bool request_look(struct request *r, const uint8_t uuid[16],
		  struct look *look)
{
	struct asking asking;
	bool ran_out = false, held = false;

	if (!asking_parse(r, &asking))
		return false;
	metrics_poll_begin(asker(r), uuid);
	look->found = board_find(r->http->board, uuid, &look->view);
	if (look->found == LOOKUP_FOUND && asking.wait_s >= 0) {
		if (is_there(r, &asking, look->view.job))
			reply_wait_applied(r, asking.wait_s);
		else
			ran_out = look_hold(r, uuid, &asking, look, &held);
	}
	if (look->found != LOOKUP_FOUND) {
		reply_missing(r, uuid, look->found, &look->view);
		return false;
	}
	look->unchanged = etag_matches(&r->headers, HEADER_IF_NONE_MATCH,
				       look->view.job->version);
	look->retry_after_s = -1;
	reply_etag(r, look->view.job->version);
	if (!job_state_is_final(look->view.job->state)) {
		look->retry_after_s = ran_out ? 0 : wire_retry_after_s(
			&look->view,
			r->http->settings->http_retry_after_max_s);
		reply_header_int(&r->reply, "Retry-After",
				 look->retry_after_s);
	}
	count_poll(r, look, held);
	return true;
}
