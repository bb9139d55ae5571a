/* job.h -- what a job is and how it may live.
 *
 * Owns the closed lists that the log, SQL, the wire and the dashboard take
 * their words from (states, verbs, event kinds, stages, errors, priorities)
 * and the state machine.  Knows nothing of time, of the store or of HTTP. */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- words ---------------------------------------------------------------- */

enum job_state {
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_PAUSED,
	JOB_COMPLETED,
	JOB_ERROR,
	JOB_CANCELED,
	JOB_STATES
};

enum job_verb {
	VERB_PAUSE,
	VERB_RESUME,
	VERB_CANCEL,
	VERB_RESTART,
	VERB_DELETE,
	JOB_VERBS
};

enum event_kind {
	EVENT_SUBMITTED,
	EVENT_STARTED,
	EVENT_PAUSED,
	EVENT_RESUMED,
	EVENT_CANCELED,
	EVENT_COMPLETED,
	EVENT_FAILED,
	EVENT_REQUEUED,		/* a lost worker, or the start after a crash */
	EVENT_RESTARTED,	/* by the restart policy or the verb */
	EVENT_REMOVED,
	EVENT_STAGE,
	EVENT_CHANGED,		/* edited by PATCH */
	EVENT_KINDS
};

enum job_stage {
	STAGE_NONE,		/* has not started */
	STAGE_DOWNLOAD,
	STAGE_TRANSCRIBE,
	STAGE_TRANSLATE,
	STAGE_SYNTHESIZE,
	STAGE_LIP_SYNC,
	STAGE_RENDER,
	JOB_STAGES
};

enum job_error {
	ERROR_NONE,
	ERROR_DOWNLOAD_FAILED,	/* these three are drawn by the simulation */
	ERROR_AUDIO_INVALID,
	ERROR_TRANSLATION_FAILED,
	ERROR_WORKER_LOST,
	ERROR_INTERNAL,
	ERROR_CANCELED,
	JOB_ERRORS
};

enum on_error { ON_ERROR_STOP, ON_ERROR_RESTART, ON_ERRORS };

/* The word of a value, "?" for one out of range; and back, -1 if unknown. */
const char *job_state_name(enum job_state state);
const char *event_kind_name(enum event_kind kind);
const char *job_stage_name(enum job_stage stage);	/* STAGE_NONE: NULL */
const char *job_error_name(enum job_error error);	/* the wire's code */
const char *job_error_message(enum job_error error);	/* a sentence */
const char *on_error_name(enum on_error on_error);
int job_state_parse(const char *word);
int event_kind_parse(const char *word);
int job_stage_parse(const char *word);
int job_error_parse(const char *word);
int on_error_parse(const char *word);

#define PRIORITY_MIN (-100)
#define PRIORITY_MAX 100
const char *priority_name(int priority);	/* NULL: it has no name */
bool priority_parse(const char *word, int *priority_out);

/* --- life ------------------------------------------------------------------ */

bool job_state_is_final(enum job_state state);
const char *job_result_name(enum job_state state); /* pending completed error */

/* May a job go from one state to the other in one step? */
bool job_may_become(enum job_state from, enum job_state to);
/* The way to do it, and the only one.  false: it may not, and is as it was. */
struct job;
bool job_become(struct job *job, enum job_state to);

/* What a verb does to a job in a state. */
enum verb_effect {
	EFFECT_MOVE,		/* to *to_out */
	EFFECT_NOTHING,		/* success, and no change */
	EFFECT_CONFLICT,	/* 409 invalid_state */
	EFFECT_REMOVE		/* the job goes */
};
enum verb_effect job_verb_effect(enum job_verb verb, enum job_state from,
				 enum job_state *to_out);
enum event_kind job_verb_event(enum job_verb verb);

/* --- the job ---------------------------------------------------------------- */

#define TIME_NONE INT64_MIN	/* a moment that is not set; NULL in SQL */
#define TTL_KEEP (-1)
#define JOB_ID_SIZE 37		/* UUID text and its NUL; "default" fits */
#define JOB_DEFAULT_SEQ 0	/* the job "default"; all others count from 1 */
#define JOB_DEFAULT_ID "default"

#define JOB_TITLE_BYTES 4096
#define JOB_URL_BYTES 8192
#define JOB_LANGUAGE_BYTES 64
#define JOB_TAGS_MAX 16
#define JOB_TAG_BYTES 64
#define JOB_ATTEMPTS_MAX 100
#define JOB_MS_MAX INT64_C(9007199254740991)	/* to go: 2^53 - 1, as JSON */

enum job_text {			/* the texts a job may carry */
	TEXT_TITLE,
	TEXT_SOURCE_URL,
	TEXT_SOURCE_LANGUAGE,
	TEXT_OUTPUT_LANGUAGE,
	TEXT_TAGS,		/* joined by one space, as submitted */
	JOB_TEXTS
};

/* The wire's "simulate" object: what this job asked of the simulation. */
enum simulate_field {
	SIMULATE_DURATION = 1,
	SIMULATE_ERROR_RATE = 2,
	SIMULATE_FAIL_AT = 4,
	SIMULATE_FAIL_ATTEMPTS = 8,
	SIMULATE_SEED = 16
};
struct simulate {
	uint32_t given;			/* enum simulate_field, or-ed */
	int32_t fail_attempts;
	int64_t duration_ms;
	double error_rate;		/* 0..1 */
	double fail_at;			/* 0..1 */
	uint64_t seed;			/* at most 2^53 - 1 */
};

/* One version of a job.  Published versions are immutable and counted; the
 * engine changes private copies (drafts).  One allocation: the texts and the
 * simulate object lie behind the struct. */
struct job {
	/* what a look at a waiting or a running job takes: one cache line */
	int64_t seq;			/* ordinal of submission */
	uint8_t uuid[16];		/* version 7; zero for "default" */
	int64_t eligible_ms;		/* waits in the queue since; never NONE */
	int64_t remaining_ms;		/* own, as last reported; -1: never */
	double progress;		/* 0..1, as of the last transition */
	uint32_t version;
	uint32_t refs;			/* atomic; job_ref, job_unref */
	int8_t priority;
	uint8_t state;			/* enum job_state */
	uint8_t stage;			/* enum job_stage */
	uint8_t on_error;		/* enum on_error */
	uint8_t last_error;		/* enum job_error of the last failure */
	bool ttl_given;			/* by the client, not the settings */
	uint16_t simulate_at;		/* offset into tail; 0: not given */
	/* the others */
	int64_t submitted_ms;		/* all *_ms: Unix ms or TIME_NONE */
	int64_t updated_ms;
	int64_t not_before_ms;
	int64_t started_ms;		/* this attempt's first start */
	int64_t paused_ms;
	int64_t finished_ms;
	int64_t expires_ms;		/* NONE: kept, or not final */
	int64_t ttl_s;			/* valid if ttl_given or final */
	uint64_t key;			/* of all its draws */
	uint32_t run;			/* + 1 with each start */
	uint32_t attempt;		/* from 1 */
	uint32_t max_attempts;
	uint32_t budget_from;		/* attempt at which the budget began */
	uint32_t last_error_attempt;
	uint8_t worker;			/* that runs it, from 1; not stored */
	bool aside;			/* the store refuses its changes: it waits
					 * for nothing and no worker has it; not
					 * stored */
	uint32_t bytes;			/* of the whole allocation */
	uint16_t text_at[JOB_TEXTS];	/* offset into tail; 0: not given */
	uint16_t losses;		/* workers lost without progress between */
	char tail[];			/* tail[0] is never a text */
};

/* What a new job is made of.  Texts NULL or "" : not given. */
struct job_parts {
	const char *text[JOB_TEXTS];
	const struct simulate *simulate;	/* NULL: none */
};

/* job_new -- a job with these texts, one reference, every other field zero
 * or TIME_NONE, max_attempts 1, attempt 1.  NULL: out of memory. */
struct job *job_new(const struct job_parts *parts);

/* job_copy -- a private copy with one reference.  parts NULL: the same texts;
 * else it gets these instead.  NULL: out of memory. */
struct job *job_copy(const struct job *job, const struct job_parts *parts);
struct job *job_ref(struct job *job);
void job_unref(struct job *job);	/* NULL is fine */

const char *job_text(const struct job *job, enum job_text text); /* or NULL */
const struct simulate *job_simulate(const struct job *job);	/* or NULL */
bool job_has_tag(const struct job *job, const char *tag);

/* The error that the wire shows: ERROR_NONE unless the state is error or
 * canceled. */
enum job_error job_shown_error(const struct job *job);

/* Ids.  job_id_format writes JOB_ID_SIZE bytes and returns out.
 * job_id_parse takes lower- or upper-case text; false: not an id of ours.
 * uuid_out is zero for "default". */
char *job_id_format(const struct job *job, char out[JOB_ID_SIZE]);
char *job_uuid_format(const uint8_t uuid[16], char out[JOB_ID_SIZE]);
bool job_id_parse(const char *id, uint8_t uuid_out[16]);

#endif
