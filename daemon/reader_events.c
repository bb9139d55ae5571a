/* reader_events.c -- the history, of one job and of all. */
#include "daemon/reader_sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_events(struct connection *c, sqlite3_stmt *st,
		       struct event *out, size_t max)
{
	size_t count = 0;
	int result = 0;

	while (count < max && (result = read_row(c, st)) == 1)
		if (row_event(st, &out[count++]) < 0)
			return -EIO;
	(void)sqlite3_reset(st);
	return result < 0 ? result : (int)count;
}

struct stretch {
	int64_t after_seq, until_seq;
	bool final_only;
};

static int events_of_job(struct connection *c, int64_t job_seq,
			 const struct stretch *w, struct event *out,
			 size_t max)
{
	sqlite3_stmt *st = c->stmt[READ_EVENTS_OF_JOB];

	bind_int(st, EVENTS_OF_JOB_JOB_SEQ, job_seq);
	bind_int(st, EVENTS_OF_JOB_AFTER_SEQ, w->after_seq);
	bind_int(st, EVENTS_OF_JOB_UNTIL_SEQ, w->until_seq);
	bind_int(st, EVENTS_OF_JOB_FINAL_ONLY, w->final_only);
	bind_int(st, EVENTS_OF_JOB_LIMIT, max);
	return read_events(c, st, out, max);
}

int reader_job_events(struct reader *r, int64_t job_seq, int64_t after_seq,
		      int64_t deadline_ms, struct event *out, size_t max)
{
	struct stretch all = { after_seq, INT64_MAX, false };
	struct connection *c;
	int result = reader_begin(r, deadline_ms, &c);

	if (result < 0)
		return result;
	return reader_end(r, c, events_of_job(c, job_seq, &all, out, max));
}

/* --- events of some jobs --------------------------------------------------------- */

static int by_seq(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* -ENOENT: it never was here, and has no events. */
static int find_job_seq(struct connection *c, const uint8_t uuid[16],
			int64_t *seq_out)
{
	sqlite3_stmt *st = c->stmt[READ_JOB_SEQ_OF];
	char id[JOB_ID_SIZE];
	int result;

	bind_text(st, JOB_SEQ_OF_ID, job_uuid_format(uuid, id));
	result = read_row(c, st);
	if (result == 1)
		*seq_out = column_int(st, 0);
	(void)sqlite3_reset(st);
	return result == 0 ? -ENOENT : result < 0 ? result : 0;
}

static bool seen_before(const struct event_filter *filter, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (memcmp(filter->uuids[i], filter->uuids[at], 16) == 0)
			return true;
	return false;
}

/* Adds one job's events to the earliest of the others'; room is for
 * 2 * max. */
static int merge_job(struct connection *c, int64_t job_seq, struct stretch *w,
		     struct event *all, size_t count, size_t max)
{
	int result = events_of_job(c, job_seq, w, all + count, max);

	if (result <= 0)
		return result < 0 ? result : (int)count;
	count += result;
	qsort(all, count, sizeof(*all), by_seq);
	if (count < max)
		return count;
	w->until_seq = all[max - 1].seq;	/* no later ones are wanted */
	return max;
}

static int events_of_jobs(struct connection *c,
			  const struct event_filter *filter,
			  struct stretch w, struct event *out, size_t max)
{
	struct event *all = malloc(2 * max * sizeof(*all));
	int count = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < filter->id_count && count >= 0; i++) {
		int64_t job_seq = 0;
		int result;

		if (seen_before(filter, i))
			continue;
		result = find_job_seq(c, filter->uuids[i], &job_seq);
		if (result == -ENOENT)
			continue;
		count = result < 0 ? result : merge_job(c, job_seq, &w, all,
							count, max);
	}
	if (count > 0)
		memcpy(out, all, count * sizeof(*out));
	free(all);
	return count;
}

/* --- events of all ------------------------------------------------------------------ */

static int scan_events(struct connection *c, const struct event_filter *filter,
		       const struct stretch *w, struct event *out, size_t max)
{
	sqlite3_stmt *st = c->stmt[READ_EVENTS_SCAN];

	bind_int(st, EVENTS_SCAN_AFTER_SEQ, w->after_seq);
	bind_int(st, EVENTS_SCAN_UNTIL_SEQ, w->until_seq);
	bind_int(st, EVENTS_SCAN_FINAL_ONLY, w->final_only);
	bind_text(st, EVENTS_SCAN_TAG, filter->tag);
	bind_int(st, EVENTS_SCAN_LIMIT, max);
	return read_events(c, st, out, max);
}

static int event_bounds(struct connection *c, int64_t *horizon_out,
			int64_t *newest_out)
{
	sqlite3_stmt *st = c->stmt[READ_EVENTS_BOUNDS];
	int result = read_row(c, st);

	if (result < 0)
		return result;
	*horizon_out = column_int(st, 0);
	*newest_out = column_int(st, 1);
	(void)sqlite3_reset(st);
	return 0;
}

/* The tags are looked at here and now, job by job. */
static bool job_tagged(const struct event_filter *filter)
{
	return filter->tag && filter->id_count > 0;
}

static int keep_tagged(struct connection *c, const char *tag,
		       struct event *events, int count)
{
	sqlite3_stmt *st;
	int kept = 0, result = read_cursor(c, CURSOR_TAG, &st);

	for (int i = 0; i < count && result >= 0; i++) {
		bind_text(st, CURSOR_TAG_TAG, tag);
		bind_int(st, CURSOR_TAG_FROM_SEQ, events[i].job_seq);
		result = read_row(c, st);
		if (result == 1 && column_int(st, 0) == events[i].job_seq)
			events[kept++] = events[i];
		(void)sqlite3_reset(st);
	}
	return result < 0 ? result : kept;
}

static int find_events(struct connection *c, const struct event_filter *filter,
		       int64_t after_seq, struct event *out, size_t max,
		       int64_t *next_out)
{
	struct stretch w = { .after_seq = after_seq,
			     .final_only = filter->final_only };
	int64_t horizon, newest;
	int count = event_bounds(c, &horizon, &newest);

	if (count < 0)
		return count;
	if (after_seq < horizon)
		return -ERANGE;
	*next_out = after_seq;
	if (after_seq >= newest || max == 0)
		return 0;
	w.until_seq = newest;
	if (filter->id_count == 0 && newest - after_seq > READER_SCAN_EVENTS)
		w.until_seq = after_seq + READER_SCAN_EVENTS;
	count = filter->id_count > 0
			? events_of_jobs(c, filter, w, out, max)
			: scan_events(c, filter, &w, out, max);
	if (count < 0)
		return count;
	/* a full answer ends at its last event, any other has seen it all */
	*next_out = count == (int)max ? out[count - 1].seq : w.until_seq;
	return job_tagged(filter) ? keep_tagged(c, filter->tag, out, count)
				  : count;
}

int reader_events(struct reader *r, const struct event_filter *filter,
		  int64_t after_seq, int64_t deadline_ms, struct event *out,
		  size_t max, int64_t *next_out)
{
	struct connection *c;
	int64_t next;
	int result = reader_begin(r, deadline_ms, &c);

	if (result < 0)
		return result;
	result = find_events(c, filter, after_seq, out, max, &next);
	if (result >= 0)
		*next_out = next;
	return reader_end(r, c, result);
}
