#include "config.h"

#include "bench/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The number behind a name in a file of lines; -1: it is not there. */
static int64_t number_in(const char *path, const char *name)
{
	size_t length = strlen(name);
	long long value = -1;
	FILE *from = fopen(path, "r");
	char line[256];

	while (from && fgets(line, sizeof(line), from))
		if (strncmp(line, name, length) == 0 &&
		    sscanf(line + length, ": %lld", &value) == 1)
			break;
	if (from)
		fclose(from);
	return value;
}

double process_rss_mb(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return (double)number_in(path, "VmRSS") * 1024 / 1e6;
}

int64_t process_written(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	return number_in(path, "write_bytes");
}

/* Adds up what one says of each thread. */
static int64_t of_threads(pid_t pid, int64_t (*one)(pid_t pid, const char *tid))
{
	struct dirent *entry;
	char path[64];
	int64_t sum = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		int64_t n = *entry->d_name == '.' ? 0
						  : one(pid, entry->d_name);

		sum += n > 0 ? n : 0;
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

static int64_t sleeps_of(pid_t pid, const char *tid)
{
	char path[320];

	snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, tid);
	return number_in(path, "voluntary_ctxt_switches");
}

int64_t process_sleeps(pid_t pid)
{
	return of_threads(pid, sleeps_of);
}

/* In nanoseconds: the ticks of `stat` miss what sleeps before each of them. */
static int64_t cpu_ns_of(pid_t pid, const char *tid)
{
	long long ns = -1;
	char path[320];
	FILE *from;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid,
		 tid);
	from = fopen(path, "r");
	if (from && fscanf(from, "%lld", &ns) != 1)
		ns = -1;
	if (from)
		fclose(from);
	return ns;
}

double process_thread_cpu_s(pid_t pid)
{
	char tid[16];

	snprintf(tid, sizeof(tid), "%d", (int)pid);
	return (double)cpu_ns_of(pid, tid) / 1e9;
}

double process_cpu_s(pid_t pid)
{
	return (double)of_threads(pid, cpu_ns_of) / 1e9;
}

size_t process_children(pid_t pid, pid_t *out, size_t max)
{
	char path[64];
	size_t count = 0;
	FILE *from;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid,
		 (int)pid);
	from = fopen(path, "r");
	while (from && count < max && fscanf(from, "%d", &child) == 1)
		out[count++] = child;
	if (from)
		fclose(from);
	return count;
}
