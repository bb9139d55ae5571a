/* What the database refuses for its own sake, for ever, costs that and no
 * other: the turn is done in pieces, and its commands have their answers. */
#include "core/clock.h"
#include "tests/unit/given_engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* NULL: removed. */
static const struct job *job_if_any(int i)
{
	uint32_t slot = board_slot_of(engine->board, ids[i]);

	return slot == SLOT_NONE ? NULL : board_at(engine->board, slot);
}

static const struct job *job(int i)
{
	const struct job *found = job_if_any(i);

	if (!found)
		ck_abort_msg("job %d is not there", i);
	return found;
}

/* Those of given_jobs() that are in this state now: the Nth of them. */
static int one_that_is(enum job_state state, int nth)
{
	for (int i = 0; i < GIVEN_JOBS; i++)
		if (job_if_any(i) && job(i)->state == state && nth-- == 0)
			return i;
	ck_abort_msg("there is none");
}

static int next_in_queue(void)
{
	uint32_t slot = index_next(engine->index);

	for (int i = 0; i < GIVEN_JOBS; i++)
		if (board_slot_of(engine->board, ids[i]) == slot)
			return i;
	ck_abort_msg("nothing waits");
}

static int64_t slots_taken(void)
{
	return index_worker_running(engine->index, 1) +
	       index_worker_running(engine->index, 2);
}

/* SQL that names the job between the two. */
static void sql_of(const char *before, int i, const char *after)
{
	char text[256], id[JOB_ID_SIZE];

	snprintf(text, sizeof(text), "%s '%s'%s", before,
		 job_id_format(job(i), id), after);
	(void)given_sql(text);
}

#define REFUSED " BEGIN SELECT RAISE(ABORT, 'poisoned'); END"

static void given_engine_and_jobs(void)
{
	given_engine();
	given_jobs();
}

/* The whole turn fails for the item's sake; in pieces it succeeds, and every
 * command has its outcome. */
static void turn_in_pieces(void)
{
	size_t decided = 0;

	ck_assert_int_eq(engine_turn_whole(engine), -EIO);
	ck_assert_int_eq(engine_turn_singly(engine, &decided), 0);
	ck_assert_uint_eq(decided, engine->commands.count);
	for (size_t i = 0; i < decided; i++)
		ck_assert_int_eq(engine->commands.at[i]->outcome, OUTCOME_OK);
	drop_commands();
}

static void records_are_taken(void)
{
	for (size_t i = 0; i < engine->records.count; i++)
		board_note(engine->board, engine->records.at[i].record.slot)
			->kept = 0;
	engine->records.count = 0;
}

static void turn_whole(void)
{
	ck_assert_int_eq(engine_turn_whole(engine), 0);
	drop_commands();
}

static void stands_still(int i)
{
	struct job_view view;

	ck_assert_int_eq(board_find(engine->board, ids[i], &view),
			 LOOKUP_FOUND);
	ck_assert_int_eq(view.queue_position, 0);
	ck_assert_int_eq(view.completion_ms, TIME_NONE);
	ck_assert_int_gt(view.remaining_ms, 0);
	job_view_release(&view);
}

START_TEST(a_job_that_cannot_be_started_stops_no_other_and_no_command)
{
	int bad, ran;

	given_engine_and_jobs();
	bad = next_in_queue();
	ran = one_that_is(JOB_RUNNING, 0);
	sql_of("DELETE FROM job WHERE id =", bad, "");
	hand_over_verb(VERB_CANCEL, ran, 1);
	turn_in_pieces();
	ck_assert_int_eq(job(ran)->state, JOB_CANCELED);
	ck_assert_int_eq(job(bad)->state, JOB_QUEUED);
	ck_assert_int_eq(slots_taken(), 4);	/* the next one runs instead */
	ck_assert_int_ne(next_in_queue(), bad);
	stands_still(bad);
	/* and no turn tries it again */
	hand_over_verb(VERB_CANCEL, one_that_is(JOB_RUNNING, 0), 1);
	turn_whole();
	ck_assert_int_eq(job(bad)->state, JOB_QUEUED);
	end_engine();
}
END_TEST

START_TEST(a_job_set_aside_comes_back_by_a_verb_once_the_store_takes_it)
{
	int bad;

	given_engine_and_jobs();
	bad = next_in_queue();
	sql_of("CREATE TRIGGER poison BEFORE UPDATE ON job WHEN NEW.id =", bad,
	       " AND NEW.state = 'running'" REFUSED);
	hand_over_verb(VERB_CANCEL, one_that_is(JOB_RUNNING, 0), 1);
	turn_in_pieces();
	ck_assert(job(bad)->aside);
	(void)given_sql("DROP TRIGGER poison");
	hand_over_verb(VERB_PAUSE, bad, 1);
	hand_over_verb(VERB_RESUME, bad, 1);
	turn_whole();
	ck_assert(!job(bad)->aside);
	ck_assert_int_eq(next_in_queue(), bad);
	hand_over_verb(VERB_CANCEL, one_that_is(JOB_RUNNING, 0), 1);
	turn_whole();
	ck_assert_int_eq(job(bad)->state, JOB_RUNNING);
	end_engine();
}
END_TEST

static void completed(int i)
{
	uint32_t slot = board_slot_of(engine->board, ids[i]);
	struct record r = { .kind = RECORD_COMPLETED, .run = job(i)->run,
			    .slot = board_note(engine->board, slot)->run_slot,
			    .job_seq = job(i)->seq, .progress = 1,
			    .stage = STAGE_RENDER, .at_ms = clock_mono_ms() };

	engine_on_record(engine, job(i)->worker, &r);
	ck_assert_uint_eq(engine->records.count, 1);
}

START_TEST(an_end_that_can_never_be_stored_holds_no_slot)
{
	int bad, next;
	double shown;
	struct job_view view;

	given_engine_and_jobs();
	bad = one_that_is(JOB_RUNNING, 0);
	next = next_in_queue();
	sql_of("CREATE TRIGGER poison BEFORE UPDATE ON job WHEN NEW.id =", bad,
	       REFUSED);
	completed(bad);
	turn_in_pieces();
	records_are_taken();
	ck_assert_int_eq(job(next)->state, JOB_RUNNING);
	ck_assert_int_eq(slots_taken(), 4);
	ck_assert_int_eq(index_count(engine->index, JOB_RUNNING), 5);
	/* what cannot be changed is shown as it was last */
	ck_assert_int_eq(job(bad)->state, JOB_RUNNING);
	ck_assert_int_eq(board_find(engine->board, ids[bad], &view),
			 LOOKUP_FOUND);
	shown = view.progress;
	job_view_release(&view);
	stands_still(bad);
	clock_advance_to(GIVEN_NOW_MS + 3600000);
	/* not even after a change that is refused */
	hand_over_verb(VERB_CANCEL, bad, 1);
	ck_assert_int_eq(engine_turn_whole(engine), -EIO);
	drop_commands();
	ck_assert_int_eq(board_find(engine->board, ids[bad], &view),
			 LOOKUP_FOUND);
	ck_assert_double_eq(view.progress, shown);
	job_view_release(&view);
	/* until the store takes it */
	(void)given_sql("DROP TRIGGER poison");
	hand_over_verb(VERB_CANCEL, bad, 1);
	turn_whole();
	ck_assert_int_eq(job(bad)->state, JOB_CANCELED);
	ck_assert_int_eq(slots_taken(), 4);
	end_engine();
}
END_TEST

START_TEST(a_lost_run_that_cannot_be_queued_again_keeps_no_other_from_it)
{
	unsigned worker;
	int bad;

	given_engine_and_jobs();
	bad = one_that_is(JOB_RUNNING, 0);
	worker = job(bad)->worker;
	sql_of("CREATE TRIGGER poison BEFORE UPDATE ON job WHEN NEW.id =", bad,
	       REFUSED);
	hand_over(COMMAND_QUEUE_PAUSE);
	engine_on_lost(engine, worker);
	turn_in_pieces();
	records_are_taken();
	ck_assert(engine->paused);
	ck_assert_int_eq(index_worker_running(engine->index, worker), 0);
	ck_assert_int_eq(slots_taken(), 2);
	ck_assert_int_eq(job(bad)->state, JOB_RUNNING);
	ck_assert_int_eq(job(bad)->worker, 0);
	hand_over(COMMAND_QUEUE_RESUME);
	turn_whole();
	end_engine();
}
END_TEST

START_TEST(a_run_that_cannot_be_recovered_is_no_reason_not_to_start)
{
	int bad, good;

	given_engine_and_jobs();
	bad = one_that_is(JOB_RUNNING, 0);
	good = one_that_is(JOB_RUNNING, 1);
	sql_of("CREATE TRIGGER poison BEFORE UPDATE ON job WHEN NEW.id =", bad,
	       REFUSED);
	end_engine();
	given_engine();
	ck_assert_int_eq(job(bad)->state, JOB_RUNNING);
	ck_assert_int_eq(job(good)->state, JOB_QUEUED);
	turn_whole();
	ck_assert_int_eq(job(good)->state, JOB_RUNNING);
	ck_assert_int_eq(slots_taken(), 4);
	end_engine();
	/* and the next start, when the database takes it, brings it back */
	(void)given_sql("DROP TRIGGER poison");
	given_engine();
	ck_assert_int_eq(job(bad)->state, JOB_QUEUED);
	end_engine();
}
END_TEST

START_TEST(a_job_that_cannot_be_removed_keeps_no_other_here)
{
	int bad = 0, good = 1;

	given_engine_and_jobs();
	for (int i = bad; i <= good; i++) {
		hand_over_verb(VERB_CANCEL, i, 1);
		turn_whole();
	}
	sql_of("CREATE TRIGGER poison BEFORE DELETE ON job WHEN OLD.id =", bad,
	       REFUSED);
	clock_advance_to(job(good)->expires_ms);
	hand_over_jobs(1, "new");
	turn_in_pieces();
	ck_assert_ptr_null(job_if_any(good));
	ck_assert_ptr_nonnull(job_if_any(bad));
	/* it is not looked for in every turn from now on */
	ck_assert_int_gt(engine_deadline_ms(engine), clock_wall_ms());
	(void)given_sql("DROP TRIGGER poison");
	hand_over_verb(VERB_RESTART, bad, 1);
	turn_whole();
	end_engine();
}
END_TEST

START_TEST(old_things_that_cannot_be_purged_wait)
{
	given_engine_and_jobs();
	hand_over_verb(VERB_CANCEL, 0, 1);
	turn_whole();
	hand_over_verb(VERB_DELETE, 0, 1);
	turn_whole();
	(void)given_sql("CREATE TRIGGER poison BEFORE DELETE ON tombstone"
			REFUSED);
	clock_advance_to(GIVEN_NOW_MS + 3600000);
	hand_over_jobs(1, "new");
	turn_in_pieces();
	hand_over_jobs(1, "new");
	turn_whole();
	end_engine();
}
END_TEST

START_TEST(a_row_of_progress_that_cannot_be_written_is_left_out)
{
	uint32_t slots[2];
	int bad, good;

	given_engine_and_jobs();
	bad = one_that_is(JOB_RUNNING, 0);
	good = one_that_is(JOB_RUNNING, 1);
	slots[0] = board_slot_of(engine->board, ids[bad]);
	slots[1] = board_slot_of(engine->board, ids[good]);
	sql_of("CREATE TRIGGER poison BEFORE INSERT ON live WHEN "
	       "NEW.job_seq = (SELECT seq FROM job WHERE id =", bad,
	       ")" REFUSED);
	for (int i = 0; i < 2; i++) {
		board_report(engine->board, slots[i], 0.5, 1000,
			     clock_mono_ms());
		board_note(engine->board, slots[i])->reported = true;
		board_note(engine->board, slots[i])->live_written_ms = 0;
	}
	hand_over_jobs(1, "new");
	turn_in_pieces();
	ck_assert_int_eq(given_sql("SELECT count(*) FROM live"), 1);
	ck_assert_int_eq(job(bad)->state, JOB_RUNNING);
	ck_assert(!job(bad)->aside);
	end_engine();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_job_that_cannot_be_started_stops_no_other_and_no_command,
		a_job_set_aside_comes_back_by_a_verb_once_the_store_takes_it,
		an_end_that_can_never_be_stored_holds_no_slot,
		a_lost_run_that_cannot_be_queued_again_keeps_no_other_from_it,
		a_run_that_cannot_be_recovered_is_no_reason_not_to_start,
		a_job_that_cannot_be_removed_keeps_no_other_here,
		old_things_that_cannot_be_purged_wait,
		a_row_of_progress_that_cannot_be_written_is_left_out,
	};

	return given_run("engine_single", tests,
			 sizeof(tests) / sizeof(*tests));
}
