/* http.h -- the HTTP front of the daemon.
 *
 * Owns the listening socket, the threads that serve connections and the
 * routes.  Reads the board and the reader, hands commands to the engine;
 * changes nothing by itself.  Only daemon/http* and daemon/route_* know the
 * HTTP library.  Start and stop it from the main thread. */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include "core/settings.h"
#include "daemon/engine.h"
#include "daemon/keys.h"
#include "daemon/metrics.h"
#include "daemon/reader.h"

struct http;

/* http_start -- binds and serves.  Block the signals before: the threads
 * inherit the mask.
 *   settings  a reference is taken; [http] and [status] never change
 *   keys  must outlive it; NULL: nobody needs one
 *   address_out, port_out  where it listens, the port as it really is
 *   message_out  a sentence on failure
 * -EINVAL: the configuration is at fault (exit 78); any other: this moment is
 * (port taken, no memory, no threads). */
int http_start(struct http **out, struct engine *e, struct reader *r,
	       const struct settings *settings, const struct keys *keys,
	       char address_out[SETTINGS_ADDRESS_SIZE], int *port_out,
	       char *message_out, size_t message_size);

/* http_drain_begin -- from now on: /readyz says no, commands are answered
 * 503 draining, each answer closes its connection.  Also interrupt the board,
 * so that those who wait there come back.
 * http_drained -- is no request in flight?  Waits up to wait_ms (real) for
 * it. */
void http_drain_begin(struct http *h);
bool http_drained(struct http *h, int64_t wait_ms);

/* http_stop -- stops the threads and closes all connections.  NULL is fine.
 * Blocks until every request has come back: drain first. */
void http_stop(struct http *h);

/* For the page of metrics. */
const struct metrics *http_metrics(const struct http *h);
const char *route_name(size_t index);	/* in metrics; NULL: there is none */
enum held { HELD_WAIT, HELD_STREAM, HELD_EVENTS, HELD_KINDS };
const char *held_name(enum held kind);
int64_t http_held(const struct http *h, enum held kind);

#endif
