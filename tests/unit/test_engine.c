/* A turn whose commit fails leaves nothing behind: for every operation on
 * the disk that can fail, the whole engine is compared with its copy from
 * before.  Real store, real workers, no HTTP. */
#include "core/clock.h"
#include "tests/unit/given_engine.h"
#include "tests/unit/vfs_fault.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What failed at the Nth operation; false: the plan was not reached. */
static bool fails_at(int nth, const char *what)
{
	char plan[64], *before = dump(), *after;
	bool hit;
	int r;

	snprintf(plan, sizeof(plan), "write,sync,truncate %d 0 %s", nth, what);
	ck_assert(vfs_fault_plan(plan));
	r = engine_turn_whole(engine);
	hit = vfs_fault_hits() > 0;
	vfs_fault_plan(NULL);
	if (!hit) {
		free(before);
		return false;
	}
	ck_assert_msg(r == -EAGAIN, "operation %d: %d", nth, r);
	after = dump();
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	reset_commands();
	return true;
}

static void fails_everywhere(const char *what)
{
	int nth = 1;

	given_engine();
	given_jobs();
	hand_over_everything();
	while (fails_at(nth, what))
		nth++;
	/* the first turn that met no fault took effect, whole */
	ck_assert_int_gt(nth, 2);
	ck_assert(engine->paused);
	ck_assert_int_eq(board_count(engine->board), GIVEN_JOBS + 3 - 1);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM job"),
			 GIVEN_JOBS + 3 - 1);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM idempotency"), 1);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM event"),
			 engine->event_seq);
	drop_commands();
	end_engine();
}

START_TEST(a_turn_that_fails_at_any_write_or_sync_leaves_nothing_behind)
{
	static const char *const faults[] = { "ioerr", "full", "short" };

	fails_everywhere(faults[_i]);
}
END_TEST

START_TEST(an_answer_in_hand_does_not_follow_the_job)
{
	struct command *submitted, *paused;

	given_engine();
	given_jobs();
	submitted = hand_over_jobs(1, "new");
	hand_over_verb(VERB_PAUSE, 0, 1);
	hand_over_verb(VERB_CANCEL, 0, 1);
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	paused = engine->commands.at[1];
	ck_assert_int_eq(submitted->results[0].job->state, JOB_QUEUED);
	ck_assert_int_eq(paused->results[0].job->state, JOB_PAUSED);
	ck_assert_int_eq(engine->commands.at[2]->results[0].job->state,
			 JOB_CANCELED);
	drop_commands();
	end_engine();
}
END_TEST

START_TEST(a_key_used_twice_in_one_turn_submits_once)
{
	struct command *c[2];

	given_engine();
	for (int i = 0; i < 2; i++) {
		c[i] = hand_over_jobs(2, "same");
		c[i]->has_key = true;
		strcpy(c[i]->scope, "POST /v1/jobs:batch key");
		c[i]->key = c[i]->scope + 20;
	}
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	ck_assert_int_eq(board_count(engine->board), 2);
	ck_assert(!c[0]->replayed && c[1]->replayed);
	for (int i = 0; i < 2; i++)
		ck_assert_mem_eq(c[0]->results[i].uuid, c[1]->results[i].uuid,
				 16);
	drop_commands();
	end_engine();
}
END_TEST

static double shown(int i)
{
	struct job_view view;

	ck_assert_int_eq(board_find(engine->board, ids[i], &view),
			 LOOKUP_FOUND);
	job_view_release(&view);
	return view.progress;
}

static uint32_t running_slot(int i)
{
	uint32_t slot = board_slot_of(engine->board, ids[i]);

	ck_assert_int_eq(board_at(engine->board, slot)->state, JOB_RUNNING);
	return slot;
}

static int a_running_job(void)
{
	for (int i = 0; i < GIVEN_JOBS; i++)
		if (board_at(engine->board,
			     board_slot_of(engine->board, ids[i]))->state ==
		    JOB_RUNNING)
			return i;
	return -1;
}

/* One of the running jobs has a tenth done and a second to go: its slot. */
static uint32_t given_progress(int *job_out)
{
	uint32_t slot;

	given_engine();
	given_jobs();
	*job_out = a_running_job();
	slot = running_slot(*job_out);
	board_report(engine->board, slot, 0.1, 1000, clock_mono_ms());
	return slot;
}

START_TEST(a_report_that_comes_late_takes_no_progress_back)
{
	uint32_t slot;
	int i;

	slot = given_progress(&i);
	clock_advance_to(GIVEN_NOW_MS + 500);
	ck_assert_double_eq_tol(shown(i), 0.55, 1e-9);
	board_report(engine->board, slot, 0.2, 9000, clock_mono_ms() - 400);
	ck_assert_double_eq_tol(shown(i), 0.55, 1e-9);
	end_engine();
}
END_TEST

START_TEST(what_a_turn_takes_as_progress_is_what_was_seen_last)
{
	uint32_t slot;
	double taken;
	int i;

	slot = given_progress(&i);
	hand_over_verb(VERB_PAUSE, i, 1);
	turn_begin(engine);
	ck_assert_int_eq(command_decide(engine, engine->commands.at[0]), 0);
	taken = turn_job(engine, slot)->progress;
	/* the commit takes its time */
	clock_advance_to(GIVEN_NOW_MS + 500);
	ck_assert_double_eq_tol(shown(i), taken, 1e-9);
	/* and fails */
	turn_undo(engine);
	ck_assert_double_eq_tol(shown(i), 0.55, 1e-9);
	drop_commands();
	end_engine();
}
END_TEST

#define MANY 600

static void turn_of_many(struct submission *many)
{
	struct command *c = hand_over(COMMAND_SUBMIT);

	c->count = MANY;
	c->submissions = many;
	ck_assert_int_eq(engine_turn_whole(engine), 0);
}

START_TEST(a_turn_removes_twice_as_many_as_it_takes_in)
{
	static struct submission many[MANY];
	static uint8_t uuids[MANY][16];
	struct command *c;

	given_engine();
	for (int i = 0; i < MANY; i++)
		many[i] = (struct submission){ .on_error = -1, .ttl_s = 1,
					       .not_before_ms = TIME_NONE };
	turn_of_many(many);
	for (int i = 0; i < MANY; i++)
		memcpy(uuids[i], engine->commands.at[0]->results[i].uuid, 16);
	drop_commands();
	c = hand_over(COMMAND_VERB);
	c->verb = VERB_CANCEL;
	c->bulk = true;
	c->count = MANY;
	c->uuids = (const uint8_t (*)[16])uuids;
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	drop_commands();
	clock_advance_to(GIVEN_NOW_MS + 1000);
	turn_of_many(many);
	drop_commands();
	ck_assert_int_eq(board_count(engine->board), MANY);
	end_engine();
}
END_TEST

static enum outcome handed_in(void)
{
	struct command *c = command_new(COMMAND_QUEUE_PAUSE);
	enum outcome outcome;

	ck_assert_ptr_nonnull(c);
	engine_do(engine, c);
	outcome = c->outcome;
	command_free(c);
	return outcome;
}

START_TEST(what_cannot_be_taken_is_refused_at_the_door)
{
	given_engine();
	engine->waiting = COMMANDS_WAITING;
	ck_assert_int_eq(handed_in(), OUTCOME_BUSY);
	engine->store_failing = true;
	ck_assert_int_eq(handed_in(), OUTCOME_STORE_UNAVAILABLE);
	engine->draining = true;
	ck_assert_int_eq(handed_in(), OUTCOME_DRAINING);
	ck_assert_ptr_null(engine->first);
	engine->draining = engine->store_failing = false;
	engine->waiting = 0;
	end_engine();
}
END_TEST

/* One row of progress of a running job, and nothing else. */
static void turn_of_progress(void)
{
	uint32_t slot = engine->live_first - 1;

	board_note(engine->board, slot)->reported = true;
	board_note(engine->board, slot)->live_written_ms = 0;
	engine->live_again_ms = 0;
	engine->live_budget = 1;
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	ck_assert(engine->wrote && !engine->changed);
}

START_TEST(progress_alone_is_not_synced_and_does_not_let_the_log_grow)
{
	static const char *const small[] = { "store.wal_max_bytes=65536",
					     "status.default_job=off" };
	const struct settings *changed;
	struct settings_error error;
	given_engine();
	given_jobs();
	ck_assert_int_eq(settings_load(NULL, small, 2, &changed, &error), 0);
	engine_set_settings(engine, changed);
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	engine_tend_log(engine);
	engine->checkpoint_at_ms = INT64_MAX;
	for (int n = 0; n < 100; n++) {
		turn_of_progress();
		engine_tend_log(engine);
		ck_assert_int_le(store_wal_pending(store), 65536);
		ck_assert_int_le(store_wal_bytes(store), INT64_C(2) * 65536);
		if (store_wal_pending(store) > 0)
			ck_assert_int_eq(engine->checkpoint_at_ms, INT64_MAX);
	}
	settings_unref(changed);
	end_engine();
}
END_TEST

START_TEST(the_log_of_a_turn_that_told_nothing_is_copied_too)
{
	given_engine();
	given_jobs();
	engine_tend_log(engine);
	engine->checkpoint_at_ms = INT64_MAX;
	hand_over(COMMAND_QUEUE_PAUSE);
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	drop_commands();
	engine_tend_log(engine);
	ck_assert_int_ne(engine->checkpoint_at_ms, INT64_MAX);
	end_engine();
}
END_TEST

START_TEST(all_free_pages_go_back_while_nothing_happens)
{
	int rounds = 0;

	given_engine();
	given_jobs();
	(void)given_sql("CREATE TABLE junk (a); INSERT INTO junk "
			"VALUES (zeroblob(1000000)); DROP TABLE junk");
	ck_assert_int_gt(given_sql("PRAGMA freelist_count"), 200);
	do {
		engine->checkpoint_at_ms = 0;	/* a second has passed */
		engine_tend_log(engine);
	} while (engine->checkpoint_at_ms != INT64_MAX && ++rounds < 20);
	ck_assert_int_lt(rounds, 20);
	ck_assert_int_eq(given_sql("PRAGMA freelist_count"), 0);
	ck_assert_int_eq(store_wal_pending(store), 0);
	drop_commands();
	end_engine();
}
END_TEST

/* The Nth read of a start fails.  false: it needs fewer. */
static bool starts_without_read(int nth, const char *worker, uint64_t seed)
{
	char plan[32];
	bool hit;
	int r;

	store = given_store();
	/* whose pages are then not those in memory */
	(void)given_sql("UPDATE meta SET value = value + 1 "
			"WHERE name = 'aging_s'");
	snprintf(plan, sizeof(plan), "read %d 1 ioerr", nth);
	ck_assert(vfs_fault_plan(plan));
	r = engine_new(&engine, settings, store, worker);
	hit = vfs_fault_hits() > 0;
	vfs_fault_plan(NULL);
	if (r == 0) {
		ck_assert(engine->paused);
		ck_assert_uint_eq(engine->seed, seed);
		engine_free(engine);
	}
	ck_assert_int_eq(given_sql("SELECT value FROM meta "
				   "WHERE name = 'seed'"), seed);
	store_close(store);
	return hit;
}

START_TEST(a_start_that_cannot_read_fails_and_takes_nothing_for_absent)
{
	const char *worker;
	uint64_t seed;
	int nth = 1;

	given_engine();
	hand_over(COMMAND_QUEUE_PAUSE);
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	drop_commands();
	seed = engine->seed;
	end_engine();
	worker = given_engine_parts();
	while (starts_without_read(nth, worker, seed))
		nth++;
	ck_assert_int_gt(nth, 3);
	settings_unref(settings);
}
END_TEST

static struct command *advance_of(const char *key)
{
	struct command *c = command_new(COMMAND_CLOCK_ADVANCE);

	ck_assert_ptr_nonnull(c);
	c->advance_ms = 1000;
	c->has_key = true;
	snprintf(c->scope, sizeof(c->scope), "POST /v1/clock:advance %s", key);
	c->key = c->scope + 23;
	return c;
}

static struct command *asked[2];
static bool drain_under_way;
static int64_t until_ms;

/* Until those two, or the one, have their answer. */
static int64_t look_at_asked(void *user)
{
	bool all = true;

	(void)user;
	if (drain_under_way && engine->advance.command)
		engine_drain(engine);
	for (int i = 0; i < 2; i++)
		if (asked[i] && sem_trywait(&asked[i]->answered) == 0)
			asked[i] = NULL;
		else
			all &= !asked[i];
	if (all)
		engine_quit(engine);
	ck_assert_int_lt(clock_real_mono_ms(), until_ms);
	return clock_real_mono_ms() + 10;
}

static void hand_in(struct command *c)
{
	*engine->last = c;
	engine->last = &c->next;
	engine->waiting++;
}

static void run_until_answered(struct command *one, struct command *other)
{
	struct engine_hooks hooks = { .turned = look_at_asked };

	asked[0] = one;
	asked[1] = other;
	until_ms = clock_real_mono_ms() + 20000;
	engine->quitting = false;
	ck_assert_int_eq(engine_run(engine, &hooks), 0);
}

/* With this key, as if it came for the first time. */
static bool was_replayed(const char *key, int64_t now_ms)
{
	struct command *c = advance_of(key);
	bool replayed;

	hand_in(c);
	run_until_answered(c, NULL);
	ck_assert_int_eq(c->outcome, OUTCOME_OK);
	ck_assert_int_eq(c->now_ms, now_ms);
	ck_assert_int_eq(clock_wall_ms(), now_ms);
	replayed = c->replayed;
	command_free(c);
	return replayed;
}

START_TEST(of_two_advances_in_a_turn_only_the_one_that_is_made_is_remembered)
{
	struct command *made, *refused;

	given_engine();
	made = advance_of("one");
	refused = advance_of("other");
	hand_in(made);
	hand_in(refused);
	run_until_answered(made, refused);
	ck_assert_int_eq(made->outcome, OUTCOME_OK);
	ck_assert_int_eq(made->now_ms, GIVEN_NOW_MS + 1000);
	ck_assert_int_eq(refused->outcome, OUTCOME_BUSY);
	ck_assert(!was_replayed("other", GIVEN_NOW_MS + 2000));
	ck_assert(was_replayed("one", GIVEN_NOW_MS + 2000));
	ck_assert(was_replayed("other", GIVEN_NOW_MS + 2000));
	command_free(made);
	command_free(refused);
	end_engine();
}
END_TEST

START_TEST(an_advance_that_a_stop_cuts_short_is_not_remembered)
{
	struct command *c;

	given_engine();
	c = advance_of("one");
	hand_in(c);
	drain_under_way = true;
	run_until_answered(c, NULL);
	ck_assert_int_eq(c->outcome, OUTCOME_DRAINING);
	drain_under_way = false;
	engine->draining = false;
	ck_assert(!was_replayed("one", clock_wall_ms() + 1000));
	command_free(c);
	end_engine();
}
END_TEST

START_TEST(no_advance_begins_once_the_daemon_stops)
{
	struct command *c;

	given_engine();
	c = advance_of("one");
	hand_in(c);
	engine_drain(engine);
	run_until_answered(c, NULL);
	ck_assert_int_eq(c->outcome, OUTCOME_DRAINING);
	ck_assert_int_eq(clock_wall_ms(), GIVEN_NOW_MS);
	command_free(c);
	end_engine();
}
END_TEST

/* A turn that takes this record of a running job, which is half done. */
static void reports(int i, enum record_kind kind, enum job_stage stage)
{
	uint32_t slot = running_slot(i);
	const struct job *job = board_at(engine->board, slot);
	struct record r = { .kind = kind, .run = job->run,
			    .slot = board_note(engine->board, slot)->run_slot,
			    .job_seq = job->seq, .progress = 0.5,
			    .stage = stage,
			    .error = kind == RECORD_FAILED
					     ? ERROR_DOWNLOAD_FAILED
					     : ERROR_NONE,
			    .at_ms = clock_mono_ms() };

	engine_on_record(engine, job->worker, &r);
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	board_note(engine->board, slot)->kept = 0;
	engine->records.count = 0;
}

/* Or the next attempt, if it runs when the daemon is killed, would go on
 * from there. */
START_TEST(a_job_that_stops_as_it_reports_leaves_no_row_of_progress)
{
	given_engine();
	given_jobs();
	hand_over_verb(_i ? VERB_PAUSE : VERB_CANCEL, a_running_job(), 1);
	reports(a_running_job(), RECORD_PROGRESS, STAGE_TRANSLATE);
	drop_commands();
	ck_assert_int_eq(given_sql("SELECT count(*) FROM event "
				   "WHERE kind = 'stage'"), 1);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM live"), 0);
	end_engine();
}
END_TEST

/* Jobs that begin anew when they fail, after that delay; one of them runs. */
static int given_jobs_that_restart(const char *delay)
{
	const char *again[] = { "jobs.on_error=restart", delay,
				"status.default_job=off" };
	const struct settings *changed;
	struct settings_error error;

	given_engine();
	ck_assert_int_eq(settings_load(NULL, again, 3, &changed, &error), 0);
	engine_set_settings(engine, changed);
	settings_unref(changed);
	given_jobs();
	return a_running_job();
}

START_TEST(an_attempt_that_begins_as_the_last_one_fails_has_no_row_of_its)
{
	int i = given_jobs_that_restart("jobs.restart_delay_ms=0");

	hand_over_verb(VERB_CANCEL, 0, i);
	hand_over_verb(VERB_CANCEL, i + 1, GIVEN_JOBS - i - 1);
	reports(i, RECORD_PROGRESS, STAGE_TRANSLATE);
	drop_commands();
	ck_assert_int_eq(given_sql("SELECT count(*) FROM live"), 1);
	reports(i, RECORD_FAILED, STAGE_TRANSLATE);
	ck_assert_int_eq(board_at(engine->board, running_slot(i))->attempt, 2);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM live"), 0);
	end_engine();
}
END_TEST

START_TEST(each_attempt_that_failed_counts_as_long_as_it_ran)
{
	static const char *const delays[] = { "jobs.restart_delay_ms=0",
					      "jobs.restart_delay_ms=60000" };
	uint64_t runs = 0;
	int i = given_jobs_that_restart(delays[_i]);

	clock_advance_to(GIVEN_NOW_MS + 3000);
	reports(i, RECORD_FAILED, STAGE_DOWNLOAD);
	for (int b = 0; b <= HISTOGRAM_BUCKETS; b++)
		runs += engine->stats.job_run.counts[b];
	ck_assert_uint_eq(runs, 1);
	ck_assert_uint_eq(engine->stats.job_run.sum_us, 3000000);
	end_engine();
}
END_TEST

int main(void)
{
	const struct given_loop loops[] = {
		{ a_turn_that_fails_at_any_write_or_sync_leaves_nothing_behind,
		  3 },
		{ an_answer_in_hand_does_not_follow_the_job, 1 },
		{ a_key_used_twice_in_one_turn_submits_once, 1 },
		{ a_report_that_comes_late_takes_no_progress_back, 1 },
		{ what_a_turn_takes_as_progress_is_what_was_seen_last, 1 },
		{ a_turn_removes_twice_as_many_as_it_takes_in, 1 },
		{ what_cannot_be_taken_is_refused_at_the_door, 1 },
		{ progress_alone_is_not_synced_and_does_not_let_the_log_grow,
		  1 },
		{ the_log_of_a_turn_that_told_nothing_is_copied_too, 1 },
		{ all_free_pages_go_back_while_nothing_happens, 1 },
		{ a_start_that_cannot_read_fails_and_takes_nothing_for_absent,
		  1 },
		{ of_two_advances_in_a_turn_only_the_one_that_is_made_is_remembered,
		  1 },
		{ an_advance_that_a_stop_cuts_short_is_not_remembered, 1 },
		{ no_advance_begins_once_the_daemon_stops, 1 },
		{ a_job_that_stops_as_it_reports_leaves_no_row_of_progress, 2 },
		{ an_attempt_that_begins_as_the_last_one_fails_has_no_row_of_its,
		  1 },
		{ each_attempt_that_failed_counts_as_long_as_it_ran, 2 },
	};

	return given_run_loops("engine", loops, sizeof(loops) / sizeof(*loops));
}
