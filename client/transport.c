#include "client/transport.h"

#include "client/alloc.h"
#include "client/error.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 16
#define BODY_KEPT ((size_t)1 << 20)
#define TURNS_MAX 64		/* of curl's own zero time-outs, in one turn */

struct hg__transport {
	const char *base_url;
	char *api_key, *ca_file, *user_agent;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;	/* of the request under way */
	struct hg__answer *answer;	/* NULL: nothing is under way */
	struct hg__buf body;		/* what we send */
	int (*sink)(void *user, const char *data, size_t n);
	void *user;
	char curl_words[CURL_ERROR_SIZE];
	bool stream;
	bool too_much, no_memory;
	int64_t curl_ms;		/* when curl wants its turn; -1: not */
	int epoll_fd, timer_fd, wake_fd;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

/* curl 7.84 and later does this safely beside other threads that do the same. */
static void global_init(void)
{
	global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- what curl asks of us -------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user,
		     void *known)
{
	struct hg__transport *t = user;
	struct epoll_event ev = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* it may be closed already, and then it left by itself */
		(void)epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(t->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		ev.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(t->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
		      &ev) < 0) {
		if ((errno != EEXIST && errno != ENOENT) ||
		    epoll_ctl(t->epoll_fd,
			      known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
			      &ev) < 0) {
			t->no_memory = true;	/* the turn ends it */
			return -1;
		}
	}
	curl_multi_assign(t->multi, fd, t);
	return 0;
}

static void arm_timer(struct hg__transport *t)
{
	struct itimerspec when = { 0 };

	if (t->curl_ms >= 0) {
		when.it_value.tv_sec = t->curl_ms / 1000;
		when.it_value.tv_nsec = t->curl_ms % 1000 * 1000000 + 1;
	}
	(void)timerfd_settime(t->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static int on_timer(CURLM *multi, long ms, void *user)
{
	struct hg__transport *t = user;

	(void)multi;
	t->curl_ms = ms < 0 ? -1 : now_ms() + ms;
	arm_timer(t);
	return 0;
}

static curl_socket_t on_open(void *user, curlsocktype purpose,
			     struct curl_sockaddr *a)
{
	(void)user;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static int on_send(void *user, char *theirs, char *ours, int their_port,
		   int our_port)
{
	struct hg__transport *t = user;

	(void)theirs;
	(void)ours;
	(void)their_port;
	(void)our_port;
	t->answer->sends++;
	return CURL_PREREQFUNC_OK;
}

/* --- what comes in --------------------------------------------------------- */

/* The value of a header line if it bears that name, else NULL. */
static const char *header_value(const char *line, size_t n, const char *name,
				size_t *value_len)
{
	size_t len = strlen(name);
	const char *p, *end = line + n;

	if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
		return NULL;
	p = line + len + 1;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && strchr(" \t\r\n", end[-1]))
		end--;
	*value_len = (size_t)(end - p);
	return p;
}

static void keep_header(const char *line, size_t n, const char *name, char *to,
			size_t size)
{
	char value[256];
	size_t len;
	const char *p = header_value(line, n, name, &len);

	if (!p || len >= sizeof(value))
		return;
	memcpy(value, p, len);
	value[len] = '\0';
	hg__copy_text(to, size, value);
}

/* An answer's first line: whatever an interim answer said is void. */
static void new_answer(struct hg__answer *a)
{
	a->preference_applied = false;
	a->is_stream = false;
	a->retry_after[0] = '\0';
	a->request_id[0] = '\0';
	a->content_type[0] = '\0';
}

void hg__answer_header(struct hg__answer *a, const char *line, size_t n)
{
	char applied[64] = "";

	if (n >= 5 && !memcmp(line, "HTTP/", 5))
		new_answer(a);
	keep_header(line, n, "Retry-After", a->retry_after,
		    sizeof(a->retry_after));
	keep_header(line, n, "Request-Id", a->request_id, sizeof(a->request_id));
	keep_header(line, n, "Content-Type", a->content_type,
		    sizeof(a->content_type));
	keep_header(line, n, "Preference-Applied", applied, sizeof(applied));
	if (!strncasecmp(applied, "wait", 4))
		a->preference_applied = true;
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
	struct hg__transport *t = user;
	struct hg__answer *a = t->answer;

	n *= size;
	a->heard_ms = now_ms();
	a->header_bytes += n;
	if (a->header_bytes > HG__HEADERS_MAX) {
		t->too_much = true;
		return 0;
	}
	hg__answer_header(a, line, n);
	return n;
}

static void note_status(struct hg__transport *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	t->answer->status = (int)status;
	t->answer->is_stream =
		t->stream && status == 200 &&
		!strncasecmp(t->answer->content_type, "text/event-stream", 17);
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	struct hg__transport *t = user;
	struct hg__answer *a = t->answer;

	n *= size;
	a->heard_ms = now_ms();
	a->body_bytes += n;
	if (!a->status)
		note_status(t);
	if (a->is_stream && t->sink)
		return t->sink(t->user, data, n) ? 0 : n;
	if (a->body.len + n > HG__BODY_MAX) {
		t->too_much = true;
		return 0;
	}
	hg__buf_put(&a->body, data, n);
	if (a->body.failed) {
		t->no_memory = true;
		return 0;
	}
	return n;
}

/* --- a request ------------------------------------------------------------- */

static enum hg__trouble trouble_of(const struct hg__transport *t, CURLcode code)
{
	if (t->no_memory)
		return HG__TROUBLE_MEMORY;
	if (t->too_much)
		return HG__TROUBLE_PROTOCOL;
	switch (code) {
	case CURLE_OK:
		return HG__TROUBLE_NONE;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return HG__TROUBLE_RESOLVE;
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
		return HG__TROUBLE_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return HG__TROUBLE_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
		return HG__TROUBLE_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return HG__TROUBLE_CERTIFICATE;
	case CURLE_UNSUPPORTED_PROTOCOL:	/* HTTP/0.9 */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_FILESIZE_EXCEEDED:
		return HG__TROUBLE_PROTOCOL;
	case CURLE_URL_MALFORMAT:
		return HG__TROUBLE_URL;
	case CURLE_OUT_OF_MEMORY:
		return HG__TROUBLE_MEMORY;
	default:
		return HG__TROUBLE_RESET;
	}
}

static void leave(struct hg__transport *t)
{
	curl_multi_remove_handle(t->multi, t->easy);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	t->answer = NULL;
}

static void finish(struct hg__transport *t, CURLcode code)
{
	struct hg__answer *a = t->answer;

	if (!a->status)
		note_status(t);
	a->trouble = trouble_of(t, code);
	/* a whole answer is an answer, whatever became of the connection */
	if (a->trouble && !t->too_much)
		hg__copy_text(a->detail, sizeof(a->detail),
			      t->curl_words[0] ? t->curl_words
					       : curl_easy_strerror(code));
	if (t->too_much)
		snprintf(a->detail, sizeof(a->detail),
			 "the answer is over %s",
			 a->header_bytes > HG__HEADERS_MAX
				 ? "64 KiB of headers" : "8 MiB");
	a->took_ms = now_ms() - a->sent_ms;
	leave(t);
	a->done = true;
}

static bool add_header(struct hg__transport *t, const char *name,
		       const char *value)
{
	struct hg__buf line = { 0 };
	struct curl_slist *list = NULL;

	hg__buf_printf(&line, *value ? "%s: %s" : "%s:%s", name, value);
	if (!line.failed)
		list = curl_slist_append(t->headers, line.data);
	hg__buf_free(&line);
	if (list)
		t->headers = list;
	return list;
}

static bool add_headers(struct hg__transport *t, const struct hg__request *r)
{
	char prefer[32];

	snprintf(prefer, sizeof(prefer), "wait=%u", r->hold_s);
	return add_header(t, "Accept", r->stream ? "text/event-stream"
						 : "application/json") &&
	       (!t->api_key || add_header(t, "X-Api-Key", t->api_key)) &&
	       (!r->idempotency_key ||
		add_header(t, "Idempotency-Key", r->idempotency_key)) &&
	       (!r->last_event_id ||
		add_header(t, "Last-Event-ID", r->last_event_id)) &&
	       (!r->hold_s || !r->prefer_hold ||
		add_header(t, "Prefer", prefer)) &&
	       /* without a value curl leaves out its own idea of it */
	       add_header(t, "Content-Type", r->body ? "application/json" : "") &&
	       add_header(t, "Expect", "");
}

/* What is the same for every request of a transport. */
static bool set_manners(struct hg__transport *t)
{
	CURL *e = t->easy;

	return !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) &&
	       !curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
				 (long)CURL_HTTP_VERSION_1_1) &&
	       !curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_words) &&
	       !curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open) &&
	       !curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send) &&
	       !curl_easy_setopt(e, CURLOPT_PREREQDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) &&
	       !curl_easy_setopt(e, CURLOPT_HEADERDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_USERAGENT, t->user_agent) &&
	       (!t->ca_file ||
		!curl_easy_setopt(e, CURLOPT_CAINFO, t->ca_file));
}

static bool set_request(struct hg__transport *t, const struct hg__request *r)
{
	CURL *e = t->easy;
	struct hg__buf url = { 0 };
	bool ok;

	hg__buf_puts(&url, t->base_url);
	hg__buf_puts(&url, r->path);
	ok = !url.failed && !curl_easy_setopt(e, CURLOPT_URL, url.data);
	hg__buf_free(&url);
	if (!ok || curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers))
		return false;
	if (!strcmp(r->method, "GET"))
		return true;
	if (curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method))
		return false;
	if (!strcmp(r->method, "DELETE"))
		return true;
	hg__buf_clear(&t->body);
	hg__buf_puts(&t->body, r->body ? r->body : "");
	hg__buf_put(&t->body, "", 0);
	return !t->body.failed &&
	       !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)t->body.len) &&
	       !curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body.data);
}

static void reset_answer(struct hg__answer *a)
{
	struct hg__buf body = a->body;

	if (body.cap > BODY_KEPT)	/* one huge answer is no reason */
		hg__buf_free(&body);
	hg__buf_clear(&body);
	memset(a, 0, sizeof(*a));
	a->body = body;
	a->sent_ms = now_ms();
}

hg_err hg__transport_start(struct hg__transport *t,
			   const struct hg__request *r,
			   struct hg__answer *answer)
{
	hg__transport_cancel(t);
	curl_easy_reset(t->easy);
	t->curl_words[0] = '\0';
	t->too_much = t->no_memory = false;
	t->stream = r->stream;
	t->sink = r->sink;
	t->user = r->user;
	reset_answer(answer);
	if (!add_headers(t, r) || !set_manners(t) || !set_request(t, r))
		goto fail;
	t->answer = answer;
	if (curl_multi_add_handle(t->multi, t->easy) == CURLM_OK)
		return HG_OK;
fail:
	t->answer = NULL;
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	return HG_ENOMEM;
}

bool hg__transport_busy(const struct hg__transport *t)
{
	return t->answer;
}

void hg__transport_cancel(struct hg__transport *t)
{
	if (t->answer)
		leave(t);
}

/* --- turning --------------------------------------------------------------- */

/* With CURLOPT_NOSIGNAL curl leaves SIGPIPE alone, and OpenSSL writes without
 * MSG_NOSIGNAL.  It is blocked for the time, and one that came is eaten. */
struct pipe_guard {
	sigset_t before;
	bool was_pending;
};

static void pipe_guard_on(struct pipe_guard *g)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &g->before);
	sigpending(&set);
	g->was_pending = sigismember(&set, SIGPIPE) == 1;
}

static void pipe_guard_off(const struct pipe_guard *g)
{
	static const struct timespec at_once;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	if (!g->was_pending)
		while (sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &g->before, NULL);
}

static void drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void turn_sockets(struct hg__transport *t)
{
	struct epoll_event events[EVENTS_A_TURN];
	int running, n, what;

	n = epoll_wait(t->epoll_fd, events, EVENTS_A_TURN, 0);
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == t->wake_fd ||
		    events[i].data.fd == t->timer_fd) {
			drain(events[i].data.fd);
			continue;
		}
		what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		       (events[i].events & (EPOLLERR | EPOLLHUP)
				? CURL_CSELECT_ERR : 0);
		curl_multi_socket_action(t->multi, events[i].data.fd, what,
					 &running);
	}
}

static void turn_timer(struct hg__transport *t)
{
	int running;

	for (int i = 0; i < TURNS_MAX; i++) {
		if (t->curl_ms < 0 || t->curl_ms > now_ms())
			return;
		t->curl_ms = -1;
		curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0,
					 &running);
	}
}

void hg__transport_turn(struct hg__transport *t)
{
	struct pipe_guard guard;
	CURLMsg *msg;
	CURLcode code;
	int left;

	pipe_guard_on(&guard);
	turn_sockets(t);
	turn_timer(t);
	while ((msg = curl_multi_info_read(t->multi, &left))) {
		code = msg->data.result;	/* gone once it is removed */
		if (msg->msg == CURLMSG_DONE && t->answer)
			finish(t, code);
	}
	/* of a socket that nobody watches curl would wait to hear, for ever */
	if (t->answer && t->no_memory)
		finish(t, CURLE_OUT_OF_MEMORY);
	pipe_guard_off(&guard);
	arm_timer(t);
}

void hg__transport_sleep(struct hg__transport *t, int64_t until_ms)
{
	struct epoll_event ev;
	int64_t ms = until_ms - now_ms();

	if (ms <= 0)
		return;
	/* level-triggered: what it saw is still there for the turn */
	(void)epoll_wait(t->epoll_fd, &ev, 1, ms > INT_MAX ? INT_MAX : (int)ms);
}

int hg__transport_fd(const struct hg__transport *t)
{
	return t->epoll_fd;
}

void hg__transport_wake(struct hg__transport *t)
{
	static const uint64_t one = 1;
	int saved = errno;

	/* full is awake as well */
	while (write(t->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

/* --- birth and death ------------------------------------------------------- */

static bool watch_fd(struct hg__transport *t, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return fd >= 0 && epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static bool open_descriptors(struct hg__transport *t)
{
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t->epoll_fd >= 0 && watch_fd(t, t->timer_fd) &&
	       watch_fd(t, t->wake_fd);
}

static bool open_curl(struct hg__transport *t)
{
	t->multi = curl_multi_init();
	t->easy = curl_easy_init();
	return t->multi && t->easy &&
	       !curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket) &&
	       !curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t) &&
	       !curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer) &&
	       !curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t) &&
	       !curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, 1L) &&
	       !curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 1L);
}

hg_err hg__transport_new(const struct hg__transport_options *o,
			 struct hg__transport **transport_out)
{
	struct hg__transport *t = hg__calloc(1, sizeof(*t));

	if (!t)
		return HG_ENOMEM;
	t->epoll_fd = t->timer_fd = t->wake_fd = -1;
	t->curl_ms = -1;
	t->base_url = o->base_url;
	t->api_key = hg__strdup(o->api_key);
	t->ca_file = hg__strdup(o->ca_file);
	t->user_agent = hg__strdup(o->user_agent);
	if ((o->api_key && !t->api_key) || (o->ca_file && !t->ca_file) ||
	    (o->user_agent && !t->user_agent))
		goto fail;
	pthread_once(&once, global_init);
	if (global_code != CURLE_OK || !open_descriptors(t) || !open_curl(t))
		goto fail;
	*transport_out = t;
	return HG_OK;
fail:
	hg__transport_free(t);
	return HG_ENOMEM;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* A key should not lie around in freed memory. */
static void free_secret(char *key)
{
	if (key)
		explicit_bzero(key, strlen(key));
	hg__free(key);
}

void hg__transport_free(struct hg__transport *t)
{
	struct pipe_guard guard;

	if (!t)
		return;
	pipe_guard_on(&guard);
	hg__transport_cancel(t);
	curl_easy_cleanup(t->easy);
	curl_multi_cleanup(t->multi);
	pipe_guard_off(&guard);
	close_fd(t->wake_fd);
	close_fd(t->timer_fd);
	close_fd(t->epoll_fd);
	hg__buf_free(&t->body);
	free_secret(t->api_key);
	hg__free(t->ca_file);
	hg__free(t->user_agent);
	hg__free(t);
}
