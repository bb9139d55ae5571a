/* heygend -- the daemon: puts its parts together, and takes them apart. */
#include "config.h"

#include "core/clock.h"
#include "core/log.h"
#include "daemon/engine_main.h"
#include "daemon/http.h"
#include "daemon/keys.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/reader.h"
#include "daemon/state_dir.h"
#include "daemon/store.h"
#include "daemon/store_tools.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DRAIN_STEP_MS 50
#define STATUS_EVERY_MS 1000
/* What a stop takes besides draining: the last transaction, a checkpoint. */
#define STOP_BESIDE_MS 20000
/* Blocks from this size on go back to the system when they are freed: big
 * lists and the positions of a thousand long polls leave no trace. */
#define MAPPED_BYTES (64 << 10)
/* Each arena keeps its peak: with one for each core and eight more, as the C
 * library has them, chance makes memory rise for hours. */
#define ARENAS 1

struct heygend {
	const struct options *options;
	const char *config_path;	/* NULL: none */
	const struct settings *settings;
	int lock_fd;
	struct store *store;
	struct reader *reader;
	struct engine *engine;
	struct keys *keys;		/* NULL: nobody needs one */
	struct http *http;
	pthread_t stopper;		/* waits for the stop */
	sem_t stop_asked;
	int64_t drain_ms;		/* settled when it is asked */
	bool stopping;
	int64_t watchdog_ms;		/* 0: there is none */
	int64_t alive_at_ms, looked_at_ms;
	int64_t shown_running, shown_queued;
};

static int complain(int status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(int status, const char *format, ...)
{
	va_list args;

	if (log_is_marked())
		fputs("<3>", stderr);
	fputs("heygend: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

/* --- settings --------------------------------------------------------------------- */

/* Where there is no file the state goes where the user's state goes. */
static int default_state_dir(struct options *o, char *text, size_t size)
{
	char dir[PATH_MAX];

	if (!settings_state_dir(dir, sizeof(dir)))
		return 0;		/* the table's default stands */
	snprintf(text, size, "store.state_dir=%s", dir);
	if (o->override_count == OPTIONS_OVERRIDES)
		return complain(EX_USAGE, "too many settings on the command line");
	/* first, so that any other one wins */
	memmove(o->overrides + 1, o->overrides,
		o->override_count * sizeof(*o->overrides));
	o->overrides[0] = text;
	o->override_count++;
	return 0;
}

static int load_settings(struct heygend *h, struct options *o)
{
	static char state_dir[PATH_MAX + 32];
	struct settings_error error;

	h->options = o;
	h->config_path = o->config;
	if (!h->config_path && access(SETTINGS_FILE, F_OK) == 0)
		h->config_path = SETTINGS_FILE;
	if (!h->config_path) {
		int status = default_state_dir(o, state_dir,
					       sizeof(state_dir));

		if (status)
			return status;
	}
	if (settings_load(h->config_path, o->overrides, o->override_count,
			  &h->settings, &error) < 0)
		return complain(error.exit_status, "%s", error.message);
	log_set_level(h->settings->log_level);
	return 0;
}

static int load_keys(struct heygend *h)
{
	char message[PATH_MAX + 256];

	if (keys_load(h->settings->http_api_key_file, &h->keys, message,
		      sizeof(message)) < 0)
		return complain(EX_CONFIG, "%s", message);
	return 0;
}

static void reload(void *user)
{
	struct heygend *h = user;
	const struct settings *fresh;
	struct settings_error error;
	char kept[1024];

	if (h->stopping) {
		/* the manager has been told of the stop, and waits for that */
		log_warning("settings.refused", "error=%s",
			    LOG_QUOTE("heygend is stopping"));
		return;
	}
	notify_reloading();
	if (settings_reload(h->settings, h->config_path,
			    h->options->overrides, h->options->override_count,
			    &fresh, kept, sizeof(kept), &error) < 0) {
		log_error("settings.refused", "error=%s",
			  LOG_QUOTE(error.message));
		notify_ready();
		return;
	}
	if (kept[0])
		log_warning("settings.kept_until_restart", "keys=%s",
			    LOG_QUOTE(kept));
	settings_unref(h->settings);
	h->settings = fresh;
	log_set_level(fresh->log_level);
	engine_set_settings(h->engine, fresh);
	log_info("settings.reloaded", NULL);
	notify_ready();
}

/* --- the process ---------------------------------------------------------------------- */

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* a peer that left, a file that may not grow: errors, not deaths */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static int raise_descriptors(const struct settings *s)
{
	rlim_t need = (rlim_t)settings_descriptors(s);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return complain(EXIT_FAILURE, "getrlimit: %s",
				strerror(errno));
	if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < need * 4) {
		limit.rlim_cur = limit.rlim_max < need * 4 ? limit.rlim_max
							   : need * 4;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < need)
		return complain(EX_CONFIG,
				"http.threads = %" PRId64
				" needs %ju file descriptors, and the limit "
				"(ulimit -n) is %ju",
				s->http_threads, (uintmax_t)need,
				(uintmax_t)limit.rlim_cur);
	return 0;
}

static const char *worker_path(void)
{
	const char *path = getenv("HEYGEN_WORKER");

	return path && *path ? path : PKGLIBEXECDIR "/heygen-worker";
}

/* --- stopping ------------------------------------------------------------------------------ */

/* Beside the main thread, which goes on turning until all is answered. */
static void *stop_http(void *user)
{
	struct heygend *h = user;
	bool drained = false;
	int64_t until;

	while (sem_wait(&h->stop_asked) < 0)
		;			/* interrupted */
	until = clock_real_mono_ms() + h->drain_ms;
	while (!drained && clock_real_mono_ms() < until)
		drained = http_drained(h->http, DRAIN_STEP_MS);
	if (!drained)
		log_warning("http.not_drained", NULL);
	http_stop(h->http);
	h->http = NULL;
	engine_quit(h->engine);
	return NULL;
}

static void stop(void *user)
{
	struct heygend *h = user;

	log_info("daemon.stopping", NULL);
	h->drain_ms = h->settings->http_drain_s * 1000;
	notify_stopping(h->drain_ms + STOP_BESIDE_MS);
	h->stopping = true;
	http_drain_begin(h->http);
	engine_drain(h->engine);
	sem_post(&h->stop_asked);
}

/* Its thread is there from the start: nothing may be missing at the end. */
static int prepare_stop(struct heygend *h)
{
	int error;

	sem_init(&h->stop_asked, 0, 0);
	error = pthread_create(&h->stopper, NULL, stop_http, h);
	if (error != 0)
		return complain(EXIT_FAILURE, "cannot start a thread: %s",
				strerror(error));
	return 0;
}

/* --- serving ----------------------------------------------------------------------------------- */

/* Turns may be thousands a second, and the manager reads every message: it
 * is told a few times in the watchdog's span, and at most once a second how
 * many jobs there are.  When to come back for that. */
static int64_t feed_watchdog(struct heygend *h, int64_t now)
{
	if (h->watchdog_ms == 0)
		return INT64_MAX;
	if (now - h->alive_at_ms >= h->watchdog_ms / 6) {
		notify_alive();
		h->alive_at_ms = now;
	}
	return h->alive_at_ms + h->watchdog_ms / 3;
}

static int64_t show_status(struct heygend *h, int64_t now)
{
	struct queue_info info;

	if (now - h->looked_at_ms < STATUS_EVERY_MS)
		return h->looked_at_ms + STATUS_EVERY_MS;
	h->looked_at_ms = now;
	board_queue_info(engine_board(h->engine), &info);
	if (info.running == h->shown_running && info.queued == h->shown_queued)
		return INT64_MAX;
	h->shown_running = info.running;
	h->shown_queued = info.queued;
	notify_status(info.running, info.queued);
	return INT64_MAX;
}

static int64_t turned(void *user)
{
	struct heygend *h = user;
	int64_t now = clock_real_mono_ms();
	int64_t feed_at = feed_watchdog(h, now), show_at = show_status(h, now);

	return feed_at < show_at ? feed_at : show_at;
}

static int open_store(struct heygend *h)
{
	const char *dir = h->settings->store_state_dir, *why;
	char message[PATH_MAX + 256];

	h->lock_fd = state_dir_open(dir, message, sizeof(message));
	if (h->lock_fd == -EBUSY)
		return complain(EX_TEMPFAIL, "%s", message);
	if (h->lock_fd < 0)
		return complain(EXIT_FAILURE, "%s", message);
	if (store_open(&h->store, dir, &why) < 0)
		return complain(EXIT_FAILURE, "%s/%s: %s", dir, STORE_FILE,
				why);
	return 0;
}

static int start(struct heygend *h)
{
	char address[SETTINGS_ADDRESS_SIZE], message[512];
	int port, r;

	if (engine_new(&h->engine, h->settings, h->store, worker_path()) < 0)
		return complain(EXIT_FAILURE, "cannot start the engine");
	r = reader_open(&h->reader, h->settings->store_state_dir);
	if (r < 0)
		return complain(EXIT_FAILURE, "cannot read the store: %s",
				strerror(-r));
	r = http_start(&h->http, h->engine, h->reader, h->settings, h->keys,
		       address, &port, message, sizeof(message));
	if (r < 0)
		return complain(r == -EINVAL ? EX_CONFIG : EXIT_FAILURE, "%s",
				message);
	r = prepare_stop(h);
	if (r != 0)
		return r;
	printf("heygend: ready http://%s:%d\n", address, port);
	fflush(stdout);
	log_info("daemon.ready", "address=%s port=%d version=%s", address,
		 port, PACKAGE_VERSION);
	notify_ready();
	return 0;
}

static int serve(struct heygend *h)
{
	struct engine_hooks hooks = { h, reload, stop, turned };
	int status;

	if (h->settings->test_clock == TEST_CLOCK_MANUAL)
		clock_set_manual(clock_real_wall_ms());
	umask(027);
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
	(void)mallopt(M_ARENA_MAX, ARENAS);
	block_signals();
	h->watchdog_ms = notify_watchdog_ms();
	status = raise_descriptors(h->settings);
	if (status == 0)
		status = load_keys(h);
	if (status == 0)
		status = open_store(h);
	if (status == 0)
		status = start(h);
	if (status == 0)
		status = engine_run(h->engine, &hooks);
	if (status == EXIT_FAILURE && h->http)
		quick_exit(status);	/* threads wait for an engine that is no more */
	if (h->stopping)
		pthread_join(h->stopper, NULL);
	engine_free(h->engine);
	reader_close(h->reader);
	store_close(h->store);
	if (h->lock_fd >= 0)
		close(h->lock_fd);
	if (status == 0)
		log_info("daemon.stopped", NULL);
	return status;
}

/* --- the other things it can do ------------------------------------------------------------- */

static int backup(const struct heygend *h)
{
	char message[512];

	if (store_backup(h->settings->store_state_dir, h->options->file,
			 message, sizeof(message)) < 0)
		return complain(EXIT_FAILURE, "%s", message);
	return 0;
}

static int check_store(const struct heygend *h)
{
	char message[512];

	if (store_check(h->settings->store_state_dir, message,
			sizeof(message)) < 0)
		return complain(EXIT_FAILURE, "%s", message);
	printf("%s\n", message);
	return 0;
}

static int act(struct heygend *h, struct options *o)
{
	int status;

	if (o->action == ACTION_HELP) {
		options_help();
		return 0;
	}
	if (o->action == ACTION_VERSION) {
		printf("heygend %s\n", PACKAGE_VERSION);
		return 0;
	}
	status = load_settings(h, o);
	if (status)
		return status;
	switch (o->action) {
	case ACTION_CHECK_CONFIG:
		status = load_keys(h);
		if (status == 0)
			printf("%s is good\n", o->config);
		return status;
	case ACTION_PRINT_CONFIG:
		settings_print(h->settings, stdout);
		return 0;
	case ACTION_BACKUP:
		return backup(h);
	case ACTION_CHECK_STORE:
		return check_store(h);
	default:
		return serve(h);
	}
}

int main(int argc, char **argv)
{
	struct heygend h = { .lock_fd = -1, .shown_running = -1 };
	struct options o;
	int status = options_parse(&o, argc, argv);

	if (!o.foreground)
		log_open();
	if (status == 0)
		status = act(&h, &o);
	keys_free(h.keys);
	settings_unref(h.settings);
	options_clear(&o);
	if (fflush(stdout) != 0 && status == 0)
		status = EXIT_FAILURE;
	return status;
}
