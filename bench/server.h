/* server.h -- the servers that benches ask: the real heygend, the same HTTP
 * library answering a constant, and others. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct server {
	pid_t pid;
	uint16_t port;
	char dir[64];			/* of heygend; removed at the end */
	double ready_ms;		/* from the start to its ready line */
};

/* server_heygend -- a heygend with these --set settings (NULL-terminated), in
 * a fresh directory, or in that of an earlier one if server->dir is set.  The
 * programs are taken from $HG_BUILDDIR, else from the current directory.
 * Exits with a sentence if it cannot. */
void server_heygend(struct server *server, const char *const *settings);
/* server_constant -- answers every request with these bytes (head and body)
 * from begin_request, with the options heygend uses. */
void server_constant(struct server *server, const char *bytes);
/* server_program -- starts a server of another kind: `sh -c command` says its
 * port and its name in one line, or a sentence why it cannot serve.  The
 * name or the sentence is copied to text_out.  False: it cannot. */
bool server_program(struct server *server, const char *command, char *text_out,
		    size_t text_size);
void server_stop(struct server *server);	/* keeps the directory */
void server_kill(struct server *server);	/* the same, by SIGKILL */
void server_remove(struct server *server);	/* and this does not */

#endif
