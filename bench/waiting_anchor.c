/* The schedules that others follow, written from their description.  All of
 * them look once at the start.
 *
 *	heygen-cli --wait   2 s, doubled, at most 30 s
 *	botocore waiters    every 5 s, or every 15 s
 *	google-api-core     Retry's defaults: between 0 and 1 s, the bound
 *	                    doubled, at most 60 s
 *	Retry-After = ETA   the server's estimate in whole seconds, obeyed to
 *	                    the letter; 30 s where there is none
 *	fixed               every second
 *	plain long-poll     a request held for 30 s, and again
 *	bulk                one request for a batch of jobs, every 5 s or 1 s
 *
 * A failed request is sent again after a second; none of them is said to lose
 * a job by it. */
#include "bench/waiting.h"

#include <stdlib.h>

#define HOLD_MS 30000
#define RETRY_MS 1000

static const struct {
	const char *name;
	int64_t step_ms;	/* fixed; 0: it has a rule of its own */
	bool bulk;
} anchors[ANCHORS] = {
	[HEYGEN_CLI] = { "heygen-cli", 0, false },
	[BOTOCORE_5] = { "botocore-5s", 5000, false },
	[BOTOCORE_15] = { "botocore-15s", 15000, false },
	[GOOGLE_API_CORE] = { "google-api-core", 0, false },
	[RETRY_AFTER] = { "retry-after", 0, false },
	[FIXED_1] = { "fixed-1s", 1000, false },
	[PLAIN_HOLD] = { "plain-long-poll", 0, false },
	[BULK_5] = { "bulk-5s", 5000, true },
	[BULK_1] = { "bulk-1s", 1000, true },
};

const char *anchor_name(enum anchor a)
{
	return anchors[a].name;
}

bool anchor_is_bulk(enum anchor a)
{
	return anchors[a].bulk;
}

static int64_t doubled(int64_t first_ms, unsigned nth, int64_t most_ms)
{
	while (nth-- && first_ms < most_ms)
		first_ms *= 2;
	return first_ms < most_ms ? first_ms : most_ms;
}

/* The sleep after the nth look that found the job pending, from 0. */
static int64_t sleep_ms(enum anchor a, unsigned nth, int64_t remaining_ms,
			struct chance *c)
{
	switch (a) {
	case HEYGEN_CLI:
		return doubled(2000, nth, 30000);
	case GOOGLE_API_CORE:
		return (int64_t)chance_between(c, 0,
				(double)doubled(1000, nth, 60000));
	case RETRY_AFTER:
		if (remaining_ms == NO_HINT)
			return 30000;
		return remaining_ms > 1000 ?
		       (remaining_ms + 999) / 1000 * 1000 : 1000;
	default:
		return anchors[a].step_ms;
	}
}

static void wait_one(enum anchor a, const struct load *load,
		     const struct job *job, struct world *world,
		     struct tally *tally)
{
	int64_t held_ms = a == PLAIN_HOLD ? HOLD_MS : 0;
	int64_t t = 0, asked, seen;

	for (unsigned nth = 0;;) {
		tally->calls++;
		if (chance_unit(&world->chance) < world->error_rate) {
			t += world->rtt_ms + RETRY_MS;
			continue;
		}
		asked = t + world->rtt_ms / 2;
		seen = job->duration_ms > asked ? job->duration_ms : asked;
		if (seen <= asked + held_ms) {
			tally_delay(tally, seen + world->rtt_ms / 2 -
					   job->duration_ms);
			return;
		}
		t += world->rtt_ms + held_ms;
		if (!held_ms)
			t += sleep_ms(a, nth++,
				      job_remaining_ms(load, job, asked),
				      &world->chance);
	}
}

static void wait_batch(enum anchor a, const struct job *jobs, size_t n,
		       struct world *world, struct tally *tally)
{
	int64_t t = 0, before = -1, asked;

	for (size_t left = n; left;) {
		tally->calls++;
		if (chance_unit(&world->chance) < world->error_rate) {
			t += world->rtt_ms + RETRY_MS;
			continue;
		}
		asked = t + world->rtt_ms / 2;
		t += world->rtt_ms;
		for (size_t i = 0; i < n; i++) {
			if (jobs[i].duration_ms > asked ||
			    jobs[i].duration_ms <= before)
				continue;
			tally_delay(tally, t - jobs[i].duration_ms);
			left--;
		}
		before = asked;
		t += anchors[a].step_ms;
	}
}

void anchor_run(enum anchor a, const struct load *load, size_t batch,
		struct world *world, struct tally *tally)
{
	tally->jobs = load->jobs_count;
	if (!anchors[a].bulk) {
		for (size_t i = 0; i < load->jobs_count; i++)
			wait_one(a, load, &load->jobs[i], world, tally);
		return;
	}
	for (size_t i = 0; i < load->jobs_count; i += batch)
		wait_batch(a, load->jobs + i,
			   load->jobs_count - i < batch ?
			   load->jobs_count - i : batch, world, tally);
}
