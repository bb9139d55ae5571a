/* ctl_time.h -- durations and moments, in and out.
 *
 * Durations are milliseconds; moments are Unix milliseconds, -1 is unknown.
 * Knows the local time zone only to show a clock. */
#ifndef CLIENT_CTL_TIME_H
#define CLIENT_CTL_TIME_H

#include "client/ctl_text.h"

#include <stdbool.h>
#include <stdint.h>

int64_t time_now(void);		/* wall clock */
int64_t time_monotonic(void);	/* for deadlines and redraws */

/* "500ms" "10s" "5m" "2h" "7d": a whole number and its unit, nothing else;
 * false for all other words, a bare number among them. */
bool time_parse_duration(const char *s, int64_t *ms_out);

/* RFC 3339 with any offset; fractions are cut to milliseconds. */
bool time_parse_rfc3339(const char *s, int64_t *at_out);

/* "340 ms" "3.2 s" "12 s" "4 m 05 s" "2 h 05 m" "7 d 02 h"; rounded up to whole
 * seconds where up is true, as a countdown wants it. */
void time_add_duration(struct text *t, int64_t ms, bool up);

/* "340 ms" "12 s" "4 m" "2 h" "7 d": one unit, for columns. */
void time_add_coarse(struct text *t, int64_t ms);

/* "12:00:31" local time, with the date when it is not today. */
void time_add_clock(struct text *t, int64_t at);

/* "2026-11-22 12:00:31" local time; "-" if unknown. */
void time_add_moment(struct text *t, int64_t at);

#endif
