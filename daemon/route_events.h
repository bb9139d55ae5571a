/* route_events.h -- what the two forms of GET /v1/events share. */
#ifndef DAEMON_ROUTE_EVENTS_H
#define DAEMON_ROUTE_EVENTS_H

#include "daemon/cursor.h"
#include "daemon/http_request.h"

#define EVENTS_MAX 1000			/* of one JSON answer */

struct events_query {
	size_t id_count;		/* as they were asked, known or not */
	struct events_id {
		const char *text;
		size_t length;
		bool is_id;
		uint8_t uuid[16];
	} ids[CURSOR_IDS_MAX];
	uint8_t uuids[CURSOR_IDS_MAX][16]; /* of those that are ids */
	size_t uuid_count;
	const char *tag;
	bool final_only, progress;
	int64_t after_seq;		/* -1: none given */
	bool nowhere;			/* a position that cannot be */
};

/* Fills the cursor's filter, and its position with what was given or now. */
void events_aim(struct cursor *c, const struct events_query *q);
/* Wakes for the events that the query is after.  NULL: no memory. */
struct wake *events_wake(struct board *b, const struct events_query *q);
/* {"seq","at","kind","job"}, the job as it is now.  If it is gone and the
 * store cannot be read: nothing is added, and the reader's error returned. */
int events_add(struct text *t, struct request *r, const struct event *event);

void stream_events(struct request *r, const struct events_query *q);

#endif
