/* clock.h -- the only source of time for anything simulated or promised.
 *
 * Owns the manual clock of `[test] clock = manual`.  Real until
 * clock_set_manual() is called, once, before the first thread starts; from
 * then on time stands still between calls of clock_advance_to().  Everything
 * here may be called from any thread and blocks on nothing. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_wall_ms(void);	/* Unix ms: for what is stored or promised */
int64_t clock_mono_ms(void);	/* for what runs; manual: the same as wall */
int64_t clock_real_mono_ms(void); /* real always: time-outs of the outside */
int64_t clock_real_mono_us(void); /* the same clock: how long things take */
int64_t clock_real_wall_ms(void); /* real always: the log's */

bool clock_is_manual(void);
void clock_set_manual(int64_t start_ms);

/* clock_advance_to -- sets a manual clock.  One that is already there or
 * later stays where it is: time never goes back. */
void clock_advance_to(int64_t wall_ms);

/* --- text ------------------------------------------------------------------ */

#define CLOCK_TEXT_SIZE 25	/* YYYY-MM-DDTHH:MM:SS.mmmZ and its NUL */
#define CLOCK_MIN_MS INT64_C(-62167219200000)	/* 0000-01-01T00:00:00.000Z */
#define CLOCK_MAX_MS INT64_C(253402300799999)	/* 9999-12-31T23:59:59.999Z */

/* clock_format -- writes CLOCK_TEXT_SIZE bytes and returns out.  A moment
 * outside the years 0000 to 9999 is written as the nearest inside. */
char *clock_format(int64_t ms, char out[CLOCK_TEXT_SIZE]);

/* clock_parse -- reads RFC 3339, the whole text, with any offset; false: it
 * is none, or its moment lies outside the years 0000 to 9999 UTC.  A leap
 * second is the second after it; a fraction finer than a ms is cut off. */
bool clock_parse(const char *text, int64_t *ms_out);

#endif
