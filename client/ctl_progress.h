/* ctl_progress.h -- what is going on, on standard error.
 *
 * On a terminal a line a job that is drawn over and over; elsewhere a plain
 * line a change.  Owns the terminal's lines below the cursor and the cursor
 * itself.  Knows rows, neither the library's calls nor standard output. */
#ifndef CLIENT_CTL_PROGRESS_H
#define CLIENT_CTL_PROGRESS_H

#include "client/ctl_row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress;

enum screen {
	SCREEN_SAME,
	SCREEN_RESIZED,		/* SIGWINCH */
	SCREEN_LOST		/* ^Z and fg: others have written there */
};

struct progress_look {
	bool utf8;		/* the terminal's: else ASCII */
	bool color;
};

/* progress_new -- shows rows[0..n-1], which stay the caller's and must outlive
 * it; they may change between calls.  NULL if stderr is no terminal that can
 * be drawn on: then progress_line() is the way.  All below accept NULL. */
struct progress *progress_new(const struct progress_look *look,
			      const struct row *rows, size_t n);

/* progress_tick -- draw if something has changed and the last drawing is 100
 * ms ago.  Returns the milliseconds until it wants to be called again. */
int progress_tick(struct progress *p, enum screen screen);

/* progress_notice -- one more line, below the jobs; NULL takes it away. */
void progress_notice(struct progress *p, const char *notice);

/* progress_clear -- take the lines away, so that words can be printed; the
 * next tick draws them again. */
void progress_clear(struct progress *p);

/* progress_free -- take the lines away, or leave them as a record, and give
 * the cursor back. */
void progress_free(struct progress *p, bool leave);

/* progress_add_line -- one change of a job as a plain line, without its end. */
void progress_add_line(struct text *t, const struct row *row);

#endif
