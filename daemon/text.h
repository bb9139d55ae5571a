/* text.h -- text that grows, and the pieces JSON is made of.
 *
 * Owns its memory.  A text that could not grow is `failed` and takes nothing
 * more: writers need not look after each piece, whoever sends it does. */
#ifndef DAEMON_TEXT_H
#define DAEMON_TEXT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {			/* zero: an empty one */
	char *data;		/* not NUL-terminated; text_string does that */
	size_t length, size;
	bool failed;
};

void text_free(struct text *t);		/* and back to zero */
void text_clear(struct text *t);	/* keeps the memory, if it is little */
bool text_reserve(struct text *t, size_t more);

/* Inline: an answer is made of a hundred small pieces. */
static inline void text_put(struct text *t, const void *bytes, size_t length)
{
	if (length == 0 ||
	    ((t->failed || t->size - t->length < length) &&
	     !text_reserve(t, length)))
		return;
	assert(t->data);		/* there is room */
	memcpy(t->data + t->length, bytes, length);
	t->length += length;
}

static inline void text_add(struct text *t, const char *string)
{
	text_put(t, string, strlen(string));
}

static inline void text_char(struct text *t, char c)
{
	text_put(t, &c, 1);
}

void text_int(struct text *t, int64_t value);
void text_printf(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *text_string(struct text *t);	/* "" if it has failed */

#define text_literal(t, literal) text_put(t, literal, sizeof(literal) - 1)

/* JSON values.  A NULL string and TIME_NONE are written as null. */
void text_json_string(struct text *t, const char *string);
void text_json_bytes(struct text *t, const char *string, size_t length);
void text_json_time(struct text *t, int64_t ms);
void text_json_decimal(struct text *t, double value);	/* <= 4 decimals */

#endif
