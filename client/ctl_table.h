/* ctl_table.h -- columns that stand under their heads, on standard output. */
#ifndef CLIENT_CTL_TABLE_H
#define CLIENT_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct ctl;
struct table;

struct column {
	const char *head;
	bool right;		/* numbers */
	int drop;		/* from a narrow terminal, 1 first; 0 never */
};

/* colors of a cell */
enum paint { PAINT_NONE, PAINT_GREEN, PAINT_RED, PAINT_YELLOW, PAINT_CYAN,
	     PAINT_DIM, PAINT_BOLD };

const char *paint_on(enum paint paint);		/* "" for PAINT_NONE */
const char *paint_off(enum paint paint);
enum paint paint_state(const char *state);	/* a word of the wire */

/* table_new -- columns is static, n of them; the last one takes what is left
 * of a terminal's width and is cut there. */
struct table *table_new(const struct column *columns, size_t n);
void table_cell(struct table *table, const char *escaped, enum paint paint);
void table_print(struct table *table, struct ctl *ctl);
void table_free(struct table *table);

#endif
