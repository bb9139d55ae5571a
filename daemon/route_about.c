#include "daemon/http_request.h"

#include "config.h"
#include "core/clock.h"
#include "daemon/body.h"

#include <string.h>

static void add_limit(struct text *t, const char *name, int64_t value)
{
	if (t->length > 0 && t->data[t->length - 1] != '{')
		text_char(t, ',');
	text_json_string(t, name);
	text_char(t, ':');
	text_int(t, value);
}

static void add_limits(struct text *t, struct request *r)
{
	const struct settings *s = r->http->settings;
	const struct settings *now = engine_settings(r->http->engine);

	text_literal(t, "{");
	add_limit(t, "max_wait_s", s->http_max_wait_s);
	add_limit(t, "retry_after_max_s", s->http_retry_after_max_s);
	add_limit(t, "max_body_bytes", s->http_max_body_bytes);
	add_limit(t, "max_batch_bytes", s->http_max_batch_bytes);
	add_limit(t, "max_batch_jobs", BATCH_JOBS_MAX);
	add_limit(t, "max_bulk_ids", BULK_IDS_MAX);
	add_limit(t, "max_ids", 100);
	add_limit(t, "max_limit", 500);
	add_limit(t, "max_events", 1000);
	add_limit(t, "max_waiters",
		  s->http_threads - HTTP_SPARE_THREADS);
	add_limit(t, "max_jobs", now->jobs_max_jobs);
	text_char(t, '}');
	settings_unref(now);
}

void route_about(struct request *r)
{
	struct text *t = &r->reply.body;

	r->reply.type = REPLY_JSON;
	text_literal(t, "{\"name\":\"heygend\",\"version\":\"" PACKAGE_VERSION
			"\",\"limits\":");
	add_limits(t, r);
	text_literal(t, ",\"features\":[\"status\",\"jobs\",\"batch\","
			"\"bulk\",\"wait\",\"events\",\"sse\",\"etag\","
			"\"idempotency_key\",\"queue\"");
	if (r->http->settings->status_default_job != DEFAULT_JOB_OFF)
		text_literal(t, ",\"default_job\"");
	if (clock_is_manual())
		text_literal(t, ",\"clock\"");
	text_literal(t, "]}");
}

void route_healthz(struct request *r)
{
	r->reply.type = REPLY_JSON;
	text_literal(&r->reply.body, "{\"status\":\"ok\"}");
}

void route_readyz(struct request *r)
{
	const char *why = __atomic_load_n(&r->http->draining, __ATOMIC_RELAXED)
				  ? "The server is stopping."
				  : engine_not_ready(r->http->engine);

	if (!why) {
		r->reply.type = REPLY_JSON;
		text_literal(&r->reply.body, "{\"status\":\"ready\"}");
		return;
	}
	reply_header_int(&r->reply, "Retry-After", 1);
	reply_problem(&r->reply, 503, "not_ready", "%s", why);
}
