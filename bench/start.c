/* start -- how fast heygend starts, and what it costs while nothing happens.
 *
 *	bench/start [--jobs N]... [--idle SECONDS] [--json]
 *
 * Ready is the time from the start of the process to its ready line: on an
 * empty store (a median of fresh directories), and on a store of so many
 * jobs, with the memory it then takes.  Idle is read from /proc: how often
 * any thread was woken, and the bytes sent to the disk. */
#include "config.h"

#include "bench/ask.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STARTS 9
#define SETTLED_S 4			/* the log's checkpoint has passed */
#define WORKERS 2

static const char *const settings[] = {
	"status.default_job=off", "jobs.max_jobs=10000000",
	"simulation.min_ms=3600000", "simulation.max_ms=7200000", NULL
};

static void measure_empty(void)
{
	double ready[STARTS];

	for (int i = 0; i < STARTS; i++) {
		struct server server = { 0 };

		server_heygend(&server, settings);
		ready[i] = server.ready_ms;
		server_remove(&server);
	}
	report_row(&(struct row){ .what = "ready on an empty store",
				  .unit = "ms", .ours = median(ready, STARTS),
				  .wanted = WANTED_AT_MOST, .bound = 50 });
}

/* --- idle --------------------------------------------------------------------- */

struct still {			/* a process that should do nothing */
	pid_t pid;
	int64_t sleeps, written;
};

static struct still still_begin(pid_t pid)
{
	return (struct still){ .pid = pid, .sleeps = process_sleeps(pid),
			       .written = process_written(pid) };
}

static double still_wakes(const struct still *s, double seconds)
{
	return (double)(process_sleeps(s->pid) - s->sleeps) / seconds;
}

static void report_idle(const char *who, double wakes, double mb,
			double mb_bound)
{
	char what[64];

	snprintf(what, sizeof(what), "idle %s, memory", who);
	report_row(&(struct row){ .what = what, .unit = "MB", .ours = mb,
				  .wanted = WANTED_AT_MOST,
				  .bound = mb_bound });
	snprintf(what, sizeof(what), "idle %s, woken", who);
	report_row(&(struct row){ .what = what, .unit = "times/s",
				  .ours = wakes, .wanted = WANTED_AT_MOST,
				  .bound = 1 });
}

static void measure_idle(double seconds)
{
	struct server server = { 0 };
	struct still all[1 + WORKERS];
	pid_t workers[WORKERS];
	double wakes = 0, mb = 0;
	size_t count;

	server_heygend(&server, settings);
	sleep(SETTLED_S);
	count = process_children(server.pid, workers, WORKERS);
	all[0] = still_begin(server.pid);
	for (size_t i = 0; i < count; i++)
		all[1 + i] = still_begin(workers[i]);
	usleep((useconds_t)(seconds * 1e6));
	report_idle("heygend", still_wakes(&all[0], seconds),
		    process_rss_mb(server.pid), 15);
	for (size_t i = 1; i <= count; i++) {
		if (process_rss_mb(all[i].pid) > mb)
			mb = process_rss_mb(all[i].pid);
		if (still_wakes(&all[i], seconds) > wakes)
			wakes = still_wakes(&all[i], seconds);
	}
	report_idle("worker", wakes, mb, 3);
	report_row(&(struct row){
		.what = "idle heygend, written", .unit = "bytes",
		.ours = (double)(process_written(server.pid) -
				 all[0].written),
		.wanted = WANTED_AT_MOST, .bound = 0 });
	server_remove(&server);
}

/* --- with jobs ------------------------------------------------------------------ */

static void report_store(size_t jobs, const char *what, const char *unit,
			 double value, double bound)
{
	char text[64];

	snprintf(text, sizeof(text), "%zu jobs stored, %s", jobs, what);
	report_row(&(struct row){ .what = text, .unit = unit, .ours = value,
				  .wanted = bound > 0 ? WANTED_AT_MOST
						      : WANTED_NOTHING,
				  .bound = bound });
}

/* Adds jobs until there are so many, and starts anew. */
static void measure_store(struct server *server, size_t from, size_t jobs)
{
	bool full = jobs >= 1000000;

	fill(server, jobs - from);
	server_stop(server);
	server_heygend(server, settings);
	report_store(jobs, "ready", "ms", server->ready_ms, full ? 5000 : 0);
	report_store(jobs, "memory", "MB", process_rss_mb(server->pid),
		     full ? 450 : 0);
}

int main(int argc, char **argv)
{
	struct sizes jobs = { .at = { 1000, 10000, 100000, 1000000 },
			      .count = 4 };
	struct server server = { 0 };
	double idle = 15;
	const struct bench_option table[] = {
		{ "jobs", .sizes = &jobs },
		{ "idle", .real = &idle },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("start", "start-up, and what idleness costs", json);
	measure_empty();
	measure_idle(idle);
	server_heygend(&server, settings);
	for (size_t i = 0; i < jobs.count; i++)
		measure_store(&server, i > 0 ? jobs.at[i - 1] : 0, jobs.at[i]);
	server_remove(&server);
	report_end();
	return 0;
}
