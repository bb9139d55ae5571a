/* engine_main.h -- the engine's life, for main.c alone (main thread). */
#ifndef DAEMON_ENGINE_MAIN_H
#define DAEMON_ENGINE_MAIN_H

#include "daemon/engine.h"

struct engine_hooks {		/* called from engine_run, on the main thread */
	void *user;
	void (*reload)(void *user);	/* SIGHUP */
	void (*stop)(void *user);	/* SIGTERM, SIGINT: once */
	/* After every turn.  Real monotonic ms of the latest next one;
	 * INT64_MAX: there is no need of one. */
	int64_t (*turned)(void *user);
};

/* engine_new -- loads every job from the store, brings back what was running,
 * starts the workers.  The store and the settings are borrowed; signals must
 * be blocked already.  0, or a negative errno after logging it. */
int engine_new(struct engine **engine_out, const struct settings *settings,
	       struct store *store, const char *worker_path);

/* engine_run -- turns until engine_quit.  0, or 1: the database is corrupt. */
int engine_run(struct engine *e, const struct engine_hooks *hooks);

/* No more commands are taken, waiters are woken; turns go on. */
void engine_drain(struct engine *e);
void engine_quit(struct engine *e);		/* any thread */

/* Workers leave, the last progress is written.  NULL is fine. */
void engine_free(struct engine *e);

/* The settings of a reload; takes a reference. */
void engine_set_settings(struct engine *e, const struct settings *settings);

#endif
