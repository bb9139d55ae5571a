#include "daemon/http_request.h"

#include "core/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define LINGER_MS 1000
#define LINGER_BYTES (1 << 20)

/* Bodies that are being read or used count, all together. */
static bool bodies_take(struct http *h, int64_t bytes)
{
	if (__atomic_add_fetch(&h->body_bytes, bytes, __ATOMIC_RELAXED) <=
	    HTTP_BODIES_BYTES)
		return true;
	__atomic_sub_fetch(&h->body_bytes, bytes, __ATOMIC_RELAXED);
	return false;
}

/* The library waits for each read anew; this bounds them all. */
static bool body_receive(struct request *r, char *to, int64_t length)
{
	int64_t got = 0;
	int n = 1;

	seat_expect(HTTP_BODY_DEADLINE_MS);
	while (got < length && n > 0) {
		n = mg_read(r->conn, to + got, (size_t)(length - got));
		got += n > 0 ? n : 0;
	}
	r->unread -= got;
	return got == length;
}

static bool expects_continue(struct request *r)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *expect;
	size_t at = 0;

	while ((expect = header_next(&r->headers, HEADER_EXPECT, &at))) {
		if (strcasecmp(expect, "100-continue") == 0)
			continue;
		reply_problem(&r->reply, 417, "expectation_failed",
			      "Only 100-continue can be expected.");
		return false;
	}
	/* HTTP/1.0 knows no answer before the answer */
	return r->headers.times[HEADER_EXPECT] == 0 ||
	       strcmp(r->info->http_version, "1.1") != 0 ||
	       mg_write(r->conn, go_on, sizeof(go_on) - 1) > 0;
}

#define TICK_MS 100	/* more than the two clocks differ by */

/* Has the client said that no more comes?  Whoever is hung up on, when the time
 * is over, seems to have. */
static bool has_ended(int64_t began_ms)
{
	char next;

	return clock_real_mono_ms() - began_ms <
		       HTTP_BODY_DEADLINE_MS - TICK_MS &&
	       recv(seat_socket(), &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Why the body was not waited for any longer. */
static void reply_unread(struct request *r, int64_t began_ms)
{
	if (!seat_was_cleared() && has_ended(began_ms)) {
		reply_problem(&r->reply, 400, "malformed_request",
			      "The body ended before its Content-Length.");
	} else if (!seat_was_cleared()) {
		reply_problem(&r->reply, 408, "timeout",
			      "The body did not arrive within %d s.",
			      HTTP_BODY_DEADLINE_MS / 1000);
	} else if (__atomic_load_n(&r->http->draining, __ATOMIC_RELAXED)) {
		reply_outcome(r, OUTCOME_DRAINING, NULL, NULL);
	} else {
		reply_header_int(&r->reply, "Retry-After", 1);
		reply_problem(&r->reply, 503, "busy",
			      "There was no room to wait for all of the body.");
	}
}

bool request_read_body(struct request *r)
{
	int64_t length = r->unread, began_ms = clock_real_mono_ms();

	if (length == 0)
		return true;
	if (!expects_continue(r))
		return false;
	if (!bodies_take(r->http, length)) {
		reply_header_int(&r->reply, "Retry-After", 1);
		reply_problem(&r->reply, 503, "busy",
			      "Too many bodies are being received.");
		return false;
	}
	r->body_length = (size_t)length;
	r->body = malloc((size_t)length);
	if (!r->body) {
		reply_no_memory(r);
		return false;
	}
	if (body_receive(r, r->body, length))
		return true;
	r->close = true;
	r->unread = 0;		/* nothing more will be read */
	reply_unread(r, began_ms);
	return false;
}

/* An answer given before the body was read would be lost in the reset that
 * closing causes: some of the body is thrown away first. */
void request_linger(struct request *r)
{
	int64_t left = r->unread < LINGER_BYTES ? r->unread : LINGER_BYTES;
	char waste[4096];
	int n = 1;

	if (left <= 0 || header_get(&r->headers, HEADER_EXPECT))
		return;
	seat_expect(LINGER_MS);
	while (left > 0 && n > 0) {
		n = mg_read(r->conn, waste, sizeof(waste));
		left -= n;
	}
}
