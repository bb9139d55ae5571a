/* store_keys.c -- answers remembered by their Idempotency-Key. */
#include "daemon/outcome.h"
#include "daemon/store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_put_idempotency(struct store *s, const struct idempotency *entry)
{
	sqlite3_stmt *st = s->stmt[STMT_IDEMPOTENCY_PUT];

	bind_text(st, IDEMPOTENCY_PUT_SCOPE, entry->scope);
	bind_bytes(st, IDEMPOTENCY_PUT_DIGEST, entry->digest,
		   sizeof(entry->digest));
	bind_int(st, IDEMPOTENCY_PUT_CREATED_MS, entry->created_ms);
	bind_int(st, IDEMPOTENCY_PUT_STATUS, entry->status);
	/* no jobs is an empty blob, not NULL */
	bind_bytes(st, IDEMPOTENCY_PUT_IDS,
		   entry->count ? (const void *)entry->uuids : "",
		   entry->count * sizeof(*entry->uuids));
	if (entry->item_status)
		bind_bytes(st, IDEMPOTENCY_PUT_ITEM_STATUS,
			   entry->item_status, entry->count);
	else
		bind_null(st, IDEMPOTENCY_PUT_ITEM_STATUS);
	return store_run(s, STMT_IDEMPOTENCY_PUT);
}

static void *copy_bytes(const void *data, size_t bytes)
{
	void *copy = malloc(bytes ? bytes : 1);

	if (!copy)
		return NULL;
	if (bytes)
		memcpy(copy, data, bytes);
	return copy;
}

/* The columns of idempotency_find.sql. */
static int row_idempotency(sqlite3_stmt *st, struct idempotency *e)
{
	size_t ids = sqlite3_column_bytes(st, 3);
	bool bulk = sqlite3_column_type(st, 4) != SQLITE_NULL;

	e->count = ids / 16;
	if (sqlite3_column_bytes(st, 0) != sizeof(e->digest) || ids % 16 ||
	    (bulk && (size_t)sqlite3_column_bytes(st, 4) != e->count))
		return -EUCLEAN;
	memcpy(e->digest, sqlite3_column_blob(st, 0), sizeof(e->digest));
	e->created_ms = column_int(st, 1);
	e->status = column_int(st, 2);
	e->uuids = copy_bytes(sqlite3_column_blob(st, 3), ids);
	if (!e->uuids)
		return -ENOMEM;
	if (!bulk)
		return 0;
	e->item_status = copy_bytes(sqlite3_column_blob(st, 4), e->count);
	if (!e->item_status)
		return -ENOMEM;
	for (size_t i = 0; i < e->count; i++)
		if (e->item_status[i] >= OUTCOMES)
			return -EUCLEAN;	/* none that we ever wrote */
	return 0;
}

int store_find_idempotency(struct store *s, const char *scope,
			   struct idempotency *entry_out)
{
	struct idempotency e = { 0 };
	int r;

	bind_text(s->stmt[STMT_IDEMPOTENCY_FIND], IDEMPOTENCY_FIND_SCOPE,
		  scope);
	r = store_row(s, STMT_IDEMPOTENCY_FIND);
	if (r < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	snprintf(e.scope, sizeof(e.scope), "%s", scope);
	r = row_idempotency(s->stmt[STMT_IDEMPOTENCY_FIND], &e);
	store_reset(s, STMT_IDEMPOTENCY_FIND);
	if (r < 0) {
		idempotency_clear(&e);
		return r;
	}
	*entry_out = e;
	return 0;
}

void idempotency_clear(struct idempotency *entry)
{
	free(entry->uuids);
	free(entry->item_status);
	entry->uuids = NULL;
	entry->item_status = NULL;
	entry->count = 0;
}

int store_purge_idempotency(struct store *s, int64_t created_before_ms,
			    int limit)
{
	sqlite3_stmt *st = s->stmt[STMT_IDEMPOTENCY_PURGE];
	int r;

	bind_int(st, IDEMPOTENCY_PURGE_BEFORE_MS, created_before_ms);
	bind_int(st, IDEMPOTENCY_PURGE_LIMIT, limit);
	r = store_run(s, STMT_IDEMPOTENCY_PURGE);
	return r < 0 ? r : sqlite3_changes(s->db);
}
