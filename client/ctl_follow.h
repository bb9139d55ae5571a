/* ctl_follow.h -- waiting for jobs: the library's watch in a loop of our own,
 * beside signals, the clock and the progress on the screen. */
#ifndef CLIENT_CTL_FOLLOW_H
#define CLIENT_CTL_FOLLOW_H

#include "client/ctl_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;
struct follow;

enum follow_end {
	FOLLOW_DONE,		/* as many as were asked for have ended, or no
				 * more can */
	FOLLOW_TIMED_OUT,
	FOLLOW_INTERRUPTED,
	FOLLOW_FAILED		/* its words are said */
};

struct follow_options {
	size_t until;		/* this many ended; 0: all */
	int64_t timeout_ms;	/* -1: none */
	/* A row changed in what a person follows: state, stage, attempt,
	 * priority, title, or it has ended.  May be NULL. */
	void (*on_change)(void *user, const struct row *row);
	/* Called every every_ms, to add more jobs; NULL: never.  false: no
	 * more will come.  It is the one look of a timeout_ms of 0; else it
	 * returns within follow_left_ms(). */
	bool (*on_more)(void *user, struct follow *f);
	int every_ms;
	void *user;
};

/* follow_new -- follows what is in list, which may grow by follow_add() only.
 * Rows that have ended already count at once.  NULL: no memory or descriptors;
 * said. */
struct follow *follow_new(struct ctl *ctl, struct list *list,
			  const struct follow_options *options);

/* follow_add -- one more job; false: it is there already. */
bool follow_add(struct follow *f, const hg_job *job);

/* follow_left_ms -- how long on_more() may take; -1: as long as a call may. */
int64_t follow_left_ms(const struct follow *f);

/* follow_run -- until one of the ends.  Every row shows the last state seen. */
enum follow_end follow_run(struct follow *f);

/* follow_delay -- from the jobs' ends to our knowing, over those whose end came
 * while we watched: their number, mean and largest in milliseconds. */
size_t follow_delay(const struct follow *f, double *mean_out, int64_t *max_out);

void follow_free(struct follow *f);

/* --- the words and the code of an end (ctl_verbs_wait.c) ------------------ */

/* wait_code -- says what is pending or lost, and cancels what is to be
 * canceled; the code of all of it. */
int wait_code(struct ctl *ctl, struct list *list, enum follow_end end);
/* wait_close -- the --stats and the --history that were asked for, and the end
 * of f (NULL: none); code, or a worse one. */
int wait_close(struct ctl *ctl, struct follow *f, int code);

#endif
