/* status -- how fast GET /status?job_id= is, beside the same HTTP library
 * answering a constant in the same run.
 *
 *	bench/status [--jobs N]... [--seconds S] [--json]
 *
 * Prints, for each number of jobs stored, the answers a second of both and
 * their ratio: the median of alternating rounds. */
#include "config.h"

#include "bench/load.h"
#include "bench/server.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7
#define CONNECTIONS 32
#define BATCH 1000

static const char body[] =
	"{\"result\":\"pending\",\"job_id\":\"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\","
	"\"state\":\"queued\",\"progress\":0,\"remaining_ms\":20000,"
	"\"estimated_completion_at\":\"2026-11-22T12:00:31.250Z\"}";
static char (*ids)[37];
static size_t id_count;

/* --- filling ------------------------------------------------------------------- */

static size_t batch_request(void *user, uint64_t i, char *out, size_t size)
{
	size_t n, count = *(const size_t *)user;
	static char jobs[BATCH * 64];

	(void)i;
	n = snprintf(jobs, sizeof(jobs), "{\"jobs\":[");
	for (size_t k = 0; k < count; k++)
		n += snprintf(jobs + n, sizeof(jobs) - n,
			      "%s{\"title\":\"Bench %zu\"}", k ? "," : "", k);
	n += snprintf(jobs + n, sizeof(jobs) - n, "]}");
	return snprintf(out, size, "POST /v1/jobs:batch HTTP/1.1\r\n"
			"Host: localhost\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s", n, jobs);
}

static void fill(const struct server *server, size_t jobs)
{
	size_t count = jobs < BATCH ? jobs : BATCH;
	struct load load = { .port = server->port, .connections = 4,
			     .duration_ms = 600000,
			     .requests = (jobs + count - 1) / count,
			     .request = batch_request, .user = &count };
	struct load_result result;

	if (load_run(&load, &result) < 0 || result.failures > 0) {
		fprintf(stderr, "bench/status: filling failed\n");
		exit(EXIT_FAILURE);
	}
}

/* The ids, as anybody would get them. */
static void learn_ids(const struct server *server, size_t jobs)
{
	char command[256], line[128];
	FILE *from;

	snprintf(command, sizeof(command),
		 "sqlite3 -readonly '%s/jobs.db' 'SELECT id FROM job "
		 "ORDER BY random() LIMIT 20000'", server->dir);
	free(ids);
	ids = calloc(jobs < 20000 ? jobs : 20000, sizeof(*ids));
	id_count = 0;
	from = popen(command, "r");
	while (ids && from && id_count < jobs && id_count < 20000 &&
	       fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(ids[id_count++], sizeof(*ids), "%.36s", line);
	}
	if (!from || pclose(from) != 0 || id_count == 0) {
		fprintf(stderr, "bench/status: cannot read the ids\n");
		exit(EXIT_FAILURE);
	}
}

/* --- measuring ------------------------------------------------------------------- */

static size_t status_request(void *user, uint64_t i, char *out, size_t size)
{
	(void)user;
	return snprintf(out, size, "GET /status?job_id=%s HTTP/1.1\r\n"
			"Host: localhost\r\n\r\n", ids[i % id_count]);
}

static double rate(const struct server *server, double seconds)
{
	struct load load = { .port = server->port, .connections = CONNECTIONS,
			     .duration_ms = seconds * 1000,
			     .request = status_request };
	struct load_result result;

	if (load_run(&load, &result) < 0 || result.failures > 0) {
		fprintf(stderr, "bench/status: %llu requests failed\n",
			(unsigned long long)result.failures);
		exit(EXIT_FAILURE);
	}
	return result.answers / result.seconds;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

static void measure(size_t jobs, double seconds, bool json, bool first)
{
	static const char *const settings[] = {
		"status.default_job=off", "jobs.max_jobs=10000000",
		"simulation.min_ms=3600000", "simulation.max_ms=7200000", NULL
	};
	struct server heygend = { 0 }, constant = { 0 };
	double ours[ROUNDS], theirs[ROUNDS], ratios[ROUNDS];

	server_constant(&constant, body);
	server_heygend(&heygend, settings);
	fill(&heygend, jobs);
	learn_ids(&heygend, jobs);
	(void)rate(&heygend, seconds / 2);
	for (int i = 0; i < ROUNDS; i++) {
		theirs[i] = rate(&constant, seconds);
		ours[i] = rate(&heygend, seconds);
		ratios[i] = ours[i] / theirs[i];
	}
	if (json)
		printf("%s{\"jobs\":%zu,\"status_per_s\":%.0f,\"constant_per_s\":"
		       "%.0f,\"ratio\":%.3f}", first ? "" : ",", jobs,
		       median(ours), median(theirs), median(ratios));
	else
		printf("%10zu %12.0f %12.0f %8.3f\n", jobs, median(ours),
		       median(theirs), median(ratios));
	fflush(stdout);
	server_remove(&heygend);
	server_stop(&constant);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "seconds", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'J' }, { 0 }
	};
	size_t jobs[8] = { 100000, 1000000 }, count = 0;
	double seconds = 2;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j' && count < 8)
			jobs[count++] = strtoul(optarg, NULL, 10);
		else if (option == 's')
			seconds = atof(optarg);
		else if (option == 'J')
			json = true;
		else
			return 64;
	}
	if (count == 0)
		count = 2;
	if (json)
		printf("{\"rows\":[");
	else
		printf("%10s %12s %12s %8s\n", "jobs", "/status a s",
		       "constant", "ratio");
	for (size_t i = 0; i < count; i++)
		measure(jobs[i], seconds, json, i == 0);
	if (json)
		printf("]}\n");
	return 0;
}
