/* http_stream.h -- server-sent events to one client.
 *
 * Private to daemon/http* and daemon/route_*.  A stream holds its thread: it
 * counts among the waiters.  Writes nothing by itself but comments. */
#ifndef DAEMON_HTTP_STREAM_H
#define DAEMON_HTTP_STREAM_H

#include "daemon/http_request.h"

#define STREAM_UNSENT_BYTES (256 << 10)
#define STREAM_LIFE_MS 3600000
#define STREAM_REST_MS 20		/* between two wake-ups */
#define STREAM_PIECE_BYTES (64 << 10)	/* of one write */

struct stream {
	struct request *request;
	struct text pending;		/* events not yet written */
	int socket;			/* borrowed; -1: not found */
	int64_t ends_ms;		/* real monotonic, as all here */
	int64_t beat_ms;		/* the next comment is due */
	int64_t woke_ms;
};

/* stream_begin -- the head and `retry: 2000`.  False: there is a reply (no
 * room), or the client is gone. */
bool stream_begin(struct stream *s, struct request *r);
void stream_end(struct stream *s);	/* after a stream_begin that was true */

/* stream_flush -- writes what is pending, and a comment if one is due.  False:
 * the stream is over: its client is gone or too slow, its hour has come, the
 * daemon drains. */
bool stream_flush(struct stream *s);
/* When to come back at the latest. */
int64_t stream_deadline_ms(const struct stream *s);
/* Call after each wake-up: not more than one in STREAM_REST_MS. */
void stream_rest(struct stream *s);

#endif
