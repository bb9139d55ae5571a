/* watch.h -- the machinery of waiting, inside the library.
 *
 * A watch owns a set of entries (jobs followed) and does one errand at a time
 * over its client's only connection.  A step is: turn the transport, read what
 * came, report, plan the next errand.  Blocking waits are a watch in a loop of
 * our own.
 *
 *	watch.c		steps, the public calls, blocking waits
 *	watch_set.c	the entries, what an answer means to them, the reports
 *	watch_plan.c	what to ask next, and when
 *	watch_read.c	what became of it */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include "client/internal.h"
#include "client/pace.h"
#include "client/sse.h"

enum hg__errand {
	HG__ERRAND_NONE,
	HG__ERRAND_LOOK,	/* one job; held by the server if hold_s */
	HG__ERRAND_BULK,	/* up to 100 jobs */
	HG__ERRAND_CURSOR,	/* where the events are now */
	HG__ERRAND_EVENTS,	/* events, held by the server */
	HG__ERRAND_STREAM,
};

struct hg__entry {
	hg_job *job;
	bool owned;		/* the handle is the watch's own */
	unsigned count;		/* the same handle, as often as it was given */
	struct hg__pace pace;
	bool paced;		/* pace is at work */
	int64_t next_ms;	/* polled alone: when to look */
	bool known;		/* an answer came in this watch */
	bool synced;		/* and since the cursor was taken, or the stream
				 * begun that is to be resumed */
	bool due;		/* look now, whatever the plan says */
	bool over;		/* it has ended, or cannot be followed */
	bool dropped;		/* to be freed when no errand points at it */
	bool dirty;		/* in the queue of reports */
	enum hg__form form;	/* how to ask for it, while that is found out */
	struct hg__entry *chain, *next_dirty;
};

struct hg_watch {
	hg_client *c;
	hg_job_fn on_change;
	void *user;
	bool internal;		/* a blocking wait's */
	bool one_look;		/* of it: deadline 0 */
	bool stepping;

	struct hg__entry **entries, **table;
	size_t count, cap, table_size;
	size_t live;		/* entries that are neither over nor dropped */
	size_t pending, ended;	/* handles */
	struct hg__entry *dirty_head, *dirty_tail;
	size_t dropped;

	int64_t deadline_ms;	/* HG__NEVER_MS: none */
	int64_t next_ms;	/* when to plan again */
	int64_t limit_ms;	/* of the errand: our patience */
	enum hg__errand errand;
	const char *layer;	/* the last one used, for the log */
	struct hg__request request;	/* of the errand: its texts are ours */
	struct hg__buf path;
	struct hg__entry *batch[HG__IDS_MAX];	/* of LOOK and BULK */
	size_t batch_count;

	bool urgent;		/* some entry is due */
	bool grown;		/* the set is larger than the errand knows */
	bool round;		/* a round of bulk requests is under way */
	bool retrying;		/* the next request repeats a failed one */
	bool hold_not;		/* the next look is not to be held */
	unsigned failed;	/* requests in a row */
	hg_err last_err;	/* of the last one that failed */
	hg_err fatal;		/* ends all of it */
	int64_t answered_ms;	/* the last sensible answer, else the start */

	int64_t cursor;		/* position among the events; -1: none */
	struct hg__sse sse;
	bool positioned;	/* sse.last_id is one of this set's stream */
	bool stream_all;	/* the stream is of all jobs, not of ids */
	bool stream_bad;	/* it sent what makes no sense, or a reset */
	bool stream_end;	/* it says that all jobs are final */

	int fd, timer_fd;	/* of the application's; -1: internal */
	hg_watch *next;		/* in its client's list */
};

/* --- watch.c --------------------------------------------------------------- */

void hg__watch_lost(hg_watch *w);	/* somebody else took the connection */
void hg__watch_alarm(hg_watch *w);	/* its descriptor follows its plan */

/* --- watch_set.c ----------------------------------------------------------- */

hg_err hg__watch_join(hg_watch *w, hg_job *j, bool owned);
struct hg__entry *hg__watch_find(const hg_watch *w, const char *id);
void hg__watch_sweep(hg_watch *w);	/* frees what was dropped */
void hg__watch_empty(hg_watch *w);
void hg__watch_drop_entry(hg_watch *w, struct hg__entry *e);

/* hg__watch_answer -- a checked text about the job of that id came, by any way.
 * HG_ENOTFOUND: nobody follows it; HG_EPROTOCOL, HG_ENOMEM. */
hg_err hg__watch_answer(hg_watch *w, const char *id, struct hg__slice text,
			int64_t retry_after_ms);
hg_err hg__watch_take(hg_watch *w, struct hg__entry *e, struct hg__slice text,
		      int64_t retry_after_ms);
void hg__watch_due(hg_watch *w, const char *id);	/* to be looked at */
void hg__watch_ended(hg_watch *w, struct hg__entry *e);
void hg__watch_fail(hg_watch *w, struct hg__entry *e, hg_err err);
void hg__watch_fail_all(hg_watch *w, hg_err err);
/* hg__watch_senseless -- one more such answer; the third ends it. */
void hg__watch_senseless(hg_watch *w, struct hg__entry *e);
hg_err hg__watch_report(hg_watch *w);	/* the callbacks; HG_EINTERRUPTED */
void hg__watch_notices(hg_client *c);	/* what hg_notify() left, to all */

/* hg__watch_pace_report -- tells the pace what the handle shows, as of then. */
void hg__watch_pace_report(hg_watch *w, struct hg__entry *e, int64_t then_ms,
			   int64_t retry_after_ms);

/* --- watch_plan.c ---------------------------------------------------------- */

void hg__watch_plan(hg_watch *w);
void hg__watch_pace(hg_watch *w, struct hg__entry *e);	/* sets next_ms */
void hg__watch_pace_all(hg_watch *w);	/* one timer for all */
void hg__watch_pace_hold(hg_watch *w);	/* until the next hold */
void hg__watch_start_pace(hg_watch *w, struct hg__entry *e);
void hg__watch_sleep(hg_watch *w, int64_t ms, const char *why,
		     const struct hg__entry *e);

/* --- watch_read.c ---------------------------------------------------------- */

void hg__watch_read(hg_watch *w);	/* the errand is done */
int hg__watch_sink(void *user, const char *data, size_t n);

#endif
