/* ctl_list.h -- several rows, and where they come from: arguments, standard
 * input, the server's lists. */
#ifndef CLIENT_CTL_LIST_H
#define CLIENT_CTL_LIST_H

#include "client/ctl_options.h"
#include "client/ctl_row.h"

#include <stddef.h>

struct ctl;

struct list {
	struct row *rows;
	size_t n, room;
};

/* list_add -- a new row that knows its id; a pointer that lasts until the next
 * one is added. */
struct row *list_add(struct list *list, const char *id);
void list_free(struct list *list);

/* list_add_args -- ids among the verb's arguments from the nth on, "-" reads
 * more from standard input; an id that is there twice comes once.  A code. */
int list_add_args(struct ctl *ctl, struct list *list, size_t from);

/* list_query -- "state=a,b&tag=t" as the options ask; states NULL: those of
 * the options.  free() it. */
char *list_query(const struct options *o, const char *states);

/* list_fetch -- at most `most` jobs that match, newest first, page by page.
 * Each is given to take(); false from it ends the list.  A code, with its
 * words said. */
int list_fetch(struct ctl *ctl, hg_client *client, const char *query,
	       size_t most, bool (*take)(void *user, const hg_job *job),
	       void *user);

#endif
