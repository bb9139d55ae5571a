/* growth -- what becomes slower, or larger, with the number of jobs.
 *
 *	bench/growth [--jobs N]... [--seconds S] [--json]
 *
 * One heygend is filled to each size, every job of it waiting, and asked:
 * the status of random jobs; the list's first page, the pages behind a filter
 * (all jobs match it; one in a thousand does), the page nine tenths down; at
 * last SUBMISSIONS more jobs come in one by one.  The yardstick is the same
 * number at the smallest size. */
#include "config.h"

#include "bench/ask.h"
#include "bench/load.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/walk.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDS 20000
#define SUBMISSIONS 5000
#define SUBMIT_CONNECTIONS 64
#define STATUS_CONNECTIONS 32
#define LIST_CONNECTIONS 8

static const char *const settings[] = {
	"status.default_job=off", "jobs.max_jobs=10000000",
	"simulation.min_ms=3600000", "simulation.max_ms=7200000", NULL
};

enum number {
	STATUS, STATUS_P99, SUBMIT, SUBMIT_P99, LIST, LIST_STATE, LIST_TAG,
	LIST_DEEP, MEMORY, STORE, NUMBERS
};

static const struct {
	const char *name, *unit;
} numbers[NUMBERS] = {
	[STATUS] = { "GET /status?job_id=", "answers/s" },
	[STATUS_P99] = { "GET /status?job_id=, p99", "ms" },
	[SUBMIT] = { "submit", "jobs/s" },
	[SUBMIT_P99] = { "submit, p99", "ms" },
	[LIST] = { "list, first 50", "answers/s" },
	[LIST_STATE] = { "list of a state, all jobs match", "answers/s" },
	[LIST_TAG] = { "list of a tag, 1 in 1000 has it", "answers/s" },
	[LIST_DEEP] = { "list, 50 from nine tenths down", "answers/s" },
	[MEMORY] = { "memory", "MB" },
	[STORE] = { "jobs.db", "MB" },
};

static double found[NUMBERS][SIZES_MAX];

/* --- jobs ------------------------------------------------------------------------- */

/* The first of each batch bears the tag that the filter asks for. */
static size_t tagged_batch(void *user, uint64_t i, char *out, size_t size)
{
	size_t n, count = *(const size_t *)user;
	static char jobs[BATCH * 64];

	(void)i;
	n = snprintf(jobs, sizeof(jobs),
		     "{\"jobs\":[{\"title\":\"Bench\",\"tags\":[\"rare\"]}");
	for (size_t k = 1; k < count; k++)
		n += snprintf(jobs + n, sizeof(jobs) - n,
			      ",{\"title\":\"Bench %zu\"}", k);
	n += snprintf(jobs + n, sizeof(jobs) - n, "]}");
	return snprintf(out, size, "POST /v1/jobs:batch HTTP/1.1\r\n"
			"Host: localhost\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s", n, jobs);
}

static void add_jobs(const struct server *server, size_t count)
{
	size_t batch = BATCH;
	struct load load = { .port = server->port, .connections = 4,
			     .duration_ms = 600000, .requests = count / BATCH,
			     .request = tagged_batch, .user = &batch };
	struct load_result result;

	if (load.requests > 0 &&
	    (load_run(&load, &result) < 0 || result.failures > 0))
		give_up("filling with %zu jobs failed", count);
	fill(server, count % BATCH);
}

static size_t submit_request(void *user, uint64_t i, char *out, size_t size)
{
	static const char body[] =
		"{\"title\":\"Bench\",\"output_language\":\"de\"}";

	(void)user;
	(void)i;
	return snprintf(out, size, "POST /v1/jobs HTTP/1.1\r\n"
			"Host: localhost\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s", sizeof(body) - 1,
			body);
}

/* --- measuring ---------------------------------------------------------------------- */

static struct load_result run(const struct load *load, const char *what)
{
	struct load_result result;

	if (load_run(load, &result) < 0 || result.failures > 0)
		give_up("%s: %llu of %llu requests failed", what,
			(unsigned long long)result.failures,
			(unsigned long long)result.answers);
	return result;
}

static void measure_status(const struct server *server, struct walk *w,
			   double seconds, size_t at)
{
	struct load load = { .port = server->port,
			     .connections = STATUS_CONNECTIONS,
			     .duration_ms = seconds * 1000,
			     .request = walk_status_request, .user = w };
	struct load_result result = run(&load, "status");

	found[STATUS][at] = (double)result.answers / result.seconds;
	found[STATUS_P99][at] = result.p99_ms;
}

static size_t list_request(void *user, uint64_t i, char *out, size_t size)
{
	(void)i;
	return snprintf(out, size, "GET /v1/jobs?%s HTTP/1.1\r\n"
			"Host: localhost\r\n\r\n", (const char *)user);
}

static void measure_list(const struct server *server, enum number which,
			 const char *query, double seconds, size_t at)
{
	struct load load = { .port = server->port,
			     .connections = LIST_CONNECTIONS,
			     .duration_ms = seconds * 1000,
			     .request = list_request, .user = (void *)query };
	struct load_result result = run(&load, numbers[which].name);

	found[which][at] = (double)result.answers / result.seconds;
}

static void measure_lists(const struct server *server, const struct walk *w,
			  double seconds, size_t at)
{
	char deep[WALK_TOKEN + 16];

	measure_list(server, LIST, "", seconds, at);
	measure_list(server, LIST_STATE, "state=queued", seconds, at);
	measure_list(server, LIST_TAG, "tag=rare", seconds, at);
	snprintf(deep, sizeof(deep), "page_token=%s", w->deep);
	measure_list(server, LIST_DEEP, deep, seconds, at);
}

static void measure_submit(const struct server *server, size_t at)
{
	struct load load = { .port = server->port,
			     .connections = SUBMIT_CONNECTIONS,
			     .duration_ms = 60000, .requests = SUBMISSIONS,
			     .request = submit_request };
	struct load_result result = run(&load, "submit");

	found[SUBMIT][at] = (double)result.answers / result.seconds;
	found[SUBMIT_P99][at] = result.p99_ms;
}

static double store_mb(const struct server *server)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/jobs.db", server->dir);
	return stat(path, &st) == 0 ? (double)st.st_size / 1e6 : 0;
}

/* A heygend that has just started on so many jobs: its memory is not that of
 * the filling. */
static void measure(struct server *server, size_t have, size_t jobs,
		    double seconds, size_t at)
{
	struct walk w;

	add_jobs(server, jobs - have);
	server_stop(server);
	server_heygend(server, settings);
	found[STORE][at] = store_mb(server);
	walk(server, jobs, IDS, &w);
	found[MEMORY][at] = process_rss_mb(server->pid);
	/* once to warm up */
	measure_status(server, &w, seconds / 2, at);
	measure_status(server, &w, seconds, at);
	measure_lists(server, &w, seconds, at);
	measure_submit(server, at);
	walk_free(&w);
}

static void report(const size_t *jobs, size_t count)
{
	char what[64];

	for (int n = 0; n < NUMBERS; n++)
		for (size_t i = 0; i < count; i++) {
			bool size = n == MEMORY || n == STORE;

			snprintf(what, sizeof(what), "%zu jobs: %s", jobs[i],
				 numbers[n].name);
			report_row(&(struct row){
				.what = what, .unit = numbers[n].unit,
				.ours = found[n][i],
				.yardstick = i > 0 && !size ? found[n][0]
							    : 0 });
		}
}

int main(int argc, char **argv)
{
	struct sizes jobs = { .at = { 1000, 10000, 100000, 1000000 },
			      .count = 4 };
	struct server server = { 0 };
	double seconds = 1.5;
	size_t have = 0;
	const struct bench_option table[] = {
		{ "jobs", .sizes = &jobs },
		{ "seconds", .real = &seconds },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	for (size_t i = 0; i < jobs.count; i++)
		if (jobs.at[i] <
		    (i > 0 ? jobs.at[i - 1] + SUBMISSIONS : 1000))
			give_up("sizes begin at 1000 and grow by more than %d",
				SUBMISSIONS);
	report_begin("growth", "the same requests on more and more jobs",
		     json);
	server_heygend(&server, settings);
	for (size_t i = 0; i < jobs.count; i++) {
		measure(&server, have, jobs.at[i], seconds, i);
		have = jobs.at[i] + SUBMISSIONS;
	}
	report(jobs.at, jobs.count);
	server_remove(&server);
	report_end();
	return 0;
}
