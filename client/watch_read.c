/* What became of a watch's errand. */
#include "client/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define BUSY_PAUSE_MS 1000
#define OTHERS_PAUSE_MS 300

/* --- layers ---------------------------------------------------------------- */

static void layer_off(hg_watch *w, struct hg__layer *layer, const char *name,
		      const char *why)
{
	layer->off_ms = hg__now_ms() + HG__FIVE_MINUTES_MS;
	layer->failures = 0;
	hg__log(w->c, LOG_NOTICE, "layer.off", "layer=%s ms=%d why=%s", name,
		HG__FIVE_MINUTES_MS, why);
}

/* --- failures -------------------------------------------------------------- */

static int64_t time_left(const hg_watch *w)
{
	return w->deadline_ms == HG__NEVER_MS
		       ? INT64_MAX : w->deadline_ms - hg__now_ms();
}

/* Nothing was learnt; ask again later.  Without a token left in the budget a
 * wait still goes on, but at its slowest. */
static void transient(hg_watch *w, const struct hg__verdict *v)
{
	hg_client *c = w->c;
	int64_t ms;

	w->failed++;
	w->retrying = true;
	w->urgent = false;
	w->last_err = v->err;
	ms = hg__retry_ms(w->failed,
			  v->wait_hint ? c->error.retry_after_ms : -1,
			  time_left(w), hg__random(c));
	if (!hg__budget_take(&c->budget))
		ms = hg__retry_ms(32, 10000, time_left(w), hg__random(c));
	w->next_ms = hg__now_ms() + ms;
	hg__log(c, LOG_NOTICE, "poll.retry",
		"ms=%" PRId64 " tries=%u why=\"%s\"", ms, w->failed,
		c->error.message);
	for (size_t i = 0; i < w->batch_count; i++)
		w->batch[i]->next_ms = w->next_ms;
}

static void sensible(hg_watch *w)
{
	w->failed = 0;
	w->last_err = HG_OK;
	w->answered_ms = hg__now_ms();
}

/* What ends everything, whichever request it was told to. */
static bool is_fatal(const struct hg__verdict *v)
{
	return v->err == HG_EAUTH || v->err == HG_ENOMEM ||
	       (v->err == HG_ENETWORK && !v->retry);
}

static bool is_transient(const struct hg__verdict *v)
{
	return v->retry || v->err == HG_EUNAVAILABLE;
}

/* The request itself is not to the server's taste. */
static bool is_refused(const struct hg__verdict *v)
{
	return v->err == HG_EUNSUPPORTED || v->err == HG_EREJECTED;
}

static bool server_is_away(const struct hg__answer *a)
{
	return a->trouble == HG__TROUBLE_CONNECT ||
	       a->trouble == HG__TROUBLE_RESOLVE;
}

/* A request that breaks twice in a row, on a server that is there, is one that
 * something in between does not let through: do without its layer. */
static void broke(hg_watch *w, const struct hg__verdict *v,
		  struct hg__layer *layer, const char *name)
{
	const struct hg__answer *a = &w->c->answer;

	transient(w, v);
	if (a->trouble && !server_is_away(a) && ++layer->failures >= 2)
		layer_off(w, layer, name, "broken");
}

/* --- one job --------------------------------------------------------------- */

/* Held requests: was it held, and may the next one be? */
static void judge_hold(hg_watch *w, const struct hg__verdict *v, bool pending)
{
	struct hg__layer *hold = &w->c->hold;
	const struct hg__answer *a = &w->c->answer;
	int64_t asked_ms = w->request.hold_s * INT64_C(1000);
	bool held = a->preference_applied || a->took_ms >= asked_ms * 3 / 4;

	if (!v->err) {
		if (held) {
			hold->seen = true;
			hold->failures = 0;
		} else if (pending && !hold->seen &&
			   ++hold->failures >= 3) {
			layer_off(w, hold, "hold", "not_held");
		}
		return;
	}
	if (is_refused(v)) {
		layer_off(w, hold, "hold", "unsupported");
		return;
	}
	w->hold_not = true;	/* poll now, hold again next time */
	if (a->trouble && !server_is_away(a) && ++hold->failures >= 2)
		layer_off(w, hold, "hold", "broken");
}

/* Still pending: when to ask for it again. */
static void pace_after_look(hg_watch *w, struct hg__entry *e)
{
	const struct hg__answer *a = &w->c->answer;
	bool held = w->request.hold_s && a->took_ms >= 1000 &&
		    (a->preference_applied ||
		     a->took_ms >= w->request.hold_s * INT64_C(750));
	int64_t before_ms;

	if (held) {
		e->next_ms = hg__now_ms();
		hg__watch_pace_hold(w);
		return;
	}
	if (w->round && w->live > 1)
		return;
	before_ms = w->next_ms;
	hg__watch_pace(w, e);
	if (w->live > 1)	/* another one may come before */
		w->next_ms = before_ms;
}

static void look_failed(hg_watch *w, struct hg__entry *e,
			const struct hg__verdict *v,
			const struct hg__problem *problem)
{
	switch (v->err) {
	case HG_EGONE:
		hg__look_gone(e->job, problem);
		if (hg__job_ended(e->job))
			hg__watch_ended(w, e);
		else
			hg__watch_fail(w, e, v->err);
		break;
	case HG_EPROTOCOL:
		hg__watch_senseless(w, e);
		if (!e->over)
			transient(w, v);
		break;
	default:
		hg__watch_fail(w, e, v->err);
		break;
	}
}

/* Our own server names the job it speaks of. */
static bool is_about(const hg_watch *w, const struct hg__entry *e)
{
	char id[256];

	return hg__wire_text(hg__body(w->c), "id", id, sizeof(id)) &&
	       !strcmp(id, e->job->id);
}

static void look_answered(hg_watch *w, struct hg__entry *e, bool named)
{
	const struct hg__answer *a = &w->c->answer;
	struct hg__verdict v = hg__judge_trouble(HG__TROUBLE_BODY);
	int64_t retry_after_ms = a->retry_after[0]
		? hg__retry_after_ms(a->retry_after, hg__unix_ms()) : -1;
	hg_err err = HG_EPROTOCOL;

	if (!named || is_about(w, e))
		err = hg__watch_take(w, e, hg__body(w->c),
				     w->request.hold_s ? -1 : retry_after_ms);

	if (err == HG_ENOMEM) {
		w->fatal = err;
		return;
	}
	if (err) {
		hg__error_say(&w->c->error, err, "GET %s: the answer %s of no "
			      "result of this job", w->path.data, a->body.len
			      ? "is JSON, but tells" : "has no body: it tells");
		look_failed(w, e, &v, NULL);
		return;
	}
	sensible(w);
	if (!e->over)
		pace_after_look(w, e);
}

static void read_look(hg_watch *w, const struct hg__verdict *v,
		      const struct hg__problem *problem)
{
	struct hg__entry *e = w->batch[0];
	bool held = w->request.hold_s;
	enum hg__form form;

	if (e->dropped || e->over)
		return;
	form = hg__look_next(w->c, e->job, e->form, v->err, problem);
	if (form != e->form) {
		e->form = form;
		e->due = w->urgent = true;
		return;
	}
	e->form = HG__FORM_UNKNOWN;	/* the next look begins anew */
	if (!v->err)
		look_answered(w, e, form == HG__FORM_V1 && e->job->id);
	else if (is_transient(v))
		transient(w, v);
	else if (!held || !is_refused(v))	/* else once more, not held */
		look_failed(w, e, v, problem);
	if (held)
		judge_hold(w, v, !e->over);
}

/* --- many jobs ------------------------------------------------------------- */

/* Each row to its job; how many were ours.  -1: no memory. */
static int read_rows(hg_watch *w, struct hg__slice rows, bool *senseless_out)
{
	struct hg__slice row;
	char id[256];
	int ours = 0;

	while (hg__wire_next(&rows, &row)) {
		hg_err err = HG_EPROTOCOL;

		if (hg__wire_text(row, "id", id, sizeof(id)))
			err = hg__watch_answer(w, id, row, -1);
		if (err == HG_ENOMEM)
			return -1;
		if (err == HG_EPROTOCOL)
			*senseless_out = true;
		ours += err == HG_OK;
	}
	return ours;
}

static bool batch_is_wanted(const hg_watch *w)
{
	for (size_t i = 0; i < w->batch_count; i++)
		if (!w->batch[i]->over && !w->batch[i]->dropped)
			return true;
	return false;
}

static void read_bulk(hg_watch *w, const struct hg__verdict *v)
{
	struct hg__slice rows = { 0 };
	bool senseless = false;
	int ours = 0;

	if (v->err) {
		if (is_transient(v))
			broke(w, v, &w->c->bulk, "bulk");
		else
			layer_off(w, &w->c->bulk, "bulk", "unsupported");
		return;
	}
	if (hg__wire_member(hg__body(w->c), "jobs", &rows))
		ours = read_rows(w, rows, &senseless);
	if (ours < 0) {
		w->fatal = HG_ENOMEM;
		return;
	}
	if (!ours) {	/* of jobs that were dropped meanwhile it may tell */
		if (batch_is_wanted(w))
			layer_off(w, &w->c->bulk, "bulk", "not_understood");
		return;
	}
	w->c->bulk.seen = true;
	w->c->bulk.failures = 0;
	if (w->c->form == HG__FORM_UNKNOWN)
		w->c->form = HG__FORM_V1;
	sensible(w);
	for (size_t i = 0; i < w->batch_count; i++) {
		struct hg__entry *e = w->batch[i];

		if (e->over || e->dropped || e->synced)
			continue;
		e->due = true;		/* not told of: ask for it alone */
		w->urgent = true;
	}
	w->next_ms = hg__now_ms();	/* the rest of the round, then its pace */
}

/* --- events ---------------------------------------------------------------- */

static void lost_position(hg_watch *w)
{
	w->cursor = -1;
	w->positioned = false;
	w->sse.last_id[0] = '\0';
}

static void read_cursor(hg_watch *w, const struct hg__verdict *v)
{
	int64_t next;

	if (v->err && is_transient(v)) {
		broke(w, v, &w->c->cursor, "cursor");
		return;
	}
	if (v->err || !hg__wire_integer(hg__body(w->c), "next", &next) ||
	    next < 0) {
		layer_off(w, &w->c->cursor, "cursor", "unsupported");
		return;
	}
	sensible(w);
	if (w->c->form == HG__FORM_UNKNOWN)
		w->c->form = HG__FORM_V1;
	w->c->cursor.failures = 0;
	w->cursor = next;
	w->next_ms = hg__now_ms();
}

static bool is_true(struct hg__slice object, const char *key)
{
	struct hg__slice value;

	return hg__wire_member(object, key, &value) && value.at[0] == 't';
}

static void read_events(hg_watch *w, const struct hg__verdict *v)
{
	struct hg__slice body = hg__body(w->c), rows, row, job;
	const struct hg__answer *a = &w->c->answer;
	bool any = false, ours = false;
	char id[256];
	int64_t next;
	hg_err err;

	judge_hold(w, v, true);
	if (v->err) {
		if (is_transient(v))
			transient(w, v);
		else
			layer_off(w, &w->c->cursor, "cursor", "unsupported");
		return;
	}
	if (!hg__wire_member(body, "events", &rows) ||
	    !hg__wire_integer(body, "next", &next) || next < 0) {
		layer_off(w, &w->c->cursor, "cursor", "not_understood");
		return;
	}
	sensible(w);
	while (hg__wire_next(&rows, &row)) {
		any = true;
		if (!hg__wire_member(row, "job", &job) ||
		    !hg__wire_text(job, "id", id, sizeof(id)))
			continue;
		err = hg__watch_answer(w, id, job, -1);
		ours |= err == HG_OK;
		if (err == HG_ENOMEM) {
			w->fatal = err;
			return;
		}
	}
	/* a gap, or another history: look at all of them again */
	if (is_true(body, "reset") || next < w->cursor)
		next = -1;
	w->cursor = next;
	w->next_ms = hg__now_ms();
	if (ours || !w->live)
		return;
	if (any)		/* of other people's jobs: not one by one */
		hg__watch_sleep(w, OTHERS_PAUSE_MS, "others", NULL);
	else if (a->took_ms < 1000)	/* not held: no faster than polls */
		hg__watch_pace_all(w);
}

/* --- the stream ------------------------------------------------------------ */

static void all_due(hg_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		w->entries[i]->due = !w->entries[i]->over;
	w->urgent = true;
}

static hg_err event_gone(hg_watch *w, struct hg__slice data)
{
	char id[256];

	if (!hg__wire_text(data, "id", id, sizeof(id)))
		return HG_EPROTOCOL;
	hg__watch_due(w, id);	/* unknown, or removed: a look tells which */
	return HG_OK;
}

static hg_err event_state(hg_watch *w, struct hg__slice data)
{
	struct hg__slice job;
	char id[256];
	hg_err err;

	if (!hg__wire_member(data, "job", &job) ||
	    !hg__wire_text(job, "id", id, sizeof(id)))
		return HG_EPROTOCOL;
	err = hg__watch_answer(w, id, job, -1);
	return err == HG_ENOTFOUND ? HG_OK : err;	/* somebody else's */
}

static int on_event(void *user, const struct hg__sse_event *event)
{
	struct hg__slice data = { event->data, event->data_len };
	hg_watch *w = user;
	hg_err err = HG_OK;

	if (!strcmp(event->type, "reset")) {
		w->stream_bad = true;
		lost_position(w);
		return 1;
	}
	if (!strcmp(event->type, "end")) {
		w->stream_end = true;
		return 1;
	}
	if (strcmp(event->type, "state") != 0 &&
	    strcmp(event->type, "progress") != 0 &&
	    strcmp(event->type, "gone") != 0)
		return 0;		/* a later version's */
	err = hg__wire_check(data.at, data.len);
	if (!err && event->type[0] == 'g')
		err = event_gone(w, data);
	else if (!err)
		err = event_state(w, data);
	if (err == HG_ENOMEM)
		w->fatal = err;
	if (err == HG_EPROTOCOL && !strcmp(event->type, "progress"))
		return 0;		/* nice to have, no more */
	if (err) {
		w->stream_bad = true;
		return 1;
	}
	w->positioned = true;
	if (w->stream_all && w->sse.last_id[0])
		w->cursor = strtoll(w->sse.last_id, NULL, 10);
	sensible(w);
	return !w->live;
}

int hg__watch_sink(void *user, const char *data, size_t n)
{
	hg_watch *w = user;
	hg_client *c = w->c;
	int64_t before_ms = w->sse.retry_ms;

	if (!c->reconnect.up) {
		c->stream.seen = true;
		c->stream.failures = 0;
		if (c->form == HG__FORM_UNKNOWN)
			c->form = HG__FORM_V1;
		hg__reconnect_up(&c->reconnect, hg__now_ms());
		hg__breaker_success(&c->breaker);
		sensible(w);
	}
	if (hg__sse_feed(&w->sse, data, n, on_event, w)) {
		w->stream_bad |= w->sse.failed;
		return 1;
	}
	if (w->sse.retry_ms != before_ms)
		hg__reconnect_told(&c->reconnect, w->sse.retry_ms);
	return 0;
}

/* It was open and broke, or it never opened: later again, or the next layer. */
static void stream_broke(hg_watch *w, const char *why)
{
	hg_client *c = w->c;
	int64_t ms = hg__reconnect_down(&c->reconnect, hg__now_ms(),
					hg__random(c));

	w->retrying = true;
	if (c->reconnect.failures >= 2) {
		c->reconnect.failures = 0;
		layer_off(w, &c->stream, "sse", why);
		return;
	}
	w->next_ms = hg__now_ms() + ms;
	hg__log(c, LOG_NOTICE, "stream.reconnect", "ms=%" PRId64 " why=%s", ms,
		why);
}

/* The server has no room for one more: another way for now. */
static void stream_refused(hg_watch *w, const struct hg__verdict *v)
{
	struct hg__layer *stream = &w->c->stream;
	int64_t pause = w->c->error.retry_after_ms;

	w->last_err = v->err;
	if (++stream->failures >= 2) {
		layer_off(w, stream, "sse", "busy");
		return;
	}
	if (pause < BUSY_PAUSE_MS)
		pause = BUSY_PAUSE_MS;
	if (pause > HG__RETRY_AFTER_MAX_MS)
		pause = HG__RETRY_AFTER_MAX_MS;
	stream->off_ms = hg__now_ms() + pause;
	w->next_ms = hg__now_ms();
}

static void stream_ended(hg_watch *w)
{
	const struct hg__answer *a = &w->c->answer;

	if (w->fatal || !w->live) {
		hg__reconnect_left(&w->c->reconnect, hg__now_ms());
		return;
	}
	if (w->urgent && !w->stream_bad && !w->stream_end)
		w->next_ms = hg__now_ms();
	if (w->stream_end) {
		/* not all of ours, after all: trust it once */
		all_due(w);
		stream_broke(w, "end");
	} else if (w->stream_bad) {
		stream_broke(w, "senseless");
	} else {
		stream_broke(w, a->trouble == HG__TROUBLE_TIMEOUT ? "silent"
								  : "broken");
	}
}

static void read_stream(hg_watch *w, const struct hg__verdict *v)
{
	const struct hg__answer *a = &w->c->answer;

	if (a->is_stream) {
		stream_ended(w);
	} else if (server_is_away(a)) {
		transient(w, v);
	} else if (a->trouble && a->trouble != HG__TROUBLE_BODY &&
		   a->trouble != HG__TROUBLE_PROTOCOL) {
		w->last_err = v->err;
		stream_broke(w, "broken");
	} else if (!a->trouble && a->status == 204) {
		all_due(w);
		lost_position(w);
		stream_broke(w, "end");
	} else if (is_transient(v)) {
		stream_refused(w, v);
	} else {
		layer_off(w, &w->c->stream, "sse", "unsupported");
	}
}

/* --- what came ------------------------------------------------------------- */

void hg__watch_read(hg_watch *w)
{
	enum hg__errand errand = w->errand;
	struct hg__problem problem;
	struct hg__verdict v;

	w->errand = HG__ERRAND_NONE;
	w->c->holder = NULL;
	w->c->answer.done = false;
	/* we ended it ourselves, for a reason of ours */
	if (w->c->answer.is_stream &&
	    (!w->live || w->stream_bad || w->stream_end))
		w->c->answer.trouble = HG__TROUBLE_NONE;
	v = hg__judge(w->c, &w->request, &problem);
	/* a stream that was open is no failed request, however it ended */
	if (is_fatal(&v) && !w->c->answer.is_stream) {
		w->fatal = v.err;
		return;
	}
	switch (errand) {
	case HG__ERRAND_LOOK:
		read_look(w, &v, &problem);
		break;
	case HG__ERRAND_BULK:
		read_bulk(w, &v);
		break;
	case HG__ERRAND_CURSOR:
		read_cursor(w, &v);
		break;
	case HG__ERRAND_EVENTS:
		read_events(w, &v);
		break;
	case HG__ERRAND_STREAM:
		read_stream(w, &v);
		break;
	case HG__ERRAND_NONE:
		break;
	}
}
