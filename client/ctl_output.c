#include "client/ctl_output.h"

#include "client/ctl.h"
#include "client/ctl_json.h"
#include "client/ctl_table.h"
#include "client/ctl_time.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct output {
	struct ctl *ctl;
	enum form form;
	bool many;
	bool begun;			/* the head is printed */
	size_t count;
	struct table *table;		/* FORM_TABLE */
};

/* --- standard output ------------------------------------------------------ */

/* stdio keeps that something failed, but not why. */
static int first_error;

static void note_error(bool failed)
{
	if (failed && !first_error)
		first_error = errno ? errno : EIO;
}

void output_write(const char *s, size_t n)
{
	errno = 0;
	note_error(fwrite(s, 1, n, stdout) != n);
}

void output_print(const char *s)
{
	output_write(s, strlen(s));
}

void output_text(struct text *t)
{
	if (t->len)
		output_write(t->s, t->len);
	text_clear(t);
}

void output_flush(void)
{
	errno = 0;
	note_error(fflush(stdout) != 0);
}

int output_error(void)
{
	return first_error;
}

/* --- table ---------------------------------------------------------------- */

static const struct column job_columns[] = {
	{ "ID", false, 0 },	  { "STATE", false, 0 },
	{ "PRIO", true, 1 },	  { "DONE", true, 3 },
	{ "DETAIL", false, 2 },	  { "TIME", true, 4 },
	{ "TITLE", false, 0 },
};

static void cell(struct output *o, struct text *t, enum paint paint)
{
	table_cell(o->table, text_get(t), paint);
	text_clear(t);
}

static void table_row(struct output *o, const struct row *row)
{
	const char *state = row_state(row);
	double now = row_now(row, time_monotonic());
	struct text t = { 0 };

	text_add_escaped(&t, row_id(row), TEXT_SHOWN);
	cell(o, &t, PAINT_NONE);
	text_add(&t, state);
	cell(o, &t, paint_state(state));
	if (row->json && row->state != HG_STATE_UNKNOWN)
		text_addf(&t, "%d", (int)row->priority);
	cell(o, &t, PAINT_NONE);
	if (now >= 0)
		text_addf(&t, "%d %%", (int)(now * 100));
	cell(o, &t, PAINT_NONE);
	row_add_detail(&t, row);
	cell(o, &t, row->state == HG_STATE_ERROR ? PAINT_RED : PAINT_NONE);
	row_add_when(&t, row);
	cell(o, &t, PAINT_NONE);
	text_add_escaped(&t, row->title, TEXT_SHOWN);
	cell(o, &t, PAINT_NONE);
	text_free(&t);
}

/* --- tsv ------------------------------------------------------------------ */

/* The columns, which never change their order; "error.code" looks inside. */
static const char *const tsv_keys[] = {
	"id", "title", "state", "result", "priority", "progress", "stage",
	"attempt", "max_attempts", "remaining_ms", "estimated_completion_at",
	"submitted_at", "started_at", "finished_at", "error.code",
	"error.message", "source_url", "source_language", "output_language",
	"tags", "result_url", NULL
};

static void tsv_head(void)
{
	struct text t = { 0 };

	for (size_t i = 0; tsv_keys[i]; i++) {
		text_addf(&t, "%s%s", i ? "\t" : "", tsv_keys[i]);
		for (char *s = t.s; *s; s++)
			if (*s == '.')
				*s = '_';
	}
	text_add_char(&t, '\n');
	output_text(&t);
	text_free(&t);
}

static void tsv_value(struct text *t, const cJSON *item)
{
	const cJSON *one;
	bool first = true;

	if (cJSON_IsString(item)) {
		text_add_escaped(t, item->valuestring, TEXT_TSV);
	} else if (cJSON_IsNumber(item)) {
		text_addf(t, "%.15g", item->valuedouble);
	} else if (cJSON_IsBool(item)) {
		text_add(t, cJSON_IsTrue(item) ? "true" : "false");
	} else if (cJSON_IsArray(item)) {
		cJSON_ArrayForEach(one, item) {
			if (!first)
				text_add_char(t, ',');
			first = false;
			tsv_value(t, one);
		}
	}
}

static const cJSON *find(const cJSON *doc, const char *key)
{
	const char *dot = strchr(key, '.');
	char outer[32];

	if (!dot || (size_t)(dot - key) >= sizeof(outer))
		return cJSON_GetObjectItemCaseSensitive(doc, key);
	memcpy(outer, key, (size_t)(dot - key));
	outer[dot - key] = '\0';
	return cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(doc, outer), dot + 1);
}

static cJSON *document(const struct row *row)
{
	struct text t = { 0 };
	cJSON *doc;

	row_add_json(&t, row);
	doc = cJSON_Parse(t.s);
	text_free(&t);
	return doc;
}

static void tsv_row(const struct row *row)
{
	cJSON *doc = document(row);
	struct text t = { 0 };

	for (size_t i = 0; tsv_keys[i]; i++) {
		const cJSON *item = find(doc, tsv_keys[i]);

		if (i)
			text_add_char(&t, '\t');
		if (i == 0 && !item)	/* a plain server's answer has none */
			text_add_escaped(&t, row->id, TEXT_TSV);
		else
			tsv_value(&t, item);
	}
	text_add_char(&t, '\n');
	output_text(&t);
	text_free(&t);
	cJSON_Delete(doc);
}

/* --- json ----------------------------------------------------------------- */

static void json_row(struct output *o, const struct row *row)
{
	struct text raw = { 0 }, t = { 0 };

	row_add_json(&raw, row);
	if (o->form == FORM_JSONL) {
		json_add(&t, raw.s);
	} else if (o->many) {
		text_add(&t, o->count ? ",\n    " : "\n    ");
		json_add_pretty(&t, raw.s, 2);
	} else {
		json_add_pretty(&t, raw.s, 0);
	}
	if (o->form == FORM_JSONL || !o->many)
		text_add_char(&t, '\n');
	output_text(&t);
	text_free(&raw);
	text_free(&t);
}

/* --- the output ----------------------------------------------------------- */

struct output *output_new(struct ctl *ctl, enum form form, bool many)
{
	struct output *o = text_alloc(1, sizeof(*o));

	*o = (struct output){ .ctl = ctl, .form = form, .many = many };
	if (form == FORM_TABLE)
		o->table = table_new(job_columns, sizeof(job_columns) /
						  sizeof(*job_columns));
	return o;
}

/* Before the first row, or before the end of a list that is empty: a list that
 * could not be had prints nothing. */
static void begin(struct output *o)
{
	if (o->begun)
		return;
	o->begun = true;
	if (o->form == FORM_TSV)
		tsv_head();
	else if (o->form == FORM_JSON && o->many)
		output_print("{\n  \"jobs\": [");
}

void output_row(struct output *o, const struct row *row)
{
	struct text t = { 0 };

	if (o->form != FORM_TABLE)
		progress_clear(o->ctl->progress);
	begin(o);
	switch (o->form) {
	case FORM_TABLE:
		table_row(o, row);
		break;
	case FORM_JSON:
	case FORM_JSONL:
		json_row(o, row);
		break;
	case FORM_TSV:
		tsv_row(row);
		break;
	case FORM_ID:
		text_add_escaped(&t, row_id(row), TEXT_SHOWN);
		text_add_char(&t, '\n');
		output_text(&t);
		text_free(&t);
		break;
	}
	o->count++;
}

void output_end(struct output *o, int code)
{
	if (!o)
		return;
	if (!code)
		begin(o);
	if (o->form == FORM_TABLE && o->count)
		table_print(o->table, o->ctl);
	if (o->form == FORM_JSON && o->many && o->begun)
		output_print(o->count ? "\n  ]\n}\n" : "]\n}\n");
	output_flush();
	table_free(o->table);
	free(o);
}

/* --- the card ------------------------------------------------------------- */

struct card {
	struct ctl *ctl;
	struct text t;
	const cJSON *doc;
};

static void card_head(struct card *c, const char *key)
{
	enum paint paint = c->ctl->color_out ? PAINT_DIM : PAINT_NONE;

	text_addf(&c->t, "  %s%s%s", paint_on(paint), key, paint_off(paint));
	text_add_spaces(&c->t, 14 - (int)strlen(key));
}

static const char *card_text(const struct card *c, const char *key)
{
	const cJSON *item = find(c->doc, key);

	return cJSON_IsString(item) && *item->valuestring ?
	       item->valuestring : NULL;
}

static bool card_number(const struct card *c, const char *key, double *x_out)
{
	const cJSON *item = find(c->doc, key);

	if (cJSON_IsNumber(item))
		*x_out = item->valuedouble;
	return cJSON_IsNumber(item);
}

static void card_line(struct card *c, const char *head, const char *key)
{
	const cJSON *item = find(c->doc, key);
	struct text t = { 0 };

	if (item && !cJSON_IsNull(item) && !cJSON_IsObject(item))
		tsv_value(&t, item);
	if (t.len) {
		card_head(c, head);
		text_addf(&c->t, "%s\n", t.s);
	}
	text_free(&t);
}

static void card_state(struct card *c, const struct row *row)
{
	const char *state = row_state(row);
	enum paint paint = c->ctl->color_out ? paint_state(state) : PAINT_NONE;
	double now = row_now(row, time_monotonic());
	struct text detail = { 0 };

	card_head(c, "state");
	text_addf(&c->t, "%s%s%s", paint_on(paint), state, paint_off(paint));
	if (now >= 0 && row->state != HG_STATE_COMPLETED)
		text_addf(&c->t, ", %d %%", (int)(now * 100));
	row_add_detail(&detail, row);
	if (detail.len && row->state != HG_STATE_ERROR)
		text_addf(&c->t, ", %s", detail.s);
	text_free(&detail);
	text_add_char(&c->t, '\n');
	if (row_left(row) < 0 || row->state == HG_STATE_PAUSED)
		return;
	card_head(c, "left");
	time_add_duration(&c->t, row_left(row), true);
	text_add(&c->t, " (");
	time_add_clock(&c->t, row_end_at(row));
	text_add(&c->t, ")\n");
}

static void card_moment(struct card *c, const char *head, const char *key)
{
	const char *s = card_text(c, key);
	int64_t at;

	if (!s || !time_parse_rfc3339(s, &at))
		return;
	card_head(c, head);
	time_add_moment(&c->t, at);
	text_add_char(&c->t, '\n');
}

static void card_error(struct card *c, const char *head, const char *key)
{
	const cJSON *error = find(c->doc, key);
	const cJSON *code = find(error, "code"), *message;
	double attempt;

	if (!cJSON_IsObject(error))
		return;
	message = find(error, "message");
	card_head(c, head);
	if (cJSON_IsString(code))
		text_add_escaped(&c->t, code->valuestring, TEXT_SHOWN);
	if (cJSON_IsString(message)) {
		text_add(&c->t, ": ");
		text_add_escaped(&c->t, message->valuestring, TEXT_SHOWN);
	}
	if (cJSON_IsNumber(find(error, "attempt"))) {
		attempt = find(error, "attempt")->valuedouble;
		text_addf(&c->t, " (attempt %.0f)", attempt);
	}
	text_add_char(&c->t, '\n');
}

static void card_attempt(struct card *c)
{
	const char *on_error = card_text(c, "on_error");
	double attempt = 0, most = 0;

	if (!card_number(c, "attempt", &attempt))
		return;
	card_head(c, "attempt");
	text_addf(&c->t, "%.0f", attempt);
	if (on_error && !strcmp(on_error, "restart") &&
	    card_number(c, "max_attempts", &most))
		text_addf(&c->t, " of %.0f", most);
	if (on_error) {
		text_add(&c->t, ", on error ");
		text_add_escaped(&c->t, on_error, TEXT_SHOWN);
	}
	text_add_char(&c->t, '\n');
}

static void card_languages(struct card *c)
{
	const char *from = card_text(c, "source_language");
	const char *to = card_text(c, "output_language");

	if (!from && !to)
		return;
	card_head(c, "language");
	text_add_escaped(&c->t, from ? from : "?", TEXT_SHOWN);
	text_add(&c->t, c->ctl->utf8 ? " → " : " -> ");
	text_add_escaped(&c->t, to ? to : "?", TEXT_SHOWN);
	text_add_char(&c->t, '\n');
}

static void card_priority(struct card *c)
{
	const char *name = card_text(c, "priority_name");
	double priority = 0;

	if (!card_number(c, "priority", &priority))
		return;
	card_head(c, "priority");
	text_addf(&c->t, "%.0f", priority);
	if (name) {
		text_add(&c->t, ", ");
		text_add_escaped(&c->t, name, TEXT_SHOWN);
	}
	text_add_char(&c->t, '\n');
}

void output_card(struct ctl *ctl, const struct row *row)
{
	enum paint bold = ctl->color_out ? PAINT_BOLD : PAINT_NONE;
	cJSON *doc = document(row);
	struct card c = { .ctl = ctl, .doc = doc };

	text_add(&c.t, paint_on(bold));
	text_add_escaped(&c.t, row->title ? row->title : row_id(row),
			 TEXT_SHOWN);
	text_addf(&c.t, "%s\n", paint_off(bold));
	card_head(&c, "id");
	text_add_escaped(&c.t, row_id(row), TEXT_SHOWN);
	text_add_char(&c.t, '\n');
	card_state(&c, row);
	card_line(&c, "result", "result");
	card_error(&c, "error", "error");
	if (row->state != HG_STATE_ERROR)
		card_error(&c, "last error", "last_error");
	card_attempt(&c);
	card_priority(&c);
	card_languages(&c);
	card_line(&c, "source", "source_url");
	card_line(&c, "video", "result_url");
	card_line(&c, "tags", "tags");
	card_moment(&c, "submitted", "submitted_at");
	card_moment(&c, "not before", "not_before");
	card_moment(&c, "started", "started_at");
	card_moment(&c, "finished", "finished_at");
	card_moment(&c, "expires", "expires_at");
	output_text(&c.t);
	text_free(&c.t);
	cJSON_Delete(doc);
}
