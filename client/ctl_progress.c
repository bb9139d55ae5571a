#define _GNU_SOURCE
#include "client/ctl_progress.h"

#include "client/ctl.h"
#include "client/ctl_table.h"
#include "client/ctl_time.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MS 100		/* at least so long between two drawings */
#define FIRST_MS 500		/* for so long an empty line would be no news */
#define TICK_MS 200		/* clocks and bars move by themselves */
#define GAP 2
#define PERCENT 5		/* "100 %" */
#define BAR_MIN 6
#define BAR_MAX 30

#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"

struct progress {
	struct progress_look look;
	const struct row *rows;
	size_t n;
	char *notice;			/* a line below all; NULL: none */
	int lines, columns;		/* of the terminal */
	struct text frame;		/* lines, each ended by \n */
	struct text drawn;		/* the frame that is on the screen */
	int *widths;			/* of the drawn lines */
	int drawn_lines, widths_room;
	int label_width, detail_width, when_width;	/* they never shrink:
				 * columns that jump cannot be read */
	int64_t drawn_at;		/* monotonic */
	bool no_clock;			/* it would cost the bar */
	bool hidden;			/* the cursor */
};

/* What a line is made of; widths of the columns are the same in all lines. */
struct cells {
	struct text label, detail, when;
	double done;			/* -1: no bar */
	enum paint paint;
	bool unknown;			/* not heard of yet: sets no width */
	bool spread;			/* the detail may run into the rest */
};

struct layout {
	int label, bar, detail, when;
};

/* --- one job -------------------------------------------------------------- */

static enum text_how how_shown(const struct progress *p)
{
	return p->look.utf8 ? TEXT_SHOWN : TEXT_ASCII;
}

static const char *cut_mark(const struct progress *p)
{
	return p->look.utf8 ? "…" : "~";
}

/* A title, else the end of the id, which is its random part. */
static void add_label(const struct progress *p, struct text *t,
		      const struct row *row)
{
	const char *id = row_id(row);
	size_t n = strlen(id);

	if (row->title && *row->title) {
		text_add_escaped(t, row->title, how_shown(p));
	} else if (n == 36) {
		text_add(t, cut_mark(p));
		text_add_escaped(t, id + n - 8, how_shown(p));
	} else {
		text_add_escaped(t, id, how_shown(p));
	}
}

static void add_state(const struct progress *p, struct text *t,
		      const struct row *row)
{
	struct text detail = { 0 };

	row_add_detail(&detail, row);
	if (row->state != HG_STATE_RUNNING || row->err || !detail.len)
		text_add_escaped(t, row_state(row), how_shown(p));
	if (detail.len)
		text_addf(t, "%s%s", t->len ? ", " : "", detail.s);
	text_free(&detail);
}

static void add_left(struct text *t, int64_t left, int64_t at, bool clock)
{
	time_add_duration(t, left, true);
	text_add(t, " left");
	if (clock) {
		text_add(t, " (");
		time_add_clock(t, at);
		text_add_char(t, ')');
	}
}

/* A paused job has no end in sight, so it shows no clock. */
static void add_when(struct text *t, const struct row *row, bool clock)
{
	int64_t left = row_left(row);

	if (row->finished_at >= 0 && row->submitted_at >= 0) {
		text_add(t, "in ");
		time_add_duration(t, row->finished_at - row->submitted_at,
				  false);
	} else if (left >= 0 && row->state != HG_STATE_PAUSED) {
		add_left(t, left, row_end_at(row), clock);
	}
}

static void fill_cells(const struct progress *p, struct cells *cells,
		       const struct row *row, bool clock)
{
	add_label(p, &cells->label, row);
	add_state(p, &cells->detail, row);
	add_when(&cells->when, row, clock);
	cells->done = row->err ? -1 : row_now(row, time_monotonic());
	if (row->result == HG_COMPLETED)
		cells->done = 1;
	cells->paint = paint_state(row_state(row));
	cells->unknown = !row->json && !row->err;
}

static void free_cells(struct cells *cells)
{
	text_free(&cells->label);
	text_free(&cells->detail);
	text_free(&cells->when);
}

/* --- all jobs ------------------------------------------------------------- */

static void add_count(struct text *t, size_t n, const char *word)
{
	if (n)
		text_addf(t, "%s%zu %s", t->len ? ", " : "", n, word);
}

/* One line for all: how many are where, how far they are together, and when
 * the last of them ends. */
static void fill_summary(const struct progress *p, struct cells *cells)
{
	size_t counts[HG_STATE_CANCELED + 1] = { 0 }, lost = 0, i;
	int64_t left = -1;
	double done = 0;

	for (i = 0; i < p->n; i++) {
		const struct row *row = &p->rows[i];
		double now = row_now(row, time_monotonic());

		if (row->err)
			lost++;
		else if (row->state <= HG_STATE_CANCELED)
			counts[row->state]++;
		done += row->ended ? 1 : now > 0 ? now : 0;
		if (row_left(row) > left)
			left = row_left(row);
	}
	text_addf(&cells->label, "%zu jobs", p->n);
	if (left >= 0)
		add_left(&cells->detail, left, 0, false);
	add_count(&cells->detail, counts[HG_STATE_UNKNOWN], "pending");
	for (i = HG_STATE_QUEUED; i <= HG_STATE_CANCELED; i++)
		add_count(&cells->detail, counts[i],
			  state_words[i - HG_STATE_QUEUED]);
	add_count(&cells->detail, lost, "lost");
	cells->done = done / (double)p->n;
	cells->paint = PAINT_NONE;
	cells->spread = true;
}

/* Which rows are shown if there are too many: those that move come first. */
static size_t choose(const struct progress *p, size_t most, size_t *chosen)
{
	static const hg_state order[] = { HG_STATE_RUNNING, HG_STATE_QUEUED,
					  HG_STATE_PAUSED, HG_STATE_UNKNOWN,
					  HG_STATE_ERROR, HG_STATE_CANCELED,
					  HG_STATE_COMPLETED };
	size_t count = 0;

	if (p->n <= most) {
		for (size_t i = 0; i < p->n; i++)
			chosen[i] = i;
		return p->n;
	}
	for (size_t s = 0; s < sizeof(order) / sizeof(*order); s++)
		for (size_t i = 0; i < p->n && count < most; i++)
			if (p->rows[i].state == order[s])
				chosen[count++] = i;
	return count;
}

/* --- a line --------------------------------------------------------------- */

struct line {
	struct text *t;
	int used, limit;
	bool color;
	const char *mark;
};

static void put(struct line *line, const char *s, int width, enum paint paint)
{
	int room = line->limit - line->used;

	if (room <= 0)
		return;
	if (!line->color)
		paint = PAINT_NONE;
	text_add(line->t, paint_on(paint));
	line->used += text_add_cut(line->t, s, width < room ? width : room,
				   line->mark, true);
	text_add(line->t, paint_off(paint));
}

static void gap(struct line *line)
{
	put(line, "", GAP, PAINT_NONE);
}

/* "━━━━━╸": half cells are told apart; ASCII has only whole ones. */
static void put_bar(const struct progress *p, struct line *line, int width,
		    double done, enum paint paint)
{
	struct text t = { 0 };
	int halves = done > 0 ? (int)(done * width * 2) : 0;

	for (int i = 0; i < halves / 2; i++)
		text_add(&t, p->look.utf8 ? "━" : "=");
	if (halves % 2)
		text_add(&t, p->look.utf8 ? "╸" : "-");
	put(line, text_get(&t), width, paint);
	text_free(&t);
}

static int detail_width(const struct layout *l, const struct cells *cells)
{
	int width = text_width(text_get(&cells->detail));

	return cells->spread && width > l->detail ? width : l->detail;
}

static void put_cells(struct progress *p, const struct layout *l,
		      const struct cells *cells)
{
	struct line line = { .t = &p->frame, .limit = p->columns - 1,
			     .color = p->look.color, .mark = cut_mark(p) };
	enum paint paint = cells->paint;
	char percent[16] = "";

	put(&line, text_get(&cells->label), l->label, PAINT_NONE);
	gap(&line);
	if (l->bar > 0) {
		put_bar(p, &line, l->bar, cells->done,
			paint == PAINT_NONE ? PAINT_CYAN : paint);
		gap(&line);
	}
	if (cells->done >= 0)
		(void)snprintf(percent, sizeof(percent), "%3d %%",
			       (int)(cells->done * 100 + 1e-9));
	put(&line, percent, PERCENT, PAINT_NONE);
	gap(&line);
	put(&line, text_get(&cells->detail), detail_width(l, cells),
	    paint == PAINT_CYAN ? PAINT_NONE : paint);
	gap(&line);
	put(&line, text_get(&cells->when), line.limit - line.used, PAINT_NONE);
	while (p->frame.len && p->frame.s[p->frame.len - 1] == ' ')
		p->frame.s[--p->frame.len] = '\0';
	text_add_char(&p->frame, '\n');
}

/* --- the frame ------------------------------------------------------------ */

static void widen(int *width, const struct text *t)
{
	int w = text_width(text_get(t));

	if (w > *width)
		*width = w;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* How the columns share the line: the bar takes what is left. */
static struct layout lay_out(struct progress *p, const struct cells *cells,
			     size_t count)
{
	struct layout l = { 0 };
	int room = p->columns - 1, left;

	for (size_t i = 0; i < count; i++) {
		if (cells[i].unknown)
			continue;
		widen(&p->label_width, &cells[i].label);
		if (cells[i].spread)
			continue;
		widen(&p->detail_width, &cells[i].detail);
		widen(&p->when_width, &cells[i].when);
	}
	l.label = least(p->label_width, room / 4 > 8 ? room / 4 : 8);
	l.detail = least(p->detail_width, room / 2 > 10 ? room / 2 : 10);
	l.when = p->when_width;
	left = room - l.label - GAP - GAP - PERCENT - GAP - l.detail - GAP -
	       l.when;
	l.bar = left < BAR_MIN ? 0 : least(left, BAR_MAX);
	return l;
}

static void fill_all(const struct progress *p, struct cells *cells,
		     const size_t *chosen, size_t count, bool summary,
		     bool clock)
{
	for (size_t i = 0; i < count; i++)
		fill_cells(p, &cells[i], &p->rows[chosen[i]], clock);
	if (summary)
		fill_summary(p, &cells[count]);
}

static void add_notice(struct progress *p)
{
	enum paint paint = p->look.color ? PAINT_YELLOW : PAINT_NONE;
	struct text t = { 0 };

	text_add_escaped(&t, p->notice, how_shown(p));
	text_add(&p->frame, paint_on(paint));
	(void)text_add_cut(&p->frame, t.s, p->columns - 1, cut_mark(p), false);
	text_addf(&p->frame, "%s\n", paint_off(paint));
	text_free(&t);
}

/* The clock is left out where it would cost the bar. */
static void build_frame(struct progress *p)
{
	size_t most = (size_t)(p->lines > 3 ? p->lines - 1 : 2);
	size_t room = most + 1, count, shown;
	size_t *chosen = text_alloc(room, sizeof(*chosen));
	struct cells *cells = text_alloc(room, sizeof(*cells));
	struct layout layout;
	bool clock = !p->no_clock, summary;

	most -= p->notice ? 1 : 0;
	summary = p->n > most;
	count = choose(p, summary ? most - 1 : most, chosen);
	shown = count + (summary ? 1 : 0);
	fill_all(p, cells, chosen, count, summary, clock);
	layout = lay_out(p, cells, shown);
	if (layout.bar == 0 && clock) {
		p->when_width = 0;
		for (size_t i = 0; i < shown; i++)
			free_cells(&cells[i]);
		p->no_clock = true;
		fill_all(p, cells, chosen, count, summary, false);
		layout = lay_out(p, cells, shown);
	}
	text_clear(&p->frame);
	for (size_t i = 0; i < shown; i++) {
		put_cells(p, &layout, &cells[i]);
		free_cells(&cells[i]);
	}
	if (p->notice)
		add_notice(p);
	free(cells);
	free(chosen);
}

/* --- the screen ----------------------------------------------------------- */

static void write_all(const struct text *t)
{
	size_t done = 0;

	while (done < t->len) {
		ssize_t n = write(STDERR_FILENO, t->s + done, t->len - done);
		struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			(void)poll(&fd, 1, 100);
		else if (n < 0 && errno != EINTR)
			return;		/* the terminal is gone */
	}
}

/* To the first cell of what was drawn.  Lines wider than the terminal, which
 * has shrunk since, now take several of its rows. */
static void add_home(const struct progress *p, struct text *t)
{
	int up = -1;

	for (int i = 0; i < p->drawn_lines; i++) {
		int width = p->widths[i] > 0 ? p->widths[i] : 1;

		up += (width + p->columns - 1) / p->columns;
	}
	if (p->drawn_lines)
		text_add_char(t, '\r');
	if (up > 0)
		text_addf(t, "\033[%dA", up);
}

static void note_width(struct progress *p, int width)
{
	if (p->drawn_lines == p->widths_room) {
		p->widths_room += 64;
		p->widths = text_realloc(p->widths, (size_t)p->widths_room,
					 sizeof(*p->widths));
	}
	p->widths[p->drawn_lines++] = width;
}

/* Columns of one line of a frame, its colors not counted. */
static int visible_width(const char *s, size_t n)
{
	struct text t = { 0 };
	int width;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\033')
			while (i < n && s[i] != 'm')
				i++;
		else
			text_add_char(&t, s[i]);
	}
	width = text_width(text_get(&t));
	text_free(&t);
	return width;
}

static void draw(struct progress *p)
{
	struct text out = { 0 };
	const char *s = text_get(&p->frame);

	if (!p->hidden)
		text_add(&out, HIDE_CURSOR);
	p->hidden = true;
	signals_cursor(true);
	add_home(p, &out);
	p->drawn_lines = 0;
	while (*s) {
		size_t n = strcspn(s, "\n");

		if (p->drawn_lines)
			text_add(&out, "\r\n");
		text_add_bytes(&out, s, n);
		text_add(&out, "\033[K");
		note_width(p, visible_width(s, n));
		s += n + 1;
	}
	text_add(&out, "\033[J");
	write_all(&out);
	text_free(&out);
	text_clear(&p->drawn);
	text_add(&p->drawn, text_get(&p->frame));
	p->drawn_at = time_monotonic();
}

static void measure(struct progress *p)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col ||
	    !size.ws_row)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	p->columns = size.ws_col;
	p->lines = size.ws_row;
}

/* --- from outside --------------------------------------------------------- */

struct progress *progress_new(const struct progress_look *look,
			      const struct row *rows, size_t n)
{
	const char *term = getenv("TERM");
	struct progress *p;

	if (!isatty(STDERR_FILENO) || !term || !*term || !strcmp(term, "dumb"))
		return NULL;
	p = text_alloc(1, sizeof(*p));
	p->look = *look;
	p->rows = rows;
	p->n = n;
	p->drawn_at = time_monotonic();
	measure(p);
	return p;
}

static bool nothing_known(const struct progress *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->rows[i].json || p->rows[i].err)
			return false;
	return true;
}

int progress_tick(struct progress *p, enum screen screen)
{
	int64_t since;

	if (!p)
		return -1;
	if (screen != SCREEN_SAME) {
		measure(p);
		text_clear(&p->drawn);
		p->label_width = p->detail_width = p->when_width = 0;
		p->no_clock = false;
	}
	if (screen == SCREEN_LOST)
		p->drawn_lines = 0;
	since = time_monotonic() - p->drawn_at;
	if (!p->drawn_lines && !p->notice && nothing_known(p) &&
	    since < FIRST_MS)
		return FRAME_MS;
	if (since < FRAME_MS)
		return (int)(FRAME_MS - since);
	build_frame(p);
	if (!p->drawn_lines ||
	    strcmp(text_get(&p->frame), text_get(&p->drawn)) != 0)
		draw(p);
	return TICK_MS;
}

void progress_notice(struct progress *p, const char *notice)
{
	if (!p)
		return;
	free(p->notice);
	p->notice = text_dup(notice);
}

void progress_clear(struct progress *p)
{
	struct text out = { 0 };

	if (!p || !p->drawn_lines)
		return;
	add_home(p, &out);
	text_add(&out, "\033[J");
	write_all(&out);
	text_free(&out);
	p->drawn_lines = 0;
	text_clear(&p->drawn);
}

void progress_free(struct progress *p, bool leave)
{
	struct text out = { 0 };

	if (!p)
		return;
	progress_notice(p, NULL);
	if (leave) {
		build_frame(p);
		draw(p);
		text_add(&out, "\r\n");
	} else {
		progress_clear(p);
	}
	if (p->hidden)
		text_add(&out, SHOW_CURSOR);
	write_all(&out);
	signals_cursor(false);
	text_free(&out);
	text_free(&p->frame);
	text_free(&p->drawn);
	free(p->widths);
	free(p);
}

void progress_add_line(struct text *t, const struct row *row)
{
	double now = row_now(row, time_monotonic());
	struct text more = { 0 };

	text_add_escaped(t, row_id(row), TEXT_SHOWN);
	text_add(t, "  ");
	if (row->title && *row->title) {
		text_add_escaped(t, row->title, TEXT_SHOWN);
		text_add(t, "  ");
	}
	text_add(t, row_state(row));
	if (now >= 0 && row->state != HG_STATE_COMPLETED)
		text_addf(t, "  %d %%", (int)(now * 100));
	row_add_detail(&more, row);
	if (more.len)
		text_addf(t, "  %s", more.s);
	text_clear(&more);
	add_when(&more, row, true);
	if (more.len)
		text_addf(t, "  %s", more.s);
	text_free(&more);
}
