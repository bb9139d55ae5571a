#include "daemon/reader.h"
#include "sql/sql.h"
#include "tests/unit/given_store.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t soon(void)		/* a deadline that nothing should meet */
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + 30000;
}

static struct reader *given_reader(void)
{
	struct reader *r = NULL;

	ck_assert_int_eq(reader_open(&r, given_dir), 0);
	return r;
}

/* --- lists ----------------------------------------------------------------------- */

#define MANY 200

static bool has_tag(int64_t seq, const char *tag)
{
	return *tag == 'a' ? seq % 2 == 0 : *tag == 'b' ? seq % 3 == 0
							: seq == 60;
}

/* MANY jobs: states in turn; tagged "a" if even, "b" if divisible by three,
 * "c" for number 60. */
static void given_many_jobs(struct store *s)
{
	ck_assert_int_eq(store_begin(s, DURABLE_LATER), 0);
	for (int64_t seq = 0; seq < MANY; seq++) {
		char tags[16] = "";
		struct job *job;

		for (const char *t = "a\0b\0c\0"; *t; t += 2)
			if (has_tag(seq, t)) {
				strcat(tags, *tags ? " " : "");
				strcat(tags, t);
			}
		job = given_tagged_job(seq, seq % JOB_STATES, tags);
		ck_assert_int_eq(store_insert_job(s, job), 0);
		job_unref(job);
	}
	ck_assert_int_eq(store_commit(s), 0);
}

static bool matches(const struct job_filter *f, int64_t seq)
{
	if (f->states && !(f->states & 1u << seq % JOB_STATES))
		return false;
	for (size_t i = 0; i < f->tag_count; i++)
		if (!has_tag(seq, f->tags[i]))
			return false;
	return true;
}

static void same_list(struct reader *r, struct job_filter f)
{
	int64_t page[7], expected = MANY - 1;
	int count;

	f.before_seq = INT64_MAX;
	do {
		count = reader_list(r, &f, soon(), page, 7);
		ck_assert_int_ge(count, 0);
		for (int i = 0; i < count; i++) {
			while (expected > page[i])
				ck_assert(!matches(&f, expected--));
			ck_assert_int_eq(page[i], expected);
			ck_assert(matches(&f, expected--));
		}
		f.before_seq = count ? page[count - 1] : 0;
	} while (count == 7);
	while (expected >= 0)
		ck_assert(!matches(&f, expected--));
}

START_TEST(every_filter_gives_its_jobs_newest_first_page_by_page)
{
	static const char *const names[] = { "a", "b", "c" };
	struct store *s = given_store();
	struct reader *r = given_reader();

	given_many_jobs(s);
	for (unsigned states = 0; states < 1u << JOB_STATES; states++)
		for (unsigned tags = 0; tags < 8; tags++) {
			struct job_filter f = { .states = states };

			for (int i = 0; i < 3; i++)
				if (tags & 1u << i)
					f.tags[f.tag_count++] = names[i];
			same_list(r, f);
		}
	reader_close(r);
	store_close(s);
}
END_TEST

START_TEST(a_list_has_no_duplicates_while_jobs_arrive)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	struct job_filter f = { .states = 1u << JOB_QUEUED,
				.before_seq = INT64_MAX };
	int64_t first[2], second[2];
	struct job *job;

	for (int seq = 1; seq <= 4; seq++) {
		job = given_job(seq);
		given_stored_job(s, job);
		job_unref(job);
	}
	ck_assert_int_eq(reader_list(r, &f, soon(), first, 2), 2);
	job = given_job(5);
	given_stored_job(s, job);
	job_unref(job);
	f.before_seq = first[1];
	ck_assert_int_eq(reader_list(r, &f, soon(), second, 2), 2);
	ck_assert(first[0] == 4 && first[1] == 3);
	ck_assert(second[0] == 2 && second[1] == 1);
	reader_close(r);
	store_close(s);
}
END_TEST

/* --- events ------------------------------------------------------------------------ */

/* Events 1..count of jobs 1, 2, 3 in turn; each ninth ends its job; job 2 is
 * tagged "two". */
static void given_events(struct store *s, int count)
{
	for (int seq = 1; seq <= 3; seq++) {
		struct job *job = given_tagged_job(seq, JOB_RUNNING,
						   seq == 2 ? "two" : NULL);

		given_stored_job(s, job);
		job_unref(job);
	}
	ck_assert_int_eq(store_begin(s, DURABLE_LATER), 0);
	for (int seq = 1; seq <= count; seq++) {
		struct event e = given_event(seq, 1 + (seq - 1) % 3,
					     EVENT_STAGE, EVENT_NO_STATE,
					     EVENT_NO_STATE);

		if (seq % 9 == 0) {
			e.kind = EVENT_COMPLETED;
			e.from = JOB_RUNNING;
			e.to = JOB_COMPLETED;
		}
		ck_assert_int_eq(store_append_event(s, &e), 0);
	}
	ck_assert_int_eq(store_commit(s), 0);
}

START_TEST(the_history_of_a_job_is_its_own_and_in_order)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	struct event out[8];

	given_events(s, 30);
	ck_assert_int_eq(reader_job_events(r, 2, 5, soon(), out, 3), 3);
	ck_assert_int_eq(out[0].seq, 8);
	ck_assert_int_eq(out[2].seq, 14);
	ck_assert_int_eq(out[0].job_seq, 2);
	ck_assert_int_eq(out[0].uuid[7], 3);	/* given_uuid(2) */
	ck_assert_int_eq(reader_job_events(r, 2, 29, soon(), out, 8), 0);
	ck_assert_int_eq(reader_job_events(r, 99, 0, soon(), out, 8), 0);
	reader_close(r);
	store_close(s);
}
END_TEST

START_TEST(events_are_filtered_by_end_by_tag_and_by_job)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	uint8_t uuids[4][16];
	struct event_filter f = { .final_only = true };
	struct event out[32];
	int64_t next = -1;

	given_events(s, 30);
	ck_assert_int_eq(reader_events(r, &f, 0, soon(), out, 32, &next), 3);
	ck_assert(out[0].seq == 9 && out[0].final && out[2].seq == 27);
	ck_assert_int_eq(next, 30);
	f = (struct event_filter){ .tag = "two" };
	ck_assert_int_eq(reader_events(r, &f, 3, soon(), out, 2, &next), 2);
	ck_assert(out[0].seq == 5 && out[1].seq == 8 && next == 8);
	given_uuid(3, uuids[0]);
	given_uuid(1, uuids[1]);
	given_uuid(3, uuids[2]);
	given_uuid(77, uuids[3]);
	f = (struct event_filter){ .id_count = 4,
		.uuids = (const uint8_t (*)[16])uuids };
	ck_assert_int_eq(reader_events(r, &f, 0, soon(), out, 5, &next), 5);
	ck_assert(out[0].seq == 1 && out[1].seq == 3 && out[4].seq == 7);
	ck_assert_int_eq(next, 7);
	ck_assert_int_eq(reader_events(r, &f, 7, soon(), out, 32, &next), 15);
	ck_assert_int_eq(next, 30);
	f.tag = "two";
	ck_assert_int_eq(reader_events(r, &f, 0, soon(), out, 32, &next), 0);
	ck_assert_int_eq(next, 30);
	ck_assert_int_eq(reader_events(r, &f, 31, soon(), out, 32, &next), 0);
	ck_assert_int_eq(next, 31);
	reader_close(r);
	store_close(s);
}
END_TEST

START_TEST(a_filter_that_matches_little_still_gets_on)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	struct event_filter f = { .tag = "no such tag" };
	struct event out[1];
	int64_t next = 0;

	given_events(s, READER_SCAN_EVENTS + 5);
	ck_assert_int_eq(reader_events(r, &f, 0, soon(), out, 1, &next), 0);
	ck_assert_int_eq(next, READER_SCAN_EVENTS);
	ck_assert_int_eq(reader_events(r, &f, next, soon(), out, 1, &next), 0);
	ck_assert_int_eq(next, READER_SCAN_EVENTS + 5);
	reader_close(r);
	store_close(s);
}
END_TEST

START_TEST(a_position_before_the_horizon_is_refused)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	struct event_filter f = { .tag = NULL };
	struct event out[8];
	int64_t next = -7;

	given_removed_job(s, 1, GIVEN_NOW_MS, 4, 1);
	given_removed_job(s, 2, GIVEN_NOW_MS + 9, 2, 5);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS, 9), 1);
	ck_assert_int_eq(reader_events(r, &f, 3, soon(), out, 8, &next),
			 -ERANGE);
	ck_assert_int_eq(next, -7);
	ck_assert_int_eq(reader_events(r, &f, 4, soon(), out, 8, &next), 2);
	ck_assert(next == 6 && out[0].uuid[7] == 3);
	reader_close(r);
	store_close(s);
}
END_TEST

/* --- ids that were here ---------------------------------------------------------------- */

START_TEST(a_removed_job_is_known_until_its_tombstone_goes)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	struct tombstone t;
	uint8_t uuid[16];

	given_uuid(1, uuid);
	ck_assert_int_eq(reader_tombstone(r, uuid, soon(), &t), -ENOENT);
	given_removed_job(s, 1, GIVEN_NOW_MS + 3, 1, 1);
	ck_assert_int_eq(reader_tombstone(r, uuid, soon(), &t), 0);
	ck_assert_int_eq(t.job_seq, 1);
	ck_assert_int_eq(t.state, JOB_COMPLETED);
	ck_assert_int_eq(t.removed_ms, GIVEN_NOW_MS + 3);
	ck_assert(t.finished_ms == TIME_NONE);
	ck_assert_mem_eq(t.uuid, uuid, 16);
	ck_assert_int_eq(given_purge(s, GIVEN_NOW_MS + 3, 9), 1);
	ck_assert_int_eq(reader_tombstone(r, uuid, soon(), &t), -ENOENT);
	reader_close(r);
	store_close(s);
}
END_TEST

/* --- the pool ---------------------------------------------------------------------------- */

START_TEST(a_request_leaves_no_snapshot_behind)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	struct job_filter f = { .before_seq = INT64_MAX };
	int64_t seqs[1];

	given_many_jobs(s);
	ck_assert_int_eq(reader_list(r, &f, soon(), seqs, 1), 1);
	ck_assert_int_eq(store_probe(s), 0);
	ck_assert_int_eq(store_checkpoint(s, true), 0);
	reader_close(r);
	store_close(s);
}
END_TEST

START_TEST(a_deadline_that_has_passed_is_kept)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	struct job_filter f = { .before_seq = INT64_MAX };
	int64_t seqs[1];

	ck_assert_int_eq(reader_list(r, &f, soon() - 60000, seqs, 1),
			 -ETIMEDOUT);
	ck_assert_int_eq(reader_list(r, &f, soon(), seqs, 1), 0);
	reader_close(r);
	store_close(s);
}
END_TEST

START_TEST(without_a_database_there_is_an_error_until_there_is_one)
{
	struct reader *r = given_reader();
	struct job_filter f = { .before_seq = INT64_MAX };
	struct store *s;
	int64_t seqs[1];

	ck_assert_int_eq(reader_list(r, &f, soon(), seqs, 1), -EIO);
	s = given_store();
	ck_assert_int_eq(reader_list(r, &f, soon(), seqs, 1), 0);
	reader_close(r);
	store_close(s);
}
END_TEST

static void *read_for_a_while(void *user)
{
	struct reader *r = user;
	struct job_filter f = { .before_seq = INT64_MAX, .tag_count = 1,
				.tags = { "a" } };
	struct event_filter any = { .final_only = true };
	struct event events[16];
	struct tombstone t;
	int64_t seqs[16], next = 0;
	uint8_t uuid[16];

	given_uuid(5, uuid);
	for (int i = 0; i < 100; i++) {
		if (reader_list(r, &f, soon(), seqs, 16) < 0 ||
		    reader_events(r, &any, next, soon(), events, 16,
				  &next) < 0 ||
		    reader_job_events(r, 1, 0, soon(), events, 16) < 0 ||
		    reader_tombstone(r, uuid, soon(), &t) != -ENOENT)
			return r;
	}
	return NULL;
}

START_TEST(eight_threads_share_four_connections_while_the_engine_writes)
{
	struct store *s = given_store();
	struct reader *r = given_reader();
	pthread_t threads[8];

	given_events(s, 300);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						read_for_a_while, r), 0);
	for (int i = 0; i < 200; i++) {
		struct job *job = given_tagged_job(10 + i, JOB_QUEUED, "a b");

		given_stored_job(s, job);
		job_unref(job);
		(void)store_checkpoint(s, i % 8 == 0);
	}
	for (int i = 0; i < 8; i++) {
		void *failed;

		ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
		ck_assert_ptr_null(failed);
	}
	reader_close(r);
	store_close(s);
}
END_TEST

/* --- plans --------------------------------------------------------------------------------- */

static void no_plan_says(sqlite3 *db, const char *sql, const char *bad)
{
	sqlite3_stmt *st = NULL;
	char text[4096];

	snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql);
	ck_assert_int_eq(sqlite3_prepare_v2(db, text, -1, &st, NULL), 0);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(st, 3);

		ck_assert_msg(!strstr(step, bad), "%s in\n%s", step, sql);
	}
	sqlite3_finalize(st);
}

START_TEST(every_statement_finds_its_rows_by_an_index)
{
	struct store *s = given_store();
	char path[GIVEN_DIR_BYTES + 32];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/jobs.db", given_dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < READ_STMTS; i++)
		for (const char *t = "SCAN job\0SCAN event\0SCAN tombstone\0"
				     "TEMP B-TREE\0"; *t; t += strlen(t) + 1)
			no_plan_says(db, read_sql[i], t);
	for (int i = 0; i < STMTS; i++)
		if (i != STMT_JOB_LOAD && i != STMT_EVENT_RECENT &&
		    i != STMT_BOUNDS) {
			no_plan_says(db, stmt_sql[i], "SCAN job");
			no_plan_says(db, stmt_sql[i], "TEMP B-TREE");
		}
	sqlite3_close(db);
	store_close(s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		every_filter_gives_its_jobs_newest_first_page_by_page,
		a_list_has_no_duplicates_while_jobs_arrive,
		the_history_of_a_job_is_its_own_and_in_order,
		events_are_filtered_by_end_by_tag_and_by_job,
		a_filter_that_matches_little_still_gets_on,
		a_position_before_the_horizon_is_refused,
		a_removed_job_is_known_until_its_tombstone_goes,
		a_request_leaves_no_snapshot_behind,
		a_deadline_that_has_passed_is_kept,
		without_a_database_there_is_an_error_until_there_is_one,
		eight_threads_share_four_connections_while_the_engine_writes,
		every_statement_finds_its_rows_by_an_index,
	};

	return given_run("reader", tests, sizeof(tests) / sizeof(*tests));
}
