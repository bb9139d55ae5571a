#include "tests/unit/given_store.h"

#include "daemon/outcome.h"

#include <check.h>
#include <errno.h>
#include <string.h>

/* --- jobs ---------------------------------------------------------------------- */

static struct job *a_job_with_everything(int64_t seq, int base)
{
	struct simulate simulate = {
		.given = SIMULATE_DURATION | SIMULATE_ERROR_RATE |
			 SIMULATE_FAIL_AT | SIMULATE_FAIL_ATTEMPTS |
			 SIMULATE_SEED,
		.fail_attempts = 3, .duration_ms = 90001, .error_rate = 0.25,
		.fail_at = 1, .seed = (1ull << 53) - 1
	};
	struct job_parts parts = {
		.text = { "Launch \xc3\xa9 'x'", "https://a.example/v.mp4",
			  "en", "es", "one two.2" },
		.simulate = &simulate
	};
	struct job *job = job_new(&parts);

	job->seq = seq;
	given_uuid(seq, job->uuid);
	job->submitted_ms = GIVEN_NOW_MS + base;
	job->updated_ms = GIVEN_NOW_MS + base + 1;
	job->not_before_ms = GIVEN_NOW_MS + base + 2;
	job->eligible_ms = GIVEN_NOW_MS + base + 3;
	job->started_ms = GIVEN_NOW_MS + base + 4;
	job->paused_ms = GIVEN_NOW_MS + base + 5;
	job->finished_ms = GIVEN_NOW_MS + base + 6;
	job->expires_ms = GIVEN_NOW_MS + base + 7;
	job->ttl_s = base + 8;
	job->remaining_ms = base + 9;
	job->key = UINT64_MAX - base;
	job->progress = 1 / 3.0;
	job->version = base + 10;
	job->run = base + 11;
	job->attempt = base + 12;
	job->max_attempts = base + 13;
	job->budget_from = base + 14;
	job->last_error_attempt = base + 15;
	job->losses = 2;
	job->priority = -100;
	job->state = JOB_ERROR;
	job->stage = STAGE_LIP_SYNC;
	job->on_error = ON_ERROR_RESTART;
	job->last_error = ERROR_AUDIO_INVALID;
	job->ttl_given = true;
	return job;
}

static void same_job(const struct job *a, const struct job *b)
{
	ck_assert_uint_eq(a->bytes, b->bytes);
	ck_assert_mem_eq(a, b, offsetof(struct job, refs));
	for (int i = 0; i < JOB_TEXTS; i++)
		ck_assert_pstr_eq(job_text(a, i), job_text(b, i));
	if (job_simulate(a))
		ck_assert_mem_eq(job_simulate(a), job_simulate(b),
				 sizeof(struct simulate));
}

START_TEST(a_job_comes_back_as_it_was_inserted)
{
	struct job *job = a_job_with_everything(5, 100), *back;
	struct store *s = given_store();

	given_stored_job(s, job);
	store_close(s);
	s = given_store();
	back = stored_job(s, 5);
	same_job(job, back);
	job_unref(back);
	job_unref(job);
	store_close(s);
}
END_TEST

START_TEST(a_job_of_nothing_but_its_id_comes_back)
{
	struct store *s = given_store();
	struct job *job = given_job(JOB_DEFAULT_SEQ), *back;

	given_stored_job(s, job);
	back = stored_job(s, JOB_DEFAULT_SEQ);
	same_job(job, back);
	ck_assert_int_eq(given_sql("SELECT id = 'default' FROM job"), 1);
	job_unref(back);
	job_unref(job);
	store_close(s);
}
END_TEST

START_TEST(an_update_changes_all_that_may_change)
{
	struct store *s = given_store();
	struct job *first = a_job_with_everything(1, 100);
	struct job *then = a_job_with_everything(1, 900), *back;

	then->submitted_ms = first->submitted_ms;
	then->key = first->key;
	then->state = JOB_COMPLETED;
	then->stage = STAGE_RENDER;
	then->on_error = ON_ERROR_STOP;
	then->last_error = ERROR_TRANSLATION_FAILED;
	then->priority = 100;
	then->losses = 1;
	then->ttl_given = false;
	given_stored_job(s, first);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_update_job(s, then), 0);
	ck_assert_int_eq(store_commit(s), 0);
	back = stored_job(s, 1);
	same_job(then, back);
	job_unref(back);
	job_unref(first);
	job_unref(then);
	store_close(s);
}
END_TEST

START_TEST(the_tags_of_a_job_follow_its_edits_and_its_end)
{
	struct store *s = given_store();
	struct job *job = given_tagged_job(1, JOB_COMPLETED, "a b c");
	struct job_parts parts = { .text = { [TEXT_TAGS] = "b d b" } };
	struct job *edited = job_copy(job, &parts);
	struct tombstone t = given_tombstone(job, GIVEN_NOW_MS);

	given_stored_job(s, job);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM job_tag"), 3);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_update_job(s, edited), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(given_sql("SELECT group_concat(tag) = 'b,d' "
				   "FROM job_tag"), 1);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_delete_job(s, 1, &t), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM job_tag"), 0);
	job_unref(job);
	job_unref(edited);
	store_close(s);
}
END_TEST

START_TEST(an_item_at_fault_fails_for_good_and_spoils_its_transaction)
{
	struct store *s = given_store();
	struct job *job = given_job(1), *other = given_job(2), *back;

	given_stored_job(s, job);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_insert_job(s, other), 0);
	ck_assert_int_eq(store_insert_job(s, job), -EIO);
	ck_assert_ptr_nonnull(strstr(store_message(s), "UNIQUE"));
	ck_assert_int_eq(store_commit(s), -EIO);
	store_rollback(s);
	ck_assert_ptr_null(stored_job(s, 2));
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_update_job(s, other), -EIO);
	store_rollback(s);
	given_stored_job(s, other);
	back = stored_job(s, 2);
	same_job(other, back);
	job_unref(back);
	job_unref(job);
	job_unref(other);
	store_close(s);
}
END_TEST

START_TEST(a_rolled_back_transaction_leaves_nothing)
{
	struct store *s = given_store();
	struct job *job = given_job(1);

	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_insert_job(s, job), 0);
	store_rollback(s);
	store_rollback(s);
	ck_assert_ptr_null(stored_job(s, 1));
	job_unref(job);
	store_close(s);
}
END_TEST

/* --- live rows ------------------------------------------------------------------- */

static int64_t seen_live_at;

static int keep_live_at(void *user, struct job *job, int64_t live_at_ms)
{
	*(struct job **)user = job;
	seen_live_at = live_at_ms;
	return 7;
}

static struct job *job_with_live(struct job *job, const struct live_row *row)
{
	struct store *s = given_store();
	struct job *back = NULL;

	given_stored_job(s, job);
	ck_assert_int_eq(store_begin(s, DURABLE_LATER), 0);
	ck_assert_int_eq(store_put_live(s, row), 0);
	ck_assert_int_eq(store_put_live(s, row), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(store_load(s, keep_live_at, &back), 7);
	store_close(s);
	return back;
}

START_TEST(a_running_job_is_loaded_with_its_live_row)
{
	struct job *job = given_tagged_job(1, JOB_RUNNING, NULL), *back;
	struct live_row row = {
		.job_seq = 1, .at_ms = GIVEN_NOW_MS + 50, .remaining_ms = 1234,
		.progress = 0.4, .version = 5, .stage = STAGE_TRANSLATE
	};

	back = job_with_live(job, &row);
	ck_assert_int_eq(seen_live_at, GIVEN_NOW_MS + 50);
	ck_assert_double_eq(back->progress, 0.4);
	ck_assert_int_eq(back->remaining_ms, 1234);
	ck_assert_uint_eq(back->version, 5);
	ck_assert_int_eq(back->stage, STAGE_TRANSLATE);
	job_unref(back);
	job_unref(job);
}
END_TEST

START_TEST(a_live_row_older_than_an_edit_takes_nothing_back)
{
	struct job *job = given_tagged_job(1, JOB_RUNNING, NULL), *back;
	struct live_row row = {
		.job_seq = 1, .at_ms = GIVEN_NOW_MS + 50, .remaining_ms = 1234,
		.progress = 0.4, .version = 5, .stage = STAGE_DOWNLOAD
	};

	job->version = 8;
	job->stage = STAGE_RENDER;
	job->remaining_ms = 10;
	back = job_with_live(job, &row);
	ck_assert_double_eq(back->progress, 0.4);
	ck_assert_uint_eq(back->version, 8);
	ck_assert_int_eq(back->stage, STAGE_RENDER);
	ck_assert_int_eq(back->remaining_ms, 10);
	job_unref(back);
	job_unref(job);
}
END_TEST

START_TEST(a_live_row_of_a_job_that_does_not_run_counts_for_nothing)
{
	struct job *job = given_tagged_job(1, JOB_QUEUED, NULL), *back;
	struct live_row row = { .job_seq = 1, .progress = 0.4, .version = 5 };

	back = job_with_live(job, &row);
	ck_assert(seen_live_at == TIME_NONE);
	same_job(job, back);
	job_unref(back);
	job_unref(job);
}
END_TEST

/* --- events ---------------------------------------------------------------------- */

START_TEST(events_come_back_newest_last_and_as_they_were)
{
	struct store *s = given_store();
	struct job *job = given_job(3);
	struct event first = given_event(1, 3, EVENT_SUBMITTED,
					 EVENT_NO_STATE, JOB_QUEUED);
	struct event last = given_event(2, 3, EVENT_FAILED, JOB_RUNNING,
					JOB_ERROR);
	struct event out[4];
	size_t count;

	strcpy(last.detail, "download_failed");
	last.progress = 0.7;
	last.final = true;
	given_stored_job(s, job);
	given_stored_event(s, &first);
	given_stored_event(s, &last);
	ck_assert_int_eq(store_recent_events(s, out, 4, &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_mem_eq(&out[0], &first, sizeof(first));
	ck_assert_mem_eq(&out[1], &last, sizeof(last));
	ck_assert_int_eq(store_recent_events(s, out, 1, &count), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(out[0].seq, 2);
	job_unref(job);
	store_close(s);
}
END_TEST

START_TEST(a_failed_attempt_that_is_restarted_does_not_end_the_job)
{
	struct store *s = given_store();
	struct job *job = given_job(1);
	struct event e = given_event(1, 1, EVENT_FAILED, JOB_RUNNING,
				     JOB_QUEUED), out[1];
	size_t count;

	given_stored_job(s, job);
	given_stored_event(s, &e);
	ck_assert_int_eq(store_recent_events(s, out, 1, &count), 0);
	ck_assert(!out[0].final);
	job_unref(job);
	store_close(s);
}
END_TEST

/* Events after it are whole. */
static int64_t horizon(void)
{
	return given_sql("SELECT value FROM meta WHERE name = 'event_horizon'");
}

START_TEST(a_removed_job_keeps_its_events_until_its_tombstone_goes)
{
	struct store *s = given_store();
	struct event out[8];
	size_t count;
	int64_t at;

	given_removed_job(s, 1, GIVEN_NOW_MS + 10, 3, 1);
	given_removed_job(s, 2, GIVEN_NOW_MS + 20, 2, 4);
	ck_assert_int_eq(store_recent_events(s, out, 8, &count), 0);
	ck_assert_uint_eq(count, 5);
	ck_assert_int_eq(horizon(), 0);
	ck_assert_int_eq(store_next_tombstone(s, &at), 0);
	ck_assert_int_eq(at, GIVEN_NOW_MS + 10);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS + 9, 10), 0);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS + 10, 10), 1);
	ck_assert_int_eq(horizon(), 3);
	ck_assert_int_eq(store_recent_events(s, out, 8, &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS + 99, 10), 1);
	ck_assert_int_eq(horizon(), 5);
	ck_assert_int_eq(store_next_tombstone(s, &at), 0);
	ck_assert(at == TIME_NONE);
	store_close(s);
}
END_TEST

START_TEST(a_purge_is_a_small_lot_even_of_a_job_with_a_long_history)
{
	struct store *s = given_store();

	given_removed_job(s, 1, GIVEN_NOW_MS, 2500, 1);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS, 10), 0);
	ck_assert_int_eq(horizon(), 1000);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS, 10), 0);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS, 10), 1);
	ck_assert_int_eq(horizon(), 2500);
	store_close(s);
}
END_TEST

START_TEST(ordinals_are_never_given_twice)
{
	struct store *s = given_store();
	int64_t job_seq, event_seq, newest;

	ck_assert_int_eq(store_bounds(s, &job_seq, &event_seq, &newest), 0);
	ck_assert_int_eq(job_seq, 0);
	ck_assert_int_eq(event_seq, 0);
	ck_assert(newest == TIME_NONE);
	given_removed_job(s, 9, GIVEN_NOW_MS, 4, 10);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS, 10), 1);
	store_close(s);
	s = given_store();
	ck_assert_int_eq(store_bounds(s, &job_seq, &event_seq, &newest), 0);
	ck_assert_int_eq(job_seq, 9);
	ck_assert_int_eq(event_seq, 13);
	store_close(s);
}
END_TEST

START_TEST(the_newest_moment_stored_is_known)
{
	struct store *s = given_store();
	struct job *job = given_job(1);
	struct live_row row = { .job_seq = 1, .at_ms = GIVEN_NOW_MS + 500 };
	struct event e = given_event(40, 1, EVENT_SUBMITTED, EVENT_NO_STATE,
				     JOB_QUEUED);
	int64_t job_seq, event_seq, newest;

	given_stored_job(s, job);
	given_stored_event(s, &e);
	ck_assert_int_eq(store_bounds(s, &job_seq, &event_seq, &newest), 0);
	ck_assert_int_eq(newest, GIVEN_NOW_MS + 40);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_put_live(s, &row), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(store_bounds(s, &job_seq, &event_seq, &newest), 0);
	ck_assert_int_eq(newest, GIVEN_NOW_MS + 500);
	job_unref(job);
	store_close(s);
}
END_TEST

/* --- what expires ------------------------------------------------------------------ */

START_TEST(jobs_expire_oldest_first)
{
	struct store *s = given_store();
	int64_t seqs[8], at;

	ck_assert_int_eq(store_next_expiry(s, &at), 0);
	ck_assert(at == TIME_NONE);
	for (int i = 1; i <= 5; i++) {
		struct job *job = given_job(i);

		if (i != 3)
			job->expires_ms = GIVEN_NOW_MS + 100 - i;
		given_stored_job(s, job);
		job_unref(job);
	}
	ck_assert_int_eq(store_next_expiry(s, &at), 0);
	ck_assert_int_eq(at, GIVEN_NOW_MS + 95);
	ck_assert_int_eq(store_expired(s, GIVEN_NOW_MS + 94, seqs, 8), 0);
	ck_assert_int_eq(store_expired(s, GIVEN_NOW_MS + 98, seqs, 8), 3);
	ck_assert(seqs[0] == 5 && seqs[1] == 4 && seqs[2] == 2);
	ck_assert_int_eq(store_expired(s, GIVEN_NOW_MS + 999, seqs, 2), 2);
	store_close(s);
}
END_TEST

START_TEST(an_idempotent_answer_is_remembered_until_it_is_purged)
{
	struct store *s = given_store();
	uint8_t uuids[3][16], status[3] = { 0, 3, 12 };
	struct idempotency in = {
		.scope = "POST /v1/jobs:cancel k-1", .digest = { 1, UINT64_MAX },
		.created_ms = GIVEN_NOW_MS, .status = 200, .count = 3,
		.uuids = uuids, .item_status = status
	}, out;
	int64_t at;

	for (int i = 0; i < 3; i++)
		given_uuid(i, uuids[i]);
	ck_assert_int_eq(store_find_idempotency(s, in.scope, &out), -ENOENT);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_put_idempotency(s, &in), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(store_find_idempotency(s, in.scope, &out), 0);
	ck_assert_str_eq(out.scope, in.scope);
	ck_assert_mem_eq(out.digest, in.digest, sizeof(in.digest));
	ck_assert_int_eq(out.status, 200);
	ck_assert_uint_eq(out.count, 3);
	ck_assert_mem_eq(out.uuids, uuids, sizeof(uuids));
	ck_assert_mem_eq(out.item_status, status, 3);
	idempotency_clear(&out);
	ck_assert_int_eq(store_next_idempotency(s, &at), 0);
	ck_assert_int_eq(at, GIVEN_NOW_MS);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_purge_idempotency(s, at - 1, 9), 0);
	ck_assert_int_eq(store_purge_idempotency(s, at, 9), 1);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(store_find_idempotency(s, in.scope, &out), -ENOENT);
	store_close(s);
}
END_TEST

START_TEST(an_answer_that_never_was_is_a_corrupt_one)
{
	struct store *s = given_store();
	uint8_t uuids[2][16], status[2] = { 0, OUTCOMES };
	struct idempotency in = {
		.scope = "POST /v1/jobs:cancel k-2", .status = 200, .count = 2,
		.uuids = uuids, .item_status = status
	}, out;

	for (int i = 0; i < 2; i++)
		given_uuid(i, uuids[i]);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_put_idempotency(s, &in), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(store_find_idempotency(s, in.scope, &out), -EUCLEAN);
	store_close(s);
}
END_TEST

START_TEST(an_answer_without_jobs_is_remembered_too)
{
	struct store *s = given_store();
	struct idempotency in = {
		.scope = "POST /v1/queue:pause x", .status = 200
	}, out;

	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_put_idempotency(s, &in), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(store_find_idempotency(s, in.scope, &out), 0);
	ck_assert_uint_eq(out.count, 0);
	ck_assert_ptr_null(out.item_status);
	idempotency_clear(&out);
	store_close(s);
}
END_TEST

START_TEST(numbers_are_kept_by_name)
{
	struct store *s = given_store();
	int64_t value = 1;

	ck_assert_int_eq(store_meta_get(s, "seed", &value), -ENOENT);
	ck_assert_int_eq(value, 1);
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	ck_assert_int_eq(store_put_meta(s, "seed", 5), 0);
	ck_assert_int_eq(store_put_meta(s, "seed", INT64_MAX), 0);
	ck_assert_int_eq(store_commit(s), 0);
	ck_assert_int_eq(store_meta_get(s, "seed", &value), 0);
	ck_assert_int_eq(value, INT64_MAX);
	store_close(s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_job_comes_back_as_it_was_inserted,
		a_job_of_nothing_but_its_id_comes_back,
		an_update_changes_all_that_may_change,
		the_tags_of_a_job_follow_its_edits_and_its_end,
		an_item_at_fault_fails_for_good_and_spoils_its_transaction,
		a_rolled_back_transaction_leaves_nothing,
		a_running_job_is_loaded_with_its_live_row,
		a_live_row_older_than_an_edit_takes_nothing_back,
		a_live_row_of_a_job_that_does_not_run_counts_for_nothing,
		events_come_back_newest_last_and_as_they_were,
		a_failed_attempt_that_is_restarted_does_not_end_the_job,
		a_removed_job_keeps_its_events_until_its_tombstone_goes,
		a_purge_is_a_small_lot_even_of_a_job_with_a_long_history,
		ordinals_are_never_given_twice,
		the_newest_moment_stored_is_known,
		jobs_expire_oldest_first,
		an_idempotent_answer_is_remembered_until_it_is_purged,
		an_answer_that_never_was_is_a_corrupt_one,
		an_answer_without_jobs_is_remembered_too,
		numbers_are_kept_by_name,
	};

	return given_run("store", tests, sizeof(tests) / sizeof(*tests));
}
