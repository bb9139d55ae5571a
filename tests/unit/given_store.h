/* given_store.h -- a fresh state directory, and jobs to put into it. */
#ifndef TESTS_GIVEN_STORE_H
#define TESTS_GIVEN_STORE_H

#include "daemon/store.h"

#include <check.h>

#define GIVEN_NOW_MS INT64_C(1700000000000)
#define GIVEN_DIR_BYTES 256

extern char given_dir[GIVEN_DIR_BYTES];

/* As fixtures of a test case: make and remove given_dir. */
void given_dir_make(void);
void given_dir_remove(void);

struct store *given_store(void);	/* open, in given_dir */

/* A queued job submitted at GIVEN_NOW_MS + seq; its uuid follows from seq. */
struct job *given_job(int64_t seq);
struct job *given_tagged_job(int64_t seq, enum job_state state,
			     const char *tags);
void given_uuid(int64_t seq, uint8_t uuid_out[16]);
struct event given_event(int64_t seq, int64_t job_seq, enum event_kind kind,
			 uint8_t from, uint8_t to);
struct tombstone given_tombstone(const struct job *job, int64_t removed_ms);

/* Committed, or the test fails. */
void given_stored_job(struct store *s, const struct job *job);
void given_stored_event(struct store *s, const struct event *e);

/* A completed job, tagged "t", with so many events, and then removed. */
void given_removed_job(struct store *s, int64_t seq, int64_t removed_ms,
		       int events, int64_t first_event);
/* store_purge_tombstones in its own transaction. */
int given_purge(struct store *s, int64_t before_ms, int limit);

/* SQL of any kind beside the store; the first column of the first row. */
int64_t given_sql(const char *text);

/* All that is in this file below the source's directory. */
void given_sql_file(const char *name);
/* A database as schema `version` wrote it: three jobs and one that was
 * removed. */
void given_schema(int version);

/* The job as it is in the store; NULL: it is not there. */
struct job *stored_job(struct store *s, int64_t seq);

/* main: every test with a fresh directory. */
int given_run(const char *name, const TTest *const *tests, size_t count);

/* The same for tests that run with _i = 0..times-1. */
struct given_loop {
	const TTest *test;
	int times;
};
int given_run_loops(const char *name, const struct given_loop *loops,
		    size_t count);
#endif
