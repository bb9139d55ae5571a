#include "daemon/http_private.h"

#include "core/clock.h"
#include "daemon/assets.h"

#include <stdio.h>
#include <string.h>

#define GET(pattern, run, flags) \
	{ METHOD_GET, pattern, run, flags, 0, NULL }
#define POST(pattern, run, flags) \
	{ METHOD_POST, pattern, run, flags, 0, NULL }
#define JOB_VERB(word, verb) \
	{ METHOD_POST, "/v1/jobs/{id}:" word, route_job_verb, 0, verb, NULL }, \
	{ METHOD_POST, "/v1/jobs/{id}/" word, route_job_verb, 0, verb, \
	  "/v1/jobs/{id}:" word }
#define BULK_VERB(word, verb) \
	{ METHOD_POST, "/v1/jobs:" word, route_bulk_verb, ROUTE_JSON, verb, \
	  NULL }

/* Every address there is.  The most asked stand first. */
const struct route routes[] = {
	GET("/status", route_status, 0),
	GET("/status/{id}", route_status, 0),
	GET("/v1/jobs/{id}", route_job, 0),
	{ METHOD_PATCH, "/v1/jobs/{id}", route_job_patch,
	  ROUTE_JSON | ROUTE_PATCH, 0, NULL },
	{ METHOD_DELETE, "/v1/jobs/{id}", route_job_delete, 0, VERB_DELETE,
	  NULL },
	GET("/v1/jobs", route_jobs, 0),
	POST("/v1/jobs", route_submit, ROUTE_JSON),
	GET("/v1/events", route_events, 0),
	POST("/v1/jobs:batch", route_submit_batch, ROUTE_JSON | ROUTE_BATCH),
	JOB_VERB("pause", VERB_PAUSE),
	JOB_VERB("resume", VERB_RESUME),
	JOB_VERB("cancel", VERB_CANCEL),
	JOB_VERB("restart", VERB_RESTART),
	BULK_VERB("pause", VERB_PAUSE),
	BULK_VERB("resume", VERB_RESUME),
	BULK_VERB("cancel", VERB_CANCEL),
	BULK_VERB("restart", VERB_RESTART),
	BULK_VERB("delete", VERB_DELETE),
	GET("/v1/jobs/{id}/events", route_job_events, 0),
	GET("/v1/jobs/{id}/result", route_job_result, 0),
	GET("/v1/queue", route_queue, 0),
	{ METHOD_POST, "/v1/queue:pause", route_queue_verb, 0, VERB_PAUSE,
	  NULL },
	{ METHOD_POST, "/v1/queue:resume", route_queue_verb, 0, VERB_RESUME,
	  NULL },
	POST("/v1/clock:advance", route_clock_advance,
	     ROUTE_JSON | ROUTE_CLOCK),
	GET("/v1", route_about, 0),
	GET("/healthz", route_healthz, ROUTE_OPEN),
	GET("/readyz", route_readyz, ROUTE_OPEN),
	GET("/metrics", route_metrics, 0),
	GET("/openapi.json", route_openapi, 0),
	GET("/", route_asset, ROUTE_OPEN),
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

/* The dashboard's files: their paths are the build's. */
static const struct route asset_route = {
	METHOD_GET, "/{asset}", route_asset, ROUTE_OPEN, 0, NULL
};

static const char *row_name(const struct route *route)
{
	return route->name ? route->name : route->pattern;
}

/* Rows of one name stand together, and the first one counts for all. */
size_t route_index(const struct route *route)
{
	if (!route)
		return METRICS_ROUTES - 1;
	if (route == &asset_route)
		return METRICS_ROUTES - 2;
	while (route > routes &&
	       strcmp(row_name(route), row_name(route - 1)) == 0)
		route--;
	return (size_t)(route - routes);
}

const char *route_name(size_t index)
{
	if (index == METRICS_ROUTES - 1)
		return "none";
	if (index == METRICS_ROUTES - 2)
		return asset_route.pattern;
	if (index >= route_count)
		return NULL;
	return row_name(&routes[index]);
}

static bool is_asset(const char *path)
{
	for (size_t i = 0; i < asset_count; i++)
		if (strcmp(assets[i].path, path) == 0)
			return true;
	return false;
}

static bool method_fits(enum method route, enum method asked)
{
	return route == asked ||
	       (route == METHOD_GET && asked == METHOD_HEAD);
}

static const struct {
	enum method method;
	const char *allow;
} allow_words[] = {
	{ METHOD_GET, "GET, HEAD, " },
	{ METHOD_POST, "POST, " },
	{ METHOD_PATCH, "PATCH, " },
	{ METHOD_DELETE, "DELETE, " },
};

static void allow_write(struct allow *allow, unsigned methods)
{
	size_t length = 0;

	allow->methods[0] = '\0';
	if (methods == 0)
		return;
	for (size_t i = 0; i < sizeof(allow_words) / sizeof(*allow_words); i++)
		if (methods & 1u << allow_words[i].method)
			length += (size_t)snprintf(
				allow->methods + length,
				sizeof(allow->methods) - length, "%s",
				allow_words[i].allow);
	snprintf(allow->methods + length, sizeof(allow->methods) - length,
		 "OPTIONS");
}

void request_route(struct request *r, struct allow *allow)
{
	unsigned methods = 0;

	for (size_t i = 0; i < route_count; i++) {
		if (!path_match(routes[i].pattern, r->path, &r->id,
				&r->id_length) ||
		    (routes[i].flags & ROUTE_CLOCK && !clock_is_manual()))
			continue;
		methods |= 1u << routes[i].method;
		allow->open |= routes[i].flags & ROUTE_OPEN;
		if (method_fits(routes[i].method, r->method)) {
			r->route = &routes[i];
			return;
		}
	}
	if (methods == 0 && is_asset(r->path)) {
		methods = 1u << METHOD_GET;
		allow->open = true;
		if (method_fits(METHOD_GET, r->method)) {
			r->route = &asset_route;
			return;
		}
	}
	allow_write(allow, methods);
}
