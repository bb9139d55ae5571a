/* Our client in virtual time: the order of layers as a watch has it, every
 * sleep from the library's own pace, memory and retry modules.  The server has
 * all layers; `use` decides.
 *
 * With an error rate P a request fails with that chance; one that is held
 * breaks with it in 30 s, a stream in a minute. */
#include "bench/waiting.h"
#include "client/memory.h"
#include "client/pace.h"
#include "client/retry.h"

#include <stdlib.h>

#define HOLD_S 30
#define HOLD_BREAK_MS 30000
#define STREAM_BREAK_MS 60000
#define LAYER_AGAIN_MS 300000	/* a stream that failed is tried again then */
#define KEY "bench"

/* One wait, for one job or a batch. */
struct wait {
	const struct ours *ours;
	const struct load *load;
	struct world *world;
	struct tally *tally;
	int64_t now_ms;
	unsigned tries;			/* failed in a row */
	struct hg__budget budget;
	struct hg__breaker breaker;
	struct hg__plan *plan;
};

static void wait_init(struct wait *w, const struct ours *ours,
		      const struct load *load, struct world *world,
		      struct tally *tally)
{
	*w = (struct wait){
		.ours = ours, .load = load, .world = world, .tally = tally
	};
	if (ours->memory && (ours->use & HG_USE_HISTORY))
		w->plan = hg__memory_plan(ours->memory, KEY);
}

static struct hg__pace_env wait_env(const struct wait *w)
{
	return (struct hg__pace_env){
		.price = w->ours->price, .now_ms = w->now_ms,
		.deadline_ms = HG__NEVER_MS, .rtt_ms = w->world->rtt_ms
	};
}

/* Sends a request; false: it failed, and the pause before the next is over. */
static bool wait_call(struct wait *w)
{
	struct chance *c = &w->world->chance;

	w->tally->calls++;
	if (chance_unit(c) >= w->world->error_rate) {
		w->tries = 0;
		hg__budget_success(&w->budget);
		hg__breaker_success(&w->breaker);
		return true;
	}
	w->now_ms += w->world->rtt_ms;
	hg__breaker_failure(&w->breaker, w->now_ms, chance_bits(c));
	w->tries++;
	if (hg__budget_take(&w->budget))
		w->now_ms += hg__retry_ms(w->tries, -1, INT64_MAX,
					  chance_bits(c));
	else
		w->now_ms += hg__retry_ms(UINT32_MAX, -1, INT64_MAX,
					  chance_bits(c));
	w->now_ms += hg__breaker_wait_ms(&w->breaker, w->now_ms);
	(void)hg__breaker_allow(&w->breaker, w->now_ms);
	return false;
}

static int64_t until_break(struct wait *w, double once_ms)
{
	if (w->world->error_rate <= 0)
		return INT64_MAX / 2;
	return (int64_t)chance_exponential(&w->world->chance,
					   once_ms / w->world->error_rate);
}

static void end(struct wait *w, const struct job *job, struct hg__pace *p)
{
	tally_delay(w->tally, w->now_ms - job->duration_ms);
	if (w->ours->memory)
		(void)hg__memory_add(w->ours->memory, KEY, hg__pace_lo_ms(p),
				     w->now_ms - p->start_ms);
	hg__pace_done(p);
}

/* --- streams -------------------------------------------------------------- */

/* Listens until the jobs have ended or the layer is given up (false). */
static bool stream(struct wait *w, const struct job *jobs, size_t n,
		   struct hg__pace *paces)
{
	struct hg__reconnect r = { 0 };
	int64_t half_ms = w->world->rtt_ms / 2, heard_ms = -1, broken_ms;
	size_t left = n;

	while (left) {
		w->tally->calls++;
		if (chance_unit(&w->world->chance) < w->world->error_rate) {
			w->now_ms += w->world->rtt_ms;
			w->now_ms += hg__reconnect_down(&r, w->now_ms,
						chance_bits(&w->world->chance));
			if (r.failures >= 2)
				return false;
			continue;
		}
		w->now_ms += half_ms;
		hg__reconnect_up(&r, w->now_ms);
		broken_ms = w->now_ms + until_break(w, STREAM_BREAK_MS);
		for (size_t i = 0; i < n; i++) {
			int64_t at = jobs[i].duration_ms, told;

			if (at <= heard_ms || at > broken_ms)
				continue;
			told = (at > w->now_ms ? at : w->now_ms) + half_ms;
			tally_delay(w->tally, told - at);
			hg__pace_done(&paces[i]);
			left--;
		}
		heard_ms = broken_ms;
		w->now_ms = broken_ms;
		w->now_ms += hg__reconnect_down(&r, w->now_ms,
						chance_bits(&w->world->chance));
	}
	return true;
}

/* --- one job -------------------------------------------------------------- */

static void report(struct wait *w, const struct job *job, struct hg__pace *p,
		   int64_t asked_ms)
{
	struct hg__report report = {
		.now_ms = w->now_ms, .remaining_ms = HG__ETA_UNKNOWN,
		.retry_after_ms = -1
	};

	/* what a held request that ran out says belongs to holding */
	if (w->ours->use & (HG_USE_ETA | HG_USE_HOLD)) {
		report.remaining_ms = job_remaining_ms(w->load, job, asked_ms);
		if (report.remaining_ms == NO_HINT &&
		    job_has_hinted(w->load, job, asked_ms))
			report.remaining_ms = HG__ETA_NULL;
	}
	hg__pace_report(p, &report);
}

/* One held request; true: the job has ended. */
static bool hold(struct wait *w, const struct job *job, struct hg__pace *p)
{
	struct hg__pace_env env = wait_env(w);
	int64_t half_ms = w->world->rtt_ms / 2, until, seen;
	struct hg__step step;

	until = hg__pace_hold_s(&env, HOLD_S, chance_bits(&w->world->chance)) *
		1000;
	if (!wait_call(w))
		return false;
	w->now_ms += half_ms;
	seen = job->duration_ms > w->now_ms ? job->duration_ms : w->now_ms;
	if (seen > w->now_ms + until_break(w, HOLD_BREAK_MS)) {
		w->now_ms += half_ms;	/* it broke, no matter when */
		return false;
	}
	if (seen <= w->now_ms + until) {
		w->now_ms = seen + half_ms;
		return true;
	}
	w->now_ms += until + half_ms;
	report(w, job, p, w->now_ms - half_ms);
	env = wait_env(w);
	hg__pace_after_hold(p, &env, &step);
	w->now_ms += step.ms;
	return false;
}

/* One look; true: the job has ended. */
static bool look(struct wait *w, const struct job *job, struct hg__pace *p)
{
	int64_t asked_ms = w->now_ms + w->world->rtt_ms / 2;
	struct hg__pace_env env;
	struct hg__step step;

	if (!wait_call(w))
		return false;
	w->now_ms += w->world->rtt_ms;
	if (job->duration_ms <= asked_ms)
		return true;
	report(w, job, p, asked_ms);
	env = wait_env(w);
	hg__pace_next(p, &env, &step);
	w->now_ms += step.ms;
	return false;
}

static void wait_one(struct wait *w, const struct job *job)
{
	int64_t stream_ms = w->ours->use & HG_USE_SSE ? 0 : INT64_MAX;
	struct hg__pace pace;
	struct hg__step step;
	bool ended = false;

	hg__pace_init(&pace, 0, hg__plan_ref(w->plan));
	/* without a hope for an estimate nothing is gained by looking now */
	if (!(w->ours->use & (HG_USE_SSE | HG_USE_HOLD | HG_USE_ETA))) {
		struct hg__pace_env env = wait_env(w);

		hg__pace_next(&pace, &env, &step);
		w->now_ms += step.ms;
	}
	while (!ended) {
		if (w->now_ms >= stream_ms) {
			if (stream(w, job, 1, &pace))
				return;
			stream_ms = w->now_ms + LAYER_AGAIN_MS;
		}
		ended = w->ours->use & HG_USE_HOLD ? hold(w, job, &pace) :
			look(w, job, &pace);
	}
	end(w, job, &pace);
}

/* --- many jobs ------------------------------------------------------------ */

struct batch {
	const struct job *jobs;
	struct hg__pace *paces;
	const struct hg__pace **waiting;
	size_t n, left;
};

/* What one bulk answer says. */
static void hear(struct wait *w, struct batch *b, int64_t asked_ms)
{
	b->left = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (b->paces[i].start_ms < 0)
			continue;
		if (b->jobs[i].duration_ms > asked_ms) {
			report(w, &b->jobs[i], &b->paces[i], asked_ms);
			b->waiting[b->left++] = &b->paces[i];
			continue;
		}
		end(w, &b->jobs[i], &b->paces[i]);
		b->paces[i].start_ms = -1;
	}
}

static void wait_batch(struct wait *w, const struct job *jobs, size_t n)
{
	struct batch b = { .jobs = jobs, .n = n, .left = n };
	struct hg__pace_env env;
	struct hg__step step;

	b.paces = calloc(n, sizeof(*b.paces));
	b.waiting = calloc(n, sizeof(*b.waiting));
	if (!b.paces || !b.waiting)
		abort();
	for (size_t i = 0; i < n; i++) {
		hg__pace_init(&b.paces[i], 0, hg__plan_ref(w->plan));
		b.waiting[i] = &b.paces[i];
	}
	if ((w->ours->use & HG_USE_SSE) && stream(w, jobs, n, b.paces))
		goto out;
	if (!(w->ours->use & HG_USE_ETA)) {
		env = wait_env(w);
		hg__pace_next_many(b.waiting, n, &env, &step);
		w->now_ms += step.ms;
	}
	while (b.left) {
		int64_t asked_ms = w->now_ms + w->world->rtt_ms / 2;

		if (!wait_call(w))
			continue;
		w->now_ms += w->world->rtt_ms;
		hear(w, &b, asked_ms);
		env = wait_env(w);
		if (b.left) {
			hg__pace_next_many(b.waiting, b.left, &env, &step);
			w->now_ms += step.ms;
		}
	}
out:
	free(b.paces);
	free(b.waiting);
}

void ours_run(const struct ours *ours, const struct load *load,
	      struct world *world, struct tally *tally)
{
	size_t batch = (ours->use & HG_USE_BULK) ? ours->batch : 1;

	tally->jobs = load->jobs_count;
	for (size_t i = 0; i < load->jobs_count; i += batch) {
		size_t left = load->jobs_count - i;
		struct wait w;

		wait_init(&w, ours, load, world, tally);
		if (batch == 1)
			wait_one(&w, &load->jobs[i]);
		else
			wait_batch(&w, &load->jobs[i],
				   left < batch ? left : batch);
		hg__plan_unref(w.plan);
	}
}
