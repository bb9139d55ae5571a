#include "daemon/wire_json.h"

#include <string.h>

#define KEY(name) ",\"" name "\":"

static void add_uuid(struct text *t, const uint8_t uuid[16])
{
	char id[JOB_ID_SIZE];

	text_char(t, '"');
	text_add(t, job_uuid_format(uuid, id));
	text_char(t, '"');
}

/* Words from our own closed lists need no escape. */
static void add_word(struct text *t, const char *word)
{
	if (!word) {
		text_literal(t, "null");
		return;
	}
	text_char(t, '"');
	text_add(t, word);
	text_char(t, '"');
}

static void add_tags(struct text *t, const char *tags)
{
	text_char(t, '[');
	while (tags && *tags) {
		size_t length = strcspn(tags, " ");

		text_json_bytes(t, tags, length);
		tags += length;
		if (*tags) {
			text_char(t, ',');
			tags++;
		}
	}
	text_char(t, ']');
}

static void add_error(struct text *t, enum job_error error, uint32_t attempt)
{
	if (error == ERROR_NONE) {
		text_literal(t, "null");
		return;
	}
	text_literal(t, "{\"code\":");
	add_word(t, job_error_name(error));
	text_literal(t, KEY("message"));
	add_word(t, job_error_message(error));
	text_literal(t, KEY("attempt"));
	text_int(t, attempt);
	text_char(t, '}');
}

/* error is not null exactly when result is error. */
static void add_shown_error(struct text *t, const struct job *job)
{
	add_error(t, job_shown_error(job),
		  job->state == JOB_CANCELED ? job->attempt
					     : job->last_error_attempt);
}

static void add_simulate(struct text *t, const struct simulate *s)
{
	size_t from;

	if (!s || !s->given) {
		text_literal(t, "null");
		return;
	}
	from = t->length;
	if (s->given & SIMULATE_DURATION) {
		text_literal(t, KEY("duration_ms"));
		text_int(t, s->duration_ms);
	}
	if (s->given & SIMULATE_ERROR_RATE)
		text_printf(t, KEY("error_rate") "%.15g", s->error_rate);
	if (s->given & SIMULATE_FAIL_AT)
		text_printf(t, KEY("fail_at") "%.15g", s->fail_at);
	if (s->given & SIMULATE_FAIL_ATTEMPTS) {
		text_literal(t, KEY("fail_attempts"));
		text_int(t, s->fail_attempts);
	}
	if (s->given & SIMULATE_SEED) {
		text_literal(t, KEY("seed"));
		text_int(t, (int64_t)s->seed);
	}
	text_char(t, '}');
	if (!t->failed)
		t->data[from] = '{';	/* in place of the first comma */
}

static void add_time(struct text *t, int64_t ms)
{
	text_json_time(t, ms);
}

static void add_number_or_null(struct text *t, bool known, int64_t value)
{
	if (known)
		text_int(t, value);
	else
		text_literal(t, "null");
}

/* --- a job ----------------------------------------------------------------------- */

static void add_request(struct text *t, const struct job *job)
{
	text_literal(t, KEY("title"));
	text_json_string(t, job_text(job, TEXT_TITLE));
	text_literal(t, KEY("source_url"));
	text_json_string(t, job_text(job, TEXT_SOURCE_URL));
	text_literal(t, KEY("source_language"));
	text_json_string(t, job_text(job, TEXT_SOURCE_LANGUAGE));
	text_literal(t, KEY("output_language"));
	text_json_string(t, job_text(job, TEXT_OUTPUT_LANGUAGE));
	text_literal(t, KEY("tags"));
	add_tags(t, job_text(job, TEXT_TAGS));
	text_literal(t, KEY("priority"));
	text_int(t, job->priority);
	text_literal(t, KEY("priority_name"));
	add_word(t, priority_name(job->priority));
}

static void add_estimate(struct text *t, const struct job_view *view)
{
	text_literal(t, KEY("progress"));
	text_json_decimal(t, view->progress);
	text_literal(t, KEY("stage"));
	add_word(t, job_stage_name(view->stage));
	text_literal(t, KEY("remaining_ms"));
	text_int(t, view->remaining_ms);
	text_literal(t, KEY("estimated_completion_at"));
	add_time(t, view->completion_ms);
	text_literal(t, KEY("queue_position"));
	add_number_or_null(t, view->queue_position > 0, view->queue_position);
}

static void add_times(struct text *t, const struct job_view *view)
{
	const struct job *job = view->job;
	bool final = job_state_is_final(job->state);

	text_literal(t, KEY("not_before"));
	add_time(t, job->not_before_ms);
	text_literal(t, KEY("eligible_at"));
	add_time(t, view->eligible_ahead ? job->eligible_ms : TIME_NONE);
	text_literal(t, KEY("submitted_at"));
	add_time(t, job->submitted_ms);
	text_literal(t, KEY("started_at"));
	add_time(t, job->started_ms);
	text_literal(t, KEY("finished_at"));
	add_time(t, job->finished_ms);
	text_literal(t, KEY("ttl_s"));
	add_number_or_null(t, job->ttl_given || final, job->ttl_s);
	text_literal(t, KEY("expires_at"));
	add_time(t, job->expires_ms);
	text_literal(t, KEY("updated_at"));
	add_time(t, job->updated_ms);
}

static void add_result_url(struct text *t, const struct job *job,
			   const char *base)
{
	char id[JOB_ID_SIZE];
	size_t length;

	if (job->state != JOB_COMPLETED) {
		text_literal(t, "null");
		return;
	}
	/* the base's last quote gives way to the path */
	text_json_string(t, base);
	length = strlen(base);
	if (!t->failed)
		t->length -= 1 + (length > 0 && base[length - 1] == '/');
	text_literal(t, "/v1/jobs/");
	text_add(t, job_id_format(job, id));
	text_literal(t, "/result\"");
}

void wire_job(struct text *t, const struct job_view *view, const char *base)
{
	const struct job *job = view->job;

	text_literal(t, "{\"id\":");
	add_uuid(t, job->uuid);
	text_literal(t, KEY("seq"));
	text_int(t, job->seq);
	text_literal(t, KEY("state"));
	add_word(t, job_state_name(job->state));
	text_literal(t, KEY("result"));
	add_word(t, job_result_name(job->state));
	text_literal(t, KEY("version"));
	text_int(t, job->version);
	add_request(t, job);
	add_estimate(t, view);
	text_literal(t, KEY("attempt"));
	text_int(t, job->attempt);
	text_literal(t, KEY("max_attempts"));
	text_int(t, job->max_attempts);
	text_literal(t, KEY("on_error"));
	add_word(t, on_error_name(job->on_error));
	add_times(t, view);
	text_literal(t, KEY("error"));
	add_shown_error(t, job);
	text_literal(t, KEY("last_error"));
	add_error(t, job->last_error, job->last_error_attempt);
	text_literal(t, KEY("result_url"));
	add_result_url(t, job, base);
	text_literal(t, KEY("simulate"));
	add_simulate(t, job_simulate(job));
	text_char(t, '}');
}

void wire_status(struct text *t, const struct job_view *view)
{
	const struct job *job = view->job;

	text_literal(t, "{\"result\":");
	add_word(t, job_result_name(job->state));
	text_literal(t, KEY("job_id"));
	add_uuid(t, job->uuid);
	text_literal(t, KEY("state"));
	add_word(t, job_state_name(job->state));
	text_literal(t, KEY("progress"));
	text_json_decimal(t, view->progress);
	text_literal(t, KEY("remaining_ms"));
	text_int(t, view->remaining_ms);
	text_literal(t, KEY("estimated_completion_at"));
	add_time(t, view->completion_ms);
	if (job_shown_error(job) != ERROR_NONE) {
		text_literal(t, KEY("error"));
		add_shown_error(t, job);
	}
	text_char(t, '}');
}

int64_t wire_retry_after_s(const struct job_view *view, int64_t max_s)
{
	int64_t seconds;

	if (job_state_is_final(view->job->state))
		return 0;
	if (view->completion_ms == TIME_NONE)
		return max_s;
	seconds = view->remaining_ms / 1000 + (view->remaining_ms % 1000 > 0);
	return seconds < 1 ? 1 : seconds > max_s ? max_s : seconds;
}

/* --- those that are not there ------------------------------------------------------ */

void wire_unknown(struct text *t, const char *id, size_t length)
{
	text_literal(t, "{\"id\":");
	text_json_bytes(t, id, length);
	text_literal(t, KEY("state") "\"not_found\"}");
}

static void add_ending(struct text *t, const struct wire_gone *gone)
{
	text_literal(t, KEY("result"));
	add_word(t, job_result_name(gone->state));
	text_literal(t, KEY("finished_at"));
	add_time(t, gone->finished_ms);
}

void wire_gone(struct text *t, const struct wire_gone *gone)
{
	text_literal(t, "{\"id\":");
	add_uuid(t, gone->uuid);
	text_literal(t, KEY("state") "\"gone\"");
	add_ending(t, gone);
	text_char(t, '}');
}

void wire_gone_members(struct text *t, const struct wire_gone *gone)
{
	text_literal(t, KEY("id"));
	add_uuid(t, gone->uuid);
	text_literal(t, KEY("state"));
	add_word(t, job_state_name(gone->state));
	add_ending(t, gone);
}

/* --- others --------------------------------------------------------------------------- */

static void add_state_or_null(struct text *t, uint8_t state)
{
	add_word(t, state == EVENT_NO_STATE ? NULL : job_state_name(state));
}

void wire_history_event(struct text *t, const struct event *event)
{
	text_literal(t, "{\"seq\":");
	text_int(t, event->seq);
	text_literal(t, KEY("at"));
	add_time(t, event->at_ms);
	text_literal(t, KEY("kind"));
	add_word(t, event_kind_name(event->kind));
	text_literal(t, KEY("from"));
	add_state_or_null(t, event->from);
	text_literal(t, KEY("to"));
	add_state_or_null(t, event->to);
	text_literal(t, KEY("attempt"));
	text_int(t, event->attempt);
	text_literal(t, KEY("progress"));
	text_json_decimal(t, event->progress);
	text_literal(t, KEY("detail"));
	text_json_string(t, *event->detail ? event->detail : NULL);
	text_char(t, '}');
}

static void add_worker(struct text *t, const struct worker_info *worker)
{
	text_printf(t, "{\"pid\":%d", worker->pid);
	text_literal(t, KEY("running"));
	text_int(t, worker->running);
	text_literal(t, KEY("slots"));
	text_int(t, worker->slots);
	text_literal(t, KEY("since"));
	add_time(t, worker->since_ms);
	text_literal(t, KEY("restarts"));
	text_int(t, worker->restarts);
	text_char(t, '}');
}

void wire_queue(struct text *t, const struct queue_info *info)
{
	text_add(t, info->paused ? "{\"paused\":true" : "{\"paused\":false");
	text_literal(t, KEY("slots"));
	text_int(t, info->slots);
	text_literal(t, KEY("running"));
	text_int(t, info->running);
	text_literal(t, KEY("queued"));
	text_int(t, info->queued);
	text_literal(t, KEY("oldest_wait_ms"));
	text_int(t, info->oldest_wait_ms);
	text_literal(t, KEY("workers") "[");
	for (size_t i = 0; i < info->worker_count; i++) {
		if (i > 0)
			text_char(t, ',');
		add_worker(t, &info->workers[i]);
	}
	text_literal(t, "]" KEY("counts") "{");
	for (int i = 0; i < JOB_STATES; i++)
		text_printf(t, "%s\"%s\":%lld", i > 0 ? "," : "",
			    job_state_name(i), (long long)info->counts[i]);
	text_literal(t, "}}");
}
