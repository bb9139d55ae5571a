/* One request: sending it, judging what came, and sending it again. */
#include "client/internal.h"

#include "client/alloc.h"
#include "client/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

hg_err hg__begin(hg_client *c)
{
	hg__error_clear(&c->error);
	c->deadline_ms = hg__now_ms() + c->timeout_ms;
	c->may_have_acted = false;
	if (hg__interrupted(c))
		return hg__error_say(&c->error, HG_EINTERRUPTED,
				     "interrupted before it began");
	return HG_OK;
}

struct hg__slice hg__body(const hg_client *c)
{
	return (struct hg__slice){ c->answer.body.data, c->answer.body.len };
}

/* --- starting and stopping ------------------------------------------------- */

bool hg__may_start(hg_client *c)
{
	/* whoever began it may not be there to read what comes of it */
	if (c->breaker.probing)
		hg__stop(c, "another");
	return hg__breaker_allow(&c->breaker, hg__now_ms());
}

hg_err hg__start(hg_client *c, const struct hg__request *request,
		 struct hg_watch *holder)
{
	hg_err err;

	hg__stop(c, "another");
	err = hg__transport_start(c->transport, request, &c->answer);
	if (err)
		return err;
	c->holder = holder;
	c->request = request;
	c->stats.calls++;
	if (request->stream)
		c->stats.streams++;
	else if (request->hold_s)
		c->stats.holds++;
	return HG_OK;
}

/* What is known of a request that nobody will judge. */
static void log_cut(hg_client *c, const char *why)
{
	const struct hg__answer *a = &c->answer;

	hg__log(c, LOG_DEBUG, "call",
		"method=%s path=%s status=%d ms=%" PRId64 " bytes=%" PRIu64
		" cut=%s", c->request->method, c->request->path, a->status,
		a->done ? a->took_ms : hg__now_ms() - a->sent_ms,
		a->body_bytes, why);
}

void hg__stop(hg_client *c, const char *why)
{
	struct hg_watch *holder = c->holder;

	if (c->request) {	/* under way, or its answer was not looked at */
		hg__transport_cancel(c->transport);
		c->stats.bytes_in += c->answer.body_bytes;
		hg__breaker_undecided(&c->breaker);
		if (c->request->stream)
			hg__reconnect_left(&c->reconnect, hg__now_ms());
		log_cut(c, why);
	}
	c->request = NULL;
	c->holder = NULL;
	if (holder)
		hg__watch_lost(holder);
}

void hg__expire(hg_client *c)
{
	struct hg__answer *a = &c->answer;

	hg__transport_cancel(c->transport);
	a->took_ms = hg__now_ms() - a->sent_ms;
	a->trouble = HG__TROUBLE_TIMEOUT;
	snprintf(a->detail, sizeof(a->detail), "%s after %" PRId64 " ms",
		 a->heard_ms ? "only a part of it" : "nothing", a->took_ms);
	a->done = true;
}

/* --- judging --------------------------------------------------------------- */

/* The part of a path that may be told: not too much of it. */
#define PATH_SHOWN 120

static void say_trouble(hg_client *c, const struct hg__request *r, hg_err err)
{
	const struct hg__answer *a = &c->answer;
	static const char *const words[HG__TROUBLES] = {
		[HG__TROUBLE_RESOLVE] = "the server's name cannot be resolved",
		[HG__TROUBLE_CONNECT] = "the server cannot be reached",
		[HG__TROUBLE_RESET] = "the connection broke",
		[HG__TROUBLE_TIMEOUT] = "no answer in time",
		[HG__TROUBLE_TLS] = "no secure connection",
		[HG__TROUBLE_CERTIFICATE] = "a certificate was refused",
		[HG__TROUBLE_PROTOCOL] = "the answer is not acceptable",
		[HG__TROUBLE_BODY] = "the answer is not the JSON expected",
		[HG__TROUBLE_MEMORY] = "out of memory",
		[HG__TROUBLE_URL] = "the address cannot be asked for",
	};

	hg__error_say(&c->error, err, "%s %.*s: %s%s%s", r->method, PATH_SHOWN,
		      r->path, words[a->trouble], a->detail[0] ? ": " : "",
		      a->detail);
}

static void say_status(hg_client *c, const struct hg__request *r, hg_err err,
		       const struct hg__problem *p)
{
	const char *what = p->detail;

	if (!*what && c->answer.status >= 300 && c->answer.status < 400)
		what = "redirects are not followed";
	if (!*what)
		what = hg_strerror(err);
	hg__error_say(&c->error, err, "%s %.*s: %s (%d%s%s)", r->method,
		      PATH_SHOWN, r->path, what, c->answer.status,
		      *p->code ? " " : "", p->code);
}

static void count_answer(hg_client *c, const struct hg__request *r,
			 const struct hg__verdict *v)
{
	struct hg__answer *a = &c->answer;

	c->stats.bytes_in += a->body_bytes;
	if (!v->err) {
		hg__budget_success(&c->budget);
		if (!r->hold_s && !r->stream)
			c->rtt_ms = c->rtt_ms ? (7 * c->rtt_ms + a->took_ms) / 8
					      : a->took_ms + 1;
	}
	if (v->sick) {
		bool was_open = c->breaker.open;

		hg__breaker_failure(&c->breaker, hg__now_ms(), hg__random(c));
		if (c->breaker.open && !was_open)
			hg__log(c, LOG_WARNING, "breaker.open", "ms=%" PRId64,
				hg__breaker_wait_ms(&c->breaker, hg__now_ms()));
	} else if (a->status || a->trouble == HG__TROUBLE_PROTOCOL) {
		hg__breaker_success(&c->breaker);
	} else {
		hg__breaker_undecided(&c->breaker);
	}
}

static void log_answer(hg_client *c, const struct hg__request *r)
{
	const struct hg__answer *a = &c->answer;

	if (a->trouble)
		hg__log(c, LOG_DEBUG, "call",
			"method=%s path=%s status=%d ms=%" PRId64
			" failed=\"%s\"", r->method, r->path, a->status,
			a->took_ms, a->detail);
	else
		hg__log(c, LOG_DEBUG, "call",
			"method=%s path=%s status=%d ms=%" PRId64
			" bytes=%" PRIu64, r->method, r->path, a->status,
			a->took_ms, a->body_bytes);
}

struct hg__verdict hg__judge(hg_client *c, const struct hg__request *r,
			     struct hg__problem *problem_out)
{
	struct hg__answer *a = &c->answer;
	struct hg__verdict v;

	c->request = NULL;
	memset(problem_out, 0, sizeof(*problem_out));
	if (!a->trouble && a->status / 100 == 2 && a->status != 204 &&
	    !a->is_stream &&
	    hg__wire_check(a->body.data, a->body.len) != HG_OK)
		a->trouble = HG__TROUBLE_BODY;
	v = a->trouble ? hg__judge_trouble(a->trouble)
		       : hg__judge_status(a->status);
	log_answer(c, r);
	count_answer(c, r, &v);
	c->error.tries++;
	if (!v.err)
		return v;
	c->error.http_status = a->status;
	c->error.code[0] = '\0';
	c->error.retry_after_ms =
		a->retry_after[0] ? hg__retry_after_ms(a->retry_after,
						       hg__unix_ms())
				  : -1;
	hg__copy_text(c->error.request_id, sizeof(c->error.request_id),
		      a->request_id);
	if (a->trouble) {
		say_trouble(c, r, v.err);
		return v;
	}
	hg__wire_problem(a->body.data, a->body.len, problem_out);
	hg__copy_text(c->error.code, sizeof(c->error.code), problem_out->code);
	say_status(c, r, v.err, problem_out);
	return v;
}

/* --- a call with its retries ----------------------------------------------- */

/* HG_OK: there is an answer, or a failure, to judge. */
static hg_err await_answer(hg_client *c)
{
	for (;;) {
		hg__transport_turn(c->transport);
		if (c->answer.done)
			return HG_OK;
		if (hg__interrupted(c))
			return HG_EINTERRUPTED;
		if (hg__now_ms() >= c->deadline_ms) {
			hg__expire(c);
			return HG_OK;
		}
		hg__transport_sleep(c->transport, c->deadline_ms);
	}
}

static hg_err pause_until(hg_client *c, int64_t until_ms)
{
	for (;;) {
		hg__transport_turn(c->transport);
		if (hg__interrupted(c))
			return HG_EINTERRUPTED;
		if (hg__now_ms() >= until_ms)
			return HG_OK;
		hg__transport_sleep(c->transport, until_ms);
	}
}

hg_err hg__circuit_is_open(hg_client *c)
{
	c->error.retry_after_ms =
		hg__breaker_wait_ms(&c->breaker, hg__now_ms());
	return hg__error_say(&c->error, HG_ECIRCUIT,
			     "too many requests in a row failed: the next one "
			     "may go in %" PRId64 " ms",
			     c->error.retry_after_ms);
}

static hg_err was_interrupted(hg_client *c, const struct hg__request *r)
{
	if (hg__transport_busy(c->transport))
		c->error.tries++;
	hg__stop(c, "interrupted");
	return hg__error_say(&c->error, HG_EINTERRUPTED, "%s %.*s: interrupted",
			     r->method, PATH_SHOWN, r->path);
}

/* How long to wait before the next try; -1: it is not worth it. */
static int64_t retry_delay(hg_client *c, const struct hg__verdict *v,
			   unsigned failed)
{
	int64_t left = c->deadline_ms - hg__now_ms(), ms;

	if (!v->retry || failed >= c->max_tries || left <= 0 ||
	    !hg__budget_take(&c->budget))
		return -1;
	ms = hg__retry_ms(failed, v->wait_hint ? c->error.retry_after_ms : -1,
			  left, hg__random(c));
	return ms < left ? ms : -1;
}

/* Can the server have done what it was asked for, although we do not know it?
 * Not where it was never reached or turned the request away. */
static bool answer_was_lost(const struct hg__answer *a)
{
	switch (a->trouble) {
	case HG__TROUBLE_NONE:
		return a->status == 408 ||
		       (a->status >= 500 && a->status != 503);
	case HG__TROUBLE_RESET:
	case HG__TROUBLE_TIMEOUT:
	case HG__TROUBLE_PROTOCOL:
	case HG__TROUBLE_BODY:
		return true;
	case HG__TROUBLE_RESOLVE:
	case HG__TROUBLE_CONNECT:
	case HG__TROUBLE_TLS:
	case HG__TROUBLE_CERTIFICATE:
	case HG__TROUBLE_MEMORY:
	case HG__TROUBLE_URL:
	case HG__TROUBLES:
		break;
	}
	return false;
}

static hg_err send_once(hg_client *c, const struct hg__request *r,
			struct hg__problem *problem, struct hg__verdict *v)
{
	hg_err err = hg__start(c, r, NULL);

	if (err) {
		hg__breaker_undecided(&c->breaker);
		return hg__error_say(&c->error, err, "out of memory");
	}
	if (!r->hold_s && !strcmp(r->method, "GET"))
		c->stats.polls++;
	err = await_answer(c);
	if (err)
		return was_interrupted(c, r);
	*v = hg__judge(c, r, problem);
	c->may_have_acted |= c->answer.sends > 1 || answer_was_lost(&c->answer);
	return HG_OK;
}

/* The details are those of the failure whose code is returned; the tries are all
 * of them. */
static hg_err tell(hg_client *c, struct hg__error *told, hg_err err)
{
	told->tries = c->error.tries;
	c->error = *told;
	return err;
}

hg_err hg__send(hg_client *c, const struct hg__request *r,
		struct hg__problem *problem_out)
{
	/* cppcheck-suppress uninitvar ; filled before anybody reads it */
	struct hg__problem unused, *problem = problem_out ? problem_out : &unused;
	struct hg__verdict v = { .err = HG_OK };
	hg_err err, last = HG_OK;
	struct hg__error told;
	int64_t ms;

	for (unsigned failed = 1;; failed++) {
		if (!hg__may_start(c))
			return last ? tell(c, &told, last)
				    : hg__circuit_is_open(c);
		c->stats.retries += failed > 1;
		err = send_once(c, r, problem, &v);
		if (err || !v.err)
			return err;
		/* our own clock ran out: what failed before says more */
		if (v.err != HG_ETIMEDOUT || !last) {
			last = v.err;
			told = c->error;
		}
		ms = retry_delay(c, &v, failed);
		if (ms < 0)
			return tell(c, &told, last);
		hg__log(c, LOG_NOTICE, "call.retry",
			"path=%s ms=%" PRId64 " tries=%u why=\"%s\"", r->path,
			ms, failed, c->error.message);
		if (pause_until(c, hg__now_ms() + ms))
			return was_interrupted(c, r);
	}
}

hg_err hg__end(hg_client *c, hg_err err)
{
	if (!err)
		hg__error_clear(&c->error);
	else if (!c->error.message[0])
		hg__error_say(&c->error, err, "%s", hg_strerror(err));
	hg__wake_again(c);
	return err;
}
