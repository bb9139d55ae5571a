/* reply.h -- an answer before it is sent, and its bytes.
 *
 * Pure: a route fills a reply, reply_write makes the one buffer that goes
 * out in one write. */
#ifndef DAEMON_REPLY_H
#define DAEMON_REPLY_H

#include "daemon/text.h"

struct reply {
	int status;
	const char *type;		/* of the body; NULL: there is none */
	struct text head;		/* further lines, each with CRLF */
	struct text body;
	const void *bytes;		/* instead of the body, if not NULL */
	size_t bytes_length;
};

void reply_free(struct reply *r);
void reply_clear(struct reply *r);	/* keeps the memory */

#define REPLY_JSON "application/json"
#define REPLY_PROBLEM "application/problem+json"

void reply_header(struct reply *r, const char *name, const char *value);
void reply_header_int(struct reply *r, const char *name, int64_t value);

/* reply_problem -- an RFC 9457 problem, instead of whatever the body was.
 * detail is a sentence.  Members beyond may be added before
 * reply_problem_end, each as `,"name":value`. */
void reply_problem(struct reply *r, int status, const char *code,
		   const char *detail, ...)
	__attribute__((format(printf, 4, 5)));
struct text *reply_problem_begin(struct reply *r, int status,
				 const char *code, const char *detail);
void reply_problem_end(struct reply *r);

/* "Not Found"; a phrase for every status that we use. */
const char *reply_phrase(int status);

struct reply_frame {
	const char *request_id;
	const char *cache_control;
	const char *date;		/* an HTTP date */
	bool keep_alive;
	bool head_only;			/* HEAD: the length, not the body */
};
/* reply_write -- appends the whole message.  False: no memory. */
bool reply_write(const struct reply *r, const struct reply_frame *frame,
		 struct text *out);
/* Only the head, of a body that is still to come and ends with the
 * connection. */
bool reply_write_stream_head(const struct reply *r,
			     const struct reply_frame *frame,
			     struct text *out);

#endif
