/* crowd.c -- thousands of peers that nobody would invite, in one loop.
 *
 *   crowd --port P --kind K --count N [--host A] [--path /P] [--rate N]
 *         [--again MS] [--seed N] [--sources N] [--key K] [--vanish]
 *
 * Opens N connections of one kind and keeps them open: one that the server
 * ends comes back after about MS.  "crowd: here" on stdout says that all have
 * been let in, or as many as ever will be.  The end of stdin ends it;
 * then one line of JSON says what it saw.  --vanish: it leaves without a word,
 * no FIN and no RST (TCP_REPAIR; root only). */
#include "crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 50
#define BATCH 512
#define SETTLED_MS 3000			/* no newcomer for so long: all are here */
#define SMALL_WINDOW 2304		/* the least the kernel gives */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((noreturn))
static void die(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- one peer --------------------------------------------------------------------- */

static void peer_leave(struct crowd *c, struct peer *p, int64_t again_ms)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->state == PEER_OPEN)
		c->open--;
	p->fd = -1;
	p->state = PEER_AWAY;
	p->at_ms = again_ms;
}

/* The server ended it: it comes back, as a crowd does. */
static void peer_ended(struct crowd *c, struct peer *p, int64_t at_ms)
{
	int64_t jitter_ms = c->again_ms > 0 ? rand_r(&c->seed) %
						      c->again_ms : 0;

	if (p->state == PEER_OPEN)
		c->ended++;
	else
		c->refused++;
	peer_leave(c, p, at_ms + c->again_ms / 2 + jitter_ms);
}

static int peer_socket(struct crowd *c, struct peer *p)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, window = SMALL_WINDOW;
	size_t number = (size_t)(p - c->peers);

	if (fd < 0)
		die("socket");
	if (c->sources > 0) {
		from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 +
					     (uint32_t)(number % c->sources));
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
			   sizeof(on));
		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			die("bind");
	}
	if (c->kind->reads != READS_ALL)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	return fd;
}

static void peer_come(struct crowd *c, struct peer *p, int64_t at_ms)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
				     .data.ptr = p };

	p->fd = peer_socket(c, p);
	p->state = PEER_COMING;
	p->seconds = 0;
	p->answer = (struct answer){ 0 };
	c->tries++;
	if (connect(p->fd, (struct sockaddr *)&c->to, sizeof(c->to)) < 0 &&
	    errno != EINPROGRESS)
		peer_ended(c, p, at_ms);
	else if (epoll_ctl(c->poll, EPOLL_CTL_ADD, p->fd, &event) < 0)
		die("epoll_ctl");
}

static void peer_send(struct crowd *c, struct peer *p, const char *bytes,
		      size_t length, int64_t at_ms)
{
	ssize_t n = send(p->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN)
		peer_ended(c, p, at_ms);
}

static void peer_ask(struct crowd *c, struct peer *p, int64_t at_ms)
{
	if (c->request_length > 0)
		peer_send(c, p, c->request, c->request_length, at_ms);
}

static void peer_arrived(struct crowd *c, struct peer *p, int64_t at_ms)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		peer_ended(c, p, at_ms);
		return;
	}
	p->state = PEER_OPEN;
	p->at_ms = at_ms + rand_r(&c->seed) % DRIP_MS;
	c->arrived++;
	c->last_arrival_ms = at_ms;
	if (++c->open > c->most)
		c->most = c->open;
	peer_ask(c, p, at_ms);
}

/* Reads what there is, or at most limit bytes. */
static void peer_read(struct crowd *c, struct peer *p, size_t limit,
		      int64_t at_ms)
{
	static char bytes[65536];
	ssize_t n;

	while (p->fd >= 0) {
		n = recv(p->fd, bytes, limit ? limit : sizeof(bytes),
			 MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			peer_ended(c, p, at_ms);
			return;
		}
		c->bytes += n;
		if (answer_take(c, &p->answer, bytes, (size_t)n) &&
		    c->kind->asks_again)
			peer_ask(c, p, at_ms);
		if (limit)
			return;
	}
}

static void peer_event(struct crowd *c, struct peer *p, uint32_t events,
		       int64_t at_ms)
{
	if (p->state == PEER_COMING && events & (EPOLLOUT | EPOLLERR))
		peer_arrived(c, p, at_ms);
	if (p->fd >= 0 && events & (EPOLLHUP | EPOLLERR))
		peer_ended(c, p, at_ms);
	else if (p->fd >= 0 && p->state == PEER_OPEN && events & EPOLLIN &&
		 c->kind->reads == READS_ALL)
		peer_read(c, p, 0, at_ms);
}

/* What it does of its own accord, about once in TICK_MS.  Who does not read
 * cannot see that the server has left: after a while it comes anew. */
static void peer_tick(struct crowd *c, struct peer *p, int64_t at_ms)
{
	if (p->state != PEER_OPEN || at_ms < p->at_ms)
		return;
	p->at_ms = at_ms + DRIP_MS;
	if (c->kind->reads != READS_ALL && ++p->seconds > PATIENCE_S) {
		peer_leave(c, p, at_ms);
		return;
	}
	if (c->kind->drips) {
		peer_send(c, p, c->kind->drips, 1, at_ms);
		c->dripped++;
	}
	if (p->fd >= 0 && c->kind->reads == READS_A_LITTLE)
		peer_read(c, p, SIP_BYTES, at_ms);
}

/* --- all of them -------------------------------------------------------------------- */

static void crowd_tick(struct crowd *c, int64_t at_ms)
{
	int room = c->rate * TICK_MS / 1000 + 1;

	for (int i = 0; i < c->count; i++) {
		struct peer *p = &c->peers[i];

		if (p->state == PEER_AWAY && at_ms >= p->at_ms && room > 0) {
			room--;
			peer_come(c, p, at_ms);
		}
		peer_tick(c, p, at_ms);
	}
	c->ticks++;
	c->open_sum += c->open;
	if (c->here && c->open < c->least)
		c->least = c->open;
	if (!c->here && (c->arrived >= c->count ||
			 (c->tries >= c->count &&
			  at_ms - c->last_arrival_ms > SETTLED_MS))) {
		c->here = true;
		c->least = c->open;
		c->ticks = c->open_sum = 0;
		printf("crowd: here\n");
		fflush(stdout);
	}
}

static void crowd_run(struct crowd *c)
{
	struct epoll_event events[BATCH], event = { .events = EPOLLIN };
	int64_t tick_ms = now_ms();

	c->last_arrival_ms = tick_ms;
	if (epoll_ctl(c->poll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
		die("stdin must be a pipe");
	for (;;) {
		int64_t at_ms = now_ms();
		int wait_ms = tick_ms > at_ms ? (int)(tick_ms - at_ms) : 0;
		int n = epoll_wait(c->poll, events, BATCH, wait_ms);

		at_ms = now_ms();
		for (int i = 0; i < n; i++) {
			struct peer *p = events[i].data.ptr;

			if (!p)
				return;
			if (p->fd >= 0)
				peer_event(c, p, events[i].events, at_ms);
		}
		if (at_ms >= tick_ms) {
			crowd_tick(c, at_ms);
			tick_ms = at_ms + TICK_MS;
		}
	}
}

/* A socket under repair is closed without a packet. */
static void crowd_leave(struct crowd *c)
{
	int on = 1;

	for (int i = 0; i < c->count; i++) {
		if (c->peers[i].fd < 0)
			continue;
		if (c->vanish && setsockopt(c->peers[i].fd, IPPROTO_TCP,
					    TCP_REPAIR, &on, sizeof(on)) < 0)
			die("TCP_REPAIR");
		close(c->peers[i].fd);
	}
}

static void crowd_report(const struct crowd *c)
{
	printf("{\"kind\":\"%s\",\"count\":%d,\"arrived\":%lld,"
	       "\"refused\":%lld,\"ended\":%lld,\"open_least\":%d,"
	       "\"open_mean\":%lld,\"open_most\":%d,\"dripped\":%lld,"
	       "\"bytes\":%lld,\"events\":%lld,\"answers\":{\"2xx\":%lld,"
	       "\"3xx\":%lld,\"4xx\":%lld,\"5xx\":%lld}}\n",
	       c->kind->name, c->count, (long long)c->arrived,
	       (long long)c->refused, (long long)c->ended,
	       c->here ? c->least : 0,
	       (long long)(c->ticks ? c->open_sum / c->ticks : 0), c->most,
	       (long long)c->dripped, (long long)c->bytes,
	       (long long)c->events, (long long)c->answers[2],
	       (long long)c->answers[3], (long long)c->answers[4],
	       (long long)c->answers[5]);
}

/* --- options ------------------------------------------------------------------------- */

__attribute__((noreturn))
static void usage(void)
{
	fprintf(stderr, "usage: crowd --port P --kind K --count N [--host A] "
		"[--path /P] [--rate N]\n\t[--again MS] [--seed N] "
		"[--sources N] [--key K] [--vanish]\nkinds:");
	for (const struct kind *k = kinds; k->name; k++)
		fprintf(stderr, " %s", k->name);
	fputc('\n', stderr);
	exit(64);
}

static int number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 0 || n > 10000000)
		usage();
	return (int)n;
}

static void set_option(struct crowd *c, const char *name, const char *value)
{
	if (strcmp(name, "--port") == 0)
		c->to.sin_port = htons((uint16_t)number(value));
	else if (strcmp(name, "--host") == 0)
		c->host = value;
	else if (strcmp(name, "--kind") == 0)
		c->kind = kind_find(value);
	else if (strcmp(name, "--count") == 0)
		c->count = number(value);
	else if (strcmp(name, "--path") == 0)
		c->path = value;
	else if (strcmp(name, "--rate") == 0)
		c->rate = number(value);
	else if (strcmp(name, "--again") == 0)
		c->again_ms = number(value);
	else if (strcmp(name, "--seed") == 0)
		c->seed = (unsigned)number(value);
	else if (strcmp(name, "--sources") == 0)
		c->sources = (unsigned)number(value);
	else if (strcmp(name, "--key") == 0)
		c->key = value;
	else
		usage();
}

static void options(struct crowd *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--vanish") == 0) {
			c->vanish = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		set_option(c, argv[i], argv[i + 1]);
		i++;
	}
	if (!c->kind || c->count < 1 || c->to.sin_port == 0 ||
	    inet_pton(AF_INET, c->host, &c->to.sin_addr) != 1)
		usage();
}

int main(int argc, char **argv)
{
	struct crowd c = { .host = "127.0.0.1", .rate = 2000, .seed = 1,
			   .again_ms = 1000, .to.sin_family = AF_INET };
	struct rlimit limit;

	options(&c, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	c.request_length = kind_request(&c, c.request, sizeof(c.request));
	c.peers = calloc((size_t)c.count, sizeof(*c.peers));
	c.poll = epoll_create1(EPOLL_CLOEXEC);
	if (!c.peers || c.poll < 0)
		die("start");
	for (int i = 0; i < c.count; i++)
		c.peers[i].fd = -1;
	crowd_run(&c);
	crowd_leave(&c);
	crowd_report(&c);
	free(c.peers);
	return 0;
}
