#define _GNU_SOURCE
#include "client/ctl.h"

#include "client/ctl_output.h"
#include "client/ctl_progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- codes ---------------------------------------------------------------- */

int ctl_worst(int a, int b)
{
	static const int order[] = { CODE_INTERRUPTED, CODE_USAGE, CODE_AUTH,
				     CODE_FAILED, CODE_TIMED_OUT, CODE_UNKNOWN,
				     CODE_STATE, CODE_ERROR, CODE_CANCELED };

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return CODE_DONE;
}

int ctl_code(hg_err e)
{
	switch (e) {
	case HG_OK:
		return CODE_DONE;
	case HG_EINVAL:
		return CODE_USAGE;
	case HG_EINTERRUPTED:
		return CODE_INTERRUPTED;
	case HG_EAUTH:
		return CODE_AUTH;
	case HG_ENOTFOUND:
	case HG_EGONE:
		return CODE_UNKNOWN;
	case HG_ESTATE:
		return CODE_STATE;
	case HG_ENOMEM:
	case HG_ETIMEDOUT:	/* one request's time, not that of a wait */
	case HG_ENETWORK:
	case HG_EUNAVAILABLE:
	case HG_ERATELIMIT:
	case HG_ECIRCUIT:
	case HG_EREJECTED:
	case HG_EPROTOCOL:
	case HG_EUNSUPPORTED:
	case HG_EPARTIAL:
		return CODE_FAILED;
	}
	return CODE_FAILED;
}

bool ctl_may_pass(hg_err e)
{
	switch (e) {
	case HG_ENOMEM:
	case HG_ETIMEDOUT:
	case HG_ENETWORK:
	case HG_EUNAVAILABLE:
	case HG_ERATELIMIT:
	case HG_ECIRCUIT:
		return true;
	case HG_OK:
	case HG_EINVAL:
	case HG_EINTERRUPTED:
	case HG_EAUTH:
	case HG_ENOTFOUND:
	case HG_EGONE:
	case HG_ESTATE:
	case HG_EREJECTED:
	case HG_EPROTOCOL:
	case HG_EUNSUPPORTED:
	case HG_EPARTIAL:
		break;
	}
	return false;
}

int ctl_job_code(hg_state state, hg_result result)
{
	if (state == HG_STATE_CANCELED)
		return CODE_CANCELED;
	return result == HG_ERROR ? CODE_ERROR : CODE_DONE;
}

/* --- words ---------------------------------------------------------------- */

/* One write a line, so that lines of several processes stay whole. */
static void say_text(struct ctl *ctl, const char *sentence)
{
	struct text line = { 0 };

	text_add(&line, "heygenctl: ");
	text_add_escaped(&line, sentence, TEXT_SHOWN);
	text_add_char(&line, '\n');
	progress_clear(ctl->progress);
	output_flush();
	(void)fwrite(line.s, 1, line.len, stderr);
	(void)fflush(stderr);
	text_free(&line);
}

__attribute__((format(printf, 2, 0)))
static void say(struct ctl *ctl, const char *format, va_list args)
{
	char *sentence;

	if (vasprintf(&sentence, format, args) < 0)
		text_die_of_memory();
	say_text(ctl, sentence);
	free(sentence);
}

void ctl_error(struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ctl, format, args);
	va_end(args);
}

void ctl_note(struct ctl *ctl, const char *format, ...)
{
	va_list args;

	if (ctl->options.quiet)
		return;
	va_start(args, format);
	say(ctl, format, args);
	va_end(args);
}

int ctl_usage(struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ctl, format, args);
	va_end(args);
	return CODE_USAGE;
}

/* " (409 invalid_state, request 7f…)"; nothing when no answer came at once. */
static void add_answer(struct text *t, const hg_client *c)
{
	const char *code = hg_error_code(c), *id = hg_error_request_id(c);
	int status = hg_error_http_status(c), tries = hg_error_tries(c);
	const char *comma = "";

	if (!status && tries < 2)
		return;
	text_add(t, " (");
	if (status) {
		text_addf(t, "%d%s%s", status, code ? " " : "",
			  code ? code : "");
		comma = ", ";
	}
	if (tries > 1) {
		text_addf(t, "%s%d tries", comma, tries);
		comma = ", ";
	}
	if (status && id)
		text_addf(t, "%srequest %s", comma, id);
	text_add_char(t, ')');
}

static const char *state_of(hg_state state)
{
	switch (state) {
	case HG_STATE_UNKNOWN:
		return NULL;
	case HG_STATE_QUEUED:
	case HG_STATE_RUNNING:
	case HG_STATE_PAUSED:
	case HG_STATE_COMPLETED:
	case HG_STATE_ERROR:
	case HG_STATE_CANCELED:
		return state_words[state - HG_STATE_QUEUED];
	}
	return NULL;
}

/* What stood in the way: "it is completed" says more than "not allowed".  The
 * handle does not learn it from the refusal, so it is asked for. */
static const char *standing(hg_client *c, hg_job *job)
{
	if (!job || hg_refresh(c, job) != HG_OK)
		return NULL;
	return state_of(hg_job_state(job));
}

static bool ends_with(const struct text *t, const char *end)
{
	size_t n = strlen(end);

	return t->len >= n && !strcmp(t->s + t->len - n, end);
}

const char *ctl_without_request(const char *message)
{
	static const char *const methods[] = { "GET /", "POST /", "PATCH /",
					       "DELETE /" };
	const char *colon = strstr(message, ": ");

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (!strncmp(message, methods[i], strlen(methods[i])) && colon)
			return colon + 2;
	return message;
}

/* The library's sentence as a clause: what was asked stands before it and the
 * answer behind it already, so "POST /v1/jobs: ", " (404 not_found)" and the
 * full stop go. */
void ctl_add_reason(struct text *t, const hg_client *c, hg_err e)
{
	const char *message = ctl_without_request(hg_error_message(c));
	const char *code = hg_error_code(c);
	struct text answer = { 0 };

	text_add(t, *message ? message : hg_strerror(e));
	text_addf(&answer, " (%d%s%s)", hg_error_http_status(c),
		  code ? " " : "", code ? code : "");
	if (ends_with(t, answer.s))
		t->s[t->len -= answer.len] = '\0';
	if (ends_with(t, "."))
		t->s[--t->len] = '\0';
	if (t->s[0] >= 'A' && t->s[0] <= 'Z' && t->s[1] >= 'a' &&
	    t->s[1] <= 'z')
		t->s[0] += 'a' - 'A';
	text_free(&answer);
}

int ctl_failed(struct ctl *ctl, hg_client *c, hg_err e, const char *what,
	       const char *id, hg_job *job)
{
	struct text why = { 0 }, answer = { 0 };
	const char *code = hg_error_code(c), *state;
	bool in_the_way = e == HG_ESTATE && code &&
			  !strcmp(code, "invalid_state");

	ctl->told = e;
	if (e == HG_EINTERRUPTED && signals_interrupted())
		return CODE_INTERRUPTED;	/* the verb says what goes on */
	if (e == HG_EINTERRUPTED && signals_cut_off())
		return CODE_TIMED_OUT;
	ctl_add_reason(&why, c, e);
	add_answer(&answer, c);
	state = in_the_way ? standing(c, job) : NULL;
	ctl_error(ctl, "cannot %s%s%s: %s%s%s", what, id ? " " : "",
		  id ? id : "", !state ? "" : strcmp(state, "error") ?
		  "it is " : "it is in ", state ? state : why.s,
		  text_get(&answer));
	text_free(&why);
	text_free(&answer);
	return ctl_code(e);
}
