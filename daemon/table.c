#include "daemon/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint32_t table_find(const struct table *t, uint64_t hash,
		    bool (*same)(void *user, uint32_t slot, const void *key),
		    void *user, const void *key)
{
	const struct table_entry *at;

	if (!t->entries)
		return TABLE_NONE;
	for (uint32_t i = hash & t->mask;; i = (i + 1) & t->mask) {
		at = &t->entries[i];
		if (at->slot == TABLE_NONE)
			return TABLE_NONE;
		if (at->hash == (uint32_t)hash && same(user, at->slot, key))
			return at->slot;
	}
}

static void put(struct table_entry *entries, uint32_t mask,
		struct table_entry entry)
{
	uint32_t i = entry.hash & mask;

	while (entries[i].slot != TABLE_NONE)
		i = (i + 1) & mask;
	entries[i] = entry;
}

static int grow(struct table *t)
{
	uint32_t size = t->entries ? (t->mask + 1) * 2 : 16;
	struct table_entry *entries = malloc(size * sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	memset(entries, 0xff, size * sizeof(*entries));
	for (uint32_t i = 0; t->entries && i <= t->mask; i++)
		if (t->entries[i].slot != TABLE_NONE)
			put(entries, size - 1, t->entries[i]);
	free(t->entries);
	t->entries = entries;
	t->mask = size - 1;
	return 0;
}

int table_add(struct table *t, uint64_t hash, uint32_t slot)
{
	/* at most three quarters full */
	if (!t->entries || t->count + 1 > (t->mask + 1) / 4 * 3) {
		int r = grow(t);

		if (r < 0)
			return r;
	}
	put(t->entries, t->mask,
	    (struct table_entry){ slot, (uint32_t)hash });
	t->count++;
	return 0;
}

void table_remove(struct table *t, uint64_t hash, uint32_t slot)
{
	uint32_t hole, i;

	if (!t->entries)
		return;
	for (i = hash & t->mask; t->entries[i].slot != slot;
	     i = (i + 1) & t->mask)
		if (t->entries[i].slot == TABLE_NONE)
			return;
	t->count--;
	/* close the hole: no marks of the dead, so lookups stay short */
	hole = i;
	for (;;) {
		uint32_t home;

		i = (i + 1) & t->mask;
		if (t->entries[i].slot == TABLE_NONE)
			break;
		home = t->entries[i].hash & t->mask;
		if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
			t->entries[hole] = t->entries[i];
			hole = i;
		}
	}
	t->entries[hole].slot = TABLE_NONE;
}

void table_clear(struct table *t)
{
	free(t->entries);
	*t = (struct table){ 0 };
}
