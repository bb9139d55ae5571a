/* reader_sql.h -- what reader*.c share: one connection of the pool.
 *
 * A request is reader_begin, statements, reader_end: one snapshot, and none
 * is left behind.  Failures are those of reader.h. */
#ifndef DAEMON_READER_SQL_H
#define DAEMON_READER_SQL_H

#include "daemon/reader.h"
#include "daemon/store_sql.h"

/* Cursors over descending ordinals: of all jobs, of those in a state, of
 * those with a tag.  Each needs a statement of its own. */
enum {
	CURSOR_ALL,
	CURSOR_STATE,
	CURSOR_TAG = CURSOR_STATE + JOB_STATES,
	CURSORS = CURSOR_TAG + JOB_TAGS_MAX
};

struct connection {
	struct connection *next;	/* in the list of the free */
	sqlite3 *db;			/* NULL: not opened yet */
	sqlite3_stmt *stmt[READ_STMTS];
	sqlite3_stmt *cursor[CURSORS];	/* prepared when first needed */
	int64_t deadline_ms;
};

int reader_begin(struct reader *r, int64_t deadline_ms,
		 struct connection **conn_out);
/* Gives the connection back and passes the result on.  After a failure of
 * SQLite's the connection is closed, and the next request opens it anew. */
int reader_end(struct reader *r, struct connection *c, int result);

/* 1: a row; 0: no more; or a failure. */
int read_row(struct connection *c, sqlite3_stmt *st);
/* A cursor's statement, reset; or a failure. */
int read_cursor(struct connection *c, int which, sqlite3_stmt **stmt_out);
bool read_late(const struct connection *c);

#endif
