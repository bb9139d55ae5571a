/* board_slots.c -- the board's memory: its slots, in chunks that stay. */
#include "daemon/board_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct board *board_new(void)
{
	struct board *b = aligned_alloc(LINE, sizeof(*b));

	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	for (int i = 0; i < STRIPES; i++) {
		pthread_mutex_init(&b->stripes[i].lock, NULL);
		pthread_mutex_init(&b->by_uuid[i].lock, NULL);
		pthread_mutex_init(&b->by_seq[i].lock, NULL);
	}
	pthread_mutex_init(&b->crew_lock, NULL);
	pthread_mutex_init(&b->wakes_lock, NULL);
	ring_init(&b->ring);
	return b;
}

void board_free(struct board *b)
{
	if (!b)
		return;
	for (uint32_t slot = 0; slot < b->next_slot; slot++)
		job_unref(board_head(b, slot)->job);
	for (int i = 0; i < CHUNKS; i++) {
		free(b->chunks[i].heads);
		free(b->chunks[i].slots);
	}
	for (int i = 0; i < STRIPES; i++) {
		table_clear(&b->by_uuid[i].table);
		table_clear(&b->by_seq[i].table);
		pthread_mutex_destroy(&b->stripes[i].lock);
		pthread_mutex_destroy(&b->by_uuid[i].lock);
		pthread_mutex_destroy(&b->by_seq[i].lock);
	}
	pthread_mutex_destroy(&b->crew_lock);
	pthread_mutex_destroy(&b->wakes_lock);
	ring_free(&b->ring);
	free(b->free_slots);
	free(b);
}

void board_set_index(struct board *b, struct index *ix)
{
	b->index = ix;
}

/* The heads of the first chunk take memory as they come into use; those of
 * the others, 2 MiB each, are one large page where the system has such. */
static struct slot_head *heads_new(bool first)
{
	size_t size = CHUNK * sizeof(struct slot_head);
	struct slot_head *heads;

	if (first)
		return calloc(1, size);
	heads = aligned_alloc(size, size);
	if (!heads)
		return NULL;
	(void)madvise(heads, size, MADV_HUGEPAGE);	/* as it can be had */
	return memset(heads, 0, size);
}

static bool chunk_make(struct board *b, uint32_t number)
{
	struct chunk made = b->chunks[number];

	if (!made.heads)
		made.heads = heads_new(number == 0);
	if (!made.slots)
		made.slots = calloc(CHUNK, sizeof(*made.slots));
	b->chunks[number] = made;
	return made.heads && made.slots;
}

uint32_t board_slot_new(struct board *b)
{
	uint32_t slot, chunk;

	if (b->free_count > 0)
		return b->free_slots[--b->free_count];
	slot = b->next_slot;
	chunk = slot >> CHUNK_BITS;
	if (chunk >= CHUNKS || !chunk_make(b, chunk))
		return SLOT_NONE;
	b->next_slot++;
	return slot;
}

void board_slot_drop(struct board *b, uint32_t slot)
{
	if (b->free_count == b->free_size) {
		size_t size = b->free_size ? b->free_size * 2 : 1024;
		uint32_t *grown = realloc(b->free_slots, size * sizeof(*grown));

		if (!grown)
			return;		/* the slot stays unused: no harm */
		b->free_slots = grown;
		b->free_size = size;
	}
	b->free_slots[b->free_count++] = slot;
}

uint32_t board_slots(const struct board *b)
{
	return b->next_slot;
}

struct job *board_at(struct board *b, uint32_t slot)
{
	return slot < b->next_slot ? board_head(b, slot)->job : NULL;
}

struct slot_note *board_note(struct board *b, uint32_t slot)
{
	return &board_slot(b, slot)->note;
}

int64_t board_count(struct board *b)
{
	return b->count;
}
