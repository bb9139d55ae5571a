/* recovery -- how long a start takes after kill -9.
 *
 *	bench/recovery [--jobs N]... [--json]
 *
 * A heygend with so many jobs, up to RUNNING_MAX of them running, is killed
 * while jobs are being submitted, so that a write-ahead log is left behind
 * and the running jobs have to go back to the queue.  Ready is the time from
 * exec to the ready line; the yardstick is the same store after a clean stop.
 * All running again is counted from exec, too. */
#include "config.h"

#include "bench/ask.h"
#include "bench/load.h"
#include "bench/options.h"
#include "bench/report.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS 2
#define RUNNING_MAX 10000
#define REQUESTS 2000			/* sent before the kill */
#define CONNECTIONS 16
#define DEADLINE_S 120

static const char *settings(size_t running)
{
	static char slots[32];

	snprintf(slots, sizeof(slots), "jobs.slots=%zu", running / WORKERS);
	return slots;
}

static void start(struct server *server, size_t running)
{
	const char *const all[] = {
		"status.default_job=off", "jobs.max_jobs=10000000",
		"simulation.min_ms=36000000", "simulation.max_ms=72000000",
		"simulation.error_rate=0", settings(running), NULL
	};

	server_heygend(server, all);
}

static double count_of(const struct server *server, const char *state)
{
	char name[64];

	snprintf(name, sizeof(name), "heygend_jobs{state=\"%s\"}", state);
	return ask_metric(server, name);
}

static void wait_running(const struct server *server, size_t running)
{
	double until = now_s() + DEADLINE_S;

	while (count_of(server, "running") < (double)running) {
		if (now_s() > until)
			give_up("%zu jobs did not run", running);
		usleep(2000);
	}
}

/* --- the kill --------------------------------------------------------------------- */

struct victim {
	pid_t pid;
	uint64_t at;			/* this request is never answered */
};

static size_t killing_request(void *user, uint64_t i, char *out, size_t size)
{
	static const char body[] = "{\"title\":\"Late\",\"priority\":-10}";
	const struct victim *victim = user;

	if (i == victim->at)
		(void)kill(victim->pid, SIGKILL);
	return snprintf(out, size, "POST /v1/jobs HTTP/1.1\r\n"
			"Host: localhost\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s", sizeof(body) - 1,
			body);
}

/* Returns how many submissions were acknowledged. */
static uint64_t kill_under_load(struct server *server)
{
	struct victim victim = { .pid = server->pid, .at = REQUESTS };
	struct load load = { .port = server->port, .connections = CONNECTIONS,
			     .duration_ms = 60000, .requests = UINT64_C(2) * REQUESTS,
			     .request = killing_request, .user = &victim };
	struct load_result result;

	(void)load_run(&load, &result);
	server_kill(server);
	if (result.answers == 0)
		give_up("nothing was submitted before the kill");
	return result.answers;
}

static double log_mb(const struct server *server)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/jobs.db-wal", server->dir);
	if (stat(path, &st) < 0)
		give_up("no write-ahead log was left behind");
	return (double)st.st_size / 1e6;
}

/* --- measuring ---------------------------------------------------------------------- */

struct found {
	double clean_ms, ready_ms, running_ms, log_mb;
};

static struct found measure(struct server *server, size_t have, size_t jobs,
			    size_t running, uint64_t *late_out)
{
	struct found found;
	double began, jobs_then;

	start(server, running);
	fill(server, jobs - have);
	wait_running(server, running);
	server_stop(server);
	start(server, running);
	found.clean_ms = server->ready_ms;
	wait_running(server, running);
	*late_out = kill_under_load(server);
	found.log_mb = log_mb(server);
	began = now_s();
	start(server, running);
	found.ready_ms = server->ready_ms;
	wait_running(server, running);
	found.running_ms = (now_s() - began) * 1e3;
	jobs_then = count_of(server, "running") + count_of(server, "queued");
	if (jobs_then < (double)(jobs + *late_out))
		give_up("%.0f jobs are left of %zu", jobs_then,
			jobs + (size_t)*late_out);
	*late_out = (uint64_t)jobs_then - jobs;
	server_stop(server);
	return found;
}

static void report(size_t jobs, size_t running, const struct found *found)
{
	char what[64];

	snprintf(what, sizeof(what), "%zu jobs, %zu running: ready", jobs,
		 running);
	report_row(&(struct row){ .what = what, .unit = "ms",
				  .ours = found->ready_ms,
				  .yardstick = found->clean_ms });
	snprintf(what, sizeof(what), "%zu jobs: %zu running again", jobs,
		 running);
	report_row(&(struct row){ .what = what, .unit = "ms",
				  .ours = found->running_ms });
	snprintf(what, sizeof(what), "%zu jobs: the log left behind", jobs);
	report_row(&(struct row){ .what = what, .unit = "MB",
				  .ours = found->log_mb });
}

int main(int argc, char **argv)
{
	struct sizes jobs = { .at = { 1000, 10000, 100000, 1000000 },
			      .count = 4 };
	struct server server = { 0 };
	uint64_t late = 0;
	const struct bench_option table[] = {
		{ "jobs", .sizes = &jobs },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("recovery", "a start after kill -9, beside one after a stop",
		     json);
	for (size_t i = 0; i < jobs.count; i++) {
		size_t have = i > 0 ? jobs.at[i - 1] + (size_t)late : 0;
		size_t running = jobs.at[i] / 2 < RUNNING_MAX ? jobs.at[i] / 2
							   : RUNNING_MAX;
		struct found found;

		if (jobs.at[i] < have || running < WORKERS)
			give_up("sizes must grow");
		found = measure(&server, have, jobs.at[i], running, &late);
		report(jobs.at[i], running, &found);
	}
	server_remove(&server);
	report_end();
	return 0;
}
