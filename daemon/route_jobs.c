#include "daemon/http_request.h"

#include "core/clock.h"
#include "daemon/page_token.h"
#include "daemon/wire_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 100
#define LIMIT 50
#define LIMIT_MAX 500

/* --- GET /v1/jobs?ids= ------------------------------------------------------------------- */

/* One of the jobs asked for, whatever became of it. */
static int add_asked(struct request *r, const char *text, size_t length)
{
	struct text *t = &r->reply.body;
	char id[JOB_ID_SIZE] = "";
	struct wire_gone gone;
	struct job_view view;
	enum lookup found;
	uint8_t uuid[16];
	int error;

	if (length < sizeof(id)) {
		memcpy(id, text, length);
		id[length] = '\0';
	}
	if (!job_id_parse(id, uuid)) {
		wire_unknown(t, text, length);
		return 0;
	}
	found = board_find(r->http->board, uuid, &view);
	if (found == LOOKUP_FOUND) {
		wire_job(t, &view, r->base);
		job_view_release(&view);
		return 0;
	}
	error = find_gone(r->http, uuid, found, &view, &gone);
	if (found == LOOKUP_GONE)
		job_view_release(&view);
	if (error == -ENOENT)
		wire_unknown(t, text, length);
	else if (error == 0)
		wire_gone(t, &gone);
	return error == -ENOENT ? 0 : error;
}

static size_t list_count(const char *list)
{
	size_t count = 0, length;

	while (list_next(&list, &length))
		count++;
	return count;
}

static void jobs_by_id(struct request *r, const char *ids)
{
	struct text *t = &r->reply.body;
	const char *id;
	size_t length;
	int error;

	if (*ids == '\0' || list_count(ids) > IDS_MAX) {
		bad_parameter(r, "ids", "must be 1 to 100 ids with commas "
					"between");
		return;
	}
	r->reply.type = REPLY_JSON;
	text_literal(t, "{\"jobs\":[");
	while ((id = list_next(&ids, &length))) {
		if (t->data && t->length && t->data[t->length - 1] != '[')
			text_char(t, ',');
		error = add_asked(r, id, length);
		if (error < 0) {
			reply_unreadable(r, error);
			return;
		}
	}
	text_literal(t, "]}");
}

/* --- GET /v1/jobs --------------------------------------------------------------------------- */

static bool take_states(struct request *r, struct job_filter *filter)
{
	const char *list, *state;
	size_t at = 0, length;
	char word[16];
	int known;

	while ((list = query_next(&r->query, "state", &at))) {
		if (*list == '\0')
			continue;
		while ((state = list_next(&list, &length))) {
			snprintf(word, sizeof(word), "%.*s", (int)length,
				 state);
			known = length < sizeof(word) ? job_state_parse(word)
						      : -1;
			if (known < 0) {
				bad_parameter(r, "state",
					      "must be of queued, running, "
					      "paused, completed, error, "
					      "canceled");
				return false;
			}
			filter->states |= 1u << known;
		}
	}
	return true;
}

static bool take_tags(struct request *r, struct job_filter *filter)
{
	size_t at = 0;
	const char *tag;

	while ((tag = query_next(&r->query, "tag", &at))) {
		if (*tag == '\0')
			continue;
		if (!word_is_plain(tag, strlen(tag), JOB_TAG_BYTES) ||
		    filter->tag_count == JOB_TAGS_MAX) {
			bad_parameter(r, "tag", "must be a tag, 16 at most");
			return false;
		}
		filter->tags[filter->tag_count++] = tag;
	}
	return true;
}

/* The state may have changed since the reader looked. */
static bool still_fits(const struct job_filter *filter, const struct job *job)
{
	if (filter->states && !(filter->states & 1u << job->state))
		return false;
	for (size_t i = 0; i < filter->tag_count; i++)
		if (!job_has_tag(job, filter->tags[i]))
			return false;
	return true;
}

static void add_page(struct request *r, const struct job_filter *filter,
		     const int64_t *seqs, size_t count, bool more)
{
	struct text *t = &r->reply.body;
	bool first = true;

	r->reply.type = REPLY_JSON;
	text_literal(t, "{\"jobs\":[");
	for (size_t i = 0; i < count; i++) {
		struct job_view view;
		enum lookup found = board_find_seq(r->http->board, seqs[i],
						   &view);

		if (found == LOOKUP_FOUND && still_fits(filter, view.job)) {
			if (!first)
				text_char(t, ',');
			first = false;
			wire_job(t, &view, r->base);
		}
		if (found != LOOKUP_NONE)
			job_view_release(&view);
	}
	text_literal(t, "],\"next_page_token\":");
	if (more)
		page_token_write(t, seqs[count - 1]);
	else
		text_literal(t, "null");
	text_char(t, '}');
}

static void jobs_by_filter(struct request *r)
{
	struct job_filter filter = { .before_seq = INT64_MAX };
	const char *token = query_get(&r->query, "page_token");
	int64_t limit = LIMIT, *seqs;
	int count;

	if (!parameter_number(r, "limit", 1, INT64_MAX, &limit) ||
	    !take_states(r, &filter) || !take_tags(r, &filter))
		return;
	if (token && *token && !page_token_parse(token, &filter.before_seq)) {
		bad_parameter(r, "page_token", "is none that was given out");
		return;
	}
	limit = limit > LIMIT_MAX ? LIMIT_MAX : limit;
	seqs = calloc((size_t)limit + 1, sizeof(*seqs));
	if (!seqs) {
		reply_no_memory(r);
		return;
	}
	/* one more than asked: is there another page? */
	count = reader_list(r->http->reader, &filter,
			    clock_real_mono_ms() + READER_DEADLINE_MS, seqs,
			    (size_t)limit + 1);
	if (count < 0)
		reply_unreadable(r, count);
	else
		add_page(r, &filter, seqs,
			 (size_t)(count > limit ? limit : count),
			 count > limit);
	free(seqs);
}

void route_jobs(struct request *r)
{
	const char *ids = query_get(&r->query, "ids");

	if (ids)
		jobs_by_id(r, ids);
	else
		jobs_by_filter(r);
}
