/* table.h -- slots by key: an open hash table of slot numbers.
 *
 * The keys themselves lie elsewhere; the caller compares.  Not thread-safe. */
#ifndef DAEMON_TABLE_H
#define DAEMON_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table {
	uint32_t *slots;		/* TABLE_NONE: empty */
	uint32_t mask, count;
};

typedef uint64_t table_hash(void *user, uint32_t slot);

/* Finds the first slot of this hash that is the same key, or TABLE_NONE. */
uint32_t table_find(const struct table *t, uint64_t hash,
		    bool (*same)(void *user, uint32_t slot, const void *key),
		    void *user, const void *key);
/* hash_of is asked for the slots in the table when it grows.  0, -ENOMEM. */
int table_add(struct table *t, uint64_t hash, uint32_t slot,
	      table_hash *hash_of, void *user);
void table_remove(struct table *t, uint64_t hash, uint32_t slot,
		  table_hash *hash_of, void *user);
void table_clear(struct table *t);

#endif
