/* submit -- how many jobs a second are taken in, beside bare SQLite.
 *
 *	bench/submit [--seconds S] [--rounds N] [--json]
 *
 * Rounds alternate: 64 connections submit single jobs to heygend; then SQLite
 * alone inserts the same rows (the job and its event, into the same tables
 * with the same indexes) with synchronous=FULL on the same disk, as many a
 * commit as heygend had just then.  The same with batches of 1000. */
#include "config.h"

#include "bench/ask.h"
#include "bench/load.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/report.h"
#include "sql/sql.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 15
#define SINGLE_CONNECTIONS 64
#define BATCH_CONNECTIONS 4

static const char single[] =
	"{\"title\":\"Bench\",\"source_url\":\"https://example.com/a.mp4\","
	"\"output_language\":\"de\"}";

/* --- the yardstick -------------------------------------------------------------- */

struct bare {
	sqlite3 *db;
	sqlite3_stmt *job, *event, *begin, *commit;
	int64_t seq;
	char id[37];
};

static void must(struct bare *b, int code)
{
	if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
		give_up("the yardstick: %s", sqlite3_errmsg(b->db));
}

static void run(struct bare *b, sqlite3_stmt *st)
{
	must(b, sqlite3_step(st));
	must(b, sqlite3_reset(st));
}

static int64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* What is the same in each row is bound once. */
static void bind_job(struct bare *b)
{
	static const struct {
		int at;
		const char *text;
	} texts[] = {
		{ JOB_INSERT_STATE, "queued" },
		{ JOB_INSERT_ON_ERROR, "stop" },
		{ JOB_INSERT_TITLE, "Bench" },
		{ JOB_INSERT_SOURCE_URL, "https://example.com/a.mp4" },
		{ JOB_INSERT_OUTPUT_LANGUAGE, "de" },
	};
	static const struct {
		int at, value;
	} numbers[] = {
		{ JOB_INSERT_VERSION, 1 },     { JOB_INSERT_PRIORITY, 0 },
		{ JOB_INSERT_ATTEMPT, 1 },     { JOB_INSERT_MAX_ATTEMPTS, 3 },
		{ JOB_INSERT_BUDGET_FROM, 1 }, { JOB_INSERT_RUN, 0 },
		{ JOB_INSERT_LOSSES, 0 },      { JOB_INSERT_TTL_GIVEN, 0 },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		must(b, sqlite3_bind_text(b->job, texts[i].at, texts[i].text,
					  -1, SQLITE_STATIC));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		must(b, sqlite3_bind_int(b->job, numbers[i].at,
					 numbers[i].value));
	must(b, sqlite3_bind_double(b->job, JOB_INSERT_PROGRESS, 0));
}

static void bind_event(struct bare *b)
{
	must(b, sqlite3_bind_text(b->event, EVENT_APPEND_KIND, "submitted", -1,
				  SQLITE_STATIC));
	must(b, sqlite3_bind_text(b->event, EVENT_APPEND_TO_STATE, "queued",
				  -1, SQLITE_STATIC));
	must(b, sqlite3_bind_int(b->event, EVENT_APPEND_ATTEMPT, 1));
	must(b, sqlite3_bind_double(b->event, EVENT_APPEND_PROGRESS, 0));
}

static void prepare(struct bare *b, const char *text, sqlite3_stmt **out)
{
	must(b, sqlite3_prepare_v2(b->db, text, -1, out, NULL));
}

/* A database as heygend made it, with heygend's settings. */
static void bare_open(struct bare *b, const struct server *made)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/jobs.db", made->dir);
	must(b, sqlite3_open(path, &b->db));
	must(b, sqlite3_exec(b->db, "PRAGMA synchronous = FULL; "
			     "PRAGMA wal_autocheckpoint = 4096; "
			     "PRAGMA cache_size = -8192", NULL, NULL, NULL));
	prepare(b, stmt_sql[STMT_JOB_INSERT], &b->job);
	prepare(b, stmt_sql[STMT_EVENT_APPEND], &b->event);
	prepare(b, "BEGIN IMMEDIATE", &b->begin);
	prepare(b, "COMMIT", &b->commit);
	bind_job(b);
	bind_event(b);
}

static void bare_close(struct bare *b)
{
	(void)sqlite3_finalize(b->job);
	(void)sqlite3_finalize(b->event);
	(void)sqlite3_finalize(b->begin);
	(void)sqlite3_finalize(b->commit);
	(void)sqlite3_close(b->db);
}

static void insert(struct bare *b, int64_t now)
{
	int64_t seq = ++b->seq;

	snprintf(b->id, sizeof(b->id), "%08x-%04x-7%03x-8%03x-%012llx",
		 (unsigned)(now >> 16), (unsigned)(now & 0xffff),
		 (unsigned)(seq >> 20 & 0xfff), (unsigned)(seq >> 8 & 0xfff),
		 (unsigned long long)seq * 0x9e3779b97f4a7c15u >> 16);
	must(b, sqlite3_bind_text(b->job, JOB_INSERT_ID, b->id, 36,
				  SQLITE_STATIC));
	must(b, sqlite3_bind_int64(b->job, JOB_INSERT_SEQ, seq));
	must(b, sqlite3_bind_int64(b->job, JOB_INSERT_UPDATED_MS, now));
	must(b, sqlite3_bind_int64(b->job, JOB_INSERT_SUBMITTED_MS, now));
	must(b, sqlite3_bind_int64(b->job, JOB_INSERT_ELIGIBLE_MS, now));
	must(b, sqlite3_bind_int64(b->job, JOB_INSERT_DRAW_KEY,
				   seq * INT64_C(0x1e3779b97f4a7c15)));
	run(b, b->job);
	must(b, sqlite3_bind_int64(b->event, EVENT_APPEND_SEQ, seq));
	must(b, sqlite3_bind_int64(b->event, EVENT_APPEND_AT_MS, now));
	must(b, sqlite3_bind_int64(b->event, EVENT_APPEND_JOB_SEQ, seq));
	run(b, b->event);
}

/* Jobs a second, so many a commit; a fraction is made up for by later ones. */
static double bare_rate(struct bare *b, double seconds, double a_commit)
{
	double began = now_s(), owed = 0;
	int64_t first = b->seq;

	while (now_s() - began < seconds) {
		int64_t now = wall_ms();

		run(b, b->begin);
		for (owed += a_commit; owed >= 1; owed--)
			insert(b, now);
		run(b, b->commit);
	}
	return (double)(b->seq - first) / (now_s() - began);
}

/* --- ours ------------------------------------------------------------------------- */

static size_t single_request(void *user, uint64_t i, char *out, size_t size)
{
	(void)user;
	(void)i;
	return snprintf(out, size, "POST /v1/jobs HTTP/1.1\r\n"
			"Host: localhost\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s", sizeof(single) - 1,
			single);
}

struct way {			/* of submitting */
	const char *name;
	unsigned connections;
	size_t jobs;			/* a request */
	size_t (*request)(void *user, uint64_t i, char *out, size_t size);
};

/* Jobs a second, and how many a commit. */
static double our_rate(const struct server *server, const struct way *way,
		       double seconds, double *a_commit_out)
{
	static const char commits[] = "heygend_commit_seconds_count";
	size_t jobs = way->jobs;
	struct load load = { .port = server->port,
			     .connections = way->connections,
			     .duration_ms = seconds * 1000,
			     .request = way->request, .user = &jobs };
	double before = ask_metric(server, commits);
	struct load_result result;

	if (load_run(&load, &result) < 0 || result.failures > 0)
		give_up("%llu submissions failed",
			(unsigned long long)result.failures);
	*a_commit_out = (double)(result.answers * way->jobs) /
			(ask_metric(server, commits) - before);
	return (double)(result.answers * way->jobs) / result.seconds;
}

struct found {
	double ours[ROUNDS_MAX], theirs[ROUNDS_MAX], ratios[ROUNDS_MAX];
	double a_commit[ROUNDS_MAX];
	/* CPU time a job, of all rounds */
	double engine_us, all_us, bare_us;
};

struct costs {
	double jobs, engine_s, all_s;
};

static double own_cpu_s(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static struct costs costs(const struct server *server)
{
	return (struct costs){
		.jobs = ask_metric(server, "heygend_jobs_submitted_total"),
		.engine_s = process_thread_cpu_s(server->pid),
		.all_s = process_cpu_s(server->pid),
	};
}

static void measure(const struct way *way, double seconds, int rounds,
		    struct found *found)
{
	static const char *const settings[] = {
		"status.default_job=off", "jobs.max_jobs=10000000",
		"simulation.min_ms=3600000", "simulation.max_ms=7200000", NULL
	};
	struct server heygend = { 0 }, made = { 0 };
	struct costs before, after;
	struct bare bare = { 0 };
	double bare_s = 0;

	server_heygend(&made, settings);
	server_stop(&made);
	bare_open(&bare, &made);
	server_heygend(&heygend, settings);
	(void)our_rate(&heygend, way, seconds / 2, &found->a_commit[0]);
	before = costs(&heygend);
	for (int i = 0; i < rounds; i++) {
		found->ours[i] = our_rate(&heygend, way, seconds,
					  &found->a_commit[i]);
		bare_s -= own_cpu_s();
		found->theirs[i] = bare_rate(&bare, seconds,
					     found->a_commit[i]);
		bare_s += own_cpu_s();
		found->ratios[i] = found->ours[i] / found->theirs[i];
	}
	after = costs(&heygend);
	found->engine_us = (after.engine_s - before.engine_s) * 1e6 /
			   (after.jobs - before.jobs);
	found->all_us = (after.all_s - before.all_s) * 1e6 /
			(after.jobs - before.jobs);
	found->bare_us = bare_s * 1e6 / (double)bare.seq;
	bare_close(&bare);
	server_remove(&heygend);
	server_remove(&made);
}

static void report(const struct way *way, struct found *found, int rounds,
		   enum wanted ratio_wanted, double bound)
{
	double ratio = median(found->ratios, rounds);
	char what[64];

	snprintf(what, sizeof(what), "%s, %.0f a commit", way->name,
		 median(found->a_commit, rounds));
	report_ratio(&(struct row){ .what = what, .unit = "jobs/s",
				    .ours = median(found->ours, rounds),
				    .yardstick = median(found->theirs, rounds),
				    .wanted = ratio_wanted, .bound = bound },
		     ratio);
	snprintf(what, sizeof(what), "%s, engine's CPU", way->name);
	report_row(&(struct row){ .what = what, .unit = "us/job",
				  .ours = found->engine_us,
				  .yardstick = found->bare_us });
	snprintf(what, sizeof(what), "%s, heygend's CPU", way->name);
	report_row(&(struct row){ .what = what, .unit = "us/job",
				  .ours = found->all_us });
}

int main(int argc, char **argv)
{
	static const struct way ways[] = {
		{ "64 connections", SINGLE_CONNECTIONS, 1, single_request },
		{ "batches of 1000", BATCH_CONNECTIONS, BATCH, batch_request },
	};
	static struct found found;
	double seconds = 2;
	size_t rounds = 5;
	const struct bench_option table[] = {
		{ "seconds", .real = &seconds },
		{ "rounds", .number = &rounds, .most = ROUNDS_MAX },
		{ 0 }
	};
	bool json = options_take(argc, argv, table);

	report_begin("submit", "jobs taken in, beside bare SQLite", json);
	measure(&ways[0], seconds, rounds, &found);
	report(&ways[0], &found, rounds, WANTED_AT_LEAST, 0.5);
	measure(&ways[1], seconds, rounds, &found);
	report(&ways[1], &found, rounds, WANTED_NOTHING, 0);
	report_row(&(struct row){ .what = "batches of 1000",
				  .unit = "jobs/s",
				  .ours = median(found.ours, rounds),
				  .wanted = WANTED_AT_LEAST,
				  .bound = 50000 });
	report_end();
	return 0;
}
