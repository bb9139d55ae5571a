/* running -- commands beside many running jobs.
 *
 *	bench/running [--jobs N] [--seconds S] [--json]
 *
 * Starts so many long jobs on two workers, then gives one command after the
 * other (submit, pause, resume, PATCH, cancel) and measures each until its
 * answer.  The yardstick is this disk's fsync: 4 KiB written and synced in
 * the same directory, between the commands.  The engine's share of a core is
 * measured before, with nothing but the jobs running. */
#include "config.h"

#include "bench/ask.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/report.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES 20000
#define WORKERS 2
#define SPARE 200			/* slots for the commands' own jobs */

static const char *const commands[] = { "submit", "pause", "resume", "patch",
					"cancel" };
#define COMMANDS (sizeof(commands) / sizeof(*commands))

struct samples {
	double ms[SAMPLES];
	size_t count;
};

static struct samples of_command[COMMANDS], of_all, of_fsync;

static void sample(struct samples *s, double ms)
{
	if (s->count < SAMPLES)
		s->ms[s->count++] = ms;
}

/* --- the disk ------------------------------------------------------------------- */

static int open_probe(const struct server *server)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/fsync-probe", server->dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		give_up("cannot create %s", path);
	return fd;
}

static void probe(int fd)
{
	static const char page[4096];
	double began = now_s();

	if (write(fd, page, sizeof(page)) != sizeof(page) || fdatasync(fd) < 0)
		give_up("cannot write the probe");
	sample(&of_fsync, (now_s() - began) * 1e3);
}

/* --- commands --------------------------------------------------------------------- */

static void submit(const struct server *server, int *fd, char id[37])
{
	const char *body = ask_on(server, fd, "POST", "/v1/jobs",
				  "{\"title\":\"Command\",\"priority\":50}");
	const char *at = strstr(body, "\"id\":\"");

	if (!at)
		give_up("an answer to a submission without an id");
	snprintf(id, 37, "%.36s", at + 6);
}

static void command(const struct server *server, int *fd, unsigned which,
		    char id[37])
{
	char path[96];

	switch (which) {
	case 0:
		submit(server, fd, id);
		break;
	case 3:
		snprintf(path, sizeof(path), "/v1/jobs/%s", id);
		(void)ask_on(server, fd, "PATCH", path,
			     "{\"title\":\"Another\"}");
		break;
	default:
		snprintf(path, sizeof(path), "/v1/jobs/%s/%s", id,
			 commands[which]);
		(void)ask_on(server, fd, "POST", path, NULL);
	}
}

static void measure_commands(const struct server *server, double seconds)
{
	double until = now_s() + seconds;
	int probe_fd = open_probe(server), fd = 0;
	char id[37] = "";

	while (now_s() < until)
		for (unsigned i = 0; i < COMMANDS; i++) {
			double began = now_s(), ms;

			command(server, &fd, i, id);
			ms = (now_s() - began) * 1e3;
			sample(&of_command[i], ms);
			sample(&of_all, ms);
			probe(probe_fd);
		}
	close(fd);
	close(probe_fd);
}

static void report_commands(void)
{
	double fsync_p50 = median(of_fsync.ms, of_fsync.count);
	double fsync_p99 = percentile(of_fsync.ms, of_fsync.count, 0.99);

	report_row(&(struct row){ .what = "any command, p50", .unit = "ms",
				  .ours = median(of_all.ms, of_all.count),
				  .yardstick = fsync_p50 });
	report_row(&(struct row){ .what = "any command, p99", .unit = "ms",
				  .ours = percentile(of_all.ms, of_all.count,
						     0.99),
				  .yardstick = fsync_p99,
				  .wanted = WANTED_AT_MOST, .bound = 3 });
	for (unsigned i = 0; i < COMMANDS; i++) {
		char what[64];

		snprintf(what, sizeof(what), "%s, p99", commands[i]);
		report_row(&(struct row){
			.what = what, .unit = "ms",
			.ours = percentile(of_command[i].ms,
					   of_command[i].count, 0.99),
			.yardstick = fsync_p99 });
	}
}

/* --- the jobs ----------------------------------------------------------------------- */

static void measure_cpu(const struct server *server, double seconds)
{
	pid_t workers[WORKERS];
	size_t count = process_children(server->pid, workers, WORKERS);
	double engine = process_thread_cpu_s(server->pid), in_workers = 0;
	double began = now_s();

	for (size_t i = 0; i < count; i++)
		in_workers -= process_cpu_s(workers[i]);
	usleep((useconds_t)(seconds * 1e6));
	for (size_t i = 0; i < count; i++)
		in_workers += process_cpu_s(workers[i]);
	engine = process_thread_cpu_s(server->pid) - engine;
	seconds = now_s() - began;
	report_row(&(struct row){ .what = "the engine's CPU", .unit = "cores",
				  .ours = engine / seconds,
				  .wanted = WANTED_AT_MOST, .bound = 0.5 });
	report_row(&(struct row){ .what = "the workers' CPU, together",
				  .unit = "cores",
				  .ours = in_workers / seconds });
}

int main(int argc, char **argv)
{
	struct server server = { 0 };
	size_t jobs = 100000;
	double seconds = 15;
	const struct bench_option table[] = {
		{ "jobs", .number = &jobs },
		{ "seconds", .real = &seconds },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("running", "commands beside running jobs", json);
	server_running(&server, jobs, SPARE);
	measure_cpu(&server, seconds);
	measure_commands(&server, seconds);
	report_commands();
	server_remove(&server);
	report_end();
	return 0;
}
