#include "daemon/headers.h"

#include "daemon/query.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	bool single;		/* two of them make the message malformed */
} header_table[HEADERS] = {
	[HEADER_ACCEPT] = { "Accept", false },
	[HEADER_ACCEPT_ENCODING] = { "Accept-Encoding", false },
	[HEADER_ACCESS_CONTROL_REQUEST_METHOD] =
		{ "Access-Control-Request-Method", false },
	[HEADER_AUTHORIZATION] = { "Authorization", true },
	[HEADER_CONNECTION] = { "Connection", false },
	[HEADER_CONTENT_ENCODING] = { "Content-Encoding", false },
	[HEADER_CONTENT_LENGTH] = { "Content-Length", true },
	[HEADER_CONTENT_TYPE] = { "Content-Type", true },
	[HEADER_EXPECT] = { "Expect", false },
	[HEADER_HOST] = { "Host", true },
	[HEADER_IDEMPOTENCY_KEY] = { "Idempotency-Key", false },
	[HEADER_IF_MATCH] = { "If-Match", false },
	[HEADER_IF_NONE_MATCH] = { "If-None-Match", false },
	[HEADER_LAST_EVENT_ID] = { "Last-Event-ID", false },
	[HEADER_ORIGIN] = { "Origin", true },
	[HEADER_PREFER] = { "Prefer", false },
	[HEADER_REQUEST_ID] = { "Request-Id", false },
	[HEADER_SEC_FETCH_MODE] = { "Sec-Fetch-Mode", false },
	[HEADER_SEC_FETCH_SITE] = { "Sec-Fetch-Site", true },
	[HEADER_TRANSFER_ENCODING] = { "Transfer-Encoding", true },
	[HEADER_X_API_KEY] = { "X-Api-Key", true },
};

void headers_clear(struct headers *h)
{
	h->count = 0;
	memset(h->times, 0, sizeof(h->times));
}

void headers_add(struct headers *h, const char *name, const char *value)
{
	for (int i = 0; i < HEADERS; i++) {
		const char *known = header_table[i].name;

		if (((known[0] ^ name[0]) & ~0x20) != 0 ||
		    strcasecmp(known, name) != 0)
			continue;
		if (h->count < HEADER_LINES)
			h->lines[h->count++] =
				(struct header_line){ (enum header)i, value };
		h->times[i] += h->times[i] < 255;
		return;
	}
}

const char *header_next(const struct headers *h, enum header header, size_t *at)
{
	if (h->times[header] == 0)
		return NULL;
	while (*at < h->count) {
		const struct header_line *line = &h->lines[(*at)++];

		if (line->header == header)
			return line->value;
	}
	return NULL;
}

const char *header_get(const struct headers *h, enum header header)
{
	size_t at = 0;

	return header_next(h, header, &at);
}

/* --- framing ------------------------------------------------------------------ */

static struct framing malformed(const char *detail)
{
	return (struct framing){ .status = 400, .detail = detail };
}

static const char *const doubled[HEADERS] = {
	[HEADER_AUTHORIZATION] = "There are two Authorization headers.",
	[HEADER_CONTENT_LENGTH] = "There are two Content-Length headers.",
	[HEADER_CONTENT_TYPE] = "There are two Content-Type headers.",
	[HEADER_HOST] = "There are two Host headers.",
	[HEADER_ORIGIN] = "There are two Origin headers.",
	[HEADER_SEC_FETCH_SITE] = "There are two Sec-Fetch-Site headers.",
	[HEADER_TRANSFER_ENCODING] = "There are two Transfer-Encoding headers.",
	[HEADER_X_API_KEY] = "There are two X-Api-Key headers.",
};

/* Digits only: no sign, no list, no overflow. */
static bool length_parse(const char *text, int64_t *out)
{
	return text[strspn(text, "0123456789")] == '\0' &&
	       number_parse(text, 0, INT64_MAX, out);
}

struct framing headers_framing(const struct headers *h)
{
	const char *length = header_get(h, HEADER_CONTENT_LENGTH);
	const char *encoding = header_get(h, HEADER_TRANSFER_ENCODING);
	struct framing f = { 0 };

	for (int i = 0; i < HEADERS; i++)
		if (header_table[i].single && h->times[i] > 1)
			return malformed(doubled[i]);
	if (h->times[HEADER_HOST] == 0)
		return malformed("There is no Host header.");
	if (encoding && strcasecmp(encoding, "chunked") != 0)
		return malformed("This Transfer-Encoding is not known here.");
	if (encoding && length)
		return malformed("Content-Length stands beside "
				 "Transfer-Encoding.");
	if (length && !length_parse(length, &f.length))
		return malformed("Content-Length is not a number of bytes.");
	if (encoding) {
		f.status = 411;
		f.detail = "A body needs a Content-Length; chunks are not "
			   "taken.";
	}
	return f;
}

/* --- values -------------------------------------------------------------------- */

bool word_is_plain(const char *text, size_t length, size_t max)
{
	if (length < 1 || length > max)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    !memchr("_.:-", text[i], 4))
			return false;
	return true;
}

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* Does the text begin with this word, in any case, and end there? */
static bool word_begins(const char *text, const char *word, const char *ends)
{
	size_t length = strlen(word);

	return strncasecmp(text, word, length) == 0 &&
	       (text[length] == '\0' || strchr(ends, text[length]));
}

bool media_type_is(const char *value, const char *type)
{
	return value && word_begins(skip_space(value), type, "; \t");
}

/* Is there "q=0", "q=0.0"... among the parameters of this list item? */
static bool quality_is_zero(const char *item, size_t length)
{
	for (size_t i = 0; i + 3 < length; i++) {
		if (item[i] != ';')
			continue;
		i += 1 + strspn(item + i + 1, " \t");
		if (i + 2 < length && (item[i] | 0x20) == 'q' &&
		    item[i + 1] == '=') {
			size_t n = strspn(item + i + 2, "0.");

			return n > 0 && !isdigit((unsigned char)item[i + 2 + n]);
		}
		i--;
	}
	return false;
}

static bool list_accepts(const struct headers *h, enum header header,
			 const char *word)
{
	const char *line, *item;
	size_t at = 0, length;

	while ((line = header_next(h, header, &at)))
		while ((item = list_next(&line, &length))) {
			size_t space = strspn(item, " \t");

			if (word_begins(item + space, word, "; \t,") &&
			    !quality_is_zero(item, length))
				return true;
		}
	return false;
}

bool accepts_event_stream(const struct headers *h)
{
	return list_accepts(h, HEADER_ACCEPT, "text/event-stream");
}

bool accepts_gzip(const struct headers *h)
{
	return list_accepts(h, HEADER_ACCEPT_ENCODING, "gzip");
}

bool idempotency_key_parse(const struct headers *h,
			   char out[IDEMPOTENCY_KEY_BYTES + 1])
{
	const char *value = header_get(h, HEADER_IDEMPOTENCY_KEY);
	size_t length = value ? strlen(value) : 0;

	if (h->times[HEADER_IDEMPOTENCY_KEY] != 1)
		return false;
	while (length > 0 && strchr(" \t", value[length - 1]))
		length--;
	if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
		value++;
		length -= 2;
	}
	if (!word_is_plain(value, length, IDEMPOTENCY_KEY_BYTES))
		return false;
	memcpy(out, value, length);
	out[length] = '\0';
	return true;
}

/* One tag of a list: its opaque part with its quotes.  Returns what follows;
 * NULL at the end or where the list is malformed. */
static const char *tag_next(const char *s, const char **tag, size_t *length)
{
	const char *end;

	s += strspn(s, " \t,");
	if (strncmp(s, "W/", 2) == 0)
		s += 2;
	end = *s == '"' ? strchr(s + 1, '"') : NULL;
	if (!end)
		return NULL;
	*tag = s;
	*length = (size_t)(end + 1 - s);
	return end + 1;
}

bool etag_names(const struct headers *h, enum header header, const char *wanted)
{
	const char *line, *tag;
	size_t at = 0, length;

	if (strncmp(wanted, "W/", 2) == 0)
		wanted += 2;
	while ((line = header_next(h, header, &at))) {
		if (strcmp(skip_space(line), "*") == 0)
			return true;
		while ((line = tag_next(line, &tag, &length)))
			if (length == strlen(wanted) &&
			    memcmp(tag, wanted, length) == 0)
				return true;
	}
	return false;
}

bool etag_matches(const struct headers *h, enum header header, uint32_t version)
{
	char tag[16], digits[12];
	size_t n = 0, length = 0;

	if (h->times[header] == 0)
		return false;
	do
		digits[n++] = (char)('0' + version % 10);
	while (version /= 10);
	tag[length++] = '"';
	while (n > 0)
		tag[length++] = digits[--n];
	tag[length++] = '"';
	tag[length] = '\0';
	return etag_names(h, header, tag);
}

static bool same_text(const char *a, size_t a_length, const char *b,
		      size_t b_length)
{
	return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

/* "wait=20", "wait = \"20\"": the text between, its length in *value_length;
 * NULL: another preference, or it has no value. */
static const char *preference_value(const char *item, size_t length,
				    const char *name, size_t *value_length)
{
	size_t n = strspn(item, " \t"), name_length = strlen(name);
	size_t end;

	if (n + name_length > length ||
	    strncasecmp(item + n, name, name_length) != 0)
		return NULL;
	n += name_length;
	n += strspn(item + n, " \t");
	if (n >= length || item[n] != '=')
		return NULL;
	n += 1 + strspn(item + n + 1, " \t\"");
	for (end = n; end < length && !strchr("; \t\"", item[end]);)
		end++;
	*value_length = end - n;
	return item + n;
}

struct prefer prefer_parse(const struct headers *h)
{
	struct prefer p = { .wait_s = -1 };
	bool handling = false;
	const char *line, *item, *value;
	size_t at = 0, length, n;

	while ((line = header_next(h, HEADER_PREFER, &at)))
		while ((item = list_next(&line, &length))) {
			/* of two the first holds */
			value = preference_value(item, length, "handling", &n);
			if (value && !handling) {
				handling = true;
				p.strict = same_text(value, n, "strict", 6);
			}
			value = preference_value(item, length, "wait", &n);
			if (value && p.wait_s < 0 &&
			    !digits_parse(value, n, &p.wait_s))
				p.wait_s = -1;
		}
	return p;
}

/* --- who asks --------------------------------------------------------------------- */

/* The length of a host without its port. */
static size_t host_length(const char *host, size_t length)
{
	size_t n = length;

	while (n > 0 && isdigit((unsigned char)host[n - 1]))
		n--;
	return n > 0 && host[n - 1] == ':' ? n - 1 : length;
}

/* A list's item without the space around it. */
static const char *list_item(const char **rest, size_t *length_out)
{
	const char *item = list_next(rest, length_out);

	while (item && *length_out > 0 && strchr(" \t", *item)) {
		item++;
		(*length_out)--;
	}
	while (item && *length_out > 0 && strchr(" \t", item[*length_out - 1]))
		(*length_out)--;
	return item;
}

bool host_listed(const char *host, const char *list)
{
	size_t whole = strlen(host), bare = host_length(host, whole), length;
	const char *item;

	while ((item = list_item(&list, &length)))
		if (length > 0 && (same_text(host, whole, item, length) ||
				   same_text(host, bare, item, length)))
			return true;
	return false;
}

bool host_is_address(const char *host)
{
	size_t bare = host_length(host, strlen(host));
	int dots = 0;

	for (size_t i = 0; i < bare; i++) {
		dots += host[i] == '.';
		if (host[i] != '.' && !isdigit((unsigned char)host[i]))
			return false;
	}
	return dots == 3;
}

bool host_is_sane(const char *host)
{
	return *host && strlen(host) <= 255 &&
	       host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-_:[]")] == '\0';
}

/* What follows "http://" or "https://"; NULL: neither. */
static const char *after_scheme(const char *url)
{
	if (strncasecmp(url, "http://", 7) == 0)
		return url + 7;
	return strncasecmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

bool origin_is_host(const char *origin, const char *host)
{
	const char *rest = after_scheme(origin);

	return rest && strcasecmp(rest, host) == 0;
}

bool origin_is_url(const char *origin, const char *url)
{
	const char *rest = after_scheme(url);
	size_t length;

	if (!rest)
		return false;
	length = (size_t)(rest - url) + strcspn(rest, "/?#");
	return same_text(origin, strlen(origin), url, length);
}

bool origin_listed(const char *origin, const char *list)
{
	size_t length;
	const char *item;

	while ((item = list_item(&list, &length)))
		if (length > 0 && same_text(origin, strlen(origin), item,
					    length))
			return true;
	return false;
}
