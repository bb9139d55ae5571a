#include "client/buf.h"

#include "client/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool reserve(struct hg__buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 64;
	char *data;

	if (b->failed)
		return false;
	if (more > SIZE_MAX / 2 - b->len - 1)
		goto fail;
	while (cap < b->len + more + 1)
		cap *= 2;
	if (cap == b->cap)
		return true;
	data = hg__realloc(b->data, cap);
	if (!data)
		goto fail;
	b->data = data;
	b->cap = cap;
	return true;
fail:
	b->failed = true;
	return false;
}

void hg__buf_put(struct hg__buf *b, const void *data, size_t n)
{
	if (!reserve(b, n))
		return;
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void hg__buf_puts(struct hg__buf *b, const char *text)
{
	if (text)
		hg__buf_put(b, text, strlen(text));
}

void hg__buf_printf(struct hg__buf *b, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if (!reserve(b, (size_t)n))
		return;
	va_start(ap, format);
	vsnprintf(b->data + b->len, (size_t)n + 1, format, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void hg__buf_escape(struct hg__buf *b, const char *text)
{
	static const char unreserved[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-._~";

	for (; *text; text++) {
		if (strchr(unreserved, *text))
			hg__buf_put(b, text, 1);
		else
			hg__buf_printf(b, "%%%02X", (unsigned char)*text);
	}
}

void hg__buf_json(struct hg__buf *b, const char *text)
{
	hg__buf_put(b, "\"", 1);
	for (; *text; text++) {
		unsigned char ch = (unsigned char)*text;

		if (ch == '"' || ch == '\\')
			hg__buf_put(b, "\\", 1);
		if (ch < 0x20)
			hg__buf_printf(b, "\\u%04x", ch);
		else
			hg__buf_put(b, text, 1);
	}
	hg__buf_put(b, "\"", 1);
}

void hg__buf_clear(struct hg__buf *b)
{
	b->failed = false;
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void hg__buf_free(struct hg__buf *b)
{
	hg__free(b->data);
	memset(b, 0, sizeof(*b));
}
