/* body.h -- the JSON of a request, turned into what the engine takes.
 *
 * Pure: knows neither HTTP nor the engine's thread.  A body is checked in
 * three steps: it is JSON that everybody reads alike (core/json_check), its
 * top level is an object, and each field has its type and range.  All
 * complaints about fields are gathered, so that a client can mend them at
 * once. */
#ifndef DAEMON_BODY_H
#define DAEMON_BODY_H

#include "daemon/engine.h"
#include "daemon/text.h"

#include <cjson/cJSON.h>

#define BATCH_JOBS_MAX 1000
#define BULK_IDS_MAX 1000

struct complaints {		/* zero: none */
	int status;		/* 400 or 422; 0: there are none */
	const char *code;	/* malformed_json, invalid_field, ... */
	struct text errors;	/* {"field":"...","message":"..."},... */
	struct text detail;	/* a sentence */
	size_t count;
};
void complaints_free(struct complaints *c);

/* body_parse -- the object that the text is, for cJSON_Delete.  NULL: the
 * complaint says why not, or there was no memory: none, and errors.failed. */
cJSON *body_parse(const char *text, size_t length, struct complaints *c);

struct submissions {		/* borrows texts from the parsed body */
	size_t count;
	struct submission *items;
	struct simulate *simulate;	/* one an item */
	char **tags;			/* one an item, or NULL */
};
/* Of {...} and of {"jobs":[...]}.  strict: unknown fields are complained
 * about.  False: see the complaints, or no memory.  Free in any case. */
bool submissions_of_job(const cJSON *body, bool strict,
			struct submissions *out, struct complaints *c);
bool submissions_of_batch(const cJSON *body, bool strict,
			  struct submissions *out, struct complaints *c);
void submissions_free(struct submissions *s);

/* {"ids":[...]}: the texts, borrowed from the body; the array is malloc'ed. */
bool ids_of_body(const cJSON *body, bool strict, const char ***ids_out,
		 size_t *count_out, struct complaints *c);

/* The texts in the patch are malloc'ed: the command frees them. */
bool patch_of_body(const cJSON *body, bool strict, struct patch *out,
		   struct complaints *c);

/* {"ms":n}, 0 to most_ms */
bool advance_of_body(const cJSON *body, bool strict, int64_t most_ms,
		     int64_t *ms_out, struct complaints *c);

#endif
