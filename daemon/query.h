/* query.h -- what stands behind the question mark, and in a path.
 *
 * Pure: owns nothing, allocates nothing.  Names and values are percent-
 * decoded into the query's own buffer. */
#ifndef DAEMON_QUERY_H
#define DAEMON_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_PARAMETERS 64
#define QUERY_BYTES 16384	/* a request's head is no longer */

struct query {
	size_t count;
	struct query_parameter {
		const char *name, *value;	/* value "": none was given */
	} parameters[QUERY_PARAMETERS];
	char *bytes;			/* of the caller, QUERY_BYTES of them */
};

/* query_parse -- "a=1&b=%20": + is a space.  text NULL: an empty query.
 * False: a % that no two hex digits follow, an encoded NUL, what is no UTF-8
 * when it is decoded, or more than QUERY_PARAMETERS. */
bool query_parse(struct query *q, char *bytes, const char *text);

/* The first value of a name; NULL: it is not there. */
const char *query_get(const struct query *q, const char *name);
/* The value of the name's next occurrence; *at starts as 0. */
const char *query_next(const struct query *q, const char *name, size_t *at);

/* path_decode -- a path without its query: every %XX becomes its byte.
 * False: malformed, an encoded NUL or slash, or too long for out. */
bool path_decode(const char *path, char *out, size_t size);

/* path_match -- does the path match a pattern such as "/v1/jobs/{id}:pause"?
 * {id} takes one or more characters but '/' and ':'. Its place in the path is
 * given back. */
bool path_match(const char *pattern, const char *path, const char **id_out,
		size_t *id_length_out);

/* An integer, the whole text, decimal digits with at most a sign, within the
 * bounds. */
bool number_parse(const char *text, int64_t min, int64_t max, int64_t *out);

/* Digits alone, at least one; what is above INT64_MAX counts as that. */
bool digits_parse(const char *text, size_t length, int64_t *out);

/* list_next -- the next piece of "a,b,c": its start, its length in
 * *length_out; *rest moves on and ends as NULL.  An empty text is one empty
 * piece.  NULL: there is none left. */
const char *list_next(const char **rest, size_t *length_out);

#endif
