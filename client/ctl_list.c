#define _GNU_SOURCE
#include "client/ctl_list.h"

#include "client/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500		/* the server gives no more at once */

struct row *list_add(struct list *list, const char *id)
{
	if (list->n == list->room) {
		list->room = list->room ? list->room * 2 : 16;
		list->rows = text_realloc(list->rows, list->room,
					  sizeof(*list->rows));
	}
	row_init(&list->rows[list->n], id);
	return &list->rows[list->n++];
}

void list_free(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		row_free(&list->rows[i]);
	free(list->rows);
	*list = (struct list){ 0 };
}

/* --- ids from people ------------------------------------------------------ */

static int by_id_and_place(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;
	int order = strcmp((*x)->id, (*y)->id);

	return order ? order : (*x > *y) - (*x < *y);
}

/* The later ones of equal ids go; the order stays. */
static void drop_doubles(struct list *list)
{
	struct row **sorted = text_alloc(list->n, sizeof(*sorted));
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		sorted[i] = &list->rows[i];
	qsort(sorted, list->n, sizeof(*sorted), by_id_and_place);
	for (size_t i = list->n; i-- > 1;)
		if (!strcmp(sorted[i]->id, sorted[i - 1]->id))
			row_free(sorted[i]);
	for (size_t i = 0; i < list->n; i++)
		if (list->rows[i].id)
			list->rows[kept++] = list->rows[i];
	list->n = kept;
	free(sorted);
}

static int add_stdin(struct ctl *ctl, struct list *list)
{
	char *line = NULL, *word, *state;
	size_t room = 0;
	int code = CODE_DONE;

	errno = 0;
	while (getline(&line, &room, stdin) >= 0)
		for (word = strtok_r(line, " \t\r\n", &state); word;
		     word = strtok_r(NULL, " \t\r\n", &state))
			(void)list_add(list, word);
	if (signals_interrupted())
		code = CODE_INTERRUPTED;
	else if (ferror(stdin))
		code = ctl_usage(ctl, "cannot read ids from standard input: "
				 "%s", strerror(errno));
	free(line);
	return code;
}

int list_add_args(struct ctl *ctl, struct list *list, size_t from)
{
	int code = CODE_DONE;

	for (size_t i = from; i < ctl->args_count && !code; i++) {
		if (!strcmp(ctl->args[i], "-"))
			code = add_stdin(ctl, list);
		else if (!*ctl->args[i])
			code = ctl_usage(ctl, "%s: an id is empty",
					 ctl->verb->name);
		else
			(void)list_add(list, ctl->args[i]);
	}
	drop_doubles(list);
	return code;
}

/* --- jobs from the server ------------------------------------------------- */

static void add_encoded(struct text *t, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~,";

	for (; *s; s++) {
		if (strchr(plain, *s))
			text_add_char(t, *s);
		else
			text_addf(t, "%%%02X", (unsigned char)*s);
	}
}

char *list_query(const struct options *o, const char *states)
{
	struct text t = { 0 };
	size_t i;

	text_add(&t, "");
	if (o->states.n) {
		text_add(&t, "state=");
		for (i = 0; i < o->states.n; i++)
			text_addf(&t, "%s%s", i ? "," : "", o->states.at[i]);
	} else if (states) {
		text_addf(&t, "state=%s", states);
	}
	for (i = 0; i < o->tags.n; i++) {
		text_addf(&t, "%stag=", t.len ? "&" : "");
		add_encoded(&t, o->tags.at[i]);
	}
	return t.s;
}

static hg_err fetch_page(hg_client *client, const char *query, size_t limit,
			 const char *token, hg_jobs **jobs_out)
{
	struct text t = { 0 };
	hg_err e;

	text_addf(&t, "%s%slimit=%zu", query, *query ? "&" : "", limit);
	e = hg_list(client, t.s, token, jobs_out);
	text_free(&t);
	return e;
}

int list_fetch(struct ctl *ctl, hg_client *client, const char *query,
	       size_t most, bool (*take)(void *user, const hg_job *job),
	       void *user)
{
	char *token = NULL;
	hg_jobs *page = NULL;
	size_t seen = 0;
	bool go_on = true;
	hg_err e;

	do {
		size_t want = most - seen < PAGE ? most - seen : PAGE;

		e = fetch_page(client, query, want, token, &page);
		free(token);
		token = NULL;
		if (e != HG_OK)
			return ctl_failed(ctl, client, e, "list jobs", NULL,
					  NULL);
		for (size_t i = 0; go_on && i < hg_jobs_count(page); i++)
			go_on = seen++ < most &&
				take(user, hg_jobs_at(page, i));
		if (go_on && seen < most)
			token = text_dup(hg_jobs_next_page_token(page));
		hg_jobs_free(page);
	} while (token && !signals_interrupted());
	free(token);
	return signals_interrupted() ? CODE_INTERRUPTED : CODE_DONE;
}
