/* client_probe.c -- what the tests of the library cannot do from Python.
 *
 *	client_probe torture URL	the Nth allocation fails, for every N
 *	client_probe threads URL N	8 clients in 8 threads, interrupted by a 9th
 *	client_probe signal URL		hg_interrupt() from a signal handler
 *	client_probe resolver		an interrupt while a name is looked up
 *	client_probe flat URL ROUNDS	memory and descriptors after many rounds
 *	client_probe circuit URL wait|refresh	a call beside a watch's probe
 *
 * Prints what it found and exits 0 if that is as it should be. */
#include <heygen-client.h>

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *url;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static hg_err new_client(int32_t use, hg_client **c)
{
	hg_client_options o;

	hg_client_options_init(&o, sizeof(o));
	o.base_url = url;
	o.use = use;
	o.delay_price = 1000;
	o.max_tries = 1;
	o.timeout_ms = 10000;
	o.api_key = "a-key-of-sixteen-bytes";
	return hg_client_new(&o, c);
}

/* --- torture --------------------------------------------------------------- */

static atomic_long allocations, fail_at, blocks;
static bool fail_on;		/* not only that one, but all behind it */

static void *counting_realloc(void *p, size_t n)
{
	long number = atomic_fetch_add(&allocations, 1) + 1;
	void *q;

	if (number == fail_at || (fail_on && fail_at && number > fail_at))
		return NULL;
	q = realloc(p, n);
	if (q && !p)
		atomic_fetch_add(&blocks, 1);
	return q;
}

static void counting_free(void *p)
{
	if (p)
		atomic_fetch_sub(&blocks, 1);
	free(p);
}

static int keep_going(void *user, const hg_job *job)
{
	(void)user;
	return hg_job_id(job) == NULL && hg_job_result_url(job) != NULL;
}

static hg_err try_submit(hg_client *c)
{
	static const char *const tags[] = { "one", "two", NULL };
	hg_request r;
	hg_job *j = NULL;
	hg_err err;

	hg_request_init(&r, sizeof(r));
	r.source_url = "https://example.com/a.mp4";
	r.title = "quotes \" and \\";
	r.tags = tags;
	r.not_before = 1;
	r.sim_fail_at = 0.5;
	err = hg_submit(c, &r, &j);
	hg_job_free(j);
	return err;
}

static hg_err try_submit_many(hg_client *c)
{
	const hg_request *many[3];
	hg_request r;
	hg_jobs *l = NULL;
	hg_err err;

	hg_request_init(&r, sizeof(r));
	many[0] = many[1] = many[2] = &r;
	err = hg_submit_many(c, many, 3, &l);
	hg_jobs_free(l);
	return err;
}

static hg_err try_wait(hg_client *c)
{
	hg_job *j = NULL;
	hg_err err = hg_job_new("a", &j);

	if (!err)
		err = hg_wait(c, j, 10000, keep_going, NULL);
	hg_job_free(j);
	return err;
}

static hg_err try_wait_many(hg_client *c)
{
	hg_job *j[3] = { NULL };
	hg_err err = hg_job_new("a", &j[0]);

	if (!err)
		err = hg_job_new("b", &j[1]);
	if (!err)
		err = hg_job_new("c", &j[2]);
	if (!err)
		err = hg_wait_many(c, j, 3, 0, 10000, keep_going, NULL);
	for (int i = 0; i < 3; i++)
		hg_job_free(j[i]);
	return err;
}

static hg_err try_verbs(hg_client *c)
{
	hg_job *j = NULL;
	hg_err err = hg_job_new("a", &j);

	if (!err)
		err = hg_refresh(c, j);
	if (!err)
		err = hg_pause(c, j);
	if (!err)
		err = hg_set_priority(c, j, -5);
	if (!err)
		err = hg_remove(c, j);
	hg_job_free(j);
	return err;
}

static hg_err try_lists(hg_client *c)
{
	hg_jobs *l = NULL;
	hg_events *e = NULL;
	hg_job *j = NULL;
	char *json = NULL;
	hg_err err = hg_list(c, "state=error&tag=ä b", "next", &l);

	if (!err)
		err = hg_job_new("a", &j);
	if (!err)
		err = hg_job_events(c, j, 3, &e);
	if (!err)
		err = hg_queue(c, NULL, &json);
	if (!err) {
		hg_free(json);
		json = NULL;
		err = hg_queue(c, "pause", &json);
	}
	hg_free(json);
	hg_events_free(e);
	hg_jobs_free(l);
	hg_job_free(j);
	return err;
}

static hg_err try_memory(hg_client *c)
{
	void *blob = NULL;
	size_t size = 0;
	hg_err err = try_wait(c);

	if (!err)
		err = hg_client_save(c, &blob, &size);
	if (!err)
		err = hg_client_load(c, blob, size);
	hg_free(blob);
	return err;
}

static hg_err try_watch(hg_client *c)
{
	hg_watch *w = NULL;
	size_t pending = 1;
	hg_err err = hg_watch_new(c, keep_going, NULL, &w);

	if (!err)
		err = hg_watch_add(w, "a");
	if (!err)
		err = hg_watch_add(w, "b");
	if (!err)
		err = hg_watch_drop(w, "a");
	while (!err && pending) {
		struct pollfd p = { .fd = hg_watch_fd(w), .events = POLLIN };

		err = hg_watch_step(w, &pending);
		if (!err && pending)
			poll(&p, 1, 5000);
	}
	hg_watch_free(w);
	return err;
}

static const struct {
	const char *name;
	int32_t use;
	hg_err (*run)(hg_client *c);
} scenarios[] = {
	{ "submit", 0, try_submit },
	{ "submit_many", 0, try_submit_many },
	{ "verbs", 0, try_verbs },
	{ "lists", 0, try_lists },
	{ "wait by a stream", HG_USE_SSE, try_wait },
	{ "wait by a hold", HG_USE_HOLD, try_wait },
	{ "wait by polls", HG_USE_ETA | HG_USE_HISTORY, try_wait },
	{ "many by a stream", HG_USE_SSE, try_wait_many },
	{ "many by holds", HG_USE_HOLD | HG_USE_BULK, try_wait_many },
	{ "many by bulk", HG_USE_BULK | HG_USE_HISTORY, try_wait_many },
	{ "many one by one", HG_USE_ETA, try_wait_many },
	{ "memory", HG_USE_HISTORY, try_memory },
	{ "watch", HG_USE_SSE, try_watch },
	{ "watch by polls", HG_USE_ETA, try_watch },
};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static hg_err scenario(size_t i)
{
	hg_client *c = NULL;
	hg_err err = new_client(scenarios[i].use, &c);

	if (!err)
		err = scenarios[i].run(c);
	hg_client_free(c);
	return err;
}

static int torture_one(size_t i)
{
	long base = blocks, n;
	hg_err err;

	for (n = 1; ; n++) {
		allocations = 0;
		fail_at = n;
		err = scenario(i);
		if (blocks != base) {
			printf("%s: allocation %ld of it: %ld blocks lost\n",
			       scenarios[i].name, n, blocks - base);
			return 1;
		}
		if (err != HG_OK && err != HG_ENOMEM) {
			printf("%s: allocation %ld of it: %s\n",
			       scenarios[i].name, n, hg_strerror(err));
			return 1;
		}
		if (allocations < n)
			break;
	}
	printf("%s: %ld allocations%s\n", scenarios[i].name, n - 1,
	       fail_on ? ", and all behind each" : "");
	return err != HG_OK;
}

static int torture(void)
{
	int bad = 0;

	hg_set_allocator(counting_realloc, counting_free);
	for (int on = 0; on < 2; on++) {
		fail_on = on;
		for (size_t i = 0; i < SCENARIOS; i++)
			/* waits sleep: once is enough for them */
			if (!on || (scenarios[i].run != try_wait &&
				    scenarios[i].run != try_wait_many))
				bad |= torture_one(i);
	}
	return bad;
}

/* --- threads --------------------------------------------------------------- */

#define THREADS 8

static hg_client *clients[THREADS];
static atomic_int running, rounds, interrupted, wrong;

static void *work(void *number)
{
	hg_client *c = clients[(intptr_t)number];
	hg_request r;

	hg_request_init(&r, sizeof(r));
	r.sim_duration_ms = 20;
	for (int i = 0; i < rounds; i++) {
		hg_job *j = NULL;
		hg_err err = hg_submit(c, &r, &j);

		if (!err)
			err = hg_wait(c, j, 20000, NULL, NULL);
		if (err == HG_EINTERRUPTED) {
			interrupted++;
		} else if (err) {
			printf("%s: %s\n", hg_strerror(err), hg_error_message(c));
			wrong++;
		}
		hg_job_free(j);
	}
	running--;
	return NULL;
}

static int threads(int n)
{
	static const struct timespec tick = { .tv_nsec = 3000000 };
	static const int32_t uses[] = { 0, HG_USE_HOLD, HG_USE_ETA, HG_USE_BULK };
	pthread_t ids[THREADS];

	rounds = n;
	for (int i = 0; i < THREADS; i++)
		if (new_client(uses[i % 4], &clients[i]))
			return 1;
	running = THREADS;
	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&ids[i], NULL, work, (void *)i);
	for (unsigned i = 0; running; i++) {
		if (i % 5 == 0)
			hg_interrupt(clients[i % THREADS]);
		else
			hg_notify(clients[i % THREADS], i % 2 ? "job-1" : NULL);
		(void)hg_strerror(HG_EPROTOCOL);
		nanosleep(&tick, NULL);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		hg_client_free(clients[i]);
	}
	printf("%d rounds each, %d interrupted, %d wrong\n", n, interrupted,
	       wrong);
	return wrong != 0;
}

/* --- signals, and names that take their time ------------------------------- */

static hg_client *to_interrupt;
static volatile sig_atomic_t fired_ms;
static int64_t began_ms, waited_ms;

/* How long this thread was ready to run and another had the processor: what
 * a busy machine adds to a promise in ms. */
static int64_t kept_waiting_ms(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "r");
	long long ran = 0, waited = 0;

	if (f && fscanf(f, "%lld %lld", &ran, &waited) != 2)
		waited = 0;
	if (f)
		fclose(f);
	return waited / 1000000;
}

static void on_alarm(int number)
{
	int saved = errno;

	(void)number;
	errno = EDOM;
	hg_interrupt(to_interrupt);
	if (errno != EDOM)
		abort();
	fired_ms = (sig_atomic_t)(now_ms() - began_ms);
	errno = saved;
}

static int expect_interrupt(hg_err err)
{
	int64_t took_ms = now_ms() - began_ms - fired_ms;
	int64_t late_ms = kept_waiting_ms() - waited_ms;

	printf("%s, %d ms after the interrupt, %d of them or less for want of a "
	       "processor\n", hg_strerror(err), (int)took_ms, (int)late_ms);
	return err != HG_EINTERRUPTED || took_ms - late_ms > 50;
}

static void alarm_in(int ms)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval when = { .it_value.tv_usec = ms * 1000L };

	waited_ms = kept_waiting_ms();
	began_ms = now_ms();
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

static int interrupt_by_signal(const char *id)
{
	hg_job *j;
	hg_err err;
	int bad;

	if (new_client(0, &to_interrupt) || hg_job_new(id, &j))
		return 1;
	alarm_in(200);
	err = hg_wait(to_interrupt, j, -1, NULL, NULL);
	bad = expect_interrupt(err);
	waited_ms = kept_waiting_ms();
	began_ms = now_ms();		/* closing must not block either */
	hg_client_free(to_interrupt);
	bad |= now_ms() - began_ms - (kept_waiting_ms() - waited_ms) > 50;
	hg_job_free(j);
	return bad;
}

/* Stands in front of the C library's: a resolver that hangs. */
int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **res)
{
	static const struct timespec nap = { .tv_sec = 2 };

	(void)node, (void)service, (void)hints, (void)res;
	nanosleep(&nap, NULL);
	return EAI_AGAIN;
}

static int interrupt_resolver(void)
{
	static const struct timespec nap = { .tv_sec = 2, .tv_nsec = 100000000 };
	int bad;

	url = "http://slow.example";
	bad = interrupt_by_signal("j");
	nanosleep(&nap, NULL);		/* its thread ends, and frees the rest */
	return bad;
}

/* --- many rounds ----------------------------------------------------------- */

/* A sanitizer keeps what was freed for a while. */
#ifndef __has_feature		/* clang's way to say it */
#define __has_feature(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GROWN_MAX_KIB 16384
#else
#define GROWN_MAX_KIB 1024
#endif

static long rss_kib(void)
{
	long pages = 0, unused;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &unused, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -1;		/* its own */

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static int flat(int n)
{
	long rss = 0, grown;
	int fds = 0, codes[20] = { 0 };
	hg_client *c;
	hg_job *j;

	if (new_client(HG_USE_ETA, &c))
		return 1;
	for (int i = 0; i < n; i++) {
		hg_err err;

		if (i == n / 10) {
			rss = rss_kib();
			fds = descriptors();
		}
		if (hg_job_new("a", &j))
			return 1;
		err = i % 2 ? hg_refresh(c, j) : hg_wait(c, j, 0, NULL, NULL);
		codes[-err]++;
		if (hg_job_result(j) == HG_ERROR || hg_job_err(j) == HG_EGONE)
			return 1;
		hg_job_free(j);
		if (i % 100 == 50) {	/* and whole clients */
			hg_client_free(c);
			if (new_client(HG_USE_ETA, &c))
				return 1;
		}
	}
	grown = rss_kib() - rss;
	printf("%d rounds: %ld KiB more, %d descriptors more;", n, grown,
	       descriptors() - fds);
	for (int i = 0; i < 20; i++)
		if (codes[i])
			printf(" %d x %d", codes[i], -i);
	printf("\n");
	fds = descriptors() - fds;
	hg_client_free(c);
	return grown > GROWN_MAX_KIB || fds > 1;
}

/* --- the circuit ----------------------------------------------------------- */

/* A watch that nobody steps any more has sent the probe; then comes a call.  The
 * clock is the caller's, who is told when the circuit is open. */
static int circuit(const char *call)
{
	hg_client *c;
	hg_watch *w;
	hg_job *j;
	hg_err err;

	if (new_client(HG_USE_ETA, &c) || hg_job_new("b", &j) ||
	    hg_watch_new(c, NULL, NULL, &w) || hg_watch_add(w, "a"))
		return 1;
	while ((err = hg_refresh(c, j)) == HG_EUNAVAILABLE)
		;
	if (err != HG_ECIRCUIT)
		return 1;
	puts("open");
	(void)getchar();
	err = hg_watch_step(w, NULL);
	if (!err)
		err = !strcmp(call, "wait") ? hg_wait(c, j, 3000, NULL, NULL)
					    : hg_refresh(c, j);
	printf("%s %s\n", hg_strerror(err), hg_error_message(c));
	hg_watch_free(w);
	hg_job_free(j);
	hg_client_free(c);
	return err != HG_OK;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "resolver"))
		return interrupt_resolver();
	if (argc < 3)
		return 2;
	url = argv[2];
	if (!strcmp(what, "torture"))
		return torture();
	if (!strcmp(what, "threads") && argc > 3)
		return threads(atoi(argv[3]));
	if (!strcmp(what, "signal"))
		return interrupt_by_signal("never");
	if (!strcmp(what, "flat") && argc > 3)
		return flat(atoi(argv[3]));
	if (!strcmp(what, "circuit") && argc > 3)
		return circuit(argv[3]);
	return 2;
}
