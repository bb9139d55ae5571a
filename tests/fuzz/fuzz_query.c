/* A query falls into parameters that lie, whole, in its own buffer; a path
 * and a pattern never look beyond their ends. */
#include <stdlib.h>
#include <string.h>

#include "daemon/query.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "query";

static void check_query(const char *text)
{
	static char bytes[QUERY_BYTES];
	struct query q;

	if (!query_parse(&q, bytes, text))
		return;
	if (q.count > QUERY_PARAMETERS)
		abort();
	for (size_t i = 0; i < q.count; i++) {
		const struct query_parameter *p = &q.parameters[i];
		const char *end = p->name + strlen(p->name);

		if (p->name < bytes || end >= bytes + sizeof(bytes))
			abort();
		end = p->value + strlen(p->value);
		if (*p->value &&
		    (p->value < bytes || end >= bytes + sizeof(bytes)))
			abort();
		if (!query_get(&q, p->name))
			abort();
	}
}

static void check_path(const char *text)
{
	char path[64];
	const char *id = NULL;
	size_t length = 0;

	if (!path_decode(text, path, sizeof(path)))
		return;
	if (path_match("/v1/jobs/{id}:pause", path, &id, &length) &&
	    (length == 0 || id < path ||
	     id + length + strlen(":pause") != path + strlen(path)))
		abort();
}

static void check_list(const char *text)
{
	const char *rest = text;
	size_t length, all = 0, pieces = 0;
	int64_t n;

	while (list_next(&rest, &length)) {
		all += length;
		pieces++;
	}
	if (all + pieces - 1 != strlen(text))
		abort();
	if (number_parse(text, -5, 1000, &n) && (n < -5 || n > 1000))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_query(text);
	check_path(text);
	check_list(text);
	free(text);
	return 0;
}
