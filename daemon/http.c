#include "daemon/http_private.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* For those who were hung up on at a stop to be told so. */
#define LAST_WORD_MS 1000

static struct http *http_of(const struct mg_connection *conn)
{
	return mg_get_user_data(mg_get_context(conn));
}

/* --- what the library calls ---------------------------------------------------------- */

static int on_request(struct mg_connection *conn)
{
	return request_serve(http_of(conn), conn);
}

static int on_error(struct mg_connection *conn, int status, const char *message)
{
	(void)message;
	return request_reject(http_of(conn), conn, status);
}

static int on_connection(const struct mg_connection *conn, void **data)
{
	struct workspace *w = mg_get_thread_pointer(conn);

	(void)data;
	if (w)
		w->rejected = false;
	seat_begin();
	return 0;
}

static void on_close(const struct mg_connection *conn)
{
	request_orphan(http_of(conn), (struct mg_connection *)conn);
	seat_end();
}

static int on_log(const struct mg_connection *conn, const char *message)
{
	(void)conn;
	log_debug("http.library", "message=%s", LOG_QUOTE(message));
	return 1;
}

static void *on_thread(const struct mg_context *context, int type)
{
	struct http *h = mg_get_user_data(context);
	struct workspace *w = NULL;

	if (type == 0)
		seats_accept_here(h->seats);
	if (type == 1) {
		uint64_t number = __atomic_add_fetch(&h->thread_count, 1,
						     __ATOMIC_RELAXED);

		w = &h->workspaces[number - 1];
		w->number = number;
		seats_serve_here(h->seats);
	}
	return w;
}

static void on_thread_end(const struct mg_context *context, int type,
			  void *pointer)
{
	struct workspace *w = pointer;

	(void)context;
	(void)type;
	if (!w)
		return;
	reply_free(&w->request.reply);
	text_free(&w->request.out);
	free(w->query_bytes);
}

static const struct mg_callbacks callbacks = {
	.begin_request = on_request,
	.http_error = on_error,
	.init_connection = on_connection,
	.connection_close = on_close,
	.log_message = on_log,
	.init_thread = on_thread,
	.exit_thread = on_thread_end,
};

/* --- start --------------------------------------------------------------------------- */

/* Can we have this address?  The library only says that something failed. */
static int try_address(const char *address, uint16_t port, char *message,
		       size_t size)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int fd, on = 1, r = 0;

	if (inet_pton(AF_INET, address, &in.sin_addr) != 1) {
		snprintf(message, size, "http.listen: %s is no address",
			 address);
		return -EINVAL;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(fd, 1) < 0) {
		r = -errno;
		snprintf(message, size, "cannot listen on %s:%d: %s", address,
			 port, strerror(-r));
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int http_bind(struct http *h, uint16_t port, char *message, size_t size)
{
	char listening[32], threads[16];
	const char *options[] = {
		"listening_ports", listening,
		"num_threads", threads,
		"enable_keep_alive", "yes",
		"keep_alive_timeout_ms", "15000",
		"request_timeout_ms", "10000",
		"connection_queue", "256",
		"listen_backlog", "1024",
		"max_request_size", "16384",
		"tcp_nodelay", "1",
		"decode_url", "no",
		"enable_auth_domain_check", "no",
		NULL
	};
	struct mg_server_port bound;
	int r = try_address(h->address, port, message, size);

	if (r < 0)
		return r;
	snprintf(listening, sizeof(listening), "%s:%u", h->address, port);
	snprintf(threads, sizeof(threads), "%lld",
		 (long long)h->settings->http_threads);
	h->context = mg_start(&callbacks, h, options);
	if (!h->context ||
	    mg_get_server_ports(h->context, 1, &bound) < 1) {
		snprintf(message, size, "cannot serve %s with %s threads",
			 listening, threads);
		return -EAGAIN;
	}
	h->port = bound.port;
	return 0;
}

static int http_new(struct http **out, struct engine *e, struct reader *r,
		    const struct settings *settings)
{
	struct http *h = calloc(1, sizeof(*h));
	pthread_condattr_t attr;

	if (!h)
		return -ENOMEM;
	/* here, where it can still be said: a thread could not */
	h->workspaces = calloc(settings->http_threads,
			       sizeof(*h->workspaces));
	if (!h->workspaces) {
		free(h);
		return -ENOMEM;
	}
	h->engine = e;
	h->board = engine_board(e);
	h->reader = r;
	h->settings = settings_ref(settings);
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->moved, &attr);
	pthread_condattr_destroy(&attr);
	random_system(&h->request_salt, sizeof(h->request_salt));
	random_system(&h->fault_seed, sizeof(h->fault_seed));
	*out = h;
	return 0;
}

int http_start(struct http **out, struct engine *e, struct reader *r,
	       const struct settings *settings, const struct keys *keys,
	       char address_out[SETTINGS_ADDRESS_SIZE], int *port_out,
	       char *message_out, size_t message_size)
{
	struct http *h = NULL;
	uint16_t port;
	int error = http_new(&h, e, r, settings);

	snprintf(message_out, message_size, "out of memory");
	if (error < 0)
		return error;
	if (!settings_listen(settings->http_listen, h->address, &port)) {
		snprintf(message_out, message_size, "http.listen: malformed");
		error = -EINVAL;
		goto fail;
	}
	h->any_address = strcmp(h->address, "0.0.0.0") == 0;
	h->keys = keys;
	error = -ENOMEM;
	h->metrics = metrics_new();
	if (!h->metrics)
		goto fail;
	error = seats_new(&h->seats, (int)settings->http_threads);
	if (error < 0)
		goto fail;
	mg_init_library(0);
	error = http_bind(h, port, message_out, message_size);
	if (error < 0)
		goto fail;
	memcpy(address_out, h->address, sizeof(h->address));
	*port_out = h->port;
	*out = h;
	return 0;
fail:
	http_stop(h);
	return error;
}

/* --- the end ------------------------------------------------------------------------------ */

void http_drain_begin(struct http *h)
{
	__atomic_store_n(&h->draining, true, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&h->lock);
	pthread_cond_broadcast(&h->moved);
	pthread_mutex_unlock(&h->lock);
}

static bool is_busy(const struct http *h)
{
	uint64_t threads = __atomic_load_n(&h->thread_count, __ATOMIC_RELAXED);

	for (uint64_t i = 0; i < threads; i++)
		if (__atomic_load_n(&h->workspaces[i].busy, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

bool http_drained(struct http *h, int64_t wait_ms)
{
	int64_t until_ms = clock_real_mono_ms() + wait_ms;
	struct timespec until = { .tv_sec = until_ms / 1000,
				  .tv_nsec = until_ms % 1000 * 1000000 };
	bool drained;

	pthread_mutex_lock(&h->lock);
	while (is_busy(h) &&
	       pthread_cond_timedwait(&h->moved, &h->lock, &until) == 0)
		;
	drained = !is_busy(h);
	pthread_mutex_unlock(&h->lock);
	return drained;
}

static void *stop_run(void *user)
{
	mg_stop(user);
	return NULL;
}

/* The library's accepting thread looks at its stop flag once a second, and
 * after each connection: one to nobody makes it look. */
static void knock(const struct http *h)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)h->port) };
	struct timespec wait = { .tv_nsec = 5000000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	inet_pton(AF_INET, h->any_address ? "127.0.0.1" : h->address,
		  &in.sin_addr);
	nanosleep(&wait, NULL);
	(void)connect(fd, (struct sockaddr *)&in, sizeof(in));
	close(fd);
}

void http_stop(struct http *h)
{
	pthread_t thread;

	if (!h)
		return;
	if (h->context) {
		http_drain_begin(h);
		seats_clear(h->seats);
		/* from mg_stop on the library sends nothing more */
		(void)http_drained(h, LAST_WORD_MS);
		if (pthread_create(&thread, NULL, stop_run, h->context) == 0) {
			knock(h);
			pthread_join(thread, NULL);
		} else {
			mg_stop(h->context);
		}
	}
	seats_free(h->seats);
	metrics_free(h->metrics);
	settings_unref(h->settings);
	pthread_cond_destroy(&h->moved);
	pthread_mutex_destroy(&h->lock);
	free(h->workspaces);
	free(h);
}

/* --- those who hold a thread ------------------------------------------------------------- */

static const char *const held_names[HELD_KINDS] = {
	[HELD_WAIT] = "wait", [HELD_STREAM] = "stream",
	[HELD_EVENTS] = "events",
};

const char *held_name(enum held kind)
{
	return (unsigned)kind < HELD_KINDS ? held_names[kind] : "?";
}

bool held_begin(struct http *h, enum held kind)
{
	int all = __atomic_add_fetch(&h->held_all, 1, __ATOMIC_RELAXED);

	if (all > h->settings->http_threads - HTTP_SPARE_THREADS ||
	    __atomic_load_n(&h->draining, __ATOMIC_RELAXED)) {
		__atomic_sub_fetch(&h->held_all, 1, __ATOMIC_RELAXED);
		return false;
	}
	__atomic_add_fetch(&h->held[kind], 1, __ATOMIC_RELAXED);
	return true;
}

void held_end(struct http *h, enum held kind)
{
	__atomic_sub_fetch(&h->held[kind], 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&h->held_all, 1, __ATOMIC_RELAXED);
}

int64_t http_held(const struct http *h, enum held kind)
{
	return __atomic_load_n(&h->held[kind], __ATOMIC_RELAXED);
}

const struct metrics *http_metrics(const struct http *h)
{
	return h->metrics;
}
