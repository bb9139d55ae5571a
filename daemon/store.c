#include "daemon/store.h"
#include "daemon/store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Somebody's shell may be recovering the log while we start; afterwards the
 * engine waits for nobody. */
#define OPEN_PATIENCE_MS 2000
#define CACHE_KIB 8192
/* But a reader takes the writer's lock for a moment, when it meets the index
 * of the log half written and looks again: that is no failure. */
#define BEGIN_TRIES 10
#define BEGIN_REST_NS 1000000

/* --- open and close -------------------------------------------------------------- */

static int note_frames(void *user, sqlite3 *db, const char *name, int frames)
{
	struct store *s = user;

	(void)db;
	(void)name;
	/* a commit after a complete checkpoint begins the log anew */
	if (frames <= s->wal_frames)
		s->wal_copied = 0;
	s->wal_frames = frames;
	return SQLITE_OK;
}

static int configure(struct store *s)
{
	char text[128];
	int64_t pages = 0;
	int code, on = 1;

	snprintf(text, sizeof(text), "PRAGMA synchronous = FULL; "
		 "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -%d",
		 CACHE_KIB);
	code = sql_exec(s->db, text);
	if (code == SQLITE_OK)
		code = sql_number(s->db, "PRAGMA page_size", &pages);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	s->page_bytes = pages;
	/* a group member who cannot create -wal and -shm reads with those
	 * that a clean stop leaves behind */
	code = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL,
				    &on);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	sqlite3_wal_hook(s->db, note_frames, s);
	return 0;
}

static int prepare_all(struct store *s)
{
	for (int i = 0; i < STMTS; i++) {
		int code = sql_prepare(s->db, stmt_sql[i], &s->stmt[i]);

		if (code != SQLITE_OK)
			return store_failed(s, code);
	}
	return 0;
}

static int open_db(struct store *s)
{
	int code, r;

	code = sql_open(s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
			&s->db);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	(void)sqlite3_busy_timeout(s->db, OPEN_PATIENCE_MS);
	r = store_migrate(s);
	if (r == 0)
		r = configure(s);
	if (r == 0)
		r = prepare_all(s);
	(void)sqlite3_busy_timeout(s->db, 0);
	return r;
}

static void free_store(struct store *s)
{
	for (int i = 0; i < STMTS; i++)
		(void)sqlite3_finalize(s->stmt[i]);
	(void)sqlite3_close(s->db);
	free(s);
}

int store_open(struct store **store_out, const char *dir,
	       const char **message_out)
{
	static _Thread_local char message[STORE_MESSAGE_BYTES];
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		*message_out = "out of memory";
		return -ENOMEM;
	}
	r = snprintf(s->path, sizeof(s->path), "%s/%s", dir, STORE_FILE);
	if (r >= (int)sizeof(s->path)) {
		store_say(s, "has too long a path");
		r = -ENAMETOOLONG;
	} else {
		r = open_db(s);
	}
	if (r < 0) {
		memcpy(message, s->message, sizeof(message));
		*message_out = message;
		free_store(s);
		return r;
	}
	*store_out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_rollback(s);
	(void)store_checkpoint(s, true);
	free_store(s);
}

const char *store_message(const struct store *s)
{
	return s->message;
}

/* --- transactions ------------------------------------------------------------------ */

/* Outside a transaction only; SQLite acts on this pragma when it compiles
 * it, so it cannot be a prepared statement. */
static int set_durability(struct store *s, enum durability durability)
{
	int code;

	if (s->durability == durability)
		return 0;
	code = sql_exec(s->db, durability == DURABLE_FULL
				       ? "PRAGMA synchronous = FULL"
				       : "PRAGMA synchronous = NORMAL");
	if (code != SQLITE_OK)
		return store_failed(s, code);
	s->durability = durability;
	return 0;
}

static int begin(struct store *s)
{
	const struct timespec rest = { .tv_nsec = BEGIN_REST_NS };
	int r = store_run(s, STMT_BEGIN);

	for (int i = 1; r < 0 && i < BEGIN_TRIES &&
			(sqlite3_errcode(s->db) & 0xff) == SQLITE_BUSY; i++) {
		(void)nanosleep(&rest, NULL);
		s->failure = 0;
		r = store_run(s, STMT_BEGIN);
	}
	return r;
}

int store_begin(struct store *s, enum durability durability)
{
	int r;

	s->failure = 0;
	r = set_durability(s, durability);
	if (r == 0)
		r = begin(s);
	if (r < 0)
		s->failure = 0;		/* nothing was begun */
	return r;
}

int store_commit(struct store *s)
{
	return store_run(s, STMT_COMMIT);
}

void store_rollback(struct store *s)
{
	for (int i = 0; i < STMTS; i++)
		(void)sqlite3_reset(s->stmt[i]);
	s->failure = 0;
	/* after some failures SQLite has already rolled back */
	if (!sqlite3_get_autocommit(s->db)) {
		(void)sqlite3_step(s->stmt[STMT_ROLLBACK]);
		(void)sqlite3_reset(s->stmt[STMT_ROLLBACK]);
	}
}

/* --- numbers by name ----------------------------------------------------------------- */

int store_meta_get(struct store *s, const char *name, int64_t *value_out)
{
	bind_text(s->stmt[STMT_META_GET], META_GET_NAME, name);
	return store_number(s, STMT_META_GET, value_out);
}

int store_put_meta(struct store *s, const char *name, int64_t value)
{
	bind_text(s->stmt[STMT_META_PUT], META_PUT_NAME, name);
	bind_int(s->stmt[STMT_META_PUT], META_PUT_VALUE, value);
	return store_run(s, STMT_META_PUT);
}

int store_bounds(struct store *s, int64_t *job_seq_out, int64_t *event_seq_out,
		 int64_t *newest_ms_out)
{
	sqlite3_stmt *st = s->stmt[STMT_BOUNDS];
	int r = store_row(s, STMT_BOUNDS);

	if (r < 0)
		return r;
	*job_seq_out = column_int(st, 0);
	*event_seq_out = column_int(st, 1);
	*newest_ms_out = column_time(st, 2);
	store_reset(s, STMT_BOUNDS);
	return 0;
}
