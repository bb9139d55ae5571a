#define _GNU_SOURCE
#include "client/ctl_table.h"

#include "client/ctl.h"
#include "client/ctl_output.h"
#include "client/ctl_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2
#define LAST_MIN 12	/* columns the last one gets before others go */

struct cell {
	char *s;
	enum paint paint;
};

struct table {
	const struct column *columns;
	size_t n, count, room;		/* columns; cells */
	struct cell *cells;		/* row by row */
	int width[16];
	bool out[16];			/* left out */
};

/* --- paint ---------------------------------------------------------------- */

const char *paint_on(enum paint paint)
{
	static const char *const codes[] = {
		[PAINT_NONE] = "", [PAINT_GREEN] = "\033[32m",
		[PAINT_RED] = "\033[31m", [PAINT_YELLOW] = "\033[33m",
		[PAINT_CYAN] = "\033[36m", [PAINT_DIM] = "\033[2m",
		[PAINT_BOLD] = "\033[1m",
	};

	return codes[paint];
}

const char *paint_off(enum paint paint)
{
	return paint == PAINT_NONE ? "" : "\033[0m";
}

enum paint paint_state(const char *state)
{
	static const struct {
		const char *word;
		enum paint paint;
	} paints[] = {
		{ "running", PAINT_CYAN }, { "completed", PAINT_GREEN },
		{ "error", PAINT_RED }, { "not_found", PAINT_RED },
		{ "paused", PAINT_YELLOW }, { "canceled", PAINT_DIM },
		{ "gone", PAINT_DIM },
	};

	for (size_t i = 0; i < sizeof(paints) / sizeof(*paints); i++)
		if (!strcmp(paints[i].word, state))
			return paints[i].paint;
	return PAINT_NONE;
}

/* --- the table ------------------------------------------------------------ */

struct table *table_new(const struct column *columns, size_t n)
{
	struct table *table = text_alloc(1, sizeof(*table));

	table->columns = columns;
	table->n = n;
	for (size_t i = 0; i < n; i++)
		table->width[i] = text_width(columns[i].head);
	return table;
}

void table_cell(struct table *table, const char *escaped, enum paint paint)
{
	size_t column = table->count % table->n;
	int width = text_width(escaped);

	if (table->count == table->room) {
		table->room = table->room ? table->room * 2 : 64;
		table->cells = text_realloc(table->cells, table->room,
					    sizeof(*table->cells));
	}
	table->cells[table->count++] =
		(struct cell){ text_dup(escaped), paint };
	if (width > table->width[column])
		table->width[column] = width;
}

static int total_width(const struct table *table)
{
	int total = -GAP;

	for (size_t i = 0; i < table->n; i++) {
		if (table->out[i])
			continue;
		total += GAP;
		if (i + 1 < table->n)
			total += table->width[i];
		else	/* this one can be cut */
			total += table->width[i] < LAST_MIN ? table->width[i] :
							      LAST_MIN;
	}
	return total;
}

/* The next column to leave out; n: none is left that may go. */
static size_t next_out(const struct table *table)
{
	size_t found = table->n;

	for (size_t i = 0; i < table->n; i++)
		if (!table->out[i] && table->columns[i].drop > 0 &&
		    (found == table->n ||
		     table->columns[i].drop < table->columns[found].drop))
			found = i;
	return found;
}

static void fit(struct table *table, int columns)
{
	size_t last = table->n - 1, i;
	int used = 0;

	while (total_width(table) > columns && (i = next_out(table)) < table->n)
		table->out[i] = true;
	for (i = 0; i < last; i++)
		if (!table->out[i])
			used += table->width[i] + GAP;
	if (used + table->width[last] > columns && columns - used > 4)
		table->width[last] = columns - used;
}

static int columns_of_stdout(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}

static void add_cell(struct text *line, const struct table *table, size_t i,
		     const char *s, enum paint paint, bool utf8)
{
	int width = table->width[i];
	bool right = table->columns[i].right, last = i + 1 == table->n;

	if (right)
		text_add_spaces(line, width - text_width(s));
	text_add(line, paint_on(paint));
	(void)text_add_cut(line, s, width, utf8 ? "…" : "~", false);
	text_add(line, paint_off(paint));
	if (!last && !right)
		text_add_spaces(line, width - text_width(s));
	if (!last)
		text_add_spaces(line, GAP);
}

static void print_line(struct table *table, struct ctl *ctl,
		       const struct cell *cells, bool ascii)
{
	struct text line = { 0 }, shown = { 0 };

	for (size_t i = 0; i < table->n; i++) {
		const char *s = cells ? cells[i].s : table->columns[i].head;
		enum paint paint = cells ? cells[i].paint : PAINT_BOLD;

		if (table->out[i])
			continue;
		text_clear(&shown);
		text_add_escaped(&shown, s, ascii ? TEXT_ASCII : TEXT_SHOWN);
		add_cell(&line, table, i, text_get(&shown),
			 ctl->color_out ? paint : PAINT_NONE, !ascii);
	}
	while (line.len > 0 && line.s[line.len - 1] == ' ')
		line.s[--line.len] = '\0';
	text_add_char(&line, '\n');
	output_text(&line);
	text_free(&line);
	text_free(&shown);
}

void table_print(struct table *table, struct ctl *ctl)
{
	int columns = columns_of_stdout();
	bool ascii = columns > 0 && !ctl->utf8;

	if (columns > 0)
		fit(table, columns);
	print_line(table, ctl, NULL, ascii);
	for (size_t i = 0; i + table->n <= table->count; i += table->n)
		print_line(table, ctl, table->cells + i, ascii);
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].s);
	free(table->cells);
	free(table);
}
