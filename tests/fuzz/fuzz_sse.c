/* A stream means the same in whatever pieces it comes, and after whatever came
 * on the connection before. */
#include <stdlib.h>
#include <string.h>

#include "client/sse.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "sse";

/* All events so far, one behind the other. */
struct told {
	const struct hg__sse *stream;
	struct hg__buf text;
};

static int on_event(void *user, const struct hg__sse_event *event)
{
	struct told *told = user;
	const struct hg__sse *s = told->stream;

	if (strlen(event->type) >= sizeof(s->type) || !*event->type ||
	    event->data[event->data_len] != '\0' ||
	    strlen(s->last_id) >= sizeof(s->last_id))
		abort();
	hg__buf_put(&told->text, event->type, strlen(event->type) + 1);
	hg__buf_put(&told->text, &event->data_len, sizeof(event->data_len));
	hg__buf_put(&told->text, event->data, event->data_len);
	hg__buf_put(&told->text, s->last_id, strlen(s->last_id) + 1);
	return 0;
}

/* Pieces of 1 to `most` bytes, each at the very end of its room. */
static void feed(struct hg__sse *s, struct told *told, const uint8_t *data,
		 size_t size, size_t most)
{
	uint32_t random = 1;
	char *room = malloc(most);

	if (!room)
		abort();
	told->stream = s;
	while (size > 0) {
		size_t n = most < size ? 1 + (random >> 16) % most : size;

		memcpy(room + most - n, data, n);
		if (hg__sse_feed(s, room + most - n, n, on_event, told) != 0 ||
		    s->failed)
			abort();
		data += n;
		size -= n;
		random = random * 1103515245 + 12345;
	}
	free(room);
}

static void same(const struct hg__sse *a, const struct told *a_told,
		 const struct hg__sse *b, const struct told *b_told)
{
	if (a_told->text.len != b_told->text.len ||
	    (a_told->text.len > 0 && memcmp(a_told->text.data,
			b_told->text.data, a_told->text.len) != 0) ||
	    a->retry_ms != b->retry_ms || a->retry_ms < 0 ||
	    a->retry_ms > 999999999 || strcmp(a->last_id, b->last_id) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t most[] = { 1, 3, 64 };
	struct hg__sse whole = { 0 };
	struct told whole_told = { 0 };

	feed(&whole, &whole_told, data, size, size + 1);
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		struct hg__sse s = { 0 };
		struct told first = { 0 }, second = { 0 };

		feed(&s, &first, data, size, most[i]);
		same(&whole, &whole_told, &s, &first);
		hg__sse_reset(&s);
		memset(s.last_id, 0, sizeof(s.last_id));
		memset(s.id, 0, sizeof(s.id));
		feed(&s, &second, data, size, most[i]);
		same(&whole, &whole_told, &s, &second);
		hg__buf_free(&first.text);
		hg__buf_free(&second.text);
		hg__sse_free(&s);
	}
	hg__buf_free(&whole_told.text);
	hg__sse_free(&whole);
	return 0;
}
