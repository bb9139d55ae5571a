/* Headers of any kind, a line each: every reader of a value stays inside it
 * and keeps its own bounds. */
#include <stdlib.h>
#include <string.h>

#include "daemon/headers.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "headers";

/* Cuts "Name: value" lines in place. */
static void take_lines(struct headers *h, char *text)
{
	char *line, *rest = text;

	headers_clear(h);
	for (int n = 0; n < HEADER_LINES && (line = strsep(&rest, "\n")); n++) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = '\0';
		headers_add(h, line, value + strspn(value, " \t"));
	}
}

static void check_values(const struct headers *h)
{
	char key[IDEMPOTENCY_KEY_BYTES + 1];
	struct prefer prefer = prefer_parse(h);
	const char *host = header_get(h, HEADER_HOST);
	const char *origin = header_get(h, HEADER_ORIGIN);

	if (prefer.wait_s < -1)
		abort();
	if (idempotency_key_parse(h, key) &&
	    !word_is_plain(key, strlen(key), IDEMPOTENCY_KEY_BYTES))
		abort();
	(void)etag_matches(h, HEADER_IF_MATCH, 7);
	(void)etag_matches(h, HEADER_IF_NONE_MATCH, UINT32_MAX);
	(void)accepts_event_stream(h);
	(void)accepts_gzip(h);
	(void)media_type_is(header_get(h, HEADER_CONTENT_TYPE),
			    "application/json");
	if (host && *host && host_is_sane(host) && !strchr(host, ',') &&
	    !host_listed(host, host))
		abort();
	if (host && origin)
		(void)origin_is_host(origin, host);
	if (origin)
		(void)origin_listed(origin, host ? host : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct framing framing;
	struct headers h;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	take_lines(&h, text);
	framing = headers_framing(&h);
	if (framing.length < 0 || (framing.status != 0 && !framing.detail))
		abort();
	if (framing.status == 0 && h.times[HEADER_HOST] != 1)
		abort();
	check_values(&h);
	free(text);
	return 0;
}
