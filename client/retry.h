/* retry.h -- when to ask again after a request that failed, and when not.
 *
 * Pure: no clock, no random source, no I/O, no allocation.  Times are
 * monotonic milliseconds handed in, chance is 32 random bits handed in. */
#ifndef CLIENT_RETRY_H
#define CLIENT_RETRY_H

#include "client/heygen-client.h"

#include <stdbool.h>
#include <stdint.h>

#define HG__RETRY_AFTER_MAX_MS 60000

/* --- what a failure means ------------------------------------------------- */

/* How a request can fail without an HTTP status. */
enum hg__trouble {
	HG__TROUBLE_NONE,
	HG__TROUBLE_RESOLVE,	/* no address for the name */
	HG__TROUBLE_CONNECT,	/* refused, unreachable */
	HG__TROUBLE_RESET,	/* broken in the middle, or an empty answer */
	HG__TROUBLE_TIMEOUT,	/* nothing in time */
	HG__TROUBLE_TLS,	/* a hand-shake that broke; worth a retry */
	HG__TROUBLE_CERTIFICATE,	/* theirs or ours is refused */
	HG__TROUBLE_PROTOCOL,	/* not HTTP, or too much of it */
	HG__TROUBLE_BODY,	/* HTTP, but not the JSON promised */
	HG__TROUBLE_MEMORY,	/* ours */
	HG__TROUBLE_URL,	/* cannot be asked for at all */
	HG__TROUBLES
};

struct hg__verdict {
	hg_err err;		/* what to say when this was the last try */
	bool retry;		/* may be asked again */
	bool wait_hint;		/* its Retry-After is a floor (429, 503) */
	bool sick;		/* counts against the breaker */
};

/* hg__judge_status -- of an HTTP status, 100..599 or nonsense.  2xx and 304
 * are HG_OK.  hg__judge_trouble -- of a request that got none. */
struct hg__verdict hg__judge_status(int status);
struct hg__verdict hg__judge_trouble(enum hg__trouble trouble);

/* --- how long to wait ----------------------------------------------------- */

/* hg__backoff_ms -- full jitter: between 0 and 0.25 s, twice that after each
 * further failure, at most 10 s.
 *   tries    failed so far, from 1 */
int64_t hg__backoff_ms(unsigned tries, uint32_t random);

/* hg__retry_after_ms -- what a Retry-After says: seconds or an HTTP date (all
 * three forms).  -1: no valid value, to be ignored.  A date gone by is 0; the
 * absurdly far is cut to a day.
 *   now_unix_ms  the wall clock, or the answer's own Date */
int64_t hg__retry_after_ms(const char *value, int64_t now_unix_ms);

/* hg__http_date_ms -- an HTTP date as Unix ms; -1: it is none. */
int64_t hg__http_date_ms(const char *value);

/* hg__retry_ms -- backoff with its floor: max(backoff, retry_after_ms), the
 * latter cut to 60 s and to left_ms.
 *   retry_after_ms  -1: none
 *   left_ms         to the deadline; INT64_MAX: none */
int64_t hg__retry_ms(unsigned tries, int64_t retry_after_ms, int64_t left_ms,
		     uint32_t random);

/* --- the budget ----------------------------------------------------------- */

/* A bucket of 10 tokens: a retry takes one, a success gives 0.1 back.  A zero
 * struct is a full one. */
struct hg__budget {
	uint32_t spent;		/* tenths of a token */
};
bool hg__budget_take(struct hg__budget *budget);	/* false: none left */
void hg__budget_success(struct hg__budget *budget);

/* --- the breaker ---------------------------------------------------------- */

/* Opens after 5 failures in a row and then lets one probe through after
 * 10-30 s; its success closes it, its failure starts the pause again.  A zero
 * struct is a closed one. */
struct hg__breaker {
	uint32_t failures;	/* in a row */
	bool open, probing;
	int64_t probe_ms;	/* when the next probe may go */
};
/* hg__breaker_allow -- may a request go now?  While open the one that may is
 * the probe and its fate must be told.  hg__breaker_wait_ms -- until one may;
 * 0: now. */
bool hg__breaker_allow(struct hg__breaker *breaker, int64_t now_ms);
int64_t hg__breaker_wait_ms(const struct hg__breaker *breaker, int64_t now_ms);
void hg__breaker_success(struct hg__breaker *breaker);
void hg__breaker_failure(struct hg__breaker *breaker, int64_t now_ms,
			 uint32_t random);
/* The probe ended without saying anything of the server (interrupted, out of
 * time): the next request may be it. */
void hg__breaker_undecided(struct hg__breaker *breaker);

/* --- streams -------------------------------------------------------------- */

/* Reconnecting to an event stream: never before what `retry:` said, else 1 s
 * x 2 to 30 s with full jitter; failures are forgotten after 60 healthy
 * seconds.  A zero struct is fresh. */
struct hg__reconnect {
	unsigned failures;	/* breaks and refusals in a row */
	int64_t retry_ms;	/* the server's word; 0: none */
	int64_t healthy_ms;	/* bytes flow since, while up */
	bool up;
};
void hg__reconnect_told(struct hg__reconnect *r, int64_t retry_ms);
void hg__reconnect_up(struct hg__reconnect *r, int64_t now_ms);
/* hg__reconnect_down -- it broke or was refused: milliseconds until the next
 * try.  r->failures >= 2 then says: try the next layer. */
int64_t hg__reconnect_down(struct hg__reconnect *r, int64_t now_ms,
			   uint32_t random);
/* hg__reconnect_left -- we ended it ourselves: the next one must open anew. */
void hg__reconnect_left(struct hg__reconnect *r, int64_t now_ms);

#endif
