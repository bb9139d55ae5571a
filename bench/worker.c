/* bench/worker -- what many jobs cost one worker.
 *
 * Starts the real heygen-worker and gives it jobs in real time, plays the
 * daemon for some seconds, and prints what share of a core the worker took,
 * how late its records were, and its memory.  The yardstick is a bare loop in
 * the same run: one thread that does nothing but wake as often and send as
 * many packets. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/random.h"

#define LATE_MAX_US 200000		/* what is later counts as this late */

static struct options {
	unsigned jobs, seconds;
	int64_t interval_ms, duration_ms;
} options = { 100000, 10, 1000, 30000 };

static struct tally {
	uint64_t packets, records, ends, wakeups;
	unsigned late[LATE_MAX_US / 10 + 1];	/* by tens of microseconds */
	int64_t remains;
} tally;

static void die(const char *what)
{
	fprintf(stderr, "worker: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int64_t mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- the worker ----------------------------------------------------------- */

static pid_t start_worker(int *fd_out)
{
	const char *path = getenv("HEYGEN_WORKER");
	char *argv[] = { (char *)"heygen-worker", NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid;

	if (!path)
		path = "./heygen-worker";
	if (channel_pair(ends) < 0)
		die("channel_pair");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], CHANNEL_FD);
	errno = posix_spawn(&pid, path, &actions, NULL, argv, environ);
	if (errno)
		die(path);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	*fd_out = ends[0];
	return pid;
}

static double cpu_s(pid_t pid)
{
	clockid_t clock;
	struct timespec used;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &used) < 0)
		die("cpu clock");
	return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* A number of /proc/PID/status. */
static long status_of(pid_t pid, const char *field)
{
	char path[64], line[256];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	if (!file)
		die(path);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			value = atol(line + strlen(field) + 1);
	fclose(file);
	return value;
}

/* --- the daemon's side ---------------------------------------------------- */

static void count_record(const struct record *record, int64_t now_us)
{
	int64_t late;

	if (record->kind == RECORD_ALIVE)
		return;
	tally.records++;
	tally.ends += record->kind != RECORD_PROGRESS;
	late = now_us - record->at_ms * 1000;
	late = late < 0 ? 0 : late > LATE_MAX_US ? LATE_MAX_US : late;
	tally.late[late / 10]++;
}

/* Takes what comes until then. */
static void listen_until(int fd, int64_t end_us)
{
	static struct record_packet packet;

	for (int64_t now_us; (now_us = mono_us()) < end_us; ) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int count;

		if (poll(&ready, 1, (int)((end_us - now_us) / 1000 + 1)) > 0)
			tally.wakeups++;
		while ((count = channel_receive_records(fd, &packet)) > 0) {
			now_us = mono_us();
			tally.packets++;
			for (int i = 0; i < count; i++)
				count_record(&packet.records[i], now_us);
		}
		if (count != -EAGAIN) {
			errno = -count;
			die("the worker left");
		}
	}
}

static void send_some(int fd, struct order_packet *packet, unsigned count)
{
	int r;

	while ((r = channel_send_orders(fd, packet, count)) == -EAGAIN)
		listen_until(fd, mono_us() + 1000);
	if (r < 0) {
		errno = -r;
		die("send");
	}
}

static void send_orders(int fd)
{
	static struct order_packet packet;
	unsigned count = 2;

	packet.orders[0] = (struct order){
		.kind = ORDER_SETTINGS,
		.settings = {
			.seed = 1, .mean_ms = (double)options.duration_ms,
			.sigma = 0.8, .max_ms = 1e9, .eta_error = 0.2,
			.time_scale = 1, .distribution = DISTRIBUTION_UNIFORM,
			.progress_interval_ms = options.interval_ms
		}
	};
	packet.orders[0].settings.min_ms = (double)options.duration_ms / 2;
	packet.orders[0].settings.max_ms = (double)options.duration_ms * 1.5;
	packet.orders[1] = (struct order){
		.kind = ORDER_CLOCK,
		.clock = { .now_ms = mono_us() / 1000, .tick = 1, .rate = 1 }
	};
	for (unsigned i = 0; i < options.jobs; i++) {
		packet.orders[count++] = (struct order){
			.kind = ORDER_RUN, .run = 1, .slot = i, .job_seq = i,
			.start = { .key = i, .attempt = 1 }
		};
		if (count == CHANNEL_BATCH) {
			send_some(fd, &packet, count);
			count = 0;
		}
	}
	if (count > 0)
		send_some(fd, &packet, count);
}

/* --- the yardstick -------------------------------------------------------- */

/* The share of a core that the same wake-ups and packets cost alone. */
static double yardstick(uint64_t wakeups, uint64_t packets, uint64_t records)
{
	static struct record_packet packet;
	unsigned size = packets ? (unsigned)(records / packets) : 1;
	struct timespec before, after, pause = { .tv_nsec = 1 };
	int ends[2];

	if (channel_pair(ends) < 0)
		die("channel_pair");
	size = size < 1 ? 1 : size > CHANNEL_BATCH ? CHANNEL_BATCH : size;
	for (unsigned i = 0; i < size; i++)
		packet.records[i] = (struct record){
			.kind = RECORD_PROGRESS, .stage = STAGE_RENDER
		};
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (uint64_t i = 0; i < packets; i++) {
		if (i * wakeups / packets != (i + 1) * wakeups / packets)
			nanosleep(&pause, NULL);
		if (channel_send_records(ends[0], &packet, size) < 0)
			die("send");
		(void)!recv(ends[1], &packet, sizeof(packet), 0);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	close(ends[0]);
	close(ends[1]);
	return ((double)(after.tv_sec - before.tv_sec) +
		(double)(after.tv_nsec - before.tv_nsec) * 1e-9) /
	       options.seconds;
}

static double late_ms(double share)
{
	uint64_t left = (uint64_t)((double)tally.records * share);

	for (int i = 0; i <= LATE_MAX_US / 10; i++) {
		if (tally.late[i] > left)
			return i / 100.0;
		left -= tally.late[i];
	}
	return LATE_MAX_US / 1000.0;
}

static void report(pid_t pid, double used_s, long switches)
{
	double core = used_s / options.seconds, bare;

	printf("jobs                    %u, a record each %lld ms\n",
	       options.jobs, (long long)options.interval_ms);
	printf("records                 %.0f/s, %.1f a packet, %llu jobs ended\n",
	       (double)tally.records / options.seconds,
	       (double)tally.records / (double)tally.packets,
	       (unsigned long long)tally.ends);
	printf("wake-ups                %.1f/s\n",
	       (double)switches / options.seconds);
	printf("late p50 p99 max        %.2f %.2f %.2f ms\n", late_ms(0.5),
	       late_ms(0.99), late_ms(1 - 1e-9));
	printf("memory                  %.1f MB\n",
	       (double)status_of(pid, "VmRSS:") * 1024 / 1e6);
	bare = yardstick((uint64_t)switches, tally.packets, tally.records);
	printf("share of a core         %.1f %%, %.2f x bare wake-ups and "
	       "packets\n", core * 100, core / bare);
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value < 1 || value > 1000000000) {
		fprintf(stderr, "worker: not a number from 1 up: %s\n", text);
		exit(64);
	}
	return (unsigned)value;
}

int main(int argc, char **argv)
{
	double before;
	long switches;
	int fd, status;
	pid_t pid;

	if (argc > 5 || (argc > 1 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: worker [JOBS [SECONDS [INTERVAL_MS "
			"[DURATION_MS]]]]\n");
		return 64;
	}
	options.jobs = argc > 1 ? number(argv[1]) : options.jobs;
	options.seconds = argc > 2 ? number(argv[2]) : options.seconds;
	options.interval_ms = argc > 3 ? number(argv[3]) : options.interval_ms;
	options.duration_ms = argc > 4 ? number(argv[4]) : options.duration_ms;
	pid = start_worker(&fd);
	send_orders(fd);
	listen_until(fd, mono_us() + 1000000);
	memset(&tally, 0, sizeof(tally));
	before = cpu_s(pid);
	switches = status_of(pid, "voluntary_ctxt_switches:");
	listen_until(fd, mono_us() + options.seconds * INT64_C(1000000));
	report(pid, cpu_s(pid) - before,
	       status_of(pid, "voluntary_ctxt_switches:") - switches);
	close(fd);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("the worker did not leave well");
	return EXIT_SUCCESS;
}
