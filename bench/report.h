/* report.h -- what a bench found: one row a number, as a table or as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

enum wanted { WANTED_NOTHING, WANTED_AT_LEAST, WANTED_AT_MOST };

struct row {
	const char *what;		/* a sentence's worth */
	const char *unit;
	double ours;
	double yardstick;		/* 0: there is none */
	/* of ours ÷ yardstick if there is one, else of ours */
	enum wanted wanted;
	double bound;
};

/* report_begin -- the name of the bench and what it is about.  The head is
 * printed once: whoever prints several tables as one sets HG_BENCH_HEAD=no
 * after the first. */
void report_begin(const char *bench, const char *topic, bool json);
void report_row(const struct row *row);
/* As report_row, with a ratio that is not that of the two medians. */
void report_ratio(const struct row *row, double ratio);
void report_skip(const char *what, const char *why);
void report_end(void);

/* Sorts; the middle one, and the one that a share (0..1) are not above. */
double median(double *values, size_t count);
double percentile(double *values, size_t count, double share);

#endif
