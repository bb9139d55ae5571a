/* What json_check takes, cJSON must take whole, and find no key twice. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_check.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "json_check";

static void check_keys(const cJSON *value)
{
	for (const cJSON *a = value->child; a; a = a->next) {
		for (const cJSON *b = value->child; b != a; b = b->next)
			if (a->string && strcmp(a->string, b->string) == 0)
				abort();
		check_keys(a);
	}
}

static void compare(const char *text, size_t size)
{
	const char *end = NULL;
	cJSON *value = cJSON_ParseWithLengthOpts(text, size, &end, 0);

	if (!value)
		abort();
	end += strspn(end, " \t\r\n");
	if (end != text + size)
		abort();
	check_keys(value);
	cJSON_Delete(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_check_place place = { 0 };
	enum json_check_error error =
		json_check((const char *)data, size, &place);
	char *text;

	if (error != JSON_CHECK_OK) {
		if (place.offset > size || place.line < 1 || place.column < 1 ||
		    place.line + place.column > place.offset + 2)
			abort();
		return 0;
	}
	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	compare(text, size);
	free(text);
	return 0;
}
