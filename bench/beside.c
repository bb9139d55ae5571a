/* beside -- GET /status of heygend beside servers that people would write or
 * take instead.
 *
 *	bench/beside [--jobs N] [--rounds N] [--seconds S] [--json]
 *
 * nginx answers a constant; Express, FastAPI and Flask look the job up in a
 * dict and answer {"result": ...}.  All are asked for the same ids by the
 * same load generator, in rounds that take turns; ours is heygend each time,
 * the yardstick the other one.  Who is not installed is skipped.
 *
 * CPU is what the answers cost the server, all of its processes, whoever else
 * is busy. */
#include "config.h"

#include "bench/ask.h"
#include "bench/load.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/walk.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX 15
#define CONNECTIONS 32
#define CHILDREN 64

static const struct {
	const char *name;
	const char *by;			/* NULL: Python */
	const char *program;
} kinds[] = {
	{ "nginx", NULL, "nginx.py" },
	{ "Express", "sh", "express.sh" },
	{ "FastAPI", NULL, "fastapi_app.py" },
	{ "Flask", NULL, "flask_app.py" },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

struct measured {
	double rate[ROUNDS_MAX];
	double cpu_us[ROUNDS_MAX];	/* an answer */
};

static struct other {
	struct server server;
	bool serves;
	char text[256];			/* its whole name, or why it is absent */
	struct measured measured;
} others[KINDS];

/* --- starting --------------------------------------------------------------------- */

/* Debian's packages are those of Debian's Python. */
static const char *python(void)
{
	static const char debians[] = "/usr/bin/python3";

	return access(debians, X_OK) == 0 ? debians : "python3";
}

static const char *folder(void)
{
	static char path[PATH_MAX];
	const char *source = getenv("HG_SRCDIR");

	snprintf(path, sizeof(path), "%s/bench/others", source ? source : ".");
	return path;
}

static void write_ids(const char *dir, const struct walk *w)
{
	char path[128];
	FILE *to;

	snprintf(path, sizeof(path), "%s/ids", dir);
	to = fopen(path, "w");
	if (!to)
		give_up("cannot create %s", path);
	for (size_t i = 0; i < w->ids_count; i++)
		fprintf(to, "%s\n", w->ids[i]);
	if (fclose(to) != 0)
		give_up("cannot write %s", path);
}

static void start_other(size_t which, const struct walk *w)
{
	struct other *o = &others[which];
	char command[2 * PATH_MAX];

	snprintf(o->server.dir, sizeof(o->server.dir),
		 "%s/heygend-bench.XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(o->server.dir))
		give_up("cannot create %s", o->server.dir);
	write_ids(o->server.dir, w);
	snprintf(command, sizeof(command), "exec %s '%s/%s' '%s'",
		 kinds[which].by ? kinds[which].by : python(), folder(), kinds[which].program,
		 o->server.dir);
	o->serves = server_program(&o->server, command, o->text,
				   sizeof(o->text));
}

static void start_heygend(struct server *server, size_t jobs)
{
	static const char *const settings[] = {
		"status.default_job=off", "jobs.max_jobs=10000000",
		"simulation.min_ms=3600000", "simulation.max_ms=7200000", NULL
	};

	server_heygend(server, settings);
	fill(server, jobs);
}

/* --- measuring ---------------------------------------------------------------------- */

static double family_cpu_s(pid_t pid)
{
	double sum = process_cpu_s(pid);
	pid_t children[CHILDREN];
	size_t count = process_children(pid, children, CHILDREN);

	for (size_t i = 0; i < count; i++)
		sum += process_cpu_s(children[i]);
	return sum;
}

static void measure(const struct server *server, const char *name,
		    struct walk *w, double seconds, struct measured *m,
		    int round)
{
	struct load load = { .port = server->port, .connections = CONNECTIONS,
			     .duration_ms = seconds * 1000,
			     .request = walk_status_request, .user = w };
	double used = family_cpu_s(server->pid);
	struct load_result result;

	if (load_run(&load, &result) < 0 || result.failures > 0)
		give_up("%s: %llu of %llu requests failed", name,
			(unsigned long long)result.failures,
			(unsigned long long)result.answers);
	used = family_cpu_s(server->pid) - used;
	m->rate[round] = (double)result.answers / result.seconds;
	m->cpu_us[round] = used * 1e6 / (double)result.answers;
}

static void measure_all(const struct server *server, struct walk *w,
			int rounds, double seconds, struct measured *ours)
{
	for (int i = -1; i < rounds; i++) {
		/* the first time is for warming up */
		int round = i < 0 ? 0 : i;
		double s = i < 0 ? seconds / 2 : seconds;

		measure(server, "heygend", w, s, ours, round);
		for (size_t k = 0; k < KINDS; k++)
			if (others[k].serves)
				measure(&others[k].server, kinds[k].name, w, s,
					&others[k].measured, round);
	}
}

/* The median of the rounds' ratios: neighbours in time are compared. */
static double ratio(const double *ours, const double *theirs, int rounds)
{
	double ratios[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++)
		ratios[i] = ours[i] / theirs[i];
	return median(ratios, rounds);
}

static double middle(const double *values, int count)
{
	double copy[ROUNDS_MAX];

	memcpy(copy, values, count * sizeof(*copy));
	return median(copy, count);
}

static void report(const struct measured *ours, int rounds)
{
	for (size_t k = 0; k < KINDS; k++) {
		const struct measured *theirs = &others[k].measured;

		if (!others[k].serves) {
			report_skip(kinds[k].name, others[k].text);
			continue;
		}
		report_ratio(&(struct row){
			.what = others[k].text, .unit = "answers/s",
			.ours = middle(ours->rate, rounds),
			.yardstick = middle(theirs->rate, rounds) },
			ratio(ours->rate, theirs->rate, rounds));
		report_ratio(&(struct row){
			.what = "  the server's CPU", .unit = "us/answer",
			.ours = middle(ours->cpu_us, rounds),
			.yardstick = middle(theirs->cpu_us, rounds) },
			ratio(ours->cpu_us, theirs->cpu_us, rounds));
	}
}

int main(int argc, char **argv)
{
	static struct measured ours;
	struct server heygend = { 0 };
	size_t jobs = 10000, rounds = 5;
	double seconds = 1.5;
	struct walk w;
	const struct bench_option table[] = {
		{ "jobs", .number = &jobs },
		{ "rounds", .number = &rounds, .most = ROUNDS_MAX },
		{ "seconds", .real = &seconds },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("beside", "GET /status?job_id= of other servers", json);
	start_heygend(&heygend, jobs);
	walk(&heygend, jobs, jobs, &w);
	for (size_t k = 0; k < KINDS; k++)
		start_other(k, &w);
	measure_all(&heygend, &w, rounds, seconds, &ours);
	report(&ours, rounds);
	for (size_t k = 0; k < KINDS; k++)
		server_remove(&others[k].server);
	server_remove(&heygend);
	walk_free(&w);
	report_end();
	return 0;
}
