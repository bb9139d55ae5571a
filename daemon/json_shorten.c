#include "daemon/json_shorten.h"

#include "core/json_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void shorten(char *number, size_t bytes)
{
	double value = strtod(number, NULL);
	char text[JSON_CHECK_NUMBER_BYTES + 1];
	int n;

	if (isfinite(value))
		n = snprintf(text, sizeof(text), "%.17g", value);
	else
		n = snprintf(text, sizeof(text), "%s1e999",
			     value < 0 ? "-" : "");
	memset(number, ' ', bytes);
	memcpy(number, text, (size_t)n);
}

/* Behind the string whose opening quote stands at `at`. */
static char *skip_string(char *at)
{
	for (at++; *at != '"'; at++)
		at += *at == '\\';
	return at + 1;
}

void json_shorten(char *text, size_t bytes)
{
	for (char *at = text, *end = text + bytes; at < end;) {
		size_t n = strspn(at, "+-.0123456789Ee");

		if (n > JSON_CHECK_NUMBER_BYTES)
			shorten(at, n);
		if (n > 0)
			at += n;
		else
			at = *at == '"' ? skip_string(at) : at + 1;
	}
}
