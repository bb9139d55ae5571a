#include "config.h"

#include "bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES (1 << 20)
#define ANSWER_BYTES (2 << 20)
#define TIMES 200000			/* kept for the percentiles */

struct connection {
	int fd;
	char *out, *in;
	size_t out_size, sent, got;
	size_t need;			/* of the whole answer; 0: unknown */
	int status;
	int64_t began_ns;
};

struct run {
	const struct load *load;
	struct load_result *result;
	int epoll;
	uint64_t asked;
	int64_t until_ns;
	float *times;
	size_t time_count;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int dial(struct run *run, struct connection *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(run->load->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(c->fd);
		c->fd = -1;
		return -errno;
	}
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return epoll_ctl(run->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0 ? -errno
								   : 0;
}

/* Sends the next request whole: the socket takes it, or waits. */
static bool ask(struct run *run, struct connection *c)
{
	size_t sent = 0;

	if ((run->load->requests && run->asked >= run->load->requests) ||
	    now_ns() >= run->until_ns)
		return false;
	c->out_size = run->load->request(run->load->user, run->asked++, c->out,
					 REQUEST_BYTES);
	c->got = c->need = 0;
	c->began_ns = now_ns();
	while (sent < c->out_size) {
		ssize_t n = send(c->fd, c->out + sent, c->out_size - sent,
				 MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		sent += n;
	}
	return true;
}

/* Knows the size of the answer once its head is there. */
static void look(struct connection *c)
{
	char *end, *length;

	c->in[c->got] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return;
	length = strcasestr(c->in, "content-length:");
	c->status = atoi(c->in + 9);
	c->need = end + 4 - c->in;
	if (length && length < end)
		c->need += strtoul(length + 15, NULL, 10);
}

static void answered(struct run *run, struct connection *c)
{
	if (run->time_count < TIMES)
		run->times[run->time_count++] =
			(now_ns() - c->began_ns) / 1e6;
	run->result->answers++;
	if (c->status < 200 || c->status > 299)
		run->result->failures++;
}

/* Reads what is there; false: this connection has nothing more to do. */
static bool hear(struct run *run, struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->got, ANSWER_BYTES - c->got - 1,
			 MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0) {
		/* closed between two requests is fine, within one is not */
		run->result->failures += c->got > 0;
		close(c->fd);
		return dial(run, c) == 0 && ask(run, c);
	}
	c->got += n;
	if (c->need == 0)
		look(c);
	if (c->need == 0 || c->got < c->need)
		return true;
	answered(run, c);
	return ask(run, c);
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static void percentiles(struct run *run)
{
	if (run->time_count == 0)
		return;
	qsort(run->times, run->time_count, sizeof(*run->times), by_value);
	run->result->p50_ms = run->times[run->time_count / 2];
	run->result->p99_ms = run->times[run->time_count * 99 / 100];
}

static unsigned begin(struct run *run, struct connection *connections)
{
	unsigned open = 0;

	for (unsigned i = 0; i < run->load->connections; i++) {
		struct connection *c = &connections[i];

		c->out = malloc(REQUEST_BYTES);
		c->in = malloc(ANSWER_BYTES);
		if (c->out && c->in && dial(run, c) == 0 && ask(run, c))
			open++;
	}
	return open;
}

static void turn(struct run *run, unsigned *open)
{
	struct epoll_event events[64];
	int n = epoll_wait(run->epoll, events, 64, 1000);

	if (n == 0 && now_ns() > run->until_ns + INT64_C(10000000000))
		*open = 0;		/* ten seconds late: no more answers */
	for (int i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;

		if (hear(run, c))
			continue;
		(void)epoll_ctl(run->epoll, EPOLL_CTL_DEL, c->fd, NULL);
		(*open)--;
	}
}

static int run_here(const struct load *load, struct load_result *out)
{
	struct connection *connections = calloc(load->connections,
						sizeof(*connections));
	struct run run = { .load = load, .result = out };
	int64_t began = now_ns();
	unsigned open;
	int r = -ENOMEM;

	*out = (struct load_result){ 0 };
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	run.times = malloc(TIMES * sizeof(*run.times));
	run.until_ns = began + load->duration_ms * 1000000;
	if (!connections || !run.times || run.epoll < 0)
		goto out;
	open = begin(&run, connections);
	while (open > 0)
		turn(&run, &open);
	out->seconds = (now_ns() - began) / 1e9;
	percentiles(&run);
	for (unsigned i = 0; i < load->connections; i++) {
		if (connections[i].fd > 0)
			close(connections[i].fd);
		free(connections[i].out);
		free(connections[i].in);
	}
	r = out->answers > 0 ? 0 : -ECONNREFUSED;
out:
	if (run.epoll >= 0)
		close(run.epoll);
	free(run.times);
	free(connections);
	return r;
}

/* --- a process of its own --------------------------------------------------------- */

struct report {
	int r;
	struct load_result result;
};

static _Noreturn void run_as_child(const struct load *load, int to)
{
	struct report report;

	report.r = run_here(load, &report.result);
	_exit(write(to, &report, sizeof(report)) != sizeof(report));
}

/* Linux remembers of each process how it wakes others and places those it
 * wakes by that: one that has been talking to another server before scatters
 * the threads of the next over the cores, at a sixth more of their CPU time. */
int load_run(const struct load *load, struct load_result *out)
{
	struct report report = { .r = -EIO };
	int ends[2];
	pid_t child;

	*out = (struct load_result){ 0 };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	child = fork();
	if (child == 0)
		run_as_child(load, ends[1]);
	close(ends[1]);
	if (child < 0)
		report.r = -errno;
	else if (read(ends[0], &report, sizeof(report)) != sizeof(report))
		report.r = -EIO;
	close(ends[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	*out = report.result;
	return report.r;
}
