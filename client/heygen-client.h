/* heygen-client.h -- submit video-translation jobs and learn of their end with
 * few calls and little delay.
 *
 *	hg_client *c;
 *	hg_job *j;
 *	hg_request r;
 *
 *	hg_request_init(&r, sizeof(r));
 *	r.source_url = "https://example.com/launch.mp4";
 *	r.output_language = "es";
 *	if (hg_client_new(NULL, &c) == HG_OK &&
 *	    hg_submit(c, &r, &j) == HG_OK &&
 *	    hg_wait(c, j, -1, NULL, NULL) == HG_OK)
 *		puts(hg_job_result_url(j));
 *
 * TEXT is UTF-8.  TIMES are Unix milliseconds, DURATIONS milliseconds; -1 is
 * "unknown".  Getters never fail, never block and accept NULL: text that is
 * unknown is NULL, a number that is unknown -1 (unless its line says more).
 *
 * OWNERSHIP.  Out parameters come last, end in _out and are touched on success
 * only.  What a function gives out is released with the _free of its type,
 * plain text and blobs with hg_free().  All _free functions accept NULL.  What
 * is passed in is borrowed for the call, and copied where it is kept.
 *
 * A JOB IS A HANDLE: an id and the last answer known.  Calls refresh it in
 * place, also when they end half-way: after HG_ETIMEDOUT it shows the last
 * state seen.  A getter's text is borrowed until that job is refreshed or freed.
 *
 * THREADS.  A client, its jobs, lists and watches serve one thread at a time;
 * clients share nothing, so each thread may have its own.  From any thread,
 * while another is inside a call: hg_interrupt(), hg_notify(), hg_strerror(),
 * hg_version(); hg_interrupt() from a signal handler too.  No client is carried
 * over fork(): the child may neither use nor free it; it makes its own.
 *
 * BLOCKING.  Only the functions under "calls" block, and say for how long.  All
 * of them end within 50 ms of hg_interrupt().  A client has at most one
 * connection open at a time.
 *
 * ABI.  Within a major version we only add: functions, trailing fields of
 * structs, values of enums.  Treat a value you do not know as "other".  Every
 * struct begins with its size: 0 is HG_EINVAL, a smaller one (an older caller)
 * is accepted, a larger one if its tail is all zero.  Zero in a field always
 * means "the default".
 */
#ifndef HEYGEN_CLIENT_H
#define HEYGEN_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef HG_API
#if defined(__GNUC__)
#define HG_API __attribute__((visibility("default")))
#else
#define HG_API
#endif
#endif

typedef struct hg_client hg_client;	/* a server, and what is known of it */
typedef struct hg_job hg_job;		/* an id and the last answer */
typedef struct hg_jobs hg_jobs;		/* an owned list of jobs */
typedef struct hg_events hg_events;	/* an owned list of events */
typedef struct hg_watch hg_watch;	/* waiting inside your own loop */

/* What became of the CALL; what became of the job is hg_job_result(). */
typedef enum hg_err {
	HG_OK = 0,
	HG_EINVAL = -1,		/* an argument is wrong; nothing was sent */
	HG_ENOMEM = -2,		/* out of memory, or of descriptors */
	HG_ETIMEDOUT = -3,	/* the deadline, or timeout_ms, passed first */
	HG_EINTERRUPTED = -4,	/* hg_interrupt(), or a callback said stop */
	HG_ENETWORK = -5,	/* no whole answer: refused, reset, TLS, DNS */
	HG_EUNAVAILABLE = -6,	/* 5xx (also 408, 425) after all retries */
	HG_ERATELIMIT = -7,	/* 429 after all retries */
	HG_ECIRCUIT = -8,	/* too many failures in a row: not even tried */
	HG_EAUTH = -9,		/* 401, 403: the API key */
	HG_ENOTFOUND = -10,	/* 404: no such job */
	HG_EGONE = -11,		/* 410: the job was removed */
	HG_ESTATE = -12,	/* 409: not allowed in the job's state */
	HG_EREJECTED = -13,	/* 400 413 415 422: the server will not have it */
	HG_EPROTOCOL = -14,	/* an answer that makes no sense, a redirect, one
				 * over 8 MiB or with over 64 KiB of headers */
	HG_EUNSUPPORTED = -15,	/* 405, 406; or this server lacks the call */
	HG_EPARTIAL = -16	/* some jobs failed: ask hg_job_err() of each */
} hg_err;

/* The wire's word `result`; a canceled job is HG_ERROR. */
typedef enum hg_result {
	HG_PENDING = 0,		/* also: not asked yet, or an unknown word */
	HG_COMPLETED = 1,
	HG_ERROR = 2
} hg_result;

typedef enum hg_state {
	HG_STATE_UNKNOWN = 0,	/* not told, or a word this version is too old for */
	HG_STATE_QUEUED = 1,
	HG_STATE_RUNNING = 2,
	HG_STATE_PAUSED = 3,
	HG_STATE_COMPLETED = 4,
	HG_STATE_ERROR = 5,
	HG_STATE_CANCELED = 6
} hg_state;

/* How many calls one second of not knowing is worth: 1, 0.1, 10. */
typedef enum hg_profile {
	HG_BALANCED = 0,
	HG_COST = 1,
	HG_LATENCY = 2
} hg_profile;

typedef enum hg_on_error {
	HG_ON_ERROR_DEFAULT = 0,	/* the server's */
	HG_ON_ERROR_STOP = 1,
	HG_ON_ERROR_RESTART = 2
} hg_on_error;

/* The layers a wait may use, best first.  Each falls back to the next where the
 * server lacks it; plain status requests are always the last and need no bit. */
enum {
	HG_USE_SSE = 1,		/* one event stream for all jobs */
	HG_USE_HOLD = 2,	/* requests the server holds until the end */
	HG_USE_ETA = 4,		/* polls placed by the server's estimates */
	HG_USE_HISTORY = 8,	/* polls placed by the durations learnt */
	HG_USE_BULK = 16	/* one status request for up to 100 jobs */
};

/* hg_log_fn -- one event: a constant name and its fields, "poll.sleep",
 * "job=… ms=4200 why=eta".  Every call, sleep, retry and change of layer is
 * told, also a call that is cut off and why ("… status=0 … cut=deadline"); a key
 * or a body never.  The text is borrowed for the call.  Runs on the calling
 * thread, inside a call or hg_watch_step(); it must not use the client. */
typedef void (*hg_log_fn)(void *user, int syslog_level, const char *event,
			  const char *fields);

/* hg_job_fn -- something of this job changed (state, result, stage, progress,
 * attempt, priority, title, hg_job_err()); the last report, once a job, is its
 * final state or the reason why it cannot be followed.  Return 0 to go on,
 * anything else to stop waiting with HG_EINTERRUPTED.  The job is borrowed for
 * the call.  The function may use the client; a call made from inside closes
 * the stream or the held request for its time. */
typedef int (*hg_job_fn)(void *user, const hg_job *job);

typedef struct hg_client_options {
	size_t size;		/* set by hg_client_options_init() */
	const char *base_url;	/* http(s)://host[:port][/prefix], no user, no
				 * query; NULL: $HEYGENCTL_SERVER, else
				 * http://127.0.0.1:8080 */
	const char *api_key;	/* sent as X-Api-Key; NULL: none */
	const char *ca_file;	/* PEM; NULL: the system's */
	const char *user_agent;	/* NULL: libheygen-client/VERSION */
	const char *status_path; /* for a server with only GET /status: its path,
				 * "{id}" stands for the id, without it
				 * ?job_id= is appended ("/status/{id}");
				 * NULL: found out */
	uint32_t timeout_ms;	/* one call with its retries; 0: 30000.  Not the
				 * deadline of a wait */
	uint32_t max_tries;	/* of one call, the first included; 0: 5 */
	int32_t profile;	/* hg_profile */
	int32_t use;		/* HG_USE_*, or-ed; 0: all */
	double delay_price;	/* calls that one second is worth, 0.001 to 1000;
				 * 0: the profile's */
	hg_log_fn on_log;	/* NULL: silent; the library never prints */
	void *log_user;
	int32_t log_level;	/* a syslog level, the least urgent told; 0: 6
				 * (sleeps, retries, layers); 7: each request */
} hg_client_options;

typedef struct hg_request {
	size_t size;			/* set by hg_request_init() */
	const char *source_url;		/* http(s) */
	const char *title;
	const char *source_language;
	const char *output_language;
	const char *const *tags;	/* NULL-terminated; at most 16 */
	const char *idempotency_key;	/* [A-Za-z0-9_.:-]{1,255}; NULL: a fresh one
					 * each call, so a retry never submits
					 * twice */
	int64_t not_before;		/* Unix ms; 0: now */
	int64_t ttl_s;			/* 0: the server's; -1: keep */
	int32_t priority;		/* -100 to 100, larger first */
	int32_t on_error;		/* hg_on_error */
	uint32_t max_attempts;		/* 0: the server's */
	uint32_t sim_fail_attempts;	/* the simulated server: this many fail */
	int64_t sim_duration_ms;	/* 0: the server's */
	uint64_t sim_seed;		/* 0: the server's; below 2^53 */
	double sim_error_rate;		/* 0: the server's; -1: never */
	double sim_fail_at;		/* progress 0..1 at which it fails; 0: the
					 * server's; -1: never */
} hg_request;

typedef struct hg_stats {
	size_t size;		/* set it to sizeof(hg_stats) yourself */
	uint64_t calls;		/* every request sent: failed, probe, reconnect too */
	uint64_t retries;	/* of them, repetitions after a failure */
	uint64_t holds;		/* of them, sent to be held */
	uint64_t streams;	/* of them, sent to open a stream */
	uint64_t polls;		/* of them, status requests answered at once */
	uint64_t bytes_in;	/* of bodies */
} hg_stats;

/* hg_client_options_init, hg_request_init -- zero the first `size` bytes and set
 * the field `size`: for C++, ctypes and everyone.  Nothing if o is NULL or size
 * is smaller than the field itself. */
HG_API void hg_client_options_init(hg_client_options *o, size_t size);
HG_API void hg_request_init(hg_request *r, size_t size);

/* --- the client ----------------------------------------------------------- */

/* hg_client_new -- a client of one server.  No I/O; the server need not be there.
 *	o	 borrowed, strings are copied; NULL: all defaults
 * HG_EINVAL: a bad option or $HEYGENCTL_SERVER.  HG_ENOMEM. */
HG_API hg_err hg_client_new(const hg_client_options *o, hg_client **client_out);

/* hg_client_free -- closes the connection.  Free the watches before; jobs and
 * lists may outlive their client.  Does not block. */
HG_API void hg_client_free(hg_client *c);

/* hg_interrupt -- the call under way, else the next one, ends once with
 * HG_EINTERRUPTED, within 50 ms; the same for hg_watch_step().  The job on the
 * server goes on.  From any thread and from a signal handler. */
HG_API void hg_interrupt(hg_client *c);

/* hg_notify -- a webhook came: a wait or watch that follows this job checks it
 * now, with one call.  An id that nobody follows is ignored.  From any thread.
 *	id	copied; NULL: all that are followed */
HG_API void hg_notify(hg_client *c, const char *id);

/* hg_client_save -- the durations learnt, as an opaque blob of some KiB that any
 * later version can load.  hg_free() it.  HG_EINVAL, HG_ENOMEM. */
HG_API hg_err hg_client_save(hg_client *c, void **blob_out, size_t *size_out);

/* hg_client_load -- adds what a blob of hg_client_save() knows to what was
 * learnt so far.  A foreign or damaged one: HG_EINVAL, no harm.  HG_ENOMEM. */
HG_API hg_err hg_client_load(hg_client *c, const void *blob, size_t size);

/* hg_client_stats -- the counts since hg_client_new().  stats->size is yours to
 * set; fields beyond it are not touched, and nothing if it is 0. */
HG_API void hg_client_stats(const hg_client *c, hg_stats *stats);

/* hg_set_allocator -- for the library's own allocations only (neither cJSON's
 * nor curl's: they may be the application's too).  Before all other calls, not
 * while another thread is in one; both functions must be thread-safe.
 *	realloc_fn	as realloc(); never called with size 0
 *	free_fn		as free()
 * Both NULL: back to the C library's.  HG_EINVAL: only one of them is NULL. */
HG_API hg_err hg_set_allocator(void *(*realloc_fn)(void *, size_t),
			       void (*free_fn)(void *));

/* hg_free -- releases text and blobs the library gave out.  NULL is fine. */
HG_API void hg_free(void *p);

/* hg_version, hg_strerror -- static text, never NULL: "0.1.0"; a code in a few
 * words ("the deadline passed first"), "unknown error" for one not known. */
HG_API const char *hg_version(void);
HG_API const char *hg_strerror(hg_err e);

/* The last failed call of this client; a call that succeeds clears all of it.
 * Borrowed until the next call on the client. */
HG_API const char *hg_error_message(const hg_client *c);	/* a sentence, never NULL; "" */
HG_API const char *hg_error_code(const hg_client *c);		/* the server's word: "invalid_state" */
HG_API const char *hg_error_request_id(const hg_client *c);	/* the answer's Request-Id */
HG_API int hg_error_http_status(const hg_client *c);		/* 0: no answer came */
HG_API int hg_error_tries(const hg_client *c);			/* requests sent for it; 0: none */
HG_API int64_t hg_error_retry_after_ms(const hg_client *c);	/* as the server asked; -1 */

/* --- the job handle ------------------------------------------------------- */

/* hg_job_new -- a handle to a job that exists already.  No I/O.
 *	id	copied; 1 to 255 bytes, no control characters; NULL: the one job
 *		of a plain GET /status server
 * HG_EINVAL, HG_ENOMEM. */
HG_API hg_err hg_job_new(const char *id, hg_job **job_out);

/* hg_job_free -- not for a job owned by a list. */
HG_API void hg_job_free(hg_job *j);

HG_API const char *hg_job_id(const hg_job *j);
HG_API const char *hg_job_title(const hg_job *j);
HG_API const char *hg_job_stage(const hg_job *j);
HG_API const char *hg_job_result_url(const hg_job *j);		/* once completed */
HG_API const char *hg_job_error_code(const hg_job *j);		/* only of a job that failed */
HG_API const char *hg_job_error_message(const hg_job *j);
HG_API hg_state hg_job_state(const hg_job *j);
HG_API hg_result hg_job_result(const hg_job *j);
HG_API hg_err hg_job_err(const hg_job *j);			/* why this one could not be followed */
HG_API double hg_job_progress(const hg_job *j);			/* 0..1, -1 unknown */
HG_API int64_t hg_job_remaining_ms(const hg_job *j);		/* at the time of the answer */
HG_API int64_t hg_job_estimated_completion_at(const hg_job *j);
HG_API int64_t hg_job_submitted_at(const hg_job *j);
HG_API int64_t hg_job_finished_at(const hg_job *j);
HG_API int32_t hg_job_priority(const hg_job *j);		/* 0 unknown */
HG_API int32_t hg_job_attempt(const hg_job *j);			/* from 1; 0 unknown */
HG_API const char *hg_job_json(const hg_job *j);		/* the last answer whole */

/* --- lists ---------------------------------------------------------------- */

HG_API size_t hg_jobs_count(const hg_jobs *l);
HG_API hg_job *hg_jobs_at(const hg_jobs *l, size_t i);		/* owned by the list; NULL past the end */
HG_API const char *hg_jobs_next_page_token(const hg_jobs *l);	/* NULL: the last page */
HG_API void hg_jobs_free(hg_jobs *l);

HG_API size_t hg_events_count(const hg_events *l);
HG_API const char *hg_events_at(const hg_events *l, size_t i);	/* one event as JSON; NULL past the end */
HG_API void hg_events_free(hg_events *l);

/* --- calls ---------------------------------------------------------------- */

/* Each blocks for at most timeout_ms, its retries included: transport failures
 * and 408 425 429 500 502 503 504 are tried again, max_tries in all, with the
 * pauses the server asks for.  A repetition never acts twice: submissions and
 * the verbs that are a POST carry an Idempotency-Key, hg_set_priority() (a PATCH)
 * sets the same again, and hg_remove() (a DELETE) is HG_OK when a repetition
 * finds nothing left to remove.  Any of them may return, beside what it says
 * itself:
 *	HG_EINVAL	c or another argument is NULL or wrong
 *	HG_ENOMEM
 *	HG_ETIMEDOUT	timeout_ms is over and no try has failed; when one has, its code
 *	HG_EINTERRUPTED	hg_interrupt()
 *	HG_ENETWORK, HG_EUNAVAILABLE, HG_ERATELIMIT	after the last try
 *	HG_ECIRCUIT	five failures in a row on this client: nothing is sent for
 *			10 to 30 s (hg_error_retry_after_ms), then one probe
 *	HG_EAUTH, HG_EREJECTED, HG_EPROTOCOL, HG_EUNSUPPORTED	at once
 * On any of them the job handle keeps what it knew. */

/* hg_submit -- queue one translation.
 *	r	borrowed
 *	job_out	yours on HG_OK: hg_job_free()
 * HG_EREJECTED names the field in hg_error_message(). */
HG_API hg_err hg_submit(hg_client *c, const hg_request *r, hg_job **job_out);

/* hg_submit_many -- queue 1 to 1000 at once, all or none, in order.
 * idempotency_key is that of the whole batch: the first request's; in the others
 * it is NULL or the same, else HG_EINVAL.  jobs_out is yours: hg_jobs_free(). */
HG_API hg_err hg_submit_many(hg_client *c, const hg_request *const *r, size_t n,
			     hg_jobs **jobs_out);

/* hg_refresh -- ask once.  Works on plain GET /status servers too.  An unknown
 * word as `result` is HG_OK and HG_PENDING; none at all is HG_EPROTOCOL.
 * HG_ENOTFOUND; HG_EGONE: removed; if the server still knows the result, the
 * handle shows it. */
HG_API hg_err hg_refresh(hg_client *c, hg_job *j);

/* hg_wait -- until the job has ended.  HG_OK: it has; ask hg_job_result().  A
 * handle that shows an end already is believed: no call is made.
 *	deadline_ms	from now; -1: none; 0: one look, as hg_refresh()
 *	on_change	may be NULL
 * A wait outlives outages: failed requests are repeated until the deadline, with
 * max_tries and timeout_ms meaning nothing here; without one, five minutes
 * without a single answer end it with the last failure's code.  HG_ETIMEDOUT
 * leaves the job running: any process that knows the id can wait again.
 * At once: HG_EAUTH, HG_EREJECTED, HG_EUNSUPPORTED, HG_ENOTFOUND, HG_EGONE (a
 * removed job whose result is still known is HG_OK).  HG_EPROTOCOL: three
 * senseless answers, or three unknown words as `result`, in a row. */
HG_API hg_err hg_wait(hg_client *c, hg_job *j, int64_t deadline_ms,
		      hg_job_fn on_change, void *user);

/* hg_wait_many -- until `until` of the n jobs have ended (0: all), over one
 * connection, however many there are.
 *	j	borrowed handles, refreshed in place; none NULL; one that is
 *		there twice counts twice
 *	until	0 to n
 * As hg_wait(), but a job that cannot be followed (hg_job_err()) does not stop
 * the others; HG_EPARTIAL: for that reason no more than have ended can end. */
HG_API hg_err hg_wait_many(hg_client *c, hg_job *const *j, size_t n, size_t until,
			   int64_t deadline_ms, hg_job_fn on_change, void *user);

/* The verbs.  The handle shows the new state (hg_remove: the last one).
 * HG_ESTATE: not allowed in its state; HG_ENOTFOUND; HG_EGONE. */
HG_API hg_err hg_pause(hg_client *c, hg_job *j);
HG_API hg_err hg_resume(hg_client *c, hg_job *j);
HG_API hg_err hg_cancel(hg_client *c, hg_job *j);
HG_API hg_err hg_restart(hg_client *c, hg_job *j);
HG_API hg_err hg_remove(hg_client *c, hg_job *j);	/* of an ended job */
HG_API hg_err hg_set_priority(hg_client *c, hg_job *j, int32_t priority);

/* hg_list -- one page of jobs, newest first.
 *	query		"state=error&tag=x", percent-encoded where needed; NULL: all
 *	page_token	of hg_jobs_next_page_token(); NULL: the first page
 *	jobs_out	yours: hg_jobs_free() */
HG_API hg_err hg_list(hg_client *c, const char *query, const char *page_token,
		      hg_jobs **jobs_out);

/* hg_job_events -- the history of a job, oldest first, from behind after_seq (0:
 * the first).  One page; go on behind the last one's `seq` until it is empty.
 * events_out is yours: hg_events_free().  HG_ENOTFOUND, HG_EGONE. */
HG_API hg_err hg_job_events(hg_client *c, hg_job *j, int64_t after_seq,
			    hg_events **events_out);

/* hg_queue -- the queue as JSON; hg_free() it.
 *	verb	NULL: only look; "pause", "resume" */
HG_API hg_err hg_queue(hg_client *c, const char *verb, char **json_out);

/* --- watch: the same waiting in your own loop ------------------------------ */

/* hg_watch_new -- follows the jobs added to it.  No I/O.  on_change is called
 * inside hg_watch_step() only, and may add and drop; after its last report a job
 * is dropped by itself.  With several watches at work on one client no stream or
 * held request is used, as they would share its one connection: they poll.
 * on_change may be NULL.  HG_EINVAL, HG_ENOMEM. */
HG_API hg_err hg_watch_new(hg_client *c, hg_job_fn on_change, void *user,
			   hg_watch **watch_out);

/* hg_watch_add, hg_watch_drop -- by id (NULL: the one job of a plain server); no
 * I/O, the next step acts.  Adding twice is HG_OK and one job.  One that has
 * ended, or was lost, is asked for anew, also inside its own last report: after
 * hg_restart() it is followed to its next end.  HG_EINVAL: a bad id; HG_ENOMEM.
 * Dropping what is not there: HG_ENOTFOUND. */
HG_API hg_err hg_watch_add(hg_watch *w, const char *id);
HG_API hg_err hg_watch_drop(hg_watch *w, const char *id);

/* hg_watch_fd -- one descriptor (an epoll of sockets, timer, wake-up), valid
 * until the watch is freed: when it is readable, step.  Never read, close or
 * change it.  -1 for NULL. */
HG_API int hg_watch_fd(const hg_watch *w);

/* hg_watch_step -- does what can be done now, calls on_change, and arms the
 * descriptor for what comes next.  Never blocks, needs no other rhythm than the
 * descriptor's: call it once after adding, then whenever it is readable.
 *	pending_out	how many jobs are still followed; may be NULL; written
 *			always, also on failure
 * HG_EINTERRUPTED: hg_interrupt(), or on_change said stop; step again to go on.
 * HG_EAUTH and its like: the server refuses; every job was reported with
 * hg_job_err() and dropped.  HG_ENOMEM: step again later.  Failed requests are
 * not told here: the watch outlives them.  Not from inside a callback. */
HG_API hg_err hg_watch_step(hg_watch *w, size_t *pending_out);

/* hg_watch_free -- before its client; not from inside its callback. */
HG_API void hg_watch_free(hg_watch *w);

#ifdef __cplusplus
}
#endif

#endif
