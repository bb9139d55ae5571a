#include "worker/runs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 256u		/* runs that are allocated together */

#define RUN_OF(timer_, field) \
	((struct run *)((char *)(timer_) - offsetof(struct run, field)))

struct run {
	struct plan plan;
	int64_t job_seq;	/* also the order of its timers */
	int64_t start_ms;
	int64_t interval_ms;
	struct run_news news;
	struct run *next;		/* in its bucket, or of the free */
	struct run *older, *newer;	/* among the marked */
	struct timer change, tick;
	uint32_t number, slot;
	bool marked;
};

/* Runs never move: timers and marks point to them. */
struct run_page {
	struct run_page *next;
	struct run runs[PAGE];
};

void runs_init(struct runs *r)
{
	*r = (struct runs){ .grain_ms = 1 };
	timers_init(&r->changes);
	timers_init(&r->ticks);
}

void runs_free(struct runs *r)
{
	while (r->pages) {
		struct run_page *page = r->pages;

		r->pages = page->next;
		free(page);
	}
	free(r->buckets);
	timers_free(&r->changes);
	timers_free(&r->ticks);
	runs_init(r);
}

/* --- slots ---------------------------------------------------------------- */

/* The daemon numbers its slots as it likes, so they are looked up.  What is
 * returned holds the run of this slot, or NULL where it would be put. */
static struct run **find(const struct runs *r, uint32_t slot)
{
	struct run **link = &r->buckets[slot & (r->bucket_count - 1)];

	while (*link && (*link)->slot != slot)
		link = &(*link)->next;
	return link;
}

static int grow_buckets(struct runs *r)
{
	struct runs wide = {
		.bucket_count = r->bucket_count ? r->bucket_count * 2 : PAGE
	};

	wide.buckets = calloc(wide.bucket_count, sizeof(struct run *));
	if (!wide.buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->bucket_count; i++)
		for (struct run *run = r->buckets[i], *next; run; run = next) {
			next = run->next;
			run->next = NULL;
			*find(&wide, run->slot) = run;
		}
	free(r->buckets);
	r->buckets = wide.buckets;
	r->bucket_count = wide.bucket_count;
	return 0;
}

static int grow_pages(struct runs *r)
{
	struct run_page *page = malloc(sizeof(*page));

	if (!page)
		return -ENOMEM;
	page->next = r->pages;
	r->pages = page;
	for (unsigned i = PAGE; i-- > 0; ) {
		page->runs[i].next = r->free;
		r->free = &page->runs[i];
	}
	return 0;
}

/* Room for one more of everything; after that a start cannot fail. */
static int reserve(struct runs *r)
{
	int error = 0;

	if (r->taken == r->bucket_count)
		error = grow_buckets(r);
	if (error == 0 && !r->free)
		error = grow_pages(r);
	if (error == 0)
		error = timers_reserve(&r->changes, r->taken + 1);
	return error < 0 ? error : timers_reserve(&r->ticks, r->taken + 1);
}

/* --- marks ---------------------------------------------------------------- */

static void mark(struct runs *r, struct run *run, int64_t at_ms)
{
	r->newest_ms = at_ms;
	if (run->marked)
		return;
	run->marked = true;
	run->newer = NULL;
	run->older = r->newest;
	if (r->newest)
		r->newest->newer = run;
	else
		r->oldest = run;
	r->newest = run;
}

static void unmark(struct runs *r, struct run *run)
{
	if (!run->marked)
		return;
	run->marked = false;
	if (run->older)
		run->older->newer = run->newer;
	else
		r->oldest = run->newer;
	if (run->newer)
		run->newer->older = run->older;
	else
		r->newest = run->older;
}

static void release(struct runs *r, struct run *run)
{
	timers_clear(&r->changes, &run->change);
	timers_clear(&r->ticks, &run->tick);
	unmark(r, run);
	*find(r, run->slot) = run->next;
	run->next = r->free;
	r->free = run;
	r->taken--;
}

/* --- orders --------------------------------------------------------------- */

static void set_change(struct runs *r, struct run *run)
{
	int64_t instant;

	simulation_next(&run->plan, run->news.reached, &instant);
	timers_set(&r->changes, &run->change, run->start_ms + instant,
		   run->job_seq);
}

/* The first tick after an instant.  Many runs' ticks share a wake-up when
 * they are put off a little; a tenth of their interval at most. */
static void set_tick(struct runs *r, struct run *run, int64_t after_ms)
{
	int64_t interval = run->interval_ms;
	int64_t grain = r->grain_ms * 10 <= interval ? r->grain_ms : 1;
	int64_t due = run->start_ms +
		      ((after_ms - run->start_ms) / interval + 1) * interval;

	due += grain - 1;
	timers_set(&r->ticks, &run->tick, due - due % grain, run->job_seq);
}

int runs_start(struct runs *r, const struct order_settings *settings,
	       const struct order *order, int64_t now_ms)
{
	int error = reserve(r);
	struct run **link, *run;

	if (error < 0)
		return error;
	link = find(r, order->slot);
	if (*link)
		return -EEXIST;
	run = r->free;
	r->free = run->next;
	*link = run;
	r->taken++;
	*run = (struct run){
		.job_seq = order->job_seq, .start_ms = now_ms,
		.interval_ms = settings->progress_interval_ms,
		.news = { .tick_ms = -1 },
		.number = order->run, .slot = order->slot
	};
	simulation_plan(settings, &order->start, &run->plan);
	run->news.reached = simulation_stage(run->plan.from);
	set_change(r, run);
	set_tick(r, run, now_ms);
	mark(r, run, now_ms);
	return 0;
}

void runs_stop(struct runs *r, const struct order *order)
{
	struct run *run = r->taken ? *find(r, order->slot) : NULL;

	if (run && run->number == order->run &&
	    run->job_seq == order->job_seq)
		release(r, run);
}

/* --- timers --------------------------------------------------------------- */

uint32_t runs_running(const struct runs *r)
{
	return r->changes.count;
}

int64_t runs_change_due(const struct runs *r)
{
	return timers_due(&r->changes);
}

int64_t runs_due(const struct runs *r)
{
	int64_t change = timers_due(&r->changes), tick = timers_due(&r->ticks);

	return change <= tick ? change : tick;
}

static struct run *first_run(const struct runs *r)
{
	if (timers_due(&r->changes) <= timers_due(&r->ticks))
		return RUN_OF(timers_first(&r->changes), change);
	return RUN_OF(timers_first(&r->ticks), tick);
}

static void step_change(struct runs *r, struct run *run)
{
	struct run_news *news = &run->news;
	int64_t instant;

	news->tick_ms = -1;		/* what follows says more */
	if (simulation_next(&run->plan, news->reached, &instant)) {
		news->reached++;
		set_change(r, run);
	} else {
		news->ended = true;
		timers_clear(&r->changes, &run->change);
		timers_clear(&r->ticks, &run->tick);
	}
	mark(r, run, run->start_ms + instant);
}

static void step_tick(struct runs *r, struct run *run, int64_t now_ms)
{
	int64_t due = timers_due(&r->ticks), interval = run->interval_ms;
	int64_t latest = now_ms - (now_ms - run->start_ms) % interval;
	double begin = simulation_stage_begin(run->news.reached);

	if (latest > due) {		/* the clock has jumped: that one will do */
		timers_set(&r->ticks, &run->tick, latest, run->job_seq);
		return;
	}
	set_tick(r, run, due);
	due -= run->start_ms;
	if (due == simulation_instant(&run->plan, begin))
		return;			/* the stage said it */
	run->news.tick_ms = due;
	mark(r, run, run->start_ms + due);
}

void runs_step(struct runs *r, int64_t now_ms)
{
	struct run *run = first_run(r);

	if (timers_due(&r->changes) <= timers_due(&r->ticks))
		step_change(r, run);
	else
		step_tick(r, run, now_ms);
}

bool runs_would_overtake(const struct runs *r)
{
	const struct run *run = first_run(r);

	return run->marked && run != r->newest && runs_due(r) > r->newest_ms;
}

/* --- telling -------------------------------------------------------------- */

/* Makes the record of what follows after what was told, and notes it as told.
 * False: there is nothing. */
static bool tell_next(const struct run *run, struct run_news *news,
		      struct record *record_out)
{
	const struct plan *plan = &run->plan;
	enum record_kind kind = RECORD_PROGRESS;
	int64_t instant = 0;
	double progress;

	if (news->told == STAGE_NONE) {
		news->told = simulation_stage(plan->from);
	} else if (news->told < news->reached) {
		news->told++;
		instant = simulation_instant(plan,
				simulation_stage_begin(news->told));
	} else if (news->tick_ms >= 0) {
		instant = news->tick_ms;
		news->tick_ms = -1;
	} else if (news->ended && !news->end_told) {
		news->end_told = true;
		simulation_next(plan, news->told, &instant);
		kind = plan->error ? RECORD_FAILED : RECORD_COMPLETED;
	} else {
		return false;
	}
	/* whole milliseconds may hold several stages, and each has its own */
	progress = fmin(simulation_progress(plan, instant),
			simulation_stage_begin(news->told + 1));
	progress = fmax(progress, simulation_stage_begin(news->told));
	if (kind != RECORD_PROGRESS)
		progress = plan->until;
	*record_out = (struct record){
		.kind = kind, .run = run->number, .slot = run->slot,
		.stage = news->told, .job_seq = run->job_seq,
		.error = kind == RECORD_FAILED ? plan->error : ERROR_NONE,
		.at_ms = run->start_ms + instant, .progress = progress,
		.remaining_ms = kind == RECORD_PROGRESS
			? simulation_remaining_ms(plan, progress) : 0
	};
	return true;
}

unsigned runs_collect(const struct runs *r, struct record *records_out,
		      unsigned room, struct runs_telling *telling_out)
{
	unsigned count = 0;

	telling_out->count = 0;
	for (struct run *run = r->oldest; run && count < room;
	     run = run->newer) {
		struct run_news news = run->news;

		while (count < room &&
		       tell_next(run, &news, &records_out[count]))
			count++;
		telling_out->runs[telling_out->count].run = run;
		telling_out->runs[telling_out->count++].after = news;
	}
	return count;
}

void runs_told(struct runs *r, const struct runs_telling *telling)
{
	for (unsigned i = 0; i < telling->count; i++) {
		struct run *run = telling->runs[i].run;
		struct run_news *news = &run->news;

		*news = telling->runs[i].after;
		if (news->end_told)
			release(r, run);
		else if (news->told == news->reached && news->tick_ms < 0 &&
			 !news->ended)
			unmark(r, run);
	}
}

bool runs_all_told(const struct runs *r)
{
	return !r->oldest;
}
