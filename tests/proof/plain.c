/* plain.c -- well-behaved clients, and how long they wait for an answer.
 *
 *   plain --port P --status ID [--host A] [--rate N] [--threads N] [--key K]
 *
 * Each thread asks for a status, submits a job and asks /readyz, on a kept
 * connection and on new ones in turn, all together --rate times a second.
 * Time counts from when a request was due: one that had to wait for its
 * turn waited, too.  A kept connection that the server closed meanwhile is
 * opened again, as any client would, within the same time.  The end of stdin
 * ends it; then one line of JSON says how long it took. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 5			/* then a request has failed */
#define THREADS_MAX 64
#define ANSWER_BYTES 16384

struct ask {
	const char *name;
	bool kept;			/* on the connection that stays */
	const char *method, *path, *body;
	const char *status, *says;	/* the right answer */
};
static const struct ask asks[] = {
	{ "status kept", true, "GET", "/status?job_id=%s", "", "200",
	  "\"result\":" },
	{ "submit new", false, "POST", "/v1/jobs",
	  "{\"title\":\"plain\",\"simulate\":{\"duration_ms\":2000}}", "202",
	  "\"title\":\"plain\"" },
	{ "readyz kept", true, "GET", "/readyz", "", "200", "" },
	{ "status new", false, "GET", "/status?job_id=%s", "", "200",
	  "\"result\":" },
	{ "submit kept", true, "POST", "/v1/jobs",
	  "{\"title\":\"plain\",\"simulate\":{\"duration_ms\":2000}}", "202",
	  "\"title\":\"plain\"" },
	{ "readyz new", false, "GET", "/readyz", "", "200", "" },
};
#define ASKS (sizeof(asks) / sizeof(asks[0]))

struct options {
	const char *host, *status, *key;
	struct sockaddr_in to;
	int rate, threads;
};

struct client {
	const struct options *options;
	pthread_t thread;
	int number, kept;		/* the connection that stays; -1 */
	int64_t *times_us[ASKS];
	size_t count[ASKS], room[ASKS];
	int64_t failed, reopened;
	char answer[ANSWER_BYTES];
};

static bool over;			/* atomic */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- one request --------------------------------------------------------------------- */

static int reach(const struct options *o)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&o->to, sizeof(o->to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool say(const struct options *o, int fd, const struct ask *ask)
{
	char path[256], text[2048];
	int n;

	snprintf(path, sizeof(path), "%.*s%s",
		 (int)strcspn(ask->path, "%"), ask->path,
		 strchr(ask->path, '%') ? o->status : "");
	n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: %s:%d\r\n"
		     "%s%s%s%sContent-Type: application/json\r\n"
		     "Content-Length: %zu\r\n\r\n%s", ask->method, path,
		     o->host, ntohs(o->to.sin_port),
		     o->key ? "X-Api-Key: " : "", o->key ? o->key : "",
		     o->key ? "\r\n" : "", ask->kept ? "" :
		     "Connection: close\r\n", strlen(ask->body), ask->body);
	return n > 0 && (size_t)n < sizeof(text) &&
	       send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* The bytes of a whole answer; 0: it ended before the first; -1: it failed. */
static ssize_t hear(struct client *c, int fd)
{
	size_t got = 0, whole = 0;

	while (whole == 0 || got < whole) {
		ssize_t n = got < ANSWER_BYTES - 1 ?
			recv(fd, c->answer + got, ANSWER_BYTES - 1 - got, 0) : -1;
		char *body, *length;

		if (n <= 0)
			return got == 0 && (n == 0 || errno == ECONNRESET)
				       ? 0 : -1;
		got += (size_t)n;
		c->answer[got] = '\0';
		body = strstr(c->answer, "\r\n\r\n");
		if (!body || whole)
			continue;
		length = strstr(c->answer, "Content-Length: ");
		if (!length)
			return -1;
		whole = (size_t)(body + 4 - c->answer) +
			strtoul(length + 16, NULL, 10);
	}
	return (ssize_t)got;
}

static bool is_right(struct client *c, const struct ask *ask)
{
	return strncmp(c->answer, "HTTP/1.1 ", 9) == 0 &&
	       strncmp(c->answer + 9, ask->status, 3) == 0 &&
	       strstr(c->answer, ask->says);
}

static bool ask_new(struct client *c, const struct ask *ask)
{
	int fd = reach(c->options);
	bool right = fd >= 0 && say(c->options, fd, ask) &&
		     hear(c, fd) > 0 && is_right(c, ask);

	if (fd >= 0)
		close(fd);
	return right;
}

static bool ask_kept(struct client *c, const struct ask *ask)
{
	ssize_t heard = 0;

	if (c->kept >= 0) {
		heard = say(c->options, c->kept, ask) ? hear(c, c->kept) : 0;
		if (heard == 0) {
			close(c->kept);
			c->kept = -1;
			c->reopened++;
		}
	}
	if (c->kept < 0) {
		c->kept = reach(c->options);
		if (c->kept < 0)
			return false;
		heard = say(c->options, c->kept, ask) ? hear(c, c->kept) : -1;
	}
	if (heard <= 0 || strstr(c->answer, "Connection: close")) {
		close(c->kept);
		c->kept = -1;
	}
	return heard > 0 && is_right(c, ask);
}

/* --- all of them ------------------------------------------------------------------------ */

static void remember(struct client *c, size_t kind, int64_t us)
{
	if (c->count[kind] == c->room[kind]) {
		size_t room = c->room[kind] ? 2 * c->room[kind] : 1024;
		int64_t *times = realloc(c->times_us[kind],
					 room * sizeof(*times));

		if (!times)
			exit(EXIT_FAILURE);
		c->times_us[kind] = times;
		c->room[kind] = room;
	}
	c->times_us[kind][c->count[kind]++] = us;
}

static void *client_run(void *user)
{
	struct client *c = user;
	int64_t step_us = 1000000LL * c->options->threads / c->options->rate;
	int64_t due_us = now_us() + step_us * c->number / c->options->threads;

	for (size_t i = (size_t)c->number; ; i++) {
		const struct ask *ask = &asks[i % ASKS];
		int64_t rest_us = due_us - now_us();
		bool right;

		if (rest_us > 0)
			usleep((useconds_t)rest_us);
		if (__atomic_load_n(&over, __ATOMIC_RELAXED))
			return NULL;
		right = ask->kept ? ask_kept(c, ask) : ask_new(c, ask);
		remember(c, i % ASKS, now_us() - due_us);
		if (!right && c->failed++ == 0)
			fprintf(stderr, "plain: %s: not right: %.300s\n",
				ask->name, c->answer);
		due_us += step_us;
	}
}

/* --- the report ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Of n sorted ones; 0: there are none. */
static double percentile_ms(const int64_t *us, size_t n, size_t percent)
{
	size_t at = n * percent / 100;

	if (n == 0)
		return 0;
	return (double)us[at < n ? at : n - 1] / 1e3;
}

static void report_times(const char *name, int64_t *us, size_t n)
{
	qsort(us, n, sizeof(*us), compare);
	printf("\"%s\":{\"requests\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"max_ms\":%.3f},", name, n, percentile_ms(us, n, 50),
	       percentile_ms(us, n, 99), percentile_ms(us, n, 100));
}

static void report(struct client *clients, int threads)
{
	int64_t failed = 0, reopened = 0, *all;
	size_t total = 0, at = 0, begin;

	for (int t = 0; t < threads; t++)
		for (size_t k = 0; k < ASKS; k++)
			total += clients[t].count[k];
	all = calloc(total + 1, sizeof(*all));
	if (!all)
		exit(EXIT_FAILURE);
	putchar('{');
	for (size_t k = 0; k < ASKS; k++) {
		begin = at;
		for (int t = 0; t < threads; t++) {
			memcpy(all + at, clients[t].times_us[k],
			       clients[t].count[k] * sizeof(*all));
			at += clients[t].count[k];
		}
		report_times(asks[k].name, all + begin, at - begin);
	}
	report_times("all", all, total);
	for (int t = 0; t < threads; t++) {
		failed += clients[t].failed;
		reopened += clients[t].reopened;
	}
	printf("\"failed\":%lld,\"reopened\":%lld}\n", (long long)failed,
	       (long long)reopened);
	free(all);
}

/* --- options ---------------------------------------------------------------------------------- */

static void usage(void)
{
	fprintf(stderr, "usage: plain --port P --status ID [--host A] "
		"[--rate N] [--threads N] [--key K]\n");
	exit(64);
}

static void options(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!value)
			usage();
		if (strcmp(argv[i], "--port") == 0)
			o->to.sin_port = htons((uint16_t)atoi(value));
		else if (strcmp(argv[i], "--status") == 0)
			o->status = value;
		else if (strcmp(argv[i], "--host") == 0)
			o->host = value;
		else if (strcmp(argv[i], "--rate") == 0)
			o->rate = atoi(value);
		else if (strcmp(argv[i], "--threads") == 0)
			o->threads = atoi(value);
		else if (strcmp(argv[i], "--key") == 0)
			o->key = value;
		else
			usage();
	}
	if (!o->status || o->to.sin_port == 0 || o->rate < 1 ||
	    o->threads < 1 || o->threads > THREADS_MAX ||
	    inet_pton(AF_INET, o->host, &o->to.sin_addr) != 1)
		usage();
}

int main(int argc, char **argv)
{
	static struct client clients[THREADS_MAX];
	struct options o = { .host = "127.0.0.1", .rate = 200, .threads = 4,
			     .to.sin_family = AF_INET };
	char byte;

	options(&o, argc, argv);
	for (int i = 0; i < o.threads; i++) {
		clients[i].options = &o;
		clients[i].number = i;
		clients[i].kept = -1;
		if (pthread_create(&clients[i].thread, NULL, client_run,
				   &clients[i]) != 0)
			return EXIT_FAILURE;
	}
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (int i = 0; i < o.threads; i++)
		pthread_join(clients[i].thread, NULL);
	report(clients, o.threads);
	for (int i = 0; i < o.threads; i++) {
		if (clients[i].kept >= 0)
			close(clients[i].kept);
		for (size_t k = 0; k < ASKS; k++)
			free(clients[i].times_us[k]);
	}
	return 0;
}
