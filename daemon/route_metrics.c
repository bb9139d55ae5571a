/* route_metrics.c -- GET /metrics, the Prometheus text format 0.0.4. */
#include "daemon/http_request.h"

#include "config.h"
#include "core/clock.h"
#include "daemon/engine_stats.h"
#include "daemon/http.h"
#include "daemon/process.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TYPE "text/plain; version=0.0.4; charset=utf-8"

/* --- the format ------------------------------------------------------------------ */

static void describe(struct text *t, const char *name, const char *type,
		     const char *help)
{
	text_printf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct text *t, const char *name, const char *type,
		const char *help, double value)
{
	describe(t, name, type, help);
	text_printf(t, "%s %.15g\n", name, value);
}

static void labeled(struct text *t, const char *name, const char *label,
		    const char *value, double number)
{
	text_printf(t, "%s{%s=\"%s\"} %.15g\n", name, label, value, number);
}

/* The lines of one histogram.  labels: `route="/v1",` or "". */
static void buckets(struct text *t, const char *name, const char *labels,
		    const double *bounds, const uint64_t *counts, size_t count,
		    uint64_t sum_us)
{
	uint64_t total = 0;
	int plain = 0;

	for (size_t i = 0; i < count; i++) {
		total += stat_read(&counts[i]);
		text_printf(t, "%s_bucket{%sle=\"%g\"} %" PRIu64 "\n", name,
			    labels, bounds[i], total);
	}
	total += stat_read(&counts[count]);
	text_printf(t, "%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n", name, labels,
		    total);
	while (labels[plain] && labels[plain + 1])
		plain++;		/* without the comma */
	if (plain > 0)
		text_printf(t, "%s_sum{%.*s} %.6f\n%s_count{%.*s} %" PRIu64
			    "\n", name, plain, labels, sum_us / 1e6, name,
			    plain, labels, total);
	else
		text_printf(t, "%s_sum %.6f\n%s_count %" PRIu64 "\n", name,
			    sum_us / 1e6, name, total);
}

static void histogram(struct text *t, const char *name, const char *help,
		      const double *bounds, const struct histogram *h)
{
	describe(t, name, "histogram", help);
	buckets(t, name, "", bounds, h->counts, HISTOGRAM_BUCKETS,
		stat_read(&h->sum_us));
}

/* --- jobs and the queue ------------------------------------------------------------ */

static void put_queue(struct text *t, const struct queue_info *info)
{
	describe(t, "heygend_jobs", "gauge", "Jobs kept, by state.");
	for (int i = 0; i < JOB_STATES; i++)
		labeled(t, "heygend_jobs", "state", job_state_name(i),
			info->counts[i]);
	one(t, "heygend_queue_oldest_seconds", "gauge",
	    "How long the oldest queued job has waited.",
	    info->oldest_wait_ms / 1e3);
	one(t, "heygend_queue_paused", "gauge",
	    "1 while nothing is dispatched.", info->paused);
	one(t, "heygend_slots", "gauge",
	    "Jobs that the living workers can run at a time.", info->slots);
	one(t, "heygend_workers", "gauge", "Living worker processes.",
	    info->worker_count);
}

static void put_engine(struct text *t, const struct engine_stats *s)
{
	const char *finished = "heygend_jobs_finished_total";

	one(t, "heygend_jobs_submitted_total", "counter", "Jobs accepted.",
	    stat_read(&s->submitted));
	describe(t, finished, "counter", "Jobs that ended, by result.");
	labeled(t, finished, "result", "completed",
		stat_read(&s->finished_completed));
	labeled(t, finished, "result", "error", stat_read(&s->finished_error));
	one(t, "heygend_jobs_canceled_total", "counter",
	    "Jobs canceled; their result is error.", stat_read(&s->canceled));
	one(t, "heygend_jobs_restarted_total", "counter",
	    "Attempts begun anew, by the restart policy or by request.",
	    stat_read(&s->restarted));
	one(t, "heygend_jobs_removed_total", "counter",
	    "Jobs removed after their TTL or by request.",
	    stat_read(&s->removed));
	histogram(t, "heygend_job_wait_seconds",
		  "From eligible to started, of each run.", histogram_job_s,
		  &s->job_wait);
	histogram(t, "heygend_job_run_seconds",
		  "From the attempt's start to its end.", histogram_job_s,
		  &s->job_run);
	one(t, "heygend_worker_restarts_total", "counter",
	    "Workers lost and started again.", stat_read(&s->worker_restarts));
	histogram(t, "heygend_commit_seconds", "Duration of a commit.",
		  histogram_commit_s, &s->commit);
	one(t, "heygend_store_errors_total", "counter",
	    "Commits that failed.", stat_read(&s->store_errors));
}

/* --- HTTP --------------------------------------------------------------------------- */

static void put_requests(struct text *t, const struct metrics_counts *m)
{
	const char *name = "heygend_http_requests_total";

	describe(t, name, "counter", "Requests answered.");
	for (size_t i = 0; i < METRICS_ROUTES; i++)
		for (size_t k = 0; k < METRICS_STATUSES; k++) {
			uint64_t n = stat_read(&m->routes[i].by_status[k]);

			if (n > 0)
				text_printf(t, "%s{route=\"%s\",code=\"%d\"} %"
					    PRIu64 "\n", name, route_name(i),
					    metrics_status(k), n);
		}
}

static uint64_t requests_of(const struct route_metrics *route)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= METRICS_BUCKETS; i++)
		n += stat_read(&route->seconds_bucket[i]);
	return n;
}

static void put_durations(struct text *t, const struct metrics_counts *m)
{
	const char *name = "heygend_http_request_seconds";
	double bounds[METRICS_BUCKETS];
	char labels[96];

	for (size_t i = 0; i < METRICS_BUCKETS; i++)
		bounds[i] = metrics_bound_s(i);
	describe(t, name, "histogram",
		 "Duration of a request, the time held included.");
	for (size_t i = 0; i < METRICS_ROUTES; i++) {
		const struct route_metrics *route = &m->routes[i];

		if (requests_of(route) == 0)
			continue;
		snprintf(labels, sizeof(labels), "route=\"%s\",",
			 route_name(i));
		buckets(t, name, labels, bounds, route->seconds_bucket,
			METRICS_BUCKETS, stat_read(&route->seconds_us));
	}
}

static void put_polls(struct text *t, const struct http *h,
		      const struct metrics_counts *m)
{
	describe(t, "heygend_polls_total", "counter",
		 "Answers about one job; early: asked again before the "
		 "Retry-After given.");
	for (int i = 0; i < POLL_ANSWERS; i++)
		labeled(t, "heygend_polls_total", "answer",
			poll_answer_name(i), stat_read(&m->polls[i]));
	describe(t, "heygend_held", "gauge", "Requests held now.");
	for (int i = 0; i < HELD_KINDS; i++)
		labeled(t, "heygend_held", "kind", held_name(i),
			http_held(h, i));
}

static void put_connections(struct text *t, const struct http *h)
{
	one(t, "heygend_connections", "gauge",
	    "Connections open, each on its thread or in line for one.",
	    seats_count(h->seats));
	one(t, "heygend_connections_evicted_total", "counter",
	    "Connections closed because they kept a thread waiting that "
	    "others needed.", (double)seats_evictions(h->seats));
}

/* --- files and the process ------------------------------------------------------------- */

static double file_bytes(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static void put_files(struct text *t, const char *dir)
{
	describe(t, "heygend_store_bytes", "gauge",
		 "Size of the database and of its write-ahead log.");
	labeled(t, "heygend_store_bytes", "file", "db",
		file_bytes(dir, "jobs.db"));
	labeled(t, "heygend_store_bytes", "file", "wal",
		file_bytes(dir, "jobs.db-wal"));
}

static void put_process(struct text *t)
{
	struct process_usage usage;

	process_usage(&usage);
	one(t, "process_cpu_seconds_total", "counter",
	    "User and system CPU time spent.", usage.cpu_s);
	one(t, "process_resident_memory_bytes", "gauge",
	    "Resident memory size.", usage.resident_bytes);
	one(t, "process_open_fds", "gauge", "Open file descriptors.",
	    usage.open_fds);
	one(t, "process_max_fds", "gauge", "File descriptors allowed.",
	    usage.max_fds);
	one(t, "process_start_time_seconds", "gauge",
	    "Start time since the Unix epoch.", usage.start_s);
	describe(t, "heygend_build_info", "gauge", "What is running.");
	labeled(t, "heygend_build_info", "version", PACKAGE_VERSION, 1);
}

void route_metrics(struct request *r)
{
	struct metrics_counts *m = metrics_read(http_metrics(r->http));
	struct text *t = &r->reply.body;
	struct queue_info info;

	if (!m) {
		reply_no_memory(r);
		return;
	}
	r->reply.type = TYPE;
	board_queue_info(engine_board(r->http->engine), &info);
	put_queue(t, &info);
	put_engine(t, engine_stats(r->http->engine));
	put_requests(t, m);
	put_durations(t, m);
	put_polls(t, r->http, m);
	put_connections(t, r->http);
	put_files(t, r->http->settings->store_state_dir);
	put_process(t);
	free(m);
}
