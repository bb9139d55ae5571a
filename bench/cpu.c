/* cpu -- what running jobs cost while nobody asks.
 *
 *	bench/cpu [--jobs N]... [--seconds S] [--json]
 *
 * For each number of running jobs: the CPU of the engine's thread, of all of
 * heygend and of its workers together, as shares of a core. */
#include "config.h"

#include "bench/ask.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS 2

static double workers_cpu_s(const struct server *server)
{
	pid_t workers[WORKERS];
	size_t count = process_children(server->pid, workers, WORKERS);
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += process_cpu_s(workers[i]);
	return sum;
}

static void report(size_t jobs, const char *whose, double seconds, double of)
{
	char what[64];

	snprintf(what, sizeof(what), "%zu running: %s", jobs, whose);
	report_row(&(struct row){ .what = what, .unit = "% of core",
				  .ours = seconds / of * 100 });
}

static void measure(size_t jobs, double seconds)
{
	struct server server = { 0 };
	double engine, all, workers, began;

	server_running(&server, jobs, 0);
	began = now_s();
	engine = process_thread_cpu_s(server.pid);
	all = process_cpu_s(server.pid);
	workers = workers_cpu_s(&server);
	usleep((useconds_t)(seconds * 1e6));
	engine = process_thread_cpu_s(server.pid) - engine;
	all = process_cpu_s(server.pid) - all;
	workers = workers_cpu_s(&server) - workers;
	seconds = now_s() - began;
	report(jobs, "the engine", engine, seconds);
	report(jobs, "heygend, all threads", all, seconds);
	report(jobs, "two workers, together", workers, seconds);
	server_remove(&server);
}

int main(int argc, char **argv)
{
	struct sizes jobs = { .at = { 100, 1000, 10000, 100000 }, .count = 4 };
	double seconds = 10;
	const struct bench_option table[] = {
		{ "jobs", .sizes = &jobs },
		{ "seconds", .real = &seconds },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("cpu", "what running jobs cost by themselves", json);
	for (size_t i = 0; i < jobs.count; i++)
		measure(jobs.at[i], seconds);
	report_end();
	return 0;
}
