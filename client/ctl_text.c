#define _GNU_SOURCE
#include "client/ctl_text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define BROKEN 0xDC00u		/* lone surrogates are in no valid text */

/* --- memory --------------------------------------------------------------- */

_Noreturn void text_die_of_memory(void)
{
	static const char sentence[] = "heygenctl: out of memory\n";

	(void)!write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
	exit(1);
}

void *text_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		text_die_of_memory();
	return p;
}

void *text_realloc(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n ? n : 1, size);
	if (!p)
		text_die_of_memory();
	return p;
}

char *text_dup(const char *s)
{
	char *copy = s ? strdup(s) : NULL;

	if (s && !copy)
		text_die_of_memory();
	return copy;
}

/* --- the buffer ----------------------------------------------------------- */

static void text_reserve(struct text *t, size_t more)
{
	size_t need = t->len + more + 1;

	if (need <= t->room)
		return;
	t->room = need < 64 ? 64 : need * 2;
	t->s = text_realloc(t->s, t->room, 1);
}

void text_add_bytes(struct text *t, const char *s, size_t n)
{
	text_reserve(t, n);
	if (n)
		memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

void text_add_char(struct text *t, char c)
{
	text_add_bytes(t, &c, 1);
}

void text_add_spaces(struct text *t, int n)
{
	while (n-- > 0)
		text_add_char(t, ' ');
}

void text_addf(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		text_die_of_memory();
	text_reserve(t, (size_t)n);
	va_start(args, format);
	(void)vsnprintf(t->s + t->len, (size_t)n + 1, format, args);
	va_end(args);
	t->len += (size_t)n;
}

void text_clear(struct text *t)
{
	t->len = 0;
	if (t->s)
		t->s[0] = '\0';
}

void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

const char *text_get(const struct text *t)
{
	return t->s ? t->s : "";
}

/* --- characters ----------------------------------------------------------- */

static int sequence_length(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xC2 && c < 0xE0)
		return 2;
	if (c >= 0xE0 && c < 0xF0)
		return 3;
	if (c >= 0xF0 && c < 0xF5)
		return 4;
	return 0;
}

uint32_t text_decode(const char **s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)*s;
	int n = sequence_length(p[0]);
	uint32_t c = n > 1 ? p[0] & (0xFFu >> (n + 1)) : p[0];

	if (!p[0])
		return 0;
	for (int i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80) {
			n = 0;
			break;
		}
		c = c << 6 | (p[i] & 0x3Fu);
	}
	if (n == 0 || c < least[n] || c > 0x10FFFF ||
	    (c >= 0xD800 && c < 0xE000)) {
		*s += 1;
		return BROKEN + p[0];
	}
	*s += n;
	return c;
}

bool text_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) ||	/* C0, DEL, C1 */
	       c == 0x061C || c == 0x200E || c == 0x200F ||	/* direction */
	       (c >= 0x2028 && c <= 0x202E) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF ||
	       (c >= 0xE0000 && c < 0xE0080) ||		/* unseen tags */
	       (c >= BROKEN && c < BROKEN + 0x100);
}

static void add_escape(struct text *t, uint32_t c)
{
	switch (c) {
	case '\n':
		text_add(t, "\\n");
		break;
	case '\r':
		text_add(t, "\\r");
		break;
	case '\t':
		text_add(t, "\\t");
		break;
	default:
		if (c >= BROKEN && c < BROKEN + 0x100)
			text_addf(t, "\\x%02x", (unsigned)(c - BROKEN));
		else if (c > 0xFFFF)
			text_addf(t, "\\U%08x", (unsigned)c);
		else
			text_addf(t, "\\u%04x", (unsigned)c);
		break;
	}
}

void text_add_escaped(struct text *t, const char *s, enum text_how how)
{
	const char *start;
	uint32_t c;

	if (!s)
		return;
	while (start = s, (c = text_decode(&s)) != 0) {
		if (text_is_control(c))
			add_escape(t, c);
		else if (c == '\\' && how == TEXT_TSV)
			text_add(t, "\\\\");
		else if (c >= 0x80 && how == TEXT_ASCII)
			text_add_char(t, '?');
		else
			text_add_bytes(t, start, (size_t)(s - start));
	}
}

static int char_width(uint32_t c)
{
	int width;

	if (c >= 0x20 && c < 0x7F)
		return 1;
	width = wcwidth((wchar_t)c);
	return width < 0 ? 1 : width;
}

int text_width(const char *s)
{
	int width = 0;
	uint32_t c;

	while ((c = text_decode(&s)) != 0)
		width += char_width(c);
	return width;
}

int text_add_cut(struct text *t, const char *s, int width, const char *mark,
		 bool pad)
{
	int room = width, used = 0;
	bool cut = text_width(s) > width;
	const char *start = s;
	uint32_t c;

	if (width <= 0)
		return 0;
	if (cut)
		room -= text_width(mark);
	while ((c = text_decode(&s)) != 0 && used + char_width(c) <= room) {
		used += char_width(c);
		text_add_bytes(t, start, (size_t)(s - start));
		start = s;
	}
	if (cut && room >= 0) {
		text_add(t, mark);
		used += text_width(mark);
	}
	if (pad) {
		text_add_spaces(t, width - used);
		used = width;
	}
	return used;
}

/* Characters above ASCII have a width only in a locale that knows them; where
 * the user's does not, C.UTF-8 measures what goes to files. */
bool text_locale(void)
{
	bool utf8;

	(void)setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!utf8)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
	return utf8;
}
