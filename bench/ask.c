#include "config.h"

#include "bench/ask.h"

#include "bench/load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES (2 << 20)
#define WORKERS 2		/* as many as heygend starts */

static char answer[ANSWER_BYTES];

void give_up(const char *format, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- one request ------------------------------------------------------------------ */

int ask_dial(const struct server *server)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(server->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		give_up("cannot connect to port %u", server->port);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void say(int fd, const char *method, const char *path,
		const char *body)
{
	static char request[1 << 16];
	size_t length, sent = 0;

	length = snprintf(request, sizeof(request),
			  "%s %s HTTP/1.1\r\nHost: localhost\r\n"
			  "Content-Type: application/json\r\n"
			  "Content-Length: %zu\r\n\r\n%s", method, path,
			  body ? strlen(body) : 0, body ? body : "");
	while (sent < length) {
		ssize_t n = send(fd, request + sent, length - sent,
				 MSG_NOSIGNAL);

		if (n <= 0)
			give_up("%s %s: the connection broke", method, path);
		sent += n;
	}
}

/* Where the body begins and how long it is; NULL: the head is not there. */
static char *body_of(size_t *length_out)
{
	char *end = strstr(answer, "\r\n\r\n");
	char *length = strcasestr(answer, "content-length:");

	if (!end)
		return NULL;
	*length_out = length && length < end
			      ? strtoul(length + 15, NULL, 10) : 0;
	return end + 4;
}

static const char *hear(int fd, const char *method, const char *path)
{
	size_t got = 0, length = 0;
	char *body = NULL;

	while (!body || (size_t)(answer + got - body) < length) {
		ssize_t n = recv(fd, answer + got, sizeof(answer) - got - 1,
				 0);

		if (n <= 0)
			give_up("%s %s: no whole answer", method, path);
		got += n;
		answer[got] = '\0';
		if (!body)
			body = body_of(&length);
	}
	if (strncmp(answer, "HTTP/1.1 2", 10) != 0)
		give_up("%s %s: %.12s", method, path, answer);
	return body;
}

const char *ask_on(const struct server *server, int *fd, const char *method,
		   const char *path, const char *body)
{
	if (*fd == 0)
		*fd = ask_dial(server);
	say(*fd, method, path, body);
	return hear(*fd, method, path);
}

const char *ask(const struct server *server, const char *method,
		const char *path, const char *body)
{
	int fd = 0;
	const char *heard = ask_on(server, &fd, method, path, body);

	close(fd);
	return heard;
}

double ask_metric(const struct server *server, const char *name)
{
	const char *at = ask(server, "GET", "/metrics", NULL);
	size_t length = strlen(name);

	for (; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, length) == 0 && at[length] == ' ')
			return atof(at + length);
	}
	give_up("/metrics has no %s", name);
}

/* --- many jobs -------------------------------------------------------------------- */

size_t batch_request(void *user, uint64_t i, char *out, size_t size)
{
	size_t n, count = *(const size_t *)user;
	static char jobs[BATCH * 64];

	(void)i;
	n = snprintf(jobs, sizeof(jobs), "{\"jobs\":[");
	for (size_t k = 0; k < count; k++)
		n += snprintf(jobs + n, sizeof(jobs) - n,
			      "%s{\"title\":\"Bench %zu\"}", k ? "," : "", k);
	n += snprintf(jobs + n, sizeof(jobs) - n, "]}");
	return snprintf(out, size, "POST /v1/jobs:batch HTTP/1.1\r\n"
			"Host: localhost\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s", n, jobs);
}

void fill(const struct server *server, size_t jobs)
{
	size_t count = jobs < BATCH ? jobs : BATCH;
	struct load load = { .port = server->port, .connections = 4,
			     .duration_ms = 600000,
			     .request = batch_request, .user = &count };
	struct load_result result;

	if (jobs == 0)
		return;
	load.requests = (jobs + count - 1) / count;
	if (load_run(&load, &result) < 0 || result.failures > 0)
		give_up("filling with %zu jobs failed", jobs);
}

#define SLOTS_MAX 100000		/* of each */
#define RUNNING_DEADLINE_S 300
#define SETTLED_S 5			/* the first rows of all have passed */

void server_running(struct server *server, size_t jobs, size_t spare)
{
	size_t each = (jobs + spare + WORKERS - 1) / WORKERS;
	char slots[32];
	const char *const settings[] = {
		"status.default_job=off", "jobs.max_jobs=10000000", slots,
		"simulation.min_ms=36000000", "simulation.max_ms=72000000",
		"simulation.error_rate=0", NULL
	};
	double until = now_s() + RUNNING_DEADLINE_S;

	snprintf(slots, sizeof(slots), "jobs.slots=%zu",
		 each > SLOTS_MAX ? (size_t)SLOTS_MAX : each);
	server_heygend(server, settings);
	fill(server, jobs);
	while (ask_metric(server, "heygend_jobs{state=\"running\"}") <
	       (double)jobs) {
		if (now_s() > until)
			give_up("the jobs did not start");
		usleep(100000);
	}
	sleep(SETTLED_S);
}
