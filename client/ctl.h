/* ctl.h -- one run of heygenctl: what was asked, the client, where words go.
 *
 * Data goes to standard output, words to standard error.  The library is all
 * that this program knows of a server. */
#ifndef CLIENT_CTL_H
#define CLIENT_CTL_H

#include "client/ctl_options.h"
#include "client/ctl_progress.h"
#include "client/ctl_text.h"
#include "client/heygen-client.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes; what several jobs came to is ctl_worst(). */
enum {
	CODE_DONE = 0,
	CODE_FAILED = 1,	/* the server or the network */
	CODE_USAGE = 2,
	CODE_AUTH = 3,
	CODE_TIMED_OUT = 4,
	CODE_ERROR = 5,		/* a job ended in error */
	CODE_CANCELED = 6,
	CODE_UNKNOWN = 7,	/* no such job, or it was removed */
	CODE_STATE = 8,		/* not allowed in the job's state */
	CODE_INTERRUPTED = 130
};

struct ctl {
	const struct verb_row *verb;
	struct options options;
	const char **args;
	size_t args_count;
	hg_client *client;		/* NULL until ctl_connect() */
	const char *server;		/* its URL, as it will be named */
	int64_t failing_since;		/* monotonic: that long every request
					 * has failed; -1: the last did not */
	int64_t hung_ms;		/* the last request, if nothing came */
	uint64_t retries;		/* polls and calls to be made again */
	hg_err told;			/* the last that ctl_failed() told */
	struct progress *progress;	/* NULL: none is drawn */
	bool utf8;			/* of the locale */
	bool color_out, color_err;
	int code;			/* the worst so far */
};

/* --- codes and words (ctl_say.c) ------------------------------------------ */

/* ctl_worst -- of two codes the one that is reported: 130 2 3 1 4 7 8 5 6 0. */
int ctl_worst(int a, int b);
int ctl_code(hg_err e);			/* of a call */
bool ctl_may_pass(hg_err e);		/* an outage; else the same each time */
int ctl_job_code(hg_state state, hg_result result);	/* of an ended job */

/* ctl_error -- "heygenctl: SENTENCE" on stderr, always. */
void ctl_error(struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* ctl_note -- the same, but silent with -q. */
void ctl_note(struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* ctl_usage -- an error whose code is CODE_USAGE, which it returns. */
int ctl_usage(struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* ctl_failed -- the last call of c failed with e while doing `what`:
 * "cannot pause ID: SENTENCE (409 invalid_state, request ID)".  id and job may
 * be NULL; a job whose state stood in the way is asked for it.  Returns its
 * code. */
int ctl_failed(struct ctl *ctl, hg_client *c, hg_err e, const char *what,
	       const char *id, hg_job *job);

/* ctl_without_request -- a sentence of the library without the "GET /path: " it
 * may begin with. */
const char *ctl_without_request(const char *message);

/* ctl_add_reason -- what the last call of c, which ended with e, says of it. */
void ctl_add_reason(struct text *t, const hg_client *c, hg_err e);

/* --- the client (ctl_connect.c) ------------------------------------------- */

/* ctl_connect -- make ctl->client as the options ask; a code. */
int ctl_connect(struct ctl *ctl);

/* ctl_client_new -- one more client of the same server, yours; a code. */
int ctl_client_new(struct ctl *ctl, hg_client **client_out);

/* ctl_answered -- the server has told something: whatever failed is over.
 * ctl_unanswered -- one more request has failed, and will be made again. */
void ctl_answered(struct ctl *ctl);
void ctl_unanswered(struct ctl *ctl);

/* --- the memory of durations (ctl_history.c) ------------------------------ */

/* history_load -- what options.history remembers.  Trouble is a remark only; the
 * file is then left alone: options.history is NULL. */
void history_load(struct ctl *ctl);
int history_save(struct ctl *ctl, const char *path);	/* a code */

/* --- signals (ctl_signals.c) ---------------------------------------------- */

/* The first SIGINT interrupts the client's call and is remembered; a second
 * one kills.  Whatever kills, the cursor comes back first. */
void signals_install(void);
void signals_client(hg_client *client);	/* NULL: none to interrupt */
bool signals_interrupted(void);
/* signals_limit -- in so many ms the client's call is interrupted; -1: no more.
 * signals_cut_off -- so it was, since the limit was set. */
void signals_limit(int64_t ms);
bool signals_cut_off(void);
int signals_fd(void);			/* readable after a signal */
void signals_drain(void);
enum screen signals_screen(void);	/* since the last time asked */
void signals_cursor(bool hidden);	/* is it hidden on stderr now? */

/* --- verbs ---------------------------------------------------------------- */

int verb_submit(struct ctl *ctl);
int verb_run(struct ctl *ctl);
int verb_wait(struct ctl *ctl);
int verb_watch(struct ctl *ctl);
int verb_status(struct ctl *ctl);
int verb_show(struct ctl *ctl);
int verb_list(struct ctl *ctl);
int verb_pause(struct ctl *ctl);
int verb_resume(struct ctl *ctl);
int verb_cancel(struct ctl *ctl);
int verb_restart(struct ctl *ctl);
int verb_remove(struct ctl *ctl);
int verb_priority(struct ctl *ctl);
int verb_events(struct ctl *ctl);
int verb_queue(struct ctl *ctl);
int verb_ping(struct ctl *ctl);
int verb_completion(struct ctl *ctl);
int verb_help(struct ctl *ctl);
int verb_version(struct ctl *ctl);

#endif
