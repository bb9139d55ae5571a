/* events, queue, ping: what is not a job. */
#define _GNU_SOURCE
#include "client/ctl.h"

#include "client/ctl_json.h"
#include "client/ctl_output.h"
#include "client/ctl_table.h"
#include "client/ctl_time.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A value as a cell: text, number, or nothing for null; moments are local. */
static void add_value(struct text *t, const cJSON *item, enum text_how how)
{
	int64_t at;

	if (cJSON_IsNumber(item))
		text_addf(t, "%.15g", item->valuedouble);
	else if (cJSON_IsBool(item))
		text_add(t, cJSON_IsTrue(item) ? "true" : "false");
	else if (cJSON_IsString(item) && how != TEXT_TSV &&
		 time_parse_rfc3339(item->valuestring, &at))
		time_add_moment(t, at);
	else if (cJSON_IsString(item))
		text_add_escaped(t, item->valuestring, how);
}

static const cJSON *get(const cJSON *doc, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(doc, key);
}

static double number(const cJSON *doc, const char *key)
{
	const cJSON *item = get(doc, key);

	return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

/* --- events --------------------------------------------------------------- */

static const struct column event_columns[] = {
	{ "SEQ", true, 3 },	 { "AT", false, 0 },
	{ "KIND", false, 0 },	 { "FROM", false, 2 },
	{ "TO", false, 1 },	 { "ATTEMPT", true, 4 },
	{ "DONE", true, 0 },	 { "DETAIL", false, 0 },
};
static const char *const event_keys[] = { "seq", "at", "kind", "from", "to",
					  "attempt", "progress", "detail",
					  NULL };

struct events {
	struct ctl *ctl;
	enum form form;
	struct table *table;
	size_t count;
	int64_t last;			/* seq */
};

static void event_cells(struct events *ev, const cJSON *doc)
{
	struct text t = { 0 };

	for (size_t i = 0; event_keys[i]; i++) {
		const cJSON *item = get(doc, event_keys[i]);

		text_clear(&t);
		if (!strcmp(event_keys[i], "progress") && cJSON_IsNumber(item))
			text_addf(&t, "%d %%", (int)(item->valuedouble * 100));
		else
			add_value(&t, item, TEXT_SHOWN);
		table_cell(ev->table, text_get(&t),
			   i == 4 ? paint_state(text_get(&t)) : PAINT_NONE);
	}
	text_free(&t);
}

static void event_tsv(const cJSON *doc)
{
	struct text t = { 0 };

	for (size_t i = 0; event_keys[i]; i++) {
		if (i)
			text_add_char(&t, '\t');
		if (doc)
			add_value(&t, get(doc, event_keys[i]), TEXT_TSV);
		else
			text_add(&t, event_keys[i]);
	}
	text_add_char(&t, '\n');
	output_text(&t);
	text_free(&t);
}

/* Before the first one, or before the end if there is none. */
static void begin_events(struct events *ev)
{
	if (ev->count)
		return;
	if (ev->form == FORM_TSV)
		event_tsv(NULL);
	else if (ev->form == FORM_JSON)
		output_print("{\n  \"events\": [");
}

static void one_event(struct events *ev, const char *json)
{
	cJSON *doc = cJSON_Parse(json);
	struct text t = { 0 };

	begin_events(ev);
	ev->last = (int64_t)number(doc, "seq");
	switch (ev->form) {
	case FORM_TABLE:
		event_cells(ev, doc);
		break;
	case FORM_TSV:
		event_tsv(doc);
		break;
	case FORM_JSON:
		text_add(&t, ev->count ? ",\n    " : "\n    ");
		json_add_pretty(&t, json, 2);
		break;
	case FORM_JSONL:
		json_add(&t, json);
		text_add_char(&t, '\n');
		break;
	case FORM_ID:
		text_addf(&t, "%lld\n", (long long)ev->last);
		break;
	}
	output_text(&t);
	text_free(&t);
	cJSON_Delete(doc);
	ev->count++;
}

static int all_events(struct ctl *ctl, struct events *ev, hg_job *job)
{
	hg_events *page = NULL;
	int64_t before;
	size_t n;
	hg_err e;

	do {
		before = ev->last;
		e = hg_job_events(ctl->client, job, ev->last, &page);
		if (e != HG_OK)
			return ctl_failed(ctl, ctl->client, e,
					  "read the events of", ctl->args[0],
					  job);
		n = hg_events_count(page);
		for (size_t i = 0; i < n; i++)
			one_event(ev, hg_events_at(page, i));
		hg_events_free(page);
	} while (n > 0 && ev->last > before && !signals_interrupted());
	return signals_interrupted() ? CODE_INTERRUPTED : CODE_DONE;
}

int verb_events(struct ctl *ctl)
{
	struct events ev = { .ctl = ctl,
			     .form = (enum form)ctl->options.form };
	hg_job *job = NULL;
	int code = ctl_connect(ctl);
	hg_err e;

	if (code)
		return code;
	e = hg_job_new(ctl->args[0], &job);
	if (e == HG_EINVAL) {	/* no server has such an id */
		ctl_error(ctl, "cannot read the events of %s: there is no "
			  "such job", ctl->args[0]);
		return CODE_UNKNOWN;
	}
	if (e != HG_OK)
		return ctl_failed(ctl, ctl->client, e, "read the events of",
				  ctl->args[0], NULL);
	if (ev.form == FORM_TABLE)
		ev.table = table_new(event_columns, sizeof(event_columns) /
						    sizeof(*event_columns));
	code = all_events(ctl, &ev, job);
	if (ev.table && ev.count)
		table_print(ev.table, ctl);
	if (!code)
		begin_events(&ev);
	if (ev.form == FORM_JSON && (ev.count || !code))
		output_print(ev.count ? "\n  ]\n}\n" : "]\n}\n");
	table_free(ev.table);
	hg_job_free(job);
	return code;
}

/* --- queue ---------------------------------------------------------------- */

static const char *const queue_keys[] = { "paused", "slots", "running",
					  "queued", "oldest_wait_ms", NULL };
static const struct column worker_columns[] = {
	{ "PID", true, 0 },   { "RUNNING", true, 0 },	{ "SLOTS", true, 0 },
	{ "SINCE", false, 0 }, { "RESTARTS", true, 0 },
};
static const char *const worker_keys[] = { "pid", "running", "slots", "since",
					   "restarts" };

static void queue_line(struct ctl *ctl, struct text *t, const char *key)
{
	enum paint dim = ctl->color_out ? PAINT_DIM : PAINT_NONE;

	text_addf(t, "%s%-9s%s", paint_on(dim), key, paint_off(dim));
}

static void queue_counts(struct text *t, const cJSON *counts)
{
	const cJSON *one;
	bool first = true;

	cJSON_ArrayForEach(one, counts) {
		if (!cJSON_IsNumber(one) || one->valuedouble <= 0)
			continue;
		text_addf(t, "%s%.0f ", first ? "" : ", ", one->valuedouble);
		text_add_escaped(t, one->string, TEXT_SHOWN);
		first = false;
	}
	text_add(t, first ? "none\n" : "\n");
}

static void print_workers(struct ctl *ctl, const cJSON *workers)
{
	struct table *table = table_new(worker_columns,
					sizeof(worker_columns) /
					sizeof(*worker_columns));
	struct text t = { 0 };
	const cJSON *one;

	cJSON_ArrayForEach(one, workers)
		for (size_t i = 0; i < 5; i++) {
			text_clear(&t);
			add_value(&t, get(one, worker_keys[i]), TEXT_SHOWN);
			table_cell(table, text_get(&t), PAINT_NONE);
		}
	if (cJSON_GetArraySize(workers) > 0) {
		output_print("\n");
		table_print(table, ctl);
	}
	table_free(table);
	text_free(&t);
}

static void print_queue(struct ctl *ctl, const cJSON *doc)
{
	bool paused = cJSON_IsTrue(get(doc, "paused"));
	enum paint paint = !ctl->color_out ? PAINT_NONE :
			   paused ? PAINT_YELLOW : PAINT_GREEN;
	double oldest = number(doc, "oldest_wait_ms");
	struct text t = { 0 };

	queue_line(ctl, &t, "queue");
	text_addf(&t, "%s%s%s\n", paint_on(paint),
		  paused ? "paused" : "running", paint_off(paint));
	queue_line(ctl, &t, "slots");
	text_addf(&t, "%.0f, %.0f in use\n", number(doc, "slots"),
		  number(doc, "running"));
	queue_line(ctl, &t, "queued");
	text_addf(&t, "%.0f", number(doc, "queued"));
	if (oldest > 0) {
		text_add(&t, ", the oldest for ");
		time_add_duration(&t, (int64_t)oldest, false);
	}
	text_add_char(&t, '\n');
	queue_line(ctl, &t, "jobs");
	queue_counts(&t, get(doc, "counts"));
	output_text(&t);
	text_free(&t);
	print_workers(ctl, get(doc, "workers"));
}

static void queue_tsv(const cJSON *doc)
{
	struct text t = { 0 };

	for (size_t i = 0; queue_keys[i]; i++)
		text_addf(&t, "%s%s", i ? "\t" : "", queue_keys[i]);
	text_add_char(&t, '\n');
	for (size_t i = 0; queue_keys[i]; i++) {
		text_add(&t, i ? "\t" : "");
		add_value(&t, get(doc, queue_keys[i]), TEXT_TSV);
	}
	text_add_char(&t, '\n');
	output_text(&t);
	text_free(&t);
}

static void output_document(enum form form, const char *json)
{
	struct text t = { 0 };

	if (form == FORM_JSON)
		json_add_pretty(&t, json, 0);
	else
		json_add(&t, json);
	text_add_char(&t, '\n');
	output_text(&t);
	text_free(&t);
}

int verb_queue(struct ctl *ctl)
{
	const char *verb = ctl->args_count ? ctl->args[0] : NULL;
	enum form form = (enum form)ctl->options.form;
	char *json = NULL;
	cJSON *doc;
	hg_err e;
	int code;

	if (verb && strcmp(verb, "pause") != 0 && strcmp(verb, "resume") != 0)
		return ctl_usage(ctl, "queue: %s is neither pause nor resume",
				 verb);
	if (form == FORM_ID)
		return ctl_usage(ctl, "queue: it has no id to print");
	code = ctl_connect(ctl);
	if (code)
		return code;
	e = hg_queue(ctl->client, verb, &json);
	if (e != HG_OK)
		return ctl_failed(ctl, ctl->client, e, verb ? verb : "look at",
				  "the queue", NULL);
	doc = cJSON_Parse(json);
	if (form == FORM_TABLE)
		print_queue(ctl, doc);
	else if (form == FORM_TSV)
		queue_tsv(doc);
	else
		output_document(form, json);
	cJSON_Delete(doc);
	hg_free(json);
	return CODE_DONE;
}

/* --- ping ----------------------------------------------------------------- */

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* It answers, and says that it wants an id.  Any server may say 404, so its
 * code must be one of ours. */
static bool wants_id(const hg_client *client, hg_err e)
{
	const char *code = hg_error_code(client);

	return e == HG_EGONE ||
	       (e == HG_ENOTFOUND && code &&
		(!strcmp(code, "job_not_found") ||
		 !strcmp(code, "no_default_job")));
}

/* A server that lacks the queue may still have GET /status. */
static hg_err ping(hg_client *client, const char **api_out, double *ms_out)
{
	double start = now_ms();
	hg_job *job = NULL;
	char *json = NULL;
	hg_err e = hg_queue(client, NULL, &json);

	*api_out = "v1";
	if (e == HG_EUNSUPPORTED || e == HG_ENOTFOUND) {
		*api_out = "status";
		start = now_ms();
		e = hg_job_new(NULL, &job);
		if (e == HG_OK)
			e = hg_refresh(client, job);
		if (wants_id(client, e))
			e = HG_OK;
	}
	*ms_out = now_ms() - start;
	hg_job_free(job);
	hg_free(json);
	return e;
}

int verb_ping(struct ctl *ctl)
{
	enum form form = (enum form)ctl->options.form;
	struct text t = { 0 };
	const char *api;
	double ms;
	hg_err e;
	int code;

	if (form == FORM_ID)
		return ctl_usage(ctl, "ping: a server has no id to print");
	code = ctl_connect(ctl);
	if (code)
		return code;
	e = ping(ctl->client, &api, &ms);
	if (e == HG_ENOTFOUND) {
		ctl_error(ctl, "cannot reach %s: a server answers, but has "
			  "neither /v1 nor GET /status (404)", ctl->server);
		return CODE_FAILED;
	}
	if (e != HG_OK)
		return ctl_failed(ctl, ctl->client, e, "reach", ctl->server,
				  NULL);
	if (form == FORM_TABLE) {
		text_add_escaped(&t, ctl->server, TEXT_SHOWN);
		text_addf(&t, " answers in %.1f ms%s\n", ms,
			  !strcmp(api, "v1") ? "" : " (only GET /status)");
	} else if (form == FORM_TSV) {
		text_add(&t, "server\tms\tapi\n");
		text_add_escaped(&t, ctl->server, TEXT_TSV);
		text_addf(&t, "\t%.3f\t%s\n", ms, api);
	} else {
		text_add(&t, "{\"server\":");
		json_add_string(&t, ctl->server);
		text_addf(&t, ",\"ms\":%.3f,\"api\":\"%s\"}", ms, api);
		output_document(form, t.s);
		text_clear(&t);
	}
	output_text(&t);
	text_free(&t);
	return CODE_DONE;
}
