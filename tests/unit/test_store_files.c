#include "tests/unit/given_store.h"

#include <check.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

START_TEST(a_fresh_database_is_what_the_design_says)
{
	struct store *s = given_store();

	ck_assert_int_eq(given_sql("PRAGMA user_version"), 1);
	ck_assert_int_eq(given_sql("PRAGMA auto_vacuum"), 2);
	ck_assert_int_eq(given_sql("PRAGMA application_id"), 0x48594744);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM pragma_journal_mode "
				   "WHERE journal_mode = 'wal'"), 1);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM pragma_table_list "
				   "WHERE schema = 'main' AND type = 'table' "
				   "AND name NOT LIKE 'sqlite%' "
				   "AND NOT strict"), 0);
	store_close(s);
}
END_TEST

START_TEST(a_checkpoint_moves_the_log_into_the_database)
{
	struct store *s = given_store();
	struct job *job = given_job(1);

	given_stored_job(s, job);
	ck_assert_int_gt(store_wal_bytes(s), 0);
	ck_assert_int_gt(store_wal_pending(s), 0);
	ck_assert_int_eq(store_checkpoint(s, false), 0);
	ck_assert_int_eq(store_wal_pending(s), 0);
	ck_assert_int_eq(store_checkpoint(s, true), 0);
	ck_assert_int_eq(store_wal_bytes(s), 0);
	ck_assert_int_eq(store_probe(s), 0);
	ck_assert_int_gt(store_wal_pending(s), 0);
	job_unref(job);
	store_close(s);
}
END_TEST

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A person's shell that has said this and then went to lunch. */
static sqlite3 *given_shell(const char *said)
{
	char path[GIVEN_DIR_BYTES + 32];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/jobs.db", given_dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, said, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

START_TEST(a_shell_that_holds_a_snapshot_delays_nothing)
{
	struct store *s = given_store();
	struct job *job = given_job(1);
	int64_t began = now_ms();
	sqlite3 *shell;

	ck_assert_int_eq(store_probe(s), 0);
	shell = given_shell("BEGIN; SELECT * FROM meta");
	given_stored_job(s, job);
	ck_assert_int_eq(store_checkpoint(s, false), -EBUSY);
	ck_assert_int_eq(store_checkpoint(s, true), -EBUSY);
	ck_assert_int_gt(store_wal_pending(s), 0);
	ck_assert_int_lt(now_ms() - began, 1900);
	sqlite3_close(shell);
	ck_assert_int_eq(store_checkpoint(s, true), 0);
	ck_assert_int_eq(store_wal_pending(s), 0);
	job_unref(job);
	store_close(s);
}
END_TEST

START_TEST(a_shell_that_holds_the_write_lock_is_not_waited_for)
{
	struct store *s = given_store();
	sqlite3 *shell = given_shell("BEGIN IMMEDIATE");
	int64_t began = now_ms();

	ck_assert_int_eq(store_begin(s, DURABLE_FULL), -EAGAIN);
	ck_assert_int_eq(store_probe(s), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(store_message(s), "locked"));
	ck_assert_int_lt(now_ms() - began, 1900);
	sqlite3_close(shell);
	ck_assert_int_eq(store_probe(s), 0);
	store_close(s);
}
END_TEST

START_TEST(free_pages_go_back_a_few_at_a_time)
{
	struct store *s = given_store();
	int64_t before;
	int rounds = 0, r;

	given_removed_job(s, 1, GIVEN_NOW_MS, 2000, 1);
	while (given_purge(s, GIVEN_NOW_MS, 10) == 0)
		;
	ck_assert_int_eq(store_checkpoint(s, true), 0);
	before = given_sql("PRAGMA page_count");
	while ((r = store_vacuum_some(s, 8)) == 1)
		rounds++;
	ck_assert_int_eq(r, 0);
	ck_assert_int_gt(rounds, 1);
	ck_assert_int_eq(store_checkpoint(s, true), 0);
	ck_assert_int_lt(given_sql("PRAGMA page_count"), before);
	store_close(s);
}
END_TEST

START_TEST(a_newer_schema_is_refused_by_name)
{
	struct store *s = given_store();
	const char *message = NULL;

	store_close(s);
	(void)given_sql("PRAGMA user_version = 7");
	s = NULL;
	ck_assert_int_eq(store_open(&s, given_dir, &message), -ENOTSUP);
	ck_assert_ptr_null(s);
	ck_assert_ptr_eq(strstr(message, "jobs.db has schema 7, this heygend "
				"knows 1"), message);
	ck_assert_int_eq(given_sql("PRAGMA user_version"), 7);
}
END_TEST

START_TEST(a_database_that_is_not_ours_is_left_alone)
{
	struct store *s = NULL;
	const char *message = NULL;

	(void)given_sql("CREATE TABLE notes (text)");
	ck_assert_int_eq(store_open(&s, given_dir, &message), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(message, "not a heygend database"));
	ck_assert_int_eq(given_sql("SELECT count(*) FROM sqlite_schema"), 1);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_called_corrupt)
{
	char path[GIVEN_DIR_BYTES + 32];
	const char *message = NULL;
	struct store *s = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "%s/jobs.db", given_dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 9999; i++)
		fputs("nonsense ", f);
	fclose(f);
	ck_assert_int_eq(store_open(&s, given_dir, &message), -EUCLEAN);
	ck_assert_ptr_nonnull(strstr(message, "not a database"));
}
END_TEST

START_TEST(a_directory_that_is_not_there_may_come_later)
{
	const char *message = NULL;
	struct store *s = NULL;

	ck_assert_int_eq(store_open(&s, "/nonexistent", &message), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(message, "unable to open"));
}
END_TEST

static int take_no_job(void *user, struct job *job, int64_t live_at_ms)
{
	(void)user;
	(void)job;
	(void)live_at_ms;
	return 1;
}

START_TEST(a_word_that_nobody_wrote_is_corruption)
{
	struct store *s = given_store();
	struct job *job = given_job(1);

	given_stored_job(s, job);
	(void)given_sql("UPDATE job SET state = 'flying'");
	ck_assert_int_eq(store_load(s, take_no_job, NULL), -EUCLEAN);
	ck_assert_ptr_nonnull(strstr(store_message(s), "job 1"));
	job_unref(job);
	store_close(s);
}
END_TEST

START_TEST(the_files_are_for_the_owner_and_the_group_to_read)
{
	static const char *const names[] = {
		"jobs.db", "jobs.db-wal", "jobs.db-shm"
	};
	mode_t old = umask(027);
	struct store *s = given_store();
	struct job *job = given_job(1);

	given_stored_job(s, job);
	for (int i = 0; i < 6; i++) {
		char path[GIVEN_DIR_BYTES + 32];
		struct stat st;

		if (i == 3)
			store_close(s);		/* they stay afterwards */
		snprintf(path, sizeof(path), "%s/%s", given_dir, names[i % 3]);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0640);
	}
	job_unref(job);
	umask(old);
}
END_TEST

/* --- an operator ---------------------------------------------------------------- */

#define NOBODY 65534

/* As a member of the directory's group: reads the views, writes nothing.
 * The exit code says at which step it failed. */
static void operator_looks(int64_t jobs)
{
	char path[GIVEN_DIR_BYTES + 32];
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/jobs.db", given_dir);
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
	if (sqlite3_open(path, &db) ||
	    sqlite3_prepare_v2(db, "SELECT count(*) FROM jobs", -1, &st, NULL))
		_exit(2);
	if (sqlite3_step(st) != SQLITE_ROW || sqlite3_column_int64(st, 0) != jobs)
		_exit(3);
	if (sqlite3_finalize(st))
		_exit(4);
	if ((sqlite3_exec(db, "DELETE FROM job", NULL, NULL, NULL)) !=
	    SQLITE_READONLY)
		_exit(5);
	_exit(sqlite3_close(db) ? 6 : 0);
}

static void operator_reads(int64_t jobs)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		operator_looks(jobs);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* Leaves the database as a killed daemon does: it is one. */
static void killed_daemon(const struct job *job)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		static struct store *volatile kept_open;	/* not lost */

		kept_open = given_store();
		given_stored_job(kept_open, job);
		(void)raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

START_TEST(a_member_of_the_group_reads_at_any_time_and_writes_never)
{
	struct job *first = given_job(1), *second = given_job(2);
	mode_t old = umask(027);
	struct store *s;

	if (geteuid() == 0) {	/* else there is nobody to become */
		ck_assert_int_eq(chown(given_dir, (uid_t)-1, NOBODY), 0);
		ck_assert_int_eq(chmod(given_dir, 02750), 0);
		s = given_store();
		given_stored_job(s, first);
		operator_reads(1);
		store_close(s);
		operator_reads(1);
		killed_daemon(second);
		operator_reads(2);
		s = given_store();
		operator_reads(2);
		ck_assert_int_eq(store_probe(s), 0);
		store_close(s);
	}
	job_unref(first);
	job_unref(second);
	umask(old);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_fresh_database_is_what_the_design_says,
		a_checkpoint_moves_the_log_into_the_database,
		a_shell_that_holds_a_snapshot_delays_nothing,
		a_shell_that_holds_the_write_lock_is_not_waited_for,
		free_pages_go_back_a_few_at_a_time,
		a_newer_schema_is_refused_by_name,
		a_database_that_is_not_ours_is_left_alone,
		a_file_that_is_no_database_is_called_corrupt,
		a_directory_that_is_not_there_may_come_later,
		a_word_that_nobody_wrote_is_corruption,
		the_files_are_for_the_owner_and_the_group_to_read,
		a_member_of_the_group_reads_at_any_time_and_writes_never,
	};

	return given_run("store_files", tests, sizeof(tests) / sizeof(*tests));
}
