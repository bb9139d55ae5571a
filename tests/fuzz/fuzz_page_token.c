/* A token that is taken is the very text that was given out for its place. */
#include <stdlib.h>
#include <string.h>

#include "daemon/page_token.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "page_token";

/* Between its quotes. */
static void check_written(const char *token, int64_t seq)
{
	struct text t = { 0 };
	int64_t again;

	page_token_write(&t, seq);
	if (t.failed || t.length < 2)
		abort();
	t.data[t.length - 1] = '\0';
	if (token && strcmp(t.data + 1, token) != 0)
		abort();
	if (!page_token_parse(t.data + 1, &again) || again != seq)
		abort();
	text_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int64_t seq = -1;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (page_token_parse(text, &seq)) {
		if (seq < 0)
			abort();
		check_written(text, seq);
	}
	if (size >= sizeof(seq)) {
		memcpy(&seq, data, sizeof(seq));
		check_written(NULL, seq & INT64_MAX);
	}
	free(text);
	return 0;
}
