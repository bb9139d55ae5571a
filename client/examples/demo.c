/* demo.c -- what the library does, told line by line, and held against a
 * program that polls each second.  tests/demo.sh runs it beside a server.
 *
 *	demo scenes | faults | compare
 *
 * Prints what each call was and why each sleep; exit 0 only if every job
 * ended as it should. */
#define _POSIX_C_SOURCE 200809L
#include <heygen-client.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS INT64_C(1000)
#define COMPARED 6

static bool wrong;

static void __attribute__((format(printf, 1, 2)))
say(const char *format, ...)
{
	va_list args;

	fputs("[client]  ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void on_log(void *user, int level, const char *event,
		   const char *fields)
{
	(void)user;
	(void)level;
	say("    %s %s", event, fields);
}

/* use: the layers of waiting it may take; 0: all */
static hg_client *connect_to_server(bool talk, int32_t use)
{
	hg_client_options options;
	hg_client *client = NULL;

	hg_client_options_init(&options, sizeof(options));
	options.use = use;
	options.on_log = talk ? on_log : NULL;
	options.log_level = 7;
	if (hg_client_new(&options, &client) != HG_OK) {
		say("no client");
		exit(EXIT_FAILURE);
	}
	return client;
}

/* Every call must succeed: else the demo is over. */
static void must(hg_client *client, hg_err err, const char *what)
{
	if (err == HG_OK)
		return;
	say("WRONG: %s: %s", what, hg_error_message(client));
	exit(EXIT_FAILURE);
}

static hg_job *submit(hg_client *client, const char *title,
		      hg_request *request)
{
	hg_job *job = NULL;

	request->title = title;
	must(client, hg_submit(client, request, &job), title);
	say("%s: submitted as %s", title, hg_job_id(job));
	return job;
}

static hg_request request_of(int64_t duration_ms)
{
	hg_request request;

	hg_request_init(&request, sizeof(request));
	request.sim_duration_ms = duration_ms;
	request.sim_error_rate = -1;
	return request;
}

static void expect(const hg_job *job, hg_state state)
{
	static const char *const words[] = { "unknown", "queued", "running",
					     "paused", "completed", "error",
					     "canceled" };

	say("%s: %s, attempt %" PRId32 "%s%s", hg_job_title(job),
	    words[hg_job_state(job)], hg_job_attempt(job),
	    hg_job_error_code(job) ? ", " : "",
	    hg_job_error_code(job) ? hg_job_error_code(job) : "");
	if (hg_job_state(job) != state) {
		say("WRONG: it should be %s", words[state]);
		wrong = true;
	}
}

static void wait_for(hg_client *client, hg_job *job, hg_state state)
{
	must(client, hg_wait(client, job, 15 * SECONDS, NULL, NULL), "wait");
	expect(job, state);
}

/* --- scenes ------------------------------------------------------------------ */

static void success_and_failures(hg_client *client)
{
	hg_request request = request_of(900);
	hg_job *job = submit(client, "Success", &request);

	wait_for(client, job, HG_STATE_COMPLETED);
	hg_job_free(job);

	request = request_of(800);
	request.sim_error_rate = 0;	/* fail_at is to mean a certain failure */
	request.sim_fail_at = 0.6;
	request.on_error = HG_ON_ERROR_STOP;
	job = submit(client, "Failure, stop", &request);
	wait_for(client, job, HG_STATE_ERROR);
	hg_job_free(job);

	request.sim_fail_attempts = 1;
	request.on_error = HG_ON_ERROR_RESTART;
	job = submit(client, "Failure, restart", &request);
	wait_for(client, job, HG_STATE_COMPLETED);
	hg_job_free(job);
}

/* Stops the wait when the job has begun to move. */
static int until_it_moves(void *user, const hg_job *job)
{
	(void)user;
	return hg_job_state(job) == HG_STATE_RUNNING &&
	       hg_job_progress(job) > 0;
}

static void pause_and_resume(hg_client *client)
{
	hg_request request = request_of(2000);
	hg_job *job = submit(client, "Paused", &request);
	double progress;

	(void)hg_wait(client, job, 5 * SECONDS, until_it_moves, NULL);
	must(client, hg_pause(client, job), "pause");
	progress = hg_job_progress(job);
	expect(job, HG_STATE_PAUSED);
	(void)hg_wait(client, job, 300, NULL, NULL);
	if (hg_job_progress(job) != progress) {
		say("WRONG: a paused job moved");
		wrong = true;
	}
	say("Paused: still at %.0f %%, resuming", 100 * progress);
	must(client, hg_resume(client, job), "resume");
	wait_for(client, job, HG_STATE_COMPLETED);
	hg_job_free(job);
}

static void cancel(hg_client *client)
{
	hg_request request = request_of(60 * SECONDS);
	hg_job *job = submit(client, "Canceled", &request);

	must(client, hg_cancel(client, job), "cancel");
	wait_for(client, job, HG_STATE_CANCELED);
	hg_job_free(job);
}

static void queue(hg_client *client, const char *verb)
{
	char *json = NULL;

	must(client, hg_queue(client, verb, &json), verb);
	hg_free(json);
}

/* Four fill the slots and leave them one by one; of the two that wait, the
 * later one is urgent.  Nobody takes a slot before both wait. */
static void overtake(hg_client *client)
{
	hg_job *fill[4], *both[2];
	hg_request request;

	for (int i = 0; i < 4; i++) {
		request = request_of(500 + 500 * i);
		fill[i] = submit(client, "Fill", &request);
	}
	queue(client, "pause");
	request = request_of(600);
	request.priority = -10;
	both[0] = submit(client, "Patient", &request);
	request = request_of(300);
	request.priority = 20;
	both[1] = submit(client, "Urgent", &request);
	queue(client, "resume");
	must(client, hg_wait_many(client, both, 2, 1, 15 * SECONDS, NULL, NULL),
	     "wait for one of two");
	expect(both[1], HG_STATE_COMPLETED);
	if (hg_job_result(both[0]) != HG_PENDING) {
		say("WRONG: Urgent did not overtake");
		wrong = true;
	}
	wait_for(client, both[0], HG_STATE_COMPLETED);
	for (int i = 0; i < 4; i++) {
		(void)hg_cancel(client, fill[i]);
		hg_job_free(fill[i]);
	}
	hg_job_free(both[0]);
	hg_job_free(both[1]);
}

static void twenty_in_one_wait(hg_client *client)
{
	hg_request request = request_of(200);
	const hg_request *requests[20];
	hg_stats before = { .size = sizeof(before) }, after = before;
	hg_job *handles[20];
	hg_jobs *jobs = NULL;

	request.title = "One of twenty";
	for (int i = 0; i < 20; i++)
		requests[i] = &request;
	must(client, hg_submit_many(client, requests, 20, &jobs), "batch");
	for (int i = 0; i < 20; i++)
		handles[i] = hg_jobs_at(jobs, i);
	hg_client_stats(client, &before);
	must(client, hg_wait_many(client, handles, 20, 0, 15 * SECONDS, NULL,
				  NULL), "wait for twenty");
	hg_client_stats(client, &after);
	for (int i = 0; i < 20; i++)
		wrong |= hg_job_result(handles[i]) != HG_COMPLETED;
	say("twenty jobs ended in one wait, with %" PRIu64 " calls",
	    after.calls - before.calls);
	hg_jobs_free(jobs);
}

/* Where a server neither streams nor holds, its estimates say when to ask. */
static void ask_at_the_right_time(void)
{
	hg_client *client = connect_to_server(true, HG_USE_ETA);
	hg_request request = request_of(2000);
	hg_job *job = submit(client, "Asked", &request);

	wait_for(client, job, HG_STATE_COMPLETED);
	hg_job_free(job);
	hg_client_free(client);
}

static void scenes(void)
{
	hg_client *client = connect_to_server(true, 0);

	success_and_failures(client);
	pause_and_resume(client);
	cancel(client);
	overtake(client);
	twenty_in_one_wait(client);
	hg_client_free(client);
	ask_at_the_right_time();
}

/* --- a server that refuses ------------------------------------------------------ */

static void faults(void)
{
	hg_client *client = connect_to_server(true, 0);
	hg_stats stats = { .size = sizeof(stats) };

	/* one request in three is refused: soon one of ours is */
	for (int i = 0; i < 20 && stats.retries == 0; i++) {
		hg_request request = request_of(100);
		hg_job *job = submit(client, "Refused", &request);

		wait_for(client, job, HG_STATE_COMPLETED);
		hg_job_free(job);
		hg_client_stats(client, &stats);
	}
	say("refusals retried: %" PRIu64 ", jobs lost: 0", stats.retries);
	wrong |= stats.retries == 0;
	hg_client_free(client);
}

/* --- a program that polls each second, and ours ---------------------------------- */

struct way {
	const char *name;
	void (*wait)(hg_client *client, hg_job **jobs, int64_t *delays);
	uint64_t calls;
	int64_t delays[COMPARED];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void poll_each_second(hg_client *client, hg_job **jobs,
			     int64_t *delays)
{
	const struct timespec second = { 1, 0 };
	int left = COMPARED;

	while (left > 0) {
		nanosleep(&second, NULL);
		for (int i = 0; i < COMPARED; i++) {
			if (hg_job_result(jobs[i]) != HG_PENDING)
				continue;
			must(client, hg_refresh(client, jobs[i]), "refresh");
			if (hg_job_result(jobs[i]) == HG_PENDING)
				continue;
			delays[i] = now_ms() - hg_job_finished_at(jobs[i]);
			left--;
		}
	}
}

struct ending {
	hg_job **jobs;
	int64_t *delays;
};

static int note_the_end(void *user, const hg_job *job)
{
	struct ending *ending = user;

	for (int i = 0; i < COMPARED; i++)
		if (ending->jobs[i] == job &&
		    hg_job_result(job) != HG_PENDING)
			ending->delays[i] =
				now_ms() - hg_job_finished_at(job);
	return 0;
}

static void wait_with_the_library(hg_client *client, hg_job **jobs,
				  int64_t *delays)
{
	struct ending ending = { jobs, delays };

	must(client, hg_wait_many(client, jobs, COMPARED, 0, 15 * SECONDS,
				  note_the_end, &ending), "wait");
}

static void *follow(void *user)
{
	struct way *way = user;
	hg_client *client = connect_to_server(false, 0);
	hg_stats before = { .size = sizeof(before) }, after = before;
	hg_job *jobs[COMPARED];

	for (int i = 0; i < COMPARED; i++) {
		hg_request request = request_of(500 + 250 * i);

		must(client, hg_submit(client, &request, &jobs[i]), "submit");
	}
	hg_client_stats(client, &before);
	way->wait(client, jobs, way->delays);
	hg_client_stats(client, &after);
	way->calls = after.calls - before.calls;
	for (int i = 0; i < COMPARED; i++)
		hg_job_free(jobs[i]);
	hg_client_free(client);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void compare(void)
{
	struct way ways[] = {
		{ .name = "each second", .wait = poll_each_second },
		{ .name = "the library", .wait = wait_with_the_library },
	};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, follow, &ways[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("\n%-14s %12s %12s\n", "waiting", "calls a job", "p95 delay");
	for (int i = 0; i < 2; i++) {
		qsort(ways[i].delays, COMPARED, sizeof(int64_t), by_value);
		printf("%-14s %12.2f %9" PRId64 " ms\n", ways[i].name,
		       (double)ways[i].calls / COMPARED,
		       ways[i].delays[COMPARED * 95 / 100]);
	}
	putchar('\n');
	if (ways[1].calls >= ways[0].calls) {
		say("WRONG: the library needed more calls");
		wrong = true;
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "scenes"))
		scenes();
	else if (!strcmp(what, "faults"))
		faults();
	else if (!strcmp(what, "compare"))
		compare();
	else {
		fprintf(stderr, "usage: demo scenes | faults | compare\n");
		return 2;
	}
	return wrong;
}
