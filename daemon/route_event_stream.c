#include "daemon/http_stream.h"
#include "daemon/route_events.h"

#include "core/clock.h"
#include "daemon/wire_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_EVENTS 256		/* of one look */
#define STREAM_PENDING_BYTES (128 << 10)
#define PROGRESS_MS 1000
#define PROGRESS_JOBS 1000		/* whose progress one stream shows */
#define TOLD 2048

struct event_stream {
	struct stream stream;
	struct cursor cursor;
	const struct events_query *query;
	struct wake *wake;
	/* progress */
	int64_t progress_at_ms;
	struct told {			/* by seq, modulo TOLD */
		int64_t seq;
		int64_t progress;	/* in 1/10000 */
	} *told;
	int64_t *running;		/* seqs */
};

/* --- pieces ------------------------------------------------------------------------------ */

static int add_event(struct event_stream *es, const struct event *event)
{
	struct text *t = &es->stream.pending;
	size_t length = t->length;
	int error;

	text_literal(t, "id: ");
	text_int(t, event->seq);
	text_literal(t, "\nevent: state\ndata: ");
	error = events_add(t, es->stream.request, event);
	if (error < 0)
		t->length = length;
	else
		text_literal(t, "\n\n");
	return error;
}

/* What is not the work of an event has the position as its seq. */
static void add_now(struct event_stream *es, const char *kind)
{
	struct text *t = &es->stream.pending;

	text_literal(t, "{\"seq\":");
	text_int(t, es->cursor.after_seq);
	text_literal(t, ",\"at\":");
	text_json_time(t, clock_wall_ms());
	text_literal(t, ",\"kind\":");
	text_json_string(t, kind);
	text_literal(t, ",\"job\":");
}

static void add_reset(struct event_stream *es)
{
	struct text *t = &es->stream.pending;

	es->cursor.after_seq = board_last_event(es->cursor.board);
	text_literal(t, "id: ");
	text_int(t, es->cursor.after_seq);
	text_literal(t, "\nevent: reset\ndata: {\"seq\":");
	text_int(t, es->cursor.after_seq);
	text_literal(t, "}\n\n");
}

/* Each job that was asked for as it is now. */
static void add_snapshot(struct event_stream *es)
{
	struct request *r = es->stream.request;
	struct text *t = &es->stream.pending;

	for (size_t i = 0; i < es->query->id_count; i++) {
		const struct events_id *id = &es->query->ids[i];
		struct job_view view;
		enum lookup found = LOOKUP_NONE;

		if (id->is_id)
			found = board_find(r->http->board, id->uuid, &view);
		if (found == LOOKUP_FOUND) {
			text_literal(t, "id: ");
			text_int(t, es->cursor.after_seq);
			text_literal(t, "\nevent: state\ndata: ");
			add_now(es, "snapshot");
			wire_job(t, &view, r->base);
			text_literal(t, "}\n\n");
		} else {
			text_literal(t, "id: ");
			text_int(t, es->cursor.after_seq);
			text_literal(t, "\nevent: gone\ndata: {\"id\":");
			text_json_bytes(t, id->text, id->length);
			text_literal(t, "}\n\n");
		}
		if (found != LOOKUP_NONE)
			job_view_release(&view);
	}
}

/* --- the end ----------------------------------------------------------------------------------- */

static bool all_are_final(const struct event_stream *es)
{
	const struct events_query *q = es->query;

	for (size_t i = 0; i < q->uuid_count; i++) {
		struct job_view view;
		enum lookup found = board_find(es->cursor.board, q->uuids[i],
					       &view);
		bool final = found != LOOKUP_FOUND ||
			     job_state_is_final(view.job->state);

		if (found != LOOKUP_NONE)
			job_view_release(&view);
		if (!final)
			return false;
	}
	return q->id_count > 0;
}

/* Everything that matches and is there, as far as one write may go.  0, or
 * -ENOENT: nothing more will come, ever; or another failure. */
static int gather(struct event_stream *es)
{
	bool final, stored = false;
	int n;

	do {
		/* first, lest an end slip in between */
		final = all_are_final(es);
		n = stored ? cursor_look_stored(&es->cursor)
			   : cursor_look(&es->cursor);
		if (n == -ERANGE) {
			add_reset(es);
			n = 0;
		}
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++) {
			int error = add_event(es, &es->cursor.events[i]);

			if (error < 0)
				return error;
		}
		if (es->stream.pending.length > STREAM_PENDING_BYTES) {
			es->cursor.more = true;	/* go on after the write */
			return 0;
		}
		if (n > 0 || es->cursor.more)
			continue;
		if (!final || stored)
			return final ? -ENOENT : 0;
		/* the board shows an end before the ring tells of it; the
		 * store knew both before */
		stored = true;
	} while (true);
}

/* A stream that comes back when all is over: 204 tells it to stay away. */
static bool is_over(struct event_stream *es)
{
	int64_t after_seq = es->cursor.after_seq;
	bool over = all_are_final(es);
	int n = over ? cursor_look_stored(&es->cursor) : 0;

	while (over && n == 0 && es->cursor.more)
		n = cursor_look_stored(&es->cursor);
	es->cursor.after_seq = after_seq;
	return over && n == 0;
}

/* --- progress -------------------------------------------------------------------------------- */

static void add_progress(struct event_stream *es, const struct job_view *view)
{
	int64_t scaled = (int64_t)(view->progress * 10000);
	struct told *told = &es->told[view->job->seq % TOLD];
	struct text *t = &es->stream.pending;

	if (view->job->state != JOB_RUNNING ||
	    (told->seq == view->job->seq && told->progress == scaled))
		return;
	told->seq = view->job->seq;
	told->progress = scaled;
	if (es->query->tag && !job_has_tag(view->job, es->query->tag))
		return;
	text_literal(t, "event: progress\ndata: ");
	add_now(es, "progress");
	wire_job(t, view, es->stream.request->base);
	text_literal(t, "}\n\n");
}

static void progress_of_ids(struct event_stream *es)
{
	for (size_t i = 0; i < es->query->uuid_count; i++) {
		struct job_view view;
		enum lookup found = board_find(es->cursor.board,
					       es->query->uuids[i], &view);

		if (found == LOOKUP_FOUND)
			add_progress(es, &view);
		if (found != LOOKUP_NONE)
			job_view_release(&view);
	}
}

static void progress_of_running(struct event_stream *es)
{
	struct job_filter filter = { .states = 1u << JOB_RUNNING,
				     .before_seq = INT64_MAX };
	int n = reader_list(es->cursor.reader, &filter,
			    clock_real_mono_ms() + PROGRESS_MS, es->running,
			    PROGRESS_JOBS);

	for (int i = 0; i < n; i++) {
		struct job_view view;
		enum lookup found = board_find_seq(es->cursor.board,
						   es->running[i], &view);

		if (found == LOOKUP_FOUND)
			add_progress(es, &view);
		if (found != LOOKUP_NONE)
			job_view_release(&view);
	}
}

static void progress_of_all(struct event_stream *es)
{
	struct queue_info *info;
	bool any = true;

	if (es->query->id_count > 0) {
		progress_of_ids(es);
		return;
	}
	info = malloc(sizeof(*info));
	if (info) {
		board_queue_info(es->cursor.board, info);
		any = info->running > 0;
	}
	free(info);
	if (any)
		progress_of_running(es);
}

static void gather_progress(struct event_stream *es)
{
	if (!es->query->progress || clock_real_mono_ms() < es->progress_at_ms)
		return;
	progress_of_all(es);
	/* a second from what was told last, however long the telling took */
	es->progress_at_ms = clock_real_mono_ms() + PROGRESS_MS;
}

/* --- the stream --------------------------------------------------------------------------------- */

static int64_t wake_at_ms(const struct event_stream *es)
{
	int64_t at_ms = stream_deadline_ms(&es->stream);

	return es->query->progress && es->progress_at_ms < at_ms
		       ? es->progress_at_ms : at_ms;
}

static void stream_run(struct event_stream *es)
{
	int result = 0;

	if (es->query->after_seq < 0 && !es->query->nowhere)
		add_snapshot(es);
	do {
		stream_rest(&es->stream);
		result = gather(es);
		gather_progress(es);
		if (result == -ENOENT)
			text_literal(&es->stream.pending,
				     "event: end\ndata: {}\n\n");
		if (!stream_flush(&es->stream) || result < 0)
			break;
		if (!es->cursor.more)
			(void)wake_wait(es->wake, wake_at_ms(es));
	} while (true);
}

static bool stream_prepare(struct event_stream *es, struct request *r)
{
	if (!cursor_open(&es->cursor, r->http->board, r->http->reader,
			 STREAM_EVENTS))
		return false;
	/* the watch before the position: nothing falls between them */
	es->wake = events_wake(r->http->board, es->query);
	events_aim(&es->cursor, es->query);
	es->progress_at_ms = clock_real_mono_ms();
	if (es->query->progress) {
		es->told = calloc(TOLD, sizeof(*es->told));
		es->running = calloc(PROGRESS_JOBS, sizeof(*es->running));
	}
	return es->wake &&
	       (!es->query->progress || (es->told && es->running));
}

void stream_events(struct request *r, const struct events_query *q)
{
	struct event_stream es = { .query = q };

	if (!stream_prepare(&es, r)) {
		reply_no_memory(r);
	} else if (q->after_seq >= 0 && is_over(&es)) {
		r->reply.status = 204;
	} else if (stream_begin(&es.stream, r)) {
		stream_run(&es);
		stream_end(&es.stream);
	}
	wake_free(es.wake);
	cursor_close(&es.cursor);
	free(es.told);
	free(es.running);
}
