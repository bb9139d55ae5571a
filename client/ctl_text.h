/* ctl_text.h -- text as a terminal wants it.
 *
 * Owns a growing buffer, the escaping of what a server may say, and widths in
 * columns.  All text is UTF-8.  Nothing here prints; memory that cannot be
 * had ends the program with status 1 through text_die_of_memory(). */
#ifndef CLIENT_CTL_TEXT_H
#define CLIENT_CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- memory --------------------------------------------------------------- */

void *text_alloc(size_t n, size_t size);	/* zeroed; never NULL */
void *text_realloc(void *p, size_t n, size_t size);	/* never NULL */
char *text_dup(const char *s);			/* NULL stays NULL */
_Noreturn void text_die_of_memory(void);

/* --- the buffer ----------------------------------------------------------- */

/* Zero is the empty buffer; s is NULL until something was added, and then
 * always ends in a NUL that len does not count. */
struct text {
	char *s;
	size_t len, room;
};

void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *s, size_t n);
void text_add_char(struct text *t, char c);
void text_add_spaces(struct text *t, int n);	/* n <= 0: none */
void text_addf(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void text_clear(struct text *t);		/* keeps the memory */
void text_free(struct text *t);
const char *text_get(const struct text *t);	/* never NULL */

/* --- what may be shown ---------------------------------------------------- */

enum text_how {
	TEXT_SHOWN,		/* for people: controls become \n or \u001b */
	TEXT_TSV,		/* the same, and a backslash is doubled */
	TEXT_ASCII		/* as shown, what is not ASCII becomes "?" */
};

/* text_add_escaped -- add s so that it can move no cursor: C0, C1, DEL, the
 * direction overrides and broken UTF-8 are escaped.  NULL adds nothing. */
void text_add_escaped(struct text *t, const char *s, enum text_how how);

/* text_is_control -- must this character be escaped? */
bool text_is_control(uint32_t c);

/* text_decode -- the character at *s, which moves on; 0 at the end; a broken
 * sequence moves by one byte and gives 0xDC00 + that byte. */
uint32_t text_decode(const char **s);

/* text_width -- columns that s takes; escaped text only. */
int text_width(const char *s);

/* text_add_cut -- add s in exactly width columns: padded with spaces, or cut
 * and ended by mark ("…" or "~").  pad false: not padded.  Returns the
 * columns used. */
int text_add_cut(struct text *t, const char *s, int width, const char *mark,
		 bool pad);

/* text_locale -- set the locale's character classes (never its numbers, which
 * must stay those of C); true: the terminal speaks UTF-8. */
bool text_locale(void);

#endif
