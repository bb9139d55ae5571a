/* settings.h -- everything that can be set, in one table.
 *
 * A row gives the key's section and name, its type, default and range,
 * whether a reload may change it, and one sentence.  The parser, its errors,
 * `--print-config`, the sample in etc/ and the manual's list are made of it.
 * Loaded settings are immutable and counted; a reload makes new ones.
 *
 * settings_load and settings_reload belong to the main thread (libinih);
 * ref, unref and reading belong to everybody. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "core/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS_FILE "/etc/heygend.ini"	/* read if --config names none */

enum default_job {
	DEFAULT_JOB_START,
	DEFAULT_JOB_FIRST_REQUEST,
	DEFAULT_JOB_OFF,
	DEFAULT_JOBS
};
enum test_clock { TEST_CLOCK_REAL, TEST_CLOCK_MANUAL, TEST_CLOCKS };

/* Types.  INT: an integer in [min, max].  TTL: one, or -1 to keep for ever.
 * REAL: a decimal number in [min, max].  The words' types: an enum's value,
 * held as int.  The texts' types: a string of at most max bytes, checked for
 * its kind, never NULL; "" is not set. */
#define SETTINGS_INT_MAX 9007199254740991	/* 2^53 - 1 */
#define SETTINGS_DAY_MS 86400000
#define SETTINGS_DECADE_S 315360000

#define SETTINGS_MAP(X) \
/* section     key                   type          default           min    max                reload meaning */ \
X(http,       listen,                LISTEN,       "127.0.0.1:8080", 0,     64,                false, "The IPv4 address and port to listen on; port 0 takes a free one. Any address off loopback needs api_key_file.") \
X(http,       threads,               INT,          "256",            40,    16384,             false, "Connections served at a time; waiters and streams together may hold all but 32 of them. While fewer than 8 are free, whoever keeps one waiting longest, idle or slow, makes room for each who comes.") \
X(http,       max_wait_s,            INT,          "60",             0,     3600,              false, "The longest that a request with wait is held.") \
X(http,       max_body_bytes,        INT,          "65536",          1024,  16777216,          false, "The largest request body, except a batch.") \
X(http,       max_batch_bytes,       INT,          "1048576",        1024,  67108864,          false, "The largest body of POST /v1/jobs:batch.") \
X(http,       retry_after_max_s,     INT,          "30",             1,     3600,              false, "The largest Retry-After given for a pending job.") \
X(http,       hosts,                 HOSTS,        "",               0,     2048,              false, "Further names, separated by commas, that a Host header may bear; one without a port matches any port.") \
X(http,       cors_origins,          ORIGINS,      "",               0,     2048,              false, "Origins, separated by commas, whose pages may use the API.") \
X(http,       api_key_file,          PATH,         "",               0,     2048,              false, "A file with one API key a line, readable by nobody else. Not set: api-keys in $CREDENTIALS_DIRECTORY, if that is there.") \
X(http,       public_url,            URL,          "",               0,     2048,              false, "What the URLs in answers begin with. Not set: http:// and the Host asked.") \
X(http,       drain_s,               INT,          "10",             0,     3600,              false, "How long a stop waits for requests in flight.") \
X(store,      state_dir,             DIRECTORY,    "/var/lib/heygend", 0,   2048,              false, "The directory of jobs.db.") \
X(store,      progress_write_ms,     INT,          "5000",           1,     3600000,           false, "The progress of a job is written at most this often.") \
X(store,      wal_max_bytes,         INT,          "67108864",       65536, 1099511627776,     false, "The write-ahead log is truncated when it is larger than this.") \
X(jobs,       workers,               INT,          "2",              1,     64,                false, "Worker processes to keep running.") \
X(jobs,       slots,                 INT,          "4",              1,     100000,            false, "Jobs that one worker runs at a time.") \
X(jobs,       max_jobs,              INT,          "1000000",        1,     100000000,         true,  "Jobs kept in all; a submission beyond is answered 429.") \
X(jobs,       on_error,              ON_ERROR,     "stop",           0,     0,                 true,  "What a failed attempt leads to: an end in error, or a restart.") \
X(jobs,       max_attempts,          INT,          "3",              1,     100,               true,  "Attempts in all, the first included, when failures lead to restarts.") \
X(jobs,       restart_delay_ms,      INT,          "1000",           0,     SETTINGS_DAY_MS,   true,  "The pause before the second attempt; it doubles with each further one.") \
X(jobs,       restart_delay_max_ms,  INT,          "60000",          0,     SETTINGS_DAY_MS,   true,  "The longest pause before an attempt.") \
X(jobs,       aging_s,               INT,          "60",             0,     SETTINGS_DECADE_S, true,  "A waiting job gains one point of priority each time this has passed; 0: never.") \
X(jobs,       ttl_completed_s,       TTL,          "3600",           1,     SETTINGS_DECADE_S, true,  "A completed job is removed after this.") \
X(jobs,       ttl_error_s,           TTL,          "3600",           1,     SETTINGS_DECADE_S, true,  "A job that ended in error is removed after this.") \
X(jobs,       ttl_canceled_s,        TTL,          "3600",           1,     SETTINGS_DECADE_S, true,  "A canceled job is removed after this.") \
X(jobs,       tombstone_s,           INT,          "3600",           0,     SETTINGS_DECADE_S, true,  "The id of a removed job is answered 410 for this long, then 404.") \
X(jobs,       worker_timeout_s,      INT,          "15",             3,     3600,              true,  "A worker that is silent for this long is killed and replaced; a healthy one gives a sign every 2 s.") \
X(simulation, distribution,          DISTRIBUTION, "uniform",        0,     0,                 true,  "How the length of a translation is drawn, between min_ms and max_ms.") \
X(simulation, min_ms,                INT,          "10000",          1,     SETTINGS_INT_MAX,  true,  "The shortest translation.") \
X(simulation, max_ms,                INT,          "30000",          1,     SETTINGS_INT_MAX,  true,  "The longest translation.") \
X(simulation, mean_ms,               INT,          "20000",          1,     SETTINGS_INT_MAX,  true,  "The mean of the normal and exponential distributions, the median of the lognormal one, and the length of a fixed one.") \
X(simulation, sigma,                 REAL,         "0.8",            0,     10,                true,  "The spread of the normal distribution, as a share of mean_ms, and of the lognormal one, as that of the logarithm.") \
X(simulation, error_rate,            REAL,         "0.1",            0,     1,                 true,  "The share of attempts that fail.") \
X(simulation, eta_error,             REAL,         "0.2",            0,     1,                 true,  "How far the first estimate may err, as a share; it errs less and less towards the end.") \
X(simulation, seed,                  INT,          "0",              0,     SETTINGS_INT_MAX,  true,  "The seed of all draws; 0: one is taken from the system and logged.") \
X(simulation, time_scale,            REAL,         "1",              0.001, 1000000,           true,  "Translations run this many times faster; 60: a minute takes a second.") \
X(simulation, progress_interval_ms,  INT,          "1000",           1,     3600000,           true,  "A worker reports the progress of each job this often.") \
X(faults,     http_error_rate,       REAL,         "0",              0,     1,                 true,  "The share of requests that are answered 503 instead.") \
X(faults,     http_drop_rate,        REAL,         "0",              0,     1,                 true,  "The share of requests whose connection is closed without an answer.") \
X(faults,     http_latency_ms,       INT,          "0",              0,     60000,             true,  "Every answer is delayed by this.") \
X(status,     default_job,           DEFAULT_JOB,  "start",          0,     0,                 false, "When the job that GET /status alone asks for is submitted: at the start of the daemon, with the first such request, or never.") \
X(log,        level,                 LOG_LEVEL,    "info",           0,     0,                 true,  "What is logged.") \
X(test,       clock,                 TEST_CLOCK,   "real",           0,     0,                 false, "A manual clock stands still but for POST /v1/clock:advance.")

#define SETTING_C_INT int64_t
#define SETTING_C_TTL int64_t
#define SETTING_C_REAL double
#define SETTING_C_DISTRIBUTION int
#define SETTING_C_ON_ERROR int		/* enum on_error of core/job.h */
#define SETTING_C_DEFAULT_JOB int
#define SETTING_C_LOG_LEVEL int		/* enum log_level of core/log.h */
#define SETTING_C_TEST_CLOCK int
#define SETTING_C_LISTEN const char *
#define SETTING_C_HOSTS const char *
#define SETTING_C_ORIGINS const char *
#define SETTING_C_PATH const char *
#define SETTING_C_URL const char *
#define SETTING_C_DIRECTORY const char *

/* One field a row: settings->http_threads, settings->jobs_on_error, ... */
struct settings {
#define X(section, key, type, ...) SETTING_C_##type section##_##key;
	SETTINGS_MAP(X)
#undef X
};

struct settings_error {
	int exit_status;	/* 64 usage, 78 configuration, 1 no memory */
	char message[512];	/* one sentence, without a newline */
};

/* settings_load -- the defaults, then the file, then the overrides.
 *   path       NULL: no file
 *   overrides  "section.key=value", as --set takes them; of two for one key
 *              the later one holds
 *   out        one reference, yours on success; untouched otherwise
 * 0, or a negative errno with *error_out filled in. */
int settings_load(const char *path, const char *const *overrides,
		  size_t overrides_count, const struct settings **out,
		  struct settings_error *error_out);

/* settings_reload -- the same, but the keys that a reload may not change keep
 * the value that they have in `running`; those that would have changed are
 * listed in kept_out as "http.threads, jobs.slots", "" if there are none.
 * All or nothing: on failure `running` simply stays what it is. */
int settings_reload(const struct settings *running, const char *path,
		    const char *const *overrides, size_t overrides_count,
		    const struct settings **out, char *kept_out,
		    size_t kept_size, struct settings_error *error_out);

const struct settings *settings_ref(const struct settings *settings);
void settings_unref(const struct settings *settings);	/* NULL is fine */

/* The descriptors that heygend needs with these settings, at most.  What a
 * process cannot be allowed, settings_load refuses. */
int64_t settings_descriptors(const struct settings *settings);

/* settings_listen -- what http.listen says: an IPv4 address as text and a
 * port; false: it is malformed (it never is in loaded settings). */
#define SETTINGS_ADDRESS_SIZE 16
bool settings_listen(const char *listen, char address_out[SETTINGS_ADDRESS_SIZE],
		     uint16_t *port_out);

/* settings_state_dir -- where the state goes when there is neither --config
 * nor SETTINGS_FILE: $STATE_DIRECTORY, else $XDG_STATE_HOME/heygend, else
 * ~/.local/state/heygend.  False: none of them is known, or it is too long. */
bool settings_state_dir(char *out, size_t out_size);

/* --- the table, for people ------------------------------------------------- */

void settings_print(const struct settings *settings, FILE *to); /* loadable */
void settings_sample(FILE *to);		/* etc/heygend.ini */
void settings_manual(FILE *to);		/* the mdoc list of heygend.ini(5) */

#endif
