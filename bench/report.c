#include "config.h"

#include "bench/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool in_json;
static unsigned rows;

static void print_head(void)
{
	const char *head = getenv("HG_BENCH_HEAD");

	if (head && strcmp(head, "no") == 0)
		return;
	printf("%-48s %-10s %10s %10s %7s  %s\n", "", "unit", "ours",
	       "yardstick", "ratio", "wanted");
}

void report_begin(const char *bench, const char *topic, bool json)
{
	double load[1] = { 0 };

	(void)getloadavg(load, 1);
	in_json = json;
	rows = 0;
	if (json) {
		printf("{\"bench\":\"%s\",\"topic\":\"%s\","
		       "\"load_average\":%.2f,\"rows\":[", bench, topic,
		       load[0]);
	} else {
		print_head();
		printf("\n%s: %s (load average %.1f)\n", bench, topic,
		       load[0]);
	}
	fflush(stdout);
}

static bool row_is_met(const struct row *row, double ratio)
{
	double value = row->yardstick > 0 ? ratio : row->ours;

	return row->wanted == WANTED_NOTHING ||
	       (row->wanted == WANTED_AT_LEAST ? value >= row->bound
					       : value <= row->bound);
}

static void print_json(const struct row *row, double ratio)
{
	printf("%s{\"what\":\"%s\",\"unit\":\"%s\",\"ours\":%.6g",
	       rows > 0 ? "," : "", row->what, row->unit, row->ours);
	if (row->yardstick > 0)
		printf(",\"yardstick\":%.6g,\"ratio\":%.4g", row->yardstick,
		       ratio);
	if (row->wanted != WANTED_NOTHING)
		printf(",\"%s\":%.6g,\"met\":%s",
		       row->wanted == WANTED_AT_LEAST ? "at_least" : "at_most",
		       row->bound, row_is_met(row, ratio) ? "true" : "false");
	printf("}");
}

static void print_number(double value)
{
	if (fabs(value) >= 1000)
		printf(" %10.0f", value);
	else
		printf(" %10.4g", value);
}

static void print_line(const struct row *row, double ratio)
{
	printf("  %-46s %-10s", row->what, row->unit);
	print_number(row->ours);
	if (row->yardstick > 0) {
		print_number(row->yardstick);
		printf(" %7.3g", ratio);
	} else if (row->wanted != WANTED_NOTHING) {
		printf(" %10s %7s", "", "");
	}
	if (row->wanted != WANTED_NOTHING)
		printf("  %s %-7g %s",
		       row->wanted == WANTED_AT_LEAST ? ">=" : "<=",
		       row->bound, row_is_met(row, ratio) ? "met" : "MISSED");
	printf("\n");
}

void report_ratio(const struct row *row, double ratio)
{
	if (in_json)
		print_json(row, ratio);
	else
		print_line(row, ratio);
	rows++;
	fflush(stdout);
}

void report_row(const struct row *row)
{
	report_ratio(row, row->yardstick > 0 ? row->ours / row->yardstick : 0);
}

void report_skip(const char *what, const char *why)
{
	if (in_json)
		printf("%s{\"what\":\"%s\",\"skipped\":\"%s\"}",
		       rows > 0 ? "," : "", what, why);
	else
		printf("  %-46s skipped: %s\n", what, why);
	rows++;
	fflush(stdout);
}

void report_end(void)
{
	if (in_json)
		printf("]}\n");
	fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double percentile(double *values, size_t count, double share)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), by_value);
	return values[(size_t)((double)(count - 1) * share)];
}

double median(double *values, size_t count)
{
	return percentile(values, count, 0.5);
}
