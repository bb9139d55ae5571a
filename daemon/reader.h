/* reader.h -- read-only connections for what does not belong in memory.
 *
 * Owns up to READER_CONNECTIONS connections to the database.  Any thread may
 * call; a call takes a free connection, waiting at most until its deadline,
 * and leaves no snapshot behind.
 *
 * Failures: -ETIMEDOUT (the deadline, real monotonic ms, passed), -ENOENT,
 * -EIO (the store cannot be read), -ENOMEM. */
#ifndef DAEMON_READER_H
#define DAEMON_READER_H

#include "core/job.h"
#include "daemon/event.h"
#include "daemon/store.h"

#define READER_CONNECTIONS 4
#define READER_SCAN_EVENTS 10000	/* looked at in one call, at most */

struct reader;

int reader_open(struct reader **reader_out, const char *dir);
void reader_close(struct reader *r);	/* NULL is fine */

/* Was this id ever here?  -ENOENT: not within living memory. */
int reader_tombstone(struct reader *r, const uint8_t uuid[16],
		     int64_t deadline_ms, struct tombstone *out);

/* A job's history after a position, ascending; the count. */
int reader_job_events(struct reader *r, int64_t job_seq, int64_t after_seq,
		      int64_t deadline_ms, struct event *out, size_t max);

struct job_filter {
	unsigned states;		/* bit 1 << enum job_state; 0: any */
	size_t tag_count;
	const char *tags[JOB_TAGS_MAX];	/* all of them */
	int64_t before_seq;		/* newest first; INT64_MAX: from the top */
};
/* The ordinals of matching jobs, newest first; the count. */
int reader_list(struct reader *r, const struct job_filter *filter,
		int64_t deadline_ms, int64_t *seqs_out, size_t max);

struct event_filter {
	bool final_only;
	const char *tag;		/* NULL: any */
	size_t id_count;		/* 0: any */
	const uint8_t (*uuids)[16];
};
/* Events after a position, ascending; the count.  -ERANGE: the position is
 * before the horizon.  *next_out is the position to go on from: the seq of
 * the last event looked at, also when fewer than max matched (without ids a
 * call looks at READER_SCAN_EVENTS). */
int reader_events(struct reader *r, const struct event_filter *filter,
		  int64_t after_seq, int64_t deadline_ms, struct event *out,
		  size_t max, int64_t *next_out);

#endif
