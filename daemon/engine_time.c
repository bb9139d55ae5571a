/* engine_time.c -- deadlines, the manual clock, ids, what workers are told
 * of time and settings. */
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "daemon/engine_private.h"

#include <errno.h>
#include <string.h>

/* --- deadlines ------------------------------------------------------------------- */

/* A store that cannot be asked is asked again in a second. */
#define ASK_AGAIN_MS 1000

static void ask(struct engine *e, int64_t *at,
		int (*next)(struct store *s, int64_t *out), int64_t plus_ms)
{
	int64_t stored;

	if (*at != INT64_MIN)
		return;
	if (next(e->store, &stored) < 0)
		*at = clock_wall_ms() + ASK_AGAIN_MS;
	else
		*at = stored == TIME_NONE ? INT64_MAX : stored + plus_ms;
}

int64_t engine_deadline_ms(struct engine *e)
{
	int64_t next = index_next_eligible_ms(e->index);
	int64_t keep_ms = e->settings->jobs_tombstone_s * 1000;

	ask(e, &e->next_expiry_ms, store_next_expiry, 0);
	ask(e, &e->next_tombstone_ms, store_next_tombstone, keep_ms);
	ask(e, &e->next_key_ms, store_next_idempotency, IDEMPOTENCY_MS);
	if (e->next_expiry_ms < next)
		next = e->next_expiry_ms;
	if (e->next_tombstone_ms < next)
		next = e->next_tombstone_ms;
	if (e->next_key_ms < next)
		next = e->next_key_ms;
	return next;
}

/* --- the manual clock -------------------------------------------------------------- */

void engine_send_clock(struct engine *e)
{
	crew_set_clock(e->crew, clock_mono_ms(), clock_is_manual() ? 0 : 1);
}

static void refuse_advance(struct command *c, enum outcome outcome)
{
	c->outcome = outcome;
	engine_answer(c);
}

void engine_advance_begin(struct engine *e, struct command *c)
{
	if (e->draining) {
		refuse_advance(c, OUTCOME_DRAINING);
		return;
	}
	if (e->advance.command) {	/* two in one turn */
		refuse_advance(c, OUTCOME_BUSY);
		return;
	}
	e->advance.command = c;
	e->advance.target_ms = clock_wall_ms() + c->advance_ms;
	if (e->advance.target_ms > CLOCK_MAX_MS)	/* two who both asked for it */
		e->advance.target_ms = CLOCK_MAX_MS;
}

void engine_advance_abandon(struct engine *e)
{
	struct command *c = e->advance.command;

	e->advance.command = NULL;
	if (c)
		refuse_advance(c, OUTCOME_DRAINING);
}

/* The clock is there; only now may its key say so. */
static void advance_end(struct engine *e)
{
	struct command *c = e->advance.command;
	int r = 0;

	e->advance.command = NULL;
	c->now_ms = clock_wall_ms();
	if (c->has_key) {
		turn_begin(e);
		r = engine_finish_turn(e, command_remember(e, c));
	}
	if (r < 0) {
		log_error("command.failed", "kind=%d error=%s", (int)c->kind,
			  LOG_QUOTE(store_message(e->store)));
		c->outcome = r == -EIO ? OUTCOME_INTERNAL
				       : OUTCOME_STORE_UNAVAILABLE;
	}
	engine_answer(c);
}

/* All is settled at this instant: on to the next deadline, or to the end. */
bool engine_advance_step(struct engine *e)
{
	int64_t now = clock_wall_ms(), target = e->advance.target_ms;
	int64_t next, workers;

	if (!e->advance.command || !crew_settled(e->crew) ||
	    e->records.count > 0 || e->any_lost || e->store_failing)
		return false;
	if (now >= target) {
		advance_end(e);
		return false;
	}
	next = engine_deadline_ms(e);
	workers = crew_next_ms(e->crew);
	if (workers < next)
		next = workers;
	if (next <= now)	/* what is due now was tried: do not stand still */
		next = now + 1;
	clock_advance_to(next < target ? next : target);
	e->put_settings = true;		/* people look by this clock too */
	engine_send_clock(e);
	return true;
}

/* --- ids ------------------------------------------------------------------------------ */

/* UUIDv7 (RFC 9562, 5.7): 48 bits of Unix ms, a counter in the 12 bits of
 * rand_a so that ids of one ms ascend, the rest random. */
void engine_uuid(struct engine *e, uint8_t uuid_out[16])
{
	static uint8_t pool[4096];
	static size_t used = sizeof(pool);
	uint64_t now = (uint64_t)e->turn.now_ms << 12, stamp;

	if (used == sizeof(pool)) {
		random_system(pool, sizeof(pool));
		used = 0;
	}
	stamp = now > e->uuid_last ? now : e->uuid_last + 1;
	e->uuid_last = stamp;
	for (int i = 0; i < 6; i++)
		uuid_out[i] = stamp >> (52 - 8 * i);
	uuid_out[6] = 0x70 | (stamp >> 8 & 0x0f);
	uuid_out[7] = stamp;
	memcpy(uuid_out + 8, pool + used, 8);
	used += 8;
	uuid_out[8] = 0x80 | (uuid_out[8] & 0x3f);
}

/* --- settings --------------------------------------------------------------------------- */

static void law_of(const struct settings *s, struct duration_law *law)
{
	*law = (struct duration_law){ .distribution =
					      s->simulation_distribution,
				      .mean_ms = s->simulation_mean_ms,
				      .sigma = s->simulation_sigma,
				      .min_ms = s->simulation_min_ms,
				      .max_ms = s->simulation_max_ms };
}

void engine_index_rules(const struct engine *e, struct index_rules *out)
{
	out->aging_ms = e->settings->jobs_aging_s * 1000;
	out->time_scale = e->settings->simulation_time_scale;
	law_of(e->settings, &out->law);
}

void engine_send_settings(struct engine *e)
{
	const struct settings *s = e->settings;
	struct order_settings order = {
		.seed = s->simulation_seed ? (uint64_t)s->simulation_seed
					   : e->seed,
		.mean_ms = s->simulation_mean_ms,
		.sigma = s->simulation_sigma,
		.min_ms = s->simulation_min_ms,
		.max_ms = s->simulation_max_ms,
		.error_rate = s->simulation_error_rate,
		.eta_error = s->simulation_eta_error,
		.time_scale = s->simulation_time_scale,
		.progress_interval_ms = s->simulation_progress_interval_ms,
		.distribution = s->simulation_distribution
	};

	crew_set_settings(e->crew, &order);
	crew_set_silence(e->crew, s->jobs_worker_timeout_s);
}
