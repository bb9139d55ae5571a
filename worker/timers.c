#include "worker/timers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* Four children a node: half as deep as two, and siblings share a cache line
 * or two.  What is compared lies here: to look into the timers themselves,
 * strewn over memory, costs more than all the rest. */
#define CHILDREN 4u

struct timers_entry {
	int64_t due_ms, order;
	struct timer *timer;
};

void timers_init(struct timers *t)
{
	*t = (struct timers){ 0 };
}

void timers_free(struct timers *t)
{
	free(t->heap);
	timers_init(t);
}

int timers_reserve(struct timers *t, uint32_t count)
{
	uint32_t room = t->room ? t->room : 64;
	struct timers_entry *heap;

	if (count <= t->room)
		return 0;
	while (room < count)
		room *= 2;
	heap = realloc(t->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	t->room = room;
	return 0;
}

static bool before(const struct timers_entry *a, const struct timers_entry *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return a->order < b->order;
}

static void put(struct timers *t, uint32_t i, struct timers_entry entry)
{
	t->heap[i] = entry;
	entry.timer->place = i + 1;
}

/* Lets entry rise from the hole at i; where it stays. */
static uint32_t rise(struct timers *t, uint32_t i,
		     const struct timers_entry *entry)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / CHILDREN;

		if (!before(entry, &t->heap[parent]))
			break;
		put(t, i, t->heap[parent]);
		i = parent;
	}
	return i;
}

/* Lets entry sink from the hole at i; where it stays. */
static uint32_t sink(struct timers *t, uint32_t i,
		     const struct timers_entry *entry)
{
	for (;;) {
		uint32_t child = i * CHILDREN + 1, end = child + CHILDREN;
		uint32_t least = child;

		if (child >= t->count)
			return i;
		if (end > t->count)
			end = t->count;
		while (++child < end)
			if (before(&t->heap[child], &t->heap[least]))
				least = child;
		if (!before(&t->heap[least], entry))
			return i;
		put(t, i, t->heap[least]);
		i = least;
	}
}

static void place(struct timers *t, uint32_t hole, struct timers_entry entry)
{
	put(t, sink(t, rise(t, hole, &entry), &entry), entry);
}

void timers_set(struct timers *t, struct timer *timer, int64_t due_ms,
		int64_t order)
{
	struct timers_entry entry = { due_ms, order, timer };

	place(t, timer->place ? timer->place - 1 : t->count++, entry);
}

void timers_clear(struct timers *t, struct timer *timer)
{
	uint32_t hole = timer->place - 1;

	if (!timer->place)
		return;
	timer->place = 0;
	if (hole != --t->count)
		place(t, hole, t->heap[t->count]);
}

int64_t timers_due(const struct timers *t)
{
	return t->count ? t->heap[0].due_ms : TIMERS_NONE;
}

struct timer *timers_first(const struct timers *t)
{
	return t->count ? t->heap[0].timer : NULL;
}
