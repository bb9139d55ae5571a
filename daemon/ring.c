/* ring.c -- the newest events in memory, and who watches all of them. */
#include "daemon/board_private.h"

#include <errno.h>
#include <stdlib.h>

void ring_init(struct ring *ring)
{
	pthread_mutex_init(&ring->lock, NULL);
}

void ring_free(struct ring *ring)
{
	free(ring->events);
	pthread_mutex_destroy(&ring->lock);
}

/* Untouched pages cost nothing, so it is taken whole at the first event. */
static bool ring_ready(struct ring *ring)
{
	if (!ring->events)
		ring->events = calloc(BOARD_RING_EVENTS,
				      sizeof(*ring->events));
	return ring->events != NULL;
}

static void ring_append(struct ring *ring, const struct event *events,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ring->events[ring->head] = events[i];
		ring->head = (ring->head + 1) % BOARD_RING_EVENTS;
		if (ring->count < BOARD_RING_EVENTS)
			ring->count++;
	}
}

void board_fill_events(struct board *b, const struct event *events,
		       size_t count, int64_t last_seq)
{
	pthread_mutex_lock(&b->ring.lock);
	if (count > 0 && ring_ready(&b->ring))
		ring_append(&b->ring, events, count);
	b->ring.last_seq = last_seq;
	pthread_mutex_unlock(&b->ring.lock);
}

void board_publish_events(struct board *b, const struct event *events,
			  size_t count)
{
	bool any_final = false;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		any_final |= events[i].final;
	pthread_mutex_lock(&b->ring.lock);
	if (ring_ready(&b->ring))
		ring_append(&b->ring, events, count);
	else
		b->ring.count = 0;	/* readers turn to the table */
	b->ring.last_seq = events[count - 1].seq;
	for (struct wake *w = b->ring.all; w; w = w->next)
		if (any_final || !w->final_only)
			wake_fire(w);
	pthread_mutex_unlock(&b->ring.lock);
}

int64_t board_last_event(struct board *b)
{
	int64_t seq;

	pthread_mutex_lock(&b->ring.lock);
	seq = b->ring.last_seq;
	pthread_mutex_unlock(&b->ring.lock);
	return seq;
}

/* The i-th oldest event in the ring. */
static const struct event *ring_at(const struct ring *ring, size_t i)
{
	return &ring->events[(ring->head + BOARD_RING_EVENTS - ring->count +
			      i) % BOARD_RING_EVENTS];
}

/* How many of the ring's events are at or before the position. */
static size_t ring_after(const struct ring *ring, int64_t seq)
{
	size_t low = 0, high = ring->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ring_at(ring, middle)->seq <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int board_events(struct board *b, int64_t after_seq, struct event *out,
		 size_t max)
{
	struct ring *ring = &b->ring;
	int n = 0;

	pthread_mutex_lock(&ring->lock);
	if (after_seq > ring->last_seq) {
		n = -EINVAL;
	} else if (after_seq < ring->last_seq &&
		   (ring->count == 0 || ring_at(ring, 0)->seq > after_seq + 1)) {
		n = -ERANGE;
	} else {
		for (size_t i = ring_after(ring, after_seq);
		     i < ring->count && (size_t)n < max; i++)
			out[n++] = *ring_at(ring, i);
	}
	pthread_mutex_unlock(&ring->lock);
	return n;
}
