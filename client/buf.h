/* buf.h -- text that grows.
 *
 * A zero struct is an empty one.  Running out of memory is remembered instead of
 * told at each step: check `failed` once, at the end.  The data is always
 * followed by a NUL that len does not count; it is NULL while nothing was put. */
#ifndef CLIENT_BUF_H
#define CLIENT_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct hg__buf {
	char *data;
	size_t len, cap;
	bool failed;		/* out of memory: the text is not whole */
};

void hg__buf_put(struct hg__buf *b, const void *data, size_t n);
void hg__buf_puts(struct hg__buf *b, const char *text);	/* NULL is "" */
void hg__buf_printf(struct hg__buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* hg__buf_escape -- percent-encodes all but the unreserved characters.
 * hg__buf_json -- a JSON string with its quotes. */
void hg__buf_escape(struct hg__buf *b, const char *text);
void hg__buf_json(struct hg__buf *b, const char *text);

/* hg__buf_clear -- forgets all bytes and the failure, but keeps the memory. */
void hg__buf_clear(struct hg__buf *b);
void hg__buf_free(struct hg__buf *b);

#endif
