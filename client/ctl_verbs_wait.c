/* submit, run, wait: jobs to their end. */
#include "client/ctl.h"

#include "client/ctl_follow.h"
#include "client/ctl_list.h"
#include "client/ctl_output.h"
#include "client/ctl_request.h"
#include "client/ctl_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 1000		/* the server takes no more at once */
#define NAMED 8			/* ids that a sentence bears */

static bool is_lost(const struct row *row)
{
	return row->err != HG_OK && row->result == HG_PENDING;
}

/* --- submitting ----------------------------------------------------------- */

static int submit_one(struct ctl *ctl, const hg_request *r, struct list *list)
{
	hg_job *job = NULL;
	hg_err e = hg_submit(ctl->client, r, &job);

	if (e != HG_OK)
		return ctl_failed(ctl, ctl->client, e, "submit", NULL, NULL);
	row_take(list_add(list, NULL), job);
	hg_job_free(job);
	return CODE_DONE;
}

static int submit_batch(struct ctl *ctl, const hg_request *at, size_t n,
			struct list *list)
{
	const hg_request **batch = text_alloc(n, sizeof(*batch));
	hg_jobs *jobs = NULL;
	hg_err e;

	for (size_t i = 0; i < n; i++)
		batch[i] = &at[i];
	e = hg_submit_many(ctl->client, batch, n, &jobs);
	free(batch);
	if (e != HG_OK)
		return ctl_failed(ctl, ctl->client, e, "submit", NULL, NULL);
	for (size_t i = 0; i < hg_jobs_count(jobs); i++)
		row_take(list_add(list, NULL), hg_jobs_at(jobs, i));
	hg_jobs_free(jobs);
	return CODE_DONE;
}

/* A batch's key must differ from that of the next one. */
static int check_batches(struct ctl *ctl, const struct requests *all)
{
	if (all->n > BATCH && ctl->options.idempotency_key)
		return ctl_usage(ctl, "%s: --idempotency-key serves at most "
				 "%d jobs, these are %zu", ctl->verb->name,
				 BATCH, all->n);
	return CODE_DONE;
}

/* What was asked for is in list, also that of a failure half-way. */
static int submit_all(struct ctl *ctl, struct list *list)
{
	struct requests all = { 0 };
	int code = requests_make(ctl, &all);

	if (!code)
		code = check_batches(ctl, &all);
	if (!code)
		code = ctl_connect(ctl);
	if (!code && all.n == 1)
		code = submit_one(ctl, all.at, list);
	for (size_t i = 0; i < all.n && all.n > 1 && !code; i += BATCH)
		code = submit_batch(ctl, all.at + i, all.n - i < BATCH ?
						     all.n - i : BATCH, list);
	if (code == CODE_INTERRUPTED)
		ctl_error(ctl, "interrupted; whether %s submitted is not "
			  "known", all.n > 1 ? "the jobs were" :
					       "the job was");
	if (code && list->n)
		ctl_error(ctl, "%zu of %zu jobs were submitted", list->n,
			  all.n);
	requests_free(&all);
	return code;
}

static void print_all(struct ctl *ctl, const struct list *list, enum form form)
{
	struct output *o = output_new(ctl, form, list->n != 1);
	int code = CODE_FAILED;		/* until one is printed */

	for (size_t i = 0; i < list->n; i++)
		if (!is_lost(&list->rows[i])) {
			output_row(o, &list->rows[i]);
			code = CODE_DONE;
		}
	output_end(o, code);
}

int verb_submit(struct ctl *ctl)
{
	struct list list = { 0 };
	int code = submit_all(ctl, &list);

	if (list.n)
		print_all(ctl, &list, ctl->options.form_given ?
				      (enum form)ctl->options.form : FORM_ID);
	list_free(&list);
	return code;
}

/* --- waiting: what is said ------------------------------------------------ */

struct wait {
	struct ctl *ctl;
	struct output *output;		/* rows go there as they end; or NULL */
};

static void on_change(void *user, const struct row *row)
{
	struct wait *w = user;
	struct text t = { 0 };

	if (is_lost(row))
		return;			/* said at the end */
	if (!w->ctl->progress && !w->ctl->options.quiet) {
		progress_add_line(&t, row);
		text_add_char(&t, '\n');
		(void)fwrite(t.s, 1, t.len, stderr);
		(void)fflush(stderr);
		text_free(&t);
	}
	if (w->output && row->ended && !row->err) {
		output_row(w->output, row);
		output_flush();
	}
}

/* "timed out after 10 s; the job goes on: heygenctl wait ID" */
static void say_pending(struct ctl *ctl, const struct list *list,
			const char *why)
{
	struct text ids = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->rows[i].ended)
			continue;
		if (n++ < NAMED)
			text_addf(&ids, " %s", row_id(&list->rows[i]));
	}
	if (n > NAMED)
		text_addf(&ids, " ... (and %zu more)", n - NAMED);
	if (n == 0)
		ctl_error(ctl, "%s", why);
	else if (n == 1)
		ctl_error(ctl, "%s; the job goes on: heygenctl wait%s", why,
			  ids.s);
	else
		ctl_error(ctl, "%s; %zu jobs go on: heygenctl wait%s", why,
			  n, ids.s);
	text_free(&ids);
}

static void say_timed_out(struct ctl *ctl, const struct list *list)
{
	struct text t = { 0 };

	text_add(&t, "timed out after ");
	time_add_duration(&t, ctl->options.timeout_ms, false);
	say_pending(ctl, list, t.s);
	text_free(&t);
}

static void say_row_lost(struct ctl *ctl, const struct row *row)
{
	struct text why = { 0 };

	if (row->err == HG_ENOTFOUND)
		text_add(&why, "there is no such job");
	else if (row->err == HG_EGONE)
		text_add(&why, "it was removed");
	else
		ctl_add_reason(&why, ctl->client, row->err);
	ctl_error(ctl, "cannot wait for %s: %s", row_id(row), why.s);
	text_free(&why);
}

/* Ids that are unknown are named each; a reason common to all is said once. */
static int say_lost(struct ctl *ctl, const struct list *list)
{
	bool said[32] = { false };
	int code = CODE_DONE;

	for (size_t i = 0; i < list->n; i++) {
		const struct row *row = &list->rows[i];
		size_t kind = (size_t)-row->err % 32;

		if (!is_lost(row))
			continue;
		code = ctl_worst(code, ctl_code(row->err));
		if (!said[kind])
			say_row_lost(ctl, row);
		said[kind] = row->err != HG_ENOTFOUND && row->err != HG_EGONE;
	}
	return code;
}

static void say_stats(struct ctl *ctl, const struct follow *f)
{
	hg_stats s = { .size = sizeof(s) };
	struct text t = { 0 };
	double mean;
	int64_t most;
	size_t n;

	hg_client_stats(ctl->client, &s);
	text_addf(&t, "calls %llu, retries %llu, holds %llu, streams %llu, "
		  "polls %llu, bytes %llu, delay ",
		  (unsigned long long)s.calls, (unsigned long long)s.retries,
		  (unsigned long long)s.holds, (unsigned long long)s.streams,
		  (unsigned long long)s.polls, (unsigned long long)s.bytes_in);
	n = follow_delay(f, &mean, &most);
	if (n == 0)
		text_add(&t, "unknown");
	else if (n == 1)
		text_addf(&t, "%.3f s", mean / 1000);
	else
		text_addf(&t, "%.3f s (mean of %zu jobs, at most %.3f s)",
			  mean / 1000, n, (double)most / 1000);
	ctl_error(ctl, "%s", t.s);
	text_free(&t);
}

int wait_close(struct ctl *ctl, struct follow *f, int code)
{
	if (f && ctl->options.stats)
		say_stats(ctl, f);
	if (f && ctl->options.history)
		code = ctl_worst(code, history_save(ctl,
						    ctl->options.history));
	follow_free(f);
	return code;
}

/* --- waiting: what is done ------------------------------------------------ */

/* One job that has outlived --timeout.  It may have ended meanwhile. */
static int cancel_row(struct ctl *ctl, struct row *row)
{
	hg_job *job = NULL;
	int code = CODE_DONE;
	hg_err e = hg_job_new(row->id, &job);

	if (e == HG_OK)
		e = hg_cancel(ctl->client, job);
	if (e == HG_ESTATE)
		e = hg_refresh(ctl->client, job);
	if (e == HG_OK)
		row_take(row, job);
	else
		code = ctl_failed(ctl, ctl->client, e, "cancel", row->id, job);
	if (e == HG_OK && row->result != HG_PENDING)
		row->ended = true;
	hg_job_free(job);
	return code;
}

static int cancel_pending(struct ctl *ctl, struct list *list)
{
	int code = CODE_DONE;

	for (size_t i = 0; i < list->n && !signals_interrupted(); i++)
		if (!list->rows[i].ended)
			code = ctl_worst(code, cancel_row(ctl,
							  &list->rows[i]));
	return code;
}

static int timed_out(struct ctl *ctl, struct list *list)
{
	int code = CODE_TIMED_OUT;

	if (ctl->options.cancel_on_timeout)
		code = ctl_worst(code, cancel_pending(ctl, list));
	if (!signals_interrupted())
		say_timed_out(ctl, list);
	return code;
}

static int jobs_code(const struct list *list)
{
	int code = CODE_DONE;

	for (size_t i = 0; i < list->n; i++)
		if (list->rows[i].ended && !list->rows[i].err)
			code = ctl_worst(code,
					 ctl_job_code(list->rows[i].state,
						      list->rows[i].result));
	return code;
}

int wait_code(struct ctl *ctl, struct list *list, enum follow_end end)
{
	int code = CODE_DONE;

	switch (end) {
	case FOLLOW_DONE:
		break;
	case FOLLOW_TIMED_OUT:
		code = timed_out(ctl, list);
		break;
	case FOLLOW_INTERRUPTED:
		code = CODE_INTERRUPTED;
		break;
	case FOLLOW_FAILED:
		say_pending(ctl, list, "gave up");
		code = CODE_FAILED;
		break;
	}
	if (signals_interrupted()) {
		say_pending(ctl, list, "interrupted");
		code = CODE_INTERRUPTED;
	}
	return ctl_worst(code, ctl_worst(say_lost(ctl, list),
					 jobs_code(list)));
}

static void start_progress(struct ctl *ctl, const struct list *list)
{
	struct progress_look look = { .utf8 = ctl->utf8,
				      .color = ctl->color_err };

	if (!ctl->options.quiet)
		ctl->progress = progress_new(&look, list->rows, list->n);
}

/* The lines stay as a record unless a table follows on the same screen. */
static void stop_progress(struct ctl *ctl, enum form form)
{
	bool leave = !(isatty(STDOUT_FILENO) && form == FORM_TABLE);

	progress_free(ctl->progress, leave);
	ctl->progress = NULL;
}

/* --cancel-on-timeout ends jobs that no watch tells of any more. */
static void print_canceled(struct wait *w, const struct list *list,
			   const bool *told)
{
	for (size_t i = 0; w->output && i < list->n; i++)
		if (list->rows[i].ended && !told[i] && !list->rows[i].err)
			output_row(w->output, &list->rows[i]);
}

static bool *ended_rows(const struct list *list)
{
	bool *ended = text_alloc(list->n, sizeof(*ended));

	for (size_t i = 0; i < list->n; i++)
		ended[i] = list->rows[i].ended;
	return ended;
}

/* form is that of the output; ids are printed as jobs end unless `silent`. */
static int wait_for(struct ctl *ctl, struct list *list, enum form form,
		    bool silent)
{
	struct wait w = { .ctl = ctl };
	struct follow_options options = {
		.until = ctl->options.any ? 1 : 0,
		.timeout_ms = ctl->options.timeout_ms,
		.on_change = on_change, .user = &w,
	};
	bool at_once = form == FORM_JSONL || form == FORM_ID;
	int code = CODE_FAILED;
	enum follow_end end;
	struct follow *f;
	bool *told;

	if (ctl->options.history)
		history_load(ctl);
	if (at_once && !silent)
		w.output = output_new(ctl, form, true);
	start_progress(ctl, list);
	f = follow_new(ctl, list, &options);
	end = f ? follow_run(f) : FOLLOW_FAILED;
	stop_progress(ctl, form);
	told = ended_rows(list);
	if (f)
		code = wait_code(ctl, list, end);
	print_canceled(&w, list, told);
	free(told);
	if (!at_once)
		print_all(ctl, list, form);
	output_end(w.output, CODE_DONE);
	return wait_close(ctl, f, code);
}

/* Who wants jobs canceled at a time and names none would wait for ever. */
static int check_timeout(struct ctl *ctl)
{
	if (ctl->options.cancel_on_timeout && ctl->options.timeout_ms < 0)
		return ctl_usage(ctl, "%s: --cancel-on-timeout needs "
				 "--timeout", ctl->verb->name);
	return CODE_DONE;
}

int verb_wait(struct ctl *ctl)
{
	struct list list = { 0 };
	int code = check_timeout(ctl);

	if (!code)
		code = list_add_args(ctl, &list, 0);
	if (!code)
		code = ctl_connect(ctl);
	if (!code && list.n)
		code = wait_for(ctl, &list, (enum form)ctl->options.form,
				false);
	list_free(&list);
	return code;
}

int verb_run(struct ctl *ctl)
{
	enum form form = (enum form)ctl->options.form;
	struct list list = { 0 };
	int submitted = check_timeout(ctl), code;

	if (!submitted)
		submitted = submit_all(ctl, &list);
	code = submitted;
	if (list.n && form == FORM_ID) {	/* known already, so told now */
		print_all(ctl, &list, form);
		output_flush();
	}
	if (list.n)
		code = ctl_worst(submitted,
				 wait_for(ctl, &list, form, form == FORM_ID));
	list_free(&list);
	return code;
}
