#include "daemon/queue.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_BITS 12
#define CHUNK (1u << CHUNK_BITS)

struct node {
	int64_t key, seq;
	int64_t work, work_sum;
	int64_t since, since_min;
	uint32_t left, right;
	uint32_t weight;		/* heap order; 0: not in any queue */
	uint32_t size;
};

struct queue_pool {
	struct node **chunks;
	uint32_t chunk_count;
	uint32_t random;		/* xorshift; balance, not secrecy */
};

static struct node *at(const struct queue_pool *pool, uint32_t slot)
{
	return &pool->chunks[slot >> CHUNK_BITS][slot & (CHUNK - 1)];
}

struct queue_pool *queue_pool_new(void)
{
	struct queue_pool *pool = calloc(1, sizeof(*pool));

	if (pool)
		pool->random = 2463534242u;
	return pool;
}

void queue_pool_free(struct queue_pool *pool)
{
	if (!pool)
		return;
	for (uint32_t i = 0; i < pool->chunk_count; i++)
		free(pool->chunks[i]);
	free(pool->chunks);
	free(pool);
}

static int pool_reach(struct queue_pool *pool, uint32_t slot)
{
	uint32_t chunk = slot >> CHUNK_BITS;

	if (chunk >= pool->chunk_count) {
		struct node **chunks = realloc(pool->chunks, (chunk + 1) *
					       sizeof(*chunks));

		if (!chunks)
			return -ENOMEM;
		for (uint32_t i = pool->chunk_count; i <= chunk; i++)
			chunks[i] = NULL;
		pool->chunks = chunks;
		pool->chunk_count = chunk + 1;
	}
	if (!pool->chunks[chunk])
		pool->chunks[chunk] = calloc(CHUNK, sizeof(struct node));
	return pool->chunks[chunk] ? 0 : -ENOMEM;
}

static uint32_t pool_random(struct queue_pool *pool)
{
	pool->random ^= pool->random << 13;
	pool->random ^= pool->random >> 17;
	pool->random ^= pool->random << 5;
	return pool->random;
}

void queue_init(struct queue *q, struct queue_pool *pool)
{
	q->pool = pool;
	q->root = QUEUE_NONE;
}

bool queue_has(const struct queue_pool *pool, uint32_t slot)
{
	uint32_t chunk = slot >> CHUNK_BITS;

	return chunk < pool->chunk_count && pool->chunks[chunk] &&
	       at(pool, slot)->weight != 0;
}

static bool before(const struct node *a, const struct node *b)
{
	return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void sum_up(const struct queue_pool *pool, struct node *n)
{
	n->size = 1;
	n->work_sum = n->work;
	n->since_min = n->since;
	for (int side = 0; side < 2; side++) {
		uint32_t child = side ? n->right : n->left;
		const struct node *c;

		if (child == QUEUE_NONE)
			continue;
		c = at(pool, child);
		n->size += c->size;
		n->work_sum += c->work_sum;
		if (c->since_min < n->since_min)
			n->since_min = c->since_min;
	}
}

/* Splits tree into what is before n and what is not. */
static void split(const struct queue_pool *pool, uint32_t tree,
		  const struct node *n, uint32_t *left, uint32_t *right)
{
	struct node *t;

	if (tree == QUEUE_NONE) {
		*left = *right = QUEUE_NONE;
		return;
	}
	t = at(pool, tree);
	if (before(t, n)) {
		split(pool, t->right, n, &t->right, right);
		*left = tree;
	} else {
		split(pool, t->left, n, left, &t->left);
		*right = tree;
	}
	sum_up(pool, t);
}

static uint32_t merge(const struct queue_pool *pool, uint32_t left,
		      uint32_t right)
{
	struct node *l, *r;

	if (left == QUEUE_NONE)
		return right;
	if (right == QUEUE_NONE)
		return left;
	l = at(pool, left);
	r = at(pool, right);
	if (l->weight > r->weight) {
		l->right = merge(pool, l->right, right);
		sum_up(pool, l);
		return left;
	}
	r->left = merge(pool, left, r->left);
	sum_up(pool, r);
	return right;
}

int queue_insert(struct queue *q, uint32_t slot, int64_t key, int64_t seq,
		 int64_t work_ms, int64_t since_ms)
{
	uint32_t *link = &q->root;
	struct node *n;
	int r = pool_reach(q->pool, slot);

	if (r < 0)
		return r;
	n = at(q->pool, slot);
	*n = (struct node){ .key = key, .seq = seq, .work = work_ms,
			    .since = since_ms, .left = QUEUE_NONE,
			    .right = QUEUE_NONE,
			    .weight = pool_random(q->pool) };
	/* down to the first lighter node, adding this one to every sum */
	while (*link != QUEUE_NONE && at(q->pool, *link)->weight >= n->weight) {
		struct node *t = at(q->pool, *link);

		t->size++;
		t->work_sum += work_ms;
		if (since_ms < t->since_min)
			t->since_min = since_ms;
		link = before(n, t) ? &t->left : &t->right;
	}
	split(q->pool, *link, n, &n->left, &n->right);
	*link = slot;
	sum_up(q->pool, n);
	return 0;
}

/* Takes n out of the tree at link; sums are mended on the way back. */
static void take_out(const struct queue_pool *pool, uint32_t *link,
		     uint32_t slot, const struct node *n)
{
	struct node *t = at(pool, *link);

	if (*link == slot) {
		*link = merge(pool, n->left, n->right);
		return;
	}
	take_out(pool, before(n, t) ? &t->left : &t->right, slot, n);
	sum_up(pool, t);
}

void queue_remove(struct queue *q, uint32_t slot)
{
	struct node *n = at(q->pool, slot);

	take_out(q->pool, &q->root, slot, n);
	n->weight = 0;
}

uint32_t queue_first(const struct queue *q)
{
	uint32_t slot = q->root;

	if (slot == QUEUE_NONE)
		return QUEUE_NONE;
	while (at(q->pool, slot)->left != QUEUE_NONE)
		slot = at(q->pool, slot)->left;
	return slot;
}

int64_t queue_first_key(const struct queue *q)
{
	uint32_t first = queue_first(q);

	return first == QUEUE_NONE ? INT64_MAX : at(q->pool, first)->key;
}

int64_t queue_count(const struct queue *q)
{
	return q->root == QUEUE_NONE ? 0 : at(q->pool, q->root)->size;
}

int64_t queue_work_ms(const struct queue *q)
{
	return q->root == QUEUE_NONE ? 0 : at(q->pool, q->root)->work_sum;
}

int64_t queue_oldest_ms(const struct queue *q)
{
	return q->root == QUEUE_NONE ? INT64_MAX
				     : at(q->pool, q->root)->since_min;
}

void queue_ahead(const struct queue *q, int64_t key, int64_t seq,
		 int64_t *count_out, int64_t *work_ms_out)
{
	const struct node n = { .key = key, .seq = seq };
	uint32_t tree = q->root;
	int64_t count = 0, work = 0;

	while (tree != QUEUE_NONE) {
		const struct node *t = at(q->pool, tree);

		if (before(t, &n)) {
			count++;
			work += t->work;
			if (t->left != QUEUE_NONE) {
				count += at(q->pool, t->left)->size;
				work += at(q->pool, t->left)->work_sum;
			}
			tree = t->right;
		} else {
			tree = t->left;
		}
	}
	*count_out = count;
	*work_ms_out = work;
}
