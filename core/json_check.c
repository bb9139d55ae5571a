#include "core/json_check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

#define SLOTS 4096			/* twice the keys, a power of two */
#define PASS_KEYS (JSON_CHECK_KEYS * 3 / 4)	/* planned for one pass */
#define PASSES_MAX 96			/* for the keys of any 1 MiB, and more */

/* A key of an object that is open.  Keys are a stack: those of the innermost
 * object lie on top, and leave when it ends. */
struct key {
	uint32_t offset;		/* of its first byte in the text */
	uint16_t slot;
	uint16_t tag;			/* of its hash */
};

enum expected { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COMMA };

struct scan {
	const unsigned char *text, *at, *end;
	enum json_check_error error;
	unsigned depth;
	uint32_t objects;		/* bit d: the one at depth d is one */
	uint32_t base[JSON_CHECK_DEPTH_MAX + 1];   /* its first in keys[] */
	uint32_t seen[JSON_CHECK_DEPTH_MAX + 1];   /* how many keys it had */
	size_t open, open_max;		/* sum of seen[], and its peak */
	uint32_t passes, pass;		/* this pass takes a part of them */
	bool overflow;			/* more than keys[] holds */
	const unsigned char *long_number; /* the first */
	uint64_t seed[2];
	uint32_t keys_count, mask;
	uint16_t slots[SLOTS];		/* index in keys[] + 1; 0: empty */
	struct key keys[JSON_CHECK_KEYS];
};

static bool fail(struct scan *scan, const unsigned char *at,
		 enum json_check_error error)
{
	scan->at = at;
	scan->error = error;
	return false;
}

/* --- strings ---------------------------------------------------------------- */

static int hex_value(unsigned char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits behind \u; -1: there are none. */
static int32_t hex4(const unsigned char *at, const unsigned char *end)
{
	int32_t value = 0;

	for (int i = 0; i < 4; i++) {
		int digit = at + i < end ? hex_value(at[i]) : -1;

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static bool is_high(int32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low(int32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

/* at: the backslash.  Moves behind the escape. */
static bool scan_escape(struct scan *scan)
{
	const unsigned char *at = scan->at, *end = scan->end;
	int32_t c;

	if (at + 1 >= end)
		return fail(scan, end, JSON_CHECK_UNFINISHED);
	if (at[1] != 'u') {
		scan->at = at + 2;
		return (at[1] != '\0' && strchr("\"\\/bfnrt", at[1])) ||
		       fail(scan, at, JSON_CHECK_ESCAPE);
	}
	c = hex4(at + 2, end);
	scan->at = at + 6;
	if (c < 0)
		return fail(scan, at, JSON_CHECK_ESCAPE);
	if (c == 0)
		return fail(scan, at, JSON_CHECK_NUL);
	if (is_high(c)) {
		if (end - at < 12 || at[6] != '\\' || at[7] != 'u' ||
		    !is_low(hex4(at + 8, end)))
			return fail(scan, at, JSON_CHECK_SURROGATE);
		scan->at = at + 12;
	}
	return !is_low(c) || fail(scan, at, JSON_CHECK_SURROGATE);
}

/* The table of well-formed UTF-8 (Unicode, table 3-7) for a lead byte. */
static bool scan_utf8(struct scan *scan)
{
	const unsigned char *at = scan->at;
	unsigned char c = at[0], from = 0x80, to = 0xbf;
	size_t bytes = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c < 0xc2 || c > 0xf4 || (size_t)(scan->end - at) < bytes)
		return fail(scan, at, JSON_CHECK_UTF8);
	if (c == 0xe0)
		from = 0xa0;
	else if (c == 0xed)
		to = 0x9f;
	else if (c == 0xf0)
		from = 0x90;
	else if (c == 0xf4)
		to = 0x8f;
	if (at[1] < from || at[1] > to ||
	    (bytes > 2 && (at[2] & 0xc0) != 0x80) ||
	    (bytes > 3 && (at[3] & 0xc0) != 0x80))
		return fail(scan, at, JSON_CHECK_UTF8);
	scan->at = at + bytes;
	return true;
}

/* at: behind the opening quote.  Moves behind the closing one. */
static bool scan_string(struct scan *scan)
{
	for (;;) {
		const unsigned char *at = scan->at, *end = scan->end;

		while (at < end && *at >= ' ' && *at != '"' && *at != '\\' &&
		       *at < 0x80)
			at++;
		scan->at = at;
		if (at == end)
			return fail(scan, at, JSON_CHECK_UNFINISHED);
		if (*at == '"') {
			scan->at++;
			return true;
		}
		if (*at < ' ')
			return fail(scan, at, *at == '\0' ? JSON_CHECK_NUL
							  : JSON_CHECK_CONTROL);
		if (*at == '\\' ? !scan_escape(scan) : !scan_utf8(scan))
			return false;
	}
}

/* --- keys: what has passed scan_string() is read without doubts --------------- */

struct reader {
	const unsigned char *at;
	unsigned char rest[3];		/* of a character that was escaped */
	unsigned char rest_count;
};

static int read_escape(struct reader *r)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const unsigned char *at = r->at;
	const char *named = strchr(from, at[1]);
	int32_t c;

	if (at[1] != 'u') {
		r->at += 2;
		return named ? to[named - from] : at[1];
	}
	c = hex4(at + 2, at + 6);
	r->at += 6;
	if (is_high(c)) {
		c = 0x10000 + ((c & 0x3ff) << 10 |
			       (hex4(at + 8, at + 12) & 0x3ff));
		r->at += 6;
	}
	if (c < 0x80)
		return c;
	r->rest[r->rest_count++] = 0x80 | (c & 0x3f);
	if (c < 0x800)
		return 0xc0 | c >> 6;
	r->rest[r->rest_count++] = 0x80 | (c >> 6 & 0x3f);
	if (c < 0x10000)
		return 0xe0 | c >> 12;
	r->rest[r->rest_count++] = 0x80 | (c >> 12 & 0x3f);
	return 0xf0 | c >> 18;
}

/* The next byte of the key as it is meant; -1: its end. */
static inline int read_byte(struct reader *r)
{
	if (r->rest_count > 0)
		return r->rest[--r->rest_count];
	if (*r->at == '"')
		return -1;
	if (*r->at == '\\')
		return read_escape(r);
	return *r->at++;
}

static bool keys_equal(const unsigned char *a, const unsigned char *b)
{
	struct reader x = { .at = a }, y = { .at = b };
	int byte;

	do {
		byte = read_byte(&x);
		if (byte != read_byte(&y))
			return false;
	} while (byte >= 0);
	return true;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t key_hash(const struct scan *scan, const unsigned char *key)
{
	struct reader r = { .at = key };
	uint64_t hash = scan->seed[0], word = 0;
	unsigned bytes = 0;
	int byte;

	while ((byte = read_byte(&r)) >= 0) {
		word = word << 8 | (unsigned)byte;
		if (++bytes % 8 == 0) {
			hash = mix(hash ^ word, scan->seed[1]);
			word = 0;
		}
	}
	return mix(mix(hash ^ word, scan->seed[1]) ^ bytes,
		   UINT64_C(0x9e3779b97f4a7c15));
}

/* Does the key belong to another pass? */
static bool other_pass(const struct scan *scan, uint64_t hash)
{
	return scan->passes > 1 &&
	       ((hash >> 32) * scan->passes) >> 32 != scan->pass;
}

/* Takes a key that has been scanned into the innermost object. */
static bool add_key(struct scan *scan, const unsigned char *key)
{
	uint64_t hash = key_hash(scan, key);
	uint32_t base = scan->base[scan->depth];
	uint16_t tag = (uint16_t)(hash >> 12);
	uint32_t slot = (uint32_t)(hash + base * UINT64_C(2654435761)) &
			scan->mask;

	scan->seen[scan->depth]++;
	if (++scan->open > scan->open_max)
		scan->open_max = scan->open;
	if (other_pass(scan, hash))
		return true;
	for (; scan->slots[slot] != 0; slot = (slot + 1) & scan->mask) {
		uint32_t i = scan->slots[slot] - 1u;

		if (i >= base && scan->keys[i].tag == tag &&
		    keys_equal(scan->text + scan->keys[i].offset, key))
			return fail(scan, key - 1, JSON_CHECK_DUPLICATE);
	}
	if (scan->keys_count == JSON_CHECK_KEYS) {
		scan->overflow = true;
		return true;
	}
	scan->keys[scan->keys_count].offset = (uint32_t)(key - scan->text);
	scan->keys[scan->keys_count].slot = (uint16_t)slot;
	scan->keys[scan->keys_count].tag = tag;
	scan->slots[slot] = (uint16_t)++scan->keys_count;
	return true;
}

/* --- values ------------------------------------------------------------------ */

static const unsigned char *skip_digits(const unsigned char *at,
					const unsigned char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

static bool scan_number(struct scan *scan)
{
	const unsigned char *at = scan->at, *end = scan->end, *digits;

	at += *at == '-';
	digits = at;
	at = skip_digits(at, end);
	if (at == digits)
		goto bad;
	if (*digits == '0' && at - digits > 1)
		return fail(scan, digits + 1, JSON_CHECK_NUMBER);
	if (at < end && *at == '.') {
		digits = ++at;
		at = skip_digits(at, end);
		if (at == digits)
			goto bad;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		digits = at;
		at = skip_digits(at, end);
		if (at == digits)
			goto bad;
	}
	if (at - scan->at > JSON_CHECK_NUMBER_BYTES && !scan->long_number)
		scan->long_number = scan->at;
	scan->at = at;
	return true;
bad:
	return fail(scan, at, at == end ? JSON_CHECK_UNFINISHED
					: JSON_CHECK_NUMBER);
}

static bool scan_literal(struct scan *scan, const char *word)
{
	for (; *word; word++, scan->at++) {
		if (scan->at == scan->end)
			return fail(scan, scan->at, JSON_CHECK_UNFINISHED);
		if (*scan->at != (unsigned char)*word)
			return fail(scan, scan->at, JSON_CHECK_SYNTAX);
	}
	return true;
}

static bool enter(struct scan *scan, bool object)
{
	if (scan->depth == JSON_CHECK_DEPTH_MAX)
		return fail(scan, scan->at, JSON_CHECK_DEPTH);
	scan->at++;
	scan->depth++;
	scan->objects &= ~(UINT32_C(1) << (scan->depth - 1));
	scan->objects |= (uint32_t)object << (scan->depth - 1);
	scan->base[scan->depth] = scan->keys_count;
	scan->seen[scan->depth] = 0;
	return true;
}

static bool in_object(const struct scan *scan)
{
	return scan->depth > 0 && scan->objects >> (scan->depth - 1) & 1;
}

/* Emptying slots in the reverse order of filling them leaves the table as it
 * was before, so no probe is ever cut short. */
static void leave(struct scan *scan)
{
	scan->at++;
	while (scan->keys_count > scan->base[scan->depth])
		scan->slots[scan->keys[--scan->keys_count].slot] = 0;
	scan->open -= scan->seen[scan->depth];
	scan->depth--;
}

static bool scan_value(struct scan *scan, enum expected *next)
{
	*next = COMMA;
	switch (*scan->at) {
	case '{':
		*next = KEY_OR_END;
		return enter(scan, true);
	case '[':
		*next = VALUE_OR_END;
		return enter(scan, false);
	case '"':
		scan->at++;
		return scan_string(scan);
	case 't':
		return scan_literal(scan, "true");
	case 'f':
		return scan_literal(scan, "false");
	case 'n':
		return scan_literal(scan, "null");
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return scan_number(scan);
	case '\0':
		return fail(scan, scan->at, JSON_CHECK_NUL);
	default:
		return fail(scan, scan->at, JSON_CHECK_SYNTAX);
	}
}

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' ||
		*scan->at == '\r'))
		scan->at++;
}

/* A key, and the colon behind it. */
static bool scan_key(struct scan *scan)
{
	const unsigned char *key = ++scan->at;

	if (!scan_string(scan) || !add_key(scan, key))
		return false;
	skip_blanks(scan);
	if (scan->at == scan->end)
		return fail(scan, scan->at, JSON_CHECK_UNFINISHED);
	if (*scan->at != ':')
		return fail(scan, scan->at, JSON_CHECK_SYNTAX);
	scan->at++;
	return true;
}

/* One token, blanks skipped, the end not reached. */
static bool scan_token(struct scan *scan, enum expected *next)
{
	unsigned char c = *scan->at, end = in_object(scan) ? '}' : ']';

	switch (*next) {
	case VALUE_OR_END:
	case KEY_OR_END:
		if (c == end) {
			leave(scan);
			*next = COMMA;
			return true;
		}
		if (*next == VALUE_OR_END)
			return scan_value(scan, next);
		/* fall through */
	case KEY:
		*next = VALUE;
		return c == '"' ? scan_key(scan)
				: fail(scan, scan->at, c ? JSON_CHECK_SYNTAX
							 : JSON_CHECK_NUL);
	case VALUE:
		return scan_value(scan, next);
	case COMMA:
		break;
	}
	if (scan->depth == 0)
		return fail(scan, scan->at, JSON_CHECK_TRAILING);
	if (c == end) {
		leave(scan);
		return true;
	}
	if (c != ',')
		return fail(scan, scan->at,
			    c ? JSON_CHECK_SYNTAX : JSON_CHECK_NUL);
	scan->at++;
	*next = in_object(scan) ? KEY : VALUE;
	return true;
}

/* One pass over the whole text. */
static bool scan_text(struct scan *scan)
{
	enum expected next = VALUE;

	scan->at = scan->text;
	scan->error = JSON_CHECK_OK;
	scan->depth = 0;
	scan->open = 0;
	scan->keys_count = 0;
	scan->overflow = false;
	memset(scan->slots, 0, (scan->mask + 1) * sizeof(*scan->slots));
	for (;;) {
		skip_blanks(scan);
		if (scan->at == scan->end)
			break;
		if (!scan_token(scan, &next))
			return false;
	}
	if (next == COMMA && scan->depth == 0)
		return true;
	return fail(scan, scan->at, next == VALUE && scan->depth == 0
					    ? JSON_CHECK_EMPTY
					    : JSON_CHECK_UNFINISHED);
}

/* The text is well-formed but has too many keys for one pass: compares them
 * part by part, and finds the first key that was there before. */
static bool scan_parts(struct scan *scan)
{
	const unsigned char *first = NULL;

	scan->passes = (uint32_t)(scan->open_max / PASS_KEYS + 1);
	if (scan->passes > PASSES_MAX)
		return fail(scan, scan->text, JSON_CHECK_TOO_LARGE);
	for (; scan->passes <= 2 * PASSES_MAX; scan->passes *= 2) {
		bool overflow = false;

		for (scan->pass = 0; scan->pass < scan->passes; scan->pass++) {
			if (!scan_text(scan) && (!first || scan->at < first))
				first = scan->at;
			overflow |= scan->overflow;
		}
		if (first)
			return fail(scan, first, JSON_CHECK_DUPLICATE);
		if (!overflow)
			return true;
	}
	return fail(scan, scan->text, JSON_CHECK_TOO_LARGE);
}

/* --- the whole --------------------------------------------------------------- */

/* The table need not be larger than the text can have keys: `"":0,` */
static uint32_t slots_for(size_t bytes)
{
	uint32_t slots = 16;

	while (slots < SLOTS && slots < bytes / 5 * 2 + 2)
		slots *= 2;
	return slots;
}

static void find_place(const struct scan *scan, struct json_check_place *out)
{
	out->offset = (size_t)(scan->at - scan->text);
	out->line = out->column = 1;
	for (const unsigned char *s = scan->text; s < scan->at; s++) {
		if (*s == '\n') {
			out->line++;
			out->column = 1;
		} else if ((*s & 0xc0) != 0x80) {
			out->column++;
		}
	}
}

enum json_check_error json_check(const char *text, size_t bytes,
				 struct json_check_place *place_out)
{
	const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
	struct scan scan;
	bool good;

	scan.text = scan.at = (const unsigned char *)text;
	scan.end = scan.text + bytes;
	scan.mask = slots_for(bytes) - 1;
	scan.passes = 1;
	scan.pass = 0;
	scan.open_max = 0;
	scan.long_number = NULL;
	scan.objects = 0;
	scan.seed[0] = 0;
	scan.seed[1] = UINT64_C(0xa0761d6478bd642f);
	if (random)
		memcpy(scan.seed, random, sizeof(scan.seed));
	scan.seed[1] |= 1;
	if (bytes > UINT32_MAX)
		good = fail(&scan, scan.text, JSON_CHECK_TOO_LARGE);
	else
		good = scan_text(&scan) && (!scan.overflow || scan_parts(&scan));
	if (good && scan.long_number)
		good = fail(&scan, scan.long_number, JSON_CHECK_LONG_NUMBER);
	if (good)
		return JSON_CHECK_OK;
	if (place_out)
		find_place(&scan, place_out);
	return scan.error;
}

const char *json_check_text(enum json_check_error error)
{
	switch (error) {
	case JSON_CHECK_OK:
		return "the text is JSON";
	case JSON_CHECK_EMPTY:
		return "there is no JSON value";
	case JSON_CHECK_UNFINISHED:
		return "the text ends before the value does";
	case JSON_CHECK_SYNTAX:
		return "this character has no place here";
	case JSON_CHECK_NUMBER:
		return "this is not a JSON number";
	case JSON_CHECK_DEPTH:
		return "the value is nested deeper than 32 levels";
	case JSON_CHECK_UTF8:
		return "this is not valid UTF-8";
	case JSON_CHECK_NUL:
		return "the character U+0000 is not allowed";
	case JSON_CHECK_CONTROL:
		return "a control character in a string must be escaped";
	case JSON_CHECK_ESCAPE:
		return "there is no such escape";
	case JSON_CHECK_SURROGATE:
		return "this surrogate is without its other half";
	case JSON_CHECK_DUPLICATE:
		return "this key is in the object already";
	case JSON_CHECK_TRAILING:
		return "something stands behind the value";
	case JSON_CHECK_TOO_LARGE:
		return "the text is too large to be checked";
	case JSON_CHECK_LONG_NUMBER:
		return "this number has more than 63 characters";
	case JSON_CHECK_ERRORS:
		break;
	}
	return "unknown error";
}
