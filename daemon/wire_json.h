/* wire_json.h -- what the wire shows of things, as JSON.
 *
 * Pure: appends to a text, asks nobody.  The keys and their order are those
 * of the API's description; every key is always there. */
#ifndef DAEMON_WIRE_JSON_H
#define DAEMON_WIRE_JSON_H

#include "daemon/board.h"
#include "daemon/text.h"

/* base: what result_url begins with, "http://127.0.0.1:8080". */
void wire_job(struct text *t, const struct job_view *view, const char *base);
/* The object of GET /status. */
void wire_status(struct text *t, const struct job_view *view);

/* {"id":...,"state":"not_found"}; id as it was asked. */
void wire_unknown(struct text *t, const char *id, size_t length);
/* What is still known of a removed job. */
struct wire_gone {
	uint8_t uuid[16];
	enum job_state state;
	int64_t finished_ms;
};
/* {"id","state":"gone","result","finished_at"} */
void wire_gone(struct text *t, const struct wire_gone *gone);
/* The same as members of a problem, with the last state:
 * ,"id":...,"state":...,"result":...,"finished_at":... */
void wire_gone_members(struct text *t, const struct wire_gone *gone);

/* An event of a job's history. */
void wire_history_event(struct text *t, const struct event *event);
void wire_queue(struct text *t, const struct queue_info *info);

/* When a client should ask again, in seconds; 0 for a final job. */
int64_t wire_retry_after_s(const struct job_view *view, int64_t max_s);

#endif
