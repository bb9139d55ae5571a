/* ctl_row.h -- a job as this program shows it: a copy of the last answer.
 *
 * A row outlives the library's handles and lists.  Owns its texts. */
#ifndef CLIENT_CTL_ROW_H
#define CLIENT_CTL_ROW_H

#include "client/ctl_text.h"
#include "client/heygen-client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row {
	char *id;			/* NULL: a plain server's one job */
	char *title, *stage;		/* NULL: none */
	char *error_code, *error_message;
	char *json;			/* the answer whole; NULL: none yet */
	hg_state state;
	hg_result result;
	hg_err err;			/* why it cannot be followed */
	double progress;		/* 0..1, -1 unknown */
	int64_t remaining_ms, estimated_at, submitted_at, started_at;
	int64_t finished_at, eligible_at;	/* Unix ms, -1 unknown */
	int64_t queue_position;		/* -1 none */
	int64_t version;		/* -1 unknown */
	int32_t priority, attempt, max_attempts;	/* 0 unknown */
	int64_t seen_at, seen_wall;	/* the answer: monotonic, Unix ms */
	bool ended;			/* nothing more will be heard of it */
	bool removed;			/* by us: hg_remove() */
};

void row_init(struct row *row, const char *id);	/* nothing known but the id */
void row_take(struct row *row, const hg_job *job);	/* all anew */
void row_free(struct row *row);

/* The words of a row: never NULL. */
const char *row_state(const struct row *row);	/* "running", "gone", "-" */
const char *row_result(const struct row *row);	/* the wire's own word */
const char *row_id(const struct row *row);	/* "-" where there is none */

/* row_now -- progress 0..1 at this moment: the last answer's, moved on with the
 * clock towards its estimate; -1 unknown. */
double row_now(const struct row *row, int64_t monotonic_ms);

/* row_left -- milliseconds until the estimated end, -1 without an estimate;
 * row_end_at -- that end by our own clock, where there is an estimate. */
int64_t row_left(const struct row *row);
int64_t row_end_at(const struct row *row);

/* row_add_json -- the answer whole as JSON text; for a job that was never seen
 * its id and why, in the wire's words. */
void row_add_json(struct text *t, const struct row *row);

/* row_add_detail -- what the state alone does not say: the stage, the place in
 * the queue, the error's code. */
void row_add_detail(struct text *t, const struct row *row);

/* row_add_when -- "12 s left", "3 m ago", or nothing. */
void row_add_when(struct text *t, const struct row *row);

#endif
