#include "client/internal.h"

#include "client/alloc.h"

#include <string.h>

hg_err hg_job_new(const char *id, hg_job **job_out)
{
	hg_job *j;

	if (!job_out || (id && !hg__id_ok(id)))
		return HG_EINVAL;
	j = hg__calloc(1, sizeof(*j));
	if (!j)
		return HG_ENOMEM;
	j->id = hg__strdup(id);
	if (id && !j->id) {
		hg__free(j);
		return HG_ENOMEM;
	}
	j->since_ms = -1;
	j->heard_ms = -1;
	j->view.progress = -1;
	j->view.remaining_ms = -1;
	j->view.estimated_completion_at = -1;
	j->view.submitted_at = -1;
	j->view.finished_at = -1;
	j->view.version = -1;
	*job_out = j;
	return HG_OK;
}

void hg_job_free(hg_job *j)
{
	if (!j)
		return;
	hg__view_free(&j->view);
	hg__free(j->id);
	hg__free(j);
}

/* --- getters --------------------------------------------------------------- */

#define GETTER(type, name, expression, none)                                   \
	type hg_job_##name(const hg_job *j)                                    \
	{                                                                      \
		return j ? (expression) : (none);                             \
	}

GETTER(const char *, id, j->id, NULL)
GETTER(const char *, title, j->view.title, NULL)
GETTER(const char *, stage, j->view.stage, NULL)
GETTER(const char *, result_url, j->view.result_url, NULL)
GETTER(const char *, error_code, j->view.error_code, NULL)
GETTER(const char *, error_message, j->view.error_message, NULL)
GETTER(const char *, json, j->view.json, NULL)
GETTER(hg_state, state, j->view.state, HG_STATE_UNKNOWN)
GETTER(hg_result, result, j->view.result, HG_PENDING)
GETTER(hg_err, err, j->err, HG_OK)
GETTER(double, progress, j->view.progress, -1)
GETTER(int64_t, remaining_ms, j->view.remaining_ms, -1)
GETTER(int64_t, estimated_completion_at, j->view.estimated_completion_at, -1)
GETTER(int64_t, submitted_at, j->view.submitted_at, -1)
GETTER(int64_t, finished_at, j->view.finished_at, -1)
GETTER(int32_t, priority, j->view.priority, 0)
GETTER(int32_t, attempt, j->view.attempt, 0)

/* --- answers --------------------------------------------------------------- */

bool hg__job_ended(const hg_job *j)
{
	return j->view.has_result && j->view.result != HG_PENDING;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_view(const struct hg__view *a, const struct hg__view *b)
{
	return a->state == b->state && a->result == b->result &&
	       a->progress == b->progress && a->priority == b->priority &&
	       a->attempt == b->attempt && same_text(a->stage, b->stage) &&
	       same_text(a->title, b->title) &&
	       same_text(a->result_url, b->result_url) &&
	       same_text(a->error_code, b->error_code) &&
	       same_text(a->error_message, b->error_message);
}

/* To be canceled is an error, too, and a row of the bulk status says no more
 * than that. */
static hg_state gone_state(const hg_job *j, const struct hg__view *v)
{
	hg_state state = v->state ? v->state : j->view.state;

	if (v->result == HG_COMPLETED)
		return HG_STATE_COMPLETED;
	return state == HG_STATE_CANCELED ? HG_STATE_CANCELED : HG_STATE_ERROR;
}

/* A row of the bulk status or a 410 knows little of a removed job; what the
 * handle knew of it stays. */
static void take_gone(hg_job *j, struct hg__view *v)
{
	if (v->has_result && v->result != HG_PENDING) {
		j->view.has_result = true;
		j->view.result = v->result;
		j->view.state = gone_state(j, v);
		j->view.finished_at = v->finished_at;
		j->view.remaining_ms = -1;
	}
	hg__view_free(v);
}

bool hg__job_take(hg_job *j, struct hg__view *v)
{
	bool changed;

	j->heard_ms = hg__now_ms();
	if (v->missing || v->gone) {
		hg_result before = j->view.result;

		take_gone(j, v);
		return j->view.result != before;
	}
	changed = !same_view(&j->view, v);
	hg__view_free(&j->view);
	j->view = *v;
	memset(v, 0, sizeof(*v));
	return changed;
}

hg_err hg__job_of(struct hg__view *v, hg_job **job_out)
{
	hg_job *j;
	hg_err err;

	if (!v->id || !hg__id_ok(v->id)) {
		hg__view_free(v);
		return HG_EPROTOCOL;
	}
	err = hg_job_new(v->id, &j);
	if (err) {
		hg__view_free(v);
		return err;
	}
	hg__job_take(j, v);
	*job_out = j;
	return HG_OK;
}

/* --- lists ----------------------------------------------------------------- */

static size_t count_items(struct hg__slice array)
{
	struct hg__slice item;
	size_t n = 0;

	while (hg__wire_next(&array, &item))
		n++;
	return n;
}

static bool find_array(struct hg__slice body, const char *key,
		       struct hg__slice *array_out)
{
	return hg__wire_member(body, key, array_out) && array_out->len &&
	       array_out->at[0] == '[';
}

static hg_err read_token(struct hg__slice body, char **token_out)
{
	struct hg__slice value;
	char token[1024];

	if (!hg__wire_member(body, "next_page_token", &value) ||
	    value.at[0] == 'n')
		return HG_OK;
	if (!hg__wire_text(body, "next_page_token", token, sizeof(token)))
		return HG_EPROTOCOL;
	*token_out = hg__strdup(token);
	return *token_out ? HG_OK : HG_ENOMEM;
}

hg_err hg__jobs_read(struct hg__slice body, const char *key, hg_jobs **jobs_out)
{
	struct hg__slice array, item;
	struct hg__view view;
	hg_jobs *l = NULL;
	hg_err err = HG_EPROTOCOL;

	if (!find_array(body, key, &array))
		return HG_EPROTOCOL;
	l = hg__calloc(1, sizeof(*l));
	if (!l)
		return HG_ENOMEM;
	l->jobs = hg__calloc(count_items(array) + 1, sizeof(l->jobs[0]));
	if (!l->jobs) {
		hg__free(l);
		return HG_ENOMEM;
	}
	while (hg__wire_next(&array, &item)) {
		err = hg__wire_job(item, &view);
		if (!err)
			err = hg__job_of(&view, &l->jobs[l->count]);
		if (err)
			goto out;
		l->count++;
	}
	err = read_token(body, &l->next_page_token);
out:
	if (err)
		hg_jobs_free(l);
	else
		*jobs_out = l;
	return err;
}

size_t hg_jobs_count(const hg_jobs *l)
{
	return l ? l->count : 0;
}

hg_job *hg_jobs_at(const hg_jobs *l, size_t i)
{
	return l && i < l->count ? l->jobs[i] : NULL;
}

const char *hg_jobs_next_page_token(const hg_jobs *l)
{
	return l ? l->next_page_token : NULL;
}

void hg_jobs_free(hg_jobs *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		hg_job_free(l->jobs[i]);
	hg__free(l->jobs);
	hg__free(l->next_page_token);
	hg__free(l);
}

hg_err hg__events_read(struct hg__slice body, hg_events **events_out)
{
	struct hg__slice array, item;
	hg_events *l;

	if (!find_array(body, "events", &array))
		return HG_EPROTOCOL;
	l = hg__calloc(1, sizeof(*l));
	if (!l)
		return HG_ENOMEM;
	l->events = hg__calloc(count_items(array) + 1, sizeof(l->events[0]));
	if (!l->events) {
		hg__free(l);
		return HG_ENOMEM;
	}
	while (hg__wire_next(&array, &item)) {
		l->events[l->count] = hg__strndup(item.at, item.len);
		if (!l->events[l->count])
			goto fail;
		l->count++;
	}
	*events_out = l;
	return HG_OK;
fail:
	hg_events_free(l);
	return HG_ENOMEM;
}

size_t hg_events_count(const hg_events *l)
{
	return l ? l->count : 0;
}

const char *hg_events_at(const hg_events *l, size_t i)
{
	return l && i < l->count ? l->events[i] : NULL;
}

void hg_events_free(hg_events *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		hg__free(l->events[i]);
	hg__free(l->events);
	hg__free(l);
}
