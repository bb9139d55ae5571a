/* board_wait.c -- who waits for what, and how they are woken. */
#include "core/clock.h"
#include "daemon/board_private.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct wake *wake_new(struct board *b)
{
	struct wake *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w)
		return NULL;
	w->board = b;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_lock(&b->wakes_lock);
	w->other_next = b->wakes;
	if (w->other_next)
		w->other_next->other_prev = w;
	b->wakes = w;
	pthread_mutex_unlock(&b->wakes_lock);
	return w;
}

void wake_fire(struct wake *w)
{
	pthread_mutex_lock(&w->lock);
	w->fired = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void watch_unlink(struct board *b, struct watch *watch)
{
	struct slot_head *head = board_head(b, watch->slot);

	pthread_mutex_lock(board_stripe(b, watch->slot));
	if (watch->slot_next)
		watch->slot_next->slot_prev = watch->slot_prev;
	if (watch->slot_prev)
		watch->slot_prev->slot_next = watch->slot_next;
	else
		head->watches = watch->slot_next;
	pthread_mutex_unlock(board_stripe(b, watch->slot));
}

static void ring_unlink(struct ring *ring, struct wake *w)
{
	pthread_mutex_lock(&ring->lock);
	if (w->next)
		w->next->prev = w->prev;
	if (w->prev)
		w->prev->next = w->next;
	else
		ring->all = w->next;
	pthread_mutex_unlock(&ring->lock);
}

static void wake_unlink(struct board *b, struct wake *w)
{
	pthread_mutex_lock(&b->wakes_lock);
	if (w->other_next)
		w->other_next->other_prev = w->other_prev;
	if (w->other_prev)
		w->other_prev->other_next = w->other_next;
	else
		b->wakes = w->other_next;
	pthread_mutex_unlock(&b->wakes_lock);
}

void wake_free(struct wake *w)
{
	struct watch *watch, *next;

	if (!w)
		return;
	for (watch = w->watches; watch; watch = next) {
		next = watch->wake_next;
		watch_unlink(w->board, watch);
		free(watch);
	}
	if (w->all)
		ring_unlink(&w->board->ring, w);
	wake_unlink(w->board, w);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* A slot is watched, not a job: a job that takes a freed slot causes one
 * wake-up too many, never one too few. */
int board_watch(struct wake *w, const uint8_t uuid[16])
{
	struct board *b = w->board;
	uint32_t number = board_slot_of(b, uuid);
	struct watch *watch;
	struct slot_head *head;

	if (number == SLOT_NONE)
		return -ENOENT;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	watch->wake = w;
	watch->slot = number;
	watch->wake_next = w->watches;
	w->watches = watch;
	head = board_head(b, number);
	pthread_mutex_lock(board_stripe(b, number));
	watch->slot_next = head->watches;
	if (head->watches)
		head->watches->slot_prev = watch;
	head->watches = watch;
	pthread_mutex_unlock(board_stripe(b, number));
	return 0;
}

void board_watch_all(struct wake *w, bool final_only)
{
	struct ring *ring = &w->board->ring;

	w->all = true;
	w->final_only = final_only;
	pthread_mutex_lock(&ring->lock);
	w->next = ring->all;
	if (w->next)
		w->next->prev = w;
	ring->all = w;
	pthread_mutex_unlock(&ring->lock);
}

void board_wake(struct board *b, uint32_t slot)
{
	pthread_mutex_lock(board_stripe(b, slot));
	for (struct watch *watch = board_head(b, slot)->watches; watch;
	     watch = watch->slot_next)
		wake_fire(watch->wake);
	pthread_mutex_unlock(board_stripe(b, slot));
}

bool wake_wait(struct wake *w, int64_t deadline_ms)
{
	struct timespec until = { deadline_ms / 1000,
				  deadline_ms % 1000 * 1000000 };
	bool fired;

	pthread_mutex_lock(&w->lock);
	while (!w->fired && !w->board->interrupted)
		if (pthread_cond_timedwait(&w->changed, &w->lock, &until) ==
		    ETIMEDOUT)
			break;
	fired = w->fired;
	w->fired = false;
	pthread_mutex_unlock(&w->lock);
	return fired;
}

bool board_interrupted(const struct board *b)
{
	return b->interrupted;
}

void board_interrupt(struct board *b)
{
	b->interrupted = true;
	pthread_mutex_lock(&b->wakes_lock);
	for (struct wake *w = b->wakes; w; w = w->other_next)
		wake_fire(w);
	pthread_mutex_unlock(&b->wakes_lock);
}

static bool worth_waiting(const struct job_view *view, uint32_t version)
{
	return !job_state_is_final(view->job->state) &&
	       (version == 0 || view->job->version == version);
}

enum lookup board_wait(struct board *b, const uint8_t uuid[16],
		       uint32_t version, int64_t deadline_ms,
		       struct job_view *view_out)
{
	enum lookup found = board_find(b, uuid, view_out);
	struct wake *w;

	if (found != LOOKUP_FOUND || !worth_waiting(view_out, version))
		return found;
	w = wake_new(b);
	if (!w || board_watch(w, uuid) < 0) {
		/* no memory, or just removed: answer with what there is */
		wake_free(w);
		return found;
	}
	for (;;) {
		/* looks again first: it may have changed before the watch */
		job_view_release(view_out);
		found = board_find(b, uuid, view_out);
		if (found != LOOKUP_FOUND || !worth_waiting(view_out, version))
			break;
		if (board_interrupted(b) ||
		    clock_real_mono_ms() >= deadline_ms)
			break;
		(void)wake_wait(w, deadline_ms);
	}
	wake_free(w);
	return found;
}
