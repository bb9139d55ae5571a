#include "daemon/store_sql.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sql_failure(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_PROTOCOL:
		/* memory is all that these two lack */
		if (code == SQLITE_IOERR_NOMEM)
			return -ENOMEM;
		return code == SQLITE_IOERR_CORRUPTFS ? -EUCLEAN : -EAGAIN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_INTERRUPT:
		return -ETIMEDOUT;
	default:
		return -EIO;
	}
}

void store_say(struct store *s, const char *format, ...)
{
	int at = snprintf(s->message, sizeof(s->message), "%s ", STORE_FILE);
	va_list args;

	va_start(args, format);
	vsnprintf(s->message + at, sizeof(s->message) - at, format, args);
	va_end(args);
}

int store_failed(struct store *s, int code)
{
	bool latest = s->db && code == sqlite3_extended_errcode(s->db);

	store_say(s, "failed: %s (%d)", latest ? sqlite3_errmsg(s->db)
					       : sqlite3_errstr(code), code);
	return sql_failure(code);
}

/* Counting every allocation under one lock is nothing to us. */
static void before_first_open(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int sql_open(const char *path, int flags, sqlite3 **db_out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sqlite3 *db = NULL;
	int code;

	(void)pthread_once(&once, before_first_open);
	code = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK) {
		code = db ? sqlite3_extended_errcode(db) : code;
		sqlite3_close(db);
		return code;
	}
	sqlite3_extended_result_codes(db, 1);
	/* nobody else's SQL is run here, but the file may be anybody's */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	*db_out = db;
	return SQLITE_OK;
}

int sql_exec(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

int sql_number(sqlite3 *db, const char *text, int64_t *value_out)
{
	sqlite3_stmt *st = NULL;
	int code;

	code = sqlite3_prepare_v2(db, text, -1, &st, NULL);
	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		*value_out = sqlite3_column_int64(st, 0);
		code = SQLITE_OK;
	} else if (code == SQLITE_DONE) {
		code = SQLITE_MISMATCH;	/* a number was promised */
	}
	sqlite3_finalize(st);
	return code;
}

int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **stmt_out)
{
	return sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT,
				  stmt_out, NULL);
}

/* --- parameters and columns --------------------------------------------------- */

void bind_int(sqlite3_stmt *st, int at, int64_t value)
{
	(void)sqlite3_bind_int64(st, at, value);
}

void bind_time(sqlite3_stmt *st, int at, int64_t ms)
{
	if (ms == TIME_NONE)
		(void)sqlite3_bind_null(st, at);
	else
		(void)sqlite3_bind_int64(st, at, ms);
}

void bind_real(sqlite3_stmt *st, int at, double value)
{
	(void)sqlite3_bind_double(st, at, value);
}

void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	(void)sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

void bind_bytes(sqlite3_stmt *st, int at, const void *data, size_t bytes)
{
	(void)sqlite3_bind_blob64(st, at, data, bytes, SQLITE_STATIC);
}

void bind_null(sqlite3_stmt *st, int at)
{
	(void)sqlite3_bind_null(st, at);
}

int64_t column_int(sqlite3_stmt *st, int at)
{
	return sqlite3_column_int64(st, at);
}

int64_t column_time(sqlite3_stmt *st, int at)
{
	return sqlite3_column_type(st, at) == SQLITE_NULL
		       ? TIME_NONE : sqlite3_column_int64(st, at);
}

const char *column_text(sqlite3_stmt *st, int at)
{
	return (const char *)sqlite3_column_text(st, at);
}

/* --- statements of the engine --------------------------------------------------- */

/* A failure inside a transaction ends it: SQLite may have rolled back on its
 * own, and what came next would commit by itself. */
static int note_failure(struct store *s, int code)
{
	int r = store_failed(s, code);

	if (!s->failure)
		s->failure = r;
	return r;
}

int store_run(struct store *s, enum stmt which)
{
	sqlite3_stmt *st = s->stmt[which];
	int code;

	if (s->failure)
		return s->failure;
	code = sqlite3_step(st);
	if (code == SQLITE_DONE || code == SQLITE_ROW) {
		(void)sqlite3_reset(st);
		return 0;
	}
	code = note_failure(s, code);
	(void)sqlite3_reset(st);	/* says the same again */
	return code;
}

int store_row(struct store *s, enum stmt which)
{
	sqlite3_stmt *st = s->stmt[which];
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	code = code == SQLITE_DONE ? 0 : store_failed(s, code);
	(void)sqlite3_reset(st);
	return code;
}

void store_reset(struct store *s, enum stmt which)
{
	(void)sqlite3_reset(s->stmt[which]);
}

int store_number(struct store *s, enum stmt which, int64_t *value_out)
{
	int r = store_row(s, which);

	if (r < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	*value_out = column_time(s->stmt[which], 0);
	store_reset(s, which);
	return 0;
}
