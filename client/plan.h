/* plan.h -- from durations to the times at which looking is cheapest.
 *
 * Behind memory.h, which says what a plan answers.  Owns the estimate of the
 * distribution and the dynamic program over it; pure but for its memory. */
#ifndef CLIENT_PLAN_H
#define CLIENT_PLAN_H

#include "client/memory.h"

#include <stddef.h>
#include <stdint.h>

struct hg__span {		/* a job took more than lo and at most hi */
	uint32_t lo_ms, hi_ms;
};

/* hg__plan_new -- one reference.  spans: at least 1, at most HG__MEMORY_JOBS.
 * NULL: out of memory. */
struct hg__plan *hg__plan_new(const struct hg__span *spans, size_t n,
			      double price);

#endif
