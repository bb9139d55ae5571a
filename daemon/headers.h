/* headers.h -- the headers of a request, read strictly.
 *
 * Pure: borrows the texts it is given, allocates nothing, knows nothing of
 * the HTTP library.  Add each header with headers_add, then ask. */
#ifndef DAEMON_HEADERS_H
#define DAEMON_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum header {			/* those that mean something to us */
	HEADER_ACCEPT,
	HEADER_ACCEPT_ENCODING,
	HEADER_ACCESS_CONTROL_REQUEST_METHOD,
	HEADER_AUTHORIZATION,
	HEADER_CONNECTION,
	HEADER_CONTENT_ENCODING,
	HEADER_CONTENT_LENGTH,
	HEADER_CONTENT_TYPE,
	HEADER_EXPECT,
	HEADER_HOST,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_IF_MATCH,
	HEADER_IF_NONE_MATCH,
	HEADER_LAST_EVENT_ID,
	HEADER_ORIGIN,
	HEADER_PREFER,
	HEADER_REQUEST_ID,
	HEADER_SEC_FETCH_MODE,
	HEADER_SEC_FETCH_SITE,
	HEADER_TRANSFER_ENCODING,
	HEADER_X_API_KEY,
	HEADERS
};

#define HEADER_LINES 64

struct headers {
	size_t count;			/* lines of those above */
	struct header_line {
		enum header header;
		const char *value;
	} lines[HEADER_LINES];
	uint8_t times[HEADERS];		/* how often each came */
};

void headers_clear(struct headers *h);
void headers_add(struct headers *h, const char *name, const char *value);
const char *header_get(const struct headers *h, enum header header);
/* Its next line; *at starts as 0. */
const char *header_next(const struct headers *h, enum header header,
			size_t *at);

/* --- framing ------------------------------------------------------------------ */

struct framing {
	int status;			/* 0: well; else 400 or 411 */
	const char *detail;		/* then: a sentence */
	int64_t length;			/* bytes of the body, 0 without one */
};
/* What the headers say of the message: lengths, encodings, Host and doubled
 * ones. */
struct framing headers_framing(const struct headers *h);

/* --- values -------------------------------------------------------------------- */

/* Is it all [A-Za-z0-9_.:-], from 1 to max characters? */
bool word_is_plain(const char *text, size_t length, size_t max);

/* Is it "type/subtype", perhaps with parameters? */
bool media_type_is(const char *value, const char *type);
/* Does the client name text/event-stream, and not with q=0? */
bool accepts_event_stream(const struct headers *h);
bool accepts_gzip(const struct headers *h);

#define IDEMPOTENCY_KEY_BYTES 255
/* The key without its quotes.  False: malformed or doubled. */
bool idempotency_key_parse(const struct headers *h,
			   char out[IDEMPOTENCY_KEY_BYTES + 1]);

/* Do these tags (W/"7", "7", lists, *) name this version?  Weak comparison. */
bool etag_matches(const struct headers *h, enum header header,
		  uint32_t version);
/* The same against a whole tag, with its quotes. */
bool etag_names(const struct headers *h, enum header header, const char *tag);

struct prefer {
	bool strict;			/* handling=strict */
	int64_t wait_s;			/* -1: not asked, or malformed */
};
struct prefer prefer_parse(const struct headers *h);

/* --- who asks --------------------------------------------------------------------- */

/* host_listed -- is Host in a comma-separated list?  An entry without a port
 * matches any port.  Letters' case is nothing. */
bool host_listed(const char *host, const char *list);
/* host_is_address -- is Host an IPv4 address in digits, with or without a
 * port? */
bool host_is_address(const char *host);
/* host_is_sane -- could it be a host and a port at all? */
bool host_is_sane(const char *host);
/* Is the origin http:// or https:// and this host? */
bool origin_is_host(const char *origin, const char *host);
bool origin_listed(const char *origin, const char *list);
/* The scheme, host and port of a URL equal to the origin? */
bool origin_is_url(const char *origin, const char *url);

#endif
