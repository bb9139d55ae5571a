#include "tests/unit/given_store.h"

#include <check.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char given_dir[GIVEN_DIR_BYTES];

void given_dir_make(void)
{
	const char *tmp = getenv("TMPDIR");

	/* thousands of syncs: in memory, if there is such a place */
	if (!tmp)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(given_dir, sizeof(given_dir), "%s/heygend-store-XXXXXX", tmp);
	ck_assert_ptr_nonnull(mkdtemp(given_dir));
}

void given_dir_remove(void)
{
	static const char *const names[] = {
		"jobs.db", "jobs.db-wal", "jobs.db-shm", "copy.db",
		"copy.db-wal", "copy.db-shm", "copy.db-journal",
	};
	char path[GIVEN_DIR_BYTES + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", given_dir, names[i]);
		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(given_dir), 0);
}

struct store *given_store(void)
{
	const char *message = "";
	struct store *s = NULL;
	int r = store_open(&s, given_dir, &message);

	ck_assert_msg(r == 0, "store_open: %d %s", r, message);
	return s;
}

void given_uuid(int64_t seq, uint8_t uuid_out[16])
{
	memset(uuid_out, 0x70, 16);
	for (int i = 0; i < 8; i++)
		uuid_out[i] = (uint64_t)(seq + 1) >> (56 - 8 * i);
}

struct job *given_tagged_job(int64_t seq, enum job_state state,
			     const char *tags)
{
	struct job_parts parts = { .text = { [TEXT_TAGS] = tags } };
	struct job *job = job_new(&parts);

	ck_assert_ptr_nonnull(job);
	job->seq = seq;
	if (seq != JOB_DEFAULT_SEQ)
		given_uuid(seq, job->uuid);
	job->state = state;
	job->version = 1;
	job->submitted_ms = job->updated_ms = GIVEN_NOW_MS + seq;
	job->eligible_ms = job->submitted_ms;
	return job;
}

struct job *given_job(int64_t seq)
{
	return given_tagged_job(seq, JOB_QUEUED, NULL);
}

struct event given_event(int64_t seq, int64_t job_seq, enum event_kind kind,
			 uint8_t from, uint8_t to)
{
	struct event e = {
		.seq = seq, .at_ms = GIVEN_NOW_MS + seq, .job_seq = job_seq,
		.kind = kind, .from = from, .to = to, .attempt = 1
	};

	given_uuid(job_seq, e.uuid);
	return e;
}

struct tombstone given_tombstone(const struct job *job, int64_t removed_ms)
{
	struct tombstone t = {
		.job_seq = job->seq, .finished_ms = job->finished_ms,
		.removed_ms = removed_ms, .state = job->state
	};

	memcpy(t.uuid, job->uuid, sizeof(t.uuid));
	return t;
}

void given_stored_job(struct store *s, const struct job *job)
{
	ck_assert_int_eq(store_begin(s, DURABLE_LATER), 0);
	ck_assert_msg(store_insert_job(s, job) == 0, "%s", store_message(s));
	ck_assert_int_eq(store_commit(s), 0);
}

void given_stored_event(struct store *s, const struct event *e)
{
	ck_assert_int_eq(store_begin(s, DURABLE_LATER), 0);
	ck_assert_msg(store_append_event(s, e) == 0, "%s", store_message(s));
	ck_assert_int_eq(store_commit(s), 0);
}

int64_t given_sql(const char *text)
{
	char path[GIVEN_DIR_BYTES + 32];
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	const char *rest = text;
	int64_t value = 0;

	snprintf(path, sizeof(path), "%s/jobs.db", given_dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	while (*rest) {
		ck_assert_msg(sqlite3_prepare_v2(db, rest, -1, &st, &rest) ==
			      SQLITE_OK, "%s", sqlite3_errmsg(db));
		if (st && sqlite3_step(st) == SQLITE_ROW)
			value = sqlite3_column_int64(st, 0);
		ck_assert_msg(sqlite3_finalize(st) == SQLITE_OK, "%s",
			      sqlite3_errmsg(db));
	}
	sqlite3_close(db);
	return value;
}

void given_sql_file(const char *name)
{
	static char text[65536];
	const char *src = getenv("HG_SRCDIR");
	char path[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", src ? src : "..", name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	(void)given_sql(text);
}

void given_schema(int version)
{
	char name[64];

	snprintf(name, sizeof(name), "tests/data/store-%d.sql", version);
	given_sql_file(name);
}

struct wanted {
	int64_t seq;
	struct job *job;
};

static int keep_wanted(void *user, struct job *job, int64_t live_at_ms)
{
	struct wanted *w = user;

	(void)live_at_ms;
	if (job->seq == w->seq)
		w->job = job;
	else
		job_unref(job);
	return 0;
}

struct job *stored_job(struct store *s, int64_t seq)
{
	struct wanted w = { .seq = seq };

	ck_assert_int_eq(store_load(s, keep_wanted, &w), 0);
	return w.job;
}

void given_removed_job(struct store *s, int64_t seq, int64_t removed_ms,
			      int events, int64_t first_event)
{
	struct job *job = given_tagged_job(seq, JOB_COMPLETED, "t");
	struct tombstone t = given_tombstone(job, removed_ms);

	given_stored_job(s, job);
	ck_assert_int_eq(store_begin(s, DURABLE_LATER), 0);
	for (int i = 0; i < events; i++) {
		struct event e = given_event(first_event + i, seq, EVENT_STAGE,
					     EVENT_NO_STATE, EVENT_NO_STATE);

		ck_assert_int_eq(store_append_event(s, &e), 0);
	}
	ck_assert_int_eq(store_delete_job(s, seq, &t), 0);
	ck_assert_int_eq(store_commit(s), 0);
	job_unref(job);
}

int given_purge(struct store *s, int64_t before_ms, int limit)
{
	int count;

	ck_assert_int_eq(store_begin(s, DURABLE_FULL), 0);
	count = store_purge_tombstones(s, before_ms, limit);
	ck_assert_int_eq(store_commit(s), 0);
	return count;
}

int given_run_loops(const char *name, const struct given_loop *loops,
		    size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, given_dir_make, given_dir_remove);
	tcase_set_timeout(tcase, 120);
	for (size_t i = 0; i < count; i++)
		if (loops[i].times > 1)
			tcase_add_loop_test(tcase, loops[i].test, 0,
					    loops[i].times);
		else
			tcase_add_test(tcase, loops[i].test);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int given_run(const char *name, const TTest *const *tests, size_t count)
{
	struct given_loop loops[64];

	if (count > sizeof(loops) / sizeof(*loops))
		abort();
	for (size_t i = 0; i < count; i++)
		loops[i] = (struct given_loop){ tests[i], 1 };
	return given_run_loops(name, loops, count);
}
