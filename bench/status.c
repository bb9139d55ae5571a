/* status -- how fast GET /status?job_id= is, beside the same HTTP library
 * answering a constant in the same run.
 *
 *	bench/status [--jobs N]... [--seconds S] [--json]
 *
 * For each number of jobs stored: the answers a second of both and their
 * ratio, medians of rounds that alternate. */
#include "config.h"

#include "bench/ask.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/server.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7
#define CONNECTIONS 32

static const char body[] =
	"{\"result\":\"pending\",\"job_id\":\"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\","
	"\"state\":\"queued\",\"progress\":0,\"remaining_ms\":20000,"
	"\"estimated_completion_at\":\"2026-11-22T12:00:31.250Z\"}";
static char (*ids)[37];
static size_t id_count;

/* --- measuring ------------------------------------------------------------------- */

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
	if (!from || pclose(from) != 0 || id_count == 0)
		give_up("cannot read the ids");
}

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

	if (load_run(&load, &result) < 0 || result.failures > 0)
		give_up("%llu requests failed",
			(unsigned long long)result.failures);
	return result.answers / result.seconds;
}

static void measure(size_t jobs, double seconds)
{
	static const char *const settings[] = {
		"status.default_job=off", "jobs.max_jobs=10000000",
		"simulation.min_ms=3600000", "simulation.max_ms=7200000", NULL
	};
	struct server heygend = { 0 }, constant = { 0 };
	char what[64];
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
	snprintf(what, sizeof(what), "GET /status?job_id=, %zu jobs", jobs);
	report_ratio(&(struct row){ .what = what, .unit = "answers/s",
				    .ours = median(ours, ROUNDS),
				    .yardstick = median(theirs, ROUNDS),
				    .wanted = WANTED_AT_LEAST, .bound = 0.85 },
		     median(ratios, ROUNDS));
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
	report_begin("status", "GET /status beside a constant", json);
	for (size_t i = 0; i < count; i++)
		measure(jobs[i], seconds);
	report_end();
	return 0;
}
