/* given_engine.h -- a whole engine with real store and workers, no HTTP: two
 * workers with two slots each, in the time that the test gives it. */
#ifndef TESTS_GIVEN_ENGINE_H
#define TESTS_GIVEN_ENGINE_H

#include "daemon/engine_private.h"
#include "tests/unit/given_store.h"

#define GIVEN_JOBS 8

extern const struct settings *settings;
extern struct store *store;
extern struct engine *engine;
extern uint8_t ids[GIVEN_JOBS][16];

void given_engine(void);	/* in given_dir, on a disk that may be broken */
void end_engine(void);
/* For a test of what engine_new does: all that it needs but the store. */
const char *given_engine_parts(void);

/* The whole engine as text, malloc'ed: what a client or a turn could see. */
char *dump(void);

/* Eight jobs, ids[]: four run, three wait, one is not yet due. */
void given_jobs(void);

/* Commands for the next engine_turn_whole().  Theirs is the caller's until
 * drop_commands(); reset_commands() makes those of a failed turn anew. */
struct command *hand_over(enum command_kind kind);
struct command *hand_over_jobs(size_t count, const char *title);
void hand_over_verb(enum job_verb verb, int first, int count);
/* One of each kind, of given_jobs(); three new jobs, one fewer afterwards. */
void hand_over_everything(void);
void drop_commands(void);
void reset_commands(void);
#endif
