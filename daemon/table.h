/* table.h -- slots by key: an open hash table of slot numbers.
 *
 * The keys themselves lie elsewhere; the caller compares.  Not thread-safe. */
#ifndef DAEMON_TABLE_H
#define DAEMON_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table {
	struct table_entry {
		uint32_t slot;		/* TABLE_NONE: empty */
		uint32_t hash;		/* its low half: a look at a key that
					 * is another costs a cache miss or two */
	} *entries;
	uint32_t mask, count;
};

/* Finds the first slot of this hash that is the same key, or TABLE_NONE. */
uint32_t table_find(const struct table *t, uint64_t hash,
		    bool (*same)(void *user, uint32_t slot, const void *key),
		    void *user, const void *key);
int table_add(struct table *t, uint64_t hash, uint32_t slot); /* 0, -ENOMEM */
void table_remove(struct table *t, uint64_t hash, uint32_t slot);
void table_clear(struct table *t);

#endif
