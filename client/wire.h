/* wire.h -- JSON to job and back.
 *
 * Every text from a server passes the strict check of core/json_check.h before
 * anything here looks at it; parts of a text that was checked are passed on as
 * slices, never copied.  No I/O, no clock. */
#ifndef CLIENT_WIRE_H
#define CLIENT_WIRE_H

#include "client/buf.h"
#include "client/heygen-client.h"

#include <stdbool.h>

struct hg__slice {
	const char *at;
	size_t len;
};

/* What one answer says of a job.  Text is NULL, a number -1 where it is silent. */
struct hg__view {
	char *id, *title, *stage, *result_url, *language;
	char *error_code, *error_message;
	char *json;		/* the whole of it */
	hg_state state;
	hg_result result;
	bool strange;		/* `result` is a word we do not know */
	bool missing;		/* bulk status: "not_found" */
	bool gone;		/* bulk status: removed; result may still be known */
	bool has_result;
	bool eta_null;		/* the server says that there is no estimate */
	double progress;
	int64_t remaining_ms, estimated_completion_at;
	int64_t submitted_at, finished_at;
	int64_t version;
	int32_t priority, attempt;
};

void hg__view_free(struct hg__view *v);		/* what it holds, not itself */

/* What an error answer says. */
struct hg__problem {
	char code[64];
	char detail[320];	/* with the first field it names */
	bool has_result;	/* a 410: how the removed job ended */
	hg_result result;
	hg_state state;
	int64_t finished_at;
};

/* hg__wire_check -- HG_OK: the text is one strict JSON object.  HG_EPROTOCOL. */
hg_err hg__wire_check(const char *text, size_t len);

/* hg__wire_member -- the value of a key of a checked object; false: not there.
 * Keys are compared as they are written: `key` needs no escapes.
 * hg__wire_next -- walks a checked array: *rest starts as the array itself.
 * false: no more, or it is no array. */
bool hg__wire_member(struct hg__slice object, const char *key,
		     struct hg__slice *value_out);
bool hg__wire_next(struct hg__slice *rest, struct hg__slice *item_out);

/* hg__wire_job -- one job, or the answer of a plain /status.  HG_EPROTOCOL: no
 * object, or `result` is missing or not text.  HG_ENOMEM.  view_out is written
 * on success only. */
hg_err hg__wire_job(struct hg__slice text, struct hg__view *view_out);

/* hg__wire_problem -- whatever an error's body says, which may be anything. */
void hg__wire_problem(const char *text, size_t len, struct hg__problem *out);

/* hg__wire_text -- a text member into room of yours; false: none, or too long.
 * hg__wire_integer -- an integer member; false: none. */
bool hg__wire_text(struct hg__slice object, const char *key, char *to, size_t size);
bool hg__wire_integer(struct hg__slice object, const char *key, int64_t *out);

/* hg__wire_request -- a submission as JSON.  HG_EINVAL: a value out of range,
 * not UTF-8, or not finite.  HG_ENOMEM is left to b->failed. */
hg_err hg__wire_request(struct hg__buf *b, const hg_request *r);

/* hg__wire_time -- RFC 3339 as Unix ms; -1: it is none.
 * hg__wire_put_time -- and back, in UTC, without quotes. */
int64_t hg__wire_time(const char *text);
void hg__wire_put_time(struct hg__buf *b, int64_t unix_ms);

/* hg__utf8_ok -- valid UTF-8 without NUL.  hg__id_ok -- 1 to 255 bytes of it
 * without control characters. */
bool hg__utf8_ok(const char *text);
bool hg__id_ok(const char *id);

#endif
