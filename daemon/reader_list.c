/* reader_list.c -- filtered lists, newest first.
 *
 * Every condition (a tag, the set of states) is a descending list of
 * ordinals in some index.  The lists are intersected by leaping: whichever
 * is furthest down tells the others where to go on.  So the work is bounded
 * by the shortest stretch, not by the table. */
#include "daemon/reader_sql.h"

#include <errno.h>
#include <string.h>

#define NONE (-1)		/* below every ordinal */
#define STEPS_BEFORE_SEEK 4
#define LEAPS_BETWEEN_LOOKS 64	/* at the clock */

struct cursor {
	sqlite3_stmt *st;
	int64_t at;		/* NONE: the list has ended */
	bool started;
};

struct list {			/* one condition: the union of its cursors */
	struct cursor cursors[JOB_STATES];
	int count;
};

struct lists {
	struct list list[1 + JOB_TAGS_MAX];
	int count;
};

_Static_assert((int)CURSOR_ALL_FROM_SEQ == 1 &&
	       (int)CURSOR_STATE_FROM_SEQ == (int)CURSOR_TAG_FROM_SEQ,
	       "a cursor's ordinal is its last parameter");

static int cursor_step(struct connection *c, struct cursor *cursor)
{
	int result = read_row(c, cursor->st);

	if (result >= 0)
		cursor->at = result ? column_int(cursor->st, 0) : NONE;
	return result < 0 ? result : 0;
}

/* Moves to the largest ordinal that is not above most. */
static int cursor_move(struct connection *c, struct cursor *cursor,
		       int64_t most)
{
	int result = 0;

	for (int i = 0; cursor->started && i < STEPS_BEFORE_SEEK; i++) {
		if (cursor->at <= most)
			return 0;
		result = cursor_step(c, cursor);
		if (result < 0)
			return result;
	}
	if (cursor->started && cursor->at <= most)
		return 0;
	(void)sqlite3_reset(cursor->st);
	bind_int(cursor->st, sqlite3_bind_parameter_count(cursor->st), most);
	cursor->started = true;
	return cursor_step(c, cursor);
}

static int list_move(struct connection *c, struct list *list, int64_t most,
		     int64_t *at_out)
{
	int64_t at = NONE;

	for (int i = 0; i < list->count; i++) {
		int result = cursor_move(c, &list->cursors[i], most);

		if (result < 0)
			return result;
		if (list->cursors[i].at > at)
			at = list->cursors[i].at;
	}
	*at_out = at;
	return 0;
}

/* --- what the filter asks for ------------------------------------------------------ */

static int add_cursor(struct connection *c, struct list *list, int which,
		      const char *word)
{
	struct cursor *cursor = &list->cursors[list->count++];
	int result = read_cursor(c, which, &cursor->st);

	if (result == 0 && word)
		bind_text(cursor->st, 1, word);
	return result;
}

static int add_states(struct connection *c, struct lists *lists,
		      unsigned states)
{
	struct list *list = &lists->list[lists->count++];
	int result = 0;

	for (int i = 0; i < JOB_STATES && result == 0; i++)
		if (states & 1u << i)
			result = add_cursor(c, list, CURSOR_STATE + i,
					    job_state_name(i));
	return result;
}

static int open_lists(struct connection *c, const struct job_filter *filter,
		      struct lists *lists)
{
	unsigned any = (1u << JOB_STATES) - 1;
	int result = 0;

	if ((filter->states & any) && (filter->states & any) != any)
		result = add_states(c, lists, filter->states);
	for (size_t i = 0; i < filter->tag_count && result == 0; i++)
		result = add_cursor(c, &lists->list[lists->count++],
				    CURSOR_TAG + i, filter->tags[i]);
	if (lists->count == 0)
		result = add_cursor(c, &lists->list[lists->count++],
				    CURSOR_ALL, NULL);
	return result;
}

/* The largest ordinal not above most that all lists hold, or NONE. */
static int agree(struct connection *c, struct lists *lists, int64_t most,
		 int64_t *at_out)
{
	int agreed = 0, leaps = 0;

	for (int i = 0; agreed < lists->count && most != NONE;
	     i = (i + 1) % lists->count) {
		int64_t at;
		int result = list_move(c, &lists->list[i], most, &at);

		if (result < 0)
			return result;
		if (++leaps % LEAPS_BETWEEN_LOOKS == 0 && read_late(c))
			return -ETIMEDOUT;
		agreed = at == most ? agreed + 1 : 1;
		most = at;
	}
	*at_out = most;
	return 0;
}

static int list_jobs(struct connection *c, const struct job_filter *filter,
		     int64_t *seqs_out, size_t max)
{
	struct lists lists = { .count = 0 };
	int64_t at = filter->before_seq;
	size_t count = 0;
	int result;

	if (filter->tag_count > JOB_TAGS_MAX)
		return -EINVAL;
	result = open_lists(c, filter, &lists);
	while (result == 0 && count < max && at > 0) {
		result = agree(c, &lists, at - 1, &at);
		if (result == 0 && at != NONE)
			seqs_out[count++] = at;
	}
	return result < 0 ? result : (int)count;
}

int reader_list(struct reader *r, const struct job_filter *filter,
		int64_t deadline_ms, int64_t *seqs_out, size_t max)
{
	struct connection *c;
	int result = reader_begin(r, deadline_ms, &c);

	if (result < 0)
		return result;
	return reader_end(r, c, list_jobs(c, filter, seqs_out, max));
}
