/* Upgrades, by a heygend to come: this program has one migration more than
 * heygend has, tests/data/schema/999-next.sql, so that today's databases are
 * older ones to it, as they will be one day. */
#include "daemon/store_tools.h"
#include "sql/sql.h"
#include "tests/unit/given_store.h"
#include "tests/unit/vfs_fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void forget_the_store(void)
{
	static const char *const names[] = {
		"jobs.db", "jobs.db-wal", "jobs.db-shm"
	};
	char path[GIVEN_DIR_BYTES + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", given_dir, names[i]);
		(void)unlink(path);
	}
}

/* With today's views, which a heygend to come may have kept as they are: it
 * cannot tell by them that they must be made again. */
static void given_older(int version)
{
	char text[128];
	int64_t views;

	store_close(given_store());
	views = given_sql("SELECT value FROM meta WHERE name = 'views'");
	forget_the_store();
	given_schema(version);
	given_sql_file("sql/views/history.sql");
	given_sql_file("sql/views/jobs.sql");
	given_sql_file("sql/views/queue.sql");
	given_sql_file("sql/views/summary.sql");
	snprintf(text, sizeof(text), "INSERT INTO meta VALUES ('views', %lld)",
		 (long long)views);
	(void)given_sql(text);
}

static void assert_all_is_there(struct store *s)
{
	struct event events[8];
	struct job *job;
	size_t count;

	job = stored_job(s, 1);
	ck_assert_str_eq(job_text(job, TEXT_TITLE), "It's \"old\"");
	ck_assert_int_eq(job->state, JOB_ERROR);
	job_unref(job);
	job = stored_job(s, 2);
	ck_assert_int_eq(job->state, JOB_RUNNING);
	ck_assert_double_eq(job->progress, 0.5);
	job_unref(job);
	ck_assert_int_eq(store_recent_events(s, events, 8, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM jobs"), 3);
	ck_assert_int_eq(given_sql("SELECT progress >= 0.5 FROM jobs "
				   "WHERE seq = 2"), 1);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM history"), 3);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM queue"),
			 given_sql("SELECT count(*) FROM job "
				   "WHERE state = 'queued'"));
	ck_assert_int_eq(given_sql("SELECT sum(jobs) FROM summary"), 3);
}

static void assert_upgraded(struct store *s)
{
	char message[256];
	struct job *job = given_job(10);

	ck_assert_int_eq(given_sql("PRAGMA user_version"), schema_version);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM pragma_table_info("
				   "'job') WHERE name = 'reviewed_ms'"), 1);
	assert_all_is_there(s);
	ck_assert_msg(store_check(given_dir, message, sizeof(message)) == 0,
		      "%s", message);
	given_stored_job(s, job);
	job_unref(job);
}

START_TEST(every_older_database_comes_along_with_its_data_and_views)
{
	struct store *s;

	given_older(_i + 1);
	s = given_store();
	assert_upgraded(s);
	store_close(s);
}
END_TEST

START_TEST(an_older_database_is_whole_before_its_upgrade)
{
	char message[256];

	given_older(_i + 1);
	ck_assert_msg(store_check(given_dir, message, sizeof(message)) == 0,
		      "%s", message);
	ck_assert_int_eq(given_sql("PRAGMA user_version"), _i + 1);
}
END_TEST

START_TEST(an_upgrade_that_cannot_be_made_changes_nothing)
{
	int newest = schema_version - 1;
	const char *message = "";
	struct store *s = NULL;

	given_older(newest);
	(void)given_sql("CREATE TABLE live_before (in_the_way INTEGER)");
	ck_assert_int_lt(store_open(&s, given_dir, &message), 0);
	ck_assert_msg(strstr(message, "live_before") != NULL, "%s", message);
	ck_assert_int_eq(given_sql("PRAGMA user_version"), newest);
	ck_assert_int_eq(given_sql("SELECT count(*) FROM jobs"), 3);
	(void)given_sql("DROP TABLE live_before");
	s = given_store();
	assert_upgraded(s);
	store_close(s);
}
END_TEST

/* What is half done is undone or done to the end by the next start. */
START_TEST(each_operation_of_an_upgrade_may_fail)
{
	static const struct {
		const char *ops, *what;
	} plans[] = {
		{ "write", "full" }, { "write", "short" }, { "sync", "ioerr" }
	};
	char plan[32];
	bool hit;
	int n = 0;

	ck_assert_int_eq(vfs_fault_install(), 0);
	do {
		const char *message = "";
		struct store *s = NULL;

		given_older(schema_version - 1);
		snprintf(plan, sizeof(plan), "%s %d 1 %s", plans[_i].ops, ++n,
			 plans[_i].what);
		ck_assert(vfs_fault_plan(plan));
		if (store_open(&s, given_dir, &message) < 0)
			s = NULL;
		hit = vfs_fault_hits() > 0;
		ck_assert(vfs_fault_plan(NULL));
		if (!s)
			s = given_store();
		assert_upgraded(s);
		store_close(s);
		forget_the_store();
	} while (hit);
	ck_assert_int_gt(n, 1);
}
END_TEST

int main(void)
{
	int older = schema_version - 1;
	const struct given_loop loops[] = {
		{ every_older_database_comes_along_with_its_data_and_views,
		  older },
		{ an_older_database_is_whole_before_its_upgrade, older },
		{ an_upgrade_that_cannot_be_made_changes_nothing, 1 },
		{ each_operation_of_an_upgrade_may_fail, 3 },
	};

	return given_run_loops("upgrade", loops,
			       sizeof(loops) / sizeof(*loops));
}
