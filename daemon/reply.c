#include "daemon/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reply_free(struct reply *r)
{
	text_free(&r->head);
	text_free(&r->body);
}

void reply_clear(struct reply *r)
{
	r->status = 200;
	r->type = NULL;
	r->bytes = NULL;
	r->bytes_length = 0;
	text_clear(&r->head);
	text_clear(&r->body);
}

const char *reply_phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 411: return "Length Required";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 417: return "Expectation Failed";
	case 421: return "Misdirected Request";
	case 422: return "Unprocessable Content";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	}
	return "Unknown";
}

void reply_header(struct reply *r, const char *name, const char *value)
{
	text_add(&r->head, name);
	text_literal(&r->head, ": ");
	text_add(&r->head, value);
	text_literal(&r->head, "\r\n");
}

void reply_header_int(struct reply *r, const char *name, int64_t value)
{
	text_add(&r->head, name);
	text_literal(&r->head, ": ");
	text_int(&r->head, value);
	text_literal(&r->head, "\r\n");
}

/* --- problems --------------------------------------------------------------------- */

struct text *reply_problem_begin(struct reply *r, int status,
				 const char *code, const char *detail)
{
	struct text *t = &r->body;

	r->status = status;
	r->type = REPLY_PROBLEM;
	r->bytes = NULL;
	text_clear(t);
	text_literal(t, "{\"type\":\"about:blank\",\"title\":");
	text_json_string(t, reply_phrase(status));
	text_literal(t, ",\"status\":");
	text_int(t, status);
	text_literal(t, ",\"detail\":");
	text_json_string(t, detail);
	text_literal(t, ",\"code\":");
	text_json_string(t, code);
	return t;
}

void reply_problem_end(struct reply *r)
{
	text_char(&r->body, '}');
}

void reply_problem(struct reply *r, int status, const char *code,
		   const char *detail, ...)
{
	char sentence[512];
	va_list args;

	va_start(args, detail);
	vsnprintf(sentence, sizeof(sentence), detail, args);
	va_end(args);
	reply_problem_begin(r, status, code, sentence);
	reply_problem_end(r);
}

/* --- the message ----------------------------------------------------------------------- */

static void add_line(struct text *out, const char *name, const char *value)
{
	text_add(out, name);
	text_add(out, value);
	text_literal(out, "\r\n");
}

static void add_head(const struct reply *r, const struct reply_frame *frame,
		     struct text *out)
{
	text_literal(out, "HTTP/1.1 ");
	text_int(out, r->status);
	text_char(out, ' ');
	add_line(out, reply_phrase(r->status), "");
	add_line(out, "Date: ", frame->date);
	if (frame->request_id)
		add_line(out, "Request-Id: ", frame->request_id);
	if (frame->cache_control)
		add_line(out, "Cache-Control: ", frame->cache_control);
	if (!frame->keep_alive)
		text_literal(out, "Connection: close\r\n");
	if (r->type)
		add_line(out, "Content-Type: ", r->type);
	text_put(out, r->head.data, r->head.length);
}

bool reply_write(const struct reply *r, const struct reply_frame *frame,
		 struct text *out)
{
	const void *body = r->bytes ? r->bytes : r->body.data;
	size_t length = r->bytes ? r->bytes_length : r->body.length;

	if (r->head.failed || (!r->bytes && r->body.failed))
		return false;
	add_head(r, frame, out);
	if (r->status != 204 && r->status != 304) {
		text_literal(out, "Content-Length: ");
		text_int(out, (int64_t)length);
		text_literal(out, "\r\n");
	}
	text_literal(out, "\r\n");
	if (!frame->head_only && r->status != 204 && r->status != 304)
		text_put(out, body, length);
	return !out->failed;
}

bool reply_write_stream_head(const struct reply *r,
			     const struct reply_frame *frame, struct text *out)
{
	if (r->head.failed)
		return false;
	add_head(r, frame, out);
	text_literal(out, "\r\n");
	return !out->failed;
}
