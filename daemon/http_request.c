#include "daemon/http_private.h"

#include "core/clock.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* --- the answer ------------------------------------------------------------------ */

static const char *date_now(struct workspace *w)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
					"Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
					  "Jun", "Jul", "Aug", "Sep", "Oct",
					  "Nov", "Dec" };
	time_t now = time(NULL);	/* cheaper than a clock of fractions */
	struct tm tm;

	if (now == w->date_s)
		return w->date;
	w->date_s = now;
	gmtime_r(&now, &tm);
	snprintf(w->date, sizeof(w->date),
		 "%s, %02d %s %d %02d:%02d:%02d GMT", days[tm.tm_wday],
		 tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
		 tm.tm_min, tm.tm_sec);
	return w->date;
}

static const char *cache_rule(const struct request *r)
{
	if (strcmp(r->path, "/v1") == 0 || strncmp(r->path, "/v1/", 4) == 0 ||
	    strcmp(r->path, "/openapi.json") == 0)
		return "private, no-cache";
	/* what the dashboard is made of says so itself */
	return r->route && r->route->run == route_asset && r->reply.bytes
		       ? NULL : "no-store";
}

static struct reply_frame request_frame(struct request *r)
{
	struct workspace *w = mg_get_thread_pointer(r->conn);

	return (struct reply_frame){
		.request_id = *r->request_id ? r->request_id : NULL,
		.cache_control = cache_rule(r),
		.date = date_now(w),
		.keep_alive = !r->close,
		.head_only = r->method == METHOD_HEAD,
	};
}

/* Few free threads, or a drain: connections must not outlive their answer. */
static void decide_close(struct request *r)
{
	struct http *h = r->http;

	if (r->unread > 0 || __atomic_load_n(&h->draining, __ATOMIC_RELAXED) ||
	    seats_scarce(h->seats))
		r->close = true;
	if (r->close)
		mg_disable_connection_keep_alive(r->conn);
}

void request_send(struct request *r)
{
	struct reply_frame frame;

	if (r->sent)
		return;
	r->sent = true;
	decide_close(r);
	request_cors(r);
	frame = request_frame(r);
	text_clear(&r->out);
	if (!reply_write(&r->reply, &frame, &r->out)) {
		text_free(&r->reply.head);
		text_free(&r->out);
		reply_no_memory(r);
		if (!reply_write(&r->reply, &frame, &r->out)) {
			mg_disable_connection_keep_alive(r->conn);
			return;
		}
	}
	r->status_sent = r->reply.status;
	seat_expect(HTTP_ANSWER_DEADLINE_MS);
	if (mg_write(r->conn, r->out.data, r->out.length) > 0 && r->unread > 0)
		request_linger(r);
}

bool request_send_stream_head(struct request *r)
{
	struct reply_frame frame;

	r->sent = true;
	r->close = true;
	mg_disable_connection_keep_alive(r->conn);
	request_cors(r);
	frame = request_frame(r);
	text_clear(&r->out);
	if (!reply_write_stream_head(&r->reply, &frame, &r->out)) {
		r->sent = false;	/* nothing is: there is still a word */
		reply_no_memory(r);
		return false;
	}
	r->status_sent = r->reply.status;
	seat_expect(HTTP_ANSWER_DEADLINE_MS);
	return mg_write(r->conn, r->out.data, r->out.length) > 0;
}

bool request_write(struct request *r, const void *bytes, size_t length)
{
	seat_expect(HTTP_ANSWER_DEADLINE_MS);
	return length == 0 || mg_write(r->conn, bytes, length) > 0;
}

/* --- taking a request in ------------------------------------------------------------ */

static const struct {
	const char *name;
	enum method method;
} methods[] = {
	{ "GET", METHOD_GET },	     { "HEAD", METHOD_HEAD },
	{ "POST", METHOD_POST },     { "PATCH", METHOD_PATCH },
	{ "DELETE", METHOD_DELETE }, { "OPTIONS", METHOD_OPTIONS },
};

static enum method method_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i].name, name) == 0)
			return methods[i].method;
	return METHOD_OTHER;
}

/* The client's own id, or a fresh one. */
static void take_request_id(struct request *r)
{
	static const char hex[] = "0123456789abcdef";
	struct workspace *w = mg_get_thread_pointer(r->conn);
	const char *id = header_get(&r->headers, HEADER_REQUEST_ID);
	size_t length = id ? strlen(id) : 0;
	uint64_t n;

	if (id && word_is_plain(id, length, 128)) {
		memcpy(r->request_id, id, length + 1);
		return;
	}
	n = r->http->request_salt + (w->number << 32) + ++w->requests;
	for (int i = 15; i >= 0; i--, n >>= 4)
		r->request_id[i] = hex[n & 15];
	r->request_id[16] = '\0';
}

/* The library's own rule, or what we say and what it does would differ. */
static bool client_closes(const struct request *r)
{
	const char *connection = header_get(&r->headers, HEADER_CONNECTION);
	size_t at = 0, length;

	if (strcmp(r->info->http_version, "1.1") != 0)
		return true;
	if (!connection)
		return false;
	while ((connection = header_next(&r->headers, HEADER_CONNECTION, &at))) {
		const char *item;

		while ((item = list_next(&connection, &length))) {
			item += strspn(item, " \t");
			if (strncasecmp(item, "keep-alive", 10) == 0)
				return false;
		}
	}
	return true;
}

/* The library keeps 64 headers and stops at a line that it cannot read; what
 * it left unread still lies behind the last value: "\0\0" and then the "\r"
 * of the empty line, if all was read. */
static bool headers_are_whole(const struct mg_request_info *info)
{
	const char *end;

	if (info->num_headers < 1)
		return true;
	end = info->http_headers[info->num_headers - 1].value;
	end += strlen(end);
	return end[0] == '\0' && end[1] == '\0' && end[2] == '\r';
}

/* "Host : x": the library cuts the name at the space. */
static bool name_has_space(const struct mg_header *header)
{
	const char *end = header->name + strlen(header->name);

	return header->value > end + 1 && end[1] == '\0';
}

/* What the library lets pass, and others would read in another way.  It has
 * written a NUL over each byte between two lines: CR and LF are two. */
static const char *head_fault(const struct mg_request_info *info)
{
	const char *end = info->http_version;

	for (int i = 0; i < info->num_headers; i++) {
		const struct mg_header *header = &info->http_headers[i];

		if (name_has_space(header))
			return "A space stands before the colon of a header.";
		if (strpbrk(header->name, "\"(),/;<=>?@[\\]{}"))
			return "The name of a header is none.";
		if (header->name != end + strlen(end) + 2)
			return "A line of the head does not end in CRLF.";
		end = header->value;
	}
	return NULL;
}

/* The library leaves the blanks behind a value, which are no part of it, in
 * the buffer of the head, which is the thread's. */
static const char *value_of(const struct mg_header *header)
{
	char *value = (char *)header->value;
	size_t length = strlen(value);

	while (length > 0 && value[length - 1] == ' ')
		value[--length] = '\0';
	return value;
}

static bool malformed(struct request *r, const char *detail)
{
	r->close = true;
	reply_problem(&r->reply, 400, "malformed_request", "%s", detail);
	return false;
}

static bool take_headers(struct request *r)
{
	const struct mg_request_info *info = r->info;
	const char *fault = head_fault(info);
	bool whole = headers_are_whole(info);
	struct framing framing;

	for (int i = 0; i < info->num_headers; i++)
		headers_add(&r->headers, info->http_headers[i].name,
			    value_of(&info->http_headers[i]));
	take_request_id(r);
	r->close = client_closes(r);
	if (fault)
		return malformed(r, fault);
	if (!whole) {
		if (info->num_headers < MG_MAX_HEADERS)
			return malformed(r, "A line among the headers is none.");
		r->close = true;
		reply_problem(&r->reply, 431, "headers_too_large",
			      "There are more than %d headers.",
			      MG_MAX_HEADERS);
		return false;
	}
	framing = headers_framing(&r->headers);
	if (framing.status == 400)
		return malformed(r, framing.detail);
	if (framing.status != 0) {
		r->close = true;
		reply_problem(&r->reply, framing.status, "length_required",
			      "%s", framing.detail);
		return false;
	}
	r->unread = framing.length;
	return true;
}

#define SCHEME "http://"

/* What follows the host of "http://host/path"; a path itself. */
static const char *target_path(const char *uri)
{
	if (!uri || strncasecmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return uri;
	uri += strlen(SCHEME);
	return uri + strcspn(uri, "/?");
}

/* An address with a host in it must name the one that Host names. */
static bool admit_target(struct request *r)
{
	const char *uri = r->info->request_uri, *path = target_path(uri);
	const char *host = header_get(&r->headers, HEADER_HOST);
	size_t length = strlen(host);

	if (*uri == '/')
		return true;
	uri += strlen(SCHEME);
	if (path >= uri && (size_t)(path - uri) == length &&
	    strncasecmp(uri, host, length) == 0)
		return true;
	return malformed(r, "The address must be a path, or one of http on "
			    "the host that Host names.");
}

/* The path without its query; "" if it is none of ours in any case. */
static void take_path(struct request *r)
{
	const char *uri = target_path(r->info->request_uri);
	char path[HTTP_PATH_BYTES];
	size_t length = uri ? strcspn(uri, "?") : 0;

	if (length == 0 || length >= sizeof(path) || *uri != '/')
		return;
	memcpy(path, uri, length);
	path[length] = '\0';
	if (!path_decode(path, r->path, sizeof(r->path)))
		r->path[0] = '\0';
}

/* 404, 405, or the answer to OPTIONS. */
static void reply_no_run(struct request *r, const struct allow *allow)
{
	if (*allow->methods == '\0') {
		reply_problem(&r->reply, 404, "no_route",
			      "There is nothing at this address.");
		return;
	}
	reply_header(&r->reply, "Allow", allow->methods);
	if (r->method != METHOD_OPTIONS) {
		reply_problem(&r->reply, 405, "method_not_allowed",
			      "This address takes %s.", allow->methods);
		return;
	}
	r->reply.status = 204;
	if (r->cors_origin)
		request_preflight(r, allow->methods);
}

static bool is_preflight(const struct request *r)
{
	return r->method == METHOD_OPTIONS && r->cors_origin &&
	       header_get(&r->headers, HEADER_ACCESS_CONTROL_REQUEST_METHOD);
}

/* Bodies are taken as they are. */
static bool is_encoded(struct request *r)
{
	const char *encoding;
	size_t at = 0;

	do
		encoding = header_next(&r->headers, HEADER_CONTENT_ENCODING,
				       &at);
	while (encoding && (*encoding == '\0' ||
			    strcasecmp(encoding, "identity") == 0));
	if (!encoding)
		return false;
	reply_header(&r->reply, "Accept-Encoding", "identity");
	reply_problem(&r->reply, 415, "unsupported_media_type",
		      "The body must have no Content-Encoding.");
	return true;
}

static bool admit_content(struct request *r)
{
	const char *type = header_get(&r->headers, HEADER_CONTENT_TYPE);
	unsigned flags = r->route->flags;

	if (!(flags & ROUTE_JSON))
		return true;
	if (!header_get(&r->headers, HEADER_CONTENT_LENGTH)) {
		r->close = true;
		reply_problem(&r->reply, 411, "length_required",
			      "A body needs a Content-Length.");
		return false;
	}
	if (is_encoded(r))
		return false;
	if (media_type_is(type, "application/json") ||
	    (flags & ROUTE_PATCH &&
	     media_type_is(type, "application/merge-patch+json")))
		return true;
	if (flags & ROUTE_PATCH)
		reply_header(&r->reply, "Accept-Patch",
			     "application/json, application/merge-patch+json");
	reply_problem(&r->reply, 415, "unsupported_media_type",
		      "The body must be application/json.");
	return false;
}

static bool body_fits(struct request *r)
{
	const struct settings *s = r->http->settings;
	int64_t max = r->route->flags & ROUTE_BATCH ? s->http_max_batch_bytes
						    : s->http_max_body_bytes;

	if (r->unread <= max)
		return true;
	reply_problem(&r->reply, 413, "too_large",
		      "The body has %lld bytes; %lld are taken here.",
		      (long long)r->unread, (long long)max);
	return false;
}

static bool take_query(struct request *r)
{
	struct workspace *w = mg_get_thread_pointer(r->conn);
	const char *text = r->info->query_string;

	r->query.count = 0;
	if (!text)
		return true;
	if (!w->query_bytes)
		w->query_bytes = malloc(QUERY_BYTES);
	if (!w->query_bytes) {
		reply_no_memory(r);
		return false;
	}
	if (query_parse(&r->query, w->query_bytes, text))
		return true;
	reply_problem(&r->reply, 400, "invalid_parameter",
		      "The query is malformed: it must be at most %d names and "
		      "values in UTF-8, percent-encoded, without NUL.",
		      QUERY_PARAMETERS);
	return false;
}

static void request_run(struct request *r)
{
	struct allow allow = { "", false };
	bool routed;

	take_path(r);
	if (!take_headers(r) || !admit_target(r) || !request_admit_host(r))
		return;
	request_route(r, &allow);
	routed = r->route != NULL;
	if (!request_admit_origin(r))
		return;
	if (!allow.open && !is_preflight(r) && !request_admit_key(r))
		return;
	if (request_fault(r))
		return;
	if (!routed) {
		reply_no_run(r, &allow);
		return;
	}
	if (!body_fits(r) || !admit_content(r) || !request_read_body(r) ||
	    !take_query(r))
		return;
	r->prefer = prefer_parse(&r->headers);
	r->route->run(r);
}

/* --- serving --------------------------------------------------------------------------- */

static struct request *request_open(struct http *h, struct mg_connection *conn)
{
	struct workspace *w = mg_get_thread_pointer(conn);
	struct request *r = &w->request;

	__atomic_store_n(&w->busy, 1, __ATOMIC_SEQ_CST);
	r->http = h;
	r->conn = conn;
	r->info = mg_get_request_info(conn);
	r->route = NULL;
	r->began_us = clock_real_mono_us();
	r->method = r->info->request_method
			    ? method_parse(r->info->request_method)
			    : METHOD_OTHER;
	headers_clear(&r->headers);
	r->query.count = 0;
	r->prefer = (struct prefer){ .wait_s = -1 };
	reply_clear(&r->reply);
	r->path[0] = r->request_id[0] = '\0';
	r->base = "";
	r->id = NULL;
	r->id_length = 0;
	r->body = NULL;
	r->body_length = 0;
	r->unread = 0;
	r->cors_origin = NULL;
	r->close = r->sent = false;
	r->status_sent = 0;
	return r;
}

static void request_close(struct request *r)
{
	struct workspace *w = mg_get_thread_pointer(r->conn);
	struct http *h = r->http;

	if (r->sent && r->close)
		mg_disable_connection_keep_alive(r->conn);
	if (r->body_length > 0)
		__atomic_sub_fetch(&h->body_bytes, (int64_t)r->body_length,
				   __ATOMIC_RELAXED);
	free(r->body);
	r->body = NULL;
	text_clear(&r->out);
	reply_clear(&r->reply);		/* a big one is not kept for the next */
	/* a command has waited for the engine, which needs the core */
	seat_expect_next(r->method == METHOD_GET);
	__atomic_store_n(&w->busy, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&h->draining, __ATOMIC_SEQ_CST)) {
		pthread_mutex_lock(&h->lock);
		pthread_cond_broadcast(&h->moved);
		pthread_mutex_unlock(&h->lock);
	}
}

static void request_account(struct request *r)
{
	int64_t us = clock_real_mono_us() - r->began_us;

	metrics_request(r->http->metrics, route_index(r->route),
			r->status_sent, us);
	log_debug("http.request", "method=%s path=%s status=%d ms=%lld.%03d "
		  "request_id=%s", LOG_QUOTE(r->info->request_method),
		  LOG_QUOTE(r->path), r->status_sent, (long long)(us / 1000),
		  (int)(us % 1000), LOG_QUOTE(r->request_id));
}

int request_serve(struct http *h, struct mg_connection *conn)
{
	struct request *r;
	int status;

	r = request_open(h, conn);
	request_run(r);
	request_send(r);
	request_account(r);
	status = r->status_sent;
	request_close(r);
	return status ? status : 499;	/* any but 0: it is dealt with */
}

/* --- what the library refuses by itself ---------------------------------------------------- */

/* A method that the library does not know: the path still has its say. */
static bool reject_method(struct request *r)
{
	const struct mg_request_info *info = r->info;
	struct allow allow = { "", false };

	if (!info->http_version || strncmp(info->http_version, "1.", 2) != 0 ||
	    info->num_headers != 0 || r->method != METHOD_OTHER || !*r->path)
		return false;
	request_route(r, &allow);
	reply_no_run(r, &allow);
	return true;
}

static void reject_status(struct request *r, int status)
{
	bool has_length;

	for (int i = 0; i < r->info->num_headers; i++)
		headers_add(&r->headers, r->info->http_headers[i].name,
			    r->info->http_headers[i].value);
	has_length = r->headers.times[HEADER_CONTENT_LENGTH] > 0;
	if (status == 505)
		reply_problem(&r->reply, 505, "malformed_request",
			      "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
	else if (status == 413 || status == 414 || status == 431)
		reply_problem(&r->reply, 431, "headers_too_large",
			      "The head of the request has more than 16 KiB.");
	else if (status == 411 && !has_length)
		reply_problem(&r->reply, 411, "length_required",
			      "A body needs a Content-Length.");
	else if (status == 408)
		reply_problem(&r->reply, 408, "timeout",
			      "The request did not arrive in time.");
	else if (status >= 500)
		reply_problem(&r->reply, 500, "internal",
			      "The server failed.");
	else
		reply_problem(&r->reply, 400, "malformed_request",
			      "The request is not well-formed HTTP/1.1, or "
			      "its head has more than 16 KiB.");
}

int request_reject(struct http *h, struct mg_connection *conn, int status)
{
	struct request *r;

	if (!mg_get_request_info(conn) || !mg_get_thread_pointer(conn))
		return 1;
	r = request_open(h, conn);
	r->close = true;
	take_path(r);
	if (!reject_method(r))
		reject_status(r, status);
	((struct workspace *)mg_get_thread_pointer(conn))->rejected = true;
	take_request_id(r);
	request_send(r);
	request_account(r);
	request_close(r);
	return 0;
}

/* "OPTIONS *" and absolute addresses of other ports: the library would close
 * the connection without a word. */
void request_orphan(struct http *h, struct mg_connection *conn)
{
	const struct mg_request_info *info = mg_get_request_info(conn);
	struct workspace *w = mg_get_thread_pointer(conn);
	struct request *r;

	if (!info || info->local_uri || !info->request_uri ||
	    !info->http_version || !w || w->rejected ||
	    (strcmp(info->request_uri, "*") != 0 &&
	     strncasecmp(info->request_uri, "http", 4) != 0))
		return;
	r = request_open(h, conn);
	r->close = true;
	for (int i = 0; i < info->num_headers; i++)
		headers_add(&r->headers, info->http_headers[i].name,
			    info->http_headers[i].value);
	take_request_id(r);
	if (strcmp(info->request_uri, "*") == 0 &&
	    r->method == METHOD_OPTIONS) {
		reply_header(&r->reply, "Allow",
			     "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
		r->reply.status = 204;
	} else {
		reply_problem(&r->reply, 400, "malformed_request",
			      "The address must be a path, or one of http on "
			      "the host that Host names.");
	}
	request_send(r);
	request_account(r);
	request_close(r);
}
