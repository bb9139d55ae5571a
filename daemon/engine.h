/* engine.h -- the one thread that changes things.
 *
 * HTTP threads hand it commands and wait for the answer; it decides, commits,
 * publishes, answers.  Everything in this header may be called from any
 * thread unless it says otherwise. */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "core/job.h"
#include "core/settings.h"
#include "daemon/board.h"
#include "daemon/outcome.h"
#include "daemon/store.h"

#include <semaphore.h>

struct engine;

enum command_kind {
	COMMAND_SUBMIT,
	COMMAND_VERB,
	COMMAND_PATCH,
	COMMAND_QUEUE_PAUSE,
	COMMAND_QUEUE_RESUME,
	COMMAND_CLOCK_ADVANCE,
	COMMAND_DEFAULT_JOB		/* [status] default_job=first_request */
};

enum patch_field {
	PATCH_PRIORITY = 1,
	PATCH_ON_ERROR = 2,
	PATCH_MAX_ATTEMPTS = 4,
	PATCH_TTL = 8,
	PATCH_TITLE = 16,
	PATCH_TAGS = 32
};
struct patch {
	unsigned set;			/* enum patch_field, or-ed: to a value */
	unsigned unset;			/* null: back to the default */
	int priority;
	enum on_error on_error;
	int64_t max_attempts;
	int64_t ttl_s;
	char *title, *tags;		/* malloc'ed; the command frees them */
};

/* A new job as a client asked for it. */
struct submission {
	struct job_parts parts;		/* borrowed until the answer */
	int priority;
	int on_error;			/* -1: the settings' */
	int64_t max_attempts;		/* 0: the settings' */
	int64_t ttl_s;			/* 0: the settings' */
	int64_t not_before_ms;		/* or TIME_NONE */
};

struct command_result {
	enum outcome outcome;
	uint8_t uuid[16];
	struct job *job;		/* a reference, or NULL */
};

#define ANSWER_FAN 2

struct command {
	/* asked */
	enum command_kind kind;
	enum job_verb verb;
	bool bulk;			/* per-job outcomes; else the command's */
	size_t count;			/* submissions or ids */
	struct submission *submissions;	/* borrowed until the answer */
	const uint8_t (*uuids)[16];	/* borrowed until the answer */
	int64_t if_match;		/* version, or -1 */
	struct patch patch;
	int64_t advance_ms;
	bool has_key;			/* Idempotency-Key was given */
	char scope[IDEMPOTENCY_SCOPE_BYTES]; /* "POST /v1/jobs KEY" */
	const char *key;		/* inside scope */
	uint64_t digest[2];
	/* answered */
	enum outcome outcome;
	bool replayed;
	int64_t now_ms;			/* CLOCK_ADVANCE */
	size_t result_count;
	struct command_result *results;	/* freed by command_free */
	/* the engine's own */
	struct command_result single;	/* the room for one result */
	struct command *next;
	struct command *relay[ANSWER_FAN];	/* to be woken by who waits */
	sem_t answered;
};

struct command *command_new(enum command_kind kind);
void command_free(struct command *c);		/* NULL is fine */

/* engine_do -- hands the command over and blocks until it is answered (at
 * most until the store's and the workers' own deadlines).  The caller owns it
 * before and after. */
void engine_do(struct engine *e, struct command *c);

struct board *engine_board(struct engine *e);

/* The settings in force: a reference, settings_unref it. */
const struct settings *engine_settings(struct engine *e);
/* Does [faults] ask for any?  Takes no lock. */
bool engine_has_faults(struct engine *e);

/* What it has counted; read with stat_read. */
struct engine_stats;
const struct engine_stats *engine_stats(struct engine *e);

/* Is the store writable and a worker alive?  NULL, or why not. */
const char *engine_not_ready(struct engine *e);

#endif
