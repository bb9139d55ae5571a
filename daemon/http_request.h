/* http_request.h -- a request in hand, as the routes see it.
 *
 * Private to daemon/http* and daemon/route_*.  A request belongs to the
 * thread that serves it. */
#ifndef DAEMON_HTTP_REQUEST_H
#define DAEMON_HTTP_REQUEST_H

#include "daemon/headers.h"
#include "daemon/http.h"
#include "daemon/http_seat.h"
#include "daemon/keys.h"
#include "daemon/query.h"
#include "daemon/reply.h"

#include <civetweb.h>
#include <pthread.h>

#define HTTP_SPARE_THREADS 32		/* never held by waiters */
#define HTTP_BODY_DEADLINE_MS 10000
#define HTTP_ANSWER_DEADLINE_MS 30000	/* for the client to take it */
#define HTTP_BODIES_BYTES (64 << 20)	/* in flight, in all */
#define HTTP_PATH_BYTES 1024
#define HTTP_HEARTBEAT_MS 15000
#define READER_DEADLINE_MS 5000

enum method { METHOD_GET, METHOD_HEAD, METHOD_OPTIONS, METHOD_POST,
	      METHOD_PATCH, METHOD_DELETE, METHOD_OTHER };

struct request;

enum route_flags {
	ROUTE_OPEN = 1,			/* no key is asked for */
	ROUTE_JSON = 2,			/* takes a JSON body */
	ROUTE_BATCH = 4,		/* up to max_batch_bytes of it */
	ROUTE_PATCH = 8,		/* application/merge-patch+json too */
	ROUTE_CLOCK = 16		/* is there with a manual clock only */
};
struct route {
	enum method method;
	const char *pattern;
	void (*run)(struct request *r);
	unsigned flags;
	int verb;			/* enum job_verb, for routes of verbs */
	const char *name;		/* in metrics; NULL: the pattern */
};
extern const struct route routes[];
extern const size_t route_count;

struct http {
	struct mg_context *context;
	struct engine *engine;
	struct board *board;
	struct reader *reader;
	const struct settings *settings;
	const struct keys *keys;	/* NULL: nobody needs one */
	struct seats *seats;
	struct metrics *metrics;
	struct workspace *workspaces;	/* one a thread */
	char address[SETTINGS_ADDRESS_SIZE];
	int port;
	bool any_address;		/* it listens on 0.0.0.0 */
	/* changed by many threads, atomically */
	int held[HELD_KINDS], held_all;
	int64_t body_bytes;
	uint64_t thread_count, fault_count;
	uint64_t request_salt, fault_seed;
	bool draining;
	bool default_begun;		/* default_job = first_request: done */
	/* who waits for the last request, or sleeps a fault's latency */
	pthread_mutex_t lock;
	pthread_cond_t moved;
};

struct request {
	struct http *http;
	struct mg_connection *conn;
	const struct mg_request_info *info;
	const struct route *route;	/* NULL: none */
	int64_t began_us;		/* real, monotonic */
	enum method method;		/* HEAD is kept, the route is GET's */
	struct headers headers;
	struct query query;
	struct prefer prefer;
	struct reply reply;
	char path[HTTP_PATH_BYTES];	/* decoded */
	const char *id;			/* {id} of the pattern, in path, or */
	size_t id_length;		/* what stands for it; not terminated */
	char request_id[132];
	const char *base;		/* "http://host" of URLs in answers */
	char base_text[300];
	char *body;			/* malloc'ed; NULL: none */
	size_t body_length;
	int64_t unread;			/* bytes of it still on the wire */
	const char *cors_origin;	/* one of the listed ones, or NULL */
	bool close;			/* the connection, after the answer */
	bool sent;			/* or dropped: nothing more to send */
	int status_sent;
	struct text out;
};

/* --- http_request.c ------------------------------------------------------------ */

/* request_send -- the reply, in one write.  Once a request; done for routes
 * that return without. */
void request_send(struct request *r);
/* Sends the head of a stream.  False: the client is gone, or the reply says
 * that there is no memory. */
bool request_send_stream_head(struct request *r);
/* Writes to a stream whose head is out. False: the client is gone. */
bool request_write(struct request *r, const void *bytes, size_t length);

/* --- http_body.c ------------------------------------------------------------------ */

/* False: the reply says why. */
bool request_read_body(struct request *r);
void request_linger(struct request *r);

/* --- http_access.c ------------------------------------------------------------------ */

bool request_admit_host(struct request *r);
bool request_admit_origin(struct request *r);
bool request_admit_key(struct request *r);
void request_cors(struct request *r);
void request_preflight(struct request *r, const char *allow);

/* --- http_fault.c -------------------------------------------------------------------- */

/* request_fault -- [faults]: sleeps, and decides.  True: the request has got
 * its fault, as an answer or as none. */
bool request_fault(struct request *r);

/* --- http.c ------------------------------------------------------------------------------ */

/* Room for one more who holds a thread?  Then held_end ends it. */
bool held_begin(struct http *h, enum held kind);
void held_end(struct http *h, enum held kind);

/* --- route_common.c ------------------------------------------------------------------------ */

/* Parameters.  False: the reply is 400 invalid_parameter. An absent or empty
 * parameter leaves *out alone. */
bool parameter_number(struct request *r, const char *name, int64_t min,
		      int64_t max, int64_t *out);
bool parameter_flag(struct request *r, const char *name, bool *out);
void bad_parameter(struct request *r, const char *name, const char *what);

/* A job that is not there: 404 or 410.  The view is released. */
void reply_missing(struct request *r, const uint8_t uuid[16],
		   enum lookup found, struct job_view *view);
/* LOOKUP_NONE goes on to the reader: LOOKUP_GONE fills gone.  Negative: the
 * store cannot be read. */
struct wire_gone;
int find_gone(struct http *h, const uint8_t uuid[16], enum lookup found,
	      const struct job_view *view, struct wire_gone *gone);
/* Of one that the board does not know, asked of the reader until a moment. */
int find_removed(struct http *h, const uint8_t uuid[16], int64_t deadline_ms,
		 struct wire_gone *gone);
void reply_unreadable(struct request *r, int error);

/* 200 or 202 with a job: ETag, Retry-After while pending, the job. */
void reply_job(struct request *r, int status, const struct job_view *view);
void reply_etag(struct request *r, uint32_t version);

/* The answer of a command that is no success. */
void reply_outcome(struct request *r, enum outcome outcome,
		   const uint8_t uuid[16], struct job *job);
const char *outcome_code(enum outcome outcome);
int outcome_status(enum outcome outcome);
/* Idempotency-Key, If-Match into a command, then the engine.  False: the reply
 * is an error already. */
bool command_prepare(struct request *r, struct command *c);
void command_run(struct request *r, struct command *c);

/* The JSON body or a complaint about it. */
struct complaints;
void reply_complaints(struct request *r, struct complaints *c);
void reply_no_memory(struct request *r);

/* --- route_wait.c: looks at one job, perhaps for a while -------------------------------- */

struct look {
	enum lookup found;
	struct job_view view;		/* to be released if FOUND or GONE */
	bool unchanged;			/* If-None-Match holds: 304 */
	int64_t retry_after_s;		/* -1: none */
};
/* request_look -- `wait`, If-None-Match, Prefer and what is counted of polls;
 * Preference-Applied, ETag and Retry-After are in the reply's head.  False:
 * the reply is an error already. */
bool request_look(struct request *r, const uint8_t uuid[16],
		  struct look *look_out);

/* The request's {id} as uuid; false: replied 404. */
bool request_uuid(struct request *r, uint8_t uuid_out[16]);

/* What `wait` and Prefer ask: seconds clamped, -1: not asked.  False: replied
 * 400. */
bool request_wait_s(struct request *r, int64_t *wait_out);
void reply_wait_applied(struct request *r, int64_t wait_s);

/* --- the routes --------------------------------------------------------------------------- */

void route_status(struct request *r);		/* route_status.c */
void stream_status(struct request *r, const uint8_t uuid[16]);
void route_submit(struct request *r);		/* route_submit.c */
void route_submit_batch(struct request *r);
void route_job(struct request *r);		/* route_job.c */
void route_job_patch(struct request *r);
void route_job_delete(struct request *r);
void route_job_verb(struct request *r);
void route_job_events(struct request *r);
void route_job_result(struct request *r);	/* route_result.c */
void route_jobs(struct request *r);		/* route_jobs.c */
void route_bulk_verb(struct request *r);	/* route_bulk.c */
void route_queue(struct request *r);		/* route_queue.c */
void route_queue_verb(struct request *r);
void route_clock_advance(struct request *r);
void route_about(struct request *r);		/* route_about.c */
void route_healthz(struct request *r);
void route_readyz(struct request *r);
void route_metrics(struct request *r);
void route_openapi(struct request *r);		/* route_openapi.c */
void route_asset(struct request *r);		/* route_asset.c */
void route_events(struct request *r);		/* route_events.c */

#endif
