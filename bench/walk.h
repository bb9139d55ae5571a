/* walk.h -- through the list of all jobs, page by page, as a client would. */
#ifndef BENCH_WALK_H
#define BENCH_WALK_H

#include "bench/server.h"

#include <stddef.h>

#define WALK_TOKEN 512

struct walk {
	char (*ids)[37];		/* every step-th, newest first */
	size_t ids_count;
	size_t jobs;			/* seen */
	char deep[WALK_TOKEN];		/* the page token nine tenths down */
};

/* walk -- ids_max: about how many ids to keep, spread over all jobs (known to
 * be so many).  Release with walk_free. */
void walk(const struct server *server, size_t jobs, size_t ids_max,
	  struct walk *out);
void walk_free(struct walk *w);		/* leaves it empty */

/* A load's `request`, with a struct walk as its `user`: the status of its
 * ids, one after the other. */
size_t walk_status_request(void *user, uint64_t i, char *out, size_t size);

#endif
