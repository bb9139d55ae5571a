/* memory.h -- how long jobs took, and when to look for the end of the next.
 *
 * Remembers the last 128 durations of each key (endpoint, language, ...) as
 * intervals, for a poll only says that a job ended after the last look and
 * not later than this one.  From them it makes plans: the times at which
 * looking is cheapest, by an exact dynamic program.  No clock, no I/O; one
 * thread at a time. */
#ifndef CLIENT_MEMORY_H
#define CLIENT_MEMORY_H

#include "client/heygen-client.h"

#include <stddef.h>
#include <stdint.h>

#define HG__MEMORY_JOBS 128	/* remembered for each key */
#define HG__MEMORY_KEYS 64	/* the one unused for longest goes first */
#define HG__MEMORY_KEY_BYTES 512

struct hg__memory;
struct hg__plan;

/* hg__memory_new -- an empty memory.  NULL: out of memory.
 *   price    d/c: the calls that one second of not knowing is worth; > 0 */
struct hg__memory *hg__memory_new(double price);
void hg__memory_free(struct hg__memory *m);		/* NULL is fine */

/* hg__memory_add -- a job of this key took more than lo_ms and at most hi_ms;
 * counted from its submission.  Plans follow every 64 jobs, and sooner while
 * there are few.  Nonsense (hi_ms < 0, hi_ms < lo_ms) is HG_EINVAL; HG_ENOMEM
 * leaves the memory as it was.
 *   key      any text; what is beyond HG__MEMORY_KEY_BYTES does not count */
hg_err hg__memory_add(struct hg__memory *m, const char *key, int64_t lo_ms,
		      int64_t hi_ms);

/* hg__memory_plan -- the plan for the next job of this key, a reference of
 * yours: hg__plan_unref() it.  NULL: too little is known, or no memory.  Plans
 * never change and outlive the memory. */
struct hg__plan *hg__memory_plan(struct hg__memory *m, const char *key);
struct hg__plan *hg__plan_ref(struct hg__plan *plan);	/* NULL is fine */
void hg__plan_unref(struct hg__plan *plan);		/* NULL is fine */

/* hg__plan_step_ms -- a job was still pending elapsed_ms after its submission:
 * how long until the next look is worth its price; > 0.
 * hg__plan_ended -- the chance, 0..1, that it has ended span_ms later;
 * late_ms_out: how long ago by then, 0 for still pending, on average. */
double hg__plan_step_ms(const struct hg__plan *plan, double elapsed_ms);
double hg__plan_ended(const struct hg__plan *plan, double elapsed_ms,
		      double span_ms, double *late_ms_out);

/* hg__memory_save -- everything as one blob, the same on every machine; yours:
 * hg__free().  hg__memory_load -- a blob joins what is known; a foreign,
 * damaged or newer one is HG_EINVAL and changes nothing. */
hg_err hg__memory_save(const struct hg__memory *m, void **blob_out,
		       size_t *size_out);
hg_err hg__memory_load(struct hg__memory *m, const void *blob, size_t size);

#endif
