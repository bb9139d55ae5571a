/* status -- how fast GET /status?job_id= is, beside the same HTTP library
 * answering a constant in the same run: one of heygend's answers, byte for
 * byte.
 *
 *	bench/status [--jobs N]... [--seconds S] [--json]
 *
 * For each number of jobs stored: the answers a second of both and their
 * ratio, medians of rounds that alternate. */
#include "config.h"

#include "bench/ask.h"
#include "bench/load.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/server.h"
#include "bench/walk.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 7
#define CONNECTIONS 32
#define WANTED 0.85	/* of the constant, with the first number of jobs */
#define WITHIN 0.9	/* of that, with the others */

#define IDS 20000	/* spread over all jobs */

/* --- measuring ------------------------------------------------------------------- */

/* One answer whole, as heygend gives it: the constant. */
static const char *one_answer(const struct server *server, struct walk *ids)
{
	static char text[4096];
	char request[256];
	size_t size = walk_status_request(ids, 0, request, sizeof(request));
	size_t got = 0, need = SIZE_MAX;
	int fd = ask_dial(server);
	ssize_t n = send(fd, request, size, MSG_NOSIGNAL);

	while (n > 0 && got < need) {
		char *end, *length;

		n = recv(fd, text + got, sizeof(text) - 1 - got, 0);
		got += n > 0 ? (size_t)n : 0;
		text[got] = '\0';
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "Content-Length: ");
		if (end && length)
			need = (size_t)(end + 4 - text) +
			       strtoul(length + 16, NULL, 10);
	}
	close(fd);
	if (got != need)
		give_up("no whole answer of %s", request);
	return text;
}

struct cost {
	double cpu_s, answers;
};

static double rate(const struct server *server, struct walk *ids,
		   double seconds, struct cost *cost)
{
	struct load load = { .port = server->port, .connections = CONNECTIONS,
			     .duration_ms = seconds * 1000,
			     .request = walk_status_request, .user = ids };
	struct load_result result;

	cost->cpu_s -= process_cpu_s(server->pid);
	if (load_run(&load, &result) < 0 || result.failures > 0)
		give_up("%llu requests failed",
			(unsigned long long)result.failures);
	cost->cpu_s += process_cpu_s(server->pid);
	cost->answers += (double)result.answers;
	return result.answers / result.seconds;
}

/* The ratio, which is to be as large as the bound. */
static double measure(size_t jobs, double seconds, double bound)
{
	static const char *const settings[] = {
		"status.default_job=off", "jobs.max_jobs=10000000",
		"simulation.min_ms=3600000", "simulation.max_ms=7200000", NULL
	};
	struct server heygend = { 0 }, constant = { 0 };
	struct walk ids;
	char what[64];
	double ours[ROUNDS], theirs[ROUNDS], ratios[ROUNDS];
	struct cost cost = { 0 }, constant_cost = { 0 };

	server_heygend(&heygend, settings);
	fill(&heygend, jobs);
	walk(&heygend, jobs, IDS, &ids);
	server_constant(&constant, one_answer(&heygend, &ids));
	(void)rate(&heygend, &ids, seconds / 2, &cost);
	cost = (struct cost){ 0 };
	for (int i = 0; i < ROUNDS; i++) {
		theirs[i] = rate(&constant, &ids, seconds, &constant_cost);
		ours[i] = rate(&heygend, &ids, seconds, &cost);
		ratios[i] = ours[i] / theirs[i];
	}
	snprintf(what, sizeof(what), "GET /status?job_id=, %zu jobs", jobs);
	report_ratio(&(struct row){ .what = what, .unit = "answers/s",
				    .ours = median(ours, ROUNDS),
				    .yardstick = median(theirs, ROUNDS),
				    .wanted = WANTED_AT_LEAST, .bound = bound },
		     median(ratios, ROUNDS));
	report_row(&(struct row){ .what = "CPU of the server an answer",
				  .unit = "us",
				  .ours = cost.cpu_s * 1e6 / cost.answers,
				  .yardstick = constant_cost.cpu_s * 1e6 /
					       constant_cost.answers });
	walk_free(&ids);
	server_remove(&heygend);
	server_stop(&constant);
	return median(ratios, ROUNDS);
}

int main(int argc, char **argv)
{
	struct sizes jobs = { .at = { 100000, 1000000 }, .count = 2 };
	double seconds = 2, first = 0;
	const struct bench_option table[] = {
		{ "jobs", .sizes = &jobs },
		{ "seconds", .real = &seconds },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("status", "GET /status beside a constant", json);
	for (size_t i = 0; i < jobs.count; i++) {
		double ratio = measure(jobs.at[i], seconds,
				       i == 0 ? WANTED : first * WITHIN);

		first = i == 0 ? ratio : first;
	}
	report_end();
	return 0;
}
