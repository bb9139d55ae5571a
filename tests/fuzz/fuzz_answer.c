/* The head of an answer, a line each: what is kept of it fits and is text, and
 * what it says of time stays in its bounds. */
#include <stdlib.h>
#include <string.h>

#include "client/retry.h"
#include "client/transport.h"
#include "client/wire.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "answer";

#define DAY_MS INT64_C(86400000)

static void check_room(const char *text, size_t size)
{
	if (strlen(text) >= size)
		abort();
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			abort();
}

/* Each line is as short as it came, and nothing follows it. */
static void take_lines(struct hg__answer *a, const uint8_t *data, size_t size)
{
	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end + 1 - data) : size;
		char *line = malloc(n);

		if (!line)
			abort();
		memcpy(line, data, n);
		hg__answer_header(a, line, n);
		free(line);
		data += n;
		size -= n;
	}
}

static void check_retry_after(const char *value)
{
	static const int64_t nows[] = { 0, 1700000000000, INT64_C(1) << 52 };
	int64_t date_ms = hg__http_date_ms(value);

	if (date_ms < -1)
		abort();
	for (size_t i = 0; i < sizeof(nows) / sizeof(nows[0]); i++) {
		int64_t ms = hg__retry_after_ms(value, nows[i]);
		int64_t pause_ms = hg__retry_ms(1, ms, INT64_MAX, UINT32_MAX);

		if (ms < -1 || ms > DAY_MS)
			abort();
		if (date_ms >= 0 &&
		    ms != (date_ms <= nows[i] ? 0 :
			   date_ms - nows[i] < DAY_MS ? date_ms - nows[i] :
			   DAY_MS))
			abort();
		if (pause_ms < 0 || pause_ms > HG__RETRY_AFTER_MAX_MS)
			abort();
	}
}

/* A time of the wire, printed, is the same time. */
static void check_time(const char *value)
{
	int64_t ms = hg__wire_time(value);
	struct hg__buf b = { 0 };

	hg__wire_put_time(&b, ms);
	if (ms >= -INT64_C(62167219200000) && ms <= INT64_C(253402300799999) &&
	    hg__wire_time(b.data) != ms)
		abort();
	hg__buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hg__answer a = { 0 };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	take_lines(&a, data, size);
	check_room(a.retry_after, sizeof(a.retry_after));
	check_room(a.request_id, sizeof(a.request_id));
	check_room(a.content_type, sizeof(a.content_type));
	check_retry_after(a.retry_after);
	memcpy(text, data, size);
	text[size] = '\0';
	check_retry_after(text);
	check_time(text);
	free(text);
	return 0;
}
