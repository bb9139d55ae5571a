/* json_check.h -- is this text JSON that everybody reads alike?
 *
 * One linear pass without recursion and without allocation, to be made before
 * a more generous parser sees the text.  Accepts what RFC 8259 does, less: a
 * BOM, nesting deeper than JSON_CHECK_DEPTH_MAX, U+0000, lone surrogates and
 * two equal keys in one object ("a" and "\u0061" are equal); and numbers of
 * more characters than some parsers take.
 *
 * Keys are compared in a table of fixed size on the stack (24 KiB in all).
 * Only where more than JSON_CHECK_KEYS keys stand in the objects open at one
 * place (an object, and those around it), further passes compare them part by
 * part: one for each 1536 such keys, at most 96, which is enough for any text
 * of 1 MiB.  Should chance put too many keys into one part, then all again in
 * twice as many, up to 192: fewer than 384 passes in all.  The hash is seeded
 * by the kernel, so nobody can write a text whose keys collide.
 *
 * Includes nothing of ours: the client library is built with it as well.  Any
 * thread may call it. */
#ifndef CORE_JSON_CHECK_H
#define CORE_JSON_CHECK_H

#include <stddef.h>

#define JSON_CHECK_DEPTH_MAX 32		/* arrays and objects in each other */
#define JSON_CHECK_KEYS 2048
#define JSON_CHECK_NUMBER_BYTES 63	/* what cJSON 1.7.15 takes */

enum json_check_error {
	JSON_CHECK_OK,
	JSON_CHECK_EMPTY,	/* no value at all */
	JSON_CHECK_UNFINISHED,	/* the text ends inside the value */
	JSON_CHECK_SYNTAX,	/* something else stands where this does */
	JSON_CHECK_NUMBER,
	JSON_CHECK_DEPTH,
	JSON_CHECK_UTF8,
	JSON_CHECK_NUL,		/* U+0000, raw or escaped */
	JSON_CHECK_CONTROL,	/* a raw control character in a string */
	JSON_CHECK_ESCAPE,
	JSON_CHECK_SURROGATE,
	JSON_CHECK_DUPLICATE,
	JSON_CHECK_TRAILING,	/* something stands behind the value */
	JSON_CHECK_TOO_LARGE,	/* 4 GiB, or 147 456 keys open at one place */
	JSON_CHECK_LONG_NUMBER,	/* and nothing else is wrong in the text */
	JSON_CHECK_ERRORS
};

struct json_check_place {
	size_t offset;		/* in bytes, from 0 */
	size_t line, column;	/* from 1; columns are characters */
};

/* json_check -- looks at exactly `bytes` bytes.  place_out, where the trouble
 * is, is touched on failure only; NULL is fine. */
enum json_check_error json_check(const char *text, size_t bytes,
				 struct json_check_place *place_out);

/* A sentence without its full stop; never NULL. */
const char *json_check_text(enum json_check_error error);

#endif
