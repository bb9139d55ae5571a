/* store_sql.h -- what store*.c and reader*.c share: SQLite at arm's length.
 *
 * Nobody else includes this.  Failures are those of store.h. */
#ifndef DAEMON_STORE_SQL_H
#define DAEMON_STORE_SQL_H

#include "daemon/store.h"
#include "sql/sql.h"

#include <sqlite3.h>

#define STORE_APPLICATION_ID 0x48594744		/* "HYGD", see file(1) */
#define STORE_MESSAGE_BYTES 256
#define STORE_PATH_BYTES 4096

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
	enum durability durability;	/* synchronous= as it is now */
	int failure;			/* of this transaction: no more of it */
	int wal_frames;			/* as of the last commit */
	int wal_copied;			/* of them, by the last checkpoint */
	int page_bytes;
	char path[STORE_PATH_BYTES];
	char message[STORE_MESSAGE_BYTES];
};

/* A result code as one of store.h's failures. */
int sql_failure(int code);
/* Keeps a sentence, which begins with the file's name. */
__attribute__((format(printf, 2, 3)))
void store_say(struct store *s, const char *format, ...);
/* Keeps SQLite's words and returns the failure. */
int store_failed(struct store *s, int code);
/* Opens path and sets what every connection of ours wants. */
int sql_open(const char *path, int flags, sqlite3 **db_out);
/* One statement without parameters or rows of interest. */
int sql_exec(sqlite3 *db, const char *text);
/* The first column of the first row, as a number. */
int sql_number(sqlite3 *db, const char *text, int64_t *value_out);
int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **stmt_out);

/* Binding cannot fail: the numbers are ours and nothing is copied.  Texts
 * and blobs are borrowed until the statement is reset. */
void bind_int(sqlite3_stmt *st, int at, int64_t value);
void bind_time(sqlite3_stmt *st, int at, int64_t ms);	/* TIME_NONE: NULL */
void bind_real(sqlite3_stmt *st, int at, double value);
void bind_text(sqlite3_stmt *st, int at, const char *text); /* NULL: NULL */
void bind_bytes(sqlite3_stmt *st, int at, const void *data, size_t bytes);
void bind_null(sqlite3_stmt *st, int at);

int64_t column_int(sqlite3_stmt *st, int at);
int64_t column_time(sqlite3_stmt *st, int at);		/* NULL: TIME_NONE */
const char *column_text(sqlite3_stmt *st, int at);	/* NULL: NULL */

/* Rows of event_recent, events_of_job and events_scan, of job_load. */
int row_event(sqlite3_stmt *st, struct event *out);
int row_job(sqlite3_stmt *st, struct job **job_out, int64_t *live_at_out);
/* A word of core/job.h's lists: its number in *out, or -EUCLEAN. */
int row_word(sqlite3_stmt *st, int at, int (*parse)(const char *), int none,
	     uint8_t *out);
int row_uuid(sqlite3_stmt *st, int at, uint8_t uuid_out[16]);

/* Steps a statement of the engine that gives no rows, and resets it. */
int store_run(struct store *s, enum stmt which);
/* Steps to the next row: 1; 0: no more, and reset; or a failure, and reset. */
int store_row(struct store *s, enum stmt which);
void store_reset(struct store *s, enum stmt which);
/* One number, TIME_NONE for NULL. */
int store_number(struct store *s, enum stmt which, int64_t *value_out);

/* store_schema.c: brings the tables and views up to date. */
int store_migrate(struct store *s);

#endif
