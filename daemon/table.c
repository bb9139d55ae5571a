#include "daemon/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint32_t table_find(const struct table *t, uint64_t hash,
		    bool (*same)(void *user, uint32_t slot, const void *key),
		    void *user, const void *key)
{
	if (!t->slots)
		return TABLE_NONE;
	for (uint32_t i = hash & t->mask; t->slots[i] != TABLE_NONE;
	     i = (i + 1) & t->mask)
		if (same(user, t->slots[i], key))
			return t->slots[i];
	return TABLE_NONE;
}

static void put(uint32_t *slots, uint32_t mask, uint64_t hash, uint32_t slot)
{
	uint32_t i = hash & mask;

	while (slots[i] != TABLE_NONE)
		i = (i + 1) & mask;
	slots[i] = slot;
}

static int grow(struct table *t, table_hash *hash_of, void *user)
{
	uint32_t size = t->slots ? (t->mask + 1) * 2 : 16;
	uint32_t *slots = malloc(size * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots, 0xff, size * sizeof(*slots));
	for (uint32_t i = 0; t->slots && i <= t->mask; i++)
		if (t->slots[i] != TABLE_NONE)
			put(slots, size - 1, hash_of(user, t->slots[i]),
			    t->slots[i]);
	free(t->slots);
	t->slots = slots;
	t->mask = size - 1;
	return 0;
}

int table_add(struct table *t, uint64_t hash, uint32_t slot,
	      table_hash *hash_of, void *user)
{
	/* at most three quarters full */
	if (!t->slots || t->count + 1 > (t->mask + 1) / 4 * 3) {
		int r = grow(t, hash_of, user);

		if (r < 0)
			return r;
	}
	put(t->slots, t->mask, hash, slot);
	t->count++;
	return 0;
}

void table_remove(struct table *t, uint64_t hash, uint32_t slot,
		  table_hash *hash_of, void *user)
{
	uint32_t hole, i;

	if (!t->slots)
		return;
	for (i = hash & t->mask; t->slots[i] != slot; i = (i + 1) & t->mask)
		if (t->slots[i] == TABLE_NONE)
			return;
	t->count--;
	/* close the hole: no marks of the dead, so lookups stay short */
	hole = i;
	for (;;) {
		uint32_t home;

		i = (i + 1) & t->mask;
		if (t->slots[i] == TABLE_NONE)
			break;
		home = hash_of(user, t->slots[i]) & t->mask;
		if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = TABLE_NONE;
}

void table_clear(struct table *t)
{
	free(t->slots);
	*t = (struct table){ 0 };
}
