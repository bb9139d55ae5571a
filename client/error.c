#include "client/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERR_MAP(X)                                                             \
	X(HG_OK, "success")                                                    \
	X(HG_EINVAL, "an argument is wrong")                                   \
	X(HG_ENOMEM, "out of memory or of descriptors")                        \
	X(HG_ETIMEDOUT, "the deadline passed first")                           \
	X(HG_EINTERRUPTED, "interrupted")                                      \
	X(HG_ENETWORK, "the server cannot be reached")                         \
	X(HG_EUNAVAILABLE, "the server is not available")                      \
	X(HG_ERATELIMIT, "the server asks to slow down")                       \
	X(HG_ECIRCUIT, "too many failures in a row, not tried")                \
	X(HG_EAUTH, "the API key is missing or not accepted")                  \
	X(HG_ENOTFOUND, "no such job")                                         \
	X(HG_EGONE, "the job was removed")                                     \
	X(HG_ESTATE, "not allowed in the state the job is in")                 \
	X(HG_EREJECTED, "the server does not accept the request")              \
	X(HG_EPROTOCOL, "the server's answer makes no sense")                  \
	X(HG_EUNSUPPORTED, "the server cannot do this")                        \
	X(HG_EPARTIAL, "some of the jobs could not be followed")

const char *hg_strerror(hg_err e)
{
	switch (e) {
#define X(code, text)                                                          \
	case code:                                                             \
		return text;
		ERR_MAP(X)
#undef X
	}
	return "unknown error";
}

void hg__error_clear(struct hg__error *e)
{
	e->message[0] = '\0';
	e->code[0] = '\0';
	e->request_id[0] = '\0';
	e->http_status = 0;
	e->tries = 0;
	e->retry_after_ms = -1;
}

void hg__copy_text(char *to, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++) {
		unsigned char ch = (unsigned char)*text;

		to[n++] = ch < 0x20 || ch == 0x7f ? ' ' : *text;
	}
	if (*text)		/* cut: back to the start of a character */
		while (n && ((unsigned char)*text & 0xc0) == 0x80)
			text--, n--;
	to[n] = '\0';
}

hg_err hg__error_say(struct hg__error *e, hg_err err, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	hg__copy_text(e->message, sizeof(e->message), text);
	return err;
}

const char *hg_error_message(const hg_client *c)
{
	return c ? c->error.message : "";
}

const char *hg_error_code(const hg_client *c)
{
	return c && c->error.code[0] ? c->error.code : NULL;
}

const char *hg_error_request_id(const hg_client *c)
{
	return c && c->error.request_id[0] ? c->error.request_id : NULL;
}

int hg_error_http_status(const hg_client *c)
{
	return c ? c->error.http_status : 0;
}

int hg_error_tries(const hg_client *c)
{
	return c ? c->error.tries : 0;
}

int64_t hg_error_retry_after_ms(const hg_client *c)
{
	return c ? c->error.retry_after_ms : -1;
}
