/* utf8.h -- where a character ends, if it is one. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* utf8_bytes -- the bytes of the well-formed character at s (Unicode, table
 * 3-7), 0 if there is none.  s ends in a NUL, which is none. */
static inline size_t utf8_bytes(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char from = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char to = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
	size_t bytes = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 :
		       s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (s[0] == '\0' || bytes < 2)
		return s[0] == '\0' ? 0 : bytes;
	if (s[1] < from || s[1] > to)
		return 0;
	for (size_t i = 2; i < bytes; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return bytes;
}

static inline bool utf8_is_valid(const char *text)
{
	for (size_t n; *text; text += n)
		if ((n = utf8_bytes(text)) == 0)
			return false;
	return true;
}

#endif
