/* crowd.h -- watchers: many connections on one thread, each with one request
 * that is held until a job has ended.  Times are those at which the kernel had
 * the bytes (SO_TIMESTAMPNS), in seconds: how busy we are does not matter. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "bench/server.h"

#include <stdbool.h>
#include <stddef.h>

#define WATCHER_BYTES 8192

enum form { LONG_POLL, STREAM };

struct watcher {
	int fd;				/* -1: not connected */
	double heard_s;			/* of the end of a job; 0: not yet */
	size_t got;
	char in[WATCHER_BYTES];
};

struct crowd {
	const struct server *server;
	enum form form;
	int epoll;
	struct watcher *all;		/* the last one gives the commands */
	size_t count;			/* of those who watch */
	size_t heard;			/* since crowd_forget */
	double commanded_s;		/* just before the latest command */
};

void crowd_open(struct crowd *c, const struct server *server, enum form form,
		size_t count);
void crowd_close(struct crowd *c);

/* crowd_watch -- the i-th asks for this target (path and query) and is held:
 * a long-poll on the connection it has, if that is still open. */
void crowd_watch(struct crowd *c, size_t i, const char *target);
/* crowd_command -- a POST by who gives the commands; crowd_answered: when its
 * answer came, 0: not yet. */
void crowd_command(struct crowd *c, const char *path);
double crowd_answered(const struct crowd *c);
/* crowd_turn -- takes what comes within so long. */
void crowd_turn(struct crowd *c, int timeout_ms);
void crowd_forget(struct crowd *c);	/* nobody has heard anything */

#endif
