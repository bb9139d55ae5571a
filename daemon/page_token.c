#include "daemon/page_token.h"

#include "core/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t token_check(int64_t seq)
{
	struct {
		char purpose[16];
		int64_t seq;
	} text = { "page of jobs", seq };
	uint64_t digest[2];

	random_digest(&text, sizeof(text), digest);
	return digest[0];
}

void page_token_write(struct text *t, int64_t seq)
{
	text_printf(t, "\"%" PRIx64 "-%016" PRIx64 "\"", (uint64_t)seq,
		    token_check(seq));
}

bool page_token_parse(const char *token, int64_t *seq_out)
{
	char again[48];
	uint64_t seq;

	if (sscanf(token, "%16" SCNx64, &seq) != 1 || seq > INT64_MAX)
		return false;
	snprintf(again, sizeof(again), "%" PRIx64 "-%016" PRIx64, seq,
		 token_check((int64_t)seq));
	if (strcmp(again, token) != 0)
		return false;
	*seq_out = (int64_t)seq;
	return true;
}
