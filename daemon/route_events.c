#include "daemon/route_events.h"

#include "core/clock.h"
#include "daemon/wire_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- the query -------------------------------------------------------------------------- */

static bool take_ids(struct request *r, struct events_query *q)
{
	const char *list = query_get(&r->query, "ids"), *id;
	char text[JOB_ID_SIZE];
	size_t length;

	if (!list || !*list)
		return true;
	while ((id = list_next(&list, &length))) {
		struct events_id *one = &q->ids[q->id_count];

		if (q->id_count == CURSOR_IDS_MAX) {
			bad_parameter(r, "ids", "must be at most 100 ids");
			return false;
		}
		q->id_count++;
		*one = (struct events_id){ .text = id, .length = length };
		if (length >= sizeof(text))
			continue;
		memcpy(text, id, length);
		text[length] = '\0';
		one->is_id = job_id_parse(text, one->uuid);
		if (one->is_id)
			memcpy(q->uuids[q->uuid_count++], one->uuid, 16);
	}
	/* only words that are no ids: none of the events, not all of them */
	if (q->uuid_count == 0)
		memset(q->uuids[0], 0xff, 16);
	return true;
}

/* Last-Event-ID is what a reconnecting stream saw last: it beats what stands
 * in its address since the beginning. */
static bool take_position(struct request *r, struct events_query *q)
{
	const char *last = header_get(&r->headers, HEADER_LAST_EVENT_ID);

	q->after_seq = -1;
	if (last && *last) {
		q->nowhere = !number_parse(last, 0, INT64_MAX, &q->after_seq);
		return true;
	}
	return parameter_number(r, "after", 0, INT64_MAX, &q->after_seq) &&
	       parameter_number(r, "last_event_id", 0, INT64_MAX,
				&q->after_seq);
}

static bool take_events_query(struct request *r, struct events_query *q)
{
	*q = (struct events_query){ .tag = query_get(&r->query, "tag") };
	if (q->tag && !*q->tag)
		q->tag = NULL;
	if (q->tag && !word_is_plain(q->tag, strlen(q->tag), JOB_TAG_BYTES)) {
		bad_parameter(r, "tag", "must be a tag");
		return false;
	}
	return take_ids(r, q) && take_position(r, q) &&
	       parameter_flag(r, "final", &q->final_only) &&
	       parameter_flag(r, "progress", &q->progress);
}

void events_aim(struct cursor *c, const struct events_query *q)
{
	c->filter = (struct event_filter){
		.final_only = q->final_only,
		.tag = q->tag,
		.id_count = q->uuid_count,
		.uuids = q->uuids,
	};
	if (q->id_count > 0 && q->uuid_count == 0)
		c->filter.id_count = 1;	/* which is nobody's */
	c->after_seq = q->nowhere ? INT64_MAX
		       : q->after_seq >= 0 ? q->after_seq
					   : board_last_event(c->board);
}

struct wake *events_wake(struct board *b, const struct events_query *q)
{
	struct wake *w = wake_new(b);

	if (!w)
		return NULL;
	if (q->id_count == 0)
		board_watch_all(w, q->final_only);
	for (size_t i = 0; i < q->uuid_count; i++)
		if (board_watch(w, q->uuids[i]) == -ENOMEM) {
			wake_free(w);
			return NULL;
		}
	return w;
}

/* --- an event ---------------------------------------------------------------------------- */

/* The job alone, or what is known of one that is gone. */
static int add_job(struct text *t, struct request *r, const uint8_t uuid[16])
{
	char id[JOB_ID_SIZE];
	struct wire_gone gone;
	struct job_view view;
	enum lookup found = board_find(r->http->board, uuid, &view);
	int error = 0;

	if (found == LOOKUP_FOUND)
		wire_job(t, &view, r->base);
	else
		error = find_gone(r->http, uuid, found, &view, &gone);
	if (found != LOOKUP_FOUND && error == 0)
		wire_gone(t, &gone);
	else if (error == -ENOENT)
		wire_unknown(t, job_uuid_format(uuid, id), strlen(id));
	if (found != LOOKUP_NONE)
		job_view_release(&view);
	return error == -ENOENT ? 0 : error;
}

int events_add(struct text *t, struct request *r, const struct event *event)
{
	size_t length = t->length;
	int error;

	text_literal(t, "{\"seq\":");
	text_int(t, event->seq);
	text_literal(t, ",\"at\":");
	text_json_time(t, event->at_ms);
	text_literal(t, ",\"kind\":");
	text_json_string(t, event_kind_name(event->kind));
	text_literal(t, ",\"job\":");
	error = add_job(t, r, event->uuid);
	if (error < 0)
		t->length = length;
	else
		text_char(t, '}');
	return error;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void reply_events(struct request *r, const struct cursor *c, int count,
			 bool reset)
{
	struct text *t = &r->reply.body;

	r->reply.type = REPLY_JSON;
	text_literal(t, "{\"events\":[");
	for (int i = 0; i < count; i++) {
		int error;

		if (i > 0)
			text_char(t, ',');
		error = events_add(t, r, &c->events[i]);
		if (error < 0) {
			reply_unreadable(r, error);
			return;
		}
	}
	text_literal(t, "],\"next\":");
	text_int(t, c->after_seq);
	if (reset)
		text_literal(t, ",\"reset\":true");
	text_char(t, '}');
}

/* Looks until something matches or all has been looked at. */
static int look_on(struct cursor *c)
{
	int n;

	do
		n = cursor_look(c);
	while (n == 0 && c->more);
	return n;
}

static int hold_events(struct request *r, struct cursor *c,
		       const struct events_query *q, int64_t wait_s)
{
	static const struct timespec rest = { .tv_nsec = 20000000 };
	int64_t deadline_ms = clock_real_mono_ms() + wait_s * 1000;
	struct wake *w = NULL;
	int n = 0;

	if (!held_begin(r->http, HELD_EVENTS)) {
		reply_header_int(&r->reply, "Retry-After", 1);
		return 0;
	}
	w = events_wake(r->http->board, q);
	if (w) {
		reply_wait_applied(r, wait_s);
		n = look_on(c);
		while (n == 0 && clock_real_mono_ms() < deadline_ms &&
		       wake_wait(w, deadline_ms) &&
		       !board_interrupted(r->http->board)) {
			n = look_on(c);
			/* many changes of others must not keep us busy */
			if (n == 0)
				nanosleep(&rest, NULL);
		}
	}
	wake_free(w);
	held_end(r->http, HELD_EVENTS);
	return w ? n : -ENOMEM;
}

static void poll_events(struct request *r, struct cursor *c,
			const struct events_query *q, int64_t wait_s)
{
	int n = look_on(c);

	if (n == 0 && wait_s > 0)
		n = hold_events(r, c, q, wait_s);
	else if (wait_s >= 0)
		reply_wait_applied(r, wait_s);
	if (n == -ERANGE) {
		c->after_seq = board_last_event(r->http->board);
		reply_events(r, c, 0, true);
	} else if (n < 0) {
		reply_unreadable(r, n);
	} else {
		reply_events(r, c, n, false);
	}
}

void route_events(struct request *r)
{
	struct events_query *q = malloc(sizeof(*q));
	struct cursor c = { .events = NULL };
	int64_t wait_s;

	if (!q) {
		reply_no_memory(r);
		return;
	}
	if (!take_events_query(r, q) || !request_wait_s(r, &wait_s))
		goto out;
	if (accepts_event_stream(&r->headers)) {
		stream_events(r, q);
	} else if (!cursor_open(&c, r->http->board, r->http->reader,
				EVENTS_MAX)) {
		reply_no_memory(r);
	} else {
		events_aim(&c, q);
		poll_events(r, &c, q, wait_s);
	}
out:
	cursor_close(&c);
	free(q);
}
