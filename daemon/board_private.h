/* board_private.h -- the board's own parts, shared by board*.c alone. */
#ifndef DAEMON_BOARD_PRIVATE_H
#define DAEMON_BOARD_PRIVATE_H

#include "daemon/board_write.h"
#include "daemon/table.h"

#include <pthread.h>
#include <stdatomic.h>

#define CHUNK_BITS 16
#define CHUNK (1u << CHUNK_BITS)
#define CHUNKS 4096
#define STRIPES 64
#define LINE 64			/* of the cache: no two threads write to one */

struct watch {			/* one wake's interest in one slot */
	struct wake *wake;
	uint32_t slot;
	struct watch *slot_next, *slot_prev;
	struct watch *wake_next;
};

struct wake {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool fired;
	struct board *board;
	struct watch *watches;
	/* on the list of those who watch all, under the ring's lock */
	bool all, final_only;
	struct wake *next, *prev;
	/* on the list of all there are, under the board's wakes_lock */
	struct wake *other_next, *other_prev;
};

/* What each look takes, of all jobs close together: with a million of them
 * it is the misses of the caches that cost. */
struct slot_head {
	struct job *job;		/* under its stripe, as all below */
	/* the place in the queue last counted, while the queue was such */
	uint32_t ahead_epoch, ahead;
	int64_t ahead_ms;
	struct watch *watches;
};

struct slot {				/* the rest, of one that runs */
	double progress;		/* of the last report */
	double floor;			/* what was shown before it */
	int64_t at_ms, end_ms;		/* monotonic: report, expected end */
	int64_t completion_ms;		/* wall: expected end */
	struct slot_note note;		/* the engine's */
};

struct stripe {
	pthread_mutex_t lock;
} __attribute__((aligned(LINE)));

struct shard {
	pthread_mutex_t lock;
	struct table table;
} __attribute__((aligned(LINE)));

struct chunk {
	struct slot_head *heads;
	struct slot *slots;
};

struct ring {
	pthread_mutex_t lock;
	struct event *events;		/* BOARD_RING_EVENTS of them */
	size_t count, head;		/* head: where the next one goes */
	int64_t last_seq;
	struct wake *all;		/* those who watch all */
};

struct board {
	struct chunk chunks[CHUNKS];
	struct stripe stripes[STRIPES];
	struct shard by_uuid[STRIPES], by_seq[STRIPES];
	uint32_t next_slot;		/* never used so far */
	uint32_t *free_slots;
	size_t free_count, free_size;
	struct index *index;
	pthread_mutex_t crew_lock;
	struct board_crew crew;
	/* for estimates; a moment's disagreement between them is no harm */
	atomic_llong running_end_sum;	/* of end_ms of the running */
	atomic_llong running;
	atomic_llong slots;
	atomic_bool moving;		/* the queue: not paused, a worker lives */
	struct ring ring;
	pthread_mutex_t wakes_lock;
	struct wake *wakes;		/* for the interrupt: all there are */
	atomic_bool interrupted;
	atomic_llong count;
};

static inline struct slot_head *board_head(const struct board *b,
					   uint32_t slot)
{
	return &b->chunks[slot >> CHUNK_BITS].heads[slot & (CHUNK - 1)];
}

static inline struct slot *board_slot(const struct board *b, uint32_t slot)
{
	return &b->chunks[slot >> CHUNK_BITS].slots[slot & (CHUNK - 1)];
}

static inline pthread_mutex_t *board_stripe(struct board *b, uint32_t slot)
{
	return &b->stripes[slot % STRIPES].lock;
}

void wake_fire(struct wake *w);
void ring_init(struct ring *ring);
void ring_free(struct ring *ring);

#endif
