#include "daemon/cursor.h"

#include "core/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_READ_MS 5000

bool cursor_open(struct cursor *c, struct board *board, struct reader *reader,
		 size_t size)
{
	*c = (struct cursor){ .board = board, .reader = reader, .size = size };
	c->events = calloc(size, sizeof(*c->events));
	return c->events != NULL;
}

void cursor_close(struct cursor *c)
{
	free(c->events);
	c->events = NULL;
}

static bool is_tagged(struct board *b, const uint8_t uuid[16], const char *tag)
{
	struct job_view view;
	bool tagged;

	if (board_find(b, uuid, &view) == LOOKUP_NONE)
		return false;
	tagged = job_has_tag(view.job, tag);
	job_view_release(&view);
	return tagged;
}

static bool matches(const struct cursor *c, const struct event *event)
{
	const struct event_filter *f = &c->filter;
	size_t i = 0;

	if (f->final_only && !event->final)
		return false;
	while (i < f->id_count && memcmp(f->uuids[i], event->uuid, 16) != 0)
		i++;
	if (f->id_count > 0 && i == f->id_count)
		return false;
	return !f->tag || is_tagged(c->board, event->uuid, f->tag);
}

int cursor_look_stored(struct cursor *c)
{
	int64_t next = c->after_seq;
	int n = reader_events(c->reader, &c->filter, c->after_seq,
			      clock_real_mono_ms() + CURSOR_READ_MS,
			      c->events, c->size, &next);

	if (n < 0)
		return n;
	c->more = next > c->after_seq;
	c->after_seq = c->stored_seq = next;
	return n;
}

int cursor_look(struct cursor *c)
{
	int n = board_events(c->board, c->after_seq, c->events, c->size);
	int kept = 0;

	c->more = false;
	if (n == -ERANGE)
		return cursor_look_stored(c);
	if (n < 0 && c->after_seq <= c->stored_seq)
		return 0;	/* stored, and about to be shown */
	if (n < 0)
		return -ERANGE;
	if (n > 0)
		c->after_seq = c->events[n - 1].seq;
	c->more = (size_t)n == c->size;
	for (int i = 0; i < n; i++)
		if (matches(c, &c->events[i]))
			c->events[kept++] = c->events[i];
	return kept;
}
