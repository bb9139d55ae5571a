#include "config.h"

#include "bench/crowd.h"

#include "bench/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64

void crowd_open(struct crowd *c, const struct server *server, enum form form,
		size_t count)
{
	*c = (struct crowd){ .server = server, .form = form, .count = count,
			     .epoll = epoll_create1(EPOLL_CLOEXEC),
			     .all = calloc(count + 1, sizeof(*c->all)) };
	if (c->epoll < 0 || !c->all)
		give_up("no room for %zu watchers", count);
	for (size_t i = 0; i <= count; i++)
		c->all[i].fd = -1;
}

static void hang_up(struct watcher *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void crowd_close(struct crowd *c)
{
	for (size_t i = 0; i <= c->count; i++)
		hang_up(&c->all[i]);
	close(c->epoll);
	free(c->all);
}

/* --- asking ----------------------------------------------------------------------- */

static void connect_watcher(struct crowd *c, struct watcher *w)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = w };
	int one = 1;

	w->fd = ask_dial(c->server);
	if (setsockopt(w->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one,
		       sizeof(one)) < 0)
		give_up("SO_TIMESTAMPNS: %s", strerror(errno));
	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, w->fd, &ev) < 0)
		give_up("epoll: %s", strerror(errno));
}

static void ask_as(struct crowd *c, struct watcher *w, const char *request,
		   int length)
{
	if (w->fd < 0)
		connect_watcher(c, w);
	w->heard_s = 0;
	w->got = 0;
	if (send(w->fd, request, length, MSG_NOSIGNAL) != length)
		give_up("a watcher's request was not taken");
}

void crowd_watch(struct crowd *c, size_t i, const char *target)
{
	char request[512];
	int n = snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
			 target, c->form == STREAM
				 ? "Accept: text/event-stream\r\n" : "");

	if (c->form == STREAM)
		hang_up(&c->all[i]);
	ask_as(c, &c->all[i], request, n);
}

void crowd_command(struct crowd *c, const char *path)
{
	struct watcher *commander = &c->all[c->count];
	struct timespec now;
	char request[256];
	int n = snprintf(request, sizeof(request),
			 "POST %s HTTP/1.1\r\nHost: localhost\r\n"
			 "Content-Length: 0\r\n\r\n", path);

	/* the server closes connections that were idle for long */
	hang_up(commander);
	clock_gettime(CLOCK_REALTIME, &now);	/* as the kernel's stamps */
	c->commanded_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	ask_as(c, commander, request, n);
}

double crowd_answered(const struct crowd *c)
{
	return c->all[c->count].heard_s;
}

void crowd_forget(struct crowd *c)
{
	for (size_t i = 0; i < c->count; i++)
		c->all[i].heard_s = 0;
	c->heard = 0;
}

/* --- hearing ---------------------------------------------------------------------- */

/* The whole answer to a request that was held, or to a command. */
static bool answer_is_whole(const struct watcher *w)
{
	const char *end = strstr(w->in, "\r\n\r\n");
	const char *length = strcasestr(w->in, "content-length:");

	return end && length && length < end &&
	       w->got >= end + 4 - w->in + strtoul(length + 15, NULL, 10);
}

/* A whole event that tells of an end. */
static bool event_is_whole(const struct watcher *w)
{
	const char *end = strstr(w->in, "\"state\":\"canceled\"");

	return end && strstr(end, "\n\n");
}

static void look(struct crowd *c, struct watcher *w, double at_s)
{
	bool commands = w == &c->all[c->count];

	if (w->heard_s > 0)
		return;
	if (w->got >= 12 && strncmp(w->in, "HTTP/1.1 ", 9) == 0 &&
	    strncmp(w->in + 9, "200", 3) != 0)
		give_up("a watcher was answered %.12s", w->in);
	if (c->form == STREAM && !commands ? !event_is_whole(w)
					   : !answer_is_whole(w))
		return;
	if (!strstr(w->in, "\"state\":\"canceled\""))
		give_up("a watcher was answered before the end");
	if (at_s == 0)
		give_up("the kernel does not say when bytes arrive");
	w->heard_s = at_s;
	w->got = 0;
	c->heard += !commands;
}

/* Reads, and tells when the kernel had what was read; 0: it does not know (it
 * begins to stamp a moment after the first one has asked for it). */
static ssize_t receive(struct watcher *w, double *at_s_out)
{
	char control[CMSG_SPACE(sizeof(struct timespec)) * 2];
	struct iovec to = { .iov_base = w->in + w->got,
			    .iov_len = sizeof(w->in) - w->got - 1 };
	struct msghdr message = { .msg_iov = &to, .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(w->fd, &message, MSG_DONTWAIT);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	struct timespec at = { 0 };

	for (; c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&at, CMSG_DATA(c), sizeof(at));
	*at_s_out = (double)at.tv_sec + (double)at.tv_nsec / 1e9;
	return n;
}

static void hear(struct crowd *c, struct watcher *w)
{
	double at_s;
	ssize_t n = receive(w, &at_s);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (w->heard_s == 0)
			give_up("a watcher was left without an answer");
		hang_up(w);
		return;
	}
	w->got += n;
	w->in[w->got] = '\0';
	look(c, w, at_s);
	if (w->heard_s > 0)
		w->got = 0;		/* `event: end`, or the next comment */
	else if (w->got == sizeof(w->in) - 1)
		give_up("a watcher is told too much");
}

void crowd_turn(struct crowd *c, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(c->epoll, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++)
		hear(c, events[i].data.ptr);
}
