/* Steps, the public calls of a watch, and blocking waits. */
#include "client/watch.h"

#include "client/alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <syslog.h>
#include <unistd.h>

#define STREAM_SILENCE_MS 45000	/* three heartbeats of 15 s */
#define NO_MEMORY_PAUSE_MS 250

/* --- when ------------------------------------------------------------------ */

static int64_t patience_ms(const hg_watch *w)
{
	const struct hg__answer *a = &w->c->answer;

	if (w->errand == HG__ERRAND_STREAM && a->is_stream)
		return a->heard_ms + STREAM_SILENCE_MS;
	return w->limit_ms;
}

/* May the request under way be given up for something better? */
static bool is_stale(const hg_watch *w)
{
	bool stays = w->errand == HG__ERRAND_STREAM ||
		     w->errand == HG__ERRAND_EVENTS || w->request.hold_s;

	if (!w->live)
		return true;
	if (w->errand == HG__ERRAND_LOOK && w->batch_count &&
	    w->batch[0]->dropped)
		return true;
	return stays && (w->urgent || w->grown);
}

/* When there is something to do, if no byte comes before. */
static int64_t wake_ms(const hg_watch *w)
{
	int64_t ms = HG__NEVER_MS;

	if (w->dirty_head || (w->c->holder == w && w->c->answer.done))
		return 0;
	if (w->errand != HG__ERRAND_NONE)
		ms = is_stale(w) ? 0 : patience_ms(w);
	else if (w->live)
		ms = w->urgent ? 0 : w->next_ms;
	return ms;
}

void hg__watch_alarm(hg_watch *w)
{
	struct itimerspec when = { 0 };
	int64_t ms = wake_ms(w);

	if (w->timer_fd < 0)
		return;
	if (ms != HG__NEVER_MS) {	/* a time gone by fires at once */
		when.it_value.tv_sec = ms / 1000;
		when.it_value.tv_nsec = ms % 1000 * 1000000 + 1;
	}
	(void)timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void hg__watch_lost(hg_watch *w)
{
	w->errand = HG__ERRAND_NONE;
	w->next_ms = hg__now_ms();
	hg__watch_alarm(w);
}

/* --- a step ---------------------------------------------------------------- */

static void turn(hg_watch *w)
{
	hg_client *c = w->c;

	hg__transport_turn(c->transport);
	/* behind the turn, which takes the wake-up of what comes before */
	hg__watch_notices(c);
	if (c->holder == w) {
		if (!c->answer.done && hg__now_ms() >= patience_ms(w))
			hg__expire(c);
		if (c->answer.done)
			hg__watch_read(w);
		else if (is_stale(w))
			hg__stop(c, w->live ? "stale" : "over");
	} else if (c->holder) {		/* its own step will see to it */
		hg__watch_alarm(c->holder);
	}
}

/* What ends the whole watch is told of each job. */
static hg_err end_all(hg_watch *w)
{
	struct hg__error error = w->c->error;
	hg_err err = w->fatal;

	w->fatal = HG_OK;
	if (err == HG_ENOMEM) {
		w->next_ms = hg__now_ms() + NO_MEMORY_PAUSE_MS;
		return hg__error_say(&w->c->error, err, "out of memory");
	}
	hg__watch_fail_all(w, err);
	(void)hg__watch_report(w);	/* it ends anyway */
	w->c->error = error;		/* callbacks may have made calls */
	return err;
}

/* What failed before an answer came is no part of how it ends now. */
static void forget_failures(hg_watch *w)
{
	int tries = w->c->error.tries;

	if (w->last_err)
		return;
	hg__error_clear(&w->c->error);
	w->c->error.tries = tries;
}

static hg_err stopped(hg_watch *w, const char *why)
{
	forget_failures(w);
	return hg__error_say(&w->c->error, HG_EINTERRUPTED, "%s", why);
}

static hg_err step(hg_watch *w)
{
	turn(w);
	if (hg__interrupted(w->c))
		return stopped(w, "interrupted");
	if (w->fatal)
		return end_all(w);
	if (hg__watch_report(w))
		return stopped(w, "stopped by the callback");
	hg__watch_sweep(w);
	if (w->errand == HG__ERRAND_NONE)
		hg__watch_plan(w);
	else if (!w->live)
		turn(w);
	if (w->fatal)
		return end_all(w);
	return hg__watch_report(w) ? stopped(w, "stopped by the callback")
				   : HG_OK;
}

/* --- the public watch ------------------------------------------------------ */

static bool open_fds(hg_watch *w)
{
	struct epoll_event ev = { .events = EPOLLIN };

	w->fd = epoll_create1(EPOLL_CLOEXEC);
	w->timer_fd = timerfd_create(CLOCK_MONOTONIC,
				     TFD_CLOEXEC | TFD_NONBLOCK);
	return w->fd >= 0 && w->timer_fd >= 0 &&
	       !epoll_ctl(w->fd, EPOLL_CTL_ADD, w->timer_fd, &ev) &&
	       !epoll_ctl(w->fd, EPOLL_CTL_ADD,
			  hg__transport_fd(w->c->transport), &ev);
}

static void init_watch(hg_watch *w, hg_client *c, hg_job_fn on_change,
		       void *user)
{
	memset(w, 0, sizeof(*w));
	w->c = c;
	w->on_change = on_change;
	w->user = user;
	w->deadline_ms = HG__NEVER_MS;
	w->cursor = -1;
	w->fd = w->timer_fd = -1;
	w->next_ms = w->answered_ms = hg__now_ms();
}

/* Why: what to say of a request that is still under way. */
static void done_watch(hg_watch *w, const char *why)
{
	if (w->c->holder == w)
		hg__stop(w->c, why);
	hg__watch_empty(w);
	hg__sse_free(&w->sse);
	hg__buf_free(&w->path);
	if (w->fd >= 0)
		close(w->fd);
	if (w->timer_fd >= 0)
		close(w->timer_fd);
}

hg_err hg_watch_new(hg_client *c, hg_job_fn on_change, void *user,
		    hg_watch **watch_out)
{
	hg_watch *w;

	if (!c)
		return HG_EINVAL;
	hg__error_clear(&c->error);
	if (!watch_out)
		return hg__end(c, HG_EINVAL);
	w = hg__calloc(1, sizeof(*w));
	if (!w)
		return hg__end(c, HG_ENOMEM);
	init_watch(w, c, on_change, user);
	if (!open_fds(w)) {
		done_watch(w, "memory");
		hg__free(w);
		return hg__end(c, HG_ENOMEM);
	}
	w->next = c->watches;
	c->watches = w;
	*watch_out = w;
	return HG_OK;
}

void hg_watch_free(hg_watch *w)
{
	hg_watch **p;

	if (!w)
		return;
	for (p = &w->c->watches; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	done_watch(w, "freed");
	hg__free(w);
}

hg_err hg_watch_add(hg_watch *w, const char *id)
{
	hg_job *j = NULL;
	struct hg__entry *e;
	hg_err err;

	if (!w)
		return HG_EINVAL;
	hg__error_clear(&w->c->error);
	e = hg__watch_find(w, id);
	if (e && !e->over)
		return HG_OK;
	err = hg_job_new(id, &j);
	if (!err)
		err = hg__watch_join(w, j, true);
	if (err)
		hg_job_free(j);
	else if (e)	/* its end is being told, or would be old by then */
		hg__watch_drop_entry(w, e);
	hg__watch_alarm(w);
	return hg__end(w->c, err);
}

hg_err hg_watch_drop(hg_watch *w, const char *id)
{
	struct hg__entry *e;

	if (!w)
		return HG_EINVAL;
	hg__error_clear(&w->c->error);
	e = hg__watch_find(w, id);
	if (!e)
		return hg__error_say(&w->c->error, HG_ENOTFOUND,
				     "this watch does not follow that job");
	hg__watch_drop_entry(w, e);
	hg__watch_alarm(w);
	return HG_OK;
}

int hg_watch_fd(const hg_watch *w)
{
	return w ? w->fd : -1;
}

static void drain_timer(const hg_watch *w)
{
	uint64_t count;

	while (read(w->timer_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

hg_err hg_watch_step(hg_watch *w, size_t *pending_out)
{
	hg_err err;

	if (!w)
		return HG_EINVAL;
	if (w->stepping)
		return HG_EINVAL;
	hg__error_clear(&w->c->error);
	w->stepping = true;
	drain_timer(w);
	err = step(w);
	w->stepping = false;
	hg__watch_alarm(w);
	if (pending_out)
		*pending_out = w->pending;
	return hg__end(w->c, err);
}

/* --- blocking waits -------------------------------------------------------- */

static hg_err timed_out(hg_watch *w)
{
	struct hg__error *e = &w->c->error;
	char last[sizeof(e->message)];

	if (w->one_look && w->last_err)
		return w->last_err;
	forget_failures(w);
	hg__copy_text(last, sizeof(last), w->last_err ? e->message : "");
	return hg__error_say(e, HG_ETIMEDOUT,
			     w->one_look ? "still pending%s%s"
			     : "still pending when the deadline passed%s%s",
			     *last ? "; the last request failed: " : "", last);
}

static bool all_known(const hg_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->entries[i]->known && !w->entries[i]->over)
			return false;
	return true;
}

/* One look is over when every job was seen, or when no more requests may go. */
static bool has_looked(const hg_watch *w)
{
	return all_known(w) || w->failed >= w->c->max_tries ||
	       (w->last_err && w->errand == HG__ERRAND_NONE &&
		w->c->breaker.open);
}

/* Five minutes without a sensible answer end a wait that has no deadline. */
static int64_t outage_ms(const hg_watch *w)
{
	return w->deadline_ms == HG__NEVER_MS && w->last_err
		       ? w->answered_ms + HG__FIVE_MINUTES_MS : HG__NEVER_MS;
}

static hg_err loop(hg_watch *w, size_t until)
{
	int64_t ms, now;
	hg_err err;

	for (;;) {
		err = step(w);
		if (err)
			return err;
		if (w->ended >= until)
			return HG_OK;
		if (!w->pending)
			return HG_EPARTIAL;
		now = hg__now_ms();
		if (now >= w->deadline_ms || (w->one_look && has_looked(w)))
			return timed_out(w);
		if (now >= outage_ms(w))
			return w->last_err;
		ms = wake_ms(w);
		if (ms > w->deadline_ms)
			ms = w->deadline_ms;
		if (ms > outage_ms(w))
			ms = outage_ms(w);
		hg__transport_sleep(w->c->transport, ms);
	}
}

static const char *why_over(const hg_watch *w, hg_err err)
{
	if (err == HG_EINTERRUPTED)
		return "interrupted";
	return hg__now_ms() >= w->deadline_ms ? "deadline" : "over";
}

static hg_err wait_for(hg_client *c, hg_job *const *j, size_t n, size_t until,
		       int64_t deadline_ms, hg_job_fn on_change, void *user)
{
	hg_watch w;
	hg_err err = hg__begin(c);

	if (err)
		return err;
	init_watch(&w, c, on_change, user);
	w.internal = true;
	w.one_look = deadline_ms == 0;
	if (w.one_look)
		w.deadline_ms = c->deadline_ms;
	else if (deadline_ms > 0 && deadline_ms < HG__NEVER_MS - w.next_ms)
		w.deadline_ms = w.next_ms + deadline_ms;
	w.next = c->waits;
	c->waits = &w;
	for (size_t i = 0; i < n && !err; i++)
		err = hg__watch_join(&w, j[i], false);
	if (!err)
		err = loop(&w, until);
	c->waits = w.next;
	done_watch(&w, why_over(&w, err));
	return err;
}

static hg_err argument(hg_client *c, const char *what)
{
	hg__error_clear(&c->error);
	return hg__error_say(&c->error, HG_EINVAL, "%s", what);
}

hg_err hg_wait(hg_client *c, hg_job *j, int64_t deadline_ms,
	       hg_job_fn on_change, void *user)
{
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if (!j || deadline_ms < -1)
		return argument(c, "hg_wait: NULL, or a deadline before now");
	err = wait_for(c, &j, 1, 1, deadline_ms, on_change, user);
	return hg__end(c, err == HG_EPARTIAL ? j->err : err);
}

hg_err hg_wait_many(hg_client *c, hg_job *const *j, size_t n, size_t until,
		    int64_t deadline_ms, hg_job_fn on_change, void *user)
{
	hg_err err;

	if (!c)
		return HG_EINVAL;
	if ((n && !j) || until > n || deadline_ms < -1)
		return argument(c, "hg_wait_many: NULL, until > n, or a deadline "
				   "before now");
	for (size_t i = 0; i < n; i++)
		if (!j[i])
			return argument(c, "hg_wait_many: a job is NULL");
	err = wait_for(c, j, n, until ? until : n, deadline_ms, on_change, user);
	if (err == HG_EPARTIAL)
		hg__error_say(&c->error, err,
			      "some of the %zu jobs could not be followed", n);
	return hg__end(c, err);
}
