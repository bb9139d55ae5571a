/* http_watch.h -- total deadlines for what the HTTP library only bounds per
 * read.
 *
 * Owns one thread.  It sleeps while nothing is watched.  When a deadline
 * passes, the connection's socket is shut for reading: the thread that reads
 * from it comes back with what there was. */
#ifndef DAEMON_HTTP_WATCH_H
#define DAEMON_HTTP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch;
struct watch_peer {		/* a connection, as both ends name it */
	char remote_address[48];
	uint16_t remote_port, local_port;
};

struct watched {		/* lives on the stack of who reads */
	struct watch_peer peer;
	int64_t deadline_ms;	/* real monotonic */
	bool expired;		/* read it after watch_remove */
	struct watched *next, **link;
};

int watch_new(struct watch **watch_out);
void watch_free(struct watch *w);	/* joins the thread; NULL is fine */

void watch_add(struct watch *w, struct watched *one);
void watch_remove(struct watch *w, struct watched *one);

/* peer_socket -- the descriptor of that connection, borrowed; -1: none.  Only
 * its own thread may ask, while it serves the connection. */
int peer_socket(const struct watch_peer *peer);

#endif
