/* ctl_options.h -- the one table of verbs and options.
 *
 * It drives the parsing, --help, the three completions, and, by a test, the
 * lists of heygenctl(1).  Knows nothing of jobs and does no I/O. */
#ifndef CLIENT_CTL_OPTIONS_H
#define CLIENT_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;

/* --- what was asked ------------------------------------------------------- */

enum form { FORM_TABLE, FORM_JSON, FORM_JSONL, FORM_TSV, FORM_ID };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct words {			/* what a repeated option has gathered */
	const char **at;	/* NULL-terminated; at is NULL while n is 0 */
	size_t n;
};

/* One field an option; texts are those of argv.  Zero is "not given" unless
 * said otherwise. */
struct options {
	uint64_t given;			/* bit i: row i of the table */
	const char *server, *api_key_file;
	int64_t form, color;
	bool form_given;
	bool quiet, help, version;
	int64_t verbose;		/* how often */
	int64_t request_timeout_ms;

	const char *title, *from, *to, *idempotency_key, *json_file;
	struct words tags;
	int64_t priority;
	int64_t on_error;		/* + 1: enum hg_on_error, if given */
	int64_t max_attempts, fail_attempts, seed, count;
	int64_t ttl_ms;			/* -1: keep */
	int64_t not_before;		/* Unix ms */
	int64_t duration_ms;
	double error_rate, fail_at;

	int64_t timeout_ms;		/* -1: none */
	bool any, cancel_on_timeout, stats;
	int64_t profile;		/* enum hg_profile */
	int64_t use;			/* HG_USE_*, or-ed */
	const char *history;

	bool all, yes, dry_run;
	struct words states;
	int64_t limit;
	const char *sort;		/* of sort_words; "-": backwards */
};

/* --- the tables ----------------------------------------------------------- */

enum option_kind {
	KIND_FLAG,		/* bool */
	KIND_COUNT,		/* int64_t, + 1 each time */
	KIND_TEXT,		/* const char *; min 1: not empty */
	KIND_KEY,		/* const char *: an Idempotency-Key */
	KIND_FILE,		/* const char *, not empty; "-" may be stdin */
	KIND_WORDS,		/* struct words, none empty: may be repeated */
	KIND_STATES,		/* struct words: "error,canceled", repeated */
	KIND_INTEGER,		/* int64_t from min to max */
	KIND_REAL,		/* double from min to max */
	KIND_DURATION,		/* int64_t ms from min to max */
	KIND_KEPT,		/* the same, or the word "keep": -1 */
	KIND_MOMENT,		/* int64_t Unix ms: from now, or RFC 3339 */
	KIND_CHOICE,		/* int64_t: the index among words */
	KIND_MASK,		/* int64_t: 1 << index of each word given */
	KIND_PRIORITY,		/* int64_t: -100 to 100 or a name */
	KIND_SORT		/* const char *: one of words, "-" before it */
};

/* Which verbs take an option. */
enum {
	TAKE_GLOBAL = 1,	/* all of them, and before the verb too */
	TAKE_SUBMIT = 2,
	TAKE_WAIT = 4,		/* how to wait */
	TAKE_UNTIL = 8,		/* when to stop waiting */
	TAKE_FILTER = 16,	/* which jobs */
	TAKE_MANY = 32,		/* verbs that change the jobs they find */
	TAKE_LIST = 64,
	TAKE_WATCH = 128
};

struct option_row {
	const char *name;		/* without its "--" */
	char letter;			/* 0: none */
	enum option_kind kind;
	unsigned take;			/* TAKE_*, or-ed */
	size_t field;			/* offset in struct options */
	const char *arg;		/* as help shows it; NULL: takes none */
	const char *const *words;	/* for the kinds that choose */
	int64_t min, max;
	const char *help;		/* a phrase, the manual's too */
};

/* What the arguments behind the verb are, for completion. */
enum args_kind { ARGS_NONE, ARGS_URL, ARGS_IDS, ARGS_PRIORITY, ARGS_WORDS,
		 ARGS_VERB };

struct verb_row {
	const char *name;
	const char *args;		/* as help shows them */
	enum args_kind args_kind;
	int args_min, args_max;		/* -1: any number */
	unsigned take;			/* TAKE_*, or-ed */
	const char *const *words;	/* ARGS_WORDS */
	int (*run)(struct ctl *ctl);	/* an exit code */
	const char *help;		/* a phrase */
	const char *more;		/* sentences for --help; may be NULL */
	const char *acts_on;		/* the states that --all means */
};

extern const struct option_row option_rows[];	/* ended by name NULL */
extern const struct verb_row verb_rows[];	/* ended by name NULL */
extern const char *const state_words[];		/* ended by NULL */
extern const char *const priority_words[];
extern const char *const sort_words[];

/* --- parsing -------------------------------------------------------------- */

struct command {
	const struct verb_row *verb;	/* NULL: none was given */
	struct options options;
	const char **args;		/* those of the verb, NULL-terminated */
	size_t args_count;
};

/* options_parse -- argv into a command.  false: *error_out is a sentence on
 * what is wrong, to be freed, and *command_out knows the verb if it was read.
 * Release with options_free() in both cases. */
bool options_parse(int argc, char **argv, struct command *command_out,
		   char **error_out);
void options_free(struct command *command);

const struct verb_row *options_verb(const char *name);	/* or NULL */
bool options_given(const struct options *o, const char *name);
bool options_applies(const struct option_row *row, const struct verb_row *verb);

/* -100 to 100, or low normal high urgent. */
bool options_parse_priority(const char *s, int64_t *priority_out);

/* --- help ----------------------------------------------------------------- */

struct text;
void help_overview(struct text *t);
void help_verb(struct text *t, const struct verb_row *verb);

/* completion_print -- the script for bash, zsh or fish; false: another. */
bool completion_print(struct text *t, const char *shell);

#endif
