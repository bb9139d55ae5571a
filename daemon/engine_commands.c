/* engine_commands.c -- what clients ask for: decided against the state
 * machine, one function a kind. */
#include "core/clock.h"
#include "core/random.h"
#include "daemon/engine_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- answers -------------------------------------------------------------------- */

void command_reset(struct command *c)
{
	for (size_t i = 0; i < c->result_count; i++)
		job_unref(c->results[i].job);
	if (c->results != &c->single)
		free(c->results);
	c->results = NULL;
	c->result_count = 0;
	c->replayed = false;
	c->outcome = OUTCOME_OK;
}

static int results_new(struct command *c, size_t count)
{
	c->single = (struct command_result){ 0 };
	c->results = count > 1 ? calloc(count, sizeof(*c->results))
			       : &c->single;
	c->result_count = c->results ? count : 0;
	return c->results ? 0 : -ENOMEM;
}

static void result_set(struct command_result *result, enum outcome outcome,
		       const struct job *job)
{
	result->outcome = outcome;
	/* a version in hand is never changed: the turn copies it first */
	result->job = job ? job_ref((struct job *)job) : NULL;
	if (job)
		memcpy(result->uuid, job->uuid, sizeof(result->uuid));
}

/* The job that an id means now; NULL: none, or expired. */
static const struct job *find(struct engine *e, const uint8_t uuid[16],
			      uint32_t *slot_out, enum outcome *outcome_out)
{
	const struct job *job;

	*outcome_out = OUTCOME_NOT_FOUND;
	*slot_out = board_slot_of(e->board, uuid);
	if (*slot_out == SLOT_NONE)
		return NULL;
	job = turn_job(e, *slot_out);
	if (job && !(job_state_is_final(job->state) &&
		     job->expires_ms != TIME_NONE &&
		     job->expires_ms <= e->turn.now_ms))
		return job;
	*outcome_out = OUTCOME_GONE;
	return NULL;
}

/* --- Idempotency-Key ---------------------------------------------------------------- */

/* This turn's own entries are not in the store yet. */
static const struct idempotency *find_key(struct engine *e,
					  const struct command *c,
					  struct idempotency *stored, int *r)
{
	for (size_t i = 0; i < e->turn.keys.count; i++)
		if (strcmp(e->turn.keys.at[i].scope, c->scope) == 0)
			return &e->turn.keys.at[i];
	*r = store_find_idempotency(e->store, c->scope, stored);
	if (*r == -ENOENT) {
		*r = 0;
		return NULL;
	}
	if (*r == 0 && stored->created_ms + IDEMPOTENCY_MS <= e->turn.now_ms) {
		idempotency_clear(stored);	/* too old to be known */
		return NULL;
	}
	return *r < 0 ? NULL : stored;
}

/* A key submitted in this very turn has jobs that nobody can look up yet. */
static const struct job *find_draft(struct engine *e, const uint8_t uuid[16])
{
	for (size_t i = 0; i < e->turn.drafts.count; i++) {
		const struct draft *draft = &e->turn.drafts.at[i];

		if (draft->fresh && draft->job &&
		    memcmp(draft->job->uuid, uuid, 16) == 0)
			return draft->job;
	}
	return NULL;
}

/* What succeeded with a job that has gone since is answered as gone. */
static enum outcome replayed_item(enum outcome then, const struct job *now)
{
	return then == OUTCOME_OK && !now ? OUTCOME_GONE : then;
}

static int replay(struct engine *e, struct command *c,
		  const struct idempotency *entry)
{
	if (entry->digest[0] != c->digest[0] ||
	    entry->digest[1] != c->digest[1]) {
		c->outcome = OUTCOME_IDEMPOTENCY_MISMATCH;
		return 0;
	}
	c->replayed = true;
	c->now_ms = e->turn.now_ms;
	if (results_new(c, entry->count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < entry->count; i++) {
		enum outcome outcome;
		uint32_t slot;
		const struct job *job = find(e, entry->uuids[i], &slot,
					     &outcome);

		if (!job)
			job = find_draft(e, entry->uuids[i]);
		memcpy(c->results[i].uuid, entry->uuids[i], 16);
		if (entry->item_status)
			result_set(&c->results[i],
				   replayed_item(entry->item_status[i], job),
				   job);
		else
			result_set(&c->results[i],
				   job ? OUTCOME_OK : OUTCOME_GONE, job);
		if (!job && !c->bulk && entry->count == 1 &&
		    !entry->item_status)
			c->outcome = OUTCOME_GONE;
	}
	return 0;
}

/* true: answered from an earlier one, or refused. */
static bool replayed(struct engine *e, struct command *c, int *r)
{
	struct idempotency stored = { 0 };
	const struct idempotency *entry = find_key(e, c, &stored, r);

	if (*r < 0 || !entry)
		return *r < 0;
	*r = replay(e, c, entry);
	if (entry == &stored)
		idempotency_clear(&stored);
	return true;
}

int command_remember(struct engine *e, const struct command *c)
{
	struct idempotency entry = { .created_ms = e->turn.now_ms,
				     .digest = { c->digest[0], c->digest[1] },
				     .status = c->kind == COMMAND_SUBMIT
						       ? 202 : 200,
				     .count = c->result_count };
	size_t count = c->result_count ? c->result_count : 1;

	if (!LIST_ROOM(&e->turn.keys))
		return -ENOMEM;
	memcpy(entry.scope, c->scope, sizeof(entry.scope));
	entry.uuids = calloc(count, sizeof(*entry.uuids));
	entry.item_status = c->bulk ? calloc(count, 1) : NULL;
	if (!entry.uuids || (c->bulk && !entry.item_status)) {
		idempotency_clear(&entry);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->result_count; i++) {
		memcpy(entry.uuids[i], c->results[i].uuid, 16);
		if (entry.item_status)
			entry.item_status[i] = c->results[i].outcome;
	}
	e->turn.keys.at[e->turn.keys.count++] = entry;
	return 0;
}

/* --- submission ------------------------------------------------------------------------ */

static uint64_t key_of(const struct command *c, const struct job *job,
		       size_t i)
{
	const struct simulate *simulate = job_simulate(job);

	if (simulate && (simulate->given & SIMULATE_SEED))
		return random_key_of_number(simulate->seed);
	if (c->has_key)
		return random_key_of_text(c->key, strlen(c->key), i);
	return random_key_of_number(job->seq);
}

static void fill_new(struct engine *e, const struct submission *s,
		     struct job *job)
{
	const struct settings *settings = e->settings;
	int64_t now = e->turn.now_ms;

	job->seq = ++e->turn.job_seq;
	engine_uuid(e, job->uuid);
	job->version = 1;
	job->priority = s->priority;
	job->on_error = s->on_error < 0 ? settings->jobs_on_error
					: s->on_error;
	job->max_attempts = s->max_attempts ? s->max_attempts
					    : settings->jobs_max_attempts;
	job->ttl_given = s->ttl_s != 0;
	job->ttl_s = s->ttl_s;
	job->not_before_ms = s->not_before_ms;
	job->submitted_ms = job->updated_ms = now;
	job->eligible_ms = s->not_before_ms != TIME_NONE &&
					   s->not_before_ms > now
				   ? s->not_before_ms : now;
}

static int submit_one(struct engine *e, struct command *c, size_t i)
{
	struct job *job = job_new(&c->submissions[i].parts);
	uint32_t slot;
	int r;

	if (!job)
		return -ENOMEM;
	fill_new(e, &c->submissions[i], job);
	job->key = key_of(c, job, i);
	r = turn_add(e, job, &slot);
	if (r < 0) {
		job_unref(job);
		return r;
	}
	e->turn.submitted++;
	result_set(&c->results[i], OUTCOME_OK, job);
	return turn_event(e, job, EVENT_SUBMITTED, -1, JOB_QUEUED,
			  e->turn.now_ms, NULL);
}

static int submit(struct engine *e, struct command *c)
{
	int64_t room = e->settings->jobs_max_jobs - board_count(e->board) -
		       (int64_t)e->turn.submitted;
	int r;

	if ((int64_t)c->count > room) {
		c->outcome = OUTCOME_QUEUE_FULL;
		return 0;
	}
	r = results_new(c, c->count);
	for (size_t i = 0; r == 0 && i < c->count; i++)
		r = submit_one(e, c, i);
	return r;
}

/* --- verbs ------------------------------------------------------------------------------- */

static void do_pause(struct engine *e, uint32_t slot, struct job *job)
{
	if (job->state == JOB_RUNNING)
		job_stop_run(e, slot, job, true);
	job_enter(job, JOB_PAUSED);
	job->paused_ms = e->turn.now_ms;
}

/* Back to its old place: the time paused does not count as waiting.  A moment
 * that was still ahead stays where it was. */
static void do_resume(struct engine *e, struct job *job)
{
	int64_t now = e->turn.now_ms;

	if (job->eligible_ms > job->paused_ms) {
		if (job->eligible_ms < now)
			job->eligible_ms = now;
	} else {
		job->eligible_ms += now - job->paused_ms;
	}
	job->eligible_ms = job_eligible_ms(e, job);
	job_enter(job, JOB_QUEUED);
	job->paused_ms = TIME_NONE;
}

static void do_cancel(struct engine *e, uint32_t slot, struct job *job)
{
	uint32_t version = job->version;

	if (job->state == JOB_RUNNING)
		job_stop_run(e, slot, job, true);
	job_finish(e, job, JOB_CANCELED, e->turn.now_ms);
	job->version = version;	/* move counts it */
}

static void do_restart(struct engine *e, struct job *job)
{
	job_begin_attempt(job, e->turn.now_ms);
	job->budget_from = job->attempt;
}

static int move(struct engine *e, uint32_t slot, enum job_verb verb,
		const struct job **job_out)
{
	struct job *job = turn_edit(e, slot);
	enum job_state from;

	if (!job)
		return -ENOMEM;
	from = job->state;
	switch (verb) {
	case VERB_PAUSE:
		do_pause(e, slot, job);
		break;
	case VERB_RESUME:
		do_resume(e, job);
		break;
	case VERB_CANCEL:
		do_cancel(e, slot, job);
		break;
	case VERB_RESTART:
		do_restart(e, job);
		break;
	case VERB_DELETE:
	case JOB_VERBS:
		break;
	}
	job->version++;
	turn_put(e, slot);
	*job_out = job;
	return turn_event(e, job, job_verb_event(verb), from, job->state,
			  e->turn.now_ms, NULL);
}

static int remove_job(struct engine *e, uint32_t slot, const struct job *job,
		      struct command_result *result)
{
	int r;

	result_set(result, OUTCOME_REMOVED, job);
	r = turn_event(e, job, EVENT_REMOVED, job->state, -1, e->turn.now_ms,
		       "delete");
	return r < 0 ? r : turn_remove(e, slot);
}

static int verb_one(struct engine *e, const struct command *c, size_t i,
		    struct command_result *result)
{
	enum job_state to;
	enum outcome outcome;
	uint32_t slot;
	const struct job *job = find(e, c->uuids[i], &slot, &outcome);
	int r;

	memcpy(result->uuid, c->uuids[i], sizeof(result->uuid));
	if (!job) {
		result_set(result, outcome, NULL);
		return 0;
	}
	if (c->if_match >= 0 && c->if_match != job->version) {
		result_set(result, OUTCOME_VERSION_MISMATCH, job);
		return 0;
	}
	if (c->verb == VERB_DELETE && job->seq == JOB_DEFAULT_SEQ) {
		result_set(result, OUTCOME_PROTECTED, job);
		return 0;
	}
	switch (job_verb_effect(c->verb, job->state, &to)) {
	case EFFECT_MOVE:
		r = move(e, slot, c->verb, &job);
		if (r < 0)
			return r;
		break;
	case EFFECT_NOTHING:
		break;
	case EFFECT_CONFLICT:
		result_set(result, OUTCOME_INVALID_STATE, job);
		return 0;
	case EFFECT_REMOVE:
		return remove_job(e, slot, job, result);
	}
	result_set(result, OUTCOME_OK, job);
	return 0;
}

static int verb(struct engine *e, struct command *c)
{
	int r = results_new(c, c->count);

	for (size_t i = 0; r == 0 && i < c->count; i++)
		r = verb_one(e, c, i, &c->results[i]);
	if (r == 0 && !c->bulk)
		c->outcome = c->results[0].outcome;
	return r;
}

/* --- PATCH ---------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

struct edit {			/* the values that a patch leads to */
	int priority, on_error;
	int64_t max_attempts, ttl_s;
	bool ttl_given;
	const char *title, *tags;
};

static void edit_of(const struct engine *e, const struct patch *p,
		    const struct job *job, struct edit *edit)
{
	unsigned set = p->set, unset = p->unset;
	bool ttl = job->ttl_given;

	edit->priority = set & PATCH_PRIORITY ? p->priority
			 : unset & PATCH_PRIORITY ? 0 : job->priority;
	edit->on_error = set & PATCH_ON_ERROR ? (int)p->on_error
			 : unset & PATCH_ON_ERROR ? e->settings->jobs_on_error
						  : job->on_error;
	edit->max_attempts =
		set & PATCH_MAX_ATTEMPTS ? p->max_attempts
		: unset & PATCH_MAX_ATTEMPTS ? e->settings->jobs_max_attempts
					     : job->max_attempts;
	edit->ttl_given = set & PATCH_TTL ? true
			  : unset & PATCH_TTL ? false : ttl;
	edit->ttl_s = set & PATCH_TTL ? p->ttl_s : job->ttl_s;
	edit->title = set & PATCH_TITLE ? p->title
		      : unset & PATCH_TITLE ? NULL
					    : job_text(job, TEXT_TITLE);
	edit->tags = set & PATCH_TAGS ? p->tags
		     : unset & PATCH_TAGS ? NULL : job_text(job, TEXT_TAGS);
}

/* The names of the fields that change, for the history. */
static unsigned changes(const struct edit *edit, const struct job *job,
			char *names, size_t size)
{
	const struct {
		const char *name;
		bool differs;
	} fields[] = {
		{ "priority", edit->priority != job->priority },
		{ "on_error", edit->on_error != job->on_error },
		{ "max_attempts", edit->max_attempts != job->max_attempts },
		{ "ttl_s", edit->ttl_given != job->ttl_given ||
			   (edit->ttl_given && edit->ttl_s != job->ttl_s) },
		{ "title", !same_text(edit->title, job_text(job, TEXT_TITLE)) },
		{ "tags", !same_text(edit->tags, job_text(job, TEXT_TAGS)) },
	};
	unsigned count = 0;

	names[0] = '\0';
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (!fields[i].differs)
			continue;
		if (count++ > 0)
			strncat(names, ",", size - strlen(names) - 1);
		strncat(names, fields[i].name, size - strlen(names) - 1);
	}
	return count;
}

static int apply(struct engine *e, uint32_t slot, const struct edit *edit,
		 const struct job **job_out)
{
	const struct job *before = turn_job(e, slot);
	struct job_parts parts = { .simulate = job_simulate(before) };
	struct job *job;

	for (int i = 0; i < JOB_TEXTS; i++)
		parts.text[i] = job_text(before, i);
	parts.text[TEXT_TITLE] = edit->title;
	parts.text[TEXT_TAGS] = edit->tags;
	job = turn_edit_texts(e, slot, &parts);
	if (!job)
		return -ENOMEM;
	job->priority = edit->priority;
	job->on_error = edit->on_error;
	job->max_attempts = edit->max_attempts;
	job->ttl_given = edit->ttl_given;
	job->ttl_s = edit->ttl_s;
	if (job_state_is_final(job->state))
		job_set_expiry(e, job);
	job->version++;
	job->updated_ms = e->turn.now_ms;
	turn_put(e, slot);
	*job_out = job;
	return 0;
}

/* Which rule forbids this edit? */
static enum outcome forbidden(const struct edit *edit, const struct job *job)
{
	if (edit->priority != job->priority && job->state != JOB_QUEUED &&
	    job->state != JOB_PAUSED)
		return OUTCOME_INVALID_STATE;
	if (job->seq == JOB_DEFAULT_SEQ &&
	    (!edit->ttl_given || edit->ttl_s != TTL_KEEP))
		return OUTCOME_PROTECTED;
	return OUTCOME_OK;
}

static int patch(struct engine *e, struct command *c)
{
	char names[EVENT_DETAIL_BYTES];
	enum outcome outcome;
	struct edit edit = { 0 };
	uint32_t slot;
	const struct job *job = find(e, c->uuids[0], &slot, &outcome);
	int r = results_new(c, 1);

	if (r < 0)
		return r;
	if (job && c->if_match >= 0 && c->if_match != job->version) {
		outcome = OUTCOME_VERSION_MISMATCH;
	} else if (job) {
		edit_of(e, &c->patch, job, &edit);
		outcome = forbidden(&edit, job);
	}
	c->outcome = outcome;
	if (outcome == OUTCOME_OK &&
	    changes(&edit, job, names, sizeof(names)) > 0) {
		r = apply(e, slot, &edit, &job);
		if (r == 0)
			r = turn_event(e, job, EVENT_CHANGED, job->state,
				       job->state, e->turn.now_ms, names);
	}
	if (r == 0)
		result_set(&c->results[0], outcome, job);
	return r;
}

/* --- the queue, the clock --------------------------------------------------------------------- */

static int queue_pause(struct engine *e, bool paused)
{
	bool now = e->turn.set_paused ? e->turn.paused : e->paused;

	if (now != paused) {
		e->turn.set_paused = true;
		e->turn.paused = paused;
	}
	return 0;
}

/* It begins after the commit, one at a time, and its answer comes when all is
 * settled there. */
static int advance(struct engine *e, struct command *c)
{
	if (e->advance.command)
		c->outcome = OUTCOME_BUSY;
	return 0;
}

static int decide(struct engine *e, struct command *c)
{
	switch (c->kind) {
	case COMMAND_SUBMIT:
		return submit(e, c);
	case COMMAND_VERB:
		return verb(e, c);
	case COMMAND_PATCH:
		return patch(e, c);
	case COMMAND_QUEUE_PAUSE:
		return queue_pause(e, true);
	case COMMAND_QUEUE_RESUME:
		return queue_pause(e, false);
	case COMMAND_CLOCK_ADVANCE:
		return advance(e, c);
	case COMMAND_DEFAULT_JOB:
		return job_default_start(e);
	}
	return -EIO;
}

int command_decide(struct engine *e, struct command *c)
{
	int r = 0;

	if (c->has_key && replayed(e, c, &r))
		return r;
	r = decide(e, c);
	/* an advance has yet to succeed */
	if (r == 0 && c->has_key && c->outcome == OUTCOME_OK &&
	    c->kind != COMMAND_CLOCK_ADVANCE)
		r = command_remember(e, c);
	return r;
}
