/* store_events.c -- the history, and its end with the tombstones. */
#include "daemon/store_sql.h"

#include <errno.h>
#include <string.h>

#define PURGE_EVENTS 1000	/* in one statement */

static const char *state_or_null(uint8_t state)
{
	return state == EVENT_NO_STATE ? NULL : job_state_name(state);
}

int store_append_event(struct store *s, const struct event *e)
{
	sqlite3_stmt *st = s->stmt[STMT_EVENT_APPEND];

	bind_int(st, EVENT_APPEND_SEQ, e->seq);
	bind_int(st, EVENT_APPEND_AT_MS, e->at_ms);
	bind_int(st, EVENT_APPEND_JOB_SEQ, e->job_seq);
	bind_text(st, EVENT_APPEND_KIND, event_kind_name(e->kind));
	bind_text(st, EVENT_APPEND_FROM_STATE, state_or_null(e->from));
	bind_text(st, EVENT_APPEND_TO_STATE, state_or_null(e->to));
	bind_int(st, EVENT_APPEND_ATTEMPT, e->attempt);
	bind_real(st, EVENT_APPEND_PROGRESS, e->progress);
	bind_text(st, EVENT_APPEND_DETAIL, *e->detail ? e->detail : NULL);
	return store_run(s, STMT_EVENT_APPEND);
}

int store_recent_events(struct store *s, struct event *out, size_t max,
			size_t *count_out)
{
	size_t at = max;
	int r = 0;

	bind_int(s->stmt[STMT_EVENT_RECENT], EVENT_RECENT_LIMIT, max);
	while (at > 0 && (r = store_row(s, STMT_EVENT_RECENT)) == 1) {
		r = row_event(s->stmt[STMT_EVENT_RECENT], &out[--at]);
		if (r < 0)
			break;
	}
	store_reset(s, STMT_EVENT_RECENT);
	if (r < 0)
		return r;
	/* they came newest first and filled the end */
	memmove(out, out + at, (max - at) * sizeof(*out));
	*count_out = max - at;
	return 0;
}

/* --- purging -------------------------------------------------------------------------- */

/* 1: all of the job's events are gone; 0: there are more. */
static int purge_events(struct store *s, int64_t job_seq, int64_t *newest)
{
	sqlite3_stmt *st = s->stmt[STMT_EVENT_PURGE];
	int count = 0, r;

	bind_int(st, EVENT_PURGE_JOB_SEQ, job_seq);
	bind_int(st, EVENT_PURGE_LIMIT, PURGE_EVENTS);
	while ((r = store_row(s, STMT_EVENT_PURGE)) == 1) {
		int64_t seq = column_int(st, 0);

		if (seq > *newest)
			*newest = seq;
		count++;
	}
	if (r < 0)
		return s->failure = r;
	return count < PURGE_EVENTS;
}

/* 1: it went; 0: none is old enough, or its events are not all gone. */
static int purge_one(struct store *s, int64_t before_ms, int64_t *newest)
{
	int64_t job_seq;
	int r;

	bind_int(s->stmt[STMT_TOMBSTONE_OLDEST], TOMBSTONE_OLDEST_BEFORE_MS,
		 before_ms);
	r = store_number(s, STMT_TOMBSTONE_OLDEST, &job_seq);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = purge_events(s, job_seq, newest);
	if (r <= 0)
		return r;
	bind_int(s->stmt[STMT_TOMBSTONE_DELETE], TOMBSTONE_DELETE_JOB_SEQ,
		 job_seq);
	r = store_run(s, STMT_TOMBSTONE_DELETE);
	return r < 0 ? r : 1;
}

int store_purge_tombstones(struct store *s, int64_t removed_before_ms,
			   int limit)
{
	int64_t newest = 0;
	int count = 0, r = 1;

	if (s->failure)
		return s->failure;
	while (count < limit && r == 1) {
		r = purge_one(s, removed_before_ms, &newest);
		count += r == 1;
	}
	if (r >= 0 && newest > 0) {
		sqlite3_stmt *st = s->stmt[STMT_META_RAISE];

		bind_text(st, META_RAISE_NAME, "event_horizon");
		bind_int(st, META_RAISE_VALUE, newest);
		r = store_run(s, STMT_META_RAISE);
	}
	return r < 0 ? r : count;
}
