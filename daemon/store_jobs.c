/* store_jobs.c -- jobs, their tags, their live rows, and what is left of
 * them. */
#include "daemon/store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- the wide row ---------------------------------------------------------------- */

/* job_insert.sql and job_update.sql share their first parameters. */
_Static_assert((int)JOB_INSERT_STATE == (int)JOB_UPDATE_STATE &&
	       (int)JOB_INSERT_TITLE == (int)JOB_UPDATE_TITLE &&
	       (int)JOB_INSERT_SEQ == (int)JOB_UPDATE_SEQ,
	       "the parameters of job_update come first in job_insert");

static void bind_counts(sqlite3_stmt *st, const struct job *job)
{
	bind_int(st, JOB_UPDATE_SEQ, job->seq);
	bind_int(st, JOB_UPDATE_VERSION, job->version);
	bind_int(st, JOB_UPDATE_PRIORITY, job->priority);
	bind_real(st, JOB_UPDATE_PROGRESS, job->progress);
	bind_int(st, JOB_UPDATE_ATTEMPT, job->attempt);
	bind_int(st, JOB_UPDATE_MAX_ATTEMPTS, job->max_attempts);
	bind_int(st, JOB_UPDATE_BUDGET_FROM, job->budget_from);
	bind_int(st, JOB_UPDATE_RUN, job->run);
	bind_int(st, JOB_UPDATE_LOSSES, job->losses);
	if (job->last_error != ERROR_NONE)
		bind_int(st, JOB_UPDATE_LAST_ERROR_ATTEMPT,
			 job->last_error_attempt);
	else
		bind_null(st, JOB_UPDATE_LAST_ERROR_ATTEMPT);
}

static void bind_times(sqlite3_stmt *st, const struct job *job)
{
	bind_time(st, JOB_UPDATE_UPDATED_MS, job->updated_ms);
	bind_time(st, JOB_UPDATE_NOT_BEFORE_MS, job->not_before_ms);
	bind_time(st, JOB_UPDATE_ELIGIBLE_MS, job->eligible_ms);
	bind_time(st, JOB_UPDATE_STARTED_MS, job->started_ms);
	bind_time(st, JOB_UPDATE_PAUSED_MS, job->paused_ms);
	bind_time(st, JOB_UPDATE_FINISHED_MS, job->finished_ms);
	bind_time(st, JOB_UPDATE_EXPIRES_MS, job->expires_ms);
	bind_time(st, JOB_UPDATE_REMAINING_MS,
		  job->remaining_ms < 0 ? TIME_NONE : job->remaining_ms);
	bind_time(st, JOB_UPDATE_TTL_S,
		  job->ttl_given || job_state_is_final(job->state)
			  ? job->ttl_s : TIME_NONE);
	bind_int(st, JOB_UPDATE_TTL_GIVEN, job->ttl_given);
}

static void bind_changes(sqlite3_stmt *st, const struct job *job)
{
	bind_counts(st, job);
	bind_times(st, job);
	bind_text(st, JOB_UPDATE_STATE, job_state_name(job->state));
	bind_text(st, JOB_UPDATE_STAGE, job_stage_name(job->stage));
	bind_text(st, JOB_UPDATE_ON_ERROR, on_error_name(job->on_error));
	bind_text(st, JOB_UPDATE_LAST_ERROR,
		  job->last_error == ERROR_NONE
			  ? NULL : job_error_name(job->last_error));
	bind_text(st, JOB_UPDATE_TITLE, job_text(job, TEXT_TITLE));
	bind_text(st, JOB_UPDATE_TAGS, job_text(job, TEXT_TAGS));
}

static void bind_simulate(sqlite3_stmt *st, const struct simulate *simulate)
{
	static const struct simulate none;
	const struct simulate *w = simulate ? simulate : &none;

	for (int at = JOB_INSERT_SIMULATE_DURATION_MS;
	     at <= JOB_INSERT_SIMULATE_SEED; at++)
		bind_null(st, at);
	if (w->given & SIMULATE_DURATION)
		bind_int(st, JOB_INSERT_SIMULATE_DURATION_MS, w->duration_ms);
	if (w->given & SIMULATE_ERROR_RATE)
		bind_real(st, JOB_INSERT_SIMULATE_ERROR_RATE, w->error_rate);
	if (w->given & SIMULATE_FAIL_AT)
		bind_real(st, JOB_INSERT_SIMULATE_FAIL_AT, w->fail_at);
	if (w->given & SIMULATE_FAIL_ATTEMPTS)
		bind_int(st, JOB_INSERT_SIMULATE_FAIL_ATTEMPTS,
			 w->fail_attempts);
	if (w->given & SIMULATE_SEED)
		bind_int(st, JOB_INSERT_SIMULATE_SEED, w->seed);
}

/* --- tags -------------------------------------------------------------------------- */

/* One row a tag: the texts are words joined by one space. */
static int each_tag(struct store *s, enum stmt which, const char *tags,
		    int64_t job_seq)
{
	_Static_assert((int)TAG_INSERT_TAG == (int)TAG_DELETE_TAG &&
		       (int)TAG_INSERT_JOB_SEQ == (int)TAG_DELETE_JOB_SEQ,
		       "both take the same");
	sqlite3_stmt *st = s->stmt[which];
	int r = 0;

	while (tags && *tags && r == 0) {
		size_t word = strcspn(tags, " ");

		(void)sqlite3_bind_text(st, TAG_INSERT_TAG, tags, word,
					SQLITE_STATIC);
		bind_int(st, TAG_INSERT_JOB_SEQ, job_seq);
		r = store_run(s, which);
		tags += word;
		tags += *tags == ' ';
	}
	return r;
}

/* Replaces the tags that the table has by these. */
static int swap_tags(struct store *s, const char *tags, int64_t job_seq)
{
	const char *old;
	int r;

	if (s->failure)
		return s->failure;
	bind_int(s->stmt[STMT_JOB_TAGS], JOB_TAGS_SEQ, job_seq);
	r = store_row(s, STMT_JOB_TAGS);
	if (r <= 0)
		return r;
	old = column_text(s->stmt[STMT_JOB_TAGS], 0);
	if (strcmp(old ? old : "", tags ? tags : "") != 0) {
		r = each_tag(s, STMT_TAG_DELETE, old, job_seq);
		if (r == 0)
			r = each_tag(s, STMT_TAG_INSERT, tags, job_seq);
	} else {
		r = 0;
	}
	store_reset(s, STMT_JOB_TAGS);
	return r;
}

/* --- changes ------------------------------------------------------------------------- */

static int delete_tombstone(struct store *s, int64_t job_seq)
{
	bind_int(s->stmt[STMT_TOMBSTONE_DELETE], TOMBSTONE_DELETE_JOB_SEQ,
		 job_seq);
	return store_run(s, STMT_TOMBSTONE_DELETE);
}

int store_insert_job(struct store *s, const struct job *job)
{
	sqlite3_stmt *st = s->stmt[STMT_JOB_INSERT];
	char id[JOB_ID_SIZE];
	int r;

	bind_changes(st, job);
	bind_text(st, JOB_INSERT_ID, job_id_format(job, id));
	bind_time(st, JOB_INSERT_SUBMITTED_MS, job->submitted_ms);
	bind_int(st, JOB_INSERT_DRAW_KEY, (int64_t)job->key);
	bind_simulate(st, job_simulate(job));
	bind_text(st, JOB_INSERT_SOURCE_URL, job_text(job, TEXT_SOURCE_URL));
	bind_text(st, JOB_INSERT_SOURCE_LANGUAGE,
		  job_text(job, TEXT_SOURCE_LANGUAGE));
	bind_text(st, JOB_INSERT_OUTPUT_LANGUAGE,
		  job_text(job, TEXT_OUTPUT_LANGUAGE));
	r = store_run(s, STMT_JOB_INSERT);
	if (r == 0)
		r = each_tag(s, STMT_TAG_INSERT, job_text(job, TEXT_TAGS),
			     job->seq);
	/* the only one that comes back under its old number */
	if (r == 0 && job->seq == JOB_DEFAULT_SEQ)
		r = delete_tombstone(s, job->seq);
	return r;
}

/* A change of a row that is not there is a mistake of ours. */
static int missing(struct store *s, int64_t job_seq)
{
	store_say(s, "has no job %lld", (long long)job_seq);
	return s->failure = -EIO;
}

int store_update_job(struct store *s, const struct job *job)
{
	int r = swap_tags(s, job_text(job, TEXT_TAGS), job->seq);

	if (r < 0)
		return r;
	bind_changes(s->stmt[STMT_JOB_UPDATE], job);
	r = store_run(s, STMT_JOB_UPDATE);
	if (r == 0 && sqlite3_changes(s->db) == 0)
		return missing(s, job->seq);
	return r;
}

static int insert_tombstone(struct store *s, const struct tombstone *t)
{
	sqlite3_stmt *st = s->stmt[STMT_TOMBSTONE_INSERT];
	char id[JOB_ID_SIZE];

	bind_int(st, TOMBSTONE_INSERT_JOB_SEQ, t->job_seq);
	bind_text(st, TOMBSTONE_INSERT_ID, job_uuid_format(t->uuid, id));
	bind_text(st, TOMBSTONE_INSERT_STATE, job_state_name(t->state));
	bind_time(st, TOMBSTONE_INSERT_FINISHED_MS, t->finished_ms);
	bind_time(st, TOMBSTONE_INSERT_REMOVED_MS, t->removed_ms);
	return store_run(s, STMT_TOMBSTONE_INSERT);
}

int store_delete_job(struct store *s, int64_t job_seq,
		     const struct tombstone *tombstone)
{
	int r = swap_tags(s, NULL, job_seq);

	if (r == 0)
		r = store_drop_live(s, job_seq);
	if (r < 0)
		return r;
	bind_int(s->stmt[STMT_JOB_DELETE], JOB_DELETE_SEQ, job_seq);
	r = store_run(s, STMT_JOB_DELETE);
	if (r < 0)
		return r;
	if (sqlite3_changes(s->db) == 0)
		return missing(s, job_seq);
	return insert_tombstone(s, tombstone);
}

int store_put_live(struct store *s, const struct live_row *row)
{
	sqlite3_stmt *st = s->stmt[STMT_LIVE_PUT];

	bind_int(st, LIVE_PUT_JOB_SEQ, row->job_seq);
	bind_int(st, LIVE_PUT_AT_MS, row->at_ms);
	bind_int(st, LIVE_PUT_REMAINING_MS, row->remaining_ms);
	bind_real(st, LIVE_PUT_PROGRESS, row->progress);
	bind_int(st, LIVE_PUT_VERSION, row->version);
	bind_text(st, LIVE_PUT_STAGE, job_stage_name(row->stage));
	return store_run(s, STMT_LIVE_PUT);
}

int store_drop_live(struct store *s, int64_t job_seq)
{
	bind_int(s->stmt[STMT_LIVE_DROP], LIVE_DROP_JOB_SEQ, job_seq);
	return store_run(s, STMT_LIVE_DROP);
}

/* --- reads ----------------------------------------------------------------------------- */

int store_load(struct store *s, int (*each)(void *user, struct job *job,
					    int64_t live_at_ms), void *user)
{
	sqlite3_stmt *st = s->stmt[STMT_JOB_LOAD];
	int r;

	while ((r = store_row(s, STMT_JOB_LOAD)) == 1) {
		struct job *job;
		int64_t live_at;

		r = row_job(st, &job, &live_at);
		if (r == -EUCLEAN)
			store_say(s, "holds an unknown word in job %lld",
				  (long long)column_int(st, 0));
		if (r == 0)
			r = each(user, job, live_at);
		if (r != 0) {
			store_reset(s, STMT_JOB_LOAD);
			return r;
		}
	}
	return r;
}

int store_expired(struct store *s, int64_t now_ms, int64_t *seqs_out,
		  int limit)
{
	sqlite3_stmt *st = s->stmt[STMT_JOB_EXPIRED];
	int count = 0, r;

	bind_int(st, JOB_EXPIRED_NOW_MS, now_ms);
	bind_int(st, JOB_EXPIRED_LIMIT, limit);
	while ((r = store_row(s, STMT_JOB_EXPIRED)) == 1)
		seqs_out[count++] = column_int(st, 0);
	return r < 0 ? r : count;
}

int store_next_expiry(struct store *s, int64_t *expires_ms_out)
{
	return store_number(s, STMT_NEXT_EXPIRY, expires_ms_out);
}

int store_next_tombstone(struct store *s, int64_t *removed_ms_out)
{
	return store_number(s, STMT_NEXT_TOMBSTONE, removed_ms_out);
}

int store_next_idempotency(struct store *s, int64_t *created_ms_out)
{
	return store_number(s, STMT_NEXT_IDEMPOTENCY, created_ms_out);
}
