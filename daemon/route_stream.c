#include "daemon/http_stream.h"

#include "daemon/wire_json.h"

/* Unnamed events with the object of GET /status: at once, at each change, the
 * last one when the job is final. */
void stream_status(struct request *r, const uint8_t uuid[16])
{
	struct job_view view;
	enum lookup found = board_find(r->http->board, uuid, &view);
	struct stream s;
	uint32_t shown = 0;

	if (found != LOOKUP_FOUND) {
		reply_missing(r, uuid, found, &view);
		return;
	}
	if (!stream_begin(&s, r)) {
		job_view_release(&view);
		return;
	}
	for (;;) {
		bool last = found != LOOKUP_FOUND ||
			    job_state_is_final(view.job->state);

		if (found == LOOKUP_FOUND && view.job->version != shown) {
			shown = view.job->version;
			text_literal(&s.pending, "data: ");
			wire_status(&s.pending, &view);
			text_literal(&s.pending, "\n\n");
		}
		if (found != LOOKUP_NONE)
			job_view_release(&view);
		if (!stream_flush(&s) || last)
			break;
		found = board_wait(r->http->board, uuid, shown,
				   stream_deadline_ms(&s), &view);
		stream_rest(&s);
	}
	stream_end(&s);
}
