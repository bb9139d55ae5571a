#include "daemon/http_private.h"

#include <string.h>
#include <strings.h>

/* Host must be one of ours: a page of another site that had its name resolved
 * to this address cannot then speak to us. */
static bool host_is_ours(const struct http *h, const char *host)
{
	return host_listed(host, h->address) ||
	       host_listed(host, "localhost") ||
	       (h->any_address && host_is_address(host)) ||
	       host_listed(host, h->settings->http_hosts);
}

static bool admit_new_host(struct request *r, const char *host)
{
	struct workspace *w = mg_get_thread_pointer(r->conn);

	if (!host_is_sane(host)) {
		r->close = true;
		reply_problem(&r->reply, 400, "malformed_request",
			      "The Host header is not a host.");
		return false;
	}
	if (!host_is_ours(r->http, host)) {
		reply_problem(&r->reply, 421, "misdirected_request",
			      "This server does not answer for the host that "
			      "was asked.");
		return false;
	}
	memcpy(w->host, host, strlen(host) + 1);
	return true;
}

bool request_admit_host(struct request *r)
{
	struct workspace *w = mg_get_thread_pointer(r->conn);
	const char *host = header_get(&r->headers, HEADER_HOST);
	const char *base = r->http->settings->http_public_url;

	/* one client asks for one host, again and again */
	if ((*host == '\0' || strcmp(host, w->host) != 0) &&
	    !admit_new_host(r, host))
		return false;
	r->base = base;
	if (*base == '\0') {
		stpcpy(stpcpy(r->base_text, "http://"), host);
		r->base = r->base_text;
	}
	return true;
}

static bool origin_is_ours(const struct request *r, const char *origin)
{
	return origin_is_host(origin, header_get(&r->headers, HEADER_HOST)) ||
	       origin_is_url(origin, r->http->settings->http_public_url);
}

/* A link on another page may lead to the dashboard; nothing else of another
 * site's making comes in. */
static bool is_visit(const struct request *r)
{
	const char *mode = header_get(&r->headers, HEADER_SEC_FETCH_MODE);

	return r->route && (r->route->flags & ROUTE_OPEN) &&
	       (r->method == METHOD_GET || r->method == METHOD_HEAD) && mode &&
	       strcasecmp(mode, "navigate") == 0;
}

bool request_admit_origin(struct request *r)
{
	const char *origin = header_get(&r->headers, HEADER_ORIGIN);
	const char *site = header_get(&r->headers, HEADER_SEC_FETCH_SITE);
	const char *listed = r->http->settings->http_cors_origins;

	if (origin && origin_listed(origin, listed)) {
		r->cors_origin = origin;
		return true;
	}
	if ((!origin || origin_is_ours(r, origin)) &&
	    (!site || strcasecmp(site, "cross-site") != 0))
		return true;
	if (!origin && is_visit(r))
		return true;
	reply_problem(&r->reply, 403, "foreign_origin",
		      "Pages of this origin may not use this server.");
	return false;
}

bool request_admit_key(struct request *r)
{
	const char *key = header_get(&r->headers, HEADER_X_API_KEY);
	const char *bearer = header_get(&r->headers, HEADER_AUTHORIZATION);

	if (!r->http->keys)
		return true;
	if (!key && bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
		key = bearer + 7 + strspn(bearer + 7, " ");
	if (keys_match(r->http->keys, key))
		return true;
	reply_header(&r->reply, "WWW-Authenticate", "Bearer");
	reply_problem(&r->reply, 401, "unauthorized",
		      "An API key is needed, in X-Api-Key or as a bearer "
		      "token.");
	return false;
}

void request_cors(struct request *r)
{
	if (*r->http->settings->http_cors_origins)
		reply_header(&r->reply, "Vary", "Origin");
	if (!r->cors_origin)
		return;
	reply_header(&r->reply, "Access-Control-Allow-Origin", r->cors_origin);
	reply_header(&r->reply, "Access-Control-Expose-Headers",
		     "ETag, Retry-After, Location, Preference-Applied, "
		     "Request-Id");
}

void request_preflight(struct request *r, const char *allow)
{
	reply_header(&r->reply, "Access-Control-Allow-Methods", allow);
	reply_header(&r->reply, "Access-Control-Allow-Headers",
		     "Accept, Authorization, Cache-Control, Content-Type, "
		     "Idempotency-Key, If-Match, If-None-Match, "
		     "Last-Event-ID, Prefer, Request-Id, X-Api-Key");
	reply_header_int(&r->reply, "Access-Control-Max-Age", 600);
}
