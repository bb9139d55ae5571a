/* queue.h -- an ordered set of waiting jobs that knows ranks and sums.
 *
 * A treap (Seidel and Aragon, 1996) over nodes in a shared pool; a node's
 * index is the job's slot on the board, so membership costs no search.  Each
 * subtree knows its size, its work and its earliest entry: position, work
 * ahead and oldest wait are O(log n).  Not thread-safe; pure memory. */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_NONE UINT32_MAX

struct queue_pool;		/* nodes for any number of queues */
struct queue {
	struct queue_pool *pool;
	uint32_t root;
};

struct queue_pool *queue_pool_new(void);
void queue_pool_free(struct queue_pool *pool);

void queue_init(struct queue *q, struct queue_pool *pool);

/* queue_insert -- smaller (key, seq) is earlier.  work: ms that the job is
 * expected to take; since_ms: when it began to wait.  A slot is in at most
 * one queue of a pool.  0 or -ENOMEM. */
int queue_insert(struct queue *q, uint32_t slot, int64_t key, int64_t seq,
		 int64_t work_ms, int64_t since_ms);
void queue_remove(struct queue *q, uint32_t slot);	/* must be in q */
bool queue_has(const struct queue_pool *pool, uint32_t slot);

uint32_t queue_first(const struct queue *q);	/* or QUEUE_NONE */
int64_t queue_first_key(const struct queue *q);	/* INT64_MAX: empty */
int64_t queue_count(const struct queue *q);
int64_t queue_work_ms(const struct queue *q);		/* of all */
int64_t queue_oldest_ms(const struct queue *q);	/* INT64_MAX: empty */

/* How many are before (key, seq), and their work; it need not be in q. */
void queue_ahead(const struct queue *q, int64_t key, int64_t seq,
		 int64_t *count_out, int64_t *work_ms_out);

#endif
