/* cursor.h -- a position in the events of all jobs, and a filter.
 *
 * Reads the ring in memory, and the store for what is older.  Belongs to one
 * thread; knows nothing of HTTP. */
#ifndef DAEMON_CURSOR_H
#define DAEMON_CURSOR_H

#include "daemon/board.h"
#include "daemon/reader.h"

#define CURSOR_IDS_MAX 100

struct cursor {
	struct board *board;
	struct reader *reader;
	struct event_filter filter;	/* uuids are the owner's */
	int64_t after_seq;		/* the position */
	int64_t stored_seq;		/* the store knows this one */
	bool more;			/* the last look did not see all */
	struct event *events;		/* what the last look found */
	size_t size;
};

/* False: no memory.  The filter and the position are the caller's to set. */
bool cursor_open(struct cursor *c, struct board *board, struct reader *reader,
		 size_t size);
void cursor_close(struct cursor *c);

/* cursor_look -- the next events that match, into c->events; their count.  The
 * position moves past all that were looked at.  -ERANGE: it is older than the
 * history, or ahead of it.  Else a failure of the reader. */
int cursor_look(struct cursor *c);

/* cursor_look_stored -- the same, but in the store, which knows an event
 * before the board shows what it did. */
int cursor_look_stored(struct cursor *c);

#endif
