/* process.h -- what this process uses, for its page of metrics. */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

struct process_usage {
	double cpu_s;			/* user and system, all threads */
	double resident_bytes;
	double open_fds, max_fds;
	double start_s;			/* Unix time */
};

/* process_usage -- what cannot be learned is 0.  Any thread. */
void process_usage(struct process_usage *out);

#endif
