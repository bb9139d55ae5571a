#include "daemon/query.h"

#include "core/utf8.h"

#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "XX" stands for; -1: none, or NUL. */
static int percent_byte(const char *digits)
{
	int high = hex_digit(digits[0]);
	int low = high < 0 ? -1 : hex_digit(digits[1]);

	return low < 0 || high + low == 0 ? -1 : high << 4 | low;
}

/* Decodes up to `end`, '&' or the text's end; NULL: malformed, or no UTF-8. */
static const char *decode_piece(const char *from, char end, char **to)
{
	char *out = *to;

	for (; *from && *from != end && *from != '&'; from++) {
		int byte = *from == '+' ? ' ' : (unsigned char)*from;

		if (byte == '%') {
			byte = percent_byte(from + 1);
			if (byte < 0)
				return NULL;
			from += 2;
		}
		*out++ = (char)byte;
	}
	*out++ = '\0';
	if (!utf8_is_valid(*to))
		return NULL;
	*to = out;
	return from;
}

bool query_parse(struct query *q, char *bytes, const char *text)
{
	char *to = bytes;

	q->count = 0;
	q->bytes = bytes;
	/* each piece decodes to no more than it was, and its end */
	if (!text || strlen(text) + 2 > QUERY_BYTES)
		return !text;
	while (*text) {
		struct query_parameter *p = &q->parameters[q->count];

		if (*text == '&') {
			text++;
			continue;
		}
		if (q->count == QUERY_PARAMETERS)
			return false;
		p->name = to;
		text = decode_piece(text, '=', &to);
		if (!text)
			return false;
		p->value = "";
		if (*text == '=') {
			p->value = to;
			text = decode_piece(text + 1, '&', &to);
			if (!text)
				return false;
		}
		q->count++;
	}
	return true;
}

const char *query_next(const struct query *q, const char *name, size_t *at)
{
	while (*at < q->count) {
		const struct query_parameter *p = &q->parameters[(*at)++];

		if (strcmp(p->name, name) == 0)
			return p->value;
	}
	return NULL;
}

const char *query_get(const struct query *q, const char *name)
{
	size_t at = 0;

	return query_next(q, name, &at);
}

bool path_decode(const char *path, char *out, size_t size)
{
	size_t length = 0;

	for (; *path; path++) {
		int byte = (unsigned char)*path;

		if (byte == '%') {
			byte = percent_byte(path + 1);
			if (byte < 0 || byte == '/')
				return false;
			path += 2;
		}
		if (length + 1 >= size)
			return false;
		out[length++] = (char)byte;
	}
	out[length] = '\0';
	return true;
}

bool path_match(const char *pattern, const char *path, const char **id_out,
		size_t *id_length_out)
{
	for (; *pattern; pattern++, path++) {
		if (*pattern == '{') {
			const char *end = strchr(pattern, '}');
			size_t length = strcspn(path, "/:");

			if (length == 0 || !end)
				return false;
			*id_out = path;
			*id_length_out = length;
			path += length;
			pattern = end + 1;
			if (!*pattern)
				break;
		}
		if (*pattern != *path)
			return false;
	}
	return *path == '\0';
}

bool number_parse(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool minus = *text == '-';
	int64_t value = 0;

	if (minus || *text == '+')
		text++;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *text - '0', &value))
			return false;
	}
	value = minus ? -value : value;
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

bool digits_parse(const char *text, size_t length, int64_t *out)
{
	int64_t value = 0;

	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, text[i] - '0', &value))
			value = INT64_MAX;
	}
	*out = value;
	return true;
}

const char *list_next(const char **rest, size_t *length_out)
{
	const char *piece = *rest;

	if (!piece)
		return NULL;
	*length_out = strcspn(piece, ",");
	*rest = piece[*length_out] ? piece + *length_out + 1 : NULL;
	return piece;
}
