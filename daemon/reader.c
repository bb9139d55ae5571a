#include "daemon/reader.h"
#include "daemon/reader_sql.h"

#include "core/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRESS_STEPS 1000	/* of SQLite's machine: some 20 us */
#define CACHE_KIB 1024

struct reader {
	pthread_mutex_t mutex;
	pthread_cond_t freed;
	struct connection *free;	/* most recently used first */
	struct connection connections[READER_CONNECTIONS];
	char path[STORE_PATH_BYTES];
};

bool read_late(const struct connection *c)
{
	return clock_real_mono_ms() >= c->deadline_ms;
}

/* --- one connection ------------------------------------------------------------- */

static int on_progress(void *user)
{
	return read_late(user);
}

static int on_busy(void *user, int count)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };

	(void)count;
	if (read_late(user))
		return 0;
	nanosleep(&pause, NULL);
	return 1;
}

static int failure(int code)
{
	switch (sql_failure(code)) {
	case 0:
		return 0;
	case -ETIMEDOUT:
		return -ETIMEDOUT;
	case -ENOMEM:
		return -ENOMEM;
	default:
		/* busy until the deadline is late, not broken */
		return (code & 0xff) == SQLITE_BUSY ? -ETIMEDOUT : -EIO;
	}
}

static void connection_close(struct connection *c)
{
	for (int i = 0; i < READ_STMTS; i++) {
		(void)sqlite3_finalize(c->stmt[i]);
		c->stmt[i] = NULL;
	}
	for (int i = 0; i < CURSORS; i++) {
		(void)sqlite3_finalize(c->cursor[i]);
		c->cursor[i] = NULL;
	}
	(void)sqlite3_close(c->db);
	c->db = NULL;
}

static int connection_open(struct connection *c, const char *path)
{
	char text[96];
	int code;

	code = sql_open(path, SQLITE_OPEN_READONLY, &c->db);
	if (code != SQLITE_OK)
		return failure(code);
	sqlite3_progress_handler(c->db, PROGRESS_STEPS, on_progress, c);
	(void)sqlite3_busy_handler(c->db, on_busy, c);
	snprintf(text, sizeof(text),
		 "PRAGMA query_only = 1; PRAGMA cache_size = -%d", CACHE_KIB);
	code = sql_exec(c->db, text);
	for (int i = 0; i < READ_STMTS && code == SQLITE_OK; i++)
		code = sql_prepare(c->db, read_sql[i], &c->stmt[i]);
	if (code == SQLITE_OK)
		return 0;
	connection_close(c);
	return failure(code);
}

int read_row(struct connection *c, sqlite3_stmt *st)
{
	int code = sqlite3_step(st);

	(void)c;
	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : failure(code);
}

int read_cursor(struct connection *c, int which, sqlite3_stmt **stmt_out)
{
	enum read_stmt kind = which >= CURSOR_TAG ? READ_CURSOR_TAG
			      : which >= CURSOR_STATE ? READ_CURSOR_STATE
						      : READ_CURSOR_ALL;

	if (!c->cursor[which]) {
		int code = sql_prepare(c->db, read_sql[kind],
				       &c->cursor[which]);

		if (code != SQLITE_OK)
			return failure(code);
	}
	(void)sqlite3_reset(c->cursor[which]);
	*stmt_out = c->cursor[which];
	return 0;
}

/* --- the pool -------------------------------------------------------------------- */

static int take(struct reader *r, int64_t deadline_ms,
		struct connection **conn_out)
{
	struct timespec until = {
		.tv_sec = deadline_ms / 1000,
		.tv_nsec = deadline_ms % 1000 * 1000000
	};
	int late = 0;

	if (deadline_ms <= clock_real_mono_ms())
		return -ETIMEDOUT;
	pthread_mutex_lock(&r->mutex);
	while (!r->free && !late)
		late = pthread_cond_timedwait(&r->freed, &r->mutex, &until);
	*conn_out = r->free;
	if (r->free)
		r->free = r->free->next;
	pthread_mutex_unlock(&r->mutex);
	return *conn_out ? 0 : -ETIMEDOUT;
}

static void give(struct reader *r, struct connection *c)
{
	pthread_mutex_lock(&r->mutex);
	c->next = r->free;
	r->free = c;
	pthread_cond_signal(&r->freed);
	pthread_mutex_unlock(&r->mutex);
}

int reader_begin(struct reader *r, int64_t deadline_ms,
		 struct connection **conn_out)
{
	struct connection *c;
	int result;

	result = take(r, deadline_ms, &c);
	if (result < 0)
		return result;
	c->deadline_ms = deadline_ms;
	if (!c->db)
		result = connection_open(c, r->path);
	if (result == 0)
		result = read_row(c, c->stmt[READ_BEGIN]);
	if (result < 0)
		return reader_end(r, c, result);
	*conn_out = c;
	return 0;
}

static void end_snapshot(struct connection *c)
{
	for (int i = 0; i < READ_STMTS; i++)
		(void)sqlite3_reset(c->stmt[i]);
	for (int i = 0; i < CURSORS; i++)
		(void)sqlite3_reset(c->cursor[i]);
	if (sqlite3_get_autocommit(c->db))
		return;
	/* a late request must still be able to end */
	sqlite3_progress_handler(c->db, 0, NULL, NULL);
	(void)sqlite3_step(c->stmt[READ_COMMIT]);
	(void)sqlite3_reset(c->stmt[READ_COMMIT]);
	sqlite3_progress_handler(c->db, PROGRESS_STEPS, on_progress, c);
}

int reader_end(struct reader *r, struct connection *c, int result)
{
	if (c->db) {
		end_snapshot(c);
		if (result == -EIO || result == -ENOMEM ||
		    !sqlite3_get_autocommit(c->db))
			connection_close(c);
	}
	give(r, c);
	return result;
}

int reader_open(struct reader **reader_out, const char *dir)
{
	struct reader *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	int n;

	if (!r)
		return -ENOMEM;
	n = snprintf(r->path, sizeof(r->path), "%s/%s", dir, STORE_FILE);
	if (n >= (int)sizeof(r->path)) {
		free(r);
		return -ENAMETOOLONG;
	}
	pthread_mutex_init(&r->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->freed, &attr);
	pthread_condattr_destroy(&attr);
	for (int i = 0; i < READER_CONNECTIONS; i++) {
		r->connections[i].next = r->free;
		r->free = &r->connections[i];
	}
	*reader_out = r;
	return 0;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	for (int i = 0; i < READER_CONNECTIONS; i++)
		connection_close(&r->connections[i]);
	pthread_cond_destroy(&r->freed);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

/* --- one row ------------------------------------------------------------------------ */

static int find_tombstone(struct connection *c, const uint8_t uuid[16],
			  struct tombstone *out)
{
	sqlite3_stmt *st = c->stmt[READ_TOMBSTONE_FIND];
	struct tombstone t = { 0 };
	char id[JOB_ID_SIZE];
	int result;

	bind_text(st, TOMBSTONE_FIND_ID, job_uuid_format(uuid, id));
	result = read_row(c, st);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	memcpy(t.uuid, uuid, sizeof(t.uuid));
	t.job_seq = column_int(st, 0);
	if (row_word(st, 1, job_state_parse, -1, &t.state) < 0)
		return -EIO;
	t.finished_ms = column_time(st, 2);
	t.removed_ms = column_time(st, 3);
	*out = t;
	return 0;
}

int reader_tombstone(struct reader *r, const uint8_t uuid[16],
		     int64_t deadline_ms, struct tombstone *out)
{
	struct connection *c;
	int result = reader_begin(r, deadline_ms, &c);

	if (result < 0)
		return result;
	return reader_end(r, c, find_tombstone(c, uuid, out));
}
