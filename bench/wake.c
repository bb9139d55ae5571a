/* wake -- how long after a job has ended those who wait for it know.
 *
 *	bench/wake [--watchers N]... [--ends N] [--json]
 *
 * So many watchers are held by a heygend with threads for all of them, either
 * each by a job of its own, of which one ends, or all by the same job.  A
 * long-poll is GET /v1/jobs/ID?wait=, a stream is GET /v1/events, with ids=
 * for one's own job, with final=1 for all.  A job ends by POST
 * /v1/jobs/ID/cancel, one after the other, once heygend has come to rest.
 *
 * The delay is from the arrival of that command's answer to the arrival of the
 * end at the watcher, both as the kernel stamps them.  The change is committed
 * and published before either is sent, so it can be below zero.  Beside it
 * stands the delay since the command was sent, the commit and all. */
#include "config.h"

#include "bench/ask.h"
#include "bench/crowd.h"
#include "bench/options.h"
#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SPARE_THREADS 96		/* 32 are never held, some are for us */
#define REST_MS 30
#define REST_MAX_S 5
#define DEADLINE_S 120
#define CASE_S 10			/* no more ends after this */
#define ALL_S 240			/* no more cases after this */
#define ENDS_LEAST 10
#define ROUNDS_LEAST 5

/* What is measured in one place. */
struct place {
	struct server server;
	struct crowd crowd;
	enum form form;
	bool own;			/* each watcher has a job of its own */
	size_t watchers, ends;
	char (*jobs)[37];
	double *delays_ms, *sent_ms;	/* since the answer, since the asking */
	size_t delays_count;
};

/* --- jobs ------------------------------------------------------------------------- */

static void submit_jobs(struct place *p, size_t count)
{
	static char body[16 + BATCH * 3];
	const char *at;
	size_t have = 0, length;

	p->jobs = calloc(count + BATCH, sizeof(*p->jobs));
	if (!p->jobs)
		give_up("no memory for %zu ids", count);
	length = (size_t)snprintf(body, sizeof(body), "{\"jobs\":[{}");
	for (int i = 1; i < BATCH; i++)
		length += (size_t)snprintf(body + length,
					   sizeof(body) - length, ",{}");
	(void)snprintf(body + length, sizeof(body) - length, "]}");
	while (have < count)
		for (at = ask(&p->server, "POST", "/v1/jobs:batch", body);
		     (at = strstr(at, "{\"id\":\"")); at += 7)
			snprintf(p->jobs[have++], sizeof(*p->jobs), "%.36s",
				 at + 7);
}

static void start(struct place *p)
{
	static char threads[64];
	const char *const settings[] = {
		"status.default_job=off", "http.max_wait_s=3600", threads, NULL
	};

	snprintf(threads, sizeof(threads), "http.threads=%zu",
		 p->watchers + SPARE_THREADS < 256
			 ? 256 : p->watchers + SPARE_THREADS);
	server_heygend(&p->server, settings);
	(void)ask(&p->server, "POST", "/v1/queue:pause", NULL);
	submit_jobs(p, p->ends + (p->own ? p->watchers : 0));
	crowd_open(&p->crowd, &p->server, p->form, p->watchers);
}

static void stop(struct place *p)
{
	crowd_close(&p->crowd);
	server_remove(&p->server);
	free(p->jobs);
}

/* --- holding ---------------------------------------------------------------------- */

static void watch(struct place *p, size_t i, const char *job)
{
	char target[96];

	if (p->form == LONG_POLL)
		snprintf(target, sizeof(target), "/v1/jobs/%s?wait=3600", job);
	else if (p->own)
		snprintf(target, sizeof(target), "/v1/events?ids=%s", job);
	else
		snprintf(target, sizeof(target), "/v1/events?final=1");
	crowd_watch(&p->crowd, i, target);
}

static void wait_held(struct place *p)
{
	const char *name = p->form == LONG_POLL
				   ? "heygend_held{kind=\"wait\"}"
				   : "heygend_held{kind=\"stream\"}";
	double until = now_s() + DEADLINE_S;

	while (ask_metric(&p->server, name) < (double)p->watchers) {
		if (now_s() > until)
			give_up("%zu watchers are not held", p->watchers);
		crowd_turn(&p->crowd, 1);
	}
}

static double cpu_s(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &used) < 0)
		give_up("heygend has no CPU clock");
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Until heygend hardly does anything: whoever else was woken has looked. */
static void wait_rest(struct place *p)
{
	double until = now_s() + REST_MAX_S, used, began;

	do {
		used = cpu_s(p->server.pid);
		began = now_s();
		while (now_s() < began + REST_MS / 1e3)
			crowd_turn(&p->crowd, REST_MS);
		used = cpu_s(p->server.pid) - used;
	} while (used > 0.2 * REST_MS / 1e3 && now_s() < until);
}

/* --- ending ----------------------------------------------------------------------- */

static void end_job(struct place *p, const char *job, size_t watchers)
{
	double until = now_s() + DEADLINE_S;
	char path[96];

	crowd_forget(&p->crowd);
	snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", job);
	crowd_command(&p->crowd, path);
	while (crowd_answered(&p->crowd) == 0 || p->crowd.heard < watchers) {
		if (now_s() > until)
			give_up("%zu of %zu watchers heard of an end",
				p->crowd.heard, watchers);
		crowd_turn(&p->crowd, 1000);
	}
}

static void take_delays(struct place *p)
{
	double answered = crowd_answered(&p->crowd);

	for (size_t i = 0; i < p->watchers; i++)
		if (p->crowd.all[i].heard_s > 0) {
			double heard = p->crowd.all[i].heard_s;

			p->sent_ms[p->delays_count] =
				(heard - p->crowd.commanded_s) * 1e3;
			p->delays_ms[p->delays_count++] =
				(heard - answered) * 1e3;
		}
}

/* One of the jobs ends, its watcher takes another one. */
static void measure_own(struct place *p)
{
	double until = now_s() + CASE_S;
	size_t next = p->watchers;
	size_t *job_of = calloc(p->watchers, sizeof(*job_of));

	if (!job_of)
		give_up("no memory");
	for (size_t i = 0; i < p->watchers; i++)
		watch(p, i, p->jobs[job_of[i] = i]);
	for (size_t e = 0; e < p->ends; e++) {
		size_t i = e * 7919 % p->watchers;

		if (e >= ENDS_LEAST && now_s() > until)
			break;
		wait_held(p);
		wait_rest(p);
		end_job(p, p->jobs[job_of[i]], 1);
		if (p->crowd.all[i].heard_s == 0)
			give_up("another watcher heard of the end");
		take_delays(p);
		watch(p, i, p->jobs[job_of[i] = next++]);
	}
	free(job_of);
}

static void measure_same(struct place *p)
{
	double until = now_s() + CASE_S;

	for (size_t e = 0; e < p->ends; e++) {
		if (e >= ROUNDS_LEAST && now_s() > until)
			break;
		for (size_t i = 0; i < p->watchers; i++)
			if (e == 0 || p->form == LONG_POLL)
				watch(p, i, p->jobs[e]);
		wait_held(p);
		wait_rest(p);
		end_job(p, p->jobs[e], p->watchers);
		take_delays(p);
	}
}

/* --- the table -------------------------------------------------------------------- */

static const char *name_of(const struct place *p)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s, %zu, %s",
		 p->form == LONG_POLL ? "long-poll" : "stream", p->watchers,
		 p->own ? "one woken" : "all woken");
	return name;
}

static void report(const struct place *p, double share)
{
	char what[96];

	snprintf(what, sizeof(what), "%s: p%.0f of %zu", name_of(p),
		 share * 100, p->delays_count);
	report_row(&(struct row){ .what = what, .unit = "ms",
				  .ours = percentile(p->delays_ms,
						     p->delays_count,
						     share) });
	snprintf(what, sizeof(what), "%s: p%.0f since sent", name_of(p),
		 share * 100);
	report_row(&(struct row){ .what = what, .unit = "ms",
				  .ours = percentile(p->sent_ms,
						     p->delays_count,
						     share) });
}

static void measure(enum form form, bool own, size_t watchers, size_t ends)
{
	static double began;
	struct place p = { .form = form, .own = own, .watchers = watchers,
			   .ends = ends };

	if (began == 0)
		began = now_s();
	if (now_s() > began + ALL_S) {
		report_skip(name_of(&p), "this machine is too busy");
		return;
	}
	if (!own && watchers > 1)
		p.ends = ends / watchers + ROUNDS_LEAST;
	p.delays_ms = calloc(p.ends * (own ? 1 : watchers),
			     sizeof(*p.delays_ms));
	p.sent_ms = calloc(p.ends * (own ? 1 : watchers), sizeof(*p.sent_ms));
	if (!p.delays_ms || !p.sent_ms)
		give_up("no memory for the delays");
	start(&p);
	if (own)
		measure_own(&p);
	else
		measure_same(&p);
	stop(&p);
	report(&p, 0.5);
	report(&p, 0.99);
	free(p.delays_ms);
	free(p.sent_ms);
}

/* Descriptors for both sides' ends; false: the limit is lower. */
static bool have_room(size_t watchers)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	       limit.rlim_cur > watchers + SPARE_THREADS + 256;
}

static void measure_size(size_t watchers, size_t ends)
{
	char what[64];

	if (!have_room(watchers)) {
		snprintf(what, sizeof(what), "%zu watchers", watchers);
		report_skip(what, "ulimit -Hn is too low");
		return;
	}
	for (int own = 1; own >= 0; own--)
		if (own || watchers > 1) {
			measure(LONG_POLL, own, watchers, ends);
			measure(STREAM, own, watchers, ends);
		}
}

int main(int argc, char **argv)
{
	struct sizes watchers = { .at = { 1, 10, 100, 1000, 10000 },
				  .count = 5 };
	size_t ends = 100;
	const struct bench_option table[] = {
		{ "watchers", .sizes = &watchers },
		{ "ends", .number = &ends },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("wake", "from the answer that ends a job to its watchers",
		     json);
	for (size_t i = 0; i < watchers.count; i++)
		measure_size(watchers.at[i], ends);
	report_end();
	return 0;
}
