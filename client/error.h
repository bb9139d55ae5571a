/* error.h -- the details of a client's last failure, and the log.
 *
 * Fixed room, so that telling of a failure can never fail. */
#ifndef CLIENT_ERROR_H
#define CLIENT_ERROR_H

#include "client/heygen-client.h"

struct hg__error {
	char message[512];
	char code[64];		/* "": the server sent none */
	char request_id[129];
	int http_status;
	int tries;
	int64_t retry_after_ms;
};

void hg__error_clear(struct hg__error *e);

/* hg__error_say -- writes the sentence, cut where the room ends (never inside a
 * character), and returns err. */
hg_err hg__error_say(struct hg__error *e, hg_err err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* hg__copy_text -- what of text fits, without control characters and never
 * half a UTF-8 character. */
void hg__copy_text(char *to, size_t size, const char *text);

#endif
