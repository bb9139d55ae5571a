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
#define SETTLED_S 5			/* the first rows of all have passed */
#define DEADLINE_S 300

static void start_jobs(struct server *server, size_t jobs)
{
	static char slots[32];
	const char *const settings[] = {
		"status.default_job=off", "jobs.max_jobs=10000000", slots,
		"simulation.min_ms=36000000", "simulation.max_ms=72000000",
		"simulation.error_rate=0", NULL
	};
	double until = now_s() + DEADLINE_S;

	snprintf(slots, sizeof(slots), "jobs.slots=%zu",
		 (jobs + WORKERS - 1) / WORKERS);
	server_heygend(server, settings);
	fill(server, jobs);
	while (ask_metric(server, "heygend_jobs{state=\"running\"}") <
	       (double)jobs) {
		if (now_s() > until)
			give_up("the jobs did not start");
		usleep(100000);
	}
	sleep(SETTLED_S);
}

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

	start_jobs(&server, jobs);
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
