#include "crowd.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STREAM "Accept: text/event-stream\r\n\r\n"

const struct kind kinds[] = {
	/* comes, and says nothing */
	{ "mute", NULL, NULL, "", NULL, READS_ALL, false },
	/* asks once, takes the answer, stays */
	{ "idle", "GET", "/readyz", "\r\n", NULL, READS_ALL, false },
	/* a byte of the head a second, without end */
	{ "head", "GET", "/readyz", "X-Drip: ", "a", READS_ALL, false },
	/* a byte of the body a second */
	{ "body", "POST", "/v1/jobs",
	  "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
	  " ", READS_ALL, false },
	/* asks for big lists and never reads */
	{ "list", "GET", "/v1/jobs?limit=500", "\r\n", NULL, READS_NOTHING,
	  false },
	/* the same, with a sip a second: there is always progress */
	{ "sip", "GET", "/v1/jobs?limit=500", "\r\n", NULL, READS_A_LITTLE,
	  false },
	/* asks for a stream and never reads */
	{ "deaf", "GET", "/v1/events?after=0", STREAM, NULL, READS_NOTHING,
	  false },
	/* a stream, as it should be */
	{ "stream", "GET", "/v1/events", STREAM, NULL, READS_ALL, false },
	/* one long poll after the other */
	{ "wait", "GET", "/v1/events?wait=30", "\r\n", NULL, READS_ALL,
	  true },
	{ .name = NULL }
};

const struct kind *kind_find(const char *name)
{
	for (const struct kind *k = kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

size_t kind_request(const struct crowd *c, char *out, size_t size)
{
	const struct kind *k = c->kind;
	int n;

	if (!k->method)
		return 0;
	n = snprintf(out, size, "%s %s HTTP/1.1\r\nHost: %s:%d\r\n%s%s%s%s",
		     k->method, c->path ? c->path : k->path, c->host,
		     ntohs(c->to.sin_port), c->key ? "X-Api-Key: " : "",
		     c->key ? c->key : "", c->key ? "\r\n" : "", k->headers);
	if (n < 0 || (size_t)n >= size) {
		fprintf(stderr, "crowd: the path is too long\n");
		exit(64);
	}
	return (size_t)n;
}

/* --- answers ---------------------------------------------------------------------- */

static void head_line(struct crowd *c, struct answer *a)
{
	int status;

	a->line[a->line_length] = '\0';
	if (sscanf(a->line, "HTTP/1.1 %d", &status) == 1) {
		a->status = status;
		a->endless = true;
		c->answers[status >= 100 && status < 600 ? status / 100 : 0]++;
	} else if (strncasecmp(a->line, "Content-Length:", 15) == 0) {
		a->left = atoll(a->line + 15);
		a->endless = false;
	} else if (a->line_length == 0 && a->status != 0) {
		a->in_body = true;
		if (a->status == 204 || a->status == 304)
			a->endless = false;
	}
}

static void stream_line(struct crowd *c, const struct answer *a)
{
	if (a->line_length >= 6 && memcmp(a->line, "event:", 6) == 0)
		c->events++;
}

/* Lines matter in heads and streams only. */
static void answer_byte(struct crowd *c, struct answer *a, char byte)
{
	if (byte == '\r')
		return;
	if (byte != '\n') {
		if (a->line_length < sizeof(a->line) - 1)
			a->line[a->line_length++] = byte;
		return;
	}
	if (a->in_body)
		stream_line(c, a);
	else
		head_line(c, a);
	a->line_length = 0;
}

bool answer_take(struct crowd *c, struct answer *a, const char *bytes,
		 size_t length)
{
	bool complete = false;

	while (length > 0) {
		if (a->in_body && !a->endless) {
			size_t n = (int64_t)length < a->left ? length
							     : (size_t)a->left;

			a->left -= (int64_t)n;
			bytes += n;
			length -= n;
		} else {
			answer_byte(c, a, *bytes++);
			length--;
		}
		if (a->in_body && !a->endless && a->left == 0) {
			*a = (struct answer){ 0 };
			complete = true;
		}
	}
	return complete;
}
