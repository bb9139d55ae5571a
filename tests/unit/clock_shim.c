/* clock_shim.c -- a wall clock that a test can set, for a program that runs.
 *
 *	LD_PRELOAD=.../test_clock_shim.so HEYGEND_TEST_CLOCK=FILE heygend ...
 *
 * FILE holds an int64_t: how many ms the wall clock is off, and perhaps one
 * more: how many ms the monotonic clock is ahead.  It is mapped, so
 * writing to it sets the clock of every process that has it at once.  Nobody
 * is told, unlike by a real step: a timer with TFD_TIMER_CANCEL_ON_SET does
 * not see it. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define WALL 0
#define MONO 1

static _Atomic int64_t none[2];
static _Atomic int64_t *off_ms = none;

__attribute__((constructor))
static void open_file(void)
{
	const char *path = getenv("HEYGEND_TEST_CLOCK");
	void *at;
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	/* behind the end of the file the page is zero */
	at = mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	off_ms = at;
	close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int64_t ns, off;

	if (syscall(SYS_clock_gettime, id, t) < 0)
		return -1;
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		off = atomic_load(&off_ms[WALL]);
	else if (id == CLOCK_MONOTONIC)
		off = atomic_load(&off_ms[MONO]);
	else
		return 0;
	ns = t->tv_nsec + off % 1000 * 1000000;
	t->tv_sec += off / 1000 + (ns >= 1000000000) - (ns < 0);
	t->tv_nsec = (ns + 1000000000) % 1000000000;
	return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}
