/* timers.h -- many timers in one heap.
 *
 * Owns the heap and nothing else: it never looks at a clock.  A timer is a
 * field of whatever it is for, so setting one allocates nothing once the
 * heap has grown. */
#ifndef WORKER_TIMERS_H
#define WORKER_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint32_t place;		/* in the heap, from 1; 0: not set */
};

struct timers {
	struct timers_entry *heap;
	uint32_t count, room;
};

#define TIMERS_NONE INT64_MAX	/* no timer is ever due then */

void timers_init(struct timers *t);
void timers_free(struct timers *t);	/* the heap; the timers are yours */

/* Make room for count timers.  0 or -ENOMEM; setting up to that many timers
 * then cannot fail. */
int timers_reserve(struct timers *t, uint32_t count);

/* Set a timer, or move it.  At the same instant the lower order is first. */
void timers_set(struct timers *t, struct timer *timer, int64_t due_ms,
		int64_t order);
void timers_clear(struct timers *t, struct timer *timer); /* not set: fine */

/* When the first one is due (TIMERS_NONE: there is none), and which it is. */
int64_t timers_due(const struct timers *t);
struct timer *timers_first(const struct timers *t);

#endif
