#include "client/ctl_row.h"

#include "client/ctl_time.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

void row_init(struct row *row, const char *id)
{
	*row = (struct row){
		.id = text_dup(id), .progress = -1, .remaining_ms = -1,
		.estimated_at = -1, .submitted_at = -1, .started_at = -1,
		.finished_at = -1, .eligible_at = -1, .queue_position = -1,
		.version = -1,
	};
}

void row_free(struct row *row)
{
	free(row->id);
	free(row->title);
	free(row->stage);
	free(row->error_code);
	free(row->error_message);
	free(row->json);
	*row = (struct row){ 0 };
}

/* --- taking --------------------------------------------------------------- */

static int64_t number_at(const cJSON *doc, const char *key, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(doc, key);

	return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

static int64_t moment_at(const cJSON *doc, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(doc, key);
	int64_t at;

	if (!cJSON_IsString(item) ||
	    !time_parse_rfc3339(item->valuestring, &at))
		return -1;
	return at;
}

/* What has no getter. */
static void take_rest(struct row *row, const cJSON *doc)
{
	row->started_at = moment_at(doc, "started_at");
	row->eligible_at = moment_at(doc, "eligible_at");
	row->queue_position = number_at(doc, "queue_position", -1);
	row->version = number_at(doc, "version", -1);
	row->max_attempts = (int32_t)number_at(doc, "max_attempts", 0);
}

void row_take(struct row *row, const hg_job *job)
{
	const char *id = hg_job_id(job);
	char *kept = id ? text_dup(id) : row->id;
	bool ended = row->ended, removed = row->removed;
	cJSON *doc;

	if (id)
		free(row->id);
	row->id = NULL;
	row_free(row);
	row_init(row, NULL);
	row->id = kept;
	row->ended = ended;
	row->removed = removed;
	row->title = text_dup(hg_job_title(job));
	row->stage = text_dup(hg_job_stage(job));
	row->error_code = text_dup(hg_job_error_code(job));
	row->error_message = text_dup(hg_job_error_message(job));
	row->json = text_dup(hg_job_json(job));
	row->state = hg_job_state(job);
	row->result = hg_job_result(job);
	row->err = hg_job_err(job);
	row->progress = hg_job_progress(job);
	row->remaining_ms = hg_job_remaining_ms(job);
	row->estimated_at = hg_job_estimated_completion_at(job);
	row->submitted_at = hg_job_submitted_at(job);
	row->finished_at = hg_job_finished_at(job);
	row->priority = hg_job_priority(job);
	row->attempt = hg_job_attempt(job);
	row->seen_at = time_monotonic();
	row->seen_wall = time_now();
	doc = row->json ? cJSON_Parse(row->json) : NULL;
	take_rest(row, doc);
	cJSON_Delete(doc);
}

/* --- words ---------------------------------------------------------------- */

const char *row_id(const struct row *row)
{
	return row->id ? row->id : "-";
}

const char *row_state(const struct row *row)
{
	if (row->removed || row->err == HG_EGONE)
		return "gone";
	if (row->err == HG_ENOTFOUND)
		return "not_found";
	switch (row->state) {
	case HG_STATE_QUEUED:
		return "queued";
	case HG_STATE_RUNNING:
		return "running";
	case HG_STATE_PAUSED:
		return "paused";
	case HG_STATE_COMPLETED:
		return "completed";
	case HG_STATE_ERROR:
		return "error";
	case HG_STATE_CANCELED:
		return "canceled";
	case HG_STATE_UNKNOWN:
		break;
	}
	/* a server that tells no state tells a result */
	return row->json ? row_result(row) : "-";
}

const char *row_result(const struct row *row)
{
	switch (row->result) {
	case HG_COMPLETED:
		return "completed";
	case HG_ERROR:
		return "error";
	case HG_PENDING:
		break;
	}
	return "pending";
}

void row_add_json(struct text *t, const struct row *row)
{
	cJSON *id;
	char *quoted;

	if (row->json && !row->removed && row->err != HG_EGONE &&
	    row->err != HG_ENOTFOUND) {
		text_add(t, row->json);
		return;
	}
	id = row->id ? cJSON_CreateString(row->id) : cJSON_CreateNull();
	quoted = cJSON_PrintUnformatted(id);
	cJSON_Delete(id);
	if (!quoted)
		text_die_of_memory();
	text_addf(t, "{\"id\":%s,\"state\":", quoted);
	if (!strcmp(row_state(row), "-"))
		text_add(t, "null}");
	else
		text_addf(t, "\"%s\"}", row_state(row));
	cJSON_free(quoted);
}

/* --- numbers that move ---------------------------------------------------- */

/* By the time since the answer, not by the server's clock, which may not be
 * ours.  Without an estimate of the end what remains is no countdown. */
int64_t row_left(const struct row *row)
{
	int64_t left;

	if (row->ended || row->estimated_at < 0 || row->remaining_ms < 0)
		return -1;
	left = row->remaining_ms - (time_monotonic() - row->seen_at);
	return left > 0 ? left : 0;
}

int64_t row_end_at(const struct row *row)
{
	return row->seen_wall + row->remaining_ms;
}

double row_now(const struct row *row, int64_t monotonic_ms)
{
	double passed = (double)(monotonic_ms - row->seen_at), p;

	if (row->progress < 0 || row->state != HG_STATE_RUNNING ||
	    row->remaining_ms <= 0 || row->estimated_at < 0 || passed < 0)
		return row->progress;
	if (passed > (double)row->remaining_ms)
		passed = (double)row->remaining_ms;
	p = row->progress +
	    (1 - row->progress) * passed / (double)row->remaining_ms;
	if (p > 0.99)		/* the end is for the server to say */
		p = row->progress > 0.99 ? row->progress : 0.99;
	return p;
}

/* --- for tables ----------------------------------------------------------- */

void row_add_detail(struct text *t, const struct row *row)
{
	if (row->state == HG_STATE_QUEUED && row->eligible_at > time_now()) {
		text_add(t, "not before ");
		time_add_clock(t, row->eligible_at);
	} else if (row->state == HG_STATE_QUEUED && row->queue_position > 0) {
		text_addf(t, "number %lld", (long long)row->queue_position);
	} else if (row->state == HG_STATE_ERROR && row->error_code) {
		text_add_escaped(t, row->error_code, TEXT_SHOWN);
	} else if ((row->state == HG_STATE_RUNNING ||
		    row->state == HG_STATE_PAUSED) && row->stage) {
		text_add_escaped(t, row->stage, TEXT_SHOWN);
	}
	if (row->attempt > 1 && row->state != HG_STATE_COMPLETED &&
	    row->state != HG_STATE_CANCELED)
		text_addf(t, "%sattempt %d", t->len ? ", " : "",
			  (int)row->attempt);
}

void row_add_when(struct text *t, const struct row *row)
{
	int64_t left = row_left(row);

	if (row->finished_at >= 0) {
		time_add_coarse(t, time_now() - row->finished_at);
		text_add(t, " ago");
	} else if (left >= 0 && row->state != HG_STATE_PAUSED) {
		time_add_coarse(t, left);
		text_add(t, " left");
	}
}
