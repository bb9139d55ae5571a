#include "core/job.h"

#include <stdlib.h>
#include <string.h>

#define BIT(n) (1u << (n))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The state machine: the only place that knows the rules. */
static const struct {
	const char *name, *result;
	unsigned next;
} states[JOB_STATES] = {
	[JOB_QUEUED] = { "queued", "pending",
		BIT(JOB_RUNNING) | BIT(JOB_PAUSED) | BIT(JOB_CANCELED) },
	[JOB_RUNNING] = { "running", "pending",
		BIT(JOB_COMPLETED) | BIT(JOB_ERROR) | BIT(JOB_PAUSED) |
		BIT(JOB_CANCELED) | BIT(JOB_QUEUED) /* lost, or restarted */ },
	[JOB_PAUSED] = { "paused", "pending",
		BIT(JOB_QUEUED) | BIT(JOB_CANCELED) },
	[JOB_COMPLETED] = { "completed", "completed", BIT(JOB_QUEUED) },
	[JOB_ERROR] = { "error", "error", BIT(JOB_QUEUED) },
	[JOB_CANCELED] = { "canceled", "error", BIT(JOB_QUEUED) },
};

#define MOVE(state) { EFFECT_MOVE, JOB_##state }
#define SAME { EFFECT_NOTHING, 0 }
#define DENY { EFFECT_CONFLICT, 0 }
#define GONE { EFFECT_REMOVE, 0 }

static const struct {
	enum event_kind event;
	struct {
		uint8_t effect, to;
	} from[JOB_STATES];
} verbs[JOB_VERBS] = {
	/*                         queued          running         paused          completed     error         canceled */
	[VERB_PAUSE]   = { EVENT_PAUSED,    { MOVE(PAUSED),   MOVE(PAUSED),   SAME,           DENY,         DENY,         DENY } },
	[VERB_RESUME]  = { EVENT_RESUMED,   { SAME,           SAME,           MOVE(QUEUED),   DENY,         DENY,         DENY } },
	[VERB_CANCEL]  = { EVENT_CANCELED,  { MOVE(CANCELED), MOVE(CANCELED), MOVE(CANCELED), DENY,         DENY,         SAME } },
	[VERB_RESTART] = { EVENT_RESTARTED, { DENY,           DENY,           DENY,           MOVE(QUEUED), MOVE(QUEUED), MOVE(QUEUED) } },
	[VERB_DELETE]  = { EVENT_REMOVED,   { DENY,           DENY,           DENY,           GONE,         GONE,         GONE } },
};

static const char *const event_kinds[EVENT_KINDS] = {
	[EVENT_SUBMITTED] = "submitted", [EVENT_STARTED] = "started",
	[EVENT_PAUSED] = "paused", [EVENT_RESUMED] = "resumed",
	[EVENT_CANCELED] = "canceled", [EVENT_COMPLETED] = "completed",
	[EVENT_FAILED] = "failed", [EVENT_REQUEUED] = "requeued",
	[EVENT_RESTARTED] = "restarted", [EVENT_REMOVED] = "removed",
	[EVENT_STAGE] = "stage", [EVENT_CHANGED] = "changed",
};

static const char *const stages[JOB_STAGES] = {
	[STAGE_NONE] = NULL, [STAGE_DOWNLOAD] = "download",
	[STAGE_TRANSCRIBE] = "transcribe", [STAGE_TRANSLATE] = "translate",
	[STAGE_SYNTHESIZE] = "synthesize", [STAGE_LIP_SYNC] = "lip_sync",
	[STAGE_RENDER] = "render",
};

static const struct {
	const char *code, *message;
} errors[JOB_ERRORS] = {
	[ERROR_NONE] = { "none", "No error." },
	[ERROR_DOWNLOAD_FAILED] = { "download_failed",
		"The source video could not be downloaded." },
	[ERROR_AUDIO_INVALID] = { "audio_invalid",
		"The audio track of the source video could not be read." },
	[ERROR_TRANSLATION_FAILED] = { "translation_failed",
		"The translation of the transcript failed." },
	[ERROR_WORKER_LOST] = { "worker_lost",
		"The worker died three times running without any progress." },
	[ERROR_INTERNAL] = { "internal",
		"The server could not record what became of this job." },
	[ERROR_CANCELED] = { "canceled", "The job was canceled." },
};

static const char *const on_errors[ON_ERRORS] = {
	[ON_ERROR_STOP] = "stop", [ON_ERROR_RESTART] = "restart",
};

static const struct {
	const char *name;
	int value;
} priorities[] = {
	{ "low", -10 }, { "normal", 0 }, { "high", 10 }, { "urgent", 20 },
};

/* --- words ---------------------------------------------------------------- */

const char *job_state_name(enum job_state state)
{
	return (unsigned)state < JOB_STATES ? states[state].name : "?";
}

const char *event_kind_name(enum event_kind kind)
{
	return (unsigned)kind < EVENT_KINDS ? event_kinds[kind] : "?";
}

const char *job_stage_name(enum job_stage stage)
{
	return (unsigned)stage < JOB_STAGES ? stages[stage] : "?";
}

const char *job_error_name(enum job_error error)
{
	return (unsigned)error < JOB_ERRORS ? errors[error].code : "?";
}

const char *job_error_message(enum job_error error)
{
	return (unsigned)error < JOB_ERRORS ? errors[error].message : "?";
}

const char *on_error_name(enum on_error on_error)
{
	return (unsigned)on_error < ON_ERRORS ? on_errors[on_error] : "?";
}

int job_state_parse(const char *word)
{
	for (int i = 0; i < JOB_STATES; i++)
		if (strcmp(states[i].name, word) == 0)
			return i;
	return -1;
}

static int list_find(const char *const *names, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (names[i] && strcmp(names[i], word) == 0)
			return i;
	return -1;
}

int event_kind_parse(const char *word)
{
	return list_find(event_kinds, EVENT_KINDS, word);
}

int job_stage_parse(const char *word)
{
	return list_find(stages, JOB_STAGES, word);
}

int job_error_parse(const char *word)
{
	for (int i = 0; i < JOB_ERRORS; i++)
		if (strcmp(errors[i].code, word) == 0)
			return i;
	return -1;
}

int on_error_parse(const char *word)
{
	return list_find(on_errors, ON_ERRORS, word);
}

const char *priority_name(int priority)
{
	for (size_t i = 0; i < COUNT(priorities); i++)
		if (priorities[i].value == priority)
			return priorities[i].name;
	return NULL;
}

bool priority_parse(const char *word, int *priority_out)
{
	for (size_t i = 0; i < COUNT(priorities); i++)
		if (strcmp(priorities[i].name, word) == 0) {
			*priority_out = priorities[i].value;
			return true;
		}
	return false;
}

/* --- life ------------------------------------------------------------------ */

bool job_state_is_final(enum job_state state)
{
	return state == JOB_COMPLETED || state == JOB_ERROR ||
	       state == JOB_CANCELED;
}

const char *job_result_name(enum job_state state)
{
	return (unsigned)state < JOB_STATES ? states[state].result : "?";
}

bool job_may_become(enum job_state from, enum job_state to)
{
	return (unsigned)from < JOB_STATES && (unsigned)to < JOB_STATES &&
	       (states[from].next & BIT(to));
}

bool job_become(struct job *job, enum job_state to)
{
	if (!job_may_become(job->state, to))
		return false;
	job->state = to;
	return true;
}

enum verb_effect job_verb_effect(enum job_verb verb, enum job_state from,
				 enum job_state *to_out)
{
	if ((unsigned)verb >= JOB_VERBS || (unsigned)from >= JOB_STATES)
		return EFFECT_CONFLICT;
	if (verbs[verb].from[from].effect == EFFECT_MOVE)
		*to_out = verbs[verb].from[from].to;
	return verbs[verb].from[from].effect;
}

enum event_kind job_verb_event(enum job_verb verb)
{
	return verbs[verb].event;
}

/* --- the job ---------------------------------------------------------------- */

static size_t align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Lays texts and the simulate object behind the struct.  The struct's fixed
 * part is left to the caller. */
static struct job *job_build(const struct job_parts *parts)
{
	size_t tail = 1, simulate_at = 0, text_at[JOB_TEXTS];
	struct job *job;

	for (int i = 0; i < JOB_TEXTS; i++) {
		const char *s = parts->text[i];

		text_at[i] = s && *s ? tail : 0;
		if (text_at[i])
			tail += strlen(s) + 1;
	}
	if (parts->simulate) {
		simulate_at = align8(offsetof(struct job, tail) + tail) -
			      offsetof(struct job, tail);
		tail = simulate_at + sizeof(*parts->simulate);
	}
	if (tail > UINT16_MAX)
		return NULL;
	job = malloc(offsetof(struct job, tail) + tail);
	if (!job)
		return NULL;
	memset(job, 0, offsetof(struct job, tail) + 1);
	job->bytes = offsetof(struct job, tail) + tail;
	job->simulate_at = simulate_at;
	if (simulate_at)
		memcpy(job->tail + simulate_at, parts->simulate,
		       sizeof(*parts->simulate));
	for (int i = 0; i < JOB_TEXTS; i++) {
		job->text_at[i] = text_at[i];
		if (text_at[i])
			memcpy(job->tail + text_at[i], parts->text[i],
			       strlen(parts->text[i]) + 1);
	}
	job->refs = 1;
	return job;
}

struct job *job_new(const struct job_parts *parts)
{
	struct job *job = job_build(parts);

	if (!job)
		return NULL;
	job->submitted_ms = job->updated_ms = TIME_NONE;
	job->not_before_ms = job->eligible_ms = TIME_NONE;
	job->started_ms = job->paused_ms = TIME_NONE;
	job->finished_ms = job->expires_ms = TIME_NONE;
	job->remaining_ms = -1;
	job->attempt = job->max_attempts = job->budget_from = 1;
	return job;
}

/* All but the count of references, which other threads change meanwhile. */
static void copy_around_refs(struct job *to, const struct job *from,
			     size_t bytes)
{
	size_t behind = offsetof(struct job, refs) + sizeof(from->refs);

	memcpy(to, from, offsetof(struct job, refs));
	memcpy((char *)to + behind, (const char *)from + behind,
	       bytes - behind);
}

struct job *job_copy(const struct job *job, const struct job_parts *parts)
{
	struct job *copy;

	if (!parts) {
		copy = malloc(job->bytes);
		if (!copy)
			return NULL;
		copy_around_refs(copy, job, job->bytes);
	} else {
		struct job fixed;

		copy = job_build(parts);
		if (!copy)
			return NULL;
		/* the layout of the copy with the values of the original */
		copy_around_refs(&fixed, job, offsetof(struct job, tail));
		fixed.bytes = copy->bytes;
		fixed.simulate_at = copy->simulate_at;
		memcpy(fixed.text_at, copy->text_at, sizeof(fixed.text_at));
		copy_around_refs(copy, &fixed, offsetof(struct job, tail));
	}
	copy->refs = 1;
	return copy;
}

struct job *job_ref(struct job *job)
{
	__atomic_add_fetch(&job->refs, 1, __ATOMIC_RELAXED);
	return job;
}

void job_unref(struct job *job)
{
	if (job && __atomic_sub_fetch(&job->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(job);
}

const char *job_text(const struct job *job, enum job_text text)
{
	return job->text_at[text] ? job->tail + job->text_at[text] : NULL;
}

const struct simulate *job_simulate(const struct job *job)
{
	/* simulate_at keeps the alignment of struct job */
	return job->simulate_at
		       ? (const void *)(job->tail + job->simulate_at)
		       : NULL;
}

bool job_has_tag(const struct job *job, const char *tag)
{
	const char *p = job_text(job, TEXT_TAGS);
	size_t length = strlen(tag);

	while (p && *p) {
		size_t word = strcspn(p, " ");

		if (word == length && memcmp(p, tag, length) == 0)
			return true;
		p += word;
		p += *p == ' ';
	}
	return false;
}

enum job_error job_shown_error(const struct job *job)
{
	if (job->state == JOB_CANCELED)
		return ERROR_CANCELED;
	return job->state == JOB_ERROR ? job->last_error : ERROR_NONE;
}

/* --- ids -------------------------------------------------------------------- */

#define UUID_CHARS (JOB_ID_SIZE - 1)

static bool is_dash(int position)
{
	return position == 8 || position == 13 || position == 18 ||
	       position == 23;
}

/* The value of a hexadecimal digit and HEX, or 0: a table, for branches on
 * random digits are guessed wrong half of the time. */
#define HEX 16
static const uint8_t hex_digits[256] = {
	['0'] = HEX,	   ['1'] = HEX + 1,  ['2'] = HEX + 2,
	['3'] = HEX + 3,   ['4'] = HEX + 4,  ['5'] = HEX + 5,
	['6'] = HEX + 6,   ['7'] = HEX + 7,  ['8'] = HEX + 8,
	['9'] = HEX + 9,   ['a'] = HEX + 10, ['b'] = HEX + 11,
	['c'] = HEX + 12,  ['d'] = HEX + 13, ['e'] = HEX + 14,
	['f'] = HEX + 15,  ['A'] = HEX + 10, ['B'] = HEX + 11,
	['C'] = HEX + 12,  ['D'] = HEX + 13, ['E'] = HEX + 14,
	['F'] = HEX + 15,
};

char *job_uuid_format(const uint8_t uuid[16], char out[JOB_ID_SIZE])
{
	static const uint8_t none[16];
	static const char digits[] = "0123456789abcdef";
	int at = 0;

	if (memcmp(uuid, none, sizeof(none)) == 0)
		return memcpy(out, JOB_DEFAULT_ID, sizeof(JOB_DEFAULT_ID));
	for (int i = 0; i < 16; i++) {
		if (is_dash(at))
			out[at++] = '-';
		out[at++] = digits[uuid[i] >> 4];
		out[at++] = digits[uuid[i] & 15];
	}
	out[at] = '\0';
	return out;
}

char *job_id_format(const struct job *job, char out[JOB_ID_SIZE])
{
	return job_uuid_format(job->uuid, out);
}

bool job_id_parse(const char *id, uint8_t uuid_out[16])
{
	uint8_t uuid[16], any = 0, all = HEX;
	int at = 0;

	if (strcmp(id, JOB_DEFAULT_ID) == 0) {
		memset(uuid_out, 0, 16);
		return true;
	}
	if (strnlen(id, UUID_CHARS + 1) != UUID_CHARS)
		return false;
	for (int i = 0; i < 16; i++) {
		uint8_t high, low;

		if (is_dash(at) && id[at++] != '-')
			return false;
		high = hex_digits[(uint8_t)id[at++]];
		low = hex_digits[(uint8_t)id[at++]];
		all &= high & low;
		uuid[i] = (uint8_t)(high << 4 | (low & (HEX - 1)));
		any |= uuid[i];
	}
	if (!all || !any)		/* all zero means "default" to us */
		return false;
	memcpy(uuid_out, uuid, 16);
	return true;
}
