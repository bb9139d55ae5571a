/* engine_single.c -- a turn in pieces, after the whole of it has failed: what
 * fails alone is logged and dropped or set aside, and nothing else suffers. */
#include "core/log.h"
#include "daemon/engine_private.h"

#include <errno.h>

#define TRIES_MAX 64		/* jobs that one chore sets aside in a turn */
#define TIDY_REST_MS 60000	/* after a refusal */

/* A turn without the store, which refuses to change this job.  No chore tries
 * again; a verb that it takes does, or the next start. */
static int set_aside(struct engine *e, uint32_t slot)
{
	int64_t updated_ms;
	struct job *job;

	turn_begin(e);
	if (turn_job(e, slot)->aside)
		return 0;
	updated_ms = turn_job(e, slot)->updated_ms;
	job = turn_edit(e, slot);
	if (!job)
		return -ENOMEM;
	log_error("job.set_aside", "job_seq=%lld state=%s error=%s",
		  (long long)job->seq, job_state_name(job->state),
		  LOG_QUOTE(store_message(e->store)));
	if (job->state == JOB_RUNNING)
		job_stop_run(e, slot, job, true);
	job->aside = true;
	job->updated_ms = updated_ms;
	e->set_aside++;
	turn_put_live(e, slot);
	turn_publish(e);
	return 0;
}

/* --- records and commands ----------------------------------------------------------- */

/* Its worker has ended the run, and nobody can know it. */
static int drop_record(struct engine *e, const struct kept_record *kept)
{
	log_error("record.dropped", "job_seq=%lld error=%s",
		  (long long)kept->record.job_seq,
		  LOG_QUOTE(store_message(e->store)));
	return set_aside(e, kept->record.slot);
}

static int turn_record(struct engine *e, const struct kept_record *kept)
{
	int r;

	turn_begin(e);
	r = engine_finish_turn(e, job_record(e, kept));
	if (r != -EIO)
		return r;
	log_error("record.failed", "job_seq=%lld error=%s",
		  (long long)kept->record.job_seq,
		  LOG_QUOTE(store_message(e->store)));
	turn_begin(e);
	r = engine_finish_turn(e, job_fail_internal(e, kept));
	return r == -EIO ? drop_record(e, kept) : r;
}

static int turn_command(struct engine *e, struct command *c)
{
	int r;

	command_reset(c);
	turn_begin(e);
	r = engine_finish_turn(e, command_decide(e, c));
	if (r != -EIO)
		return r;
	log_error("command.failed", "kind=%d error=%s", (int)c->kind,
		  LOG_QUOTE(store_message(e->store)));
	command_reset(c);
	c->outcome = OUTCOME_INTERNAL;
	return 0;
}

/* --- chores: what nobody asked for ---------------------------------------------------- */

/* What a chore does about the job that the store refused: 1: the others can
 * be tried again; 0: that was all; or a failure. */
static int without_it(struct engine *e, uint32_t slot)
{
	int r;

	if (slot == SLOT_NONE)
		return 0;
	r = set_aside(e, slot);
	return r < 0 ? r : 1;
}

/* Progress is no promise: the next row may be luckier. */
static int skip_row(struct engine *e, uint32_t slot)
{
	if (slot == SLOT_NONE)
		return 0;
	turn_live_rotate(e, slot);
	return 1;
}

static int tidy(struct engine *e)
{
	(void)engine_deadline_ms(e);	/* asks for what is not known */
	e->turn.purge_tombstones = e->next_tombstone_ms <= e->turn.now_ms;
	e->turn.purge_keys = e->next_key_ms <= e->turn.now_ms;
	e->turn.put_settings = e->put_settings;
	return 0;
}

static int tidy_later(struct engine *e, uint32_t slot)
{
	int64_t later = e->turn.now_ms + TIDY_REST_MS;

	(void)slot;
	if (e->turn.purge_tombstones)
		e->next_tombstone_ms = later;
	if (e->turn.purge_keys)
		e->next_key_ms = later;
	e->put_settings = false;	/* until they change again */
	return 0;
}

struct chore {
	const char *name;
	int (*decide)(struct engine *e);
	int (*refused)(struct engine *e, uint32_t slot);
};

static const struct chore clock_chore = { "clock", job_follow_clock,
					  without_it };
static const struct chore lost_chore = { "lost", job_workers_lost,
					 without_it };
/* Dispatch comes last: what was lost with a worker is not what it runs now.
 * It waits for a turn in which all that was lost is decided. */
static const struct chore house[] = {
	{ "collect", job_collect, without_it },
	{ "tidy", tidy, tidy_later },
	{ "progress", job_write_progress, skip_row },
	{ "dispatch", job_dispatch, without_it },
};
#define HOUSE (sizeof(house) / sizeof(*house))

int engine_keep_house(struct engine *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < HOUSE; i++)
		r = house[i].decide(e);
	return r;
}

/* more_out: it is set if there is more to do at once. */
static int turn_chore(struct engine *e, const struct chore *chore,
		      bool *more_out)
{
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		int r;

		turn_begin(e);
		r = engine_finish_turn(e, chore->decide(e));
		*more_out |= r == 0 && e->turn.more;
		if (r != -EIO)
			return r;
		log_error("chore.failed", "chore=%s error=%s", chore->name,
			  LOG_QUOTE(store_message(e->store)));
		r = chore->refused(e, e->turn.refused);
		if (r <= 0)
			return r;
	}
	*more_out = true;
	return 0;
}

/* Before any other turn; those that are refused, however many, are no reason
 * not to start. */
int engine_recover(struct engine *e)
{
	uint32_t tries = board_slots(e->board) + 1;
	int r;

	do {
		turn_begin(e);
		r = engine_finish_turn(e, job_recover(e));
		if (r != -EIO || e->turn.refused == SLOT_NONE)
			return r;
		if (set_aside(e, e->turn.refused) < 0)
			return -ENOMEM;
	} while (--tries > 0);
	return r;
}

/* --- the turn --------------------------------------------------------------------------- */

int engine_turn_singly(struct engine *e, size_t *decided_out)
{
	bool more = false;
	int r = turn_chore(e, &clock_chore, &more);

	for (size_t i = 0; r == 0 && i < e->records.count; i++)
		r = turn_record(e, &e->records.at[i]);
	if (r == 0)
		r = turn_chore(e, &lost_chore, &more);
	while (r == 0 && *decided_out < e->commands.count) {
		r = turn_command(e, e->commands.at[*decided_out]);
		*decided_out += r == 0;
	}
	for (size_t i = 0; r == 0 && i < HOUSE; i++)
		r = turn_chore(e, &house[i], &more);
	e->turn.more = more;
	return r;
}
