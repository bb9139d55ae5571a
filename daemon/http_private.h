/* http_private.h -- what the http*.c files share among themselves. */
#ifndef DAEMON_HTTP_PRIVATE_H
#define DAEMON_HTTP_PRIVATE_H

#include "daemon/http_request.h"

#include <time.h>

/* One for each thread that serves; its request is used again and again. */
struct workspace {
	struct request request;
	char *query_bytes;		/* made with the first query */
	char host[256];			/* the last one that was ours */
	uint64_t number, requests;	/* make request ids unique */
	bool rejected;			/* this connection got its refusal */
	int busy;			/* with a request; atomic, others look */
	time_t date_s;
	char date[64];			/* of that second */
};

/* http_route.c: the row for a method and path, the methods that the path
 * has, as an Allow header has them.  Also sets the request's id. */
struct allow {
	char methods[64];		/* "" : no such path */
	bool open;			/* no key is asked for */
};
void request_route(struct request *r, struct allow *allow);
size_t route_index(const struct route *route);	/* NULL: the last one */

/* http_request.c */
int request_serve(struct http *h, struct mg_connection *conn);
int request_reject(struct http *h, struct mg_connection *conn, int status);
void request_orphan(struct http *h, struct mg_connection *conn);

#endif
