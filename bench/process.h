/* process.h -- what /proc tells of a process: no tracing, so no slowing. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

double process_rss_mb(pid_t pid);		/* in 10^6 bytes */
/* How often its threads went to sleep by themselves, as often as they were
 * woken: all of them together. */
int64_t process_sleeps(pid_t pid);
/* Bytes it has sent towards the disk; -1: this kernel does not say. */
int64_t process_written(pid_t pid);
double process_thread_cpu_s(pid_t pid);		/* of its main thread */
double process_cpu_s(pid_t pid);		/* of all its threads */
size_t process_children(pid_t pid, pid_t *out, size_t max);

#endif
