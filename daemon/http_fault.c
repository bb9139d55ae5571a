#include "daemon/http_request.h"

#include "core/clock.h"
#include "core/random.h"

#include <string.h>

/* Faults are for what polls and submits; an operator's view of the queue and
 * a test's hold on the clock stay whole. */
static bool is_exposed(const char *path)
{
	static const char *const exempt[] = { "/v1/queue", "/v1/clock" };

	for (size_t i = 0; i < sizeof(exempt) / sizeof(exempt[0]); i++)
		if (strncmp(path, exempt[i], strlen(exempt[i])) == 0 &&
		    strchr(":/", path[strlen(exempt[i])]))
			return false;
	return strcmp(path, "/status") == 0 ||
	       strncmp(path, "/status/", 8) == 0 ||
	       strcmp(path, "/v1") == 0 || strncmp(path, "/v1/", 4) == 0;
}

/* Sleeps, in real time, but not past the start of a drain. */
static void fault_delay(struct http *h, int64_t delay_ms)
{
	int64_t until_ms = clock_real_mono_ms() + delay_ms;
	struct timespec until = { .tv_sec = until_ms / 1000,
				  .tv_nsec = until_ms % 1000 * 1000000 };

	pthread_mutex_lock(&h->lock);
	while (!__atomic_load_n(&h->draining, __ATOMIC_SEQ_CST) &&
	       pthread_cond_timedwait(&h->moved, &h->lock, &until) == 0)
		;
	pthread_mutex_unlock(&h->lock);
}

static bool fault_decide(struct request *r, const struct settings *s)
{
	struct http *h = r->http;
	uint64_t n = __atomic_fetch_add(&h->fault_count, 1, __ATOMIC_RELAXED);
	uint64_t key = random_key_of_number(n);

	if (s->faults_http_latency_ms > 0)
		fault_delay(h, s->faults_http_latency_ms);
	if (random_unit(h->fault_seed, key, 0, DRAW_FAILS, 0) <
	    s->faults_http_drop_rate) {
		r->close = true;
		r->sent = true;		/* closed without an answer */
		return true;
	}
	if (random_unit(h->fault_seed, key, 0, DRAW_FAILS, 1) <
	    s->faults_http_error_rate) {
		reply_header_int(&r->reply, "Retry-After", 1);
		reply_problem(&r->reply, 503, "injected",
			      "This failure was asked for, in [faults].");
		return true;
	}
	return false;
}

bool request_fault(struct request *r)
{
	const struct settings *s;
	bool fault;

	if (!engine_has_faults(r->http->engine) || !is_exposed(r->path))
		return false;
	s = engine_settings(r->http->engine);
	fault = fault_decide(r, s);
	settings_unref(s);
	return fault;
}
