/* sse.h -- an event stream, byte by byte, as the HTML standard reads it.
 *
 * Pure: bytes in, events out, in whatever pieces they come.  Half a line at the
 * end of a stream is forgotten with it. */
#ifndef CLIENT_SSE_H
#define CLIENT_SSE_H

#include "client/buf.h"

#include <stdint.h>

#define HG__SSE_EVENT_MAX ((size_t)8 << 20)

struct hg__sse_event {
	const char *type;	/* "message" if the server named none */
	const char *data;	/* data_len bytes, then a NUL */
	size_t data_len;
};

/* Not 0: stop feeding. */
typedef int (*hg__sse_fn)(void *user, const struct hg__sse_event *event);

/* A zero struct is a stream before its first byte. */
struct hg__sse {
	struct hg__buf line, data;
	char type[32];
	char id[64], last_id[64];	/* of this event; of the last one told */
	int64_t retry_ms;		/* the last `retry:`; 0: none */
	bool after_cr, begun, has_data;
	bool failed;			/* out of memory, or an event too large */
};

/* hg__sse_feed -- 0: all was taken; else what on_event returned, or -1 with
 * `failed` set. */
int hg__sse_feed(struct hg__sse *s, const char *bytes, size_t n,
		 hg__sse_fn on_event, void *user);

/* hg__sse_reset -- a new connection; last_id and retry_ms stay. */
void hg__sse_reset(struct hg__sse *s);
void hg__sse_free(struct hg__sse *s);

#endif
