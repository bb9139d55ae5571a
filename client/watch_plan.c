/* What a watch asks next, and when.
 *
 * From the best layer down: a stream, a held request, polls.  What a server
 * lacks is asked for again after five minutes, what it was only too busy for
 * the next time. */
#include "client/watch.h"

#include "client/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define HOLD_LONGEST_S 30
#define HOLD_GRACE_MS 10000
#define PATH_MAX_BYTES 6000	/* of a path with ids: servers cap their headers */
#define BUSY_ELSEWHERE_MS 20

/* --- pace ------------------------------------------------------------------ */

static struct hg__pace_env env_of(const hg_watch *w)
{
	return (struct hg__pace_env){
		.price = w->c->price,
		.now_ms = hg__now_ms(),
		.deadline_ms = w->deadline_ms,
		.rtt_ms = w->c->rtt_ms,
	};
}

/* When the job began, as far as anybody knows. */
static int64_t start_of(const hg_job *j)
{
	int64_t now = hg__now_ms(), age;

	if (j->view.submitted_at >= 0) {
		age = hg__unix_ms() - j->view.submitted_at;
		if (age >= 0 && age < now)
			return now - age;
	}
	return j->since_ms >= 0 ? j->since_ms : now;
}

void hg__watch_start_pace(hg_watch *w, struct hg__entry *e)
{
	const struct hg__view *v = &e->job->view;
	struct hg__plan *plan = NULL;
	struct hg__buf key = { 0 };

	if (e->job->since_ms < 0)
		e->job->since_ms = hg__now_ms();
	if (e->paced)
		return;
	hg__buf_printf(&key, "%s %s", w->c->base_url,
		       v->language ? v->language : "");
	if (!key.failed && w->c->use & HG_USE_HISTORY)
		plan = hg__memory_plan(w->c->memory, key.data);
	hg__buf_free(&key);
	hg__pace_init(&e->pace, start_of(e->job), plan);
	e->paced = true;
}

void hg__watch_sleep(hg_watch *w, int64_t ms, const char *why,
		     const struct hg__entry *e)
{
	w->next_ms = hg__now_ms() + ms;
	w->urgent = false;
	if (ms <= 0)
		return;
	if (e)
		hg__log(w->c, LOG_INFO, "poll.sleep",
			"job=%s ms=%" PRId64 " why=%s",
			e->job->id ? e->job->id : "-", ms, why);
	else
		hg__log(w->c, LOG_INFO, "poll.sleep",
			"jobs=%zu ms=%" PRId64 " why=%s", w->live, ms, why);
}

void hg__watch_pace(hg_watch *w, struct hg__entry *e)
{
	struct hg__pace_env env = env_of(w);
	struct hg__step step;

	hg__watch_start_pace(w, e);
	hg__pace_next(&e->pace, &env, &step);
	e->next_ms = env.now_ms + step.ms;
	hg__watch_sleep(w, step.ms, step.why, e);
}

void hg__watch_pace_all(hg_watch *w)
{
	struct hg__pace_env env = env_of(w);
	const struct hg__pace **paces;
	struct hg__step step;
	size_t n = 0;

	paces = hg__calloc(w->live + 1, sizeof(paces[0]));
	if (!paces) {		/* as if nothing were known */
		hg__watch_sleep(w, 1000, "memory", NULL);
		return;
	}
	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];

		if (e->over || e->dropped)
			continue;
		hg__watch_start_pace(w, e);
		paces[n++] = &e->pace;
	}
	hg__pace_next_many(paces, n, &env, &step);
	hg__free(paces);
	hg__watch_sleep(w, step.ms, step.why, NULL);
}

void hg__watch_pace_hold(hg_watch *w)
{
	struct hg__pace_env env = env_of(w);
	struct hg__step step, best = { .ms = HG__NEVER_MS, .why = "hold" };
	const struct hg__entry *whose = NULL;

	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];

		if (e->over || e->dropped)
			continue;
		hg__watch_start_pace(w, e);
		hg__pace_after_hold(&e->pace, &env, &step);
		if (step.ms < best.ms) {
			best = step;
			whose = e;
		}
		if (!best.ms)
			break;
	}
	if (whose)
		hg__watch_sleep(w, best.ms, best.why, whose);
}

/* --- sending --------------------------------------------------------------- */

static void use_layer(hg_watch *w, const char *layer)
{
	if (w->layer && strcmp(w->layer, layer) != 0)
		hg__log(w->c, LOG_NOTICE, "layer.change", "from=%s to=%s",
			w->layer, layer);
	else if (!w->layer)
		hg__log(w->c, LOG_INFO, "layer.use", "layer=%s", layer);
	w->layer = layer;
}

/* Passive requests wait at the server; the connection may be taken from them. */
static bool is_passive(const hg_watch *w)
{
	return w->errand == HG__ERRAND_STREAM ||
	       w->errand == HG__ERRAND_EVENTS || w->request.hold_s;
}

/* The circuit is open.  A wait outlives that; one look is a call, and fails. */
static void not_allowed(hg_watch *w)
{
	int64_t ms = hg__breaker_wait_ms(&w->c->breaker, hg__now_ms());

	if (!w->last_err)
		w->last_err = w->one_look ? hg__circuit_is_open(w->c)
					  : HG_ECIRCUIT;
	if (!w->one_look)
		hg__watch_sleep(w, ms > 0 ? ms : 1, "breaker", NULL);
}

static void start(hg_watch *w, enum hg__errand errand, const char *layer)
{
	hg_client *c = w->c;
	int64_t now = hg__now_ms();

	if (!w->internal && c->holder && c->holder != w &&
	    !is_passive(c->holder)) {
		w->next_ms = now + BUSY_ELSEWHERE_MS;
		w->urgent = false;
		return;
	}
	if (!hg__may_start(c)) {
		not_allowed(w);
		return;
	}
	w->request.method = "GET";
	w->request.path = w->path.data;
	if (w->path.failed || hg__start(c, &w->request, w)) {
		hg__breaker_undecided(&c->breaker);
		w->fatal = HG_ENOMEM;
		return;
	}
	use_layer(w, layer);
	c->stats.retries += w->retrying;
	w->retrying = false;
	if (!w->request.hold_s && !w->request.stream)
		c->stats.polls++;
	w->errand = errand;
	w->limit_ms = now + c->timeout_ms;
	if (w->request.hold_s)
		w->limit_ms = now + w->request.hold_s * INT64_C(1000) +
			      (c->timeout_ms < HOLD_GRACE_MS ? c->timeout_ms
							     : HOLD_GRACE_MS);
}

static void fresh_request(hg_watch *w)
{
	memset(&w->request, 0, sizeof(w->request));
	hg__buf_clear(&w->path);
}

/* Seconds this request may be held; 0: it is not to be. */
static unsigned hold_s(hg_watch *w)
{
	struct hg__pace_env env = env_of(w);

	return (unsigned)hg__pace_hold_s(&env, HOLD_LONGEST_S,
					 hg__random(w->c));
}

static void start_look(hg_watch *w, struct hg__entry *e, bool hold)
{
	hg_err err;

	assert(e);		/* only a watch with live jobs makes plans */
	fresh_request(w);
	if (e->form == HG__FORM_UNKNOWN)
		e->form = hg__look_form(w->c, e->job);
	w->batch[0] = e;
	w->batch_count = 1;
	err = hg__look_path(w->c, e->form, e->job, &w->path);
	if (err) {
		hg__error_say(&w->c->error, err, "this job has no id, but the "
						 "status_path needs one");
		hg__watch_fail(w, e, err);
		return;
	}
	if (hold)
		w->request.hold_s = hold_s(w);
	w->request.prefer_hold = e->form != HG__FORM_V1 || !e->job->id;
	if (w->request.hold_s && !w->request.prefer_hold)
		hg__buf_printf(&w->path, "?wait=%u", w->request.hold_s);
	start(w, HG__ERRAND_LOOK, w->request.hold_s ? "hold" : "poll");
}

/* --- which entries --------------------------------------------------------- */

typedef bool (*choose_fn)(const struct hg__entry *e);

static bool is_any(const struct hg__entry *e)
{
	(void)e;
	return true;
}

static bool is_due(const struct hg__entry *e)
{
	return e->due;
}

static bool is_unknown(const struct hg__entry *e)
{
	return !e->known;
}

static bool is_unsynced(const struct hg__entry *e)
{
	return !e->synced;
}

static struct hg__entry *first(const hg_watch *w, choose_fn chosen)
{
	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];

		if (!e->over && !e->dropped && chosen(e))
			return e;
	}
	return NULL;
}

/* Appends ids to the path while they fit; how many did not. */
static size_t put_ids(hg_watch *w, choose_fn chosen)
{
	size_t left = 0;

	w->batch_count = 0;
	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];

		if (e->over || e->dropped || !e->job->id || !chosen(e))
			continue;
		if (w->batch_count == HG__IDS_MAX ||
		    w->path.len > PATH_MAX_BYTES) {
			left++;
			continue;
		}
		hg__buf_puts(&w->path, w->batch_count ? "," : "");
		hg__buf_escape(&w->path, e->job->id);
		w->batch[w->batch_count++] = e;
	}
	return left;
}

static void start_bulk(hg_watch *w, choose_fn chosen)
{
	fresh_request(w);
	hg__buf_puts(&w->path, "/v1/jobs?ids=");
	put_ids(w, chosen);
	start(w, HG__ERRAND_BULK, "bulk");
}

/* --- which layer ----------------------------------------------------------- */

static bool is_on(const struct hg__layer *layer)
{
	return hg__now_ms() >= layer->off_ms;
}

static bool is_plain(const hg_client *c)
{
	return c->form == HG__FORM_QUERY || c->form == HG__FORM_PATH ||
	       c->form == HG__FORM_OPTION;
}

/* May a request of this watch stay open?  Not beside another watch at work. */
static bool may_stay(const hg_watch *w)
{
	const hg_watch *other;

	if (w->one_look)
		return false;
	for (other = w->internal ? NULL : w->c->watches; other;
	     other = other->next)
		if (other != w && other->live)
			return false;
	return true;
}

static bool has_nameless(const hg_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->entries[i]->job->id && !w->entries[i]->over)
			return true;
	return false;
}

static bool bulk_is_usable(const hg_watch *w)
{
	return (w->c->use & HG_USE_BULK) && !is_plain(w->c) &&
	       is_on(&w->c->bulk) && !has_nameless(w);
}

static void forget_synced(hg_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		w->entries[i]->synced = false;
}

/* Before a position can be followed: what every job is now, so that nothing
 * can have happened unseen before it.  true: that is done. */
static bool all_synced(hg_watch *w)
{
	w->round = false;
	if (!first(w, is_unsynced))
		return true;
	if (bulk_is_usable(w))
		start_bulk(w, is_unsynced);
	else
		start_look(w, first(w, is_unsynced), false);
	return false;
}

/* The same for a cursor, whose position comes first. */
static bool synced(hg_watch *w)
{
	if (w->cursor >= 0)
		return all_synced(w);
	forget_synced(w);
	fresh_request(w);
	hg__buf_puts(&w->path, "/v1/events");
	start(w, HG__ERRAND_CURSOR, "cursor");
	return false;
}

static void put_position(hg_watch *w)
{
	hg__buf_printf(&w->path, "after=%" PRId64 "&final=1", w->cursor);
}

static void start_stream(hg_watch *w, bool all)
{
	w->stream_all = all;
	w->stream_bad = w->stream_end = w->round = false;
	hg__sse_reset(&w->sse);
	w->request.stream = true;
	w->request.sink = hg__watch_sink;
	w->request.user = w;
	if (!all && w->positioned && w->sse.last_id[0])
		w->request.last_event_id = w->sse.last_id;
	w->grown = false;
	start(w, HG__ERRAND_STREAM, "sse");
}

/* A stream of ids begins with what each of them is now, and all of that bears
 * one position: where it was cut off in the midst, the rest has to be asked for
 * before it is resumed, be it by a stream that begins anew. */
static bool resumable(hg_watch *w)
{
	if (w->grown || w->stream_all || !w->sse.last_id[0] ||
	    (w->live == 1 && first(w, is_unsynced)))
		w->positioned = false;
	if (w->positioned)
		return all_synced(w);
	forget_synced(w);
	return true;
}

/* Ids in the address while they fit, else all that ends on this server, which
 * takes a cursor.  false: there is none. */
static bool plan_stream(hg_watch *w, bool cursor)
{
	fresh_request(w);
	hg__buf_puts(&w->path, "/v1/events?ids=");
	if (w->live <= HG__IDS_MAX && !put_ids(w, is_any)) {
		if (!resumable(w))
			return true;
		if (w->on_change)
			hg__buf_puts(&w->path, "&progress=1");
		start_stream(w, false);
		return true;
	}
	if (!cursor || !synced(w))
		return cursor;
	fresh_request(w);
	hg__buf_puts(&w->path, "/v1/events?");
	put_position(w);
	start_stream(w, true);
	return true;
}

static void plan_hold(hg_watch *w)
{
	unsigned s;

	w->round = false;
	if (w->live == 1) {
		w->grown = false;
		start_look(w, first(w, is_any), true);
		return;
	}
	if (!synced(w))
		return;
	s = hold_s(w);
	if (!s) {	/* too near to the deadline: one more look at each */
		hg__watch_pace_all(w);
		for (size_t i = 0; i < w->count; i++)
			w->entries[i]->due = !w->entries[i]->over;
		return;
	}
	fresh_request(w);
	hg__buf_puts(&w->path, "/v1/events?ids=");
	if (w->live > HG__IDS_MAX || put_ids(w, is_any))
		fresh_request(w), hg__buf_puts(&w->path, "/v1/events?");
	else
		hg__buf_puts(&w->path, "&");
	put_position(w);
	hg__buf_printf(&w->path, "&wait=%u", s);
	w->request.hold_s = s;
	w->grown = false;
	start(w, HG__ERRAND_EVENTS, "hold");
}

/* Each job by itself: whichever comes first. */
static void plan_single(hg_watch *w)
{
	struct hg__entry *next = NULL;

	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];

		if (e->over || e->dropped || (w->one_look && e->known))
			continue;
		if (!next || e->next_ms < next->next_ms)
			next = e;
	}
	if (!next)
		return;
	if (next->next_ms > hg__now_ms() && !w->one_look) {
		w->next_ms = next->next_ms;
		return;
	}
	start_look(w, next, false);
}

static void plan_poll(hg_watch *w)
{
	w->grown = false;
	if (w->live > 1 && bulk_is_usable(w)) {
		if (!w->round && !w->one_look)
			for (size_t i = 0; i < w->count; i++)
				w->entries[i]->synced = false;
		w->round = true;
		if (w->one_look ? !!first(w, is_unknown)
				: !!first(w, is_unsynced)) {
			start_bulk(w, w->one_look ? is_unknown : is_unsynced);
			return;
		}
		w->round = false;
		if (!w->one_look)
			hg__watch_pace_all(w);
		return;
	}
	w->round = false;
	plan_single(w);
}

static void plan_due(hg_watch *w, struct hg__entry *e)
{
	size_t n = 0;

	for (size_t i = 0; i < w->count; i++)
		n += w->entries[i]->due && !w->entries[i]->over;
	if (n > 1 && bulk_is_usable(w))
		start_bulk(w, is_due);
	else
		start_look(w, e, false);
}

/* The first look at a job whose state nobody knows is made at once; what was
 * just submitted can wait for its pace. */
static bool just_submitted(hg_watch *w)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct hg__entry *e = w->entries[i];

		if (!e->over && (e->known || e->paced || !e->job->view.json))
			return false;
	}
	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];

		if (e->over || e->dropped)
			continue;
		hg__watch_start_pace(w, e);
		hg__watch_pace_report(w, e, e->job->heard_ms, -1);
		if (w->live == 1 || !bulk_is_usable(w))
			hg__watch_pace(w, e);
	}
	if (w->live > 1 && bulk_is_usable(w))
		hg__watch_pace_all(w);
	else if (w->live > 1)
		w->next_ms = hg__now_ms();
	return w->next_ms > hg__now_ms();
}

void hg__watch_plan(hg_watch *w)
{
	hg_client *c = w->c;
	bool cursor = w->live == 1 || (is_on(&c->cursor) && !is_plain(c));
	int64_t now = hg__now_ms();
	struct hg__entry *due;

	if (!w->live || (now < w->next_ms && !w->urgent))
		return;
	if (now >= w->deadline_ms)	/* the answer would come too late */
		return;
	due = first(w, is_due);
	if (due) {
		plan_due(w, due);
		return;
	}
	w->urgent = false;
	if ((c->use & HG_USE_SSE) && is_on(&c->stream) && !is_plain(c) &&
	    may_stay(w) && !has_nameless(w) && plan_stream(w, cursor))
		return;
	if ((c->use & HG_USE_HOLD) && is_on(&c->hold) && may_stay(w) &&
	    !w->hold_not && cursor && (w->live == 1 || !has_nameless(w))) {
		plan_hold(w);
		return;
	}
	w->hold_not = false;
	if (!w->one_look && just_submitted(w))
		return;
	plan_poll(w);
}
