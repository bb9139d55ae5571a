/* watch: a line a change. */
#include "client/ctl.h"

#include "client/ctl_follow.h"
#include "client/ctl_list.h"
#include "client/ctl_output.h"
#include "client/ctl_time.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_MS 2000		/* so often new jobs are looked for */
#define SENSELESS_MOST 3	/* answers in a row, as in a wait */

struct watching {
	struct ctl *ctl;
	struct list list;
	struct output *output;		/* all forms but the table */
	hg_client *lister;		/* its own: the other one's connection
					 * is taken by the waiting */
	char *query;
	struct follow *follow;
	bool by_tag, listed;
	unsigned senseless;		/* listings in a row */
	int code;			/* of the listing */
};

static void print_change(void *user, const struct row *row)
{
	struct watching *w = user;
	struct text t = { 0 };

	if (row->err && row->result == HG_PENDING)
		return;			/* said at the end */
	if (w->output) {
		output_row(w->output, row);
	} else {
		time_add_clock(&t, time_now());
		text_add(&t, "  ");
		progress_add_line(&t, row);
		text_add_char(&t, '\n');
		output_text(&t);
		text_free(&t);
	}
	output_flush();
}

/* The list begins with the newest: behind one that is known nothing is new. */
static bool take_new(void *user, const hg_job *job)
{
	struct watching *w = user;

	return follow_add(w->follow, job) || !w->listed;
}

static bool all_ended(const struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!list->rows[i].ended)
			return false;
	return list->n > 0;
}

/* An outage is for the watch to outlive; a refusal is not. */
static bool is_refused(struct watching *w)
{
	hg_err e = w->ctl->told;

	if (w->code == CODE_DONE) {
		w->senseless = 0;
		ctl_answered(w->ctl);
		return false;
	}
	if (w->code == CODE_TIMED_OUT) {	/* it is told as all of it is */
		w->code = CODE_DONE;
		return false;
	}
	if (w->code != CODE_FAILED)
		return true;
	if (e == HG_EPROTOCOL)
		return ++w->senseless >= SENSELESS_MOST;
	w->senseless = 0;
	if (ctl_may_pass(e))
		ctl_unanswered(w->ctl);
	return !ctl_may_pass(e);
}

static bool look_for_new(void *user, struct follow *f)
{
	struct watching *w = user;

	w->follow = f;
	signals_client(w->lister);
	signals_limit(follow_left_ms(f));
	w->code = list_fetch(w->ctl, w->lister, w->query, SIZE_MAX, take_new,
			     w);
	signals_limit(-1);
	signals_client(w->ctl->client);
	w->listed = true;
	if (is_refused(w))
		return false;
	return !(w->by_tag && all_ended(&w->list));
}

static int start(struct ctl *ctl, struct watching *w)
{
	int code;

	w->by_tag = ctl->options.tags.n > 0;
	if (w->by_tag && ctl->args_count)
		return ctl_usage(ctl, "watch: ids or --tag, but not both");
	code = list_add_args(ctl, &w->list, 0);
	if (!code)
		code = ctl_connect(ctl);
	if (!code && !ctl->args_count) {
		code = ctl_client_new(ctl, &w->lister);
		w->query = list_query(&ctl->options, w->by_tag ? NULL :
				      "queued,running,paused");
	}
	if (!code && ctl->options.form != FORM_TABLE)
		w->output = output_new(ctl, (enum form)ctl->options.form,
				       true);
	return code;
}

static int watch_all(struct ctl *ctl, struct watching *w)
{
	struct follow_options options = {
		.timeout_ms = ctl->options.timeout_ms,
		.on_change = print_change, .user = w, .every_ms = LIST_MS,
		.on_more = ctl->args_count ? NULL : look_for_new,
	};
	int code = CODE_FAILED;
	struct follow *f;

	if (ctl->args_count && !w->list.n)
		return CODE_DONE;	/* "-" was empty */
	if (ctl->options.history)
		history_load(ctl);
	f = follow_new(ctl, &w->list, &options);
	if (f)
		code = wait_code(ctl, &w->list, follow_run(f));
	return wait_close(ctl, f, ctl_worst(code, w->code));
}

int verb_watch(struct ctl *ctl)
{
	struct watching w = { .ctl = ctl };
	int code = start(ctl, &w);

	if (!code)
		code = watch_all(ctl, &w);
	output_end(w.output, code);
	hg_client_free(w.lister);
	free(w.query);
	list_free(&w.list);
	return code;
}
