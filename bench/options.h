/* options.h -- the options of a bench, as a table. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define SIZES_MAX 8

/* Sizes to go through; those that are given take the place of the usual. */
struct sizes {
	size_t at[SIZES_MAX];
	size_t count;
	bool given;
};

/* One of these is where the value goes; each value is above zero, and a
 * number at most `most`, if that is not 0. */
struct bench_option {
	const char *name;		/* --name VALUE; NULL ends the table */
	struct sizes *sizes;		/* may come again and again */
	size_t *number;
	size_t most;
	double *real;
};

/* options_take -- whatever is not in the table, or no such value, ends the
 * bench with a sentence and 64.  Returns whether --json was given, which
 * every bench takes. */
bool options_take(int argc, char **argv, const struct bench_option *table);

#endif
