/* The jobs a watch follows, and what an answer means to them. */
#include "client/watch.h"

#include "client/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* --- the set --------------------------------------------------------------- */

static bool same_id(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static struct hg__entry **slot_of(const hg_watch *w, const char *id)
{
	return &w->table[hg__hash(id) & (w->table_size - 1)];
}

struct hg__entry *hg__watch_find(const hg_watch *w, const char *id)
{
	struct hg__entry *e = w->table_size ? *slot_of(w, id) : NULL;

	while (e && (e->dropped || !same_id(e->job->id, id)))
		e = e->chain;
	return e;
}

static void link_entry(hg_watch *w, struct hg__entry *e)
{
	struct hg__entry **slot = slot_of(w, e->job->id);

	e->chain = *slot;
	*slot = e;
}

static hg_err grow(hg_watch *w)
{
	size_t cap = w->cap ? 2 * w->cap : 16;
	struct hg__entry **entries, **table;

	if (w->count < w->cap)
		return HG_OK;
	entries = hg__realloc(w->entries, cap * sizeof(entries[0]));
	if (!entries)
		return HG_ENOMEM;
	w->entries = entries;
	table = hg__calloc(2 * cap, sizeof(table[0]));
	if (!table)
		return HG_ENOMEM;
	hg__free(w->table);
	w->table = table;
	w->table_size = 2 * cap;
	w->cap = cap;
	for (size_t i = 0; i < w->count; i++)
		link_entry(w, w->entries[i]);
	return HG_OK;
}

static struct hg__entry *find_handle(const hg_watch *w, const hg_job *j)
{
	struct hg__entry *e = w->table_size ? *slot_of(w, j->id) : NULL;

	while (e && (e->dropped || e->job != j))
		e = e->chain;
	return e;
}

static void dirty(hg_watch *w, struct hg__entry *e)
{
	if (e->dirty)
		return;
	e->dirty = true;
	e->next_dirty = NULL;
	if (w->dirty_tail)
		w->dirty_tail->next_dirty = e;
	else
		w->dirty_head = e;
	w->dirty_tail = e;
}

hg_err hg__watch_join(hg_watch *w, hg_job *j, bool owned)
{
	struct hg__entry *e = find_handle(w, j);
	hg_err err;

	if (e) {
		e->count++;
		w->pending += !e->over;
		w->ended += e->over;
		return HG_OK;
	}
	err = grow(w);
	if (err)
		return err;
	e = hg__calloc(1, sizeof(*e));
	if (!e)
		return HG_ENOMEM;
	e->job = j;
	e->owned = owned;
	e->count = 1;
	e->next_ms = hg__now_ms();
	j->err = HG_OK;
	j->senseless = 0;
	w->entries[w->count++] = e;
	link_entry(w, e);
	if (hg__job_ended(j)) {		/* a handle that shows its end */
		e->over = true;
		w->ended++;
		dirty(w, e);
		return HG_OK;
	}
	w->live++;
	w->pending++;
	w->grown = true;
	w->next_ms = e->next_ms;
	return HG_OK;
}

static void free_entry(struct hg__entry *e)
{
	if (e->paced)
		hg__pace_done(&e->pace);
	if (e->owned)
		hg_job_free(e->job);
	hg__free(e);
}

static void unlink_entry(hg_watch *w, struct hg__entry *e)
{
	struct hg__entry **p = slot_of(w, e->job->id);

	while (*p != e)
		p = &(*p)->chain;
	*p = e->chain;
}

void hg__watch_drop_entry(hg_watch *w, struct hg__entry *e)
{
	if (e->dropped)
		return;
	if (!e->over) {
		w->live--;
		w->pending -= e->count;
	}
	e->dropped = true;
	w->dropped++;
}

void hg__watch_sweep(hg_watch *w)
{
	size_t kept = 0;

	/* a report may still point at it, and so may a batch */
	if (!w->dropped || w->dirty_head ||
	    w->errand == HG__ERRAND_LOOK || w->errand == HG__ERRAND_BULK)
		return;
	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];

		if (e->dropped) {
			unlink_entry(w, e);
			free_entry(e);
		} else {
			w->entries[kept++] = e;
		}
	}
	w->count = kept;
	w->dropped = 0;
	w->batch_count = 0;
}

void hg__watch_empty(hg_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		free_entry(w->entries[i]);
	hg__free(w->entries);
	hg__free(w->table);
	w->entries = w->table = NULL;
	w->count = 0;
}

/* --- ends ------------------------------------------------------------------ */

/* One more duration for the memory.  The server's own times are exact; else it
 * lies between our last two looks. */
static void learn(hg_watch *w, struct hg__entry *e)
{
	const struct hg__view *v = &e->job->view;
	struct hg__buf key = { 0 };
	int64_t lo, hi;

	if (v->state == HG_STATE_CANCELED || !e->paced)
		return;
	if (v->submitted_at >= 0 && v->finished_at >= v->submitted_at) {
		hi = v->finished_at - v->submitted_at;
		lo = hi ? hi - 1 : 0;
	} else {
		hi = hg__now_ms() - e->pace.start_ms;
		lo = hg__pace_lo_ms(&e->pace);
	}
	hg__buf_printf(&key, "%s %s", w->c->base_url,
		       v->language ? v->language : "");
	if (!key.failed)	/* what is not learnt costs a few calls, no more */
		(void)hg__memory_add(w->c->memory, key.data, lo, hi);
	hg__buf_free(&key);
}

static void over(hg_watch *w, struct hg__entry *e)
{
	e->over = true;
	e->due = false;
	w->live--;
	w->pending -= e->count;
	dirty(w, e);
}

void hg__watch_ended(hg_watch *w, struct hg__entry *e)
{
	learn(w, e);
	over(w, e);
	w->ended += e->count;
	hg__log(w->c, LOG_INFO, "job.ended", "job=%s result=%s",
		e->job->id ? e->job->id : "-",
		e->job->view.result == HG_COMPLETED ? "completed" : "error");
}

void hg__watch_fail(hg_watch *w, struct hg__entry *e, hg_err err)
{
	e->job->err = err;
	over(w, e);
	hg__log(w->c, LOG_NOTICE, "job.lost", "job=%s why=\"%s\"",
		e->job->id ? e->job->id : "-", w->c->error.message);
}

void hg__watch_fail_all(hg_watch *w, hg_err err)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->entries[i]->over && !w->entries[i]->dropped)
			hg__watch_fail(w, w->entries[i], err);
}

void hg__watch_senseless(hg_watch *w, struct hg__entry *e)
{
	if (++e->job->senseless >= 3)
		hg__watch_fail(w, e, HG_EPROTOCOL);
}

/* --- answers --------------------------------------------------------------- */

static int64_t eta_of(const hg_watch *w, const struct hg__view *v)
{
	int64_t left;

	if (!(w->c->use & HG_USE_ETA))
		return HG__ETA_UNKNOWN;
	if (v->eta_null || v->state == HG_STATE_PAUSED)
		return HG__ETA_NULL;
	if (v->remaining_ms >= 0)
		return v->remaining_ms;
	if (v->estimated_completion_at < 0)
		return HG__ETA_UNKNOWN;
	left = v->estimated_completion_at - hg__unix_ms();
	return left > 0 ? left : 0;
}

/* A job that waits or begins anew makes what was reported before void. */
static bool starts_anew(const struct hg__view *before, const struct hg__view *v)
{
	return before->json &&
	       (before->attempt != v->attempt ||
		(before->state == HG_STATE_PAUSED) !=
			(v->state == HG_STATE_PAUSED));
}

void hg__watch_pace_report(hg_watch *w, struct hg__entry *e, int64_t then_ms,
			   int64_t retry_after_ms)
{
	hg__pace_report(&e->pace, &(struct hg__report){
		.now_ms = then_ms,
		.remaining_ms = eta_of(w, &e->job->view),
		.retry_after_ms = w->c->use & HG_USE_ETA ? retry_after_ms : -1,
	});
}

static void take_view(hg_watch *w, struct hg__entry *e, struct hg__view *v,
		      int64_t retry_after_ms)
{
	struct hg__view *before = &e->job->view;
	bool strange = v->strange, anew = starts_anew(before, v), missing;

	if (v->version >= 0 && v->version < before->version) {
		hg__view_free(v);	/* an older event, told again */
		return;
	}
	missing = v->missing || (v->gone && !v->has_result);
	if (missing) {
		hg_err err = v->gone ? HG_EGONE : HG_ENOTFOUND;

		hg__view_free(v);
		hg__error_say(&w->c->error, err, "job %s: %s", e->job->id,
			      hg_strerror(err));
		hg__watch_fail(w, e, err);
		return;
	}
	if (hg__job_take(e->job, v))
		dirty(w, e);
	hg__watch_start_pace(w, e);	/* by what it now knows of the job */
	if (hg__job_ended(e->job)) {
		hg__watch_ended(w, e);
		return;
	}
	if (anew)
		hg__pace_reset(&e->pace, hg__now_ms());
	hg__watch_pace_report(w, e, hg__now_ms(), retry_after_ms);
	if (!strange) {
		e->job->senseless = 0;
		return;
	}
	hg__error_say(&w->c->error, HG_EPROTOCOL,
		      "the server's word for the result is unknown, three times "
		      "in a row");
	hg__watch_senseless(w, e);
}

hg_err hg__watch_take(hg_watch *w, struct hg__entry *e, struct hg__slice text,
		      int64_t retry_after_ms)
{
	struct hg__view view;
	hg_err err = hg__wire_job(text, &view);

	if (err)
		return err;
	e->known = e->synced = true;
	e->due = false;
	take_view(w, e, &view, retry_after_ms);
	return HG_OK;
}

hg_err hg__watch_answer(hg_watch *w, const char *id, struct hg__slice text,
			int64_t retry_after_ms)
{
	struct hg__entry *e = w->table_size ? *slot_of(w, id) : NULL;
	hg_err err, worst = HG_ENOTFOUND;

	for (; e; e = e->chain) {
		if (e->dropped || e->over || !same_id(e->job->id, id))
			continue;
		err = hg__watch_take(w, e, text, retry_after_ms);
		if (err)
			return err;
		worst = HG_OK;
	}
	return worst;
}

void hg__watch_due(hg_watch *w, const char *id)
{
	struct hg__entry *e = w->table_size ? *slot_of(w, id) : NULL;

	for (; e; e = e->chain)
		if (!e->dropped && !e->over && same_id(e->job->id, id))
			e->due = w->urgent = true;
}

/* --- reports --------------------------------------------------------------- */

hg_err hg__watch_report(hg_watch *w)
{
	struct hg__entry *e;
	int stop;

	while ((e = w->dirty_head)) {
		w->dirty_head = e->next_dirty;
		if (!w->dirty_head)
			w->dirty_tail = NULL;
		e->dirty = false;
		if (e->dropped)
			continue;
		stop = w->on_change ? w->on_change(w->user, e->job) : 0;
		if (e->over && !w->internal)
			hg__watch_drop_entry(w, e);
		if (stop)
			return HG_EINTERRUPTED;
	}
	return HG_OK;
}

/* --- notices --------------------------------------------------------------- */

static void notice(hg_watch *w, const uint64_t *hashes, size_t n)
{
	for (size_t i = 0; i < w->count; i++) {
		struct hg__entry *e = w->entries[i];
		bool meant = n > HG__NOTICES;

		for (size_t k = 0; k < n && !meant; k++)
			meant = hashes[k] == hg__hash(e->job->id);
		if (!meant || e->over || e->dropped)
			continue;
		e->due = true;
		w->urgent = true;
	}
}

void hg__watch_notices(hg_client *c)
{
	uint64_t hashes[HG__NOTICES];
	size_t n;

	pthread_mutex_lock(&c->notices_lock);
	n = c->notices_count;
	memcpy(hashes, c->notices, sizeof(hashes));
	c->notices_count = 0;
	pthread_mutex_unlock(&c->notices_lock);
	if (!n)
		return;
	for (hg_watch *w = c->waits; w; w = w->next)
		notice(w, hashes, n);
	for (hg_watch *w = c->watches; w; w = w->next) {
		notice(w, hashes, n);
		if (w->urgent)
			hg__watch_alarm(w);
	}
}
