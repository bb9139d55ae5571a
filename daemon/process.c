#include "daemon/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval tv)
{
	return tv.tv_sec + tv.tv_usec / 1e6;
}

static double count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	double count = -3;		/* ".", ".." and the directory's own */

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static double resident(void)
{
	long size, pages = 0;
	FILE *from = fopen("/proc/self/statm", "re");

	if (!from)
		return 0;
	if (fscanf(from, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	fclose(from);
	return (double)pages * sysconf(_SC_PAGESIZE);
}

/* Field 22 of stat: clock ticks after boot. */
static double started(void)
{
	unsigned long long ticks = 0;
	struct timespec now, up;
	char line[1024], *rest;
	FILE *from = fopen("/proc/self/stat", "re");

	if (!from)
		return 0;
	if (fgets(line, sizeof(line), from) &&
	    (rest = strrchr(line, ')')) != NULL &&
	    sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			     "%*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ticks) != 1)
		ticks = 0;
	fclose(from);
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return (now.tv_sec - up.tv_sec) + (now.tv_nsec - up.tv_nsec) / 1e9 +
	       (double)ticks / sysconf(_SC_CLK_TCK);
}

void process_usage(struct process_usage *out)
{
	struct rusage usage;
	struct rlimit limit = { 0 };

	getrusage(RUSAGE_SELF, &usage);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	out->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	out->resident_bytes = resident();
	out->open_fds = count_fds();
	out->max_fds = limit.rlim_cur;
	out->start_s = started();
}
