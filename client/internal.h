/* internal.h -- what the modules of the library share, and nobody else sees.
 *
 * A client is one thread's.  The only parts others touch are `interrupted`, the
 * notices behind their lock, and the transport's wake-up descriptor. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "client/buf.h"
#include "client/error.h"
#include "client/heygen-client.h"
#include "client/memory.h"
#include "client/retry.h"
#include "client/transport.h"
#include "client/wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define HG__NOTICES 64		/* more than that at once: look at every job */
#define HG__FIVE_MINUTES_MS 300000
#define HG__JOBS_MAX 1000	/* in one submission */
#define HG__IDS_MAX 100		/* in one bulk status, or one stream */

struct hg_job {
	char *id;		/* NULL: the one job of a plain server */
	struct hg__view view;	/* the last answer */
	hg_err err;
	int64_t since_ms;	/* monotonic: its submission, or our first look;
				 * -1: none yet */
	int64_t heard_ms;	/* monotonic: the last answer; -1: none yet */
	unsigned senseless;	/* answers in a row that made no sense */
};

struct hg_jobs {
	hg_job **jobs;
	size_t count;
	char *next_page_token;
};

struct hg_events {
	char **events;
	size_t count;
};

/* How this server wants to be asked for one job. */
enum hg__form {
	HG__FORM_UNKNOWN,
	HG__FORM_V1,		/* /v1/jobs/ID */
	HG__FORM_QUERY,		/* /status?job_id=ID */
	HG__FORM_PATH,		/* /status/ID */
	HG__FORM_OPTION,	/* as status_path says */
};

/* What is remembered of one layer of waiting on this server. */
struct hg__layer {
	bool seen;		/* it worked once: busy is not unsupported */
	unsigned failures;	/* in a row; of a hold: quick answers too */
	int64_t off_ms;		/* not before then; 0: at once */
};

struct hg_client {
	/* options */
	char *base_url, *status_path;
	uint32_t timeout_ms, max_tries;
	int32_t use, log_level;
	double price;
	hg_log_fn on_log;
	void *log_user;

	struct hg__transport *transport;
	struct hg__answer answer;	/* of the request under way, or the last */
	const struct hg__request *request;	/* of it; NULL: it was judged */
	struct hg_watch *holder;	/* whose request it is; NULL: a call's */
	struct hg_watch *watches;	/* those of the application */
	struct hg_watch *waits;		/* the blocking ones, innermost first: a
					 * callback may wait, too */
	struct hg__memory *memory;
	hg_stats stats;

	/* the call under way */
	struct hg__error error;
	int64_t deadline_ms;		/* monotonic */
	bool may_have_acted;		/* a try of it whose answer was lost */

	/* what is known of the server */
	enum hg__form form;
	struct hg__layer stream, hold, cursor, bulk;
	struct hg__budget budget;
	struct hg__breaker breaker;
	struct hg__reconnect reconnect;
	int64_t rtt_ms;			/* 0: not known */
	uint64_t random;		/* the state of hg__random() */

	/* any thread */
	atomic_int interrupted;
	pthread_mutex_t notices_lock;
	uint64_t notices[HG__NOTICES];	/* hashes of ids */
	size_t notices_count;		/* above HG__NOTICES: all jobs */
};

/* --- client.c -------------------------------------------------------------- */

int64_t hg__now_ms(void);		/* monotonic */
int64_t hg__unix_ms(void);
uint32_t hg__random(hg_client *c);
uint64_t hg__hash(const char *id);	/* NULL is fine */

/* hg__take_struct -- a caller's struct of its own size into ours.  HG_EINVAL. */
hg_err hg__take_struct(void *ours, size_t ours_size, const void *theirs);

/* hg__log -- hands an event to the application if its level is wanted. */
void hg__log(hg_client *c, int level, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool hg__interrupted(hg_client *c);	/* true once for each hg_interrupt() */

/* hg__wake_again -- a call takes every wake-up, also one that was not for it:
 * whoever waits around it, or after it, shall have it. */
void hg__wake_again(hg_client *c);

/* --- call.c ---------------------------------------------------------------- */

/* hg__begin -- a public call starts: its details are cleared, its clock runs.
 * HG_EINTERRUPTED: it is over already. */
hg_err hg__begin(hg_client *c);

/* hg__end -- and ends: HG_OK clears the details, a failure gets a sentence if
 * it has none yet; wakes again.  Returns err. */
hg_err hg__end(hg_client *c, hg_err err);

/* hg__send -- one request with its retries, until c->deadline_ms.  HG_OK: a 2xx
 * whose body, if it has one, is a checked JSON object; else the details are in
 * c->error and problem_out (NULL is fine) says what the server said. */
hg_err hg__send(hg_client *c, const struct hg__request *request,
		struct hg__problem *problem_out);

/* hg__judge -- what became of the request that just ended.  Counts it, tells the
 * breaker and the budget, and writes c->error if it failed.
 *	problem_out	what an error answer said */
struct hg__verdict hg__judge(hg_client *c, const struct hg__request *request,
			     struct hg__problem *problem_out);

/* hg__circuit_is_open -- says in c->error when the next request may go.  Returns
 * HG_ECIRCUIT. */
hg_err hg__circuit_is_open(hg_client *c);

/* hg__may_start -- does the circuit allow one more request?  It does not wait for
 * a probe that is under way, but ends it and is the probe. */
bool hg__may_start(hg_client *c);

/* hg__start -- sends a request, for a watch or (NULL) a call; whatever was under
 * way ends.  The request stays as it is until it was judged or stopped. */
hg_err hg__start(hg_client *c, const struct hg__request *request,
		 struct hg_watch *holder);

/* hg__stop -- ends the request under way without an answer; why is one word for
 * the log.
 * hg__expire -- the same for want of patience: it counts as failed. */
void hg__stop(hg_client *c, const char *why);
void hg__expire(hg_client *c);

struct hg__slice hg__body(const hg_client *c);
void hg__fresh_key(hg_client *c, char key[33]);

/* --- look.c: how to ask for one job ---------------------------------------- */

/* hg__look_path -- where to ask for this job, while the server's form is this.
 * HG_EINVAL: hg_job has no id and needs one. */
hg_err hg__look_path(const hg_client *c, enum hg__form form, const hg_job *j,
		     struct hg__buf *path);

enum hg__form hg__look_form(const hg_client *c, const hg_job *j);

/* hg__look_next -- an answer came: which form to try now; the same one when that
 * was the answer.  Remembers what it finds out. */
enum hg__form hg__look_next(hg_client *c, const hg_job *j, enum hg__form form,
			    hg_err err, const struct hg__problem *problem);

/* hg__look_error -- what the handle shows after a 410 that knew the result. */
void hg__look_gone(hg_job *j, const struct hg__problem *problem);

/* hg__look -- asks for one job, until c->deadline_ms, whatever the server's form
 * (in calls.c). */
hg_err hg__look(hg_client *c, hg_job *j);

/* --- job.c ----------------------------------------------------------------- */

/* hg__job_take -- the handle shows this answer now; the view is taken over.
 * true: something a callback would like to know has changed. */
bool hg__job_take(hg_job *j, struct hg__view *v);
hg_err hg__job_of(struct hg__view *v, hg_job **job_out);	/* takes it over */
bool hg__job_ended(const hg_job *j);

/* hg__jobs_read -- the array `key` of a checked body as a list. */
hg_err hg__jobs_read(struct hg__slice body, const char *key, hg_jobs **jobs_out);
hg_err hg__events_read(struct hg__slice body, hg_events **events_out);

#endif
