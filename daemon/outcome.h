/* outcome.h -- how commands end. */
#ifndef DAEMON_OUTCOME_H
#define DAEMON_OUTCOME_H

/* What became of a command, or of one job of a bulk verb.  Stored with
 * idempotency keys: numbers are never reused. */
enum outcome {
	OUTCOME_OK = 0,
	OUTCOME_NOT_FOUND = 1,
	OUTCOME_GONE = 2,
	OUTCOME_INVALID_STATE = 3,	/* 409; the job is in the result */
	OUTCOME_PROTECTED = 4,		/* 409: the job "default" */
	OUTCOME_VERSION_MISMATCH = 5,	/* 412 */
	OUTCOME_QUEUE_FULL = 6,		/* 429 */
	OUTCOME_IDEMPOTENCY_MISMATCH = 7,
	OUTCOME_BUSY = 8,		/* 503: too many commands wait */
	OUTCOME_DRAINING = 9,		/* 503 */
	OUTCOME_STORE_UNAVAILABLE = 10,	/* 503: tried, and unknown */
	OUTCOME_INTERNAL = 11,		/* 500 */
	OUTCOME_REMOVED = 12,		/* VERB_DELETE did it */
	OUTCOMES
};

#endif
