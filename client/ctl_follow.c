#define _GNU_SOURCE
#include "client/ctl_follow.h"

#include "client/ctl.h"
#include "client/ctl_time.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define OUTAGE_MS INT64_C(300000)	/* without a deadline it ends a wait */
#define FIRST_LOOK_MS 500		/* somebody looks at an empty screen */
#define LAST_LOOK_MS INT64_C(300)	/* before the deadline, at most */

struct follow {
	struct ctl *ctl;
	struct list *list;
	struct follow_options options;
	hg_watch *watch;
	size_t *index;			/* hash of id -> row + 1; 0: free */
	size_t index_size;		/* a power of two */
	size_t ended, lost;		/* rows; lost can be followed no more */
	int64_t deadline;		/* monotonic; -1 none */
	int64_t begun;			/* monotonic */
	bool heard;			/* of any job */
	bool glanced, looked;		/* looks were asked for */
	bool more;			/* on_more() may bring jobs */
	int64_t more_at;
	bool asked;			/* for a last look, when there had been */
	uint64_t asked_retries;		/* so many */
	size_t delays;
	int64_t delay_sum, delay_max;
};

/* --- the index ------------------------------------------------------------ */

static size_t hash(const char *id)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 29);
}

/* A row without an id is that of a plain server, and alone. */
static const char *key_of(const char *id)
{
	return id ? id : "";
}

static size_t *slot(const struct follow *f, const char *id)
{
	size_t i = hash(key_of(id)) & (f->index_size - 1);

	while (f->index[i] &&
	       strcmp(key_of(f->list->rows[f->index[i] - 1].id),
		      key_of(id)) != 0)
		i = (i + 1) & (f->index_size - 1);
	return &f->index[i];
}

static void build_index(struct follow *f)
{
	free(f->index);
	f->index_size = 64;
	while (f->index_size < f->list->n * 4)
		f->index_size *= 2;
	f->index = text_alloc(f->index_size, sizeof(*f->index));
	for (size_t i = 0; i < f->list->n; i++)
		*slot(f, f->list->rows[i].id) = i + 1;
}

static struct row *find(const struct follow *f, const char *id)
{
	size_t at = *slot(f, id);

	/* a plain server may name the job that was asked for without an id */
	if (!at && f->list->n == 1)
		return &f->list->rows[0];
	return at ? &f->list->rows[at - 1] : NULL;
}

/* --- changes -------------------------------------------------------------- */

/* What a person follows; progress and times move without it. */
struct looks {
	hg_state state;
	hg_result result;
	hg_err err;
	int32_t attempt, priority;
	char stage[64];
	bool known;
};

static struct looks looks_of(const struct row *row)
{
	struct looks l = { .state = row->state, .result = row->result,
			   .err = row->err, .attempt = row->attempt,
			   .priority = row->priority,
			   .known = row->json != NULL };

	if (row->stage)
		strncpy(l.stage, row->stage, sizeof(l.stage) - 1);
	return l;
}

static bool same(const struct looks *a, const struct looks *b)
{
	return a->state == b->state && a->result == b->result &&
	       a->err == b->err && a->attempt == b->attempt &&
	       a->priority == b->priority && a->known == b->known &&
	       !strcmp(a->stage, b->stage);
}

static void note_delay(struct follow *f, const struct row *row)
{
	int64_t delay = time_now() - row->finished_at;

	if (row->finished_at < 0)
		return;
	f->delays++;
	f->delay_sum += delay;
	if (delay > f->delay_max)
		f->delay_max = delay;
}

static void count_end(struct follow *f, struct row *row)
{
	if (row->ended || (row->result == HG_PENDING && row->err == HG_OK))
		return;
	row->ended = true;
	if (row->result != HG_PENDING)
		f->ended++;
	else
		f->lost++;
}

static int on_change(void *user, const hg_job *job)
{
	struct follow *f = user;
	struct row *row = find(f, hg_job_id(job));
	struct looks before, after;
	bool ended;

	if (!row || row->ended)
		return 0;
	before = looks_of(row);
	f->heard = true;
	if (hg_job_err(job) == HG_OK)
		ctl_answered(f->ctl);
	row_take(row, job);
	count_end(f, row);
	ended = row->ended;
	if (ended && row->err == HG_OK && before.known)
		note_delay(f, row);
	after = looks_of(row);
	if (f->options.on_change && (ended || !same(&before, &after)))
		f->options.on_change(f->options.user, row);
	return 0;
}

/* --- new, add ------------------------------------------------------------- */

static hg_err watch_row(struct follow *f, struct row *row)
{
	hg_err e;

	if (row->result != HG_PENDING) {	/* the end is known already */
		count_end(f, row);
		if (f->options.on_change)
			f->options.on_change(f->options.user, row);
		return HG_OK;
	}
	e = hg_watch_add(f->watch, row->id);
	if (e == HG_EINVAL) {			/* no id at all: so not known */
		row->err = HG_ENOTFOUND;
		count_end(f, row);
		if (f->options.on_change)
			f->options.on_change(f->options.user, row);
		return HG_OK;
	}
	return e;
}

struct follow *follow_new(struct ctl *ctl, struct list *list,
			  const struct follow_options *options)
{
	struct follow *f = text_alloc(1, sizeof(*f));
	hg_err e;

	f->ctl = ctl;
	f->list = list;
	f->options = *options;
	f->begun = time_monotonic();
	f->deadline = options->timeout_ms < 0 ? -1 :
		      f->begun + options->timeout_ms;
	f->more = options->on_more != NULL;
	build_index(f);
	e = hg_watch_new(ctl->client, on_change, f, &f->watch);
	for (size_t i = 0; i < list->n && e == HG_OK; i++)
		e = watch_row(f, &list->rows[i]);
	if (e != HG_OK) {
		ctl_error(ctl, "cannot wait: %s", hg_strerror(e));
		follow_free(f);
		return NULL;
	}
	return f;
}

bool follow_add(struct follow *f, const hg_job *job)
{
	struct row *row;

	if (*slot(f, hg_job_id(job)))
		return false;
	row = list_add(f->list, hg_job_id(job));
	row_take(row, job);
	if (f->list->n * 2 > f->index_size)
		build_index(f);
	else
		*slot(f, row->id) = f->list->n;
	if (f->options.on_change && row->result == HG_PENDING)
		f->options.on_change(f->options.user, row);
	if (watch_row(f, row) != HG_OK)
		text_die_of_memory();
	return true;
}

/* --- the loop ------------------------------------------------------------- */

static bool is_done(const struct follow *f)
{
	if (f->options.until && f->ended >= f->options.until)
		return true;
	return !f->more && f->ended + f->lost >= f->list->n;
}

/* When an outage will have lasted too long; INT64_MAX: there is none. */
static int64_t outage_at(const struct follow *f)
{
	return f->deadline < 0 && f->ctl->failing_since >= 0 ?
	       f->ctl->failing_since + OUTAGE_MS : INT64_MAX;
}

/* A stream that is open again may be silent for long, and nobody told us of it:
 * so the last word is that of one more look. */
static bool is_given_up(struct follow *f, int64_t now)
{
	if (now < outage_at(f)) {
		f->asked = false;
		return false;
	}
	if (!f->asked) {
		f->asked = true;
		f->asked_retries = f->ctl->retries;
		hg_notify(f->ctl->client, NULL);
	}
	return f->ctl->retries > f->asked_retries;
}

/* A request that the server holds says nothing before the end; a person wants
 * to see where the jobs are. */
static void first_look(struct follow *f)
{
	if (f->glanced || f->heard || !f->ctl->progress ||
	    time_monotonic() - f->begun < FIRST_LOOK_MS)
		return;
	f->glanced = true;
	hg_notify(f->ctl->client, NULL);
}

static bool all_known(const struct follow *f)
{
	for (size_t i = 0; i < f->list->n; i++)
		if (!f->list->rows[i].json && !f->list->rows[i].ended)
			return false;
	return true;
}

/* Only a stream tells of every change.  Where we poll, the state at the
 * deadline would be old; where a request is held, there may be none at all. */
static void last_look(struct follow *f)
{
	hg_stats stats = { .size = sizeof(stats) };

	f->looked = true;
	hg_client_stats(f->ctl->client, &stats);
	if (!stats.streams || stats.holds || !all_known(f))
		hg_notify(f->ctl->client, NULL);
}

static int64_t last_look_at(const struct follow *f)
{
	int64_t half = f->options.timeout_ms / 2;

	return f->deadline - (half < LAST_LOOK_MS ? half : LAST_LOOK_MS);
}

static int least(int64_t a, int64_t b)
{
	return (int)(a < b ? a : b);
}

/* Milliseconds until something of ours is due. */
static int next_due(struct follow *f, int64_t now)
{
	int tick = progress_tick(f->ctl->progress, signals_screen());
	int64_t due = tick < 0 ? 60000 : tick;

	if (f->more)
		due = least(due, f->more_at > now ? f->more_at - now : 0);
	if (!f->asked && outage_at(f) != INT64_MAX)
		due = least(due, outage_at(f) > now ? outage_at(f) - now : 0);
	if (f->deadline < 0)
		return (int)due;
	due = least(due, f->deadline > now ? f->deadline - now : 0);
	if (!f->looked)
		due = least(due, last_look_at(f) > now ?
				 last_look_at(f) - now : 0);
	return (int)due;
}

static enum follow_end failed(struct follow *f, hg_err e)
{
	if (e == HG_EINTERRUPTED)
		return FOLLOW_INTERRUPTED;
	if (f->ended + f->lost >= f->list->n)	/* each was told of it */
		return FOLLOW_DONE;
	(void)ctl_failed(f->ctl, f->ctl->client, e, "wait", NULL, NULL);
	return FOLLOW_FAILED;
}

int64_t follow_left_ms(const struct follow *f)
{
	int64_t left = f->deadline - time_monotonic();

	if (f->options.timeout_ms <= 0)
		return -1;
	return left > 0 ? left : 0;
}

static bool look_for_more(struct follow *f, int64_t now)
{
	if (!f->more || now < f->more_at)
		return false;
	f->more = f->options.on_more(f->options.user, f);
	f->more_at = time_monotonic() + f->options.every_ms;
	return true;
}

/* What is due by the clock; true: *end_out is set. */
static bool clock_says(struct follow *f, enum follow_end *end_out)
{
	int64_t now = time_monotonic();

	if (f->deadline >= 0 && now >= f->deadline) {
		*end_out = FOLLOW_TIMED_OUT;
		return true;
	}
	if (f->deadline >= 0 && !f->looked && now >= last_look_at(f))
		last_look(f);
	if (is_given_up(f, now)) {
		ctl_error(f->ctl, "nothing but failures from %s for five "
			  "minutes", f->ctl->server);
		*end_out = FOLLOW_FAILED;
		return true;
	}
	return false;
}

/* Why one look did not show where every job is.  A request that took too long
 * is no wait that has timed out: that one has seen them all. */
static hg_err look_failed(hg_err e, hg_job *const *jobs, size_t n)
{
	if (e == HG_EPARTIAL)
		return HG_OK;
	for (size_t i = 0; i < n && e == HG_ETIMEDOUT; i++)
		if (!hg_job_json(jobs[i]) && !hg_job_err(jobs[i]))
			return e;
	return e == HG_ETIMEDOUT ? HG_OK : e;
}

/* One look at all that have not ended: --timeout 0s. */
static hg_err look_once(struct follow *f)
{
	hg_job **jobs = text_alloc(f->list->n, sizeof(hg_job *));
	size_t n = 0;
	hg_err e;

	for (size_t i = 0; i < f->list->n; i++)
		if (!f->list->rows[i].ended &&
		    hg_job_new(f->list->rows[i].id, &jobs[n]) == HG_OK)
			n++;
	/* what it came to is in the handles: ended, lost, or pending still */
	e = hg_wait_many(f->ctl->client, jobs, n, 0, 0, NULL, NULL);
	e = look_failed(e, jobs, n);
	for (size_t i = 0; i < n; i++) {
		if (hg_job_json(jobs[i]) || hg_job_err(jobs[i]))
			(void)on_change(f, jobs[i]);
		hg_job_free(jobs[i]);
	}
	free(jobs);
	return e;
}

enum follow_end follow_run(struct follow *f)
{
	struct pollfd fds[2] = {
		{ .fd = hg_watch_fd(f->watch), .events = POLLIN },
		{ .fd = signals_fd(), .events = POLLIN },
	};
	enum follow_end end;
	hg_err e = HG_OK;

	if (f->options.timeout_ms == 0)
		e = look_for_more(f, f->deadline) ? HG_OK : look_once(f);
	else
		e = hg_watch_step(f->watch, NULL);
	for (;;) {
		if (signals_interrupted())
			return FOLLOW_INTERRUPTED;
		if (is_done(f))
			return FOLLOW_DONE;
		if (e != HG_OK && (e != HG_ENOMEM || !f->options.timeout_ms))
			return failed(f, e);
		if (clock_says(f, &end))
			return end;
		e = HG_OK;
		if (look_for_more(f, time_monotonic())) {
			e = hg_watch_step(f->watch, NULL);
			continue;
		}
		if (poll(fds, 2, next_due(f, time_monotonic())) < 0 &&
		    errno != EINTR)
			return failed(f, HG_ENOMEM);
		signals_drain();
		first_look(f);
		if (fds[0].revents)
			e = hg_watch_step(f->watch, NULL);
	}
}

/* --- afterwards ----------------------------------------------------------- */

size_t follow_delay(const struct follow *f, double *mean_out, int64_t *max_out)
{
	if (f->delays) {
		*mean_out = (double)f->delay_sum / (double)f->delays;
		*max_out = f->delay_max;
	}
	return f->delays;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	hg_watch_free(f->watch);
	free(f->index);
	free(f);
}
