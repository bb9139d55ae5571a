#include "tests/unit/given_engine.h"

#include "core/clock.h"
#include "core/log.h"
#include "tests/unit/vfs_fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct settings *settings;
struct store *store;
struct engine *engine;

const char *given_engine_parts(void)
{
	static const char *const overrides[] = {
		"jobs.workers=2", "jobs.slots=2", "status.default_job=off",
		"simulation.seed=7", "log.level=error"
	};
	static char path[512];
	const char *worker = getenv("HEYGEN_WORKER");
	struct settings_error error;

	if (!worker) {
		snprintf(path, sizeof(path), "%s/heygen-worker",
			 getenv("HG_BUILDDIR") ? getenv("HG_BUILDDIR") : ".");
		worker = path;
	}
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(vfs_fault_install(), 0);
	ck_assert_int_eq(settings_load(NULL, overrides, 5, &settings, &error),
			 0);
	clock_set_manual(GIVEN_NOW_MS);
	return worker;
}

void given_engine(void)
{
	const char *worker = given_engine_parts();

	store = given_store();
	ck_assert_int_eq(engine_new(&engine, settings, store, worker), 0);
}

void end_engine(void)
{
	engine_free(engine);
	store_close(store);
	settings_unref(settings);
}

/* --- the whole engine as text -------------------------------------------------- */

static void dump_job(FILE *to, uint32_t slot)
{
	const struct job *job = board_at(engine->board, slot);
	const struct slot_note *note = board_note(engine->board, slot);
	struct index_look look = { 0 };
	char id[JOB_ID_SIZE];

	if (!job)
		return;
	index_look(engine->index, job, &look);
	fprintf(to, "slot %u %s %s v%u run %u worker %u attempt %u p%d %.4f "
		    "eligible %" PRId64 " finished %" PRId64 " expires %" PRId64
		    " title %s ahead %" PRId64 " %" PRId64 " draft %u\n",
		slot, job_id_format(job, id), job_state_name(job->state),
		job->version, job->run, job->worker, job->attempt,
		job->priority, job->progress, job->eligible_ms,
		job->finished_ms, job->expires_ms,
		job_text(job, TEXT_TITLE) ? job_text(job, TEXT_TITLE) : "-",
		look.ahead, look.ahead_ms, note->draft);
}

char *dump(void)
{
	struct index_totals totals;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(to);
	for (uint32_t slot = 0; slot < board_slots(engine->board); slot++)
		dump_job(to, slot);
	index_totals(engine->index, &totals);
	for (int i = 0; i < JOB_STATES; i++)
		fprintf(to, "%s %" PRId64 "\n", job_state_name(i),
			totals.counts[i]);
	for (unsigned worker = 1; worker <= 2; worker++)
		fprintf(to, "worker %u runs %" PRId64 "\n", worker,
			index_worker_running(engine->index, worker));
	fprintf(to, "oldest %" PRId64 " next %u delayed %" PRId64 "\n",
		totals.oldest_ms, index_next(engine->index),
		index_next_eligible_ms(engine->index));
	fprintf(to, "jobs %" PRId64 " last %" PRId64 " event %" PRId64
		    " ring %" PRId64 " paused %d\n",
		board_count(engine->board), engine->job_seq,
		engine->event_seq, board_last_event(engine->board),
		engine->paused);
	fclose(to);
	return text;
}

/* --- a turn of everything ---------------------------------------------------------- */

uint8_t ids[GIVEN_JOBS][16];

/* gcc 12's analyzer loses sight of what is put at an index */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

struct command *hand_over(enum command_kind kind)
{
	struct command *c = command_new(kind);

	ck_assert(LIST_ROOM(&engine->commands));
	engine->commands.at[engine->commands.count++] = c;
	return c;
}

static struct submission submissions[GIVEN_JOBS];

struct command *hand_over_jobs(size_t count, const char *title)
{
	struct command *c = hand_over(COMMAND_SUBMIT);

	for (size_t i = 0; i < count; i++)
		submissions[i] = (struct submission){
			.parts.text[TEXT_TITLE] = title,
			.priority = i * 3 % 5,
			.on_error = -1,
			.not_before_ms = i == 5 ? GIVEN_NOW_MS + 9000
						: TIME_NONE
		};
	c->count = count;
	c->submissions = submissions;
	return c;
}

void hand_over_verb(enum job_verb verb, int first, int count)
{
	struct command *c = hand_over(COMMAND_VERB);

	c->verb = verb;
	c->bulk = true;
	c->count = count;
	c->uuids = (const uint8_t (*)[16])&ids[first];
}

void drop_commands(void)
{
	for (size_t i = 0; i < engine->commands.count; i++)
		command_free(engine->commands.at[i]);
	engine->commands.count = 0;
}

void reset_commands(void)
{
	for (size_t i = 0; i < engine->commands.count; i++)
		command_reset(engine->commands.at[i]);
}

void given_jobs(void)
{
	struct command *c = hand_over_jobs(GIVEN_JOBS, "given");

	ck_assert_int_eq(engine_turn_whole(engine), 0);
	ck_assert_uint_eq(c->result_count, GIVEN_JOBS);
	for (int i = 0; i < GIVEN_JOBS; i++)
		memcpy(ids[i], c->results[i].uuid, 16);
	drop_commands();
	ck_assert_int_eq(index_count(engine->index, JOB_RUNNING), 4);
}

void hand_over_everything(void)
{
	struct command *c = hand_over_jobs(3, "later");

	c->has_key = true;
	strcpy(c->scope, "POST /v1/jobs:batch key");
	c->key = c->scope + 20;
	hand_over_verb(VERB_PAUSE, 0, 3);
	hand_over_verb(VERB_CANCEL, 2, 3);
	hand_over_verb(VERB_RESUME, 0, 1);
	hand_over_verb(VERB_DELETE, 3, 1);
	hand_over_verb(VERB_RESTART, 4, 1);
	c = hand_over(COMMAND_PATCH);
	c->uuids = (const uint8_t (*)[16])&ids[6];
	c->count = 1;
	c->patch.set = PATCH_PRIORITY | PATCH_TITLE;
	c->patch.priority = 50;
	c->patch.title = strdup("edited");
	hand_over(COMMAND_QUEUE_PAUSE);
}
