#include "client/ctl_json.h"

#include <stdint.h>
#include <string.h>

static void add_unicode(struct text *t, uint32_t c)
{
	if (c > 0xFFFF) {
		c -= 0x10000;
		text_addf(t, "\\u%04x\\u%04x", 0xD800 + (unsigned)(c >> 10),
			  0xDC00 + (unsigned)(c & 0x3FF));
	} else {
		text_addf(t, "\\u%04x", (unsigned)c);
	}
}

/* A string with its quotes, as it is but for controls; the end of it. */
static const char *add_string(struct text *t, const char *s)
{
	const char *start;
	uint32_t c = '"';

	s++;
	text_add_char(t, '"');
	while (start = s, (c = text_decode(&s)) != 0 && c != '"') {
		if (text_is_control(c)) {
			add_unicode(t, c);
			continue;
		}
		text_add_bytes(t, start, (size_t)(s - start));
		if (c == '\\' && *s)
			text_add_char(t, *s++);
	}
	text_add_char(t, '"');
	return c ? s : start;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void json_add(struct text *t, const char *json)
{
	while (*json) {
		if (*json == '"') {
			json = add_string(t, json);
			continue;
		}
		if (!is_space(*json))
			text_add_char(t, *json);
		json++;
	}
}

static void new_line(struct text *t, int depth)
{
	text_add_char(t, '\n');
	text_add_spaces(t, 2 * depth);
}

static const char *skip_spaces(const char *s)
{
	while (is_space(*s))
		s++;
	return s;
}

void json_add_pretty(struct text *t, const char *json, int depth)
{
	const char *next;

	for (json = skip_spaces(json); *json; json = skip_spaces(json)) {
		char c = *json;

		if (c == '"') {
			json = add_string(t, json);
			continue;
		}
		json++;
		if (c == '}' || c == ']')
			new_line(t, --depth);
		text_add_char(t, c);
		next = skip_spaces(json);
		if ((c == '{' && *next == '}') || (c == '[' && *next == ']')) {
			text_add_char(t, *next);
			json = next + 1;
		} else if (c == '{' || c == '[') {
			new_line(t, ++depth);
		} else if (c == ',') {
			new_line(t, depth);
		} else if (c == ':') {
			text_add_char(t, ' ');
		}
	}
}

void json_add_string(struct text *t, const char *s)
{
	const char *start;
	uint32_t c;

	if (!s) {
		text_add(t, "null");
		return;
	}
	text_add_char(t, '"');
	while (start = s, (c = text_decode(&s)) != 0) {
		if (c == '"' || c == '\\')
			text_add_char(t, '\\');
		if (text_is_control(c) && c >= 0xDC00 && c < 0xDD00)
			add_unicode(t, 0xFFFD);		/* broken UTF-8 */
		else if (text_is_control(c))
			add_unicode(t, c);
		else
			text_add_bytes(t, start, (size_t)(s - start));
	}
	text_add_char(t, '"');
}
