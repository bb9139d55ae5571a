/* ctl_request.h -- what to submit: the options, and the jobs of a JSON file. */
#ifndef CLIENT_CTL_REQUEST_H
#define CLIENT_CTL_REQUEST_H

#include "client/heygen-client.h"

#include <stddef.h>

struct ctl;
struct cJSON;

/* Zero is empty.  The requests point into argv, into the document and into
 * tags; all live until requests_free(). */
struct requests {
	hg_request *at;
	size_t n;
	struct cJSON *doc;
	const char ***tags;	/* a NULL-terminated list a request */
};

/* requests_make -- one request, or those of --json-file, --count times each,
 * with the options over all of them.  A code, its words said. */
int requests_make(struct ctl *ctl, struct requests *all);
void requests_free(struct requests *all);

#endif
