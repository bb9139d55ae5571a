#include "config.h"

#include "bench/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE 64

static void complain(const char *program, const char *option, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program, option, what);
	exit(USAGE);
}

static double value_of(const char *text)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' ? value : 0;
}

/* false: these are too many. */
static bool take_size(struct sizes *sizes, size_t value)
{
	if (!sizes->given)
		sizes->count = 0;
	sizes->given = true;
	if (sizes->count == SIZES_MAX)
		return false;
	sizes->at[sizes->count++] = value;
	return true;
}

/* NULL, or what is wrong with it. */
static const char *take(const struct bench_option *option, double value)
{
	static char too_large[64];

	if (!(value > 0) || (!option->real && value < 1))
		return "needs a number above 0";
	if (option->most && value > (double)option->most) {
		snprintf(too_large, sizeof(too_large), "at most %zu",
			 option->most);
		return too_large;
	}
	if (option->sizes && !take_size(option->sizes, (size_t)value))
		return "given too often";
	if (option->number)
		*option->number = (size_t)value;
	if (option->real)
		*option->real = value;
	return NULL;
}

bool options_take(int argc, char **argv, const struct bench_option *table)
{
	bool json = false;

	for (int i = 1; i < argc; i++) {
		const struct bench_option *option = table;
		const char *wrong;

		if (strcmp(argv[i], "--json") == 0) {
			json = true;
			continue;
		}
		while (option->name && (strncmp(argv[i], "--", 2) != 0 ||
					strcmp(argv[i] + 2, option->name) != 0))
			option++;
		if (!option->name)
			complain(argv[0], argv[i], "no such option");
		wrong = take(option, i + 1 < argc ? value_of(argv[i + 1]) : 0);
		if (wrong)
			complain(argv[0], argv[i], wrong);
		i++;
	}
	return json;
}
