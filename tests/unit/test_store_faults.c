#include "tests/unit/given_store.h"
#include "tests/unit/vfs_fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Every N in turn: the Nth operation of a whole life of the store fails.
 * Whatever it is, the store is then as before or as after, never between;
 * and when the disk is well again it works, the same handle too. */

#define FIRST 1			/* jobs that are stored before */
#define SECOND 2		/* and by the transaction that is broken */
#define TITLE_BYTES 3000	/* wide enough that pages have to be added */

static struct job *wide_job(int64_t seq)
{
	static char title[TITLE_BYTES + 1];
	struct job_parts parts = {
		.text = { [TEXT_TITLE] = title, [TEXT_TAGS] = "a b" }
	};
	struct job *plain = given_job(seq), *job;

	memset(title, 'x', TITLE_BYTES);
	job = job_copy(plain, &parts);
	job_unref(plain);
	return job;
}

/* One turn: a new job, a change of the first, an event of each. */
static int turn(struct store *s)
{
	struct event e1 = given_event(2, FIRST, EVENT_STARTED, JOB_QUEUED,
				      JOB_RUNNING);
	struct event e2 = given_event(3, SECOND, EVENT_SUBMITTED,
				      EVENT_NO_STATE, JOB_QUEUED);
	struct live_row live = { .job_seq = FIRST, .version = 2 };
	struct job *second = wide_job(SECOND), *first = wide_job(FIRST);
	int r;

	first->state = JOB_RUNNING;
	first->version = 2;
	r = store_begin(s, DURABLE_FULL);
	if (r == 0)
		r = store_update_job(s, first);
	if (r == 0)
		r = store_append_event(s, &e1);
	if (r == 0)
		r = store_insert_job(s, second);
	if (r == 0)
		r = store_append_event(s, &e2);
	if (r == 0)
		r = store_put_live(s, &live);
	if (r == 0)
		r = store_put_meta(s, "turns", 1);
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	job_unref(first);
	job_unref(second);
	return r;
}

/* Was the turn taken?  Anything between is a failure of this test. */
static bool taken(struct store *s)
{
	struct job *first = stored_job(s, FIRST);
	struct job *second = stored_job(s, SECOND);
	struct event events[4];
	bool whole = second != NULL;
	int64_t turns = 0;
	size_t count;

	ck_assert_ptr_nonnull(first);
	ck_assert_int_eq(first->state, whole ? JOB_RUNNING : JOB_QUEUED);
	ck_assert_int_eq(store_recent_events(s, events, 4, &count), 0);
	ck_assert_uint_eq(count, whole ? 3 : 1);
	ck_assert_int_eq(store_meta_get(s, "turns", &turns),
			 whole ? 0 : -ENOENT);
	job_unref(first);
	job_unref(second);
	return whole;
}

static void given_first_job(struct store *s)
{
	struct event e = given_event(1, FIRST, EVENT_SUBMITTED,
				     EVENT_NO_STATE, JOB_QUEUED);
	struct job *job = wide_job(FIRST);

	given_stored_job(s, job);
	given_stored_event(s, &e);
	job_unref(job);
}

/* Under the plan: open, a turn, a checkpoint, another one.  Then without:
 * the same handle has to work.  Returns whether the plan hit anything. */
static bool life(const char *plan)
{
	const char *message = "";
	struct store *s = NULL;
	int r, checkpoint = 0, opened;
	bool hit;

	ck_assert(vfs_fault_plan(plan));
	opened = r = store_open(&s, given_dir, &message);
	if (opened == 0) {
		r = turn(s);
		checkpoint = store_checkpoint(s, false);
		if (checkpoint == 0)
			checkpoint = store_checkpoint(s, true);
	}
	hit = vfs_fault_hits() > 0;
	ck_assert(vfs_fault_plan(NULL));
	ck_assert_msg(r == 0 || r == -EAGAIN, "%s: %d %s", plan, r, message);
	ck_assert_msg(checkpoint == 0 || checkpoint == -EAGAIN ||
		      checkpoint == -EBUSY, "%s: checkpoint %d", plan,
		      checkpoint);
	ck_assert(hit || (r == 0 && checkpoint == 0));
	if (opened < 0)
		s = given_store();
	if (!taken(s))
		ck_assert_msg(turn(s) == 0, "%s: %s", plan, store_message(s));
	else
		ck_assert_int_eq(r, 0);
	ck_assert_int_eq(store_probe(s), 0);
	ck_assert_int_eq(store_checkpoint(s, true), 0);
	ck_assert(taken(s));
	store_close(s);
	s = given_store();		/* and what is on disk is the same */
	ck_assert(taken(s));
	store_close(s);
	ck_assert_int_eq(given_sql("SELECT integrity_check = 'ok' "
				   "FROM pragma_integrity_check"), 1);
	return hit;
}

static void forget_the_turn(void)
{
	given_dir_remove();
	given_dir_make();
}

static const struct {
	const char *ops, *what;		/* around the number N */
} plans[] = {
	{ "all", "1 ioerr" }, { "all", "1 full" }, { "all", "1 short" },
	{ "all", "0 ioerr" }, { "all", "0 full" }, { "all", "0 short" },
	{ "sync", "1 ioerr" }, { "write,shm", "3 full" },
};
#define PLANS (sizeof(plans) / sizeof(*plans))

static const char *the_plan(int i, int n)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s %d %s", plans[i].ops, n,
		 plans[i].what);
	return text;
}

START_TEST(each_operation_may_fail_and_the_store_is_whole_and_works_again)
{
	int n = 0;
	bool hit;

	ck_assert_int_eq(vfs_fault_install(), 0);
	do {
		struct store *s = given_store();

		given_first_job(s);
		store_close(s);
		hit = life(the_plan(_i, ++n));
		forget_the_turn();
	} while (hit);
	ck_assert_int_gt(n, 4);
}
END_TEST

/* Creating a database is as safe: what is half made is made again. */
START_TEST(each_operation_of_the_first_open_may_fail)
{
	int n = 0;
	bool hit;

	ck_assert_int_eq(vfs_fault_install(), 0);
	do {
		const char *message = "", *plan = the_plan(_i, ++n);
		struct store *s = NULL;
		int r;

		ck_assert(vfs_fault_plan(plan));
		r = store_open(&s, given_dir, &message);
		hit = vfs_fault_hits() > 0;
		ck_assert(vfs_fault_plan(NULL));
		ck_assert_msg(r == 0 || r == -EAGAIN, "%s: %d %s", plan, r,
			      message);
		if (r < 0)
			s = given_store();
		given_first_job(s);
		ck_assert(!taken(s));
		store_close(s);
		ck_assert_int_eq(given_sql("PRAGMA auto_vacuum"), 2);
		forget_the_turn();
	} while (hit);
	ck_assert_int_gt(n, 4);
}
END_TEST

static struct store *given_store_that_may_fail(void)
{
	struct store *s;

	ck_assert_int_eq(vfs_fault_install(), 0);
	s = given_store();
	given_first_job(s);
	return s;
}

START_TEST(a_disk_that_stays_broken_breaks_every_turn_until_it_is_mended)
{
	struct store *s = given_store_that_may_fail();

	ck_assert(vfs_fault_plan("write 1 0 full"));
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(turn(s), -EAGAIN);
		ck_assert_int_eq(store_probe(s), -EAGAIN);
		ck_assert(!taken(s));	/* reading goes on */
	}
	ck_assert_ptr_nonnull(strstr(store_message(s), "full"));
	ck_assert(vfs_fault_plan(NULL));
	ck_assert_int_eq(turn(s), 0);
	ck_assert(taken(s));
	store_close(s);
}
END_TEST

START_TEST(a_slow_disk_is_only_slow)
{
	struct store *s = given_store_that_may_fail();

	ck_assert(vfs_fault_plan("sync 1 1 delay=20"));
	ck_assert_int_eq(turn(s), 0);
	ck_assert_int_eq(vfs_fault_hits(), 1);
	ck_assert(taken(s));
	store_close(s);
}
END_TEST

/* As by a reader that looks again at what was half written. */
START_TEST(a_writers_lock_that_is_taken_for_a_moment_breaks_no_turn)
{
	struct store *s = given_store_that_may_fail();

	ck_assert(vfs_fault_plan("lock 1 3 ioerr"));
	ck_assert_int_eq(turn(s), 0);
	ck_assert_int_eq(vfs_fault_hits(), 3);
	ck_assert(taken(s));
	ck_assert(vfs_fault_plan("lock 1 0 ioerr"));
	ck_assert_int_eq(store_begin(s, DURABLE_FULL), -EAGAIN);
	ck_assert_int_gt(vfs_fault_hits(), 3);
	ck_assert(vfs_fault_plan(NULL));
	store_close(s);
}
END_TEST

START_TEST(nonsense_is_not_a_plan)
{
	ck_assert(!vfs_fault_plan("write 1"));
	ck_assert(!vfs_fault_plan("writ 1 1 full"));
	ck_assert(!vfs_fault_plan("write 0 1 full"));
	ck_assert(!vfs_fault_plan("write 1 1 fll"));
	ck_assert(vfs_fault_plan("write,sync 1 0 delay=5"));
	ck_assert(vfs_fault_plan(NULL));
}
END_TEST

int main(void)
{
	const struct given_loop loops[] = {
		{ each_operation_may_fail_and_the_store_is_whole_and_works_again,
		  PLANS },
		{ each_operation_of_the_first_open_may_fail,
		  PLANS },
		{ a_disk_that_stays_broken_breaks_every_turn_until_it_is_mended,
		  1 },
		{ a_slow_disk_is_only_slow, 1 },
		{ a_writers_lock_that_is_taken_for_a_moment_breaks_no_turn, 1 },
		{ nonsense_is_not_a_plan, 1 },
	};

	return given_run_loops("store_faults", loops,
			       sizeof(loops) / sizeof(*loops));
}
