/* store_row.c -- rows of the tables as structs of ours. */
#include "daemon/store_sql.h"

#include <errno.h>
#include <string.h>

int row_word(sqlite3_stmt *st, int at, int (*parse)(const char *), int none,
	     uint8_t *out)
{
	const char *word = column_text(st, at);
	int value = word ? parse(word) : none;

	if (value < 0)
		return -EUCLEAN;	/* no word that we ever wrote */
	*out = value;
	return 0;
}

int row_uuid(sqlite3_stmt *st, int at, uint8_t uuid_out[16])
{
	const char *id = column_text(st, at);

	return id && job_id_parse(id, uuid_out) ? 0 : -EUCLEAN;
}

static bool ends_job(const struct event *e)
{
	return (e->kind == EVENT_COMPLETED || e->kind == EVENT_FAILED ||
		e->kind == EVENT_CANCELED) &&
	       e->to != EVENT_NO_STATE && job_state_is_final(e->to);
}

int row_event(sqlite3_stmt *st, struct event *out)
{
	const char *detail = column_text(st, 9);
	struct event e = {
		.seq = column_int(st, 0), .at_ms = column_int(st, 1),
		.job_seq = column_int(st, 2), .attempt = column_int(st, 7),
		.progress = sqlite3_column_double(st, 8)
	};

	if (row_uuid(st, 3, e.uuid) < 0 ||
	    row_word(st, 4, event_kind_parse, -1, &e.kind) < 0 ||
	    row_word(st, 5, job_state_parse, EVENT_NO_STATE, &e.from) < 0 ||
	    row_word(st, 6, job_state_parse, EVENT_NO_STATE, &e.to) < 0)
		return -EUCLEAN;
	if (detail)
		strncpy(e.detail, detail, sizeof(e.detail) - 1);
	e.final = ends_job(&e);
	*out = e;
	return 0;
}

/* --- jobs ----------------------------------------------------------------------- */

/* The columns of job_load.sql, in its order. */
enum {
	C_SEQ, C_ID, C_STATE, C_VERSION, C_PRIORITY, C_PROGRESS, C_STAGE,
	C_REMAINING_MS, C_ATTEMPT, C_MAX_ATTEMPTS, C_BUDGET_FROM, C_RUN,
	C_LOSSES, C_ON_ERROR, C_LAST_ERROR, C_LAST_ERROR_ATTEMPT,
	C_SUBMITTED_MS, C_UPDATED_MS, C_NOT_BEFORE_MS, C_ELIGIBLE_MS,
	C_STARTED_MS, C_PAUSED_MS, C_FINISHED_MS, C_EXPIRES_MS, C_TTL_S,
	C_TTL_GIVEN, C_DRAW_KEY, C_SIMULATE_DURATION_MS,
	C_SIMULATE_ERROR_RATE, C_SIMULATE_FAIL_AT, C_SIMULATE_FAIL_ATTEMPTS,
	C_SIMULATE_SEED, C_TITLE, C_SOURCE_URL, C_SOURCE_LANGUAGE,
	C_OUTPUT_LANGUAGE, C_TAGS, C_LIVE_AT_MS, C_LIVE_REMAINING_MS,
	C_LIVE_PROGRESS, C_LIVE_VERSION, C_LIVE_STAGE
};

static bool has(sqlite3_stmt *st, int at)
{
	return sqlite3_column_type(st, at) != SQLITE_NULL;
}

static void row_simulate(sqlite3_stmt *st, struct simulate *out)
{
	static const struct {
		int column;
		enum simulate_field field;
	} fields[] = {
		{ C_SIMULATE_DURATION_MS, SIMULATE_DURATION },
		{ C_SIMULATE_ERROR_RATE, SIMULATE_ERROR_RATE },
		{ C_SIMULATE_FAIL_AT, SIMULATE_FAIL_AT },
		{ C_SIMULATE_FAIL_ATTEMPTS, SIMULATE_FAIL_ATTEMPTS },
		{ C_SIMULATE_SEED, SIMULATE_SEED },
	};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (has(st, fields[i].column))
			out->given |= fields[i].field;
	if (!out->given)
		return;
	out->duration_ms = column_int(st, C_SIMULATE_DURATION_MS);
	out->error_rate = sqlite3_column_double(st, C_SIMULATE_ERROR_RATE);
	out->fail_at = sqlite3_column_double(st, C_SIMULATE_FAIL_AT);
	out->fail_attempts = column_int(st, C_SIMULATE_FAIL_ATTEMPTS);
	out->seed = column_int(st, C_SIMULATE_SEED);
}

static int row_job_words(sqlite3_stmt *st, struct job *job)
{
	if (row_uuid(st, C_ID, job->uuid) < 0 ||
	    row_word(st, C_STATE, job_state_parse, -1, &job->state) < 0 ||
	    row_word(st, C_STAGE, job_stage_parse, STAGE_NONE,
		     &job->stage) < 0 ||
	    row_word(st, C_ON_ERROR, on_error_parse, -1, &job->on_error) < 0 ||
	    row_word(st, C_LAST_ERROR, job_error_parse, ERROR_NONE,
		     &job->last_error) < 0)
		return -EUCLEAN;
	return 0;
}

static void row_job_times(sqlite3_stmt *st, struct job *job)
{
	job->submitted_ms = column_time(st, C_SUBMITTED_MS);
	job->updated_ms = column_time(st, C_UPDATED_MS);
	job->not_before_ms = column_time(st, C_NOT_BEFORE_MS);
	job->eligible_ms = column_time(st, C_ELIGIBLE_MS);
	job->started_ms = column_time(st, C_STARTED_MS);
	job->paused_ms = column_time(st, C_PAUSED_MS);
	job->finished_ms = column_time(st, C_FINISHED_MS);
	job->expires_ms = column_time(st, C_EXPIRES_MS);
	job->ttl_s = column_int(st, C_TTL_S);
	job->ttl_given = column_int(st, C_TTL_GIVEN);
	job->remaining_ms = has(st, C_REMAINING_MS)
				    ? column_int(st, C_REMAINING_MS) : -1;
}

static void row_job_counts(sqlite3_stmt *st, struct job *job)
{
	job->seq = column_int(st, C_SEQ);
	job->version = column_int(st, C_VERSION);
	job->priority = column_int(st, C_PRIORITY);
	job->progress = sqlite3_column_double(st, C_PROGRESS);
	job->attempt = column_int(st, C_ATTEMPT);
	job->max_attempts = column_int(st, C_MAX_ATTEMPTS);
	job->budget_from = column_int(st, C_BUDGET_FROM);
	job->run = column_int(st, C_RUN);
	job->losses = column_int(st, C_LOSSES);
	job->last_error_attempt = column_int(st, C_LAST_ERROR_ATTEMPT);
	job->key = (uint64_t)column_int(st, C_DRAW_KEY);
}

/* The later of the two rows counts; progress never falls. */
static int row_live(sqlite3_stmt *st, struct job *job)
{
	double progress = sqlite3_column_double(st, C_LIVE_PROGRESS);
	uint32_t version = column_int(st, C_LIVE_VERSION);

	if (progress > job->progress)
		job->progress = progress;
	if (version < job->version)
		return 0;
	job->version = version;
	job->remaining_ms = column_int(st, C_LIVE_REMAINING_MS);
	return row_word(st, C_LIVE_STAGE, job_stage_parse, STAGE_NONE,
			&job->stage);
}

int row_job(sqlite3_stmt *st, struct job **job_out, int64_t *live_at_out)
{
	struct simulate simulate;
	struct job_parts parts = {
		.text = {
			[TEXT_TITLE] = column_text(st, C_TITLE),
			[TEXT_SOURCE_URL] = column_text(st, C_SOURCE_URL),
			[TEXT_SOURCE_LANGUAGE] =
				column_text(st, C_SOURCE_LANGUAGE),
			[TEXT_OUTPUT_LANGUAGE] =
				column_text(st, C_OUTPUT_LANGUAGE),
			[TEXT_TAGS] = column_text(st, C_TAGS),
		},
	};
	struct job *job;
	int r;

	row_simulate(st, &simulate);
	parts.simulate = simulate.given ? &simulate : NULL;
	job = job_new(&parts);
	if (!job)
		return -ENOMEM;
	row_job_counts(st, job);
	row_job_times(st, job);
	r = row_job_words(st, job);
	if (r == 0 && has(st, C_LIVE_AT_MS))
		r = row_live(st, job);
	if (r < 0) {
		job_unref(job);
		return r;
	}
	*live_at_out = column_time(st, C_LIVE_AT_MS);
	*job_out = job;
	return 0;
}
