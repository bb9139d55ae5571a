#include "core/settings.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/job.h"
#include "core/log.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static char directory[] = "/tmp/heygend-settings-XXXXXX";
static char file[sizeof(directory) + 32];

static void make_directory(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/heygend.ini", directory);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void remove_directory(void)
{
	char key_file[sizeof(file)];

	snprintf(key_file, sizeof(key_file), "%s/api-keys", directory);
	(void)unlink(key_file);
	(void)unlink(file);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void given_bytes(const char *text, size_t bytes)
{
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, bytes, f), bytes);
	ck_assert_int_eq(fclose(f), 0);
}

static void given_file(const char *text)
{
	given_bytes(text, strlen(text));
}

static const struct settings *load_file(void)
{
	const struct settings *settings = NULL;
	struct settings_error error = { 0 };

	ck_assert_msg(settings_load(file, NULL, 0, &settings, &error) == 0,
		      "%s", error.message);
	return settings;
}

static const struct settings *load_with(const char *override)
{
	const struct settings *settings = NULL;
	struct settings_error error = { 0 };

	ck_assert_msg(settings_load(NULL, &override, 1, &settings, &error) == 0,
		      "%s", error.message);
	return settings;
}

/* The message of a file that must not load, its own path as FILE. */
static const char *refused(const char *path, const char *override)
{
	static char message[1024];
	const struct settings *settings = NULL;
	struct settings_error error = { 0 };
	char *at;
	int r = settings_load(path, &override, override ? 1 : 0, &settings,
			      &error);

	if (r == 0)
		return "";
	ck_assert_ptr_null(settings);
	ck_assert_int_lt(r, 0);
	ck_assert_ptr_null(strchr(error.message, '\n'));
	at = strstr(error.message, file);
	if (at)
		snprintf(message, sizeof(message), "%d: %.*sFILE%s",
			 error.exit_status, (int)(at - error.message),
			 error.message, at + strlen(file));
	else
		snprintf(message, sizeof(message), "%d: %s", error.exit_status,
			 error.message);
	return message;
}

/* --- values ------------------------------------------------------------------ */

START_TEST(without_a_file_the_defaults_of_the_design_serve)
{
	const struct settings *s = NULL;
	struct settings_error error;

	ck_assert_int_eq(settings_load(NULL, NULL, 0, &s, &error), 0);
	ck_assert_str_eq(s->http_listen, "127.0.0.1:8080");
	ck_assert_int_eq(s->http_threads, 256);
	ck_assert_int_eq(s->http_max_batch_bytes, 1048576);
	ck_assert_str_eq(s->http_hosts, "");
	ck_assert_str_eq(s->http_api_key_file, "");
	ck_assert_str_eq(s->store_state_dir, "/var/lib/heygend");
	ck_assert_int_eq(s->store_wal_max_bytes, 67108864);
	ck_assert_int_eq(s->jobs_workers, 2);
	ck_assert_int_eq(s->jobs_on_error, ON_ERROR_STOP);
	ck_assert_int_eq(s->jobs_ttl_error_s, 3600);
	ck_assert_int_eq(s->simulation_distribution, DISTRIBUTION_UNIFORM);
	ck_assert_double_eq(s->simulation_sigma, 0.8);
	ck_assert_double_eq(s->faults_http_drop_rate, 0);
	ck_assert_int_eq(s->status_default_job, DEFAULT_JOB_START);
	ck_assert_int_eq(s->log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(s->test_clock, TEST_CLOCK_REAL);
	settings_unref(s);
}
END_TEST

static const char *const taken[] = {
	"http.listen=127.0.0.1:0", "http.listen=127.255.0.9:65535",
	"http.listen=localhost:80",
	"http.threads=40", "http.threads=16384",
	"http.max_wait_s=0", "http.max_wait_s=3600",
	"http.max_body_bytes=1024", "http.retry_after_max_s=1",
	"http.hosts=a", "http.hosts=a.example:8080 , b_c,10.0.0.1,[::1]:80",
	"http.cors_origins=https://a.example,http://127.0.0.1:3000",
	"http.cors_origins=chrome-extension://abc",
	"http.public_url=https://a.example/base", "http.public_url=",
	"http.api_key_file=/etc/heygend/keys", "http.drain_s=0",
	"store.state_dir=state", "store.wal_max_bytes=65536",
	"store.progress_write_ms=1",
	"jobs.workers=1", "jobs.workers=64", "jobs.slots=100000",
	"jobs.on_error=restart", "jobs.max_attempts=100",
	"jobs.restart_delay_ms=0", "jobs.aging_s=0",
	"jobs.ttl_completed_s=-1", "jobs.ttl_completed_s=1",
	"jobs.ttl_error_s=315360000", "jobs.worker_timeout_s=3",
	"jobs.tombstone_s=0",
	"simulation.distribution=fixed", "simulation.distribution=normal",
	"simulation.distribution=lognormal",
	"simulation.distribution=exponential",
	"simulation.min_ms=1", "simulation.max_ms=9007199254740991",
	"simulation.sigma=0", "simulation.sigma=10", "simulation.sigma=1e1",
	"simulation.error_rate=0", "simulation.error_rate=1",
	"simulation.error_rate=.5", "simulation.error_rate=1.",
	"simulation.error_rate=-0", "simulation.error_rate=1E-3",
	"simulation.seed=9007199254740991", "simulation.time_scale=0.001",
	"simulation.time_scale=1000000", "faults.http_latency_ms=60000",
	"status.default_job=off", "status.default_job=first_request",
	"log.level=error", "log.level=warning", "log.level=debug",
	"test.clock=manual", " jobs . workers = 3 ",
};

START_TEST(a_value_in_its_range_is_taken)
{
	settings_unref(load_with(taken[_i]));
}
END_TEST

static const char *const out_of_range[] = {
	"http.listen=", "http.listen=8080", "http.listen=:8080",
	"http.listen=127.0.0.1", "http.listen=127.0.0.1:",
	"http.listen=127.0.0.1:65536", "http.listen=127.0.0.1:-1",
	"http.listen=127.0.0.1:80x", "http.listen=127.0.0.1:000080",
	"http.listen=127.0.0:80", "http.listen=127.0.0.256:80",
	"http.listen=127.0.0.01:80", "http.listen=127.0.0.1.1:80",
	"http.listen=1270.0.0.1:80", "http.listen=[::1]:80",
	"http.listen=host:80", "http.listen= 127.0.0.1 :80",
	"http.listen=localhost", "http.listen=127.0.0.1:80,127.0.0.2:80",
	"http.threads=39", "http.threads=16385", "http.threads=",
	"http.threads=2.5e2", "http.threads=256.0", "http.threads=0x100",
	"http.threads=+256", "http.threads=256 ms", "http.threads=2 56",
	"http.threads=99999999999999999999", "http.threads=--256",
	"http.threads=-", "http.threads=1_000", "http.threads=nan",
	"http.max_wait_s=-1", "http.max_wait_s=3601",
	"http.max_body_bytes=1023", "http.max_batch_bytes=67108865",
	"http.retry_after_max_s=0", "http.hosts=,", "http.hosts=a,",
	"http.hosts=,a", "http.hosts=a b", "http.hosts=http://a",
	"http.hosts=a:0", "http.hosts=a:65536", "http.hosts=a:",
	"http.hosts=a:b", "http.hosts=[]", "http.hosts=[::1", "http.hosts=*",
	"http.cors_origins=*", "http.cors_origins=null",
	"http.cors_origins=https://a/", "http.cors_origins=a.example",
	"http.cors_origins=https://", "http.cors_origins=HTTPS://a",
	"http.public_url=a.example", "http.public_url=ftp://a",
	"http.public_url=http://", "http.public_url=http://a?b",
	"http.public_url=http://a#b", "http.public_url=http://a b",
	"http.public_url=http://a/\xc3\xa9", "http.public_url=http:///a",
	"http.api_key_file=a\001b", "http.api_key_file=a ;b",
	"http.drain_s=3601", "store.state_dir=", "store.wal_max_bytes=0",
	"store.progress_write_ms=0", "jobs.workers=0", "jobs.workers=65",
	"jobs.workers=-1", "jobs.slots=0", "jobs.slots=100001",
	"jobs.max_jobs=0", "jobs.on_error=", "jobs.on_error=Stop",
	"jobs.on_error=0", "jobs.on_error=stop restart",
	"jobs.max_attempts=0", "jobs.max_attempts=101",
	"jobs.restart_delay_ms=-1", "jobs.restart_delay_ms=86400001",
	"jobs.aging_s=-1", "jobs.ttl_completed_s=0", "jobs.ttl_error_s=-2",
	"jobs.ttl_canceled_s=315360001", "jobs.tombstone_s=-1",
	"jobs.worker_timeout_s=2", "simulation.distribution=gamma",
	"simulation.min_ms=0", "simulation.min_ms=9007199254740992",
	"simulation.sigma=-0.1", "simulation.sigma=10.1",
	"simulation.error_rate=1.01", "simulation.error_rate=-1e-9",
	"simulation.error_rate=nan", "simulation.error_rate=inf",
	"simulation.error_rate=1e999", "simulation.error_rate=0x1p-1",
	"simulation.error_rate=10%", "simulation.error_rate=0,5",
	"simulation.error_rate=", "simulation.error_rate=.",
	"simulation.error_rate=1e", "simulation.error_rate=+0.5",
	"simulation.eta_error=2", "simulation.seed=-1",
	"simulation.time_scale=0", "simulation.time_scale=1000001",
	"simulation.progress_interval_ms=0", "faults.http_error_rate=2",
	"faults.http_drop_rate=-1", "faults.http_latency_ms=60001",
	"status.default_job=never", "log.level=trace", "test.clock=Manual",
	"log.level=\xff",
};

START_TEST(a_value_out_of_its_range_is_bad_configuration)
{
	const char *message = refused(NULL, out_of_range[_i]);

	ck_assert_msg(strncmp(message, "78: command line: ", 18) == 0,
		      "%s -> %s", out_of_range[_i], message);
}
END_TEST

START_TEST(a_malformed_override_is_a_usage_error)
{
	static const char *const malformed[] = {
		"", "=", "jobs.workers", "workers=3", ".workers=3", "jobs.=3",
		"=jobs.workers", "a=b.c", ".=", "3",
	};

	for (int i = 0; i < COUNT(malformed); i++)
		ck_assert_msg(strncmp(refused(NULL, malformed[i]),
				      "64: --set ", 10) == 0, "%s",
			      malformed[i]);
}
END_TEST

/* --- files -------------------------------------------------------------------- */

START_TEST(a_file_may_be_written_in_many_ways)
{
	const struct settings *s;

	given_file("\xef\xbb\xbf; of Windows\r\n[jobs]\r\nworkers=3\r\n"
		   "\tslots :  5   ; five\r\n\r\n  # indented\r\n"
		   "[ simulation ]\r\n");
	ck_assert_str_eq(refused(file, NULL),
			 "78: FILE:7: there is no section [\" simulation \"]; "
			 "did you mean [simulation]?");
	given_file("\xef\xbb\xbf; of Windows\r\n[jobs]\r\nworkers=3\r\n"
		   "\tslots :  5   ; five\r\n\r\n  # indented\r\n"
		   "  [simulation] # draws\nseed = 7\n"
		   "[jobs]\non_error=restart\n[http]\n"
		   "public_url=http://a/b//\nhosts=a;b:80");
	ck_assert_str_eq(refused(file, NULL),
			 "78: FILE:13: http.hosts = a;b:80: it must be host "
			 "names, each perhaps with a port, separated by "
			 "commas, at most 2048 bytes");
	given_file("[jobs]\nworkers=3\nslots : 5 ; five\n[http]\n"
		   "public_url=http://a/b//\n[jobs]\non_error=restart\n"
		   "[simulation]\n[http]\nhosts=\napi_key_file=/a b=c;d#e");
	s = load_file();
	ck_assert_int_eq(s->jobs_workers, 3);
	ck_assert_int_eq(s->jobs_slots, 5);
	ck_assert_int_eq(s->jobs_on_error, ON_ERROR_RESTART);
	ck_assert_str_eq(s->http_public_url, "http://a/b");
	ck_assert_str_eq(s->http_hosts, "");
	ck_assert_str_eq(s->http_api_key_file, "/a b=c;d#e");
	settings_unref(s);
	given_file("");
	settings_unref(load_file());
}
END_TEST

static const struct {
	const char *text, *message;
} bad_files[] = {
	{ "[http]\nthreads = 20\n",
	  "FILE:2: http.threads = 20: it must be an integer from 40 to 16384" },
	{ "[jobs]\n\nttl_error_s = 0\n",
	  "FILE:3: jobs.ttl_error_s = 0: it must be an integer from 1 to "
	  "315360000, or -1 to keep it" },
	{ "[jobs]\non_error=retry",
	  "FILE:2: jobs.on_error = retry: it must be stop or restart" },
	{ "[log]\nlevel = loud and clear",
	  "FILE:2: log.level = \"loud and clear\": it must be error, warning, "
	  "info or debug" },
	{ "[simulation]\nerror_rate = 10%\n",
	  "FILE:2: simulation.error_rate = 10%: it must be a number from 0 to "
	  "1" },
	{ "[http]\ntreads = 50\n",
	  "FILE:2: there is no key treads in [http]; did you mean threads in "
	  "[http]?" },
	{ "[http]\nworkers = 5\n",
	  "FILE:2: there is no key workers in [http]; did you mean workers in "
	  "[jobs]?" },
	{ "[simulations]\nseed = 5\n",
	  "FILE:1: there is no section [simulations]; did you mean "
	  "[simulation]?" },
	{ "\n[HTTP]\n",
	  "FILE:2: there is no section [HTTP]; did you mean [http]?" },
	{ "workers = 5\n",
	  "FILE:1: workers stands before any [section]; did you mean workers "
	  "in [jobs]?" },
	{ "[jobs]\nworkers = 5\nslots = 2\nworkers = 5\n",
	  "FILE:4: jobs.workers is set a second time; the first is in line "
	  "2" },
	{ "[jobs]\nworkers\n",
	  "FILE:2: it is neither [section] nor key = value nor # comment" },
	{ "[jobs]\nfirst line\nworkers = 0\n",
	  "FILE:2: it is neither [section] nor key = value nor # comment" },
	{ "[jobs\nworkers = 0\n", "FILE:1: [jobs is no [section]" },
	{ "[jobs] workers = 3\n",
	  "FILE:1: \"[jobs] workers = 3\" is no [section]" },
	{ "[]\n", "FILE:1: there is no section [?]; did you mean [log]?" },
	{ "[simulation]\n= 3\n",
	  "FILE:2: there is no key \"\" in [simulation]; did you mean seed in "
	  "[simulation]?" },
	{ "[jobs]\nworkers = 3 # three\n",
	  "FILE:2: jobs.workers = \"3 # three\": it must be an integer from 1 "
	  "to 64" },
	{ "[jobs]\nworkers =\n  3\n",
	  "FILE:2: jobs.workers = \"\": it must be an integer from 1 to 64" },
	{ "# caf\xe9\n", "FILE:1: byte 0xe9 is not valid UTF-8" },
	{ "\n\n# \xed\xa0\x80\n", "FILE:3: byte 0xed is not valid UTF-8" },
	{ "[jobs]\n\x1b[31m\n",
	  "FILE:2: character 0x1b has no place in this file" },
	{ "[jobs]\rworkers=1\r",
	  "FILE:1: character 0x0d has no place in this file" },
	{ "[simulation]\nmin_ms = 5000\nmax_ms = 1000\n",
	  "simulation.min_ms = 5000: it must be at most simulation.max_ms = "
	  "1000" },
	{ "[simulation]\nmin_ms = 40000\n",
	  "simulation.min_ms = 40000: it must be at most simulation.max_ms = "
	  "30000" },
	{ "[http]\nlisten = 0.0.0.0:8080\n",
	  "http.listen = 0.0.0.0:8080: an address off loopback needs "
	  "http.api_key_file" },
	{ "[http]\nlisten = 192.168.1.2:0\n",
	  "http.listen = 192.168.1.2:0: an address off loopback needs "
	  "http.api_key_file" },
	{ "[http]\nlisten = 128.0.0.1:80\n",
	  "http.listen = 128.0.0.1:80: an address off loopback needs "
	  "http.api_key_file" },
};

START_TEST(a_bad_file_is_refused_with_its_place_and_a_way_out)
{
	const char *message;

	given_file(bad_files[_i].text);
	message = refused(file, NULL);
	ck_assert_msg(strncmp(message, "78: ", 4) == 0, "%s", message);
	ck_assert_str_eq(message + 4, bad_files[_i].message);
}
END_TEST

START_TEST(a_nul_byte_in_a_file_hides_nothing)
{
	given_bytes("[jobs]\n#\0\nworkers = 0\n", 22);
	ck_assert_str_eq(refused(file, NULL),
			 "78: FILE:2: character 0x00 has no place in this "
			 "file");
}
END_TEST

START_TEST(a_line_may_be_long_and_a_longer_one_is_refused_not_cut)
{
	static char text[1200 * 1024];
	const struct settings *s;

	strcpy(text, "[http]\napi_key_file = /");
	memset(text + strlen(text), 'a', 2047);
	given_file(text);
	s = load_file();
	ck_assert_uint_eq(strlen(s->http_api_key_file), 2048);
	settings_unref(s);

	strcat(text, "a");
	given_file(text);
	ck_assert_ptr_nonnull(strstr(refused(file, NULL),
				     "at most 2048 bytes"));

	memset(text, 0, sizeof(text));
	strcpy(text, "\n# ");
	memset(text + 3, 'x', 4091);
	given_file(text);
	settings_unref(load_file());
	strcat(text, "x");
	given_file(text);
	ck_assert_str_eq(refused(file, NULL), "78: FILE:2: the line is longer "
					      "than 4093 bytes");

	memset(text, '\n', sizeof(text));
	given_bytes(text, (size_t)1024 * 1024);
	settings_unref(load_file());
	given_bytes(text, 1024 * 1024 + 1);
	ck_assert_str_eq(refused(file, NULL),
			 "78: FILE: it is larger than 1048576 bytes");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_bad_configuration)
{
	ck_assert_str_eq(refused(file, NULL),
			 "78: FILE: cannot be read: No such file or directory");
	ck_assert_ptr_nonnull(strstr(refused(directory, NULL),
				     ": cannot be read: Is a directory"));
}
END_TEST

/* --- overrides ------------------------------------------------------------------ */

START_TEST(an_override_beats_the_file_and_a_later_one_an_earlier)
{
	static const char *const overrides[] = {
		"jobs.workers=4", "jobs.workers=5", "log.level=debug",
	};
	const struct settings *s = NULL;
	struct settings_error error;

	given_file("[jobs]\nworkers = 3\nslots = 9\n");
	ck_assert_int_eq(settings_load(file, overrides, COUNT(overrides), &s,
				       &error), 0);
	ck_assert_int_eq(s->jobs_workers, 5);
	ck_assert_int_eq(s->jobs_slots, 9);
	ck_assert_int_eq(s->log_level, LOG_LEVEL_DEBUG);
	settings_unref(s);
}
END_TEST

START_TEST(a_value_in_the_file_is_checked_even_if_it_is_overridden)
{
	given_file("[jobs]\nworkers = 0\n");
	ck_assert_str_ne(refused(file, "jobs.workers=1"), "");
}
END_TEST

START_TEST(keys_let_it_listen_anywhere_and_systemd_may_hand_them_over)
{
	static const char *const overrides[] = {
		"http.listen=0.0.0.0:80", "http.api_key_file=/keys",
	};
	char key_file[sizeof(file)];
	const struct settings *s;
	struct settings_error error;

	ck_assert_int_eq(settings_load(NULL, overrides, 2, &s, &error), 0);
	settings_unref(s);

	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	ck_assert_str_ne(refused(NULL, overrides[0]), "");
	snprintf(key_file, sizeof(key_file), "%s/api-keys", directory);
	fclose(fopen(key_file, "w"));
	s = load_with(overrides[0]);
	ck_assert_str_eq(s->http_api_key_file, key_file);
	settings_unref(s);
	s = load_with(overrides[1]);
	ck_assert_str_eq(s->http_api_key_file, "/keys");
	settings_unref(s);
}
END_TEST

START_TEST(more_threads_than_descriptors_are_refused)
{
	struct rlimit limit = { .rlim_cur = 1000, .rlim_max = 1000 };

	if (getenv("HG_VALGRIND"))
		return;			/* it keeps the hard limit */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_str_eq(refused(NULL, "http.threads=489"),
			 "78: http.threads = 489: that needs 1001 descriptors, "
			 "and RLIMIT_NOFILE allows 1000");
	settings_unref(load_with("http.threads=488"));
}
END_TEST

START_TEST(listen_is_taken_apart)
{
	char address[SETTINGS_ADDRESS_SIZE];
	uint16_t port;

	ck_assert(settings_listen("255.255.255.255:65535", address, &port));
	ck_assert_str_eq(address, "255.255.255.255");
	ck_assert_uint_eq(port, 65535);
	ck_assert(settings_listen("localhost:0", address, &port));
	ck_assert_str_eq(address, "127.0.0.1");
	ck_assert_uint_eq(port, 0);
}
END_TEST

/* --- reloading ------------------------------------------------------------------- */

START_TEST(a_reload_changes_what_may_change_and_names_the_rest)
{
	const struct settings *old, *new = NULL;
	struct settings_error error;
	char kept[256];

	given_file("[http]\nthreads = 100\n[simulation]\nseed = 1\n");
	old = load_file();
	given_file("[http]\nthreads = 200\nlisten = 127.0.0.1:1\n"
		   "[jobs]\nworkers = 9\nslots = 8\nmax_jobs = 7\n"
		   "[simulation]\nseed = 2\n[log]\nlevel = debug\n"
		   "[faults]\nhttp_error_rate = 0.5\n"
		   "[status]\ndefault_job = off\n[test]\nclock = manual\n");
	ck_assert_int_eq(settings_reload(old, file, NULL, 0, &new, kept,
					 sizeof(kept), &error), 0);
	ck_assert_str_eq(kept, "http.listen, http.threads, jobs.workers, "
			       "jobs.slots, status.default_job, test.clock");
	ck_assert_str_eq(new->http_listen, "127.0.0.1:8080");
	ck_assert_int_eq(new->http_threads, 100);
	ck_assert_int_eq(new->jobs_workers, 2);
	ck_assert_int_eq(new->jobs_slots, 4);
	ck_assert_int_eq(new->jobs_max_jobs, 7);
	ck_assert_int_eq(new->simulation_seed, 2);
	ck_assert_int_eq(new->log_level, LOG_LEVEL_DEBUG);
	ck_assert_double_eq(new->faults_http_error_rate, 0.5);
	ck_assert_int_eq(old->simulation_seed, 1);
	settings_unref(old);
	ck_assert_int_eq(settings_reload(new, file, NULL, 0, &old, kept, 24,
					 &error), 0);
	ck_assert_str_eq(kept, "http.listen, http.threa");
	settings_unref(old);
	settings_unref(new);
}
END_TEST

START_TEST(a_bad_reload_changes_nothing)
{
	const struct settings *old, *new = NULL;
	struct settings_error error;
	char kept[64];

	given_file("");
	old = load_file();
	given_file("[simulation]\nseed = 2\nmin_ms = 0\n");
	ck_assert_int_eq(settings_reload(old, file, NULL, 0, &new, kept,
					 sizeof(kept), &error), -EINVAL);
	ck_assert_ptr_null(new);
	ck_assert_int_eq(error.exit_status, 78);
	ck_assert_str_eq(kept, "");
	/* a pair that fits in neither is refused as well */
	given_file("[simulation]\nmin_ms = 30001\n");
	ck_assert_int_lt(settings_reload(old, file, NULL, 0, &new, kept,
					 sizeof(kept), &error), 0);
	/* and so is what would keep the daemon from its next start */
	given_file("[http]\nlisten = 0.0.0.0:80\n");
	ck_assert_int_lt(settings_reload(old, file, NULL, 0, &new, kept,
					 sizeof(kept), &error), 0);
	ck_assert_int_eq(old->simulation_seed, 0);
	settings_unref(old);
}
END_TEST

START_TEST(settings_live_as_long_as_somebody_holds_them)
{
	const struct settings *s = load_with("http.hosts=a.example");

	ck_assert_ptr_eq(settings_ref(s), s);
	settings_unref(s);
	ck_assert_str_eq(s->http_hosts, "a.example");
	settings_unref(s);
	settings_unref(NULL);
}
END_TEST

START_TEST(the_state_directory_is_found_in_the_environment)
{
	char path[64];

	setenv("STATE_DIRECTORY", "/s", 1);
	setenv("XDG_STATE_HOME", "/x", 1);
	setenv("HOME", "/h", 1);
	ck_assert(settings_state_dir(path, sizeof(path)));
	ck_assert_str_eq(path, "/s");
	unsetenv("STATE_DIRECTORY");
	ck_assert(settings_state_dir(path, sizeof(path)));
	ck_assert_str_eq(path, "/x/heygend");
	setenv("XDG_STATE_HOME", "", 1);
	ck_assert(settings_state_dir(path, sizeof(path)));
	ck_assert_str_eq(path, "/h/.local/state/heygend");
	ck_assert(!settings_state_dir(path, 8));
	unsetenv("HOME");
	ck_assert(!settings_state_dir(path, sizeof(path)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("settings");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_test(tcase, without_a_file_the_defaults_of_the_design_serve);
	tcase_add_loop_test(tcase, a_value_in_its_range_is_taken, 0,
			    COUNT(taken));
	tcase_add_loop_test(tcase, a_value_out_of_its_range_is_bad_configuration,
			    0, COUNT(out_of_range));
	tcase_add_test(tcase, a_malformed_override_is_a_usage_error);
	tcase_add_test(tcase, a_file_may_be_written_in_many_ways);
	tcase_add_loop_test(tcase,
			    a_bad_file_is_refused_with_its_place_and_a_way_out,
			    0, COUNT(bad_files));
	tcase_add_test(tcase, a_nul_byte_in_a_file_hides_nothing);
	tcase_add_test(tcase,
		       a_line_may_be_long_and_a_longer_one_is_refused_not_cut);
	tcase_add_test(tcase, a_file_that_cannot_be_read_is_bad_configuration);
	tcase_add_test(tcase,
		       an_override_beats_the_file_and_a_later_one_an_earlier);
	tcase_add_test(tcase,
		       a_value_in_the_file_is_checked_even_if_it_is_overridden);
	tcase_add_test(tcase,
		       keys_let_it_listen_anywhere_and_systemd_may_hand_them_over);
	tcase_add_test(tcase, more_threads_than_descriptors_are_refused);
	tcase_add_test(tcase, listen_is_taken_apart);
	tcase_add_test(tcase,
		       a_reload_changes_what_may_change_and_names_the_rest);
	tcase_add_test(tcase, a_bad_reload_changes_nothing);
	tcase_add_test(tcase, settings_live_as_long_as_somebody_holds_them);
	tcase_add_test(tcase, the_state_directory_is_found_in_the_environment);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
