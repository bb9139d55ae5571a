/* ask.h -- single requests to a server that a bench started, and many jobs
 * submitted to it.  Whatever fails ends the bench with a sentence. */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H

#include "bench/server.h"

#include <stddef.h>

#define BATCH 1000

/* ask -- one request on a connection of its own; the answer's body, borrowed
 * until the next call.  body: NULL for none. */
const char *ask(const struct server *server, const char *method,
		const char *path, const char *body);
/* ask_on -- the same on a connection kept open: *fd, begun when it is 0. */
const char *ask_on(const struct server *server, int *fd, const char *method,
		   const char *path, const char *body);
/* ask_dial -- a connection, for who does the rest himself. */
int ask_dial(const struct server *server);
/* ask_metric -- the value of a series of /metrics, by its whole name. */
double ask_metric(const struct server *server, const char *name);

/* The request of a batch of so many jobs (at most BATCH): a load's
 * `request`, with a const size_t of the count as its `user`. */
size_t batch_request(void *user, uint64_t i, char *out, size_t size);
/* fill -- submits so many jobs. */
void fill(const struct server *server, size_t jobs);

/* server_running -- a heygend whose jobs, so many, all run and go on for
 * hours, with so many slots to spare; it has come to rest. */
void server_running(struct server *server, size_t jobs, size_t spare);

double now_s(void);			/* monotonic */
__attribute__((noreturn, format(printf, 1, 2)))
void give_up(const char *format, ...);

#endif
