/* Whatever is asked in whatever order, and whatever the database or the disk
 * refuses meanwhile: after each turn the board, the indexes and the store tell
 * the same, and the history adds up.  SEED=N makes the first life another. */
#include "core/clock.h"
#include "tests/unit/given_engine.h"
#include "tests/unit/vfs_fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVES 4
#define TURNS 60
#define KNOWN 2048

static uint32_t draws;
static uint8_t known[KNOWN][16];	/* ids of jobs, there or gone */
static size_t known_count;

static unsigned below(unsigned n)
{
	draws = draws * 1103515245 + 12345;
	return (draws >> 12) % n;
}

/* --- what is refused ------------------------------------------------------ */

static const char *const refusals[] = {
	"INSERT ON job WHEN NEW.seq % 3 = 0",
	"UPDATE ON job WHEN NEW.seq % 4 = 0",
	"UPDATE ON job WHEN NEW.state = 'running' AND NEW.seq % 2 = 0",
	"DELETE ON job WHEN OLD.seq % 3 = 0",
	"INSERT ON event WHEN NEW.job_seq % 5 = 0",
	"INSERT ON live WHEN NEW.job_seq % 3 = 0",
	"DELETE ON tombstone",
	"INSERT ON idempotency",
	"INSERT ON meta WHEN NEW.name <> 'probe'",
};
#define REFUSALS (sizeof(refusals) / sizeof(*refusals))
static bool refused[REFUSALS];

static void refuse_one(void)
{
	unsigned i = below(REFUSALS);
	char text[256];

	snprintf(text, sizeof(text), "CREATE TRIGGER IF NOT EXISTS refusal%u "
		 "BEFORE %s BEGIN SELECT RAISE(ABORT, 'refused'); END", i,
		 refusals[i]);
	(void)given_sql(text);
	refused[i] = true;
}

static void refuse_nothing(void)
{
	char text[64];

	for (unsigned i = 0; i < REFUSALS; i++) {
		snprintf(text, sizeof(text), "DROP TRIGGER refusal%u", i);
		if (refused[i])
			(void)given_sql(text);
		refused[i] = false;
	}
}

static void break_disk(void)
{
	char plan[64];

	snprintf(plan, sizeof(plan), "write,sync %u %u %s", 1 + below(60),
		 below(3), below(2) ? "ioerr" : "full");
	ck_assert(vfs_fault_plan(plan));
}

/* --- what is asked -------------------------------------------------------- */

static void with_key(struct command *c, const char *path)
{
	if (below(3) > 0)
		return;
	c->has_key = true;
	c->key = c->scope + snprintf(c->scope, sizeof(c->scope), "%s ", path);
	snprintf(c->scope + strlen(c->scope), 2, "%c", 'a' + (char)below(26));
}

static void ask_for_jobs(void)
{
	static struct submission asked[4];
	struct command *c = hand_over(COMMAND_SUBMIT);

	for (size_t i = 0; i < 4; i++)
		asked[i] = (struct submission){
			.parts.text[TEXT_TAGS] = below(2) ? "a bb" : NULL,
			.priority = (int)below(7) - 3,
			.on_error = below(2) ? ON_ERROR_STOP : ON_ERROR_RESTART,
			.max_attempts = 1 + below(3),
			.ttl_s = 1 + below(5),
			.not_before_ms = below(4) ? TIME_NONE
				: clock_wall_ms() + (int64_t)below(5000)
		};
	c->count = 1 + below(4);
	c->digest[0] = c->count;
	c->submissions = asked;
	with_key(c, "POST /v1/jobs");
}

static void ask_for_verb(void)
{
	struct command *c = hand_over(COMMAND_VERB);
	size_t first = below((unsigned)known_count);

	c->verb = (enum job_verb)below(JOB_VERBS);
	c->bulk = below(2);
	c->count = c->bulk ? 1 + below(6) : 1;
	if (c->count > known_count - first)
		c->count = known_count - first;
	c->uuids = (const uint8_t (*)[16])&known[first];
	with_key(c, "POST /v1/jobs:verb");
}

/* gcc 12's analyzer loses sight of what a command in a list owns */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static void ask_for_edit(void)
{
	struct command *c = hand_over(COMMAND_PATCH);

	c->uuids = (const uint8_t (*)[16])&known[below((unsigned)known_count)];
	c->count = 1;
	c->patch.set = below(64) & ~(unsigned)(PATCH_ON_ERROR |
					       PATCH_MAX_ATTEMPTS);
	c->patch.priority = (int)below(9);
	c->patch.ttl_s = 1 + below(9);
	c->patch.title = strdup(below(2) ? "one" : "other");
	c->patch.tags = strdup(below(2) ? "a" : "bb c");
}

static void ask_for_one(void)
{
	unsigned what = below(9);

	if (what < 2 || known_count == 0)
		ask_for_jobs();
	else if (what < 6)
		ask_for_verb();
	else if (what == 6)
		ask_for_edit();
	else if (what == 7)
		hand_over(below(3) ? COMMAND_QUEUE_RESUME
				   : COMMAND_QUEUE_PAUSE);
	else
		hand_over(COMMAND_DEFAULT_JOB);
}

/* --- what workers say ----------------------------------------------------- */

static const struct job *running_at(uint32_t slot)
{
	const struct job *job = board_at(engine->board, slot);

	return job && job->state == JOB_RUNNING && !job->aside ? job : NULL;
}

static void say_something(uint32_t slot, const struct job *job)
{
	static const enum record_kind kinds[] = {
		RECORD_PROGRESS, RECORD_PROGRESS, RECORD_COMPLETED,
		RECORD_FAILED
	};
	struct record r = { .kind = kinds[below(4)], .run = job->run,
			    .slot = board_note(engine->board, slot)->run_slot,
			    .job_seq = job->seq, .stage = 1 + below(6),
			    .error = ERROR_DOWNLOAD_FAILED,
			    .at_ms = clock_mono_ms() };

	board_shown(engine->board, slot, &r.progress, &r.remaining_ms);
	r.progress += (1 - r.progress) * below(10) / 10;
	engine_on_record(engine, job->worker, &r);
	if (below(4) == 0)	/* its row is due */
		board_note(engine->board, slot)->live_written_ms = 0;
}

static void workers_speak(void)
{
	for (uint32_t slot = 0; slot < board_slots(engine->board); slot++) {
		const struct job *job = running_at(slot);

		if (job && below(3) == 0)
			say_something(slot, job);
	}
	if (below(8) == 0)
		engine_on_lost(engine, 1 + below(2));
}

/* --- what must hold ------------------------------------------------------- */

static void as_stored(const struct job *job)
{
	struct job *stored = stored_job(store, job->seq);

	ck_assert_ptr_nonnull(stored);
	ck_assert_int_eq(stored->state, job->state);
	ck_assert_uint_eq(stored->version, job->version);
	ck_assert_uint_eq(stored->attempt, job->attempt);
	ck_assert_int_eq(stored->eligible_ms, job->eligible_ms);
	ck_assert_int_eq(stored->expires_ms, job->expires_ms);
	job_unref(stored);
}

static void board_is_sound(void)
{
	int64_t counts[JOB_STATES] = { 0 }, running[INDEX_WORKERS] = { 0 };

	for (uint32_t slot = 0; slot < board_slots(engine->board); slot++) {
		const struct job *job = board_at(engine->board, slot);

		if (!job)
			continue;
		ck_assert_uint_eq(board_note(engine->board, slot)->draft, 0);
		counts[job->state]++;
		running[job->worker] += job->state == JOB_RUNNING;
		if (job->aside)
			ck_assert_int_eq(job->worker, 0);
		else
			as_stored(job);
	}
	for (int i = 0; i < JOB_STATES; i++)
		ck_assert_int_eq(index_count(engine->index, i), counts[i]);
	for (unsigned i = 0; i < INDEX_WORKERS; i++)
		ck_assert_int_eq(index_worker_running(engine->index, i),
				 running[i]);
}

/* Each run has a number of its own, and a place in the list of rows. */
static void runs_are_sound(void)
{
	size_t runs = 0;
	uint32_t before = 0;

	for (uint32_t slot = 0; slot < board_slots(engine->board); slot++) {
		if (!running_at(slot))
			continue;
		runs++;
		ck_assert_uint_eq(engine->runs.at[
				board_note(engine->board, slot)->run_slot],
				  slot);
	}
	ck_assert_uint_eq(engine->free_runs.count + runs, engine->runs.count);
	for (uint32_t at = engine->live_first; at;
	     at = board_note(engine->board, at - 1)->live_next) {
		ck_assert_ptr_nonnull(running_at(at - 1));
		ck_assert_uint_eq(board_note(engine->board, at - 1)->live_prev,
				  before);
		before = at;
		runs--;
	}
	ck_assert_uint_eq(runs, 0);
	ck_assert_uint_eq(engine->live_last, before);
}

/* Rows that must not be there. */
static const char *const unsound[] = {
	/* the last event says which state a job is in */
	"FROM job WHERE state IS NOT (SELECT to_state FROM event WHERE "
	"job_seq = job.seq AND to_state IS NOT NULL ORDER BY seq DESC LIMIT 1)",
	/* and each begins where the one before ended */
	"FROM (SELECT from_state AS f, kind, lag(to_state) OVER (PARTITION BY "
	"job_seq ORDER BY seq) AS l FROM event) WHERE f IS NOT l AND f IS NOT "
	"NULL AND kind NOT IN ('submitted', 'removed')",
	/* no attempt ends twice; the job default may be here again */
	"FROM (SELECT 1 FROM event WHERE kind IN ('completed', 'failed', "
	"'canceled') AND job_seq > 0 GROUP BY job_seq, attempt "
	"HAVING count(*) > 1)",
	/* a row of progress belongs to what runs, to this run of it */
	"FROM live WHERE job_seq NOT IN (SELECT seq FROM job WHERE "
	"state = 'running')",
	"FROM live JOIN job ON job.seq = job_seq WHERE live.at_ms < started_ms",
	"FROM job WHERE (expires_ms IS NOT NULL) <> "
	"(finished_ms IS NOT NULL AND ttl_s <> -1)",
	"FROM job WHERE (finished_ms IS NOT NULL) <> "
	"(state IN ('completed', 'error', 'canceled'))",
	"FROM job WHERE (paused_ms IS NOT NULL) <> (state = 'paused')",
	"FROM tombstone JOIN job ON job.seq = job_seq",
	"FROM job_tag WHERE job_seq NOT IN (SELECT seq FROM job)",
	"FROM job WHERE coalesce(length(tags) + 1, 0) <> (SELECT "
	"coalesce(sum(length(tag) + 1), 0) FROM job_tag WHERE job_seq = seq)",
	"FROM event WHERE job_seq NOT IN (SELECT seq FROM job UNION "
	"SELECT job_seq FROM tombstone)",
};

static void store_is_sound(void)
{
	char text[512];

	for (size_t i = 0; i < sizeof(unsound) / sizeof(*unsound); i++) {
		snprintf(text, sizeof(text), "SELECT count(*) %s", unsound[i]);
		ck_assert_msg(given_sql(text) == 0, "%s", text);
	}
	ck_assert_int_eq(board_last_event(engine->board), engine->event_seq);
}

static void all_is_sound(void)
{
	board_is_sound();
	runs_are_sound();
	store_is_sound();
}

/* --- a life --------------------------------------------------------------- */

static void learn_ids(const struct command *c)
{
	if (c->kind != COMMAND_SUBMIT || c->outcome != OUTCOME_OK ||
	    c->replayed)
		return;
	for (size_t i = 0; i < c->result_count && known_count < KNOWN; i++)
		memcpy(known[known_count++], c->results[i].uuid, 16);
}

/* As the engine's own: whole, or in pieces, or not at all. */
static void one_turn(void)
{
	size_t decided = 0;
	int r = engine_turn_whole(engine);

	if (r == 0)
		decided = engine->commands.count;
	else if (r == -EIO)
		r = engine_turn_singly(engine, &decided);
	ck_assert(r == 0 || r == -EAGAIN);
	ck_assert(vfs_fault_plan(NULL));
	if (r == 0) {
		ck_assert_uint_eq(decided, engine->commands.count);
		for (size_t i = 0; i < engine->records.count; i++)
			board_note(engine->board, engine->records.at[i]
				   .record.slot)->kept = 0;
		engine->records.count = 0;
	}
	for (size_t i = 0; i < decided; i++)
		learn_ids(engine->commands.at[i]);
	drop_commands();
	crew_flush(engine->crew);
}

static void begin_anew(void)
{
	refuse_nothing();
	end_engine();
	given_engine();
	for (uint32_t slot = 0; slot < board_slots(engine->board); slot++) {
		ck_assert_ptr_null(running_at(slot));
		ck_assert(!board_at(engine->board, slot) ||
			  !board_at(engine->board, slot)->aside);
	}
}

static void something_happens(void)
{
	if (below(12) == 0)
		refuse_nothing();
	if (below(2) == 0)
		refuse_one();
	for (unsigned n = below(6); n > 0; n--)
		ask_for_one();
	workers_speak();
	if (below(5) == 0)
		break_disk();
	if (below(2) == 0)
		clock_advance_to(clock_wall_ms() + below(4000));
}

START_TEST(whatever_happens_all_tell_the_same)
{
	const char *seed = getenv("SEED");

	draws = (uint32_t)_i + (seed ? (uint32_t)atoi(seed) : 1);
	given_engine();
	for (int turn = 0; turn < TURNS; turn++) {
		something_happens();
		one_turn();
		all_is_sound();
		if (below(20) == 0) {
			begin_anew();
			all_is_sound();
		}
	}
	end_engine();
}
END_TEST

int main(void)
{
	const struct given_loop loops[] = {
		{ whatever_happens_all_tell_the_same, LIVES },
	};

	return given_run_loops("engine_random", loops, 1);
}
