/* status, show, list, and the verbs that change jobs. */
#define _GNU_SOURCE
#include "client/ctl.h"

#include "client/ctl_list.h"
#include "client/ctl_output.h"
#include "client/ctl_time.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 50

/* --- looking -------------------------------------------------------------- */

static int look(struct ctl *ctl, const char *what, struct row *row)
{
	hg_job *job = NULL;
	int code = CODE_DONE;
	hg_err e = hg_job_new(row->id, &job);

	if (e == HG_OK) {
		e = hg_refresh(ctl->client, job);
	} else if (e == HG_EINVAL) {	/* no server has such an id */
		ctl_error(ctl, "cannot %s %s: there is no such job", what,
			  row->id);
		return CODE_UNKNOWN;
	}
	if (e == HG_OK)
		row_take(row, job);
	else
		code = ctl_failed(ctl, ctl->client, e, what, row->id, job);
	hg_job_free(job);
	return code;
}

/* The wire's own word, also one that this program does not know. */
static void add_word(struct text *t, const struct row *row)
{
	cJSON *doc = cJSON_Parse(row->json ? row->json : "{}");
	const cJSON *word = cJSON_GetObjectItemCaseSensitive(doc, "result");

	text_add_escaped(t, cJSON_IsString(word) ? word->valuestring :
						   row_result(row),
			 TEXT_SHOWN);
	text_add_char(t, '\n');
	cJSON_Delete(doc);
}

int verb_status(struct ctl *ctl)
{
	struct output *o;
	struct text t = { 0 };
	struct row row;
	int code = ctl_connect(ctl);

	row_init(&row, ctl->args_count ? ctl->args[0] : NULL);
	if (!code)
		code = look(ctl, row.id ? "ask for" : "ask for the status",
			    &row);
	if (!code && ctl->options.form == FORM_TABLE) {
		add_word(&t, &row);
		output_text(&t);
	} else if (!code) {
		o = output_new(ctl, (enum form)ctl->options.form, false);
		output_row(o, &row);
		output_end(o, code);
	}
	text_free(&t);
	row_free(&row);
	return code;
}

int verb_show(struct ctl *ctl)
{
	enum form form = (enum form)ctl->options.form;
	struct list list = { 0 };
	struct output *o = NULL;
	bool first = true;
	int code = list_add_args(ctl, &list, 0);

	if (!code)
		code = ctl_connect(ctl);
	if (!code && form != FORM_TABLE)
		o = output_new(ctl, form, list.n != 1);
	for (size_t i = 0; ctl->client && i < list.n; i++) {
		int one = look(ctl, "show", &list.rows[i]);

		code = ctl_worst(code, one);
		if (signals_interrupted())
			break;
		if (one)
			continue;
		if (o) {
			output_row(o, &list.rows[i]);
			continue;
		}
		if (!first)
			output_print("\n");
		first = false;
		output_card(ctl, &list.rows[i]);
	}
	output_end(o, code);
	list_free(&list);
	return code;
}

/* --- list ----------------------------------------------------------------- */

struct listing {
	struct output *output;
	struct list sorted;		/* only if they are to be sorted */
	bool sort;
};

static bool take_listed(void *user, const hg_job *job)
{
	struct listing *l = user;
	struct row row;

	if (l->sort) {
		row_take(list_add(&l->sorted, NULL), job);
		return true;
	}
	row_init(&row, NULL);
	row_take(&row, job);
	output_row(l->output, &row);
	row_free(&row);
	return !output_error();
}

static int compare_numbers(double a, double b)
{
	return (a > b) - (a < b);
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

struct order {
	size_t key;		/* an index of sort_words */
	bool backwards;
};

static int compare(const void *x, const void *y, void *user)
{
	const struct row *a = x, *b = y;
	const struct order *order = user;
	int by[] = {
		compare_numbers((double)a->submitted_at,
				(double)b->submitted_at),
		compare_texts(a->title, b->title),
		compare_numbers(a->state, b->state),
		compare_numbers(a->priority, b->priority),
		compare_numbers(a->progress, b->progress),
		compare_numbers((double)a->remaining_ms,
				(double)b->remaining_ms),
		compare_numbers((double)a->finished_at,
				(double)b->finished_at),
	};
	int c = by[order->key];

	if (!c)		/* so that two runs give one order */
		c = compare_texts(a->id, b->id);
	return order->backwards ? -c : c;
}

static void sort(struct list *list, const char *key)
{
	struct order order = { .backwards = *key == '-' };

	key += order.backwards;
	while (strcmp(sort_words[order.key], key) != 0)
		order.key++;
	qsort_r(list->rows, list->n, sizeof(*list->rows), compare, &order);
}

int verb_list(struct ctl *ctl)
{
	const struct options *o = &ctl->options;
	struct listing l = { .sort = o->sort != NULL };
	size_t most = o->all ? SIZE_MAX : o->limit ? (size_t)o->limit : LIMIT;
	char *query;
	int code;

	if (o->all && o->limit)
		return ctl_usage(ctl, "list: --all and --limit exclude each "
				 "other");
	code = ctl_connect(ctl);
	if (code)
		return code;
	query = list_query(o, NULL);
	l.output = output_new(ctl, (enum form)o->form, true);
	code = list_fetch(ctl, ctl->client, query, most, take_listed, &l);
	if (l.sort)
		sort(&l.sorted, o->sort);
	for (size_t i = 0; i < l.sorted.n; i++)
		output_row(l.output, &l.sorted.rows[i]);
	output_end(l.output, code);
	list_free(&l.sorted);
	free(query);
	return code;
}

/* --- changing ------------------------------------------------------------- */

struct act {
	const char *what;		/* "pause" */
	hg_err (*call)(hg_client *c, hg_job *j);	/* NULL: priority */
	int32_t priority;
	size_t from;			/* the first argument that is an id */
};

static bool take_selected(void *user, const hg_job *job)
{
	row_take(list_add(user, NULL), job);
	return true;
}

/* The job of GET /status is one that a server never removes. */
static bool take_removable(void *user, const hg_job *job)
{
	const char *id = hg_job_id(job);

	if (!id || strcmp(id, "default") != 0)
		row_take(list_add(user, NULL), job);
	return true;
}

/* Which jobs: by id, or those that match.  A code. */
static int select_jobs(struct ctl *ctl, const struct act *act,
		       struct list *list, bool by_id)
{
	char *query;
	int code;

	if (by_id)
		return list_add_args(ctl, list, act->from);
	query = list_query(&ctl->options, ctl->verb->acts_on);
	code = list_fetch(ctl, ctl->client, query, SIZE_MAX,
			  act->call == hg_remove ? take_removable :
						   take_selected, list);
	free(query);
	return code;
}

static int check_selection(struct ctl *ctl, const struct act *act, bool *by_id)
{
	const struct options *o = &ctl->options;
	bool filter = o->all || o->states.n || o->tags.n;

	*by_id = ctl->args_count > act->from;
	if (*by_id && filter)
		return ctl_usage(ctl, "%s: ids, or --all, --state and --tag, "
				 "but not both", act->what);
	if (!*by_id && !filter)
		return ctl_usage(ctl, "%s: which jobs?  Ids, or --all, "
				 "--state or --tag", act->what);
	if (filter && !o->yes && !o->dry_run &&
	    !(isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
		return ctl_usage(ctl, "%s: acting on many jobs needs --yes, "
				 "as there is no terminal to ask on",
				 act->what);
	return CODE_DONE;
}

/* "Cancel 12 jobs? [y/N] " on the terminal. */
static int ask(struct ctl *ctl, const struct act *act, size_t n)
{
	char answer[16] = "";

	(void)fprintf(stderr, "%c%s %zu job%s? [y/N] ",
		      act->what[0] - 'a' + 'A', act->what + 1, n,
		      n == 1 ? "" : "s");
	(void)fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin)) {
		(void)fputc('\n', stderr);
		if (signals_interrupted())
			return CODE_INTERRUPTED;
	}
	if (answer[0] == 'y' || answer[0] == 'Y')
		return CODE_DONE;
	return ctl_usage(ctl, "nothing was done");
}

static int act_on(struct ctl *ctl, const struct act *act, struct row *row)
{
	hg_job *job = NULL;
	int code = CODE_DONE;
	hg_err e = hg_job_new(row->id, &job);

	if (e == HG_EINVAL) {
		ctl_error(ctl, "cannot %s %s: there is no such job",
			  act->what, row->id);
		return CODE_UNKNOWN;
	}
	if (e == HG_OK)
		e = act->call ? act->call(ctl->client, job) :
				hg_set_priority(ctl->client, job,
						act->priority);
	if (e == HG_OK) {
		row_take(row, job);
		row->removed = act->call == hg_remove;
	} else {
		code = ctl_failed(ctl, ctl->client, e,
				  act->call ? act->what : "set the priority of",
				  row->id, job);
	}
	hg_job_free(job);
	return code;
}

/* All are tried; those that could be changed are printed. */
static int act_on_all(struct ctl *ctl, const struct act *act,
		      struct list *list, bool many)
{
	struct output *o = output_new(ctl, (enum form)ctl->options.form, many);
	int code = CODE_DONE;
	size_t i;

	for (i = 0; i < list->n; i++) {
		int one = act_on(ctl, act, &list->rows[i]);

		if (signals_interrupted())
			break;
		code = ctl_worst(code, one);
		if (!one)
			output_row(o, &list->rows[i]);
	}
	output_end(o, code);
	if (!signals_interrupted())
		return code;
	ctl_error(ctl, "interrupted at %s, the %zu. of %zu jobs",
		  row_id(&list->rows[i]), i + 1, list->n);
	return CODE_INTERRUPTED;
}

/* --dry-run: what would be acted on, as it is now. */
static int show_only(struct ctl *ctl, struct list *list, bool by_id, bool many)
{
	struct output *o = output_new(ctl, (enum form)ctl->options.form, many);
	int code = CODE_DONE;

	for (size_t i = 0; i < list->n && !signals_interrupted(); i++) {
		int one = by_id ? look(ctl, "find", &list->rows[i]) : CODE_DONE;

		code = ctl_worst(code, one);
		if (!one)
			output_row(o, &list->rows[i]);
	}
	output_end(o, code);
	return code;
}

static int run_act(struct ctl *ctl, const struct act *act)
{
	struct list list = { 0 };
	bool by_id, many;
	int code = check_selection(ctl, act, &by_id);

	if (!code)
		code = ctl_connect(ctl);
	if (!code)
		code = select_jobs(ctl, act, &list, by_id);
	many = !by_id || list.n != 1;
	if (!code && list.n == 0)
		ctl_note(ctl, "%s: there is no such job", act->what);
	if (!code && ctl->options.dry_run) {
		code = show_only(ctl, &list, by_id, many);
	} else if (!code) {
		if (!by_id && list.n && !ctl->options.yes)
			code = ask(ctl, act, list.n);
		if (!code)
			code = act_on_all(ctl, act, &list, many);
	}
	list_free(&list);
	return code;
}

int verb_pause(struct ctl *ctl)
{
	return run_act(ctl, &(struct act){ "pause", hg_pause, 0, 0 });
}

int verb_resume(struct ctl *ctl)
{
	return run_act(ctl, &(struct act){ "resume", hg_resume, 0, 0 });
}

int verb_cancel(struct ctl *ctl)
{
	return run_act(ctl, &(struct act){ "cancel", hg_cancel, 0, 0 });
}

int verb_restart(struct ctl *ctl)
{
	return run_act(ctl, &(struct act){ "restart", hg_restart, 0, 0 });
}

int verb_remove(struct ctl *ctl)
{
	return run_act(ctl, &(struct act){ "remove", hg_remove, 0, 0 });
}

int verb_priority(struct ctl *ctl)
{
	int64_t priority;

	if (!options_parse_priority(ctl->args[0], &priority))
		return ctl_usage(ctl, "priority: %s: want a number from -100 "
				 "to 100, or low, normal, high or urgent",
				 ctl->args[0]);
	return run_act(ctl, &(struct act){ "priority", NULL, (int32_t)priority,
					   1 });
}
