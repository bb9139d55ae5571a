#include "config.h"

#include "bench/walk.h"

#include "bench/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 500

static void keep_ids(struct walk *w, const char *page, size_t step)
{
	static const char key[] = "{\"id\":\"";

	for (const char *at = page; (at = strstr(at, key)); at += 36) {
		at += sizeof(key) - 1;
		if (w->jobs++ % step == 0)
			snprintf(w->ids[w->ids_count++], sizeof(*w->ids),
				 "%.36s", at);
	}
}

/* The token of the next page; false: this was the last one. */
static bool next_token(const char *page, char token[WALK_TOKEN])
{
	static const char key[] = "\"next_page_token\":\"";
	const char *at = strstr(page, key);

	if (!at)
		return false;
	at += sizeof(key) - 1;
	snprintf(token, WALK_TOKEN, "%.*s", (int)strcspn(at, "\""), at);
	return true;
}

void walk(const struct server *server, size_t jobs, size_t ids_max,
	  struct walk *out)
{
	size_t step = jobs > ids_max ? jobs / ids_max : 1;
	char path[WALK_TOKEN + 64], token[WALK_TOKEN] = "";
	const char *page;
	int fd = 0;

	*out = (struct walk){ .ids = calloc(jobs / step + PAGE,
					    sizeof(*out->ids)) };
	if (!out->ids)
		give_up("no memory for %zu ids", jobs / step);
	do {
		snprintf(path, sizeof(path), "/v1/jobs?limit=%d%s%s", PAGE,
			 *token ? "&page_token=" : "", token);
		page = ask_on(server, &fd, "GET", path, NULL);
		keep_ids(out, page, step);
		if (!next_token(page, token))
			break;
		if (!*out->deep && out->jobs >= jobs / 10 * 9)
			memcpy(out->deep, token, sizeof(token));
	} while (out->jobs < jobs + PAGE);
	close(fd);
	if (out->jobs != jobs)
		give_up("%zu jobs are listed, not %zu", out->jobs, jobs);
}

void walk_free(struct walk *w)
{
	free(w->ids);
	*w = (struct walk){ 0 };
}

size_t walk_status_request(void *user, uint64_t i, char *out, size_t size)
{
	const struct walk *w = user;

	/* a large odd step: neighbours in the list are not neighbours here */
	return snprintf(out, size, "GET /status?job_id=%s HTTP/1.1\r\n"
			"Host: localhost\r\n\r\n",
			w->ids[i * 7919 % w->ids_count]);
}
