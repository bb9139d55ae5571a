#include "daemon/store_tools.h"
#include "sql/sql.h"
#include "tests/unit/given_store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char message[256];

static const char *path_of(const char *name)
{
	static char path[GIVEN_DIR_BYTES + 32];

	snprintf(path, sizeof(path), "%s/%s", given_dir, name);
	return path;
}

static void given_jobs(struct store *s, int count)
{
	for (int seq = 1; seq <= count; seq++) {
		struct job *job = given_tagged_job(seq, JOB_QUEUED, "a b");
		struct event e = given_event(seq, seq, EVENT_SUBMITTED,
					     EVENT_NO_STATE, JOB_QUEUED);

		given_stored_job(s, job);
		given_stored_event(s, &e);
		job_unref(job);
	}
}

/* --- backup ------------------------------------------------------------------------ */

START_TEST(a_backup_of_an_open_store_is_a_store)
{
	struct store *s = given_store();
	struct job *job, *back;
	char path[GIVEN_DIR_BYTES + 32];

	given_jobs(s, 50);
	snprintf(path, sizeof(path), "%s", path_of("copy.db"));
	ck_assert_msg(store_backup(given_dir, path, message,
				   sizeof(message)) == 0, "%s", message);
	ck_assert_ptr_nonnull(strstr(message, path));
	job = given_job(51);
	given_stored_job(s, job);	/* only in the original */
	store_close(s);
	ck_assert_int_eq(access(path_of("copy.db-wal"), F_OK), -1);
	ck_assert_int_eq(rename(path, path_of("jobs.db")), 0);
	(void)unlink(path_of("jobs.db-wal"));
	(void)unlink(path_of("jobs.db-shm"));
	s = given_store();
	back = stored_job(s, 50);
	ck_assert_ptr_nonnull(back);
	ck_assert_ptr_null(stored_job(s, 51));
	ck_assert_int_eq(store_probe(s), 0);
	ck_assert_int_eq(given_sql("PRAGMA auto_vacuum"), 2);
	ck_assert_int_eq(store_check(given_dir, message, sizeof(message)), 0);
	job_unref(back);
	job_unref(job);
	store_close(s);
}
END_TEST

START_TEST(a_backup_is_for_the_owner_and_the_group_to_read)
{
	struct store *s = given_store();
	struct stat st;

	ck_assert_int_eq(store_backup(given_dir, path_of("copy.db"), message,
				      sizeof(message)), 0);
	ck_assert_int_eq(stat(path_of("copy.db"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0137, 0);
	store_close(s);
}
END_TEST

START_TEST(a_backup_writes_over_no_file)
{
	struct store *s = given_store();

	given_jobs(s, 1);
	ck_assert_int_eq(store_backup(given_dir, path_of("jobs.db"), message,
				      sizeof(message)), -EEXIST);
	ck_assert_ptr_nonnull(strstr(message, "exists"));
	ck_assert_int_eq(store_check(given_dir, message, sizeof(message)), 0);
	store_close(s);
}
END_TEST

START_TEST(a_backup_that_fails_leaves_no_file)
{
	char to[GIVEN_DIR_BYTES + 32];

	snprintf(to, sizeof(to), "%s", path_of("copy.db"));
	ck_assert_int_eq(store_backup("/nonexistent", to, message,
				      sizeof(message)), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(message, "/nonexistent"));
	ck_assert_int_eq(access(to, F_OK), -1);
	ck_assert_int_eq(store_backup(given_dir, "/nonexistent/x", message,
				      sizeof(message)), -ENOENT);
}
END_TEST

START_TEST(a_backup_does_not_stop_the_writer)
{
	struct store *s = given_store();
	sqlite3 *shell = NULL;

	given_jobs(s, 1);
	ck_assert_int_eq(sqlite3_open(path_of("jobs.db"), &shell), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL,
				      NULL), SQLITE_OK);
	ck_assert_int_eq(store_backup(given_dir, path_of("copy.db"), message,
				      sizeof(message)), 0);
	ck_assert_int_eq(sqlite3_exec(shell, "DELETE FROM live; COMMIT", NULL,
				      NULL, NULL), SQLITE_OK);
	sqlite3_close(shell);
	store_close(s);
}
END_TEST

/* --- check ------------------------------------------------------------------------- */

START_TEST(a_store_is_whole_while_it_is_open_and_after)
{
	struct store *s = given_store();

	given_jobs(s, 3);
	given_removed_job(s, 9, GIVEN_NOW_MS, 2, 10);
	ck_assert_msg(store_check(given_dir, message, sizeof(message)) == 0,
		      "%s", message);
	ck_assert_ptr_nonnull(strstr(message, "3 jobs"));
	store_close(s);
	ck_assert_int_eq(store_check(given_dir, message, sizeof(message)), 0);
}
END_TEST

/* Each spoils a whole database in one way. */
static const struct {
	const char *spoil, *sentence;
	int error;
} harms[] = {
	{ "INSERT INTO live VALUES (77, 1, 1, 0, 1, NULL)",
	  "rows of progress without a job", -EUCLEAN },
	{ "DELETE FROM job WHERE seq = 2", "events of no job", -EUCLEAN },
	{ "UPDATE job SET tags = 'a' WHERE seq = 1",
	  "tags that their job does not have", -EUCLEAN },
	{ "UPDATE job SET state = 'flying'", "jobs in no state", -EUCLEAN },
	{ "UPDATE job SET state = 'error'", "without an end", -EUCLEAN },
	{ "INSERT INTO tombstone SELECT 99, id, state, 1, 1 FROM job LIMIT 1",
	  "still there", -EUCLEAN },
	{ "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'job'",
	  "beyond the last ordinal", -EUCLEAN },
	{ "PRAGMA user_version = 7", "knows 1", -ENOTSUP },
	{ "PRAGMA application_id = 7", "not a job database", -ENOTSUP },
};
#define HARMS (sizeof(harms) / sizeof(*harms))

START_TEST(a_store_that_is_not_whole_is_told_by_what_is_wrong)
{
	struct store *s = given_store();

	given_jobs(s, 3);
	store_close(s);
	(void)given_sql(harms[_i].spoil);
	ck_assert_int_eq(store_check(given_dir, message, sizeof(message)),
			 harms[_i].error);
	ck_assert_msg(strstr(message, harms[_i].sentence), "%s", message);
}
END_TEST

START_TEST(a_page_that_was_overwritten_is_found)
{
	struct store *s = given_store();
	FILE *f;

	given_jobs(s, 200);
	store_close(s);
	f = fopen(path_of("jobs.db"), "r+");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 4096L * 5, SEEK_SET), 0);
	for (int i = 0; i < 4096 * 4; i++)
		fputc(0x5a, f);
	fclose(f);
	ck_assert_int_eq(store_check(given_dir, message, sizeof(message)),
			 -EUCLEAN);
}
END_TEST

/* --- databases of older heygends --------------------------------------------------------- */

START_TEST(a_database_of_each_older_schema_opens_with_all_that_it_held)
{
	struct store *s;
	struct job *job;
	struct event events[8];
	size_t count;

	given_schema(_i + 1);
	s = given_store();
	ck_assert_int_eq(given_sql("PRAGMA user_version"), schema_version);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM jobs"), 3);
	job = stored_job(s, 1);
	ck_assert_str_eq(job_text(job, TEXT_TITLE), "It's \"old\"");
	ck_assert_int_eq(job->state, JOB_ERROR);
	ck_assert_int_eq(job->last_error, ERROR_AUDIO_INVALID);
	ck_assert_int_eq(job->attempt, 3);
	ck_assert_int_eq(job_simulate(job)->given,
			 SIMULATE_DURATION | SIMULATE_SEED);
	ck_assert(job_has_tag(job, "demo"));
	job_unref(job);
	job = stored_job(s, 2);
	ck_assert_int_eq(job->state, JOB_RUNNING);
	ck_assert_double_eq(job->progress, 0.5);
	ck_assert_int_eq(job->stage, STAGE_TRANSLATE);
	job_unref(job);
	ck_assert_int_eq(store_recent_events(s, events, 8, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(store_check(given_dir, message, sizeof(message)), 0);
	store_close(s);
}
END_TEST

START_TEST(the_views_of_an_older_heygend_are_replaced)
{
	struct store *s = given_store();

	store_close(s);
	(void)given_sql("DROP VIEW jobs; CREATE VIEW jobs AS SELECT 1 AS old; "
			"UPDATE meta SET value = 1 WHERE name = 'views'");
	s = given_store();
	ck_assert_int_eq(given_sql("SELECT count(*) FROM pragma_table_info("
				   "'jobs') WHERE name = 'id'"), 1);
	store_close(s);
}
END_TEST

START_TEST(a_database_that_was_never_finished_is_made_anew)
{
	struct store *s;

	(void)given_sql("PRAGMA auto_vacuum = INCREMENTAL; "
			"PRAGMA journal_mode = WAL");
	s = given_store();
	ck_assert_int_eq(given_sql("SELECT count(*) FROM jobs"), 0);
	ck_assert_int_eq(given_sql("PRAGMA auto_vacuum"), 2);
	store_close(s);
}
END_TEST

int main(void)
{
	const struct given_loop loops[] = {
		{ a_backup_of_an_open_store_is_a_store, 1 },
		{ a_backup_is_for_the_owner_and_the_group_to_read, 1 },
		{ a_backup_writes_over_no_file, 1 },
		{ a_backup_that_fails_leaves_no_file, 1 },
		{ a_backup_does_not_stop_the_writer, 1 },
		{ a_store_is_whole_while_it_is_open_and_after, 1 },
		{ a_store_that_is_not_whole_is_told_by_what_is_wrong, HARMS },
		{ a_page_that_was_overwritten_is_found, 1 },
		{ a_database_of_each_older_schema_opens_with_all_that_it_held,
		  schema_version },
		{ the_views_of_an_older_heygend_are_replaced, 1 },
		{ a_database_that_was_never_finished_is_made_anew, 1 },
	};

	return given_run_loops("store_tools", loops,
			       sizeof(loops) / sizeof(*loops));
}
