#include "client/sse.h"

#include <stdlib.h>
#include <string.h>

static void start_event(struct hg__sse *s)
{
	hg__buf_clear(&s->data);
	s->type[0] = '\0';
	s->has_data = false;
}

static int dispatch(struct hg__sse *s, hg__sse_fn on_event, void *user)
{
	struct hg__sse_event event = {
		.type = s->type[0] ? s->type : "message",
		.data = s->data.data,
		.data_len = s->data.len,
	};
	int r = 0;

	memcpy(s->last_id, s->id, sizeof(s->last_id));
	if (s->has_data && !s->data.failed)
		r = on_event(user, &event);
	start_event(s);
	return r;
}

static bool is(const char *line, size_t n, const char *name)
{
	return n == strlen(name) && !memcmp(line, name, n);
}

/* A value too long for its room cannot be one that we know. */
static void keep(char *to, size_t size, const char *value, size_t n)
{
	if (n >= size || memchr(value, '\0', n))
		return;
	memcpy(to, value, n);
	to[n] = '\0';
}

static void take_retry(struct hg__sse *s, const char *value, size_t n)
{
	int64_t ms = 0;

	if (!n || n > 9)
		return;
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return;
		ms = ms * 10 + (value[i] - '0');
	}
	s->retry_ms = ms;
}

static void take_line(struct hg__sse *s, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	const char *value = colon ? colon + 1 : line + n;
	size_t name_len = colon ? (size_t)(colon - line) : n;
	size_t value_len = (size_t)(line + n - value);

	if (value_len && *value == ' ') {
		value++;
		value_len--;
	}
	if (is(line, name_len, "data")) {
		if (s->has_data)
			hg__buf_put(&s->data, "\n", 1);
		hg__buf_put(&s->data, value, value_len);
		s->has_data = true;
	} else if (is(line, name_len, "event")) {
		keep(s->type, sizeof(s->type), value, value_len);
	} else if (is(line, name_len, "id")) {
		keep(s->id, sizeof(s->id), value, value_len);
	} else if (is(line, name_len, "retry")) {
		take_retry(s, value, value_len);
	}
}

static int end_line(struct hg__sse *s, hg__sse_fn on_event, void *user)
{
	const char *line = s->line.data;
	size_t n = s->line.len;
	int r = 0;

	if (!s->begun && n >= 3 && !memcmp(line, "\xef\xbb\xbf", 3)) {
		line += 3;
		n -= 3;
	}
	s->begun = true;
	if (n)
		take_line(s, line, n);
	else
		r = dispatch(s, on_event, user);
	hg__buf_clear(&s->line);
	return r;
}

int hg__sse_feed(struct hg__sse *s, const char *bytes, size_t n,
		 hg__sse_fn on_event, void *user)
{
	const char *end = bytes + n, *p;
	int r;

	while (bytes < end) {
		if (s->after_cr && *bytes == '\n') {
			s->after_cr = false;
			bytes++;
			continue;
		}
		s->after_cr = false;
		for (p = bytes; p < end && *p != '\n' && *p != '\r'; p++)
			;
		hg__buf_put(&s->line, bytes, (size_t)(p - bytes));
		if (s->line.failed || s->data.failed ||
		    s->line.len + s->data.len > HG__SSE_EVENT_MAX) {
			s->failed = true;
			return -1;
		}
		if (p == end)
			return 0;
		s->after_cr = *p == '\r';
		bytes = p + 1;
		r = end_line(s, on_event, user);
		if (r)
			return r;
	}
	return 0;
}

void hg__sse_reset(struct hg__sse *s)
{
	hg__buf_clear(&s->line);
	start_event(s);
	memcpy(s->id, s->last_id, sizeof(s->id));
	s->after_cr = s->begun = s->failed = false;
}

void hg__sse_free(struct hg__sse *s)
{
	hg__buf_free(&s->line);
	hg__buf_free(&s->data);
}
