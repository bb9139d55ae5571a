/* store_log.c -- the write-ahead log, and pages that are free. */
#include "daemon/store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int64_t store_wal_bytes(struct store *s)
{
	char path[STORE_PATH_BYTES + 8];
	struct stat st;

	snprintf(path, sizeof(path), "%s-wal", s->path);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

int64_t store_wal_pending(struct store *s)
{
	return (int64_t)(s->wal_frames - s->wal_copied) * s->page_bytes;
}

int store_checkpoint(struct store *s, bool truncate)
{
	int frames = 0, copied = 0, code;

	code = sqlite3_wal_checkpoint_v2(s->db, "main",
					 truncate ? SQLITE_CHECKPOINT_TRUNCATE
						  : SQLITE_CHECKPOINT_PASSIVE,
					 &frames, &copied);
	if (code == SQLITE_OK || code == SQLITE_BUSY) {
		s->wal_frames = frames < 0 ? 0 : frames;
		s->wal_copied = copied < 0 ? 0 : copied;
	}
	if (code == SQLITE_BUSY)
		return -EBUSY;
	if (code != SQLITE_OK)
		return store_failed(s, code);
	return copied < frames ? -EBUSY : 0;
}

int store_vacuum_some(struct store *s, int pages)
{
	char text[64];
	int64_t unused = 0;
	int code;

	code = sql_number(s->db, "PRAGMA freelist_count", &unused);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	if (unused == 0)
		return 0;
	snprintf(text, sizeof(text), "PRAGMA incremental_vacuum(%d)", pages);
	code = sql_exec(s->db, text);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	return 1;
}

int store_probe(struct store *s)
{
	int r = store_begin(s, DURABLE_FULL);

	if (r < 0)
		return r;
	r = store_put_meta(s, "probe", 1);
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	return r;
}
