/* transport.h -- one HTTP request at a time.  The only module that says curl.
 *
 * Owns the connection (one at most), and one descriptor that is readable when
 * there is something to do: curl's sockets, its timer, and a wake-up for other
 * threads.  Follows no redirect, caps what an answer may weigh, knows neither
 * retries nor deadlines: who is tired of a request cancels it. */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "client/buf.h"
#include "client/heygen-client.h"
#include "client/retry.h"

#include <stdbool.h>

#define HG__BODY_MAX ((size_t)8 << 20)
#define HG__HEADERS_MAX ((size_t)64 << 10)

struct hg__transport;

struct hg__transport_options {
	const char *base_url;	/* borrowed as long as the transport lives */
	const char *api_key, *ca_file, *user_agent;	/* copied; NULL: none */
};

/* What is asked for.  Borrowed until the request has been started. */
struct hg__request {
	const char *method;
	const char *path;		/* from the first slash on, with the query */
	const char *body;		/* JSON; NULL: none */
	const char *idempotency_key;	/* NULL: none */
	const char *last_event_id;	/* NULL: none */
	unsigned hold_s;		/* Prefer: wait=; 0: none */
	bool prefer_hold;		/* send it as a header */
	bool stream;			/* Accept: text/event-stream */
	/* a stream's data as it comes (of a 200 that is one, nothing else); it
	 * may not call the transport.  Not 0: end the request. */
	int (*sink)(void *user, const char *data, size_t n);
	void *user;
};

struct hg__answer {
	bool done;
	bool is_stream;			/* 200, text/event-stream */
	int status;			/* 0: none came */
	enum hg__trouble trouble;
	bool preference_applied;
	char retry_after[64];		/* as it came; "": none */
	char request_id[129];
	char content_type[64];
	char detail[256];		/* curl's words */
	struct hg__buf body;
	unsigned sends;			/* curl repeats what dies with a
					 * connection that it had kept */
	size_t header_bytes;
	uint64_t body_bytes;		/* a stream's too */
	int64_t sent_ms, took_ms;	/* monotonic */
	int64_t heard_ms;		/* when the last byte came; 0: none yet */
};

/* hg__answer_header -- one line of an answer's head, as it came.  Pure. */
void hg__answer_header(struct hg__answer *a, const char *line, size_t n);

/* HG_ENOMEM, HG_EINVAL. */
hg_err hg__transport_new(const struct hg__transport_options *o,
			 struct hg__transport **transport_out);
void hg__transport_free(struct hg__transport *t);	/* NULL is fine */

/* hg__transport_start -- sends; answer is filled as it comes and belongs to the
 * transport until it is done or cancelled.  HG_ENOMEM. */
hg_err hg__transport_start(struct hg__transport *t,
			   const struct hg__request *request,
			   struct hg__answer *answer);
bool hg__transport_busy(const struct hg__transport *t);
void hg__transport_cancel(struct hg__transport *t);	/* closes the connection */

/* hg__transport_turn -- does what can be done at once.
 * hg__transport_sleep -- until there is something to do, or until_ms. */
void hg__transport_turn(struct hg__transport *t);
void hg__transport_sleep(struct hg__transport *t, int64_t until_ms);

int hg__transport_fd(const struct hg__transport *t);
void hg__transport_wake(struct hg__transport *t);	/* any thread, any signal */

#endif
