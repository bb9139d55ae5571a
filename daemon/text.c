#include "daemon/text.h"

#include "core/clock.h"
#include "core/job.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MIN_BYTES 1024
#define TEXT_KEEP_BYTES 4096	/* what text_clear leaves allocated */

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}

void text_clear(struct text *t)
{
	if (t->size > TEXT_KEEP_BYTES)
		text_free(t);
	t->length = 0;
	t->failed = false;
}

static bool text_grow(struct text *t, size_t more)
{
	size_t size = t->size ? t->size : TEXT_MIN_BYTES;
	char *data;

	if (t->failed || more > SIZE_MAX / 2 - t->length)
		goto fail;
	while (size - t->length < more)
		size *= 2;
	data = realloc(t->data, size);
	if (!data)
		goto fail;
	t->data = data;
	t->size = size;
	return true;
fail:
	t->failed = true;
	return false;
}

bool text_reserve(struct text *t, size_t more)
{
	return (!t->failed && t->size - t->length >= more) ||
	       text_grow(t, more);
}

void text_int(struct text *t, int64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		digits[--at] = '0' + rest % 10;
	while (rest /= 10);
	if (value < 0)
		digits[--at] = '-';
	text_put(t, digits + at, sizeof(digits) - at);
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0 || !text_reserve(t, (size_t)length + 1)) {
		t->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(t->data + t->length, (size_t)length + 1, format, args);
	va_end(args);
	t->length += (size_t)length;
}

const char *text_string(struct text *t)
{
	if (!text_reserve(t, 1))
		return "";
	t->data[t->length] = '\0';
	return t->data;
}

/* --- JSON ------------------------------------------------------------------- */

static void text_escape(struct text *t, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(letters); i += 2)
		if ((unsigned char)letters[i] == c) {
			char pair[2] = { '\\', letters[i + 1] };

			text_put(t, pair, 2);
			return;
		}
	char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	text_put(t, escape, sizeof(escape));
}

void text_json_bytes(struct text *t, const char *string, size_t length)
{
	size_t from = 0;

	text_char(t, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)string[i];

		if (c >= ' ' && c != '"' && c != '\\' && c != 0x7f)
			continue;
		text_put(t, string + from, i - from);
		text_escape(t, c);
		from = i + 1;
	}
	text_put(t, string + from, length - from);
	text_char(t, '"');
}

void text_json_string(struct text *t, const char *string)
{
	if (string)
		text_json_bytes(t, string, strlen(string));
	else
		text_literal(t, "null");
}

void text_json_time(struct text *t, int64_t ms)
{
	char time[CLOCK_TEXT_SIZE];

	if (ms == TIME_NONE) {
		text_literal(t, "null");
		return;
	}
	text_char(t, '"');
	text_add(t, clock_format(ms, time));
	text_char(t, '"');
}

void text_json_decimal(struct text *t, double value)
{
	int64_t scaled;
	char fraction[4];
	size_t length = 4;

	if (!(fabs(value) < 9e14)) {	/* also what is not a number */
		text_literal(t, "0");
		return;
	}
	scaled = llround(value * 10000);
	if (scaled < 0)
		text_char(t, '-');
	scaled = scaled < 0 ? -scaled : scaled;
	text_int(t, scaled / 10000);
	scaled %= 10000;
	if (!scaled)
		return;
	for (int i = 3; i >= 0; i--, scaled /= 10)
		fraction[i] = '0' + scaled % 10;
	while (fraction[length - 1] == '0')
		length--;
	text_char(t, '.');
	text_put(t, fraction, length);
}
